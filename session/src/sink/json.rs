//! Rows as JSON: `[…],[…]`. A number that a double cannot carry is a string, and so is a date, in
//! ISO 8601 at the precision of its type.

use super::digits::{self, Form};
use super::plain::plain;
use super::{End, Kind, Sink, Value};
use crate::types::TypeInfo;

/// Room for the first rows, so that a short answer is not moved from buffer to buffer.
const FIRST: usize = 1024;

/// What is to be said of a column beside its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Note {
    /// A number had to be a string.
    pub exact: bool,
    /// Values that were cut.
    pub cut: u64,
    /// Places that could not be decoded.
    pub replaced: u64,
}

/// Writes rows behind each other, with commas between.
#[derive(Debug, Default)]
pub struct Json {
    out: Vec<u8>,
    rows: u64,
    notes: Vec<Note>,
    /// Of the row that is being written, by column; in `notes` once it is accepted.
    row: Vec<Note>,
    row_at: usize,
    in_variant: bool,
}

// === impl Json ===

impl Json {
    /// For one result set; a further one needs another, or [`Json::next_result`].
    pub fn new() -> Self {
        Self::default()
    }

    /// The rows of a result set that begins now have no comma before them, and notes of their own.
    pub fn next_result(&mut self) {
        self.accept();
        self.rows = 0;
        self.notes.clear();
    }

    /// What was written and not yet taken.
    pub fn out(&self) -> &[u8] {
        &self.out
    }

    /// Takes what was written, and goes on writing into `next`. Between two rows alone: the last
    /// one cannot be taken back any more.
    pub fn take(&mut self, next: Vec<u8>) -> Vec<u8> {
        self.row_at = next.len();
        std::mem::replace(&mut self.out, next)
    }

    /// Rows of this result set, with one that is being written.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The text of the row that was written last, without a comma.
    pub fn last_row(&self) -> &[u8] {
        let row = &self.out[self.row_at.min(self.out.len())..];
        row.strip_prefix(b",").unwrap_or(row)
    }

    /// Takes the last row back, whole or not, and what is to be said of it.
    pub fn take_back(&mut self) {
        self.out.truncate(self.row_at);
        self.row.clear();
        self.in_variant = false;
        self.rows = self.rows.saturating_sub(1);
    }

    /// What is to be said of a column, all rows up to the last one included.
    pub fn note(&self, column: usize) -> Note {
        let of = |notes: &[Note]| notes.get(column).copied().unwrap_or_default();
        of(&self.notes).and(of(&self.row))
    }

    fn accept(&mut self) {
        if self.notes.len() < self.row.len() {
            self.notes.resize(self.row.len(), Note::default());
        }
        for (all, one) in self.notes.iter_mut().zip(&self.row) {
            *all = all.and(*one);
        }
        self.row.clear();
    }

    fn note_mut(&mut self, column: usize) -> &mut Note {
        if self.row.len() <= column {
            self.row.resize(column + 1, Note::default());
        }
        &mut self.row[column]
    }

    #[inline]
    fn comma(&mut self, column: usize) {
        if column > 0 && !self.in_variant {
            self.out.push(b',');
        }
    }

    #[inline]
    fn close(&mut self) {
        if std::mem::take(&mut self.in_variant) {
            self.out.push(b'}');
        }
    }
}

impl Note {
    fn and(self, other: Self) -> Self {
        Self {
            exact: self.exact | other.exact,
            cut: self.cut + other.cut,
            replaced: self.replaced + other.replaced,
        }
    }
}

impl Sink for Json {
    fn row(&mut self) {
        self.accept();
        self.row_at = self.out.len();
        if self.rows == 0 {
            self.out.reserve(FIRST);
        }
        self.out.extend_from_slice(if self.rows == 0 { b"[" } else { b",[" });
        self.rows += 1;
    }

    #[inline]
    fn value(&mut self, column: usize, _: &TypeInfo, value: Value<'_>) {
        self.comma(column);
        let quoted = digits::is_text(value);
        if quoted {
            self.out.push(b'"');
        }
        let start = self.out.len();
        match digits::write(value, &mut self.out) {
            Form::Null => self.out.extend_from_slice(b"null"),
            Form::Exact => {
                self.note_mut(column).exact = true;
                self.out.insert(start, b'"');
                self.out.push(b'"');
            }
            Form::Bare if quoted => self.out.push(b'"'),
            Form::Bare => {}
        }
        self.close();
    }

    fn variant(&mut self, column: usize, base: &TypeInfo) {
        self.comma(column);
        self.out.extend_from_slice(b"{\"base_type\":\"");
        self.out.extend_from_slice(base.ty.name().as_bytes());
        self.out.extend_from_slice(b"\",\"value\":");
        self.in_variant = true;
    }

    #[inline]
    fn begin(&mut self, column: usize, kind: Kind) {
        self.comma(column);
        self.out.extend_from_slice(if kind == Kind::Text { b"\"" } else { b"\"0x" });
    }

    #[inline]
    fn text(&mut self, piece: &str) {
        escape(piece, &mut self.out);
    }

    fn binary(&mut self, piece: &[u8]) {
        self.out.reserve(piece.len() * 2);
        piece.iter().for_each(|b| digits::hex(*b, &mut self.out));
    }

    #[inline]
    fn end(&mut self, column: usize, end: End) {
        if end.cut() || end.replaced > 0 {
            let note = self.note_mut(column);
            note.cut += u64::from(end.cut());
            note.replaced += end.replaced;
            if end.cut() {
                end.mark(&mut self.out);
            }
        }
        self.out.push(b'"');
        self.close();
    }

    fn row_end(&mut self) {
        self.out.push(b']');
    }
}

/// For each byte 0 where it stands for itself, `u` where it is a number, or what follows its `\`.
const ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 0x20 {
        table[n] = b'u';
        n += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0A] = b'n';
    table[0x0C] = b'f';
    table[0x0D] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

/// A text within quotes (RFC 8259 §7): only what must be is escaped.
fn escape(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let bytes = text.as_bytes();
    if plain(bytes, |b| (b < 0x20) | (b == b'"') | (b == b'\\')) {
        return out.extend_from_slice(bytes);
    }
    let mut start = 0;
    for (n, b) in bytes.iter().enumerate() {
        let e = ESCAPES[usize::from(*b)];
        if e == 0 {
            continue;
        }
        out.extend_from_slice(&bytes[start..n]);
        start = n + 1;
        out.extend_from_slice(&[b'\\', e]);
        if e == b'u' {
            let (high, low) = (HEX[usize::from(b >> 4)], HEX[usize::from(b & 15)]);
            out.extend_from_slice(&[b'0', b'0', high, low]);
        }
    }
    out.extend_from_slice(&bytes[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_those_of_serde_json() {
        let all: String = (0..0x300u32).filter_map(char::from_u32).collect();
        let mut out = vec![b'"'];
        escape(&all, &mut out);
        out.push(b'"');
        assert_eq!(out, serde_json::to_vec(&all).expect("a string"));
    }

    #[test]
    fn a_row_that_is_taken_back_leaves_nothing() {
        let int = TypeInfo::of(crate::types::Type::BigInt, crate::types::Length::Byte, 8);
        let mut json = Json::new();
        for n in [1, i64::MAX, 2] {
            json.row();
            json.value(0, &int, Value::Int(n));
            json.row_end();
            if n == i64::MAX {
                assert!(json.note(0).exact);
                assert_eq!(json.last_row(), b"[\"9223372036854775807\"]");
                json.take_back();
            }
        }
        assert_eq!((json.note(0), json.rows()), (Note::default(), 2));
        assert_eq!(json.out(), b"[1],[2]");
    }
}
