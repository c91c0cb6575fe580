//! The login through the driver, over a stream that is lent to it: it is shown a PRELOGIN answer
//! without encryption, its LOGIN7 goes on with our features, and the answer is kept.

mod features;
mod integrated;
mod known;
mod sealed;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use tokio_util::compat::TokioAsyncReadCompatExt;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

pub(crate) use self::known::Known;
use crate::error::Error;
use crate::event::Message;
use crate::packet::{HEADER, Header, kind, packets};
use crate::prelogin;
use crate::windows::Handshake;
use crate::wire::Wire;

/// Packets before a size is agreed (MS-TDS 2.2.3.1.3).
const PACKET: usize = 4096;
/// How long a server may say nothing behind the last token of a Windows login before it is taken for
/// one that waits for a message.
const SILENCE: Duration = Duration::from_secs(1);
/// The most that the answer to a login may be; SQL Server's have some hundred bytes.
const MAX_ANSWER: usize = 256 << 10;

/// What the driver reads from and writes to. It has no Debug: it holds LOGIN7.
struct Lent<'a> {
    wire: &'a mut Wire,
    /// TLS ends behind the first packet of LOGIN7, and all else is plain (MS-TDS 2.2.6.5).
    login_only: bool,
    /// A Windows login: its tokens go beside the driver.
    handshake: Option<Box<dyn Handshake>>,
    /// Bytes for the driver to read, and how many it has.
    shown: Vec<u8>,
    read: usize,
    /// Bytes that the driver wrote, up to a whole message.
    written: Vec<u8>,
    /// A message on its way, and how much of it is sent.
    outgoing: Vec<u8>,
    sent: usize,
    logged_in: bool,
    /// The packet that is being read, and the message that it belongs to.
    packet: Vec<u8>,
    message: Vec<u8>,
    /// What the driver is to see of messages that a token of ours has answered.
    kept: Vec<u8>,
    /// How long the server may take to go on behind its last token.
    silence: Option<Pin<Box<Sleep>>>,
    /// What the server answered, with what the driver does not know.
    known: Known,
    /// Why the wire gave or took no more; the driver wraps it in words of its own.
    lost: Option<Error>,
}

/// Logs in; the wire is ready for requests afterwards.
pub(crate) async fn login(
    wire: &mut Wire,
    config: tiberius::Config,
    prelogin: &prelogin::PreloginAnswer,
    login_only: bool,
    handshake: Option<Box<dyn Handshake>>,
) -> Result<Known, Error> {
    let mut lent = Lent {
        wire,
        login_only,
        handshake,
        shown: packets(kind::REPLY, &prelogin.for_driver(), PACKET),
        read: 0,
        written: Vec::new(),
        outgoing: Vec::new(),
        sent: 0,
        logged_in: false,
        packet: Vec::new(),
        message: Vec::new(),
        kept: Vec::new(),
        silence: None,
        known: Known::default(),
        lost: None,
    };
    // It is dropped at once: nothing of its state is needed, and its drop closes nothing.
    // What it logs is not so: it takes the password for unprotected, and errors for news.
    let connected = tiberius::Client::connect(config, (&mut lent).compat());
    let made = Box::pin(connected.with_subscriber(Dispatch::none())).await.map(drop);
    lent.written.fill(0);
    lent.outgoing.fill(0);
    made.map_err(|e| refused(e, &lent.known, lent.lost.take()))?;
    Ok(lent.known)
}

/// The driver's error in ours; the server's own words are in the answer, too, and more exact.
fn refused(e: tiberius::error::Error, known: &Known, lost: Option<Error>) -> Error {
    use tiberius::error::Error as E;
    match e {
        E::Server(t) => {
            let said = known.errors.iter().find(|m| m.number as u32 == t.code());
            Error::Login(Box::new(said.cloned().unwrap_or_else(|| Message {
                number: t.code() as i32,
                state: t.state(),
                severity: t.class(),
                text: t.message().to_owned(),
                server: t.server().to_owned(),
                procedure: t.procedure().to_owned(),
                line: t.line(),
            })))
        }
        // An error without DONE behind it, from a server that closes.
        E::Io { .. } | E::Protocol(_) if !known.errors.is_empty() => {
            Error::Login(Box::new(known.errors[0].clone()))
        }
        E::Routing { host, port } => Error::Routing { host, port },
        e => lost.unwrap_or_else(|| match e {
            E::Io { message, .. } => Error::Lost(message),
            other => Error::Protocol(other.to_string()),
        }),
    }
}

// === impl Lent ===

impl Lent<'_> {
    /// Puts a whole message of the driver's on its way; PRELOGIN has been answered long before.
    fn gather(&mut self) -> Result<(), Error> {
        let Some((first, payload, end)) = message_of(&self.written) else { return Ok(()) };
        if first != kind::PRELOGIN {
            let mut payload = payload;
            if first == kind::LOGIN7 && !self.logged_in {
                if self.login_only {
                    sealed::within(&payload, PACKET - HEADER)?;
                }
                if let Some(h) = &mut self.handshake {
                    integrated::attach(&mut payload, &h.first())?;
                }
                features::ask(&mut payload);
            }
            self.outgoing = packets(first, &payload, PACKET);
            self.sent = 0;
            payload.fill(0);
        }
        self.written[..end].fill(0);
        self.written.drain(..end);
        Ok(())
    }

    /// Goes on with a Windows login; whether a token of ours answers what came.
    fn answer(&mut self) -> Result<bool, Error> {
        let (token, refused) = (self.known.sspi.take(), !self.known.errors.is_empty());
        match (&mut self.handshake, token) {
            (None, None) => Ok(false),
            (None, Some(_)) => {
                Err(Error::protocol("it goes on with a Windows login that nobody began"))
            }
            // Why is in the server's words.
            (Some(_), _) if refused => Ok(false),
            (Some(h), Some(token)) => {
                let next = h.next(&token)?;
                if self.known.accepted {
                    return integrated::proven(&**h).map(|()| false);
                }
                if next.is_empty() {
                    // Servers that Microsoft's ODBC driver and FreeTDS log in to go on by
                    // themselves; by MS-TDS 3.2.5.5, and with SqlClient, a message without a token
                    // comes first. So it does, if nothing else does.
                    self.silence = Some(Box::pin(tokio::time::sleep(SILENCE)));
                } else {
                    self.outgoing = packets(kind::SSPI, &next, PACKET);
                    self.sent = 0;
                }
                Ok(true)
            }
            (Some(h), None) if self.known.accepted => integrated::proven(&**h).map(|()| false),
            (Some(_), None) => Ok(false),
        }
    }

    /// Keeps why a login cannot go on; the driver gets an error without words.
    fn stop(&mut self, e: Error) -> io::Error {
        self.lost = Some(e);
        io::ErrorKind::Other.into()
    }

    /// Keeps why the wire failed, in words of ours.
    fn note(&mut self, e: io::Error) -> io::Error {
        self.lost = Some(match e.kind() {
            io::ErrorKind::UnexpectedEof => {
                let what = "the server closed the connection instead of answering the login";
                Error::Lost(what.into())
            }
            io::ErrorKind::InvalidData => {
                Error::protocol("it does not answer a login as a SQL Server does")
            }
            _ => Error::lost(&e),
        });
        e
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let sealed = self.login_only && !self.logged_in;
            let first = sealed.then(|| first_packet(&self.outgoing)).flatten();
            let end = first.unwrap_or(self.outgoing.len());
            while self.sent < end {
                let piece = &self.outgoing[self.sent..end];
                let n = ready!(Pin::new(&mut *self.wire).poll_write(cx, piece))?;
                if n == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.sent += n;
            }
            ready!(Pin::new(&mut *self.wire).poll_flush(cx))?;
            if self.outgoing.is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.logged_in = true;
            if sealed {
                self.wire.end_tls();
            }
            if self.sent == self.outgoing.len() {
                self.outgoing.fill(0);
                self.outgoing.clear();
                self.sent = 0;
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Reads one message to its end, packet by packet and never beyond.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let header: Option<[u8; HEADER]> =
                self.packet.get(..HEADER).and_then(|h| h.try_into().ok());
            let header = match header.as_ref().map(Header::read) {
                None => None,
                Some(Some(h)) if h.kind == kind::REPLY => Some(h),
                Some(_) => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
            };
            let want = HEADER + header.map_or(0, |h| h.payload);
            let have = self.packet.len();
            if let Some(h) = header.filter(|_| have == want) {
                self.message.extend_from_slice(&self.packet[HEADER..]);
                self.packet.clear();
                if self.message.len() > MAX_ANSWER {
                    return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
                }
                if h.last {
                    return Poll::Ready(Ok(()));
                }
                continue;
            }
            self.packet.resize(want, 0);
            let mut room = ReadBuf::new(&mut self.packet[have..]);
            let read = Pin::new(&mut *self.wire).poll_read(cx, &mut room);
            let n = room.filled().len();
            self.packet.truncate(have + n);
            ready!(read)?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }
}

/// Where the first packet of some ends.
fn first_packet(packets: &[u8]) -> Option<usize> {
    let header = packets.get(..HEADER)?.try_into().ok()?;
    Header::read(header).map(|h| HEADER + h.payload)
}

/// The first whole message of some packets: its type, its payload, and where it ends.
fn message_of(bytes: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let (mut payload, mut at) = (Vec::new(), 0);
    loop {
        let header: [u8; HEADER] = bytes.get(at..at + HEADER)?.try_into().ok()?;
        let h = Header::read(&header)?;
        payload.extend_from_slice(bytes.get(at + HEADER..at + HEADER + h.payload)?);
        at += HEADER + h.payload;
        if h.last {
            return Some((h.kind, payload, at));
        }
    }
}

impl AsyncRead for Lent<'_> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        while me.read == me.shown.len() {
            // A token of ours, which answers what came before.
            ready!(me.poll_send(cx)).map_err(|e| me.note(e))?;
            let came = match (me.poll_message(cx), &mut me.silence) {
                (Poll::Pending, Some(silence)) => {
                    ready!(silence.as_mut().poll(cx));
                    me.silence = None;
                    (me.outgoing, me.sent) = (packets(kind::SSPI, &[], PACKET), 0);
                    continue;
                }
                (came, _) => ready!(came),
            };
            me.silence = None;
            match came {
                Ok(()) => {}
                Err(e) => {
                    if e.kind() == io::ErrorKind::UnexpectedEof {
                        // What came before the end may be the reason for it.
                        me.known.take(&me.message);
                    }
                    return Poll::Ready(Err(me.note(e)));
                }
            }
            let shown = me.known.take(&me.message);
            me.kept.extend_from_slice(&shown);
            me.message.clear();
            if me.answer().map_err(|e| me.stop(e))? {
                continue;
            }
            me.shown = packets(kind::REPLY, &std::mem::take(&mut me.kept), PACKET);
            me.read = 0;
        }
        let n = buf.remaining().min(me.shown.len() - me.read);
        buf.put_slice(&me.shown[me.read..me.read + n]);
        me.read += n;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Lent<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        me.written.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        if me.outgoing.is_empty() {
            me.gather().map_err(|e| me.stop(e))?;
        }
        me.poll_send(cx).map_err(|e| me.note(e))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
