//! Starting without a database, stopping in mid-query, and the processes themselves.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::support::{Lab, Stdio1, command, http, modern, signal, stateless, until};
use mssql_mcp_sandbox::{Options, Sandbox};

/// The demo as a process, and where it listens.
async fn demo(args: &[&str]) -> (tokio::process::Child, std::net::SocketAddr) {
    let mut all = vec!["demo", "--listen", "127.0.0.1:0", "--log-level", "error"];
    all.extend(args);
    let mut child = command(&all).spawn().expect("spawn");
    let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
    loop {
        let line = lines.next_line().await.expect("read").expect("the demo says where it listens");
        if let Some(rest) = line.trim().strip_prefix("MCP endpoint  http://") {
            let address = rest.split("/mcp").next().and_then(|a| a.parse().ok()).expect("address");
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return (child, address);
        }
    }
}

const SLOW: &str = "SELECT COUNT(*) FROM sales.Orders AS a CROSS JOIN sales.Orders AS b";

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_in_mid_query_exits_cleanly() {
    let (mut child, address) = demo(&["--server-shutdown-grace", "300ms"]).await;
    assert_eq!(stateless(address, "tools/list", json!({})).await.status, 200);
    let call = tokio::spawn(async move {
        stateless(
            address,
            "tools/call",
            json!({ "name": "execute_sql", "arguments": { "query": SLOW } }),
        )
        .await
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    signal("-TERM", child.id().expect("pid"));
    let status = tokio::time::timeout(Duration::from_secs(20), child.wait())
        .await
        .expect("it exits")
        .expect("status");
    assert!(status.success(), "{status}");
    // The call was cancelled; its client may see an answer without a result or a closed connection.
    let _ = call.await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_in_flight_may_end_within_the_grace_period() {
    let lab = Lab::new(&[("server.shutdown_grace", "20s")]).await;
    let (address, stop) = lab.serve().await;
    lab.sandbox.faults(|f| f.row_delay = Some(Duration::from_millis(50)));
    let call = tokio::spawn(async move {
        stateless(
            address,
            "tools/call",
            json!({ "name": "execute_sql", "arguments": { "query": "SELECT TOP 20 OrderId FROM \
                sales.Orders" } }),
        )
        .await
    });
    until("the call runs", async || lab.sandbox.rows_sent() > 2).await;
    stop.closing.cancel();
    let a = call.await.expect("answer");
    assert_eq!(a.json()["result"]["structuredContent"]["results"][0]["row_count"], json!(20));
    until("the listener is closed", async || {
        tokio::net::TcpStream::connect(address).await.is_err()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_starts_without_its_database_and_serves_once_it_is_up() {
    // A port that is free for the moment; the sandbox takes it later.
    let port = crate::support::free().port();
    mssql_mcp::telemetry::init("error", mssql_mcp::config::settings::log::Format::Text);
    let config = mssql_mcp::config::Config::load(&mssql_mcp::config::Inputs {
        fixed: crate::support::fixed(
            port,
            &[("database.trust_server_certificate", "yes"), ("http.show_server", "yes")],
        ),
        ..Default::default()
    })
    .expect("config");
    let app = mssql_mcp::app::App::new(&config).expect("app");
    let listener = mssql_mcp::http::Listener::bind("127.0.0.1:0".parse().expect("address"), false)
        .await
        .expect("listener");
    let address = listener.address();
    tokio::spawn(async move {
        app.serve(listener, &config, mssql_mcp::http::Shutdown::default()).await
    });
    assert_eq!(stateless(address, "tools/list", json!({})).await.status, 200);
    let call = json!({ "name": "execute_sql", "arguments": { "query": "SELECT 1 AS a" } });
    let r = stateless(address, "tools/call", call.clone()).await.json()["result"].clone();
    assert_eq!(r["isError"], json!(true));
    let text = r["content"][0]["text"].as_str().expect("text").to_owned();
    assert!(
        text.contains("database_unavailable")
            && text.contains("connection refused")
            && !text.contains("Sandbox-1433"),
        "{text}"
    );
    let a = http(address, "GET", "/health", &[], b"").await;
    assert_eq!((a.status, &a.json()["status"]), (200, &json!("degraded")));
    let sandbox =
        Sandbox::start(Options { listen: ([127, 0, 0, 1], port).into(), ..Options::default() })
            .await
            .expect("sandbox");
    let r = stateless(address, "tools/call", call.clone()).await.json()["result"].clone();
    assert_eq!(r["structuredContent"]["results"][0]["rows"], json!([[1]]), "{r}");
    assert_eq!(http(address, "GET", "/health", &[], b"").await.json()["status"], json!("healthy"));
    // And again after it was gone: the pool's connections are dead, and a read finds a
    // new one by itself.
    drop(sandbox);
    let _sandbox =
        Sandbox::start(Options { listen: ([127, 0, 0, 1], port).into(), ..Options::default() })
            .await
            .expect("sandbox");
    let r = stateless(address, "tools/call", call).await.json()["result"].clone();
    assert_eq!(r["structuredContent"]["results"][0]["rows"], json!([[1]]), "{r}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stdio_ends_with_its_input_or_a_signal() {
    let start = || {
        let mut c = command(&["stdio", "--server-shutdown-grace", "200ms"]);
        c.envs([
            ("MSSQL_HOST", "127.0.0.1"),
            ("MSSQL_PORT", "1"),
            ("MSSQL_USER", "u"),
            ("MSSQL_PASSWORD", "p"),
        ]);
        Stdio1::start(c)
    };
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    let mut p = start();
    assert_eq!(p.ask(ping.clone()).await["result"], json!({}));
    signal("-TERM", p.child.id().expect("pid"));
    assert!(
        tokio::time::timeout(Duration::from_secs(20), p.child.wait())
            .await
            .expect("it exits")
            .expect("status")
            .success()
    );
    let mut p = start();
    assert_eq!(p.ask(ping).await["result"], json!({}));
    p.input = None;
    assert!(
        tokio::time::timeout(Duration::from_secs(20), p.child.wait())
            .await
            .expect("it exits")
            .expect("status")
            .success()
    );
}

/// SDKs close stdin, send SIGTERM after two seconds, and kill after two more: what ran must have its
/// end in the audit log by then, whatever the grace.
#[tokio::test(flavor = "multi_thread")]
async fn a_stdio_server_that_is_asked_twice_records_the_end_of_its_calls() {
    for closes in [true, false] {
        let dir =
            std::env::temp_dir().join(format!("mssql-mcp-asked-{closes}-{}", std::process::id()));
        let recorded = || -> String {
            let files = std::fs::read_dir(&dir).into_iter().flatten().flatten();
            files.filter_map(|f| std::fs::read_to_string(f.path()).ok()).collect()
        };
        let mut c = command(&["demo", "--stdio", "--server-shutdown-grace", "60s", "--audit-dir"]);
        c.arg(&dir);
        let mut p = Stdio1::start(c);
        let params = modern(json!({ "name": "execute_sql", "arguments": { "query": SLOW } }));
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        p.send(call.to_string().as_bytes()).await;
        until("the call runs", async || recorded().contains("call_start")).await;
        match closes {
            true => p.input = None,
            false => signal("-TERM", p.child.id().expect("pid")),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!recorded().contains("call_end"), "it has its grace");
        signal("-TERM", p.child.id().expect("pid"));
        let asked = std::time::Instant::now();
        assert!(p.child.wait().await.expect("status").success());
        assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
        assert!(recorded().contains("call_end"), "{}", recorded());
        let _ = std::fs::remove_dir_all(&dir);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_works_from_inside_a_container() {
    let (_child, address) = demo(&[]).await;
    let url = format!("http://{address}/health");
    let out = command(&["health", &url]).output().await.expect("run");
    assert!(
        out.status.success()
            && String::from_utf8_lossy(&out.stdout).contains("\"status\":\"healthy\""),
        "{out:?}"
    );
}

/// Policies lock an account after a few failed logins: 300 who ask for /health, and calls
/// beside them, are two.
#[tokio::test(flavor = "multi_thread")]
async fn failed_logins_are_two_a_minute_however_many_ask() {
    let lab = Lab::new(&[("database.password", "not the one"), ("http.show_server", "yes")]).await;
    let (address, _stop) = lab.serve().await;
    let call = json!({ "name": "execute_sql", "arguments": { "query": "SELECT 1 AS a" } });
    let health = async || http(address, "GET", "/health", &[], b"").await.json()["status"].clone();
    let calls = futures_util::future::join_all(
        (0..20).map(|_| stateless(address, "tools/call", call.clone())),
    );
    let probes = futures_util::future::join_all((0..300).map(|_| health()));
    let (answers, states) = tokio::join!(calls, probes);
    assert!(states.iter().all(|s| s == "degraded"), "{states:?}");
    assert_eq!(lab.sandbox.connections(), 2);
    let text = answers[0].json()["result"]["content"][0]["text"].as_str().expect("text").to_owned();
    assert!(text.contains("database_unavailable") && text.contains("18456"), "{text}");
    // Those who come now hear why, and when there will be a next attempt.
    let text = stateless(address, "tools/call", call).await.json()["result"]["content"][0]["text"]
        .to_string();
    assert!(
        text.contains("18456")
            && text.contains("tried again in")
            && text.contains("lock the account"),
        "{text}"
    );
    assert_eq!(lab.sandbox.connections(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_look_answers_all_who_ask_for_health() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let before = lab.sandbox.connections();
    let health = async || http(address, "GET", "/health", &[], b"").await.json()["status"].clone();
    let states = futures_util::future::join_all((0..50).map(|_| health())).await;
    assert!(states.iter().all(|s| s == "healthy"), "{states:?}");
    assert_eq!(lab.sandbox.connections(), before + 1);
}

/// One line when the database is away, with the reason, and one when it is back; and what the
/// server is, at its start.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_when_the_database_goes_and_comes() {
    let (address, database) = (crate::support::free(), crate::support::free());
    let (listen, port) = (address.to_string(), database.port().to_string());
    let args =
        ["serve", "--listen", &listen, "--database-host", "127.0.0.1", "--database-port", &port];
    let mut c = command(&args);
    c.envs([
        ("MSSQL_USER", mssql_mcp_sandbox::USER),
        ("MSSQL_PASSWORD", mssql_mcp_sandbox::PASSWORD),
    ]);
    c.args(["--database-trust-server-certificate", "yes"]).env("LOG_LEVEL", "INFO");
    let mut child = c.spawn().expect("spawn");
    let mut lines = BufReader::new(child.stderr.take().expect("stderr")).lines();
    let mut said = Vec::new();
    let mut read = async |what: &str| loop {
        let line = tokio::time::timeout(Duration::from_secs(60), lines.next_line()).await;
        let Ok(Ok(Some(line))) = line else { panic!("no \"{what}\" in {said:#?}") };
        said.push(line.clone());
        if line.contains(what) {
            return line;
        }
    };
    let start = read("mssql-mcp starts").await;
    for part in [
        env!("CARGO_PKG_VERSION"),
        "sign_in=\"off\"",
        "store=\"none\"",
        "audit=\"off\"",
        "public_url=\"none\"",
    ] {
        assert!(start.contains(part), "{part}: {start}");
    }
    let gone = read("cannot be reached").await;
    assert!(
        gone.contains("WARN") && gone.contains("connection refused") && gone.contains(&port),
        "{gone}"
    );
    let call = json!({ "name": "execute_sql", "arguments": { "query": "SELECT 1 AS a" } });
    for _ in 0..3 {
        stateless(address, "tools/call", call.clone()).await;
    }
    let sandbox =
        Sandbox::start(Options { listen: database, ..Options::default() }).await.expect("sandbox");
    stateless(address, "tools/call", call.clone()).await;
    let back = read("answers again").await;
    assert!(back.contains("INFO") && back.contains("down_s"), "{back}");
    drop(sandbox);
    stateless(address, "tools/call", call.clone()).await;
    read("cannot be reached").await;
    assert_eq!(said.iter().filter(|l| l.contains("cannot be reached")).count(), 2, "{said:#?}");
    child.kill().await.expect("kill");
}
