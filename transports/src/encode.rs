//! The envelope, written last and for the caller's version.
//!
//! A tool's result goes out in pieces: the structured JSON as it is, and the text block by escaping
//! the same pieces while they are sent, so that a large result exists once.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use crate::content;
use crate::encoded::Encoded;
use crate::error::RpcError;
use crate::jsonrpc::Id;
use crate::outcome::{Fault, Outcome, Reply, Segments, Text, ToolReply};
use crate::version::ProtocolVersion;

/// `_meta` key of what the server says of itself.
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// The beginning of a text block.
const TEXT: &[u8] = b"{\"type\":\"text\",\"text\":";

/// What this server says of itself in `_meta` of modern results and in `initialize`.
#[derive(Debug, Clone, Serialize)]
pub struct ServerInfo {
    /// The name that programs know it by.
    pub name: &'static str,
    /// The name for people; sent from 2025-06-18 on.
    pub title: &'static str,
    /// The version of this build.
    pub version: String,
    /// What only those are told who ask for it.
    #[serde(skip)]
    pub about: About,
}

/// What `initialize` and `server/discover` say of this server from 2025-11-25 on, and no other
/// result: it would be in all of them.
#[derive(Debug, Clone, Default, Serialize)]
pub struct About {
    /// What it is, in a sentence.
    pub description: &'static str,
    /// Where people read about it.
    #[serde(rename = "websiteUrl", skip_serializing_if = "Option::is_none")]
    pub website_url: Option<String>,
    /// Pictures of it (MCP, "Icons").
    pub icons: &'static [Icon],
}

/// A picture (MCP, "Icons").
#[derive(Debug, Clone, Serialize)]
pub struct Icon {
    /// `https:` or `data:`.
    pub src: &'static str,
    /// Its media type.
    #[serde(rename = "mimeType")]
    pub mime_type: &'static str,
    /// Such as `48x48`, or `any`.
    pub sizes: &'static [&'static str],
}

/// From the scopes that a call needs to the text of `WWW-Authenticate`; none where nobody can be
/// asked for more.
pub type Challenge = Arc<dyn Fn(&[String]) -> Option<String> + Send + Sync>;

// === impl ServerInfo ===

impl ServerInfo {
    /// All of it that a revision has.
    pub(crate) fn of_version(&self, version: ProtocolVersion) -> Value {
        let mut info = json!({ "name": self.name, "version": self.version });
        if version >= ProtocolVersion::V2025_06_18 {
            info["title"] = self.title.into();
        }
        let about = json!(self.about);
        if version >= ProtocolVersion::V2025_11_25 && !self.about.description.is_empty() {
            for (key, value) in about.as_object().into_iter().flatten() {
                info[key] = value.clone();
            }
        }
        info
    }
}

/// The answer to a request that is no more than this result.
pub(crate) fn result(id: &Id, result: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": result })
}

/// The answer to a request, and its HTTP status. A cancelled call has none.
pub fn outcome(
    id: &Id,
    outcome: Outcome,
    version: ProtocolVersion,
    info: &ServerInfo,
) -> Option<(Encoded, u16)> {
    Some(match outcome {
        Outcome::Cancelled => return None,
        Outcome::Fault(fault) => {
            let error = RpcError::of(fault, version);
            let status = error.status.as_u16();
            (Encoded::value(&error.answer(Some(id))), status)
        }
        Outcome::InputRequired { requests, state } => {
            let mut required = serde_json::Map::new();
            if !requests.is_empty() {
                required.insert("inputRequests".into(), requests.into());
            }
            if let Some(state) = state {
                required.insert("requestState".into(), state.into());
            }
            required.insert("resultType".into(), "input_required".into());
            let stamped = stamp(required, version, info, None);
            (Encoded::value(&result(id, &stamped)), 200)
        }
        Outcome::Complete(Reply::Shared(shared)) => {
            let shared =
                shared.encoded(version, |map| json_result(map, version, info).to_string().into());
            let mut encoded = Encoded::default();
            encoded.raw(head(id));
            encoded.raw(shared);
            encoded.raw(Bytes::from_static(b"}"));
            (encoded.shown(), 200)
        }
        Outcome::Complete(Reply::Json(map)) => {
            (Encoded::value(&result(id, &json_result(map, version, info))), 200)
        }
        Outcome::Complete(Reply::Tool(reply)) => (tool(id, reply, version, info).shown(), 200),
    })
}

/// The answer to a request, up to its result.
fn head(id: &Id) -> Vec<u8> {
    let mut head = Vec::with_capacity(160);
    head.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
    written(id, &mut head);
    head.extend_from_slice(b",\"result\":");
    head
}

/// Into memory, and of what has names for all keys, nothing fails.
fn written(value: &impl Serialize, out: &mut Vec<u8>) {
    let _ = serde_json::to_writer(out, value);
}

/// A missing scope as a tool's result: over stdio, and where a stream is open already and no status
/// can say it. The challenge is where hosts look for it.
pub fn scope_told(
    outcome: Outcome,
    challenge: impl FnOnce(&[String]) -> Option<String>,
) -> Outcome {
    let Outcome::Fault(Fault::Scope { needed }) = outcome else { return outcome };
    let text = json!({ "error": {
        "code": "insufficient_scope",
        "message": format!("This needs {}.", needed.join(" and ")),
        "hint": "Sign in again and grant these scopes.",
        "retryable": false,
        "needed": needed,
    } });
    let meta = challenge(&needed).map(|text| json!({ "mcp/www_authenticate": [text] }));
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
        for key in ["resultType", "ttlMs", "cacheScope"] {
            map.remove(key);
        }
        older(&mut map, version);
    }
    if let Some(Value::Array(messages)) = map.get_mut("messages") {
        for block in messages.iter_mut().filter_map(|m| m.get_mut("content")) {
            *block = content::of_version(block.take(), version);
        }
    }
    let mut meta = map.remove("_meta");
    if version.is_modern() && map.contains_key("supportedVersions") {
        meta.get_or_insert_with(|| json!({}))[SERVER_INFO] = info.of_version(version);
    }
    stamp(map, version, info, meta)
}

/// `_meta` with the server's name, for modern callers.
fn stamp(
    mut result: serde_json::Map<String, Value>,
    version: ProtocolVersion,
    info: &ServerInfo,
    meta: Option<Value>,
) -> Value {
    if let Some(meta) = meta_value(version, info, meta) {
        result.insert("_meta".into(), meta);
    }
    result.into()
}

fn meta_value(version: ProtocolVersion, info: &ServerInfo, meta: Option<Value>) -> Option<Value> {
    if !version.is_modern() {
        return meta;
    }
    let mut meta = meta.unwrap_or_else(|| json!({}));
    if meta.get(SERVER_INFO).is_none() {
        meta[SERVER_INFO] = json!(info);
    }
    Some(meta)
}

/// Takes out of a list what a revision does not have yet.
fn older(map: &mut serde_json::Map<String, Value>, version: ProtocolVersion) {
    let mut newer: Vec<&str> = Vec::new();
    if version < ProtocolVersion::V2025_11_25 {
        newer.extend(["icons", "$schema"]);
    }
    if version < ProtocolVersion::V2025_06_18 {
        newer.extend(["title", "outputSchema", "_meta"]);
    }
    if version < ProtocolVersion::V2025_03_26 {
        newer.push("annotations");
    }
    for list in ["tools", "prompts", "resources", "resourceTemplates", "contents"] {
        let Some(Value::Array(items)) = map.get_mut(list) else { continue };
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            for key in &newer {
                item.remove(*key);
            }
        }
    }
}

fn tool(id: &Id, reply: ToolReply, version: ProtocolVersion, info: &ServerInfo) -> Encoded {
    let mut front = head(id);
    front.push(b'{');
    if version.is_modern() {
        front.extend_from_slice(b"\"resultType\":\"complete\",");
    }
    front.extend_from_slice(b"\"content\":[");
    let pieces = reply.structured.as_ref().map_or(0, |Segments(parts)| parts.len());
    let mut encoded = Encoded::with_room(3 + 2 * pieces);
    let mut behind = Vec::with_capacity(256);
    let mut between: &[u8] = b"";
    match (&reply.text, &reply.structured) {
        (Text::None, _) => encoded.raw(front),
        (Text::Own(text), _) => {
            front.extend_from_slice(TEXT);
            written(text, &mut front);
            encoded.raw(front);
            (behind, between) = (b"}".to_vec(), b",");
        }
        (Text::Same, structured) => {
            front.extend_from_slice(TEXT);
            front.push(b'"');
            encoded.raw(front);
            let parts = structured.iter().flat_map(|Segments(parts)| parts.iter().cloned());
            encoded.quoted_pieces(parts);
            behind.extend_from_slice(b"\"}");
            between = b",";
        }
    }
    for more in &reply.more {
        behind.extend_from_slice(between);
        written(&content::of_version(json!(more), version), &mut behind);
        between = b",";
    }
    behind.push(b']');
    let structured = reply.structured.filter(|_| version >= ProtocolVersion::V2025_06_18);
    if let Some(Segments(parts)) = structured {
        behind.extend_from_slice(b",\"structuredContent\":");
        encoded.raw(std::mem::replace(&mut behind, Vec::with_capacity(192)));
        encoded.raw_pieces(parts);
    }
    behind.extend_from_slice(b",\"isError\":");
    written(&reply.is_error, &mut behind);
    match reply.meta {
        // Made of nothing but what is known: no tree of values for each call.
        None if version.is_modern() => {
            behind.extend_from_slice(b",\"_meta\":{");
            written(&SERVER_INFO, &mut behind);
            behind.push(b':');
            written(info, &mut behind);
            behind.push(b'}');
        }
        meta => {
            if let Some(meta) = meta_value(version, info, meta) {
                behind.extend_from_slice(b",\"_meta\":");
                written(&meta, &mut behind);
            }
        }
    }
    behind.extend_from_slice(b"}}");
    encoded.raw(behind);
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: ServerInfo = ServerInfo {
        name: "s",
        title: "S",
        version: String::new(),
        about: About { description: "", website_url: None, icons: &[] },
    };

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

    fn written(reply: impl Into<Reply>, version: ProtocolVersion) -> Value {
        let (message, status) =
            outcome(&Id::Number(1), Outcome::Complete(reply.into()), version, &INFO)
                .expect("an answer");
        assert_eq!(status, 200);
        serde_json::from_slice(&message.into_bytes()).expect("JSON")
    }

    #[test]
    fn old_clients_get_no_structured_content() {
        let reply = || ToolReply::structured(b"{}".to_vec().into());
        let content = json!([{ "type": "text", "text": "{}" }]);
        for version in ProtocolVersion::ALL {
            let result = &written(reply(), version)["result"];
            assert_eq!((&result["content"], &result["isError"]), (&content, &json!(false)));
            let has = result.get("structuredContent").is_some();
            assert_eq!(has, version >= ProtocolVersion::V2025_06_18, "{version:?}");
        }
        let old = written(reply(), ProtocolVersion::V2024_11_05);
        let result = json!({ "content": content, "isError": false });
        assert_eq!(old, json!({ "jsonrpc": "2.0", "id": 1, "result": result }));
    }

    #[test]
    fn a_tool_may_say_what_it_likes_beside_its_result() {
        let reply = |text| ToolReply {
            is_error: true,
            meta: Some(json!({ "a": 1 })),
            text,
            ..ToolReply::text("")
        };
        let result = written(reply(Text::Own("\"x\"".into())), ProtocolVersion::V2026_07_28);
        assert_eq!(
            result["result"],
            json!({
                "resultType": "complete",
                "content": [{ "type": "text", "text": "\"x\"" }],
                "isError": true,
                "_meta": {
                    "a": 1,
                    "io.modelcontextprotocol/serverInfo": {
                        "name": "s", "title": "S", "version": "",
                    },
                },
            })
        );
        let result = written(reply(Text::Same), ProtocolVersion::V2025_03_26);
        let content = json!([{ "type": "text", "text": "" }]);
        let expected = json!({ "content": content, "isError": true, "_meta": { "a": 1 } });
        assert_eq!(result["result"], expected);
    }

    #[test]
    fn lists_hold_what_a_revision_has() {
        let item = json!({
            "name": "x", "title": "X", "icons": [], "$schema": "s", "outputSchema": {},
            "_meta": {}, "annotations": {}, "description": "d",
        });
        let list = || {
            let list = json!({ "ttlMs": 1, "cacheScope": "private", "nextCursor": "n" });
            let Value::Object(mut list) = list else { panic!("an object") };
            for name in ["tools", "prompts", "resources", "resourceTemplates", "others"] {
                list.insert(name.into(), json!([item]));
            }
            list
        };
        let newest = ["name", "title", "icons", "$schema", "outputSchema", "_meta", "annotations"];
        for (version, has) in [
            (ProtocolVersion::V2026_07_28, &newest[..]),
            (ProtocolVersion::V2025_11_25, &newest[..]),
            (
                ProtocolVersion::V2025_06_18,
                &["name", "title", "outputSchema", "_meta", "annotations"][..],
            ),
            (ProtocolVersion::V2025_03_26, &["name", "annotations"][..]),
            (ProtocolVersion::V2024_11_05, &["name"][..]),
        ] {
            let shared = Reply::Shared(Arc::new(crate::outcome::Shared::new(list())));
            let result = written(Reply::Json(list()), version)["result"].take();
            assert_eq!(written(shared, version)["result"], result, "{version:?}");
            let modern = version.is_modern();
            for key in ["ttlMs", "cacheScope", "resultType"] {
                assert_eq!(result.get(key).is_some(), modern, "{version:?}: {key}");
            }
            assert_eq!(result["nextCursor"], "n");
            assert_eq!(result["others"], json!([item]), "only the lists of the protocol");
            for name in ["tools", "prompts", "resources", "resourceTemplates"] {
                let keys = result[name][0].as_object().expect("an object");
                let mut keys: Vec<&str> =
                    keys.keys().map(String::as_str).filter(|k| *k != "description").collect();
                keys.sort_unstable();
                let mut of_item: Vec<&str> =
                    newest.into_iter().filter(|k| has.contains(k)).collect();
                of_item.sort_unstable();
                assert_eq!(keys, of_item, "{version:?}: {name}");
            }
        }
    }

    #[test]
    fn a_missing_scope_is_told_where_hosts_look_for_it() {
        let fault = || Outcome::Fault(Fault::Scope { needed: vec!["a".into(), "b".into()] });
        let told = |challenge: Option<&str>| match scope_told(fault(), |needed| {
            challenge.map(|c| format!("{c} {needed:?}"))
        }) {
            Outcome::Complete(Reply::Tool(reply)) => reply,
            other => panic!("{other:?}"),
        };
        let reply = told(Some("Bearer"));
        assert!(reply.is_error);
        let challenge = json!({ "mcp/www_authenticate": ["Bearer [\"a\", \"b\"]"] });
        assert_eq!(reply.meta, Some(challenge));
        let Text::Own(text) = reply.text else { panic!("a text") };
        let error = &serde_json::from_str::<Value>(&text).expect("JSON")["error"];
        assert_eq!(
            (&error["code"], &error["needed"]),
            (&json!("insufficient_scope"), &json!(["a", "b"]))
        );
        assert_eq!(told(None).meta, None);
        let other = scope_told(Outcome::Cancelled, |_| panic!("nobody lacks anything"));
        assert!(matches!(other, Outcome::Cancelled));
    }

    #[test]
    fn pieces_are_the_message() {
        let parts = [r#"{"a":"#, r#""x\"y""#, "\n\t\r}"].map(|p| Bytes::from_static(p.as_bytes()));
        let reply = || ToolReply::structured(Segments(parts.to_vec()));
        let version = ProtocolVersion::V2026_07_28;
        let encoded = || {
            let end = Outcome::Complete(reply().into());
            outcome(&Id::String("i".into()), end, version, &INFO).expect("an answer").0
        };
        let (whole, mut pieces, mut encoded) = (encoded().into_bytes(), Vec::new(), encoded());
        while let Some(piece) = encoded.next_piece() {
            pieces.push(piece);
        }
        assert!(pieces.len() > parts.len());
        assert_eq!(pieces.concat(), whole);
        let message: Value = serde_json::from_slice(&whole).expect("JSON");
        assert_eq!(message["result"]["content"][0]["text"], "{\"a\":\"x\\\"y\"\n\t\r}");
        assert_eq!(message["result"]["structuredContent"], json!({ "a": "x\"y" }));
    }
}
