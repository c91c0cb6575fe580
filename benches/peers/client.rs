//! A client of MCP by hand, over HTTP and over stdio, and calls that are checked.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::driver::{self, ask};
use crate::endpoint::{MANY, MANY_ROWS, ONE, TEN};
use crate::peer::{Era, Peer};
use crate::response::{Response, field, response};

/// The longest that a call may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    List,
    One,
    Ten,
    Many,
}

impl What {
    pub fn sql(self) -> &'static str {
        match self {
            Self::List => "",
            Self::One => ONE,
            Self::Ten => TEN,
            Self::Many => MANY,
        }
    }

    /// Whether all of it is there, in whatever form: the last row of a block, as often as the
    /// block, or as often in each of two forms of the answer.
    fn check(self, answer: &[u8]) -> Result<(), String> {
        let text = String::from_utf8_lossy(answer);
        let (mark, times) = match self {
            Self::List => ("\"inputSchema\"", 1),
            Self::One => ("number 000000", 1),
            Self::Ten => ("number 000009", 1),
            Self::Many => ("number 000999", MANY_ROWS / 1000),
        };
        let found = text.matches(mark).count();
        if found > 0 && found % times == 0 && !text.contains("\"isError\":true") {
            return Ok(());
        }
        let start: String = text.trim().chars().take(200).collect();
        Err(match self {
            Self::Many if found > 0 => format!("stopped after {found} thousand rows"),
            _ => format!("answered `{start}`"),
        })
    }
}

/// Somebody who makes calls, one after the other.
pub trait Caller: Send + 'static {
    fn call(&mut self, what: What) -> impl Future<Output = Result<(), String>> + Send;
}

const CLIENT: &str = r#""capabilities":{},"clientInfo":{"name":"bench","version":"1"}"#;
const HANDSHAKE: &str = "2025-06-18";
const STATELESS: &str = "2026-07-28";
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

fn initialize() -> String {
    let params = format!(r#"{{"protocolVersion":"{HANDSHAKE}",{CLIENT}}}"#);
    format!(r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{params}}}"#)
}

fn method(what: What) -> &'static str {
    if what == What::List { "tools/list" } else { "tools/call" }
}

fn message(peer: &Peer, id: u64, what: What) -> String {
    let mut params = Vec::new();
    if what != What::List {
        let (tool, argument, sql) = (peer.tool, peer.argument, what.sql());
        params.push(format!(r#""name":"{tool}","arguments":{{"{argument}":"{sql}"}}"#));
    }
    if peer.era == Era::Stateless {
        let prefix = "io.modelcontextprotocol/";
        params.push(format!(
            r#""_meta":{{"{prefix}protocolVersion":"{STATELESS}","{prefix}clientCapabilities":{{}}}}"#
        ));
    }
    let (method, params) = (method(what), params.join(","));
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}}}}}"#)
}

async fn bounded<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let late = |_| format!("said nothing for {} s", PATIENCE.as_secs());
    tokio::time::timeout(PATIENCE, work).await.map_err(late)?
}

/// A connection of its own, and a session of its own where the server has sessions.
pub struct Http {
    peer: Arc<Peer>,
    tcp: TcpStream,
    /// Headers of every request.
    headers: String,
    id: u64,
    /// The last answer, as it came.
    answer: Vec<u8>,
    of: Response,
}

impl Http {
    pub async fn open(peer: Arc<Peer>, address: SocketAddr) -> Result<Self, String> {
        let refused = |e| format!("does not listen ({e})");
        let tcp = TcpStream::connect(address).await.map_err(refused)?;
        tcp.set_nodelay(true).expect("nodelay");
        let headers = format!(
            "POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nAccept: \
             application/json, text/event-stream\r\n"
        );
        let mut me =
            Self { peer, tcp, headers, id: 0, answer: Vec::new(), of: Response::default() };
        if me.peer.era == Era::Stateless {
            me.headers += &format!("MCP-Protocol-Version: {STATELESS}\r\n");
            return Ok(me);
        }
        let head = bounded(me.post(&initialize(), "")).await?;
        if let Some(session) = field(&head, "mcp-session-id") {
            me.headers += &format!("Mcp-Session-Id: {session}\r\n");
        }
        me.headers += &format!("MCP-Protocol-Version: {HANDSHAKE}\r\n");
        bounded(me.post(INITIALIZED, "")).await?;
        Ok(me)
    }

    /// The head of the answer.
    async fn post(&mut self, body: &str, more: &str) -> Result<String, String> {
        let (headers, length) = (&self.headers, body.len());
        let request = format!("{headers}{more}Content-Length: {length}\r\n\r\n{body}");
        let failed = |e: std::io::Error| format!("broke the connection ({e})");
        self.tcp.write_all(request.as_bytes()).await.map_err(failed)?;
        self.of = response(&mut self.tcp, &mut self.answer, true).await.map_err(failed)?;
        let head = String::from_utf8_lossy(&self.answer[..self.of.head]);
        match head.get(9..12) {
            Some("200" | "202") => Ok(head.into_owned()),
            status => Err(format!("answered with status {}", status.unwrap_or("?"))),
        }
    }

    /// Asks, and leaves the answer as it came.
    pub async fn ask(&mut self, what: What) -> Result<(), String> {
        self.id += 1;
        let mut more = String::new();
        if self.peer.era == Era::Stateless {
            more = format!("Mcp-Method: {}\r\n", method(what));
            if what != What::List {
                more += &format!("Mcp-Name: {}\r\n", self.peer.tool);
            }
        }
        let message = message(&self.peer, self.id, what);
        bounded(self.post(&message, &more)).await.map(drop)
    }

    /// The body of the last answer, out of its chunks.
    pub fn body(&self) -> Vec<u8> {
        let mut rest = &self.answer[self.of.head + 4..];
        if !self.of.chunked {
            return rest.to_vec();
        }
        let mut body = Vec::with_capacity(rest.len());
        while let Some(end) = rest.windows(2).position(|w| w == b"\r\n") {
            let size = std::str::from_utf8(&rest[..end]).unwrap_or_default();
            let Ok(size) = usize::from_str_radix(size.trim(), 16) else { break };
            let Some(chunk) = rest.get(end + 2..end + 2 + size).filter(|c| !c.is_empty()) else {
                break;
            };
            body.extend_from_slice(chunk);
            rest = rest.get(end + 4 + size..).unwrap_or_default();
        }
        body
    }

    /// Whether the last answer is what was asked for.
    pub fn check(&self, what: What) -> Result<(), String> {
        what.check(&self.body())
    }
}

impl Caller for Http {
    async fn call(&mut self, what: What) -> Result<(), String> {
        self.ask(what).await?;
        self.check(what)
    }
}

/// A process and its pipes.
pub struct Piped {
    peer: Arc<Peer>,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    id: u64,
    answer: Vec<u8>,
}

impl Piped {
    pub async fn open(peer: Arc<Peer>) -> Result<Self, String> {
        let mut child = Command::from(peer.over_stdio())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| format!("does not start ({e})"))?;
        let input = child.stdin.take().expect("stdin");
        let output = BufReader::with_capacity(64 << 10, child.stdout.take().expect("stdout"));
        let mut me = Self { peer, child, input, output, id: 0, answer: Vec::new() };
        if me.peer.era == Era::Handshake {
            bounded(me.ask(&initialize())).await?;
            me.say(INITIALIZED).await?;
        }
        Ok(me)
    }

    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    pub fn answer(&self) -> &[u8] {
        &self.answer
    }

    async fn say(&mut self, message: &str) -> Result<(), String> {
        let line = format!("{message}\n");
        self.input.write_all(line.as_bytes()).await.map_err(|e| format!("has ended ({e})"))
    }

    async fn ask(&mut self, message: &str) -> Result<(), String> {
        self.say(message).await?;
        loop {
            self.answer.clear();
            match self.output.read_until(b'\n', &mut self.answer).await {
                Ok(1..) => {}
                _ => return Err("ended".to_owned()),
            }
            // Servers have things to say that nobody asked for, and name a method there.
            let start = &self.answer[..self.answer.len().min(100)];
            if !String::from_utf8_lossy(start).contains("\"method\"") {
                return Ok(());
            }
        }
    }

    /// Ends it as a client does, and kills it when it does not.
    pub async fn end(mut self) {
        drop(self.input);
        if tokio::time::timeout(Duration::from_secs(2), self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

impl Caller for Piped {
    async fn call(&mut self, what: What) -> Result<(), String> {
        self.id += 1;
        let message = message(&self.peer, self.id, what);
        bounded(self.ask(&message)).await?;
        what.check(&self.answer)
    }
}

/// The driver by itself.
pub struct Raw(driver::Connection);

impl Raw {
    pub async fn open(port: u16) -> Self {
        Self(Box::pin(driver::connect(port)).await)
    }
}

impl Caller for Raw {
    async fn call(&mut self, what: What) -> Result<(), String> {
        let rows = match what {
            What::One => 1,
            What::Ten => 10,
            _ => MANY_ROWS,
        };
        assert_eq!(ask(&mut self.0, what.sql()).await, rows);
        Ok(())
    }
}
