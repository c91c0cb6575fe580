//! Types as declarations write them ("Data types (Transact-SQL)").

use crate::error::{Error, Result};
use crate::messages;
use crate::types::{Len, Type};

/// An argument of a type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum TypeArgument {
    /// A length, a precision or a scale.
    N(u16),
    Max,
}

/// The largest precision of a decimal.
const MOST_DIGITS: u16 = 38;

/// The largest argument of a type whose argument is a length or, for float, a number of bits.
fn largest(name: &str) -> Option<u16> {
    match name {
        "char" | "character" | "varchar" | "binary" | "varbinary" => Some(8000),
        "nchar" | "nvarchar" => Some(4000),
        "float" => Some(53),
        _ => None,
    }
}

/// The arguments of a type, with what stands for those that are not written.
struct Arguments<'a>(&'a [TypeArgument]);

impl Arguments<'_> {
    fn number(&self, position: usize, default: u16) -> u16 {
        match self.0.get(position) {
            Some(TypeArgument::N(n)) => *n,
            _ => default,
        }
    }

    /// 1 without an argument, as in a declaration.
    fn length(&self) -> Len {
        match self.0.first() {
            Some(TypeArgument::Max) => Len::Max,
            Some(TypeArgument::N(n)) => Len::N(*n),
            None => Len::N(1),
        }
    }

    /// The digits of a second.
    fn scale(&self) -> Result<u8> {
        let scale = self.number(0, 7);
        if scale > 7 { Err(messages::invalid_scale(scale)) } else { Ok(scale as u8) }
    }
}

impl Type {
    /// From a name and its arguments, as written in a declaration.
    pub(crate) fn parse(name: &str, args: &[TypeArgument]) -> Result<Type> {
        let lower = name.to_ascii_lowercase();
        check_first(name, &lower, args.first())?;
        let args = Arguments(args);
        Ok(match lower.as_str() {
            "bit" => Type::Bit,
            "tinyint" => Type::TinyInt,
            "smallint" => Type::SmallInt,
            "int" | "integer" => Type::Int,
            "bigint" => Type::BigInt,
            "decimal" | "numeric" | "dec" => {
                let (precision, scale) = (args.number(0, 18), args.number(1, 0));
                if precision == 0 || scale > precision && precision <= MOST_DIGITS {
                    return Err(Error::unsupported(format!("{name}({precision},{scale})")));
                }
                if precision > MOST_DIGITS {
                    return Err(messages::precision_too_large(precision));
                }
                Type::Decimal(precision as u8, scale as u8)
            }
            "money" => Type::Money,
            "smallmoney" => Type::SmallMoney,
            "real" => Type::Real,
            "float" if args.number(0, 53) <= 24 => Type::Real,
            "float" => Type::Float,
            "char" | "character" => Type::Char(args.number(0, 1)),
            "varchar" => Type::VarChar(args.length()),
            "nchar" => Type::NChar(args.number(0, 1)),
            "nvarchar" => Type::NVarChar(args.length()),
            "sysname" => Type::NVarChar(Len::N(128)),
            "binary" => Type::Binary(args.number(0, 1)),
            "varbinary" => Type::VarBinary(args.length()),
            "date" => Type::Date,
            "time" => Type::Time(args.scale()?),
            "smalldatetime" => Type::SmallDateTime,
            "datetime" => Type::DateTime,
            "datetime2" => Type::DateTime2(args.scale()?),
            "datetimeoffset" => Type::DateTimeOffset(args.scale()?),
            "uniqueidentifier" => Type::Guid,
            "xml" => Type::Xml,
            "text" | "ntext" | "image" | "rowversion" | "timestamp" | "cursor" | "sql_variant"
            | "geography" | "geometry" | "hierarchyid" | "json" | "vector" => {
                return Err(Error::unsupported(format!("the type {name}")));
            }
            _ => return Err(messages::no_such_type(name)),
        })
    }
}

/// Refuses a first argument that the type cannot have.
fn check_first(name: &str, lower: &str, argument: Option<&TypeArgument>) -> Result<()> {
    match (argument, largest(lower)) {
        (Some(TypeArgument::N(0)), Some(_)) => Err(messages::length_of_zero()),
        (Some(TypeArgument::N(n)), Some(most)) if *n > most => {
            Err(Error::unsupported(format!("{name}({n})")))
        }
        (Some(TypeArgument::Max), _) if !matches!(lower, "varchar" | "nvarchar" | "varbinary") => {
            Err(Error::unsupported(format!("{name}(max)")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TypeArgument::{Max, N};

    #[test]
    fn what_is_not_written_has_its_default() {
        assert_eq!(Type::parse("Decimal", &[]), Ok(Type::Decimal(18, 0)));
        assert_eq!(Type::parse("varchar", &[]), Ok(Type::VarChar(Len::N(1))));
        assert_eq!(Type::parse("time", &[]), Ok(Type::Time(7)));
        assert_eq!(Type::parse("FLOAT", &[N(24)]), Ok(Type::Real));
        assert_eq!(Type::parse("float", &[N(25)]), Ok(Type::Float));
        assert_eq!(Type::parse("sysname", &[]), Ok(Type::NVarChar(Len::N(128))));
    }

    #[test]
    fn sizes_have_bounds() {
        let number = |name: &str, args: &[TypeArgument]| {
            Type::parse(name, args).map_err(|e| e.number).expect_err("a refusal")
        };
        assert_eq!(number("nvarchar", &[N(0)]), 1001);
        assert_eq!(number("datetime2", &[N(8)]), 1002);
        assert_eq!(number("decimal", &[N(39), N(0)]), 2750);
        assert_eq!(number("nosuch", &[]), 2715);
        for (name, args) in [
            ("nvarchar", vec![N(4001)]),
            ("char", vec![Max]),
            ("decimal", vec![N(5), N(6)]),
            ("geography", vec![]),
        ] {
            assert!(Type::parse(name, &args).is_err_and(|e| e.is_unsupported()), "{name}");
        }
        assert_eq!(Type::parse("nvarchar", &[N(4000)]), Ok(Type::NVarChar(Len::N(4000))));
        assert_eq!(Type::parse("varbinary", &[Max]), Ok(Type::VarBinary(Len::Max)));
    }
}
