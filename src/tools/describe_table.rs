//! `describe_table`: everything about one table or view that helps to write a query, the gist of
//! several, and what there is to know of procedures and their like.

mod compact;
mod many;
mod other;
mod plain;
mod schema;
mod wide;

use mssql_mcp_transports::ToolReply;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::counted;
use super::{Call, Definition, Refusal, Stop, Surroundings, Tool};
use crate::database::catalog::NotFound;
use crate::facts::Named;
use crate::limits::Cost;
use crate::plural::plural;
use crate::telemetry::wire::Shape;
use crate::views::Page;
pub(super) use compact::quoted;
use mssql_mcp_sql::quote;

/// So many tables in one call.
const MOST: usize = 20;
/// Tokens of an answer, by the usual estimate of four characters each.
const TOKENS: usize = 6000;
/// Characters of that; where it is from stands beside them.
const BUDGET: usize = TOKENS * 4 - 800;

/// Describes tables, views and other objects.
#[derive(Debug)]
pub(super) struct DescribeTable;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    table_name: Option<String>,
    table_names: Option<Vec<String>>,
    columns_like: Option<String>,
    cursor: Option<String>,
}

impl Tool for DescribeTable {
    type Args = Args;

    const NAME: &'static str = "describe_table";
    const COST: Cost = Cost::Catalog;
    const SHOWN: Shape =
        Shape::Fields(&[("table_name", Shape::Plain), ("table_names", Shape::Each(&Shape::Plain))]);
    const VIEW: Option<Page> = Some(Page::Schema);
    const EXAMPLE: &'static str = "describe_table sales.Orders";

    fn named(args: &Args) -> Named {
        match (&args.table_name, &args.table_names) {
            (Some(name), _) => Named::table(name),
            (None, Some(names)) => {
                let one = |n: &String| quote::split(n).map_or(n.clone(), |p| p.join("."));
                let all: Vec<String> = names.iter().take(MOST).map(one).collect();
                Named { query: None, table: Some(all.join(", ")) }
            }
            (None, None) => Named::default(),
        }
    }

    fn definition(&self, _: &Surroundings) -> Definition {
        Definition {
            title: "Describe a table",
            description: "Columns with their types, defaults and descriptions; primary key, \
                          unique and check constraints, foreign keys in both directions, and \
                          indexes of a table or view. What there is none of is left out. \
                          Also procedures, functions, triggers, synonyms, sequences."
                .into(),
            arguments: json!({
                "table_name": {
                    "type": "string",
                    "description": "table, schema.table, or [schema].[table]"
                },
                "table_names": {
                    "type": "array",
                    "items": { "type": "string" },
                    "description": "instead: up to 20, compactly, with the keys between them"
                },
                "columns_like": {
                    "type": "string",
                    "description": "part of the columns' names; with % a LIKE pattern"
                },
                "cursor": {
                    "type": "string",
                    "description": "next_cursor of the answer before"
                }
            }),
            required: &[],
            output: schema::output(),
            changes: false,
        }
    }

    async fn call(&self, call: Call, args: Args) -> Result<ToolReply, Stop> {
        let name = match (args.table_name, args.table_names) {
            (Some(name), None) => name,
            (None, Some(names)) => {
                if args.columns_like.is_some() || args.cursor.is_some() {
                    return Err(Refusal::invalid_arguments(
                        "columns_like and cursor are for one table",
                        "Give table_name instead of table_names.",
                    )
                    .into());
                }
                return many::answer(&call, &names).await;
            }
            (Some(_), Some(_)) => {
                return Err(Refusal::invalid_arguments(
                    "there are both table_name and table_names",
                    "Give one of them.",
                )
                .into());
            }
            (None, None) => {
                return Err(Refusal::invalid_arguments(
                    "table_name is missing; give {\"table_name\": …}.",
                    "table_name: table, schema.table, or [schema].[table].",
                )
                .into());
            }
        };
        let (db, limits) = (&call.database, &call.limits);
        let table = match db.find_table(&name, limits).await {
            Ok(table) => table,
            Err(why @ (NotFound::Other(..) | NotFound::NoSuchTable(_))) => {
                return match db.describe_other(&name, limits).await? {
                    Some(told) => other::answer(&call, plain::told(told), args.cursor.as_deref()),
                    None => Err(Stop::NotFound(name, why)),
                };
            }
            Err(why) => return Err(Stop::NotFound(name, why)),
        };
        let told = plain::told(db.describe(&table, limits).await?);
        let n = told["columns"].as_array().map_or(0, Vec::len);
        let asked = wide::ColumnsAsked::read(args.columns_like.as_deref(), args.cursor.as_deref())?;
        let out = wide::fitted(told, &asked);
        let shown = out["columns"].as_array().map_or(0, Vec::len);
        let what = match shown == n {
            true => format!("{}: {}", table.written(), plural(n, "column")),
            false => format!("{}: {shown} of {}", table.written(), plural(n, "column")),
        };
        Ok(counted(&call, shown, out, &what))
    }
}

/// How many characters a value is in an answer.
fn size(v: &Value) -> usize {
    v.to_string().chars().count()
}
