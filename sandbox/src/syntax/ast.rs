//! What the parser makes of a batch: the part of T-SQL that the sandbox understands.

mod expr;
mod module;
mod query;
mod statement;

pub(crate) use self::expr::*;
pub(crate) use self::module::*;
pub(crate) use self::query::*;
pub(crate) use self::statement::*;
pub(crate) use crate::names::Name;
