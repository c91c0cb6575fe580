//! HTTP+SSE: the stream is the session, and posts are answered on it.

use std::time::Duration;

use http_body_util::BodyExt;
use mssql_mcp_transports::sse::SessionId;
use serde_json::json;
use tokio::time::Instant;

use crate::support::{
    Events, HttpSse, JSON, KEEP_ALIVE, call, initialize, notification, request, send, stateless,
    text_of, whole,
};

#[tokio::test]
async fn a_stream_says_where_to_post_and_a_post_is_answered_on_it() {
    let sse = HttpSse::new(8);
    let response = sse.open("ada").await;
    let SessionId(id) = response.extensions().get().cloned().expect("the session");
    let mut events = Events::of(response);
    let endpoint = format!("/messages?session_id={id}");
    assert_eq!(events.next().await, Some(format!("event: endpoint\ndata: {endpoint}")));
    assert!(id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    assert_eq!(sse.streams.len(), 1);
    let posted = send(
        sse.service.clone(),
        "ada",
        "POST",
        &endpoint,
        &[JSON],
        initialize("2024-11-05", json!({})),
    )
    .await;
    let session: &SessionId = posted.extensions().get().expect("the session");
    assert_eq!(session.0, id);
    let a = whole(posted).await;
    assert_eq!((a.status, &*a.body), (202, ""));
    assert_eq!(events.message().await["result"]["protocolVersion"], "2024-11-05");
    sse.say(&endpoint, call("c", "context")).await;
    let context: serde_json::Value =
        serde_json::from_str(&text_of(&events.message().await)).expect("JSON");
    assert_eq!(
        (&context["transport"], &context["version"], &context["owner"]),
        (&json!("sse"), &json!("2024-11-05"), &json!("ada"))
    );
    // Some clients spell the parameter otherwise, or send others with it.
    for spelt in [format!("/messages?x=1&sessionId={id}"), format!("/messages?session_id={id}&y")] {
        sse.say(&spelt, request(2, "ping", json!({}))).await;
        assert_eq!(events.message().await["result"], json!({}));
    }
    // What is no message is told on the stream.
    sse.say(&endpoint, "{").await;
    assert_eq!(events.message().await["error"]["code"], json!(-32700));
}

#[tokio::test]
async fn what_is_refused_and_in_which_order() {
    let sse = HttpSse::new(8);
    let (_events, endpoint) = sse.stream("ada").await;
    let put = whole(send(sse.service.clone(), "ada", "PUT", &endpoint, &[JSON], "").await).await;
    assert_eq!((put.status, put.header("allow")), (405, Some("GET, POST")));
    for method in ["GET", "PUT", "DELETE"] {
        let messages = sse.service.messages();
        let a = whole(send(messages, "ada", method, &endpoint, &[JSON], "").await).await;
        assert_eq!((a.status, a.header("allow")), (405, Some("POST")), "{method}");
    }
    assert_eq!(sse.streams.len(), 1, "none was opened");
    let ping = request(1, "ping", json!({}));
    let a =
        whole(send(sse.service.messages(), "ada", "POST", &endpoint, &[JSON], ping).await).await;
    assert_eq!(a.status, 202);
    let json_only = [("accept", "application/json")];
    let a = whole(send(sse.service.clone(), "ada", "GET", "/sse", &json_only, "").await).await;
    assert_eq!(a.refusal(), (406, -32600));
    let any = send(sse.service.clone(), "ada", "GET", "/sse", &[], "").await;
    assert_eq!(any.status(), 200, "no Accept takes all");
    let text = [("content-type", "text/plain")];
    let too_long = " ".repeat(100_001);
    for (what, owner, to, headers, body, status) in [
        ("names no session", "ada", "/messages", &text[..], "{}", 400),
        ("an unknown session", "ada", "/messages?session_id=guess", &text[..], "{}", 404),
        ("somebody else's", "eve", &*endpoint, &text[..], "{}", 404),
        ("another media type", "ada", &*endpoint, &text[..], &*too_long, 415),
        ("no media type", "ada", &*endpoint, &[][..], "{}", 415),
        ("too long", "ada", &*endpoint, &[JSON][..], &*too_long, 413),
    ] {
        let a = whole(send(sse.service.clone(), owner, "POST", to, headers, body).await).await;
        assert_eq!(a.refusal(), (status, -32600), "{what}: {a:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_is_kept_alive() {
    let sse = HttpSse::new(8);
    let (mut events, _) = sse.stream("ada").await;
    let start = Instant::now();
    for n in 1..=3 {
        assert_eq!(events.next().await.as_deref(), Some(": keep-alive"));
        assert_eq!(start.elapsed(), n * KEEP_ALIVE);
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_stream_ends_its_session_and_what_runs_in_it() {
    let sse = HttpSse::new(8);
    let (events, endpoint) = sse.session("2025-06-18").await;
    sse.say(&endpoint, call(1, "wait")).await;
    sse.say(&endpoint, stateless(2, "tools/call", json!({ "name": "wait" }))).await;
    sse.center.logged(&["begun", "begun"]).await;
    drop(events);
    sse.center.logged(&["begun", "begun", "Gone", "Gone"]).await;
    assert!(sse.streams.is_empty());
    assert_eq!(sse.post("ada", &endpoint, call(3, "wait")).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_is_not_answered() {
    let sse = HttpSse::new(8);
    let (mut events, endpoint) = sse.session("2025-06-18").await;
    sse.say(&endpoint, call(1, "wait")).await;
    sse.say(&endpoint, call(1, "context")).await;
    assert_eq!(events.message().await["error"]["code"], json!(-32600), "the id is in use");
    sse.say(&endpoint, notification("notifications/cancelled", json!({ "requestId": 1 }))).await;
    sse.center.logged(&["begun", "Asked"]).await;
    sse.say(&endpoint, call(1, "context")).await;
    let next = events.message().await;
    assert_eq!((&next["id"], next.get("error")), (&json!(1), None));
}

#[tokio::test(start_paused = true)]
async fn a_question_and_its_answer_pass_the_stream() {
    let sse = HttpSse::new(8);
    let (mut events, endpoint) = sse.session("2025-06-18").await;
    sse.say(&endpoint, call(1, "ask")).await;
    let question = events.message().await;
    assert_eq!(question["method"], "elicitation/create");
    let answer = json!({ "jsonrpc": "2.0", "id": question["id"], "result": "Ada" });
    sse.say(&endpoint, answer).await;
    assert_eq!(text_of(&events.message().await), "\"Ada\" kept");
}

/// A client whose stream broke off opens another, and knows of no new session.
#[tokio::test(start_paused = true)]
async fn a_client_goes_on_without_beginning_again() {
    let sse = HttpSse::new(8);
    for (header, version) in [(Some("2025-11-25"), "2025-11-25"), (None, "2025-03-26")] {
        let mut headers = vec![("accept", "text/event-stream")];
        headers.extend(header.map(|v| ("mcp-protocol-version", v)));
        let stream = send(sse.service.clone(), "ada", "GET", "/sse", &headers, "").await;
        let mut events = Events::of(stream);
        let endpoint = events.next().await.expect("where to post");
        let endpoint = endpoint.split("data: ").nth(1).expect("a path").to_owned();
        sse.say(&endpoint, call(1, "context")).await;
        let context: serde_json::Value =
            serde_json::from_str(&text_of(&events.message().await)).expect("JSON");
        assert_eq!(context["version"], version);
    }
}

#[tokio::test(start_paused = true)]
async fn both_eras_are_spoken() {
    let sse = HttpSse::new(8);
    let (mut events, endpoint) = sse.stream("ada").await;
    sse.say(&endpoint, stateless("x", "tools/call", json!({ "name": "scope" }))).await;
    let result = events.message().await;
    assert_eq!(result["id"], "x");
    assert_eq!(result["result"]["_meta"]["mcp/www_authenticate"], json!(["this needs read+write"]));
}

/// A server that stops lets calls end and sends what they said; new streams go elsewhere.
#[tokio::test(start_paused = true)]
async fn a_server_that_stops_waits_for_what_runs() {
    let sse = HttpSse::new(8);
    let (mut idle, _) = sse.stream("ada").await;
    let (mut events, endpoint) = sse.session("2025-06-18").await;
    sse.say(&endpoint, call(1, "wait")).await;
    sse.center.logged(&["begun"]).await;
    sse.closing.cancel();
    assert_eq!(idle.next().await, None, "nothing runs in it");
    let a = whole(sse.open("ada").await).await;
    assert_eq!((a.refusal(), a.header("retry-after")), ((503, -32600), Some("5")));
    assert_eq!(events.next().await.as_deref(), Some(": keep-alive"));
    sse.center.gate.add_permits(1);
    assert_eq!(text_of(&events.message().await), "waited");
    assert_eq!(events.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_streams_and_calls() {
    let sse = HttpSse::new(8);
    let (mut events, endpoint) = sse.session("2025-06-18").await;
    sse.say(&endpoint, stateless(1, "tools/call", json!({ "name": "wait" }))).await;
    sse.say(&endpoint, call(2, "wait")).await;
    sse.center.logged(&["begun", "begun"]).await;
    sse.shutdown.cancel();
    while let Some(event) = events.next().await {
        assert!(event.starts_with("event: message"), "{event}");
    }
    sse.center.logged(&["begun", "begun", "Closing", "Closing"]).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_read_gets_no_more_work_done() {
    let sse = HttpSse::new(8);
    let (mut events, endpoint) = sse.session("2025-06-18").await;
    for _ in 0..16 {
        sse.say(&endpoint, request(1, "ping", json!({}))).await;
    }
    let a = sse.post("ada", &endpoint, request(1, "ping", json!({}))).await;
    assert_eq!((a.refusal(), a.header("retry-after")), ((503, -32600), Some("5")));
    events.message().await;
    sse.say(&endpoint, request(1, "ping", json!({}))).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_has_so_many_calls_at_once() {
    let sse = HttpSse::new(8);
    let (mut events, endpoint) = sse.session("2025-06-18").await;
    for id in 0..64 {
        sse.say(&endpoint, call(id, "wait")).await;
    }
    assert_eq!(sse.post("ada", &endpoint, call(64, "wait")).await.refusal(), (503, -32600));
    sse.center.gate.add_permits(1);
    assert_eq!(text_of(&events.message().await), "waited");
    tokio::time::sleep(Duration::from_millis(1)).await;
    sse.say(&endpoint, call(64, "wait")).await;
}

#[tokio::test]
async fn where_there_is_no_room_who_has_most_gives_an_idle_stream() {
    let sse = HttpSse::new(4);
    let (_busy, endpoint) = sse.session("2025-06-18").await;
    sse.say(&endpoint, call(1, "wait")).await;
    sse.center.logged(&["begun"]).await;
    let mut hers = Vec::new();
    for _ in 0..3 {
        hers.push(sse.stream("ada").await.0);
    }
    let full = whole(sse.open("ada").await).await;
    assert_eq!((full.refusal(), full.header("retry-after")), ((503, -32600), Some("5")));
    let (first, to_first) = sse.stream("bob").await;
    let _second = sse.stream("bob").await;
    assert_eq!(whole(sse.open("bob").await).await.status, 503, "now they have the same");
    assert_eq!(sse.streams.len(), 4);
    // Two of hers have ended, and neither is the one in which something runs.
    let mut ended = 0;
    for events in &mut hers {
        let next = tokio::time::timeout(Duration::from_millis(50), events.next()).await;
        ended += u32::from(matches!(next, Ok(None)));
    }
    assert_eq!(ended, 2);
    sse.say(&endpoint, call(2, "wait")).await;
    assert_eq!(sse.post("bob", &to_first, "{}").await.status, 202);
    drop(first);
    assert_eq!(sse.streams.len(), 3);
}

#[tokio::test]
async fn a_stream_that_nobody_read_from_ends_all_the_same() {
    let sse = HttpSse::new(1);
    let open = sse.open("ada").await;
    assert!(!sse.streams.is_empty());
    drop(open);
    assert!(sse.streams.is_empty());
    let mut body = sse.open("ada").await.into_body();
    let frame = body.frame().await.expect("a frame");
    assert!(frame.is_ok_and(|f| f.is_data()));
}

#[tokio::test]
async fn a_batch_is_answered_message_by_message() {
    let sse = HttpSse::new(8);
    let (mut events, endpoint) = sse.session("2025-03-26").await;
    let ping = |id: u32| request(id, "ping", json!({}));
    sse.say(&endpoint, json!([ping(1), notification("x", json!({})), ping(2)])).await;
    assert_eq!(events.message().await["id"], json!(1));
    assert_eq!(events.message().await["id"], json!(2));
    let too_long = (0..51).map(ping).collect();
    for bad in [too_long, json!([]), json!([ping(1), initialize("2025-03-26", json!({}))])] {
        sse.say(&endpoint, bad).await;
        let answer = events.message().await;
        assert_eq!((answer.get("id"), &answer["error"]["code"]), (None, &json!(-32600)));
    }
    let (mut events, endpoint) = sse.session("2025-06-18").await;
    sse.say(&endpoint, json!([ping(1)])).await;
    assert_eq!(events.message().await["error"]["code"], json!(-32600));
}
