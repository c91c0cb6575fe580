//! The words that occur anywhere, in order, and how one is found that is written otherwise.

use std::collections::HashMap;
use std::ops::Range;

use crate::lists::Texts;

/// No word beyond this is compared letter by letter.
const LONGEST: usize = 32;

/// How well a word of the question fits one of the vocabulary; the better, the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    Exact,
    Prefix,
    /// Somewhere inside.
    Part,
    /// So many letters are other, missing, too many or exchanged: one or two.
    Like(u8),
}

/// All words, by their alphabetical number.
#[derive(Default)]
pub(crate) struct Vocabulary {
    words: Texts,
    /// Three letters and a word that has them, in order; of the words that may be found by a part.
    trigrams: Vec<(u32, u32)>,
}

impl Vocabulary {
    /// `sorted` is in order and without doubles; a word is found by its parts, or if it is
    /// misspelt, where `by_parts` says so of its number.
    pub(crate) fn new<'a>(
        sorted: impl Iterator<Item = &'a str>,
        by_parts: impl Fn(u32) -> bool,
    ) -> Self {
        let mut all = Self::default();
        for (number, word) in (0_u32..).zip(sorted) {
            all.words.push(word);
            if by_parts(number) {
                all.trigrams.extend(trigrams(word).into_iter().map(|t| (t, number)));
            }
        }
        all.words.finish();
        all.trigrams.sort_unstable();
        all.trigrams.dedup();
        all.trigrams.shrink_to_fit();
        all
    }

    /// The words that are this one, begin with it or have it inside.
    pub(crate) fn written(&self, word: &str) -> Vec<(u32, Fit)> {
        let mut found = Vec::new();
        let short = word.chars().count();
        let start = self.first(|w| w < word);
        for number in start..self.words.len() as u32 {
            let other = self.words.get(number);
            if !other.starts_with(word) {
                break;
            }
            // A single letter begins everything.
            match other.len() == word.len() {
                true => found.push((number, Fit::Exact)),
                false if short > 1 => found.push((number, Fit::Prefix)),
                false => break,
            }
        }
        if short > 3 {
            let inner = trigrams(word).into_iter().skip(1).map(|t| self.with(t));
            // The outer ones know of a beginning and an end; the rarest of the others is enough to
            // look through.
            let rarest = inner.take(short - 2).min_by_key(ExactSizeIterator::len);
            for at in rarest.into_iter().flatten() {
                let number = self.trigrams[at].1;
                if self.words.get(number).find(word).is_some_and(|i| i > 0) {
                    found.push((number, Fit::Part));
                }
            }
        }
        found
    }

    /// The words that this one may be a misspelling of.
    pub(crate) fn alike(&self, word: &str) -> Vec<(u32, Fit)> {
        let letters: Vec<char> = word.chars().collect();
        let numeric = letters.iter().any(|c| c.is_numeric());
        if numeric || !(4..=LONGEST).contains(&letters.len()) {
            return Vec::new();
        }
        let most = if letters.len() < 8 { 1 } else { 2 };
        let wanted = trigrams(word);
        let mut shared: HashMap<u32, usize> = HashMap::new();
        for at in wanted.iter().flat_map(|t| self.with(*t)) {
            *shared.entry(self.trigrams[at].1).or_default() += 1;
        }
        // An exchange of two letters changes four of the threes.
        let needed = wanted.len().saturating_sub(4 * most).max(1);
        let mut found: Vec<(u32, Fit)> = shared
            .into_iter()
            .filter(|(_, n)| *n >= needed)
            .filter_map(|(number, _)| {
                let other: Vec<char> = self.words.get(number).chars().take(LONGEST + 3).collect();
                let far = distance(&letters, &other, most)?;
                (far > 0).then_some((number, Fit::Like(far as u8)))
            })
            .collect();
        found.sort_unstable();
        found
    }

    /// The first word for which this does not hold.
    fn first(&self, before: impl Fn(&str) -> bool) -> u32 {
        let (mut low, mut high) = (0, self.words.len() as u32);
        while low < high {
            let middle = low + (high - low) / 2;
            if before(self.words.get(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Where the words with these three letters are.
    fn with(&self, trigram: u32) -> Range<usize> {
        let start = self.trigrams.partition_point(|(t, _)| *t < trigram);
        let end = start + self.trigrams[start..].partition_point(|(t, _)| *t == trigram);
        start..end
    }

    pub(crate) fn size(&self) -> usize {
        self.words.size() + 8 * self.trigrams.capacity()
    }
}

/// Each three neighbouring letters as a number, with a mark before the first and behind the last.
/// Two threes may have one number; whoever finds a word by it looks at the word.
fn trigrams(word: &str) -> Vec<u32> {
    let marked: Vec<char> =
        std::iter::once('^').chain(word.chars()).chain(std::iter::once('$')).collect();
    let number = |w: &[char]| w.iter().fold(0_u32, |n, c| n.wrapping_mul(1021) + u32::from(*c));
    marked.windows(3).map(number).collect()
}

/// How many letters are other, missing, too many or exchanged with their neighbour; none where
/// it is more than `most`.
fn distance(a: &[char], b: &[char], most: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    // Three rows are enough: the one before the last knows of exchanges.
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let other = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (last[j - 1] + other).min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().filter(|far| *far <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(word: &str) -> String {
        let words = ["customer", "customerorder", "order", "orderly", "purchaseorder", "x", "xray"];
        let v = Vocabulary::new(words.into_iter(), |_| true);
        let mut all = v.written(word);
        all.extend(v.alike(word));
        let all: Vec<String> =
            all.into_iter().map(|(n, fit)| format!("{} {fit:?}", words[n as usize])).collect();
        all.join(", ")
    }

    #[test]
    fn a_word_is_found_by_its_beginning_its_parts_and_with_mistakes() {
        assert_eq!(
            found("order"),
            "order Exact, orderly Prefix, customerorder Part, purchaseorder Part"
        );
        assert_eq!(found("x"), "x Exact");
        assert_eq!(found("xr"), "xray Prefix");
        assert_eq!(found("oder"), "order Like(1)");
        assert_eq!(found("ordre"), "order Like(1)");
        assert_eq!(found("kustomer"), "customer Like(1)");
        assert_eq!(found("custmre"), "");
        assert_eq!(found("cusotmre"), "customer Like(2)");
        assert_eq!(found("orde1"), "");
        assert_eq!(found(""), "");
    }
}
