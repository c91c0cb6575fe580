//! The cells of a row, from wire bytes into the sink. Short values are taken when they are there as
//! a whole; long ones go through in the pieces that they come in.

use super::chars::{Chars, Room};
use super::{Bounds, attempt, scalar};
use crate::column::Column;
use crate::cursor::{Cursor, Stop};
use crate::sink::{End, Kind, Sink, Value};
use crate::types::{Encoding, Length, SIZE_MAX, Type, TypeInfo, variant_base};

/// PLP: no value (MS-TDS 2.2.5.2.3).
const PLP_NULL: u64 = u64::MAX;
/// PLP: the length is not known yet.
const PLP_UNKNOWN: u64 = u64::MAX - 1;
/// The fewest characters that a text keeps, however full its row is.
const SHORTEST: u64 = 64;
/// Bytes of a text pointer's timestamp (MS-TDS 2.2.7.17).
const TIMESTAMP: usize = 8;

const BAD: Stop = Stop::Bad("a value longer than its type allows");

/// What is known of the row and of the cell that is being read.
#[derive(Debug, Default)]
pub(super) struct Cells {
    bounds: Bounds,
    /// NBCROW's bitmap; empty for ROW.
    nulls: Vec<u8>,
    /// Characters that this row's texts take in JSON, as far as they are kept.
    taken: u64,
    long: Option<Long>,
    room: Room,
}

/// A long value, of which a part may have been handed over.
#[derive(Debug)]
struct Long {
    pieces: Pieces,
    /// Bytes left of the chunk; of text, ntext and image of all.
    left: u64,
    in_chunks: bool,
    /// Bytes that came, and that were announced.
    bytes: u64,
    announced: Option<u64>,
}

/// How much of a value was handed over.
#[derive(Debug)]
struct Pieces {
    /// None where bytes go through as they are.
    chars: Option<Chars>,
    limit: u64,
    /// Characters that it may take in JSON, and that it has taken.
    room: u64,
    taken: u64,
    end: End,
}

// === impl Cells ===

impl Cells {
    pub(super) fn begin(&mut self, bounds: Bounds) {
        self.bounds = bounds;
        self.long = None;
    }

    pub(super) fn keep_nothing(&mut self) {
        self.bounds.max_cell = 0;
    }

    pub(super) fn begin_row(&mut self, nulls: Option<&[u8]>) {
        self.nulls.clear();
        self.nulls.extend_from_slice(nulls.unwrap_or_default());
        self.taken = 0;
        self.long = None;
    }

    /// Reads the columns from `next` on.
    #[inline]
    pub(super) fn row<S: Sink>(
        &mut self,
        c: &mut Cursor<'_>,
        columns: &[Column],
        next: &mut usize,
        sink: &mut S,
    ) -> Result<(), Stop> {
        while let Some(column) = columns.get(*next) {
            if self.nulls.get(*next / 8).is_some_and(|b| b >> (*next % 8) & 1 == 1) {
                sink.value(*next, &column.ty, Value::Null);
            } else {
                self.cell(c, *next, &column.ty, sink)?;
            }
            *next += 1;
        }
        Ok(())
    }

    /// Reads one value, or goes on with it.
    #[inline]
    pub(super) fn cell<S: Sink>(
        &mut self,
        c: &mut Cursor<'_>,
        column: usize,
        ty: &TypeInfo,
        sink: &mut S,
    ) -> Result<(), Stop> {
        let bytes = match ty.length {
            Length::Fixed => Some(attempt(c, |c| c.take(ty.size as usize))?),
            Length::Byte => attempt(c, |c| c.b_varbyte()).map(|b| (!b.is_empty()).then_some(b))?,
            Length::ByteOld => attempt(c, |c| match c.u8()? {
                0xFF => Ok(None),
                n => c.take(n.into()).map(Some),
            })?,
            Length::Short => attempt(c, |c| match c.u16()? {
                0xFFFF => Ok(None),
                n if u32::from(n) <= ty.size => c.take(n.into()).map(Some),
                _ => Err(BAD),
            })?,
            Length::Long => attempt(c, |c| match c.u32()? {
                0 => Ok(None),
                n if n <= ty.size => c.take(n as usize).map(Some),
                _ => Err(BAD),
            })?,
            Length::Pointer | Length::Plp => return self.long(c, column, ty, sink),
        };
        match bytes {
            None => sink.value(column, ty, Value::Null),
            Some(bytes) if ty.ty == Type::Variant => self.variant(bytes, column, sink)?,
            Some(bytes) => self.short(bytes, column, ty, sink)?,
        }
        Ok(())
    }

    /// A value that is there as a whole.
    #[inline]
    fn short<S: Sink>(
        &mut self,
        bytes: &[u8],
        column: usize,
        ty: &TypeInfo,
        sink: &mut S,
    ) -> Result<(), Stop> {
        let encoding = ty.encoding();
        if encoding.is_none() && !is_binary(ty.ty) {
            sink.value(column, ty, scalar::value(ty, bytes)?);
            return Ok(());
        }
        // ASCII is itself in every code page, and needs no decoder.
        if encoding.is_some_and(|e| e != Encoding::Utf16)
            && bytes.len() as u64 <= self.bounds.max_cell
            && bytes.is_ascii()
            && let Ok(text) = std::str::from_utf8(bytes)
            && let length = in_json(text)
            && length <= self.room_in_row()
        {
            sink.begin(column, Kind::Text);
            sink.text(text);
            let n = bytes.len() as u64;
            self.taken += length;
            let end = End { kind: Kind::Text, kept: n, total: n, at_least: false, replaced: 0 };
            sink.end(column, end);
            return Ok(());
        }
        let mut pieces = self.pieces(ty);
        sink.begin(column, pieces.end.kind);
        pieces.feed(bytes, true, &mut self.room, sink);
        self.taken += pieces.taken;
        sink.end(column, pieces.end);
        Ok(())
    }

    /// Base type, the length of its properties, these, and the value (MS-TDS 2.2.5.5.3).
    fn variant<S: Sink>(&mut self, bytes: &[u8], column: usize, sink: &mut S) -> Result<(), Stop> {
        let [token, n, rest @ ..] = bytes else { return Err(BAD) };
        let (properties, value) = rest.split_at_checked((*n).into()).ok_or(BAD)?;
        let base = variant_base(*token, properties)?;
        if value.len() > base.size as usize {
            return Err(BAD);
        }
        sink.variant(column, &base);
        self.short(value, column, &base, sink)
    }

    /// A value that may be longer than what is there.
    fn long<S: Sink>(
        &mut self,
        c: &mut Cursor<'_>,
        column: usize,
        ty: &TypeInfo,
        sink: &mut S,
    ) -> Result<(), Stop> {
        if self.long.is_none() {
            let Some(begun) = attempt(c, |c| begin(c, ty))? else {
                sink.value(column, ty, Value::Null);
                return Ok(());
            };
            let (left, announced) = begun;
            let pieces = self.pieces(ty);
            sink.begin(column, pieces.end.kind);
            let in_chunks = ty.length == Length::Plp;
            self.long = Some(Long { pieces, left, in_chunks, bytes: 0, announced });
        }
        let Some(long) = &mut self.long else { return Ok(()) };
        long.read(c, &mut self.room, sink)?;
        if long.announced.is_some_and(|n| n != long.bytes) {
            return Err(Stop::Bad("a value whose chunks are not what was announced"));
        }
        long.pieces.feed(&[], true, &mut self.room, sink);
        let mut end = long.pieces.end;
        // A cut leaves no half of a character, so that in UTF-8 up to three bytes may be missing; a
        // server that does not cut at all sends more.
        let may_be_cut = |n: u64| (n.saturating_sub(3)..=n).contains(&long.bytes);
        end.at_least = ty.ty.has_text_size() && self.bounds.text_size.is_some_and(may_be_cut);
        self.taken += long.pieces.taken;
        self.long = None;
        sink.end(column, end);
        Ok(())
    }

    /// Characters that the next text may take in JSON.
    fn room_in_row(&self) -> u64 {
        self.bounds.max_row.saturating_sub(self.taken).max(SHORTEST)
    }

    fn pieces(&self, ty: &TypeInfo) -> Pieces {
        let chars = ty.encoding().map(Chars::new);
        let room = self.room_in_row();
        let (kind, limit) = match chars {
            Some(_) => (Kind::Text, self.bounds.max_cell.min(room)),
            // Two characters each.
            None => (Kind::Binary, self.bounds.max_cell.min(room) / 2),
        };
        let end = End { kind, kept: 0, total: 0, at_least: false, replaced: 0 };
        Pieces { chars, limit, room, taken: 0, end }
    }
}

/// Characters that a text takes in JSON, or somewhat more.
fn in_json(text: &str) -> u64 {
    let count = |which: fn(&u8) -> bool| text.bytes().filter(which).count();
    // Bytes that continue a character are none of their own.
    let characters = text.len() - count(|b| b & 0xC0 == 0x80);
    let escaped = count(|b| matches!(b, b'"' | b'\\'));
    (characters + escaped + 5 * count(|b| *b < b' ')) as u64
}

/// How many bytes, and characters, of a text fit both in number and in JSON.
fn that_fit(text: &str, number: u64, length: u64) -> (usize, u64) {
    let (mut kept, mut taken) = (0, 0);
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        taken += in_json(&text[at..end]);
        if kept == number || taken > length {
            return (at, kept);
        }
        kept += 1;
    }
    (text.len(), kept)
}

fn is_binary(ty: Type) -> bool {
    matches!(ty, Type::Binary | Type::VarBinary | Type::Image | Type::Udt)
}

/// What stands before the bytes of a long value: how many there are left of the first chunk, and
/// how many of all; none for NULL.
fn begin(c: &mut Cursor<'_>, ty: &TypeInfo) -> Result<Option<(u64, Option<u64>)>, Stop> {
    if ty.length == Length::Plp {
        return Ok(match c.u64()? {
            PLP_NULL => None,
            PLP_UNKNOWN => Some((0, None)),
            n => Some((0, Some(n))),
        });
    }
    let pointer = c.u8()?;
    if pointer == 0 {
        return Ok(None);
    }
    c.take(usize::from(pointer) + TIMESTAMP)?;
    let n = c.u32()?;
    if n > ty.size && ty.size != SIZE_MAX {
        return Err(BAD);
    }
    Ok(Some((n.into(), None)))
}

// === impl Long ===

impl Long {
    /// Hands over what is there; ends without `More` where the value does.
    fn read<S: Sink>(
        &mut self,
        c: &mut Cursor<'_>,
        room: &mut Room,
        sink: &mut S,
    ) -> Result<(), Stop> {
        loop {
            if self.left == 0 {
                if !self.in_chunks {
                    return Ok(());
                }
                match attempt(c, |c| c.u32())? {
                    0 => return Ok(()),
                    n => self.left = n.into(),
                }
            }
            let n = usize::try_from(self.left).unwrap_or(usize::MAX).min(c.rest().len());
            if n == 0 {
                return Err(Stop::More);
            }
            let piece = c.take(n)?;
            self.left -= n as u64;
            self.bytes += n as u64;
            if !self.in_chunks && self.left == 0 {
                self.pieces.feed(piece, false, room, sink);
                return Ok(());
            }
            self.pieces.feed(piece, false, room, sink);
        }
    }
}

// === impl Pieces ===

impl Pieces {
    #[inline]
    fn feed<S: Sink>(&mut self, bytes: &[u8], last: bool, room: &mut Room, sink: &mut S) {
        let (end, limit, taken) = (&mut self.end, &mut self.limit, &mut self.taken);
        match &mut self.chars {
            Some(chars) => chars.feed(bytes, last, room, |text, replaced| {
                let n = if text.is_ascii() { text.len() } else { text.chars().count() } as u64;
                end.replaced += replaced;
                end.total += n;
                let (left, left_in_json) = (*limit - end.kept, self.room - *taken);
                let length = in_json(text);
                if n <= left && length <= left_in_json {
                    sink.text(text);
                    (end.kept, *taken) = (end.kept + n, *taken + length);
                } else if left > 0 {
                    let (at, kept) = that_fit(text, left, left_in_json);
                    sink.text(&text[..at]);
                    *taken += in_json(&text[..at]);
                    end.kept += kept;
                    // Nothing of what comes behind a cut is kept.
                    *limit = end.kept;
                }
            }),
            None => {
                let n = (bytes.len() as u64).min(*limit - end.kept);
                if n > 0 {
                    sink.binary(&bytes[..n as usize]);
                }
                end.kept += n;
                end.total += bytes.len() as u64;
                *taken += 2 * n;
            }
        }
    }
}
