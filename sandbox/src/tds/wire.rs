//! TDS packets (MS-TDS §2.2.3.1), the messages that they make, and the fields in these.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The types of packets (§2.2.3.1.1).
pub(crate) mod kind {
    pub(crate) const BATCH: u8 = 1;
    pub(crate) const RPC: u8 = 3;
    pub(crate) const REPLY: u8 = 4;
    pub(crate) const ATTENTION: u8 = 6;
    pub(crate) const TRANSACTION: u8 = 14;
    pub(crate) const LOGIN: u8 = 16;
    pub(crate) const SSPI: u8 = 17;
    /// Also what TLS records are wrapped in during the handshake.
    pub(crate) const PRELOGIN: u8 = 18;
}

/// A whole message: the packets up to the one with the end-of-message bit.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) kind: u8,
    pub(crate) reset: Reset,
    pub(crate) body: BytesMut,
}

/// What is to become of the session before a request runs (the status bits of its first packet,
/// §2.2.3.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reset {
    No,
    /// RESETCONNECTION: as after a login.
    Yes,
    /// RESETCONNECTIONSKIPTRAN: the same, but for its transaction.
    KeepTransaction,
}

impl Reset {
    fn of(status: u8) -> Self {
        match status & 0x18 {
            0 => Self::No,
            0x10 => Self::KeepTransaction,
            _ => Self::Yes,
        }
    }
}

/// The most a client may send in one message; far above what the demo and the tests need.
const MAX_MESSAGE: usize = 64 << 20;

/// Reads one message, or `None` at a clean end of the stream.
pub(crate) async fn read_message<R: AsyncRead + Unpin>(io: &mut R) -> io::Result<Option<Message>> {
    let mut body = BytesMut::new();
    let mut reset = None;
    loop {
        let mut header = [0u8; 8];
        match io.read_exact(&mut header).await {
            Ok(_) => {}
            Err(e) if reset.is_none() && e.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok(None);
            }
            Err(e) => return Err(e),
        }
        let reset = *reset.get_or_insert(Reset::of(header[1]));
        let len = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if len < 8 || body.len() + len > MAX_MESSAGE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a TDS packet of a bad length"));
        }
        let at = body.len();
        body.resize(at + len - 8, 0);
        io.read_exact(&mut body[at..]).await?;
        if header[1] & 1 != 0 {
            return Ok(Some(Message { kind: header[0], reset, body }));
        }
    }
}

/// Cuts `payload` into packets of `size`; `last` marks the end of the message.
pub(crate) fn packets(
    payload: &[u8],
    size: usize,
    next_id: &mut u8,
    last: bool,
    out: &mut BytesMut,
) {
    let room = size - 8;
    let mut chunks = payload.chunks(room).peekable();
    if payload.is_empty() && last {
        header(kind::REPLY, true, 8, next_id, out);
    }
    while let Some(c) = chunks.next() {
        header(kind::REPLY, last && chunks.peek().is_none(), c.len() + 8, next_id, out);
        out.put_slice(c);
    }
}

/// A packet's header of 8 bytes; `len` counts them too.
pub(crate) fn header(kind: u8, end: bool, len: usize, next_id: &mut u8, out: &mut BytesMut) {
    out.put_u8(kind);
    out.put_u8(u8::from(end));
    out.put_u16(len as u16);
    out.put_u16(0);
    out.put_u8(*next_id);
    out.put_u8(0);
    *next_id = next_id.wrapping_add(1);
}

/// Reads little-endian fields and says so, instead of panicking, when a message is too short.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) rest: Bytes,
}

fn short() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a TDS message that ends too early")
}

impl Reader {
    pub(crate) fn take(&mut self, n: usize) -> io::Result<Bytes> {
        if self.rest.len() < n {
            return Err(short());
        }
        Ok(self.rest.split_to(n))
    }

    pub(crate) fn u8(&mut self) -> io::Result<u8> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn u16(&mut self) -> io::Result<u16> {
        Ok(self.take(2)?.get_u16_le())
    }

    pub(crate) fn u32(&mut self) -> io::Result<u32> {
        Ok(self.take(4)?.get_u32_le())
    }

    pub(crate) fn u64(&mut self) -> io::Result<u64> {
        Ok(self.take(8)?.get_u64_le())
    }

    pub(crate) fn utf16(&mut self, n: usize) -> io::Result<String> {
        Ok(utf16(&self.take(n * 2)?))
    }
}

/// Text from UTF-16 with the low byte first.
pub(crate) fn utf16(b: &[u8]) -> String {
    let units: Vec<u16> = b.chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect();
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes and end bits of the packets of a payload.
    fn cut(length: usize, size: usize, last: bool) -> Vec<(usize, bool)> {
        let (mut out, mut id) = (BytesMut::new(), 255);
        packets(&vec![7; length], size, &mut id, last, &mut out);
        let mut all = Vec::new();
        let mut expected_id = 255u8;
        while !out.is_empty() {
            let length = usize::from(u16::from_be_bytes([out[2], out[3]]));
            assert_eq!((out[0], out[6]), (kind::REPLY, expected_id));
            expected_id = expected_id.wrapping_add(1);
            all.push((length, out[1] == 1));
            out.advance(length);
        }
        all
    }

    #[test]
    fn only_the_last_packet_of_a_message_ends_it() {
        assert_eq!(cut(10, 12, true), [(12, false), (12, false), (10, true)]);
        assert_eq!(cut(8, 12, false), [(12, false), (12, false)]);
        assert_eq!(cut(0, 12, true), [(8, true)]);
        assert_eq!(cut(0, 12, false), []);
    }

    #[tokio::test]
    async fn a_message_is_its_packets_up_to_the_end_bit() {
        let two = [1u8, 0, 0, 10, 0, 0, 1, 0, b'a', b'b', 1, 1, 0, 9, 0, 0, 2, 0, b'c'];
        let message = read_message(&mut &two[..]).await.expect("read").expect("a message");
        assert_eq!((message.kind, &message.body[..]), (kind::BATCH, &b"abc"[..]));
        assert_eq!(message.reset, Reset::No);
        assert!(read_message(&mut &[][..]).await.expect("the end").is_none());
        assert!(read_message(&mut &two[..12]).await.is_err());
        let too_short = [1u8, 1, 0, 7, 0, 0, 1, 0];
        assert!(read_message(&mut &too_short[..]).await.is_err());
    }

    #[tokio::test]
    async fn the_first_packet_says_whether_the_session_is_reset() {
        for (first, second, reset) in [
            (0x08, 0x01, Reset::Yes),
            (0x10, 0x09, Reset::KeepTransaction),
            (0x00, 0x09, Reset::No),
        ] {
            let two = [1, first, 0, 9, 0, 0, 1, 0, b'a', 1, second, 0, 9, 0, 0, 2, 0, b'b'];
            let message = read_message(&mut &two[..]).await.expect("read").expect("a message");
            assert_eq!(message.reset, reset);
        }
    }

    #[test]
    fn a_reader_says_when_a_message_is_too_short() {
        let mut reader = Reader { rest: Bytes::from_static(&[1, 2, 3, b'a', 0]) };
        assert_eq!(reader.u16().ok(), Some(0x0201));
        assert!(reader.u32().is_err());
        assert_eq!(reader.u8().ok(), Some(3));
        assert_eq!(reader.utf16(1).ok(), Some("a".to_owned()));
        assert!(reader.u8().is_err());
    }
}
