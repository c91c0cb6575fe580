//! What CREATE makes beside tables, views and procedures.

use super::{ColumnDef, ParamDef};
use crate::names::Name;
use crate::types::Type;

/// CREATE FUNCTION.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FunctionDef {
    pub(crate) params: Vec<ParamDef>,
    pub(crate) body: FunctionBody,
    pub(crate) schema_bound: bool,
    /// The whole statement.
    pub(crate) text: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FunctionBody {
    /// What it returns, and the text of that where a RETURN is all that there is.
    Scalar(Type, Option<String>),
    /// The text of the query of an inline function.
    Inline(String),
    /// The columns of the table that statements fill.
    Table(Vec<ColumnDef>),
}

/// CREATE TRIGGER on a table or a view.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TriggerDef {
    pub(crate) events: Vec<TriggerEvent>,
    pub(crate) instead_of: bool,
    /// The whole statement.
    pub(crate) text: String,
}

/// What a trigger fires after, or instead of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TriggerEvent {
    Insert,
    Update,
    Delete,
}

impl TriggerEvent {
    /// Its number in `sys.trigger_events`.
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Insert => 1,
            Self::Update => 2,
            Self::Delete => 3,
        }
    }

    /// Its name there.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

/// CREATE SEQUENCE, with what it does not say filled in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SequenceDef {
    pub(crate) ty: Type,
    pub(crate) start: i64,
    pub(crate) increment: i64,
    pub(crate) minimum: i64,
    pub(crate) maximum: i64,
    pub(crate) cycle: bool,
    /// How many values are cached: none where it does not say, 0 for NO CACHE.
    pub(crate) cache: Option<i64>,
}

/// What CREATE makes of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Module {
    Function(FunctionDef),
    /// The table or the view that it is on.
    Trigger(Name, TriggerDef),
    /// What it stands for.
    Synonym(Name),
    Sequence(SequenceDef),
}
