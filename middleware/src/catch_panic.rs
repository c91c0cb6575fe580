//! Turns a panic of the call below into an error, so that one bad request does not take the
//! process or its neighbours.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::BoxError;

/// A panic, with its message.
#[derive(Debug, Clone)]
pub struct Panicked(pub String);

/// Wraps services in a net for panics.
#[derive(Debug, Clone, Default)]
pub struct CatchPanicLayer;

/// The service of [`CatchPanicLayer`].
#[derive(Debug, Clone)]
pub struct CatchPanic<S>(S);

pin_project! {
    /// The future of [`CatchPanic`]; without an inner future `call` itself panicked.
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: Option<F>,
        message: String,
    }
}

// === impl Panicked ===

impl std::fmt::Display for Panicked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "panicked: {}", self.0)
    }
}

impl std::error::Error for Panicked {}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into())
}

// === impl CatchPanicLayer ===

impl<S> Layer<S> for CatchPanicLayer {
    type Service = CatchPanic<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CatchPanic(inner)
    }
}

// === impl CatchPanic ===

impl<S, Req> Service<Req> for CatchPanic<S>
where
    S: Service<Req>,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        // The request is consumed and the inner service is a handle, so nothing
        // half-changed is seen afterwards.
        match catch_unwind(AssertUnwindSafe(|| self.0.call(request))) {
            Ok(inner) => ResponseFuture { inner: Some(inner), message: String::new() },
            Err(payload) => ResponseFuture { inner: None, message: message(&*payload) },
        }
    }
}

// === impl ResponseFuture ===

impl<F, Res, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Res, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Res, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        let Some(inner) = me.inner.as_pin_mut() else {
            return Poll::Ready(Err(Panicked(std::mem::take(me.message)).into()));
        };
        match catch_unwind(AssertUnwindSafe(|| inner.poll(cx))) {
            Ok(polled) => polled.map_err(Into::into),
            Err(payload) => Poll::Ready(Err(Panicked(message(&*payload)).into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use tower::{Service, ServiceExt, service_fn};

    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_next_call_works() {
        let mut service = CatchPanicLayer.layer(service_fn(|name: &'static str| async move {
            assert_ne!(name, "eve", "not you");
            Ok::<_, BoxError>(name)
        }));
        let e = service.ready().await.expect("ready").call("eve").await.expect_err("panics");
        assert!(e.downcast_ref::<Panicked>().is_some_and(|p| p.0.contains("not you")), "{e}");
        assert_eq!(service.ready().await.expect("ready").call("ada").await.expect("fine"), "ada");
    }
}
