//! A request body that must have come whole by some time: whoever sends it a byte at a time, or
//! never ends it, holds nothing for long.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use http_body_util::Limited;
use tokio::time::Sleep;

use super::Reloadable;
use crate::route::Routed;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body that ends with an error when it did not come whole in time.
#[derive(Debug)]
pub struct TimeoutBody<B> {
    body: B,
    limit: Duration,
    /// Made when the first piece is not there yet: most bodies come with their headers.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<B> TimeoutBody<B> {
    /// `limit` counts from now.
    pub fn new(body: B, limit: Duration) -> Self {
        Self { body, limit, timer: None }
    }
}

impl<B> Body for TimeoutBody<B>
where
    B: Body + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        if let Poll::Ready(f) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(f.map(|f| f.map_err(Into::into)));
        }
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(timer.as_mut().poll(cx));
        let text =
            format!("it did not come whole within {} s (http.body_timeout)", limit.as_secs_f32());
        Poll::Ready(Some(Err(text.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bodies are read up to `limits.max_request` and no further, and not for ever
/// (`http.body_timeout`); the endpoint answers 413 or 400.
pub fn bounded<B: Body>(
    reloadable: Arc<Reloadable>,
    timeout: Duration,
) -> impl Fn(Routed<B>) -> Routed<TimeoutBody<Limited<B>>> + Clone + use<B> {
    move |r| {
        let max = reloadable.max_request.load(Ordering::Relaxed);
        let request = r.request.map(|body| TimeoutBody::new(Limited::new(body, max), timeout));
        Routed { place: r.place, request }
    }
}
