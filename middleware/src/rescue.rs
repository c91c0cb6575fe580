//! Turns every error below into a response, so that nothing above this layer can fail. Which error
//! becomes which response is the composer's list; this is only the mechanism.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// `note` keeps what the rescue will need of a request; `rescue` makes the response.
#[derive(Debug)]
pub struct RescueLayer<N, R> {
    note: N,
    rescue: Arc<R>,
}

/// The service of [`RescueLayer`].
#[derive(Debug)]
pub struct Rescue<N, R, S> {
    note: N,
    rescue: Arc<R>,
    inner: S,
}

pin_project! {
    /// The future of [`Rescue`].
    #[derive(Debug)]
    pub struct ResponseFuture<F, R, T> {
        #[pin]
        inner: F,
        rescue: Arc<R>,
        note: Option<T>,
    }
}

// === impl RescueLayer ===

impl<N, R> RescueLayer<N, R> {
    /// `note: Fn(&Req) -> T` before a call, `rescue: Fn(T, Err) -> Res` after one that failed.
    pub fn new(note: N, rescue: R) -> Self {
        Self { note, rescue: Arc::new(rescue) }
    }
}

impl<N: Clone, R> Clone for RescueLayer<N, R> {
    fn clone(&self) -> Self {
        Self { note: self.note.clone(), rescue: self.rescue.clone() }
    }
}

impl<N: Clone, R, S> Layer<S> for RescueLayer<N, R> {
    type Service = Rescue<N, R, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Rescue { note: self.note.clone(), rescue: self.rescue.clone(), inner }
    }
}

// === impl Rescue ===

impl<N: Clone, R, S: Clone> Clone for Rescue<N, R, S> {
    fn clone(&self) -> Self {
        Self { note: self.note.clone(), rescue: self.rescue.clone(), inner: self.inner.clone() }
    }
}

impl<N, R, S, Req, T> Service<Req> for Rescue<N, R, S>
where
    S: Service<Req>,
    N: Fn(&Req) -> T,
    R: Fn(T, S::Error) -> S::Response,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = ResponseFuture<S::Future, R, T>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A service that fails before it takes a request has no request to answer; the
        // layers below never do.
        match self.inner.poll_ready(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let note = Some((self.note)(&request));
        ResponseFuture { inner: self.inner.call(request), rescue: self.rescue.clone(), note }
    }
}

// === impl ResponseFuture ===

impl<F, R, T, Res, E> Future for ResponseFuture<F, R, T>
where
    F: Future<Output = Result<Res, E>>,
    R: Fn(T, E) -> Res,
{
    type Output = Result<Res, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        match (ready!(me.inner.poll(cx)), me.note.take()) {
            (Ok(r), _) => Poll::Ready(Ok(r)),
            (Err(e), Some(note)) => Poll::Ready(Ok((me.rescue)(note, e))),
            // Polled again after the end, which the contract of `Future` forbids.
            (Err(_), None) => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use tower::{Service, ServiceExt};
    use tower_test::mock;

    use super::*;

    #[tokio::test]
    async fn an_error_becomes_a_response_that_knows_its_request() {
        let (service, mut handle) = mock::pair::<&'static str, String>();
        let layer = RescueLayer::new(
            |r: &&'static str| r.len(),
            |n: usize, e: tower::BoxError| format!("{n} {e}"),
        );
        let mut service = layer.layer(service);
        handle.allow(2);
        let bad = service.ready().await.expect("ready").call("ada");
        let good = service.ready().await.expect("ready").call("bob");
        handle.next_request().await.expect("ada").1.send_error("lost");
        handle.next_request().await.expect("bob").1.send_response("fine".into());
        assert_eq!(bad.await.expect("never fails"), "3 lost");
        assert_eq!(good.await.expect("never fails"), "fine");
    }
}
