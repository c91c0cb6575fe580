//! One call of the center, in a task of its own, which the drop of its future cancels.

use std::sync::atomic::{AtomicU64, Ordering};

use tower::ServiceExt;

use crate::McpService;
use crate::cancel::{Cancel, Why};
use crate::outcome::{Fault, Outcome};
use crate::request::McpRequest;

/// Cancels a call that nobody waits for any more.
struct Waiting(Option<Cancel>);

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(cancel) = &self.0 {
            cancel.fire(Why::Gone);
        }
    }
}

/// Makes a call in a task of its own, so that whoever reads slowly cannot hold up its deadline or
/// the database connection that it has. Dropping the future cancels the call: its token fires, and
/// it ends by itself.
pub(crate) async fn call(service: McpService, request: McpRequest) -> Outcome {
    let mut waiting = Waiting(Some(request.context.cancel.clone()));
    let ended = tokio::spawn(service.oneshot(request)).await;
    waiting.0 = None;
    match ended {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(never)) => match never {},
        // Panics are caught inside the stack; this one was in a layer above the net.
        Err(error) => {
            static NEXT: AtomicU64 = AtomicU64::new(1);
            let id = format!("t{:x}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            tracing::error!(incident = %id, %error, "a layer panicked; this is a bug");
            Outcome::Fault(Fault::Internal { id })
        }
    }
}
