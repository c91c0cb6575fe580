//! Sessions of handshake-era clients that do nothing and have no connection open.

use tokio::net::TcpStream;

use crate::http::exchange;
use crate::serve::start;
use crate::{Line, MEASURED, PAIRS, lines, memory, note, on_core};

const SESSIONS: usize = 10_000;

fn initialize() -> Vec<u8> {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"bench","version":"1.0.0"}}}"#;
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: \
         application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// KB of each beyond what the process has without them.
async fn idle(build: &str, port: u16) -> f64 {
    let most = SESSIONS.to_string();
    let server = start(on_core(MEASURED, build), port, &["--http-max-sessions", &most]);
    let (request, mut buf) = (initialize(), Vec::new());
    let mut tcp = TcpStream::connect(server.1).await.expect("connect");
    // What the first one needs is no session's.
    exchange(&mut tcp, &request, &mut buf).await;
    let before = memory(server.0.id(), "VmRSS");
    for _ in 1..SESSIONS {
        exchange(&mut tcp, &request, &mut buf).await;
    }
    drop(tcp);
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    (memory(server.0.id(), "VmRSS") - before) * 1024.0 / SESSIONS as f64
}

pub async fn compare(builds: &[String; 2], port: u16) {
    let mut table = lines(&["KB of an idle session"]);
    for _ in 0..PAIRS {
        for (whose, build) in builds.iter().enumerate() {
            note(&mut table, whose, &[idle(build, port).await]);
        }
    }
    println!("== 10,000 sessions");
    table.into_iter().for_each(Line::print);
}
