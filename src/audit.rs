//! Who did what: a start and an end line per tool call, in the log under the target `audit`.

use std::sync::Arc;

use mssql_mcp_middleware::observe::Observer;
use mssql_mcp_transports::{McpRequest, Outcome};

use crate::facts::CallFacts;
use crate::principal::Principal;
use crate::telemetry::outcome_of;

/// The observer.
#[derive(Debug, Clone, Copy)]
pub struct Audit;

/// A call whose end is not written yet.
#[derive(Debug)]
pub struct Open {
    principal: String,
    tool: String,
    facts: Arc<CallFacts>,
    ended: bool,
}

impl<E> Observer<McpRequest, Outcome, E> for Audit {
    type Guard = Option<Open>;
    fn start(&self, r: &McpRequest) -> Option<Open> {
        if &*r.method != "tools/call" {
            return None;
        }
        let open = Open {
            principal: r.context.extensions.get::<Principal>().map_or_else(|| "none".to_owned(), |p| p.subject.clone()),
            tool: r.target.clone().unwrap_or_default(),
            facts: r.context.extensions.get::<Arc<CallFacts>>().cloned().unwrap_or_default(),
            ended: false,
        };
        tracing::debug!(target: "audit", event = "start", principal = %open.principal, tool = open.tool.as_str());
        Some(open)
    }
    fn end(&self, open: Option<Open>, result: Result<&Outcome, &E>) {
        if let Some(mut o) = open {
            o.ended = true;
            let outcome = result.map_or("failed", |r| outcome_of(r, &o.facts));
            o.write(outcome);
        }
    }
}

impl Open {
    fn write(&self, outcome: &str) {
        tracing::debug!(target: "audit", event = "end", principal = %self.principal, tool = self.tool.as_str(), verdict = self.facts.verdict(), outcome);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.ended {
            self.write("dropped");
        }
    }
}
