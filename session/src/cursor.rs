//! Fields of a token, over bytes of which the end may not have come yet (MS-TDS 2.2.5.1).

/// Why a piece was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It goes on behind the bytes that are there.
    More,
    /// It is not what MS-TDS has in that place.
    Bad(&'static str),
}

/// A place in bytes that came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

// === impl Cursor ===

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    #[inline]
    pub(crate) fn take(&mut self, n: usize) -> Result<&'a [u8], Stop> {
        let end = self.at.checked_add(n).ok_or(Stop::More)?;
        let taken = self.bytes.get(self.at..end).ok_or(Stop::More)?;
        self.at = end;
        Ok(taken)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        self.take(N)?.try_into().map_err(|_| Stop::More)
    }

    #[inline]
    pub(crate) fn u8(&mut self) -> Result<u8, Stop> {
        self.array().map(|[b]| b)
    }

    #[inline]
    pub(crate) fn u16(&mut self) -> Result<u16, Stop> {
        self.array().map(u16::from_le_bytes)
    }

    #[inline]
    pub(crate) fn u32(&mut self) -> Result<u32, Stop> {
        self.array().map(u32::from_le_bytes)
    }

    #[inline]
    pub(crate) fn u64(&mut self) -> Result<u64, Stop> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn five(&mut self) -> Result<[u8; 5], Stop> {
        self.array()
    }

    /// B_VARCHAR: UTF-16 behind its length in units, in one byte.
    pub(crate) fn b_varchar(&mut self) -> Result<String, Stop> {
        let n = usize::from(self.u8()?);
        self.take(n * 2).map(text)
    }

    /// US_VARCHAR: the same with two bytes of length.
    pub(crate) fn us_varchar(&mut self) -> Result<String, Stop> {
        let n = usize::from(self.u16()?);
        self.take(n * 2).map(text)
    }

    /// B_VARBYTE: bytes behind their number in one byte.
    pub(crate) fn b_varbyte(&mut self) -> Result<&'a [u8], Stop> {
        let n = usize::from(self.u8()?);
        self.take(n)
    }
}

/// UTF-16 as text; half of a surrogate pair becomes U+FFFD.
fn text(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    let mut text = String::with_capacity(bytes.len() / 2);
    text.extend(char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_not_come_is_waited_for_and_nothing_is_taken() {
        let mut c = Cursor::new(&[2, b'a', 0, b'b']);
        assert_eq!(c.b_varchar(), Err(Stop::More));
        let mut c = Cursor::new(&[2, b'a', 0, 0, 0xD8, 9]);
        assert_eq!(c.b_varchar().as_deref(), Ok("a\u{FFFD}"));
        assert_eq!((c.u16(), c.rest()), (Err(Stop::More), &[9][..]));
    }
}
