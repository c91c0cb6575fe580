//! A request, as the center and every layer above it see it.

use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::cancel::Cancel;
use crate::jsonrpc::Id;
use crate::notify::Notifier;
use crate::version::ProtocolVersion;

/// One request, parsed as far as every layer needs it.
#[derive(Debug, Clone)]
pub struct McpRequest {
    /// The id that its answer will carry; none where nothing is answered.
    pub id: Option<Id>,
    /// `tools/call` and so on, as the client wrote it.
    pub method: Arc<str>,
    /// What it is about: `params.name` of tools and prompts, `params.uri` of resources,
    /// `params.taskId` of tasks.
    pub target: Option<String>,
    /// The params as they came, a JSON object.
    pub params: Option<Box<RawValue>>,
    /// Everything that is not in the JSON.
    pub context: Context,
}

/// What surrounds a request and is not in its params.
#[derive(Debug, Clone)]
pub struct Context {
    /// `stdio`, `http` or `sse`; whoever makes a request without a client has a name of its own.
    pub transport: &'static str,
    /// From `_meta` or from the session.
    pub version: ProtocolVersion,
    /// What the client said of itself, with the request or in the handshake.
    pub client: Arc<ClientFacts>,
    /// `_meta.traceparent`, as it came (W3C Trace Context, at most 128 characters).
    pub traceparent: Option<String>,
    /// Until when an answer is expected; set by the deadline layer.
    pub deadline: Option<Instant>,
    /// What whoever knows put in (principal, mount, facts of the call); opaque to transports.
    pub extensions: http::Extensions,
    /// Fires when the client has left or asked for it, or when the server stops.
    pub cancel: Cancel,
    /// Whether the caller can be asked by a form (elicitation), over this transport and in this
    /// version.
    pub can_ask: bool,
    /// Says something before the answer, where the caller wants to hear it.
    pub notifier: Notifier,
}

/// What a client said of itself.
#[derive(Debug, Clone, Default)]
pub struct ClientFacts {
    /// `clientInfo.name`, cut to 128 characters.
    pub name: Option<String>,
    /// `clientInfo.version`, cut to 128 characters.
    pub version: Option<String>,
    /// The object of its capabilities; null where it sent none.
    pub capabilities: Value,
}

/// The answers to an [`Outcome::InputRequired`](crate::Outcome), when the call is made again with
/// them. In the extensions of the context.
#[derive(Debug, Clone, Default)]
pub struct Continuation {
    /// Key of the input request → the client's result.
    pub responses: serde_json::Map<String, Value>,
    /// The state that went out with the questions. It passed the client, so it may be anything.
    pub state: Option<String>,
}

/// The context of a request whose client said nothing of itself.
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
        traceparent: None,
        deadline: None,
        extensions,
        cancel,
        can_ask: false,
        notifier: Notifier::default(),
    }
}
