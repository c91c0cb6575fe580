//! The envelope, written last and for the caller's version.
//!
//! A tool's result goes out in pieces: the structured JSON as it is, and the text block by escaping
//! the same pieces while they are sent, so that a large result exists once.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};
use serde_json::{Value, json};

use crate::jsonrpc::{self, Id};
use crate::tap::{self, Direction};
use crate::{Fault, Outcome, ProtocolVersion, Reply, Segments, Text, ToolReply};

/// A message in pieces.
#[derive(Debug, Clone, Default)]
pub struct Encoded {
    parts: VecDeque<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Raw(Bytes),
    /// To be escaped for a JSON string.
    Escape(Bytes),
}

/// Name and version of this server, for `_meta` of modern results and for `initialize`.
#[derive(Debug, Clone)]
pub struct ServerInfo {
    /// `name`.
    pub name: &'static str,
    /// `title`.
    pub title: &'static str,
    /// `version`.
    pub version: String,
}

// === impl Encoded ===

impl Encoded {
    /// A small message.
    pub fn value(v: &Value) -> Self {
        let mut e = Self::default();
        e.raw(v.to_string());
        e.shown()
    }

    fn shown(self) -> Self {
        tap::show(Direction::Out, || self.clone().into_bytes());
        self
    }

    fn raw(&mut self, b: impl Into<Bytes>) {
        self.parts.push_back(Part::Raw(b.into()));
    }

    /// The next piece.
    pub fn next_piece(&mut self) -> Option<Bytes> {
        Some(match self.parts.pop_front()? {
            Part::Raw(b) => b,
            Part::Escape(b) => {
                let mut out = BytesMut::with_capacity(b.len() + b.len() / 8);
                escape(&b, &mut out);
                out.freeze()
            }
        })
    }

    /// The bytes before escaping: enough to tell a small message from a large one.
    pub fn rough_len(&self) -> usize {
        self.parts
            .iter()
            .map(|p| match p {
                Part::Raw(b) | Part::Escape(b) => b.len(),
            })
            .sum()
    }

    /// In one buffer.
    pub fn into_bytes(mut self) -> Bytes {
        if self.parts.len() == 1 {
            return self.next_piece().unwrap_or_default();
        }
        let mut out = BytesMut::with_capacity(self.rough_len() * 9 / 8 + 64);
        for part in self.parts {
            match part {
                Part::Raw(b) => out.put_slice(&b),
                Part::Escape(b) => escape(&b, &mut out),
            }
        }
        out.freeze()
    }
}

/// Escapes valid JSON text (so: no control characters but those that JSON allows between tokens)
/// for a JSON string.
fn escape(b: &[u8], out: &mut BytesMut) {
    let mut from = 0;
    for (i, c) in b.iter().enumerate() {
        let with: &[u8] = match c {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            _ => continue,
        };
        out.put_slice(&b[from..i]);
        out.put_slice(with);
        from = i + 1;
    }
    out.put_slice(&b[from..]);
}

/// An error answer; without an id when there is none to echo.
pub fn error(id: Option<&Id>, code: i32, message: &str, data: Option<Value>) -> Value {
    let mut e = json!({ "code": code, "message": message });
    if let Some(d) = data {
        e["data"] = d;
    }
    match id {
        Some(id) => json!({ "jsonrpc": "2.0", "id": id, "error": e }),
        None => json!({ "jsonrpc": "2.0", "error": e }),
    }
}

/// The code, message, data and HTTP status of a fault, for a caller of this version.
pub fn fault(f: &Fault, version: ProtocolVersion) -> (i32, String, Option<Value>, u16) {
    let modern = version.is_modern();
    let pick = |m: u16| if modern { m } else { 200 };
    match f {
        Fault::MethodNotFound(m) => {
            (jsonrpc::METHOD_NOT_FOUND, format!("Method not found: {m}"), None, pick(404))
        }
        Fault::InvalidParams { message, data } => {
            (jsonrpc::INVALID_PARAMS, message.clone(), data.clone(), 200)
        }
        Fault::MissingCapability(c) => (
            jsonrpc::MISSING_CAPABILITY,
            "The client lacks a capability that this needs".into(),
            Some(json!({ "requiredCapabilities": c })),
            pick(400),
        ),
        Fault::Scope { needed } => (
            jsonrpc::INVALID_REQUEST,
            format!("Insufficient scope: {} needed", needed.join(" ")),
            None,
            403,
        ),
        Fault::Limited { retry_after } => (
            jsonrpc::INTERNAL_ERROR,
            format!("Too many requests; retry after {} s", retry_after.as_secs().max(1)),
            None,
            429,
        ),
        Fault::Overloaded => {
            (jsonrpc::INTERNAL_ERROR, "The server is overloaded; retry later".into(), None, 503)
        }
        Fault::Internal { id } => (
            jsonrpc::INTERNAL_ERROR,
            format!("Internal error {id}; the server's log has the rest"),
            None,
            pick(500),
        ),
    }
}

/// The answer to a request, and its HTTP status. A cancelled call has none.
pub fn outcome(
    id: &Id,
    o: Outcome,
    version: ProtocolVersion,
    info: &ServerInfo,
) -> Option<(Encoded, u16)> {
    Some(match o {
        Outcome::Cancelled => return None,
        Outcome::Fault(f) => {
            let (code, message, data, status) = fault(&f, version);
            (Encoded::value(&error(Some(id), code, &message, data)), status)
        }
        Outcome::InputRequired { requests, state } => {
            let mut result = serde_json::Map::new();
            if !requests.is_empty() {
                result.insert("inputRequests".into(), requests.into());
            }
            if let Some(s) = state {
                result.insert("requestState".into(), s.into());
            }
            result.insert("resultType".into(), "input_required".into());
            (
                Encoded::value(
                    &json!({ "jsonrpc": "2.0", "id": id, "result": stamp(result, version, info, None) }),
                ),
                200,
            )
        }
        Outcome::Complete(Reply::Shared(shared)) => {
            let result =
                shared.encoded(version, |map| json_result(map, version, info).to_string().into());
            let mut e = Encoded::default();
            e.raw(format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{},\"result\":",
                serde_json::to_string(id).unwrap_or_default()
            ));
            e.raw(result);
            e.raw(Bytes::from_static(b"}"));
            (e.shown(), 200)
        }
        Outcome::Complete(Reply::Json(map)) => (
            Encoded::value(
                &json!({ "jsonrpc": "2.0", "id": id, "result": json_result(map, version, info) }),
            ),
            200,
        ),
        Outcome::Complete(Reply::Tool(t)) => (tool(id, t, version, info).shown(), 200),
    })
}

/// A missing scope as a tool's result: over stdio, and where a stream is open already and no status
/// can say it. The challenge is where hosts look for it.
pub fn scope_told(o: Outcome, challenge: impl FnOnce(&[String]) -> Option<String>) -> Outcome {
    let Outcome::Fault(Fault::Scope { needed }) = o else { return o };
    let text = json!({ "error": {
        "code": "insufficient_scope",
        "message": format!("This needs {}.", needed.join(" and ")),
        "hint": "Sign in again and grant these scopes.",
        "retryable": false,
        "needed": needed,
    } });
    let meta = challenge(&needed).map(|c| json!({ "mcp/www_authenticate": [c] }));
    Outcome::Complete(Reply::Tool(ToolReply {
        is_error: true,
        meta,
        ..ToolReply::text(text.to_string())
    }))
}

/// A result in the form of the caller's version.
fn json_result(
    mut map: serde_json::Map<String, Value>,
    version: ProtocolVersion,
    info: &ServerInfo,
) -> Value {
    if version.is_modern() {
        map.entry("resultType").or_insert_with(|| "complete".into());
    } else {
        for k in ["resultType", "ttlMs", "cacheScope"] {
            map.remove(k);
        }
        older(&mut map, version);
    }
    let meta = map.remove("_meta");
    stamp(map, version, info, meta)
}

/// `_meta` with the server's name, for modern callers.
fn stamp(
    mut result: serde_json::Map<String, Value>,
    version: ProtocolVersion,
    info: &ServerInfo,
    meta: Option<Value>,
) -> Value {
    if let Some(m) = meta_value(version, info, meta) {
        result.insert("_meta".into(), m);
    }
    result.into()
}

fn meta_value(version: ProtocolVersion, info: &ServerInfo, meta: Option<Value>) -> Option<Value> {
    if !version.is_modern() {
        return meta;
    }
    let mut m = meta.unwrap_or_else(|| json!({}));
    m["io.modelcontextprotocol/serverInfo"] =
        json!({ "name": info.name, "title": info.title, "version": info.version });
    Some(m)
}

/// Takes out of a list what a revision does not have yet.
fn older(map: &mut serde_json::Map<String, Value>, version: ProtocolVersion) {
    let mut drop: Vec<&str> = Vec::new();
    if version < ProtocolVersion::V2025_11_25 {
        drop.extend(["icons", "$schema"]);
    }
    if version < ProtocolVersion::V2025_06_18 {
        drop.extend(["title", "outputSchema", "_meta"]);
    }
    if version < ProtocolVersion::V2025_03_26 {
        drop.push("annotations");
    }
    for list in ["tools", "prompts", "resources", "resourceTemplates"] {
        let Some(Value::Array(items)) = map.get_mut(list) else { continue };
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            for k in &drop {
                item.remove(*k);
            }
        }
    }
}

fn tool(id: &Id, t: ToolReply, version: ProtocolVersion, info: &ServerInfo) -> Encoded {
    let mut e = Encoded::default();
    let id = serde_json::to_string(id).unwrap_or_default();
    let modern = version.is_modern();
    let open = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{{}\"content\":[{{\"type\":\"text\",\"text\":",
        if modern { "\"resultType\":\"complete\"," } else { "" }
    );
    e.raw(open);
    match (&t.text, &t.structured) {
        (Text::Own(text), _) => e.raw(Value::String(text.clone()).to_string()),
        (Text::Same, Some(Segments(parts))) => {
            e.raw(Bytes::from_static(b"\""));
            e.parts.extend(parts.iter().cloned().map(Part::Escape));
            e.raw(Bytes::from_static(b"\""));
        }
        (Text::Same, None) => e.raw(Bytes::from_static(b"\"\"")),
    }
    e.raw(Bytes::from_static(b"}]"));
    if let Some(Segments(parts)) = t.structured.filter(|_| version >= ProtocolVersion::V2025_06_18)
    {
        e.raw(Bytes::from_static(b",\"structuredContent\":"));
        e.parts.extend(parts.into_iter().map(Part::Raw));
    }
    let mut close = format!(",\"isError\":{}", t.is_error);
    if let Some(m) = meta_value(version, info, t.meta) {
        close += &format!(",\"_meta\":{m}");
    }
    close += "}}";
    e.raw(close);
    e
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: ServerInfo = ServerInfo { name: "s", title: "S", version: String::new() };

    #[test]
    fn the_text_is_the_structured_json_escaped() {
        let json = json!({ "a": "x\"\\\n\t é 日本", "b": [1, null] });
        let two = json.to_string();
        let (head, tail) = two.split_at(7);
        let parts = Segments(vec![head.to_owned().into(), tail.to_owned().into()]);
        let r = Outcome::Complete(ToolReply::structured(parts).into());
        let (e, status) =
            outcome(&Id::Number(1), r, ProtocolVersion::V2025_06_18, &INFO).expect("an answer");
        let v: Value = serde_json::from_slice(&e.into_bytes()).expect("JSON");
        assert_eq!(status, 200);
        assert_eq!(v["result"]["structuredContent"], json);
        assert_eq!(v["result"]["content"][0]["text"], json.to_string());
        assert!(v["result"].get("_meta").is_none() && v["result"].get("resultType").is_none());
    }

    #[test]
    fn old_clients_get_no_structured_content() {
        let r = Outcome::Complete(ToolReply::structured(b"{}".to_vec().into()).into());
        let (e, _) =
            outcome(&Id::Number(1), r, ProtocolVersion::V2024_11_05, &INFO).expect("an answer");
        assert_eq!(
            e.into_bytes(),
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"{}"}],"isError":false}}"#
        );
    }
}
