//! How a connection is made: where to, with which TLS, as whom, and what it means when there is
//! none.

use std::time::Duration;

use mssql_mcp_session::{
    AuthMethod, Encrypt as Encryption, Error, LoginConfig, Message, Session, Stage, Target, Tls,
    Trust,
};
use tiberius::SqlBrowser;
use tokio::net::TcpStream;

use super::{ConnectKind, DbError, Settings, SqlError};
use crate::config::settings::database::Encrypt;

/// Reads the certificates that are trusted, which takes some milliseconds: once for a pool.
pub(super) fn target(s: &Settings) -> Result<Target, DbError> {
    let encrypt = match s.encrypt {
        Encrypt::On => Encryption::On,
        Encrypt::Strict => Encryption::Strict,
        Encrypt::LoginOnly => Encryption::LoginOnly,
        Encrypt::Off => Encryption::Off,
    };
    let trust = match &s.ca {
        Some(pem) => Trust::These(pem.clone()),
        None if s.trust => Trust::Anyone,
        None => Trust::System,
    };
    let name = Some(s.certificate_host.clone()).filter(|name| !name.is_empty());
    let tls = Tls::new(encrypt, &trust, name).map_err(|e| failed(e, s))?;
    let mut target = Target::new(&s.host, s.port, tls, login(s));
    target.instance.clone_from(&s.instance);
    Ok(target)
}

fn login(s: &Settings) -> LoginConfig {
    let mut login = LoginConfig::new();
    if !s.database.is_empty() {
        login.database(&s.database);
    }
    login.application_name("mssql-mcp");
    login.authentication(AuthMethod::sql_server(&s.user, &s.password));
    login.readonly(s.read_intent);
    login
}

/// Connects and logs in, within a time.
pub(super) async fn connect(
    target: &Target,
    s: &Settings,
    within: Duration,
) -> Result<Session, DbError> {
    let target = Target { connect_timeout: within, ..target.clone() };
    let made = match &s.instance {
        Some(instance) => {
            let tcp = open_instance(s, instance).await?;
            Box::pin(Session::over(tcp, &target)).await
        }
        None => Box::pin(Session::connect(&target)).await,
    };
    match made {
        // Azure sends the login to another node; one hop, as its own drivers do.
        Err(Error::Routing { host, port }) => {
            let routed = Target { host, port, instance: None, ..target };
            Box::pin(Session::connect(&routed)).await.map_err(|e| failed(e, s))
        }
        made => made.map_err(|e| failed(e, s)),
    }
}

/// Asks SQL Server Browser for the instance's port (MC-SQLR, UDP 1434), and connects to it.
async fn open_instance(s: &Settings, instance: &str) -> Result<TcpStream, DbError> {
    // The driver would call a name without an address an instance that is not known.
    if let Err(e) = tokio::net::lookup_host((s.host.as_str(), 1434)).await {
        let what = format!("the name {} has no address: {e}", s.host);
        return Err(DbError::Connect(what, ConnectKind::Dns));
    }
    let mut browser = LoginConfig::new();
    browser.host(&s.host);
    browser.instance_name(instance);
    TcpStream::connect_named(&browser).await.map_err(|e| match e {
        tiberius::error::Error::Io { kind: std::io::ErrorKind::ConnectionRefused, .. } => {
            DbError::Connect(
                format!(
                    "nothing listens on the port that SQL Server Browser on {} names for the \
                     instance {instance}",
                    s.host
                ),
                ConnectKind::Refused,
            )
        }
        tiberius::error::Error::Conversion(m) if m.contains("timeout") => DbError::Connect(
            format!(
                "SQL Server Browser on {} (UDP 1434) says nothing of the instance {instance}",
                s.host
            ),
            ConnectKind::Instance,
        ),
        e => DbError::Connect(
            format!("SQL Server Browser on {} does not know the instance {instance}: {e}", s.host),
            ConnectKind::Instance,
        ),
    })
}

/// Why there is no connection.
fn failed(e: Error, s: &Settings) -> DbError {
    let (what, kind) = match &e {
        Error::Dns(_) => (e.to_string(), ConnectKind::Dns),
        Error::Refused(_) => (e.to_string(), ConnectKind::Refused),
        // It has a limit of its own, and the way to the server is open.
        Error::Slow(Stage::Tls) => (format!("{}: {e}", s.server()), ConnectKind::Tls),
        Error::Slow(_) => {
            let limit = s.connect_timeout.as_secs_f32();
            let what = format!("{}: {e} (pool.connect_timeout is {limit} s)", s.server());
            (what, ConnectKind::Timeout)
        }
        Error::Tls(problem) => (format!("TLS with {}: {problem}", s.server()), ConnectKind::Tls),
        Error::Encryption(_) => (format!("{}: {e}", s.server()), ConnectKind::NoTls),
        Error::Login(m) => (e.to_string(), refused(m)),
        _ => (format!("{}: {e}", s.server()), ConnectKind::Other),
    };
    DbError::Connect(what, kind)
}

/// What a server's answer to a login is about.
fn refused(m: &Message) -> ConnectKind {
    match m.number {
        911 | 4060 | 4064 => ConnectKind::Database,
        // Of these nobody is counted: script upgrade, single user, server shutting down or paused.
        18_401 | 18_451 | 18_461 | 18_491 => ConnectKind::Other,
        18_401..=18_999 => ConnectKind::Login,
        _ => ConnectKind::Other,
    }
}

/// Why a request was not answered.
pub(super) fn broken(e: Error) -> DbError {
    match e {
        Error::Parameter { .. } | Error::Protocol(_) => DbError::Driver(e.to_string()),
        e => DbError::Lost(e.to_string()),
    }
}

impl From<Message> for SqlError {
    fn from(m: Message) -> Self {
        Self {
            // Numbers of errors are positive.
            number: m.number.unsigned_abs(),
            severity: m.severity,
            state: m.state,
            line: m.line,
            procedure: m.procedure,
            message: m.text,
        }
    }
}
