//! Rows as files in other formats, in pieces.

mod csv;
mod json;
#[cfg(feature = "parquet")]
mod parquet;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::column::Column;
use crate::error::Error;
use crate::kept::Kept;
use crate::rows::{Query, Rows};

/// A piece is handed over when it has grown to this.
const PIECE: usize = 64 << 10;

/// What rows are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// RFC 4180, with the names of the columns as the first record. NULL is nothing, and a text
    /// without characters is `""`; so a NULL in a result of one column is an empty line.
    Csv(CsvOptions),
    /// One object for each row, each in a line. The second column of a name is called `name_2`,
    /// the third one `name_3`; a column without a name is `column_` and its place, from 1. Where
    /// another column has that name, the next number that none has is taken.
    JsonLines,
    /// One array for each row, each in a line, as they were pushed.
    JsonArrays,
    /// Apache Parquet, without compression, in groups of 65,536 rows or 32 MiB; columns are named as
    /// in `JsonLines`. Whole numbers, decimals, bits, dates, times and moments have Parquet's types;
    /// datetimeoffset is in UTC. Moments are in microseconds: those of a type with seven digits are
    /// in nanoseconds where the profile says that all of them are between 1677 and 2262, and lose
    /// the seventh digit otherwise. What is binary is bytes, and all else is text.
    #[cfg(feature = "parquet")]
    Parquet,
}

/// How CSV is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CsvOptions {
    /// An apostrophe stands before texts that a spreadsheet would take for a formula: those that
    /// begin with `=`, `+`, `-`, `@`, a tab or a carriage return. Numbers stay as they are.
    pub excel_safe: bool,
    /// A byte order mark, by which spreadsheets know UTF-8.
    pub bom: bool,
}

/// A file in pieces of about 64 KiB, one in memory at a time; of Parquet a group of rows is. It
/// blocks while it reads. Behind an error nothing comes.
#[derive(Debug)]
pub struct Export {
    rows: Rows,
    writer: Option<Box<dyn Write>>,
    out: Vec<u8>,
    started: bool,
}

/// Writes rows in one format.
trait Write: Send + std::fmt::Debug {
    /// What is before all rows.
    fn start(&mut self, _: &mut Vec<u8>) -> Result<(), Error> {
        Ok(())
    }

    /// One row.
    fn row(&mut self, row: &[u8], out: &mut Vec<u8>) -> Result<(), Error>;

    /// What is behind all rows.
    fn end(&mut self, _: &mut Vec<u8>) -> Result<(), Error> {
        Ok(())
    }
}

/// Names that differ, for formats that need them.
fn names(columns: &[Column]) -> Vec<String> {
    let taken: HashSet<&str> =
        columns.iter().map(|c| c.name.as_str()).filter(|name| !name.is_empty()).collect();
    let mut made: HashSet<String> = HashSet::new();
    let mut out = Vec::with_capacity(columns.len());
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (n, column) in columns.iter().enumerate() {
        let count = seen.entry(&column.name).or_default();
        *count += 1;
        let name = match (column.name.as_str(), *count) {
            ("", _) => free("column", n + 1, &taken, &made),
            (name, 1) => name.to_owned(),
            (name, count) => free(name, count, &taken, &made),
        };
        made.insert(name.clone());
        out.push(name);
    }
    out
}

/// `name_n`, or the first behind it that is not taken.
fn free(name: &str, from: usize, taken: &HashSet<&str>, made: &HashSet<String>) -> String {
    let mut n = from;
    loop {
        let name = format!("{name}_{n}");
        if !taken.contains(name.as_str()) && !made.contains(&name) {
            return name;
        }
        n += 1;
    }
}

// === impl Kept ===

impl Kept {
    /// Writes the rows that a query wants in a format, with the columns that it wants.
    ///
    /// # Errors
    ///
    /// As [`Kept::rows`].
    pub fn export(
        self: &Arc<Self>,
        set: usize,
        query: &Query,
        format: Format,
    ) -> Result<Export, Error> {
        let rows = self.rows(set, query)?;
        let of = rows.set()?;
        let picked = query.columns.clone().unwrap_or_else(|| (0..of.columns.len()).collect());
        let columns: Vec<Column> =
            picked.iter().filter_map(|c| of.columns.get(*c).cloned()).collect();
        let writer: Box<dyn Write> = match format {
            Format::Csv(options) => Box::new(csv::Csv::new(columns, options)),
            Format::JsonLines => Box::new(json::Lines::new(&names(&columns))),
            Format::JsonArrays => Box::new(json::Arrays),
            #[cfg(feature = "parquet")]
            Format::Parquet => Box::new(parquet::Parquet::new(of, &picked, &names(&columns))?),
        };
        Ok(Export { rows, writer: Some(writer), out: Vec::new(), started: false })
    }
}

// === impl Export ===

impl Export {
    /// Writes until there is a piece; none at the end.
    fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(writer) = &mut self.writer else { return Ok(None) };
        if !std::mem::replace(&mut self.started, true) {
            writer.start(&mut self.out)?;
        }
        while self.out.len() < PIECE {
            match self.rows.next_row()? {
                Some(row) => writer.row(row.json, &mut self.out)?,
                None => {
                    writer.end(&mut self.out)?;
                    self.writer = None;
                    break;
                }
            }
        }
        let out = std::mem::take(&mut self.out);
        Ok((!out.is_empty()).then(|| out.into()))
    }
}

impl Iterator for Export {
    type Item = Result<Bytes, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let piece = self.piece();
        if piece.is_err() {
            self.writer = None;
        }
        piece.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ() {
        let of = |all: &[&str]| {
            names(&all.iter().map(|n| Column::new(*n, "int")).collect::<Vec<_>>()).join(",")
        };
        assert_eq!(of(&["a", "b"]), "a,b");
        assert_eq!(of(&["a", "a", "a"]), "a,a_2,a_3");
        assert_eq!(of(&["", "a", ""]), "column_1,a,column_3");
        assert_eq!(of(&["a", "a", "a_2"]), "a,a_3,a_2");
        assert_eq!(of(&["", "column_1", "column_2"]), "column_3,column_1,column_2");
    }
}
