//! What a call did, for those who watch from outside: facts travel up through this,
//! not through the reply.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mssql_mcp_transports::{McpRequest, Outcome, Reply};

use crate::code::Code;
use crate::telemetry::trace::Trace;

/// No number of rows.
const UNKNOWN: u64 = u64::MAX;

/// Filled by tools; read by telemetry, audit and quotas when the call ends or is dropped.
#[derive(Debug, Default)]
pub struct CallFacts {
    pub(crate) rows: AtomicU64,
    /// Bytes of structured content.
    pub(crate) bytes: AtomicU64,
    /// Rows and bytes that went into a file.
    kept: (AtomicU64, AtomicU64),
    verdict: OnceLock<&'static str>,
    outcome: OnceLock<Code>,
    truncated: OnceLock<&'static str>,
    handle: OnceLock<String>,
    asked: OnceLock<String>,
    answers: OnceLock<String>,
    committed: OnceLock<bool>,
    dry_run: AtomicBool,
    names_were_right: AtomicBool,
    affected: AtomicU64,
    trace: OnceLock<Trace>,
}

impl CallFacts {
    /// Puts facts of its own into a request's extensions.
    pub(crate) fn within(mut request: McpRequest) -> McpRequest {
        request.context.extensions.insert(Arc::new(Self::default()));
        request
    }

    /// Adds what an answer holds.
    pub(crate) fn returned(&self, rows: u64, bytes: usize) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Adds what went into a file, where it is more than the answer holds.
    pub(crate) fn kept(&self, rows: u64, bytes: u64) {
        self.kept.0.fetch_add(rows, Ordering::Relaxed);
        self.kept.1.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Rows and bytes that went into a file.
    pub(crate) fn in_file(&self) -> (u64, u64) {
        (self.kept.0.load(Ordering::Relaxed), self.kept.1.load(Ordering::Relaxed))
    }

    /// What the text was judged to be.
    pub(crate) fn set_verdict(&self, v: &'static str) {
        let _ = self.verdict.set(v);
    }

    /// How it ended; the first one stays.
    pub(crate) fn set_outcome(&self, code: Code) {
        let _ = self.outcome.set(code);
    }

    /// What a changing text did: the rows that it changed, and whether that was committed.
    pub(crate) fn set_changed(&self, rows: Option<u64>, committed: bool) {
        self.affected.store(rows.unwrap_or(UNKNOWN), Ordering::Relaxed);
        let _ = self.committed.set(committed);
    }

    /// It was tried out, and rolled back.
    pub(crate) fn set_dry_run(&self) {
        self.dry_run.store(true, Ordering::Relaxed);
        self.set_outcome(Code::DryRun);
    }

    /// SQL Server ran the text: what stood for a name in it was one.
    pub(crate) fn set_names_were_right(&self) {
        self.names_were_right.store(true, Ordering::Relaxed);
    }

    pub(crate) fn names_were_right(&self) -> bool {
        self.names_were_right.load(Ordering::Relaxed)
    }

    /// Why the answer is not whole.
    pub(crate) fn set_truncated(&self, t: &'static str) {
        let _ = self.truncated.set(t);
    }

    /// The kept result that this call made, or read.
    pub(crate) fn set_handle(&self, handle: &str) {
        let _ = self.handle.set(handle.to_owned());
    }

    pub(crate) fn handle(&self) -> &str {
        self.handle.get().map_or("", String::as_str)
    }

    /// The question that this call asked a person.
    pub(crate) fn set_asked(&self, id: String) {
        let _ = self.asked.set(id);
    }

    /// The question that this call, a second round, brings the answer to.
    pub(crate) fn set_answers(&self, id: String) {
        let _ = self.answers.set(id);
    }

    /// The trace that this call belongs to.
    pub(crate) fn set_trace(&self, t: Trace) {
        let _ = self.trace.set(t);
    }

    /// Rows that were changed, and whether that was committed; none for what only reads.
    pub(crate) fn changed(&self) -> Option<(Option<u64>, bool)> {
        let rows = Some(self.affected.load(Ordering::Relaxed)).filter(|n| *n != UNKNOWN);
        self.committed.get().map(|c| (rows, *c))
    }

    pub(crate) fn dry_run(&self) -> bool {
        self.dry_run.load(Ordering::Relaxed)
    }

    pub(crate) fn trace(&self) -> Option<Trace> {
        self.trace.get().copied()
    }

    pub(crate) fn asked(&self) -> &str {
        self.asked.get().map_or("", String::as_str)
    }

    pub(crate) fn answers(&self) -> &str {
        self.answers.get().map_or("", String::as_str)
    }

    pub(crate) fn verdict(&self) -> &'static str {
        self.verdict.get().copied().unwrap_or("")
    }

    /// How it ended, once that is known.
    pub(crate) fn outcome(&self) -> Option<Code> {
        self.outcome.get().copied()
    }

    pub(crate) fn truncated(&self) -> &'static str {
        self.truncated.get().copied().unwrap_or("")
    }
}

/// What a call names.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Named {
    pub(crate) query: Option<Arc<str>>,
    /// A table, its parts joined by dots.
    pub(crate) table: Option<String>,
}

impl Named {
    pub(crate) fn text(query: &str) -> Self {
        Self { query: Some(query.into()), table: None }
    }

    /// A table, as a caller writes its name.
    pub(crate) fn table(name: &str) -> Self {
        let table =
            mssql_mcp_sql::quote::split(name).map_or(name.to_owned(), |parts| parts.join("."));
        Self { query: None, table: Some(table) }
    }
}

/// How long a read may take whose caller does not wait for it to its end; in the extensions of its
/// request.
#[derive(Debug, Clone)]
pub(crate) struct Longest {
    pub(crate) time: Duration,
    /// It has turned out to be a read of somebody's text: nothing else goes on alone.
    pub(crate) reads: Arc<AtomicBool>,
}

/// It may take that long, because it can read as long as it wants; likewise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MayRunLong;

/// What a request does with a database, for the layers that look at some requests only. In its
/// extensions; a `tools/call` counts as the first of them in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// It reads or changes data or what describes them: counted, limited in time, and recorded.
    Recorded,
    /// It looks names up: counted and limited in time.
    Counted,
}

/// What a request does with a database; none where it does nothing there.
pub(crate) fn work(r: &McpRequest) -> Option<Work> {
    let is_call = &*r.method == "tools/call";
    is_call.then_some(Work::Recorded).or_else(|| r.context.extensions.get::<Work>().copied())
}

/// How a call ended, by its facts where they say it, else by its answer.
pub(crate) fn outcome_of(o: &Outcome, facts: &CallFacts) -> Code {
    match (o, facts.outcome()) {
        (Outcome::InputRequired { .. }, _) => Code::InputRequired,
        (_, Some(code)) => code,
        (Outcome::Cancelled, None) => Code::Cancelled,
        (Outcome::Fault(_), None) => Code::Fault,
        (Outcome::Complete(Reply::Tool(t)), None) if t.is_error => Code::Error,
        (Outcome::Complete(_), None) => Code::Ok,
    }
}
