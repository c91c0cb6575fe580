//! What the rest of the server knows of SQL Server: run a text, look into the catalog, and
//! say what went wrong.
//!
//! The session and the driver stand behind this module.

pub mod catalog;
mod connect;
mod error;
pub(crate) mod explain;
mod fetch;
mod identity;
pub(crate) mod lease;
pub(crate) mod login;
pub(crate) mod names;
pub(crate) mod notices;
pub(crate) mod objects;
pub(crate) mod observe;
mod overflow;
mod own_pools;
pub(crate) mod pool;
pub(crate) mod reach;
mod read;
pub mod rows;
pub mod run;
mod settings;
mod share;
mod transient;
pub mod wrapper;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use mssql_mcp_session::Way;
use mssql_mcp_transports::Notifier;
use opentelemetry::KeyValue;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::error::{ConnectKind, DbError, SqlError};
pub use self::identity::{Identity, Seen};
pub use self::overflow::Overflow;
pub use self::settings::Settings;
pub use self::share::ourselves;
use crate::database::rows::Bounds;
use crate::knowledge::Knowledge;
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
    epoch: pool::Epoch,
    people: Arc<own_pools::OwnPools>,
    /// Callers are told where it is, and by which login.
    frank: Arc<AtomicBool>,
    index: Arc<catalog::index::IndexCache>,
    knowledge: Arc<ArcSwap<Knowledge>>,
    /// Its catalog lacks what tells of periods and change data capture.
    plain_catalog: Arc<AtomicBool>,
}

/// Where one answer must stop.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How much may come back.
    pub bounds: Bounds,
    /// How much of that a model gets, where more is read than that: by it the cells are cut.
    pub page: Option<Bounds>,
    /// When the answer must be there; none for no limit.
    pub deadline: Option<Instant>,
    /// Or as soon as this fires.
    pub cancel: CancellationToken,
    /// The trace that the call belongs to.
    pub trace: Option<Trace>,
    /// Whose share of the connections it takes: a principal's subject, or [`ourselves`].
    pub caller: Arc<str>,
    /// Who is told how far it is, and what SQL Server says meanwhile.
    pub notifier: Notifier,
    /// Where it ran, in the end.
    pub seen: Seen,
    /// Where the rows of a read go that are beyond it.
    pub overflow: Option<Overflow>,
}

impl Limits {
    /// For what the server asks by itself, of the catalog.
    pub(crate) fn of_our_own() -> Self {
        let bounds = Bounds { max_rows: 50_000, max_chars: 16 << 20, max_cell: 1000, csv: false };
        let deadline = Some(Instant::now() + Duration::from_secs(10));
        Self {
            bounds,
            page: None,
            deadline,
            cancel: CancellationToken::new(),
            trace: None,
            caller: ourselves(),
            notifier: Notifier::default(),
            seen: Seen::default(),
            overflow: None,
        }
    }
}

// === impl Database ===

impl Database {
    /// A pool that connects when it is first needed.
    pub fn new(settings: Settings) -> Self {
        let settings = Arc::new(settings);
        let cleanups = TaskTracker::new();
        let reach = Arc::new(reach::Reach::new(
            settings.server(),
            &settings.label,
            settings.login.account(),
        ));
        let frank = Arc::<AtomicBool>::default();
        let epoch = pool::Epoch::default();
        let pool = pool::build(settings.clone(), reach.clone(), epoch.clone(), frank.clone());
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
            epoch,
            people: Arc::default(),
            frank,
            index: Arc::default(),
            knowledge: Arc::default(),
            plain_catalog: Arc::default(),
        }
    }

    /// What people know of it, from the next call on. What is wrong with that is logged once.
    pub(crate) fn know(&self, knowledge: Arc<Knowledge>) {
        if *knowledge == **self.knowledge.load() {
            return;
        }
        for problem in &knowledge.problems {
            let label = &self.settings.label;
            tracing::warn!(target: "mssql_mcp::knowledge", database = %label, "database.knowledge: {problem}");
        }
        self.knowledge.store(knowledge);
    }

    /// What people know of it.
    pub(crate) fn knowledge(&self) -> Arc<Knowledge> {
        self.knowledge.load_full()
    }

    /// Callers are told where it is: they are the operator, or the operator wants it so. Others are
    /// told the database's label and name, and the rest stays in the log.
    pub(crate) fn be_frank(&self) {
        self.frank.store(true, Ordering::Relaxed);
    }

    /// Whether callers are told where it is.
    pub(crate) fn is_frank(&self) -> bool {
        self.frank.load(Ordering::Relaxed)
    }

    /// What went wrong, for a caller.
    pub(crate) fn explain(&self, e: &DbError) -> explain::Explained {
        if self.is_frank() {
            explain::explain(e, &self.settings)
        } else {
            explain::explain_to_others(e, &self.settings)
        }
    }

    /// Another LOCK_TIMEOUT from the next call on.
    pub(crate) fn set_lock_timeout(&self, t: Duration) {
        self.wrapping.store(Arc::new(wrapper::Wrapping::new(t)));
    }

    /// What may run now: a reload may have changed what a caller's SET
    /// LOCK_TIMEOUT is held against.
    pub(crate) fn policy(&self) -> Policy {
        let lock_timeout = self.wrapping.load().lock_timeout();
        Policy { lock_timeout, ..self.settings.policy.clone() }
    }

    /// What it was made from.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Asks it something: a connection that was used a moment ago may have nobody at its other end.
    pub(crate) async fn ping(&self) -> Result<(), DbError> {
        self.fetch("SELECT 1", &[], &Limits::of_our_own()).await.map(drop)
    }

    /// How a session of it was reached.
    pub(crate) async fn way(&self, limits: &Limits) -> Result<Way, DbError> {
        let mut lease = self.lease(limits).await?;
        lease.connection().map(|c| c.session.way().clone())
    }

    /// Whether it answers, for probes: as it did within the last seconds, or now.
    pub(crate) async fn answers(&self) -> bool {
        let me = self.clone();
        // In a task, because a login that was begun is waited for by somebody.
        let look = async move {
            let look =
                async move { if me.is_personal() { me.reached().await } else { me.ping().await } };
            tokio::spawn(look).await.unwrap_or(Err(DbError::Cancelled))
        };
        self.reach.answers(look).await
    }

    /// Whether it did not answer a moment ago; nobody is asked.
    pub(crate) fn is_known_to_be_down(&self) -> bool {
        self.reach.is_known_to_be_down()
    }

    async fn lease(&self, limits: &Limits) -> Result<lease::Lease, DbError> {
        let caller = &limits.caller;
        let asked = Instant::now();
        // Boxed, because making a connection is a large future.
        let object = match tokio::time::timeout(self.settings.wait, self.shares.take(caller)).await
        {
            // A fast, honest answer instead of a place in a line that nobody reaches.
            Ok(Err(share::LineFull)) => return Err(DbError::Overloaded),
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
        limits.seen.set(object.identity.clone());
        Ok(lease::Lease::new(object, share, self.cleanups.clone(), self.labels.clone()))
    }

    /// What an error says of the other connections: after a failover they lead to a server that is
    /// not the one any more.
    fn judge_pool(&self, error: &DbError) {
        let moved = match error {
            DbError::Lost(_) => true,
            DbError::Sql(e) => transient::failed_over(e.number),
            _ => false,
        };
        if moved {
            tracing::debug!(target: "mssql_mcp::database", label = self.settings.label, "{error}: \
                the connections that were made before are closed");
            self.epoch.end(&self.pool);
        }
    }

    fn labels(&self) -> &observe::Labels {
        &self.labels
    }

    /// Connections in use and idle, and callers that wait.
    pub fn status(&self) -> (usize, usize, usize) {
        let mut all = self.of_people();
        all.push(self.clone());
        all.into_iter().fold((0, 0, 0), |(used, idle, waiting), d| {
            let s = d.pool.status();
            let busy = s.size - s.available.min(s.size);
            (used + busy, idle + s.available, waiting + d.shares.waiting())
        })
    }

    /// The gauges of all pools, for as long as the process lives.
    pub(crate) fn gauges(all: &[Self]) {
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
    pub(crate) async fn close(&self, grace: Duration) {
        let people = self.of_people();
        people.iter().for_each(|p| p.pool.close());
        for own in people {
            own.cleanups.close();
            let _ = tokio::time::timeout(grace, own.cleanups.wait()).await;
        }
        self.pool.close();
        self.cleanups.close();
        let _ = tokio::time::timeout(grace, self.cleanups.wait()).await;
    }

    fn names_cache(&self) -> &names::Cache {
        &self.names
    }

    /// Whether both are handles of one pool.
    pub(crate) fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.settings, &other.settings)
    }

    /// Closes idle connections; called from time to time.
    pub(crate) fn sweep(&self) {
        let idle = self.settings.idle_timeout;
        self.pool.retain(|_, m| m.last_used() < idle);
        self.of_people().iter().for_each(|own| drop(own.pool.retain(|_, m| m.last_used() < idle)));
        self.forget_people(idle);
    }
}
