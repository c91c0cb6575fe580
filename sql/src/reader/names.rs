//! Names of objects: their parts, and when two of them may be the same.

use crate::lexer::{Kind, Token};

/// A name without its quotes, and with doubled closing quotes once.
pub(super) fn unquoted(t: &Token<'_>) -> String {
    match t.kind {
        Kind::Quoted if t.text.starts_with('[') => t.bare().replace("]]", "]"),
        Kind::Quoted => t.bare().replace("\"\"", "\""),
        _ => t.text.to_owned(),
    }
}

/// The parts of a name, empty ones too: `db..t` has three.
pub(super) fn parts<'t, 'a>(path: &'t [Token<'a>]) -> Vec<Option<&'t Token<'a>>> {
    let mut out = vec![None];
    for t in path {
        if t.text == "." {
            out.push(None);
        } else if let Some(last) = out.last_mut() {
            *last = Some(t);
        }
    }
    out
}

/// `#t`, `tempdb..#t` and `tempdb.dbo.#t`; `##t` is everybody's.
pub(super) fn is_temporary(path: &[Token<'_>]) -> bool {
    let parts = parts(path);
    let Some(Some(last)) = parts.last() else { return false };
    let name = last.bare();
    let local = name.starts_with('#') && !name.starts_with("##") && matches!(last.kind, Kind::Word | Kind::Quoted);
    let place = match parts.len() {
        1 => true,
        3 => parts[0].is_some_and(|d| d.bare().eq_ignore_ascii_case("tempdb")),
        _ => false,
    };
    local && place
}

/// Whether some collation may take two names for the same: upper and lower case, blanks at the end, the width of a letter, accents, and
/// characters without weight, which count as nothing.
pub(super) fn may_be_equal(a: &str, b: &str) -> bool {
    let (a, b) = (folded(a), folded(b));
    let known = |n: &[Letter]| n.iter().all(|l| *l != Letter::Any);
    if known(&a) && known(&b) {
        return a == b;
    }
    // What stands before the first unknown character of either, and behind the last.
    let agree = |x: &mut dyn Iterator<Item = (&Letter, &Letter)>| {
        x.take_while(|(p, q)| **p != Letter::Any && **q != Letter::Any).all(|(p, q)| p == q)
    };
    agree(&mut a.iter().zip(&b)) && agree(&mut a.iter().rev().zip(b.iter().rev()))
}

/// A character, as far as collations agree about it.
#[derive(Clone, Copy, PartialEq)]
enum Letter {
    /// In lower case.
    Ascii(u8),
    /// Of a script of its own: never an ASCII letter and never without weight; which of them is not looked at.
    Script,
    /// It may be equal to one letter, to two (ß), or to nothing.
    Any,
}

fn folded(name: &str) -> Vec<Letter> {
    let fold = |c: char| match c {
        ' '..='~' => Letter::Ascii(c.to_ascii_lowercase() as u8),
        '\u{ff01}'..='\u{ff5e}' => Letter::Ascii(((c as u32 - 0xff01) as u8 + b'!').to_ascii_lowercase()),
        'Α'..='Ρ'
        | 'Σ'..='Ω'
        | 'α'..='ω'
        | 'А'..='я'
        | 'ぁ'..='ゖ'
        | 'ァ'..='ヺ'
        | '\u{4e00}'..='\u{9fa5}'
        | '가'..='힣' => Letter::Script,
        _ => Letter::Any,
    };
    name.trim_end().chars().map(fold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexer::tokens;

    #[test]
    fn names_are_taken_for_the_same_too_often_rather_than_not() {
        for (a, b) in [
            ("#w", "#W"),
            ("#w", "#w "),
            ("#w", "#ｗ"),
            ("#w", "＃w"),
            ("#größe", "#grosse"),
            ("#w", "#w\u{1}"),
            ("a\u{200b}b", "ab"),
            ("名", "前"),
        ] {
            assert!(may_be_equal(a, b) && may_be_equal(b, a), "{a} {b}");
        }
        for (a, b) in [
            ("#w", "#v"),
            ("p", "#größe"),
            ("w", "#w"),
            ("#größe", "#größer"),
            ("ab", "b"),
            ("k", "名"),
            ("名", "名前"),
        ] {
            assert!(!may_be_equal(a, b) && !may_be_equal(b, a), "{a} {b}");
        }
    }

    #[test]
    fn temporary_names() {
        let of = |n: &str| is_temporary(&tokens(n).expect("tokens"));
        for n in ["#t", "[#t]", "\"#t\"", "tempdb..#t", "TempDB.dbo.[#t]"] {
            assert!(of(n), "{n}");
        }
        for n in ["t", "##t", "[##t]", "dbo.#t", "other..#t", "srv.tempdb..#t", "[ #t]", "tempdb..##t", "tempdb..t"] {
            assert!(!of(n), "{n}");
        }
    }
}
