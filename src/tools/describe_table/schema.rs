//! What describe_table may say, and what it is asked with.

use serde_json::{Value, json};

use crate::tools::answer::source_schema;

/// All that [`crate::database::Database::describe`] may say: what a schema does not name, clients
/// with types leave out.
pub(super) fn output() -> Value {
    let mut all = of_table();
    let parts = [of_its_notes(), of_others(), of_several()];
    if let Some(all) = all.as_object_mut() {
        all.extend(parts.into_iter().filter_map(|p| p.as_object().cloned()).flatten());
    }
    json!({ "type": "object", "properties": all })
}

fn of_table() -> Value {
    json!({
            "source": source_schema(),
            "schema": { "type": "string" },
            "name": { "type": "string" },
            "type": { "type": ["string", "null"] },
            "sql_name": {
                "type": "string",
                "description": "as it is written in T-SQL, where it needs brackets"
            },
            "rows": { "type": "integer" },
            "description": { "type": "string" },
            "collation": {
                "type": "string",
                "description": "of all text columns that name no other"
            },
            "columns": array(columns()),
            "primary_key": constraint(),
            "unique_constraints": array(constraint()),
            "check_constraints": array(json!({
                "type": "object",
                "properties": {
                    "name": { "type": "string" },
                    "definition": { "type": ["string", "null"] }
                },
                "required": ["name", "definition"]
            })),
            "foreign_keys": array(foreign_key("references")),
            "referenced_by": array(foreign_key("table")),
            "indexes": array(index())
    })
}

/// What a table is beside its columns and keys, and what was left out.
fn of_its_notes() -> Value {
    json!({
        "temporal": { "type": "string" },
        "is_tracked_by_cdc": { "type": "boolean" },
        "knowledge": names(),
        "column_count": { "type": "integer" },
        "column_groups": names(),
        "cut": names(),
        "next_cursor": { "type": "string" }
    })
}

/// What is no table.
fn of_others() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "parameters": names(),
        "returns": text,
        "definition": text,
        "base_object": { "type": ["string", "null"] },
        "base_type": text,
        "sequence": text,
        "table": text,
        "events": names(),
        "is_disabled": { "type": "boolean" },
        "is_instead_of": { "type": "boolean" }
    })
}

/// Several tables.
fn of_several() -> Value {
    json!({
        "keys_between": names(),
        "described": names(),
        "names_only": names(),
        "others": names(),
        "not_found": names(),
        "budget": { "type": "string" }
    })
}

fn array(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn names() -> Value {
    array(json!({ "type": "string" }))
}

fn columns() -> Value {
    let number = json!({ "type": ["integer", "null"] });
    json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" },
            "type": { "type": "string" },
            "nullable": { "type": "boolean" },
            "default": { "type": "string" },
            "identity": {
                "type": "object",
                "properties": { "seed": number, "increment": number },
                "required": ["seed", "increment"]
            },
            "computed": { "type": "string", "description": "the expression" },
            "collation": { "type": "string" },
            "description": { "type": "string" },
            "values": names()
        },
        "required": ["name", "type", "nullable"]
    })
}

fn constraint() -> Value {
    json!({
        "type": "object",
        "properties": { "name": { "type": "string" }, "columns": names() },
        "required": ["name", "columns"]
    })
}

/// With the table on the other side under this name.
fn foreign_key(other: &str) -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" },
            "columns": names(),
            other: { "type": "string", "description": "schema.table" },
            "referenced_columns": {
                "type": "array",
                "items": { "type": "string" },
                "description": "where they are named otherwise"
            },
            "on_delete": { "type": "string" },
            "on_update": { "type": "string" }
        },
        "required": ["name", "columns", other]
    })
}

fn index() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" },
            "columns": names(),
            "type": { "type": "string", "description": "unless it is NONCLUSTERED" },
            "unique": { "type": "boolean" },
            "descending": names(),
            "included": names(),
            "filter": { "type": "string" }
        },
        "required": ["name", "columns"]
    })
}
