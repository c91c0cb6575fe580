//! The parts of MCP that the center answers with. What older revisions lack is taken out where the
//! envelope is written (`mssql_mcp_transports::encode`).

use mssql_mcp_transports::encode::ServerInfo;
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
    "subscriptions/listen",
];

/// Milliseconds for which a list may be kept: ours only change with the process.
const TTL_MS: u64 = 3_600_000;

pub(crate) fn server_info() -> ServerInfo {
    ServerInfo {
        name: "mssql-mcp",
        title: "Microsoft SQL Server",
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// `server/discover`, from which `initialize` is made too.
pub(crate) fn discover(instructions: &str) -> Reply {
    let mut m = Map::new();
    m.insert("supportedVersions".into(), json!(ProtocolVersion::names()));
    // Nothing that is listed changes while the server runs, so no listChanged.
    m.insert("capabilities".into(), json!({ "tools": {}, "resources": {}, "prompts": {} }));
    m.insert("instructions".into(), instructions.into());
    Reply::Json(cached(m))
}

/// A list of one page.
pub(crate) fn list(name: &str, items: Vec<Value>) -> Map<String, Value> {
    let mut m = Map::new();
    m.insert(name.to_owned(), items.into());
    cached(m)
}

/// `private`: what is listed may depend on the caller's rights.
fn cached(mut m: Map<String, Value>) -> Map<String, Value> {
    m.insert("ttlMs".into(), TTL_MS.into());
    m.insert("cacheScope".into(), "private".into());
    m
}
