//! The headers of MCP over HTTP, and what they have to say.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName};

use crate::error::RpcError;
use crate::jsonrpc::{HEADER_MISMATCH, INVALID_PARAMS};
use crate::params::RpcRequest;
use crate::stateless::{check_meta, is_removed};
use crate::version::ProtocolVersion;

/// The session of a handshake-era client (2025-03-26, "Session Management").
pub const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
/// The revision that a request speaks, from 2025-06-18 on.
pub const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
/// The method of a stateless request.
pub const METHOD: HeaderName = HeaderName::from_static("mcp-method");
/// The target of a stateless request: `params.name` or `params.uri`.
pub const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// The last event that a client has of a stream that it comes back to (HTML Living Standard,
/// "Server-sent events").
pub(crate) const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

/// The value of a header, without white space around it; none where it is no ASCII text.
pub(crate) fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim)
}

/// Whether `Accept` takes a media type (RFC 9110 §12.5.1, without weights); no header takes all.
pub(crate) fn accepts(headers: &HeaderMap, media: &str) -> bool {
    let kind = media.split('/').next().unwrap_or_default();
    let takes = |range: &str| {
        let range = range.split(';').next().unwrap_or_default().trim();
        range == "*/*"
            || range.eq_ignore_ascii_case(media)
            || range.strip_suffix("/*").is_some_and(|k| k.eq_ignore_ascii_case(kind))
    };
    let mut values = headers.get_all(header::ACCEPT).iter().peekable();
    values.peek().is_none()
        || values.filter_map(|v| v.to_str().ok()).any(|v| v.split(',').any(takes))
}

/// Whether the body is said to be JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let media = text(headers, &header::CONTENT_TYPE).and_then(|v| v.split(';').next());
    media.is_some_and(|m| m.trim().eq_ignore_ascii_case("application/json"))
}

/// Whether the body is said to be what it is, and not compressed.
pub(crate) fn is_plain(headers: &HeaderMap) -> bool {
    let plain = |c: &str| c.is_empty() || c.eq_ignore_ascii_case("identity");
    let all_plain = |v: &str| v.split(',').map(str::trim).all(plain);
    let codings = headers.get_all(header::CONTENT_ENCODING);
    codings.iter().all(|v| v.to_str().is_ok_and(all_plain))
}

/// Whether the version header names a revision without sessions.
pub(crate) fn is_modern(headers: &HeaderMap) -> bool {
    let version = text(headers, &VERSION).and_then(ProtocolVersion::parse);
    version.is_some_and(ProtocolVersion::is_modern)
}

/// What the version header says, where that is none of the revisions that have sessions.
pub(crate) fn not_of_a_session(headers: &HeaderMap) -> Option<&str> {
    text(headers, &VERSION)
        .filter(|v| ProtocolVersion::parse(v).is_none_or(ProtocolVersion::is_modern))
}

/// Checks a stateless request as far as its headers go, with `_meta` in its place: first what it
/// lacks, then the version header, then the version, then method and name.
pub(crate) fn check(
    headers: &HeaderMap,
    request: &RpcRequest,
) -> Result<ProtocolVersion, RpcError> {
    let meta = check_meta(&request.params);
    if let Err(error) = &meta
        && error.code == INVALID_PARAMS
    {
        return meta;
    }
    let stated = request.params.version().unwrap_or_default();
    match text(headers, &VERSION) {
        None => return Err(missing("MCP-Protocol-Version")),
        Some(header) if header != stated => {
            return Err(mismatch(format!(
                "MCP-Protocol-Version says {header}, params._meta says {stated}"
            )));
        }
        Some(_) => {}
    }
    let version = meta?;
    match text(headers, &METHOD) {
        None => return Err(missing("Mcp-Method")),
        Some(header) if header != request.method => {
            let said = &request.method;
            return Err(mismatch(format!("Mcp-Method says {header}, the body says {said}")));
        }
        Some(_) => {}
    }
    // Of methods that are gone the method is what is wrong.
    let target = request.target().filter(|_| !is_removed(&request.method));
    if let Some(name) = target {
        match text(headers, &NAME) {
            None => return Err(missing("Mcp-Name")),
            Some(header) if decode(header).as_deref() == Some(name) => {}
            Some(_) => {
                return Err(mismatch(format!("Mcp-Name does not say {name}, as the body does")));
            }
        }
    }
    Ok(version)
}

fn missing(header: &str) -> RpcError {
    mismatch(format!("The header {header} is missing"))
}

fn mismatch(message: String) -> RpcError {
    RpcError::new(StatusCode::BAD_REQUEST, HEADER_MISMATCH, message)
}

/// A header value; `=?base64?…?=` holds one that is not plain ASCII. None when that is not strict
/// Base64 of UTF-8.
pub(crate) fn decode(value: &str) -> Option<String> {
    let Some(encoded) = value.strip_prefix("=?base64?").and_then(|v| v.strip_suffix("?=")) else {
        return Some(value.to_owned());
    };
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::{Value, json};

    use super::*;
    use crate::jsonrpc::{Id, UNSUPPORTED_VERSION};

    const V: &str = "mcp-protocol-version";
    const M: &str = "mcp-method";
    const N: &str = "mcp-name";

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let value = |v: &str| HeaderValue::from_bytes(v.as_bytes()).expect("a value");
        list.iter().map(|(name, v)| (HeaderName::from_static(name), value(v))).collect()
    }

    fn request(method: &str, params: Value) -> RpcRequest {
        let raw = serde_json::value::to_raw_value(&params).expect("JSON");
        RpcRequest::read(Id::Number(1), method.to_owned(), Some(raw)).expect("params")
    }

    fn meta(version: &str) -> Value {
        json!({
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientCapabilities": {},
        })
    }

    #[test]
    fn accept_names_types_kinds_or_all() {
        let takes = |values: &[&str], media| {
            let list: Vec<_> = values.iter().map(|v| ("accept", *v)).collect();
            accepts(&headers(&list), media)
        };
        let json = "application/json";
        assert!(takes(&[], json));
        for value in
            [json, "Application/JSON", "text/html, application/json;q=0.5", "*/*", "application/*"]
        {
            assert!(takes(&[value], json), "{value}");
        }
        for value in ["", "text/*", "application/jsonl", "json", "application", "*", "é"] {
            assert!(!takes(&[value], json), "{value}");
        }
        assert!(takes(&["text/html", json], json), "several headers are one list");
        assert!(takes(&["é", json], json), "what cannot be read is no reason to refuse the rest");
        assert!(takes(&["text/event-stream"], "text/event-stream"));
        assert!(takes(&["TEXT/*"], "text/event-stream"));
    }

    #[test]
    fn json_is_said_with_or_without_parameters() {
        for (value, is) in [
            ("application/json", true),
            (" Application/Json ; charset=utf-8", true),
            ("application/jsonp", false),
            ("text/plain; application/json", false),
            ("", false),
        ] {
            assert_eq!(is_json(&headers(&[("content-type", value)])), is, "{value}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }

    #[test]
    fn the_version_header_tells_the_eras_apart() {
        for (value, modern, odd) in [
            (Some("2024-11-05"), false, false),
            (Some("2025-11-25"), false, false),
            (Some(" 2026-07-28 "), true, true),
            (Some("2099-01-01"), false, true),
            (Some(""), false, true),
            (None, false, false),
        ] {
            let list: Vec<_> = value.map(|v| (V, v)).into_iter().collect();
            let headers = headers(&list);
            assert_eq!(is_modern(&headers), modern, "{value:?}");
            assert_eq!(not_of_a_session(&headers), value.map(str::trim).filter(|_| odd));
        }
    }

    #[test]
    fn headers_are_held_against_the_body_in_the_order_of_the_table() {
        let (now, call) = ((V, "2026-07-28"), (M, "tools/call"));
        let body = |meta| request("tools/call", json!({ "name": "x", "_meta": meta }));
        let code = |list: &[_], meta| check(&headers(list), &body(meta)).map_err(|e| e.code);
        assert_eq!(code(&[], json!({})), Err(INVALID_PARAMS));
        assert_eq!(code(&[], meta("2026-07-28")), Err(HEADER_MISMATCH));
        assert_eq!(code(&[(V, "2025-11-25")], meta("2026-07-28")), Err(HEADER_MISMATCH));
        assert_eq!(code(&[now], meta("2025-11-25")), Err(HEADER_MISMATCH));
        let old = (V, "2025-11-25");
        assert_eq!(code(&[old], meta("2025-11-25")), Err(UNSUPPORTED_VERSION));
        assert_eq!(code(&[now], meta("2026-07-28")), Err(HEADER_MISMATCH));
        assert_eq!(code(&[now, (M, "tools/list")], meta("2026-07-28")), Err(HEADER_MISMATCH));
        assert_eq!(code(&[now, call], meta("2026-07-28")), Err(HEADER_MISMATCH));
        assert_eq!(code(&[now, call, (N, "y")], meta("2026-07-28")), Err(HEADER_MISMATCH));
        let all = [now, call, (N, "x")];
        assert_eq!(code(&all, meta("2026-07-28")), Ok(ProtocolVersion::V2026_07_28));
        let message = |list: &[_]| {
            check(&headers(list), &body(meta("2026-07-28"))).expect_err("refused").message
        };
        assert_eq!(message(&[]), "The header MCP-Protocol-Version is missing");
        assert_eq!(message(&[now]), "The header Mcp-Method is missing");
        assert_eq!(message(&[now, call]), "The header Mcp-Name is missing");
    }

    #[test]
    fn only_what_has_a_target_needs_a_name() {
        for (method, params, named) in [
            ("tools/call", json!({ "name": "x" }), true),
            ("prompts/get", json!({ "name": "x" }), true),
            ("resources/read", json!({ "uri": "x", "name": "y" }), true),
            ("tools/list", json!({ "name": "x" }), false),
            ("tools/call", json!({ "name": 3 }), false),
            ("tools/call", json!({}), false),
        ] {
            let mut params = params;
            params["_meta"] = meta("2026-07-28");
            let list = [(V, "2026-07-28"), (M, method)];
            let request = request(method, params);
            assert_eq!(check(&headers(&list), &request).is_err(), named, "{method}");
            let all = [list[0], list[1], (N, "x")];
            assert!(check(&headers(&all), &request).is_ok(), "{method}");
        }
    }

    #[test]
    fn names_are_plain_or_strict_base64_of_utf_8() {
        for (value, name) in [
            ("plain", Some("plain")),
            ("=?base64?w6k=?=", Some("é")),
            ("=?base64??=", Some("")),
            ("=?base64?w6k?=", None),
            ("=?base64?w6k=", Some("=?base64?w6k=")),
            ("w6k=?=", Some("w6k=?=")),
            ("=?base64?w6k=\n?=", None),
            ("=?base64?/w==?=", None),
        ] {
            assert_eq!(decode(value).as_deref(), name, "{value}");
        }
    }
}
