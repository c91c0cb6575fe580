//! What a process serves: databases with their stacks at MCP level, sign-in, the audit; made from
//! the configuration, and changed by a reload while calls run.

mod replaceable;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mssql_mcp_middleware::rate_limit::{Limiter, Quota};
use mssql_mcp_transports::McpService;
use mssql_mcp_transports::session::Sessions;
use tower::util::BoxCloneSyncService;

use replaceable::Replaceable;

use crate::audit::log::SERVER;
use crate::audit::{Audit, AuditLayer};
use crate::config::Config;
use crate::config::settings;
use crate::database::rows::Bounds;
use crate::database::{Database, Settings};
use crate::http::{Listener, Mount, Reloadable, Served, Shutdown};
use crate::limits::Quotas;
use crate::oauth::server::Authority;
use crate::oauth::store::{self, Records};
use crate::observe::Calls;
use crate::server::Server;
use crate::stack;
use crate::telemetry::metrics::gauge;
use crate::tools::confirm::Confirm;
use crate::tools::search::DocumentIndex;
use crate::tools::{Registry, Surroundings};

/// Networks that are counted at once.
const PEERS: usize = 50_000;

/// What a process serves.
#[derive(Clone)]
pub struct App {
    /// The stack at MCP level of the main database, or of the first mount.
    pub service: McpService,
    /// The database behind it.
    pub database: Database,
    /// What is where over HTTP, in the order of [`Config::served`].
    pub(crate) mounts: Arc<[Mounted]>,
    /// Sign-in over HTTP, where it is on.
    pub authority: Option<Authority>,
    /// Who did what, where that is kept.
    pub audit: Audit,
    reloadable: Arc<Reloadable>,
    quotas: Arc<Quotas>,
}

/// What all mounts share.
#[derive(Debug, Clone)]
struct Common {
    audit: Audit,
    quotas: Arc<Quotas>,
}

/// One path over HTTP, with its stack.
#[derive(Clone)]
pub(crate) struct Mounted {
    /// Empty for the root.
    pub(crate) path: String,
    /// Its stack at MCP level.
    pub(crate) service: McpService,
    /// The database behind it.
    pub(crate) database: Database,
    /// What a reload replaces, and what it keeps.
    stack: Replaceable,
    confirm: Confirm,
    audit: AuditLayer,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("database", &self.database).finish_non_exhaustive()
    }
}

impl Mounted {
    fn new(path: &str, config: &Config, settings: Settings, common: &Common) -> Self {
        Self::over(Database::new(settings), path.to_owned(), config, common)
    }

    /// The same database at another path.
    fn at(&self, path: String, config: &Config, common: &Common) -> Self {
        if path == self.path {
            self.clone()
        } else {
            Self::over(self.database.clone(), path, config, common)
        }
    }

    fn over(database: Database, path: String, config: &Config, common: &Common) -> Self {
        let (confirm, audit) =
            (Confirm::new(config), AuditLayer::new(common.audit.clone(), &path, database.clone()));
        let first = assembled(&path, &database, &confirm, &audit, config, &common.quotas);
        let stack = Replaceable::new(first);
        Self {
            path,
            service: BoxCloneSyncService::new(stack.clone()),
            database,
            stack,
            confirm,
            audit,
        }
    }

    /// From the next call on, with the limits of another configuration.
    fn reload(&self, config: &Config, quotas: &Arc<Quotas>) {
        self.database.set_lock_timeout(config.get(settings::limits::LOCK_TIMEOUT));
        let new = assembled(&self.path, &self.database, &self.confirm, &self.audit, config, quotas);
        self.stack.replace(new);
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
        Self::with_settings(config, Settings::from_config(config)?)
    }

    /// With settings that a command adjusted (the demo trusts its sandbox's certificate).
    pub fn with_settings(config: &Config, settings: Settings) -> Result<Self, String> {
        let common =
            Common { audit: Audit::open(config, SERVER)?, quotas: Arc::new(Quotas::new(config)) };
        let main = Mounted::new("", config, settings, &common);
        // Several paths to the main database share its pool.
        let mut mounts: Vec<Mounted> =
            config.prefixes().into_iter().map(|path| main.at(path, config, &common)).collect();
        for (path, c) in config.mounts() {
            mounts.push(Mounted::new(path, c, Settings::from_config(c)?, &common));
        }
        let first = if config.prefixes().is_empty() { mounts[0].clone() } else { main };
        Ok(Self {
            service: first.service,
            database: first.database,
            mounts: mounts.into(),
            authority: None,
            audit: common.audit,
            reloadable: Arc::new(Reloadable {
                peers: Limiter::new(peer_quota(config), PEERS),
                max_request: AtomicUsize::new(config.get(settings::limits::MAX_REQUEST) as usize),
            }),
            quotas: common.quotas,
        })
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
            database: m.database.clone(),
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
        let sessions = Arc::new(Sessions::new(
            config.get(settings::http::MAX_SESSIONS) as usize,
            config.get(settings::http::SESSION_IDLE),
        ));
        let open = sessions.clone();
        gauge("mssql_mcp.sessions", move |put| put(open.len() as u64, &[]));
        let served = self.served();
        let stack = stack::http(&served, config, listener.address(), &sessions, &stop);
        let swept = self.sweep(sessions.clone(), config);
        let over = stop.closing.clone();
        tokio::spawn(over.run_until_cancelled_owned(swept));
        listener.serve(stack, config, stop, || sessions.close_all()).await
    }

    /// Whoever never came back is forgotten without waiting for somebody who looks.
    fn sweep(
        &self,
        sessions: Arc<Sessions>,
        config: &Config,
    ) -> impl Future<Output = ()> + Send + use<> {
        let reloadable = self.reloadable.clone();
        let every = (config.get(settings::http::SESSION_IDLE) / 10)
            .clamp(Duration::from_secs(1), Duration::from_secs(10));
        async move {
            loop {
                tokio::time::sleep(every).await;
                sessions.sweep();
                reloadable.peers.sweep();
            }
        }
    }

    pub(crate) fn databases(&self) -> Vec<Database> {
        let mut all = vec![self.database.clone()];
        for m in &*self.mounts {
            if !all.iter().any(|d| d.same(&m.database)) {
                all.push(m.database.clone());
            }
        }
        all
    }
}

/// The stack of one path.
fn assembled(
    path: &str,
    database: &Database,
    confirm: &Confirm,
    audit: &AuditLayer,
    config: &Config,
    quotas: &Arc<Quotas>,
) -> McpService {
    let bounds = Bounds {
        max_rows: config.get(settings::limits::MAX_ROWS),
        max_chars: config.get(settings::limits::MAX_CHARS) as usize,
        max_cell: config.get(settings::limits::MAX_CELL) as usize,
        csv: config.get(settings::limits::TEXT) == settings::limits::RowsText::Csv,
    };
    let brief = config.get(settings::tools::TEXT_BLOCK) == settings::tools::TextBlock::Brief;
    let surroundings = Surroundings { database: database.clone(), bounds, brief };
    let library = config.get(settings::tools::SEARCH).then(|| DocumentIndex::new(path, config));
    let mut registry = Registry::new(surroundings, confirm.clone(), library);
    if config.get(settings::auth::MODE) != settings::auth::AuthMode::Off {
        registry = registry.behind_sign_in();
    }
    let calls = Calls::new(registry.names());
    let (center, timeout) = (Server::new(registry), config.get(settings::limits::QUERY_TIMEOUT));
    let tools = center.registry();
    stack::mcp(center, tools, calls, audit.clone(), quotas.clone(), timeout)
}

fn peer_quota(config: &Config) -> Quota {
    Quota::per(config.get(settings::limits::PEER_REQUESTS) as u32, Duration::from_secs(60))
}
