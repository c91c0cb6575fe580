//! SQL Server's types, as a file names them and as a parameter is declared.

use std::fmt;

/// A type that a parameter may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SqlType {
    /// `tinyint`
    TinyInt,
    /// `smallint`
    SmallInt,
    /// `int`
    Int,
    /// `bigint`
    BigInt,
    /// `bit`
    Bit,
    /// `decimal(precision, scale)`, also written `numeric`
    Decimal(u8, u8),
    /// `money`
    Money,
    /// `smallmoney`
    SmallMoney,
    /// `float`
    Float,
    /// `real`
    Real,
    /// `char(n)`
    Char(u16),
    /// `varchar(n)`; none is `max`
    VarChar(Option<u16>),
    /// `nchar(n)`
    NChar(u16),
    /// `nvarchar(n)`; none is `max`
    NVarChar(Option<u16>),
    /// `date`
    Date,
    /// `time(digits)`
    Time(u8),
    /// `datetime`
    DateTime,
    /// `datetime2(digits)`
    DateTime2(u8),
    /// `smalldatetime`
    SmallDateTime,
    /// `datetimeoffset(digits)`
    DateTimeOffset(u8),
    /// `uniqueidentifier`
    UniqueIdentifier,
    /// `binary(n)`
    Binary(u16),
    /// `varbinary(n)`; none is `max`
    VarBinary(Option<u16>),
    /// `xml`
    Xml,
    /// `list of TYPE`: a JSON array, declared as `nvarchar(max)` for OPENJSON
    List(Box<SqlType>),
}

impl SqlType {
    /// Reads a type as a file names it; the error says how it is written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim().to_ascii_lowercase();
        if let Some(of) = text.strip_prefix("list of ") {
            return match Self::parse(of)? {
                Self::List(_) => Err("a list of lists cannot be bound".to_owned()),
                Self::Binary(_) | Self::VarBinary(_) | Self::Xml => {
                    Err(format!("a list of {} cannot be bound", of.trim()))
                }
                of => Ok(Self::List(Box::new(of))),
            };
        }
        let (name, arguments) = match text.split_once('(') {
            None => (text.as_str(), None),
            Some((name, rest)) => match rest.strip_suffix(')') {
                Some(inside) => (name.trim_end(), Some(inside)),
                None => return Err("its bracket is not closed".to_owned()),
            },
        };
        let arguments: Vec<&str> =
            arguments.map_or(Vec::new(), |a| a.split(',').map(str::trim).collect());
        Self::named(name, &arguments)
    }

    fn named(name: &str, arguments: &[&str]) -> Result<Self, String> {
        let plain = match name {
            "tinyint" => Some(Self::TinyInt),
            "smallint" => Some(Self::SmallInt),
            "int" => Some(Self::Int),
            "bigint" => Some(Self::BigInt),
            "bit" => Some(Self::Bit),
            "money" => Some(Self::Money),
            "smallmoney" => Some(Self::SmallMoney),
            "float" => Some(Self::Float),
            "real" => Some(Self::Real),
            "date" => Some(Self::Date),
            "datetime" => Some(Self::DateTime),
            "smalldatetime" => Some(Self::SmallDateTime),
            "uniqueidentifier" => Some(Self::UniqueIdentifier),
            "xml" => Some(Self::Xml),
            _ => None,
        };
        if let Some(plain) = plain {
            return match arguments {
                [] => Ok(plain),
                _ => Err(format!("{name} takes no number")),
            };
        }
        match name {
            "decimal" | "numeric" => decimal(name, arguments),
            "char" => length(name, arguments, 8000, false).map(|n| Self::Char(n.unwrap_or(1))),
            "varchar" => length(name, arguments, 8000, true).map(Self::VarChar),
            "nchar" => length(name, arguments, 4000, false).map(|n| Self::NChar(n.unwrap_or(1))),
            "nvarchar" => length(name, arguments, 4000, true).map(Self::NVarChar),
            "binary" => length(name, arguments, 8000, false).map(|n| Self::Binary(n.unwrap_or(1))),
            "varbinary" => length(name, arguments, 8000, true).map(Self::VarBinary),
            "time" => digits(name, arguments).map(Self::Time),
            "datetime2" => digits(name, arguments).map(Self::DateTime2),
            "datetimeoffset" => digits(name, arguments).map(Self::DateTimeOffset),
            _ => Err("this is none of tinyint, smallint, int, bigint, bit, decimal(p,s), money, \
                      smallmoney, float, real, char(n), varchar(n), nchar(n), nvarchar(n), date, \
                      time, datetime, datetime2, smalldatetime, datetimeoffset, uniqueidentifier, \
                      binary(n), varbinary(n), xml, or \"list of\" one of them"
                .to_owned()),
        }
    }

    /// Do its values have an order that `min` and `max` can be held against?
    pub(crate) fn is_ordered(&self) -> bool {
        !self.is_text()
            && !matches!(
                self,
                Self::Bit
                    | Self::UniqueIdentifier
                    | Self::Binary(_)
                    | Self::VarBinary(_)
                    | Self::DateTimeOffset(_)
                    | Self::List(_)
            )
    }

    /// Are its values any text?
    pub(crate) fn is_text(&self) -> bool {
        matches!(
            self,
            Self::Char(_) | Self::VarChar(_) | Self::NChar(_) | Self::NVarChar(_) | Self::Xml
        )
    }

    /// The smallest and largest of a whole number.
    pub(crate) fn range(&self) -> Option<(i64, i64)> {
        Some(match self {
            Self::TinyInt => (0, 255),
            Self::SmallInt => (i16::MIN.into(), i16::MAX.into()),
            Self::Int => (i32::MIN.into(), i32::MAX.into()),
            Self::BigInt => (i64::MIN, i64::MAX),
            _ => return None,
        })
    }

    /// What a value is checked as: itself, or what it is a list of.
    pub(crate) fn item(&self) -> &Self {
        match self {
            Self::List(of) => of,
            one => one,
        }
    }
}

/// As it is declared. Nothing of a file's own spelling is left in it.
impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let long = |f: &mut fmt::Formatter<'_>, name: &str, n: &Option<u16>| match n {
            Some(n) => write!(f, "{name}({n})"),
            None => write!(f, "{name}(max)"),
        };
        match self {
            Self::TinyInt => f.write_str("tinyint"),
            Self::SmallInt => f.write_str("smallint"),
            Self::Int => f.write_str("int"),
            Self::BigInt => f.write_str("bigint"),
            Self::Bit => f.write_str("bit"),
            Self::Decimal(p, s) => write!(f, "decimal({p},{s})"),
            Self::Money => f.write_str("money"),
            Self::SmallMoney => f.write_str("smallmoney"),
            Self::Float => f.write_str("float"),
            Self::Real => f.write_str("real"),
            Self::Char(n) => write!(f, "char({n})"),
            Self::VarChar(n) => long(f, "varchar", n),
            Self::NChar(n) => write!(f, "nchar({n})"),
            Self::NVarChar(n) => long(f, "nvarchar", n),
            Self::Date => f.write_str("date"),
            Self::Time(n) => write!(f, "time({n})"),
            Self::DateTime => f.write_str("datetime"),
            Self::DateTime2(n) => write!(f, "datetime2({n})"),
            Self::SmallDateTime => f.write_str("smalldatetime"),
            Self::DateTimeOffset(n) => write!(f, "datetimeoffset({n})"),
            Self::UniqueIdentifier => f.write_str("uniqueidentifier"),
            Self::Binary(n) => write!(f, "binary({n})"),
            Self::VarBinary(n) => long(f, "varbinary", n),
            Self::Xml => f.write_str("xml"),
            Self::List(_) => f.write_str("nvarchar(max)"),
        }
    }
}

impl serde::Serialize for SqlType {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::List(of) => s.collect_str(&format_args!("list of {of}")),
            one => s.collect_str(one),
        }
    }
}

fn decimal(name: &str, arguments: &[&str]) -> Result<SqlType, String> {
    let wrong = || {
        format!(
            "{name} takes how many digits it has (1 to 38), and how many of them behind the point: {name}(10,2)"
        )
    };
    let (p, s) = match arguments {
        [p] => (p.parse().ok(), Some(0)),
        [p, s] => (p.parse().ok(), s.parse().ok()),
        _ => return Err(wrong()),
    };
    match (p, s) {
        (Some(p @ 1..=38), Some(s)) if s <= p => Ok(SqlType::Decimal(p, s)),
        _ => Err(wrong()),
    }
}

/// Without a length, `varchar` is declared as one letter, and every value is cut to it.
fn length(
    name: &str,
    arguments: &[&str],
    most: u16,
    may_be_max: bool,
) -> Result<Option<u16>, String> {
    match arguments {
        ["max"] if may_be_max => Ok(None),
        [n] if n.parse().is_ok_and(|n: u16| (1..=most).contains(&n)) => Ok(n.parse().ok()),
        _ if may_be_max => Err(format!(
            "{name} takes a length: {name}(100), at most {name}({most}), or {name}(max)"
        )),
        _ => Err(format!("{name} takes a length: {name}(10), at most {name}({most})")),
    }
}

fn digits(name: &str, arguments: &[&str]) -> Result<u8, String> {
    match arguments {
        [] => Ok(7),
        [n] if n.parse().is_ok_and(|n: u8| n <= 7) => n.parse().map_err(|_| String::new()),
        _ => Err(format!("{name} takes how many digits its seconds have, 0 to 7: {name}(3)")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_and_declared() {
        for (written, declared) in [
            ("int", "int"),
            (" Decimal( 10 , 2 ) ", "decimal(10,2)"),
            ("numeric(5)", "decimal(5,0)"),
            ("nvarchar(MAX)", "nvarchar(max)"),
            ("varchar (20)", "varchar(20)"),
            ("time", "time(7)"),
            ("datetimeoffset(0)", "datetimeoffset(0)"),
            ("list of int", "nvarchar(max)"),
        ] {
            let ty = SqlType::parse(written).expect(written);
            assert_eq!(ty.to_string(), declared);
        }
        for wrong in [
            "text",
            "int(4)",
            "varchar",
            "varchar(0)",
            "varchar(8001)",
            "nvarchar(4001)",
            "char(max)",
            "decimal",
            "decimal(39,0)",
            "decimal(5,6)",
            "time(8)",
            "int; DROP TABLE t",
            "int)",
            "decimal(1,2,3)",
            "list of list of int",
            "list of xml",
            "nvarchar(1) = N'x' OUTPUT, @b int",
            "",
            "sql_variant",
        ] {
            assert!(SqlType::parse(wrong).is_err(), "{wrong}");
        }
    }
}
