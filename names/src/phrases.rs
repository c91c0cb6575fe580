//! Names that many entries share: of 900,000 columns a few thousand are different.

use std::collections::HashMap;

use crate::lists::{Growing, Lists, Texts};
use crate::words;

/// Phrases while entries come.
#[derive(Default)]
pub(crate) struct GrowingPhrases {
    numbers: HashMap<Box<str>, u32>,
    entries: Vec<Growing>,
}

impl GrowingPhrases {
    pub(crate) fn push(&mut self, text: &str, entry: u32) {
        let number = match self.numbers.get(text) {
            Some(number) => *number,
            None => {
                let number = self.entries.len() as u32;
                self.numbers.insert(text.into(), number);
                self.entries.push(Growing::default());
                number
            }
        };
        self.entries[number as usize].push(entry);
    }

    /// In the order of their texts, so that which of two is told of does not hang on entries that
    /// are hidden. `word` numbers the words.
    pub(crate) fn finish(mut self, mut word: impl FnMut(&str) -> u32) -> (Phrases, Words) {
        let mut order: Vec<(Box<str>, u32)> = self.numbers.into_iter().collect();
        order.sort_unstable();
        let mut all = Phrases::default();
        let mut with: Words = HashMap::new();
        for (number, (text, _)) in (0_u32..).zip(&order) {
            all.texts.push(text);
            let (words, head) = words::of_name(text);
            all.lengths.push(u8::try_from(words.len() - head).unwrap_or(u8::MAX));
            all.compact.push((hash(&words::compact(text)), number));
            for w in &words {
                with.entry(word(w)).or_default().push(number);
            }
        }
        all.texts.finish();
        all.compact.sort_unstable();
        all.entries = Lists::of(
            order.iter().map(|(_, old)| std::mem::take(&mut self.entries[*old as usize])),
        );
        (all, with)
    }
}

/// A word, and the phrases that have it.
pub(crate) type Words = HashMap<u32, Growing>;

/// Phrases by the number of their alphabetical order.
#[derive(Default)]
pub(crate) struct Phrases {
    texts: Texts,
    /// Of how many words each is.
    lengths: Vec<u8>,
    /// The hash of each as it is typed without case and separators.
    compact: Vec<(u32, u32)>,
    /// The entries that have it.
    entries: Lists,
    /// By the number of a word: the phrases that have it.
    pub(crate) by_word: Lists,
}

impl Phrases {
    pub(crate) fn text(&self, phrase: u32) -> &str {
        self.texts.get(phrase)
    }

    pub(crate) fn is_one_word(&self, phrase: u32) -> bool {
        self.lengths.get(phrase as usize) == Some(&1)
    }

    pub(crate) fn entries(&self, phrase: u32) -> impl Iterator<Item = u32> + '_ {
        self.entries.get(phrase)
    }

    /// The phrases that are this, whatever their case and separators.
    pub(crate) fn typed<'a>(&'a self, compact: &'a str) -> impl Iterator<Item = u32> + 'a {
        at(&self.compact, compact).filter(move |p| words::compact(self.text(*p)) == compact)
    }

    pub(crate) fn size(&self) -> usize {
        self.texts.size()
            + self.lengths.capacity()
            + 8 * self.compact.capacity()
            + self.entries.size()
            + self.by_word.size()
    }
}

/// FNV-1a, the same in every process and version.
pub(crate) fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193))
}

/// The numbers beside a hash in a sorted table.
pub(crate) fn at<'a>(table: &'a [(u32, u32)], text: &str) -> impl Iterator<Item = u32> + 'a {
    let hash = hash(text);
    let start = table.partition_point(|(h, _)| *h < hash);
    table[start..].iter().take_while(move |(h, _)| *h == hash).map(|(_, number)| *number)
}
