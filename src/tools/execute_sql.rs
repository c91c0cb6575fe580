//! `execute_sql`: a T-SQL text under the configured access, with bound parameters, as
//! all its result sets.

use std::time::{Duration, Instant};

use mssql_mcp_transports::{Continuation, Segments, ToolReply};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::cascade;
use super::confirm::{Confirm, Consent, Ticket, digest_of, question_id};
use super::preview::{Effect, Table, changed_rows, effect, only_changes, question};
use super::{Bounds, Call, Named, Refusal, Stop, Tool, results_schema, truncated_schema};
use crate::config::settings::access::ConfirmWrites;
use crate::database::run::{Answer, Applied, Batch, Failure, Mode, Param, ParamValue};
use crate::database::{Database, DbError, Limits};
use crate::facts::CallFacts;
use crate::long;
use crate::principal::Principal;
use crate::telemetry::metrics::{instruments, label};
use mssql_mcp_sql::Access;
use mssql_mcp_sql::policy::judge;
use mssql_mcp_sql::verdict::{Class, Verdict};

/// SQL Server takes 2,100 parameters; some of them are ours.
const MAX_PARAMS: usize = 2000;

/// The tool.
#[derive(Debug)]
pub struct ExecuteSql {
    /// Where.
    pub db: Database,
    /// How much.
    pub bounds: Bounds,
    /// Asks a person before data is changed.
    pub confirm: Confirm,
}

/// Its arguments.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Args {
    query: String,
    params: Option<Map<String, Value>>,
    max_rows: Option<u64>,
    dry_run: Option<bool>,
    format: Option<Format>,
}

/// The text form of rows.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// The same as `structuredContent`.
    Json,
    /// Fewer tokens.
    Csv,
}

impl Tool for ExecuteSql {
    type Args = Args;
    const NAME: &'static str = "execute_sql";

    fn named(args: &Args) -> Named {
        Named::text(&args.query)
    }

    fn definition(&self) -> Value {
        let access = self.db.settings().policy.access;
        let read_only = access == Access::ReadOnly;
        let rule = match access {
            Access::ReadOnly => {
                "Access is read-only: SELECT (WITH, DECLARE, IF, #temp tables and catalog procedures such as sp_help too); always rolled back."
            }
            Access::ReadWrite => {
                "SELECT, INSERT, UPDATE, DELETE, MERGE and TRUNCATE; committed when all succeeds, rolled back on any error."
            }
            Access::Full => {
                "Any statement but transaction, server and file commands; committed when all succeeds, rolled back on any error."
            }
        };
        let most = match self.bounds.max_rows {
            1 => "1 row comes".to_owned(),
            n => format!("{n} rows come"),
        };
        json!({
            "name": Self::NAME,
            "title": "Run T-SQL",
            "description": format!("Runs T-SQL on Microsoft SQL Server and returns every result set. {rule} Bind values with params instead of writing them into the text. At most {} back; page with ORDER BY … OFFSET … FETCH.", most),
            "inputSchema": {
                "type": "object",
                "properties": {
                    "query": { "type": "string", "description": "T-SQL; parameters as @name" },
                    "params": {
                        "type": "object",
                        "description": "values for @name: {\"name\": value}, or {\"name\": {\"type\": \"decimal(10,2)\", \"value\": \"12.50\"}}; binary as hex: {\"type\": \"varbinary(8)\", \"value\": \"0x01FF\"}",
                        "additionalProperties": true
                    },
                    "max_rows": { "type": "integer", "minimum": 1, "description": "stop after so many rows" },
                    "dry_run": { "type": "boolean", "default": false, "description": "run it, tell what it changes, and roll it back" },
                    "format": { "type": "string", "enum": ["json", "csv"], "description": "text form of the rows; structuredContent is JSON always" }
                },
                "required": ["query"],
                "additionalProperties": false
            },
            "outputSchema": {
                "type": "object",
                "properties": {
                    "results": results_schema(),
                    "rows_affected": { "type": "array", "items": { "type": "integer" } },
                    "messages": { "type": "array", "items": { "type": "string" } },
                    "committed": { "type": "boolean" },
                    "dry_run": { "type": "boolean" },
                    "truncated": truncated_schema()
                },
                "required": ["results"]
            },
            "annotations": { "title": "Run T-SQL", "readOnlyHint": read_only, "destructiveHint": !read_only, "idempotentHint": read_only, "openWorldHint": false }
        })
    }

    async fn call(&self, call: Call, args: Args) -> Result<ToolReply, Stop> {
        if args.query.trim().is_empty() {
            let what = "query is empty; give T-SQL, such as SELECT TOP (10) * FROM sales.Orders.";
            return Err(Refusal::new(
                "invalid_arguments",
                what,
                "list_tables lists the tables that there are.",
            )
            .into());
        }
        let verdict = long::apart(args.query.len(), || judge(&args.query, &self.db.policy()))
            .map_err(refusal)?;
        call.facts.set_verdict(verdict.class.as_str());
        let needed = verdict.scopes();
        if !needed.iter().all(|s| call.may(s)) {
            // All of them, so that one step up is enough.
            return Err(Stop::Scope(needed.into_iter().map(str::to_owned).collect()));
        }
        let bounds = Bounds {
            max_rows: args.max_rows.map_or(self.bounds.max_rows, |n| n.min(self.bounds.max_rows)),
            csv: args.format.map_or(self.bounds.csv, |f| f == Format::Csv),
            ..self.bounds
        };
        let limits = call.limits(bounds);
        let params = params(args.params.clone().unwrap_or_default())?;
        let batch = Batch {
            sql: &args.query,
            params: &params,
            keeps_state: verdict.keeps_state,
            only_changes: only_changes(&verdict),
        };
        let change =
            Change { tool: self, call: &call, args: &args, verdict: &verdict, batch, limits };
        if args.dry_run == Some(true) {
            change.dry_run().await
        } else if verdict.class.changes() {
            change.consented().await
        } else {
            let run = self.db.run(batch, Mode::Read, &change.limits).await;
            let mut a = match run {
                Ok(a) => a,
                Err(f) => {
                    return Err(failed_with_names(&f, &self.db, &args.query, &change.limits)
                        .await
                        .into());
                }
            };
            change.note(&mut a);
            // One statement may have several result sets, when it runs a procedure.
            let several = verdict.statements.len() > 1
                || verdict.statements.iter().any(|s| {
                    !["SELECT", "WITH"].iter().any(|v| s.head.to_ascii_uppercase().starts_with(v))
                });
            Ok(answer(&call.facts, a, None, several))
        }
    }
}

/// The same, with the names that come closest to one that SQL Server does not know.
async fn failed_with_names(f: &Failure, db: &Database, sql: &str, limits: &Limits) -> Refusal {
    let mut r = failure(f, db, sql);
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
    if let Some(close) = close.ok().filter(|c| !c.is_empty()) {
        r.hint = format!("Did you mean {}?", close.join(", "));
        r.more.insert("closest".into(), close.into());
    }
    r
}

/// A text that failed; one that was written for another database hears how T-SQL has it.
fn failure(f: &Failure, db: &Database, sql: &str) -> Refusal {
    let mut r = Refusal::failure(f, db);
    if let DbError::Sql(e) = &f.error
        && let Some(hint) = mssql_mcp_sql::hints::for_error(e.number, &e.message, sql)
    {
        r.hint = hint;
    }
    r
}

fn refusal(r: mssql_mcp_sql::policy::Refusal) -> Refusal {
    let mut refusal = Refusal::new(r.code, format!("Not run: {}.", r.reason), r.advice);
    let labels = [label("mssql_mcp.class", r.class.as_str()), label("mssql_mcp.reason", r.code)];
    instruments().guard_refusals.add(1, &labels);
    refusal.more.insert("class".into(), r.class.as_str().into());
    refusal.more.insert("statement".into(), r.statement.into());
    refusal.more.insert("line".into(), r.line.into());
    refusal.more.insert("column".into(), r.column.into());
    refusal
}

/// A batch that changes data, on its way.
struct Change<'a> {
    tool: &'a ExecuteSql,
    call: &'a Call,
    args: &'a Args,
    verdict: &'a Verdict,
    batch: Batch<'a>,
    limits: Limits,
}

impl Change<'_> {
    fn db(&self) -> &Database {
        &self.tool.db
    }

    /// Runs it and rolls it back.
    async fn dry_run(&self) -> Result<ToolReply, Stop> {
        if let Err(why) = self.previewable().await? {
            let hint =
                "Send it without dry_run; where a person can be asked, they are asked first.";
            return Err(Refusal::new(
                "no_preview",
                format!("This cannot be tried out: {why}."),
                hint,
            )
            .into());
        }
        let run = self.db().run(self.batch, Mode::Preview, &self.limits);
        let a = match run.await {
            Ok(a) => a,
            Err(f) => return Err(self.explained(&f).await),
        };
        self.call.facts.set_dry_run();
        Ok(self.changed(a, true))
    }

    /// Asks first, where that is configured and can be done.
    async fn consented(&self) -> Result<ToolReply, Stop> {
        let confirm = &self.tool.confirm;
        let can_ask = self.call.context.can_ask;
        match confirm.when() {
            ConfirmWrites::Never => return self.apply().await,
            ConfirmWrites::WhenPossible if !can_ask => return self.apply().await,
            ConfirmWrites::Always if !can_ask => {
                let hint = "Use a client that supports elicitation, or ask the operator to change access.confirm_writes; dry_run: true shows what would change.";
                let what = "A person has to confirm changes here, and this client cannot ask one.";
                return Err(Refusal::new("confirmation_required", what, hint).into());
            }
            ConfirmWrites::Always | ConfirmWrites::WhenPossible => {}
        }
        let principal =
            self.call.context.extensions.get::<Principal>().map(Principal::key).unwrap_or_default();
        let digest = digest_of(self.args);
        if let Some(c) = self.call.context.extensions.get::<Continuation>() {
            let consent = confirm.redeem(c, &principal, &digest)?;
            if let Some(state) = &c.state {
                self.call.facts.set_answers(question_id(state));
            }
            match consent {
                Consent::Decided(reply, outcome) => {
                    self.call.facts.set_outcome(outcome);
                    return Ok(reply);
                }
                Consent::Yes(ticket, None) => return self.settle(ticket, self.apply().await),
                Consent::Yes(ticket, Some(effect)) => {
                    let run = self.db().run_if(self.batch, &effect, &self.limits);
                    match run.await {
                        Ok(Applied::Committed(a)) => {
                            return self.settle(ticket, Ok(self.changed(a, false)));
                        }
                        // The data changed while the person thought: ask again,
                        // with the new numbers.
                        Ok(Applied::Differs(_)) => ticket.superseded(),
                        Err(f) => return self.settle(ticket, Err(self.failed(&f))),
                    }
                }
                Consent::Again => {}
            }
        }
        let (effect, tried) = self.preview().await?;
        if let Some(mut a) = tried.filter(|_| effect.is_nothing()) {
            let again = self.call.context.extensions.get::<Continuation>().is_some();
            let what = if again {
                "By now no row would change"
            } else {
                "No row would change, so nobody was asked"
            };
            a.messages.push(format!("{what}, and nothing was changed."));
            return Ok(self.changed(a, false));
        }
        let message = question(&self.args.query, self.batch.params, self.verdict, &effect);
        let asked = confirm.ask(&principal, digest, effect.counts(), &message);
        if let Stop::Ask { state, .. } = &asked {
            self.call.facts.set_asked(question_id(state));
        }
        Err(asked)
    }

    /// A retry hears the same.
    fn settle(&self, ticket: Ticket, result: Result<ToolReply, Stop>) -> Result<ToolReply, Stop> {
        match &result {
            Ok(reply) => ticket.settle(reply, "ok"),
            Err(Stop::Refused(r)) => ticket.settle(&r.as_ref().clone().into_reply(), r.code),
            // Its drop says that nobody knows.
            Err(_) => drop(ticket),
        }
        result
    }

    async fn apply(&self) -> Result<ToolReply, Stop> {
        let run = self.db().run(self.batch, Mode::Change, &self.limits);
        match run.await {
            Ok(a) => Ok(self.changed(a, false)),
            Err(f) if !f.ended && matches!(f.error, DbError::Sql(_)) => {
                Err(self.explained(&f).await)
            }
            Err(f) => Err(self.failed(&f)),
        }
    }

    /// The reply, and what the record says of it.
    fn changed(&self, mut a: Answer, dry_run: bool) -> ToolReply {
        let rows = changed_rows(&self.args.query, self.verdict, &a.rows_affected);
        // A procedure's counts are its own; where the text hides them, a 0 would be a lie.
        let rows = rows.or_else(|| {
            (self.verdict.class > Class::Write)
                .then(|| a.rows_affected.iter().sum())
                .filter(|n| *n > 0)
        });
        if rows.is_none() && a.rows_affected.iter().all(|n| *n == 0) {
            a.rows_affected.clear();
        }
        self.call.facts.set_changed(rows, a.committed);
        self.note(&mut a);
        answer(&self.call.facts, a, Some(dry_run), false)
    }

    /// What was taken otherwise than it was asked for.
    fn note(&self, a: &mut Answer) {
        let most = self.tool.bounds.max_rows;
        if let Some(n) = self.args.max_rows.filter(|n| *n > most) {
            a.messages.push(format!(
                "max_rows {n} was taken as {most}, the most that limits.max_rows allows here"
            ));
        }
    }

    /// A change that failed: an error of SQL Server rolled it back; a broken connection tells
    /// nothing.
    fn failed(&self, f: &Failure) -> Stop {
        if f.ended {
            let mut r = failure(f, self.db(), &self.args.query);
            r.code = "outcome_unknown";
            r.message = format!(
                "It ended the transaction itself, by a COMMIT or ROLLBACK of its own, and then failed: {}",
                r.message
            );
            r.hint = "What it had committed stays, and so does what it did without a transaction; look at the data before trying again.".into();
            return r.into();
        }
        match &f.error {
            DbError::Lost(m) => {
                Refusal::unknown_outcome(&format!("The connection to SQL Server broke: {m}."))
                    .into()
            }
            DbError::Timeout => {
                let mut r = failure(f, self.db(), &self.args.query);
                r.retryable = false;
                r.hint = match self.verdict.class > Class::Write {
                    true => "It was cancelled, and is rolled back but for what it had committed by itself: look at the data before trying again.",
                    false => "It was cancelled, and is rolled back unless it had just been committed: look at the data before trying again.",
                }
                .into();
                r.into()
            }
            _ => failure(f, self.db(), &self.args.query).into(),
        }
    }

    /// Why it cannot be tried out first, if it cannot.
    async fn previewable(
        &self,
    ) -> Result<Result<(Vec<Table>, Vec<cascade::Cascade>), String>, Stop> {
        if self.verdict.class > Class::Write {
            let what = if self.verdict.class == Class::Schema {
                "a change of the schema"
            } else {
                "a procedure or dynamic SQL"
            };
            return Ok(Err(format!("it has {what}, which a rollback may not undo")));
        }
        let failed = |e: DbError| Refusal::database(&e, self.db());
        let tables = match super::preview::tables(self.db(), self.verdict, &self.limits)
            .await
            .map_err(failed)?
        {
            Ok(t) => t,
            Err(why) => return Ok(Err(why)),
        };
        let cascades = cascade::cascades(self.db(), &tables, &self.args.query, &self.limits)
            .await
            .map_err(failed)?;
        Ok(cascades.map(|c| (tables, c)))
    }

    /// What it would change, counted in a transaction that is rolled back at once: no lock is held
    /// while a person thinks. With what it gave.
    async fn preview(&self) -> Result<(Effect, Option<Answer>), Stop> {
        let (tables, mut cascades) = match self.previewable().await? {
            Ok(t) => t,
            Err(why) => return Ok((Effect::Unknown(why), None)),
        };
        let patience: Duration = self.tool.confirm.preview_timeout();
        let deadline = Instant::now() + patience;
        let limits = Limits {
            deadline: Some(self.limits.deadline.map_or(deadline, |d| d.min(deadline))),
            ..self.limits.clone()
        };
        let run = self.db().run(self.batch, Mode::Preview, &limits);
        match run.await {
            Ok(a) => {
                cascade::count(self.db(), self.batch, &mut cascades, &limits).await;
                let effect = effect(
                    &self.args.query,
                    self.verdict,
                    a.rows_affected.clone(),
                    tables,
                    cascades,
                );
                Ok((effect, Some(a)))
            }
            Err(Failure { error: DbError::Timeout, .. }) => Ok((
                Effect::Unknown(format!(
                    "its preview took longer than {} s",
                    patience.as_secs_f32()
                )),
                None,
            )),
            // It would fail: the model hears why, and nobody is bothered.
            Err(f) => Err(self.explained(&f).await),
        }
    }

    async fn explained(&self, f: &Failure) -> Stop {
        failed_with_names(f, self.db(), &self.args.query, &self.limits).await.into()
    }
}

/// The result object; the rows are joined in as they are. `changed` for what changes something,
/// with whether it was a dry run; `more` where further result sets may be behind a cut.
pub fn answer(facts: &CallFacts, a: Answer, changed: Option<bool>, more: bool) -> ToolReply {
    facts.set_names_were_right();
    // Before the rows, so that who reads them from the beginning knows that they are not all.
    let (mut head, mut cut) = (String::from("{"), String::new());
    if let Some((t, limit)) = a.truncated {
        facts.set_truncated(t.as_str());
        let missing = match (changed, more) {
            (Some(_), _) => "the rows beyond it; the text itself ran to its end",
            (None, true) => "the rows behind it, and all result sets behind them",
            (None, false) => "the rows behind it",
        };
        let mut told = json!({ "reason": t.as_str() });
        if let Some(n) = limit {
            told["limit"] = n.into();
        }
        told["missing"] = missing.into();
        told["advice"] = t.advice().into();
        head += &format!("\"truncated\":{told},");
        cut = format!(
            "# cut at {}{}: {missing} are not here\n",
            t.as_str(),
            limit.map_or(String::new(), |n| format!(" ({n})"))
        );
    }
    if a.cut {
        facts.set_truncated("max_cell");
    }
    head += "\"results\":";
    let mut parts = vec![bytes::Bytes::from(head)];
    parts.extend(a.results.0);
    let mut tail = String::new();
    let messages = Value::from(a.messages);
    if changed.is_some() {
        tail += &format!(",\"rows_affected\":{}", Value::from(a.rows_affected.clone()));
    }
    if changed.is_some() || messages != json!([]) {
        tail += &format!(",\"messages\":{messages}");
    }
    if changed.is_some() {
        tail += &format!(",\"committed\":{}", a.committed);
    }
    if changed == Some(true) {
        tail += ",\"dry_run\":true";
    }
    tail.push('}');
    parts.push(tail.into());
    let json = Segments(parts);
    facts.returned(a.rows, json.len());
    let mut reply = ToolReply::structured(json);
    if let Some(mut csv) = a.csv {
        csv.insert_str(0, &cut);
        // What is not rows, in lines that no row begins like.
        for m in messages.as_array().into_iter().flatten().filter_map(Value::as_str) {
            csv += &format!("# message: {}\n", m.replace(['\n', '\r'], "\n# "));
        }
        if changed.is_some() && !a.rows_affected.is_empty() {
            csv += &format!(
                "# rows affected: {}; committed: {}\n",
                Value::from(a.rows_affected),
                a.committed
            );
        }
        reply.text = mssql_mcp_transports::Text::Own(csv);
    }
    reply
}

fn bad(name: &str, what: &str) -> Refusal {
    Refusal::new(
        "invalid_arguments",
        format!("params.{name}: {what}"),
        "Give {\"name\": value} or {\"name\": {\"type\": \"date\", \"value\": \"2024-01-31\"}}.",
    )
}

fn params(map: Map<String, Value>) -> Result<Vec<Param>, Refusal> {
    if map.len() > MAX_PARAMS {
        return Err(Refusal::new(
            "invalid_arguments",
            format!("{} parameters; at most {MAX_PARAMS} can be bound", map.len()),
            "Split the query.",
        ));
    }
    let mut seen: Vec<String> = Vec::new();
    map.into_iter()
        .map(|(name, v)| {
            let bare = name.strip_prefix('@').unwrap_or(&name).to_owned();
            if seen.contains(&bare.to_lowercase()) {
                return Err(bad(&name, "it is there twice; T-SQL minds neither case nor the @"));
            }
            seen.push(bare.to_lowercase());
            let ok = bare.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
                && bare.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '#' | '$' | '@'))
                && bare.encode_utf16().count() <= 127;
            if !ok {
                return Err(bad(
                    &name,
                    "this is no parameter name (up to 127 letters, digits and _ # $, not with a digit first)",
                ));
            }
            let (declared, v) = match v {
                Value::Object(mut o) => {
                    let ty = o
                        .remove("type")
                        .and_then(|t| t.as_str().map(str::to_owned))
                        .ok_or_else(|| bad(&name, "\"type\" must name a T-SQL type, such as decimal(10,2)"))?;
                    if !is_type(&ty) {
                        let ty: String = ty.chars().take(60).collect();
                        return Err(bad(
                            &name,
                            &format!("\"{ty}\" is no T-SQL type that can be bound; there are {}", TYPES.join(", ")),
                        ));
                    }
                    let v = o.remove("value").ok_or_else(|| bad(&name, "\"value\" is missing"))?;
                    (Some(ty), v)
                }
                v => (None, v),
            };
            let (value, natural) = match v {
                Value::String(s) if declared.as_deref().is_some_and(is_binary) => {
                    let bytes =
                        hex(&s).ok_or_else(|| bad(&name, "a binary value is written as hex, such as \"0x01FF\""))?;
                    (ParamValue::Binary(bytes), String::new())
                }
                Value::Null => (ParamValue::Null, "nvarchar(4000)".to_owned()),
                _ if declared.as_deref().is_some_and(is_binary) => {
                    return Err(bad(&name, "a binary value is written as hex, such as \"0x01FF\""));
                }
                Value::Bool(b) => (ParamValue::Bit(b), "bit".to_owned()),
                Value::String(s) => {
                    let ty = if s.encode_utf16().count() <= 4000 { "nvarchar(4000)" } else { "nvarchar(max)" };
                    (ParamValue::Text(s), ty.to_owned())
                }
                Value::Number(n) => {
                    number(&n).ok_or_else(|| bad(&name, "this number has more digits than SQL Server keeps"))?
                }
                Value::Array(_) | Value::Object(_) => return Err(bad(&name, "a single value is expected")),
            };
            Ok(Param { name: bare, declared: declared.unwrap_or(natural), value })
        })
        .collect()
}

fn is_binary(declared: &str) -> bool {
    let t = declared.trim().to_ascii_lowercase();
    t.starts_with("binary") || t.starts_with("varbinary")
}

/// `0x01FF`, as T-SQL writes it and results show it.
fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim().strip_prefix("0x").or_else(|| text.trim().strip_prefix("0X"))?;
    if digits.len() % 2 == 1 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).ok()).collect()
}

/// Whole numbers as bigint, plain decimals exactly, the rest as float.
fn number(n: &serde_json::Number) -> Option<(ParamValue, String)> {
    if let Some(i) = n.as_i64() {
        return Some((
            ParamValue::Int(i),
            if i32::try_from(i).is_ok() { "int" } else { "bigint" }.to_owned(),
        ));
    }
    let text = n.to_string();
    match text.split_once('.') {
        Some((whole, fraction)) if !text.contains(['e', 'E']) => {
            let digits = whole.trim_start_matches('-').len() + fraction.len();
            (digits <= 38).then(|| {
                (ParamValue::Text(text.clone()), format!("decimal({digits},{})", fraction.len()))
            })
        }
        None if !text.contains(['e', 'E']) => (text.len() <= 38)
            .then(|| (ParamValue::Text(text.clone()), format!("decimal({},0)", text.len()))),
        _ => Some((ParamValue::Float(n.as_f64()?), "float".to_owned())),
    }
}

/// The types that a parameter may be declared with.
const TYPES: [&str; 30] = [
    "bit",
    "tinyint",
    "smallint",
    "int",
    "integer",
    "bigint",
    "decimal",
    "dec",
    "numeric",
    "money",
    "smallmoney",
    "real",
    "float",
    "double precision",
    "char",
    "varchar",
    "nchar",
    "nvarchar",
    "binary",
    "varbinary",
    "date",
    "time",
    "datetime",
    "datetime2",
    "smalldatetime",
    "datetimeoffset",
    "uniqueidentifier",
    "xml",
    "sysname",
    "sql_variant",
];

/// A type name with at most two numbers (or `max`): it goes into a declaration,
/// so nothing else may.
fn is_type(t: &str) -> bool {
    let t = t.trim().to_ascii_lowercase();
    let (name, args) = match t.split_once('(') {
        None => (t.as_str(), None),
        Some((n, rest)) => match rest.strip_suffix(')') {
            Some(a) => (n.trim_end(), Some(a)),
            None => return false,
        },
    };
    let fine = |a: &str| {
        a.split(',').count() <= 2
            && a.split(',').all(|p| p.trim() == "max" || p.trim().parse::<u16>().is_ok())
    };
    TYPES.contains(&name) && args.is_none_or(fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(v: Value) -> (String, ParamValue) {
        let p = params(Map::from_iter([("a".to_owned(), v)])).expect("valid").remove(0);
        (p.declared, p.value)
    }

    #[test]
    fn values_are_bound_without_loss() {
        assert_eq!(one(json!(5)), ("int".into(), ParamValue::Int(5)));
        assert_eq!(
            one(json!(9_007_199_254_740_993_i64)),
            ("bigint".into(), ParamValue::Int(9_007_199_254_740_993))
        );
        assert_eq!(one(json!(12.5)), ("decimal(3,1)".into(), ParamValue::Text("12.5".into())));
        assert_eq!(one(json!(true)), ("bit".into(), ParamValue::Bit(true)));
        assert_eq!(one(json!(null)), ("nvarchar(4000)".into(), ParamValue::Null));
        assert_eq!(
            one(json!({ "type": "decimal(10,2)", "value": "1.50" })),
            ("decimal(10,2)".into(), ParamValue::Text("1.50".into()))
        );
    }

    #[test]
    fn binary_values_are_hex() {
        assert_eq!(
            one(json!({ "type": "VARBINARY(8)", "value": "0x01fF" })),
            ("VARBINARY(8)".into(), ParamValue::Binary(vec![1, 255]))
        );
        assert_eq!(
            one(json!({ "type": "binary(2)", "value": "0x" })).1,
            ParamValue::Binary(vec![])
        );
        for bad in ["01FF", "0x1", "0xZZ", "AQI="] {
            let v = json!({ "type": "varbinary(max)", "value": bad });
            assert!(params(Map::from_iter([("a".to_owned(), v)])).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_type_is_a_type_and_nothing_else() {
        for t in ["int", "NVARCHAR(max)", "decimal(10, 2)", "datetime2 (3)"] {
            assert!(is_type(t), "{t}");
        }
        for t in [
            "int; DROP TABLE t",
            "nvarchar(1) = N'x' OUTPUT, @b int",
            "table",
            "geography",
            "decimal(1,2,3)",
            "int)",
        ] {
            assert!(!is_type(t), "{t}");
        }
        for name in ["a b", "a'; --", ""] {
            assert!(params(Map::from_iter([(name.to_owned(), json!(1))])).is_err(), "{name}");
        }
    }
}
