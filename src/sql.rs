//! T-SQL as text: a lexer, a verdict over its tokens, and quoting of names that we write ourselves.

pub mod lexer;
pub mod quote;
pub mod verdict;
pub mod words;

use verdict::Class;

/// What a batch may do at most; the order is the order of access levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Access {
    /// Reads only.
    #[default]
    ReadOnly,
    /// Reads and changes rows.
    ReadWrite,
    /// Everything that is not refused outright.
    Full,
}

impl Access {
    /// By its name in the configuration.
    pub fn parse(s: &str) -> Self {
        match s {
            "full" => Access::Full,
            "read-write" => Access::ReadWrite,
            _ => Access::ReadOnly,
        }
    }
    /// The highest class that may run.
    pub fn up_to(self) -> Class {
        match self {
            Access::ReadOnly => Class::Session,
            Access::ReadWrite => Class::Write,
            Access::Full => Class::Execute,
        }
    }
    /// Its name in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Access::ReadOnly => "read-only",
            Access::ReadWrite => "read-write",
            Access::Full => "full",
        }
    }
}
