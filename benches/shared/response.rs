//! The answer to a request over HTTP/1.1, read by hand.

use std::io::{Error, Result};

use tokio::io::{AsyncRead, AsyncReadExt};

/// An answer, and where it is in the buffer.
#[derive(Debug, Default, Clone, Copy)]
pub struct Response {
    /// Bytes of its head, without the empty line behind it.
    pub head: usize,
    /// Whether the body came in chunks.
    pub chunked: bool,
    /// Bytes of the body, with the sizes of chunks.
    pub length: usize,
}

/// An answer by Content-Length or in chunks. `buf` has all of it when it is kept; else no more of a
/// body in chunks than its end.
pub async fn response(
    tcp: &mut (impl AsyncRead + Unpin),
    buf: &mut Vec<u8>,
    keep: bool,
) -> Result<Response> {
    buf.clear();
    let (mut of, mut dropped) = (Response::default(), 0);
    loop {
        buf.reserve(64 << 10);
        if tcp.read_buf(buf).await? == 0 {
            return Err(Error::other("the server closed the connection"));
        }
        if of.head == 0 {
            let Some(end) = buf.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(&buf[..end]).map_err(Error::other)?;
            let length = field(head, "content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
            let chunked = field(head, "transfer-encoding")
                .is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
            of = Response { head: end, chunked, length };
        }
        let at = of.head + 4;
        if !of.chunked {
            if buf.len() >= at + of.length {
                return Ok(of);
            }
            continue;
        }
        // With the line's end before it: an event may end with a zero, too.
        if buf.ends_with(b"\r\n0\r\n\r\n") {
            return Ok(Response { length: dropped + buf.len() - at, ..of });
        }
        if !keep {
            let tail = buf.len().saturating_sub(8).max(at);
            dropped += tail - at;
            buf.drain(at..tail);
        }
    }
}

/// A header's value.
pub fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.split("\r\n").find_map(|line| {
        let (of, value) = line.split_once(':')?;
        of.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
