//! What needs no token: health, the pages and endpoints of sign-in, the check whether there is an
//! SSE endpoint, and 404. It also decides, once, which mount and endpoint a path means.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use mssql_mcp_transports::bare_context;
use mssql_mcp_transports::body::Body;
use mssql_mcp_transports::jsonrpc::Id;
use mssql_mcp_transports::{Cancel, McpRequest, McpService, ProtocolVersion};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::{Layer, Service, ServiceExt};

use super::bounded::Within;
use super::{Peer, STRANGERS};
use crate::config::Config;
use crate::oauth::answer::html;
use crate::oauth::pages;
use crate::oauth::server::{self, Authority};
use crate::principal::Principal;
use crate::protocol::server_info;
use crate::route::{Endpoint, Place, Routes};
use crate::stack::{App, Mount};

type Answer = Response<Body>;

/// Answers all that, and lets the rest through.
#[derive(Clone)]
pub struct OpenLayer {
    routes: Arc<Routes>,
    authority: Option<Authority>,
    mounts: Arc<[Mount]>,
    /// The domain proof for OpenAI.
    proof: Arc<str>,
    /// As configured; empty where the guarded `Host` says it.
    public_url: Arc<str>,
    body_timeout: Duration,
    closing: CancellationToken,
}

/// Its service.
#[derive(Clone)]
pub struct Open<S> {
    layer: OpenLayer,
    inner: S,
}

impl OpenLayer {
    /// For these mounts.
    pub fn new(
        app: &App,
        config: &Config,
        routes: Arc<Routes>,
        closing: CancellationToken,
    ) -> Self {
        Self {
            routes,
            authority: app.authority.clone(),
            mounts: app.mounts.clone(),
            proof: config.text("http.openai_challenge").into(),
            public_url: config.text("http.public_url").trim_end_matches('/').into(),
            body_timeout: config.duration("http.body_timeout"),
            closing,
        }
    }

    /// An answer, unless the server stops meanwhile and does not wait for it.
    async fn in_time(&self, answer: impl Future<Output = Answer>) -> Answer {
        let stopped = async {
            self.closing.cancelled().await;
            tokio::time::sleep(STRANGERS).await;
        };
        tokio::select! {
            biased;
            a = answer => a,
            () = stopped => json_answer(StatusCode::SERVICE_UNAVAILABLE, &json!({ "error": "the server stops" })),
        }
    }

    /// The page for a person who came with a browser to what is none: all databases, or those of
    /// one mount, with their addresses.
    fn way_in(
        &self,
        status: StatusCode,
        problem: Option<&str>,
        of: Option<usize>,
        host: &str,
    ) -> Answer {
        let title = match (status, problem) {
            (StatusCode::NOT_FOUND, None) => "There is nothing here",
            (_, None) => "Microsoft SQL Server over MCP",
            _ => "This did not work",
        };
        let origin = if self.public_url.is_empty() {
            format!("http://{host}")
        } else {
            self.public_url.to_string()
        };
        let mounts = of.map_or(&self.mounts[..], |m| &self.mounts[m..=m]);
        let address = |m: &Mount| {
            (m.database.settings().label.clone(), format!("{origin}{}", self.routes.main(&m.path)))
        };
        let addresses: Vec<_> = mounts.iter().map(address).collect();
        html(status, pages::way_in(title, problem, &addresses, self.pages()), None)
    }

    /// Whether there are pages to sign in on.
    fn pages(&self) -> bool {
        self.authority.as_ref().is_some_and(Authority::has_pages)
    }

    /// An answer for a person: what is said to programs as JSON, as a page.
    fn for_people(&self, answer: Answer, host: &str) -> Answer {
        let json =
            answer.headers().get(header::CONTENT_TYPE).is_some_and(|t| t == "application/json");
        let (status, Body::Full(body)) = (answer.status(), answer.body()) else { return answer };
        if !json || !(status.is_client_error() || status.is_server_error()) {
            return answer;
        }
        let v: Value = serde_json::from_slice(body).unwrap_or_default();
        let said = v["error_description"].as_str().or(v["error"].as_str());
        let mut page =
            self.way_in(status, said.filter(|_| status != StatusCode::NOT_FOUND), None, host);
        if let Some(wait) = answer.headers().get(header::RETRY_AFTER) {
            page.headers_mut().insert(header::RETRY_AFTER, wait.clone());
        }
        page
    }

    async fn answer(self, place: Place, request: Request<hyper::body::Incoming>) -> Answer {
        match (place.endpoint, &self.authority) {
            (Endpoint::Health, _) if matches!(*request.method(), Method::GET | Method::HEAD) => {
                let of = place.mount.map_or(&self.mounts[..], |m| &self.mounts[m..=m]);
                health(of, self.authority.is_some()).await
            }
            (Endpoint::OpenAi, _) if !self.proof.is_empty() => {
                let mut r = Response::new(Body::Full(self.proof.to_string().into()));
                r.headers_mut().insert(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("text/plain; charset=utf-8"),
                );
                r
            }
            (Endpoint::Object, _) => self.object(place, request).await,
            (Endpoint::Health | Endpoint::OpenAi, _) | (_, None) => {
                nothing(&self.routes.endpoints())
            }
            (_, Some(authority)) => match read(request, self.body_timeout).await {
                Ok((parts, body)) => authority.answer(form(&parts, &body, place)).await,
                Err(a) => a,
            },
        }
    }

    /// The page that a search result's `url` leads to: what `fetch` tells the person who looks, as
    /// a call of theirs.
    async fn object(&self, place: Place, request: Request<hyper::body::Incoming>) -> Answer {
        let Some(mount) = place.mount.and_then(|m| self.mounts.get(m)) else {
            return nothing(&self.routes.endpoints());
        };
        let (parts, body) = match read(request, self.body_timeout).await {
            Ok(r) => r,
            Err(a) => return a,
        };
        let visitor = match &self.authority {
            None => Ok(Principal::local()),
            Some(a) => {
                a.visitor(&form(&parts, &body, place), &format!("{}/object", mount.path)).await
            }
        };
        let visitor = match visitor {
            Ok(v) => v,
            Err(a) => return a,
        };
        let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let id = query.into_owned().find(|(k, _)| k == "id").map(|(_, v)| v).unwrap_or_default();
        let (status, title, text) = told(mount.service.clone(), visitor, &id).await;
        html(status, pages::object(&title, &text), None)
    }
}

impl<S> Layer<S> for OpenLayer {
    type Service = Open<S>;
    fn layer(&self, inner: S) -> Open<S> {
        Open { layer: self.clone(), inner }
    }
}

impl<S> Service<Request<hyper::body::Incoming>> for Open<S>
where
    S: Service<Request<hyper::body::Incoming>, Response = Answer, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<hyper::body::Incoming>) -> Self::Future {
        let person = browses(&request).then(|| host(&request));
        let layer = &self.layer;
        let now = |a: Answer| {
            let a = match &person {
                Some(host) => layer.for_people(a, host),
                None => a,
            };
            Box::pin(std::future::ready(Ok(a)))
        };
        let path = request.uri().path();
        match layer.routes.find(path) {
            Err(StatusCode::BAD_REQUEST) => {
                let e = json!({ "error": "the path must be plain: no %, \\, ; or dot segments" });
                now(json_answer(StatusCode::BAD_REQUEST, &e))
            }
            Err(_) if path == "/favicon.ico" => now(icon()),
            Err(_) => match (&person, layer.routes.home(path)) {
                (Some(host), Some(of)) => now(layer.way_in(StatusCode::OK, None, of, host)),
                _ => now(nothing(&layer.routes.endpoints())),
            },
            Ok(place) if place.is_probe(request.method()) => now(event_stream_here()),
            Ok(Place { mount, endpoint: Endpoint::Mcp | Endpoint::Sse | Endpoint::Messages })
                if person.is_some() && request.method() == Method::GET =>
            {
                // No program asks for a page there; it would be told that it has to sign in.
                now(layer.way_in(
                    StatusCode::NOT_ACCEPTABLE,
                    None,
                    mount,
                    person.as_deref().unwrap_or_default(),
                ))
            }
            Ok(place) if place.is_mcp() => {
                request.extensions_mut().insert(place);
                Box::pin(self.inner.call(request))
            }
            Ok(place) => {
                let layer = layer.clone();
                Box::pin(async move {
                    let answer =
                        layer.in_time(Box::pin(layer.clone().answer(place, request))).await;
                    Ok(match person {
                        Some(host) => layer.for_people(answer, &host),
                        None => answer,
                    })
                })
            }
        }
    }
}

/// Whether a page is wanted. An event stream is what programs ask for.
fn browses<B>(request: &Request<B>) -> bool {
    let accept = request.headers().get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok());
    let accept: Vec<&str> = accept
        .flat_map(|v| v.split(','))
        .filter_map(|v| v.split(';').next())
        .map(str::trim)
        .collect();
    accept.contains(&"text/html") && !accept.contains(&"text/event-stream")
}

fn host<B>(request: &Request<B>) -> String {
    request
        .headers()
        .get(header::HOST)
        .and_then(|h| h.to_str().ok())
        .unwrap_or("localhost")
        .to_owned()
}

/// For browsers that ask whether or not a page has one.
fn icon() -> Answer {
    let mut r = Response::new(Body::Full(pages::ICON.into()));
    let h = r.headers_mut();
    h.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    h.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    r
}

/// 404, with what there is.
pub fn nothing(endpoints: &[String]) -> Answer {
    let e =
        json!({ "error": format!("there is nothing here; MCP is at {}", endpoints.join(", ")) });
    json_answer(StatusCode::NOT_FOUND, &e)
}

/// 429, with when to come back.
pub fn too_many(wait: Duration) -> Answer {
    let seconds = wait.as_secs() + 1;
    let e = json!({ "error": "rate_limited", "error_description": format!("too many requests from your network; try again in {seconds} s") });
    let mut r = json_answer(StatusCode::TOO_MANY_REQUESTS, &e);
    r.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    r
}

/// The capability check of hosts: `HEAD /sse`, without a token.
fn event_stream_here() -> Answer {
    let mut r = Response::new(Body::Empty);
    let h = r.headers_mut();
    h.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    h.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    h.insert("x-accel-buffering", HeaderValue::from_static("no"));
    r
}

/// What `fetch` says of an id to this person: status, title and text of a page.
async fn told(service: McpService, visitor: Principal, id: &str) -> (StatusCode, String, String) {
    let mut extensions = http::Extensions::new();
    extensions.insert(visitor);
    let version = ProtocolVersion::V2025_11_25;
    let request = McpRequest {
        id: Some(Id::Number(1)),
        method: Arc::from("tools/call"),
        target: Some("fetch".to_owned()),
        params: serde_json::value::to_raw_value(
            &json!({ "name": "fetch", "arguments": { "id": id } }),
        )
        .ok(),
        context: bare_context("page", version, extensions, Cancel::default()),
    };
    let outcome = match service.oneshot(request).await {
        Ok(o) => {
            let o = mssql_mcp_transports::encode::scope_told(o, |_| None);
            mssql_mcp_transports::encode::outcome(&Id::Number(1), o, version, &server_info())
        }
        Err(never) => match never {},
    };
    let answer = outcome
        .and_then(|(e, _)| serde_json::from_slice::<Value>(&e.into_bytes()).ok())
        .unwrap_or_default();
    let result = &answer["result"];
    let found = &result["structuredContent"];
    if let (Some(title), Some(text)) = (found["title"].as_str(), found["text"].as_str()) {
        return (StatusCode::OK, title.to_owned(), text.to_owned());
    }
    let said =
        result["content"][0]["text"].as_str().and_then(|t| serde_json::from_str::<Value>(t).ok());
    let said = said.unwrap_or_default();
    let (status, text) = match (said["error"]["code"].as_str(), said["error"]["message"].as_str()) {
        (Some("no_such_object"), Some(m)) => (StatusCode::NOT_FOUND, m),
        (Some("insufficient_scope"), _) => (StatusCode::FORBIDDEN, "You may not read here."),
        (_, Some(m)) => (StatusCode::SERVICE_UNAVAILABLE, m),
        _ => (StatusCode::NOT_FOUND, "There are no pages here: tools.search is off."),
    };
    (status, "This cannot be shown".to_owned(), text.to_owned())
}

/// The body of a form, which is small; or the answer to one that is not.
async fn read(
    request: Request<hyper::body::Incoming>,
    body_timeout: Duration,
) -> Result<(http::request::Parts, bytes::Bytes), Answer> {
    let (parts, body) = request.into_parts();
    let body = match Within::new(Limited::new(body, server::MAX_BODY), body_timeout).collect().await
    {
        Ok(b) => b.to_bytes(),
        Err(_) => {
            let e = json!({ "error": "invalid_request", "error_description": "the body is too large, too slow, or broke off" });
            return Err(json_answer(StatusCode::PAYLOAD_TOO_LARGE, &e));
        }
    };
    Ok((parts, body))
}

fn form<'a>(parts: &'a http::request::Parts, body: &'a [u8], place: Place) -> server::Request<'a> {
    server::Request {
        method: &parts.method,
        place,
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body,
        peer: parts.extensions.get::<Peer>().map(|p| p.0),
    }
}

fn json_answer(status: StatusCode, v: &serde_json::Value) -> Answer {
    let mut r = Response::new(Body::Full(v.to_string().into()));
    *r.status_mut() = status;
    r.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    r
}

/// Always 200: a server whose database is down still answers, and a restart would not help it.
async fn health(of: &[Mount], oauth: bool) -> Answer {
    let all = futures_util::future::join_all(of.iter().map(|m| m.database.answers())).await;
    let status = if all.iter().all(|up| *up) { "healthy" } else { "degraded" };
    let mut labels: Vec<&str> = of.iter().map(|m| m.database.settings().label.as_str()).collect();
    labels.dedup();
    json_answer(
        StatusCode::OK,
        &json!({
            "status": status,
            "transport": "streamable-http",
            "oauth": if oauth { "enabled" } else { "disabled" },
            "database": labels.join(", "),
            "version": env!("CARGO_PKG_VERSION"),
        }),
    )
}
