//! Exporters as we need them: failures are counted, and HTTP goes over our own client.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::LogBatch;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::SpanData;

use super::metrics::{instruments, label};
use crate::fetch::Getter;

/// An exporter whose failures are counted, and said once each time they begin and end.
#[derive(Debug)]
pub(super) struct CountedExporter<E> {
    inner: E,
    signal: &'static str,
    failing: AtomicBool,
}

/// HTTP for exporters, whose threads are not the runtime's.
#[derive(Debug)]
pub(super) struct Http {
    pub(super) getter: Getter,
    pub(super) runtime: tokio::runtime::Handle,
}

impl<E> CountedExporter<E> {
    pub(super) fn new(inner: E, signal: &'static str) -> Self {
        Self { inner, signal, failing: AtomicBool::new(false) }
    }

    fn note(&self, items: usize, result: OTelSdkResult) -> OTelSdkResult {
        match &result {
            Ok(()) => {
                if self.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!(target: "mssql_mcp::telemetry", "the collector takes {} again", self.signal);
                }
            }
            Err(e) => {
                instruments()
                    .telemetry_failed
                    .add(items as u64, &[label("mssql_mcp.signal", self.signal)]);
                if !self.failing.swap(true, Ordering::Relaxed)
                    && !matches!(e, OTelSdkError::AlreadyShutdown)
                {
                    tracing::warn!(target: "mssql_mcp::telemetry", error = %e, "the collector \
                        does not take {}; what is lost is counted", self.signal);
                }
            }
        }
        result
    }
}

impl<E: opentelemetry_sdk::trace::SpanExporter> opentelemetry_sdk::trace::SpanExporter
    for CountedExporter<E>
{
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let n = batch.len();
        self.note(n, self.inner.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: opentelemetry_sdk::logs::LogExporter> opentelemetry_sdk::logs::LogExporter
    for CountedExporter<E>
{
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let n = batch.iter().count();
        self.note(n, self.inner.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for CountedExporter<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.note(1, self.inner.export(metrics).await)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}

// === impl Http ===

#[async_trait::async_trait]
impl HttpClient for Http {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let getter = self.getter.clone();
        // Sockets and timers belong to the runtime.
        let sent = self.runtime.spawn(async move { getter.send(request, 4 << 20).await });
        sent.await?.map_err(Into::into)
    }
}
