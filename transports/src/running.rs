//! The requests that run, by their ids: `notifications/cancelled` finds them here, and no two of
//! one client have the same id.

use std::sync::Arc;

use dashmap::{DashMap, Entry};

use crate::cancel::{Cancel, Why};
use crate::jsonrpc::Id;

/// The requests of one client that run. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Running(Arc<DashMap<Id, Cancel>>);

/// One that runs, until this is dropped.
#[derive(Debug)]
pub(crate) struct Mark {
    running: Running,
    id: Id,
}

// === impl Running ===

impl Running {
    pub(crate) fn new() -> Self {
        // There is one for each session, so it is kept small.
        Self(Arc::new(DashMap::with_shard_amount(2)))
    }

    /// Notes a request; none when its id is in use.
    pub(crate) fn start(&self, id: &Id, cancel: &Cancel) -> Option<Mark> {
        match self.0.entry(id.clone()) {
            Entry::Occupied(_) => None,
            Entry::Vacant(place) => {
                place.insert(cancel.clone());
                Some(Mark { running: self.clone(), id: id.clone() })
            }
        }
    }

    /// Cancels the request of this id, if it runs, because its client asked for it.
    pub(crate) fn cancel(&self, id: &Id) {
        // Cloned out first: whoever is woken may drop the mark, which takes the same lock.
        let found = self.0.get(id).map(|c| c.clone());
        if let Some(cancel) = found {
            cancel.fire(Why::Asked);
        }
    }

    pub(crate) fn cancel_all(&self, why: Why) {
        let all: Vec<Cancel> = self.0.iter().map(|c| c.clone()).collect();
        all.iter().for_each(|c| c.fire(why));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

// === impl Mark ===

impl Drop for Mark {
    fn drop(&mut self) {
        self.running.0.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_runs_under_its_id_until_the_mark_is_dropped() {
        let (running, id) = (Running::new(), Id::String("x".into()));
        assert!(running.is_empty());
        let cancel = Cancel::default();
        let mark = running.start(&id, &cancel).expect("free");
        assert!(!running.is_empty());
        assert!(running.start(&id, &Cancel::default()).is_none());
        assert!(running.start(&Id::Number(1), &Cancel::default()).is_some());
        running.cancel(&Id::Number(2));
        assert_eq!(cancel.why(), None, "another was meant");
        running.cancel(&id);
        assert_eq!(cancel.why(), Some(Why::Asked));
        drop(mark);
        assert!(running.is_empty());
        assert!(running.start(&id, &cancel).is_some());
    }

    #[test]
    fn all_are_cancelled_for_one_reason_and_keep_an_earlier_one() {
        let (running, [first, second]) = (Running::new(), [Cancel::default(), Cancel::default()]);
        let _first = running.start(&Id::Number(1), &first);
        let _second = running.start(&Id::Number(2), &second);
        running.cancel(&Id::Number(1));
        running.cancel_all(Why::Gone);
        assert_eq!((first.why(), second.why()), (Some(Why::Asked), Some(Why::Gone)));
    }
}
