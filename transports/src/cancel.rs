//! What stops a call, with the reason for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio_util::sync::CancellationToken;

/// Why a call was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The server stops, or the session made room: the client still listens.
    Closing,
    /// The client sent `notifications/cancelled`.
    Asked,
    /// The client went away.
    Gone,
    /// The client ended its session.
    Ended,
}

/// Fires once; the first reason stays. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    token: CancellationToken,
    why: Arc<AtomicU8>,
}

impl Cancel {
    /// Fires by itself when its parent (a session, the process) ends, as [`Why::Closing`].
    pub fn under(parent: &CancellationToken) -> Self {
        Self { token: parent.child_token(), why: Arc::default() }
    }

    /// Stops the call, unless it was stopped already.
    pub fn fire(&self, why: Why) {
        if self.token.is_cancelled() {
            return;
        }
        let code = match why {
            Why::Closing => 1,
            Why::Asked => 2,
            Why::Gone => 3,
            Why::Ended => 4,
        };
        // The reason first: whoever is woken asks for it.
        let _ = self.why.compare_exchange(0, code, Ordering::AcqRel, Ordering::Acquire);
        self.token.cancel();
    }

    /// For those who only need to know when.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// The reason; none before it has fired.
    pub fn why(&self) -> Option<Why> {
        self.token.is_cancelled().then(|| match self.why.load(Ordering::Acquire) {
            2 => Why::Asked,
            3 => Why::Gone,
            4 => Why::Ended,
            // Also where its parent fired it.
            _ => Why::Closing,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stays() {
        for first in [Why::Closing, Why::Asked, Why::Gone] {
            let cancel = Cancel::default();
            assert_eq!((cancel.why(), cancel.token().is_cancelled()), (None, false));
            cancel.fire(first);
            cancel.fire(Why::Gone);
            cancel.fire(Why::Asked);
            assert_eq!((cancel.clone().why(), cancel.token().is_cancelled()), (Some(first), true));
        }
    }

    #[test]
    fn the_end_of_the_parent_is_a_reason() {
        let parent = CancellationToken::new();
        let (cancel, other) = (Cancel::under(&parent), Cancel::under(&parent));
        other.fire(Why::Gone);
        assert_eq!((cancel.why(), parent.is_cancelled()), (None, false));
        parent.cancel();
        cancel.fire(Why::Gone);
        assert_eq!((cancel.why(), other.why()), (Some(Why::Closing), Some(Why::Gone)));
    }
}
