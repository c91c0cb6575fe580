//! What a T-SQL batch would do, told from its text by two readings that check each other.
//!
//! 1. The *derivation* (`derive.rs`, over the pages in `grammar/`) accounts for every token of the
//!    batch and says what each is there: a verb, a table, an alias, a column. `reader.rs` judges
//!    what it found. What cannot be derived is [`verdict::Class::Unknown`].
//! 2. The *accounting of words* (`account.rs`, with a table of its own) finds each dangerous word,
//!    and excuses it only where the derivation claims it for something harmless.
//!
//! The verdict is the worse of the two, and neither shares a table with the other.

#![warn(unreachable_pub)]

mod account;
pub mod batches;
mod characters;
pub mod derive;
mod fold;
mod grammar;
pub mod hints;
pub mod lexer;
pub mod policy;
pub mod quote;
mod reader;
pub mod statements;
pub mod verdict;

pub use policy::Access;
