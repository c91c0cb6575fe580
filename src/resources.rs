//! Resources (MCP, "Resources"): every table and view by its URI, templates for their rows and for
//! the text of procedures, and the files that this server has for its clients.

pub(crate) mod uri;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use mssql_mcp_transports::{Content, Fault, Outcome, Reply, ResourceContents, ToolReply};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::code::Code;
use crate::database::catalog::ListFilter;
use crate::facts::Named;
use crate::limits::Cost;
use crate::plural::plural;
use crate::protocol::cached;
use crate::results;
use crate::sources::DataSource;
use crate::tools::{Call, Registry, Stop};
use mssql_mcp_sql::quote;
use uri::{Aspect, ObjectUri, SCHEME};
pub(crate) use watch::{Watch, watched};

/// Resources of the database on a page.
const PAGE: i64 = 200;
/// How long one of several databases may take to say what it has.
const PATIENCE: Duration = Duration::from_secs(3);
/// Rows of a sample.
const ROWS: u64 = 10;

/// A file of ours.
#[derive(Debug, Clone)]
pub(crate) struct Fixed {
    pub(crate) uri: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) mime_type: &'static str,
    pub(crate) text: Arc<str>,
    /// `_meta` of its entry and of what is read.
    pub(crate) meta: Option<Value>,
    /// Only clients with pages list it.
    pub(crate) for_views: bool,
}

/// The resources of a mount.
#[derive(Debug)]
pub(crate) struct Resources {
    fixed: Vec<Fixed>,
}

/// The reads of the database that a URI asks for, for those who count and record; none for what is
/// ours.
pub(crate) fn asks(uri: &str) -> Option<(Option<String>, Named, Cost)> {
    if results::named(uri).is_some() {
        return Some((None, Named::default(), Cost::Data));
    }
    let uri = ObjectUri::parse(uri)?;
    let name = format!("{}.{}", quote::part(&uri.schema), quote::part(&uri.name));
    let cost = if uri.aspect == Aspect::Sample { Cost::Data } else { Cost::Catalog };
    Some((Some(uri.database), Named::table(&name), cost))
}

/// A list with what its clients may keep of it.
fn page(key: &str, items: Vec<Value>, next: Option<(usize, i64)>) -> Reply {
    let mut page = Map::from_iter([(key.to_owned(), items.into())]);
    if let Some((source, skip)) = next {
        let cursor = match source {
            0 => format!("tables after {skip}"),
            n => format!("tables after {skip} of {n}"),
        };
        page.insert("nextCursor".into(), BASE64.encode(cursor).into());
    }
    Reply::Json(cached(page))
}

/// Which database the page of a cursor is of, and how many of its tables stand before it.
fn skipped(params: Option<&RawValue>) -> Result<Option<(usize, i64)>, Stop> {
    let cursor = member(params, "cursor");
    let Some(cursor) = cursor.filter(|c| !c.is_null()) else { return Ok(None) };
    let text = cursor.as_str().and_then(|c| BASE64.decode(c).ok());
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.as_deref().and_then(|t| t.strip_prefix("tables after "));
    let (skip, of) = text.map_or(("", "0"), |t| t.split_once(" of ").unwrap_or((t, "0")));
    let skip = skip.parse().ok().filter(|n| (0..i64::from(i32::MAX)).contains(n));
    match skip.zip(of.parse().ok()) {
        Some((skip, of)) => Ok(Some((of, skip))),
        None => Err(Stop::Invalid("params.cursor is not one of ours; leave it out".into())),
    }
}

/// A member of a request's params.
pub(crate) fn member(params: Option<&RawValue>, key: &str) -> Option<Value> {
    let mut params: Map<String, Value> = serde_json::from_str(params?.get()).ok()?;
    params.remove(key)
}

/// The entry of a table: schema, name, kind, rows and description.
fn table(source: &DataSource, several: bool, row: &[Value]) -> Value {
    let text = |n: usize| row.get(n).and_then(Value::as_str).unwrap_or_default();
    let (schema, name) = (text(0), text(1));
    let (uri_schema, uri_name) = (schema.to_owned(), name.to_owned());
    let uri = ObjectUri {
        database: source.name.clone(),
        schema: uri_schema,
        name: uri_name,
        aspect: Aspect::Description,
    };
    let mut written = format!("{}.{}", quote::part(schema), quote::part(name));
    if several {
        written = format!("{}: {written}", source.name);
    }
    let mut entry = json!({
        "uri": uri.to_string(),
        "name": written,
        "mimeType": "text/plain",
    });
    let kind = if text(2) == "view" { "View" } else { "Table" };
    entry["description"] = match (text(4), row.get(3).and_then(Value::as_i64)) {
        ("", Some(rows)) => format!("{kind}, about {}", plural(rows, "row")).into(),
        ("", None) => kind.into(),
        (description, _) => format!("{kind}: {description}").into(),
    };
    entry
}

// === impl Fixed ===

impl Fixed {
    pub(crate) fn entry(&self) -> Value {
        let mut entry = json!({
            "uri": self.uri,
            "name": self.name,
            "description": self.description,
            "mimeType": self.mime_type,
            "size": self.text.len(),
        });
        if let Some(meta) = &self.meta {
            entry["_meta"] = meta.clone();
        }
        entry
    }

    fn contents(&self, uri: &str) -> ResourceContents {
        ResourceContents {
            meta: self.meta.clone(),
            ..ResourceContents::text(uri, self.mime_type, &*self.text)
        }
    }

    /// Whether a URI names it; one with a query names a state of it that some host keeps.
    fn is(&self, uri: &str) -> bool {
        uri.split('?').next() == self.uri.split('?').next()
    }
}

// === impl Resources ===

impl Resources {
    pub(crate) fn new(fixed: Vec<Fixed>) -> Self {
        Self { fixed }
    }

    /// `resources/list`: database by database. One that does not answer has nothing to list, and
    /// keeps nobody from the others.
    pub(crate) async fn list(&self, call: &Call, params: Option<&RawValue>) -> Result<Reply, Stop> {
        call.needs("mssql:read")?;
        let cursor = skipped(params)?;
        let (mut at, mut skip) = cursor.unwrap_or_default();
        let own =
            self.fixed.iter().filter(|f| cursor.is_none() && (call.shows_views || !f.for_views));
        let mut items: Vec<Value> = own.map(Fixed::entry).collect();
        let several = call.sources.several();
        let mut next = None;
        while let Some(source) = call.sources.at(at).filter(|_| call.sees_catalog) {
            let filter = ListFilter { views: true, skip, take: PAGE + 1, ..ListFilter::default() };
            let limits = call.on(source);
            let listed = source.database.list_tables(&filter, &limits);
            let rows = match several {
                true => tokio::time::timeout(PATIENCE, listed)
                    .await
                    .map_or(Ok(Vec::new()), |r| Ok(r.unwrap_or_default())),
                false => listed.await,
            }?;
            let more = rows.len() as i64 > PAGE;
            let entry = |row: Vec<Value>| table(source, several, &row);
            let found = items.len();
            items.extend(rows.into_iter().take(PAGE as usize).map(entry));
            (at, skip) = if more { (at, skip + PAGE) } else { (at + 1, 0) };
            if items.len() > found && at < call.sources.len() {
                next = Some((at, skip));
                break;
            }
        }
        call.facts.returned(items.len() as u64, 0);
        Ok(page("resources", items, next))
    }

    /// `resources/list` of whoever is shown no database.
    pub(crate) fn fixed(&self, shows_views: bool) -> Reply {
        let some = self.fixed.iter().filter(|f| shows_views || !f.for_views);
        page("resources", some.map(Fixed::entry).collect(), None)
    }

    /// `resources/templates/list`.
    pub(crate) fn templates(&self, params: Option<&RawValue>) -> Result<Reply, Stop> {
        if skipped(params)?.is_some() {
            return Err(Stop::Invalid("params.cursor is not one of ours; leave it out".into()));
        }
        let template = |tail: &str, name: &str, description: &str, mime: &str| {
            json!({
                "uriTemplate": format!("{SCHEME}{{database}}/{{schema}}/{tail}"),
                "name": name,
                "description": description,
                "mimeType": mime,
            })
        };
        let all = vec![
            template(
                "{table}",
                "table",
                "Columns, keys, indexes and descriptions of a table or view",
                "text/plain",
            ),
            template("{table}/sample", "sample", "A few rows of a table or view", "text/csv"),
            template(
                "{procedure}/definition",
                "definition",
                "Parameters and text of a procedure or function, where the login may see it",
                "text/plain",
            ),
        ];
        Ok(page("resourceTemplates", all, None))
    }

    /// `resources/read`.
    pub(crate) async fn read(
        &self,
        call: Call,
        registry: &Registry,
        uri: Option<&str>,
    ) -> Result<Reply, Stop> {
        let uri = uri.ok_or_else(|| Stop::Invalid("params.uri must be a string".into()))?;
        if let Some(own) = self.fixed.iter().find(|f| f.is(uri)) {
            return Ok(contents(own.contents(uri)));
        }
        call.needs("mssql:read")?;
        if let Some((handle, ending)) = results::named(uri) {
            let arguments = json!({ "handle": handle, "format": ending, "output": "embedded" });
            return match registry.reply("get_result", &arguments, call).await {
                Ok(reply) => embedded(uri, reply),
                Err(Stop::Refused(r)) if r.code == Code::HandleExpired => Err(not_found(uri)),
                Err(stop) => Err(stop),
            };
        }
        let (source, object) = named(&call, uri)?;
        let (mime_type, text) = match object.aspect {
            Aspect::Sample => {
                let facts = call.facts.clone();
                let table = quoted(&object);
                let arguments = json!({
                    "table_name": table, "limit": ROWS, "format": "csv", "database": source.name,
                });
                let reply = registry.reply("get_table_sample", &arguments, call).await;
                match reply {
                    Err(Stop::NotFound(..)) => return Err(not_found(uri)),
                    reply => {
                        facts.set_names_were_right();
                        ("text/csv", first_csv(reply?))
                    }
                }
            }
            Aspect::Description | Aspect::Definition => {
                let kind = match object.aspect {
                    Aspect::Definition => "procedure",
                    _ => "table",
                };
                let id = format!("{kind}:{}", quoted(&object));
                let found = source.database.object(&id, &call.limits).await?;
                let found = found.ok_or_else(|| not_found(uri))?;
                call.facts.returned(1, found.text.len());
                ("text/plain", found.text)
            }
        };
        Ok(contents(ResourceContents::text(uri, mime_type, text)))
    }

    /// `resources/subscribe`, and each URI of a subscription: whether it is there.
    pub(crate) async fn exists(&self, call: &Call, uri: &str) -> Result<(), Stop> {
        if self.fixed.iter().any(|f| f.is(uri)) {
            return Ok(());
        }
        call.needs("mssql:read")?;
        let (source, object) = named(call, uri)?;
        let kind = if object.aspect == Aspect::Definition { "procedure" } else { "table" };
        let id = format!("{kind}:{}", quoted(&object));
        let found = source.database.object(&id, &call.on(&source)).await?;
        found.map(drop).ok_or_else(|| not_found(uri))
    }
}

/// What a URI names, and in which of the databases that its caller is shown.
fn named(call: &Call, uri: &str) -> Result<(Arc<DataSource>, ObjectUri), Stop> {
    let object = ObjectUri::parse(uri).filter(|_| call.sees_catalog);
    let object = object.ok_or_else(|| not_found(uri))?;
    match call.sources.named(Some(&object.database)) {
        Ok(source) => Ok((source.clone(), object)),
        Err(_) => Err(not_found(uri)),
    }
}

fn not_found(uri: &str) -> Stop {
    Stop::Fault(Box::new(Fault::ResourceNotFound(uri.to_owned())))
}

fn quoted(object: &ObjectUri) -> String {
    format!("{}.{}", quote::identifier(&object.schema), quote::identifier(&object.name))
}

/// What a tool has embedded, as what was read.
fn embedded(uri: &str, reply: ToolReply) -> Result<Reply, Stop> {
    let found = reply.more.into_iter().find_map(|block| match block {
        Content::Resource { resource } => Some(resource),
        _ => None,
    });
    let found = found.ok_or_else(|| not_found(uri))?;
    Ok(contents(ResourceContents { uri: uri.to_owned(), ..found }))
}

/// The result of `resources/read`.
fn contents(one: ResourceContents) -> Reply {
    Reply::Json(cached(Map::from_iter([("contents".to_owned(), json!([one]))])))
}

/// The rows of the first result set.
fn first_csv(reply: ToolReply) -> String {
    let json = reply.structured.map(|s| s.concat()).unwrap_or_default();
    let result: Value = serde_json::from_slice(&json).unwrap_or_default();
    result["results"][0]["csv"].as_str().unwrap_or_default().to_owned()
}

/// What is told to a client whose request was no tool call, of an answer that only tools have.
pub(crate) fn told(outcome: Outcome) -> Outcome {
    let Outcome::Complete(Reply::Tool(reply)) = outcome else { return outcome };
    let text = match reply.text {
        mssql_mcp_transports::Text::Own(text) => text,
        _ => String::new(),
    };
    let error = serde_json::from_str::<Value>(&text).unwrap_or_default();
    let part = |key: &str| error["error"][key].as_str().unwrap_or_default();
    let message = match (part("message"), part("hint")) {
        ("", _) => text.clone(),
        (message, hint) => format!("{message} {hint}").trim_end().to_owned(),
    };
    Outcome::Fault(Fault::Failed(message))
}
