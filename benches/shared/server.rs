//! The server under test as a process.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mssql_mcp_sandbox::{DATABASE, PASSWORD, USER};

/// The server under test.
pub struct Server(pub Child, pub SocketAddr);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The server that is measured: this build, or another one by the same loops.
pub fn binary() -> String {
    let built = || env!("CARGO_BIN_EXE_mssql-mcp").to_owned();
    std::env::var("BENCH_SERVER").unwrap_or_else(|_| built())
}

/// What stands for a server's whole configuration: plain TDS, because the driver's own loop has no
/// TLS compiled in.
pub fn configure(command: &mut Command, port: u16) {
    command
        .envs([
            ("MSSQL_HOST", "127.0.0.1"),
            ("MSSQL_USER", USER),
            ("MSSQL_PASSWORD", PASSWORD),
            ("MSSQL_DATABASE", DATABASE),
            ("MSSQL_ENCRYPT", "off"),
        ])
        .env("MSSQL_PORT", port.to_string());
}

/// A server over this endpoint, and as many connections to it as there are callers.
pub fn start(mut command: Command, port: u16, more: &[&str]) -> Server {
    let probe =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("port");
    configure(&mut command, port);
    let child = command
        .args(["serve", "--listen", &probe.to_string(), "--log-level", "off"])
        .args(["--pool-max-size", "8"])
        .args(more)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("spawn");
    for _ in 0..500 {
        if std::net::TcpStream::connect(probe).is_ok() {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    Server(child, probe)
}
