//! The index, and how it is built: one pass over the entries of a catalog.

use std::collections::HashMap;

use crate::lists::{Growing, Lists, Texts};
use crate::phrases::{GrowingPhrases, Phrases, Words, hash};
use crate::score;
use crate::vocabulary::Vocabulary;
use crate::words;

/// A table, view, procedure or whatever else has a name.
#[derive(Debug, Clone)]
pub struct Entry<'a, C> {
    /// Its schema's name.
    pub schema: &'a str,
    /// Its own.
    pub name: &'a str,
    /// What it is, such as `table`.
    pub kind: &'static str,
    /// Anything that iterates over [`Column`]s.
    pub columns: C,
    /// What somebody wrote about it.
    pub description: Option<&'a str>,
    /// How many rows it has, if known.
    pub rows: Option<u64>,
    /// How many foreign keys begin or end at it.
    pub keys: u32,
    /// What else people call it.
    pub synonyms: &'a [&'a str],
}

/// A column of an entry.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// Its name.
    pub name: &'a str,
    /// What somebody wrote about it.
    pub description: Option<&'a str>,
}

impl<'a> From<&'a str> for Column<'a> {
    fn from(name: &'a str) -> Self {
        Self { name, description: None }
    }
}

/// The names of a schema, to search in. Of descriptions only the words are kept.
pub struct Index {
    pub(crate) vocabulary: Vocabulary,
    /// By the number of a word: the entries that have it in their name.
    pub(crate) in_names: Lists,
    /// … in their schema's name.
    pub(crate) in_schemas: Lists,
    /// … in a description of theirs or of a column of theirs.
    pub(crate) in_descriptions: Lists,
    pub(crate) columns: Phrases,
    pub(crate) terms: Phrases,
    pub(crate) entries: Vec<Kept>,
    /// Names as typed without case and separators: the hash, and the entry.
    pub(crate) compact: Vec<(u32, u32)>,
    names: Texts,
    schemas: Vec<Box<str>>,
    kinds: Vec<&'static str>,
}

/// What is kept of an entry beside its name.
pub(crate) struct Kept {
    schema: u32,
    kind: u8,
    /// Of how many words its name is, without a head.
    pub(crate) length: u8,
    /// What it is worth whatever is asked.
    pub(crate) worth: i16,
}

/// Words while entries come, in the order in which they are first met.
#[derive(Default)]
struct Met {
    numbers: HashMap<Box<str>, u32>,
}

impl Met {
    fn number(&mut self, word: &str) -> u32 {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        let number = self.numbers.len() as u32;
        self.numbers.insert(word.into(), number);
        number
    }
}

/// The entries of each word, by the number of the word.
type ByWord = HashMap<u32, Growing>;

impl Index {
    /// Entries are numbered as they come, from 0.
    pub fn build<'a, C>(entries: impl IntoIterator<Item = Entry<'a, C>>) -> Self
    where
        C: IntoIterator,
        C::Item: Into<Column<'a>>,
    {
        let mut met = Met::default();
        let (mut in_names, mut in_schemas, mut in_descriptions) =
            (ByWord::new(), ByWord::new(), ByWord::new());
        let (mut columns, mut terms) = (GrowingPhrases::default(), GrowingPhrases::default());
        let mut kept = Vec::new();
        let mut compact = Vec::new();
        let mut names = Texts::default();
        let (mut schemas, mut kinds) = (Numbered::default(), Numbered::default());
        for (number, entry) in (0_u32..).zip(entries) {
            let (words, head) = words::of_name(entry.name);
            for w in &words {
                in_names.entry(met.number(w)).or_default().push(number);
            }
            for w in words::of_name(entry.schema).0 {
                in_schemas.entry(met.number(&w)).or_default().push(number);
            }
            let mut describe = |text: Option<&str>| {
                for w in words::of_text(text.unwrap_or_default()).filter(|w| !words::is_filler(w)) {
                    in_descriptions.entry(met.number(&w)).or_default().push(number);
                }
            };
            describe(entry.description);
            for column in entry.columns {
                let column: Column<'a> = column.into();
                columns.push(column.name, number);
                describe(column.description);
            }
            for term in entry.synonyms {
                terms.push(term, number);
            }
            compact.push((hash(&words::compact(bare(entry.name, head, &words))), number));
            names.push(entry.name);
            kept.push(Kept {
                schema: schemas.number(entry.schema),
                // 255 kinds are more than there are.
                kind: kinds.number(entry.kind).min(255) as u8,
                length: u8::try_from(words.len() - head).unwrap_or(u8::MAX),
                worth: score::worth(entry.rows, entry.keys, words::is_left_over(&words)),
            });
        }
        compact.sort_unstable();
        names.finish();
        kept.shrink_to_fit();
        let (mut columns, by_column) = columns.finish(|w| met.number(w));
        let (mut terms, by_term) = terms.finish(|w| met.number(w));

        let mut sorted: Vec<(Box<str>, u32)> = met.numbers.into_iter().collect();
        sorted.sort_unstable();
        let old: Vec<u32> = sorted.iter().map(|(_, old)| *old).collect();
        columns.by_word = listed(by_column, &old);
        terms.by_word = listed(by_term, &old);
        let in_names = listed(in_names, &old);
        // What only a description says is not worth a guess.
        let by_parts =
            |w| !in_names.is_empty(w) || !columns.by_word.is_empty(w) || !terms.by_word.is_empty(w);
        Self {
            vocabulary: Vocabulary::new(sorted.iter().map(|(w, _)| &**w), by_parts),
            in_schemas: listed(in_schemas, &old),
            in_descriptions: listed(in_descriptions, &old),
            in_names,
            columns,
            terms,
            entries: kept,
            compact,
            names,
            schemas: schemas.texts.into_iter().map(Box::from).collect(),
            kinds: kinds.texts,
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// An entry's name; empty where there is no such entry.
    pub fn name(&self, entry: u32) -> &str {
        self.names.get(entry)
    }

    /// The name of its schema.
    pub fn schema(&self, entry: u32) -> &str {
        let kept = self.entries.get(entry as usize);
        kept.and_then(|k| self.schemas.get(k.schema as usize)).map_or("", |s| s)
    }

    /// What it is.
    pub fn kind(&self, entry: u32) -> &'static str {
        let kept = self.entries.get(entry as usize);
        kept.and_then(|k| self.kinds.get(usize::from(k.kind))).copied().unwrap_or_default()
    }

    /// How many bytes the index holds.
    pub fn size(&self) -> usize {
        let lists = [&self.in_names, &self.in_schemas, &self.in_descriptions];
        size_of::<Self>()
            + lists.iter().map(|l| l.size()).sum::<usize>()
            + self.vocabulary.size()
            + self.columns.size()
            + self.terms.size()
            + self.names.size()
            + size_of::<Kept>() * self.entries.capacity()
            + 8 * self.compact.capacity()
            + self.schemas.iter().map(|s| s.len() + 16).sum::<usize>()
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("entries", &self.len()).finish_non_exhaustive()
    }
}

/// Lists in the order of the sorted words, each of which says what its number was.
fn listed(mut by_word: Words, old: &[u32]) -> Lists {
    Lists::of(old.iter().map(|o| by_word.remove(o).unwrap_or_default()))
}

/// A name without its head.
pub(crate) fn bare<'n>(name: &'n str, head: usize, words: &[String]) -> &'n str {
    let letters = words.first().filter(|_| head == 1).map_or(0, String::len);
    let at = name.char_indices().filter(|(_, c)| c.is_alphanumeric()).nth(letters);
    at.map_or(name, |(i, _)| &name[i..])
}

/// Few different texts of many.
#[derive(Default)]
struct Numbered<'a> {
    numbers: HashMap<&'a str, u32>,
    texts: Vec<&'a str>,
}

impl<'a> Numbered<'a> {
    fn number(&mut self, text: &'a str) -> u32 {
        *self.numbers.entry(text).or_insert_with(|| {
            self.texts.push(text);
            self.texts.len() as u32 - 1
        })
    }
}
