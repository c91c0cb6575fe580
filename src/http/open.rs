//! What needs no token: health, the pages and endpoints of sign-in, the check whether there is an
//! SSE endpoint, and 404. It also decides, once, which mount and endpoint a path means.

use std::convert::Infallible;
use std::future::{Future, ready};
use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::Either;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use mssql_mcp_transports::body::Body;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tower::{Layer, Service};

use super::body::{RequestBody, TimeoutBody};
use super::{Mount, Peer, STRANGERS, Served, card, download, object, view, way_in};
use crate::answer::{self, Answer};
use crate::code::Code;
use crate::config::Config;
use crate::config::settings;
use crate::oauth::answer::html;
use crate::oauth::pages;
use crate::oauth::server;
use crate::principal::Principal;
use crate::route::{Endpoint, Place, Routed, Routes};

/// Answers all that, and lets the rest through.
#[derive(Clone)]
pub(crate) struct OpenLayer {
    pub(super) routes: Arc<Routes>,
    pub(super) served: Served,
    /// The domain proof for OpenAI.
    proof: Arc<str>,
    /// As configured; empty where the guarded `Host` says it.
    pub(super) public_url: Arc<str>,
    body_timeout: Duration,
    closing: CancellationToken,
}

#[derive(Clone)]
pub(crate) struct Open<S> {
    layer: OpenLayer,
    inner: S,
}

impl OpenLayer {
    pub(crate) fn new(
        served: &Served,
        config: &Config,
        routes: Arc<Routes>,
        closing: CancellationToken,
    ) -> Self {
        Self {
            routes,
            served: served.clone(),
            proof: config.get(settings::http::OPENAI_CHALLENGE).into(),
            public_url: config.public_url().unwrap_or_default().into(),
            body_timeout: config.get(settings::http::BODY_TIMEOUT),
            closing,
        }
    }

    /// One mount, or all.
    pub(super) fn mounts_at(&self, mount: Option<usize>) -> &[Mount] {
        mount.map_or(&self.served.mounts[..], |m| &self.served.mounts[m..=m])
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
            () = stopped => answer::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "error": "the server stops" })),
        }
    }

    /// What the path means; or the answer where that is known without more. `person` is the host
    /// that a browser names.
    fn place(
        &self,
        request: &Request<RequestBody>,
        person: Option<&str>,
    ) -> Result<Place, Box<Answer>> {
        let path = request.uri().path();
        let answer = match (self.routes.find(path), person) {
            (Err(StatusCode::BAD_REQUEST), _) => {
                let e = json!({ "error": "the path must be plain: no %, \\, ; or dot segments" });
                answer::json(StatusCode::BAD_REQUEST, &e)
            }
            (Err(_), _) if path == "/favicon.ico" => way_in::icon(),
            (Err(_), person) => match (person, self.routes.home(path)) {
                (Some(host), Some(of)) => self.way_in(StatusCode::OK, None, of, host),
                _ => nothing(&self.routes.endpoints()),
            },
            (Ok(place), _) if place.is_probe(request.method()) => event_stream_here(),
            // No program asks for a page there; it would be told that it has to sign in.
            (Ok(place), Some(host)) if place.is_mcp() && request.method() == Method::GET => {
                self.way_in(StatusCode::NOT_ACCEPTABLE, None, place.mount, host)
            }
            (Ok(place), _) => return Ok(place),
        };
        Err(Box::new(answer))
    }

    async fn answer(self, place: Place, request: Request<RequestBody>) -> Answer {
        match (place.endpoint, &self.served.authority) {
            (Endpoint::Health, _) if matches!(*request.method(), Method::GET | Method::HEAD) => {
                health(self.mounts_at(place.mount), self.served.authority.is_some()).await
            }
            (Endpoint::OpenAi, _) if !self.proof.is_empty() => {
                let mut r = Response::new(Body::Full(self.proof.to_string().into()));
                r.headers_mut().insert(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("text/plain; charset=utf-8"),
                );
                r
            }
            (Endpoint::Card, _) if matches!(*request.method(), Method::GET | Method::HEAD) => {
                let origin = match &*self.public_url {
                    "" => format!("http://{}", way_in::host(&request)),
                    url => url.to_owned(),
                };
                let path = place.mount.map_or("", |m| &*self.served.mounts[m].path);
                let mut card =
                    answer::json(StatusCode::OK, &card::card(&format!("{origin}{path}/mcp")));
                let hour = HeaderValue::from_static("public, max-age=3600");
                card.headers_mut().insert(header::CACHE_CONTROL, hour);
                card
            }
            (Endpoint::Object, _) => self.object(place, request).await,
            (Endpoint::View, _) => self.view(place, request).await,
            (Endpoint::Results, _) => self.results(place, request).await,
            (Endpoint::Health | Endpoint::OpenAi | Endpoint::Card, _) | (_, None) => {
                nothing(&self.routes.endpoints())
            }
            (_, Some(authority)) => match read(request, self.body_timeout).await {
                Ok((parts, body)) => authority.answer(form(&parts, &body, place)).await,
                Err(a) => a,
            },
        }
    }

    /// Who came with a browser to a page of a mount, and what was asked for; or what the browser is
    /// answered instead.
    async fn visitor(
        &self,
        place: Place,
        path: impl FnOnce(&Mount, &http::Uri) -> String,
        request: Request<RequestBody>,
    ) -> Result<(&Mount, Arc<Principal>, http::request::Parts), Answer> {
        let Some(mount) = place.mount.and_then(|m| self.served.mounts.get(m)) else {
            return Err(nothing(&self.routes.endpoints()));
        };
        let (parts, body) = read(request, self.body_timeout).await?;
        let visitor = match &self.served.authority {
            None => Principal::local(),
            Some(a) => {
                let path = path(mount, &parts.uri);
                a.visitor(&form(&parts, &body, place), &path).await.map(Arc::new)?
            }
        };
        Ok((mount, visitor, parts))
    }

    /// The page of a kept result.
    async fn view(&self, place: Place, request: Request<RequestBody>) -> Answer {
        let path = |mount: &Mount, uri: &http::Uri| {
            format!("{}/view/{}", mount.path, view::handle(uri.path()))
        };
        match self.visitor(place, path, request).await {
            Ok((mount, visitor, parts)) => view::page(mount, &visitor, parts.uri.path())
                .unwrap_or_else(|| {
                    let text = "This result is not kept any more, or it is not yours. Run the query again.";
                    html(StatusCode::NOT_FOUND, pages::object("This cannot be shown", text), None)
                }),
            Err(answer) => answer,
        }
    }

    /// A kept result as a file: for a program with a token, or a person with a browser.
    async fn results(&self, place: Place, request: Request<RequestBody>) -> Answer {
        let by_token = match &self.served.authority {
            Some(authority) if request.headers().contains_key(header::AUTHORIZATION) => {
                let endpoint = Place { endpoint: Endpoint::Mcp, ..place };
                match authority.authenticate(request.headers(), endpoint).await {
                    Ok(who) => Some(who),
                    Err(answer) => return answer,
                }
            }
            _ => None,
        };
        let (mount, visitor, uri) = match by_token {
            Some(who) => match place.mount.and_then(|m| self.served.mounts.get(m)) {
                Some(mount) => (mount, who, request.uri().clone()),
                None => return nothing(&self.routes.endpoints()),
            },
            None => {
                let path = |mount: &Mount, uri: &http::Uri| {
                    let name = uri.path().rsplit('/').next().unwrap_or_default();
                    format!("{}/results/{name}", mount.path)
                };
                match self.visitor(place, path, request).await {
                    Ok((mount, visitor, parts)) => (mount, visitor, parts.uri),
                    Err(answer) => return answer,
                }
            }
        };
        let query = uri.query().unwrap_or_default();
        let file = Box::pin(download::file(mount, visitor, uri.path(), query)).await;
        file.unwrap_or_else(|| {
            let e = json!({ "error": "this result is not kept any more, or it is not yours" });
            answer::json(StatusCode::NOT_FOUND, &e)
        })
    }

    /// The page about what a search found.
    async fn object(&self, place: Place, request: Request<RequestBody>) -> Answer {
        let path = |mount: &Mount, _: &http::Uri| format!("{}/object", mount.path);
        let (mount, visitor, parts) = match self.visitor(place, path, request).await {
            Ok(found) => found,
            Err(answer) => return answer,
        };
        let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let id = query.into_owned().find(|(k, _)| k == "id").map(|(_, v)| v).unwrap_or_default();
        let (status, title, text) = object::page(mount.service.clone(), visitor, &id).await;
        html(status, pages::object(&title, &text), None)
    }
}

impl<S> Layer<S> for OpenLayer {
    type Service = Open<S>;
    fn layer(&self, inner: S) -> Open<S> {
        Open { layer: self.clone(), inner }
    }
}

impl<S> Service<Request<RequestBody>> for Open<S>
where
    S: Service<Routed<RequestBody>, Response = Answer, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Answer;
    type Error = Infallible;
    type Future =
        Either<S::Future, Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<RequestBody>) -> Self::Future {
        let person = way_in::browses(&request).then(|| way_in::host(&request));
        let layer = &self.layer;
        let place = match layer.place(&request, person.as_deref()) {
            Ok(place) => place,
            Err(answer) => {
                let answer = match &person {
                    Some(host) => layer.for_people(*answer, host),
                    None => *answer,
                };
                return Either::Right(Box::pin(ready(Ok(answer))));
            }
        };
        if place.is_mcp() {
            return Either::Left(self.inner.call(Routed { place, request }));
        }
        let layer = layer.clone();
        Either::Right(Box::pin(async move {
            let answer = layer.in_time(Box::pin(layer.clone().answer(place, request))).await;
            Ok(match person {
                Some(host) => layer.for_people(answer, &host),
                None => answer,
            })
        }))
    }
}

/// 404, with what there is.
pub(crate) fn nothing(endpoints: &[String]) -> Answer {
    let e =
        json!({ "error": format!("there is nothing here; MCP is at {}", endpoints.join(", ")) });
    answer::json(StatusCode::NOT_FOUND, &e)
}

/// 429, with when to come back.
pub(crate) fn too_many(wait: Duration) -> Answer {
    let seconds = wait.as_secs() + 1;
    let e = json!({
        "error": Code::RateLimited.as_str(),
        "error_description":
            format!("too many requests from your network; try again in {seconds} s"),
    });
    answer::retry_after(answer::json(StatusCode::TOO_MANY_REQUESTS, &e), seconds)
}

/// The capability check of hosts: `HEAD /sse`, without a token.
fn event_stream_here() -> Answer {
    let mut r = Response::new(Body::Empty);
    let h = r.headers_mut();
    h.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    h.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    h.insert("x-accel-buffering", HeaderValue::from_static("no"));
    r
}

/// The body of a form, which is small; or the answer to one that is not.
async fn read(
    request: Request<RequestBody>,
    body_timeout: Duration,
) -> Result<(http::request::Parts, bytes::Bytes), Answer> {
    let (parts, body) = request.into_parts();
    match TimeoutBody::new(body, server::MAX_BODY, body_timeout).collect().await {
        Ok(body) => Ok((parts, body.to_bytes())),
        Err(e) => {
            let kind = e.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
            let (status, why) = match kind {
                Some(ErrorKind::TimedOut) => (StatusCode::REQUEST_TIMEOUT, "did not come in time"),
                Some(ErrorKind::FileTooLarge) => (StatusCode::PAYLOAD_TOO_LARGE, "is too large"),
                _ => (StatusCode::BAD_REQUEST, "broke off"),
            };
            let why = format!("the body {why}");
            let e = json!({ "error": "invalid_request", "error_description": why });
            Err(answer::json(status, &e))
        }
    }
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

/// Always 200: a server whose database is down still answers, and a restart would not help it.
async fn health(of: &[Mount], oauth: bool) -> Answer {
    let databases = of.iter().flat_map(|m| m.databases.iter());
    let all = futures_util::future::join_all(databases.map(|d| d.answers())).await;
    let status = if all.iter().all(|up| *up) { "healthy" } else { "degraded" };
    let mut labels: Vec<String> = of.iter().map(Mount::label).collect();
    labels.dedup();
    answer::json(
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
