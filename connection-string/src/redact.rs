//! A string with its secrets blanked: passwords, and the values of unknown keywords, since nobody
//! knows what they are.

use crate::given::is_showable;
use crate::grammar::Pair;
use crate::keywords::find;

/// What stands in the place of a secret.
const BLANK: &str = "***";

/// The text, whose pairs are in the order in which they stand in it.
pub(crate) fn redacted(text: &str, pairs: &[Pair]) -> String {
    let mut ranges = Vec::new();
    for (n, pair) in pairs.iter().enumerate() {
        match find(&pair.key) {
            Some(known) if !known.secret => {}
            Some(_) => ranges.push(pair.value_at.clone()),
            None => {
                if !is_showable(pairs, n) {
                    ranges.push(pair.key_at.clone());
                }
                ranges.push(pair.value_at.clone());
            }
        }
    }
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for range in ranges.into_iter().filter(|r| !r.is_empty()) {
        out.push_str(&text[at..range.start]);
        out.push_str(BLANK);
        at = range.end;
    }
    out.push_str(&text[at..]);
    out
}
