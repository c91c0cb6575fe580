//! What a call says before its answer over streamable HTTP, and streams that outlive their
//! connection.

use std::time::Duration;

use mssql_mcp_transports::Change;
use serde_json::{Value, json};

use crate::support::{BOTH, Events, Http, JSON, RESUME, SILENCE, call, request, text_of, whole};

/// The id and the data of an event.
fn parts(event: &str) -> (String, String) {
    let field = |name: &str| event.lines().find_map(|l| l.strip_prefix(name)).map(str::trim);
    (field("id:").unwrap_or_default().to_owned(), field("data:").unwrap_or_default().to_owned())
}

async fn resumed(http: &Http, session: &str, last: &str) -> Events {
    let headers =
        [("accept", "text/event-stream"), ("mcp-session-id", session), ("last-event-id", last)];
    Events::of(http.send("ada", "GET", &headers, "").await)
}

#[tokio::test(start_paused = true)]
async fn a_primed_stream_is_resumed_where_its_client_left_it() {
    let http = Http::new(8);
    let session = http.handshake("2025-11-25", json!({})).await;
    let mut stream = Events::of(http.opened(&session, call(1, "wait")).await);
    let first = stream.next().await.expect("the first event");
    assert!(first.contains("retry: 1000"), "{first}");
    let (primed, nothing) = parts(&first);
    assert_eq!(nothing, "");
    drop(stream);
    tokio::time::sleep(RESUME / 2).await;
    http.center.logged(&["begun"]).await;
    let mut again = resumed(&http, &session, &primed).await;
    http.center.gate.add_permits(1);
    let (last, data) = parts(&again.next().await.expect("the end"));
    let answer: Value = serde_json::from_str(&data).expect("JSON");
    assert_eq!((&answer["id"], &*text_of(&answer)), (&json!(1), "waited"));
    assert_eq!(again.next().await, None);
    // It may have been lost on the way.
    assert_eq!(parts(&resumed(&http, &session, &primed).await.next().await.expect("it")).1, data);
    assert_eq!(resumed(&http, &session, &last).await.next().await, None, "there is no more");
    for (owner, id) in [("eve", &*primed), ("ada", "1-0"), ("ada", "nonsense")] {
        let headers =
            [("accept", "text/event-stream"), ("mcp-session-id", &*session), ("last-event-id", id)];
        let a = whole(http.send(owner, "GET", &headers, "").await).await;
        assert_eq!(a.status, if owner == "eve" { 404 } else { 400 }, "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_come_back_cancels_its_call_after_a_while() {
    let http = Http::new(8);
    let session = http.handshake("2025-11-25", json!({})).await;
    let mut stream = Events::of(http.opened(&session, call(1, "wait")).await);
    assert!(stream.next().await.is_some());
    drop(stream);
    tokio::time::sleep(RESUME - Duration::from_secs(2)).await;
    http.center.logged(&["begun"]).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    http.center.logged(&["begun", "Gone"]).await;
}

#[tokio::test(start_paused = true)]
async fn clients_of_other_revisions_cannot_come_back() {
    let http = Http::new(8);
    let session = http.handshake("2025-06-18", json!({})).await;
    let mut stream = Events::of(http.opened(&session, call(1, "wait")).await);
    assert_eq!(stream.next().await.as_deref(), Some(": keep-alive"), "nothing has an id");
    drop(stream);
    http.center.logged(&["begun", "Gone"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_can_be_made_to_come_back() {
    let http = Http::new(8);
    let session = http.handshake("2025-11-25", json!({})).await;
    let mut stream = Events::of(http.opened(&session, call(1, "poll")).await);
    let (primed, _) = parts(&stream.next().await.expect("the first event"));
    assert_eq!(stream.next().await, None);
    let mut again = resumed(&http, &session, &primed).await;
    http.center.gate.add_permits(1);
    let (_, data) = parts(&again.next().await.expect("the end"));
    assert_eq!(text_of(&serde_json::from_str(&data).expect("JSON")), "waited");
}

#[tokio::test(start_paused = true)]
async fn a_stateless_call_says_how_far_it_is_on_its_stream() {
    let http = Http::new(8);
    let meta = |more: Value| {
        let mut meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        for (key, value) in more.as_object().expect("an object") {
            meta[key] = value.clone();
        }
        request(1, "tools/call", json!({ "name": "work", "_meta": meta }))
    };
    let headers = [
        JSON,
        BOTH,
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "work"),
    ];
    let level = "io.modelcontextprotocol/logLevel";
    let both = meta(json!({ "progressToken": "p", level: "debug" }));
    let mut stream = Events::of(http.send("ada", "POST", &headers, both).await);
    let mut methods = Vec::new();
    let end = loop {
        let message = stream.message().await;
        match message["method"].as_str() {
            Some(method) => methods.push(method.to_owned()),
            None => break message,
        }
    };
    assert_eq!(text_of(&end), "worked");
    let count = |m: &str| methods.iter().filter(|method| *method == m).count();
    assert_eq!((count("notifications/message"), count("notifications/progress")), (3, 3));
    let warnings = meta(json!({ level: "warning" }));
    let stream = http.send("ada", "POST", &headers, warnings).await;
    let mut stream = Events::of(stream);
    assert_eq!(text_of(&stream.message().await), "worked", "nothing is so important");
    let bad = http.send("ada", "POST", &headers, meta(json!({ "progressToken": 1.5 }))).await;
    assert_eq!(whole(bad).await.refusal(), (400, -32602));
}

#[tokio::test(start_paused = true)]
async fn what_changes_is_told_to_who_listens() {
    let http = Http::new(8);
    let session = http.handshake("2025-11-25", json!({})).await;
    let named = [("accept", "text/event-stream"), ("mcp-session-id", &*session)];
    let mut listening = Events::of(http.send("ada", "GET", &named, "").await);
    let wanted = json!({ "notifications": { "resourceSubscriptions": ["a:b"] } });
    let mut subscribed =
        Events::of(http.modern(BOTH, "subscriptions/listen", wanted.clone()).await);
    let first = subscribed.message().await;
    assert_eq!(first["params"]["notifications"], wanted["notifications"]);
    tokio::time::sleep(SILENCE).await;
    http.changes.tell(Change::Resource("a:b".into()));
    http.changes.tell(Change::Prompts);
    let told = subscribed.message().await;
    assert_eq!(told["params"]["uri"], "a:b");
    assert_eq!(told["params"]["_meta"], first["params"]["_meta"]);
    let method = listening.message().await["method"].clone();
    assert_eq!(method, "notifications/prompts/list_changed", "the resource is watched by others");
    drop((listening, subscribed));
    for _ in 0..100 {
        if !http.changes.is_heard() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("somebody still hears what nobody reads");
}
