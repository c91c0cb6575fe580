//! Streamable HTTP, both eras at one endpoint (the routing table is in ARCHITECTURE.md).
//!
//! An answer is plain JSON when the outcome comes first. The first question to the client, or a
//! while of silence, opens an event stream if `Accept` allows it, because only a write shows that a
//! client is gone. A client that is gone is a cancelled call, in every era; streams are not
//! resumed.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::McpService;
use crate::answer::{self, Answer, Answered, ChallengeOf};
use crate::batch;
use crate::body::Body;
use crate::call::{Awaited, call};
use crate::cancel::Cancel;
use crate::drive::drive;
use crate::encode::{Encoded, ServerInfo, outcome, result};
use crate::error::RpcError;
use crate::event_stream::EventStream;
use crate::handshake::{Routed, cancelled, initialize, route};
use crate::headers::{self, SESSION, accepts, is_modern, not_of_a_session};
use crate::jsonrpc::{INTERNAL_ERROR, Id, Incoming, Invalid, Message, parse};
use crate::outcome::{Outcome, Reply};
use crate::params::RpcRequest;
use crate::request::bare_context;
use crate::responder::Responder;
use crate::session::{OwnerOf, Session, Sessions, new_id};
use crate::stateless::{Admitted, admit, subscribed, unsubscribed};
use crate::version::ProtocolVersion;

const TRANSPORT: &str = "http";
/// Questions that wait for their stream: a call asks one at a time.
const QUESTIONS: usize = 1;

/// How an endpoint of streamable HTTP is served.
#[derive(Clone)]
pub struct Options {
    /// This much silence opens an event stream.
    pub silence: Duration,
    /// This much silence on an event stream is a comment.
    pub keep_alive: Duration,
    /// The sessions of handshake-era clients, which several endpoints may share.
    pub sessions: Arc<Sessions>,
    /// Whose a request is: sessions are kept apart by it.
    pub owner_of: OwnerOf,
    /// The `WWW-Authenticate` of a call whose caller lacks scopes.
    pub challenge: ChallengeOf,
    /// Ends streams that only wait.
    pub closing: CancellationToken,
    /// Cancels calls, whose clients are told.
    pub shutdown: CancellationToken,
    /// What the server says of itself.
    pub info: ServerInfo,
}

/// The service of one endpoint.
#[derive(Clone)]
pub struct Streamable {
    service: McpService,
    options: Arc<Options>,
}

/// The service of one endpoint, which asks `service`.
pub fn service(service: McpService, options: Options) -> Streamable {
    Streamable { service, options: Arc::new(options) }
}

impl<B> tower::Service<Request<B>> for Streamable
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
            let (mut parts, body) = request.into_parts();
            let answered = match parts.method {
                Method::POST => me.post(&mut parts, body).await,
                Method::GET | Method::DELETE if is_modern(&parts.headers) => {
                    Ok(answer::not_allowed("POST"))
                }
                Method::GET => me.listen(&parts),
                Method::DELETE => me.end(&parts),
                _ => Ok(answer::not_allowed("GET, POST, DELETE")),
            };
            Ok(answered.unwrap_or_else(|refused| *refused))
        })
    }
}

/// A request whose params were read, or the answer that says what is wrong with them.
fn request(
    id: Id,
    method: String,
    params: Option<Box<RawValue>>,
) -> Result<RpcRequest, Box<Answer>> {
    RpcRequest::read(id.clone(), method, params).map_err(|e| answer::error(Some(&id), e))
}

impl Streamable {
    async fn post<B>(&self, parts: &mut Parts, body: B) -> Answered
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        answer::check_json(&parts.headers)?;
        if !accepts(&parts.headers, "application/json") {
            let message = "Accept must allow application/json (and should allow text/event-stream)";
            return Err(answer::refused(StatusCode::NOT_ACCEPTABLE, None, message));
        }
        match parse(&answer::read(body).await?) {
            Incoming::One(message) => self.message(parts, message).await,
            Incoming::Batch(messages) => self.batch(parts, messages).await,
        }
    }

    /// A stream for what no call says, which is nothing: it is kept open for clients that expect
    /// one.
    fn listen(&self, parts: &Parts) -> Answered {
        let session = self.session(parts, None)?;
        // Here no header does not take all: the specification has the client say it.
        if !parts.headers.contains_key(header::ACCEPT) {
            let message = "Accept must allow text/event-stream";
            return Err(answer::refused(StatusCode::NOT_ACCEPTABLE, None, message));
        }
        answer::check_events(&parts.headers, None)?;
        let Some(listening) = session.listen() else {
            let message = "This session has a stream already";
            return Err(answer::refused(StatusCode::CONFLICT, None, message));
        };
        let (closed, closing) = (session.closed.clone(), self.options.closing.clone());
        let end = async move {
            tokio::select! {
                () = closed.cancelled() => {}
                () = closing.cancelled() => {}
            }
            drop(listening);
            None
        };
        Ok(EventStream::held_open(end, self.options.keep_alive).into_answer())
    }

    fn end(&self, parts: &Parts) -> Answered {
        let session = self.session(parts, None)?;
        self.options.sessions.remove(&session.id);
        Ok(answer::empty(StatusCode::OK))
    }

    fn owner(&self, parts: &Parts) -> String {
        (self.options.owner_of)(&parts.extensions)
    }

    /// The session that a handshake-era request names, or the answer that says why there is none.
    fn session(&self, parts: &Parts, id: Option<&Id>) -> Result<Arc<Session>, Box<Answer>> {
        let bad = |message: &str| answer::refused(StatusCode::BAD_REQUEST, id, message);
        if let Some(version) = not_of_a_session(&parts.headers) {
            let message = format!("MCP-Protocol-Version {version} is not supported in a session");
            return Err(bad(&message));
        }
        let Some(key) = headers::text(&parts.headers, &SESSION) else {
            return Err(bad("Mcp-Session-Id is missing; begin with initialize, \
                or send params._meta of 2026-07-28"));
        };
        self.options.sessions.get(key, &self.owner(parts)).ok_or_else(|| {
            let message = "This session is unknown or has ended; begin again with initialize";
            answer::refused(StatusCode::NOT_FOUND, id, message)
        })
    }

    async fn message(&self, parts: &mut Parts, message: Result<Message, Invalid>) -> Answered {
        let message = message.map_err(|invalid| {
            tracing::warn!(code = invalid.code, reason = %invalid.message, "bad message");
            let id = invalid.id.clone();
            answer::of_error(RpcError::from(invalid), id)
        })?;
        let stateless = not_of_a_session(&parts.headers).is_some();
        match message {
            Message::Response { .. } if stateless => {
                let message = "Stateless clients send no responses";
                Err(answer::refused(StatusCode::BAD_REQUEST, None, message))
            }
            Message::Response { id, result } => {
                if !self.session(parts, None)?.answer(&id, result) {
                    // It may have crossed the end of the call that asked, which is nobody's fault.
                    tracing::debug!(?id, "a response that nobody waits for");
                }
                Ok(answer::empty(StatusCode::ACCEPTED))
            }
            Message::Notification { .. } if stateless => Ok(answer::empty(StatusCode::ACCEPTED)),
            Message::Notification { method, params } => {
                let session = self.session(parts, None)?;
                if let Some(id) = cancelled(&method, params.as_deref()) {
                    session.running.cancel(&id);
                }
                Ok(answer::empty(StatusCode::ACCEPTED))
            }
            Message::Request { id, method, params } => {
                let request = request(id, method, params)?;
                if request.params.version().is_some() || stateless {
                    return self.stateless(parts, request).await;
                }
                if request.method == "initialize" {
                    return self.initialize(parts, request).await;
                }
                let session = self.session(parts, Some(&request.id))?;
                let events = accepts(&parts.headers, "text/event-stream");
                self.in_session(parts, session, request, events).await
            }
        }
    }

    async fn initialize(&self, parts: &mut Parts, request: RpcRequest) -> Answered {
        let refused = |error| answer::error(Some(&request.id), error);
        if parts.headers.contains_key(&SESSION) && self.session(parts, None).is_ok() {
            return Err(refused(RpcError::invalid_request("this session is initialized already")));
        }
        let owner = self.owner(parts);
        let context = bare_context(
            TRANSPORT,
            ProtocolVersion::LATEST_HANDSHAKE,
            std::mem::take(&mut parts.extensions),
            Cancel::under(&self.options.shutdown),
        );
        let (service, raw) = (self.service.clone(), request.raw.as_deref());
        let settled =
            initialize(service, raw, context, &self.options.info).await.map_err(refused)?;
        let made = new_id().ok().and_then(|key| {
            let session = Session::new(key, owner, settled.version, settled.client);
            self.options.sessions.insert(session)
        });
        let Some(session) = made else {
            let (status, message) =
                (StatusCode::SERVICE_UNAVAILABLE, "Too many sessions; try again later");
            return Err(refused(RpcError::new(status, INTERNAL_ERROR, message)));
        };
        let message = result(&request.id, &settled.result);
        let mut answer = answer::json(StatusCode::OK, Encoded::value(&message));
        if let Ok(id) = HeaderValue::from_str(&session.id) {
            answer.headers_mut().insert(SESSION, id);
        }
        Ok(answer)
    }

    async fn in_session(
        &self,
        parts: &mut Parts,
        session: Arc<Session>,
        request: RpcRequest,
        events: bool,
    ) -> Answered {
        let (id, version) = (request.id.clone(), session.version);
        let (transport, extensions) = (TRANSPORT, std::mem::take(&mut parts.extensions));
        let request = match route(&session, request, transport, extensions, events) {
            Routed::Answer(message) => {
                return Ok(answer::json(StatusCode::OK, Encoded::value(&message)));
            }
            Routed::Call(request) => *request,
        };
        let Some(mark) = session.running.start(&id, &request.context.cancel) else {
            return Err(answer::error(Some(&id), RpcError::id_in_use()));
        };
        let (sender, questions) = mpsc::channel(QUESTIONS);
        let cancel = request.context.cancel.clone();
        let call = drive(self.service.clone(), request, session, sender);
        let call = Awaited::new(cancel, Some(mark), call);
        Ok(self.responder(parts, id, version, events).answer(Some(questions), call).await)
    }

    async fn stateless(&self, parts: &mut Parts, request: RpcRequest) -> Answered {
        let id = request.id.clone();
        let refused = |error| answer::error(Some(&id), error);
        let version = headers::check(&parts.headers, &request).map_err(refused)?;
        let (transport, extensions) = (TRANSPORT, std::mem::take(&mut parts.extensions));
        let cancel = Cancel::under(&self.options.shutdown);
        let admitted = admit(request, version, transport, extensions, cancel).map_err(refused)?;
        match admitted {
            Admitted::Subscription(id) => {
                answer::check_events(&parts.headers, Some(&id))?;
                Ok(self.subscription(id, version))
            }
            Admitted::Call(request) => {
                let events = accepts(&parts.headers, "text/event-stream");
                let cancel = request.context.cancel.clone();
                let call = Awaited::new(cancel, None, call(self.service.clone(), *request));
                Ok(self.responder(parts, id, version, events).answer(None, call).await)
            }
        }
    }

    fn subscription(&self, id: Id, version: ProtocolVersion) -> Answer {
        let first = Encoded::value(&subscribed(&id));
        let (info, closing) = (self.options.info.clone(), self.options.closing.clone());
        let end = async move {
            closing.cancelled().await;
            let end = Outcome::Complete(Reply::Json(unsubscribed(&id)));
            outcome(&id, end, version, &info).map(|(message, _)| message)
        };
        EventStream::held_open(end, self.options.keep_alive).after(first).into_answer()
    }

    fn responder<'r>(
        &'r self,
        parts: &'r Parts,
        id: Id,
        version: ProtocolVersion,
        events: bool,
    ) -> Responder<'r> {
        let Options { silence, keep_alive, challenge, info, .. } = &*self.options;
        let silence = events.then_some(*silence);
        Responder {
            headers: &parts.headers,
            id,
            version,
            silence,
            keep_alive: *keep_alive,
            challenge,
            info,
        }
    }

    /// One after the other: a batch is bounded, and so is what one client runs at once.
    async fn batch(&self, parts: &mut Parts, messages: Vec<Result<Message, Invalid>>) -> Answered {
        let session = self.session(parts, None).ok();
        batch::check(session.as_deref(), &messages).map_err(|e| answer::error(None, e))?;
        let (mut answers, extensions) = (Vec::new(), parts.extensions.clone());
        for message in messages {
            // Each takes them.
            parts.extensions = extensions.clone();
            let answered = match (message, &session) {
                (Ok(Message::Request { id, method, params }), Some(session)) => {
                    match request(id, method, params) {
                        Ok(request) => {
                            self.in_session(parts, session.clone(), request, false).await
                        }
                        Err(refused) => Err(refused),
                    }
                }
                (other, _) => self.message(parts, other).await,
            };
            let Ok(body) = answered.unwrap_or_else(|refused| *refused).into_body().collect().await;
            answers.push(body.to_bytes());
        }
        Ok(match batch::join(&answers) {
            Some(array) => answer::json(StatusCode::OK, Body::Full(array)),
            None => answer::empty(StatusCode::ACCEPTED),
        })
    }
}
