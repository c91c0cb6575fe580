//! FORMAT: the format strings of .NET, of which the server's own are ("FORMAT (Transact-SQL)",
//! "Standard numeric format strings" and the three pages beside it). A format that .NET would not
//! take is NULL; what is not known for sure is refused.

mod culture;
mod date;
mod date_picture;
mod digits;
mod number;
mod number_picture;
mod time;

use self::culture::Culture;
use super::{Arguments, Function, Operands, Signature};
use crate::calendar;
use crate::error::{Error, Result};
use crate::messages;
use crate::types::{Len, Type, Value};

const FORMAT_TYPE: Type = Type::NVarChar(Len::N(4000));

pub(super) const FUNCTIONS: &[Function] =
    &[Function::new("FORMAT", (2, 3), format_types, format).taking_null()];

fn format_types(of: &Operands<'_>) -> Result<Signature> {
    let value = of.first();
    if value == Type::Null {
        return Err(messages::invalid_argument("NULL", 1, "format"));
    }
    if value == Type::Bit || !value.is_number() && !value.is_temporal() {
        return Err(messages::invalid_argument(value.name_and_id().0, 1, "format"));
    }
    if let Some(odd) = of.types[1..].iter().find(|t| !t.is_text() || **t == Type::Xml) {
        return Err(Error::unsupported(format!("FORMAT with a format or a culture of {odd}")));
    }
    Signature::new([value, FORMAT_TYPE, FORMAT_TYPE], FORMAT_TYPE)
}

fn format(a: &Arguments<'_>) -> Result<Value> {
    let (value, ty) = (&a.values[0], a.types[0]);
    if a.values[1..].iter().any(Value::is_null) {
        return Err(Error::unsupported("FORMAT with NULL as its format or its culture"));
    }
    let culture = Culture::find(if a.values.len() < 3 { "en-US" } else { a.text(2) })?;
    if value.is_null() {
        return Ok(Value::Null);
    }
    let format = a.text(1);
    let text = match (calendar::split(value, ty), ty) {
        (Some(moment), Type::Time(_)) => time::text(moment.ticks, format)?,
        (Some(moment), ty) if ty.is_temporal() => date::text(moment, format, culture)?,
        _ => number::text(value, ty, format, culture)?,
    };
    Ok(text.map_or(Value::Null, Value::Str))
}
