//! Counts, sums and ends of columns, in all rows or in groups of them.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::column::Kind;
use crate::decimal::Sum;
use crate::error::Error;
use crate::filter::Filter;
use crate::kept::{Kept, Set};
use crate::key::{Key, folded};
use crate::rows::Query;
use crate::scan::{Cell, Cells};
use crate::stop::Stop;

/// Groups that are counted; rows of further ones are counted together.
const GROUPS: usize = 1000;
/// Bytes of the names of groups, beyond which there are no further ones.
const KEYS: usize = 4 << 20;
/// Columns that rows are grouped by.
const BY: usize = 2;

/// What is to be found out.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Aggregation {
    /// Conditions on the rows that count.
    pub filters: Vec<Filter>,
    /// Up to two columns, counted from 0. Texts that differ in case alone are one group, which is
    /// named by the first of them; NULLs are a group.
    pub group_by: Vec<usize>,
    /// What is wanted of each group.
    pub measures: Vec<Measure>,
    /// Ends it from elsewhere.
    #[serde(skip)]
    pub stop: Stop,
}

/// Something that is found out of rows. NULLs count in `count` without a column alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Rows, or values of a column that are not NULL.
    Count(Option<usize>),
    /// The sum of a column: exact of integers, decimals and money, and a double of others.
    Sum(usize),
    /// The average of a column: of integers, decimals and money with six digits more behind the
    /// point than the column has, the last one rounded; a double of others.
    Avg(usize),
    /// The least value, by the type of the column.
    Min(usize),
    /// The greatest value, by the type of the column.
    Max(usize),
}

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aggregated {
    /// In the order in which the first row of each came. Without columns to group by, one group of
    /// all rows, even where there are none.
    pub groups: Vec<Group>,
    /// Rows of groups beyond 1,000 or beyond 4 MiB of their names, which are in none of these.
    pub left_out: u64,
}

/// Rows that have the same values in the columns that they are grouped by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Those values, as text; none is NULL.
    pub key: Vec<Option<String>>,
    /// What was measured, in the order in which it was asked for, as text: digits are not lost so.
    /// None where there was no value.
    pub values: Vec<Option<String>>,
}

/// What is known of a measure so far.
#[derive(Debug)]
enum State {
    Count(u64),
    Exact(Sum, u64),
    Double { sum: f64, lost: f64, count: u64 },
    End(Option<(Key<'static>, String)>),
}

// === impl Measure ===

impl Measure {
    fn column(self) -> Option<usize> {
        match self {
            Self::Count(column) => column,
            Self::Sum(c) | Self::Avg(c) | Self::Min(c) | Self::Max(c) => Some(c),
        }
    }

    fn start(self, set: &Set) -> Result<State, Error> {
        let kind = self.column().map(|c| set.kind(c)).transpose()?;
        Ok(match (self, kind) {
            (Self::Sum(_) | Self::Avg(_), Some(Kind::Decimal { scale, .. })) => {
                State::Exact(Sum::new(scale), 0)
            }
            (Self::Sum(_) | Self::Avg(_), Some(kind)) if kind.is_exact() => {
                State::Exact(Sum::new(0), 0)
            }
            (Self::Sum(c) | Self::Avg(c), Some(kind)) => {
                if !kind.is_number() {
                    return Err(Error::NoNumbers(c));
                }
                State::Double { sum: 0.0, lost: 0.0, count: 0 }
            }
            (Self::Min(_) | Self::Max(_), _) => State::End(None),
            _ => State::Count(0),
        })
    }

    fn result(self, state: State) -> Option<String> {
        let average = matches!(self, Self::Avg(_));
        match state {
            State::Count(count) => Some(count.to_string()),
            State::Exact(_, 0) | State::Double { count: 0, .. } => None,
            State::Exact(sum, count) if average => sum.average(count),
            State::Exact(sum, _) => Some(sum.to_string()),
            State::Double { sum, lost, count } => {
                let sum = sum + lost;
                Some(if average { sum / count as f64 } else { sum }.to_string())
            }
            State::End(end) => end.map(|(_, text)| text),
        }
    }
}

// === impl State ===

impl State {
    fn add(&mut self, measure: Measure, kind: Kind, cell: Cell<'_>) {
        let Some(text) = cell.text() else { return };
        if let Self::Count(count) = self {
            *count += 1;
            return;
        }
        let Some(key) = Key::of(kind, text.clone()) else { return };
        match (self, key) {
            (Self::Exact(sum, count), Key::Exact(value)) => *count += u64::from(sum.add(value)),
            (Self::Double { sum, lost, count }, Key::Float(value)) => {
                // What an addition rounds away is added at the end (Neumaier).
                let next = *sum + value;
                *lost += match sum.abs() >= value.abs() {
                    true => (*sum - next) + value,
                    false => (value - next) + *sum,
                };
                (*sum, *count) = (next, *count + 1);
            }
            (Self::End(end), key) => {
                let order = end.as_ref().map(|(known, _)| key.compare(known));
                let replaces = match order {
                    None => true,
                    Some(order) => order.is_some_and(|o| match measure {
                        Measure::Min(_) => o.is_lt(),
                        _ => o.is_gt(),
                    }),
                };
                if replaces {
                    *end = Some((key.into_owned(), text.into_owned()));
                }
            }
            _ => {}
        }
    }
}

// === impl Kept ===

impl Kept {
    /// Measures a result set in one pass.
    ///
    /// # Errors
    ///
    /// [`Error::NoSet`], [`Error::NoColumn`], [`Error::Value`], [`Error::Groups`] and
    /// [`Error::NoNumbers`] where the question does not fit the result; and what
    /// [`Rows::next_row`](crate::Rows::next_row) says.
    pub fn aggregate(
        self: &Arc<Self>,
        set: usize,
        what: &Aggregation,
    ) -> Result<Aggregated, Error> {
        if what.group_by.len() > BY {
            return Err(Error::Groups);
        }
        let of = self.set(set)?;
        let kinds: Vec<Kind> = of.columns.iter().map(|c| c.kind()).collect();
        what.group_by.iter().try_for_each(|c| of.kind(*c).map(drop))?;
        let start = || what.measures.iter().map(|m| m.start(of)).collect::<Result<Vec<_>, _>>();
        let mut found: Vec<(Vec<Option<String>>, Vec<State>)> = Vec::new();
        let mut places: HashMap<Vec<Option<String>>, usize> = HashMap::new();
        if what.group_by.is_empty() {
            places.insert(Vec::new(), 0);
            found.push((Vec::new(), start()?));
        }
        // What does not fit is told even where there are no rows.
        start()?;
        let (filters, stop) = (what.filters.clone(), what.stop.clone());
        let query = Query { filters, stop, ..Query::default() };
        let mut rows = self.rows(set, &query)?;
        let mut left_out = 0;
        let mut key_bytes = 0;
        let mut key: Vec<Option<String>> = Vec::new();
        while let Some(row) = rows.next_row()? {
            let cells: Vec<Cell<'_>> = Cells::new(row.json).collect();
            let cell = |column: usize| cells.get(column).copied().unwrap_or(Cell::NULL).bare();
            key.clear();
            key.extend(what.group_by.iter().map(|c| cell(*c).text().map(|text| folded(&text))));
            let place = match places.get(&key) {
                Some(place) => *place,
                None if found.len() >= GROUPS || key_bytes > KEYS => {
                    left_out += 1;
                    continue;
                }
                None => {
                    let named = |c: &usize| cell(*c).text().map(|text| text.into_owned());
                    found.push((what.group_by.iter().map(named).collect(), start()?));
                    key_bytes += key.iter().flatten().map(String::len).sum::<usize>();
                    places.insert(key.clone(), found.len() - 1);
                    found.len() - 1
                }
            };
            for (measure, state) in what.measures.iter().zip(&mut found[place].1) {
                match (measure.column(), &mut *state) {
                    (None, State::Count(count)) => *count += 1,
                    (Some(column), state) => state.add(*measure, kinds[column], cell(column)),
                    _ => {}
                }
            }
        }
        let group = |(key, states): (Vec<Option<String>>, Vec<State>)| {
            let values = what.measures.iter().zip(states).map(|(m, state)| m.result(state));
            Group { key, values: values.collect() }
        };
        Ok(Aggregated { groups: found.into_iter().map(group).collect(), left_out })
    }
}
