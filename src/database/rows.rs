//! Rows, from the session straight into JSON bytes, and CSV where a caller prefers that. No tree per
//! row: what bounds a call's memory is the budget, not the query.

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use mssql_mcp_session::{Column, Csv, Json, Label, Sink};
use mssql_mcp_transports::Segments;
use serde_json::json;

use crate::plural::plural;

/// A segment is handed over when it has grown to this.
const SEGMENT: usize = 64 << 10;

/// Why an answer is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truncated {
    /// `limits.max_rows` or the caller's `max_rows`.
    Rows,
    /// `limits.max_chars` was reached.
    Chars,
    /// The deadline passed while rows came.
    Time,
}

impl Truncated {
    /// For clients and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Truncated::Rows => "max_rows",
            Truncated::Chars => "max_chars",
            Truncated::Time => "timeout",
        }
    }

    /// How to get the rest.
    pub(crate) fn advice(self) -> &'static str {
        match self {
            Truncated::Rows => {
                "Ask for fewer rows, or page: ORDER BY a key, then OFFSET n ROWS FETCH NEXT m \
                 ROWS ONLY."
            }
            Truncated::Chars => {
                "Select fewer columns, cut long text with LEFT(), or page with ORDER BY … OFFSET \
                 … FETCH."
            }
            Truncated::Time => "Narrow the query with WHERE, or aggregate on the server.",
        }
    }
}

/// What bounds an answer, and whether it is wanted as CSV too.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Rows over all results.
    pub max_rows: u64,
    /// Characters of the text that a client gets, JSON or CSV.
    pub max_chars: usize,
    /// Characters of one text or binary.
    pub max_cell: usize,
    /// Rows are CSV, in the text and in the JSON.
    pub csv: bool,
}

impl Bounds {
    /// For SET TEXTSIZE: bytes of a (max) value that SQL Server is to send, which are more than is
    /// kept of it in any encoding, so that it is known where a value was longer.
    pub(super) fn text_size(&self) -> u64 {
        (self.max_cell as u64 * 4 + 4).min(i32::MAX as u64 - 1)
    }

    /// What the session keeps of one cell and of a row: at most half an answer, so that a long row
    /// has its cells cut rather than being left out for them.
    pub(super) fn of_cells(&self, text_size: Option<u64>) -> mssql_mcp_session::Bounds {
        mssql_mcp_session::Bounds {
            max_cell: self.max_cell as u64,
            max_row: self.max_chars as u64 / 2,
            text_size,
        }
    }
}

/// Characters of a result set without columns and rows.
const FRAME: usize = r#"{"columns":[],"rows":[],"row_count":0},"#.len();

fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|b| **b & 0xC0 != 0x80).count()
}

/// Writes `[{"columns":…,"rows":[[…]],"row_count":n}, …]` under a budget; with CSV, that stands as
/// a text in the place of the rows, so that nobody reads both.
#[derive(Debug)]
pub(crate) struct RowsWriter {
    done: Vec<Bytes>,
    /// What the session writes rows to.
    forms: (Json, Option<Csv>),
    /// Where the current result's head belongs: it is written last, when it is known what is to be
    /// said of its columns.
    head_at: usize,
    /// Where the current result begins in the CSV.
    csv_at: usize,
    columns: Arc<[Column]>,
    open: bool,
    rows: u64,
    /// Rows and columns of the results that are over.
    pub(crate) shapes: Vec<(u64, usize)>,
    /// Rows over all results.
    pub(crate) total_rows: u64,
    bounds: Bounds,
    cost: usize,
    /// Set when something was left out.
    pub(crate) truncated: Option<Truncated>,
    /// A value was cut.
    pub(crate) cut: bool,
}

impl RowsWriter {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            done: Vec::new(),
            forms: (Json::new(), bounds.csv.then(Csv::new)),
            head_at: 0,
            csv_at: 0,
            columns: Arc::new([]),
            open: false,
            rows: 0,
            shapes: Vec::new(),
            total_rows: 0,
            bounds,
            cost: 0,
            truncated: None,
            cut: false,
        }
    }

    /// Where a row goes, to be accepted behind it.
    pub(crate) fn sink(&mut self) -> &mut impl Sink {
        &mut self.forms
    }

    /// A result set begins, unless there is no room even for its columns.
    pub(crate) fn begin(&mut self, columns: Arc<[Column]>) {
        self.end();
        if self.cost > self.bounds.max_chars {
            self.truncated.get_or_insert(Truncated::Chars);
            return;
        }
        self.cut_segment();
        self.forms.0.next_result();
        self.head_at = self.done.len();
        self.columns = columns;
        self.open = true;
        self.rows = 0;
        // Names count as the rows do, before them; what is said of a column is
        // known only behind them.
        match &mut self.forms.1 {
            None => {
                let names = |c: &Column| c.name.chars().count() + 24;
                let types = |c: &Column| c.declared().chars().count();
                self.cost +=
                    FRAME + self.columns.iter().map(|c| names(c) + types(c)).sum::<usize>();
            }
            Some(csv) => {
                self.cost += "\n# 0 rows\n".len();
                let mut out = csv.take(Vec::new());
                if !self.shapes.is_empty() {
                    out.push(b'\n');
                }
                let from = out.len();
                self.csv_at = from;
                for (i, c) in self.columns.iter().enumerate() {
                    if i > 0 {
                        out.push(b',');
                    }
                    Csv::field(&c.name, &mut out);
                }
                out.push(b'\n');
                self.cost += characters(&out[from..]);
                csv.take(out);
            }
        }
    }

    /// The row that the session has written, as JSON.
    pub(crate) fn last_row(&self) -> &[u8] {
        self.forms.0.last_row()
    }

    /// Whether there is more than these bounds let through.
    pub(crate) fn is_beyond(&self, bounds: &Bounds) -> bool {
        self.total_rows > bounds.max_rows || self.cost > bounds.max_chars
    }

    /// Takes the row that the session has written; false once the budget is used up, and then it
    /// is taken back.
    pub(crate) fn accept(&mut self) -> bool {
        let text = match &self.forms.1 {
            None => self.forms.0.last_row(),
            Some(csv) => csv.last_row(),
        };
        let cost = characters(text);
        if self.total_rows >= self.bounds.max_rows {
            self.truncated.get_or_insert(Truncated::Rows);
        } else if self.cost + cost > self.bounds.max_chars {
            self.truncated.get_or_insert(Truncated::Chars);
        }
        if self.truncated.is_some() {
            self.take_back();
            return false;
        }
        self.cost += cost;
        self.rows += 1;
        self.total_rows += 1;
        if self.forms.0.out().len() >= SEGMENT {
            match self.bounds.csv {
                true => drop(self.forms.0.take(Vec::new())),
                false => self.cut_segment(),
            }
        }
        true
    }

    /// Takes back a row that nobody accepted, whole or not.
    pub(crate) fn take_back(&mut self) {
        if self.forms.0.rows() > self.rows {
            self.forms.0.take_back();
            if let Some(csv) = &mut self.forms.1 {
                csv.take_back();
            }
        }
    }

    fn cut_segment(&mut self) {
        let length = self.forms.0.out().len();
        if length > 0 {
            let next = Vec::with_capacity(if length >= SEGMENT { SEGMENT + 4096 } else { 0 });
            self.done.push(self.forms.0.take(next).into());
        }
    }

    /// The current result set is over.
    pub(crate) fn end(&mut self) {
        self.take_back();
        if !std::mem::take(&mut self.open) {
            return;
        }
        let mut head = self.head();
        // Writing into a Vec cannot fail.
        match &self.forms.1 {
            None => {
                head.extend_from_slice(b"],\"rows\":[");
                self.cut_segment();
            }
            Some(csv) => {
                head.extend_from_slice(b"],\"csv\":");
                let rows = std::str::from_utf8(&csv.out()[self.csv_at..]).unwrap_or_default();
                let _ = serde_json::to_writer(&mut head, rows);
                self.forms.0.take(Vec::new());
            }
        }
        self.done.insert(self.head_at, head.into());
        let mut out = self.forms.0.take(Vec::new());
        if !self.bounds.csv {
            out.push(b']');
        }
        let _ = write!(out, ",\"row_count\":{}", self.rows);
        if let Some(t) = self.truncated {
            let (reason, advice) = (t.as_str(), t.advice());
            let _ =
                write!(out, ",\"truncated\":{{\"reason\":\"{reason}\",\"advice\":\"{advice}\"}}");
        }
        out.push(b'}');
        self.forms.0.take(out);
        if let Some(csv) = &mut self.forms.1 {
            let (rows, mut out) = (plural(self.rows, "row"), csv.take(Vec::new()));
            let _ = match self.truncated {
                None => writeln!(out, "# {rows}"),
                Some(t) => writeln!(out, "# {rows}, cut at {}: {}", t.as_str(), t.advice()),
            };
            csv.take(out);
        }
        self.shapes.push((self.rows, self.columns.len()));
    }

    /// The columns, each with what is to be said of its values.
    fn head(&mut self) -> Vec<u8> {
        let mut head = Vec::with_capacity(32 * self.columns.len() + 32);
        if !self.shapes.is_empty() {
            head.push(b',');
        }
        head.extend_from_slice(b"{\"columns\":[");
        for (i, c) in self.columns.iter().enumerate() {
            if i > 0 {
                head.push(b',');
            }
            head.extend_from_slice(b"{\"name\":");
            // Writing into a Vec cannot fail.
            let _ = serde_json::to_writer(&mut head, &c.name);
            head.extend_from_slice(b",\"type\":");
            let _ = serde_json::to_writer(&mut head, c.declared());
            let note = self.forms.0.note(i);
            if note.exact {
                head.extend_from_slice(b",\"exact\":\"string\"");
            }
            if note.cut > 0 {
                let _ = write!(head, ",\"cut_cells\":{}", note.cut);
                self.cut = true;
            }
            if note.replaced > 0 {
                let _ = write!(head, ",\"replaced\":{}", note.replaced);
            }
            if !c.labels.is_empty() {
                let of = |l: &Label| json!({ "label": l.label, "information_type": l.information_type, "rank": l.rank });
                let labels: Vec<_> = c.labels.iter().map(of).collect();
                head.extend_from_slice(b",\"sensitivity\":");
                let _ = serde_json::to_writer(&mut head, &labels);
            }
            head.push(b'}');
        }
        head
    }

    /// The number of a limit; the deadline is none of its own.
    pub(crate) fn limit(&self, t: Truncated) -> Option<u64> {
        match t {
            Truncated::Rows => Some(self.bounds.max_rows),
            Truncated::Chars => Some(self.bounds.max_chars as u64),
            Truncated::Time => None,
        }
    }

    /// The whole array, and the CSV if it is wanted.
    pub(crate) fn finish(mut self) -> (Segments, Option<String>) {
        self.end();
        let mut last = self.forms.0.take(Vec::new());
        last.push(b']');
        self.done.push(last.into());
        let mut all = Vec::with_capacity(self.done.len() + 1);
        all.push(Bytes::from_static(b"["));
        all.extend(self.done);
        let csv = |mut csv: Csv| String::from_utf8(csv.take(Vec::new())).unwrap_or_default();
        (Segments(all), self.forms.1.map(csv))
    }
}
