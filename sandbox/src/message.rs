//! The printf-style texts of RAISERROR.

use crate::error::{Error, Result};
use crate::types::{Type, Value};

/// The most that the server sends of a message; what it cuts it ends with an ellipsis.
const LONGEST: usize = 2047;

/// `%[flags][width][.precision]type`, with an asterisk for a width or a precision
/// that is an argument.
pub fn format(format: &str, values: &[(Type, Value)]) -> Result<String> {
    for (i, (ty, _)) in values.iter().enumerate() {
        let parameter = i + 4;
        match ty {
            Type::TinyInt
            | Type::SmallInt
            | Type::Int
            | Type::Char(_)
            | Type::VarChar(_)
            | Type::NChar(_)
            | Type::NVarChar(_) => {}
            Type::Null => {}
            Type::BigInt | Type::Bit | Type::Binary(_) | Type::VarBinary(_) => {
                return Err(Error::unsupported(format!("RAISERROR with an argument of type {ty}")));
            }
            _ => {
                let name = ty.name_and_id().0;
                return Err(Error::new(
                    2748,
                    16,
                    format!(
                        "Cannot specify {name} data type (parameter {parameter}) as a substitution parameter."
                    ),
                ));
            }
        }
    }
    let missing = || Error::unsupported("RAISERROR with this conversion specification");
    let mut values = values.iter().enumerate();
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        if chars.next_if_eq(&'%').is_some() {
            out.push('%');
            continue;
        }
        let mut flags = String::new();
        while let Some(f) = chars.next_if(|c| "-+0# ".contains(*c)) {
            flags.push(f);
        }
        let mut number =
            |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| -> Result<Option<usize>> {
                if chars.next_if_eq(&'*').is_some() {
                    return match values.next() {
                        Some((_, (_, Value::Int(n)))) => {
                            usize::try_from(*n).map(Some).map_err(|_| missing())
                        }
                        _ => Err(missing()),
                    };
                }
                let mut digits = String::new();
                while let Some(d) = chars.next_if(char::is_ascii_digit) {
                    digits.push(d);
                }
                if digits.is_empty() {
                    Ok(None)
                } else {
                    digits.parse().map(Some).map_err(|_| missing())
                }
            };
        let width = number(&mut chars)?.unwrap_or(0);
        if width > LONGEST {
            return Err(Error::unsupported("a width of more than 2,047 characters"));
        }
        let precision = match chars.next_if_eq(&'.') {
            Some(_) => Some(number(&mut chars)?.unwrap_or(0)),
            None => None,
        };
        let kind = chars.next().ok_or_else(missing)?;
        let Some((i, (_, value))) = values.next() else {
            // An argument that is not there is shown as one that is NULL.
            out.push_str("(null)");
            continue;
        };
        let body = match (kind, value) {
            ('s' | 'd' | 'i' | 'u' | 'x' | 'X' | 'o', Value::Null) => "(null)".to_owned(),
            ('s', Value::Str(s)) if flags.chars().all(|f| f == '-') => match precision {
                Some(p) => crate::convert::cut_utf16(s, p)?,
                None => s.clone(),
            },
            ('d' | 'i', Value::Int(n)) if precision.is_none() && !flags.contains('#') => {
                let sign = match (*n < 0, flags.contains('+'), flags.contains(' ')) {
                    (true, ..) => "-",
                    (_, true, _) => "+",
                    (_, _, true) => " ",
                    _ => "",
                };
                let digits = n.unsigned_abs().to_string();
                let zeros = if flags.contains('0') && !flags.contains('-') {
                    width.saturating_sub(sign.len())
                } else {
                    0
                };
                format!("{sign}{digits:0>zeros$}")
            }
            ('u' | 'x' | 'X' | 'o', Value::Int(n))
                if precision.is_none() && !flags.contains(['+', ' ']) =>
            {
                let n = *n as i32 as u32;
                let (prefix, digits) = match kind {
                    'u' if flags.contains('#') => return Err(missing()),
                    'u' => ("", n.to_string()),
                    'x' => ("0x", format!("{n:x}")),
                    'X' => ("0X", format!("{n:X}")),
                    _ => ("0", format!("{n:o}")),
                };
                let prefix = if flags.contains('#') && n != 0 { prefix } else { "" };
                let zeros = if flags.contains('0') && !flags.contains('-') {
                    width.saturating_sub(prefix.len())
                } else {
                    0
                };
                format!("{prefix}{digits:0>zeros$}")
            }
            ('s', Value::Int(_)) | ('d' | 'i' | 'u' | 'x' | 'X' | 'o', Value::Str(_)) => {
                return Err(Error::new(
                    2786,
                    16,
                    format!(
                        "The data type of substitution parameter {} does not match the expected type of the format specification.",
                        i + 1
                    ),
                ));
            }
            _ => return Err(missing()),
        };
        out += &if flags.contains('-') {
            format!("{body:<width$}")
        } else {
            format!("{body:>width$}")
        };
    }
    if out.encode_utf16().count() > LONGEST {
        return Err(Error::unsupported("a message of more than 2,047 characters"));
    }
    Ok(out)
}
