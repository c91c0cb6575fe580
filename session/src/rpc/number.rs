//! Decimals from their text, to the last digit.

/// The most digits that are looked at, zeros in front left out.
const DIGITS: usize = 120;

/// A number as a sign and its digits in units of 10^-scale, rounded half away from zero as SQL
/// Server does; none where it is no number, or has more than 38 digits.
pub(super) fn scaled(text: &str, scale: u8) -> Option<(bool, u128)> {
    let text = text.trim();
    let (negative, text) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((m, e)) => (m, e.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = || whole.bytes().chain(fraction.bytes());
    if whole.len() + fraction.len() == 0 || !all().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits: Vec<u8> = all().skip_while(|b| *b == b'0').map(|b| b - b'0').collect();
    if digits.is_empty() {
        return Some((negative, 0));
    }
    if digits.len() > DIGITS || exponent.abs() > 1000 {
        return None;
    }
    // The digits, times 10 to this power.
    let power = exponent - i32::try_from(fraction.len()).ok()? + i32::from(scale);
    let length = i32::try_from(digits.len()).ok()? + power;
    let mut value: u128 = 0;
    for n in 0..length.max(0) {
        let digit = digits.get(n as usize).copied().unwrap_or(0);
        value = value.checked_mul(10)?.checked_add(digit.into())?;
    }
    // The first digit that is left out; further away than that everything rounds to nothing.
    if length >= 0 && digits.get(length as usize).is_some_and(|d| *d >= 5) {
        value = value.checked_add(1)?;
    }
    (value < 10u128.pow(38)).then_some((negative && value > 0, value))
}

#[cfg(test)]
mod tests {
    use super::scaled;

    #[test]
    fn every_digit_arrives() {
        for (text, scale, value) in [
            (
                "1234567890123456789.123456789",
                10,
                Some((false, 12_345_678_901_234_567_891_234_567_890)),
            ),
            ("-0.005", 2, Some((true, 1))),
            ("-0.004", 2, Some((false, 0))),
            ("1.005", 2, Some((false, 101))),
            ("1e3", 2, Some((false, 100_000))),
            ("12.5E-1", 2, Some((false, 125))),
            ("0.0000000000000000000000000000000000000049", 38, Some((false, 0))),
            ("+.5", 1, Some((false, 5))),
            ("5.", 0, Some((false, 5))),
            ("99999999999999999999999999999999999999", 0, Some((false, 10u128.pow(38) - 1))),
            ("99999999999999999999999999999999999999.5", 0, None),
            ("1e38", 0, None),
            ("1e-400", 4, Some((false, 0))),
            ("", 0, None),
            (".", 0, None),
            ("-", 0, None),
            ("1,5", 0, None),
            ("NaN", 0, None),
            ("1e999999999999", 0, None),
            ("--1", 0, None),
        ] {
            assert_eq!(scaled(text, scale), value, "{text}");
        }
    }
}
