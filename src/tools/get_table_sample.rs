//! `get_table_sample`: a few rows of a table, to see what is in it.

use mssql_mcp_transports::ToolReply;
use serde::Deserialize;
use serde_json::{Value, json};

use super::execute_sql::answer;
use super::{Budget, Call, Refusal, Tool, results_schema};
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
    pub budget: Budget,
}

/// Its arguments.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Args {
    table_name: String,
    limit: Option<i64>,
}

impl Tool for GetTableSample {
    type Args = Args;
    const NAME: &'static str = "get_table_sample";

    fn definition(&self) -> Value {
        json!({
            "name": Self::NAME,
            "title": "Sample a table",
            "description": "A few rows of a table or view, in no particular order.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "table_name": { "type": "string", "description": "table, schema.table, or [schema].[table]" },
                    "limit": { "type": "integer", "description": format!("rows; more than {MAX} is taken as {MAX}"), "default": DEFAULT }
                },
                "required": ["table_name"],
                "additionalProperties": false
            },
            "outputSchema": { "type": "object", "properties": { "results": results_schema(), "messages": { "type": "array", "items": { "type": "string" } } }, "required": ["results"] },
            "annotations": { "title": "Sample a table", "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false }
        })
    }

    async fn call(&self, call: Call, args: Args) -> Result<ToolReply, Refusal> {
        let wanted = args.limit.unwrap_or(DEFAULT as i64);
        let limit = u64::try_from(wanted).unwrap_or(0).clamp(1, MAX);
        let limits = call.limits(Budget { max_rows: limit.min(self.budget.max_rows), ..self.budget });
        let table = self
            .db
            .find_table(&args.table_name, &limits)
            .await
            .map_err(|e| Refusal::not_found(&args.table_name, e, &self.db))?;
        // The name comes from the catalog and is quoted by us; the number is ours.
        let sql = format!("SELECT TOP ({limit}) * FROM {}", table.quoted());
        let mut a = self.db.run(&sql, &[], Mode::Read, &limits).await.map_err(|f| Refusal::failure(&f, &self.db))?;
        if u64::try_from(wanted).ok() != Some(limit) {
            a.messages.push(format!("limit {wanted} was taken as {limit}; it may be 1 to {MAX}"));
        }
        Ok(answer(&call.facts, a, false))
    }
}
