//! The type that a parameter is sent as, and which one that is for a declaration.

/// What a parameter is sent as. SQL Server converts it to what the text declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParamType {
    /// 0 or 1 (BITNTYPE of one byte).
    Bit,
    /// From 0 to 255 (INTNTYPE of one byte).
    TinyInt,
    /// Whole numbers in two bytes.
    SmallInt,
    /// Whole numbers in four bytes.
    Int,
    /// Whole numbers in eight bytes.
    BigInt,
    /// Four bytes, IEEE 754.
    Real,
    /// Eight bytes, IEEE 754.
    Float,
    /// Digits, and how many of them are behind the point.
    Decimal {
        /// From 1 to 38.
        precision: u8,
        /// Up to the precision.
        scale: u8,
    },
    /// Four bytes, in units of 1/10,000.
    SmallMoney,
    /// Eight bytes, in units of 1/10,000.
    Money,
    /// A day from 0001-01-01 to 9999-12-31.
    Date,
    /// A time of day, with digits of fractions of a second.
    Time(u8),
    /// Day and time, with digits of fractions of a second.
    DateTime2(u8),
    /// Day, time and offset from UTC, with digits of fractions of a second.
    DateTimeOffset(u8),
    /// Day and time in 1/300 s.
    DateTime,
    /// Day and minute, from 1900 to June 2079.
    SmallDateTime,
    /// Sixteen bytes, given as text of five groups.
    UniqueIdentifier,
    /// UTF-16, also for types in a code page; longer texts go as nvarchar(max).
    NVarChar,
    /// UTF-16 of any length.
    NVarCharMax,
    /// Bytes; more than 8,000 go as varbinary(max).
    VarBinary,
    /// Bytes, of any number.
    VarBinaryMax,
}

// === impl ParamType ===

impl ParamType {
    /// What a parameter of a declared type is sent as: `decimal(10,2)`, `varchar(max)`,
    /// `datetime2`. None for what is no type of a parameter.
    pub fn parse(declared: &str) -> Option<Self> {
        let lower = declared.trim().to_ascii_lowercase();
        let (name, arguments) = match lower.split_once('(') {
            None => (lower.as_str(), Vec::new()),
            Some((name, rest)) => {
                let inner = rest.strip_suffix(')')?;
                (name.trim_end(), inner.split(',').map(str::trim).collect())
            }
        };
        let number = |n: usize, default: u8| match arguments.get(n) {
            None => Some(default),
            Some(text) => text.parse().ok(),
        };
        let max = arguments.first() == Some(&"max");
        let seconds = || number(0, 7).filter(|s| *s <= 7);
        Some(match name {
            "bit" => ParamType::Bit,
            "tinyint" => ParamType::TinyInt,
            "smallint" => ParamType::SmallInt,
            "int" | "integer" => ParamType::Int,
            "bigint" => ParamType::BigInt,
            "real" => ParamType::Real,
            "float" | "double precision" => match number(0, 53)? {
                1..=24 => ParamType::Real,
                25..=53 => ParamType::Float,
                _ => return None,
            },
            "decimal" | "dec" | "numeric" => {
                let (precision, scale) = (number(0, 18)?, number(1, 0)?);
                if !(1..=38).contains(&precision) || scale > precision {
                    return None;
                }
                ParamType::Decimal { precision, scale }
            }
            "smallmoney" => ParamType::SmallMoney,
            "money" => ParamType::Money,
            "date" => ParamType::Date,
            "time" => ParamType::Time(seconds()?),
            "datetime2" => ParamType::DateTime2(seconds()?),
            "datetimeoffset" => ParamType::DateTimeOffset(seconds()?),
            "datetime" => ParamType::DateTime,
            "smalldatetime" => ParamType::SmallDateTime,
            "uniqueidentifier" => ParamType::UniqueIdentifier,
            "xml" | "json" => ParamType::NVarCharMax,
            "char" | "varchar" | "nchar" | "nvarchar" if max => ParamType::NVarCharMax,
            "char" | "varchar" | "nchar" | "nvarchar" | "sysname" | "sql_variant" => {
                ParamType::NVarChar
            }
            "binary" | "varbinary" if max => ParamType::VarBinaryMax,
            "binary" | "varbinary" => ParamType::VarBinary,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::ParamType as T;

    #[test]
    fn declarations_have_a_type_on_the_wire() {
        for (declared, ty) in [
            ("int", Some(T::Int)),
            (" DECIMAL ( 10 , 2 ) ", Some(T::Decimal { precision: 10, scale: 2 })),
            ("numeric", Some(T::Decimal { precision: 18, scale: 0 })),
            ("decimal(39,0)", None),
            ("decimal(5,6)", None),
            ("float(24)", Some(T::Real)),
            ("float", Some(T::Float)),
            ("varchar(max)", Some(T::NVarCharMax)),
            ("char(5)", Some(T::NVarChar)),
            ("datetime2", Some(T::DateTime2(7))),
            ("time(0)", Some(T::Time(0))),
            ("time(8)", None),
            ("varbinary(max)", Some(T::VarBinaryMax)),
            ("xml", Some(T::NVarCharMax)),
            ("table", None),
            ("int)", None),
            ("decimal(a)", None),
        ] {
            assert_eq!(T::parse(declared), ty, "{declared}");
        }
    }
}
