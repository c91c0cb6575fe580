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
mod get_table_sample;
mod list_tables;
mod params;
pub(crate) mod preview;
mod registry;
pub mod search;

use std::future::Future;
use std::sync::Arc;

use mssql_mcp_transports::{Context, ProtocolVersion, ToolReply};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::database::catalog::NotFound;
use crate::database::rows::Bounds;
use crate::database::run::Failure;
use crate::database::{Database, DbError, Limits, ourselves};
use crate::facts::{CallFacts, Named};
use crate::limits::Cost;
use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::telemetry::wire::Shape;
use confirm::Confirm;
use registry::Erased;
pub use registry::{Arguments, Registry};
use search::DocumentIndex;

/// Every tool, by name: what is known of it without a database.
pub(crate) const TOOLS: &[About] = &[
    About::of::<describe_table::DescribeTable>(),
    About::of::<execute_sql::ExecuteSql>(),
    About::of::<search::Fetch>(),
    About::of::<get_table_sample::GetTableSample>(),
    About::of::<list_tables::ListTables>(),
    About::of::<search::Search>(),
];

/// Every tool, made for a mount; those that ChatGPT reads with only over a document index.
fn all(of: &Surroundings, confirm: Confirm, index: Option<DocumentIndex>) -> Vec<Erased> {
    let mut tools = vec![
        Erased::new(describe_table::DescribeTable, of),
        Erased::new(execute_sql::ExecuteSql { confirm }, of),
        Erased::new(get_table_sample::GetTableSample, of),
        Erased::new(list_tables::ListTables, of),
    ];
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
    /// The database of the mount.
    pub database: Database,
    /// The most that one answer holds.
    pub bounds: Bounds,
    /// The text block only counts what `structuredContent` has.
    pub brief: bool,
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
}

/// What a tool is called with, beside its arguments.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) context: Context,
    /// For those who watch.
    pub(crate) facts: Arc<CallFacts>,
    pub(crate) database: Database,
    /// Where the call must stop: the mount's bounds, the deadline, the client's cancel.
    pub(crate) limits: Limits,
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
}

/// The person at this machine is the only one there, and shares with nobody.
fn share_of(p: &Principal) -> Arc<str> {
    if p.is_local() { ourselves() } else { Arc::from(p.subject.as_str()) }
}

// === impl About ===

impl About {
    const fn of<T: Tool>() -> Self {
        Self { name: T::NAME, shown: T::SHOWN, example: T::EXAMPLE, setting: T::SETTING }
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
    /// With the facts that the stack put in.
    fn new(context: Context, of: &Surroundings) -> Self {
        let facts = context.extensions.get::<Arc<CallFacts>>().cloned().unwrap_or_default();
        let limits = Limits {
            bounds: of.bounds,
            deadline: context.deadline,
            cancel: context.cancel.token().clone(),
            trace: facts.trace(),
            caller: Principal::of(&context.extensions).map_or_else(ourselves, share_of),
        };
        Self { context, facts, database: of.database.clone(), limits, brief: of.brief }
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
