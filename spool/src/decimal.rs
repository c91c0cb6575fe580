//! Exact numbers of up to 38 digits, and sums of them that do not overflow.

use std::cmp::Ordering;
use std::fmt;

/// What 38 digits cannot count up to.
const LIMIT: u128 = 10u128.pow(38);
/// Sums are kept in two parts around this.
const HALF: i128 = 10i128.pow(19);
/// Digits that an average has more than its values.
const AVERAGE: usize = 6;

/// `value` · 10^-`scale`; at most 38 digits, of which at most 38 are behind the point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decimal {
    pub(crate) value: i128,
    pub(crate) scale: u8,
}

/// A sum of up to 10^19 decimals.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    high: i128,
    low: i128,
    scale: u8,
}

// === impl Decimal ===

impl Decimal {
    /// Reads digits with a sign, a point and an exponent, each where it is; none where that is no
    /// number, or not one of 38 digits.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (negative, digits) = match bytes.first()? {
            b'-' => (true, &bytes[1..]),
            b'+' => (false, &bytes[1..]),
            _ => (false, bytes),
        };
        // Nearly all numbers fit 64 bits, where multiplying is quick.
        let (mut small, mut large) = (0u64, 0u128);
        let (mut any, mut point, mut scale, mut exponent) = (false, false, 0i32, 0i32);
        for (n, b) in digits.iter().enumerate() {
            match b {
                b'0'..=b'9' => {
                    let digit = b - b'0';
                    if n < 18 {
                        small = small * 10 + u64::from(digit);
                    } else {
                        if large == 0 {
                            large = u128::from(small);
                        }
                        large = large.checked_mul(10)?.checked_add(digit.into())?;
                        small = 0;
                    }
                    any = true;
                    scale += i32::from(point);
                }
                b'.' if !point => point = true,
                b'e' | b'E' if any => {
                    exponent = std::str::from_utf8(&digits[n + 1..]).ok()?.parse().ok()?;
                    break;
                }
                _ => return None,
            }
        }
        let mut value = if large == 0 { u128::from(small) } else { large };
        scale = scale.checked_sub(exponent)?;
        while (scale > 38 || value >= LIMIT) && value % 10 == 0 && value > 0 {
            (value, scale) = (value / 10, scale - 1);
        }
        if value == 0 {
            scale = scale.clamp(0, 38);
        }
        while scale < 0 && value < LIMIT {
            (value, scale) = (value * 10, scale + 1);
        }
        if !any || value >= LIMIT || !(0..=38).contains(&scale) {
            return None;
        }
        let value = i128::try_from(value).ok()?;
        Some(Self {
            value: if negative { -value } else { value },
            scale: u8::try_from(scale).ok()?,
        })
    }

    /// The same number as an integer of 10^-`scale`; none where digits would be lost.
    pub(crate) fn at_scale(self, scale: u8) -> Option<i128> {
        match scale.cmp(&self.scale) {
            Ordering::Equal => Some(self.value),
            Ordering::Greater => {
                self.value.checked_mul(10i128.checked_pow(u32::from(scale - self.scale))?)
            }
            Ordering::Less => {
                let unit = 10i128.checked_pow(u32::from(self.scale - scale))?;
                (self.value % unit == 0).then_some(self.value / unit)
            }
        }
    }

    /// The part before the point, and the one behind it in units of 10^-38.
    fn parts(self) -> (i128, i128) {
        let unit = 10i128.pow(self.scale.min(38).into());
        (self.value / unit, self.value % unit * 10i128.pow(38 - u32::from(self.scale.min(38))))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        match self.scale == other.scale {
            true => self.value.cmp(&other.value),
            false => self.parts().cmp(&other.parts()),
        }
    }
}

/// Digits with a point before the last `scale` of them.
fn pointed(negative: bool, mut digits: String, scale: usize) -> String {
    if digits.len() <= scale {
        digits.insert_str(0, &"0".repeat(scale + 1 - digits.len()));
    }
    if scale > 0 {
        digits.insert(digits.len() - scale, '.');
    }
    if negative && digits.bytes().any(|b| b.is_ascii_digit() && b != b'0') {
        digits.insert(0, '-');
    }
    digits
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.value.unsigned_abs().to_string();
        f.write_str(&pointed(self.value < 0, digits, self.scale.into()))
    }
}

// === impl Sum ===

impl Sum {
    /// Values of this many digits behind the point, or fewer, will be added.
    pub(crate) fn new(scale: u8) -> Self {
        Self { high: 0, low: 0, scale }
    }

    /// False where the value has more digits behind the point than its column: it is not added.
    pub(crate) fn add(&mut self, value: Decimal) -> bool {
        let Some(value) = value.at_scale(self.scale) else { return false };
        match i64::try_from(value) {
            Ok(small) => self.low += i128::from(small),
            Err(_) => {
                self.high += value / HALF;
                self.low += value % HALF;
            }
        }
        true
    }

    fn digits(&self) -> (bool, String) {
        let mut high = self.high + self.low.div_euclid(HALF);
        let mut low = self.low.rem_euclid(HALF);
        let negative = high < 0;
        if negative {
            high = -high;
            if low > 0 {
                (high, low) = (high - 1, HALF - low);
            }
        }
        let digits = match high {
            0 => low.to_string(),
            _ => format!("{high}{low:019}"),
        };
        (negative, digits)
    }

    /// The sum over a number of values, with six digits more behind the point, the last one rounded
    /// half away from zero.
    pub(crate) fn average(&self, of: u64) -> Option<String> {
        let (negative, digits) = self.digits();
        let of = u128::from(of);
        let (mut quotient, mut rest) = (String::with_capacity(digits.len() + AVERAGE), 0u128);
        for digit in digits.bytes().chain(std::iter::repeat_n(b'0', AVERAGE)) {
            let part = rest * 10 + u128::from(digit - b'0');
            quotient.push(char::from(b'0' + u8::try_from(part.checked_div(of)?).ok()?));
            rest = part % of;
        }
        if rest * 2 >= of {
            quotient = plus_one(quotient);
        }
        let whole = quotient.trim_start_matches('0').to_owned();
        Some(pointed(negative, whole, usize::from(self.scale) + AVERAGE))
    }
}

/// Decimal digits, and one more in the last place.
fn plus_one(digits: String) -> String {
    let mut bytes = digits.into_bytes();
    for b in bytes.iter_mut().rev() {
        if *b < b'9' {
            *b += 1;
            return String::from_utf8(bytes).unwrap_or_default();
        }
        *b = b'0';
    }
    bytes.insert(0, b'1');
    String::from_utf8(bytes).unwrap_or_default()
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (negative, digits) = self.digits();
        f.write_str(&pointed(negative, digits, self.scale.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        Decimal::read(text).expect(text)
    }

    #[test]
    fn numbers_are_read_and_compared_exactly() {
        let ascending = [
            "-99999999999999999999999999999999999999",
            "-10",
            "-9.50",
            "-0.00000000000000000000000000000000000001",
            "0",
            "0.00000000000000000000000000000000000001",
            "9",
            "9.5",
            "1e1",
            "12345678901234567890.12",
            "12345678901234567890.13",
            "99999999999999999999999999999999999999",
        ];
        for (n, a) in ascending.iter().enumerate() {
            for (m, b) in ascending.iter().enumerate() {
                assert_eq!(d(a).cmp(&d(b)), n.cmp(&m), "{a} {b}");
            }
        }
        assert_eq!(d("1.50"), d("+1.5"));
        assert_eq!(d("-0.0"), d("0"));
        assert_eq!(d("1.25e2"), d("125"));
        assert_eq!(d("0.000000000000000000123"), d("123e-21"));
        assert_eq!(d("-0.05").to_string(), "-0.05");
        assert_eq!(d("000000000000000000000000000000000000000000012").to_string(), "12");
        for bad in ["", "-", ".", "x", "1x", "1.2.3", "1e", "e1", "1e99", "0x1", " 1"] {
            assert!(Decimal::read(bad).is_none(), "{bad}");
        }
        assert!(Decimal::read(&"9".repeat(39)).is_none());
    }

    #[test]
    fn sums_do_not_overflow() {
        let mut sum = Sum::new(0);
        for _ in 0..1000 {
            assert!(sum.add(d(&"9".repeat(38))));
        }
        assert_eq!(sum.to_string(), format!("{}000", "9".repeat(38)));
        assert_eq!(sum.average(1000).expect("some"), format!("{}.000000", "9".repeat(38)));
        let mut sum = Sum::new(2);
        for value in ["-10000000000000000000000.01", "0.02", "10000000000000000000000.00", "-0.5"] {
            assert!(sum.add(d(value)));
        }
        assert_eq!(sum.to_string(), "-0.49");
        assert!(!sum.add(d("0.001")));
        assert_eq!(sum.average(3).expect("some"), "-0.16333333");
        assert_eq!(sum.average(0), None);
        let mut sum = Sum::new(0);
        assert!(sum.add(d("2")));
        assert_eq!(sum.average(3).expect("some"), "0.666667");
    }
}
