//! The outermost layer: reads a tool's arguments once, into their type, and puts them into the
//! request's extensions, with which quota counts the call. What is recorded, what is observed and
//! what runs are then the same; what cannot be read does not run. Likewise for what else asks a
//! database; there a refusal of the layers below, which is a tool's result, becomes an error.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::Either;
use mssql_mcp_transports::{McpRequest, Outcome};
use tower::{Layer, Service};

use crate::facts::{MayRunLong, Work};
use crate::limits::Cost;
use crate::resources;
use crate::tools::Registries;

/// Reads the arguments of these tools.
#[derive(Debug, Clone)]
pub struct PrepareLayer(pub Arc<Registries>);

/// The service of [`PrepareLayer`], around another.
#[derive(Debug, Clone)]
pub struct Prepare<S> {
    registries: Arc<Registries>,
    inner: S,
}

impl<S> Layer<S> for PrepareLayer {
    type Service = Prepare<S>;
    fn layer(&self, inner: S) -> Prepare<S> {
        Prepare { registries: self.0.clone(), inner }
    }
}

impl<S> Service<McpRequest> for Prepare<S>
where
    S: Service<McpRequest, Response = Outcome>,
    S::Future: Send + 'static,
{
    type Response = Outcome;
    type Error = S::Error;
    type Future =
        Either<S::Future, Pin<Box<dyn Future<Output = Result<Outcome, S::Error>> + Send>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: McpRequest) -> Self::Future {
        let target = request.target.as_deref();
        let extensions = &mut request.context.extensions;
        match &*request.method {
            "tools/call" => {
                let registry = self.registries.of(extensions);
                if let Some(tool) = target.and_then(|name| registry.get(name)) {
                    let arguments = tool.read(request.params.as_deref());
                    extensions.insert(tool.cost());
                    extensions.insert(arguments.named());
                    if tool.may_run_long() {
                        extensions.insert(MayRunLong);
                    }
                    if let Some(source) = arguments.source() {
                        extensions.insert(source.clone());
                    }
                    extensions.insert(arguments);
                }
                return Either::Left(self.inner.call(request));
            }
            "resources/read" => {
                if let Some((database, named, cost)) = target.and_then(resources::asks) {
                    let sources = self.registries.of(extensions);
                    let source =
                        database.and_then(|name| sources.sources().named(Some(&name)).ok());
                    if let Some(source) = source {
                        extensions.insert(source.clone());
                    }
                    extensions.insert(Work::Recorded);
                    extensions.insert(cost);
                    extensions.insert(Arc::new(named));
                }
            }
            "resources/list"
            | "resources/subscribe"
            | "subscriptions/listen"
            | "completion/complete" => {
                extensions.insert(Work::Counted);
                extensions.insert(Cost::Catalog);
            }
            _ => {}
        }
        let answer = self.inner.call(request);
        Either::Right(Box::pin(async move { Ok(resources::told(answer.await?)) }))
    }
}
