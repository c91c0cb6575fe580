//! Two builds by turns: the server on one core, its callers and its database on the other.

use std::process::{Command, Stdio};

use crate::http::{call, load_on};
use crate::process::{median, on_core, processor};
use crate::server::{binary, serve_on};
use crate::{TEN, two};

const PAIRS: usize = 5;
/// Enough of them that the server's core does not wait for calls, and no more than one caller may
/// have at once.
const CONNECTIONS: usize = 16;

/// Calls in a second, microseconds of processor time for each of what is on the first core, and of
/// this process, which has the callers and the database.
type Figures = [f64; 3];

/// `execute_sql` with 10 rows by this build and by another one, and the driver's loop.
pub async fn compare(port: u16, before: &str) {
    let me = std::process::id();
    let _ = Command::new("taskset")
        .args(["-a", "-c", "-p", "1", &me.to_string()])
        .stdout(Stdio::null())
        .status();
    let builds = [before.to_owned(), binary()];
    let mut figures: [Vec<Figures>; 3] = [const { Vec::new() }; 3];
    for _ in 0..PAIRS {
        for (build, figures) in builds.iter().zip(&mut figures) {
            let server = serve_on(0, build, port);
            // It has its connections, and its allocator what it keeps.
            load_on(CONNECTIONS, &server, call(TEN)).await;
            let used = processor(me);
            let (rate, each) = load_on(CONNECTIONS, &server, call(TEN)).await;
            let seconds = crate::SECONDS as f64;
            figures.push([rate, each, (processor(me) - used) * 1e6 / (rate * seconds)]);
        }
        let exe = std::env::current_exe().expect("exe");
        let used = processor(me);
        let mut raw = on_core(0, exe.to_str().expect("path"));
        let out = tokio::task::spawn_blocking(move || {
            raw.args(["raw-load", &port.to_string()]).output().expect("run")
        });
        let (rate, each) = two(String::from_utf8_lossy(&out.await.expect("run").stdout).trim());
        let rest = (processor(me) - used) * 1e6 / (rate * crate::SECONDS as f64);
        figures[2].push([rate, each, rest]);
    }
    let of = |runs: &[Figures]| [0, 1, 2].map(|n| median(runs.iter().map(|r| r[n]).collect()));
    let [before, after, raw] = figures.map(|runs| of(&runs));
    println!("== execute_sql, 10 rows: two builds by turns, {PAIRS} pairs, medians");
    println!("{:<22}{:>10}{:>16}{:>22}", "", "calls/s", "µs of its own", "µs of all around it");
    for (name, [rate, own, rest]) in
        [("the build before", before), ("this build", after), ("raw tiberius loop", raw)]
    {
        println!("{name:<22}{rate:>10.0}{own:>16.1}{rest:>22.1}");
    }
    println!(
        "calls {:.2} x (aim 1.3), processor time {:.2} x (aim 0.7)",
        after[0] / before[0],
        after[1] / before[1]
    );
}
