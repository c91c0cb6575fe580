//! A server under test as a process.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mssql_mcp_sandbox::{DATABASE, PASSWORD, USER};

/// A process, which ends with this, and where it listens.
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

/// What stands for this server's whole configuration: plain TDS, because the driver's own loop has
/// no TLS compiled in.
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

/// A port that nobody has.
pub fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("port")
}

/// Starts a server, and waits until it listens or has ended.
pub fn listening(command: &mut Command, address: SocketAddr) -> Server {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut server = Server(quiet.spawn().expect("spawn"), address);
    // Half a minute: some have an interpreter to start.
    for _ in 0..3000 {
        if TcpStream::connect(address).is_ok() || matches!(server.0.try_wait(), Ok(Some(_))) {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    server
}
