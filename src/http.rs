//! The HTTP side: the listener, the stack of layers at HTTP level, and a router that is a `match`.

mod bounded;
mod connections;
pub mod guard;
mod leash;
mod open;

use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response};
use http_body_util::Limited;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use mssql_mcp_middleware::bearer::BearerLayer;
use mssql_mcp_middleware::observe::ObserveLayer;
use mssql_mcp_middleware::rate_limit::RateLimitLayer;
use mssql_mcp_transports::ChallengeOf;
use mssql_mcp_transports::body::Body;
use mssql_mcp_transports::headers;
use mssql_mcp_transports::session::{OwnerOf, Sessions};
use mssql_mcp_transports::sse::{self, Sse, Streams};
use mssql_mcp_transports::streamable::{self, Streamable};
use tokio::net::TcpListener;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::util::Oneshot;
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_http::ServiceBuilderExt;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::request_id::{MakeRequestId, RequestId};

use crate::config::Config;
use crate::http::bounded::Within;
use crate::http::connections::{Connection, Connections};
use crate::http::guard::{Allowed, GuardLayer};
use crate::http::leash::LeashLayer;
use crate::http::open::OpenLayer;
use crate::net::network;
use crate::observe::http::{HttpTrace, Requests};
use crate::principal::Principal;
use crate::protocol::server_info;
use crate::route::{Endpoint, Place, Routes};
use crate::stack::{App, Mount};
use crate::telemetry::metrics::{gauge, instruments, label};

/// How long a stranger's request may go on when the server stops.
pub const STRANGERS: Duration = Duration::from_millis(500);
/// The head of a request, in bytes.
const MAX_HEAD: usize = 32 << 10;

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
    /// The last address that a proxy of ours added; without one, the connection's. What clients
    /// write there is not believed.
    fn of(connection: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> Self {
        // An address of IPv4 that came by a socket of IPv6 is that address (RFC 4291 §2.5.5.2).
        let connection = connection.to_canonical();
        if !proxies.contains(&connection) {
            return Self(connection);
        }
        let all = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|v| v.to_str().ok())
            .collect::<Vec<_>>()
            .join(",");
        let real = all
            .rsplit(',')
            .map(|a| address(a.trim()))
            .find(|a| !a.is_some_and(|a| proxies.contains(&a)));
        Self(real.flatten().unwrap_or(connection))
    }
}

/// As proxies write it: some with the port.
fn address(text: &str) -> Option<IpAddr> {
    let alone = || text.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    let ip = text.parse::<SocketAddr>().ok().map(|a| a.ip()).or_else(alone);
    ip.map(|ip| ip.to_canonical())
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
                format!("http.listen: {address} is in use; choose another with --port, --listen or http.listen")
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
        let sessions = Arc::new(Sessions::new(
            config.int("http.max_sessions") as usize,
            config.duration("http.session_idle"),
        ));
        let service = Shared(Arc::new(stack(app, config, self.address, sessions.clone(), &stop)));
        // HTTP/1.1 alone: TLS, and with it HTTP/2, ends at the proxy, and proxies
        // speak HTTP/1.1 to us.
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(config.duration("http.header_timeout"))
            .keep_alive(true);
        // What a stranger may leave in memory on a connection whose head never ends.
        builder.max_buf_size(MAX_HEAD).max_headers(100);
        let graceful = GracefulShutdown::new();
        let proxies: Arc<[IpAddr]> =
            config.list("http.trusted_proxies").iter().filter_map(|p| address(p)).collect();
        let connections = Connections::new(config.int("http.max_connections") as usize);
        let (all, open) = (connections.clone(), sessions.clone());
        gauge("mssql_mcp.http.connections", move |put| put(all.len() as u64, &[]));
        gauge("mssql_mcp.sessions", move |put| put(open.len() as u64, &[]));
        // Whoever never came back is forgotten without waiting for somebody who looks.
        let (swept, over) = (sessions.clone(), stop.closing.clone());
        let every = (config.duration("http.session_idle") / 10)
            .clamp(Duration::from_secs(1), Duration::from_secs(10));
        let tuning = app.tuning.clone();
        tokio::spawn(over.run_until_cancelled_owned(async move {
            loop {
                tokio::time::sleep(every).await;
                swept.sweep();
                tuning.peers.sweep();
            }
        }));
        let write_timeout = config.duration("http.write_timeout");
        loop {
            let tcp = tokio::select! {
                biased;
                () = stop.closing.cancelled() => break,
                a = self.tcp.accept() => match a {
                    Ok((tcp, _)) => tcp,
                    Err(e) => {
                        // Out of descriptors, most likely: others will be free soon.
                        tracing::warn!(error = %e, "accept failed");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                },
            };
            let _ = tcp.set_nodelay(true);
            let peer = tcp.peer_addr().ok();
            let stranger = peer.map(|p| p.ip().to_canonical()).filter(|p| !proxies.contains(p));
            let place = tokio::select! {
                biased;
                () = stop.closing.cancelled() => break,
                place = connections.enter(stranger) => place,
            };
            let Some(place) = place else { continue };
            // Weak: what of a request is kept for longer than its connection holds no place.
            let here = Arc::downgrade(&place);
            // Who is at the other end of this connection, for those who count failures.
            let proxies = proxies.clone();
            let service = ServiceBuilder::new()
                .map_request(move |mut r: Request<hyper::body::Incoming>| {
                    if let Some(p) = peer {
                        let peer = Peer::of(p.ip(), r.headers(), &proxies);
                        r.extensions_mut().insert(peer);
                    }
                    r.extensions_mut().insert(here.clone());
                    r
                })
                .service(service.clone());
            // A reader who takes nothing for so long is gone; only then are its streams
            // and calls let go.
            let mut tcp = TimeoutStream::new(tcp);
            tcp.set_write_timeout(Some(write_timeout));
            let connection = builder
                .serve_connection(TokioIo::new(Box::pin(tcp)), TowerToHyperService::new(service));
            // Boxed, because the task would hold room for it twice: where it is captured, and
            // where it is awaited.
            let watched = Box::pin(graceful.watch(connection));
            tokio::spawn(async move {
                match place.ended.run_until_cancelled(watched).await {
                    Some(Ok(())) => {}
                    Some(Err(e)) => tracing::debug!(error = %e, "connection ended"),
                    None => tracing::debug!("connection ended: it had to give way"),
                }
                drop(place);
            });
        }
        drop(self.tcp);
        let grace = config.duration("server.shutdown_grace");
        // Strangers' requests are short; what they hold open is not waited for.
        let strangers = connections.clone();
        tokio::spawn(async move {
            tokio::time::sleep(STRANGERS).await;
            strangers.end_strangers();
        });
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

/// One stack for all connections. What hyper keeps for each, for as long as it lives, is
/// then a pointer, and of a request's future a box; the layers are cloned for the request,
/// as they would be anyway.
#[derive(Debug)]
struct Shared<S>(Arc<S>);

impl<S> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S, R> Service<R> for Shared<S>
where
    S: Service<R> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<Oneshot<S, R>>>;
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        // `oneshot` waits until its clone is ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> Self::Future {
        Box::pin(S::clone(&self.0).oneshot(request))
    }
}

/// Request ids: unique to this process and its start, without asking the system
/// for randomness each time.
#[derive(Clone, Default)]
struct RequestIds(Arc<AtomicU64>);

impl MakeRequestId for RequestIds {
    fn make_request_id<B>(&mut self, _: &Request<B>) -> Option<RequestId> {
        static START: LazyLock<u64> =
            LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
        let id = format!("{:016x}-{:x}", *START, self.0.fetch_add(1, Ordering::Relaxed));
        HeaderValue::from_str(&id).ok().map(RequestId::new)
    }
}

/// The endpoints of one mount, for those who are known.
#[derive(Clone)]
struct Endpoints {
    mcp: Streamable,
    sse: Sse,
}

/// What the layers leave to the endpoints.
type Known = Request<Within<Limited<hyper::body::Incoming>>>;

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
        impl http_body::Body<Data = Bytes, Error = impl std::error::Error + Send + Sync + 'static>
        + Send
        + 'static,
    >,
    Error = Infallible,
    Future = impl Send + 'static,
> + Clone
+ Send
+ 'static {
    let mut hosts = config.list("http.allowed_hosts");
    hosts.extend(
        config.text("http.public_url").split_once("://").map(|(_, authority)| authority.to_owned()),
    );
    let allowed = Arc::new(Allowed::new(address, &hosts, &config.list("http.allowed_origins")));
    let origins = allowed.clone();
    let paths = app.mounts.iter().map(|m| m.path.clone()).collect();
    let routes = Arc::new(Routes::new(paths, config.bool("http.mcp"), config.bool("http.sse")));
    let endpoints = endpoints(app, config, &sessions, stop);
    let scheme =
        if config.text("http.public_url").starts_with("https://") { "https" } else { "http" };
    let tuning = app.tuning.clone();
    let body_timeout = config.duration("http.body_timeout");
    let exposed = [headers::SESSION, header::WWW_AUTHENTICATE];
    let taken = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::ACCEPT,
        headers::VERSION,
        headers::SESSION,
        headers::METHOD,
        headers::NAME,
        HeaderName::from_static("last-event-id"),
    ];
    ServiceBuilder::new()
        // A token must not be in a log, whatever logs below.
        .sensitive_headers([header::AUTHORIZATION, header::COOKIE])
        .set_x_request_id(RequestIds::default())
        // What is refused below is counted too.
        .layer(ObserveLayer::new(Requests::new(routes.clone(), scheme)))
        .map_request(|mut r: Request<hyper::body::Incoming>| {
            if let Some(t) = HttpTrace::here(&r) {
                r.extensions_mut().insert(t);
            }
            r
        })
        .propagate_x_request_id()
        // Outside of sign-in: a preflight carries no token, and a rebound name must
        // not get that far.
        .layer(GuardLayer::new(allowed))
        .layer(
            CorsLayer::new()
                .allow_origin(AllowOrigin::predicate(move |o, _| {
                    o.to_str().is_ok_and(|o| origins.origin(o))
                }))
                .allow_methods([Method::GET, Method::POST, Method::DELETE])
                .allow_headers(taken)
                .expose_headers(exposed)
                .max_age(Duration::from_secs(3600)),
        )
        // Outside of sign-in: whoever guesses or floods is told to wait before
        // anything is looked up.
        .layer(RateLimitLayer::new(peers(app)))
        // The mount decides audience and metadata, so it comes before the token; so does
        // all that needs none.
        .layer(OpenLayer::new(app, config, routes, stop.closing.clone()))
        // What is below is for callers who are known; without sign-in (loopback only) that is the
        // person at this machine.
        .layer(BearerLayer::new(
            {
                let authority = app.authority.clone();
                move |r: &Request<hyper::body::Incoming>| {
                    let place = place_of(r.extensions());
                    // Without sign-in, and for a token that was seen a moment ago, nothing is
                    // copied and nobody asked.
                    let who = match &authority {
                        None => Ok(Principal::local()),
                        Some(a) => match a.recognised(r.headers(), place) {
                            Some(p) => Ok((*p).clone()),
                            None => Err((a.clone(), r.headers().clone())),
                        },
                    };
                    async move {
                        match who {
                            Ok(p) => Ok(p),
                            Err((a, headers)) => {
                                a.authenticate(&headers, place).await.map(|p| (*p).clone())
                            }
                        }
                    }
                }
            },
            |r: &mut Request<hyper::body::Incoming>, p: Principal| {
                r.extensions_mut().insert(p);
                if let Some(c) =
                    r.extensions_mut().remove::<Weak<Connection>>().and_then(|c| c.upgrade())
                {
                    c.keep();
                }
            },
        ))
        // Inside of bearer: only a stream that a token opened can end with it.
        .layer(LeashLayer::new(
            app.authority.clone(),
            config.duration("auth.stream_grace"),
            stop.closing.clone(),
        ))
        // Read up to the limit and no further, and not for ever; the endpoint answers 413 or 400.
        .map_request(move |r: Request<hyper::body::Incoming>| {
            let max_request = tuning.max_request.load(Ordering::Relaxed);
            r.map(|b| Within::new(Limited::new(b, max_request), body_timeout))
        })
        .service(tower::service_fn(move |r: Known| {
            let place = place_of(r.extensions());
            let mine = place.mount.and_then(|m| endpoints.get(m)).cloned();
            async move {
                let Some(mut mine) = mine else { return Ok(open::nothing(&[])) };
                // A GET with a session's id is of streamable HTTP, whose POST was to this path too.
                let old = match place.endpoint {
                    Endpoint::Messages => true,
                    Endpoint::Sse => {
                        r.method() == Method::GET && !r.headers().contains_key(headers::SESSION)
                    }
                    _ => false,
                };
                if old { mine.sse.call(r).await } else { mine.mcp.call(r).await }
            }
        }))
}

/// So many requests of a network in a minute, where strangers can call at all.
fn peers(
    app: &App,
) -> impl Fn(&Request<hyper::body::Incoming>) -> Result<(), Box<Response<Body>>> + Clone + use<> {
    let known = app.authority.clone().map(|a| (a, app.tuning.clone()));
    move |r| {
        let (Some((authority, t)), Some(p)) = (&known, r.extensions().get::<Peer>()) else {
            return Ok(());
        };
        // Who was recognised has a quota as a principal, and shares none with the
        // strangers of their network.
        if authority.has_seen(r.headers()) {
            return Ok(());
        }
        t.peers.check(network(p.0), 1).map_err(|wait| {
            instruments().rate_limited.add(1, &[label("mssql_mcp.reason", "peer")]);
            Box::new(open::too_many(wait))
        })
    }
}

/// Put in by the layer that answers what needs no token; without it there is nowhere to go.
fn place_of(extensions: &http::Extensions) -> Place {
    extensions.get::<Place>().copied().unwrap_or(Place { mount: None, endpoint: Endpoint::Health })
}

/// Both transports of every mount, as functions of the same services.
fn endpoints(
    app: &App,
    config: &Config,
    sessions: &Arc<Sessions>,
    stop: &Stop,
) -> Arc<[Endpoints]> {
    let streams = Streams::new(config.int("http.max_sessions") as usize);
    let open = streams.clone();
    gauge("mssql_mcp.sse.streams", move |put| put(open.len() as u64, &[]));
    const MORE: (&str, &str) = ("insufficient_scope", "the call needs more than was granted");
    let challenge: ChallengeOf = {
        let authority = app.authority.clone().map(Arc::new);
        Arc::new(move |parts| {
            // A copy: a header of a request holds on to the buffer that the whole
            // request was read into.
            let host = parts
                .headers
                .get(header::HOST)
                .and_then(|h| HeaderValue::from_bytes(h.as_bytes()).ok());
            let (place, authority) = (place_of(&parts.extensions), authority.clone());
            Arc::new(move |needed| {
                let headers = host.iter().map(|h| (header::HOST, h.clone())).collect::<HeaderMap>();
                authority.as_ref().map(|a| a.challenge(&headers, place, Some(MORE), needed))
            })
        })
    };
    let of = |m: &Mount| {
        // A session of one mount is none of another.
        let path = m.path.clone();
        let owner_of: OwnerOf = Arc::new(move |e| {
            e.get::<Principal>().map(|p| format!("{path} {}", p.key())).unwrap_or_default()
        });
        let keep_alive = config.duration("http.keep_alive");
        let mcp = streamable::service(
            m.service.clone(),
            streamable::Options {
                silence: config.duration("http.silence"),
                keep_alive,
                sessions: sessions.clone(),
                owner_of: owner_of.clone(),
                challenge: challenge.clone(),
                closing: stop.closing.clone(),
                shutdown: stop.now.clone(),
                info: server_info(),
            },
        );
        let sse = sse::service(
            m.service.clone(),
            sse::Options {
                messages: format!("{}/messages", m.path),
                keep_alive,
                streams: streams.clone(),
                owner_of,
                challenge: challenge.clone(),
                closing: stop.closing.clone(),
                shutdown: stop.now.clone(),
                info: server_info(),
            },
        );
        Endpoints { mcp, sse }
    };
    app.mounts.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_who_a_proxy_of_ours_says() {
        let proxies = ["127.0.0.1".parse().expect("address")];
        let peer = |connection: &str, forwarded: &str| {
            let headers = HeaderMap::from_iter([(
                HeaderName::from_static("x-forwarded-for"),
                forwarded.parse().expect("header"),
            )]);
            Peer::of(connection.parse().expect("address"), &headers, &proxies).0.to_string()
        };
        assert_eq!(peer("127.0.0.1", "198.51.100.7"), "198.51.100.7");
        assert_eq!(
            peer("127.0.0.1", "6.6.6.6, 198.51.100.7, 127.0.0.1"),
            "198.51.100.7",
            "the last that is none of ours"
        );
        assert_eq!(peer("192.0.2.1", "198.51.100.7"), "192.0.2.1", "no proxy of ours");
        // IPv4 by a socket of IPv6, and addresses with ports.
        assert_eq!(peer("::ffff:127.0.0.1", "198.51.100.7"), "198.51.100.7");
        assert_eq!(peer("127.0.0.1", "::ffff:198.51.100.7"), "198.51.100.7");
        assert_eq!(peer("127.0.0.1", "198.51.100.7:5678"), "198.51.100.7");
        assert_eq!(peer("127.0.0.1", "[2001:db8::1]:5678"), "2001:db8::1");
        assert_eq!(peer("127.0.0.1", "unknown"), "127.0.0.1");
    }

    #[test]
    fn only_a_proxy_of_ours_says_who_calls() {
        let ip = |t: &str| t.parse::<IpAddr>().expect("ip");
        let headers = HeaderMap::from_iter([(
            HeaderName::from_static("x-forwarded-for"),
            HeaderValue::from_static("6.6.6.6, 198.51.100.7, 10.0.0.2"),
        )]);
        let proxies = [ip("127.0.0.1"), ip("10.0.0.2")];
        assert_eq!(
            Peer::of(ip("127.0.0.1"), &headers, &proxies).0,
            ip("198.51.100.7"),
            "not what the client wrote"
        );
        assert_eq!(Peer::of(ip("203.0.113.1"), &headers, &proxies).0, ip("203.0.113.1"));
        assert_eq!(Peer::of(ip("127.0.0.1"), &HeaderMap::new(), &proxies).0, ip("127.0.0.1"));
        let odd = HeaderMap::from_iter([(
            HeaderName::from_static("x-forwarded-for"),
            HeaderValue::from_static("unknown"),
        )]);
        assert_eq!(Peer::of(ip("127.0.0.1"), &odd, &proxies).0, ip("127.0.0.1"));
    }
}
