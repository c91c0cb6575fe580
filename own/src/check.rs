//! A statement against its parameters, as far as text can tell. The database has the last word.

use crate::scan::{Word, words};
use crate::tool::Parameter;

/// A longer statement is a procedure's.
pub(crate) const LONGEST_STATEMENT: usize = 64 * 1024;

/// What is wrong between a statement and its parameters.
pub(crate) fn statement(text: &str, parameters: &[Parameter]) -> Vec<String> {
    if text.trim().is_empty() {
        return vec!["statement: is empty".to_owned()];
    }
    if text.len() > LONGEST_STATEMENT {
        return vec![format!(
            "statement: has {} bytes, and may have {LONGEST_STATEMENT}; make it a procedure of the database",
            text.len()
        )];
    }
    let words = words(text);
    let mut wrong = Vec::new();
    for p in parameters {
        if !words.iter().any(|w| named(w).is_some_and(|n| n.eq_ignore_ascii_case(&p.name))) {
            wrong.push(format!(
                "parameter {0}: the statement has no @{0}; use it there, or take the parameter out",
                p.name
            ));
        }
    }
    // A variable may be the statement's own, and a name before `=` an argument of a procedure.
    let own = |w: &Word<'_>| ["DECLARE", "EXEC", "EXECUTE"].iter().any(|k| w.is(k));
    if !words.iter().any(own) {
        let mut strays: Vec<&str> = words
            .iter()
            .filter_map(named)
            .filter(|n| !parameters.iter().any(|p| p.name.eq_ignore_ascii_case(n)))
            .collect();
        strays.dedup();
        for stray in strays {
            wrong.push(format!(
                "statement: @{stray} is no parameter; add [[tool.parameter]] with name = \"{stray}\""
            ));
        }
    }
    wrong
}

/// The name of a parameter or variable.
fn named<'s>(word: &Word<'s>) -> Option<&'s str> {
    word.text.strip_prefix('@').filter(|n| !n.starts_with('@') && !n.is_empty())
}

/// Is this `name` or `schema.name`, in brackets or not?
pub(crate) fn procedure(name: &str) -> Result<(), String> {
    let example = "is no name of a procedure, such as dbo.OpenOrders or [my schema].[Open orders]";
    let mut rest = name.trim();
    for part in 0..3 {
        let after = match rest.strip_prefix('[') {
            Some(inside) => bracketed(inside),
            None => {
                let end = rest.find(|c: char| !(c.is_alphanumeric() || "_#$@".contains(c)));
                let end = end.unwrap_or(rest.len());
                let first = rest.chars().next();
                (end > 0 && !first.is_some_and(|c| c.is_numeric() || "@$#".contains(c)))
                    .then(|| &rest[end..])
            }
        };
        match (after, part) {
            (Some(""), 0 | 1) => return Ok(()),
            (Some(""), _) => {
                return Err(
                    "names a database; say which with the key database, and write schema.name here"
                        .to_owned(),
                );
            }
            (Some(more), _) => match more.strip_prefix('.') {
                Some(more) => rest = more,
                None => break,
            },
            (None, _) => break,
        }
    }
    Err(example.to_owned())
}

/// What is behind the bracket that closes this name.
fn bracketed(inside: &str) -> Option<&str> {
    let mut chars = inside.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        if c == ']' && chars.next_if(|(_, next)| *next == ']').is_none() {
            return (i > 0).then(|| &inside[i + 1..]);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn procedures_have_names() {
        for name in ["p", "dbo.OpenOrders", "[my schema].[a]]b]", "dbo.[x]", "größe.x"] {
            assert_eq!(procedure(name), Ok(()), "{name}");
        }
        for name in [
            "",
            "a.b.c",
            "a b",
            "dbo.p; DROP TABLE t",
            "[open",
            "a..b",
            "dbo.",
            "#t",
            "@p",
            "[]",
            "1a",
        ] {
            assert!(procedure(name).is_err(), "{name}");
        }
    }
}
