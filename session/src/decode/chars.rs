//! Characters from their bytes, in pieces of any size. What cannot be decoded becomes U+FFFD and is
//! counted.

use encoding_rs::{Decoder, DecoderResult, mem};

use crate::types::{Encoding, OEM};

/// Units of UTF-16 that are decoded at once.
const UNITS: usize = 512;
/// Bytes of UTF-8 that these can become.
const TEXT: usize = UNITS * 3;

/// Room to decode in, kept from cell to cell.
#[derive(Debug)]
pub(super) struct Room {
    units: Box<[u16; UNITS]>,
    text: String,
}

/// Where the decoding of one text stands.
#[derive(Debug)]
pub(super) enum Chars {
    /// The first byte of a unit, and a high surrogate whose other half has not come.
    Utf16 {
        byte: Option<u8>,
        high: Option<u16>,
    },
    Oem(usize),
    Other(Box<Decoder>),
}

impl Default for Room {
    fn default() -> Self {
        Self { units: Box::new([0; UNITS]), text: "\0".repeat(TEXT) }
    }
}

/// Half of a surrogate pair, the first one.
fn is_high(unit: u16) -> bool {
    unit & 0xFC00 == 0xD800
}

// === impl Chars ===

impl Chars {
    pub(super) fn new(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Utf16 => Chars::Utf16 { byte: None, high: None },
            Encoding::Oem(page) => Chars::Oem(page),
            Encoding::Utf8 => {
                Chars::Other(Box::new(encoding_rs::UTF_8.new_decoder_without_bom_handling()))
            }
            Encoding::Page(page) => Chars::Other(Box::new(page.new_decoder_without_bom_handling())),
        }
    }

    /// Decodes a piece and hands over texts, each with the number of places in it that could not be
    /// decoded. Behind the `last` piece nothing is waited for.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        last: bool,
        room: &mut Room,
        mut put: impl FnMut(&str, u64),
    ) {
        match self {
            Chars::Utf16 { byte, high } => utf16(byte, high, bytes, last, room, &mut put),
            Chars::Oem(page) => {
                let page = &OEM[*page % OEM.len()];
                for piece in bytes.chunks(UNITS) {
                    let decoded: String = piece
                        .iter()
                        .map(|b| {
                            b.checked_sub(0x80).map_or(char::from(*b), |n| page[usize::from(n)])
                        })
                        .collect();
                    put(&decoded, 0);
                }
            }
            Chars::Other(decoder) => other(decoder, bytes, last, &mut room.text, &mut put),
        }
    }
}

fn utf16(
    byte: &mut Option<u8>,
    high: &mut Option<u16>,
    mut bytes: &[u8],
    last: bool,
    room: &mut Room,
    put: &mut impl FnMut(&str, u64),
) {
    loop {
        let mut n = 0;
        let units = &mut room.units;
        if let Some(h) = high.take() {
            units[0] = h;
            n = 1;
        }
        if let (Some(low), [first, rest @ ..]) = (*byte, bytes) {
            units[n] = u16::from_le_bytes([low, *first]);
            (*byte, bytes, n) = (None, rest, n + 1);
        }
        let take = (bytes.len() / 2).min(UNITS - n);
        let (now, rest) = bytes.split_at(take * 2);
        for (unit, pair) in units[n..].iter_mut().zip(now.chunks_exact(2)) {
            *unit = u16::from_le_bytes([pair[0], pair[1]]);
        }
        (n, bytes) = (n + take, rest);
        let more = bytes.len() > 1;
        if let [odd] = bytes {
            (*byte, bytes) = (Some(*odd), &[]);
        }
        let ends = last && !more && byte.is_none();
        if n > 0 && !ends && is_high(units[n - 1]) {
            n -= 1;
            *high = Some(units[n]);
        }
        if n > 0 {
            let (_, written) = mem::convert_utf16_to_str_partial(&units[..n], &mut room.text);
            // A byte for each unit: all are ASCII.
            let replaced = if written == n { 0 } else { lone(&units[..n]) };
            put(&room.text[..written], replaced);
        }
        if !more {
            break;
        }
    }
    if last {
        // A half that nothing follows, and a unit of one byte.
        for _ in 0..u8::from(high.take().is_some()) + u8::from(byte.take().is_some()) {
            put("\u{FFFD}", 1);
        }
    }
}

/// Surrogates without their other half.
fn lone(units: &[u16]) -> u64 {
    if mem::utf16_valid_up_to(units) == units.len() {
        return 0;
    }
    char::decode_utf16(units.iter().copied()).filter(Result::is_err).count() as u64
}

fn other(
    decoder: &mut Decoder,
    mut bytes: &[u8],
    last: bool,
    text: &mut str,
    put: &mut impl FnMut(&str, u64),
) {
    loop {
        let (result, read, written) = decoder.decode_to_str_without_replacement(bytes, text, last);
        bytes = &bytes[read..];
        if written > 0 {
            put(&text[..written], 0);
        }
        match result {
            DecoderResult::InputEmpty => return,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => put("\u{FFFD}", 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{OEM_437, OEM_850};

    /// The same however the bytes are cut.
    fn decoded(encoding: Encoding, bytes: &[u8]) -> (String, u64) {
        let in_pieces = |size: usize| {
            let (mut text, mut replaced) = (String::new(), 0);
            let (mut chars, mut room) = (Chars::new(encoding), Room::default());
            let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
            for piece in &pieces {
                chars.feed(piece, false, &mut room, |t, n| {
                    text.push_str(t);
                    replaced += n;
                });
            }
            chars.feed(&[], true, &mut room, |t, n| {
                text.push_str(t);
                replaced += n;
            });
            (text, replaced)
        };
        let whole = in_pieces(bytes.len().max(1));
        for size in [1, 2, 3, 5, 7, 1023, 1024, 1025] {
            assert_eq!(in_pieces(size), whole, "pieces of {size}");
        }
        whole
    }

    fn utf16(units: &[u16]) -> Vec<u8> {
        units.iter().flat_map(|u| u.to_le_bytes()).collect()
    }

    #[test]
    fn surrogates_are_joined_over_pieces_and_halves_are_replaced() {
        let decode = |units: &[u16]| decoded(Encoding::Utf16, &utf16(units));
        assert_eq!(decode(&[0x61, 0xD83D, 0xDE00, 0x62]), ("a😀b".into(), 0));
        assert_eq!(decode(&[0xD83D]), ("\u{FFFD}".into(), 1));
        assert_eq!(decode(&[0xDE00, 0xD83D, 0x61]), ("\u{FFFD}\u{FFFD}a".into(), 2));
        assert_eq!(decode(&[0xD83D, 0xD83D, 0xDE00]), ("\u{FFFD}😀".into(), 1));
        assert_eq!(decode(&[0xFFFD]), ("\u{FFFD}".into(), 0));
        let long: Vec<u16> = "é€😀".repeat(700).encode_utf16().collect();
        assert_eq!(decode(&long), ("é€😀".repeat(700), 0));
        assert_eq!(decoded(Encoding::Utf16, b"a\0b"), ("a\u{FFFD}".into(), 1));
        assert_eq!(decoded(Encoding::Utf16, &[0x3D, 0xD8, 9]), ("\u{FFFD}\u{FFFD}".into(), 2));
    }

    #[test]
    fn every_page_decodes_and_what_is_no_character_is_replaced() {
        use encoding_rs as rs;
        let page = |p, b: &[u8]| decoded(Encoding::Page(p), b);
        assert_eq!(page(rs::WINDOWS_1252, b"caf\xE9 \x80"), ("café €".into(), 0));
        assert_eq!(page(rs::WINDOWS_1251, b"\xCF\xF0"), ("Пр".into(), 0));
        assert_eq!(page(rs::WINDOWS_1253, b"\xE1\xD2"), ("α\u{FFFD}".into(), 1));
        assert_eq!(page(rs::SHIFT_JIS, b"\x93\xFA\x96"), ("日\u{FFFD}".into(), 1));
        assert_eq!(page(rs::GBK, b"\xC4\xE3\xBA"), ("你\u{FFFD}".into(), 1));
        assert_eq!(page(rs::BIG5, b"\xA4\xA4"), ("中".into(), 0));
        assert_eq!(page(rs::EUC_KR, b"\xC7\xD1"), ("한".into(), 0));
        assert_eq!(decoded(Encoding::Utf8, b"\xE2\x82\xAC\xE2\x82"), ("€\u{FFFD}".into(), 1));
        assert_eq!(decoded(Encoding::Oem(OEM_437), b"a\x9B\xE0"), ("a¢α".into(), 0));
        assert_eq!(decoded(Encoding::Oem(OEM_850), b"\x9B\xE0"), ("øÓ".into(), 0));
    }
}
