//! The known spelling that an unknown keyword is a slip of.

use crate::keywords::{keywords, normal};

/// Longer ones are no slips.
const LONGEST: usize = 40;

/// The spelling with the fewest letters to change: at most two, and a quarter of its length.
pub(crate) fn nearest(key: &str) -> Option<&'static str> {
    let key = normal(key);
    if key.len() > LONGEST {
        return None;
    }
    let mut best: Option<(usize, &'static str)> = None;
    for spelling in keywords().flat_map(|k| k.spellings) {
        let known = normal(spelling);
        let most = 2.min(known.len() / 4);
        if key.len().abs_diff(known.len()) > most {
            continue;
        }
        let far = distance(key.as_bytes(), known.as_bytes());
        if far <= most && best.is_none_or(|(b, _)| far < b) {
            best = Some((far, spelling));
        }
    }
    best.map(|(_, spelling)| spelling)
}

/// Bytes to insert, remove or replace (Levenshtein's distance).
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_has_a_spelling_that_was_meant() {
        assert_eq!(nearest("Initial Catalogue"), Some("Initial Catalog"));
        assert_eq!(nearest("TrustServerCertficate"), Some("Trust Server Certificate"));
        assert_eq!(nearest("Pasword"), Some("Password"));
        assert_eq!(nearest("Colour"), None);
        assert_eq!(nearest(&"Password".repeat(9)), None);
    }
}
