//! `list_tables`: what there is to query, in pages.

use std::sync::Arc;

use mssql_mcp_transports::{Text, ToolReply};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{counted, source_schema, structured};
use super::{Call, Definition, NamesDatabase, Refusal, Stop, Surroundings, Tool};
use crate::database::catalog::{ListFilter, TableName};
use crate::facts::Named;
use crate::limits::Cost;
use crate::plural::plural;
use crate::sources::DataSource;
use crate::telemetry::wire::Shape;
use crate::views::Page;

/// Tables on a page.
const PAGE: i64 = 200;

/// Lists tables and views.
#[derive(Debug)]
pub(super) struct ListTables;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    schema_name: Option<String>,
    name_like: Option<String>,
    include_views: Option<bool>,
    cursor: Option<String>,
}

impl Tool for ListTables {
    type Args = Args;

    const NAME: &'static str = "list_tables";
    const COST: Cost = Cost::Catalog;
    const SHOWN: Shape = Shape::Fields(&[
        ("schema_name", Shape::Plain),
        ("schema", Shape::Plain),
        ("include_views", Shape::Number),
    ]);
    /// A model's class has a `schema` of its own in pydantic, which warns of one that hides it.
    const RENAMED: &'static [(&'static str, &'static str)] = &[("schema", "schema_name")];
    const VIEW: Option<Page> = Some(Page::Schema);
    const EXAMPLE: &'static str = "list_tables";
    const DATABASE: NamesDatabase = NamesDatabase::Any;

    fn named(_: &Args) -> Named {
        Named::default()
    }

    fn definition(&self, of: &Surroundings) -> Definition {
        let mut description = String::from(
            "Lists tables (and views on request) with their schema, approximate row count and \
             description, ordered by schema and name.",
        );
        let mut needed = vec!["tables"];
        if of.sources.several() {
            description += " Without database it lists the databases.";
            needed.clear();
        }
        let mut definition = Definition {
            title: "List tables",
            description,
            arguments: json!({
                "schema_name": { "type": "string", "description": "only this schema" },
                "name_like": {
                    "type": "string",
                    "description": "part of the name, such as order; with % a LIKE pattern"
                },
                "include_views": {
                    "type": "boolean",
                    "description": "list views too",
                    "default": false
                },
                "cursor": { "type": "string", "description": "next_cursor of the page before" }
            }),
            required: &[],
            output: json!({
                "type": "object",
                "properties": {
                    "source": source_schema(),
                    "tables": { "type": "array", "items": {
                        "type": "object",
                        "properties": {
                            "schema": { "type": "string" },
                            "name": { "type": "string" },
                            "sql_name": {
                                "type": "string",
                                "description": "as it is written in T-SQL, where it needs brackets"
                            },
                            "type": { "type": "string", "enum": ["table", "view"] },
                            "rows": {
                                "type": ["integer", "null"],
                                "description": "approximate, from the catalog"
                            },
                            "description": { "type": ["string", "null"] }
                        },
                        "required": ["schema", "name", "type", "rows", "description"]
                    } },
                    "next_cursor": { "type": "string" },
                    "message": { "type": "string", "description": "why there are none" }
                },
                "required": needed
            }),
            changes: false,
        };
        if of.sources.several() {
            definition.output["properties"]["databases"] = databases_schema();
        }
        definition
    }

    async fn call(&self, call: Call, args: Args) -> Result<ToolReply, Stop> {
        if !call.is_for_one {
            return databases(&call, args.cursor.as_deref());
        }
        let bad_cursor = || {
            Refusal::invalid_arguments(
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
        // [sales] is sales.
        let bare = |s: String| match mssql_mcp_sql::quote::split(&s).as_deref() {
            Some([one]) => one.clone(),
            _ => s,
        };
        let filter = ListFilter {
            schema: args.schema_name.map(bare),
            name_like: args.name_like,
            views,
            skip,
            take: PAGE + 1,
        };
        let (db, limits) = (&call.database, &call.limits);
        let rows = db.list_tables(&filter, limits).await?;
        let none = match rows.is_empty() {
            true => Some(db.nothing_listed(&filter, limits).await?),
            false => None,
        };
        let more = rows.len() as i64 > PAGE;
        let tables: Vec<Value> = rows
            .into_iter()
            .take(PAGE as usize)
            .map(|r| {
                let get = |i: usize| r.get(i).cloned().unwrap_or(Value::Null);
                let mut one =
                    json!({ "schema": get(0), "name": get(1), "type": get(2), "rows": get(3), "description": get(4) });
                let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
                let (schema, name) = (text(&one["schema"]), text(&one["name"]));
                let written = TableName { id: 0, schema, name };
                if written.written() != format!("{}.{}", written.schema, written.name) {
                    one["sql_name"] = written.written().into();
                }
                one
            })
            .collect();
        let n = tables.len();
        let mut out = json!({ "tables": tables });
        if more {
            out["next_cursor"] = format!("after:{}", skip + PAGE).into();
        }
        if let Some(why) = none {
            out["message"] = why.into();
        }
        let what = format!("{}{}", plural(n, "table"), if more { ", and more" } else { "" });
        Ok(counted(&call, n, out, &what))
    }
}

/// Databases on a page.
const DATABASES: usize = 50;

/// What there is to choose from. Nobody is asked: what is known of each is told.
fn databases(call: &Call, cursor: Option<&str>) -> Result<ToolReply, Stop> {
    let skip = match cursor {
        None => 0,
        Some(c) => c.strip_prefix("databases:").and_then(|n| n.parse().ok()).ok_or_else(|| {
            Refusal::invalid_arguments(
                "cursor is not one that list_tables gave without a database",
                "Leave it out for the first page, or name a database.",
            )
        })?,
    };
    let one = |s: &Arc<DataSource>| {
        let mut one = json!({
            "name": s.name,
            "access": s.database.settings().policy.access.as_str(),
        });
        if !s.description.is_empty() {
            one["description"] = s.description.as_str().into();
        }
        if s.database.is_known_to_be_down() {
            one["state"] = "did not answer a moment ago".into();
        }
        one
    };
    let page: Vec<Value> = call.sources.iter().skip(skip).take(DATABASES).map(one).collect();
    let (count, all) = (page.len(), call.sources.len());
    let mut out = json!({
        "databases": page,
        "message": "Name one with database to list its tables.",
    });
    if all > skip + count {
        out["next_cursor"] = format!("databases:{}", skip + count).into();
    }
    let mut reply = structured(&call.facts, count, &out);
    if call.brief(false) {
        reply.text = Text::Own(format!("{}; see structuredContent", plural(all, "database")));
    }
    Ok(reply)
}

fn databases_schema() -> Value {
    json!({
        "type": "array",
        "description": "where no database was named",
        "items": {
            "type": "object",
            "properties": {
                "name": { "type": "string" },
                "access": { "type": "string" },
                "description": { "type": "string" },
                "state": { "type": "string" }
            },
            "required": ["name", "access"]
        }
    })
}
