//! Answers of our own over HTTP: JSON for programs, pages for people.

use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use mssql_mcp_transports::body::Body;
use serde_json::Value;

/// What every endpoint gives.
pub(crate) type Answer = Response<Body>;

pub(crate) fn json(status: StatusCode, v: &Value) -> Answer {
    let mut r = Response::new(Body::Full(v.to_string().into()));
    *r.status_mut() = status;
    r.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    r
}

/// With `Cache-Control: no-store` (RFC 6749 §5.1).
pub(crate) fn no_store(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// With `Retry-After`, in seconds (RFC 9110 §10.2.3).
pub(crate) fn retry_after(mut answer: Answer, seconds: u64) -> Answer {
    answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    answer
}

/// A page, with all that keeps it from being framed, cached or scripted; `policy` is its
/// `Content-Security-Policy`.
pub(crate) fn html(status: StatusCode, text: String, policy: &str) -> Answer {
    let mut r = Response::new(Body::Full(text.into()));
    *r.status_mut() = status;
    let h = r.headers_mut();
    h.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    h.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    h.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // With no-referrer a browser would send our own forms with "Origin: null".
    h.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if let Ok(v) = HeaderValue::from_str(policy) {
        h.insert(header::CONTENT_SECURITY_POLICY, v);
    }
    no_store(r)
}

/// To another URL; none where that cannot be a header.
pub(crate) fn redirect(status: StatusCode, to: &str) -> Option<Answer> {
    let mut r = Response::new(Body::Empty);
    *r.status_mut() = status;
    r.headers_mut().insert(header::LOCATION, HeaderValue::from_str(to).ok()?);
    Some(no_store(r))
}
