//! Every failure below becomes one outcome; a flat list, and only here. For `tools/call`
//! it is a result with `isError`, so that the model that called can read it; for anything
//! else a JSON-RPC error.

use mssql_mcp_middleware::BoxError;
use mssql_mcp_middleware::catch_panic::Panicked;
use mssql_mcp_middleware::deadline::Elapsed;
use mssql_mcp_transports::{Fault, McpRequest, Outcome};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::code::Code;
use crate::facts::CallFacts;
use crate::refusal::Refusal;

/// What the list needs of a request.
#[derive(Debug)]
pub(crate) struct Note {
    tool: bool,
    facts: Option<Arc<CallFacts>>,
}

/// Kept before the call.
pub(crate) fn note(r: &McpRequest) -> Note {
    Note {
        tool: &*r.method == "tools/call",
        facts: r.context.extensions.get::<Arc<CallFacts>>().cloned(),
    }
}

/// Names a failure in the log and to the client, and nothing else.
fn incident() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{:x}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn rescue(note: Note, e: BoxError) -> Outcome {
    let recorded = |code: Code| {
        if let Some(f) = &note.facts {
            f.set_outcome(code);
        }
    };
    if let Some(Elapsed(limit)) = e.downcast_ref::<Elapsed>() {
        let refusal = Refusal::timeout(*limit);
        recorded(refusal.code);
        return Outcome::Complete(refusal.into_reply().into());
    }
    let id = incident();
    if let Some(Panicked(message)) = e.downcast_ref::<Panicked>() {
        recorded(Code::Panicked);
        tracing::error!(incident = %id, message, "a call panicked; this is a bug");
    } else {
        recorded(Code::Internal);
        tracing::error!(incident = %id, error = %e, "a call failed below the tools");
    }
    if note.tool {
        return Outcome::Complete(Refusal::internal(&id).into_reply().into());
    }
    Outcome::Fault(Fault::Internal { id })
}
