//! Who did what: a start and an end record for each tool call, and one for each sign-in,
//! consent, grant, revocation and command, in a chain that can be verified offline.
//! `docs/audit-record.md` is the format.
//!
//! Room for both records of a call is reserved before it runs, so that its end can always be
//! written, by `Drop` if need be; that is also where the policy decides about a call that there
//! is no room for.

pub mod chain;
pub mod log;
pub mod verify;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures_util::future::Either;
use mssql_mcp_middleware::rate_limit::{Limiter, Quota};
use mssql_mcp_transports::{ClientFacts, McpRequest, Outcome};
use tokio::sync::{mpsc, oneshot};
use tower::{Layer, Service};

use crate::config::Config;
use crate::database::Database;
use crate::facts::outcome_of;
use crate::facts::{CallFacts, Named};
use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::statement::Statement;
use crate::telemetry::metrics::gauge;
use crate::telemetry::trace::Trace;
use log::{Entry, Fsync, Log, Options, Record, quoted, stamp, time};

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
pub struct Audit(Option<Arc<Inner>>, Arc<Strangers>);

/// Events that people who are not signed in cause, by name: how many were left out since the last
/// one that was written.
#[derive(Debug)]
struct Strangers {
    quota: Limiter<&'static str>,
    left_out: Mutex<BTreeMap<&'static str, u64>>,
}

/// So many of a kind at once, and then five a second: a flood of them fills neither the disk nor
/// the queue that calls wait for.
const STRANGERS: Quota = Quota { burst: 100, every: Duration::from_millis(200) };

/// Characters of each of their fields.
const MAX_STRANGE: usize = 500;

impl Default for Strangers {
    fn default() -> Self {
        Self { quota: Limiter::new(STRANGERS, 16), left_out: Mutex::default() }
    }
}

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
    place: Arc<Mounted>,
}

/// Where a call goes.
#[derive(Debug)]
struct Mounted {
    mount: String,
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
    id: u64,
    principal: String,
    tool: String,
    facts: Arc<CallFacts>,
    named: Option<Arc<Named>>,
    started: Instant,
    room: Option<mpsc::OwnedPermit<Entry>>,
}

/// The first record of a call: copies of what it is made from, which is less work than making it.
#[derive(Debug)]
struct Start {
    at: DateTime<Utc>,
    id: u64,
    principal: Option<Principal>,
    client: Arc<ClientFacts>,
    transport: &'static str,
    place: Arc<Mounted>,
    tool: Option<String>,
    named: Arc<Named>,
    trace: Option<Trace>,
    texts: Texts,
}

/// The last one.
#[derive(Debug)]
struct End {
    at: DateTime<Utc>,
    id: u64,
    principal: String,
    tool: String,
    outcome: String,
    micros: u128,
    facts: Arc<CallFacts>,
    /// The statement, where it is recorded with its literals left out.
    named: Option<Arc<Named>>,
}

// === impl Audit ===

impl Audit {
    /// Off, unless `audit.dir` is set.
    pub fn open(config: &Config, series: &'static str) -> Result<Self, String> {
        let dir = config.text("audit.dir");
        if dir.is_empty() {
            return Ok(Self::default());
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
        let watched = log.clone();
        gauge("mssql_mcp.audit.queue", move |put| {
            put((watched.queue().max_capacity() - watched.queue().capacity()) as u64, &[]);
        });
        let watched = log.clone();
        gauge("mssql_mcp.audit.broken", move |put| {
            put(watched.state().broken.load(Ordering::Relaxed).into(), &[])
        });
        let inner = Inner {
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
        };
        Ok(Self(Some(Arc::new(inner)), Arc::default()))
    }

    /// Something that somebody caused who is not signed in. Of a flood some are written, with
    /// how many were not.
    pub fn strange(&self, event: &'static str, fields: &[(&str, &str)]) {
        let mut left_out = self.1.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        let before = left_out.entry(event).or_default();
        if self.1.quota.check(event, 1).is_err() {
            *before += 1;
            return;
        }
        let before = std::mem::take(before);
        drop(left_out);
        // What they wrote is theirs, and so of any length.
        let mut fields: Vec<(&str, String)> =
            fields.iter().map(|(k, v)| (*k, v.chars().take(MAX_STRANGE).collect())).collect();
        fields.extend((before > 0).then(|| ("left_out", before.to_string())));
        self.event(event, &fields.iter().map(|(k, v)| (*k, v.as_str())).collect::<Vec<_>>());
    }

    /// Something that is no call: who signed in, what was granted. It is logged too,
    /// under the target `audit`.
    pub fn event(&self, event: &str, fields: &[(&str, &str)]) {
        let mut record = format!("\"time\":\"{}\",\"event\":{}", time(), quoted(event));
        for (k, v) in fields {
            let _ = write!(record, ",{}:{}", quoted(k), quoted(v));
        }
        tracing::info!(target: "audit", record = format_args!("{{{record}}}"));
        if let Some(a) = &self.0
            && a.log.queue().try_send(Entry::Record(Box::new(record))).is_err()
        {
            a.log.state().lost(1);
        }
    }

    /// Whether calls are refused now, because they cannot be recorded (policy `fail-closed`).
    pub fn refuses(&self) -> bool {
        self.0.as_ref().is_some_and(|a| {
            a.policy == Policy::FailClosed && a.log.state().broken.load(Ordering::Relaxed)
        })
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
    /// Room for the two records of a call: none where the call may run without (policy `drop`), an
    /// error where it may not.
    async fn room(&self) -> Result<Option<[mpsc::OwnedPermit<Entry>; 2]>, ()> {
        let queue = self.log.queue();
        if let (Ok(a), Ok(b)) =
            (queue.clone().try_reserve_owned(), queue.clone().try_reserve_owned())
        {
            return Ok(Some([a, b]));
        }
        if self.policy == Policy::Drop {
            self.log.state().lost(2);
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

    fn start(&self, r: &McpRequest, id: u64, place: &Arc<Mounted>) -> Box<Start> {
        Box::new(Start {
            at: Utc::now(),
            id,
            principal: r.context.extensions.get::<Principal>().cloned(),
            client: r.context.client.clone(),
            transport: r.context.transport,
            place: place.clone(),
            tool: r.target.clone(),
            named: r.context.extensions.get::<Arc<Named>>().cloned().unwrap_or_default(),
            trace: r.context.extensions.get::<Arc<CallFacts>>().and_then(|f| f.trace()),
            texts: self.texts,
        })
    }
}

/// Unique to this process, and with it to the chain.
fn call_id(n: u64) -> String {
    format!("{:x}-{n:x}", std::process::id())
}

impl Start {
    /// Whether something stands in double quotes, and so is not in the record.
    fn hides(&self) -> bool {
        self.texts == Texts::Redacted && self.named.query.as_ref().is_some_and(|q| q.contains('"'))
    }
}

impl Record for Start {
    fn write(&self, out: &mut String) {
        let _ = write!(
            out,
            "\"time\":\"{}\",\"event\":\"call_start\",\"call\":\"{}\"",
            stamp(self.at),
            call_id(self.id)
        );
        let mut text = |k: &str, v: &str| {
            let _ = write!(out, ",\"{k}\":{}", quoted(v));
        };
        if let Some(p) = &self.principal {
            text("principal", &p.subject);
            text("scopes", &p.scopes.join(" "));
            if let Some(c) = &p.client {
                text("client_id", c);
            }
        }
        if let Some(c) = &self.client.name {
            text("client", c);
        }
        let Mounted { mount, database } = &*self.place;
        text("transport", self.transport);
        text("mount", if mount.is_empty() { "/" } else { mount });
        text("database", &database.settings().label);
        text("tool", self.tool.as_deref().unwrap_or_default());
        if let Some(t) = &self.trace {
            text("trace_id", &t.trace_id.to_string());
        }
        let Named { query, table } = &*self.named;
        let (mut objects, mut doubtful) = (table.iter().cloned().collect::<Vec<_>>(), Vec::new());
        let mut indirect = false;
        if let Some(sql) = query {
            let s = Statement::of(sql);
            text("fingerprint", &s.fingerprint);
            match self.texts {
                Texts::None => {}
                Texts::Redacted => text("text", &s.redacted),
                Texts::Full => text("text", sql),
            }
            (objects, doubtful) = (s.objects, s.doubtful);
        }
        if objects.is_empty() {
            return;
        }
        let names = database.names();
        let all: Vec<String> = objects
            .iter()
            .map(|o| match names.as_ref().and_then(|n| n.find(o)) {
                Some((full, hides)) => {
                    indirect |= hides;
                    quoted(&full)
                }
                None => {
                    // What is not in the catalog (yet) could hide anything; and in double quotes it
                    // could be a value.
                    indirect = true;
                    quoted(if doubtful.contains(o) { "?" } else { o })
                }
            })
            .collect();
        let _ = write!(out, ",\"objects\":[{}],\"indirect\":{indirect}", all.join(","));
    }
}

impl Record for End {
    fn write(&self, out: &mut String) {
        let f = &self.facts;
        let _ = write!(
            out,
            "\"time\":\"{}\",\"event\":\"call_end\",\"call\":\"{}\",\"principal\":{},\"tool\":{},\"outcome\":{},\"rows\":{},\"bytes\":{},\"us\":{}",
            stamp(self.at),
            call_id(self.id),
            quoted(&self.principal),
            quoted(&self.tool),
            quoted(&self.outcome),
            f.rows.load(Ordering::Relaxed),
            f.bytes.load(Ordering::Relaxed),
            self.micros,
        );
        // What stands in double quotes were names, now that SQL Server has taken them for such.
        let text = self
            .named
            .as_ref()
            .and_then(|n| n.query.as_deref())
            .and_then(|q| Statement::of(q).named);
        if let Some(t) = text {
            let _ = write!(out, ",\"text\":{}", quoted(&t));
        }
        if let Some((rows, committed)) = f.changed() {
            if let Some(rows) = rows {
                let _ = write!(out, ",\"rows_affected\":{rows}");
            }
            let _ = write!(out, ",\"committed\":{committed}");
        }
        if f.dry_run() {
            out.push_str(",\"dry_run\":true");
        }
        if self.outcome == "declined" {
            out.push_str(",\"declined\":true");
        }
        for (k, v) in [
            ("verdict", f.verdict()),
            ("truncated", f.truncated()),
            ("asked", f.asked()),
            ("answers", f.answers()),
        ] {
            if !v.is_empty() {
                let _ = write!(out, ",\"{k}\":{}", quoted(v));
            }
        }
    }
}

// === impl AuditLayer ===

impl AuditLayer {
    /// For the mount at this path.
    pub fn new(audit: Audit, mount: &str, database: Database) -> Self {
        Self { audit, place: Arc::new(Mounted { mount: mount.to_owned(), database }) }
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
    type Future =
        Either<S::Future, Pin<Box<dyn Future<Output = Result<Outcome, S::Error>> + Send>>>;
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: McpRequest) -> Self::Future {
        let Some(audit) = self.layer.audit.0.clone().filter(|_| &*request.method == "tools/call")
        else {
            return Either::Left(self.inner.call(request));
        };
        // The ready service is the one that is called; its clone waits for the next request.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let place = self.layer.place.clone();
        Either::Right(Box::pin(async move {
            let facts =
                request.context.extensions.get::<Arc<CallFacts>>().cloned().unwrap_or_default();
            let Ok(room) = audit.room().await else { return Ok(unavailable(&facts)) };
            let Some([first, last]) = room else { return inner.call(request).await };
            let id = audit.next.fetch_add(1, Ordering::Relaxed);
            let record = audit.start(&request, id, &place);
            let mut open = Open {
                id,
                principal: request
                    .context
                    .extensions
                    .get::<Principal>()
                    .map(|p| p.subject.clone())
                    .unwrap_or_default(),
                tool: request.target.clone().unwrap_or_default(),
                facts: facts.clone(),
                named: record.hides().then(|| record.named.clone()),
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
        room.send(Entry::Record(Box::new(End {
            at: Utc::now(),
            id: self.id,
            principal: std::mem::take(&mut self.principal),
            tool: std::mem::take(&mut self.tool),
            outcome: outcome.to_owned(),
            micros: self.started.elapsed().as_micros(),
            facts: self.facts.clone(),
            named: self.named.take().filter(|_| self.facts.names_were_right()),
        })));
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

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use mssql_mcp_middleware::catch_panic::CatchPanicLayer;
    use mssql_mcp_middleware::rescue::RescueLayer;
    use mssql_mcp_transports::bare_context;
    use mssql_mcp_transports::{Cancel, ProtocolVersion, ToolReply};
    use tower::{ServiceBuilder, ServiceExt};

    use super::*;
    use crate::config::Inputs;
    use crate::database::Settings;
    use crate::rescue;

    fn call(tool: &str) -> McpRequest {
        let mut extensions = http::Extensions::new();
        extensions.insert(Arc::new(CallFacts::default()));
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

    /// The endings that cannot be had from outside: a bug, and a future that is dropped.
    #[tokio::test(start_paused = true)]
    async fn a_flood_of_strangers_leaves_a_count() {
        let dir = std::env::temp_dir().join(format!("mssql-mcp-strange-{}", std::process::id()));
        let fixed = vec![("audit.dir", dir.display().to_string())];
        let config =
            Config::load(&crate::config::Inputs { fixed, ..Default::default() }).expect("config");
        let audit = Audit::open(&config, "audit").expect("audit");
        let long = "x".repeat(60_000);
        for _ in 0..10_000 {
            audit.strange("token_refused", &[("mount", "/demo")]);
        }
        audit.strange("sign_in_failed", &[("principal", &long)]);
        tokio::time::advance(Duration::from_secs(1)).await;
        for _ in 0..10 {
            audit.strange("token_refused", &[("mount", "/demo")]);
        }
        // Time stands still here, and so closing would wait for nothing.
        let read =
            || std::fs::read_to_string(dir.join("audit-000000000001.jsonl")).unwrap_or_default();
        while read().lines().count() < 107 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let text = read();
        audit.close().await;
        std::fs::remove_dir_all(&dir).expect("clean");
        let of = |event: &str| text.lines().filter(|l| l.contains(event)).collect::<Vec<_>>();
        let refused = of("token_refused");
        assert_eq!((refused.len(), of("sign_in_failed").len()), (105, 1));
        assert!(
            refused[100].contains("\"left_out\":\"9900\"") && !refused[101].contains("left_out"),
            "{}",
            refused[100]
        );
        assert!(text.len() < 40_000, "{} bytes", text.len());
    }

    #[tokio::test]
    async fn a_panic_and_an_abandoned_call_have_their_ends() {
        let dir = std::env::temp_dir().join(format!("mssql-mcp-audit-unit-{}", std::process::id()));
        let fixed = vec![
            ("audit.dir", dir.display().to_string()),
            ("database.host", "127.0.0.1".to_owned()),
        ];
        let config = Config::load(&Inputs { fixed, ..Inputs::default() }).expect("config");
        let audit = Audit::open(&config, log::SERVER).expect("audit");
        let db = Database::new(Settings::from_config(&config).expect("settings"));
        let service = ServiceBuilder::new()
            .layer(AuditLayer::new(audit.clone(), "/demo", db))
            .layer(RescueLayer::new(rescue::note, rescue::rescue))
            .layer(CatchPanicLayer)
            .service(tower::service_fn(|r: McpRequest| async move {
                match r.target.as_deref() {
                    Some("bug") => panic!("a bug"),
                    Some("never") => std::future::pending().await,
                    _ => Ok::<_, Infallible>(Outcome::Complete(ToolReply::text("ok").into())),
                }
            }));
        let panicked = service.clone().oneshot(call("bug")).await;
        assert!(matches!(panicked, Ok(Outcome::Complete(_))));
        let waiting =
            tokio::time::timeout(Duration::from_millis(50), service.clone().oneshot(call("never")));
        assert!(waiting.await.is_err());
        assert!(service.oneshot(call("list_tables")).await.is_ok());
        audit.event("sign_in_failed", &[("principal", "eve\n{\"event\":\"sign_in\"}")]);
        audit.close().await;
        let files = log::files(&dir, log::SERVER).expect("files");
        let text = std::fs::read_to_string(&files[0]).expect("text");
        let v = verify::verify(&[("f".into(), text.clone())], None, None);
        assert_eq!((v.problems.as_slice(), v.chains[0].records), (&[][..], 9), "{text}");
        let outcomes: Vec<&str> = text
            .lines()
            .filter_map(|l| l.split("\"outcome\":\"").nth(1)?.split('"').next())
            .collect();
        assert_eq!(outcomes, ["panicked", "dropped", "ok"]);
        assert!(
            text.contains("\"mount\":\"/demo\"") && text.lines().count() == 9,
            "a name cannot make a line: {text}"
        );
        std::fs::remove_dir_all(dir).expect("clean");
    }
}
