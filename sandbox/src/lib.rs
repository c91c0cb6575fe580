//! A small SQL Server-compatible endpoint: TDS 7.4 in front, bundled SQLite behind, a
//! sample trading database inside.
//!
//! It exists so that the demo, the tests and the benchmarks of `mssql-mcp` run through the real
//! driver and the real wire protocol where there is no SQL Server. It listens on loopback only.
//! `README.md` lists what it understands; what it does not understand it refuses.

mod bind;
mod calendar;
mod catalog;
mod convert;
mod decimal;
pub mod error;
mod faults;
mod functions;
#[cfg(test)]
mod golden;
mod messages;
mod names;
mod run;
mod sample;
mod server;
mod syntax;
mod tds;
pub mod types;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

pub use crate::faults::{Attention, Faults};
pub use crate::names::{DATABASE, PASSWORD, USER};
#[cfg(feature = "gssapi")]
pub use crate::server::GssAcceptor;
use crate::server::Server;
pub use crate::server::{
    Generated, Options, SandboxLogin, SandboxPrincipal, SandboxWindowsLogin, Script, SeenLogin,
};
pub use crate::server::{WindowsAcceptor, WindowsHandshake, WindowsStep};
pub use crate::tds::token;

/// A running sandbox; dropping it ends it.
pub struct Sandbox {
    server: Arc<Server>,
    address: SocketAddr,
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
        let mut further: Vec<String> = options.databases.iter().map(|d| d.0.clone()).collect();
        if let Some(generated) = &options.generated {
            if !(1..=1024).contains(&generated.columns) {
                let what = "a generated table has from 1 to 1,024 columns";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
            }
            further.push(generated.database.clone());
        }
        let uri = format!("/mssql-mcp-sandbox-{n}");
        let shared = run::Shared::with(&uri, &options.server_name, &further)
            .map_err(|what| io::Error::new(io::ErrorKind::InvalidInput, what))?;
        let shared = Arc::new(shared);
        let keeper = run::open(&shared).map_err(io::Error::other)?;
        run::attach_all(&keeper, &shared).map_err(io::Error::other)?;
        let (load, databases) = (shared.clone(), options.databases.clone());
        let generated = options.generated.clone();
        tokio::task::spawn_blocking(move || {
            sample::load(&load)?;
            if let Some(Generated { database, tables, columns }) = &generated {
                sample::generate(&load, database, *tables, *columns);
            }
            databases.iter().try_for_each(|(name, script)| sample::fill(&load, name, script))
        })
        .await
        .map_err(io::Error::other)?
        .map_err(io::Error::other)?;
        shared.set_read_only(options.read_only_replica);
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let server = Arc::new(Server::new(options, shared)?);
        let task = AbortOnDropHandle::new(tokio::spawn(server::accept(server.clone(), listener)));
        Ok(Self { server, address, _keeper: Mutex::new(keeper), _task: task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its self-signed certificate, as PEM, for a client that should trust it and nothing else.
    pub fn certificate(&self) -> &str {
        self.server.certificate()
    }

    /// Switches faults.
    pub fn faults(&self, f: impl FnOnce(&mut Faults)) {
        self.server.set_faults(f);
    }

    /// Answers `sql` from a script from now on.
    pub fn script(&self, sql: &str, script: Script) {
        self.server.add_script(sql, script);
    }

    /// Rows written to clients so far.
    pub fn rows_sent(&self) -> u64 {
        self.server.rows_sent()
    }

    /// Attentions received while a request ran.
    pub fn attentions(&self) -> u64 {
        self.server.attentions()
    }

    /// Batches and RPCs received: round trips that were asked for.
    pub fn requests(&self) -> u64 {
        self.server.requests()
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> u64 {
        self.server.connections()
    }

    /// Logins so far, accepted, sent on or refused, in their order.
    pub fn logins(&self) -> Vec<SeenLogin> {
        self.server.logins()
    }

    /// Ends all connections as a failover does, with a reset and without a word; how many there
    /// were. Later ones are accepted.
    pub fn kill_all(&self) -> usize {
        self.server.kill_all()
    }

    /// The tokens that logins brought, accepted or refused, in their order (MS-TDS §2.2.6.4,
    /// FEDAUTH).
    pub fn tokens(&self) -> Vec<String> {
        self.server.tokens()
    }

    /// The sample's tables and their row counts, in order of name.
    pub fn tables(&self) -> Vec<(String, u64)> {
        let keeper = self._keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |table: &str| -> rusqlite::Result<i64> {
            keeper.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
        };
        let mut out: Vec<(String, u64)> = Vec::new();
        for object in &self.server.shared().committed(run::SAMPLE).objects {
            let rows = object.table().and_then(|t| count(&t.physical).ok());
            if let Some(rows) = rows {
                out.push((format!("{}.{}", object.schema, object.name), rows.unsigned_abs()));
            }
        }
        out.sort();
        out
    }
}
