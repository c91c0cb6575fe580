//! `[telemetry]`: what is told to a collector, and to SQL Server.

use crate::config::setting::{Path, Text, choice, settings};
use crate::config::{Config, quoted};

choice! {
    /// How OTLP travels (`OTEL_EXPORTER_OTLP_PROTOCOL`).
    pub enum Protocol {
        /// Protobuf in the body of a POST.
        Http = "http/protobuf",
        Grpc = "grpc",
    }
}

settings! {
    ENDPOINT: Text = "telemetry.endpoint", ["OTEL_EXPORTER_OTLP_ENDPOINT"], "", restart,
        "OpenTelemetry collector that takes traces, metrics and logs, such as \
         http://otel-collector:4318; empty for none. Which other OTEL_* variables are heeded is \
         in docs/operations.md";
    PROTOCOL: Protocol =
        "telemetry.protocol", ["OTEL_EXPORTER_OTLP_PROTOCOL"], "http/protobuf", restart,
        "how it takes them: http/protobuf (port 4318) or grpc (4317)";
    CA_FILE: Path = "telemetry.ca_file", ["OTEL_EXPORTER_OTLP_CERTIFICATE"], "", restart,
        "PEM file of an authority to trust for its certificate, beside the system's";
    QUERY_TEXT: bool = "telemetry.query_text", [], "no", restart,
        "put the text of statements into spans (db.query.text), with ? for literals";
    CONTEXT_INFO: bool = "telemetry.context_info", [], "yes", restart,
        "tell SQL Server which trace a statement belongs to (SET CONTEXT_INFO, seen in \
         sys.dm_exec_sessions), so that a DBA finds the call";
}

pub(super) fn check(config: &Config, errors: &mut Vec<String>) {
    let endpoint = config.get(ENDPOINT);
    let known = ["http://", "https://"].iter().any(|scheme| endpoint.starts_with(scheme));
    if !endpoint.is_empty() && !known {
        errors.push(format!(
            "{}: {} is no URL such as http://otel-collector:4318",
            config.place(ENDPOINT),
            quoted(endpoint)
        ));
    }
    super::holds_certificates(config, CA_FILE, errors);
}
