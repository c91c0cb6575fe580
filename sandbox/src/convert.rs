//! CAST, CONVERT and the implicit conversions ("CAST and CONVERT (Transact-SQL)"): one function
//! from any type to any other.

mod binary;
mod code_page;
mod date_text;
mod exact;
mod float;
mod integer;
mod text;

use self::binary::{fit_binary, to_binary};
pub(crate) use self::code_page::{from_cp1252, in_cp1252, narrow, to_cp1252};
use self::date_text::fits_style;
use self::exact::to_scaled;
use self::float::{to_float, to_real};
pub(crate) use self::integer::fit_int;
use self::integer::to_int;
use self::text::fit_text;
pub(crate) use self::text::{cut_utf16, hex, to_text, utf16_text};
use crate::calendar::{self, DAYS_1900, Moment};
use crate::error::{Error, Result};
use crate::messages;
use crate::types::{DAY, Len, Type, Value};

/// CONVERT's style where none is written: CAST, and every implicit conversion.
pub(crate) const NO_STYLE: i64 = -1;

/// Converts a value from one type to another. `style` is CONVERT's third argument, or [`NO_STYLE`].
pub(crate) fn convert(value: Value, from: Type, to: Type, style: i64) -> Result<Value> {
    if value.is_null() || from == to && style == NO_STYLE {
        return Ok(value);
    }
    allowed(from, to)?;
    if to.is_text() {
        let text = to_text(&value, from, to, style)?;
        return fit_text(text, from, to);
    }
    if to.is_int() {
        return to_int(value, from, to);
    }
    if to.is_scaled() {
        return to_scaled(&value, from, to);
    }
    if to.is_temporal() {
        return to_temporal(value, from, to, style);
    }
    match (to, value) {
        (Type::Real, value) => to_real(&value, from).map(Value::Float),
        (Type::Float, value) => to_float(&value, from).map(Value::Float),
        (Type::Binary(_) | Type::VarBinary(_), value) => {
            Ok(Value::Bin(fit_binary(to_binary(value, from, style)?, from, to)))
        }
        (Type::Guid, Value::Str(text)) if from.is_text() => parse_guid(&text).map(Value::Str),
        (Type::Guid, value) if from == Type::Guid => Ok(value),
        _ => Err(missing(from, to)),
    }
}

/// Refuses what even CAST may not do (529), by the table on the page of CAST and CONVERT.
pub(crate) fn allowed(from: Type, to: Type) -> Result<()> {
    let modern = |t: Type| t.is_temporal() && !matches!(t, Type::DateTime | Type::SmallDateTime);
    let other = |t: Type| t.is_number() || t.is_temporal();
    let clash = modern(from) && to.is_number()
        || from.is_number() && modern(to)
        || from == Type::Guid && other(to)
        || to == Type::Guid && other(from)
        || from.is_binary() && to.is_float()
        || matches!((from, to), (Type::Time(_), Type::Date) | (Type::Date, Type::Time(_)));
    if clash {
        return Err(messages::explicit_conversion(from.name_and_id().0, to.name_and_id().0));
    }
    Ok(())
}

/// Refuses what needs a CAST (257), or could not even be one (206), by the same table.
pub(crate) fn implicit(from: Type, to: Type) -> Result<()> {
    let (from_name, to_name) = (from.name_and_id().0, to.name_and_id().0);
    if allowed(from, to).is_err() {
        return Err(messages::operand_type_clash(from_name, to_name));
    }
    let needs_cast = matches!(from, Type::DateTime | Type::SmallDateTime) && to.is_number()
        || matches!(from, Type::Money | Type::SmallMoney) && to.is_text()
        || from.is_text() && to.is_binary()
        || from == Type::Xml && to.is_text() && to != Type::Xml;
    if needs_cast {
        return Err(messages::implicit_conversion(from_name, to_name));
    }
    Ok(())
}

/// A conversion that SQL Server has and the sandbox has not.
pub(crate) fn missing(from: Type, to: Type) -> Error {
    Error::unsupported(format!("the conversion from {from} to {to}"))
}

/// As [`convert`] for an assignment: what is too long is an error (8152), not cut.
pub(crate) fn assign(value: Value, from: Type, to: Type) -> Result<Value> {
    let limit = match to {
        Type::Char(n) | Type::NChar(n) | Type::VarChar(Len::N(n)) | Type::NVarChar(Len::N(n)) => {
            usize::from(n)
        }
        Type::Binary(n) | Type::VarBinary(Len::N(n)) => usize::from(n),
        _ => usize::MAX,
    };
    let is_long = match &value {
        // Blanks at the end are no loss.
        Value::Str(text) if to.is_text() => {
            text.trim_end_matches(' ').encode_utf16().count() > limit
        }
        Value::Bin(data) => data.len() > limit,
        _ => false,
    };
    if is_long {
        return Err(messages::truncated());
    }
    convert(value, from, to, NO_STYLE)
}

fn to_temporal(value: Value, from: Type, to: Type, style: i64) -> Result<Value> {
    if let Value::Str(text) = &value {
        if !fits_style(text.trim_matches(' '), style) {
            return Err(Error::unsupported(format!(
                "CONVERT of '{text}' to {to} with style {style}"
            )));
        }
        return calendar::parse(text, to).and_then(|m| calendar::build(m, to));
    }
    if !from.is_temporal() {
        return match value {
            Value::Int(days) if from.is_int() && from != Type::Bit => {
                calendar::build(Moment { days: days + DAYS_1900, ticks: 0, offset: None }, to)
            }
            _ => Err(missing(from, to)),
        };
    }
    let Some(moment) = calendar::exact(&value, from) else { return Err(missing(from, to)) };
    if let Type::Time(scale) = to
        && calendar::round_ticks(moment.ticks, scale) >= DAY
    {
        return Err(Error::unsupported(format!("a time that rounds to midnight in time({scale})")));
    }
    calendar::build(moment, to)
}

/// 36 characters, perhaps behind a brace; what follows them does not count.
fn parse_guid(text: &str) -> Result<String> {
    let digits = text.strip_prefix('{').unwrap_or(text);
    let is_guid = digits.len() >= 36
        && digits.is_ascii()
        && digits[..36].bytes().enumerate().all(|(i, b)| {
            if matches!(i, 8 | 13 | 18 | 23) { b == b'-' } else { b.is_ascii_hexdigit() }
        });
    if !is_guid {
        return Err(messages::guid_syntax());
    }
    Ok(digits[..36].to_ascii_uppercase())
}
