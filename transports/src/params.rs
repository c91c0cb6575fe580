//! What stands in the params of a request for everyone: reads `_meta` and the target once, for
//! every layer.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::RpcError;
use crate::jsonrpc::{Id, twice};
use crate::notify::{LOG_LEVELS, NO_LEVEL, Wanted};
use crate::request::{ClientFacts, Context, McpRequest};

/// `_meta` key of the version that a stateless request speaks.
pub(crate) const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";

/// `_meta` key of the capabilities that a stateless request comes with.
pub(crate) const CAPABILITIES_KEY: &str = "io.modelcontextprotocol/clientCapabilities";

/// A request whose params were read.
#[derive(Debug)]
pub(crate) struct RpcRequest {
    pub(crate) id: Id,
    pub(crate) method: String,
    /// The params as they came.
    pub(crate) raw: Option<Box<RawValue>>,
    pub(crate) params: Params,
}

/// What stands in `params` for everyone.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Params {
    #[serde(rename = "_meta", default, deserialize_with = "object")]
    meta: Option<Meta>,
    #[serde(default)]
    name: Option<Value>,
    #[serde(default)]
    uri: Option<Value>,
    #[serde(rename = "taskId", default)]
    task: Option<Value>,
    /// Key of the input request → the client's result, in a second round.
    #[serde(rename = "inputResponses", default)]
    pub(crate) input_responses: Option<serde_json::Map<String, Value>>,
    /// The state that came with the questions.
    #[serde(rename = "requestState", default)]
    pub(crate) request_state: Option<String>,
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
    log_level: Option<Value>,
    #[serde(default)]
    traceparent: Option<Value>,
    #[serde(rename = "progressToken", default)]
    progress_token: Option<Value>,
}

/// An object, or nothing: serde would take an array for a struct, field by field.
fn object<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Meta>, D::Error> {
    use serde::de::Error;
    let Some(raw) = Option::<&RawValue>::deserialize(d)? else { return Ok(None) };
    if !raw.get().starts_with('{') {
        return Err(D::Error::custom("_meta must be an object"));
    }
    serde_json::from_str(raw.get()).map(Some).map_err(D::Error::custom)
}

/// Which member is not what it must be, in params that could not be read: serde names its own types
/// and not ours.
fn wrong_member(params: &RawValue) -> Option<String> {
    let members: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(params.get()).ok()?;
    let kinds = [
        ("_meta", '{', "an object"),
        ("inputResponses", '{', "an object"),
        ("requestState", '"', "a string"),
    ];
    let wrong = kinds.into_iter().find(|(member, begins, _)| {
        members.get(*member).is_some_and(|v| v.get() != "null" && !v.get().starts_with(*begins))
    });
    wrong.map(|(member, _, kind)| format!("params.{member} must be {kind}"))
}

/// The longest traceparent that is looked at; a real one has 55 characters.
const MAX_TRACEPARENT: usize = 128;

// === impl RpcRequest ===

impl RpcRequest {
    /// Reads the params of a request.
    pub(crate) fn read(
        id: Id,
        method: String,
        raw: Option<Box<RawValue>>,
    ) -> Result<Self, RpcError> {
        let params =
            raw.as_deref().map_or(Ok(Params::default()), |p| serde_json::from_str(p.get()));
        match params {
            Ok(params) => Ok(Self { id, method, raw, params }),
            Err(e) => {
                let wrong = raw.as_deref().and_then(wrong_member).unwrap_or_else(|| twice(&e));
                Err(RpcError::invalid_params(format!("Invalid params: {wrong}")))
            }
        }
    }

    /// For the center, in this context.
    pub(crate) fn in_context(self, context: Context) -> McpRequest {
        McpRequest {
            target: self.target().map(str::to_owned),
            id: Some(self.id),
            method: Arc::from(self.method),
            params: self.raw,
            context,
        }
    }

    /// `params.name` of tools and prompts, `params.uri` of resources, `params.taskId` of tasks.
    pub(crate) fn target(&self) -> Option<&str> {
        let target = match &*self.method {
            "tools/call" | "prompts/get" => &self.params.name,
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => &self.params.uri,
            "tasks/get" | "tasks/update" | "tasks/cancel" => &self.params.task,
            _ => return None,
        };
        target.as_ref()?.as_str()
    }
}

// === impl Params ===

impl Params {
    /// The version in `_meta`, if there is one.
    pub(crate) fn version(&self) -> Option<&str> {
        self.meta.as_ref()?.version.as_ref()?.as_str()
    }

    /// The client's capabilities in `_meta`, an object.
    pub(crate) fn capabilities(&self) -> Option<&Value> {
        self.meta.as_ref()?.capabilities.as_ref().filter(|v| v.is_object())
    }

    /// What the client says of itself in `_meta`.
    pub(crate) fn client(&self) -> ClientFacts {
        let info = self.meta.as_ref().and_then(|m| m.info.as_ref());
        client_facts(info, self.capabilities().cloned().unwrap_or(Value::Null))
    }

    /// The trace that the request is part of, where its name is no longer than any can be.
    pub(crate) fn traceparent(&self) -> Option<&str> {
        let text = self.meta.as_ref()?.traceparent.as_ref()?.as_str()?;
        Some(text).filter(|t| t.len() <= MAX_TRACEPARENT)
    }

    /// What the client wants to hear before the answer; none where that is nothing.
    pub(crate) fn wanted(&self) -> Result<Option<Wanted>, RpcError> {
        let token = self.progress_token()?;
        let level = match self.meta.as_ref().and_then(|m| m.log_level.as_ref()) {
            None => NO_LEVEL,
            Some(level) => rank(Some(level)).ok_or_else(|| {
                let levels = LOG_LEVELS.join(", ");
                RpcError::invalid_params(format!(
                    "\"io.modelcontextprotocol/logLevel\" in params._meta must be one of {levels}"
                ))
            })?,
        };
        let something = token.is_some() || level != NO_LEVEL;
        Ok(something.then(|| Wanted { token, level: Arc::new(AtomicU8::new(level)) }))
    }

    /// What the client of a session wants to hear, which has a level for all of its calls.
    pub(crate) fn wanted_in(&self, level: &Arc<AtomicU8>) -> Result<Wanted, RpcError> {
        Ok(Wanted { token: self.progress_token()?, level: level.clone() })
    }

    fn progress_token(&self) -> Result<Option<Value>, RpcError> {
        let token = self.meta.as_ref().and_then(|m| m.progress_token.clone());
        match token.filter(|token| !token.is_null()) {
            Some(token) if !(token.is_string() || token.is_i64() || token.is_u64()) => {
                let message = "\"progressToken\" in params._meta must be a string or an integer";
                Err(RpcError::invalid_params(message))
            }
            token => Ok(token),
        }
    }
}

/// The rank of a level by its name.
pub(crate) fn rank(level: Option<&Value>) -> Option<u8> {
    let level = level?.as_str()?;
    LOG_LEVELS.iter().position(|l| *l == level).map(|rank| rank as u8)
}

/// Of `clientInfo`, whose texts are cut to 128 characters, and `capabilities`.
pub(crate) fn client_facts(info: Option<&Value>, capabilities: Value) -> ClientFacts {
    let field = |key: &str| {
        let text = info.and_then(|i| i.get(key)).and_then(Value::as_str);
        text.map(|t| t.chars().take(128).collect())
    };
    ClientFacts { name: field("name"), version: field("version"), capabilities }
}

/// Whether capabilities include elicitation by form; an empty object means just that.
pub(crate) fn takes_forms(capabilities: &Value) -> bool {
    match capabilities.get("elicitation").and_then(Value::as_object) {
        None => false,
        Some(modes) => modes.is_empty() || modes.contains_key("form"),
    }
}
