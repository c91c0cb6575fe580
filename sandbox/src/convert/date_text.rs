//! The texts of dates and times in CONVERT's styles.

use chrono::Datelike;

use super::NO_STYLE;
use crate::calendar::{MONTHS, Moment, SECOND, is_dashed, is_digits, offset_text, split};
use crate::error::{Error, Result};
use crate::types::{Type, Value};

/// The text of a temporal value in a CONVERT style; which styles a type has is told on the page
/// of CAST and CONVERT.
pub(super) fn date_text(value: &Value, ty: Type, style: i64) -> Result<String> {
    let Some(moment) = split(value, ty) else {
        return Err(Error::internal("not a temporal value"));
    };
    let scale = match ty {
        Type::Time(s) | Type::DateTime2(s) | Type::DateTimeOffset(s) => s,
        Type::DateTime => 3,
        _ => 0,
    };
    let is_legacy = matches!(ty, Type::DateTime | Type::SmallDateTime);
    let has_date_and_time = is_legacy || matches!(ty, Type::DateTime2(_));
    let clock = |scale: u8| time_text(moment.ticks, scale);
    let colons = || clock(3).replacen('.', ":", 1);
    let day =
        if style == NO_STYLE && is_legacy { day_text(moment, 0) } else { day_text(moment, style) };
    Ok(match (ty, style) {
        (_, 1 | 12 | 23 | 101..=107 | 110..=112) if has_date_and_time || ty == Type::Date => day,
        (Type::Date, NO_STYLE | 0 | 20 | 21 | 25 | 100 | 120 | 121 | 126) => day,
        (Type::Time(_), NO_STYLE | 21 | 25 | 121) => clock(scale),
        (_, 8 | 24 | 108) if has_date_and_time || matches!(ty, Type::Time(_)) => clock(0),
        (_, NO_STYLE) if is_legacy => format!("{day} {}", minute_text(moment)),
        (_, 0 | 100) if has_date_and_time => format!("{day} {}", minute_text(moment)),
        (Type::DateTime, 9 | 109) => {
            let (hour, half) = twelve_hours(moment);
            format!("{day} {hour:>2}{}{half}", &colons()[2..])
        }
        (Type::DateTime, 13 | 113) => format!("{day} {}", colons()),
        (Type::DateTime, 14 | 114) => colons(),
        (_, 20 | 120) if has_date_and_time => format!("{day} {}", clock(0)),
        (Type::DateTime, 21 | 25 | 121) | (Type::DateTime2(_), NO_STYLE | 21 | 25 | 121) => {
            format!("{day} {}", clock(scale))
        }
        // A whole second has no fraction.
        (_, 126) if is_legacy => {
            format!("{day}T{}", clock(if moment.ticks % SECOND == 0 { 0 } else { scale }))
        }
        (Type::DateTime2(_), 126) if scale == 0 || moment.ticks % SECOND != 0 => {
            format!("{day}T{}", clock(scale))
        }
        (Type::DateTimeOffset(_), NO_STYLE | 21 | 25 | 121) => {
            format!("{day} {} {}", clock(scale), offset_text(moment.offset.unwrap_or(0)))
        }
        _ => return Err(Error::unsupported(format!("the text of {ty} with style {style}"))),
    })
}

/// The date of a style.
fn day_text(moment: Moment, style: i64) -> String {
    let date = moment.date();
    let (y, m, d) = (date.year(), date.month(), date.day());
    let name = &MONTHS[date.month0() as usize][..3];
    match style {
        0 | 9 | 100 | 109 => format!("{name} {d:>2} {y:04}"),
        1 => format!("{m:02}/{d:02}/{:02}", y % 100),
        101 => format!("{m:02}/{d:02}/{y:04}"),
        102 => format!("{y:04}.{m:02}.{d:02}"),
        103 => format!("{d:02}/{m:02}/{y:04}"),
        104 => format!("{d:02}.{m:02}.{y:04}"),
        105 => format!("{d:02}-{m:02}-{y:04}"),
        106 | 13 | 113 => format!("{d:02} {name} {y:04}"),
        107 => format!("{name} {d:02}, {y:04}"),
        110 => format!("{m:02}-{d:02}-{y:04}"),
        111 => format!("{y:04}/{m:02}/{d:02}"),
        12 => format!("{:02}{m:02}{d:02}", y % 100),
        112 => format!("{y:04}{m:02}{d:02}"),
        _ => format!("{y:04}-{m:02}-{d:02}"),
    }
}

/// The hour from 1 to 12, and the half of the day.
fn twelve_hours(moment: Moment) -> (i64, &'static str) {
    let hour = moment.ticks / SECOND / 3600;
    (if hour % 12 == 0 { 12 } else { hour % 12 }, if hour < 12 { "AM" } else { "PM" })
}

/// `hh:mmAM`, with a blank for a zero.
fn minute_text(moment: Moment) -> String {
    let (hour, half) = twelve_hours(moment);
    format!("{hour:>2}:{:02}{half}", moment.ticks / SECOND / 60 % 60)
}

/// `hh:mm:ss` with `scale` digits.
fn time_text(ticks: i64, scale: u8) -> String {
    let (seconds, fraction) = (ticks / SECOND, ticks % SECOND);
    let mut out = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if scale > 0 {
        let digits = format!("{fraction:07}");
        out.push('.');
        out.push_str(&digits[..usize::from(scale.min(7))]);
    }
    out
}

/// Whether a text has the form of CONVERT's style; without a style, any form does.
pub(super) fn fits_style(text: &str, style: i64) -> bool {
    let is_clock =
        |t: &str| t.contains(':') && t.chars().all(|c| c.is_ascii_digit() || ":.".contains(c));
    let is_both = |between: char| {
        text.split_once(between).is_some_and(|(date, time)| is_dashed(date) && is_clock(time))
    };
    match style {
        NO_STYLE | 0 => true,
        20 | 21 | 120 | 121 => is_dashed(text) || is_both(' '),
        23 => is_dashed(text),
        101 => {
            let parts: Vec<&str> = text.split('/').collect();
            parts.len() == 3 && parts[2].len() == 4 && parts.into_iter().all(is_digits)
        }
        112 => text.len() == 8 && is_digits(text),
        126 => is_both('T'),
        _ => false,
    }
}
