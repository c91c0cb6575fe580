//! Rows beyond an answer, on their way into a file: the first ones are held until it is known that
//! there are more than the answer has.

use std::sync::{Arc, OnceLock};

use mssql_mcp_session::{Column, Json};
use mssql_mcp_spool::{Column as KeptColumn, Kept, Pushed, Reason, Writer};

/// Where rows go that are beyond an answer.
#[derive(Clone)]
pub struct Overflow {
    /// All rows go there, and none into the answer.
    pub(crate) whole: bool,
    /// Characters of one value, where the caller wants more of it than an answer has.
    pub(crate) max_cell: Option<usize>,
    /// Begins a file; none where that is not possible.
    pub(crate) begin: Arc<dyn Fn() -> Option<Writer> + Send + Sync>,
    /// Why it was not.
    pub(crate) why: Arc<OnceLock<String>>,
    /// What is kept with the rows, once it is known which session they came from.
    pub(crate) label: Arc<dyn Fn() -> String + Send + Sync>,
}

/// The rows of one answer.
pub(super) struct Overflowing {
    of: Overflow,
    /// Result sets and their rows, each with a line feed behind it, until a file is begun.
    first: Vec<(Arc<[Column]>, Vec<u8>)>,
    /// What the session writes rows to that are in no answer.
    pub(super) json: Json,
    spare: Vec<u8>,
    columns: usize,
    writer: Option<Writer>,
    /// No file could be begun.
    failed: bool,
    full: bool,
    /// Values that were cut, of rows that are in no answer.
    pub(super) cut: u64,
}

impl std::fmt::Debug for Overflow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Overflow").field("whole", &self.whole).finish_non_exhaustive()
    }
}

fn kept_columns(columns: &[Column]) -> Vec<KeptColumn> {
    columns.iter().map(|c| KeptColumn::new(&c.name, c.declared())).collect()
}

/// Whether the disk has to keep up. A row that is none would be a fault of ours; what is kept says
/// then that it is not whole.
fn push(writer: &mut Writer, row: &[u8]) -> bool {
    match writer.push(row) {
        Ok(pushed) => pushed == Pushed::Full,
        Err(e) => {
            tracing::error!("a row was not kept: {e}");
            writer.end(Reason::Stopped);
            false
        }
    }
}

// === impl Overflowing ===

impl Overflowing {
    pub(super) fn new(of: Overflow) -> Self {
        let whole = of.whole;
        let mut me = Self {
            of,
            first: Vec::new(),
            json: Json::new(),
            spare: Vec::new(),
            columns: 0,
            writer: None,
            failed: false,
            full: false,
            cut: 0,
        };
        if whole {
            me.open();
        }
        me
    }

    /// Whether rows go into a file.
    pub(super) fn is_open(&self) -> bool {
        self.writer.is_some()
    }

    /// Whether all of them do.
    pub(super) fn is_whole(&self) -> bool {
        self.of.whole && self.is_open()
    }

    /// A result set begins.
    pub(super) fn begin(&mut self, columns: &Arc<[Column]>) {
        self.count_cuts();
        self.columns = columns.len();
        self.json.next_result();
        match &mut self.writer {
            Some(writer) => self.full |= writer.begin(kept_columns(columns)) == Pushed::Full,
            None if !self.failed => self.first.push((columns.clone(), Vec::new())),
            None => {}
        }
    }

    /// A row, as JSON.
    pub(super) fn row(&mut self, row: &[u8]) {
        match &mut self.writer {
            Some(writer) => self.full |= push(writer, row),
            None if !self.failed => {
                if let Some((_, rows)) = self.first.last_mut() {
                    rows.extend_from_slice(row);
                    rows.push(b'\n');
                }
            }
            None => {}
        }
    }

    /// The row that the session has written here.
    pub(super) fn own_row(&mut self) {
        let row = self.json.take(std::mem::take(&mut self.spare));
        self.row(row.strip_prefix(b",").unwrap_or(&row));
        self.spare = row;
        self.spare.clear();
    }

    /// There are more rows than the answer has: from now on they go into a file, the first ones too.
    pub(super) fn open(&mut self) {
        if self.is_open() || self.failed {
            return;
        }
        let Some(mut writer) = (self.of.begin)() else {
            self.failed = true;
            self.first = Vec::new();
            return;
        };
        for (columns, rows) in std::mem::take(&mut self.first) {
            self.full |= writer.begin(kept_columns(&columns)) == Pushed::Full;
            for row in rows.split(|b| *b == b'\n').filter(|row| !row.is_empty()) {
                self.full |= push(&mut writer, row);
            }
        }
        self.writer = Some(writer);
    }

    /// Whether the disk has to keep up first.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// Waits until it does.
    pub(super) async fn room(&mut self) {
        if let Some(writer) = &mut self.writer {
            writer.room().await;
        }
        self.full = false;
    }

    /// Whether it takes no more rows.
    pub(super) fn has_ended(&self) -> bool {
        self.writer.as_ref().is_some_and(|w| w.ended().is_some())
    }

    /// Rows that are in the file.
    pub(super) fn rows(&self) -> u64 {
        self.writer.as_ref().map_or(0, Writer::rows)
    }

    fn count_cuts(&mut self) {
        self.cut += (0..self.columns).map(|n| self.json.note(n).cut).sum::<u64>();
    }

    /// No more rows come; where it was `stopped`, there would have been more.
    pub(super) async fn finish(mut self, stopped: bool) -> (Option<Arc<Kept>>, u64) {
        self.count_cuts();
        let Some(mut writer) = self.writer.take() else { return (None, 0) };
        if stopped {
            writer.end(Reason::Stopped);
        }
        writer.set_label((self.of.label)());
        match writer.finish().await {
            Ok(kept) => (Some(kept), self.cut),
            Err(e) => {
                tracing::warn!("a result was not kept: {e}");
                (None, 0)
            }
        }
    }
}
