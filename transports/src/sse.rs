//! HTTP+SSE, the transport of 2024-11-05, for every handshake version: GET opens an event stream whose first event, `endpoint`, says
//! where to post; each post is answered with 202, and what it asked for comes as a `message` event.
//!
//! The stream is the session: when it ends, for whatever reason, so does all that runs in it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode, request};
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::McpService;
use crate::connection::{Connection, Told};
use crate::encode::{Encoded, ServerInfo};
use crate::jsonrpc::INVALID_REQUEST;
use crate::session::new_id;
use crate::streamable::{Answer, Body, Challenge, OwnerOf, accepts, empty, event_response, not_allowed, refusal};

/// Messages that wait for a reader.
const QUEUE: usize = 16;
/// Calls of one stream that run at once.
const AT_ONCE: usize = 64;

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
    /// What a result says to a caller who lacks scopes.
    pub challenge: Challenge,
    /// Ends streams once what runs in them has ended.
    pub closing: CancellationToken,
    /// Cancels calls.
    pub shutdown: CancellationToken,
    /// This server.
    pub info: ServerInfo,
}

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
            return refusal(StatusCode::NOT_ACCEPTABLE, None, INVALID_REQUEST, "Accept must allow text/event-stream");
        }
        let Streams { open, most } = &self.options.streams;
        let Ok(id) = new_id() else { return busy("Try again later") };
        if open.len() >= *most || self.options.closing.is_cancelled() {
            return busy("Too many streams are open; try again later");
        }
        let (out, messages) = mpsc::channel(QUEUE);
        let stop = self.options.shutdown.child_token();
        let info = self.options.info.clone();
        let connection = Connection::new("sse", self.service.clone(), info, out, self.told(parts), stop);
        let owner = (self.options.owner_of)(&parts.extensions).into();
        open.insert(id.clone(), Open { owner, connection: connection.clone() });
        let endpoint = format!("event: endpoint\ndata: {}?session_id={id}\n\n", self.options.messages);
        let state = Stream {
            first: Some(endpoint.into()),
            messages,
            last: None,
            options: self.options.clone(),
            draining: false,
            gone: Gone { id, streams: self.options.streams.clone(), connection },
        };
        event_response(futures_util::stream::unfold(state, Stream::next))
    }

    /// The challenge for the endpoint that was opened; of the request, only what that needs is kept.
    fn told(&self, parts: &request::Parts) -> Told {
        let (mut lean, ()) = Request::new(()).into_parts();
        lean.extensions = parts.extensions.clone();
        // Copied: a header of a request holds on to the buffer that the whole request was read into.
        let host = parts.headers.get(header::HOST).and_then(|h| HeaderValue::from_bytes(h.as_bytes()).ok());
        if let Some(host) = host {
            lean.headers.insert(header::HOST, host);
        }
        let challenge = self.options.challenge.clone();
        Arc::new(move |needed| challenge(&lean, needed))
    }

    async fn post<B>(&self, parts: &request::Parts, body: B) -> Answer
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let named = |q: &str| {
            let of = |p: &str| p.strip_prefix("session_id=").or(p.strip_prefix("sessionId=")).map(str::to_owned);
            q.split('&').find_map(of)
        };
        let Some(id) = parts.uri.query().and_then(named) else {
            return refusal(StatusCode::BAD_REQUEST, None, INVALID_REQUEST, "session_id is missing in the query");
        };
        let owner = (self.options.owner_of)(&parts.extensions);
        let open = self.options.streams.open.get(&id).map(|o| o.clone()).filter(|o| *o.owner == *owner);
        let Some(Open { connection, .. }) = open else {
            let text = "This session is unknown or has ended; open the event stream again";
            return refusal(StatusCode::NOT_FOUND, None, INVALID_REQUEST, text);
        };
        let media = parts.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if !media.split(';').next().is_some_and(|m| m.trim().eq_ignore_ascii_case("application/json")) {
            let text = "Content-Type must be application/json";
            return refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, None, INVALID_REQUEST, text);
        }
        let Ok(body) = body.collect().await else {
            let text = "The body is larger than the server's limit, or broke off";
            return refusal(StatusCode::PAYLOAD_TOO_LARGE, None, INVALID_REQUEST, text);
        };
        // Whoever does not read gets no more work done.
        if connection.out.capacity() == 0 || connection.tasks.len() >= AT_ONCE {
            return busy("This session has too many answers that nobody read, or too many calls at once");
        }
        connection.handle(&body.to_bytes(), &parts.extensions).await;
        empty(StatusCode::ACCEPTED)
    }
}

/// The state of a stream.
struct Stream {
    first: Option<Bytes>,
    messages: mpsc::Receiver<Encoded>,
    /// A message while it is sent.
    last: Option<Encoded>,
    options: Arc<Options>,
    draining: bool,
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

impl Stream {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        if let Some(b) = self.first.take() {
            return Some((b, self));
        }
        if let Some(e) = &mut self.last {
            let piece = e.next_piece().unwrap_or_else(|| {
                self.last = None;
                Bytes::from_static(b"\n\n")
            });
            return Some((piece, self));
        }
        let connection = self.gone.connection.clone();
        loop {
            tokio::select! {
                biased;
                Some(e) = self.messages.recv() => {
                    self.last = Some(e);
                    return Some((Bytes::from_static(b"event: message\ndata: "), self));
                }
                () = connection.stop.cancelled() => return None,
                () = connection.tasks.wait(), if self.draining => match self.messages.try_recv() {
                    Ok(e) => {
                        self.last = Some(e);
                        return Some((Bytes::from_static(b"event: message\ndata: "), self));
                    }
                    Err(_) => return None,
                },
                () = self.options.closing.cancelled(), if !self.draining => {
                    self.draining = true;
                    connection.tasks.close();
                }
                () = tokio::time::sleep(self.options.keep_alive) => {
                    return Some((Bytes::from_static(b": keep-alive\n\n"), self));
                }
            }
        }
    }
}
