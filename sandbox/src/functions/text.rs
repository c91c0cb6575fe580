//! Lengths, case, blanks and parts of texts.

use super::{Arguments, Function, Operands, Signature, position_in, text_of};
use crate::convert::{self, utf16_text};
use crate::error::{Error, Result};
use crate::messages;
use crate::types::{Len, Type, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("LEN", (1, 1), len_types, len),
    Function::new("DATALENGTH", (1, 1), datalength_types, datalength),
    Function::new("UPPER", (1, 1), text_types, upper),
    Function::new("LOWER", (1, 1), text_types, lower),
    Function::new("LTRIM", (1, 1), text_types, |a| {
        Ok(Value::Str(a.text(0).trim_start_matches(' ').to_owned()))
    }),
    Function::new("RTRIM", (1, 1), text_types, |a| {
        Ok(Value::Str(a.text(0).trim_end_matches(' ').to_owned()))
    }),
    Function::new("TRIM", (1, 1), text_types, |a| {
        Ok(Value::Str(a.text(0).trim_matches(' ').to_owned()))
    }),
    Function::new("REVERSE", (1, 1), text_types, |a| {
        utf16_text(&a.units(0).into_iter().rev().collect::<Vec<_>>()).map(Value::Str)
    }),
    Function::new("LEFT", (2, 2), part_types, left),
    Function::new("RIGHT", (2, 2), part_types, right),
    Function::new("SUBSTRING", (3, 3), substring_types, substring),
    Function::new("ASCII", (1, 1), ascii_types, ascii),
    Function::new("UNICODE", (1, 1), unicode_types, unicode),
];

/// What has no rule as an argument of a text function.
pub(super) fn is_no_text(ty: Type) -> bool {
    ty.is_binary() || matches!(ty, Type::Xml | Type::Money | Type::SmallMoney)
}

fn len_types(of: &Operands<'_>) -> Result<Signature> {
    let ty = of.first();
    if matches!(ty, Type::Xml | Type::Money | Type::SmallMoney) {
        return Err(of.missing(ty));
    }
    Signature::new([if ty.is_binary() { ty } else { text_of(ty) }], position_in(ty))
}

/// Without the blanks at the end.
fn len(a: &Arguments<'_>) -> Result<Value> {
    match &a.values[0] {
        Value::Bin(bytes) if bytes.last() == Some(&b' ') => {
            Err(Error::unsupported("LEN of a binary that ends in 0x20"))
        }
        Value::Bin(bytes) => Ok(Value::Int(bytes.len() as i64)),
        _ => Ok(Value::Int(a.text(0).trim_end_matches(' ').encode_utf16().count() as i64)),
    }
}

fn datalength_types(of: &Operands<'_>) -> Result<Signature> {
    of.refuse(|t| matches!(t, Type::Xml | Type::Null | Type::Decimal(..)))?;
    Signature::new([of.first()], position_in(of.first()))
}

fn datalength(a: &Arguments<'_>) -> Result<Value> {
    Ok(Value::Int(match (&a.values[0], a.types[0]) {
        (Value::Str(text), ty) if ty.is_unicode() => 2 * text.encode_utf16().count() as i64,
        (Value::Str(text), ty) if ty.is_text() => text.chars().count() as i64,
        (Value::Bin(bytes), _) => bytes.len() as i64,
        (_, ty) => ty.max_length(),
    }))
}

/// A text, whose type is that of the result.
fn text_types(of: &Operands<'_>) -> Result<Signature> {
    of.refuse(is_no_text)?;
    let ty = text_of(of.first());
    Signature::new([ty], ty)
}

fn upper(a: &Arguments<'_>) -> Result<Value> {
    cased(a, "UPPER", |c| c.to_uppercase().collect())
}

fn lower(a: &Arguments<'_>) -> Result<Value> {
    cased(a, "LOWER", |c| c.to_lowercase().collect())
}

/// One character for one; where Unicode has several, or leaves the code page, the server has its
/// own rule.
fn cased(a: &Arguments<'_>, name: &str, case: fn(char) -> String) -> Result<Value> {
    let one = |c: char| {
        let other = case(c);
        let mut chars = other.chars();
        match (chars.next(), chars.next()) {
            // Windows has no capital for it.
            _ if c == 'ß' => Ok(c),
            (Some(o), None) if a.out.is_unicode() || convert::in_cp1252(o) => Ok(o),
            _ => Err(Error::unsupported(format!("{name} of '{c}'"))),
        }
    };
    a.text(0).chars().map(one).collect::<Result<String>>().map(Value::Str)
}

fn part_types(of: &Operands<'_>) -> Result<Signature> {
    of.refuse(is_no_text)?;
    let ty = text_of(of.first());
    Signature::new([ty, Type::Int], narrowed(ty, of.integer(1)))
}

/// A length that is a constant narrows the type of the result.
fn narrowed(ty: Type, length: Option<i64>) -> Type {
    let Some(length) = length else { return ty };
    let n = length.clamp(1, 8000) as u16;
    match ty {
        Type::VarChar(Len::N(m)) => Type::VarChar(Len::N(n.min(m))),
        Type::NVarChar(Len::N(m)) => Type::NVarChar(Len::N(n.min(m))),
        ty => ty,
    }
}

fn left(a: &Arguments<'_>) -> Result<Value> {
    let units = a.units(0);
    let length = usize::try_from(a.integer(1)).map_err(|_| messages::invalid_left_length())?;
    utf16_text(&units[..length.min(units.len())]).map(Value::Str)
}

fn right(a: &Arguments<'_>) -> Result<Value> {
    let units = a.units(0);
    let length = usize::try_from(a.integer(1)).map_err(|_| messages::invalid_right_length())?;
    utf16_text(&units[units.len() - length.min(units.len())..]).map(Value::Str)
}

fn substring_types(of: &Operands<'_>) -> Result<Signature> {
    let ty = match of.first() {
        Type::Binary(n) => Type::VarBinary(Len::N(n)),
        ty if ty.is_binary() => ty,
        ty if ty.is_text() && ty != Type::Xml => text_of(ty),
        ty => return Err(of.missing(ty)),
    };
    Signature::new([ty, Type::Int, Type::Int], narrowed(ty, of.integer(2)))
}

/// What lies before the first character counts, and is not there.
fn substring(a: &Arguments<'_>) -> Result<Value> {
    let (start, length) = (a.integer(1), a.integer(2));
    if length < 0 {
        return Err(messages::invalid_left_length());
    }
    let range = |len: usize| {
        let end = (start + length - 1).clamp(0, len as i64) as usize;
        ((start - 1).max(0) as usize).min(end)..end
    };
    if let Value::Bin(bytes) = &a.values[0] {
        return Ok(Value::Bin(bytes[range(bytes.len())].to_vec()));
    }
    let units = a.units(0);
    utf16_text(&units[range(units.len())]).map(Value::Str)
}

fn ascii_types(of: &Operands<'_>) -> Result<Signature> {
    of.refuse(is_no_text)?;
    Signature::new([Type::VarChar(Len::N(8000))], Type::Int)
}

/// In code page 1252.
fn ascii(a: &Arguments<'_>) -> Result<Value> {
    let first = a.text(0).chars().next();
    Ok(first.map_or(Value::Null, |c| Value::Int(i64::from(convert::to_cp1252(c)))))
}

fn unicode_types(of: &Operands<'_>) -> Result<Signature> {
    of.refuse(is_no_text)?;
    Signature::new([Type::NVarChar(Len::N(4000))], Type::Int)
}

/// The first unit of UTF-16.
fn unicode(a: &Arguments<'_>) -> Result<Value> {
    let first = a.text(0).encode_utf16().next();
    Ok(first.map_or(Value::Null, |unit| Value::Int(i64::from(unit))))
}
