//! `describe_table`: everything about one table or view that helps to write a query.

use mssql_mcp_transports::ToolReply;
use serde::Deserialize;
use serde_json::json;

use super::answer::structured;
use super::{Call, Definition, Stop, Surroundings, Tool};
use crate::facts::Named;
use crate::limits::Cost;
use crate::telemetry::wire::Shape;

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
    const EXAMPLE: &'static str = "describe_table sales.Orders";

    fn named(args: &Args) -> Named {
        Named::table(&args.table_name)
    }

    fn definition(&self, _: &Surroundings) -> Definition {
        let keys = json!({ "type": "array", "items": { "type": "object" } });
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
            output: json!({
                "type": "object",
                "properties": {
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
                    "columns": { "type": "array", "items": {
                        "type": "object",
                        "properties": {
                            "name": { "type": "string" },
                            "type": { "type": "string" },
                            "nullable": { "type": "boolean" }
                        },
                        "required": ["name", "type", "nullable"]
                    } },
                    "primary_key": { "type": "object" },
                    "unique_constraints": keys,
                    "check_constraints": keys,
                    "foreign_keys": keys,
                    "referenced_by": keys,
                    "indexes": keys
                },
                "required": ["schema", "name", "columns"]
            }),
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
        Ok(structured(&call.facts, n, &out))
    }
}
