//! Looks whether the catalog has changed, for those who asked to be told: a few numbers each time,
//! and the list of tables only where those are others.
//!
//! It looks only while somebody listens, and only for a while after a request or a subscription: a
//! database that sleeps when nobody uses it is left asleep.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mssql_mcp_transports::{Change, Changes};
use tokio::sync::watch;
use tokio::time::Instant;

use super::uri::{Aspect, ObjectUri};
use crate::database::{Database, Limits};

/// So many tables are told of at once, and then after a pause.
const AT_ONCE: usize = 256;
const PAUSE: Duration = Duration::from_millis(100);
/// How long after a request it goes on.
const AFTER_REQUEST: Duration = Duration::from_secs(600);
/// How long after a subscription.
const AFTER_SUBSCRIPTION: Duration = Duration::from_secs(86_400);

/// Schema and name → whether it is a routine, and what changes when it does.
type Versions = HashMap<(String, String), (bool, String)>;

/// Until when it is worth looking. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    began: Instant,
    until: Arc<AtomicU64>,
    /// Somebody subscribed: how things are is looked at before they change.
    asked: Arc<watch::Sender<()>>,
    /// Whether anybody looks at all.
    looks: bool,
}

// === impl Watch ===

impl Default for Watch {
    fn default() -> Self {
        Self::new(true)
    }
}

impl Watch {
    /// One that `looks`, or not.
    pub(crate) fn new(looks: bool) -> Self {
        let asked = Arc::new(watch::Sender::new(()));
        Self { began: Instant::now(), until: Arc::default(), asked, looks }
    }

    /// Whether changes of the catalog are told.
    pub(crate) fn looks(&self) -> bool {
        self.looks
    }

    fn extend(&self, by: Duration) {
        let until = (self.began.elapsed() + by).as_secs();
        self.until.fetch_max(until, Ordering::Relaxed);
    }

    /// Somebody used the database.
    pub(crate) fn used(&self) {
        self.extend(AFTER_REQUEST);
    }

    /// Somebody asked to be told.
    pub(crate) fn subscribed(&self) {
        self.extend(AFTER_SUBSCRIPTION);
        self.asked.send_replace(());
    }

    fn is_due(&self) -> bool {
        self.until.load(Ordering::Relaxed) > self.began.elapsed().as_secs()
    }
}

/// Looks each time when `every` has passed, and tells what has changed, for ever.
pub(crate) async fn watched(
    database: Database,
    name: String,
    watch: Watch,
    changes: Changes,
    every: Duration,
) {
    let mut seen: Option<(String, Versions)> = None;
    let mut wanted = watch.asked.subscribe();
    loop {
        let asked = tokio::select! {
            told = wanted.changed() => told.is_ok(),
            () = tokio::time::sleep(every) => false,
        };
        if !watch.is_due() {
            // What happens meanwhile is nobody's news.
            seen = None;
            continue;
        }
        // Whoever subscribes is told from then on, so how things are is looked at once; what changes
        // while nobody hears it is told to who hears next.
        if (asked && seen.is_some()) || (!asked && !changes.is_heard()) {
            continue;
        }
        let limits = Limits::of_our_own();
        let Ok(now) = database.fingerprint(&limits).await else { continue };
        if seen.as_ref().is_some_and(|(before, _)| *before == now) {
            continue;
        }
        let Ok(tables) = database.table_versions(&limits).await else { continue };
        let tables: Versions =
            tables.into_iter().map(|t| ((t.schema, t.name), (t.is_routine, t.version))).collect();
        if let Some((_, before)) = seen.replace((now, tables.clone())) {
            tell(&name, &before, &tables, &changes).await;
        }
    }
}

/// Tells of each table that was altered, and of the list where one came or went.
async fn tell(database: &str, before: &Versions, now: &Versions, changes: &Changes) {
    let (mut listed, mut told) = (false, 0);
    for (table, version) in now.iter().chain(before.iter().filter(|(t, _)| !now.contains_key(*t))) {
        let is_new = !before.contains_key(table);
        let is_gone = !now.contains_key(table);
        let is_routine = version.0;
        listed |= (is_new || is_gone) && !is_routine;
        if is_gone || before.get(table).is_some_and(|old| old != version) {
            // Whoever listens has to keep up.
            told += 1;
            if told % AT_ONCE == 0 {
                tokio::time::sleep(PAUSE).await;
            }
            let of_table = [Aspect::Description, Aspect::Sample];
            for aspect in if is_routine { &[Aspect::Definition][..] } else { &of_table[..] } {
                let aspect = *aspect;
                let (schema, name) = table.clone();
                let uri = ObjectUri { database: database.to_owned(), schema, name, aspect };
                changes.tell(Change::Resource(uri.to_string().into()));
            }
        }
    }
    if listed {
        changes.tell(Change::Resources);
    }
}
