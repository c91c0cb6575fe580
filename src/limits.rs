//! Who may call how often, how much at once, and how many rows and bytes in an hour: by principal,
//! with `[[quota]]` for those who need other numbers. The counts are this process's: with several
//! replicas each has its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use mssql_mcp_middleware::rate_limit::{Limiter, Quota};
use mssql_mcp_transports::{Continuation, McpRequest, Outcome};

use crate::config::{Config, QuotaRow};
use crate::facts::{CallFacts, work};
use crate::principal::Principal;
use crate::refusal::Refusal;

/// Principals that are counted at once; those beyond share one count.
const MOST: usize = 10_000;
const HOUR: Duration = Duration::from_secs(3600);

/// Which quota counts the calls of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cost {
    /// It reads or changes rows: `limits.calls`.
    Data,
    /// It only looks at the catalog: `limits.catalog_calls`.
    Catalog,
}

/// All quotas of a process.
#[derive(Debug)]
pub struct Quotas {
    /// Those of the configuration first, then the one for everybody.
    sets: ArcSwap<Vec<Arc<Set>>>,
}

/// Numbers, and the principals they are for.
#[derive(Debug)]
struct Set {
    of: Vec<String>,
    calls: Limiter<String>,
    catalog: Limiter<String>,
    rows: Limiter<String>,
    /// In units of a kilobyte.
    bytes: Limiter<String>,
    at_once: AtomicU32,
    running: DashMap<String, u32>,
}

/// A call that is counted; its end charges what it returned.
#[derive(Debug)]
pub struct Held {
    set: Arc<Set>,
    key: String,
    facts: Arc<CallFacts>,
    /// It claims to be the second round of a confirmed change, and was let in without being
    /// counted.
    continues: bool,
}

impl Set {
    fn new(of: Vec<String>, row: &QuotaRow) -> Self {
        let [calls, catalog, rows, bytes] = numbers(row).map(|q| Limiter::new(q, MOST));
        let at_once = AtomicU32::new(row.concurrent_calls as u32);
        Self { of, calls, catalog, rows, bytes, at_once, running: DashMap::new() }
    }

    /// Other numbers for the same principals; what they spent stays spent.
    fn set(&self, row: &QuotaRow) {
        for (l, q) in
            [&self.calls, &self.catalog, &self.rows, &self.bytes].into_iter().zip(numbers(row))
        {
            l.set(q);
        }
        self.at_once.store(row.concurrent_calls as u32, Ordering::Relaxed);
    }

    fn is_of(&self, subject: &str) -> bool {
        self.of
            .iter()
            .any(|p| p.strip_suffix('*').map_or(p == subject, |start| subject.starts_with(start)))
    }
}

/// Calls, catalog calls, rows, and kilobytes.
fn numbers(row: &QuotaRow) -> [Quota; 4] {
    let minute = |n: u64| Quota::per(n as u32, Duration::from_secs(60));
    let hour = |n: u64| Quota::per(n as u32, HOUR);
    [
        minute(row.calls),
        minute(row.catalog_calls),
        hour(row.rows_per_hour),
        hour((row.bytes_per_hour >> 10).max(1)),
    ]
}

fn wanted(config: &Config) -> Vec<(Vec<String>, QuotaRow)> {
    let own = config.quotas().iter().map(|r| (r.principals.clone(), r.clone()));
    own.chain([(vec!["*".to_owned()], QuotaRow::of(config))]).collect()
}

impl Quotas {
    /// `limits.*` and every `[[quota]]`, with nothing spent.
    pub fn new(config: &Config) -> Self {
        let sets =
            wanted(config).into_iter().map(|(of, row)| Arc::new(Set::new(of, &row))).collect();
        Self { sets: ArcSwap::from_pointee(sets) }
    }

    /// The numbers of a new configuration, from the next call on.
    pub(crate) fn reload(&self, config: &Config) {
        let old = self.sets.load_full();
        let sets =
            wanted(config).into_iter().map(|(of, row)| match old.iter().find(|s| s.of == of) {
                Some(s) => {
                    s.set(&row);
                    s.clone()
                }
                None => Arc::new(Set::new(of, &row)),
            });
        self.sets.store(Arc::new(sets.collect()));
    }

    /// Lets a call in, or says when to come back. The person at this machine is not counted, nor is
    /// what does nothing with a database.
    pub fn admit(&self, r: &McpRequest) -> Result<Option<Held>, Box<Outcome>> {
        let caller = Principal::of(&r.context.extensions);
        let Some(caller) = caller.filter(|p| !p.is_local() && work(r).is_some()) else {
            return Ok(None);
        };
        let facts = r.context.extensions.get::<Arc<CallFacts>>().cloned().unwrap_or_default();
        let sets = self.sets.load();
        let Some(set) = sets.iter().find(|s| s.is_of(&caller.subject)).or(sets.last()) else {
            return Ok(None);
        };
        let key = caller.subject.clone();
        // Whom nobody knows is counted among those that cost.
        let catalog = r.context.extensions.get::<Cost>() == Some(&Cost::Catalog);
        // The second round is the same call; whether it is one is known at its end.
        let continues = r.context.extensions.get::<Continuation>().is_some();
        let cost = u32::from(!continues);
        let checked = [
            ("too many calls in a minute", if catalog { &set.catalog } else { &set.calls }, cost),
            ("the hour's budget of rows is spent", &set.rows, 0),
            ("the hour's budget of bytes is spent", &set.bytes, 0),
        ];
        for (what, limiter, cost) in checked.into_iter().rev() {
            if let Err(wait) = limiter.check(key.clone(), cost) {
                return Err(refused(&facts, Refusal::rate_limited(what, wait)));
            }
        }
        let mut running = set.running.entry(key.clone()).or_insert(0);
        if *running >= set.at_once.load(Ordering::Relaxed) {
            return Err(refused(&facts, Refusal::too_many_at_once(*running)));
        }
        *running += 1;
        drop(running);
        Ok(Some(Held { set: set.clone(), key, facts, continues }))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let set = &self.set;
        if let dashmap::Entry::Occupied(mut e) = set.running.entry(self.key.clone()) {
            *e.get_mut() -= 1;
            // Nobody's entry stays behind.
            if *e.get() == 0 {
                e.remove();
            }
        }
        // What went into a file was read from the database, too.
        let (kept, bytes) = self.facts.in_file();
        let rows = self.facts.rows.load(Ordering::Relaxed).max(kept);
        let kilobytes = (self.facts.bytes.load(Ordering::Relaxed) + bytes) >> 10;
        for (limiter, n) in [(&set.rows, rows), (&set.bytes, kilobytes)] {
            if n > 0 {
                limiter.charge(self.key.clone(), u32::try_from(n).unwrap_or(u32::MAX));
            }
        }
        if self.continues && self.facts.answers().is_empty() {
            set.calls.charge(self.key.clone(), 1);
        }
    }
}

fn refused(facts: &CallFacts, refusal: Refusal) -> Box<Outcome> {
    facts.set_outcome(refusal.code);
    Box::new(Outcome::Complete(refusal.into_reply().into()))
}

#[cfg(test)]
mod tests {
    use mssql_mcp_transports::bare_context;
    use mssql_mcp_transports::{Cancel, ProtocolVersion, Reply};

    use super::*;
    use crate::config::Inputs;

    fn quotas(more: &[(&'static str, &str)]) -> Arc<Quotas> {
        let fixed = more.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
        Arc::new(Quotas::new(
            &Config::load(&Inputs { fixed, ..Inputs::default() }).expect("config"),
        ))
    }

    fn call(who: &str, tool: &str) -> McpRequest {
        let mut extensions = http::Extensions::new();
        Arc::new(Principal { subject: who.into(), ..Principal::default() })
            .into_extensions(&mut extensions);
        extensions.insert(Arc::new(CallFacts::default()));
        extensions.insert(if tool == "list_tables" { Cost::Catalog } else { Cost::Data });
        let context =
            bare_context("http", ProtocolVersion::V2025_11_25, extensions, Cancel::default());
        McpRequest {
            id: None,
            method: "tools/call".into(),
            target: Some(tool.into()),
            params: None,
            context,
        }
    }

    fn told(o: impl AsRef<Outcome>) -> String {
        match o.as_ref() {
            Outcome::Complete(Reply::Tool(t)) => format!("{t:?}"),
            o => panic!("{o:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_are_counted_by_principal_and_class() {
        let q = quotas(&[("limits.calls", "60"), ("limits.catalog_calls", "120")]);
        for _ in 0..60 {
            assert!(q.admit(&call("ada", "execute_sql")).is_ok());
        }
        let text = told(q.admit(&call("ada", "execute_sql")).expect_err("limited"));
        assert!(text.contains("rate_limited") && text.contains("retry_after_s"), "{text}");
        assert!(q.admit(&call("ada", "list_tables")).is_ok(), "another class");
        assert!(q.admit(&call("bob", "execute_sql")).is_ok(), "another principal");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(q.admit(&call("ada", "execute_sql")).is_ok());
        assert!(q.admit(&call("ada", "execute_sql")).is_err(), "exactly one came back");
        let mut local = call("x", "execute_sql");
        Principal::local().into_extensions(&mut local.context.extensions);
        assert!((0..1000).all(|_| q.admit(&local).is_ok_and(|h| h.is_none())));
    }

    #[tokio::test(start_paused = true)]
    async fn calls_at_once_rows_and_bytes_have_their_bounds() {
        let q = quotas(&[
            ("limits.concurrent_calls", "3"),
            ("limits.rows_per_hour", "3600"),
            ("limits.bytes_per_hour", "3686400"),
        ]);
        let held: Vec<_> =
            (0..3).map(|_| q.admit(&call("ada", "execute_sql")).expect("room")).collect();
        assert!(
            told(q.admit(&call("ada", "execute_sql")).expect_err("full"))
                .contains("too_many_at_once")
        );
        drop(held);
        assert!(q.sets.load()[0].running.is_empty());
        // What a call returned is charged at its end; the next one pays the debt first.
        let r = call("ada", "execute_sql");
        let h = q.admit(&r).expect("room");
        r.context.extensions.get::<Arc<CallFacts>>().expect("facts").returned(5400, 10);
        drop(h);
        let text = told(q.admit(&call("ada", "execute_sql")).expect_err("spent"));
        assert!(text.contains("budget of rows") && text.contains("1801"), "{text}");
        tokio::time::advance(Duration::from_secs(1801)).await;
        let r = call("ada", "execute_sql");
        let h = q.admit(&r).expect("paid");
        r.context.extensions.get::<Arc<CallFacts>>().expect("facts").returned(1, 7_372_800);
        drop(h);
        assert!(
            told(q.admit(&call("ada", "list_tables")).expect_err("spent"))
                .contains("budget of bytes")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_round_is_the_same_call_if_it_is_one() {
        let q = quotas(&[("limits.calls", "2")]);
        let second = |round| {
            let mut r = call("ada", "execute_sql");
            r.context.extensions.insert(Continuation::default());
            if let (true, Some(f)) = (round, r.context.extensions.get::<Arc<CallFacts>>()) {
                f.set_answers("1".into());
            }
            r
        };
        for _ in 0..100 {
            assert!(
                q.admit(&second(true)).is_ok(),
                "confirmed changes are charged once, in their first round"
            );
        }
        for _ in 0..2 {
            assert!(q.admit(&second(false)).is_ok());
        }
        assert!(
            q.admit(&call("ada", "execute_sql")).is_err(),
            "what only claims to be one is charged"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_changes_their_name_does_not_grow_memory() {
        let q = quotas(&[("limits.calls", "5")]);
        for n in 0..30_000 {
            let _ = q.admit(&call(&format!("user{n}"), "execute_sql"));
        }
        let set = q.sets.load()[0].clone();
        assert!(set.calls.len() <= MOST && set.rows.len() <= MOST && set.running.is_empty());
    }
}
