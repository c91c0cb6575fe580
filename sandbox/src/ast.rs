//! What the parser makes of a batch: the part of T-SQL that the sandbox understands.

use crate::types::Type;

/// A statement and its line.
#[derive(Debug, Clone)]
pub struct Statement {
    /// From 1, within the batch.
    pub line: u32,
    /// What it does.
    pub kind: StatementKind,
}

/// A name of up to four parts, outermost first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(pub Vec<String>);

/// Statements.
#[derive(Debug, Clone)]
pub enum StatementKind {
    Query(Box<Query>),
    Insert(Insert),
    Update(Update),
    Delete(Delete),
    Truncate(Name),
    CreateTable(Name, Vec<ColumnDef>, Vec<Constraint>),
    CreateView(Name, String, bool),
    CreateProc(Name, Vec<ParamDef>, String, bool),
    CreateIndex {
        name: String,
        table: Name,
        columns: Vec<(String, bool)>,
        unique: bool,
    },
    CreateSchema(String),
    AddColumns(Name, Vec<ColumnDef>, Vec<Constraint>),
    DropColumn(Name, String),
    Drop {
        what: &'static str,
        names: Vec<Name>,
        if_exists: bool,
        on: Option<Name>,
    },
    UpdateStatistics(Name),
    Declare(Vec<(String, Type, Option<Expr>)>),
    DeclareTable(String, Vec<ColumnDef>, Vec<Constraint>),
    SetVar(String, Expr),
    SetOption(Vec<String>, String),
    /// `SET CONTEXT_INFO`.
    ContextInfo(Expr),
    If(Expr, Box<Statement>, Option<Box<Statement>>),
    While(Expr, Box<Statement>),
    Block(Vec<Statement>),
    Break,
    Continue,
    Return(Option<Expr>),
    Print(Expr),
    RaisError(Vec<Expr>, bool),
    Throw(Option<Box<[Expr; 3]>>),
    Try(Vec<Statement>, Vec<Statement>),
    Begin,
    Commit,
    Rollback,
    Use(String),
    Delay(Expr),
    Exec {
        into: Option<String>,
        name: Name,
        args: Vec<Arg>,
    },
    ExecText(Expr),
}

/// INSERT.
#[derive(Debug, Clone)]
pub struct Insert {
    pub target: Name,
    /// Empty where none are named.
    pub columns: Vec<String>,
    pub source: Source,
    pub output: Vec<Item>,
}

/// UPDATE, with the tables of its FROM.
#[derive(Debug, Clone)]
pub struct Update {
    pub ctes: Vec<Cte>,
    pub target: Name,
    pub top: Option<Expr>,
    pub sets: Vec<(String, Expr)>,
    pub from: Vec<Table>,
    pub filter: Option<Expr>,
    pub output: Vec<Item>,
}

/// DELETE, with the tables of its second FROM.
#[derive(Debug, Clone)]
pub struct Delete {
    pub ctes: Vec<Cte>,
    pub target: Name,
    pub top: Option<Expr>,
    pub from: Vec<Table>,
    pub filter: Option<Expr>,
    pub output: Vec<Item>,
}

/// Where an INSERT's rows come from.
#[derive(Debug, Clone)]
pub enum Source {
    Values(Vec<Vec<Option<Expr>>>),
    Query(Box<Query>),
    Default,
    /// INSERT … EXEC is parsed so that the refusal can name it.
    Exec,
}

/// An argument of EXEC.
#[derive(Debug, Clone)]
pub struct Arg {
    /// `@name =`.
    pub name: Option<String>,
    /// The value; none for DEFAULT.
    pub value: Option<Expr>,
    /// OUTPUT.
    pub output: bool,
}

/// A column of CREATE TABLE.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnDef {
    pub name: String,
    pub ty: Option<Type>,
    pub nullable: Option<bool>,
    pub identity: Option<(i64, i64)>,
    pub default: Option<(Option<String>, Expr, String)>,
    pub computed: Option<(Expr, String, bool)>,
    pub inline: Vec<Constraint>,
}

/// A constraint.
#[derive(Debug, Clone, PartialEq)]
pub enum Constraint {
    Key {
        name: Option<String>,
        primary: bool,
        columns: Vec<(String, bool)>,
    },
    Foreign {
        name: Option<String>,
        columns: Vec<String>,
        table: Name,
        refs: Vec<String>,
        on_delete: String,
        on_update: String,
    },
    Check {
        name: Option<String>,
        expr: Expr,
        text: String,
    },
}

/// A procedure's parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamDef {
    /// With its `@`.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Its default.
    pub default: Option<Expr>,
    /// OUTPUT.
    pub output: bool,
}

/// A query with its CTEs, order and paging.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub ctes: Vec<Cte>,
    pub body: Body,
    pub order: Vec<(Expr, bool)>,
    pub offset: Option<Expr>,
    pub fetch: Option<Expr>,
    pub max_recursion: u32,
}

/// A common table expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Cte {
    pub name: String,
    pub columns: Vec<String>,
    pub query: Query,
}

/// A SELECT or a combination of them.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    Select(Box<Select>),
    Set { op: &'static str, left: Box<Body>, right: Box<Body> },
    Nested(Box<Query>),
}

/// One SELECT.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Select {
    pub distinct: bool,
    pub top: Option<Expr>,
    pub items: Vec<Item>,
    pub into: Option<Name>,
    pub from: Vec<Table>,
    pub filter: Option<Expr>,
    pub group: Vec<Expr>,
    pub having: Option<Expr>,
}

/// A select item.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    Star(Vec<String>),
    Expr(Expr, Option<String>),
    Assign(String, Expr),
}

/// A table source.
#[derive(Debug, Clone, PartialEq)]
pub enum Table {
    Named { name: Name, alias: Option<String> },
    Derived { query: Box<Query>, alias: String, columns: Vec<String> },
    Values { rows: Vec<Vec<Expr>>, alias: String, columns: Vec<String> },
    Join { kind: &'static str, left: Box<Table>, right: Box<Table>, on: Option<Expr> },
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    Null,
    Int(String),
    Decimal(String),
    Float(String),
    Money(String),
    Str(String),
    NStr(String),
    Hex(Vec<u8>),
    Column(Vec<String>),
    Var(String),
    Unary(char, Box<Expr>),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    Compare(&'static str, Box<Expr>, Box<Expr>),
    Quantified(&'static str, Box<Expr>, bool, Box<Query>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    IsNull(Box<Expr>, bool),
    In(Box<Expr>, Vec<Expr>, bool),
    InQuery(Box<Expr>, Box<Query>, bool),
    Between(Box<Expr>, Box<Expr>, Box<Expr>, bool),
    Like(Box<Expr>, Box<Expr>, Option<Box<Expr>>, bool),
    Exists(Box<Query>),
    Subquery(Box<Query>),
    Case(Option<Box<Expr>>, Vec<(Expr, Expr)>, Option<Box<Expr>>),
    Cast {
        value: Box<Expr>,
        ty: Type,
        style: Option<Box<Expr>>,
        attempt: bool,
    },
    Call {
        name: String,
        args: Vec<Expr>,
        distinct: bool,
        star: bool,
        over: Option<Box<Over>>,
        within: Vec<(Expr, bool)>,
    },
    Collate(Box<Expr>, String),
}

/// OVER (…).
#[derive(Debug, Clone, PartialEq)]
pub struct Over {
    pub partition: Vec<Expr>,
    pub order: Vec<(Expr, bool)>,
    pub frame: Option<String>,
}
