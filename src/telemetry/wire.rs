//! The debug switch `log.messages`: every JSON-RPC message, as one log line, of which only what is
//! known to be harmless is shown. With `log.values` all of it, but for secrets.

use mssql_mcp_transports::tap::{self, Direction};
use serde_json::{Map, Value};

use crate::config::Config;
use crate::config::settings;
use crate::plural::plural;
use crate::statement::Statement;

/// Characters of one text that are shown.
const LONGEST: usize = 500;

/// What of its arguments each tool lets be shown, by its name.
pub(crate) type Tools = Vec<(&'static str, &'static Shape)>;

/// Switches it on, if the configuration says so, and warns.
pub(crate) fn configure(config: &Config, tools: Tools) {
    if !config.get(settings::log::MESSAGES) {
        return;
    }
    let values = config.get(settings::log::VALUES);
    if values {
        tracing::warn!(
            "log.messages and log.values are on: the log holds every statement, parameter and row \
             that passes; switch them off when the fault is found"
        );
    } else {
        tracing::warn!(
            "log.messages is on: every JSON-RPC message is logged, without values; switch it off \
             when the fault is found"
        );
    }
    tap::install(move |direction, message| {
        let direction = match direction {
            Direction::In => "in",
            Direction::Out => "out",
        };
        tracing::info!(target: "mssql_mcp::wire", direction, message = %shown(message, values, &tools));
    });
}

/// A message as it may be logged.
fn shown(message: &[u8], values: bool, tools: &Tools) -> String {
    match serde_json::from_slice::<Value>(message) {
        Ok(mut v) if values => {
            whole(&mut v);
            v.to_string()
        }
        Ok(Value::Array(batch)) => {
            batch.iter().map(|m| redacted(m, &MESSAGE, tools)).collect::<Value>().to_string()
        }
        Ok(v) => redacted(&v, &MESSAGE, tools).to_string(),
        // What it is cannot be told, so nothing of it is shown.
        Err(_) => match message.len() {
            1 => "(1 byte that is no JSON)".to_owned(),
            n => format!("({n} bytes that are no JSON)"),
        },
    }
}

/// Names of what nobody may see.
fn is_secret(key: &str) -> bool {
    let k = key.to_ascii_lowercase();
    ["password", "secret", "authorization", "apikey", "api_key", "requeststate", "cookie"]
        .iter()
        .any(|s| k.contains(s))
        || (k.contains("token") && k != "progresstoken")
}

/// All of it, but for secrets.
fn whole(v: &mut Value) {
    match v {
        Value::Object(o) => {
            for (k, v) in o.iter_mut() {
                if is_secret(k) {
                    *v = "(redacted)".into();
                } else {
                    whole(v);
                }
            }
        }
        Value::Array(a) => a.iter_mut().for_each(whole),
        Value::String(s) => shorten(s),
        _ => {}
    }
}

/// What may be shown of a value. What no shape names is counted, not shown: the next field of the
/// protocol may be data.
#[derive(Debug)]
pub enum Shape {
    /// It is a word of the protocol or a name: shown.
    Plain,
    /// It is a number or a flag, and shown where it is one: as a text it could be anything.
    Number,
    /// One of these words, or how long it is.
    OneOf(&'static [&'static str]),
    /// T-SQL: with `?` for literals.
    Statement,
    /// How many there are.
    Count,
    /// The names, and the type of each value.
    Types,
    /// The same, of an array of named values too.
    Named,
    /// An object with these fields.
    Fields(&'static [(&'static str, Shape)]),
    /// An array, or an object with names that say nothing.
    Each(&'static Shape),
    /// By the tool that the object around it names: as the tool itself says.
    OfTool,
}

use Shape::{Count, Each, Fields, Named, Number, OfTool, OneOf, Plain, Statement as Sql, Types};

/// RFC 5424, as MCP's logging has it.
const LEVELS: Shape =
    OneOf(&["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]);

const PEER: Shape = Fields(&[("name", Plain), ("version", Plain)]);

const META: Shape = Fields(&[
    ("io.modelcontextprotocol/protocolVersion", Plain),
    ("io.modelcontextprotocol/clientInfo", PEER),
    ("io.modelcontextprotocol/serverInfo", PEER),
    ("io.modelcontextprotocol/logLevel", LEVELS),
    ("io.modelcontextprotocol/clientCapabilities", CAPABILITIES),
    ("progressToken", Plain),
    ("traceparent", Plain),
]);

const CAPABILITIES: Shape = Fields(&[
    ("elicitation", Types),
    ("experimental", Count),
    ("extensions", Count),
    ("logging", Types),
    ("prompts", Types),
    ("resources", Types),
    ("roots", Types),
    ("sampling", Types),
    ("tools", Types),
]);

/// What a person answered.
const ANSWER: Shape =
    Fields(&[("action", OneOf(&["accept", "decline", "cancel"])), ("content", Types)]);

const PARAMS: Shape = Fields(&[
    ("_meta", META),
    ("name", Plain),
    ("arguments", OfTool),
    ("inputResponses", Each(&ANSWER)),
    ("protocolVersion", Plain),
    ("clientInfo", PEER),
    ("capabilities", CAPABILITIES),
    ("level", LEVELS),
    ("requestId", Plain),
    ("progressToken", Plain),
    ("progress", Number),
    ("total", Number),
]);

const TRUNCATED: Shape = Fields(&[("reason", Plain)]);

const ROWSET: Shape = Fields(&[
    ("columns", Each(&Fields(&[("name", Plain), ("type", Plain)]))),
    ("rows", Count),
    ("csv", Count),
    ("row_count", Number),
    ("truncated", TRUNCATED),
]);

const RESULT: Shape = Fields(&[
    ("_meta", META),
    ("resultType", Plain),
    ("isError", Number),
    ("content", Each(&Fields(&[("type", Plain)]))),
    (
        "structuredContent",
        Fields(&[
            ("results", Each(&ROWSET)),
            ("tables", Count),
            ("columns", Count),
            ("rows_affected", Each(&Number)),
            ("messages", Count),
            ("committed", Number),
            ("dry_run", Number),
            ("truncated", TRUNCATED),
        ]),
    ),
    ("action", OneOf(&["accept", "decline", "cancel"])),
    ("protocolVersion", Plain),
    ("supportedVersions", Each(&Plain)),
    ("serverInfo", PEER),
    ("capabilities", CAPABILITIES),
    ("tools", Each(&Fields(&[("name", Plain)]))),
    ("inputRequests", Each(&Fields(&[("method", Plain)]))),
]);

const MESSAGE: Shape = Fields(&[
    ("jsonrpc", OneOf(&["2.0"])),
    ("id", Plain),
    ("method", Plain),
    ("params", PARAMS),
    ("result", RESULT),
    ("error", Fields(&[("code", Number)])),
]);

fn redacted(v: &Value, shape: &Shape, tools: &Tools) -> Value {
    match (shape, v) {
        (Plain, Value::String(s)) => {
            let mut s = s.clone();
            shorten(&mut s);
            s.into()
        }
        (Plain | Number, Value::Null | Value::Bool(_) | Value::Number(_)) => v.clone(),
        (OneOf(words), Value::String(s)) if words.contains(&s.as_str()) => v.clone(),
        (Sql, Value::String(q)) => {
            let mut redacted = Statement::of(q).redacted;
            shorten(&mut redacted);
            if redacted.is_empty() { kind(v).into() } else { redacted.into() }
        }
        (Count, Value::Array(all)) => format!("({} of them)", all.len()).into(),
        (Named, Value::Array(all)) if all.iter().all(|one| one["name"].is_string()) => {
            let of = |one: &Value| {
                let value = one.get("value").or(one.get("base64")).unwrap_or(&Value::Null);
                (one["name"].as_str().unwrap_or_default().to_owned(), kind(value).into())
            };
            all.iter().map(of).collect::<Map<_, _>>().into()
        }
        (Types | Named, Value::Object(o)) => {
            o.iter().map(|(k, v)| (k.clone(), kind(v).into())).collect::<Map<_, _>>().into()
        }
        (Fields(known), Value::Object(o)) => {
            let mut out = Map::new();
            let mut others = 0;
            for (k, v) in o {
                let shape = match known.iter().find(|f| f.0 == k).map(|f| &f.1) {
                    Some(OfTool) => {
                        tools.iter().find(|t| o.get("name").is_some_and(|n| n == t.0)).map(|t| t.1)
                    }
                    shape => shape,
                };
                match shape {
                    Some(shape) => _ = out.insert(k.clone(), redacted(v, shape, tools)),
                    None => others += 1,
                }
            }
            if others > 0 {
                out.insert("…".to_owned(), format!("({others} more)").into());
            }
            out.into()
        }
        (Each(shape), Value::Array(a)) => a.iter().map(|v| redacted(v, shape, tools)).collect(),
        (Each(shape), Value::Object(o)) => o.values().map(|v| redacted(v, shape, tools)).collect(),
        _ => kind(v).into(),
    }
}

/// What a value is, without the value.
fn kind(v: &Value) -> String {
    match v {
        Value::Null => "(null)".into(),
        Value::Bool(_) => "(boolean)".into(),
        Value::Number(_) => "(number)".into(),
        Value::String(t) => format!("({})", plural(t.chars().count(), "character")),
        Value::Array(a) => format!("({} of them)", a.len()),
        Value::Object(o) => format!("({})", plural(o.len(), "field")),
    }
}

fn shorten(s: &mut String) {
    if let Some((at, _)) = s.char_indices().nth(LONGEST) {
        s.truncate(at);
        s.push('…');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(message: &[u8], values: bool) -> String {
        let tools = crate::tools::TOOLS.iter().map(|t| (t.name, &t.shown)).collect();
        shown(message, values, &tools)
    }

    #[test]
    fn an_array_of_named_values_shows_no_value() {
        let params =
            json!([{"name": "pin", "value": "9876"}, {"name": "n", "type": "int", "value": 4711}]);
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "execute_sql", "arguments": {"query": "SELECT 1", "params": params}}});
        let text = told(call.to_string().as_bytes(), false);
        assert!(text.contains("\"pin\":\"(4 characters)\"") && !text.contains("4711"), "{text}");
        assert!(!text.contains("9876"), "{text}");
    }

    #[test]
    fn neither_secrets_nor_values_are_shown() {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "execute_sql", "_meta": {"progressToken": "p1"},
            "arguments": {"query": "SELECT * FROM t WHERE Name = 'ada' AND Id = 4711", "params": {"pin": "9876", "n": 4711}},
            "requestState": "sealed"}});
        let text = told(call.to_string().as_bytes(), false);
        assert!(text.contains("Name = ? AND Id = ?") && text.contains("\"p1\""), "{text}");
        for hidden in ["ada", "4711", "9876", "sealed"] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
        let with = told(call.to_string().as_bytes(), true);
        assert!(
            with.contains("ada") && with.contains("9876") && !with.contains("sealed"),
            "{with}"
        );

        let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {
            "content": [{"type": "text", "text": "{\"rows\":[[\"ada\"]]}"}],
            "structuredContent": {"results": [{"columns": [{"name": "Name", "type": "nvarchar"}], "rows": [["ada"], ["bob"]], "row_count": 2}],
                "messages": ["hello ada"]}}});
        let text = told(answer.to_string().as_bytes(), false);
        assert!(
            text.contains("(2 of them)") && text.contains("nvarchar") && !text.contains("ada"),
            "{text}"
        );

        let asked = json!({"method": "elicitation/create", "params": {"message": "Delete ada?", "requestedSchema": {}}});
        assert!(!told(asked.to_string().as_bytes(), false).contains("ada"));
        let said = json!({"id": 1, "result": {"action": "accept", "content": {"confirm": "ada"}}});
        assert!(!told(said.to_string().as_bytes(), false).contains("ada"));
        // What nobody named is counted.
        let params = [
            ("logging/setLevel", json!({"level": "ada"})),
            ("resources/read", json!({"uri": "row://ada"})),
            ("tools/list", json!({"cursor": "ada", "ada": {"ada": ["ada"]}})),
            (
                "tools/call",
                json!({"name": "list_tables", "arguments": {"name_like": "ada", "ada": 1}}),
            ),
            ("tools/call", json!({"name": "execute_sql", "arguments": ["ada"]})),
            ("tools/call", json!({"name": "search", "arguments": {"query": "ada"}})),
            ("tools/call", json!({"name": "execute_sql ", "arguments": {"query": "ada"}})),
            (
                "tools/call",
                json!({"name": "execute_sql", "arguments": {"query": {"ada": 1}, "params": ["ada"]}}),
            ),
            ("notifications/message", json!({"level": "info", "data": {"ada": "ada"}})),
            ("tools/call", json!({"_meta": {"ada": "ada", "baggage": "ada"}})),
            (
                "tools/call",
                json!({"inputResponses": {"ada": {"action": "ada", "content": {"note": "ada"}}}}),
            ),
            ("tools/call", json!("ada")),
        ];
        for (method, params) in params {
            for message in [
                json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}),
                json!([{"jsonrpc": "2.0", "id": 1, "method": method, "params": params, "ada": "ada"}, "ada", ["ada"]]),
            ] {
                let text = told(message.to_string().as_bytes(), false);
                assert!(text.contains(method) && !text.contains("ada"), "{text}");
            }
        }
        let text = told(br#"{"method":"logging/setLevel","params":{"level":"debug"}}"#, false);
        assert!(text.contains("debug"), "{text}");
        let text =
            told(br#"{"id":1,"error":{"code":-32602,"message":"ada","data":{"ada":1}}}"#, false);
        assert!(
            text.contains("-32602") && text.contains("(2 more)") && !text.contains("ada"),
            "{text}"
        );
        let secret =
            json!({"access_token": "abc", "Authorization": "Bearer abc", "password": "abc"});
        assert!(!told(secret.to_string().as_bytes(), true).contains("abc"));
        assert_eq!(told(b"\x1b[31m ada", false), "(9 bytes that are no JSON)");
        assert!(told(json!({"x": "y".repeat(10_000)}).to_string().as_bytes(), true).len() < 2000);
    }
}
