//! `get_table_sample`: a few rows of a table, to see what is in it.

use mssql_mcp_transports::ToolReply;
use serde::Deserialize;
use serde_json::{Value, json};

use super::execute_sql::{Format, answer};
use super::{Bounds, Call, Named, Refusal, Stop, Tool, results_schema, truncated_schema};
use crate::database::Database;
use crate::database::run::Mode;

const DEFAULT: u64 = 5;
const MAX: u64 = 100;

/// The tool.
#[derive(Debug)]
pub struct GetTableSample {
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
    limit: Option<i64>,
    format: Option<Format>,
}

impl Tool for GetTableSample {
    type Args = Args;
    const NAME: &'static str = "get_table_sample";

    fn named(args: &Args) -> Named {
        Named::table(&args.table_name)
    }

    fn definition(&self) -> Value {
        json!({
            "name": Self::NAME,
            "title": "Sample a table",
            "description": "A few rows of a table or view, in no particular order.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "table_name": { "type": "string", "description": "table, schema.table, or [schema].[table]" },
                    "limit": { "type": "integer", "description": format!("rows; more than {MAX} is taken as {MAX}"), "default": DEFAULT },
                    "format": { "type": "string", "enum": ["json", "csv"], "description": "text form of the rows; structuredContent is JSON always" }
                },
                "required": ["table_name"],
                "additionalProperties": false
            },
            "outputSchema": { "type": "object", "properties": { "results": results_schema(), "messages": { "type": "array", "items": { "type": "string" } }, "truncated": truncated_schema() }, "required": ["results"] },
            "annotations": { "title": "Sample a table", "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false }
        })
    }

    async fn call(&self, call: Call, args: Args) -> Result<ToolReply, Stop> {
        let wanted = args.limit.unwrap_or(DEFAULT as i64);
        let limit = u64::try_from(wanted).unwrap_or(0).clamp(1, MAX);
        let csv = args.format.map_or(self.bounds.csv, |f| f == Format::Csv);
        let limits =
            call.limits(Bounds { max_rows: limit.min(self.bounds.max_rows), csv, ..self.bounds });
        let table = self
            .db
            .find_table(&args.table_name, &limits)
            .await
            .map_err(|e| Refusal::not_found(&args.table_name, e, &self.db))?;
        // The name comes from the catalog and is quoted by us; the number is ours.
        let columns = self
            .db
            .readable_columns(&table, &limits)
            .await
            .map_err(|e| Refusal::database(&e, &self.db))?;
        let sql = format!("SELECT TOP ({limit}) {columns} FROM {}", table.quoted());
        let mut a = self
            .db
            .run(sql.as_str().into(), Mode::Read, &limits)
            .await
            .map_err(|f| Refusal::failure(&f, &self.db))?;
        if u64::try_from(wanted).ok() != Some(limit) {
            a.messages.push(format!("limit {wanted} was taken as {limit}; it may be 1 to {MAX}"));
        }
        Ok(answer(&call.facts, a, None, false))
    }
}
