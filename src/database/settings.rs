//! What the configuration says of one database.

use std::time::Duration;

use super::login::LoginMethod;
use crate::config::Config;
use crate::config::server::ServerAddress;
use crate::config::settings::{self, database::Encrypt};
use mssql_mcp_sql::policy::Policy;

/// What the configuration says of the database.
#[derive(Clone)]
pub struct Settings {
    /// Host, without instance or port.
    pub(crate) host: String,
    /// Port, where there is no instance.
    pub(crate) port: u16,
    pub(crate) instance: Option<String>,
    /// As whom it is logged in.
    pub(crate) login: LoginMethod,
    /// What SQL Server is told as program_name.
    pub(super) application: String,
    /// Service principal name, where it is another one than the host's.
    pub(crate) spn: String,
    pub(super) packet_size: u32,
    /// Every address of the host is tried at the same time.
    pub(super) multi_subnet: bool,
    /// Database; empty for the login's default.
    pub(crate) database: String,
    /// What `/health` calls it.
    pub(crate) label: String,
    /// `on`, `strict`, `login-only` or `off`.
    pub(crate) encrypt: Encrypt,
    pub(crate) trust: bool,
    /// PEM of a CA to trust.
    pub(crate) ca: Option<Vec<u8>>,
    /// The server is the sandbox of `demo`, which the instructions say.
    pub(crate) sandbox: bool,
    /// Name that the certificate must have.
    pub(crate) certificate_host: String,
    pub(crate) read_intent: bool,
    /// TCP, TLS and login together.
    pub(crate) connect_timeout: Duration,
    pub(crate) max_size: usize,
    /// Callers that may wait for a connection.
    pub(crate) max_waiting: usize,
    /// Wait for a connection.
    pub(crate) wait: Duration,
    /// Close an idle one after this.
    pub(crate) idle_timeout: Duration,
    /// Replace one after this.
    pub(crate) max_age: Duration,
    pub(crate) lock_timeout: Duration,
    /// So many names are kept in memory to be searched.
    pub(crate) index_names: u64,
    /// What callers may do.
    pub(crate) policy: Policy,
    /// Statements go into spans.
    pub(crate) query_text: bool,
    /// SQL Server is told which trace a statement belongs to.
    pub(crate) context_info: bool,
}

/// Ours, and what the operator says behind it; a program_name has 128 characters at most.
fn application(name: &str) -> String {
    match name.trim() {
        "" => "mssql-mcp".to_owned(),
        name => format!("mssql-mcp ({})", name.chars().take(116).collect::<String>()),
    }
}

impl std::fmt::Debug for Settings {
    /// Without the password, and what else nobody looks for.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("server", &self.server())
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

// === impl Settings ===

impl Settings {
    /// From the configuration. `HOST,PORT` and `HOST\INSTANCE` are understood, as in
    /// SQL Server's own tools.
    pub fn from_config(c: &Config) -> Result<Self, String> {
        let ServerAddress { host, port, instance } = c.server()?;
        // With a port nobody needs to be asked where the instance is.
        let instance = instance.filter(|_| port.is_none());
        let port = port.unwrap_or(1433);
        let login = LoginMethod::from_config(c, &host)?;
        let ca = match c.get(settings::database::CA_FILE) {
            "" => None,
            p => Some(
                std::fs::read(p)
                    .map_err(|e| format!("database.ca_file: {p} cannot be read: {e}"))?,
            ),
        };
        Ok(Self {
            host,
            port,
            instance,
            login,
            application: application(c.get(settings::database::APPLICATION_NAME)),
            spn: c.get(settings::database::SPN).to_owned(),
            packet_size: c.get(settings::database::PACKET_SIZE) as u32,
            multi_subnet: c.get(settings::database::MULTI_SUBNET_FAILOVER),
            database: c.get(settings::database::NAME).to_owned(),
            label: c.get(settings::database::LABEL).to_owned(),
            encrypt: c.get(settings::database::ENCRYPT),
            // TDS 8.0 always checks, whatever the flag says (SqlClient, ODBC).
            trust: c.get(settings::database::TRUST_SERVER_CERTIFICATE)
                && c.get(settings::database::ENCRYPT) != Encrypt::Strict,
            ca,
            sandbox: false,
            certificate_host: c.get(settings::database::CERTIFICATE_HOST).to_owned(),
            read_intent: c.get(settings::database::READ_INTENT),
            connect_timeout: c.get(settings::pool::CONNECT_TIMEOUT),
            max_size: c.get(settings::pool::MAX_SIZE) as usize,
            max_waiting: c.get(settings::pool::MAX_WAITING) as usize,
            wait: c.get(settings::pool::WAIT),
            idle_timeout: c.get(settings::pool::IDLE_TIMEOUT),
            max_age: c.get(settings::pool::MAX_AGE),
            lock_timeout: c.get(settings::limits::LOCK_TIMEOUT),
            index_names: c.get(settings::database::INDEX_NAMES),
            query_text: c.get(settings::telemetry::QUERY_TEXT),
            context_info: c.get(settings::telemetry::CONTEXT_INFO),
            policy: Policy {
                access: c.get(settings::access::LEVEL),
                allow: c.get(settings::access::ALLOW),
                database: Some(c.get(settings::database::NAME))
                    .filter(|n| !n.is_empty())
                    .map(Into::into),
                // Of several, a call names the one that it is for.
                only_here: c.is_listed(),
                ..Policy::default()
            },
        })
    }

    /// Trusts this certificate, where it names none to trust: for the sandbox, which makes its own.
    pub fn trust_only(&mut self, pem: &str) {
        self.ca.get_or_insert_with(|| pem.as_bytes().to_vec());
    }

    /// Host and port or instance, for people.
    pub(crate) fn server(&self) -> String {
        match &self.instance {
            Some(i) => format!("{}\\{i}", self.host),
            None => format!("{},{}", self.host, self.port),
        }
    }
}
