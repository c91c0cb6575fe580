//! A procedure, function, trigger, synonym, sequence or table type, within the budget: a long text in
//! pieces.

use mssql_mcp_transports::ToolReply;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{BUDGET, size};
use crate::plural::plural;
use crate::refusal::Refusal;
use crate::tools::answer::counted;
use crate::tools::{Call, Stop};

/// Characters of a text in one answer.
const PIECE: usize = 12_000;
/// RFC 3986's unreserved characters stay as they are.
const PARTS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(super) fn answer(call: &Call, told: Value, cursor: Option<&str>) -> Result<ToolReply, Stop> {
    let skip = match cursor {
        None => 0,
        Some(c) => c.strip_prefix("definition:").and_then(|n| n.parse().ok()).ok_or_else(|| {
            Refusal::invalid_arguments(
                "cursor is not one that describe_table gave for a definition",
                "Leave it out for the beginning.",
            )
        })?,
    };
    let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
    let (kind, name) = (text("type"), format!("{}.{}", text("schema"), text("name")));
    let out = piece(told, skip, &call.source.name);
    Ok(counted(call, 1, out, &format!("{kind} {name}")))
}

/// What fits of it, from so many characters of its text on.
fn piece(mut told: Value, skip: usize, database: &str) -> Value {
    let definition = told["definition"].as_str().unwrap_or_default().to_owned();
    let length = definition.chars().count();
    if skip > 0 {
        told = json!({ "schema": told["schema"], "name": told["name"], "type": told["type"] });
    }
    for key in ["parameters", "columns"] {
        let mut dropped = 0;
        while told[key].is_array() && size(&told[key]) > BUDGET / 5 {
            let Some(list) = told[key].as_array_mut() else { break };
            let left = list.len() / 2;
            dropped += list.len() - left;
            list.truncate(left);
        }
        if dropped > 0 {
            push(&mut told, format!("{dropped} of {key}"));
        }
    }
    // Escapes make a text longer than it is.
    let mut most = PIECE;
    loop {
        let part: String = definition.chars().skip(skip).take(most).collect();
        if definition.is_empty() {
            break;
        }
        told["definition"] = part.into();
        if size(&told) <= BUDGET - 800 || most < 500 {
            break;
        }
        most /= 2;
    }
    let end = skip.saturating_add(most);
    if end < length {
        let part = |key: &str| {
            utf8_percent_encode(told[key].as_str().unwrap_or_default(), PARTS).to_string()
        };
        let database = utf8_percent_encode(database, PARTS);
        let uri = format!("mssql://{database}/{}/{}/definition", part("schema"), part("name"));
        push(
            &mut told,
            format!(
                "the definition has {}; next_cursor gives the next of them, and \
                 the resource {uri} all",
                plural(length, "character")
            ),
        );
        told["next_cursor"] = format!("definition:{end}").into();
    }
    told
}

fn push(told: &mut Value, what: String) {
    match told["cut"].as_array_mut() {
        Some(all) => all.push(what.into()),
        None => told["cut"] = json!([what]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_comes_in_pieces_that_make_the_whole() {
        for text in ["SELECT 1;\n".repeat(5000), "\"\n\"\n".repeat(9000), "ä€🙂".repeat(9000)]
        {
            let told = json!({ "schema": "dbo", "name": "a b", "type": "procedure",
                "parameters": [], "definition": text });
            let (mut all, mut skip, mut calls) = (String::new(), 0, 0);
            loop {
                let out = piece(told.clone(), skip, "db");
                assert!(size(&out) <= BUDGET, "{}", size(&out));
                all += out["definition"].as_str().expect("text");
                calls += 1;
                let Some(next) = out["next_cursor"].as_str() else { break };
                assert!(
                    out["cut"][0]
                        .as_str()
                        .is_some_and(|c| c.contains("mssql://db/dbo/a%20b/definition"))
                );
                skip = next["definition:".len()..].parse().expect("a number");
            }
            assert_eq!(all, text);
            assert!(calls > 2 && calls < 40, "{calls}");
        }
    }

    #[test]
    fn a_short_one_is_whole() {
        let told = json!({ "schema": "dbo", "name": "p", "type": "procedure", "definition": "x" });
        assert_eq!(piece(told.clone(), 0, "db"), told);
        let told = json!({ "schema": "dbo", "name": "s", "type": "sequence", "sequence": {} });
        assert_eq!(piece(told.clone(), 0, "db"), told);
    }
}
