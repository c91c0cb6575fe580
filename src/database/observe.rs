//! A round trip to SQL Server, as a client span and in `db.client.operation.duration` (OpenTelemetry semantic conventions for databases and
//! for Microsoft SQL Server). SQL text is in no label, and in a span only with `?` for its literals and only if that is asked for.

use std::sync::Arc;
use std::time::Instant;

use opentelemetry::trace::TraceContextExt;
use opentelemetry::{KeyValue, StringValue};
use tracing::{Instrument, Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::{Database, DbError, Settings};
use crate::audit::statement::Statement;
use crate::telemetry::SPANS;
use crate::telemetry::metrics::{instruments, label};
use crate::telemetry::trace::Trace;

/// What of a database's identity goes into labels: made once.
#[derive(Debug)]
pub struct Labels {
    namespace: Arc<str>,
    address: Arc<str>,
    port: i64,
    pool: Arc<str>,
}

/// A round trip on its way; dropped before its end, it was cancelled.
#[derive(Debug)]
pub struct Round {
    database: Database,
    operation: &'static str,
    span: Span,
    started: Instant,
    ended: bool,
}

fn shared(s: &Arc<str>) -> StringValue {
    s.clone().into()
}

impl Labels {
    /// Of a database.
    pub fn new(s: &Settings) -> Self {
        let namespace = match &s.instance {
            Some(i) => format!("{i}|{}", s.database),
            None => s.database.clone(),
        };
        // Two mounts of one server and database have pools of their own: the label tells them apart.
        let pool = format!("{}/{}/{}", s.server(), s.database, s.label);
        Self { namespace: namespace.into(), address: s.host.as_str().into(), port: s.port.into(), pool: pool.into() }
    }
    /// `db.client.connection.pool.name`.
    pub fn pool(&self) -> KeyValue {
        label("db.client.connection.pool.name", shared(&self.pool))
    }
}

impl Round {
    /// Begins. The text is looked at only where a span is made.
    pub fn begin(database: &Database, operation: &'static str, sql: Option<&str>) -> Self {
        let l = database.labels();
        let span = tracing::info_span!(
            target: SPANS,
            "db",
            otel.name = field::Empty,
            otel.kind = "client",
            otel.status_code = field::Empty,
            db.system.name = "microsoft.sql_server",
            db.namespace = &*l.namespace,
            db.operation.name = operation,
            db.query.summary = field::Empty,
            db.query.text = field::Empty,
            db.response.status_code = field::Empty,
            db.response.returned_rows = field::Empty,
            db.stored_procedure.name = "sp_executesql",
            server.address = &*l.address,
            server.port = l.port,
            error.type = field::Empty,
        );
        if !span.is_disabled() {
            let summary = sql.map(|q| {
                let s = Statement::of(q);
                if database.settings().query_text && !s.redacted.is_empty() {
                    span.record("db.query.text", s.redacted.as_str());
                }
                s.summary()
            });
            let summary = summary.filter(|s| !s.is_empty());
            if let Some(s) = &summary {
                span.record("db.query.summary", s.as_str());
            }
            // The convention: the summary, else the operation and where it goes.
            span.record("otel.name", summary.unwrap_or_else(|| format!("{operation} {}", l.namespace)));
        }
        Self { database: database.clone(), operation, span, started: Instant::now(), ended: false }
    }
    /// What SQL Server is told: this span, else one of the call's trace.
    pub fn trace(&self, of_call: Option<Trace>) -> Option<Trace> {
        if self.span.is_disabled() {
            return of_call.map(Trace::child);
        }
        Trace::of(self.span.context().span().span_context()).or(of_call)
    }
    /// Runs the work within the span, and ends it as `judge` says: rows, or the error.
    pub async fn run<T>(mut self, work: impl Future<Output = T>, judge: impl FnOnce(&T) -> Result<u64, &DbError>) -> T {
        let result = work.instrument(self.span.clone()).await;
        self.end(judge(&result));
        result
    }
    fn end(&mut self, result: Result<u64, &DbError>) {
        self.ended = true;
        let l = self.database.labels();
        let error = result.err();
        let number = match error {
            // Up to 10 it is information (semantic conventions for SQL Server).
            Some(DbError::Sql(s)) if s.severity >= 11 => Some(s.number),
            _ => None,
        };
        // From 50,000 on they are the caller's own (THROW, RAISERROR), and so as many as they like.
        let counted = number.map(|n| n.min(50_000).to_string());
        let kind = error.map(|e| counted.clone().unwrap_or_else(|| e.kind().to_owned()));
        let mut labels = vec![
            label("db.system.name", "microsoft.sql_server"),
            label("db.namespace", shared(&l.namespace)),
            label("db.operation.name", self.operation),
            label("server.address", shared(&l.address)),
            label("server.port", l.port),
        ];
        labels.extend(kind.clone().map(|k| label("error.type", k)));
        labels.extend(counted.map(|n| label("db.response.status_code", n)));
        instruments().db_operation.record(self.started.elapsed().as_secs_f64(), &labels);
        if self.span.is_disabled() {
            return;
        }
        if let Ok(rows) = result {
            self.span.record("db.response.returned_rows", rows);
        }
        if let Some(n) = number {
            self.span.record("db.response.status_code", n.to_string());
        }
        if let Some(k) = kind {
            self.span.record("error.type", k);
            self.span.record("otel.status_code", "ERROR");
        }
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        if !self.ended {
            self.end(Err(&DbError::Cancelled));
        }
    }
}
