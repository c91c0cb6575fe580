//! `[entra]`: where the tokens of a login by Microsoft Entra ID come from.

use mssql_mcp_entra::{EntraOptions, SourceKind};

use super::{auth, database};
use crate::config::setting::{Path, Secret, Setting, Text, choice, settings};
use crate::config::{Config, Source, place, quoted};

choice! {
    /// Where tokens come from.
    pub enum EntraSource {
        /// The first that is configured around the process.
        Auto = "auto",
        ManagedIdentity = "managed-identity",
        WorkloadIdentity = "workload-identity",
        ClientSecret = "client-secret",
        ClientCertificate = "client-certificate",
        AzureCli = "azure-cli",
        Azd = "azd",
        /// A person who ran `mssql-mcp login`.
        DeviceCode = "device-code",
        TokenFile = "token-file",
        /// Each caller, by their own token.
        OnBehalfOf = "on-behalf-of",
    }
    also { "default" => "auto", "msi" => "managed-identity", "az" => "azure-cli", }
}

settings! {
    SOURCE: EntraSource = "entra.source", [], "auto", restart,
        "where tokens come from: auto, managed-identity, workload-identity, client-secret, \
         client-certificate, azure-cli, azd, device-code, token-file or on-behalf-of";
    TENANT: Text = "entra.tenant", [], "", restart,
        "tenant, by id or domain (AZURE_TENANT_ID where it is not set)";
    CLIENT_ID: Text = "entra.client_id", [], "", restart,
        "application, or the managed identity to use (AZURE_CLIENT_ID for an application)";
    OBJECT_ID: Text = "entra.object_id", [], "", restart,
        "a managed identity by its object id";
    RESOURCE_ID: Text = "entra.resource_id", [], "", restart,
        "a managed identity by its Azure resource id";
    CLIENT_SECRET: Secret = "entra.client_secret", [], "", restart,
        "the application's secret (AZURE_CLIENT_SECRET)";
    CERTIFICATE_FILE: Path = "entra.certificate_file", [], "", restart,
        "PEM file with the application's certificate and RSA key (AZURE_CLIENT_CERTIFICATE_PATH)";
    TOKEN_FILE: Path = "entra.token_file", [], "", restart,
        "file that somebody else keeps a token for SQL Server in (AZURE_SQL_TOKEN_FILE)";
    AUTHORITY: Text = "entra.authority", [], "", restart,
        "https:// URL of the login host; that of the server's cloud (AZURE_AUTHORITY_HOST)";
    RESOURCE: Text = "entra.resource", [], "", restart,
        "what tokens are for; that of the server's cloud";
    SIGN_IN_FILE: Path = "entra.sign_in_file", [], "", restart,
        "file that keeps what mssql-mcp login left; beside the usual auth.store";
}

/// Claims of Entra ID that are one person's.
const SUBJECTS: [&str; 6] = ["sub", "oid", "upn", "preferred_username", "email", "unique_name"];

pub(in crate::config) fn check(config: &Config, errors: &mut Vec<String>) {
    if config.is_personal() && config.get(auth::MODE) != auth::AuthMode::External {
        errors.push(format!(
            "{}: on-behalf-of exchanges the token of whoever calls, so that they must sign in with \
             Entra ID: set auth.mode = \"external\" and auth.issuer, or choose another source",
            config.place(SOURCE)
        ));
    }
    // Kept results, tasks and quotas are a subject's: two people must not be one.
    let subject = config.get(auth::SUBJECT_CLAIM);
    if config.is_personal() && !SUBJECTS.contains(&subject) {
        errors.push(format!(
            "{}: {} need not tell people apart; on-behalf-of takes one of {}",
            config.place(auth::SUBJECT_CLAIM),
            quoted(subject),
            SUBJECTS.join(", ")
        ));
    }
    // What stands at the top may be for databases that are listed below it.
    let own = !config.get(database::HOST).is_empty() && config.databases.is_empty();
    if own && config.login() != database::LoginKind::Entra {
        let set = |row: &&Setting| !matches!(config.read(row.key).1, Source::Default);
        if let Some(row) = ROWS.iter().find(set) {
            errors.push(format!(
                "{}: only database.login = entra uses it: set that (MSSQL_LOGIN=entra), or remove it",
                place(row.key, config.read(row.key).1)
            ));
        }
    }
}

// === impl Config ===

impl Config {
    /// Whether each caller is logged in to the database as themselves.
    pub(crate) fn is_personal(&self) -> bool {
        self.login() == database::LoginKind::Entra && self.get(SOURCE) == EntraSource::OnBehalfOf
    }

    /// What there is to say of tokens, for a server of this name.
    pub(crate) fn entra(&self, server: &str) -> EntraOptions {
        let text = |key| self.get::<Text>(key).trim().to_owned();
        let file = |key| self.get::<Path>(key).trim().to_owned();
        EntraOptions {
            source: match self.get(SOURCE) {
                EntraSource::Auto => SourceKind::Auto,
                EntraSource::ManagedIdentity => SourceKind::ManagedIdentity,
                EntraSource::WorkloadIdentity => SourceKind::WorkloadIdentity,
                EntraSource::ClientSecret => SourceKind::ClientSecret,
                EntraSource::ClientCertificate => SourceKind::ClientCertificate,
                EntraSource::AzureCli => SourceKind::AzureCli,
                EntraSource::Azd => SourceKind::AzureDeveloperCli,
                EntraSource::DeviceCode => SourceKind::DeviceCode,
                EntraSource::TokenFile => SourceKind::TokenFile,
                EntraSource::OnBehalfOf => SourceKind::OnBehalfOf,
            },
            server: server.to_owned(),
            tenant: text(TENANT),
            client_id: text(CLIENT_ID),
            object_id: text(OBJECT_ID),
            resource_id: text(RESOURCE_ID),
            client_secret: self.get(CLIENT_SECRET).to_owned(),
            certificate_file: file(CERTIFICATE_FILE),
            token_file: file(TOKEN_FILE),
            authority: text(AUTHORITY),
            resource: text(RESOURCE),
            sign_in_file: file(SIGN_IN_FILE).into(),
        }
    }
}
