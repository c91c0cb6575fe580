//! A small SQL Server-compatible endpoint: TDS 7.4 in front, bundled SQLite behind, a
//! sample trading database inside.
//!
//! It exists so that the demo, the tests and the benchmarks of `mssql-mcp` run through the real
//! driver and the real wire protocol where there is no SQL Server. It listens on loopback only.
//! `README.md` lists what it understands; what it does not understand it refuses.

mod ast;
mod bind;
mod calendar;
mod catalog;
mod convert;
mod decimal;
pub mod error;
mod functions;
#[cfg(test)]
mod golden;
mod lexer;
mod message;
mod messages;
mod parser;
mod run;
mod sample;
mod tds;
pub mod types;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use crate::error::Error;
use crate::tds::token::Column;
use crate::types::Value;

/// The sandbox's only login.
pub const USER: &str = "sandbox";
/// Its password: public, and good for nothing but a loopback stand-in.
pub const PASSWORD: &str = "Sandbox-1433";
pub use crate::catalog::DATABASE;
pub use crate::tds::token;

/// How to start a sandbox.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; must be a loopback address. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// The login that is accepted.
    pub user: String,
    /// Its password.
    pub password: String,
    /// Offer TLS (inside PRELOGIN, TLS 1.2).
    pub tls: bool,
    /// The last day of its certificate (year, month, day); none for one that outlives everybody.
    pub expires: Option<(i32, u8, u8)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            user: USER.into(),
            password: PASSWORD.into(),
            tls: true,
            expires: None,
        }
    }
}

/// What happens to an Attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Attention {
    /// Acknowledged at once.
    #[default]
    Normal,
    /// Never acknowledged, and the statement runs on.
    Lost,
    /// Acknowledged after a while.
    Late(Duration),
}

/// Faults that tests switch on.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Close each new connection before PRELOGIN is answered.
    pub drop_before_login: bool,
    /// Wait before the answer to LOGIN7.
    pub login_delay: Option<Duration>,
    /// Answer logins with a routing ENVCHANGE.
    pub route_to: Option<(String, u16)>,
    /// Wait before each row.
    pub row_delay: Option<Duration>,
    /// Break the connection in the middle of the row after so many.
    pub drop_after_rows: Option<u64>,
    /// Answer the next request with this error.
    pub error: Option<Error>,
    /// Refuse a parameter without a type (NULLTYPE, 0x1F), as some servers do
    /// that speak TDS (8009).
    pub refuse_untyped: bool,
    /// What happens to an Attention.
    pub attention: Attention,
}

/// A prepared answer to one text, so that a benchmark measures the server and not the engine.
#[derive(Debug, Clone)]
pub struct Script {
    head: Bytes,
    rows: Bytes,
    rows_per_repeat: u64,
    repeat: u64,
}

impl Script {
    /// `rows`, sent `repeat` times over.
    pub fn new(columns: &[Column], rows: &[Vec<Value>], repeat: u64) -> Self {
        let (mut head, mut body) = (BytesMut::new(), BytesMut::new());
        token::columns(columns, &mut head);
        for r in rows {
            token::row(r.iter().zip(columns).map(|(v, c)| (v, c.ty)), &mut body);
        }
        Self {
            head: head.freeze(),
            rows: body.freeze(),
            rows_per_repeat: rows.len() as u64,
            repeat,
        }
    }
}

pub(crate) struct Inner {
    options: Options,
    shared: Arc<run::Shared>,
    acceptor: TlsAcceptor,
    faults: Mutex<Faults>,
    scripts: RwLock<HashMap<String, Script>>,
    rows_sent: Arc<AtomicU64>,
    attentions: AtomicU64,
    requests: AtomicU64,
    connections: AtomicU64,
}

impl Inner {
    fn faults(&self) -> Faults {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_faults(&self, f: impl FnOnce(&mut Faults)) {
        f(&mut self.faults.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// A running sandbox; dropping it ends it.
pub struct Sandbox {
    inner: Arc<Inner>,
    address: SocketAddr,
    certificate: String,
    /// Keeps the shared in-memory database alive.
    _keeper: Mutex<rusqlite::Connection>,
    _task: AbortOnDropHandle<()>,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("address", &self.address).finish_non_exhaustive()
    }
}

fn other(e: impl std::fmt::Display) -> io::Error {
    io::Error::other(e.to_string())
}

impl Sandbox {
    /// Loads the sample and listens.
    pub async fn start(options: Options) -> io::Result<Self> {
        if !options.listen.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "the sandbox listens on loopback only, and {} is not: its password is public",
                    options.listen.ip()
                ),
            ));
        }
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::new(run::Shared::new(format!("file:/mssql-mcp-sandbox-{n}?vfs=memdb")));
        let keeper = run::open(&shared).map_err(other)?;
        let load = shared.clone();
        tokio::task::spawn_blocking(move || sample::load(&load))
            .await
            .map_err(other)?
            .map_err(other)?;
        let (acceptor, certificate) = identity(options.expires)?;
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let inner = Arc::new(Inner {
            options,
            shared,
            acceptor,
            faults: Mutex::default(),
            scripts: RwLock::default(),
            rows_sent: Arc::default(),
            attentions: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        });
        let task = AbortOnDropHandle::new(tokio::spawn(accept(inner.clone(), listener)));
        Ok(Self { inner, address, certificate, _keeper: Mutex::new(keeper), _task: task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its self-signed certificate, as PEM, for a client that should trust it and nothing else.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Switches faults.
    pub fn faults(&self, f: impl FnOnce(&mut Faults)) {
        self.inner.set_faults(f);
    }

    /// Answers `sql` from a script from now on.
    pub fn script(&self, sql: &str, script: Script) {
        self.inner
            .scripts
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(sql.trim().to_owned(), script);
    }

    /// Rows written to clients so far.
    pub fn rows_sent(&self) -> u64 {
        self.inner.rows_sent.load(Ordering::Relaxed)
    }

    /// Attentions received while a request ran.
    pub fn attentions(&self) -> u64 {
        self.inner.attentions.load(Ordering::Relaxed)
    }

    /// Batches and RPCs received: round trips that were asked for.
    pub fn requests(&self) -> u64 {
        self.inner.requests.load(Ordering::Relaxed)
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> u64 {
        self.inner.connections.load(Ordering::Relaxed)
    }

    /// The sample's tables and their row counts, in order of name.
    pub fn tables(&self) -> Vec<(String, u64)> {
        let catalog =
            self.inner.shared.catalog.read().unwrap_or_else(PoisonError::into_inner).clone();
        let conn = self._keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out: Vec<(String, u64)> = catalog
            .objects
            .iter()
            .filter_map(|o| {
                let n: i64 = conn
                    .query_row(&format!("SELECT count(*) FROM {}", o.table()?.physical), [], |r| {
                        r.get(0)
                    })
                    .ok()?;
                Some((format!("{}.{}", o.schema, o.name), n.unsigned_abs()))
            })
            .collect();
        out.sort();
        out
    }
}

async fn accept(inner: Arc<Inner>, listener: TcpListener) {
    let next = AtomicI64::new(51);
    let mut sessions = tokio::task::JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => {
                inner.connections.fetch_add(1, Ordering::Relaxed);
                let (inner, spid) = (inner.clone(), next.fetch_add(1, Ordering::Relaxed) % 32_000);
                sessions.spawn(async move {
                    if let Err(e) = tds::connection::serve(inner, tcp, spid).await {
                        tracing::debug!(error = %e, "sandbox connection ended");
                    }
                });
            }
            Err(e) => {
                tracing::warn!(error = %e, "sandbox accept failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        while sessions.try_join_next().is_some() {}
    }
}

fn identity(expires: Option<(i32, u8, u8)>) -> io::Result<(TlsAcceptor, String)> {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let mut params = rcgen::CertificateParams::new(names).map_err(other)?;
    if let Some((y, m, d)) = expires {
        params.not_after = rcgen::date_time_ymd(y, m, d);
    }
    let signing_key = rcgen::KeyPair::generate().map_err(other)?;
    let cert = params.self_signed(&signing_key).map_err(other)?;
    let pem = cert.pem();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    // TLS 1.3 would send session tickets after the handshake, where TDS 7.4 expects none.
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .map_err(other)?
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .map_err(other)?;
    Ok((TlsAcceptor::from(Arc::new(config)), pem))
}
