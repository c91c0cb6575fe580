//! What needs no token: health, the pages and endpoints of sign-in, the check whether there is an SSE endpoint, and 404. It also
//! decides, once, which mount and endpoint a path means.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use mssql_mcp_transports::streamable::Body;
use serde_json::json;
use tower::{Layer, Service};

use super::Peer;
use super::bounded::Within;
use super::route::{Endpoint, Place, Routes};
use crate::config::Config;
use crate::database::Database;
use crate::oauth::endpoints::{self, Authority};
use crate::stack::App;

type Answer = Response<Body>;

/// Answers all that, and lets the rest through.
#[derive(Clone)]
pub struct OpenLayer {
    routes: Arc<Routes>,
    authority: Option<Authority>,
    /// By mount.
    databases: Arc<[Database]>,
    /// The domain proof for OpenAI.
    proof: Arc<str>,
    body_timeout: Duration,
}

/// Its service.
#[derive(Clone)]
pub struct Open<S> {
    layer: OpenLayer,
    inner: S,
}

impl OpenLayer {
    /// For these mounts.
    pub fn new(app: &App, config: &Config, routes: Arc<Routes>) -> Self {
        Self {
            routes,
            authority: app.authority.clone(),
            databases: app.mounts.iter().map(|m| m.database.clone()).collect(),
            proof: config.text("http.openai_challenge").into(),
            body_timeout: config.duration("http.body_timeout"),
        }
    }

    async fn answer(self, place: Place, request: Request<hyper::body::Incoming>) -> Answer {
        match (place.endpoint, &self.authority) {
            (Endpoint::Health, _) if matches!(*request.method(), Method::GET | Method::HEAD) => {
                let of = place.mount.map_or(&self.databases[..], |m| &self.databases[m..=m]);
                health(of, self.authority.is_some()).await
            }
            (Endpoint::OpenAi, _) if !self.proof.is_empty() => {
                let mut r = Response::new(Body::Full(self.proof.to_string().into()));
                r.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
                r
            }
            (Endpoint::Health | Endpoint::OpenAi, _) | (_, None) => nothing(&self.routes.endpoints()),
            (_, Some(authority)) => sign_in(authority, place, request, self.body_timeout).await,
        }
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
        let now = |a: Answer| Box::pin(std::future::ready(Ok(a)));
        match self.layer.routes.find(request.uri().path()) {
            Err(StatusCode::BAD_REQUEST) => {
                let e = json!({ "error": "the path must be plain: no %, \\, ; or dot segments" });
                now(json_answer(StatusCode::BAD_REQUEST, &e))
            }
            Err(_) => now(nothing(&self.layer.routes.endpoints())),
            Ok(place) if place.is_probe(request.method()) => now(event_stream_here()),
            Ok(place) if place.is_mcp() => {
                request.extensions_mut().insert(place);
                Box::pin(self.inner.call(request))
            }
            Ok(place) => {
                let layer = self.layer.clone();
                Box::pin(async move { Ok(layer.answer(place, request).await) })
            }
        }
    }
}

/// 404, with what there is.
pub fn nothing(endpoints: &[String]) -> Answer {
    let e = json!({ "error": format!("there is nothing here; MCP is at {}", endpoints.join(", ")) });
    json_answer(StatusCode::NOT_FOUND, &e)
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

/// Reads the body of a form, which is small, and asks the authority.
async fn sign_in(
    authority: &Authority,
    place: Place,
    request: Request<hyper::body::Incoming>,
    body_timeout: Duration,
) -> Answer {
    let (parts, body) = request.into_parts();
    let body = match Within::new(Limited::new(body, endpoints::MAX_BODY), body_timeout).collect().await {
        Ok(b) => b.to_bytes(),
        Err(_) => {
            let e = json!({ "error": "invalid_request", "error_description": "the body is too large, too slow, or broke off" });
            return json_answer(StatusCode::PAYLOAD_TOO_LARGE, &e);
        }
    };
    let request = endpoints::Request {
        method: &parts.method,
        place,
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body: &body,
        peer: parts.extensions.get::<Peer>().map(|p| p.0),
    };
    authority.answer(request).await
}

fn json_answer(status: StatusCode, v: &serde_json::Value) -> Answer {
    let mut r = Response::new(Body::Full(v.to_string().into()));
    *r.status_mut() = status;
    r.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    r
}

/// Always 200: a server whose database is down still answers, and a restart would not help it.
async fn health(of: &[Database], oauth: bool) -> Answer {
    let up = async |db: &Database| matches!(tokio::time::timeout(Duration::from_secs(2), db.ping()).await, Ok(Ok(())));
    let all = futures_util::future::join_all(of.iter().map(up)).await;
    let status = if all.iter().all(|up| *up) { "healthy" } else { "degraded" };
    let mut labels: Vec<&str> = of.iter().map(|d| d.settings().label.as_str()).collect();
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
