//! What the rest of the server knows of SQL Server: run a text, look into the catalog, and
//! say what went wrong.
//!
//! The driver stands behind this module; nothing outside names it.

pub mod catalog;
pub mod explain;
mod fetch;
pub mod lease;
pub mod names;
pub mod objects;
pub mod observe;
pub mod pool;
pub mod reach;
mod read;
pub mod rows;
pub mod run;
mod share;
pub mod value;
pub mod wrapper;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use opentelemetry::KeyValue;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::share::ourselves;
use crate::config::Config;
use crate::config::server::Server;
use crate::config::settings::{self, database::Encrypt};
use crate::database::rows::Bounds;
use crate::telemetry::metrics::{gauge, instruments, label};
use crate::telemetry::trace::Trace;
use mssql_mcp_sql::policy::Policy;

/// A database behind a pool of connections. Nothing connects before the first call needs it.
#[derive(Debug, Clone)]
pub struct Database {
    pool: pool::Pool,
    shares: Arc<share::Shares>,
    settings: Arc<Settings>,
    /// Connections that are being cleaned up.
    cleanups: TaskTracker,
    wrapping: Arc<ArcSwap<wrapper::Wrapping>>,
    names: Arc<names::Cache>,
    labels: Arc<observe::Labels>,
    reach: Arc<reach::Reach>,
    /// Callers are not told where it is, and by which login.
    discreet: Arc<AtomicBool>,
}

/// What the configuration says of the database.
#[derive(Debug)]
pub struct Settings {
    /// Host, without instance or port.
    pub host: String,
    /// Port, where there is no instance.
    pub port: u16,
    /// Named instance.
    pub instance: Option<String>,
    /// Login.
    pub user: String,
    password: String,
    /// Database; empty for the login's default.
    pub database: String,
    /// What `/health` calls it.
    pub label: String,
    /// `on`, `strict`, `login-only` or `off`.
    pub encrypt: Encrypt,
    /// Accept any certificate.
    pub trust: bool,
    /// PEM of a CA to trust.
    pub ca: Option<Vec<u8>>,
    /// The server is the sandbox of `demo`, which the instructions say.
    pub sandbox: bool,
    /// Name that the certificate must have.
    pub certificate_host: String,
    /// ApplicationIntent=ReadOnly.
    pub read_intent: bool,
    /// TCP, TLS and login together.
    pub connect_timeout: Duration,
    /// Connections at most.
    pub max_size: usize,
    /// Callers that may wait for a connection.
    pub max_waiting: usize,
    /// Wait for a connection.
    pub wait: Duration,
    /// Close an idle one after this.
    pub idle_timeout: Duration,
    /// Replace one after this.
    pub max_age: Duration,
    /// LOCK_TIMEOUT.
    pub lock_timeout: Duration,
    /// What callers may do.
    pub policy: Policy,
    /// Statements go into spans.
    pub query_text: bool,
    /// SQL Server is told which trace a statement belongs to.
    pub context_info: bool,
}

/// Where one answer must stop.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How much may come back.
    pub bounds: Bounds,
    /// By then.
    pub deadline: Option<Instant>,
    /// Or as soon as this fires.
    pub cancel: CancellationToken,
    /// The trace that the call belongs to.
    pub trace: Option<Trace>,
    /// Whose share of the connections it takes: a principal's subject, or [`ourselves`].
    pub caller: Arc<str>,
}

impl Limits {
    /// For what the server asks by itself, of the catalog.
    pub fn of_our_own() -> Self {
        let bounds = Bounds { max_rows: 50_000, max_chars: 16 << 20, max_cell: 1000, csv: false };
        let deadline = Some(Instant::now() + Duration::from_secs(10));
        Self {
            bounds,
            deadline,
            cancel: CancellationToken::new(),
            trace: None,
            caller: ourselves(),
        }
    }
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum DbError {
    /// SQL Server said no.
    Sql(SqlError),
    /// The deadline passed.
    Timeout,
    /// The caller left or took the call back.
    Cancelled,
    /// More callers wait for a connection than may.
    Overloaded,
    /// All connections were in use for the whole wait.
    Busy {
        /// How long was waited.
        waited: Duration,
    },
    /// No connection could be made.
    Connect(String, ConnectKind),
    /// The connection broke in mid-call.
    Lost(String),
    /// The driver met something that it does not know.
    Driver(String),
}

/// An error of SQL Server, in its own terms.
#[derive(Debug, Clone, PartialEq)]
pub struct SqlError {
    /// Number.
    pub number: u32,
    /// Severity (class).
    pub severity: u8,
    /// State.
    pub state: u8,
    /// Line in the batch.
    pub line: u32,
    /// Procedure, if any.
    pub procedure: String,
    /// Text.
    pub message: String,
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectKind {
    /// The name has no address.
    Dns,
    /// Nothing listens there.
    Refused,
    /// No answer in time.
    Timeout,
    /// TLS or its certificate.
    Tls,
    /// The server has none.
    NoTls,
    /// 18456 and its kin.
    Login,
    /// 4060: no such database, or no right to it.
    Database,
    /// The instance was not found.
    Instance,
    /// Anything else.
    Other,
}

// === impl DbError ===

impl std::fmt::Display for DbError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DbError::Sql(q) => write!(
                f,
                "error {}, severity {}, state {}, line {}: {}",
                q.number, q.severity, q.state, q.line, q.message
            ),
            DbError::Connect(m, _) | DbError::Lost(m) | DbError::Driver(m) => f.write_str(m),
            DbError::Timeout => f.write_str("timed out"),
            DbError::Cancelled => f.write_str("cancelled"),
            DbError::Overloaded => f.write_str("too many callers wait for a connection"),
            DbError::Busy { waited } => {
                write!(f, "no free connection within {} s", waited.as_secs_f32())
            }
        }
    }
}

impl std::error::Error for DbError {}

impl DbError {
    /// Few and fixed, for `error.type`.
    pub fn kind(&self) -> &'static str {
        match self {
            DbError::Sql(_) => "server_error",
            DbError::Timeout => "timeout",
            DbError::Cancelled => "cancelled",
            DbError::Overloaded => "overloaded",
            DbError::Busy { .. } => "pool_timeout",
            DbError::Lost(_) => "connection_lost",
            DbError::Driver(_) => "driver",
            DbError::Connect(_, kind) => match kind {
                ConnectKind::Dns => "dns",
                ConnectKind::Refused => "connection_refused",
                ConnectKind::Timeout => "connect_timeout",
                ConnectKind::Tls | ConnectKind::NoTls => "tls",
                ConnectKind::Login => "login",
                ConnectKind::Database => "no_database",
                ConnectKind::Instance => "no_instance",
                ConnectKind::Other => "connect",
            },
        }
    }
}

// === impl Settings ===

impl Settings {
    /// From the configuration. `HOST,PORT` and `HOST\INSTANCE` are understood, as in
    /// SQL Server's own tools.
    pub fn from_config(c: &Config) -> Result<Self, String> {
        let Server { host, port, instance } = c.server()?;
        // With a port nobody needs to be asked where the instance is.
        let instance = instance.filter(|_| port.is_none());
        let port = port.unwrap_or(1433);
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
            user: c.get(settings::database::USER).to_owned(),
            password: c.get(settings::database::PASSWORD).to_owned(),
            database: c.get(settings::database::NAME).to_owned(),
            label: c.get(settings::database::LABEL).to_owned(),
            encrypt: c.get(settings::database::ENCRYPT),
            trust: c.get(settings::database::TRUST_SERVER_CERTIFICATE),
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
            query_text: c.get(settings::telemetry::QUERY_TEXT),
            context_info: c.get(settings::telemetry::CONTEXT_INFO),
            policy: Policy {
                access: c.get(settings::access::LEVEL),
                allow: c.get(settings::access::ALLOW),
                database: Some(c.get(settings::database::NAME))
                    .filter(|n| !n.is_empty())
                    .map(Into::into),
                ..Policy::default()
            },
        })
    }

    /// Trusts this certificate: for the sandbox, which makes its own.
    pub fn trust_only(&mut self, pem: &str) {
        self.ca = Some(pem.as_bytes().to_vec());
    }

    /// Host and port or instance, for people.
    pub fn server(&self) -> String {
        match &self.instance {
            Some(i) => format!("{}\\{i}", self.host),
            None => format!("{},{}", self.host, self.port),
        }
    }
}

// === impl Database ===

impl Database {
    /// Does not connect.
    pub fn new(settings: Settings) -> Self {
        let settings = Arc::new(settings);
        let cleanups = TaskTracker::new();
        let reach = Arc::new(reach::Reach::new(settings.server(), &settings.user));
        let pool = pool::build(settings.clone(), reach.clone());
        let shares = share::Shares::new(settings.max_size, settings.max_waiting);
        let labels = Arc::new(observe::Labels::new(&settings));
        let wrapping =
            Arc::new(ArcSwap::from_pointee(wrapper::Wrapping::new(settings.lock_timeout)));
        Self {
            pool,
            shares,
            settings,
            cleanups,
            wrapping,
            names: Arc::default(),
            labels,
            reach,
            discreet: Arc::default(),
        }
    }

    /// Callers are other people: they are told the database's label and name, and where it is
    /// stays in the log.
    pub fn be_discreet(&self) {
        self.discreet.store(true, Ordering::Relaxed);
    }

    /// What went wrong, for a caller.
    pub fn explain(&self, e: &DbError) -> explain::Explained {
        if self.discreet.load(Ordering::Relaxed) {
            explain::explain_to_others(e, &self.settings)
        } else {
            explain::explain(e, &self.settings)
        }
    }

    /// Another LOCK_TIMEOUT from the next call on.
    pub fn set_lock_timeout(&self, t: Duration) {
        self.wrapping.store(Arc::new(wrapper::Wrapping::new(t)));
    }

    /// What may run now: a reload may have changed what a caller's SET
    /// LOCK_TIMEOUT is held against.
    pub fn policy(&self) -> Policy {
        let lock_timeout = self.wrapping.load().lock_timeout();
        Policy { lock_timeout, ..self.settings.policy.clone() }
    }

    /// What it was made from.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Asks it something: a connection that was used a moment ago may have nobody at its other end.
    pub async fn ping(&self) -> Result<(), DbError> {
        self.fetch("SELECT 1", &[], &Limits::of_our_own()).await.map(drop)
    }

    /// Whether it answers, for probes: as it did within the last seconds, or now.
    pub async fn answers(&self) -> bool {
        let me = self.clone();
        // In a task, because a login that was begun is waited for by somebody.
        let look = async move {
            tokio::spawn(async move { me.ping().await }).await.unwrap_or(Err(DbError::Cancelled))
        };
        self.reach.answers(look).await
    }

    async fn lease(&self, caller: &Arc<str>) -> Result<lease::Lease, DbError> {
        let asked = Instant::now();
        // Boxed, because making a connection is a large future.
        let object = match tokio::time::timeout(self.settings.wait, self.shares.take(caller)).await
        {
            // A fast, honest answer instead of a place in a line that nobody reaches.
            Ok(Err(share::Full)) => return Err(DbError::Overloaded),
            Err(_) => Err(DbError::Busy { waited: self.settings.wait }),
            Ok(Ok(share)) => Box::pin(self.pool.get())
                .await
                .map(|o| (o, share))
                .map_err(|e| pool::error(e, &self.settings)),
        };
        let m = instruments();
        let pool = [self.labels.pool()];
        m.pool_wait.record(asked.elapsed().as_secs_f64(), &pool);
        if matches!(object, Err(DbError::Busy { .. })) {
            m.pool_timeouts.add(1, &pool);
        }
        let (object, share) = object?;
        Ok(lease::Lease::new(object, share, self.cleanups.clone(), self.labels.clone()))
    }

    fn labels(&self) -> &observe::Labels {
        &self.labels
    }

    /// Connections in use and idle, and callers that wait.
    pub fn status(&self) -> (usize, usize, usize) {
        let s = self.pool.status();
        (s.size - s.available.min(s.size), s.available, self.shares.waiting())
    }

    /// The gauges of all pools, for as long as the process lives.
    pub fn gauges(all: &[Self]) {
        type Put<'a> = &'a mut dyn FnMut(u64, &[KeyValue]);
        let each = |name, read: fn(&Self, Put<'_>)| {
            let all = all.to_vec();
            gauge(name, move |put| all.iter().for_each(|d| read(d, put)));
        };
        each("db.client.connection.count", |d, put| {
            let (used, idle, _) = d.status();
            for (state, n) in [("used", used), ("idle", idle)] {
                put(n as u64, &[d.labels.pool(), label("db.client.connection.state", state)]);
            }
        });
        each("db.client.connection.max", |d, put| {
            put(d.settings.max_size as u64, &[d.labels.pool()])
        });
        each("db.client.connection.pending_requests", |d, put| {
            put(d.status().2 as u64, &[d.labels.pool()])
        });
    }

    /// Closes the pool and waits for clean-ups.
    pub async fn close(&self, grace: Duration) {
        self.pool.close();
        self.cleanups.close();
        let _ = tokio::time::timeout(grace, self.cleanups.wait()).await;
    }

    fn names_cache(&self) -> &names::Cache {
        &self.names
    }

    /// Whether both are handles of one pool.
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.settings, &other.settings)
    }

    /// Closes idle connections; called from time to time.
    pub fn sweep(&self) {
        let idle = self.settings.idle_timeout;
        self.pool.retain(|_, m| m.last_used() < idle);
    }
}
