//! How a connection is made: where to, with which TLS, as whom, and what it means when there is
//! none.

use std::time::{Duration, Instant};

use mssql_mcp_session::{
    Encrypt as Encryption, Error, LoginConfig, Message, Session, Stage, Target, Tls, Trust,
};
use tiberius::SqlBrowser;
use tokio::net::TcpStream;

use super::{ConnectKind, DbError, Settings, SqlError, transient};
use crate::config::settings::database::Encrypt;

/// What a login that is refused is told, and no more than that.
const LOGIN_FAILED: u32 = 18_456;
/// A login is sent on so many times at most, as Microsoft's drivers have it.
const HOPS: u32 = 10;

/// Reads the certificates that are trusted, which takes some milliseconds: once for a pool.
pub(super) fn target(s: &Settings) -> Result<Target, DbError> {
    is_configured(s)?;
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
    let tls = Tls::new(encrypt, &trust, name).map_err(|e| failed(e, s, &s.server()))?;
    let mut login = LoginConfig::new();
    if !s.database.is_empty() {
        login.database(&s.database);
    }
    login.application_name(&s.application);
    login.readonly(s.read_intent);
    let mut target = Target::new(&s.host, s.port, tls, login);
    target.instance.clone_from(&s.instance);
    target.all_at_once = s.multi_subnet;
    target.packet_size = s.packet_size;
    target.spn = Some(&s.spn).filter(|s| !s.is_empty()).and_then(|s| s.parse().ok());
    Ok(target)
}

/// Why a login failed, with the server's number where it was the server that refused it.
struct LoginRefusal {
    error: DbError,
    number: Option<u32>,
}

// === impl LoginRefusal ===

impl From<DbError> for LoginRefusal {
    fn from(error: DbError) -> Self {
        Self { error, number: None }
    }
}

impl LoginRefusal {
    fn of(e: Error, s: &Settings, at: &str) -> Self {
        let number = match &e {
            Error::Login(m) => Some(m.number.unsigned_abs()),
            _ => None,
        };
        Self { error: failed(e, s, at), number }
    }
}

/// Connects and logs in, within a time. What passes by itself is tried again while there is time;
/// a token that SQL Server does not take, once with another one.
pub(super) async fn connect(
    target: &Target,
    s: &Settings,
    within: Duration,
) -> Result<Session, DbError> {
    let deadline = Instant::now() + within;
    let left = || deadline.saturating_duration_since(Instant::now());
    let (mut attempt, mut renewed) = (0, false);
    loop {
        let brought = s.login.bring(left()).await?;
        let mut target = Target { connect_timeout: left(), ..target.clone() };
        target.fed_auth = brought.token.is_some();
        target.login.authentication(brought.auth);
        target.windows = brought.windows;
        let refusal = match once(&target, s).await {
            Ok(session) => return Ok(session),
            Err(e) => e,
        };
        if let (Some(LOGIN_FAILED), Some(token)) = (refusal.number, &brought.token) {
            let expired = refusal.error.to_string().contains("expired");
            if s.login.refused(token, expired) && !std::mem::replace(&mut renewed, true) {
                continue;
            }
        }
        let pause = transient::pause(attempt);
        if !refusal.number.is_some_and(transient::at_login) || pause >= left() {
            return Err(refusal.error);
        }
        tokio::time::sleep(pause).await;
        attempt += 1;
    }
}

/// Over stdio a server may have been started without a database.
fn is_configured(s: &Settings) -> Result<(), DbError> {
    match s.host.is_empty() {
        true => Err(DbError::Connect(
            "no SQL Server is configured".to_owned(),
            ConnectKind::Unconfigured,
        )),
        false => Ok(()),
    }
}

/// Whether anything answers where the database is; nobody is logged in.
pub(super) async fn reached(s: &Settings) -> Result<(), DbError> {
    is_configured(s)?;
    if let Some(instance) = &s.instance {
        return open_instance(s, instance).await.map(drop);
    }
    let reached = Session::reach(&s.host, s.port, s.multi_subnet).await;
    reached.map_err(|e| failed(e, s, &s.server()))
}

/// One login, at the server that it belongs to: Azure's gateway and a listener of an availability
/// group send it on.
async fn once(target: &Target, s: &Settings) -> Result<Session, LoginRefusal> {
    let deadline = Instant::now() + target.connect_timeout;
    let mut made = match &s.instance {
        Some(instance) => {
            let tcp = open_instance(s, instance).await?;
            Box::pin(Session::over(tcp, target)).await
        }
        None => Box::pin(Session::connect(target)).await,
    };
    let mut at = s.server();
    for _ in 0..HOPS {
        let (host, port) = match made {
            Err(Error::Routing { host, port }) => (host, port),
            made => return made.map_err(|e| LoginRefusal::of(e, s, &at)),
        };
        // Some servers name the instance, too, which the port already says.
        let host = host.split('\\').next().unwrap_or_default().to_owned();
        let connect_timeout = deadline.saturating_duration_since(Instant::now());
        // The certificate is that of the other server, unless the operator names one for both.
        let routed = Target { host, port, instance: None, connect_timeout, ..target.clone() };
        made = match Box::pin(Session::connect(&routed)).await {
            Err(
                e @ (Error::Dns(_)
                | Error::Refused(_)
                | Error::Unreachable(_)
                | Error::Slow(Stage::Connect)),
            ) => {
                let what = format!(
                    "{} sends the login on to {},{}, which cannot be reached: {e}",
                    s.server(),
                    routed.host,
                    routed.port
                );
                return Err(DbError::Connect(what, ConnectKind::Redirect).into());
            }
            made => made,
        };
        at = format!("{} (to which {} sent the login on)", routed.at(), s.server());
    }
    if !matches!(made, Err(Error::Routing { .. })) {
        return made.map_err(|e| LoginRefusal::of(e, s, &at));
    }
    let what =
        format!("{} sends logins in a circle, or through more than {HOPS} servers", s.server());
    made.map_err(|_| DbError::Connect(what, ConnectKind::Redirect).into())
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

/// Why there is no connection with the server at this place.
fn failed(e: Error, s: &Settings, at: &str) -> DbError {
    let (what, kind) = match &e {
        Error::Dns(_) => (e.to_string(), ConnectKind::Dns),
        Error::Refused(_) => (e.to_string(), ConnectKind::Refused),
        Error::Credentials(_) => (e.to_string(), ConnectKind::Ticket { for_now: false }),
        Error::Slow(Stage::Ticket) => (e.to_string(), ConnectKind::Ticket { for_now: true }),
        // It has a limit of its own, and the way to the server is open.
        Error::Slow(Stage::Tls) => (format!("{}: {e}", at), ConnectKind::Tls),
        Error::Slow(_) => {
            let limit = s.connect_timeout.as_secs_f32();
            let what = format!("{}: {e} (pool.connect_timeout is {limit} s)", at);
            match e {
                Error::Slow(Stage::Connect) => (what, ConnectKind::Timeout),
                _ => (what, ConnectKind::Silent),
            }
        }
        Error::Tls(problem) => (format!("TLS with {}: {problem}", at), ConnectKind::Tls),
        Error::Encryption(_) => (format!("{}: {e}", at), ConnectKind::NoTls),
        Error::Login(m) => (e.to_string(), refused(m)),
        _ => (format!("{}: {e}", at), ConnectKind::Other),
    };
    DbError::Connect(what, kind)
}

/// What a server's answer to a login is about (`sys.messages`).
fn refused(m: &Message) -> ConnectKind {
    match m.number {
        911 | 916 | 4060 | 4064 => ConnectKind::Database,
        // Of these nobody is counted: script upgrade, single user, server shutting down or paused.
        18_401 | 18_451 | 18_461 | 18_491 => ConnectKind::Other,
        18_452 => ConnectKind::Untrusted,
        18_470 => ConnectKind::Disabled,
        18_486 => ConnectKind::Locked,
        18_487 | 18_488 => ConnectKind::Expired,
        18_401..=18_999 => ConnectKind::Login,
        40_531 | 40_532 => ConnectKind::Gateway,
        40_615 | 40_914 | 42_101 | 47_073 => ConnectKind::Firewall,
        47_072 => ConnectKind::OldTls,
        n if transient::at_login(n.unsigned_abs()) => ConnectKind::Passing,
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
