//! A question against the index.

use crate::build::{Index, bare};
use crate::phrases::{Phrases, at};
use crate::score::{self, Place};
use crate::vocabulary::Fit;
use crate::words;

/// Of a question no more words are looked for.
const MOST_WORDS: usize = 8;
/// And no more letters are read.
const MOST_LETTERS: usize = 400;

/// An entry that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Its number, as the index was built.
    pub entry: u32,
    /// How well it fits, among hits with as many words of the question: more is better.
    pub score: i32,
    /// Why, the best reason of each word of the question, in the question's order.
    pub reasons: Vec<Reason>,
}

/// Why an entry is a hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The question is its name.
    NameExact,
    /// Its name begins with a word of the question.
    NamePrefix,
    /// A word is somewhere in its name.
    NamePart,
    /// A word of its name is spelt much like one of the question.
    NameAlike,
    /// The column of this name fits.
    Column(String),
    /// Its description, or that of a column, has the word.
    Description,
    /// It is called this in the glossary.
    Term(String),
    /// Its schema's name has the word.
    Schema,
}

/// The best find of one word in one entry.
#[derive(Clone, Copy)]
struct Find {
    score: i32,
    place: Place,
    fit: Fit,
    /// The number of the column's or term's name.
    phrase: u32,
}

/// An entry while a search goes on.
#[derive(Clone, Copy, Default)]
struct Tally {
    /// None while the filter has not been asked.
    visible: Option<bool>,
    /// Words of the question that were found.
    found: u8,
    /// Those found in the name, as they are written.
    in_name: u8,
    whole: bool,
    score: i32,
}

/// A search that goes on.
struct Run<'i> {
    index: &'i Index,
    filter: &'i dyn Fn(u32) -> bool,
    tallies: Vec<Tally>,
}

impl Index {
    /// The entries that fit a question best, at most `limit`. Whatever `filter` says no to takes no
    /// part: it is as if it had never been indexed. It is asked once about an entry at most.
    ///
    /// Entries with more of the question's words come first, wherever each was found.
    pub fn search(&self, query: &str, limit: usize, filter: &dyn Fn(u32) -> bool) -> Vec<Hit> {
        let words = asked(query);
        let tallies = vec![Tally::default(); self.len()];
        let mut run = Run { index: self, filter, tallies };
        let finds: Vec<Vec<Option<Find>>> = words.iter().map(|w| run.word(w)).collect();
        run.whole(query, words.len());
        let mut hits = run.hits();
        let order = |a: &u32, b: &u32| {
            let key = |e: &u32| {
                let t = run.tallies[*e as usize];
                (std::cmp::Reverse((t.found, t.whole, t.score)), self.schema(*e), self.name(*e), *e)
            };
            key(a).cmp(&key(b))
        };
        // Of many hits few are shown.
        if hits.len() > limit && limit > 0 {
            hits.select_nth_unstable_by(limit - 1, order);
        }
        hits.truncate(limit);
        hits.sort_unstable_by(order);
        let hit = |entry: u32| {
            let tally = run.tallies[entry as usize];
            let finds = finds.iter().filter_map(|of_word| of_word[entry as usize]);
            Hit { entry, score: tally.score, reasons: self.reasons(entry, tally, finds, &words) }
        };
        hits.into_iter().map(hit).collect()
    }

    fn reasons(
        &self,
        entry: u32,
        tally: Tally,
        finds: impl Iterator<Item = Find>,
        asked: &[String],
    ) -> Vec<Reason> {
        let mut all = Vec::new();
        if tally.whole {
            all.push(Reason::NameExact);
        }
        let (words, head) = words::of_name(self.name(entry));
        let first = words.get(head).map_or("", |w| w);
        for find in finds {
            let reason = match (find.place, find.fit) {
                // The whole name says it all.
                (Place::Name, _) if tally.whole => continue,
                (Place::Name, Fit::Like(_)) => Reason::NameAlike,
                (Place::Name, _) if asked.iter().any(|w| first.starts_with(w.as_str())) => {
                    Reason::NamePrefix
                }
                (Place::Name, _) => Reason::NamePart,
                (Place::Term, _) => Reason::Term(self.terms.text(find.phrase).to_owned()),
                (Place::Column, _) => Reason::Column(self.columns.text(find.phrase).to_owned()),
                (Place::Schema, _) => Reason::Schema,
                (Place::Description, _) => Reason::Description,
            };
            if !all.contains(&reason) {
                all.push(reason);
            }
        }
        all
    }
}

/// The words of a question, without those that every sentence has unless it has no other.
fn asked(query: &str) -> Vec<String> {
    let end = query.char_indices().nth(MOST_LETTERS).map_or(query.len(), |(i, _)| i);
    let mut all: Vec<String> = Vec::new();
    for word in words::of_text(&query[..end]) {
        if !all.contains(&word) {
            all.push(word);
        }
    }
    if all.iter().any(|w| !words::is_filler(w)) {
        all.retain(|w| !words::is_filler(w));
    }
    all.truncate(MOST_WORDS);
    all
}

impl Run<'_> {
    fn visible(&mut self, entry: u32) -> bool {
        let tally = &mut self.tallies[entry as usize];
        *tally.visible.get_or_insert_with(|| (self.filter)(entry))
    }

    /// The best find of a word in each entry, added to its tally.
    fn word(&mut self, word: &str) -> Vec<Option<Find>> {
        let mut best = vec![None; self.tallies.len()];
        let index = self.index;
        for (number, fit) in index.vocabulary.written(word) {
            self.by_word(&mut best, number, fit);
        }
        self.typed(&mut best, word);
        // What is found as it is written is no misspelling; but what is only inside of something
        // else, or in somebody's prose, may be chance.
        let meant =
            |f: &Option<Find>| f.is_some_and(|f| f.fit <= Fit::Prefix && f.place <= Place::Column);
        if !best.iter().any(meant) {
            for (number, fit) in index.vocabulary.alike(word) {
                self.by_word(&mut best, number, fit);
            }
        }
        for (tally, find) in self.tallies.iter_mut().zip(&best) {
            let Some(find) = find else { continue };
            tally.found += 1;
            tally.in_name += u8::from(find.place == Place::Name && find.fit <= Fit::Prefix);
            tally.score += find.score;
        }
        best
    }

    /// The entries that have a word of the vocabulary.
    fn by_word(&mut self, best: &mut [Option<Find>], number: u32, fit: Fit) {
        let index = self.index;
        let lists = [
            (Place::Name, &index.in_names),
            (Place::Schema, &index.in_schemas),
            (Place::Description, &index.in_descriptions),
        ];
        for (place, list) in lists {
            let Some(score) = score::find(place, fit) else { continue };
            for entry in list.get(number) {
                self.offer(best, entry, Find { score, place, fit, phrase: 0 });
            }
        }
        for (place, phrases) in [(Place::Term, &index.terms), (Place::Column, &index.columns)] {
            for phrase in phrases.by_word.get(number) {
                self.phrase(best, phrases, place, fit, phrase);
            }
        }
    }

    /// What is written in several words, and asked for in one: `customerid`.
    fn typed(&mut self, best: &mut [Option<Find>], word: &str) {
        let index = self.index;
        for (place, phrases) in [(Place::Term, &index.terms), (Place::Column, &index.columns)] {
            for phrase in phrases.typed(word) {
                self.phrase(best, phrases, place, Fit::Exact, phrase);
            }
        }
        for entry in at(&index.compact, word) {
            if index.is_typed(entry, word) {
                let fit = Fit::Exact;
                let Some(score) = score::find(Place::Name, fit) else { continue };
                self.offer(best, entry, Find { score, place: Place::Name, fit, phrase: 0 });
            }
        }
    }

    fn phrase(
        &mut self,
        best: &mut [Option<Find>],
        phrases: &Phrases,
        place: Place,
        fit: Fit,
        phrase: u32,
    ) {
        let Some(score) = score::find(place, fit) else { return };
        let alone = fit == Fit::Exact && phrases.is_one_word(phrase);
        let score = score + if alone { score::ALONE } else { 0 };
        for entry in phrases.entries(phrase) {
            self.offer(best, entry, Find { score, place, fit, phrase });
        }
    }

    fn offer(&mut self, best: &mut [Option<Find>], entry: u32, find: Find) {
        let rank = |f: &Find| (std::cmp::Reverse(f.score), f.place, f.phrase);
        let better = best[entry as usize].as_ref().is_none_or(|b| rank(&find) < rank(b));
        if better && self.visible(entry) {
            best[entry as usize] = Some(find);
        }
    }

    /// The entries whose whole name is the question.
    fn whole(&mut self, query: &str, words: usize) {
        let index = self.index;
        let query = query.trim();
        // dbo.Orders is the name of Orders, and its schema is a word of the question.
        let name = match query.rsplit_once('.') {
            Some((_, name)) if !query.contains(char::is_whitespace) => name,
            _ => query,
        };
        let (parts, head) = words::of_name(name);
        let typed = words::compact(bare(name, head, &parts));
        if typed.is_empty() {
            return;
        }
        for entry in at(&index.compact, &typed) {
            if index.is_typed(entry, &typed) && self.visible(entry) {
                let tally = &mut self.tallies[entry as usize];
                let all = words as u8;
                tally.whole = true;
                tally.in_name = tally.in_name.max(index.entries[entry as usize].length);
                // A question for `orderlines` in two words may meet the name in none of them.
                if name == query {
                    tally.found = tally.found.max(all);
                }
            }
        }
    }

    /// All that were found, with what they are worth by themselves.
    fn hits(&mut self) -> Vec<u32> {
        let mut hits = Vec::new();
        for (number, (tally, kept)) in
            (0_u32..).zip(self.tallies.iter_mut().zip(&self.index.entries))
        {
            if tally.found > 0 || tally.whole {
                tally.score += score::coverage(tally.in_name, kept.length) + i32::from(kept.worth);
                hits.push(number);
            }
        }
        hits
    }
}

impl Index {
    /// Is this the name, without head, case and separators?
    fn is_typed(&self, entry: u32, compact: &str) -> bool {
        let name = self.name(entry);
        let (words, head) = words::of_name(name);
        words::compact(bare(name, head, &words)) == compact
    }
}
