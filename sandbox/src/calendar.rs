//! Dates and times: days since 0001-01-01, 100 ns ticks, and the texts that SQL
//! Server reads and writes.

use crate::error::{Error, Result};
use crate::types::{DAY, Type, Value};

/// Ticks in a second.
pub const SECOND: i64 = 10_000_000;
/// Days from 0001-01-01 to 1900-01-01, the epoch of `datetime`.
pub const DAYS_1900: i64 = 693_595;
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A parsed date and time: days, ticks of the day, offset in minutes if one was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// Days since 0001-01-01.
    pub days: i64,
    /// 100 ns since midnight.
    pub ticks: i64,
    /// Minutes east of UTC, where the text had them.
    pub offset: Option<i16>,
}

/// Days since 0001-01-01 (proleptic Gregorian), or nothing when there is no such day.
pub fn from_ymd(y: i64, m: i64, d: i64) -> Option<i64> {
    if !(1..=9999).contains(&y) || !(1..=12).contains(&m) || d < 1 || d > days_in_month(y, m) {
        return None;
    }
    let (y2, m2) = if m > 2 { (y, m - 3) } else { (y - 1, m + 9) };
    let era = y2.div_euclid(400);
    let yoe = y2.rem_euclid(400);
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + (153 * m2 + 2) / 5 + d - 1;
    Some(era * 146_097 + doe - 306)
}

/// The inverse of [`from_ymd`].
pub fn to_ymd(days: i64) -> (i64, i64, i64) {
    let z = days + 306;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let m = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(m <= 2), m, doy - (153 * mp + 2) / 5 + 1)
}

/// 28 to 31.
pub fn days_in_month(y: i64, m: i64) -> i64 {
    match m {
        4 | 6 | 9 | 11 => 30,
        2 if y % 4 == 0 && (y % 100 != 0 || y % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Rounds ticks to `scale` digits of a second.
pub fn round_ticks(ticks: i64, scale: u8) -> i64 {
    let unit = 10i64.pow(7 - u32::from(scale.min(7)));
    (ticks + unit / 2).div_euclid(unit) * unit
}

/// Rounds ticks since 0001 to what `datetime` keeps: 1/300 s, written as .000, .003 or .007.
pub fn round_datetime(ticks: i64) -> i64 {
    // By the day: the whole count times three would not fit.
    let (days, rest) = (ticks.div_euclid(DAY), ticks.rem_euclid(DAY));
    let fragments = (rest * 3 + 50_000).div_euclid(100_000);
    let ms = (fragments * 10 + 1).div_euclid(3);
    days * DAY + ms * 10_000
}

/// The clock as ticks since 0001, UTC.
pub fn now() -> i64 {
    let d = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    719_162 * DAY + d.as_nanos() as i64 / 100
}

fn conversion(ty: Type) -> Error {
    if ty == Type::SmallDateTime {
        return Error::new(
            295,
            16,
            "Conversion failed when converting character string to smalldatetime data type.",
        );
    }
    Error::new(241, 16, "Conversion failed when converting date and/or time from character string.")
}

fn out_of_range(name: &str) -> Error {
    Error::new(
        242,
        16,
        format!(
            "The conversion of a varchar data type to a {name} data type resulted in an out-of-range value."
        ),
    )
}

/// Why a text is no moment.
enum Bad {
    /// No server would read it.
    Not,
    /// Of a form that is read, with a value that does not exist.
    Range,
    /// The server may have a form for it.
    Unknown,
}

/// Reads the texts that do not depend on the session's language: ISO 8601, `yyyymmdd`, `yyyy-mm-dd
/// hh:mm[:ss[.fffffff]]`, US `m/d/yyyy`, `Mon d yyyy`, and a time alone. What can be no date is
/// refused as the server refuses it; other forms are not in the sandbox.
pub fn parse(text: &str, ty: Type) -> Result<Moment> {
    let s = text.trim_matches(' ');
    if s.is_empty() {
        return Ok(Moment { days: DAYS_1900, ticks: 0, offset: None });
    }
    let legacy = matches!(ty, Type::DateTime | Type::SmallDateTime);
    let unknown = || Error::unsupported(format!("the date '{text}'"));
    let m = read(s, ty).map_err(|bad| match bad {
        Bad::Not => conversion(ty),
        Bad::Range if legacy => out_of_range(ty.name_and_id().0),
        Bad::Range => conversion(ty),
        Bad::Unknown => unknown(),
    })?;
    if m.offset.is_some() && !matches!(ty, Type::DateTimeOffset(_)) {
        return Err(unknown());
    }
    Ok(m)
}

fn read(s: &str, ty: Type) -> Result<Moment, Bad> {
    if !s.is_ascii() || s.contains(['{', '\t', '\n', '\r']) {
        return Err(Bad::Unknown);
    }
    if s.contains(|c: char| !c.is_ascii_alphanumeric() && !" -/.:,+".contains(c)) {
        return Err(Bad::Not);
    }
    for word in s
        .split(|c: char| !c.is_ascii_alphabetic())
        .filter(|w| !w.is_empty())
        .map(str::to_ascii_lowercase)
    {
        let starts = |n: &str| {
            n.to_ascii_lowercase().starts_with(&word[..word.len().min(3)]) && word.len() > 2
        };
        if !matches!(word.as_str(), "am" | "pm" | "a" | "p" | "t" | "z") && month(&word).is_none() {
            return Err(if MONTHS.iter().chain(&WEEKDAYS).any(|n| starts(n)) {
                Bad::Unknown
            } else {
                Bad::Not
            });
        }
    }
    let legacy = matches!(ty, Type::DateTime | Type::SmallDateTime);
    // ISO's T stands between two digits: the T of "Oct" or "Sat" is a letter of a name.
    let iso = s.char_indices().position(|(i, c)| {
        (c == 'T' || c == 't')
            && i > 0
            && s.as_bytes()[i - 1].is_ascii_digit()
            && s.as_bytes().get(i + 1).is_some_and(u8::is_ascii_digit)
    });
    let (date, time) = match iso {
        Some(at) => {
            // Each element must be there for the old types.
            if !dashed(&s[..at]) || legacy && s[at..].split(':').count() != 3 {
                return Err(Bad::Unknown);
            }
            (&s[..at], Some(&s[at + 1..]))
        }
        None => match s.find(':') {
            None => (s, None),
            Some(colon) => match s[..colon].rfind(' ') {
                Some(space) => (s[..space].trim_end(), Some(s[space + 1..].trim_start())),
                None => ("", Some(s)),
            },
        },
    };
    let days = if date.is_empty() { DAYS_1900 } else { read_date(date)? };
    let (ticks, offset) = match time {
        Some(t) => read_time(t, legacy)?,
        None => (0, None),
    };
    Ok(Moment { days, ticks, offset })
}

/// `yyyy-mm-dd`
fn dashed(s: &str) -> bool {
    s.len() == 10
        && s.bytes()
            .enumerate()
            .all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() })
}

/// Whether a text has the form of CONVERT's style; without a style, any form does.
pub fn fits_style(s: &str, style: i64) -> bool {
    let clock =
        |t: &str| t.contains(':') && t.chars().all(|c| c.is_ascii_digit() || c == ':' || c == '.');
    let split = |glue: char| s.split_once(glue).is_some_and(|(d, t)| dashed(d) && clock(t));
    match style {
        crate::convert::NO_STYLE | 0 => true,
        20 | 21 | 120 | 121 => dashed(s) || split(' '),
        23 => dashed(s),
        101 => {
            let parts: Vec<&str> = s.split('/').collect();
            parts.len() == 3
                && parts[2].len() == 4
                && parts.iter().all(|p| p.bytes().all(|b| b.is_ascii_digit()))
        }
        112 => s.len() == 8 && s.bytes().all(|b| b.is_ascii_digit()),
        126 => split('T'),
        _ => false,
    }
}

fn read_date(s: &str) -> Result<i64, Bad> {
    let number = |t: &str| {
        t.parse::<i64>().ok().filter(|_| t.bytes().all(|b| b.is_ascii_digit())).ok_or(Bad::Unknown)
    };
    let day = |y: i64, m: i64, d: i64| from_ymd(y, m, d).ok_or(Bad::Range);
    if s.len() == 8 && s.bytes().all(|b| b.is_ascii_digit()) {
        return day(number(&s[..4])?, number(&s[4..6])?, number(&s[6..])?);
    }
    if s.contains(|c: char| c.is_ascii_alphabetic()) {
        let parts: Vec<&str> = s.split([' ', ',']).filter(|p| !p.is_empty()).collect();
        let [a, b, c] = parts.as_slice() else { return Err(Bad::Unknown) };
        let (m, d) = match (month(a), month(b)) {
            (Some(m), None) => (m, b),
            (None, Some(m)) => (m, a),
            _ => return Err(Bad::Unknown),
        };
        return if c.len() == 4 && d.len() <= 2 {
            day(number(c)?, m, number(d)?)
        } else {
            Err(Bad::Unknown)
        };
    }
    let Some(glue) = ['-', '/', '.'].into_iter().find(|g| s.contains(*g)) else {
        return Err(Bad::Unknown);
    };
    let parts: Vec<&str> = s.split(glue).collect();
    let [a, b, c] = parts.as_slice() else { return Err(Bad::Unknown) };
    let short = |p: &str| (1..=2).contains(&p.len());
    match (a.len(), c.len()) {
        (4, _) if short(b) && short(c) => day(number(a)?, number(b)?, number(c)?),
        (_, 4) if short(a) && short(b) => day(number(c)?, number(a)?, number(b)?),
        _ => Err(Bad::Unknown),
    }
}

fn month(s: &str) -> Option<i64> {
    if s.len() < 3 || !s.is_ascii() {
        return None;
    }
    let s = s.to_ascii_lowercase();
    MONTHS
        .iter()
        .position(|m| m.to_ascii_lowercase() == s || m[..3].to_ascii_lowercase() == s)
        .map(|i| i as i64 + 1)
}

fn read_time(s: &str, legacy: bool) -> Result<(i64, Option<i16>), Bad> {
    let (mut body, mut offset) = (s, None);
    if let Some(z) = s.strip_suffix(['Z', 'z']) {
        (body, offset) = (z, Some(0));
    } else if let Some(at) = s.rfind(['+', '-']) {
        offset = Some(offset_minutes(&s[at..]).ok_or(Bad::Unknown)?);
        body = s[..at].trim_end();
    }
    let upper = body.to_ascii_uppercase();
    let (clock, noon) = match (upper.strip_suffix("AM"), upper.strip_suffix("PM")) {
        (Some(c), _) => (c.trim_end(), Some(0)),
        (_, Some(c)) => (c.trim_end(), Some(12)),
        _ => (upper.as_str(), None),
    };
    let number = |t: &str| -> Result<i64, Bad> {
        if (1..=2).contains(&t.len()) {
            t.parse().map_err(|_| Bad::Unknown)
        } else {
            Err(Bad::Unknown)
        }
    };
    let mut parts = clock.split(':');
    let mut hour = number(parts.next().unwrap_or(""))?;
    let minute = number(parts.next().unwrap_or(""))?;
    let (second, fraction) = match parts.next() {
        None => (0, 0),
        Some(t) => {
            let (sec, frac) = t.split_once('.').unwrap_or((t, "0"));
            if frac.is_empty() || frac.len() > 7 || !frac.bytes().all(|b| b.is_ascii_digit()) {
                return Err(Bad::Unknown);
            }
            if legacy && frac.len() > 3 {
                return Err(Bad::Not);
            }
            (number(sec)?, format!("{frac:0<7}").parse::<i64>().map_err(|_| Bad::Unknown)?)
        }
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

/// `+hh:mm`, up to 14 hours.
pub fn offset_minutes(s: &str) -> Option<i16> {
    let b = s.as_bytes();
    let digit = |i: usize| b[i].is_ascii_digit().then(|| i16::from(b[i] - b'0'));
    if b.len() != 6 || b[3] != b':' || !matches!(b[0], b'+' | b'-') {
        return None;
    }
    let (h, m) = (digit(1)? * 10 + digit(2)?, digit(4)? * 10 + digit(5)?);
    let minutes = h * 60 + m;
    (m < 60 && minutes <= 14 * 60).then_some(if b[0] == b'-' { -minutes } else { minutes })
}

/// `hh:mm:ss` with `scale` digits.
pub fn time_text(ticks: i64, scale: u8) -> String {
    let (s, f) = (ticks / SECOND, ticks % SECOND);
    let mut out = format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
    if scale > 0 {
        let digits = format!("{f:07}");
        out.push('.');
        out.push_str(&digits[..usize::from(scale.min(7))]);
    }
    out
}

/// `yyyy-mm-dd`.
pub fn date_text(days: i64) -> String {
    let (y, m, d) = to_ymd(days);
    format!("{y:04}-{m:02}-{d:02}")
}

/// `+hh:mm`.
pub fn offset_text(minutes: i16) -> String {
    format!(
        "{}{:02}:{:02}",
        if minutes < 0 { '-' } else { '+' },
        minutes.abs() / 60,
        minutes.abs() % 60
    )
}

/// Days, ticks of the day and offset of a temporal value; the local time of a datetimeoffset.
pub fn split(v: &Value, ty: Type) -> Option<Moment> {
    Some(match (v, ty) {
        (Value::Int(d), Type::Date) => Moment { days: *d, ticks: 0, offset: None },
        (Value::Int(t), Type::Time(_)) => Moment { days: DAYS_1900, ticks: *t, offset: None },
        (Value::Int(t), _) => {
            Moment { days: t.div_euclid(DAY), ticks: t.rem_euclid(DAY), offset: None }
        }
        (Value::Offset(t, o), _) => {
            let local = t + i64::from(*o) * 60 * SECOND;
            Moment { days: local.div_euclid(DAY), ticks: local.rem_euclid(DAY), offset: Some(*o) }
        }
        _ => return None,
    })
}

/// As [`split`], with all that a datetime means: its .003 and .007 are thirds.
pub fn exact(v: &Value, ty: Type) -> Option<Moment> {
    let m = split(v, ty)?;
    if ty != Type::DateTime {
        return Some(m);
    }
    let fragments = (m.ticks / 10_000 * 3 + 5) / 10;
    Some(Moment { ticks: (fragments * 100_000 + 1) / 3, ..m })
}

/// The same instant on a clock that shows UTC.
pub fn utc(m: Moment) -> Moment {
    let at = m.days * DAY + m.ticks - i64::from(m.offset.unwrap_or(0)) * 60 * SECOND;
    Moment { days: at.div_euclid(DAY), ticks: at.rem_euclid(DAY), offset: m.offset }
}

/// Puts a moment into `ty`, rounding as that type does.
pub fn build(m: Moment, ty: Type) -> Result<Value> {
    // Far beyond what any type holds: a number of days that came from an int.
    if !(-4_000_000..=4_000_000).contains(&m.days) {
        let name = match ty {
            Type::SmallDateTime => "smalldatetime",
            Type::Date => "date",
            Type::DateTime2(_) => "datetime2",
            Type::DateTimeOffset(_) => "datetimeoffset",
            _ => "datetime",
        };
        return Err(Error::new(
            8115,
            16,
            format!("Arithmetic overflow error converting expression to data type {name}."),
        ));
    }
    let at = m.days * DAY + m.ticks;
    let bounded = |ticks: i64, low: i64, name: &str| -> Result<Value> {
        if ticks < low * DAY || ticks >= 3_652_059 * DAY {
            Err(out_of_range(name))
        } else {
            Ok(Value::Int(ticks))
        }
    };
    match ty {
        Type::Date => bounded(m.days * DAY, 0, "date").map(|_| Value::Int(m.days)),
        Type::Time(s) => Ok(Value::Int(round_ticks(m.ticks, s) % DAY)),
        Type::DateTime2(s) => bounded(round_ticks(at, s), 0, "datetime2"),
        Type::DateTime => bounded(round_datetime(at), 639_905, "datetime"),
        Type::SmallDateTime => {
            // 29.998 seconds are less than half a minute, 29.999 are not.
            let minute = 60 * SECOND;
            let t = (round_datetime(at) + minute / 2).div_euclid(minute) * minute;
            if !(DAYS_1900 * DAY..(DAYS_1900 + 65_536) * DAY).contains(&t) {
                return Err(out_of_range("smalldatetime"));
            }
            Ok(Value::Int(t))
        }
        Type::DateTimeOffset(s) => {
            let offset = m.offset.unwrap_or(0);
            let instant = round_ticks(at, s) - i64::from(offset) * 60 * SECOND;
            bounded(round_ticks(at, s), 0, "datetimeoffset")?;
            bounded(instant, 0, "datetimeoffset").map(|_| Value::Offset(instant, offset))
        }
        _ => Err(Error::internal("not a temporal type")),
    }
}

/// The text of a temporal value in a CONVERT style; which styles a type has is told on the page
/// of CAST and CONVERT.
pub fn text(v: &Value, ty: Type, style: i64) -> Result<String> {
    use crate::convert::NO_STYLE;
    let Some(m) = split(v, ty) else { return Err(Error::internal("not a temporal value")) };
    let (y, mo, d) = to_ymd(m.days);
    let scale = match ty {
        Type::Time(s) | Type::DateTime2(s) | Type::DateTimeOffset(s) => s,
        Type::DateTime => 3,
        _ => 0,
    };
    let clock = |s: u8| time_text(m.ticks, s);
    let hour = m.ticks / SECOND / 3600;
    let (h12, half) =
        (if hour % 12 == 0 { 12 } else { hour % 12 }, if hour < 12 { "AM" } else { "PM" });
    let mon = &MONTHS[(mo - 1) as usize][..3];
    let day = match style {
        NO_STYLE if matches!(ty, Type::DateTime | Type::SmallDateTime) => {
            format!("{mon} {d:>2} {y:04}")
        }
        0 | 9 | 100 | 109 => format!("{mon} {d:>2} {y:04}"),
        1 => format!("{mo:02}/{d:02}/{:02}", y % 100),
        101 => format!("{mo:02}/{d:02}/{y:04}"),
        102 => format!("{y:04}.{mo:02}.{d:02}"),
        103 => format!("{d:02}/{mo:02}/{y:04}"),
        104 => format!("{d:02}.{mo:02}.{y:04}"),
        105 => format!("{d:02}-{mo:02}-{y:04}"),
        106 | 13 | 113 => format!("{d:02} {mon} {y:04}"),
        107 => format!("{mon} {d:02}, {y:04}"),
        110 => format!("{mo:02}-{d:02}-{y:04}"),
        111 => format!("{y:04}/{mo:02}/{d:02}"),
        12 => format!("{:02}{mo:02}{d:02}", y % 100),
        112 => format!("{y:04}{mo:02}{d:02}"),
        _ => date_text(m.days),
    };
    let colons = || clock(3).replacen('.', ":", 1);
    Ok(match (ty, style) {
        (
            Type::Date | Type::DateTime | Type::SmallDateTime | Type::DateTime2(_),
            1 | 12 | 23 | 101..=107 | 110..=112,
        ) => day,
        (Type::Date, NO_STYLE | 0 | 20 | 21 | 25 | 100 | 120 | 121 | 126) => day,
        (Type::Time(_), NO_STYLE | 21 | 25 | 121) => clock(scale),
        (
            Type::Time(_) | Type::DateTime | Type::SmallDateTime | Type::DateTime2(_),
            8 | 24 | 108,
        ) => clock(0),
        (Type::DateTime | Type::SmallDateTime, NO_STYLE)
        | (Type::DateTime | Type::SmallDateTime | Type::DateTime2(_), 0 | 100) => {
            format!("{day} {h12:>2}:{:02}{half}", m.ticks / SECOND / 60 % 60)
        }
        (Type::DateTime, 9 | 109) => format!("{day} {h12:>2}{}{half}", &colons()[2..]),
        (Type::DateTime, 13 | 113) => format!("{day} {}", colons()),
        (Type::DateTime, 14 | 114) => colons(),
        (Type::DateTime | Type::SmallDateTime | Type::DateTime2(_), 20 | 120) => {
            format!("{day} {}", clock(0))
        }
        (Type::DateTime, 21 | 25 | 121) | (Type::DateTime2(_), NO_STYLE | 21 | 25 | 121) => {
            format!("{day} {}", clock(scale))
        }
        (Type::DateTime | Type::SmallDateTime, 126) => {
            format!("{day}T{}", clock(if m.ticks % SECOND == 0 { 0 } else { scale }))
        }
        (Type::DateTime2(_), 126) if scale == 0 || m.ticks % SECOND != 0 => {
            format!("{day}T{}", clock(scale))
        }
        (Type::DateTimeOffset(_), NO_STYLE | 21 | 25 | 121) => {
            format!("{day} {} {}", clock(scale), offset_text(m.offset.unwrap_or(0)))
        }
        _ => return Err(Error::unsupported(format!("the text of {ty} with style {style}"))),
    })
}

/// The parts that DATEPART, DATENAME, DATEADD and DATEDIFF know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    Year,
    Quarter,
    Month,
    DayOfYear,
    Day,
    Week,
    Weekday,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
    IsoWeek,
    TzOffset,
}

impl Part {
    /// Its full name.
    pub fn name(self) -> &'static str {
        match self {
            Part::Year => "year",
            Part::Quarter => "quarter",
            Part::Month => "month",
            Part::DayOfYear => "dayofyear",
            Part::Day => "day",
            Part::Week => "week",
            Part::Weekday => "weekday",
            Part::Hour => "hour",
            Part::Minute => "minute",
            Part::Second => "second",
            Part::Millisecond => "millisecond",
            Part::Microsecond => "microsecond",
            Part::Nanosecond => "nanosecond",
            Part::IsoWeek => "iso_week",
            Part::TzOffset => "tzoffset",
        }
    }

    /// Below a millisecond.
    pub fn is_fine(self) -> bool {
        matches!(self, Part::Microsecond | Part::Nanosecond)
    }

    /// Refuses what a type has not (9810).
    pub fn check(self, function: &str, ty: Type) -> Result<()> {
        let clock = matches!(self, Part::Hour | Part::Minute | Part::Second | Part::Millisecond)
            || self.is_fine();
        let ok = match (function, self) {
            ("DATEADD", Part::IsoWeek | Part::TzOffset) => false,
            (_, Part::TzOffset) => matches!(ty, Type::DateTimeOffset(_) | Type::DateTime2(_)),
            ("DATEADD", _)
                if self.is_fine() && matches!(ty, Type::DateTime | Type::SmallDateTime) =>
            {
                false
            }
            _ => match ty {
                Type::Date => !clock,
                Type::Time(_) => clock,
                _ => true,
            },
        };
        if ok {
            return Ok(());
        }
        Err(Error::new(
            9810,
            16,
            format!(
                "The datepart {} is not supported by date function {} for data type {}.",
                self.name(),
                function.to_ascii_lowercase(),
                ty.name_and_id().0
            ),
        ))
    }

    /// By name or abbreviation.
    pub fn parse(s: &str) -> Result<Part> {
        Ok(match s.to_ascii_lowercase().as_str() {
            "year" | "yy" | "yyyy" => Part::Year,
            "quarter" | "qq" | "q" => Part::Quarter,
            "month" | "mm" | "m" => Part::Month,
            "dayofyear" | "dy" | "y" => Part::DayOfYear,
            "day" | "dd" | "d" => Part::Day,
            "week" | "wk" | "ww" => Part::Week,
            "weekday" | "dw" | "w" => Part::Weekday,
            "hour" | "hh" => Part::Hour,
            "minute" | "mi" | "n" => Part::Minute,
            "second" | "ss" | "s" => Part::Second,
            "millisecond" | "ms" => Part::Millisecond,
            "microsecond" | "mcs" => Part::Microsecond,
            "nanosecond" | "ns" => Part::Nanosecond,
            "iso_week" | "isowk" | "isoww" => Part::IsoWeek,
            "tzoffset" | "tz" => Part::TzOffset,
            _ => {
                return Err(Error::new(
                    155,
                    15,
                    format!("'{s}' is not a recognized datepart option."),
                ));
            }
        })
    }
}

/// DATEPART; weekday 1 is Sunday (DATEFIRST 7, the US default).
pub fn part(m: Moment, p: Part) -> i64 {
    let (y, mo, d) = to_ymd(m.days);
    let jan1 = from_ymd(y, 1, 1).unwrap_or(0);
    let s = m.ticks / SECOND;
    match p {
        Part::Year => y,
        Part::Quarter => (mo - 1) / 3 + 1,
        Part::Month => mo,
        Part::DayOfYear => m.days - jan1 + 1,
        Part::Day => d,
        Part::Week => (m.days - jan1 + weekday(jan1)) / 7 + 1,
        Part::Weekday => weekday(m.days) + 1,
        Part::Hour => s / 3600,
        Part::Minute => s / 60 % 60,
        Part::Second => s % 60,
        Part::Millisecond => m.ticks % SECOND / 10_000,
        Part::Microsecond => m.ticks % SECOND / 10,
        Part::Nanosecond => m.ticks % SECOND * 100,
        Part::IsoWeek => {
            // The week belongs to the year that its Thursday is in (ISO 8601).
            let thursday = m.days - (weekday(m.days) + 6) % 7 + 3;
            let (ty, _, _) = to_ymd(thursday);
            (thursday - from_ymd(ty, 1, 1).unwrap_or(0)) / 7 + 1
        }
        Part::TzOffset => i64::from(m.offset.unwrap_or(0)),
    }
}

/// 0 is Sunday; 0001-01-01 was a Monday.
fn weekday(days: i64) -> i64 {
    (days + 1).rem_euclid(7)
}

/// DATENAME.
pub fn part_name(m: Moment, p: Part) -> String {
    match p {
        Part::Month => MONTHS[(to_ymd(m.days).1 - 1) as usize].to_owned(),
        Part::Weekday => WEEKDAYS[weekday(m.days) as usize].to_owned(),
        Part::TzOffset => offset_text(m.offset.unwrap_or(0)),
        _ => part(m, p).to_string(),
    }
}

/// DATEADD on a whole moment.
pub fn add(m: Moment, p: Part, n: i64) -> Result<Moment> {
    let fail = || Error::new(517, 16, "Adding a value to a 'datetime' column caused an overflow.");
    let months = match p {
        Part::Year => Some(n.checked_mul(12).ok_or_else(fail)?),
        Part::Quarter => Some(n.checked_mul(3).ok_or_else(fail)?),
        Part::Month => Some(n),
        _ => None,
    };
    if let Some(months) = months {
        let (y, mo, d) = to_ymd(m.days);
        let total = (y * 12 + mo - 1).checked_add(months).ok_or_else(fail)?;
        let (y, mo) = (total.div_euclid(12), total.rem_euclid(12) + 1);
        if !(1..=9999).contains(&y) {
            return Err(fail());
        }
        let days = from_ymd(y, mo, d.min(days_in_month(y, mo))).ok_or_else(fail)?;
        return Ok(Moment { days, ..m });
    }
    let unit = match p {
        Part::Day | Part::DayOfYear | Part::Weekday => DAY,
        Part::Week => 7 * DAY,
        Part::Hour => 3600 * SECOND,
        Part::Minute => 60 * SECOND,
        Part::Second => SECOND,
        Part::Millisecond => 10_000,
        Part::Microsecond => 10,
        Part::Nanosecond => {
            // Up to 49 go down, from 50 on up, to the 100 that are kept.
            if n < 0 && n % 100 != 0 {
                return Err(Error::unsupported("DATEADD by less than zero nanoseconds"));
            }
            return ticked(m, (n + 50).div_euclid(100), fail);
        }
        _ => {
            return Err(Error::new(
                9810,
                16,
                "The datepart is not supported by date function dateadd.",
            ));
        }
    };
    ticked(m, n.checked_mul(unit).ok_or_else(fail)?, fail)
}

fn ticked(m: Moment, ticks: i64, fail: impl Fn() -> Error) -> Result<Moment> {
    let at = ticks.checked_add(m.days * DAY + m.ticks).ok_or_else(&fail)?;
    if !(0..3_652_059 * DAY).contains(&at) {
        return Err(fail());
    }
    Ok(Moment { days: at.div_euclid(DAY), ticks: at.rem_euclid(DAY), offset: m.offset })
}

/// DATEDIFF: boundaries crossed, not whole units.
pub fn diff(a: Moment, b: Moment, p: Part) -> Result<i64> {
    let ((ya, ma, _), (yb, mb, _)) = (to_ymd(a.days), to_ymd(b.days));
    let at = |m: Moment| m.days * DAY + m.ticks;
    let count = |unit: i64| at(b).div_euclid(unit) - at(a).div_euclid(unit);
    let n = match p {
        Part::Year => yb - ya,
        Part::Quarter => (yb * 4 + (mb - 1) / 3) - (ya * 4 + (ma - 1) / 3),
        Part::Month => (yb * 12 + mb) - (ya * 12 + ma),
        Part::Day | Part::DayOfYear => b.days - a.days,
        Part::Weekday => return Err(Error::unsupported("DATEDIFF by weekday")),
        // Weeks begin on Sunday whatever DATEFIRST says.
        Part::Week => (b.days + 1).div_euclid(7) - (a.days + 1).div_euclid(7),
        Part::Hour => count(3600 * SECOND),
        Part::Minute => count(60 * SECOND),
        Part::Second => count(SECOND),
        Part::Millisecond => count(10_000),
        Part::Microsecond => count(10),
        Part::Nanosecond => (at(b) - at(a)).saturating_mul(100),
        _ => {
            return Err(Error::new(
                9806,
                16,
                "The datepart is not supported by date function datediff.",
            ));
        }
    };
    i32::try_from(n).map(i64::from).map_err(|_| {
        Error::new(535, 16, "The datediff function resulted in an overflow. The number of dateparts separating two date/time instances is too large. Try to use datediff with a less precise datepart.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree() {
        assert_eq!(from_ymd(1, 1, 1), Some(0));
        assert_eq!(from_ymd(1900, 1, 1), Some(DAYS_1900));
        assert_eq!(from_ymd(9999, 12, 31), Some(3_652_058));
        for d in (0..3_652_058).step_by(37) {
            let (y, m, day) = to_ymd(d);
            assert_eq!(from_ymd(y, m, day), Some(d));
        }
        assert_eq!(from_ymd(2023, 2, 29), None);
    }

    #[test]
    fn datetime_rounds_to_threes_and_sevens() {
        let ms = |t: i64| round_datetime(t * 10_000) / 10_000;
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 999].map(ms),
            [0, 0, 3, 3, 3, 7, 7, 7, 7, 10, 1000]
        );
    }
}
