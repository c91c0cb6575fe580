//! Requests of 2026-07-28 over streamable HTTP.

use serde_json::{Value, json};

use crate::support::{BOTH, Events, Http, JSON, MODERN, notification, request, stateless, whole};

const CALL: (&str, &str) = ("mcp-method", "tools/call");
const NAMED: (&str, &str) = ("mcp-name", "context");

fn meta(version: &str) -> Value {
    json!({
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    })
}

/// The table "Request validation": each row is wrong in what the rows above have right, and right
/// in nothing that the rows below check.
#[tokio::test]
async fn requests_are_checked_in_the_order_of_the_table() {
    let http = Http::new(8);
    let list = |params| request(7, "tools/list", params);
    let named = |name: &str| {
        let mut params = meta("2026-07-28");
        params["name"] = name.into();
        request(7, "tools/call", params)
    };
    let no_capabilities =
        json!({ "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } });
    let old = ("mcp-protocol-version", "2025-11-25");
    let future = ("mcp-protocol-version", "2099-01-01");
    for (what, headers, body, status, code) in [
        ("no _meta", vec![MODERN], list(json!({})), 400, -32602),
        ("no capabilities", vec![], list(no_capabilities), 400, -32602),
        ("no version header", vec![], list(meta("2026-07-28")), 400, -32020),
        ("another version header", vec![old], list(meta("2026-07-28")), 400, -32020),
        ("not the unknown version", vec![MODERN], list(meta("2099-01-01")), 400, -32020),
        ("unknown version", vec![future], list(meta("2099-01-01")), 400, -32022),
        ("a version with sessions", vec![old], list(meta("2025-11-25")), 400, -32022),
        ("no method header", vec![MODERN], list(meta("2026-07-28")), 400, -32020),
        ("another method header", vec![MODERN, CALL], list(meta("2026-07-28")), 400, -32020),
        (
            "in other letters",
            vec![MODERN, ("mcp-method", "Tools/List")],
            list(meta("2026-07-28")),
            400,
            -32020,
        ),
        ("no name header", vec![MODERN, CALL], named("context"), 400, -32020),
        ("another name header", vec![MODERN, CALL, NAMED], named("wait"), 400, -32020),
        (
            "bad base64",
            vec![MODERN, CALL, ("mcp-name", "=?base64?bGlz?==?=")],
            named("context"),
            400,
            -32020,
        ),
        (
            "no such method",
            vec![MODERN, ("mcp-method", "x")],
            request(7, "x", meta("2026-07-28")),
            404,
            -32601,
        ),
        ("no such tool", vec![MODERN, CALL, ("mcp-name", "x")], named("x"), 200, -32602),
    ] {
        let a = http.post(&headers, body).await;
        assert_eq!(a.refusal(), (status, code), "{what}: {a:?}");
        assert_eq!(a.json()["id"], json!(7), "{what}: the id is echoed");
        assert!(a.header("mcp-session-id").is_none());
    }
    for removed in
        ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"]
    {
        let headers = [MODERN, ("mcp-method", removed)];
        let a = http.post(&headers, request(7, removed, meta("2026-07-28"))).await;
        assert_eq!((a.refusal(), &a.json()["id"]), ((404, -32601), &json!(7)), "{removed}");
    }
    assert!(http.sessions.is_empty());
    let unknown = http.post(&[future], list(meta("2099-01-01"))).await.json();
    assert_eq!(
        unknown["error"]["data"],
        json!({
            "supported": ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"],
            "requested": "2099-01-01",
        })
    );
    for name in ["context", " context ", "=?base64?Y29udGV4dA==?="] {
        let a = http.post(&[MODERN, CALL, ("mcp-name", name)], named("context")).await;
        assert_eq!(a.status, 200, "{name}: {a:?}");
    }
}

#[tokio::test]
async fn a_request_carries_what_its_call_needs() {
    let http = Http::new(8);
    let context = async |meta: Value| {
        let params = json!({ "name": "context", "_meta": meta });
        let headers = [JSON, BOTH, MODERN, CALL, NAMED, ("mcp-session-id", "ignored")];
        let a =
            whole(http.send("ada", "POST", &headers, stateless("x", "tools/call", params)).await)
                .await;
        assert!(a.header("mcp-session-id").is_none());
        serde_json::from_str::<Value>(&a.text()).expect("JSON")
    };
    let elicits = json!({ "elicitation": {} });
    assert_eq!(
        context(json!({
            "io.modelcontextprotocol/clientInfo": { "name": "x".repeat(200), "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": elicits,
            "traceparent": "00-1-2-03",
            "progressToken": "p",
        }))
        .await,
        json!({
            "id": "x", "transport": "http", "version": "2026-07-28", "client": "x".repeat(128),
            "capabilities": elicits, "traceparent": "00-1-2-03", "can_ask": true, "owner": "ada",
        })
    );
    let plain = context(json!({ "traceparent": "0".repeat(129) })).await;
    assert_eq!((&plain["can_ask"], &plain["traceparent"]), (&json!(false), &Value::Null));
    let full = context(json!({ "traceparent": "0".repeat(128) })).await;
    assert_eq!(full["traceparent"], "0".repeat(128));
}

#[tokio::test]
async fn results_have_the_form_of_the_revision() {
    let http = Http::new(8);
    let a = whole(http.modern(BOTH, "tools/list", json!({})).await).await;
    assert_eq!(
        a.json()["result"],
        json!({
            "tools": [{ "name": "wait", "title": "Wait" }],
            "ttlMs": 1,
            "resultType": "complete",
            "_meta": {
                "io.modelcontextprotocol/serverInfo": { "name": "s", "title": "S", "version": "" },
            },
        })
    );
}

#[tokio::test]
async fn a_question_is_a_result_and_its_answer_another_request() {
    let http = Http::new(8);
    let result = http.call("ask").await.json()["result"].clone();
    assert_eq!(
        (
            &result["resultType"],
            &result["requestState"],
            &result["inputRequests"]["name"]["method"]
        ),
        (&json!("input_required"), &json!("kept"), &json!("elicitation/create"))
    );
    let answered = json!({
        "name": "ask", "inputResponses": { "name": { "a": 1 } }, "requestState": "mine",
    });
    let a = whole(http.modern(BOTH, "tools/call", answered).await).await;
    assert_eq!(a.text(), r#"{"a":1} mine"#);
    let state_alone = json!({ "name": "ask", "requestState": "mine" });
    let a = whole(http.modern(BOTH, "tools/call", state_alone).await).await;
    assert_eq!(a.text(), "null mine");
}

#[tokio::test]
async fn notifications_are_taken_and_responses_are_not() {
    let http = Http::new(8);
    let a = http.post(&[MODERN], notification("notifications/cancelled", json!({}))).await;
    assert_eq!((a.status, &*a.body), (202, ""));
    let a = http.post(&[MODERN], json!({ "jsonrpc": "2.0", "id": 1, "result": {} })).await;
    assert_eq!(a.refusal(), (400, -32600));
    assert!(a.json().get("id").is_none() && a.body.contains("send no responses"), "{a:?}");
}

#[tokio::test(start_paused = true)]
async fn a_subscription_is_acknowledged_and_held_open() {
    let http = Http::new(8);
    let json_only = ("accept", "application/json");
    let a = whole(http.modern(json_only, "subscriptions/listen", json!({})).await).await;
    assert_eq!(a.refusal(), (406, -32600));
    let mut events = Events::of(http.modern(BOTH, "subscriptions/listen", json!({})).await);
    assert_eq!(
        events.message().await,
        json!({
            "jsonrpc": "2.0",
            "method": "notifications/subscriptions/acknowledged",
            "params": {
                "notifications": {},
                "_meta": { "io.modelcontextprotocol/subscriptionId": 1 },
            },
        })
    );
    for _ in 0..3 {
        assert_eq!(events.next().await.as_deref(), Some(": keep-alive"));
    }
    http.closing.cancel();
    let last = events.message().await;
    assert_eq!(last["id"], json!(1));
    assert_eq!(last["result"]["resultType"], "complete");
    assert_eq!(last["result"]["_meta"]["io.modelcontextprotocol/subscriptionId"], json!(1));
    assert_eq!(events.next().await, None);
}

/// Nothing is logged to clients, but what is no level is no valid request (the table's last row).
#[tokio::test]
async fn a_log_level_is_one_of_eight() {
    let http = Http::new(8);
    let with = async |level: Value| {
        let meta = json!({ "io.modelcontextprotocol/logLevel": level });
        whole(http.modern(BOTH, "tools/list", json!({ "_meta": meta })).await).await
    };
    assert_eq!(with(json!("warning")).await.status, 200);
    for bad in [json!("loud"), json!("Warning"), json!(3), json!(["info"]), json!({})] {
        let a = with(bad.clone()).await;
        assert_eq!(a.refusal(), (400, -32602), "{bad}");
        let message = "\"io.modelcontextprotocol/logLevel\" in params._meta must be one of debug, \
                       info, notice, warning, error, critical, alert, emergency";
        assert_eq!(a.json()["error"]["message"], message, "{bad}");
    }
}

/// Nothing of it is honoured, but a filter has its kinds all the same.
#[tokio::test]
async fn what_a_subscription_is_for_has_its_kind() {
    let http = Http::new(8);
    let listen = async |filter: Value| {
        http.modern(BOTH, "subscriptions/listen", json!({ "notifications": filter })).await
    };
    for good in [
        json!({}),
        json!({ "toolsListChanged": true, "resourceSubscriptions": ["a://b"], "other": 1 }),
    ] {
        assert_eq!(listen(good.clone()).await.status(), 200, "{good}");
    }
    for (bad, message) in [
        (json!(["toolsListChanged"]), "params.notifications must be an object"),
        (Value::Null, "params.notifications must be an object"),
        (
            json!({ "promptsListChanged": "yes" }),
            "params.notifications.promptsListChanged must be true or false",
        ),
        (
            json!({ "resourceSubscriptions": [1] }),
            "params.notifications.resourceSubscriptions must be a list of strings",
        ),
        (
            json!({ "resourceSubscriptions": "a://b" }),
            "params.notifications.resourceSubscriptions must be a list of strings",
        ),
    ] {
        let a = whole(listen(bad.clone()).await).await;
        assert_eq!((a.refusal(), &a.json()["id"]), ((400, -32602), &json!(1)), "{bad}");
        assert_eq!(a.json()["error"]["message"], message, "{bad}");
    }
}

/// What a header of an argument says is held against the body by the center, which has the schema.
#[tokio::test]
async fn the_headers_of_arguments_say_what_the_body_says() {
    let http = Http::new(8);
    let call = async |headers: &[(&str, &str)]| {
        let params = json!({ "name": "region", "arguments": { "region": "Hello" } });
        let named = [MODERN, CALL, ("mcp-name", "region")];
        let headers: Vec<_> = named.into_iter().chain(headers.iter().copied()).collect();
        http.post(&headers, stateless(7, "tools/call", params)).await
    };
    for good in ["Hello", " Hello ", "=?base64?SGVsbG8=?="] {
        assert_eq!(call(&[("mcp-param-region", good)]).await.text(), "in Hello", "{good}");
    }
    for bad in [
        &[][..],
        &[("mcp-param-region", "hello")],
        &[("mcp-param-region", "=?base64?SGVsbG8?=")],
        &[("mcp-param-region", "Hello"), ("mcp-param-region", "Hello")],
    ] {
        let a = call(bad).await;
        assert_eq!((a.refusal(), &a.json()["id"]), ((400, -32020), &json!(7)), "{bad:?}: {a:?}");
    }
    let session = http.handshake("2025-11-25", json!({})).await;
    let mut body = crate::support::call(7, "region");
    body["params"]["arguments"] = json!({ "region": "Hello" });
    let a = http.in_session(&session, body).await;
    assert_eq!(a.text(), "in Hello", "sessions have no such headers");
}
