//! The metric table: every metric with its labels, unit and buckets, in one place.
//! `docs/metrics.md` is printed from it, the dashboards and alert rules are checked against it, and
//! an instrument that is not in it cannot be made.
//!
//! Names are those of the OpenTelemetry semantic conventions (MCP, databases, HTTP) where there is
//! one, ours begin with `mssql_mcp.`.

mod table;

use std::fmt::Write as _;
use std::sync::LazyLock;

use opentelemetry::metrics::{Counter, Histogram, Meter};
use opentelemetry::{KeyValue, Value, global};

use table::{DB, HTTP, MCP};
pub use table::{InstrumentKind, METRICS, Metric, TOOL};

/// The instruments of what is counted as it happens; gauges are asked when somebody looks.
#[derive(Debug)]
pub(crate) struct Instruments {
    pub(crate) operation: Histogram<f64>,
    pub(crate) rows: Counter<u64>,
    pub(crate) affected: Counter<u64>,
    pub(crate) bytes: Counter<u64>,
    pub(crate) truncations: Counter<u64>,
    pub(crate) guard_refusals: Counter<u64>,
    pub(crate) rate_limited: Counter<u64>,
    pub(crate) db_operation: Histogram<f64>,
    pub(crate) pool_timeouts: Counter<u64>,
    pub(crate) pool_discarded: Counter<u64>,
    pub(crate) pool_create: Histogram<f64>,
    pub(crate) pool_wait: Histogram<f64>,
    pub(crate) pool_use: Histogram<f64>,
    pub(crate) http_request: Histogram<f64>,
    pub(crate) tokens_issued: Counter<u64>,
    pub(crate) tokens_denied: Counter<u64>,
    pub(crate) tokens_refused: Counter<u64>,
    pub(crate) sign_ins: Counter<u64>,
    pub(crate) audit_records: Counter<u64>,
    pub(crate) audit_dropped: Counter<u64>,
    pub(crate) telemetry_failed: Counter<u64>,
    pub(crate) reloads: Counter<u64>,
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
        pool_discarded: counter(&m, "mssql_mcp.pool.discarded"),
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
pub(crate) fn instruments() -> &'static Instruments {
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
    let InstrumentKind::Histogram(bounds) = row.kind else { unreachable!("{name} has no buckets") };
    m.f64_histogram(name)
        .with_description(row.help)
        .with_unit(row.unit)
        .with_boundaries(bounds.to_vec())
        .build()
}

/// Asks `read` for a gauge's values whenever somebody looks. It lives as long as the process.
pub(crate) fn gauge<F>(name: &'static str, read: F)
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
pub(crate) fn label(key: &'static str, value: impl Into<Value>) -> KeyValue {
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
    if m.kind == InstrumentKind::Counter {
        name += "_total";
    }
    name
}

/// `docs/metrics.md`, as text in Markdown.
pub fn markdown() -> String {
    let mut out = String::from(include_str!("metrics.md"));
    out.push_str(
        "\n## Every metric\n\n| OTLP | Prometheus | kind | unit | labels | what \
         |\n|---|---|---|---|---|---|\n",
    );
    for m in METRICS {
        let kind = match m.kind {
            InstrumentKind::Counter => "counter",
            InstrumentKind::Gauge => "gauge",
            InstrumentKind::Histogram(_) => "histogram",
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
        let InstrumentKind::Histogram(bounds) = kind else { continue };
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
