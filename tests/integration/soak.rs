//! The whole server as a process of its own, under mixed calls, while everything around it fails:
//! and then the books are compared. What the clients saw, what the audit log has, what the metrics
//! say, what the log lines say and what the collector took must be the same, exactly.
//!
//! `make test` runs it for a few seconds; `make soak` for ten minutes, which also shows
//! that memory stays flat.

mod books;
pub mod clients;
mod faults;

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mssql_mcp_sandbox::{DATABASE, Options, PASSWORD, Sandbox, USER};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use self::books::{Seen, Series, World, files, kinds, recorded, scrape, total};
use self::clients::worker;
use self::faults::{Around, Collector, TAKES, Wire, faults, settings};
use super::support::{PATIENCE, binary, command, free, signal, until};

const WORKERS: u64 = 12;
/// Below this, memory is printed but says nothing yet.
const LONG: Duration = Duration::from_secs(300);

#[tokio::test(flavor = "multi_thread")]
async fn everything_adds_up_after_a_hard_day() {
    let long = std::env::var("SOAK_SECONDS")
        .ok()
        .map(|s| s.parse().expect("SOAK_SECONDS: a number of seconds"));
    let long = Duration::from_secs(long.unwrap_or(8));
    let dir = std::env::temp_dir().join(format!("mssql-mcp-soak-{}", std::process::id()));
    std::fs::create_dir_all(dir.join("audit")).expect("folder");
    let path = |name: &str| dir.join(name).display().to_string();

    let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
    std::fs::write(dir.join("ca.pem"), sandbox.certificate()).expect("certificate");
    let (wire, database) = Wire::start(sandbox.address()).await;
    let (collector, otlp) = Collector::start().await;
    let config = dir.join("mssql-mcp.toml");
    std::fs::write(&config, settings(500, "")).expect("config");
    let store = format!("sqlite:{}", path("store.db"));
    let token = async |name: &str| {
        let out = command(&[
            "token",
            "create",
            name,
            "--scopes",
            "mssql:read,mssql:write",
            "--auth-store",
            &store,
        ]);
        let out = { out }.output().await.expect("token");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    };
    let (token, limited) = (token("soak").await, token("limited").await);
    let (address, admin) = (free(), free());
    let text = format!(
        "database.host 127.0.0.1\ndatabase.port {}\ndatabase.user {USER}\ndatabase.name \
         {DATABASE}\ndatabase.ca_file {}\npool.max_size 4\npool.connect_timeout 2s\n\
         access.level read-write\naccess.allow WAITFOR\naccess.confirm_writes never\nauth.mode \
         builtin\nauth.store {store}\n\
         audit.dir {}\naudit.text full\naudit.rotate_size 4000000\nhttp.listen \
         {address}\nhttp.silence 200ms\nhttp.keep_alive 300ms\nhttp.write_timeout 1s\n\
         http.session_idle 10s\nadmin.listen {admin}\ntelemetry.endpoint http://{otlp}",
        database.port(),
        path("ca.pem"),
        path("audit")
    );
    let mut c = command(&["serve", "--config", &config.display().to_string()]);
    for line in text.lines() {
        let (k, v) = line.trim().split_once(' ').expect("a setting");
        c.env(format!("MSSQL_MCP_{}", k.replace('.', "_").to_uppercase()), v);
    }
    c.env("MSSQL_MCP_DATABASE_PASSWORD", PASSWORD);
    c.envs([
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.1"),
    ]);
    // So that what hangs is given up in time, and the queues are small enough to overflow.
    c.envs([
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1000"),
        ("OTEL_BLRP_MAX_QUEUE_SIZE", "512"),
        ("OTEL_BLRP_SCHEDULE_DELAY", "500"),
    ]);
    c.envs([("OTEL_BSP_SCHEDULE_DELAY", "500"), ("OTEL_METRIC_EXPORT_INTERVAL", "1000")]);
    let mut child = c.stdout(Stdio::null()).spawn().expect("spawn");
    let server = child.id().expect("pid");
    let stderr = BufReader::new(child.stderr.take().expect("stderr"));
    let secrets = [token.clone(), limited.clone(), PASSWORD.to_owned()];
    let log = tokio::spawn(async move {
        let (mut calls, mut last, mut lines) =
            (0u64, std::collections::VecDeque::new(), stderr.lines());
        while let Ok(Some(line)) = lines.next_line().await {
            calls += u64::from(line.contains(" mssql_mcp::call: "));
            assert!(!secrets.iter().any(|s| line.contains(s)), "a secret in the log");
            last.push_back(line);
            if last.len() > 20 {
                last.pop_front();
            }
        }
        (calls, last)
    });
    until("it listens", async || TcpStream::connect(address).await.is_ok()).await;
    until("the admin listens", async || TcpStream::connect(admin).await.is_ok()).await;

    let world = World {
        books: Arc::default(),
        next: Arc::new(AtomicU64::new(1)),
        address,
        token,
        limited,
        stop: CancellationToken::new(),
    };
    let around = Arc::new(Around { sandbox, wire, collector, server, admin, config });
    let started = Instant::now();
    let workers: Vec<_> =
        (0..WORKERS).map(|n| tokio::spawn(worker(world.clone(), n + 1))).collect();
    // In peace no connection is thrown away, whatever callers do: who leaves, runs out of time or
    // runs a procedure has his request cancelled and his session reset.
    tokio::time::sleep(long / 6).await;
    let thrown_away = total(&scrape(admin).await, "mssql_mcp_pool_discarded_total", &[]);
    assert_eq!(thrown_away, 0, "connections that were closed before their time");
    let faulty = tokio::spawn(faults(world.clone(), around.clone()));
    let mut memory = Vec::new();
    while started.elapsed() < long {
        tokio::time::sleep(Duration::from_secs(1)).await;
        memory.push(resident(server));
        // As Prometheus does.
        assert!(!scrape(admin).await.is_empty());
        assert!(
            !workers.iter().any(tokio::task::JoinHandle::is_finished) && !faulty.is_finished(),
            "it ended early"
        );
    }
    world.stop.cancel();
    for w in workers {
        w.await.expect("a worker");
    }
    faulty.await.expect("the faults");

    // Everything comes to rest.
    around.collector.mode.store(TAKES, Ordering::Relaxed);
    around.sandbox.faults(|f| *f = mssql_mcp_sandbox::Faults::default());
    for gauge in ["mssql_mcp_calls_running", "mssql_mcp_sse_streams", "mssql_mcp_audit_queue"] {
        until(gauge, async || total(&scrape(admin).await, gauge, &[]) == 0).await;
    }
    until("left sessions end", async || {
        total(&scrape(admin).await, "mssql_mcp_sessions", &[]) == 0
    })
    .await;
    let exported = |all: &[Series], name: &str, signal: &str, taken: &AtomicU64| {
        let left = total(all, name, &[("error_type", "")]);
        let failed =
            total(all, "mssql_mcp_telemetry_failed_total", &[("mssql_mcp_signal", signal)]);
        (left, failed, taken.load(Ordering::Relaxed))
    };
    let logs = |all: &[Series]| {
        exported(all, "otel_sdk_processor_log_processed_total", "logs", &around.collector.logs)
    };
    let spans = |all: &[Series]| {
        exported(all, "otel_sdk_processor_span_processed_total", "traces", &around.collector.spans)
    };
    let lost = |all: &[Series], of: &str| total(all, of, &[("error_type", "queue_full")]);
    until("the queues of telemetry are empty", async || {
        let all = scrape(admin).await;
        let (left, failed, taken) = logs(&all);
        let created = total(&all, "otel_sdk_log_created_total", &[]);
        let (s, f, t) = spans(&all);
        created == left + lost(&all, "otel_sdk_processor_log_processed_total")
            && left == failed + taken
            && s == f + t
    })
    .await;
    let all = scrape(admin).await;
    // Before the end, which has a last word of its own.
    let (log_left, log_failed, log_taken) = logs(&all);
    let (_, span_failed, span_taken) = spans(&all);
    signal("-TERM", server);
    assert!(
        tokio::time::timeout(PATIENCE, child.wait())
            .await
            .expect("in time")
            .expect("exit")
            .success()
    );
    let (lines, last) = log.await.expect("log");

    // 1. The audit log is whole, and has each call once, as its client saw it.
    let mut verify = Command::new(binary());
    verify.args(["audit", "verify"]).args(files(&dir.join("audit")));
    let verified = verify.output().await.expect("verify");
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
    let (calls, records) = recorded(&dir.join("audit"));
    let books = std::mem::take(&mut *world.books.lock().expect("books"));
    let mut marked = books.marked.clone();
    let mut expected = books.kinds.clone();
    let (mut rows, mut truncated, mut left) = (0, 0, BTreeMap::<String, u64>::new());
    for c in &calls {
        let outcome = c.outcome.clone().unwrap_or_else(|| panic!("a call without end: {c:?}"));
        rows += c.rows;
        truncated += u64::from(c.truncated);
        let Some(n) = c.mark else { continue };
        match marked.remove(&n).unwrap_or_else(|| panic!("recorded twice, or never made: {c:?}")) {
            Seen::Answered { outcome: o, rows: r, truncated: t } => {
                assert_eq!(
                    (o, r, t),
                    (outcome, c.rows, c.truncated),
                    "call {n}, as its client saw it and as it is recorded"
                );
            }
            Seen::Left => {
                *left.entry(outcome.clone()).or_default() += 1;
                // From here on it is known how it ended.
                let kind =
                    |o: &str| ("tools/call".to_owned(), "execute_sql".to_owned(), o.to_owned());
                *expected.get_mut(&kind("left")).expect("somebody left") -= 1;
                *expected.entry(kind(&outcome)).or_default() += 1;
            }
        }
    }
    assert!(marked.is_empty(), "no record of {marked:?}");
    expected.retain(|_, n| *n > 0);

    // 2. The metrics are what the clients counted.
    assert_eq!(kinds(&all), expected, "metrics, and what the clients saw");
    let recorded_calls: BTreeMap<(String, String), u64> =
        calls.iter().fold(BTreeMap::new(), |mut m, c| {
            let tool =
                if c.tool.starts_with("tool_") { "unknown".to_owned() } else { c.tool.clone() };
            *m.entry((tool, c.outcome.clone().unwrap_or_default())).or_default() += 1;
            m
        });
    let counted: BTreeMap<(String, String), u64> = expected
        .iter()
        .filter(|(k, _)| k.0 == "tools/call")
        .map(|(k, n)| ((k.1.clone(), k.2.clone()), *n))
        .collect();
    assert_eq!(recorded_calls, counted, "records, and what the clients saw");
    let of = |outcome: &str| {
        expected.iter().filter(|(k, _)| k.2 == outcome).map(|(_, n)| n).sum::<u64>()
    };
    let calls_in_all: u64 = expected.values().sum();
    assert!(total(&all, "mssql_mcp_pool_discarded_total", &[]) > 0, "connections were cut");
    assert_eq!(total(&all, "mssql_mcp_rows_total", &[]), rows, "rows");
    assert_eq!(total(&all, "mssql_mcp_truncations_total", &[]), truncated, "truncations");
    for reason in ["access_denied", "forbidden_sql", "transaction_control", "unclear_sql"] {
        assert!(of(reason) > 0, "{reason} never came");
        assert_eq!(
            total(&all, "mssql_mcp_guard_refusals_total", &[("mssql_mcp_reason", reason)]),
            of(reason),
            "{reason}"
        );
    }
    for reason in ["rate_limited", "too_many_at_once", "overloaded"] {
        assert_eq!(
            total(&all, "mssql_mcp_rate_limited_total", &[("mssql_mcp_reason", reason)]),
            of(reason),
            "{reason}"
        );
    }
    for (reason, n) in &books.refused {
        assert_eq!(
            total(&all, "mssql_mcp_tokens_refused_total", &[("mssql_mcp_reason", reason)]),
            *n,
            "{reason}"
        );
    }
    for (result, n) in &books.reloads {
        assert_eq!(
            total(&all, "mssql_mcp_reloads_total", &[("mssql_mcp_result", result)]),
            *n,
            "{result}"
        );
    }
    assert_eq!(
        total(&all, "http_server_request_duration_seconds_count", &[]),
        books.requests,
        "HTTP requests"
    );
    // 3. So are the log lines, the records written, and what the collector took or
    //    was counted as lost.
    assert_eq!(lines, calls_in_all, "log lines: the last of them {last:#?}");
    let written = total(&all, "mssql_mcp_audit_records_total", &[]);
    // The last checkpoint comes with the end.
    assert!((written..=written + 1).contains(&records), "{written} counted, {records} there");
    assert_eq!(total(&all, "mssql_mcp_audit_dropped_total", &[]), 0);

    println!(
        "soak: {} s, {} calls over MCP in {} HTTP requests, {records} audit records",
        long.as_secs(),
        calls_in_all,
        books.requests
    );
    println!("  faults: {:?}", books.faults);
    let ends = expected.iter().fold(BTreeMap::<&str, u64>::new(), |mut m, (k, n)| {
        *m.entry(&k.2).or_default() += n;
        m
    });
    println!("  outcomes: {ends:?}; of those whose client left: {left:?}");
    println!(
        "  rows {rows}, truncated {truncated}, reloads {:?}, tokens refused {:?}",
        books.reloads, books.refused
    );
    println!(
        "  OTLP log records: {log_left} left the queue ({log_taken} taken, {log_failed} counted \
         as failed), {} found no room; spans: {span_taken} taken, {span_failed} failed, {} found \
         no room",
        lost(&all, "otel_sdk_processor_log_processed_total"),
        lost(&all, "otel_sdk_processor_span_processed_total")
    );
    let fifths: Vec<u64> =
        (0..5).map(|n| median(&memory[memory.len() * n / 5..memory.len() * (n + 1) / 5])).collect();
    println!(
        "  resident memory, median of each fifth of the time, in KiB: {fifths:?}; most {}",
        memory.iter().max().unwrap_or(&0)
    );
    if long >= LONG {
        // The first fifth warms up: pools, caches, the allocator.
        assert!(fifths[4] <= fifths[1] + fifths[1] / 20, "memory grows: {fifths:?} KiB");
    }
    std::fs::remove_dir_all(dir).expect("clean");
}

fn median(all: &[u64]) -> u64 {
    let mut all = all.to_vec();
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or(0)
}

/// Resident memory of a process, in KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
