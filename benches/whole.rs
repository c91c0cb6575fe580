//! The whole process over the sandbox's scripted answers, beside a raw driver loop on the same
//! endpoint in the same run.
//!
//! `cargo bench --bench whole` prints the figures of `benches/README.md`. Every loop is bounded and
//! talks to 127.0.0.1 only.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use mssql_mcp::database::run::Mode;
use mssql_mcp::database::wrapper::{CONTEXT_PARAM, wrapper};
use mssql_mcp_sandbox::Options;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use self::driver::{ask, connect};
use self::endpoint::{MANY, MANY_ROWS, TEN};
use self::http::{Load, call, exchange, message};
use self::message::json;
use self::process::{memory, processor};
use self::serve::start;
use self::server::{Server, binary};

#[path = "../tests/integration/deployed.rs"]
mod deployed;
#[path = "shared/driver.rs"]
mod driver;
#[path = "shared/endpoint.rs"]
mod endpoint;
#[path = "shared/http.rs"]
mod http;
#[path = "shared/message.rs"]
mod message;
#[path = "shared/process.rs"]
mod process;
#[path = "shared/response.rs"]
mod response;
#[path = "shared/serve.rs"]
mod serve;
#[path = "shared/server.rs"]
mod server;

const CONNECTIONS: usize = 8;
const SECONDS: u64 = 5;

fn serve(port: u16, more: &[&str]) -> Server {
    start(Command::new(binary()), port, more)
}

/// Calls in a second on the usual number of connections, and microseconds of the server's processor
/// time for each.
async fn load(server: &Server, request: Vec<u8>) -> (f64, f64) {
    let used = processor(server.0.id());
    let Load { seconds, took } = http::load(server.1, CONNECTIONS, &request, SECONDS as f64).await;
    let calls = took.len() as f64;
    (calls / seconds, (processor(server.0.id()) - used) * 1e6 / calls)
}

/// Calls in a second of the driver's loop, and microseconds of this process's time for each.
async fn raw_load(port: u16) -> (f64, f64) {
    let (me, used) = (std::process::id(), processor(std::process::id()));
    let until = Instant::now() + Duration::from_secs(SECONDS);
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            tokio::spawn(async move {
                let mut client = Box::pin(connect(port)).await;
                let mut n = 0u64;
                while Instant::now() < until {
                    assert_eq!(ask(&mut client, TEN).await, 10);
                    n += 1;
                }
                n
            })
        })
        .collect();
    let mut all = 0;
    for t in tasks {
        all += t.await.expect("task");
    }
    (all as f64 / SECONDS as f64, (processor(me) - used) * 1e6 / all as f64)
}

/// Microseconds of one query on one connection, bare and inside the guard's wrapper,
/// by the sandbox's engine.
async fn guarded(port: u16) -> (f64, f64) {
    const N: u32 = 3000;
    let mut client = Box::pin(connect(port)).await;
    let outer = wrapper(&[], Mode::Read, 10_000, true, None);
    let mut took = [0.0; 2];
    for (i, took) in took.iter_mut().enumerate() {
        let started = Instant::now();
        for _ in 0..N {
            let mut c = tiberius::Command::new("sp_executesql");
            if i == 0 {
                c.bind_param("@stmt", "SELECT 1 AS a");
            } else {
                c.bind_param("@stmt", outer.as_str());
                c.bind_param("@params", "@q nvarchar(max), @mssql_mcp_trace varbinary(128)");
                c.bind_param("@q", "SELECT 1 AS a");
                c.bind_param(
                    CONTEXT_PARAM,
                    &b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"[..],
                );
            }
            let mut s = c.exec(&mut client).await.expect("exec");
            while let Some(item) = s.next().await {
                std::hint::black_box(item.expect("item"));
            }
        }
        *took = started.elapsed().as_secs_f64() * 1e6 / f64::from(N);
    }
    (took[0], took[1])
}

fn stdio() -> (Vec<f64>, f64) {
    let line = json("tools/list", "");
    let mut times = Vec::new();
    let mut resident = 0.0;
    for _ in 0..21 {
        let started = Instant::now();
        let mut child = Command::new(binary())
            .args(["stdio", "--log-level", "off"])
            .envs([("MSSQL_HOST", "127.0.0.1"), ("MSSQL_USER", "u"), ("MSSQL_PASSWORD", "p")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("spawn");
        let mut input = child.stdin.take().expect("stdin");
        writeln!(input, "{line}").expect("write");
        let mut answer = String::new();
        BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut answer).expect("read");
        times.push(started.elapsed().as_secs_f64() * 1000.0);
        assert!(answer.contains("list_tables"));
        resident = memory(child.id(), "VmRSS");
        drop(input);
        child.wait().expect("wait");
    }
    times.sort_by(f64::total_cmp);
    (times, resident)
}

/// What this executable prints when it runs `part` in a process of its own.
fn apart(part: &str, port: u16) -> String {
    let exe = std::env::current_exe().expect("exe");
    let out = Command::new(exe).args([part, &port.to_string()]).output().expect("run");
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// Two figures with a blank between.
fn two(text: &str) -> (f64, f64) {
    let mut all = text.split(' ').map(|n| n.parse().unwrap_or(f64::NAN));
    (all.next().unwrap_or(f64::NAN), all.next().unwrap_or(f64::NAN))
}

/// In a process of its own, so that its memory is its own: `whole raw PORT`.
async fn raw_many(port: u16) {
    let mut client = Box::pin(connect(port)).await;
    ask(&mut client, TEN).await;
    let started = Instant::now();
    assert_eq!(ask(&mut client, MANY).await, MANY_ROWS);
    println!("{:.3} {:.1}", started.elapsed().as_secs_f64(), memory(std::process::id(), "VmHWM"));
}

/// Calls per second on connections through the shipped nginx with TLS, and on as many without it.
async fn through_nginx(server: &Server) -> (f64, f64) {
    let dir = std::env::temp_dir().join(format!("mssql-mcp-bench-{}", std::process::id()));
    let (port, plain) = (deployed::free_port(), deployed::free_port());
    deployed::configure(&dir, port, plain, server.1);
    let connector = deployed::trusting(deployed::certificates(&dir, 9));
    let error_log = dir.join("error.log");
    let mut nginx = Command::new(deployed::program())
        .args(["-e", error_log.to_str().expect("path"), "-g", "daemon off;", "-p"])
        .arg(&dir)
        .arg("-c")
        .arg(dir.join("nginx.conf"))
        .stderr(Stdio::null())
        .spawn()
        .expect("nginx is missing: make clients installs it");
    for _ in 0..500 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    let until = Instant::now() + Duration::from_secs(SECONDS);
    let request = String::from_utf8(call(TEN, "json"))
        .expect("text")
        .replace("Host: localhost", &format!("Host: localhost:{port}"));
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (connector, request) = (connector.clone(), request.clone());
            tokio::spawn(async move {
                let (mut n, mut buf) = (0u64, Vec::new());
                while Instant::now() < until {
                    let tcp = TcpStream::connect(("127.0.0.1", port)).await.expect("connect");
                    let name = rustls::pki_types::ServerName::try_from("localhost").expect("name");
                    let mut tls = connector.connect(name, tcp).await.expect("TLS");
                    // nginx closes a connection after 1,000 requests.
                    for _ in 0..900 {
                        if Instant::now() > until {
                            break;
                        }
                        exchange(&mut tls, request.as_bytes(), &mut buf).await;
                        n += 1;
                    }
                }
                n
            })
        })
        .collect();
    let mut all = 0;
    for t in tasks {
        all += t.await.expect("task");
    }
    let _ = Command::new("kill").args(["-TERM", &nginx.id().to_string()]).status();
    let _ = nginx.wait();
    let _ = std::fs::remove_dir_all(dir);
    (all as f64 / SECONDS as f64, load(server, call(TEN, "json")).await.0)
}

/// What so many idle HTTP+SSE streams cost the server, in MB.
async fn idle_streams(server: &Server, n: usize) -> f64 {
    let before = memory(server.0.id(), "VmRSS");
    let mut open = Vec::new();
    for _ in 0..n {
        let mut tcp = TcpStream::connect(server.1).await.expect("connect");
        tcp.write_all(b"GET /sse HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
            .await
            .expect("write");
        let mut got = Vec::new();
        while !got.windows(8).any(|w| w == b"endpoint") {
            assert!(
                tcp.read_buf(&mut got).await.expect("read") > 0,
                "the server closed the stream"
            );
        }
        open.push(tcp);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    memory(server.0.id(), "VmRSS") - before
}

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let [_, part, port] = &args[..]
        && let Ok(port) = port.parse()
    {
        match part.as_str() {
            "raw-load" => {
                let (rate, each) = raw_load(port).await;
                println!("{rate:.0} {each:.1}");
            }
            _ => Box::pin(raw_many(port)).await,
        }
        return;
    }
    let sandbox = endpoint::start(Options::default()).await;
    let port = sandbox.address().port();

    println!("== requests per second, {CONNECTIONS} connections, {SECONDS} s each");
    let server = serve(port, &[]);
    load(&server, call(TEN, "json")).await;
    let (list, of_list) = load(&server, message("tools/list", "", "")).await;
    // Apart, as the server is: in the endpoint's own process it would share its wake-ups.
    let (raw, of_raw) = two(&apart("raw-load", port));
    let (inside, _) = raw_load(port).await;
    let (ten, of_ten) = load(&server, call(TEN, "json")).await;
    let own = "µs of its processor time";
    println!("tools/list over HTTP              {list:>9.0}, {of_list:.1} {own}");
    println!("execute_sql, 10 rows, over HTTP   {ten:>9.0}, {of_ten:.1} {own}");
    println!("raw tiberius loop, 10 rows        {raw:>9.0}, {of_raw:.1} {own}");
    println!("raw, in the endpoint's process    {inside:>9.0}");
    println!(
        "execute_sql / raw                 {:>8.0} % ({:.0} % of the other)",
        100.0 * ten / raw,
        100.0 * ten / inside
    );
    drop(server);

    println!("== hosted");
    let server = serve(port, &[]);
    load(&server, call(TEN, "json")).await;
    let (tls, direct) = through_nginx(&server).await;
    println!("execute_sql, 10 rows, nginx, TLS  {tls:>9.0}");
    println!("the same without nginx            {direct:>9.0}");
    drop(server);
    let server = serve(port, &[]);
    load(&server, message("tools/list", "", "")).await;
    println!(
        "1,000 idle SSE streams            {:>9.1} MB beyond idle",
        idle_streams(&server, 1000).await
    );
    drop(server);

    println!("== the guard");
    let (bare, wrapped) = guarded(port).await;
    println!(
        "one query, one connection: bare {bare:.0} µs, inside the guard's wrapper {wrapped:.0} µs \
         (the sandbox's engine)"
    );

    println!("== stdio");
    let (times, resident) = stdio();
    println!(
        "exec to first tools/list answer   {:>6.1} ms median, {:.1} ms best, {:.1} ms worst of {}",
        times[times.len() / 2],
        times[0],
        times[times.len() - 1],
        times.len()
    );
    println!("resident memory                   {resident:>6.1} MB");

    println!("== 200,000 rows");
    let small = serve(port, &[]);
    let mut buf = Vec::new();
    let mut tcp = TcpStream::connect(small.1).await.expect("connect");
    exchange(&mut tcp, &call(TEN, "json"), &mut buf).await;
    let after_ten = memory(small.0.id(), "VmHWM");
    let sent = sandbox.rows_sent();
    let bytes = exchange(&mut tcp, &call(MANY, "json"), &mut buf).await;
    let after_many = memory(small.0.id(), "VmHWM");
    tokio::time::sleep(Duration::from_millis(300)).await;
    println!(
        "default limits: peak {after_many:.1} MB, after 10 rows {after_ten:.1} MB; {bytes} \
         bytes; the database sent {} rows",
        sandbox.rows_sent() - sent
    );
    drop(small);
    let large = serve(port, &["--limits-max-rows", "1000000", "--limits-max-chars", "1000000000"]);
    let mut tcp = TcpStream::connect(large.1).await.expect("connect");
    exchange(&mut tcp, &call(TEN, "json"), &mut buf).await;
    for format in ["json", "csv"] {
        let started = Instant::now();
        let bytes = exchange(&mut tcp, &call(MANY, format), &mut buf).await;
        println!(
            "all of it, as {format}: {:.2} s, {:.1} MB, peak {:.1} MB",
            started.elapsed().as_secs_f64(),
            bytes as f64 / 1e6,
            memory(large.0.id(), "VmHWM")
        );
    }
    let (seconds, peak) = two(&apart("raw", port));
    println!("raw tiberius loop: {seconds} s, peak {peak} MB (rows dropped, no JSON)");
}
