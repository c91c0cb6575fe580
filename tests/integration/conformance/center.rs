//! The center of the suite's fixtures: method → fixture.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use mssql_mcp_transports::{Change, Changes, Fault, McpRequest, Outcome, ProtocolVersion};
use serde_json::{Value, json};

use super::call::{Call, cached, invalid, object};
use super::{prompts, resources, tasks, tools};

/// The center. What it changes is told to those who listen once [`Fixtures::tell_to`] said where.
#[derive(Clone, Default)]
pub(super) struct Fixtures(Arc<OnceLock<Changes>>);

impl Fixtures {
    /// Changes are told here; the stack around a center has them, so they come after it.
    pub(super) fn tell_to(&self, changes: &Changes) {
        assert!(self.0.set(changes.clone()).is_ok(), "once");
    }

    pub(super) fn tell(&self, change: Change) {
        self.0.get().expect("changes").tell(change);
    }

    async fn handle(&self, call: Call) -> Outcome {
        match &*call.request.method {
            "server/discover" => discover(),
            "tools/list" => page(&call, "tools", tools::listed()),
            "tools/call" => tools::call(self, &call).await,
            "prompts/list" => page(&call, "prompts", prompts::listed()),
            "prompts/get" => prompts::get(&call),
            "resources/list" => page(&call, "resources", resources::listed()),
            "resources/templates/list" => page(&call, "resourceTemplates", resources::templates()),
            "resources/read" => resources::read(&call),
            "resources/subscribe" | "resources/unsubscribe" => resources::watch(&call),
            "completion/complete" => prompts::complete(&call),
            "subscriptions/listen" => listen(&call),
            other => Outcome::Fault(Fault::MethodNotFound(other.to_owned())),
        }
    }
}

impl tower::Service<McpRequest> for Fixtures {
    type Response = Outcome;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Outcome, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: McpRequest) -> Self::Future {
        let me = self.clone();
        Box::pin(async move { Ok(me.handle(Call::new(request)).await) })
    }
}

fn discover() -> Outcome {
    let lists = json!({ "listChanged": true });
    cached(json!({
        "supportedVersions": ProtocolVersion::names(),
        "capabilities": {
            "tools": lists,
            "prompts": lists,
            "resources": { "subscribe": true, "listChanged": true },
            "completions": {},
            "extensions": { tasks::EXTENSION: {} },
        },
        "instructions": "Fixtures of the conformance suite.",
    }))
}

/// A list of one page, so no cursor is one of ours.
fn page(call: &Call, name: &str, items: Vec<Value>) -> Outcome {
    match call.param("cursor") {
        Value::Null => cached(json!({ name: items })),
        _ => invalid("params.cursor is not one of ours; the list has one page"),
    }
}

/// What is honoured of a subscription: lists, and the resources that there are.
fn listen(call: &Call) -> Outcome {
    let mut honoured = json!({});
    for flag in ["toolsListChanged", "promptsListChanged", "resourcesListChanged"] {
        if call.param("notifications")[flag] == true {
            honoured[flag] = json!(true);
        }
    }
    let uris = call.param("notifications")["resourceSubscriptions"].as_array();
    let known =
        uris.into_iter().flatten().filter(|uri| uri.as_str().is_some_and(resources::is_known));
    let known: Vec<&Value> = known.collect();
    if !known.is_empty() {
        honoured["resourceSubscriptions"] = json!(known);
    }
    object(json!({ "notifications": honoured }))
}
