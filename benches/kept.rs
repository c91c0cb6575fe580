//! A whole result of a million rows: read by the driver's loop, which drops them, and kept by the
//! server with a profile of its columns, by turns.
//!
//! `cargo bench --bench kept` prints the figures of `benches/README.md`. Endpoint, loop and server are
//! processes of their own.

use std::process::Command;
use std::time::Instant;

use mssql_mcp_sandbox::Options;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use self::apart::start_endpoint;
use self::endpoint::TEN;
use self::median::median;
use self::process::{memory, processor};
use self::response::response;
use self::server::binary;

#[path = "shared/apart.rs"]
mod apart;
#[path = "shared/driver.rs"]
mod driver;
#[path = "shared/endpoint.rs"]
mod endpoint;
#[path = "shared/median.rs"]
mod median;
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

const PAIRS: usize = 5;
const MILLION: &str = "SELECT million";
const ROWS: usize = 1_000_000;

/// Prints its port, and lives until its parent closes its input.
async fn answer_calls() {
    let sandbox = endpoint::start(Options::default()).await;
    sandbox.script(MILLION, endpoint::rows(1000, ROWS as u64 / 1000));
    println!("{}", sandbox.address().port());
    let _ = tokio::io::stdin().read_u8().await;
}

/// Seconds of the driver's loop.
async fn loop_alone(port: u16) {
    let mut client = driver::connect(port).await;
    let began = Instant::now();
    assert_eq!(driver::ask(&mut client, MILLION).await, ROWS);
    println!("{}", began.elapsed().as_secs_f64());
}

/// The result of a call of `execute_sql`.
async fn execute(tcp: &mut TcpStream, arguments: &str) -> Value {
    let params = format!(r#""name":"execute_sql","arguments":{{{arguments}}},"#);
    let body = message::json("tools/call", &params);
    let request = format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: \
         application/json\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: \
         tools/call\r\nMcp-Name: execute_sql\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    tcp.write_all(request.as_bytes()).await.expect("write");
    let mut buf = Vec::new();
    let answer = response(tcp, &mut buf, true).await.expect("an answer");
    let text = String::from_utf8_lossy(&buf[answer.head..]).into_owned();
    // What takes longer than two seconds comes as an event, in one piece.
    let line = text.lines().find_map(|l| l.find('{').map(|at| &l[at..])).unwrap_or_default();
    let answer: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {text}"));
    answer["result"]["structuredContent"].clone()
}

/// Seconds until the handle comes, those of the server's processor time, and how much more memory it
/// has at its most, in MB.
async fn kept(port: u16) -> [f64; 3] {
    let more = ["--results-max-bytes", "500000000", "--limits-query-timeout", "2m"];
    let server = serve::start(Command::new(binary()), port, &more);
    let mut tcp = TcpStream::connect(server.1).await.expect("connect");
    execute(&mut tcp, &format!(r#""query":"{TEN}""#)).await;
    let (me, began) = (server.0.id(), Instant::now());
    let (base, used) = (memory(me, "VmRSS"), processor(me));
    let told = execute(&mut tcp, &format!(r#""query":"{MILLION}","output":"handle""#)).await;
    let seconds = began.elapsed().as_secs_f64();
    let all = &told["kept"];
    assert_eq!((&all["rows"], &all["complete"]), (&ROWS.into(), &true.into()), "{told}");
    assert!(all["sets"][0]["columns"][7]["distinct"].is_number(), "a profile: {told}");
    [seconds, processor(me) - used, memory(me, "VmHWM") - base]
}

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        [_, "endpoint"] => return answer_calls().await,
        [_, "loop", port] => return loop_alone(port.parse().expect("port")).await,
        _ => {}
    }
    let exe = std::env::current_exe().expect("exe");
    let mut command = Command::new(&exe);
    command.arg("endpoint");
    let (mut endpoint, port) = start_endpoint(command);
    let (mut of_loop, mut of_server) = (Vec::new(), Vec::new());
    let (mut processors, mut memories) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let out = Command::new(&exe).args(["loop", &port.to_string()]).output().expect("run");
        let text = String::from_utf8(out.stdout).expect("text");
        of_loop.push(text.trim().parse::<f64>().expect("seconds"));
        let [seconds, used, more] = kept(port).await;
        of_server.push(seconds);
        processors.push(used);
        memories.push(more);
    }
    let (of_loop, of_server) = (median(of_loop), median(of_server));
    println!("== 1,000,000 rows of 8 columns, medians of {PAIRS}");
    println!("the driver's loop: {of_loop:.2} s, {:.2} M rows/s", 1.0 / of_loop);
    println!("kept, with a profile: {of_server:.2} s, {:.2} M rows/s", 1.0 / of_server);
    println!("of the loop's rows in a second: {:.0} %", 100.0 * of_loop / of_server);
    println!("the server's processor time: {:.2} s", median(processors));
    println!("more memory at its most: {:.1} MB", median(memories));
    drop(endpoint.stdin.take());
    let _ = endpoint.wait();
}
