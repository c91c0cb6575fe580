//! CAST, CONVERT and the implicit conversions: one function from any type to any other.

use crate::calendar::{self, DAYS_1900, Moment};
use crate::decimal;
use crate::error::{Error, Result};
use crate::types::{DAY, Len, Type, Value};

/// CONVERT's style where none is written: CAST, and every implicit conversion.
pub const NO_STYLE: i64 = -1;

/// Converts `v` from one type to another. `style` is CONVERT's third argument, or [`NO_STYLE`].
pub fn convert(v: Value, from: Type, to: Type, style: i64) -> Result<Value> {
    if v.is_null() || from == to && style == NO_STYLE {
        return Ok(v);
    }
    allowed(from, to)?;
    if to.is_text() {
        let s = to_text(&v, from, to, style)?;
        return fit_text(s, from, to);
    }
    if to.is_int() {
        return to_int(v, from, to);
    }
    if to.is_scaled() {
        return to_scaled(&v, from, to);
    }
    if to.is_temporal() {
        return to_temporal(v, from, to, style);
    }
    match (to, v) {
        (Type::Real, v) => Ok(match to_float(&v, from)? {
            f if f.is_finite() && !(f as f32).is_finite() => {
                return Err(Error::new(232, 16, "Arithmetic overflow error for type real."));
            }
            f => Value::Float(f64::from(f as f32)),
        }),
        (Type::Float, v) => to_float(&v, from).map(Value::Float),
        (Type::Binary(_) | Type::VarBinary(_), v) => {
            let mut b = to_binary(v, from, style)?;
            let n = match to {
                Type::Binary(n) | Type::VarBinary(Len::N(n)) => usize::from(n),
                _ => b.len(),
            };
            // Numbers are cut and filled on their left, everything else on its right.
            if from.is_number() {
                b.drain(..b.len().saturating_sub(n));
                if matches!(to, Type::Binary(_)) {
                    b.splice(0..0, vec![0; n - b.len()]);
                }
            } else {
                b.truncate(n);
                if matches!(to, Type::Binary(_)) {
                    b.resize(n, 0);
                }
            }
            Ok(Value::Bin(b))
        }
        (Type::Guid, Value::Str(s)) if from.is_text() => parse_guid(&s).map(Value::Str),
        (Type::Guid, v) if from == Type::Guid => Ok(v),
        _ => Err(missing(from, to)),
    }
}

/// Refuses what even CAST may not do (529), by the table on Microsoft's page of CAST and CONVERT.
pub fn allowed(from: Type, to: Type) -> Result<()> {
    let modern = |t: Type| t.is_temporal() && !matches!(t, Type::DateTime | Type::SmallDateTime);
    let other = |t: Type| t.is_number() || t.is_temporal();
    let clash = modern(from) && to.is_number()
        || from.is_number() && modern(to)
        || from == Type::Guid && other(to)
        || to == Type::Guid && other(from)
        || from.is_binary() && to.is_float()
        || matches!((from, to), (Type::Time(_), Type::Date) | (Type::Date, Type::Time(_)));
    if clash {
        let (from, to) = (from.name_and_id().0, to.name_and_id().0);
        return Err(Error::new(
            529,
            16,
            format!("Explicit conversion from data type {from} to {to} is not allowed."),
        ));
    }
    Ok(())
}

/// Refuses what needs a CAST (257), or could not even be one (206), by the same table.
pub fn implicit(from: Type, to: Type) -> Result<()> {
    let (f, t) = (from.name_and_id().0, to.name_and_id().0);
    if allowed(from, to).is_err() {
        return Err(Error::new(
            206,
            16,
            format!("Operand type clash: {f} is incompatible with {t}"),
        ));
    }
    let cast = matches!(from, Type::DateTime | Type::SmallDateTime) && to.is_number()
        || matches!(from, Type::Money | Type::SmallMoney) && to.is_text()
        || from.is_text() && to.is_binary()
        || from == Type::Xml && to.is_text() && to != Type::Xml;
    if cast {
        return Err(Error::new(
            257,
            16,
            format!(
                "Implicit conversion from data type {f} to {t} is not allowed. Use the CONVERT function to run this query."
            ),
        ));
    }
    Ok(())
}

/// A conversion that SQL Server has and the sandbox has not.
pub fn missing(from: Type, to: Type) -> Error {
    Error::unsupported(format!("the conversion from {from} to {to}"))
}

/// As [`convert`] for an assignment: text that is too long is an error (8152), not cut.
pub fn assign(v: Value, from: Type, to: Type) -> Result<Value> {
    let limit = match to {
        Type::Char(n) | Type::NChar(n) | Type::VarChar(Len::N(n)) | Type::NVarChar(Len::N(n)) => {
            Some(usize::from(n))
        }
        Type::Binary(n) | Type::VarBinary(Len::N(n)) => Some(usize::from(n)),
        _ => None,
    };
    if let Some(n) = limit {
        let long = match &v {
            Value::Str(s) if to.is_text() => s.trim_end_matches(' ').encode_utf16().count() > n,
            Value::Bin(b) => b.len() > n,
            _ => false,
        };
        if long {
            return Err(Error {
                state: 30,
                ..Error::new(8152, 16, "String or binary data would be truncated.")
            });
        }
    }
    convert(v, from, to, NO_STYLE)
}

/// Cuts or pads to the target's length; what a number cannot fit is an error, as on the server.
fn fit_text(s: String, from: Type, to: Type) -> Result<Value> {
    let s = if to.is_unicode() { s } else { narrow(&s)? };
    let (n, pad) = match to {
        Type::Char(n) | Type::NChar(n) => (usize::from(n), true),
        Type::VarChar(Len::N(n)) | Type::NVarChar(Len::N(n)) => (usize::from(n), false),
        _ => return Ok(Value::Str(s)),
    };
    let units = s.encode_utf16().count();
    if units > n {
        return match from {
            Type::TinyInt | Type::SmallInt | Type::Int if !to.is_unicode() => {
                Ok(Value::Str(format!("{:<n$}", "*")))
                    .map(|v| if pad { v } else { Value::Str("*".to_owned()) })
            }
            Type::Bit | Type::BigInt => Err(missing(from, to)),
            t if t.is_number() => Err(Error::overflow(to.name_and_id().0)),
            Type::Guid => Err(Error::new(
                8170,
                16,
                "Insufficient result space to convert uniqueidentifier value to char.",
            )),
            _ => cut_utf16(&s, n).map(Value::Str),
        };
    }
    Ok(Value::Str(if pad { s + &" ".repeat(n - units) } else { s }))
}

/// The longest prefix of at most `n` UTF-16 units. Half of a surrogate pair is more than
/// the sandbox can keep.
pub fn cut_utf16(s: &str, n: usize) -> Result<String> {
    let units: Vec<u16> = s.encode_utf16().take(n).collect();
    utf16_text(&units)
}

/// Text from UTF-16 units.
pub fn utf16_text(units: &[u16]) -> Result<String> {
    String::from_utf16(units).map_err(|_| Error::unsupported("half of a surrogate pair"))
}

/// To the code page of the collation. What it lacks becomes `?`, but for characters that Windows
/// has a likeness of.
pub fn narrow(s: &str) -> Result<String> {
    s.chars()
        .map(|c| match c as u32 {
            _ if in_cp1252(c) => Ok(c),
            0x0100..=0x0589
            | 0x066A
            | 0x1E00..=0x1EFF
            | 0x2000..=0x27FF
            | 0x3000..=0x301B
            | 0xFF01..=0xFF5E
            | 0x1_0000.. => {
                Err(Error::unsupported(format!("'{c}' in the code page of varchar; write N'…'")))
            }
            _ => Ok('?'),
        })
        .collect()
}

/// Windows-1252, the code page of the sandbox's collation.
pub fn in_cp1252(c: char) -> bool {
    (c as u32) < 0x80 || (0xA0..=0xFF).contains(&(c as u32)) || CP1252.contains(&c)
}

/// 0x80 … 0x9F of Windows-1252.
pub const CP1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The text of a value, before it is fitted to a length.
pub fn to_text(v: &Value, from: Type, to: Type, style: i64) -> Result<String> {
    Ok(match v {
        Value::Str(s) => s.clone(),
        v if from.is_temporal() => calendar::text(v, from, style)?,
        Value::Int(i) => i.to_string(),
        Value::Dec(d) if matches!(from, Type::Money | Type::SmallMoney) => match style {
            NO_STYLE | 0 => decimal::text(decimal::rescale(*d, 4, 2)?, 2),
            1 => commas(&decimal::text(decimal::rescale(*d, 4, 2)?, 2)),
            2 | 126 => decimal::text(*d, 4),
            _ => return Err(Error::unsupported(format!("CONVERT of money with style {style}"))),
        },
        Value::Dec(d) => decimal::text(*d, from.scale()),
        Value::Float(f) => float_text(*f, style, from)?,
        Value::Bin(b) => match style {
            1 => format!("0x{}", hex(b)),
            2 => hex(b),
            NO_STYLE | 0 if to.is_unicode() && b.len() % 2 == 0 => utf16_text(
                &b.chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect::<Vec<_>>(),
            )?,
            _ if to.is_unicode() || !matches!(style, NO_STYLE | 0) => {
                return Err(missing(from, to));
            }
            _ => b.iter().map(|b| from_cp1252(*b)).collect(),
        },
        Value::Null | Value::Offset(..) => {
            return Err(Error::internal("a value of the wrong kind"));
        }
    })
}

/// Commas every three digits to the left of the point.
fn commas(s: &str) -> String {
    let (whole, fraction) = s.split_once('.').unwrap_or((s, ""));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |d| ("-", d));
    let mut out = String::new();
    for (i, d) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(d);
    }
    format!("{sign}{out}.{fraction}")
}

/// One byte of Windows-1252.
pub fn from_cp1252(b: u8) -> char {
    if (0x80..0xA0).contains(&b) { CP1252[usize::from(b - 0x80)] } else { char::from(b) }
}

/// A character as one byte of Windows-1252.
pub fn to_cp1252(c: char) -> u8 {
    match CP1252.iter().position(|x| *x == c) {
        Some(i) => 0x80 + i as u8,
        None => u8::try_from(c as u32).unwrap_or(b'?'),
    }
}

/// Upper-case hexadecimal.
pub fn hex(b: &[u8]) -> String {
    b.iter().map(|b| format!("{b:02X}")).collect()
}

/// Style 0 has at most six digits; 1 and 2 are always scientific; 3 is lossless.
fn float_text(f: f64, style: i64, from: Type) -> Result<String> {
    let sci = |digits: usize| {
        let s = format!("{f:.digits$e}");
        let (m, e) = s.split_once('e').unwrap_or((&s, "0"));
        let e: i32 = e.parse().unwrap_or(0);
        format!("{m}e{}{:03}", if e < 0 { '-' } else { '+' }, e.abs())
    };
    Ok(match style {
        _ if f == 0.0 && f.is_sign_negative() => return Err(Error::unsupported("the text of -0")),
        NO_STYLE | 0 => {
            if f == 0.0 {
                return Ok("0".to_owned());
            }
            let s = format!("{f:.5e}");
            let (m, e) = s.split_once('e').unwrap_or((&s, "0"));
            let e: i32 = e.parse().unwrap_or(0);
            if (-4..6).contains(&e) {
                let places = usize::try_from(5 - e).unwrap_or(0);
                let t = format!("{f:.places$}");
                if t.contains('.') {
                    t.trim_end_matches('0').trim_end_matches('.').to_owned()
                } else {
                    t
                }
            } else {
                let m =
                    if m.contains('.') { m.trim_end_matches('0').trim_end_matches('.') } else { m };
                format!("{m}e{}{:03}", if e < 0 { '-' } else { '+' }, e.abs())
            }
        }
        1 => sci(7),
        2 => sci(15),
        3 if from == Type::Float => sci(16),
        _ => return Err(Error::unsupported(format!("CONVERT of float with style {style}"))),
    })
}

fn range(ty: Type) -> (i64, i64) {
    match ty {
        Type::TinyInt => (0, 255),
        Type::SmallInt => (i64::from(i16::MIN), i64::from(i16::MAX)),
        Type::Int => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    }
}

/// Refuses an integer that `ty` cannot hold (8115, or 220 for the small ones).
pub fn fit_int(i: i64, ty: Type, overflow_220: bool) -> Result<i64> {
    let (low, high) = range(ty);
    if (low..=high).contains(&i) {
        return Ok(i);
    }
    let name = ty.name_and_id().0;
    Err(if overflow_220 && matches!(ty, Type::TinyInt | Type::SmallInt) {
        Error {
            state: 2,
            ..Error::new(
                220,
                16,
                format!("Arithmetic overflow error for data type {name}, value = {i}."),
            )
        }
    } else {
        Error { state: 2, ..Error::overflow(name) }
    })
}

fn to_int(v: Value, from: Type, to: Type) -> Result<Value> {
    let i = match &v {
        Value::Int(_) if from.is_temporal() && to == Type::Bit => return Err(missing(from, to)),
        Value::Int(i) if from.is_temporal() => (i + DAY / 2).div_euclid(DAY) - DAYS_1900,
        Value::Int(i) => *i,
        Value::Dec(d) if matches!(from, Type::Money | Type::SmallMoney) => {
            i64::try_from(decimal::rescale(*d, 4, 0)?)
                .map_err(|_| Error::overflow(to.name_and_id().0))?
        }
        Value::Dec(d) => {
            let unit = decimal::pow10(u32::from(from.scale()))?;
            i64::try_from(d / unit).map_err(|_| Error::overflow(to.name_and_id().0))?
        }
        Value::Float(f) => {
            if !f.is_finite() || f.abs() >= 9_223_372_036_854_775_807.0 {
                return Err(Error::overflow(to.name_and_id().0));
            }
            f.trunc() as i64
        }
        Value::Str(s) => return text_to_int(s, from, to),
        Value::Bin(_) if to == Type::Bit => return Err(missing(from, to)),
        Value::Bin(b) => {
            let take = &b[b.len().saturating_sub(8)..];
            let u = take.iter().fold(0u64, |a, b| a << 8 | u64::from(*b));
            match to {
                Type::Int => i64::from(u as i32),
                Type::SmallInt => i64::from(u as i16),
                Type::TinyInt => i64::from(u as u8),
                _ => u as i64,
            }
        }
        _ => return Err(missing(from, to)),
    };
    if to == Type::Bit {
        let nonzero = match &v {
            Value::Dec(d) => *d != 0,
            Value::Float(f) => *f != 0.0,
            _ => i != 0,
        };
        return Ok(Value::Int(i64::from(nonzero)));
    }
    fit_int(i, to, from.is_int()).map(Value::Int)
}

/// Text that the server may read as a number in a way that its documentation does not tell: a sign
/// alone, blanks within, other spaces than blanks, an exponent without digits.
fn doubtful(t: &str) -> bool {
    !t.is_empty()
        && t.chars().all(|c| {
            c.is_ascii_digit() || c.is_whitespace() || "+-.,eEdD$".contains(c) || currency(c)
        })
}

/// The symbols on Microsoft's page of money.
pub fn currency(c: char) -> bool {
    matches!(
        c,
        '$' | '¢'
            | '£'
            | '¤'
            | '¥'
            | '৲'
            | '৳'
            | '฿'
            | '៛'
            | '﷼'
            | '₡'
            | '₦'
            | '₩'
            | '₪'
            | '₫'
            | '€'
            | '₭'
            | '₮'
            | '₱'
    ) || ('\u{20A0}'..='\u{20B1}').contains(&c)
}

/// Blanks around a number do not count.
fn trimmed(s: &str) -> &str {
    s.trim_matches(' ')
}

fn text_to_int(s: &str, from: Type, to: Type) -> Result<Value> {
    let t = trimmed(s);
    let digits = t.strip_prefix(['+', '-']).unwrap_or(t);
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let unsure = || Error::unsupported(format!("the conversion of '{s}' to {to}"));
    if to == Type::Bit {
        return match t.to_ascii_lowercase().as_str() {
            "true" => Ok(Value::Int(1)),
            "false" => Ok(Value::Int(0)),
            _ if plain => Ok(Value::Int(i64::from(digits.bytes().any(|b| b != b'0')))),
            _ if t.is_empty() || doubtful(t) => Err(unsure()),
            _ => Err(bad_text(s, from, to)),
        };
    }
    if t.is_empty() {
        return Ok(Value::Int(0));
    }
    if !plain {
        // A point, an exponent or a comma between digits is no integer; the rest of what looks like
        // a number may be one.
        let number = t.starts_with(|c: char| c.is_ascii_digit())
            && t.ends_with(|c: char| c.is_ascii_digit())
            && t.chars().all(|c| c.is_ascii_digit() || ".,eE".contains(c));
        return Err(if doubtful(t) && !number { unsure() } else { bad_text(s, from, to) });
    }
    let (low, high) = range(to);
    match t.parse::<i64>().ok().filter(|i| (low..=high).contains(i)) {
        Some(i) => Ok(Value::Int(i)),
        None => Err(match to {
            Type::Int => Error::new(
                248,
                16,
                format!(
                    "The conversion of the {} value '{s}' overflowed an int column.",
                    from.name_and_id().0
                ),
            ),
            Type::SmallInt | Type::TinyInt => Error::new(
                244,
                16,
                format!(
                    "The conversion of the {} value '{s}' overflowed an {} column. Use a larger integer column.",
                    from.name_and_id().0,
                    if to == Type::SmallInt { "INT2" } else { "INT1" }
                ),
            ),
            _ => unsure(),
        }),
    }
}

fn bad_text(s: &str, from: Type, to: Type) -> Error {
    if to == Type::BigInt {
        return Error {
            state: 5,
            ..Error::new(
                8114,
                16,
                format!("Error converting data type {} to bigint.", from.name_and_id().0),
            )
        };
    }
    Error::new(
        245,
        16,
        format!(
            "Conversion failed when converting the {} value '{s}' to data type {}.",
            from.name_and_id().0,
            to.name_and_id().0
        ),
    )
}

/// A money text: a sign, a symbol, digits with commas between them, a point.
fn money_text(s: &str) -> Option<(i128, u8)> {
    let t = trimmed(s);
    let (sign, t) = t.strip_prefix(['+', '-']).map_or(("", t), |r| (&t[..1], r));
    let t = t.strip_prefix(currency).unwrap_or(t);
    let (whole, fraction) = t.split_once('.').unwrap_or((t, ""));
    let grouped = whole
        .split(',')
        .enumerate()
        .all(|(i, g)| !g.is_empty() && (i == 0 && g.len() <= 3 || g.len() == 3));
    if whole.contains(',') && !grouped || !t.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    decimal::parse(&format!("{sign}{}.{fraction}", whole.replace(',', "")))
}

fn to_scaled(v: &Value, from: Type, to: Type) -> Result<Value> {
    let s = to.scale();
    let unsure = |t: &str| Error::unsupported(format!("the conversion of '{t}' to {to}"));
    let d = match v {
        Value::Int(i) if from.is_int() => decimal::rescale(i128::from(*i), 0, s)?,
        Value::Dec(d) => decimal::rescale(*d, from.scale(), s)?,
        Value::Float(f) => decimal::from_float(*f, from, s, false)?.ok_or_else(|| Error {
            state: 6,
            ..Error::new(
                8115,
                16,
                "Arithmetic overflow error converting float to data type numeric.",
            )
        })?,
        Value::Str(t) if !matches!(to, Type::Decimal(..)) => match money_text(t) {
            Some((d, written)) => decimal::rescale(d, written, 4)?,
            None if trimmed(t).is_empty() => 0,
            None if doubtful(t) => return Err(unsure(t)),
            None => {
                return Err(Error::new(
                    235,
                    16,
                    "Cannot convert a char value to money. The char value has incorrect syntax.",
                ));
            }
        },
        Value::Str(t) => {
            match decimal::parse(trimmed(t))
                .filter(|_| trimmed(t) != "." && !t.contains(char::is_control))
            {
                Some((d, written)) => decimal::rescale(d, written, s)?,
                None if doubtful(t)
                    && !trimmed(t).is_empty()
                    && decimal_is_doubtful(trimmed(t)) =>
                {
                    return Err(unsure(t));
                }
                None => {
                    let from = from.name_and_id().0;
                    return Err(Error {
                        state: 5,
                        ..Error::new(
                            8114,
                            16,
                            format!("Error converting data type {from} to numeric."),
                        )
                    });
                }
            }
        }
        _ => return Err(missing(from, to)),
    };
    match to {
        Type::Decimal(p, _) => {
            let what = if from.is_text() {
                from.name_and_id().0
            } else if from.is_int() {
                "int"
            } else if from.is_float() {
                "float"
            } else {
                "numeric"
            };
            decimal::fit(d, p, what).map(Value::Dec).map_err(|e| Error { state: 8, ..e })
        }
        _ if from.is_text() && decimal::fit_money(d, to).is_err() => Err(missing(from, to)),
        _ => decimal::fit_money(d, to).map(Value::Dec),
    }
}

/// Commas and exponents make no decimal; whatever else looks like a number may.
fn decimal_is_doubtful(t: &str) -> bool {
    let number =
        t.starts_with(|c: char| c.is_ascii_digit()) && t.ends_with(|c: char| c.is_ascii_digit());
    !(number && t.contains([',', 'e', 'E']))
}

fn to_float(v: &Value, from: Type) -> Result<f64> {
    Ok(match v {
        Value::Int(i) if from.is_int() => *i as f64,
        // Through the text, so that the double is the one nearest to the decimal.
        Value::Dec(d) => {
            decimal::text(*d, from.scale()).parse().map_err(|_| Error::overflow("float"))?
        }
        Value::Float(f) => *f,
        Value::Str(s) if trimmed(s).is_empty() => 0.0,
        Value::Str(s) => {
            let t = trimmed(s);
            let mantissa = t.strip_prefix(['+', '-']).unwrap_or(t);
            let plain =
                mantissa.starts_with(|c: char| c.is_ascii_digit() || c == '.') && mantissa != ".";
            match t.parse::<f64>() {
                Ok(f) if plain && f.is_finite() => f,
                Ok(_) if plain => return Err(missing(from, Type::Float)),
                _ if doubtful(t) => {
                    return Err(Error::unsupported(format!("the conversion of '{s}' to float")));
                }
                _ => {
                    let from = from.name_and_id().0;
                    return Err(Error {
                        state: 5,
                        ..Error::new(
                            8114,
                            16,
                            format!("Error converting data type {from} to float."),
                        )
                    });
                }
            }
        }
        _ => return Err(missing(from, Type::Float)),
    })
}

fn to_binary(v: Value, from: Type, style: i64) -> Result<Vec<u8>> {
    Ok(match v {
        Value::Bin(b) => b,
        Value::Str(s) if from.is_text() && matches!(style, 1 | 2) => {
            let fail = || {
                let from = from.name_and_id().0;
                Error {
                    state: 5,
                    ..Error::new(
                        8114,
                        16,
                        format!("Error converting data type {from} to varbinary."),
                    )
                }
            };
            let digits = if style == 1 { s.strip_prefix("0x").ok_or_else(fail)? } else { &s };
            if digits.len() % 2 == 1 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(fail());
            }
            (0..digits.len())
                .step_by(2)
                .filter_map(|i| u8::from_str_radix(&digits[i..i + 2], 16).ok())
                .collect()
        }
        _ if !matches!(style, NO_STYLE | 0) => {
            return Err(Error::unsupported(format!("CONVERT to binary with style {style}")));
        }
        Value::Str(s) if from.is_unicode() => s.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Value::Str(s) if from.is_text() => s.chars().map(to_cp1252).collect(),
        Value::Int(i) if from.is_int() => {
            let n = from.max_length() as usize;
            i.to_be_bytes()[8 - n..].to_vec()
        }
        _ => return Err(Error::unsupported(format!("the conversion from {from} to binary"))),
    })
}

fn to_temporal(v: Value, from: Type, to: Type, style: i64) -> Result<Value> {
    if let Value::Str(s) = &v {
        if !calendar::fits_style(s.trim_matches(' '), style) {
            return Err(Error::unsupported(format!("CONVERT of '{s}' to {to} with style {style}")));
        }
        return calendar::parse(s, to).and_then(|m| calendar::build(m, to));
    }
    if !from.is_temporal() {
        return match v {
            Value::Int(days) if from.is_int() && from != Type::Bit => {
                calendar::build(Moment { days: days + DAYS_1900, ticks: 0, offset: None }, to)
            }
            _ => Err(missing(from, to)),
        };
    }
    let Some(m) = calendar::exact(&v, from) else { return Err(missing(from, to)) };
    if let (Type::Time(scale), true) = (to, calendar::round_ticks(m.ticks, to_scale(to)) >= DAY) {
        return Err(Error::unsupported(format!("a time that rounds to midnight in time({scale})")));
    }
    calendar::build(m, to)
}

fn to_scale(t: Type) -> u8 {
    match t {
        Type::Time(s) => s,
        _ => 7,
    }
}

fn parse_guid(s: &str) -> Result<String> {
    let t = s.strip_prefix('{').unwrap_or(s);
    let ok = t.len() >= 36
        && t.is_ascii()
        && t[..36].bytes().enumerate().all(|(i, b)| {
            if matches!(i, 8 | 13 | 18 | 23) { b == b'-' } else { b.is_ascii_hexdigit() }
        });
    if !ok {
        return Err(Error {
            state: 2,
            ..Error::new(
                8169,
                16,
                "Conversion failed when converting from a character string to uniqueidentifier.",
            )
        });
    }
    Ok(t[..36].to_ascii_uppercase())
}
