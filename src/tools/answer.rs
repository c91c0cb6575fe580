//! What tools answer with: rows as JSON and as text, and the schemas of both.

use mssql_mcp_spool::Kept;
use mssql_mcp_transports::{Segments, Text, ToolReply};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Call;
use crate::database::rows::Truncated;
use crate::database::run::BatchAnswer;
use crate::facts::CallFacts;
use crate::plural::plural;
use crate::results;
use crate::telemetry::wire::Shape;

/// The form of rows.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ResultFormat {
    Json,
    /// In the text block, and in `structuredContent` in place of the rows.
    Csv,
    /// JSON, and a text block that only counts it.
    Brief,
}

/// What `log.messages` shows of a `format` argument.
pub(super) const FORMAT_SHOWN: Shape = Shape::OneOf(&["json", "csv", "brief"]);

/// The schema of a `format` argument.
pub(super) fn format_schema() -> Value {
    json!({
        "type": "string",
        "enum": ["json", "csv", "brief"],
        "description": "json rows; csv in their place (fewer tokens); brief: json rows in \
            structuredContent alone, the text only counts them"
    })
}

/// A form of rows that a caller asks for, or that of the mount: whether it is CSV, and whether the
/// text block is brief.
pub(super) fn form(call: &Call, asked: Option<ResultFormat>) -> (bool, bool) {
    let csv = asked.map_or(call.limits.bounds.csv, |f| f == ResultFormat::Csv);
    (csv, call.brief(asked == Some(ResultFormat::Brief)))
}

/// A small structured result.
pub(super) fn structured(facts: &CallFacts, rows: usize, v: &Value) -> ToolReply {
    let json = Segments::from(v);
    facts.returned(rows as u64, json.len());
    ToolReply::structured(json)
}

/// The same; where the text block is brief, it says so much.
pub(super) fn counted(call: &Call, rows: usize, v: Value, what: &str) -> ToolReply {
    let mut told = Map::from_iter([("source".to_owned(), call.told())]);
    if let Value::Object(v) = v {
        told.extend(v);
    }
    let mut reply = structured(&call.facts, rows, &Value::Object(told));
    if call.brief(false) {
        let line = call.source.line(call.limits.seen.get().as_deref());
        reply.text = Text::Own(format!("{line}: {what}{ELSEWHERE}"));
    }
    reply
}

/// How a brief text ends.
const ELSEWHERE: &str = "; see structuredContent";

/// Of so many result sets a brief text says what they have.
const TOLD: usize = 8;

/// How much an answer has, in a line.
fn brief(a: &BatchAnswer, changed: Option<bool>) -> String {
    let one = |(rows, columns): &(u64, usize)| {
        format!("{} of {}", plural(rows, "row"), plural(columns, "column"))
    };
    let mut told: Vec<String> = a.shapes.iter().take(TOLD).map(one).collect();
    match a.shapes.len() {
        0 => told.push("no result set".to_owned()),
        n if n > TOLD => told.push(plural(n - TOLD, "more result set")),
        _ => {}
    }
    if let Some((why, _)) = a.truncated {
        told.push(format!("cut at {}", why.as_str()));
    }
    if !a.messages.is_empty() {
        told.push(plural(a.messages.len(), "message"));
    }
    if changed.is_some() {
        let affected = Value::from(a.rows_affected.clone());
        told.push(format!("rows affected: {affected}, committed: {}", a.committed));
    }
    told.join(", ") + ELSEWHERE
}

/// The result object; the rows are joined in as they are. `changed` for what changes something,
/// with whether it was a dry run; `more` where further result sets may be behind a cut.
pub(super) fn rowsets(
    call: &Call,
    a: BatchAnswer,
    asked: Option<ResultFormat>,
    changed: Option<bool>,
    more: bool,
) -> ToolReply {
    let facts = &call.facts;
    facts.set_names_were_right();
    let line = || call.source.line(call.limits.seen.get().as_deref());
    let brief = form(call, asked).1.then(|| format!("{}: {}", line(), brief(&a, changed)));
    // Before the rows, so that who reads them from the beginning knows that they are not all.
    let source = call.told();
    let kept = a.kept.as_ref().map(|k| results::told(k, a.kept_cut, call.limits.bounds.max_chars));
    let (mut head, mut cut) = (String::from("{"), String::new());
    if let Some((why, limit)) = a.truncated {
        facts.set_truncated(why.as_str());
        let missing = match (changed, more) {
            (Some(_), _) => "the rows beyond it; the text itself ran to its end",
            (None, true) => "the rows behind it, and all result sets behind them",
            (None, false) => "the rows behind it",
        };
        let mut told = truncated(why, limit, missing);
        if let Some(file) = &a.kept {
            told["advice"] = kept_advice(file).into();
        }
        head += &format!("\"truncated\":{told},");
        let limit = limit.map_or(String::new(), |n| format!(" ({n})"));
        cut = format!("# cut at {}{limit}: {missing} are not here\n", why.as_str());
    }
    if a.cut {
        facts.set_truncated("max_cell");
    }
    if let Some(kept) = &kept {
        head += &format!("\"kept\":{kept},");
    }
    head += &format!("\"source\":{source},\"results\":");
    if let Some(file) = &a.kept {
        facts.set_handle(file.handle());
    }
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
    if let Some(file) = &a.kept {
        facts.kept(file.total_rows(), file.bytes());
    }
    let mut reply = ToolReply::structured(json);
    if let Some(line) = brief {
        reply.text = Text::Own(line);
    } else if let Some(mut csv) = a.csv {
        csv.insert_str(0, &cut);
        if let Some(file) = &a.kept {
            csv +=
                &format!("# {}: get_result with handle {}\n", results::whole(file), file.handle());
        }
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
        csv += &format!("# {}\n", line());
        reply.text = Text::Own(csv);
    }
    reply
}

/// How to get the rows that are not in an answer, beside which some are kept.
fn kept_advice(kept: &Kept) -> String {
    let told = results::whole(kept);
    let mut chars = told.chars();
    // It begins a sentence here.
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    let told: String = first.into_iter().chain(chars).collect();
    let more = kept.reason().map(results::advice).map_or_else(String::new, |a| format!(" {a}"));
    format!("{told}: get_result reads on with the handle.{more}")
}

/// The schema of `kept`.
pub(super) fn kept_schema() -> Value {
    let text = json!({ "type": "string" });
    let number = json!({ "type": "integer" });
    json!({
        "type": "object",
        "description": "all rows, for get_result; where they are more than these",
        "properties": {
            "handle": text, "rows": number, "bytes": number, "complete": { "type": "boolean" },
            "reason": text, "advice": text, "expires": text, "cut_cells": number,
            "sets": { "type": "array", "items": { "type": "object", "properties": {
                "rows": number,
                "columns": { "type": "array", "items": { "type": "object", "properties": {
                    "name": text, "type": text, "nulls": number, "distinct": number,
                    "approximate": { "type": "boolean" }, "min": text, "max": text,
                    "top": { "type": "object" }
                }, "required": ["name"] } }
            }, "required": ["rows"] } },
            "more_sets": number
        },
        "required": ["handle", "rows", "complete"]
    })
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

/// The schema of what a text gives.
pub(super) fn outputs() -> Value {
    json!({
        "type": "object",
        "properties": {
            "source": source_schema(),
            "results": results_schema(),
            "rows_affected": { "type": "array", "items": { "type": "integer" } },
            "messages": { "type": "array", "items": { "type": "string" } },
            "committed": { "type": "boolean" },
            "dry_run": { "type": "boolean" },
            "truncated": truncated_schema(),
            "kept": kept_schema()
        },
        "required": ["results"]
    })
}

/// The schema of `source`, which stands before everything else.
pub(super) fn source_schema() -> Value {
    json!({
        "type": "object",
        "description": "where this is from, as the session says",
        "properties": {
            "label": { "type": "string" }, "database": { "type": "string" },
            "access": { "type": "string" },
            "server": { "type": "string" }, "login": { "type": "string" }
        },
        "required": ["label", "access"]
    })
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
                    "sensitivity": {
                        "type": "array",
                        "items": { "type": "object", "properties": {
                            "label": { "type": ["string", "null"] },
                            "information_type": { "type": ["string", "null"] },
                            "rank": { "type": ["integer", "null"] }
                        } },
                        "description": "labels of ADD SENSITIVITY CLASSIFICATION"
                    }
                }, "required": ["name", "type"] } },
                "rows": { "type": "array", "items": { "type": "array", "items": {
                    "type": ["string", "number", "boolean", "null"]
                } } },
                "csv": {
                    "type": "string",
                    "description": "in place of rows, where the format is csv (RFC 4180): a line of \
                        names, and a line for each row; NULL is nothing, an empty text is \"\""
                },
                "row_count": { "type": "integer" },
                "truncated": { "type": "object", "properties": { "reason": { "type": "string" }, "advice": { "type": "string" } }, "required": ["reason", "advice"] }
            },
            "required": ["columns", "row_count"]
        }
    })
}
