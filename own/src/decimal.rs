//! Decimal numbers as their digits: SQL Server keeps 38, a JSON number 15.

use serde_json::{Number, Value};

/// A number of at most `precision` digits, `scale` of them behind the point, as a whole number of
/// its smallest unit. The error says what is wrong with the text.
pub(crate) fn parse(text: &str, precision: u8, scale: u8) -> Result<i128, String> {
    let wrong = || "must be a decimal number, such as 12.50".to_owned();
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |d: &str| d.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) || digits.ends_with('.') {
        return Err(wrong());
    }
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > usize::from(scale) {
        return Err(match scale {
            0 => "must have no digits behind the point".to_owned(),
            1 => "must have at most one digit behind the point".to_owned(),
            n => format!("must have at most {n} digits behind the point"),
        });
    }
    if whole.len() > usize::from(precision - scale) {
        return Err(format!("must have at most {} digits before the point", precision - scale));
    }
    let all = format!("{whole}{fraction:0<width$}", width = usize::from(scale));
    let units: i128 = if all.is_empty() { 0 } else { all.parse().map_err(|_| wrong())? };
    Ok(if text.starts_with('-') { -units } else { units })
}

/// As SQL Server reads it.
pub(crate) fn written(units: i128, scale: u8) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = usize::from(scale) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// The digits of a JSON value that stands for a decimal: a number that lost none, or a text.
pub(crate) fn digits(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.trim().to_owned()),
        Value::Number(n) => exact(n).ok_or_else(|| {
            "has more digits than a JSON number keeps; give it as a string".to_owned()
        }),
        _ => Err("must be a decimal number, or a string of its digits".to_owned()),
    }
}

fn exact(n: &Number) -> Option<String> {
    if n.is_i64() || n.is_u64() {
        return Some(n.to_string());
    }
    let number = n.as_f64()?;
    let text = number.to_string();
    let kept = text.bytes().filter(u8::is_ascii_digit).skip_while(|b| *b == b'0').count();
    (kept <= 15 && number.is_finite()).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn digits_are_kept_or_refused() {
        assert_eq!(parse("-0012.50", 4, 2), Ok(-1250));
        assert_eq!(written(-5, 2), "-0.05");
        assert_eq!(written(0, 0), "0");
        for wrong in
            ["", "-", "1.", ".5", "1e3", "+1", "1,5", "NaN", "12.345", "123.4", "1 2", "--1"]
        {
            assert!(parse(wrong, 4, 2).is_err(), "{wrong}");
        }
        assert_eq!(digits(&json!(0.1)).as_deref(), Ok("0.1"));
        assert!(digits(&json!(1e20)).is_err());
        assert!(digits(&json!(0.1234567890123456)).is_err());
        assert!(digits(&json!(true)).is_err());
    }

    proptest! {
        #[test]
        fn numbers_come_back(n in -99_999_999_999_999_999_999_999_999_999_999_999_999_i128..=99_999_999_999_999_999_999_999_999_999_999_999_999, scale in 0_u8..=38) {
            prop_assert_eq!(parse(&written(n, scale), 38, scale), Ok(n));
        }
    }
}
