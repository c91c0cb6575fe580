//! Where MCP clients keep their servers, and how one entry is put there or taken away.
//!
//! [`CLIENTS`] is the table: a client's file, its format, the key under which servers stand, and
//! the shape of an entry. [`plan`] makes the new text of such a file, and [`write()`] puts it into the
//! place of the old one. An edit is a splice of the text, so every byte outside of the entry, and of
//! the questions that it refers to, stays as it was: comments, order, indentation, line ends, and the
//! byte order mark.
//!
//! No entry holds a secret, unless [`Change::Set`] says so: see [`Entry::check`].

#![warn(unreachable_pub)]

mod block;
mod client;
mod clients;
mod diff;
mod entry;
mod inputs;
mod json_file;
mod json_inputs;
mod json_text;
mod launch;
mod link;
mod place;
mod plan;
mod shape;
mod space;
mod splice;
mod toml_file;
mod write;

pub use block::{block, names, page};
pub use client::{Client, Expansion, Format};
pub use clients::{CLIENTS, client};
pub use diff::{unified, unified_as};
pub use entry::{Entry, IN_KEY_STORE, is_key_store_name};
pub use launch::{Launch, PACKAGE, on_path};
pub use link::{Link, links};
pub use place::{Os, Scope, Surroundings};
pub use plan::{Change, Outcome, Plan, Problem, State, plan, started, state, variables, veiled};
pub use write::{read, write};
