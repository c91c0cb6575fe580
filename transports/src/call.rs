//! One call of the center: made where it is awaited, and in a task of its own as soon as nobody
//! waits for it there.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use crate::McpService;
use crate::cancel::{Cancel, Why};
use crate::outcome::{Fault, Outcome};
use crate::request::McpRequest;
use crate::running::Mark;

/// Makes a call.
pub(crate) async fn call(service: McpService, request: McpRequest) -> Outcome {
    match service.oneshot(request).await {
        Ok(outcome) => outcome,
        Err(never) => match never {},
    }
}

/// Makes an outcome of a panic, too. Those of a call are caught inside the stack; this is for the
/// layers above the net.
pub(crate) async fn caught(call: impl Future<Output = Outcome>) -> Outcome {
    AssertUnwindSafe(call).catch_unwind().await.unwrap_or_else(|panic| {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = format!("t{:x}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let text = panic.downcast_ref::<&str>().copied();
        let error = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        tracing::error!(incident = %id, error, "a layer panicked; this is a bug");
        Outcome::Fault(Fault::Internal { id })
    })
}

/// A call that somebody waits for. Most are over soon, and are spared a task, its wake-ups, and
/// another core. Its drop cancels the call, which then ends by itself in a task of its own: what it
/// did is recorded, and what it has of the database goes back clean.
pub(crate) struct Awaited {
    work: Work,
    cancel: Cancel,
    /// Its id is free when nobody waits any more.
    _mark: Option<Mark>,
}

enum Work {
    Here(Pin<Box<dyn Future<Output = Outcome> + Send>>),
    Apart(JoinHandle<Outcome>),
    Done,
}

// === impl Awaited ===

impl Awaited {
    pub(crate) fn new(
        cancel: Cancel,
        mark: Option<Mark>,
        call: impl Future<Output = Outcome> + Send + 'static,
    ) -> Self {
        Self { work: Work::Here(Box::pin(caught(call))), cancel, _mark: mark }
    }

    /// From now on in a task of its own, so that whoever reads slowly cannot hold up its deadline
    /// or the database connection that it has.
    pub(crate) fn apart(&mut self) {
        self.work = match std::mem::replace(&mut self.work, Work::Done) {
            Work::Here(call) => Work::Apart(tokio::spawn(call)),
            other => other,
        };
    }
}

impl Future for Awaited {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let outcome = match &mut self.work {
            Work::Here(call) => ready!(call.as_mut().poll(cx)),
            // The runtime ends: there is nobody to tell anything.
            Work::Apart(task) => ready!(task.poll_unpin(cx)).unwrap_or(Outcome::Cancelled),
            Work::Done => return Poll::Pending,
        };
        self.work = Work::Done;
        Poll::Ready(outcome)
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let work = std::mem::replace(&mut self.work, Work::Done);
        if matches!(work, Work::Done) {
            return;
        }
        self.cancel.fire(Why::Gone);
        if let (Work::Here(call), Ok(runtime)) = (work, Handle::try_current()) {
            runtime.spawn(call);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;

    use tokio::sync::oneshot;
    use tower::service_fn;
    use tower::util::BoxCloneSyncService;

    use super::*;
    use crate::jsonrpc::Id;
    use crate::running::Running;

    /// Ends with the cancellation, and says then that it did.
    fn waits() -> (Cancel, Awaited, oneshot::Receiver<()>) {
        let (cancel, (said, ended)) = (Cancel::default(), oneshot::channel());
        let token = cancel.token().clone();
        let call = async move {
            token.cancelled().await;
            let _ = said.send(());
            Outcome::Cancelled
        };
        (cancel.clone(), Awaited::new(cancel, None, call), ended)
    }

    #[tokio::test]
    async fn a_call_that_nobody_waits_for_is_cancelled_and_goes_on_to_its_end() {
        for (polled, apart) in [(false, false), (true, false), (true, true), (false, true)] {
            let (cancel, mut call, ended) = waits();
            if polled {
                assert!((&mut call).now_or_never().is_none());
            }
            if apart {
                call.apart();
            }
            drop(call);
            assert_eq!(cancel.why(), Some(Why::Gone));
            ended.await.expect("its end");
        }
    }

    #[tokio::test]
    async fn an_answer_is_no_reason_to_cancel() {
        for apart in [false, true] {
            let cancel = Cancel::default();
            let mut call = Awaited::new(cancel.clone(), None, async {
                tokio::task::yield_now().await;
                Outcome::Cancelled
            });
            if apart {
                call.apart();
            }
            assert!(matches!((&mut call).await, Outcome::Cancelled));
            drop(call);
            assert_eq!(cancel.why(), None);
        }
    }

    #[tokio::test]
    async fn an_id_is_free_when_nobody_waits() {
        let (running, cancel) = (Running::new(), Cancel::default());
        let mark = running.start(&Id::Number(1), &cancel);
        let call = Awaited::new(cancel, mark, std::future::pending());
        assert!(!running.is_empty());
        drop(call);
        assert!(running.is_empty());
    }

    #[tokio::test]
    async fn a_panic_above_the_net_is_an_outcome_with_its_incident() {
        let service = BoxCloneSyncService::new(service_fn(|r: McpRequest| async move {
            match &*r.method {
                "ping" => panic!("in a layer"),
                _ => Ok::<_, Infallible>(Outcome::Cancelled),
            }
        }));
        let request = McpRequest {
            id: None,
            method: Arc::from("ping"),
            target: None,
            params: None,
            context: crate::bare_context(
                "test",
                crate::ProtocolVersion::V2026_07_28,
                http::Extensions::new(),
                Cancel::default(),
            ),
        };
        match caught(call(service, request)).await {
            Outcome::Fault(Fault::Internal { id }) => assert!(id.starts_with('t'), "{id}"),
            other => panic!("{other:?}"),
        }
    }
}
