//! DNS rebinding: a page in a browser may reach this listener under a name of its own. So the
//! `Host` must be one that we answer to, and an `Origin`, where there is one, one that we know
//! (MCP 2025-11-25, "Security Warning").

use std::future::{Ready, ready};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::Either;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use mssql_mcp_transports::body::Body;
use mssql_mcp_transports::headers;
use tower::{Layer, Service};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

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

/// What browser clients send.
const SENT: &str = "authorization,content-type,accept,mcp-protocol-version,mcp-session-id,\
                    mcp-method,mcp-name,last-event-id,traceparent,tracestate,baggage";

/// Makes of the headers that a preflight asks for those that it is granted, which the CORS layer
/// mirrors: what browser clients send, and what a tool's schema may name (`Mcp-Param-…`).
pub(crate) fn granted<B>(mut request: Request<B>) -> Request<B> {
    const ASKED: HeaderName = header::ACCESS_CONTROL_REQUEST_HEADERS;
    if request.method() != Method::OPTIONS || !request.headers().contains_key(ASKED) {
        return request;
    }
    let mut granted = SENT.to_owned();
    let asked = request.headers().get_all(ASKED).iter().filter_map(|v| v.to_str().ok());
    for name in asked.flat_map(|v| v.split(',')).map(|n| n.trim().to_ascii_lowercase()) {
        if name.starts_with("mcp-param-") && HeaderName::from_bytes(name.as_bytes()).is_ok() {
            granted.push(',');
            granted.push_str(&name);
        }
    }
    if let Ok(granted) = HeaderValue::try_from(granted) {
        request.headers_mut().insert(ASKED, granted);
    }
    request
}

/// Cross-origin requests (Fetch, "CORS protocol") from the origins that we know, with the headers
/// that [`granted`] leaves, and what browser clients read.
pub(crate) fn cors(allowed: Arc<Allowed>) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |o, _| {
            o.to_str().is_ok_and(|o| allowed.origin(o))
        }))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
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
        if let Some(name) = twice(request.headers()) {
            let why = format!("the header {name} is there twice");
            return Either::Right(ready(Ok(refusal(StatusCode::BAD_REQUEST, &why))));
        }
        let host = request.headers().get(header::HOST).and_then(|h| h.to_str().ok());
        let of_uri = request.uri().authority().map(|a| a.as_str());
        // A client that writes a whole URI means the same host by both (RFC 9112 §3.2.2), and who
        // stands before us may have believed the other one.
        if let (Some(host), Some(of_uri)) = (host, of_uri)
            && !host.trim().eq_ignore_ascii_case(of_uri)
        {
            let why = "the request's URI and its Host name two hosts";
            return Either::Right(ready(Ok(refusal(StatusCode::BAD_REQUEST, why))));
        }
        // HTTP/2 has :authority instead of Host.
        let host = host.or(of_uri);
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

/// A header that must be there once and is there twice: whoever stands before us may have read the
/// other one (RFC 9112 §3.2; RFC 9110 §5.3 for a field that is no list).
fn twice(all: &HeaderMap) -> Option<HeaderName> {
    // Nearly no request has any header twice.
    if all.len() == all.keys_len() {
        return None;
    }
    let once = [header::HOST, header::AUTHORIZATION, header::ORIGIN];
    let of_mcp = [headers::VERSION, headers::SESSION, headers::METHOD, headers::NAME];
    once.into_iter().chain(of_mcp).find(|name| all.get_all(name).iter().nth(1).is_some())
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

    /// The status of a request that the guard sees.
    async fn guarded(uri: &str, headers: &[(&str, &str)]) -> StatusCode {
        use tower::ServiceExt;
        let allowed = Arc::new(Allowed::new(([127, 0, 0, 1], 8008).into(), &[], &[]));
        let inner = tower::service_fn(|_: Request<()>| async {
            Ok::<_, std::convert::Infallible>(Response::new(Body::Empty))
        });
        let all = headers.iter().fold(Request::get(uri), |r, (k, v)| r.header(*k, *v));
        let request = all.body(()).expect("a request");
        let answer = GuardLayer::new(allowed).layer(inner).oneshot(request).await;
        answer.expect("never fails").status()
    }

    #[tokio::test]
    async fn a_header_that_is_there_twice_is_refused() {
        let status = async |headers: &[(&str, &str)]| guarded("/mcp", headers).await;
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
        for name in ["mcp-session-id", "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"] {
            assert_eq!(status(&[host, (name, "a")]).await, StatusCode::OK, "{name}");
            let twice = [host, (name, "a"), (name, "a")];
            assert_eq!(status(&twice).await, StatusCode::BAD_REQUEST, "{name}");
        }
        let lists = [host, ("accept", "a/b"), ("accept", "c/d"), ("mcp-param-x", "1")];
        assert_eq!(status(&lists).await, StatusCode::OK);
        assert_eq!(status(&[("host", "[::1].evil.com")]).await, StatusCode::FORBIDDEN);
    }

    #[tokio::test]
    async fn a_whole_uri_names_the_host_that_the_header_names() {
        for (uri, host, expected) in [
            ("http://localhost:8008/mcp", Some("LocalHost:8008"), StatusCode::OK),
            ("http://localhost:8008/mcp", None, StatusCode::OK),
            ("http://evil.com/mcp", Some("localhost"), StatusCode::BAD_REQUEST),
            ("http://localhost/mcp", Some("evil.com"), StatusCode::BAD_REQUEST),
            ("http://localhost:1/mcp", Some("localhost:2"), StatusCode::BAD_REQUEST),
            ("http://me@localhost/mcp", Some("localhost"), StatusCode::BAD_REQUEST),
            ("http://evil.com/mcp", Some("evil.com"), StatusCode::FORBIDDEN),
            ("http://evil.com/mcp", None, StatusCode::FORBIDDEN),
        ] {
            let headers: Vec<_> = host.map(|h| ("host", h)).into_iter().collect();
            assert_eq!(guarded(uri, &headers).await, expected, "{uri} {host:?}");
        }
    }

    #[tokio::test]
    async fn browsers_may_send_traces_and_the_parameters_of_tools() {
        use tower::{ServiceBuilder, ServiceExt};
        let allowed = Arc::new(Allowed::new(([127, 0, 0, 1], 8008).into(), &[], &[]));
        let grants = async |asked: &[&str]| {
            let cors = ServiceBuilder::new().map_request(granted).layer(cors(allowed.clone()));
            let inner = tower::service_fn(|_: Request<Body>| async {
                Ok::<_, std::convert::Infallible>(Response::new(Body::Empty))
            });
            let preflight = Request::options("/mcp")
                .header("origin", "http://localhost:6274")
                .header("access-control-request-method", "POST");
            let preflight =
                asked.iter().fold(preflight, |r, v| r.header("access-control-request-headers", *v));
            let request = preflight.body(Body::Empty).expect("a request");
            let answer = cors.service(inner).oneshot(request).await.expect("never fails");
            assert_eq!(answer.status(), StatusCode::OK);
            answer.headers().get("access-control-allow-headers").map(|v| v.as_bytes().to_vec())
        };
        let text = async |asked: &[&str]| {
            grants(asked).await.map(|v| String::from_utf8(v).expect("text")).unwrap_or_default()
        };
        let all = text(&["traceparent"]).await;
        assert_eq!(all, SENT);
        for name in ["mcp-method", "traceparent", "tracestate", "baggage", "authorization"] {
            assert!(all.split(',').any(|n| n == name), "{name}: {all}");
        }
        let asked = ["accept, Mcp-Param-Region,x-other,mcp-param-é", "mcp-param-b , mcp-param-a b"];
        assert_eq!(text(&asked).await, format!("{SENT},mcp-param-b"));
        let asked = ["accept, Mcp-Param-Region,x-other", "mcp-param-b , mcp-param-a b"];
        assert_eq!(text(&asked).await, format!("{SENT},mcp-param-region,mcp-param-b"));
        assert_eq!(grants(&[]).await, None);
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
