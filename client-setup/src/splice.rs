//! A change of a text as what is cut out and put in, so that nothing else can change.

use std::ops::Range;

/// Cuts and insertions of one text, in terms of its former offsets in bytes.
#[derive(Debug, Default)]
pub(crate) struct Splices(Vec<(Range<usize>, String)>);

impl Splices {
    pub(crate) fn replace(&mut self, at: Range<usize>, with: impl Into<String>) {
        self.0.push((at, with.into()));
    }

    pub(crate) fn insert(&mut self, at: usize, text: impl Into<String>) {
        self.replace(at..at, text);
    }

    pub(crate) fn cut(&mut self, at: Range<usize>) {
        self.replace(at, "");
    }

    /// The new text. Two insertions at one place stay in the order in which they were given.
    pub(crate) fn applied(mut self, text: &str) -> String {
        self.0.sort_by_key(|(at, _)| at.start);
        let (mut out, mut from) = (String::with_capacity(text.len() + 256), 0);
        for (at, with) in self.0 {
            out += &text[from..at.start];
            out += &with;
            from = at.end;
        }
        out + &text[from..]
    }
}
