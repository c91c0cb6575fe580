//! The metric table: every metric with its labels, unit and buckets, in one place.
//! `docs/metrics.md` is printed from it, the dashboards and alert rules are checked against it, and
//! an instrument that is not in it cannot be made.
//!
//! Names are those of the OpenTelemetry semantic conventions (MCP, databases, HTTP) where there is
//! one, ours begin with `mssql_mcp.`.

use std::fmt::Write as _;
use std::sync::LazyLock;

use opentelemetry::metrics::{Counter, Histogram, Meter};
use opentelemetry::{KeyValue, Value, global};

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// What there is now.
    Gauge,
    /// A distribution over these bounds.
    Histogram(&'static [f64]),
}

/// One row.
#[derive(Debug)]
pub struct Metric {
    /// In OTLP.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// UCUM.
    pub unit: &'static str,
    /// The keys that it may have; each has few values.
    pub labels: &'static [&'static str],
    /// One line.
    pub help: &'static str,
}

/// Of `mcp.server.*` (semantic conventions for MCP).
const MCP: Kind = Kind::Histogram(&[
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
]);
/// Of `db.client.*`.
const DB: Kind = Kind::Histogram(&[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0]);
/// Of `http.server.*`.
const HTTP: Kind = Kind::Histogram(&[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
]);

/// The tool that was called.
pub const TOOL: &str = "gen_ai.tool.name";
const POOL: &str = "db.client.connection.pool.name";

const fn row(
    name: &'static str,
    kind: Kind,
    unit: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, kind, unit, labels, help }
}

/// The table.
pub const METRICS: &[Metric] = &[
    row(
        "mcp.server.operation.duration",
        MCP,
        "s",
        &["mcp.method.name", TOOL, "mssql_mcp.outcome", "error.type", "network.transport"],
        "MCP requests, from the first layer to the outcome (not ping and notifications, which the \
         transports answer); method and tool are `unknown` where they are none of ours",
    ),
    row("mssql_mcp.calls.running", Kind::Gauge, "{call}", &[], "MCP requests that run now"),
    row("mssql_mcp.rows", Kind::Counter, "{row}", &[TOOL], "rows returned"),
    row(
        "mssql_mcp.rows.affected",
        Kind::Counter,
        "{row}",
        &[TOOL, "mssql_mcp.committed"],
        "rows changed; not committed are those of dry runs",
    ),
    row(
        "mssql_mcp.result.size",
        Kind::Counter,
        "By",
        &[TOOL],
        "bytes of structured content returned",
    ),
    row(
        "mssql_mcp.truncations",
        Kind::Counter,
        "{answer}",
        &["mssql_mcp.reason"],
        "answers that are not whole: max_rows, max_chars, max_cell or timeout",
    ),
    row(
        "mssql_mcp.guard.refusals",
        Kind::Counter,
        "{statement}",
        &["mssql_mcp.class", "mssql_mcp.reason"],
        "T-SQL texts that were not run, by class of statement and code",
    ),
    row(
        "mssql_mcp.rate_limited",
        Kind::Counter,
        "{request}",
        &["mssql_mcp.reason"],
        "requests turned away: peer (HTTP 429), rate_limited and too_many_at_once (per \
         principal), overloaded (the pool's queue)",
    ),
    row(
        "db.client.operation.duration",
        DB,
        "s",
        &[
            "db.system.name",
            "db.namespace",
            "server.address",
            "server.port",
            "db.operation.name",
            "db.response.status_code",
            "error.type",
        ],
        "round trips to SQL Server, with the reading of their rows; the operation is read, \
         preview, change, confirmed change or catalog",
    ),
    row(
        "db.client.connection.count",
        Kind::Gauge,
        "{connection}",
        &[POOL, "db.client.connection.state"],
        "connections of the pool, idle or used",
    ),
    row(
        "db.client.connection.max",
        Kind::Gauge,
        "{connection}",
        &[POOL],
        "connections at most (pool.max_size)",
    ),
    row(
        "db.client.connection.pending_requests",
        Kind::Gauge,
        "{request}",
        &[POOL],
        "calls that wait for a connection",
    ),
    row(
        "db.client.connection.timeouts",
        Kind::Counter,
        "{timeout}",
        &[POOL],
        "calls that got no connection within pool.wait",
    ),
    row(
        "db.client.connection.create_time",
        DB,
        "s",
        &[POOL, "error.type"],
        "TCP, TLS and login of a new connection",
    ),
    row(
        "db.client.connection.wait_time",
        DB,
        "s",
        &[POOL],
        "time to get a connection from the pool",
    ),
    row(
        "db.client.connection.use_time",
        DB,
        "s",
        &[POOL],
        "time between getting a connection and giving it back",
    ),
    row(
        "http.server.request.duration",
        HTTP,
        "s",
        &["http.request.method", "http.route", "http.response.status_code", "url.scheme"],
        "HTTP requests, to the head of their response",
    ),
    row("mssql_mcp.http.connections", Kind::Gauge, "{connection}", &[], "open HTTP connections"),
    row(
        "mssql_mcp.sessions",
        Kind::Gauge,
        "{session}",
        &[],
        "sessions of handshake-era clients over streamable HTTP",
    ),
    row("mssql_mcp.sse.streams", Kind::Gauge, "{stream}", &[], "open HTTP+SSE streams"),
    row(
        "mssql_mcp.tokens.issued",
        Kind::Counter,
        "{token}",
        &["mssql_mcp.grant"],
        "access tokens given: authorization_code (a person signed in) or refresh_token",
    ),
    row(
        "mssql_mcp.tokens.denied",
        Kind::Counter,
        "{request}",
        &["mssql_mcp.reason"],
        "token requests that got none, by RFC 6749 error code",
    ),
    row(
        "mssql_mcp.tokens.refused",
        Kind::Counter,
        "{request}",
        &["mssql_mcp.reason"],
        "requests without a good bearer token: missing, malformed, invalid (unknown, expired, \
         revoked, for another resource) or store",
    ),
    row(
        "mssql_mcp.sign_ins",
        Kind::Counter,
        "{attempt}",
        &["mssql_mcp.result"],
        "passwords that people typed: ok, wrong, throttled, busy (too many at once), or store (it \
         could not be asked)",
    ),
    row(
        "mssql_mcp.audit.queue",
        Kind::Gauge,
        "{record}",
        &[],
        "audit records that wait to be written",
    ),
    row("mssql_mcp.audit.records", Kind::Counter, "{record}", &[], "audit records written"),
    row(
        "mssql_mcp.audit.dropped",
        Kind::Counter,
        "{record}",
        &[],
        "audit records lost for want of room (audit.policy = \"drop\", and sign-in events)",
    ),
    row(
        "mssql_mcp.audit.broken",
        Kind::Gauge,
        "{file}",
        &[],
        "1 while the audit log cannot be written",
    ),
    row(
        "mssql_mcp.telemetry.failed",
        Kind::Counter,
        "{item}",
        &["mssql_mcp.signal"],
        "spans, log records and metric exports that the collector did not take",
    ),
    row(
        "otel.sdk.processor.span.processed",
        Kind::Counter,
        "{span}",
        &["error.type", "otel.component.type", "otel.component.name"],
        "spans that left the queue; with error.type=queue_full those that found no room in it",
    ),
    row(
        "otel.sdk.processor.log.processed",
        Kind::Counter,
        "{log_record}",
        &["error.type", "otel.component.type", "otel.component.name"],
        "log records, likewise",
    ),
    row(
        "otel.sdk.log.created",
        Kind::Counter,
        "{log_record}",
        &[],
        "log records handed to OpenTelemetry",
    ),
    row(
        "mssql_mcp.reloads",
        Kind::Counter,
        "{reload}",
        &["mssql_mcp.result"],
        "SIGHUP: ok or refused",
    ),
    row("process.memory.usage", Kind::Gauge, "By", &[], "resident memory (Linux)"),
];

/// The instruments of what is counted as it happens; gauges are asked when somebody looks.
#[derive(Debug)]
#[expect(missing_docs, reason = "each is a row of the table")]
pub struct Instruments {
    pub operation: Histogram<f64>,
    pub rows: Counter<u64>,
    /// See the table.
    pub affected: Counter<u64>,
    pub bytes: Counter<u64>,
    pub truncations: Counter<u64>,
    pub guard_refusals: Counter<u64>,
    pub rate_limited: Counter<u64>,
    pub db_operation: Histogram<f64>,
    pub pool_timeouts: Counter<u64>,
    pub pool_create: Histogram<f64>,
    pub pool_wait: Histogram<f64>,
    pub pool_use: Histogram<f64>,
    pub http_request: Histogram<f64>,
    pub tokens_issued: Counter<u64>,
    pub tokens_denied: Counter<u64>,
    pub tokens_refused: Counter<u64>,
    pub sign_ins: Counter<u64>,
    pub audit_records: Counter<u64>,
    pub audit_dropped: Counter<u64>,
    pub telemetry_failed: Counter<u64>,
    pub reloads: Counter<u64>,
}

static INSTRUMENTS: LazyLock<Instruments> = LazyLock::new(|| {
    let m = meter();
    Instruments {
        operation: histogram(&m, "mcp.server.operation.duration"),
        rows: counter(&m, "mssql_mcp.rows"),
        affected: counter(&m, "mssql_mcp.rows.affected"),
        bytes: counter(&m, "mssql_mcp.result.size"),
        truncations: counter(&m, "mssql_mcp.truncations"),
        guard_refusals: counter(&m, "mssql_mcp.guard.refusals"),
        rate_limited: counter(&m, "mssql_mcp.rate_limited"),
        db_operation: histogram(&m, "db.client.operation.duration"),
        pool_timeouts: counter(&m, "db.client.connection.timeouts"),
        pool_create: histogram(&m, "db.client.connection.create_time"),
        pool_wait: histogram(&m, "db.client.connection.wait_time"),
        pool_use: histogram(&m, "db.client.connection.use_time"),
        http_request: histogram(&m, "http.server.request.duration"),
        tokens_issued: counter(&m, "mssql_mcp.tokens.issued"),
        tokens_denied: counter(&m, "mssql_mcp.tokens.denied"),
        tokens_refused: counter(&m, "mssql_mcp.tokens.refused"),
        sign_ins: counter(&m, "mssql_mcp.sign_ins"),
        audit_records: counter(&m, "mssql_mcp.audit.records"),
        audit_dropped: counter(&m, "mssql_mcp.audit.dropped"),
        telemetry_failed: counter(&m, "mssql_mcp.telemetry.failed"),
        reloads: counter(&m, "mssql_mcp.reloads"),
    }
});

/// The process's instruments. What is measured before [`super::start`] goes nowhere,
/// for good; nothing is.
pub fn instruments() -> &'static Instruments {
    &INSTRUMENTS
}

fn meter() -> Meter {
    global::meter("mssql-mcp")
}

fn find(name: &str) -> &'static Metric {
    METRICS
        .iter()
        .find(|m| m.name == name)
        .unwrap_or_else(|| unreachable!("{name} is not in the table"))
}

fn counter(m: &Meter, name: &'static str) -> Counter<u64> {
    let row = find(name);
    m.u64_counter(name).with_description(row.help).with_unit(row.unit).build()
}

fn histogram(m: &Meter, name: &'static str) -> Histogram<f64> {
    let row = find(name);
    let Kind::Histogram(bounds) = row.kind else { unreachable!("{name} has no buckets") };
    m.f64_histogram(name)
        .with_description(row.help)
        .with_unit(row.unit)
        .with_boundaries(bounds.to_vec())
        .build()
}

/// Asks `read` for a gauge's values whenever somebody looks. It lives as long as the process.
pub fn gauge<F>(name: &'static str, read: F)
where
    F: Fn(&mut dyn FnMut(u64, &[KeyValue])) + Send + Sync + 'static,
{
    let row = find(name);
    meter()
        .u64_observable_gauge(name)
        .with_description(row.help)
        .with_unit(row.unit)
        .with_callback(move |o| read(&mut |v, labels| o.observe(v, labels)))
        .build();
}

/// A label whose value is one of few.
pub fn label(key: &'static str, value: impl Into<Value>) -> KeyValue {
    KeyValue::new(key, value)
}

/// The name that Prometheus has: units in words, `_total` for counters.
pub fn prometheus_name(m: &Metric) -> String {
    let mut name = m.name.replace('.', "_");
    let unit = match m.unit {
        "s" => "seconds",
        "By" => "bytes",
        _ => "",
    };
    if !unit.is_empty() {
        let _ = write!(name, "_{unit}");
    }
    if m.kind == Kind::Counter {
        name += "_total";
    }
    name
}

/// `docs/metrics.md`.
pub fn markdown() -> String {
    let mut out = String::from(include_str!("metrics.md"));
    out.push_str(
        "\n## Every metric\n\n| OTLP | Prometheus | kind | unit | labels | what \
         |\n|---|---|---|---|---|---|\n",
    );
    for m in METRICS {
        let kind = match m.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let labels = m.labels.iter().map(|l| format!("`{l}`")).collect::<Vec<_>>().join(" ");
        let _ = writeln!(
            out,
            "| `{}` | `{}` | {kind} | {} | {labels} | {} |",
            m.name,
            prometheus_name(m),
            m.unit,
            m.help
        );
    }
    out.push_str("\n## Buckets\n\n");
    for (what, kind) in [("`mcp.server.*`", MCP), ("`db.client.*`", DB), ("`http.server.*`", HTTP)]
    {
        let Kind::Histogram(bounds) = kind else { continue };
        let list = bounds.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
        let _ = writeln!(out, "- {what}: {list} s");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instrument_is_in_the_table() {
        // Each is made from its row; one without a row or of another kind panics here.
        let _ = instruments();
        let mut names: Vec<_> = METRICS.iter().map(|m| m.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), METRICS.len(), "each name once");
    }
}
