//! `get_table_sample`: a few rows of a table, to see what is in it.

use mssql_mcp_transports::ToolReply;
use serde::Deserialize;
use serde_json::json;

use super::answer::{
    FORMAT_SHOWN, ResultFormat, form, format_schema, results_schema, rowsets, source_schema,
    truncated_schema,
};
use super::{Call, Definition, Stop, Surroundings, Tool};
use crate::database::rows::Bounds;
use crate::database::run::Mode;
use crate::facts::Named;
use crate::limits::Cost;
use crate::telemetry::wire::Shape;
use crate::views::Page;

/// Rows, unless the caller asks for others.
const DEFAULT: u64 = 5;
const MAX: u64 = 100;

/// Gives a few rows of a table or a view.
#[derive(Debug)]
pub(super) struct GetTableSample;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    table_name: String,
    limit: Option<i64>,
    format: Option<ResultFormat>,
}

impl Tool for GetTableSample {
    type Args = Args;

    const NAME: &'static str = "get_table_sample";
    const COST: Cost = Cost::Data;
    const SHOWN: Shape = Shape::Fields(&[
        ("table_name", Shape::Plain),
        ("limit", Shape::Number),
        ("format", FORMAT_SHOWN),
    ]);
    const VIEW: Option<Page> = Some(Page::Results);
    const EXAMPLE: &'static str = "get_table_sample sales.Orders --limit 3";

    fn named(args: &Args) -> Named {
        Named::table(&args.table_name)
    }

    fn definition(&self, _: &Surroundings) -> Definition {
        Definition {
            title: "Sample a table",
            description: "A few rows of a table or view, in no particular order.".into(),
            arguments: json!({
                "table_name": {
                    "type": "string",
                    "description": "table, schema.table, or [schema].[table]"
                },
                "limit": {
                    "type": "integer",
                    "description": format!("rows; more than {MAX} is taken as {MAX}"),
                    "default": DEFAULT
                },
                "format": format_schema(),
            }),
            required: &["table_name"],
            output: json!({
                "type": "object",
                "properties": {
                    "source": source_schema(),
                    "results": results_schema(),
                    "messages": { "type": "array", "items": { "type": "string" } },
                    "truncated": truncated_schema()
                },
                "required": ["results"]
            }),
            changes: false,
        }
    }

    async fn call(&self, call: Call, args: Args) -> Result<ToolReply, Stop> {
        let wanted = args.limit.unwrap_or(DEFAULT as i64);
        let limit = u64::try_from(wanted).unwrap_or(0).clamp(1, MAX);
        let (db, most) = (&call.database, call.limits.bounds);
        let limits = call.within(Bounds {
            max_rows: limit.min(most.max_rows),
            csv: form(&call, args.format).0,
            ..most
        });
        let table = db
            .find_table(&args.table_name, &limits)
            .await
            .map_err(|e| Stop::NotFound(args.table_name, e))?;
        // The name comes from the catalog and is quoted by us; the number is ours.
        let columns = db.readable_columns(&table, &limits).await?;
        let sql = format!("SELECT TOP ({limit}) {columns} FROM {}", table.quoted());
        let mut a = db.run(sql.as_str().into(), Mode::Read, &limits).await?;
        if u64::try_from(wanted).ok() != Some(limit) {
            a.messages.push(format!("limit {wanted} was taken as {limit}; it may be 1 to {MAX}"));
        }
        Ok(rowsets(&call, a, args.format, None, false))
    }
}
