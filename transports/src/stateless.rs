//! Requests of 2026-07-28, which need no session: each carries its version and the client's
//! capabilities in `_meta`. The checks are those of the specification's table "Request validation"
//! and come in its order; those of HTTP's headers, which stand between [`check_meta`] and
//! [`admit`], are in [`headers`](crate::headers).

use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::cancel::Cancel;
use crate::error::RpcError;
use crate::jsonrpc::{Id, UNSUPPORTED_VERSION};
use crate::params::{CAPABILITIES_KEY, LOG_LEVELS, Params, RpcRequest, VERSION_KEY, takes_forms};
use crate::request::{Context, Continuation, McpRequest, bare_context};
use crate::version::ProtocolVersion;

/// `_meta` key of the subscription that a message belongs to: the id of `subscriptions/listen`.
const SUBSCRIPTION_KEY: &str = "io.modelcontextprotocol/subscriptionId";

/// Methods that stateless requests do not have any more.
const REMOVED: [&str; 5] =
    ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"];

/// A request that passed its checks.
#[derive(Debug)]
pub(crate) enum Admitted {
    /// What the center is asked.
    Call(Box<McpRequest>),
    /// `subscriptions/listen`. Nothing that we list ever changes, so the honoured subset is empty
    /// and the subscription is only held open.
    Subscription(Id),
}

/// Checks that `_meta` is there and whole, and that the version is one of the stateless ones.
pub(crate) fn check_meta(params: &Params) -> Result<ProtocolVersion, RpcError> {
    let Some(version) = params.version() else {
        return Err(RpcError::invalid_params(format!("params._meta needs \"{VERSION_KEY}\"")));
    };
    if params.capabilities().is_none() {
        let message = format!("params._meta needs \"{CAPABILITIES_KEY}\", an object");
        return Err(RpcError::invalid_params(message));
    }
    ProtocolVersion::parse(version).filter(|v| v.is_modern()).ok_or_else(|| {
        let supported = json!({ "supported": ProtocolVersion::names(), "requested": version });
        let message = format!("Unsupported protocol version: {version}");
        RpcError {
            data: Some(supported),
            ..RpcError { code: UNSUPPORTED_VERSION, ..RpcError::invalid_params(message) }
        }
    })
}

/// Checks the rest, and makes it a request for the center, which `cancel` cancels.
pub(crate) fn admit(
    request: RpcRequest,
    version: ProtocolVersion,
    transport: &'static str,
    mut extensions: http::Extensions,
    cancel: Cancel,
) -> Result<Admitted, RpcError> {
    if REMOVED.contains(&&*request.method) {
        return Err(RpcError::method_not_found(&request.method));
    }
    let is_level = |l: &Value| l.as_str().is_some_and(|l| LOG_LEVELS.contains(&l));
    if request.params.log_level().is_some_and(|l| !is_level(l)) {
        let levels = LOG_LEVELS.join(", ");
        let message =
            format!("\"io.modelcontextprotocol/logLevel\" in params._meta must be one of {levels}");
        return Err(RpcError::invalid_params(message));
    }
    if request.method == "subscriptions/listen" {
        check_filter(request.raw.as_deref())?;
        return Ok(Admitted::Subscription(request.id));
    }
    let params = &request.params;
    if params.input_responses.is_some() || params.request_state.is_some() {
        extensions.insert(Continuation {
            responses: params.input_responses.clone().unwrap_or_default(),
            state: params.request_state.clone(),
        });
    }
    let context = Context {
        client: Arc::new(params.client()),
        traceparent: params.traceparent().map(str::to_owned),
        can_ask: params.capabilities().is_some_and(takes_forms),
        ..bare_context(transport, version, extensions, cancel)
    };
    Ok(Admitted::Call(Box::new(request.in_context(context))))
}

/// Checks what a subscription is for. Nothing of it is honoured, but what has the wrong kind was
/// meant to be something else.
fn check_filter(params: Option<&RawValue>) -> Result<(), RpcError> {
    let params: Value =
        params.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
    let wrong = |what: &str| Err(RpcError::invalid_params(format!("params.notifications{what}")));
    let filter = match params.get("notifications") {
        None => return Ok(()),
        Some(Value::Object(filter)) => filter,
        Some(_) => return wrong(" must be an object"),
    };
    for flag in ["toolsListChanged", "promptsListChanged", "resourcesListChanged"] {
        if filter.get(flag).is_some_and(|v| !v.is_boolean()) {
            return wrong(&format!(".{flag} must be true or false"));
        }
    }
    let is_list = |v: &Value| v.as_array().is_some_and(|l| l.iter().all(Value::is_string));
    match filter.get("resourceSubscriptions") {
        Some(v) if !is_list(v) => wrong(".resourceSubscriptions must be a list of strings"),
        _ => Ok(()),
    }
}

/// The first message of a subscription, with nothing honoured.
pub(crate) fn subscribed(id: &Id) -> Value {
    json!({
        "jsonrpc": "2.0",
        "method": "notifications/subscriptions/acknowledged",
        "params": { "notifications": {}, "_meta": { SUBSCRIPTION_KEY: id } },
    })
}

/// The end of a subscription where it has no stream to end with: `notifications/cancelled`
/// (2026-07-28, "Cancellation", of stdio).
pub(crate) fn closed(id: &Id) -> Value {
    json!({
        "jsonrpc": "2.0",
        "method": "notifications/cancelled",
        "params": { "requestId": id, "reason": "The server stops" },
    })
}

/// The result of a subscription, for when the server ends it and its stream.
pub(crate) fn unsubscribed(id: &Id) -> serde_json::Map<String, Value> {
    serde_json::Map::from_iter([("_meta".to_owned(), json!({ SUBSCRIPTION_KEY: id }))])
}
