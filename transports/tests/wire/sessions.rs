//! Sessions over streamable HTTP: whose they are, what runs in them, what they are asked.

use mssql_mcp_transports::tap::{self, Direction};
use serde_json::{Value, json};

use crate::support::{
    BOTH, Events, Http, JSON, call, initialize, notification, request, text_of, whole,
};

fn ping() -> Value {
    request(1, "ping", json!({}))
}

#[tokio::test]
async fn a_handshake_settles_version_and_client() {
    let http = Http::new(8);
    let a = http.post(&[], initialize("2025-06-18", json!({ "roots": {} }))).await;
    let result = &a.json()["result"];
    assert_eq!(
        (a.status, result),
        (
            200,
            &json!({
                "protocolVersion": "2025-06-18",
                "capabilities": { "tools": {}, "logging": {} },
                "serverInfo": { "name": "s", "version": "", "title": "S" },
                "instructions": "Be kind.",
            })
        )
    );
    let id = a.header("mcp-session-id").expect("a session");
    assert!(id.len() > 64 && id.bytes().all(|b| (0x21..=0x7E).contains(&b)), "{id}");
    let traced = json!({ "name": "context", "_meta": { "traceparent": "00-1-2-03" } });
    let traced = http.in_session(id, request("c", "tools/call", traced)).await;
    let context: Value = serde_json::from_str(&traced.text()).expect("JSON");
    assert_eq!(
        context,
        json!({
            "id": "c", "transport": "http", "version": "2025-06-18", "client": "t",
            "capabilities": { "roots": {} }, "traceparent": "00-1-2-03", "can_ask": false,
            "owner": "ada",
        })
    );
    // What older revisions do not have is left out.
    let old = http.post(&[], initialize("2025-03-26", json!({}))).await;
    assert!(old.json()["result"]["serverInfo"].get("title").is_none());
    for wanted in ["2026-07-28", "1999-01-01"] {
        let a = http.post(&[], initialize(wanted, json!({}))).await;
        assert_eq!(a.json()["result"]["protocolVersion"], "2025-11-25", "{wanted}");
    }
    // Some say the version in the header, too.
    let a = http
        .post(&[("mcp-protocol-version", "2025-11-25")], initialize("2025-11-25", json!({})))
        .await;
    assert_eq!(a.status, 200);
    let a = http.post(&[], request(0, "initialize", json!({ "protocolVersion": 3 }))).await;
    assert_eq!((a.refusal(), a.header("mcp-session-id")), ((200, -32602), None));
}

#[tokio::test]
async fn a_session_is_initialized_once_and_a_lost_one_again() {
    let http = Http::new(8);
    let session = http.handshake("2025-06-18", json!({})).await;
    let again = http.in_session(&session, initialize("2025-06-18", json!({}))).await;
    assert_eq!(again.refusal(), (400, -32600));
    assert_eq!(http.sessions.len(), 1);
    let a = http.in_session("lost", initialize("2025-06-18", json!({}))).await;
    assert_eq!(a.status, 200);
    assert_eq!(http.sessions.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn forgotten_sessions_keep_nobody_out_and_busy_ones_say_when_to_try_again() {
    let http = Http::new(1);
    let forgotten = http.handshake("2025-06-18", json!({})).await;
    let session = http.handshake("2025-06-18", json!({})).await;
    let mut stream = Events::of(http.opened(&session, call(1, "wait")).await);
    let a = http.post(&[], initialize("2025-06-18", json!({}))).await;
    assert_eq!((a.refusal(), a.header("mcp-session-id")), ((503, -32600), None));
    assert_eq!(a.header("retry-after"), Some("5"));
    let a = http.in_session(&forgotten, ping()).await;
    assert_eq!((a.status, a.header("retry-after")), (503, Some("5")), "there is still no room");
    http.center.gate.add_permits(1);
    assert_eq!(text_of(&stream.message().await), "waited");
    assert_eq!(http.in_session(&forgotten, ping()).await.status, 200, "it is as good as before");
}

/// What another process with the same key would see: the same sessions, but those that were ended.
#[tokio::test]
async fn a_session_outlives_the_server_but_not_its_end() {
    let (before, after) = (Http::new(8), Http::new(8));
    let session = before.handshake("2025-06-18", json!({ "elicitation": {} })).await;
    let a = after.in_session(&session, call(1, "context")).await;
    let context: Value = serde_json::from_str(&a.text()).expect("JSON");
    assert_eq!(
        (&context["version"], &context["client"], &context["can_ask"]),
        (&json!("2025-06-18"), &json!("t"), &json!(true))
    );
    let named = ("mcp-session-id", &*session);
    assert_eq!(whole(after.send("eve", "DELETE", &[named], "").await).await.status, 404);
    assert_eq!(whole(after.send("ada", "DELETE", &[named], "").await).await.status, 200);
    assert_eq!(after.in_session(&session, ping()).await.status, 404);
    assert_eq!(whole(after.send("ada", "DELETE", &[named], "").await).await.status, 404);
}

#[tokio::test]
async fn a_session_is_named_and_belongs_to_its_owner() {
    let http = Http::new(8);
    let session = http.handshake("2025-06-18", json!({})).await;
    assert_eq!(http.in_session(&session, ping()).await.json()["result"], json!({}));
    let initialized = notification("notifications/initialized", json!({}));
    let a = http.in_session(&session, &initialized).await;
    assert_eq!((a.status, &*a.body), (202, ""));
    let named = ("mcp-session-id", &*session);
    let response = json!({ "jsonrpc": "2.0", "id": 1, "result": {} });
    for message in [&ping(), &initialized, &response] {
        assert_eq!(http.post(&[], message).await.refusal(), (400, -32600));
        assert_eq!(http.in_session("guess", message).await.refusal(), (404, -32600));
        let eve = http.send("eve", "POST", &[JSON, BOTH, named], message).await;
        assert_eq!(whole(eve).await.refusal(), (404, -32600));
    }
    assert_eq!(http.post(&[], ping()).await.json()["id"], json!(1), "the id is echoed");
    let a = http.in_session(&session, response).await;
    assert_eq!((a.status, &*a.body), (202, ""), "nobody asked, which is no error");
    for version in ["2024-11-05", "2025-06-18", "2025-11-25"] {
        let a = http.post(&[named, ("mcp-protocol-version", version)], ping()).await;
        assert_eq!(a.status, 200, "{version}");
    }
    let a = whole(http.send("eve", "DELETE", &[named], "").await).await;
    assert_eq!(a.status, 404);
    let a = whole(http.send("ada", "DELETE", &[named], "").await).await;
    assert_eq!((a.status, &*a.body), (200, ""));
    assert_eq!(http.in_session(&session, ping()).await.status, 404);
}

#[tokio::test]
async fn what_a_session_answers_by_itself() {
    let http = Http::new(8);
    let session = http.handshake("2025-06-18", json!({})).await;
    let ask = async |method, params| http.in_session(&session, request(5, method, params)).await;
    let level = |l: Value| ask("logging/setLevel", json!({ "level": l }));
    assert_eq!(level(json!("debug")).await.json()["result"], json!({}));
    assert_eq!(level(json!("emergency")).await.json()["result"], json!({}));
    for bad in [json!("loud"), json!(3), Value::Null] {
        assert_eq!(level(bad).await.refusal(), (200, -32602));
    }
    for method in ["server/discover", "subscriptions/listen", "nope"] {
        let a = ask(method, json!({})).await;
        assert_eq!((a.refusal(), &a.json()["id"]), ((200, -32601), &json!(5)), "{method}");
    }
    assert_eq!(http.in_session(&session, call(6, "nope")).await.refusal(), (200, -32602));
    let listed = ask("tools/list", json!({})).await.json();
    assert_eq!(listed["result"], json!({ "tools": [{ "name": "wait", "title": "Wait" }] }));
    let old = http.handshake("2024-11-05", json!({})).await;
    let listed = http.in_session(&old, request(1, "tools/list", json!({}))).await.json();
    assert_eq!(listed["result"], json!({ "tools": [{ "name": "wait" }] }));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_cancelled_by_notification_is_not_answered() {
    let http = Http::new(8);
    let session = http.handshake("2025-06-18", json!({})).await;
    let mut stream = Events::of(http.opened(&session, call("c", "wait")).await);
    let cancel = |id: Value| notification("notifications/cancelled", json!({ "requestId": id }));
    for other in [cancel(json!("other")), cancel(json!([])), notification("x", json!({}))] {
        assert_eq!(http.in_session(&session, other).await.status, 202);
    }
    assert_eq!(stream.next().await.as_deref(), Some(": keep-alive"), "it still runs");
    assert_eq!(http.in_session(&session, cancel(json!("c"))).await.status, 202);
    assert_eq!(stream.next().await, None);
    http.center.logged(&["begun", "Asked"]).await;
    // Where no stream was opened, HTTP has to answer: 202 is for what is no request.
    let (a, _) = tokio::join!(http.in_session(&session, call("d", "wait")), async {
        http.center.logged(&["begun", "Asked", "begun"]).await;
        http.in_session(&session, cancel(json!("d"))).await
    });
    assert_eq!((a.status, a.header("content-type")), (200, Some("text/event-stream")), "{a:?}");
    assert_eq!(a.body, "");
    // Whoever takes no stream is told.
    let json_only = [JSON, ("accept", "application/json"), ("mcp-session-id", &*session)];
    let (a, _) = tokio::join!(http.send("ada", "POST", &json_only, call("e", "wait")), async {
        http.center.logged(&["begun", "Asked", "begun", "Asked", "begun"]).await;
        http.in_session(&session, cancel(json!("e"))).await
    });
    let a = whole(a).await;
    assert_eq!((a.status, &a.json()["id"]), (200, &json!("e")), "{a:?}");
    assert_eq!(a.json()["error"], json!({ "code": 0, "message": "Request cancelled" }));
}

#[tokio::test(start_paused = true)]
async fn an_id_is_used_again_once_its_request_has_ended() {
    let http = Http::new(8);
    let session = http.handshake("2025-06-18", json!({})).await;
    let mut stream = Events::of(http.opened(&session, call(1, "wait")).await);
    let a = http.in_session(&session, call(1, "context")).await;
    assert_eq!((a.refusal(), &a.json()["id"]), ((400, -32600), &json!(1)));
    let other = http.handshake("2025-06-18", json!({})).await;
    assert_eq!(http.in_session(&other, call(1, "context")).await.status, 200);
    assert_eq!(http.in_session(&session, call("1", "context")).await.status, 200);
    http.center.gate.add_permits(1);
    assert_eq!(text_of(&stream.message().await), "waited");
    assert_eq!(http.in_session(&session, call(1, "context")).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_session_ends_what_runs_in_it() {
    let http = Http::new(8);
    let session = http.handshake("2025-06-18", json!({})).await;
    let mut stream = Events::of(http.opened(&session, call(1, "wait")).await);
    let a = whole(http.send("ada", "DELETE", &[("mcp-session-id", &session)], "").await).await;
    assert_eq!(a.status, 200);
    assert_eq!(stream.next().await, None, "quietly");
    http.center.logged(&["begun", "Ended"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_question_opens_the_stream_and_its_answer_comes_by_a_post() {
    let http = Http::new(8);
    let session = http.handshake("2025-06-18", json!({ "elicitation": {} })).await;
    let mut stream = Events::of(http.opened(&session, call(7, "ask")).await);
    let question = stream.message().await;
    assert_eq!(
        question,
        json!({
            "jsonrpc": "2.0", "id": 1, "method": "elicitation/create", "params": { "message": "?" },
        })
    );
    let answer = json!({ "jsonrpc": "2.0", "id": 1, "result": { "name": "Ada" } });
    let other = http.handshake("2025-06-18", json!({})).await;
    assert_eq!(http.in_session(&other, &answer).await.status, 202, "it was not asked");
    let a = http.in_session(&session, &answer).await;
    assert_eq!((a.status, &*a.body), (202, ""));
    assert_eq!(http.in_session(&session, &answer).await.status, 202, "the first one counts");
    let result = stream.message().await;
    assert_eq!((&result["id"], &*text_of(&result)), (&json!(7), r#"{"name":"Ada"} kept"#));
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn only_who_can_be_asked_is_asked() {
    let http = Http::new(8);
    let can = async |version, capabilities, accept| {
        let session = http.handshake(version, capabilities).await;
        let headers = [JSON, ("accept", accept), ("mcp-session-id", &*session)];
        let a = whole(http.send("ada", "POST", &headers, call(1, "context")).await).await;
        serde_json::from_str::<Value>(&a.text()).expect("JSON")["can_ask"].clone()
    };
    let forms = json!({ "elicitation": { "form": {} } });
    assert_eq!(can("2025-06-18", json!({ "elicitation": {} }), BOTH.1).await, json!(true));
    assert_eq!(can("2025-11-25", forms.clone(), BOTH.1).await, json!(true));
    assert_eq!(can("2025-11-25", json!({ "elicitation": { "url": {} } }), BOTH.1).await, false);
    assert_eq!(can("2025-06-18", json!({}), BOTH.1).await, json!(false));
    assert_eq!(can("2025-03-26", forms.clone(), BOTH.1).await, json!(false), "not in there yet");
    assert_eq!(can("2025-06-18", forms, "application/json").await, json!(false), "no stream");
}

/// Whoever searches for a fault sees all that goes over the wire, the questions of a call, too.
#[tokio::test]
async fn questions_are_shown_to_whoever_looks() {
    static SEEN: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());
    tap::install(|direction, message| {
        let message = String::from_utf8_lossy(message).into_owned();
        if direction == Direction::Out {
            SEEN.lock().expect("seen").push(message);
        }
    });
    let http = Http::new(8);
    let session = http.handshake("2025-06-18", json!({ "elicitation": {} })).await;
    let mut stream = Events::of(http.opened(&session, call(1, "ask")).await);
    stream.message().await;
    http.in_session(&session, json!({ "jsonrpc": "2.0", "id": 1, "result": {} })).await;
    // The second one: no other test asks twice in one session.
    let mut stream = Events::of(http.opened(&session, call(2, "ask")).await);
    let question = stream.message().await.to_string();
    assert!(SEEN.lock().expect("seen").contains(&question));
}
