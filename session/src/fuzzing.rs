//! The reader of answers without a connection, for `fuzz/answer.rs` alone.

use std::fmt::Write as _;

use crate::cursor::Stop;
use crate::decode::{Bounds, Decoder, pieces};
use crate::sink::{Csv, Json};

/// What an answer says that comes in pieces of `size` bytes, with its rows as JSON and CSV.
pub fn read(answer: &[u8], size: usize) -> String {
    let mut decoder = Decoder::new(2);
    decoder.begin(Bounds { max_cell: 100, max_row: 1000, text_size: Some(101) });
    let mut sink = (Json::new(), Csv::new());
    let mut out = String::new();
    let read = pieces::read(&mut decoder, answer.chunks(size.max(1)), &mut sink, |event| {
        // Writing into a String cannot fail.
        let _ = writeln!(out, "{event:?}");
    });
    if let Err(Stop::Bad(what)) = read {
        out.push_str(what);
    }
    for rows in [sink.0.out(), sink.1.out()] {
        // Both write nothing but what they get as texts.
        out.push_str(&String::from_utf8_lossy(rows));
    }
    out
}
