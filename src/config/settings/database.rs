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
        "no" => "login-only", "false" => "login-only", "0" => "login-only",
        "optional" => "login-only",
    }
}

choice! {
    /// As whom, and how, a session is logged in.
    pub enum LoginKind {
        /// A login of SQL Server, with user and password.
        Sql = "sql",
        /// A token of Microsoft Entra ID; `[entra]` says where it comes from.
        Entra = "entra",
        /// A Windows account with its password.
        Ntlm = "ntlm",
        /// A Kerberos ticket, from the credential cache or a keytab.
        Kerberos = "kerberos",
    }
    also { "windows" => "kerberos", "integrated" => "kerberos", }
}

settings! {
    CONNECTION: Secret = "database.connection", ["MSSQL_CONNECTION_STRING"], "", restart,
        "a connection string (ADO.NET, ODBC, JDBC or URL) that says all of these; what is set beside it \
         wins (docs/logins.md)";
    HOST: Host = "database.host", ["MSSQL_HOST"], "", restart,
        "SQL Server's host; also HOST,PORT and HOST\\INSTANCE";
    PORT: Int<1, 65535> = "database.port", ["MSSQL_PORT"], "1433", restart,
        "its TCP port; with one, a named instance is not looked for";
    INSTANCE: Text = "database.instance", [], "", restart,
        "named instance, found through SQL Server Browser (UDP 1434)";
    LOGIN: LoginKind = "database.login", ["MSSQL_LOGIN"], "sql", restart,
        "as whom a session is logged in: sql (user and password), entra (a token of Microsoft Entra ID, \
         see [entra]), ntlm (a Windows account and its password) or kerberos (a ticket); docs/logins.md";
    USER: Text = "database.user", ["MSSQL_USER"], "", restart,
        "login of SQL Server, or with ntlm DOMAIN\\\\user";
    PASSWORD: Secret = "database.password", ["MSSQL_PASSWORD"], "", restart,
        "its password";
    NAME: Text = "database.name", ["MSSQL_DATABASE"], "", restart,
        "database; empty for the login's default";
    LABEL: Text = "database.label", ["MSSQL_LABEL"], "default", restart,
        "what /health calls the database, instead of its name";
    ENCRYPT: Encrypt = "database.encrypt", ["MSSQL_ENCRYPT"], "on", restart,
        "TLS: on (TDS 7.4; also yes, mandatory), strict (TDS 8.0), login-only (also no, optional: as in the \
         drivers), or off";
    TRUST_SERVER_CERTIFICATE: bool =
        "database.trust_server_certificate", ["TrustServerCertificate"], "no", restart,
        "accept any certificate: only on a network that you trust; without effect with strict";
    CA_FILE: Path = "database.ca_file", ["MSSQL_CA_FILE"], "", restart,
        "PEM file of the CA (or the very certificate) to trust";
    CERTIFICATE_HOST: Text = "database.certificate_host", [], "", restart,
        "host name that the certificate must have, where it is not database.host";
    TRUSTED_CONNECTION: bool = "database.trusted_connection", ["Trusted_Connection"], "no", restart,
        "yes is database.login = kerberos";
    SPN: Text = "database.spn", [], "", restart,
        "service principal name of SQL Server, for kerberos and ntlm, where it is not MSSQLSvc/HOST:PORT";
    MULTI_SUBNET_FAILOVER: bool = "database.multi_subnet_failover", [], "no", restart,
        "MultiSubnetFailover: every address of the name is tried at the same time";
    PACKET_SIZE: Int<512, 32_767> = "database.packet_size", [], "8000", restart,
        "bytes of a TDS packet to ask for; the server may give another size";
    APPLICATION_NAME: Text = "database.application_name", [], "", restart,
        "what SQL Server is told behind mssql-mcp, as program_name";
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
    check_login(config, errors);
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
}

/// What each kind of login needs, and whether this build has it.
fn check_login(config: &Config, errors: &mut Vec<String>) {
    let login = config.login();
    let by = match *config.source(LOGIN) == Source::Default && config.get(TRUSTED_CONNECTION) {
        true => config.place(TRUSTED_CONNECTION),
        false => config.place(LOGIN),
    };
    let (user, password) = (config.get(USER), config.get(PASSWORD));
    match login {
        LoginKind::Sql | LoginKind::Ntlm if !user.is_empty() && password.is_empty() => errors.push(
            "database.password is missing: set MSSQL_PASSWORD or MSSQL_PASSWORD_FILE (there is a \
             database.user)"
                .into(),
        ),
        _ => {}
    }
    match login {
        LoginKind::Ntlm if !cfg!(feature = "windows-login") => errors.push(format!(
            "{by}: this build has no NTLM; build it with --features windows-login, or use another \
             login (docs/logins.md)"
        )),
        LoginKind::Kerberos if !cfg!(feature = "kerberos") => errors.push(format!(
            "{by}: this build has no Kerberos; build it with --features kerberos, or set \
             database.user and database.password (MSSQL_USER, MSSQL_PASSWORD; docs/logins.md)"
        )),
        LoginKind::Ntlm if user.is_empty() => errors
            .push(format!("{by}: database.user is missing, such as CORP\\ada, for an ntlm login")),
        LoginKind::Entra if config.get(ENCRYPT) == Encrypt::Off => errors.push(format!(
            "{}: a token would travel in the clear; database.login = entra needs TLS",
            config.place(ENCRYPT)
        )),
        _ => {}
    }
    let spn = config.get(SPN);
    if !spn.is_empty() {
        if !matches!(login, LoginKind::Ntlm | LoginKind::Kerberos) {
            errors.push(format!(
                "{}: only kerberos and ntlm have a service principal name; remove it, or set \
                 database.login",
                config.place(SPN)
            ));
        } else if let Err(e) = spn.parse::<mssql_mcp_session::Spn>() {
            errors.push(format!("{}: {e}", config.place(SPN)));
        }
    }
}

// === impl Config ===

impl Config {
    /// As whom a session is logged in.
    pub(crate) fn login(&self) -> LoginKind {
        match self.get(LOGIN) {
            LoginKind::Sql if self.get(TRUSTED_CONNECTION) => LoginKind::Kerberos,
            login => login,
        }
    }

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
