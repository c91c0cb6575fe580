//! deadpool over the driver: how a connection is made, and when one is fit to be used again.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, PoolError, RecycleError, RecycleResult, Timeouts};
use tiberius::{AuthMethod, Client, Config, EncryptionLevel, SqlBrowser};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use super::observe::Labels;
use super::reach::Reach;
use super::{ConnectKind, DbError, Settings, SqlError};
use crate::config::settings::database::Encrypt;
use crate::telemetry::metrics::{instruments, label};

pub(crate) type Pool = managed::Pool<Manager>;

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: Client<Compat<TcpStream>>,
    /// A request was sent and its answer is not read to the end.
    pub(crate) in_flight: bool,
    /// Never to be used again.
    pub(crate) dirty: bool,
    born: Instant,
    max_age: Duration,
}

/// Makes and checks connections.
#[derive(Debug)]
pub(crate) struct Manager {
    settings: Arc<Settings>,
    reach: Arc<Reach>,
}

/// Within this time after its last use a connection is taken without asking it.
const FRESH: Duration = Duration::from_secs(5);

/// Builds the pool; nothing connects yet.
pub(crate) fn build(settings: Arc<Settings>, reach: Arc<Reach>) -> Pool {
    let timeouts = Timeouts {
        wait: Some(settings.wait),
        // `create` has its own limit, so that its error can say which stage took so long.
        create: None,
        recycle: Some(Duration::from_secs(2)),
    };
    managed::Pool::builder(Manager { settings: settings.clone(), reach })
        .max_size(settings.max_size)
        .timeouts(timeouts)
        .queue_mode(managed::QueueMode::Lifo)
        .runtime(deadpool::Runtime::Tokio1)
        .build()
        .unwrap_or_else(|e| unreachable!("a runtime is given: {e}"))
}

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = DbError;

    async fn create(&self) -> Result<Connection, DbError> {
        let began = Instant::now();
        // In a task, so that a login that nobody waits for any more ends in our books, too.
        let (settings, reach) = (self.settings.clone(), self.reach.clone());
        let attempt = tokio::spawn(async move {
            let all = async {
                let _leave = reach.may_log_in().await?;
                let made = connect(&settings).await;
                reach.attempted(made.as_ref().map(|_| ()));
                made
            };
            // One limit for the leave and the login.
            tokio::time::timeout(settings.connect_timeout, Box::pin(all)).await.unwrap_or_else(
                |_| {
                    let e = too_slow(&settings);
                    reach.attempted(Err(&e));
                    Err(e)
                },
            )
        });
        let made = attempt.await.unwrap_or_else(|e| Err(DbError::Driver(e.to_string())));
        let s = &self.settings;
        let mut labels = vec![Labels::new(s).pool()];
        labels.extend(made.as_ref().err().map(|e| label("error.type", e.kind())));
        instruments().pool_create.record(began.elapsed().as_secs_f64(), &labels);
        made
    }

    async fn recycle(&self, c: &mut Connection, m: &Metrics) -> RecycleResult<DbError> {
        if c.in_flight || c.dirty || c.born.elapsed() > c.max_age {
            return Err(RecycleError::message("in flight, dirty or too old"));
        }
        if m.last_used() < FRESH {
            return Ok(());
        }
        c.in_flight = true;
        let asked = async {
            c.client
                .simple_query("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION; SELECT 1")
                .await?
                .into_results()
                .await
        };
        asked.await.map_err(|e| RecycleError::Backend(driver_error(e)))?;
        c.in_flight = false;
        Ok(())
    }
}

fn too_slow(s: &Settings) -> DbError {
    let text =
        format!("{} did not answer within {} s", s.server(), s.connect_timeout.as_secs_f32());
    DbError::Connect(text, ConnectKind::Timeout)
}

fn driver_config(s: &Settings) -> Config {
    let mut c = Config::new();
    c.host(&s.host);
    match &s.instance {
        // Where no port is set, the driver asks SQL Server Browser on UDP 1434 (MC-SQLR).
        Some(i) => c.instance_name(i),
        None => c.port(s.port),
    }
    if !s.database.is_empty() {
        c.database(&s.database);
    }
    c.application_name("mssql-mcp");
    c.authentication(AuthMethod::sql_server(&s.user, &s.password));
    c.encryption(match s.encrypt {
        Encrypt::Strict => EncryptionLevel::Strict,
        Encrypt::LoginOnly => EncryptionLevel::Off,
        Encrypt::Off => EncryptionLevel::NotSupported,
        Encrypt::On => EncryptionLevel::Required,
    });
    if let Some(pem) = &s.ca {
        c.trust_cert_ca_bundle(pem.clone());
    } else if s.trust {
        c.trust_cert();
    }
    if !s.certificate_host.is_empty() {
        c.hostname_in_certificate(&s.certificate_host);
    }
    c.readonly(s.read_intent);
    // Our own deadline covers the answer; the driver's would leave the statement running.
    c.command_timeout(None);
    // `create` bounds the whole attempt, and says so in our words.
    c.handshake_timeout(None);
    c
}

async fn connect(s: &Settings) -> Result<Connection, DbError> {
    let config = driver_config(s);
    let tcp = match &s.instance {
        Some(instance) => open_instance(&config, s, instance).await?,
        None => open(&s.host, s.port).await?,
    };
    let client = match Box::pin(login(config.clone(), tcp)).await {
        // Azure sends the login to another node; one hop, as its own drivers do.
        Err(tiberius::error::Error::Routing { host, port }) => {
            let tcp = open(&host, port).await?;
            let mut config = config;
            config.host(&host);
            config.port(port);
            Box::pin(login(config, tcp)).await.map_err(|e| connect_error(e, s))?
        }
        other => other.map_err(|e| connect_error(e, s))?,
    };
    // A tenth of jitter, so that a pool filled at once is not replaced at once.
    let dice = f64::from(RandomState::new().hash_one(0) as u32) / f64::from(u32::MAX);
    let max_age = s.max_age.mul_f64(0.9 + 0.2 * dice);
    Ok(Connection { client, in_flight: false, dirty: false, born: Instant::now(), max_age })
}

async fn login(
    config: Config,
    tcp: TcpStream,
) -> Result<Client<Compat<TcpStream>>, tiberius::error::Error> {
    Box::pin(Client::connect(config, tcp.compat_write())).await
}

/// Asks SQL Server Browser for the instance's port, and connects to it.
async fn open_instance(
    config: &Config,
    s: &Settings,
    instance: &str,
) -> Result<TcpStream, DbError> {
    // The driver would call a name without an address an instance that is not known.
    if let Err(e) = tokio::net::lookup_host((s.host.as_str(), 1434)).await {
        return Err(DbError::Connect(
            format!("the name {} has no address: {e}", s.host),
            ConnectKind::Dns,
        ));
    }
    TcpStream::connect_named(config).await.map_err(|e| match e {
        tiberius::error::Error::Io { kind: std::io::ErrorKind::ConnectionRefused, .. } => DbError::Connect(
            format!(
                "nothing listens on the port that SQL Server Browser on {} names for the instance \
                 {instance}",
                s.host
            ),
            ConnectKind::Refused,
        ),
        tiberius::error::Error::Conversion(m) if m.contains("timeout") => DbError::Connect(
            format!("SQL Server Browser on {} (UDP 1434) says nothing of the instance {instance}", s.host),
            ConnectKind::Instance,
        ),
        e => DbError::Connect(
            format!("SQL Server Browser on {} does not know the instance {instance}: {e}", s.host),
            ConnectKind::Instance,
        ),
    })
}

/// Tries each address of a name.
async fn open(host: &str, port: u16) -> Result<TcpStream, DbError> {
    let addresses: Vec<_> = match tokio::net::lookup_host((host, port)).await {
        Ok(a) => a.collect(),
        Err(e) => {
            return Err(DbError::Connect(
                format!("the name {host} has no address: {e}"),
                ConnectKind::Dns,
            ));
        }
    };
    let mut last = None;
    for a in addresses {
        match TcpStream::connect(a).await {
            Ok(tcp) => {
                let _ = tcp.set_nodelay(true);
                return Ok(tcp);
            }
            Err(e) => last = Some((a, e)),
        }
    }
    Err(match last {
        Some((a, e)) if e.kind() == std::io::ErrorKind::ConnectionRefused => DbError::Connect(
            format!("nothing listens on {a} ({host}): connection refused"),
            ConnectKind::Refused,
        ),
        Some((a, e)) if e.kind() == std::io::ErrorKind::TimedOut => {
            DbError::Connect(format!("{a} ({host}) does not answer"), ConnectKind::Timeout)
        }
        Some((a, e)) => DbError::Connect(format!("{a} ({host}): {e}"), ConnectKind::Other),
        None => DbError::Connect(format!("the name {host} has no address"), ConnectKind::Dns),
    })
}

fn connect_error(e: tiberius::error::Error, s: &Settings) -> DbError {
    use tiberius::error::Error as E;
    match e {
        E::Server(t) => {
            let kind = match t.code() {
                911 | 4060 | 4064 => ConnectKind::Database,
                // Of these nobody is counted: script upgrade, single user, server
                // shutting down or paused.
                18_401 | 18_451 | 18_461 | 18_491 => ConnectKind::Other,
                18_401..=18_999 => ConnectKind::Login,
                _ => ConnectKind::Other,
            };
            DbError::Connect(
                format!(
                    "{} (error {}, state {})",
                    t.message().trim_end_matches('.'),
                    t.code(),
                    t.state()
                ),
                kind,
            )
        }
        E::Tls(m) => tls_error(&m, s),
        E::Io { message, .. }
            if message.contains("certificate")
                || message.contains("tls")
                || message.contains("handshake") =>
        {
            tls_error(&message, s)
        }
        E::Io { kind: std::io::ErrorKind::TimedOut, .. } => DbError::Connect(
            format!("{} took too long over the handshake", s.server()),
            ConnectKind::Timeout,
        ),
        E::Protocol(m) if m.contains("encryption") || m.contains("Encrypt") => {
            let what = format!(
                "{} does not offer TLS, and database.encrypt (MSSQL_ENCRYPT) is {}",
                s.server(),
                s.encrypt
            );
            tracing::debug!(target: "mssql_mcp::database", reason = %m, "no TLS");
            DbError::Connect(what, ConnectKind::NoTls)
        }
        other => DbError::Connect(format!("{}: {other}", s.server()), ConnectKind::Other),
    }
}

/// What is wrong with TLS or a certificate, in words of ours and with the names of our settings.
fn tls_error(m: &str, s: &Settings) -> DbError {
    let host = if s.certificate_host.is_empty() { &s.host } else { &s.certificate_host };
    let has = |words: &[&str]| words.iter().any(|w| m.contains(w));
    let given = s.ca.is_some();
    let what = if has(&["UnknownIssuer", "UnknownCA", "unknown CA"]) {
        match given {
            true => "its certificate is signed by another authority than the one in \
                     database.ca_file (MSSQL_CA_FILE)"
                .into(),
            false => "its certificate is signed by an authority that is not trusted here; \
                      database.ca_file (MSSQL_CA_FILE) names one to trust"
                .into(),
        }
    } else if has(&["CaUsedAsEndEntity"]) {
        "its certificate is that of an authority (basicConstraints CA:TRUE), which no server may \
         show; make one with CA:FALSE, or sign one with it"
            .into()
    } else if has(&["SelfSigned", "self-signed", "self signed"]) {
        "its certificate is self-signed; SQL Server makes one by itself when it has no other. \
         Give it one that an authority signed, and name that in database.ca_file (MSSQL_CA_FILE)"
            .into()
    } else if has(&["NotValidForName", "not valid for name"]) {
        format!(
            "its certificate is for another name than {host}; connect by a name that it has, or \
             set database.certificate_host to one"
        )
    } else if has(&["Expired", "expired", "revoked", "Revoked"]) {
        "its certificate has expired, or was revoked".into()
    } else if has(&["NotValidYet", "not valid yet"]) {
        "its certificate is not valid yet; the clocks may differ".into()
    } else if has(&["InvalidPurpose", "purpose"]) {
        "its certificate is not for servers (extendedKeyUsage serverAuth)".into()
    } else if has(&["BadSignature", "InvalidSignature", "UnsupportedSignature"]) {
        "its certificate is not signed by an authority that is trusted here, whatever it says; \
         database.ca_file (MSSQL_CA_FILE) names one to trust"
            .into()
    } else if has(&["BadEncoding", "UnsupportedCertVersion", "UnhandledCriticalExtension"]) {
        "its certificate cannot be read; one of version 3 (X.509) is needed".into()
    } else if has(&[
        "HandshakeFailure",
        "ProtocolVersion",
        "PeerIncompatible",
        "no server certificate",
        "NoCipherSuites",
    ]) {
        "it offers no version of TLS from 1.2 on that both sides know".into()
    } else if has(&["eof", "EOF", "reset", "closed"]) && s.encrypt == Encrypt::Strict {
        "it ended the connection in the handshake; database.encrypt (MSSQL_ENCRYPT) is strict, \
         which SQL Server 2022 and Azure SQL alone speak"
            .into()
    } else if has(&["eof", "EOF", "reset", "closed"]) {
        "it ended the connection in the handshake; it may have no certificate, or no TLS from 1.2 \
         on"
        .into()
    } else {
        // The driver's advice is for programs that embed it.
        format!("the handshake failed: {}", m.split(". ").next().unwrap_or(m))
    };
    DbError::Connect(format!("TLS with {}: {what}", s.server()), ConnectKind::Tls)
}

/// An error of the driver in mid-call.
pub(crate) fn driver_error(e: tiberius::error::Error) -> DbError {
    use tiberius::error::Error as E;
    match e {
        E::Server(t) => DbError::Sql(SqlError {
            number: t.code(),
            severity: t.class(),
            state: t.state(),
            line: t.line(),
            procedure: t.procedure().to_owned(),
            message: t.message().to_owned(),
        }),
        E::Io { message, .. } => DbError::Lost(message),
        E::Tls(m) => DbError::Lost(m),
        other => DbError::Driver(other.to_string()),
    }
}

/// An error of the pool.
pub(crate) fn error(e: PoolError<DbError>, s: &Settings) -> DbError {
    match e {
        PoolError::Timeout(managed::TimeoutType::Wait) => DbError::Busy { waited: s.wait },
        PoolError::Timeout(_) => {
            DbError::Connect(format!("{} did not answer in time", s.server()), ConnectKind::Timeout)
        }
        PoolError::Backend(e) => e,
        PoolError::Closed => DbError::Cancelled,
        other => DbError::Driver(other.to_string()),
    }
}
