//! What a call says before its answer, on the stream of its request: how far it is
//! (`notifications/progress`) and what happens in it (`notifications/message`).

use std::pin::pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::encoded::Encoded;
use crate::version::ProtocolVersion;

/// Between two notifications of how far a call is. The specification asks for a limit; this is half
/// of the two a second that we promise.
const BEAT: Duration = Duration::from_secs(1);

/// What is added where nothing moved: progress must increase with each notification (MCP,
/// "Progress").
const STILL_THERE: f64 = 0.001;

/// The levels of `notifications/message` (RFC 5424 §6.2.1).
pub(crate) const LOG_LEVELS: [&str; 8] =
    ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];

/// What a client wants to hear of a call before its answer.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// `_meta.progressToken`, a string or an integer.
    pub(crate) token: Option<Value>,
    /// The rank of the lowest level of messages.
    pub(crate) level: Arc<AtomicU8>,
}

/// Says things to the client of one call, if it wants to hear them.
#[derive(Debug, Clone, Default)]
pub struct Notifier(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    out: mpsc::Sender<Encoded>,
    version: ProtocolVersion,
    /// `_meta.progressToken`, a string or an integer.
    token: Option<Value>,
    /// From which level on; above all of them where none is wanted.
    level: Arc<AtomicU8>,
    progress: Progress,
    /// The last value that was told.
    told: Mutex<f64>,
    /// Fires when the client is to come back for the rest.
    poll: CancellationToken,
}

/// How far a call is. Whoever does the work writes it, as often as it likes; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Gauge>);

#[derive(Debug, Default)]
struct Gauge {
    done: AtomicU64,
    /// Of how many; 0 where nobody knows.
    total: AtomicU64,
    says: Mutex<Option<Says>>,
}

/// From what is done to a sentence.
pub type Says = fn(u64) -> String;

/// The level of sessions whose client never asked for one: no message is at or above it.
pub(crate) const NO_LEVEL: u8 = LOG_LEVELS.len() as u8;

// === impl Progress ===

impl Progress {
    /// A part of the work begins, which says what is done of it.
    pub fn begin(&self, says: Says) {
        self.0.done.store(0, Ordering::Relaxed);
        self.0.total.store(0, Ordering::Relaxed);
        *self.0.says.lock().unwrap_or_else(PoisonError::into_inner) = Some(says);
    }

    /// So much of it is done.
    pub fn done(&self, done: u64) {
        self.0.done.store(done, Ordering::Relaxed);
    }

    /// So much of it is done, of so much.
    pub fn done_of(&self, done: u64, total: u64) {
        self.0.total.store(total, Ordering::Relaxed);
        self.done(done);
    }

    fn look(&self) -> (u64, u64, Option<String>) {
        let says = *self.0.says.lock().unwrap_or_else(PoisonError::into_inner);
        let done = self.0.done.load(Ordering::Relaxed);
        (done, self.0.total.load(Ordering::Relaxed), says.map(|says| says(done)))
    }
}

// === impl Notifier ===

impl Notifier {
    /// For a call of a client of this version that wants to hear this; through `out`.
    pub(crate) fn new(
        wanted: Wanted,
        version: ProtocolVersion,
        out: mpsc::Sender<Encoded>,
    ) -> Self {
        let Wanted { token, level } = wanted;
        let (progress, told) = (Progress::default(), Mutex::new(-1.0));
        let poll = CancellationToken::new();
        Self(Some(Arc::new(Inner { out, version, token, level, progress, told, poll })))
    }

    /// Where the work of the call is written down.
    pub fn progress(&self) -> Progress {
        self.0.as_ref().map(|inner| inner.progress.clone()).unwrap_or_default()
    }

    /// Whether the client wants to hear how far the call is.
    pub fn wants_progress(&self) -> bool {
        self.0.as_ref().is_some_and(|inner| inner.token.is_some())
    }

    /// Whether the client wants messages of this level (RFC 5424 §6.2.1, by name).
    pub fn wants(&self, level: &str) -> bool {
        let rank = LOG_LEVELS.iter().position(|l| *l == level);
        let inner = self.0.as_ref().zip(rank);
        inner.is_some_and(|(inner, rank)| rank as u8 >= inner.level.load(Ordering::Relaxed))
    }

    /// Tells how far the call is, now, without waiting for the beat; not if that is no further than
    /// what was told.
    pub async fn tell_progress(&self, done: f64, total: Option<f64>, message: Option<&str>) {
        if let Some(inner) = &self.0
            && let Some(said) = inner.advanced(done, total, message)
        {
            let _ = inner.out.send(said).await;
        }
    }

    /// Says something, if it is of a level that the client wants.
    pub async fn message(&self, level: &str, logger: &str, data: Value) {
        if let Some(inner) = self.0.as_ref().filter(|_| self.wants(level)) {
            let params = json!({ "level": level, "logger": logger, "data": data });
            let _ = inner.out.send(notification("notifications/message", params)).await;
        }
    }

    /// Ends the connection of an answer that can be resumed: its client comes back for the rest
    /// (SEP-1699). Of no consequence to others.
    pub fn have_polled(&self) {
        if let Some(inner) = &self.0 {
            inner.poll.cancel();
        }
    }

    /// Fires with [`Self::have_polled`].
    pub(crate) fn poll(&self) -> CancellationToken {
        self.0.as_ref().map(|inner| inner.poll.clone()).unwrap_or_default()
    }

    /// Likewise, without waiting: a client that does not read misses it.
    pub fn try_message(&self, level: &str, logger: &str, data: impl FnOnce() -> Value) {
        if let Some(inner) = self.0.as_ref().filter(|_| self.wants(level))
            && let Ok(place) = inner.out.try_reserve()
        {
            let params = json!({ "level": level, "logger": logger, "data": data() });
            place.send(notification("notifications/message", params));
        }
    }

    /// Does the work, and tells meanwhile how far it is.
    pub(crate) async fn telling<F: Future>(&self, work: F) -> F::Output {
        let Some(inner) = self.0.as_ref().filter(|inner| inner.token.is_some()) else {
            return work.await;
        };
        let mut work = pin!(work);
        let mut beats = interval_at(Instant::now() + BEAT, BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                end = &mut work => return end,
                _ = beats.tick() => inner.beat(),
            }
        }
    }
}

impl Inner {
    /// Whoever does not read is not told: it would be old when it came.
    fn beat(&self) {
        let (done, total, says) = self.progress.look();
        let total = (total > 0).then_some(total as f64);
        let last = *self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let next = if done as f64 > last { done as f64 } else { last + STILL_THERE };
        if let Ok(place) = self.out.try_reserve()
            && let Some(said) = self.advanced(next, total, says.as_deref())
        {
            place.send(said);
        }
    }

    /// The notification, unless it would go backwards. A total that was passed is none.
    fn advanced(&self, done: f64, total: Option<f64>, message: Option<&str>) -> Option<Encoded> {
        let token = self.token.as_ref()?;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if done <= *told {
            return None;
        }
        *told = done;
        let mut params = json!({ "progressToken": token, "progress": number(done) });
        if let Some(total) = total.filter(|total| *total >= done) {
            params["total"] = number(total);
        }
        if let Some(message) = message.filter(|_| self.version >= ProtocolVersion::V2025_03_26) {
            params["message"] = message.into();
        }
        Some(notification("notifications/progress", params))
    }
}

/// Whole numbers without a fraction.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 {
        json!(value as i64)
    } else {
        json!((value * 1000.0).round() / 1000.0)
    }
}

/// A message that nobody answers.
pub(crate) fn notification(method: &str, params: Value) -> Encoded {
    Encoded::value(&json!({ "jsonrpc": "2.0", "method": method, "params": params }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notifier(wanted: Wanted, version: ProtocolVersion) -> (Notifier, mpsc::Receiver<Encoded>) {
        let (out, said) = mpsc::channel(4);
        (Notifier::new(wanted, version, out), said)
    }

    fn wanting(token: Value) -> Wanted {
        Wanted { token: Some(token), level: Arc::new(AtomicU8::new(NO_LEVEL)) }
    }

    fn next(said: &mut mpsc::Receiver<Encoded>) -> Option<Value> {
        Some(serde_json::from_slice(&said.try_recv().ok()?.into_bytes()).expect("JSON"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_call_says_each_second_how_far_it_is_and_never_steps_back() {
        let (notifier, mut said) = notifier(wanting(json!("t")), ProtocolVersion::V2025_11_25);
        let progress = notifier.progress();
        progress.begin(|n| format!("{n} rows"));
        let mut seen = Vec::new();
        let work = async {
            for done in [5, 5, 3, 9] {
                progress.done(done);
                tokio::time::sleep(Duration::from_millis(1100)).await;
                seen.extend(next(&mut said));
                assert_eq!(next(&mut said), None);
            }
        };
        notifier.telling(work).await;
        let told: Vec<&Value> = seen.iter().map(|m| &m["params"]["progress"]).collect();
        assert_eq!(told, [&json!(5), &json!(5.001), &json!(5.002), &json!(9)]);
        assert_eq!(seen[2]["params"]["message"], "3 rows");
        assert_eq!(seen[0]["params"]["progressToken"], "t");
        assert_eq!(seen[0]["method"], "notifications/progress");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_does_not_read_holds_nothing_up() {
        let (notifier, mut said) = notifier(wanting(json!(1)), ProtocolVersion::V2024_11_05);
        notifier.progress().done_of(10, 100);
        notifier.telling(tokio::time::sleep(Duration::from_secs(60))).await;
        let first = next(&mut said).expect("a notification");
        let params = json!({ "progressToken": 1, "progress": 10, "total": 100 });
        assert_eq!(first["params"], params, "without a message in 2024-11-05");
        assert_eq!(std::iter::from_fn(|| next(&mut said)).count(), 3, "as many as there is room");
    }

    #[tokio::test]
    async fn messages_come_from_their_level_on() {
        let level = Arc::new(AtomicU8::new(NO_LEVEL));
        let wanted = Wanted { token: None, level: level.clone() };
        let (notifier, mut said) = notifier(wanted, ProtocolVersion::V2025_11_25);
        notifier.message("emergency", "db", json!("a")).await;
        assert_eq!(next(&mut said), None, "nobody asked");
        level.store(3, Ordering::Relaxed);
        for level in ["info", "warning", "error", "no level"] {
            notifier.message(level, "db", json!(level)).await;
        }
        let levels = std::iter::from_fn(|| next(&mut said)).map(|m| m["params"]["level"].clone());
        assert_eq!(levels.collect::<Vec<_>>(), ["warning", "error"]);
        assert!(!notifier.wants_progress());
        notifier.tell_progress(1.0, None, None).await;
        assert_eq!(next(&mut said), None);
    }
}
