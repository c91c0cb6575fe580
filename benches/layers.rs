//! What telemetry, and the whole stack, add to one `tools/call`: over a service that answers at
//! once, so that nothing else is measured.
//!
//! Telemetry belongs to a process, so each line is a process of its own: this program again, with
//! the name of the line. Log lines are written, to /dev/null. Calls come in bursts of 100, back to
//! back, with pauses outside of the measured time: some 12,000 calls a second, which is above what
//! the whole server reaches. (In bursts of 1,000 the threads that write records and exports out
//! want more than the second of two cores has, and what is measured is the scheduler.)

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mssql_mcp::audit::log::SERVER;
use mssql_mcp::audit::{Audit, AuditLayer};
use mssql_mcp::config::{Config, Inputs};
use mssql_mcp::database::rows::Bounds;
use mssql_mcp::database::{Database, Settings};
use mssql_mcp::limits::Quotas;
use mssql_mcp::observe::Calls;
use mssql_mcp::principal::Principal;
use mssql_mcp::tasks::TasksLayer;
use mssql_mcp::telemetry;
use mssql_mcp::tools::confirm::Confirm;
use mssql_mcp::tools::{Registry, Surroundings};
use mssql_mcp_middleware::observe::ObserveLayer;
use mssql_mcp_transports::bare_context;
use mssql_mcp_transports::{
    Cancel, Id, McpRequest, McpService, Outcome, ProtocolVersion, ToolReply,
};
use tower::util::BoxCloneSyncService;
use tower::{Layer, ServiceExt};

const BURST: usize = 100;
const BURSTS: usize = 400;
const RUNS: usize = 5;

/// Name, what is in it, and the share of traces that is sampled.
const LINES: [(&str, &str); 9] = [
    ("bare", "the service alone"),
    ("facts", "with room for the facts of a call, and boxed as the stack is"),
    ("log", "telemetry without collector or scraper: the log line and the trace id"),
    ("metrics", "the same, and metrics for Prometheus"),
    ("otlp-10", "telemetry to a collector over OTLP/HTTP, one trace in ten sampled"),
    ("otlp-100", "the same, every trace sampled"),
    ("stack", "the whole stack: telemetry (one in ten), audit, limits, deadline, panics"),
    ("stack-100", "the same, every trace sampled"),
    ("stack-down", "the whole stack (one in ten), the collector down"),
];

fn leaf() -> McpService {
    BoxCloneSyncService::new(tower::service_fn(|_: McpRequest| async {
        Ok::<_, Infallible>(Outcome::Complete(ToolReply::text("ok").into()))
    }))
}

fn request() -> McpRequest {
    let mut extensions = http::Extensions::new();
    let scopes = vec!["mssql:read".to_owned()];
    let caller = Principal {
        subject: "ada".into(),
        scopes,
        client: Some("dcr_x".into()),
        ..Principal::default()
    };
    std::sync::Arc::new(caller).into_extensions(&mut extensions);
    let params = r#"{"name":"execute_sql","arguments":{"query":"SELECT TOP (10) o.OrderId, c.Name FROM sales.Orders AS o JOIN sales.Customers AS c ON c.CustomerId = o.AccountId WHERE o.Status = 'Open'"}}"#;
    McpRequest {
        id: Some(Id::Number(1)),
        method: "tools/call".into(),
        target: Some("execute_sql".into()),
        params: serde_json::value::RawValue::from_string(params.to_owned()).ok(),
        context: bare_context("http", ProtocolVersion::V2026_07_28, extensions, Cancel::default()),
    }
}

/// A collector that takes everything, and costs as little as one on another machine would.
fn collector() -> String {
    let tcp = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = tcp.local_addr().expect("address");
    std::thread::spawn(move || {
        for io in tcp.incoming().flatten() {
            let mut io = BufReader::with_capacity(64 << 10, io);
            let (mut line, mut length) = (String::new(), 0);
            while io.read_line(&mut line).is_ok_and(|n| n > 2) {
                let (name, value) = line.split_once(':').unwrap_or_default();
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().unwrap_or(0);
                }
                line.clear();
            }
            let _ = std::io::copy(&mut io.by_ref().take(length), &mut std::io::sink());
            let _ = io
                .get_mut()
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    format!("http://{address}")
}

/// Nanoseconds of one call.
async fn line(name: &str) -> f64 {
    let dir = std::env::temp_dir().join(format!("mssql-mcp-bench-layers-{}", std::process::id()));
    let mut fixed =
        vec![("database.host", "127.0.0.1".to_owned()), ("limits.calls", "1000000".to_owned())];
    if name.starts_with("stack") {
        fixed.push(("audit.dir", dir.display().to_string()));
        fixed.push(("audit.policy", "drop".to_owned()));
    }
    if name == "metrics" {
        fixed.push(("admin.listen", "127.0.0.1:0".to_owned()));
    }
    if name == "stack-down" {
        fixed.push(("telemetry.endpoint", "http://127.0.0.1:9".to_owned()));
    } else if name.starts_with("otlp") || name.starts_with("stack") {
        fixed.push(("telemetry.endpoint", collector()));
    }
    let config = Config::load(&Inputs { fixed, ..Inputs::default() }).expect("config");
    if !matches!(name, "bare" | "facts") {
        telemetry::start(&config, Vec::new()).expect("telemetry");
    }
    let calls = || Calls::new(vec!["execute_sql"]);
    let facts = |inner: McpService| {
        let with = tower::util::MapRequestLayer::new(|mut r: McpRequest| {
            r.context.extensions.insert(Arc::new(mssql_mcp::facts::CallFacts::default()));
            r
        });
        BoxCloneSyncService::new(with.layer(inner))
    };
    let mut dropped: Box<dyn Fn() -> u64> = Box::new(|| 0);
    let service: McpService = match name {
        "bare" => leaf(),
        "facts" => facts(leaf()),
        _ if name.starts_with("stack") => {
            let log = Audit::open(&config, SERVER).expect("audit");
            let database = Database::new(Settings::from_config(&config).expect("settings"));
            let bounds =
                Bounds { max_rows: 1000, max_chars: 100_000, max_cell: 20_000, csv: false };
            let surroundings = Surroundings::new(database, bounds);
            let audit = AuditLayer::new(log.clone(), "", &surroundings.sources);
            let registry = Registry::new(surroundings, Confirm::new(&config), None);
            let tools = Arc::new(registry.into());
            dropped = Box::new(move || log.dropped());
            let quotas = Arc::new(Quotas::new(&config));
            let (limit, tasks) = (Duration::from_secs(45), TasksLayer::off());
            mssql_mcp::stack::mcp(leaf(), tools, calls(), audit, quotas, limit, tasks)
        }
        _ => facts(BoxCloneSyncService::new(ObserveLayer::new(calls()).layer(leaf()))),
    };
    let mut taken = Duration::ZERO;
    for burst in 0..=BURSTS {
        let requests: Vec<McpRequest> = (0..BURST).map(|_| request()).collect();
        let started = Instant::now();
        for r in requests {
            let answered = service.clone().oneshot(r).await;
            assert!(matches!(answered, Ok(Outcome::Complete(_))));
        }
        // The first one warms up.
        if burst > 0 {
            taken += started.elapsed();
        }
        tokio::time::sleep(Duration::from_millis(8)).await;
    }
    let _ = std::fs::remove_dir_all(dir);
    assert_eq!(dropped(), 0, "records were dropped, and so not measured");
    taken.as_nanos() as f64 / (BURST * BURSTS) as f64
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let Some(name) = args.get(1).filter(|a| LINES.iter().any(|(n, _)| n == a)) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("runtime");
        println!("{:.0}", runtime.block_on(Box::pin(line(name))));
        return;
    }
    let me = std::env::current_exe().expect("path");
    let mut bare = 0.0;
    for (name, what) in LINES {
        let ratio = if name.ends_with("100") { "1" } else { "0.1" };
        let mut all: Vec<f64> = (0..RUNS)
            .map(|_| {
                let mut c = Command::new(&me);
                c.arg(name).stderr(Stdio::null());
                c.env("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
                    .env("OTEL_TRACES_SAMPLER_ARG", ratio);
                let out = c.output().expect("run");
                String::from_utf8_lossy(&out.stdout).trim().parse().expect("a figure")
            })
            .collect();
        all.sort_by(f64::total_cmp);
        let median = all[RUNS / 2] / 1000.0;
        if name == "bare" {
            bare = median;
        }
        println!("{name:<11} {median:>6.2} µs ({:+.2})  {what}", median - bare);
    }
}
