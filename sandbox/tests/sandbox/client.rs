//! A small TDS client, over whose answers `tokens` reads.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use mssql_mcp_sandbox::{Options, PASSWORD, Sandbox, USER};

use crate::tokens::{Item, items};

/// Without TLS, which a test's own client would only make slower to read.
pub async fn sandbox() -> Sandbox {
    Sandbox::start(Options { tls: false, ..Options::default() }).await.expect("sandbox")
}

/// What a login asks for.
#[derive(Clone, Copy)]
pub struct Ask {
    pub version: u32,
    pub packet_size: u32,
    /// fReadOnlyIntent.
    pub read_intent: bool,
}

pub const TDS_7_4: Ask = Ask { version: 0x7400_0004, packet_size: 4096, read_intent: false };

pub struct Client {
    tcp: TcpStream,
    /// What the server answered to the login.
    pub greeting: Vec<u8>,
    /// The length of the longest packet that came so far.
    pub longest: usize,
}

fn wide(s: &str) -> Vec<u8> {
    s.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

impl Client {
    pub fn open(at: SocketAddr, ask: Ask) -> Self {
        Self::login(at, ask, [USER, PASSWORD, "trading"])
    }

    /// As somebody, in a database.
    pub fn login(at: SocketAddr, ask: Ask, [user, password, database]: [&str; 3]) -> Self {
        Self::start(at, ask, [user, password, database], None)
    }

    /// With integrated security, whose first token this is, in a database.
    pub fn windows(at: SocketAddr, first: &[u8], database: &str) -> Self {
        Self::start(at, TDS_7_4, ["", "", database], Some(first))
    }

    fn start(
        at: SocketAddr,
        ask: Ask,
        [user, password, database]: [&str; 3],
        sspi: Option<&[u8]>,
    ) -> Self {
        let tcp = TcpStream::connect(at).expect("connect");
        tcp.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        let mut c = Self { tcp, greeting: Vec::new(), longest: 0 };
        // PRELOGIN: a version, and no encryption.
        c.send(18, &[0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 15, 0, 0, 0, 0, 0, 2]);
        c.receive().expect("PRELOGIN");
        let password: Vec<u8> = wide(password).iter().map(|b| b.rotate_left(4) ^ 0xA5).collect();
        let fields = [
            wide("host"),
            wide(user),
            password,
            wide("tests"),
            wide("sql.corp.example"),
            Vec::new(),
            wide("tests"),
            Vec::new(),
            wide(database),
        ];
        let mut body = vec![0; 36];
        body[4..8].copy_from_slice(&ask.version.to_le_bytes());
        body[8..12].copy_from_slice(&ask.packet_size.to_le_bytes());
        body[26] = if ask.read_intent { 0x20 } else { 0 };
        let mut at = 94;
        for f in &fields {
            body.extend_from_slice(&(at as u16).to_le_bytes());
            body.extend_from_slice(&((f.len() / 2) as u16).to_le_bytes());
            at += f.len();
        }
        body.resize(94, 0);
        fields.iter().for_each(|f| body.extend_from_slice(f));
        if let Some(first) = sspi {
            body[25] |= 0x80;
            let place = body.len() as u16;
            body[78..80].copy_from_slice(&place.to_le_bytes());
            body[80..82].copy_from_slice(&(first.len() as u16).to_le_bytes());
            body.extend_from_slice(first);
        }
        let len = body.len() as u32;
        body[..4].copy_from_slice(&len.to_le_bytes());
        c.send(16, &body);
        c.greeting = c.receive().expect("a login's answer");
        c
    }

    /// One packet that is a whole message.
    pub fn send(&mut self, kind: u8, body: &[u8]) {
        self.send_with(kind, 1, body);
    }

    /// The same with a status of its own: 1 ends the message, 8 asks for a reset.
    pub fn send_with(&mut self, kind: u8, status: u8, body: &[u8]) {
        let mut packet = vec![kind, status];
        packet.extend_from_slice(&((body.len() + 8) as u16).to_be_bytes());
        packet.extend_from_slice(&[0, 0, 1, 0]);
        packet.extend_from_slice(body);
        self.tcp.write_all(&packet).expect("write");
    }

    /// How the connection ends while nothing is asked: a read of no bytes, or an error.
    pub fn end(&mut self) -> std::io::Result<usize> {
        self.tcp.read(&mut [0])
    }

    /// The payload of the next message; nothing when the connection has ended.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        let mut all = Vec::new();
        loop {
            let mut head = [0; 8];
            self.tcp.read_exact(&mut head).ok()?;
            let len = usize::from(u16::from_be_bytes([head[2], head[3]]));
            self.longest = self.longest.max(len);
            let mut body = vec![0; len - 8];
            self.tcp.read_exact(&mut body).ok()?;
            all.extend_from_slice(&body);
            if head[1] & 1 == 1 {
                return Some(all);
            }
        }
    }

    /// A message with ALL_HEADERS before its body, and its answer.
    pub fn ask(&mut self, kind: u8, body: &[u8]) -> Vec<Item> {
        self.ask_with(kind, 1, body)
    }

    fn ask_with(&mut self, kind: u8, status: u8, body: &[u8]) -> Vec<Item> {
        let mut message = vec![22, 0, 0, 0, 18, 0, 0, 0, 2, 0];
        message.extend_from_slice(&[0; 8]);
        message.extend_from_slice(&1u32.to_le_bytes());
        message.extend_from_slice(body);
        self.send_with(kind, status, &message);
        items(&self.receive().expect("an answer"))
    }

    pub fn batch(&mut self, sql: &str) -> Vec<Item> {
        self.ask(1, &wide(sql))
    }

    /// A batch before which the connection is reset.
    pub fn batch_after_reset(&mut self, sql: &str) -> Vec<Item> {
        self.ask_with(1, 9, &wide(sql))
    }
}

/// `sp_executesql` of a text, as an RPC.
pub fn executesql(sql: &str) -> Vec<u8> {
    let mut b = vec![0xFF, 0xFF, 10, 0, 0, 0];
    b.extend(text_param(sql));
    b
}

/// A parameter without a name: nvarchar(4000).
pub fn text_param(text: &str) -> Vec<u8> {
    let w = wide(text);
    let mut b = vec![0, 0, 0xE7, 0x40, 0x1F, 9, 4, 0xD0, 0, 0x34];
    b.extend_from_slice(&(w.len() as u16).to_le_bytes());
    b.extend_from_slice(&w);
    b
}
