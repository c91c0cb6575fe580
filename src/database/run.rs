//! Runs a caller's text on a leased connection: once for what only reads (twice where the
//! connection was dead), and in a transaction of ours for a change that was confirmed.
//!
//! What SQL Server says beside its rows (PRINT, notices, every error after the first) the driver
//! does not hand over: it logs it, as events of `tracing`. `crate::messages` is a layer that takes
//! these events, and finds by a task-local where they belong. So whatever may be said has to be
//! read within [`listen`], in the task that listens; and a login, whose notices are not the
//! caller's, has to be over before.

use serde_json::Value;

use super::lease::Lease;
use super::observe::Round;
use super::pool::driver_error;
use super::read::bounded;
use super::rows::Truncated;
use super::wrapper::ended;
use super::{Database, DbError, Limits};
use crate::messages::{Notices, listen};

pub(crate) use super::fetch::Rows;
pub(crate) use super::wrapper::{Param, ParamValue};

/// A caller's text with what is known of it.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    pub(crate) sql: &'a str,
    /// Bound to its parameters.
    pub(crate) params: &'a [Param],
    /// It may leave something behind on its connection, which is then closed.
    pub(crate) keeps_state: bool,
    /// Whatever in it has a count is a change, so that a count behind rows (OUTPUT) is one too.
    pub(crate) only_changes: bool,
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

impl Mode {
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
    /// Rows of all result sets together.
    pub rows: u64,
    /// Rows that each changing statement changed.
    pub rows_affected: Vec<u64>,
    pub(crate) messages: Vec<String>,
    /// Whether the transaction was committed.
    pub committed: bool,
    /// Why something was left out, and the limit that was reached.
    pub truncated: Option<(Truncated, Option<u64>)>,
    /// A value was cut.
    pub(crate) cut: bool,
    /// The rows as CSV, where that is wanted.
    pub(crate) csv: Option<String>,
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
    /// The first error of the text.
    pub error: DbError,
    /// Messages and later errors.
    pub(crate) said: Notices,
    /// The text had ended its transaction itself: what it committed before it failed stays.
    pub(crate) ended: bool,
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
                    tracing::debug!(target: "mssql_mcp::database", reason, "a pooled connection \
                        was dead; trying another");
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
        let commit = "IF @@TRANCOUNT = 0 THROW 50000, N'The transaction has ended before its \
                      commit.', 1; COMMIT TRANSACTION";
        self.command(&mut lease, commit, limits).await?;
        Ok(Applied::Committed(Answer { messages: said.messages, committed: true, ..answer }))
    }

    /// Runs a change between two runs of counting texts of ours, in one transaction that is rolled
    /// back: what each of them gave before and after.
    pub(crate) async fn counted_around(
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
}

fn silent(error: DbError) -> Failure {
    Failure { error, said: Notices::default(), ended: false }
}
