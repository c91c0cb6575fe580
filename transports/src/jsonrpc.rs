//! The envelope of JSON-RPC 2.0, read leniently enough to answer a bad message with the
//! id that it has.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::tap::{self, Direction};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

// Codes of JSON-RPC 2.0, section 5.1.
pub(crate) const PARSE_ERROR: i32 = -32700;
pub(crate) const INVALID_REQUEST: i32 = -32600;
pub(crate) const METHOD_NOT_FOUND: i32 = -32601;
pub(crate) const INVALID_PARAMS: i32 = -32602;
pub(crate) const INTERNAL_ERROR: i32 = -32603;
// Codes of MCP 2026-07-28, "Error Codes".
/// A header does not say what the body says.
pub(crate) const HEADER_MISMATCH: i32 = -32020;
pub(crate) const UNSUPPORTED_VERSION: i32 = -32022;
pub(crate) const MISSING_CAPABILITY: i32 = -32021;
/// Up to 2025-11-25.
pub(crate) const RESOURCE_NOT_FOUND: i32 = -32002;

/// The id of a request: a string or an integer (MCP narrows JSON-RPC here).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Id {
    /// Any integer of 64 bits.
    Number(i64),
    /// Any string, also an empty one.
    String(String),
}

impl From<Id> for Value {
    fn from(id: Id) -> Self {
        match id {
            Id::Number(n) => n.into(),
            Id::String(s) => s.into(),
        }
    }
}

/// One message (JSON-RPC 2.0, sections 4 and 5).
#[derive(Debug)]
pub enum Message {
    /// Wants an answer with its id.
    Request {
        /// That of no other request of this client that still runs.
        id: Id,
        /// `tools/call` and so on.
        method: String,
        /// The params as they came, a JSON object.
        params: Option<Box<RawValue>>,
    },
    /// Wants no answer.
    Notification {
        /// `notifications/cancelled` and so on.
        method: String,
        /// The params as they came, a JSON object.
        params: Option<Box<RawValue>>,
    },
    /// Answers a request of ours.
    Response {
        /// The id of our request.
        id: Id,
        /// The result, or the error object.
        result: Result<Value, Value>,
    },
}

/// Why something is no message.
#[derive(Debug, Clone, PartialEq)]
pub struct Invalid {
    /// The id that it has all the same, if it could be read. It may be a number that is no integer:
    /// that is no id, but its client knows the answer by it.
    pub id: Option<Value>,
    /// -32700 where it is no JSON, else -32600.
    pub code: i32,
    /// What is wrong, for the answer.
    pub message: String,
}

/// What a line or a body holds.
#[derive(Debug)]
pub enum Incoming {
    /// A message, or what should have been one.
    One(Result<Message, Invalid>),
    /// An array of them, which only 2025-03-26 has.
    Batch(Vec<Result<Message, Invalid>>),
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<&'a RawValue>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// Tells `"id": null` from no id.
fn present<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(d).map(Some)
}

/// Parses a body or a line. What is no message is told with the id that it has.
pub fn parse(bytes: &[u8]) -> Incoming {
    // Editors and shells put a byte order mark in front of a text; it is no part of it
    // (RFC 8259, section 8.1).
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    tap::show(Direction::In, || bytes);
    let not_json =
        |e: String| Incoming::One(Err(Invalid { id: None, code: PARSE_ERROR, message: e }));
    let text = match std::str::from_utf8(bytes) {
        Ok(t) => t,
        Err(e) => return not_json(format!("Parse error: not UTF-8 at byte {}", e.valid_up_to())),
    };
    // Nearly all are messages, and are read once.
    if text.starts_with('{')
        && let Ok(envelope) = serde_json::from_str(text)
    {
        return Incoming::One(message(envelope));
    }
    let raw: &RawValue = match serde_json::from_str(text) {
        Ok(r) => r,
        Err(e) => return not_json(format!("Parse error: {e}")),
    };
    if raw.get().starts_with('[') {
        return match serde_json::from_str::<Vec<&RawValue>>(raw.get()) {
            Ok(list) => Incoming::Batch(list.into_iter().map(one).collect()),
            Err(e) => not_json(format!("Parse error: {e}")),
        };
    }
    Incoming::One(one(raw))
}

fn invalid(id: Option<Value>, message: &str) -> Invalid {
    Invalid { id, code: INVALID_REQUEST, message: format!("Invalid Request: {message}") }
}

/// What an answer can be known by. Null is nobody's, and MCP has no such answer.
fn echoed(id: &RawValue) -> Option<Value> {
    serde_json::from_str(id.get()).ok().filter(|v: &Value| v.is_string() || v.is_number())
}

/// What is wrong with an object whose members are all taken as they come: one is there twice.
pub(crate) fn twice(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.strip_prefix("duplicate field `").and_then(|t| t.split('`').next()) {
        Some(member) => format!("{member} is there twice"),
        None => text,
    }
}

fn one(raw: &RawValue) -> Result<Message, Invalid> {
    // serde takes an array for a struct, field by field; a message is an object.
    if !raw.get().starts_with('{') {
        return Err(invalid(None, "a message must be an object"));
    }
    let envelope = serde_json::from_str(raw.get()).map_err(|e| {
        let id = serde_json::from_str::<HashMap<Cow<'_, str>, &RawValue>>(raw.get());
        let id = id.ok().and_then(|members| echoed(members.get("id")?));
        invalid(id, &twice(&e))
    })?;
    message(envelope)
}

/// As everybody writes it, or with escapes.
fn is_2_0(version: &RawValue) -> bool {
    version.get() == "\"2.0\""
        || serde_json::from_str::<Cow<'_, str>>(version.get()).is_ok_and(|v| v == "2.0")
}

fn message(e: Envelope<'_>) -> Result<Message, Invalid> {
    let id = match e.id {
        None => None,
        Some(r) => match serde_json::from_str::<Id>(r.get()) {
            Ok(id) => Some(id),
            Err(_) => return Err(invalid(echoed(r), "id must be a string or an integer")),
        },
    };
    let invalid = |id: Option<Id>, reason| invalid(id.map(Value::from), reason);
    if !e.jsonrpc.is_some_and(is_2_0) {
        return Err(invalid(id, "jsonrpc must be \"2.0\""));
    }
    let params = e.params.map(ToOwned::to_owned);
    if let Some(method) = e.method {
        let Ok(method) = serde_json::from_str::<String>(method.get()) else {
            return Err(invalid(id, "method must be a string"));
        };
        if params.as_deref().is_some_and(|p| !p.get().starts_with('{')) {
            return Err(invalid(id, "params must be an object"));
        }
        return Ok(match id {
            Some(id) => Message::Request { id, method, params },
            None => Message::Notification { method, params },
        });
    }
    let value = |r: &RawValue| serde_json::from_str(r.get()).unwrap_or(Value::Null);
    match (id, e.result, e.error) {
        (Some(id), Some(r), None) => Ok(Message::Response { id, result: Ok(value(r)) }),
        (Some(id), None, Some(r)) => Ok(Message::Response { id, result: Err(value(r)) }),
        (id, ..) => Err(invalid(id, "neither a request, a notification nor a response")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(s: &str) -> Invalid {
        match parse(s.as_bytes()) {
            Incoming::One(Err(i)) => i,
            other => panic!("{s}: {other:?}"),
        }
    }

    fn bad(s: &str) -> (Option<Value>, i32) {
        let i = refused(s);
        (i.id, i.code)
    }

    #[test]
    fn bad_messages_are_told_apart_and_keep_their_id() {
        assert_eq!(bad("{"), (None, PARSE_ERROR));
        assert_eq!(bad("3"), (None, INVALID_REQUEST));
        let Incoming::Batch(items) = parse(br#"[["2.0", 1, "tools/call", {}], "x", 3]"#) else {
            panic!("a batch")
        };
        assert!(
            items.iter().all(|i| matches!(i, Err(Invalid { id: None, code: INVALID_REQUEST, .. }))),
            "{items:?}"
        );
        assert_eq!(
            bad(r#"{"jsonrpc":"1.0","id":7,"method":"x"}"#),
            (Some(json!(7)), INVALID_REQUEST)
        );
        assert_eq!(bad(r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#), (None, INVALID_REQUEST));
        for (id, echoed) in [
            ("1.5", Some(json!(1.5))),
            ("18446744073709551615", Some(json!(u64::MAX))),
            ("-2e3", Some(json!(-2000.0))),
            ("true", None),
            ("[1]", None),
            (r#"{"a":1}"#, None),
        ] {
            let i = refused(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"x"}}"#));
            assert_eq!((i.id, i.code), (echoed, INVALID_REQUEST), "{id}");
            assert_eq!(i.message, "Invalid Request: id must be a string or an integer");
        }
        assert_eq!(
            bad(r#"{"jsonrpc":"2.0","id":"a","method":3}"#),
            (Some(json!("a")), INVALID_REQUEST)
        );
        assert_eq!(
            bad(r#"{"jsonrpc":"2.0","id":1,"method":"x","params":[1]}"#),
            (Some(json!(1)), INVALID_REQUEST)
        );
        assert_eq!(bad(r#"{"jsonrpc":"2.0","id":1}"#), (Some(json!(1)), INVALID_REQUEST));
        assert!(matches!(
            parse(&[0xff, 0xfe]),
            Incoming::One(Err(Invalid { code: PARSE_ERROR, .. }))
        ));
        assert!(matches!(parse(b"[]"), Incoming::Batch(l) if l.is_empty()));
    }

    #[test]
    fn what_is_wrong_is_a_sentence_about_a_member() {
        for (text, message) in [
            ("5", "a message must be an object"),
            (r#"{"jsonrpc":2.0,"id":1,"method":"x"}"#, r#"jsonrpc must be "2.0""#),
            (r#"{"jsonrpc":["2.0"],"id":1,"method":"x"}"#, r#"jsonrpc must be "2.0""#),
            (r#"{"id":1,"method":"x"}"#, r#"jsonrpc must be "2.0""#),
            (r#"{"jsonrpc":"2.0","id":1,"method":"x","method":"y"}"#, "method is there twice"),
            (r#"{"jsonrpc":"2.0","id":1,"id":1,"method":"x"}"#, "id is there twice"),
            (r#"{"jsonrpc":"2.0","id":1,"method":["x"]}"#, "method must be a string"),
            (r#"{"jsonrpc":"2.0","id":1,"method":"x","params":"y"}"#, "params must be an object"),
            (r#"{"jsonrpc":"2.0","id":1}"#, "neither a request, a notification nor a response"),
        ] {
            let i = refused(text);
            assert_eq!(i.message, format!("Invalid Request: {message}"), "{text}");
            assert_eq!(i.id, text.starts_with('{').then(|| json!(1)), "{text}");
        }
        let escaped = r#"{"jsonrpc":"2\u002e0","method":"x"}"#;
        assert!(matches!(
            parse(escaped.as_bytes()),
            Incoming::One(Ok(Message::Notification { .. }))
        ));
    }

    #[test]
    fn deep_nesting_is_no_stack_overflow() {
        let deep = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":{{"a":{}{}}}}}"#,
            "[".repeat(200_000),
            "]".repeat(200_000)
        );
        assert!(matches!(
            parse(deep.as_bytes()),
            Incoming::One(Ok(Message::Request { .. }) | Err(_))
        ));
    }
}
