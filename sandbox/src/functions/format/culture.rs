//! What the sandbox knows of each culture: a row for each of them.

use crate::calendar::{MONTHS, WEEKDAYS};
use crate::error::{Error, Result};

/// Months and days of the week, in full.
type Names = ([&'static str; 12], [&'static str; 7]);

/// Separators, patterns and names of a culture.
#[derive(Debug, PartialEq)]
pub(super) struct Culture {
    name: &'static str,
    pub(super) decimal: char,
    pub(super) group: char,
    /// Of a currency, above zero and below it, with `n` for the number.
    pub(super) currency: [&'static str; 2],
    /// The same of a percentage; none where sources differ.
    pub(super) percent: Option<[&'static str; 2]>,
    pub(super) date_separator: char,
    pub(super) short_date: &'static str,
    pub(super) long_date: &'static str,
    pub(super) short_time: &'static str,
    pub(super) long_time: &'static str,
    /// None where versions of .NET differ.
    pub(super) month_day: Option<&'static str>,
    pub(super) names: &'static Names,
    /// Whether short names are the first three letters of long ones.
    pub(super) has_short_names: bool,
    /// Whether the halves of a day are AM and PM.
    pub(super) has_halves: bool,
}

const ENGLISH: Names = (MONTHS, WEEKDAYS);
const GERMAN: Names = (
    [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    ["Sonntag", "Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag"],
);

const CULTURES: [Culture; 3] = [
    Culture {
        name: "en-US",
        decimal: '.',
        group: ',',
        currency: ["$n", "($n)"],
        percent: Some(["n %", "-n %"]),
        date_separator: '/',
        short_date: "M/d/yyyy",
        long_date: "dddd, MMMM d, yyyy",
        short_time: "h:mm tt",
        long_time: "h:mm:ss tt",
        month_day: Some("MMMM d"),
        names: &ENGLISH,
        has_short_names: true,
        has_halves: true,
    },
    Culture {
        name: "en-GB",
        decimal: '.',
        group: ',',
        currency: ["£n", "-£n"],
        percent: None,
        date_separator: '/',
        short_date: "dd/MM/yyyy",
        long_date: "dd MMMM yyyy",
        short_time: "HH:mm",
        long_time: "HH:mm:ss",
        month_day: None,
        names: &ENGLISH,
        has_short_names: true,
        has_halves: false,
    },
    Culture {
        name: "de-DE",
        decimal: ',',
        group: '.',
        currency: ["n €", "-n €"],
        percent: Some(["n %", "-n %"]),
        date_separator: '.',
        short_date: "dd.MM.yyyy",
        long_date: "dddd, d. MMMM yyyy",
        short_time: "HH:mm",
        long_time: "HH:mm:ss",
        month_day: None,
        names: &GERMAN,
        has_short_names: false,
        has_halves: false,
    },
];

impl Culture {
    /// By its name, whatever its case.
    pub(super) fn find(name: &str) -> Result<&'static Self> {
        let found = CULTURES.iter().find(|c| c.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| Error::unsupported(format!("FORMAT with the culture '{name}'")))
    }

    /// A pattern of which the sandbox is not sure for this culture.
    pub(super) fn unsure(&self, what: &str) -> Error {
        Error::unsupported(format!("FORMAT with {what} in the culture {}", self.name))
    }
}
