//! To real and float, and what their texts are.

use super::exact::is_doubtful;
use super::text::without_blanks;
use super::{NO_STYLE, missing};
use crate::decimal;
use crate::error::{Error, Result};
use crate::messages;
use crate::types::{Type, Value};

pub(super) fn to_float(value: &Value, from: Type) -> Result<f64> {
    Ok(match value {
        Value::Int(n) if from.is_int() => *n as f64,
        // Through the text, so that the double is the one nearest to the decimal.
        Value::Dec(d) => {
            decimal::text(*d, from.scale()).parse().map_err(|_| Error::overflow("float"))?
        }
        Value::Float(f) => *f,
        Value::Str(text) => text_to_float(text, from)?,
        _ => return Err(missing(from, Type::Float)),
    })
}

pub(super) fn to_real(value: &Value, from: Type) -> Result<f64> {
    let wide = to_float(value, from)?;
    let narrow = wide as f32;
    if wide.is_finite() && !narrow.is_finite() {
        return Err(messages::real_overflow());
    }
    Ok(f64::from(narrow))
}

fn text_to_float(text: &str, from: Type) -> Result<f64> {
    let trimmed = without_blanks(text);
    if trimmed.is_empty() {
        return Ok(0.0);
    }
    // Rust reads words too, "inf" and "NaN".
    let mantissa = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    let is_plain =
        mantissa.starts_with(|c: char| c.is_ascii_digit() || c == '.') && mantissa != ".";
    match trimmed.parse::<f64>() {
        Ok(f) if is_plain && f.is_finite() => Ok(f),
        Ok(_) if is_plain => Err(missing(from, Type::Float)),
        _ if is_doubtful(trimmed) => {
            Err(Error::unsupported(format!("the conversion of '{text}' to float")))
        }
        _ => Err(messages::text_is_no_number(from.name_and_id().0, "float")),
    }
}

/// Style 0 has at most six digits; 1 and 2 are always scientific; 3 is lossless.
pub(super) fn float_text(f: f64, style: i64, from: Type) -> Result<String> {
    match style {
        _ if f == 0.0 && f.is_sign_negative() => Err(Error::unsupported("the text of -0")),
        NO_STYLE | 0 => Ok(six_digits(f)),
        1 => Ok(scientific(f, 7, false)),
        2 => Ok(scientific(f, 15, false)),
        3 if from == Type::Float => Ok(scientific(f, 16, false)),
        _ => Err(Error::unsupported(format!("CONVERT of float with style {style}"))),
    }
}

/// Mantissa and exponent, with so many digits behind the point.
fn parts(f: f64, digits: usize) -> (String, i32) {
    let text = format!("{f:.digits$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.to_owned(), exponent.parse().unwrap_or(0))
}

/// The exponent has a sign and three digits.
fn scientific(f: f64, digits: usize, short: bool) -> String {
    let (mantissa, exponent) = parts(f, digits);
    let mantissa = if short { without_zeros(&mantissa) } else { &mantissa };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:03}", exponent.abs())
}

fn six_digits(f: f64) -> String {
    if f == 0.0 {
        return "0".to_owned();
    }
    let (_, exponent) = parts(f, 5);
    if !(-4..6).contains(&exponent) {
        return scientific(f, 5, true);
    }
    let places = usize::try_from(5 - exponent).unwrap_or(0);
    without_zeros(&format!("{f:.places$}")).to_owned()
}

/// Zeros at the end of a fraction do not show, nor does a point without one.
fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_style_has_six_digits() {
        assert_eq!(six_digits(0.1), "0.1");
        assert_eq!(six_digits(123_456.0), "123456");
        assert_eq!(six_digits(1_234_567.0), "1.23457e+006");
        assert_eq!(six_digits(0.0001), "0.0001");
        assert_eq!(six_digits(0.000_01), "1e-005");
    }

    #[test]
    fn words_are_no_numbers() {
        for text in ["inf", "NaN", "-infinity", "abc"] {
            assert_eq!(text_to_float(text, Type::Char(9)).map_err(|e| e.number), Err(8114));
        }
        assert_eq!(text_to_float(" 1e3 ", Type::Char(9)), Ok(1000.0));
    }
}
