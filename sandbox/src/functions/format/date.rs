//! The standard formats of dates: a letter each ("Standard date and time format strings").

use super::culture::Culture;
use super::date_picture;
use crate::calendar::{self, Moment};
use crate::error::{Error, Result};

/// The text of a date; none for a format that .NET does not take.
pub(super) fn text(moment: Moment, format: &str, culture: &Culture) -> Result<Option<String>> {
    let both = |date: &str, time: &str| format!("{date} {time}");
    let mut chars = format.chars();
    let picture = match (chars.next(), chars.next()) {
        (None, _) => both(culture.short_date, culture.long_time),
        (Some(letter), None) => match letter {
            'd' => culture.short_date.to_owned(),
            'D' => culture.long_date.to_owned(),
            't' => culture.short_time.to_owned(),
            'T' => culture.long_time.to_owned(),
            'f' => both(culture.long_date, culture.short_time),
            'F' => both(culture.long_date, culture.long_time),
            'g' => both(culture.short_date, culture.short_time),
            'G' => both(culture.short_date, culture.long_time),
            'M' | 'm' => culture.month_day.ok_or_else(|| culture.unsure("M"))?.to_owned(),
            'Y' | 'y' => "MMMM yyyy".to_owned(),
            's' => "yyyy'-'MM'-'dd'T'HH':'mm':'ss".to_owned(),
            'O' | 'o' => "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fffffffK".to_owned(),
            'u' | 'R' | 'r' => return universal(moment, letter).map(Some),
            'U' => return Err(Error::unsupported("FORMAT with U, which asks the server's zone")),
            _ => return Ok(None),
        },
        _ => format.to_owned(),
    };
    date_picture::text(moment, &picture, culture)
}

/// The formats without a culture that show UTC, which only a datetimeoffset tells.
fn universal(moment: Moment, letter: char) -> Result<String> {
    let picture = match letter {
        'u' => "yyyy'-'MM'-'dd HH':'mm':'ss'Z'",
        _ => "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'",
    };
    let text = date_picture::text(calendar::utc(moment), picture, Culture::find("en-US")?)?;
    text.ok_or_else(|| Error::internal("a format of dates"))
}
