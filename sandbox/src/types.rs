//! SQL Server's types as the sandbox knows them, and how each value is kept in SQLite.
//!
//! Every expression has a static [`Type`]. SQLite sees only four storage classes, chosen so that
//! its own comparison, `ORDER BY` and `MIN`/`MAX` are right without a shim:
//!
//! | SQL Server | SQLite |
//! |---|---|
//! | bit … bigint | INTEGER |
//! | decimal, numeric, money, smallmoney | BLOB of 16 bytes, big-endian, sign bit flipped |
//! | real, float | REAL |
//! | date (days), time, datetime, datetime2, smalldatetime (100 ns) | INTEGER, from 0001-01-01 |
//! | datetimeoffset | BLOB: UTC ticks, then offset |
//! | character, uniqueidentifier, xml | TEXT of the collation `CI` |
//! | binary | BLOB |
//!
//! `memcmp` puts decimals in their order, as their scale is in the type, and instants in theirs.

mod column;
mod value;

use std::fmt;

pub use self::column::Column;
pub use self::value::Value;
pub(crate) use self::value::{dec_from_key, dec_key};

/// The length of a variable-length type; `Max` is `(max)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Len {
    /// A length in characters (or bytes, for binary and single-byte types).
    N(u16),
    /// Without a limit: `(max)`.
    Max,
}

/// A SQL Server type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is the T-SQL type of the same name")]
pub enum Type {
    /// The type of a bare `NULL`.
    Null,
    /// A predicate: T-SQL has no such value, so it never leaves the binder.
    Bool,
    Bit,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Decimal(u8, u8),
    Money,
    SmallMoney,
    Real,
    Float,
    Char(u16),
    VarChar(Len),
    NChar(u16),
    NVarChar(Len),
    Binary(u16),
    VarBinary(Len),
    Date,
    Time(u8),
    SmallDateTime,
    DateTime,
    DateTime2(u8),
    DateTimeOffset(u8),
    Guid,
    Xml,
    /// sql_variant; only scripted answers carry one.
    Variant,
    /// A CLR type by name; only scripted answers carry one.
    Udt(&'static str),
}

/// 100 ns units in a day.
pub const DAY: i64 = 864_000_000_000;

impl Type {
    /// Character data of any kind.
    pub(crate) fn is_text(self) -> bool {
        matches!(
            self,
            Type::Char(_) | Type::VarChar(_) | Type::NChar(_) | Type::NVarChar(_) | Type::Xml
        )
    }

    /// Character data in UTF-16 on the wire.
    pub(crate) fn is_unicode(self) -> bool {
        matches!(self, Type::NChar(_) | Type::NVarChar(_) | Type::Xml)
    }

    /// tinyint … bigint and bit.
    pub(crate) fn is_int(self) -> bool {
        matches!(self, Type::Bit | Type::TinyInt | Type::SmallInt | Type::Int | Type::BigInt)
    }

    /// Kept as a scaled integer: decimal, numeric, money, smallmoney.
    pub(crate) fn is_scaled(self) -> bool {
        matches!(self, Type::Decimal(..) | Type::Money | Type::SmallMoney)
    }

    pub(crate) fn is_float(self) -> bool {
        matches!(self, Type::Real | Type::Float)
    }

    pub(crate) fn is_number(self) -> bool {
        self.is_int() || self.is_scaled() || self.is_float()
    }

    pub(crate) fn is_binary(self) -> bool {
        matches!(self, Type::Binary(_) | Type::VarBinary(_))
    }

    /// Types with a date or a time of day.
    pub(crate) fn is_temporal(self) -> bool {
        matches!(
            self,
            Type::Date
                | Type::Time(_)
                | Type::SmallDateTime
                | Type::DateTime
                | Type::DateTime2(_)
                | Type::DateTimeOffset(_)
        )
    }

    /// Digits after the point of a scaled type.
    pub(crate) fn scale(self) -> u8 {
        match self {
            Type::Decimal(_, s) => s,
            Type::Money | Type::SmallMoney => 4,
            _ => 0,
        }
    }

    /// As decimal(p,s), for arithmetic with decimals.
    pub(crate) fn as_decimal(self) -> Option<(u8, u8)> {
        Some(match self {
            Type::Bit => (1, 0),
            Type::TinyInt => (3, 0),
            Type::SmallInt => (5, 0),
            Type::Int => (10, 0),
            Type::BigInt => (19, 0),
            Type::Decimal(p, s) => (p, s),
            Type::Money => (19, 4),
            Type::SmallMoney => (10, 4),
            _ => return None,
        })
    }

    /// Data type precedence; the higher one wins where two types meet.
    pub(crate) fn precedence(self) -> u8 {
        match self {
            Type::Null | Type::Bool => 0,
            Type::Binary(_) => 1,
            Type::VarBinary(_) => 2,
            Type::Char(_) => 3,
            Type::VarChar(_) => 4,
            Type::NChar(_) => 5,
            Type::NVarChar(_) => 6,
            Type::Guid => 7,
            Type::Bit => 10,
            Type::TinyInt => 11,
            Type::SmallInt => 12,
            Type::Int => 13,
            Type::BigInt => 14,
            Type::SmallMoney => 15,
            Type::Money => 16,
            Type::Decimal(..) => 17,
            Type::Real => 18,
            Type::Float => 19,
            Type::Time(_) => 20,
            Type::Date => 21,
            Type::SmallDateTime => 22,
            Type::DateTime => 23,
            Type::DateTime2(_) => 24,
            Type::DateTimeOffset(_) => 25,
            Type::Xml => 26,
            Type::Variant => 27,
            Type::Udt(_) => 28,
        }
    }

    /// SQLite's declared type. Never `INTEGER`: a key of that type would be the rowid, which
    /// replaces NULL by a number.
    pub(crate) fn lite(self) -> &'static str {
        if self.is_text() || self == Type::Guid {
            "TEXT COLLATE CI"
        } else if self.is_float() {
            "REAL"
        } else if self.is_scaled() || self.is_binary() || matches!(self, Type::DateTimeOffset(_)) {
            "BLOB"
        } else {
            "INT"
        }
    }

    /// `max_length` of `sys.columns`: bytes, or -1 for `(max)`.
    pub(crate) fn max_length(self) -> i64 {
        match self {
            Type::Bit | Type::TinyInt => 1,
            Type::SmallInt => 2,
            Type::Int | Type::Real | Type::SmallMoney | Type::SmallDateTime => 4,
            Type::BigInt | Type::Float | Type::Money | Type::DateTime => 8,
            Type::Decimal(p, _) => match p {
                0..=9 => 5,
                10..=19 => 9,
                20..=28 => 13,
                _ => 17,
            },
            Type::Char(n)
            | Type::Binary(n)
            | Type::VarChar(Len::N(n))
            | Type::VarBinary(Len::N(n)) => i64::from(n),
            Type::NChar(n) | Type::NVarChar(Len::N(n)) => 2 * i64::from(n),
            Type::VarChar(Len::Max)
            | Type::NVarChar(Len::Max)
            | Type::VarBinary(Len::Max)
            | Type::Xml => -1,
            Type::Date => 3,
            Type::Time(s) => time_bytes(s) as i64,
            Type::DateTime2(s) => 3 + time_bytes(s) as i64,
            Type::DateTimeOffset(s) => 5 + time_bytes(s) as i64,
            Type::Guid => 16,
            Type::Variant => 8016,
            Type::Udt(_) => -1,
            Type::Null | Type::Bool => 4,
        }
    }

    /// `precision` and `scale` of `sys.columns`.
    pub(crate) fn precision_scale(self) -> (u8, u8) {
        match self {
            Type::Bit => (1, 0),
            Type::TinyInt => (3, 0),
            Type::SmallInt => (5, 0),
            Type::Int => (10, 0),
            Type::BigInt => (19, 0),
            Type::Decimal(p, s) => (p, s),
            Type::Money => (19, 4),
            Type::SmallMoney => (10, 4),
            Type::Real => (24, 0),
            Type::Float => (53, 0),
            Type::Date => (10, 0),
            Type::Time(0) => (8, 0),
            Type::Time(s) => (9 + s, s),
            Type::SmallDateTime => (16, 0),
            Type::DateTime => (23, 3),
            Type::DateTime2(0) => (19, 0),
            Type::DateTime2(s) => (20 + s, s),
            Type::DateTimeOffset(0) => (26, 0),
            Type::DateTimeOffset(s) => (27 + s, s),
            _ => (0, 0),
        }
    }

    /// The bare type name and `system_type_id` of `sys.types`.
    pub(crate) fn name_and_id(self) -> (&'static str, i64) {
        match self {
            Type::Null | Type::Int => ("int", 56),
            Type::Bool | Type::Bit => ("bit", 104),
            Type::TinyInt => ("tinyint", 48),
            Type::SmallInt => ("smallint", 52),
            Type::BigInt => ("bigint", 127),
            Type::Decimal(..) => ("decimal", 106),
            Type::Money => ("money", 60),
            Type::SmallMoney => ("smallmoney", 122),
            Type::Real => ("real", 59),
            Type::Float => ("float", 62),
            Type::Char(_) => ("char", 175),
            Type::VarChar(_) => ("varchar", 167),
            Type::NChar(_) => ("nchar", 239),
            Type::NVarChar(_) => ("nvarchar", 231),
            Type::Binary(_) => ("binary", 173),
            Type::VarBinary(_) => ("varbinary", 165),
            Type::Date => ("date", 40),
            Type::Time(_) => ("time", 41),
            Type::SmallDateTime => ("smalldatetime", 58),
            Type::DateTime => ("datetime", 61),
            Type::DateTime2(_) => ("datetime2", 42),
            Type::DateTimeOffset(_) => ("datetimeoffset", 43),
            Type::Guid => ("uniqueidentifier", 36),
            Type::Xml => ("xml", 241),
            Type::Variant => ("sql_variant", 98),
            Type::Udt(_) => ("geography", 240),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name_and_id().0;
        match self {
            Type::Decimal(p, s) => write!(f, "{name}({p},{s})"),
            Type::Char(n) | Type::NChar(n) | Type::Binary(n) => write!(f, "{name}({n})"),
            Type::VarChar(l) | Type::NVarChar(l) | Type::VarBinary(l) => match l {
                Len::N(n) => write!(f, "{name}({n})"),
                Len::Max => write!(f, "{name}(max)"),
            },
            Type::Time(s) | Type::DateTime2(s) | Type::DateTimeOffset(s) => {
                write!(f, "{name}({s})")
            }
            _ => f.write_str(name),
        }
    }
}

/// Bytes of a time of day on the wire, by scale (MS-TDS §2.2.5.5.1.8).
pub(crate) fn time_bytes(scale: u8) -> usize {
    match scale {
        0..=2 => 3,
        3..=4 => 4,
        _ => 5,
    }
}

/// The symbols on the page "money and smallmoney".
pub(crate) fn currency(c: char) -> bool {
    "$¢£¤¥৲৳฿៛﷼".contains(c) || ('\u{20A0}'..='\u{20B1}').contains(&c)
}
