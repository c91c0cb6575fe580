//! Names: reading `schema.table` as people write it, and writing it so that SQL
//! Server reads it back.

use crate::grammar::GRAMMAR;

/// `[name]`, with `]` doubled.
pub fn identifier(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

/// A part of a name as it has to be written: in brackets only where it is no regular identifier.
pub fn part(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c.is_alphabetic() || matches!(c, '_' | '#'));
    let regular = first && chars.all(|c| c.is_alphanumeric() || matches!(c, '_' | '#' | '$' | '@'));
    if regular && !GRAMMAR.is_reserved(&name.to_ascii_uppercase()) {
        name.to_owned()
    } else {
        identifier(name)
    }
}

/// Splits a possibly bracketed or double-quoted name at its dots. None when a bracket is left open
/// or a part is empty.
pub fn split(name: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = name.trim();
    loop {
        let (part, after) = match rest.chars().next()? {
            open @ ('[' | '"') => {
                let close = if open == '[' { ']' } else { '"' };
                let mut text = String::new();
                let mut end = None;
                let mut chars = rest[1..].char_indices().peekable();
                while let Some((i, c)) = chars.next() {
                    if c != close {
                        text.push(c);
                    } else if chars.peek().is_some_and(|(_, n)| *n == close) {
                        chars.next();
                        text.push(c);
                    } else {
                        end = Some(i + 2);
                        break;
                    }
                }
                (text, &rest[end?..])
            }
            _ => {
                let at = rest.find('.').unwrap_or(rest.len());
                (rest[..at].trim().to_owned(), &rest[at..])
            }
        };
        if part.is_empty() {
            return None;
        }
        parts.push(part);
        let after = after.trim_start();
        match after.strip_prefix('.') {
            Some(r) => rest = r.trim_start(),
            None if after.is_empty() => return Some(parts),
            None => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_written_as_it_must_be() {
        for name in ["Orders", "Größe", "_x", "a$b"] {
            assert_eq!(part(name), name);
        }
        for name in ["Order Lines", "Notes.Archive", "1st", "a]b", "order", "User", "a-b", ""] {
            assert_eq!(part(name), identifier(name));
        }
    }

    #[test]
    fn names_are_read_as_people_write_them() {
        let s = |n: &str| split(n).map(|v| v.join("|"));
        assert_eq!(s("Orders").as_deref(), Some("Orders"));
        assert_eq!(s("sales.Orders").as_deref(), Some("sales|Orders"));
        assert_eq!(s("[dbo].[Notes.Archive]").as_deref(), Some("dbo|Notes.Archive"));
        assert_eq!(s("\"a b\".[c]]d]").as_deref(), Some("a b|c]d"));
        assert_eq!(s(" db . dbo . t ").as_deref(), Some("db|dbo|t"));
        assert_eq!((s("[open"), s("a..b"), s(""), s("[a]b")), (None, None, None, None));
        assert_eq!(identifier("a]b"), "[a]]b]");
    }
}
