//! Rows as CSV (RFC 4180, but with `\n`): NULL is nothing, the empty string is `""`.

use super::digits;
use super::plain::plain;
use super::{End, Kind, Sink, Value};
use crate::types::{Type, TypeInfo};

/// Writes rows behind each other, a line each.
#[derive(Debug, Default)]
pub struct Csv {
    out: Vec<u8>,
    row_at: usize,
    field_at: usize,
    in_variant: bool,
}

// === impl Csv ===

impl Csv {
    /// Without a line of names; [`Csv::field`] writes one.
    pub fn new() -> Self {
        Self::default()
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

    /// The text of the row that was written last, with its end of line.
    pub fn last_row(&self) -> &[u8] {
        &self.out[self.row_at.min(self.out.len())..]
    }

    /// Takes the last row back, whole or not.
    pub fn take_back(&mut self) {
        self.out.truncate(self.row_at);
        self.in_variant = false;
    }

    /// A text as a field. One with a `#` is in quotes: readers may take it for a comment.
    pub fn field(text: &str, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(text.as_bytes());
        quote(start, out);
    }

    #[inline]
    fn comma(&mut self, column: usize) {
        let behind_base_type = std::mem::take(&mut self.in_variant);
        if column > 0 && !behind_base_type {
            self.out.push(b',');
        }
    }
}

/// Puts quotes around what stands from `start` on, where it needs them.
fn quote(start: usize, out: &mut Vec<u8>) {
    let field = &out[start..];
    let own = |b| (b == b',') | (b == b'"') | (b == b'\n') | (b == b'\r') | (b == b'#');
    if !field.is_empty() && plain(field, own) {
        return;
    }
    if plain(field, |b| b == b'"') {
        out.insert(start, b'"');
        out.push(b'"');
        return;
    }
    let quotes = field.iter().filter(|b| **b == b'"').count();
    let field = out.split_off(start);
    out.reserve(field.len() + quotes + 2);
    out.push(b'"');
    for b in field {
        if b == b'"' {
            out.push(b'"');
        }
        out.push(b);
    }
    out.push(b'"');
}

impl Sink for Csv {
    fn row(&mut self) {
        self.row_at = self.out.len();
        self.in_variant = false;
    }

    #[inline]
    fn value(&mut self, column: usize, ty: &TypeInfo, value: Value<'_>) {
        self.comma(column);
        let start = self.out.len();
        digits::write(value, &mut self.out);
        if ty.ty == Type::Vector && value != Value::Null {
            quote(start, &mut self.out);
        }
    }

    fn variant(&mut self, column: usize, _: &TypeInfo) {
        self.comma(column);
        self.in_variant = true;
    }

    #[inline]
    fn begin(&mut self, column: usize, kind: Kind) {
        self.comma(column);
        self.field_at = self.out.len();
        if kind == Kind::Binary {
            self.out.extend_from_slice(b"0x");
        }
    }

    #[inline]
    fn text(&mut self, piece: &str) {
        self.out.extend_from_slice(piece.as_bytes());
    }

    fn binary(&mut self, piece: &[u8]) {
        self.out.reserve(piece.len() * 2);
        piece.iter().for_each(|b| digits::hex(*b, &mut self.out));
    }

    fn end(&mut self, _: usize, end: End) {
        if end.cut() {
            end.mark(&mut self.out);
        }
        if end.kind == Kind::Text {
            quote(self.field_at, &mut self.out);
        }
    }

    fn row_end(&mut self) {
        self.out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_follow_rfc_4180() {
        let field = |t: &str| {
            let mut out = Vec::new();
            Csv::field(t, &mut out);
            String::from_utf8(out).expect("UTF-8")
        };
        for (text, expected) in [
            ("", "\"\""),
            ("a b", "a b"),
            ("a,b", "\"a,b\""),
            ("a,\"b\"\n", "\"a,\"\"b\"\"\n\""),
            ("#1", "\"#1\""),
        ] {
            assert_eq!(field(text), expected);
        }
    }
}
