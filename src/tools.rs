//! Tools: one per file, each with its arguments, its schemas and its call; erased once, here.

pub mod describe_table;
pub mod execute_sql;
pub mod get_table_sample;
pub mod list_tables;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use mssql_mcp_transports::{Context, Outcome, Segments, Shared, ToolReply};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::database::catalog::NotFound;
use crate::database::explain::explain;
use crate::database::run::Failure;
use crate::database::{Database, DbError, Limits};
use crate::facts::CallFacts;

/// A tool.
pub trait Tool: Send + Sync + 'static {
    /// Its arguments.
    type Args: DeserializeOwned + Send;
    /// Its name.
    const NAME: &'static str;
    /// Title, description, annotations and schemas.
    fn definition(&self) -> Value;
    /// Does it.
    fn call(&self, call: Call, args: Self::Args) -> impl Future<Output = Result<ToolReply, Refusal>> + Send;
}

/// What a tool is called with, beside its arguments.
#[derive(Debug)]
pub struct Call {
    /// The request's surroundings.
    pub context: Context,
    /// For those who watch.
    pub facts: Arc<CallFacts>,
}

/// Limits of one answer.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Rows.
    pub max_rows: u64,
    /// Characters.
    pub max_chars: usize,
}

/// A result with `isError`: what was wrong, and how to mend it. The codes are those of `docs/errors.md`.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// Stable.
    pub code: &'static str,
    /// What was wrong.
    pub message: String,
    /// How to mend it.
    pub hint: String,
    /// The same call may succeed later.
    pub retryable: bool,
    /// More fields.
    pub more: Box<Map<String, Value>>,
    /// Nobody waits for the answer.
    pub cancelled: bool,
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A tool without its types.
pub struct Erased {
    name: &'static str,
    definition: Value,
    #[expect(clippy::type_complexity, reason = "the one place where tools lose their types")]
    run: Box<dyn Fn(Call, Option<&RawValue>) -> BoxFuture<Result<ToolReply, Refusal>> + Send + Sync>,
}

/// The tools, sorted by name.
#[derive(Debug)]
pub struct Registry {
    tools: Vec<Erased>,
    listed: Arc<Shared>,
    instructions: String,
}

// === impl Call ===

impl Call {
    /// With the facts that the stack put in.
    pub fn new(context: Context) -> Self {
        let facts = context.extensions.get::<Arc<CallFacts>>().cloned().unwrap_or_default();
        Self { context, facts }
    }
    /// Where this call must stop.
    pub fn limits(&self, b: Budget) -> Limits {
        Limits {
            max_rows: b.max_rows,
            max_chars: b.max_chars,
            deadline: self.context.deadline,
            cancel: self.context.cancel.clone(),
        }
    }
}

// === impl Refusal ===

impl Refusal {
    /// With a hint.
    pub fn new(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: hint.into(),
            retryable: false,
            more: Box::default(),
            cancelled: false,
        }
    }
    /// From a database error.
    pub fn database(e: &DbError, db: &Database) -> Self {
        let x = explain(e, db.settings());
        let mut r = Self::new(x.code, x.what, x.mend);
        r.retryable = x.retryable;
        r.cancelled = *e == DbError::Cancelled;
        if let DbError::Sql(q) = e {
            r.more.insert("number".into(), q.number.into());
            r.more.insert("severity".into(), q.severity.into());
            r.more.insert("state".into(), q.state.into());
            r.more.insert("line".into(), q.line.into());
            if !q.procedure.is_empty() {
                r.more.insert("procedure".into(), q.procedure.clone().into());
            }
        }
        r
    }
    /// From a failed text: with what was said beside the error.
    pub fn failure(f: &Failure, db: &Database) -> Self {
        let mut r = Self::database(&f.error, db);
        if !f.said.messages.is_empty() {
            r.more.insert("messages".into(), f.said.messages.clone().into());
        }
        let later: Vec<Value> =
            f.said.errors.iter().skip(1).map(|(n, t)| json!({ "number": n, "message": t })).collect();
        if !later.is_empty() {
            r.more.insert("further_errors".into(), later.into());
        }
        r
    }
    /// From a name that is no table.
    pub fn not_found(name: &str, e: NotFound, db: &Database) -> Self {
        match e {
            NotFound::Database(e) => Self::database(&e, db),
            NotFound::Unreadable => Self::new(
                "bad_name",
                format!("\"{name}\" is no table name"),
                "Write table, schema.table, or [schema].[table].",
            ),
            NotFound::Ambiguous(list) => Self::new(
                "ambiguous_table",
                format!("{name} is in several schemas"),
                format!("Write one of {}.", list.join(", ")),
            ),
            NotFound::NoSuchTable(close) => {
                let hint = if close.is_empty() {
                    "list_tables lists the tables that there are.".to_owned()
                } else {
                    format!("Did you mean {}?", close.join(", "))
                };
                let mut r = Self::new("no_such_table", format!("There is no table or view {name}."), hint);
                r.more.insert("closest".into(), close.into());
                r
            }
        }
    }
    /// The tool result. Errors have no `structuredContent`, because clients hold that against the output schema.
    pub fn into_reply(self) -> ToolReply {
        let mut e = json!({ "code": self.code, "message": self.message });
        if !self.hint.is_empty() {
            e["hint"] = self.hint.into();
        }
        e["retryable"] = self.retryable.into();
        if let Some(o) = e.as_object_mut() {
            o.extend(*self.more);
        }
        ToolReply { is_error: true, ..ToolReply::text(json!({ "error": e }).to_string()) }
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
        let run = move |call: Call, params: Option<&RawValue>| -> BoxFuture<Result<ToolReply, Refusal>> {
            let args = arguments::<T::Args>(params);
            let tool = tool.clone();
            Box::pin(async move { tool.call(call, args?).await })
        };
        Self { name: T::NAME, definition, run: Box::new(run) }
    }
    /// Runs it; a refusal is a result.
    pub async fn run(&self, call: Call, params: Option<&RawValue>) -> Outcome {
        let facts = call.facts.clone();
        match (self.run)(call, params).await {
            Ok(r) => {
                facts.set_outcome("ok");
                Outcome::Complete(r.into())
            }
            Err(r) if r.cancelled => {
                facts.set_outcome("cancelled");
                Outcome::Cancelled
            }
            Err(r) => {
                facts.set_outcome(r.code);
                Outcome::Complete(r.into_reply().into())
            }
        }
    }
}

/// `params.arguments`; none are the empty object.
fn arguments<A: DeserializeOwned>(params: Option<&RawValue>) -> Result<A, Refusal> {
    #[derive(serde::Deserialize)]
    struct Params<'a> {
        #[serde(borrow, default)]
        arguments: Option<&'a RawValue>,
    }
    let raw = match params.map(|p| serde_json::from_str::<Params<'_>>(p.get())) {
        Some(Ok(p)) => p.arguments.map_or("{}", RawValue::get),
        _ => "{}",
    };
    let raw = if raw == "null" { "{}" } else { raw };
    serde_json::from_str(raw).map_err(|e| {
        // serde's position is within the arguments, where it helps nobody.
        let text = e.to_string();
        let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(w, _)| w);
        Refusal::new("invalid_arguments", format!("Invalid arguments: {what}"), "tools/list has the input schema.")
    })
}

// === impl Registry ===

impl Registry {
    /// The four tools over a database.
    pub fn new(db: &Database, budget: Budget) -> Self {
        let mut tools = vec![
            Erased::new(list_tables::ListTables { db: db.clone(), budget }),
            Erased::new(describe_table::DescribeTable { db: db.clone(), budget }),
            Erased::new(execute_sql::ExecuteSql { db: db.clone(), budget }),
            Erased::new(get_table_sample::GetTableSample { db: db.clone(), budget }),
        ];
        // Sorted, so that a list is the same for every client and every start.
        tools.sort_by_key(|t| t.name);
        let instructions = format!(
            "Tools for one Microsoft SQL Server database (T-SQL). Start with list_tables and describe_table; then query with execute_sql, binding values with params. Access is {}.",
            db.settings().access.as_str()
        );
        let definitions = tools.iter().map(|t| t.definition.clone()).collect();
        let listed = Arc::new(Shared::new(crate::protocol::list("tools", definitions)));
        Self { tools, listed, instructions }
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
                    "exact": { "type": "string", "enum": ["string"], "description": "numbers that a double cannot carry are strings in this column" }
                }, "required": ["name", "type"] } },
                "rows": { "type": "array", "items": { "type": "array" } },
                "row_count": { "type": "integer" },
                "truncated": { "type": "object", "properties": { "reason": { "type": "string" }, "advice": { "type": "string" } }, "required": ["reason", "advice"] }
            },
            "required": ["columns", "rows", "row_count"]
        }
    })
}
