//! Requests by hand, and loops of them.

use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::processor;
use crate::server::Server;
use crate::{CONNECTIONS, SECONDS};

pub fn call(sql: &str) -> Vec<u8> {
    call_as(sql, "json")
}

/// `json` or `csv` as the text of the answer; its structured form is JSON in both.
pub fn call_as(sql: &str, format: &str) -> Vec<u8> {
    let arguments = format!(r#""arguments":{{"query":"{sql}","format":"{format}"}}"#);
    message("tools/call", "execute_sql", &format!(r#""name":"execute_sql",{arguments},"#))
}

pub fn message(method: &str, name: &str, params: &str) -> Vec<u8> {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    );
    let name = if name.is_empty() { String::new() } else { format!("Mcp-Name: {name}\r\n") };
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: \
         application/json\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: \
         {method}\r\n{name}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Sends a request and reads its answer: by Content-Length, or in chunks. Returns the
/// length of the body.
pub async fn exchange(
    tcp: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &[u8],
    buf: &mut Vec<u8>,
) -> usize {
    tcp.write_all(request).await.expect("write");
    buf.clear();
    let (mut at, mut length, mut chunked) = (0, 0, false);
    let mut total = 0;
    loop {
        buf.reserve(64 << 10);
        assert!(tcp.read_buf(buf).await.expect("read") > 0, "the server closed the connection");
        if at == 0 {
            let Some(end) = buf.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&buf[..end]).to_ascii_lowercase();
            assert!(head.starts_with("http/1.1 200"), "{head}");
            chunked = head.contains("transfer-encoding: chunked");
            length = head
                .lines()
                .find_map(|l| l.strip_prefix("content-length: ")?.parse().ok())
                .unwrap_or(0);
            at = end + 4;
        }
        if !chunked && buf.len() >= at + length {
            return length;
        }
        if chunked {
            if buf.ends_with(b"0\r\n\r\n") {
                return total + buf.len() - at;
            }
            // Keep only the tail that may hold the end.
            let keep = buf.len().saturating_sub(8).max(at);
            total += keep - at;
            buf.drain(at..keep);
        }
    }
}

/// Calls in a second on so many connections, and microseconds of the server's processor time for each.
pub async fn load_on(connections: usize, server: &Server, request: Vec<u8>) -> (f64, f64) {
    let used = processor(server.0.id());
    let until = Instant::now() + Duration::from_secs(SECONDS);
    let address = server.1;
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            let request = request.clone();
            tokio::spawn(async move {
                let mut tcp = TcpStream::connect(address).await.expect("connect");
                tcp.set_nodelay(true).expect("nodelay");
                let (mut n, mut buf) = (0u64, Vec::new());
                while Instant::now() < until {
                    exchange(&mut tcp, &request, &mut buf).await;
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
    let used = processor(server.0.id()) - used;
    (all as f64 / SECONDS as f64, used * 1e6 / all as f64)
}

/// The same on the usual number of connections.
pub async fn load(server: &Server, request: Vec<u8>) -> (f64, f64) {
    load_on(CONNECTIONS, server, request).await
}
