//! Bodies of requests. One must have come whole by some time: whoever sends it a byte at a time, or
//! never ends it, holds nothing for long. And one that nobody read is read to its end all the same,
//! before its answer goes out: hyper would close the connection, on which a client that was refused
//! may have written already; and a proxy that has an answer before it has sent the request (nginx
//! with `proxy_request_buffering off`) closes that of its client.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Sleep;

use super::Reloadable;
use crate::route::Routed;

/// What is read of a body that nobody wants, before its answer goes out, and how long it is waited
/// for.
const UNWANTED: (usize, Duration) = (64 << 10, Duration::from_secs(1));
/// What is read of a longer one, while its answer goes out: a client that writes on meanwhile would
/// be told by its system that the connection broke, and not see the answer.
const LINGERING: (usize, Duration) = (8 << 20, Duration::from_secs(3));

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body that ends with an error when it did not come whole in time, or at once where it says
/// beforehand that it is too long.
#[derive(Debug)]
pub(crate) struct TimeoutBody<B> {
    body: Limited<B>,
    too_long: bool,
    limit: Duration,
    /// Made when the first piece is not there yet: most bodies come with their headers.
    timer: Option<Pin<Box<Sleep>>>,
}

/// The same, whether the length was told or found out.
fn too_long() -> BoxError {
    io::Error::from(io::ErrorKind::FileTooLarge).into()
}

impl<B: Body> TimeoutBody<B> {
    /// Of at most so many bytes; `limit` counts from now.
    pub(crate) fn new(body: B, max: usize, limit: Duration) -> Self {
        let too_long = body.size_hint().lower() > max as u64;
        Self { body: Limited::new(body, max), too_long, limit, timer: None }
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
        if self.too_long {
            return Poll::Ready(Some(Err(too_long())));
        }
        if let Poll::Ready(f) = Pin::new(&mut self.body).poll_frame(cx) {
            let told = |e: BoxError| if e.is::<LengthLimitError>() { too_long() } else { e };
            return Poll::Ready(f.map(|f| f.map_err(told)));
        }
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(timer.as_mut().poll(cx));
        let text =
            format!("it did not come whole within {} s (http.body_timeout)", limit.as_secs_f32());
        Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::TimedOut, text).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A body that is read to its end, within bounds, when it is dropped before.
#[derive(Debug)]
pub(crate) struct RequestBody {
    /// None once it has ended.
    body: Option<Incoming>,
    /// Its client waits to be told that it is wanted (RFC 9110 §10.1.1). Reading would tell it so.
    waits: bool,
    /// Tells [`Unread`] who reads what is left.
    left: Option<oneshot::Sender<JoinHandle<()>>>,
}

/// What is left of a request's body once it was dropped.
#[derive(Debug)]
pub(crate) struct Unread(Option<oneshot::Receiver<JoinHandle<()>>>);

// === impl Unread ===

impl Unread {
    /// Waits until it is read, within its bounds.
    pub(crate) async fn discarded(self) {
        // A body that is still there is read by whoever has it.
        if let Some(reading) = self.0.and_then(|mut r| r.try_recv().ok()) {
            let _ = reading.await;
        }
    }
}

// === impl RequestBody ===

impl RequestBody {
    /// As hyper gives it.
    pub(crate) fn of(request: Request<Incoming>) -> (Request<Self>, Unread) {
        let waits = request.headers().contains_key(header::EXPECT);
        let (left, unread) = match request.body().is_end_stream() {
            true => (None, None),
            false => Some(oneshot::channel()).unzip(),
        };
        (request.map(|body| Self { body: Some(body), waits, left }), Unread(unread))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        self.waits = false;
        // A chunked body does not say beforehand that nothing more comes.
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let body = self.body.take().filter(|b| !self.waits && !b.is_end_stream());
        if let (Some(body), Ok(runtime)) = (body, tokio::runtime::Handle::try_current()) {
            let long = body.size_hint().lower() > UNWANTED.0 as u64;
            let (most, patience) = if long { LINGERING } else { UNWANTED };
            let reading = runtime.spawn(async move {
                let _ = tokio::time::timeout(patience, discard(body, most)).await;
            });
            // Where nobody waits for it any more, it goes on by itself.
            if !long {
                let _ = self.left.take().map(|left| left.send(reading));
            }
        }
    }
}

async fn discard(mut body: Incoming, mut left: usize) {
    while let Some(Ok(frame)) = body.frame().await {
        let size = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(size) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

/// Bodies are read up to `limits.max_request` and no further, and not for ever
/// (`http.body_timeout`); the endpoint answers 413 or 408.
pub(crate) fn bounded<B: Body>(
    reloadable: Arc<Reloadable>,
    timeout: Duration,
) -> impl Fn(Routed<B>) -> Routed<TimeoutBody<B>> + Clone + use<B> {
    move |r| {
        let max = reloadable.max_request.load(Ordering::Relaxed);
        let request = r.request.map(|body| TimeoutBody::new(body, max, timeout));
        Routed { place: r.place, request }
    }
}
