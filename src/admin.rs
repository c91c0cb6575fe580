//! The admin listener: `/metrics` for Prometheus, `/healthz` (the process lives) and `/readyz` (its
//! databases answer). It asks nobody who they are, and so is a listener of its own, on loopback
//! unless the operator says otherwise.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::audit::Audit;
use crate::config::Config;
use crate::config::settings;
use crate::database::Database;
use crate::telemetry;

/// Connections at once: a few scrapers and probes.
const MOST: usize = 32;

/// A bound listener that does not serve yet.
#[derive(Debug)]
pub(crate) struct Admin {
    tcp: TcpListener,
    address: SocketAddr,
}

impl Admin {
    /// Binds; none unless `admin.listen` is set.
    pub(crate) async fn bind(config: &Config) -> Result<Option<Self>, String> {
        let Some(wanted) = config.get(settings::admin::LISTEN) else { return Ok(None) };
        let tcp =
            TcpListener::bind(wanted).await.map_err(|e| format!("admin.listen: {wanted}: {e}"))?;
        let address = tcp.local_addr().map_err(|e| e.to_string())?;
        if !address.ip().is_loopback() {
            tracing::warn!(%address, "the admin listener can be reached from other machines, and \
                asks nobody who they are");
        }
        Ok(Some(Self { tcp, address }))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn serve(
        self,
        databases: Vec<Database>,
        audit: Audit,
        stop: CancellationToken,
    ) {
        let room = std::sync::Arc::new(tokio::sync::Semaphore::new(MOST));
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                a = self.tcp.accept() => a,
            };
            let Ok((tcp, _)) = accepted else {
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            // Beyond that they are closed at once, so that they cannot starve a probe for long.
            let Ok(place) = room.clone().try_acquire_owned() else { continue };
            let (databases, audit) = (databases.clone(), audit.clone());
            tokio::spawn(async move {
                let service = service_fn(move |r| answer(r, databases.clone(), audit.clone()));
                let mut builder = http1::Builder::new();
                builder.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(10));
                let _ = builder.serve_connection(TokioIo::new(tcp), service).await;
                drop(place);
            });
        }
    }
}

async fn answer(
    r: Request<hyper::body::Incoming>,
    databases: Vec<Database>,
    audit: Audit,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let text = |status: StatusCode, body: String| {
        let mut r = Response::new(Full::new(body.into()));
        *r.status_mut() = status;
        r.headers_mut().insert(
            header::CONTENT_TYPE,
            header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
        );
        r
    };
    if !matches!(*r.method(), Method::GET | Method::HEAD) {
        return Ok(text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".into()));
    }
    Ok(match r.uri().path() {
        "/metrics" => match telemetry::scrape() {
            Some(Ok(m)) => text(StatusCode::OK, m),
            Some(Err(e)) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{e}\n")),
            None => text(StatusCode::NOT_FOUND, "there are no metrics\n".into()),
        },
        "/healthz" => text(StatusCode::OK, "ok\n".into()),
        "/readyz" => {
            let (up, said) = ready(&databases, &audit).await;
            text(if up { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, said)
        }
        _ => text(StatusCode::NOT_FOUND, "there are /metrics, /healthz and /readyz\n".into()),
    })
}

/// Whether any database answers, a line for each, and whether calls can be recorded
/// where they must be.
async fn ready(databases: &[Database], audit: &Audit) -> (bool, String) {
    let all = futures_util::future::join_all(databases.iter().map(Database::answers)).await;
    let lines = databases.iter().zip(&all).map(|(d, up)| {
        format!("{}: {}\n", d.settings().label, if *up { "ok" } else { "does not answer" })
    });
    let mut said: String = lines.collect();
    let refuses = audit.refuses();
    if refuses {
        said += "audit: calls are refused, because they cannot be recorded\n";
    }
    // One of several that is down is no reason to keep everybody from the others.
    (!refuses && all.iter().any(|up| *up), said)
}
