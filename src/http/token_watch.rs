//! A layer around the bodies of event streams, each of which hangs on a token: the one that opened
//! it, or a newer one that its client showed since. Whoever was shut out hears no more at once;
//! whose token has expired hears nothing until there is a newer one, and after the grace the stream
//! ends.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use futures_util::Stream;
use futures_util::future::Either;
use http::{HeaderMap, Method, Response, StatusCode, header};
use mssql_mcp_transports::body::Body;
use mssql_mcp_transports::sse::SessionId;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::{Layer, Service};

use crate::oauth::resource::{Holds, TokenLease};
use crate::oauth::server::Authority;
use crate::route::Routed;

/// How often a stream's token is looked at. Calls are checked each by itself;
/// this is about silence.
const EVERY: Duration = Duration::from_secs(5);

/// Watches the tokens of streams, where there is sign-in.
#[derive(Debug, Clone)]
pub(crate) struct TokenWatchLayer(Option<Arc<Watches>>);

#[derive(Debug)]
struct Watches {
    authority: Authority,
    /// From a token's end to the stream's.
    grace: Duration,
    /// Ends streams that wait.
    closing: CancellationToken,
    /// Those of HTTP+SSE by their session: a post may bring a newer token.
    sessions: DashMap<String, Arc<Held>>,
}

/// What a stream hangs on.
#[derive(Debug)]
struct Held {
    lease: Mutex<Arc<TokenLease>>,
    renewed: Notify,
    /// Nothing is said meanwhile.
    silent: AtomicBool,
    /// But for this, so that proxies keep the connection and a vanished client is noticed.
    comment: AtomicBool,
}

#[derive(Debug, Clone)]
pub(crate) struct TokenWatch<S> {
    watches: Option<Arc<Watches>>,
    inner: S,
}

impl TokenWatchLayer {
    /// Without sign-in there is nothing to hang on.
    pub(crate) fn new(
        authority: Option<Authority>,
        grace: Duration,
        closing: CancellationToken,
    ) -> Self {
        let of =
            |authority| Arc::new(Watches { authority, grace, closing, sessions: DashMap::new() });
        Self(authority.map(of))
    }
}

impl<S> Layer<S> for TokenWatchLayer {
    type Service = TokenWatch<S>;
    fn layer(&self, inner: S) -> TokenWatch<S> {
        TokenWatch { watches: self.0.clone(), inner }
    }
}

impl<S, B> Service<Routed<B>> for TokenWatch<S>
where
    S: Service<Routed<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future =
        Either<S::Future, Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>>;
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, routed: Routed<B>) -> Self::Future {
        let Routed { place, request } = &routed;
        let (place, post) = (*place, *request.method() == Method::POST);
        let Some(watches) = self.watches.clone() else {
            return Either::Left(self.inner.call(routed));
        };
        let asked = (|| {
            // Copied: a header of a request holds on to the buffer that the whole
            // request was read into.
            let copy = |name| {
                let value = request.headers().get(&name)?;
                Some((name, http::HeaderValue::from_bytes(value.as_bytes()).ok()?))
            };
            let token = copy(header::AUTHORIZATION)?;
            // An external issuer's token is for the origin that the client typed.
            let headers = HeaderMap::from_iter(std::iter::once(token).chain(copy(header::HOST)));
            Some(headers)
        })();
        let Some(headers) = asked else { return Either::Left(self.inner.call(routed)) };
        let answer = self.inner.call(routed);
        Either::Right(Box::pin(async move {
            let mut answer = answer.await?;
            let session = answer.extensions_mut().remove::<SessionId>().map(|s| s.0);
            if let (Some(id), StatusCode::ACCEPTED) = (&session, answer.status()) {
                // Taken by the session, so it is from whom the session belongs to.
                if let Some(held) = watches.sessions.get(id).map(|h| h.clone()) {
                    held.renew(|| watches.authority.lease(headers, place));
                }
                return Ok(answer);
            }
            Ok(answer.map(|b| match b {
                Body::Events(events) => {
                    let held = Held::new(watches.authority.lease(headers, place));
                    if let Some(id) = &session {
                        watches.sessions.insert(id.clone(), held.clone());
                    }
                    // The events of a call go on for a while: it began with a good token, and has
                    // an end of its own.
                    let kind = if session.is_some() { Kind::Session } else { Kind::Other { post } };
                    let over = Box::pin(watch(watches.clone(), held.clone(), kind));
                    Body::Events(Box::pin(WatchedEvents {
                        events,
                        over,
                        held,
                        whole: true,
                        gone: Gone(watches, session),
                    }))
                }
                other => other,
            }))
        }))
    }
}

/// What kind of stream hangs there.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// The stream is the session: it waits in silence.
    Session,
    /// The answer to a post; or a stream that its client opens again, with its new token.
    Other { post: bool },
}

impl Held {
    fn new(lease: TokenLease) -> Arc<Self> {
        Arc::new(Self {
            lease: Mutex::new(Arc::new(lease)),
            renewed: Notify::new(),
            silent: AtomicBool::new(false),
            comment: AtomicBool::new(false),
        })
    }

    fn lease(&self) -> Arc<TokenLease> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Hangs on another lease from now on, if that lasts longer.
    fn renew(&self, new: impl FnOnce() -> TokenLease) {
        let mut lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        let new = new();
        if new.expires > lease.expires {
            *lease = Arc::new(new);
            self.renewed.notify_one();
        }
    }
}

/// Ends when the stream has to.
async fn watch(watches: Arc<Watches>, held: Arc<Held>, kind: Kind) {
    let mut expired: Option<Instant> = None;
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = held.renewed.notified() => {}
            // Nobody reads the events of a stream that waits, and they would say it.
            () = watches.closing.cancelled(), if expired.is_some() => return,
        }
        match watches.authority.holds(&held.lease()).await {
            Holds::Yes => {
                expired = None;
                held.silent.store(false, Ordering::Relaxed);
            }
            Holds::No => return,
            Holds::Expired => {
                let since = *expired.get_or_insert_with(Instant::now);
                if since.elapsed() >= watches.grace || kind == (Kind::Other { post: false }) {
                    return;
                }
                if kind == Kind::Session {
                    held.silent.store(true, Ordering::Relaxed);
                    held.comment.store(true, Ordering::Relaxed);
                }
            }
        }
    }
}

/// The events until `over` is done, with pauses.
struct WatchedEvents {
    events: Pin<Box<dyn Stream<Item = Bytes> + Send>>,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
    held: Arc<Held>,
    /// What was said so far ends with a whole event.
    whole: bool,
    /// Its drop is what it is for.
    #[expect(dead_code, reason = "forgets the session with the stream")]
    gone: Gone,
}

struct Gone(Arc<Watches>, Option<String>);

impl Drop for Gone {
    fn drop(&mut self) {
        if let Some(id) = &self.1 {
            self.0.sessions.remove(id);
        }
    }
}

impl Stream for WatchedEvents {
    type Item = Bytes;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let me = &mut *self;
        // First: it decides whether anything is said at all, and wakes this task when that changes.
        if me.over.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        if me.whole && me.held.silent.load(Ordering::Relaxed) {
            return match me.held.comment.swap(false, Ordering::Relaxed) {
                true => Poll::Ready(Some(Bytes::from_static(
                    b": the token has expired; post with a new one\n\n",
                ))),
                false => Poll::Pending,
            };
        }
        let event = me.events.as_mut().poll_next(cx);
        if let Poll::Ready(Some(piece)) = &event {
            me.whole = piece.ends_with(b"\n\n");
        }
        event
    }
}
