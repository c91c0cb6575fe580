//! Texts made of others, of numbers, and of character codes.

use super::text::is_no_text;
use super::{Arguments, Function, Operands, Signature, longest, text_of};
use crate::convert::{from_cp1252, utf16_text};
use crate::decimal;
use crate::error::{Error, Result};
use crate::types::{Len, Type, Value};

/// Characters of a (max) that REPLICATE makes at most.
const LONGEST: usize = 1 << 20;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("REPLICATE", (2, 2), replicate_types, |a| {
        repeated(a.text(0), a.integer(1), a.out)
    }),
    Function::new("SPACE", (1, 1), space_types, |a| repeated(" ", a.integer(0), a.out)),
    Function::new("CONCAT", (2, 254), concat_types, concat).taking_null(),
    Function::new("CONCAT_WS", (3, 254), concat_ws_types, concat_ws).taking_null(),
    Function::new("QUOTENAME", (1, 2), quotename_types, quotename).taking_null(),
    Function::new(
        "CHAR",
        (1, 1),
        |_| Signature::new([Type::Int], Type::Char(1)),
        |a| {
            let code = u8::try_from(a.integer(0));
            Ok(code.map_or(Value::Null, |b| Value::Str(from_cp1252(b).to_string())))
        },
    ),
    Function::new(
        "NCHAR",
        (1, 1),
        |_| Signature::new([Type::Int], Type::NChar(1)),
        |a| match u16::try_from(a.integer(0)) {
            Ok(unit) => utf16_text(&[unit]).map(Value::Str),
            Err(_) => Ok(Value::Null),
        },
    ),
    Function::new("STR", (1, 3), str_types, str),
];

fn replicate_types(of: &Operands<'_>) -> Result<Signature> {
    of.refuse(is_no_text)?;
    Signature::new([text_of(of.first()), Type::Int], longest(of.first()))
}

fn space_types(_: &Operands<'_>) -> Result<Signature> {
    Signature::new([Type::Int], Type::VarChar(Len::N(8000)))
}

/// NULL for less than none, and cut where the type ends.
fn repeated(unit: &str, times: i64, out: Type) -> Result<Value> {
    let Ok(times) = usize::try_from(times) else { return Ok(Value::Null) };
    let unit: Vec<u16> = unit.encode_utf16().collect();
    let length = unit.len().saturating_mul(times);
    let limit = match out {
        Type::NVarChar(Len::N(n)) | Type::VarChar(Len::N(n)) => usize::from(n),
        _ if length > LONGEST => {
            return Err(Error::unsupported("a text of more than a million characters"));
        }
        _ => LONGEST,
    };
    let units: Vec<u16> = unit.into_iter().cycle().take(length.min(limit)).collect();
    utf16_text(&units).map(Value::Str)
}

/// What a text is made of may be money, of which other functions have no rule.
fn is_no_part(ty: Type) -> bool {
    ty.is_binary() || ty == Type::Xml
}

fn concat_types(of: &Operands<'_>) -> Result<Signature> {
    of.refuse(is_no_part)?;
    // The length of an int is 12, that of a float 32; of other types the page has none.
    let length = |ty: &Type| match ty {
        Type::Null => Some(0),
        Type::Int => Some(12),
        Type::Float => Some(32),
        ty if ty.is_unicode() => Some(ty.max_length() / 2),
        ty if ty.is_text() => Some(ty.max_length()),
        _ => None,
    };
    let sum = of.types.iter().map(length).sum::<Option<i64>>();
    let args = of.common_text();
    let out = match (args, sum.and_then(|n| u16::try_from(n).ok())) {
        (Type::VarChar(Len::N(_)), Some(n)) => Type::VarChar(Len::N(n.clamp(1, 8000))),
        (Type::NVarChar(Len::N(_)), Some(n)) => Type::NVarChar(Len::N(n.clamp(1, 4000))),
        (args, _) => args,
    };
    Signature::new(vec![args; of.types.len()], out)
}

/// NULL is an empty text.
fn concat(a: &Arguments<'_>) -> Result<Value> {
    Ok(Value::Str((0..a.values.len()).map(|at| a.text(at)).collect()))
}

fn concat_ws_types(of: &Operands<'_>) -> Result<Signature> {
    of.refuse(is_no_part)?;
    let ty = of.common_text();
    Signature::new(vec![ty; of.types.len()], ty)
}

/// NULL is left out, and its separator too.
fn concat_ws(a: &Arguments<'_>) -> Result<Value> {
    if a.values[0].is_null() {
        return Err(Error::unsupported("CONCAT_WS with a separator that is NULL"));
    }
    let parts = a.values[1..].iter().filter_map(|v| match v {
        Value::Str(text) => Some(text.as_str()),
        _ => None,
    });
    Ok(Value::Str(parts.collect::<Vec<_>>().join(a.text(0))))
}

fn quotename_types(of: &Operands<'_>) -> Result<Signature> {
    of.refuse(is_no_text)?;
    Signature::new([Type::NVarChar(Len::N(4000)); 2], Type::NVarChar(Len::N(258)))
}

/// NULL for a name of more than 128 characters, and for a quote that is none.
fn quotename(a: &Arguments<'_>) -> Result<Value> {
    if a.values[0].is_null() || a.units(0).len() > 128 {
        return Ok(Value::Null);
    }
    if a.values.len() > 1 && a.text(1).chars().count() != 1 {
        return Err(Error::unsupported("QUOTENAME with a quote that is not one character"));
    }
    let (open, close) = match a.text(1) {
        "" | "[" | "]" => ('[', ']'),
        "'" => ('\'', '\''),
        "\"" => ('"', '"'),
        "(" | ")" => ('(', ')'),
        "<" | ">" => ('<', '>'),
        "{" | "}" => ('{', '}'),
        "`" => ('`', '`'),
        _ => return Ok(Value::Null),
    };
    let name = a.text(0).replace(close, &format!("{close}{close}"));
    Ok(Value::Str(format!("{open}{name}{close}")))
}

fn str_types(_: &Operands<'_>) -> Result<Signature> {
    Signature::new([Type::Float, Type::Int, Type::Int], Type::VarChar(Len::N(255)))
}

fn str(a: &Arguments<'_>) -> Result<Value> {
    let odd = || Error::unsupported("STR with this length and this number of decimals");
    let width = if a.values.len() > 1 { a.integer(1) } else { 10 };
    let places = a.integer(2).min(16);
    let (Ok(width), Ok(places)) = (usize::try_from(width), u8::try_from(places)) else {
        return Err(odd());
    };
    if !(1..=255).contains(&width) {
        return Err(odd());
    }
    let number = decimal::from_float(a.float(0), Type::Float, places, false)?.ok_or_else(odd)?;
    let text = decimal::text(number, places);
    let whole = text.split('.').next().unwrap_or("").len();
    match text.len() {
        length if length <= width => Ok(Value::Str(format!("{text:>width$}"))),
        // Too short for what stands before the point; where only the decimals do not fit, no page
        // tells.
        _ if whole > width => Ok(Value::Str("*".repeat(width))),
        _ => Err(odd()),
    }
}
