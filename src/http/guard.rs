//! DNS rebinding: a page in a browser may reach this listener under a name of its own. So the
//! `Host` must be one that we answer to, and an `Origin`, where there is one, one that we know
//! (MCP 2025-11-25, "Security Warning").

use std::future::{Ready, ready};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::Either;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use mssql_mcp_transports::body::Body;
use mssql_mcp_transports::headers;
use tower::{Layer, Service};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::config::Config;
use crate::config::settings;
use crate::net;

/// What we answer to.
#[derive(Debug)]
pub(crate) struct Allowed {
    hosts: Vec<String>,
    origins: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct GuardLayer(Arc<Allowed>);

#[derive(Debug, Clone)]
pub(crate) struct Guard<S> {
    allowed: Arc<Allowed>,
    inner: S,
}

// === impl Allowed ===

/// Of what a header or the configuration says; none when it is no host.
fn host_of_authority(authority: &str) -> Option<String> {
    net::split(authority.trim()).map(|(host, _)| host.to_ascii_lowercase())
}

impl Allowed {
    /// The loopback names, the listener's own address, and what the configuration adds.
    pub(crate) fn new(listen: SocketAddr, hosts: &[String], origins: &[String]) -> Self {
        let mut all = vec![match listen.ip() {
            IpAddr::V6(ip) => format!("[{ip}]"),
            ip => ip.to_string(),
        }];
        all.extend(hosts.iter().filter_map(|h| host_of_authority(h)));
        Self {
            hosts: all,
            origins: origins.iter().map(|o| o.trim_end_matches('/').to_ascii_lowercase()).collect(),
        }
    }

    /// As configured, for a listener at this address.
    pub(crate) fn of(config: &Config, listen: SocketAddr) -> Self {
        let mut hosts = config.get(settings::http::ALLOWED_HOSTS);
        let public = config.public_url().and_then(|url| url.split_once("://"));
        hosts.extend(public.map(|(_, authority)| authority.to_owned()));
        Self::new(listen, &hosts, &config.get(settings::http::ALLOWED_ORIGINS))
    }

    /// Whether a `Host` is ours.
    pub(crate) fn host(&self, authority: &str) -> bool {
        let Some((host, _)) = net::split(authority.trim()) else { return false };
        let address = || host.trim_matches(['[', ']']).parse::<IpAddr>();
        host.eq_ignore_ascii_case("localhost")
            || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
            || address().is_ok_and(|ip| ip.is_loopback())
    }

    /// Whether an `Origin` is known.
    pub(crate) fn origin(&self, origin: &str) -> bool {
        let o = origin.to_ascii_lowercase();
        if self.origins.contains(&o) {
            return true;
        }
        o.split_once("://").is_some_and(|(scheme, authority)| {
            matches!(scheme, "http" | "https") && self.host(authority)
        })
    }
}

// === impl GuardLayer ===

impl GuardLayer {
    pub(crate) fn new(allowed: Arc<Allowed>) -> Self {
        Self(allowed)
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;
    fn layer(&self, inner: S) -> Guard<S> {
        Guard { allowed: self.0.clone(), inner }
    }
}

/// Cross-origin requests (Fetch, "CORS protocol") from the origins that we know: what browser
/// clients send and read.
pub(crate) fn cors(allowed: Arc<Allowed>) -> CorsLayer {
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
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |o, _| {
            o.to_str().is_ok_and(|o| allowed.origin(o))
        }))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(taken)
        .expose_headers([headers::SESSION, header::WWW_AUTHENTICATE])
        .max_age(Duration::from_secs(3600))
}

// === impl Guard ===

impl<S, B> Service<Request<B>> for Guard<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<Body>, S::Error>>>;
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // Two of a kind: whoever stands before us may have read the other one (RFC 9112 §3.2; RFC
        // 9110 §5.3 for a field that is no list).
        for name in [header::HOST, header::AUTHORIZATION, header::ORIGIN] {
            if request.headers().get_all(&name).iter().nth(1).is_some() {
                let why = format!("the header {name} is there twice");
                return Either::Right(ready(Ok(refusal(StatusCode::BAD_REQUEST, &why))));
            }
        }
        // HTTP/2 has :authority instead of Host.
        let host = request.headers().get(header::HOST).and_then(|h| h.to_str().ok());
        let host = host.or_else(|| request.uri().authority().map(|a| a.as_str()));
        let bad_origin = request
            .headers()
            .get(header::ORIGIN)
            .is_some_and(|o| !o.to_str().is_ok_and(|o| self.allowed.origin(o)));
        let refused = match host {
            Some(host) if self.allowed.host(host) => {
                bad_origin.then_some("this Origin is not allowed; add it to http.allowed_origins")
            }
            _ => Some("this Host is not allowed; add it to http.allowed_hosts"),
        };
        match refused {
            None => Either::Left(self.inner.call(request)),
            Some(why) => Either::Right(ready(Ok(refusal(StatusCode::FORBIDDEN, why)))),
        }
    }
}

fn refusal(status: StatusCode, why: &str) -> Response<Body> {
    tracing::warn!(why, "refused");
    let mut r = Response::new(Body::Full(format!("{{\"error\":\"{why}\"}}").into()));
    *r.status_mut() = status;
    r.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    r
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_header_that_is_there_twice_is_refused() {
        use tower::ServiceExt;
        let allowed = Arc::new(Allowed::new(([127, 0, 0, 1], 8008).into(), &[], &[]));
        let inner = tower::service_fn(|_: Request<()>| async {
            Ok::<_, std::convert::Infallible>(Response::new(Body::Empty))
        });
        let status = async |headers: &[(&str, &str)]| {
            let all = headers.iter().fold(Request::get("/mcp"), |r, (k, v)| r.header(*k, *v));
            let answer = GuardLayer::new(allowed.clone())
                .layer(inner)
                .oneshot(all.body(()).expect("a request"))
                .await;
            answer.expect("never fails").status()
        };
        let host = ("host", "localhost");
        assert_eq!(status(&[host, ("authorization", "Bearer a")]).await, StatusCode::OK);
        assert_eq!(status(&[host, host]).await, StatusCode::BAD_REQUEST);
        assert_eq!(
            status(&[host, ("authorization", "Bearer a"), ("authorization", "Bearer b")]).await,
            StatusCode::BAD_REQUEST
        );
        assert_eq!(
            status(&[host, ("origin", "http://localhost"), ("origin", "http://evil.com")]).await,
            StatusCode::BAD_REQUEST
        );
        assert_eq!(status(&[("host", "[::1].evil.com")]).await, StatusCode::FORBIDDEN);
    }

    #[test]
    fn hosts_are_compared_whole() {
        let a = Allowed::new(
            ([127, 0, 0, 1], 8008).into(),
            &["db.example.com".into()],
            &["https://inspector.example.org".into()],
        );
        for h in ["localhost:8008", "127.0.0.1", "[::1]:9", "DB.example.com:443", "localhost"] {
            assert!(a.host(h), "{h}");
        }
        for h in [
            "evil.example.com",
            "localhost.evil.example",
            "notdb.example.com",
            "127.0.0.1.evil.example",
            "",
            "[::1].evil.com",
            "[::1]evil.com:80",
            "localhost:+80",
            "localhost@evil.com",
            "[localhost]",
        ] {
            assert!(!a.host(h), "{h}");
        }
        assert!(a.origin("http://localhost:6274") && a.origin("https://inspector.example.org"));
        assert!(
            !a.origin("null")
                && !a.origin("https://evil.example.com")
                && !a.origin("ftp://localhost")
        );
        assert!(
            a.origin("http://[::1]:6274")
                && !a.origin("http://[::1].evil.com")
                && !a.origin("http://localhost:+1")
        );
        let v6 = Allowed::new(
            "[2001:db8::1]:8008".parse().expect("address"),
            &["[2001:db8::2]:443".into()],
            &[],
        );
        assert!(
            v6.host("[2001:db8::1]:8008") && v6.host("[2001:DB8::2]") && !v6.host("[2001:db8::3]")
        );
    }
}
