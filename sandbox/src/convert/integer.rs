//! To bit, tinyint, smallint, int and bigint.

use super::exact::is_doubtful;
use super::missing;
use super::text::without_blanks;
use crate::calendar::DAYS_1900;
use crate::decimal;
use crate::error::{Error, Result};
use crate::messages;
use crate::types::{DAY, Type, Value};

/// What a type holds.
fn range(ty: Type) -> std::ops::RangeInclusive<i64> {
    match ty {
        Type::TinyInt => 0..=255,
        Type::SmallInt => i64::from(i16::MIN)..=i64::from(i16::MAX),
        Type::Int => i64::from(i32::MIN)..=i64::from(i32::MAX),
        _ => i64::MIN..=i64::MAX,
    }
}

/// Refuses an integer that `ty` cannot hold: 8115, or for the small ones 220 where that is asked.
pub(crate) fn fit_int(n: i64, ty: Type, overflow_220: bool) -> Result<i64> {
    if range(ty).contains(&n) {
        return Ok(n);
    }
    let name = ty.name_and_id().0;
    if overflow_220 && matches!(ty, Type::TinyInt | Type::SmallInt) {
        return Err(messages::small_integer_overflow(name, n));
    }
    Err(Error { state: 2, ..Error::overflow(name) })
}

pub(super) fn to_int(value: Value, from: Type, to: Type) -> Result<Value> {
    if to == Type::Bit {
        return to_bit(&value, from);
    }
    let overflow = || Error::overflow(to.name_and_id().0);
    let n = match &value {
        // A datetime is the number of its days, rounded.
        Value::Int(ticks) if from.is_temporal() => (ticks + DAY / 2).div_euclid(DAY) - DAYS_1900,
        Value::Int(n) => *n,
        Value::Dec(d) => whole(*d, from, to)?,
        Value::Float(f) => whole_float(*f).ok_or_else(overflow)?,
        Value::Str(text) => return text_to_int(text, from, to),
        Value::Bin(data) => {
            // The last bytes, as many as the type has.
            let last = &data[data.len().saturating_sub(8)..];
            let bits = last.iter().fold(0u64, |all, b| all << 8 | u64::from(*b));
            match to {
                Type::Int => i64::from(bits as i32),
                Type::SmallInt => i64::from(bits as i16),
                Type::TinyInt => i64::from(bits as u8),
                _ => bits as i64,
            }
        }
        _ => return Err(missing(from, to)),
    };
    fit_int(n, to, from.is_int()).map(Value::Int)
}

/// Money is rounded, and a decimal is cut.
fn whole(d: i128, from: Type, to: Type) -> Result<i64> {
    let whole = if matches!(from, Type::Money | Type::SmallMoney) {
        decimal::rescale(d, 4, 0)?
    } else {
        d / decimal::pow10(u32::from(from.scale()))?
    };
    i64::try_from(whole).map_err(|_| Error::overflow(to.name_and_id().0))
}

/// A float is cut; none when no integer holds it.
fn whole_float(f: f64) -> Option<i64> {
    (f.is_finite() && f.abs() < 9_223_372_036_854_775_807.0).then(|| f.trunc() as i64)
}

fn to_bit(value: &Value, from: Type) -> Result<Value> {
    let overflow = || Error::overflow("bit");
    let is_one = match value {
        Value::Int(n) if !from.is_temporal() => *n != 0,
        Value::Dec(d) => whole(*d, from, Type::Bit).map(|_| *d != 0)?,
        Value::Float(f) => whole_float(*f).map(|_| *f != 0.0).ok_or_else(overflow)?,
        Value::Str(text) => return text_to_bit(text, from),
        _ => return Err(missing(from, Type::Bit)),
    };
    Ok(Value::Int(i64::from(is_one)))
}

/// The digits behind a sign, if there is nothing else.
fn plain_digits(text: &str) -> Option<&str> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

fn unsure(text: &str, to: Type) -> Error {
    Error::unsupported(format!("the conversion of '{text}' to {to}"))
}

fn text_to_bit(text: &str, from: Type) -> Result<Value> {
    let trimmed = without_blanks(text);
    match (trimmed.to_ascii_lowercase().as_str(), plain_digits(trimmed)) {
        ("true", _) => Ok(Value::Int(1)),
        ("false", _) => Ok(Value::Int(0)),
        (_, Some(digits)) => Ok(Value::Int(i64::from(digits.bytes().any(|b| b != b'0')))),
        _ if trimmed.is_empty() || is_doubtful(trimmed) => Err(unsure(text, Type::Bit)),
        _ => Err(bad_text(text, from, Type::Bit)),
    }
}

fn text_to_int(text: &str, from: Type, to: Type) -> Result<Value> {
    let trimmed = without_blanks(text);
    if trimmed.is_empty() {
        return Ok(Value::Int(0));
    }
    if plain_digits(trimmed).is_none() {
        // A point, an exponent or a comma between digits is no integer; the rest of what looks like
        // a number may be one.
        let is_number = trimmed.starts_with(|c: char| c.is_ascii_digit())
            && trimmed.ends_with(|c: char| c.is_ascii_digit())
            && trimmed.chars().all(|c| c.is_ascii_digit() || ".,eE".contains(c));
        let is_unsure = is_doubtful(trimmed) && !is_number;
        return Err(if is_unsure { unsure(text, to) } else { bad_text(text, from, to) });
    }
    let from = from.name_and_id().0;
    match trimmed.parse::<i64>().ok().filter(|n| range(to).contains(n)) {
        Some(n) => Ok(Value::Int(n)),
        None => Err(match to {
            Type::Int => messages::text_overflows_int(from, text),
            Type::SmallInt => messages::text_overflows_small_integer(from, text, "INT2"),
            Type::TinyInt => messages::text_overflows_small_integer(from, text, "INT1"),
            _ => unsure(text, to),
        }),
    }
}

fn bad_text(text: &str, from: Type, to: Type) -> Error {
    let (from, name) = (from.name_and_id().0, to.name_and_id().0);
    match to {
        Type::BigInt => messages::text_is_no_number(from, name),
        _ => messages::text_is_no_value(from, text, name),
    }
}
