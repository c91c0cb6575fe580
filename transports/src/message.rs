//! From a JSON-RPC request to an [`McpRequest`](crate::McpRequest): reads `_meta` and the target
//! once, for every layer.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::{ClientFacts, ProtocolVersion, RequestMeta};

/// `_meta` key of the version a stateless request speaks.
pub const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";

/// What stands in `params` for everyone.
#[derive(Debug, Default, Deserialize)]
pub struct Params {
    #[serde(rename = "_meta", default, deserialize_with = "object")]
    meta: Option<Meta>,
    #[serde(default)]
    name: Option<Value>,
    #[serde(default)]
    uri: Option<Value>,
    /// MRTR: the answers.
    #[serde(rename = "inputResponses", default)]
    pub input_responses: Option<serde_json::Map<String, Value>>,
    /// MRTR: the state that came with the questions.
    #[serde(rename = "requestState", default)]
    pub request_state: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Meta {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion", default)]
    version: Option<Value>,
    #[serde(rename = "io.modelcontextprotocol/clientCapabilities", default)]
    capabilities: Option<Value>,
    #[serde(rename = "io.modelcontextprotocol/clientInfo", default)]
    info: Option<Value>,
    #[serde(rename = "io.modelcontextprotocol/logLevel", default)]
    log_level: Option<String>,
    #[serde(rename = "progressToken", default)]
    progress_token: Option<Value>,
    #[serde(default)]
    traceparent: Option<Value>,
}

/// An object, or nothing: serde would take an array for a struct, field by field.
fn object<'de, D: serde::Deserializer<'de>, T: serde::de::DeserializeOwned>(
    d: D,
) -> Result<Option<T>, D::Error> {
    let map = Option::<serde_json::Map<String, Value>>::deserialize(d)?;
    map.map(|m| T::deserialize(Value::Object(m)).map_err(serde::de::Error::custom)).transpose()
}

/// Levels of `notifications/message`.
pub const LOG_LEVELS: [&str; 8] =
    ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/// The longest traceparent that is looked at; a real one has 55 characters.
const MAX_TRACEPARENT: usize = 128;

impl Params {
    /// Reads them; params that are no such object are none.
    pub fn read(raw: Option<&RawValue>) -> Result<Self, String> {
        match raw {
            None => Ok(Self::default()),
            Some(r) => serde_json::from_str(r.get()).map_err(|e| e.to_string()),
        }
    }

    /// The version in `_meta`, if there is one.
    pub fn version(&self) -> Option<&str> {
        self.meta.as_ref()?.version.as_ref()?.as_str()
    }

    /// The client's capabilities in `_meta`.
    pub fn capabilities(&self) -> Option<&Value> {
        self.meta.as_ref()?.capabilities.as_ref().filter(|v| v.is_object())
    }

    /// `params.name`.
    pub fn name(&self) -> Option<&str> {
        self.name.as_ref()?.as_str()
    }

    /// `params.uri`.
    pub fn uri(&self) -> Option<&str> {
        self.uri.as_ref()?.as_str()
    }

    /// What the client says of itself in `_meta`.
    pub fn client(&self) -> ClientFacts {
        let info = self.meta.as_ref().and_then(|m| m.info.as_ref());
        client_facts(info, self.capabilities().cloned().unwrap_or(Value::Null))
    }

    /// The rest of `_meta` that concerns us.
    pub fn request_meta(&self) -> RequestMeta {
        let Some(m) = &self.meta else { return RequestMeta::default() };
        RequestMeta {
            progress_token: m
                .progress_token
                .clone()
                .filter(|t| t.is_string() || t.is_i64() || t.is_u64()),
            traceparent: m
                .traceparent
                .as_ref()
                .and_then(Value::as_str)
                .filter(|t| t.len() <= MAX_TRACEPARENT)
                .map(str::to_owned),
            log_level: m.log_level.clone(),
        }
    }
}

/// From `clientInfo` and `capabilities`.
pub fn client_facts(info: Option<&Value>, capabilities: Value) -> ClientFacts {
    let field = |k: &str| {
        info.and_then(|i| i.get(k)).and_then(Value::as_str).map(|s| s.chars().take(128).collect())
    };
    ClientFacts { name: field("name"), version: field("version"), capabilities }
}

/// Whether capabilities include elicitation by form; an empty object means just that.
pub fn takes_forms(capabilities: &Value) -> bool {
    match capabilities.get("elicitation").and_then(Value::as_object) {
        None => false,
        Some(e) => e.is_empty() || e.contains_key("form"),
    }
}

/// Why a stateless request is refused before it reaches the center (the table in the
/// 2026-07-28 specification, "Request validation").
#[derive(Debug, PartialEq)]
pub struct Refused {
    /// JSON-RPC code.
    pub code: i32,
    /// What is wrong.
    pub message: String,
    /// `error.data`.
    pub data: Option<Value>,
}

/// Checks `_meta` of a stateless request: that it is there and whole, and that the version
/// is one of ours.
pub fn check_meta(p: &Params) -> Result<ProtocolVersion, Refused> {
    let Some(version) = p.version() else {
        return Err(Refused {
            code: crate::jsonrpc::INVALID_PARAMS,
            message: format!("params._meta needs \"{VERSION_KEY}\""),
            data: None,
        });
    };
    if p.capabilities().is_none() {
        let message =
            "params._meta needs \"io.modelcontextprotocol/clientCapabilities\", an object"
                .to_owned();
        return Err(Refused { code: crate::jsonrpc::INVALID_PARAMS, message, data: None });
    }
    ProtocolVersion::parse(version).filter(|v| v.is_modern()).ok_or_else(|| unsupported(version))
}

/// -32022.
pub fn unsupported(requested: &str) -> Refused {
    Refused {
        code: crate::jsonrpc::UNSUPPORTED_VERSION,
        message: format!("Unsupported protocol version: {requested}"),
        data: Some(
            serde_json::json!({ "supported": ProtocolVersion::names(), "requested": requested }),
        ),
    }
}

/// The target of a request: `params.name` for tools and prompts, `params.uri` for resources.
pub fn target(method: &str, p: &Params) -> Option<String> {
    match method {
        "tools/call" | "prompts/get" => p.name().map(str::to_owned),
        "resources/read" => p.uri().map(str::to_owned),
        _ => None,
    }
}

/// Shared by requests of the same method.
pub fn intern(method: &str) -> Arc<str> {
    Arc::from(method)
}
