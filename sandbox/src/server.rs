//! The endpoint: who may log in, the connections, and what they share.

mod certificate;
mod connection;
mod login;
mod prelogin;
mod script;
mod session_thread;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;

use self::certificate::Acceptors;
pub use self::script::Script;
use self::script::Scripts;
use crate::faults::Faults;
use crate::names::{PASSWORD, USER};
use crate::run::Shared;
use crate::tds::request::Request;

/// How to start a sandbox.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; must be a loopback address. Port 0 picks a free one.
    pub listen: SocketAddr,
    /// The login that is accepted, in every database, where nothing is said of others.
    pub user: String,
    /// Its password.
    pub password: String,
    /// Further logins.
    pub logins: Vec<SandboxLogin>,
    /// The value of @@SERVERNAME; empty for the sandbox's own name.
    pub server_name: String,
    /// Further user databases, ten at most: a name, and a T-SQL script that fills it at the start.
    /// GO on a line of its own ends a batch of the script.
    pub databases: Vec<(String, String)>,
    /// A further database with a large schema; none where nothing is said.
    pub generated: Option<Generated>,
    /// Offer TLS: inside PRELOGIN (1.2), and from the first byte on (1.2 and 1.3).
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
            logins: Vec::new(),
            server_name: String::new(),
            databases: Vec::new(),
            generated: None,
            tls: true,
            expires: None,
        }
    }
}

/// A further login ("CREATE LOGIN … WITH PASSWORD").
#[derive(Debug, Clone, Default)]
pub struct SandboxLogin {
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: String,
    /// Where it begins when it names no database; empty for the sample's.
    pub default_database: String,
    /// The user databases that it may enter. It is a guest in those that every server has.
    pub databases: Vec<String>,
}

/// A large schema in a database of its own: tables without rows, which nothing can change, with
/// keys, references between neighbours, and descriptions. It counts as one of the ten further
/// databases.
#[derive(Debug, Clone)]
pub struct Generated {
    /// The name of its database.
    pub database: String,
    /// How many tables it has.
    pub tables: usize,
    /// How many columns each of them has, from 1 to 1,024.
    pub columns: usize,
}

impl Default for Generated {
    fn default() -> Self {
        Self { database: "warehouse".into(), tables: 30_000, columns: 30 }
    }
}

/// What the connections of a sandbox share.
pub(crate) struct Server {
    options: Options,
    shared: Arc<Shared>,
    tls: Acceptors,
    faults: Mutex<Faults>,
    scripts: Scripts,
    rows_sent: Arc<AtomicU64>,
    attentions: AtomicU64,
    requests: AtomicU64,
    connections: AtomicU64,
}

impl Server {
    pub(crate) fn new(options: Options, shared: Arc<Shared>) -> io::Result<Self> {
        let tls = certificate::acceptors(options.expires)?;
        Ok(Self {
            options,
            shared,
            tls,
            faults: Mutex::default(),
            scripts: Scripts::default(),
            rows_sent: Arc::default(),
            attentions: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            connections: AtomicU64::new(0),
        })
    }

    /// Of its certificate, as PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.tls.certificate
    }

    /// The faults that are switched on. Poison means nothing here, as they are plain data.
    fn faults(&self) -> Faults {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_faults(&self, f: impl FnOnce(&mut Faults)) {
        f(&mut self.faults.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn add_script(&self, text: &str, script: Script) {
        self.scripts.insert(text, script);
    }

    fn script_for(&self, request: &Request) -> Option<Script> {
        self.scripts.find(request)
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Rows written to clients.
    pub(crate) fn rows_sent(&self) -> u64 {
        self.rows_sent.load(Ordering::Relaxed)
    }

    /// Attentions that came while a request ran.
    pub(crate) fn attentions(&self) -> u64 {
        self.attentions.load(Ordering::Relaxed)
    }

    /// Batches and RPCs, transaction requests and what was not understood.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

/// Serves connections until it is dropped, and them with it.
pub(crate) async fn accept(server: Arc<Server>, listener: TcpListener) {
    let next = AtomicI64::new(51);
    let mut sessions = tokio::task::JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((tcp, _)) => {
                server.connections.fetch_add(1, Ordering::Relaxed);
                let (server, spid) =
                    (server.clone(), next.fetch_add(1, Ordering::Relaxed) % 32_000);
                sessions.spawn(async move {
                    if let Err(e) = connection::serve(server, tcp, spid).await {
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
