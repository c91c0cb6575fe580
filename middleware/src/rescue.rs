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
pub struct RescueLayer<Note, Recover> {
    note: Note,
    rescue: Arc<Recover>,
}

/// The service of [`RescueLayer`].
#[derive(Debug)]
pub struct Rescue<Note, Recover, S> {
    note: Note,
    rescue: Arc<Recover>,
    inner: S,
}

pin_project! {
    /// The future of [`Rescue`].
    #[derive(Debug)]
    pub struct ResponseFuture<F, Recover, Noted> {
        #[pin]
        inner: F,
        rescue: Arc<Recover>,
        note: Option<Noted>,
    }
}

// === impl RescueLayer ===

impl<Note, Recover> RescueLayer<Note, Recover> {
    /// `note: Fn(&Req) -> Noted` before a call, `rescue: Fn(Noted, Err) -> Res` after one that
    /// failed.
    pub fn new(note: Note, rescue: Recover) -> Self {
        Self { note, rescue: Arc::new(rescue) }
    }
}

impl<Note: Clone, Recover> Clone for RescueLayer<Note, Recover> {
    fn clone(&self) -> Self {
        Self { note: self.note.clone(), rescue: self.rescue.clone() }
    }
}

impl<Note: Clone, Recover, S> Layer<S> for RescueLayer<Note, Recover> {
    type Service = Rescue<Note, Recover, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Rescue { note: self.note.clone(), rescue: self.rescue.clone(), inner }
    }
}

// === impl Rescue ===

impl<Note: Clone, Recover, S: Clone> Clone for Rescue<Note, Recover, S> {
    fn clone(&self) -> Self {
        Self { note: self.note.clone(), rescue: self.rescue.clone(), inner: self.inner.clone() }
    }
}

impl<Note, Recover, S, Req, Noted> Service<Req> for Rescue<Note, Recover, S>
where
    S: Service<Req>,
    Note: Fn(&Req) -> Noted,
    Recover: Fn(Noted, S::Error) -> S::Response,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = ResponseFuture<S::Future, Recover, Noted>;

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

impl<F, Recover, Noted, Res, E> Future for ResponseFuture<F, Recover, Noted>
where
    F: Future<Output = Result<Res, E>>,
    Recover: Fn(Noted, E) -> Res,
{
    type Output = Result<Res, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        match (ready!(me.inner.poll(cx)), me.note.take()) {
            (Ok(response), _) => Poll::Ready(Ok(response)),
            (Err(error), Some(note)) => Poll::Ready(Ok((me.rescue)(note, error))),
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
