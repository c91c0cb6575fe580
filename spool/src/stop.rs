//! Reading that is no longer wanted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ends what reads, between two chunks, with [`Error::Stopped`](crate::Error::Stopped). Clones are
/// the same; whoever waits for rows keeps one, and the query has another.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

// === impl Stop ===

impl Stop {
    /// Nothing is stopped yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// What reads with this ends.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
