//! What the endpoints answer with, and how they read a form.

use std::collections::HashMap;

use http::StatusCode;
use http::header::{self, HeaderMap};
use serde_json::{Value, json};

use super::pages;
use super::server::Request;
use super::store::StoreError;
use crate::answer::{self, no_store};
pub(crate) use crate::answer::{Answer, retry_after as later};

/// Parameters by name, each once.
pub(super) type Form = HashMap<String, String>;

pub(super) fn json_answer(status: StatusCode, v: &Value) -> Answer {
    no_store(answer::json(status, v))
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

/// A page; `also` is where its form may lead besides here.
pub(crate) fn html(status: StatusCode, text: String, also: Option<&str>) -> Answer {
    answer::html(status, text, &pages::policy(also))
}

pub(super) fn redirect(status: StatusCode, to: &str) -> Answer {
    answer::redirect(status, to).unwrap_or_else(|| {
        oauth_error(StatusCode::BAD_REQUEST, "invalid_request", "the redirect URI cannot be sent")
    })
}

/// A form or query; an error when a parameter comes twice (RFC 6749 §3.1).
pub(super) fn form(text: &[u8]) -> Result<Form, String> {
    let mut all = Form::new();
    // One without a value counts as left out (RFC 6749 §3.1).
    for (k, v) in form_urlencoded::parse(text).filter(|(_, v)| !v.is_empty()) {
        if all.insert(k.to_string(), v.into_owned()).is_some() {
            return Err(format!("{k} is given twice"));
        }
    }
    Ok(all)
}

pub(super) fn peer(r: &Request<'_>) -> String {
    r.peer.map_or_else(|| "unknown".to_owned(), |p| p.to_string())
}

pub(super) fn media(headers: &HeaderMap) -> String {
    let text = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
