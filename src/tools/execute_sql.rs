//! `execute_sql`: a T-SQL text under the configured access, with bound parameters, as
//! all its result sets.

use std::sync::atomic::Ordering;
use std::time::Instant;

use mssql_mcp_sql::Access;
use mssql_mcp_sql::policy::{Policy, judge};
use mssql_mcp_transports::{Segments, ToolReply};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::answer::{FORMAT_SHOWN, ResultFormat, form, format_schema, outputs, rowsets};
use super::change::Change;
use super::confirm::Confirm;
use super::preview::selects_into;
use super::{Call, Definition, Refusal, Stop, Surroundings, Tool, params, views};
use crate::database::rows::Bounds;
use crate::database::run::{Batch, BatchAnswer, Failure, Mode};
use crate::database::{Database, DbError, Limits};
use crate::facts::{Longest, Named};
use crate::limits::Cost;
use crate::long;
use crate::plural::plural;
use crate::results::{self, FirstRows, Origin};
use crate::runs::{MadeBefore, ReadsFrom};
use crate::telemetry::metrics::{instruments, label};
use crate::telemetry::wire::Shape;
use crate::views::{META, Page};

/// How values are given. The object that is taken as well is not told: a client that checks what
/// its model says by this schema would refuse it. The example is for the models of llama-index,
/// which tells of an item only that it is an object. A value is told as a text: on a list of types
/// autogen-ext fails, and of a choice of types LangChain for npm tells nothing. Numbers, booleans
/// and null are taken all the same.
fn params_schema() -> Value {
    json!({
        "type": "array",
        "description": "values for @name in the query, such as [{\"name\": \"day\", \"type\": \"date\", \
            \"value\": \"2024-01-31\"}]",
        "items": {
            "type": "object",
            "properties": {
                "name": { "type": "string", "description": "name, with or without @" },
                "type": {
                    "type": "string",
                    "description": "T-SQL type, such as int, decimal(10,2) or date; without it a text"
                },
                "value": {
                    "type": "string",
                    "description": "the value as text: 12.50, 2024-01-31; binary as hex: 0x01FF"
                },
                "base64": {
                    "type": "string",
                    "description": "instead of value, for binary and varbinary"
                }
            },
            "required": ["name"]
        }
    })
}

#[derive(Debug)]
pub(super) struct ExecuteSql {
    /// Asks a person before data is changed.
    pub(crate) confirm: Confirm,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    pub(crate) query: String,
    pub(crate) params: Option<Map<String, Value>>,
    pub(crate) max_rows: Option<u64>,
    pub(crate) dry_run: Option<bool>,
    pub(crate) format: Option<ResultFormat>,
    pub(crate) output: Option<ReadOutput>,
}

/// What a caller gets of a read.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ReadOutput {
    /// Rows, as many as an answer holds.
    Rows,
    /// All rows are kept; the answer has the first ones, and what is in the columns.
    Handle,
}

impl Tool for ExecuteSql {
    type Args = Args;

    const NAME: &'static str = "execute_sql";
    const COST: Cost = Cost::Data;
    const SHOWN: Shape = Shape::Fields(&[
        ("query", Shape::Statement),
        ("params", Shape::Named),
        ("max_rows", Shape::Number),
        ("dry_run", Shape::Number),
        ("format", FORMAT_SHOWN),
        ("output", Shape::OneOf(&["rows", "handle"])),
    ]);
    const VIEW: Option<Page> = Some(Page::Results);
    const RUNS_TEXTS: bool = true;
    const EXAMPLE: &'static str = "execute_sql \"SELECT TOP 3 * FROM sales.Orders\"";

    fn named(args: &Args) -> Named {
        Named::text(&args.query)
    }

    fn definition(&self, of: &Surroundings) -> Definition {
        let accesses: Vec<Access> =
            of.sources.iter().map(|s| s.database.settings().policy.access).collect();
        let access = accesses.iter().copied().max().unwrap_or_default();
        let rule = match access {
            _ if accesses.iter().any(|a| *a != access) => {
                "What it may do is the database's access: read-only is always rolled back; \
                 read-write and full are committed when all succeeds, rolled back on any error."
            }
            Access::ReadOnly => {
                "Access is read-only: SELECT (WITH, DECLARE, IF, #temp tables and catalog \
                 procedures such as sp_help too); always rolled back."
            }
            Access::ReadWrite => {
                "SELECT, INSERT, UPDATE, DELETE, MERGE and TRUNCATE; committed when all succeeds, \
                 rolled back on any error."
            }
            Access::Full => {
                "Any statement but transaction, server and file commands; committed when all \
                 succeeds, rolled back on any error."
            }
        };
        let most = match of.sources.iter().map(|s| s.bounds.max_rows).max().unwrap_or(1) {
            1 => "1 row comes".to_owned(),
            n => format!("{n} rows come"),
        };
        Definition {
            title: "Run T-SQL",
            description: format!(
                "Runs T-SQL on Microsoft SQL Server and returns every result set. {rule} Bind \
                 values with params instead of writing them into the text. At most {most} back; \
                 page with ORDER BY … OFFSET … FETCH."
            ),
            arguments: json!({
                "query": { "type": "string", "description": "T-SQL; parameters as @name" },
                "params": params_schema(),
                "max_rows": {
                    "type": "integer",
                    "minimum": 1,
                    "description": "stop after so many rows"
                },
                "dry_run": {
                    "type": "boolean",
                    "default": false,
                    "description": "run it, tell what it changes, and roll it back"
                },
                "format": format_schema(),
                "output": {
                    "type": "string",
                    "enum": ["rows", "handle"],
                    "description": "handle: keep all rows for get_result, and answer with the first \
                        ones and a profile of the columns"
                },
            }),
            required: &["query"],
            output: outputs(),
            changes: access != Access::ReadOnly,
        }
    }

    async fn call(&self, call: Call, args: Args) -> Result<ToolReply, Stop> {
        if args.query.trim().is_empty() {
            return Err(Refusal::invalid_arguments(
                "query is empty; give T-SQL, such as SELECT TOP (10) * FROM sales.Orders.",
                "list_tables lists the tables that there are.",
            )
            .into());
        }
        let policy = call.database.policy();
        let confirm = &self.confirm;
        let run = TextRun { confirm, policy, rolled_back: false, secrets: &[] };
        execute(run, call, args).await
    }
}

/// How a text is run.
pub(super) struct TextRun<'a> {
    /// Asks a person before data is changed.
    pub(super) confirm: &'a Confirm,
    /// What it may do.
    pub(super) policy: Policy,
    /// Whatever it does is rolled back.
    pub(super) rolled_back: bool,
    /// Parameters whose values nobody is shown, in small letters.
    pub(super) secrets: &'a [String],
}

/// Judges a text and runs it.
pub(super) async fn execute(
    run: TextRun<'_>,
    mut call: Call,
    args: Args,
) -> Result<ToolReply, Stop> {
    if let Some(before) = call.context.extensions.get::<MadeBefore>().cloned()
        && before.reads(&call.source.name)
    {
        return super::get_result::delivered(before.wait(&call.context.cancel).await);
    }
    let began = Instant::now();
    let verdict =
        long::apart(args.query.len(), || judge(&args.query, &run.policy)).map_err(counted)?;
    call.facts.set_verdict(verdict.class.as_str());
    let needed = if run.rolled_back { Vec::new() } else { verdict.scopes() };
    if !needed.iter().all(|s| call.may(s)) {
        // All of them, so that one step up is enough.
        return Err(Stop::Scope(needed.into_iter().map(str::to_owned).collect()));
    }
    // A change is not left alone with nobody who hears how it ended.
    if !verdict.class.changes() || run.rolled_back {
        if let Some(longest) = call.context.extensions.get::<Longest>() {
            longest.reads.store(true, Ordering::Relaxed);
        }
        if let Some(from) = call.context.extensions.get::<ReadsFrom>() {
            let _ = from.0.set(call.source.name.clone());
        }
    } else {
        let usual = began + call.source.timeout;
        call.limits.deadline = call.limits.deadline.map(|at| at.min(usual));
    }
    let most = call.limits.bounds;
    let limits = call.within(Bounds {
        max_rows: args.max_rows.map_or(most.max_rows, |n| n.min(most.max_rows)),
        csv: form(&call, args.format).0,
        ..most
    });
    let params = params::bound(args.params.clone().unwrap_or_default())?;
    let batch = Batch {
        sql: &args.query,
        params: &params,
        keeps_state: verdict.keeps_state,
        selects_into: selects_into(&args.query, &verdict),
    };
    let (confirm, call, args, verdict) = (run.confirm, &call, &args, &verdict);
    let secrets = run.secrets;
    let change = Change { confirm, call, args, verdict, batch, secrets, limits };
    if args.dry_run == Some(true) {
        change.dry_run().await
    } else if verdict.class.changes() && !run.rolled_back {
        change.consented().await
    } else {
        read(change).await
    }
}

/// Runs what only reads. Where the caller has pages, or is told of one, more is read than its model
/// gets, and kept for that.
async fn read(change: Change<'_>) -> Result<ToolReply, Stop> {
    let (call, args, page) = (change.call, change.args, change.limits.bounds);
    let asked = args.output == Some(ReadOutput::Handle);
    let (source, seen) = (call.source.clone(), call.limits.seen.clone());
    let origin =
        move || Origin { name: source.name.clone(), source: source.told(seen.get().as_deref()) };
    let overflow = call.files.overflow(call.owner(), asked, origin);
    if asked && overflow.is_none() {
        return Err(Refusal::invalid_arguments(
            "output: handle is not available: nothing is kept here (results.spool is off).",
            "Leave it out, and page with ORDER BY … OFFSET … FETCH.",
        )
        .into());
    }
    let wider = views::wider(call, page).filter(|_| !asked);
    let (bounds, page_of) = (wider.unwrap_or(page), wider.map(|_| page));
    let limits = &Limits { bounds, page: page_of, overflow, ..change.limits.clone() };
    let began = Instant::now();
    let mut a = match call.database.run(change.batch, Mode::Read, limits).await {
        Ok(a) => a,
        Err(f) => {
            let db = &call.database;
            return Err(failed_with_names(&f, db, &args.query, &change.limits).await.into());
        }
    };
    change.note(&mut a);
    // One statement may have several result sets, when it runs a procedure.
    let statements = &change.verdict.statements;
    let several = statements.len() > 1
        || statements.iter().any(|s| {
            !["SELECT", "WITH"].iter().any(|v| s.head.to_ascii_uppercase().starts_with(v))
        });
    let took = began.elapsed();
    let meta = wider.and_then(|_| views::keep(call, &mut a, page, &args.query, took));
    if let (Some(meta), Some(links)) = (&meta, call.links()) {
        let text = |key: &str| meta[key].as_str().unwrap_or_default().to_owned();
        let (handle, until) = (text("handle"), text("expires"));
        let rows = plural(&meta["rows_kept"], "row");
        a.messages.push(format!("{rows} until {until}: {links}{handle}"));
    }
    if asked {
        let why = limits.overflow.as_ref().and_then(|o| o.why.get()).cloned();
        a = preview_of(a, page, why.as_deref()).await;
    }
    let mut reply = rowsets(call, a, args.format, None, several);
    reply.meta = meta.filter(|_| call.shows_views).map(|m| json!({ META: m }));
    Ok(reply)
}

/// Rows of each result set that a caller sees who asked for a handle.
const FIRST: u64 = 20;

/// The first rows of what is kept; where nothing is, the answer says so.
async fn preview_of(mut a: BatchAnswer, page: Bounds, why: Option<&str>) -> BatchAnswer {
    let Some(kept) = a.kept.clone() else {
        a.messages.push(format!(
            "The rows could not be kept: {}. These are the first ones; the operator has to look at \
             results.dir and its disk.",
            why.unwrap_or("the server's log says why")
        ));
        return a;
    };
    let first = tokio::task::spawn_blocking(move || results::first(&kept, FIRST, page.max_chars));
    match first.await {
        Ok(Ok(FirstRows { json, shapes })) => {
            a.rows = shapes.iter().map(|s| s.0).sum();
            (a.results, a.shapes) = (Segments(vec![json.into()]), shapes);
        }
        failed => a.messages.push(format!("The first rows cannot be shown: {failed:?}")),
    }
    a
}

/// The same, with the names that come closest to one that SQL Server does not know.
pub(super) async fn failed_with_names(
    f: &Failure,
    db: &Database,
    sql: &str,
    limits: &Limits,
) -> Refusal {
    let r = failure(f, db, sql);
    let DbError::Sql(e) = &f.error else { return r };
    // Where something better was said, the catalog is not asked.
    if !matches!(e.number, 207 | 208)
        || mssql_mcp_sql::hints::for_error(e.number, &e.message, sql).is_some()
    {
        return r;
    }
    let Some(name) = e.message.split('\'').nth(1) else { return r };
    let close = match e.number {
        208 => db.closest_tables(name, limits).await,
        _ => db.closest_columns(name, &crate::statement::Statement::of(sql).objects, limits).await,
    };
    // Never instead of the error itself.
    match close {
        Ok(close) if !close.is_empty() => r.with_closest(close),
        _ => r,
    }
}

/// A text that failed; one that was written for another database hears how T-SQL has it.
pub(super) fn failure(f: &Failure, db: &Database, sql: &str) -> Refusal {
    let mut r = Refusal::failure(f, db);
    if let DbError::Sql(e) = &f.error
        && let Some(hint) = mssql_mcp_sql::hints::for_error(e.number, &e.message, sql)
    {
        r.hint = hint;
    }
    r
}

/// The guard's refusal, counted.
fn counted(refused: mssql_mcp_sql::policy::Refusal) -> Refusal {
    let (class, why) = (refused.class.as_str(), refused.why.as_str());
    let labels = [label("mssql_mcp.class", class), label("mssql_mcp.reason", why)];
    instruments().guard_refusals.add(1, &labels);
    Refusal::not_run(refused)
}
