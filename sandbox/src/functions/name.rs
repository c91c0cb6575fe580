//! PARSENAME: a part of a name that is written as a text.

use super::text::is_no_text;
use super::{Arguments, Function, Signature};
use crate::error::{Error, Result};
use crate::types::{Len, Type, Value};

/// What `sysname` stands for.
const NAME: Type = Type::NVarChar(Len::N(128));

pub(super) const FUNCTIONS: &[Function] = &[Function::new(
    "PARSENAME",
    (2, 2),
    |of| {
        of.refuse(is_no_text)?;
        Signature::new([Type::NVarChar(Len::N(4000)), Type::Int], NAME)
    },
    parsename,
)];

/// A part of a name, counted from its end. NULL for one that is left out or too long, and for
/// every part of what is no name.
fn parsename(a: &Arguments<'_>) -> Result<Value> {
    let Some(parts) = parts(a.text(0))? else { return Ok(Value::Null) };
    let piece = usize::try_from(a.integer(1)).ok().filter(|n| (1..=4).contains(n));
    let part = piece.and_then(|n| parts.len().checked_sub(n)).map(|at| parts[at].clone());
    let part = part.filter(|p| !p.is_empty() && p.encode_utf16().count() <= 128);
    Ok(part.map_or(Value::Null, Value::Str))
}

/// The parts between dots; none where the text is no name of up to four of them.
fn parts(name: &str) -> Result<Option<Vec<String>>> {
    let mut parts = Vec::new();
    let mut chars = name.chars().peekable();
    loop {
        let mut part = String::new();
        let close = match chars.peek() {
            Some('[') => Some(']'),
            Some('"') => Some('"'),
            _ => None,
        };
        if let Some(close) = close {
            chars.next();
            loop {
                match chars.next() {
                    None => return Ok(None),
                    Some(c) if c == close && chars.next_if_eq(&close).is_none() => break,
                    Some(c) => part.push(c),
                }
            }
        } else {
            while let Some(c) = chars.next_if(|c| *c != '.') {
                if !c.is_alphanumeric() && !"_@#$".contains(c) {
                    let what = format!("PARSENAME of a name with '{c}' outside brackets");
                    return Err(Error::unsupported(what));
                }
                part.push(c);
            }
        }
        parts.push(part);
        match chars.next() {
            None => break,
            Some('.') => {}
            Some(_) => return Ok(None),
        }
    }
    let is_name = parts.len() <= 4 && parts.last().is_some_and(|p| !p.is_empty());
    Ok(is_name.then_some(parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_parts() {
        let some = |list: &[&str]| Ok(Some(list.iter().map(|p| (*p).to_owned()).collect()));
        assert_eq!(parts("a.b.c.d"), some(&["a", "b", "c", "d"]));
        assert_eq!(parts("1.2.3"), some(&["1", "2", "3"]));
        assert_eq!(parts("a..c"), some(&["a", "", "c"]));
        assert_eq!(parts("[a.b]]c].\"d\"\"e\""), some(&["a.b]c", "d\"e"]));
        for text in ["", "a.", "a.b.c.d.e", "[a", "[a]b", "\"a"] {
            assert_eq!(parts(text), Ok(None), "{text}");
        }
        assert!(parts("a b").is_err_and(|e| e.is_unsupported()));
    }
}
