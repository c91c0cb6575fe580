//! Columns, and what their T-SQL types make of the texts in them.

use serde::{Deserialize, Serialize};

/// A column of a result set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// As the result set has it: it may be empty, and several may have the same.
    pub name: String,
    /// The T-SQL type as it is declared, `decimal(10,2)`. One that is not known is a text.
    #[serde(rename = "type")]
    pub sql_type: String,
}

/// What the values of a column are compared, counted and written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// tinyint, smallint, int and bigint, by their bits.
    Int(u8),
    /// decimal and numeric; money and smallmoney, which have four digits behind the point.
    Decimal {
        precision: u8,
        scale: u8,
    },
    Real,
    Float,
    Bit,
    Date,
    Time {
        scale: u8,
    },
    /// datetime, smalldatetime and datetime2.
    Moment {
        scale: u8,
    },
    /// datetimeoffset.
    Offset {
        scale: u8,
    },
    Guid,
    Binary,
    Text,
    /// sql_variant, vector and what else has no order of its own: compared as texts.
    Other,
}

// === impl Column ===

impl Column {
    /// A column of this name and T-SQL type.
    pub fn new(name: impl Into<String>, sql_type: impl Into<String>) -> Self {
        Self { name: name.into(), sql_type: sql_type.into() }
    }

    pub(crate) fn kind(&self) -> Kind {
        Kind::of(&self.sql_type)
    }
}

// === impl Kind ===

impl Kind {
    pub(crate) fn of(sql_type: &str) -> Self {
        let (name, inner) = sql_type.split_once('(').unwrap_or((sql_type, ""));
        let mut numbers = inner.trim_end_matches(')').split(',').map(|n| n.trim().parse::<u8>());
        let mut number = |or: u8| numbers.next().and_then(Result::ok).unwrap_or(or);
        match name.trim().to_ascii_lowercase().as_str() {
            "tinyint" => Self::Int(8),
            "smallint" => Self::Int(16),
            "int" => Self::Int(32),
            "bigint" => Self::Int(64),
            "decimal" | "numeric" => {
                let precision = number(18).clamp(1, 38);
                Self::Decimal { precision, scale: number(0).min(precision) }
            }
            "money" => Self::Decimal { precision: 19, scale: 4 },
            "smallmoney" => Self::Decimal { precision: 10, scale: 4 },
            "real" => Self::Real,
            "float" => Self::Float,
            "bit" => Self::Bit,
            "date" => Self::Date,
            "time" => Self::Time { scale: number(7).min(7) },
            "smalldatetime" => Self::Moment { scale: 0 },
            "datetime" => Self::Moment { scale: 3 },
            "datetime2" => Self::Moment { scale: number(7).min(7) },
            "datetimeoffset" => Self::Offset { scale: number(7).min(7) },
            "uniqueidentifier" => Self::Guid,
            "binary" | "varbinary" | "image" | "timestamp" | "rowversion" => Self::Binary,
            "sql_variant" | "vector" => Self::Other,
            _ => Self::Text,
        }
    }

    /// Numbers whose sum has no rounding.
    pub(crate) fn is_exact(self) -> bool {
        matches!(self, Self::Int(_) | Self::Decimal { .. })
    }

    pub(crate) fn is_number(self) -> bool {
        self.is_exact() || matches!(self, Self::Real | Self::Float)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_as_they_are_declared() {
        for (declared, kind) in [
            ("decimal(10,2)", Kind::Decimal { precision: 10, scale: 2 }),
            ("numeric(38, 38)", Kind::Decimal { precision: 38, scale: 38 }),
            ("decimal", Kind::Decimal { precision: 18, scale: 0 }),
            ("bigint", Kind::Int(64)),
            ("datetime2(3)", Kind::Moment { scale: 3 }),
            ("datetimeoffset", Kind::Offset { scale: 7 }),
            ("nvarchar(max)", Kind::Text),
            ("varbinary(max)", Kind::Binary),
            ("geography", Kind::Text),
            ("", Kind::Text),
        ] {
            assert_eq!(Kind::of(declared), kind, "{declared}");
        }
    }
}
