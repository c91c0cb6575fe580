//! What hosts meet, without a proxy in between: HTTP+SSE, mounts, streams that
//! end with their token.

use std::net::SocketAddr;
use std::time::Duration;

use mssql_mcp::oauth::people::{User, hash};
use mssql_mcp::principal::SCOPES;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{BOTH, JSON, Lab, PATIENCE, http, unchunk, until};

/// An event stream as it comes.
pub struct Events<S> {
    io: S,
    got: Vec<u8>,
    read: usize,
    pub head: String,
}

impl Events<TcpStream> {
    pub async fn open(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        let tcp = TcpStream::connect(address).await.expect("connect");
        Self::over(tcp, &address.to_string(), path, headers).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Events<S> {
    pub async fn over(mut io: S, host: &str, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut head =
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n");
        headers.iter().for_each(|(k, v)| head += &format!("{k}: {v}\r\n"));
        io.write_all(format!("{head}\r\n").as_bytes()).await.expect("write");
        let mut me = Self { io, got: Vec::new(), read: 0, head: String::new() };
        while !me.got.windows(4).any(|w| w == b"\r\n\r\n") {
            assert!(me.more().await, "no answer: {}", String::from_utf8_lossy(&me.got));
        }
        let text = String::from_utf8_lossy(&me.got).into_owned();
        let (head, _) = text.split_once("\r\n\r\n").expect("a head");
        me.head = head.to_owned();
        me.got.drain(..head.len() + 4);
        me
    }

    /// Reads a little more; false at the end.
    async fn more(&mut self) -> bool {
        let mut chunk = vec![0; 16 << 10];
        let n = tokio::time::timeout(PATIENCE, self.io.read(&mut chunk))
            .await
            .expect("in time")
            .unwrap_or(0);
        self.got.extend_from_slice(&chunk[..n]);
        n > 0
    }

    /// The next event's name and data; none at the end of the stream.
    pub async fn next(&mut self) -> Option<(String, String)> {
        loop {
            let text = unchunk(&String::from_utf8_lossy(&self.got));
            let whole: Vec<&str> = text.split("\n\n").collect();
            // The last one is not whole yet; comments keep the stream alive.
            let events: Vec<&&str> =
                whole[..whole.len() - 1].iter().filter(|e| !e.starts_with(':')).collect();
            if let Some(e) = events.get(self.read) {
                self.read += 1;
                let of = |k: &str| {
                    e.lines().find_map(|l| l.strip_prefix(k)).unwrap_or_default().trim().to_owned()
                };
                return Some((of("event:"), of("data:")));
            }
            // The last chunk, or the end of the connection.
            if self.got.ends_with(b"\r\n0\r\n\r\n") || !self.more().await {
                return None;
            }
        }
    }

    pub async fn message(&mut self) -> Value {
        let (name, data) = self.next().await.expect("a message");
        assert_eq!(name, "message");
        serde_json::from_str(&data).expect("JSON")
    }

    /// Reads to the end.
    pub async fn ends(mut self) {
        while self.next().await.is_some() {}
    }

    /// Where to post to.
    pub async fn endpoint(&mut self) -> String {
        let (name, data) = self.next().await.expect("the first event");
        assert_eq!(name, "endpoint");
        data
    }
}

pub fn initialize(version: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": { "protocolVersion": version, "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } })
}

pub fn query(id: u32, sql: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": "execute_sql", "arguments": { "query": sql } } })
}

async fn say(address: SocketAddr, endpoint: &str, message: Value) {
    let a = http(address, "POST", endpoint, &[JSON], message.to_string().as_bytes()).await;
    assert_eq!((a.status, a.body.as_str()), (202, ""), "{a:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_sse_speaks_every_handshake_version() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let mut events = Events::open(address, "/sse", &[]).await;
        for once in [
            "content-type: text/event-stream",
            "cache-control: no-cache, no-transform",
            "x-accel-buffering: no",
        ] {
            assert_eq!(events.head.matches(once).count(), 1, "{}", events.head);
            let name = once.split(':').next().expect("a name");
            assert_eq!(events.head.matches(&format!("\n{name}:")).count(), 1, "{}", events.head);
        }
        let endpoint = events.endpoint().await;
        assert!(endpoint.starts_with("/messages?session_id="), "{endpoint}");
        say(address, &endpoint, initialize(version)).await;
        let answer = events.message().await;
        assert_eq!(answer["result"]["protocolVersion"], version, "{answer}");
        say(address, &endpoint, json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))
            .await;
        say(address, &endpoint, json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" })).await;
        assert_eq!(events.message().await["result"]["tools"].as_array().map(Vec::len), Some(5));
        say(address, &endpoint, query(2, "SELECT COUNT(*) AS n FROM sales.Orders")).await;
        let answer = events.message().await;
        assert!(
            answer["result"]["content"][0]["text"]
                .as_str()
                .is_some_and(|t| t.contains("[[20000]]")),
            "{answer}"
        );
        say(address, &endpoint, json!({ "nonsense": true })).await;
        assert_eq!(events.message().await["error"]["code"], -32600);
    }
    // POST /sse is streamable HTTP, and so is a GET that names its session.
    let a = http(
        address,
        "POST",
        "/sse",
        &[JSON, BOTH],
        initialize("2025-06-18").to_string().as_bytes(),
    )
    .await;
    assert_eq!((a.status, a.header("content-type")), (200, Some("application/json")), "{a:?}");
    let session = a.header("mcp-session-id").expect("a session").to_owned();
    let ping = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let a = http(address, "POST", "/sse", &[JSON, BOTH, ("Mcp-Session-Id", &session)], ping).await;
    assert_eq!(a.json()["result"], json!({}));
    let held = Events::open(address, "/sse", &[("Mcp-Session-Id", &session)]).await;
    assert!(held.head.contains("200 OK"), "{}", held.head);
    assert_eq!(
        http(address, "DELETE", "/sse", &[("Mcp-Session-Id", &session)], b"").await.status,
        200
    );
    // The capability check, and what there is not.
    let a = http(address, "HEAD", "/sse", &[], b"").await;
    assert_eq!((a.status, a.header("content-type")), (200, Some("text/event-stream")));
    for (path, status) in
        [("/messages", 400), ("/messages?session_id=guess", 404), ("/demo/sse", 404)]
    {
        assert_eq!(http(address, "POST", path, &[JSON], ping).await.status, status, "{path}");
    }
    let a = http(address, "GET", "/sse", &[("Accept", "application/json")], b"").await;
    assert_eq!(a.status, 406);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_transport_can_be_switched_off() {
    let lab = Lab::new(&[("http.sse", "no")]).await;
    let (address, _stop) = lab.serve().await;
    assert_eq!(http(address, "HEAD", "/sse", &[], b"").await.status, 404);
    let a = http(
        address,
        "POST",
        "/mcp",
        &[JSON, BOTH],
        initialize("2025-06-18").to_string().as_bytes(),
    )
    .await;
    assert_eq!(a.status, 200);
    let lab = Lab::new(&[("http.mcp", "no")]).await;
    let (address, _stop) = lab.serve().await;
    assert_eq!(http(address, "HEAD", "/sse", &[], b"").await.status, 200);
    let a = http(
        address,
        "POST",
        "/mcp",
        &[JSON, BOTH],
        initialize("2025-06-18").to_string().as_bytes(),
    )
    .await;
    assert!(a.status == 404 && a.body.contains("MCP is at /sse"), "{a:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vanished_client_cancels_its_query() {
    let lab = Lab::new(&[("http.keep_alive", "100ms")]).await;
    let (address, _stop) = lab.serve().await;
    lab.sandbox.faults(|f| f.row_delay = Some(Duration::from_millis(20)));
    let mut events = Events::open(address, "/sse", &[]).await;
    let endpoint = events.endpoint().await;
    say(address, &endpoint, initialize("2025-06-18")).await;
    events.message().await;
    say(address, &endpoint, query(1, "SELECT OrderId FROM sales.Orders")).await;
    until("the query runs", async || lab.app.database.status().0 == 1).await;
    drop(events);
    until("the connection is free", async || lab.app.database.status().0 == 0).await;
    // And the session went with its stream.
    let ping = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    until("the session is gone", async || {
        http(address, "POST", &endpoint, &[JSON], ping).await.status == 404
    })
    .await;
}

/// Whoever asks and does not read gets no more work done, and is dropped; nobody else notices.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_is_bounded_and_then_dropped() {
    let lab = Lab::new(&[
        ("http.write_timeout", "2s"),
        ("limits.max_chars", "2000000"),
        ("limits.max_rows", "20000"),
    ])
    .await;
    let (address, _stop) = lab.serve().await;
    let mut events = Events::open(address, "/sse", &[]).await;
    let endpoint = events.endpoint().await;
    say(address, &endpoint, initialize("2025-06-18")).await;
    events.message().await;
    let ask = async |n| {
        let body = query(n, "SELECT * FROM sales.Orders").to_string();
        http(address, "POST", &endpoint, &[JSON], body.as_bytes()).await.status
    };
    let mut taken = 0;
    let last = loop {
        match ask(taken + 1).await {
            202 if taken < 200 => taken += 1,
            other => break other,
        }
    };
    // It was told to read first, or it was gone already; in any case long before
    // 200 answers were made.
    assert!([503, 404].contains(&last) && taken <= 100, "{last} after {taken}");
    until("it was dropped", async || ask(500).await == 404).await;
    until("nothing runs for it", async || lab.app.database.status().0 == 0).await;
    let mut other = Events::open(address, "/sse", &[]).await;
    other.endpoint().await;
}

async fn signed(
    more: &[(&'static str, &str)],
    file: Option<&std::path::Path>,
) -> (Lab, SocketAddr) {
    let mut all = vec![("auth.mode", "builtin"), ("auth.store", "memory")];
    all.extend_from_slice(more);
    let lab = match file {
        Some(f) => Lab::with_file(f, &all).await,
        None => Lab::new(&all).await,
    };
    let (address, _stop) = lab.serve().await;
    (lab, address)
}

async fn machine(lab: &Lab, mount: &str) -> String {
    let grants = lab.app.authority.as_ref().expect("sign-in").grants();
    let token = grants
        .api_token("t", SCOPES.map(str::to_owned).to_vec(), mount, None)
        .await
        .expect("token");
    format!("Bearer {token}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_token_and_belongs_to_its_principal() {
    let (lab, address) =
        signed(&[("http.keep_alive", "100ms"), ("auth.stream_grace", "1s")], None).await;
    let a = http(address, "GET", "/sse", &[], b"").await;
    let document = format!("http://{address}/.well-known/oauth-protected-resource/sse");
    assert!(
        a.status == 401 && a.header("www-authenticate").is_some_and(|c| c.contains(&document)),
        "{a:?}"
    );
    assert_eq!(
        http(address, "HEAD", "/sse", &[], b"").await.status,
        200,
        "the check needs no token"
    );
    let m =
        http(address, "GET", "/.well-known/oauth-protected-resource/sse", &[], b"").await.json();
    assert_eq!(m["resource"], format!("http://{address}/sse"));

    let one = machine(&lab, "").await;
    let authority = lab.app.authority.as_ref().expect("sign-in");
    let grants = authority.grants();
    let other =
        grants.api_token("other", vec!["mssql:read".into()], "", None).await.expect("token");
    let mut events = Events::open(address, "/sse", &[("Authorization", &one)]).await;
    let endpoint = events.endpoint().await;
    let ping = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    assert_eq!(
        http(address, "POST", &endpoint, &[JSON], ping).await.status,
        401,
        "every post is checked"
    );
    let theirs = format!("Bearer {other}");
    let a = http(address, "POST", &endpoint, &[JSON, ("Authorization", &theirs)], ping).await;
    assert_eq!(a.status, 404, "to another principal it does not exist");
    assert_eq!(
        http(address, "POST", &endpoint, &[JSON, ("Authorization", &one)], ping).await.status,
        202
    );
    events.message().await;
    // A token that expires takes its stream along.
    let soon = mssql_mcp::oauth::store::now() + 2;
    let short =
        grants.api_token("short", vec!["mssql:read".into()], "", Some(soon)).await.expect("token");
    let short = format!("Bearer {short}");
    let mut brief = Events::open(address, "/sse", &[("Authorization", &short)]).await;
    brief.endpoint().await;
    brief.ends().await;
    // And so does a person who is shut out.
    let ada = User::new(hash("correct horse battery").expect("hash"), vec!["mssql:read".into()]);
    authority.people().put("ada", &ada).await.expect("written");
    let token = crate::oauth::signed_in_token(address, "ada", "correct horse battery").await;
    let mut hers =
        Events::open(address, "/mcp", &[("Authorization", &token), ("Mcp-Session-Id", "none")])
            .await;
    assert!(hers.head.contains("404"), "{}", hers.head);
    hers = Events::open(address, "/sse", &[("Authorization", &token)]).await;
    hers.endpoint().await;
    authority.people().put("ada", &User { disabled: true, ..ada }).await.expect("written");
    hers.ends().await;
}

/// What a client says in a session with this token; the answer comes on the stream.
async fn said(address: SocketAddr, endpoint: &str, bearer: &str, message: Value) -> u16 {
    let headers = [JSON, ("Authorization", bearer)];
    http(address, "POST", endpoint, &headers, message.to_string().as_bytes()).await.status
}

/// A client that refreshes in time and has nothing to say hears on; so does one that comes back
/// with a new token.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_its_token() {
    let (lab, address) =
        signed(&[("http.keep_alive", "100ms"), ("auth.access_token_ttl", "8s")], None).await;
    let authority = lab.app.authority.as_ref().expect("sign-in");
    let password = hash("correct horse battery").expect("hash");
    let ada = User::new(password, vec!["mssql:read".into()]);
    authority.people().put("ada", &ada).await.expect("written");
    let mut hers = crate::oauth::Signed::new(address, "ada", "correct horse battery").await;
    let first = hers.bearer();
    let mut refreshed = Events::open(address, "/sse", &[("Authorization", &first)]).await;
    let quiet = refreshed.endpoint().await;
    assert_eq!(said(address, &quiet, &first, initialize("2025-06-18")).await, 202);
    assert!(refreshed.message().await["result"].is_object());

    // A machine whose token is replaced by another of the same name, and nobody is in a hurry.
    let soon = mssql_mcp::oauth::store::now() + 8;
    let grants = authority.grants();
    let old =
        grants.api_token("etl", vec!["mssql:read".into()], "", Some(soon)).await.expect("token");
    let new = grants.api_token("etl", vec!["mssql:read".into()], "", None).await.expect("token");
    let (old, new) = (format!("Bearer {old}"), format!("Bearer {new}"));
    let mut machine = Events::open(address, "/sse", &[("Authorization", &old)]).await;
    let endpoint = machine.endpoint().await;
    assert_eq!(said(address, &endpoint, &old, initialize("2025-06-18")).await, 202);
    assert!(machine.message().await["result"].is_object());

    // Longer than any token lives and than streams are left unwatched.
    let until = tokio::time::Instant::now() + Duration::from_secs(20);
    while tokio::time::Instant::now() < until {
        tokio::time::sleep(Duration::from_secs(3)).await;
        hers.refresh().await;
    }
    let ping = json!({ "jsonrpc": "2.0", "id": 7, "method": "ping" });
    assert_eq!(said(address, &quiet, &first, ping.clone()).await, 401, "it has expired");
    assert_eq!(said(address, &quiet, &hers.bearer(), ping.clone()).await, 202);
    assert_eq!(refreshed.message().await, json!({ "jsonrpc": "2.0", "id": 7, "result": {} }));
    assert_eq!(said(address, &endpoint, &old, ping.clone()).await, 401, "it has expired");
    let other =
        grants.api_token("other", vec!["mssql:read".into()], "", None).await.expect("token");
    assert_eq!(
        said(address, &endpoint, &format!("Bearer {other}"), ping.clone()).await,
        404,
        "theirs it is not"
    );
    assert_eq!(said(address, &endpoint, &new, ping).await, 202);
    assert_eq!(machine.message().await, json!({ "jsonrpc": "2.0", "id": 7, "result": {} }));
    // What is revoked ends at once, however new it is.
    hers.revoke().await;
    refreshed.ends().await;
}

/// While a token is expired nothing is said to whoever holds the stream; what was meant for them
/// comes when they are known again.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_hears_nothing() {
    let (lab, address) = signed(&[("http.keep_alive", "100ms")], None).await;
    lab.sandbox.faults(|f| f.row_delay = Some(Duration::from_millis(100)));
    let grants = lab.app.authority.as_ref().expect("sign-in").grants();
    let soon = mssql_mcp::oauth::store::now() + 8;
    let old =
        grants.api_token("etl", vec!["mssql:read".into()], "", Some(soon)).await.expect("token");
    let old = format!("Bearer {old}");
    let mut events = Events::open(address, "/sse", &[("Authorization", &old)]).await;
    let endpoint = events.endpoint().await;
    assert_eq!(said(address, &endpoint, &old, initialize("2025-06-18")).await, 202);
    assert!(events.message().await["result"].is_object());
    // Its answer is ready long after the token has expired and the stream was looked at.
    let slow = query(8, "SELECT TOP 200 OrderId FROM sales.Orders");
    assert_eq!(said(address, &endpoint, &old, slow).await, 202);
    until("it has begun", async || lab.app.database.status().0 == 1).await;
    until("it has ended", async || lab.app.database.status().0 == 0).await;
    let heard = tokio::time::timeout(Duration::from_secs(3), events.next()).await;
    assert!(heard.is_err(), "{heard:?}");
    let new = grants.api_token("etl", vec!["mssql:read".into()], "", None).await.expect("token");
    let ping = json!({ "jsonrpc": "2.0", "id": 9, "method": "ping" });
    assert_eq!(said(address, &endpoint, &format!("Bearer {new}"), ping).await, 202);
    let (first, second) = (events.message().await, events.message().await);
    assert_eq!((&first["id"], &second["id"]), (&json!(8), &json!(9)), "{first} {second}");
}

/// A stream that waits for a token is not what a server that stops waits for.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_waits_ends_with_the_server() {
    let more = [
        ("auth.mode", "builtin"),
        ("auth.store", "memory"),
        ("auth.stream_grace", "1h"),
        ("server.shutdown_grace", "1h"),
    ];
    let lab = Lab::new(&more).await;
    let (address, stop) = lab.serve().await;
    let grants = lab.app.authority.as_ref().expect("sign-in").grants();
    let soon = mssql_mcp::oauth::store::now() + 2;
    let token =
        grants.api_token("etl", vec!["mssql:read".into()], "", Some(soon)).await.expect("token");
    let mut events =
        Events::open(address, "/sse", &[("Authorization", &format!("Bearer {token}"))]).await;
    events.endpoint().await;
    while !String::from_utf8_lossy(&events.got).contains(": the token has expired") {
        assert!(events.more().await, "it ended: {}", String::from_utf8_lossy(&events.got));
    }
    stop.closing.cancel();
    tokio::time::timeout(PATIENCE, events.ends()).await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn mounts_have_databases_access_and_audiences_of_their_own() {
    let dir = std::env::temp_dir().join(format!("mssql-mcp-mounts-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("dir");
    let file = dir.join("mounts.toml");
    // One mount has the sandbox with more rights, the other a database that is down.
    let text = "[[mount]]\npath = \"/demo\"\n[mount.database]\nlabel = \"demo\"\nca_file = \
                \"SANDBOX_CA\"\n[mount.access]\nlevel = \"read-write\"\nconfirm_writes = \
                \"never\"\n\
                [[mount]]\npath = \"/down\"\n[mount.database]\nport = 1\nlabel = \
                \"down\"\n[mount.pool]\nconnect_timeout = \"1s\"\n";
    std::fs::write(&file, text).expect("file");
    let (lab, address) = signed(&[("database.label", "main")], Some(&file)).await;
    let (main, demo, down) =
        (machine(&lab, "").await, machine(&lab, "/demo").await, machine(&lab, "/down").await);
    for (path, label, status) in [
        ("/health", "main", "healthy"),
        ("/demo/health", "demo", "healthy"),
        ("/down/health", "down", "degraded"),
    ] {
        let v = http(address, "GET", path, &[], b"").await.json();
        assert_eq!((&v["database"], &v["status"]), (&json!(label), &json!(status)), "{path}");
    }
    // A token for one opens no other, whichever way the path is spelt.
    let call = async |path: &str, bearer: &str, sql: &str| {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "execute_sql", "arguments": { "query": sql },
            "_meta": { "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} } } });
        let headers = [
            JSON,
            BOTH,
            ("Authorization", bearer),
            ("MCP-Protocol-Version", "2026-07-28"),
            ("Mcp-Method", "tools/call"),
            ("Mcp-Name", "execute_sql"),
        ];
        http(address, "POST", path, &headers, body.to_string().as_bytes()).await
    };
    for (path, good, bad) in [
        ("/mcp", &main, &demo),
        ("/demo/mcp", &demo, &main),
        ("/demo/sse", &demo, &down),
        ("//demo//mcp/", &demo, &main),
    ] {
        assert_eq!(call(path, good, "SELECT 1 AS a").await.status, 200, "{path}");
        let a = call(path, bad, "SELECT 1 AS a").await;
        let path = path.replace("//", "/");
        let document = format!(
            "resource_metadata=\"http://{address}/.well-known/oauth-protected-resource{}\"",
            path.trim_end_matches('/')
        );
        assert!(
            a.status == 401 && a.header("www-authenticate").is_some_and(|c| c.contains(&document)),
            "{path}: {a:?}"
        );
    }
    // Access is the mount's: the same statement is refused at one and runs at the other.
    let update = "UPDATE dbo.Employees SET Name = Name";
    assert_eq!(call("/mcp", &main, update).await.json()["result"]["isError"], true);
    assert_eq!(
        call("/demo/mcp", &demo, update).await.json()["result"]["structuredContent"]["committed"],
        true
    );
    // One whose database is down says so; the others serve.
    let a = call("/down/mcp", &down, "SELECT 1 AS a").await.json();
    assert_eq!(a["result"]["isError"], true, "{a}");
    assert_eq!(call("/mcp", &main, "SELECT 1 AS a").await.json()["result"]["isError"], false);
    // A session of one mount is none of another, even for the same machine.
    let a = http(
        address,
        "POST",
        "/demo/mcp",
        &[JSON, BOTH, ("Authorization", &demo)],
        initialize("2025-06-18").to_string().as_bytes(),
    )
    .await;
    let session = a.header("mcp-session-id").expect("a session").to_owned();
    let ping = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let a = http(
        address,
        "POST",
        "/mcp",
        &[JSON, BOTH, ("Authorization", &main), ("Mcp-Session-Id", &session)],
        ping,
    )
    .await;
    assert_eq!(a.status, 404);
    // Discovery below each mount, and in the odd places where hosts look.
    let resource = format!("http://{address}/demo/sse");
    for path in [
        "/.well-known/oauth-protected-resource/demo/sse",
        "/demo/.well-known/oauth-protected-resource/sse",
        "/demo/sse/.well-known/oauth-protected-resource",
        "//.well-known//oauth-protected-resource/demo/sse",
    ] {
        assert_eq!(
            http(address, "GET", path, &[], b"").await.json()["resource"],
            resource,
            "{path}"
        );
    }
    let m =
        http(address, "GET", "/demo/.well-known/oauth-protected-resource", &[], b"").await.json();
    assert_eq!(
        (&m["resource"], &m["scopes_supported"]),
        (&json!(format!("http://{address}/demo")), &json!(["mssql:read", "mssql:write"]))
    );
    let m =
        http(address, "GET", "/.well-known/oauth-protected-resource/mcp", &[], b"").await.json();
    assert_eq!(m["scopes_supported"], json!(["mssql:read"]));
    for path in [
        "/.well-known/oauth-authorization-server",
        "/demo/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/demo/sse",
    ] {
        assert_eq!(
            http(address, "GET", path, &[], b"").await.json()["issuer"],
            format!("http://{address}"),
            "one issuer: {path}"
        );
    }
    // The old clients' way: register, authorize and token below the prefix,
    // without naming a resource.
    let ada =
        User::new(hash("correct horse battery").expect("hash"), SCOPES.map(str::to_owned).to_vec());
    lab.app.authority.as_ref().expect("sign-in").people().put("ada", &ada).await.expect("written");
    let token =
        crate::oauth::signed_in_token_below(address, "/demo", "ada", "correct horse battery").await;
    assert_eq!(call("/demo/mcp", &token, "SELECT 1 AS a").await.status, 200);
    assert_eq!(call("/mcp", &token, "SELECT 1 AS a").await.status, 401);
    std::fs::remove_dir_all(dir).expect("clean");
}

/// People who come with a browser get pages; programs get what they always got.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_shown_the_way_in() {
    const BROWSER: (&str, &str) =
        ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
    let (lab, address) =
        signed(&[("database.label", "trading book"), ("http.prefixes", "/,/demo")], None).await;
    let origin = format!("http://{address}");
    for (path, status, parts) in [
        (
            "/",
            200,
            vec![
                format!("{origin}/mcp"),
                format!("{origin}/demo/mcp"),
                "trading book".into(),
                "href=\"/apps\"".into(),
            ],
        ),
        ("//", 200, vec![format!("{origin}/mcp")]),
        ("/demo", 200, vec![format!("{origin}/demo/mcp")]),
        ("/demo/", 200, vec![format!("{origin}/demo/mcp")]),
        ("/nowhere", 404, vec!["There is nothing here".into(), format!("{origin}/mcp")]),
        ("/demo/nowhere", 404, vec![format!("{origin}/mcp")]),
        ("/index.html", 404, vec![format!("{origin}/mcp")]),
        ("/%2e%2e/", 400, vec!["the path must be plain".into()]),
        ("/mcp", 406, vec![format!("{origin}/mcp")]),
        ("/demo/sse", 406, vec![format!("{origin}/demo/mcp")]),
        ("/messages", 406, vec![format!("{origin}/mcp")]),
        ("/token", 405, vec!["this method is not for this path".into()]),
        ("/register", 405, vec![format!("{origin}/mcp")]),
    ] {
        let a = http(address, "GET", path, &[BROWSER], b"").await;
        assert_eq!(
            (a.status, a.header("content-type")),
            (status, Some("text/html; charset=utf-8")),
            "{path}: {a:?}"
        );
        assert!(
            a.header("content-security-policy").is_some_and(|p| p.contains("default-src 'none'")),
            "{path}: {a:?}"
        );
        assert!(parts.iter().all(|p| a.body.contains(p)), "{path}: {a:?}");
        assert!(!a.body.contains("<script"), "{path}");
    }
    assert!(
        !http(address, "GET", "/demo", &[BROWSER], b"")
            .await
            .body
            .contains(&format!("{origin}/mcp"))
    );
    // Programs, whatever they say they take.
    for accept in [
        "*/*",
        "application/json",
        "application/json, text/event-stream",
        "text/event-stream, text/html",
    ] {
        for (path, status) in
            [("/", 404), ("/nowhere", 404), ("/%2e%2e/", 400), ("/mcp", 401), ("/token", 405)]
        {
            let a = http(address, "GET", path, &[("Accept", accept)], b"").await;
            assert_eq!(
                (a.status, a.header("content-type")),
                (status, Some("application/json")),
                "{path} {accept}: {a:?}"
            );
        }
    }
    // What is no error is for everybody what it is.
    for path in ["/health", "/.well-known/oauth-protected-resource"] {
        assert_eq!(
            http(address, "GET", path, &[BROWSER], b"").await.header("content-type"),
            Some("application/json")
        );
    }
    let icon = http(address, "GET", "/favicon.ico", &[], b"").await;
    assert_eq!((icon.status, icon.header("content-type")), (200, Some("image/svg+xml")));
    let page = http(address, "GET", "/apps", &[BROWSER], b"").await;
    assert!(
        page.body.contains(
            "<link rel=\"icon\" type=\"image/svg+xml\" href=\"data:image/svg+xml;base64,"
        ),
        "{page:?}"
    );
    assert!(
        page.header("content-security-policy").is_some_and(|p| p.contains("img-src data:;")),
        "{page:?}"
    );
    drop(lab);
    // Without sign-in there is nobody to show apps to; the public URL is what is given out.
    let lab =
        Lab::new(&[("http.public_url", "https://mcp.example.com/"), ("http.mcp", "no")]).await;
    let (address, _stop) = lab.serve().await;
    let a = http(address, "GET", "/", &[BROWSER], b"").await;
    assert!(
        a.status == 200
            && a.body.contains("https://mcp.example.com/sse<")
            && !a.body.contains("/apps"),
        "{a:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn path_tricks_do_not_pass_a_decision() {
    let (lab, address) = signed(&[("http.prefixes", "/,/demo")], None).await;
    let demo = machine(&lab, "/demo").await;
    let ping = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    for (path, status) in [
        ("/demo/../mcp", 400),
        ("/demo/%2e%2e/mcp", 400),
        ("/demo%2f..%2fmcp", 400),
        ("/demo%2Fmcp", 400),
        ("/%6dcp", 400),
        ("/demo/;x/mcp", 400),
        ("/demo2/mcp", 404),
        ("/dem/mcp", 404),
        ("/Demo/mcp", 404),
        ("//mcp", 401),
        ("/./mcp", 400),
        ("/mcp/.", 400),
        ("/mcp?/demo/mcp", 401),
    ] {
        let a = http(address, "POST", path, &[JSON, BOTH, ("Authorization", &demo)], ping).await;
        assert_eq!(a.status, status, "{path}: {a:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forwarded_headers_are_believed_from_nobody_by_default() {
    let (_lab, address) = signed(&[], None).await;
    let forged = [
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Prefix", "/evil"),
        ("Forwarded", "host=evil.example;proto=https"),
        ("X-Forwarded-For", "10.0.0.1"),
        ("X-Original-URL", "/health"),
        ("X-Rewrite-URL", "/health"),
    ];
    let a = http(address, "POST", "/mcp", &[&[JSON, BOTH], &forged[..]].concat(), b"{}").await;
    assert_eq!(a.status, 401);
    assert!(!format!("{a:?}").contains("evil"), "{a:?}");
    for path in
        ["/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/mcp"]
    {
        let a = http(address, "GET", path, &forged, b"").await;
        assert!(
            a.status == 200 && !a.body.contains("evil") && !a.body.contains("https://"),
            "{a:?}"
        );
    }
}

/// A refusal waits for the body of its request: a proxy that has it before it has sent the body ends
/// its client's connection (nginx without request buffering), and so would hyper end ours.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_does_not_end_the_connection_of_who_still_sends() {
    let (_lab, address) = signed(&[], None).await;
    let mut tcp = TcpStream::connect(address).await.expect("connect");
    let head = format!("POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Length: 2\r\n\r\n");
    for sends in [true, true, true, false] {
        tcp.write_all(head.as_bytes()).await.expect("write");
        let mut piece = [0; 4096];
        let early = tokio::time::timeout(Duration::from_millis(100), tcp.read(&mut piece)).await;
        assert!(early.is_err(), "before its body has come: {}", String::from_utf8_lossy(&piece));
        if sends {
            tcp.write_all(b"{}").await.expect("write");
        }
        let mut answer = String::new();
        while !answer.contains('}') {
            let read = tokio::time::timeout(PATIENCE, tcp.read(&mut piece)).await.expect("in time");
            let n = read.expect("an answer");
            assert!(n > 0, "the connection ended: {answer}");
            answer += &String::from_utf8_lossy(&piece[..n]);
        }
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    }
}

/// Who asks beforehand (RFC 9110 §10.1.1) is refused, and not told to go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_body_is_not_asked_for() {
    let (_lab, address) = signed(&[], None).await;
    let mut tcp = TcpStream::connect(address).await.expect("connect");
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    );
    tcp.write_all(head.as_bytes()).await.expect("write");
    let mut answer = String::new();
    let read = tokio::time::timeout(PATIENCE, tcp.read_to_string(&mut answer)).await;
    read.expect("the connection ends").expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(!answer.contains("100 Continue"), "{answer}");
}

/// Headers or a body that come a byte at a time, a body without an end, and what smugglers send.
#[tokio::test(flavor = "multi_thread")]
async fn who_sends_slowly_or_twice_is_let_go() {
    let lab = Lab::new(&[
        ("http.header_timeout", "1s"),
        ("http.body_timeout", "1s"),
        ("limits.max_request", "10000"),
    ])
    .await;
    let (address, _stop) = lab.serve().await;
    // Each connection ends, with or without an answer, though its client never would.
    let drip = async |first: &str, then: &'static [u8]| {
        let mut tcp = TcpStream::connect(address).await.expect("connect");
        tcp.write_all(first.as_bytes()).await.expect("write");
        let (mut read, mut write) = tcp.into_split();
        let writing = tokio::spawn(async move {
            while write.write_all(then).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let mut out = Vec::new();
        let _ =
            tokio::time::timeout(PATIENCE, read.read_to_end(&mut out)).await.expect("it is let go");
        writing.abort();
        String::from_utf8_lossy(&out).into_owned()
    };
    drip("POST /mcp HTTP/1.1\r\n", b"X: y\r\n").await;
    let head =
        format!("POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n");
    let a = drip(&format!("{head}Content-Length: 9000\r\n\r\n"), b" ").await;
    assert!(a.starts_with("HTTP/1.1 408") && a.contains("http.body_timeout"), "{a}");
    // Without an end: the limit counts.
    let a = drip(
        &format!("{head}Transfer-Encoding: chunked\r\n\r\n"),
        b"1000\r\n                                                                ",
    )
    .await;
    assert!(a.starts_with("HTTP/1.1 4"), "{a}");
    // Two lengths, or a length and chunks: two readers could disagree about where a request ends.
    for smuggled in [
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhelloGET /health HTTP/1.1\r\n\r\n",
        "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /health \
         HTTP/1.1\r\nHost: x\r\n\r\n",
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    ] {
        let text = crate::support::raw(
            address,
            format!("{head}Connection: close\r\n{smuggled}").as_bytes(),
        )
        .await;
        assert_eq!(
            text.matches("HTTP/1.1 ").count(),
            1,
            "one answer and no second request: {smuggled:?}: {text}"
        );
        assert!(!text.contains("healthy"), "{text}");
    }
    let bare =
        crate::support::raw(address, b"GET /health HTTP/1.1\nHost: localhost\nX: \rY\n\n").await;
    assert!(!bare.contains("healthy"), "{bare}");
}

/// Idle streams cost little, and too many are refused with a word.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_idle_streams() {
    let lab = Lab::new(&[("http.max_sessions", "1000")]).await;
    let (address, stop) = lab.serve().await;
    let mut open = Vec::new();
    for _ in 0..1000 {
        let mut e = Events::open(address, "/sse", &[]).await;
        e.endpoint().await;
        open.push(e);
    }
    let a = http(address, "GET", "/sse", &[("Accept", "text/event-stream")], b"").await;
    assert_eq!((a.status, a.header("retry-after")), (503, Some("5")));
    // The others are served.
    let a = http(
        address,
        "POST",
        "/mcp",
        &[JSON, BOTH],
        initialize("2025-06-18").to_string().as_bytes(),
    )
    .await;
    assert_eq!(a.status, 200);
    open.truncate(500);
    until("there is room again", async || {
        let a = http(address, "HEAD", "/health", &[], b"").await;
        a.status == 200 && Events::open(address, "/sse", &[]).await.head.contains("200 OK")
    })
    .await;
    // A stop ends what only waits.
    stop.closing.cancel();
    for e in open {
        e.ends().await;
    }
}
