//! What came, in one buffer: headers of packets are taken out in place, so that a message is one
//! run of bytes however it is cut.

use std::future::poll_fn;
use std::pin::Pin;

use tokio::io::{AsyncRead, ReadBuf};

use crate::error::Error;
use crate::packet::{HEADER, Header, kind};

/// The smallest buffer, in bytes.
const SMALL: usize = 16 << 10;
/// The largest: no token that must be there as a whole is longer.
const LARGE: usize = 512 << 10;

/// Bytes of the message that is being read, and what has come behind them.
#[derive(Debug)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
    usual: usize,
    /// The message's bytes are those from `start` to `ready`. What has headers in it is from `raw`
    /// to `end`.
    start: usize,
    ready: usize,
    raw: usize,
    end: usize,
    /// Of the packet that `raw` is in.
    left: usize,
    last: bool,
    /// The message is there to its end.
    ended: bool,
    /// Bytes that may still come.
    allowed: u64,
    #[cfg(test)]
    pub(crate) largest: usize,
    /// Bytes that headers had moved.
    #[cfg(test)]
    moved: usize,
}

// === impl Reader ===

impl Reader {
    pub(crate) fn new(packet: usize) -> Self {
        let usual = (packet * 2).clamp(SMALL, LARGE);
        Self {
            buffer: vec![0; usual],
            usual,
            start: 0,
            ready: 0,
            raw: 0,
            end: 0,
            left: 0,
            last: false,
            ended: false,
            allowed: u64::MAX,
            #[cfg(test)]
            largest: usual,
            #[cfg(test)]
            moved: 0,
        }
    }

    /// What is there of the message.
    #[inline]
    pub(crate) fn payload(&self) -> &[u8] {
        &self.buffer[self.start..self.ready]
    }

    /// So many bytes of it are done with.
    #[inline]
    pub(crate) fn take(&mut self, n: usize) {
        self.start = (self.start + n).min(self.ready);
    }

    /// Whether there is no more of the message than what is there.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// Whether something came that no request has asked for.
    pub(crate) fn holds_more(&self) -> bool {
        self.end > self.raw
    }

    /// Bounds what may come from now on, in bytes.
    pub(crate) fn allow(&mut self, bytes: u64) {
        self.allowed = bytes;
    }

    /// The next message begins; what is left of this one is dropped.
    pub(crate) fn next_message(&mut self) -> Result<(), Error> {
        (self.start, self.ready) = (self.raw, self.raw);
        (self.left, self.last, self.ended) = (0, false, false);
        if self.raw == self.end {
            self.empty();
            if self.buffer.len() > self.usual {
                self.buffer = vec![0; self.usual];
            }
        }
        self.unwrap_packets()
    }

    /// Reads what comes next; nothing is lost where the future is dropped.
    pub(crate) async fn fill<R: AsyncRead + Unpin>(&mut self, from: &mut R) -> Result<(), Error> {
        self.make_room()?;
        let n = poll_fn(|cx| {
            let mut room = ReadBuf::new(&mut self.buffer[self.end..]);
            Pin::new(&mut *from).poll_read(cx, &mut room).map_ok(|()| room.filled().len())
        })
        .await
        .map_err(|e| Error::lost(&e))?;
        if n == 0 {
            return Err(Error::Lost("the server closed the connection in mid-answer".into()));
        }
        self.end += n;
        self.allowed = self
            .allowed
            .checked_sub(n as u64)
            .ok_or_else(|| Error::protocol("it goes on and on"))?;
        self.unwrap_packets()
    }

    fn make_room(&mut self) -> Result<(), Error> {
        // Nothing but the beginning of a header can stand behind the gap.
        self.buffer.copy_within(self.raw..self.end, self.ready);
        self.end -= self.raw - self.ready;
        self.raw = self.ready;
        if self.start == self.end {
            self.empty();
        }
        // Few bytes are moved to the front before reads become small.
        if self.start > 0 && self.end > self.buffer.len() / 2 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.ready -= self.start;
            self.raw -= self.start;
            self.end -= self.start;
            self.start = 0;
        }
        if self.end < self.buffer.len() {
            return Ok(());
        }
        if self.buffer.len() >= LARGE {
            return Err(Error::protocol("a token of more than 512 KB"));
        }
        self.buffer.resize((self.buffer.len() * 2).min(LARGE), 0);
        #[cfg(test)]
        {
            self.largest = self.largest.max(self.buffer.len());
        }
        Ok(())
    }

    fn empty(&mut self) {
        (self.start, self.ready, self.raw, self.end) = (0, 0, 0, 0);
    }

    /// Takes the headers out of what came, up to the end of the message.
    fn unwrap_packets(&mut self) -> Result<(), Error> {
        while !self.ended {
            if self.left > 0 {
                let n = self.left.min(self.end - self.raw);
                self.close_gap(n);
                self.left -= n;
                if self.left > 0 {
                    return Ok(());
                }
            } else {
                let header = self.buffer[self.raw..self.end].first_chunk::<HEADER>();
                let Some(header) = header else { return Ok(()) };
                let h = Header::read(header).filter(|h| h.kind == kind::REPLY);
                let Some(h) = h else { return Err(Error::protocol("a packet of another type")) };
                self.raw += HEADER;
                (self.left, self.last) = (h.payload, h.last);
            }
            self.ended = self.last && self.left == 0;
        }
        Ok(())
    }

    /// The next `n` bytes are the message's. Behind a header either they go back over it, or what is
    /// left of the message goes forward, whichever is less: so no byte moves more often than it
    /// came, however small the packets are.
    fn close_gap(&mut self, n: usize) {
        let pending = self.ready - self.start;
        if self.raw > self.ready {
            #[cfg(test)]
            {
                self.moved += n.min(pending);
            }
            if n < pending {
                self.buffer.copy_within(self.raw..self.raw + n, self.ready);
            } else {
                self.buffer.copy_within(self.start..self.ready, self.raw - pending);
                (self.start, self.ready) = (self.raw - pending, self.raw);
            }
        }
        self.ready += n;
        self.raw += n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::packets;

    #[tokio::test]
    async fn headers_disappear_and_messages_stay_apart() {
        let message: Vec<u8> = (0..=255).cycle().take(5000).collect();
        let mut bytes = packets(kind::REPLY, &message, 100);
        bytes.extend(packets(kind::REPLY, &[1, 2, 3], 100));
        for size in [1, 7, 8, 9, 99, 100, 101, 6000] {
            let mut reader = Reader::new(512);
            let mut got = Vec::new();
            let mut from = bytes.chunks(size);
            while !reader.ended() {
                reader.fill(&mut from.next().expect("bytes")).await.expect("well-formed");
                // Half is taken at a time, so that the rest moves.
                let n = reader.payload().len().div_ceil(2);
                got.extend_from_slice(&reader.payload()[..n]);
                reader.take(n);
            }
            got.extend_from_slice(reader.payload());
            assert_eq!(got, message, "{size}");
            reader.next_message().expect("well-formed");
            while !reader.ended() {
                reader.fill(&mut from.next().expect("bytes")).await.expect("well-formed");
            }
            assert_eq!(reader.payload(), [1, 2, 3]);
            assert!(!reader.holds_more());
        }
    }

    #[tokio::test]
    async fn small_packets_move_no_more_than_came() {
        let message = vec![7; 100_000];
        for room in [1, 5, 4000] {
            let bytes = packets(kind::REPLY, &message, HEADER + room);
            let mut reader = Reader::new(4096);
            let mut from = bytes.as_slice();
            // Nothing is taken meanwhile: all of it is one token.
            while !reader.ended() {
                reader.fill(&mut from).await.expect("well-formed");
            }
            assert_eq!(reader.payload(), message);
            assert!(reader.moved <= message.len(), "{room}: {}", reader.moved);
        }
    }

    #[tokio::test]
    async fn a_token_without_end_is_refused() {
        let bytes = packets(kind::REPLY, &vec![0; LARGE * 2], 32_767);
        let mut reader = Reader::new(4096);
        let mut from = bytes.as_slice();
        let e = loop {
            if let Err(e) = reader.fill(&mut from).await {
                break e;
            }
        };
        assert!(matches!(e, Error::Protocol(_)));
        assert_eq!(reader.largest, LARGE);
        let mut other = &[6, 1, 0, 8, 0, 0, 0, 0][..];
        assert!(Reader::new(4096).fill(&mut other).await.is_err());
    }
}
