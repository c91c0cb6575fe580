//! Calls over stdio, one at a time, and what a desktop client's process costs.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use crate::endpoint::TEN;
use crate::http::params;
use crate::message::json;
use crate::server::configure;
use crate::{Line, PAIRS, lines, median, memory, note, processor, raw};

const CALLS: usize = 5000;
const STARTS: usize = 21;

struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    answer: String,
}

impl Process {
    fn start(build: &str, port: u16) -> Self {
        let mut command = Command::new(build);
        configure(&mut command, port);
        let mut child = command
            .args(["stdio", "--log-level", "off"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("spawn");
        let input = child.stdin.take().expect("stdin");
        let output = BufReader::new(child.stdout.take().expect("stdout"));
        Self { child, input, output, answer: String::new() }
    }

    fn ask(&mut self, line: &str) -> &str {
        self.input.write_all(line.as_bytes()).expect("write");
        self.answer.clear();
        self.output.read_line(&mut self.answer).expect("read");
        &self.answer
    }

    fn end(mut self) {
        drop(self.input);
        self.child.wait().expect("wait");
    }
}

/// Microseconds of a call at the median and at p99, of the server's and of the endpoint's processor
/// time; resident MB then.
fn calls(build: &str, port: u16, endpoint: u32) -> [f64; 5] {
    let line = json("tools/call", &params(TEN, "json")) + "\n";
    let mut server = Process::start(build, port);
    for _ in 0..CALLS / 10 {
        assert!(server.ask(&line).contains("number 000009"));
    }
    let all = [server.child.id(), endpoint];
    let used = all.map(processor);
    let mut took: Vec<f64> = Vec::new();
    for _ in 0..CALLS {
        let began = Instant::now();
        server.ask(&line);
        took.push(began.elapsed().as_secs_f64() * 1e6);
    }
    took.sort_by(f64::total_cmp);
    let of = |n: usize| (processor(all[n]) - used[n]) * 1e6 / CALLS as f64;
    let resident = memory(all[0], "VmRSS");
    let figures = [took[CALLS / 2], took[CALLS * 99 / 100], of(0), of(1), resident];
    server.end();
    figures
}

/// Milliseconds from the start to the first answer, and resident MB then.
fn cold(build: &str, port: u16) -> [f64; 2] {
    let line = json("tools/list", "") + "\n";
    let (mut times, mut resident) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let began = Instant::now();
        let mut server = Process::start(build, port);
        assert!(server.ask(&line).contains("list_tables"));
        times.push(began.elapsed().as_secs_f64() * 1e3);
        resident.push(memory(server.child.id(), "VmRSS"));
        server.end();
    }
    [median(times), median(resident)]
}

pub async fn compare(builds: &[String; 2], port: u16, endpoint: u32) {
    let mut table = lines(&[
        "a call, µs at the median",
        "  at p99",
        "  µs of the server's processor time",
        "  µs of the endpoint's",
        "  resident afterwards, MB",
        "start to the first tools/list, ms",
        "  resident then, MB",
    ]);
    for _ in 0..PAIRS {
        for (whose, build) in builds.iter().enumerate() {
            note(&mut table, whose, &calls(build, port, endpoint));
            note(&mut table[5..], whose, &cold(build, port));
        }
        note(&mut table, 2, &raw::one_at_a_time(port).await);
    }
    println!("== stdio: execute_sql, 10 rows, one at a time");
    table.into_iter().for_each(Line::print);
}
