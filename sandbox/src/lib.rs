//! A small SQL Server-compatible endpoint: TDS 7.4 in front, bundled SQLite behind, a
//! sample trading database inside.
//!
//! It exists so that the demo, the tests and the benchmarks of `mssql-mcp` run through the real
//! driver and the real wire protocol where there is no SQL Server. It listens on loopback only.
//! `README.md` lists what it understands; what it does not understand it refuses.

mod bind;
mod calendar;
mod catalog;
mod certificate;
mod convert;
mod decimal;
pub mod error;
mod faults;
mod functions;
#[cfg(test)]
mod golden;
mod messages;
mod run;
mod sample;
mod script;
mod syntax;
mod tds;
pub mod types;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

pub use crate::catalog::DATABASE;
pub use crate::faults::{Attention, Faults};
pub use crate::script::Script;
pub use crate::tds::token;

/// The sandbox's only login.
pub const USER: &str = "sandbox";
/// Its password: public, and good for nothing but a loopback stand-in.
pub const PASSWORD: &str = "Sandbox-1433";

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

/// What the connections of a sandbox share.
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
        let keeper = run::open(&shared).map_err(io::Error::other)?;
        let load = shared.clone();
        tokio::task::spawn_blocking(move || sample::load(&load))
            .await
            .map_err(io::Error::other)?
            .map_err(io::Error::other)?;
        let (acceptor, certificate) = certificate::acceptor(options.expires)?;
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
