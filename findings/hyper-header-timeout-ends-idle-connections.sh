#!/usr/bin/env bash
# hyper 1.12.0 (server, HTTP/1): header_read_timeout counts from the end of the last answer, so that it also ends connections that are merely idle.
#
# Its documentation speaks of a client that does not transmit the entire header in time. A proxy that keeps connections to its upstream for longer than that
# (nginx: keepalive_timeout of an upstream block, 60 s unless set) sends requests into connections that are just being closed, and a POST is not sent twice.
# Seen: one second for a header, a connection that was answered once and then said nothing was closed after about 1 s
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/src"
cat > "$dir/Cargo.toml" <<'TOML'
[package]
name = "seen"
version = "0.1.0"
edition = "2021"

[dependencies]
http-body-util = "=0.1.3"
hyper = { version = "=1.12.0", features = ["http1", "server"] }
hyper-util = { version = "=0.1.21", features = ["tokio"] }
tokio = { version = "1", features = ["rt", "net", "io-util", "time", "macros"] }
TOML
cat > "$dir/src/main.rs" <<'RUST'
use std::convert::Infallible;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("address");
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.expect("accept");
        let answer = service_fn(|_| async {
            Ok::<_, Infallible>(hyper::Response::new(http_body_util::Full::new(hyper::body::Bytes::from_static(b"here"))))
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(1)).keep_alive(true);
        let _ = builder.serve_connection(TokioIo::new(tcp), answer).await;
    });
    let mut tcp = TcpStream::connect(address).await.expect("connect");
    tcp.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("write");
    let mut answer = [0; 1024];
    let n = tcp.read(&mut answer).await.expect("read");
    assert!(answer[..n].ends_with(b"here"));
    let began = Instant::now();
    let n = tokio::time::timeout(Duration::from_secs(10), tcp.read(&mut answer)).await;
    match n {
        Ok(Ok(0)) => println!("closed {}", began.elapsed().as_secs()),
        other => println!("open {other:?}"),
    }
}
RUST
seen=$(cd "$dir" && cargo run --quiet)
echo "seen: $seen"
[ "$seen" = "closed 1" ]
