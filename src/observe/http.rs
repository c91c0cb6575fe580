//! Watches HTTP requests: a server span and `http.server.request.duration`, up to the head of the
//! response (a stream may last for hours).

use std::sync::Arc;
use std::time::Instant;

use http::{Request, Response};
use mssql_mcp_middleware::observe::Observer;
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, StringValue};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::route::Routes;
use crate::telemetry::SPANS;
use crate::telemetry::metrics::{instruments, label};
use crate::telemetry::trace::{self, OpenSpan, Trace};

#[derive(Debug)]
pub(crate) struct Requests {
    routes: Arc<Routes>,
    scheme: &'static str,
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct RunningRequest {
    method: &'static str,
    route: Option<StringValue>,
    scheme: &'static str,
    begun: OpenSpan,
    started: Instant,
    ended: bool,
}

/// The trace of an HTTP request, for what it carries. In its extensions.
#[derive(Debug, Clone)]
pub(crate) struct HttpTrace {
    /// What a call without a trace of its own belongs to.
    pub(crate) trace: Trace,
    /// With the span, where spans are made.
    pub(crate) context: Option<Context>,
}

impl HttpTrace {
    /// Of the span that this runs in; else what the client's header says.
    pub(crate) fn here<B>(r: &Request<B>) -> Option<Self> {
        let span = Span::current();
        if span.is_disabled() || span.metadata().is_none_or(|m| m.target() != SPANS) {
            let parent = trace::remote(header(r))?;
            return Trace::of(parent.span().span_context())
                .map(|trace| Self { trace, context: None });
        }
        let context = span.context();
        Trace::of(context.span().span_context()).map(|trace| Self { trace, context: Some(context) })
    }
}

/// Puts the trace of a request into its extensions; within the span of [`Requests`].
pub(crate) fn traced<B>(mut r: Request<B>) -> Request<B> {
    if let Some(t) = HttpTrace::here(&r) {
        r.extensions_mut().insert(t);
    }
    r
}

fn header<B>(r: &Request<B>) -> Option<&str> {
    r.headers().get("traceparent")?.to_str().ok()
}

impl Requests {
    /// Of a listener with these routes; `tls` where clients type https.
    pub(crate) fn new(routes: Arc<Routes>, tls: bool) -> Self {
        Self { routes, scheme: if tls { "https" } else { "http" } }
    }
}

/// The methods of RFC 9110 and PATCH; all others are `_OTHER`.
fn method_of(m: &http::Method) -> &'static str {
    ["GET", "POST", "HEAD", "DELETE", "OPTIONS", "PUT", "PATCH", "TRACE", "CONNECT"]
        .into_iter()
        .find(|k| *k == m.as_str())
        .unwrap_or("_OTHER")
}

impl<B, R, E> Observer<Request<B>, Response<R>, E> for Requests {
    type Guard = RunningRequest;
    fn start(&self, r: &Request<B>) -> RunningRequest {
        let method = method_of(r.method());
        let route = self.routes.find(r.uri().path()).ok().map(|p| self.routes.path_of(p).into());
        let span = tracing::info_span!(target: SPANS, "http", otel.kind = "server");
        if !span.is_disabled()
            && let Some(parent) = trace::remote(header(r))
        {
            let _ = span.set_parent(parent);
        }
        let begun = OpenSpan::new(span);
        begun.name(|| {
            route.as_ref().map_or_else(|| method.to_owned(), |route| format!("{method} {route}"))
        });
        begun.describe(|| {
            let mut all =
                vec![label("http.request.method", method), label("url.scheme", self.scheme)];
            all.extend(route.clone().map(|r| label("http.route", r)));
            all
        });
        RunningRequest {
            method,
            route,
            scheme: self.scheme,
            begun,
            started: Instant::now(),
            ended: false,
        }
    }

    fn within<T>(&self, running: &RunningRequest, work: impl FnOnce() -> T) -> T {
        running.begun.span.in_scope(work)
    }

    fn end(&self, mut running: RunningRequest, result: Result<&Response<R>, &E>) {
        running.end(result.ok().map(|r| r.status().as_u16()));
    }
}

impl RunningRequest {
    fn end(&mut self, status: Option<u16>) {
        self.ended = true;
        let took = self.started.elapsed();
        let mut labels =
            vec![label("http.request.method", self.method), label("url.scheme", self.scheme)];
        labels.extend(self.route.take().map(|r| label("http.route", r)));
        labels.extend(status.map(|s| label("http.response.status_code", i64::from(s))));
        instruments().http_request.record(took.as_secs_f64(), &labels);
        self.begun.describe(|| {
            status.map(|s| label("http.response.status_code", i64::from(s))).into_iter().collect()
        });
        if status.is_none_or(|s| s >= 500) {
            self.begun.failed(status.map_or_else(|| "dropped".to_owned(), |s| s.to_string()));
        }
    }
}

impl Drop for RunningRequest {
    fn drop(&mut self) {
        if !self.ended {
            self.end(None);
        }
    }
}
