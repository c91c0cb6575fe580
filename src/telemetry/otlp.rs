//! OpenTelemetry out of the process: OTLP over gRPC or HTTP/protobuf, and the
//! registry that Prometheus reads.
//!
//! Nothing here is waited for by a call. Spans and log records go into bounded queues
//! (`OTEL_BSP_*`, `OTEL_BLRP_*`), and what finds no room, or is not taken by the collector, is
//! counted. Headers, timeouts, sampler and resource come from the standard `OTEL_*` variables.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue};
use opentelemetry::trace::TracerProvider;
use opentelemetry::{KeyValue, global};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::tonic_types::metadata::MetadataMap;
use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig};
use opentelemetry_otlp::{Compression, LogExporter, MetricExporter, SpanExporter};
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{LogBatch, SdkLogger, SdkLoggerProvider};
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{Aggregation, Instrument, SdkMeterProvider, Stream, Temporality};
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SdkTracerProvider};
use prometheus::TextEncoder;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;

use super::environment::{self, env};
use super::exporter::{CountedExporter, Http};
use crate::config::Config;
use crate::config::settings::{self, telemetry::Protocol};
use crate::fetch::Getter;

/// How long the last export may take when the server stops.
const LAST: Duration = Duration::from_secs(3);

/// What is sent where.
#[derive(Debug)]
pub(crate) struct Exporters {
    traces: Option<SdkTracerProvider>,
    metrics: Option<SdkMeterProvider>,
    logs: Option<SdkLoggerProvider>,
    registry: Option<prometheus::Registry>,
}

/// One kind of telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    Traces,
    Metrics,
    Logs,
}

/// Where one signal goes, and how.
pub(crate) struct Route {
    pub(crate) signal: &'static str,
    /// With the path, for HTTP.
    pub(crate) endpoint: String,
    pub(crate) grpc: bool,
    /// Sent with each message; they can be secrets.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) gzip: bool,
    /// An export takes no longer.
    pub(crate) timeout: Duration,
    /// Authorities to trust beside the system's, as PEM.
    pub(crate) ca: Option<Vec<u8>>,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }

    /// Where it goes; nowhere unless an endpoint is named or the exporter is asked for.
    fn route(self, config: &Config) -> Result<Option<Route>, String> {
        let (signal, upper) = (self.name(), self.name().to_ascii_uppercase());
        let asked = environment::word(&format!("OTEL_{upper}_EXPORTER"), &["otlp", "none"]);
        if asked == Some("none") {
            return Ok(None);
        }
        let protocol = environment::protocol(signal)
            .unwrap_or_else(|| config.get(settings::telemetry::PROTOCOL));
        let grpc = protocol == Protocol::Grpc;
        let own = environment::endpoint(signal);
        let base = Some(config.get(settings::telemetry::ENDPOINT).trim_end_matches('/').to_owned())
            .filter(|e| !e.is_empty());
        let usual = if grpc { "http://localhost:4317" } else { "http://localhost:4318" };
        let endpoint = match (own, base.or_else(|| asked.map(|_| usual.to_owned()))) {
            (Some(whole), _) => whole,
            (None, Some(base)) if grpc => base,
            (None, Some(base)) => format!("{base}/v1/{signal}"),
            (None, None) => return Ok(None),
        };
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            let shown = crate::config::quoted(&endpoint);
            return Err(format!(
                "telemetry.endpoint: {shown} is no URL such as http://otel-collector:4318"
            ));
        }
        let name = format!("OTEL_EXPORTER_OTLP_{upper}_CERTIFICATE");
        let file = match env(&name) {
            Some(own) => Some((name, own)),
            None => Some((
                "telemetry.ca_file".to_owned(),
                config.get(settings::telemetry::CA_FILE).to_owned(),
            )),
        };
        let ca = file
            .filter(|(_, p)| !p.is_empty())
            .map(|(name, p)| {
                std::fs::read(&p).map_err(|e| format!("{name}: {p} cannot be read: {e}"))
            })
            .transpose()?;
        Ok(Some(Route {
            signal,
            endpoint,
            grpc,
            headers: environment::headers(signal),
            gzip: environment::gzip(signal),
            timeout: Duration::from_millis(environment::timeout(signal)),
            ca,
        }))
    }
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Route")
            .field("endpoint", &self.endpoint)
            .field("grpc", &self.grpc)
            .finish_non_exhaustive()
    }
}

/// Where each signal goes: for those who look whether somebody is there.
pub(crate) fn routes(config: &Config) -> Result<Vec<Route>, String> {
    if env("OTEL_SDK_DISABLED").is_some_and(|v| v.eq_ignore_ascii_case("true")) {
        return Ok(Vec::new());
    }
    // Looked at even where nothing is sent yet: it is somebody's mistake.
    let ca = config.get(settings::telemetry::CA_FILE);
    if !ca.is_empty() {
        std::fs::File::open(ca)
            .map_err(|e| format!("telemetry.ca_file: {ca} cannot be read: {e}"))?;
    }
    let mut all = Vec::new();
    for s in [Signal::Traces, Signal::Metrics, Signal::Logs] {
        all.extend(s.route(config)?);
    }
    Ok(all)
}

fn resource() -> Resource {
    Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", "mssql-mcp"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            // Two replicas behind one collector are told apart.
            KeyValue::new(
                "service.instance.id",
                RandomIdGenerator::default().new_trace_id().to_string(),
            ),
        ])
        .with_detectors(&[Box::new(TelemetryResourceDetector)])
        .with_attributes(
            environment::resource_attributes().into_iter().map(|(k, v)| KeyValue::new(k, v)),
        )
        .with_attributes(env("OTEL_SERVICE_NAME").map(|n| KeyValue::new("service.name", n)))
        .build()
}

/// The exporter of one signal, as its builder makes it.
macro_rules! exporter {
    ($builder:expr, $route:expr) => {{
        let route: &Route = $route;
        let built = if route.grpc {
            let mut b =
                $builder.with_tonic().with_endpoint(&route.endpoint).with_timeout(route.timeout);
            b = b.with_metadata(MetadataMap::from_headers(route.headers.iter().cloned().collect()));
            if route.gzip {
                b = b.with_compression(Compression::Gzip);
            }
            if route.endpoint.starts_with("https://") {
                let mut tls = ClientTlsConfig::new().with_native_roots();
                if let Some(pem) = &route.ca {
                    tls = tls.ca_certificate(Certificate::from_pem(pem));
                }
                b = b.with_tls_config(tls);
            }
            b.build()
        } else {
            let mut b =
                $builder.with_http().with_endpoint(&route.endpoint).with_timeout(route.timeout);
            let text = |v: &HeaderValue| v.to_str().map(str::to_owned).unwrap_or_default();
            b = b.with_headers(
                route.headers.iter().map(|(k, v)| (k.to_string(), text(v))).collect(),
            );
            if route.gzip {
                b = b.with_compression(Compression::Gzip);
            }
            b.with_http_client(http_client(route)?).build()
        };
        built.map_err(|e| format!("telemetry.endpoint: {e}"))?
    }};
}

/// An export of nothing over gRPC, as the server would send something: whether it is taken.
pub(crate) async fn taken_by_grpc(route: &Route) -> Result<(), String> {
    let sent = match route.signal {
        "traces" => {
            opentelemetry_sdk::trace::SpanExporter::export(
                &exporter!(SpanExporter::builder(), route),
                Vec::new(),
            )
            .await
        }
        "logs" => {
            let e = exporter!(LogExporter::builder(), route);
            opentelemetry_sdk::logs::LogExporter::export(&e, LogBatch::new(&[])).await
        }
        _ => {
            PushMetricExporter::export(
                &exporter!(MetricExporter::builder(), route),
                &ResourceMetrics::default(),
            )
            .await
        }
    };
    sent.map_err(|e| e.to_string())
}

// === impl Exporters ===

impl Exporters {
    /// As configured, with the meter provider as the process's. Connects to nobody yet.
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        let registry =
            config.get(settings::admin::LISTEN).is_some().then(prometheus::Registry::new);
        let mut me = Self { traces: None, metrics: None, logs: None, registry };
        let routes = routes(config)?;
        let route = |name| routes.iter().find(|r| r.signal == name);
        let resource = resource();
        // First: whatever measures belongs to the provider that there is when it is made, and the
        // queues below measure what they drop.
        let mut metrics = SdkMeterProvider::builder().with_resource(resource.clone()).with_view(
            |i: &Instrument| {
                // A constant of the configuration; what is lost is counted.
                let says_nothing = i.name().ends_with(".queue.capacity");
                says_nothing
                    .then(|| Stream::builder().with_aggregation(Aggregation::Drop).build().ok())
                    .flatten()
            },
        );
        if let Some(r) = route("metrics") {
            let e = CountedExporter::new(
                exporter!(MetricExporter::builder().with_temporality(temporality()), r),
                "metrics",
            );
            metrics = metrics.with_periodic_exporter(e);
        }
        if let Some(r) = &me.registry {
            let e = opentelemetry_prometheus::exporter().with_registry(r.clone());
            metrics = metrics.with_reader(e.build().map_err(|e| format!("metrics: {e}"))?);
        }
        if me.registry.is_some() || route("metrics").is_some() {
            let provider = metrics.build();
            global::set_meter_provider(provider.clone());
            me.metrics = Some(provider);
        }
        if let Some(r) = route("traces") {
            let e = CountedExporter::new(exporter!(SpanExporter::builder(), r), "traces");
            let mut traces =
                SdkTracerProvider::builder().with_batch_exporter(e).with_resource(resource.clone());
            if let Some(s) = environment::sampler() {
                traces = traces.with_sampler(s);
            }
            me.traces = Some(traces.build());
        }
        if let Some(r) = route("logs") {
            let e = CountedExporter::new(exporter!(LogExporter::builder(), r), "logs");
            me.logs = Some(
                SdkLoggerProvider::builder().with_batch_exporter(e).with_resource(resource).build(),
            );
        }
        Ok(me)
    }

    /// The layer that exports spans.
    pub(crate) fn spans<S>(
        &self,
    ) -> Option<OpenTelemetryLayer<S, opentelemetry_sdk::trace::SdkTracer>>
    where
        S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    {
        let tracer = self.traces.as_ref()?.tracer("mssql-mcp");
        // Where in the source and on which thread a span began says nothing to
        // an operator, and costs.
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false);
        Some(layer.with_tracked_inactivity(false).with_target(false).with_level(false))
    }

    /// The layer that exports log records.
    pub(crate) fn logs(&self) -> Option<OpenTelemetryTracingBridge<SdkLoggerProvider, SdkLogger>> {
        self.logs.as_ref().map(OpenTelemetryTracingBridge::new)
    }

    pub(crate) fn scrape(&self) -> Option<Result<String, String>> {
        let r = self.registry.as_ref()?;
        Some(TextEncoder::new().encode_to_string(&r.gather()).map_err(|e| e.to_string()))
    }

    /// Sends what waits, all three at once: a collector that hangs is waited for once.
    pub(crate) fn shutdown(&self, patience: Duration) {
        let (patience, began) = (patience.min(LAST), Instant::now());
        let (done, ended) = mpsc::channel();
        // In threads that are given up with the process: the reader of metrics has a
        // patience of its own.
        let run = |work: Box<dyn FnOnce() + Send>| {
            let done = done.clone();
            std::thread::spawn(move || {
                work();
                let _ = done.send(());
            });
        };
        if let Some(t) = self.traces.clone() {
            run(Box::new(move || _ = t.shutdown_with_timeout(patience)));
        }
        if let Some(l) = self.logs.clone() {
            run(Box::new(move || _ = l.shutdown_with_timeout(patience)));
        }
        if let Some(m) = self.metrics.clone() {
            run(Box::new(move || _ = m.shutdown_with_timeout(patience)));
        }
        drop(done);
        while ended.recv_timeout(patience.saturating_sub(began.elapsed())).is_ok() {}
    }
}

// === impl Counted ===

fn http_client(route: &Route) -> Result<Http, String> {
    let getter = Getter::inside(route.ca.as_deref().unwrap_or_default(), route.timeout)
        .map_err(|e| format!("telemetry.ca_file: {e}"))?;
    let runtime = tokio::runtime::Handle::try_current().map_err(|e| e.to_string())?;
    Ok(Http { getter, runtime })
}

fn temporality() -> Temporality {
    match environment::temporality() {
        "delta" => Temporality::Delta,
        "lowmemory" => Temporality::LowMemory,
        _ => Temporality::Cumulative,
    }
}
