//! Quotas by key: the generic cell rate algorithm (GCRA, ITU-T I.371), which keeps one instant per
//! key and no counters to reset; and the layer that asks whoever counts before a request goes on.

use std::future::Future;
use std::hash::Hash;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

/// Asks `decide` before a request goes on. What it gives is held until the call has ended, whatever
/// its end; or it refuses with an answer of its own.
#[derive(Debug, Clone)]
pub struct RateLimitLayer<Decide>(Decide);

/// Asks `decide` about each request, and holds what it gives until the end of the call.
#[derive(Debug, Clone)]
pub struct RateLimit<S, Decide> {
    decide: Decide,
    inner: S,
}

pin_project! {
    /// The future of [`RateLimit`].
    #[derive(Debug)]
    pub struct ResponseFuture<F, Held, Res> {
        #[pin]
        state: State<F, Held, Res>,
    }
}

pin_project! {
    #[project = Projected]
    #[derive(Debug)]
    enum State<F, Held, Res> {
        Admitted { #[pin] inner: F, held: Held },
        Refused { response: Option<Res> },
    }
}

// === impl RateLimitLayer ===

impl<Decide> RateLimitLayer<Decide> {
    /// `decide: Fn(&Req) -> Result<Held, Box<Res>>`.
    pub fn new(decide: Decide) -> Self {
        Self(decide)
    }
}

impl<S, Decide: Clone> Layer<S> for RateLimitLayer<Decide> {
    type Service = RateLimit<S, Decide>;

    fn layer(&self, inner: S) -> Self::Service {
        RateLimit { decide: self.0.clone(), inner }
    }
}

impl<S, Decide, Req, Held> Service<Req> for RateLimit<S, Decide>
where
    S: Service<Req>,
    Decide: Fn(&Req) -> Result<Held, Box<S::Response>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, Held, S::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        let state = match (self.decide)(&request) {
            Ok(held) => State::Admitted { inner: self.inner.call(request), held },
            Err(refused) => State::Refused { response: Some(*refused) },
        };
        ResponseFuture { state }
    }
}

impl<F, Held, Res, E> Future for ResponseFuture<F, Held, Res>
where
    F: Future<Output = Result<Res, E>>,
{
    type Output = Result<Res, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            Projected::Admitted { inner, .. } => inner.poll(cx),
            Projected::Refused { response } => match response.take() {
                Some(refused) => Poll::Ready(Ok(refused)),
                None => Poll::Pending,
            },
        }
    }
}

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
pub struct Limiter<Key: Eq + Hash> {
    quota: Shared,
    most: usize,
    /// When all that a key spent will have come back (the theoretical arrival time). What lies in
    /// the past is forgotten.
    spent: DashMap<Key, Instant>,
    /// Shared by the keys that there is no room for: whoever changes its key with every
    /// call meets itself here.
    rest: Mutex<Rest>,
}

/// A quota that can be changed while it is asked. A reader may see one number of the old and one of
/// the new, for once.
#[derive(Debug)]
struct Shared {
    burst: AtomicU32,
    every: AtomicU64,
}

#[derive(Debug, Default)]
struct Rest {
    spent: Option<Instant>,
    /// When what had come back was last forgotten: a walk over all keys, so not with every call.
    swept: Option<Instant>,
}

/// The least time between two walks over all keys.
const SWEEP: Duration = Duration::from_secs(1);

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

// === impl Shared ===

impl Shared {
    fn new(quota: Quota) -> Self {
        let every = AtomicU64::new(quota.every.as_nanos() as u64);
        Self { burst: AtomicU32::new(quota.burst), every }
    }

    fn get(&self) -> Quota {
        let every = Duration::from_nanos(self.every.load(Ordering::Relaxed));
        Quota { burst: self.burst.load(Ordering::Relaxed), every }
    }
}

// === impl Limiter ===

impl<Key: Eq + Hash> Limiter<Key> {
    /// With room for so many keys at once.
    pub fn new(quota: Quota, most: usize) -> Self {
        Self { quota: Shared::new(quota), most, spent: DashMap::new(), rest: Mutex::default() }
    }

    /// Another quota from now on; so many units as were spent stay spent.
    pub fn set(&self, quota: Quota) {
        let (now, old) = (Instant::now(), self.quota.get());
        self.quota.burst.store(quota.burst, Ordering::Relaxed);
        self.quota.every.store(quota.every.as_nanos() as u64, Ordering::Relaxed);
        // What is kept is a time, which at another rate is another number of units.
        let rate = quota.every.as_secs_f64() / old.every.as_secs_f64().max(f64::MIN_POSITIVE);
        let other = |until: Instant| now + until.saturating_duration_since(now).mul_f64(rate);
        self.spent.iter_mut().for_each(|mut until| *until = other(*until));
        let mut rest = self.rest.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        rest.spent = rest.spent.map(other);
    }

    /// How many keys have something of their quota spent, or had at the last sweep.
    pub fn len(&self) -> usize {
        self.spent.len()
    }

    /// Whether no key is remembered.
    pub fn is_empty(&self) -> bool {
        self.spent.is_empty()
    }

    /// Spends `cost`, or says how long to wait. A cost above the burst can never be spent whole and
    /// counts as the burst.
    pub fn check(&self, key: Key, cost: u32) -> Result<(), Duration> {
        let quota = self.quota.get();
        let (now, cost) = (Instant::now(), cost.min(quota.burst));
        if self.spent.len() >= self.most && !self.spent.contains_key(&key) {
            let mut rest = self.rest.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if rest.swept.is_none_or(|at| now >= at + SWEEP) {
                rest.swept = Some(now);
                self.spent.retain(|_, until| *until > now);
            }
            if self.spent.len() >= self.most {
                return quota.spend(rest.spent, cost, now).map(|u| rest.spent = Some(u));
            }
        }
        match self.spent.entry(key) {
            Entry::Occupied(mut e) => quota.spend(Some(*e.get()), cost, now).map(|u| {
                e.insert(u);
            }),
            Entry::Vacant(e) => quota.spend(None, cost, now).map(|u| {
                e.insert(u);
            }),
        }
    }
}

impl<Key: Eq + Hash> Limiter<Key> {
    /// Forgets the keys whose whole quota has come back, and the memory that they took.
    pub fn sweep(&self) {
        let now = Instant::now();
        self.spent.retain(|_, until| *until > now);
        self.spent.shrink_to_fit();
    }

    /// Gives back what was spent on something that is not to be counted after all.
    pub fn give_back(&self, key: &Key, cost: u32) {
        let every = self.quota.get().every;
        let before = |until: Instant| until.checked_sub(every * cost).unwrap_or(until);
        if let Some(mut until) = self.spent.get_mut(key) {
            *until = before(*until);
            return;
        }
        // Where it was counted in the remainder, it goes back there.
        let mut rest = self.rest.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        rest.spent = rest.spent.map(before);
    }

    /// Spends without asking, for what is known only afterwards; the debt is at most a
    /// burst beyond the quota.
    pub fn charge(&self, key: Key, cost: u32) {
        let (now, quota) = (Instant::now(), self.quota.get());
        let most = now + quota.every * quota.burst * 2;
        let after = |until: Option<Instant>| {
            (until.map_or(now, |u| u.max(now))
                + quota.every * cost.min(quota.burst.saturating_mul(2)))
            .min(most)
        };
        if self.spent.len() >= self.most && !self.spent.contains_key(&key) {
            let mut rest = self.rest.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            rest.spent = Some(after(rest.spent));
            return;
        }
        match self.spent.entry(key) {
            Entry::Occupied(mut e) => {
                let until = after(Some(*e.get()));
                e.insert(until);
            }
            Entry::Vacant(e) => {
                e.insert(after(None));
            }
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
        assert_eq!(
            (0..100).filter(|_| l.check("ada", 1).is_ok()).count(),
            60,
            "an idle hour saves up no more"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_given_back_can_be_spent_again() {
        let l = Limiter::new(Quota::per(3, Duration::from_secs(3)), 1);
        assert_eq!(l.check("ada", 3), Ok(()));
        l.give_back(&"ada", 2);
        assert_eq!((l.check("ada", 2), l.check("ada", 1)), (Ok(()), Err(Duration::from_secs(1))));
        // Those without room of their own.
        assert_eq!((l.check("bob", 3), l.check("eve", 1).is_err()), (Ok(()), true));
        l.give_back(&"bob", 1);
        assert_eq!(l.check("eve", 1), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_largest_quota_can_be_charged() {
        let l = Limiter::new(Quota::per(u32::MAX, Duration::from_secs(3600)), 10);
        l.charge("ada", u32::MAX);
        l.charge("ada", u32::MAX);
        assert!(l.check("ada", u32::MAX).is_err());
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

    #[tokio::test(start_paused = true)]
    async fn another_quota_forgets_nothing() {
        let l = Limiter::new(Quota::per(10, Duration::from_secs(10)), 10);
        assert_eq!(l.check("ada", 10), Ok(()));
        l.set(Quota::per(20, Duration::from_secs(20)));
        assert_eq!((0..20).filter(|_| l.check("ada", 1).is_ok()).count(), 10, "ten were spent");
        l.set(Quota::per(10, Duration::from_secs(10)));
        assert_eq!(l.check("ada", 1), Err(Duration::from_secs(11)));
        // At another rate the units count, not the time.
        let l = Limiter::new(Quota::per(3, Duration::from_secs(60)), 10);
        assert_eq!(l.check("ada", 3), Ok(()));
        l.set(Quota::per(5, Duration::from_secs(60)));
        assert_eq!((0..5).filter(|_| l.check("ada", 1).is_ok()).count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_debt_is_paid_before_more_is_given() {
        let l = Limiter::new(Quota::per(60, Duration::from_secs(60)), 10);
        l.charge("ada", 90);
        assert_eq!(l.check("ada", 0), Err(Duration::from_secs(30)));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(l.check("ada", 0), Ok(()));
        l.charge("bob", 1_000_000);
        assert_eq!(l.check("bob", 0), Err(Duration::from_secs(60)), "a whole period at most");
    }

    #[tokio::test]
    async fn what_was_held_is_let_go_when_the_call_ends_or_is_dropped() {
        use std::sync::Arc;
        use tower::ServiceExt;
        let held = Arc::new(());
        let given = held.clone();
        let layer =
            RateLimitLayer::new(
                move |r: &&str| if *r == "eve" { Err(Box::new("no")) } else { Ok(given.clone()) },
            );
        let service = || layer.layer(tower::service_fn(|_: &str| async { Ok::<_, ()>("yes") }));
        let before = Arc::strong_count(&held);
        assert_eq!(service().oneshot("eve").await, Ok("no"));
        assert_eq!(service().oneshot("ada").await, Ok("yes"));
        let never =
            layer.layer(tower::service_fn(|_: &str| std::future::pending::<Result<&str, ()>>()));
        drop(never.oneshot("ada"));
        drop((service, layer.clone()));
        assert!(Arc::strong_count(&held) <= before);
    }
}
