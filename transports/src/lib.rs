//! JSON-RPC's envelope, and everything that puts it on a wire.
//!
//! The center is one `tower::Service` from [`McpRequest`] to [`Outcome`]. It is stateless and
//! speaks the form of MCP revision 2026-07-28: every request carries its version and the client's
//! capabilities. What older revisions add (the handshake, sessions, requests from the server to the
//! client) lives in [`session`] and [`drive`]. This crate knows no SQL and no OAuth.

pub mod cancel;
pub mod connection;
pub mod drive;
pub mod encode;
pub mod exchange;
pub mod handshake;
pub mod jsonrpc;
pub mod message;
pub mod session;
pub mod sse;
pub mod stdio;
pub mod streamable;
pub mod tap;

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;
use tower::util::BoxCloneSyncService;

pub use cancel::{Cancel, Why};
pub use exchange::{Outbox, Outgoing, exchange};
pub use jsonrpc::Id;

/// The center, as every transport sees it.
pub type McpService = BoxCloneSyncService<McpRequest, Outcome, Infallible>;

/// A revision of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProtocolVersion {
    /// 2024-11-05.
    V2024_11_05,
    /// 2025-03-26.
    V2025_03_26,
    /// 2025-06-18.
    V2025_06_18,
    /// 2025-11-25.
    V2025_11_25,
    /// 2026-07-28: stateless.
    V2026_07_28,
}

/// One request, parsed as far as every layer needs it.
#[derive(Debug)]
pub struct McpRequest {
    /// None for a notification.
    pub id: Option<Id>,
    /// `tools/call` and so on.
    pub method: Arc<str>,
    /// `params.name` or `params.uri`.
    pub target: Option<String>,
    /// The params as they came.
    pub params: Option<Box<RawValue>>,
    /// Everything that is not in the JSON.
    pub context: Context,
}

/// What surrounds a request.
#[derive(Debug, Clone)]
pub struct Context {
    /// `stdio`, `http` or `sse`.
    pub transport: &'static str,
    /// From `_meta`, from the session, or from the header.
    pub version: ProtocolVersion,
    /// Who calls.
    pub client: Arc<ClientFacts>,
    /// The parts of `_meta` that concern us.
    pub meta: RequestMeta,
    /// Set by the deadline layer.
    pub deadline: Option<Instant>,
    /// What whoever knows put in (principal, mount, facts of the call); opaque to transports.
    pub extensions: http::Extensions,
    /// Notifications leave here.
    pub outbox: Outbox,
    /// Client left, `notifications/cancelled`, shutdown.
    pub cancel: Cancel,
    /// Whether the caller can be asked by a form (elicitation), over this transport
    /// and in this version.
    pub can_ask: bool,
}

/// What a client said of itself.
#[derive(Debug, Clone, Default)]
pub struct ClientFacts {
    /// `clientInfo.name`, cut to 128 characters.
    pub name: Option<String>,
    /// `clientInfo.version`, cut likewise.
    pub version: Option<String>,
    /// Its capabilities.
    pub capabilities: Value,
}

/// The parts of `_meta` that concern us.
#[derive(Debug, Clone, Default)]
pub struct RequestMeta {
    /// For `notifications/progress`.
    pub progress_token: Option<Value>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// The level from which on the client wants `notifications/message`.
    pub log_level: Option<String>,
}

/// The answers to an [`Outcome::InputRequired`], when the call is made again with them. In the
/// extensions of the context.
#[derive(Debug, Clone, Default)]
pub struct Continuation {
    /// Key of the input request → the client's result.
    pub responses: serde_json::Map<String, Value>,
    /// As it was given.
    pub state: Option<String>,
}

/// How a call ended.
#[derive(Debug)]
pub enum Outcome {
    /// With a result.
    Complete(Reply),
    /// A person has to answer first (2026-07-28 `input_required`).
    InputRequired {
        /// Key → `{method, params}`.
        requests: serde_json::Map<String, Value>,
        /// Comes back with the answers.
        state: Option<String>,
    },
    /// With an error; the transport maps it to a code and a status.
    Fault(Fault),
    /// Nobody waits for an answer.
    Cancelled,
}

/// What is wrong, so that (fault, era) decides what goes on the wire.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// -32601; 404 for stateless clients.
    MethodNotFound(String),
    /// -32602 within the protocol: an unknown tool, a bad cursor. 200.
    InvalidParams {
        /// What is wrong and how to mend it.
        message: String,
        /// `error.data`.
        data: Option<Value>,
    },
    /// -32021: the client lacks these capabilities. 400.
    MissingCapability(Value),
    /// 403 with `insufficient_scope`.
    Scope {
        /// All that the operation needs.
        needed: Vec<String>,
    },
    /// Too many requests.
    Limited {
        /// When to come back.
        retry_after: Duration,
    },
    /// Too many at once.
    Overloaded,
    /// -32603; the log has the rest under this id.
    Internal {
        /// Names the log line.
        id: String,
    },
}

/// A result, before it is written for the caller's version.
#[derive(Debug)]
pub enum Reply {
    /// Of `tools/call`.
    Tool(ToolReply),
    /// Of any other method: the 2026-07-28 form.
    Json(serde_json::Map<String, Value>),
    /// The same, where it is the same for all callers and worth encoding once.
    Shared(Arc<Shared>),
}

/// A result that never changes, with its encodings.
#[derive(Debug)]
pub struct Shared {
    value: serde_json::Map<String, Value>,
    encoded: [OnceLock<Bytes>; ProtocolVersion::ALL.len()],
}

/// The result of a tool.
#[derive(Debug, Clone)]
pub struct ToolReply {
    /// The text block.
    pub text: Text,
    /// `structuredContent`, already JSON.
    pub structured: Option<Segments>,
    /// `isError`.
    pub is_error: bool,
    /// `_meta`.
    pub meta: Option<Value>,
}

/// The text block of a tool's result.
#[derive(Debug, Clone)]
pub enum Text {
    /// The same JSON as `structuredContent`.
    Same,
    /// A text of its own.
    Own(String),
}

/// JSON (or text) in pieces, so that a large result is never copied into one buffer.
#[derive(Debug, Clone, Default)]
pub struct Segments(pub Vec<Bytes>);

// === impl ProtocolVersion ===

impl ProtocolVersion {
    /// All, newest first: what `server/discover` lists.
    pub const ALL: [Self; 5] = [
        Self::V2026_07_28,
        Self::V2025_11_25,
        Self::V2025_06_18,
        Self::V2025_03_26,
        Self::V2024_11_05,
    ];
    /// The latest that begins with a handshake.
    pub const LATEST_HANDSHAKE: Self = Self::V2025_11_25;

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// By its name.
    pub fn parse(s: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.as_str() == s)
    }

    /// Stateless, without a handshake.
    pub fn is_modern(self) -> bool {
        self >= Self::V2026_07_28
    }

    /// All names, newest first.
    pub fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|v| v.as_str()).collect()
    }
}

// === impl Shared ===

impl Shared {
    /// From the 2026-07-28 form.
    pub fn new(value: serde_json::Map<String, Value>) -> Self {
        Self { value, encoded: Default::default() }
    }

    /// The result as this version has it; `encode` makes it the first time.
    pub(crate) fn encoded(
        &self,
        version: ProtocolVersion,
        encode: impl FnOnce(serde_json::Map<String, Value>) -> Bytes,
    ) -> Bytes {
        self.encoded[version as usize].get_or_init(|| encode(self.value.clone())).clone()
    }
}

// === impl ToolReply ===

impl ToolReply {
    /// Structured JSON, and the same as text.
    pub fn structured(json: Segments) -> Self {
        Self { text: Text::Same, structured: Some(json), is_error: false, meta: None }
    }

    /// A plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: Text::Own(text.into()), structured: None, is_error: false, meta: None }
    }
}

impl From<ToolReply> for Reply {
    fn from(t: ToolReply) -> Self {
        Reply::Tool(t)
    }
}

// === impl Segments ===

impl Segments {
    /// Bytes in all.
    pub fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Bytes::is_empty)
    }

    /// In one piece; for tests and small results.
    pub fn concat(&self) -> Vec<u8> {
        self.0.concat()
    }
}

impl From<Vec<u8>> for Segments {
    fn from(v: Vec<u8>) -> Self {
        Self(vec![v.into()])
    }
}

impl From<&Value> for Segments {
    fn from(v: &Value) -> Self {
        v.to_string().into_bytes().into()
    }
}
