//! The other end: packets as they come, answers as a test has them, with or without TLS.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mssql_mcp_session::{AuthMethod, LoginConfig, Session, Target, Tls};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One connection, as the server sees it.
pub(crate) struct Peer {
    tcp: TcpStream,
    tls: Option<ServerConnection>,
    plain: Vec<u8>,
}

/// A DONE with so many rows.
pub(crate) fn done(rows: u8) -> Vec<u8> {
    vec![0xFD, 0x10, 0, 0xC1, 0, rows, 0, 0, 0, 0, 0, 0, 0]
}

/// DONE_ATTN.
pub(crate) const ATTENTION_DONE: [u8; 13] = [0xFD, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// One column of int, and rows of these.
pub(crate) fn ints(rows: &[u8]) -> Vec<u8> {
    let mut out = vec![0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0x38, 1, b'n', 0];
    rows.iter().for_each(|n| out.extend([0xD1, *n, 0, 0, 0]));
    out
}

pub(crate) fn utf16(t: &str) -> Vec<u8> {
    t.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn b_varchar(t: &str) -> Vec<u8> {
    [vec![t.encode_utf16().count() as u8], utf16(t)].concat()
}

/// A token that has its length in two bytes.
pub(crate) fn token(id: u8, inner: &[u8]) -> Vec<u8> {
    [&[id][..], &(inner.len() as u16).to_le_bytes(), inner].concat()
}

pub(crate) fn packet_size(n: &str) -> Vec<u8> {
    token(0xE3, &[&[4][..], &b_varchar(n), &b_varchar("4096")].concat())
}

/// What a server answers to a login that it takes, in front of the DONE.
pub(crate) fn welcome() -> Vec<u8> {
    let database = token(0xE3, &[&[1][..], &b_varchar("shop"), &[0]].concat());
    let ack =
        [&[1, 0x74, 0, 0, 4][..], &b_varchar("Microsoft SQL Server"), &[16, 0, 4, 17]].concat();
    [database, token(0xAD, &ack)].concat()
}

/// PRELOGIN's answer: version and encryption.
pub(crate) fn prelogin(encryption: u8) -> Vec<u8> {
    vec![0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 16, 0, 4, 17, 0, 0, encryption]
}

/// A certificate's server side.
pub(crate) fn config(certificate: &rcgen::Certificate, key: &rcgen::KeyPair) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let mut config = ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .expect("versions")
    .with_no_client_auth()
    .with_single_cert(chain, key)
    .expect("fits");
    config.alpn_protocols = vec![b"tds/8.0".to_vec()];
    Arc::new(config)
}

/// Runs a script for the first connection; answers where it listens.
pub(crate) async fn serve<F, R>(
    script: impl FnOnce(Peer) -> F + Send + 'static,
) -> (SocketAddr, tokio::task::JoinHandle<R>)
where
    F: Future<Output = R> + Send,
    R: Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let task = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.expect("a client");
        script(Peer::new(tcp)).await
    });
    (address, task)
}

pub(crate) fn target(address: SocketAddr, tls: Tls) -> Target {
    let mut login = LoginConfig::new();
    login.authentication(AuthMethod::sql_server("ada", "s3cret"));
    let mut target = Target::new(address.ip().to_string(), address.port(), tls, login);
    target.connect_timeout = Duration::from_secs(5);
    target
}

/// A session over a script that begins behind the login.
pub(crate) async fn session<F>(
    script: impl FnOnce(Peer) -> F + Send + 'static,
) -> (Session, tokio::task::JoinHandle<()>)
where
    F: Future<Output = ()> + Send,
{
    let (address, task) = serve(|mut peer: Peer| async move {
        peer.log_in().await;
        script(peer).await;
    })
    .await;
    (Session::connect(&target(address, Tls::off())).await.expect("a session"), task)
}

impl Peer {
    pub(crate) fn new(tcp: TcpStream) -> Self {
        Self { tcp, tls: None, plain: Vec::new() }
    }

    async fn more(&mut self) -> bool {
        let mut buffer = vec![0; 16 << 10];
        let n = self.tcp.read(&mut buffer).await.unwrap_or(0);
        match &mut self.tls {
            None => self.plain.extend_from_slice(&buffer[..n]),
            Some(tls) => {
                let mut bytes = &buffer[..n];
                while !bytes.is_empty() {
                    tls.read_tls(&mut bytes).expect("records");
                    tls.process_new_packets().expect("TLS");
                    let _ = tls.reader().read_to_end(&mut self.plain);
                }
            }
        }
        n > 0
    }

    /// The next packet: type, status and payload; none at the end of the stream.
    pub(crate) async fn packet(&mut self) -> Option<(u8, u8, Vec<u8>)> {
        loop {
            if let [kind, status, high, low, _, _, _, _, rest @ ..] = &self.plain[..] {
                let n = usize::from(u16::from_be_bytes([*high, *low])) - 8;
                if rest.len() >= n {
                    let packet = (*kind, *status, rest[..n].to_vec());
                    self.plain.drain(..8 + n);
                    return Some(packet);
                }
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// The next message: type and status of its first packet, and all its payload.
    pub(crate) async fn message(&mut self) -> Option<(u8, u8, Vec<u8>)> {
        let (kind, first, mut all) = self.packet().await?;
        let mut last = first & 1 == 1;
        while !last {
            let (_, status, payload) = self.packet().await?;
            all.extend(payload);
            last = status & 1 == 1;
        }
        Some((kind, first, all))
    }

    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        let mut out = bytes.to_vec();
        if let Some(tls) = &mut self.tls {
            out.clear();
            tls.writer().write_all(bytes).expect("room");
            while tls.wants_write() {
                tls.write_tls(&mut out).expect("a Vec");
            }
        }
        let _ = self.tcp.write_all(&out).await;
    }

    /// A message of the server's in packets of 100 bytes.
    pub(crate) async fn answer(&mut self, payload: &[u8]) {
        let bytes = packets(payload);
        self.raw(&bytes).await;
    }

    pub(crate) async fn handshake(&mut self, config: Arc<ServerConfig>, wrapped: bool) {
        let mut tls = ServerConnection::new(config).expect("a configuration");
        while tls.is_handshaking() {
            let mut out = Vec::new();
            while tls.wants_write() {
                tls.write_tls(&mut out).expect("a Vec");
            }
            let out = if wrapped { framed(&out) } else { out };
            self.tcp.write_all(&out).await.expect("a client");
            let payload = if wrapped {
                let Some((18, _, payload)) = self.packet().await else { return };
                payload
            } else {
                if !self.more().await {
                    return;
                }
                std::mem::take(&mut self.plain)
            };
            let mut bytes = &payload[..];
            while !bytes.is_empty() {
                tls.read_tls(&mut bytes).expect("records");
                // The client may have refused the certificate.
                if tls.process_new_packets().is_err() {
                    return;
                }
            }
        }
        let mut out = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut out).expect("a Vec");
        }
        let out = if wrapped { framed(&out) } else { out };
        self.tcp.write_all(&out).await.expect("a client");
        let _ = tls.reader().read_to_end(&mut self.plain);
        self.tls = Some(tls);
    }

    /// The next packet, which is the last within TLS: of what follows nothing is read.
    pub(crate) async fn last_sealed(&mut self) -> Option<(u8, u8, Vec<u8>)> {
        let mut tls = self.tls.take()?;
        loop {
            let mut record = vec![0; 5];
            self.tcp.read_exact(&mut record).await.ok()?;
            let n = usize::from(u16::from_be_bytes([record[3], record[4]]));
            record.resize(5 + n, 0);
            self.tcp.read_exact(&mut record[5..]).await.ok()?;
            let mut bytes = &record[..];
            while !bytes.is_empty() {
                tls.read_tls(&mut bytes).expect("a record");
                tls.process_new_packets().expect("TLS");
            }
            let _ = tls.reader().read_to_end(&mut self.plain);
            if let [_, _, high, low, ..] = self.plain[..] {
                let n = usize::from(u16::from_be_bytes([high, low]));
                assert!(self.plain.len() <= n, "more than a packet is within TLS");
                if self.plain.len() == n {
                    return self.packet().await;
                }
            }
        }
    }

    /// PRELOGIN without encryption and a login; answers LOGIN7's payload.
    pub(crate) async fn log_in(&mut self) -> Vec<u8> {
        assert_eq!(self.message().await.map(|m| m.0), Some(18));
        self.answer(&prelogin(2)).await;
        let (kind, _, login) = self.message().await.expect("a login");
        assert_eq!(kind, 16);
        self.answer(&[welcome(), done(0)].concat()).await;
        login
    }
}

fn framed(payload: &[u8]) -> Vec<u8> {
    if payload.is_empty() {
        return Vec::new();
    }
    let [high, low] = ((payload.len() + 8) as u16).to_be_bytes();
    [&[18, 1, high, low, 0, 0, 0, 0][..], payload].concat()
}

pub(crate) fn packets(payload: &[u8]) -> Vec<u8> {
    let count = payload.len().div_ceil(92).max(1);
    let mut out = Vec::new();
    for n in 0..count {
        let piece = &payload[n * 92..payload.len().min((n + 1) * 92)];
        out.extend([4, u8::from(n + 1 == count), 0, piece.len() as u8 + 8, 0, 0, 0, 0]);
        out.extend(piece);
    }
    out
}
