//! Sessions of clients that begin with `initialize` (2024-11-05 … 2025-11-25).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::jsonrpc::Id;
use crate::request::ClientFacts;
use crate::room::{Place, gives_way};
use crate::running::Running;
use crate::version::ProtocolVersion;

/// What binds a session to its owner: the key of the principal in a request's extensions.
pub type OwnerOf = Arc<dyn Fn(&http::Extensions) -> String + Send + Sync>;

/// One session: what the handshake settled, what runs in it, and what its client was asked.
#[derive(Debug)]
pub(crate) struct Session {
    /// As [`new_id`] makes them; empty where a connection is the session.
    pub(crate) id: String,
    /// As [`OwnerOf`] tells it; empty where a connection is the session.
    pub(crate) owner: String,
    pub(crate) version: ProtocolVersion,
    pub(crate) client: Arc<ClientFacts>,
    pub(crate) running: Running,
    /// Fires when the session ends, and cancels what runs in it.
    pub(crate) closed: CancellationToken,
    questions: DashMap<i64, oneshot::Sender<Result<Value, Value>>>,
    next_question: AtomicI64,
    listening: AtomicBool,
    /// Milliseconds since its [`Sessions`] began.
    used: AtomicU64,
}

/// A question to the client. Its drop takes it back.
#[derive(Debug)]
pub(crate) struct Question {
    session: Arc<Session>,
    /// The id of the request that asks.
    pub(crate) id: i64,
    /// The client's result, or its error object.
    pub(crate) answer: oneshot::Receiver<Result<Value, Value>>,
}

/// The one place for a stream that a GET opens, until this is dropped.
#[derive(Debug)]
pub(crate) struct Listening(Arc<Session>);

/// All sessions of a listener.
#[derive(Debug)]
pub struct Sessions {
    by_id: DashMap<String, Arc<Session>>,
    started: Instant,
    idle: Duration,
    most: usize,
}

// === impl Session ===

impl Session {
    pub(crate) fn new(
        id: String,
        owner: String,
        version: ProtocolVersion,
        client: ClientFacts,
    ) -> Self {
        Self {
            id,
            owner,
            version,
            client: Arc::new(client),
            running: Running::new(),
            closed: CancellationToken::new(),
            questions: DashMap::with_shard_amount(2),
            next_question: AtomicI64::new(1),
            listening: AtomicBool::new(false),
            used: AtomicU64::new(0),
        }
    }

    /// That of a connection, which ends with `closed` and keeps by itself what runs.
    pub(crate) fn of_connection(
        version: ProtocolVersion,
        client: ClientFacts,
        closed: CancellationToken,
    ) -> Self {
        Self { closed, ..Self::new(String::new(), String::new(), version, client) }
    }

    /// Makes room for an answer of the client.
    pub(crate) fn ask(self: &Arc<Self>) -> Question {
        let id = self.next_question.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        self.questions.insert(id, sender);
        Question { session: self.clone(), id, answer }
    }

    /// The client answered. False when nobody waits for that.
    pub(crate) fn answer(&self, id: &Id, result: Result<Value, Value>) -> bool {
        let Id::Number(id) = id else { return false };
        self.questions.remove(id).is_some_and(|(_, sender)| sender.send(result).is_ok())
    }

    /// Takes the place for a GET stream; none when it is taken.
    pub(crate) fn listen(self: &Arc<Self>) -> Option<Listening> {
        let taken = self.listening.swap(true, Ordering::AcqRel);
        (!taken).then(|| Listening(self.clone()))
    }
}

// === impl Question ===

impl Drop for Question {
    fn drop(&mut self) {
        self.session.questions.remove(&self.id);
    }
}

// === impl Listening ===

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.listening.store(false, Ordering::Release);
    }
}

// === impl Sessions ===

impl Sessions {
    /// At most `most`, each of no use after `idle` without a request, and forgotten by the next
    /// [`Self::sweep`].
    pub fn new(most: usize, idle: Duration) -> Self {
        Self { by_id: DashMap::new(), started: Instant::now(), idle, most }
    }

    fn now(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    /// Whether nothing runs in a session and nobody used it for too long.
    fn is_idle(&self, session: &Session, used: u64, now: u64) -> bool {
        now.saturating_sub(used) > self.idle.as_millis() as u64 && session.running.is_empty()
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Puts a session in. Where there is no room idle ones go first, and then one of the owner who
    /// has most; none when that is this one.
    pub(crate) fn insert(&self, session: Session) -> Option<Arc<Session>> {
        if self.by_id.len() >= self.most {
            self.sweep();
            if self.by_id.len() >= self.most && !self.make_room(&session.owner) {
                return None;
            }
        }
        session.used.store(self.now(), Ordering::Relaxed);
        let session = Arc::new(session);
        self.by_id.insert(session.id.clone(), session.clone());
        Some(session)
    }

    fn make_room(&self, newcomer: &str) -> bool {
        let places = self.by_id.iter().map(|session| Place {
            owner: session.owner.clone(),
            id: session.id.clone(),
            idle_since: session.running.is_empty().then(|| session.used.load(Ordering::Relaxed)),
        });
        let ended = gives_way(newcomer, places);
        ended.is_some_and(|id| {
            self.remove(&id);
            true
        })
    }

    /// The session of this id, if it belongs to `owner`; to anybody else it does not exist.
    pub(crate) fn get(&self, id: &str, owner: &str) -> Option<Arc<Session>> {
        let session = self.by_id.get(id).map(|s| s.clone()).filter(|s| s.owner == owner)?;
        let now = self.now();
        let used = session.used.swap(now, Ordering::Relaxed);
        if self.is_idle(&session, used, now) {
            self.remove(id);
            return None;
        }
        Some(session)
    }

    /// Ends a session and what runs in it.
    pub(crate) fn remove(&self, id: &str) {
        if let Some((_, session)) = self.by_id.remove(id) {
            session.closed.cancel();
        }
    }

    /// Ends all sessions and what runs in them.
    pub fn close_all(&self) {
        self.end_where(|_| true);
    }

    /// Forgets those that nobody used for too long.
    pub fn sweep(&self) {
        let now = self.now();
        self.end_where(|s| self.is_idle(s, s.used.load(Ordering::Relaxed), now));
    }

    fn end_where(&self, ends: impl Fn(&Session) -> bool) {
        self.by_id.retain(|_, session| {
            let ends = ends(session);
            if ends {
                session.closed.cancel();
            }
            !ends
        });
    }
}

/// A session id: 256 bits from the system's generator, in hexadecimal.
pub(crate) fn new_id() -> Result<String, aws_lc_rs::error::Unspecified> {
    let mut bytes = [0u8; 32];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cancel::Cancel;

    const HOUR: Duration = Duration::from_secs(3600);

    fn session(id: &str, owner: &str) -> Session {
        let client = ClientFacts::default();
        Session::new(id.into(), owner.into(), ProtocolVersion::V2025_06_18, client)
    }

    fn put(all: &Sessions, id: &str, owner: &str) -> Option<Arc<Session>> {
        all.insert(session(id, owner))
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_most_gives_an_idle_one_to_whoever_has_fewer() {
        let all = Sessions::new(4, HOUR);
        let busy = put(&all, "busy", "ada").expect("room");
        let _running = busy.running.start(&Id::Number(1), &Cancel::default()).expect("started");
        for id in ["a1", "a2", "a3"] {
            tokio::time::advance(Duration::from_millis(1)).await;
            assert!(put(&all, id, "ada").is_some());
        }
        assert!(put(&all, "a4", "ada").is_none(), "she has most herself");
        tokio::time::advance(Duration::from_millis(1)).await;
        let oldest = all.get("a1", "ada").expect("known");
        let next = all.get("a2", "ada").expect("known");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(all.get("a1", "ada").is_some() && all.get("a3", "ada").is_some());
        assert!(put(&all, "b1", "bob").is_some());
        assert!(next.closed.is_cancelled() && !oldest.closed.is_cancelled(), "by their last use");
        assert!(all.get("busy", "ada").is_some(), "something runs in it");
        assert_eq!(all.len(), 4);
        assert!(put(&all, "b2", "bob").is_some() && all.get("b1", "bob").is_some());
        assert!(put(&all, "b3", "bob").is_none(), "now they have the same");
        assert!(all.get("busy", "ada").is_some() && all.len() == 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_is_of_no_use_after_a_while_without_a_request() {
        let all = Sessions::new(8, HOUR);
        let idle = put(&all, "idle", "ada").expect("room");
        let busy = put(&all, "busy", "ada").expect("room");
        let running = busy.running.start(&Id::Number(1), &Cancel::default()).expect("started");
        tokio::time::advance(HOUR).await;
        all.sweep();
        assert_eq!(all.len(), 2, "not yet");
        assert!(all.get("idle", "ada").is_some(), "which is a use of it");
        tokio::time::advance(HOUR + Duration::from_millis(1)).await;
        assert!(all.get("idle", "bob").is_none() && all.len() == 2, "it is not his");
        assert!(all.get("idle", "ada").is_none(), "nobody has to sweep first");
        assert!(idle.closed.is_cancelled());
        all.sweep();
        assert!(all.get("busy", "ada").is_some() && !busy.closed.is_cancelled());
        drop(running);
        tokio::time::advance(HOUR + Duration::from_millis(1)).await;
        all.sweep();
        assert!(busy.closed.is_cancelled() && all.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn idle_ones_make_room_before_anybody_has_to_give_way() {
        let all = Sessions::new(2, HOUR);
        let first = put(&all, "a1", "ada").expect("room");
        tokio::time::advance(HOUR).await;
        let second = put(&all, "a2", "ada").expect("room");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(put(&all, "b1", "bob").is_some());
        assert!(first.closed.is_cancelled() && !second.closed.is_cancelled());
        assert_eq!((all.len(), all.is_empty()), (2, false));
    }

    #[tokio::test]
    async fn the_end_of_a_session_is_told_to_what_runs_in_it() {
        let all = Sessions::new(8, HOUR);
        let (one, two) = (put(&all, "1", "ada"), put(&all, "2", "bob"));
        let closed = |s: &Option<Arc<Session>>| s.as_ref().is_some_and(|s| s.closed.is_cancelled());
        all.remove("3");
        all.remove("1");
        assert_eq!((closed(&one), closed(&two), all.len()), (true, false, 1));
        all.close_all();
        assert_eq!((closed(&two), all.len()), (true, 0));
    }

    #[tokio::test]
    async fn questions_are_answered_once_and_taken_back_by_their_drop() {
        let session = Arc::new(session("1", "ada"));
        let (first, mut second) = (session.ask(), session.ask());
        assert_eq!((first.id, second.id), (1, 2));
        let two = Id::Number(2);
        assert!(!session.answer(&Id::String("2".into()), Ok(json!(0))), "we ask with numbers");
        assert!(!session.answer(&Id::Number(3), Ok(json!(0))));
        assert!(session.answer(&two, Err(json!("no"))));
        assert!(!session.answer(&two, Ok(json!(0))));
        assert_eq!(second.answer.try_recv(), Ok(Err(json!("no"))));
        drop(first);
        assert!(session.questions.is_empty(), "nothing is kept of it");
        assert!(!session.answer(&Id::Number(1), Ok(json!(0))));
    }

    #[test]
    fn one_stream_listens_at_a_time() {
        let session = Arc::new(session("1", "ada"));
        let first = session.listen().expect("free");
        assert!(session.listen().is_none());
        assert!(session.listen().is_none(), "asking changes nothing");
        drop(first);
        assert!(session.listen().is_some());
    }

    #[test]
    fn ids_are_long_visible_and_never_the_same() {
        let (one, two) = (new_id().expect("random"), new_id().expect("random"));
        assert_ne!(one, two);
        for id in [one, two] {
            assert!(id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
        }
    }
}
