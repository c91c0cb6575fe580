//! The stream below the packets: TCP, or TLS over TCP, whose handshake TDS 7.4 wraps in PRELOGIN
//! packets (MS-TDS 2.2.6.5).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::packet::{HEADER, Header, header, kind, status};
use crate::session::TlsSeen;

/// The most of a handshake that goes into one packet: the size before any is agreed.
const HANDSHAKE_PACKET: usize = 4096 - HEADER;

/// What bytes go through.
#[derive(Debug)]
pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<Prelogged>>),
    /// Nothing any more; reads find the end.
    Closed,
}

/// TCP whose bytes are, during the handshake, the payload of PRELOGIN packets.
#[derive(Debug)]
pub(crate) struct Prelogged {
    tcp: TcpStream,
    wrapping: bool,
    /// Of the handshake, not yet in a packet.
    gathered: Vec<u8>,
    /// A packet that is being sent, and how much of it is.
    packet: Vec<u8>,
    sent: usize,
    header: [u8; HEADER],
    header_read: usize,
    /// Payload left of the packet that is being read.
    left: usize,
}

// === impl Prelogged ===

impl Prelogged {
    pub(crate) fn wrapping(tcp: TcpStream) -> Self {
        Self {
            tcp,
            wrapping: true,
            gathered: Vec::new(),
            packet: Vec::new(),
            sent: 0,
            header: [0; HEADER],
            header_read: 0,
            left: 0,
        }
    }

    pub(crate) fn raw(tcp: TcpStream) -> Self {
        Self { wrapping: false, ..Self::wrapping(tcp) }
    }

    /// The handshake is over: TLS records follow each other without packets around them.
    pub(crate) fn unwrap_packets(&mut self) {
        self.wrapping = false;
    }

    fn poll_packets(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while self.sent < self.packet.len() {
                let n = ready!(Pin::new(&mut self.tcp).poll_write(cx, &self.packet[self.sent..]))?;
                if n == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.sent += n;
            }
            if self.gathered.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let n = self.gathered.len().min(HANDSHAKE_PACKET);
            let last = if n == self.gathered.len() { status::END_OF_MESSAGE } else { 0 };
            self.packet.clear();
            self.packet.extend_from_slice(&header(kind::PRELOGIN, last, n, 1));
            self.packet.extend(self.gathered.drain(..n));
            self.sent = 0;
        }
    }

    fn poll_header(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.left == 0 {
            let mut room = ReadBuf::new(&mut self.header[self.header_read..]);
            ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut room))?;
            let n = room.filled().len();
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            self.header_read += n;
            if self.header_read < HEADER {
                continue;
            }
            self.header_read = 0;
            match Header::read(&self.header) {
                Some(h) if h.kind == kind::PRELOGIN || h.kind == kind::REPLY => {
                    self.left = h.payload;
                }
                _ => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Prelogged {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        if !me.wrapping {
            return Pin::new(&mut me.tcp).poll_read(cx, buf);
        }
        ready!(me.poll_header(cx))?;
        // Never beyond the packet: what follows the last one is no handshake any more.
        let room = me.left.min(buf.remaining());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(room));
        ready!(Pin::new(&mut me.tcp).poll_read(cx, &mut part))?;
        let n = part.filled().len();
        buf.advance(n);
        me.left -= n;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Prelogged {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        if !me.wrapping {
            return Pin::new(&mut me.tcp).poll_write(cx, bytes);
        }
        me.gathered.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        ready!(me.poll_packets(cx))?;
        Pin::new(&mut me.tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}

// === impl Wire ===

impl Wire {
    /// Without TLS from here on; what TLS has read ahead is nothing of ours.
    pub(crate) fn end_tls(&mut self) {
        *self = match std::mem::replace(self, Wire::Closed) {
            Wire::Tls(tls) => Wire::Plain(tls.into_inner().0.tcp),
            other => other,
        };
    }

    /// What there is to see of TLS.
    pub(crate) fn tls_seen(&self) -> Option<TlsSeen> {
        let Wire::Tls(tls) = self else { return None };
        let (_, connection) = tls.get_ref();
        let version = match connection.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS",
        };
        let first = connection.peer_certificates().and_then(|all| all.first());
        Some(TlsSeen { version, certificate: first.map(|c| c.to_vec()).unwrap_or_default() })
    }

    pub(crate) fn is_tls(&self) -> bool {
        matches!(self, Wire::Tls(_))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(s) => Pin::new(s).poll_read(cx, buf),
            Wire::Tls(s) => Pin::new(s).poll_read(cx, buf),
            Wire::Closed => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Wire::Plain(s) => Pin::new(s).poll_write(cx, bytes),
            Wire::Tls(s) => Pin::new(s).poll_write(cx, bytes),
            Wire::Closed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(s) => Pin::new(s).poll_flush(cx),
            Wire::Tls(s) => Pin::new(s).poll_flush(cx),
            Wire::Closed => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(s) => Pin::new(s).poll_shutdown(cx),
            Wire::Tls(s) => Pin::new(s).poll_shutdown(cx),
            Wire::Closed => Poll::Ready(Ok(())),
        }
    }
}
