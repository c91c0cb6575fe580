//! The server card (SEP-2127, a draft): what a client may know of an endpoint before it connects, at
//! the place that is reserved for it, `…/mcp/server-card`. It is public, and says nothing that is
//! not.

use mssql_mcp_transports::ProtocolVersion;
use serde_json::{Value, json};

use crate::protocol::server_info;

/// The card of the endpoint at this URL.
pub(super) fn card(url: &str) -> Value {
    let info = server_info();
    json!({
        "name": format!("{}/{}", reversed(url), info.name),
        "title": info.title,
        "version": info.version,
        "description": info.about.description,
        "icons": info.about.icons,
        "remotes": [{
            "type": "streamable-http",
            "url": url,
            "supportedProtocolVersions": ProtocolVersion::names(),
        }],
        "_meta": { "io.github.mssql-mcp/experimental": "SEP-2127 is a draft" },
    })
}

/// The host of a URL with its labels in the order of a namespace: `com.example.mcp`.
fn reversed(url: &str) -> String {
    let host = url.split("://").nth(1).unwrap_or_default().split(['/', ':']).next();
    let host = host.unwrap_or_default();
    match host.parse::<std::net::IpAddr>() {
        Ok(_) => "local".to_owned(),
        Err(_) => host.rsplit('.').collect::<Vec<_>>().join("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_says_where_and_in_which_versions() {
        let card = card("https://mcp.example.com/demo/mcp");
        assert_eq!(card["name"], "com.example.mcp/mssql-mcp");
        let remote = &card["remotes"][0];
        assert_eq!(remote["url"], "https://mcp.example.com/demo/mcp");
        assert_eq!(remote["supportedProtocolVersions"][0], "2026-07-28");
        assert_eq!(super::card("http://127.0.0.1:8008/mcp")["name"], "local/mssql-mcp");
    }
}
