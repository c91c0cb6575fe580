//! A line is a message, over a pair of pipes.

use std::time::Duration;

use mssql_mcp_transports::stdio::{self, Options, Stop};
use mssql_mcp_transports::{Change, Changes};
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf,
};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::support::{
    Center, INFO, Owner, PATIENCE, call, initialize, notification, request, stateless, text_of,
};

const DRAIN: Duration = Duration::from_secs(10);
const MAX: usize = 1000;

/// A server at the other end of two pipes.
pub struct Pipe {
    pub center: Center,
    stop: Stop,
    changes: Changes,
    input: Option<WriteHalf<DuplexStream>>,
    output: Lines<BufReader<ReadHalf<DuplexStream>>>,
    served: JoinHandle<std::io::Result<()>>,
}

impl Pipe {
    pub fn new() -> Self {
        let (center, stop) = (Center::new(), Stop::default());
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let (output, input) = tokio::io::split(ours);
        let (read, write) = tokio::io::split(theirs);
        let mut extensions = http::Extensions::new();
        extensions.insert(Owner("me"));
        let changes = Changes::default();
        let options = Options {
            max_message: MAX,
            drain: DRAIN,
            extensions,
            info: INFO,
            changes: changes.clone(),
        };
        let (service, stops) = (center.service(), stop.clone());
        let served = tokio::spawn(async move {
            stdio::serve(service, BufReader::new(read), write, options, stops).await
        });
        let output = BufReader::new(output).lines();
        Self { center, stop, changes, input: Some(input), output, served }
    }

    async fn with_session(version: &str, capabilities: Value) -> Self {
        let mut pipe = Self::new();
        let answer = pipe.ask(initialize(version, capabilities)).await;
        assert_eq!(answer["result"]["protocolVersion"], version);
        pipe
    }

    pub async fn raw(&mut self, text: impl AsRef<[u8]>) {
        self.input.as_mut().expect("open").write_all(text.as_ref()).await.expect("written");
    }

    pub async fn say(&mut self, message: Value) {
        self.raw(format!("{message}\n")).await;
    }

    /// The next line; none at the end.
    async fn next(&mut self) -> Option<Value> {
        let line = tokio::time::timeout(PATIENCE, self.output.next_line()).await;
        let line = line.expect("an answer").expect("read")?;
        Some(serde_json::from_str(&line).expect("JSON"))
    }

    pub async fn read(&mut self) -> Value {
        self.next().await.expect("a line")
    }

    async fn ask(&mut self, message: Value) -> Value {
        self.say(message).await;
        self.read().await
    }

    /// Closes the input.
    async fn close(&mut self) {
        if let Some(mut input) = self.input.take() {
            input.shutdown().await.expect("closed");
        }
    }
}

fn ping(id: u32) -> Value {
    request(id, "ping", json!({}))
}

fn code(answer: &Value) -> i64 {
    answer["error"]["code"].as_i64().unwrap_or_default()
}

#[tokio::test]
async fn lines_are_messages_up_to_a_length() {
    let mut pipe = Pipe::new();
    pipe.raw("\n  \r\n").await;
    pipe.raw(format!("  {} \r\n", ping(1))).await;
    assert_eq!(pipe.read().await["id"], json!(1), "empty lines are none");
    let padded = |n: usize| format!("{}{}", ping(2), " ".repeat(n - ping(2).to_string().len()));
    pipe.raw(padded(MAX) + "\n").await;
    assert_eq!(pipe.read().await["id"], json!(2), "the longest");
    // In pieces, and with what follows in one of them.
    let long = padded(MAX + 1);
    pipe.raw(&long[..500]).await;
    tokio::task::yield_now().await;
    pipe.raw(format!("{}\n{}\n", &long[500..], ping(3))).await;
    let refused = pipe.read().await;
    assert_eq!((code(&refused), &refused["id"]), (-32600, &json!(2)), "it is known whose it is");
    let message = "Invalid Request: a message of 1001 bytes; the limit is 1000";
    assert_eq!(refused["error"]["message"], message);
    assert_eq!(pipe.read().await["id"], json!(3));
    // In one piece.
    pipe.raw(long + "\n").await;
    assert_eq!(pipe.read().await["error"]["message"], message);
    // In pieces of which the first one is too long already.
    pipe.raw("x".repeat(1500)).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    pipe.raw("x".repeat(500) + "\n").await;
    let message = "Invalid Request: a message of 2000 bytes; the limit is 1000";
    let refused = pipe.read().await;
    assert_eq!((&refused["error"]["message"], refused.get("id")), (&json!(message), None));
    // Where the id comes last.
    let head = format!(r#"{{"method":"x","params":{{"id":1,"a":"{}"}},"#, "y".repeat(MAX));
    pipe.raw(head).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    pipe.raw("\"jsonrpc\":\"2.0\",\"id\":\"last\"}\n").await;
    assert_eq!(pipe.read().await["id"], json!("last"));
    let odd = pipe.ask(json!({ "jsonrpc": "2.0", "id": 1.5, "method": "ping" })).await;
    assert_eq!((code(&odd), &odd["id"]), (-32600, &json!(1.5)), "no id, but known to its client");
    pipe.raw("{\n").await;
    assert_eq!(code(&pipe.read().await), -32700);
    // The last line needs no newline; then it is over.
    pipe.raw(ping(4).to_string()).await;
    pipe.close().await;
    assert_eq!(pipe.read().await["id"], json!(4));
    assert_eq!(pipe.next().await, None);
    assert!(pipe.served.await.expect("task").is_ok());
}

#[tokio::test]
async fn the_session_of_the_process() {
    let mut pipe = Pipe::new();
    let early = pipe.ask(request(1, "tools/list", json!({}))).await;
    assert_eq!((code(&early), &early["id"]), (-32600, &json!(1)));
    assert_eq!(pipe.ask(ping(2)).await["result"], json!({}));
    pipe.say(notification("notifications/cancelled", json!({ "requestId": 1 }))).await;
    pipe.say(json!({ "jsonrpc": "2.0", "id": 1, "result": {} })).await;
    let bad = pipe.ask(request(3, "initialize", json!({}))).await;
    assert_eq!((code(&bad), &bad["id"]), (-32602, &json!(3)));
    let opened = pipe.ask(initialize("2025-11-25", json!({}))).await;
    assert_eq!((&opened["id"], &opened["result"]["instructions"]), (&json!(0), &json!("Be kind.")));
    let context: Value =
        serde_json::from_str(&text_of(&pipe.ask(call(4, "context")).await)).expect("JSON");
    assert_eq!(
        (&context["transport"], &context["owner"], &context["client"]),
        (&json!("stdio"), &json!("me"), &json!("t"))
    );
    assert_eq!(code(&pipe.ask(request(5, "server/discover", json!({}))).await), -32601);
    assert_eq!(code(&pipe.ask(request(6, "x", json!({ "_meta": 1 }))).await), -32602);
}

#[tokio::test]
async fn a_second_initialize_replaces_the_session() {
    let mut pipe = Pipe::with_session("2025-11-25", json!({})).await;
    pipe.say(call(1, "wait")).await;
    pipe.center.logged(&["begun"]).await;
    let again = pipe.ask(initialize("2025-03-26", json!({}))).await;
    assert_eq!(again["result"]["protocolVersion"], "2025-03-26");
    pipe.center.logged(&["begun", "Ended"]).await;
    let answer = pipe.ask(call(1, "context")).await;
    let context: Value = serde_json::from_str(&text_of(&answer)).expect("JSON");
    assert_eq!(context["version"], "2025-03-26", "and nothing was said of the other call");
}

#[tokio::test]
async fn what_changes_is_told_to_the_session_and_to_subscriptions() {
    let mut pipe = Pipe::with_session("2025-06-18", json!({})).await;
    let changed = |what: &str| json!({ "jsonrpc": "2.0", "method": what, "params": {} });
    pipe.changes.tell(Change::Tools);
    assert_eq!(pipe.next().await, Some(changed("notifications/tools/list_changed")));
    pipe.changes.tell(Change::Resource("a:b".into()));
    let watched = pipe.ask(request(1, "resources/subscribe", json!({ "uri": "a:b" }))).await;
    assert_eq!(watched["result"], json!({}));
    let none = pipe.ask(request(2, "resources/subscribe", json!({ "uri": "a:none" }))).await;
    assert_eq!((code(&none), &none["error"]["data"]["uri"]), (-32002, &json!("a:none")));
    for uri in ["a:none", "a:b"] {
        pipe.changes.tell(Change::Resource(uri.into()));
    }
    let updated = pipe.read().await;
    assert_eq!(updated["method"], "notifications/resources/updated");
    assert_eq!(updated["params"], json!({ "uri": "a:b" }));
    pipe.ask(request(3, "resources/unsubscribe", json!({ "uri": "a:b" }))).await;
    let wanted = json!({ "toolsListChanged": true, "promptsListChanged": true });
    let listen = stateless("s", "subscriptions/listen", json!({ "notifications": wanted }));
    let first = pipe.ask(listen).await;
    assert_eq!(first["params"]["notifications"], json!({ "toolsListChanged": true }));
    pipe.changes.tell(Change::Resource("a:b".into()));
    pipe.changes.tell(Change::Resources);
    pipe.changes.tell(Change::Tools);
    let mut told = Vec::new();
    for _ in 0..3 {
        let message = pipe.read().await;
        let of = &message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
        told.push((message["method"].clone(), of.clone()));
    }
    let (tools, resources) =
        ("notifications/tools/list_changed", "notifications/resources/list_changed");
    for expected in [(json!(resources), Value::Null), (json!(tools), Value::Null)] {
        assert!(told.contains(&expected), "{told:?}");
    }
    assert!(told.contains(&(json!(tools), json!("s"))), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_says_how_far_it_is_and_what_it_does() {
    let mut pipe = Pipe::with_session("2025-06-18", json!({})).await;
    let work =
        |id: u8, meta: Value| request(id, "tools/call", json!({ "name": "work", "_meta": meta }));
    assert_eq!(text_of(&pipe.ask(work(1, json!({}))).await), "worked", "nobody asked for more");
    assert_eq!(code(&pipe.ask(work(2, json!({ "progressToken": [] }))).await), -32602);
    let bad = pipe.ask(request(3, "logging/setLevel", json!({ "level": "loud" }))).await;
    assert_eq!(code(&bad), -32602);
    pipe.ask(request(3, "logging/setLevel", json!({ "level": "info" }))).await;
    pipe.say(work(4, json!({ "progressToken": 7 }))).await;
    let mut said = Vec::new();
    let end = loop {
        let message = pipe.read().await;
        match message["method"].as_str() {
            Some("notifications/progress") => said.push(message["params"]["message"].clone()),
            Some("notifications/message") => said.push(message["params"]["data"].clone()),
            _ => break message,
        }
    };
    assert_eq!((&end["id"], &*text_of(&end)), (&json!(4), "worked"));
    let lines = ["step 1", "1 steps", "step 2", "2 steps", "step 3", "3 steps"];
    assert_eq!(said, lines.map(Value::from));
}

#[tokio::test]
async fn stateless_requests_need_no_session() {
    let mut pipe = Pipe::new();
    let answer = pipe.ask(stateless("x", "tools/call", json!({ "name": "context" }))).await;
    let context: Value = serde_json::from_str(&text_of(&answer)).expect("JSON");
    assert_eq!((&answer["id"], &context["version"]), (&json!("x"), &json!("2026-07-28")));
    let bare = pipe.ask(request(1, "server/discover", json!({}))).await;
    assert_eq!((code(&bare), &bare["id"]), (-32602, &json!(1)), "it is told what is missing");
    for (version, expected) in [("2099-01-01", -32022), ("2025-11-25", -32022)] {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let answer = pipe.ask(request(2, "tools/list", json!({ "_meta": meta }))).await;
        assert_eq!((code(&answer), &answer["id"]), (expected, &json!(2)), "{answer}");
        assert_eq!(answer["error"]["data"]["requested"], version);
    }
    for removed in
        ["ping", "initialize", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"]
    {
        assert_eq!(code(&pipe.ask(stateless(3, removed, json!({}))).await), -32601, "{removed}");
    }
    let scopes = pipe.ask(stateless(4, "tools/call", json!({ "name": "scope" }))).await;
    assert_eq!(scopes["result"]["isError"], json!(true), "nobody can be asked for more");
    assert!(scopes["result"]["_meta"].get("mcp/www_authenticate").is_none());
    // Nor is the session touched that there may be beside them.
    assert_eq!(pipe.ask(initialize("2025-11-25", json!({}))).await["id"], json!(0));
    let found = pipe.ask(stateless(5, "server/discover", json!({}))).await;
    assert_eq!(found["result"]["instructions"], "Be kind.");
}

#[tokio::test(start_paused = true)]
async fn ids_that_run_are_in_use_and_can_be_cancelled_in_both_eras() {
    for modern in [false, true] {
        let mut pipe = Pipe::with_session("2025-06-18", json!({})).await;
        let of = |tool: &str| match modern {
            true => stateless(1, "tools/call", json!({ "name": tool })),
            false => call(1, tool),
        };
        pipe.say(of("wait")).await;
        pipe.center.logged(&["begun"]).await;
        assert_eq!(code(&pipe.ask(of("context")).await), -32600);
        pipe.say(notification("notifications/cancelled", json!({ "requestId": 1 }))).await;
        pipe.center.logged(&["begun", "Asked"]).await;
        tokio::task::yield_now().await;
        assert_eq!(pipe.ask(of("context")).await["id"], json!(1), "no answer but this");
    }
}

#[tokio::test]
async fn a_question_is_a_request_to_the_client() {
    let mut pipe = Pipe::with_session("2025-06-18", json!({ "elicitation": {} })).await;
    let question = pipe.ask(call(1, "ask")).await;
    assert_eq!((&question["id"], &question["method"]), (&json!(1), &json!("elicitation/create")));
    assert_eq!(pipe.ask(ping(2)).await["id"], json!(2), "meanwhile others are answered");
    let refused = json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": 1 } });
    assert_eq!(text_of(&pipe.ask(refused).await), r#"{"action":"cancel","error":{"code":1}} kept"#);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_input_waits_for_calls_and_then_cancels_them() {
    let start = Instant::now();
    let mut pipe = Pipe::with_session("2025-06-18", json!({})).await;
    pipe.say(call(1, "wait")).await;
    pipe.center.logged(&["begun"]).await;
    pipe.close().await;
    tokio::time::sleep(DRAIN / 2).await;
    pipe.center.gate.add_permits(1);
    assert_eq!(text_of(&pipe.read().await), "waited");
    assert_eq!(pipe.next().await, None);
    assert!(pipe.served.await.expect("task").is_ok());
    assert!(start.elapsed() < DRAIN, "nobody waited for the rest of it");
    // In both eras the client still listens, and so is told.
    for message in [call(1, "wait"), stateless(1, "tools/call", json!({ "name": "wait" }))] {
        let mut pipe = Pipe::with_session("2025-06-18", json!({})).await;
        pipe.say(message).await;
        pipe.center.logged(&["begun"]).await;
        let start = Instant::now();
        pipe.stop.closing.cancel();
        assert_eq!(text_of(&pipe.read().await), "stopping");
        assert_eq!(start.elapsed(), DRAIN);
        pipe.center.logged(&["begun", "Closing"]).await;
        assert_eq!(pipe.next().await, None);
        assert!(pipe.served.await.expect("task").is_ok());
    }
}

/// SDKs close the input, send SIGTERM after two seconds, and kill after two more.
#[tokio::test(start_paused = true)]
async fn who_is_asked_to_stop_while_waiting_waits_no_longer() {
    for (closes, twice) in [(true, false), (false, true)] {
        let mut pipe = Pipe::with_session("2025-06-18", json!({})).await;
        pipe.say(call(1, "wait")).await;
        pipe.center.logged(&["begun"]).await;
        let start = Instant::now();
        if closes {
            pipe.close().await;
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        pipe.stop.closing.cancel();
        if twice {
            tokio::time::sleep(Duration::from_secs(2)).await;
            pipe.center.logged(&["begun"]).await;
            pipe.stop.now.cancel();
        }
        assert_eq!(text_of(&pipe.read().await), "stopping");
        assert_eq!(pipe.next().await, None);
        assert!(pipe.served.await.expect("task").is_ok());
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        pipe.center.logged(&["begun", "Closing"]).await;
    }
}

/// Though the input is open: nobody would hear what came of it.
#[tokio::test(start_paused = true)]
async fn an_output_that_nobody_reads_cancels_calls_and_is_the_end() {
    // It is found out by a write, or told.
    for writes in [true, false] {
        let (center, stop) = (Center::new(), Stop::default());
        let (mut input, read) = tokio::io::duplex(1 << 20);
        let (write, output) = tokio::io::duplex(1 << 20);
        let options = Options {
            max_message: MAX,
            drain: DRAIN,
            extensions: Default::default(),
            info: INFO,
            changes: Changes::default(),
        };
        let served = tokio::spawn(stdio::serve(
            center.service(),
            BufReader::new(read),
            write,
            options,
            stop.clone(),
        ));
        let waits = stateless(1, "tools/call", json!({ "name": "wait" }));
        input.write_all(format!("{waits}\n").as_bytes()).await.expect("written");
        center.logged(&["begun"]).await;
        let start = Instant::now();
        drop(output);
        match writes {
            true => input.write_all(format!("{}\n", ping(2)).as_bytes()).await.expect("written"),
            false => stop.gone.cancel(),
        }
        center.logged(&["begun", "Gone"]).await;
        assert_eq!(served.await.expect("task").is_err(), writes, "{writes}");
        assert!(start.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_is_acknowledged_and_its_id_is_in_use() {
    let mut pipe = Pipe::new();
    let listen = || stateless("s", "subscriptions/listen", json!({}));
    let first = pipe.ask(listen()).await;
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(first["params"]["_meta"], json!({ "io.modelcontextprotocol/subscriptionId": "s" }));
    assert_eq!(code(&pipe.ask(listen()).await), -32600);
    pipe.say(notification("notifications/cancelled", json!({ "requestId": "s" }))).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(pipe.ask(listen()).await["method"], first["method"]);
    // It holds nothing up, and its client is told that it has ended.
    let start = Instant::now();
    pipe.close().await;
    let ended = pipe.read().await;
    assert_eq!((&ended["id"], &ended["result"]["resultType"]), (&json!("s"), &json!("complete")));
    let told = json!({ "requestId": "s", "reason": "The server stops" });
    assert_eq!(pipe.next().await, Some(notification("notifications/cancelled", told)));
    assert_eq!(pipe.next().await, None);
    assert!(pipe.served.await.expect("task").is_ok());
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_large_answer_is_one_line() {
    let mut pipe = Pipe::new();
    let answer = pipe.ask(stateless(1, "tools/call", json!({ "name": "large" }))).await;
    let text: Value = serde_json::from_str(&text_of(&answer)).expect("JSON");
    assert_eq!(text, answer["result"]["structuredContent"]);
    assert_eq!(pipe.ask(stateless(2, "tools/list", json!({}))).await["id"], json!(2));
}

#[tokio::test]
async fn a_batch_is_for_sessions_of_one_revision() {
    let mut pipe = Pipe::with_session("2025-03-26", json!({})).await;
    pipe.say(json!([ping(1), call(2, "nope")])).await;
    assert_eq!(pipe.read().await["id"], json!(1));
    assert_eq!(code(&pipe.read().await), -32602);
    assert_eq!(code(&pipe.ask(json!([])).await), -32600);
    for mut other in [Pipe::new(), Pipe::with_session("2025-06-18", json!({})).await] {
        let answer = other.ask(json!([ping(1)])).await;
        assert_eq!((code(&answer), answer.get("id")), (-32600, None));
    }
}

#[tokio::test]
async fn what_cannot_be_written_is_an_error() {
    let (ours, theirs) = tokio::io::duplex(64);
    drop(ours);
    let extensions = http::Extensions::new();
    let options = Options {
        max_message: MAX,
        drain: DRAIN,
        extensions,
        info: INFO,
        changes: Changes::default(),
    };
    let (input, stop) = (format!("{}\n", ping(1)), Stop::default());
    let service = Center::new().service();
    let served = stdio::serve(service, input.as_bytes(), theirs, options, stop).await;
    assert_eq!(served.expect_err("nobody reads").kind(), std::io::ErrorKind::BrokenPipe);
}
