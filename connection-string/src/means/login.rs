//! As whom: `database.login`, `.user`, `.password`. What is Microsoft Entra ID's is in `entra`.

use super::entra::{self, Way};
use crate::form::{Form, Scheme};
use crate::given::Given;
use crate::grammar::Pair;
use crate::keywords::Means;
use crate::values::boolean;

/// Who proves a Windows account.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Windows {
    Kerberos,
    Ntlm,
}

pub(super) fn set(given: &mut Given) {
    for means in [Means::User, Means::Password, Means::PrincipalId, Means::PrincipalSecret] {
        placeholder(given, means);
    }
    let integrated = integrated(given);
    let windows = scheme(given, integrated);
    let way = way(given);
    match (way, windows) {
        (Some((key, _)), Some(_)) => given.problem(format!(
            "{key}: it excludes Integrated Security, Trusted_Connection and an authenticator: leave one out"
        )),
        (Some((key, Way::Entra(source))), None) => entra::set(given, &key, source),
        (Some((key, Way::Refused(why))), None) => given.problem(format!("{key}: {why}")),
        (Some((_, Way::Ntlm)), None) | (None, Some(Windows::Ntlm)) => ntlm(given),
        (Some((_, Way::Sql)), None) => {
            given.set("database.login", "sql");
            by_password(given);
        }
        (None, Some(Windows::Kerberos)) => kerberos(given),
        // SQLAlchemy writes Trusted_Connection=Yes where there is nobody.
        (None, None) if given.scheme == Scheme::SqlAlchemy && !given.has(Means::User) => {
            kerberos(given);
        }
        (None, None) => by_domain(given),
    }
    left_over(given);
}

/// A text of the Azure portal or of a page, which stands where the value belongs.
fn placeholder(given: &mut Given, means: Means) {
    let Some(pair) = given.peek(means) else { return };
    let key = pair.key.trim().to_owned();
    let value = pair.value.trim();
    let bare = value.trim_matches(['{', '}']).to_ascii_lowercase();
    let named = |open: &str, close: &str| {
        let inside = value.strip_prefix(open).and_then(|v| v.strip_suffix(close));
        inside.is_some_and(|i| {
            !i.is_empty() && i.chars().all(|c| c.is_ascii_alphanumeric() || " _-".contains(c))
        })
    };
    if matches!(
        bare.as_str(),
        "your_password"
            | "your_password_here"
            | "your_username"
            | "your_username_here"
            | "your_user"
    ) || named("<", ">")
        || named("{your", "}")
    {
        if means == Means::Password {
            // Many keep it beside the string; whether they do is for the settings to say.
            return given
                .ignore(means, "a placeholder: the password belongs there, or beside the string");
        }
        given.problem(format!(
            "{key}: a placeholder stands where the value belongs: write it there"
        ));
    } else if named("${", "}") {
        given.problem(format!(
            "{key}: a variable stands where the value belongs, and none is expanded here: write the value"
        ));
    } else if value.len() > 2 && value.chars().all(|c| matches!(c, '*' | '•')) {
        given.problem(format!("{key}: it was blanked where it was copied: write the value"));
    }
}

/// Whether the drivers would log in as the Windows account of the process.
fn integrated(given: &mut Given) -> bool {
    let Some(pair) = given.take(Means::Integrated) else { return false };
    if pair.value.trim().eq_ignore_ascii_case("sspi") && given.form != Form::Jdbc {
        return true;
    }
    boolean(given, &pair.value).unwrap_or_else(|| {
        given.problem(format!(
            "{}: it takes {} in this form ({})",
            pair.key.trim(),
            match given.form {
                Form::AdoNet => "true, false, yes, no or SSPI",
                Form::Odbc => "yes or no",
                Form::Jdbc => "true or false",
                Form::Url => "true, false, yes, no or SSPI",
            },
            given.form
        ));
        false
    })
}

/// The scheme of JDBC counts with `integratedSecurity` alone; the authenticator of go-mssqldb by
/// itself.
fn scheme(given: &mut Given, integrated: bool) -> Option<Windows> {
    let mut windows = integrated.then_some(Windows::Kerberos);
    if let Some(pair) = given.take(Means::Scheme) {
        let key = pair.key.trim();
        match pair.value.trim().to_ascii_lowercase().as_str() {
            "ntlm" | "nativeauthentication" | "javakerberos" if !integrated => {
                given.note(key, "it counts with integratedSecurity=true alone, as in JDBC");
            }
            "ntlm" => windows = Some(Windows::Ntlm),
            "nativeauthentication" | "javakerberos" => {}
            _ => {
                given.problem(format!("{key}: it takes NativeAuthentication, JavaKerberos or NTLM"))
            }
        }
    }
    if let Some(pair) = given.take(Means::Authenticator) {
        let key = pair.key.trim();
        match pair.value.trim().to_ascii_lowercase().as_str() {
            "ntlm" => windows = Some(Windows::Ntlm),
            "krb5" | "winsspi" => windows = Some(Windows::Kerberos),
            _ => given.problem(format!("{key}: it takes ntlm, krb5 or winsspi")),
        }
    }
    windows
}

/// What `Authentication` or `fedauth` says, with its keyword; none where neither decides.
fn way(given: &mut Given) -> Option<(String, Way)> {
    let authentication = given.take(Means::Authentication);
    let fedauth = given.take(Means::FedAuth);
    if let (Some(_), Some(pair)) = (&authentication, &fedauth) {
        given.problem(format!(
            "{}: Authentication says the same thing: leave one out",
            pair.key.trim()
        ));
    }
    let (pair, short) = match (authentication, fedauth) {
        (Some(pair), _) => (pair, false),
        (None, Some(pair)) => (pair, true),
        (None, None) => return None,
    };
    Some((pair.key.trim().to_owned(), Way::read(&pair.value, short)?))
}

/// The tickets are those of the process, so a name and a password have no part in it.
fn kerberos(given: &mut Given) {
    given.set("database.login", "kerberos");
    let why =
        "not used: with integrated security the account of this process logs in, as in the drivers";
    given.ignore(Means::User, why);
    given.ignore(Means::Password, why);
    given.ignore(Means::Domain, why);
}

fn ntlm(given: &mut Given) {
    given.set("database.login", "ntlm");
    for (means, name) in [(Means::User, "User ID"), (Means::Password, "Password")] {
        if !given.has(means) {
            given.problem(format!("{name}: NTLM needs it: write {name}=VALUE"));
        }
    }
    by_password(given);
}

fn by_password(given: &mut Given) {
    if let Some(user) = given.take(Means::User) {
        match given.take(Means::Domain) {
            Some(domain) if !user.value.contains(['\\', '@']) => {
                let value = format!("{}\\{}", domain.value.trim(), user.value);
                given.set_text("database.user", &Pair { value, ..user });
            }
            Some(domain) => {
                given.set_text("database.user", &user);
                given.note(domain.key.trim(), "not used: the user already names its domain");
            }
            None => given.set_text("database.user", &user),
        }
    }
    if let Some(password) = given.take(Means::Password) {
        if given.form == Form::AdoNet
            && password.value.starts_with('{')
            && password.value.ends_with('}')
        {
            given.note(
                password.key.trim(),
                "its braces are a part of it, since ADO.NET's form quotes with \" and '",
            );
        }
        given.set("database.password", password.value);
    }
}

/// A user with a domain is a Windows account to go-mssqldb and tedious, and an ordinary login to the
/// others.
fn by_domain(given: &mut Given) {
    if given.form == Form::Jdbc {
        let why =
            "it counts with integratedSecurity=true and authenticationScheme=NTLM, as in JDBC";
        given.ignore(Means::Domain, why);
    }
    let user = given.peek(Means::User);
    let inside = user.is_some_and(|u| u.value.contains('\\'));
    let key = user.map(|u| u.key.trim().to_owned());
    let beside = given.has(Means::Domain);
    let password = given.has(Means::Password);
    // What SQLAlchemy makes of it is ODBC's.
    let drivers = given.form == Form::Url && given.scheme != Scheme::SqlAlchemy;
    if let Some(key) = key
        && password
        && (inside || beside)
    {
        if drivers || beside {
            given.set("database.login", "ntlm");
        } else {
            given.note(
                &key,
                "taken as a login of SQL Server, as the driver does; for a Windows account set \
                 database.login = ntlm",
            );
        }
    }
    by_password(given);
}

/// What belongs to ways that were not taken.
fn left_over(given: &mut Given) {
    for (means, what) in [
        (Means::Domain, "not used: there is no user that it belongs to"),
        (Means::ClientId, "not used: it belongs to a managed identity or a device code"),
        (Means::PrincipalId, "not used: it belongs to a service principal"),
        (Means::PrincipalSecret, "not used: it belongs to a service principal"),
        (Means::ClientCertificate, "not used: it belongs to a service principal"),
    ] {
        given.ignore(means, what);
    }
}
