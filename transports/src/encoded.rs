//! A message on its way out, in pieces.

use std::collections::VecDeque;

use bytes::Bytes;
use serde_json::Value;

use crate::tap::{self, Direction};

/// Messages up to this many bytes, before escaping, are sent from one buffer.
const SMALL: usize = 64 << 10;

/// A message in pieces, some of which are escaped only while they are sent.
#[derive(Debug, Clone, Default)]
pub struct Encoded {
    parts: VecDeque<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Raw(Bytes),
    /// To be escaped for a JSON string.
    Escape(Bytes),
}

// === impl Encoded ===

impl Encoded {
    /// With room for so many pieces.
    pub(crate) fn with_room(pieces: usize) -> Self {
        Self { parts: VecDeque::with_capacity(pieces) }
    }

    /// A message that is made as a whole.
    pub(crate) fn value(message: &Value) -> Self {
        let mut encoded = Self::default();
        encoded.raw(message.to_string());
        encoded.shown()
    }

    /// What whoever searches for a fault sees of it.
    pub(crate) fn shown(self) -> Self {
        tap::show(Direction::Out, || self.clone().into_bytes());
        self
    }

    /// A piece as it is.
    pub(crate) fn raw(&mut self, bytes: impl Into<Bytes>) {
        self.parts.push_back(Part::Raw(bytes.into()));
    }

    /// Pieces of JSON, as they are.
    pub(crate) fn raw_pieces(&mut self, json: impl IntoIterator<Item = Bytes>) {
        self.parts.extend(json.into_iter().map(Part::Raw));
    }

    /// Pieces of JSON that stand in a string.
    pub(crate) fn quoted_pieces(&mut self, json: impl IntoIterator<Item = Bytes>) {
        self.parts.extend(json.into_iter().map(Part::Escape));
    }

    /// Takes the next piece out; none once all are.
    pub(crate) fn next_piece(&mut self) -> Option<Bytes> {
        Some(match self.parts.pop_front()? {
            Part::Raw(bytes) => bytes,
            Part::Escape(json) => {
                let mut out = Vec::with_capacity(json.len() + json.len() / 8);
                escape(&json, &mut out);
                out.into()
            }
        })
    }

    /// Whether one buffer is good enough for it.
    pub(crate) fn is_small(&self) -> bool {
        self.rough_len() <= SMALL
    }

    /// The bytes before escaping.
    fn rough_len(&self) -> usize {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Raw(bytes) | Part::Escape(bytes) => bytes.len(),
            })
            .sum()
    }

    /// All that is left of it, in one buffer.
    pub fn into_bytes(mut self) -> Bytes {
        if self.parts.len() == 1 {
            return self.next_piece().unwrap_or_default();
        }
        self.into_bytes_between(b"", b"")
    }

    /// The same, with something before and behind it.
    pub(crate) fn into_bytes_between(self, before: &[u8], behind: &[u8]) -> Bytes {
        let around = before.len() + behind.len();
        let mut out = Vec::with_capacity(around + self.rough_len() * 9 / 8 + 64);
        out.extend_from_slice(before);
        for part in self.parts {
            match part {
                Part::Raw(bytes) => out.extend_from_slice(&bytes),
                Part::Escape(json) => escape(&json, &mut out),
            }
        }
        out.extend_from_slice(behind);
        out.into()
    }
}

/// Escapes valid JSON text (so: no control characters but those that JSON allows between tokens)
/// for a JSON string.
fn escape(json: &[u8], out: &mut Vec<u8>) {
    let mut from = 0;
    for (at, byte) in json.iter().enumerate() {
        let escaped: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            _ => continue,
        };
        out.extend_from_slice(&json[from..at]);
        out.extend_from_slice(escaped);
        from = at + 1;
    }
    out.extend_from_slice(&json[from..]);
}
