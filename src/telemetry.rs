//! What an operator sees: logs on stderr, and traces, metrics and logs by OpenTelemetry.

pub(crate) mod environment;
mod exporter;
mod json;
pub mod metrics;
pub(crate) mod otlp;
pub(crate) mod trace;
pub(crate) mod wire;

use std::sync::OnceLock;
use std::time::Duration;

use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::config::Config;
use crate::config::settings::{self, log::Format};
use otlp::Exporters;

/// The target of all spans: they are for OpenTelemetry alone, and without it they
/// are not even made.
pub(crate) const SPANS: &str = "mssql_mcp::trace";

static LEVEL: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();
static EXPORTERS: OnceLock<Exporters> = OnceLock::new();

/// What goes to stderr. Error texts of the driver can hold data, and exporters would report
/// on their own reports.
fn filter(level: &str) -> Result<EnvFilter, String> {
    let directives =
        crate::config::level::directives(level).map_err(|e| format!("log.level: {e}"))?;
    let filter = EnvFilter::try_new(&directives)
        .map_err(|e| format!("log.level: \"{level}\" is no filter: {e}"))?;
    let never = [
        "tiberius=off",
        "hyper=warn",
        "h2=off",
        "rustls=warn",
        "tonic=off",
        "tower=off",
        "opentelemetry=off",
    ];
    let more = [
        "opentelemetry_sdk=off",
        "opentelemetry-otlp=off",
        "opentelemetry_otlp=off",
        "mssql_mcp::trace=off",
    ];
    Ok(never
        .iter()
        .chain(&more)
        .filter_map(|d| d.parse().ok())
        .fold(filter, EnvFilter::add_directive))
}

/// Sets up logging to stderr alone: for commands that end by themselves.
pub fn init(level: &str, format: Format) {
    subscribe(level, format, None);
}

/// Sets up everything that a server needs, as configured. Within the runtime,
/// which the exporters use.
pub fn start(config: &Config, tools: wire::Tools) -> Result<(), String> {
    filter(config.get(settings::log::LEVEL))?;
    let exporters = Exporters::new(config)?;
    subscribe(
        config.get(settings::log::LEVEL),
        config.get(settings::log::FORMAT),
        Some(&exporters),
    );
    if EXPORTERS.set(exporters).is_ok() {
        metrics::gauge("process.memory.usage", |put| {
            if let Some(bytes) = resident() {
                put(bytes, &[]);
            }
        });
    }
    for one in environment::unheeded(std::env::vars()) {
        tracing::warn!(target: "mssql_mcp::telemetry", "not heeded: {one}");
    }
    wire::configure(config, tools);
    Ok(())
}

fn subscribe(level: &str, format: Format, exporters: Option<&Exporters>) {
    let fallback = || EnvFilter::new("info");
    let (filter, handle) = reload::Layer::new(filter(level).unwrap_or_else(|_| fallback()));
    let fmt = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    let fmt: Box<dyn Layer<Registry> + Send + Sync> = if format == Format::Json {
        Box::new(fmt.json().map_event_format(json::Lines))
    } else {
        Box::new(fmt)
    };
    // The exported logs are what stderr shows, at the same level: ours and no library's. Where
    // nobody wants them or the spans, the filters say so, and they are not even made.
    let (logs, spans) = (exporters.and_then(Exporters::logs), exporters.and_then(Exporters::spans));
    let (log, trace) = (logs.is_some(), spans.is_some());
    let logs = logs.with_filter(filter_fn(move |m| {
        log && m.is_event() && (m.target().starts_with("mssql_mcp") || m.target() == "audit")
    }));
    let spans = spans.with_filter(filter_fn(move |m| trace && m.is_span() && m.target() == SPANS));
    let shown = fmt.and_then(logs).with_filter(filter);
    // A second call (tests in one process) keeps the first subscriber.
    let ok = tracing_subscriber::registry().with(shown).with(spans).try_init();
    if ok.is_ok() {
        let _ = LEVEL.set(handle);
    }
}

/// Changes the level while the process runs.
pub(crate) fn set_level(level: &str) -> Result<(), String> {
    let new = filter(level)?;
    LEVEL.get().map_or(Ok(()), |h| h.reload(new).map_err(|e| e.to_string()))
}

/// The metrics, as Prometheus reads them; none without an admin listener.
pub(crate) fn scrape() -> Option<Result<String, String>> {
    EXPORTERS.get()?.scrape()
}

/// Sends what waits, within this time and never more than a few seconds. Blocks.
pub(crate) fn flush(patience: Duration) {
    if let Some(e) = EXPORTERS.get() {
        e.shutdown(patience);
    }
}

/// Bytes of this process in memory.
fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    // Pages of 4 KiB on every Linux that this runs on but a few; a wrong factor would be constant.
    statm.split(' ').nth(1)?.parse::<u64>().ok().map(|pages| pages * 4096)
}
