//! Rows that are too many for an answer: kept in encrypted files, read back in pages, summed up,
//! and written in other formats.

mod aggregate;
mod column;
mod crypt;
mod decimal;
mod disk;
mod error;
mod export;
mod filter;
mod kept;
mod key;
mod like;
mod moment;
mod profile;
mod rows;
mod scan;
mod store;
mod writer;

pub use self::aggregate::{Aggregated, Aggregation, Group, Measure};
pub use self::column::Column;
pub use self::error::{Error, Reason};
pub use self::export::{CsvOptions, Export, Format};
pub use self::filter::{Filter, Op};
pub use self::kept::{Kept, Set};
pub use self::profile::{ColumnProfile, Distinct, Short, Top};
pub use self::rows::{Page, Query, Row, Rows};
pub use self::store::{Bounds, Listed, Options, Spool};
pub use self::writer::{Caps, Pushed, Writer};

#[cfg(test)]
mod tests;
