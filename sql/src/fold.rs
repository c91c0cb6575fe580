//! When two names may be the same. The guard does not know the collation that decides it, so it
//! asks what *some* collation of SQL Server may take for equal; where equality would make a verdict
//! milder, bytes are compared instead.
//!
//! Source: "Collation and Unicode support", and the sensitivity options of Windows collations.

/// Whether some collation may take two names for the same: upper and lower case, blanks at the end,
/// the width of a letter, accents, and characters without weight, which count as nothing.
pub(crate) fn may_be_equal(a: &str, b: &str) -> bool {
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
    Ascii(u8),
    /// Of a script of its own: never an ASCII letter and never without weight; which of them
    /// is not looked at.
    Script,
    /// It may be equal to one letter, to two (ß), or to nothing.
    Any,
}

fn folded(name: &str) -> Vec<Letter> {
    let fold = |c: char| match c {
        ' '..='~' => Letter::Ascii(c.to_ascii_lowercase() as u8),
        '\u{ff01}'..='\u{ff5e}' => {
            Letter::Ascii(((c as u32 - 0xff01) as u8 + b'!').to_ascii_lowercase())
        }
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

/// Whether some collation may take a name for one of ours, which is plain ASCII in lower case.
pub(crate) fn may_be(name: &str, known: &str) -> bool {
    let name = folded(name);
    // How far into `known` the letters so far may reach.
    let mut reached = vec![false; known.len() + 1];
    reached[0] = true;
    for letter in name {
        let mut next = vec![false; known.len() + 1];
        for at in (0..=known.len()).filter(|at| reached[*at]) {
            match letter {
                Letter::Ascii(b) if known.as_bytes().get(at) == Some(&b) => next[at + 1] = true,
                Letter::Any => (at..=known.len().min(at + 2)).for_each(|n| next[n] = true),
                Letter::Ascii(_) | Letter::Script => {}
            }
        }
        reached = next;
    }
    reached[known.len()]
}

/// Whether a name may begin with `#` in some collation, as a temporary table's does.
pub(crate) fn may_be_temporary(name: &str) -> bool {
    folded(name).iter().find(|l| **l != Letter::Any).is_none_or(|l| *l == Letter::Ascii(b'#'))
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("#ｗ", "#v"),
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
    fn a_name_of_ours_is_found_under_accents() {
        for name in ["fn_dblog", "FN_DBLOG ", "fn_dblóg", "ｆn_dblog", "fn_d\u{200b}blog"] {
            assert!(may_be(name, "fn_dblog"), "{name}");
        }
        for name in ["fn_dblogs", "fn_größe", "dblog", "名_dblog"] {
            assert!(!may_be(name, "fn_dblog"), "{name}");
        }
        assert!(
            may_be_temporary("#t") && may_be_temporary("\u{200b}#t") && !may_be_temporary("größe")
        );
    }
}
