//! What `make gate` counts: the call path and its parts, each so many times and in one thread.
//!
//! `benches/gate.py` runs this under callgrind, twice for each path and with different numbers, so
//! that of the difference one call is left and no start. What is on the other side (the database's
//! endpoint, the client) is this program again, in processes that callgrind does not count.

use std::convert::Infallible;
use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use mssql_mcp::app::App;
use mssql_mcp::config::{Config, Inputs};
use mssql_mcp::http::{Listener, Shutdown};
use mssql_mcp::telemetry;
use mssql_mcp_sandbox::{DATABASE, Options, PASSWORD, USER};
use mssql_mcp_session::{AuthMethod, Event, Json, LoginConfig, Rpc, Session, Target, Tls};
use mssql_mcp_sql::policy::{Policy, judge};
use mssql_mcp_transports::encode::{ServerInfo, outcome};
use mssql_mcp_transports::sessions::{Bounds, Sessions};
use mssql_mcp_transports::{
    Id, McpRequest, McpService, Outcome, ProtocolVersion, Segments, Tickets, ToolReply, jsonrpc,
    streamable,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::ServiceExt;

use self::apart::start_endpoint;
use self::message::json;
use self::response::{Response, response};

#[path = "shared/apart.rs"]
mod apart;
#[path = "shared/endpoint.rs"]
mod endpoint;
#[path = "shared/message.rs"]
mod message;
#[path = "shared/response.rs"]
mod response;

/// Name, and what one of it is.
const PATHS: [(&str, &str); 7] = [
    ("verdict", "the guard's verdict on a typical query"),
    ("envelope", "the envelope of a tools/call is parsed"),
    ("transport", "a tools/call through streamable HTTP, over a service that answers at once"),
    ("session", "10 rows of 8 columns to JSON, by the session alone"),
    ("encode", "the answer with those rows is written"),
    ("tools/list", "the whole server, over HTTP on a socket"),
    ("execute_sql", "the same with 10 rows of 8 columns from a database on a socket"),
];

const QUERY: &str = "SELECT c.Name, COUNT(*) AS n, SUM(o.Quantity) AS q \
    FROM sales.Orders AS o JOIN sales.Customers AS c ON c.CustomerId = o.AccountId \
    WHERE o.PlacedAt >= '2026-01-01' AND o.Status IN ('Open', 'Filled') \
    GROUP BY c.Name HAVING COUNT(*) > 5 ORDER BY n DESC OFFSET 0 ROWS FETCH NEXT 50 ROWS ONLY";
const VERSION: &str = "2026-07-28";

fn execute_sql() -> String {
    let params = format!(r#""name":"execute_sql","arguments":{{"query":"{QUERY}"}},"#);
    json("tools/call", &params)
}

/// Streamable HTTP over a service that answers at once.
fn transport() -> streamable::Streamable {
    let leaf = tower::service_fn(|_: McpRequest| async {
        Ok::<_, Infallible>(Outcome::Complete(ToolReply::text("ok").into()))
    });
    let options = streamable::Options {
        silence: Duration::from_secs(2),
        keep_alive: Duration::from_secs(15),
        sessions: Arc::new(Sessions::new(
            Bounds { most: 1, of_owner: 1, idle: Duration::from_secs(60) },
            Tickets::new(b"a key", Duration::from_secs(60)),
            None,
        )),
        owner_of: Arc::new(|_| String::new()),
        challenge: Arc::new(|_| Arc::new(|_| None)),
        closing: Default::default(),
        shutdown: Default::default(),
        info: info(),
        changes: Default::default(),
        resume: None,
    };
    streamable::service(McpService::new(leaf), options)
}

fn info() -> ServerInfo {
    let about = Default::default();
    ServerInfo { name: "mssql-mcp", title: "Microsoft SQL Server", version: "0.0.0".into(), about }
}

async fn through(service: streamable::Streamable, body: &str) -> usize {
    let request = http::Request::post("/mcp")
        .header("Host", "localhost")
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream")
        .header("MCP-Protocol-Version", VERSION)
        .header("Mcp-Method", "tools/call")
        .header("Mcp-Name", "execute_sql")
        .body(Full::new(bytes::Bytes::copy_from_slice(body.as_bytes())))
        .expect("a request");
    let answer = service.oneshot(request).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.into_body().collect().await.expect("a body").to_bytes().len()
}

async fn log_in(port: u16) -> Session {
    let mut login = LoginConfig::new();
    login.database(DATABASE);
    login.authentication(AuthMethod::sql_server(USER, PASSWORD));
    let target = Target::new("127.0.0.1", port, Tls::off(), login);
    Box::pin(Session::connect(&target)).await.expect("login")
}

/// The rows as JSON.
async fn ask(session: &mut Session) -> Vec<u8> {
    let mut sink = Json::new();
    let mut answer = session.call(&Rpc::execute_sql(QUERY, "")).await.expect("sent");
    let mut n = 0;
    while let Some(event) = answer.next(&mut sink).await.expect("an answer") {
        n += usize::from(event == Event::Row);
    }
    assert_eq!(n, 10);
    sink.take(Vec::new())
}

fn encode(json: &bytes::Bytes) -> usize {
    let reply = ToolReply::structured(Segments(vec![json.clone()]));
    let end = Outcome::Complete(reply.into());
    let (encoded, _) =
        outcome(&Id::Number(1), end, ProtocolVersion::V2026_07_28, &info()).expect("an answer");
    encoded.into_bytes().len()
}

/// The server, as `serve` has it, until its client has asked so often and is gone.
async fn serve(path: &str, times: u32, database: u16) {
    let fixed = vec![
        ("database.host", "127.0.0.1".to_owned()),
        ("database.port", database.to_string()),
        ("database.user", USER.to_owned()),
        ("database.password", PASSWORD.to_owned()),
        ("database.name", DATABASE.to_owned()),
        // What a TLS library spends is not ours to change.
        ("database.encrypt", "off".to_owned()),
    ];
    let config = Config::load(&Inputs { fixed, ..Inputs::default() }).expect("config");
    telemetry::start(&config, Vec::new()).expect("telemetry");
    let app = App::new(&config).expect("app");
    let address = "127.0.0.1:0".parse().expect("an address");
    let listener = Box::pin(Listener::bind(address, false)).await.expect("a listener");
    let client = myself(&["client", path, &times.to_string(), &listener.address().to_string()]);
    let client = tokio::process::Command::from(client).status();
    tokio::select! {
        status = client => assert!(status.expect("a client").success()),
        ended = app.serve(listener, &config, Shutdown::default()) => panic!("{ended:?}"),
    }
}

/// One request after the other on one connection.
async fn client(path: &str, times: u32, address: &str) {
    let (method, name, body) = match path {
        "tools/list" => ("tools/list", "", json("tools/list", "")),
        _ => ("tools/call", "Mcp-Name: execute_sql\r\n", execute_sql()),
    };
    let request = format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nAccept: \
         application/json, text/event-stream\r\nMCP-Protocol-Version: {VERSION}\r\nMcp-Method: \
         {method}\r\n{name}Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut tcp = TcpStream::connect(address).await.expect("connect");
    tcp.set_nodelay(true).expect("nodelay");
    let mut answer = Vec::new();
    for _ in 0..times {
        tcp.write_all(request.as_bytes()).await.expect("write");
        let Response { head, .. } = response(&mut tcp, &mut answer, true).await.expect("an answer");
        let head = &answer[..head];
        assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(head));
    }
    let answer = String::from_utf8_lossy(&answer);
    let expected = if path == "tools/list" { "execute_sql" } else { "number 000009" };
    assert!(answer.contains(expected) && !answer.contains("\"isError\":true"), "{answer}");
}

/// Prints its port, and lives until its parent closes its input.
async fn answer_calls() {
    let sandbox = endpoint::start(Options::default()).await;
    sandbox.script(QUERY, endpoint::rows(10, 1));
    println!("{}", sandbox.address().port());
    let _ = tokio::io::stdin().read_u8().await;
}

/// This program again, where callgrind does not count.
fn myself(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("exe"));
    command.args(args);
    command
}

async fn run(path: &str, times: u32) {
    match path {
        "verdict" => {
            let policy = Policy::default();
            (0..times).for_each(|_| drop(black_box(judge(black_box(QUERY), &policy))));
        }
        "envelope" => {
            let body = execute_sql();
            (0..times).for_each(|_| drop(black_box(jsonrpc::parse(black_box(body.as_bytes())))));
        }
        "transport" => {
            let (service, body) = (transport(), execute_sql());
            for _ in 0..times {
                black_box(through(service.clone(), &body).await);
            }
        }
        "tools/list" => serve(path, times, 9).await,
        _ => {
            let (mut child, port) = start_endpoint(myself(&["endpoint"]));
            match path {
                "execute_sql" => serve(path, times, port).await,
                "session" => {
                    let mut session = log_in(port).await;
                    for _ in 0..times {
                        black_box(ask(&mut session).await);
                    }
                }
                "encode" => {
                    let json = bytes::Bytes::from(ask(&mut log_in(port).await).await);
                    for _ in 0..times {
                        black_box(encode(black_box(&json)));
                    }
                }
                other => panic!("{other} is no path"),
            }
            drop(child.stdin.take());
            child.wait().expect("the endpoint's end");
        }
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
    let number = |n: &str| n.parse().expect("a number");
    match args[..] {
        ["client", path, times, address] => {
            runtime().block_on(client(path, number(times), address))
        }
        ["endpoint"] => runtime().block_on(answer_calls()),
        [path, times] => runtime().block_on(Box::pin(run(path, number(times)))),
        // So that `cargo bench` has nothing to do here, and the script knows the names.
        _ => PATHS.iter().for_each(|(name, what)| println!("{name}\t{what}")),
    }
}
