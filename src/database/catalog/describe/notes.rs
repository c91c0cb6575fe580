//! What a table is beside its columns and keys: its history, and what people wrote of it, which wins
//! over what the catalog has.

use serde_json::{Map, Value, json};

use super::cell;
use crate::database::catalog::s;
use crate::knowledge::Knowledge;
use mssql_mcp_sql::quote;

/// So many joins and examples are told.
const MOST: usize = 5;

/// Where the earlier rows of a table are, or of which table it has them.
pub(super) fn temporal(row: &[Value]) -> Value {
    let named = |schema: usize, name: usize| {
        let name = s(&cell(row, name));
        (!name.is_empty())
            .then(|| format!("{}.{}", quote::part(&s(&cell(row, schema))), quote::part(&name)))
    };
    let mut out = Map::new();
    if !cell(row, 3).is_null() {
        out.insert("period".into(), json!([cell(row, 3), cell(row, 4)]));
    }
    for (key, name) in [("history", named(1, 2)), ("history_of", named(5, 6))] {
        if let Some(name) = name {
            out.insert(key.into(), name.into());
        }
    }
    if out.is_empty() { Value::Null } else { out.into() }
}

/// Adds what people wrote.
pub(super) fn add(out: &mut Value, knowledge: &Knowledge, schema: &str, name: &str) {
    if knowledge.is_empty() {
        return;
    }
    let mut known = Map::new();
    if let Some(note) = knowledge.table(schema, name) {
        if let Some(text) = &note.description {
            out["description"] = text.as_str().into();
        }
        for (key, text) in [
            ("grain", &note.grain),
            ("default_filter", &note.default_filter),
            ("deprecated", &note.deprecated),
        ] {
            if let Some(text) = text {
                known.insert(key.into(), text.as_str().into());
            }
        }
        if !note.synonyms.is_empty() {
            known.insert("synonyms".into(), note.synonyms.clone().into());
        }
    }
    let joins: Vec<Value> = knowledge
        .joins(schema, name)
        .take(MOST)
        .map(|j| {
            let mut one = json!({ "from": j.from, "to": j.to, "on": j.on });
            if let Some(c) = &j.cardinality {
                one["cardinality"] = c.as_str().into();
            }
            one
        })
        .collect();
    let examples: Vec<Value> = knowledge
        .examples(schema, name)
        .take(MOST)
        .map(|e| json!({ "question": e.question, "sql": e.sql }))
        .collect();
    for (key, list) in [("joins", joins), ("examples", examples)] {
        if !list.is_empty() {
            known.insert(key.into(), list.into());
        }
    }
    if !known.is_empty() {
        out["knowledge"] = known.into();
    }
    if !knowledge.knows_columns(schema, name) {
        return;
    }
    for column in out["columns"].as_array_mut().into_iter().flatten() {
        let note = knowledge.column(schema, name, column["name"].as_str().unwrap_or_default());
        let Some(note) = note else { continue };
        if let Some(text) = &note.description {
            column["description"] = text.as_str().into();
        }
        if !note.values.is_empty() {
            column["values"] = note.values.clone().into();
        }
    }
}
