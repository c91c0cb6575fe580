//! LIKE: patterns, and what matches them.

use std::cmp::Ordering;

use super::collation::{collate, fold, fold_char};
use crate::error::{Error, Result};

/// One place of a pattern, in lower case.
enum Piece {
    /// Any number of characters: `%`.
    Any,
    /// Any one character: `_`.
    One,
    Is(char),
    /// `[a-z]` or `[^a-z]`, with the first and the last of each range.
    Set {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// LIKE with %, _, [set], [^set] and an escape character, ignoring case. Blanks at the end of the
/// text do not count, unless the comparison is one of Unicode.
pub(crate) fn like(text: &str, pattern: &str, escape: Option<char>, unicode: bool) -> Result<bool> {
    match pieces(&fold(pattern), escape.map(fold_char))? {
        Some(pieces) => Ok(matches(&fold(text), &pieces, !unicode)),
        None => Ok(false),
    }
}

/// None for a pattern that matches nothing: one that ends in its escape character, or in a set
/// that is not closed.
fn pieces(pattern: &[char], escape: Option<char>) -> Result<Option<Vec<Piece>>> {
    let mut out = Vec::new();
    let mut rest = pattern.iter().copied();
    while let Some(c) = rest.next() {
        let piece = match c {
            c if Some(c) == escape => rest.next().map(Piece::Is),
            '%' => Some(Piece::Any),
            '_' => Some(Piece::One),
            '[' => set(&mut rest, escape)?,
            c => Some(Piece::Is(c)),
        };
        let Some(piece) = piece else { return Ok(None) };
        out.push(piece);
    }
    Ok(Some(out))
}

/// Behind its bracket; none if that is not closed.
fn set(
    rest: &mut (impl Iterator<Item = char> + Clone),
    escape: Option<char>,
) -> Result<Option<Piece>> {
    let negated = rest.clone().next() == Some('^');
    if negated {
        rest.next();
    }
    // With whether it was escaped, and is no sign of a range.
    let mut members: Vec<(char, bool)> = Vec::new();
    loop {
        match rest.next() {
            None => return Ok(None),
            Some(']') => break,
            Some(c) if Some(c) == escape => members.push((rest.next().unwrap_or(c), true)),
            Some(c) => members.push((c, false)),
        }
    }
    if members.is_empty() {
        return Err(Error::unsupported("LIKE with an empty set"));
    }
    let mut ranges = Vec::new();
    let mut left = members.as_slice();
    while let Some((first, after)) = left.split_first() {
        match after {
            [('-', false), last, behind @ ..] => {
                ranges.push((first.0, last.0));
                left = behind;
            }
            _ => {
                ranges.push((first.0, first.0));
                left = after;
            }
        }
    }
    Ok(Some(Piece::Set { negated, ranges }))
}

/// `padded` where blanks at the end of the text do not count.
fn matches(text: &[char], pieces: &[Piece], padded: bool) -> bool {
    let Some((piece, pieces)) = pieces.split_first() else {
        return text.is_empty() || padded && text.iter().all(|c| *c == ' ');
    };
    if let Piece::Any = piece {
        return (0..=text.len()).any(|at| matches(&text[at..], pieces, padded));
    }
    let Some((first, rest)) = text.split_first() else { return false };
    let hit = match piece {
        Piece::Any | Piece::One => true,
        Piece::Is(c) => first == c,
        Piece::Set { negated, ranges } => {
            ranges.iter().any(|range| is_within(*first, *range)) != *negated
        }
    };
    hit && matches(rest, pieces, padded)
}

/// In the order of the collation.
fn is_within(c: char, (low, high): (char, char)) -> bool {
    if low == high {
        return c == low;
    }
    // Something behind each, because blanks at the end do not count.
    let order = |a: char, b: char| collate(&format!("{a}."), &format!("{b}."));
    order(low, c) != Ordering::Greater && order(c, high) != Ordering::Greater
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let cases = [
            ("abc", "abc", true),
            ("ABC", "aBc", true),
            ("abc", "ab", false),
            ("ab", "abc", false),
            ("", "", true),
            ("", "%", true),
            ("", "_", false),
            ("abc", "a%", true),
            ("abc", "%c", true),
            ("abc", "%b%", true),
            ("abc", "%d%", false),
            ("abc", "a_c", true),
            ("abc", "a__c", false),
            ("abc", "[a-c]bc", true),
            ("dbc", "[a-c]bc", false),
            ("Abc", "[^a-c]bc", false),
            ("dbc", "[^a-c]bc", true),
            ("-", "[a-]", true),
            ("-", "[-a]", true),
            ("b", "[a-]", false),
            ("^", "[a^]", true),
            ("[", "[[]", true),
            ("a]", "a]", true),
            ("a", "[a", false),
            ("é", "[d-f]", true),
        ];
        for (text, pattern, expected) in cases {
            assert_eq!(like(text, pattern, None, true), Ok(expected), "{text} LIKE {pattern}");
        }
        assert!(like("a", "[]", None, true).is_err_and(|e| e.is_unsupported()));
    }

    #[test]
    fn an_escape_character_makes_the_next_one_literal() {
        for (text, pattern, expected) in [
            ("50%", "50!%", true),
            ("50x", "50!%", false),
            ("a!", "a!!", true),
            ("a", "a!", false),
            ("]", "[a!]]", true),
            ("b", "[a!-c]", false),
            ("-", "[a!-c]", true),
        ] {
            assert_eq!(like(text, pattern, Some('!'), true), Ok(expected), "{text} {pattern}");
        }
        assert_eq!(like("ax", "aX_", Some('x'), true), Ok(false));
        assert_eq!(like("a_", "aX_", Some('x'), true), Ok(true));
    }

    #[test]
    fn blanks_at_the_end_count_in_unicode_alone() {
        assert_eq!(like("abc  ", "abc", None, false), Ok(true));
        assert_eq!(like("abc  ", "abc", None, true), Ok(false));
        assert_eq!(like("abc", "abc ", None, false), Ok(false));
        assert_eq!(like("abc x", "abc", None, false), Ok(false));
    }
}
