//! `get_result`: rows of a result that is kept, in pages, by conditions, summed up, or as a file.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mssql_mcp_spool::{
    Aggregation, Error, Filter, Group, Kept, Measure, Op, Page, Query, Set, Stop,
};
use mssql_mcp_transports::{Content, Outcome, Reply, ResourceContents, Segments, Text, ToolReply};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{source_schema, structured};
use super::{Call, Definition, NamesDatabase, Refusal, Stop as Ended, Surroundings, Tool};
use crate::config::settings::results::SPOOL;
use crate::database::rows::Bounds;
use crate::facts::Named;
use crate::limits::Cost;
use crate::plural::plural;
use crate::principal::Principal;
use crate::results::{self, KeptFiles, NotWritten, Origin};
use crate::sources::DataSource;
use crate::telemetry::wire::Shape;

/// Gives what is kept.
#[derive(Debug)]
pub(super) struct GetResult;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    handle: String,
    result: Option<usize>,
    from: Option<u64>,
    limit: Option<u64>,
    columns: Option<Vec<Value>>,
    filter: Option<Vec<Condition>>,
    group_by: Option<Vec<Value>>,
    measures: Option<Vec<String>>,
    format: Option<FileFormat>,
    output: Option<FileOutput>,
    cancel: Option<bool>,
}

impl Args {
    fn is_of_a_run(&self) -> bool {
        self.handle.trim().starts_with("run_")
    }

    /// What does not go together is refused, and not left out in silence.
    fn agree(&self) -> Result<(), Ended> {
        let some = |given: &[(bool, &'static str)]| {
            let names: Vec<&str> = given.iter().filter(|g| g.0).map(|g| g.1).collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        let file = [
            (self.format.is_some_and(|f| f != FileFormat::Json), "format"),
            (self.output.is_some(), "output"),
            (self.limit.is_some(), "limit"),
            (self.columns.is_some(), "columns"),
        ];
        let sums = self.measures.as_ref().is_some_and(|m| !m.is_empty());
        let groups = self.group_by.as_ref().is_some_and(|g| !g.is_empty());
        if self.is_of_a_run() {
            let of_rows = [
                (self.result.is_some(), "result"),
                (self.from.is_some(), "from"),
                (self.filter.is_some(), "filter"),
                (groups, "group_by"),
                (sums, "measures"),
            ];
            return match some(&[&file[..], &of_rows[..]].concat()) {
                None => Ok(()),
                Some(names) => Err(invalid(
                    format!("A run_ handle takes cancel alone, and not {names}."),
                    "Take the run's answer first; where it keeps rows, it names their handle.",
                )),
            };
        }
        if self.cancel == Some(true) {
            return Err(invalid(
                "cancel is for a run_ handle; these rows are there already.",
                "Leave cancel out.",
            ));
        }
        if groups && !sums {
            return Err(invalid(
                "group_by needs measures.",
                "Add measures, such as [\"count\"] or [\"sum:Amount\"].",
            ));
        }
        match some(&file).filter(|_| sums) {
            None => Ok(()),
            Some(names) => Err(invalid(
                format!("measures give one row for each group, and take no {names}."),
                "Leave it out; from pages the groups.",
            )),
        }
    }
}

/// A condition as a caller writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    column: Value,
    op: String,
    #[serde(default)]
    value: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FileFormat {
    Json,
    Csv,
    Jsonl,
    Parquet,
}

/// How a file is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FileOutput {
    /// In the answer.
    Embedded,
    /// By a link that a person opens.
    Link,
    /// Into the operator's folder.
    File,
}

// === impl FileFormat ===

impl FileFormat {
    fn ending(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
        }
    }
}

fn invalid(message: impl Into<String>, hint: &str) -> Ended {
    Refusal::invalid_arguments(message, hint).into()
}

/// A column, by its name or its place from 0.
fn column(set: &Set, named: &Value) -> Result<usize, Ended> {
    let place = named.as_u64().and_then(|n| usize::try_from(n).ok());
    let by_name = |name: &str| {
        let exact = set.columns.iter().position(|c| c.name == name);
        exact.or_else(|| set.columns.iter().position(|c| c.name.eq_ignore_ascii_case(name)))
    };
    let found = match named {
        Value::String(name) => by_name(name),
        _ => place.filter(|n| *n < set.columns.len()),
    };
    found.ok_or_else(|| {
        let all: Vec<&str> = set.columns.iter().take(50).map(|c| c.name.as_str()).collect();
        invalid(
            format!("There is no column {named} in this result; it has {}.", all.join(", ")),
            "Columns are named as the query named them, or by their place from 0.",
        )
    })
}

/// Several columns.
fn columns(set: &Set, named: &[Value]) -> Result<Vec<usize>, Ended> {
    named.iter().map(|n| column(set, n)).collect()
}

fn operator(text: &str) -> Option<Op> {
    Some(match text.trim().to_ascii_lowercase().as_str() {
        "eq" | "=" | "==" => Op::Eq,
        "ne" | "<>" | "!=" => Op::Ne,
        "lt" | "<" => Op::Lt,
        "le" | "<=" => Op::Le,
        "gt" | ">" => Op::Gt,
        "ge" | ">=" => Op::Ge,
        "like" => Op::Like,
        "is_null" | "is null" => Op::IsNull,
        "not_null" | "is not null" | "is_not_null" => Op::NotNull,
        _ => return None,
    })
}

fn filters(set: &Set, conditions: &[Condition]) -> Result<Vec<Filter>, Ended> {
    let one = |c: &Condition| {
        let op = operator(&c.op).ok_or_else(|| {
            invalid(
                format!("filter: {:?} is no operator.", c.op),
                "There are =, <>, <, <=, >, >=, like, is_null and not_null.",
            )
        })?;
        let value = match &c.value {
            Value::String(text) => text.clone(),
            Value::Null if matches!(op, Op::IsNull | Op::NotNull) => String::new(),
            Value::Null => {
                return Err(invalid(
                    "filter: a condition has no value.",
                    "For NULL write is_null or not_null.",
                ));
            }
            other => other.to_string(),
        };
        Ok(Filter { column: column(set, &c.column)?, op, value })
    };
    conditions.iter().map(one).collect()
}

/// `count`, or `sum:Amount`.
fn measure(set: &Set, text: &str) -> Result<Measure, Ended> {
    let (what, of) = text.split_once(':').map_or((text, None), |(w, c)| (w, Some(c.trim())));
    let of = of.map(|name| column(set, &Value::from(name))).transpose()?;
    Ok(match (what.trim().to_ascii_lowercase().as_str(), of) {
        ("count", of) => Measure::Count(of),
        ("sum", Some(of)) => Measure::Sum(of),
        ("avg", Some(of)) => Measure::Avg(of),
        ("min", Some(of)) => Measure::Min(of),
        ("max", Some(of)) => Measure::Max(of),
        _ => {
            return Err(invalid(
                format!("measures: {text:?} cannot be measured."),
                "There are count, and sum, avg, min, max and count of a column, such as sum:Amount.",
            ));
        }
    })
}

/// What went wrong in reading it.
fn failed(e: &Error) -> Ended {
    match e {
        Error::NoSet(n) => invalid(
            format!("result {n} is none of this answer's."),
            "Result sets are counted from 0.",
        ),
        Error::Value { value, .. } => invalid(
            format!("filter: {value:?} is no value of that column's type."),
            "Write numbers as numbers, and dates as 2024-02-29 or 2024-02-29T12:00.",
        ),
        Error::NoNumbers(_) | Error::Groups | Error::Format(_) => invalid(format!("{e}."), ""),
        _ => {
            tracing::warn!("a kept result cannot be read: {e}");
            Refusal::handle_expired().into()
        }
    }
}

/// The result is good, and its file could not be written.
fn not_written(e: &std::io::Error) -> Ended {
    tracing::warn!("a file of a kept result cannot be written to results.export_dir: {e}");
    let mut refusal = Refusal::internal("");
    refusal.message = format!("The file could not be written on the server: {e}.");
    let hint = "The operator has to look at results.export_dir and its disk; the handle is good, for \
                output: link or embedded.";
    refusal.hint = hint.to_owned();
    refusal.into()
}

/// Reads in a thread that may block, until whoever asked has gone.
async fn apart<T: Send + 'static>(
    work: impl FnOnce(Stop) -> Result<T, Error> + Send + 'static,
) -> Result<T, Ended> {
    struct Guard(Stop);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.stop();
        }
    }
    let guard = Guard(Stop::new());
    let stop = guard.0.clone();
    match tokio::task::spawn_blocking(move || work(stop)).await {
        Ok(done) => done.map_err(|e| failed(&e)),
        Err(_) => Err(Refusal::handle_expired().into()),
    }
}

impl Tool for GetResult {
    type Args = Args;

    const NAME: &'static str = "get_result";
    const COST: Cost = Cost::Data;
    const SHOWN: Shape = Shape::Fields(&[
        ("result", Shape::Number),
        ("from", Shape::Number),
        ("limit", Shape::Number),
        ("format", Shape::OneOf(&["json", "csv", "jsonl", "parquet"])),
        ("output", Shape::OneOf(&["embedded", "link", "file"])),
    ]);
    const EXAMPLE: &'static str = "get_result HANDLE --from 1000 --limit 100";
    const SETTING: Option<&'static str> = Some(SPOOL.name());
    const DATABASE: NamesDatabase = NamesDatabase::No;

    fn named(_: &Args) -> Named {
        Named::default()
    }

    fn definition(&self, of: &Surroundings) -> Definition {
        let mut formats = vec!["json"];
        formats.extend(KeptFiles::ENDINGS);
        let mut outputs = vec!["embedded", "link"];
        if of.files.export_dir().is_some() {
            outputs.push("file");
        }
        let names = |what: &str| json!({ "type": "array", "items": { "type": "string" }, "description": what });
        Definition {
            title: "Read a kept result",
            description: "Rows of a result that execute_sql kept behind a handle, without running \
                          the query again: a page, by conditions, summed up (measures, group_by), \
                          or all of them as a file (format, output). With the handle of a query that \
                          still runs it waits for it."
                .into(),
            arguments: json!({
                "handle": { "type": "string", "description": "kept.handle of an answer" },
                "result": { "type": "integer", "minimum": 0, "description": "which result set" },
                "from": { "type": "integer", "minimum": 0, "description": "first row; next of the page before" },
                "limit": { "type": "integer", "minimum": 1, "description": "rows at most" },
                "columns": names("only these"),
                "filter": {
                    "type": "array",
                    "items": { "type": "object", "properties": {
                        "column": { "type": "string", "description": "its name" },
                        "op": { "type": "string", "description": "= <> < <= > >= like is_null not_null" },
                        "value": { "type": "string", "description": "as text" }
                    }, "required": ["column", "op"] },
                    "description": "conditions that all hold"
                },
                "group_by": names("up to two columns, for measures"),
                "measures": names("count, sum:COLUMN, avg:, min:, max:"),
                "format": { "type": "string", "enum": formats, "description": "of a file" },
                "output": { "type": "string", "enum": outputs, "description": "where the file goes" },
                "cancel": { "type": "boolean", "description": "end a query that still runs" }
            }),
            required: &["handle"],
            output: json!({
                "type": "object",
                "properties": {
                    "source": source_schema(),
                    "columns": { "type": "array", "items": { "type": "object", "properties": {
                        "name": { "type": "string" }, "type": { "type": "string" }
                    }, "required": ["name", "type"] } },
                    "rows": { "type": "array", "items": { "type": "array", "items": {
                        "type": ["string", "number", "boolean", "null"]
                    } } },
                    "row_count": { "type": "integer" },
                    "next": { "type": "integer" },
                    "total": { "type": "integer" },
                    "complete": { "type": "boolean" },
                    "left_out": { "type": "integer" },
                    "uri": { "type": "string" },
                    "file": { "type": "string" },
                    "bytes": { "type": "integer" }
                }
            }),
            changes: false,
        }
    }

    async fn call(&self, mut call: Call, args: Args) -> Result<ToolReply, Ended> {
        // Before anything is given: a run gives what it has once.
        args.agree()?;
        if args.is_of_a_run() {
            return picked_up(&call, args.handle.trim(), args.cancel == Some(true)).await;
        }
        let kept = call.files.get(args.handle.trim(), &call.owner());
        let kept = kept.ok_or_else(|| Ended::from(Refusal::handle_expired()))?;
        call.facts.set_handle(kept.handle());
        // Whoever is shown a database no longer reads nothing of it, nor of one that is not known.
        let origin = Origin::of(&kept);
        let source = origin.and_then(|o| shown(&call, &o.name).cloned());
        let source = source.ok_or_else(|| Ended::from(Refusal::handle_expired()))?;
        call.limits.bounds = source.bounds;
        let n = args.result.unwrap_or(0);
        let Some(set) = kept.sets().get(n) else { return Err(failed(&Error::NoSet(n))) };
        let conditions = filters(set, args.filter.as_deref().unwrap_or_default())?;
        let picked = args.columns.as_deref().map(|c| columns(set, c)).transpose()?;
        if let Some(measures) = args.measures.as_deref().filter(|m| !m.is_empty()) {
            let all: Result<Vec<Measure>, Ended> =
                measures.iter().map(|m| measure(set, m)).collect();
            let group_by = columns(set, args.group_by.as_deref().unwrap_or_default())?;
            let wanted = Aggregation {
                filters: conditions,
                group_by,
                measures: all?,
                ..Aggregation::default()
            };
            let from = args.from.unwrap_or(0);
            return summed(&call, kept.clone(), n, wanted, measures, from).await;
        }
        let query = Query {
            from: args.from.unwrap_or(0),
            filters: conditions,
            columns: picked,
            limit: args.limit.unwrap_or(u64::MAX),
            ..Query::default()
        };
        let format = args.format.unwrap_or(FileFormat::Json);
        match (args.output, format) {
            (None, FileFormat::Json) => rows(&call, kept.clone(), n, query).await,
            (Some(_), FileFormat::Json) => Err(invalid(
                "format: json is no file's.",
                "Give format: csv or jsonl, or leave output out for a page of rows.",
            )),
            (output, format) => {
                let output = output.unwrap_or(FileOutput::Embedded);
                file(&call, kept.clone(), n, query, format, output).await
            }
        }
    }
}

/// How long one call waits for a query that runs: less than clients wait for an answer.
const PATIENCE: Duration = Duration::from_secs(40);
/// How long a query that was cancelled may take to end.
const ENDING: Duration = Duration::from_secs(5);

/// What a query came to that outlived its call; it is given once.
async fn picked_up(call: &Call, handle: &str, cancels: bool) -> Result<ToolReply, Ended> {
    let expired = || Ended::from(Refusal::handle_expired());
    let runs = call.runs.as_ref().ok_or_else(expired)?;
    let who = Principal::of(&call.context.extensions).map(Principal::key).unwrap_or_default();
    let run = runs.get(handle, &who).filter(|run| run.is_handle()).ok_or_else(expired)?;
    // Nor is a run of a database any more that its caller is not shown.
    run.database().and_then(|name| shown(call, name)).ok_or_else(expired)?;
    call.facts.set_handle(handle);
    if cancels {
        run.cancel();
    }
    // A little before the call itself would have to end.
    let left = call.limits.deadline.map_or(PATIENCE, |at| {
        at.saturating_duration_since(Instant::now()).mul_f64(0.9).min(PATIENCE)
    });
    let patience = if cancels { ENDING } else { left };
    let outcome = tokio::time::timeout(patience, runs.pick_up(&run)).await;
    match outcome {
        Err(_) => Err(Refusal::still_running(handle, run.elapsed()).into()),
        Ok(outcome) => delivered(outcome.ok_or_else(expired)?),
    }
}

/// What a run came to, as what the call comes to that waited for it.
pub(super) fn delivered(outcome: Outcome) -> Result<ToolReply, Ended> {
    match outcome {
        Outcome::Complete(Reply::Tool(reply)) => Ok(reply),
        Outcome::Cancelled => Err(Refusal::cancelled().into()),
        Outcome::Fault(fault) => Err(Ended::Fault(Box::new(fault))),
        _ => Err(Refusal::handle_expired().into()),
    }
}

/// A database of this name, where the caller is shown it.
fn shown<'c>(call: &'c Call, name: &str) -> Option<&'c Arc<DataSource>> {
    call.sources.iter().find(|source| source.name == name)
}

/// A page of rows.
async fn rows(call: &Call, kept: Arc<Kept>, n: usize, query: Query) -> Result<ToolReply, Ended> {
    let most = call.limits.bounds;
    let limit = query.limit.min(most.max_rows);
    let query = Query { limit, ..query };
    let (read, wanted) = (kept.clone(), query.clone());
    let page = apart(move |stop| read.page(n, &Query { stop, ..wanted }, most.max_chars)).await?;
    let Page { json, numbers, more } = page;
    let set = &kept.sets()[n];
    let picked = query.columns.unwrap_or_else(|| (0..set.columns.len()).collect());
    let columns: Vec<Value> = picked
        .iter()
        .filter_map(|c| set.columns.get(*c))
        .map(|c| json!({ "name": c.name, "type": c.sql_type }))
        .collect();
    let mut head = told(
        &kept,
        json!({

            "row_count": numbers.len(),
            "total": set.rows,
            "complete": kept.is_complete(),
            "columns": columns,
        }),
    );
    if let Some(last) = numbers.last().filter(|_| more) {
        head["next"] = (last + 1).into();
    }
    let mut head = head.to_string();
    head.pop();
    head += ",\"rows\":";
    let json = Segments(vec![head.into(), json.into(), bytes::Bytes::from_static(b"}")]);
    call.facts.returned(numbers.len() as u64, json.len());
    let mut reply = ToolReply::structured(json);
    if call.brief(false) {
        reply.text = Text::Own(format!("{}; see structuredContent", plural(numbers.len(), "row")));
    }
    Ok(reply)
}

/// Counts and sums, a row for each group, from one of them on.
async fn summed(
    call: &Call,
    kept: Arc<Kept>,
    n: usize,
    mut wanted: Aggregation,
    measures: &[String],
    from: u64,
) -> Result<ToolReply, Ended> {
    let of: Vec<Value> = wanted
        .group_by
        .iter()
        .filter_map(|c| kept.sets()[n].columns.get(*c))
        .map(|c| json!({ "name": c.name, "type": c.sql_type }))
        .chain(measures.iter().map(|m| json!({ "name": m, "type": "nvarchar" })))
        .collect();
    let (read, complete) = (kept.clone(), kept.is_complete());
    // How many rows are in the groups that are left out.
    wanted.measures.push(Measure::Count(None));
    let found = apart(move |stop| read.aggregate(n, &Aggregation { stop, ..wanted })).await?;
    let (rows, count, beyond) = page_of(&found.groups, from, call.limits.bounds);
    let left_out = found.left_out + beyond;
    let complete = complete && left_out == 0;
    let mut out = told(
        &kept,
        json!({
             "row_count": count, "total": kept.sets()[n].rows, "complete": complete, "columns": of, "rows": rows,
        }),
    );
    if left_out > 0 {
        out["left_out"] = left_out.into();
    }
    if beyond > 0 {
        out["next"] = (from + count as u64).into();
    }
    Ok(structured(&call.facts, count, &out))
}

/// The groups that an answer holds, as rows, with their number, and rows of the result that are in
/// groups behind them. Each group has its rows as its last value.
fn page_of(groups: &[Group], from: u64, most: Bounds) -> (Vec<Value>, usize, u64) {
    let mut groups = groups.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)).peekable();
    let (mut rows, mut chars) = (Vec::new(), 0);
    while let Some(group) = groups.peek() {
        let values = group.values.split_last().map_or(&[][..], |(_, values)| values);
        let row: Value = group.key.iter().chain(values).cloned().collect::<Vec<_>>().into();
        chars += row.to_string().chars().count() + 1;
        if rows.len() as u64 >= most.max_rows || (chars > most.max_chars && !rows.is_empty()) {
            break;
        }
        rows.push(row);
        groups.next();
    }
    let of = |g: &Group| g.values.last()?.as_ref()?.parse::<u64>().ok();
    let beyond = groups.filter_map(of).sum();
    let count = rows.len();
    (rows, count, beyond)
}

/// With where it is from, before everything else.
fn told(kept: &Kept, more: Value) -> Value {
    let mut out = Map::new();
    out.extend(Origin::of(kept).map(|origin| ("source".to_owned(), origin.source)));
    if let Value::Object(more) = more {
        out.extend(more);
    }
    out.into()
}

/// The rows as a file.
async fn file(
    call: &Call,
    kept: Arc<Kept>,
    n: usize,
    query: Query,
    format: FileFormat,
    output: FileOutput,
) -> Result<ToolReply, Ended> {
    let ending = format.ending();
    let Some((format, mime_type)) = call.files.format(ending) else {
        return Err(invalid(
            format!("format: {ending} is not in this build."),
            &format!("There are {}.", KeptFiles::ENDINGS.join(", ")),
        ));
    };
    let name = format!("{}.{ending}", kept.handle());
    let rows = kept.sets()[n].rows;
    let uri = results::uri(&name);
    match output {
        FileOutput::Link => {
            let whole = n == 0 && query.filters.is_empty() && query.columns.is_none();
            if !whole || query.from > 0 || query.limit < rows {
                return Err(invalid(
                    "output: link is of a whole result.",
                    "Leave filter, columns, from and limit out, or ask for output: embedded.",
                ));
            }
            let uri = call.results_url().map_or(uri, |url| format!("{url}{name}"));
            let link = Content::ResourceLink {
                uri: uri.clone(),
                name,
                mime_type: Some(mime_type.to_owned()),
                description: Some(format!("{} of a kept result", plural(rows, "row"))),
            };
            let out =
                told(&kept, json!({  "uri": uri, "total": rows, "complete": kept.is_complete() }));
            let mut reply = structured(&call.facts, 0, &out);
            reply.more.push(link);
            Ok(reply)
        }
        FileOutput::Embedded => {
            let most = call.limits.bounds.max_chars;
            let read = kept.clone();
            let text = apart(move |stop| {
                let mut out = Vec::new();
                for piece in read.export(n, &Query { stop, ..query }, format)? {
                    out.extend_from_slice(&piece?);
                    if out.len() > most.saturating_mul(4) {
                        return Ok(None);
                    }
                }
                Ok(Some(out))
            })
            .await?;
            let Some(bytes) = text else {
                return Err(invalid(
                    format!(
                        "The file is larger than an answer may be ({}).",
                        plural(most, "character")
                    ),
                    "Give limit, columns or filter, or output: link, which a person opens.",
                ));
            };
            call.facts.returned(rows, bytes.len());
            let out = told(
                &kept,
                json!({  "uri": uri, "bytes": bytes.len(), "complete": kept.is_complete() }),
            );
            let mut resource = ResourceContents::text(&uri, mime_type, "");
            match String::from_utf8(bytes) {
                Ok(text) => resource.text = Some(text),
                Err(e) => {
                    use base64::Engine as _;
                    let engine = base64::engine::general_purpose::STANDARD;
                    (resource.text, resource.blob) = (None, Some(engine.encode(e.as_bytes())));
                }
            }
            let mut reply = structured(&call.facts, 0, &out);
            reply.more.push(Content::Resource { resource });
            Ok(reply)
        }
        FileOutput::File => {
            let Some(folder) = call.files.export_dir().cloned() else {
                return Err(invalid(
                    "output: file: no folder is set for files.",
                    "The operator sets results.export_dir; ask for output: link.",
                ));
            };
            let read = kept.clone();
            let written = apart(move |stop| {
                let pieces = read.export(n, &Query { stop, ..query }, format)?;
                match results::write(&folder, read.handle(), ending, pieces) {
                    Err(NotWritten::Unread(e)) => Err(e),
                    Err(NotWritten::Disk(e)) => Ok(Err(e)),
                    Ok(written) => Ok(Ok(written)),
                }
            })
            .await?;
            let (path, written) = written.map_err(|e| not_written(&e))?;
            call.facts.returned(rows, written as usize);
            let out = told(
                &kept,
                json!({
                     "file": path.display().to_string(), "bytes": written, "complete": kept.is_complete(),
                }),
            );
            Ok(structured(&call.facts, 0, &out))
        }
    }
}
