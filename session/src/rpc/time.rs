//! Dates and times from their text in ISO 8601, as SQL Server's own conversion reads it in every
//! language.

/// Days from 0001-01-01 to 10000-01-01.
const DAYS: i64 = 3_652_059;
/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;
/// Nanoseconds of a day.
const DAY: i64 = 86_400 * SECOND;

/// A text's day, time and zone, as far as it has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// Days from 0001-01-01; none for a time alone.
    pub(super) day: Option<i64>,
    /// Nanoseconds from midnight; none for a day alone.
    pub(super) time: Option<i64>,
    /// Minutes from UTC; none where no zone is named.
    pub(super) offset: Option<i64>,
}

// === impl Moment ===

impl Moment {
    /// `2024-02-29`, `20240229`, `12:30`, `2024-02-29T12:30:15.1234567+02:00`; a space may stand
    /// for the T and before the zone.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.as_bytes().get(2) == Some(&b':') {
            let (time, offset) = clock(text)?;
            return Some(Self { day: None, time: Some(time), offset });
        }
        let (date, rest) =
            text.split_at_checked(text.find(['T', 't', ' ']).unwrap_or(text.len()))?;
        let day = Some(day(date)?);
        if rest.is_empty() {
            return Some(Self { day, time: None, offset: None });
        }
        let (time, offset) = clock(rest[1..].trim_start())?;
        Some(Self { day, time: Some(time), offset })
    }

    /// Days and units of 10^-scale seconds, rounded; the next day where it comes to that.
    pub(super) fn rounded(self, scale: u8) -> Option<(i64, i64)> {
        let unit = SECOND / 10i64.pow(u32::from(scale));
        let ticks = (self.time.unwrap_or(0) + unit / 2) / unit;
        carried(self.day?, ticks, DAY / unit)
    }

    /// The same in UTC.
    pub(super) fn utc(self, scale: u8) -> Option<(i64, i64, i64)> {
        let offset = self.offset.unwrap_or(0);
        let (day, ticks) = self.rounded(scale)?;
        let per_minute = 60 * 10i64.pow(u32::from(scale));
        let utc = ticks - offset * per_minute;
        let day = day + utc.div_euclid(per_minute * 1440);
        (0..DAYS).contains(&day).then_some((day, utc.rem_euclid(per_minute * 1440), offset))
    }

    /// Days and 1/300 s, as datetime rounds.
    pub(super) fn datetime(self) -> Option<(i64, i64)> {
        let ticks = (self.time.unwrap_or(0) * 300 + SECOND / 2) / SECOND;
        carried(self.day?, ticks, 86_400 * 300)
    }

    /// Days and minutes, as smalldatetime rounds: from 29.999 s on up.
    pub(super) fn minutes(self) -> Option<(i64, i64)> {
        let time = self.time.unwrap_or(0);
        let up = i64::from(time % (60 * SECOND) >= 29_999_000_000);
        carried(self.day?, time / (60 * SECOND) + up, 1440)
    }
}

fn carried(day: i64, ticks: i64, of_a_day: i64) -> Option<(i64, i64)> {
    let day = day + ticks / of_a_day;
    (day < DAYS).then_some((day, ticks % of_a_day))
}

/// Digits of a fixed width as a number.
fn digits(text: &str, width: usize) -> Option<i64> {
    let fits = text.len() == width && text.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

fn day(text: &str) -> Option<i64> {
    let parts: Vec<&str> = text.split('-').collect();
    let (y, m, d) = match parts.as_slice() {
        [y, m, d] => (*y, *m, *d),
        [all] => (all.get(..4)?, all.get(4..6)?, all.get(6..)?),
        _ => return None,
    };
    let (y, m, d) = (digits(y, 4)?, digits(m, 2)?, digits(d, 2)?);
    let leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    let last = match m {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if y < 1 || !(1..=last).contains(&d) {
        return None;
    }
    // Years that begin in March have their leap day at their end.
    let (y, m) = if m > 2 { (y, m - 3) } else { (y - 1, m + 9) };
    Some(y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + d - 1 - 306)
}

/// `12:30`, `12:30:15`, `12:30:15.5`, each with or without a zone behind it.
fn clock(text: &str) -> Option<(i64, Option<i64>)> {
    let (time, offset) = match text.find(['Z', 'z', '+', '-']) {
        None => (text, None),
        Some(at) => (text[..at].trim_end(), Some(zone(&text[at..])?)),
    };
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let parts: Vec<&str> = clock.split(':').collect();
    let (h, m, s) = match parts.as_slice() {
        [h, m] if !time.contains('.') => (*h, *m, "00"),
        [h, m, s] => (*h, *m, *s),
        _ => return None,
    };
    let (h, m, s) = (digits(h, 2)?, digits(m, 2)?, digits(s, 2)?);
    if h > 23 || m > 59 || s > 59 || !(1..=9).contains(&fraction.len()) {
        return None;
    }
    let nanos = digits(fraction, fraction.len())? * 10i64.pow(9 - fraction.len() as u32);
    Some((((h * 60 + m) * 60 + s) * SECOND + nanos, offset))
}

/// `Z`, `+02:00`; SQL Server has zones up to 14 hours.
fn zone(text: &str) -> Option<i64> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'Z' | b'z' => return (text.len() == 1).then_some(0),
        b'-' => (-1, &text[1..]),
        _ => (1, &text[1..]),
    };
    let (h, m) = rest.split_once(':')?;
    let minutes = digits(h, 2)? * 60 + digits(m, 2).filter(|m| *m < 60)?;
    (minutes <= 14 * 60).then_some(sign * minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_iso_8601_are_read() {
        let parse = |t| Moment::parse(t).map(|m| (m.day, m.time, m.offset));
        assert_eq!(parse("0001-01-01"), Some((Some(0), None, None)));
        assert_eq!(parse("19000101"), Some((Some(693_595), None, None)));
        assert_eq!(parse("9999-12-31"), Some((Some(DAYS - 1), None, None)));
        let half = (12 * 3600 + 30 * 60) * SECOND;
        assert_eq!(parse("12:30"), Some((None, Some(half), None)));
        let whole = Some((Some(738_944), Some(half + 5 * SECOND + 100), Some(-90)));
        assert_eq!(parse("2024-02-29T12:30:05.0000001-01:30"), whole);
        assert_eq!(parse("2024-02-29 12:30:05.0000001 -01:30"), whole);
        assert_eq!(parse("2024-02-29T12:30Z").and_then(|m| m.2), Some(0));
        for bad in [
            "",
            "2023-02-29",
            "2024-13-01",
            "2024-1-1",
            "24:00",
            "12:60",
            "12:30:61",
            "2024-02-29T",
            "0000-01-01",
            "12:30:05.",
            "12:30+15:00",
            "12:30.5",
            "2024-02-29é",
            "é:30",
            "1é:30",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_a_type_does_not_keep_is_rounded_into_the_next_day() {
        let m = |t| Moment::parse(t).expect("a moment");
        let late = m("2024-02-28T23:59:59.9999999");
        assert_eq!(late.rounded(7), Some((738_943, 863_999_999_999)));
        assert_eq!(late.rounded(3), Some((738_944, 0)));
        assert_eq!(late.datetime(), Some((738_944, 0)));
        assert_eq!(m("1900-01-01T00:00:00.005").datetime(), Some((693_595, 2)));
        assert_eq!(m("1900-01-01T00:01:29.998").minutes(), Some((693_595, 1)));
        assert_eq!(m("1900-01-01T00:01:29.999").minutes(), Some((693_595, 2)));
        assert_eq!(m("9999-12-31T23:59:59.9").rounded(0), None);
        let zoned = m("2024-02-29T00:30:00+01:00");
        assert_eq!(zoned.utc(0), Some((738_943, 84_600, 60)));
        assert_eq!(m("0001-01-01T00:00:00+01:00").utc(0), None);
    }
}
