//! The sources of tokens, and which of them is configured.

mod command;
pub(crate) mod login;
pub(crate) mod managed;

use std::path::PathBuf;

use crate::failure::Failure;
use crate::files;
use crate::options::{EntraOptions, Surroundings};
use crate::retry::{Deadline, Exchange};
use crate::store::Kept;
use crate::token::AccessToken;

use self::command::Program;
use self::login::{Application, Proof};
use self::managed::{Managed, Selector};

/// Where tokens come from, as the configuration names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SourceKind {
    /// The first that is configured: a token's file, workload identity, an application's secret or
    /// certificate, App Service, Azure Arc, Cloud Shell, the Azure CLI, the instance's metadata.
    #[default]
    Auto,
    /// That of this machine or service.
    ManagedIdentity,
    /// A federated token in a file (AKS, GitHub, any OIDC issuer).
    WorkloadIdentity,
    /// A service principal by its secret.
    ClientSecret,
    /// A service principal by its certificate.
    ClientCertificate,
    /// `az account get-access-token`.
    AzureCli,
    /// `azd auth token`.
    AzureDeveloperCli,
    /// A person who has signed in with `mssql-mcp login`.
    DeviceCode,
    /// A file that somebody else keeps a token in.
    TokenFile,
    /// The person who calls (RFC 8693's idea, in Entra's own grant).
    OnBehalfOf,
}

/// A source with all that it needs.
#[derive(Clone)]
pub(crate) enum Source {
    File(PathBuf),
    Managed(Managed),
    Application(Application),
    Program(Program),
    SignedIn(Application, Kept),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

// === impl Source ===

impl Source {
    /// The one that the configuration names; none for the first that is configured.
    pub(crate) fn named(o: &EntraOptions, around: &Surroundings) -> Result<Option<Self>, String> {
        let client = || own_or(&o.client_id, around, "AZURE_CLIENT_ID");
        let application = |proof: Proof| {
            let missing = |what: &str| format!("{what} is missing, for entra.source");
            if o.tenant.is_empty() {
                return Err(missing("entra.tenant (AZURE_TENANT_ID)"));
            }
            let client = client().ok_or_else(|| missing("entra.client_id (AZURE_CLIENT_ID)"))?;
            Ok(Source::Application(Application::new(o.cloud()?, &o.tenant, &client, proof)))
        };
        Ok(Some(match o.source {
            SourceKind::Auto => return Ok(None),
            SourceKind::TokenFile => {
                let file = own_or(&o.token_file, around, "AZURE_SQL_TOKEN_FILE");
                Source::File(file.ok_or("entra.token_file is missing, for entra.source")?.into())
            }
            SourceKind::ManagedIdentity => {
                Source::Managed(Managed::found(around, Selector::of(o)?, &o.cloud()?)?)
            }
            SourceKind::WorkloadIdentity => {
                let file = around.get("AZURE_FEDERATED_TOKEN_FILE").ok_or(
                    "AZURE_FEDERATED_TOKEN_FILE is not set, for entra.source = workload-identity: \
                     in AKS, label the pod azure.workload.identity/use and name its service account",
                )?;
                application(Proof::Federated(file.into()))?
            }
            SourceKind::ClientSecret => {
                let secret = own_or(&o.client_secret, around, "AZURE_CLIENT_SECRET");
                let missing = "entra.client_secret (AZURE_CLIENT_SECRET) is missing, for \
                               entra.source";
                application(Proof::Secret(secret.ok_or(missing)?.into()))?
            }
            SourceKind::ClientCertificate => {
                let file = own_or(&o.certificate_file, around, "AZURE_CLIENT_CERTIFICATE_PATH");
                let missing = "entra.certificate_file (AZURE_CLIENT_CERTIFICATE_PATH) is missing, \
                               for entra.source";
                application(Proof::Certificate(file.ok_or(missing)?.into()))?
            }
            SourceKind::AzureCli => Source::Program(Program::az(around, o)?),
            SourceKind::AzureDeveloperCli => Source::Program(Program::azd(around, o)?),
            SourceKind::DeviceCode => match application(Proof::None)? {
                Source::Application(a) => {
                    let kept = Kept::new(o.sign_in_file.clone(), &o.tenant, a.client());
                    Source::SignedIn(a, kept)
                }
                other => other,
            },
            SourceKind::OnBehalfOf => {
                let secret = own_or(&o.client_secret, around, "AZURE_CLIENT_SECRET");
                let file = own_or(&o.certificate_file, around, "AZURE_CLIENT_CERTIFICATE_PATH");
                match (secret, file) {
                    (Some(secret), _) => application(Proof::Secret(secret.into()))?,
                    (None, Some(file)) => application(Proof::Certificate(file.into()))?,
                    (None, None) => {
                        return Err(
                            "entra.client_secret or entra.certificate_file is missing, for \
                                    entra.source = on-behalf-of"
                                .into(),
                        );
                    }
                }
            }
        }))
    }

    /// The first that is configured, in this order; asks nobody but the network whether there is
    /// an instance metadata service, and that for at most a second.
    pub(crate) async fn first(
        o: &EntraOptions,
        around: &Surroundings,
        exchange: &dyn Exchange,
        deadline: Deadline,
    ) -> Result<(Self, Option<AccessToken>), Failure> {
        let named = |kind| {
            let wrong = |e: String| Failure::new("auto", e, "");
            Self::named(&EntraOptions { source: kind, ..o.clone() }, around)
                .map_err(wrong)
                .and_then(|s| s.ok_or_else(|| wrong("there is none".into())))
        };
        let has = |own: &str, variable: &str| own_or(own, around, variable).is_some();
        let application = has(&o.tenant, "AZURE_TENANT_ID") && has(&o.client_id, "AZURE_CLIENT_ID");
        if has(&o.token_file, "AZURE_SQL_TOKEN_FILE") {
            return Ok((named(SourceKind::TokenFile)?, None));
        }
        if application && around.get("AZURE_FEDERATED_TOKEN_FILE").is_some() {
            return Ok((named(SourceKind::WorkloadIdentity)?, None));
        }
        if application && has(&o.client_secret, "AZURE_CLIENT_SECRET") {
            return Ok((named(SourceKind::ClientSecret)?, None));
        }
        if application && has(&o.certificate_file, "AZURE_CLIENT_CERTIFICATE_PATH") {
            return Ok((named(SourceKind::ClientCertificate)?, None));
        }
        let managed = Selector::of(o).and_then(|s| Managed::found(around, s, &o.cloud()?));
        let managed = managed.map_err(|e| Failure::new("auto", e, ""))?;
        if !managed.is_imds() {
            return Ok((Source::Managed(managed), None));
        }
        let mut tried = Vec::new();
        match Program::az(around, o) {
            Ok(az) => match az.fetch(deadline).await {
                Ok(token) => return Ok((Source::Program(az), Some(token))),
                // Where nobody is signed in, it is installed and not configured. Whoever is signed in
                // is not passed over for the machine.
                Err(e) if e.what.contains("az login") => {
                    tried.push(format!("the Azure CLI: {}", e.what));
                }
                Err(e) => return Err(e),
            },
            Err(_) => tried.push("there is no az in PATH".to_owned()),
        }
        match managed.probe(exchange, deadline).await {
            Ok(()) => Ok((Source::Managed(managed), None)),
            Err(why) => {
                tried.push(why);
                let what = format!(
                    "nothing is configured: no token file, no workload identity (AZURE_TENANT_ID, \
                     AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE), no AZURE_CLIENT_SECRET or \
                     _CERTIFICATE_PATH, no IDENTITY_ENDPOINT; {}",
                    tried.join("; ")
                );
                let mend = "set entra.source and what it needs (docs/logins.md), or run az login";
                Err(Failure::new("auto", what, mend).for_now())
            }
        }
    }

    /// As logs and errors call it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Source::File(_) => files::NAME,
            Source::Managed(m) => m.name(),
            Source::Application(a) => a.name(),
            Source::Program(p) => p.name(),
            Source::SignedIn(..) => "the sign-in by device code",
        }
    }

    /// Asks it for a token.
    pub(crate) async fn fetch(
        &self,
        exchange: &dyn Exchange,
        deadline: Deadline,
    ) -> Result<AccessToken, Failure> {
        match self {
            Source::File(path) => files::token(path).await,
            Source::Managed(m) => m.fetch(exchange, deadline).await,
            Source::Application(a) => a.fetch(exchange, deadline).await,
            Source::Program(p) => p.fetch(deadline).await,
            Source::SignedIn(a, kept) => a.refreshed(exchange, kept, deadline).await,
        }
    }
}

/// A setting, or else a variable.
fn own_or(own: &str, around: &Surroundings, variable: &str) -> Option<String> {
    let own = Some(own.trim()).filter(|t| !t.is_empty());
    own.or_else(|| around.get(variable)).map(str::to_owned)
}
