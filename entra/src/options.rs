//! What the configuration says of a credential, and what the process finds around it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cloud::Cloud;
use crate::source::SourceKind;

/// What the configuration says; empty texts say nothing. Debug shows no secret.
#[derive(Clone, Default)]
pub struct EntraOptions {
    /// Where tokens come from.
    pub source: SourceKind,
    /// The server that they are for, whose name says its cloud.
    pub server: String,
    /// The tenant, by id or domain.
    pub tenant: String,
    /// The application, or the managed identity.
    pub client_id: String,
    /// A managed identity by its object (`oid`).
    pub object_id: String,
    /// A managed identity by its Azure resource.
    pub resource_id: String,
    /// The application's secret.
    pub client_secret: String,
    /// PEM file with the application's certificate and private key.
    pub certificate_file: String,
    /// File with a token for SQL Server.
    pub token_file: String,
    /// Another authority than the cloud's.
    pub authority: String,
    /// Another resource than the cloud's.
    pub resource: String,
    /// The file that keeps what a sign-in by device code left, so that it outlives the process.
    pub sign_in_file: PathBuf,
}

/// What is around the process: its variables, and where Azure Arc keeps its keys.
#[derive(Clone)]
pub struct Surroundings {
    /// The environment.
    pub variables: BTreeMap<String, String>,
    /// The folder that Azure Arc's agent writes its keys to.
    pub arc_keys: PathBuf,
}

impl std::fmt::Debug for EntraOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EntraOptions")
            .field("source", &self.source)
            .field("tenant", &self.tenant)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Variables may hold secrets.
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}

// === impl EntraOptions ===

impl EntraOptions {
    /// What of the environment counts where the configuration says nothing.
    pub(crate) fn or(mut self, around: &Surroundings) -> Self {
        let usual = |field: &mut String, variable: &str| {
            if field.trim().is_empty() {
                around.get(variable).unwrap_or_default().clone_into(field);
            }
        };
        usual(&mut self.tenant, "AZURE_TENANT_ID");
        usual(&mut self.authority, "AZURE_AUTHORITY_HOST");
        self
    }

    pub(crate) fn cloud(&self) -> Result<Cloud, String> {
        Cloud::of(&self.server).with(&self.authority, &self.resource)
    }

    /// Tenants and clients become parts of URLs and arguments of programs.
    pub(crate) fn check(&self) -> Result<(), String> {
        let plain = |t: &str| {
            t.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)) && !t.starts_with('-')
        };
        for (key, text) in [
            ("entra.tenant (AZURE_TENANT_ID)", &self.tenant),
            ("entra.client_id (AZURE_CLIENT_ID)", &self.client_id),
            ("entra.object_id", &self.object_id),
        ] {
            if !plain(text) {
                return Err(format!(
                    "{key}: this is no id; it is made of letters, digits, - . and _"
                ));
            }
        }
        Ok(())
    }
}

// === impl Surroundings ===

impl Surroundings {
    /// Of this process.
    pub fn of_process() -> Self {
        let arc_keys = match std::env::var_os("ProgramData").filter(|_| cfg!(windows)) {
            Some(data) => PathBuf::from(data).join("AzureConnectedMachineAgent").join("Tokens"),
            None => PathBuf::from("/var/opt/azcmagent/tokens"),
        };
        // A variable that is no Unicode is none of those that are looked for.
        let variables = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .collect();
        Self { variables, arc_keys }
    }

    /// A variable that is set, and not to nothing.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|v| v.trim()).filter(|v| !v.is_empty())
    }
}
