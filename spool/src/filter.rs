//! Conditions on the values of a row.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::column::Kind;
use crate::error::Error;
use crate::kept::Set;
use crate::key::Key;
use crate::like::Like;
use crate::scan::{Cell, Cells};

/// Bytes of a pattern.
const PATTERN: usize = 1000;

/// A condition on a column. NULL fulfils none but `is_null`, and neither does what is not of the
/// type of its column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// The column, counted from 0.
    pub column: usize,
    /// What is asked of its values.
    pub op: Op,
    /// What they are compared with, read by the column's type: a number, `2024-02-29T12:00`,
    /// `true`, a text. Nothing for `is_null` and `not_null`.
    #[serde(default)]
    pub value: String,
}

/// How values are compared: numbers as numbers, all digits of decimals counting; dates and times
/// as such; those with an offset by their UTC, in which a value without one is read; what else there
/// is as text, without regard to case and by code points. Blanks at the end of a text count. A
/// sql_variant is the text of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// =
    Eq,
    /// <>
    Ne,
    /// <
    Lt,
    /// <=
    Le,
    /// >
    Gt,
    /// >=
    Ge,
    /// LIKE, of the text of any value: `%` stands for any characters, `_` for one, and `[%]` for a
    /// percent sign; without regard to case. A pattern has 1,000 bytes at most.
    Like,
    /// IS NULL
    IsNull,
    /// IS NOT NULL
    NotNull,
}

/// A condition that is ready to be asked of many rows.
#[derive(Debug)]
pub(crate) struct Test {
    column: usize,
    kind: Kind,
    what: What,
}

#[derive(Debug)]
enum What {
    Order(fn(Ordering) -> bool, Key<'static>),
    Like(Like),
    Null(bool),
}

// === impl Test ===

impl Test {
    pub(crate) fn all(filters: &[Filter], set: &Set) -> Result<Vec<Self>, Error> {
        let mut tests = filters.iter().map(|f| Self::new(f, set)).collect::<Result<Vec<_>, _>>()?;
        tests.sort_by_key(|test| test.column);
        Ok(tests)
    }

    fn new(filter: &Filter, set: &Set) -> Result<Self, Error> {
        let kind = set.kind(filter.column)?;
        let fits: fn(Ordering) -> bool = match filter.op {
            Op::Eq => Ordering::is_eq,
            Op::Ne => Ordering::is_ne,
            Op::Lt => Ordering::is_lt,
            Op::Le => Ordering::is_le,
            Op::Gt => Ordering::is_gt,
            Op::Ge => Ordering::is_ge,
            Op::Like => {
                // It takes the product of both lengths in the worst case.
                if filter.value.len() > PATTERN {
                    let (column, value) = (filter.column, filter.value.clone());
                    return Err(Error::Value { column, value });
                }
                let what = What::Like(Like::new(&filter.value));
                return Ok(Self { column: filter.column, kind, what });
            }
            Op::IsNull | Op::NotNull => {
                let what = What::Null(filter.op == Op::IsNull);
                return Ok(Self { column: filter.column, kind, what });
            }
        };
        let key = Key::wanted(kind, &filter.value)
            .ok_or_else(|| Error::Value { column: filter.column, value: filter.value.clone() })?;
        Ok(Self { column: filter.column, kind, what: What::Order(fits, key.into_owned()) })
    }

    /// Whether a row fulfils all of these, which are in the order of their columns.
    pub(crate) fn let_in(tests: &[Self], row: &[u8]) -> bool {
        let mut cells = Cells::new(row);
        let (mut next, mut cell) = (0, Cell::NULL);
        tests.iter().all(|test| {
            while next <= test.column {
                cell = cells.next().unwrap_or(Cell::NULL).bare();
                next += 1;
            }
            test.lets(cell)
        })
    }

    fn lets(&self, cell: Cell<'_>) -> bool {
        let Some(text) = cell.text() else { return matches!(self.what, What::Null(true)) };
        match &self.what {
            What::Null(null) => !null,
            What::Like(like) => like.is_like(&text),
            What::Order(fits, wanted) => {
                let key = Key::of(self.kind, text);
                key.and_then(|key| key.compare(wanted)).is_some_and(fits)
            }
        }
    }
}
