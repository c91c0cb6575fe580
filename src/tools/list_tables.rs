//! `list_tables`: what there is to query, in pages; in a large database what there is at a glance,
//! and what fits the words that somebody looks for.

mod cursor;
mod found;
mod glance;

use std::sync::Arc;

use mssql_mcp_transports::{Text, ToolReply};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{counted, source_schema, structured};
use super::{Call, Definition, NamesDatabase, Refusal, Stop, Surroundings, Tool};
use crate::database::catalog::{ListFilter, TableName};
use crate::facts::Named;
use crate::knowledge::Knowledge;
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
    search: Option<String>,
    kind: Option<Kind>,
    cursor: Option<String>,
}

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Table,
    View,
    Procedure,
    Function,
    Synonym,
    Sequence,
    Trigger,
    All,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::View => "view",
            Self::Procedure => "procedure",
            Self::Function => "function",
            Self::Synonym => "synonym",
            Self::Sequence => "sequence",
            Self::Trigger => "trigger",
            Self::All => "all",
        }
    }
}

/// What [`Kind`] is called.
const KINDS: [&str; 8] =
    ["table", "view", "procedure", "function", "synonym", "sequence", "trigger", "all"];

impl Tool for ListTables {
    type Args = Args;

    const NAME: &'static str = "list_tables";
    const COST: Cost = Cost::Catalog;
    const SHOWN: Shape = Shape::Fields(&[
        ("schema_name", Shape::Plain),
        ("schema", Shape::Plain),
        ("include_views", Shape::Number),
        ("kind", Shape::OneOf(&KINDS)),
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
             description, ordered by schema and name. search finds by words. Over 200 \
             tables come at a glance first.",
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
                "search": {
                    "type": "string",
                    "description": "words to find in names, columns, descriptions, glossary: customer \
                        invoice"
                },
                "kind": {
                    "type": "string",
                    "enum": KINDS,
                    "description": "default table"
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
                            "type": { "type": "string", "enum": &KINDS[..7] },
                            "rows": {
                                "type": ["integer", "null"],
                                "description": "approximate, from the catalog"
                            },
                            "description": { "type": ["string", "null"] },
                            "matched": { "type": "array", "items": { "type": "string" } }
                        },
                        "required": ["schema", "name", "type", "rows", "description"]
                    } },
                    "schemas": glance::schema(),
                    "knowledge": found::schema(),
                    "age_seconds": { "type": "integer" },
                    "next_cursor": { "type": "string" },
                    "message": { "type": "string" }
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
        let place = cursor::read(args.cursor.as_deref())?;
        let views = args.include_views.unwrap_or(false);
        if let Some(words) = &args.search {
            return found::answer(&call, words, &args).await;
        }
        let is_bare = args.schema_name.is_none()
            && args.name_like.is_none()
            && args.include_views != Some(false)
            && matches!(args.kind, None | Some(Kind::All))
            && args.cursor.is_none();
        // One more than a page, to know whether there is a next one.
        let filter = ListFilter {
            schema: args.schema_name.map(bare),
            name_like: args.name_like,
            views,
            kind: args.kind.map(Kind::as_str),
            after: place.after,
            skip: place.skip,
            take: PAGE + 1,
        };
        let (db, limits) = (&call.database, &call.limits);
        let rows = db.list_tables(&filter, limits).await?;
        let none = match rows.is_empty() {
            true => Some(db.nothing_listed(&filter, limits).await?),
            false => None,
        };
        let more = rows.len() as i64 > PAGE;
        if more && is_bare {
            return glance::answer(&call).await;
        }
        let knowledge = call.database.knowledge();
        let tables: Vec<Value> =
            rows.iter().take(PAGE as usize).map(|r| entry(r, &knowledge)).collect();
        let n = tables.len();
        let mut out = json!({ "tables": tables });
        if let Some(last) = tables_last(&out).filter(|_| more) {
            out["next_cursor"] = cursor::after(&last.0, &last.1).into();
        }
        if let Some(why) = none {
            out["message"] = why.into();
        }
        let what = format!("{}{}", plural(n, "table"), if more { ", and more" } else { "" });
        Ok(counted(&call, n, out, &what))
    }
}

/// A schema's name as people write it: [sales] is sales.
fn bare(name: String) -> String {
    match mssql_mcp_sql::quote::split(&name).as_deref() {
        Some([one]) => one.clone(),
        _ => name,
    }
}

/// Schema and name of the last table of an answer.
fn tables_last(out: &Value) -> Option<(String, String)> {
    let last = out["tables"].as_array()?.last()?;
    Some((last["schema"].as_str()?.to_owned(), last["name"].as_str()?.to_owned()))
}

/// A table: schema, name, kind, rows and description. What people wrote of it wins.
fn entry(row: &[Value], knowledge: &Knowledge) -> Value {
    let get = |i: usize| row.get(i).cloned().unwrap_or(Value::Null);
    let mut one = json!({
        "schema": get(0), "name": get(1), "type": get(2), "rows": get(3), "description": get(4)
    });
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let (schema, name) = (text(&one["schema"]), text(&one["name"]));
    if let Some(known) = knowledge.table(&schema, &name).and_then(|t| t.description.as_deref()) {
        one["description"] = known.into();
    }
    let written = TableName { id: 0, schema, name };
    if written.written() != format!("{}.{}", written.schema, written.name) {
        one["sql_name"] = written.written().into();
    }
    one
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
