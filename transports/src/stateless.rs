//! Requests of 2026-07-28, which need no session: each carries its version and the client's
//! capabilities in `_meta`. The checks are those of the specification's table "Request validation"
//! and come in its order; those of HTTP's headers, which stand between [`check_meta`] and
//! [`admit`], are in [`headers`](crate::headers).

use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::cancel::Cancel;
use crate::changes::subscription;
use crate::encoded::Encoded;
use crate::error::RpcError;
use crate::jsonrpc::{Id, UNSUPPORTED_VERSION};
use crate::notify::{Notifier, notification};
use crate::outcome::{Outcome, Reply};
use crate::params::{CAPABILITIES_KEY, Params, RpcRequest, VERSION_KEY, takes_forms};
use crate::request::{Context, Continuation, McpRequest, bare_context};
use crate::version::ProtocolVersion;

/// Methods that stateless requests do not have any more.
const REMOVED: [&str; 5] =
    ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"];

/// Whether a method is one that stateless requests do not have any more.
pub(crate) fn is_removed(method: &str) -> bool {
    REMOVED.contains(&method)
}

/// A request that passed its checks.
#[derive(Debug)]
pub(crate) enum Admitted {
    /// What the center is asked.
    Call(Box<McpRequest>),
    /// `subscriptions/listen`: what the center is asked, which says what of it it honours.
    Subscription(Box<McpRequest>),
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
    notifier: Notifier,
) -> Result<Admitted, RpcError> {
    if is_removed(&request.method) {
        return Err(RpcError::method_not_found(&request.method));
    }
    let listens = request.method == "subscriptions/listen";
    if listens {
        check_filter(request.raw.as_deref())?;
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
        notifier,
        ..bare_context(transport, version, extensions, cancel)
    };
    let request = Box::new(request.in_context(context));
    Ok(if listens { Admitted::Subscription(request) } else { Admitted::Call(request) })
}

/// Checks what a subscription is for: what has the wrong kind was meant to be something else.
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
    for list in ["resourceSubscriptions", "taskIds"] {
        if filter.get(list).is_some_and(|v| !is_list(v)) {
            return wrong(&format!(".{list} must be a list of strings"));
        }
    }
    Ok(())
}

/// What of a subscription the center honours; or what else it answered.
pub(crate) fn honoured(answer: Outcome) -> Result<Map<String, Value>, Box<Outcome>> {
    match answer {
        Outcome::Complete(Reply::Json(mut found)) => match found.remove("notifications") {
            Some(Value::Object(honoured)) => Ok(honoured),
            _ => Ok(Map::new()),
        },
        other => Err(Box::new(other)),
    }
}

/// The first message of a subscription, with what is honoured.
pub(crate) fn subscribed(id: &Id, honoured: &Map<String, Value>) -> Encoded {
    let params = json!({ "notifications": honoured, "_meta": subscription(id) });
    notification("notifications/subscriptions/acknowledged", params)
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
pub(crate) fn unsubscribed(id: &Id) -> Map<String, Value> {
    Map::from_iter([("_meta".to_owned(), subscription(id))])
}
