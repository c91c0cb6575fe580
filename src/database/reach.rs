//! Whether the database can be reached, for those who only want to know: told in the log when
//! it changes, remembered for a few seconds for probes, and held back where each attempt
//! counts against an account.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{ConnectKind, DbError};

/// How long a verdict is good for: a probe each second costs the database one look in this time.
const VERDICT: Duration = Duration::from_secs(3);

/// How long a probe waits for the database.
const PATIENCE: Duration = Duration::from_secs(2);

/// Failed logins in [`WINDOW`], at most: policies lock an account after some, often five.
const LOGINS: u32 = 2;

const WINDOW: Duration = Duration::from_secs(60);

/// What is known of one database.
#[derive(Debug)]
pub(crate) struct Reach {
    server: String,
    /// What operators call it.
    label: String,
    known: Mutex<Known>,
    account: Arc<Account>,
    lockable: bool,
    probe: tokio::sync::Mutex<()>,
}

/// A login of a server, which several mounts may share: it is locked once for all of them.
#[derive(Debug)]
struct Account {
    /// Logins at once: no more may be on their way than may fail.
    logins: Semaphore,
    failed: Mutex<Failed>,
}

/// Logins that failed within the window, and why the last one did.
#[derive(Debug, Default)]
struct Failed {
    at: Vec<Instant>,
    why: String,
}

#[derive(Debug, Default)]
struct Known {
    /// Since when, and whether, it answers; none before the first attempt.
    up: Option<(Instant, bool)>,
    verdict: Option<(Instant, bool)>,
}

/// The accounts of this process, by server and login.
static ACCOUNTS: Mutex<BTreeMap<(String, String), Weak<Account>>> = Mutex::new(BTreeMap::new());

impl Account {
    /// That of a login, where one can be locked; a token or a ticket locks nobody out, and many may
    /// be on their way.
    fn of(server: &str, login: Option<&str>) -> Arc<Self> {
        let Some(login) = login else {
            let logins = Semaphore::new(Semaphore::MAX_PERMITS);
            return Arc::new(Self { logins, failed: Mutex::default() });
        };
        let mut all = ACCOUNTS.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, a| a.strong_count() > 0);
        let key = (server.to_lowercase(), login.to_lowercase());
        if let Some(known) = all.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        let new =
            Arc::new(Self { logins: Semaphore::new(LOGINS as usize), failed: Mutex::default() });
        all.insert(key, Arc::downgrade(&new));
        new
    }

    fn failed(&self) -> MutexGuard<'_, Failed> {
        let mut f = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        f.at.retain(|at| at.elapsed() < WINDOW);
        f
    }
}

// === impl Reach ===

impl Reach {
    /// Nothing is known yet.
    pub(crate) fn new(server: String, label: &str, login: Option<&str>) -> Self {
        let (known, probe) = (Mutex::default(), tokio::sync::Mutex::default());
        let (account, lockable) = (Account::of(&server, login), login.is_some());
        Self { server, label: label.to_owned(), known, account, lockable, probe }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leave to log in. While it is held, no more logins are on their way than may still fail in
    /// this minute; once as many have failed, the answer is the last one's, without an attempt.
    pub(crate) async fn may_log_in(&self) -> Result<SemaphorePermit<'_>, DbError> {
        loop {
            let failures = self.failures()?;
            let permit = self
                .account
                .logins
                .acquire_many(1 + failures)
                .await
                .map_err(|_| DbError::Cancelled)?;
            // One that was on its way may have failed meanwhile.
            if self.failures()? <= failures {
                return Ok(permit);
            }
        }
    }

    fn failures(&self) -> Result<u32, DbError> {
        let failed = self.account.failed();
        let failures = failed.at.len() as u32;
        if failures < LOGINS {
            return Ok(failures);
        }
        let left = failed.at.first().map_or(WINDOW, |at| WINDOW.saturating_sub(at.elapsed()));
        let why = failed.why.clone();
        let s = left.as_secs() + 1;
        Err(DbError::Connect(
            format!("{why}; tried again in {s} s, because failed logins can lock the account"),
            ConnectKind::Login,
        ))
    }

    /// Whether it did not answer when it was asked last, within the last minute.
    pub(crate) fn is_known_to_be_down(&self) -> bool {
        self.known().verdict.is_some_and(|(at, up)| !up && at.elapsed() < WINDOW)
    }

    /// How an attempt to connect ended.
    pub(crate) fn attempted(&self, outcome: Result<(), &DbError>) {
        let mut known = self.known();
        let up = outcome.is_ok();
        known.verdict = Some((Instant::now(), up));
        match outcome {
            Ok(()) => self.account.failed().at.clear(),
            Err(DbError::Connect(why, kind)) if kind.counts() && self.lockable => {
                let mut failed = self.account.failed();
                failed.at.push(Instant::now());
                failed.why.clone_from(why);
            }
            Err(_) => {}
        }
        let before = known.up;
        if before.is_some_and(|(_, was)| was == up) {
            return;
        }
        known.up = Some((Instant::now(), up));
        drop(known);
        match (outcome, before) {
            (Ok(()), None) => {
                tracing::info!(target: "mssql_mcp::database", server = %self.server, label = self.label, "the database answers")
            }
            (Ok(()), Some((since, _))) => {
                let down_s = since.elapsed().as_secs();
                tracing::info!(target: "mssql_mcp::database", server = %self.server, label = self.label, down_s, "the database answers again");
            }
            (Err(e), _) => {
                tracing::warn!(target: "mssql_mcp::database", server = %self.server, label = self.label, error.type = e.kind(), "the database cannot be \
                    reached: {e}");
            }
        }
    }

    /// Whether it answers: as it was found within the last seconds, or as `look` finds it. However
    /// many ask, one looks.
    pub(crate) async fn answers(&self, look: impl Future<Output = Result<(), DbError>>) -> bool {
        let _one = self.probe.lock().await;
        let verdict = self.known().verdict;
        if let Some((_, up)) = verdict.filter(|(at, _)| at.elapsed() < VERDICT) {
            return up;
        }
        let up = matches!(tokio::time::timeout(PATIENCE, look).await, Ok(Ok(())));
        self.known().verdict = Some((Instant::now(), up));
        up
    }
}
