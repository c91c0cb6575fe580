//! The parts of MCP that the center answers with. What older revisions lack is taken out where the
//! envelope is written (`mssql_mcp_transports::encode`).

use mssql_mcp_transports::encode::{About, Icon, ServerInfo};
use mssql_mcp_transports::{ProtocolVersion, Reply};
use serde_json::{Map, Value, json};

/// The methods that the center answers.
pub(crate) const METHODS: &[&str] = &[
    "server/discover",
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "prompts/list",
    "prompts/get",
    "resources/subscribe",
    "resources/unsubscribe",
    "resources/directory/read",
    "completion/complete",
    "skills/list",
    "skills/get",
    "subscriptions/listen",
    "tasks/get",
    "tasks/update",
    "tasks/cancel",
];

/// Milliseconds for which a list may be kept. A reload changes what is listed, and whoever does not
/// listen hears of it when that time is over.
const TTL_MS: u64 = 60_000;

/// What this server says of itself. Its website is the page for people that it has at its origin.
pub(crate) fn server_info_at(origin: Option<&str>) -> ServerInfo {
    let mut info = server_info();
    info.about.website_url = origin.map(str::to_owned);
    info
}

pub(crate) fn server_info() -> ServerInfo {
    ServerInfo {
        name: "mssql-mcp",
        title: "Microsoft SQL Server",
        version: env!("CARGO_PKG_VERSION").to_owned(),
        about: About {
            description: "Tables, queries and confirmed changes of a Microsoft SQL Server database",
            website_url: None,
            icons: ICONS,
        },
    }
}

/// A cylinder, drawn: a host shows it without fetching anything.
const ICONS: &[Icon] = &[Icon {
    src: "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCAyNCAyNCIgZmlsbD0ibm9uZSIgc3Ryb2tlPSIjYzIyIiBzdHJva2Utd2lkdGg9IjIiPjxlbGxpcHNlIGN4PSIxMiIgY3k9IjUiIHJ4PSI4IiByeT0iMyIvPjxwYXRoIGQ9Ik00IDV2MTRjMCA0IDE2IDQgMTYgMFY1TTQgMTJjMCA0IDE2IDQgMTYgMCIvPjwvc3ZnPg==",
    mime_type: "image/svg+xml",
    sizes: &["any"],
}];

/// `server/discover`, from which `initialize` is made too.
pub(crate) fn discover(instructions: &str, views: bool, watched: bool) -> Reply {
    let mut m = Map::new();
    m.insert("supportedVersions".into(), json!(ProtocolVersion::names()));
    m.insert("capabilities".into(), capabilities(views, watched));
    m.insert("instructions".into(), instructions.into());
    Reply::Json(cached(m))
}

/// What this server can do. Prompts are the same as long as it runs.
fn capabilities(views: bool, watched: bool) -> Value {
    let mut capabilities = json!({
        "tools": { "listChanged": true },
        "resources": { "subscribe": true, "listChanged": true },
        "prompts": {},
        "completions": {},
        "logging": {},
        "extensions": {
            "io.modelcontextprotocol/skills": { "directoryRead": true },
            "io.modelcontextprotocol/tasks": {},
        },
    });
    if !watched {
        capabilities["resources"] = json!({});
    }
    if views {
        capabilities["extensions"]["io.modelcontextprotocol/ui"] = json!({});
    }
    capabilities
}

/// What of a subscription is honoured: prompts do not change.
pub(crate) fn honoured(wanted: &Value, uris: Vec<String>) -> Map<String, Value> {
    let mut honoured = Map::new();
    for flag in ["toolsListChanged", "resourcesListChanged"] {
        if wanted.get(flag) == Some(&Value::Bool(true)) {
            honoured.insert(flag.to_owned(), true.into());
        }
    }
    if !uris.is_empty() {
        honoured.insert("resourceSubscriptions".to_owned(), uris.into());
    }
    honoured
}

/// A list of one page.
pub(crate) fn list(name: &str, items: Vec<Value>) -> Map<String, Value> {
    let mut m = Map::new();
    m.insert(name.to_owned(), items.into());
    cached(m)
}

/// `private`: what is listed may depend on the caller's rights.
pub(crate) fn cached(mut m: Map<String, Value>) -> Map<String, Value> {
    m.insert("ttlMs".into(), TTL_MS.into());
    m.insert("cacheScope".into(), "private".into());
    m
}
