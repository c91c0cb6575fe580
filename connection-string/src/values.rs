//! Values of one word or number, by the words of their form.

use crate::form::{Form, Scheme};
use crate::given::Given;
use crate::grammar::Pair;
use crate::keywords::Means;

/// The words of a form, as a problem names them.
fn words(given: &Given) -> &'static str {
    match given.form {
        Form::Odbc if given.scheme != Scheme::GoOdbc => "yes or no",
        Form::Jdbc => "true or false",
        Form::AdoNet => "true, false, yes or no",
        Form::Odbc | Form::Url => "true, false, yes, no, 1 or 0",
    }
}

/// Yes or no; none where the word is neither in this form.
pub(crate) fn boolean(given: &Given, text: &str) -> Option<bool> {
    let word = text.trim().to_ascii_lowercase();
    let (yes_no, true_false, short) = match given.form {
        Form::Odbc if given.scheme != Scheme::GoOdbc => (true, false, false),
        Form::Jdbc => (false, true, false),
        Form::AdoNet => (true, true, false),
        Form::Odbc | Form::Url => (true, true, true),
    };
    match word.as_str() {
        "yes" if yes_no => Some(true),
        "no" if yes_no => Some(false),
        "true" if true_false => Some(true),
        "false" if true_false => Some(false),
        "1" | "t" if short => Some(true),
        "0" | "f" if short => Some(false),
        _ => None,
    }
}

// === impl Given ===

impl Given {
    /// The value of a keyword that is on or off; none where it is absent or wrong, which is told.
    pub(crate) fn flag(&mut self, means: Means) -> Option<bool> {
        let pair = self.take(means)?;
        let value = boolean(self, &pair.value);
        if value.is_none() {
            let words = words(self);
            self.problem(format!(
                "{}: it takes {words} in this form ({})",
                pair.key.trim(),
                self.form
            ));
        }
        value
    }

    /// A whole number in a range; none where the value is none, which is told.
    pub(crate) fn number(&mut self, pair: &Pair, least: u32, most: u32, what: &str) -> Option<u32> {
        let text = pair.value.trim();
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = digits.then(|| text.parse().ok()).flatten();
        let number = number.filter(|n| (least..=most).contains(n));
        if number.is_none() {
            self.problem(format!(
                "{}: expected a whole number from {least} to {most}{what}",
                pair.key.trim()
            ));
        }
        number
    }

    /// Sets a flag as `yes` or `no`.
    pub(crate) fn set_flag(&mut self, means: Means, key: &'static str) {
        if let Some(on) = self.flag(means) {
            self.set(key, if on { "yes" } else { "no" });
        }
    }
}
