//! The collation: which texts are alike, and which comes first.

use std::cmp::Ordering;

pub(super) fn fold_char(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

pub(super) fn fold(s: &str) -> Vec<char> {
    s.chars().map(fold_char).collect()
}

/// The order of the collation SQL_Latin1_General_CP1_CI_AS, near enough: punctuation, digits,
/// letters; accents break ties; case never.
pub(super) fn collate(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_end_matches(' '), b.trim_end_matches(' '));
    if a.is_ascii() && b.is_ascii() {
        let key = |c: u8| {
            let c = c.to_ascii_lowercase();
            (if c.is_ascii_digit() { 1 } else { u8::from(c.is_ascii_alphabetic()) * 2 }, c)
        };
        return a.bytes().map(key).cmp(b.bytes().map(key));
    }
    let class = |c: char| if c.is_numeric() { 1 } else { u8::from(c.is_alphabetic()) * 2 };
    let keys = |s: &str| -> Vec<(u8, char, char)> {
        s.chars()
            .map(|c| {
                let c = fold_char(c);
                let base = base_letter(c);
                (class(base), base, c)
            })
            .collect()
    };
    let (x, y) = (keys(a), keys(b));
    let primary = x.iter().map(|k| (k.0, k.1)).cmp(y.iter().map(|k| (k.0, k.1)));
    primary.then_with(|| x.iter().map(|k| k.2).cmp(y.iter().map(|k| k.2)))
}

fn base_letter(c: char) -> char {
    match c {
        'à'..='å' => 'a',
        'ç' => 'c',
        'è'..='ë' => 'e',
        'ì'..='ï' => 'i',
        'ñ' => 'n',
        'ò'..='ö' | 'ø' => 'o',
        'ù'..='ü' => 'u',
        'ý' | 'ÿ' => 'y',
        _ => c,
    }
}
