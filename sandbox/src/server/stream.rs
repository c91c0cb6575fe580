//! The stream of a connection: plain, or TLS, whose handshake hides inside PRELOGIN packets (MS-TDS
//! §2.2.6.5) until TDS 8.0 put it before them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::tds::wire::{header, kind};

pub(super) async fn handshake(
    acceptor: &TlsAcceptor,
    tcp: TcpStream,
) -> io::Result<TlsStream<PreloginIo>> {
    let mut tls = acceptor.accept(PreloginIo::new(tcp)).await?;
    tls.get_mut().0.finish();
    Ok(tls)
}

/// The handshake of a client that begins with it (TDS 8.0, "strict").
pub(super) async fn strict_handshake(
    acceptor: &TlsAcceptor,
    tcp: TcpStream,
) -> io::Result<TlsStream<PreloginIo>> {
    let mut io = PreloginIo::new(tcp);
    io.finish();
    acceptor.accept(io).await
}

/// A socket that, while `handshaking`, wraps what TLS writes into PRELOGIN packets and
/// unwraps what it reads.
#[derive(Debug)]
pub(super) struct PreloginIo {
    io: TcpStream,
    handshaking: bool,
    read: BytesMut,
    left_in_packet: usize,
    write: BytesMut,
    wrapped: bool,
}

impl PreloginIo {
    pub(super) fn new(io: TcpStream) -> Self {
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
    pub(super) fn into_inner(self) -> TcpStream {
        self.io
    }

    /// Ends the handshake: from now on bytes pass as they are.
    pub(super) fn finish(&mut self) {
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
pub(super) enum Stream {
    Plain(TcpStream),
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
