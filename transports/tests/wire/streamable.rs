//! Streamable HTTP, whatever the era: statuses, plain answers and event streams.

use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::StreamBody;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::ServiceExt;

use crate::support::{
    BOTH, Events, Http, JSON, KEEP_ALIVE, MODERN, Owner, SILENCE, call, initialize, request,
    text_of, whole,
};

#[tokio::test]
async fn methods_and_media_types_are_checked_before_the_body() {
    let http = Http::new(8);
    let put = whole(http.send("ada", "PUT", &[JSON, BOTH], "").await).await;
    assert_eq!((put.status, put.header("allow")), (405, Some("GET, POST, DELETE")));
    assert_eq!(put.body, "");
    let (text, html) = (("content-type", "text/plain"), ("accept", "text/html"));
    for (what, headers, status, code) in [
        ("no media type", vec![BOTH], 415, -32600),
        ("another media type", vec![text, BOTH], 415, -32600),
        ("both wrong: the media type first", vec![text, html], 415, -32600),
        ("takes no JSON", vec![JSON, html], 406, -32600),
        ("takes only events", vec![JSON, ("accept", "text/event-stream")], 406, -32600),
        ("all is well but the body", vec![JSON, BOTH], 400, -32700),
        ("no Accept takes all", vec![JSON], 400, -32700),
        ("any kind of application", vec![JSON, ("accept", "Application/*;q=0.1")], 400, -32700),
        ("with parameters", vec![("content-type", "Application/JSON; charset=utf-8")], 400, -32700),
    ] {
        let a = whole(http.send("ada", "POST", &headers, "{").await).await;
        assert_eq!(a.refusal(), (status, code), "{what}: {a:?}");
        assert_eq!(a.header("content-type"), Some("application/json"), "{what}");
        assert!(a.json().get("id").is_none(), "{what}: no id is known");
    }
    let ping = r#"{"jsonrpc":"2.0","method":"x"}"#;
    for coding in ["gzip", "br, identity", "identity, deflate", "é"] {
        let a = http.post(&[MODERN, ("content-encoding", coding)], ping).await;
        assert_eq!(a.refusal(), (415, -32600), "{coding}");
        assert_eq!(a.header("accept-encoding"), Some("identity"));
    }
    for coding in ["identity", "Identity , identity", ""] {
        let a = http.post(&[MODERN, ("content-encoding", coding)], ping).await;
        assert_eq!(a.status, 202, "{coding}");
    }
    let a = http.post(&[], " ".repeat(100_001)).await;
    assert_eq!(a.refusal(), (413, -32600), "{a:?}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_message() {
    let http = Http::new(8);
    // The kinds of the server's own limits have statuses.
    for (kind, status, connection, message) in [
        (ErrorKind::UnexpectedEof, 400, None, "The body could not be read: it broke off"),
        (ErrorKind::TimedOut, 408, Some("close"), "The body could not be read: it broke off"),
        (ErrorKind::FileTooLarge, 413, None, "The body is larger than the server's limit"),
    ] {
        let pieces = futures_util::stream::iter([
            Ok(http_body::Frame::data(Bytes::from_static(b"{"))),
            Err(std::io::Error::new(kind, "it broke off")),
        ]);
        let request = Request::post("/mcp")
            .header("content-type", "application/json")
            .extension(Owner("ada"))
            .body(StreamBody::new(pieces))
            .expect("a request");
        let Ok(response) = http.service.clone().oneshot(request).await;
        let a = whole(response).await;
        assert_eq!((a.refusal(), a.header("connection")), ((status, -32600), connection));
        assert_eq!(a.json()["error"]["message"], message);
    }
}

#[tokio::test]
async fn a_bad_message_is_refused_with_the_id_that_it_has() {
    let http = Http::new(8);
    let a = http.post(&[], r#"{"jsonrpc":"1.0","id":"x","method":"ping"}"#).await;
    assert_eq!((a.refusal(), &a.json()["id"]), ((400, -32600), &json!("x")));
    let a = http.post(&[], r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#).await;
    assert_eq!((a.refusal(), &a.json()["id"]), ((400, -32600), &json!(1.5)));
    for (params, message) in [
        (r#"{"_meta":[]}"#, "params._meta must be an object"),
        (r#"{"_meta":"x","inputResponses":3}"#, "params._meta must be an object"),
        (r#"{"inputResponses":[]}"#, "params.inputResponses must be an object"),
        (r#"{"requestState":{}}"#, "params.requestState must be a string"),
        (r#"{"name":1,"name":2}"#, "name is there twice"),
        (r#"{"_meta":{"traceparent":1,"traceparent":2}}"#, "traceparent is there twice"),
    ] {
        let wrong =
            format!(r#"{{"jsonrpc":"2.0","id":3,"method":"tools/list","params":{params}}}"#);
        let a = http.post(&[], wrong).await;
        assert_eq!((a.refusal(), &a.json()["id"]), ((400, -32602), &json!(3)), "{params}");
        let message = format!("Invalid params: {message}");
        assert_eq!(a.json()["error"]["message"], message, "{params}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_opens_a_stream_that_is_kept_alive_until_the_answer() {
    let http = Http::new(8);
    let session = http.handshake("2025-06-18", json!({})).await;
    let start = Instant::now();
    let response = http.opened(&session, call(1, "wait")).await;
    assert_eq!(start.elapsed(), SILENCE);
    assert!(response.headers().get("content-length").is_none());
    let mut events = Events::of(response);
    for n in 1..=3 {
        assert_eq!(events.next().await.as_deref(), Some(": keep-alive"));
        assert_eq!(start.elapsed(), SILENCE + n * KEEP_ALIVE);
    }
    http.center.gate.add_permits(1);
    let answer = events.message().await;
    assert_eq!((&answer["id"], &*text_of(&answer)), (&json!(1), "waited"));
    assert_eq!(events.next().await, None);
    assert_eq!(start.elapsed(), SILENCE + 3 * KEEP_ALIVE, "the answer is not held back");
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_time_is_plain_and_so_is_any_to_a_client_without_streams() {
    let http = Http::new(8);
    let session = http.handshake("2025-06-18", json!({})).await;
    let (sender, gate) = (
        tokio::spawn({
            let (service, session) = (http.service.clone(), session.clone());
            async move {
                let headers = [JSON, BOTH, ("mcp-session-id", &*session)];
                let body = call(1, "wait");
                whole(crate::support::send(service, "ada", "POST", "/mcp", &headers, body).await)
                    .await
            }
        }),
        http.center.gate.clone(),
    );
    tokio::time::sleep(SILENCE - Duration::from_millis(1)).await;
    gate.add_permits(1);
    let a = sender.await.expect("task");
    assert_eq!((a.header("content-type"), &*a.text()), (Some("application/json"), "waited"));
    // Whoever takes no events waits as long as it takes.
    let (later, gate) = (10 * SILENCE, http.center.gate.clone());
    tokio::spawn(async move {
        tokio::time::sleep(later).await;
        gate.add_permits(1);
    });
    let headers = [JSON, ("accept", "application/json"), ("mcp-session-id", &*session)];
    let start = Instant::now();
    let a = whole(http.send("ada", "POST", &headers, call(2, "wait")).await).await;
    assert_eq!((a.header("content-type"), &*a.text()), (Some("application/json"), "waited"));
    assert_eq!(start.elapsed(), later);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_cancels_its_call() {
    let http = Http::new(8);
    let session = http.handshake("2025-06-18", json!({})).await;
    // Before the head of the answer.
    let early = http.opened(&session, call(1, "wait"));
    assert!(tokio::time::timeout(Duration::from_millis(10), early).await.is_err());
    http.center.logged(&["begun", "Gone"]).await;
    // While it reads, and in the other era.
    let stream = Events::of(http.opened(&session, call(1, "wait")).await);
    drop(stream);
    http.center.logged(&["begun", "Gone", "begun", "Gone"]).await;
    let stream = Events::of(http.modern(BOTH, "tools/call", json!({ "name": "wait" })).await);
    drop(stream);
    http.center.logged(&["begun", "Gone", "begun", "Gone", "begun", "Gone"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_cancels_calls_and_their_clients_are_told() {
    let http = Http::new(8);
    let mut stream = Events::of(http.modern(BOTH, "tools/call", json!({ "name": "wait" })).await);
    http.closing.cancel();
    assert_eq!(stream.next().await.as_deref(), Some(": keep-alive"), "calls may end");
    http.shutdown.cancel();
    assert_eq!(text_of(&stream.message().await), "stopping");
    assert_eq!(stream.next().await, None);
    // Sessions are ended by whoever holds them.
    let session = http.handshake("2025-06-18", json!({})).await;
    let mut stream = Events::of(http.opened(&session, call(1, "wait")).await);
    http.sessions.close_all();
    assert_eq!(text_of(&stream.message().await), "stopping");
}

#[tokio::test]
async fn a_panic_of_the_center_is_an_answer() {
    let http = Http::new(8);
    let session = http.handshake("2025-06-18", json!({})).await;
    let a = http.in_session(&session, call(1, "panic")).await;
    assert_eq!(a.refusal(), (200, -32603));
    assert!(!a.body.contains("on demand"), "what it said is for the log: {a:?}");
    assert_eq!(http.call("panic").await.refusal(), (500, -32603));
    assert_eq!(http.call("context").await.status, 200);
}

#[tokio::test]
async fn a_large_answer_is_whole() {
    let http = Http::new(8);
    let a = http.call("large").await;
    let v = a.json();
    let structured = &v["result"]["structuredContent"];
    assert_eq!(structured.as_array().map(Vec::len), Some(4));
    let text: Value = serde_json::from_str(&text_of(&v)).expect("JSON in JSON");
    assert_eq!(&text, structured);
    assert_eq!(a.header("content-type"), Some("application/json"));
}

/// Where a session that waits may be sent what no call says: nothing, so it is only held open.
#[tokio::test(start_paused = true)]
async fn a_session_has_one_stream_to_listen_on() {
    let http = Http::new(8);
    let session = http.handshake("2025-06-18", json!({})).await;
    let named = ("mcp-session-id", &*session);
    let get = async |headers: &[(&str, &str)]| http.send("ada", "GET", headers, "").await;
    let events = ("accept", "text/event-stream");
    for (what, headers, status) in [
        ("says not what it takes", vec![named], 406),
        ("takes no events", vec![named, ("accept", "application/json")], 406),
        ("no session", vec![events], 400),
        ("unknown session", vec![events, ("mcp-session-id", "x")], 404),
        ("unknown version", vec![events, named, ("mcp-protocol-version", "1.0")], 400),
    ] {
        let a = whole(get(&headers).await).await;
        assert_eq!(a.refusal(), (status, -32600), "{what}: {a:?}");
    }
    let a = whole(http.send("eve", "GET", &[events, named], "").await).await;
    assert_eq!(a.status, 404, "it is not hers");
    let version = ("mcp-protocol-version", "2025-06-18");
    let first = Events::of(get(&[events, named, version]).await);
    assert_eq!(whole(get(&[events, named]).await).await.refusal(), (409, -32600));
    drop(first);
    let mut second = Events::of(get(&[events, named]).await);
    let start = Instant::now();
    assert_eq!(second.next().await.as_deref(), Some(": keep-alive"));
    assert_eq!(start.elapsed(), KEEP_ALIVE);
    // It ends with its session,
    let a = whole(http.send("ada", "DELETE", &[named], "").await).await;
    assert_eq!((a.status, &*a.body), (200, ""));
    assert_eq!(second.next().await, None);
    // or with the server.
    let session = http.handshake("2025-06-18", json!({})).await;
    let mut last = Events::of(get(&[events, ("mcp-session-id", &session)]).await);
    http.closing.cancel();
    assert_eq!(last.next().await, None);
    assert_eq!(start.elapsed(), KEEP_ALIVE);
}

#[tokio::test]
async fn stateless_clients_have_post_alone() {
    let http = Http::new(8);
    let session = http.handshake("2025-06-18", json!({})).await;
    let headers = [
        ("accept", "text/event-stream"),
        ("mcp-session-id", &*session),
        ("mcp-protocol-version", "2026-07-28"),
    ];
    for method in ["GET", "DELETE"] {
        let a = whole(http.send("ada", method, &headers, "").await).await;
        assert_eq!((a.status, a.header("allow")), (405, Some("POST")));
    }
    let a = http.in_session(&session, request(1, "ping", json!({}))).await;
    assert_eq!(a.json()["result"], json!({}), "the session was not ended");
}

#[tokio::test]
async fn missing_scopes_are_a_status_or_a_result() {
    let http = Http::new(8);
    let a = http.call("scope").await;
    assert_eq!(a.refusal(), (403, -32600));
    assert_eq!(a.header("www-authenticate"), Some("this needs read+write"));
    let session = http.handshake("2025-06-18", json!({})).await;
    let a = http.in_session(&session, call(1, "scope")).await;
    assert_eq!((a.status, a.header("www-authenticate")), (403, Some("this needs read+write")));
    let a = http.call("nothing").await;
    assert!(a.header("www-authenticate").is_none());
}

#[tokio::test(start_paused = true)]
async fn on_an_open_stream_missing_scopes_are_told_in_the_result() {
    let http = Http::new(8);
    let response = http.modern(BOTH, "tools/call", json!({ "name": "late scope" })).await;
    let mut events = Events::of(response);
    http.center.gate.add_permits(1);
    let result = events.message().await["result"].clone();
    assert_eq!(result["isError"], json!(true));
    assert_eq!(result["_meta"]["mcp/www_authenticate"], json!(["this needs read"]));
}

#[tokio::test]
async fn the_handshake_has_no_stream() {
    let http = Http::new(8);
    let a = http.post(&[], initialize("2025-06-18", json!({}))).await;
    assert_eq!(a.header("content-type"), Some("application/json"));
}
