//! Two builds of the server by turns, and the driver's own loop in the same run.
//!
//! `make bench-beside` prints the table of `benches/README.md`. The server that is measured, or the
//! driver's loop in its place, has one core; what asks it and the scripted endpoint that it asks have
//! the other, each in a process of its own. Loops are bounded and talk to 127.0.0.1 only.

use std::io::Read;
use std::process::{Command, Stdio};

use mssql_mcp_sandbox::Options;

use self::apart::start_endpoint;
use self::endpoint::{ONE, TEN};
use self::http::{Load, call, message};
use self::median::median;
use self::pinned::on_core;
use self::process::{memory, processor};
use self::server::{Server, binary};

#[path = "shared/apart.rs"]
mod apart;
#[path = "shared/driver.rs"]
mod driver;
#[path = "shared/endpoint.rs"]
mod endpoint;
#[path = "shared/http.rs"]
mod http;
#[path = "beside/long.rs"]
mod long;
#[path = "shared/median.rs"]
mod median;
#[path = "shared/message.rs"]
mod message;
#[path = "shared/pinned.rs"]
mod pinned;
#[path = "shared/process.rs"]
mod process;
#[path = "beside/raw.rs"]
mod raw;
#[path = "shared/response.rs"]
mod response;
#[path = "shared/serve.rs"]
mod serve;
#[path = "shared/server.rs"]
mod server;
#[path = "beside/sessions.rs"]
mod sessions;
#[path = "beside/stdio.rs"]
mod stdio;

const PAIRS: usize = 5;
const SECONDS: f64 = 3.0;
/// The core of what is measured, and that of all around it.
const MEASURED: u8 = 0;
const AROUND: u8 = 1;

/// A line of the table: what it is called, its unit, and for each of before, after and raw a
/// median.
struct Line {
    name: String,
    figures: [Vec<f64>; 3],
}

impl Line {
    fn print(self) {
        let [before, after, raw] = self.figures.map(median);
        let ratio = after / before;
        print!("{:<52}{before:>10.1}{after:>10.1}{ratio:>8.2}", self.name);
        match raw.is_nan() {
            true => println!(),
            false => println!("{raw:>10.1}{:>8.2}", after / raw),
        }
    }
}

fn lines(names: &[&str]) -> Vec<Line> {
    let line = |n: &&str| Line { name: (*n).to_owned(), figures: Default::default() };
    names.iter().map(line).collect()
}

/// Puts a run's figures into their lines.
fn note(lines: &mut [Line], whose: usize, figures: &[f64]) {
    for (line, figure) in lines.iter_mut().zip(figures) {
        line.figures[whose].push(*figure);
    }
}

/// Calls over HTTP: in a second, then microseconds of the server's, the endpoint's and this
/// process's processor time for each, then p50 and p99 in milliseconds, and the server's resident
/// MB.
async fn over_http(server: &Server, endpoint: u32, connections: usize, request: &[u8]) -> [f64; 7] {
    let me = std::process::id();
    // It has its connections, and its allocator what it keeps.
    http::load(server.1, connections, request, SECONDS / 3.0).await;
    let all = [server.0.id(), endpoint, me];
    let before = all.map(processor);
    let Load { seconds, mut took } = http::load(server.1, connections, request, SECONDS).await;
    let calls = took.len() as f64;
    let of = |n: usize| (processor(all[n]) - before[n]) * 1e6 / calls;
    took.sort_unstable();
    let at = |part: f64| f64::from(took[(took.len() as f64 * part) as usize]) / 1e3;
    [calls / seconds, of(0), of(1), of(2), at(0.5), at(0.99), memory(all[0], "VmRSS")]
}

const OF_HTTP: [&str; 7] = [
    "calls/s",
    "  µs of the server's processor time",
    "  µs of the endpoint's",
    "  µs of the callers'",
    "  p50, ms",
    "  p99, ms",
    "  the server's resident MB",
];

async fn http_calls(builds: &[String; 2], port: u16, endpoint: u32, only: &str) {
    let asked: [(&str, usize, Vec<u8>, Option<&str>); 5] = [
        ("execute_sql, 10 rows, 8 connections", 8, call(TEN, "json"), Some(TEN)),
        ("execute_sql, 1 row, 8 connections", 8, call(ONE, "json"), Some(ONE)),
        ("tools/list, 8 connections", 8, message("tools/list", "", ""), None),
        ("execute_sql, 10 rows, 64 connections", 64, call(TEN, "json"), None),
        ("execute_sql, 10 rows, 512 connections", 512, call(TEN, "json"), None),
    ];
    for (title, connections, request, raw) in asked {
        if !title.contains(only) {
            continue;
        }
        let mut table = lines(&OF_HTTP);
        for _ in 0..PAIRS {
            for (whose, build) in builds.iter().enumerate() {
                let server = serve::start(on_core(MEASURED, build), port, &[]);
                let figures = over_http(&server, endpoint, connections, &request).await;
                note(&mut table, whose, &figures);
            }
            if let Some(sql) = raw {
                note(&mut table, 2, &raw::beside(port, endpoint, sql).await);
            }
        }
        println!("== {title}");
        table.into_iter().for_each(Line::print);
    }
}

/// A part of this program in a process of its own.
fn part(command: impl FnOnce(&str) -> Command, name: &str, port: u16, more: &str) -> Command {
    let exe = std::env::current_exe().expect("exe");
    let mut command = command(exe.to_str().expect("path"));
    command.args([name, &port.to_string(), more]);
    command
}

/// Comparisons of two builds; `only` names one by a part of its title.
async fn compare(builds: [String; 2], only: &str) {
    println!("{:<52}{:>10}{:>10}{:>8}{:>10}{:>8}", "", "before", "after", "ratio", "raw", "of raw");
    if "stdio".contains(only) {
        // Where the system puts them, as on a desktop: one caller's calls are waited for, not counted.
        let (mut endpoint, port) = start_endpoint(part(|exe| Command::new(exe), "endpoint", 0, ""));
        stdio::compare(&builds, port, endpoint.id()).await;
        drop(endpoint.stdin.take());
        let _ = endpoint.wait();
    }
    let me = std::process::id();
    let _ = Command::new("taskset")
        .args(["-a", "-c", "-p", &AROUND.to_string(), &me.to_string()])
        .stdout(Stdio::null())
        .status();
    let (mut endpoint, port) = start_endpoint(part(|exe| on_core(AROUND, exe), "endpoint", 0, ""));
    http_calls(&builds, port, endpoint.id(), only).await;
    if "sessions".contains(only) {
        sessions::compare(&builds, port).await;
    }
    if "200,000 rows".contains(only) {
        long::compare(&builds, port).await;
    }
    drop(endpoint.stdin.take());
    let _ = endpoint.wait();
}

fn main() {
    let args: Vec<String> = std::env::args().filter(|a| a != "--bench").collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("runtime");
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "endpoint", ..] => runtime.block_on(async {
            let sandbox = endpoint::start(Options::default()).await;
            println!("{}", sandbox.address().port());
            // Until its parent closes its input.
            let ended = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
            let _ = ended.await;
        }),
        [_, "raw", port, sql] => runtime.block_on(raw::part(port.parse().expect("port"), sql)),
        [_, "raw-one", port, _] => runtime.block_on(raw::one_part(port.parse().expect("port"))),
        [_, before] => runtime.block_on(compare([(*before).to_owned(), binary()], "")),
        [_, before, only] => runtime.block_on(compare([(*before).to_owned(), binary()], only)),
        _ => eprintln!("make bench-beside builds the other one and names it"),
    }
}
