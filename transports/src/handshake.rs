//! What clients that begin with a handshake have and the center does not: `initialize`, `ping`,
//! `logging/setLevel` and `notifications/cancelled`.

use std::sync::Arc;

use http::StatusCode;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tower::ServiceExt;

use crate::McpService;
use crate::cancel::Cancel;
use crate::encode::{ServerInfo, result};
use crate::error::RpcError;
use crate::jsonrpc::{INTERNAL_ERROR, INVALID_PARAMS, Id};
use crate::outcome::{Outcome, Reply};
use crate::params::{LOG_LEVELS, RpcRequest, client_facts, takes_forms};
use crate::request::{ClientFacts, Context, McpRequest, bare_context};
use crate::session::Session;
use crate::version::ProtocolVersion;

/// What `initialize` settled for the session.
#[derive(Debug)]
pub(crate) struct Settled {
    /// The result of `initialize`.
    pub(crate) result: Value,
    pub(crate) version: ProtocolVersion,
    pub(crate) client: ClientFacts,
}

/// Answers `initialize` from the same data as `server/discover`. A version that we do not speak, or
/// one without a handshake, is answered with the latest that has one.
pub(crate) async fn initialize(
    service: McpService,
    params: Option<&RawValue>,
    mut context: Context,
    info: &ServerInfo,
) -> Result<Settled, RpcError> {
    let bad = |reason: &str| {
        RpcError::new(StatusCode::OK, INVALID_PARAMS, format!("initialize: {reason}"))
    };
    let params: Value = params
        .map_or(Ok(Value::Null), |raw| serde_json::from_str(raw.get()))
        .map_err(|e| bad(&e.to_string()))?;
    let Some(wanted) = params.get("protocolVersion").and_then(Value::as_str) else {
        return Err(bad("params.protocolVersion must be a string"));
    };
    let version = ProtocolVersion::parse(wanted)
        .filter(|v| !v.is_modern())
        .unwrap_or(ProtocolVersion::LATEST_HANDSHAKE);
    let capabilities = params.get("capabilities").cloned().unwrap_or_else(|| json!({}));
    let client = client_facts(params.get("clientInfo"), capabilities);
    context.version = version;
    context.client = Arc::new(client.clone());
    let discover = McpRequest {
        id: None,
        method: Arc::from("server/discover"),
        target: None,
        params: None,
        context,
    };
    let outcome = match service.oneshot(discover).await {
        Ok(outcome) => outcome,
        Err(never) => match never {},
    };
    let Outcome::Complete(Reply::Json(found)) = outcome else {
        let message = "initialize: the server could not describe itself";
        return Err(RpcError::new(StatusCode::OK, INTERNAL_ERROR, message));
    };
    Ok(Settled { result: described(found, version, info), version, client })
}

/// The result of `initialize`, of what `server/discover` found.
fn described(mut found: Map<String, Value>, version: ProtocolVersion, info: &ServerInfo) -> Value {
    let mut server = json!({ "name": info.name, "version": info.version });
    if version >= ProtocolVersion::V2025_06_18 {
        server["title"] = info.title.into();
    }
    let mut capabilities = found.remove("capabilities").unwrap_or_else(|| json!({}));
    // Deprecated in 2026-07-28 and so not in the center; clients of the handshake era
    // call it without asking.
    capabilities["logging"] = json!({});
    let mut result = Map::new();
    result.insert("protocolVersion".into(), version.as_str().into());
    result.insert("capabilities".into(), capabilities);
    result.insert("serverInfo".into(), server);
    if let Some(instructions) = found.remove("instructions") {
        result.insert("instructions".into(), instructions);
    }
    result.into()
}

/// What becomes of a request in a session.
#[derive(Debug)]
pub(crate) enum Routed {
    /// The answer, without asking the center.
    Answer(Value),
    /// What the center is asked.
    Call(Box<McpRequest>),
}

/// Routes a request of a session; `can_stream` is whether requests to the client can go out before
/// the answer.
pub(crate) fn route(
    session: &Session,
    request: RpcRequest,
    transport: &'static str,
    extensions: http::Extensions,
    can_stream: bool,
) -> Routed {
    let id = &request.id;
    match &*request.method {
        "ping" => return Routed::Answer(result(id, &json!({}))),
        "logging/setLevel" => {
            return Routed::Answer(match level_is_known(request.raw.as_deref()) {
                true => result(id, &json!({})),
                false => {
                    let levels = LOG_LEVELS.join(", ");
                    let message = format!("params.level must be one of {levels}");
                    RpcError::invalid_params(message).answer(Some(id))
                }
            });
        }
        // The center's own, which these clients do not have.
        "server/discover" | "subscriptions/listen" => {
            let error = RpcError::method_not_found(&request.method);
            return Routed::Answer(error.answer(Some(id)));
        }
        _ => {}
    }
    let cancel = Cancel::under(&session.closed);
    let context = Context {
        client: session.client.clone(),
        traceparent: request.params.traceparent().map(str::to_owned),
        can_ask: can_stream
            && session.version >= ProtocolVersion::V2025_06_18
            && takes_forms(&session.client.capabilities),
        ..bare_context(transport, session.version, extensions, cancel)
    };
    Routed::Call(Box::new(request.in_context(context)))
}

/// Whether `params.level` is a level. We send no log messages, so there is nothing to keep.
fn level_is_known(params: Option<&RawValue>) -> bool {
    let params = params.and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
    let level = params.as_ref().and_then(|p| p.get("level")).and_then(Value::as_str);
    level.is_some_and(|l| LOG_LEVELS.contains(&l))
}

/// The request that a notification cancels, if it is `notifications/cancelled` and names one.
pub(crate) fn cancelled(method: &str, params: Option<&RawValue>) -> Option<Id> {
    if method != "notifications/cancelled" {
        return None;
    }
    let params: Value = serde_json::from_str(params?.get()).ok()?;
    serde_json::from_value(params.get("requestId")?.clone()).ok()
}
