//! `describe_table`: everything about one table or view that helps to write a query.

use mssql_mcp_transports::ToolReply;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{counted, source_schema};
use super::{Call, Definition, Stop, Surroundings, Tool};
use crate::facts::Named;
use crate::limits::Cost;
use crate::plural::plural;
use crate::telemetry::wire::Shape;
use crate::views::Page;

/// Describes a table or a view.
#[derive(Debug)]
pub(super) struct DescribeTable;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    table_name: String,
}

impl Tool for DescribeTable {
    type Args = Args;

    const NAME: &'static str = "describe_table";
    const COST: Cost = Cost::Catalog;
    const SHOWN: Shape = Shape::Fields(&[("table_name", Shape::Plain)]);
    const VIEW: Option<Page> = Some(Page::Schema);
    const EXAMPLE: &'static str = "describe_table sales.Orders";

    fn named(args: &Args) -> Named {
        Named::table(&args.table_name)
    }

    fn definition(&self, _: &Surroundings) -> Definition {
        Definition {
            title: "Describe a table",
            description: "Columns with their types, defaults and descriptions; primary key, \
                          unique and check constraints, foreign keys in both directions, and \
                          indexes of a table or view. What there is none of is left out."
                .into(),
            arguments: json!({
                "table_name": {
                    "type": "string",
                    "description": "table, schema.table, or [schema].[table]"
                }
            }),
            required: &["table_name"],
            output: output(),
            changes: false,
        }
    }

    async fn call(&self, call: Call, args: Args) -> Result<ToolReply, Stop> {
        let (db, limits) = (&call.database, &call.limits);
        let table = db
            .find_table(&args.table_name, limits)
            .await
            .map_err(|e| Stop::NotFound(args.table_name, e))?;
        let out = db.describe(&table, limits).await?;
        let n = out["columns"].as_array().map_or(0, Vec::len);
        let what = format!("{}: {}", table.written(), plural(n, "column"));
        Ok(counted(&call, n, out, &what))
    }
}

/// All that [`crate::database::Database::describe`] may say: what a schema does not name, clients
/// with types leave out.
fn output() -> Value {
    json!({
        "type": "object",
        "properties": {
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
        },
        "required": ["schema", "name", "columns"]
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
            "description": { "type": "string" }
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
