//! Accepts connections and gives each to hyper, with one stack for all; and stops in two steps.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt};

use super::STRANGERS;
use super::body::RequestBody;
use super::connections::{Connections, HttpConnection};
use super::peer::{Peer, address};
use crate::config::Config;
use crate::config::settings;
use crate::telemetry::metrics::gauge;

/// The head of a request, in bytes.
const MAX_HEAD: usize = 64 << 10;
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
/// How long calls that were cancelled may take to end.
const CANCELLED: Duration = Duration::from_secs(3);

/// A bound listener that does not serve yet.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    address: SocketAddr,
}

/// The two steps of a graceful stop.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
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
                "http.listen: {address} can be reached from other machines, and sign-in is off: \
                 anybody there could query your database. Listen on 127.0.0.1, or set auth.mode = \
                 \"builtin\""
            ));
        }
        let tcp = TcpListener::bind(address).await.map_err(|e| match e.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!(
                    "http.listen: {address} is in use; choose another with --port, --listen \
                         or http.listen"
                )
            }
            _ => format!("http.listen: {address}: {e}"),
        })?;
        let address = tcp.local_addr().map_err(|e| e.to_string())?;
        Ok(Self { tcp, address })
    }

    /// The bound address, with the port that the system chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop.closing`; then lets calls end within the grace period, then cancels them:
    /// `end` is called just before they are waited for.
    pub(crate) async fn serve<S, B>(
        self,
        service: S,
        config: &Config,
        stop: Shutdown,
        idle: impl AsyncFnOnce(),
        end: impl FnOnce(),
    ) -> std::io::Result<()>
    where
        S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>,
        S: Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let proxies = config.get(settings::http::TRUSTED_PROXIES);
        let all = Arc::new(OfAll {
            stack: service,
            proxies: proxies.iter().filter_map(|p| address(p)).collect(),
            kept: kept(config),
        });
        let http = http1(config);
        let graceful = GracefulShutdown::new();
        let connections = Connections::new(config.get(settings::http::MAX_CONNECTIONS) as usize);
        let open = connections.clone();
        gauge("mssql_mcp.http.connections", move |put| put(open.len() as u64, &[]));
        let write_timeout = config.get(settings::http::WRITE_TIMEOUT);
        loop {
            let tcp = tokio::select! {
                biased;
                () = stop.closing.cancelled() => break,
                tcp = accepted(&self.tcp) => tcp,
            };
            let peer = tcp.peer_addr().ok().map(|p| p.ip());
            let stranger = peer.map(|p| p.to_canonical()).filter(|p| !all.proxies.contains(p));
            let place = tokio::select! {
                biased;
                () = stop.closing.cancelled() => break,
                place = connections.enter(stranger) => place,
            };
            let Some(place) = place else { continue };
            let service = Front { all: all.clone(), peer, here: Arc::downgrade(&place) };
            // A reader who takes nothing for so long is gone; only then are its streams and calls
            // let go.
            let mut tcp = TimeoutStream::new(tcp);
            tcp.set_write_timeout(Some(write_timeout));
            let connection = http
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
        // Strangers' requests are short; what they hold open is not waited for.
        tokio::spawn(async move {
            tokio::time::sleep(STRANGERS).await;
            connections.end_strangers();
        });
        let grace = config.get(settings::server::SHUTDOWN_GRACE);
        // What has no connection is waited for as well: tasks, and calls whose client may come back.
        let drained = async {
            graceful.shutdown().await;
            idle().await;
        };
        tokio::pin!(drained);
        if tokio::time::timeout(grace, &mut drained).await.is_err() {
            tracing::warn!(grace_s = grace.as_secs_f32(), "calls still run; cancelling them");
            stop.now.cancel();
            end();
            let _ = tokio::time::timeout(CANCELLED, drained).await;
        }
        Ok(())
    }
}

/// HTTP/1.1 alone: TLS, and with it HTTP/2, ends at the proxy, and proxies speak HTTP/1.1 to us.
fn http1(config: &Config) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(config.get(settings::http::HEADER_TIMEOUT))
        .keep_alive(true);
    // What a stranger may leave in memory on a connection whose head never ends. A longer one may
    // have come whole all the same; beyond either hyper answers 431, without a body, and closes.
    builder.max_buf_size(MAX_HEAD).max_header_size(MAX_HEAD).max_headers(100);
    builder
}

/// How long a connection is kept between two requests, told to clients that pool them: one that uses
/// it at the last moment would meet its end. None where that is not a second.
fn kept(config: &Config) -> Option<HeaderValue> {
    let seconds = config.get(settings::http::HEADER_TIMEOUT).as_secs();
    let text = (seconds > 0).then(|| format!("timeout={seconds}"))?;
    HeaderValue::try_from(text).ok()
}

async fn accepted(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => {
                let _ = tcp.set_nodelay(true);
                return tcp;
            }
            Err(e) => {
                // Out of descriptors, most likely: others will be free soon.
                tracing::warn!(error = %e, "accept failed");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// What a connection asks: one stack for all of them. What hyper keeps for each, for as long as it
/// lives, is then small, and of a request's future a box; the layers are cloned for the request, as
/// they would be anyway.
#[derive(Debug)]
struct Front<S> {
    all: Arc<OfAll<S>>,
    peer: Option<IpAddr>,
    /// Weakly, because what of a request is kept for longer holds no place.
    here: Weak<HttpConnection>,
}

/// What connections have in common.
#[derive(Debug)]
struct OfAll<S> {
    stack: S,
    proxies: Vec<IpAddr>,
    kept: Option<HeaderValue>,
}

impl<S> Clone for Front<S> {
    fn clone(&self) -> Self {
        Self { all: self.all.clone(), peer: self.peer, here: self.here.clone() }
    }
}

impl<S, B> Service<Request<Incoming>> for Front<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: Send + 'static,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // `oneshot` waits until its clone is ready.
        Poll::Ready(Ok(()))
    }

    /// Each request knows who is at the other end of its connection, and the connection itself.
    fn call(&mut self, mut request: Request<Incoming>) -> Self::Future {
        if let Some(ip) = self.peer {
            let peer = Peer::of(ip, request.headers(), &self.all.proxies);
            request.extensions_mut().insert(peer);
        }
        request.extensions_mut().insert(self.here.clone());
        let (request, unread) = RequestBody::of(request);
        let answer = self.all.stack.clone().oneshot(request);
        let kept = self.all.kept.clone();
        Box::pin(async move {
            let mut answer = answer.await;
            unread.discarded().await;
            if let (Ok(answer), Some(kept)) = (&mut answer, kept) {
                answer.headers_mut().insert(KEEP_ALIVE, kept);
            }
            answer
        })
    }
}
