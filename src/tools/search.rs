//! `search` and `fetch`: the two tools by which ChatGPT (deep research, company knowledge) finds
//! and reads, in the shapes that OpenAI's contract asks for.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use mssql_mcp_transports::ToolReply;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::structured;
use super::{Call, Definition, NamesDatabase, Refusal, Stop, Surroundings, Tool};
use crate::config::Config;
use crate::config::settings;
use crate::database::DbError;
use crate::facts::Named;
use crate::limits::Cost;
use crate::sources::DataSource;
use crate::telemetry::wire::Shape;

/// Hits in one answer.
const HITS: usize = 20;
/// Characters of a document, which is what its readers take.
const MAX_TEXT: usize = 60_000;

/// What both are made of.
#[derive(Debug, Clone)]
pub struct DocumentIndex {
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

/// How long one of several databases may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The database that an id begins with, where there are several, and the rest of it.
fn of_database(id: &str) -> Option<(&str, &str)> {
    id.split_once('/').filter(|(name, _)| !name.contains(':'))
}

impl DocumentIndex {
    /// For the mount at this path.
    pub(crate) fn new(path: &str, config: &Config) -> Self {
        let origin = config.origin();
        Self { page: format!("{origin}{path}/object?id=").into() }
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
    const DATABASE: NamesDatabase = NamesDatabase::Any;
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
        let several = call.sources.several();
        let one = |source: Arc<DataSource>| {
            let (query, limits) = (&query, call.on(&source));
            async move {
                let found = source.database.search(query, &source.rows_of, HITS, &limits);
                (tokio::time::timeout(PATIENCE, found).await, source.clone())
            }
        };
        let asked: Vec<Arc<DataSource>> = match call.is_for_one {
            true => vec![call.source.clone()],
            // One that did not answer a moment ago is not waited for.
            false => {
                let is_up = |s: &&Arc<DataSource>| !s.database.is_known_to_be_down();
                call.sources.iter().filter(is_up).cloned().collect()
            }
        };
        let mut found = Vec::new();
        for (hits, source) in join_all(asked.into_iter().map(one)).await {
            match hits {
                Ok(Ok(hits)) => found.push((hits.into_iter(), source)),
                Ok(Err(e)) if call.is_for_one => return Err(e.into()),
                // One that does not answer is no reason to find nothing in the others.
                _ if !call.is_for_one => {}
                _ => return Err(DbError::Timeout.into()),
            }
        }
        let mut results: Vec<Value> = Vec::new();
        // The best of each, then the next best of each.
        loop {
            let before = results.len();
            for (hits, source) in &mut found {
                let Some(hit) = hits.next().filter(|_| results.len() < HITS) else { continue };
                let (mut id, mut title) = (hit.id, hit.title);
                if several {
                    (id, title) =
                        (format!("{}/{id}", source.name), format!("{}: {title}", source.name));
                }
                let url = library.url(&id);
                results.push(json!({ "id": id, "title": title, "url": url }));
            }
            if results.len() == before {
                break;
            }
        }
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
    const DATABASE: NamesDatabase = NamesDatabase::Own;

    fn database(args: &FetchArgs) -> Option<String> {
        of_database(&args.id).map(|(name, _)| name.to_owned())
    }
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
        let id = match of_database(&args.id) {
            Some((name, id)) if name.eq_ignore_ascii_case(&call.source.name) => id,
            _ => args.id.as_str(),
        };
        let Some(o) = db.object(id, &call.limits).await? else {
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
