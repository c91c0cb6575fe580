//! A tool as a file defines it, checked.

use std::time::Duration;

use regex::Regex;
use serde::Serialize;
use serde_json::Value;

use crate::types::SqlType;

/// A tool of one's own. What it serializes to is the whole definition, in a fixed order: a hash of
/// that says which definition a call ran.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct OwnTool {
    /// What clients call it by.
    pub name: String,
    /// What people are shown.
    pub title: Option<String>,
    /// What models read.
    pub description: String,
    /// The label of the database that it asks; the caller's choice without one.
    pub database: Option<String>,
    /// What it does.
    pub runs: Runs,
    /// What it may do, at most.
    pub access: Access,
    /// How many rows it answers with, at most.
    pub max_rows: Option<u32>,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// OAuth scopes that a caller needs beside the usual ones.
    pub scopes: Vec<String>,
    /// Who has it: names, whole or up to a `*` at the end; everybody where there is none.
    pub principals: Vec<String>,
    /// What is said of it against what its statement would say.
    pub annotations: Annotations,
    /// What it is called with, in the file's order.
    pub parameters: Vec<Parameter>,
}

/// What a tool does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Runs {
    /// A T-SQL batch, with its parameters as `@name`.
    Statement(String),
    /// A procedure, as `schema.name`, which takes the parameters by their names.
    Procedure(String),
}

/// What a tool may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// It reads.
    ReadOnly,
    /// It changes rows.
    ReadWrite,
    /// Anything that the login may do.
    Full,
}

impl Access {
    /// As a file writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::ReadWrite => "read-write",
            Self::Full => "full",
        }
    }
}

/// Hints for clients that only the author of a tool can give.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Annotations {
    /// Called again with the same arguments, it changes nothing more.
    pub idempotent: Option<bool>,
}

/// A parameter of a tool.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Parameter {
    /// Its name, without the `@`.
    pub name: String,
    /// What it is declared as.
    #[serde(rename = "type")]
    pub sql_type: SqlType,
    /// What models read.
    pub description: Option<String>,
    /// Must a call give it?
    pub required: bool,
    /// Its value where a call gives none.
    pub default: Option<Value>,
    /// The only values that it may have; none where any may be.
    pub allowed: Vec<Value>,
    /// The least, as the text that is bound.
    pub min: Option<String>,
    /// The most, likewise.
    pub max: Option<String>,
    /// What the whole of its text has to be.
    pub pattern: Option<Pattern>,
    /// The claim of the caller's token that it is; never an argument.
    pub from_claim: Option<String>,
    /// Is its value to be kept out of records and logs?
    pub secret: bool,
}

/// A regular expression for the whole of a text.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// As clients are told it.
    pub(crate) shown: String,
    regex: Regex,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let whole = format!("^(?:{text})$");
        // The library is bounded in time; this bounds its memory.
        let regex = |text: &str| {
            let made = regex::RegexBuilder::new(text).size_limit(1 << 18).build();
            made.map_err(|_| "it is no regular expression that this server can hold".to_owned())
        };
        // By itself too: `a)|(b` would end the group that holds it to the whole.
        regex(text)?;
        let regex = regex(&whole)?;
        let bound = text.starts_with('^') && text.ends_with('$') && !text.contains('|');
        Ok(Self { shown: if bound { text.to_owned() } else { whole }, regex })
    }

    pub(crate) fn fits(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

impl Serialize for Pattern {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.shown)
    }
}

impl OwnTool {
    /// Does this principal have it?
    pub fn is_for(&self, principal: &str) -> bool {
        self.principals.is_empty()
            || self.principals.iter().any(|pattern| match pattern.strip_suffix('*') {
                Some(start) => principal.starts_with(start),
                None => principal == pattern,
            })
    }

    /// Is this one of its parameters that a call may give?
    pub(crate) fn argument(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|p| p.name == name && p.from_claim.is_none())
    }
}
