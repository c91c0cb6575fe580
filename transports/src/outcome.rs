//! How a call ended, before it is written for the caller's version.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::Value;

use crate::content::Content;
use crate::version::ProtocolVersion;

/// How a call ended, whoever asked.
#[derive(Debug)]
pub enum Outcome {
    /// With a result, which may say that a tool failed.
    Complete(Reply),
    /// A person has to answer first (2026-07-28 `input_required`).
    InputRequired {
        /// Key → `{method, params}`.
        requests: serde_json::Map<String, Value>,
        /// Opaque to the client, which sends it back with the answers.
        state: Option<String>,
    },
    /// With an error, which (fault, version) maps to a code and a status.
    Fault(Fault),
    /// Nobody waits for an answer.
    Cancelled,
}

/// What went wrong with the request itself.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// -32601; 404 for stateless clients.
    MethodNotFound(String),
    /// -32602 within the protocol, as of an unknown tool or a bad cursor; 200.
    InvalidParams {
        /// What is wrong and how to mend it.
        message: String,
        /// `error.data`, for programs.
        data: Option<Value>,
    },
    /// -32602 for stateless clients and -32002 for the others, with the URI.
    ResourceNotFound(String),
    /// -32020: 400 for stateless clients. A header does not say what the body says, in words.
    HeaderMismatch(String),
    /// -32021: 400 for stateless clients.
    MissingCapability(Value),
    /// 403 with a challenge that names the scopes.
    Scope {
        /// All scopes that the operation needs, those that the caller has included.
        needed: Vec<String>,
    },
    /// -32603 with what happened, in words; 200.
    Failed(String),
    /// -32603; 500 for stateless clients.
    Internal {
        /// Stands in the log line that says what happened.
        id: String,
    },
}

/// A result of any method.
#[derive(Debug)]
pub enum Reply {
    /// Of `tools/call`, which may be large.
    Tool(ToolReply),
    /// Of any other method, in the form of 2026-07-28.
    Json(serde_json::Map<String, Value>),
    /// The same, where all callers get the same and encoding it once is worth it.
    Shared(Arc<Shared>),
}

/// A result that never changes, with its encoding for each version that was asked for.
#[derive(Debug)]
pub struct Shared {
    value: serde_json::Map<String, Value>,
    encoded: [OnceLock<Bytes>; ProtocolVersion::ALL.len()],
}

/// The result of a tool, in the parts that every revision writes in its own way.
#[derive(Debug, Clone)]
pub struct ToolReply {
    /// The text block, which stands first.
    pub text: Text,
    /// `structuredContent`, already JSON; sent from 2025-06-18 on.
    pub structured: Option<Segments>,
    /// Whether it says that the tool failed (`isError`).
    pub is_error: bool,
    /// What comes behind the text block.
    pub more: Vec<Content>,
    /// `_meta` of the result, an object.
    pub meta: Option<Value>,
}

/// The text block of a tool's result.
#[derive(Debug, Clone)]
pub enum Text {
    /// The same JSON as `structuredContent`.
    Same,
    /// A text that is not that JSON.
    Own(String),
    /// There is none: the result is in what comes behind.
    None,
}

/// JSON (or text) in pieces, so that a large result is never copied into one buffer.
#[derive(Debug, Clone, Default)]
pub struct Segments(pub Vec<Bytes>);

// === impl Shared ===

impl Shared {
    /// Of a result in the form of 2026-07-28.
    pub fn new(value: serde_json::Map<String, Value>) -> Self {
        Self { value, encoded: Default::default() }
    }

    /// The result as this version has it; `encode` makes it when it is first asked for.
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
    /// Structured JSON, with the same JSON as the text block.
    pub fn structured(json: Segments) -> Self {
        Self { text: Text::Same, structured: Some(json), ..Self::of(Vec::new()) }
    }

    /// A text, without structured JSON.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: Text::Own(text.into()), ..Self::of(Vec::new()) }
    }

    /// Any content, without structured JSON.
    pub fn of(content: Vec<Content>) -> Self {
        Self { text: Text::None, structured: None, is_error: false, more: content, meta: None }
    }
}

impl From<ToolReply> for Reply {
    fn from(t: ToolReply) -> Self {
        Reply::Tool(t)
    }
}

// === impl Segments ===

impl Segments {
    /// How many bytes there are in all pieces.
    pub fn len(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

    /// Whether there is not one byte.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Bytes::is_empty)
    }

    /// A copy in one piece, for tests and small results.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_one_text_in_pieces() {
        let parts = ["", "[1,", "2]"].map(|p| Bytes::from_static(p.as_bytes()));
        let segments = Segments(parts.to_vec());
        assert_eq!((segments.len(), segments.is_empty()), (5, false));
        assert_eq!(segments.concat(), b"[1,2]");
        let none = Segments(vec![Bytes::new()]);
        assert_eq!((none.len(), none.is_empty()), (0, true));
        assert_eq!(Segments::from(&serde_json::json!([1])).concat(), b"[1]");
    }
}
