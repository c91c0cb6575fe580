//! Queries that outlive their call: they become a handle by themselves, and go on.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mssql_mcp::config::{Config, Inputs};
use serde_json::{Value, json};

use crate::results::{ada_asks, as_ada, two_databases};
use crate::support::{BOTH, JSON, Lab, fixed, http, modern, stateless, until};

async fn lab(more: &[(&'static str, &str)]) -> (Lab, SocketAddr) {
    let mut all = vec![
        ("limits.query_timeout", "1s"),
        ("tasks.handle_after", "45s"),
        ("access.allow", "WAITFOR"),
    ];
    all.extend_from_slice(more);
    let lab = Lab::new(&all).await;
    let (address, _stop) = lab.serve().await;
    (lab, address)
}

async fn call(address: SocketAddr, tool: &str, arguments: Value) -> Value {
    let params = json!({ "name": tool, "arguments": arguments });
    stateless(address, "tools/call", params).await.json()["result"].clone()
}

fn error(a: &Value) -> Value {
    let text = a["content"][0]["text"].as_str().unwrap_or_default();
    serde_json::from_str::<Value>(text).unwrap_or_default()["error"].clone()
}

fn slow(seconds: u32) -> Value {
    json!({ "query": format!("WAITFOR DELAY '00:00:0{seconds}'; SELECT 7 AS n") })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_beyond_its_deadline_is_a_handle_which_delivers() {
    let (lab, address) = lab(&[]).await;
    let began = Instant::now();
    let a = call(address, "execute_sql", slow(4)).await;
    let told = error(&a);
    assert_eq!((&told["code"], &told["retryable"]), (&json!("still_running"), &json!(true)), "{a}");
    assert!(began.elapsed() < Duration::from_secs(4), "it did not wait for the end");
    let handle = told["handle"].as_str().expect("a handle").to_owned();
    // The very call again finds it, and does not begin anew.
    let requests = lab.sandbox.requests();
    let again = error(&call(address, "execute_sql", slow(4)).await);
    assert_eq!(
        (&again["handle"], &again["code"]),
        (&json!(handle), &json!("still_running")),
        "{again}"
    );
    assert_eq!(lab.sandbox.requests(), requests);
    // What a run does not take is refused before anything is given.
    let wrong = json!({ "handle": handle, "format": "csv", "from": 3 });
    assert_eq!(error(&call(address, "get_result", wrong).await)["code"], "invalid_arguments");
    until("it is there", async || {
        let a = call(address, "get_result", json!({ "handle": handle })).await;
        if error(&a)["code"] == "still_running" {
            return false;
        }
        assert_eq!(a["structuredContent"]["results"][0]["rows"], json!([[7]]), "{a}");
        true
    })
    .await;
    // Once.
    let a = call(address, "get_result", json!({ "handle": handle })).await;
    assert_eq!(error(&a)["code"], "handle_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_cancelled_in_the_server_and_is_its_owners() {
    let (lab, address) = lab(&[]).await;
    let handle = error(&call(address, "execute_sql", slow(9)).await)["handle"].clone();
    assert!(handle.is_string());
    let a =
        call(address, "get_result", json!({ "handle": "run_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }))
            .await;
    assert_eq!(error(&a)["code"], "handle_expired");
    let attentions = lab.sandbox.attentions();
    let began = Instant::now();
    let a = call(address, "get_result", json!({ "handle": handle, "cancel": true })).await;
    assert_eq!(error(&a)["code"], "cancelled", "{a}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(lab.sandbox.attentions(), attentions + 1);
    let a = call(address, "get_result", json!({ "handle": handle })).await;
    assert_eq!(error(&a)["code"], "handle_expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_not_delivered_to_whoever_is_shown_its_database_no_longer() {
    let settings = [
        ("limits.query_timeout", "1s"),
        ("tasks.handle_after", "45s"),
        ("tasks.after", "300ms"),
        ("access.allow", "WAITFOR"),
        ("auth.mode", "builtin"),
        ("auth.store", "memory"),
    ];
    let file = two_databases("runs", "one");
    let lab = Lab::with_file(&file, &settings).await;
    let (address, _stop) = lab.serve().await;
    let mut slow = slow(3);
    slow["database"] = json!("one");
    let told = error(&as_ada(&lab, address, "execute_sql", slow.clone()).await);
    assert_eq!(told["code"], "still_running", "{told}");
    let get = json!({ "handle": told["handle"] });
    // Likewise a task of a client that has tasks.
    let mut params = modern(json!({ "name": "execute_sql", "arguments": slow }));
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
        json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
    let task =
        ada_asks(&lab, address, "tools/call", params.clone()).await["result"]["taskId"].clone();
    let look = async || {
        let params = json!({ "taskId": task, "_meta": params["_meta"] });
        ada_asks(&lab, address, "tasks/get", params).await
    };
    assert_eq!(look().await["result"]["taskId"], task);
    let text = std::fs::read_to_string(&file).expect("file");
    let shown = |database: &str| {
        let grant = |d: &str| format!("databases = [\"{d}\"]");
        std::fs::write(&file, text.replace(&grant("one"), &grant(database))).expect("file");
        let fixed = fixed(lab.sandbox.address().port(), &settings);
        let inputs = Inputs { file: Some(file.clone()), fixed, ..Inputs::default() };
        lab.app.reload(&Config::load(&inputs).expect("config"));
    };
    shown("two");
    assert!(look().await["error"].is_object());
    let a = as_ada(&lab, address, "get_result", get.clone()).await;
    assert_eq!(error(&a)["code"], "handle_expired", "{a}");
    let a = as_ada(&lab, address, "execute_sql", slow.clone()).await;
    assert!(
        !["still_running", "Null"].contains(&error(&a)["code"].as_str().unwrap_or("Null")),
        "{a}"
    );
    shown("one");
    assert_eq!(look().await["result"]["taskId"], task);
    let again = error(&as_ada(&lab, address, "execute_sql", slow).await);
    assert_eq!(again["handle"], told["handle"], "{again}");
    until("it is there", async || {
        let a = as_ada(&lab, address, "get_result", get.clone()).await;
        a["structuredContent"]["results"][0]["rows"] == json!([[7]])
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_and_what_is_too_much_end_at_their_deadline() {
    let (_lab, address) = lab(&[
        ("access.level", "full"),
        ("access.confirm_writes", "never"),
        ("tasks.handles", "1"),
    ])
    .await;
    let change =
        json!({ "query": "WAITFOR DELAY '00:00:05'; UPDATE dbo.Employees SET Name = Name" });
    let began = Instant::now();
    let a = call(address, "execute_sql", change).await;
    assert_eq!(error(&a)["code"], "timeout", "{a}");
    assert!(began.elapsed() < Duration::from_secs(4));
    // One handle at once here: a second long read ends as it would without any.
    let first = call(address, "execute_sql", slow(8)).await;
    assert_eq!(error(&first)["code"], "still_running", "{first}");
    let other = json!({ "query": "WAITFOR DELAY '00:00:07'; SELECT 8 AS n" });
    let second = call(address, "execute_sql", other).await;
    assert_eq!(error(&second)["code"], "timeout", "{second}");
    let handle = error(&first)["handle"].clone();
    let _ = call(address, "get_result", json!({ "handle": handle, "cancel": true })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_asks_and_it_ends_and_so_it_does_after_its_longest_time() {
    let settings = [("tasks.idle", "1s"), ("tasks.longest", "3s"), ("http.session_idle", "10s")];
    let (lab, address) = lab(&settings).await;
    let handle = error(&call(address, "execute_sql", slow(9)).await)["handle"].clone();
    until("it is cancelled", async || lab.sandbox.attentions() >= 1).await;
    let a = call(address, "get_result", json!({ "handle": handle })).await;
    assert!(
        ["cancelled", "timeout"].contains(&error(&a)["code"].as_str().unwrap_or_default()),
        "{a}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_tasks_sees_the_same_run_as_one() {
    let (_lab, address) = lab(&[("tasks.after", "500ms")]).await;
    let mut params = modern(json!({ "name": "execute_sql", "arguments": slow(3) }));
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
        json!({ "extensions": { "io.modelcontextprotocol/tasks": {} } });
    let ask = async |method: &str, name: &str, params: Value| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let headers = [
            JSON,
            BOTH,
            ("MCP-Protocol-Version", "2026-07-28"),
            ("Mcp-Method", method),
            ("Mcp-Name", name),
        ];
        http(address, "POST", "/mcp", &headers, body.to_string().as_bytes()).await.json()
    };
    let a = ask("tools/call", "execute_sql", params.clone()).await;
    let id = a["result"]["taskId"].as_str().unwrap_or_else(|| panic!("{a}")).to_owned();
    let mut get = json!({ "taskId": id });
    get["_meta"] = params["_meta"].clone();
    // Beyond the deadline of a call that is waited for.
    until("it is done", async || {
        let a = ask("tasks/get", &id, get.clone()).await;
        if a["result"]["status"] == "working" {
            return false;
        }
        let rows = &a["result"]["result"]["structuredContent"]["results"][0]["rows"];
        assert_eq!((&a["result"]["status"], rows), (&json!("completed"), &json!([[7]])), "{a}");
        true
    })
    .await;
}
