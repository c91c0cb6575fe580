//! A sandbox, a server in front of it, and small clients for its wires.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use mssql_mcp::app::App;
use mssql_mcp::config::settings;
use mssql_mcp::config::{Config, Inputs};
use mssql_mcp::database::Limits;
use mssql_mcp::database::rows::Bounds;
use mssql_mcp::http::{Listener, Shutdown};
use mssql_mcp_sandbox::{DATABASE, Options, PASSWORD, Sandbox, USER};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio_util::sync::CancellationToken;

/// No single step of a test takes longer, however busy the machine is.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A sandbox and what a server in this process has of it.
pub struct Lab {
    pub sandbox: Sandbox,
    pub app: App,
    pub config: Config,
}

pub fn fixed(port: u16, more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("database.host", "127.0.0.1".to_owned()),
        ("database.port", port.to_string()),
        ("database.user", USER.to_owned()),
        ("database.password", PASSWORD.to_owned()),
        ("database.name", DATABASE.to_owned()),
        ("http.listen", "127.0.0.1:0".to_owned()),
        // What ends at its deadline ends.
        ("tasks.handle_after", "0".to_owned()),
    ];
    // Nothing of a test is left behind in somebody's cache.
    let folder = std::env::temp_dir().join(format!("mssql-mcp-results-{}", std::process::id()));
    all.push(("results.dir", folder.display().to_string()));
    for (k, v) in more {
        all.retain(|(a, _)| a != k);
        all.push((k, (*v).to_owned()));
    }
    all
}

impl Lab {
    /// With these settings beside the usual ones.
    pub async fn new(more: &[(&'static str, &str)]) -> Self {
        mssql_mcp::telemetry::init("error", mssql_mcp::config::settings::log::Format::Text);
        let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
        Self::around(sandbox, more)
    }

    /// With a file of settings as well, in which `SANDBOX_CA` and `SANDBOX_PORT`
    /// stand for the sandbox's.
    pub async fn with_file(file: &std::path::Path, more: &[(&'static str, &str)]) -> Self {
        mssql_mcp::telemetry::init("error", mssql_mcp::config::settings::log::Format::Text);
        let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
        let text = std::fs::read_to_string(file).expect("file");
        if text.contains("SANDBOX_") {
            let ca = file.with_extension("pem");
            std::fs::write(&ca, sandbox.certificate()).expect("certificate");
            let text = text.replace("SANDBOX_CA", ca.to_str().expect("path"));
            std::fs::write(
                file,
                text.replace("SANDBOX_PORT", &sandbox.address().port().to_string()),
            )
            .expect("file");
        }
        let (file, fixed) = (Some(file.to_owned()), fixed(sandbox.address().port(), more));
        Self::of(sandbox, Inputs { file, fixed, ..Inputs::default() })
    }

    pub fn around(sandbox: Sandbox, more: &[(&'static str, &str)]) -> Self {
        let fixed = fixed(sandbox.address().port(), more);
        Self::of(sandbox, Inputs { fixed, ..Inputs::default() })
    }

    fn of(sandbox: Sandbox, inputs: Inputs) -> Self {
        let config = Config::load(&inputs).expect("config");
        let app = App::with_settings(&config, |s| s.trust_only(sandbox.certificate()))
            .expect("app")
            .signed_in(&config)
            .expect("sign-in");
        Self { sandbox, app, config }
    }

    /// Serves HTTP until the test ends.
    pub async fn serve(&self) -> (SocketAddr, Shutdown) {
        self.serve_at("127.0.0.1:0".parse().expect("address")).await
    }

    /// Likewise, at this address.
    pub async fn serve_at(&self, at: SocketAddr) -> (SocketAddr, Shutdown) {
        let listener = Listener::bind(at, false).await.expect("listener");
        let (address, stop) = (listener.address(), Shutdown::default());
        let (app, config, s) = (self.app.clone(), self.config.clone(), stop.clone());
        tokio::spawn(async move { app.serve(listener, &config, s).await });
        (address, stop)
    }

    pub fn limits(&self) -> Limits {
        limits(
            self.config.get(settings::limits::MAX_ROWS),
            self.config.get(settings::limits::MAX_CHARS) as usize,
        )
    }
}

pub fn limits(max_rows: u64, max_chars: usize) -> Limits {
    Limits {
        bounds: Bounds { max_rows, max_chars, max_cell: 20_000, csv: false },
        page: None,
        deadline: None,
        cancel: CancellationToken::new(),
        trace: None,
        caller: mssql_mcp::database::ourselves(),
        notifier: Default::default(),
        seen: Default::default(),
        overflow: None,
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The JSON of a plain answer, or of the last event of a stream.
    pub fn json(&self) -> Value {
        let text = match self.body.rfind("data: ") {
            Some(at) if self.body.contains("event: message") => self.body[at + 6..].trim(),
            _ => self.body.trim(),
        };
        serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {:?}", self.body))
    }
}

/// Sends a request as it is, and reads to the end of the connection.
pub async fn raw(address: SocketAddr, request: &[u8]) -> String {
    let mut tcp = TcpStream::connect(address).await.expect("connect");
    tcp.write_all(request).await.expect("write");
    let mut out = Vec::new();
    tokio::time::timeout(PATIENCE, tcp.read_to_end(&mut out))
        .await
        .expect("in time")
        .expect("read");
    String::from_utf8_lossy(&out).into_owned()
}

pub fn unchunk(body: &str) -> String {
    let mut rest = body.as_bytes();
    let mut out = Vec::new();
    while let Some(at) = rest.windows(2).position(|w| w == b"\r\n") {
        let n = usize::from_str_radix(std::str::from_utf8(&rest[..at]).unwrap_or("0").trim(), 16)
            .unwrap_or(0);
        if n == 0 || rest.len() < at + 2 + n {
            break;
        }
        out.extend_from_slice(&rest[at + 2..at + 2 + n]);
        rest = &rest[(at + 4 + n).min(rest.len())..];
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// One request on a connection of its own.
pub async fn http(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(k, _)| k.eq_ignore_ascii_case("host")) {
        head += &format!("Host: {address}\r\n");
    }
    for (k, v) in headers {
        head += &format!("{k}: {v}\r\n");
    }
    head += &format!("Content-Length: {}\r\n\r\n", body.len());
    answer_of(&raw(address, &[head.as_bytes(), body].concat()).await)
}

/// An answer from its text.
pub fn answer_of(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|l| l.split(' ').nth(1))
        .and_then(|s| s.parse().ok())
        .expect("status");
    let headers: Vec<(String, String)> = lines
        .filter_map(|l| l.split_once(": "))
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect();
    let chunked =
        headers.iter().any(|(k, v)| k.eq_ignore_ascii_case("transfer-encoding") && v == "chunked");
    Answer { status, headers, body: if chunked { unchunk(body) } else { body.to_owned() } }
}

pub const JSON: (&str, &str) = ("Content-Type", "application/json");
pub const BOTH: (&str, &str) = ("Accept", "application/json, text/event-stream");

/// `params` of a stateless request.
pub fn modern(mut params: Value) -> Value {
    params["_meta"] = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} });
    params
}

/// The same of somebody who signs in, with a token of these scopes.
pub async fn signed_in(
    lab: &Lab,
    at: SocketAddr,
    (who, scopes): (&str, &[&str]),
    method: &str,
    params: Value,
) -> Answer {
    let grants = lab.app.authority.as_ref().expect("sign-in").grants();
    let scopes = scopes.iter().map(|s| (*s).to_owned()).collect();
    let token = grants.api_token(who, scopes, "", None).await.expect("token");
    let params = if params["_meta"].is_null() { modern(params) } else { params };
    requested(at, Some(&token), method, params).await
}

/// A stateless request with its headers, as its `params` are; with a token where one is given.
pub async fn requested(at: SocketAddr, token: Option<&str>, method: &str, params: Value) -> Answer {
    let name = ["name", "uri", "taskId"].iter().find_map(|key| params[key].as_str());
    let name = name.unwrap_or("").to_owned();
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let bearer = token.map(|t| format!("Bearer {t}"));
    let mut headers =
        vec![JSON, BOTH, ("MCP-Protocol-Version", "2026-07-28"), ("Mcp-Method", method)];
    headers.extend(bearer.as_ref().map(|b| ("Authorization", b.as_str())));
    if !name.is_empty() {
        headers.push(("Mcp-Name", &name));
    }
    http(at, "POST", "/mcp", &headers, body.to_string().as_bytes()).await
}

/// The same of whoever needs no token.
pub async fn stateless(address: SocketAddr, method: &str, params: Value) -> Answer {
    requested(address, None, method, modern(params)).await
}

/// A session of the handshake era: its id.
pub async fn handshake(address: SocketAddr, version: &str) -> String {
    let body = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": { "protocolVersion": version, "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } } });
    let a = http(address, "POST", "/mcp", &[JSON, BOTH], body.to_string().as_bytes()).await;
    assert_eq!(a.status, 200, "{a:?}");
    let id = a.header("mcp-session-id").expect("a session").to_owned();
    let done = http(
        address,
        "POST",
        "/mcp",
        &[JSON, BOTH, ("Mcp-Session-Id", &id)],
        br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    )
    .await;
    assert_eq!((done.status, done.body.as_str()), (202, ""));
    id
}

pub async fn in_session(address: SocketAddr, session: &str, message: Value) -> Answer {
    http(
        address,
        "POST",
        "/mcp",
        &[JSON, BOTH, ("Mcp-Session-Id", session)],
        message.to_string().as_bytes(),
    )
    .await
}

/// The binary under test.
pub fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_mssql-mcp"))
}

/// The binary without any of this machine's settings.
pub fn command(args: &[&str]) -> Command {
    let mut c = Command::new(binary());
    for (k, _) in std::env::vars() {
        if k.starts_with("MSSQL_") || k.starts_with("MCP_") || k.starts_with("OTEL_") {
            c.env_remove(k);
        }
    }
    c.env("XDG_CACHE_HOME", std::env::temp_dir().join("mssql-mcp-cache-of-tests"));
    c.args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    c
}

/// A process that speaks MCP over stdio.
pub struct Stdio1 {
    pub child: Child,
    pub input: Option<ChildStdin>,
    pub output: BufReader<ChildStdout>,
}

impl Stdio1 {
    pub fn start(mut c: Command) -> Self {
        let mut child = c.spawn().expect("spawn");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("stdout"));
        Self { child, input, output }
    }

    pub async fn send(&mut self, line: &[u8]) {
        let input = self.input.as_mut().expect("open");
        input.write_all(line).await.expect("write");
        input.write_all(b"\n").await.expect("write");
        input.flush().await.expect("flush");
    }

    /// The next line, which must be JSON: stdout carries nothing else.
    pub async fn read(&mut self) -> Value {
        let mut line = String::new();
        tokio::time::timeout(PATIENCE, self.output.read_line(&mut line))
            .await
            .expect("in time")
            .expect("read");
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line:?}"))
    }

    pub async fn ask(&mut self, message: Value) -> Value {
        self.send(message.to_string().as_bytes()).await;
        self.read().await
    }
}

/// An address that nobody listens on.
pub fn free() -> SocketAddr {
    ([127, 0, 0, 1], crate::deployed::free_port()).into()
}

/// Sends a signal, such as `-TERM`.
pub fn signal(which: &str, pid: u32) {
    assert!(
        std::process::Command::new("kill")
            .args([which, &pid.to_string()])
            .status()
            .expect("kill")
            .success()
    );
}

/// Waits until something holds, without a guess at how long that takes.
pub async fn until(what: &str, mut f: impl AsyncFnMut() -> bool) {
    let give_up = tokio::time::Instant::now() + PATIENCE;
    while !f().await {
        assert!(tokio::time::Instant::now() < give_up, "{what} never came true");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A folder of a test's own, which goes with it.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("mssql-mcp-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("folder");
        Self(path)
    }

    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("file");
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
