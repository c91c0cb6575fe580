//! Tools: one per file, and each says everything about itself: its arguments, its schemas, what it
//! costs, what of it is recorded and what may be logged. A new tool is a file, and its lines in
//! `TOOLS` and `all`; what it leaves out does not compile, or the tests here say so.

mod answer;
mod arguments;
pub(crate) mod cascade;
mod change;
pub mod confirm;
mod describe_table;
mod execute_sql;
mod get_result;
mod get_table_sample;
mod list_tables;
pub(crate) mod own;
mod params;
pub(crate) mod preview;
mod registries;
mod registry;
pub mod search;
mod views;

use std::future::Future;
use std::sync::Arc;

use mssql_mcp_transports::{Context, Fault, ProtocolVersion, ToolReply};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::config::settings::tools::Apps;
use crate::database::catalog::NotFound;
use crate::database::rows::Bounds;
use crate::database::run::Failure;
use crate::database::{Database, DbError, Limits, Seen, ourselves};
use crate::facts::{CallFacts, Named};
use crate::limits::Cost;
use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::results::{self, KeptFiles};
use crate::runs::Runs;
use crate::sources::{DataSource, DataSources, NoSource};
use crate::telemetry::wire::Shape;
use crate::views::{KeptResults, Page, is_shown};
use confirm::Confirm;
pub(crate) use own::{OwnTools, TOOL_ACCESS};
pub use registries::Registries;
pub(crate) use registry::Erased;
pub use registry::{Arguments, Registry};
pub(crate) use search::DocumentIndex;

/// Every tool, by name: what is known of it without a database.
pub(crate) const TOOLS: &[About] = &[
    About::of::<describe_table::DescribeTable>(),
    About::of::<execute_sql::ExecuteSql>(),
    About::of::<search::Fetch>(),
    About::of::<get_result::GetResult>(),
    About::of::<get_table_sample::GetTableSample>(),
    About::of::<list_tables::ListTables>(),
    About::of::<search::Search>(),
    About::of::<views::ViewCell>(),
    About::of::<views::ViewRows>(),
    About::of::<views::ViewSchema>(),
];

/// Every tool, made for a mount; those that ChatGPT reads with only over a document index.
fn all(of: &Surroundings, confirm: Confirm, index: Option<DocumentIndex>) -> Vec<Erased> {
    let mut tools = vec![
        Erased::new(describe_table::DescribeTable, of),
        Erased::new(execute_sql::ExecuteSql { confirm }, of),
        Erased::new(get_table_sample::GetTableSample, of),
        Erased::new(list_tables::ListTables, of),
        Erased::new(views::ViewCell, of),
        Erased::new(views::ViewRows, of),
        Erased::new(views::ViewSchema, of),
    ];
    if of.files.is_on() || of.runs.is_some() {
        tools.push(Erased::new(get_result::GetResult, of));
    }
    if let Some(index) = index {
        tools.push(Erased::new(search::Search(index.clone()), of));
        tools.push(Erased::new(search::Fetch(index), of));
    }
    tools
}

/// A tool (MCP, "Tools").
pub(crate) trait Tool: Send + Sync + 'static {
    /// Its arguments, as serde reads them: with the fields of [`Definition::arguments`], and no
    /// others.
    type Args: DeserializeOwned + Send;

    /// Its name, for clients, quotas, records and metrics.
    const NAME: &'static str;

    /// Which quota counts its calls.
    const COST: Cost;

    /// What of its arguments `log.messages` may show, and in what form. The others are counted.
    const SHOWN: Shape;

    /// How `mssql-mcp call` is asked for it, for its help.
    const EXAMPLE: &'static str;

    /// Arguments that are read under another name too, as they were called before: (old, new).
    const RENAMED: &'static [(&'static str, &'static str)] = &[];

    /// The setting without which no mount has it.
    const SETTING: Option<&'static str> = None;

    /// The page in which a host shows its results.
    const VIEW: Option<Page> = None;

    /// It runs a text of its caller's, which may take as long as it takes.
    const RUNS_TEXTS: bool = false;

    /// Only a page calls it, and no model: clients without pages do not have it.
    const FOR_VIEWS: bool = false;

    /// Whether a call names the database that it is for, where there are several.
    const DATABASE: NamesDatabase = NamesDatabase::One;

    /// The database that its own arguments name, where there are several.
    fn database(_: &Self::Args) -> Option<String> {
        None
    }

    /// What clients are told of it.
    fn definition(&self, of: &Surroundings) -> Definition;

    /// What a call names, for the audit: the arguments are read once, and what runs is what was
    /// recorded.
    fn named(args: &Self::Args) -> Named;

    fn call(
        &self,
        call: Call,
        args: Self::Args,
    ) -> impl Future<Output = Result<ToolReply, Stop>> + Send;
}

/// What tools work on.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The databases that the caller is shown.
    pub sources: DataSources,
    /// The text block only counts what `structuredContent` has.
    pub brief: bool,
    /// Who is shown results in pages, and what is kept for them.
    pub(crate) pages: Pages,
    /// Calls that go on after their answer.
    pub(crate) runs: Option<Runs>,
    /// Results that are kept.
    pub(crate) files: KeptFiles,
    /// The path of the mount.
    pub(crate) mount: Arc<str>,
    /// Where kept results are downloaded from; a name comes behind.
    pub(crate) results_url: Option<Arc<str>>,
}

/// Who is shown results in pages (MCP Apps), and what is kept for them.
#[derive(Debug, Clone)]
pub(crate) struct Pages {
    pub(crate) shown: Apps,
    pub(crate) kept: KeptResults,
    /// Where a page is opened by itself, for people whose client has none; the handle comes behind.
    pub(crate) links: Option<Arc<str>>,
}

/// Which database a tool's calls are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NamesDatabase {
    /// Each call is for one.
    One,
    /// A call that names none is for all of them.
    Any,
    /// Each call is for one, which its own arguments name ([`Tool::database`]).
    Own,
    /// It is for what was asked before.
    No,
}

/// What clients are told of a tool.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) title: &'static str,
    pub(crate) description: String,
    /// The properties of the input schema (JSON Schema).
    pub(crate) arguments: Value,
    /// Those that must be there.
    pub(crate) required: &'static [&'static str],
    /// The schema of `structuredContent`.
    pub(crate) output: Value,
    /// Whether a call may change data.
    pub(crate) changes: bool,
}

/// A tool without its types.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) name: &'static str,
    pub(crate) shown: Shape,
    pub(crate) example: &'static str,
    pub(crate) setting: Option<&'static str>,
    pub(crate) for_views: bool,
}

/// What a tool is called with, beside its arguments.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) context: Context,
    /// For those who watch.
    pub(crate) facts: Arc<CallFacts>,
    /// The database that it is for; where it names none, the first.
    pub(crate) source: Arc<DataSource>,
    pub(crate) database: Database,
    /// All that its caller is shown.
    pub(crate) sources: DataSources,
    /// Whether its caller may look at what there is: where the tools for that are not offered,
    /// nothing else tells of it.
    pub(crate) sees_catalog: bool,
    /// Whether it names one, or there is only one.
    pub(crate) is_for_one: bool,
    /// Where the call must stop: the mount's bounds, the deadline, the client's cancel.
    pub(crate) limits: Limits,
    /// Whether its client shows pages.
    pub(crate) shows_views: bool,
    /// What is kept for them.
    pub(crate) views: KeptResults,
    /// Calls that go on after their answer.
    pub(crate) runs: Option<Runs>,
    /// Results that are kept.
    pub(crate) files: KeptFiles,
    mount: Arc<str>,
    results_url: Option<Arc<str>>,
    links: Option<Arc<str>>,
    brief: bool,
}

/// Why a call ended without an answer.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A result with `isError`.
    Refused(Box<Refusal>),
    /// The database said no.
    Database(DbError),
    Failed(Box<Failure>),
    /// It is for no database that there is; the name that it has.
    NoSource(Option<String>, NoSource),
    /// A name (the first) is no table.
    NotFound(String, NotFound),
    /// The caller lacks scopes.
    Scope(Vec<String>),
    /// A person has to answer first.
    Ask {
        /// Key → `{method, params}`.
        requests: Map<String, Value>,
        /// Comes back with the answers.
        state: String,
    },
    /// The request itself is wrong.
    Invalid(String),
    /// It ends with this error.
    Fault(Box<Fault>),
}

/// The person at this machine is the only one there, and shares with nobody.
fn share_of(p: &Principal) -> Arc<str> {
    if p.is_local() { ourselves() } else { Arc::from(p.subject.as_str()) }
}

// === impl Surroundings ===

impl Surroundings {
    /// Without pages, and with whole text blocks.
    pub fn new(database: Database, bounds: Bounds) -> Self {
        let pages = Pages { shown: Apps::Never, kept: KeptResults::default(), links: None };
        Self {
            sources: DataSources::one(database, bounds),
            brief: false,
            pages,
            runs: None,
            files: KeptFiles::default(),
            mount: "".into(),
            results_url: None,
        }
    }

    /// Whether the caller's client shows pages.
    pub(crate) fn shows_views(&self, context: &Context) -> bool {
        match self.pages.shown {
            Apps::Auto => is_shown(&context.client.capabilities),
            Apps::Always => true,
            Apps::Never => false,
        }
    }
}

// === impl About ===

impl About {
    const fn of<T: Tool>() -> Self {
        Self {
            name: T::NAME,
            shown: T::SHOWN,
            example: T::EXAMPLE,
            setting: T::SETTING,
            for_views: T::FOR_VIEWS,
        }
    }
}

// === impl Definition ===

impl Definition {
    fn to_json(&self, name: &str) -> Value {
        json!({
            "name": name,
            "title": self.title,
            "description": self.description,
            "inputSchema": {
                "type": "object",
                "properties": self.arguments,
                // Without additionalProperties: google-genai fails on a boolean there, strict modes
                // write it themselves, and what is not known is refused by its name anyway.
                "required": self.required,
            },
            "outputSchema": self.output,
            "annotations": {
                "title": self.title,
                "readOnlyHint": !self.changes,
                "destructiveHint": self.changes,
                "idempotentHint": !self.changes,
                "openWorldHint": false,
            },
        })
    }
}

// === impl Call ===

impl Call {
    /// With the facts that the stack put in; none where there is no database for it.
    pub(crate) fn new(context: Context, of: &Surroundings) -> Option<Self> {
        let chosen = context.extensions.get::<Arc<DataSource>>().cloned();
        let is_for_one = chosen.is_some() || !of.sources.several();
        let source = chosen.or_else(|| of.sources.first().cloned())?;
        let facts = context.extensions.get::<Arc<CallFacts>>().cloned().unwrap_or_default();
        let limits = Limits {
            bounds: source.bounds,
            page: None,
            deadline: context.deadline,
            cancel: context.cancel.token().clone(),
            trace: facts.trace(),
            caller: Principal::of(&context.extensions).map_or_else(ourselves, share_of),
            notifier: context.notifier.clone(),
            seen: Seen::default(),
            overflow: None,
        };
        Some(Self {
            shows_views: of.shows_views(&context),
            views: of.pages.kept.clone(),
            runs: of.runs.clone(),
            files: of.files.clone(),
            mount: of.mount.clone(),
            results_url: of.results_url.clone(),
            links: of.pages.links.clone(),
            context,
            facts,
            database: source.database.clone(),
            sources: of.sources.clone(),
            source,
            sees_catalog: true,
            is_for_one,
            limits,
            brief: of.brief,
        })
    }

    /// Where a page is opened by itself, for a caller over HTTP whose client has none.
    pub(crate) fn links(&self) -> Option<&str> {
        let has_none = !self.shows_views && self.context.transport != "stdio";
        self.links.as_deref().filter(|_| has_none)
    }

    /// Whether the text block only counts what `structuredContent` has: as configured, or where the
    /// caller asks for it, and never where a client would have nothing else.
    pub(crate) fn brief(&self, asked: bool) -> bool {
        (self.brief || asked) && self.context.version >= ProtocolVersion::V2025_06_18
    }

    /// Whether the caller has a scope.
    pub(crate) fn may(&self, scope: &str) -> bool {
        Principal::of(&self.context.extensions).is_some_and(|p| p.may(scope))
    }

    /// Ends the call of a caller who lacks a scope.
    pub(crate) fn needs(&self, scope: &str) -> Result<(), Stop> {
        if self.may(scope) { Ok(()) } else { Err(Stop::Scope(vec![scope.to_owned()])) }
    }

    /// Whose results it may read, and to whom belongs what it keeps.
    pub(crate) fn owner(&self) -> String {
        results::owner(&self.mount, Principal::of(&self.context.extensions))
    }

    /// Where kept results are downloaded from, for a caller over HTTP.
    pub(crate) fn results_url(&self) -> Option<&str> {
        self.results_url.as_deref().filter(|_| self.context.transport != "stdio")
    }

    /// Where its answer is from.
    pub(crate) fn told(&self) -> Value {
        self.source.told(self.limits.seen.get().as_deref())
    }

    /// The same call, for another database.
    pub(crate) fn on(&self, source: &Arc<DataSource>) -> Limits {
        Limits { bounds: source.bounds, seen: Seen::default(), ..self.limits.clone() }
    }

    /// [`Call::limits`] with other bounds.
    pub(crate) fn within(&self, bounds: Bounds) -> Limits {
        Limits { bounds, ..self.limits.clone() }
    }
}

// === impl Stop ===

impl From<Refusal> for Stop {
    fn from(r: Refusal) -> Self {
        Stop::Refused(Box::new(r))
    }
}

impl From<DbError> for Stop {
    fn from(e: DbError) -> Self {
        Stop::Database(e)
    }
}

impl From<Failure> for Stop {
    fn from(f: Failure) -> Self {
        Stop::Failed(Box::new(f))
    }
}
