//! A round trip to SQL Server, as a client span and in `db.client.operation.duration`
//! (OpenTelemetry semantic conventions for databases and for Microsoft SQL Server). SQL text is in
//! no label, and in a span only with `?` for its literals and only if that is asked for.

use std::sync::Arc;
use std::time::Instant;

use opentelemetry::{KeyValue, StringValue};
use tracing::Instrument;

use super::{Database, DbError, Settings};
use crate::statement::Statement;
use crate::telemetry::SPANS;
use crate::telemetry::metrics::{instruments, label};
use crate::telemetry::trace::{OpenSpan, Trace};

/// What of a database's identity goes into labels: made once.
#[derive(Debug)]
pub(crate) struct Labels {
    namespace: Arc<str>,
    address: Arc<str>,
    port: i64,
    pool: Arc<str>,
}

/// A round trip on its way; dropped before its end, it was cancelled.
#[derive(Debug)]
pub(crate) struct Round {
    labels: Arc<Labels>,
    operation: &'static str,
    begun: OpenSpan,
    started: Instant,
    ended: bool,
}

fn shared(s: &Arc<str>) -> StringValue {
    s.clone().into()
}

impl Labels {
    pub(crate) fn new(s: &Settings) -> Self {
        let namespace = match &s.instance {
            Some(i) => format!("{i}|{}", s.database),
            None => s.database.clone(),
        };
        // Two mounts of one server and database have pools of their own: the
        // label tells them apart.
        let pool = format!("{}/{}/{}", s.server(), s.database, s.label);
        Self {
            namespace: namespace.into(),
            address: s.host.as_str().into(),
            port: s.port.into(),
            pool: pool.into(),
        }
    }

    /// What spans and `db.client.operation.duration` have in common.
    fn all(&self, operation: &'static str) -> Vec<KeyValue> {
        vec![
            label("db.system.name", "microsoft.sql_server"),
            label("db.namespace", shared(&self.namespace)),
            label("db.operation.name", operation),
            label("server.address", shared(&self.address)),
            label("server.port", self.port),
        ]
    }

    pub(crate) fn pool(&self) -> KeyValue {
        label("db.client.connection.pool.name", shared(&self.pool))
    }
}

impl Round {
    /// Begins. The text is looked at only where a span is made.
    pub(crate) fn begin(database: &Database, operation: &'static str, sql: Option<&str>) -> Self {
        let l = database.labels();
        let begun = OpenSpan::new(tracing::info_span!(target: SPANS, "db", otel.kind = "client"));
        begun.describe(|| {
            let mut all = l.all(operation);
            all.push(label("db.stored_procedure.name", "sp_executesql"));
            let statement = sql.map(|q| crate::long::apart(q.len(), || Statement::of(q)));
            let summary = statement.as_ref().map(Statement::summary).filter(|s| !s.is_empty());
            if let Some(s) =
                statement.filter(|s| database.settings().query_text && !s.redacted.is_empty())
            {
                all.push(label("db.query.text", s.redacted));
            }
            all.extend(summary.clone().map(|s| label("db.query.summary", s)));
            // The convention: the summary, else the operation and where it goes.
            begun.name(|| summary.unwrap_or_else(|| format!("{operation} {}", l.namespace)));
            all
        });
        let labels = database.labels.clone();
        Self { labels, operation, begun, started: Instant::now(), ended: false }
    }

    /// What SQL Server is told: this span, else one of the call's trace.
    pub(crate) fn trace(&self, of_call: Option<Trace>) -> Option<Trace> {
        self.begun.trace.or_else(|| of_call.map(Trace::child))
    }

    /// Runs the work within the span, and ends it as `judge` says: rows, or the error.
    pub(crate) async fn run<T>(
        mut self,
        work: impl Future<Output = T>,
        judge: impl FnOnce(&T) -> Result<u64, &DbError>,
    ) -> T {
        let result = work.instrument(self.begun.span.clone()).await;
        self.end(judge(&result));
        result
    }

    fn end(&mut self, result: Result<u64, &DbError>) {
        self.ended = true;
        let error = result.err();
        let number = match error {
            // Up to 10 it is information (semantic conventions for SQL Server).
            Some(DbError::Sql(s)) if s.severity >= 11 => Some(s.number),
            _ => None,
        };
        // From 50,000 on they are the caller's own (THROW, RAISERROR), and so as many as they like.
        let counted = number.map(|n| n.min(50_000).to_string());
        let kind = error.map(|e| counted.clone().unwrap_or_else(|| e.kind().to_owned()));
        let mut labels = self.labels.all(self.operation);
        labels.extend(kind.clone().map(|k| label("error.type", k)));
        labels.extend(counted.map(|n| label("db.response.status_code", n)));
        instruments().db_operation.record(self.started.elapsed().as_secs_f64(), &labels);
        self.begun.describe(|| {
            let rows = result.ok().map(|n| label("db.response.returned_rows", n as i64));
            rows.into_iter()
                .chain(number.map(|n| label("db.response.status_code", n.to_string())))
                .collect()
        });
        if let Some(k) = kind {
            self.begun.failed(k);
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
