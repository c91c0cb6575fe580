//! The outermost layer: reads a tool's arguments once, into their type, and puts them into the
//! request's extensions, with which quota counts the call. What is recorded, what is observed and
//! what runs are then the same; what cannot be read does not run.

use std::sync::Arc;
use std::task::{Context, Poll};

use mssql_mcp_transports::McpRequest;
use tower::{Layer, Service};

use crate::tools::Registry;

/// Reads the arguments of these tools.
#[derive(Debug, Clone)]
pub struct PrepareLayer(pub Arc<Registry>);

/// The service of [`PrepareLayer`], around another.
#[derive(Debug, Clone)]
pub struct Prepare<S> {
    registry: Arc<Registry>,
    inner: S,
}

impl<S> Layer<S> for PrepareLayer {
    type Service = Prepare<S>;
    fn layer(&self, inner: S) -> Prepare<S> {
        Prepare { registry: self.0.clone(), inner }
    }
}

impl<S: Service<McpRequest>> Service<McpRequest> for Prepare<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: McpRequest) -> S::Future {
        if &*request.method == "tools/call"
            && let Some(tool) = request.target.as_deref().and_then(|name| self.registry.get(name))
        {
            let arguments = tool.read(request.params.as_deref());
            request.context.extensions.insert(tool.cost());
            request.context.extensions.insert(arguments.named());
            request.context.extensions.insert(arguments);
        }
        self.inner.call(request)
    }
}
