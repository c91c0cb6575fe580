//! This server over HTTP, as the loops have it.

use std::process::Command;

use crate::server::{Server, configure, free, listening};

/// Over this endpoint, and as many connections to it as there are callers.
pub fn start(mut command: Command, port: u16, more: &[&str]) -> Server {
    let address = free();
    configure(&mut command, port);
    command
        .args(["serve", "--listen", &address.to_string(), "--log-level", "off"])
        .args(["--pool-max-size", "8", "--pool-max-waiting", "1000"])
        .args(more);
    listening(&mut command, address)
}
