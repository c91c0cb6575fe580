//! What a client hears before the answer to its call and between its calls: how far a call is, what
//! SQL Server says meanwhile, and that the tools have changed.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Lab, Stdio1, command, handshake, signal, stateless, until};

/// The messages of a stream, each with the moment in which it came, until one fits.
async fn heard(
    address: SocketAddr,
    request: &str,
    last: impl Fn(&Value) -> bool,
) -> Vec<(Instant, Value)> {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    stream.write_all(request.as_bytes()).await.expect("written");
    let (mut text, mut seen, mut messages) = (String::new(), 0, Vec::new());
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = tokio::time::timeout(Duration::from_secs(60), stream.read(&mut buffer)).await;
        let n = read.expect("in time").expect("read");
        text += &String::from_utf8_lossy(&buffer[..n]);
        for line in text.lines().filter_map(|l| l.strip_prefix("data: ")).skip(seen) {
            let Ok(message) = serde_json::from_str::<Value>(line) else { break };
            seen += 1;
            messages.push((Instant::now(), message));
        }
        assert!(n > 0 || messages.iter().any(|(_, m)| last(m)), "it ended before: {text}");
        if messages.last().is_some_and(|(_, m)| last(m)) {
            return messages;
        }
    }
}

fn post(address: SocketAddr, headers: &[(&str, &str)], body: &Value) -> String {
    let body = body.to_string();
    let more: String = headers.iter().map(|(k, v)| format!("{k}: {v}\r\n")).collect();
    format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n{more}\r\n{body}",
        body.len()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_query_says_how_many_rows_it_has() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    lab.sandbox.faults(|f| f.row_delay = Some(Duration::from_millis(130)));
    let arguments = json!({ "query": "SELECT TOP 30 OrderId FROM sales.Orders" });
    let call = |meta: Value| {
        json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {
            "name": "execute_sql", "arguments": arguments, "_meta": meta } })
    };
    let modern = call(json!({
        "progressToken": "t",
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }));
    let headers = [
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", "execute_sql"),
    ];
    let session = handshake(address, "2025-06-18").await;
    let old = call(json!({ "progressToken": 5 }));
    for (request, token) in [
        (post(address, &headers, &modern), json!("t")),
        (post(address, &[("Mcp-Session-Id", &session)], &old), json!(5)),
    ] {
        let messages = heard(address, &request, |m| m["id"] == 7).await;
        let (end, told) = messages.split_last().expect("messages");
        assert_eq!(end.1["result"]["structuredContent"]["results"][0]["row_count"], 30);
        assert!(told.len() >= 2, "{told:?}");
        for (_, message) in told {
            assert_eq!(message["method"], "notifications/progress", "{message}");
            assert_eq!(message["params"]["progressToken"], token);
        }
        for pair in told.windows(2) {
            let value = |n: usize| pair[n].1["params"]["progress"].as_f64().expect("a number");
            assert!(value(1) > value(0), "{pair:?}");
            let between = pair[1].0 - pair[0].0;
            assert!(
                between > Duration::from_millis(450),
                "oftener than twice a second: {between:?}"
            );
        }
        let last = told.last().map(|(_, m)| m["params"]["message"].clone()).unwrap_or_default();
        assert!(last.as_str().is_some_and(|t| t.ends_with(" rows so far")), "{last}");
    }
}

/// A person thinks; their client hears each second that it is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_is_open_is_progress() {
    let args = ["demo", "--stdio", "--log-level", "error", "--access-level", "read-write"];
    let mut client = Stdio1::start(command(&args));
    let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": { "elicitation": {} },
        "clientInfo": { "name": "t", "version": "1" } } });
    client.ask(hello).await;
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "execute_sql", "_meta": { "progressToken": "p" },
        "arguments": { "query": "DELETE FROM sales.Orders WHERE OrderId = 1" } } });
    client.send(call.to_string().as_bytes()).await;
    let (mut question, mut waiting) = (Value::Null, 0);
    while waiting < 2 {
        let message = client.read().await;
        match message["method"].as_str() {
            Some("elicitation/create") => question = message["id"].clone(),
            Some("notifications/progress") if !question.is_null() => {
                waiting += 1;
                let text = message["params"]["message"].as_str().unwrap_or_default();
                assert!(text.contains("waiting for a person"), "{message}");
            }
            Some("notifications/progress") => {}
            _ => panic!("{message}"),
        }
    }
    let no = json!({ "jsonrpc": "2.0", "id": question, "result": { "action": "decline" } });
    client.send(no.to_string().as_bytes()).await;
    loop {
        let message = client.read().await;
        if message["id"] == 1 && message.get("result").is_some() {
            assert!(message.to_string().contains("declined"), "{message}");
            return;
        }
        assert_eq!(message["method"], "notifications/progress", "{message}");
    }
}

/// PRINT is heard while the text runs, by whoever wants messages of its level.
#[tokio::test(flavor = "multi_thread")]
async fn what_sql_server_says_is_heard_by_level() {
    let mut client = Stdio1::start(command(&["demo", "--stdio", "--log-level", "error"]));
    let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } });
    client.ask(hello).await;
    let call = |id: u8| {
        json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {
            "name": "execute_sql", "arguments": { "query": "PRINT N'half'; SELECT 1 AS a" } } })
    };
    let level = |level: &str| json!({ "jsonrpc": "2.0", "id": 9, "method": "logging/setLevel", "params": { "level": level } });
    assert_eq!(client.ask(call(1)).await["id"], 1, "nobody asked for messages");
    client.ask(level("warning")).await;
    assert_eq!(client.ask(call(2)).await["id"], 2, "it is no warning");
    client.ask(level("info")).await;
    let said = client.ask(call(3)).await;
    assert_eq!(said["method"], "notifications/message", "{said}");
    let wanted = json!({ "level": "info", "logger": "sql", "data": "half" });
    assert_eq!(said["params"], wanted);
    assert_eq!(client.read().await["id"], 3);
}

/// A reload that changes what a tool says of itself is told to whoever listens.
#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_changes_the_tools_is_told() {
    let file = std::env::temp_dir().join(format!("mssql-mcp-telling-{}.toml", std::process::id()));
    std::fs::write(&file, "[limits]\nmax_rows = 100\n").expect("file");
    let address = crate::support::free();
    let listen = address.to_string();
    let mut c = command(&["demo", "--listen", &listen, "--log-level", "error", "--config"]);
    let mut child = c.arg(&file).stdout(std::process::Stdio::null()).spawn().expect("spawn");
    until("it listens", async || TcpStream::connect(address).await.is_ok()).await;
    let listed =
        async || stateless(address, "tools/list", json!({})).await.json()["result"].clone();
    let before = listed().await;
    assert!(before["ttlMs"].as_u64().is_some_and(|t| t <= 60_000), "{before}");
    let pid = child.id().expect("it runs");
    let listen = json!({ "jsonrpc": "2.0", "id": "s", "method": "subscriptions/listen", "params": {
        "notifications": { "toolsListChanged": true, "promptsListChanged": true }, "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {} } } });
    let headers = [("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", "subscriptions/listen")];
    let request = post(address, &headers, &listen);
    let changed = "notifications/tools/list_changed";
    let listening =
        tokio::spawn(async move { heard(address, &request, |m| m["method"] == changed).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    // A reload that changes nothing of the tools is not told.
    signal("-HUP", pid);
    tokio::time::sleep(Duration::from_millis(300)).await;
    std::fs::write(&file, "[limits]\nmax_rows = 50\n").expect("file");
    signal("-HUP", pid);
    let told = listening.await.expect("heard");
    let methods: Vec<_> = told.iter().map(|(_, m)| m["method"].as_str()).collect();
    let acknowledged = "notifications/subscriptions/acknowledged";
    assert_eq!(methods, [Some(acknowledged), Some(changed)], "{told:?}");
    assert_eq!(told[0].1["params"]["notifications"], json!({ "toolsListChanged": true }));
    let after = listed().await;
    assert!(after != before && after.to_string().contains("At most 50 rows"), "{after}");
    child.kill().await.expect("killed");
    let _ = std::fs::remove_file(&file);
}

/// Ten thousand sessions are opened, used and dropped, and leave memory where it was.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_leave_nothing_behind() {
    const ROUND: usize = 2500;
    let address = crate::support::free();
    let listen = address.to_string();
    let mut child = command(&["demo", "--listen", &listen, "--log-level", "error"])
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("spawn");
    until("it listens", async || TcpStream::connect(address).await.is_ok()).await;
    let resident = || -> u64 {
        let status = format!("/proc/{}/status", child.id().expect("it runs"));
        let status = std::fs::read_to_string(status).expect("status");
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    };
    let mut after = Vec::new();
    for _ in 0..4 {
        for _ in 0..ROUND {
            let id = handshake(address, "2025-11-25").await;
            let named = [("Mcp-Session-Id", id.as_str())];
            let gone = crate::support::http(address, "DELETE", "/mcp", &named, b"").await;
            assert_eq!(gone.status, 200);
        }
        after.push(resident());
    }
    // That they were ended is remembered, a few bytes each; nothing else is.
    let grown = after[3].saturating_sub(after[0]);
    let remembered = 3 * ROUND as u64 * 128 / 1024;
    assert!(grown <= remembered + 3 * 1024, "{after:?} KB");
    child.kill().await.expect("killed");
}
