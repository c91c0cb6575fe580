//! FORMAT of a time, which is a TimeSpan of .NET's: no colon and no point stands in it without a
//! backslash or quotation marks ("Custom TimeSpan format strings").

use super::date_picture::{fraction, quoted};
use crate::calendar::{Moment, SECOND};
use crate::error::{Error, Result};

/// The text of a time of day, in ticks; none for a format that .NET does not take.
pub(super) fn text(ticks: i64, format: &str) -> Result<Option<String>> {
    let moment = Moment { days: 0, ticks, offset: None };
    let seconds = ticks / SECOND;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match format {
        "" | "c" | "t" | "T" => {
            let fraction = match ticks % SECOND {
                0 => String::new(),
                _ => format!(".{}", fraction(moment, 7)),
            };
            return Ok(Some(format!("{hours:02}:{minutes:02}:{seconds:02}{fraction}")));
        }
        "g" | "G" => return Err(Error::unsupported("FORMAT of a time with g or G")),
        one if one.chars().count() == 1 => return Ok(None),
        _ => {}
    }
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        let number = match c {
            '\'' | '"' => match quoted(&mut chars, c) {
                Some(text) => {
                    out += &text;
                    continue;
                }
                None => return Ok(None),
            },
            '\\' => match chars.next() {
                Some(escaped) => {
                    out.push(escaped);
                    continue;
                }
                None => return Ok(None),
            },
            '%' if chars.peek().is_some_and(|next| *next != '%') => continue,
            'd' => 0,
            'h' => hours,
            'm' => minutes,
            's' => seconds,
            'f' | 'F' => 0,
            _ => return Ok(None),
        };
        let mut length = 1;
        while chars.next_if_eq(&c).is_some() {
            length += 1;
        }
        match (c, length) {
            ('f', 1..=7) => out += &fraction(moment, length),
            ('F', 1..=7) => out += fraction(moment, length).trim_end_matches('0'),
            ('d', 1..=8) | ('h' | 'm' | 's', 1 | 2) => {
                out += &format!("{number:0>length$}");
            }
            _ => return Ok(None),
        }
    }
    Ok(Some(out))
}
