//! deadpool over sessions: when one is made, and when it is fit to be used again.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use deadpool::managed::{self, Metrics, PoolError, RecycleError, RecycleResult, Timeouts};
use mssql_mcp_session::{Csv, Discard, Event, Session, Target};

use super::connect::{broken, connect, target};
use super::notices::Notices;
use super::observe::Labels;
use super::reach::Reach;
use super::{ConnectKind, DbError, Identity, Settings};
use crate::telemetry::metrics::{instruments, label};

pub(crate) type Pool = managed::Pool<Manager>;

/// A session of the pool.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) session: Session,
    /// It may hold what the next caller is not to find: a transaction of ours, a temporary table,
    /// an option. It is reset before it is used again.
    pub(crate) unclean: bool,
    /// Never to be used again.
    pub(crate) dirty: bool,
    /// Who and where it is, as it said when it was made.
    pub(crate) identity: Arc<Identity>,
    born: Instant,
    max_age: Duration,
    /// The server as it was when this was made.
    epoch: u64,
}

/// Which server the connections of a pool lead to: after a failover it is another one, and those
/// made before are worth nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Epoch(Arc<AtomicU64>);

// === impl Epoch ===

impl Epoch {
    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// What was made until now is not used again.
    pub(crate) fn end(&self, pool: &Pool) {
        self.0.fetch_add(1, Ordering::Relaxed);
        pool.retain(|_, _| false);
    }
}

/// Makes and checks connections.
#[derive(Debug)]
pub(crate) struct Manager {
    settings: Arc<Settings>,
    reach: Arc<Reach>,
    epoch: Epoch,
    /// Callers are told who and where it is, so it is asked.
    frank: Arc<AtomicBool>,
    /// Made when it is first needed.
    target: Arc<OnceLock<Result<Target, DbError>>>,
}

/// Within this time after its last use a connection is taken without asking it.
const FRESH: Duration = Duration::from_secs(5);
/// How much earlier than the whole attempt the connecting gives up.
const BEFORE_THE_END: Duration = Duration::from_millis(50);
/// From this severity on the server closes the connection.
pub(super) const FATAL: u8 = 20;

/// Builds the pool; nothing connects yet.
pub(crate) fn build(
    settings: Arc<Settings>,
    reach: Arc<Reach>,
    epoch: Epoch,
    frank: Arc<AtomicBool>,
) -> Pool {
    let timeouts = Timeouts {
        wait: Some(settings.wait),
        // `create` has its own limit, so that its error can say which stage took so long.
        create: None,
        recycle: Some(Duration::from_secs(2)),
    };
    let target = Arc::default();
    let manager = Manager { settings: settings.clone(), reach, epoch, frank, target };
    managed::Pool::builder(manager)
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
        let (began, epoch) = (Instant::now(), self.epoch.now());
        // In a task, so that a login that nobody waits for any more ends in our books, too.
        let (settings, reach) = (self.settings.clone(), self.reach.clone());
        let (known, asks) = (self.target.clone(), self.frank.load(Ordering::Relaxed));
        let attempt = tokio::spawn(async move {
            let all = async {
                let _leave = reach.may_log_in().await?;
                let made = match known.get_or_init(|| target(&settings)) {
                    Ok(target) => {
                        // A little less than is left, because its error says what took so long.
                        let left = settings.connect_timeout.saturating_sub(began.elapsed());
                        let within = left.saturating_sub(BEFORE_THE_END).max(left / 2);
                        match connect(target, &settings, within).await {
                            Ok(session) => Ok(introduced(session, asks).await),
                            Err(e) => Err(e),
                        }
                    }
                    Err(e) => Err(e.clone()),
                };
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
        let made = made.map(|(session, identity)| Connection {
            epoch,
            ..Connection::new(session, identity, self.settings.max_age)
        });
        let s = &self.settings;
        let mut labels = vec![Labels::new(s).pool()];
        labels.extend(made.as_ref().err().map(|e| label("error.type", e.kind())));
        instruments().pool_create.record(began.elapsed().as_secs_f64(), &labels);
        made
    }

    async fn recycle(&self, c: &mut Connection, m: &Metrics) -> RecycleResult<DbError> {
        if !c.is_clean() || c.born.elapsed() > c.max_age || c.epoch != self.epoch.now() {
            return Err(RecycleError::message("in use, too old, or of the server before it"));
        }
        // Nobody has to be asked whether the other end has gone, when it says so.
        if !c.session.is_quiet().await {
            return Err(RecycleError::message("closed by the server"));
        }
        if m.last_used() < FRESH {
            return Ok(());
        }
        // Boxed: it is seldom needed, and every lease would have room for it.
        let asked = Box::pin(c.say("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION; SELECT 1")).await;
        asked.map_err(RecycleError::Backend)
    }
}

// === impl Connection ===

impl Connection {
    fn new(session: Session, identity: Identity, max_age: Duration) -> Self {
        // A tenth of jitter, so that a pool filled at once is not replaced at once.
        let dice = f64::from(RandomState::new().hash_one(0) as u32) / f64::from(u32::MAX);
        let max_age = max_age.mul_f64(0.9 + 0.2 * dice);
        let (identity, born) = (Arc::new(identity), Instant::now());
        Self { session, unclean: false, dirty: false, identity, born, max_age, epoch: 0 }
    }

    /// Whether the next caller may have it as it is.
    pub(crate) fn is_clean(&self) -> bool {
        self.session.is_ready() && !self.unclean && !self.dirty
    }

    /// Runs a text of ours, of whose answer only an error matters.
    pub(crate) async fn say(&mut self, text: &str) -> Result<(), DbError> {
        let mut answer = self.session.batch(text).await.map_err(broken)?;
        let mut said = Notices::default();
        while let Some(event) = answer.next(&mut Discard).await.map_err(broken)? {
            if let Event::Error(m) = event {
                said.error(*m);
            }
        }
        self.dirty |= said.errors.iter().any(|e| e.severity >= FATAL);
        said.errors.into_iter().next().map_or(Ok(()), |e| Err(DbError::Sql(e)))
    }
}

/// What a new session says of itself. Who it is takes a round trip, and is not needed by those who
/// may not know it; an answer that does not come is no reason to have no session.
async fn introduced(mut session: Session, asks: bool) -> (Session, Identity) {
    let database = session.database().to_owned();
    let who = match asks {
        true => Box::pin(who(&mut session)).await,
        false => None,
    };
    (session, Identity { database, who })
}

async fn who(session: &mut Session) -> Option<(String, String)> {
    let mut row = Csv::new();
    let mut answer = session.batch("SELECT @@SERVERNAME, ORIGINAL_LOGIN()").await.ok()?;
    let mut good = true;
    while let Some(event) = answer.next(&mut row).await.ok()? {
        good &= !matches!(event, Event::Error(_));
    }
    let text = String::from_utf8(row.take(Vec::new())).ok()?;
    // Neither has a comma or a quotation mark that would have to be read.
    let (server, login) = text.trim_end().split_once(',').filter(|_| good)?;
    Some((server.to_owned(), login.to_owned()))
}

fn too_slow(s: &Settings) -> DbError {
    let text =
        format!("{} did not answer within {} s", s.server(), s.connect_timeout.as_secs_f32());
    DbError::Connect(text, ConnectKind::Timeout)
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
