//! The server under test as a process.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mssql_mcp_sandbox::{DATABASE, PASSWORD, USER};

use crate::process::on_core;

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

pub fn serve(port: u16, more: &[&str]) -> Server {
    start(Command::new(binary()), port, 8, more)
}

/// A build on one core alone, where `taskset` is there to see to it.
pub fn serve_on(core: u8, build: &str, port: u16) -> Server {
    start(on_core(core, build), port, 16, &[])
}

fn start(mut command: Command, port: u16, pool: usize, more: &[&str]) -> Server {
    let probe =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("port");
    let child = command
        .args([
            "serve",
            "--listen",
            &probe.to_string(),
            "--log-level",
            "off",
            "--pool-max-size",
            &pool.to_string(),
        ])
        .args(more)
        .envs([
            ("MSSQL_HOST", "127.0.0.1"),
            ("MSSQL_USER", USER),
            ("MSSQL_PASSWORD", PASSWORD),
            ("MSSQL_DATABASE", DATABASE),
            ("TrustServerCertificate", "yes"),
        ])
        .env("MSSQL_PORT", port.to_string())
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
