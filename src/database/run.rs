//! Runs a text on a leased connection.
//!
//! A caller's text is the *inner* statement of one wrapper RPC, which sets the session's options,
//! opens the transaction and ends it, so that the guard costs no round trip:
//!
//! ```text
//! sp_executesql  SET …; BEGIN TRY  BEGIN TRANSACTION  EXEC sp_executesql @q, …  COMMIT | ROLLBACK  END TRY
//!                BEGIN CATCH  ROLLBACK  THROW  END CATCH
//! ```

use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::Value;
use tiberius::{ColumnData, Command, CommandItem, Row};
use tokio_util::sync::CancellationToken;

use super::lease::Lease;
use super::observe::Round;
use super::pool::driver_error;
use super::rows::{Truncated, Writer};
use super::{Database, DbError, Limits};
use crate::messages::{Said, listen};
use crate::telemetry::trace::Trace;

/// Rows of the catalog, as values.
pub type Rows = Vec<Vec<Value>>;

/// A bound parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Param {
    /// Without its `@`.
    pub name: String,
    /// As T-SQL declares it: `int`, `decimal(10,2)`, `nvarchar(max)`.
    pub declared: String,
    /// What is sent.
    pub value: ParamValue,
}

/// What is sent for a parameter; SQL Server converts it to the declared type.
#[derive(Debug, Clone, PartialEq)]
pub enum ParamValue {
    /// NULL.
    Null,
    /// bit.
    Bit(bool),
    /// bigint.
    Int(i64),
    /// float.
    Float(f64),
    /// nvarchar.
    Text(String),
    /// varbinary.
    Binary(Vec<u8>),
}

/// A caller's text.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// The text.
    pub sql: &'a str,
    /// Bound to its parameters.
    pub params: &'a [Param],
    /// It may leave something behind on its connection, which is then closed.
    pub keeps_state: bool,
    /// Whatever in it has a count is a change, so that a count behind rows (OUTPUT) is one too.
    pub only_changes: bool,
}

impl<'a> From<&'a str> for Batch<'a> {
    fn from(sql: &'a str) -> Self {
        Self { sql, params: &[], keeps_state: false, only_changes: false }
    }
}

/// How a caller's text runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Rolled back whatever happens, and cut short at the limits.
    Read,
    /// Rolled back whatever happens, but read to its end: what it would change is counted.
    Preview,
    /// Committed when it succeeds; read to its end even beyond the limits, so that what it changes
    /// is not lost to them.
    Change,
    /// Inside a transaction that [`Database::run_if`] opened, and ends itself.
    Inner,
}

/// What wraps a caller's text, but for its parameters.
#[derive(Debug)]
pub struct Wrapping {
    lock_timeout: u128,
    read: OnceLock<String>,
}

impl Wrapping {
    /// With this LOCK_TIMEOUT.
    pub fn new(lock_timeout: Duration) -> Self {
        Self { lock_timeout: lock_timeout.as_millis(), read: OnceLock::new() }
    }

    /// In milliseconds.
    pub fn lock_timeout(&self) -> u64 {
        u64::try_from(self.lock_timeout).unwrap_or(u64::MAX)
    }
}

impl Mode {
    /// `db.operation.name`.
    fn operation(self) -> &'static str {
        match self {
            Mode::Read => "read",
            Mode::Preview => "preview",
            Mode::Change => "change",
            Mode::Inner => "confirmed change",
        }
    }
}

/// What a text gave.
#[derive(Debug)]
pub struct Answer {
    /// The result sets, as a JSON array.
    pub results: mssql_mcp_transports::Segments,
    /// Rows in them.
    pub rows: u64,
    /// Rows that each changing statement changed.
    pub rows_affected: Vec<u64>,
    /// PRINT and notices.
    pub messages: Vec<String>,
    /// Whether the transaction was committed.
    pub committed: bool,
    /// Why something was left out, and the limit that was reached.
    pub truncated: Option<(Truncated, Option<u64>)>,
    /// A value was cut.
    pub cut: bool,
    /// The rows as CSV, where that is wanted.
    pub csv: Option<String>,
}

/// What became of a change that was to have a certain effect.
#[derive(Debug)]
pub enum Applied {
    /// It had that effect, and is committed.
    Committed(Answer),
    /// It would have had another effect, and was rolled back.
    Differs(Vec<u64>),
}

/// A failed text: the error, and what was said beside it.
#[derive(Debug)]
pub struct Failure {
    /// The first error.
    pub error: DbError,
    /// Messages and later errors.
    pub said: Said,
    /// The text had ended its transaction itself: what it committed before it failed stays.
    pub ended: bool,
}

/// Which trace a statement belongs to, for a DBA who looks at `sys.dm_exec_sessions.context_info`:
/// the `traceparent` as ASCII, as the semantic conventions for SQL Server have it. In the same
/// round trip, and not as a comment, which would be another plan for each call.
pub const CONTEXT_PARAM: &str = "@mssql_mcp_trace";
const TELL: &str = "SET CONTEXT_INFO @mssql_mcp_trace; ";
const TOLD_AND_TEXT: &str = "@q nvarchar(max), @mssql_mcp_trace varbinary(128)";

/// Its value; empty where nobody called, so that nothing of the caller before is left.
fn context_info(trace: Option<Trace>) -> Vec<u8> {
    trace.map(|t| t.header().into_bytes()).unwrap_or_default()
}

/// What the wrapper says before it hands on an error, where the text has ended the transaction. No
/// text can know it, and say it by itself.
fn ended() -> &'static str {
    static MARK: OnceLock<String> = OnceLock::new();
    MARK.get_or_init(|| {
        let mut random = [0; 16];
        // Without randomness a text could claim it; nothing more than a sentence hangs on it.
        let _ = aws_lc_rs::rand::fill(&mut random);
        let hex: String = random.iter().map(|b| format!("{b:02x}")).collect();
        format!("mssql-mcp: the transaction had been ended by the text ({hex})")
    })
}

/// The outer text. Public for the benchmark, which sets it beside the bare query.
pub fn wrapper(params: &[Param], mode: Mode, lock_timeout_ms: u128, told: bool) -> String {
    let inner = if params.is_empty() {
        String::new()
    } else {
        // By position: sp_executesql has parameters of its own, and a caller's may be called @stmt
        // or @params like them.
        let declared = params
            .iter()
            .map(|p| format!("@{} {}", p.name, p.declared))
            .collect::<Vec<_>>()
            .join(", ");
        let given = |(n, p): (usize, &Param)| match p.value {
            // The driver sends a NULL without a type, which not every server takes.
            ParamValue::Null => ", NULL".to_owned(),
            _ => format!(", {}", carried(n)),
        };
        let list = params.iter().enumerate().map(given).collect::<String>();
        format!(", N'{}'{list}", declared.replace('\'', "''"))
    };
    let (begin, end) = match mode {
        Mode::Read | Mode::Preview => {
            ("BEGIN TRANSACTION; ", "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;")
        }
        Mode::Change => ("BEGIN TRANSACTION; ", "COMMIT TRANSACTION;"),
        Mode::Inner => ("", ""),
    };
    let told = if told { TELL } else { "" };
    // Where none is open any more, the text itself has ended it (a COMMIT or
    // ROLLBACK in a procedure).
    let otherwise =
        if mode == Mode::Change { format!(" ELSE PRINT N'{}'", ended()) } else { String::new() };
    // Ours is the one to lose a deadlock: the application that owns the database goes on.
    format!(
        "{told}SET NOCOUNT ON; SET XACT_ABORT ON; SET DEADLOCK_PRIORITY LOW; SET LOCK_TIMEOUT {lock_timeout_ms};\n\
         BEGIN TRY {begin}SET NOCOUNT OFF; EXEC sp_executesql @q{inner}; SET NOCOUNT ON; {end} END TRY\n\
         BEGIN CATCH IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION{otherwise}; THROW; END CATCH"
    )
}

/// What the n-th parameter is called outside of the caller's text, where other names are ours.
fn carried(n: usize) -> String {
    format!("@p{n}")
}

/// The type that a value is sent as, in the outer declaration.
fn sent_as(v: &ParamValue) -> &'static str {
    match v {
        ParamValue::Null | ParamValue::Text(_) => "nvarchar(max)",
        ParamValue::Bit(_) => "bit",
        ParamValue::Int(_) => "bigint",
        ParamValue::Float(_) => "float",
        ParamValue::Binary(_) => "varbinary(max)",
    }
}

fn bind<'a>(c: &mut Command<'a>, name: String, v: &'a ParamValue) {
    match v {
        ParamValue::Null => c.bind_param(name, None::<&str>),
        ParamValue::Bit(b) => c.bind_param(name, *b),
        ParamValue::Int(i) => c.bind_param(name, *i),
        ParamValue::Float(f) => c.bind_param(name, *f),
        ParamValue::Text(t) => c.bind_param(name, t.as_str()),
        ParamValue::Binary(b) => c.bind_param(name, b.as_slice()),
    }
}

/// Ends early when the deadline passes or the call is cancelled.
async fn bounded<T>(
    f: impl Future<Output = T>,
    deadline: Option<Instant>,
    cancel: &CancellationToken,
) -> Result<T, DbError> {
    let timer = async {
        match deadline {
            Some(d) => tokio::time::sleep_until(d.into()).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        r = f => Ok(r),
        () = cancel.cancelled() => Err(DbError::Cancelled),
        () = timer => Err(DbError::Timeout),
    }
}

impl Database {
    /// Runs a caller's text. A read that finds its pooled connection dead, before anything came
    /// back, is tried once more.
    pub async fn run(
        &self,
        batch: Batch<'_>,
        mode: Mode,
        limits: &Limits,
    ) -> Result<Answer, Failure> {
        let mut tries = if mode == Mode::Read { 2 } else { 1 };
        loop {
            tries -= 1;
            // Outside of `listen`: what a login says is not for the caller.
            let mut lease = self.lease_within(limits).await?;
            let round = Round::begin(self, mode.operation(), Some(batch.sql));
            let limits = &Limits { trace: round.trace(limits.trace), ..limits.clone() };
            // Boxed, because the driver's futures are large.
            let work = listen(Box::pin(self.run_once(&mut lease, batch, mode, limits)));
            let (result, mut said) =
                round.run(work, |(r, _)| r.as_ref().map(|a| a.rows).map_err(|e| &e.0)).await;
            let ended = mode == Mode::Change && said.messages.last().is_some_and(|m| m == ended());
            if ended {
                said.messages.pop();
            }
            if batch.keeps_state
                && let Some(c) = lease.connection()
            {
                c.dirty = true;
            }
            match result {
                Ok(a) => return Ok(Answer { messages: said.messages, ..a }),
                Err((DbError::Lost(reason), false)) if tries > 0 => {
                    tracing::debug!(target: "mssql_mcp::database", reason, "a pooled connection was dead; trying another");
                }
                Err((error, _)) => return Err(Failure { error, said, ended }),
            }
        }
    }

    /// Runs a change and commits it only if it changes as many rows as were `expected`, statement
    /// by statement. Three round trips: the counts are known only when all was read, and the
    /// commit waits for them.
    pub async fn run_if(
        &self,
        batch: Batch<'_>,
        expected: &[u64],
        limits: &Limits,
    ) -> Result<Applied, Failure> {
        let mut lease = self.lease_within(limits).await?;
        self.command(&mut lease, "BEGIN TRANSACTION", limits).await?;
        let round = Round::begin(self, Mode::Inner.operation(), Some(batch.sql));
        let limits = &Limits { trace: round.trace(limits.trace), ..limits.clone() };
        let work = listen(Box::pin(self.run_once(&mut lease, batch, Mode::Inner, limits)));
        let (result, said) =
            round.run(work, |(r, _)| r.as_ref().map(|a| a.rows).map_err(|e| &e.0)).await;
        let Some(c) = lease.connection() else {
            return Err(silent(DbError::Driver("no connection".into())));
        };
        c.dirty |= batch.keeps_state;
        // Until the transaction has ended, a lease that is dropped must not
        // give its connection back.
        c.in_flight = true;
        let answer =
            result.map_err(|(error, _)| Failure { error, said: said.clone(), ended: false })?;
        if answer.rows_affected != expected {
            self.command(&mut lease, "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION", limits).await?;
            return Ok(Applied::Differs(answer.rows_affected));
        }
        let commit = "IF @@TRANCOUNT = 0 THROW 50000, N'The transaction has ended before its commit.', 1; COMMIT TRANSACTION";
        self.command(&mut lease, commit, limits).await?;
        Ok(Applied::Committed(Answer { messages: said.messages, committed: true, ..answer }))
    }

    /// Runs a change between two runs of counting texts of ours, in one transaction that is rolled
    /// back: what each of them gave before and after.
    pub async fn counted_around(
        &self,
        batch: Batch<'_>,
        counting: &[String],
        limits: &Limits,
    ) -> Result<Vec<(i64, i64)>, Failure> {
        let mut lease = self.lease_within(limits).await?;
        self.command(&mut lease, "BEGIN TRANSACTION", limits).await?;
        let mut counted = [Vec::new(), Vec::new()];
        for (n, into) in counted.iter_mut().enumerate() {
            if n == 1 {
                let (result, said) =
                    listen(Box::pin(self.run_once(&mut lease, batch, Mode::Inner, limits))).await;
                result.map_err(|(error, _)| Failure { error, said, ended: false })?;
            }
            for sql in counting {
                let sets =
                    Box::pin(self.fetch_on(&mut lease, sql, &[], limits)).await.map_err(silent)?;
                let count = sets
                    .first()
                    .and_then(|s| s.first())
                    .and_then(|r| r.first())
                    .map(Value::to_string);
                let count = count.and_then(|c| c.trim_matches('"').parse().ok());
                into.push(
                    count.ok_or_else(|| silent(DbError::Driver("a count is missing".into())))?,
                );
            }
            // Until the transaction has ended, a lease that is dropped must not
            // give its connection back.
            if let Some(c) = lease.connection() {
                c.dirty |= batch.keeps_state;
                c.in_flight = true;
            }
        }
        self.command(&mut lease, "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION", limits).await?;
        let [before, after] = counted;
        Ok(before.into_iter().zip(after).collect())
    }

    async fn lease_within(&self, limits: &Limits) -> Result<Lease, Failure> {
        bounded(self.lease(&limits.caller), limits.deadline, &limits.cancel)
            .await
            .and_then(|l| l)
            .map_err(silent)
    }

    /// A text of ours without an answer; the connection is free again only when it succeeded.
    async fn command(&self, lease: &mut Lease, sql: &str, limits: &Limits) -> Result<(), Failure> {
        let Some(c) = lease.connection() else {
            return Err(silent(DbError::Driver("no connection".into())));
        };
        c.in_flight = true;
        let work = Box::pin(async { c.client.simple_query(sql).await?.into_results().await });
        bounded(work, limits.deadline, &limits.cancel)
            .await
            .and_then(|r| r.map_err(driver_error))
            .map_err(silent)?;
        c.in_flight = false;
        Ok(())
    }

    /// The error comes with whether anything was read before it.
    async fn run_once(
        &self,
        lease: &mut Lease,
        batch: Batch<'_>,
        mode: Mode,
        limits: &Limits,
    ) -> Result<Answer, (DbError, bool)> {
        let Batch { sql, params, .. } = batch;
        let Limits { bounds, deadline, cancel, .. } = limits;
        let early = |e| (e, true);
        let told = self.settings().context_info;
        let wrapping = self.wrapping.load_full();
        let outer = match mode {
            // The same text for nearly every call.
            Mode::Read if params.is_empty() => {
                wrapping.read.get_or_init(|| wrapper(&[], mode, wrapping.lock_timeout, told)).into()
            }
            _ => Cow::Owned(wrapper(params, mode, wrapping.lock_timeout, told)),
        };
        let mut declared = Cow::Borrowed(if told { TOLD_AND_TEXT } else { "@q nvarchar(max)" });
        for (n, p) in params.iter().enumerate().filter(|(_, p)| p.value != ParamValue::Null) {
            declared.to_mut().push_str(&format!(", {} {}", carried(n), sent_as(&p.value)));
        }
        let mut command = Command::new("sp_executesql");
        command.bind_param("@stmt", &*outer);
        command.bind_param("@params", &*declared);
        command.bind_param("@q", sql);
        let context = context_info(limits.trace);
        if told {
            command.bind_param(CONTEXT_PARAM, &*context);
        }
        for (n, p) in params.iter().enumerate().filter(|(_, p)| p.value != ParamValue::Null) {
            bind(&mut command, carried(n), &p.value);
        }
        let mut writer = Writer::new(*bounds);
        let mut rows_affected = Vec::new();
        let mut zeros = false;
        let mut committed = mode == Mode::Change;
        let mut read = false;
        {
            let Some(connection) = lease.connection() else {
                return Err(early(DbError::Driver("no connection".into())));
            };
            connection.in_flight = true;
            let sent = bounded(command.exec(&mut connection.client), *deadline, cancel)
                .await
                .map_err(early)?;
            let mut stream = sent.map_err(|e| (driver_error(e), false))?;
            // The count that follows a result set is its own.
            let mut after_rows = false;
            loop {
                match bounded(stream.next(), *deadline, cancel).await {
                    Err(DbError::Timeout) if mode == Mode::Read && writer.total_rows > 0 => {
                        // What there is by the deadline is an answer; the lease cancels the rest.
                        writer.truncated = Some(Truncated::Time);
                        return Ok(finish(writer, rows_affected, zeros, false));
                    }
                    Err(e) => return Err(early(e)),
                    Ok(None) => break,
                    Ok(Some(Err(e))) => {
                        let e = driver_error(e);
                        // The driver reports an error of the server when its answer is
                        // read to the end.
                        if let DbError::Sql(s) = &e {
                            connection.in_flight = false;
                            connection.dirty = s.severity >= 20;
                        } else {
                            connection.dirty = true;
                        }
                        return Err((e, read));
                    }
                    Ok(Some(Ok(item))) => {
                        read = true;
                        match item {
                            CommandItem::Metadata(m) => {
                                writer.begin(m.columns());
                                after_rows = true;
                            }
                            CommandItem::Row(row) => {
                                if !writer.row(&row) && mode == Mode::Read {
                                    return Ok(finish(writer, rows_affected, zeros, false));
                                }
                            }
                            CommandItem::RowsAffected(_) if after_rows && !batch.only_changes => {
                                after_rows = false
                            }
                            // The driver gives 0 both for "no rows changed" and for "no count".
                            CommandItem::RowsAffected(0) => zeros = true,
                            CommandItem::RowsAffected(n) => rows_affected.push(n),
                            CommandItem::ReturnStatus(s) if s != 0 => committed = false,
                            CommandItem::ReturnStatus(_) | CommandItem::ReturnValue(_) => {}
                        }
                    }
                }
            }
            connection.in_flight = false;
        }
        Ok(finish(writer, rows_affected, zeros && mode != Mode::Read, committed))
    }

    /// Runs a text of our own and collects its rows as JSON values, result set by result set.
    pub async fn fetch(
        &self,
        sql: &str,
        params: &[(&str, ParamValue)],
        limits: &Limits,
    ) -> Result<Vec<Rows>, DbError> {
        match Box::pin(self.fetch_once(sql, params, limits)).await {
            Err(DbError::Lost(_)) => Box::pin(self.fetch_once(sql, params, limits)).await,
            r => r,
        }
    }

    async fn fetch_once(
        &self,
        sql: &str,
        params: &[(&str, ParamValue)],
        limits: &Limits,
    ) -> Result<Vec<Rows>, DbError> {
        let mut lease =
            bounded(self.lease(&limits.caller), limits.deadline, &limits.cancel).await??;
        let round = Round::begin(self, "catalog", None);
        let limits = &Limits { trace: round.trace(limits.trace), ..limits.clone() };
        let rows = |sets: &Vec<Rows>| sets.iter().map(Vec::len).sum::<usize>() as u64;
        let work = self.fetch_on(&mut lease, sql, params, limits);
        round.run(work, |r: &Result<Vec<Rows>, DbError>| r.as_ref().map(rows)).await
    }

    async fn fetch_on(
        &self,
        lease: &mut Lease,
        sql: &str,
        params: &[(&str, ParamValue)],
        limits: &Limits,
    ) -> Result<Vec<Rows>, DbError> {
        let Limits { deadline, cancel, .. } = limits;
        let bound = || params.iter().filter(|(_, v)| *v != ParamValue::Null);
        let mut declared = bound().map(|(n, v)| format!("@{n} {}", sent_as(v))).collect::<Vec<_>>();
        let (mut text, context) = (Cow::Borrowed(sql), context_info(limits.trace));
        // The driver sends a NULL without a type, which not every server takes: it is
        // written into the text.
        for (n, _) in params.iter().filter(|(_, v)| *v == ParamValue::Null) {
            text = Cow::Owned(without(&text, n));
        }
        let told = self.settings().context_info;
        if told {
            text = Cow::Owned(format!("{TELL}{text}"));
            declared.push(format!("{CONTEXT_PARAM} varbinary(128)"));
        }
        let declared = declared.join(", ");
        let mut command = Command::new("sp_executesql");
        command.bind_param("@stmt", &*text);
        if !declared.is_empty() {
            command.bind_param("@params", declared.as_str());
        }
        for (n, v) in bound() {
            bind(&mut command, format!("@{n}"), v);
        }
        if told {
            command.bind_param(CONTEXT_PARAM, &*context);
        }
        let Some(connection) = lease.connection() else {
            return Err(DbError::Driver("no connection".into()));
        };
        connection.in_flight = true;
        let mut stream = bounded(command.exec(&mut connection.client), *deadline, cancel)
            .await?
            .map_err(driver_error)?;
        let mut sets: Vec<Rows> = Vec::new();
        loop {
            match bounded(stream.next(), *deadline, cancel).await? {
                None => break,
                Some(Err(e)) => {
                    let e = driver_error(e);
                    connection.in_flight = !matches!(e, DbError::Sql(_));
                    return Err(e);
                }
                Some(Ok(CommandItem::Metadata(_))) => sets.push(Vec::new()),
                Some(Ok(CommandItem::Row(r))) => {
                    if let Some(s) = sets.last_mut() {
                        s.push(tree(r));
                    }
                }
                Some(Ok(_)) => {}
            }
        }
        connection.in_flight = false;
        Ok(sets)
    }
}

fn silent(error: DbError) -> Failure {
    Failure { error, said: Said::default(), ended: false }
}

fn finish(mut writer: Writer, mut rows_affected: Vec<u64>, zeros: bool, committed: bool) -> Answer {
    writer.end();
    let rows = writer.total_rows;
    let (truncated, cut) = (writer.truncated.map(|t| (t, writer.limit(t))), writer.cut);
    if zeros && rows_affected.is_empty() && rows == 0 {
        rows_affected.push(0);
    }
    let (results, csv) = writer.finish();
    Answer { results, rows, rows_affected, messages: Vec::new(), committed, truncated, cut, csv }
}

/// A text of ours with NULL in the place of a variable.
fn without(sql: &str, name: &str) -> String {
    let variable = format!("@{name}");
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(at) = rest.find(&variable) {
        let (before, after) = rest.split_at(at);
        let after = &after[variable.len()..];
        out.push_str(before);
        let longer = after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        out.push_str(if longer { &variable } else { "CAST(NULL AS nvarchar(4000))" });
        rest = after;
    }
    out + rest
}

/// A row as values: for the catalog, whose rows are few.
fn tree(row: Row) -> Vec<Value> {
    row.cells()
        .map(|(c, v)| {
            let mut b = Vec::new();
            let ty = super::value::type_name(c.column_type());
            super::value::json(v, ty, usize::MAX, &mut b);
            match v {
                // Its digits, as execute_sql has them; as a double they would be others.
                ColumnData::Numeric(Some(_)) => {
                    String::from_utf8_lossy(&b).trim_matches('"').into()
                }
                ColumnData::F64(Some(_)) if matches!(ty, "money" | "smallmoney") => {
                    String::from_utf8_lossy(&b).trim_matches('"').into()
                }
                _ => serde_json::from_slice(&b).unwrap_or(Value::Null),
            }
        })
        .collect()
}
