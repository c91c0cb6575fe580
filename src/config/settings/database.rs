//! `[database]`: where SQL Server is, and how it is reached and logged in to.

use crate::config::server::ServerAddress;
use crate::config::setting::{DurationOrNone, Host, Int, Path, Secret, Text, choice, settings};
use crate::config::{Config, Source, file, quoted};

choice! {
    /// How the session is encrypted.
    pub enum Encrypt {
        /// TLS inside the login's packets, for everything (TDS 7.4).
        On = "on",
        /// TLS first (TDS 8.0).
        Strict = "strict",
        /// TLS for the login alone.
        LoginOnly = "login-only",
        Off = "off",
    }
    also {
        "yes" => "on", "true" => "on", "1" => "on", "mandatory" => "on",
        "no" => "off", "false" => "off", "0" => "off", "optional" => "off",
    }
}

settings! {
    HOST: Host = "database.host", ["MSSQL_HOST"], "", restart,
        "SQL Server's host; also HOST,PORT and HOST\\INSTANCE";
    PORT: Int<1, 65535> = "database.port", ["MSSQL_PORT"], "1433", restart,
        "its TCP port; with one, a named instance is not looked for";
    INSTANCE: Text = "database.instance", [], "", restart,
        "named instance, found through SQL Server Browser (UDP 1434)";
    USER: Text = "database.user", ["MSSQL_USER"], "", restart,
        "SQL Server login";
    PASSWORD: Secret = "database.password", ["MSSQL_PASSWORD"], "", restart,
        "its password";
    NAME: Text = "database.name", ["MSSQL_DATABASE"], "", restart,
        "database; empty for the login's default";
    LABEL: Text = "database.label", ["MSSQL_LABEL"], "default", restart,
        "what /health calls the database, instead of its name";
    ENCRYPT: Encrypt = "database.encrypt", ["MSSQL_ENCRYPT"], "on", restart,
        "TLS: on (TDS 7.4), strict (TDS 8.0), login-only, or off";
    TRUST_SERVER_CERTIFICATE: bool =
        "database.trust_server_certificate", ["TrustServerCertificate"], "no", restart,
        "accept any certificate: only on a network that you trust";
    CA_FILE: Path = "database.ca_file", ["MSSQL_CA_FILE"], "", restart,
        "PEM file of the CA (or the very certificate) to trust";
    CERTIFICATE_HOST: Text = "database.certificate_host", [], "", restart,
        "host name that the certificate must have, where it is not database.host";
    TRUSTED_CONNECTION: bool = "database.trusted_connection", ["Trusted_Connection"], "no", restart,
        "Windows authentication; not in this build, so yes is an error";
    DRIVER: Text = "database.driver", ["MSSQL_DRIVER"], "", restart,
        "accepted for the replaced service's users; no ODBC driver is needed";
    READ_INTENT: bool = "database.read_intent", [], "no", restart,
        "ApplicationIntent=ReadOnly: use a readable secondary";
    KNOWLEDGE: Path = "database.knowledge", [], "", live,
        "TOML file of terms, descriptions, joins and examples, at most 64 kB (docs/knowledge.md)";
    INDEX_NAMES: Int<0, 100_000_000> = "database.index_names", [], "2000000", restart,
        "so many objects and columns together are kept in memory for searches by words; of more, the \
         database itself is searched, which is slower and less apt; 0: always";
    WATCH: DurationOrNone = "database.watch", [], "30s", restart,
        "how often it is looked whether tables came, went or were altered, for clients that \
         listen; only while somebody listens, and for ten minutes after a request or a day after a \
         subscription; 0: never";
}

pub(in crate::config) fn check(config: &Config, errors: &mut Vec<String>) {
    if let Err(e) = config.server() {
        errors.push(e.replacen(HOST.name(), &config.place(HOST), 1));
    }
    if config.get(TRUSTED_CONNECTION) {
        errors.push(format!(
            "{}: Windows authentication is not in this build; set database.user and \
             database.password (MSSQL_USER, MSSQL_PASSWORD)",
            config.place(TRUSTED_CONNECTION)
        ));
    }
    let name = config.get(CERTIFICATE_HOST);
    if !name.is_empty() && !ServerAddress::is_host(name) {
        errors.push(format!(
            "{}: {} is no name of a host",
            config.place(CERTIFICATE_HOST),
            quoted(name)
        ));
    }
    let ca = config.get(CA_FILE);
    super::holds_certificates(config, CA_FILE, errors);
    if !ca.is_empty() && !ca.contains("-----BEGIN") && !std::path::Path::new(ca).is_file() {
        errors.push(format!(
            "{}: there is no such file{}",
            config.place(CA_FILE),
            file::shown_path(ca)
        ));
    }
    if !ca.is_empty() && config.get(TRUST_SERVER_CERTIFICATE) {
        errors.push(
            "database.ca_file and database.trust_server_certificate exclude each other: remove one"
                .into(),
        );
    }
    if !config.get(USER).is_empty() && config.get(PASSWORD).is_empty() {
        errors.push(
            "database.password is missing: set MSSQL_PASSWORD or MSSQL_PASSWORD_FILE (there is a \
             database.user)"
                .into(),
        );
    }
}

// === impl Config ===

impl Config {
    /// Where SQL Server is; an empty host where none is configured. The error is about
    /// `database.host`.
    pub(crate) fn server(&self) -> Result<ServerAddress, String> {
        let host = self.get(HOST);
        if host.is_empty() {
            return Ok(ServerAddress { host: String::new(), port: None, instance: None });
        }
        let set = *self.source(PORT) != Source::Default;
        let port = u16::try_from(self.get(PORT)).ok().filter(|_| set);
        ServerAddress::parse(host, port, self.get(INSTANCE))
    }

    /// Whether any database is configured but those of mounts.
    pub(crate) fn has_database(&self) -> bool {
        !self.get(HOST).is_empty() || !self.databases.is_empty()
    }
}
