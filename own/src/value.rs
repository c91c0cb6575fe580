//! A JSON value as the text that SQL Server converts to a type, or what is wrong with it. What was
//! given is never repeated: it may be a secret, and whoever sent it knows it.

use std::cmp::Ordering;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::types::SqlType;
use crate::{decimal, moment};

/// Of a list no more is bound.
pub(crate) const MOST_ITEMS: usize = 1000;

/// Money in its smallest unit.
const MONEY: (i128, i128) = (i64::MIN as i128, i64::MAX as i128);
const SMALL_MONEY: (i128, i128) = (i32::MIN as i128, i32::MAX as i128);

/// The text of a single value.
pub(crate) fn text_of(ty: &SqlType, value: &Value) -> Result<String, String> {
    let string = || value.as_str().ok_or_else(|| "must be a string".to_owned());
    if let Some((least, most)) = ty.range() {
        let number = whole(ty, value).filter(|n| (least..=most).contains(n));
        let number =
            number.ok_or_else(|| format!("must be a whole number from {least} to {most}"))?;
        return Ok(number.to_string());
    }
    match ty {
        SqlType::Bit => match value {
            Value::Bool(b) => Ok(u8::from(*b).to_string()),
            _ => Err("must be true or false".to_owned()),
        },
        SqlType::Decimal(p, s) => decimal::parse(&decimal::digits(value)?, *p, *s)
            .map(|units| decimal::written(units, *s)),
        SqlType::Money => money(value, 19, MONEY),
        SqlType::SmallMoney => money(value, 10, SMALL_MONEY),
        SqlType::Float | SqlType::Real => {
            let most = if *ty == SqlType::Real { f64::from(f32::MAX) } else { f64::MAX };
            let number = value.as_number().filter(|n| n.as_f64().is_some_and(|n| n.abs() <= most));
            number
                .map(ToString::to_string)
                .ok_or_else(|| format!("must be a number that a {ty} holds"))
        }
        SqlType::Char(n) | SqlType::NChar(n) => fits(string()?, Some(*n)),
        SqlType::VarChar(n) | SqlType::NVarChar(n) => fits(string()?, *n),
        SqlType::Xml => Ok(string()?.to_owned()),
        SqlType::Date => moment::date(string()?, &moment::ALL),
        SqlType::Time(n) => moment::time(string()?, *n),
        SqlType::DateTime => moment::datetime(string()?, &moment::DATETIME, 3),
        SqlType::DateTime2(n) => moment::datetime(string()?, &moment::ALL, *n),
        SqlType::SmallDateTime => moment::datetime(string()?, &moment::SMALL, 0),
        SqlType::DateTimeOffset(n) => moment::offset(string()?, *n),
        SqlType::UniqueIdentifier => guid(string()?),
        SqlType::Binary(n) => hex(string()?, Some(*n)),
        SqlType::VarBinary(n) => hex(string()?, *n),
        // Whole numbers were read above.
        SqlType::TinyInt
        | SqlType::SmallInt
        | SqlType::Int
        | SqlType::BigInt
        | SqlType::List(_) => Err("must be a single value".to_owned()),
    }
}

/// The text of a list: JSON again, of the texts of its items, for OPENJSON.
pub(crate) fn list_of(ty: &SqlType, texts: Vec<String>) -> String {
    let item = |text: String| match text.parse::<i64>() {
        Ok(number) if ty.range().is_some() || *ty == SqlType::Bit => Value::from(number),
        _ => Value::String(text),
    };
    Value::Array(texts.into_iter().map(item).collect()).to_string()
}

/// How two texts of one type are ordered.
pub(crate) fn compare(ty: &SqlType, a: &str, b: &str) -> Option<Ordering> {
    match ty {
        SqlType::Float | SqlType::Real => a.parse::<f64>().ok()?.partial_cmp(&b.parse().ok()?),
        SqlType::Decimal(_, s) => digits_of(a, *s)?.partial_cmp(&digits_of(b, *s)?),
        SqlType::Money | SqlType::SmallMoney => digits_of(a, 4)?.partial_cmp(&digits_of(b, 4)?),
        _ if ty.range().is_some() => a.parse::<i64>().ok()?.partial_cmp(&b.parse().ok()?),
        // Dates and times are written so that this is their order.
        _ => Some(a.cmp(b)),
    }
}

fn digits_of(text: &str, scale: u8) -> Option<i128> {
    decimal::parse(text, 38, scale).ok()
}

/// 5, or 5.0, which JSON takes for the same; a bigint also as its digits.
fn whole(ty: &SqlType, value: &Value) -> Option<i64> {
    match value {
        Value::Number(n) => n.as_i64().or_else(|| {
            let float =
                n.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9_007_199_254_740_992.0);
            float.map(|f| f as i64)
        }),
        Value::String(s) if *ty == SqlType::BigInt => {
            let digits = s.strip_prefix('-').unwrap_or(s);
            let plain =
                (1..=19).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            s.parse().ok().filter(|_| plain)
        }
        _ => None,
    }
}

fn money(value: &Value, precision: u8, (least, most): (i128, i128)) -> Result<String, String> {
    let units = decimal::parse(&decimal::digits(value)?, precision, 4)?;
    if !(least..=most).contains(&units) {
        return Err(format!(
            "must be from {} to {}",
            decimal::written(least, 4),
            decimal::written(most, 4)
        ));
    }
    Ok(decimal::written(units, 4))
}

/// Nothing is cut: what is too long is refused.
fn fits(text: &str, most: Option<u16>) -> Result<String, String> {
    match most {
        Some(most) if text.encode_utf16().count() > usize::from(most) => {
            Err(format!("must have at most {most} characters"))
        }
        _ => Ok(text.to_owned()),
    }
}

/// SQL Server reads the first 36 characters and minds no other; we do.
fn guid(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split('-').collect();
    let fits = parts.iter().map(|p| p.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|p| p.bytes().all(|b| b.is_ascii_hexdigit()));
    let example = "must be a UUID such as 3F2504E0-4F89-11D3-9A0C-0305E82C3301";
    fits.then(|| text.to_ascii_uppercase()).ok_or_else(|| example.to_owned())
}

fn hex(text: &str, most: Option<u16>) -> Result<String, String> {
    let bytes =
        STANDARD.decode(text.trim()).map_err(|_| "must be base64 (RFC 4648 §4)".to_owned())?;
    match most {
        Some(most) if bytes.len() > usize::from(most) => {
            Err(format!("must be base64 of at most {most} bytes"))
        }
        _ => Ok(bytes.iter().fold("0x".to_owned(), |hex, b| format!("{hex}{b:02X}"))),
    }
}
