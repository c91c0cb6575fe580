//! One session of a client that begins with `initialize` (2024-11-05 … 2025-11-25): what the
//! handshake settled, what runs in it, and what its client was asked and wants to be told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::changes::{Change, same};
use crate::jsonrpc::Id;
use crate::kept::KeptStreams;
use crate::notify::NO_LEVEL;
use crate::request::ClientFacts;
use crate::running::Running;
use crate::version::ProtocolVersion;

/// Resources that one session watches at most.
const WATCHED: usize = 1000;

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    /// As a ticket is; empty where a connection is the session.
    pub(crate) id: String,
    /// Whose it is; empty where a connection is the session.
    pub(crate) owner: String,
    pub(crate) version: ProtocolVersion,
    pub(crate) client: Arc<ClientFacts>,
    pub(crate) running: Running,
    /// Fires when the session ends, and cancels what runs in it.
    pub(crate) closed: CancellationToken,
    questions: DashMap<i64, oneshot::Sender<Result<Value, Value>>>,
    next_question: AtomicI64,
    /// The rank of the lowest level of `notifications/message` that its client wants.
    pub(crate) level: Arc<AtomicU8>,
    /// Its event streams that outlive their connections.
    pub(crate) kept: KeptStreams,
    /// What is the same of all spellings of a URI → its client's.
    watched: Mutex<HashMap<String, String>>,
    listening: AtomicBool,
    /// When it was last used, and when it was last made sure that nobody ended it elsewhere;
    /// milliseconds since its listener began.
    pub(crate) used: AtomicU64,
    pub(crate) checked: AtomicU64,
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
            level: Arc::new(AtomicU8::new(NO_LEVEL)),
            kept: KeptStreams::default(),
            watched: Mutex::default(),
            listening: AtomicBool::new(false),
            used: AtomicU64::new(0),
            checked: AtomicU64::new(0),
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

    /// Whether something runs in it, or its client listens.
    pub(crate) fn is_busy(&self) -> bool {
        !self.running.is_empty() || self.listening.load(Ordering::Acquire)
    }

    fn watched(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is room for one more resource to watch.
    pub(crate) fn may_watch(&self, uri: &str) -> bool {
        let watched = self.watched();
        watched.len() < WATCHED || watched.contains_key(&same(uri))
    }

    /// Its client wants to be told of this resource's changes, or no more.
    pub(crate) fn watch(&self, uri: &str, wanted: bool) {
        if wanted {
            self.watched().insert(same(uri), uri.to_owned());
        } else {
            self.watched().remove(&same(uri));
        }
    }

    /// What its client is told of a change: a resource by the URI that it knows it by.
    pub(crate) fn told(&self, change: Change) -> Option<Change> {
        match &change {
            Change::Resource(uri) => {
                let watched = self.watched();
                Some(Change::Resource(watched.get(&same(uri))?.as_str().into()))
            }
            Change::Task(..) => None,
            _ => Some(change),
        }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn session(id: &str, owner: &str) -> Session {
        let client = ClientFacts::default();
        Session::new(id.into(), owner.into(), ProtocolVersion::V2025_06_18, client)
    }

    #[test]
    fn a_session_watches_so_many_resources_and_no_more() {
        let session = session("1", "ada");
        let uri = |n: usize| format!("a:{n}");
        (0..WATCHED).for_each(|n| session.watch(&uri(n), true));
        assert!(session.may_watch(&uri(1)) && !session.may_watch(&uri(WATCHED)));
        session.watch(&uri(0), false);
        assert!(session.may_watch(&uri(WATCHED)));
        let told = |n| session.told(Change::Resource(uri(n).into())).is_some();
        assert!(told(1) && !told(0) && session.told(Change::Tools).is_some());
        session.watch("A:%42", true);
        let known = session.told(Change::Resource("a:b".into()));
        assert_eq!(known, Some(Change::Resource("A:%42".into())), "as its client knows it");
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
}
