//! What fits words best, with why; and what people wrote of those words.

use mssql_mcp_transports::ToolReply;
use serde_json::{Value, json};

use super::{Args, Kind, bare, entry};
use crate::database::catalog::{NameHit, NameQuery};
use crate::knowledge::Knowledge;
use crate::plural::plural;
use crate::refusal::Refusal;
use crate::tools::answer::counted;
use crate::tools::describe_table::quoted;
use crate::tools::{Call, Stop};
use crate::visible::visible_line;

/// Hits in one answer.
const HITS: usize = 20;
/// Characters of all of them, which are about 1,600 tokens.
const BUDGET: usize = 6400;
/// Characters of what people wrote, which are about 400.
const KNOWLEDGE: usize = 1600;
/// Characters of a description.
const DESCRIPTION: usize = 120;
/// Reasons of a hit.
const REASONS: usize = 4;
/// An index is as good as new for so many seconds.
const NEW: u64 = 60;

pub(super) async fn answer(call: &Call, words: &str, args: &Args) -> Result<ToolReply, Stop> {
    if args.name_like.is_some() || args.cursor.is_some() {
        return Err(Refusal::invalid_arguments(
            "search stands without name_like and cursor",
            "Narrow it with more words, schema_name or kind.",
        )
        .into());
    }
    let schema = args.schema_name.clone().map(bare);
    let one: [&'static str; 1];
    let kinds: &[&'static str] = match args.kind {
        Some(Kind::All) => &[],
        Some(kind) => {
            one = [kind.as_str()];
            &one
        }
        None => &["table", "view"],
    };
    let asked = NameQuery { words, schema: schema.as_deref(), kinds, take: HITS + 1 };
    let found = call.database.find_names(&asked, &call.limits).await?;
    let knowledge = call.database.knowledge();
    let (mut tables, mut size) = (Vec::new(), 0);
    for hit in found.hits.iter().take(HITS) {
        let one = shown(hit, &knowledge);
        size += one.to_string().len() + 1;
        if size > BUDGET {
            break;
        }
        tables.push(one);
    }
    let count = tables.len();
    let mut out = json!({ "tables": tables });
    let terms = terms(&knowledge, words);
    if !terms.is_empty() {
        out["knowledge"] = terms.into();
    }
    match found.age.map(|a| a.as_secs()) {
        Some(age) if age > NEW => out["age_seconds"] = age.into(),
        Some(_) => {}
        None => {
            out["message"] =
                "The index of names is not there, so that names and descriptions were \
                              looked through for the words themselves."
                    .into();
        }
    }
    if count < found.hits.len() {
        let before = out["message"].as_str().map_or_else(String::new, |m| format!("{m} "));
        let more = format!(
            "These fit best, and there are more than {count}; use more words, or schema_name."
        );
        out["message"] = (before + &more).into();
    }
    if count == 0 {
        out["message"] =
            "Nothing fits these words; try others, kind all, or a part of a name with \
                          name_like."
                .into();
    }
    Ok(counted(call, count, out, &plural(count, "hit")))
}

fn shown(hit: &NameHit, knowledge: &Knowledge) -> Value {
    let row = [
        hit.schema.as_str().into(),
        hit.name.as_str().into(),
        hit.kind.into(),
        hit.rows.map_or(Value::Null, Value::from),
        hit.description.as_deref().map_or(Value::Null, Value::from),
    ];
    let mut one = entry(&row, knowledge);
    if let Some(text) = one["description"].as_str() {
        one["description"] = visible_line(text, DESCRIPTION).into();
    }
    one["matched"] = hit.reasons.iter().take(REASONS).map(|r| visible_line(r, 140)).collect();
    one
}

/// What people wrote of the terms in a question, as much as fits.
fn terms(knowledge: &Knowledge, words: &str) -> Vec<Value> {
    let (mut all, mut size) = (Vec::new(), 0);
    for term in knowledge.used(words) {
        let mut line = format!("{}: {}", quoted(&term.name), quoted(&term.means));
        if let Some(sql) = &term.sql {
            line += &format!("; SQL {}", quoted(sql));
        }
        if !term.tables.is_empty() {
            let tables: Vec<String> =
                term.tables.iter().take(5).map(|t| visible_line(t, 260)).collect();
            line += &format!("; in {}", tables.join(", "));
        }
        let one = Value::from(line);
        size += one.to_string().len() + 1;
        if size > KNOWLEDGE {
            break;
        }
        all.push(one);
    }
    all
}

/// The schema of `knowledge`.
pub(super) fn schema() -> Value {
    json!({ "type": "array", "items": { "type": "string" } })
}
