//! Records each tool call that passes: its start before it runs, and its end however it ends.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Instant;

use chrono::Utc;
use futures_util::future::Either;
use mssql_mcp_transports::{McpRequest, Outcome};
use tokio::sync::{mpsc, oneshot};
use tower::{Layer, Service};

use super::Audit;
use super::log::Entry;
use super::record::End;
use crate::code::Code;
use crate::config::settings::audit::Policy;
use crate::facts::{CallFacts, Named, Work, outcome_of, work};
use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::sources::{DataSource, DataSources};

/// Records tool calls of one mount.
#[derive(Debug, Clone)]
pub struct AuditLayer {
    audit: Audit,
    place: Arc<AuditMount>,
}

/// Where a call goes.
#[derive(Debug)]
pub(super) struct AuditMount {
    pub(super) mount: String,
    /// The database of a call that names none.
    pub(super) usual: Option<Arc<DataSource>>,
}

#[derive(Debug, Clone)]
pub struct Audited<S> {
    layer: AuditLayer,
    inner: S,
}

/// A call whose end is not written yet.
#[derive(Debug)]
struct Open {
    id: u64,
    principal: String,
    tool: String,
    facts: Arc<CallFacts>,
    named: Option<Arc<Named>>,
    started: Instant,
    room: Option<mpsc::OwnedPermit<Entry>>,
}

// === impl AuditLayer ===

impl AuditLayer {
    /// For the mount at this path, which serves these.
    pub fn new(audit: Audit, mount: &str, sources: &DataSources) -> Self {
        let usual = sources.first().filter(|_| !sources.several()).cloned();
        Self { audit, place: Arc::new(AuditMount { mount: mount.to_owned(), usual }) }
    }
}

impl<S> Layer<S> for AuditLayer {
    type Service = Audited<S>;
    fn layer(&self, inner: S) -> Audited<S> {
        Audited { layer: self.clone(), inner }
    }
}

impl<S> Service<McpRequest> for Audited<S>
where
    S: Service<McpRequest, Response = Outcome> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
{
    type Response = Outcome;
    type Error = S::Error;
    type Future =
        Either<S::Future, Pin<Box<dyn Future<Output = Result<Outcome, S::Error>> + Send>>>;
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: McpRequest) -> Self::Future {
        let Some(audit) =
            self.layer.audit.0.clone().filter(|_| work(&request) == Some(Work::Recorded))
        else {
            return Either::Left(self.inner.call(request));
        };
        // The ready service is the one that is called; its clone waits for the next request.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let place = self.layer.place.clone();
        Either::Right(Box::pin(async move {
            let facts =
                request.context.extensions.get::<Arc<CallFacts>>().cloned().unwrap_or_default();
            let Ok(room) = audit.room().await else { return Ok(unavailable(&facts)) };
            let Some([first, last]) = room else { return inner.call(request).await };
            let id = audit.next.fetch_add(1, Ordering::Relaxed);
            let record = audit.start(&request, id, &place);
            let mut open = Open {
                id,
                principal: Principal::of(&request.context.extensions)
                    .map(|p| p.subject.clone())
                    .unwrap_or_default(),
                tool: what(&request),
                facts: facts.clone(),
                named: record.hides().then(|| record.named.clone()),
                started: Instant::now(),
                room: Some(last),
            };
            if audit.policy == Policy::FailClosed {
                let (done, on_disk) = oneshot::channel();
                first.send(Entry::Durable(record, done));
                if !matches!(tokio::time::timeout(audit.wait, on_disk).await, Ok(Ok(()))) {
                    let refused = unavailable(&facts);
                    open.end(Code::AuditUnavailable);
                    return Ok(refused);
                }
            } else {
                first.send(Entry::Record(record));
            }
            let result = inner.call(request).await;
            open.end(result.as_ref().map_or(Code::Failed, |o| outcome_of(o, &facts)));
            result
        }))
    }
}

/// The tool that is called; of anything else that is recorded, its method.
pub(super) fn what(r: &McpRequest) -> String {
    match &*r.method {
        "tools/call" => r.target.clone().unwrap_or_default(),
        method => method.to_owned(),
    }
}

fn unavailable(facts: &CallFacts) -> Outcome {
    let refusal = Refusal::audit_unavailable();
    facts.set_outcome(refusal.code);
    Outcome::Complete(refusal.into_reply().into())
}

impl Open {
    fn end(&mut self, outcome: Code) {
        let Some(room) = self.room.take() else { return };
        room.send(Entry::Record(Box::new(End {
            at: Utc::now(),
            id: self.id,
            principal: std::mem::take(&mut self.principal),
            tool: std::mem::take(&mut self.tool),
            outcome,
            micros: self.started.elapsed().as_micros(),
            facts: self.facts.clone(),
            named: self.named.take().filter(|_| self.facts.names_were_right()),
        })));
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // Nobody waited for the end: the client left, or the deadline's layer let go.
        self.end(self.facts.outcome().unwrap_or(Code::Dropped));
    }
}
