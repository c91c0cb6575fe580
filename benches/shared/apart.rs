//! The endpoint in a process of its own, which lives until its input is closed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Starts it, and reads the port that it prints.
pub fn start_endpoint(mut command: Command) -> (Child, u16) {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the endpoint");
    let mut line = String::new();
    let output = child.stdout.take().expect("stdout");
    BufReader::new(output).read_line(&mut line).expect("a port");
    (child, line.trim().parse().expect("a port"))
}
