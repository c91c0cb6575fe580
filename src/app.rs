//! What a process serves: databases with their stacks at MCP level, sign-in, the audit; made from
//! the configuration, and changed by a reload while calls run.

mod mounted;
mod replaceable;
mod sessions;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mssql_mcp_middleware::rate_limit::{Limiter, Quota};
use mssql_mcp_transports::sessions::Sessions;
use mssql_mcp_transports::{Changes, McpRequest, McpService, Outcome, Why};
use tokio_util::sync::CancellationToken;
use tower::Service;

use mounted::Common;
pub(crate) use mounted::Mounted;

use crate::audit::Audit;
use crate::audit::log::SERVER;
use crate::config::Config;
use crate::config::settings;
use crate::database::{Database, Settings};
use crate::http::{Listener, Mount, Reloadable, Served, Shutdown};
use crate::limits::Quotas;
use crate::oauth::server::Authority;
use crate::oauth::store::{self, Records};
use crate::resources::watched;
use crate::results::KeptFiles;
use crate::runs::Runs;
use crate::stack;
use crate::tasks::PatienceOf;
use crate::telemetry::metrics::gauge;
use crate::views::KeptResults;

/// Networks that are counted at once.
const PEERS: usize = 50_000;

/// What a process serves.
#[derive(Clone)]
pub struct App {
    /// The stack at MCP level of the main database, or of the first mount.
    pub service: McpService,
    /// The database behind it.
    pub database: Database,
    /// What changes in what it lists.
    pub(crate) changes: Changes,
    first: Mounted,
    /// What is where over HTTP, in the order of [`Config::served`].
    pub(crate) mounts: Arc<[Mounted]>,
    /// Sign-in over HTTP, where it is on.
    pub authority: Option<Authority>,
    /// Who did what, where that is kept.
    pub audit: Audit,
    reloadable: Arc<Reloadable>,
    quotas: Arc<Quotas>,
    files: KeptFiles,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("database", &self.database).finish_non_exhaustive()
    }
}

impl App {
    /// With sign-in, if the configuration has it on.
    pub fn signed_in(mut self, config: &Config) -> Result<Self, String> {
        if config.get(settings::auth::MODE) != settings::auth::AuthMode::Off {
            let text = config.get(settings::auth::STORE);
            if let Some(earlier) = store::left_behind(text) {
                tracing::warn!(
                    "there is a store at {}, where earlier versions kept it, and it is not used; \
                     move it, or set auth.store",
                    std::path::absolute(earlier).unwrap_or_default().display()
                );
            }
            let (records, made) = Records::open_or_make(text).map_err(|e| e.to_string())?;
            if let Some(file) = made {
                tracing::warn!(
                    "made a new store at {}: nobody can sign in yet; mssql-mcp user add NAME",
                    file.display()
                );
            }
            self.authority = Some(Authority::new(config, records, self.audit.clone()));
        }
        Ok(self)
    }

    /// Everything that the configuration describes; nothing connects yet.
    pub fn new(config: &Config) -> Result<Self, String> {
        Self::with_settings(config, |_| ())
    }

    /// With settings that a command adjusts (the demo trusts its sandbox's certificate).
    pub fn with_settings(config: &Config, adjust: impl Fn(&mut Settings)) -> Result<Self, String> {
        let common = Common {
            audit: Audit::open(config, SERVER)?,
            quotas: Arc::new(Quotas::new(config)),
            files: KeptFiles::new(config),
        };
        let mut pools = Pools { adjust: &adjust, made: Vec::new() };
        let prefixes = config.prefixes();
        // Over stdio the main databases are served at no path.
        let main = match prefixes.iter().all(|p| !p.is_empty()) && config.has_database() {
            true => Some(Mounted::new(String::new(), config, pools.of(config)?, &common)),
            false => None,
        };
        let mut mounts = Vec::new();
        for path in prefixes {
            mounts.push(Mounted::new(path, config, pools.of(config)?, &common));
        }
        for (path, c) in config.mounts() {
            mounts.push(Mounted::new(path.clone(), c, pools.of(c)?, &common));
        }
        let at_root = || mounts.iter().find(|m| m.path.is_empty()).cloned();
        let first = main.or_else(at_root).unwrap_or_else(|| mounts[0].clone());
        Ok(Self {
            service: first.service.clone(),
            database: first.databases[0].clone(),
            changes: first.changes.clone(),
            first,
            mounts: mounts.into(),
            authority: None,
            audit: common.audit,
            reloadable: Arc::new(Reloadable {
                peers: Limiter::new(peer_quota(config), PEERS),
                max_request: AtomicUsize::new(config.get(settings::limits::MAX_REQUEST) as usize),
            }),
            quotas: common.quotas,
            files: common.files,
        })
    }

    /// With another center in the stack of the first mount, which tells its changes to what
    /// [`Self::changes`] gives, and whose calls become tasks after what `patience` says; a reload
    /// brings the server's own back.
    pub fn with_center<S>(config: &Config, center: S, patience: PatienceOf) -> Result<Self, String>
    where
        S: Service<McpRequest, Response = Outcome, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        let app = Self::new(config)?;
        app.mounts[0].replace_center(center, patience, config, &app.quotas);
        Ok(app)
    }

    /// Where changes of what the first mount lists are told.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// Takes over the limits and clients of another configuration; no call notices
    /// but by its limits.
    pub fn reload(&self, config: &Config) {
        self.quotas.reload(config);
        self.reloadable.peers.set(peer_quota(config));
        self.reloadable
            .max_request
            .store(config.get(settings::limits::MAX_REQUEST) as usize, Ordering::Relaxed);
        let served = config.served();
        for m in &*self.mounts {
            if let Some((_, c)) = served.iter().find(|(path, _)| *path == m.path) {
                m.reload(c, &self.quotas);
            }
        }
        if let Some(a) = &self.authority {
            a.reload(config);
        }
    }

    /// What of it is served over HTTP.
    pub(crate) fn served(&self) -> Served {
        let mount = |m: &Mounted| Mount {
            path: m.path.clone(),
            service: m.service.clone(),
            databases: m.databases.clone(),
            changes: m.changes.clone(),
            kept: m.kept.clone(),
            files: m.files.clone(),
        };
        Served {
            mounts: self.mounts.iter().map(mount).collect(),
            authority: self.authority.clone(),
            reloadable: self.reloadable.clone(),
        }
    }

    /// Serves over HTTP until it is asked to stop.
    pub async fn serve(
        &self,
        listener: Listener,
        config: &Config,
        stop: Shutdown,
    ) -> std::io::Result<()> {
        if config.get(settings::http::SHOW_SERVER) {
            self.be_frank();
        }
        let records = self.authority.as_ref().map(Authority::records);
        let sessions = Arc::new(sessions::sessions(config, listener.address(), records).await);
        let open = sessions.clone();
        gauge("mssql_mcp.sessions", move |put| put(open.len() as u64, &[]));
        let all: Vec<Runs> = self.mounts.iter().map(|m| m.runs.clone()).collect();
        gauge("mssql_mcp.tasks", move |put| {
            put(all.iter().map(Runs::len).sum::<usize>() as u64, &[]);
        });
        let kept: Vec<KeptResults> = self.mounts.iter().map(|m| m.kept.clone()).collect();
        gauge("mssql_mcp.views.results", move |put| {
            put(kept.iter().map(KeptResults::len).sum::<usize>() as u64, &[]);
        });
        let files = self.files.clone();
        gauge("mssql_mcp.results.kept", move |put| put(files.usage().1 as u64, &[]));
        let files = self.files.clone();
        gauge("mssql_mcp.results.size", move |put| put(files.usage().0, &[]));
        let served = self.served();
        let stack = stack::http(&served, config, listener.address(), &sessions, &stop);
        let swept = self.sweep(sessions.clone(), config);
        tokio::spawn(stop.closing.clone().run_until_cancelled_owned(swept));
        self.watch_catalogs(config, &stop.closing);
        let end = || {
            sessions.close_all();
            self.mounts.iter().for_each(|m| m.runs.cancel_all(Why::Closing));
        };
        let idle = async || {
            while sessions.any_runs() || self.mounts.iter().any(|m| m.runs.any_works()) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        listener.serve(stack, config, stop, idle, end).await
    }

    /// Cancels calls that nobody asks for, and forgets those whose time is over.
    pub(crate) fn sweep_runs(&self) {
        self.mounts.iter().chain([&self.first]).for_each(|m| m.runs.sweep());
    }

    /// Callers are told where the databases are: they are whoever started the process.
    pub(crate) fn be_frank(&self) {
        self.databases().iter().for_each(Database::be_frank);
    }

    /// Cancels tasks that still work, and waits for their ends, which are recorded.
    pub(crate) async fn end_tasks(&self) {
        let all: Vec<&Runs> = self.mounts.iter().chain([&self.first]).map(|m| &m.runs).collect();
        all.iter().for_each(|runs| runs.cancel_all(Why::Closing));
        for _ in 0..60 {
            if !all.iter().any(|runs| runs.any_works()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Looks from time to time whether the catalogs have changed, and tells whoever listens, until
    /// `stop` fires.
    pub(crate) fn watch_catalogs(&self, config: &Config, stop: &CancellationToken) {
        let served = config.served();
        // Over stdio the main database is served at no path.
        let beside =
            (!self.mounts.iter().any(|m| m.path == self.first.path)).then_some(&self.first);
        for m in self.mounts.iter().chain(beside) {
            let own = served.iter().find(|(path, _)| *path == m.path).map_or(config, |(_, c)| c);
            let every = own.get(settings::database::WATCH);
            if every.is_zero() {
                continue;
            }
            for source in m.center(own).registries().all().sources().iter() {
                let (watch, changes) = (m.watch.clone(), m.changes.clone());
                let (database, name) = (source.database.clone(), source.name.clone());
                let looks = watched(database, name, watch, changes, every);
                tokio::spawn(stop.clone().run_until_cancelled_owned(looks));
            }
        }
    }

    /// Whoever never came back is forgotten without waiting for somebody who looks.
    fn sweep(
        &self,
        sessions: Arc<Sessions>,
        config: &Config,
    ) -> impl Future<Output = ()> + Send + use<> {
        let reloadable = self.reloadable.clone();
        let runs: Vec<Runs> = self.mounts.iter().map(|m| m.runs.clone()).collect();
        let files = self.files.clone();
        let every = (config.get(settings::http::SESSION_IDLE) / 10)
            .clamp(Duration::from_secs(1), Duration::from_secs(10));
        async move {
            loop {
                tokio::time::sleep(every).await;
                sessions.sweep();
                runs.iter().for_each(Runs::sweep);
                reloadable.peers.sweep();
                files.sweep();
            }
        }
    }

    pub(crate) fn databases(&self) -> Vec<Database> {
        let mut all = vec![self.database.clone()];
        for d in self.mounts.iter().chain([&self.first]).flat_map(|m| m.databases.iter()) {
            if !all.iter().any(|known| known.same(d)) {
                all.push(d.clone());
            }
        }
        all
    }
}

/// The pools of a process: whatever has the same settings shares one.
struct Pools<'a> {
    adjust: &'a dyn Fn(&mut Settings),
    made: Vec<(Config, Database)>,
}

impl Pools<'_> {
    /// Those of the databases of a path.
    fn of(&mut self, config: &Config) -> Result<Arc<[Database]>, String> {
        config.databases().iter().map(|d| self.one(&d.config)).collect()
    }

    fn one(&mut self, config: &Config) -> Result<Database, String> {
        if let Some((_, made)) = self.made.iter().find(|(of, _)| of.same_values(config)) {
            return Ok(made.clone());
        }
        let mut settings = Settings::from_config(config)?;
        (self.adjust)(&mut settings);
        let database = Database::new(settings);
        self.made.push((config.clone(), database.clone()));
        Ok(database)
    }
}

fn peer_quota(config: &Config) -> Quota {
    Quota::per(config.get(settings::limits::PEER_REQUESTS) as u32, Duration::from_secs(60))
}
