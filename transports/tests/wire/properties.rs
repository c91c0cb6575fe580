//! What must hold whatever comes, and in whatever order: messages, headers, cancellations, lost
//! connections and those who come back.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::stdio::Pipe;
use crate::support::{
    BOTH, Events, Http, JSON, RESUME, call, initialize, notification, request, stateless, whole,
};

fn cases(number: u32) -> ProptestConfig {
    ProptestConfig { cases: number, failure_persistence: None, ..ProptestConfig::default() }
}

/// With time that passes only where nothing else is to be done.
fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(work)
}

/// One step of a client of a session.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Posts a call that waits, with this id.
    Call(u8),
    /// Takes a call back.
    Cancel(u8),
    /// Loses the stream of a call.
    Lose(u8),
    /// Comes back for it.
    Return(u8),
    /// Lets one call end.
    Open,
    /// Time passes.
    Wait(u8),
    /// Ends the session.
    Delete,
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0..4u8;
    prop_oneof![
        4 => id.clone().prop_map(Step::Call),
        2 => id.clone().prop_map(Step::Cancel),
        2 => id.clone().prop_map(Step::Lose),
        2 => id.prop_map(Step::Return),
        2 => Just(Step::Open),
        2 => (0..5u8).prop_map(Step::Wait),
        1 => Just(Step::Delete),
    ]
}

/// A call as its client knows it.
#[derive(Default)]
struct Known {
    /// Its stream, while it is read.
    stream: Option<Events>,
    /// The last event that was read of it.
    last: Option<String>,
    answers: usize,
    /// It was taken back, or its session was ended.
    ended: bool,
    /// The stream was lost, and nobody came back.
    lost: bool,
}

/// A session's client that takes steps.
struct Client {
    http: Http,
    session: String,
    calls: HashMap<u8, Known>,
    begun: usize,
    answers: usize,
}

impl Client {
    /// Reads what has come of a call.
    async fn read(&mut self, id: u8) {
        let Some(known) = self.calls.get_mut(&id) else { return };
        let Some(stream) = &mut known.stream else { return };
        // Nothing comes within the time in which something would.
        while let Ok(next) = tokio::time::timeout(Duration::from_millis(1), stream.next()).await {
            let Some(event) = next else {
                known.stream = None;
                return;
            };
            let field = |name: &str| event.lines().find_map(|l| l.strip_prefix(name));
            if let Some(event_id) = field("id: ") {
                known.last = Some(event_id.to_owned());
            }
            if let Some(data) = field("data: ").filter(|d| !d.trim().is_empty()) {
                let message: Value = serde_json::from_str(data).expect("JSON");
                assert_eq!(message["id"], id, "its own answer");
                known.answers += 1;
                self.answers += 1;
            }
        }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Call(id) if !self.calls.contains_key(&id) => {
                let answer = self.http.opened(&self.session, call(id, "wait")).await;
                if answer.status() == 404 {
                    return;
                }
                self.begun += 1;
                let stream = answer.headers()["content-type"] == "text/event-stream";
                let mut known = Known::default();
                if stream {
                    known.stream = Some(Events::of(answer));
                } else {
                    let answer = whole(answer).await.json();
                    assert_eq!(answer["id"], id);
                    (known.answers, self.answers) = (1, self.answers + 1);
                }
                self.calls.insert(id, known);
            }
            Step::Cancel(id) => {
                let params = json!({ "requestId": id });
                let cancel = notification("notifications/cancelled", params);
                let answer = self.http.in_session(&self.session, cancel).await;
                if let (202, Some(known)) = (answer.status, self.calls.get_mut(&id)) {
                    known.ended = true;
                }
            }
            Step::Lose(id) => {
                if let Some(known) = self.calls.get_mut(&id)
                    && known.stream.take().is_some()
                {
                    known.lost = true;
                }
            }
            Step::Return(id) => self.come_back(id).await,
            Step::Open => self.http.center.gate.add_permits(1),
            Step::Wait(seconds) => tokio::time::sleep(Duration::from_secs(seconds.into())).await,
            Step::Delete => {
                let named = [("mcp-session-id", &*self.session)];
                whole(self.http.send("ada", "DELETE", &named, "").await).await;
                self.calls.values_mut().for_each(|known| known.ended = true);
            }
            Step::Call(_) => {}
        }
    }

    async fn come_back(&mut self, id: u8) {
        let Some(known) = self.calls.get_mut(&id) else { return };
        let (Some(last), None) = (&known.last, &known.stream) else { return };
        let headers = [
            ("accept", "text/event-stream"),
            ("mcp-session-id", &*self.session),
            ("last-event-id", last),
        ];
        let answer = self.http.send("ada", "GET", &headers, "").await;
        if answer.status() == 200 {
            known.stream = Some(Events::of(answer));
            known.lost = false;
        }
    }
}

proptest! {
    #![proptest_config(cases(96))]

    /// Whatever a client does: each call that it waits for is answered once, none is answered twice,
    /// and in the end nothing runs.
    #[test]
    fn a_session_answers_once_and_leaves_nothing_behind(
        version in select(vec!["2025-03-26", "2025-06-18", "2025-11-25"]),
        steps in proptest::collection::vec(step(), 1..24),
    ) {
        run(async {
            let http = Http::new(8);
            let session = http.handshake(version, json!({})).await;
            let mut client =
                Client { http, session, calls: HashMap::new(), begun: 0, answers: 0 };
            for step in steps {
                client.take(step).await;
                for id in 0..4 {
                    client.read(id).await;
                }
            }
            client.http.center.gate.add_permits(8);
            tokio::time::sleep(3 * RESUME).await;
            for id in 0..4 {
                client.read(id).await;
            }
            for (id, known) in &client.calls {
                assert!(known.answers <= 1, "{id} was answered {} times", known.answers);
                if !known.ended && !known.lost {
                    assert_eq!(known.answers, 1, "{id}");
                }
            }
            // Each call of the center had its end: it was let go, or told why it has to stop.
            let log = client.http.center.log.lock().expect("log").clone();
            let begun = log.iter().filter(|l| *l == "begun").count();
            assert_eq!(begun, client.begun);
            let stopped = log.len() - begun;
            let let_go = 8 + 24 - client.http.center.gate.available_permits();
            assert!(client.answers + stopped <= begun && begun <= stopped + let_go, "{log:?}");
            // Nothing keeps the session from being let go of.
            tokio::time::sleep(Duration::from_secs(4000)).await;
            client.http.sessions.sweep();
            assert!(client.http.sessions.is_empty(), "something runs in it still");
        });
    }

    /// Whatever comes over the pipe: each request is answered at most once, each line that cannot be
    /// read has one error, and the next request is answered as ever.
    #[test]
    fn a_pipe_goes_on_whatever_comes(
        lines in proptest::collection::vec(line(), 1..12),
    ) {
        run(async {
            let mut pipe = Pipe::new();
            for line in &lines {
                pipe.raw(line).await;
                pipe.raw("\n").await;
            }
            pipe.center.gate.add_permits(64);
            pipe.say(stateless("last", "tools/call", json!({ "name": "context" }))).await;
            let mut answered: HashMap<String, usize> = HashMap::new();
            let last = loop {
                let message = pipe.read().await;
                assert_eq!(message["jsonrpc"], "2.0");
                if message["id"] == "last" {
                    break message;
                }
                assert!(message.get("result").is_some() != message.get("error").is_some());
                *answered.entry(message["id"].to_string()).or_default() += 1;
            };
            assert!(last.get("result").is_some(), "{last}");
            let asked = |id: &str| lines.iter().filter(|l| {
                let line: Value = serde_json::from_slice(l).unwrap_or_default();
                let its = line["id"].to_string();
                its == id
            }).count();
            for (id, times) in answered.iter().filter(|(id, _)| *id != "null") {
                assert!(*times <= asked(id), "{id} was asked {} and answered {times}", asked(id));
            }
        });
    }

    /// A stateless request is admitted if its headers say what its body says, however they are
    /// written, and otherwise refused with the code for it.
    #[test]
    fn headers_say_what_the_body_says_or_the_request_is_refused(
        version in header("2026-07-28"),
        method in header("tools/call"),
        name in header("context"),
    ) {
        run(async {
            let http = Http::new(1);
            let mut headers = vec![JSON, BOTH];
            for (key, values) in [
                ("MCP-Protocol-Version", &version),
                ("mcp-method", &method),
                ("Mcp-Name", &name),
            ] {
                headers.extend(values.iter().map(|v| (key, v.as_str())));
            }
            let body = stateless(1, "tools/call", json!({ "name": "context" }));
            let answer = whole(http.send("ada", "POST", &headers, body).await).await;
            let says = |values: &[String], what: &str| {
                matches!(values, [one] if one.trim_matches([' ', '\t']) == what)
            };
            let right = says(&version, "2026-07-28")
                && says(&method, "tools/call")
                && (says(&name, "context") || says(&name, "=?base64?Y29udGV4dA==?="));
            if right {
                assert_eq!(answer.status, 200, "{answer:?}");
            } else {
                assert_eq!(answer.status, 400, "{answer:?}");
                assert!(answer.json()["error"]["code"].as_i64().is_some_and(|c| c < 0));
            }
        });
    }
}

/// A header: as it should be, in another spelling, another, or none. One that is there twice is
/// refused before a transport sees it.
fn header(right: &'static str) -> impl Strategy<Value = Vec<String>> {
    let upper = right.to_uppercase();
    let one = prop_oneof![
        6 => Just(right.to_owned()),
        1 => Just(format!(" {right}\t")),
        1 => Just(format!("{right}x")),
        1 => Just(upper),
        1 => Just("=?base64?Y29udGV4dA==?=".to_owned()),
        1 => Just("=?base64?Y29udGV4dA?=".to_owned()),
        1 => "[ -~]{0,12}",
    ];
    prop_oneof![
        6 => one.prop_map(|v| vec![v]),
        1 => Just(Vec::new()),
    ]
}

/// A line: a message, one that is nearly one, or anything.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let id = prop_oneof![
        (0..3i64).prop_map(Value::from),
        Just(json!("a")),
        Just(json!(1.5)),
        Just(Value::Null),
        Just(json!([])),
    ];
    let method = select(vec![
        "tools/call",
        "tools/list",
        "ping",
        "initialize",
        "logging/setLevel",
        "resources/subscribe",
        "subscriptions/listen",
        "nothing",
        "",
    ]);
    let params = prop_oneof![
        Just(json!({ "name": "wait" })),
        Just(json!({ "name": "context" })),
        Just(json!({ "protocolVersion": "2025-06-18" })),
        Just(json!({ "level": "info", "uri": "a:b", "_meta": { "progressToken": "t" } })),
        Just(json!([1])),
        Just(json!({ "_meta": 7 })),
    ];
    let message = (id.clone(), method, params)
        .prop_map(|(id, method, params)| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
    let cancel = id
        .clone()
        .prop_map(|id| notification("notifications/cancelled", json!({ "requestId": id })));
    let response = id.prop_map(|id| json!({ "jsonrpc": "2.0", "id": id, "result": {} }));
    let whole = prop_oneof![
        4 => message,
        1 => cancel,
        1 => response,
        1 => Just(initialize("2025-11-25", json!({}))),
        1 => Just(request(9, "tools/call", json!({ "name": "wait" }))),
    ];
    prop_oneof![
        6 => whole.clone().prop_map(|m| m.to_string().into_bytes()),
        1 => (whole.clone(), any::<prop::sample::Index>()).prop_map(|(m, at)| {
            let text = m.to_string();
            text.as_bytes()[..at.index(text.len())].to_vec()
        }),
        1 => (whole, any::<prop::sample::Index>(), any::<u8>()).prop_map(|(m, at, byte)| {
            let mut bytes = m.to_string().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = if byte == b'\n' { b' ' } else { byte };
            bytes
        }),
        1 => proptest::collection::vec(any::<u8>().prop_filter("one line", |b| *b != b'\n'), 0..40),
    ]
}
