//! What a hit is worth. The numbers only order: a word found as it is written comes before one that
//! begins with it, whatever the tables are; a table's weight decides among equals.

use crate::vocabulary::Fit;

/// Where a word was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Name,
    Term,
    Column,
    Schema,
    Description,
}

/// What a word is worth that was found there; none where such a find says nothing.
pub(crate) fn find(place: Place, fit: Fit) -> Option<i32> {
    Some(match (place, fit) {
        (Place::Name, Fit::Exact) => 10_000,
        (Place::Name, Fit::Prefix) => 7000,
        (Place::Name, Fit::Part) => 5000,
        (Place::Name, Fit::Like(1)) => 4000,
        (Place::Name, Fit::Like(_)) => 3000,
        (Place::Term, Fit::Exact) => 9000,
        (Place::Term, Fit::Prefix) => 6000,
        (Place::Term, Fit::Part) => 4500,
        (Place::Term, Fit::Like(_)) => 2500,
        (Place::Column, Fit::Exact) => 5000,
        (Place::Column, Fit::Prefix) => 3500,
        (Place::Column, Fit::Part) => 2600,
        (Place::Column, Fit::Like(_)) => 2200,
        (Place::Schema, Fit::Exact) => 3000,
        (Place::Schema, Fit::Prefix) => 2100,
        (Place::Description, Fit::Exact) => 2000,
        (Place::Description, Fit::Prefix) => 1500,
        (Place::Schema | Place::Description, Fit::Part | Fit::Like(_)) => return None,
    })
}

/// A column or a term that is nothing but the word.
pub(crate) const ALONE: i32 = 500;

/// How much of the name was asked for.
pub(crate) fn coverage(found: u8, length: u8) -> i32 {
    1500 * i32::from(found.min(length)) / i32::from(length.max(1))
}

/// An entry by itself: large and connected tables are asked for more than others, and copies
/// hardly ever. At most 1,300, so that with the coverage it is less than an exact word is more than
/// another.
pub(crate) fn worth(rows: Option<u64>, keys: u32, left_over: bool) -> i16 {
    let rows = 80.0 * (rows.unwrap_or(0) as f64 + 1.0).log10();
    let keys = 150.0 * (f64::from(keys) + 1.0).ln();
    rows.min(800.0) as i16 + keys.min(500.0) as i16 - if left_over { 4000 } else { 0 }
}
