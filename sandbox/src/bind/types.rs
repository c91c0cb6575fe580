//! The type two operands meet in, and which conversions change nothing.

use crate::types::{Len, Type};

/// The type two operands meet in ("Data type precedence", "Precision, scale, and length").
pub(super) fn common(a: Type, b: Type) -> Type {
    if a == b || b == Type::Null {
        return a;
    }
    if a == Type::Null {
        return b;
    }
    let (high, low) = if a.precedence() >= b.precedence() { (a, b) } else { (b, a) };
    match high {
        Type::Decimal(p, s) => match low.as_decimal() {
            Some((p2, s2)) => {
                let scale = s.max(s2);
                let whole = (p - s).max(p2 - s2);
                Type::Decimal((whole + scale).min(38), scale.min(38 - whole.min(38)))
            }
            None => high,
        },
        Type::NVarChar(_) | Type::NChar(_) => {
            Type::NVarChar(longer(characters(high), characters(low), 4000))
        }
        Type::VarChar(_) | Type::Char(_) => {
            Type::VarChar(longer(characters(high), characters(low), 8000))
        }
        Type::VarBinary(_) | Type::Binary(_) => {
            Type::VarBinary(longer(high.max_length(), low.max_length(), 8000))
        }
        Type::DateTime2(s) => match low {
            Type::DateTime2(s2) | Type::Time(s2) => Type::DateTime2(s.max(s2)),
            Type::DateTime => Type::DateTime2(7),
            _ => high,
        },
        Type::DateTimeOffset(s) => match low {
            Type::DateTimeOffset(s2) | Type::DateTime2(s2) | Type::Time(s2) => {
                Type::DateTimeOffset(s.max(s2))
            }
            Type::DateTime => Type::DateTimeOffset(7),
            _ => high,
        },
        Type::Time(s) => match low {
            Type::Time(s2) => Type::Time(s.max(s2)),
            _ => high,
        },
        _ => high,
    }
}

/// What all of them meet in; NULL where all are.
pub(super) fn common_of(types: impl IntoIterator<Item = Type>) -> Type {
    types.into_iter().fold(Type::Null, common)
}

/// -1 for a (max).
pub(super) fn characters(ty: Type) -> i64 {
    match ty.max_length() {
        -1 => -1,
        bytes if ty.is_unicode() => bytes / 2,
        bytes => bytes,
    }
}

fn longer(a: i64, b: i64, most: u16) -> Len {
    if a == -1 || b == -1 { Len::Max } else { Len::N(a.max(b).min(i64::from(most)) as u16) }
}

/// Whether a column of type `to` takes a value as it is.
pub(super) fn is_assignable(from: Type, to: Type) -> bool {
    from == to || from.is_int() && to.is_int() && to.precedence() >= from.precedence()
}

/// Whether a value looks different in another type, or may not fit it.
pub(super) fn needs_conversion(from: Type, to: Type) -> bool {
    if from == Type::Null || to == Type::Null || is_assignable(from, to) {
        return false;
    }
    !match (from, to) {
        (Type::Real, Type::Float) | (Type::SmallMoney, Type::Money) => true,
        (Type::SmallDateTime, Type::DateTime | Type::DateTime2(_)) => true,
        (Type::DateTime2(a), Type::DateTime2(b)) => a <= b,
        (Type::VarChar(_) | Type::Char(_), Type::VarChar(Len::Max) | Type::NVarChar(Len::Max))
        | (Type::NVarChar(_) | Type::NChar(_), Type::NVarChar(Len::Max)) => true,
        (
            Type::VarChar(Len::N(a)) | Type::Char(a),
            Type::VarChar(Len::N(b)) | Type::NVarChar(Len::N(b)),
        )
        | (Type::NVarChar(Len::N(a)) | Type::NChar(a), Type::NVarChar(Len::N(b)))
        | (Type::VarBinary(Len::N(a)) | Type::Binary(a), Type::VarBinary(Len::N(b))) => a <= b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_type_is_the_same_both_ways() {
        let cases = [
            (Type::Null, Type::Int, Type::Int),
            (Type::Int, Type::BigInt, Type::BigInt),
            (Type::Int, Type::VarChar(Len::N(5)), Type::Int),
            (Type::Int, Type::Decimal(5, 2), Type::Decimal(12, 2)),
            (Type::Decimal(10, 4), Type::Decimal(8, 0), Type::Decimal(12, 4)),
            (Type::Decimal(38, 0), Type::Decimal(38, 38), Type::Decimal(38, 0)),
            (Type::Decimal(5, 2), Type::Float, Type::Float),
            (Type::VarChar(Len::N(5)), Type::VarChar(Len::N(9)), Type::VarChar(Len::N(9))),
            (Type::VarChar(Len::N(5)), Type::NVarChar(Len::N(2)), Type::NVarChar(Len::N(5))),
            (Type::VarChar(Len::N(8000)), Type::NChar(2), Type::NVarChar(Len::N(4000))),
            (Type::Char(5), Type::VarChar(Len::Max), Type::VarChar(Len::Max)),
            (Type::Binary(4), Type::VarBinary(Len::N(2)), Type::VarBinary(Len::N(4))),
            (Type::DateTime, Type::DateTime2(3), Type::DateTime2(7)),
            (Type::DateTime2(3), Type::DateTime2(5), Type::DateTime2(5)),
            (Type::Time(5), Type::DateTime2(3), Type::DateTime2(5)),
            (Type::Time(1), Type::Time(4), Type::Time(4)),
            (Type::Time(1), Type::Date, Type::Date),
            (Type::DateTime, Type::DateTimeOffset(0), Type::DateTimeOffset(7)),
            (Type::DateTime2(2), Type::DateTimeOffset(1), Type::DateTimeOffset(2)),
            (Type::Date, Type::DateTime, Type::DateTime),
        ];
        for (a, b, expected) in cases {
            assert_eq!(common(a, b), expected, "{a} and {b}");
            assert_eq!(common(b, a), expected, "{b} and {a}");
        }
        assert_eq!(common_of([]), Type::Null);
        assert_eq!(common_of([Type::Null, Type::Bit, Type::Int]), Type::Int);
    }

    #[test]
    fn only_what_could_change_is_converted() {
        let free = [
            (Type::TinyInt, Type::Int),
            (Type::Null, Type::Int),
            (Type::Real, Type::Float),
            (Type::SmallMoney, Type::Money),
            (Type::Char(5), Type::VarChar(Len::N(5))),
            (Type::VarChar(Len::N(5)), Type::NVarChar(Len::N(5))),
            (Type::VarChar(Len::N(5)), Type::NVarChar(Len::Max)),
            (Type::NChar(5), Type::NVarChar(Len::N(6))),
            (Type::Binary(2), Type::VarBinary(Len::N(2))),
            (Type::DateTime2(3), Type::DateTime2(7)),
            (Type::SmallDateTime, Type::DateTime),
        ];
        for (from, to) in free {
            assert!(!needs_conversion(from, to), "{from} to {to}");
        }
        let converted = [
            (Type::Int, Type::TinyInt),
            (Type::Float, Type::Real),
            (Type::Int, Type::Decimal(10, 0)),
            (Type::VarChar(Len::N(6)), Type::VarChar(Len::N(5))),
            (Type::NVarChar(Len::N(5)), Type::VarChar(Len::N(5))),
            (Type::VarChar(Len::Max), Type::VarChar(Len::N(5))),
            (Type::VarChar(Len::N(5)), Type::Char(5)),
            (Type::VarBinary(Len::N(3)), Type::VarBinary(Len::N(2))),
            (Type::DateTime2(7), Type::DateTime2(3)),
            (Type::DateTime, Type::DateTime2(7)),
            (Type::Decimal(5, 2), Type::Decimal(6, 2)),
        ];
        for (from, to) in converted {
            assert!(needs_conversion(from, to), "{from} to {to}");
        }
    }
}
