//! `search` and `fetch`: the two tools by which ChatGPT (deep research, company knowledge) finds
//! and reads, in the shapes that OpenAI's contract asks for.

use std::sync::Arc;

use mssql_mcp_transports::ToolReply;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Bounds, Call, Named, Refusal, Stop, Tool, structured};
use crate::config::Config;
use crate::config::settings;
use crate::database::Database;
use crate::database::objects::Column;

/// Hits in one answer.
const HITS: usize = 20;
/// Characters of a document, which is what its readers take.
const MAX_TEXT: usize = 60_000;

/// What both are made of.
#[derive(Debug, Clone)]
pub struct Library {
    /// Where.
    pub db: Database,
    /// How much.
    pub bounds: Bounds,
    /// Text columns whose rows are searched.
    rows_of: Arc<[Column]>,
    /// The page of an object, up to its id.
    page: Arc<str>,
}

/// The tool that finds.
#[derive(Debug)]
pub struct Search(pub Library);

/// The tool that reads.
#[derive(Debug)]
pub struct Fetch(pub Library);

/// Its arguments.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchArgs {
    query: String,
}

/// Its arguments.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FetchArgs {
    id: String,
}

/// `schema.table.column`.
pub fn column(text: &str) -> Option<Column> {
    let parts = mssql_mcp_sql::quote::split(text)?;
    let [schema, table, column] = parts.as_slice() else { return None };
    let quoted = |n: &str| mssql_mcp_sql::quote::identifier(n);
    Some(Column { table: format!("{}.{}", quoted(schema), quoted(table)), column: column.clone() })
}

/// Those that are configured.
pub fn columns(config: &Config) -> Vec<Column> {
    config.get(settings::tools::SEARCH_ROWS).iter().filter_map(|c| column(c)).collect()
}

impl Library {
    /// For the mount at this path.
    pub fn new(db: &Database, bounds: Bounds, path: &str, config: &Config) -> Self {
        let listener = || {
            let address = config.get(settings::http::LISTEN);
            address.map_or_else(String::new, |address| format!("http://{address}"))
        };
        let origin = config.public_url().map_or_else(listener, str::to_owned);
        let rows_of = columns(config).into();
        Self { db: db.clone(), bounds, rows_of, page: format!("{origin}{path}/object?id=").into() }
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

    fn named(_: &SearchArgs) -> Named {
        Named::default()
    }

    fn definition(&self) -> Value {
        json!({
            "name": Self::NAME,
            "title": "Search the database",
            "description": "Finds tables, views, columns, procedures and (where configured) rows by words in their names, descriptions and text. Read a hit with fetch.",
            "inputSchema": {
                "type": "object",
                "properties": { "query": { "type": "string", "description": "words, or a name; a misspelt name finds its nearest" } },
                "required": ["query"],
                "additionalProperties": false
            },
            "outputSchema": {
                "type": "object",
                "properties": { "results": { "type": "array", "items": {
                    "type": "object",
                    "properties": { "id": { "type": "string" }, "title": { "type": "string" }, "url": { "type": "string" } },
                    "required": ["id", "title", "url"]
                } } },
                "required": ["results"]
            },
            "annotations": { "title": "Search the database", "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false }
        })
    }

    async fn call(&self, call: Call, args: SearchArgs) -> Result<ToolReply, Stop> {
        let l = &self.0;
        let query: String = args.query.chars().take(500).collect();
        let hits =
            l.db.search(&query, &l.rows_of, HITS, &call.limits(l.bounds))
                .await
                .map_err(|e| Refusal::database(&e, &l.db))?;
        let results: Vec<Value> = hits
            .iter()
            .map(|h| json!({ "id": h.id, "title": h.title, "url": l.url(&h.id) }))
            .collect();
        Ok(structured(&call.facts, results.len(), &json!({ "results": results })))
    }
}

impl Tool for Fetch {
    type Args = FetchArgs;
    const NAME: &'static str = "fetch";

    fn named(_: &FetchArgs) -> Named {
        Named::default()
    }

    fn definition(&self) -> Value {
        json!({
            "name": Self::NAME,
            "title": "Read a search result",
            "description": "The whole of one thing that search found: a table's columns and keys, a procedure's text, a row's values.",
            "inputSchema": {
                "type": "object",
                "properties": { "id": { "type": "string", "description": "an id from search, such as table:sales.Orders or row:sales.Orders:10248" } },
                "required": ["id"],
                "additionalProperties": false
            },
            "outputSchema": {
                "type": "object",
                "properties": {
                    "id": { "type": "string" }, "title": { "type": "string" }, "text": { "type": "string" }, "url": { "type": "string" },
                    "metadata": { "type": "object", "additionalProperties": { "type": "string" } }
                },
                "required": ["id", "title", "text", "url"]
            },
            "annotations": { "title": "Read a search result", "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false }
        })
    }

    async fn call(&self, call: Call, args: FetchArgs) -> Result<ToolReply, Stop> {
        let l = &self.0;
        let found =
            l.db.object(&args.id, &call.limits(l.bounds))
                .await
                .map_err(|e| Refusal::database(&e, &l.db))?;
        let Some(o) = found else {
            let message = format!(
                "There is nothing with the id {:?}.",
                args.id.chars().take(200).collect::<String>()
            );
            return Err(Refusal::new(
                "no_such_object",
                message,
                "search gives ids such as table:sales.Orders.",
            )
            .into());
        };
        let most = l.bounds.max_chars.min(MAX_TEXT);
        let mut metadata = json!({ "kind": o.kind, "database": l.db.settings().label });
        let mut text = o.text;
        if let Some((at, _)) = text.char_indices().nth(most) {
            text.truncate(at);
            text.push_str("\n… [cut]");
            call.facts.set_truncated("max_chars");
            metadata["truncated"] = format!("after {most} characters").into();
        }
        let out = json!({ "id": args.id, "title": o.title, "text": text, "url": l.url(&args.id), "metadata": metadata });
        Ok(structured(&call.facts, 1, &out))
    }
}
