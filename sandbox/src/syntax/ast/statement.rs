//! Statements, and what they define.

use super::{Cte, Expr, Item, Module, Query, Table};
use crate::names::Name;
use crate::types::Type;

/// A statement and its line.
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    /// From 1, within the batch.
    pub(crate) line: u32,
    /// Where its text begins and ends, in bytes of the batch.
    pub(crate) range: (usize, usize),
    pub(crate) kind: StatementKind,
}

#[derive(Debug, Clone)]
pub(crate) enum StatementKind {
    Query(Box<Query>),
    Insert(Insert),
    Update(Update),
    Delete(Delete),
    Truncate(Name),
    CreateTable(Name, Vec<ColumnDef>, Vec<Constraint>),
    /// The text of its query; whether it replaces the view of that name.
    CreateView(Name, String, bool),
    /// The text of its body; whether it replaces the procedure of that name.
    CreateProc(Name, Vec<ParamDef>, String, bool),
    /// A function, trigger, synonym or sequence; whether it replaces that of its name.
    CreateModule(Name, Module, bool),
    CreateIndex {
        name: String,
        table: Name,
        /// With whether they are descending.
        columns: Vec<(String, bool)>,
        unique: bool,
    },
    CreateSchema(String),
    AddColumns(Name, Vec<ColumnDef>, Vec<Constraint>),
    DropColumn(Name, String),
    Drop {
        what: ObjectClass,
        names: Vec<Name>,
        if_exists: bool,
        /// The table of an index.
        on: Option<Name>,
    },
    UpdateStatistics(Name),
    Declare(Vec<(String, Type, Option<Expr>)>),
    DeclareTable(String, Vec<ColumnDef>, Vec<Constraint>),
    SetVar(String, Expr),
    /// Options, in the case in which they are written, and what all of them are set to.
    SetOption(Vec<String>, String),
    ContextInfo(Expr),
    If(Expr, Box<Statement>, Option<Box<Statement>>),
    While(Expr, Box<Statement>),
    Block(Vec<Statement>),
    Break,
    Continue,
    Return(Option<Expr>),
    Print(Expr),
    /// Its arguments; whether it is WITH LOG.
    RaisError(Vec<Expr>, bool),
    Throw(Option<Box<[Expr; 3]>>),
    Try(Vec<Statement>, Vec<Statement>),
    Begin,
    Commit,
    Rollback,
    Use(String),
    Delay(Expr),
    Exec {
        /// The variable that gets the return code.
        into: Option<String>,
        name: Name,
        args: Vec<Arg>,
    },
    ExecText(Expr),
}

/// INSERT, of rows from one source.
#[derive(Debug, Clone)]
pub(crate) struct Insert {
    pub(crate) target: Name,
    /// Empty where none are named.
    pub(crate) columns: Vec<String>,
    pub(crate) source: Source,
    pub(crate) output: Vec<Item>,
}

/// UPDATE, with the tables of its FROM.
#[derive(Debug, Clone)]
pub(crate) struct Update {
    pub(crate) ctes: Vec<Cte>,
    pub(crate) target: Name,
    pub(crate) top: Option<Expr>,
    pub(crate) sets: Vec<(String, Expr)>,
    pub(crate) from: Vec<Table>,
    pub(crate) filter: Option<Expr>,
    pub(crate) output: Vec<Item>,
}

/// DELETE, with the tables of its second FROM.
#[derive(Debug, Clone)]
pub(crate) struct Delete {
    pub(crate) ctes: Vec<Cte>,
    pub(crate) target: Name,
    pub(crate) top: Option<Expr>,
    pub(crate) from: Vec<Table>,
    pub(crate) filter: Option<Expr>,
    pub(crate) output: Vec<Item>,
}

/// Where an INSERT's rows come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Rows, in which `None` is the word DEFAULT.
    Values(Vec<Vec<Option<Expr>>>),
    Query(Box<Query>),
    Default,
    /// INSERT … EXEC is parsed so that the refusal can name it.
    Exec,
}

/// What DROP takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectClass {
    Table,
    View,
    Procedure,
    Function,
    Trigger,
    Synonym,
    Sequence,
    Index,
    Schema,
}

impl ObjectClass {
    /// As messages name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::View => "view",
            Self::Procedure => "procedure",
            Self::Function => "function",
            Self::Trigger => "trigger",
            Self::Synonym => "synonym",
            Self::Sequence => "sequence object",
            Self::Index => "index",
            Self::Schema => "schema",
        }
    }
}

/// An argument of EXEC.
#[derive(Debug, Clone)]
pub(crate) struct Arg {
    /// With its `@`, where it is passed by name.
    pub(crate) name: Option<String>,
    /// Of the word DEFAULT there is none.
    pub(crate) value: Option<Expr>,
    pub(crate) output: bool,
}

/// A column of CREATE TABLE.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ColumnDef {
    pub(crate) name: String,
    /// `None` where it is computed.
    pub(crate) ty: Option<Type>,
    pub(crate) nullable: Option<bool>,
    /// IDENTITY's seed and increment.
    pub(crate) identity: Option<(i64, i64)>,
    /// The constraint's name, the value, and its text.
    pub(crate) default: Option<(Option<String>, Expr, String)>,
    /// The expression, its text, and whether it is PERSISTED.
    pub(crate) computed: Option<(Expr, String, bool)>,
    pub(crate) inline: Vec<Constraint>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Constraint {
    Key {
        name: Option<String>,
        primary: bool,
        /// With whether they are descending.
        columns: Vec<(String, bool)>,
    },
    Foreign {
        name: Option<String>,
        columns: Vec<String>,
        table: Name,
        /// Empty for the primary key.
        refs: Vec<String>,
        on_delete: ReferentialAction,
        on_update: ReferentialAction,
    },
    Check {
        name: Option<String>,
        expr: Expr,
        text: String,
    },
}

/// What becomes of rows that refer to one that goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ReferentialAction {
    #[default]
    NoAction,
    Cascade,
    SetNull,
    SetDefault,
}

impl ReferentialAction {
    /// As `sys.foreign_keys` describes it.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::NoAction => "NO_ACTION",
            Self::Cascade => "CASCADE",
            Self::SetNull => "SET_NULL",
            Self::SetDefault => "SET_DEFAULT",
        }
    }
}

/// A parameter of a procedure or of a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ParamDef {
    /// Its `@` belongs to it.
    pub(crate) name: String,
    pub(crate) ty: Type,
    /// With its text.
    pub(crate) default: Option<(Expr, String)>,
    pub(crate) output: bool,
}
