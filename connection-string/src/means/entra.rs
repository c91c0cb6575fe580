//! Microsoft Entra ID: the words of `Authentication` and `fedauth`, and what each source needs.

use crate::given::Given;
use crate::grammar::Pair;
use crate::keywords::Means;

/// How somebody logs in, by the word that says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Sql,
    Ntlm,
    /// `database.login = entra`, with this source.
    Entra(Source),
    /// The reason with its mend.
    Refused(&'static str),
}

/// `entra.source`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Auto,
    /// `ActiveDirectoryEnvironment`, whose variables are among those that `auto` looks at.
    Environment,
    /// dbhub's, whose token comes from the default chain.
    DefaultToken,
    ManagedIdentity,
    WorkloadIdentity,
    Principal,
    Certificate,
    AzureCli,
    Azd,
    DeviceCode,
}

const WORDS: &str = "it takes SqlPassword, or Active Directory and one of Default, Managed Identity, \
                     Service Principal, Workload Identity and Device Code Flow";

// === impl Way ===

impl Way {
    /// `short` words stand without `ActiveDirectory`, as some write `fedauth`. None is what says
    /// nothing.
    pub(super) fn read(text: &str, short: bool) -> Option<Self> {
        let kept = text.chars().filter(|c| !matches!(c, ' ' | '-' | '_'));
        let word: String = kept.map(|c| c.to_ascii_lowercase()).collect();
        match word.as_str() {
            "notspecified" => return None,
            "sqlpassword" => return Some(Self::Sql),
            "default" if !short => return Some(Self::Sql),
            "ntlm" => return Some(Self::Ntlm),
            _ => {}
        }
        let tediouss = word.strip_prefix("azureactivedirectory");
        let source = tediouss.or_else(|| word.strip_prefix("activedirectory"));
        let Some(source) = source.or(short.then_some(word.as_str())) else {
            return Some(Self::Refused(WORDS));
        };
        Some(match source {
            "default" => Self::Entra(Source::Auto),
            "environment" => Self::Entra(Source::Environment),
            "accesstoken" if tediouss.is_some() => Self::Entra(Source::DefaultToken),
            "managedidentity" | "msi" | "msivm" | "msiappservice" => {
                Self::Entra(Source::ManagedIdentity)
            }
            "workloadidentity" => Self::Entra(Source::WorkloadIdentity),
            "serviceprincipal" | "application" | "serviceprincipalsecret" => {
                Self::Entra(Source::Principal)
            }
            "serviceprincipalcertificate" => Self::Entra(Source::Certificate),
            "azcli" => Self::Entra(Source::AzureCli),
            "azuredevelopercli" => Self::Entra(Source::Azd),
            "devicecode" | "devicecodeflow" => Self::Entra(Source::DeviceCode),
            other => Self::Refused(refusal(other)),
        })
    }
}

/// Why a way is not gone here, and which one is instead.
fn refusal(word: &str) -> &'static str {
    match word {
        "interactive" => {
            "no browser is opened here: write Active Directory Device Code Flow, or sign in with az login \
             and set entra.source = azure-cli"
        }
        "password" => {
            "passwords of people are not sent to Microsoft Entra ID, which asks for a second factor: use \
             a service principal, a managed identity, or entra.source = azure-cli"
        }
        "integrated" => {
            "tokens are not fetched by a Windows account here: use Active Directory Default, or \
             Integrated Security for a login by Kerberos"
        }
        "serviceprincipalaccesstoken" | "accesstoken" => {
            "a token expires within hours: have it written into a file, and set entra.source = token-file"
        }
        "azurepipelines" => {
            "tokens of Azure Pipelines are not fetched here: run within an AzureCLI task, and set \
             entra.source = azure-cli"
        }
        "clientassertion" => {
            "an assertion expires within minutes: have it written into a file, and use Active Directory \
             Workload Identity"
        }
        "onbehalfof" => {
            "no token of a person is exchanged here: use a service principal or a managed identity"
        }
        _ => WORDS,
    }
}

// === impl Source ===

impl Source {
    fn setting(self) -> &'static str {
        match self {
            Self::Auto | Self::Environment | Self::DefaultToken => "auto",
            Self::ManagedIdentity => "managed-identity",
            Self::WorkloadIdentity => "workload-identity",
            Self::Principal => "client-secret",
            Self::Certificate => "client-certificate",
            Self::AzureCli => "azure-cli",
            Self::Azd => "azd",
            Self::DeviceCode => "device-code",
        }
    }
}

pub(super) fn set(given: &mut Given, key: &str, source: Source) {
    given.set("database.login", "entra");
    given.ignore(Means::Domain, "not used: it belongs to a Windows account");
    match source {
        Source::Principal | Source::Certificate => return principal(given, source),
        Source::Environment => {
            given.note(key, "taken as auto, which looks at the same variables, among others")
        }
        Source::DefaultToken => {
            given.note(key, "taken as auto: the token is fetched here, as by dbhub")
        }
        _ => {}
    }
    given.set("entra.source", source.setting());
    match source {
        Source::Auto | Source::ManagedIdentity => {
            let own = given.take(Means::ClientId);
            let user = given.take(Means::User);
            if let (Some(_), Some(user)) = (&own, &user) {
                given.note(
                    user.key.trim(),
                    "not used: the client id stands in a keyword of its own",
                );
            }
            if let Some(pair) = own.or(user) {
                client(given, &pair, false);
            }
        }
        Source::WorkloadIdentity => {
            if let Some(pair) = given.take(Means::User) {
                client(given, &pair, true);
            }
        }
        Source::DeviceCode => {
            if let Some(pair) = given.take(Means::ClientId) {
                client(given, &pair, false);
            }
        }
        _ => {}
    }
    given.ignore(Means::User, "not used: whoever signs in at this source is the user");
    given.ignore(Means::Password, "not used: this source needs none");
}

/// `CLIENT` or `CLIENT@TENANT`; a source whose tenant is not asked for may have the name of a person
/// there, which is no client.
fn client(given: &mut Given, pair: &Pair, with_tenant: bool) {
    let (text, key) = (pair.value.trim(), pair.key.trim());
    let (client, tenant) = match text.split_once('@') {
        Some((client, tenant)) if !client.is_empty() && !tenant.is_empty() => {
            (client, Some(tenant))
        }
        _ => (text, None),
    };
    if tenant.is_some() && !with_tenant && !is_uuid(client) {
        return given.note(key, "not used: it is no client id, and this source has no other user");
    }
    let plain =
        |t: &str| t.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
    if !plain(client) || !tenant.is_none_or(plain) {
        return given.problem(format!(
            "{key}: expected a client id, or CLIENT@TENANT for a service principal"
        ));
    }
    if let Some(tenant) = tenant.filter(|_| with_tenant) {
        given.set("entra.tenant", tenant);
    }
    given.set("entra.client_id", client);
}

/// As Microsoft Entra ID has its ids (RFC 9562 §4).
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        })
}

/// The application's id is the user, its secret the password; or its certificate is in a file.
fn principal(given: &mut Given, source: Source) {
    let certificate = given.take(Means::ClientCertificate);
    let source = if certificate.is_some() { Source::Certificate } else { source };
    given.set("entra.source", source.setting());
    let own = given.take(Means::PrincipalId);
    let user = given.take(Means::User);
    match own.or(user) {
        Some(pair) => client(given, &pair, true),
        None => given
            .problem("User ID: a service principal needs its client id there, or CLIENT@TENANT"),
    }
    if source == Source::Certificate {
        match certificate {
            Some(pair) => given.set_text("entra.certificate_file", &pair),
            None => given.problem(
                "clientCertificate: the file of the certificate is missing: name it there",
            ),
        }
        let why = "not used: entra.certificate_file holds the key beside the certificate, without a \
                   password";
        given.ignore(Means::Password, why);
        given.ignore(Means::PrincipalSecret, why);
        return;
    }
    let own = given.take(Means::PrincipalSecret);
    match given.take(Means::Password).or(own) {
        Some(pair) => given.set("entra.client_secret", pair.value),
        None => given.note(
            "Password",
            "the string has no secret of the service principal: set entra.client_secret or \
             entra.certificate_file beside it",
        ),
    }
}
