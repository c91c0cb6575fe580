//! Custom formats of dates: runs of letters, each of which stands for a part ("Custom date and time
//! format strings").

use std::iter::Peekable;
use std::str::Chars;

use super::culture::Culture;
use crate::calendar::{Moment, Part, SECOND, offset_text, part};
use crate::error::{Error, Result};

/// The text of a date; none for a picture that .NET does not take.
pub(super) fn text(moment: Moment, picture: &str, culture: &Culture) -> Result<Option<String>> {
    let mut out = String::new();
    let mut chars = picture.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => match quoted(&mut chars, c) {
                Some(text) => out += &text,
                None => return Ok(None),
            },
            '\\' => match chars.next() {
                Some(escaped) => out.push(escaped),
                None => return Ok(None),
            },
            // A letter that would be a standard format where it stands alone.
            '%' => match chars.peek() {
                None | Some('%') => return Ok(None),
                Some(_) => {}
            },
            '/' => out.push(culture.date_separator),
            c if "dfFghHKmMstyz".contains(c) => {
                let mut length = 1;
                while c != 'K' && chars.next_if_eq(&c).is_some() {
                    length += 1;
                }
                match of_letter(moment, c, length, culture)? {
                    // F shows no point either where it shows no digits.
                    Some(text) if c == 'F' && text.is_empty() && out.ends_with('.') => {
                        out.pop();
                    }
                    Some(text) => out += &text,
                    None => return Ok(None),
                }
            }
            c => out.push(c),
        }
    }
    Ok(Some(out))
}

/// What stands between quotation marks; none where the second one is missing.
pub(super) fn quoted(chars: &mut Peekable<Chars<'_>>, mark: char) -> Option<String> {
    let mut text = String::new();
    loop {
        match chars.next()? {
            c if c == mark => return Some(text),
            '\\' => text.push(chars.next()?),
            c => text.push(c),
        }
    }
}

/// A run of one letter; none for one that .NET does not take.
fn of_letter(
    moment: Moment,
    letter: char,
    length: usize,
    culture: &Culture,
) -> Result<Option<String>> {
    let of = |p: Part| part(moment, p);
    let padded = |n: i64, most: usize| format!("{n:0>width$}", width = length.min(most));
    let (months, days) = culture.names;
    let text = match (letter, length) {
        ('d', 1 | 2) => padded(of(Part::Day), 2),
        ('d', 3) => short(days[(of(Part::Weekday) - 1) as usize], culture)?,
        ('d', _) => days[(of(Part::Weekday) - 1) as usize].to_owned(),
        ('M', 1 | 2) => padded(of(Part::Month), 2),
        ('M', 3) => short(months[(of(Part::Month) - 1) as usize], culture)?,
        ('M', _) => months[(of(Part::Month) - 1) as usize].to_owned(),
        ('y', 1 | 2) => padded(of(Part::Year) % 100, 2),
        ('y', _) => padded(of(Part::Year), length),
        ('h', _) => padded((of(Part::Hour) + 11) % 12 + 1, 2),
        ('H', _) => padded(of(Part::Hour), 2),
        ('m', _) => padded(of(Part::Minute), 2),
        ('s', _) => padded(of(Part::Second), 2),
        ('f' | 'F', 8..) => return Ok(None),
        ('f', _) => fraction(moment, length),
        ('F', _) => fraction(moment, length).trim_end_matches('0').to_owned(),
        ('t', _) if !culture.has_halves => return Err(culture.unsure("the half of a day")),
        ('t', _) => {
            let half = if of(Part::Hour) < 12 { "AM" } else { "PM" };
            half[..length.min(2)].to_owned()
        }
        ('K', _) => moment.offset.map(offset_text).unwrap_or_default(),
        ('z', _) => match moment.offset {
            Some(offset) => offset_of(offset, length),
            None => return Err(Error::unsupported("FORMAT with z, which asks the server's zone")),
        },
        ('g', _) => return Err(culture.unsure("an era")),
        (letter, length) => letter.to_string().repeat(length),
    };
    Ok(Some(text))
}

/// The digits of a second behind the point, cut.
pub(super) fn fraction(moment: Moment, length: usize) -> String {
    format!("{:07}", moment.ticks % SECOND)[..length].to_owned()
}

fn short(name: &str, culture: &Culture) -> Result<String> {
    if !culture.has_short_names {
        return Err(culture.unsure("short names"));
    }
    Ok(name[..3].to_owned())
}

/// Hours with a sign, and minutes from three letters on.
fn offset_of(minutes: i16, length: usize) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    let hours = format!("{sign}{:0>width$}", minutes.abs() / 60, width = length.min(2));
    if length < 3 { hours } else { format!("{hours}:{:02}", minutes.abs() % 60) }
}
