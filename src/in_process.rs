//! A request from within the process, through the same stack as any client's.

use std::sync::Arc;

use bytes::Bytes;
use mssql_mcp_transports::bare_context;
use mssql_mcp_transports::encode::{outcome, scope_told};
use mssql_mcp_transports::{Cancel, Id, McpRequest, McpService, ProtocolVersion};
use serde_json::Value;
use tower::ServiceExt;

use crate::principal::Principal;
use crate::protocol::server_info;

/// The response (JSON-RPC) to a request of this principal; none where it was cancelled. `from`
/// stands where other requests have the name of their transport.
pub(crate) async fn ask(
    service: McpService,
    from: &'static str,
    principal: Arc<Principal>,
    method: &str,
    params: &Value,
) -> Option<Bytes> {
    let mut extensions = http::Extensions::new();
    extensions.insert(principal);
    let version = ProtocolVersion::V2025_11_25;
    let request = McpRequest {
        id: Some(Id::Number(1)),
        method: Arc::from(method),
        target: params["name"].as_str().map(str::to_owned),
        params: serde_json::value::to_raw_value(params).ok(),
        context: bare_context(from, version, extensions, Cancel::default()),
    };
    let answered = match service.oneshot(request).await {
        Ok(answered) => scope_told(answered, |_| None),
        Err(never) => match never {},
    };
    outcome(&Id::Number(1), answered, version, &server_info()).map(|(e, _)| e.into_bytes())
}
