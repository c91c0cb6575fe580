//! Numbers, dates and bytes as characters, which JSON and CSV have in common.

use super::Value;
use super::float;

/// The largest integer that a double counts up to.
const SAFE: i64 = 1 << 53;
/// Decimal digits that every double carries.
const DOUBLE: usize = 15;
/// Hexadecimal as T-SQL writes it.
const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// What a value looks like, once written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Null,
    /// What JSON has without quotes, or with them by its type ([`is_text`]).
    Bare,
    /// A number with more digits than a double carries.
    Exact,
}

/// Whether a value is a text in JSON: ASCII without anything to escape.
pub(super) fn is_text(value: Value<'_>) -> bool {
    use Value as V;
    matches!(value, V::UniqueIdentifier(_) | V::Date(_) | V::Time { .. } | V::Moment { .. })
}

/// Writes a value without its quotes.
pub(super) fn write(value: Value<'_>, out: &mut Vec<u8>) -> Form {
    match value {
        Value::Null => Form::Null,
        Value::Bit(b) => {
            out.extend_from_slice(if b { b"true" } else { b"false" });
            Form::Bare
        }
        Value::Int(n) => {
            if n < 0 {
                out.push(b'-');
            }
            number(n.unsigned_abs(), out);
            if (-SAFE..=SAFE).contains(&n) { Form::Bare } else { Form::Exact }
        }
        // The shortest text that reads back as the same value of the same width.
        Value::Real(x) => {
            // Writing into a Vec cannot fail.
            let _ = serde_json::to_writer(out, &x);
            Form::Bare
        }
        Value::Float(x) => {
            let _ = serde_json::to_writer(out, &x);
            Form::Bare
        }
        Value::Decimal { negative, digits, scale } => decimal(negative, digits, scale, out),
        Value::UniqueIdentifier(bytes) => {
            for (n, b) in bytes.iter().enumerate() {
                if matches!(n, 4 | 6 | 8 | 10) {
                    out.push(b'-');
                }
                hex(*b, out);
            }
            Form::Bare
        }
        Value::Date(days) => {
            date(days.into(), out);
            Form::Bare
        }
        Value::Time { ticks, scale } => {
            clock(ticks, scale, out);
            Form::Bare
        }
        Value::Moment { days, ticks, scale, offset } => {
            date(days, out);
            out.push(b'T');
            clock(ticks, scale, out);
            if let Some(o) = offset {
                out.push(if o < 0 { b'-' } else { b'+' });
                pad(u64::from(o.unsigned_abs() / 60), 2, out);
                out.push(b':');
                pad(u64::from(o.unsigned_abs() % 60), 2, out);
            }
            Form::Bare
        }
        Value::Vector { numbers, half } => {
            vector(numbers, half, out);
            Form::Bare
        }
    }
}

pub(super) fn hex(b: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]]);
}

fn vector(numbers: &[u8], half: bool, out: &mut Vec<u8>) {
    out.push(b'[');
    for (n, b) in numbers.chunks_exact(if half { 2 } else { 4 }).enumerate() {
        if n > 0 {
            out.push(b',');
        }
        let x = match *b {
            [a, b, c, d] => f32::from_le_bytes([a, b, c, d]),
            [a, b] => float::half(u16::from_le_bytes([a, b])),
            _ => f32::NAN,
        };
        let _ = serde_json::to_writer(&mut *out, &x);
    }
    out.push(b']');
}

fn number(mut n: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = 20;
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// With zeros in front up to a width of at most 20.
fn pad(n: u64, width: usize, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut at = 20;
    let mut rest = n;
    while rest > 0 {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&digits[at.min(20 - width)..]);
}

/// A decimal with its point. Zeros at either end do not count as digits.
fn decimal(negative: bool, digits: u128, scale: u8, out: &mut Vec<u8>) -> Form {
    let mut buffer = [b'0'; 40];
    let scale = usize::from(scale.min(38));
    let mut at = 40;
    let mut rest = digits;
    // Dividing 128 bits is slow, and seldom needed.
    while rest > u128::from(u64::MAX) {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let mut rest = rest as u64;
    while rest > 0 {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let first = at;
    // At least one digit before the point.
    let at = at.min(39 - scale);
    if negative && digits != 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&buffer[at..40 - scale]);
    if scale > 0 {
        out.push(b'.');
        out.extend_from_slice(&buffer[40 - scale..]);
    }
    let zeros = buffer[first..].iter().rev().take_while(|d| **d == b'0').count();
    if 40 - first - zeros > DOUBLE { Form::Exact } else { Form::Bare }
}

/// `yyyy-mm-dd` from days since 0001-01-01 (the civil-from-days algorithm).
fn date(days: i64, out: &mut Vec<u8>) {
    let z = days + 306;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let m = if mp < 10 { mp + 3 } else { mp - 9 };
    pad((yoe + era * 400 + i64::from(m <= 2)).unsigned_abs(), 4, out);
    out.push(b'-');
    pad(m.unsigned_abs(), 2, out);
    out.push(b'-');
    pad((doy - (153 * mp + 2) / 5 + 1).unsigned_abs(), 2, out);
}

/// `hh:mm:ss` with `scale` digits behind it.
fn clock(ticks: u64, scale: u8, out: &mut Vec<u8>) {
    let unit = 10u64.pow(u32::from(scale.min(7)));
    let (s, fraction) = (ticks / unit, ticks % unit);
    pad(s / 3600, 2, out);
    out.push(b':');
    pad(s / 60 % 60, 2, out);
    out.push(b':');
    pad(s % 60, 2, out);
    if scale > 0 {
        out.push(b'.');
        pad(fraction, usize::from(scale), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(v: Value<'_>) -> (String, Form) {
        let mut out = Vec::new();
        let form = write(v, &mut out);
        (String::from_utf8(out).expect("ASCII"), form)
    }

    fn exact(digits: u128, scale: u8) -> (String, Form) {
        text(Value::Decimal { negative: false, digits, scale })
    }

    #[test]
    fn numbers_that_a_double_cannot_carry_are_told_apart() {
        assert_eq!(text(Value::Int(SAFE)), ("9007199254740992".into(), Form::Bare));
        assert_eq!(text(Value::Int(SAFE + 1)), ("9007199254740993".into(), Form::Exact));
        assert_eq!(text(Value::Int(i64::MIN)).0, "-9223372036854775808");
        assert_eq!(exact(123_456_789_012_345, 2), ("1234567890123.45".into(), Form::Bare));
        assert_eq!(exact(1_234_567_890_123_456, 2), ("12345678901234.56".into(), Form::Exact));
        assert_eq!(exact(0, 4), ("0.0000".into(), Form::Bare));
        assert_eq!(exact(10u128.pow(20), 0), ("100000000000000000000".into(), Form::Bare));
        let nines = 10u128.pow(38) - 1;
        assert_eq!(exact(nines, 38).0, format!("0.{}", "9".repeat(38)));
        assert_eq!(exact(nines, 37).0, format!("9.{}", "9".repeat(37)));
        assert_eq!(exact(nines, 0).0, "9".repeat(38));
        let minus = |digits| Value::Decimal { negative: true, digits, scale: 3 };
        assert_eq!(text(minus(5)).0, "-0.005");
        assert_eq!(text(minus(0)).0, "0.000");
        assert_eq!(exact(u128::MAX, 38).0, "3.40282366920938463463374607431768211455");
    }

    #[test]
    fn money_is_exact_to_its_ends() {
        assert_eq!(exact(9_223_372_036_854_775_807, 4).0, "922337203685477.5807");
        assert_eq!(exact(2_851_204_629_811_456, 4).0, "285120462981.1456");
    }

    #[test]
    fn floats_are_the_shortest_that_read_back() {
        assert_eq!(text(Value::Real(0.1)).0, "0.1");
        assert_eq!(text(Value::Float(0.1 + 0.2)).0, "0.30000000000000004");
        assert_eq!(text(Value::Float(f64::NAN)).0, "null");
    }

    #[test]
    fn dates_keep_their_precision_and_zone() {
        let moment =
            |days, ticks, scale, offset| text(Value::Moment { days, ticks, scale, offset }).0;
        assert_eq!(moment(738_579, 452_967_890_123, 7, None), "2023-03-01T12:34:56.7890123");
        assert_eq!(moment(738_944, 45_296, 0, Some(330)), "2024-02-29T12:34:56+05:30");
        assert_eq!(moment(738_944, 0, 0, Some(-30)), "2024-02-29T00:00:00-00:30");
        assert_eq!(moment(693_595, 3, 3, None), "1900-01-01T00:00:00.003");
        assert_eq!(text(Value::Date(0)).0, "0001-01-01");
        assert_eq!(text(Value::Date(3_652_058)).0, "9999-12-31");
        assert_eq!(text(Value::Time { ticks: 1, scale: 7 }).0, "00:00:00.0000001");
    }

    #[test]
    fn a_vector_is_numbers_in_brackets() {
        let numbers = [0.5f32.to_le_bytes(), (-2f32).to_le_bytes()].concat();
        let v = Value::Vector { numbers: &numbers, half: false };
        assert_eq!(text(v), ("[0.5,-2.0]".into(), Form::Bare));
        let v = Value::Vector { numbers: &[0, 0x38, 0, 0xC0], half: true };
        assert_eq!(text(v).0, "[0.5,-2.0]");
    }
}
