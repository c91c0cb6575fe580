//! Calls that outlive the request that began them: who began them, what they do, how they stand,
//! what they came to, and until when that is kept. Whoever did not begin one does not find it.

mod again;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use dashmap::DashMap;
use mssql_mcp_transports::{Cancel, Outcome, Reply, Segments, Why};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) use again::{MadeBefore, ReadsFrom, goes_on};

use crate::secret::secret;

/// How many runs there may be, and what is kept of them.
#[derive(Debug, Clone, Copy)]
pub struct RunBounds {
    /// Of one owner; then its calls are answered as those of anybody else.
    pub of_owner: usize,
    /// In all.
    pub most: usize,
    /// Bytes of all results that are kept; then the oldest of them go.
    pub bytes: usize,
    /// How long one is kept from its end on; what still works is not ended by it.
    pub keep: Duration,
    /// Of one owner, of those that are picked up by their handle.
    pub handles: usize,
    /// How long one of these works without that anybody asks for it.
    pub idle: Duration,
}

/// All runs of a mount. Clones share them.
#[derive(Debug, Clone)]
pub struct Runs(Arc<All>);

#[derive(Debug)]
struct All {
    by_id: DashMap<String, Arc<Run>>,
    bounds: Mutex<RunBounds>,
    bytes: AtomicUsize,
}

/// What a call is found by that is made again, and which database it reads.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallOf {
    /// Where it is picked up by its handle, or by being made again.
    pub(crate) digest: Option<String>,
    /// Where it reads one.
    pub(crate) database: Option<String>,
}

/// Where answers to what a run asks come: key → the client's result.
type Answers = mpsc::Receiver<Map<String, Value>>;

/// One call.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) id: String,
    owner: String,
    began: (Instant, DateTime<Utc>),
    keep: Duration,
    cancel: Cancel,
    /// Answers to what it asked.
    answers: mpsc::Sender<Map<String, Value>>,
    call: CallOf,
    /// When somebody asked for it last, and how long nobody has to.
    asked: Mutex<Instant>,
    idle: Duration,
    outcome: Mutex<Option<Outcome>>,
    outcome_bytes: AtomicUsize,
    /// Bytes of it that the bound counts.
    counted: AtomicUsize,
    now: Mutex<Now>,
    ended: CancellationToken,
}

#[derive(Debug)]
struct Now {
    state: RunState,
    since: DateTime<Utc>,
    at: Instant,
}

/// How a run stands.
#[derive(Debug, Clone)]
pub(crate) enum RunState {
    Working,
    /// A person has to answer: key → `{method, params}`.
    Asking(Map<String, Value>),
    /// With the result of the call, an object in JSON.
    Completed(Arc<str>),
    /// With a JSON-RPC error, an object in JSON.
    Failed(Arc<str>),
    Cancelled,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

// === impl RunState ===

impl RunState {
    /// Whether it has ended.
    pub(crate) fn is_terminal(&self) -> bool {
        !matches!(self, Self::Working | Self::Asking(_))
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Completed(json) | Self::Failed(json) => json.len(),
            _ => 0,
        }
    }
}

// === impl Runs ===

impl Runs {
    /// None yet, within these bounds.
    pub fn new(bounds: RunBounds) -> Self {
        Self(Arc::new(All {
            by_id: DashMap::new(),
            bounds: Mutex::new(bounds),
            bytes: AtomicUsize::new(0),
        }))
    }

    /// For the runs that begin from now on.
    pub(crate) fn set_bounds(&self, bounds: RunBounds) {
        *locked(&self.0.bounds) = bounds;
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.by_id.len()
    }

    /// Begins one, and gives where answers to its questions come; none where there is no room.
    pub(crate) fn begin(
        &self,
        owner: &str,
        cancel: Cancel,
        call: CallOf,
    ) -> Option<(Arc<Run>, Answers)> {
        self.sweep();
        let bounds = *locked(&self.0.bounds);
        let mine = self.0.by_id.iter().filter(|run| run.owner == owner);
        let (mut working, mut all, mut oldest, mut handles) = (0, 0, None, 0);
        for run in mine {
            all += 1;
            match locked(&run.now).state.is_terminal() {
                true if oldest.as_ref().is_none_or(|(at, _)| run.began.0 < *at) => {
                    oldest = Some((run.began.0, run.id.clone()));
                }
                true => {}
                false => {
                    working += 1;
                    handles += usize::from(run.is_handle());
                }
            }
        }
        if call.digest.is_some() && handles >= bounds.handles {
            return None;
        }
        if working >= bounds.of_owner || self.len() >= bounds.most + bounds.of_owner {
            return None;
        }
        // What has ended makes room for what begins.
        if all >= bounds.of_owner
            && let Some((_, id)) = oldest
        {
            self.forget(&id);
        }
        if self.len() >= bounds.most {
            return None;
        }
        let (answers, answered) = mpsc::channel(4);
        let now = Utc::now();
        let run = Arc::new(Run {
            id: secret("run_"),
            owner: owner.to_owned(),
            began: (Instant::now(), now),
            keep: bounds.keep,
            cancel,
            answers,
            call,
            asked: Mutex::new(Instant::now()),
            idle: bounds.idle,
            outcome: Mutex::default(),
            outcome_bytes: AtomicUsize::new(0),
            counted: AtomicUsize::new(0),
            now: Mutex::new(Now { state: RunState::Working, since: now, at: Instant::now() }),
            ended: CancellationToken::new(),
        });
        self.0.by_id.insert(run.id.clone(), run.clone());
        Some((run, answered))
    }

    /// The run of this id, if it is this owner's.
    pub(crate) fn get(&self, id: &str, owner: &str) -> Option<Arc<Run>> {
        let run = self.0.by_id.get(id).map(|run| run.clone())?;
        (run.owner == owner && !run.is_over()).then_some(run)
    }

    /// Whether there is any that is picked up by its handle, or by its call.
    pub(crate) fn has_handles(&self) -> bool {
        !self.0.by_id.is_empty() && self.0.by_id.iter().any(|run| run.is_handle())
    }

    /// The run of a call that is made again.
    pub(crate) fn of_call(&self, call: &str, owner: &str) -> Option<Arc<Run>> {
        let is = |run: &Run| run.owner == owner && run.call.digest.as_deref() == Some(call);
        let found = self.0.by_id.iter().find(|run| is(run) && !run.is_over())?;
        Some(found.clone())
    }

    /// What a call came to that is picked up by being made again.
    pub(crate) fn end_call(&self, run: &Run, outcome: Outcome) {
        let bytes = match &outcome {
            Outcome::Complete(Reply::Tool(reply)) => {
                2 * reply.structured.as_ref().map_or(0, Segments::len) + 1024
            }
            _ => 1024,
        };
        run.outcome_bytes.store(bytes, Ordering::Relaxed);
        *locked(&run.outcome) = Some(outcome);
        self.set(run, RunState::Completed("{}".into()));
    }

    /// Waits for what such a call comes to, which is given once; then it is forgotten.
    pub(crate) async fn pick_up(&self, run: &Run) -> Option<Outcome> {
        // Whoever waits asks all the time.
        let _waits = Waits::new(run);
        run.ended.cancelled().await;
        self.forget(&run.id);
        locked(&run.outcome).take()
    }

    /// How a run stands from now on. The first end stays.
    pub(crate) fn set(&self, run: &Run, state: RunState) {
        {
            let mut now = locked(&run.now);
            if now.state.is_terminal() {
                return;
            }
            if state.is_terminal() {
                // Counted before anybody is woken who takes it and has it forgotten.
                let bytes = state.bytes() + run.outcome_bytes.load(Ordering::Relaxed);
                run.counted.store(bytes, Ordering::Relaxed);
                self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
            }
            *now = Now { state, since: Utc::now(), at: Instant::now() };
            if now.state.is_terminal() {
                run.ended.cancel();
            }
        }
        // It may have been forgotten meanwhile.
        if !self.0.by_id.contains_key(&run.id) {
            self.uncount(run);
        }
        self.make_room(&run.id);
    }

    fn uncount(&self, run: &Run) {
        self.0.bytes.fetch_sub(run.counted.swap(0, Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Forgets the oldest results until the others are within their bound.
    fn make_room(&self, but: &str) {
        let most = locked(&self.0.bounds).bytes;
        while self.0.bytes.load(Ordering::Relaxed) > most {
            let done = self
                .0
                .by_id
                .iter()
                .filter(|run| run.id != but && run.counted.load(Ordering::Relaxed) > 0);
            let oldest = done.min_by_key(|run| run.began.0).map(|run| run.id.clone());
            match oldest {
                Some(id) => self.forget(&id),
                None => return,
            }
        }
    }

    fn forget(&self, id: &str) {
        if let Some((_, run)) = self.0.by_id.remove(id) {
            self.uncount(&run);
        }
    }

    /// Forgets what is kept no longer, and cancels what nobody asks for.
    pub(crate) fn sweep(&self) {
        self.0.by_id.iter().filter(|run| run.is_idle()).for_each(|run| run.cancel());
        let over: Vec<String> =
            self.0.by_id.iter().filter(|run| run.is_over()).map(|run| run.id.clone()).collect();
        over.iter().for_each(|id| self.forget(id));
    }

    /// Cancels all that work.
    pub(crate) fn cancel_all(&self, why: Why) {
        self.0.by_id.iter().for_each(|run| run.cancel.fire(why));
    }

    /// Whether any works.
    pub(crate) fn any_works(&self) -> bool {
        self.0.by_id.iter().any(|run| !locked(&run.now).state.is_terminal())
    }
}

/// Somebody waits for a run.
struct Waits<'r>(&'r Run);

impl<'r> Waits<'r> {
    fn new(run: &'r Run) -> Self {
        // Far enough for whatever a wait may take.
        *locked(&run.asked) = Instant::now() + Duration::from_secs(86_400);
        Self(run)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        *locked(&self.0.asked) = Instant::now();
    }
}

// === impl Run ===

impl Run {
    /// Whether it is kept no longer.
    fn is_over(&self) -> bool {
        let now = locked(&self.now);
        now.state.is_terminal() && now.at.elapsed() > self.keep
    }

    /// The database that it reads, by its name; none where it reads none.
    pub(crate) fn database(&self) -> Option<&str> {
        self.call.database.as_deref()
    }

    /// Whether it is picked up by its handle.
    pub(crate) fn is_handle(&self) -> bool {
        self.call.digest.is_some()
    }

    /// Whether it works, and nobody has asked for it for too long.
    fn is_idle(&self) -> bool {
        let asked = *locked(&self.asked);
        self.is_handle() && asked.elapsed() > self.idle && !self.state().is_terminal()
    }

    /// How long it has taken so far.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.0.elapsed()
    }

    pub(crate) fn state(&self) -> RunState {
        locked(&self.now).state.clone()
    }

    /// Until when it waits for a person, who may think for so long.
    pub(crate) fn asks_until(&self, patience: Duration) -> Instant {
        (Instant::now() + patience).min(self.began.0 + self.keep)
    }

    /// Its client wants no more of it.
    pub(crate) fn cancel(&self) {
        self.cancel.fire(Why::Asked);
    }

    /// Answers what it asks; what it does not ask is left out. What is answered is asked no longer,
    /// and when that is all, it works again.
    pub(crate) async fn answer(&self, mut answers: Map<String, Value>) {
        {
            let mut now = locked(&self.now);
            let RunState::Asking(asked) = &mut now.state else { return };
            answers.retain(|key, _| asked.remove(key).is_some());
            if asked.is_empty() {
                now.state = RunState::Working;
            }
            if !answers.is_empty() {
                now.since = Utc::now();
            }
        }
        if !answers.is_empty() {
            let _ = self.answers.send(answers).await;
        }
    }

    /// As `Task` of the tasks extension (SEP-2663); with what it came to where `detailed`.
    pub(crate) fn to_task(&self, detailed: bool) -> Map<String, Value> {
        let now = locked(&self.now);
        let status = match &now.state {
            RunState::Working => "working",
            RunState::Asking(_) => "input_required",
            RunState::Completed(_) => "completed",
            RunState::Failed(_) => "failed",
            RunState::Cancelled => "cancelled",
        };
        let mut task = Map::from_iter([
            ("taskId".to_owned(), json!(self.id)),
            ("status".to_owned(), json!(status)),
            ("createdAt".to_owned(), json!(time(self.began.1))),
            ("lastUpdatedAt".to_owned(), json!(time(now.since))),
            ("ttlMs".to_owned(), json!(self.keep.as_millis() as u64)),
            ("pollIntervalMs".to_owned(), json!(POLL.as_millis() as u64)),
        ]);
        let parsed = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
        match &now.state {
            _ if !detailed => {}
            RunState::Asking(asked) => {
                drop(task.insert("inputRequests".into(), asked.clone().into()))
            }
            RunState::Completed(json) => drop(task.insert("result".into(), parsed(json))),
            RunState::Failed(json) => drop(task.insert("error".into(), parsed(json))),
            RunState::Working | RunState::Cancelled => {}
        }
        task
    }
}

/// How often a client should look.
const POLL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Duration = Duration::from_secs(600);

    fn runs() -> Runs {
        let idle = Duration::from_secs(60);
        Runs::new(RunBounds { of_owner: 2, most: 3, bytes: 100, keep: KEEP, handles: 1, idle })
    }

    fn begin(all: &Runs, owner: &str) -> Option<Arc<Run>> {
        Some(all.begin(owner, Cancel::default(), CallOf::default())?.0)
    }

    fn done(all: &Runs, run: &Run, length: usize) {
        all.set(run, RunState::Completed(format!("\"{}\"", "x".repeat(length)).into()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_is_its_owners_and_kept_for_a_while() {
        let all = runs();
        let run = begin(&all, "ada").expect("room");
        assert!(all.get(&run.id, "bob").is_none() && all.get("run_x", "ada").is_none());
        assert_eq!(run.to_task(true)["status"], "working");
        tokio::time::advance(2 * KEEP).await;
        assert!(all.get(&run.id, "ada").is_some(), "it works");
        done(&all, &run, 5);
        tokio::time::advance(KEEP).await;
        assert!(all.get(&run.id, "ada").is_some(), "its time begins with its end");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(all.get(&run.id, "ada").is_none());
        all.sweep();
        assert_eq!((all.len(), all.0.bytes.load(Ordering::Relaxed)), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_handle_that_nobody_asks_for_is_cancelled() {
        let all = runs();
        let call = || CallOf { digest: Some("the call".into()), database: Some("trading".into()) };
        let (run, _) = all.begin("ada", Cancel::default(), call()).expect("room");
        assert!(all.begin("ada", Cancel::default(), call()).is_none(), "one handle at once");
        assert!(begin(&all, "ada").is_some(), "a task is none");
        let waits = tokio::spawn({
            let (all, run) = (all.clone(), run.clone());
            async move { all.pick_up(&run).await }
        });
        tokio::time::sleep(Duration::from_secs(600)).await;
        all.sweep();
        assert!(run.cancel.why().is_none(), "somebody waits");
        waits.abort();
        let _ = waits.await;
        tokio::time::sleep(Duration::from_secs(59)).await;
        all.sweep();
        assert!(run.cancel.why().is_none());
        tokio::time::sleep(Duration::from_secs(2)).await;
        all.sweep();
        assert!(run.cancel.why().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_so_many_and_what_has_ended_makes_room() {
        let all = runs();
        let (first, second) =
            (begin(&all, "ada").expect("room"), begin(&all, "ada").expect("room"));
        assert!(begin(&all, "ada").is_none(), "both work");
        let other = begin(&all, "bob").expect("room");
        assert!(begin(&all, "cyd").is_none(), "there are three");
        done(&all, &first, 5);
        let third = begin(&all, "ada").expect("room");
        assert!(all.get(&first.id, "ada").is_none());
        for run in [&second, &third, &other] {
            assert!(all.get(&run.id, &run.owner).is_some());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_results_make_room_for_new_ones() {
        let all = runs();
        let (first, second) =
            (begin(&all, "ada").expect("room"), begin(&all, "bob").expect("room"));
        done(&all, &first, 60);
        assert!(all.get(&first.id, "ada").is_some());
        done(&all, &second, 60);
        assert!(all.get(&first.id, "ada").is_none() && all.get(&second.id, "bob").is_some());
        done(&all, &second, 1);
        assert!(
            matches!(second.state(), RunState::Completed(json) if json.len() == 62),
            "the first"
        );
    }

    #[tokio::test]
    async fn it_takes_the_answers_that_it_asked_for() {
        let all = runs();
        let (run, mut answered) =
            all.begin("ada", Cancel::default(), CallOf::default()).expect("room");
        let answers = || Map::from_iter([("a".to_owned(), json!(1)), ("b".to_owned(), json!(2))]);
        run.answer(answers()).await;
        assert!(answered.try_recv().is_err(), "it asked nothing");
        let asked = ["a", "c"].map(|key| (key.to_owned(), json!({})));
        all.set(&run, RunState::Asking(Map::from_iter(asked)));
        assert_eq!(run.to_task(true)["inputRequests"], json!({ "a": {}, "c": {} }));
        assert!(run.to_task(false).get("inputRequests").is_none());
        run.answer(answers()).await;
        let answer = |key: &str| Map::from_iter([(key.to_owned(), json!(1))]);
        assert_eq!(answered.try_recv().expect("an answer"), answer("a"));
        assert_eq!(run.to_task(true)["inputRequests"], json!({ "c": {} }), "what is left");
        run.answer(answers()).await;
        assert!(answered.try_recv().is_err(), "it was answered before");
        run.answer(answer("c")).await;
        assert_eq!(answered.try_recv().expect("an answer"), answer("c"));
        assert_eq!(run.to_task(true)["status"], "working");
        run.cancel();
        assert_eq!(run.cancel.why(), Some(Why::Asked));
    }
}
