//! Queries: what is selected from what.

use super::{Expr, Name};
use crate::types::Type;

/// A query with its CTEs, order and paging.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Query {
    pub(crate) ctes: Vec<Cte>,
    pub(crate) body: Body,
    pub(crate) order: Vec<OrderItem>,
    pub(crate) offset: Option<Expr>,
    pub(crate) fetch: Option<Expr>,
    /// OPTION (MAXRECURSION n); 0 is without a limit.
    pub(crate) max_recursion: u32,
    pub(crate) json: Option<ForJson>,
}

/// FOR JSON: the rows as one text.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ForJson {
    /// AUTO, and not PATH.
    pub(crate) auto: bool,
    /// The name of the object around all rows.
    pub(crate) root: Option<String>,
    pub(crate) include_nulls: bool,
    /// Without brackets around the rows.
    pub(crate) no_wrapper: bool,
}

impl Query {
    /// What MAXRECURSION is where nothing is said.
    pub(crate) const MAX_RECURSION: u32 = 100;

    /// Without CTEs, order and paging.
    pub(crate) fn of(body: Body) -> Self {
        Self {
            ctes: Vec::new(),
            body,
            order: Vec::new(),
            offset: None,
            fetch: None,
            max_recursion: Self::MAX_RECURSION,
            json: None,
        }
    }
}

/// An expression of ORDER BY.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OrderItem {
    pub(crate) expr: Expr,
    pub(crate) descending: bool,
}

/// A common table expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cte {
    pub(crate) name: String,
    /// Empty where none are named.
    pub(crate) columns: Vec<String>,
    pub(crate) query: Query,
}

/// A SELECT or a combination of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    Select(Box<Select>),
    Set { op: SetOp, left: Box<Body>, right: Box<Body> },
    Nested(Box<Query>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SetOp {
    Union,
    UnionAll,
    Except,
    Intersect,
}

impl SetOp {
    /// As T-SQL and SQLite both write it.
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Union => "UNION",
            Self::UnionAll => "UNION ALL",
            Self::Except => "EXCEPT",
            Self::Intersect => "INTERSECT",
        }
    }
}

/// A SELECT without what may stand before and behind it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Select {
    pub(crate) distinct: bool,
    pub(crate) top: Option<Top>,
    pub(crate) items: Vec<Item>,
    pub(crate) into: Option<Name>,
    pub(crate) from: Vec<Table>,
    pub(crate) filter: Option<Expr>,
    pub(crate) group: Vec<Expr>,
    /// Indexes into `group`, where it has more than one set; empty where all of it is one.
    pub(crate) grouping_sets: Vec<Vec<usize>>,
    pub(crate) having: Option<Expr>,
}

/// TOP of a SELECT.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Top {
    pub(crate) count: Expr,
    /// The count is of a hundred rows.
    pub(crate) percent: bool,
    /// And all rows that are ordered as the last one is.
    pub(crate) with_ties: bool,
}

/// An item of a select list or of OUTPUT.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    /// `*`, or `a.b.*` with its prefix.
    Star(Vec<String>),
    /// With its alias, if it has one.
    Expr(Expr, Option<String>),
    /// An assignment to a variable.
    Assign(String, Expr),
}

/// A table source, or a join of two.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Table {
    Named {
        name: Name,
        alias: Option<String>,
    },
    Derived {
        query: Box<Query>,
        alias: String,
        columns: Vec<String>,
    },
    Values {
        rows: Vec<Vec<Expr>>,
        alias: String,
        columns: Vec<String>,
    },
    Pivot(Box<Pivot>),
    Unpivot(Box<Unpivot>),
    /// A function that gives rows.
    Function {
        name: String,
        args: Vec<Expr>,
        alias: Option<String>,
        columns: Vec<String>,
    },
    OpenJson(Box<OpenJson>),
    /// A function of one's own, or one of the server's in the schema sys.
    OwnFunction {
        name: Name,
        args: Vec<Expr>,
        alias: Option<String>,
        columns: Vec<String>,
    },
    Join {
        kind: JoinKind,
        left: Box<Table>,
        right: Box<Table>,
        on: Option<Expr>,
    },
}

/// OPENJSON: a text and a path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OpenJson {
    pub(crate) args: Vec<Expr>,
    /// WITH (…); none for key, value and type.
    pub(crate) schema: Option<Vec<JsonColumn>>,
    pub(crate) alias: String,
    pub(crate) columns: Vec<String>,
}

/// A column of OPENJSON's schema.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JsonColumn {
    pub(crate) name: String,
    pub(crate) ty: Type,
    /// None for the member of the column's name.
    pub(crate) path: Option<String>,
    pub(crate) as_json: bool,
}

/// PIVOT: a column of aggregates for each value of another column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pivot {
    pub(crate) source: Table,
    /// The aggregate, in upper case.
    pub(crate) function: String,
    /// The column that is aggregated.
    pub(crate) value: String,
    /// The column whose values become columns.
    pub(crate) spread: String,
    /// The values that do.
    pub(crate) columns: Vec<String>,
    pub(crate) alias: String,
}

/// UNPIVOT: a row for each of some columns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unpivot {
    pub(crate) source: Table,
    /// The column of the values.
    pub(crate) value: String,
    /// The column of the names that the values had.
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    pub(crate) alias: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JoinKind {
    Cross,
    Inner,
    Left,
    Right,
    Full,
    /// The right side may name columns of the left one.
    CrossApply,
    /// The same, and a row of the left side stays where the right side has none.
    OuterApply,
}

impl JoinKind {
    pub(crate) fn is_apply(self) -> bool {
        matches!(self, Self::CrossApply | Self::OuterApply)
    }

    /// As SQLite writes it.
    pub(crate) fn sql(self) -> &'static str {
        match self {
            Self::Cross | Self::CrossApply => "CROSS JOIN",
            Self::Inner => "INNER JOIN",
            Self::Left | Self::OuterApply => "LEFT JOIN",
            Self::Right => "RIGHT JOIN",
            Self::Full => "FULL JOIN",
        }
    }
}
