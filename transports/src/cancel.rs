//! What stops a call, with the reason for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio_util::sync::CancellationToken;

/// Why a call was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The server stops, or the session was ended.
    Closing,
    /// `notifications/cancelled`.
    Asked,
    /// The client went away.
    Gone,
}

/// Fires once; the first reason stays. Clones and children share it.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    token: CancellationToken,
    why: Arc<AtomicU8>,
}

impl Cancel {
    /// Fires by itself when its parent (a session, the process) ends.
    pub fn under(parent: &CancellationToken) -> Self {
        Self { token: parent.child_token(), why: Arc::default() }
    }

    /// Fires with this one, but not the other way round.
    pub fn child(&self) -> Self {
        Self { token: self.token.child_token(), why: self.why.clone() }
    }

    /// Stops the call.
    pub fn fire(&self, why: Why) {
        let code = match why {
            Why::Closing => 0,
            Why::Asked => 1,
            Why::Gone => 2,
        };
        let _ = self.why.compare_exchange(0, code, Ordering::AcqRel, Ordering::Acquire);
        self.token.cancel();
    }

    /// For those who only need to know when.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// The reason, once it has fired.
    pub fn why(&self) -> Option<Why> {
        self.token.is_cancelled().then(|| match self.why.load(Ordering::Acquire) {
            1 => Why::Asked,
            2 => Why::Gone,
            _ => Why::Closing,
        })
    }
}
