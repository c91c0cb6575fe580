//! The HTTP side: the listener, the stack of layers at HTTP level, and a router that is a `match`.

pub mod guard;

use std::convert::Infallible;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use mssql_mcp_middleware::bearer::BearerLayer;
use mssql_mcp_transports::session::Sessions;
use mssql_mcp_transports::streamable::{self, Body, Options};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::{Layer, Service, ServiceBuilder};
use tower_http::ServiceBuilderExt;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::request_id::{MakeRequestId, RequestId};
use tower_http::trace::{DefaultOnResponse, TraceLayer};

use crate::config::Config;
use crate::database::Database;
use crate::http::guard::{Allowed, GuardLayer};
use crate::oauth::endpoints::{self, Authority};
use crate::principal::Principal;
use crate::protocol::server_info;
use crate::stack::App;

/// A bound listener that does not serve yet.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    address: SocketAddr,
}

/// The address of the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

impl Peer {
    /// The last address that a proxy of ours added; without one, the connection's. What clients write there is not believed.
    fn of(connection: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> Self {
        if !proxies.contains(&connection) {
            return Self(connection);
        }
        let all =
            headers.get_all("x-forwarded-for").iter().filter_map(|v| v.to_str().ok()).collect::<Vec<_>>().join(",");
        let real = all
            .rsplit(',')
            .map(|a| a.trim().parse::<IpAddr>())
            .find(|a| !a.as_ref().is_ok_and(|a| proxies.contains(a)));
        Self(real.and_then(Result::ok).unwrap_or(connection))
    }
}

/// The two steps of a graceful stop.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Stop accepting; end streams that only wait.
    pub closing: CancellationToken,
    /// Cancel the calls that still run.
    pub now: CancellationToken,
}

impl Listener {
    /// Binds. Beyond loopback there must be sign-in.
    pub async fn bind(address: SocketAddr, sign_in: bool) -> Result<Self, String> {
        if !address.ip().is_loopback() && !sign_in {
            return Err(format!(
                "http.listen: {address} can be reached from other machines, and sign-in is off: anybody there could query your database. Listen on 127.0.0.1, or set auth.mode = \"builtin\""
            ));
        }
        let tcp = TcpListener::bind(address).await.map_err(|e| match e.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!("http.listen: {address} is in use; choose another with --listen or http.listen")
            }
            _ => format!("http.listen: {address}: {e}"),
        })?;
        let address = tcp.local_addr().map_err(|e| e.to_string())?;
        Ok(Self { tcp, address })
    }
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop.closing`; then lets calls end within the grace period, then cancels them.
    pub async fn serve(self, app: &App, config: &Config, stop: Stop) -> std::io::Result<()> {
        let sessions =
            Arc::new(Sessions::new(config.int("http.max_sessions") as usize, config.duration("http.session_idle")));
        let service = stack(app, config, self.address, sessions.clone(), &stop);
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(config.duration("http.header_timeout"))
            .keep_alive(true);
        builder.http2().timer(TokioTimer::new()).keep_alive_interval(Some(Duration::from_secs(30)));
        let graceful = GracefulShutdown::new();
        let proxies: Arc<[IpAddr]> =
            config.list("http.trusted_proxies").iter().filter_map(|p| p.parse().ok()).collect();
        loop {
            let tcp = tokio::select! {
                a = self.tcp.accept() => match a {
                    Ok((tcp, _)) => tcp,
                    Err(e) => {
                        // Out of descriptors, most likely: others will be free soon.
                        tracing::warn!(error = %e, "accept failed");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                },
                () = stop.closing.cancelled() => break,
            };
            let _ = tcp.set_nodelay(true);
            let peer = tcp.peer_addr().ok();
            // Who is at the other end of this connection, for those who count failures.
            let proxies = proxies.clone();
            let service = ServiceBuilder::new()
                .map_request(move |mut r: Request<hyper::body::Incoming>| {
                    if let Some(p) = peer {
                        let peer = Peer::of(p.ip(), r.headers(), &proxies);
                        r.extensions_mut().insert(peer);
                    }
                    r
                })
                .service(service.clone());
            let connection = builder
                .serve_connection_with_upgrades(TokioIo::new(tcp), TowerToHyperService::new(service))
                .into_owned();
            let watched = graceful.watch(connection);
            tokio::spawn(async move {
                if let Err(e) = watched.await {
                    tracing::debug!(error = %e, "connection ended");
                }
            });
        }
        drop(self.tcp);
        let grace = config.duration("server.shutdown_grace");
        let drained = graceful.shutdown();
        tokio::pin!(drained);
        if tokio::time::timeout(grace, &mut drained).await.is_err() {
            tracing::warn!(grace_s = grace.as_secs_f32(), "calls still run; cancelling them");
            stop.now.cancel();
            sessions.close_all();
            let _ = tokio::time::timeout(Duration::from_secs(3), drained).await;
        }
        Ok(())
    }
}

/// Request ids: unique to this process and its start, without asking the system for randomness each time.
#[derive(Clone, Default)]
struct RequestIds(Arc<AtomicU64>);

impl MakeRequestId for RequestIds {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        static START: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
        let id = format!("{:016x}-{:x}", *START, self.0.fetch_add(1, Ordering::Relaxed));
        HeaderValue::from_str(&id).ok().map(RequestId::new)
    }
}

/// The stack at HTTP level.
fn stack(
    app: &App,
    config: &Config,
    address: SocketAddr,
    sessions: Arc<Sessions>,
    stop: &Stop,
) -> impl Service<
    Request<hyper::body::Incoming>,
    Response = Response<
        impl http_body::Body<Data = Bytes, Error = impl std::error::Error + Send + Sync + 'static> + Send + 'static,
    >,
    Error = Infallible,
    Future = impl Send + 'static,
> + Clone
+ Send
+ 'static {
    let mut hosts = config.list("http.allowed_hosts");
    hosts.extend(config.text("http.public_url").split_once("://").map(|(_, authority)| authority.to_owned()));
    let allowed = Arc::new(Allowed::new(address, &hosts, &config.list("http.allowed_origins")));
    let origins = allowed.clone();
    let mcp = streamable::service(
        app.service.clone(),
        Options {
            transport: "http",
            silence: config.duration("http.silence"),
            keep_alive: config.duration("http.keep_alive"),
            sessions,
            owner_of: Arc::new(|e| e.get::<Principal>().map(Principal::key).unwrap_or_default()),
            challenge: {
                let authority = app.authority.clone();
                Arc::new(move |parts, needed| {
                    let error = ("insufficient_scope", "the call needs more than was granted");
                    authority.as_ref().map(|a| a.challenge(&parts.headers, parts.uri.path(), Some(error), needed))
                })
            },
            closing: stop.closing.clone(),
            shutdown: stop.now.clone(),
            info: server_info(),
        },
    );
    let max_request = config.int("limits.max_request") as usize;
    let exposed = [streamable::SESSION, header::WWW_AUTHENTICATE];
    let taken = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::ACCEPT,
        streamable::VERSION,
        streamable::SESSION,
        streamable::METHOD,
        streamable::NAME,
        HeaderName::from_static("last-event-id"),
    ];
    ServiceBuilder::new()
        // A token must not be in a log, whatever logs below.
        .sensitive_headers([header::AUTHORIZATION, header::COOKIE])
        .set_x_request_id(RequestIds::default())
        .layer(TraceLayer::new_for_http().on_response(DefaultOnResponse::new().level(tracing::Level::DEBUG)))
        .propagate_x_request_id()
        // Outside of sign-in: a preflight carries no token, and a rebound name must not get that far.
        .layer(GuardLayer::new(allowed))
        .layer(
            CorsLayer::new()
                .allow_origin(AllowOrigin::predicate(move |o, _| o.to_str().is_ok_and(|o| origins.origin(o))))
                .allow_methods([Method::GET, Method::POST, Method::DELETE])
                .allow_headers(taken)
                .expose_headers(exposed)
                .max_age(Duration::from_secs(3600)),
        )
        .layer(OpenLayer { authority: app.authority.clone(), database: app.database.clone() })
        // What is below is for callers who are known; without sign-in (loopback only) that is the person at this machine.
        .layer(BearerLayer::new(
            {
                let authority = app.authority.clone();
                move |r: &Request<hyper::body::Incoming>| {
                    // Without sign-in, and for a token that was seen a moment ago, nothing is copied and nobody asked.
                    let who = match &authority {
                        None => Ok(Principal::local()),
                        Some(a) => match a.recognised(r.headers()) {
                            Some(p) => Ok((*p).clone()),
                            None => Err((a.clone(), r.headers().clone(), r.uri().path().to_owned())),
                        },
                    };
                    async move {
                        match who {
                            Ok(p) => Ok(p),
                            Err((a, headers, path)) => a.authenticate(&headers, &path).await.map(|p| (*p).clone()),
                        }
                    }
                }
            },
            |r: &mut Request<hyper::body::Incoming>, p: Principal| {
                r.extensions_mut().insert(p);
            },
        ))
        // Read up to the limit and no further; the endpoint answers 413.
        .map_request(move |r: Request<hyper::body::Incoming>| r.map(|b| http_body_util::Limited::new(b, max_request)))
        .service(mcp)
}

/// Answers what needs no token (health, and the pages and endpoints of sign-in), and 404 to what there is not; only `/mcp` goes
/// further.
#[derive(Clone)]
struct OpenLayer {
    authority: Option<Authority>,
    database: Database,
}

/// Its service.
#[derive(Clone)]
struct Open<S> {
    layer: OpenLayer,
    inner: S,
}

impl<S> Layer<S> for OpenLayer {
    type Service = Open<S>;
    fn layer(&self, inner: S) -> Open<S> {
        Open { layer: self.clone(), inner }
    }
}

impl<S> Service<Request<hyper::body::Incoming>> for Open<S>
where
    S: Service<Request<hyper::body::Incoming>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }
    fn call(&mut self, request: Request<hyper::body::Incoming>) -> Self::Future {
        match (request.uri().path(), request.method(), &self.layer.authority) {
            ("/mcp", ..) => Box::pin(self.inner.call(request)),
            ("/health", &Method::GET | &Method::HEAD, _) => {
                let OpenLayer { database, authority } = self.layer.clone();
                Box::pin(async move { Ok(health(&database, authority.is_some()).await) })
            }
            (path, _, Some(authority)) if Authority::knows(path) => {
                let authority = authority.clone();
                Box::pin(async move { Ok(sign_in(&authority, request).await) })
            }
            _ => Box::pin(std::future::ready(Ok(json_answer(
                StatusCode::NOT_FOUND,
                &json!({ "error": "there is nothing here; the MCP endpoint is /mcp" }),
            )))),
        }
    }
}

/// Reads the body of a form, which is small, and asks the authority.
async fn sign_in(authority: &Authority, request: Request<hyper::body::Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let limited = http_body_util::Limited::new(body, endpoints::MAX_BODY);
    let body = match http_body_util::BodyExt::collect(limited).await {
        Ok(b) => b.to_bytes(),
        Err(_) => {
            let e = json!({ "error": "invalid_request", "error_description": "the body is too large, or broke off" });
            return json_answer(StatusCode::PAYLOAD_TOO_LARGE, &e);
        }
    };
    let request = endpoints::Request {
        method: &parts.method,
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body: &body,
        peer: parts.extensions.get::<Peer>().map(|p| p.0),
    };
    authority.answer(request).await
}

fn json_answer(status: StatusCode, v: &serde_json::Value) -> Response<Body> {
    let mut r = Response::new(Body::Full(v.to_string().into()));
    *r.status_mut() = status;
    r.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    r
}

/// Always 200: a server whose database is down still answers, and a restart would not help it.
async fn health(db: &Database, oauth: bool) -> Response<Body> {
    let up = matches!(tokio::time::timeout(Duration::from_secs(2), db.ping()).await, Ok(Ok(())));
    let status = if up { "healthy" } else { "degraded" };
    json_answer(
        StatusCode::OK,
        &json!({ "status": status, "transport": "streamable-http", "oauth": if oauth { "enabled" } else { "disabled" }, "database": db.settings().label, "version": env!("CARGO_PKG_VERSION") }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_proxy_of_ours_says_who_calls() {
        let ip = |t: &str| t.parse::<IpAddr>().expect("ip");
        let headers = HeaderMap::from_iter([(
            HeaderName::from_static("x-forwarded-for"),
            HeaderValue::from_static("6.6.6.6, 198.51.100.7, 10.0.0.2"),
        )]);
        let proxies = [ip("127.0.0.1"), ip("10.0.0.2")];
        assert_eq!(Peer::of(ip("127.0.0.1"), &headers, &proxies).0, ip("198.51.100.7"), "not what the client wrote");
        assert_eq!(Peer::of(ip("203.0.113.1"), &headers, &proxies).0, ip("203.0.113.1"));
        assert_eq!(Peer::of(ip("127.0.0.1"), &HeaderMap::new(), &proxies).0, ip("127.0.0.1"));
        let odd =
            HeaderMap::from_iter([(HeaderName::from_static("x-forwarded-for"), HeaderValue::from_static("unknown"))]);
        assert_eq!(Peer::of(ip("127.0.0.1"), &odd, &proxies).0, ip("127.0.0.1"));
    }
}
