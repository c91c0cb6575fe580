//! Results from the writer to whoever reads them.

mod damage;
mod formats;
#[cfg(feature = "parquet")]
mod parquet;
mod processes;
mod profile;
mod query;
mod round_trip;
mod store;
mod support;
