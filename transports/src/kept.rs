//! Event streams of POST requests that outlive their connection: their events have ids, and a GET
//! with `Last-Event-ID` goes on behind one of them (2025-11-25, "Resumability and Redelivery").
//!
//! The first event has an id and nothing else, so that whoever has read it can come back (SEP-1699).
//! From then on the call is no longer that of the connection: it goes on for a while without a
//! reader, and is cancelled when none came back.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;

use crate::answer::Answer;
use crate::body::Body;
use crate::encoded::Encoded;
use crate::event_stream::{KEEP_ALIVE, one_line, streamed};

/// Events of one stream that are kept; of more, the oldest are lost to whoever comes back.
const EVENTS: usize = 256;
/// Streams of one session that are kept; of more, those whose call has ended make room.
const STREAMS: usize = 16;
/// When a client that lost its connection may come back, in milliseconds.
const RETRY: u32 = 1000;
/// How often it is looked whether a reader came back.
const LOOK: Duration = Duration::from_secs(1);
/// How long what was read to its end is kept: the last bytes may have been lost on the way.
const READ: Duration = Duration::from_secs(5);
/// Bytes of the events of all streams; beyond that new streams are not kept.
const MOST: usize = 64 << 20;

/// Bytes of the events of all streams of this process.
static BYTES: AtomicUsize = AtomicUsize::new(0);

/// The kept streams of a session. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeptStreams(Arc<Mutex<Vec<Arc<Kept>>>>);

/// One stream.
#[derive(Debug)]
pub(crate) struct Kept {
    id: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Those that are kept; the number of the first of them is `first`.
    events: VecDeque<Bytes>,
    first: u64,
    ended: bool,
    /// The reader that is the last one to have come.
    reader: u64,
    waker: Option<Waker>,
    /// Since when nobody reads.
    alone: Option<Instant>,
    /// When somebody had read it to its end.
    read: Option<Instant>,
}

/// Reads a stream, as the body of an answer. Its drop leaves the stream alone.
struct Reader {
    kept: Arc<Kept>,
    me: u64,
    next: u64,
    keep_alive: Duration,
    timer: Pin<Box<Sleep>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl KeptStreams ===

impl KeptStreams {
    /// Begins a stream; none where there is no room for what it will hold, or the system has no
    /// random numbers.
    pub(crate) fn begin(&self) -> Option<Arc<Kept>> {
        if BYTES.load(Ordering::Relaxed) > MOST {
            return None;
        }
        let mut id = [0; 8];
        aws_lc_rs::rand::fill(&mut id).ok()?;
        let kept = Arc::new(Kept::new(u64::from_ne_bytes(id)));
        let mut all = locked(&self.0);
        let ended = |kept: &Arc<Kept>| locked(&kept.state).ended;
        if all.len() >= STREAMS
            && let Some(oldest) = all.iter().position(ended)
        {
            all.remove(oldest);
        }
        all.push(kept.clone());
        Some(kept)
    }

    /// The stream behind this event of it, for one more reader, who takes the place of the last
    /// one; none where it is not there any more.
    pub(crate) fn resume(&self, last_event: &str, keep_alive: Duration) -> Option<Answer> {
        let (stream, number) = last_event.split_once('-')?;
        let (stream, number) = (u64::from_str_radix(stream, 16).ok()?, number.parse::<u64>().ok()?);
        let kept = locked(&self.0).iter().find(|kept| kept.id == stream)?.clone();
        if number >= kept.said() {
            return None;
        }
        Some(kept.read_from(number.checked_add(1)?, keep_alive))
    }

    fn forget(&self, gone: &Arc<Kept>) {
        locked(&self.0).retain(|kept| !Arc::ptr_eq(kept, gone));
    }
}

// === impl Kept ===

impl Kept {
    fn new(id: u64) -> Self {
        let state = State {
            events: VecDeque::new(),
            first: 0,
            ended: false,
            reader: 0,
            waker: None,
            alone: None,
            read: None,
        };
        let kept = Self { id, state: Mutex::new(state) };
        kept.put(|id| format!("id: {id}\nretry: {RETRY}\ndata: \n\n").into());
        kept
    }

    fn put(&self, event: impl FnOnce(&str) -> Bytes) {
        let mut state = locked(&self.state);
        let number = state.first + state.events.len() as u64;
        let event = event(&format!("{:x}-{number}", self.id));
        BYTES.fetch_add(event.len(), Ordering::Relaxed);
        state.events.push_back(event);
        if state.events.len() > EVENTS {
            let gone = state.events.pop_front().map_or(0, |e| e.len());
            BYTES.fetch_sub(gone, Ordering::Relaxed);
            state.first += 1;
        }
        wake(state);
    }

    pub(crate) fn say(&self, message: Encoded) {
        self.put(|id| {
            let before = format!("id: {id}\nevent: message\ndata: ");
            one_line(message.into_bytes_between(before.as_bytes(), b"\n\n"))
        });
    }

    fn end(&self) {
        let mut state = locked(&self.state);
        state.ended = true;
        wake(state);
    }

    /// Ends the connection, but not the stream.
    fn close_connection(&self) {
        let mut state = locked(&self.state);
        state.reader += 1;
        state.alone = Some(Instant::now());
        wake(state);
    }

    /// How many events there have been.
    fn said(&self) -> u64 {
        let state = locked(&self.state);
        state.first + state.events.len() as u64
    }

    /// Whether it was read to its end, so long ago.
    fn was_read(&self, ago: Duration) -> bool {
        locked(&self.state).read.is_some_and(|at| at.elapsed() >= ago)
    }

    /// Since when nobody reads.
    fn alone_since(&self) -> Option<Instant> {
        locked(&self.state).alone
    }

    /// A reader of the events from this number on.
    pub(crate) fn read_from(self: &Arc<Self>, next: u64, keep_alive: Duration) -> Answer {
        let mut state = locked(&self.state);
        state.reader += 1;
        state.alone = None;
        let me = state.reader;
        wake(state);
        let timer = Box::pin(tokio::time::sleep(keep_alive));
        let reader = Reader { kept: self.clone(), me, next, keep_alive, timer };
        streamed(Body::Events(Box::pin(reader)))
    }

    /// Does the work of a stream to its end: says the messages, and then what `end` gives. Without
    /// a reader for so long, `end` is dropped, which cancels it. What was said stays for as long.
    pub(crate) async fn serve(
        self: Arc<Self>,
        mut messages: mpsc::Receiver<Encoded>,
        end: impl Future<Output = Option<Encoded>> + Send,
        poll: CancellationToken,
        patience: Duration,
        among: KeptStreams,
    ) {
        {
            let mut end = pin!(end);
            let mut polled = false;
            loop {
                tokio::select! {
                    biased;
                    Some(message) = messages.recv() => self.say(message),
                    last = &mut end => {
                        while let Ok(message) = messages.try_recv() {
                            self.say(message);
                        }
                        last.into_iter().for_each(|last| self.say(last));
                        break;
                    }
                    () = poll.cancelled(), if !polled => {
                        polled = true;
                        self.close_connection();
                    }
                    () = tokio::time::sleep(LOOK) => {
                        if self.alone_since().is_some_and(|since| since.elapsed() >= patience) {
                            break;
                        }
                    }
                }
            }
        }
        self.end();
        // Whoever did not get the end comes back for it.
        let ended = Instant::now();
        while ended.elapsed() < patience && !self.was_read(READ) {
            tokio::time::sleep(LOOK).await;
        }
        among.forget(&self);
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let held: usize = locked(&self.state).events.iter().map(Bytes::len).sum();
        BYTES.fetch_sub(held, Ordering::Relaxed);
    }
}

// === impl Reader ===

impl Stream for Reader {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let me = &mut *self;
        let mut state = locked(&me.kept.state);
        let at = me.next.max(state.first);
        let event = state.events.get((at - state.first) as usize).cloned();
        // The first event is every reader's: with it one can come back.
        if let Some(event) = event.filter(|_| state.reader == me.me || at == 0) {
            me.next = at + 1;
            me.timer.as_mut().reset(Instant::now() + me.keep_alive);
            return Poll::Ready(Some(event));
        }
        if state.reader != me.me {
            return Poll::Ready(None);
        }
        if state.ended {
            state.read = Some(Instant::now());
            return Poll::Ready(None);
        }
        state.waker = Some(cx.waker().clone());
        drop(state);
        if me.timer.as_mut().poll(cx).is_ready() {
            me.timer.as_mut().reset(Instant::now() + me.keep_alive);
            return Poll::Ready(Some(KEEP_ALIVE));
        }
        Poll::Pending
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = locked(&self.kept.state);
        if state.reader == self.me {
            state.alone = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use http_body_util::BodyExt;
    use serde_json::{Value, json};
    use tokio::sync::oneshot;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// A stream whose call ends with `end`.
    struct Begun {
        streams: KeptStreams,
        out: mpsc::Sender<Encoded>,
        end: oneshot::Sender<Value>,
        poll: CancellationToken,
        answer: Answer,
    }

    fn begin() -> Begun {
        let streams = KeptStreams::default();
        let kept = streams.begin().expect("random");
        let answer = kept.read_from(0, LONG);
        let ((out, messages), (end, ended)) = (mpsc::channel(4), oneshot::channel());
        let last = async move { Some(Encoded::value(&ended.await.ok()?)) };
        let poll = CancellationToken::new();
        tokio::spawn(kept.serve(messages, last, poll.clone(), LONG, streams.clone()));
        Begun { streams, out, end, poll, answer }
    }

    /// The next event: its id and its data.
    async fn event(answer: &mut Answer) -> Option<(String, String)> {
        loop {
            let bytes = answer.frame().await?.expect("a frame").into_data().expect("data");
            let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
            if text.starts_with(':') {
                continue;
            }
            let field = |name: &str| {
                let line = text.lines().find_map(|l| l.strip_prefix(name));
                line.expect("a field").trim().to_owned()
            };
            return Some((field("id:"), field("data:")));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_connection_costs_nothing_that_was_said() {
        let mut begun = begin();
        let (primed, nothing) = event(&mut begun.answer).await.expect("the first");
        assert_eq!(nothing, "");
        begun.out.send(Encoded::value(&json!(1))).await.expect("room");
        let (first, data) = event(&mut begun.answer).await.expect("a message");
        assert_eq!(data, "1");
        drop(begun.answer);
        begun.out.send(Encoded::value(&json!(2))).await.expect("room");
        tokio::time::advance(LONG / 2).await;
        begun.end.send(json!("end")).expect("waits");
        for (after, expected) in
            [(&primed, vec!["1", "2", "\"end\""]), (&first, vec!["2", "\"end\""])]
        {
            let mut again = begun.streams.resume(after, LONG).expect("there");
            for data in expected {
                assert_eq!(event(&mut again).await.expect("a message").1, data);
            }
            assert_eq!(event(&mut again).await, None);
        }
        for unknown in ["", "-", "0-0", "x", "1-99999999999999999999"] {
            assert!(begun.streams.resume(unknown, LONG).is_none(), "{unknown}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_whose_reader_does_not_come_back_is_let_go() {
        let mut begun = begin();
        let (primed, _) = event(&mut begun.answer).await.expect("the first");
        tokio::time::sleep(3 * LONG).await;
        assert!(!begun.end.is_closed(), "somebody reads");
        drop(begun.answer);
        tokio::time::sleep(LONG - LOOK).await;
        assert!(!begun.end.is_closed(), "it may come back");
        tokio::time::sleep(2 * LOOK).await;
        assert!(begun.end.is_closed());
        tokio::time::sleep(LONG).await;
        assert!(begun.streams.resume(&primed, LONG).is_none(), "nothing is kept of it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_takes_the_place_of_the_last_one_and_a_poll_ends_the_connection() {
        let mut begun = begin();
        let (primed, _) = event(&mut begun.answer).await.expect("the first");
        let mut second = begun.streams.resume(&primed, LONG).expect("there");
        assert_eq!(event(&mut begun.answer).await, None, "one reads at a time");
        assert!(event(&mut second).now_or_never().is_none());
        begun.poll.cancel();
        assert_eq!(event(&mut second).await, None);
        let mut third = begun.streams.resume(&primed, LONG).expect("there");
        begun.end.send(json!(3)).expect("waits");
        assert_eq!(event(&mut third).await.expect("the end").1, "3");
    }

    #[tokio::test(start_paused = true)]
    async fn so_much_is_kept_and_no_more() {
        let streams = KeptStreams::default();
        let first = streams.begin().expect("random");
        first.end();
        for _ in 0..2 * STREAMS {
            streams.begin().expect("random").end();
        }
        assert_eq!(locked(&streams.0).len(), STREAMS);
        let kept = streams.begin().expect("random");
        (0..2 * EVENTS).for_each(|n| kept.say(Encoded::value(&json!(n))));
        kept.end();
        let mut answer = kept.read_from(0, LONG);
        let mut count = 0;
        while let Some((_, data)) = event(&mut answer).await {
            count += 1;
            assert_eq!(data, (2 * EVENTS - EVENTS + count - 1).to_string());
        }
        assert_eq!(count, EVENTS);
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

        /// However often the connection is lost: whoever comes back behind the last event that they
        /// have gets all others, each once and in their order.
        #[test]
        fn nothing_is_lost_and_nothing_comes_twice(
            // How many are said before each loss, and how many of them are read.
            rounds in proptest::collection::vec((0..6usize, 0..6usize), 0..8),
        ) {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().start_paused(true).build().expect("a runtime");
            runtime.block_on(async {
                let begun = begin();
                let (mut answer, mut said, mut read) = (begun.answer, 0, Vec::new());
                let mut last = event(&mut answer).await.expect("the first").0;
                for (say, take) in rounds {
                    for _ in 0..say {
                        begun.out.send(Encoded::value(&json!(said))).await.expect("room");
                        said += 1;
                    }
                    for _ in 0..take.min(said - read.len()) {
                        let (id, data) = event(&mut answer).await.expect("a message");
                        (last, _) = (id, read.push(data));
                    }
                    drop(answer);
                    answer = begun.streams.resume(&last, LONG).expect("there");
                }
                begun.end.send(json!("end")).expect("waits");
                while let Some((_, data)) = event(&mut answer).await {
                    read.push(data);
                }
                let mut all: Vec<String> = (0..said).map(|n| n.to_string()).collect();
                all.push("\"end\"".into());
                assert_eq!(read, all);
            });
        }
    }
}
