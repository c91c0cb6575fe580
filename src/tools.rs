//! Tools: one per file, each with its arguments, its schemas and its call; erased once, here.

mod arguments;
pub mod cascade;
pub mod confirm;
pub mod describe_table;
pub mod execute_sql;
pub mod get_table_sample;
pub mod list_tables;
pub mod preview;
pub mod search;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use mssql_mcp_transports::{Context, Fault, Outcome, Segments, Shared, ToolReply, Why};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::database::rows::Bounds;
use crate::database::{Database, Limits, ourselves};
use crate::facts::{CallFacts, Named};
use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::tools::confirm::Confirm;
use crate::tools::search::Library;

/// A tool.
pub trait Tool: Send + Sync + 'static {
    /// Its arguments.
    type Args: DeserializeOwned + Send;
    /// Its name.
    const NAME: &'static str;
    /// Title, description, annotations and schemas.
    fn definition(&self) -> Value;
    /// What a call names, for the record: the arguments are read once, and what runs
    /// is what was recorded.
    fn named(args: &Self::Args) -> Named;
    /// Does it.
    fn call(
        &self,
        call: Call,
        args: Self::Args,
    ) -> impl Future<Output = Result<ToolReply, Stop>> + Send;
}

/// The arguments of a call, read once into their type, before anybody looks at them.
#[derive(Clone)]
pub struct Arguments {
    named: Arc<Named>,
    /// The call that they belong to, or why it cannot be; taken by the one that runs it.
    ready: Arc<Mutex<Option<Ready>>>,
}

type Ready = Result<Box<dyn FnOnce(Call) -> BoxFuture<Result<ToolReply, Stop>> + Send>, Refusal>;

/// What a tool is called with, beside its arguments.
#[derive(Debug)]
pub struct Call {
    /// The request's surroundings.
    pub context: Context,
    /// For those who watch.
    pub facts: Arc<CallFacts>,
}

/// Why a call ended without an answer.
#[derive(Debug)]
pub enum Stop {
    /// A result with `isError`.
    Refused(Box<Refusal>),
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
    /// Nobody waits for the answer.
    Cancelled(Why),
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A tool without its types.
pub struct Erased {
    name: &'static str,
    definition: Value,
    #[expect(clippy::type_complexity, reason = "the one place where tools lose their types")]
    read: Box<dyn Fn(Option<&RawValue>) -> Arguments + Send + Sync>,
}

/// The tools, sorted by name.
#[derive(Debug)]
pub struct Registry {
    tools: Vec<Erased>,
    listed: Arc<Shared>,
    instructions: String,
}

/// The person at this machine is the only one there, and shares with nobody.
fn share_of(p: &Principal) -> Arc<str> {
    if p.is_local() { ourselves() } else { Arc::from(p.subject.as_str()) }
}

// === impl Call ===

impl Call {
    /// With the facts that the stack put in.
    pub fn new(context: Context) -> Self {
        let facts = context.extensions.get::<Arc<CallFacts>>().cloned().unwrap_or_default();
        Self { context, facts }
    }

    /// Whether the caller has a scope.
    pub fn may(&self, scope: &str) -> bool {
        self.context.extensions.get::<Principal>().is_some_and(|p| p.may(scope))
    }

    /// Where this call must stop.
    pub fn limits(&self, bounds: Bounds) -> Limits {
        Limits {
            bounds,
            deadline: self.context.deadline,
            cancel: self.context.cancel.token().clone(),
            trace: self.facts.trace(),
            caller: self.context.extensions.get::<Principal>().map_or_else(ourselves, share_of),
        }
    }
}

// === impl Erased ===

impl std::fmt::Debug for Erased {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Erased {
    fn new<T: Tool>(tool: T) -> Self {
        let definition = tool.definition();
        let tool = Arc::new(tool);
        let schema = definition["inputSchema"].clone();
        let read = move |params: Option<&RawValue>| -> Arguments {
            let (named, ready) = match arguments::read::<T::Args>(params, &schema) {
                Ok(args) => {
                    let (named, tool) = (T::named(&args), tool.clone());
                    let run = move |call| -> BoxFuture<_> {
                        Box::pin(async move { tool.call(call, args).await })
                    };
                    (named, Ok(Box::new(run) as Box<dyn FnOnce(Call) -> BoxFuture<_> + Send>))
                }
                Err(refusal) => (Named::default(), Err(refusal)),
            };
            Arguments { named: Arc::new(named), ready: Arc::new(Mutex::new(Some(ready))) }
        };
        Self { name: T::NAME, definition, read: Box::new(read) }
    }

    /// Reads the arguments in a request's params.
    pub fn read(&self, params: Option<&RawValue>) -> Arguments {
        (self.read)(params)
    }

    /// Runs it with arguments that nobody has run yet; a refusal is a result.
    pub async fn run(&self, call: Call, arguments: &Arguments) -> Outcome {
        let (facts, cancel) = (call.facts.clone(), call.context.cancel.clone());
        let ready = arguments.ready.lock().unwrap_or_else(PoisonError::into_inner).take();
        let done = match ready {
            _ if !call.may("mssql:read") => Err(Stop::Scope(vec!["mssql:read".to_owned()])),
            Some(Ok(run)) => run(call).await,
            Some(Err(refusal)) => Err(refusal.into()),
            None => Err(Stop::Invalid("these arguments were run already".into())),
        };
        // A call that was stopped ends as that, whatever error it met on the way.
        let done = match (done, cancel.why()) {
            (Err(Stop::Refused(r)), Some(why)) if r.code == "cancelled" => {
                Err(Stop::Cancelled(why))
            }
            (done, _) => done,
        };
        match done {
            Ok(r) => {
                facts.set_outcome("ok");
                Outcome::Complete(r.into())
            }
            Err(Stop::Refused(r)) => {
                facts.set_outcome(r.code);
                Outcome::Complete(r.into_reply().into())
            }
            Err(Stop::Scope(needed)) => {
                facts.set_outcome("insufficient_scope");
                Outcome::Fault(Fault::Scope { needed })
            }
            Err(Stop::Ask { requests, state }) => {
                Outcome::InputRequired { requests, state: Some(state) }
            }
            Err(Stop::Invalid(message)) => {
                facts.set_outcome("invalid_params");
                Outcome::Fault(Fault::InvalidParams { message, data: None })
            }
            // The client still listens, so it is told.
            Err(Stop::Cancelled(Why::Closing)) => {
                facts.set_outcome("shutting_down");
                let r = Refusal::new(
                    "shutting_down",
                    "The server is stopping; the query was cancelled.",
                    "Try again in a moment.",
                );
                Outcome::Complete(Refusal { retryable: true, ..r }.into_reply().into())
            }
            Err(Stop::Cancelled(why)) => {
                facts.set_outcome(if why == Why::Asked { "cancelled" } else { "disconnected" });
                Outcome::Cancelled
            }
        }
    }
}

impl From<Refusal> for Stop {
    fn from(r: Refusal) -> Self {
        Stop::Refused(Box::new(r))
    }
}

// === impl Arguments ===

impl Arguments {
    /// What the call names.
    pub fn named(&self) -> Arc<Named> {
        self.named.clone()
    }
}

impl std::fmt::Debug for Arguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arguments").field("named", &self.named).finish_non_exhaustive()
    }
}

// === impl Registry ===

impl Registry {
    /// The four tools over a database; with a library, the two that ChatGPT reads with.
    pub fn new(db: &Database, bounds: Bounds, confirm: Confirm, library: Option<Library>) -> Self {
        let mut tools = vec![
            Erased::new(list_tables::ListTables { db: db.clone(), bounds }),
            Erased::new(describe_table::DescribeTable { db: db.clone(), bounds }),
            Erased::new(execute_sql::ExecuteSql { db: db.clone(), bounds, confirm }),
            Erased::new(get_table_sample::GetTableSample { db: db.clone(), bounds }),
        ];
        if let Some(l) = library {
            tools.push(Erased::new(search::Search(l.clone())));
            tools.push(Erased::new(search::Fetch(l)));
        }
        // Sorted, so that a list is the same for every client and every start.
        tools.sort_by_key(|t| t.name);
        let sandbox = if db.settings().sandbox {
            " This is the sandbox of mssql-mcp, a stand-in for SQL Server in memory with sample data: what it lacks it refuses with error 49999, \"Not in the sandbox\", though SQL Server may have it, and nothing in it outlives the process."
        } else {
            ""
        };
        let instructions = format!(
            "Tools for one Microsoft SQL Server database (T-SQL). Start with list_tables and describe_table; then query with execute_sql, binding values with params. Access is {}.{sandbox}",
            db.settings().policy.access.as_str()
        );
        let definitions = tools.iter().map(|t| t.definition.clone()).collect();
        let listed = Arc::new(Shared::new(crate::protocol::list("tools", definitions)));
        Self { tools, listed, instructions }
    }

    /// For callers who sign in: each tool says so, in the two places where hosts look
    /// (`securitySchemes` of OpenAI's contract).
    pub fn behind_sign_in(mut self) -> Self {
        let schemes = json!([{ "type": "oauth2", "scopes": ["mssql:read"] }]);
        for t in &mut self.tools {
            t.definition["securitySchemes"] = schemes.clone();
            t.definition["_meta"] = json!({ "securitySchemes": schemes });
        }
        let definitions = self.tools.iter().map(|t| t.definition.clone()).collect();
        self.listed = Arc::new(Shared::new(crate::protocol::list("tools", definitions)));
        self
    }

    /// By name.
    pub fn get(&self, name: &str) -> Option<&Erased> {
        self.tools.iter().find(|t| t.name == name)
    }

    /// For tools/list.
    pub fn listed(&self) -> Arc<Shared> {
        self.listed.clone()
    }

    /// All names.
    pub fn names(&self) -> Vec<&'static str> {
        self.tools.iter().map(|t| t.name).collect()
    }

    /// For the client's model.
    pub fn instructions(&self) -> &str {
        &self.instructions
    }
}

/// A small structured result.
fn structured(facts: &CallFacts, rows: usize, v: &Value) -> ToolReply {
    let json = Segments::from(v);
    facts.returned(rows as u64, json.len());
    ToolReply::structured(json)
}

/// The schema of `truncated`, which stands before the results.
fn truncated_schema() -> Value {
    json!({
        "type": "object",
        "description": "only where something was left out",
        "properties": {
            "reason": { "type": "string", "enum": ["max_rows", "max_chars", "timeout"] },
            "limit": { "type": "integer" }, "missing": { "type": "string" }, "advice": { "type": "string" }
        },
        "required": ["reason", "missing", "advice"]
    })
}

/// The schema of `results` in execute_sql and get_table_sample.
fn results_schema() -> Value {
    json!({
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "columns": { "type": "array", "items": { "type": "object", "properties": {
                    "name": { "type": "string" },
                    "type": { "type": "string", "description": "SQL Server type" },
                    "exact": { "type": "string", "enum": ["string"], "description": "numbers that a double cannot carry are strings in this column" },
                    "rounded": { "type": "boolean", "description": "money beyond ±900,719,925,474.0991 is rounded here: CAST it to decimal(19,4)" },
                    "cut_cells": { "type": "integer", "description": "so many values were longer than the limit and end in … [cut: …]" }
                }, "required": ["name", "type"] } },
                "rows": { "type": "array", "items": { "type": "array" } },
                "row_count": { "type": "integer" },
                "truncated": { "type": "object", "properties": { "reason": { "type": "string" }, "advice": { "type": "string" } }, "required": ["reason", "advice"] }
            },
            "required": ["columns", "rows", "row_count"]
        }
    })
}
