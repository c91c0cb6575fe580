//! One path over HTTP: databases with their stack at MCP level, and what a reload replaces of it and
//! what it keeps.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Extensions;
use mssql_mcp_own::OwnTool;
use mssql_mcp_transports::{Change, Changes, McpRequest, McpService, Outcome};
use tower::Service;
use tower::util::BoxCloneSyncService;

use super::replaceable::Replaceable;
use crate::audit::{Audit, AuditLayer};
use crate::config::Config;
use crate::config::settings;
use crate::database::Database;
use crate::limits::Quotas;
use crate::observe::Calls;
use crate::resources::Watch;
use crate::results::KeptFiles;
use crate::runs::{RunBounds, Runs};
use crate::server::Server;
use crate::sources::{DataSource, DataSources};
use crate::stack;
use crate::tasks::{Patience, PatienceOf, TasksLayer, declares};
use crate::tools::confirm::Confirm;
use crate::tools::search::DocumentIndex;
use crate::tools::{OwnTools, Pages, Registries, Registry, Surroundings};
use crate::views::KeptResults;

/// What all mounts share.
#[derive(Debug, Clone)]
pub(super) struct Common {
    pub(super) audit: Audit,
    pub(super) quotas: Arc<Quotas>,
    pub(super) files: KeptFiles,
}

/// One path over HTTP, with its stack.
#[derive(Clone)]
pub(crate) struct Mounted {
    /// Empty for the root.
    pub(crate) path: String,
    /// Its stack at MCP level.
    pub(crate) service: McpService,
    /// The pools of the databases behind it, in the order of the configuration.
    pub(crate) databases: Arc<[Database]>,
    /// What changes in what it lists.
    pub(crate) changes: Changes,
    /// What a reload replaces, and what it keeps.
    pub(super) stack: Replaceable,
    pub(super) tools: Arc<Mutex<String>>,
    pub(super) watch: Watch,
    /// What is kept for pages.
    pub(super) kept: KeptResults,
    /// Results that are kept.
    pub(super) files: KeptFiles,
    /// Calls that became tasks.
    pub(super) runs: Runs,
    pub(super) confirm: Confirm,
    pub(super) audit: AuditLayer,
}

impl Mounted {
    /// Over a pool for each of the databases of its configuration.
    pub(super) fn new(
        path: String,
        config: &Config,
        databases: Arc<[Database]>,
        common: &Common,
    ) -> Self {
        let sources = sources(config, &databases);
        let (confirm, audit) =
            (Confirm::new(config), AuditLayer::new(common.audit.clone(), &path, &sources));
        let (changes, watch, kept) = (
            Changes::default(),
            // Where each is logged in as themselves, there is nobody who could look for all.
            Watch::new(!config.get(settings::database::WATCH).is_zero() && !sources.are_personal()),
            KeptResults::default(),
        );
        let files = common.files.clone();
        let runs = Runs::new(run_bounds(config));
        let parts =
            Parts { confirm: &confirm, watch: &watch, kept: &kept, files: &files, runs: &runs };
        let center = center(&path, sources, &parts, config);
        let registries = center.registries();
        let tools = registries.all().listed_as_json();
        let layer = tasks(&runs, &changes, config);
        let first = assembled(center, registries, &audit, config, &common.quotas, layer);
        let stack = Replaceable::new(first);
        Self {
            path,
            service: BoxCloneSyncService::new(stack.clone()),
            databases,
            changes,
            stack,
            tools: Arc::new(Mutex::new(tools)),
            watch,
            kept,
            files,
            runs,
            confirm,
            audit,
        }
    }

    pub(super) fn center(&self, config: &Config) -> Server {
        let sources = sources(config, &self.databases);
        let Self { confirm, watch, kept, files, runs, .. } = self;
        let parts = Parts { confirm, watch, kept, files, runs };
        center(&self.path, sources, &parts, config)
    }

    /// From the next call on, with the limits of another configuration. Whoever listens is told
    /// where that changes the list of tools.
    pub(super) fn reload(&self, config: &Config, quotas: &Arc<Quotas>) {
        for (database, of) in self.databases.iter().zip(config.databases()) {
            database.set_lock_timeout(of.config.get(settings::limits::LOCK_TIMEOUT));
        }
        let center = self.center(config);
        let registries = center.registries();
        let tools = registries.all().listed_as_json();
        self.runs.set_bounds(run_bounds(config));
        let layer = tasks(&self.runs, &self.changes, config);
        self.stack.replace(assembled(center, registries, &self.audit, config, quotas, layer));
        let mut before = self.tools.lock().unwrap_or_else(PoisonError::into_inner);
        if *before != tools {
            *before = tools;
            self.changes.tell(Change::Tools);
        }
    }

    /// With another center, until a reload brings the server's own back.
    pub(super) fn replace_center<S>(
        &self,
        center: S,
        patience: PatienceOf,
        config: &Config,
        quotas: &Arc<Quotas>,
    ) where
        S: Service<McpRequest, Response = Outcome, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        let registries = self.center(config).registries();
        // Others have results alone, as from the server's own center.
        let patience: PatienceOf = Arc::new(move |r| if declares(r) { patience(r) } else { None });
        let asking = config.get(settings::access::CONFIRM_EXPIRY);
        let layer = TasksLayer::new(self.runs.clone(), self.changes.clone(), patience, asking);
        self.stack.replace(assembled(center, registries, &self.audit, config, quotas, layer));
    }
}

/// The databases of a path, by their pools.
fn sources(config: &Config, databases: &[Database]) -> DataSources {
    let listed = config.databases();
    let all = listed.iter().zip(databases).map(|(of, pool)| DataSource::new(of, pool.clone()));
    DataSources::new(all.collect())
}

/// What of a mount a reload keeps.
struct Parts<'a> {
    confirm: &'a Confirm,
    watch: &'a Watch,
    kept: &'a KeptResults,
    files: &'a KeptFiles,
    runs: &'a Runs,
}

/// What answers at one path.
fn center(path: &str, sources: DataSources, parts: &Parts<'_>, config: &Config) -> Server {
    let pages = Pages {
        shown: config.get(settings::tools::APPS),
        kept: parts.kept.clone(),
        links: config
            .get(settings::tools::VIEW_LINKS)
            .then(|| format!("{}{path}/view/", config.origin()).into()),
    };
    let brief = config.get(settings::tools::TEXT_BLOCK) == settings::tools::TextBlock::Brief;
    let library = config.get(settings::tools::SEARCH).then(|| DocumentIndex::new(path, config));
    let signs_in = config.get(settings::auth::MODE) != settings::auth::AuthMode::Off;
    let (confirm, files, mount) =
        (parts.confirm.clone(), parts.files.clone(), Arc::<str>::from(path));
    let handles = !config.get(settings::tasks::HANDLE_AFTER).is_zero();
    let runs = handles.then(|| parts.runs.clone());
    let results_url: Arc<str> = format!("{}{path}/results/", config.origin()).into();
    let own = OwnTools::of(config, &sources);
    let enabled = config.get(settings::tools::ENABLED);
    let make = move |sources: DataSources, own: &[Arc<OwnTool>]| {
        let (pages, files, mount) = (pages.clone(), files.clone(), mount.clone());
        let results_url = Some(results_url.clone());
        let runs = runs.clone();
        let surroundings = Surroundings { sources, brief, pages, runs, files, mount, results_url };
        let (confirm, library) = (confirm.clone(), library.clone());
        let registry = Registry::with_own(surroundings, confirm, library, own, &enabled);
        if signs_in { registry.behind_sign_in() } else { registry }
    };
    let registries = Registries::new(sources, config.grants().to_vec(), own, make);
    for problem in registries.problems() {
        tracing::warn!("a tool is left out: {problem}");
    }
    Server::watched(registries, parts.watch.clone())
}

/// The stack around it.
fn assembled<S>(
    center: S,
    tools: Arc<Registries>,
    audit: &AuditLayer,
    config: &Config,
    quotas: &Arc<Quotas>,
    tasks: TasksLayer,
) -> McpService
where
    S: Service<McpRequest, Response = Outcome, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    let timeout = config.get(settings::limits::QUERY_TIMEOUT);
    let calls = Calls::new(tools.all().names());
    let registries = tools.clone();
    let shown =
        move |of: &Extensions, name: &str| registries.of(of).sources().named(Some(name)).is_ok();
    let tasks = tasks.shown_by(Arc::new(shown));
    stack::mcp(center, tools, calls, audit.clone(), quotas.clone(), timeout, tasks)
}

/// What is kept of calls that became tasks.
fn run_bounds(config: &Config) -> RunBounds {
    RunBounds {
        of_owner: config.get(settings::tasks::OF_PRINCIPAL) as usize,
        most: config.get(settings::tasks::MOST) as usize,
        bytes: config.get(settings::tasks::BYTES) as usize,
        keep: config.get(settings::tasks::KEEP),
        handles: config.get(settings::tasks::HANDLES) as usize,
        idle: config.get(settings::tasks::IDLE),
    }
}

/// When a call becomes a task, where its client has tasks.
fn tasks(runs: &Runs, changes: &Changes, config: &Config) -> TasksLayer {
    let some = |setting| Some(config.get(setting)).filter(|t: &Duration| !t.is_zero());
    let deadline = config.get(settings::limits::QUERY_TIMEOUT);
    let longest = config.get(settings::tasks::LONGEST);
    let patience = |wait: Duration| Patience { wait, deadline, longest };
    let after = some(settings::tasks::AFTER).map(patience);
    // A handle is given at the deadline at the latest, which would else be the end of it.
    let handle_after = some(settings::tasks::HANDLE_AFTER).map(|t| patience(t.min(deadline)));
    let patience = move |r: &McpRequest| if declares(r) { after } else { handle_after };
    let asking = config.get(settings::access::CONFIRM_EXPIRY);
    TasksLayer::new(runs.clone(), changes.clone(), Arc::new(patience), asking)
}
