//! HTTP+SSE, the transport of 2024-11-05, for every handshake version: GET opens an event stream
//! whose first event, `endpoint`, says where to post; each post is answered with 202, and what it
//! asked for comes as a `message` event.
//!
//! The stream is the session: when it ends, for whatever reason, so does all that runs in it. Both
//! answers carry the session's id in their extensions ([`SessionId`]), for whoever decides how long
//! the stream may last.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use dashmap::DashMap;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::McpService;
use crate::answer::{self, Answered, ChallengeOf};
use crate::body::Body;
use crate::cancel::Why;
use crate::changes::Changes;
use crate::connection::{Connection, Serving};
use crate::encode::ServerInfo;
use crate::encoded::Encoded;
use crate::event_stream::EventStream;
use crate::headers::{self, VERSION};
use crate::room::{Place, gives_way};
use crate::sessions::OwnerOf;
use crate::version::ProtocolVersion;

/// Messages that wait for a reader.
const QUEUE: usize = 16;
/// Calls of one stream that run at once.
const AT_ONCE: usize = 64;

/// How an endpoint of HTTP+SSE is served.
#[derive(Clone)]
pub struct Options {
    /// The path to post to, as the client sees it.
    pub messages: String,
    /// This much silence on an event stream is a comment.
    pub keep_alive: Duration,
    /// The open streams, which several endpoints may share.
    pub streams: Streams,
    /// Whose a request is: sessions are kept apart by it.
    pub owner_of: OwnerOf,
    /// What a result says to a caller of a stream who lacks scopes, by the request that opened the
    /// stream.
    pub challenge: ChallengeOf,
    /// Ends streams once what runs in them has ended.
    pub closing: CancellationToken,
    /// Cancels calls, whose clients are told.
    pub shutdown: CancellationToken,
    /// What the server says of itself.
    pub info: ServerInfo,
    /// What changes, for those who ask to be told.
    pub changes: Changes,
}

/// The session that a stream opened, or that took a post; an extension of those responses.
#[derive(Debug, Clone)]
pub struct SessionId(pub String);

/// The open streams of a listener. Clones share them.
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

/// The service of one endpoint and its messages.
#[derive(Clone)]
pub struct Sse {
    service: McpService,
    options: Arc<Options>,
    opens: bool,
}

/// The service for GET on the endpoint and POST to its messages, which asks `service`.
pub fn service(service: McpService, options: Options) -> Sse {
    Sse { service, options: Arc::new(options), opens: true }
}

// === impl Streams ===

impl Streams {
    /// With room for `most` streams.
    pub fn new(most: usize) -> Self {
        Self { open: Arc::default(), most }
    }

    /// How many streams are open.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether no stream is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    fn make_room(&self, newcomer: &str) -> bool {
        let places = self.open.iter().map(|open| Place {
            owner: open.owner.clone(),
            id: open.key().clone(),
            idle_since: open.connection.tasks.is_empty().then_some(0),
        });
        let ended = gives_way(newcomer, false, places).and_then(|id| self.open.remove(&id));
        ended.is_some_and(|(_, open)| {
            open.connection.end(Why::Closing);
            true
        })
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

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let me = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let answered = match parts.method {
                Method::GET if me.opens => me.open(&parts),
                Method::POST => me.post(&parts, body).await,
                _ if me.opens => Ok(answer::not_allowed("GET, POST")),
                _ => Ok(answer::not_allowed("POST")),
            };
            Ok(answered.unwrap_or_else(|refused| *refused))
        })
    }
}

impl Sse {
    /// The same at the path to post to, where there is no stream.
    pub fn messages(&self) -> Self {
        Self { opens: false, ..self.clone() }
    }

    fn open(&self, parts: &Parts) -> Answered {
        answer::check_events(&parts.headers, None)?;
        let Ok(id) = new_id() else { return Err(answer::busy("Try again later")) };
        if self.options.closing.is_cancelled() {
            return Err(answer::busy("The server stops; try again later"));
        }
        let streams = &self.options.streams;
        let owner: Arc<str> = (self.options.owner_of)(&parts.extensions).into();
        if streams.len() >= streams.most && !streams.make_room(&owner) {
            return Err(answer::busy("Too many streams are open; try again later"));
        }
        let (out, messages) = mpsc::channel(QUEUE);
        let serving = Serving {
            transport: "sse",
            service: self.service.clone(),
            info: self.options.info.clone(),
            challenge: (self.options.challenge)(&parts.headers),
            changes: self.options.changes.clone(),
            // Without the header it is 2025-03-26 that is assumed (2025-06-18, "Protocol Version
            // Header").
            assumed: Some(spoken(&parts.headers).unwrap_or(ProtocolVersion::V2025_03_26)),
        };
        let connection = Connection::new(serving, out, self.options.shutdown.child_token());
        streams.open.insert(id.clone(), Open { owner, connection: connection.clone() });
        let gone = Gone { id: id.clone(), streams: streams.clone(), connection };
        let end = end(gone, self.options.closing.clone());
        let endpoint = format!("{}?session_id={id}", self.options.messages);
        let mut answer = EventStream::new(messages, end, self.options.keep_alive)
            .after_event("endpoint", &endpoint)
            .into_answer();
        answer.extensions_mut().insert(SessionId(id));
        Ok(answer)
    }

    async fn post<B>(&self, parts: &Parts, body: B) -> Answered
    where
        B: http_body::Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Some(id) = parts.uri.query().and_then(session_id) else {
            let message = "session_id is missing in the query";
            return Err(answer::refused(StatusCode::BAD_REQUEST, None, message));
        };
        let owner = (self.options.owner_of)(&parts.extensions);
        let open = self.options.streams.open.get(id).map(|o| o.clone());
        let Some(Open { connection, .. }) = open.filter(|o| *o.owner == *owner) else {
            let message = "This session is unknown or has ended; open the event stream again";
            return Err(answer::refused(StatusCode::NOT_FOUND, None, message));
        };
        answer::check_json(&parts.headers)?;
        let body = answer::read(body).await?;
        // Whoever does not read gets no more work done.
        if connection.out.capacity() == 0 || connection.tasks.len() >= AT_ONCE {
            return Err(answer::busy(
                "This session has too many answers that nobody read, or too many calls at once",
            ));
        }
        connection.handle(&body, &parts.extensions).await;
        let mut answer = answer::empty(StatusCode::ACCEPTED);
        answer.extensions_mut().insert(SessionId(id.to_owned()));
        Ok(answer)
    }
}

/// The handshake-era revision that a client says it speaks.
fn spoken(headers: &HeaderMap) -> Option<ProtocolVersion> {
    headers::text(headers, &VERSION).and_then(ProtocolVersion::parse).filter(|v| !v.is_modern())
}

/// The id of a stream: 256 bits from the system's generator, in hexadecimal.
fn new_id() -> Result<String, aws_lc_rs::error::Unspecified> {
    let mut bytes = [0u8; 32];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

/// The session that a query names, in either spelling that clients have.
fn session_id(query: &str) -> Option<&str> {
    query
        .split('&')
        .find_map(|p| p.strip_prefix("session_id=").or_else(|| p.strip_prefix("sessionId=")))
}

/// Waits until the stream has to end: at once where it was made to, and once its calls have ended
/// where the server stops.
async fn end(gone: Gone, closing: CancellationToken) -> Option<Encoded> {
    let Connection { stop, tasks, .. } = &*gone.connection;
    tokio::select! {
        () = stop.cancelled() => return None,
        () = closing.cancelled() => {}
    }
    tasks.close();
    tokio::select! {
        () = stop.cancelled() => {}
        () = tasks.wait() => {}
    }
    None
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
        self.connection.end(Why::Gone);
    }
}
