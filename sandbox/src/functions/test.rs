//! ISDATE and ISNUMERIC: whether a conversion would succeed.

use super::{Arguments, Function, Operands, Signature, text_of};
use crate::convert::{NO_STYLE, convert};
use crate::error::{Error, Result};
use crate::types::{Type, Value, currency};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("ISDATE", (1, 1), isdate_types, isdate).taking_null(),
    Function::new("ISNUMERIC", (1, 1), isnumeric_types, isnumeric).taking_null(),
];

fn isdate_types(of: &Operands<'_>) -> Result<Signature> {
    of.refuse(|t| !t.is_text() || t == Type::Xml)?;
    Signature::new([text_of(of.first())], Type::Int)
}

fn isdate(a: &Arguments<'_>) -> Result<Value> {
    let value = &a.values[0];
    if matches!(value, Value::Str(text) if text.trim_matches(' ').is_empty()) {
        return Err(Error::unsupported("ISDATE of an empty text"));
    }
    match convert(value.clone(), a.types[0], Type::DateTime, NO_STYLE) {
        Err(e) if e.is_unsupported() => Err(e),
        converted => Ok(Value::Int(i64::from(converted.is_ok() && !value.is_null()))),
    }
}

fn isnumeric_types(of: &Operands<'_>) -> Result<Signature> {
    let arg = match of.first() {
        ty if ty.is_number() && ty != Type::Bit || ty == Type::Null => ty,
        ty if ty.is_text() && ty != Type::Xml => text_of(ty),
        ty => return Err(of.missing(ty)),
    };
    Signature::new([arg], Type::Int)
}

fn isnumeric(a: &Arguments<'_>) -> Result<Value> {
    Ok(Value::Int(match &a.values[0] {
        Value::Null => 0,
        Value::Str(text) => i64::from(is_numeric(text)?),
        _ => 1,
    }))
}

/// What the page of ISNUMERIC tells: numbers, signs, currency. Other signs and blanks between them
/// are not in the sandbox.
fn is_numeric(text: &str) -> Result<bool> {
    let trimmed = text.trim_matches(' ');
    if trimmed.is_empty() {
        return Ok(false);
    }
    let unsigned = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    let signed = unsigned.len() < trimmed.len();
    let number = unsigned.strip_prefix(currency).unwrap_or(unsigned);
    let money = number.len() < unsigned.len();
    if number.is_empty() && signed != money || is_number(number, money) {
        return Ok(true);
    }
    let of_number = |c: char| {
        c.is_ascii_digit() || c.is_whitespace() || "+-.,eEdD\\".contains(c) || currency(c)
    };
    if trimmed.chars().all(of_number) {
        return Err(Error::unsupported(format!("ISNUMERIC of '{text}'")));
    }
    Ok(false)
}

/// Without its sign: digits, in groups or not, a fraction, an exponent that money has not.
fn is_number(text: &str, money: bool) -> bool {
    let digits = |d: &str| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) if !money => (mantissa, Some(exponent)),
        _ => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let group = |(at, group): (usize, &str)| {
        digits(group) && (at == 0 && group.len() < 4 || group.len() == 3)
    };
    let grouped = whole.contains(',') && whole.split(',').enumerate().all(group);
    (digits(whole) || grouped && exponent.is_none())
        && fraction.is_none_or(|f| f.is_empty() || digits(f))
        && exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)) && e.len() < 4)
}
