//! Batches over streamable HTTP: only 2025-03-26 has them.

use serde_json::{Value, json};

use crate::support::{Http, MODERN, call, initialize, notification, request};

fn ping(id: u32) -> Value {
    request(id, "ping", json!({}))
}

#[tokio::test]
async fn requests_are_answered_in_their_order_and_the_rest_in_silence() {
    let http = Http::new(8);
    let session = http.handshake("2025-03-26", json!({})).await;
    let response = json!({ "jsonrpc": "2.0", "id": 9, "result": {} });
    let batch = json!([
        ping(1),
        notification("notifications/x", json!({})),
        call(2, "context"),
        { "jsonrpc": "2.0", "id": 3 },
        response,
        call(4, "nope"),
    ]);
    let a = http.in_session(&session, batch).await;
    assert_eq!((a.status, a.header("content-type")), (200, Some("application/json")));
    let answers = a.json();
    let answers = answers.as_array().expect("a list");
    let ids: Vec<&Value> = answers.iter().map(|a| &a["id"]).collect();
    assert_eq!(ids, [&json!(1), &json!(2), &json!(3), &json!(4)]);
    assert_eq!(answers[0]["result"], json!({}));
    assert_eq!(answers[2]["error"]["code"], json!(-32600));
    assert_eq!(answers[3]["error"]["code"], json!(-32602));
    let a = http.in_session(&session, json!([notification("notifications/x", json!({}))])).await;
    assert_eq!((a.status, &*a.body), (202, ""));
}

#[tokio::test(start_paused = true)]
async fn a_batch_opens_no_stream() {
    let http = Http::new(8);
    let session = http.handshake("2025-03-26", json!({})).await;
    let gate = http.center.gate.clone();
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        gate.add_permits(1);
    });
    let a = http.in_session(&session, json!([call(1, "wait")])).await;
    assert_eq!(a.header("content-type"), Some("application/json"));
    assert_eq!(a.json()[0]["id"], json!(1));
}

#[tokio::test]
async fn where_and_how_long_a_batch_may_be() {
    let http = Http::new(8);
    let session = http.handshake("2025-03-26", json!({})).await;
    let of = |n: u32| Value::from_iter((0..n).map(ping));
    let a = http.in_session(&session, of(50)).await;
    assert_eq!((a.status, a.json().as_array().map(Vec::len)), (200, Some(50)));
    let other = http.handshake("2025-06-18", json!({})).await;
    for (what, session, batch) in [
        ("empty", &session, json!([])),
        ("too long", &session, of(51)),
        ("with a handshake", &session, json!([ping(1), initialize("2025-03-26", json!({}))])),
        ("in a session of another revision", &other, of(1)),
        ("in a session that is not known", &"guess".to_owned(), of(1)),
    ] {
        let a = http.in_session(session, batch).await;
        assert_eq!(a.refusal(), (400, -32600), "{what}: {a:?}");
        assert!(a.json().get("id").is_none(), "{what}");
    }
    assert_eq!(http.post(&[], of(1)).await.refusal(), (400, -32600));
    assert_eq!(http.post(&[MODERN], of(1)).await.refusal(), (400, -32600));
}
