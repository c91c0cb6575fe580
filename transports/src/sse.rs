//! HTTP+SSE, the transport of 2024-11-05, for every handshake version: GET opens an event stream
//! whose first event, `endpoint`, says where to post; each post is answered with 202, and what it
//! asked for comes as a `message` event.
//!
//! The stream is the session: when it ends, for whatever reason, so does all that runs in it. Both
//! answers carry the session's id in their extensions ([`SessionId`]), for whoever decides how long
//! the stream may last.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use futures_core::Stream;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode, request};
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::McpService;
use crate::connection::{Connection, Told};
use crate::encode::{Encoded, ServerInfo};
use crate::jsonrpc::INVALID_REQUEST;
use crate::session::new_id;
use crate::streamable::{
    Answer, Body, OwnerOf, accepts, empty, event_response, not_allowed, refusal,
};

/// Messages that wait for a reader.
const QUEUE: usize = 16;
/// Calls of one stream that run at once.
const AT_ONCE: usize = 64;

/// From the request that opens a stream to its challenge.
pub type ToldOf = Arc<dyn Fn(&request::Parts) -> Told + Send + Sync>;

/// How to serve.
#[derive(Clone)]
pub struct Options {
    /// The path to post to, as the client sees it.
    pub messages: String,
    /// Between keep-alive comments.
    pub keep_alive: Duration,
    /// Streams that are open.
    pub streams: Streams,
    /// Whose a request is.
    pub owner_of: OwnerOf,
    /// What a result says to a caller of this stream who lacks scopes. It lives as long as the
    /// stream, so it keeps little.
    pub told: ToldOf,
    /// Ends streams once what runs in them has ended.
    pub closing: CancellationToken,
    /// Cancels calls.
    pub shutdown: CancellationToken,
    /// This server.
    pub info: ServerInfo,
}

/// The session that a stream opened, or that took a post; an extension of those responses.
#[derive(Debug, Clone)]
pub struct SessionId(pub String);

/// The open streams of a listener.
#[derive(Clone)]
pub struct Streams {
    open: Arc<DashMap<String, Open>>,
    most: usize,
}

#[derive(Clone)]
struct Open {
    owner: Arc<str>,
    connection: Arc<Connection>,
}

/// The service of one endpoint.
#[derive(Clone)]
pub struct Sse {
    service: McpService,
    options: Arc<Options>,
}

/// The service for GET on the endpoint and POST to its messages.
pub fn service(service: McpService, options: Options) -> Sse {
    Sse { service, options: Arc::new(options) }
}

// === impl Streams ===

impl Streams {
    /// At most so many.
    pub fn new(most: usize) -> Self {
        Self { open: Arc::default(), most }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Ends a stream in which nothing runs, of the owner who has most of them, and more than
    /// this one would have.
    fn make_room(&self, owner: &Arc<str>) -> bool {
        let mut owners: HashMap<Arc<str>, (usize, Option<String>)> = HashMap::new();
        for o in self.open.iter() {
            let (n, idle) = owners.entry(o.owner.clone()).or_default();
            *n += 1;
            if o.connection.tasks.is_empty() {
                *idle = Some(o.key().clone());
            }
        }
        let mine = owners.get(owner).map_or(0, |o| o.0);
        let most = owners.into_values().filter(|(n, _)| *n > mine + 1).max_by_key(|(n, _)| *n);
        let Some((_, Some(id))) = most else { return false };
        self.open.remove(&id).is_some_and(|(_, o)| {
            o.connection.stop.cancel();
            true
        })
    }
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

// === impl Sse ===

impl<B> tower::Service<Request<B>> for Sse
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;
    fn poll_ready(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let me = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            Ok(match parts.method {
                Method::GET => me.open(&parts),
                Method::POST => me.post(&parts, body).await,
                _ => not_allowed("GET, POST"),
            })
        })
    }
}

fn busy(text: &str) -> Answer {
    let mut r = refusal(StatusCode::SERVICE_UNAVAILABLE, None, INVALID_REQUEST, text);
    r.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    r
}

impl Sse {
    fn open(&self, parts: &request::Parts) -> Answer {
        if !accepts(&parts.headers, "text/event-stream") {
            return refusal(
                StatusCode::NOT_ACCEPTABLE,
                None,
                INVALID_REQUEST,
                "Accept must allow text/event-stream",
            );
        }
        let Streams { open, most } = &self.options.streams;
        let Ok(id) = new_id() else { return busy("Try again later") };
        if self.options.closing.is_cancelled() {
            return busy("The server stops; try again later");
        }
        let owner: Arc<str> = (self.options.owner_of)(&parts.extensions).into();
        if open.len() >= *most && !self.options.streams.make_room(&owner) {
            return busy("Too many streams are open; try again later");
        }
        let (out, messages) = mpsc::channel(QUEUE);
        let stop = self.options.shutdown.child_token();
        let info = self.options.info.clone();
        let connection = Connection::new(
            "sse",
            self.service.clone(),
            info,
            out,
            (self.options.told)(parts),
            stop,
        );
        open.insert(id.clone(), Open { owner, connection: connection.clone() });
        let endpoint =
            format!("event: endpoint\ndata: {}?session_id={id}\n\n", self.options.messages);
        let stopped = Box::pin(connection.stop.clone().cancelled_owned());
        let session = SessionId(id.clone());
        let mut answer = event_response(Events {
            first: Some(endpoint.into()),
            messages,
            last: None,
            keep_alive: self.options.keep_alive,
            timer: Box::pin(tokio::time::sleep(self.options.keep_alive)),
            stopped,
            closing: Box::pin(self.options.closing.clone().cancelled_owned()),
            drained: None,
            gone: Gone { id, streams: self.options.streams.clone(), connection },
        });
        answer.extensions_mut().insert(session);
        answer
    }

    async fn post<B>(&self, parts: &request::Parts, body: B) -> Answer
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let named = |q: &str| {
            let of = |p: &str| {
                p.strip_prefix("session_id=").or(p.strip_prefix("sessionId=")).map(str::to_owned)
            };
            q.split('&').find_map(of)
        };
        let Some(id) = parts.uri.query().and_then(named) else {
            return refusal(
                StatusCode::BAD_REQUEST,
                None,
                INVALID_REQUEST,
                "session_id is missing in the query",
            );
        };
        let owner = (self.options.owner_of)(&parts.extensions);
        let open =
            self.options.streams.open.get(&id).map(|o| o.clone()).filter(|o| *o.owner == *owner);
        let Some(Open { connection, .. }) = open else {
            let text = "This session is unknown or has ended; open the event stream again";
            return refusal(StatusCode::NOT_FOUND, None, INVALID_REQUEST, text);
        };
        let media = parts
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        if !media
            .split(';')
            .next()
            .is_some_and(|m| m.trim().eq_ignore_ascii_case("application/json"))
        {
            let text = "Content-Type must be application/json";
            return refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, None, INVALID_REQUEST, text);
        }
        let Ok(body) = body.collect().await else {
            let text = "The body is larger than the server's limit, or broke off";
            return refusal(StatusCode::PAYLOAD_TOO_LARGE, None, INVALID_REQUEST, text);
        };
        // Whoever does not read gets no more work done.
        if connection.out.capacity() == 0 || connection.tasks.len() >= AT_ONCE {
            return busy(
                "This session has too many answers that nobody read, or too many calls at once",
            );
        }
        connection.handle(&body.to_bytes(), &parts.extensions).await;
        let mut answer = empty(StatusCode::ACCEPTED);
        answer.extensions_mut().insert(SessionId(id));
        answer
    }
}

/// The events of a stream. Polled by hand: an `async` block would hold room for each of its steps,
/// and there are many idle streams.
struct Events {
    first: Option<Bytes>,
    messages: mpsc::Receiver<Encoded>,
    /// A message while it is sent.
    last: Option<Encoded>,
    keep_alive: Duration,
    timer: Pin<Box<Sleep>>,
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Once the server stops: until what runs has ended.
    drained: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    gone: Gone,
}

/// Ends what runs in a stream, with it.
struct Gone {
    id: String,
    streams: Streams,
    connection: Arc<Connection>,
}

impl Drop for Gone {
    fn drop(&mut self) {
        self.streams.open.remove(&self.id);
        self.connection.stop.cancel();
    }
}

impl Events {
    fn begin(&mut self, e: Encoded) -> Poll<Option<Bytes>> {
        self.last = Some(e);
        Poll::Ready(Some(Bytes::from_static(b"event: message\ndata: ")))
    }
}

impl Stream for Events {
    type Item = Bytes;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Bytes>> {
        let me = &mut *self;
        if let Some(b) = me.first.take() {
            return Poll::Ready(Some(b));
        }
        if let Some(e) = &mut me.last {
            let piece = e.next_piece().unwrap_or_else(|| {
                me.last = None;
                Bytes::from_static(b"\n\n")
            });
            return Poll::Ready(Some(piece));
        }
        // In this order: what was said goes out before the stream ends.
        if let Poll::Ready(Some(e)) = me.messages.poll_recv(cx) {
            return me.begin(e);
        }
        if me.stopped.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        if me.drained.is_none() && me.closing.as_mut().poll(cx).is_ready() {
            let tasks = me.gone.connection.tasks.clone();
            tasks.close();
            me.drained = Some(Box::pin(async move { tasks.wait().await }));
        }
        if me.drained.as_mut().is_some_and(|d| d.as_mut().poll(cx).is_ready()) {
            // The last call may have said something since.
            return match me.messages.try_recv() {
                Ok(e) => me.begin(e),
                Err(_) => Poll::Ready(None),
            };
        }
        if me.timer.as_mut().poll(cx).is_ready() {
            let next = Instant::now() + me.keep_alive;
            me.timer.as_mut().reset(next);
            return Poll::Ready(Some(Bytes::from_static(b": keep-alive\n\n")));
        }
        Poll::Pending
    }
}
