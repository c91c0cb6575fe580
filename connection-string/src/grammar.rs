//! A text taken apart into its keywords and values, by the grammar of its form.

mod ado;
mod jdbc;
mod odbc;
mod url;

use std::ops::Range;

use crate::form::{Form, Shape};
use crate::keywords::find;

/// A keyword with its value.
#[derive(Clone)]
pub(crate) struct Pair {
    /// As it was written, without quoting. The parts of a URL before its query have names of ours.
    pub(crate) key: String,
    pub(crate) value: String,
    /// Where the keyword stands; empty for a part of a URL.
    pub(crate) key_at: Range<usize>,
    /// Where the value stands, with its quotes.
    pub(crate) value_at: Range<usize>,
}

/// All pairs in their order. The error is one line and repeats no value.
pub(crate) fn pairs(text: &str, shape: Shape) -> Result<Vec<Pair>, String> {
    if text.contains('\0') {
        return Err("the string holds a NUL character: leave it out".into());
    }
    match shape.form {
        Form::AdoNet => ado::pairs(text),
        Form::Odbc => odbc::pairs(text, shape.start),
        Form::Jdbc => jdbc::pairs(text, shape.start),
        Form::Url => url::pairs(text, shape),
    }
}

/// The pairs of an ODBC string that stands in another one.
pub(crate) fn odbc_pairs(text: &str) -> Result<Vec<Pair>, String> {
    odbc::pairs(text, 0)
}

/// Whether quotation marks stand around the whole, as in a line of JSON.
pub(crate) fn is_pasted_quoted(text: &str) -> bool {
    let mut chars = text.chars();
    matches!((chars.next(), chars.next_back()), (Some(a @ ('"' | '\'' | '`')), Some(b)) if a == b)
}

/// What a pair is called in a problem: its keyword where it is a known one, else its number from 1.
fn called(key: &str, number: usize) -> String {
    match find(key) {
        Some(_) => key.trim().to_owned(),
        None => format!("keyword {number}"),
    }
}

/// A keyword as the three forms with `=` have it: something, without control characters, and without
/// a `;`, which says that a part before it has no `=`.
fn checked_key(key: &str, number: usize) -> Result<(), String> {
    if key.is_empty() {
        return Err(format!(
            "keyword {number}: nothing stands before its =; where a value holds ; or = it needs quotes"
        ));
    }
    if key.contains(|c: char| c.is_control() && !c.is_whitespace()) {
        return Err(format!("keyword {number}: it holds a control character: leave it out"));
    }
    if key.contains(';') {
        return Err(no_equals(number));
    }
    Ok(())
}

fn no_equals(number: usize) -> String {
    format!(
        "keyword {number}: it has no =; write KEYWORD=VALUE, and where a value holds ; put it in quotes"
    )
}

// === impl Pair ===

impl std::fmt::Debug for Pair {
    /// Neither may be shown: a keyword may be a piece of a broken password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pair").finish_non_exhaustive()
    }
}

impl Pair {
    /// A part of a URL that has no keyword of its own.
    fn part(key: &str, value: String, value_at: Range<usize>) -> Self {
        Self { key: key.to_owned(), value, key_at: value_at.start..value_at.start, value_at }
    }
}
