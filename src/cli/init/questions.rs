//! Asking: a person at a terminal, or a script by the lines of stdin. Questions go to stderr, so
//! that stdout has what was written and nothing else.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use crate::cli::{Failed, tell};

/// Whoever answers.
pub(super) struct Questions {
    person: bool,
}

// === impl Questions ===

impl Questions {
    pub(super) fn new() -> Self {
        Self { person: std::io::stdin().is_terminal() && std::io::stderr().is_terminal() }
    }

    /// Whether the answer to a question may be another one the next time.
    pub(super) fn is_person(&self) -> bool {
        self.person
    }

    /// A line; where it is empty, what is usual.
    pub(super) fn text(&self, what: &str, usual: &str) -> Result<String, Failed> {
        let line = self.line(&asked(what, usual))?;
        let line = line.trim();
        Ok(if line.is_empty() { usual.to_owned() } else { line.to_owned() })
    }

    /// A line that no terminal shows, as it is; where it is empty, what was there before.
    pub(super) fn secret(&self, what: &str, former: Option<&str>) -> Result<String, Failed> {
        let prompt = asked(what, former.map_or("", |_| "as before"));
        let line = match self.person {
            true => rpassword::prompt_password(prompt).map_err(|e| e.to_string())?,
            false => self.line(&prompt)?,
        };
        // As it will be read from its file.
        let line = line.trim_start_matches('\u{feff}');
        Ok(if line.is_empty() { former.unwrap_or_default() } else { line }.to_owned())
    }

    /// One of some words, or the beginning of one.
    pub(super) fn one_of<'a>(
        &self,
        what: &str,
        words: &[&'a str],
        usual: &str,
    ) -> Result<&'a str, Failed> {
        let what = format!("{what} ({})", words.join(", "));
        loop {
            let said = self.text(&what, usual)?.to_lowercase();
            match words.iter().find(|w| w.starts_with(&said)) {
                Some(word) => return Ok(word),
                None => self.wrong(&format!("{said} is none of {}", words.join(", ")))?,
            }
        }
    }

    /// An answer that cannot be: a person is asked again, a script has failed.
    pub(super) fn wrong(&self, why: &str) -> Result<(), Failed> {
        if !self.person {
            return Err(Failed { message: why.to_owned(), status: 2 });
        }
        tell!("{why}");
        Ok(())
    }

    fn line(&self, prompt: &str) -> Result<String, Failed> {
        let mut err = std::io::stderr().lock();
        let _ = err.write_all(prompt.as_bytes()).and_then(|()| err.flush());
        drop(err);
        let mut text = String::new();
        let read = std::io::stdin().lock().read_line(&mut text).map_err(|e| e.to_string())?;
        if !self.person {
            tell!("");
        }
        if read == 0 {
            let what = prompt.trim_end_matches([':', ' ']);
            let message = format!("stdin ended before an answer to: {what}");
            return Err(Failed { message, status: 2 });
        }
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }
}

fn asked(what: &str, usual: &str) -> String {
    match usual.is_empty() {
        true => format!("{what}: "),
        false => format!("{what} [{usual}]: "),
    }
}
