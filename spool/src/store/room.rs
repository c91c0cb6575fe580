//! Who has how much, and what goes when there is need of room.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Bounds;
use crate::kept::Kept;

/// What is kept, and what it takes together with what is being written.
#[derive(Debug, Default)]
pub(super) struct Room {
    pub(super) kept: HashMap<String, Entry>,
    owners: HashMap<String, Usage>,
    pub(super) total: Usage,
    next: u64,
}

/// One result.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) kept: Arc<Kept>,
    pub(super) until: Instant,
    /// The higher, the newer.
    pub(super) order: u64,
    counted: u64,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    pub(super) bytes: u64,
    pub(super) files: usize,
}

/// Whose bound is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    Owner,
    Store,
}

// === impl Usage ===

impl Usage {
    fn and(self, more: Self) -> Self {
        Self { bytes: self.bytes.saturating_add(more.bytes), files: self.files + more.files }
    }

    fn without(self, less: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(less.bytes),
            files: self.files.saturating_sub(less.files),
        }
    }

    fn is_none(self) -> bool {
        self.bytes == 0 && self.files == 0
    }
}

// === impl Entry ===

impl Entry {
    /// Whether its time is over.
    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    /// Deleting it would give room at once: who reads it holds its file open.
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.kept) == 1
    }

    pub(super) fn delete(&self) {
        // It may be gone already; and what cannot be deleted now is at the next start.
        let _ = std::fs::remove_file(self.kept.path());
    }
}

// === impl Room ===

impl Room {
    /// Counts what an owner needs more, once others have gone who had to.
    pub(super) fn make(
        &mut self,
        bounds: &Bounds,
        owner: &str,
        more: Usage,
        gone: &mut Vec<Entry>,
    ) -> Result<(), Denied> {
        let fits = |now: Usage, bytes, files| {
            let then = now.and(more);
            // What needs no further file is not held up by their number.
            then.bytes <= bytes && (more.files == 0 || then.files <= files)
        };
        let own = |room: &Self| room.owners.get(owner).copied().unwrap_or_default();
        if !fits(own(self), bounds.owner_bytes, bounds.owner_files)
            || !fits(self.total, bounds.bytes, bounds.files)
        {
            gone.extend(self.remove(Entry::is_over));
        }
        while !fits(own(self), bounds.owner_bytes, bounds.owner_files) {
            let oldest = self.take_oldest(|e| e.kept.owner() == owner);
            gone.push(oldest.ok_or(Denied::Owner)?);
        }
        while !fits(self.total, bounds.bytes, bounds.files) {
            let oldest = self.take_oldest(|_| true);
            gone.push(oldest.ok_or(Denied::Store)?);
        }
        let owned = self.owners.entry(owner.to_owned()).or_default();
        *owned = owned.and(more);
        self.total = self.total.and(more);
        Ok(())
    }

    fn take_oldest(&mut self, which: impl Fn(&Entry) -> bool) -> Option<Entry> {
        let idle = self.kept.values().filter(|e| e.is_idle() && which(e));
        let handle = idle.min_by_key(|e| e.order)?.kept.handle().to_owned();
        self.take(&handle)
    }

    fn take(&mut self, handle: &str) -> Option<Entry> {
        let entry = self.kept.remove(handle)?;
        self.give_back(entry.kept.owner(), Usage { bytes: entry.counted, files: 1 });
        Some(entry)
    }

    pub(super) fn remove(&mut self, which: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let gone = self.kept.values().filter(|e| which(e));
        let gone: Vec<String> = gone.map(|e| e.kept.handle().to_owned()).collect();
        gone.iter().filter_map(|handle| self.take(handle)).collect()
    }

    pub(super) fn give_back(&mut self, owner: &str, less: Usage) {
        self.total = self.total.without(less);
        if let Some(owned) = self.owners.get_mut(owner) {
            *owned = owned.without(less);
            if owned.is_none() {
                self.owners.remove(owner);
            }
        }
    }

    pub(super) fn insert(&mut self, kept: Arc<Kept>, counted: u64, left: Duration) {
        self.next += 1;
        let now = Instant::now();
        // A time that no clock reaches is a long one.
        let until = now.checked_add(left).unwrap_or(now + Duration::from_secs(1 << 32));
        let entry = Entry { until, order: self.next, counted, kept };
        self.kept.insert(entry.kept.handle().to_owned(), entry);
    }
}
