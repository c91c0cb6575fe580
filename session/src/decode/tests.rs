//! Answers as bytes, against what is to come of them: each of them whole, cut at every byte, one
//! byte at a time, in random pieces, and with random bytes changed.

mod answers;
mod types;

use super::{Bounds, Decoder};
use crate::cursor::Stop;
use crate::event::Event;
use crate::sink::{Csv, Json};

/// A COLMETADATA of columns named by their place.
pub(super) fn columns(types: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![0x81, types.len() as u8, 0];
    for (n, ty) in types.iter().enumerate() {
        out.extend([0, 0, 0, 0, 1, 0]);
        out.extend(*ty);
        // Of text, ntext and image: a table of one part.
        if matches!(ty[0], 0x22 | 0x23 | 0x63) {
            out.extend([1, 1, 0, b't', 0]);
        }
        out.extend([1, b'a' + n as u8, 0]);
    }
    out
}

pub(super) const DONE: [u8; 13] = [0xFD, 0x10, 0, 0xC1, 0, 1, 0, 0, 0, 0, 0, 0, 0];

/// PLP of a known length in chunks of `size`.
pub(super) fn plp(bytes: &[u8], size: usize) -> Vec<u8> {
    let mut out = (bytes.len() as u64).to_le_bytes().to_vec();
    for chunk in bytes.chunks(size) {
        out.extend((chunk.len() as u32).to_le_bytes());
        out.extend(chunk);
    }
    out.extend([0; 4]);
    out
}

/// What came of an answer.
#[derive(Debug, PartialEq)]
pub(super) struct Read {
    pub(super) events: Vec<Event>,
    pub(super) json: String,
    pub(super) csv: String,
    pub(super) end: Result<(), Stop>,
    /// Cut and replaced, by column.
    pub(super) notes: Vec<(u64, u64)>,
}

/// Reads an answer that comes in these pieces.
pub(super) fn read<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    bounds: Bounds,
    classification: u8,
) -> Read {
    let mut decoder = Decoder::new(classification);
    decoder.begin(bounds);
    let mut sink = (Json::new(), Csv::new());
    let mut events = Vec::new();
    let end = super::pieces::read(&mut decoder, pieces, &mut sink, |event| events.push(event));
    let (mut json, mut csv) = sink;
    let notes = (0..8).map(|n| json.note(n)).map(|n| (n.cut, n.replaced)).collect();
    let json = String::from_utf8(json.take(Vec::new())).expect("UTF-8");
    let csv = String::from_utf8(csv.take(Vec::new())).expect("UTF-8");
    Read { events, json, csv, end, notes }
}

/// A generator whose numbers are the same in each run.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

/// The same answer, however it is cut.
pub(super) fn check(answer: &[u8], bounds: Bounds, classification: u8) -> Read {
    let whole = read([answer], bounds, classification);
    for at in 0..=answer.len() {
        let (a, b) = answer.split_at(at);
        assert_eq!(read([a, b], bounds, classification), whole, "cut at {at}");
    }
    assert_eq!(read(answer.chunks(1), bounds, classification), whole, "a byte at a time");
    let mut dice = Dice::new(answer.len() as u64);
    for round in 0..50 {
        let (mut pieces, mut rest) = (Vec::new(), answer);
        while !rest.is_empty() {
            let (piece, tail) = rest.split_at(1 + dice.below(rest.len().min(40)));
            pieces.push(piece);
            rest = tail;
        }
        assert_eq!(read(pieces, bounds, classification), whole, "round {round}");
    }
    whole
}

/// Neither a panic nor an endless loop, whatever bytes are changed, left out or put in.
pub(super) fn mutate(answer: &[u8], rounds: usize) {
    let mut dice = Dice::new(rounds as u64 + answer.len() as u64);
    for _ in 0..rounds {
        let mut mutant = answer.to_vec();
        for _ in 0..=dice.below(4) {
            let at = dice.below(mutant.len());
            match dice.below(5) {
                0 => mutant[at] = dice.below(256) as u8,
                1 => mutant[at] ^= 1 << dice.below(8),
                2 => mutant[at] = [0, 0xFF, 0xFE, 0x7F, 0x80][dice.below(5)],
                3 => drop(mutant.drain(at..(at + 1 + dice.below(4)).min(mutant.len()))),
                _ => mutant.insert(at, dice.below(256) as u8),
            }
            if mutant.is_empty() {
                break;
            }
        }
        let bounds = Bounds { max_cell: 20, max_row: 50, text_size: Some(30) };
        let whole = read([mutant.as_slice()], bounds, 2);
        let cut = mutant.len() / 2;
        assert_eq!(read([&mutant[..cut], &mutant[cut..]], bounds, 2), whole, "{mutant:02X?}");
    }
}
