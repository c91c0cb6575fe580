//! The wire itself: statuses, headers, codes and shapes, as the tables of the specification have
//! them.

use serde_json::{Value, json};

use crate::support::{BOTH, JSON, Lab, handshake, http, in_session, modern, stateless};

/// Versions and ids change with every build and run.
fn redacted(mut v: Value) -> Value {
    fn walk(v: &mut Value) {
        match v {
            Value::Object(o) => {
                if o.get("name") == Some(&json!("mssql-mcp")) && o.contains_key("version") {
                    o.insert("version".into(), "[version]".into());
                }
                o.values_mut().for_each(walk);
            }
            Value::Array(a) => a.iter_mut().for_each(walk),
            _ => {}
        }
    }
    walk(&mut v);
    v
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_of_what_clients_see_first() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    insta::assert_json_snapshot!(
        "discover",
        redacted(stateless(address, "server/discover", json!({})).await.json())
    );
    insta::assert_json_snapshot!(
        "tools_list_2026_07_28",
        redacted(stateless(address, "tools/list", json!({})).await.json())
    );
    let init = |v: &str| json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": { "protocolVersion": v, "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } });
    for version in ["2024-11-05", "2025-06-18", "2025-11-25", "2026-07-28", "1999-01-01"] {
        let a = http(address, "POST", "/mcp", &[JSON, BOTH], init(version).to_string().as_bytes())
            .await;
        insta::assert_json_snapshot!(
            format!("initialize_{}", version.replace('-', "_")),
            redacted(a.json())
        );
    }
    let old = handshake(address, "2024-11-05").await;
    let listed =
        in_session(address, &old, json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }))
            .await
            .json();
    let tool = &listed["result"]["tools"][0];
    assert!(
        tool.get("outputSchema").is_none()
            && tool.get("title").is_none()
            && tool.get("annotations").is_none(),
        "{tool}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stateless_requests_are_checked_in_the_order_of_the_table() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let body = |method: &str, params: Value| {
        json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }).to_string()
    };
    let meta = |v: &str| json!({ "_meta": { "io.modelcontextprotocol/protocolVersion": v, "io.modelcontextprotocol/clientCapabilities": {} } });
    let v = ("MCP-Protocol-Version", "2026-07-28");
    let m = |x| ("Mcp-Method", x);
    let call = modern(json!({ "name": "list_tables", "arguments": {} }));
    type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, String, u16, i64);
    let cases: Vec<Case<'_>> = vec![
        ("no _meta", vec![v, m("tools/list")], body("tools/list", json!({})), 400, -32602),
        (
            "no capabilities",
            vec![v, m("tools/list")],
            body(
                "tools/list",
                json!({ "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } }),
            ),
            400,
            -32602,
        ),
        (
            "no version header",
            vec![m("tools/list")],
            body("tools/list", meta("2026-07-28")),
            400,
            -32020,
        ),
        (
            "other version header",
            vec![("MCP-Protocol-Version", "2025-11-25"), m("tools/list")],
            body("tools/list", meta("2026-07-28")),
            400,
            -32020,
        ),
        (
            "unknown version",
            vec![("MCP-Protocol-Version", "2099-01-01"), m("tools/list")],
            body("tools/list", meta("2099-01-01")),
            400,
            -32022,
        ),
        ("no method header", vec![v], body("tools/list", meta("2026-07-28")), 400, -32020),
        (
            "other method header",
            vec![v, m("tools/call")],
            body("tools/list", meta("2026-07-28")),
            400,
            -32020,
        ),
        ("no name header", vec![v, m("tools/call")], body("tools/call", call.clone()), 400, -32020),
        (
            "other name header",
            vec![v, m("tools/call"), ("Mcp-Name", "execute_sql")],
            body("tools/call", call.clone()),
            400,
            -32020,
        ),
        (
            "bad base64 name",
            vec![v, m("tools/call"), ("Mcp-Name", "=?base64?bGlz?==?=")],
            body("tools/call", call.clone()),
            400,
            -32020,
        ),
        ("unknown method", vec![v, m("x/y")], body("x/y", meta("2026-07-28")), 404, -32601),
        ("removed: ping", vec![v, m("ping")], body("ping", meta("2026-07-28")), 404, -32601),
        (
            "removed: initialize",
            vec![v, m("initialize")],
            body("initialize", meta("2026-07-28")),
            404,
            -32601,
        ),
        (
            "unknown tool",
            vec![v, m("tools/call"), ("Mcp-Name", "nope")],
            body("tools/call", modern(json!({ "name": "nope" }))),
            200,
            -32602,
        ),
        (
            "bad cursor",
            vec![v, m("tools/list")],
            body("tools/list", modern(json!({ "cursor": "x" }))),
            200,
            -32602,
        ),
        (
            "no such resource",
            vec![v, m("resources/read"), ("Mcp-Name", "x:y")],
            body("resources/read", modern(json!({ "uri": "x:y" }))),
            200,
            -32602,
        ),
    ];
    for (name, mut headers, body, status, code) in cases {
        headers.extend([JSON, BOTH]);
        let a = http(address, "POST", "/mcp", &headers, body.as_bytes()).await;
        assert_eq!(
            (a.status, a.json()["error"]["code"].as_i64()),
            (status, Some(code)),
            "{name}: {a:?}"
        );
        assert_eq!(a.json()["id"], json!(7), "{name}: the id is echoed");
        assert!(a.header("mcp-session-id").is_none());
    }
    let a = http(
        address,
        "POST",
        "/mcp",
        &[JSON, BOTH, v, m("tools/call"), ("Mcp-Name", "=?base64?bGlzdF90YWJsZXM=?=")],
        body("tools/call", call).as_bytes(),
    )
    .await;
    assert_eq!((a.status, &a.json()["result"]["isError"]), (200, &json!(false)));
    for method in ["GET", "DELETE"] {
        let a = http(address, method, "/mcp", &[("Accept", "text/event-stream"), v], b"").await;
        assert_eq!((a.status, a.header("allow")), (405, Some("POST")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_begin_end_and_belong_together() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    let session = handshake(address, "2025-06-18").await;
    assert_eq!(in_session(address, &session, ping.clone()).await.json()["result"], json!({}));
    assert_eq!(in_session(address, "unknown", ping.clone()).await.status, 404);
    let a = http(address, "POST", "/mcp", &[JSON, BOTH], ping.to_string().as_bytes()).await;
    assert_eq!(a.status, 400, "{a:?}");
    let again = json!({ "jsonrpc": "2.0", "id": 2, "method": "initialize", "params": { "protocolVersion": "2025-06-18", "capabilities": {} } });
    assert_eq!(in_session(address, &session, again).await.status, 400);
    let a = http(
        address,
        "POST",
        "/mcp",
        &[JSON, BOTH, ("Mcp-Session-Id", &session), ("MCP-Protocol-Version", "1.0")],
        ping.to_string().as_bytes(),
    )
    .await;
    assert_eq!(a.status, 400);
    let level = |l: &str| json!({ "jsonrpc": "2.0", "id": 3, "method": "logging/setLevel", "params": { "level": l } });
    assert_eq!(in_session(address, &session, level("debug")).await.json()["result"], json!({}));
    assert_eq!(
        in_session(address, &session, level("loud")).await.json()["error"]["code"],
        json!(-32602)
    );
    // A batch is for 2025-03-26 alone.
    let two = json!([{ "jsonrpc": "2.0", "id": 1, "method": "ping" }, { "jsonrpc": "2.0", "method": "notifications/x" }, { "jsonrpc": "2.0", "id": 2, "method": "tools/list" }]);
    assert_eq!(in_session(address, &session, two.clone()).await.status, 400);
    let batching = handshake(address, "2025-03-26").await;
    let a = in_session(address, &batching, two).await;
    assert_eq!(a.json().as_array().map(Vec::len), Some(2), "{a:?}");
    assert_eq!(in_session(address, &batching, json!([])).await.status, 400);
    // DELETE ends it.
    let id = [("Mcp-Session-Id", session.as_str())];
    assert_eq!(http(address, "DELETE", "/mcp", &id, b"").await.status, 200);
    assert_eq!(in_session(address, &session, ping).await.status, 404);
    assert_eq!(http(address, "PUT", "/mcp", &[], b"").await.status, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_opens_an_event_stream_and_the_answer_comes_on_it() {
    let lab = Lab::new(&[("http.silence", "50ms"), ("http.keep_alive", "50ms")]).await;
    let (address, _stop) = lab.serve().await;
    lab.sandbox.faults(|f| f.row_delay = Some(std::time::Duration::from_millis(40)));
    let call = json!({ "name": "execute_sql", "arguments": { "query": "SELECT TOP 8 OrderId FROM \
        sales.Orders" } });
    let a = stateless(address, "tools/call", call.clone()).await;
    assert_eq!(a.header("content-type"), Some("text/event-stream"));
    assert_eq!(
        (a.header("cache-control"), a.header("x-accel-buffering")),
        (Some("no-cache, no-transform"), Some("no"))
    );
    assert!(a.body.contains(": keep-alive"), "{}", a.body);
    assert_eq!(a.json()["result"]["structuredContent"]["results"][0]["row_count"], json!(8));
    // A client that takes no event stream waits for plain JSON.
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": modern(call) });
    let headers = [
        JSON,
        ("Accept", "application/json"),
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", "execute_sql"),
    ];
    let a = http(address, "POST", "/mcp", &headers, body.to_string().as_bytes()).await;
    assert_eq!(a.header("content-type"), Some("application/json"));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_tells_the_truth_and_keeps_its_keys() {
    let lab = Lab::new(&[("database.label", "orders-db"), ("pool.connect_timeout", "1s")]).await;
    let (address, _stop) = lab.serve().await;
    let a = http(address, "GET", "/health", &[("Host", "localhost:8008")], b"").await;
    let v = a.json();
    assert_eq!(
        (a.status, &v["status"], &v["database"], &v["transport"], &v["oauth"]),
        (
            200,
            &json!("healthy"),
            &json!("orders-db"),
            &json!("streamable-http"),
            &json!("disabled")
        )
    );
    assert!(v["version"].is_string());
    for (name, value) in [("Host", "evil.example.com"), ("Origin", "https://evil.example.com")] {
        assert_eq!(
            http(address, "GET", "/health", &[(name, value)], b"").await.status,
            403,
            "{name}"
        );
    }
    assert_eq!(http(address, "GET", "/nothing", &[], b"").await.status, 404);
    let preflight = [
        ("Origin", "http://localhost:6274"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "mcp-method"),
    ];
    let a = http(address, "OPTIONS", "/mcp", &preflight, b"").await;
    assert_eq!(a.header("access-control-allow-origin"), Some("http://localhost:6274"), "{a:?}");
}
