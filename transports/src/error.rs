//! Errors in JSON-RPC's form.

use http::StatusCode;
use serde_json::{Value, json};

use crate::jsonrpc::{
    HEADER_MISMATCH, INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, Id, Invalid,
    METHOD_NOT_FOUND, MISSING_CAPABILITY, RESOURCE_NOT_FOUND,
};
use crate::outcome::Fault;
use crate::version::ProtocolVersion;

/// A JSON-RPC error, and the HTTP status that goes with it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RpcError {
    pub(crate) status: StatusCode,
    pub(crate) code: i32,
    pub(crate) message: String,
    pub(crate) data: Option<Value>,
}

impl RpcError {
    pub(crate) fn new(status: StatusCode, code: i32, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), data: None }
    }

    /// -32600 with 400: no request that may stand here.
    pub(crate) fn invalid_request(reason: &str) -> Self {
        let message = format!("Invalid Request: {reason}");
        Self::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, message)
    }

    /// -32602 with 400: its params are not what the protocol says.
    pub(crate) fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, message)
    }

    /// -32601 with 404: there is no such method in this era.
    pub(crate) fn method_not_found(method: &str) -> Self {
        let message = format!("Method not found: {method}");
        Self::new(StatusCode::NOT_FOUND, METHOD_NOT_FOUND, message)
    }

    /// What a request is refused with whose id is that of one that still runs.
    pub(crate) fn id_in_use() -> Self {
        Self::invalid_request("this id is in use by a request that still runs")
    }

    /// What is said of a request that its client took back, where something has to be said. The
    /// code is that of the Python SDK; those of JSON-RPC mean other things.
    pub(crate) fn cancelled() -> Self {
        Self::new(StatusCode::OK, 0, "Request cancelled")
    }

    /// Of a fault of the center, for a caller of this version.
    pub(crate) fn of(fault: Fault, version: ProtocolVersion) -> Self {
        let error = match fault {
            Fault::MethodNotFound(method) => Self::method_not_found(&method),
            Fault::InvalidParams { message, data } => {
                Self { data, ..Self::new(StatusCode::OK, INVALID_PARAMS, message) }
            }
            Fault::ResourceNotFound(uri) => {
                let code = if version.is_modern() { INVALID_PARAMS } else { RESOURCE_NOT_FOUND };
                let message = format!("Resource not found: {uri}");
                let data = Some(json!({ "uri": uri }));
                Self { data, ..Self::new(StatusCode::OK, code, message) }
            }
            Fault::HeaderMismatch(message) => {
                Self::new(StatusCode::BAD_REQUEST, HEADER_MISMATCH, message)
            }
            Fault::MissingCapability(needed) => {
                let all = needed.as_object().into_iter().flatten();
                let names: Vec<&str> = all
                    .flat_map(|(k, v)| match (k.as_str(), v) {
                        ("extensions", Value::Object(inner)) => {
                            inner.keys().map(String::as_str).collect()
                        }
                        (name, _) => vec![name],
                    })
                    .collect();
                let message = format!("The client must declare {}", names.join(" and "));
                let data = Some(json!({ "requiredCapabilities": needed }));
                Self { data, ..Self::new(StatusCode::BAD_REQUEST, MISSING_CAPABILITY, message) }
            }
            // The challenge is HTTP's, in every version.
            Fault::Scope { needed } => {
                let message = format!("Insufficient scope: {} needed", needed.join(" "));
                return Self::new(StatusCode::FORBIDDEN, INVALID_REQUEST, message);
            }
            Fault::Failed(message) => Self::new(StatusCode::OK, INTERNAL_ERROR, message),
            Fault::Internal { id } => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                INTERNAL_ERROR,
                format!("Internal error {id}; the server's log has the rest"),
            ),
        };
        // Sessions take another status for an error of HTTP.
        let status = if version.is_modern() { error.status } else { StatusCode::OK };
        Self { status, ..error }
    }

    /// The answer; without an id when there is none to echo.
    pub(crate) fn answer(self, id: Option<&Id>) -> Value {
        self.echoing(id.cloned().map(Value::from))
    }

    /// The answer to what is no message, which may have come with what is no id.
    pub(crate) fn echoing(self, id: Option<Value>) -> Value {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(data) = self.data {
            error["data"] = data;
        }
        match id {
            Some(id) => json!({ "jsonrpc": "2.0", "id": id, "error": error }),
            None => json!({ "jsonrpc": "2.0", "error": error }),
        }
    }
}

impl From<Invalid> for RpcError {
    fn from(invalid: Invalid) -> Self {
        Self::new(StatusCode::BAD_REQUEST, invalid.code, invalid.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stateless_callers_get_a_status_and_sessions_an_answer() {
        let scope = Fault::Scope { needed: vec!["read".into(), "write".into()] };
        let params =
            Fault::InvalidParams { message: "Unknown tool: x".into(), data: Some(json!([1])) };
        for (fault, code, modern, session) in [
            (Fault::MethodNotFound("x".into()), -32601, 404, 200),
            (params, -32602, 200, 200),
            (scope, -32600, 403, 403),
            (Fault::HeaderMismatch("no".into()), -32020, 400, 200),
            (Fault::Internal { id: "i7".into() }, -32603, 500, 200),
        ] {
            for version in ProtocolVersion::ALL {
                let error = RpcError::of(fault.clone(), version);
                let status = if version.is_modern() { modern } else { session };
                assert_eq!(error.data.is_some(), code == -32602, "{version:?}");
                assert_eq!((error.code, error.status.as_u16()), (code, status), "{version:?}");
            }
        }
    }

    #[test]
    fn an_answer_has_what_is_known() {
        let error = RpcError::invalid_request("no");
        let expected = json!({ "code": -32600, "message": "Invalid Request: no" });
        assert_eq!(error.clone().answer(None), json!({ "jsonrpc": "2.0", "error": expected }));
        let answer = RpcError { data: Some(json!(3)), ..error }.answer(Some(&Id::Number(7)));
        assert_eq!((&answer["id"], &answer["error"]["data"]), (&json!(7), &json!(3)));
        let internal = Fault::Internal { id: "i7".into() };
        let message = RpcError::of(internal, ProtocolVersion::V2026_07_28).message;
        assert!(message.contains("i7"), "{message}");
    }
}
