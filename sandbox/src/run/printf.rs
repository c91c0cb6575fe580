//! The printf-style texts of RAISERROR.

use std::iter::Peekable;
use std::slice::Iter;
use std::str::Chars;

use crate::convert::cut_utf16;
use crate::error::{Error, Result};
use crate::messages;
use crate::types::{Type, Value};

/// The most that the server sends of a message; what it cuts it ends with an ellipsis.
const LONGEST: usize = 2047;
/// RAISERROR's own arguments: message, severity, state.
const OWN_ARGUMENTS: usize = 3;

/// A text with its `%[flags][width][.precision]type` replaced by the values, one after the other.
/// A width or a precision that is an asterisk is a value too.
pub(super) fn format(text: &str, values: &[(Type, Value)]) -> Result<String> {
    for (at, (ty, _)) in values.iter().enumerate() {
        check_type(*ty, at + OWN_ARGUMENTS + 1)?;
    }
    let mut values = Values { all: values.iter(), taken: 0 };
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' || chars.next_if_eq(&'%').is_some() {
            out.push(c);
            continue;
        }
        let specification = Specification::read(&mut chars, &mut values)?;
        match values.next() {
            Some(value) => out += &specification.apply(value, values.taken)?,
            // An argument that is not there is shown as one that is NULL.
            None => out.push_str("(null)"),
        }
    }
    if out.encode_utf16().count() > LONGEST {
        return Err(Error::unsupported("a message of more than 2,047 characters"));
    }
    Ok(out)
}

/// `parameter` from 1, with RAISERROR's own.
fn check_type(ty: Type, parameter: usize) -> Result<()> {
    match ty {
        Type::TinyInt
        | Type::SmallInt
        | Type::Int
        | Type::Char(_)
        | Type::VarChar(_)
        | Type::NChar(_)
        | Type::NVarChar(_)
        | Type::Null => Ok(()),
        Type::BigInt | Type::Bit | Type::Binary(_) | Type::VarBinary(_) => {
            Err(Error::unsupported(format!("RAISERROR with an argument of type {ty}")))
        }
        _ => Err(messages::invalid_substitution_type(ty, parameter)),
    }
}

fn unknown_specification() -> Error {
    Error::unsupported("RAISERROR with this conversion specification")
}

/// The values that are left.
struct Values<'a> {
    all: Iter<'a, (Type, Value)>,
    taken: usize,
}

impl<'a> Values<'a> {
    fn next(&mut self) -> Option<&'a Value> {
        self.taken += 1;
        self.all.next().map(|(_, value)| value)
    }
}

/// What stands behind a percent sign.
struct Specification {
    flags: String,
    width: usize,
    precision: Option<usize>,
    kind: char,
}

impl Specification {
    fn read(chars: &mut Peekable<Chars<'_>>, values: &mut Values<'_>) -> Result<Self> {
        let mut flags = String::new();
        while let Some(flag) = chars.next_if(|c| "-+0# ".contains(*c)) {
            flags.push(flag);
        }
        let width = number(chars, values)?.unwrap_or(0);
        if width > LONGEST {
            return Err(Error::unsupported("a width of more than 2,047 characters"));
        }
        let precision = match chars.next_if_eq(&'.') {
            Some(_) => Some(number(chars, values)?.unwrap_or(0)),
            None => None,
        };
        let kind = chars.next().ok_or_else(unknown_specification)?;
        Ok(Self { flags, width, precision, kind })
    }

    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }

    /// `position` of the value, from 1.
    fn apply(&self, value: &Value, position: usize) -> Result<String> {
        let body = match (self.kind, value) {
            ('s' | 'd' | 'i' | 'u' | 'x' | 'X' | 'o', Value::Null) => "(null)".to_owned(),
            ('s', Value::Str(text)) if self.flags.chars().all(|f| f == '-') => {
                match self.precision {
                    Some(precision) => cut_utf16(text, precision)?,
                    None => text.clone(),
                }
            }
            ('d' | 'i', Value::Int(n)) if self.precision.is_none() && !self.has('#') => {
                self.signed(*n)
            }
            ('u' | 'x' | 'X' | 'o', Value::Int(n))
                if self.precision.is_none() && !self.has('+') && !self.has(' ') =>
            {
                self.unsigned(*n as i32 as u32)?
            }
            ('s', Value::Int(_)) | ('d' | 'i' | 'u' | 'x' | 'X' | 'o', Value::Str(_)) => {
                return Err(messages::substitution_does_not_match(position));
            }
            _ => return Err(unknown_specification()),
        };
        let width = self.width;
        Ok(if self.has('-') { format!("{body:<width$}") } else { format!("{body:>width$}") })
    }

    fn signed(&self, n: i64) -> String {
        let sign = match n {
            ..0 => "-",
            _ if self.has('+') => "+",
            _ if self.has(' ') => " ",
            _ => "",
        };
        self.padded(sign, &n.unsigned_abs().to_string())
    }

    fn unsigned(&self, n: u32) -> Result<String> {
        let (prefix, digits) = match self.kind {
            'u' if self.has('#') => return Err(unknown_specification()),
            'u' => ("", n.to_string()),
            'x' => ("0x", format!("{n:x}")),
            'X' => ("0X", format!("{n:X}")),
            _ => ("0", format!("{n:o}")),
        };
        Ok(self.padded(if self.has('#') && n != 0 { prefix } else { "" }, &digits))
    }

    /// With zeros between the prefix and the digits, if there is that flag.
    fn padded(&self, prefix: &str, digits: &str) -> String {
        let zeros = match self.has('0') && !self.has('-') {
            true => self.width.saturating_sub(prefix.len()),
            false => 0,
        };
        format!("{prefix}{digits:0>zeros$}")
    }
}

/// A width or a precision: digits, or an asterisk for the next value.
fn number(chars: &mut Peekable<Chars<'_>>, values: &mut Values<'_>) -> Result<Option<usize>> {
    if chars.next_if_eq(&'*').is_some() {
        return match values.next() {
            Some(Value::Int(n)) => {
                usize::try_from(*n).map(Some).map_err(|_| unknown_specification())
            }
            _ => Err(unknown_specification()),
        };
    }
    let mut digits = String::new();
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    match digits.is_empty() {
        true => Ok(None),
        false => digits.parse().map(Some).map_err(|_| unknown_specification()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Len;

    fn shown(text: &str, values: &[Value]) -> Result<String> {
        let typed = |v: &Value| match v {
            Value::Str(_) => (Type::VarChar(Len::N(10)), v.clone()),
            _ => (Type::Int, v.clone()),
        };
        format(text, &values.iter().map(typed).collect::<Vec<_>>())
    }

    fn int(n: i64) -> Value {
        Value::Int(n)
    }

    #[test]
    fn specifications() {
        let cases = [
            ("plain 100%%", int(0), "plain 100%"),
            ("%d|", int(42), "42|"),
            ("%i", int(-42), "-42"),
            ("%5d", int(42), "   42"),
            ("%-5d|", int(42), "42   |"),
            ("%05d", int(-42), "-0042"),
            ("%+d", int(42), "+42"),
            ("% d", int(42), " 42"),
            ("%-05d|", int(42), "42   |"),
            ("%u", int(-1), "4294967295"),
            ("%x", int(255), "ff"),
            ("%X", int(255), "FF"),
            ("%o", int(8), "10"),
            ("%#x", int(255), "0xff"),
            ("%#08X", int(255), "0X0000FF"),
            ("%#o", int(8), "010"),
            ("%#x", int(0), "0"),
            ("%s", Value::Str("abc".into()), "abc"),
            ("%5s", Value::Str("abc".into()), "  abc"),
            ("%-5s|", Value::Str("abc".into()), "abc  |"),
            ("%.2s", Value::Str("abc".into()), "ab"),
            ("%.s", Value::Str("abc".into()), ""),
            ("%d", Value::Null, "(null)"),
        ];
        for (text, value, expected) in cases {
            assert_eq!(shown(text, &[value]), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn values_are_taken_one_after_the_other() {
        assert_eq!(shown("%d %d %d", &[int(1), int(2)]), Ok("1 2 (null)".into()));
        assert_eq!(shown("%*d|%d", &[int(4), int(1), int(2)]), Ok("   1|2".into()));
        assert_eq!(shown("%.*s", &[int(1), Value::Str("ab".into())]), Ok("a".into()));
    }

    #[test]
    fn what_does_not_match_is_an_error() {
        let number = |text: &str, values: &[Value]| shown(text, values).map_err(|e| e.number);
        assert_eq!(number("%s", &[int(1)]), Err(2786));
        assert_eq!(number("%d", &[Value::Str("a".into())]), Err(2786));
        for text in ["%", "%5", "%z", "%.2d", "%#d", "%+x", "%#u", "%*d", "%3000d"] {
            assert_eq!(number(text, &[int(-1)]), Err(49_999), "{text}");
        }
        assert_eq!(number("%05s", &[Value::Str("a".into())]), Err(49_999));
        let e = shown("%d %s", &[int(1), int(2)]).expect_err("no text");
        assert!(e.message.contains("parameter 2 "), "{e}");
        let money = [(Type::Money, Value::Null)];
        let e = format("%d", &money).expect_err("money");
        assert_eq!((e.number, e.message.contains("(parameter 4)")), (2748, true));
        assert!(format("%d", &[(Type::BigInt, int(1))]).is_err_and(|e| e.is_unsupported()));
    }

    #[test]
    fn a_message_has_its_bound() {
        let longest = Value::Str("a".repeat(LONGEST));
        assert_eq!(shown("%s", std::slice::from_ref(&longest)).map(|m| m.len()), Ok(LONGEST));
        assert!(shown("%sb", &[longest]).is_err_and(|e| e.is_unsupported()));
    }
}
