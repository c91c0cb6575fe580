//! The session beside the driver's own: the same requests to the same scripted endpoint, by turns.
//!
//! `cargo bench --bench session` prints the figures of `benches/README.md`. Endpoint and client are
//! processes of their own, each on a core of its own, and talk over 127.0.0.1 without TLS: the driver
//! has none compiled in.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mssql_mcp::config::{Config, Inputs};
use mssql_mcp::database::rows::Bounds;
use mssql_mcp::database::run::{Batch, Mode};
use mssql_mcp::database::{Database, Limits, Settings, ourselves};
use mssql_mcp_sandbox::{DATABASE, Options, PASSWORD, USER};
use mssql_mcp_session::{
    AuthMethod, Csv, Event, Json, LoginConfig, Rpc, Session, Sink, Target, Tls, Trust,
};
use tokio::io::AsyncReadExt;

use self::apart::start_endpoint;
use self::endpoint::{MANY, MANY_ROWS, TEN};
use self::median::median;
use self::pinned::on_core;
use self::process::{memory, processor};

#[path = "shared/apart.rs"]
mod apart;
#[path = "shared/driver.rs"]
mod driver;
#[path = "shared/endpoint.rs"]
mod endpoint;
#[path = "shared/median.rs"]
mod median;
#[path = "shared/pinned.rs"]
mod pinned;
#[path = "shared/process.rs"]
mod process;

const PAIRS: usize = 5;
const CONNECTIONS: usize = 8;
/// On each connection.
const CALLS: u32 = 12_000;
const MANY_TIMES: u32 = 12;
const LOGINS: u32 = 3000;
/// Bytes of an answer that are kept before they are handed on.
const SEGMENT: usize = 64 << 10;

/// What is measured: the driver's loop, the loops that are held against it, and the most that they
/// may take of its time and of its processor time.
type Comparison = (&'static str, &'static str, &'static [(&'static str, Option<f64>, Option<f64>)]);

const COMPARISONS: [Comparison; 3] = [
    (
        "10 rows of 8 columns, 8 connections, µs a call",
        "driver-ten",
        &[("session-ten", None, Some(0.35)), ("database-ten", None, None)],
    ),
    (
        "200,000 rows of 8 columns, ms",
        "driver-many",
        &[
            ("session-many", Some(0.6), None),
            ("session-many-csv", Some(0.6), None),
            ("database-many", Some(0.6), None),
            ("database-many-csv", Some(0.6), None),
        ],
    ),
    (
        "connect and login without TLS, µs",
        "driver-login",
        &[("session-login", Some(1.2), None), ("session-login-tls", None, None)],
    ),
];

/// Prints its port, and lives until its parent closes its input.
async fn answer_calls() {
    let sandbox = endpoint::start(Options::default()).await;
    println!("{}", sandbox.address().port());
    let _ = tokio::io::stdin().read_u8().await;
}

async fn session(port: u16, tls: Tls) -> Session {
    let mut login = LoginConfig::new();
    login.database(DATABASE);
    login.authentication(AuthMethod::sql_server(USER, PASSWORD));
    let target = Target::new("127.0.0.1", port, tls, login);
    Box::pin(Session::connect(&target)).await.expect("login")
}

/// Where rows are written, and taken from.
trait Written: Sink {
    fn taken(&mut self, at_least: usize);
}

impl Written for Json {
    fn taken(&mut self, at_least: usize) {
        if self.out().len() >= at_least {
            std::hint::black_box(self.take(Vec::with_capacity(SEGMENT + 4096)));
        }
    }
}

impl Written for Csv {
    fn taken(&mut self, at_least: usize) {
        if self.out().len() >= at_least {
            std::hint::black_box(self.take(Vec::with_capacity(SEGMENT + 4096)));
        }
    }
}

/// Rows that were written.
async fn ask(session: &mut Session, sql: &str, mut sink: impl Written) -> usize {
    let mut answer = session.call(&Rpc::execute_sql(sql, "")).await.expect("sent");
    let mut n = 0;
    while let Some(event) = answer.next(&mut sink).await.expect("an answer") {
        if event == Event::Row {
            n += 1;
            sink.taken(SEGMENT);
        }
    }
    sink.taken(0);
    n
}

fn database(port: u16) -> Database {
    let fixed = vec![
        ("database.host", "127.0.0.1".to_owned()),
        ("database.port", port.to_string()),
        ("database.user", USER.to_owned()),
        ("database.password", PASSWORD.to_owned()),
        ("database.name", DATABASE.to_owned()),
        ("database.encrypt", "off".to_owned()),
    ];
    let config = Config::load(&Inputs { fixed, ..Inputs::default() }).expect("config");
    Database::new(Settings::from_config(&config).expect("settings"))
}

/// As a call does it, but for HTTP: from the pool, in the guard's wrapper, under limits.
async fn read(db: &Database, sql: &str, csv: bool) -> usize {
    let limits = Limits {
        bounds: Bounds { max_rows: 1 << 40, max_chars: 1 << 40, max_cell: 20_000, csv },
        page: None,
        deadline: Some(Instant::now() + Duration::from_secs(45)),
        cancel: tokio_util::sync::CancellationToken::new(),
        trace: None,
        caller: ourselves(),
        notifier: Default::default(),
        seen: Default::default(),
        overflow: None,
    };
    let answer = Box::pin(db.run(Batch::from(sql), Mode::Read, &limits)).await.expect("rows");
    std::hint::black_box(answer).rows as usize
}

/// Calls on all connections at once.
async fn calls(part: &str, port: u16, each: u32) {
    let db = database(port);
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (db, part) = (db.clone(), part.to_owned());
            tokio::spawn(async move {
                match part.as_str() {
                    "driver-ten" => {
                        let mut client = Box::pin(driver::connect(port)).await;
                        for _ in 0..each {
                            assert_eq!(driver::ask(&mut client, TEN).await, 10);
                        }
                    }
                    "session-ten" => {
                        let mut session = Box::pin(session(port, Tls::off())).await;
                        for _ in 0..each {
                            assert_eq!(ask(&mut session, TEN, Json::new()).await, 10);
                        }
                    }
                    _ => {
                        for _ in 0..each {
                            assert_eq!(read(&db, TEN, false).await, 10);
                        }
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
}

/// The long answer, one after the other on one connection.
async fn many(part: &str, port: u16, times: u32) {
    let (db, csv) = (database(port), part.ends_with("csv"));
    let mut client = Box::pin(driver::connect(port)).await;
    let mut session = Box::pin(session(port, Tls::off())).await;
    for _ in 0..times {
        let n = match part.split('-').next() {
            Some("driver") => driver::ask(&mut client, MANY).await,
            Some("session") if csv => ask(&mut session, MANY, Csv::new()).await,
            Some("session") => ask(&mut session, MANY, Json::new()).await,
            _ => read(&db, MANY, csv).await,
        };
        assert_eq!(n, MANY_ROWS);
    }
}

async fn logins(part: &str, port: u16, times: u32) {
    let tls = match part {
        "session-login-tls" => Tls::new(mssql_mcp_session::Encrypt::On, &Trust::Anyone, None),
        _ => Ok(Tls::off()),
    };
    let tls = tls.expect("TLS");
    for _ in 0..times {
        match part {
            "driver-login" => drop(Box::pin(driver::connect(port)).await),
            _ => drop(Box::pin(session(port, tls.clone())).await),
        }
    }
}

/// One loop in a process of its own: prints seconds and seconds of processor time, each of one
/// call, and the peak of memory in MB.
async fn part(part: &str, port: u16) {
    let run = async |n: u32| match part.rsplit('-').find(|w| !["csv", "tls"].contains(w)) {
        Some("ten") => calls(part, port, n).await,
        Some("many") => many(part, port, n).await,
        _ => logins(part, port, n).await,
    };
    let (times, each) = match part.rsplit('-').find(|w| !["csv", "tls"].contains(w)) {
        Some("ten") => (CALLS, CONNECTIONS as u32),
        Some("many") => (MANY_TIMES, 1),
        _ => (LOGINS, 1),
    };
    run(times.div_ceil(20)).await;
    let me = std::process::id();
    let (started, used) = (Instant::now(), processor(me));
    run(times).await;
    let of_one = f64::from(times * each);
    println!(
        "{} {} {}",
        started.elapsed().as_secs_f64() / of_one,
        (processor(me) - used) / of_one,
        memory(me, "VmHWM")
    );
}

/// This executable on one core, as a part of the whole.
fn myself(core: u8, part: &str, port: u16) -> Command {
    let exe = std::env::current_exe().expect("exe");
    let mut command = on_core(core, exe.to_str().expect("path"));
    command.args([part, &port.to_string()]);
    command
}

fn measured(part: &str, port: u16) -> [f64; 3] {
    let out = myself(1, part, port).stderr(Stdio::inherit()).output().expect("run");
    let text = String::from_utf8_lossy(&out.stdout);
    let mut all = text.split_whitespace().map(|n| n.parse().unwrap_or(f64::NAN));
    [(); 3].map(|()| all.next().unwrap_or(f64::NAN))
}

fn compare(only: Option<&str>) {
    let (mut endpoint, port) = start_endpoint(myself(0, "endpoint", 0));
    for (title, base, others) in COMPARISONS {
        if only.is_some_and(|o| !base.ends_with(o)) {
            continue;
        }
        let unit = if base == "driver-many" { 1e3 } else { 1e6 };
        let names: Vec<&str> = std::iter::once(base).chain(others.iter().map(|o| o.0)).collect();
        let mut figures = vec![Vec::new(); names.len()];
        for _ in 0..PAIRS {
            for (name, figures) in names.iter().zip(&mut figures) {
                figures.push(measured(name, port));
            }
        }
        let medians: Vec<[f64; 3]> = figures
            .iter()
            .map(|runs| [0, 1, 2].map(|n| median(runs.iter().map(|r| r[n]).collect())))
            .collect();
        println!("== {title}; medians of {PAIRS}");
        println!("{:<20}{:>9}{:>11}{:>9}", "", "time", "processor", "peak MB");
        for (n, name) in names.iter().enumerate() {
            let [time, processor, peak] = medians[n];
            print!("{name:<20}{:>9.1}{:>11.1}{peak:>9.1}", time * unit, processor * unit);
            if let Some((_, of_time, of_processor)) = n.checked_sub(1).map(|n| others[n]) {
                let (t, p) = (time / medians[0][0], processor / medians[0][1]);
                let aim = |a: Option<f64>| a.map(|a| format!(" (aim {a})")).unwrap_or_default();
                print!("   {t:.2} of its time{}, ", aim(of_time));
                print!("{p:.2} of its processor time{}", aim(of_processor));
            }
            println!();
        }
    }
    drop(endpoint.stdin.take());
    let _ = endpoint.wait();
}

fn main() {
    let args: Vec<String> = std::env::args().filter(|a| a != "--bench").collect();
    let threads = |n: usize| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(n).enable_all().build()
    };
    match args.as_slice() {
        [_, which, port] => {
            let runtime = threads(1).expect("runtime");
            match (which.as_str(), port.parse()) {
                ("endpoint", _) => runtime.block_on(answer_calls()),
                (which, Ok(port)) => runtime.block_on(part(which, port)),
                _ => {}
            }
        }
        [_, only] => compare(Some(only)),
        _ => compare(None),
    }
}
