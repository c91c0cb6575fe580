//! A session that runs requests.
//!
//! The life of a statement: [`request`] takes a batch or an RPC and has it parsed; [`statement`]
//! passes each statement to the module that does it, and decides what an error ends; that module
//! binds it to SQLite's SQL and runs it through [`sqlite`], which turns SQLite's failures into SQL
//! Server's errors; rows and counts go to the client as they come.

mod alter;
mod change;
mod control;
mod counters;
mod databases;
mod ddl;
mod describe;
mod describe_rows;
mod drop;
mod insert;
mod kept;
mod modules;
mod options;
mod printf;
mod procedure;
mod properties;
mod raise;
mod request;
mod select;
mod session;
mod session_functions;
mod sqlite;
mod statement;
mod table;
mod transaction;
mod undeclared;

pub(crate) use databases::{Access, SAMPLE, Shared};
pub(crate) use session::{Engine, Login};
pub(crate) use sqlite::{attach_all, open};
