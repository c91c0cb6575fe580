//! Reads the answer to a caller's text, row by row, up to the limits.

use std::borrow::Cow;
use std::time::Instant;

use mssql_mcp_session::{
    Discard, Done, Error, Event, Message, Param, ParamType, ParamValue, Rpc, Session,
};
use mssql_mcp_transports::{Notifier, Progress};
use tokio_util::sync::CancellationToken;

use super::connect::broken;
use super::lease::Lease;
use super::notices::Notices;
use super::overflow::Overflowing;
use super::pool::FATAL;
use super::rows::{Bounds, RowsWriter, Truncated};
use super::run::{Batch, BatchAnswer, Mode};
use super::wrapper::{
    TOLD_AND_TEXT, activity, carried, carried_as, context_info, context_param, ended,
};
use super::{Database, DbError, Limits};
use crate::plural::plural;

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
struct Reading<'a> {
    writer: RowsWriter,
    said: &'a mut Notices,
    rows_affected: Vec<u64>,
    /// Rows were announced, and their count has not come.
    in_rows: bool,
    selects_into: bool,
    committed: bool,
    notifier: &'a Notifier,
    /// Where rows are counted for a client that wants to hear of them.
    progress: Option<Progress>,
    /// Where rows go that are beyond the answer.
    over: Option<Overflowing>,
    /// How much of it a model gets.
    page: Option<Bounds>,
}

/// "%d percent processed.": what BACKUP, RESTORE and DBCC say of themselves (`sys.messages`).
const PERCENT_PROCESSED: i32 = 3211;

impl Database {
    /// Sends a text in its wrapper and reads what comes.
    pub(super) async fn run_once(
        &self,
        lease: &mut Lease,
        batch: Batch<'_>,
        mode: Mode,
        limits: &Limits,
        said: &mut Notices,
    ) -> Result<BatchAnswer, DbError> {
        let told = self.settings().context_info;
        let wrapping = self.wrapping.load_full();
        let cells = cells(limits, mode);
        let text_size = (mode == Mode::Read).then(|| cells.text_size());
        let outer = wrapping.text(batch.params, mode, told, text_size);
        let names: Vec<String> = (0..batch.params.len()).map(carried).collect();
        let mut declared = Cow::Borrowed(if told { TOLD_AND_TEXT } else { "@q nvarchar(max)" });
        let mut carried = Vec::with_capacity(names.len());
        for (name, p) in names.iter().zip(batch.params) {
            let (ty, param) = carried_as(name, p);
            declared.to_mut().push_str(&format!(", {name} {ty}"));
            carried.push(param);
        }
        let context = context_info(limits.trace);
        let mut rpc = Rpc::execute_sql(&outer, &declared).param(Param::new(
            "@q",
            ParamType::NVarCharMax,
            ParamValue::Text(batch.sql),
        ));
        if told {
            rpc = rpc.param(context_param(&context));
        }
        for param in carried {
            rpc = rpc.param(param);
        }
        let connection = lease.connection()?;
        if told {
            connection.session.set_trace(limits.trace.map(activity));
        }
        connection.session.set_bounds(cells.of_cells(text_size));
        let mut reading = Reading::new(batch, mode, limits, said);
        let work = reading.answer(&mut connection.session, &rpc, mode);
        let read = bounded(Box::pin(work), limits.deadline, &limits.cancel).await;
        connection.dirty |= reading.said.errors.iter().any(|e| e.severity >= FATAL);
        // What SQL Server said of it counts, also where it closed the connection behind it.
        if let Some(e) = reading.said.errors.first().filter(|_| !matches!(read, Ok(Ok(End::Cut)))) {
            return Err(DbError::Sql(e.clone()));
        }
        let over = reading.over.take();
        let stopped = matches!(read, Err(DbError::Timeout));
        let some = reading.writer.total_rows > 0 || over.as_ref().is_some_and(|o| o.rows() > 0);
        let mut answer = match read {
            Ok(Ok(End::Whole)) => reading.finish(),
            Ok(Ok(End::Cut)) => reading.cut(),
            // What there is by the deadline is an answer; the lease cancels the rest.
            Err(DbError::Timeout) if mode == Mode::Read && some => {
                reading.writer.take_back();
                reading.writer.truncated.get_or_insert(Truncated::Time);
                reading.cut()
            }
            Ok(Err(e)) => return Err(broken(e)),
            Err(e) => return Err(e),
        };
        if let Some(over) = over {
            (answer.kept, answer.kept_cut) = Box::pin(over.finish(stopped)).await;
        }
        Ok(answer)
    }
}

/// How much of one value is read.
fn cells(limits: &Limits, mode: Mode) -> Bounds {
    let usual = limits.page.unwrap_or(limits.bounds);
    match limits.overflow.as_ref().and_then(|o| o.max_cell).filter(|_| mode == Mode::Read) {
        Some(max_cell) => Bounds { max_cell, max_chars: max_cell.saturating_mul(8), ..usual },
        None => usual,
    }
}

/// Where the reading of an answer stopped.
enum End {
    Whole,
    /// At a limit: of what only reads, the rest is not waited for.
    Cut,
}

// === impl Reading ===

impl<'a> Reading<'a> {
    fn new(batch: Batch<'_>, mode: Mode, limits: &'a Limits, said: &'a mut Notices) -> Self {
        let notifier = &limits.notifier;
        let over = limits.overflow.clone().filter(|_| mode == Mode::Read).map(Overflowing::new);
        let progress = notifier.wants_progress().then(|| notifier.progress());
        if let Some(progress) = &progress {
            progress.begin(match mode {
                Mode::Preview => |_| "trying the change out".to_owned(),
                _ => |rows| format!("{} so far", plural(rows, "row")),
            });
        }
        Self {
            notifier,
            progress,
            writer: RowsWriter::new(limits.bounds),
            said,
            rows_affected: Vec::new(),
            in_rows: false,
            selects_into: batch.selects_into,
            committed: mode == Mode::Change,
            over,
            page: limits.page,
        }
    }

    /// Sends a call and takes its answer, event by event.
    async fn answer(
        &mut self,
        session: &mut Session,
        rpc: &Rpc<'_>,
        mode: Mode,
    ) -> Result<End, Error> {
        let mut answer = session.call(rpc).await?;
        while self.takes_rows() {
            let next = match &mut self.over {
                Some(over) if over.is_whole() || self.writer.truncated.is_some() => {
                    answer.next(&mut over.json).await?
                }
                _ => answer.next(self.writer.sink()).await?,
            };
            match next {
                None => return Ok(End::Whole),
                Some(event) => self.take(event),
            }
            if let Some(over) = self.over.as_mut().filter(|o| o.is_full()) {
                over.room().await;
            }
        }
        if mode == Mode::Read {
            return Ok(End::Cut);
        }
        // A change is read to its end: what it did, and whether it was committed.
        while let Some(event) = answer.next(&mut Discard).await? {
            if event != Event::Row {
                self.take(event);
            }
        }
        Ok(End::Whole)
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Row => {
                self.row();
                if let Some(progress) = &self.progress {
                    let kept = self.over.as_ref().map_or(0, Overflowing::rows);
                    progress.done(self.writer.total_rows.max(kept));
                }
            }
            Event::Columns(columns) => {
                self.in_rows = true;
                if let Some(over) = &mut self.over {
                    over.begin(&columns);
                }
                let whole = self.over.as_ref().is_some_and(Overflowing::is_whole);
                if self.writer.truncated.is_none() && !whole {
                    self.writer.begin(columns);
                    self.look_beyond();
                }
            }
            Event::Done(done) => self.done(done),
            // Ours, for us alone, and not to be missed among others.
            Event::Info(m) if m.text == ended() => self.said.ended = true,
            Event::Info(m) => {
                self.tell(&m);
                self.said.info(*m);
            }
            Event::Error(m) => self.said.error(*m),
            Event::ReturnStatus(s) if s != 0 => self.committed = false,
            _ => {}
        }
    }

    /// Whether there is room for more rows, in the answer or beyond it.
    fn takes_rows(&self) -> bool {
        match &self.over {
            Some(over) if over.is_open() => !over.has_ended(),
            _ => self.writer.truncated.is_none(),
        }
    }

    /// A row has come, into the answer or beyond it.
    fn row(&mut self) {
        match &mut self.over {
            Some(over) if over.is_whole() || self.writer.truncated.is_some() => over.own_row(),
            over => {
                if let Some(over) = over {
                    over.row(self.writer.last_row());
                }
                let _ = self.writer.accept();
                self.look_beyond();
            }
        }
    }

    /// Where there is more than the answer has, or than a model gets of it, it is kept.
    fn look_beyond(&mut self) {
        let beyond = self.writer.truncated.is_some()
            || self.page.as_ref().is_some_and(|page| self.writer.is_beyond(page));
        if let Some(over) = self.over.as_mut().filter(|_| beyond) {
            over.open();
        }
    }

    /// What SQL Server says is told while it works: it may be long until the answer.
    fn tell(&self, m: &Message) {
        let percent = m.text.split(' ').next().and_then(|n| n.parse().ok());
        if let (PERCENT_PROCESSED, Some(percent), Some(progress)) =
            (m.number, percent, &self.progress)
        {
            progress.begin(|percent| format!("{percent} % processed"));
            progress.done_of(percent, 100);
        }
        let level = if m.severity == 0 { "info" } else { "notice" };
        self.notifier.try_message(level, "sql", || m.text.clone().into());
    }

    fn done(&mut self, done: Done) {
        let behind_rows = std::mem::take(&mut self.in_rows);
        // SELECT … INTO ends as a SELECT does, and so does SELECT @n = …, which changes nothing.
        let changes = done.command.changes() || (self.selects_into && !behind_rows);
        if let Some(count) = done.count.filter(|_| changes) {
            self.rows_affected.push(count);
        }
    }

    /// Of what only reads, and was not read to its end.
    fn cut(mut self) -> BatchAnswer {
        self.committed = false;
        self.finish()
    }

    fn finish(self) -> BatchAnswer {
        let Self { mut writer, rows_affected, committed, .. } = self;
        writer.end();
        let rows = writer.total_rows;
        let (truncated, cut) = (writer.truncated.map(|t| (t, writer.limit(t))), writer.cut);
        let shapes = std::mem::take(&mut writer.shapes);
        let (results, csv) = writer.finish();
        let messages = Vec::new();
        BatchAnswer {
            results,
            rows,
            rows_affected,
            messages,
            committed,
            truncated,
            cut,
            csv,
            shapes,
            kept: None,
            kept_cut: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use mssql_mcp_session::{Command, Scope};

    use super::*;

    const BOUNDS: Bounds = Bounds { max_rows: 10, max_chars: 1000, max_cell: 100, csv: false };

    fn done(command: Command, count: Option<u64>) -> Event {
        Event::Done(Done {
            scope: Scope::InProcedure,
            command,
            count,
            more: true,
            error: false,
            attention: false,
            server_error: false,
            in_transaction: true,
        })
    }

    /// The counts that are left of some events, for a text that may select into a table.
    fn counts(selects_into: bool, events: Vec<Event>) -> Vec<u64> {
        let mut said = Notices::default();
        let batch = Batch { selects_into, ..Batch::from("") };
        let limits = Limits { bounds: BOUNDS, ..Limits::of_our_own() };
        let mut reading = Reading::new(batch, Mode::Change, &limits, &mut said);
        events.into_iter().for_each(|e| reading.take(e));
        reading.finish().rows_affected
    }

    #[test]
    fn a_count_is_a_changes_where_its_command_says_so() {
        let columns = || Event::Columns([].into());
        let output = vec![columns(), done(Command::Delete, Some(5))];
        assert_eq!(counts(false, output), [5]);
        assert!(counts(false, vec![columns(), done(Command::Select, Some(5))]).is_empty());
        assert_eq!(counts(false, vec![done(Command::Other(0xFD), Some(2))]), [2]);
        let zero = vec![done(Command::Update, Some(0)), done(Command::Update, None)];
        assert_eq!(counts(false, zero), [0]);
    }

    #[test]
    fn a_select_counts_where_it_makes_a_table() {
        let into = || vec![done(Command::Select, Some(7))];
        assert_eq!(counts(true, into()), [7]);
        assert!(counts(false, into()).is_empty());
        let rows = vec![Event::Columns([].into()), done(Command::Select, Some(7))];
        assert!(counts(true, rows).is_empty());
    }

    #[test]
    fn a_return_status_that_is_not_0_was_not_committed() {
        let limits = Limits { bounds: BOUNDS, ..Limits::of_our_own() };
        for (status, committed) in [(0, true), (1, false), (6, false)] {
            let mut said = Notices::default();
            let mut r = Reading::new(Batch::from(""), Mode::Change, &limits, &mut said);
            r.take(Event::ReturnStatus(status));
            assert_eq!(r.finish().committed, committed, "{status}");
        }
        let mut said = Notices::default();
        assert!(!Reading::new(Batch::from(""), Mode::Change, &limits, &mut said).cut().committed);
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
