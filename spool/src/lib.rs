//! Rows that are too many for an answer: kept in encrypted files, read back in pages, summed up,
//! and written in other formats.
//!
//! ```
//! # use std::time::Duration;
//! # use mssql_mcp_spool::{Bounds, Column, Filter, Op, Options, Query, Spool};
//! # let folder = std::env::temp_dir().join(format!("spool-example-{}", std::process::id()));
//! let bounds = Bounds {
//!     bytes: 1 << 30,
//!     files: 100,
//!     owner_bytes: 1 << 28,
//!     owner_files: 20,
//!     ttl: Duration::from_secs(600),
//! };
//! let spool = Spool::open(&folder, bounds)?;
//! let mut writer = spool.create("alice", Options::default())?;
//! writer.begin(vec![Column::new("id", "int"), Column::new("price", "decimal(10,2)")]);
//! writer.push_and_wait(br"[1,10.50]")?;
//! writer.push_and_wait(br"[2,9.99]")?;
//! let handle = writer.finish_and_wait()?.handle().to_owned();
//!
//! let kept = spool.get(&handle, "alice").expect("it is hers");
//! let cheap = Filter { column: 1, op: Op::Lt, value: "10".to_owned() };
//! let page = kept.page(0, &Query { filters: vec![cheap], ..Query::default() }, 10_000)?;
//! assert_eq!(page.json, b"[[2,9.99]]");
//! # drop((kept, spool));
//! # std::fs::remove_dir_all(folder)?;
//! # Ok::<(), mssql_mcp_spool::Error>(())
//! ```

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
mod stop;
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
pub use self::stop::Stop;
pub use self::store::{Bounds, Listed, Options, Spool};
pub use self::writer::{Caps, Pushed, Writer};

#[cfg(test)]
mod tests;
