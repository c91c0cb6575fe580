//! The center: `impl Service<McpRequest>`, method → handler. Stateless; whatever a request
//! needs comes with it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use mssql_mcp_transports::{Fault, McpRequest, Outcome, Reply};
use serde_json::{Value, json};

use crate::principal::Principal;
use crate::protocol;
use crate::tools::{Arguments, Registry};

/// The center: it answers every method of MCP that we have.
#[derive(Debug, Clone)]
pub struct Server {
    registry: Arc<Registry>,
}

impl Server {
    /// Over the tools of one mount.
    pub fn new(registry: Registry) -> Self {
        Self { registry: Arc::new(registry) }
    }

    /// The tools, for the layer that reads their arguments.
    pub fn registry(&self) -> Arc<Registry> {
        self.registry.clone()
    }
}

impl tower::Service<McpRequest> for Server {
    type Response = Outcome;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Outcome, Infallible>> + Send>>;
    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: McpRequest) -> Self::Future {
        let registry = self.registry.clone();
        Box::pin(async move { Ok(handle(&registry, request).await) })
    }
}

fn invalid(message: impl Into<String>, data: Option<Value>) -> Outcome {
    Outcome::Fault(Fault::InvalidParams { message: message.into(), data })
}

async fn handle(registry: &Registry, request: McpRequest) -> Outcome {
    // No principal, no rights: not even the names of the tools.
    if Principal::of(&request.context.extensions).is_none() {
        return Outcome::Fault(Fault::Scope { needed: vec!["mssql:read".into()] });
    }
    match &*request.method {
        "server/discover" => Outcome::Complete(protocol::discover(registry.instructions())),
        "tools/list" => page(&request, || Reply::Shared(registry.listed())),
        // Nothing is listed yet, and an empty list is what clients that ask anyway can read.
        "resources/list" => page(&request, || Reply::Json(protocol::list("resources", Vec::new()))),
        "resources/templates/list" => {
            page(&request, || Reply::Json(protocol::list("resourceTemplates", Vec::new())))
        }
        "prompts/list" => page(&request, || Reply::Json(protocol::list("prompts", Vec::new()))),
        "resources/read" => match &request.target {
            Some(uri) => invalid(format!("Resource not found: {uri}"), Some(json!({ "uri": uri }))),
            None => invalid("params.uri must be a string", None),
        },
        "prompts/get" => match &request.target {
            Some(name) => invalid(format!("Unknown prompt: {name}"), None),
            None => invalid("params.name must be a string", None),
        },
        "tools/call" => match &request.target {
            None => invalid("params.name must be a string", None),
            Some(name) => match registry.get(name) {
                Some(tool) => {
                    // Read by the layer that those who record look at, too; without it, here.
                    let arguments = request.context.extensions.get::<Arguments>().cloned();
                    let arguments =
                        arguments.unwrap_or_else(|| tool.read(request.params.as_deref()));
                    registry.run(request.context, &arguments).await
                }
                None => invalid(
                    format!("Unknown tool: {name}; there are {}", registry.names().join(", ")),
                    None,
                ),
            },
        },
        other => Outcome::Fault(Fault::MethodNotFound(other.to_owned())),
    }
}

/// A list of one page: there is no cursor that could be valid.
fn page(request: &McpRequest, reply: impl FnOnce() -> Reply) -> Outcome {
    let cursor = request
        .params
        .as_deref()
        .and_then(|p| serde_json::from_str::<Value>(p.get()).ok())
        .and_then(|p| p.get("cursor").cloned());
    match cursor {
        None | Some(Value::Null) => Outcome::Complete(reply()),
        Some(_) => invalid("params.cursor is not one of ours; the list has one page", None),
    }
}
