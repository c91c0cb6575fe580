//! TDS packets (MS-TDS §2.2.3.1) and the TLS handshake that hides inside PRELOGIN packets
//! (§2.2.6.5).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// Packet types that a client sends.
pub mod kind {
    /// SQL batch.
    pub const BATCH: u8 = 1;
    /// Remote procedure call.
    pub const RPC: u8 = 3;
    /// A server's answer.
    pub const REPLY: u8 = 4;
    /// Attention: cancel.
    pub const ATTENTION: u8 = 6;
    /// Transaction manager request.
    pub const TRANSACTION: u8 = 14;
    /// LOGIN7.
    pub const LOGIN: u8 = 16;
    /// PRELOGIN, and TLS records during the handshake.
    pub const PRELOGIN: u8 = 18;
}

/// A whole message: the packets up to the one with the end-of-message bit.
#[derive(Debug)]
pub struct Message {
    /// The type in the packets' headers.
    pub kind: u8,
    /// What stood in them.
    pub body: BytesMut,
}

/// The most a client may send in one message; far above what the demo and the tests need.
const MAX_MESSAGE: usize = 64 << 20;

/// Reads one message, or `None` at a clean end of the stream.
pub async fn read_message<R: AsyncRead + Unpin>(io: &mut R) -> io::Result<Option<Message>> {
    let mut body = BytesMut::new();
    let mut first = true;
    loop {
        let mut header = [0u8; 8];
        match io.read_exact(&mut header).await {
            Ok(_) => {}
            Err(e) if first && e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(e) => return Err(e),
        }
        first = false;
        let len = usize::from(u16::from_be_bytes([header[2], header[3]]));
        if len < 8 || body.len() + len > MAX_MESSAGE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a TDS packet of a bad length"));
        }
        let at = body.len();
        body.resize(at + len - 8, 0);
        io.read_exact(&mut body[at..]).await?;
        if header[1] & 1 != 0 {
            return Ok(Some(Message { kind: header[0], body }));
        }
    }
}

/// Cuts `payload` into packets of `size`; `last` marks the end of the message.
pub fn packets(payload: &[u8], size: usize, next_id: &mut u8, last: bool, out: &mut BytesMut) {
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

fn header(kind: u8, end: bool, len: usize, next_id: &mut u8, out: &mut BytesMut) {
    out.put_u8(kind);
    out.put_u8(u8::from(end));
    out.put_u16(len as u16);
    out.put_u16(0);
    out.put_u8(*next_id);
    out.put_u8(0);
    *next_id = next_id.wrapping_add(1);
}

/// A socket that, while `handshaking`, wraps what TLS writes into PRELOGIN packets and
/// unwraps what it reads.
#[derive(Debug)]
pub struct PreloginIo {
    io: TcpStream,
    handshaking: bool,
    read: BytesMut,
    left_in_packet: usize,
    write: BytesMut,
    wrapped: bool,
}

impl PreloginIo {
    /// In the handshake at first.
    pub fn new(io: TcpStream) -> Self {
        Self {
            io,
            handshaking: true,
            read: BytesMut::new(),
            left_in_packet: 0,
            write: BytesMut::new(),
            wrapped: false,
        }
    }

    /// The socket, when TLS ends with the login.
    pub fn into_inner(self) -> TcpStream {
        self.io
    }

    /// From now on bytes pass as they are.
    pub fn finish(&mut self) {
        self.handshaking = false;
    }
}

impl AsyncRead for PreloginIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = &mut *self;
        if !me.handshaking {
            if !me.read.is_empty() {
                let n = me.read.len().min(buf.remaining());
                buf.put_slice(&me.read.split_to(n));
                return Poll::Ready(Ok(()));
            }
            return Pin::new(&mut me.io).poll_read(cx, buf);
        }
        loop {
            if me.left_in_packet == 0 && me.read.len() >= 8 {
                let len = usize::from(u16::from_be_bytes([me.read[2], me.read[3]]));
                me.left_in_packet = len.saturating_sub(8);
                me.read.advance(8);
            }
            if me.left_in_packet > 0 && !me.read.is_empty() {
                let n = me.read.len().min(buf.remaining()).min(me.left_in_packet);
                buf.put_slice(&me.read.split_to(n));
                me.left_in_packet -= n;
                return Poll::Ready(Ok(()));
            }
            let mut chunk = [0u8; 4096];
            let mut inner = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut me.io).poll_read(cx, &mut inner))?;
            if inner.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            me.read.extend_from_slice(inner.filled());
        }
    }
}

impl AsyncWrite for PreloginIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.handshaking {
            self.write.extend_from_slice(buf);
            return Poll::Ready(Ok(buf.len()));
        }
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = &mut *self;
        if me.handshaking && !me.write.is_empty() && !me.wrapped {
            let payload = me.write.split();
            let mut out = BytesMut::with_capacity(payload.len() + 8);
            let mut chunks = payload.chunks(4088).peekable();
            while let Some(c) = chunks.next() {
                header(kind::PRELOGIN, chunks.peek().is_none(), c.len() + 8, &mut 0, &mut out);
                out.put_slice(c);
            }
            me.write = out;
            me.wrapped = true;
        }
        while !me.write.is_empty() {
            let n = ready!(Pin::new(&mut me.io).poll_write(cx, &me.write))?;
            me.write.advance(n);
        }
        me.wrapped = false;
        Pin::new(&mut me.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// A connection after login's encryption was settled.
pub enum Stream {
    /// Not encrypted.
    Plain(TcpStream),
    /// Encrypted throughout.
    Tls(Box<TlsStream<PreloginIo>>),
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Stream::Plain(s) => Pin::new(s).poll_read(cx, buf),
            Stream::Tls(s) => Pin::new(s).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Stream::Plain(s) => Pin::new(s).poll_write(cx, buf),
            Stream::Tls(s) => Pin::new(s).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Stream::Plain(s) => Pin::new(s).poll_flush(cx),
            Stream::Tls(s) => Pin::new(s).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Stream::Plain(s) => Pin::new(s).poll_shutdown(cx),
            Stream::Tls(s) => Pin::new(s).poll_shutdown(cx),
        }
    }
}

/// Reads little-endian fields and says so, instead of panicking, when a message is too short.
#[derive(Debug)]
pub struct Reader {
    /// What is left.
    pub rest: Bytes,
}

fn short() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a TDS message that ends too early")
}

impl Reader {
    /// The next `n` bytes.
    pub fn take(&mut self, n: usize) -> io::Result<Bytes> {
        if self.rest.len() < n {
            return Err(short());
        }
        Ok(self.rest.split_to(n))
    }

    /// One byte.
    pub fn u8(&mut self) -> io::Result<u8> {
        Ok(self.take(1)?[0])
    }

    /// Two bytes.
    pub fn u16(&mut self) -> io::Result<u16> {
        Ok(self.take(2)?.get_u16_le())
    }

    /// Four bytes.
    pub fn u32(&mut self) -> io::Result<u32> {
        Ok(self.take(4)?.get_u32_le())
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> io::Result<u64> {
        Ok(self.take(8)?.get_u64_le())
    }

    /// `n` UTF-16 units.
    pub fn utf16(&mut self, n: usize) -> io::Result<String> {
        Ok(utf16(&self.take(n * 2)?))
    }
}

/// UTF-16, little-endian.
pub fn utf16(b: &[u8]) -> String {
    let units: Vec<u16> = b.chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).collect();
    String::from_utf16_lossy(&units)
}
