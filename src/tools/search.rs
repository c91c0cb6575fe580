//! `search` and `fetch`: the two tools by which ChatGPT (deep research, company knowledge) finds
//! and reads, in the shapes that OpenAI's contract asks for.

use std::sync::Arc;

use mssql_mcp_transports::ToolReply;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::structured;
use super::{Call, Definition, Refusal, Stop, Surroundings, Tool};
use crate::config::Config;
use crate::config::settings;
use crate::database::objects::Column;
use crate::facts::Named;
use crate::limits::Cost;
use crate::telemetry::wire::Shape;

/// Hits in one answer.
const HITS: usize = 20;
/// Characters of a document, which is what its readers take.
const MAX_TEXT: usize = 60_000;

/// What both are made of.
#[derive(Debug, Clone)]
pub struct DocumentIndex {
    /// Text columns whose rows are searched.
    rows_of: Arc<[Column]>,
    /// The page of an object, up to its id.
    page: Arc<str>,
}

#[derive(Debug)]
pub(super) struct Search(pub(crate) DocumentIndex);

/// Reads what was found.
#[derive(Debug)]
pub(super) struct Fetch(pub(crate) DocumentIndex);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchArgs {
    query: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FetchArgs {
    id: String,
}

pub(crate) fn column(text: &str) -> Option<Column> {
    let parts = mssql_mcp_sql::quote::split(text)?;
    let [schema, table, column] = parts.as_slice() else { return None };
    let quoted = |n: &str| mssql_mcp_sql::quote::identifier(n);
    Some(Column { table: format!("{}.{}", quoted(schema), quoted(table)), column: column.clone() })
}

/// Those that are configured.
pub fn columns(config: &Config) -> Vec<Column> {
    config.get(settings::tools::SEARCH_ROWS).iter().filter_map(|c| column(c)).collect()
}

impl DocumentIndex {
    /// For the mount at this path.
    pub(crate) fn new(path: &str, config: &Config) -> Self {
        let origin = config.origin();
        let rows_of = columns(config).into();
        Self { rows_of, page: format!("{origin}{path}/object?id=").into() }
    }

    fn url(&self, id: &str) -> String {
        format!(
            "{}{}",
            self.page,
            form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>()
        )
    }
}

impl Tool for Search {
    type Args = SearchArgs;

    const NAME: &'static str = "search";
    const COST: Cost = Cost::Catalog;
    /// What somebody looks for is data, unlike the `query` of `execute_sql`.
    const SHOWN: Shape = Shape::Fields(&[]);
    const EXAMPLE: &'static str = "search orders";
    const SETTING: Option<&'static str> = Some(settings::tools::SEARCH.name());

    fn named(_: &SearchArgs) -> Named {
        Named::default()
    }

    fn definition(&self, _: &Surroundings) -> Definition {
        Definition {
            title: "Search the database",
            description: "Finds tables, views, columns, procedures and (where configured) rows by \
                          words in their names, descriptions and text. Read a hit with fetch."
                .into(),
            arguments: json!({
                "query": {
                    "type": "string",
                    "description": "words, or a name; a misspelt name finds its nearest"
                }
            }),
            required: &["query"],
            output: json!({
                "type": "object",
                "properties": { "results": { "type": "array", "items": {
                    "type": "object",
                    "properties": {
                        "id": { "type": "string" },
                        "title": { "type": "string" },
                        "url": { "type": "string" }
                    },
                    "required": ["id", "title", "url"]
                } } },
                "required": ["results"]
            }),
            changes: false,
        }
    }

    async fn call(&self, call: Call, args: SearchArgs) -> Result<ToolReply, Stop> {
        let library = &self.0;
        let query: String = args.query.chars().take(500).collect();
        let hits = call.database.search(&query, &library.rows_of, HITS, &call.limits).await?;
        let results: Vec<Value> = hits
            .iter()
            .map(|h| json!({ "id": h.id, "title": h.title, "url": library.url(&h.id) }))
            .collect();
        Ok(structured(&call.facts, results.len(), &json!({ "results": results })))
    }
}

impl Tool for Fetch {
    type Args = FetchArgs;

    const NAME: &'static str = "fetch";
    const COST: Cost = Cost::Data;
    /// An id may hold the key of a row.
    const SHOWN: Shape = Shape::Fields(&[]);
    const EXAMPLE: &'static str = "fetch table:sales.Orders";
    const SETTING: Option<&'static str> = Some(settings::tools::SEARCH.name());

    fn named(_: &FetchArgs) -> Named {
        Named::default()
    }

    fn definition(&self, _: &Surroundings) -> Definition {
        Definition {
            title: "Read a search result",
            description: "The whole of one thing that search found: a table's columns and keys, a \
                          procedure's text, a row's values."
                .into(),
            arguments: json!({
                "id": {
                    "type": "string",
                    "description":
                        "an id from search, such as table:sales.Orders or row:sales.Orders:10248"
                }
            }),
            required: &["id"],
            output: json!({
                "type": "object",
                "properties": {
                    "id": { "type": "string" },
                    "title": { "type": "string" },
                    "text": { "type": "string" },
                    "url": { "type": "string" },
                    "metadata": {
                        "type": "object",
                        "properties": {
                            "kind": { "type": "string" },
                            "database": { "type": "string" },
                            "truncated": { "type": "string" }
                        },
                        "required": ["kind", "database"]
                    }
                },
                "required": ["id", "title", "text", "url"]
            }),
            changes: false,
        }
    }

    async fn call(&self, call: Call, args: FetchArgs) -> Result<ToolReply, Stop> {
        let (library, db) = (&self.0, &call.database);
        let Some(o) = db.object(&args.id, &call.limits).await? else {
            return Err(Refusal::no_such_object(&args.id).into());
        };
        let most = call.limits.bounds.max_chars.min(MAX_TEXT);
        let mut metadata = json!({ "kind": o.kind, "database": db.settings().label });
        let mut text = o.text;
        if let Some((at, _)) = text.char_indices().nth(most) {
            text.truncate(at);
            text.push_str("\n… [cut]");
            call.facts.set_truncated("max_chars");
            metadata["truncated"] = format!("after {most} characters").into();
        }
        let out = json!({
            "id": args.id,
            "title": o.title,
            "text": text,
            "url": library.url(&args.id),
            "metadata": metadata,
        });
        Ok(structured(&call.facts, 1, &out))
    }
}
