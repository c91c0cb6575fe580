//! Quotas by key: the generic cell rate algorithm (GCRA, ITU-T I.371), which keeps one instant per key and no counters to reset.

use std::hash::Hash;
use std::sync::Mutex;
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::time::Instant;

/// So many at once, and one more each `every`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quota {
    /// What an idle key may spend at once.
    pub burst: u32,
    /// How long one unit takes to come back.
    pub every: Duration,
}

/// Quotas of many keys, in bounded memory.
#[derive(Debug)]
pub struct Limiter<K: Eq + Hash> {
    quota: Quota,
    most: usize,
    /// When all that a key spent will have come back (the theoretical arrival time). What lies in the past is forgotten.
    spent: DashMap<K, Instant>,
    /// Shared by the keys that there is no room for: whoever changes its key with every call meets itself here.
    rest: Mutex<Option<Instant>>,
}

// === impl Quota ===

impl Quota {
    /// `n` within `period`, all of them at once if need be.
    pub fn per(n: u32, period: Duration) -> Self {
        Self { burst: n, every: period / n.max(1) }
    }
    /// The new arrival time if `cost` may be spent now; otherwise how long to wait.
    fn spend(self, until: Option<Instant>, cost: u32, now: Instant) -> Result<Instant, Duration> {
        let from = until.map_or(now, |u| u.max(now));
        let after = from + self.every * cost;
        let room = now + self.every * self.burst;
        if after <= room { Ok(after) } else { Err(after - room) }
    }
}

// === impl Limiter ===

impl<K: Eq + Hash> Limiter<K> {
    /// With room for so many keys at once.
    pub fn new(quota: Quota, most: usize) -> Self {
        Self { quota, most, spent: DashMap::new(), rest: Mutex::new(None) }
    }
    /// Keys that are remembered.
    pub fn len(&self) -> usize {
        self.spent.len()
    }
    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.spent.is_empty()
    }
    /// Spends `cost`, or says how long to wait. A cost above the burst can never be spent whole and counts as the burst.
    pub fn check(&self, key: K, cost: u32) -> Result<(), Duration> {
        let (now, cost) = (Instant::now(), cost.min(self.quota.burst));
        if self.spent.len() >= self.most && !self.spent.contains_key(&key) {
            self.spent.retain(|_, until| *until > now);
            if self.spent.len() >= self.most {
                let mut rest = self.rest.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                return self.quota.spend(*rest, cost, now).map(|u| *rest = Some(u));
            }
        }
        match self.spent.entry(key) {
            Entry::Occupied(mut e) => self.quota.spend(Some(*e.get()), cost, now).map(|u| {
                e.insert(u);
            }),
            Entry::Vacant(e) => self.quota.spend(None, cost, now).map(|u| {
                e.insert(u);
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_then_one_at_a_time() {
        let l = Limiter::new(Quota::per(60, Duration::from_secs(60)), 10);
        for _ in 0..60 {
            assert_eq!(l.check("ada", 1), Ok(()));
        }
        assert_eq!(l.check("ada", 1), Err(Duration::from_secs(1)));
        assert_eq!(l.check("bob", 1), Ok(()), "another key has its own");
        tokio::time::advance(Duration::from_millis(999)).await;
        assert_eq!(l.check("ada", 1), Err(Duration::from_millis(1)));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(l.check("ada", 1), Ok(()));
        assert_eq!(l.check("ada", 10), Err(Duration::from_secs(10)), "refused calls cost nothing");
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(l.check("ada", 10), Ok(()));
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!((0..100).filter(|_| l.check("ada", 1).is_ok()).count(), 60, "an idle hour saves up no more");
    }

    #[tokio::test(start_paused = true)]
    async fn who_changes_their_key_with_every_call_meets_themselves() {
        let l = Limiter::new(Quota::per(5, Duration::from_secs(5)), 100);
        let passed = (0..10_000).filter(|n| l.check(*n, 1).is_ok()).count();
        assert_eq!((passed, l.len()), (105, 100));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(l.check(20_000, 1), Ok(()), "what came back makes room");
        assert_eq!(l.len(), 1);
    }
}
