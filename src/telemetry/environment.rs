//! OpenTelemetry's own variables: what each may hold
//! (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>,
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>), and what is said of those that
//! cannot be heeded. The specification asks for a warning and for going on without: nobody's
//! database should be out of reach for a word about telemetry.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};
use opentelemetry_sdk::trace::Sampler;
use percent_encoding::percent_decode_str;

use crate::config::setting::Value as _;
use crate::config::settings::telemetry::Protocol;

/// What a variable may hold.
#[derive(Debug, Clone, Copy)]
enum Holds {
    /// Looked at elsewhere, or any text.
    Text,
    /// A whole number from 1.
    Number,
    /// A whole number from 0.
    Count,
    /// A URL with its scheme.
    Url,
    /// From 0 to 1.
    Ratio,
    /// One of these, in any case.
    OneOf(&'static [&'static str]),
    Pairs,
    Headers,
    /// Names of ways to hand on a trace.
    Propagators,
    /// It is not heeded; what is instead.
    Unheeded(&'static str),
}
use Holds::{Count, Headers, Number, OneOf, Pairs, Propagators, Ratio, Text, Unheeded, Url};

/// The samplers that there are.
const SAMPLERS: &[&str] = &[
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];
/// How a signal is sent.
pub(crate) const PROTOCOLS: &[&str] = &["http/protobuf", "grpc"];
const COMPRESSIONS: &[&str] = &["gzip", "none"];
const EXPORTERS: &[&str] = &["otlp", "none"];
const TEMPORALITIES: &[&str] = &["cumulative", "delta", "lowmemory"];

/// All but those of the exporter.
const VARIABLES: &[(&str, Holds)] = &[
    ("OTEL_SDK_DISABLED", OneOf(&["true", "false"])),
    ("OTEL_SERVICE_NAME", Text),
    ("OTEL_RESOURCE_ATTRIBUTES", Pairs),
    ("OTEL_PROPAGATORS", Propagators),
    ("OTEL_TRACES_SAMPLER", OneOf(SAMPLERS)),
    ("OTEL_TRACES_SAMPLER_ARG", Ratio),
    ("OTEL_TRACES_EXPORTER", OneOf(EXPORTERS)),
    ("OTEL_METRICS_EXPORTER", OneOf(EXPORTERS)),
    ("OTEL_LOGS_EXPORTER", OneOf(EXPORTERS)),
    ("OTEL_BSP_SCHEDULE_DELAY", Number),
    ("OTEL_BSP_EXPORT_TIMEOUT", Number),
    ("OTEL_BSP_MAX_QUEUE_SIZE", Number),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", Number),
    ("OTEL_BLRP_SCHEDULE_DELAY", Number),
    ("OTEL_BLRP_EXPORT_TIMEOUT", Number),
    ("OTEL_BLRP_MAX_QUEUE_SIZE", Number),
    ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", Number),
    ("OTEL_METRIC_EXPORT_INTERVAL", Number),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", Count),
    ("OTEL_SPAN_EVENT_COUNT_LIMIT", Count),
    ("OTEL_SPAN_LINK_COUNT_LIMIT", Count),
    ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", OneOf(TEMPORALITIES)),
    (
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        Unheeded("the buckets are those of docs/metrics.md"),
    ),
    ("OTEL_LOG_LEVEL", Unheeded("LOG_LEVEL is for all of the log")),
    ("OTEL_METRIC_EXPORT_TIMEOUT", Unheeded("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT is")),
    ("OTEL_METRICS_EXEMPLAR_FILTER", Unheeded("there are no exemplars")),
    ("OTEL_ATTRIBUTE_COUNT_LIMIT", Unheeded("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT is")),
    ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", Unheeded("values are cut where they are made")),
    ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", Unheeded("values are cut where they are made")),
    ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", Unheeded("spans have no events")),
    ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", Unheeded("links have no attributes")),
    ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", Unheeded("log records have few attributes")),
    ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", Unheeded("values are cut where they are made")),
    ("OTEL_EXPORTER_PROMETHEUS_HOST", Unheeded("admin.listen is")),
    ("OTEL_EXPORTER_PROMETHEUS_PORT", Unheeded("admin.listen is")),
    ("OTEL_EXPORTER_ZIPKIN_ENDPOINT", Unheeded("telemetry is sent by OTLP")),
    ("OTEL_EXPORTER_ZIPKIN_TIMEOUT", Unheeded("telemetry is sent by OTLP")),
    ("OTEL_CONFIG_FILE", Unheeded("the variables are")),
    ("OTEL_EXPERIMENTAL_CONFIG_FILE", Unheeded("the variables are")),
];

/// Those of the exporter: for all signals (`OTEL_EXPORTER_OTLP_HEADERS`), and for one
/// (`OTEL_EXPORTER_OTLP_TRACES_HEADERS`).
const OTLP: &[(&str, Holds)] = &[
    ("ENDPOINT", Text),
    ("PROTOCOL", OneOf(PROTOCOLS)),
    ("HEADERS", Headers),
    ("COMPRESSION", OneOf(COMPRESSIONS)),
    ("TIMEOUT", Number),
    ("CERTIFICATE", Text),
    // Without meaning where an endpoint names its scheme, as all do here.
    ("INSECURE", Text),
    ("CLIENT_KEY", Unheeded("the collector has to know callers by OTEL_EXPORTER_OTLP_HEADERS")),
    (
        "CLIENT_CERTIFICATE",
        Unheeded("the collector has to know callers by OTEL_EXPORTER_OTLP_HEADERS"),
    ),
];

fn variables() -> BTreeMap<String, Holds> {
    let mut all: BTreeMap<String, Holds> =
        VARIABLES.iter().map(|(n, h)| ((*n).to_owned(), *h)).collect();
    for signal in ["", "TRACES_", "METRICS_", "LOGS_"] {
        // That for all signals is a setting, and judged as one.
        let of = |n: &str, h: Holds| if n == "ENDPOINT" && !signal.is_empty() { Url } else { h };
        all.extend(
            OTLP.iter().map(|(n, h)| (format!("OTEL_EXPORTER_OTLP_{signal}{n}"), of(n, *h))),
        );
    }
    all
}

/// A variable that is set; an empty one is not.
pub(crate) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|v| v.trim().to_owned()).filter(|v| !v.is_empty())
}

/// One of the words, as it is written here: where the variable holds none of them, it
/// counts as not set.
pub(crate) fn word(name: &str, of: &[&'static str]) -> Option<&'static str> {
    let v = env(name)?;
    of.iter().find(|w| w.eq_ignore_ascii_case(&v)).copied()
}

/// For one signal, else for all.
fn of_signal<T>(signal: &str, what: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
    read(&format!("OTEL_EXPORTER_OTLP_{}_{what}", signal.to_ascii_uppercase()))
        .or_else(|| read(&format!("OTEL_EXPORTER_OTLP_{what}")))
}

/// Whether a signal's messages are compressed with gzip.
pub(crate) fn gzip(signal: &str) -> bool {
    of_signal(signal, "COMPRESSION", |n| word(n, COMPRESSIONS)) == Some("gzip")
}

/// Milliseconds that an export may take.
pub(crate) fn timeout(signal: &str) -> u64 {
    of_signal(signal, "TIMEOUT", |n| env(n)?.parse().ok().filter(|n| *n > 0)).unwrap_or(10_000)
}

/// How a signal is sent, where its own variable says so.
pub(crate) fn protocol(signal: &str) -> Option<Protocol> {
    word(&format!("OTEL_EXPORTER_OTLP_{}_PROTOCOL", signal.to_ascii_uppercase()), PROTOCOLS)
        .map(Protocol::read)
}

/// Over what time a sum is a sum.
pub(crate) fn temporality() -> &'static str {
    word("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", TEMPORALITIES).unwrap_or("cumulative")
}

fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// Where a signal goes, whole, where its own variable says so.
pub(crate) fn endpoint(signal: &str) -> Option<String> {
    env(&format!("OTEL_EXPORTER_OTLP_{}_ENDPOINT", signal.to_ascii_uppercase()))
        .filter(|e| is_url(e))
}

/// Which traces are kept; in any case, which the SDK would not heed.
pub(crate) fn sampler() -> Option<Sampler> {
    let ratio = || {
        let r = env("OTEL_TRACES_SAMPLER_ARG")
            .and_then(|r| r.parse().ok())
            .filter(|r| (0.0..=1.0).contains(r));
        Sampler::TraceIdRatioBased(r.unwrap_or(1.0))
    };
    let parent = |s| Sampler::ParentBased(Box::new(s));
    Some(match word("OTEL_TRACES_SAMPLER", SAMPLERS)? {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => ratio(),
        "parentbased_always_off" => parent(Sampler::AlwaysOff),
        "parentbased_traceidratio" => parent(ratio()),
        _ => parent(Sampler::AlwaysOn),
    })
}

/// The headers of a signal's messages.
pub(crate) fn headers(signal: &str) -> Vec<(HeaderName, HeaderValue)> {
    of_signal(signal, "HEADERS", |n| read_headers(&env(n)?)).unwrap_or_default()
}

/// What is said of the process besides its own.
pub(crate) fn resource_attributes() -> Vec<(String, String)> {
    env("OTEL_RESOURCE_ATTRIBUTES").and_then(|v| pairs(&v)).unwrap_or_default()
}

/// `name=value,…`, percent-encoded (W3C Baggage §3.2, without properties): all of it, or nothing. A
/// `+` is a plus, and a value may hold `=`.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let decoded = |t: &str| {
        // What begins like an escape and is none is a mistake, not a percent sign.
        let whole = t
            .split('%')
            .skip(1)
            .all(|r| r.len() >= 2 && r.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit));
        whole.then(|| percent_decode_str(t).decode_utf8().ok().map(|d| d.into_owned())).flatten()
    };
    text.split(',')
        .map(str::trim)
        .filter(|p| !p.is_empty())
        .map(|p| {
            let (k, v) = p.split_once('=')?;
            Some((decoded(k.trim()).filter(|k| !k.is_empty())?, decoded(v.trim())?))
        })
        .collect()
}

fn read_headers(text: &str) -> Option<Vec<(HeaderName, HeaderValue)>> {
    pairs(text)?
        .into_iter()
        .map(|(k, v)| Some((k.parse().ok()?, HeaderValue::from_str(&v).ok()?)))
        .collect()
}

/// What is said of each variable that is not heeded, as it is or at all. Values of headers and
/// attributes are nobody's business.
pub(crate) fn unheeded(set: impl Iterator<Item = (String, String)>) -> Vec<String> {
    let known = variables();
    let set: BTreeMap<String, String> =
        set.filter(|(k, v)| k.starts_with("OTEL_") && !v.trim().is_empty()).collect();
    let ratio = set
        .get("OTEL_TRACES_SAMPLER")
        .is_some_and(|s| s.to_ascii_lowercase().ends_with("traceidratio"));
    let mut said = Vec::new();
    for (name, value) in &set {
        let value = value.trim();
        let wrong = match known.get(name) {
            None => {
                let near = known.keys().map(|k| (strsim::damerau_levenshtein(k, name), k)).min();
                // Others' variables are others'.
                near.filter(|(d, _)| *d <= 2).map(|(_, k)| {
                    format!(
                        "nobody knows it; did you mean \
                    {k}?"
                    )
                })
            }
            Some(Text) => None,
            Some(Unheeded(instead)) => Some(format!("it is not heeded; {instead}")),
            // The SDK reads numbers as they stand, blanks and all.
            Some(Count) => set[name]
                .parse::<u32>()
                .is_err()
                .then(|| format!("\"{value}\" is no whole number from 0 to {}", u32::MAX)),
            Some(Url) => (!is_url(value)).then(|| {
                "it is no URL such as \
                    http://otel-collector:4318/v1/traces"
                    .to_owned()
            }),
            Some(Number) => set[name]
                .parse::<u32>()
                .ok()
                .filter(|n| *n > 0)
                .is_none()
                .then(|| format!("\"{value}\" is no whole number from 1 to {}", u32::MAX)),
            Some(Ratio) if !ratio => None,
            Some(Ratio) => value
                .parse::<f64>()
                .ok()
                .filter(|r| (0.0..=1.0).contains(r))
                .is_none()
                .then(|| format!("\"{value}\" is no number from 0 to 1")),
            Some(OneOf(words)) => words
                .iter()
                .all(|w| !w.eq_ignore_ascii_case(value))
                .then(|| format!("\"{value}\" is none of {}", words.join(", "))),
            Some(Pairs) => pairs(value).is_none().then(|| {
                "it is no list of name=value pairs, percent-encoded, with commas between".to_owned()
            }),
            Some(Headers) => read_headers(value).is_none().then(|| {
                "it is no list of header=value pairs, percent-encoded (a comma as %2C), with \
                 commas between"
                    .to_owned()
            }),
            Some(Propagators) => {
                let other = value
                    .split(',')
                    .map(str::trim)
                    .find(|p| !["tracecontext", "baggage"].contains(p));
                other.map(|p| format!("\"{p}\": traces are handed on by W3C Trace Context alone"))
            }
        };
        said.extend(wrong.map(|w| format!("{name}: {w}")));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str, value: &str) -> String {
        unheeded([(name.to_owned(), value.to_owned())].into_iter()).join("; ")
    }

    #[test]
    fn what_cannot_be_heeded_is_named() {
        for (name, value, part) in [
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "\"zstd\" is none of gzip, none"),
            (
                "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION",
                "deflate",
                "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION: \"deflate\"",
            ),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "none of http/protobuf, grpc"),
            ("OTEL_TRACES_EXPORTER", "zipkin", "none of otlp, none"),
            ("OTEL_TRACES_SAMPLER", "xray", "none of always_on"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "no whole number from 1"),
            ("OTEL_METRIC_EXPORT_INTERVAL", " 300 ", "no whole number"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "127.0.0.1:4318", "no URL such as"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "no whole number"),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/k.pem", "not heeded"),
            ("OTEL_LOG_LEVEL", "debug", "LOG_LEVEL"),
            ("OTEL_PROPAGATORS", "b3", "W3C Trace Context"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a=1,b", "no list of name=value"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a=50%", "no list of name=value"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization", "no list of header=value"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "two words=x", "no list of header=value"),
            ("OTEL_EXPORTER_OTLP_ENDPOIN", "http://c", "did you mean OTEL_EXPORTER_OTLP_ENDPOINT?"),
            ("OTEL_SDK_DISABLED", "yes", "none of true, false"),
        ] {
            let s = said(name, value);
            assert!(s.starts_with(name) && s.contains(part), "{name}={value}: {s}");
        }
        let secret = said("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%2");
        assert!(!secret.is_empty() && !secret.contains("Bearer"), "{secret}");
        let ratio = [("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "10%")];
        let ratio = ratio.map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert!(unheeded(ratio.into_iter()).concat().contains("from 0 to 1"));
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "GZIP"),
            ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "api-key=a+b%3D=, x=%20y"),
            ("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=a%2Cb,team=data"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", ""),
            ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "0"),
            ("OTEL_TRACES_SAMPLER", "ALWAYS_OFF"),
            ("OTEL_PROPAGATORS", "tracecontext,baggage"),
            ("OTEL_NODE_IP", "10.0.0.1"),
            ("PATH", "x"),
        ] {
            assert_eq!(said(name, value), "", "{name}={value}");
        }
    }

    #[test]
    fn pairs_are_percent_decoded_and_nothing_else() {
        let of = |t: &str| {
            pairs(t).map(|p| p.into_iter().map(|(k, v)| format!("{k}|{v}")).collect::<Vec<_>>())
        };
        assert_eq!(
            of("a=1+2, b = x=y== ,c=%2C%20%c3%bc,d="),
            Some(vec!["a|1+2".into(), "b|x=y==".into(), "c|, ü".into(), "d|".into()])
        );
        for bad in ["a", "=x", "a=%", "a=%4", "a=%zz", "a=%ff", "a=1,b"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
