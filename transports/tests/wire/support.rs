//! A center, the services over it, and a client of event streams.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use mssql_mcp_transports::body::Body;
use mssql_mcp_transports::encode::{About, ServerInfo};
use mssql_mcp_transports::sessions::{Bounds, Sessions};
use mssql_mcp_transports::sse::{self, Sse, Streams};
use mssql_mcp_transports::streamable::{self, Streamable};
use mssql_mcp_transports::{ChallengeOf, Changes, Tickets};
use mssql_mcp_transports::{
    Continuation, Fault, McpRequest, McpService, Outcome, ParamHeaders, Reply, Segments, ToolReply,
    Why,
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::util::BoxCloneSyncService;
use tower::{ServiceExt, service_fn};

pub const INFO: ServerInfo = ServerInfo {
    name: "s",
    title: "S",
    version: String::new(),
    about: About { description: "", website_url: None, icons: &[] },
};
pub const JSON: (&str, &str) = ("content-type", "application/json");
pub const BOTH: (&str, &str) = ("accept", "application/json, text/event-stream");
pub const SILENCE: Duration = Duration::from_secs(2);
/// How long a primed stream goes on without a reader.
pub const RESUME: Duration = Duration::from_secs(30);
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// What does not come within this time does not come.
pub const PATIENCE: Duration = Duration::from_secs(100);
pub const MODERN: (&str, &str) = ("mcp-protocol-version", "2026-07-28");

/// Whose a request is, in its extensions.
#[derive(Clone)]
pub struct Owner(pub &'static str);

/// What the calls of a center did, and what those wait for that wait.
#[derive(Clone)]
pub struct Center {
    pub log: Arc<Mutex<Vec<String>>>,
    pub gate: Arc<Semaphore>,
}

impl Center {
    pub fn new() -> Self {
        Self { log: Arc::default(), gate: Arc::new(Semaphore::new(0)) }
    }

    pub fn service(&self) -> McpService {
        let me = self.clone();
        BoxCloneSyncService::new(service_fn(move |r| {
            let me = me.clone();
            async move { Ok::<_, Infallible>(me.answer(r).await) }
        }))
    }

    /// Waits until the log is this; with paused time that costs none.
    pub async fn logged(&self, expected: &[&str]) {
        for _ in 0..100 {
            if *self.log.lock().expect("log") == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(*self.log.lock().expect("log"), expected);
    }

    fn note(&self, line: String) {
        self.log.lock().expect("log").push(line);
    }

    async fn answer(&self, r: McpRequest) -> Outcome {
        let object = |v: Value| match v {
            Value::Object(o) => Outcome::Complete(Reply::Json(o)),
            _ => panic!("an object"),
        };
        let text = |t: String| Outcome::Complete(ToolReply::text(t).into());
        match (&*r.method, r.target.as_deref().unwrap_or_default()) {
            ("server/discover", _) => {
                object(json!({ "capabilities": { "tools": {} }, "instructions": "Be kind." }))
            }
            ("tools/list", _) => {
                object(json!({ "tools": [{ "name": "wait", "title": "Wait" }], "ttlMs": 1 }))
            }
            ("tools/call", "context") => text(surroundings(&r).to_string()),
            ("tools/call", "wait") => self.wait(&r).await,
            ("tools/call", "ask") => ask(&r),
            ("tools/call", "region") => region(&r),
            ("tools/call", "work") => work(&r).await,
            ("tools/call", "poll") => {
                r.context.notifier.have_polled();
                self.wait(&r).await
            }
            ("subscriptions/listen", _) => {
                let params: Value =
                    serde_json::from_str(r.params.expect("params").get()).expect("JSON");
                let mut honoured = params["notifications"].clone();
                if let Some(o) = honoured.as_object_mut() {
                    o.remove("promptsListChanged");
                }
                object(json!({ "notifications": honoured }))
            }
            ("resources/subscribe" | "resources/unsubscribe", "a:none") => {
                Outcome::Fault(Fault::ResourceNotFound("a:none".into()))
            }
            ("resources/subscribe" | "resources/unsubscribe", _) => object(json!({})),
            ("tools/call", "scope") => {
                Outcome::Fault(Fault::Scope { needed: vec!["read".into(), "write".into()] })
            }
            ("tools/call", "late scope") => {
                let _ = self.gate.acquire().await;
                Outcome::Fault(Fault::Scope { needed: vec!["read".into()] })
            }
            ("tools/call", "panic") => panic!("on demand"),
            ("tools/call", "large") => {
                let part = format!("\"{}\",", "é\\\"".repeat(20_000));
                let mut parts = vec!["[".to_owned()];
                parts.extend(vec![part; 3]);
                parts.push("0]".to_owned());
                let parts = parts.into_iter().map(Into::into).collect();
                Outcome::Complete(ToolReply::structured(Segments(parts)).into())
            }
            ("tools/call", other) => Outcome::Fault(Fault::InvalidParams {
                message: format!("Unknown tool: {other}"),
                data: None,
            }),
            (other, _) => Outcome::Fault(Fault::MethodNotFound(other.to_owned())),
        }
    }

    /// Until the gate opens or the call is cancelled; a server that stops is told of.
    async fn wait(&self, r: &McpRequest) -> Outcome {
        self.note("begun".into());
        tokio::select! {
            permit = self.gate.acquire() => {
                permit.expect("open").forget();
                Outcome::Complete(ToolReply::text("waited").into())
            }
            () = r.context.cancel.token().cancelled() => {
                let why = r.context.cancel.why().expect("it has fired");
                self.note(format!("{why:?}"));
                match why {
                    Why::Closing => Outcome::Complete(ToolReply::text("stopping").into()),
                    Why::Asked | Why::Gone | Why::Ended => Outcome::Cancelled,
                }
            }
        }
    }
}

/// Says what it does, and how far it is: three steps in so many seconds and a bit.
async fn work(r: &McpRequest) -> Outcome {
    let (notifier, progress) = (&r.context.notifier, r.context.notifier.progress());
    progress.begin(|n| format!("{n} steps"));
    for step in 1..=3u64 {
        notifier.message("info", "work", json!(format!("step {step}"))).await;
        progress.done_of(step, 3);
        tokio::time::sleep(Duration::from_millis(1010)).await;
    }
    Outcome::Complete(ToolReply::text("worked").into())
}

/// Asks for a name, then greets.
fn ask(r: &McpRequest) -> Outcome {
    match r.context.extensions.get::<Continuation>() {
        None => {
            let question = json!({ "method": "elicitation/create", "params": { "message": "?" } });
            Outcome::InputRequired {
                requests: serde_json::Map::from_iter([("name".to_owned(), question)]),
                state: Some("kept".into()),
            }
        }
        Some(c) => {
            let name = c.responses.get("name").cloned().unwrap_or_default();
            let state = c.state.as_deref().unwrap_or("-");
            Outcome::Complete(ToolReply::text(format!("{name} {state}")).into())
        }
    }
}

/// Where a call of a tool is to run, which its headers repeat.
fn region(r: &McpRequest) -> Outcome {
    let raw = r.params.as_ref().expect("params").get();
    let arguments = serde_json::from_str::<Value>(raw).expect("JSON")["arguments"].take();
    let region = json!({ "type": "string", "x-mcp-header": "Region" });
    let schema = json!({ "properties": { "region": region } });
    let headers = r.context.extensions.get::<ParamHeaders>();
    match headers.map_or(Ok(()), |h| h.check(&schema, &arguments)) {
        Ok(()) => {
            let text = format!("in {}", arguments["region"].as_str().unwrap_or("-"));
            Outcome::Complete(ToolReply::text(text).into())
        }
        Err(fault) => Outcome::Fault(fault),
    }
}

fn surroundings(r: &McpRequest) -> Value {
    let c = &r.context;
    json!({
        "id": r.id,
        "transport": c.transport,
        "version": c.version.as_str(),
        "client": c.client.name,
        "capabilities": c.client.capabilities,
        "traceparent": c.traceparent,
        "can_ask": c.can_ask,
        "owner": c.extensions.get::<Owner>().map(|o| o.0),
    })
}

/// An answer that has ended.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().expect("text"))
    }

    /// Status and JSON-RPC code.
    pub fn refusal(&self) -> (u16, i64) {
        (self.status, self.json()["error"]["code"].as_i64().unwrap_or_default())
    }

    /// The text block of a tool's result.
    pub fn text(&self) -> String {
        text_of(&self.json())
    }
}

pub fn text_of(message: &Value) -> String {
    let text = &message["result"]["content"][0]["text"];
    text.as_str().unwrap_or_else(|| panic!("no text: {message}")).to_owned()
}

pub async fn whole(response: Response<Body>) -> Answer {
    let (parts, body) = response.into_parts();
    let Ok(bytes) = tokio::time::timeout(PATIENCE, body.collect()).await.expect("it ends");
    let body = String::from_utf8(bytes.to_bytes().to_vec()).expect("UTF-8");
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

/// An event stream that is read event by event.
pub struct Events {
    body: Body,
    got: String,
}

impl Events {
    pub fn of(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        assert_eq!(parts.status, 200);
        for (name, value) in [
            ("content-type", "text/event-stream"),
            ("cache-control", "no-cache, no-transform"),
            ("x-accel-buffering", "no"),
        ] {
            assert_eq!(parts.headers[name], value);
        }
        Self { body, got: String::new() }
    }

    /// The next event or comment, without its blank line; none at the end.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.got.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.got = rest;
                return Some(event);
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await;
            let Some(frame) = frame.expect("something is said") else {
                assert_eq!(self.got, "", "the last event is whole");
                return None;
            };
            let Ok(frame) = frame;
            let data = frame.into_data().expect("data");
            self.got += std::str::from_utf8(&data).expect("UTF-8");
        }
    }

    pub async fn message(&mut self) -> Value {
        let event = self.next().await.expect("an event");
        let data = event.strip_prefix("event: message\ndata: ");
        serde_json::from_str(data.unwrap_or_else(|| panic!("{event}"))).expect("JSON")
    }
}

/// Names the host of the request, if there is one, and the scopes.
fn challenge() -> ChallengeOf {
    Arc::new(|headers| {
        let host = headers.get("host").and_then(|h| h.to_str().ok()).unwrap_or("this").to_owned();
        Arc::new(move |needed| Some(format!("{host} needs {}", needed.join("+"))))
    })
}

/// The service of streamable HTTP, and what it was made of.
pub struct Http {
    pub center: Center,
    pub sessions: Arc<Sessions>,
    pub closing: CancellationToken,
    pub shutdown: CancellationToken,
    pub changes: Changes,
    pub service: Streamable,
}

impl Http {
    /// With room for so many sessions.
    pub fn new(sessions: usize) -> Self {
        let (center, closing) = (Center::new(), CancellationToken::new());
        let shutdown = CancellationToken::new();
        let bounds = Bounds { most: sessions, of_owner: sessions, idle: Duration::from_secs(3600) };
        let tickets = Tickets::new(b"a key", Duration::from_secs(86_400));
        let sessions = Arc::new(Sessions::new(bounds, tickets, None));
        let changes = Changes::default();
        let options = streamable::Options {
            silence: SILENCE,
            keep_alive: KEEP_ALIVE,
            sessions: sessions.clone(),
            owner_of: Arc::new(|e| e.get::<Owner>().expect("an owner").0.to_owned()),
            challenge: challenge(),
            closing: closing.clone(),
            shutdown: shutdown.clone(),
            info: INFO,
            changes: changes.clone(),
            resume: Some(RESUME),
        };
        let service = streamable::service(center.service(), options);
        Self { center, sessions, closing, shutdown, changes, service }
    }

    pub async fn send(
        &self,
        owner: &'static str,
        method: &str,
        headers: &[(&str, &str)],
        body: impl ToString,
    ) -> Response<Body> {
        send(self.service.clone(), owner, method, "/mcp", headers, body).await
    }

    /// A post that takes JSON and events, to its end.
    pub async fn post(&self, headers: &[(&str, &str)], body: impl ToString) -> Answer {
        let headers: Vec<_> = headers.iter().copied().chain([JSON, BOTH]).collect();
        whole(self.send("ada", "POST", &headers, body).await).await
    }

    /// The id of a new session of ada's.
    pub async fn handshake(&self, version: &str, capabilities: Value) -> String {
        let a = self.post(&[], initialize(version, capabilities)).await;
        assert_eq!(a.json()["result"]["protocolVersion"], version, "{a:?}");
        a.header("mcp-session-id").expect("a session").to_owned()
    }

    /// A post in a session, to its end.
    pub async fn in_session(&self, id: &str, body: impl ToString) -> Answer {
        self.post(&[("mcp-session-id", id)], body).await
    }

    /// A post in a session, as far as the head of its answer.
    pub async fn opened(&self, id: &str, body: impl ToString) -> Response<Body> {
        self.send("ada", "POST", &[JSON, BOTH, ("mcp-session-id", id)], body).await
    }

    /// A stateless request with all its headers, as far as the head of its answer.
    pub async fn modern(
        &self,
        accept: (&str, &str),
        method: &str,
        params: Value,
    ) -> Response<Body> {
        let name = params["name"].as_str().unwrap_or_default().to_owned();
        let mut headers = vec![JSON, accept, MODERN, ("mcp-method", method)];
        if !name.is_empty() {
            headers.push(("mcp-name", &name));
        }
        self.send("ada", "POST", &headers, stateless(1, method, params)).await
    }

    /// A stateless call of a tool, to its end.
    pub async fn call(&self, tool: &str) -> Answer {
        whole(self.modern(BOTH, "tools/call", json!({ "name": tool })).await).await
    }
}

/// The service of HTTP+SSE, and what it was made of.
pub struct HttpSse {
    pub center: Center,
    pub streams: Streams,
    pub closing: CancellationToken,
    pub shutdown: CancellationToken,
    pub service: Sse,
}

impl HttpSse {
    /// With room for so many streams.
    pub fn new(most: usize) -> Self {
        let (center, closing) = (Center::new(), CancellationToken::new());
        let (streams, shutdown) = (Streams::new(most), CancellationToken::new());
        let options = sse::Options {
            messages: "/messages".into(),
            keep_alive: KEEP_ALIVE,
            streams: streams.clone(),
            owner_of: Arc::new(|e| e.get::<Owner>().expect("an owner").0.to_owned()),
            challenge: challenge(),
            closing: closing.clone(),
            shutdown: shutdown.clone(),
            info: INFO,
            changes: Changes::default(),
        };
        let service = sse::service(center.service(), options);
        Self { center, streams, closing, shutdown, service }
    }

    pub async fn open(&self, owner: &'static str) -> Response<Body> {
        let accept = [("accept", "text/event-stream")];
        send(self.service.clone(), owner, "GET", "/sse", &accept, "").await
    }

    /// A stream and where to post to.
    pub async fn stream(&self, owner: &'static str) -> (Events, String) {
        let mut events = Events::of(self.open(owner).await);
        let first = events.next().await.expect("the first event");
        let endpoint = first.strip_prefix("event: endpoint\ndata: ").expect("the endpoint");
        (events, endpoint.to_owned())
    }

    /// A stream in which the handshake is over.
    pub async fn session(&self, version: &str) -> (Events, String) {
        let (mut events, endpoint) = self.stream("ada").await;
        self.say(&endpoint, initialize(version, json!({}))).await;
        assert_eq!(events.message().await["result"]["protocolVersion"], version);
        (events, endpoint)
    }

    pub async fn post(&self, owner: &'static str, to: &str, body: impl ToString) -> Answer {
        whole(send(self.service.clone(), owner, "POST", to, &[JSON], body).await).await
    }

    /// A post of ada's that is taken.
    pub async fn say(&self, to: &str, body: impl ToString) {
        let a = self.post("ada", to, body).await;
        assert_eq!((a.status, &*a.body), (202, ""), "{a:?}");
    }
}

/// Bodies of more than 100,000 bytes are cut, as a server's limit does it.
pub async fn send<S>(
    service: S,
    owner: &'static str,
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
    body: impl ToString,
) -> Response<Body>
where
    S: tower::Service<
            Request<Limited<Full<bytes::Bytes>>>,
            Response = Response<Body>,
            Error = Infallible,
        >,
{
    let mut request = Request::builder().method(method).uri(uri).extension(Owner(owner));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Limited::new(Full::from(body.to_string()), 100_000);
    let Ok(response) = service.oneshot(request.body(body).expect("a request")).await;
    response
}

pub fn request(id: impl Into<Value>, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id.into(), "method": method, "params": params })
}

pub fn notification(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": params })
}

pub fn call(id: impl Into<Value>, tool: &str) -> Value {
    request(id, "tools/call", json!({ "name": tool }))
}

pub fn initialize(version: &str, capabilities: Value) -> Value {
    let client = json!({ "name": "t", "version": "1" });
    let params =
        json!({ "protocolVersion": version, "capabilities": capabilities, "clientInfo": client });
    request(0, "initialize", params)
}

/// A request of 2026-07-28 by a client without capabilities.
pub fn stateless(id: impl Into<Value>, method: &str, mut params: Value) -> Value {
    let mut meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    if let (Some(meta), Some(more)) = (meta.as_object_mut(), params["_meta"].as_object()) {
        meta.extend(more.clone());
    }
    params["_meta"] = meta;
    request(id, method, params)
}
