//! Strangers at the door: the whole server as a process of its own, and in front of it floods of
//! everything that needs no token. Nobody who is signed in may notice, and nothing may stay behind.
//!
//! `make test` runs the siege for a few seconds with each store; `make siege` for two minutes,
//! which also looks at how long calls take.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use mssql_mcp_sandbox::{DATABASE, Options, PASSWORD, Sandbox, USER};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::process::Child;
use tokio_util::sync::CancellationToken;

use super::oauth::RealRedis;
use super::soak::clients::Dice;
use super::support::{PATIENCE, command, free, modern, until};

/// Who is signed in.
const INSIDE: usize = 10;
/// Connections that the server takes: fewer than the strangers hold open.
const CONNECTIONS: usize = 150;
/// A block of argon2, as the server makes its hashes (RFC 9106 §4: m).
const BLOCK: u64 = 19 << 20;

/// A server that is besieged.
struct Fort {
    child: Child,
    pid: u32,
    address: SocketAddr,
    tokens: Vec<String>,
    dir: std::path::PathBuf,
    _sandbox: Sandbox,
    _silent: UdpSocket,
}

impl Fort {
    /// Over this store; its name server never answers.
    async fn new(name: &str, store: Option<&str>) -> Self {
        Self::with(name, store, |_| Vec::new()).await
    }

    /// With other settings, made from where the database is.
    async fn with(
        name: &str,
        store: Option<&str>,
        more: impl FnOnce(SocketAddr) -> Vec<(&'static str, String)>,
    ) -> Self {
        let dir =
            std::env::temp_dir().join(format!("mssql-mcp-siege-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("folder");
        let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
        let ca = dir.join("ca.pem");
        std::fs::write(&ca, sandbox.certificate()).expect("certificate");
        let silent = UdpSocket::bind("127.0.0.1:0").await.expect("a name server");
        let store = store
            .map_or_else(|| format!("sqlite:{}", dir.join("store.db").display()), str::to_owned);
        let mut tokens = Vec::new();
        for n in 0..INSIDE {
            let made = command(&["token", "create", &format!("inside{n}"), "--auth-store", &store])
                .output()
                .await;
            let made = made.expect("token");
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            tokens.push(String::from_utf8_lossy(&made.stdout).trim().to_owned());
        }
        let address = free();
        let mut c = command(&["serve"]);
        for (k, v) in [
            ("DATABASE_HOST", "127.0.0.1".to_owned()),
            ("DATABASE_PORT", sandbox.address().port().to_string()),
            ("DATABASE_USER", USER.to_owned()),
            ("DATABASE_PASSWORD", PASSWORD.to_owned()),
            ("DATABASE_NAME", DATABASE.to_owned()),
            ("DATABASE_CA_FILE", ca.display().to_string()),
            ("ACCESS_ALLOW", "WAITFOR".to_owned()),
            ("AUTH_MODE", "builtin".to_owned()),
            ("AUTH_STORE", store),
            ("AUTH_NAME_SERVERS", silent.local_addr().expect("address").to_string()),
            ("AUTH_MAX_CLIENTS", "300".to_owned()),
            ("HTTP_LISTEN", address.to_string()),
            ("HTTP_TRUSTED_PROXIES", "127.0.0.1".to_owned()),
            ("HTTP_MAX_CONNECTIONS", CONNECTIONS.to_string()),
            ("LIMITS_CALLS", "100000".to_owned()),
            ("POOL_WAIT", "60s".to_owned()),
            ("LIMITS_QUERY_TIMEOUT", "60s".to_owned()),
            ("LOG_LEVEL", "off".to_owned()),
        ] {
            c.env(format!("MSSQL_MCP_{k}"), v);
        }
        for (k, v) in more(sandbox.address()) {
            c.env(format!("MSSQL_MCP_{k}"), v);
        }
        let child = c.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().expect("spawn");
        let pid = child.id().expect("pid");
        until("it listens", async || TcpStream::connect(address).await.is_ok()).await;
        Self { child, pid, address, tokens, dir, _sandbox: sandbox, _silent: silent }
    }

    /// Bytes in memory.
    fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("status");
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("kB") << 10
    }

    /// Asks it to stop, and tells how long that took.
    async fn stop(mut self) -> Duration {
        let began = Instant::now();
        super::support::signal("-TERM", self.pid);
        tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it stops").expect("status");
        let _ = std::fs::remove_dir_all(&self.dir);
        began.elapsed()
    }
}

/// A caller who is signed in, on a connection that is kept.
struct Inside {
    send: SendRequest<Full<Bytes>>,
    token: String,
    peer: String,
}

impl Inside {
    async fn new(fort: &Fort, n: usize) -> Self {
        let io = TcpStream::connect(fort.address).await.expect("connect");
        let (send, connection) =
            hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(io))
                .await
                .expect("handshake");
        tokio::spawn(async move { drop(connection.await) });
        Self { send, token: fort.tokens[n].clone(), peer: format!("203.0.113.{n}") }
    }

    /// What a query gives, and how long it took.
    async fn query(&mut self, sql: &str) -> (Value, Duration) {
        let params = modern(json!({ "name": "execute_sql", "arguments": { "query": sql } }));
        let message =
            json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let request = ::http::Request::post("/mcp")
            .header("Host", "localhost")
            .header("Content-Type", "application/json")
            .header("Accept", "application/json, text/event-stream")
            .header("MCP-Protocol-Version", "2026-07-28")
            .header("Mcp-Method", "tools/call")
            .header("Mcp-Name", "execute_sql")
            .header("X-Forwarded-For", &self.peer)
            .header("Authorization", format!("Bearer {}", self.token))
            .body(Full::new(Bytes::from(message.to_string())))
            .expect("a request");
        let began = Instant::now();
        self.send.ready().await.expect("the connection is kept");
        let answer = self.send.send_request(request).await.expect("an answer");
        let status = answer.status();
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let text = String::from_utf8_lossy(&body);
        // A slow answer comes as an event stream.
        let data = text
            .lines()
            .filter_map(|l| l.strip_prefix("data:"))
            .next_back()
            .unwrap_or(&text)
            .trim()
            .to_owned();
        (serde_json::from_str(&data).unwrap_or_else(|e| panic!("{e}: {data}")), began.elapsed())
    }
}

/// All of them call until the token fires: how long each call took.
async fn life_inside(fort: &Fort, stop: &CancellationToken) -> Vec<Duration> {
    let all = (0..INSIDE).map(|n| async move {
        let (mut me, mut took) = (Inside::new(fort, n).await, Vec::new());
        while !stop.is_cancelled() {
            let (answer, time) =
                me.query("SELECT TOP (3) * FROM sales.Orders ORDER BY OrderId").await;
            let rows = answer["result"]["structuredContent"]["results"][0]["rows"]
                .as_array()
                .map(Vec::len);
            assert_eq!(rows, Some(3), "{answer}");
            took.push(time);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        took
    });
    futures_util::future::join_all(all).await.concat()
}

fn percentile(all: &mut [Duration], p: usize) -> Duration {
    all.sort();
    all[(all.len() * p / 100).min(all.len() - 1)]
}

/// Where a request of a flood comes from: as a proxy of ours says.
fn from(n: u64) -> String {
    format!("10.{}.{}.{}", n >> 16 & 255, n >> 8 & 255, n & 255)
}

/// The status of an answer; none where the server ends the connection, as it does when it stops.
async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<u16> {
    let mut text = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: \
         {}\r\n",
        body.len()
    );
    headers.iter().for_each(|(k, v)| text += &format!("{k}: {v}\r\n"));
    let mut tcp = TcpStream::connect(address).await.ok()?;
    tcp.write_all(&[text.as_bytes(), b"\r\n", body].concat()).await.ok()?;
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).await.ok()?;
    String::from_utf8_lossy(&answer).split(' ').nth(1)?.parse().ok()
}

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
/// What a stranger's form carries and their cookie repeats.
const CSRF: &str = "cf_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

async fn log_in(address: SocketAddr, name: &str, peer: &str) -> Option<u16> {
    let body = format!("csrf={CSRF}&do=login&request=&username={name}&password=guess+guess+guess");
    let cookie = format!("mcp_csrf={CSRF}");
    let headers = [FORM, ("Cookie", &cookie), ("X-Forwarded-For", peer)];
    ask(address, "POST", "/apps", &headers, body.as_bytes()).await
}

async fn look_up(address: SocketAddr, host: &str, peer: &str) -> Option<u16> {
    let path = format!(
        "/authorize?response_type=code&client_id=https%3A%2F%2F{host}%2Fc.json&redirect_uri=https%3A%2F%2Fclaude.ai%2Fcb"
    );
    ask(address, "GET", &path, &[("X-Forwarded-For", peer)], b"").await
}

async fn register(address: SocketAddr, name: u64, peer: &str) -> Option<u16> {
    let body = json!({ "client_name": name.to_string(), "redirect_uris": ["https://claude.ai/cb"], "token_endpoint_auth_method": "none" });
    let headers = [("Content-Type", "application/json"), ("X-Forwarded-For", peer)];
    ask(address, "POST", "/register", &headers, body.to_string().as_bytes()).await
}

async fn open_session(address: SocketAddr, peer: &str) -> Option<u16> {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": { "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "x", "version": "1" } } });
    let headers = [
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
        ("Authorization", "Bearer mat_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ("X-Forwarded-For", peer),
    ];
    ask(address, "POST", "/mcp", &headers, body.to_string().as_bytes()).await
}

/// A connection that comes from no proxy: another address of the loopback network.
async fn connect(address: SocketAddr, n: u64) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 1, (n % 200) as u8 + 2)), 0))?;
    socket.connect(address).await
}

/// Holds a connection and says nothing, or begins a request and goes on too slowly, or reads no
/// answer; until it is thrown out.
async fn linger(address: SocketAddr, n: u64) {
    let Ok(mut tcp) = connect(address, n).await else { return };
    match n % 3 {
        0 => _ = tcp.read(&mut [0; 64]).await,
        1 => {
            for b in b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: \
                       aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            {
                if tcp.write_all(&[*b]).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
        _ => {
            let request = b"GET /.well-known/oauth-authorization-server HTTP/1.1\r\nHost: \
                localhost\r\n\r\n";
            while tcp.write_all(request).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// What the strangers did.
#[derive(Debug, Default)]
struct Counts {
    log_ins: AtomicU64,
    look_ups: AtomicU64,
    registrations: AtomicU64,
    sessions: AtomicU64,
    lingered: AtomicU64,
}

impl Counts {
    /// Whether each flood was one.
    fn enough(&self) -> bool {
        [&self.log_ins, &self.look_ups, &self.registrations, &self.sessions, &self.lingered]
            .iter()
            .all(|n| n.load(Ordering::Relaxed) > 20)
    }
}

/// All floods together, until the token fires; each from as many networks as it has requests.
fn floods(
    address: SocketAddr,
    stop: &CancellationToken,
) -> (Arc<Counts>, Vec<tokio::task::JoinHandle<()>>) {
    let counts: Arc<Counts> = Arc::default();
    let mut tasks = Vec::new();
    for (kind, width, pause) in
        [(0, 20, 40), (1, 60, 40), (2, 5, 40), (3, 5, 40), (4, 2 * CONNECTIONS as u64, 100)]
    {
        for lane in 0..width {
            let (counts, stop) = (counts.clone(), stop.clone());
            tasks.push(tokio::spawn(async move {
                let mut n = lane;
                while !stop.is_cancelled() {
                    let peer = from(n << 3 | kind);
                    let one = async {
                        match kind {
                            0 => {
                                let name = format!("name{n}");
                                let status = log_in(address, &name, &peer).await;
                                assert!(
                                    matches!(status, Some(401 | 429 | 503)),
                                    "a log-in: {status:?}"
                                );
                                &counts.log_ins
                            }
                            1 => {
                                let status =
                                    look_up(address, &format!("h{n}.example"), &peer).await;
                                assert!(matches!(status, Some(400 | 503)), "a look-up: {status:?}");
                                &counts.look_ups
                            }
                            2 => {
                                let status = register(address, n, &peer).await;
                                assert!(
                                    matches!(status, Some(201 | 503)),
                                    "a registration: {status:?}"
                                );
                                &counts.registrations
                            }
                            3 => {
                                assert_eq!(
                                    open_session(address, &peer).await,
                                    Some(401),
                                    "a session"
                                );
                                &counts.sessions
                            }
                            _ => {
                                linger(address, n).await;
                                &counts.lingered
                            }
                        }
                    };
                    if let Some(count) = stop.run_until_cancelled(one).await {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    stop.run_until_cancelled(tokio::time::sleep(Duration::from_millis(pause)))
                        .await;
                    n += width;
                }
            }));
        }
    }
    (counts, tasks)
}

/// All of it together against one store.
async fn besiege(name: &str, store: Option<&str>, long: Duration, looks_at_time: bool) {
    let fort = Fort::new(name, store).await;
    let quiet = CancellationToken::new();
    let (mut before, ()) = tokio::join!(life_inside(&fort, &quiet), async {
        tokio::time::sleep((long / 5).max(Duration::from_secs(2))).await;
        quiet.cancel();
    });
    let idle = fort.resident();
    let stop = CancellationToken::new();
    let (counts, tasks) = floods(fort.address, &stop);
    let mut most = idle;
    let (mut during, ()) = tokio::join!(life_inside(&fort, &stop), async {
        let began = Instant::now();
        // On a busy machine it goes on until there was enough of each.
        while began.elapsed() < long || (!counts.enough() && began.elapsed() < long + PATIENCE) {
            tokio::time::sleep(Duration::from_millis(100)).await;
            most = most.max(fort.resident());
        }
        stop.cancel();
    });
    for t in tasks {
        t.await.expect("a stranger was answered as none should be");
    }
    let mb = |b: u64| b >> 20;
    let (calm, rough) = (percentile(&mut before, 99), percentile(&mut during, 99));
    println!(
        "{name}: {} calls inside, none failed; p50 {:?}, p99 {rough:?} (idle: {:?}, {calm:?}); \
         memory {} MB at most ({} idle); {counts:?}",
        during.len(),
        percentile(&mut during, 50),
        percentile(&mut before, 50),
        mb(most),
        mb(idle)
    );
    assert!(counts.enough(), "a siege without one of its floods: {counts:?}");
    assert!(most < 120 << 20, "{} MB", mb(most));
    let rest = async || fort.resident() < idle + (10 << 20);
    until("memory comes back", rest).await;
    println!("{name}: {} MB afterwards", mb(fort.resident()));
    if looks_at_time {
        assert!(rough < calm + Duration::from_millis(100), "p99 {rough:?}, idle {calm:?}");
    }
    let took = fort.stop().await;
    println!("{name}: stopped within {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn those_inside_notice_nothing() {
    let long = std::env::var("SIEGE_SECONDS")
        .ok()
        .map(|s| s.parse().expect("SIEGE_SECONDS: a number of seconds"));
    // Two stores, each for half of the time.
    let each = Duration::from_secs(long.unwrap_or(12)) / 2;
    besiege("sqlite", None, each, long.is_some()).await;
    let redis = RealRedis::start().await;
    besiege("redis", Some(&redis.0), each, long.is_some()).await;
}

/// 300 wrong log-ins at once, from one address and from many: no more memory than the hashes that
/// may be made at once, and it comes back.
#[tokio::test(flavor = "multi_thread")]
async fn log_ins_at_once_take_bounded_memory() {
    let fort = Fort::new("log-ins", None).await;
    let fresh = fort.resident();
    assert_eq!(log_in(fort.address, "warm", "10.9.9.9").await, Some(401));
    // A hash takes 19 MiB.
    until("the worker has ended", async || fort.resident() < fresh + (10 << 20)).await;
    let idle = fort.resident();
    for many in [false, true] {
        let began = Instant::now();
        let all = (0..300).map(|n| {
            let peer = if many { from(n) } else { "10.0.0.1".to_owned() };
            async move { log_in(fort.address, &format!("name{n}"), &peer).await }
        });
        // Half of them leave before they are answered.
        let leave = (0..100).map(|n| async move {
            let gone = log_in(fort.address, "gone", "10.1.0.1");
            let _ = tokio::time::timeout(Duration::from_millis(n % 50), gone).await;
        });
        let mut most = idle;
        let (statuses, _, ()) = tokio::join!(
            futures_util::future::join_all(all),
            futures_util::future::join_all(leave),
            async {
                for _ in 0..50 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    most = most.max(fort.resident());
                }
            }
        );
        let of = |s: u16| statuses.iter().filter(|x| **x == Some(s)).count();
        println!(
            "{} verified, {} waited, {} turned away; {} MB over {} MB",
            of(401),
            of(429),
            of(503),
            (most - idle) >> 20,
            idle >> 20
        );
        assert_eq!(of(401) + of(429) + of(503), 300, "{statuses:?}");
        assert!(most < idle + 4 * BLOCK, "{} MB over {} MB", (most - idle) >> 20, idle >> 20);
        if !many {
            let more = began.elapsed().as_secs() as usize / 15;
            assert!(
                of(401) <= 20 + more,
                "a network may try twenty at once and one each 15 s, not {}",
                of(401)
            );
        }
    }
    until("memory comes back", async || fort.resident() < idle + (10 << 20)).await;
    fort.stop().await;
}

/// A name server that never answers, and strangers who ask for it: a call of somebody who is signed
/// in takes as long as ever, and the process ends in time.
#[tokio::test(flavor = "multi_thread")]
async fn names_that_nobody_knows_hold_nobody_up() {
    let fort = Fort::new("look-ups", None).await;
    let mut me = Inside::new(&fort, 0).await;
    me.query("SELECT 1 AS a").await;
    let stop = CancellationToken::new();
    let asks: Vec<_> = (0..60)
        .map(|lane: u64| {
            let (stop, address) = (stop.clone(), fort.address);
            tokio::spawn(async move {
                let mut n = lane;
                while !stop.is_cancelled() {
                    stop.run_until_cancelled(look_up(address, &format!("h{n}.example"), &from(n)))
                        .await;
                    n += 60;
                }
            })
        })
        .collect();
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let (answer, took) = me.query("SELECT 1 AS a").await;
        assert_eq!(answer["result"]["isError"], false, "{answer}");
        slowest = slowest.max(took);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("the slowest of 20 calls took {slowest:?}");
    // The look-ups that are on their way are not waited for.
    let took = fort.stop().await;
    println!("stopped within {took:?}");
    stop.cancel();
    for a in asks {
        let _ = a.await;
    }
}

/// Sixteen heavy reads of one principal, and everybody else's short ones.
#[tokio::test(flavor = "multi_thread")]
async fn one_principal_does_not_take_all_connections() {
    let fort = Fort::new("fair", None).await;
    let mut others = Vec::new();
    for n in 1..INSIDE {
        let mut me = Inside::new(&fort, n).await;
        me.query("SELECT 1 AS a").await;
        others.push(me);
    }
    let ended = Arc::new(AtomicU64::new(0));
    let heavy = async {
        let all = (0..16).map(|_| async {
            let mut me = Inside::new(&fort, 0).await;
            let (answer, _) = me.query("WAITFOR DELAY '00:00:05'; SELECT 1 AS a").await;
            assert_eq!(answer["result"]["isError"], false, "{answer}");
            ended.fetch_add(1, Ordering::Relaxed);
        });
        futures_util::future::join_all(all).await;
    };
    let light = async {
        // Until the heavy ones have all that they can have.
        tokio::time::sleep(Duration::from_millis(500)).await;
        for _ in 0..3 {
            let all = others.iter_mut().map(|o| o.query("SELECT 1 AS a"));
            let took = futures_util::future::join_all(all).await;
            assert!(took.iter().all(|(a, _)| a["result"]["isError"] == false));
        }
        ended.load(Ordering::Relaxed)
    };
    let ((), ended_before) = tokio::join!(heavy, light);
    assert_eq!(ended_before, 0, "the others were served while the heavy ones ran");
    fort.stop().await;
}

/// Between the server and its database: of what comes back some bits are others, in each
/// connection at other places.
fn flipping(listener: std::net::TcpListener, database: SocketAddr) -> Arc<AtomicU64> {
    listener.set_nonblocking(true).expect("nonblocking");
    let listener = tokio::net::TcpListener::from_std(listener).expect("listener");
    let flipped = Arc::new(AtomicU64::new(0));
    let count = flipped.clone();
    tokio::spawn(async move {
        let mut dice = Dice(0x5eed);
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = TcpStream::connect(database).await else { return };
            // The first one behind the login, and then one in some thousand bytes.
            let (mut at, mut dice, count) =
                (1500 + dice.below(1 << 12), Dice(dice.below(1 << 30) + 1), count.clone());
            tokio::spawn(async move {
                let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
                    (client.into_split(), server.into_split());
                let up = tokio::io::copy(&mut from_client, &mut to_server);
                let down = async {
                    let (mut buffer, mut passed) = (vec![0; 4096], 0);
                    while let Ok(n @ 1..) = from_server.read(&mut buffer).await {
                        while (passed..passed + n as u64).contains(&at) {
                            buffer[(at - passed) as usize] ^= 1 << dice.below(8);
                            count.fetch_add(1, Ordering::Relaxed);
                            at += 1 + dice.below(1 << 13);
                        }
                        passed += n as u64;
                        if to_client.write_all(&buffer[..n]).await.is_err() {
                            return;
                        }
                    }
                };
                tokio::select! { _ = up => {}, () = down => {} }
            });
        }
    });
    flipped
}

/// Without TLS nothing tells a flipped bit from what was meant: whatever length it makes, memory
/// grows by no more than what is really sent.
#[tokio::test(flavor = "multi_thread")]
async fn flipped_bits_from_the_database_cost_no_memory() {
    let (tell, mut told) = tokio::sync::oneshot::channel();
    let fort = Fort::with("bits", None, |database| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
        let relay = listener.local_addr().expect("address");
        drop(tell.send((listener, database)));
        vec![
            ("DATABASE_PORT", relay.port().to_string()),
            ("DATABASE_ENCRYPT", "off".to_owned()),
            ("LIMITS_QUERY_TIMEOUT", "1s".to_owned()),
            ("POOL_CONNECT_TIMEOUT", "1s".to_owned()),
        ]
    })
    .await;
    let (listener, database) = told.try_recv().expect("told");
    let flipped = flipping(listener, database);
    let mut me = Inside::new(&fort, 0).await;
    me.query("SELECT 1 AS a").await;
    let (idle, mut most, mut failed) = (fort.resident(), 0, 0);
    let all = (0..4).map(|n| {
        let fort = &fort;
        async move {
            let (mut me, mut failed, mut last) = (Inside::new(fort, n).await, 0u64, String::new());
            for _ in 0..40 {
                let (answer, _) = me
                    .query(
                        "SELECT TOP (900) *, CAST(Status AS nvarchar(max)) AS n FROM sales.Orders",
                    )
                    .await;
                if answer["result"]["isError"] != false {
                    failed += 1;
                    last = answer.to_string();
                }
            }
            println!(
                "{failed} of 40 failed, at last {}",
                last.chars().take(300).collect::<String>()
            );
            failed
        }
    });
    let ended = CancellationToken::new();
    tokio::join!(
        async {
            failed = futures_util::future::join_all(all).await.iter().sum();
            ended.cancel();
        },
        async {
            while !ended.is_cancelled() {
                most = most.max(fort.resident());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    );
    let flipped = flipped.load(Ordering::Relaxed);
    println!(
        "{flipped} bits flipped, {failed} of 160 calls failed; {} MB over {} MB",
        most.saturating_sub(idle) >> 20,
        idle >> 20
    );
    assert!(flipped > 20 && failed > 0, "{flipped} bits, {failed} calls");
    assert!(most < idle + (32 << 20), "{} MB over {} MB", (most - idle) >> 20, idle >> 20);
    fort.stop().await;
}

/// Nobody calls, and the collector hangs: what waits for it is given up within the grace.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_server_stops_although_its_collector_hangs() {
    let collector = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let at = collector.local_addr().expect("address");
    let held = tokio::spawn(async move {
        let mut all = Vec::new();
        while let Ok((tcp, _)) = collector.accept().await {
            all.push(tcp);
        }
    });
    for protocol in ["http/protobuf", "grpc"] {
        let more = |_| {
            vec![
                ("TELEMETRY_ENDPOINT", format!("http://{at}")),
                ("TELEMETRY_PROTOCOL", protocol.to_owned()),
                ("SERVER_SHUTDOWN_GRACE", "4s".to_owned()),
            ]
        };
        let fort = Fort::with("collector", None, more).await;
        let mut me = Inside::new(&fort, 0).await;
        me.query("SELECT 1 AS a").await;
        drop(me);
        let took = fort.stop().await;
        println!("{protocol}: stopped within {took:?}");
        assert!(
            took < Duration::from_secs(4),
            "server.shutdown_grace is 4 s, and it took {took:?}"
        );
    }
    held.abort();
}

/// Heads that never end, and bodies: what each connection may leave in memory is small; and none of
/// them holds up a stop.
#[tokio::test(flavor = "multi_thread")]
async fn what_strangers_leave_unfinished_is_small_and_not_waited_for() {
    let fort =
        Fort::with("heads", None, |_| vec![("HTTP_MAX_CONNECTIONS", "1000".to_owned())]).await;
    let mut me = Inside::new(&fort, 0).await;
    me.query("SELECT 1 AS a").await;
    let idle = fort.resident();
    let (mut held, head) = (Vec::new(), format!("GET /health?{} HTTP/1.1", "x".repeat(400_000)));
    for n in 0..300 {
        let mut tcp = connect(fort.address, n).await.expect("connect");
        // What is too long is refused, and then the connection is gone.
        let _ =
            tokio::time::timeout(Duration::from_millis(200), tcp.write_all(head.as_bytes())).await;
        held.push(tcp);
        let mut tcp = connect(fort.address, n).await.expect("connect");
        let begun = b"POST /register HTTP/1.1\r\nHost: localhost\r\nContent-Type: \
                      application/json\r\nContent-Length: 16000\r\n\r\n{";
        tcp.write_all(begun).await.expect("write");
        held.push(tcp);
    }
    let most = fort.resident();
    println!("{} MB over {} MB", (most - idle) >> 20, idle >> 20);
    assert!(most < idle + (40 << 20), "{} MB over {} MB", (most - idle) >> 20, idle >> 20);
    me.query("SELECT 1 AS a").await;
    drop(me);
    let took = fort.stop().await;
    println!("stopped within {took:?}");
    assert!(took < Duration::from_secs(8), "http.header_timeout is 10 s, and it took {took:?}");
    drop(held);
}
