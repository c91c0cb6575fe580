//! A connection string for SQL Server, as people paste it, in terms of the server's settings.
//!
//! Four forms are read, each by its own grammar: ADO.NET's, ODBC's (msodbcsql), JDBC's
//! (`jdbc:sqlserver://`) and URLs (as go-mssqldb, dbhub and SQLAlchemy write them). Of each keyword
//! it is said whether it is used, ignored with a note, or refused; [`keywords`] lists them all.
//!
//! Nothing here connects, and nothing of a value is ever repeated in a note or a problem: what is
//! pasted may be broken just where the password stands.

mod address;
mod form;
mod given;
mod grammar;
mod keywords;
mod means;
mod nearest;
mod problems;
mod read;
mod redact;
mod values;

pub use form::Form;
pub use keywords::{Keyword, Treatment, keywords};
pub use problems::{Note, Problems};
pub use read::{ConnectionString, is_secret};
