//! A request, as a fixture looks at it.

use mssql_mcp_transports::{
    Continuation, Fault, McpRequest, Notifier, Outcome, ParamHeaders, Reply, ToolReply,
};
use serde_json::{Map, Value, json};

/// A request whose params were read.
pub(super) struct Call {
    pub(super) request: McpRequest,
    params: Value,
}

impl Call {
    pub(super) fn new(request: McpRequest) -> Self {
        let params = request.params.as_deref().map(|raw| serde_json::from_str(raw.get()));
        let params = params.and_then(Result::ok).unwrap_or_else(|| json!({}));
        Self { request, params }
    }

    /// The tool, prompt or resource that it is about.
    pub(super) fn target(&self) -> &str {
        self.request.target.as_deref().unwrap_or_default()
    }

    pub(super) fn notifier(&self) -> &Notifier {
        &self.request.context.notifier
    }

    /// A member of the params; null where there is none.
    pub(super) fn param(&self, key: &str) -> &Value {
        &self.params[key]
    }

    /// An argument that is a text; empty where it is none.
    pub(super) fn argument(&self, name: &str) -> &str {
        self.params["arguments"][name].as_str().unwrap_or_default()
    }

    /// Whether the client declared a capability.
    pub(super) fn declares(&self, capability: &str) -> bool {
        self.request.context.client.capabilities.get(capability).is_some()
    }

    /// The client's answer to a question, once there is one.
    pub(super) fn answer(&self, key: &str) -> Option<&Value> {
        self.request.context.extensions.get::<Continuation>()?.responses.get(key)
    }

    /// The state that came back with the answers.
    pub(super) fn state(&self) -> Option<&str> {
        self.request.context.extensions.get::<Continuation>()?.state.as_deref()
    }

    /// Whether what its headers repeat is what its arguments say. Over a session there is nothing
    /// to compare.
    pub(super) fn agrees_with(&self, schema: &Value) -> Result<(), Fault> {
        let headers = self.request.context.extensions.get::<ParamHeaders>();
        headers.map_or(Ok(()), |headers| headers.check(schema, &self.params["arguments"]))
    }
}

/// A result that is an object.
pub(super) fn object(value: Value) -> Outcome {
    match value {
        Value::Object(map) => Outcome::Complete(Reply::Json(map)),
        other => panic!("a result is an object: {other}"),
    }
}

/// A result that may be kept for a minute by whoever got it.
pub(super) fn cached(mut value: Value) -> Outcome {
    value["ttlMs"] = json!(60_000);
    value["cacheScope"] = json!("private");
    object(value)
}

/// A tool's result that is a text.
pub(super) fn text(text: impl Into<String>) -> Outcome {
    Outcome::Complete(ToolReply::text(text).into())
}

pub(super) fn invalid(message: impl Into<String>) -> Outcome {
    Outcome::Fault(Fault::InvalidParams { message: message.into(), data: None })
}

/// A capability that the client did not declare.
pub(super) fn missing(capability: &str) -> Outcome {
    let needed = Map::from_iter([(capability.to_owned(), json!({}))]);
    Outcome::Fault(Fault::MissingCapability(needed.into()))
}

/// A picture of one pixel.
pub(super) const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// A sound without a sample: the 44 bytes of its head.
pub(super) const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";
