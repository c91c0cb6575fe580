//! Dates and times: days since 0001-01-01 and 100 ns ticks, and how each type rounds them.

mod parts;
mod read;

use chrono::{Datelike, NaiveDate};

pub(crate) use self::parts::{Part, add, diff, part, part_name, truncate};
pub(crate) use self::read::{is_dashed, is_digits, offset_minutes, parse};
use crate::error::{Error, Result};
use crate::messages;
use crate::types::{DAY, Type, Value};

/// Ticks in a second.
pub(crate) const SECOND: i64 = 10_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
/// Days from 0001-01-01 to 1900-01-01, the epoch of `datetime`.
pub(crate) const DAYS_1900: i64 = 693_595;
/// Days from 0001-01-01 to 1753-01-01, the first day of `datetime`.
const DAYS_1753: i64 = 639_905;
/// Days from 0001-01-01 to 1970-01-01.
const DAYS_1970: i64 = 719_162;
/// Days from 0001-01-01 to behind 9999-12-31, the last day of every type.
const DAYS_END: i64 = 3_652_059;

pub(crate) const MONTHS: [&str; 12] = [
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
pub(crate) const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A date and a time of day, as a text or a value has them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moment {
    /// Days since 0001-01-01.
    pub(crate) days: i64,
    /// Units of 100 ns since midnight.
    pub(crate) ticks: i64,
    /// Minutes east of UTC, where there is an offset.
    pub(crate) offset: Option<i16>,
}

impl Moment {
    fn at(self) -> i64 {
        self.days * DAY + self.ticks
    }

    /// So many ticks since 0001-01-01.
    fn from_ticks(ticks: i64, offset: Option<i16>) -> Self {
        Self { days: ticks.div_euclid(DAY), ticks: ticks.rem_euclid(DAY), offset }
    }

    /// The date; for what no type holds, some date.
    pub(crate) fn date(self) -> NaiveDate {
        date(self.days)
    }
}

fn date(days: i64) -> NaiveDate {
    let from_1 = i32::try_from(days + 1).ok();
    from_1.and_then(NaiveDate::from_num_days_from_ce_opt).unwrap_or_default()
}

fn days(date: NaiveDate) -> i64 {
    i64::from(date.num_days_from_ce()) - 1
}

/// Days since 0001-01-01, or nothing when there is no such day in the years 1 to 9999.
pub(crate) fn from_ymd(year: i64, month: i64, day: i64) -> Option<i64> {
    let year = i32::try_from(year).ok().filter(|y| (1..=9999).contains(y))?;
    let (month, day) = (u32::try_from(month).ok()?, u32::try_from(day).ok()?);
    NaiveDate::from_ymd_opt(year, month, day).map(days)
}

/// Year, month and day.
pub(crate) fn to_ymd(days: i64) -> (i64, i64, i64) {
    let date = date(days);
    (i64::from(date.year()), i64::from(date.month()), i64::from(date.day()))
}

pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    (28..=31).rev().find(|d| from_ymd(year, month, *d).is_some()).unwrap_or(31)
}

/// Rounds ticks to `scale` digits of a second.
pub(crate) fn round_ticks(ticks: i64, scale: u8) -> i64 {
    let unit = 10i64.pow(7 - u32::from(scale.min(7)));
    (ticks + unit / 2).div_euclid(unit) * unit
}

/// Rounds ticks since 0001 to what `datetime` keeps: 1/300 s, written as .000, .003 or .007.
pub(crate) fn round_datetime(ticks: i64) -> i64 {
    // By the day: the whole count times three would not fit.
    let (days, rest) = (ticks.div_euclid(DAY), ticks.rem_euclid(DAY));
    let fragments = (rest * 3 + 50_000).div_euclid(100_000);
    let milliseconds = (fragments * 10 + 1).div_euclid(3);
    days * DAY + milliseconds * 10_000
}

/// The clock as ticks since 0001, UTC.
pub(crate) fn now() -> i64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    DAYS_1970 * DAY + since.as_nanos() as i64 / 100
}

/// Days, ticks of the day and offset of a temporal value; the local time of a datetimeoffset.
pub(crate) fn split(value: &Value, ty: Type) -> Option<Moment> {
    Some(match (value, ty) {
        (Value::Int(days), Type::Date) => Moment { days: *days, ticks: 0, offset: None },
        (Value::Int(ticks), Type::Time(_)) => {
            Moment { days: DAYS_1900, ticks: *ticks, offset: None }
        }
        (Value::Int(ticks), _) => Moment::from_ticks(*ticks, None),
        (Value::Offset(ticks, offset), _) => {
            Moment::from_ticks(ticks + i64::from(*offset) * MINUTE, Some(*offset))
        }
        _ => return None,
    })
}

/// As [`split`], with all that a datetime means: its .003 and .007 are thirds.
pub(crate) fn exact(value: &Value, ty: Type) -> Option<Moment> {
    let moment = split(value, ty)?;
    if ty != Type::DateTime {
        return Some(moment);
    }
    let fragments = (moment.ticks / 10_000 * 3 + 5) / 10;
    Some(Moment { ticks: (fragments * 100_000 + 1) / 3, ..moment })
}

/// An offset in minutes as `+hh:mm`.
pub(crate) fn offset_text(minutes: i16) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// The same instant on a clock that shows UTC.
pub(crate) fn utc(moment: Moment) -> Moment {
    let offset = i64::from(moment.offset.unwrap_or(0));
    Moment::from_ticks(moment.at() - offset * MINUTE, moment.offset)
}

/// Puts a moment into `ty`, rounding as that type does.
pub(crate) fn build(moment: Moment, ty: Type) -> Result<Value> {
    // Far beyond what any type holds: a number of days that came from an int.
    if !(-4_000_000..=4_000_000).contains(&moment.days) {
        return Err(Error::overflow(match ty {
            Type::Time(_) => "datetime",
            _ => ty.name_and_id().0,
        }));
    }
    let at = moment.at();
    let bounded = |ticks: i64, first_day: i64| -> Result<i64> {
        if (first_day * DAY..DAYS_END * DAY).contains(&ticks) {
            Ok(ticks)
        } else {
            Err(messages::date_out_of_range(ty.name_and_id().0))
        }
    };
    match ty {
        Type::Date => bounded(moment.days * DAY, 0).map(|_| Value::Int(moment.days)),
        Type::Time(scale) => Ok(Value::Int(round_ticks(moment.ticks, scale) % DAY)),
        Type::DateTime2(scale) => bounded(round_ticks(at, scale), 0).map(Value::Int),
        Type::DateTime => bounded(round_datetime(at), DAYS_1753).map(Value::Int),
        Type::SmallDateTime => {
            // 29.998 seconds are less than half a minute, 29.999 are not.
            let ticks = (round_datetime(at) + MINUTE / 2).div_euclid(MINUTE) * MINUTE;
            if !(DAYS_1900 * DAY..(DAYS_1900 + 65_536) * DAY).contains(&ticks) {
                return Err(messages::date_out_of_range("smalldatetime"));
            }
            Ok(Value::Int(ticks))
        }
        Type::DateTimeOffset(scale) => {
            let offset = moment.offset.unwrap_or(0);
            let local = bounded(round_ticks(at, scale), 0)?;
            let instant = bounded(local - i64::from(offset) * MINUTE, 0)?;
            Ok(Value::Offset(instant, offset))
        }
        _ => Err(Error::internal("not a temporal type")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree() {
        assert_eq!(from_ymd(1, 1, 1), Some(0));
        assert_eq!(from_ymd(1753, 1, 1), Some(DAYS_1753));
        assert_eq!(from_ymd(1900, 1, 1), Some(DAYS_1900));
        assert_eq!(from_ymd(1970, 1, 1), Some(DAYS_1970));
        assert_eq!(from_ymd(9999, 12, 31), Some(DAYS_END - 1));
        for d in (0..DAYS_END).step_by(37) {
            let (year, month, day) = to_ymd(d);
            assert_eq!(from_ymd(year, month, day), Some(d));
        }
        for (year, month, day) in [(2023, 2, 29), (0, 1, 1), (10_000, 1, 1), (2023, 13, 1)] {
            assert_eq!(from_ymd(year, month, day), None);
        }
        assert_eq!((days_in_month(2024, 2), days_in_month(1900, 2)), (29, 28));
    }

    #[test]
    fn datetime_rounds_to_threes_and_sevens() {
        let milliseconds = |t: i64| round_datetime(t * 10_000) / 10_000;
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 999].map(milliseconds),
            [0, 0, 3, 3, 3, 7, 7, 7, 7, 10, 1000]
        );
    }

    #[test]
    fn each_type_has_its_bounds() {
        let at = |days, ty| build(Moment { days, ticks: 0, offset: None }, ty);
        let number = |days, ty| at(days, ty).map_err(|e| e.number);
        assert_eq!(number(0, Type::Date), Ok(Value::Int(0)));
        assert_eq!(number(-1, Type::Date), Err(242));
        assert_eq!(number(DAYS_END, Type::Date), Err(242));
        assert_eq!(number(DAYS_1753 - 1, Type::DateTime), Err(242));
        assert!(at(DAYS_1753, Type::DateTime).is_ok());
        assert_eq!(number(DAYS_1900 - 1, Type::SmallDateTime), Err(242));
        assert_eq!(number(DAYS_1900 + 65_536, Type::SmallDateTime), Err(242));
        assert_eq!(number(5_000_000, Type::DateTime2(7)), Err(8115));
        // The local time is there, and its instant is not.
        let early = Moment { days: 0, ticks: 0, offset: Some(60) };
        assert_eq!(build(early, Type::DateTimeOffset(0)).map_err(|e| e.number), Err(242));
    }
}
