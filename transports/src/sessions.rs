//! The sessions of a listener, by their ids. An id says what its session is ([`Tickets`]), so one
//! that made room, was idle for long, or belongs to a process that is no more is taken up again by
//! its next request; only one that its client ended stays ended.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use dashmap::{DashMap, Entry};
use tokio::time::Instant;

use crate::cancel::Why;
use crate::request::ClientFacts;
use crate::room::{Place, gives_way};
use crate::session::Session;
use crate::ticket::{Ticket, Tickets};
use crate::version::ProtocolVersion;

/// What binds a session to its owner: the key of the principal in a request's extensions.
pub type OwnerOf = Arc<dyn Fn(&http::Extensions) -> String + Send + Sync>;

/// What was ended elsewhere is found out this much later at most.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// What an [`Ended`] answers.
pub type EndedFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Which sessions their clients ended: those of every replica, also after a restart.
pub trait Ended: Send + Sync + std::fmt::Debug {
    /// Notes one, until the second (since 1970) in which its id expires.
    fn note<'a>(&'a self, id: &'a str, until: u64) -> EndedFuture<'a, ()>;
    /// Whether it was noted. One that cannot be looked up counts as not ended.
    fn has<'a>(&'a self, id: &'a str) -> EndedFuture<'a, bool>;
}

/// How many sessions there may be, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// In all.
    pub most: usize,
    /// Of one owner.
    pub of_owner: usize,
    /// Without a request, a call or a stream.
    pub idle: Duration,
}

/// Why there is no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoSession {
    /// It has ended, or never was.
    Unknown,
    /// It is good, but others take all the room.
    NoRoom,
}

/// All sessions of a listener.
#[derive(Debug)]
pub struct Sessions {
    by_id: DashMap<String, Arc<Session>>,
    started: Instant,
    bounds: Bounds,
    tickets: Tickets,
    ended: Option<Arc<dyn Ended>>,
    /// Subscriptions of stateless clients, by their owners.
    subscriptions: Arc<DashMap<String, usize>>,
}

/// The place of a subscription, until this is dropped.
#[derive(Debug)]
pub(crate) struct Subscribed {
    all: Arc<DashMap<String, usize>>,
    owner: String,
}

impl Drop for Subscribed {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = self.all.entry(std::mem::take(&mut self.owner)) {
            *count.get_mut() -= 1;
            // Nobody's entry stays behind.
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

// === impl Sessions ===

impl Sessions {
    /// With these bounds; `ended` is asked where more than this process knows which were ended.
    pub fn new(bounds: Bounds, tickets: Tickets, ended: Option<Arc<dyn Ended>>) -> Self {
        let (by_id, started) = (DashMap::new(), Instant::now());
        Self { by_id, started, bounds, tickets, ended, subscriptions: Arc::default() }
    }

    fn now(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    /// Whether nothing happened in a session for too long.
    fn is_idle(&self, session: &Session, now: u64) -> bool {
        let used = session.used.load(Ordering::Relaxed);
        now.saturating_sub(used) > self.bounds.idle.as_millis() as u64 && !session.is_busy()
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// A place for one more subscription; none where its owner has as many as they may have.
    pub(crate) fn subscribe(&self, owner: String) -> Option<Subscribed> {
        let mut count = self.subscriptions.entry(owner.clone()).or_default();
        if *count >= self.bounds.of_owner.min(self.bounds.most) {
            return None;
        }
        *count += 1;
        drop(count);
        Some(Subscribed { all: self.subscriptions.clone(), owner })
    }

    /// Opens a session; none where there is no room.
    pub(crate) fn open(
        &self,
        owner: String,
        version: ProtocolVersion,
        client: ClientFacts,
    ) -> Option<Arc<Session>> {
        let ticket = Ticket { version, client };
        let id = self.tickets.issue(&ticket, &owner)?;
        self.insert(Session::new(id, owner, ticket.version, ticket.client))
    }

    /// Where there is no room, one that is idle goes: of its owner where that one has as many as
    /// one may have, else of whoever has most.
    fn insert(&self, session: Session) -> Option<Arc<Session>> {
        if let Some(there) = self.by_id.get(&session.id) {
            return Some(there.clone());
        }
        if self.by_id.len() >= self.bounds.most {
            self.sweep();
        }
        let full = self.by_id.len() >= self.bounds.most;
        let has_most = self.by_id.len() >= self.bounds.of_owner
            && self.by_id.iter().filter(|s| s.owner == session.owner).count()
                >= self.bounds.of_owner;
        if (full || has_most) && !self.make_room(&session.owner, has_most) {
            return None;
        }
        session.used.store(self.now(), Ordering::Relaxed);
        session.checked.store(self.now(), Ordering::Relaxed);
        // Two requests may take one up at once: whoever comes first makes it.
        let place = self.by_id.entry(session.id.clone());
        Some(place.or_insert_with(|| Arc::new(session)).clone())
    }

    /// Whether anything runs in any of them.
    pub fn any_runs(&self) -> bool {
        self.by_id.iter().any(|session| !session.running.is_empty())
    }

    fn make_room(&self, newcomer: &str, own: bool) -> bool {
        let places = self.by_id.iter().filter(|s| !own || s.owner == newcomer);
        let places = places.map(|session| Place {
            owner: session.owner.clone(),
            id: session.id.clone(),
            idle_since: (!session.is_busy()).then(|| session.used.load(Ordering::Relaxed)),
        });
        let gone = gives_way(newcomer, true, places).and_then(|id| self.by_id.remove(&id));
        gone.is_some_and(|(_, session)| {
            session.closed.cancel();
            true
        })
    }

    /// The session of this id, if it belongs to `owner`; to anybody else it does not exist.
    pub(crate) async fn get(&self, id: &str, owner: &str) -> Result<Arc<Session>, NoSession> {
        let known = self.by_id.get(id).map(|s| s.clone());
        let session = match known {
            Some(session) if session.owner == owner => session,
            Some(_) => return Err(NoSession::Unknown),
            None => return self.take_up(id, owner).await,
        };
        let now = self.now();
        let checked = session.checked.load(Ordering::Relaxed);
        if let Some(ended) = &self.ended
            && now.saturating_sub(checked) > LOOK_AGAIN.as_millis() as u64
        {
            if ended.has(id).await {
                self.forget(id);
                return Err(NoSession::Unknown);
            }
            session.checked.store(now, Ordering::Relaxed);
        }
        session.used.store(now, Ordering::Relaxed);
        Ok(session)
    }

    /// A session that is not here, by what its id says of it.
    async fn take_up(&self, id: &str, owner: &str) -> Result<Arc<Session>, NoSession> {
        let ticket = self.tickets.read(id, owner).ok_or(NoSession::Unknown)?;
        let Ticket { version, client } = ticket;
        let ended = match &self.ended {
            Some(ended) => ended.has(id).await,
            None => false,
        };
        if ended {
            return Err(NoSession::Unknown);
        }
        tracing::debug!("a session is taken up again");
        let session = Session::new(id.to_owned(), owner.to_owned(), version, client);
        let session = self.insert(session).ok_or(NoSession::NoRoom)?;
        // Behind the insertion: it may have been ended meanwhile, and stays so.
        if self.tickets.is_ended(id) {
            self.forget(id);
            return Err(NoSession::Unknown);
        }
        Ok(session)
    }

    /// Its client ends a session, for good, and with it quietly what runs in it.
    pub(crate) async fn end(&self, session: &Session) {
        let until = self.tickets.end(&session.id);
        if let Some(ended) = &self.ended {
            ended.note(&session.id, until).await;
        }
        session.running.cancel_all(Why::Ended);
        self.forget(&session.id);
    }

    fn forget(&self, id: &str) {
        if let Some((_, session)) = self.by_id.remove(id) {
            session.closed.cancel();
        }
    }

    /// Lets go of all sessions, and cancels what runs in them.
    pub fn close_all(&self) {
        self.let_go(|_| true);
    }

    /// Lets go of those in which nothing happened for too long.
    pub fn sweep(&self) {
        let now = self.now();
        self.let_go(|s| self.is_idle(s, now));
        // A map keeps the room that it once needed.
        if self.by_id.capacity() > 4 * self.by_id.len() + 1024 {
            self.by_id.shrink_to_fit();
        }
    }

    fn let_go(&self, goes: impl Fn(&Session) -> bool) {
        self.by_id.retain(|_, session| {
            let goes = goes(session);
            if goes {
                session.closed.cancel();
            }
            !goes
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::Cancel;
    use crate::jsonrpc::Id;

    const HOUR: Duration = Duration::from_secs(3600);

    fn sessions(most: usize, of_owner: usize) -> Sessions {
        let tickets = Tickets::new(b"a key", 100 * HOUR);
        Sessions::new(Bounds { most, of_owner, idle: HOUR }, tickets, None)
    }

    fn open(all: &Sessions, owner: &str) -> Option<Arc<Session>> {
        all.open(owner.to_owned(), ProtocolVersion::V2025_06_18, ClientFacts::default())
    }

    /// One millisecond, so that uses have an order.
    async fn later() {
        tokio::time::advance(Duration::from_millis(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_idle_one_that_was_used_least_recently_makes_room() {
        let all = sessions(4, 4);
        let busy = open(&all, "ada").expect("room");
        let _running = busy.running.start(&Id::Number(1), &Cancel::default()).expect("started");
        let mut hers = Vec::new();
        for _ in 0..3 {
            later().await;
            hers.push(open(&all, "ada").expect("room"));
        }
        later().await;
        assert!(all.get(&hers[0].id, "ada").await.is_ok(), "which is a use of it");
        let listening = hers[1].listen().expect("free");
        later().await;
        assert!(open(&all, "bob").is_some());
        assert!(hers[2].closed.is_cancelled(), "the others were used, run or listen");
        assert!(open(&all, "ada").is_some(), "her own gives way, too");
        assert!(hers[0].closed.is_cancelled() && all.len() == 4);
        drop(listening);
        assert!(!busy.closed.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_has_more_than_one_may_have_and_who_works_in_all_is_refused() {
        let all = sessions(100, 2);
        let first = open(&all, "ada").expect("room");
        later().await;
        let second = open(&all, "ada").expect("room");
        let other = open(&all, "bob").expect("room");
        let third = open(&all, "ada").expect("room");
        assert!(first.closed.is_cancelled() && !other.closed.is_cancelled());
        let _streams = (second.listen(), third.listen());
        assert!(open(&all, "ada").is_none(), "both are in use");
        assert!(open(&all, "bob").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_made_room_or_was_idle_is_taken_up_again_by_its_id() {
        let all = sessions(8, 8);
        let idle = open(&all, "ada").expect("room");
        tokio::time::advance(HOUR + Duration::from_millis(1)).await;
        all.sweep();
        assert!(idle.closed.is_cancelled() && all.is_empty());
        assert!(all.get(&idle.id, "bob").await.is_err() && all.is_empty(), "it is not his");
        let again = all.get(&idle.id, "ada").await.expect("taken up");
        assert_eq!((again.version, again.id == idle.id), (idle.version, true));
        assert!(all.get("nonsense", "ada").await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_listens_keeps_its_session() {
        let all = sessions(8, 8);
        let session = open(&all, "ada").expect("room");
        let listening = session.listen();
        tokio::time::advance(3 * HOUR).await;
        all.sweep();
        assert!(!session.closed.is_cancelled());
        drop(listening);
        all.sweep();
        assert!(session.closed.is_cancelled());
    }

    #[tokio::test(start_paused = true)]
    async fn what_its_client_ended_stays_ended_and_ends_quietly() {
        let all = sessions(8, 8);
        let session = open(&all, "ada").expect("room");
        let cancel = Cancel::under(&session.closed);
        let _running = session.running.start(&Id::Number(1), &cancel).expect("started");
        all.end(&session).await;
        assert_eq!(cancel.why(), Some(Why::Ended));
        assert!(all.get(&session.id, "ada").await.is_err() && all.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_taken_up_twice_at_once_is_one() {
        let (before, after) = (sessions(8, 8), sessions(8, 8));
        let id = open(&before, "ada").expect("room").id.clone();
        let (one, two) = tokio::join!(after.get(&id, "ada"), after.get(&id, "ada"));
        assert!(Arc::ptr_eq(&one.expect("taken up"), &two.expect("taken up")));
        let full = sessions(1, 1);
        let _listening = open(&full, "bob").expect("room").listen();
        assert_eq!(full.get(&id, "ada").await.expect_err("full"), NoSession::NoRoom);
    }

    #[test]
    fn subscriptions_are_bounded_for_each() {
        let all = sessions(8, 2);
        let held: Vec<_> = (0..2).map(|_| all.subscribe("ada".into()).expect("room")).collect();
        assert!(all.subscribe("ada".into()).is_none() && all.subscribe("bob".into()).is_some());
        drop(held);
        assert!(all.subscribe("ada".into()).is_some() && all.subscriptions.is_empty());
    }

    /// What a store knows, for two listeners.
    #[derive(Debug, Default)]
    struct Store(DashMap<String, u64>);

    impl Ended for Store {
        fn note<'a>(&'a self, id: &'a str, until: u64) -> EndedFuture<'a, ()> {
            self.0.insert(id.to_owned(), until);
            Box::pin(std::future::ready(()))
        }

        fn has<'a>(&'a self, id: &'a str) -> EndedFuture<'a, bool> {
            Box::pin(std::future::ready(self.0.contains_key(id)))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn another_process_takes_a_session_up_and_learns_that_it_was_ended() {
        let (store, bounds) =
            (Arc::new(Store::default()), Bounds { most: 8, of_owner: 8, idle: HOUR });
        let process = |key: &[u8]| {
            Sessions::new(bounds, Tickets::new(key, 100 * HOUR), Some(store.clone() as Arc<_>))
        };
        let [one, two, stranger] = [b"a", b"a", b"b"].map(|key| process(key));
        let session = open(&one, "ada").expect("room");
        assert!(stranger.get(&session.id, "ada").await.is_err(), "another key");
        assert!(two.get(&session.id, "ada").await.is_ok());
        one.end(&session).await;
        assert!(process(b"a").get(&session.id, "ada").await.is_err(), "after a restart");
        tokio::time::advance(LOOK_AGAIN + Duration::from_millis(1)).await;
        assert!(two.get(&session.id, "ada").await.is_err());
    }

    #[tokio::test]
    async fn a_stop_is_told_to_what_runs() {
        let all = sessions(8, 8);
        let (one, two) = (open(&all, "ada"), open(&all, "bob"));
        all.close_all();
        for session in [one, two].into_iter().flatten() {
            assert!(session.closed.is_cancelled());
        }
        assert!(all.is_empty());
    }
}
