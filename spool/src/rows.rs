//! Rows are read back: from any of them on, all or those that fulfil conditions, with all columns
//! or some, one chunk in memory at a time.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::filter::{Filter, Test};
use crate::kept::{Kept, Set};
use crate::scan::{Cell, Cells};
use crate::stop::Stop;

/// Which rows are wanted, and what of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Query {
    /// The place in the result set of the first row that is looked at: what is before it is not
    /// read. So a page goes on behind the last row of the one before, where there are filters.
    pub from: u64,
    /// Rows that are left out from there on, of those that fulfil all conditions.
    pub offset: u64,
    /// Rows at most.
    pub limit: u64,
    /// Conditions that each row fulfils.
    pub filters: Vec<Filter>,
    /// Columns in the order in which they are wanted, counted from 0; all where there is none.
    pub columns: Option<Vec<usize>>,
    /// Ends the reading from elsewhere.
    #[serde(skip)]
    pub stop: Stop,
}

/// Rows of one result set, one after the other. It blocks while it reads.
#[derive(Debug)]
pub struct Rows {
    kept: Arc<Kept>,
    set: usize,
    tests: Vec<Test>,
    columns: Option<Vec<usize>>,
    /// Rows before this one are not looked at.
    from: u64,
    skip: u64,
    left: u64,
    next_chunk: usize,
    chunk: Vec<u8>,
    at: usize,
    /// Of the row at `at`.
    number: u64,
    failed: bool,
    stop: Stop,
    row: Vec<u8>,
}

/// A row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'r> {
    /// Its place in the result set, counted from 0.
    pub number: u64,
    /// A JSON array: what was pushed, or the wanted columns of it.
    pub json: &'r [u8],
}

/// Some rows together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// `[[…],[…]]`
    pub json: Vec<u8>,
    /// The places of these rows in the result set.
    pub numbers: Vec<u64>,
    /// There are more rows. The next page is of the same query with `from` one more than the last
    /// of these numbers and no `offset`.
    pub more: bool,
}

impl Default for Query {
    /// All rows, with all columns.
    fn default() -> Self {
        Self {
            from: 0,
            offset: 0,
            limit: u64::MAX,
            filters: Vec::new(),
            columns: None,
            stop: Stop::new(),
        }
    }
}

// === impl Kept ===

impl Kept {
    /// Reads rows of a result set, which are counted from 0. Without filters, what is left out by
    /// `offset` is not read either.
    ///
    /// # Errors
    ///
    /// [`Error::NoSet`], [`Error::NoColumn`] and [`Error::Value`] where the query does not fit the
    /// result.
    pub fn rows(self: &Arc<Self>, set: usize, query: &Query) -> Result<Rows, Error> {
        let of = self.set(set)?;
        let wrong = query.columns.iter().flatten().find(|c| **c >= of.columns.len());
        if let Some(column) = wrong {
            return Err(Error::NoColumn(*column));
        }
        let mut rows = Rows {
            kept: self.clone(),
            set,
            tests: Test::all(&query.filters, of)?,
            columns: query.columns.clone(),
            from: query.from,
            skip: query.offset,
            left: query.limit,
            next_chunk: 0,
            chunk: Vec::new(),
            at: 0,
            number: 0,
            failed: false,
            stop: query.stop.clone(),
            row: Vec::new(),
        };
        if rows.tests.is_empty() {
            rows.from = rows.from.saturating_add(std::mem::take(&mut rows.skip));
        }
        rows.seek(of);
        Ok(rows)
    }

    /// Reads rows as [`Kept::rows`] does until there are so many bytes of them, but at least one.
    /// With filters, all further rows are gone through to find out whether there are more.
    ///
    /// # Errors
    ///
    /// As [`Kept::rows`] and [`Rows::next_row`].
    pub fn page(
        self: &Arc<Self>,
        set: usize,
        query: &Query,
        most_bytes: usize,
    ) -> Result<Page, Error> {
        let limit = query.limit;
        // One more says whether there are more.
        let query = Query { limit: limit.saturating_add(1), ..query.clone() };
        let mut rows = self.rows(set, &query)?;
        let mut page = Page { json: vec![b'['], numbers: Vec::new(), more: false };
        while let Some(row) = rows.next_row()? {
            let count = page.numbers.len() as u64;
            let over = count > 0 && page.json.len() + row.json.len() + 2 > most_bytes;
            if over || count >= limit {
                page.more = true;
                break;
            }
            if count > 0 {
                page.json.push(b',');
            }
            page.json.extend_from_slice(row.json);
            page.numbers.push(row.number);
        }
        page.json.push(b']');
        Ok(page)
    }
}

// === impl Rows ===

impl Rows {
    /// Goes to the chunk that has the first row that is looked at.
    fn seek(&mut self, set: &Set) {
        let behind = set.chunks.partition_point(|chunk| chunk.first <= self.from);
        self.next_chunk = behind.saturating_sub(1);
        self.number = set.chunks.get(self.next_chunk).map_or(0, |chunk| chunk.first);
    }

    /// The next row, which lives until the one after it is asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] and [`Error::Io`] where the file cannot be read, and [`Error::Stopped`];
    /// then no more rows come.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, Error> {
        if self.left == 0 || self.failed {
            return Ok(None);
        }
        loop {
            if self.at >= self.chunk.len() && !self.read_chunk()? {
                return Ok(None);
            }
            let rest = &self.chunk[self.at..];
            let length = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            let (from, number) = (self.at, self.number);
            (self.at, self.number) = (self.at + length + 1, self.number + 1);
            if number < self.from {
                continue;
            }
            let row = from..from + length;
            if !self.tests.is_empty() && !Test::let_in(&self.tests, &self.chunk[row.clone()]) {
                continue;
            }
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            self.left -= 1;
            if self.columns.is_some() {
                self.project(row);
                return Ok(Some(Row { number, json: &self.row }));
            }
            return Ok(Some(Row { number, json: &self.chunk[row] }));
        }
    }

    fn read_chunk(&mut self) -> Result<bool, Error> {
        let Some(chunk) = self.kept.set(self.set)?.chunks.get(self.next_chunk).copied() else {
            return Ok(false);
        };
        self.next_chunk += 1;
        self.at = 0;
        let read = match self.stop.is_stopped() {
            true => Err(Error::Stopped),
            false => self.kept.read(&chunk, &mut self.chunk),
        };
        self.failed = read.is_err();
        read.map(|()| true)
    }

    /// The result that they are of.
    pub(crate) fn set(&self) -> Result<&Set, Error> {
        self.kept.set(self.set)
    }

    /// Writes the wanted columns of a row into `self.row`.
    fn project(&mut self, row: std::ops::Range<usize>) {
        let row = &self.chunk[row];
        let cells: Vec<Cell<'_>> = Cells::new(row).collect();
        self.row.clear();
        self.row.push(b'[');
        for (n, column) in self.columns.iter().flatten().enumerate() {
            if n > 0 {
                self.row.push(b',');
            }
            self.row.extend_from_slice(cells.get(*column).unwrap_or(&Cell::NULL).json);
        }
        self.row.push(b']');
    }
}
