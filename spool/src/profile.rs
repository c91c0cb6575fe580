//! What is in the columns of a result: counts, ends, and what is frequent. It is found in one pass
//! while the rows are written, in bounded memory: at most about 100 KB of a column, and at most 64
//! columns in detail.

mod counts;
mod distinct;
mod ends;

use std::borrow::Cow;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};

use serde::{Deserialize, Serialize};

use self::counts::Counts;
use self::distinct::Distincts;
use self::ends::Ends;
use crate::column::{Column, Kind};
use crate::scan::{Cell, Cells, Form};

/// Columns of a result set of which more is known than their ends.
const DETAILED: usize = 64;
/// Frequent values that are told.
const TOP: usize = 5;
/// Characters of a value that are told.
const LONGEST: usize = 80;

/// What is in a column.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ColumnProfile {
    /// Values that are not NULL.
    pub values: u64,
    /// NULLs.
    pub nulls: u64,
    /// How many different values there are, NULL not being one: texts that differ in case alone
    /// are different. None in the columns behind the first 64.
    pub distinct: Option<Distinct>,
    /// The least value by the type of the column, without regard to case where that is text; none
    /// where no value is of that type.
    pub min: Option<Short>,
    /// The greatest value, as `min`.
    pub max: Option<Short>,
    /// Up to five of the most frequent values, the most frequent one first.
    pub top: Vec<Top>,
}

/// A number of different values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distinct {
    /// How many.
    pub count: u64,
    /// False where it is an estimate, which seldom is 2 % off: there are more than 4,096. What is
    /// exact is found by hashes of 64 bits, which are wrong once in 10^12 columns.
    pub exact: bool,
}

/// The first 80 characters of a value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Short {
    /// As the rows have it, without quotes.
    pub text: String,
    /// The value goes on.
    pub cut: bool,
}

/// A frequent value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Top {
    /// The value.
    pub value: Short,
    /// Rows that have it: at most so many where `off_by` is not 0.
    pub count: u64,
    /// By how much `count` may be too high; 0 where it is exact.
    pub off_by: u64,
}

/// What is known so far of one result set.
#[derive(Debug)]
pub(crate) struct Profiler {
    columns: Vec<State>,
    hasher: RandomState,
}

#[derive(Debug)]
struct State {
    kind: Kind,
    values: u64,
    nulls: u64,
    ends: Ends,
    detail: Option<Detail>,
}

#[derive(Debug, Default)]
struct Detail {
    counts: Counts,
    distincts: Option<Distincts>,
    /// Those with the highest counts at any time: the text of a value is at hand when it is counted,
    /// so that no other texts need to be kept.
    top: Vec<Candidate>,
    /// The lowest count of these, once there are enough.
    least: u64,
}

#[derive(Debug)]
struct Candidate {
    hash: u64,
    count: u64,
    value: Short,
}

// === impl Short ===

impl Short {
    /// How many bytes of a text are told.
    fn length(text: &str) -> usize {
        match text.len() <= LONGEST {
            true => text.len(),
            false => text.char_indices().nth(LONGEST).map_or(text.len(), |(at, _)| at),
        }
    }

    fn set(&mut self, text: &str) {
        let length = Self::length(text);
        self.text.clear();
        self.text.push_str(&text[..length]);
        self.cut = length < text.len();
    }
}

// === impl Profiler ===

impl Profiler {
    pub(crate) fn new(columns: &[Column]) -> Self {
        let state = |(n, column): (usize, &Column)| State {
            kind: column.kind(),
            values: 0,
            nulls: 0,
            ends: Ends::default(),
            detail: (n < DETAILED).then(Detail::default),
        };
        Self {
            columns: columns.iter().enumerate().map(state).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Counts rows, each with a line feed behind it.
    pub(crate) fn rows(&mut self, mut rows: &[u8]) {
        while !rows.is_empty() {
            let mut cells = Cells::new(rows);
            for column in &mut self.columns {
                if let Some(cell) = cells.next() {
                    column.add(cell.bare(), &self.hasher);
                }
            }
            rows = rows.get(cells.behind_row(self.columns.len()) + 1..).unwrap_or_default();
        }
    }

    pub(crate) fn finish(self) -> Vec<ColumnProfile> {
        self.columns.into_iter().map(State::finish).collect()
    }
}

// === impl State ===

impl State {
    #[inline]
    fn add(&mut self, cell: Cell<'_>, hasher: &RandomState) {
        if cell.form == Form::Null {
            self.nulls += 1;
            return;
        }
        self.values += 1;
        let text = cell.text().unwrap_or_default();
        if let Some(detail) = &mut self.detail {
            let mut hash = hasher.build_hasher();
            hash.write(text.as_bytes());
            detail.add(hash.finish(), &text);
        }
        match text {
            Cow::Borrowed(text) => self.ends.add(self.kind, text),
            Cow::Owned(text) => self.ends.add(self.kind, &text),
        }
    }

    fn finish(self) -> ColumnProfile {
        let (distinct, top) = match self.detail {
            Some(detail) => {
                let (distinct, top) = detail.finish();
                (Some(distinct), top)
            }
            None => (None, Vec::new()),
        };
        let (min, max) = self.ends.finish();
        ColumnProfile { values: self.values, nulls: self.nulls, distinct, min, max, top }
    }
}

// === impl Detail ===

impl Detail {
    #[inline]
    fn add(&mut self, hash: u64, text: &str) {
        if let Some(distincts) = &mut self.distincts {
            distincts.add(hash);
        }
        let count = match self.counts.add(hash) {
            Some(count) => count,
            None => {
                if self.distincts.is_none() {
                    let mut distincts = Distincts::default();
                    self.counts.hashes().for_each(|hash| distincts.add(hash));
                    distincts.add(hash);
                    self.distincts = Some(distincts);
                }
                self.counts.purge();
                self.counts.add(hash).unwrap_or_default()
            }
        };
        if count > self.least {
            self.consider(hash, count, text);
        }
    }

    fn consider(&mut self, hash: u64, count: u64, text: &str) {
        if let Some(known) = self.top.iter_mut().find(|t| t.hash == hash) {
            known.count = count;
        } else if self.top.len() < TOP {
            let mut value = Short::default();
            value.set(text);
            self.top.push(Candidate { hash, count, value });
        } else if let Some(last) = self.top.iter_mut().min_by_key(|t| t.count) {
            (last.hash, last.count) = (hash, count);
            last.value.set(text);
        }
        if self.top.len() == TOP {
            self.least = self.top.iter().map(|t| t.count).min().unwrap_or_default();
        }
    }

    fn finish(mut self) -> (Distinct, Vec<Top>) {
        let off_by = self.counts.off_by();
        let distinct = match self.distincts {
            None => Distinct { count: self.counts.len(), exact: true },
            Some(distincts) => Distinct { count: distincts.estimate(), exact: false },
        };
        // Of what may be mostly error nothing is told.
        self.top.retain(|t| t.count > 2 * off_by);
        self.top
            .sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.text.cmp(&b.value.text)));
        let told = |t: Candidate| Top { value: t.value, count: t.count, off_by };
        (distinct, self.top.into_iter().map(told).collect())
    }
}
