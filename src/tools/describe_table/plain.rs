//! What is said in a line each: of a table's history and of what people wrote of it, of parameters and
//! sequences. Lines cost a model, and the list of tools, less than objects do.

use serde_json::Value;

use super::compact::{expression, quoted, text};
use crate::visible::visible_line;
use mssql_mcp_sql::quote;

fn items(v: &Value) -> impl Iterator<Item = &Value> {
    v.as_array().into_iter().flatten()
}

fn names(v: &Value) -> String {
    let all: Vec<String> = items(v).map(|n| visible_line(&quote::part(text(n)), 260)).collect();
    all.join(", ")
}

/// `period (a, b), history in dbo.h`.
pub(super) fn temporal(v: &Value) -> Option<String> {
    let mut all = Vec::new();
    if v["period"].is_array() {
        all.push(format!("period ({})", names(&v["period"])));
    }
    for (key, what) in [("history", "history in"), ("history_of", "history of")] {
        if let Some(other) = v[key].as_str() {
            all.push(format!("{what} {}", visible_line(other, 520)));
        }
    }
    (!all.is_empty()).then(|| all.join(", "))
}

/// What people wrote, each text in quotation marks; where it is to be short, without what helps only
/// those who ask about this table alone.
pub(super) fn knowledge(v: &Value, short: bool) -> Vec<String> {
    let mut all = Vec::new();
    for (key, what) in
        [("deprecated", "deprecated"), ("grain", "one row is"), ("default_filter", "usual filter")]
    {
        if let Some(words) = v[key].as_str() {
            all.push(format!("{what}: {}", quoted(words)));
        }
    }
    let called: Vec<String> = items(&v["synonyms"]).take(10).map(|s| quoted(text(s))).collect();
    if !called.is_empty() && !short {
        all.push(format!("also called {}", called.join(", ")));
    }
    for join in items(&v["joins"]) {
        let cardinality = join["cardinality"].as_str();
        let behind = cardinality.map_or(String::new(), |c| format!(", {}", quoted(c)));
        let (from, to) = (quoted(text(&join["from"])), quoted(text(&join["to"])));
        all.push(format!("join of {from} and {to} on {}{behind}", quoted(text(&join["on"]))));
    }
    for example in items(&v["examples"]).filter(|_| !short) {
        let (question, sql) = (quoted(text(&example["question"])), quoted(text(&example["sql"])));
        all.push(format!("example {question}: {sql}"));
    }
    all
}

/// `@Count int = 5 output`.
fn parameter(v: &Value) -> String {
    let mut out =
        format!("{} {}", visible_line(text(&v["name"]), 130), visible_line(text(&v["type"]), 140));
    if let Some(default) = v["default"].as_str() {
        out += &format!(" = {}", expression(default));
    }
    if v["output"] == true {
        out += " output";
    }
    out
}

/// `int, start 1, increment 1 …`.
fn sequence(v: &Value) -> String {
    let mut all = vec![text(&v["type"]).to_owned()];
    for key in ["start", "increment", "minimum", "maximum", "current"] {
        if let Some(n) = v[key].as_str() {
            all.push(format!("{key} {n}"));
        }
    }
    if v["cycles"] == true {
        all.push("cycles".into());
    }
    all.join(", ")
}

/// What was described, with lines in place of those objects.
pub(super) fn told(mut v: Value) -> Value {
    let mut put = |key: &str, line: fn(&Value) -> Option<Value>| {
        if let Some(lines) = v.get(key).map(line) {
            match (lines, v.as_object_mut()) {
                (Some(lines), _) => v[key] = lines,
                (None, Some(all)) => drop(all.shift_remove(key)),
                (None, None) => {}
            }
        }
    };
    put("temporal", |v| temporal(v).map(Value::from));
    put("knowledge", |v| Some(knowledge(v, false)).filter(|k| !k.is_empty()).map(Value::from));
    put("parameters", |v| Some(items(v).map(parameter).collect()));
    put("sequence", |v| Some(sequence(v).into()));
    v
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_become_lines_that_nothing_can_break() {
        let out = told(json!({
            "temporal": { "period": ["From", "To"], "history": "dbo.H" },
            "knowledge": { "grain": "a\n-- b", "synonyms": ["x\"y"], "examples": [
                { "question": "q", "sql": "SELECT 1" }] },
            "parameters": [{ "name": "@a", "type": "int", "default": "5", "output": true }],
            "sequence": { "type": "bigint", "start": "1", "increment": "-1", "current": null,
                "cycles": true },
        }));
        assert_eq!(
            out,
            json!({
                "temporal": "period ([From], [To]), history in dbo.H",
                "knowledge": ["one row is: \"a\\\\u{000A}-- b\"", "also called \"x\\\"y\"",
                    "example \"q\": \"SELECT 1\""],
                "parameters": ["@a int = 5 output"],
                "sequence": "bigint, start 1, increment -1, cycles",
            })
        );
        assert_eq!(told(json!({ "temporal": {}, "knowledge": {} })), json!({}));
    }
}
