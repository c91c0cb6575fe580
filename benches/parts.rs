//! The parts that every call passes, one by one.

use std::convert::Infallible;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mssql_mcp::audit::log::SERVER;
use mssql_mcp::audit::{Audit, AuditLayer};
use mssql_mcp::config::Config;
use mssql_mcp::database::rows::Bounds;
use mssql_mcp::facts::CallFacts;
use mssql_mcp::limits::Quotas;
use mssql_mcp::observe::Calls;
use mssql_mcp::prepare::PrepareLayer;
use mssql_mcp::principal::Principal;
use mssql_mcp::server::Server;
use mssql_mcp::tasks::TasksLayer;
use mssql_mcp::tools::confirm::Confirm;
use mssql_mcp::tools::{Registry, Surroundings};
use mssql_mcp_middleware::rate_limit::RateLimitLayer;
use mssql_mcp_sql::policy::{Policy, judge};
use mssql_mcp_transports::bare_context;
use mssql_mcp_transports::encode::ServerInfo;
use mssql_mcp_transports::{
    Id, McpRequest, McpService, Outcome, ProtocolVersion, Reply, Tickets, ToolReply, jsonrpc,
    sessions, streamable,
};
use tower::{Layer, Service, ServiceExt};

const TYPICAL: &str = "SELECT c.Name, COUNT(*) AS n, SUM(o.Quantity) AS q \
    FROM sales.Orders AS o JOIN sales.Customers AS c ON c.CustomerId = o.AccountId \
    WHERE o.PlacedAt >= @from AND o.Status IN ('Open', 'Filled') \
    GROUP BY c.Name HAVING COUNT(*) > 5 ORDER BY n DESC OFFSET 0 ROWS FETCH NEXT 50 ROWS ONLY";

fn verdicts(c: &mut Criterion) {
    let policy = Policy::default();
    let mut g = c.benchmark_group("verdict");
    g.bench_function("typical query", |b| b.iter(|| judge(black_box(TYPICAL), &policy)));
    let long = format!("SELECT {} 1", "a.b + 'text' + ".repeat(70_000));
    g.throughput(Throughput::Bytes(long.len() as u64));
    g.sample_size(20);
    g.bench_function("1 MB query", |b| b.iter(|| judge(black_box(&long), &policy)));
    g.finish();
}

fn envelope(c: &mut Criterion) {
    let message = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"execute_sql","arguments":{{"query":"{TYPICAL}"}},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{{}}}}}}}}"#
    );
    c.bench_function("parse a tools/call envelope", |b| {
        b.iter(|| jsonrpc::parse(black_box(message.as_bytes())))
    });
}

/// What a message costs between HTTP and the center, each way: with a session, and without.
fn adapters(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let _inside = runtime.enter();
    let leaf = tower::service_fn(|r: McpRequest| async move {
        Ok::<_, Infallible>(match &*r.method {
            "server/discover" => Outcome::Complete(Reply::Json(serde_json::Map::new())),
            _ => Outcome::Complete(ToolReply::text("ok").into()),
        })
    });
    let hour = Duration::from_secs(3600);
    let bounds = sessions::Bounds { most: 8, of_owner: 8, idle: hour };
    let options = streamable::Options {
        silence: Duration::from_secs(2),
        keep_alive: Duration::from_secs(15),
        sessions: Arc::new(sessions::Sessions::new(bounds, Tickets::new(b"a key", hour), None)),
        owner_of: Arc::new(|_| String::new()),
        challenge: Arc::new(|_| Arc::new(|_| None)),
        closing: Default::default(),
        shutdown: Default::default(),
        info: ServerInfo {
            name: "mssql-mcp",
            title: "Microsoft SQL Server",
            version: "0.0.0".into(),
            about: Default::default(),
        },
        changes: Default::default(),
        resume: Some(Duration::from_secs(60)),
    };
    let service = streamable::service(McpService::new(leaf), options);
    let post = |headers: &[(&str, &str)], body: &'static str| {
        let mut request = http::Request::post("/mcp")
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        for (key, value) in headers {
            request = request.header(*key, *value);
        }
        request.body(http_body_util::Full::new(bytes::Bytes::from_static(body.as_bytes())))
    };
    let asked = |request| async {
        let answer = service.clone().call(request).await.expect("infallible");
        assert_eq!(answer.status(), 200);
        answer
    };
    let hello = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"b","version":"1"}}}"#;
    let opened = runtime.block_on(asked(post(&[], hello).expect("a request")));
    let id = opened.headers()["mcp-session-id"].to_str().expect("text").to_owned();
    let in_session =
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{}}}"#;
    let stateless = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    let modern =
        [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "t")];
    let mut g = c.benchmark_group("adapter and envelope");
    let named = [("mcp-session-id", &*id)];
    for (what, headers, body) in
        [("in a session", &named[..], in_session), ("stateless", &modern[..], stateless)]
    {
        g.bench_function(what, |b| {
            b.iter_batched(
                || post(headers, body).expect("a request"),
                |request| runtime.block_on(asked(request)),
                criterion::BatchSize::SmallInput,
            )
        });
    }
    g.finish();
}

fn request(extensions: http::Extensions) -> McpRequest {
    McpRequest {
        id: Some(Id::Number(1)),
        method: "tools/list".into(),
        target: None,
        params: None,
        context: bare_context(
            "bench",
            ProtocolVersion::V2026_07_28,
            extensions,
            mssql_mcp_transports::Cancel::default(),
        ),
    }
}

/// tools/list through the bare center and through all its layers.
fn stack(c: &mut Criterion) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let inputs = mssql_mcp::config::Inputs {
        fixed: vec![("database.host", "127.0.0.1".into())],
        ..Default::default()
    };
    let config = Config::load(&inputs).expect("config");
    let db = mssql_mcp::database::Database::new(
        mssql_mcp::database::Settings::from_config(&config).expect("settings"),
    );
    let bounds = Bounds { max_rows: 1000, max_chars: 100_000, max_cell: 20_000, csv: false };
    let registry =
        || Registry::new(Surroundings::new(db.clone(), bounds), Confirm::new(&config), None);
    let mut extensions = http::Extensions::new();
    extensions.insert(mssql_mcp::principal::Principal::local());
    let mut bare = Server::new(registry());
    let audit =
        AuditLayer::new(Audit::default(), "", &Surroundings::new(db.clone(), bounds).sources);
    let quotas = Arc::new(Quotas::new(&config));
    let center = Server::new(registry());
    let full = mssql_mcp::stack::mcp(
        center.clone(),
        center.registries(),
        Calls::new(registry().names()),
        audit,
        quotas,
        Duration::from_secs(45),
        TasksLayer::off(),
    );
    let mut g = c.benchmark_group("tools/list");
    g.bench_function("bare service", |b| {
        b.iter(|| runtime.block_on(bare.call(request(extensions.clone()))))
    });
    g.bench_function("all layers", |b| {
        b.iter(|| runtime.block_on(full.clone().oneshot(request(extensions.clone()))))
    });
    g.finish();
}

/// What limits and audit add to one `execute_sql` of a signed-in person, over a service
/// that answers at once.
fn recorded(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("runtime");
    let dir = std::env::temp_dir().join(format!("mssql-mcp-bench-audit-{}", std::process::id()));
    let params = serde_json::json!({ "name": "execute_sql", "arguments": { "query": TYPICAL } });
    let call = || {
        let mut extensions = http::Extensions::new();
        let scopes = vec!["mssql:read".to_owned()];
        let caller = Principal {
            subject: "ada".into(),
            scopes,
            client: Some("dcr_x".into()),
            ..Principal::default()
        };
        Arc::new(caller).into_extensions(&mut extensions);
        extensions.insert(Arc::new(CallFacts::default()));
        let mut r = request(extensions);
        r.method = "tools/call".into();
        r.target = Some("execute_sql".into());
        r.params = serde_json::value::to_raw_value(&params).ok();
        r
    };
    let leaf = || {
        tower::service_fn(|_: McpRequest| async {
            Ok::<_, Infallible>(Outcome::Complete(ToolReply::text("ok").into()))
        })
    };
    let config = |policy: &str| {
        let fixed = vec![
            ("database.host", "127.0.0.1".to_owned()),
            ("audit.dir", dir.join(policy).display().to_string()),
            ("audit.policy", policy.to_owned()),
            ("limits.calls", "1000000".to_owned()),
        ];
        Config::load(&mssql_mcp::config::Inputs { fixed, ..Default::default() }).expect("config")
    };
    let db = |c: &Config| {
        mssql_mcp::database::Database::new(
            mssql_mcp::database::Settings::from_config(c).expect("settings"),
        )
    };
    let mut g = c.benchmark_group("tools/call");
    g.bench_function("bare service", |b| b.iter(|| runtime.block_on(leaf().oneshot(call()))));
    let quotas = Arc::new(Quotas::new(&config("wait")));
    let limits = RateLimitLayer::new(move |r: &McpRequest| quotas.admit(r));
    g.bench_function("with limits", |b| {
        b.iter(|| runtime.block_on(limits.layer(leaf()).oneshot(call())))
    });
    for policy in ["drop", "fail-closed"] {
        let config = config(policy);
        let _entered = runtime.enter();
        let log = Audit::open(&config, SERVER).expect("audit");
        let database = db(&config);
        let bounds = Bounds { max_rows: 1000, max_chars: 100_000, max_cell: 20_000, csv: false };
        let surroundings = Surroundings::new(database, bounds);
        let audit = AuditLayer::new(log.clone(), "", &surroundings.sources);
        let registry = Registry::new(surroundings, Confirm::new(&config), None);
        let prepare = PrepareLayer(Arc::new(registry.into()));
        // In bursts that fit into the queue, so that what is measured is a call that is recorded,
        // not one that is dropped.
        let paced = |b: &mut criterion::Bencher<'_>, f: &dyn Fn()| {
            b.iter_custom(|n| {
                let mut taken = Duration::ZERO;
                for from in (0..n).step_by(1000) {
                    let started = Instant::now();
                    (from..n.min(from + 1000)).for_each(|_| f());
                    taken += started.elapsed();
                    std::thread::park_timeout(Duration::from_millis(40));
                }
                taken
            });
        };
        g.bench_function(format!("with audit, {policy}"), |b| {
            paced(b, &|| drop(runtime.block_on(prepare.layer(audit.layer(leaf())).oneshot(call()))))
        });
        g.bench_function(format!("with limits and audit, {policy}"), |b| {
            paced(b, &|| {
                drop(
                    runtime
                        .block_on(prepare.layer(audit.layer(limits.layer(leaf()))).oneshot(call())),
                )
            })
        });
        println!("{policy}: {} records dropped", log.dropped());
    }
    g.finish();
    let _ = std::fs::remove_dir_all(dir);
}

/// The bearer check of a token that was seen within the last second, and of one that the
/// store is asked for.
fn bearer(c: &mut Criterion) {
    use mssql_mcp::oauth::grants::Grants;
    use mssql_mcp::oauth::people::People;
    use mssql_mcp::oauth::store::{Memory, Records};
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let records = Records::new(Memory::default());
    let hour = Duration::from_secs(3600);
    let grants = Grants::new(records.clone(), People::new(records), hour, hour);
    let token = runtime
        .block_on(grants.api_token("bench", vec!["mssql:read".into()], "", None))
        .expect("token");
    let header = format!("Bearer {token}");
    let mut g = c.benchmark_group("bearer");
    g.bench_function("known token", |b| {
        b.iter(|| {
            let t = mssql_mcp_middleware::bearer::token(Some(black_box(&header)))
                .expect("a token")
                .expect("one");
            match grants.known(t, "") {
                Some(p) => p,
                // A second has passed.
                None => runtime.block_on(grants.introspect(t, "")).expect("store").expect("known"),
            }
        })
    });
    g.bench_function("looked up in memory", |b| {
        b.iter(|| runtime.block_on(grants.introspect(black_box(&token), "")))
    });
    g.finish();
}

criterion_group!(benches, verdicts, envelope, stack, recorded, bearer, adapters);
criterion_main!(benches);
