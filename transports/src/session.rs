//! Sessions of clients that begin with `initialize` (2024-11-05 … 2025-11-25).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::jsonrpc::Id;
use crate::{Cancel, ClientFacts, ProtocolVersion, Why};

/// One session: what the handshake settled, and what runs in it.
#[derive(Debug)]
pub struct Session {
    /// The id, 128 random bits and more; empty over stdio.
    pub id: String,
    /// Whose it is.
    pub owner: String,
    /// Negotiated.
    pub version: ProtocolVersion,
    /// What the client said of itself.
    pub client: Arc<ClientFacts>,
    /// Ends with the session.
    pub closed: CancellationToken,
    /// Set by `logging/setLevel`.
    log_level: std::sync::Mutex<Option<String>>,
    running: DashMap<Id, Cancel>,
    asked: DashMap<i64, oneshot::Sender<Result<Value, Value>>>,
    next_question: AtomicI64,
    listening: AtomicBool,
    used: AtomicU64,
}

/// All sessions of a listener.
#[derive(Debug)]
pub struct Sessions {
    map: DashMap<String, Arc<Session>>,
    started: Instant,
    idle: Duration,
    max: usize,
}

/// Marks a request as running; its drop takes the mark away.
#[derive(Debug)]
pub struct Running(Arc<Session>, Id);

// === impl Session ===

impl Session {
    /// A new session.
    pub fn new(id: String, owner: String, version: ProtocolVersion, client: ClientFacts) -> Self {
        Self {
            id,
            owner,
            version,
            client: Arc::new(client),
            closed: CancellationToken::new(),
            log_level: std::sync::Mutex::new(None),
            running: DashMap::with_shard_amount(2),
            asked: DashMap::with_shard_amount(2),
            next_question: AtomicI64::new(1),
            listening: AtomicBool::new(false),
            used: AtomicU64::new(0),
        }
    }

    /// Notes a running request, so that `notifications/cancelled` finds it; none when its
    /// id is in use.
    pub fn start(self: &Arc<Self>, id: &Id, cancel: &Cancel) -> Option<Running> {
        match self.running.entry(id.clone()) {
            dashmap::Entry::Occupied(_) => None,
            dashmap::Entry::Vacant(v) => {
                v.insert(cancel.clone());
                Some(Running(self.clone(), id.clone()))
            }
        }
    }

    /// `notifications/cancelled`.
    pub fn cancel(&self, id: &Id) {
        if let Some(t) = self.running.get(id).map(|t| t.clone()) {
            t.fire(Why::Asked);
        }
    }

    /// Asks the client: the id for the request, and where its answer arrives.
    pub fn ask(&self) -> (i64, oneshot::Receiver<Result<Value, Value>>) {
        let id = self.next_question.fetch_add(1, Ordering::Relaxed);
        let (tx, rx) = oneshot::channel();
        self.asked.insert(id, tx);
        (id, rx)
    }

    /// Takes a question back.
    pub fn withdraw(&self, id: i64) {
        self.asked.remove(&id);
    }

    /// The client answered. False when nobody asked.
    pub fn answer(&self, id: &Id, result: Result<Value, Value>) -> bool {
        let Id::Number(n) = id else { return false };
        self.asked.remove(n).is_some_and(|(_, tx)| tx.send(result).is_ok())
    }

    /// `logging/setLevel`.
    pub fn set_log_level(&self, level: &str) {
        *self.log_level.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
            Some(level.to_owned());
    }

    /// As set.
    pub fn log_level(&self) -> Option<String> {
        self.log_level.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Takes the one place for a GET stream; false when it is taken.
    pub fn listen(&self) -> bool {
        !self.listening.swap(true, Ordering::AcqRel)
    }

    /// Gives it back.
    pub fn unlisten(&self) {
        self.listening.store(false, Ordering::Release);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.remove(&self.1);
    }
}

// === impl Sessions ===

impl Sessions {
    /// At most `max`, each of no use after `idle` without a request, and forgotten
    /// by the next [`Self::sweep`].
    pub fn new(max: usize, idle: Duration) -> Self {
        Self { map: DashMap::new(), started: Instant::now(), idle, max }
    }

    fn now(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Puts a session in. Where there is no room idle ones go first, and then one of the owner who
    /// has most; refused when that is this one.
    pub fn insert(&self, session: Session) -> Option<Arc<Session>> {
        if self.map.len() >= self.max {
            self.sweep();
            if self.map.len() >= self.max && !self.make_room(&session.owner) {
                return None;
            }
        }
        let s = Arc::new(session);
        s.used.store(self.now(), Ordering::Relaxed);
        self.map.insert(s.id.clone(), s.clone());
        Some(s)
    }

    /// Ends the session that was not used for longest and in which nothing runs, of the owner who
    /// has most of them, and more than this one would have.
    fn make_room(&self, owner: &str) -> bool {
        let mut owners: HashMap<String, (usize, Option<(u64, String)>)> = HashMap::new();
        for s in &self.map {
            let (n, oldest) = owners.entry(s.owner.clone()).or_default();
            *n += 1;
            let used = s.used.load(Ordering::Relaxed);
            if s.running.is_empty() && oldest.as_ref().is_none_or(|(o, _)| used < *o) {
                *oldest = Some((used, s.id.clone()));
            }
        }
        let mine = owners.get(owner).map_or(0, |o| o.0);
        let most = owners.into_values().filter(|(n, _)| *n > mine + 1).max_by_key(|(n, _)| *n);
        let Some((_, Some((_, id)))) = most else { return false };
        self.remove(&id);
        true
    }

    /// The session of this id, if it belongs to `owner`; to anybody else it does not exist.
    pub fn get(&self, id: &str, owner: &str) -> Option<Arc<Session>> {
        let s = self.map.get(id).map(|s| s.clone()).filter(|s| s.owner == owner)?;
        let now = self.now();
        if now.saturating_sub(s.used.swap(now, Ordering::Relaxed)) > self.idle.as_millis() as u64
            && s.running.is_empty()
        {
            self.remove(id);
            return None;
        }
        Some(s)
    }

    /// Ends a session and what runs in it.
    pub fn remove(&self, id: &str) {
        if let Some((_, s)) = self.map.remove(id) {
            s.closed.cancel();
        }
    }

    /// Ends all sessions and what runs in them.
    pub fn close_all(&self) {
        self.map.retain(|_, s| {
            s.closed.cancel();
            false
        });
    }

    /// Forgets those that nobody used for too long.
    pub fn sweep(&self) {
        let (now, idle) = (self.now(), self.idle.as_millis() as u64);
        self.map.retain(|_, s| {
            let keep =
                now.saturating_sub(s.used.load(Ordering::Relaxed)) <= idle || !s.running.is_empty();
            if !keep {
                s.closed.cancel();
            }
            keep
        });
    }
}

/// A session id: 256 bits from the system's generator, in hexadecimal.
pub fn new_id() -> Result<String, aws_lc_rs::error::Unspecified> {
    let mut b = [0u8; 32];
    aws_lc_rs::rand::fill(&mut b)?;
    Ok(b.iter().map(|b| format!("{b:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(all: &Sessions, id: &str, owner: &str) -> Option<Arc<Session>> {
        all.insert(Session::new(
            id.into(),
            owner.into(),
            ProtocolVersion::V2025_06_18,
            ClientFacts::default(),
        ))
    }

    #[test]
    fn whoever_has_most_gives_an_idle_one_to_whoever_has_fewer() {
        let all = Sessions::new(4, Duration::from_secs(60));
        let busy = put(&all, "busy", "ada").expect("room");
        let _running = busy.start(&Id::Number(1), &Cancel::default()).expect("started");
        for id in ["a1", "a2", "a3"] {
            std::thread::yield_now();
            assert!(put(&all, id, "ada").is_some());
        }
        assert!(put(&all, "a4", "ada").is_none(), "she has most herself");
        assert!(put(&all, "b1", "bob").is_some());
        assert!(all.get("busy", "ada").is_some(), "something runs in it");
        assert_eq!(all.len(), 4);
        assert!(
            put(&all, "b2", "bob").is_some() && all.get("b1", "bob").is_some(),
            "hers went, and not his"
        );
        assert!(put(&all, "b3", "bob").is_none(), "now they have the same");
        assert!(all.get("busy", "ada").is_some() && all.len() == 4);
    }
}
