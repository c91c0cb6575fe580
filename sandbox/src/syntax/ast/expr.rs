//! Expressions: values, predicates and calls.

use super::{Name, OrderItem, Query};
use crate::types::Type;

/// A value or a predicate. Constants are kept as they are written, but for quotes and escapes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Null,
    Integer(String),
    Decimal(String),
    Float(String),
    Money(String),
    Text(String),
    UnicodeText(String),
    Bytes(Vec<u8>),
    Column(Vec<String>),
    /// With its `@`, or the two of a value of the session.
    Variable(String),
    Unary(UnaryOp, Box<Expr>),
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    Collate(Box<Expr>, String),
    Case {
        /// Of a simple CASE, which compares it with each WHEN.
        operand: Option<Box<Expr>>,
        whens: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
    },
    Cast {
        value: Box<Expr>,
        ty: Type,
        style: Option<Box<Expr>>,
        /// TRY_: a failure is NULL.
        attempt: bool,
    },
    Call(Call),
    /// Of a function of one's own.
    OwnCall(Name, Vec<Expr>),
    NextValue(Name),
    Subquery(Box<Query>),
    Compare(CompareOp, Box<Expr>, Box<Expr>),
    /// `value op ALL (query)`, or ANY.
    Quantified {
        op: CompareOp,
        value: Box<Expr>,
        all: bool,
        query: Box<Query>,
    },
    /// Of two or more.
    And(Vec<Expr>),
    /// Of two or more.
    Or(Vec<Expr>),
    Not(Box<Expr>),
    IsNull {
        value: Box<Expr>,
        negated: bool,
    },
    In {
        value: Box<Expr>,
        list: Vec<Expr>,
        negated: bool,
    },
    InQuery {
        value: Box<Expr>,
        query: Box<Query>,
        negated: bool,
    },
    Between {
        value: Box<Expr>,
        low: Box<Expr>,
        high: Box<Expr>,
        negated: bool,
    },
    Like {
        value: Box<Expr>,
        pattern: Box<Expr>,
        escape: Option<Box<Expr>>,
        negated: bool,
    },
    Exists(Box<Query>),
}

impl Expr {
    /// Whether it is true or false, and no value.
    pub(crate) fn is_predicate(&self) -> bool {
        matches!(
            self,
            Self::Compare(..)
                | Self::Quantified { .. }
                | Self::And(..)
                | Self::Or(..)
                | Self::Not(_)
                | Self::IsNull { .. }
                | Self::In { .. }
                | Self::InQuery { .. }
                | Self::Between { .. }
                | Self::Like { .. }
                | Self::Exists(_)
        )
    }
}

/// A call of a function, an aggregate or a window function.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) args: Vec<Expr>,
    pub(crate) distinct: bool,
    /// Over rows, as COUNT(*) is.
    pub(crate) star: bool,
    pub(crate) over: Option<Box<Over>>,
    /// WITHIN GROUP (ORDER BY …)
    pub(crate) within_group: Vec<OrderItem>,
}

impl Call {
    /// Without OVER, WITHIN GROUP, DISTINCT and `*`.
    pub(crate) fn plain(name: impl Into<String>, args: Vec<Expr>) -> Self {
        Self {
            name: name.into(),
            args,
            distinct: false,
            star: false,
            over: None,
            within_group: Vec::new(),
        }
    }
}

/// The window of OVER (…).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Over {
    pub(crate) partition: Vec<Expr>,
    pub(crate) order: Vec<OrderItem>,
    /// ROWS or RANGE and all behind it, as it is written.
    pub(crate) frame: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnaryOp {
    Plus,
    Minus,
    BitNot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    BitAnd,
    BitOr,
    BitXor,
}

impl BinaryOp {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::BitAnd => "&",
            Self::BitOr => "|",
            Self::BitXor => "^",
        }
    }

    /// As messages name it.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Subtract => "subtract",
            Self::Multiply => "multiply",
            Self::Divide => "divide",
            Self::Modulo => "modulo",
            Self::BitAnd | Self::BitOr | Self::BitXor => self.symbol(),
        }
    }

    pub(crate) fn is_bitwise(self) -> bool {
        matches!(self, Self::BitAnd | Self::BitOr | Self::BitXor)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CompareOp {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl CompareOp {
    /// As SQLite and SQL Server's messages write it.
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Whether it asks for an order, and not only whether two are alike.
    pub(crate) fn is_ordering(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }
}
