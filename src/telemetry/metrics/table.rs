//! The rows.

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum InstrumentKind {
    /// A sum that only grows.
    Counter,
    /// What there is now.
    Gauge,
    /// A distribution over these bounds.
    Histogram(&'static [f64]),
}

/// A row: one metric with all that may be said of it.
#[derive(Debug)]
pub struct Metric {
    /// Its name in OTLP; Prometheus has another form of it.
    pub name: &'static str,
    /// Sum, gauge or histogram, with its bounds.
    pub kind: InstrumentKind,
    /// In UCUM, as the conventions ask.
    pub unit: &'static str,
    /// The keys that it may have; each has few values.
    pub labels: &'static [&'static str],
    pub(crate) help: &'static str,
}

/// Of `mcp.server.*` (semantic conventions for MCP).
pub(super) const MCP: InstrumentKind = InstrumentKind::Histogram(&[
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
]);
pub(super) const DB: InstrumentKind =
    InstrumentKind::Histogram(&[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0]);
pub(super) const HTTP: InstrumentKind = InstrumentKind::Histogram(&[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
]);

/// The tool that was called.
pub const TOOL: &str = "gen_ai.tool.name";
const POOL: &str = "db.client.connection.pool.name";

const fn row(
    name: &'static str,
    kind: InstrumentKind,
    unit: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, kind, unit, labels, help }
}

/// Every metric that there is, in the order of the docs.
pub const METRICS: &[Metric] = &[
    row(
        "mcp.server.operation.duration",
        MCP,
        "s",
        &["mcp.method.name", TOOL, "mssql_mcp.outcome", "error.type", "network.transport"],
        "MCP requests, from the first layer to the outcome (not ping and notifications, which the \
         transports answer); method and tool are `unknown` where they are none of ours",
    ),
    row(
        "mssql_mcp.calls.running",
        InstrumentKind::Gauge,
        "{call}",
        &[],
        "MCP requests that run now",
    ),
    row("mssql_mcp.rows", InstrumentKind::Counter, "{row}", &[TOOL], "rows returned"),
    row(
        "mssql_mcp.rows.affected",
        InstrumentKind::Counter,
        "{row}",
        &[TOOL, "mssql_mcp.committed"],
        "rows changed; not committed are those of dry runs",
    ),
    row(
        "mssql_mcp.result.size",
        InstrumentKind::Counter,
        "By",
        &[TOOL],
        "bytes of structured content returned",
    ),
    row(
        "mssql_mcp.truncations",
        InstrumentKind::Counter,
        "{answer}",
        &["mssql_mcp.reason"],
        "answers that are not whole: max_rows, max_chars, max_cell or timeout",
    ),
    row(
        "mssql_mcp.guard.refusals",
        InstrumentKind::Counter,
        "{statement}",
        &["mssql_mcp.class", "mssql_mcp.reason"],
        "T-SQL texts that were not run, by class of statement and code",
    ),
    row(
        "mssql_mcp.rate_limited",
        InstrumentKind::Counter,
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
        InstrumentKind::Gauge,
        "{connection}",
        &[POOL, "db.client.connection.state"],
        "connections of the pool, idle or used",
    ),
    row(
        "db.client.connection.max",
        InstrumentKind::Gauge,
        "{connection}",
        &[POOL],
        "connections at most (pool.max_size)",
    ),
    row(
        "db.client.connection.pending_requests",
        InstrumentKind::Gauge,
        "{request}",
        &[POOL],
        "calls that wait for a connection",
    ),
    row(
        "db.client.connection.timeouts",
        InstrumentKind::Counter,
        "{timeout}",
        &[POOL],
        "calls that got no connection within pool.wait",
    ),
    row(
        "mssql_mcp.pool.discarded",
        InstrumentKind::Counter,
        "{connection}",
        &[POOL],
        "connections closed before their time: lost, a cancel that was not acknowledged, a session \
         that could not be reset",
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
    row(
        "mssql_mcp.http.connections",
        InstrumentKind::Gauge,
        "{connection}",
        &[],
        "open HTTP connections",
    ),
    row(
        "mssql_mcp.sessions",
        InstrumentKind::Gauge,
        "{session}",
        &[],
        "sessions of handshake-era clients over streamable HTTP",
    ),
    row(
        "mssql_mcp.tasks",
        InstrumentKind::Gauge,
        "{task}",
        &[],
        "tasks that work, or whose results are kept",
    ),
    row(
        "mssql_mcp.views.results",
        InstrumentKind::Gauge,
        "{result}",
        &[],
        "results that are kept for pages in hosts (MCP Apps)",
    ),
    row(
        "mssql_mcp.results.kept",
        InstrumentKind::Gauge,
        "{result}",
        &[],
        "results in files, kept behind handles",
    ),
    row("mssql_mcp.results.size", InstrumentKind::Gauge, "By", &[], "bytes of those files"),
    row("mssql_mcp.sse.streams", InstrumentKind::Gauge, "{stream}", &[], "open HTTP+SSE streams"),
    row(
        "mssql_mcp.tokens.issued",
        InstrumentKind::Counter,
        "{token}",
        &["mssql_mcp.grant"],
        "access tokens given: authorization_code (a person signed in) or refresh_token",
    ),
    row(
        "mssql_mcp.tokens.denied",
        InstrumentKind::Counter,
        "{request}",
        &["mssql_mcp.reason"],
        "token requests that got none, by RFC 6749 error code",
    ),
    row(
        "mssql_mcp.tokens.refused",
        InstrumentKind::Counter,
        "{request}",
        &["mssql_mcp.reason"],
        "requests without a good bearer token: missing, malformed, invalid (unknown, expired, \
         revoked, for another resource) or store",
    ),
    row(
        "mssql_mcp.sign_ins",
        InstrumentKind::Counter,
        "{attempt}",
        &["mssql_mcp.result"],
        "passwords that people typed: ok, wrong, throttled, busy (too many at once), or store (it \
         could not be asked)",
    ),
    row(
        "mssql_mcp.audit.queue",
        InstrumentKind::Gauge,
        "{record}",
        &[],
        "audit records that wait to be written",
    ),
    row(
        "mssql_mcp.audit.records",
        InstrumentKind::Counter,
        "{record}",
        &[],
        "audit records written",
    ),
    row(
        "mssql_mcp.audit.dropped",
        InstrumentKind::Counter,
        "{record}",
        &[],
        "audit records lost for want of room (audit.policy = \"drop\", and sign-in events)",
    ),
    row(
        "mssql_mcp.audit.broken",
        InstrumentKind::Gauge,
        "{file}",
        &[],
        "1 while the audit log cannot be written",
    ),
    row(
        "mssql_mcp.telemetry.failed",
        InstrumentKind::Counter,
        "{item}",
        &["mssql_mcp.signal"],
        "spans, log records and metric exports that the collector did not take",
    ),
    row(
        "otel.sdk.processor.span.processed",
        InstrumentKind::Counter,
        "{span}",
        &["error.type", "otel.component.type", "otel.component.name"],
        "spans that left the queue; with error.type=queue_full those that found no room in it",
    ),
    row(
        "otel.sdk.processor.log.processed",
        InstrumentKind::Counter,
        "{log_record}",
        &["error.type", "otel.component.type", "otel.component.name"],
        "log records, likewise",
    ),
    row(
        "otel.sdk.log.created",
        InstrumentKind::Counter,
        "{log_record}",
        &[],
        "log records handed to OpenTelemetry",
    ),
    row(
        "mssql_mcp.reloads",
        InstrumentKind::Counter,
        "{reload}",
        &["mssql_mcp.result"],
        "SIGHUP: ok or refused",
    ),
    row("process.memory.usage", InstrumentKind::Gauge, "By", &[], "resident memory (Linux)"),
];
