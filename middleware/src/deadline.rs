//! Gives each call a deadline, in a response future that is not boxed. The call is told, so that it
//! can answer with what it has; only when it has not answered a grace period later is its future
//! dropped.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower_layer::Layer;
use tower_service::Service;

use crate::BoxError;

/// The call did not end within its deadline and the grace period.
#[derive(Debug, Clone, Copy)]
pub struct Elapsed(pub Duration);

/// `limit` says how long a request may take (none: no deadline); `tell` writes
/// the deadline into it.
#[derive(Debug, Clone)]
pub struct DeadlineLayer<Limit, Tell> {
    limit: Limit,
    tell: Tell,
    grace: Duration,
}

/// The service of [`DeadlineLayer`].
#[derive(Debug, Clone)]
pub struct Deadline<Limit, Tell, S> {
    limit: Limit,
    tell: Tell,
    grace: Duration,
    inner: S,
}

pin_project! {
    /// The future of [`Deadline`].
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        #[pin]
        sleep: Option<Sleep>,
        limit: Duration,
    }
}

// === impl Elapsed ===

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer within {} ms", self.0.as_millis())
    }
}

impl std::error::Error for Elapsed {}

// === impl DeadlineLayer ===

impl<Limit, Tell> DeadlineLayer<Limit, Tell> {
    /// `limit: Fn(&Req) -> Option<Duration>`, `tell: Fn(&mut Req, Instant)`; `grace` is how long
    /// after its deadline a call may still answer.
    pub fn new(limit: Limit, tell: Tell, grace: Duration) -> Self {
        Self { limit, tell, grace }
    }
}

impl<Limit: Clone, Tell: Clone, S> Layer<S> for DeadlineLayer<Limit, Tell> {
    type Service = Deadline<Limit, Tell, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Deadline { limit: self.limit.clone(), tell: self.tell.clone(), grace: self.grace, inner }
    }
}

// === impl Deadline ===

impl<Limit, Tell, S, Req> Service<Req> for Deadline<Limit, Tell, S>
where
    S: Service<Req>,
    S::Error: Into<BoxError>,
    Limit: Fn(&Req) -> Option<Duration>,
    Tell: Fn(&mut Req, Instant),
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Req) -> Self::Future {
        let limit = (self.limit)(&request);
        let at = limit.map(|l| Instant::now() + l);
        if let Some(at) = at {
            (self.tell)(&mut request, at);
        }
        let sleep = at.map(|at| sleep_until(at + self.grace));
        ResponseFuture { inner: self.inner.call(request), sleep, limit: limit.unwrap_or_default() }
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
        // The answer first: one that came in time is never lost to the clock.
        if let Poll::Ready(r) = me.inner.poll(cx) {
            return Poll::Ready(r.map_err(Into::into));
        }
        let Some(sleep) = me.sleep.as_pin_mut() else { return Poll::Pending };
        ready!(sleep.poll(cx));
        Poll::Ready(Err(Elapsed(*me.limit).into()))
    }
}

#[cfg(test)]
mod tests {
    use tower::{Service, ServiceExt, service_fn};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_call_is_told_first_and_dropped_a_grace_period_later() {
        let start = Instant::now();
        let layer = DeadlineLayer::new(
            |r: &(u64, Option<Instant>)| (r.0 > 0).then(|| Duration::from_millis(r.0)),
            |r: &mut (u64, Option<Instant>), at| r.1 = Some(at),
            Duration::from_secs(3),
        );
        let mut service = layer.layer(service_fn(|r: (u64, Option<Instant>)| async move {
            match r.1 {
                // One that heeds its deadline, and one that does not.
                Some(at) if r.0 == 100 => tokio::time::sleep_until(at).await,
                Some(_) => std::future::pending().await,
                None => {}
            }
            Ok::<_, BoxError>(r.0)
        }));
        assert_eq!(
            service.ready().await.expect("ready").call((100, None)).await.expect("heeds"),
            100
        );
        assert_eq!(start.elapsed(), Duration::from_millis(100));
        let e = service.ready().await.expect("ready").call((200, None)).await.expect_err("hangs");
        assert!(e.downcast_ref::<Elapsed>().is_some_and(|e| e.0 == Duration::from_millis(200)));
        assert_eq!(start.elapsed(), Duration::from_millis(3300));
        assert_eq!(
            service.ready().await.expect("ready").call((0, None)).await.expect("no limit"),
            0
        );
    }
}
