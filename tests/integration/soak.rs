//! The whole server as a process of its own, under mixed calls, while everything around it fails: and then the books are compared. What the
//! clients saw, what the audit log has, what the metrics say, what the log lines say and what the collector took must be the same, exactly.
//!
//! `make test` runs it for a few seconds; `make soak` for ten minutes, which also shows that memory stays flat.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use mssql_mcp_sandbox::error::Error;
use mssql_mcp_sandbox::{Attention, DATABASE, Options, PASSWORD, Sandbox, USER};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::hosted::{Events, initialize};
use super::support::{Answer, PATIENCE, binary, command, http, modern, until};

const WORKERS: u64 = 12;
/// Between two actions of one worker: what is looked for is what adds up, not how fast.
const PAUSE: Duration = Duration::from_millis(6);
/// Below this, memory is printed but says nothing yet.
const LONG: Duration = Duration::from_secs(300);

// === what happened, as the clients know it ===

/// `mcp.method.name`, `gen_ai.tool.name`, `mssql_mcp.outcome`.
type Kind = (String, String, String);

/// How a marked call ended.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Answered {
        outcome: String,
        rows: u64,
        truncated: bool,
    },
    /// The client went away; only the server knows.
    Left,
}

#[derive(Debug, Default)]
struct Books {
    kinds: BTreeMap<Kind, u64>,
    /// Calls of execute_sql, by the number in their text.
    marked: HashMap<u64, Seen>,
    /// Requests over HTTP, however they ended.
    requests: u64,
    refused: BTreeMap<&'static str, u64>,
    reloads: BTreeMap<&'static str, u64>,
    faults: BTreeMap<&'static str, u64>,
}

#[derive(Clone)]
struct World {
    books: Arc<Mutex<Books>>,
    next: Arc<AtomicU64>,
    address: SocketAddr,
    token: String,
    limited: String,
    stop: CancellationToken,
}

/// xorshift64*: the same run again with the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n
    }
}

impl World {
    fn with<T>(&self, f: impl FnOnce(&mut Books) -> T) -> T {
        f(&mut self.books.lock().expect("books"))
    }
    fn mark(&self, sql: &str) -> (u64, String) {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        (n, format!("{sql} /* soak {n} */"))
    }
    fn kind(&self, method: &str, tool: &str, outcome: &str) {
        self.with(|b| *b.kinds.entry((method.into(), tool.into(), outcome.into())).or_default() += 1);
    }
    /// Enters what came for a call; none if its client did not wait for it.
    fn seen(&self, method: &str, tool: &str, mark: Option<u64>, answer: Option<&Value>) -> String {
        let seen = answer.map_or(Seen::Left, outcome);
        let name = match &seen {
            Seen::Answered { outcome, .. } => outcome.clone(),
            Seen::Left => "left".into(),
        };
        self.kind(method, tool, &name);
        if let Some(n) = mark {
            let before = self.with(|b| b.marked.insert(n, seen));
            assert!(before.is_none(), "call {n} was answered twice");
        }
        name
    }
    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }
    fn requested(&self) {
        self.with(|b| b.requests += 1);
    }
}

/// From a JSON-RPC response; null for a request that was cancelled.
fn outcome(answer: &Value) -> Seen {
    let plain = |o: &str| Seen::Answered { outcome: o.to_owned(), rows: 0, truncated: false };
    if answer.is_null() {
        return plain("cancelled");
    }
    let result = &answer["result"];
    if answer.get("error").is_some() {
        return plain("fault");
    }
    if result["isError"] == true {
        let text = result["content"][0]["text"].as_str().unwrap_or_default();
        let said: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {answer}"));
        return plain(said["error"]["code"].as_str().unwrap_or_else(|| panic!("no code: {answer}")));
    }
    // The oldest clients get the same as text.
    let text = || result["content"][0]["text"].as_str().and_then(|t| serde_json::from_str(t).ok()).unwrap_or_default();
    let all = result.get("structuredContent").cloned().unwrap_or_else(text)["results"].take();
    let all = all.as_array();
    let rows = all.map_or(0, |r| r.iter().map(|r| r["row_count"].as_u64().unwrap_or(0)).sum());
    let truncated = all.is_some_and(|r| r.iter().any(|r| r["truncated"].is_object()));
    Seen::Answered { outcome: "ok".into(), rows, truncated }
}

// === the clients ===

/// A connection that is kept.
struct Client {
    world: World,
    send: SendRequest<Full<Bytes>>,
    driver: tokio::task::JoinHandle<()>,
}

impl Drop for Client {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Client {
    async fn new(world: &World) -> Self {
        let io = TcpStream::connect(world.address).await.expect("connect");
        let (send, connection) =
            hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(io)).await.expect("handshake");
        let driver = tokio::spawn(async move { drop(connection.await) });
        Self { world: world.clone(), send, driver }
    }
    /// The head of the answer, with its body to come.
    async fn begin(
        &mut self,
        method: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> ::http::Response<hyper::body::Incoming> {
        if self.send.ready().await.is_err() {
            *self = Self::new(&self.world).await;
        }
        let mut r = ::http::Request::builder().method(method).uri("/mcp").header("Host", "localhost");
        for (k, v) in [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")] {
            r = r.header(k, v);
        }
        for (k, v) in headers {
            r = r.header(*k, *v);
        }
        self.world.requested();
        let sent = self.send.send_request(r.body(Full::from(body)).expect("request"));
        tokio::time::timeout(PATIENCE, sent).await.expect("in time").expect("an answer")
    }
    async fn ask(&mut self, method: &str, headers: &[(&str, &str)], body: String) -> Answer {
        let (parts, body) = self.begin(method, headers, body).await.into_parts();
        let body = tokio::time::timeout(PATIENCE, body.collect()).await.expect("in time").expect("a body").to_bytes();
        let headers = parts.headers.iter().map(|(k, v)| (k.to_string(), v.to_str().unwrap_or_default().to_owned()));
        let body = String::from_utf8_lossy(&body).into_owned();
        Answer { status: parts.status.as_u16(), headers: headers.collect(), body }
    }
    /// A stateless request.
    async fn rpc(&mut self, token: &str, method: &str, params: Value) -> Value {
        let (headers, body) = stateless(token, method, params);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let answer = self.ask("POST", &headers, body).await;
        message(&answer)
    }
    async fn tool(&mut self, token: &str, name: &str, arguments: Value) -> Value {
        self.rpc(token, "tools/call", json!({ "name": name, "arguments": arguments })).await
    }
    /// A marked query that is waited for.
    async fn sql(&mut self, token: &str, sql: &str) -> String {
        let (n, text) = self.world.mark(sql);
        let answer = self.tool(token, "execute_sql", json!({ "query": text })).await;
        self.world.seen("tools/call", "execute_sql", Some(n), Some(&answer))
    }
}

/// The response in an answer; null if there is none.
fn message(a: &Answer) -> Value {
    let streamed = a.header("content-type").is_some_and(|t| t.starts_with("text/event-stream"));
    if a.body.trim().is_empty() || (streamed && !a.body.contains("event: message")) {
        return Value::Null;
    }
    a.json()
}

fn stateless(token: &str, method: &str, params: Value) -> (Vec<(&'static str, String)>, String) {
    let name = params["name"].as_str().map(str::to_owned);
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": modern(params) }).to_string();
    let mut headers = vec![
        ("Authorization", format!("Bearer {token}")),
        ("MCP-Protocol-Version", "2026-07-28".to_owned()),
        ("Mcp-Method", method.to_owned()),
    ];
    headers.extend(name.map(|n| ("Mcp-Name", n)));
    (headers, body)
}

/// One after the other, until told to stop.
async fn worker(world: World, seed: u64) {
    let mut dice = Dice(seed * 7919 + 1);
    let mut client = Client::new(&world).await;
    while !world.stop.is_cancelled() {
        act(&world, &mut client, &mut dice).await;
        tokio::time::sleep(PAUSE).await;
    }
}

async fn act(world: &World, client: &mut Client, dice: &mut Dice) {
    let token = world.token.clone();
    let seen = |tool: &str, answer: &Value| world.seen("tools/call", tool, None, Some(answer));
    match dice.below(100) {
        0..30 => {
            let n = dice.below(40);
            let sql = format!("SELECT TOP ({n}) o.OrderId, o.Status FROM sales.Orders AS o WHERE o.OrderId > {n}000");
            client.sql(&token, &sql).await;
        }
        // Beyond limits.max_rows, or limits.max_chars.
        30..34 => drop(client.sql(&token, "SELECT OrderId FROM sales.Orders").await),
        34..38 => drop(client.sql(&token, "SELECT OrderId, nothing FROM sales.Nowhere").await),
        38..42 => drop(client.sql(&token, "DROP TABLE sales.Orders").await),
        42..44 => drop(client.sql(&token, "EXEC xp_cmdshell 'dir'").await),
        44..46 => drop(client.sql(&token, "SELECT 'open").await),
        46..48 => drop(client.sql(&token, "BEGIN TRANSACTION").await),
        48..52 => {
            let n = 10_000 + dice.below(900);
            client.sql(&token, &format!("UPDATE sales.Orders SET Status = Status WHERE OrderId = {n}")).await;
        }
        52..58 => drop(seen("list_tables", &client.tool(&token, "list_tables", json!({})).await)),
        58..64 => {
            let name = if dice.below(4) == 0 { "sales.Nowhere" } else { "sales.Orders" };
            let a = client.tool(&token, "describe_table", json!({ "table_name": name })).await;
            seen("describe_table", &a);
        }
        64..68 => {
            let a = client.tool(&token, "get_table_sample", json!({ "table_name": "sales.Orders" })).await;
            seen("get_table_sample", &a);
        }
        68..70 => {
            let name = format!("tool_{}", dice.below(1_000_000));
            seen("unknown", &client.tool(&token, &name, json!({})).await);
        }
        70..72 => {
            let method = format!("method/{}", dice.below(1_000_000));
            let a = client.rpc(&token, &method, json!({})).await;
            world.seen("unknown", "", None, Some(&a));
        }
        72..76 => {
            let a = client.rpc(&token, "tools/list", json!({})).await;
            world.seen("tools/list", "", None, Some(&a));
        }
        76..82 => {
            // Some of them beyond the quota of this principal.
            let limited = world.limited.clone();
            client.sql(&limited, "SELECT 1 AS n").await;
        }
        82..85 => strangers(world, client, dice).await,
        85..90 => session(world, client, dice).await,
        90..94 => sse(world, dice).await,
        94..96 => slow(world, dice).await,
        96..99 => leaver(world, dice).await,
        _ => {
            let a = client.sql(&token, "WAITFOR DELAY '00:00:05'").await;
            assert!(a != "ok", "limits.query_timeout is shorter");
        }
    }
}

/// Who is not let in, and what is no message.
async fn strangers(world: &World, client: &mut Client, dice: &mut Dice) {
    let (headers, body) = stateless("mcp_nobody", "tools/list", json!({}));
    let mut headers: Vec<(&str, &str)> = headers.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let (reason, status, body) = match dice.below(3) {
        0 => ("invalid", 401, body),
        1 => {
            headers.remove(0);
            ("missing", 401, body)
        }
        _ => ("", 400, "{\"jsonrpc\": nonsense".to_owned()),
    };
    let bearer = world.bearer();
    if status == 400 {
        headers[0].1 = &bearer;
    }
    assert_eq!(client.ask("POST", &headers, body).await.status, status);
    if status == 401 {
        world.with(|b| *b.refused.entry(reason).or_default() += 1);
    }
}

/// A handshake-era session: with a call, sometimes one that is cancelled; ended, or just left.
async fn session(world: &World, client: &mut Client, dice: &mut Dice) {
    let bearer = world.bearer();
    let versions = ["2025-03-26", "2025-06-18", "2025-11-25"];
    let hello = initialize(versions[dice.below(3) as usize]).to_string();
    let a = client.ask("POST", &[("Authorization", &bearer)], hello).await;
    assert_eq!(a.status, 200, "{a:?}");
    world.seen("initialize", "", None, Some(&message(&a)));
    let id = a.header("mcp-session-id").expect("a session").to_owned();
    let headers = [("Authorization", bearer.as_str()), ("Mcp-Session-Id", id.as_str())];
    let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    assert_eq!(client.ask("POST", &headers, initialized.to_owned()).await.status, 202);
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" });
    assert_eq!(message(&client.ask("POST", &headers, ping.to_string()).await)["result"], json!({}));
    let cancelled = dice.below(3) == 0;
    let (n, text) =
        world.mark(if cancelled { "WAITFOR DELAY '00:00:05'" } else { "SELECT COUNT(*) AS n FROM sales.Orders" });
    let call = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": { "name": "execute_sql", "arguments": { "query": text } } });
    let answer = if cancelled {
        let (mut other, cancel) = (
            Client::new(world).await,
            json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 2 } }),
        );
        let after = Duration::from_millis(20 + dice.below(300));
        let soon = async {
            tokio::time::sleep(after).await;
            assert_eq!(other.ask("POST", &headers, cancel.to_string()).await.status, 202);
        };
        tokio::join!(client.ask("POST", &headers, call.to_string()), soon).0
    } else {
        client.ask("POST", &headers, call.to_string()).await
    };
    world.seen("tools/call", "execute_sql", Some(n), Some(&message(&answer)));
    if dice.below(4) > 0 {
        assert_eq!(client.ask("DELETE", &headers, String::new()).await.status, 204);
    }
}

/// HTTP+SSE: a call or two, and the stream is dropped, sometimes in the middle of one.
async fn sse(world: &World, dice: &mut Dice) {
    let bearer = world.bearer();
    let headers = [("Authorization", bearer.as_str())];
    world.requested();
    let mut events = Events::open(world.address, "/sse", &headers).await;
    let endpoint = events.endpoint().await;
    let say = async |m: Value| {
        world.requested();
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        let a = http(world.address, "POST", &endpoint, &headers, m.to_string().as_bytes()).await;
        assert_eq!(a.status, 202, "{a:?}");
    };
    say(initialize("2024-11-05")).await;
    world.seen("initialize", "", None, Some(&events.message().await));
    say(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    let leave = dice.below(3) == 0;
    let (n, text) =
        world.mark(if leave { "WAITFOR DELAY '00:00:05'" } else { "SELECT TOP (5) OrderId FROM sales.Orders" });
    say(json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": { "name": "execute_sql", "arguments": { "query": text } } })).await;
    let answer = if leave { None } else { Some(events.message().await) };
    world.seen("tools/call", "execute_sql", Some(n), answer.as_ref());
}

/// Reads slowly, or not at all, what is larger than the buffers in between; or never ends its request.
async fn slow(world: &World, dice: &mut Dice) {
    let socket = TcpSocket::new_v4().expect("socket");
    socket.set_recv_buffer_size(4096).expect("buffer");
    let mut io = socket.connect(world.address).await.expect("connect");
    let (n, text) = world.mark("SELECT * FROM sales.Orders");
    let arguments = json!({ "name": "execute_sql", "arguments": { "query": text } });
    let (headers, body) = stateless(&world.token, "tools/call", arguments);
    let mut head =
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n".to_owned();
    head += "Accept: application/json, text/event-stream\r\n";
    headers.iter().for_each(|(k, v)| head += &format!("{k}: {v}\r\n"));
    match dice.below(3) {
        // Half of its headers.
        0 => {
            io.write_all(&head.as_bytes()[..60]).await.expect("write");
            tokio::time::sleep(Duration::from_millis(dice.below(500))).await;
        }
        // Takes nothing of the answer.
        1 => {
            world.requested();
            io.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())
                .await
                .expect("write");
            tokio::time::sleep(Duration::from_secs(2)).await;
            world.seen("tools/call", "execute_sql", Some(n), None);
        }
        _ => {
            world.requested();
            io.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())
                .await
                .expect("write");
            let (mut all, mut piece) = (Vec::new(), vec![0; 8192]);
            while let Ok(read @ 1..) = tokio::time::timeout(PATIENCE, io.read(&mut piece)).await.expect("in time") {
                all.extend_from_slice(&piece[..read]);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            let answer = super::support::answer_of(&String::from_utf8_lossy(&all));
            world.seen("tools/call", "execute_sql", Some(n), Some(&message(&answer)));
        }
    }
}

/// Goes away in the middle of a call: once it is sure that the call began.
async fn leaver(world: &World, dice: &mut Dice) {
    let mut client = Client::new(world).await;
    let (n, text) = world.mark("WAITFOR DELAY '00:00:05'");
    let (headers, body) =
        stateless(&world.token, "tools/call", json!({ "name": "execute_sql", "arguments": { "query": text } }));
    let headers: Vec<(&str, &str)> = headers.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let _head = client.begin("POST", &headers, body).await;
    tokio::time::sleep(Duration::from_millis(dice.below(300))).await;
    world.seen("tools/call", "execute_sql", Some(n), None);
}

// === what fails around it ===

/// A collector that behaves as it is told, and counts what it took.
#[derive(Default)]
struct Collector {
    mode: AtomicU8,
    spans: AtomicU64,
    logs: AtomicU64,
}

const TAKES: u8 = 0;
const MODES: [&str; 5] =
    ["takes", "collector resets", "collector hangs", "collector answers garbage", "collector refuses"];

impl Collector {
    async fn start() -> (Arc<Self>, SocketAddr) {
        let me = Arc::new(Self::default());
        let tcp = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = tcp.local_addr().expect("address");
        let shared = me.clone();
        tokio::spawn(async move {
            loop {
                let (mut io, _) = tcp.accept().await.expect("accept");
                let me = shared.clone();
                match me.mode.load(Ordering::Relaxed) {
                    1 => drop(io),
                    2 => drop(tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_secs(30)).await;
                        drop(io);
                    })),
                    3 => drop(tokio::spawn(async move {
                        let _ = io.read(&mut [0; 4096]).await;
                        let _ = io.write_all(b"\x16\x03\x01 what?\r\n\r\n").await;
                    })),
                    mode => drop(tokio::spawn(async move {
                        let service = hyper::service::service_fn(move |r| me.clone().post(r, mode == TAKES));
                        let io = hyper_util::rt::TokioIo::new(io);
                        let _ = hyper::server::conn::http1::Builder::new()
                            .keep_alive(false)
                            .serve_connection(io, service)
                            .await;
                    })),
                }
            }
        });
        (me, address)
    }
    async fn post(
        self: Arc<Self>,
        r: ::http::Request<hyper::body::Incoming>,
        takes: bool,
    ) -> Result<::http::Response<Full<Bytes>>, std::convert::Infallible> {
        let (parts, body) = r.into_parts();
        let body = body.collect().await.expect("body").to_bytes();
        let mut answer = ::http::Response::new(Full::default());
        if !takes {
            *answer.status_mut() = ::http::StatusCode::SERVICE_UNAVAILABLE;
            return Ok(answer);
        }
        match parts.uri.path() {
            "/v1/traces" => {
                let all = ExportTraceServiceRequest::decode(body).expect("traces");
                let spans = all.resource_spans.iter().flat_map(|r| &r.scope_spans).map(|s| s.spans.len() as u64);
                self.spans.fetch_add(spans.sum(), Ordering::Relaxed);
            }
            "/v1/logs" => {
                let all = ExportLogsServiceRequest::decode(body).expect("logs");
                let logs = all.resource_logs.iter().flat_map(|r| &r.scope_logs).map(|s| s.log_records.len() as u64);
                self.logs.fetch_add(logs.sum(), Ordering::Relaxed);
            }
            _ => {}
        }
        Ok(answer)
    }
}

/// Between the server and its database: can be cut, and can refuse.
struct Wire {
    cut: Mutex<CancellationToken>,
    down: AtomicBool,
}

impl Wire {
    async fn start(to: SocketAddr) -> (Arc<Self>, SocketAddr) {
        let me = Arc::new(Self { cut: Mutex::default(), down: AtomicBool::new(false) });
        let tcp = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = tcp.local_addr().expect("address");
        let shared = me.clone();
        tokio::spawn(async move {
            loop {
                let (mut here, _) = tcp.accept().await.expect("accept");
                if shared.down.load(Ordering::Relaxed) {
                    continue;
                }
                let cut = shared.cut.lock().expect("cut").clone();
                tokio::spawn(async move {
                    let Ok(mut there) = TcpStream::connect(to).await else { return };
                    let _ = here.set_nodelay(true);
                    let _ = there.set_nodelay(true);
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut here, &mut there) => {}
                        () = cut.cancelled() => {}
                    }
                });
            }
        });
        (me, address)
    }
    fn cut(&self) {
        std::mem::take(&mut *self.cut.lock().expect("cut")).cancel();
    }
}

struct Around {
    sandbox: Sandbox,
    wire: Arc<Wire>,
    collector: Arc<Collector>,
    server: u32,
    admin: SocketAddr,
    config: PathBuf,
}

/// The settings that a reload changes, and an error if there is to be one.
fn settings(max_rows: u64, wrong: &str) -> String {
    format!(
        "[limits]\nmax_rows = {max_rows}\nmax_chars = 600000\nquery_timeout = \"2s\"\npeer_requests = 1000000\ncatalog_calls = 1000000\nconcurrent_calls = 1000\n{wrong}\n\
         [[quota]]\nprincipals = [\"token:soak\"]\ncalls = 1000000\ncatalog_calls = 1000000\nconcurrent_calls = 1000\nrows_per_hour = 4000000000\nbytes_per_hour = 4000000000000\n\
         [[quota]]\nprincipals = [\"token:limited\"]\ncalls = 60\n"
    )
}

/// One fault after the other, each taken back, until told to stop.
async fn faults(world: World, around: Arc<Around>) {
    let (sandbox, wire, mut dice) = (&around.sandbox, &around.wire, Dice(42));
    for n in 0.. {
        let rest = Duration::from_millis(300 + dice.below(700));
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            () = world.stop.cancelled() => return,
        }
        let mode = (n % 9) as u8;
        if usize::from(mode) < MODES.len() {
            around.collector.mode.store(mode, Ordering::Relaxed);
        }
        let short = Duration::from_millis(50 + dice.below(250));
        let fault = match n % 8 {
            0 => {
                wire.cut();
                "all database connections cut"
            }
            1 => {
                wire.down.store(true, Ordering::Relaxed);
                wire.cut();
                tokio::time::sleep(short).await;
                wire.down.store(false, Ordering::Relaxed);
                "database away"
            }
            2 => {
                sandbox.faults(|f| f.drop_after_rows = Some(3));
                tokio::time::sleep(short).await;
                sandbox.faults(|f| f.drop_after_rows = None);
                "connections cut in mid-row"
            }
            3 => {
                sandbox.faults(|f| f.error = Some(Error::new(1205, 13, "Transaction (Process ID 52) was deadlocked.")));
                "deadlock victim"
            }
            4 => {
                sandbox.faults(|f| (f.attention, f.row_delay) = (Attention::Lost, Some(Duration::from_millis(2))));
                tokio::time::sleep(short).await;
                sandbox.faults(|f| (f.attention, f.row_delay) = (Attention::Normal, None));
                "slow rows, cancels lost"
            }
            5 => {
                sandbox.faults(|f| f.login_delay = Some(short));
                wire.cut();
                tokio::time::sleep(short).await;
                sandbox.faults(|f| f.login_delay = None);
                "slow logins"
            }
            // The one after the other: a signal that comes while another waits would be one.
            6 => {
                reload(&world, &around, "ok", &settings(200 + dice.below(600), "")).await;
                "reload"
            }
            _ => {
                reload(&world, &around, "refused", &settings(7, "max_cel = 7")).await;
                "reload with an error"
            }
        };
        let collector = MODES[usize::from(around.collector.mode.load(Ordering::Relaxed))];
        world.with(|b| [fault, collector].into_iter().for_each(|f| *b.faults.entry(f).or_default() += 1));
    }
}

async fn reload(world: &World, around: &Around, result: &'static str, text: &str) {
    std::fs::write(&around.config, text).expect("write");
    let wanted = world.with(|b| {
        let n = b.reloads.entry(result).or_default();
        *n += 1;
        *n
    });
    signal("-HUP", around.server);
    let give_up = Instant::now() + PATIENCE;
    while total(&scrape(around.admin).await, "mssql_mcp_reloads_total", &[("mssql_mcp_result", result)]) < wanted {
        assert!(Instant::now() < give_up, "it was not reloaded");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn signal(which: &str, pid: u32) {
    assert!(std::process::Command::new("kill").args([which, &pid.to_string()]).status().expect("kill").success());
}

// === the metrics ===

type Series = (String, BTreeMap<String, String>, f64);

async fn scrape(admin: SocketAddr) -> Vec<Series> {
    let a = http(admin, "GET", "/metrics", &[], b"").await;
    assert_eq!(a.status, 200);
    let lines = a.body.lines().filter(|l| !l.starts_with('#'));
    lines
        .map(|l| {
            let (series, value) = l.rsplit_once(' ').expect("a value");
            let (name, rest) = series.split_once('{').unwrap_or((series, ""));
            let labels = rest.trim_end_matches('}').split("\",").filter_map(|kv| kv.split_once("=\""));
            let labels = labels.map(|(k, v)| (k.to_owned(), v.trim_end_matches('"').to_owned())).collect();
            (name.to_owned(), labels, value.parse().expect("a number"))
        })
        .collect()
}

/// The sum of the series that have these labels; an empty value is one that is not there.
fn total(all: &[Series], name: &str, labels: &[(&str, &str)]) -> u64 {
    let fits = |s: &&Series| s.0 == name && labels.iter().all(|(k, v)| s.1.get(*k).map_or("", String::as_str) == *v);
    all.iter().filter(fits).map(|s| s.2 as u64).sum()
}

fn kinds(all: &[Series]) -> BTreeMap<Kind, u64> {
    let mut sums = BTreeMap::new();
    for (name, labels, n) in all {
        if name == "mcp_server_operation_duration_seconds_count" {
            let of = |k: &str| labels.get(k).cloned().unwrap_or_default();
            let kind = (of("mcp_method_name"), of("gen_ai_tool_name"), of("mssql_mcp_outcome"));
            *sums.entry(kind).or_default() += *n as u64;
        }
    }
    sums
}

// === the audit log ===

/// A call as its two records have it.
#[derive(Debug, Default)]
struct Recorded {
    mark: Option<u64>,
    tool: String,
    outcome: Option<String>,
    rows: u64,
    truncated: bool,
}

/// Every call in the log, and the number of records.
fn recorded(dir: &Path) -> (Vec<Recorded>, u64) {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .expect("folder")
        .map(|f| f.expect("file").path())
        .filter(|p| p.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    files.sort();
    let (mut calls, mut records) = (HashMap::<String, Recorded>::new(), 0);
    for f in files {
        for line in std::fs::read_to_string(f).expect("records").lines() {
            records += 1;
            let r: Value = serde_json::from_str(line).expect("a record");
            let text = |k: &str| r[k].as_str().unwrap_or_default().to_owned();
            assert_ne!(r["event"], "gap", "records were lost: {r}");
            let call = text("call");
            match r["event"].as_str() {
                Some("call_start") => {
                    let mark =
                        text("text").rsplit_once("/* soak ").and_then(|(_, n)| n.split(' ').next()?.parse().ok());
                    let new = Recorded { mark, tool: text("tool"), ..Recorded::default() };
                    assert!(calls.insert(call, new).is_none(), "two starts: {r}");
                }
                Some("call_end") => {
                    let c = calls.get_mut(&call).unwrap_or_else(|| panic!("an end without start: {r}"));
                    assert!(c.outcome.replace(text("outcome")).is_none(), "two ends: {r}");
                    c.rows = r["rows"].as_u64().expect("rows");
                    c.truncated = !text("truncated").is_empty();
                }
                _ => {}
            }
        }
    }
    (calls.into_values().collect(), records)
}

// === the run ===

#[tokio::test(flavor = "multi_thread")]
async fn everything_adds_up_after_a_hard_day() {
    let long = std::env::var("SOAK_SECONDS").ok().map(|s| s.parse().expect("SOAK_SECONDS: a number of seconds"));
    let long = Duration::from_secs(long.unwrap_or(8));
    let dir = std::env::temp_dir().join(format!("mssql-mcp-soak-{}", std::process::id()));
    std::fs::create_dir_all(dir.join("audit")).expect("folder");
    let path = |name: &str| dir.join(name).display().to_string();

    let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
    std::fs::write(dir.join("ca.pem"), sandbox.certificate()).expect("certificate");
    let (wire, database) = Wire::start(sandbox.address()).await;
    let (collector, otlp) = Collector::start().await;
    let config = dir.join("mssql-mcp.toml");
    std::fs::write(&config, settings(500, "")).expect("config");
    let store = format!("sqlite:{}", path("store.db"));
    let token = async |name: &str| {
        let out = command(&["token", "create", name, "--scopes", "mssql:read,mssql:write", "--auth-store", &store]);
        let out = { out }.output().await.expect("token");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    };
    let (token, limited) = (token("soak").await, token("limited").await);
    let free = || std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
    let (address, admin) = (free(), free());
    let text = format!(
        "database.host 127.0.0.1\ndatabase.port {}\ndatabase.user {USER}\ndatabase.name {DATABASE}\ndatabase.ca_file {}\npool.max_size 4\npool.connect_timeout 2s\n\
         access.level read-write\naccess.allow WAITFOR\naccess.confirm_writes never\nauth.mode builtin\nauth.store {store}\n\
         audit.dir {}\naudit.text full\naudit.rotate_size 4000000\nhttp.listen {address}\nhttp.silence 200ms\nhttp.keep_alive 300ms\nhttp.write_timeout 1s\n\
         http.session_idle 10s\nadmin.listen {admin}\ntelemetry.endpoint http://{otlp}",
        database.port(),
        path("ca.pem"),
        path("audit")
    );
    let mut c = command(&["serve", "--config", &config.display().to_string()]);
    for line in text.lines() {
        let (k, v) = line.trim().split_once(' ').expect("a setting");
        c.env(format!("MSSQL_MCP_{}", k.replace('.', "_").to_uppercase()), v);
    }
    c.env("MSSQL_MCP_DATABASE_PASSWORD", PASSWORD);
    c.envs([("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.1")]);
    // So that what hangs is given up in time, and the queues are small enough to overflow.
    c.envs([
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1000"),
        ("OTEL_BLRP_MAX_QUEUE_SIZE", "512"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "500"),
    ]);
    c.envs([("OTEL_BSP_SCHEDULE_DELAY", "500"), ("OTEL_METRIC_EXPORT_INTERVAL", "1000")]);
    let mut child = c.stdout(Stdio::null()).spawn().expect("spawn");
    let server = child.id().expect("pid");
    let stderr = BufReader::new(child.stderr.take().expect("stderr"));
    let secrets = [token.clone(), limited.clone(), PASSWORD.to_owned()];
    let log = tokio::spawn(async move {
        let (mut calls, mut last, mut lines) = (0u64, std::collections::VecDeque::new(), stderr.lines());
        while let Ok(Some(line)) = lines.next_line().await {
            calls += u64::from(line.contains(" mssql_mcp::call: "));
            assert!(!secrets.iter().any(|s| line.contains(s)), "a secret in the log");
            last.push_back(line);
            if last.len() > 20 {
                last.pop_front();
            }
        }
        (calls, last)
    });
    until("it listens", async || TcpStream::connect(address).await.is_ok()).await;
    until("the admin listens", async || TcpStream::connect(admin).await.is_ok()).await;

    let world = World {
        books: Arc::default(),
        next: Arc::new(AtomicU64::new(1)),
        address,
        token,
        limited,
        stop: CancellationToken::new(),
    };
    let around = Arc::new(Around { sandbox, wire, collector, server, admin, config });
    let started = Instant::now();
    let workers: Vec<_> = (0..WORKERS).map(|n| tokio::spawn(worker(world.clone(), n + 1))).collect();
    let faulty = tokio::spawn(faults(world.clone(), around.clone()));
    let mut memory = Vec::new();
    while started.elapsed() < long {
        tokio::time::sleep(Duration::from_secs(1)).await;
        memory.push(resident(server));
        // As Prometheus does.
        assert!(!scrape(admin).await.is_empty());
        assert!(!workers.iter().any(tokio::task::JoinHandle::is_finished) && !faulty.is_finished(), "it ended early");
    }
    world.stop.cancel();
    for w in workers {
        w.await.expect("a worker");
    }
    faulty.await.expect("the faults");

    // Everything comes to rest.
    around.collector.mode.store(TAKES, Ordering::Relaxed);
    around.sandbox.faults(|f| *f = mssql_mcp_sandbox::Faults::default());
    for gauge in ["mssql_mcp_calls_running", "mssql_mcp_sse_streams", "mssql_mcp_audit_queue"] {
        until(gauge, async || total(&scrape(admin).await, gauge, &[]) == 0).await;
    }
    until("left sessions end", async || total(&scrape(admin).await, "mssql_mcp_sessions", &[]) == 0).await;
    let exported = |all: &[Series], name: &str, signal: &str, taken: &AtomicU64| {
        let left = total(all, name, &[("error_type", "")]);
        let failed = total(all, "mssql_mcp_telemetry_failed_total", &[("mssql_mcp_signal", signal)]);
        (left, failed, taken.load(Ordering::Relaxed))
    };
    let logs = |all: &[Series]| exported(all, "otel_sdk_processor_log_processed_total", "logs", &around.collector.logs);
    let spans =
        |all: &[Series]| exported(all, "otel_sdk_processor_span_processed_total", "traces", &around.collector.spans);
    let lost = |all: &[Series], of: &str| total(all, of, &[("error_type", "queue_full")]);
    until("the queues of telemetry are empty", async || {
        let all = scrape(admin).await;
        let (left, failed, taken) = logs(&all);
        let created = total(&all, "otel_sdk_log_created_total", &[]);
        let (s, f, t) = spans(&all);
        created == left + lost(&all, "otel_sdk_processor_log_processed_total") && left == failed + taken && s == f + t
    })
    .await;
    let all = scrape(admin).await;
    // Before the end, which has a last word of its own.
    let (log_left, log_failed, log_taken) = logs(&all);
    let (_, span_failed, span_taken) = spans(&all);
    signal("-TERM", server);
    assert!(tokio::time::timeout(PATIENCE, child.wait()).await.expect("in time").expect("exit").success());
    let (lines, last) = log.await.expect("log");

    // 1. The audit log is whole, and has each call once, as its client saw it.
    let mut verify = Command::new(binary());
    verify.args(["audit", "verify"]).args(
        std::fs::read_dir(dir.join("audit"))
            .expect("folder")
            .map(|f| f.expect("file").path())
            .filter(|p| p.extension().is_some_and(|e| e == "jsonl")),
    );
    let verified = verify.output().await.expect("verify");
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    let (calls, records) = recorded(&dir.join("audit"));
    let books = std::mem::take(&mut *world.books.lock().expect("books"));
    let mut marked = books.marked.clone();
    let mut expected = books.kinds.clone();
    let (mut rows, mut truncated, mut left) = (0, 0, BTreeMap::<String, u64>::new());
    for c in &calls {
        let outcome = c.outcome.clone().unwrap_or_else(|| panic!("a call without end: {c:?}"));
        rows += c.rows;
        truncated += u64::from(c.truncated);
        let Some(n) = c.mark else { continue };
        match marked.remove(&n).unwrap_or_else(|| panic!("recorded twice, or never made: {c:?}")) {
            Seen::Answered { outcome: o, rows: r, truncated: t } => {
                assert_eq!(
                    (o, r, t),
                    (outcome, c.rows, c.truncated),
                    "call {n}, as its client saw it and as it is recorded"
                );
            }
            Seen::Left => {
                *left.entry(outcome.clone()).or_default() += 1;
                // From here on it is known how it ended.
                let kind = |o: &str| ("tools/call".to_owned(), "execute_sql".to_owned(), o.to_owned());
                *expected.get_mut(&kind("left")).expect("somebody left") -= 1;
                *expected.entry(kind(&outcome)).or_default() += 1;
            }
        }
    }
    assert!(marked.is_empty(), "no record of {marked:?}");
    expected.retain(|_, n| *n > 0);

    // 2. The metrics are what the clients counted.
    assert_eq!(kinds(&all), expected, "metrics, and what the clients saw");
    let recorded_calls: BTreeMap<(String, String), u64> = calls.iter().fold(BTreeMap::new(), |mut m, c| {
        let tool = if c.tool.starts_with("tool_") { "unknown".to_owned() } else { c.tool.clone() };
        *m.entry((tool, c.outcome.clone().unwrap_or_default())).or_default() += 1;
        m
    });
    let counted: BTreeMap<(String, String), u64> =
        expected.iter().filter(|(k, _)| k.0 == "tools/call").map(|(k, n)| ((k.1.clone(), k.2.clone()), *n)).collect();
    assert_eq!(recorded_calls, counted, "records, and what the clients saw");
    let of = |outcome: &str| expected.iter().filter(|(k, _)| k.2 == outcome).map(|(_, n)| n).sum::<u64>();
    let calls_in_all: u64 = expected.values().sum();
    assert_eq!(total(&all, "mssql_mcp_rows_total", &[]), rows, "rows");
    assert_eq!(total(&all, "mssql_mcp_truncations_total", &[]), truncated, "truncations");
    for reason in ["access_denied", "forbidden_sql", "transaction_control", "unclear_sql"] {
        assert!(of(reason) > 0, "{reason} never came");
        assert_eq!(
            total(&all, "mssql_mcp_guard_refusals_total", &[("mssql_mcp_reason", reason)]),
            of(reason),
            "{reason}"
        );
    }
    for reason in ["rate_limited", "too_many_at_once", "overloaded"] {
        assert_eq!(
            total(&all, "mssql_mcp_rate_limited_total", &[("mssql_mcp_reason", reason)]),
            of(reason),
            "{reason}"
        );
    }
    for (reason, n) in &books.refused {
        assert_eq!(total(&all, "mssql_mcp_tokens_refused_total", &[("mssql_mcp_reason", reason)]), *n, "{reason}");
    }
    for (result, n) in &books.reloads {
        assert_eq!(total(&all, "mssql_mcp_reloads_total", &[("mssql_mcp_result", result)]), *n, "{result}");
    }
    assert_eq!(total(&all, "http_server_request_duration_seconds_count", &[]), books.requests, "HTTP requests");
    // 3. So are the log lines, the records written, and what the collector took or was counted as lost.
    assert_eq!(lines, calls_in_all, "log lines: the last of them {last:#?}");
    let written = total(&all, "mssql_mcp_audit_records_total", &[]);
    // The last checkpoint comes with the end.
    assert!((written..=written + 1).contains(&records), "{written} counted, {records} there");
    assert_eq!(total(&all, "mssql_mcp_audit_dropped_total", &[]), 0);

    println!(
        "soak: {} s, {} calls over MCP in {} HTTP requests, {records} audit records",
        long.as_secs(),
        calls_in_all,
        books.requests
    );
    println!("  faults: {:?}", books.faults);
    let ends = expected.iter().fold(BTreeMap::<&str, u64>::new(), |mut m, (k, n)| {
        *m.entry(&k.2).or_default() += n;
        m
    });
    println!("  outcomes: {ends:?}; of those whose client left: {left:?}");
    println!("  rows {rows}, truncated {truncated}, reloads {:?}, tokens refused {:?}", books.reloads, books.refused);
    println!(
        "  OTLP log records: {log_left} left the queue ({log_taken} taken, {log_failed} counted as failed), {} found no room; spans: {span_taken} taken, {span_failed} failed, {} found no room",
        lost(&all, "otel_sdk_processor_log_processed_total"),
        lost(&all, "otel_sdk_processor_span_processed_total")
    );
    let fifths: Vec<u64> = (0..5).map(|n| median(&memory[memory.len() * n / 5..memory.len() * (n + 1) / 5])).collect();
    println!(
        "  resident memory, median of each fifth of the time, in KiB: {fifths:?}; most {}",
        memory.iter().max().unwrap_or(&0)
    );
    if long >= LONG {
        // The first fifth warms up: pools, caches, the allocator.
        assert!(fifths[4] <= fifths[1] + fifths[1] / 20, "memory grows: {fifths:?} KiB");
    }
    std::fs::remove_dir_all(dir).expect("clean");
}

fn median(all: &[u64]) -> u64 {
    let mut all = all.to_vec();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or(0)
}

/// Resident memory of a process, in KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
