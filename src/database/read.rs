//! Reads the answer to a caller's text, row by row, up to the limits.

use std::borrow::Cow;
use std::time::Instant;

use futures_util::StreamExt;
use tiberius::{Command, CommandItem};
use tokio_util::sync::CancellationToken;

use super::lease::Lease;
use super::pool::driver_error;
use super::rows::{Bounds, RowsWriter, Truncated};
use super::run::{Batch, BatchAnswer, Mode};
use super::wrapper::{
    CONTEXT_PARAM, Param, ParamValue, TOLD_AND_TEXT, bind, carried, context_info, sent_as,
};
use super::{Database, DbError, Limits};

/// Ends early when the deadline passes or the call is cancelled.
pub(super) async fn bounded<T>(
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

/// What was read so far.
struct Reading {
    writer: RowsWriter,
    rows_affected: Vec<u64>,
    /// A count of 0 was said, or none: the driver gives 0 for both.
    zeros: bool,
    /// The count that follows a result set is its own.
    after_rows: bool,
    committed: bool,
    any: bool,
}

impl Database {
    /// Sends a text in its wrapper and reads what comes. The error comes with whether anything was
    /// read before it.
    pub(super) async fn run_once(
        &self,
        lease: &mut Lease,
        batch: Batch<'_>,
        mode: Mode,
        limits: &Limits,
    ) -> Result<BatchAnswer, (DbError, bool)> {
        let Limits { bounds, deadline, cancel, .. } = limits;
        let early = |e| (e, true);
        let told = self.settings().context_info;
        let wrapping = self.wrapping.load_full();
        let outer = wrapping.text(batch.params, mode, told);
        let declared = declared(batch.params, told);
        let context = context_info(limits.trace);
        let mut command = Command::new("sp_executesql");
        command.bind_param("@stmt", &*outer);
        command.bind_param("@params", &*declared);
        command.bind_param("@q", batch.sql);
        if told {
            command.bind_param(CONTEXT_PARAM, &*context);
        }
        for (n, p) in sent(batch.params) {
            bind(&mut command, carried(n), &p.value);
        }
        let Some(connection) = lease.connection() else {
            return Err(early(DbError::Driver("no connection".into())));
        };
        connection.in_flight = true;
        let sent = bounded(command.exec(&mut connection.client), *deadline, cancel)
            .await
            .map_err(early)?;
        let mut stream = sent.map_err(|e| (driver_error(e), false))?;
        let mut reading = Reading::new(*bounds, mode == Mode::Change);
        loop {
            match bounded(stream.next(), *deadline, cancel).await {
                Err(DbError::Timeout) if mode == Mode::Read && reading.writer.total_rows > 0 => {
                    // What there is by the deadline is an answer; the lease cancels the rest.
                    reading.writer.truncated = Some(Truncated::Time);
                    return Ok(reading.cut());
                }
                Err(e) => return Err(early(e)),
                Ok(None) => break,
                Ok(Some(Err(e))) => {
                    let e = driver_error(e);
                    // The driver reports an error of the server when its answer is read to the
                    // end.
                    match &e {
                        DbError::Sql(s) => {
                            connection.in_flight = false;
                            connection.dirty = s.severity >= 20;
                        }
                        _ => connection.dirty = true,
                    }
                    return Err((e, reading.any));
                }
                Ok(Some(Ok(item))) => {
                    if !reading.take(item, batch.only_changes) && mode == Mode::Read {
                        return Ok(reading.cut());
                    }
                }
            }
        }
        connection.in_flight = false;
        reading.zeros &= mode != Mode::Read;
        Ok(reading.finish())
    }
}

/// The parameters that are sent, by position: the driver sends a NULL without a type, which not
/// every server takes, so it stands in the text.
fn sent(params: &[Param]) -> impl Iterator<Item = (usize, &Param)> {
    params.iter().enumerate().filter(|(_, p)| p.value != ParamValue::Null)
}

/// The declaration of the outer text's parameters.
fn declared(params: &[Param], told: bool) -> Cow<'static, str> {
    let mut declared = Cow::Borrowed(if told { TOLD_AND_TEXT } else { "@q nvarchar(max)" });
    for (n, p) in sent(params) {
        declared.to_mut().push_str(&format!(", {} {}", carried(n), sent_as(&p.value)));
    }
    declared
}

// === impl Reading ===

impl Reading {
    fn new(bounds: Bounds, committed: bool) -> Self {
        Self {
            writer: RowsWriter::new(bounds),
            rows_affected: Vec::new(),
            zeros: false,
            after_rows: false,
            committed,
            any: false,
        }
    }

    /// Whether there is room for more.
    fn take(&mut self, item: CommandItem, only_changes: bool) -> bool {
        self.any = true;
        match item {
            CommandItem::Metadata(m) => {
                self.writer.begin(m.columns());
                self.after_rows = true;
            }
            CommandItem::Row(row) => return self.writer.row(&row),
            CommandItem::RowsAffected(n) => self.count(n, only_changes),
            CommandItem::ReturnStatus(s) if s != 0 => self.committed = false,
            CommandItem::ReturnStatus(_) | CommandItem::ReturnValue(_) => {}
        }
        true
    }

    fn count(&mut self, n: u64, only_changes: bool) {
        match n {
            _ if self.after_rows && !only_changes => self.after_rows = false,
            0 => self.zeros = true,
            n => self.rows_affected.push(n),
        }
    }

    /// Of what only reads, and was not read to its end.
    fn cut(mut self) -> BatchAnswer {
        (self.zeros, self.committed) = (false, false);
        self.finish()
    }

    fn finish(self) -> BatchAnswer {
        let Self { mut writer, mut rows_affected, zeros, committed, .. } = self;
        writer.end();
        let rows = writer.total_rows;
        let (truncated, cut) = (writer.truncated.map(|t| (t, writer.limit(t))), writer.cut);
        if zeros && rows_affected.is_empty() && rows == 0 {
            rows_affected.push(0);
        }
        let (results, csv) = writer.finish();
        let messages = Vec::new();
        BatchAnswer { results, rows, rows_affected, messages, committed, truncated, cut, csv }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading() -> Reading {
        let bounds = Bounds { max_rows: 10, max_chars: 1000, max_cell: 100, csv: false };
        Reading::new(bounds, true)
    }

    #[test]
    fn a_count_behind_rows_is_theirs_unless_all_of_it_changes() {
        for (only_changes, counts) in [(false, vec![7]), (true, vec![5, 7])] {
            let mut r = reading();
            r.after_rows = true;
            assert!(r.take(CommandItem::RowsAffected(5), only_changes));
            r.after_rows = false;
            assert!(r.take(CommandItem::RowsAffected(7), only_changes));
            assert_eq!(r.finish().rows_affected, counts);
        }
    }

    #[test]
    fn a_zero_is_told_where_nothing_else_was_counted() {
        let mut r = reading();
        r.take(CommandItem::RowsAffected(0), false);
        assert_eq!(r.finish().rows_affected, [0]);
        let mut r = reading();
        r.take(CommandItem::RowsAffected(0), false);
        r.take(CommandItem::RowsAffected(3), false);
        assert_eq!(r.finish().rows_affected, [3]);
        let mut r = reading();
        r.take(CommandItem::RowsAffected(0), false);
        assert!(r.cut().rows_affected.is_empty());
    }

    #[test]
    fn a_return_status_that_is_not_0_was_not_committed() {
        for (status, committed) in [(0, true), (1, false), (6, false)] {
            let mut r = reading();
            assert!(!r.any);
            r.take(CommandItem::ReturnStatus(status), false);
            assert!(r.any);
            assert_eq!(r.finish().committed, committed, "{status}");
        }
        assert!(!reading().cut().committed);
    }

    #[test]
    fn parameters_are_declared_by_position_and_nulls_are_not_sent() {
        let param = |name: &str, value| Param { name: name.into(), declared: "int".into(), value };
        let params = [
            param("a", ParamValue::Int(1)),
            param("b", ParamValue::Null),
            param("c", ParamValue::Text("x".into())),
        ];
        assert_eq!(declared(&params, false), "@q nvarchar(max), @p0 bigint, @p2 nvarchar(max)");
        assert!(declared(&params, true).starts_with(TOLD_AND_TEXT));
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_first_decides() {
        let cancel = CancellationToken::new();
        let later = Instant::now() + std::time::Duration::from_secs(5);
        assert_eq!(bounded(async { 1 }, None, &cancel).await, Ok(1));
        let never = std::future::pending::<()>;
        assert_eq!(bounded(never(), Some(later), &cancel).await, Err(DbError::Timeout));
        cancel.cancel();
        assert_eq!(bounded(never(), None, &cancel).await, Err(DbError::Cancelled));
        // What is there counts, however late it is.
        assert_eq!(bounded(async { 1 }, Some(later), &cancel).await, Ok(1));
    }
}
