//! Telemetry as an operator's tools see it: a real OTLP receiver (tonic services built from
//! opentelemetry-proto, and the same messages over HTTP), a real Prometheus, and collectors
//! that do not behave.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::BodyExt;
use mssql_mcp::telemetry::metrics::{InstrumentKind, METRICS, prometheus_name};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{
    self, LogsService, LogsServiceServer,
};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    self, MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    self, TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Child;
use tonic::codec::CompressionEncoding;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};
use tower::Service;

use super::support::{Answer, command, free, http, modern, signal, until};

/// What came, with the headers that it came with.
#[derive(Debug, Default)]
struct Received {
    traces: Vec<ExportTraceServiceRequest>,
    metrics: Vec<ExportMetricsServiceRequest>,
    logs: Vec<ExportLogsServiceRequest>,
    /// Signal, authorization, compression.
    how: BTreeSet<(&'static str, String, String)>,
}

#[derive(Debug, Clone, Default)]
struct Receiver(Arc<Mutex<Received>>);

impl Receiver {
    fn with<T>(&self, f: impl FnOnce(&mut Received) -> T) -> T {
        f(&mut self.0.lock().expect("received"))
    }

    fn sent(&self, signal: &'static str, authorization: Option<&str>, encoding: Option<&str>) {
        let text = |v: Option<&str>| v.unwrap_or_default().to_owned();
        self.with(|r| r.how.insert((signal, text(authorization), text(encoding))));
    }

    fn spans(&self) -> Vec<Span> {
        self.with(|r| {
            let scopes =
                r.traces.iter().flat_map(|t| &t.resource_spans).flat_map(|r| &r.scope_spans);
            scopes.flat_map(|s| s.spans.clone()).collect()
        })
    }

    fn resource(&self) -> BTreeMap<String, String> {
        self.with(|r| {
            let r = r
                .traces
                .first()
                .and_then(|t| t.resource_spans.first())
                .and_then(|r| r.resource.clone());
            attributes(&r.expect("a resource").attributes)
        })
    }

    /// Over gRPC, with TLS if there is an identity.
    async fn grpc(tls: Option<(String, String)>) -> (Self, SocketAddr) {
        let me = Self::default();
        let tcp = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = tcp.local_addr().expect("address");
        let mut server = Server::builder();
        if let Some((cert, key)) = tls {
            server = server
                .tls_config(ServerTlsConfig::new().identity(Identity::from_pem(cert, key)))
                .expect("tls");
        }
        let traces =
            TraceServiceServer::new(me.clone()).accept_compressed(CompressionEncoding::Gzip);
        let metrics =
            MetricsServiceServer::new(me.clone()).accept_compressed(CompressionEncoding::Gzip);
        let logs = LogsServiceServer::new(me.clone()).accept_compressed(CompressionEncoding::Gzip);
        // tonic's own router is axum, which deny.toml bans.
        let service = tower::service_fn(move |r: ::http::Request<tonic::body::Body>| {
            match r.uri().path().split('/').nth(1) {
                Some(trace_service_server::SERVICE_NAME) => traces.clone().call(r),
                Some(metrics_service_server::SERVICE_NAME) => metrics.clone().call(r),
                Some(logs_service_server::SERVICE_NAME) => logs.clone().call(r),
                other => panic!("{other:?} is none of OTLP's services"),
            }
        });
        let incoming = tonic::transport::server::TcpIncoming::from(tcp);
        tokio::spawn(
            async move { server.serve_with_incoming(service, incoming).await.expect("serve") },
        );
        (me, address)
    }

    /// Over HTTP/protobuf.
    async fn http() -> (Self, SocketAddr) {
        let me = Self::default();
        let tcp = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = tcp.local_addr().expect("address");
        let shared = me.clone();
        tokio::spawn(async move {
            loop {
                let (io, _) = tcp.accept().await.expect("accept");
                let me = shared.clone();
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(move |r| me.clone().post(r));
                    let io = hyper_util::rt::TokioIo::new(io);
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(io, service)
                        .await;
                });
            }
        });
        (me, address)
    }

    async fn post(
        self,
        r: ::http::Request<hyper::body::Incoming>,
    ) -> Result<::http::Response<http_body_util::Full<bytes::Bytes>>, std::convert::Infallible>
    {
        let (parts, body) = r.into_parts();
        let mut body = body.collect().await.expect("body").to_bytes();
        assert_eq!(parts.headers["content-type"], "application/x-protobuf");
        let header = |n: &str| parts.headers.get(n).and_then(|v| v.to_str().ok());
        if header("content-encoding") == Some("gzip") {
            let mut plain = Vec::new();
            std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&body[..]), &mut plain)
                .expect("gzip");
            body = plain.into();
        }
        let signal = match parts.uri.path() {
            "/v1/traces" => "traces",
            "/v1/metrics" => "metrics",
            _ => "logs",
        };
        self.sent(signal, header("authorization"), header("content-encoding"));
        self.with(|all| match parts.uri.path() {
            "/v1/traces" => all.traces.push(Message::decode(body).expect("traces")),
            "/v1/metrics" => all.metrics.push(Message::decode(body).expect("metrics")),
            "/v1/logs" => all.logs.push(Message::decode(body).expect("logs")),
            p => panic!("{p}"),
        });
        Ok(::http::Response::new(http_body_util::Full::default()))
    }
}

fn metadata<'a, T>(r: &'a Request<T>, name: &str) -> Option<&'a str> {
    r.metadata().get(name).and_then(|v| v.to_str().ok())
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        r: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.sent("traces", metadata(&r, "authorization"), metadata(&r, "grpc-encoding"));
        self.with(|all| all.traces.push(r.into_inner()));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Receiver {
    async fn export(
        &self,
        r: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.sent("metrics", metadata(&r, "authorization"), metadata(&r, "grpc-encoding"));
        self.with(|all| all.metrics.push(r.into_inner()));
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Receiver {
    async fn export(
        &self,
        r: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.sent("logs", metadata(&r, "authorization"), metadata(&r, "grpc-encoding"));
        self.with(|all| all.logs.push(r.into_inner()));
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

fn text(v: &AnyValue) -> String {
    match &v.value {
        Some(Any::StringValue(s)) => s.clone(),
        Some(Any::IntValue(i)) => i.to_string(),
        Some(Any::BoolValue(b)) => b.to_string(),
        Some(Any::DoubleValue(d)) => d.to_string(),
        _ => String::new(),
    }
}

fn attributes(all: &[KeyValue]) -> BTreeMap<String, String> {
    all.iter().map(|a| (a.key.clone(), a.value.as_ref().map(text).unwrap_or_default())).collect()
}

fn hex(b: &[u8]) -> String {
    b.iter().map(|b| format!("{b:02x}")).collect()
}

/// The demo as a process of its own, which is where telemetry belongs to.
struct Demo {
    child: Child,
    address: SocketAddr,
    admin: SocketAddr,
    /// Read all the time: a log that nobody reads holds up whoever writes it.
    said: tokio::task::JoinHandle<String>,
}

impl Demo {
    async fn start(env: &[(&str, &str)], more: &[&str]) -> Self {
        let (address, admin) = (free(), free());
        let (listen, admin_text) = (address.to_string(), admin.to_string());
        let args =
            [&["demo", "--listen", &listen, "--admin-listen", &admin_text][..], more].concat();
        let mut c = command(&args);
        c.envs(env.iter().copied()).stdout(std::process::Stdio::null());
        let mut child = c.spawn().expect("spawn");
        let mut stderr = child.stderr.take().expect("stderr");
        let said = tokio::spawn(async move {
            let mut said = String::new();
            stderr.read_to_string(&mut said).await.expect("utf-8");
            said
        });
        until("it listens", async || tokio::net::TcpStream::connect(address).await.is_ok()).await;
        until("the admin listens", async || tokio::net::TcpStream::connect(admin).await.is_ok())
            .await;
        Self { child, address, admin, said }
    }

    async fn call(&self, method: &str, params: Value, headers: &[(&str, &str)]) -> Answer {
        let name = params["name"].as_str().map(str::to_owned);
        let body =
            json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params }).to_string();
        let mut all = vec![
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
            ("MCP-Protocol-Version", "2026-07-28"),
            ("Mcp-Method", method),
        ];
        all.extend(name.as_deref().map(|n| ("Mcp-Name", n)));
        all.extend(headers);
        http(self.address, "POST", "/mcp", &all, body.as_bytes()).await
    }

    async fn sql(&self, query: &str) -> Value {
        let params = modern(json!({ "name": "execute_sql", "arguments": { "query": query } }));
        self.call("tools/call", params, &[]).await.json()["result"].clone()
    }

    async fn metrics(&self) -> String {
        let a = http(self.admin, "GET", "/metrics", &[], b"").await;
        assert_eq!(a.status, 200);
        a.body
    }

    /// SIGTERM, and what was said on stderr.
    async fn stop(mut self) -> String {
        signal("-TERM", self.child.id().expect("pid"));
        let said = self.said.await.expect("what it says");
        assert!(self.child.wait().await.expect("exit").success(), "{said}");
        said
    }
}

const FAST: [(&str, &str); 4] = [
    ("OTEL_METRIC_EXPORT_INTERVAL", "300"),
    ("OTEL_BSP_SCHEDULE_DELAY", "100"),
    ("OTEL_BLRP_SCHEDULE_DELAY", "100"),
    ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,team=a%2Cb%20%3D"),
];

const FROM_META: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const FROM_HEADER: &str = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01";

/// Some of everything, and what each protocol's receiver must have of it.
async fn exercised(demo: &Demo) -> Value {
    let mut params = modern(
        json!({ "name": "execute_sql", "arguments": { "query": "SELECT CONTEXT_INFO() AS c, \
            o.OrderId FROM sales.Orders AS o WHERE o.OrderId = 10248" } }),
    );
    params["_meta"]["traceparent"] = FROM_META.into();
    let told =
        demo.call("tools/call", params, &[("traceparent", FROM_HEADER)]).await.json()["result"]
            .clone();
    assert_eq!(told["isError"], false, "{told}");
    let list = demo.call("tools/list", modern(json!({})), &[("traceparent", FROM_HEADER)]).await;
    assert_eq!(list.status, 200);
    assert_eq!(demo.sql("SELECT nothing FROM sales.Nowhere").await["isError"], true);
    assert_eq!(demo.sql("DROP TABLE sales.Orders").await["isError"], true);
    assert_eq!(demo.sql("THROW 77777, 'mine', 1").await["isError"], true);
    // What a client can choose.
    for n in 0..5 {
        let params = modern(json!({ "name": format!("tool_{n}"), "arguments": {} }));
        demo.call("tools/call", params, &[]).await;
        demo.call(&format!("method/{n}"), modern(json!({})), &[]).await;
        let path = format!("/nowhere/{n}");
        http(demo.address, "GET", &path, &[], b"").await;
        http(demo.address, &format!("BREW{n}"), "/mcp", &[], b"").await;
    }
    let mut long = modern(json!({ "name": "list_tables", "arguments": {} }));
    long["_meta"]["traceparent"] = format!("00-{}", "a".repeat(1 << 20)).into();
    long["_meta"]["baggage"] = format!("k={}", "v".repeat(1 << 20)).into();
    assert_eq!(demo.call("tools/call", long, &[]).await.json()["result"]["isError"], false);
    told
}

fn one<'a>(spans: &'a [Span], what: &str, f: impl Fn(&Span) -> bool) -> &'a Span {
    let all: Vec<_> = spans.iter().filter(|s| f(s)).collect();
    assert_eq!(all.len(), 1, "{what}: {:?}", spans.iter().map(|s| &s.name).collect::<Vec<_>>());
    all[0]
}

fn has(span: &Span, wanted: &[(&str, &str)]) {
    let all = attributes(&span.attributes);
    for (k, v) in wanted {
        assert_eq!(all.get(*k).map(String::as_str), Some(*v), "{}: {k} in {all:?}", span.name);
    }
}

const SERVER: i32 = 2;
const CLIENT: i32 = 3;

fn spans_are_right(spans: &[Span], told: &Value) {
    // The call: its parent is what _meta says, and the HTTP request, which belongs to
    // another trace, is linked.
    let call = one(spans, "the call", |s| {
        s.kind == SERVER && hex(&s.parent_span_id) == "00f067aa0ba902b7"
    });
    assert_eq!(
        (call.name.as_str(), hex(&call.trace_id).as_str()),
        ("tools/call execute_sql", &FROM_META[3..35])
    );
    has(
        call,
        &[
            ("mcp.method.name", "tools/call"),
            ("gen_ai.tool.name", "execute_sql"),
            ("gen_ai.operation.name", "execute_tool"),
            ("jsonrpc.request.id", "7"),
            ("mcp.protocol.version", "2026-07-28"),
            ("network.transport", "tcp"),
            ("mssql_mcp.outcome", "ok"),
            ("mssql_mcp.verdict", "read"),
            ("mssql_mcp.rows", "1"),
        ],
    );
    let linked = call.links.first().expect("a link");
    assert_eq!(hex(&linked.trace_id), &FROM_HEADER[3..35]);
    let http = one(spans, "its request", |s| s.span_id == linked.span_id);
    assert_eq!(
        (http.name.as_str(), http.kind, hex(&http.parent_span_id).as_str()),
        ("POST /mcp", SERVER, "bbbbbbbbbbbbbbbb")
    );
    has(
        http,
        &[
            ("http.request.method", "POST"),
            ("http.route", "/mcp"),
            ("http.response.status_code", "200"),
        ],
    );
    // What it asked of SQL Server, which was told that very span.
    let db = one(spans, "its query", |s| s.kind == CLIENT && s.parent_span_id == call.span_id);
    assert_eq!(db.name, "SELECT sales.Orders");
    has(
        db,
        &[
            ("db.system.name", "microsoft.sql_server"),
            ("db.namespace", "trading"),
            ("db.operation.name", "read"),
            ("db.query.summary", "SELECT sales.Orders"),
            (
                "db.query.text",
                "SELECT CONTEXT_INFO () AS c, o.OrderId FROM sales.Orders AS o WHERE o.OrderId = ?",
            ),
            ("db.response.returned_rows", "1"),
            ("server.address", "127.0.0.1"),
        ],
    );
    let cell =
        told["structuredContent"]["results"][0]["rows"][0][0].as_str().expect("context_info");
    let bytes: Vec<u8> = (2..cell.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&cell[i..i + 2], 16).expect("hex"))
        .collect();
    let seen = String::from_utf8(bytes).expect("ascii");
    let wanted = format!("00-{}-{}-01", hex(&db.trace_id), hex(&db.span_id));
    assert_eq!(seen.trim_end_matches('\0'), wanted);

    // Without one in _meta, the HTTP request is the parent, and with it the header's trace.
    let list = one(spans, "the list", |s| s.name == "tools/list");
    let parent = one(spans, "its parent", |s| s.span_id == list.parent_span_id);
    assert_eq!(
        (parent.name.as_str(), hex(&list.trace_id).as_str()),
        ("POST /mcp", &FROM_HEADER[3..35])
    );

    let failed =
        one(spans, "a failed query", |s| s.kind == CLIENT && s.name == "SELECT sales.Nowhere");
    has(failed, &[("db.response.status_code", "208"), ("error.type", "208")]);
    assert_eq!(failed.status.as_ref().map(|s| s.code), Some(2));
    let call = one(spans, "its call", |s| s.span_id == failed.parent_span_id);
    has(call, &[("error.type", "tool_error")]);
    one(spans, "the caller's own error", |s| {
        s.kind == CLIENT
            && attributes(&s.attributes)
                .get("db.response.status_code")
                .is_some_and(|c| c == "77777")
    });
    // Names that nobody registered are not in ours.
    assert_eq!(spans.iter().filter(|s| s.name == "tools/call unknown").count(), 5);
    assert!(spans.iter().all(|s| !s.name.contains("tool_")
        && !s.name.contains("method/")
        && !s.name.contains("nowhere")));
    assert!(
        spans.iter().all(|s| s.events.is_empty()),
        "an event is a log record, and once is enough"
    );
}

fn metrics_are_right(all: &[ExportMetricsServiceRequest]) {
    // Cumulative: the last export has it all.
    let last = all.last().expect("metrics");
    let metrics: Vec<_> = last
        .resource_metrics
        .iter()
        .flat_map(|r| &r.scope_metrics)
        .flat_map(|s| s.metrics.clone())
        .collect();
    let mut series: BTreeMap<String, Vec<BTreeMap<String, String>>> = BTreeMap::new();
    for m in &metrics {
        let row = METRICS
            .iter()
            .find(|r| r.name == m.name)
            .unwrap_or_else(|| panic!("{} is not in the table", m.name));
        assert_eq!((m.unit.as_str(), m.description.is_empty()), (row.unit, false), "{}", m.name);
        let points: Vec<BTreeMap<String, String>> = match (m.data.clone().expect("data"), row.kind)
        {
            (Data::Histogram(h), InstrumentKind::Histogram(bounds)) => {
                assert!(h.data_points.iter().all(|p| p.explicit_bounds == bounds), "{}", m.name);
                h.data_points.iter().map(|p| attributes(&p.attributes)).collect()
            }
            (Data::Sum(s), InstrumentKind::Counter) => {
                s.data_points.iter().map(|p| attributes(&p.attributes)).collect()
            }
            (Data::Gauge(g), InstrumentKind::Gauge) => {
                g.data_points.iter().map(|p| attributes(&p.attributes)).collect()
            }
            (d, k) => panic!("{}: {d:?} is no {k:?}", m.name),
        };
        for p in &points {
            assert!(p.keys().all(|k| row.labels.contains(&k.as_str())), "{}: {p:?}", m.name);
        }
        series.insert(m.name.clone(), points);
    }
    let values = |metric: &str, label: &str| -> BTreeSet<String> {
        series[metric].iter().filter_map(|p| p.get(label).cloned()).collect()
    };
    let set = |v: &[&str]| v.iter().map(|s| (*s).to_owned()).collect::<BTreeSet<_>>();
    let of = "mcp.server.operation.duration";
    assert_eq!(values(of, "mcp.method.name"), set(&["tools/call", "tools/list", "unknown"]));
    assert_eq!(values(of, "gen_ai.tool.name"), set(&["execute_sql", "list_tables", "unknown"]));
    assert_eq!(values(of, "error.type"), set(&["-32601", "-32602", "tool_error"]));
    assert_eq!(
        values("db.client.operation.duration", "db.response.status_code"),
        set(&["208", "50000"])
    );
    assert_eq!(values("mssql_mcp.guard.refusals", "mssql_mcp.class"), set(&["schema"]));
    assert_eq!(
        values("http.server.request.duration", "http.request.method"),
        set(&["_OTHER", "GET", "POST"])
    );
    assert_eq!(values("http.server.request.duration", "http.route"), set(&["/mcp"]));
    for some in [
        "db.client.connection.count",
        "db.client.connection.wait_time",
        "mssql_mcp.rows",
        "process.memory.usage",
    ] {
        assert!(!series[some].is_empty(), "{some}");
    }
}

async fn a_collector_sees_it(receiver: Receiver, env: &[(&str, &str)], more: &[&str]) {
    let own = [
        // A plus is a plus, and a value may hold what separates it.
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20a+b=="),
        ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "authorization=Bearer%20metrics"),
        ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", ""),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "none"),
    ];
    let env = [&FAST[..], &own, env].concat();
    let sent = |compressed: bool| {
        let gzip = if compressed { "gzip" } else { "" };
        [
            ("logs", "Bearer a+b==", ""),
            ("metrics", "Bearer metrics", gzip),
            ("traces", "Bearer a+b==", gzip),
        ]
        .map(|(s, a, c)| (s, a.to_owned(), c.to_owned()))
    };
    // `doctor` asks as the server sends; over HTTP it sends nothing that could be compressed.
    let login = [
        ("MSSQL_HOST", "127.0.0.1"),
        ("MSSQL_PORT", "1"),
        ("MSSQL_USER", "u"),
        ("MSSQL_PASSWORD", "p"),
    ];
    let mut c = command(&["doctor", "--json"]);
    let out = c.args(more).envs(login).envs(env.iter().copied()).output().await.expect("run");
    let found: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let taken = found.to_string().matches(" takes ").count();
    let grpc = env.iter().any(|(_, v)| *v == "grpc");
    let how = receiver.with(|r| std::mem::take(&mut r.how));
    assert_eq!((taken, how), (3, sent(grpc).into()), "{found:#}");
    receiver.with(|r| *r = Received::default());
    let demo = Demo::start(&env, &[&["--telemetry-query-text", "yes"], more].concat()).await;
    let told = exercised(&demo).await;
    let said = demo.stop().await;
    let spans = receiver.spans();
    spans_are_right(&spans, &told);
    receiver.with(|r| {
        metrics_are_right(&r.metrics);
        assert_eq!(r.how, sent(true).into(), "every export has its headers and its compression");
        let logs: Vec<_> = r
            .logs
            .iter()
            .flat_map(|l| &l.resource_logs)
            .flat_map(|l| &l.scope_logs)
            .flat_map(|s| s.log_records.clone())
            .collect();
        let calls: Vec<_> =
            logs.iter().filter(|l| attributes(&l.attributes).contains_key("outcome")).collect();
        // One line per call: 5 SQL and lists, 5 unknown tools, 5 unknown methods, 1
        // with a long traceparent.
        assert_eq!(calls.len(), 16, "{calls:?}");
        let first =
            calls.iter().find(|l| hex(&l.trace_id) == FROM_META[3..35]).expect("the call's record");
        assert_eq!(attributes(&first.attributes)["trace"], FROM_META[3..35]);
    });
    let resource = receiver.resource();
    assert_eq!(resource["service.name"], "mssql-mcp");
    assert_eq!(resource["service.instance.id"].len(), 32);
    assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&*resource["deployment.environment.name"], &*resource["team"]), ("test", "a,b ="));
    assert!(!said.contains("does not take"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_sees_calls_over_grpc() {
    let (receiver, address) = Receiver::grpc(None).await;
    let endpoint = format!("http://{address}");
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ];
    a_collector_sees_it(receiver, &env, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_sees_calls_over_http() {
    let (receiver, address) = Receiver::http().await;
    a_collector_sees_it(receiver, &[], &["--telemetry-endpoint", &format!("http://{address}")])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_sees_calls_over_tls_with_an_authority_of_its_own() {
    let ca_key = rcgen::KeyPair::generate().expect("key");
    let mut params = rcgen::CertificateParams::new(Vec::<String>::new()).expect("params");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).expect("ca");
    let key = rcgen::KeyPair::generate().expect("key");
    let issuer = rcgen::Issuer::new(params, ca_key);
    let leaf = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
        .expect("params")
        .signed_by(&key, &issuer);
    let (receiver, address) =
        Receiver::grpc(Some((leaf.expect("leaf").pem(), key.serialize_pem()))).await;
    let file = std::env::temp_dir().join(format!("mssql-mcp-otlp-{}.pem", std::process::id()));
    std::fs::write(&file, ca.pem()).expect("pem");
    let endpoint = format!("https://localhost:{}", address.port());
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
    ];
    a_collector_sees_it(receiver, &env, &["--telemetry-ca-file", file.to_str().expect("path")])
        .await;
    std::fs::remove_file(file).expect("clean");
}

/// A collector that hangs, resets, answers garbage, or is not there.
async fn bad_collector(kind: &'static str) -> SocketAddr {
    let tcp = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = tcp.local_addr().expect("address");
    if kind != "absent" {
        tokio::spawn(async move {
            let mut held = Vec::new();
            loop {
                let (mut io, _) = tcp.accept().await.expect("accept");
                match kind {
                    "hangs" => held.push(io),
                    "resets" => drop(io),
                    _ => {
                        let _ = io.write_all(b"\xff\xff not HTTP at all \r\n\r\n").await;
                    }
                }
            }
        });
    }
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_collector_costs_nothing_but_counted_loss() {
    for (kind, protocol) in [
        ("absent", "grpc"),
        ("hangs", "http/protobuf"),
        ("hangs", "grpc"),
        ("resets", "http/protobuf"),
        ("garbage", "http/protobuf"),
        ("garbage", "grpc"),
    ] {
        let address = bad_collector(kind).await;
        let endpoint = format!("http://{address}");
        let env = [
            &FAST[..],
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
                ("OTEL_EXPORTER_OTLP_TIMEOUT", "1000"),
                ("OTEL_BSP_MAX_QUEUE_SIZE", "32"),
                ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "16"),
            ],
        ]
        .concat();
        let demo = Demo::start(&env, &[]).await;
        for _ in 0..100 {
            assert_eq!(demo.sql("SELECT 1 AS a").await["isError"], false);
        }
        let lost = async || {
            let m = demo.metrics().await;
            let some = |name: &str, label: &str| {
                m.lines().any(|l| l.starts_with(name) && l.contains(label) && !l.ends_with(" 0"))
            };
            // While an export hangs, the queue of 32 fills up.
            some("mssql_mcp_telemetry_failed_total", "traces")
                && (kind != "hangs"
                    || some("otel_sdk_processor_span_processed_total", "queue_full"))
        };
        until(kind, lost).await;
        let stopped = std::time::Instant::now();
        let said = demo.stop().await;
        assert!(
            stopped.elapsed() < Duration::from_secs(20),
            "{kind}: the end waits for no collector"
        );
        // Said once, not every few seconds.
        assert!(said.matches("does not take traces").count() <= 1, "{kind}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn telemetry_settings_that_make_no_sense_are_refused() {
    for (env, wanted) in [
        (("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"), "is no URL such as"),
        (("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/file"), "telemetry.ca_file"),
    ] {
        let mut c = command(&["demo", "--listen", "127.0.0.1:0"]);
        let out = c.env(env.0, env.1).output().await.expect("run");
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(2), "{said}");
        assert!(said.contains(wanted), "{said}");
    }
    // What cannot be heeded is said, and the server runs on without.
    let odd = [
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=1,b"),
        ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "api-key:hush"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many"),
    ];
    let demo = Demo::start(&odd, &[]).await;
    assert_eq!(demo.sql("SELECT 1 AS a").await["isError"], false);
    let said = demo.stop().await;
    for (name, _) in odd {
        assert!(said.lines().any(|l| l.contains("WARN") && l.contains(name)), "{name}: {said}");
    }
    assert!(!said.contains("hush"), "{said}");
    // Switched off, nothing is built, however the rest is set.
    let demo = Demo::start(
        &[("OTEL_SDK_DISABLED", "true"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")],
        &[],
    )
    .await;
    assert_eq!(demo.sql("SELECT 1 AS a").await["isError"], false);
    assert!(!demo.stop().await.contains("does not take"));
}

#[test]
fn the_page_of_metrics_is_not_stale() {
    let page = std::fs::read_to_string("docs/metrics.md").expect("docs/metrics.md");
    assert_eq!(
        page,
        mssql_mcp::telemetry::metrics::markdown(),
        "run `cargo run -- metrics > docs/metrics.md`"
    );
}

#[test]
fn the_page_of_errors_is_not_stale() {
    let page = std::fs::read_to_string("docs/errors.md").expect("docs/errors.md");
    assert_eq!(page, mssql_mcp::code::markdown(), "run `cargo run -- errors > docs/errors.md`");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_debug_switch_shows_messages_without_values() {
    let demo = Demo::start(&[], &["--log-messages", "yes"]).await;
    let params = modern(
        json!({ "name": "execute_sql", "arguments": { "query": "SELECT Name FROM sales.Customers \
            WHERE CustomerId = @id AND Name <> 'zebra'", "params": { "id": 31337 } } }),
    );
    demo.call("tools/call", params, &[]).await;
    let said = demo.stop().await;
    assert!(said.contains("WARN") && said.contains("log.messages is on"), "{said}");
    let wire: Vec<_> = said.lines().filter(|l| l.contains("mssql_mcp::wire")).collect();
    assert_eq!(wire.len(), 2, "{said}");
    assert!(wire[0].contains("direction=\"in\"") && wire[0].contains("Name < > ?"), "{}", wire[0]);
    assert!(wire[1].contains("direction=\"out\"") && wire[1].contains("of them)"), "{}", wire[1]);
    assert!(!said.contains("zebra") && !said.contains("31337"), "{said}");
    let demo = Demo::start(&[], &["--log-messages", "yes", "--log-values", "yes"]).await;
    demo.sql("SELECT 'zebra' AS a").await;
    let said = demo.stop().await;
    assert!(said.contains("log.values are on") && said.matches("zebra").count() >= 2, "{said}");
}

/// `prometheus` or `promtool`, as Debian has them.
fn prometheus(name: &str) -> tokio::process::Command {
    let dir = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".into());
    let path = std::path::Path::new(&dir).join("clients/prometheus/usr/bin").join(name);
    assert!(path.exists(), "{} is missing: make clients", path.display());
    let mut c = tokio::process::Command::new(std::fs::canonicalize(path).expect("path"));
    c.kill_on_drop(true).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    c
}

/// Every PromQL expression of the dashboards and the alert rules, with where it stands.
fn queries() -> Vec<(String, String)> {
    fn dig(v: &Value, at: &str, out: &mut Vec<(String, String)>) {
        match v {
            Value::Object(o) => {
                if let Some(e) = o.get("expr").and_then(Value::as_str) {
                    out.push((at.to_owned(), e.to_owned()));
                }
                let title = o.get("title").and_then(Value::as_str).unwrap_or(at);
                o.values().for_each(|v| dig(v, title, out));
            }
            Value::Array(a) => a.iter().for_each(|v| dig(v, at, out)),
            _ => {}
        }
    }
    let mut out = Vec::new();
    let mut dashboards = 0;
    for f in std::fs::read_dir("deploy/grafana/dashboards").expect("dashboards") {
        let path = f.expect("entry").path();
        let v: Value =
            serde_json::from_str(&std::fs::read_to_string(&path).expect("text")).expect("JSON");
        let before = out.len();
        dig(&v, &path.display().to_string(), &mut out);
        assert!(out.len() > before && v["uid"].is_string(), "{}", path.display());
        dashboards += 1;
    }
    assert_eq!(dashboards, 4);
    let rules = std::fs::read_to_string("deploy/grafana/alerts.yml").expect("rules");
    let mut lines = rules.lines().peekable();
    while let Some(l) = lines.next() {
        if let Some(e) = l.trim().strip_prefix("expr: ") {
            let mut e = e.to_owned();
            if e == "|" {
                e.clear();
                while let Some(more) = lines.next_if(|l| l.starts_with("          ")) {
                    e += more.trim();
                    e.push(' ');
                }
            }
            out.push(("alerts.yml".into(), e));
        }
    }
    out
}

/// The words of an expression that are metrics or labels: what stands outside of strings, numbers
/// and PromQL's own words.
fn words(expression: &str) -> BTreeSet<String> {
    let plain: String = expression.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    plain
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '$'))
        .filter(|w| w.contains('_') && w.starts_with(|c: char| c.is_ascii_lowercase()))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_query_names_real_metrics_and_labels() {
    const OWN: [&str; 9] = [
        "histogram_quantile",
        "sum_over_time",
        "label_replace",
        "clamp_min",
        "max_over_time",
        "avg_over_time",
        "count_over_time",
        "group_left",
        "group_right",
    ];
    let mut known: BTreeSet<String> = METRICS.iter().map(prometheus_name).collect();
    for m in METRICS.iter().filter(|m| matches!(m.kind, InstrumentKind::Histogram(_))) {
        known.extend(["_bucket", "_sum", "_count"].map(|s| prometheus_name(m) + s));
    }
    let labels: BTreeSet<String> =
        METRICS.iter().flat_map(|m| m.labels).map(|l| l.replace('.', "_")).collect();
    let all = queries();
    assert!(all.len() > 40, "{}", all.len());
    for (at, e) in &all {
        let words = words(e);
        assert!(
            words.iter().any(|w| known.contains(w)) || e.contains("up{"),
            "{at}: no metric of ours in {e}"
        );
        for w in words {
            assert!(
                known.contains(&w) || labels.contains(&w) || OWN.contains(&w.as_str()),
                "{at}: {w} is neither metric nor label: {e}"
            );
        }
    }
    // And nothing is measured that nobody could see.
    let shown = all.iter().flat_map(|(_, e)| words(e)).collect::<BTreeSet<_>>();
    let hidden: Vec<_> = METRICS
        .iter()
        .filter(|m| !shown.iter().any(|w| w.starts_with(&prometheus_name(m))))
        .map(|m| m.name)
        .filter(|n| !n.starts_with("otel.sdk.log.created"))
        .collect();
    assert!(hidden.is_empty(), "on no dashboard: {hidden:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_scrapes_and_its_rules_and_queries_are_sound() {
    let rules = std::fs::canonicalize("deploy/grafana/alerts.yml").expect("rules");
    let out = prometheus("promtool")
        .args(["check", "rules"])
        .arg(&rules)
        .output()
        .await
        .expect("promtool");
    let said =
        String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && said.contains("rules found"), "{said}");
    let tests = std::fs::canonicalize("deploy/grafana/alerts.test.yml").expect("tests");
    let out = prometheus("promtool")
        .args(["test", "rules"])
        .arg(&tests)
        .output()
        .await
        .expect("promtool");
    let said =
        String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{said}");

    let config = std::fs::canonicalize("deploy/grafana/prometheus.yml").expect("config");
    let out = prometheus("promtool")
        .args(["check", "config"])
        .arg(&config)
        .output()
        .await
        .expect("promtool");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));

    let demo =
        Demo::start(&[], &["--access-level", "read-write", "--access-confirm-writes", "never"])
            .await;
    exercised(&demo).await;
    assert_eq!(
        demo.sql("UPDATE dbo.Employees SET Name = Name WHERE EmployeeId = 1").await["isError"],
        false
    );
    // What is scraped is Prometheus' own format, to its own linter's satisfaction.
    let mut lint = prometheus("promtool");
    let mut lint = lint
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .expect("promtool");
    let text = demo.metrics().await;
    let mut input = lint.stdin.take().expect("stdin");
    input.write_all(text.as_bytes()).await.expect("write");
    drop(input);
    let out = lint.wait_with_output().await.expect("promtool");
    let said =
        String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert_ne!(out.status.code(), Some(1), "it cannot be parsed: {said}");

    let dir = std::env::temp_dir().join(format!("mssql-mcp-prometheus-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("folder");
    let config = format!(
        "global: {{ scrape_interval: 200ms, evaluation_interval: 200ms }}\nrule_files: \
         [{:?}]\nscrape_configs:\n  - job_name: mssql-mcp\n    static_configs: [{{ targets: \
         [\"{}\"] }}]\n",
        rules.display().to_string(),
        demo.admin
    );
    std::fs::write(dir.join("prometheus.yml"), config).expect("config");
    let web = free();
    let mut server = prometheus("prometheus");
    server.current_dir(&dir).args([
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        &format!("--web.listen-address={web}"),
        "--log.level=warn",
    ]);
    let mut server = server
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("prometheus");
    let query = async |e: &str| -> Value {
        let q = form_urlencoded::Serializer::new(String::new()).append_pair("query", e).finish();
        let path = format!("/api/v1/query?{q}");
        http(web, "GET", &path, &[], b"").await.json()
    };
    until("Prometheus listens", async || tokio::net::TcpStream::connect(web).await.is_ok()).await;
    until("it is ready", async || http(web, "GET", "/-/ready", &[], b"").await.status == 200).await;
    let some =
        async |e: &str| query(e).await["data"]["result"].as_array().is_some_and(|a| !a.is_empty());
    // A rate needs two.
    until("it has scraped twice", async || {
        some("rate(mcp_server_operation_duration_seconds_count[5m])").await
    })
    .await;
    for m in METRICS {
        let labels =
            query(&format!("{{__name__=~\"{}(_count)?\"}}", prometheus_name(m))).await["data"]["result"].clone();
        for series in labels.as_array().expect("result") {
            for k in series["metric"].as_object().expect("labels").keys() {
                let ours = m.labels.iter().any(|l| l.replace('.', "_") == *k);
                assert!(
                    ours || ["__name__", "instance", "job", "otel_scope_name"]
                        .contains(&k.as_str()),
                    "{}: {k}",
                    m.name
                );
            }
        }
    }
    let mut empty = Vec::new();
    for (at, e) in queries() {
        let e = e
            .replace("$__rate_interval", "5m")
            .replace("$interval", "5m")
            .replace("$instance", ".*");
        let answer = query(&e).await;
        assert_eq!(answer["status"], "success", "{at}: {e}: {answer}");
        if at != "alerts.yml" && answer["data"]["result"].as_array().is_some_and(Vec::is_empty) {
            empty.push(e);
        }
    }
    // Every panel shows something after such use, but for what did not happen here.
    let not_here = [
        "tokens",
        "sign_ins",
        "rate_limited",
        "403",
        "audit",
        "reloads",
        "telemetry_failed",
        "otel_sdk",
        "timeouts",
        "pool_discarded",
        "create_time_seconds_count",
        "truncations",
    ];
    empty.retain(|e| !not_here.iter().any(|n| e.contains(n)));
    assert!(empty.is_empty(), "{empty:#?}");
    assert!(server.try_wait().expect("alive").is_none());
    server.kill().await.expect("kill");
    demo.stop().await;
    std::fs::remove_dir_all(dir).expect("clean");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_listener_tells_alive_from_ready() {
    let demo = Demo::start(&[], &[]).await;
    let get = async |path: &str| http(demo.admin, "GET", path, &[], b"").await;
    assert_eq!((get("/healthz").await.status, get("/readyz").await.status), (200, 200));
    assert_eq!(get("/readyz").await.body, "sandbox: ok\ntrading: ok\nresearch: ok\nbilling: ok\n");
    assert_eq!(get("/").await.status, 404);
    assert_eq!(http(demo.admin, "POST", "/metrics", &[], b"").await.status, 405);
    demo.stop().await;
    // A database that does not answer: alive, but not ready.
    let (address, admin) = (free(), free());
    let (listen, admin_text, port) =
        (address.to_string(), admin.to_string(), free().port().to_string());
    let args = [
        "serve",
        "--listen",
        &listen,
        "--admin-listen",
        &admin_text,
        "--database-host",
        "127.0.0.1",
        "--database-port",
        &port,
    ];
    let child = command(&args).spawn().expect("spawn");
    until("it listens", async || tokio::net::TcpStream::connect(admin).await.is_ok()).await;
    assert_eq!(http(admin, "GET", "/healthz", &[], b"").await.status, 200);
    let ready = http(admin, "GET", "/readyz", &[], b"").await;
    assert_eq!((ready.status, ready.body.as_str()), (503, "default: does not answer\n"));
    drop(child);
}

impl Demo {
    fn hang_up(&self) {
        signal("-HUP", self.child.id().expect("pid"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_under_load_drops_no_call() {
    let file = std::env::temp_dir().join(format!("mssql-mcp-reload-{}.toml", std::process::id()));
    let write = |text: &str| std::fs::write(&file, text).expect("write");
    write("[limits]\nmax_rows = 5\n[log]\nlevel = \"warn\"\n");
    let demo = Arc::new(Demo::start(&[], &["--config", file.to_str().expect("path")]).await);
    let rows = async |d: &Demo| {
        d.sql("SELECT OrderId FROM sales.Orders").await["structuredContent"]["results"][0]["row_count"].clone()
    };
    assert_eq!(rows(&demo).await, 5);
    // Callers that never rest, some of them in long calls while the configuration changes.
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (demo, stop) = (demo.clone(), stop.clone());
            tokio::spawn(async move {
                let mut n = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let r = demo
                        .sql(
                            "SELECT COUNT(*) AS n FROM sales.Orders AS a WHERE a.OrderId \
                        IN (SELECT b.OrderId FROM sales.Orders AS b)",
                        )
                        .await;
                    assert_eq!(r["isError"], false, "{r}");
                    n += 1;
                }
                n
            })
        })
        .collect();
    let reloads = async |result: &str| -> u64 {
        let m = demo.metrics().await;
        let line = m.lines().find(|l| {
            l.starts_with("mssql_mcp_reloads_total") && l.contains(&format!("\"{result}\""))
        });
        line.and_then(|l| l.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
    };
    for n in 1..=20 {
        write(&format!(
            "[limits]\nmax_rows = {}\n[log]\nlevel = \"info\"\n[pool]\nmax_size = 3\n",
            5 + n
        ));
        demo.hang_up();
        until("it is reloaded", async || reloads("ok").await == n).await;
    }
    assert_eq!(rows(&demo).await, 25);
    // Wrong in three places, right in one: nothing of it counts.
    write(
        "[limits]\nmax_rows = 0\nmax_cel = 7\nmax_chars = 5000\n[log]\nlevel = \
         \"info\"\n[http]\nkeep_alive = \"soon\"\n",
    );
    demo.hang_up();
    until("it is refused", async || reloads("refused").await == 1).await;
    assert_eq!(rows(&demo).await, 25);
    write("[log]\nlevel = \"a=b=c\"\n");
    demo.hang_up();
    until("it is refused", async || reloads("refused").await == 2).await;
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut calls = 0;
    for c in callers {
        calls += c.await.expect("no call failed");
    }
    assert!(calls > 50, "{calls}");
    let Ok(demo) = Arc::try_unwrap(demo) else { panic!("a caller is left") };
    let said = demo.stop().await;
    assert!(said.contains("these need a restart: pool.max_size"), "{said}");
    for wrong in ["limits.max_rows", "max_cel", "http.keep_alive", "log.level: \"a=b=c\""] {
        assert!(said.lines().any(|l| l.contains(wrong)), "{wrong}: {said}");
    }
    // At level warn there was no line per call; at info there is.
    assert!(said.contains("the old one stays") && said.contains("mssql_mcp::call"), "{said}");
    std::fs::remove_file(file).expect("clean");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_brings_clients_and_quotas_and_keeps_what_was_spent() {
    use mssql_mcp::config::{Config, Inputs};
    let file =
        std::env::temp_dir().join(format!("mssql-mcp-reload-quota-{}.toml", std::process::id()));
    std::fs::write(&file, "[[quota]]\nprincipals = [\"token:job\"]\ncalls = 3\n").expect("write");
    let lab = super::support::Lab::with_file(
        &file,
        &[("auth.mode", "builtin"), ("auth.store", "memory")],
    )
    .await;
    let (address, _) = lab.serve().await;
    let authority = lab.app.authority.clone().expect("sign-in");
    let token = authority
        .grants()
        .api_token("job", vec!["mssql:read".to_owned()], "", None)
        .await
        .expect("token");
    let bearer = format!("Bearer {token}");
    let call = async || -> Value {
        let params =
            modern(json!({ "name": "execute_sql", "arguments": { "query": "SELECT 1 AS a" } }));
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params })
            .to_string();
        let headers = [
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
            ("MCP-Protocol-Version", "2026-07-28"),
            ("Mcp-Method", "tools/call"),
            ("Mcp-Name", "execute_sql"),
            ("Authorization", bearer.as_str()),
        ];
        http(address, "POST", "/mcp", &headers, body.as_bytes()).await.json()["result"]["isError"]
            .clone()
    };
    for limited in [false, false, false, true] {
        assert_eq!(call().await, limited);
    }
    std::fs::write(
        &file,
        "[[quota]]\nprincipals = [\"token:job\"]\ncalls = 5\n[[client]]\nid = \"new\"\nname = \
         \"New\"\nredirect_uris = [\"https://new.example/cb\"]\n",
    )
    .expect("write");
    let new = Config::load(&Inputs {
        file: Some(file.clone()),
        fixed: super::support::fixed(1, &[]),
        ..Inputs::default()
    });
    let (new, _) = lab.config.reloaded(&new.expect("config"));
    lab.app.reload(&new);
    // Five may be spent at once, and three are.
    for limited in [false, false, true] {
        assert_eq!(call().await, limited);
    }
    let page = http(
        address,
        "GET",
        "/authorize?response_type=code&client_id=new&redirect_uri=https%3A%2F%2Fnew.example%2Fcb&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256",
        &[],
        b"",
    )
    .await;
    assert_eq!(page.status, 200, "{}", page.body);
    std::fs::remove_file(file).expect("clean");
}
