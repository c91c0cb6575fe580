//! What handshake-era clients have and the center does not: `initialize`, `ping`,
//! `logging/setLevel` and their notifications.

use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tower::ServiceExt;

use crate::encode::{ServerInfo, error};
use crate::jsonrpc::{INTERNAL_ERROR, INVALID_PARAMS, Id};
use crate::message::{LOG_LEVELS, Params, client_facts, intern, takes_forms, target};
use crate::session::Session;
use crate::{
    Cancel, ClientFacts, Context, McpRequest, McpService, Outbox, Outcome, ProtocolVersion, Reply,
};

/// What a handshake settled.
#[derive(Debug)]
pub struct Settled {
    /// The result of `initialize`.
    pub result: Value,
    /// The version that both speak.
    pub version: ProtocolVersion,
    /// The client.
    pub client: ClientFacts,
}

/// Answers `initialize` from the same data as `server/discover`. A version that we do not speak, or
/// one without a handshake, is answered with the latest that has one.
pub async fn initialize(
    service: McpService,
    params: Option<&RawValue>,
    mut context: Context,
    info: &ServerInfo,
) -> Result<Settled, (i32, String)> {
    let bad = |m: &str| (INVALID_PARAMS, format!("initialize: {m}"));
    let p: Value = params
        .map_or(Ok(Value::Null), |r| serde_json::from_str(r.get()))
        .map_err(|e| bad(&e.to_string()))?;
    let Some(wanted) = p.get("protocolVersion").and_then(Value::as_str) else {
        return Err(bad("params.protocolVersion must be a string"));
    };
    let version = ProtocolVersion::parse(wanted)
        .filter(|v| !v.is_modern())
        .unwrap_or(ProtocolVersion::LATEST_HANDSHAKE);
    let client = client_facts(
        p.get("clientInfo"),
        p.get("capabilities").cloned().unwrap_or_else(|| json!({})),
    );
    context.version = version;
    context.client = Arc::new(client.clone());
    let discover = McpRequest {
        id: None,
        method: intern("server/discover"),
        target: None,
        params: None,
        context,
    };
    let outcome = match service.oneshot(discover).await {
        Ok(o) => o,
        Err(never) => match never {},
    };
    let Outcome::Complete(Reply::Json(mut found)) = outcome else {
        return Err((INTERNAL_ERROR, "initialize: the server could not describe itself".into()));
    };
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
    if let Some(i) = found.remove("instructions") {
        result.insert("instructions".into(), i);
    }
    Ok(Settled { result: result.into(), version, client })
}

/// What becomes of a request in a session.
#[derive(Debug)]
pub enum Routed {
    /// Answered here.
    Answer(Value),
    /// For the center.
    Call(Box<McpRequest>),
}

/// Routes a request of a session; `can_stream` is whether requests to the client can go
/// out before the answer.
pub fn route(
    session: &Session,
    id: &Id,
    method: &str,
    params: Option<Box<RawValue>>,
    transport: &'static str,
    can_stream: bool,
    extensions: http::Extensions,
) -> Routed {
    let ok = |v: Value| Routed::Answer(json!({ "jsonrpc": "2.0", "id": id, "result": v }));
    match method {
        "ping" => return ok(json!({})),
        "logging/setLevel" => {
            let level = params.as_deref().and_then(|p| serde_json::from_str::<Value>(p.get()).ok());
            let level = level
                .as_ref()
                .and_then(|l| l.get("level"))
                .and_then(Value::as_str)
                .filter(|l| LOG_LEVELS.contains(l));
            return match level {
                Some(l) => {
                    session.set_log_level(l);
                    ok(json!({}))
                }
                None => Routed::Answer(error(
                    Some(id),
                    INVALID_PARAMS,
                    &format!("params.level must be one of {}", LOG_LEVELS.join(", ")),
                    None,
                )),
            };
        }
        // The center's own, which these clients do not have.
        "server/discover" | "subscriptions/listen" => {
            return Routed::Answer(error(
                Some(id),
                crate::jsonrpc::METHOD_NOT_FOUND,
                &format!("Method not found: {method}"),
                None,
            ));
        }
        _ => {}
    }
    let p = match Params::read(params.as_deref()) {
        Ok(p) => p,
        Err(e) => {
            return Routed::Answer(error(
                Some(id),
                INVALID_PARAMS,
                &format!("Invalid params: {e}"),
                None,
            ));
        }
    };
    let mut meta = p.request_meta();
    meta.log_level = session.log_level();
    Routed::Call(Box::new(McpRequest {
        id: Some(id.clone()),
        method: intern(method),
        target: target(method, &p),
        params,
        context: Context {
            transport,
            version: session.version,
            client: session.client.clone(),
            meta,
            deadline: None,
            extensions,
            outbox: Outbox::default(),
            can_ask: can_stream
                && session.version >= ProtocolVersion::V2025_06_18
                && takes_forms(&session.client.capabilities),
            cancel: Cancel::under(&session.closed),
        },
    }))
}

/// `notifications/cancelled` and the ones that need no more than an ear.
pub fn notified(session: &Session, method: &str, params: Option<&RawValue>) {
    if method == "notifications/cancelled"
        && let Some(id) = cancelled_id(params)
    {
        session.cancel(&id);
    }
}

/// `params.requestId`.
pub fn cancelled_id(params: Option<&RawValue>) -> Option<Id> {
    let p: Value = serde_json::from_str(params?.get()).ok()?;
    serde_json::from_value(p.get("requestId")?.clone()).ok()
}

/// A context that no client filled.
pub fn bare_context(
    transport: &'static str,
    version: ProtocolVersion,
    extensions: http::Extensions,
    cancel: Cancel,
) -> Context {
    Context {
        transport,
        version,
        client: Arc::default(),
        meta: crate::RequestMeta::default(),
        deadline: None,
        extensions,
        outbox: Outbox::default(),
        cancel,
        can_ask: false,
    }
}
