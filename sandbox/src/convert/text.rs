//! To char, varchar, nchar and nvarchar.

use super::date_text::date_text;
use super::float::float_text;
use super::{NO_STYLE, from_cp1252, missing, narrow};
use crate::decimal;
use crate::error::{Error, Result};
use crate::messages;
use crate::types::{Len, Type, Value};

/// The text of a value, before it is fitted to a length.
pub(crate) fn to_text(value: &Value, from: Type, to: Type, style: i64) -> Result<String> {
    Ok(match value {
        Value::Str(text) => text.clone(),
        value if from.is_temporal() => date_text(value, from, style)?,
        Value::Int(n) => n.to_string(),
        Value::Dec(d) if matches!(from, Type::Money | Type::SmallMoney) => match style {
            NO_STYLE | 0 => decimal::text(decimal::rescale(*d, 4, 2)?, 2),
            1 => with_commas(&decimal::text(decimal::rescale(*d, 4, 2)?, 2)),
            2 | 126 => decimal::text(*d, 4),
            _ => return Err(Error::unsupported(format!("CONVERT of money with style {style}"))),
        },
        Value::Dec(d) => decimal::text(*d, from.scale()),
        Value::Float(f) => float_text(*f, style, from)?,
        Value::Bin(data) => match style {
            1 => format!("0x{}", hex(data)),
            2 => hex(data),
            NO_STYLE | 0 if to.is_unicode() && data.len() % 2 == 0 => {
                let units = data.chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]]));
                utf16_text(&units.collect::<Vec<_>>())?
            }
            NO_STYLE | 0 if !to.is_unicode() => data.iter().map(|b| from_cp1252(*b)).collect(),
            _ => return Err(missing(from, to)),
        },
        Value::Null | Value::Offset(..) => {
            return Err(Error::internal("a value of the wrong kind"));
        }
    })
}

/// Cuts or pads to the target's length; what a number cannot fit is an error, as on the server.
pub(super) fn fit_text(text: String, from: Type, to: Type) -> Result<Value> {
    let text = if to.is_unicode() { text } else { narrow(&text)? };
    let (length, pad) = match to {
        Type::Char(n) | Type::NChar(n) => (usize::from(n), true),
        Type::VarChar(Len::N(n)) | Type::NVarChar(Len::N(n)) => (usize::from(n), false),
        _ => return Ok(Value::Str(text)),
    };
    let units = text.encode_utf16().count();
    let fitted = if units <= length {
        text
    } else {
        match from {
            Type::TinyInt | Type::SmallInt | Type::Int if !to.is_unicode() => "*".to_owned(),
            Type::Bit | Type::BigInt => return Err(missing(from, to)),
            ty if ty.is_number() => return Err(Error::overflow(to.name_and_id().0)),
            Type::Guid => return Err(messages::guid_needs_space()),
            // Less than the length where half of a pair would have been the last unit; that is
            // refused.
            _ => return cut_utf16(&text, length).map(Value::Str),
        }
    };
    let missing_units = length - fitted.encode_utf16().count();
    Ok(Value::Str(if pad { fitted + &" ".repeat(missing_units) } else { fitted }))
}

/// The longest prefix of at most `units` UTF-16 units. Half of a surrogate pair is more than the
/// sandbox can keep.
pub(crate) fn cut_utf16(text: &str, units: usize) -> Result<String> {
    let units: Vec<u16> = text.encode_utf16().take(units).collect();
    utf16_text(&units)
}

pub(crate) fn utf16_text(units: &[u16]) -> Result<String> {
    String::from_utf16(units).map_err(|_| Error::unsupported("half of a surrogate pair"))
}

/// Blanks around a number do not count.
pub(super) fn without_blanks(text: &str) -> &str {
    text.trim_matches(' ')
}

/// Commas every three digits to the left of the point.
fn with_commas(number: &str) -> String {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |d| ("-", d));
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    format!("{sign}{out}.{fraction}")
}

pub(crate) fn hex(data: &[u8]) -> String {
    data.iter().map(|b| format!("{b:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(text: &str, from: Type, to: Type) -> Result<Value> {
        fit_text(text.to_owned(), from, to)
    }

    #[test]
    fn a_text_is_cut_and_a_number_is_not() {
        let text = |s: &str| Ok(Value::Str(s.to_owned()));
        assert_eq!(fit("abc", Type::VarChar(Len::N(9)), Type::VarChar(Len::N(2))), text("ab"));
        assert_eq!(fit("ab", Type::VarChar(Len::N(9)), Type::Char(4)), text("ab  "));
        assert_eq!(fit("123", Type::Int, Type::VarChar(Len::N(2))), text("*"));
        assert_eq!(fit("123", Type::Int, Type::Char(2)), text("* "));
        let overflow = fit("123", Type::Int, Type::NVarChar(Len::N(2)));
        assert_eq!(overflow.map_err(|e| e.number), Err(8115));
        let guid = fit(&"0".repeat(36), Type::Guid, Type::Char(35));
        assert_eq!(guid.map_err(|e| e.number), Err(8170));
    }

    #[test]
    fn half_of_a_pair_is_refused() {
        assert_eq!(cut_utf16("a😀", 1), Ok("a".to_owned()));
        assert!(cut_utf16("a😀", 2).is_err_and(|e| e.is_unsupported()));
    }

    #[test]
    fn commas_stand_left_of_the_point() {
        assert_eq!(with_commas("-1234567.80"), "-1,234,567.80");
        assert_eq!(with_commas("123.45"), "123.45");
    }
}
