//! What a reading says to people: notes beside it, or the problems instead of it.

use std::fmt;

/// One line about a keyword: why it is ignored, or what was made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The keyword as it was written; an unknown one that may be a part of a password has its
    /// number instead (`keyword 3`).
    pub keyword: String,
    /// The line, without the keyword and without any value.
    pub what: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.keyword, self.what)
    }
}

/// All that is wrong with a string, a line each, which names the keyword and the mend. No line
/// repeats a value.
///
/// Where the string cannot be taken apart, that is the only line: what stands behind the fault may
/// be a keyword or a piece of a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Problems {}
