//! Dates and times as counts of 100 ns, which is what SQL Server's finest types count in.

/// Units of a day.
pub(crate) const DAY: i64 = 86_400 * SECOND;
/// Units of a second.
const SECOND: i64 = 10_000_000;

/// A moment as it is written: local, with its distance from UTC where it says one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Units from 0001-01-01T00:00:00.
    pub(crate) local: i64,
    /// Minutes from UTC.
    pub(crate) offset: Option<i16>,
}

// === impl Moment ===

impl Moment {
    /// Reads `yyyy-mm-dd`, with a time behind a `T` or a blank, and `Z` or `±hh:mm` behind that.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let date = date(bytes.get(..10)?)?;
        let Some(separator) = bytes.get(10) else {
            return Some(Self { local: date, offset: None });
        };
        if !matches!(separator, b'T' | b't' | b' ') {
            return None;
        }
        let rest = bytes[11..].trim_ascii_start();
        let zone = rest.iter().position(|b| matches!(b, b'Z' | b'z' | b'+' | b'-'));
        let (time, zone) = rest.split_at(zone.unwrap_or(rest.len()));
        let offset = match zone {
            [] => None,
            [b'Z' | b'z'] => Some(0),
            [sign, h1, h2, b':', m1, m2] => {
                let minutes = two(&[*h1, *h2])? * 60 + two(&[*m1, *m2])?;
                let minutes = i16::try_from(minutes).ok().filter(|m| *m <= 14 * 60)?;
                Some(if *sign == b'-' { -minutes } else { minutes })
            }
            _ => return None,
        };
        Some(Self { local: date + clock(time.trim_ascii_end())?, offset })
    }

    /// Units from 0001-01-01T00:00:00 in UTC, where it says its distance from there or has none.
    pub(crate) fn utc(self) -> i64 {
        self.local - i64::from(self.offset.unwrap_or_default()) * 60 * SECOND
    }
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0i64, |n, b| {
        b.is_ascii_digit().then(|| n.checked_mul(10)?.checked_add(i64::from(b - b'0')))?
    })
}

fn two(bytes: &[u8]) -> Option<i64> {
    if bytes.len() == 2 { digits(bytes) } else { None }
}

/// Units from 0001-01-01 of `yyyy-mm-dd` (the days-from-civil algorithm).
fn date(bytes: &[u8]) -> Option<i64> {
    let (b'-', b'-') = (bytes[4], bytes[7]) else { return None };
    let (y, m, d) = (digits(&bytes[..4])?, two(&bytes[5..7])?, two(&bytes[8..10])?);
    let leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    let longest = match m {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if y == 0 || d == 0 || d > longest {
        return None;
    }
    let y = if m <= 2 { y - 1 } else { y };
    let (era, yoe) = (y / 400, y % 400);
    let doy = (153 * (if m > 2 { m - 3 } else { m + 9 }) + 2) / 5 + d - 1;
    let days = era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy;
    Some((days - 306) * DAY)
}

/// Units from midnight of `hh:mm`, `hh:mm:ss` or `hh:mm:ss.f`, with up to seven digits.
pub(crate) fn clock(bytes: &[u8]) -> Option<i64> {
    let (b':', rest) = (*bytes.get(2)?, &bytes[3..]) else { return None };
    let (h, m) = (two(&bytes[..2])?, two(rest.get(..2)?)?);
    let (s, fraction) = match &rest[2..] {
        [] => (0, 0),
        [b':', s1, s2] => (two(&[*s1, *s2])?, 0),
        [b':', s1, s2, b'.', f @ ..] if (1..=7).contains(&f.len()) => {
            let unit = 10i64.pow(7 - u32::try_from(f.len()).ok()?);
            (two(&[*s1, *s2])?, digits(f)? * unit)
        }
        _ => return None,
    };
    (h < 24 && m < 60 && s < 60).then_some(((h * 60 + m) * 60 + s) * SECOND + fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_all_their_forms() {
        let utc = |text| Moment::read(text).map(Moment::utc);
        assert_eq!(utc("0001-01-01"), Some(0));
        assert_eq!(utc("9999-12-31"), Some(3_652_058 * DAY));
        assert_eq!(utc("2023-03-01T12:34:56.7890123"), Some(738_579 * DAY + 452_967_890_123));
        assert_eq!(utc("2024-01-01T23:00:00-05:00"), utc("2024-01-02 04:00Z"));
        assert_eq!(utc("2024-02-29 00:00:00 +05:30"), utc("2024-02-28T18:30:00"));
        for bad in [
            "",
            "2024",
            "2023-02-29",
            "2024-13-01",
            "0000-01-01",
            "2024-01-01X",
            "2024-01-01T",
            "2024-01-01T24:00",
            "2024-01-01T12:00:00.12345678",
            "2024-01-01T12:00+5",
            "x024-01-01",
            "2024-01-01T12:00:00+15:00",
            "äääääää",
        ] {
            assert_eq!(utc(bad), None, "{bad}");
        }
        assert_eq!(clock(b"00:00:00.0000001"), Some(1));
        assert_eq!(clock(b"23:59"), Some(DAY - 60 * SECOND));
    }
}
