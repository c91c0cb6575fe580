//! To binary and varbinary.

use super::{NO_STYLE, to_cp1252};
use crate::error::{Error, Result};
use crate::messages;
use crate::types::{Len, Type, Value};

/// The bytes of a value, before they are fitted to a length. Styles 1 and 2 read hexadecimal.
pub(super) fn to_binary(value: Value, from: Type, style: i64) -> Result<Vec<u8>> {
    Ok(match value {
        Value::Bin(data) => data,
        Value::Str(text) if from.is_text() && matches!(style, 1 | 2) => {
            let digits = if style == 1 { text.strip_prefix("0x") } else { Some(text.as_str()) };
            let data = digits.and_then(from_hex);
            let failed = || messages::text_is_no_number(from.name_and_id().0, "varbinary");
            data.ok_or_else(failed)?
        }
        _ if !matches!(style, NO_STYLE | 0) => {
            return Err(Error::unsupported(format!("CONVERT to binary with style {style}")));
        }
        Value::Str(text) if from.is_unicode() => {
            text.encode_utf16().flat_map(u16::to_le_bytes).collect()
        }
        Value::Str(text) if from.is_text() => text.chars().map(to_cp1252).collect(),
        Value::Int(n) if from.is_int() => {
            let length = from.max_length() as usize;
            n.to_be_bytes()[8 - length..].to_vec()
        }
        _ => return Err(Error::unsupported(format!("the conversion from {from} to binary"))),
    })
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    if digits.len() % 2 == 1 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = (0..digits.len()).step_by(2);
    pairs.map(|i| u8::from_str_radix(&digits[i..i + 2], 16).ok()).collect()
}

/// Cuts or fills to the target's length: a number on its left, everything else on its right.
pub(super) fn fit_binary(mut data: Vec<u8>, from: Type, to: Type) -> Vec<u8> {
    let (length, fill) = match to {
        Type::Binary(n) => (usize::from(n), true),
        Type::VarBinary(Len::N(n)) => (usize::from(n), false),
        _ => return data,
    };
    if from.is_number() {
        data.drain(..data.len().saturating_sub(length));
        if fill {
            data.splice(0..0, vec![0; length - data.len()]);
        }
    } else {
        data.truncate(length);
        if fill {
            data.resize(length, 0);
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_cut_and_filled_on_their_left() {
        let fit = |from, to| fit_binary(vec![1, 2, 3], from, to);
        assert_eq!(fit(Type::Int, Type::Binary(2)), [2, 3]);
        assert_eq!(fit(Type::Int, Type::Binary(5)), [0, 0, 1, 2, 3]);
        assert_eq!(fit(Type::Int, Type::VarBinary(Len::N(5))), [1, 2, 3]);
        assert_eq!(fit(Type::Char(3), Type::Binary(2)), [1, 2]);
        assert_eq!(fit(Type::Char(3), Type::Binary(5)), [1, 2, 3, 0, 0]);
        assert_eq!(fit(Type::Char(3), Type::VarBinary(Len::Max)), [1, 2, 3]);
    }

    #[test]
    fn hexadecimal_has_pairs_of_digits() {
        assert_eq!(from_hex("0aFF"), Some(vec![10, 255]));
        assert_eq!(from_hex(""), Some(vec![]));
        assert_eq!(from_hex("abc"), None);
        assert_eq!(from_hex("+1"), None);
    }
}
