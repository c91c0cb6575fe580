//! `list_tables`: what there is to query, in pages.

use mssql_mcp_transports::ToolReply;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Bounds, Call, Named, Refusal, Stop, Tool, structured};
use crate::database::Database;
use crate::database::catalog::ListFilter;

/// Tables on a page.
const PAGE: i64 = 200;

/// The tool.
#[derive(Debug)]
pub struct ListTables {
    /// Where.
    pub db: Database,
    /// How much.
    pub bounds: Bounds,
}

/// Its arguments.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Args {
    schema: Option<String>,
    name_like: Option<String>,
    include_views: Option<bool>,
    cursor: Option<String>,
}

impl Tool for ListTables {
    type Args = Args;
    const NAME: &'static str = "list_tables";

    fn named(_: &Args) -> Named {
        Named::default()
    }

    fn definition(&self) -> Value {
        json!({
            "name": Self::NAME,
            "title": "List tables",
            "description": "Lists tables (and views on request) with their schema, approximate row count and description, ordered by schema and name.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "schema": { "type": "string", "description": "only this schema" },
                    "name_like": { "type": "string", "description": "LIKE pattern of the name, such as %order%" },
                    "include_views": { "type": "boolean", "description": "list views too", "default": false },
                    "cursor": { "type": "string", "description": "next_cursor of the page before" }
                },
                "required": [],
                "additionalProperties": false
            },
            "outputSchema": {
                "type": "object",
                "properties": {
                    "tables": { "type": "array", "items": { "type": "object", "properties": {
                        "schema": { "type": "string" }, "name": { "type": "string" }, "type": { "type": "string", "enum": ["table", "view"] },
                        "rows": { "type": ["integer", "null"], "description": "approximate, from the catalog" }, "description": { "type": ["string", "null"] }
                    }, "required": ["schema", "name", "type", "rows", "description"] } },
                    "next_cursor": { "type": "string" }
                },
                "required": ["tables"]
            },
            "annotations": { "title": "List tables", "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false }
        })
    }

    async fn call(&self, call: Call, args: Args) -> Result<ToolReply, Stop> {
        let bad_cursor = || {
            Refusal::new(
                "invalid_arguments",
                "cursor is not one that list_tables gave",
                "Leave it out for the first page.",
            )
        };
        let skip = match &args.cursor {
            None => 0,
            Some(c) => c
                .strip_prefix("after:")
                .and_then(|n| n.parse::<i64>().ok())
                .filter(|n| *n >= 0)
                .ok_or_else(bad_cursor)?,
        };
        let views = args.include_views.unwrap_or(false);
        // One more than a page, to know whether there is a next one.
        let filter = ListFilter { schema: args.schema, name_like: args.name_like, views, skip, take: PAGE + 1 };
        let rows = self
            .db
            .list_tables(&filter, &call.limits(self.bounds))
            .await
            .map_err(|e| Refusal::database(&e, &self.db))?;
        let more = rows.len() as i64 > PAGE;
        let tables: Vec<Value> = rows
            .into_iter()
            .take(PAGE as usize)
            .map(|r| {
                let get = |i: usize| r.get(i).cloned().unwrap_or(Value::Null);
                json!({ "schema": get(0), "name": get(1), "type": get(2), "rows": get(3), "description": get(4) })
            })
            .collect();
        let n = tables.len();
        let mut out = json!({ "tables": tables });
        if more {
            out["next_cursor"] = format!("after:{}", skip + PAGE).into();
        }
        Ok(structured(&call.facts, n, &out))
    }
}
