//! Streamable HTTP, both eras at one endpoint (the routing table is in ARCHITECTURE.md).
//!
//! An answer is plain JSON when the outcome comes first. The first notification, or a while of
//! silence, opens an event stream if `Accept` allows it, because only a write shows that a client
//! is gone. A client that is gone is a cancelled call, in every era; streams are not resumed.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_util::StreamExt;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::connection::{REMOVED, listen_acknowledged, with_answers};
use crate::drive::drive;
use crate::encode::{Encoded, ServerInfo, error, outcome, scope_told};
use crate::handshake::{Routed, bare_context, initialize, notified, route};
use crate::jsonrpc::{
    HEADER_MISMATCH, INVALID_PARAMS, INVALID_REQUEST, Id, Incoming, Invalid, METHOD_NOT_FOUND,
    Message, parse,
};
use crate::message::{Params, Refused, check_meta, intern, takes_forms, target, unsupported};
use crate::session::{Session, Sessions, new_id};
use crate::{
    Cancel, Context, McpRequest, McpService, Outbox, Outcome, Outgoing, ProtocolVersion, exchange,
};

/// `Mcp-Session-Id`.
pub const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
/// `MCP-Protocol-Version`.
pub const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// `Mcp-Method`.
pub const METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// `Mcp-Name`.
pub const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// The most messages in a batch.
const MAX_BATCH: usize = 50;

/// What binds a session to its owner: the key of the principal in a request's extensions.
pub type OwnerOf = Arc<dyn Fn(&http::Extensions) -> String + Send + Sync>;

/// From a request's parts and the scopes that it needs to the text of
/// `WWW-Authenticate`; none without sign-in.
pub type Challenge = Arc<dyn Fn(&http::request::Parts, &[String]) -> Option<String> + Send + Sync>;

/// How to serve.
#[derive(Clone)]
pub struct Options {
    /// `http` or the name of another transport that speaks this one.
    pub transport: &'static str,
    /// This much silence opens an event stream.
    pub silence: Duration,
    /// Between keep-alive comments.
    pub keep_alive: Duration,
    /// Sessions of handshake-era clients.
    pub sessions: Arc<Sessions>,
    /// Whose a request is.
    pub owner_of: OwnerOf,
    /// The `WWW-Authenticate` of a call whose caller lacks scopes.
    pub challenge: Challenge,
    /// Ends streams that only wait.
    pub closing: CancellationToken,
    /// Cancels calls.
    pub shutdown: CancellationToken,
    /// This server.
    pub info: ServerInfo,
}

/// The service of one endpoint.
#[derive(Clone)]
pub struct Streamable {
    service: McpService,
    options: Arc<Options>,
}

/// A response body: nothing, a buffer, pieces, or events.
#[derive(Default)]
pub enum Body {
    /// Nothing.
    #[default]
    Empty,
    /// One buffer.
    Full(Bytes),
    /// Made while it is sent.
    Pieces(Encoded),
    /// An event stream.
    Events(Pin<Box<dyn Stream<Item = Bytes> + Send>>),
}

/// The service for one MCP endpoint.
pub fn service(service: McpService, options: Options) -> Streamable {
    Streamable { service, options: Arc::new(options) }
}

// === impl Body ===

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Body::Empty => "Empty",
            Body::Full(_) => "Full",
            Body::Pieces(_) => "Pieces",
            Body::Events(_) => "Events",
        })
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match &mut *self {
            Body::Empty => None,
            Body::Full(b) => {
                let b = std::mem::take(b);
                (!b.is_empty()).then_some(b)
            }
            Body::Pieces(e) => e.next_piece(),
            Body::Events(s) => match s.as_mut().poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(b) => b,
            },
        };
        Poll::Ready(next.map(|b| Ok(Frame::data(b))))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Empty => true,
            Body::Full(b) => b.is_empty(),
            _ => false,
        }
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match self {
            Body::Empty => http_body::SizeHint::with_exact(0),
            Body::Full(b) => http_body::SizeHint::with_exact(b.len() as u64),
            _ => http_body::SizeHint::default(),
        }
    }
}

// === impl Streamable ===

impl<B> tower::Service<Request<B>> for Streamable
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
        Box::pin(async move { Ok(me.handle(request).await) })
    }
}

pub(crate) type Answer = Response<Body>;

fn plain(status: StatusCode, v: &Value) -> Answer {
    json_response(status, Body::Full(Encoded::value(v).into_bytes()))
}

fn json_response(status: StatusCode, body: Body) -> Answer {
    let mut r = Response::new(body);
    *r.status_mut() = status;
    r.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    r
}

pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut r = Response::new(Body::Empty);
    *r.status_mut() = status;
    r
}

pub(crate) fn refusal(status: StatusCode, id: Option<&Id>, code: i32, message: &str) -> Answer {
    plain(status, &error(id, code, message, None))
}

fn refused(id: &Id, r: Refused) -> Answer {
    plain(StatusCode::BAD_REQUEST, &error(Some(id), r.code, &r.message, r.data))
}

pub(crate) fn not_allowed(allow: &'static str) -> Answer {
    let mut r = empty(StatusCode::METHOD_NOT_ALLOWED);
    r.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    r
}

/// Whether `Accept` takes a media type; no header takes all.
pub(crate) fn accepts(headers: &HeaderMap, media: &str) -> bool {
    let mut any = false;
    for v in headers.get_all(header::ACCEPT) {
        any = true;
        let Ok(v) = v.to_str() else { continue };
        for one in v.split(',') {
            let one = one.split(';').next().unwrap_or("").trim();
            let kind = media.split('/').next().unwrap_or("");
            if one == "*/*"
                || one.eq_ignore_ascii_case(media)
                || one.strip_suffix("/*").is_some_and(|k| k.eq_ignore_ascii_case(kind))
            {
                return true;
            }
        }
    }
    !any
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim)
}

impl Streamable {
    async fn handle<B>(&self, request: Request<B>) -> Answer
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        match parts.method {
            Method::POST => {}
            Method::GET | Method::DELETE => return self.get_or_delete(&parts),
            _ => return not_allowed("GET, POST, DELETE"),
        }
        let media = text(&parts.headers, &header::CONTENT_TYPE)
            .and_then(|v| v.split(';').next())
            .map(str::trim);
        if !media.is_some_and(|m| m.eq_ignore_ascii_case("application/json")) {
            return refusal(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                None,
                INVALID_REQUEST,
                "Content-Type must be application/json",
            );
        }
        if !accepts(&parts.headers, "application/json") {
            return refusal(
                StatusCode::NOT_ACCEPTABLE,
                None,
                INVALID_REQUEST,
                "Accept must allow application/json (and should allow text/event-stream)",
            );
        }
        let bytes = match body.collect().await {
            Ok(b) => b.to_bytes(),
            Err(e) => {
                let e: Box<dyn std::error::Error + Send + Sync> = e.into();
                if e.downcast_ref::<http_body_util::LengthLimitError>().is_some() {
                    return refusal(
                        StatusCode::PAYLOAD_TOO_LARGE,
                        None,
                        INVALID_REQUEST,
                        "The body is larger than the server's limit",
                    );
                }
                let text = format!("The body could not be read: {e}");
                return refusal(StatusCode::BAD_REQUEST, None, INVALID_REQUEST, &text);
            }
        };
        match parse(&bytes) {
            Incoming::One(m) => self.one(&parts, m).await,
            Incoming::Batch(list) => self.batch(&parts, list).await,
        }
    }

    fn owner(&self, parts: &http::request::Parts) -> String {
        (self.options.owner_of)(&parts.extensions)
    }

    /// The session a handshake-era request names, or the answer that says why there is none.
    fn session(
        &self,
        parts: &http::request::Parts,
        id: Option<&Id>,
    ) -> Result<Arc<Session>, Box<Answer>> {
        let no = |status, text: &str| Err(Box::new(refusal(status, id, INVALID_REQUEST, text)));
        if let Some(v) = text(&parts.headers, &VERSION)
            && ProtocolVersion::parse(v).is_none_or(ProtocolVersion::is_modern)
        {
            return no(
                StatusCode::BAD_REQUEST,
                &format!("MCP-Protocol-Version {v} is not supported in a session"),
            );
        }
        let Some(key) = text(&parts.headers, &SESSION) else {
            return no(
                StatusCode::BAD_REQUEST,
                "Mcp-Session-Id is missing; begin with initialize, or send params._meta of 2026-07-28",
            );
        };
        match self.options.sessions.get(key, &self.owner(parts)) {
            Some(s) => Ok(s),
            None => no(
                StatusCode::NOT_FOUND,
                "This session is unknown or has ended; begin again with initialize",
            ),
        }
    }

    fn get_or_delete(&self, parts: &http::request::Parts) -> Answer {
        let modern = text(&parts.headers, &VERSION)
            .is_some_and(|v| ProtocolVersion::parse(v).is_some_and(ProtocolVersion::is_modern));
        if modern {
            return not_allowed("POST");
        }
        let s = match self.session(parts, None) {
            Ok(s) => s,
            Err(r) => return *r,
        };
        if parts.method == Method::DELETE {
            self.options.sessions.remove(&s.id);
            return empty(StatusCode::NO_CONTENT);
        }
        if !parts.headers.contains_key(header::ACCEPT)
            || !accepts(&parts.headers, "text/event-stream")
        {
            return refusal(
                StatusCode::NOT_ACCEPTABLE,
                None,
                INVALID_REQUEST,
                "Accept must allow text/event-stream",
            );
        }
        if !s.listen() {
            return refusal(
                StatusCode::CONFLICT,
                None,
                INVALID_REQUEST,
                "This session has a stream already",
            );
        }
        // We have nothing to say outside of calls; the stream is kept open for
        // clients that expect one.
        let place = Listening(s.clone());
        let (closed, shutdown) = (s.closed.clone(), self.options.closing.clone());
        self.held_open(None, async move {
            tokio::select! {
                () = closed.cancelled() => {}
                () = shutdown.cancelled() => {}
            }
            drop(place);
            None
        })
    }

    async fn one(&self, parts: &http::request::Parts, m: Result<Message, Invalid>) -> Answer {
        let message = match m {
            Ok(m) => m,
            Err(i) => {
                tracing::warn!(code = i.code, reason = %i.message, "bad message");
                return refusal(StatusCode::BAD_REQUEST, i.id.as_ref(), i.code, &i.message);
            }
        };
        let header_version = text(&parts.headers, &VERSION);
        let modern_header = header_version
            .is_some_and(|v| ProtocolVersion::parse(v).is_none_or(ProtocolVersion::is_modern));
        match message {
            Message::Response { id, result } => {
                if modern_header {
                    return refusal(
                        StatusCode::BAD_REQUEST,
                        None,
                        INVALID_REQUEST,
                        "Stateless clients send no responses",
                    );
                }
                match self.session(parts, None) {
                    Ok(s) if s.answer(&id, result) => empty(StatusCode::ACCEPTED),
                    Ok(_) => refusal(
                        StatusCode::BAD_REQUEST,
                        None,
                        INVALID_REQUEST,
                        "Nobody waits for this response",
                    ),
                    Err(r) => *r,
                }
            }
            Message::Notification { method, params } => {
                if modern_header {
                    return empty(StatusCode::ACCEPTED);
                }
                match self.session(parts, None) {
                    Ok(s) => {
                        notified(&s, &method, params.as_deref());
                        empty(StatusCode::ACCEPTED)
                    }
                    Err(r) => *r,
                }
            }
            Message::Request { id, method, params } => {
                let p = match Params::read(params.as_deref()) {
                    Ok(p) => p,
                    Err(e) => {
                        return refusal(
                            StatusCode::BAD_REQUEST,
                            Some(&id),
                            INVALID_PARAMS,
                            &format!("Invalid params: {e}"),
                        );
                    }
                };
                if p.version().is_some() || modern_header {
                    return self.modern(parts, id, &method, params, &p).await;
                }
                if method == "initialize" {
                    return self.initialize(parts, &id, params.as_deref()).await;
                }
                match self.session(parts, Some(&id)) {
                    Ok(s) => self.in_session(parts, s, id, &method, params).await,
                    Err(r) => *r,
                }
            }
        }
    }

    async fn initialize(
        &self,
        parts: &http::request::Parts,
        id: &Id,
        params: Option<&serde_json::value::RawValue>,
    ) -> Answer {
        if parts.headers.contains_key(&SESSION) && self.session(parts, None).is_ok() {
            return refusal(
                StatusCode::BAD_REQUEST,
                Some(id),
                INVALID_REQUEST,
                "Invalid Request: this session is initialized already",
            );
        }
        let context = bare_context(
            self.options.transport,
            ProtocolVersion::LATEST_HANDSHAKE,
            parts.extensions.clone(),
            Cancel::under(&self.options.shutdown),
        );
        let settled =
            match initialize(self.service.clone(), params, context, &self.options.info).await {
                Ok(s) => s,
                Err((code, m)) => return refusal(StatusCode::OK, Some(id), code, &m),
            };
        let made = new_id().ok().and_then(|key| {
            self.options.sessions.insert(Session::new(
                key,
                self.owner(parts),
                settled.version,
                settled.client,
            ))
        });
        let Some(s) = made else {
            return refusal(
                StatusCode::SERVICE_UNAVAILABLE,
                Some(id),
                crate::jsonrpc::INTERNAL_ERROR,
                "Too many sessions; try again later",
            );
        };
        let mut r =
            plain(StatusCode::OK, &json!({ "jsonrpc": "2.0", "id": id, "result": settled.result }));
        if let Ok(v) = HeaderValue::from_str(&s.id) {
            r.headers_mut().insert(SESSION, v);
        }
        r
    }

    async fn in_session(
        &self,
        parts: &http::request::Parts,
        s: Arc<Session>,
        id: Id,
        method: &str,
        params: Option<Box<serde_json::value::RawValue>>,
    ) -> Answer {
        let sse = accepts(&parts.headers, "text/event-stream");
        let request = match route(
            &s,
            &id,
            method,
            params,
            self.options.transport,
            sse,
            parts.extensions.clone(),
        ) {
            Routed::Answer(v) => return plain(StatusCode::OK, &v),
            Routed::Call(r) => *r,
        };
        let Some(mark) = s.start(&id, &request.context.cancel) else {
            return refusal(
                StatusCode::BAD_REQUEST,
                Some(&id),
                INVALID_REQUEST,
                "Invalid Request: this id is in use by a request that still runs",
            );
        };
        let version = s.version;
        let (tx, rx) = mpsc::channel(16);
        let service = self.service.clone();
        let call = async move {
            let o = drive(service, request, s, tx).await;
            drop(mark);
            o
        };
        self.answer(sse, parts, id, version, rx, call).await
    }

    async fn modern(
        &self,
        parts: &http::request::Parts,
        id: Id,
        method: &str,
        params: Option<Box<serde_json::value::RawValue>>,
        p: &Params,
    ) -> Answer {
        let version = match check_headers(&parts.headers, method, p) {
            Ok(v) => v,
            Err(r) => return refused(&id, r),
        };
        if REMOVED.contains(&method) || method == "initialize" {
            return refusal(
                StatusCode::NOT_FOUND,
                Some(&id),
                METHOD_NOT_FOUND,
                &format!("Method not found: {method}"),
            );
        }
        let cancel = Cancel::under(&self.options.shutdown);
        if method == "subscriptions/listen" {
            if !accepts(&parts.headers, "text/event-stream") {
                return refusal(
                    StatusCode::NOT_ACCEPTABLE,
                    Some(&id),
                    INVALID_REQUEST,
                    "Accept must allow text/event-stream",
                );
            }
            // Nothing that we list ever changes: the honoured subset is empty and the stream
            // is only held open.
            let first = listen_acknowledged(&id);
            let (info, closing) = (self.options.info.clone(), self.options.closing.clone());
            return self.held_open(Some(&first), async move {
                closing.cancelled().await;
                let mut map = serde_json::Map::new();
                map.insert("_meta".into(), json!({ "io.modelcontextprotocol/subscriptionId": id }));
                outcome(&id, Outcome::Complete(crate::Reply::Json(map)), version, &info)
                    .map(|(e, _)| e)
            });
        }
        let request = McpRequest {
            id: Some(id.clone()),
            method: intern(method),
            target: target(method, p),
            params,
            context: Context {
                transport: self.options.transport,
                version,
                client: Arc::new(p.client()),
                meta: p.request_meta(),
                deadline: None,
                extensions: with_answers(parts.extensions.clone(), p),
                outbox: Outbox::default(),
                cancel,
                can_ask: p.capabilities().is_some_and(takes_forms),
            },
        };
        let (tx, rx) = mpsc::channel(16);
        let service = self.service.clone();
        let call = async move {
            let mut stream = exchange(service, request);
            while let Some(o) = stream.next().await {
                match o {
                    Outgoing::Notification(n) => {
                        let _ = tx.send(n).await;
                    }
                    Outgoing::Outcome(o) => return o,
                }
            }
            Outcome::Cancelled
        };
        self.answer(accepts(&parts.headers, "text/event-stream"), parts, id, version, rx, call)
            .await
    }

    /// Plain JSON if the outcome comes first, else an event stream.
    async fn answer(
        &self,
        sse: bool,
        parts: &http::request::Parts,
        id: Id,
        version: ProtocolVersion,
        mut said: mpsc::Receiver<Value>,
        call: impl Future<Output = Outcome> + Send + 'static,
    ) -> Answer {
        let mut call: Pin<Box<dyn Future<Output = Outcome> + Send>> = Box::pin(call);
        let silence = tokio::time::sleep(self.options.silence);
        tokio::pin!(silence);
        let first = loop {
            tokio::select! {
                biased;
                Some(v) = said.recv() => if sse { break Some(v) },
                o = &mut call => return self.complete(parts, &id, o, version),
                () = &mut silence, if sse => break None,
            }
        };
        let (info, parts, challenge) =
            (self.options.info.clone(), parts.clone(), self.options.challenge.clone());
        let last = async move {
            // The status is sent: what it would have said goes into the result.
            let o = scope_told(call.await, |needed| challenge(&parts, needed));
            outcome(&id, o, version, &info).map(|(e, _)| e)
        };
        event_stream(Events {
            pending: first.map(|v| event(&v)),
            said,
            call: Box::pin(last),
            keep_alive: self.options.keep_alive,
            last: None,
        })
    }

    fn complete(
        &self,
        parts: &http::request::Parts,
        id: &Id,
        o: Outcome,
        version: ProtocolVersion,
    ) -> Answer {
        let challenge = match &o {
            Outcome::Fault(crate::Fault::Scope { needed }) => {
                (self.options.challenge)(parts, needed)
            }
            _ => None,
        };
        match outcome(id, o, version, &self.options.info) {
            // Cancelled by notification: the specification says not to answer, but HTTP must.
            None => empty(StatusCode::ACCEPTED),
            Some((e, status)) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
                let small = e.rough_len() <= 64 << 10;
                let mut r = json_response(
                    status,
                    if small { Body::Full(e.into_bytes()) } else { Body::Pieces(e) },
                );
                if let Some(v) = challenge.and_then(|c| HeaderValue::from_str(&c).ok()) {
                    r.headers_mut().insert(header::WWW_AUTHENTICATE, v);
                }
                r
            }
        }
    }

    /// A stream that says `first`, keeps alive, and ends with what `end` gives.
    fn held_open(
        &self,
        first: Option<&Value>,
        end: impl Future<Output = Option<Encoded>> + Send + 'static,
    ) -> Answer {
        let (_, said) = mpsc::channel(1);
        event_stream(Events {
            pending: first.map(event),
            said,
            call: Box::pin(end),
            keep_alive: self.options.keep_alive,
            last: None,
        })
    }

    async fn batch(
        &self,
        parts: &http::request::Parts,
        list: Vec<Result<Message, Invalid>>,
    ) -> Answer {
        let bad = |text: &str| {
            refusal(
                StatusCode::BAD_REQUEST,
                None,
                INVALID_REQUEST,
                &format!("Invalid Request: {text}"),
            )
        };
        let s = match self.session(parts, None) {
            Ok(s) if s.version == ProtocolVersion::V2025_03_26 => s,
            _ => return bad("a batch is only allowed in a session of 2025-03-26"),
        };
        if list.is_empty() || list.len() > MAX_BATCH {
            return bad(&format!("a batch holds 1 to {MAX_BATCH} messages"));
        }
        if list
            .iter()
            .any(|m| matches!(m, Ok(Message::Request { method, .. }) if method == "initialize"))
        {
            return bad("initialize must not stand in a batch");
        }
        let mut answers = Vec::new();
        for m in list {
            let body = match m {
                Ok(Message::Request { id, method, params }) => {
                    // One after the other: a batch is bounded, and so is what one
                    // client runs at once.
                    let mut headers = parts.clone();
                    headers
                        .headers
                        .insert(header::ACCEPT, HeaderValue::from_static("application/json"));
                    self.in_session(&headers, s.clone(), id, &method, params).await.into_body()
                }
                other => self.one(parts, other).await.into_body(),
            };
            let Ok(b) = body.collect().await;
            let b = b.to_bytes();
            if !b.is_empty() {
                answers.push(b);
            }
        }
        if answers.is_empty() {
            return empty(StatusCode::ACCEPTED);
        }
        let mut out = BytesMut::from(&b"["[..]);
        for (i, b) in answers.iter().enumerate() {
            if i > 0 {
                out.extend_from_slice(b",");
            }
            out.extend_from_slice(b);
        }
        out.extend_from_slice(b"]");
        json_response(StatusCode::OK, Body::Full(out.freeze()))
    }
}

/// The checks of a stateless request, in the order of the specification's table.
fn check_headers(
    headers: &HeaderMap,
    method: &str,
    p: &Params,
) -> Result<ProtocolVersion, Refused> {
    let mismatch = |message: String| Err(Refused { code: HEADER_MISMATCH, message, data: None });
    let checked = check_meta(p);
    if let Err(r) = &checked
        && r.code == INVALID_PARAMS
    {
        return checked;
    }
    let stated = p.version().unwrap_or_default();
    match text(headers, &VERSION) {
        None => return mismatch("The header MCP-Protocol-Version is missing".into()),
        Some(h) if h != stated => {
            return mismatch(format!("MCP-Protocol-Version says {h}, params._meta says {stated}"));
        }
        Some(_) => {}
    }
    let version = checked.map_err(|_| unsupported(stated))?;
    match text(headers, &METHOD) {
        None => return mismatch("The header Mcp-Method is missing".into()),
        Some(h) if h != method => {
            return mismatch(format!("Mcp-Method says {h}, the body says {method}"));
        }
        Some(_) => {}
    }
    if let Some(name) = target(method, p) {
        match text(headers, &NAME).map(decode) {
            None => return mismatch("The header Mcp-Name is missing".into()),
            Some(Some(h)) if h == name => {}
            Some(_) => return mismatch(format!("Mcp-Name does not say {name}, as the body does")),
        }
    }
    Ok(version)
}

/// A header value; `=?base64?…?=` holds one that is not plain ASCII. None when that is not
/// strict Base64 of UTF-8.
fn decode(v: &str) -> Option<String> {
    use base64::Engine;
    match v.strip_prefix("=?base64?").and_then(|v| v.strip_suffix("?=")) {
        None => Some(v.to_owned()),
        Some(b) => base64::engine::general_purpose::STANDARD
            .decode(b)
            .ok()
            .and_then(|b| String::from_utf8(b).ok()),
    }
}

/// Gives the session's one place for a stream back.
struct Listening(Arc<Session>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.unlisten();
    }
}

fn event(v: &Value) -> Bytes {
    format!("event: message\ndata: {v}\n\n").into()
}

/// The state of an event stream; dropping it drops the call, which cancels it.
struct Events {
    pending: Option<Bytes>,
    said: mpsc::Receiver<Value>,
    call: Pin<Box<dyn Future<Output = Option<Encoded>> + Send>>,
    keep_alive: Duration,
    /// The last message, while it is sent.
    last: Option<Encoded>,
}

impl Events {
    async fn next(mut self) -> Option<(Bytes, Option<Self>)> {
        if let Some(b) = self.pending.take() {
            return Some((b, Some(self)));
        }
        if let Some(e) = &mut self.last {
            return match e.next_piece() {
                Some(b) => Some((b, Some(self))),
                None => Some((Bytes::from_static(b"\n\n"), None)),
            };
        }
        tokio::select! {
            biased;
            Some(v) = self.said.recv() => Some((event(&v), Some(self))),
            last = &mut self.call => {
                self.last = Some(last?);
                Some((Bytes::from_static(b"event: message\ndata: "), Some(self)))
            }
            () = tokio::time::sleep(self.keep_alive) => Some((Bytes::from_static(b": keep-alive\n\n"), Some(self))),
        }
    }
}

fn event_stream(state: Events) -> Answer {
    let stream = futures_util::stream::unfold(Some(state), |s| async move {
        match s {
            Some(s) => s.next().await,
            None => None,
        }
    });
    event_response(stream)
}

/// What every event stream has: no cache, and no proxy that gathers events.
pub(crate) fn event_response(stream: impl Stream<Item = Bytes> + Send + 'static) -> Answer {
    let mut r = Response::new(Body::Events(Box::pin(stream)));
    let h = r.headers_mut();
    h.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    h.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    h.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    r
}
