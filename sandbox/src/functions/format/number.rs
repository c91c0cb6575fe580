//! The standard numeric formats: a letter, and how many digits.

use super::culture::Culture;
use super::digits::{self, Digits};
use super::number_picture;
use crate::error::{Error, Result};
use crate::types::{Type, Value};

/// Significant digits of a real and of a float where nothing else is said, and all that they have.
const FEW: (usize, usize) = (7, 15);
const ALL: (usize, usize) = (9, 17);

/// The text of a number; none for a format that .NET does not take.
pub(super) fn text(
    value: &Value,
    ty: Type,
    format: &str,
    culture: &Culture,
) -> Result<Option<String>> {
    // .NET's decimal has 96 bits and at most 28 digits behind the point.
    if matches!(value, Value::Dec(d) if d.unsigned_abs() >> 96 != 0) || ty.scale() > 28 {
        return Err(Error::unsupported("FORMAT of a decimal that .NET's does not hold"));
    }
    let Some((letter, precision)) = standard(format) else {
        let digits = digits::of(value, ty, FEW);
        return number_picture::text(&digits, format, culture).map(Some);
    };
    let plain = digits::of(value, ty, FEW);
    Ok(match letter.to_ascii_uppercase() {
        'N' => Some(signed(&fixed(&plain, precision.unwrap_or(2), Some(culture.group), culture))),
        'F' => Some(signed(&fixed(&plain, precision.unwrap_or(2), None, culture))),
        'C' => {
            let number = fixed(&plain, precision.unwrap_or(2), Some(culture.group), culture);
            Some(in_pattern(&number, culture.currency))
        }
        'P' => {
            let pattern = culture.percent.ok_or_else(|| culture.unsure("P"))?;
            let hundredfold = Digits { scale: plain.scale + 2, ..plain };
            let number = fixed(&hundredfold, precision.unwrap_or(2), Some(culture.group), culture);
            Some(in_pattern(&number, pattern))
        }
        'D' => whole(value).map(|n| {
            let sign = if n < 0 { "-" } else { "" };
            format!("{sign}{:0>width$}", n.unsigned_abs(), width = precision.unwrap_or(1))
        }),
        'X' => whole(value).map(|n| hexadecimal(n, ty, letter, precision.unwrap_or(1))),
        'E' => {
            let places = precision.unwrap_or(6);
            let (real, float) = (places > 6, places > 14);
            let significant = (if real { ALL.0 } else { FEW.0 }, if float { ALL.1 } else { FEW.1 });
            let digits = digits::of(value, ty, significant);
            Some(scientific(&digits, places, letter, 3, culture))
        }
        'G' => Some(general(value, ty, letter, precision.unwrap_or(0), culture)),
        'R' => round_trip(value, ty, letter, culture),
        _ => None,
    })
}

/// A letter with up to two digits; none for a picture.
fn standard(format: &str) -> Option<(char, Option<usize>)> {
    let mut chars = format.chars();
    let Some(letter) = chars.next() else { return Some(('G', None)) };
    let digits = chars.as_str();
    let is_standard = letter.is_ascii_alphabetic()
        && digits.len() <= 2
        && digits.bytes().all(|b| b.is_ascii_digit());
    is_standard.then(|| (letter, digits.parse().ok()))
}

/// A value of a whole type.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int(n) => Some(*n),
        _ => None,
    }
}

/// A number without its sign, and whether it is below zero.
type Unsigned = (bool, String);

fn signed((negative, text): &Unsigned) -> String {
    format!("{}{text}", if *negative { "-" } else { "" })
}

/// In the pattern of its sign.
fn in_pattern((negative, text): &Unsigned, patterns: [&str; 2]) -> String {
    patterns[usize::from(*negative)].replace('n', text)
}

/// So many digits behind the point, and groups of three before it.
fn fixed(digits: &Digits, places: usize, group: Option<char>, culture: &Culture) -> Unsigned {
    let places = i32::try_from(places).unwrap_or(0);
    let digits = digits.rounded(digits.scale + places);
    let mut text = String::new();
    for place in (1..=digits.scale.max(1)).rev() {
        text.push(digits.digit(place));
        if let Some(group) = group.filter(|_| place > 1 && place % 3 == 1) {
            text.push(group);
        }
    }
    if places > 0 {
        text.push(culture.decimal);
        text.extend((0..places).map(|place| digits.digit(-place)));
    }
    (digits.negative, text)
}

/// A digit, so many behind the point, and an exponent of at least so many digits.
fn scientific(
    digits: &Digits,
    places: usize,
    letter: char,
    exponent_digits: usize,
    culture: &Culture,
) -> String {
    let digits = digits.rounded(places as i32 + 1);
    let exponent = if digits.is_zero() { 0 } else { digits.scale - 1 };
    let mut text = String::from(if digits.negative { "-" } else { "" });
    text.push(digits.digit(digits.scale));
    if places > 0 {
        text.push(culture.decimal);
        text.extend((1..=places).map(|n| digits.digit(digits.scale - n as i32)));
    }
    text.push(letter);
    text.push(if exponent < 0 { '-' } else { '+' });
    text + &format!("{:0>exponent_digits$}", exponent.unsigned_abs())
}

fn hexadecimal(n: i64, ty: Type, letter: char, width: usize) -> String {
    let bits = match ty {
        Type::TinyInt => 8,
        Type::SmallInt => 16,
        Type::Int => 32,
        _ => 64,
    };
    let kept = n.cast_unsigned() & (u64::MAX >> (64 - bits));
    let text = format!("{kept:0>width$X}");
    if letter == 'x' { text.to_lowercase() } else { text }
}

/// The shorter of plain and scientific; of an exact number all digits, where no number of them is
/// given.
fn general(value: &Value, ty: Type, letter: char, precision: usize, culture: &Culture) -> String {
    if let (Value::Dec(d), 0) = (value, precision) {
        return crate::decimal::text(*d, ty.scale()).replace('.', &culture.decimal.to_string());
    }
    let (most, significant) = match (ty, precision) {
        (Type::Real, 0) => (7, FEW),
        (Type::Float, 0) => (15, FEW),
        (Type::Real, n) => (n, if n > 7 { ALL } else { FEW }),
        (Type::Float, n) => (n, if n > 15 { ALL } else { FEW }),
        (_, 0) => (usize::MAX, FEW),
        (_, n) => (n, FEW),
    };
    let digits = digits::of(value, ty, significant);
    let most = i32::try_from(most).unwrap_or(i32::MAX);
    shortest(&digits.rounded(most), most, letter, culture)
}

fn shortest(digits: &Digits, most: i32, letter: char, culture: &Culture) -> String {
    let exponent = if letter.is_ascii_lowercase() { 'e' } else { 'E' };
    if !digits.is_zero() && (digits.scale > most || digits.scale < -3) {
        return scientific(digits, digits.digits.len() - 1, exponent, 2, culture);
    }
    let places = digits.digits.len() as i32 - digits.scale;
    signed(&fixed(digits, usize::try_from(places).unwrap_or(0), None, culture))
}

/// R: as few digits as lead back to the same float; none for other numbers.
fn round_trip(value: &Value, ty: Type, letter: char, culture: &Culture) -> Option<String> {
    let Value::Float(f) = value else { return None };
    let (few, all) = if ty == Type::Real { (FEW.0, ALL.0) } else { (FEW.1, ALL.1) };
    let back = format!("{:.*e}", few - 1, f).parse::<f64>().ok();
    let same = back.is_some_and(|b| {
        if ty == Type::Real { b as f32 == *f as f32 } else { b.to_bits() == f.to_bits() }
    });
    let digits = Digits::of_float(*f, if same { few } else { all });
    let letter = if letter == 'r' { 'g' } else { 'G' };
    Some(shortest(&digits, few as i32, letter, culture))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: Value, ty: Type, format: &str, culture: &str) -> Option<String> {
        let culture = Culture::find(culture).expect("a culture");
        text(&value, ty, format, culture).expect(format)
    }

    /// Those of the page "Standard numeric format strings".
    #[test]
    fn the_examples_of_the_page() {
        let d = |f: f64| Value::Float(f);
        let cases = [
            (d(123.456), "C", "en-US", "$123.46"),
            (d(-123.456), "C3", "en-US", "($123.456)"),
            (d(-1234.0), "N", "en-US", "-1,234.00"),
            (d(1234.567), "F", "de-DE", "1234,57"),
            (d(-1234.56), "F4", "en-US", "-1234.5600"),
            (d(1_052.032_911_1), "E", "en-US", "1.052033E+003"),
            (d(-1_052.032_911_1), "e2", "en-US", "-1.05e+003"),
            (d(-123.456), "G", "en-US", "-123.456"),
            (d(123.4546), "G4", "en-US", "123.5"),
            (d(-1.234_567_890e-25), "G", "en-US", "-1.23456789E-25"),
            (d(1.0), "P", "en-US", "100.00 %"),
            (d(-0.396_78), "P1", "en-US", "-39.7 %"),
            (d(123_456_789.123_456_78), "R", "en-US", "123456789.12345678"),
        ];
        for (value, format, culture, expected) in cases {
            let got = of(value, Type::Float, format, culture);
            assert_eq!(got.as_deref(), Some(expected), "{format}");
        }
        let int = |n, format| of(Value::Int(n), Type::Int, format, "en-US");
        assert_eq!(int(-1234, "D6").as_deref(), Some("-001234"));
        assert_eq!(int(255, "X4").as_deref(), Some("00FF"));
        assert_eq!(int(-1, "x").as_deref(), Some("ffffffff"));
        assert_eq!(int(1, "Q"), None);
        assert_eq!(of(Value::Float(1.5), Type::Float, "D", "en-US"), None);
    }
}
