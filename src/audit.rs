//! Who did what: a start and an end record for each tool call, and one for each sign-in, consent, grant, revocation and command, in a
//! chain that can be verified offline. `docs/audit-record.md` is the format.
//!
//! Room for both records of a call is reserved before it runs, so that its end can always be written, by `Drop` if need be; that is also
//! where the policy decides about a call that there is no room for.

pub mod chain;
pub mod log;
pub mod statement;

use std::fmt::Write as _;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::Either;
use mssql_mcp_transports::{McpRequest, Outcome};
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use tower::{Layer, Service};

use crate::config::Config;
use crate::database::Database;
use crate::facts::CallFacts;
use crate::principal::Principal;
use crate::telemetry::outcome_of;
use crate::tools::Refusal;
use log::{Entry, Fsync, Log, Options, quoted, time};
use statement::Statement;

/// What becomes of a call that there is no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// It waits, and is refused when that does not help.
    Wait,
    /// It runs; the lost records are counted, and the count is a record.
    Drop,
    /// It runs only once its start is on disk.
    FailClosed,
}

/// What of a statement is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Texts {
    None,
    Redacted,
    Full,
}

/// The audit, or none.
#[derive(Debug, Clone, Default)]
pub struct Audit(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    log: Log,
    policy: Policy,
    wait: Duration,
    texts: Texts,
    next: AtomicU64,
}

/// Records tool calls of one mount.
#[derive(Debug, Clone)]
pub struct AuditLayer {
    audit: Audit,
    mount: Arc<str>,
    database: Database,
}

/// Its service.
#[derive(Debug, Clone)]
pub struct Audited<S> {
    layer: AuditLayer,
    inner: S,
}

/// A call whose end is not written yet.
#[derive(Debug)]
struct Open {
    id: String,
    principal: String,
    tool: String,
    facts: Arc<CallFacts>,
    started: Instant,
    room: Option<mpsc::OwnedPermit<Entry>>,
}

// === impl Audit ===

impl Audit {
    /// Off, unless `audit.dir` is set.
    pub fn open(config: &Config, series: &'static str) -> Result<Self, String> {
        let dir = config.text("audit.dir");
        if dir.is_empty() {
            return Ok(Self(None));
        }
        let log = Log::open(Options {
            dir: dir.into(),
            series,
            fsync: match config.choice("audit.fsync").as_str() {
                "always" => Fsync::Always,
                "never" => Fsync::Never,
                _ => Fsync::Second,
            },
            max_size: config.int("audit.rotate_size"),
            checkpoint_every: config.int("audit.checkpoint_every"),
        })?;
        Ok(Self(Some(Arc::new(Inner {
            log,
            policy: match config.choice("audit.policy").as_str() {
                "drop" => Policy::Drop,
                "fail-closed" => Policy::FailClosed,
                _ => Policy::Wait,
            },
            wait: config.duration("audit.wait"),
            texts: match config.choice("audit.text").as_str() {
                "none" => Texts::None,
                "full" => Texts::Full,
                _ => Texts::Redacted,
            },
            next: AtomicU64::new(1),
        }))))
    }
    /// Something that is no call: who signed in, what was granted. It is logged too, under the target `audit`.
    pub fn event(&self, event: &str, fields: &[(&str, &str)]) {
        let mut record = format!("\"time\":\"{}\",\"event\":{}", time(), quoted(event));
        for (k, v) in fields {
            let _ = write!(record, ",{}:{}", quoted(k), quoted(v));
        }
        tracing::info!(target: "audit", record);
        if let Some(a) = &self.0
            && a.log.queue().try_send(Entry::Record(record)).is_err()
        {
            a.log.state().dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
    /// Writes what is left.
    pub async fn close(&self) {
        if let Some(a) = &self.0 {
            a.log.close().await;
        }
    }
    /// Records that were lost for want of room.
    pub fn dropped(&self) -> u64 {
        self.0.as_ref().map_or(0, |a| a.log.state().dropped.load(Ordering::Relaxed))
    }
}

impl Inner {
    fn id(&self) -> String {
        format!("{:x}-{:x}", std::process::id(), self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Room for the two records of a call: none where the call may run without (policy `drop`), an error where it may not.
    async fn room(&self) -> Result<Option<[mpsc::OwnedPermit<Entry>; 2]>, ()> {
        let queue = self.log.queue();
        if let (Ok(a), Ok(b)) = (queue.clone().try_reserve_owned(), queue.clone().try_reserve_owned()) {
            return Ok(Some([a, b]));
        }
        if self.policy == Policy::Drop {
            self.log.state().dropped.fetch_add(2, Ordering::Relaxed);
            return Ok(None);
        }
        let both = async {
            Ok::<_, mpsc::error::SendError<()>>([
                queue.clone().reserve_owned().await?,
                queue.clone().reserve_owned().await?,
            ])
        };
        match tokio::time::timeout(self.wait, both).await {
            Ok(Ok(both)) => Ok(Some(both)),
            _ => Err(()),
        }
    }

    fn start(&self, r: &McpRequest, id: &str, layer: &AuditLayer) -> String {
        let mut out = format!("\"time\":\"{}\",\"event\":\"call_start\",\"call\":\"{id}\"", time());
        let mut text = |k: &str, v: &str| {
            let _ = write!(out, ",\"{k}\":{}", quoted(v));
        };
        if let Some(p) = r.context.extensions.get::<Principal>() {
            text("principal", &p.subject);
            text("scopes", &p.scopes.join(" "));
            if let Some(c) = &p.client {
                text("client_id", c);
            }
        }
        if let Some(c) = &r.context.client.name {
            text("client", c);
        }
        text("transport", r.context.transport);
        text("mount", if layer.mount.is_empty() { "/" } else { &layer.mount });
        text("database", &layer.database.settings().label);
        text("tool", r.target.as_deref().unwrap_or_default());
        if let Some(t) = r.context.meta.traceparent.as_ref().filter(|t| t.len() <= 64) {
            text("traceparent", t);
        }
        let named = named(r);
        let (mut objects, mut indirect) = (named.table.into_iter().collect::<Vec<_>>(), false);
        if let Some(sql) = &named.query {
            let s = Statement::of(sql);
            text("fingerprint", &s.fingerprint);
            match self.texts {
                Texts::None => {}
                Texts::Redacted => text("text", &s.redacted),
                Texts::Full => text("text", sql),
            }
            objects = s.objects;
        }
        if !objects.is_empty() {
            let names = layer.database.names();
            let all: Vec<String> = objects
                .iter()
                .map(|o| match names.as_ref().and_then(|n| n.find(o)) {
                    Some((full, hides)) => {
                        indirect |= hides;
                        quoted(&full)
                    }
                    None => {
                        // What is not in the catalog (yet) could hide anything.
                        indirect = true;
                        quoted(o)
                    }
                })
                .collect();
            let _ = write!(out, ",\"objects\":[{}],\"indirect\":{indirect}", all.join(","));
        }
        out
    }
}

/// What a call names: a statement, or a table.
#[derive(Default)]
struct Named {
    query: Option<String>,
    table: Option<String>,
}

fn named(r: &McpRequest) -> Named {
    #[derive(Deserialize)]
    struct Arguments {
        query: Option<String>,
        table_name: Option<String>,
    }
    #[derive(Deserialize)]
    struct Params {
        arguments: Option<Arguments>,
    }
    let Some(raw) = &r.params else { return Named::default() };
    let arguments = serde_json::from_str::<Params>(raw.get()).ok().and_then(|p| p.arguments);
    let Some(a) = arguments else { return Named::default() };
    let is_sql = r.target.as_deref() == Some("execute_sql");
    let table = a.table_name.map(|t| crate::sql::quote::split(&t).map_or(t, |parts| parts.join(".")));
    Named { query: a.query.filter(|_| is_sql), table }
}

// === impl AuditLayer ===

impl AuditLayer {
    /// For the mount at this path.
    pub fn new(audit: Audit, mount: &str, database: Database) -> Self {
        Self { audit, mount: mount.into(), database }
    }
}

impl<S> Layer<S> for AuditLayer {
    type Service = Audited<S>;
    fn layer(&self, inner: S) -> Audited<S> {
        Audited { layer: self.clone(), inner }
    }
}

impl<S> Service<McpRequest> for Audited<S>
where
    S: Service<McpRequest, Response = Outcome> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
{
    type Response = Outcome;
    type Error = S::Error;
    type Future = Either<S::Future, Pin<Box<dyn Future<Output = Result<Outcome, S::Error>> + Send>>>;
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }
    fn call(&mut self, request: McpRequest) -> Self::Future {
        let Some(audit) = self.layer.audit.0.clone().filter(|_| &*request.method == "tools/call") else {
            return Either::Left(self.inner.call(request));
        };
        // The ready service is the one that is called; its clone waits for the next request.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let layer = self.layer.clone();
        Either::Right(Box::pin(async move {
            let facts = request.context.extensions.get::<Arc<CallFacts>>().cloned().unwrap_or_default();
            let Ok(room) = audit.room().await else { return Ok(unavailable(&facts)) };
            let Some([first, last]) = room else { return inner.call(request).await };
            let id = audit.id();
            let record = audit.start(&request, &id, &layer);
            let mut open = Open {
                id,
                principal: request.context.extensions.get::<Principal>().map(|p| p.subject.clone()).unwrap_or_default(),
                tool: request.target.clone().unwrap_or_default(),
                facts: facts.clone(),
                started: Instant::now(),
                room: Some(last),
            };
            if audit.policy == Policy::FailClosed {
                let (done, on_disk) = oneshot::channel();
                first.send(Entry::Durable(record, done));
                if !matches!(tokio::time::timeout(audit.wait, on_disk).await, Ok(Ok(()))) {
                    let refused = unavailable(&facts);
                    open.end("audit_unavailable");
                    return Ok(refused);
                }
            } else {
                first.send(Entry::Record(record));
            }
            let result = inner.call(request).await;
            open.end(result.as_ref().map_or("failed", |o| outcome_of(o, &facts)));
            result
        }))
    }
}

fn unavailable(facts: &CallFacts) -> Outcome {
    facts.set_outcome("audit_unavailable");
    let mut r = Refusal::new(
        "audit_unavailable",
        "Not run: the call could not be recorded, and here nothing runs unrecorded.",
        "Try again later; the operator has to look at the audit log's disk.",
    );
    r.retryable = true;
    Outcome::Complete(r.into_reply().into())
}

impl Open {
    fn end(&mut self, outcome: &str) {
        let Some(room) = self.room.take() else { return };
        let f = &self.facts;
        let mut out = format!(
            "\"time\":\"{}\",\"event\":\"call_end\",\"call\":\"{}\",\"principal\":{},\"tool\":{},\"outcome\":\"{outcome}\",\"rows\":{},\"bytes\":{},\"us\":{}",
            time(),
            self.id,
            quoted(&self.principal),
            quoted(&self.tool),
            f.rows.load(Ordering::Relaxed),
            f.bytes.load(Ordering::Relaxed),
            self.started.elapsed().as_micros(),
        );
        for (k, v) in
            [("verdict", f.verdict()), ("truncated", f.truncated()), ("asked", f.asked()), ("answers", f.answers())]
        {
            if !v.is_empty() {
                let _ = write!(out, ",\"{k}\":{}", quoted(v));
            }
        }
        room.send(Entry::Record(out));
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // Nobody waited for the end: the client left, or the deadline's layer let go.
        let outcome = match self.facts.outcome() {
            "" => "dropped",
            o => o,
        };
        self.end(outcome);
    }
}
