//! What tools answer with: rows as JSON and as text, and the schemas of both.

use mssql_mcp_transports::{Segments, ToolReply};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::database::rows::Truncated;
use crate::database::run::BatchAnswer;
use crate::facts::CallFacts;
use crate::telemetry::wire::Shape;

/// The text form of rows.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ResultFormat {
    /// The same as `structuredContent`.
    Json,
    Csv,
}

/// What `log.messages` shows of a `format` argument.
pub(super) const FORMAT_SHOWN: Shape = Shape::OneOf(&["json", "csv"]);

/// The schema of a `format` argument.
pub(super) fn format_schema() -> Value {
    json!({
        "type": "string",
        "enum": ["json", "csv"],
        "description": "text form of the rows; structuredContent is JSON always"
    })
}

/// A small structured result.
pub(super) fn structured(facts: &CallFacts, rows: usize, v: &Value) -> ToolReply {
    let json = Segments::from(v);
    facts.returned(rows as u64, json.len());
    ToolReply::structured(json)
}

/// The result object; the rows are joined in as they are. `changed` for what changes something,
/// with whether it was a dry run; `more` where further result sets may be behind a cut.
pub(super) fn rowsets(
    facts: &CallFacts,
    a: BatchAnswer,
    changed: Option<bool>,
    more: bool,
) -> ToolReply {
    facts.set_names_were_right();
    // Before the rows, so that who reads them from the beginning knows that they are not all.
    let (mut head, mut cut) = (String::from("{"), String::new());
    if let Some((why, limit)) = a.truncated {
        facts.set_truncated(why.as_str());
        let missing = match (changed, more) {
            (Some(_), _) => "the rows beyond it; the text itself ran to its end",
            (None, true) => "the rows behind it, and all result sets behind them",
            (None, false) => "the rows behind it",
        };
        head += &format!("\"truncated\":{},", truncated(why, limit, missing));
        let limit = limit.map_or(String::new(), |n| format!(" ({n})"));
        cut = format!("# cut at {}{limit}: {missing} are not here\n", why.as_str());
    }
    if a.cut {
        facts.set_truncated("max_cell");
    }
    head += "\"results\":";
    let mut parts = vec![bytes::Bytes::from(head)];
    parts.extend(a.results.0);
    let mut tail = String::new();
    let messages = Value::from(a.messages);
    if changed.is_some() {
        tail += &format!(",\"rows_affected\":{}", Value::from(a.rows_affected.clone()));
    }
    if changed.is_some() || messages != json!([]) {
        tail += &format!(",\"messages\":{messages}");
    }
    if changed.is_some() {
        tail += &format!(",\"committed\":{}", a.committed);
    }
    if changed == Some(true) {
        tail += ",\"dry_run\":true";
    }
    tail.push('}');
    parts.push(tail.into());
    let json = Segments(parts);
    facts.returned(a.rows, json.len());
    let mut reply = ToolReply::structured(json);
    if let Some(mut csv) = a.csv {
        csv.insert_str(0, &cut);
        // What is not rows, in lines that no row begins like.
        for m in messages.as_array().into_iter().flatten().filter_map(Value::as_str) {
            csv += &format!("# message: {}\n", m.replace(['\n', '\r'], "\n# "));
        }
        if changed.is_some() && !a.rows_affected.is_empty() {
            csv += &format!(
                "# rows affected: {}; committed: {}\n",
                Value::from(a.rows_affected),
                a.committed
            );
        }
        reply.text = mssql_mcp_transports::Text::Own(csv);
    }
    reply
}

fn truncated(why: Truncated, limit: Option<u64>, missing: &str) -> Value {
    let mut told = json!({ "reason": why.as_str() });
    if let Some(n) = limit {
        told["limit"] = n.into();
    }
    told["missing"] = missing.into();
    told["advice"] = why.advice().into();
    told
}

/// The schema of `truncated`, which stands before the results.
pub(super) fn truncated_schema() -> Value {
    json!({
        "type": "object",
        "description": "only where something was left out",
        "properties": {
            "reason": { "type": "string", "enum": ["max_rows", "max_chars", "timeout"] },
            "limit": { "type": "integer" }, "missing": { "type": "string" }, "advice": { "type": "string" }
        },
        "required": ["reason", "missing", "advice"]
    })
}

/// The schema of `results` in execute_sql and get_table_sample.
pub(super) fn results_schema() -> Value {
    json!({
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "columns": { "type": "array", "items": { "type": "object", "properties": {
                    "name": { "type": "string" },
                    "type": { "type": "string", "description": "as T-SQL declares it: decimal(10,2)" },
                    "exact": { "type": "string", "enum": ["string"], "description": "numbers that \
                        a double cannot carry are strings in this column" },
                    "cut_cells": { "type": "integer", "description": "so many values were longer \
                        than the limit and end in … [cut: …]" },
                    "replaced": { "type": "integer", "description": "so many places could not \
                        be decoded, and are U+FFFD" },
                    "sensitivity": { "type": "array", "items": { "type": "object" },
                        "description": "labels of ADD SENSITIVITY CLASSIFICATION" }
                }, "required": ["name", "type"] } },
                "rows": { "type": "array", "items": { "type": "array" } },
                "row_count": { "type": "integer" },
                "truncated": { "type": "object", "properties": { "reason": { "type": "string" }, "advice": { "type": "string" } }, "required": ["reason", "advice"] }
            },
            "required": ["columns", "rows", "row_count"]
        }
    })
}
