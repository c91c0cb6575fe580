//! Rows that are too many for an answer: kept in encrypted files, read back in pages, summed up,
//! and written in other formats.

mod column;
mod crypt;
mod decimal;
mod disk;
mod error;
mod kept;
mod key;
mod moment;
mod profile;
mod scan;
mod store;
mod writer;

pub use self::column::Column;
pub use self::error::{Error, Reason};
pub use self::kept::{Kept, Set};
pub use self::profile::{ColumnProfile, Distinct, Short, Top};
pub use self::store::{Bounds, Listed, Options, Spool};
pub use self::writer::{Caps, Pushed, Writer};
