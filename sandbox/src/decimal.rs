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
pub(crate) fn rescale(v: i128, from: u8, to: u8) -> Result<i128> {
    if to >= from {
        return v
            .checked_mul(pow10(u32::from(to - from))?)
            .ok_or_else(|| Error::overflow("numeric"));
    }
    let unit = pow10(u32::from(from - to))?;
    let (q, r) = (v / unit, v % unit);
    Ok(if r.unsigned_abs() * 2 >= unit as u128 { q + v.signum() } else { q })
}

/// Refuses what `decimal(p, _)` cannot hold.
pub(crate) fn fit(v: i128, p: u8, what: &str) -> Result<i128> {
    if v.unsigned_abs() >= pow10(u32::from(p)).unwrap_or(LIMIT) as u128 {
        return Err(messages::numeric_overflow(what, 1));
    }
    Ok(v)
}

/// The text, with exactly `scale` digits after the point.
pub(crate) fn text(v: i128, scale: u8) -> String {
    let digits = v.unsigned_abs().to_string();
    let s = usize::from(scale);
    let sign = if v < 0 { "-" } else { "" };
    if s == 0 {
        return format!("{sign}{digits}");
    }
    let padded = format!("{digits:0>width$}", width = s + 1);
    let at = padded.len() - s;
    format!("{sign}{}.{}", &padded[..at], &padded[at..])
}

/// Reads a plain decimal; gives the value and the scale as written.
pub(crate) fn parse(s: &str) -> Option<(i128, u8)> {
    let t = s.trim();
    let (neg, body) = match t.as_bytes().first()? {
        b'-' => (true, &t[1..]),
        b'+' => (false, &t[1..]),
        _ => (false, t),
    };
    let (int, frac) = body.split_once('.').unwrap_or((body, ""));
    if int.is_empty() && frac.is_empty()
        || !int.bytes().chain(frac.bytes()).all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let v: i128 = format!("0{int}{frac}").parse().ok()?;
    (v < LIMIT && frac.len() <= 38).then_some((if neg { -v } else { v }, frac.len() as u8))
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
        let (q, r) = (all / unit, all % unit);
        Some(if !cut && r.unsigned_abs() * 2 >= unit as u128 { q + all.signum() } else { q })
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

/// `a op b` in the type that [`result_type`] gave.
pub(crate) fn compute(
    op: BinaryOp,
    a: i128,
    s1: u8,
    b: i128,
    s2: u8,
    (p, s): (u8, u8),
) -> Result<i128> {
    let over = || Error::overflow("numeric");
    let v = match op {
        BinaryOp::Add | BinaryOp::Subtract => {
            let m = s1.max(s2);
            let (x, y) = (rescale(a, s1, m)?, rescale(b, s2, m)?);
            rescale(
                if op == BinaryOp::Add { x.checked_add(y) } else { x.checked_sub(y) }
                    .ok_or_else(over)?,
                m,
                s,
            )?
        }
        BinaryOp::Multiply => rescale(
            a.checked_mul(b)
                .ok_or_else(|| Error::unsupported("a product of more than 38 digits"))?,
            s1 + s2,
            s,
        )?,
        BinaryOp::Divide | BinaryOp::Modulo if b == 0 => {
            return Err(messages::divide_by_zero());
        }
        BinaryOp::Divide => {
            let shift = i32::from(s) - i32::from(s1) + i32::from(s2);
            let wide = || Error::unsupported("a division of more than 38 digits");
            if shift >= 0 {
                a.checked_mul(pow10(shift as u32).map_err(|_| wide())?).ok_or_else(wide)? / b
            } else {
                a / b
                    .checked_mul(pow10(shift.unsigned_abs()).map_err(|_| wide())?)
                    .ok_or_else(wide)?
            }
        }
        _ => {
            let m = s1.max(s2);
            rescale(a, s1, m)? % rescale(b, s2, m)?
        }
    };
    fit(v, p, "expression")
}

/// money and smallmoney: the value must fit their 8 or 4 bytes.
pub(crate) fn fit_money(v: i128, ty: Type) -> Result<i128> {
    let fits =
        if ty == Type::SmallMoney { i32::try_from(v).is_ok() } else { i64::try_from(v).is_ok() };
    if fits { Ok(v) } else { Err(Error::overflow(ty.name_and_id().0)) }
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
}
