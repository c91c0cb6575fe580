//! `describe_table`: everything about one table or view that helps to write a query.

use mssql_mcp_transports::ToolReply;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Bounds, Call, Named, Refusal, Stop, Tool, structured};
use crate::database::Database;

/// The tool.
#[derive(Debug)]
pub struct DescribeTable {
    /// Where.
    pub db: Database,
    /// How much.
    pub bounds: Bounds,
}

/// Its arguments.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Args {
    table_name: String,
}

impl Tool for DescribeTable {
    type Args = Args;
    const NAME: &'static str = "describe_table";

    fn named(args: &Args) -> Named {
        Named::table(&args.table_name)
    }

    fn definition(&self) -> Value {
        let keys = json!({ "type": "array", "items": { "type": "object" } });
        json!({
            "name": Self::NAME,
            "title": "Describe a table",
            "description": "Columns with their types, defaults and descriptions; primary key, unique and check constraints, foreign keys in both directions, and indexes of a table or view. What there is none of is left out.",
            "inputSchema": {
                "type": "object",
                "properties": { "table_name": { "type": "string", "description": "table, schema.table, or [schema].[table]" } },
                "required": ["table_name"],
                "additionalProperties": false
            },
            "outputSchema": {
                "type": "object",
                "properties": {
                    "schema": { "type": "string" }, "name": { "type": "string" }, "type": { "type": ["string", "null"] },
                    "sql_name": { "type": "string", "description": "as it is written in T-SQL, where it needs brackets" },
                    "rows": { "type": "integer" }, "description": { "type": "string" },
                    "collation": { "type": "string", "description": "of all text columns that name no other" },
                    "columns": { "type": "array", "items": { "type": "object", "properties": {
                        "name": { "type": "string" }, "type": { "type": "string" }, "nullable": { "type": "boolean" }
                    }, "required": ["name", "type", "nullable"] } },
                    "primary_key": { "type": "object" },
                    "unique_constraints": keys, "check_constraints": keys, "foreign_keys": keys, "referenced_by": keys, "indexes": keys
                },
                "required": ["schema", "name", "columns"]
            },
            "annotations": { "title": "Describe a table", "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false }
        })
    }

    async fn call(&self, call: Call, args: Args) -> Result<ToolReply, Stop> {
        let limits = call.limits(self.bounds);
        let table = self
            .db
            .find_table(&args.table_name, &limits)
            .await
            .map_err(|e| Refusal::not_found(&args.table_name, e, &self.db))?;
        let out =
            self.db.describe(&table, &limits).await.map_err(|e| Refusal::database(&e, &self.db))?;
        let n = out["columns"].as_array().map_or(0, Vec::len);
        Ok(structured(&call.facts, n, &out))
    }
}
