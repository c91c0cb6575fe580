//! `view_rows`, `view_cell` and `view_schema`: what a page in a host (MCP Apps) asks for by itself.
//! No model sees them, and to a client without pages they do not exist.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mssql_mcp_transports::{Segments, ToolReply};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::structured;
use super::{Call, Definition, NamesDatabase, Refusal, Stop, Surroundings, Tool};
use crate::database::catalog::NotFound;
use crate::database::rows::{Bounds, Truncated};
use crate::database::run::BatchAnswer;
use crate::facts::Named;
use crate::limits::Cost;
use crate::long;
use crate::principal::Principal;
use crate::telemetry::wire::Shape;
use crate::views::{self, KeptRows, PageBounds, RowFilter, Selection, SortKey};

/// Rows of one answer.
const PAGE: usize = 500;
/// Tables of one answer.
const TABLES: usize = 40;

/// Whose results a call may see.
fn owner(call: &Call) -> String {
    Principal::of(&call.context.extensions).map(Principal::key).unwrap_or_default()
}

/// The bounds within which rows are read for a view, where the caller has one.
pub(super) fn wider(call: &Call, page: Bounds) -> Option<Bounds> {
    let wanted = call.shows_views || call.links().is_some();
    let wider = Bounds {
        max_rows: page.max_rows.max(views::ROWS),
        max_chars: page.max_chars.max(views::CHARS),
        ..page
    };
    (wanted && !page.csv).then_some(wider)
}

/// Keeps what a model does not get of an answer, which is cut to its page; gives what the result's
/// `_meta` says of it. None where the answer is no longer than a page.
pub(super) fn keep(
    call: &Call,
    a: &mut BatchAnswer,
    page: Bounds,
    query: &str,
    took: Duration,
) -> Option<Value> {
    // Bytes are at least as many as characters.
    if a.rows <= page.max_rows && a.results.len() <= page.max_chars {
        return None;
    }
    let bounds = PageBounds { rows: page.max_rows, chars: page.max_chars };
    let (rows, first) = long::apart(a.results.len(), || {
        let rows = KeptRows::new(Bytes::from(a.results.concat()))?;
        let first = rows.first_page(bounds, |at_rows| {
            let why = if at_rows { Truncated::Rows } else { Truncated::Chars };
            json!({ "reason": why.as_str(), "advice": why.advice() }).to_string()
        })?;
        Some((Arc::new(rows), first))
    })?;
    let complete = a.truncated.is_none();
    let mut meta = call.views.keep(&owner(call), query, rows.clone(), complete, took);
    rows.tell_sets(first.shapes.len(), &mut meta);
    let (why, limit) = match first.at_rows {
        true => (Truncated::Rows, page.max_rows),
        false => (Truncated::Chars, page.max_chars as u64),
    };
    a.results = Segments(vec![first.json.into()]);
    (a.rows, a.shapes, a.truncated) = (first.rows, first.shapes, Some((why, Some(limit))));
    Some(meta)
}

fn expired() -> Stop {
    Refusal::handle_expired().into()
}

fn handle_schema() -> Value {
    json!({ "type": "string", "description": "from _meta of the result" })
}

fn number(description: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": description })
}

/// Gives rows of a kept result.
#[derive(Debug)]
pub(super) struct ViewRows;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RowsArgs {
    handle: String,
    result: Option<usize>,
    offset: Option<usize>,
    limit: Option<usize>,
    sort: Option<Vec<SortKey>>,
    filter: Option<Vec<RowFilter>>,
}

impl Tool for ViewRows {
    type Args = RowsArgs;

    const NAME: &'static str = "view_rows";
    const COST: Cost = Cost::Data;
    const SHOWN: Shape = Shape::Fields(&[("offset", Shape::Number), ("limit", Shape::Number)]);
    const EXAMPLE: &'static str = "view_rows HANDLE";
    const FOR_VIEWS: bool = true;
    const DATABASE: NamesDatabase = NamesDatabase::No;

    fn named(_: &RowsArgs) -> Named {
        Named::default()
    }

    fn definition(&self, _: &Surroundings) -> Definition {
        Definition {
            title: "Rows of a view",
            description: "More rows of a result that a view shows, sorted and filtered.".into(),
            arguments: json!({
                "handle": handle_schema(),
                "result": number("which result set, from 0"),
                "offset": number("leave out so many"),
                "limit": { "type": "integer", "minimum": 1, "maximum": PAGE, "description": "at most so many rows" },
                "sort": { "type": "array", "items": { "type": "object" }, "description": "{column, desc} each" },
                "filter": { "type": "array", "items": { "type": "object" }, "description": "{column, op, value} each" },
            }),
            required: &["handle"],
            output: json!({
                "type": "object",
                "properties": {
                    "rows": { "type": "array", "items": { "type": "array", "items": {
                        "type": ["string", "number", "boolean", "null"]
                    } } },
                    "numbers": { "type": "array", "items": { "type": "integer" } },
                    "offset": { "type": "integer" },
                    "total": { "type": "integer" },
                    "matched": { "type": "integer" }
                },
                "required": ["rows", "numbers", "offset", "total", "matched"]
            }),
            changes: false,
        }
    }

    async fn call(&self, call: Call, args: RowsArgs) -> Result<ToolReply, Stop> {
        let rows = call.views.rows(&args.handle, &owner(&call)).ok_or_else(expired)?;
        let (offset, limit) = (args.offset.unwrap_or(0), args.limit.unwrap_or(PAGE).min(PAGE));
        let (set, sort) = (args.result.unwrap_or(0), args.sort.unwrap_or_default());
        let filter = args.filter.unwrap_or_default();
        // It may look at every row.
        let select = move || rows.select(set, (offset, limit), &sort, &filter);
        let selected = tokio::task::spawn_blocking(select).await.ok().flatten();
        let Some(Selection { rows, numbers, total, matched }) = selected else {
            return Err(Refusal::invalid_arguments(
                format!("result {set} is none of this answer's"),
                "Result sets are counted from 0.",
            )
            .into());
        };
        let count = rows.len();
        let out = json!({
            "rows": rows, "numbers": numbers, "offset": offset, "total": total, "matched": matched,
        });
        Ok(structured(&call.facts, count, &out))
    }
}

/// Gives one value of a kept result.
#[derive(Debug)]
pub(super) struct ViewCell;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CellArgs {
    handle: String,
    result: Option<usize>,
    row: usize,
    column: usize,
}

impl Tool for ViewCell {
    type Args = CellArgs;

    const NAME: &'static str = "view_cell";
    const COST: Cost = Cost::Data;
    const SHOWN: Shape = Shape::Fields(&[("row", Shape::Number), ("column", Shape::Number)]);
    const EXAMPLE: &'static str = "view_cell HANDLE";
    const FOR_VIEWS: bool = true;
    const DATABASE: NamesDatabase = NamesDatabase::No;

    fn named(_: &CellArgs) -> Named {
        Named::default()
    }

    fn definition(&self, _: &Surroundings) -> Definition {
        Definition {
            title: "A value of a view",
            description: "One value of a result that a view shows.".into(),
            arguments: json!({
                "handle": handle_schema(),
                "result": number("which result set, from 0"),
                "row": number("which row, from 0"),
                "column": number("which column, from 0"),
            }),
            required: &["handle", "row", "column"],
            output: json!({
                "type": "object",
                "properties": { "value": { "type": ["string", "number", "boolean", "null"] } },
                "required": ["value"]
            }),
            changes: false,
        }
    }

    async fn call(&self, call: Call, args: CellArgs) -> Result<ToolReply, Stop> {
        let rows = call.views.rows(&args.handle, &owner(&call)).ok_or_else(expired)?;
        let value = rows.cell(args.result.unwrap_or(0), args.row, args.column);
        let Some(value) = value else {
            let message = "this result has no such row or column";
            return Err(Refusal::invalid_arguments(message, "Both are counted from 0.").into());
        };
        Ok(structured(&call.facts, 1, &json!({ "value": value })))
    }
}

/// Gives a table with those around it.
#[derive(Debug)]
pub(super) struct ViewSchema;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SchemaArgs {
    table: String,
    depth: Option<u8>,
}

impl Tool for ViewSchema {
    type Args = SchemaArgs;

    const NAME: &'static str = "view_schema";
    const COST: Cost = Cost::Catalog;
    const SHOWN: Shape = Shape::Fields(&[("table", Shape::Plain), ("depth", Shape::Number)]);
    const EXAMPLE: &'static str = "view_schema sales.Orders";
    const FOR_VIEWS: bool = true;

    fn named(args: &SchemaArgs) -> Named {
        Named::table(&args.table)
    }

    fn definition(&self, _: &Surroundings) -> Definition {
        let end = json!({
            "type": "object",
            "properties": {
                "table": { "type": "string" },
                "columns": { "type": "array", "items": { "type": "string" } }
            },
            "required": ["table", "columns"]
        });
        Definition {
            title: "Tables of a view",
            description: "A table with those that its foreign keys lead to and come from.".into(),
            arguments: json!({
                "table": { "type": "string", "description": "table, schema.table, or [schema].[table]" },
                "depth": { "type": "integer", "minimum": 0, "maximum": 2, "description": "how far from it" },
            }),
            required: &["table"],
            output: json!({
                "type": "object",
                "properties": {
                    "tables": { "type": "array", "items": {
                        "type": "object",
                        "properties": {
                            "schema": { "type": "string" },
                            "name": { "type": "string" },
                            "columns": { "type": "array", "items": {
                                "type": "object",
                                "properties": {
                                    "name": { "type": "string" },
                                    "type": { "type": "string" },
                                    "key": { "type": "string" }
                                },
                                "required": ["name", "type"]
                            } }
                        },
                        "required": ["schema", "name", "columns"]
                    } },
                    "foreign_keys": { "type": "array", "items": {
                        "type": "object",
                        "properties": { "name": { "type": "string" }, "from": end, "to": end },
                        "required": ["name", "from", "to"]
                    } }
                },
                "required": ["tables", "foreign_keys"]
            }),
            changes: false,
        }
    }

    async fn call(&self, call: Call, args: SchemaArgs) -> Result<ToolReply, Stop> {
        let (db, limits) = (&call.database, &call.limits);
        let depth = args.depth.unwrap_or(1).min(2);
        let mut around = Around::default();
        let mut next = vec![args.table.clone()];
        for distance in 0..=depth {
            for name in std::mem::take(&mut next) {
                if around.tables.len() >= TABLES {
                    break;
                }
                // Keys name it as it was written then: it is not looked up again.
                if around.tables.contains_key(&name) {
                    continue;
                }
                let table = match db.find_table(&name, limits).await {
                    Ok(table) => table,
                    // What a key leads to may be hidden from this login.
                    Err(e) if distance == 0 || matches!(e, NotFound::Database(_)) => {
                        return Err(Stop::NotFound(name, e));
                    }
                    Err(_) => continue,
                };
                let written = table.written();
                if !around.tables.contains_key(&written) {
                    next.extend(around.add(written, &db.describe(&table, limits).await?));
                }
            }
        }
        let count = around.tables.len();
        let out = json!({
            "tables": around.tables.into_values().collect::<Vec<_>>(),
            "foreign_keys": around.keys.into_values().collect::<Vec<_>>(),
        });
        Ok(structured(&call.facts, count, &out))
    }
}

/// Tables by their names, and foreign keys by theirs.
#[derive(Default)]
struct Around {
    tables: BTreeMap<String, Value>,
    keys: BTreeMap<String, Value>,
}

impl Around {
    /// Adds a table as it was described; gives the tables next to it.
    fn add(&mut self, written: String, described: &Value) -> Vec<String> {
        let list = |key: &str| described[key].as_array().cloned().unwrap_or_default();
        let has = |of: &Value, column: &Value| {
            of["columns"].as_array().is_some_and(|all| all.contains(column))
        };
        let columns: Vec<Value> = list("columns")
            .iter()
            .map(|c| {
                let mut column = json!({ "name": c["name"], "type": c["type"] });
                let primary = has(&described["primary_key"], &c["name"]);
                let foreign = list("foreign_keys").iter().any(|k| has(k, &c["name"]));
                let key = match (primary, foreign) {
                    (true, true) => "PK FK",
                    (true, false) => "PK",
                    (false, true) => "FK",
                    (false, false) => return column,
                };
                column["key"] = key.into();
                column
            })
            .collect();
        let table = json!({
            "schema": described["schema"], "name": described["name"], "columns": columns,
        });
        let mut near = Vec::new();
        for (list, other, outward) in
            [(list("foreign_keys"), "references", true), (list("referenced_by"), "table", false)]
        {
            for key in list {
                let there = key[other].as_str().unwrap_or_default().to_owned();
                let named = if key["referenced_columns"].is_array() {
                    "referenced_columns"
                } else {
                    "columns"
                };
                let (from, to) = if outward { (&written, &there) } else { (&there, &written) };
                let whole = json!({
                    "name": key["name"],
                    "from": { "table": from, "columns": key["columns"] },
                    "to": { "table": to, "columns": key[named] },
                });
                self.keys.insert(format!("{from} {}", key["name"]), whole);
                near.push(there);
            }
        }
        self.tables.insert(written, table);
        near
    }
}
