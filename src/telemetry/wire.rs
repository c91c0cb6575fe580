//! The debug switch `log.messages`: every JSON-RPC message, as one log line. Secrets are never in it; literals, parameters and rows only
//! with `log.values`.

use mssql_mcp_transports::tap::{self, Direction};
use serde_json::{Map, Value};

use crate::audit::statement::Statement;
use crate::config::Config;

/// Characters of one text that are shown.
const LONGEST: usize = 500;

/// Switches it on, if the configuration says so, and warns.
pub fn configure(config: &Config) {
    if !config.bool("log.messages") {
        return;
    }
    let values = config.bool("log.values");
    if values {
        tracing::warn!(
            "log.messages and log.values are on: the log holds every statement, parameter and row that passes; switch them off when the fault is found"
        );
    } else {
        tracing::warn!(
            "log.messages is on: every JSON-RPC message is logged, without values; switch it off when the fault is found"
        );
    }
    tap::install(move |direction, message| {
        let direction = match direction {
            Direction::In => "in",
            Direction::Out => "out",
        };
        tracing::info!(target: "mssql_mcp::wire", direction, message = %shown(message, values));
    });
}

/// A message as it may be logged.
fn shown(message: &[u8], values: bool) -> String {
    match serde_json::from_slice::<Value>(message) {
        Ok(mut v) => {
            redact(&mut v, values);
            v.to_string()
        }
        // What it is cannot be told, so nothing of it is shown.
        Err(_) => format!("({} bytes that are no JSON)", message.len()),
    }
}

/// Names of what nobody may see.
fn is_secret(key: &str) -> bool {
    let k = key.to_ascii_lowercase();
    ["password", "secret", "authorization", "apikey", "api_key", "requeststate", "cookie"].iter().any(|s| k.contains(s))
        || (k.contains("token") && k != "progresstoken")
}

fn redact(v: &mut Value, values: bool) {
    match v {
        Value::Object(o) => object(o, values),
        Value::Array(a) => a.iter_mut().for_each(|v| redact(v, values)),
        Value::String(s) => cut(s),
        _ => {}
    }
}

fn object(o: &mut Map<String, Value>, values: bool) {
    for (k, v) in o.iter_mut() {
        if is_secret(k) {
            *v = "(redacted)".into();
            continue;
        }
        match (k.as_str(), &mut *v) {
            _ if values => redact(v, values),
            ("query", Value::String(q)) => {
                let redacted = Statement::of(q).redacted;
                *q = if redacted.is_empty() { characters(q) } else { redacted };
                cut(q);
            }
            ("rows", Value::Array(rows)) => *v = format!("({} rows)", rows.len()).into(),
            // Of an answer, of a question to a person, of a notification: any of them may quote data.
            ("text" | "message" | "hint" | "data", Value::String(t)) => *t = characters(t),
            ("messages", Value::Array(all)) => *v = format!("({} messages)", all.len()).into(),
            // Bound parameters, and what a person typed.
            ("params", Value::Object(p)) if !p.contains_key("name") && !is_envelope(p) => types(p),
            ("content", Value::Object(p)) => types(p),
            _ => redact(v, values),
        }
    }
}

/// Whether `params` is that of a JSON-RPC message, which is looked into, and not that of `execute_sql`, whose values are data.
fn is_envelope(p: &Map<String, Value>) -> bool {
    [
        "_meta",
        "arguments",
        "protocolVersion",
        "clientInfo",
        "progressToken",
        "requestId",
        "requestedSchema",
        "uri",
        "cursor",
        "level",
    ]
    .iter()
    .any(|k| p.contains_key(*k))
}

fn types(p: &mut Map<String, Value>) {
    for v in p.values_mut() {
        *v = match v {
            Value::Null => "(null)",
            Value::Bool(_) => "(boolean)",
            Value::Number(_) => "(number)",
            Value::String(_) => "(string)",
            Value::Array(_) => "(array)",
            Value::Object(_) => "(object)",
        }
        .into();
    }
}

fn characters(t: &str) -> String {
    format!("({} characters)", t.chars().count())
}

fn cut(s: &mut String) {
    if let Some((at, _)) = s.char_indices().nth(LONGEST) {
        s.truncate(at);
        s.push('…');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn neither_secrets_nor_values_are_shown() {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "execute_sql", "_meta": {"progressToken": "p1"},
            "arguments": {"query": "SELECT * FROM t WHERE Name = 'ada' AND Id = 4711", "params": {"pin": "9876", "n": 4711}},
            "requestState": "sealed"}});
        let text = shown(call.to_string().as_bytes(), false);
        assert!(text.contains("Name = ? AND Id = ?") && text.contains("\"p1\""), "{text}");
        for hidden in ["ada", "4711", "9876", "sealed"] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
        let with = shown(call.to_string().as_bytes(), true);
        assert!(with.contains("ada") && with.contains("9876") && !with.contains("sealed"), "{with}");

        let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {
            "content": [{"type": "text", "text": "{\"rows\":[[\"ada\"]]}"}],
            "structuredContent": {"results": [{"columns": [{"name": "Name", "type": "nvarchar"}], "rows": [["ada"], ["bob"]], "row_count": 2}],
                "messages": ["hello ada"]}}});
        let text = shown(answer.to_string().as_bytes(), false);
        assert!(text.contains("(2 rows)") && text.contains("nvarchar") && !text.contains("ada"), "{text}");

        let asked =
            json!({"method": "elicitation/create", "params": {"message": "Delete ada?", "requestedSchema": {}}});
        assert!(!shown(asked.to_string().as_bytes(), false).contains("ada"));
        let said = json!({"id": 1, "result": {"action": "accept", "content": {"confirm": "ada"}}});
        assert!(!shown(said.to_string().as_bytes(), false).contains("ada"));
        let secret = json!({"access_token": "abc", "Authorization": "Bearer abc", "password": "abc"});
        assert!(!shown(secret.to_string().as_bytes(), true).contains("abc"));
        assert_eq!(shown(b"\x1b[31m ada", false), "(9 bytes that are no JSON)");
        assert!(shown(json!({"x": "y".repeat(10_000)}).to_string().as_bytes(), true).len() < 2000);
    }
}
