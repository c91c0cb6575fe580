//! Rows, from the driver straight into JSON bytes. No tree per row: what bounds a call's memory is
//! the budget, not the query.

use std::io::Write as _;

use bytes::Bytes;
use mssql_mcp_transports::Segments;
use tiberius::{Column, ColumnData, Row};

use super::value;
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
    /// The text is CSV.
    pub csv: bool,
}

fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|b| **b & 0xC0 != 0x80).count()
}

/// Cells are not cut below this; then the row is left out.
const SHORTEST: usize = 64;

#[derive(Debug)]
struct Head {
    name: String,
    ty: &'static str,
    exact: bool,
    rounded: bool,
    cut: u64,
}

/// Writes `[{"columns":…,"rows":[[…]],"row_count":n}, …]` under a budget.
#[derive(Debug)]
pub(crate) struct RowsWriter {
    done: Vec<Bytes>,
    buf: Vec<u8>,
    csv: Vec<u8>,
    /// Where the current result's head belongs: it is written last, when its columns are known to
    /// be exact or not.
    head_at: usize,
    columns: Vec<Head>,
    notes: Vec<value::ValueNote>,
    open: bool,
    results: usize,
    rows: u64,
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
            buf: Vec::new(),
            csv: Vec::new(),
            head_at: 0,
            columns: Vec::new(),
            notes: Vec::new(),
            open: false,
            results: 0,
            rows: 0,
            total_rows: 0,
            bounds,
            cost: 0,
            truncated: None,
            cut: false,
        }
    }

    /// A result set begins.
    pub(crate) fn begin(&mut self, columns: &[Column]) {
        self.end();
        self.cut_segment();
        self.head_at = self.done.len();
        self.columns = columns
            .iter()
            .map(|c| Head {
                name: c.name().to_owned(),
                ty: value::type_name(c.column_type()),
                exact: false,
                rounded: false,
                cut: 0,
            })
            .collect();
        self.open = true;
        self.rows = 0;
        // Names count as the rows do, before them; what is said of a column is
        // known only behind them.
        if !self.bounds.csv {
            self.cost += self
                .columns
                .iter()
                .map(|c| c.name.chars().count() + c.ty.len() + 24)
                .sum::<usize>();
        }
        if self.bounds.csv {
            if self.results > 0 {
                self.csv.push(b'\n');
            }
            let from = self.csv.len();
            for (i, c) in self.columns.iter().enumerate() {
                if i > 0 {
                    self.csv.push(b',');
                }
                value::field(&c.name, &mut self.csv);
            }
            self.csv.push(b'\n');
            self.cost += characters(&self.csv[from..]);
        }
    }

    /// Adds a row; false once the budget is used up, and then nothing was added.
    pub(crate) fn row(&mut self, row: &Row) -> bool {
        if self.truncated.is_some() {
            return false;
        }
        if self.total_rows >= self.bounds.max_rows {
            self.truncated = Some(Truncated::Rows);
            return false;
        }
        let (start, csv_start, mut max) = (self.buf.len(), self.csv.len(), self.bounds.max_cell);
        let cost = loop {
            self.write(row, max);
            let text = if self.bounds.csv { &self.csv[csv_start..] } else { &self.buf[start..] };
            let cost = characters(text);
            if self.cost + cost <= self.bounds.max_chars {
                break cost;
            }
            self.buf.truncate(start);
            self.csv.truncate(csv_start);
            // A row that is long by its cells has them cut, rather than being left out for them.
            if cost < self.bounds.max_chars / 4 || max <= SHORTEST {
                self.truncated = Some(Truncated::Chars);
                return false;
            }
            max = max.min(cost) / 2;
        };
        for (c, note) in self.columns.iter_mut().zip(&self.notes) {
            c.exact |= note.exact;
            c.rounded |= note.rounded;
            c.cut += u64::from(note.cut);
            self.cut |= note.cut;
        }
        self.cost += cost;
        self.rows += 1;
        self.total_rows += 1;
        if self.buf.len() >= SEGMENT {
            self.cut_segment();
        }
        true
    }

    fn write(&mut self, row: &Row, max: usize) {
        self.notes.clear();
        self.buf.extend_from_slice(if self.rows == 0 { b"[" } else { b",[" });
        for (i, ((_, v), c)) in row.cells().zip(&mut self.columns).enumerate() {
            // The driver names both types alike; the value tells.
            if matches!(v, ColumnData::SmallDateTime(_)) && c.ty == "datetime" {
                c.ty = "smalldatetime";
            }
            if i > 0 {
                self.buf.push(b',');
            }
            self.notes.push(value::json(v, c.ty, max, &mut self.buf));
            if self.bounds.csv {
                if i > 0 {
                    self.csv.push(b',');
                }
                value::csv(v, c.ty, max, &mut self.csv);
            }
        }
        self.buf.push(b']');
        if self.bounds.csv {
            self.csv.push(b'\n');
        }
    }

    fn cut_segment(&mut self) {
        if !self.buf.is_empty() {
            let next =
                Vec::with_capacity(if self.buf.len() >= SEGMENT { SEGMENT + 4096 } else { 0 });
            self.done.push(std::mem::replace(&mut self.buf, next).into());
        }
    }

    /// The current result set is over.
    pub(crate) fn end(&mut self) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        let mut head = Vec::with_capacity(32 * self.columns.len() + 32);
        head.extend_from_slice(if self.results == 0 {
            b"{\"columns\":["
        } else {
            b",{\"columns\":["
        });
        for (i, c) in self.columns.iter().enumerate() {
            if i > 0 {
                head.push(b',');
            }
            head.extend_from_slice(b"{\"name\":");
            // Writing into a Vec cannot fail.
            let _ = serde_json::to_writer(&mut head, &c.name);
            let _ = write!(head, ",\"type\":\"{}\"", c.ty);
            if c.exact {
                head.extend_from_slice(b",\"exact\":\"string\"");
            }
            if c.rounded {
                head.extend_from_slice(b",\"rounded\":true");
            }
            if c.cut > 0 {
                let _ = write!(head, ",\"cut_cells\":{}", c.cut);
            }
            head.push(b'}');
        }
        head.extend_from_slice(b"],\"rows\":[");
        self.cut_segment();
        self.done.insert(self.head_at, head.into());
        let _ = write!(self.buf, "],\"row_count\":{}", self.rows);
        if let Some(t) = self.truncated {
            let _ = write!(
                self.buf,
                ",\"truncated\":{{\"reason\":\"{}\",\"advice\":\"{}\"}}",
                t.as_str(),
                t.advice()
            );
        }
        if self.bounds.csv {
            let _ = match self.truncated {
                None => writeln!(self.csv, "# {}", plural(self.rows, "row")),
                Some(t) => writeln!(
                    self.csv,
                    "# {}, cut at {}: {}",
                    plural(self.rows, "row"),
                    t.as_str(),
                    t.advice()
                ),
            };
        }
        self.buf.push(b'}');
        self.results += 1;
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
        self.buf.push(b']');
        self.cut_segment();
        let mut all = Vec::with_capacity(self.done.len() + 1);
        all.push(Bytes::from_static(b"["));
        all.extend(self.done);
        let csv = self.bounds.csv.then(|| String::from_utf8(self.csv).unwrap_or_default());
        (Segments(all), csv)
    }
}
