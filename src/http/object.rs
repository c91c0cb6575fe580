//! The page that a search result's `url` leads to: what `fetch` tells the person who looks, as a
//! call of theirs.

use std::sync::Arc;

use http::StatusCode;
use mssql_mcp_transports::McpService;
use serde_json::{Value, json};

use crate::code::Code;
use crate::in_process;
use crate::principal::Principal;

/// Status, title and text of the page about an id.
pub(super) async fn page(
    service: McpService,
    visitor: Arc<Principal>,
    id: &str,
) -> (StatusCode, String, String) {
    let params = json!({ "name": "fetch", "arguments": { "id": id } });
    let answer = in_process::ask(service, "page", visitor, "tools/call", &params).await;
    let answer: Value =
        answer.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    let result = &answer["result"];
    let found = &result["structuredContent"];
    if let (Some(title), Some(text)) = (found["title"].as_str(), found["text"].as_str()) {
        return (StatusCode::OK, title.to_owned(), text.to_owned());
    }
    let said = result["content"][0]["text"].as_str();
    let said: Value = said.and_then(|t| serde_json::from_str(t).ok()).unwrap_or_default();
    let code = |code: Code| said["error"]["code"] == code.as_str();
    let (status, text) = match said["error"]["message"].as_str() {
        _ if code(Code::InsufficientScope) => (StatusCode::FORBIDDEN, "You may not read here."),
        Some(m) if code(Code::NoSuchObject) => (StatusCode::NOT_FOUND, m),
        Some(m) => (StatusCode::SERVICE_UNAVAILABLE, m),
        None => (StatusCode::NOT_FOUND, "There are no pages here: tools.search is off."),
    };
    (status, "This cannot be shown".to_owned(), text.to_owned())
}
