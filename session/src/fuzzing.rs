//! The reader of answers without a connection, for `fuzz/answer.rs` alone.

use std::fmt::Write as _;

use crate::cursor::{Cursor, Stop};
use crate::decode::{Bounds, Decoder};
use crate::sink::{Csv, Json};

/// What an answer says that comes in pieces of `size` bytes, with its rows as JSON and CSV.
pub fn read(answer: &[u8], size: usize) -> String {
    let mut decoder = Decoder::new(2);
    decoder.begin(Bounds { max_cell: 100, max_row: 1000, text_size: Some(101) });
    let mut sink = (Json::new(), Csv::new());
    let (mut buffer, mut out) = (Vec::new(), String::new());
    let mut pieces = answer.chunks(size.max(1));
    loop {
        let mut c = Cursor::new(&buffer);
        let step = decoder.step(&mut c, &mut sink);
        let taken = c.position();
        buffer.drain(..taken);
        // Writing into a String cannot fail.
        let _ = match step {
            Ok(event) => writeln!(out, "{event:?}"),
            Err(Stop::More) => match pieces.next() {
                Some(piece) => {
                    buffer.extend_from_slice(piece);
                    Ok(())
                }
                None => break,
            },
            Err(Stop::Bad(what)) => {
                let _ = writeln!(out, "{what}");
                break;
            }
        };
    }
    for rows in [sink.0.out(), sink.1.out()] {
        // Both write nothing but what they get as texts.
        out.push_str(&String::from_utf8_lossy(rows));
    }
    out
}
