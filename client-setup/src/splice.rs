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

/// The line end of a text: that of its first line.
pub(crate) fn line_end(text: &str) -> &'static str {
    match text.find('\n') {
        Some(n) if text[..n].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// Line and column, from 1, the column in characters.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}
