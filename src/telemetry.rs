//! Logs, and the observer that writes one line per call.

use std::sync::Arc;
use std::time::Instant;

use mssql_mcp_middleware::observe::Observer;
use mssql_mcp_transports::{McpRequest, Outcome, Reply};
use std::sync::atomic::Ordering;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::database::messages::{Capture, OnlyTokens};
use crate::facts::CallFacts;

/// Sets up logging to stderr, and the ear for PRINT. Error texts of the driver can hold data, so its own log is off.
pub fn init(level: &str, format: &str) {
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    let filter = ["tiberius=off", "hyper=warn", "h2=warn", "rustls=warn"]
        .iter()
        .filter_map(|d| d.parse().ok())
        .fold(filter, EnvFilter::add_directive);
    let fmt = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    let fmt: Box<dyn Layer<_> + Send + Sync> =
        if format == "json" { Box::new(fmt.json().with_filter(filter)) } else { Box::new(fmt.with_filter(filter)) };
    // A second call (tests in one process) keeps the first subscriber.
    let _ = tracing_subscriber::registry().with(fmt).with(Capture.with_filter(OnlyTokens)).try_init();
}

/// Writes one line per call, whatever its end.
#[derive(Debug, Clone, Copy)]
pub struct CallLog;

/// A call that runs.
#[derive(Debug)]
pub struct Running {
    method: Arc<str>,
    target: Option<String>,
    transport: &'static str,
    version: &'static str,
    client: Option<String>,
    facts: Arc<CallFacts>,
    started: Instant,
    ended: bool,
}

impl<E> Observer<McpRequest, Outcome, E> for CallLog {
    type Guard = Running;
    fn start(&self, r: &McpRequest) -> Running {
        Running {
            method: r.method.clone(),
            target: r.target.clone(),
            transport: r.context.transport,
            version: r.context.version.as_str(),
            client: r.context.client.name.clone(),
            facts: r.context.extensions.get::<Arc<CallFacts>>().cloned().unwrap_or_default(),
            started: Instant::now(),
            ended: false,
        }
    }
    fn end(&self, mut running: Running, result: Result<&Outcome, &E>) {
        running.ended = true;
        let outcome = match result {
            Ok(o) => outcome_of(o, &running.facts),
            Err(_) => "failed",
        };
        running.log(outcome);
    }
}

/// For logs and metrics: few and fixed.
pub fn outcome_of(o: &Outcome, facts: &CallFacts) -> &'static str {
    match o {
        Outcome::InputRequired { .. } => "input_required",
        _ if !facts.outcome().is_empty() => facts.outcome(),
        Outcome::Cancelled => "cancelled",
        Outcome::Fault(_) => "fault",
        Outcome::Complete(Reply::Tool(t)) if t.is_error => "error",
        Outcome::Complete(_) => "ok",
    }
}

impl Running {
    fn log(&self, outcome: &str) {
        tracing::info!(
            target: "mssql_mcp::call",
            method = &*self.method,
            tool = self.target.as_deref().unwrap_or(""),
            outcome,
            ms = self.started.elapsed().as_millis() as u64,
            rows = self.facts.rows.load(Ordering::Relaxed),
            bytes = self.facts.bytes.load(Ordering::Relaxed),
            truncated = self.facts.truncated(),
            transport = self.transport,
            version = self.version,
            client = self.client.as_deref().unwrap_or(""),
        );
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            self.log("dropped");
        }
    }
}
