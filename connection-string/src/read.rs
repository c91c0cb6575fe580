//! A string from its text to its settings.

use std::fmt;

use crate::form::{Form, Scheme, Shape};
use crate::given::Given;
use crate::grammar::{odbc_pairs, pairs};
use crate::keywords::{Means, find};
use crate::means;
use crate::problems::{Note, Problems};
use crate::redact::redacted;

/// Longer texts are no connection strings; in bytes.
const LONGEST: usize = 16 * 1024;

/// What a connection string says, in terms of the server's settings.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionString {
    /// How it is written.
    pub form: Form,
    /// Keys of settings with their texts, each key once: `("database.host", "db.example.com")`.
    /// Of these [`is_secret`] says which may not be shown.
    pub settings: Vec<(&'static str, String)>,
    /// What was ignored, or taken otherwise than may be expected.
    pub notes: Vec<Note>,
    redacted: String,
}

/// Whether the text of a setting is a secret: `database.password` and `entra.client_secret`.
pub fn is_secret(key: &str) -> bool {
    matches!(key, "database.password" | "entra.client_secret")
}

// === impl ConnectionString ===

impl fmt::Debug for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(key, text): &(&'static str, String)| {
            (*key, if is_secret(key) { "***".to_owned() } else { text.clone() })
        };
        f.debug_struct("ConnectionString")
            .field("form", &self.form)
            .field("settings", &self.settings.iter().map(shown).collect::<Vec<_>>())
            .field("notes", &self.notes)
            .finish_non_exhaustive()
    }
}

impl ConnectionString {
    /// Reads a string of at most 16 kB, in whichever form it is written; line breaks around it do
    /// not count.
    ///
    /// # Errors
    ///
    /// All that is wrong, a line each. No line repeats a value; an unknown keyword is repeated only
    /// where it can be no piece of a password.
    pub fn read(text: &str) -> Result<Self, Problems> {
        if text.len() > LONGEST {
            return Err(one("the string has more than 16 kB: paste the connection string alone"));
        }
        // A password of ODBC's may end in blanks, but in no line break.
        let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
        let text = text.trim_end_matches(['\r', '\n']);
        if text.trim().is_empty() {
            return Err(one("the string is empty: paste a connection string"));
        }
        let shape = Form::of(text).map_err(one)?;
        let text = if shape.form == Form::Odbc { text } else { text.trim_end() };
        let found = pairs(text, shape).map_err(one)?;
        let redacted = redacted(text, &found);
        let nested = |key: &str| find(key).is_some_and(|k| k.means == Means::OdbcConnect);
        let odbc = found.iter().find(|p| shape.form == Form::Url && nested(&p.key));
        let mut given = match odbc {
            Some(odbc) => {
                let inner =
                    odbc_pairs(&odbc.value).map_err(|e| one(format!("odbc_connect: {e}")))?;
                let mut given =
                    Given::new(Shape { form: Form::Odbc, start: 0, scheme: Scheme::None });
                given.sort(&inner);
                for other in found.iter().filter(|p| !std::ptr::eq(*p, odbc)) {
                    if let Some(known) = find(&other.key) {
                        let key = if known.means == Means::Database && other.key_at.is_empty() {
                            "path"
                        } else {
                            other.key.trim()
                        };
                        given.note(key, "not used: odbc_connect says everything, as in SQLAlchemy");
                    }
                }
                given
            }
            None => {
                let mut given = Given::new(shape);
                given.sort(&found);
                given
            }
        };
        means::settings(&mut given);
        if given.problems.is_empty() {
            let Given { settings, notes, .. } = given;
            Ok(Self { form: shape.form, settings, notes, redacted })
        } else {
            Err(Problems(given.problems))
        }
    }

    /// The text of a setting.
    pub fn setting(&self, key: &str) -> Option<&str> {
        self.settings.iter().find(|(k, _)| *k == key).map(|(_, text)| text.as_str())
    }

    /// The string as it was read, with `***` in the place of each secret, and of the value of each
    /// unknown keyword.
    pub fn redacted(&self) -> &str {
        &self.redacted
    }
}

fn one(line: impl Into<String>) -> Problems {
    Problems(vec![line.into()])
}
