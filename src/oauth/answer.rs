//! What the endpoints answer with, and how they read a form.

use std::collections::HashMap;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use mssql_mcp_transports::body::Body;
use serde_json::{Value, json};

use super::pages;
use super::server::Request;
use super::store::StoreError;

/// What every endpoint gives.
pub type Answer = Response<Body>;
/// Parameters by name, each once.
pub(super) type Form = HashMap<String, String>;

pub(super) fn json_answer(status: StatusCode, v: &Value) -> Answer {
    let mut r = Response::new(Body::Full(v.to_string().into()));
    *r.status_mut() = status;
    r.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    r.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    r
}

pub(super) fn oauth_error(status: StatusCode, error: &str, description: &str) -> Answer {
    json_answer(status, &json!({ "error": error, "error_description": description }))
}

pub(super) fn unavailable(e: &StoreError) -> Answer {
    tracing::error!(error = %e, "sign-in");
    oauth_error(
        StatusCode::SERVICE_UNAVAILABLE,
        "temporarily_unavailable",
        "the store of sign-in does not answer",
    )
}

/// A page, with all that keeps it from being framed, cached or scripted.
pub fn html(status: StatusCode, text: String, also: Option<&str>) -> Answer {
    let mut r = Response::new(Body::Full(text.into()));
    *r.status_mut() = status;
    let h = r.headers_mut();
    h.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    h.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    h.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    h.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // With no-referrer a browser would send our own forms with "Origin: null".
    h.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if let Ok(v) = HeaderValue::from_str(&pages::policy(also)) {
        h.insert(header::CONTENT_SECURITY_POLICY, v);
    }
    r
}

/// With when to come back.
pub(super) fn later(mut answer: Answer, seconds: u64) -> Answer {
    answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    answer
}

pub(super) fn redirect(status: StatusCode, to: &str) -> Answer {
    match HeaderValue::from_str(to) {
        Ok(v) => {
            let mut r = Response::new(Body::Empty);
            *r.status_mut() = status;
            r.headers_mut().insert(header::LOCATION, v);
            r.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            r
        }
        Err(_) => oauth_error(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "the redirect URI cannot be sent",
        ),
    }
}

/// A form or query; an error when a parameter comes twice (RFC 6749 §3.1).
pub(super) fn form(text: &[u8]) -> Result<Form, String> {
    let mut all = Form::new();
    for (k, v) in form_urlencoded::parse(text) {
        if all.insert(k.to_string(), v.into_owned()).is_some() {
            return Err(format!("{k} is given twice"));
        }
    }
    all.retain(|_, v| !v.is_empty());
    Ok(all)
}

pub(super) fn peer(r: &Request<'_>) -> String {
    r.peer.map_or_else(|| "unknown".to_owned(), |p| p.to_string())
}

pub(super) fn media(headers: &HeaderMap) -> String {
    let text = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
