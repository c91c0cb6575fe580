//! An answer without a connection: of whatever pieces it comes in.

use super::Decoder;
use crate::cursor::{Cursor, Stop};
use crate::event::Event;
use crate::sink::Sink;

/// Reads all that the pieces hold. `More` where they end in the middle of something.
pub(crate) fn read<'a, S: Sink>(
    decoder: &mut Decoder,
    pieces: impl IntoIterator<Item = &'a [u8]>,
    sink: &mut S,
    mut each: impl FnMut(Event),
) -> Result<(), Stop> {
    let mut pieces = pieces.into_iter();
    let mut buffer = Vec::new();
    loop {
        let mut c = Cursor::new(&buffer);
        let step = decoder.step(&mut c, sink);
        let taken = c.position();
        buffer.drain(..taken);
        match step {
            Ok(event) => each(event),
            Err(Stop::More) => match pieces.next() {
                Some(piece) => buffer.extend_from_slice(piece),
                None if buffer.is_empty() && decoder.between_tokens() => return Ok(()),
                None => return Err(Stop::More),
            },
            Err(bad) => return Err(bad),
        }
    }
}
