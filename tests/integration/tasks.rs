//! Calls that become tasks (SEP-2663), over the wire and the sandbox.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, BOTH, JSON, Lab, http, until};

/// A request of a client that declares this.
async fn ask(address: SocketAddr, capabilities: &Value, method: &str, mut params: Value) -> Answer {
    let name = params["name"].as_str().or(params["taskId"].as_str()).unwrap_or("").to_owned();
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let headers = [
        JSON,
        BOTH,
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", method),
        ("Mcp-Name", &name),
    ];
    http(address, "POST", "/mcp", &headers, body.to_string().as_bytes()).await
}

fn with_tasks() -> Value {
    json!({ "extensions": { "io.modelcontextprotocol/tasks": {} }, "elicitation": {} })
}

async fn tasks(address: SocketAddr, method: &str, params: Value) -> Value {
    ask(address, &with_tasks(), method, params).await.json()
}

async fn call(address: SocketAddr, query: &str) -> Value {
    let params = json!({ "name": "execute_sql", "arguments": { "query": query } });
    let answer = tasks(address, "tools/call", params).await;
    answer["result"].clone()
}

async fn get(address: SocketAddr, id: &Value) -> Value {
    let answer = tasks(address, "tasks/get", json!({ "taskId": id })).await;
    answer["result"].clone()
}

const SLOW: &str = "SELECT TOP 8 OrderId FROM sales.Orders";

/// A sandbox whose rows take their time, and a server whose calls become tasks soon.
async fn slow() -> Lab {
    let lab = Lab::new(&[("tasks.after", "100ms")]).await;
    lab.sandbox.faults(|f| f.row_delay = Some(Duration::from_millis(100)));
    lab
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_call_becomes_a_task_and_its_result_is_fetched() {
    let lab = slow().await;
    let (address, _stop) = lab.serve().await;
    let task = call(address, SLOW).await;
    assert_eq!(
        (&task["resultType"], &task["status"]),
        (&json!("task"), &json!("working")),
        "{task}"
    );
    assert!(
        task["ttlMs"].is_u64() && task["pollIntervalMs"].is_u64() && task.get("result").is_none()
    );
    let id = &task["taskId"];
    until("the end", async || get(address, id).await["status"] != "working").await;
    let done = get(address, id).await;
    assert_eq!((&done["status"], &done["resultType"]), (&json!("completed"), &json!("complete")));
    let result = &done["result"];
    assert_eq!((&result["isError"], &result["resultType"]), (&json!(false), &json!("complete")));
    assert_eq!(result["structuredContent"]["results"][0]["row_count"], 8, "{done}");
    // Whoever does not have the extension gets a result, or is told what is missing.
    let plain = json!({ "name": "execute_sql", "arguments": { "query": SLOW } });
    let plain = ask(address, &json!({}), "tools/call", plain).await.json();
    assert_eq!(plain["result"]["resultType"], "complete", "{plain}");
    let none = ask(address, &json!({}), "tasks/get", json!({ "taskId": id })).await;
    assert_eq!((none.status, &none.json()["error"]["code"]), (400, &json!(-32021)));
    for (method, params) in [
        ("tasks/get", json!({ "taskId": "run_no" })),
        ("tasks/cancel", json!({ "taskId": "run_no" })),
        ("tasks/update", json!({ "taskId": "run_no", "inputResponses": {} })),
        ("tasks/update", json!({ "taskId": id })),
    ] {
        assert_eq!(tasks(address, method, params).await["error"]["code"], -32602, "{method}");
    }
    // A quick one is no task.
    lab.sandbox.faults(|f| f.row_delay = None);
    assert_eq!(call(address, "SELECT 1 AS a").await["resultType"], "complete");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_cancelled_and_its_query_stops() {
    let lab = slow().await;
    let (address, _stop) = lab.serve().await;
    let task = call(address, "SELECT OrderId FROM sales.Orders").await;
    let id = &task["taskId"];
    for _ in 0..2 {
        let cancelled = tasks(address, "tasks/cancel", json!({ "taskId": id })).await;
        assert_eq!(cancelled["result"]["resultType"], "complete", "{cancelled}");
    }
    until("the end", async || get(address, id).await["status"] == "cancelled").await;
    let done = get(address, id).await;
    assert!(done.get("result").is_none() && done.get("error").is_none(), "{done}");
    // The connection is free again.
    lab.sandbox.faults(|f| f.row_delay = None);
    until("no query runs", async || lab.app.database.status().0 == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_asks_its_client_and_goes_on_with_the_answer() {
    let lab = Lab::new(&[
        ("tasks.after", "20ms"),
        ("access.level", "read-write"),
        ("access.confirm_writes", "always"),
    ])
    .await;
    let (address, _stop) = lab.serve().await;
    lab.sandbox.faults(|f| f.row_delay = Some(Duration::from_millis(50)));
    let task = call(address, "DELETE FROM sales.Orders WHERE OrderId = 1").await;
    assert_eq!(task["resultType"], "task", "{task}");
    let id = &task["taskId"];
    until("a question", async || get(address, id).await["status"] == "input_required").await;
    let asking = get(address, id).await;
    let requests = asking["inputRequests"].as_object().expect("requests");
    let (key, question) = requests.iter().next().expect("a question");
    assert_eq!(question["method"], "elicitation/create", "{asking}");
    let answers = json!({ "nothing": {}, key: { "action": "decline" } });
    let update = json!({ "taskId": id, "inputResponses": answers });
    assert_eq!(tasks(address, "tasks/update", update).await["result"]["resultType"], "complete");
    until("the end", async || get(address, id).await["status"] == "completed").await;
    let done = get(address, id).await;
    let text = done["result"]["content"][0]["text"].as_str().expect("a text");
    assert!(text.contains("declined"), "{done}");
}

/// Who listens is told how a task stands, without asking for it; also who comes when it has ended.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_listens_is_told_how_a_task_stands() {
    let lab = slow().await;
    let (address, stop) = lab.serve().await;
    let task = call(address, SLOW).await;
    let id = task["taskId"].as_str().expect("an id").to_owned();
    let notifications = json!({ "notifications": { "taskIds": [id, "run_no"] } });
    let none = ask(address, &json!({}), "subscriptions/listen", notifications.clone()).await;
    assert_eq!(none.json()["error"]["code"], -32021);
    let listen = || {
        let notifications = notifications.clone();
        tokio::spawn(async move {
            ask(address, &with_tasks(), "subscriptions/listen", notifications).await.body
        })
    };
    let early = listen();
    until("the end", async || get(address, &json!(id)).await["status"] == "completed").await;
    let late = listen();
    // A stream has no end before the server's; it is given time to be opened.
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.closing.cancel();
    for heard in [early.await.expect("a stream"), late.await.expect("a stream")] {
        let messages: Vec<Value> = heard
            .lines()
            .filter_map(|l| l.strip_prefix("data: "))
            .map(|m| serde_json::from_str(m).expect("JSON"))
            .collect();
        assert_eq!(messages[0]["params"]["notifications"]["taskIds"], json!([id]), "{heard}");
        let told = messages.iter().find(|m| m["method"] == "notifications/tasks").expect("told");
        assert_eq!(
            (&told["params"]["status"], &told["params"]["taskId"]),
            (&json!("completed"), &json!(id))
        );
        assert!(told["params"]["result"]["structuredContent"].is_object(), "{told}");
    }
}

/// A client without the extension makes the same call again, and gets what the first one came to.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_call_is_picked_up_by_being_made_again() {
    let lab = Lab::new(&[("tasks.handle_after", "100ms"), ("access.level", "read-write")]).await;
    let (address, _stop) = lab.serve().await;
    lab.sandbox.faults(|f| f.row_delay = Some(Duration::from_millis(100)));
    let again = async |query: &str| {
        let params = json!({ "name": "execute_sql", "arguments": { "query": query } });
        ask(address, &json!({}), "tools/call", params).await.json()["result"].clone()
    };
    let first = again(SLOW).await;
    let said = first["content"][0]["text"].as_str().expect("a text");
    assert!(said.contains("still_running") && said.contains("run_"), "{first}");
    let mut last = first;
    until("the end", async || {
        last = again(SLOW).await;
        last["isError"] == false
    })
    .await;
    assert_eq!(last["structuredContent"]["results"][0]["row_count"], 8);
    // It was one call, which is over: the next one is another.
    let text = again(SLOW).await.to_string();
    assert!(text.contains("still_running"), "{text}");
    let other = again("SELECT TOP 2 OrderId FROM sales.Orders").await;
    assert!(!other.to_string().contains("\"row_count\":8"), "{other}");
}

/// The order of arguments makes no other call; and of two that wait for one run, one has its result
/// and the other is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_known_by_what_it_says_and_its_result_is_given_once() {
    let lab = Lab::new(&[("tasks.handle_after", "200ms")]).await;
    let (address, _stop) = lab.serve().await;
    lab.sandbox.faults(|f| f.row_delay = Some(Duration::from_millis(200)));
    let ask = async |arguments: &'static str| {
        let arguments: Value = serde_json::from_str(arguments).expect("JSON");
        let params = json!({ "name": "execute_sql", "arguments": arguments });
        ask(address, &json!({}), "tools/call", params).await.json()["result"].clone()
    };
    let one = r#"{"query":"SELECT TOP 6 OrderId FROM sales.Orders","max_rows":5}"#;
    let other = r#"{"max_rows":5,"query":"SELECT TOP 6 OrderId FROM sales.Orders"}"#;
    let handle = |v: &Value| {
        let text = v["content"][0]["text"].as_str().expect("a text").to_owned();
        serde_json::from_str::<Value>(&text).expect("JSON")["error"]["handle"].clone()
    };
    let (first, again) = (ask(one).await, ask(other).await);
    assert_eq!(handle(&first), handle(&again), "{first} {again}");
    let mut given = 0;
    for _ in 0..50 {
        let (a, b) = tokio::join!(ask(one), ask(other));
        let whole = |v: &Value| v["isError"] == false;
        given = usize::from(whole(&a)) + usize::from(whole(&b));
        if given > 0 {
            for one in [&a, &b].into_iter().filter(|v| !whole(v)) {
                assert!(one.to_string().contains("still_running"), "{one}");
            }
            break;
        }
    }
    assert!(given > 0, "it ends");
}

/// Nobody answers: the task ends, and its place is free.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_nobody_answers_ends_its_task() {
    let lab = Lab::new(&[
        ("tasks.after", "20ms"),
        ("tasks.of_principal", "1"),
        ("access.level", "read-write"),
        ("access.confirm_expiry", "1s"),
    ])
    .await;
    let (address, _stop) = lab.serve().await;
    lab.sandbox.faults(|f| f.row_delay = Some(Duration::from_millis(50)));
    let task = call(address, "DELETE FROM sales.Orders WHERE OrderId = 1").await;
    assert_eq!(task["resultType"], "task", "{task}");
    let id = task["taskId"].clone();
    until("a question", async || get(address, &id).await["status"] == "input_required").await;
    until("its end", async || get(address, &id).await["status"] == "cancelled").await;
    let next = call(address, SLOW).await;
    assert_eq!(next["resultType"], "task", "there is room again: {next}");
}

/// A server that stops lets a task go on, as any call, for as long as it may.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_tasks() {
    let lab = slow().await;
    let (listener, stop) = (
        mssql_mcp::http::Listener::bind("127.0.0.1:0".parse().expect("address"), false)
            .await
            .expect("listener"),
        mssql_mcp::http::Shutdown::default(),
    );
    let address = listener.address();
    let (app, config, s) = (lab.app.clone(), lab.config.clone(), stop.clone());
    let served = tokio::spawn(async move { app.serve(listener, &config, s).await });
    let task = call(address, SLOW).await;
    assert_eq!(task["resultType"], "task", "{task}");
    let began = std::time::Instant::now();
    stop.closing.cancel();
    served.await.expect("task").expect("served");
    assert!(began.elapsed() > Duration::from_millis(300), "it was waited for");
    assert!(!stop.now.is_cancelled(), "and not cancelled");
}
