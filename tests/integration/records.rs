//! Limits and the audit log, over real wires and processes.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mssql_mcp::audit::verify::verify;
use mssql_mcp::oauth::people::{User, hash};
use mssql_mcp::principal::SCOPES;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::support::{Answer, BOTH, JSON, Lab, command, http, modern, until};

struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let dir =
            std::env::temp_dir().join(format!("mssql-mcp-audit-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        Self(dir)
    }

    fn text(&self) -> &str {
        self.0.to_str().expect("path")
    }

    /// All files of the server's chain, oldest first.
    fn files(&self) -> Vec<(String, String)> {
        let all = mssql_mcp::audit::log::files(&self.0, "audit").expect("files");
        all.iter()
            .map(|p| (p.display().to_string(), std::fs::read_to_string(p).expect("text")))
            .collect()
    }

    fn records(&self) -> Vec<Value> {
        let files = self.files();
        files
            .iter()
            .flat_map(|f| f.1.lines())
            .map(|l| serde_json::from_str(l).expect("JSON"))
            .collect()
    }

    /// The ends of calls, by outcome.
    fn outcomes(&self) -> Vec<String> {
        let ends = self.records().into_iter().filter(|r| r["event"] == "call_end");
        ends.map(|r| r["outcome"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn sound(&self) {
        let v = verify(&self.files(), None, None);
        assert!(v.problems.is_empty(), "{:?}", v.problems);
        // Every start has one end.
        let of = |event: &str| {
            let mut ids: Vec<String> = self
                .records()
                .iter()
                .filter(|r| r["event"] == event)
                .map(|r| r["call"].to_string())
                .collect();
            ids.sort();
            ids
        };
        assert_eq!(of("call_start"), of("call_end"));
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn lab(dir: &Dir, more: &[(&'static str, &str)]) -> (Lab, SocketAddr, String) {
    let mut all = vec![
        ("auth.mode", "builtin"),
        ("auth.store", "memory"),
        ("audit.dir", dir.text()),
        ("access.level", "read-write"),
        ("access.confirm_writes", "never"),
    ];
    all.extend_from_slice(more);
    let lab = Lab::new(&all).await;
    let grants = lab.app.authority.as_ref().expect("sign-in").grants();
    let token =
        grants.api_token("etl", SCOPES.map(str::to_owned).to_vec(), "", None).await.expect("token");
    let (address, _stop) = lab.serve().await;
    (lab, address, format!("Bearer {token}"))
}

fn body(tool: &str, arguments: Value) -> String {
    let params = modern(json!({ "name": tool, "arguments": arguments }));
    json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params }).to_string()
}

async fn call(address: SocketAddr, bearer: &str, tool: &str, arguments: Value) -> Answer {
    post(address, bearer, tool, &body(tool, arguments)).await
}

async fn post(address: SocketAddr, bearer: &str, tool: &str, text: &str) -> Answer {
    let headers = [
        JSON,
        BOTH,
        ("Authorization", bearer),
        ("MCP-Protocol-Version", "2026-07-28"),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", tool),
    ];
    http(address, "POST", "/mcp", &headers, text.as_bytes()).await
}

async fn sql(address: SocketAddr, bearer: &str, query: &str) -> Value {
    call(address, bearer, "execute_sql", json!({ "query": query })).await.json()["result"].clone()
}

fn code(result: &Value) -> String {
    let text = result["content"][0]["text"].as_str().unwrap_or_default();
    serde_json::from_str::<Value>(text)
        .map(|v| v["error"]["code"].as_str().unwrap_or_default().to_owned())
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_ending_of_a_call_has_its_records() {
    let dir = Dir::new("endings");
    let more = [
        ("limits.query_timeout", "1s"),
        ("access.allow", "WAITFOR"),
        ("limits.concurrent_calls", "1"),
        ("http.silence", "100ms"),
        ("http.keep_alive", "100ms"),
    ];
    let (lab, address, bearer) = lab(&dir, &more).await;
    // The names of the catalog are read in the background, by the first call that would use them.
    sql(address, &bearer, "SELECT 1 AS a FROM sales.Orders").await;
    until("the names are known", async || lab.app.database.names().is_some()).await;
    assert_eq!(
        sql(address, &bearer, "SELECT TOP 3 Name FROM employees WHERE Name <> 'x'").await["isError"],
        false
    );
    assert_eq!(code(&sql(address, &bearer, "SELECT * FROM nope").await), "sql_error");
    assert_eq!(code(&sql(address, &bearer, "DROP TABLE dbo.Employees").await), "access_denied");
    assert_eq!(
        sql(address, &bearer, "UPDATE dbo.Employees SET Name = Name").await["structuredContent"]["committed"],
        true
    );
    call(address, &bearer, "describe_table", json!({ "table_name": "sales.OpenOrders" })).await;
    // Slow rows from here on: one that runs into its deadline, and while it runs another
    // that is too many.
    lab.sandbox.faults(|f| f.row_delay = Some(Duration::from_millis(100)));
    let slow = tokio::spawn({
        let bearer = bearer.clone();
        async move { sql(address, &bearer, "WAITFOR DELAY '00:00:20'").await }
    });
    until("it runs", async || lab.app.database.status().0 == 1).await;
    assert_eq!(code(&sql(address, &bearer, "SELECT 1 AS a").await), "too_many_at_once");
    let slow = slow.await.expect("an answer");
    assert_eq!(code(&slow), "timeout");
    // A client that leaves, and one that takes its call back.
    until("nothing runs", async || lab.app.database.status().0 == 0).await;
    let text = body("execute_sql", json!({ "query": "SELECT OrderId FROM sales.Orders" }));
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nAccept: \
         application/json, text/event-stream\r\nAuthorization: {bearer}\r\n\
         MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: \
         execute_sql\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    );
    let mut tcp = tokio::net::TcpStream::connect(address).await.expect("connect");
    tcp.write_all(head.as_bytes()).await.expect("write");
    until("it runs", async || lab.app.database.status().0 == 1).await;
    drop(tcp);
    until("its end is written", async || dir.outcomes().len() == 9).await;
    let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": { "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "evil\n\u{1b}[31m\u{202e}", "version": "1" } } });
    let auth = ("Authorization", bearer.as_str());
    let a = http(address, "POST", "/mcp", &[JSON, BOTH, auth], hello.to_string().as_bytes()).await;
    let session = a.header("mcp-session-id").expect("a session").to_owned();
    let inside = [JSON, BOTH, auth, ("Mcp-Session-Id", &session)];
    let query = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": { "name": "execute_sql", "arguments": { "query": "SELECT OrderId FROM sales.Orders" } } });
    until("nothing runs", async || lab.app.database.status().0 == 0).await;
    let running = query.to_string();
    let cancel = async {
        until("it runs", async || lab.app.database.status().0 == 1).await;
        let cancelled =
            br#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}}"#;
        http(address, "POST", "/mcp", &inside, cancelled).await
    };
    tokio::join!(http(address, "POST", "/mcp", &inside, running.as_bytes()), cancel);
    until("all ends are written", async || dir.outcomes().len() == 10).await;
    lab.app.audit.close().await;
    dir.sound();
    let outcomes = dir.outcomes();
    assert_eq!(
        outcomes[..6],
        ["ok", "ok", "sql_error", "access_denied", "ok", "ok"],
        "{outcomes:?}"
    );
    for one in ["too_many_at_once", "timeout", "disconnected", "cancelled"] {
        assert!(outcomes.iter().any(|o| o == one), "{one}: {outcomes:?}");
    }
    // Who read which table.
    let records = dir.records();
    let starts: Vec<&Value> = records.iter().filter(|r| r["event"] == "call_start").collect();
    assert_eq!(
        (
            &starts[1]["objects"],
            &starts[1]["indirect"],
            &starts[1]["principal"],
            &starts[1]["mount"],
            &starts[1]["transport"]
        ),
        (
            &json!(["dbo.Employees"]),
            &json!(false),
            &json!("token:etl"),
            &json!("/"),
            &json!("http")
        )
    );
    assert_eq!(starts[1]["text"], "SELECT TOP ? Name FROM employees WHERE Name < > ?");
    assert_eq!(
        (&starts[5]["objects"], &starts[5]["indirect"]),
        (&json!(["sales.OpenOrders"]), &json!(true)),
        "a view hides more"
    );
    assert_eq!(
        (&starts[5]["tool"], starts[5].get("fingerprint")),
        (&json!("describe_table"), None)
    );
    let end = records
        .iter()
        .find(|r| r["event"] == "call_end" && r["call"] == starts[1]["call"])
        .expect("its end");
    assert_eq!((&end["rows"], &end["verdict"]), (&json!(3), &json!("read")));
    // What a client says of itself does not disturb a reader.
    let whole = dir.files().into_iter().map(|f| f.1).collect::<String>();
    assert!(
        whole.contains(r"evil\n\u001b[31m\u202e")
            && !whole.contains('\u{1b}')
            && !whole.contains('\u{202e}')
    );
    // The documented schema holds for all of it.
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/audit-record.schema.json");
    let list = dir.0.join("all.json");
    std::fs::write(&list, Value::from(records).to_string()).expect("write");
    let out = std::process::Command::new(crate::clients::installed("py-lint/bin/check-jsonschema"))
        .arg("--schemafile")
        .arg(schema)
        .arg(&list)
        .output()
        .expect("check-jsonschema");
    assert!(
        out.status.success(),
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
}

/// Calls execute_sql as a client that can put a question to a person; `more`
/// stands beside the arguments.
async fn by_a_person(address: SocketAddr, bearer: &str, arguments: &Value, more: &Value) -> Value {
    let mut params = modern(json!({ "name": "execute_sql", "arguments": arguments }));
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
        json!({ "elicitation": { "form": {} } });
    for (k, v) in more.as_object().expect("fields") {
        params[k] = v.clone();
    }
    let text =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params }).to_string();
    post(address, bearer, "execute_sql", &text).await.json()["result"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rounds_of_a_confirmed_change_are_linked_and_charged_once() {
    let dir = Dir::new("rounds");
    let more = [("access.confirm_writes", "always"), ("limits.calls", "1")];
    let (lab, address, bearer) = lab(&dir, &more).await;
    let update = json!({ "query": "UPDATE dbo.Employees SET Name = Name WHERE EmployeeId = 1" });
    let ask = async |more: Value| by_a_person(address, &bearer, &update, &more).await;
    let question = ask(json!({})).await;
    assert_eq!(question["resultType"], "input_required", "{question}");
    let answers = json!({ "confirm": { "action": "accept", "content": { "apply": true } } });
    let done =
        ask(json!({ "requestState": question["requestState"], "inputResponses": answers })).await;
    assert_eq!(
        done["structuredContent"]["committed"], true,
        "the second round is not a second call: {done}"
    );
    assert_eq!(code(&ask(json!({})).await), "rate_limited");
    lab.app.audit.close().await;
    dir.sound();
    let records = dir.records();
    let ends: Vec<&Value> = records.iter().filter(|r| r["event"] == "call_end").collect();
    assert_eq!(
        (&ends[0]["outcome"], &ends[2]["outcome"]),
        (&json!("input_required"), &json!("rate_limited"))
    );
    assert!(ends[0]["asked"].is_string() && ends[0]["asked"] == ends[1]["answers"], "{ends:?}");
}

/// A change that was declined, one that was tried out, one that was applied, and a read:
/// each record says which.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_says_what_became_of_a_change() {
    let dir = Dir::new("became");
    let (lab, address, bearer) = lab(&dir, &[("access.confirm_writes", "always")]).await;
    let update = "UPDATE dbo.Employees SET Name = Name WHERE EmployeeId < 4";
    let ask = async |arguments: Value, more: Value| {
        by_a_person(address, &bearer, &arguments, &more).await
    };
    let answers = [
        json!({ "action": "decline" }),
        json!({ "action": "accept", "content": {} }),
        json!({ "action": "accept", "content": { "apply": "true" } }),
        json!({ "action": "accept", "content": { "apply": true } }),
    ];
    for answer in answers {
        let question = ask(json!({ "query": update }), json!({})).await;
        let answer = json!({ "requestState": question["requestState"], "inputResponses": { "confirm": answer } });
        ask(json!({ "query": update }), answer).await;
    }
    ask(json!({ "query": update, "dry_run": true }), json!({})).await;
    ask(json!({ "query": "SELECT 1 AS a" }), json!({})).await;
    lab.app.audit.close().await;
    dir.sound();
    let records = dir.records();
    let ends: Vec<&Value> = records
        .iter()
        .filter(|r| r["event"] == "call_end" && r["outcome"] != "input_required")
        .collect();
    let said = |r: &Value| {
        ["outcome", "rows_affected", "committed", "dry_run", "declined"]
            .map(|k| r.get(k).cloned().unwrap_or_default())
    };
    let no = json!(["declined", null, null, null, true]);
    assert_eq!(
        ends.iter().map(|r| json!(said(r))).collect::<Vec<_>>(),
        [
            no.clone(),
            no.clone(),
            no,
            json!(["ok", 3, true, null, null]),
            json!(["dry_run", 3, false, true, null]),
            json!(["ok", null, null, null, null]),
        ]
    );
}

/// What runs is what was recorded: arguments are an object with each name once, or nothing runs.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_runs_that_the_record_does_not_have() {
    let dir = Dir::new("arrays");
    let (lab, address, bearer) = lab(&dir, &[]).await;
    let update = "UPDATE dbo.Employees SET Name = N'changed'";
    let meta = modern(json!({}))["_meta"].to_string();
    for arguments in [
        format!(r#""arguments": ["{update}", null, null, null, null]"#),
        format!(r#""arguments": "{update}""#),
        format!(r#""arguments": {{"query": "SELECT 1 AS a", "query": "{update}"}}"#),
        format!(
            r#""arguments": {{"query": "SELECT 1 AS a"}}, "arguments": {{"query": "{update}"}}"#
        ),
        format!(r#""arguments": {{"query": ["{update}"]}}"#),
        format!(r#""arguments": [["query", "{update}"]]"#),
    ] {
        let text = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"_meta":{meta},"name":"execute_sql",{arguments}}}}}"#
        );
        let headers = [
            JSON,
            BOTH,
            ("Authorization", bearer.as_str()),
            ("MCP-Protocol-Version", "2026-07-28"),
            ("Mcp-Method", "tools/call"),
            ("Mcp-Name", "execute_sql"),
        ];
        let answer = http(address, "POST", "/mcp", &headers, text.as_bytes()).await.json();
        assert_eq!(code(&answer["result"]), "invalid_arguments", "{text}: {answer}");
    }
    // In a session: _meta as an array, and items of a batch as arrays.
    let hello = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-03-26","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#;
    let auth = ("Authorization", bearer.as_str());
    let a = http(address, "POST", "/mcp", &[JSON, BOTH, auth], hello.as_bytes()).await;
    let session = a.header("mcp-session-id").expect("a session").to_owned();
    let inside = [JSON, BOTH, auth, ("Mcp-Session-Id", session.as_str())];
    let params = format!(r#"{{"name":"execute_sql","arguments":{{"query":"{update}"}}}}"#);
    for text in [
        format!(r#"[["2.0", 1, "tools/call", {params}, null, null]]"#),
        format!(r#"["2.0", 1, "tools/call", {params}, null, null]"#),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"_meta":["2026-07-28"],"name":"execute_sql","arguments":{{"query":"{update}"}}}}}}"#
        ),
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["execute_sql",{{"query":"{update}"}}]}}"#
        ),
    ] {
        let answer = http(address, "POST", "/mcp", &inside, text.as_bytes()).await;
        assert!(answer.body.contains("error"), "{text}: {answer:?}");
    }
    let names =
        sql(address, &bearer, "SELECT COUNT(*) AS n FROM dbo.Employees WHERE Name = N'changed'")
            .await;
    assert_eq!(names["structuredContent"]["results"][0]["rows"], json!([[0]]), "nothing ran");
    lab.app.audit.close().await;
    dir.sound();
    let records = dir.records();
    let ends = records.iter().filter(|r| r["event"] == "call_end");
    assert!(ends.into_iter().all(|r| r["rows_affected"].is_null()), "{records:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_clients_share_what_one_principal_may() {
    let dir = Dir::new("limits");
    let (_lab, address, bearer) = lab(
        &dir,
        &[
            ("limits.calls", "100"),
            ("limits.concurrent_calls", "1000"),
            ("pool.max_waiting", "1000"),
            ("pool.wait", "30s"),
        ],
    )
    .await;
    let calls = (0..64).map(|_| {
        let bearer = bearer.clone();
        tokio::spawn(async move {
            let mut codes = Vec::new();
            for _ in 0..5 {
                codes.push(code(&sql(address, &bearer, "SELECT 1 AS a").await));
            }
            codes
        })
    });
    let started = std::time::Instant::now();
    let mut all = Vec::new();
    for c in calls.collect::<Vec<_>>() {
        all.extend(c.await.expect("task"));
    }
    let (passed, limited) = (
        all.iter().filter(|c| c.is_empty()).count(),
        all.iter().filter(|c| *c == "rate_limited").count(),
    );
    assert_eq!(passed + limited, 320, "{all:?}");
    // The burst, and what came back meanwhile.
    let back = started.elapsed().as_secs() as usize * 100 / 60 + 2;
    assert!((100..=100 + back).contains(&passed), "{passed} in {:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_floods_is_told_to_wait() {
    let dir = Dir::new("peers");
    let (_lab, address, _) =
        lab(&dir, &[("limits.peer_requests", "20"), ("http.trusted_proxies", "127.0.0.1")]).await;
    let from = async |ip: &str, path: &str| {
        http(address, "GET", path, &[("X-Forwarded-For", ip)], b"").await
    };
    for _ in 0..20 {
        assert_eq!(from("198.51.100.7", "/health").await.status, 200);
    }
    let a = from("198.51.100.7", "/.well-known/oauth-authorization-server").await;
    assert!(
        a.status == 429
            && a.header("retry-after").is_some_and(|s| s.parse::<u64>().is_ok_and(|s| s >= 1)),
        "{a:?}"
    );
    assert_eq!(from("198.51.100.8", "/health").await.status, 200, "another address");
    // One IPv6 host has a whole /64.
    for n in 0..20 {
        assert_eq!(from(&format!("2001:db8:1:2::{n:x}"), "/health").await.status, 200);
    }
    assert_eq!(from("2001:db8:1:2:ffff::1", "/health").await.status, 429);
    assert_eq!(from("2001:db8:1:3::1", "/health").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_who_wait_are_told_at_once() {
    let lab =
        Lab::new(&[("pool.max_size", "1"), ("pool.max_waiting", "2"), ("pool.wait", "30s")]).await;
    let (address, _stop) = lab.serve().await;
    lab.sandbox.faults(|f| f.row_delay = Some(Duration::from_millis(20)));
    let slow = || {
        tokio::spawn(async move {
            sql(address, "Bearer x", "SELECT TOP 100 OrderId FROM sales.Orders").await
        })
    };
    let mut running = vec![slow()];
    until("it runs", async || lab.app.database.status().0 == 1).await;
    for n in 1..=2 {
        running.push(slow());
        until("it waits", async || lab.app.database.status().2 == n).await;
    }
    let refused = sql(address, "Bearer x", "SELECT 1 AS a").await;
    assert_eq!(code(&refused), "overloaded", "{refused}");
    for r in running {
        assert_eq!(r.await.expect("task")["isError"], false);
    }
}

/// A process that is killed in mid-call: the next start closes what it left.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_leaves_no_call_open() {
    let dir = Dir::new("killed");
    let port = crate::support::free();
    let serve = || {
        let listen = port.to_string();
        let args = [
            "demo",
            "--listen",
            &listen,
            "--audit-dir",
            dir.text(),
            "--audit-policy",
            "fail-closed",
            "--access-allow",
            "WAITFOR",
            "--log-level",
            "off",
        ];
        command(&args).spawn().expect("spawn")
    };
    let mut child = serve();
    until("it listens", async || tokio::net::TcpStream::connect(port).await.is_ok()).await;
    assert_eq!(sql(port, "Bearer x", "SELECT 1 AS a").await["isError"], false);
    let asked = tokio::spawn(async move {
        let text = body("execute_sql", json!({ "query": "WAITFOR DELAY '00:00:30'" }));
        let mut tcp = tokio::net::TcpStream::connect(port).await.expect("connect");
        let head = format!(
            "POST /mcp HTTP/1.1\r\nHost: {port}\r\nContent-Type: application/json\r\nAccept: \
             application/json, text/event-stream\r\n\
             MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: \
             execute_sql\r\nContent-Length: {}\r\n\r\n{text}",
            text.len()
        );
        tcp.write_all(head.as_bytes()).await.expect("write");
        tcp
    });
    let tcp = asked.await.expect("task");
    let starts = || dir.records().iter().filter(|r| r["event"] == "call_start").count();
    until("its start is on disk", async || dir.0.exists() && starts() == 2).await;
    child.kill().await.expect("SIGKILL");
    drop(tcp);
    // As if it had been writing: half a record.
    let last = mssql_mcp::audit::log::files(&dir.0, "audit").expect("files").pop().expect("a file");
    let mut torn = std::fs::OpenOptions::new().append(true).open(&last).expect("open");
    std::io::Write::write_all(&mut torn, b"{\"seq\":99,\"prev\":").expect("write");
    let mut child = serve();
    until("it listens", async || tokio::net::TcpStream::connect(port).await.is_ok()).await;
    assert_eq!(dir.outcomes(), ["ok", "unknown"]);
    dir.sound();
    let records = dir.records();
    let unknown = records.iter().find(|r| r["outcome"] == "unknown").expect("the record");
    assert_eq!((&unknown["principal"], &unknown["tool"]), (&json!("local"), &json!("execute_sql")));
    assert!(records.iter().any(|r| r["torn"].as_str().is_some_and(|t| t.contains("99"))));
    // A second server on the same folder would write a second chain.
    let other = command(&["demo", "--listen", "127.0.0.1:0", "--audit-dir", dir.text()])
        .output()
        .await
        .expect("run");
    assert!(
        !other.status.success()
            && String::from_utf8_lossy(&other.stderr).contains("another process writes there")
    );
    child.kill().await.expect("SIGKILL");
}

/// A disk that is full (here: a file that may not grow): nothing runs unrecorded, and nothing that
/// was acknowledged is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_calls_or_counts_what_is_lost() {
    for (policy, refused) in [("fail-closed", "audit_unavailable"), ("drop", "")] {
        let dir = Dir::new(&format!("full-{policy}"));
        let port = crate::support::free();
        let admin = crate::support::free();
        let mut c = tokio::process::Command::new("bash");
        // Sixteen blocks of 1,024 bytes; the signal is ignored, so that a write fails instead.
        c.args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$@\"", "bash"])
            .arg(crate::support::binary())
            .args([
                "demo",
                "--listen",
                &port.to_string(),
                "--admin-listen",
                &admin.to_string(),
                "--audit-dir",
                dir.text(),
                "--audit-policy",
                policy,
                "--audit-wait",
                "500ms",
                "--log-level",
                "off",
            ])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true);
        let mut child = c.spawn().expect("spawn");
        until("it listens", async || tokio::net::TcpStream::connect(port).await.is_ok()).await;
        until("the admin listener does", async || {
            tokio::net::TcpStream::connect(admin).await.is_ok()
        })
        .await;
        assert_eq!(http(admin, "GET", "/readyz", &[], b"").await.status, 200, "{policy}");
        let mut answered = 0;
        let mut last = String::new();
        for _ in 0..60 {
            let r = sql(port, "Bearer x", "SELECT 1 AS a").await;
            last = code(&r);
            if last.is_empty() {
                answered += 1;
            } else {
                break;
            }
        }
        assert_eq!(last, refused, "{policy}: {answered} answered");
        // A balancer sends nobody where calls are refused; where they run on, nothing
        // is wrong with it.
        let ready = http(admin, "GET", "/readyz", &[], b"").await;
        let expected = if policy == "fail-closed" { (503, true) } else { (200, false) };
        assert_eq!(
            (ready.status, ready.body.contains("cannot be recorded")),
            expected,
            "{}",
            ready.body
        );
        let whole = verify(&dir.files(), None, None);
        assert!(whole.problems.is_empty(), "{:?}", whole.problems);
        if policy == "fail-closed" {
            let starts = dir.records().iter().filter(|r| r["event"] == "call_start").count();
            assert!(answered > 5 && starts >= answered, "{starts} starts for {answered} answers");
        } else {
            assert_eq!(answered, 60, "calls go on");
        }
        child.kill().await.expect("SIGKILL");
    }
    // A folder that cannot be one is an error at the start.
    let file = std::env::temp_dir().join(format!("mssql-mcp-audit-file-{}", std::process::id()));
    std::fs::write(&file, "").expect("write");
    let inside = file.join("audit");
    let out = command(&[
        "demo",
        "--listen",
        "127.0.0.1:0",
        "--audit-dir",
        inside.to_str().expect("path"),
    ])
    .output()
    .await
    .expect("run");
    assert!(
        !out.status.success() && String::from_utf8_lossy(&out.stderr).contains("audit.dir"),
        "{out:?}"
    );
    std::fs::remove_file(file).expect("clean");
}

/// The command that an auditor runs, on what a server and its commands wrote.
#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_verifies_what_was_written() {
    let dir = Dir::new("verify");
    let more = [("audit.checkpoint_every", "5"), ("audit.rotate_size", "4096")];
    let (lab, address, bearer) = lab(&dir, &more).await;
    for n in 0..20 {
        sql(address, &bearer, &format!("SELECT {n} AS a FROM sales.Orders")).await;
    }
    // A person signs in and agrees.
    let people = lab.app.authority.as_ref().expect("sign-in").people();
    let ada = User::new(hash("correct horse battery").expect("hash"), vec!["mssql:read".into()]);
    people.put("ada", &ada).await.expect("written");
    crate::oauth::signed_in_token(address, "ada", "correct horse battery").await;
    lab.app.audit.close().await;
    let events: Vec<String> =
        dir.records().iter().map(|r| format!("{}:{}", r["event"], r["principal"])).collect();
    for one in ["\"sign_in\":\"ada\"", "\"consent\":\"ada\"", "\"token\":null"] {
        assert!(events.iter().any(|e| e == one), "{one}: {events:?}");
    }
    let files = mssql_mcp::audit::log::files(&dir.0, "audit").expect("files");
    assert!(files.len() > 2, "{files:?}");
    let run = async |files: &[PathBuf], more: &[&str]| {
        let mut c = command(&["audit", "verify"]);
        c.args(files).args(more);
        let out = c.output().await.expect("run");
        (
            out.status.code(),
            format!(
                "{}{}",
                String::from_utf8_lossy(&out.stdout),
                String::from_utf8_lossy(&out.stderr)
            ),
        )
    };
    let anchor = dir
        .files()
        .iter()
        .flat_map(|f| f.1.lines())
        .rfind(|l| l.contains("\"checkpoint\""))
        .expect("one")
        .to_owned();
    let kept = dir.0.join("anchor.json");
    std::fs::write(&kept, &anchor).expect("write");
    let (status, text) = run(&files, &["--anchor", kept.to_str().expect("path")]).await;
    assert!(status == Some(0) && text.contains("records, 1 to"), "{text}");
    let (status, text) = run(&files[..files.len() - 1], &["--anchor", &anchor]).await;
    assert!(status == Some(1) && text.contains("their end was cut off"), "{text}");
    let (status, text) = run(&[files[0].clone(), files[2].clone()], &[]).await;
    assert!(status == Some(1) && text.contains("are missing"), "{text}");
    let edited =
        std::fs::read_to_string(&files[1]).expect("text").replace("token:etl", "token:eve");
    std::fs::write(&files[1], edited).expect("write");
    let (status, text) = run(&files, &[]).await;
    assert!(
        status == Some(1)
            && text.contains(&format!("{}:1: record", files[1].display()))
            && text.contains("was edited"),
        "{text}"
    );
    assert_eq!(run(&[dir.0.join("nothing")], &[]).await.0, Some(2));
    assert_eq!(run(&files[2..], &["--anchor", "nonsense"]).await.0, Some(4));
    let (status, text) = run(&files[2..], &["--key", "AAAA"]).await;
    assert!(status == Some(3) && text.contains("--key: the checkpoints of"), "{text}");
    // What an operator does is in a chain of its own, and what cannot be recorded is not done.
    let store = format!("sqlite:{}", dir.0.join("store.db").display());
    let add = async |name: &str, audit: &str| {
        let mut child = command(&[
            "user",
            "add",
            name,
            "--password-stdin",
            "--auth-store",
            &store,
            "--audit-dir",
            audit,
        ])
        .spawn()
        .expect("spawn");
        child.stdin.take().expect("stdin").write_all(b"a long enough one\n").await.expect("write");
        child.wait_with_output().await.expect("output").status.code()
    };
    assert_eq!(add("bob", dir.text()).await, Some(0));
    assert_eq!(add("eve", kept.join("x").to_str().expect("path")).await, Some(1));
    let list = command(&["user", "list", "--auth-store", &store]).output().await.expect("run");
    assert_eq!(String::from_utf8_lossy(&list.stdout).lines().count(), 1);
    let admin = mssql_mcp::audit::log::files(&dir.0, "admin").expect("files");
    let text = std::fs::read_to_string(&admin[0]).expect("text");
    assert!(
        text.contains("\"event\":\"user_add\",\"principal\":\"bob\"")
            && text.contains("\"operator\""),
        "{text}"
    );
    assert_eq!(run(&admin, &[]).await.0, Some(0));
    // A folder is all chains in it.
    let (status, text) = run(std::slice::from_ref(&dir.0), &[]).await;
    assert!(status == Some(1) && text.matches(" last good checkpoint ").count() == 2, "{text}");
    let empty = Dir::new("verify-empty");
    std::fs::create_dir_all(&empty.0).expect("folder");
    let (status, text) = run(std::slice::from_ref(&empty.0), &[]).await;
    assert!(
        status == Some(2) && text.contains("neither audit-*.jsonl nor admin-*.jsonl"),
        "{text}"
    );
}

/// What operators do: who did it is what the system says, and what failed is not recorded as done.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_operators_record_is_true() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = Dir::new("operator");
    let store = format!(
        "sqlite:{}",
        std::env::temp_dir().join(format!("operator-{}.db", std::process::id())).display()
    );
    let run = async |args: &[&str], log: &str| {
        let mut c = command(args);
        c.args([
            "--auth-store",
            &store,
            "--audit-dir",
            dir.text(),
            "--log-format",
            log,
            "--log-level",
            "info",
        ]);
        let out = c
            .envs([("SUDO_USER", "mallory"), ("USER", "mallory"), ("LOGNAME", "mallory")])
            .output()
            .await
            .expect("run");
        out.status.code()
    };
    assert_eq!(run(&["token", "create", "etl"], "json").await, Some(0));
    assert_eq!(run(&["token", "revoke", "nobody"], "json").await, Some(2));
    assert_eq!(run(&["token", "revoke", "etl"], "text").await, Some(0));
    let admin = mssql_mcp::audit::log::files(&dir.0, "admin").expect("files");
    let text = std::fs::read_to_string(&admin[0]).expect("text");
    let id = std::process::Command::new("id").arg("-un").output().expect("id");
    let me = String::from_utf8_lossy(&id.stdout).trim().to_owned();
    let records: Vec<Value> =
        text.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    let told: Vec<String> = records
        .iter()
        .filter(|r| r.get("operator").is_some())
        .map(|r| {
            assert_eq!(r["operator"], me.as_str(), "{r}");
            format!(
                "{} {}",
                r["event"].as_str().unwrap_or_default(),
                r["principal"].as_str().unwrap_or_default()
            )
        })
        .collect();
    let expected = [
        "command token:etl",
        "token_create token:etl",
        "command token:nobody",
        "command_failed token:nobody",
        "command token:etl",
        "token_revoke token:etl",
    ];
    assert_eq!(told, expected, "{text}");
    assert_eq!(std::fs::metadata(&dir.0).expect("folder").permissions().mode() & 0o777, 0o700);
    let _ = std::fs::remove_file(store.trim_start_matches("sqlite:"));
}

/// A line of the server's log, of either form, is the anchor that the documentation says it is; and
/// the audit's lines in JSON logs are JSON.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_the_log_is_an_anchor() {
    for format in ["text", "json"] {
        let dir = Dir::new(&format!("anchor-{format}"));
        let mut c = command(&["demo", "--stdio", "--log-format", format, "--log-level", "info"]);
        c.args(["--audit-dir", dir.text(), "--audit-checkpoint-every", "2"])
            .stderr(std::process::Stdio::piped());
        let mut child = c.spawn().expect("spawn");
        let mut stdin = child.stdin.take().expect("stdin");
        for line in [
            r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"execute_sql","arguments":{"query":"SELECT 1 AS a"}}}"#,
        ] {
            stdin.write_all(format!("{line}\n").as_bytes()).await.expect("write");
        }
        drop(stdin);
        let out = child.wait_with_output().await.expect("output");
        let log = String::from_utf8_lossy(&out.stderr).into_owned();
        let line = log
            .lines()
            .rfind(|l| l.contains("checkpoint"))
            .unwrap_or_else(|| panic!("no checkpoint: {log}"));
        if format == "json" {
            let v: Value = serde_json::from_str(line).expect("JSON");
            assert!(v["fields"]["checkpoint"]["seq"].is_u64() && v["target"] == "audit", "{line}");
        }
        let verify = command(&["audit", "verify", dir.text(), "--anchor", line])
            .output()
            .await
            .expect("run");
        assert!(verify.status.success(), "{line}: {}", String::from_utf8_lossy(&verify.stdout));
        // The files end before it.
        let file = &mssql_mcp::audit::log::files(&dir.0, "audit").expect("files")[0];
        let text = std::fs::read_to_string(file).expect("text");
        let first = text.lines().next().expect("a record");
        std::fs::write(file, format!("{first}\n")).expect("write");
        let verify = command(&["audit", "verify", dir.text(), "--anchor", line])
            .output()
            .await
            .expect("run");
        assert_eq!(verify.status.code(), Some(1), "{}", String::from_utf8_lossy(&verify.stdout));
    }
}

/// A word in double quotes may be a value that somebody put into the wrong quotes: it is recorded
/// only once SQL Server has taken it for a name.
#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_double_quotes_is_recorded_only_as_a_name() {
    let dir = Dir::new("quotes");
    let (lab, address, bearer) = lab(&dir, &[]).await;
    let wrong = "SELECT OrderId FROM sales.Orders WHERE Status = \"ada@example.com\"";
    assert_eq!(code(&sql(address, &bearer, wrong).await), "sql_error");
    assert_eq!(
        code(&sql(address, &bearer, "SELECT a FROM \"ada@example.com\"").await),
        "sql_error"
    );
    let named = "SELECT TOP (1) \"OrderId\" FROM \"sales\".\"Orders\" WHERE OrderId > 5";
    assert_eq!(sql(address, &bearer, named).await["isError"], false);
    lab.app.audit.close().await;
    let all = dir.records();
    assert!(!all.iter().any(|r| r.to_string().contains("ada@")), "{all:?}");
    let of = |event: &str, at: usize| {
        all.iter()
            .filter(|r| r["event"] == event)
            .nth(at)
            .map(|r| r["text"].as_str().unwrap_or_default())
            .unwrap_or_default()
    };
    assert_eq!(of("call_start", 0), "SELECT OrderId FROM sales.Orders WHERE Status = \"?\"");
    assert_eq!((of("call_end", 0), of("call_end", 1)), ("", ""));
    assert_eq!(
        of("call_end", 2),
        "SELECT TOP (?) \"OrderId\" FROM \"sales\".\"Orders\" WHERE OrderId > ?"
    );
    dir.sound();
}
