//! Event streams (HTML Living Standard, "Server-sent events"), as a body polled by hand: messages
//! as they come, comments while nothing is said, and an end.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use http::Response;
use http::header::{self, HeaderName, HeaderValue};
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};

use crate::answer::Answer;
use crate::body::Body;
use crate::encoded::Encoded;

/// What stands before a message that is one line of JSON.
const MESSAGE: &[u8] = b"event: message\ndata: ";
const END_OF_EVENT: &[u8] = b"\n\n";
pub(crate) const KEEP_ALIVE: Bytes = Bytes::from_static(b": keep-alive\n\n");

/// The events of a stream. Polled by hand: an `async` block would hold room for each of its steps,
/// and there are many idle streams.
pub(crate) struct EventStream {
    /// Goes out before anything else.
    first: Option<Bytes>,
    /// A message while it is sent.
    sending: Option<Encoded>,
    messages: mpsc::Receiver<Encoded>,
    end: End,
    /// So much silence is a comment: proxies keep the connection, and only a write shows that a
    /// client is gone.
    keep_alive: Duration,
    timer: Pin<Box<Sleep>>,
}

enum End {
    /// Gives the last message, if there is one. Dropping the stream drops what it holds, and so
    /// cancels what runs.
    Awaited(Pin<Box<dyn Future<Output = Option<Encoded>> + Send>>),
    /// What was said before goes out first.
    Reached(Option<Encoded>),
}

impl EventStream {
    /// Sends `messages` until `end` is ready, then what is left of them, then what `end` gave.
    pub(crate) fn new(
        messages: mpsc::Receiver<Encoded>,
        end: impl Future<Output = Option<Encoded>> + Send + 'static,
        keep_alive: Duration,
    ) -> Self {
        Self {
            first: None,
            sending: None,
            messages,
            end: End::Awaited(Box::pin(end)),
            keep_alive,
            timer: Box::pin(tokio::time::sleep(keep_alive)),
        }
    }

    /// With this message before all others.
    pub(crate) fn after(mut self, message: Encoded) -> Self {
        self.first = Some(self.begin(message));
        self
    }

    /// With an event of another name before all messages; `data` is one line.
    pub(crate) fn after_event(self, name: &str, data: &str) -> Self {
        Self { first: Some(format!("event: {name}\ndata: {data}\n\n").into()), ..self }
    }

    /// The answer that it is the body of.
    pub(crate) fn into_answer(self) -> Answer {
        streamed(Body::Events(Box::pin(self)))
    }

    /// All of a small message, which is one write then, or what stands before a large one.
    fn begin(&mut self, message: Encoded) -> Bytes {
        if message.is_small() {
            self.spoke();
            return one_line(message.into_bytes_between(MESSAGE, END_OF_EVENT));
        }
        self.sending = Some(message);
        Bytes::from_static(MESSAGE)
    }

    /// The silence begins again.
    fn spoke(&mut self) {
        self.timer.as_mut().reset(Instant::now() + self.keep_alive);
    }

    /// The message that is next, or that there is none any more.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Encoded>> {
        if let Poll::Ready(Some(message)) = self.messages.poll_recv(cx) {
            return Poll::Ready(Some(message));
        }
        if let End::Awaited(end) = &mut self.end
            && let Poll::Ready(last) = end.as_mut().poll(cx)
        {
            self.end = End::Reached(last);
        }
        match &mut self.end {
            End::Awaited(_) => Poll::Pending,
            End::Reached(last) => Poll::Ready(self.messages.try_recv().ok().or(last.take())),
        }
    }
}

/// A stream that ends without an event.
pub(crate) fn ended() -> Answer {
    streamed(Body::Empty)
}

/// An event stream: not to be kept, nor gathered by a proxy.
pub(crate) fn streamed(body: Body) -> Answer {
    let mut answer = Response::new(body);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    let buffering = HeaderName::from_static("x-accel-buffering");
    headers.insert(buffering, HeaderValue::from_static("no"));
    answer
}

/// JSON, or a piece of it that ends between two characters, without what some readers of event
/// streams take for the end of a line beside CR and LF (Python's `splitlines`, with which older
/// clients read, and then wait for ever): U+0085, U+2028 and U+2029. In JSON they stand in strings
/// alone, where they can be escaped.
pub(crate) fn one_line(json: Bytes) -> Bytes {
    if json.is_ascii() {
        return json;
    }
    let mut out: Vec<u8> = Vec::new();
    let mut from = 0;
    // Their first bytes are rare ones: only what begins with one is looked at.
    for (at, first) in json.iter().enumerate().filter(|(_, b)| matches!(b, 0xC2 | 0xE2)) {
        let (length, escaped) = match (first, &json[at + 1..]) {
            (0xC2, [0x85, ..]) => (2, b"\\u0085"),
            (0xE2, [0x80, 0xA8, ..]) => (3, b"\\u2028"),
            (0xE2, [0x80, 0xA9, ..]) => (3, b"\\u2029"),
            _ => continue,
        };
        out.extend_from_slice(&json[from..at]);
        out.extend_from_slice(escaped);
        from = at + length;
    }
    if from == 0 {
        return json;
    }
    out.extend_from_slice(&json[from..]);
    out.into()
}

impl Stream for EventStream {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let me = &mut *self;
        if let Some(first) = me.first.take() {
            return Poll::Ready(Some(first));
        }
        if let Some(message) = &mut me.sending {
            let piece = message.next_piece().map(one_line);
            if piece.is_none() {
                me.sending = None;
                me.spoke();
            }
            return Poll::Ready(Some(piece.unwrap_or(Bytes::from_static(END_OF_EVENT))));
        }
        if let Poll::Ready(next) = me.poll_message(cx) {
            return Poll::Ready(next.map(|message| me.begin(message)));
        }
        if me.timer.as_mut().poll(cx).is_ready() {
            me.spoke();
            return Poll::Ready(Some(KEEP_ALIVE));
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, StreamExt};
    use serde_json::{Value, json};
    use tokio::sync::oneshot;

    use super::*;

    const PERIOD: Duration = Duration::from_secs(15);

    fn message(value: Value) -> Encoded {
        Encoded::value(&value)
    }

    /// The pieces up to the end of an event.
    async fn event(stream: &mut EventStream) -> String {
        let mut event = String::new();
        while !event.ends_with("\n\n") {
            let Some(piece) = stream.next().await else { return event };
            event += std::str::from_utf8(&piece).expect("UTF-8");
        }
        event
    }

    #[tokio::test(start_paused = true)]
    async fn messages_go_out_in_their_order_and_the_last_one_ends_it() {
        let (sender, messages) = mpsc::channel(4);
        let (end, ended) = oneshot::channel();
        let mut stream = EventStream::new(messages, ended.map(|e| e.expect("sent")), PERIOD)
            .after(message(json!(0)));
        sender.send(message(json!(1))).await.expect("room");
        assert_eq!(event(&mut stream).await, "event: message\ndata: 0\n\n");
        assert_eq!(event(&mut stream).await, "event: message\ndata: 1\n\n");
        // What was said before the end goes out before the end.
        end.send(Some(message(json!(4)))).expect("waits");
        sender.send(message(json!(2))).await.expect("room");
        sender.send(message(json!(3))).await.expect("room");
        for n in 2..=4 {
            assert_eq!(event(&mut stream).await, format!("event: message\ndata: {n}\n\n"));
        }
        assert_eq!(stream.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_end_waited_for_may_have_said_something_since() {
        let (sender, messages) = mpsc::channel(4);
        let end = async move {
            sender.send(message(json!("late"))).await.expect("room");
            None
        };
        let mut stream =
            EventStream::new(messages, end, PERIOD).after_event("endpoint", "/messages");
        assert_eq!(event(&mut stream).await, "event: endpoint\ndata: /messages\n\n");
        assert_eq!(event(&mut stream).await, "event: message\ndata: \"late\"\n\n");
        assert_eq!(stream.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_since_the_last_event_is_filled_with_comments() {
        let (sender, messages) = mpsc::channel(4);
        let mut stream = EventStream::new(messages, std::future::pending(), PERIOD);
        let start = Instant::now();
        assert_eq!(event(&mut stream).await, ": keep-alive\n\n");
        assert_eq!(start.elapsed(), PERIOD);
        tokio::time::advance(PERIOD / 3).await;
        sender.send(message(json!(1))).await.expect("room");
        assert_eq!(event(&mut stream).await, "event: message\ndata: 1\n\n");
        let said = Instant::now();
        for n in 1..=2 {
            assert_eq!(event(&mut stream).await, ": keep-alive\n\n");
            assert_eq!(said.elapsed(), n * PERIOD);
        }
        drop(sender);
        assert_eq!(event(&mut stream).await, ": keep-alive\n\n", "nobody speaks any more");
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_is_not_interrupted() {
        let (sender, messages) = mpsc::channel(4);
        let mut stream = EventStream::new(messages, std::future::pending(), PERIOD);
        let long = "x".repeat(100_000);
        sender.send(message(json!(long))).await.expect("room");
        assert_eq!(stream.next().await.as_deref(), Some(MESSAGE));
        tokio::time::advance(2 * PERIOD).await;
        assert_eq!(event(&mut stream).await, format!("\"{long}\"\n\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_event_is_one_piece() {
        let (sender, messages) = mpsc::channel(4);
        let mut stream =
            EventStream::new(messages, std::future::pending(), PERIOD).after(message(json!(0)));
        sender.send(message(json!(1))).await.expect("room");
        for n in 0..2 {
            let piece = stream.next().await.expect("an event");
            assert_eq!(piece, format!("event: message\ndata: {n}\n\n"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_some_take_for_the_end_of_a_line_is_escaped() {
        let odd = "a\u{2028}b\u{2029}\u{85}c";
        let (long, near) = ("x".repeat(100_000), "\u{2027}\u{202a}\u{84}\u{86}é\u{28}日");
        for text in [odd.to_owned(), near.to_owned(), format!("{long}{odd}{near}")] {
            let (sender, messages) = mpsc::channel(4);
            let mut stream = EventStream::new(messages, std::future::pending(), PERIOD);
            sender.send(message(json!({ "t": text }))).await.expect("room");
            let event = event(&mut stream).await;
            assert!(!event.contains(['\u{2028}', '\u{2029}', '\u{85}']), "{event}");
            let data = event.strip_prefix("event: message\ndata: ").expect("a message");
            assert_eq!(serde_json::from_str::<Value>(data).expect("JSON"), json!({ "t": text }));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn its_drop_is_that_of_what_it_waits_for() {
        let (held, mut seen) = oneshot::channel::<()>();
        let end = async move {
            std::future::pending::<()>().await;
            drop(held);
            None
        };
        let mut stream = EventStream::new(mpsc::channel(1).1, end, PERIOD);
        assert_eq!(event(&mut stream).await, ": keep-alive\n\n");
        assert!(seen.try_recv().is_err_and(|e| e == oneshot::error::TryRecvError::Empty));
        drop(stream);
        assert!(seen.await.is_err());
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { failure_persistence: None, ..Default::default() })]

        /// Whatever a message holds, an event is one event with one line of data, which says the same,
        /// to readers of every kind.
        #[test]
        fn an_event_is_one_line_whatever_is_in_it(
            text in proptest::prelude::prop_oneof![
                3 => "\\PC{0,40}",
                1 => "[\\x00-\\x1f\\u{85}\\u{2028}\\u{2029}é日]{0,20}",
            ],
            long in proptest::prelude::any::<bool>(),
        ) {
            let text = if long { text.repeat(1 + 70_000 / (text.len() + 1)) } else { text };
            let value = json!({ "t": text });
            let (sender, messages) = mpsc::channel(1);
            sender.try_send(message(value.clone())).expect("room");
            drop(sender);
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().start_paused(true).build().expect("a runtime");
            let event = runtime.block_on(async {
                event(&mut EventStream::new(messages, async { None }, PERIOD)).await
            });
            let data = event.strip_prefix("event: message\ndata: ").and_then(|e| e.strip_suffix("\n\n"));
            let data = data.expect("one event");
            let ends = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}'];
            assert!(!data.contains(ends), "{data:?}");
            assert_eq!(serde_json::from_str::<Value>(data).expect("JSON"), value);
        }
    }
}
