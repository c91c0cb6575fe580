//! The endpoint: who may log in, the connections, and what they share.

mod admit;
mod certificate;
mod connection;
mod entry;
mod features;
#[cfg(feature = "gssapi")]
mod gss;
mod jwt;
mod login;
mod options;
mod prelogin;
mod script;
mod seen;
mod session_thread;
mod stream;
mod windows;

use std::io;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use self::certificate::Acceptors;
#[cfg(feature = "gssapi")]
pub use self::gss::GssAcceptor;
pub use self::options::{Generated, Options, SandboxLogin, SandboxPrincipal, SandboxWindowsLogin};
pub use self::script::Script;
use self::script::Scripts;
pub use self::seen::SeenLogin;
pub use self::windows::{WindowsAcceptor, WindowsHandshake, WindowsStep};
use crate::error::Error;
use crate::faults::Faults;
use crate::run::Shared;
use crate::tds::request::Request;

/// What the connections of a sandbox share.
pub(crate) struct Server {
    options: Options,
    shared: Arc<Shared>,
    tls: Acceptors,
    faults: Mutex<Faults>,
    scripts: Scripts,
    /// The tokens that logins brought.
    tokens: Mutex<Vec<String>>,
    logins: Mutex<Vec<SeenLogin>>,
    /// How often all connections were ended.
    kills: watch::Sender<u64>,
    rows_sent: Arc<AtomicU64>,
    attentions: AtomicU64,
    requests: AtomicU64,
    connections: AtomicU64,
}

impl Server {
    pub(crate) fn new(options: Options, shared: Arc<Shared>) -> io::Result<Self> {
        let tls = certificate::acceptors(&options)?;
        Ok(Self {
            options,
            shared,
            tls,
            faults: Mutex::default(),
            scripts: Scripts::default(),
            tokens: Mutex::default(),
            logins: Mutex::default(),
            kills: watch::Sender::default(),
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

    /// What the next login is refused with, which no other login is.
    fn next_login_error(&self) -> Option<Error> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        (!faults.login_errors.is_empty()).then(|| faults.login_errors.remove(0))
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

    fn keep_token(&self, token: &str) {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).push(token.to_owned());
    }

    fn remember(&self, login: SeenLogin) {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner).push(login);
    }

    pub(crate) fn logins(&self) -> Vec<SeenLogin> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends all connections; how many there were.
    pub(crate) fn kill_all(&self) -> usize {
        let connections = self.kills.receiver_count();
        self.kills.send_modify(|kills| *kills += 1);
        connections
    }

    pub(crate) fn tokens(&self) -> Vec<String> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
                    if let Err(e) = serve_until_killed(server, tcp, spid).await {
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

/// Serves a connection until it ends, or all do, as in a failover. Then its peer gets a reset: what
/// keeps the socket open meanwhile says so before it is closed.
async fn serve_until_killed(server: Arc<Server>, tcp: TcpStream, spid: i64) -> io::Result<()> {
    let mut killed = server.kills.subscribe();
    let tcp = tcp.into_std()?;
    let twin = tcp.try_clone()?;
    let tcp = TcpStream::from_std(tcp)?;
    let served = Box::pin(entry::serve(server, tcp, spid));
    tokio::select! {
        result = served => result,
        Ok(()) = killed.changed() => {
            // Whoever sees the reset may count connections anew.
            drop(killed);
            TcpStream::from_std(twin)?.set_zero_linger()
        }
    }
}
