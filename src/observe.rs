//! The observers: one MCP request becomes a log line, a span and a few numbers; and so
//! does one HTTP request.

pub(crate) mod http;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mssql_mcp_middleware::observe::Observer;
use mssql_mcp_transports::{Fault, Id, McpRequest, Outcome, Reply};
use opentelemetry::trace::TraceContextExt;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use opentelemetry::KeyValue;

use crate::code::Code;
use crate::facts::{CallFacts, outcome_of};
use crate::protocol::METHODS;
use crate::sources::DataSource;
use crate::telemetry::SPANS;
use crate::telemetry::metrics::{self, instruments, label};
use crate::telemetry::trace::{self, OpenSpan, Trace};

static RUNNING: AtomicU64 = AtomicU64::new(0);

/// Watches MCP requests: one log line, one span and the numbers of each, whatever its end.
#[derive(Debug, Clone)]
pub struct Calls {
    tools: Arc<[&'static str]>,
}

/// A call that runs.
#[derive(Debug)]
pub struct RunningCall {
    method: &'static str,
    tool: Option<&'static str>,
    /// As the client wrote them.
    asked: (Arc<str>, Option<String>),
    transport: &'static str,
    version: &'static str,
    client: Option<String>,
    source: Option<Arc<DataSource>>,
    facts: Arc<CallFacts>,
    trace: Trace,
    begun: OpenSpan,
    started: Instant,
    ended: bool,
}

/// The gauge of calls that run, for as long as the process lives.
pub(crate) fn gauges() {
    metrics::gauge("mssql_mcp.calls.running", |put| put(RUNNING.load(Ordering::Relaxed), &[]));
}

impl Calls {
    /// Of a server with these tools; all others are `unknown`.
    pub fn new(tools: Vec<&'static str>) -> Self {
        Self { tools: tools.into() }
    }
}

fn known(list: &[&'static str], name: &str) -> &'static str {
    list.iter().find(|k| **k == name).copied().unwrap_or("unknown")
}

impl<E> Observer<McpRequest, Outcome, E> for Calls {
    type Guard = RunningCall;
    fn start(&self, r: &McpRequest) -> RunningCall {
        // Handshakes are answered from the same data as `server/discover`, which their
        // clients do not have.
        let handshake = &*r.method == "server/discover" && !r.context.version.is_modern();
        let asked = if handshake { Arc::from("initialize") } else { r.method.clone() };
        let method = if handshake { "initialize" } else { known(METHODS, &r.method) };
        let tool = (method == "tools/call")
            .then(|| known(&self.tools, r.target.as_deref().unwrap_or_default()));
        let facts = r.context.extensions.get::<Arc<CallFacts>>().cloned().unwrap_or_default();
        let (begun, trace) = begin(r, method, tool);
        facts.set_trace(trace);
        RUNNING.fetch_add(1, Ordering::Relaxed);
        RunningCall {
            method,
            tool,
            asked: (asked, r.target.clone()),
            transport: r.context.transport,
            version: r.context.version.as_str(),
            client: r.context.client.name.clone(),
            source: r.context.extensions.get().cloned(),
            facts,
            trace,
            begun,
            started: Instant::now(),
            ended: false,
        }
    }

    fn within<T>(&self, running: &RunningCall, work: impl FnOnce() -> T) -> T {
        running.begun.span.in_scope(work)
    }

    fn end(&self, mut running: RunningCall, result: Result<&Outcome, &E>) {
        match result {
            Ok(o) => running.end(outcome_of(o, &running.facts), error_of(o)),
            Err(_) => running.end(Code::Failed, Some("_OTHER")),
        }
    }
}

/// The span of a request, and the trace that it belongs to. The parent is what the client named in
/// `_meta`, with a link to the HTTP request; else the HTTP request; else nobody.
fn begin(r: &McpRequest, method: &'static str, tool: Option<&'static str>) -> (OpenSpan, Trace) {
    let http = r.context.extensions.get::<http::HttpTrace>();
    let parent = trace::remote(r.context.traceparent.as_deref());
    let given = parent.as_ref().and_then(|c| Trace::of(c.span().span_context()));
    let span = tracing::info_span!(target: SPANS, "mcp", otel.kind = "server");
    if span.is_disabled() {
        let trace = given.or(http.map(|h| h.trace)).map_or_else(Trace::fresh, Trace::child);
        return (OpenSpan::new(span), trace);
    }
    match (parent, http.and_then(|h| h.context.as_ref())) {
        (Some(p), h) => {
            let _ = span.set_parent(p);
            if let Some(h) = h {
                span.add_link(h.span().span_context().clone());
            }
        }
        (None, Some(h)) => {
            let _ = span.set_parent(h.clone());
        }
        (None, None) => {}
    }
    let begun = OpenSpan::new(span);
    begun.name(|| tool.map_or_else(|| method.to_owned(), |t| format!("{method} {t}")));
    begun.describe(|| {
        let mut all = vec![
            label("mcp.method.name", method),
            label("mcp.protocol.version", r.context.version.as_str()),
            label("network.transport", network(r.context.transport)),
            label("mssql_mcp.transport", r.context.transport),
        ];
        if let Some(t) = tool {
            all.extend([label(metrics::TOOL, t), label("gen_ai.operation.name", "execute_tool")]);
        }
        all.extend(r.id.as_ref().map(|id| {
            let text = match id {
                Id::Number(n) => n.to_string(),
                Id::String(s) => s.chars().take(128).collect(),
            };
            label("jsonrpc.request.id", text)
        }));
        all
    });
    let trace = begun.trace.or(given).unwrap_or_else(Trace::fresh);
    (begun, trace)
}

fn network(transport: &str) -> &'static str {
    if transport == "stdio" { "pipe" } else { "tcp" }
}

/// `error.type`: `tool_error`, or the JSON-RPC code.
fn error_of(o: &Outcome) -> Option<&'static str> {
    match o {
        Outcome::Complete(Reply::Tool(t)) if t.is_error => Some("tool_error"),
        Outcome::Complete(_) | Outcome::InputRequired { .. } => None,
        Outcome::Cancelled => Some("cancelled"),
        Outcome::Fault(f) => Some(match f {
            Fault::MethodNotFound(_) => "-32601",
            Fault::InvalidParams { .. } | Fault::ResourceNotFound(_) => "-32602",
            Fault::HeaderMismatch(_) => "-32020",
            Fault::MissingCapability(_) => "-32021",
            Fault::Scope { .. } => "insufficient_scope",
            Fault::Internal { .. } | Fault::Failed(_) => "-32603",
        }),
    }
}

impl RunningCall {
    fn end(&mut self, code: Code, error: Option<&'static str>) {
        self.ended = true;
        RUNNING.fetch_sub(1, Ordering::Relaxed);
        let took = self.started.elapsed();
        {
            let _entered = self.begun.span.enter();
            self.log(code, took);
        }
        self.measure(code, error, took);
        self.begun.describe(|| self.attributes(code, error));
        if let Some(e) = error {
            self.begun.failed(e);
        }
    }

    /// Rows and bytes of the answer.
    fn size(&self) -> (u64, u64) {
        (self.facts.rows.load(Ordering::Relaxed), self.facts.bytes.load(Ordering::Relaxed))
    }

    fn log(&self, code: Code, took: Duration) {
        let (rows, bytes) = self.size();
        tracing::info!(
            target: "mssql_mcp::call",
            method = &*self.asked.0,
            tool = self.asked.1.as_deref(),
            outcome = code.as_str(),
            ms = took.as_millis() as u64,
            rows = self.tool.map(|_| rows),
            bytes = self.tool.map(|_| bytes),
            rows_affected = self.facts.changed().and_then(|c| c.0),
            committed = self.facts.changed().map(|c| c.1),
            dry_run = self.facts.dry_run().then_some(true),
            truncated = Some(self.facts.truncated()).filter(|t| !t.is_empty()),
            transport = self.transport,
            version = self.version,
            client = self.client.as_deref(),
            database = self.source.as_ref().map(|s| s.label()),
            trace = %self.trace.trace_id,
        );
    }

    fn measure(&self, code: Code, error: Option<&'static str>, took: Duration) {
        let m = instruments();
        // Unused places hold a label that is set twice over; it costs nothing and keeps this off
        // the heap.
        let mut labels = [
            label("mcp.method.name", self.method),
            label("mssql_mcp.outcome", code.as_str()),
            label("network.transport", network(self.transport)),
            label("network.transport", network(self.transport)),
            label("network.transport", network(self.transport)),
        ];
        let mut n = 3;
        for (k, v) in [(metrics::TOOL, self.tool), ("error.type", error)] {
            if let Some(v) = v {
                labels[n] = label(k, v);
                n += 1;
            }
        }
        m.operation.record(took.as_secs_f64(), &labels[..n]);
        if let Some(tool) = self.tool {
            let of = [label(metrics::TOOL, tool)];
            let (rows, bytes) = self.size();
            if rows > 0 {
                m.rows.add(rows, &of);
            }
            if bytes > 0 {
                m.bytes.add(bytes, &of);
            }
            if let Some((Some(rows), committed)) = self.facts.changed().filter(|c| c.0 > Some(0)) {
                let [tool] = of;
                m.affected.add(rows, &[tool, label("mssql_mcp.committed", committed)]);
            }
        }
        if !self.facts.truncated().is_empty() {
            m.truncations.add(1, &[label("mssql_mcp.reason", self.facts.truncated())]);
        }
        if matches!(code, Code::RateLimited | Code::TooManyAtOnce | Code::Overloaded) {
            m.rate_limited.add(1, &[label("mssql_mcp.reason", code.as_str())]);
        }
    }

    /// What the span says at its end.
    fn attributes(&self, code: Code, error: Option<&'static str>) -> Vec<KeyValue> {
        let mut all = vec![label("mssql_mcp.outcome", code.as_str())];
        let said = [
            ("mssql_mcp.verdict", self.facts.verdict()),
            ("mssql_mcp.truncated", self.facts.truncated()),
        ];
        all.extend(said.into_iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| label(k, v)));
        if self.tool.is_some() {
            let (rows, bytes) = self.size();
            all.push(label("mssql_mcp.rows", rows as i64));
            all.push(label("mssql_mcp.bytes", bytes as i64));
        }
        let status = error.filter(|e| e.starts_with('-'));
        all.extend(status.map(|e| label("rpc.response.status_code", e)));
        all
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        if !self.ended {
            // What the call said of itself before it was let go.
            let outcome = self.facts.outcome().unwrap_or(Code::Dropped);
            self.end(outcome, Some("dropped"));
        }
    }
}
