//! Other MCP servers for SQL Server beside this one, by the same loops over the same scripted
//! answers, in one run.
//!
//! `make bench-peers` installs them in a folder of their own (`peers/install.sh`), names it in
//! `PEERS`, and removes it afterwards. Without that this prints where to begin. Every loop is
//! bounded and talks to 127.0.0.1 only.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mssql_mcp_sandbox::token::Column;
use mssql_mcp_sandbox::types::{Type, Value};
use mssql_mcp_sandbox::{Options, Sandbox, Script};
use tokio::signal::unix::SignalKind;

use self::client::{Caller, Http, Piped, Raw, What};
use self::median::median;
use self::peer::{Era, Peer};
use self::process::{memory, processor};
use self::table::{Figures, Line};

#[path = "peers/client.rs"]
mod client;
#[path = "shared/driver.rs"]
mod driver;
#[path = "shared/endpoint.rs"]
mod endpoint;
#[path = "shared/median.rs"]
mod median;
#[path = "peers/peer.rs"]
mod peer;
#[path = "shared/process.rs"]
mod process;
#[path = "shared/response.rs"]
mod response;
#[path = "shared/server.rs"]
mod server;
#[path = "peers/table.rs"]
mod table;

const CONNECTIONS: usize = 8;
/// Of each loop, and of what goes before it, so that compilers at run time have compiled.
const SECONDS: f64 = 5.0;
const WARM_UP: f64 = 3.0;
/// By turns, so that what else the machine does meets all alike.
const ROUNDS: usize = 3;
const STARTS: usize = 11;
/// One at a time, at most so many and so long.
const ALONE: usize = 3000;

const LOADS: [Line; 10] = [
    Line::List,
    Line::ListBytes,
    Line::One,
    Line::Ten,
    Line::TenP50,
    Line::TenP99,
    Line::TenProcessor,
    Line::Requests,
    Line::Logins,
    Line::Afterwards,
];

/// Seconds of each call, in order of length, of all callers at once for so long.
async fn load<C: Caller>(callers: &mut Vec<C>, what: What, secs: f64) -> Result<Vec<f64>, String> {
    let until = Instant::now() + Duration::from_secs_f64(secs);
    let tasks: Vec<_> = callers
        .drain(..)
        .map(|mut caller| {
            tokio::spawn(async move {
                let mut took = Vec::new();
                while Instant::now() < until {
                    let started = Instant::now();
                    caller.call(what).await?;
                    took.push(started.elapsed().as_secs_f64());
                }
                Ok::<_, String>((caller, took))
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        let (caller, took) = task.await.map_err(|e| e.to_string())??;
        callers.push(caller);
        all.extend(took);
    }
    all.sort_by(f64::total_cmp);
    Ok(all)
}

/// That of so many parts of a hundred.
fn percentile(sorted: &[f64], of_hundred: usize) -> f64 {
    sorted.get(sorted.len() * of_hundred / 100).copied().unwrap_or(f64::NAN)
}

/// Ten rows by all callers: calls per second, p50 and p99 in milliseconds, microseconds of
/// processor time for each.
async fn ten<C: Caller>(callers: &mut Vec<C>, pid: u32) -> Result<[f64; 4], String> {
    let used = processor(pid);
    let took = load(callers, What::Ten, SECONDS).await?;
    let each = (processor(pid) - used) * 1e6 / took.len() as f64;
    let [p50, p99] = [50, 99].map(|p| percentile(&took, p) * 1e3);
    Ok([took.len() as f64 / SECONDS, p50, p99, each])
}

async fn start(peer: &Arc<Peer>, figures: &mut Figures) -> Result<(), String> {
    let started = Instant::now();
    let mut piped = Piped::open(peer.clone()).await?;
    piped.call(What::List).await?;
    figures.add(Line::Start, started.elapsed().as_secs_f64() * 1e3);
    figures.add(Line::Resident, memory(piped.pid(), "VmRSS"));
    piped.end().await;
    Ok(())
}

/// Over HTTP, on all connections at once.
async fn loads(peer: &Arc<Peer>, sandbox: &Sandbox, figures: &mut Figures) -> Result<(), String> {
    let (mut command, address) = peer.over_http(false)?;
    let server = server::listening(&mut command, address);
    let mut callers = Vec::new();
    for _ in 0..CONNECTIONS {
        callers.push(Http::open(peer.clone(), server.1).await?);
    }
    load(&mut callers, What::Ten, WARM_UP).await?;
    for (what, line) in [(What::List, Line::List), (What::One, Line::One)] {
        let took = load(&mut callers, what, SECONDS).await?;
        figures.add(line, took.len() as f64 / SECONDS);
        if what == What::List {
            figures.add(Line::ListBytes, callers[0].body().len() as f64);
        }
    }
    let [requests, logins] = [sandbox.requests(), sandbox.connections()];
    let [rate, p50, p99, each] = ten(&mut callers, server.0.id()).await?;
    let a_call = |n: u64| n as f64 / (rate * SECONDS);
    figures.add(Line::Requests, a_call(sandbox.requests() - requests));
    figures.add(Line::Logins, a_call(sandbox.connections() - logins));
    figures.add(Line::Ten, rate);
    figures.add(Line::TenP50, p50);
    figures.add(Line::TenP99, p99);
    figures.add(Line::TenProcessor, each);
    figures.add(Line::Afterwards, memory(server.0.id(), "VmRSS"));
    Ok(())
}

/// The median of calls that wait for each other, in milliseconds.
async fn one_by_one(caller: &mut impl Caller) -> Result<f64, String> {
    let mut took = Vec::new();
    for (warm_up, seconds) in [(true, WARM_UP), (false, SECONDS)] {
        let until = Instant::now() + Duration::from_secs_f64(seconds);
        while Instant::now() < until && took.len() < ALONE {
            let started = Instant::now();
            caller.call(What::Ten).await?;
            if !warm_up {
                took.push(started.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    Ok(median(took))
}

/// Over stdio; also the text of its answer with one row.
async fn alone(peer: &Arc<Peer>, figures: &mut Figures) -> Result<String, String> {
    let mut piped = Piped::open(peer.clone()).await?;
    figures.add(Line::Alone, one_by_one(&mut piped).await?);
    piped.call(What::One).await?;
    let answer: serde_json::Value = serde_json::from_slice(piped.answer()).unwrap_or_default();
    piped.end().await;
    let text = answer["result"]["content"][0]["text"].as_str().unwrap_or_default();
    // On one line, and without what only moves it to the right.
    Ok(text.lines().map(str::trim).collect::<Vec<_>>().join(" "))
}

/// The long answer over HTTP, once.
async fn many(peer: &Arc<Peer>, figures: &mut Figures) -> Result<(), String> {
    let (mut command, address) = peer.over_http(true)?;
    let server = server::listening(&mut command, address);
    let mut http = Http::open(peer.clone(), server.1).await?;
    http.call(What::Ten).await?;
    let started = Instant::now();
    http.ask(What::Many).await?;
    let seconds = started.elapsed().as_secs_f64();
    http.check(What::Many)?;
    figures.add(Line::Many, seconds);
    figures.add(Line::ManyBytes, http.body().len() as f64 / 1e6);
    figures.add(Line::ManyPeak, memory(server.0.id(), "VmHWM"));
    Ok(())
}

/// The driver's loop, in a process of its own: `peers raw PORT`.
async fn raw(port: u16) -> Result<(), String> {
    let mut callers = Vec::new();
    for _ in 0..CONNECTIONS {
        callers.push(Raw::open(port).await);
    }
    load(&mut callers, What::Ten, WARM_UP).await?;
    let one = load(&mut callers, What::One, SECONDS).await?.len() as f64 / SECONDS;
    let [rate, p50, p99, each] = ten(&mut callers, std::process::id()).await?;
    let afterwards = memory(std::process::id(), "VmRSS");
    println!("{one} {rate} {p50} {p99} {each} {afterwards}");
    Ok(())
}

/// One at a time, and the long answer: `peers raw-many PORT`.
async fn raw_many(port: u16) -> Result<(), String> {
    let mut caller = Raw::open(port).await;
    let alone = one_by_one(&mut caller).await?;
    let started = Instant::now();
    caller.call(What::Many).await?;
    let seconds = started.elapsed().as_secs_f64();
    println!("{alone} {seconds} {}", memory(std::process::id(), "VmHWM"));
    Ok(())
}

/// Adds what this executable prints when it runs `part` in a process of its own.
async fn apart(part: &str, port: u16, figures: &mut Figures, lines: &[Line]) {
    let exe = std::env::current_exe().expect("exe");
    let mut command = tokio::process::Command::new(exe);
    let out = command.args([part, &port.to_string()]).output().await.expect("run");
    let text = String::from_utf8_lossy(&out.stdout);
    for (line, figure) in lines.iter().zip(text.split_whitespace()) {
        figures.add(*line, figure.parse().unwrap_or(f64::NAN));
    }
}

/// Without TLS; and it has the answer to what DBHub's driver asks before each call, which the
/// sandbox's engine would take longer for than for all the rest.
async fn database() -> Sandbox {
    let sandbox = endpoint::start(Options { tls: false, ..Options::default() }).await;
    let alive = Script::new(&[Column::new("", Type::Int)], &[vec![Value::Int(1)]], 1);
    sandbox.script("SELECT 1;", alive);
    sandbox
}

/// What it was measured on.
fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|l| l.starts_with("model name")).unwrap_or("? : ?");
    let model = model.split_once(": ").map_or("?", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(0, |n| n.get());
    format!("{cores} cores of {model}, {}", chrono::Utc::now().date_naive())
}

async fn measure(dir: &Path) {
    let sandbox = database().await;
    let port = sandbox.address().port();
    let peers: Vec<Arc<Peer>> = Peer::all(dir, port).into_iter().map(Arc::new).collect();
    let mut columns: Vec<Figures> = peers.iter().map(|peer| Figures::new(&peer.name)).collect();
    let mut driver = Figures::new("raw tiberius loop");
    let mut answers = Vec::new();
    for n in 1..=STARTS {
        eprintln!("start {n} of {STARTS}");
        for (peer, figures) in peers.iter().zip(&mut columns) {
            if !figures.has_failed(Line::Start)
                && let Err(why) = start(peer, figures).await
            {
                figures.failed(&[Line::Start, Line::Resident], &why);
            }
        }
    }
    for round in 1..=ROUNDS {
        for (peer, figures) in peers.iter().zip(&mut columns) {
            eprintln!("round {round} of {ROUNDS}: {}", peer.name);
            if !figures.has_failed(Line::Ten)
                && let Err(why) = loads(peer, &sandbox, figures).await
            {
                figures.failed(&LOADS, &why);
            }
            if !figures.has_failed(Line::Alone) {
                match alone(peer, figures).await {
                    Ok(answer) if round == 1 && peer.era == Era::Handshake => {
                        answers.push((&peer.name, answer));
                    }
                    Ok(_) => {}
                    Err(why) => figures.failed(&[Line::Alone], &why),
                }
            }
            if !figures.has_failed(Line::Many)
                && let Err(why) = many(peer, figures).await
            {
                figures.failed(&[Line::Many, Line::ManyBytes, Line::ManyPeak], &why);
            }
        }
        let lines = [Line::One, Line::Ten, Line::TenP50, Line::TenP99, Line::TenProcessor];
        let lines = [&lines[..], &[Line::Afterwards]].concat();
        apart("raw", port, &mut driver, &lines).await;
        let lines = [Line::Alone, Line::Many, Line::ManyPeak];
        apart("raw-many", port, &mut driver, &lines).await;
    }
    columns.push(driver);
    println!();
    table::print(&columns);
    println!(
        "{}; servers, their callers and the endpoint on the same cores. Medians of {STARTS} starts \
         and {ROUNDS} rounds, by turns. Calls per second, p50 and p99: {CONNECTIONS} connections \
         over HTTP, {SECONDS} s after {WARM_UP} s of warm-up.\n",
        machine()
    );
    println!("{}\n", peer::notes(dir));
    println!("What each answers one row with, as text:\n");
    for (name, answer) in answers {
        println!("- {name}: `{answer}`");
    }
}

/// When somebody wants this to end.
async fn told_to_end() {
    let terminate = SignalKind::terminate();
    let mut terminate = tokio::signal::unix::signal(terminate).expect("a signal");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[tokio::main]
async fn main() -> Result<(), String> {
    let args: Vec<String> = std::env::args().collect();
    if let [_, part, port] = &args[..]
        && let Ok(port) = port.parse()
    {
        return if part == "raw" { raw(port).await } else { raw_many(port).await };
    }
    match std::env::var_os("PEERS") {
        // What was started ends with it.
        Some(dir) => tokio::select! {
            () = measure(Path::new(&dir)) => {}
            () = told_to_end() => {}
        },
        None => println!("peers: `make bench-peers` installs them and runs this"),
    }
    Ok(())
}
