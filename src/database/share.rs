//! Who gets a connection next. In front of the pool, which knows no callers: whoever has fewer
//! running goes first, so that one principal's heavy reads keep nobody waiting for longer than one
//! of them takes; and the last connections are kept for those who have none. The person at this
//! machine, who is the only one, has all.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Principals who are remembered although they have nothing here, until somebody new comes.
const MOST: usize = 1000;

/// The connections of one pool.
#[derive(Debug)]
pub(crate) struct Shares {
    state: Mutex<State>,
    /// Calls that may wait.
    max_waiting: usize,
    /// Connections that nobody gets as their second one.
    reserve: usize,
}

#[derive(Debug)]
struct State {
    free: usize,
    given: u64,
    callers: HashMap<Arc<str>, Caller>,
    /// Who waits, each in a line of its own: whose turn it is is asked of the first ones alone,
    /// however many stand behind them.
    lines: HashMap<Arc<str>, VecDeque<Waiting>>,
    /// All in them, with those who have left and were not reached yet.
    waiting: usize,
    came: u64,
}

#[derive(Debug)]
struct Caller {
    running: usize,
    /// When the last one was given: a count.
    last: u64,
}

#[derive(Debug)]
struct Waiting {
    /// When: a count.
    came: u64,
    /// Dropped where somebody with less has to have the place.
    turn: oneshot::Sender<Share>,
}

/// Leave to use a connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    shares: Arc<Shares>,
    caller: Arc<str>,
    taken: bool,
}

#[derive(Debug, PartialEq)]
pub(crate) struct LineFull;

/// The server itself (probes, and what it asks of the catalog by itself), and the person at this
/// machine where nobody signs in: nothing is kept from them.
pub fn ourselves() -> Arc<str> {
    static NOBODY: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from(""));
    NOBODY.clone()
}

impl Shares {
    /// Of a pool of so many connections.
    pub(crate) fn new(connections: usize, max_waiting: usize) -> Arc<Self> {
        let reserve = (connections / 5).max(1).min(connections - 1);
        let state = State {
            free: connections,
            given: 0,
            callers: HashMap::new(),
            lines: HashMap::new(),
            waiting: 0,
            came: 0,
        };
        Arc::new(Self { state: Mutex::new(state), max_waiting, reserve })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn waiting(&self) -> usize {
        self.state().lines.values().flatten().filter(|w| !w.turn.is_closed()).count()
    }

    /// Leave to use a connection, when it is this caller's turn. Where too many wait, one of those
    /// goes who have most; which may be this caller.
    pub(crate) async fn take(self: &Arc<Self>, caller: &Arc<str>) -> Result<Share, LineFull> {
        let turn = {
            let mut s = self.state();
            if s.waiting == 0 && s.may(caller, self.reserve) {
                return Ok(self.given(&mut s, caller.clone()));
            }
            if s.waiting >= self.max_waiting {
                s.forget_the_gone();
                if s.waiting >= self.max_waiting && !s.make_room(caller) {
                    return Err(LineFull);
                }
            }
            let (turn, mine) = oneshot::channel();
            s.came += 1;
            let waiting = Waiting { came: s.came, turn };
            s.waiting += 1;
            s.lines.entry(caller.clone()).or_default().push_back(waiting);
            self.go_on(&mut s);
            mine
        };
        turn.await.map_err(|_| LineFull)
    }

    fn given(self: &Arc<Self>, s: &mut State, caller: Arc<str>) -> Share {
        s.free -= 1;
        s.given += 1;
        let last = s.given;
        let c = s.caller(&caller);
        (c.running, c.last) = (c.running + 1, last);
        Share { shares: self.clone(), caller, taken: true }
    }

    /// Gives what is free to those whose turn it is.
    fn go_on(self: &Arc<Self>, s: &mut State) {
        while let Some(caller) = s.next(self.reserve) {
            let Some(w) = s.take_out(&caller, VecDeque::pop_front) else { return };
            if w.turn.is_closed() {
                continue;
            }
            let share = self.given(s, caller);
            if let Err(share) = w.turn.send(share) {
                // They left just now. Dropping it would ask for the state, which is held here.
                let mut share = share;
                share.taken = false;
                s.gave_back(&share.caller);
            }
        }
    }
}

impl State {
    fn caller(&mut self, caller: &Arc<str>) -> &mut Caller {
        if self.callers.len() > MOST && !self.callers.contains_key(caller) {
            let lines = &self.lines;
            self.callers.retain(|who, c| c.running > 0 || lines.contains_key(who));
        }
        self.callers.entry(caller.clone()).or_insert(Caller { running: 0, last: 0 })
    }

    /// Of those with as few, the one who was given nothing for longest.
    fn next(&self, reserve: usize) -> Option<Arc<str>> {
        let order = |(who, line): &(&Arc<str>, &VecDeque<Waiting>)| {
            let (running, last) = self.callers.get(*who).map_or((0, 0), |c| (c.running, c.last));
            (running, last, line.front().map(|w| w.came))
        };
        let may = self.lines.iter().filter(|(who, _)| self.may(who, reserve));
        may.min_by_key(order).map(|(who, _)| who.clone())
    }

    /// One of a caller's line, which is forgotten once nobody is in it.
    fn take_out(
        &mut self,
        caller: &Arc<str>,
        take: impl FnOnce(&mut VecDeque<Waiting>) -> Option<Waiting>,
    ) -> Option<Waiting> {
        let line = self.lines.get_mut(caller)?;
        let taken = take(line);
        self.waiting -= usize::from(taken.is_some());
        if line.is_empty() {
            self.lines.remove(caller);
        }
        taken
    }

    /// Those who left have no place in a line.
    fn forget_the_gone(&mut self) {
        self.lines.retain(|_, line| {
            line.retain(|w| !w.turn.is_closed());
            !line.is_empty()
        });
        self.waiting = self.lines.values().map(VecDeque::len).sum();
    }

    /// Whether one more is theirs.
    fn may(&self, caller: &Arc<str>, reserve: usize) -> bool {
        let running = || self.callers.get(caller).map_or(0, |c| c.running);
        self.free > reserve || self.free > 0 && (caller.is_empty() || running() == 0)
    }

    /// Ends the wait of the last who came among those of the caller who waits most, unless
    /// that is this one.
    fn make_room(&mut self, caller: &Arc<str>) -> bool {
        let mine = self.lines.get(caller).map_or(0, VecDeque::len);
        let most = self.lines.iter().max_by_key(|(_, line)| line.len());
        let most = most.filter(|(_, line)| line.len() > mine + 1).map(|(who, _)| who.clone());
        most.and_then(|who| self.take_out(&who, VecDeque::pop_back)).is_some()
    }

    fn gave_back(&mut self, caller: &Arc<str>) {
        self.free += 1;
        self.caller(caller).running -= 1;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if !self.taken {
            return;
        }
        let mut s = self.shares.state();
        s.gave_back(&self.caller);
        self.shares.go_on(&mut s);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::*;

    fn who(name: &str) -> Arc<str> {
        Arc::from(name)
    }

    #[tokio::test]
    async fn the_last_ones_are_for_whoever_has_none() {
        let shares = Shares::new(10, 50);
        let (ada, bob) = (who("ada"), who("bob"));
        let mut hers: Vec<_> = (0..8)
            .map(|_| shares.take(&ada).now_or_never().expect("at once").expect("free"))
            .collect();
        let mut more: Vec<_> = (0..8).map(|_| Box::pin(shares.take(&ada))).collect();
        assert!(more.iter_mut().all(|m| m.now_or_never().is_none()));
        // He was never here before, and comes last.
        let his = shares.take(&bob).now_or_never().expect("at once").expect("kept for him");
        let theirs =
            shares.take(&who("eve")).now_or_never().expect("at once").expect("and for another");
        let dan = who("dan");
        let mut next = Box::pin(shares.take(&dan));
        assert!((&mut next).now_or_never().is_none());
        assert_eq!(shares.waiting(), 9);
        hers.pop();
        let next = (&mut next).now_or_never().expect("his turn").expect("given");
        drop((his, theirs, next));
        hers.pop();
        let given: Vec<_> = more.iter_mut().filter_map(|m| m.now_or_never()).collect();
        assert_eq!(given.len(), 2, "eight are hers again");
    }

    #[tokio::test]
    async fn fifty_have_the_same() {
        let shares = Shares::new(10, 10_000);
        let mut got: HashMap<String, usize> = HashMap::new();
        let tasks: Vec<_> = (0..50)
            .flat_map(|n| (0..if n == 0 { 500 } else { 10 }).map(move |_| n))
            .map(|n| {
                let shares = shares.clone();
                tokio::spawn(async move {
                    let share = shares.take(&who(&n.to_string())).await.expect("room");
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    drop(share);
                    n
                })
            })
            .collect();
        // Of the first half that is served, the one with fifty times as many calls has no
        // more than the others.
        let mut all = futures_util::stream::FuturesUnordered::from_iter(tasks);
        for _ in 0..490 {
            let n = futures_util::StreamExt::next(&mut all).await.expect("one").expect("task");
            *got.entry(n.to_string()).or_default() += 1;
        }
        let (heavy, light) = (got["0"], 490 - got["0"]);
        assert!(heavy <= 20 && light >= 470, "{heavy} of the heavy one, {light} of the others");
        while futures_util::StreamExt::next(&mut all).await.is_some() {}
        assert_eq!((shares.waiting(), shares.state().free), (0, 10));
    }

    #[tokio::test]
    async fn the_line_is_shared_too_and_who_leaves_is_not_in_it() {
        let shares = Shares::new(1, 4);
        let (ada, bob) = (who("ada"), who("bob"));
        let first = shares.take(&ada).await.expect("free");
        let mut line: Vec<_> = (0..4).map(|_| Box::pin(shares.take(&ada))).collect();
        assert!(line.iter_mut().all(|m| m.now_or_never().is_none()));
        assert_eq!(shares.take(&ada).await.expect_err("her line is full"), LineFull);
        let mut his = Box::pin(shares.take(&bob));
        assert!((&mut his).now_or_never().is_none());
        assert_eq!(
            (&mut line[3]).now_or_never().expect("told").expect_err("he has her last place"),
            LineFull
        );
        drop(his);
        let mut again = Box::pin(shares.take(&ada));
        assert!((&mut again).now_or_never().is_none(), "his place is free");
        // A turn that comes when nobody waits for it is the next one's.
        drop(line.remove(0));
        drop(first);
        let second = (&mut line[0]).now_or_never().expect("her turn").expect("given");
        drop((second, line, again));
        assert_eq!((shares.waiting(), shares.state().free), (0, 1));
    }

    #[tokio::test]
    async fn the_person_at_this_machine_has_all() {
        let shares = Shares::new(3, 4);
        let all: Vec<_> = (0..3).map(|_| shares.take(&ourselves()).now_or_never()).collect();
        assert!(all.iter().all(|s| matches!(s, Some(Ok(_)))));
    }
}
