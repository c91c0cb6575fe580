//! The texts of dates and times that do not depend on a session's language ("Date and time data
//! types and functions"), read.

use super::{DAYS_1900, MONTHS, Moment, SECOND, WEEKDAYS, from_ymd};
use crate::error::{Error, Result};
use crate::messages;
use crate::types::Type;

/// Why a text is no moment.
enum Bad {
    /// No server would read it.
    Not,
    /// It is of a form that is read, with a value that does not exist.
    Range,
    /// The server may have a form for it.
    Unknown,
}

/// Reads ISO 8601, `yyyymmdd`, `yyyy-mm-dd hh:mm[:ss[.fffffff]]`, US `m/d/yyyy`, `Mon d yyyy`, and
/// a time alone. What can be no date is refused as the server refuses it; other forms are not in
/// the sandbox.
pub(crate) fn parse(text: &str, ty: Type) -> Result<Moment> {
    let trimmed = text.trim_matches(' ');
    if trimmed.is_empty() {
        return Ok(Moment { days: DAYS_1900, ticks: 0, offset: None });
    }
    let unknown = || Error::unsupported(format!("the date '{text}'"));
    let syntax = || match ty {
        Type::SmallDateTime => messages::smalldatetime_syntax(),
        _ => messages::date_syntax(),
    };
    let moment = read(trimmed, is_legacy(ty)).map_err(|bad| match bad {
        Bad::Not => syntax(),
        Bad::Range if is_legacy(ty) => messages::date_out_of_range(ty.name_and_id().0),
        Bad::Range => syntax(),
        Bad::Unknown => unknown(),
    })?;
    if moment.offset.is_some() && !matches!(ty, Type::DateTimeOffset(_)) {
        return Err(unknown());
    }
    Ok(moment)
}

/// The types of before SQL Server 2008, which read less.
fn is_legacy(ty: Type) -> bool {
    matches!(ty, Type::DateTime | Type::SmallDateTime)
}

fn read(text: &str, legacy: bool) -> Result<Moment, Bad> {
    if !text.is_ascii() || text.contains(['{', '\t', '\n', '\r']) {
        return Err(Bad::Unknown);
    }
    if text.contains(|c: char| !c.is_ascii_alphanumeric() && !" -/.:,+".contains(c)) {
        return Err(Bad::Not);
    }
    check_words(text)?;
    let (date, time) = date_and_time(text, legacy)?;
    let days = if date.is_empty() { DAYS_1900 } else { read_date(date)? };
    let (ticks, offset) = match time {
        Some(time) => read_time(time, legacy)?,
        None => (0, None),
    };
    Ok(Moment { days, ticks, offset })
}

/// Refuses words that are neither months nor parts of a time. What begins like a month or a weekday
/// may be one to the server.
fn check_words(text: &str) -> Result<(), Bad> {
    let words = text.split(|c: char| !c.is_ascii_alphabetic()).filter(|w| !w.is_empty());
    for word in words.map(str::to_ascii_lowercase) {
        if matches!(word.as_str(), "am" | "pm" | "a" | "p" | "t" | "z") || month(&word).is_some() {
            continue;
        }
        let begins =
            |name: &&str| word.len() > 2 && name.to_ascii_lowercase().starts_with(&word[..3]);
        let is_like_a_name = MONTHS.iter().chain(&WEEKDAYS).any(begins);
        return Err(if is_like_a_name { Bad::Unknown } else { Bad::Not });
    }
    Ok(())
}

/// The two halves of a text; the date is empty where there is only a time.
fn date_and_time(text: &str, legacy: bool) -> Result<(&str, Option<&str>), Bad> {
    // ISO's T stands between two digits: the T of "Oct" or "Sat" is a letter of a name.
    let bytes = text.as_bytes();
    let is_digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let is_iso = |i: usize| {
        bytes[i].eq_ignore_ascii_case(&b'T') && i > 0 && is_digit(i - 1) && is_digit(i + 1)
    };
    if let Some(at) = (0..bytes.len()).find(|i| is_iso(*i)) {
        let (date, time) = (&text[..at], &text[at + 1..]);
        // Each element must be there for the old types.
        if !is_dashed(date) || legacy && time.split(':').count() != 3 {
            return Err(Bad::Unknown);
        }
        return Ok((date, Some(time)));
    }
    let Some(colon) = text.find(':') else { return Ok((text, None)) };
    Ok(match text[..colon].rfind(' ') {
        Some(blank) => (text[..blank].trim_end(), Some(text[blank + 1..].trim_start())),
        None => ("", Some(text)),
    })
}

/// Whether a text has the form `yyyy-mm-dd`.
pub(crate) fn is_dashed(text: &str) -> bool {
    let fits = |(i, b): (usize, u8)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() };
    text.len() == 10 && text.bytes().enumerate().all(fits)
}

pub(crate) fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// A date in any of the forms, in days since 0001-01-01.
fn read_date(text: &str) -> Result<i64, Bad> {
    if text.len() == 8 && is_digits(text) {
        return day(&text[..4], number(&text[4..6])?, &text[6..]);
    }
    if text.contains(|c: char| c.is_ascii_alphabetic()) {
        return named_date(text);
    }
    let Some(between) = ['-', '/', '.'].into_iter().find(|c| text.contains(*c)) else {
        return Err(Bad::Unknown);
    };
    let parts: Vec<&str> = text.split(between).collect();
    let [first, second, third] = parts.as_slice() else { return Err(Bad::Unknown) };
    let is_short = |part: &str| (1..=2).contains(&part.len());
    match (first.len(), third.len()) {
        (4, _) if is_short(second) && is_short(third) => day(first, number(second)?, third),
        // As us_english has it: the month comes first.
        (_, 4) if is_short(first) && is_short(second) => day(third, number(first)?, second),
        _ => Err(Bad::Unknown),
    }
}

/// `Mon d yyyy` or `d Mon yyyy`.
fn named_date(text: &str) -> Result<i64, Bad> {
    let parts: Vec<&str> = text.split([' ', ',']).filter(|p| !p.is_empty()).collect();
    let [first, second, year] = parts.as_slice() else { return Err(Bad::Unknown) };
    let (month, date) = match (month(first), month(second)) {
        (Some(month), None) => (month, second),
        (None, Some(month)) => (month, first),
        _ => return Err(Bad::Unknown),
    };
    if year.len() == 4 && date.len() <= 2 { day(year, month, date) } else { Err(Bad::Unknown) }
}

fn number(text: &str) -> Result<i64, Bad> {
    text.parse().ok().filter(|_| is_digits(text)).ok_or(Bad::Unknown)
}

fn day(year: &str, month: i64, date: &str) -> Result<i64, Bad> {
    from_ymd(number(year)?, month, number(date)?).ok_or(Bad::Range)
}

/// From 1, by a full name or its first three letters.
fn month(word: &str) -> Option<i64> {
    let is_it =
        |name: &&str| name.eq_ignore_ascii_case(word) || name[..3].eq_ignore_ascii_case(word);
    MONTHS.iter().position(is_it).map(|i| i as i64 + 1)
}

/// A time of day in ticks, and the offset behind it.
fn read_time(text: &str, legacy: bool) -> Result<(i64, Option<i16>), Bad> {
    let (body, offset) = if let Some(body) = text.strip_suffix(['Z', 'z']) {
        (body, Some(0))
    } else if let Some(at) = text.rfind(['+', '-']) {
        let offset = offset_minutes(&text[at..]).ok_or(Bad::Unknown)?;
        (text[..at].trim_end(), Some(offset))
    } else {
        (text, None)
    };
    let upper = body.to_ascii_uppercase();
    let (clock, noon) = match (upper.strip_suffix("AM"), upper.strip_suffix("PM")) {
        (Some(clock), _) => (clock.trim_end(), Some(0)),
        (_, Some(clock)) => (clock.trim_end(), Some(12)),
        _ => (upper.as_str(), None),
    };
    let mut parts = clock.split(':');
    let mut hour = two_digits(parts.next().unwrap_or(""))?;
    let minute = two_digits(parts.next().unwrap_or(""))?;
    let (second, fraction) = match parts.next() {
        None => (0, 0),
        Some(part) => read_seconds(part, legacy)?,
    };
    if parts.next().is_some() {
        return Err(Bad::Unknown);
    }
    if let Some(add) = noon {
        if !(1..=12).contains(&hour) {
            return Err(Bad::Unknown);
        }
        hour = hour % 12 + add;
    }
    if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0..60).contains(&second) {
        return Err(if legacy { Bad::Unknown } else { Bad::Range });
    }
    Ok((((hour * 60 + minute) * 60 + second) * SECOND + fraction, offset))
}

fn two_digits(text: &str) -> Result<i64, Bad> {
    if !(1..=2).contains(&text.len()) {
        return Err(Bad::Unknown);
    }
    text.parse().map_err(|_| Bad::Unknown)
}

/// Seconds, and the ticks of their fraction of up to seven digits.
fn read_seconds(text: &str, legacy: bool) -> Result<(i64, i64), Bad> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || fraction.len() > 7 || !is_digits(fraction) {
        return Err(Bad::Unknown);
    }
    if legacy && fraction.len() > 3 {
        return Err(Bad::Not);
    }
    let ticks = format!("{fraction:0<7}").parse().map_err(|_| Bad::Unknown)?;
    Ok((two_digits(whole)?, ticks))
}

/// `+hh:mm`, up to 14 hours.
pub(crate) fn offset_minutes(text: &str) -> Option<i16> {
    let bytes: [u8; 6] = text.as_bytes().try_into().ok()?;
    let [sign @ (b'+' | b'-'), hours @ .., b':', m1, m2] = bytes else { return None };
    let digits = |bytes: [u8; 2]| -> Option<i16> {
        let [tens, ones] = bytes;
        (tens.is_ascii_digit() && ones.is_ascii_digit())
            .then(|| i16::from(tens - b'0') * 10 + i16::from(ones - b'0'))
    };
    let (hours, minutes) = (digits(hours)?, digits([m1, m2])?);
    let all = hours * 60 + minutes;
    (minutes < 60 && all <= 14 * 60).then_some(if sign == b'-' { -all } else { all })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day_of(text: &str, ty: Type) -> Result<i64, u32> {
        parse(text, ty).map(|m| m.days).map_err(|e| e.number)
    }

    #[test]
    fn one_day_in_all_forms() {
        let day = from_ymd(2024, 3, 5).ok_or(0);
        for text in [
            "20240305",
            "2024-03-05",
            "2024/3/5",
            "3/5/2024",
            "03.05.2024",
            "Mar 5 2024",
            "5 March, 2024",
            "2024-03-05T10:20:30",
            " 2024-03-05 10:20 ",
        ] {
            assert_eq!(day_of(text, Type::DateTime2(7)), day, "{text}");
        }
    }

    #[test]
    fn what_is_no_date_what_does_not_exist_and_what_may_be_one() {
        let unsupported = crate::error::UNSUPPORTED;
        assert_eq!(day_of("abc", Type::DateTime), Err(241));
        assert_eq!(day_of("abc", Type::SmallDateTime), Err(295));
        assert_eq!(day_of("2023-02-29", Type::DateTime), Err(242));
        assert_eq!(day_of("2023-02-29", Type::Date), Err(241));
        assert_eq!(day_of("5/6/24", Type::Date), Err(unsupported));
        assert_eq!(day_of("Monday", Type::Date), Err(unsupported));
        assert_eq!(day_of("2024-03-05T10:20", Type::DateTime), Err(unsupported));
        assert_eq!(day_of("2024-03-05 10:20:30.1234", Type::DateTime), Err(241));
    }

    #[test]
    fn times_of_day() {
        let ticks = |text: &str| parse(text, Type::Time(7)).map(|m| m.ticks / SECOND).ok();
        assert_eq!(ticks("12:00 AM"), Some(0));
        assert_eq!(ticks("12:30PM"), Some(12 * 3600 + 1800));
        assert_eq!(ticks("1:02:03 pm"), Some(13 * 3600 + 123));
        assert_eq!(ticks("24:00"), None);
        assert_eq!(ticks("10:60"), None);
        assert_eq!(ticks("10:00:00.12345678"), None);
    }

    #[test]
    fn offsets() {
        assert_eq!(offset_minutes("+14:00"), Some(840));
        assert_eq!(offset_minutes("-05:30"), Some(-330));
        for text in ["+14:01", "+5:30", "05:300", "+05:60", "+0a:00", ""] {
            assert_eq!(offset_minutes(text), None, "{text}");
        }
        let moment = parse("2024-03-05 10:20 +02:00", Type::DateTimeOffset(0));
        assert_eq!(moment.map(|m| m.offset), Ok(Some(120)));
    }
}
