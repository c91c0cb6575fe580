//! One call, as a stream of what it says, the outcome last.
//!
//! The call is *spawned*: a reader that is slow cannot stop its deadline or hold a
//! database connection. Notifications leave sideways through the [`Outbox`] and are
//! drained before the outcome.

use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use futures_core::Stream;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use crate::{Cancel, Fault, McpRequest, McpService, Outcome, Why};

/// Notifications that wait for their reader; more progress than this is dropped,
/// because newer progress follows.
const OUTBOX: usize = 16;

/// Where a call puts its notifications. Bounded, and never waits.
#[derive(Debug, Clone, Default)]
pub struct Outbox(Option<mpsc::Sender<Value>>);

/// What a call says.
#[derive(Debug)]
pub enum Outgoing {
    /// A notification, as a whole JSON-RPC message.
    Notification(Value),
    /// The end.
    Outcome(Outcome),
}

/// The stream of [`exchange`].
#[derive(Debug)]
pub struct Exchange {
    notifications: mpsc::Receiver<Value>,
    call: Option<JoinHandle<Outcome>>,
    cancel: Cancel,
}

/// Starts a call. Dropping the stream cancels it: its token fires, and it ends by itself.
pub fn exchange(service: McpService, mut request: McpRequest) -> Exchange {
    let (tx, notifications) = mpsc::channel(OUTBOX);
    request.context.outbox = Outbox(Some(tx));
    let cancel = request.context.cancel.clone();
    let call = tokio::spawn(async move {
        match service.oneshot(request).await {
            Ok(outcome) => outcome,
            Err(never) => match never {},
        }
    });
    Exchange { notifications, call: Some(call), cancel }
}

// === impl Outbox ===

impl Outbox {
    /// Sends a notification, or drops it when nobody reads.
    pub fn notify(&self, method: &str, params: Value) {
        if let Some(tx) = &self.0 {
            let _ = tx.try_send(json!({ "jsonrpc": "2.0", "method": method, "params": params }));
        }
    }
}

// === impl Exchange ===

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.call.is_some() {
            self.cancel.fire(Why::Gone);
        }
    }
}

impl Stream for Exchange {
    type Item = Outgoing;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Outgoing>> {
        let me = &mut *self;
        if let Poll::Ready(Some(n)) = me.notifications.poll_recv(cx) {
            return Poll::Ready(Some(Outgoing::Notification(n)));
        }
        let Some(call) = &mut me.call else { return Poll::Ready(None) };
        let outcome = match Pin::new(call).poll(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(o)) => o,
            // Panics are caught inside the stack; one in a layer above the net ends here.
            Poll::Ready(Err(e)) => Outcome::Fault(Fault::Internal { id: format!("task: {e}") }),
        };
        // What it said before it ended comes first.
        if let Ok(n) = me.notifications.try_recv() {
            me.call = Some(tokio::spawn(std::future::ready(outcome)));
            cx.waker().wake_by_ref();
            return Poll::Ready(Some(Outgoing::Notification(n)));
        }
        me.call = None;
        Poll::Ready(Some(Outgoing::Outcome(outcome)))
    }
}
