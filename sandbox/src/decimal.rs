//! Exact numbers: scaled 128-bit integers, and the precision and scale rules of T-SQL.

use crate::error::{Error, Result};
use crate::messages;
use crate::syntax::ast::BinaryOp;
use crate::types::Type;

/// 10^38 does not fit a decimal any more.
const LIMIT: i128 = 10i128.pow(38);

pub(crate) fn pow10(n: u32) -> Result<i128> {
    10i128.checked_pow(n).ok_or_else(|| Error::overflow("numeric"))
}

/// Changes the scale, rounding half away from zero.
pub(crate) fn rescale(value: i128, from: u8, to: u8) -> Result<i128> {
    let unit = pow10(u32::from(from.abs_diff(to)))?;
    if to >= from {
        return value.checked_mul(unit).ok_or_else(|| Error::overflow("numeric"));
    }
    Ok(rounded(value, unit))
}

/// A quotient, rounded half away from zero.
fn rounded(value: i128, unit: i128) -> i128 {
    let (quotient, rest) = (value / unit, value % unit);
    let is_half = rest.unsigned_abs() * 2 >= unit.unsigned_abs();
    if is_half { quotient + value.signum() } else { quotient }
}

/// Refuses what a decimal of this precision cannot hold.
pub(crate) fn fit(value: i128, precision: u8, what: &str) -> Result<i128> {
    if value.unsigned_abs() >= pow10(u32::from(precision)).unwrap_or(LIMIT).unsigned_abs() {
        return Err(messages::numeric_overflow(what, 1));
    }
    Ok(value)
}

/// The text, with exactly `scale` digits after the point.
pub(crate) fn text(value: i128, scale: u8) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let scale = usize::from(scale);
    // A digit stands before the point.
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Reads a plain decimal; gives the value and the scale as written.
pub(crate) fn parse(text: &str) -> Option<(i128, u8)> {
    let trimmed = text.trim();
    let (is_negative, number) = match trimmed.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let mut digits = whole.bytes().chain(fraction.bytes()).peekable();
    if digits.peek().is_none() || !digits.all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: i128 = format!("0{whole}{fraction}").parse().ok()?;
    let signed = if is_negative { -value } else { value };
    (value < LIMIT && fraction.len() <= 38).then_some((signed, fraction.len() as u8))
}

/// A float at `scale` digits; nothing when it is too large. How many of its digits the server takes
/// is told nowhere, so that where 15 (7 of a real) and 17 of them do not agree, there is no answer.
pub(crate) fn from_float(f: f64, from: Type, scale: u8, cut: bool) -> Result<Option<i128>> {
    if !f.is_finite() || f.abs() >= 1e38 {
        return Ok(None);
    }
    let at = |digits: usize| -> Option<i128> {
        let text = format!("{f:.digits$e}");
        let (mantissa, exponent) = text.split_once('e')?;
        let all: i128 = mantissa.replace('.', "").parse().ok()?;
        // all * 10^(exponent - digits), at `scale`.
        let shift = exponent.parse::<i32>().ok()? - digits as i32 + i32::from(scale);
        if shift >= 0 {
            return all.checked_mul(10i128.checked_pow(shift as u32)?);
        }
        let Some(unit) = 10i128.checked_pow(shift.unsigned_abs()) else { return Some(0) };
        Some(if cut { all / unit } else { rounded(all, unit) })
    };
    let few = if from == Type::Real { 6 } else { 14 };
    match (at(few), at(16)) {
        (Some(a), Some(b)) if a == b => Ok((a.abs() < LIMIT).then_some(a)),
        (None, None) => Ok(None),
        _ => Err(Error::unsupported("this float at so many digits; CAST it to another type")),
    }
}

/// The type of `a op b`, both decimal (the table in "Precision, scale, and length").
pub(crate) fn result_type(op: BinaryOp, (p1, s1): (u8, u8), (p2, s2): (u8, u8)) -> (u8, u8) {
    let (p1, s1, p2, s2) = (i32::from(p1), i32::from(s1), i32::from(p2), i32::from(s2));
    let (p, s) = match op {
        BinaryOp::Add | BinaryOp::Subtract => {
            let s = s1.max(s2);
            (s + (p1 - s1).max(p2 - s2) + 1, s)
        }
        BinaryOp::Multiply => (p1 + p2 + 1, s1 + s2),
        BinaryOp::Divide => {
            let s = 6.max(s1 + p2 + 1);
            (p1 - s1 + s2 + s, s)
        }
        _ => ((p1 - s1).min(p2 - s2) + s1.max(s2), s1.max(s2)),
    };
    if p <= 38 {
        return (p as u8, s as u8);
    }
    let integral = p - s;
    let s = match op {
        BinaryOp::Add | BinaryOp::Subtract => s.min(38 - (integral - 1).min(38)).max(0),
        _ if integral < 32 => s.min(38 - integral),
        _ => s.min(6),
    };
    (38, s as u8)
}

/// `a op b`, of scales `s1` and `s2`, in the type that [`result_type`] gave.
pub(crate) fn compute(
    op: BinaryOp,
    a: i128,
    s1: u8,
    b: i128,
    s2: u8,
    (precision, scale): (u8, u8),
) -> Result<i128> {
    let common = s1.max(s2);
    let overflow = || Error::overflow("numeric");
    let value = match op {
        BinaryOp::Add | BinaryOp::Subtract => {
            let (a, b) = (rescale(a, s1, common)?, rescale(b, s2, common)?);
            let sum = if op == BinaryOp::Add { a.checked_add(b) } else { a.checked_sub(b) };
            rescale(sum.ok_or_else(overflow)?, common, scale)?
        }
        BinaryOp::Multiply => {
            let wide = || Error::unsupported("a product of more than 38 digits");
            rescale(a.checked_mul(b).ok_or_else(wide)?, s1 + s2, scale)?
        }
        _ if b == 0 => return Err(messages::divide_by_zero()),
        BinaryOp::Divide => {
            let shift = i32::from(scale) - i32::from(s1) + i32::from(s2);
            let wide = || Error::unsupported("a division of more than 38 digits");
            quotient(a, b, shift).ok_or_else(wide)?
        }
        _ => rescale(a, s1, common)? % rescale(b, s2, common)?,
    };
    fit(value, precision, "expression")
}

/// `a / b * 10^shift`, cut; none where the way there does not fit.
fn quotient(a: i128, b: i128, shift: i32) -> Option<i128> {
    let unit = 10i128.checked_pow(shift.unsigned_abs())?;
    if shift >= 0 { Some(a.checked_mul(unit)? / b) } else { Some(a / b.checked_mul(unit)?) }
}

/// money and smallmoney: the value must fit their 8 or 4 bytes.
pub(crate) fn fit_money(value: i128, ty: Type) -> Result<i128> {
    let fits = match ty {
        Type::SmallMoney => i32::try_from(value).is_ok(),
        _ => i64::try_from(value).is_ok(),
    };
    if fits { Ok(value) } else { Err(Error::overflow(ty.name_and_id().0)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precision_and_scale_follow_the_documented_table() {
        assert_eq!(result_type(BinaryOp::Add, (10, 2), (5, 4)), (13, 4));
        assert_eq!(result_type(BinaryOp::Multiply, (10, 2), (5, 4)), (16, 6));
        assert_eq!(result_type(BinaryOp::Divide, (2, 1), (1, 0)), (7, 6));
        assert_eq!(result_type(BinaryOp::Multiply, (38, 10), (38, 10)), (38, 6));
    }

    #[test]
    fn division_truncates_and_rescaling_rounds() {
        assert_eq!(
            compute(BinaryOp::Divide, 20, 1, 3, 0, (8, 6)).map(|v| text(v, 6)),
            Ok("0.666666".to_owned())
        );
        assert_eq!(rescale(125, 2, 1), Ok(13));
        assert_eq!(rescale(-125, 2, 1), Ok(-13));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        let number = |op, a, b| compute(op, a, 0, b, 0, (38, 0)).map_err(|e| e.number);
        assert_eq!(number(BinaryOp::Divide, 1, 0), Err(8134));
        assert_eq!(number(BinaryOp::Modulo, 1, 0), Err(8134));
        assert_eq!(number(BinaryOp::Add, LIMIT - 1, 1), Err(8115));
        assert_eq!(number(BinaryOp::Multiply, LIMIT - 1, 10), Err(crate::error::UNSUPPORTED));
        assert_eq!(number(BinaryOp::Modulo, -7, 3), Ok(-1));
        assert_eq!(number(BinaryOp::Subtract, 1, LIMIT - 1), Ok(2 - LIMIT));
    }

    #[test]
    fn texts_there_and_back() {
        for (written, value, scale) in
            [("0.05", 5, 2), ("-12.340", -12_340, 3), ("7", 7, 0), ("0.000", 0, 3)]
        {
            assert_eq!(parse(written), Some((value, scale)));
            assert_eq!(text(value, scale), written);
        }
        assert_eq!(parse(" +.5 "), Some((5, 1)));
        for no in ["", ".", "-", "1e5", "1,000", "--1", "1.2.3"] {
            assert_eq!(parse(no), None, "{no}");
        }
        assert_eq!(parse(&"9".repeat(39)), None);
    }
}
