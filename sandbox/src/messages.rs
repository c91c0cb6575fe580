//! SQL Server's messages ("Database Engine events and errors"): one constructor for each, and the
//! only place that knows its number, severity, state and wording. In each file they are in the
//! order of their numbers.

mod binding;
mod change;
mod convert;
mod describe;
mod evaluation;
mod json;
mod module;
mod recursion;
mod schema;
mod session;
mod syntax;

pub(crate) use self::binding::*;
pub(crate) use self::change::*;
pub(crate) use self::convert::*;
pub(crate) use self::describe::*;
pub(crate) use self::evaluation::*;
pub(crate) use self::json::*;
pub(crate) use self::module::*;
pub(crate) use self::recursion::*;
pub(crate) use self::schema::*;
pub(crate) use self::session::*;
pub(crate) use self::syntax::*;
use crate::error::Error;

/// States other than 1 tell where in the server an error was raised.
fn with_state(state: u8, error: Error) -> Error {
    Error { state, ..error }
}
