//! The pairs of a string by what they mean: one for each meaning, by the rule of the form for what is
//! given twice; and what is said of the rest.

use std::collections::{HashMap, HashSet};

use crate::form::{Form, Scheme, Shape};
use crate::grammar::Pair;
use crate::keywords::{Keyword, Means, find, normal};
use crate::nearest::nearest;
use crate::problems::Note;

/// Unknown keywords that are told one by one.
const TOLD: usize = 8;

/// What a string gives, and what is told of it so far.
pub(crate) struct Given {
    pub(crate) form: Form,
    pub(crate) scheme: Scheme,
    by_meaning: HashMap<Means, Pair>,
    /// Setting and text, in the order of the settings.
    pub(crate) settings: Vec<(&'static str, String)>,
    pub(crate) notes: Vec<Note>,
    pub(crate) problems: Vec<String>,
}

/// Whether an unknown keyword may be shown: a word that is no piece of the secret before it.
pub(crate) fn is_showable(pairs: &[Pair], n: usize) -> bool {
    let key = pairs[n].key.trim();
    let plain = |c: char| c.is_ascii_alphabetic() || c == ' ' || c == '_';
    let behind_secret = n > 0 && find(&pairs[n - 1].key).is_none_or(|k| k.secret);
    key.len() <= 40
        && key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(plain)
        && !behind_secret
}

/// Which of two keywords that mean the same msodbcsql heeds: an address of its own before the
/// server, and what is none of its keywords only where nothing else is there; of equals the first.
fn odbc_rank(key: &str) -> u8 {
    match normal(key).as_str() {
        "addr" | "address" | "networkaddress" => 2,
        "datasource" | "userid" | "user" | "username" | "password" | "initialcatalog" => 0,
        _ => 1,
    }
}

/// Whether a value holds the keyword of a password: then a semicolon is missing, and the password is
/// a part of what is no secret.
fn holds_password(value: &str) -> bool {
    let value: String = value.chars().filter(|c| !c.is_whitespace()).collect();
    let value = value.to_ascii_lowercase();
    ["password=", "pwd="].iter().any(|k| value.contains(k))
}

// === impl Given ===

impl Given {
    pub(crate) fn new(shape: Shape) -> Self {
        Self {
            form: shape.form,
            scheme: shape.scheme,
            by_meaning: HashMap::new(),
            settings: Vec::new(),
            notes: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Sorts the pairs; those of a meaning that counts are to be [`take`](Self::take)n.
    pub(crate) fn sort(&mut self, pairs: &[Pair]) {
        let mut seen = HashSet::new();
        let mut unknown = 0;
        for (n, pair) in pairs.iter().enumerate() {
            let Some(known) = find(&pair.key) else {
                unknown += 1;
                if unknown <= TOLD {
                    self.unknown(pairs, n);
                }
                continue;
            };
            // What sets nothing has only its name.
            let twice = !seen.insert(match known.means {
                Means::Ignore | Means::Refuse => (known.means, normal(&pair.key)),
                means => (means, String::new()),
            });
            self.known(known, pair, twice);
        }
        if unknown > TOLD {
            self.problem(format!(
                "more than {TOLD} keywords are unknown: is this a connection string?"
            ));
        }
    }

    fn known(&mut self, known: &'static Keyword, pair: &Pair, twice: bool) {
        let key = pair.key.trim();
        if twice && self.form == Form::Url {
            return self.problem(format!("{key}: it is given more than once: leave one out"));
        }
        match known.means {
            Means::Ignore if !twice => self.note(key, known.what),
            Means::Refuse if !twice && !pair.value.trim().is_empty() => {
                self.problem(format!("{key}: {}", known.what));
            }
            Means::Ignore | Means::Refuse => {}
            _ if !twice => {
                self.by_meaning.insert(known.means, pair.clone());
            }
            means if self.form == Form::Odbc => {
                let old = self.by_meaning.get(&means).map_or(0, |p| odbc_rank(&p.key));
                if odbc_rank(&pair.key) > old {
                    self.by_meaning.insert(means, pair.clone());
                    let what = "another keyword says the same, and this one counts, as in ODBC";
                    return self.note(key, what);
                }
                let what = match odbc_rank(&pair.key) == old {
                    true => "it is given more than once, and the first counts, as in ODBC",
                    false => "another keyword says the same, and that one counts, as in ODBC",
                };
                self.note(key, what);
            }
            _ => {
                let what =
                    format!("it is given more than once, and the last counts, as in {}", self.form);
                self.note(key, &what);
                self.by_meaning.insert(known.means, pair.clone());
            }
        }
    }

    /// ADO.NET refuses an unknown keyword, and the others go on without it.
    fn unknown(&mut self, pairs: &[Pair], n: usize) {
        let key = if is_showable(pairs, n) {
            pairs[n].key.trim().to_owned()
        } else {
            format!("keyword {}", pairs[..=n].iter().filter(|p| !p.key_at.is_empty()).count())
        };
        let meant = nearest(&pairs[n].key).map(|near| format!("; {near} may be meant"));
        let meant = meant.unwrap_or_default();
        if self.form == Form::AdoNet {
            self.problem(format!(
                "{key}: unknown keyword{meant}; leave it out, and where it belongs to a value, put the \
                 value in quotes"
            ));
        } else {
            self.note(&key, &format!("unknown keyword, ignored{meant}"));
        }
    }

    /// The pair of a meaning, once; none where its value is empty, which is the default in each form.
    pub(crate) fn take(&mut self, means: Means) -> Option<Pair> {
        self.by_meaning.remove(&means).filter(|p| !p.value.is_empty())
    }

    /// The pair of a meaning, which stays.
    pub(crate) fn peek(&self, means: Means) -> Option<&Pair> {
        self.by_meaning.get(&means).filter(|p| !p.value.is_empty())
    }

    /// The keyword that gave a meaning, as it was written.
    pub(crate) fn key_of(&self, means: Means) -> Option<String> {
        self.peek(means).map(|p| p.key.trim().to_owned())
    }

    pub(crate) fn has(&self, means: Means) -> bool {
        self.peek(means).is_some()
    }

    /// What was set before.
    pub(crate) fn setting(&self, key: &str) -> Option<&str> {
        self.settings.iter().find(|(k, _)| *k == key).map(|(_, value)| value.as_str())
    }

    /// Drops a pair with a note, where there is one.
    pub(crate) fn ignore(&mut self, means: Means, what: &str) {
        if let Some(pair) = self.take(means) {
            self.note(pair.key.trim(), what);
        }
    }

    pub(crate) fn set(&mut self, key: &'static str, value: impl Into<String>) {
        self.settings.push((key, value.into()));
    }

    /// Sets a text that a pair gave, unless it is blank; anything but a secret is free of control
    /// characters.
    pub(crate) fn set_text(&mut self, key: &'static str, pair: &Pair) {
        if pair.value.trim().is_empty() {
            return;
        }
        if pair.value.contains(|c: char| c.is_control()) {
            let name = pair.key.trim();
            return self
                .problem(format!("{name}: its value holds a control character: leave it out"));
        }
        if holds_password(&pair.value) {
            let name = pair.key.trim();
            return self.problem(format!(
                "{name}: its value holds the keyword of a password: a semicolon is missing in front of it"
            ));
        }
        self.set(key, pair.value.trim());
    }

    pub(crate) fn note(&mut self, keyword: &str, what: &str) {
        self.notes.push(Note { keyword: keyword.to_owned(), what: what.to_owned() });
    }

    pub(crate) fn problem(&mut self, line: impl Into<String>) {
        self.problems.push(line.into());
    }
}
