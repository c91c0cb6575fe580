//! The parts of dates and times: DATEPART, DATENAME, DATEADD, DATEDIFF.

use chrono::{Datelike, Months};

use super::{DAYS_END, HOUR, MINUTE, MONTHS, Moment, SECOND, WEEKDAYS, days, offset_text};
use crate::error::{Error, Result};
use crate::messages;
use crate::types::{DAY, Type};

/// A part ("DATEPART (Transact-SQL)").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Part {
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

/// Each part with its name and its abbreviations.
const NAMES: [(Part, &[&str]); 15] = [
    (Part::Year, &["year", "yy", "yyyy"]),
    (Part::Quarter, &["quarter", "qq", "q"]),
    (Part::Month, &["month", "mm", "m"]),
    (Part::DayOfYear, &["dayofyear", "dy", "y"]),
    (Part::Day, &["day", "dd", "d"]),
    (Part::Week, &["week", "wk", "ww"]),
    (Part::Weekday, &["weekday", "dw", "w"]),
    (Part::Hour, &["hour", "hh"]),
    (Part::Minute, &["minute", "mi", "n"]),
    (Part::Second, &["second", "ss", "s"]),
    (Part::Millisecond, &["millisecond", "ms"]),
    (Part::Microsecond, &["microsecond", "mcs"]),
    (Part::Nanosecond, &["nanosecond", "ns"]),
    (Part::IsoWeek, &["iso_week", "isowk", "isoww"]),
    (Part::TzOffset, &["tzoffset", "tz"]),
];

impl Part {
    /// By name or abbreviation, in any case.
    pub(crate) fn parse(word: &str) -> Option<Part> {
        let names =
            |(_, names): &&(Part, &[&str])| names.iter().any(|n| n.eq_ignore_ascii_case(word));
        NAMES.iter().find(names).map(|(part, _)| *part)
    }

    pub(crate) fn name(self) -> &'static str {
        NAMES.iter().find(|(part, _)| *part == self).map_or("", |(_, names)| names[0])
    }

    /// Whether it is finer than a millisecond.
    pub(crate) fn is_fine(self) -> bool {
        matches!(self, Part::Microsecond | Part::Nanosecond)
    }

    /// Of a time of day.
    fn is_clock(self) -> bool {
        matches!(self, Part::Hour | Part::Minute | Part::Second | Part::Millisecond)
            || self.is_fine()
    }

    /// Refuses what a type has not (9810). `function` in upper case.
    pub(crate) fn check(self, function: &str, ty: Type) -> Result<()> {
        let is_add = function == "DATEADD";
        let is_legacy = matches!(ty, Type::DateTime | Type::SmallDateTime);
        let has = match self {
            Part::IsoWeek | Part::TzOffset if is_add => false,
            Part::TzOffset => matches!(ty, Type::DateTimeOffset(_) | Type::DateTime2(_)),
            _ if is_add && self.is_fine() && is_legacy => false,
            _ => match ty {
                Type::Date => !self.is_clock(),
                Type::Time(_) => self.is_clock(),
                _ => true,
            },
        };
        if has {
            return Ok(());
        }
        let function = function.to_ascii_lowercase();
        Err(messages::datepart_not_of_type(self.name(), &function, ty.name_and_id().0))
    }
}

impl Part {
    /// Refuses what DATETRUNC does not cut at, or a type does not have (9810).
    pub(crate) fn check_truncated(self, ty: Type) -> Result<()> {
        let digits = match self {
            Part::Millisecond => 3,
            Part::Microsecond => 6,
            _ => 0,
        };
        let (has, state) = match ty {
            Type::Date => (!self.is_clock(), 10),
            Type::Time(scale) if self.is_clock() => (digits <= scale, 11),
            Type::Time(_) => (false, 10),
            Type::SmallDateTime => (digits == 0, 8),
            Type::DateTime => (digits <= 3, 9),
            Type::DateTime2(scale) | Type::DateTimeOffset(scale) => (digits <= scale, 11),
            _ => (false, 11),
        };
        if has && !matches!(self, Part::Weekday | Part::TzOffset | Part::Nanosecond) {
            return Ok(());
        }
        let error = messages::datepart_not_of_type(self.name(), "datetrunc", ty.name_and_id().0);
        Err(Error { state, ..error })
    }
}

/// DATEPART; weekday 1 is Sunday (DATEFIRST 7, the US default).
pub(crate) fn part(moment: Moment, part: Part) -> i64 {
    let date = moment.date();
    let seconds = moment.ticks / SECOND;
    match part {
        Part::Year => i64::from(date.year()),
        Part::Quarter => i64::from(date.month0() / 3 + 1),
        Part::Month => i64::from(date.month()),
        Part::DayOfYear => i64::from(date.ordinal()),
        Part::Day => i64::from(date.day()),
        // The first week begins on January 1, all others on a Sunday.
        Part::Week => {
            let first_day = i64::from(date.ordinal0());
            let january_1 = weekday(moment.days - first_day);
            (first_day + january_1) / 7 + 1
        }
        Part::Weekday => weekday(moment.days) + 1,
        Part::Hour => seconds / 3600,
        Part::Minute => seconds / 60 % 60,
        Part::Second => seconds % 60,
        Part::Millisecond => moment.ticks % SECOND / 10_000,
        Part::Microsecond => moment.ticks % SECOND / 10,
        Part::Nanosecond => moment.ticks % SECOND * 100,
        Part::IsoWeek => i64::from(date.iso_week().week()),
        Part::TzOffset => i64::from(moment.offset.unwrap_or(0)),
    }
}

/// The day of the week, of which 0 is Sunday.
fn weekday(days: i64) -> i64 {
    i64::from(super::date(days).weekday().num_days_from_sunday())
}

/// DATENAME: months and weekdays by their English names.
pub(crate) fn part_name(moment: Moment, of: Part) -> String {
    match of {
        Part::Month => MONTHS[moment.date().month0() as usize].to_owned(),
        Part::Weekday => WEEKDAYS[weekday(moment.days) as usize].to_owned(),
        Part::TzOffset => offset_text(moment.offset.unwrap_or(0)),
        _ => part(moment, of).to_string(),
    }
}

/// DATEADD on a whole moment.
pub(crate) fn add(moment: Moment, part: Part, number: i64) -> Result<Moment> {
    let unit = match part {
        Part::Year => return add_months(moment, number.checked_mul(12)),
        Part::Quarter => return add_months(moment, number.checked_mul(3)),
        Part::Month => return add_months(moment, Some(number)),
        Part::Day | Part::DayOfYear | Part::Weekday => DAY,
        Part::Week => 7 * DAY,
        Part::Hour => HOUR,
        Part::Minute => MINUTE,
        Part::Second => SECOND,
        Part::Millisecond => 10_000,
        Part::Microsecond => 10,
        Part::Nanosecond => {
            // Up to 49 go down, from 50 on up, to the 100 that are kept.
            if number < 0 && number % 100 != 0 {
                return Err(Error::unsupported("DATEADD by less than zero nanoseconds"));
            }
            return add_ticks(moment, (number + 50).div_euclid(100));
        }
        Part::IsoWeek | Part::TzOffset => return Err(messages::no_addition_by_datepart()),
    };
    add_ticks(moment, number.checked_mul(unit).ok_or_else(overflow)?)
}

/// The caller knows the type that it really is.
fn overflow() -> Error {
    messages::date_overflow(Type::DateTime)
}

/// A day that the month has not becomes its last.
fn add_months(moment: Moment, months: Option<i64>) -> Result<Moment> {
    let added = months.and_then(|m| {
        let count = Months::new(u32::try_from(m.unsigned_abs()).ok()?);
        let date = moment.date();
        let date =
            if m < 0 { date.checked_sub_months(count) } else { date.checked_add_months(count) };
        date.filter(|d| (1..=9999).contains(&d.year()))
    });
    let date = added.ok_or_else(overflow)?;
    Ok(Moment { days: days(date), ..moment })
}

fn add_ticks(moment: Moment, ticks: i64) -> Result<Moment> {
    let at = ticks.checked_add(moment.at()).filter(|at| (0..DAYS_END * DAY).contains(at));
    let at = at.ok_or_else(overflow)?;
    Ok(Moment::from_ticks(at, moment.offset))
}

/// DATEDIFF: boundaries crossed, not whole units.
pub(crate) fn diff(from: Moment, to: Moment, part: Part) -> Result<i128> {
    let between = |count: fn(Moment) -> i64| count(to) - count(from);
    let crossed = |unit: i64| to.at().div_euclid(unit) - from.at().div_euclid(unit);
    let year = |m: Moment| i64::from(m.date().year());
    let n = match part {
        Part::Year => year(to) - year(from),
        Part::Quarter => {
            between(|m| i64::from(m.date().year()) * 4 + i64::from(m.date().month0() / 3))
        }
        Part::Month => between(|m| i64::from(m.date().year()) * 12 + i64::from(m.date().month0())),
        Part::Day | Part::DayOfYear => to.days - from.days,
        Part::Weekday => return Err(Error::unsupported("DATEDIFF by weekday")),
        // Weeks begin on Sunday whatever DATEFIRST says; 0001-01-01 was a Monday.
        Part::Week => between(|m| (m.days + 1).div_euclid(7)),
        Part::Hour => crossed(HOUR),
        Part::Minute => crossed(MINUTE),
        Part::Second => crossed(SECOND),
        Part::Millisecond => crossed(10_000),
        Part::Microsecond => crossed(10),
        Part::Nanosecond => return Ok(i128::from(to.at() - from.at()) * 100),
        Part::IsoWeek | Part::TzOffset => return Err(messages::no_difference_by_datepart()),
    };
    Ok(i128::from(n))
}

/// DATETRUNC; a week begins on Sunday (DATEFIRST 7), that of ISO 8601 on Monday.
pub(crate) fn truncate(moment: Moment, part: Part) -> Moment {
    let date = moment.date();
    let (year, month) = (i64::from(date.year()), i64::from(date.month()));
    let first_of = |month: i64| super::from_ymd(year, month, 1).unwrap_or(moment.days);
    let day = |days: i64| Moment { days, ticks: 0, ..moment };
    let clock = |unit: i64| Moment { ticks: moment.ticks - moment.ticks % unit, ..moment };
    match part {
        Part::Year => day(first_of(1)),
        Part::Quarter => day(first_of((month - 1) / 3 * 3 + 1)),
        Part::Month => day(first_of(month)),
        Part::Week => day(moment.days - weekday(moment.days)),
        Part::IsoWeek => day(moment.days - (weekday(moment.days) + 6) % 7),
        Part::Hour => clock(HOUR),
        Part::Minute => clock(MINUTE),
        Part::Second => clock(SECOND),
        Part::Millisecond => clock(10_000),
        Part::Microsecond => clock(10),
        _ => day(moment.days),
    }
}

#[cfg(test)]
mod tests {
    use super::super::from_ymd;
    use super::*;

    fn day(year: i64, month: i64, day: i64) -> Moment {
        Moment { days: from_ymd(year, month, day).expect("a day"), ticks: 0, offset: None }
    }

    #[test]
    fn every_name_of_a_part() {
        for (part, names) in NAMES {
            for name in names {
                assert_eq!(Part::parse(&name.to_uppercase()), Some(part));
            }
            assert_eq!(part.name(), names[0]);
        }
        assert_eq!(Part::parse("fortnight"), None);
    }

    #[test]
    fn weeks_of_a_year() {
        // 2021-01-01 was a Friday: week 1 of the year, and 53 of 2020 by ISO 8601.
        let part_of = |p| part(day(2021, 1, 1), p);
        assert_eq!(
            [Part::Week, Part::IsoWeek, Part::Weekday, Part::DayOfYear].map(part_of),
            [1, 53, 6, 1]
        );
        assert_eq!(part(day(2021, 1, 3), Part::Week), 2);
        assert_eq!(part(day(2021, 1, 4), Part::IsoWeek), 1);
        assert_eq!(part(day(1, 1, 1), Part::Weekday), 2);
    }

    #[test]
    fn a_month_later_is_within_that_month() {
        assert_eq!(add(day(2024, 1, 31), Part::Month, 1), Ok(day(2024, 2, 29)));
        assert_eq!(add(day(2024, 3, 31), Part::Month, -1), Ok(day(2024, 2, 29)));
        assert_eq!(add(day(2024, 2, 29), Part::Year, 1), Ok(day(2025, 2, 28)));
        assert_eq!(add(day(2024, 11, 30), Part::Quarter, 1), Ok(day(2025, 2, 28)));
        for (part, n) in [(Part::Year, 8000), (Part::Month, i64::MAX), (Part::Year, i64::MIN)] {
            let number = add(day(2024, 1, 1), part, n).map_err(|e| e.number);
            assert_eq!(number, Err(517));
        }
        assert_eq!(add(day(1, 1, 1), Part::Day, -1).map_err(|e| e.number), Err(517));
        assert_eq!(add(day(9999, 12, 31), Part::Day, 1).map_err(|e| e.number), Err(517));
    }

    #[test]
    fn boundaries_are_counted() {
        let (last, first) = (day(2023, 12, 31), day(2024, 1, 1));
        for part in [Part::Year, Part::Quarter, Part::Month, Part::Day] {
            assert_eq!(diff(last, first, part), Ok(1), "{part:?}");
            assert_eq!(diff(first, last, part), Ok(-1), "{part:?}");
        }
        // The 31st was the Sunday.
        assert_eq!(diff(last, first, Part::Week), Ok(0));
        assert_eq!(diff(day(2023, 12, 30), last, Part::Week), Ok(1));
        assert_eq!(diff(day(1, 1, 1), first, Part::Second), Ok(63_839_664_000));
    }
}
