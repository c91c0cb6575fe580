//! To decimal, numeric, money and smallmoney, which are kept as scaled integers.

use super::missing;
use super::text::without_blanks;
use crate::decimal;
use crate::error::{Error, Result};
use crate::messages;
use crate::types::{Type, Value, currency};

pub(super) fn to_scaled(value: &Value, from: Type, to: Type) -> Result<Value> {
    let scale = to.scale();
    let is_money = !matches!(to, Type::Decimal(..));
    let scaled = match value {
        Value::Int(n) if from.is_int() => decimal::rescale(i128::from(*n), 0, scale)?,
        Value::Dec(d) => decimal::rescale(*d, from.scale(), scale)?,
        Value::Float(f) => decimal::from_float(*f, from, scale, false)?
            .ok_or_else(|| messages::numeric_overflow("float", 6))?,
        Value::Str(text) if is_money => text_to_money(text, to)?,
        Value::Str(text) => text_to_decimal(text, from, to)?,
        _ => return Err(missing(from, to)),
    };
    if let Type::Decimal(precision, _) = to {
        let what = if from.is_text() {
            from.name_and_id().0
        } else if from.is_int() {
            "int"
        } else if from.is_float() {
            "float"
        } else {
            "numeric"
        };
        let fitted = decimal::fit(scaled, precision, what);
        return fitted.map(Value::Dec).map_err(|e| Error { state: 8, ..e });
    }
    match decimal::fit_money(scaled, to) {
        Err(_) if from.is_text() => Err(missing(from, to)),
        fitted => fitted.map(Value::Dec),
    }
}

fn unsure(text: &str, to: Type) -> Error {
    Error::unsupported(format!("the conversion of '{text}' to {to}"))
}

/// At money's scale of 4.
fn text_to_money(text: &str, to: Type) -> Result<i128> {
    match read_money(text) {
        Some((d, written)) => decimal::rescale(d, written, 4),
        None if without_blanks(text).is_empty() => Ok(0),
        None if is_doubtful(text) => Err(unsure(text, to)),
        None => Err(messages::money_syntax()),
    }
}

fn text_to_decimal(text: &str, from: Type, to: Type) -> Result<i128> {
    let trimmed = without_blanks(text);
    let is_readable = trimmed != "." && !text.contains(char::is_control);
    if let Some((d, written)) = decimal::parse(trimmed).filter(|_| is_readable) {
        return decimal::rescale(d, written, to.scale());
    }
    if is_doubtful(text) && !trimmed.is_empty() && !is_no_decimal(trimmed) {
        return Err(unsure(text, to));
    }
    Err(messages::text_is_no_number(from.name_and_id().0, "numeric"))
}

/// Text that the server may read as a number in a way that its documentation does not tell: a sign
/// alone, blanks within, other spaces than blanks, an exponent without digits.
pub(super) fn is_doubtful(text: &str) -> bool {
    let may_stand =
        |c: char| c.is_ascii_digit() || c.is_whitespace() || "+-.,eEdD$".contains(c) || currency(c);
    !text.is_empty() && text.chars().all(may_stand)
}

/// Commas and exponents make no decimal; whatever else looks like a number may.
fn is_no_decimal(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.ends_with(|c: char| c.is_ascii_digit())
        && text.contains([',', 'e', 'E'])
}

/// A money text: a sign, a symbol, digits with commas between them, a point. The value, and its
/// scale as written.
fn read_money(text: &str) -> Option<(i128, u8)> {
    let trimmed = without_blanks(text);
    let (sign, rest) = match trimmed.strip_prefix(['+', '-']) {
        Some(rest) => (&trimmed[..1], rest),
        None => ("", trimmed),
    };
    let number = rest.strip_prefix(currency).unwrap_or(rest);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_group =
        |(i, group): (usize, &str)| group.len() == 3 || i == 0 && (1..=3).contains(&group.len());
    let is_grouped = whole.split(',').enumerate().all(is_group);
    if whole.contains(',') && !is_grouped || !number.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    decimal::parse(&format!("{sign}{}.{fraction}", whole.replace(',', "")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_has_a_symbol_and_groups_of_three() {
        assert_eq!(read_money(" -$1,234.5 "), Some((-12_345, 1)));
        assert_eq!(read_money("€12"), Some((12, 0)));
        assert_eq!(read_money("1234,567"), None);
        assert_eq!(read_money("12,34"), None);
        assert_eq!(read_money("$"), None);
    }

    #[test]
    fn every_symbol_of_the_page() {
        assert!("$¢£¤¥৲৳฿៛﷼₡₦₩₪₫€₭₮₱".chars().all(currency));
        assert!(!currency('₿') && !currency('1') && !currency('x'));
    }
}
