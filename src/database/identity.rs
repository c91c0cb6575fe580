//! Where a call ran, as its session says: not what was configured.

use std::sync::{Arc, Mutex, PoisonError};

/// What a session says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The database that its login put it into (ENVCHANGE type 1, MS-TDS 2.2.7.9).
    pub(crate) database: String,
    /// `@@SERVERNAME` and `ORIGINAL_LOGIN()`, where callers may know them.
    pub(crate) who: Option<(String, String)>,
}

/// Where a call ran last. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Seen(Arc<Mutex<Option<Arc<Identity>>>>);

// === impl Seen ===

impl Seen {
    pub(super) fn set(&self, identity: Arc<Identity>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(identity);
    }

    /// None where no session was asked.
    pub(crate) fn get(&self) -> Option<Arc<Identity>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
