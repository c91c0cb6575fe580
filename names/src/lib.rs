//! A search over the names of a large schema: 30,000 tables of 30 columns in a few megabytes, and an
//! answer in milliseconds.
//!
//! Nothing here knows a database or a caller. An [`Index`] is built once from the entries of a
//! catalog; a search is told by its caller which entries exist for whoever asks, and no other has
//! any part in it: not in the order, not in the number of hits, not in what counts as a
//! misspelling. So a score is made of the entry and the query alone; there is no weight by how
//! common a word is, since that would tell of entries which are hidden.

mod build;
mod lists;
mod phrases;
mod score;
mod search;
mod vocabulary;
mod words;

pub use build::{Column, Entry, Index};
pub use search::{Hit, Reason};
