//! Requests by hand, and loops of them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::message::json;
use crate::response::{Response, response};

/// What a loop of calls came to.
pub struct Load {
    pub seconds: f64,
    /// Microseconds of each call.
    pub took: Vec<u32>,
}

/// `json` or `csv` as the text of the answer; its structured form is JSON in both.
pub fn call(sql: &str, format: &str) -> Vec<u8> {
    message("tools/call", "execute_sql", &params(sql, format))
}

/// The params of `execute_sql`, without braces and with a comma behind.
pub fn params(sql: &str, format: &str) -> String {
    let arguments = format!(r#""arguments":{{"query":"{sql}","format":"{format}"}}"#);
    format!(r#""name":"execute_sql",{arguments},"#)
}

pub fn message(method: &str, name: &str, params: &str) -> Vec<u8> {
    let body = json(method, params);
    let name = if name.is_empty() { String::new() } else { format!("Mcp-Name: {name}\r\n") };
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: \
         application/json\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: \
         {method}\r\n{name}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Sends a request and reads its answer. Returns the length of the body.
pub async fn exchange(
    tcp: &mut (impl AsyncRead + AsyncWrite + Unpin),
    request: &[u8],
    buf: &mut Vec<u8>,
) -> usize {
    tcp.write_all(request).await.expect("write");
    let Response { head, length, .. } = response(tcp, buf, false).await.expect("an answer");
    let head = &buf[..head];
    assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(head));
    length
}

/// One request after the other on each of so many connections.
pub async fn load(address: SocketAddr, connections: usize, request: &[u8], seconds: f64) -> Load {
    let started = Instant::now();
    let until = started + Duration::from_secs_f64(seconds);
    let tasks: Vec<_> = (0..connections)
        .map(|_| {
            let request = request.to_owned();
            tokio::spawn(async move {
                let mut tcp = TcpStream::connect(address).await.expect("connect");
                tcp.set_nodelay(true).expect("nodelay");
                let (mut took, mut buf) = (Vec::new(), Vec::new());
                let mut began = Instant::now();
                while began < until {
                    exchange(&mut tcp, &request, &mut buf).await;
                    let ended = Instant::now();
                    took.push((ended - began).as_micros() as u32);
                    began = ended;
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for t in tasks {
        took.append(&mut t.await.expect("task"));
    }
    Load { seconds: started.elapsed().as_secs_f64(), took }
}
