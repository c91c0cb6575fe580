//! SQL Server's types as the sandbox knows them, and how each value is kept in SQLite.
//!
//! Every expression has a static [`Ty`]. SQLite sees only four representations, chosen so that its
//! own comparison, `ORDER BY` and `MIN`/`MAX` are right without a shim:
//!
//! | SQL Server | SQLite | why |
//! |---|---|---|
//! | bit … bigint | INTEGER | exact |
//! | decimal, numeric, money, smallmoney | BLOB of 16 bytes, big-endian, sign bit flipped | `memcmp` orders it; the scale is in the type |
//! | real, float | REAL | |
//! | date (days since 0001-01-01), time, datetime, datetime2, smalldatetime (100 ns) | INTEGER | exact, ordered |
//! | datetimeoffset | BLOB: UTC ticks, then offset | ordered by instant |
//! | character, uniqueidentifier, xml | TEXT | collation `CI` |
//! | binary | BLOB | |

use std::fmt;

use rusqlite::types::{ToSqlOutput, Value as Lite, ValueRef};

use crate::error::{Error, Result};

/// The length of a variable-length type; `Max` is `(max)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Len {
    /// A length in characters (or bytes, for binary and single-byte types).
    N(u16),
    /// `(max)`.
    Max,
}

/// A SQL Server type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is the T-SQL type of the same name")]
pub enum Ty {
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

/// A value. Which variant stands for which type is the table in the module's documentation.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the variants are SQLite's representations")]
pub enum Val {
    Null,
    Int(i64),
    Dec(i128),
    Float(f64),
    Str(String),
    Bin(Vec<u8>),
    /// UTC ticks and the offset in minutes.
    Offset(i64, i16),
}

/// 100 ns units in a day.
pub const DAY: i64 = 864_000_000_000;

// === impl Ty ===

impl Ty {
    /// Character data of any kind.
    pub fn is_text(self) -> bool {
        matches!(self, Ty::Char(_) | Ty::VarChar(_) | Ty::NChar(_) | Ty::NVarChar(_) | Ty::Xml)
    }

    /// UTF-16 character data.
    pub fn is_unicode(self) -> bool {
        matches!(self, Ty::NChar(_) | Ty::NVarChar(_) | Ty::Xml)
    }

    /// tinyint … bigint and bit.
    pub fn is_int(self) -> bool {
        matches!(self, Ty::Bit | Ty::TinyInt | Ty::SmallInt | Ty::Int | Ty::BigInt)
    }

    /// Kept as a scaled integer: decimal, numeric, money, smallmoney.
    pub fn is_scaled(self) -> bool {
        matches!(self, Ty::Decimal(..) | Ty::Money | Ty::SmallMoney)
    }

    /// real and float.
    pub fn is_float(self) -> bool {
        matches!(self, Ty::Real | Ty::Float)
    }

    /// Any number.
    pub fn is_number(self) -> bool {
        self.is_int() || self.is_scaled() || self.is_float()
    }

    /// binary and varbinary.
    pub fn is_binary(self) -> bool {
        matches!(self, Ty::Binary(_) | Ty::VarBinary(_))
    }

    /// Types with a date or a time of day.
    pub fn is_temporal(self) -> bool {
        matches!(
            self,
            Ty::Date
                | Ty::Time(_)
                | Ty::SmallDateTime
                | Ty::DateTime
                | Ty::DateTime2(_)
                | Ty::DateTimeOffset(_)
        )
    }

    /// Digits after the point of a scaled type.
    pub fn scale(self) -> u8 {
        match self {
            Ty::Decimal(_, s) => s,
            Ty::Money | Ty::SmallMoney => 4,
            _ => 0,
        }
    }

    /// As decimal(p,s), for arithmetic with decimals.
    pub fn as_decimal(self) -> Option<(u8, u8)> {
        Some(match self {
            Ty::Bit => (1, 0),
            Ty::TinyInt => (3, 0),
            Ty::SmallInt => (5, 0),
            Ty::Int => (10, 0),
            Ty::BigInt => (19, 0),
            Ty::Decimal(p, s) => (p, s),
            Ty::Money => (19, 4),
            Ty::SmallMoney => (10, 4),
            _ => return None,
        })
    }

    /// Data type precedence; the higher one wins where two types meet.
    pub fn precedence(self) -> u8 {
        match self {
            Ty::Null | Ty::Bool => 0,
            Ty::Binary(_) => 1,
            Ty::VarBinary(_) => 2,
            Ty::Char(_) => 3,
            Ty::VarChar(_) => 4,
            Ty::NChar(_) => 5,
            Ty::NVarChar(_) => 6,
            Ty::Guid => 7,
            Ty::Bit => 10,
            Ty::TinyInt => 11,
            Ty::SmallInt => 12,
            Ty::Int => 13,
            Ty::BigInt => 14,
            Ty::SmallMoney => 15,
            Ty::Money => 16,
            Ty::Decimal(..) => 17,
            Ty::Real => 18,
            Ty::Float => 19,
            Ty::Time(_) => 20,
            Ty::Date => 21,
            Ty::SmallDateTime => 22,
            Ty::DateTime => 23,
            Ty::DateTime2(_) => 24,
            Ty::DateTimeOffset(_) => 25,
            Ty::Xml => 26,
            Ty::Variant => 27,
            Ty::Udt(_) => 28,
        }
    }

    /// SQLite's declared type. Never `INTEGER`: a key of that type would be the rowid, which
    /// replaces NULL by a number.
    pub fn lite(self) -> &'static str {
        if self.is_text() || self == Ty::Guid {
            "TEXT COLLATE CI"
        } else if self.is_float() {
            "REAL"
        } else if self.is_scaled() || self.is_binary() || matches!(self, Ty::DateTimeOffset(_)) {
            "BLOB"
        } else {
            "INT"
        }
    }

    /// `max_length` of `sys.columns`: bytes, or -1 for `(max)`.
    pub fn max_length(self) -> i64 {
        match self {
            Ty::Bit | Ty::TinyInt => 1,
            Ty::SmallInt => 2,
            Ty::Int | Ty::Real | Ty::SmallMoney | Ty::SmallDateTime => 4,
            Ty::BigInt | Ty::Float | Ty::Money | Ty::DateTime => 8,
            Ty::Decimal(p, _) => match p {
                0..=9 => 5,
                10..=19 => 9,
                20..=28 => 13,
                _ => 17,
            },
            Ty::Char(n) | Ty::Binary(n) | Ty::VarChar(Len::N(n)) | Ty::VarBinary(Len::N(n)) => {
                i64::from(n)
            }
            Ty::NChar(n) | Ty::NVarChar(Len::N(n)) => 2 * i64::from(n),
            Ty::VarChar(Len::Max) | Ty::NVarChar(Len::Max) | Ty::VarBinary(Len::Max) | Ty::Xml => {
                -1
            }
            Ty::Date => 3,
            Ty::Time(s) => time_bytes(s) as i64,
            Ty::DateTime2(s) => 3 + time_bytes(s) as i64,
            Ty::DateTimeOffset(s) => 5 + time_bytes(s) as i64,
            Ty::Guid => 16,
            Ty::Variant => 8016,
            Ty::Udt(_) => -1,
            Ty::Null | Ty::Bool => 4,
        }
    }

    /// `precision` and `scale` of `sys.columns`.
    pub fn precision_scale(self) -> (u8, u8) {
        match self {
            Ty::Bit => (1, 0),
            Ty::TinyInt => (3, 0),
            Ty::SmallInt => (5, 0),
            Ty::Int => (10, 0),
            Ty::BigInt => (19, 0),
            Ty::Decimal(p, s) => (p, s),
            Ty::Money => (19, 4),
            Ty::SmallMoney => (10, 4),
            Ty::Real => (24, 0),
            Ty::Float => (53, 0),
            Ty::Date => (10, 0),
            Ty::Time(0) => (8, 0),
            Ty::Time(s) => (9 + s, s),
            Ty::SmallDateTime => (16, 0),
            Ty::DateTime => (23, 3),
            Ty::DateTime2(0) => (19, 0),
            Ty::DateTime2(s) => (20 + s, s),
            Ty::DateTimeOffset(0) => (26, 0),
            Ty::DateTimeOffset(s) => (27 + s, s),
            _ => (0, 0),
        }
    }

    /// The bare type name and `system_type_id` of `sys.types`.
    pub fn name_and_id(self) -> (&'static str, i64) {
        match self {
            Ty::Null | Ty::Int => ("int", 56),
            Ty::Bool | Ty::Bit => ("bit", 104),
            Ty::TinyInt => ("tinyint", 48),
            Ty::SmallInt => ("smallint", 52),
            Ty::BigInt => ("bigint", 127),
            Ty::Decimal(..) => ("decimal", 106),
            Ty::Money => ("money", 60),
            Ty::SmallMoney => ("smallmoney", 122),
            Ty::Real => ("real", 59),
            Ty::Float => ("float", 62),
            Ty::Char(_) => ("char", 175),
            Ty::VarChar(_) => ("varchar", 167),
            Ty::NChar(_) => ("nchar", 239),
            Ty::NVarChar(_) => ("nvarchar", 231),
            Ty::Binary(_) => ("binary", 173),
            Ty::VarBinary(_) => ("varbinary", 165),
            Ty::Date => ("date", 40),
            Ty::Time(_) => ("time", 41),
            Ty::SmallDateTime => ("smalldatetime", 58),
            Ty::DateTime => ("datetime", 61),
            Ty::DateTime2(_) => ("datetime2", 42),
            Ty::DateTimeOffset(_) => ("datetimeoffset", 43),
            Ty::Guid => ("uniqueidentifier", 36),
            Ty::Xml => ("xml", 241),
            Ty::Variant => ("sql_variant", 98),
            Ty::Udt(_) => ("geography", 240),
        }
    }

    /// From a name and its arguments, as written in a declaration.
    pub fn parse(name: &str, args: &[TyArg]) -> Result<Ty> {
        let n = |i: usize, default: u16| -> u16 {
            match args.get(i) {
                Some(TyArg::N(n)) => *n,
                _ => default,
            }
        };
        let len = |default: u16| match args.first() {
            Some(TyArg::Max) => Len::Max,
            Some(TyArg::N(n)) => Len::N(*n),
            None => Len::N(default),
        };
        let scale = |s: u16| -> Result<u8> {
            u8::try_from(s).ok().filter(|s| *s <= 7).ok_or_else(|| {
                Error::new(1002, 15, format!("Line 1: Specified scale {s} is invalid."))
            })
        };
        let lower = name.to_ascii_lowercase();
        let bytes = match lower.as_str() {
            "char" | "character" | "varchar" | "binary" | "varbinary" => 8000,
            "nchar" | "nvarchar" => 4000,
            "float" => 53,
            _ => u16::MAX,
        };
        match args.first() {
            Some(TyArg::N(0)) if bytes < u16::MAX => {
                return Err(Error::new(
                    1001,
                    15,
                    "Line 1: Length or precision specification 0 is invalid.",
                ));
            }
            Some(TyArg::N(size)) if *size > bytes => {
                return Err(Error::unsupported(format!("{name}({size})")));
            }
            Some(TyArg::Max) if !matches!(lower.as_str(), "varchar" | "nvarchar" | "varbinary") => {
                return Err(Error::unsupported(format!("{name}(max)")));
            }
            _ => {}
        }
        Ok(match lower.as_str() {
            "bit" => Ty::Bit,
            "tinyint" => Ty::TinyInt,
            "smallint" => Ty::SmallInt,
            "int" | "integer" => Ty::Int,
            "bigint" => Ty::BigInt,
            "decimal" | "numeric" | "dec" => {
                let (p, s) = (n(0, 18), n(1, 0));
                if p == 0 || s > p && p <= 38 {
                    return Err(Error::unsupported(format!("{name}({p},{s})")));
                }
                if p > 38 {
                    return Err(Error::new(
                        2750,
                        16,
                        format!(
                            "Column or parameter #1: Specified column precision {p} is greater than the maximum precision of 38."
                        ),
                    ));
                }
                Ty::Decimal(p as u8, s as u8)
            }
            "money" => Ty::Money,
            "smallmoney" => Ty::SmallMoney,
            "real" => Ty::Real,
            "float" if n(0, 53) <= 24 => Ty::Real,
            "float" => Ty::Float,
            "char" | "character" => Ty::Char(n(0, 1)),
            "varchar" => Ty::VarChar(len(1)),
            "nchar" => Ty::NChar(n(0, 1)),
            "nvarchar" => Ty::NVarChar(len(1)),
            "sysname" => Ty::NVarChar(Len::N(128)),
            "binary" => Ty::Binary(n(0, 1)),
            "varbinary" => Ty::VarBinary(len(1)),
            "date" => Ty::Date,
            "time" => Ty::Time(scale(n(0, 7))?),
            "smalldatetime" => Ty::SmallDateTime,
            "datetime" => Ty::DateTime,
            "datetime2" => Ty::DateTime2(scale(n(0, 7))?),
            "datetimeoffset" => Ty::DateTimeOffset(scale(n(0, 7))?),
            "uniqueidentifier" => Ty::Guid,
            "xml" => Ty::Xml,
            "text" | "ntext" | "image" | "rowversion" | "timestamp" | "cursor" | "sql_variant"
            | "geography" | "geometry" | "hierarchyid" | "json" | "vector" => {
                return Err(Error::unsupported(format!("the type {name}")));
            }
            _ => {
                return Err(Error::new(
                    2715,
                    16,
                    format!("Column, parameter, or variable #1: Cannot find data type {name}."),
                ));
            }
        })
    }
}

/// An argument of a type: a number or `max`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TyArg {
    /// `(n)`.
    N(u16),
    /// `(max)`.
    Max,
}

impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name_and_id().0;
        match self {
            Ty::Decimal(p, s) => write!(f, "{name}({p},{s})"),
            Ty::Char(n) | Ty::NChar(n) | Ty::Binary(n) => write!(f, "{name}({n})"),
            Ty::VarChar(l) | Ty::NVarChar(l) | Ty::VarBinary(l) => match l {
                Len::N(n) => write!(f, "{name}({n})"),
                Len::Max => write!(f, "{name}(max)"),
            },
            Ty::Time(s) | Ty::DateTime2(s) | Ty::DateTimeOffset(s) => write!(f, "{name}({s})"),
            _ => f.write_str(name),
        }
    }
}

/// Bytes of a time of day on the wire, by scale (MS-TDS §2.2.5.5.1.8).
pub fn time_bytes(scale: u8) -> usize {
    match scale {
        0..=2 => 3,
        3..=4 => 4,
        _ => 5,
    }
}

// === impl Val ===

impl Val {
    /// From SQLite, read as `ty`.
    pub fn from_lite(value: ValueRef<'_>, ty: Ty) -> Result<Val> {
        Ok(match (value, ty) {
            (ValueRef::Null, _) => Val::Null,
            (ValueRef::Integer(i), t) if t.is_float() => Val::Float(i as f64),
            (ValueRef::Integer(i), _) => Val::Int(i),
            (ValueRef::Real(r), _) => Val::Float(r),
            (ValueRef::Text(t), _) => Val::Str(String::from_utf8_lossy(t).into_owned()),
            (ValueRef::Blob(b), t) if t.is_scaled() => Val::Dec(dec_from_key(b)?),
            (ValueRef::Blob(b), Ty::DateTimeOffset(_)) => {
                let (Some(t), Some(o)) = (b.first_chunk::<8>(), b.get(8..10)) else {
                    return Err(Error::internal("a datetimeoffset of the wrong size"));
                };
                Val::Offset(i64::from_be_bytes(*t), i16::from_be_bytes([o[0], o[1]]))
            }
            (ValueRef::Blob(b), _) => Val::Bin(b.to_vec()),
        })
    }

    /// For SQLite.
    pub fn to_lite(&self) -> Lite {
        match self {
            Val::Null => Lite::Null,
            Val::Int(i) => Lite::Integer(*i),
            Val::Dec(d) => Lite::Blob(dec_key(*d).to_vec()),
            Val::Float(f) => Lite::Real(*f),
            Val::Str(s) => Lite::Text(s.clone()),
            Val::Bin(b) => Lite::Blob(b.clone()),
            Val::Offset(t, o) => {
                let mut b = t.to_be_bytes().to_vec();
                b.extend_from_slice(&o.to_be_bytes());
                Lite::Blob(b)
            }
        }
    }

    /// True for NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Val::Null)
    }
}

impl rusqlite::ToSql for Val {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(self.to_lite()))
    }
}

/// The 16 bytes whose `memcmp` order is the order of the number.
pub fn dec_key(d: i128) -> [u8; 16] {
    (d as u128 ^ (1u128 << 127)).to_be_bytes()
}

/// The inverse of [`dec_key`].
pub fn dec_from_key(b: &[u8]) -> Result<i128> {
    let a: [u8; 16] = b.try_into().map_err(|_| Error::internal("a decimal of the wrong size"))?;
    Ok((u128::from_be_bytes(a) ^ (1u128 << 127)) as i128)
}
