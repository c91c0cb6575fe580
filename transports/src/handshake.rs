//! What clients that begin with a handshake have and the center does not: `initialize`, `ping`,
//! `logging/setLevel` and `notifications/cancelled`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::StatusCode;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tower::ServiceExt;

use crate::McpService;
use crate::cancel::Cancel;
use crate::encode::{ServerInfo, result};
use crate::encoded::Encoded;
use crate::error::RpcError;
use crate::jsonrpc::{INTERNAL_ERROR, INVALID_PARAMS, Id};
use crate::notify::{LOG_LEVELS, Notifier};
use crate::outcome::{Outcome, Reply};
use crate::params::{RpcRequest, client_facts, rank, takes_forms};
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
    let mut capabilities = found.remove("capabilities").unwrap_or_else(|| json!({}));
    // Deprecated in 2026-07-28 and so not in the center; clients of the handshake era
    // call it without asking.
    capabilities["logging"] = json!({});
    // What a revision does not know yet.
    if let Some(all) = capabilities.as_object_mut() {
        if version < ProtocolVersion::V2025_03_26 {
            all.remove("completions");
        }
        if version < ProtocolVersion::V2025_06_18 {
            all.remove("extensions");
        } else if let Some(Value::Object(extensions)) = all.get_mut("extensions") {
            // Of stateless requests alone (SEP-2663).
            extensions.remove("io.modelcontextprotocol/tasks");
        }
    }
    let mut result = Map::new();
    result.insert("protocolVersion".into(), version.as_str().into());
    result.insert("capabilities".into(), capabilities);
    result.insert("serverInfo".into(), info.of_version(version));
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

/// Routes a request of a session; `can_stream` is whether what goes to `out` reaches the client
/// before the answer.
pub(crate) fn route(
    session: &Session,
    request: RpcRequest,
    transport: &'static str,
    extensions: http::Extensions,
    out: &mpsc::Sender<Encoded>,
    can_stream: bool,
) -> Routed {
    let id = &request.id;
    match &*request.method {
        "ping" => return Routed::Answer(result(id, &json!({}))),
        "logging/setLevel" => {
            return Routed::Answer(match level(request.raw.as_deref()) {
                Some(level) => {
                    session.level.store(level, Ordering::Relaxed);
                    result(id, &json!({}))
                }
                None => {
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
        "resources/subscribe" if !request.target().is_none_or(|uri| session.may_watch(uri)) => {
            let message = "This session watches as many resources as it may; unsubscribe from some";
            return Routed::Answer(RpcError::invalid_params(message).answer(Some(id)));
        }
        _ => {}
    }
    let notifier = match request.params.wanted_in(&session.level) {
        Ok(wanted) if can_stream => Notifier::new(wanted, session.version, out.clone()),
        Ok(_) => Notifier::default(),
        Err(error) => return Routed::Answer(error.answer(Some(id))),
    };
    let cancel = Cancel::under(&session.closed);
    let context = Context {
        client: session.client.clone(),
        traceparent: request.params.traceparent().map(str::to_owned),
        can_ask: can_stream
            && session.version >= ProtocolVersion::V2025_06_18
            && takes_forms(&session.client.capabilities),
        notifier,
        ..bare_context(transport, session.version, extensions, cancel)
    };
    Routed::Call(Box::new(request.in_context(context)))
}

/// The rank of `params.level`.
fn level(params: Option<&RawValue>) -> Option<u8> {
    let params = params.and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok());
    rank(params.as_ref()?.get("level"))
}

/// The request that a notification cancels, if it is `notifications/cancelled` and names one.
pub(crate) fn cancelled(method: &str, params: Option<&RawValue>) -> Option<Id> {
    if method != "notifications/cancelled" {
        return None;
    }
    let params: Value = serde_json::from_str(params?.get()).ok()?;
    serde_json::from_value(params.get("requestId")?.clone()).ok()
}
