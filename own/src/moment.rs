//! Dates and times as ISO 8601 writes them, which SQL Server reads in every language.

/// The days that a type holds.
pub(crate) struct Span(&'static str, &'static str);

pub(crate) const ALL: Span = Span("0001-01-01", "9999-12-31");
pub(crate) const DATETIME: Span = Span("1753-01-01", "9999-12-31");
pub(crate) const SMALL: Span = Span("1900-01-01", "2079-06-06");

/// A date, as it came.
pub(crate) fn date(text: &str, span: &Span) -> Result<String, String> {
    let parts = numbers(text, &[4, 2, 2], b'-');
    let exists = parts.is_some_and(|p| {
        let (year, month, day) = (p[0], p[1], p[2]);
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u32::from(leap),
            _ => 0,
        };
        year > 0 && (1..=days).contains(&day)
    });
    if !exists {
        return Err("must be a date such as 2024-01-31".to_owned());
    }
    if text < span.0 || text > span.1 {
        return Err(format!("must be from {} to {}", span.0, span.1));
    }
    Ok(text.to_owned())
}

/// A time of day, with seconds, and no zeros at its end.
pub(crate) fn time(text: &str, digits: u8) -> Result<String, String> {
    let wrong = || "must be a time such as 14:30:00".to_owned();
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let parts = numbers(clock, &[2, 2, 2], b':').or_else(|| {
        (!text.contains('.')).then(|| numbers(&format!("{clock}:00"), &[2, 2, 2], b':')).flatten()
    });
    let parts = parts.filter(|p| p[0] < 24 && p[1] < 60 && p[2] < 60).ok_or_else(wrong)?;
    let plain = fraction.bytes().all(|b| b.is_ascii_digit());
    if !plain || text.ends_with('.') {
        return Err(wrong());
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > usize::from(digits) {
        return Err(format!("must have at most {digits} digits behind its seconds"));
    }
    let clock = format!("{:02}:{:02}:{:02}", parts[0], parts[1], parts[2]);
    Ok(if fraction.is_empty() { clock } else { format!("{clock}.{fraction}") })
}

/// A date with a time, or midnight without one, and nothing that says in which zone.
pub(crate) fn datetime(text: &str, span: &Span, digits: u8) -> Result<String, String> {
    let wrong =
        || "must be a date and a time without an offset, such as 2024-01-31T14:30:00".to_owned();
    let (day, clock) = match text.split_once(['T', 't', ' ']) {
        Some((day, clock)) => (day, clock),
        None => (text, "00:00:00"),
    };
    if clock.contains(['Z', 'z', '+', '-']) {
        return Err(wrong());
    }
    let day =
        date(day, span).map_err(|e| if e.starts_with("must be from") { e } else { wrong() })?;
    Ok(format!(
        "{day}T{}",
        time(clock, digits).map_err(|e| if e.contains("digits") { e } else { wrong() })?
    ))
}

/// A moment: date, time and offset.
pub(crate) fn offset(text: &str, digits: u8) -> Result<String, String> {
    let wrong = || {
        "must be a date and a time with an offset, such as 2024-01-31T14:30:00+02:00 or 2024-01-31T12:30:00Z".to_owned()
    };
    let (local, offset) = match text.strip_suffix(['Z', 'z']) {
        Some(local) => (local, "+00:00"),
        None => {
            let at = text.len().checked_sub(6).filter(|at| text.is_char_boundary(*at));
            text.split_at(at.ok_or_else(wrong)?)
        }
    };
    let ahead = offset.strip_prefix(['+', '-']).and_then(|o| numbers(o, &[2, 2], b':'));
    // Fourteen hours are the most, with no minutes more.
    let real = ahead.is_some_and(|p| p[1] < 60 && p[0] * 60 + p[1] <= 14 * 60);
    if !real || !local.contains(['T', 't', ' ']) {
        return Err(wrong());
    }
    let local = datetime(local, &ALL, digits)
        .map_err(|e| if e.contains("digits") { e } else { wrong() })?;
    Ok(format!("{local}{offset}"))
}

/// Numbers of so many digits each with a sign between them.
fn numbers(text: &str, widths: &[usize], between: u8) -> Option<Vec<u32>> {
    let parts: Vec<&str> = text.split(char::from(between)).collect();
    let fits = parts.len() == widths.len()
        && parts
            .iter()
            .zip(widths)
            .all(|(p, w)| p.len() == *w && p.bytes().all(|b| b.is_ascii_digit()));
    if !fits {
        return None;
    }
    parts.iter().map(|p| p.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_iso_and_exist() {
        assert_eq!(date("2024-02-29", &ALL).as_deref(), Ok("2024-02-29"));
        for wrong in
            ["2023-02-29", "2024-13-01", "0000-01-01", "24-01-01", "2024-1-1", "01/02/2024", ""]
        {
            assert!(date(wrong, &ALL).is_err(), "{wrong}");
        }
        assert!(date("1752-12-31", &DATETIME).is_err());
        assert_eq!(time("14:30", 0).as_deref(), Ok("14:30:00"));
        assert_eq!(time("14:30:00.1200", 2).as_deref(), Ok("14:30:00.12"));
        for wrong in
            ["24:00", "14:60", "14:30:60", "14:30:00.123", "14:30.5", "14:30:00.", "2pm", "é"]
        {
            assert!(time(wrong, 2).is_err(), "{wrong}");
        }
        let iso = Ok("2024-01-31T14:30:00");
        assert_eq!(datetime("2024-01-31 14:30", &ALL, 3).as_deref(), iso);
        assert_eq!(datetime("2024-01-31", &ALL, 3).as_deref(), Ok("2024-01-31T00:00:00"));
        assert!(datetime("2024-01-31T14:30:00Z", &ALL, 3).is_err());
        assert!(datetime("2024-01-31T14:30:00+01:00", &ALL, 3).is_err());
        assert_eq!(offset("2024-01-31T14:30:00Z", 0).as_deref(), Ok("2024-01-31T14:30:00+00:00"));
        assert_eq!(offset("2024-01-31t14:30-14:00", 0).as_deref(), Ok("2024-01-31T14:30:00-14:00"));
        for wrong in
            ["2024-01-31T14:30:00", "2024-01-31Z", "2024-01-31T14:30:00+15:00", "ééé", "+01:00"]
        {
            assert!(offset(wrong, 0).is_err(), "{wrong}");
        }
    }
}
