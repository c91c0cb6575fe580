//! The clients: polite ones, strangers, slow ones, and those that leave in the middle.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::books::World;
use crate::hosted::{Events, initialize};
use crate::support::{Answer, PATIENCE, answer_of, http, modern};

/// Between two actions of one worker: what is looked for is what adds up, not how fast.
const PAUSE: Duration = Duration::from_millis(6);

/// xorshift64*: the same run again with the same seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % n
    }
}

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
            hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(io))
                .await
                .expect("handshake");
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
        let mut r =
            ::http::Request::builder().method(method).uri("/mcp").header("Host", "localhost");
        for (k, v) in [
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
        ] {
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
        let body = tokio::time::timeout(PATIENCE, body.collect())
            .await
            .expect("in time")
            .expect("a body")
            .to_bytes();
        let headers = parts
            .headers
            .iter()
            .map(|(k, v)| (k.to_string(), v.to_str().unwrap_or_default().to_owned()));
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
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": modern(params) })
        .to_string();
    let mut headers = vec![
        ("Authorization", format!("Bearer {token}")),
        ("MCP-Protocol-Version", "2026-07-28".to_owned()),
        ("Mcp-Method", method.to_owned()),
    ];
    headers.extend(name.map(|n| ("Mcp-Name", n)));
    (headers, body)
}

/// One after the other, until told to stop.
pub async fn worker(world: World, seed: u64) {
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
            let sql = format!(
                "SELECT TOP ({n}) o.OrderId, o.Status FROM sales.Orders AS o \
                 WHERE o.OrderId > {n}000"
            );
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
            client
                .sql(
                    &token,
                    &format!("UPDATE sales.Orders SET Status = Status WHERE OrderId = {n}"),
                )
                .await;
        }
        52..58 => drop(seen("list_tables", &client.tool(&token, "list_tables", json!({})).await)),
        58..64 => {
            let name = if dice.below(4) == 0 { "sales.Nowhere" } else { "sales.Orders" };
            let a = client.tool(&token, "describe_table", json!({ "table_name": name })).await;
            seen("describe_table", &a);
        }
        64..68 => {
            let a = client
                .tool(&token, "get_table_sample", json!({ "table_name": "sales.Orders" }))
                .await;
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
    let (n, text) = world.mark(if cancelled {
        "WAITFOR DELAY '00:00:05'"
    } else {
        "SELECT COUNT(*) AS n FROM sales.Orders"
    });
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
        assert_eq!(client.ask("DELETE", &headers, String::new()).await.status, 200);
    }
}

/// The next answer: that the tools have changed is told between two of them.
async fn answered(events: &mut Events<TcpStream>) -> Value {
    loop {
        let message = events.message().await;
        if message.get("id").is_some() {
            return message;
        }
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
    world.seen("initialize", "", None, Some(&answered(&mut events).await));
    say(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    let leave = dice.below(3) == 0;
    let (n, text) = world.mark(if leave {
        "WAITFOR DELAY '00:00:05'"
    } else {
        "SELECT TOP (5) OrderId FROM sales.Orders"
    });
    say(json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": { "name": "execute_sql", "arguments": { "query": text } } })).await;
    let answer = if leave { None } else { Some(answered(&mut events).await) };
    world.seen("tools/call", "execute_sql", Some(n), answer.as_ref());
}

/// Reads slowly, or not at all, what is larger than the buffers in between; or
/// never ends its request.
async fn slow(world: &World, dice: &mut Dice) {
    let socket = TcpSocket::new_v4().expect("socket");
    socket.set_recv_buffer_size(4096).expect("buffer");
    let mut io = socket.connect(world.address).await.expect("connect");
    let (n, text) = world.mark("SELECT * FROM sales.Orders");
    let arguments = json!({ "name": "execute_sql", "arguments": { "query": text } });
    let (headers, body) = stateless(&world.token, "tools/call", arguments);
    let mut head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: \
         application/json\r\n"
        .to_owned();
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
            while let Ok(read @ 1..) =
                tokio::time::timeout(PATIENCE, io.read(&mut piece)).await.expect("in time")
            {
                all.extend_from_slice(&piece[..read]);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            let answer = answer_of(&String::from_utf8_lossy(&all));
            world.seen("tools/call", "execute_sql", Some(n), Some(&message(&answer)));
        }
    }
}

/// Goes away in the middle of a call: once it is sure that the call began.
async fn leaver(world: &World, dice: &mut Dice) {
    let mut client = Client::new(world).await;
    let (n, text) = world.mark("WAITFOR DELAY '00:00:05'");
    let (headers, body) = stateless(
        &world.token,
        "tools/call",
        json!({ "name": "execute_sql", "arguments": { "query": text } }),
    );
    let headers: Vec<(&str, &str)> = headers.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let _head = client.begin("POST", &headers, body).await;
    tokio::time::sleep(Duration::from_millis(dice.below(300))).await;
    world.seen("tools/call", "execute_sql", Some(n), None);
}
