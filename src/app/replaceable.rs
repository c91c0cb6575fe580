//! A stack that another takes the place of while calls run.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use mssql_mcp_transports::{McpRequest, McpService, Outcome};
use tower::util::Oneshot;
use tower::{Service, ServiceExt};

/// A stack that another can take the place of. A call ends in the one that it began in.
#[derive(Clone)]
pub(super) struct Replaceable(Arc<ArcSwap<McpService>>);

impl Replaceable {
    pub(super) fn new(first: McpService) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(first)))
    }

    /// For the calls that begin from now on.
    pub(super) fn replace(&self, next: McpService) {
        self.0.store(Arc::new(next));
    }
}

impl Service<McpRequest> for Replaceable {
    type Response = Outcome;
    type Error = Infallible;
    type Future = Oneshot<McpService, McpRequest>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // `oneshot` waits for the one that is called.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: McpRequest) -> Self::Future {
        McpService::clone(&self.0.load()).oneshot(request)
    }
}
