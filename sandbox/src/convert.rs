//! CAST, CONVERT and the implicit conversions: one function from any type to any other.

use crate::calendar::{self, DAYS_1900, Moment};
use crate::decimal;
use crate::error::{Error, Result};
use crate::types::{DAY, Len, Ty, Val};

/// Converts `v` from one type to another. `style` is CONVERT's third argument (0 if there is none).
pub fn convert(v: Val, from: Ty, to: Ty, style: i64) -> Result<Val> {
    if v.is_null() || from == to && style == 0 {
        return Ok(v);
    }
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
        (Ty::Real, v) => Ok(match to_float(&v, from)? {
            f if f.is_finite() && !(f as f32).is_finite() => {
                return Err(Error::new(232, 16, "Arithmetic overflow error for type real."));
            }
            f => Val::Float(f64::from(f as f32)),
        }),
        (Ty::Float, v) => to_float(&v, from).map(Val::Float),
        (Ty::Binary(n), v) => {
            let mut b = to_binary(v, from)?;
            b.resize(usize::from(n), 0);
            Ok(Val::Bin(b))
        }
        (Ty::VarBinary(len), v) => {
            let mut b = to_binary(v, from)?;
            if let Len::N(n) = len {
                b.truncate(usize::from(n));
            }
            Ok(Val::Bin(b))
        }
        (Ty::Guid, Val::Str(s)) if from.is_text() => parse_guid(&s).map(Val::Str),
        (_, v) => Err(clash(&v, from, to)),
    }
}

/// As [`convert`] for an assignment: text that is too long is an error (8152), not cut.
pub fn assign(v: Val, from: Ty, to: Ty) -> Result<Val> {
    let limit = match to {
        Ty::Char(n) | Ty::NChar(n) | Ty::VarChar(Len::N(n)) | Ty::NVarChar(Len::N(n)) => Some(usize::from(n)),
        Ty::Binary(n) | Ty::VarBinary(Len::N(n)) => Some(usize::from(n)),
        _ => None,
    };
    if let Some(n) = limit {
        let long = match &v {
            Val::Str(s) if to.is_text() => s.trim_end_matches(' ').encode_utf16().count() > n,
            Val::Bin(b) => b.len() > n,
            _ => false,
        };
        if long {
            return Err(Error { state: 30, ..Error::new(8152, 16, "String or binary data would be truncated.") });
        }
    }
    convert(v, from, to, 0)
}

fn clash(_: &Val, from: Ty, to: Ty) -> Error {
    Error::new(
        529,
        16,
        format!(
            "Explicit conversion from data type {} to {} is not allowed.",
            from.name_and_id().0,
            to.name_and_id().0
        ),
    )
}

/// Cuts or pads to the target's length; what a number cannot fit is an error, as on the server.
fn fit_text(s: String, from: Ty, to: Ty) -> Result<Val> {
    let s = if to.is_unicode() { s } else { s.chars().map(|c| if in_cp1252(c) { c } else { '?' }).collect() };
    let (n, pad) = match to {
        Ty::Char(n) | Ty::NChar(n) => (usize::from(n), true),
        Ty::VarChar(Len::N(n)) | Ty::NVarChar(Len::N(n)) => (usize::from(n), false),
        _ => return Ok(Val::Str(s)),
    };
    let units = s.encode_utf16().count();
    if units > n {
        if from.is_int() {
            return Ok(Val::Str("*".to_owned()));
        }
        if from.is_number() {
            return Err(Error::overflow(to.name_and_id().0));
        }
        if from == Ty::Guid {
            return Err(Error::new(8170, 16, "Insufficient result space to convert uniqueidentifier value to char."));
        }
        return Ok(Val::Str(cut_utf16(&s, n)));
    }
    Ok(Val::Str(if pad { s + &" ".repeat(n - units) } else { s }))
}

/// The longest prefix of at most `n` UTF-16 units.
pub fn cut_utf16(s: &str, n: usize) -> String {
    let mut left = n;
    s.chars()
        .take_while(|c| {
            let fits = c.len_utf16() <= left;
            left = left.saturating_sub(c.len_utf16());
            fits
        })
        .collect()
}

/// Windows-1252, the code page of the sandbox's collation.
pub fn in_cp1252(c: char) -> bool {
    (c as u32) < 0x80 || (0xA0..=0xFF).contains(&(c as u32)) || CP1252.contains(&c)
}

/// 0x80 … 0x9F of Windows-1252.
pub const CP1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The text of a value, before it is fitted to a length.
pub fn to_text(v: &Val, from: Ty, to: Ty, style: i64) -> Result<String> {
    Ok(match v {
        Val::Str(s) => s.clone(),
        v if from.is_temporal() => calendar::text(v, from, style)?,
        Val::Int(i) => i.to_string(),
        Val::Dec(d) if matches!(from, Ty::Money | Ty::SmallMoney) => match style {
            0 => decimal::text(decimal::rescale(*d, 4, 2)?, 2),
            2 => decimal::text(*d, 4),
            _ => return Err(Error::unsupported(format!("CONVERT of money with style {style}"))),
        },
        Val::Dec(d) => decimal::text(*d, from.scale()),
        Val::Float(f) => float_text(*f, style, from)?,
        Val::Bin(b) => match style {
            1 => format!("0x{}", hex(b)),
            2 => hex(b),
            _ if to.is_unicode() => {
                let units: Vec<u16> =
                    b.chunks(2).map(|c| u16::from_le_bytes([c[0], c.get(1).copied().unwrap_or(0)])).collect();
                String::from_utf16_lossy(&units)
            }
            _ => b.iter().map(|b| from_cp1252(*b)).collect(),
        },
        Val::Null | Val::Offset(..) => return Err(Error::internal("a value of the wrong kind")),
    })
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
fn float_text(f: f64, style: i64, from: Ty) -> Result<String> {
    let sci = |digits: usize| {
        let s = format!("{f:.digits$e}");
        let (m, e) = s.split_once('e').unwrap_or((&s, "0"));
        let e: i32 = e.parse().unwrap_or(0);
        format!("{m}e{}{:03}", if e < 0 { '-' } else { '+' }, e.abs())
    };
    Ok(match style {
        0 => {
            if f == 0.0 {
                return Ok("0".to_owned());
            }
            let s = format!("{f:.5e}");
            let (m, e) = s.split_once('e').unwrap_or((&s, "0"));
            let e: i32 = e.parse().unwrap_or(0);
            if (-5..6).contains(&e) {
                let places = usize::try_from(5 - e).unwrap_or(0);
                let t = format!("{f:.places$}");
                if t.contains('.') { t.trim_end_matches('0').trim_end_matches('.').to_owned() } else { t }
            } else {
                let m = if m.contains('.') { m.trim_end_matches('0').trim_end_matches('.') } else { m };
                format!("{m}e{}{:03}", if e < 0 { '-' } else { '+' }, e.abs())
            }
        }
        1 => sci(7),
        2 => sci(15),
        3 => sci(if from == Ty::Real { 8 } else { 16 }),
        _ => return Err(Error::unsupported(format!("CONVERT of float with style {style}"))),
    })
}

fn range(ty: Ty) -> (i64, i64) {
    match ty {
        Ty::TinyInt => (0, 255),
        Ty::SmallInt => (i64::from(i16::MIN), i64::from(i16::MAX)),
        Ty::Int => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    }
}

/// Refuses an integer that `ty` cannot hold (8115, or 220 for the small ones).
pub fn fit_int(i: i64, ty: Ty, overflow_220: bool) -> Result<i64> {
    let (low, high) = range(ty);
    if (low..=high).contains(&i) {
        return Ok(i);
    }
    let name = ty.name_and_id().0;
    Err(if overflow_220 && matches!(ty, Ty::TinyInt | Ty::SmallInt) {
        Error {
            state: 2,
            ..Error::new(220, 16, format!("Arithmetic overflow error for data type {name}, value = {i}."))
        }
    } else {
        Error { state: 2, ..Error::overflow(name) }
    })
}

fn to_int(v: Val, from: Ty, to: Ty) -> Result<Val> {
    let i = match &v {
        Val::Int(i) if from.is_temporal() => {
            if !matches!(from, Ty::DateTime | Ty::SmallDateTime) {
                return Err(clash(&v, from, to));
            }
            (i + DAY / 2).div_euclid(DAY) - DAYS_1900
        }
        Val::Int(i) => *i,
        Val::Dec(d) if matches!(from, Ty::Money | Ty::SmallMoney) => {
            i64::try_from(decimal::rescale(*d, 4, 0)?).map_err(|_| Error::overflow(to.name_and_id().0))?
        }
        Val::Dec(d) => {
            let unit = decimal::pow10(u32::from(from.scale()))?;
            i64::try_from(d / unit).map_err(|_| Error::overflow(to.name_and_id().0))?
        }
        Val::Float(f) => {
            if !f.is_finite() || f.abs() >= 9.3e18 {
                return Err(Error::overflow(to.name_and_id().0));
            }
            f.trunc() as i64
        }
        Val::Str(s) => return text_to_int(s, from, to),
        Val::Bin(b) => {
            let take = &b[b.len().saturating_sub(8)..];
            let u = take.iter().fold(0u64, |a, b| a << 8 | u64::from(*b));
            match to {
                Ty::Int => i64::from(u as i32),
                Ty::SmallInt => i64::from(u as i16),
                Ty::TinyInt => i64::from(u as u8),
                _ => u as i64,
            }
        }
        _ => return Err(clash(&v, from, to)),
    };
    if to == Ty::Bit {
        let nonzero = match &v {
            Val::Dec(d) => *d != 0,
            Val::Float(f) => *f != 0.0,
            _ => i != 0,
        };
        return Ok(Val::Int(i64::from(nonzero)));
    }
    fit_int(i, to, from.is_int()).map(Val::Int)
}

fn text_to_int(s: &str, from: Ty, to: Ty) -> Result<Val> {
    let t = s.trim();
    if to == Ty::Bit {
        return match t.to_ascii_lowercase().as_str() {
            "true" => Ok(Val::Int(1)),
            "false" => Ok(Val::Int(0)),
            _ => t.parse::<i64>().map(|i| Val::Int(i64::from(i != 0))).map_err(|_| bad_text(s, from, to)),
        };
    }
    if t.is_empty() {
        return Ok(Val::Int(0));
    }
    match t.parse::<i128>() {
        Ok(i) => {
            let (low, high) = range(to);
            match i64::try_from(i).ok().filter(|i| (low..=high).contains(i)) {
                Some(i) => Ok(Val::Int(i)),
                None if to == Ty::Int => Err(Error::new(
                    248,
                    16,
                    format!("The conversion of the {} value '{s}' overflowed an int column.", from.name_and_id().0),
                )),
                None => Err(Error::new(
                    244,
                    16,
                    format!(
                        "The conversion of the {} value '{s}' overflowed an {} column.",
                        from.name_and_id().0,
                        to.name_and_id().0
                    ),
                )),
            }
        }
        Err(_) => Err(bad_text(s, from, to)),
    }
}

fn bad_text(s: &str, from: Ty, to: Ty) -> Error {
    if to == Ty::BigInt {
        return Error {
            state: 5,
            ..Error::new(
                8114,
                16,
                "Error converting data type varchar to bigint.".replace("varchar", from.name_and_id().0),
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

fn to_scaled(v: &Val, from: Ty, to: Ty) -> Result<Val> {
    let s = to.scale();
    let d = match v {
        Val::Int(i) if from.is_int() => decimal::rescale(i128::from(*i), 0, s)?,
        Val::Dec(d) => decimal::rescale(*d, from.scale(), s)?,
        Val::Float(f) => decimal::from_f64(*f, s).ok_or_else(|| Error {
            state: 6,
            ..Error::new(8115, 16, "Arithmetic overflow error converting float to data type numeric.")
        })?,
        Val::Str(t) => {
            let money = !matches!(to, Ty::Decimal(..));
            let cleaned =
                if money { t.trim().trim_start_matches(['$', '€', '£']).replace(',', "") } else { t.clone() };
            let (d, written) = match decimal::parse(&cleaned) {
                Some(x) => x,
                None if money => {
                    return Err(Error::new(
                        235,
                        16,
                        "Cannot convert a char value to money. The char value has incorrect syntax.",
                    ));
                }
                None => {
                    return Err(Error {
                        state: 5,
                        ..Error::new(
                            8114,
                            16,
                            format!("Error converting data type {} to numeric.", from.name_and_id().0),
                        )
                    });
                }
            };
            decimal::rescale(d, written, s)?
        }
        _ => return Err(clash(v, from, to)),
    };
    match to {
        Ty::Decimal(p, _) => {
            let what = if from.is_text() {
                from.name_and_id().0
            } else if from.is_int() {
                "int"
            } else if from.is_float() {
                "float"
            } else {
                "numeric"
            };
            decimal::fit(d, p, what).map(Val::Dec).map_err(|e| Error { state: 8, ..e })
        }
        _ => decimal::fit_money(d, to).map(Val::Dec),
    }
}

fn to_float(v: &Val, from: Ty) -> Result<f64> {
    Ok(match v {
        Val::Int(i) if from.is_int() => *i as f64,
        // Through the text, so that the double is the one nearest to the decimal.
        Val::Dec(d) => decimal::text(*d, from.scale()).parse().map_err(|_| Error::overflow("float"))?,
        Val::Float(f) => *f,
        Val::Str(s) if s.trim().is_empty() => 0.0,
        Val::Str(s) => s.trim().parse().ok().filter(|f: &f64| f.is_finite()).ok_or_else(|| Error {
            state: 5,
            ..Error::new(8114, 16, format!("Error converting data type {} to float.", from.name_and_id().0))
        })?,
        v => return Err(clash(v, from, Ty::Float)),
    })
}

fn to_binary(v: Val, from: Ty) -> Result<Vec<u8>> {
    Ok(match v {
        Val::Bin(b) => b,
        Val::Str(s) if from.is_unicode() => s.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Val::Str(s) if from.is_text() => s.chars().map(to_cp1252).collect(),
        Val::Int(i) if from.is_int() => {
            let n = from.max_length() as usize;
            i.to_be_bytes()[8 - n..].to_vec()
        }
        v => return Err(Error::unsupported(format!("binary from {} ({v:?})", from))),
    })
}

fn to_temporal(v: Val, from: Ty, to: Ty, style: i64) -> Result<Val> {
    if let Val::Str(s) = &v {
        if !matches!(style, 0 | 20 | 21 | 23 | 101 | 112 | 120 | 121 | 126 | 127) {
            return Err(Error::unsupported(format!("CONVERT from text with style {style}")));
        }
        let m = calendar::parse(s, to)?;
        if matches!(to, Ty::DateTime | Ty::SmallDateTime) {
            if s.rsplit_once('.').is_some_and(|(head, f)| head.contains(':') && f.len() > 3) {
                return Err(Error::new(
                    241,
                    16,
                    "Conversion failed when converting date and/or time from character string.",
                ));
            }
            if m.offset.is_some() {
                return Err(Error::new(
                    241,
                    16,
                    "Conversion failed when converting date and/or time from character string.",
                ));
            }
        }
        return calendar::build(m, to);
    }
    if !from.is_temporal() {
        let days = match (&v, from) {
            (Val::Int(i), t) if t.is_int() => *i,
            _ => return Err(clash(&v, from, to)),
        };
        if !matches!(to, Ty::DateTime | Ty::SmallDateTime) {
            return Err(clash(&v, from, to));
        }
        return calendar::build(Moment { days: days + DAYS_1900, ticks: 0, offset: None }, to);
    }
    let Some(m) = calendar::split(&v, from) else { return Err(clash(&v, from, to)) };
    if matches!((from, to), (Ty::Time(_), Ty::Date) | (Ty::Date, Ty::Time(_))) {
        return Err(clash(&v, from, to));
    }
    calendar::build(m, to)
}

fn parse_guid(s: &str) -> Result<String> {
    let t = s.trim().trim_start_matches('{').trim_end_matches('}');
    let ok = t.len() >= 36
        && t.is_ascii()
        && t[..36]
            .bytes()
            .enumerate()
            .all(|(i, b)| if matches!(i, 8 | 13 | 18 | 23) { b == b'-' } else { b.is_ascii_hexdigit() });
    if !ok {
        return Err(Error {
            state: 2,
            ..Error::new(8169, 16, "Conversion failed when converting from a character string to uniqueidentifier.")
        });
    }
    Ok(t[..36].to_ascii_uppercase())
}
