//! Streamable HTTP, both eras at one endpoint (the routing table is in ARCHITECTURE.md).
//!
//! An answer is plain JSON when the outcome comes first. The first question to the client, or a
//! while of silence, opens an event stream if `Accept` allows it, because only a write shows that a
//! client is gone. A client that is gone is a cancelled call, in every era, but where its stream was
//! primed (2025-11-25): that can be resumed for a while.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::HeaderValue;
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
use crate::changes::Changes;
use crate::drive::drive;
use crate::encode::{ServerInfo, result};
use crate::encoded::Encoded;
use crate::error::RpcError;
use crate::handshake::{Routed, cancelled, initialize, route};
use crate::headers::{self, SESSION, accepts, is_modern, not_of_a_session};
use crate::jsonrpc::{Id, Incoming, Invalid, Message, parse};
use crate::notify::Notifier;
use crate::param_headers::ParamHeaders;
use crate::params::RpcRequest;
use crate::request::bare_context;
use crate::responder::{Responder, Resumable};
use crate::session::Session;
use crate::sessions::{NoSession, OwnerOf, Sessions};
use crate::stateless::{Admitted, admit};
use crate::version::ProtocolVersion;

const TRANSPORT: &str = "http";
/// Messages of a call that wait for their stream. A call asks one question at a time; the rest is
/// what it says of itself.
pub(crate) const WAITING: usize = 16;

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
    /// What changes, for those who ask to be told.
    pub changes: Changes,
    /// How long a primed stream keeps its call without a reader; none where no stream is primed.
    pub resume: Option<Duration>,
}

/// The service of one endpoint.
#[derive(Clone)]
pub struct Streamable {
    pub(crate) service: McpService,
    pub(crate) options: Arc<Options>,
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
                Method::GET => me.listen(&parts).await,
                Method::DELETE => me.end(&parts).await,
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

    async fn end(&self, parts: &Parts) -> Answered {
        let session = self.session(parts, None).await?;
        self.options.sessions.end(&session).await;
        Ok(answer::empty(StatusCode::OK))
    }

    fn owner(&self, parts: &Parts) -> String {
        (self.options.owner_of)(&parts.extensions)
    }

    /// The session that a handshake-era request names, or the answer that says why there is none.
    pub(crate) async fn session(
        &self,
        parts: &Parts,
        id: Option<&Id>,
    ) -> Result<Arc<Session>, Box<Answer>> {
        let bad = |message: &str| answer::refused(StatusCode::BAD_REQUEST, id, message);
        if let Some(version) = not_of_a_session(&parts.headers) {
            let message = format!("MCP-Protocol-Version {version} is not supported in a session");
            return Err(bad(&message));
        }
        let Some(key) = headers::text(&parts.headers, &SESSION) else {
            return Err(bad("Mcp-Session-Id is missing; begin with initialize, \
                or send params._meta of 2026-07-28"));
        };
        self.options.sessions.get(key, &self.owner(parts)).await.map_err(|why| match why {
            NoSession::Unknown => {
                let message = "This session is unknown or has ended; begin again with initialize";
                answer::refused(StatusCode::NOT_FOUND, id, message)
            }
            NoSession::NoRoom => answer::busy(
                "Too many sessions, and something runs in each of them; try again later",
            ),
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
                if !self.session(parts, None).await?.answer(&id, result) {
                    // It may have crossed the end of the call that asked, which is nobody's fault.
                    tracing::debug!(?id, "a response that nobody waits for");
                }
                Ok(answer::empty(StatusCode::ACCEPTED))
            }
            Message::Notification { .. } if stateless => Ok(answer::empty(StatusCode::ACCEPTED)),
            Message::Notification { method, params } => {
                let session = self.session(parts, None).await?;
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
                let session = self.session(parts, Some(&request.id)).await?;
                let events = accepts(&parts.headers, "text/event-stream");
                self.in_session(parts, session, request, events).await
            }
        }
    }

    async fn initialize(&self, parts: &mut Parts, request: RpcRequest) -> Answered {
        let refused = |error| answer::error(Some(&request.id), error);
        if parts.headers.contains_key(&SESSION) && self.session(parts, None).await.is_ok() {
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
        let Some(session) = self.options.sessions.open(owner, settled.version, settled.client)
        else {
            return Err(answer::busy(
                "Too many sessions, and something runs in each of them; try again later",
            ));
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
        let (sender, said) = mpsc::channel(WAITING);
        let request = match route(&session, request, transport, extensions, &sender, events) {
            Routed::Answer(message) => {
                return Ok(answer::json(StatusCode::OK, Encoded::value(&message)));
            }
            Routed::Call(request) => *request,
        };
        let Some(mark) = session.running.start(&id, &request.context.cancel) else {
            return Err(answer::error(Some(&id), RpcError::id_in_use()));
        };
        let context = &request.context;
        let (cancel, poll) = (context.cancel.clone(), context.notifier.poll());
        let patience = self.options.resume.filter(|_| version >= ProtocolVersion::V2025_11_25);
        let kept = session.kept.clone();
        let resumable = patience.map(|patience| Resumable { kept, patience, poll });
        let call = drive(self.service.clone(), request, session, sender);
        let call = Awaited::new(cancel, Some(mark), call);
        Ok(self.responder(parts, id, version, events).answer(Some(said), call, resumable).await)
    }

    async fn stateless(&self, parts: &mut Parts, request: RpcRequest) -> Answered {
        let id = request.id.clone();
        let refused = |error| answer::error(Some(&id), error);
        let version = headers::check(&parts.headers, &request).map_err(refused)?;
        let listens = request.method == "subscriptions/listen";
        let owner = if listens { self.owner(parts) } else { String::new() };
        let (transport, mut extensions) = (TRANSPORT, std::mem::take(&mut parts.extensions));
        if request.method == "tools/call" {
            extensions.insert(ParamHeaders::of(&parts.headers));
        }
        let cancel = Cancel::under(&self.options.shutdown);
        let (notifier, said) = match request.params.wanted().map_err(refused)? {
            None => (Notifier::default(), None),
            Some(wanted) => {
                let (out, said) = mpsc::channel(WAITING);
                (Notifier::new(wanted, version, out), Some(said))
            }
        };
        let told = notifier.clone();
        let admitted =
            admit(request, version, transport, extensions, cancel, notifier).map_err(refused)?;
        match admitted {
            Admitted::Subscription(request) => {
                answer::check_events(&parts.headers, Some(&id))?;
                let Some(place) = self.options.sessions.subscribe(owner) else {
                    return Err(answer::busy("You have as many subscriptions as you may have"));
                };
                self.subscription(id, version, *request, place).await
            }
            Admitted::Call(request) => {
                let events = accepts(&parts.headers, "text/event-stream");
                let (cancel, service) = (request.context.cancel.clone(), self.service.clone());
                let call = async move { told.telling(call(service, *request)).await };
                let call = Awaited::new(cancel, None, call);
                Ok(self.responder(parts, id, version, events).answer(said, call, None).await)
            }
        }
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
        let session = self.session(parts, None).await.ok();
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
