//! A session: one request at a time, and its answer. Whatever future is dropped, the session knows
//! where it stands.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;

use crate::answer::Answer;
use crate::connect::Target;
use crate::cursor::{Cursor, Stop};
use crate::decode::{Bounds, Decoder};
use crate::error::Error;
use crate::event::{Environment, Event, LoginAck};
use crate::login::Known;
use crate::packet::{HEADER, header, kind, status};
use crate::reader::Reader;
use crate::request::{self, Trace};
use crate::rpc::Rpc;
use crate::sink::Sink;
use crate::types::Collation;
use crate::wire::Wire;

/// What of a session's making cannot be had later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// Collations whose names end in `_UTF8`.
    pub utf8: bool,
    /// json as a type of its own, rather than nvarchar(max).
    pub json: bool,
    /// vector as a type of its own, rather than varchar(max).
    pub vector: bool,
    /// Sensitivity labels of columns.
    pub labels: bool,
}

/// How a session was reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Way {
    /// The address that answered.
    pub peer: Option<SocketAddr>,
    /// TLS, where the login was encrypted.
    pub tls: Option<TlsSeen>,
    /// TLS ended behind the login.
    pub login_only: bool,
}

/// What was seen of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSeen {
    /// Such as `TLS 1.3`.
    pub version: &'static str,
    /// The server's certificate (DER).
    pub certificate: Vec<u8>,
}

/// How far the last request came, for whoever must know whether it may have run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Its last packet is sent: before that no server begins with it.
    pub sent: bool,
    /// A part of its answer came.
    pub answered: bool,
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing is in flight.
    Ready,
    /// A part of a request is sent.
    Sending,
    /// A request is sent, and its answer is not read to its end.
    Answering,
    /// An Attention may be sent in part.
    Interrupting,
    /// An Attention is sent, and not acknowledged.
    Interrupted,
    /// Never to be used again.
    Dead(&'static str),
}

/// A connection that is logged in.
pub struct Session {
    pub(crate) wire: Wire,
    pub(crate) reader: Reader,
    pub(crate) decoder: Decoder,
    pub(crate) phase: Phase,
    known: Known,
    way: Way,
    /// Of the server's PRELOGIN.
    version: (u8, u8, u16),
    packet_size: usize,
    packet: Vec<u8>,
    descriptor: u64,
    bounds: Bounds,
    trace: Option<Trace>,
    progress: Progress,
    reset_next: bool,
    /// A reset was asked for, and the answer has not confirmed it.
    reset_awaited: bool,
    /// Of a request that is being cancelled: its answer was read to the end.
    pub(crate) answered_before: bool,
    /// Of the same: the acknowledgement came, but not the end of its message.
    pub(crate) acknowledged: bool,
    pub(crate) write_timeout: Duration,
}

impl std::fmt::Debug for Session {
    /// Without its buffers, which hold requests and rows.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("phase", &self.phase)
            .field("database", &self.known.database)
            .finish_non_exhaustive()
    }
}

// === impl Session ===

impl Session {
    pub(crate) fn new(
        wire: Wire,
        known: Known,
        way: Way,
        version: (u8, u8, u16),
        write_timeout: Duration,
    ) -> Self {
        let packet_size = known.packet_size.map_or(4096, |n| n as usize);
        Self {
            reader: Reader::new(packet_size),
            decoder: Decoder::new(known.classification),
            phase: Phase::Ready,
            wire,
            known,
            way,
            version,
            packet_size,
            packet: Vec::new(),
            descriptor: 0,
            bounds: Bounds::default(),
            trace: None,
            progress: Progress::default(),
            reset_next: false,
            reset_awaited: false,
            answered_before: false,
            acknowledged: false,
            write_timeout,
        }
    }

    /// Connects and logs in.
    pub async fn connect(target: &Target) -> Result<Self, Error> {
        target.session().await
    }

    /// Whether anything listens there; nothing is sent.
    pub async fn reach(host: &str, port: u16, at_once: bool) -> Result<(), Error> {
        crate::dial::open(host, port, at_once).await.map(drop)
    }

    /// Logs in over a connection that was made in another way.
    pub async fn over(tcp: TcpStream, target: &Target) -> Result<Self, Error> {
        target.session_over(tcp).await
    }

    /// Sends a text as a batch (SQLBatch, MS-TDS 2.2.6.7).
    pub async fn batch(&mut self, text: &str) -> Result<Answer<'_>, Error> {
        let mut body = request::all_headers(self.descriptor_for_request(), self.trace);
        request::utf16(text, &mut body);
        self.request(kind::BATCH, body).await
    }

    /// Calls a procedure (RPC, MS-TDS 2.2.6.6). A parameter that does not fit its type is an error
    /// before anything is sent.
    pub async fn call(&mut self, rpc: &Rpc<'_>) -> Result<Answer<'_>, Error> {
        let mut body = request::all_headers(self.descriptor_for_request(), self.trace);
        rpc.write(self.collation(), &mut body)?;
        self.request(kind::RPC, body).await
    }

    /// The answer that is not read to its end; none where there is none.
    pub fn answer(&mut self) -> Option<Answer<'_>> {
        (self.phase == Phase::Answering).then(|| Answer::new(self))
    }

    /// The next request resets the connection before it runs (RESETCONNECTION, MS-TDS 2.2.3.1.2):
    /// options, `#t`, cursors and an open transaction are gone; the isolation level stays. Where
    /// the server does not confirm it, the answer ends in an error, and is not to be used.
    pub fn reset_next(&mut self) {
        self.reset_next = true;
    }

    /// How much is kept of the answers to the requests from now on.
    pub fn set_bounds(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// The activity that requests from now on belong to (MS-TDS 2.2.5.3.3).
    pub fn set_trace(&mut self, trace: Option<Trace>) {
        self.trace = trace;
    }

    /// Whether a request can be sent.
    pub fn is_ready(&self) -> bool {
        self.phase == Phase::Ready
    }

    /// Whether it is worth keeping: not so once it was lost, or left in mid-request.
    pub fn is_usable(&self) -> bool {
        !matches!(self.phase, Phase::Dead(_) | Phase::Sending | Phase::Interrupting)
    }

    /// Whether nothing came without being asked for: neither bytes nor the end of the connection.
    pub async fn is_quiet(&mut self) -> bool {
        if self.phase != Phase::Ready || self.reader.holds_more() {
            return false;
        }
        let mut byte = [0; 1];
        let wire = &mut self.wire;
        let read = poll_fn(|cx| {
            let mut room = ReadBuf::new(&mut byte);
            Poll::Ready(Pin::new(&mut *wire).poll_read(cx, &mut room).is_pending())
        });
        let quiet = read.await;
        if !quiet {
            self.die("something came from the server that no request had asked for");
        }
        quiet
    }

    /// How far the last request came, also where the connection was lost over it.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// The database that is in use.
    pub fn database(&self) -> &str {
        &self.known.database
    }

    /// What the server said of itself when it took the login.
    pub fn server(&self) -> &LoginAck {
        &self.known.ack
    }

    /// The server's version from its PRELOGIN: major, minor, build.
    pub fn version(&self) -> (u8, u8, u16) {
        self.version
    }

    /// How it was reached.
    pub fn way(&self) -> &Way {
        &self.way
    }

    /// Which features both sides have.
    pub fn agreed(&self) -> Agreed {
        let k = &self.known;
        Agreed { utf8: k.utf8, json: k.json, vector: k.vector, labels: k.classification > 0 }
    }

    /// Bytes of a packet, its header included.
    pub fn packet_size(&self) -> usize {
        self.packet_size
    }

    /// Whether the bytes go through TLS.
    pub fn is_encrypted(&self) -> bool {
        self.wire.is_tls()
    }

    /// Whether a transaction is open, as far as answers were read.
    pub fn in_transaction(&self) -> bool {
        self.descriptor != 0
    }

    /// The default collation of the database in use.
    pub(crate) fn collation(&self) -> Collation {
        self.known.collation.map(Collation).unwrap_or_default()
    }

    fn descriptor_for_request(&self) -> u64 {
        // A reset ends the transaction before the request is looked at.
        if self.reset_next { 0 } else { self.descriptor }
    }

    async fn request(&mut self, kind: u8, body: Vec<u8>) -> Result<Answer<'_>, Error> {
        self.progress = Progress::default();
        match self.phase {
            Phase::Ready if self.reader.holds_more() => {
                let why = "something came from the server that no request had asked for";
                self.die(why);
                return Err(Error::Unusable(why));
            }
            Phase::Ready => {}
            Phase::Dead(why) => return Err(Error::Unusable(why)),
            _ => return Err(Error::Unusable("the session has a request in flight")),
        }
        self.phase = Phase::Sending;
        if let Err(e) = self.send(kind, &body).await {
            self.die("the connection broke while a request was sent");
            return Err(e);
        }
        drop(body);
        self.progress.sent = true;
        self.decoder.begin(self.bounds);
        let next = self.reader.next_message();
        self.phase = Phase::Answering;
        next.map_err(|e| self.failed(e))?;
        Ok(Answer::new(self))
    }

    /// Sends a message packet by packet. Dropped in between it leaves the server without the last
    /// packet, and the session in `Sending`, where nothing can be sent any more: what a server does
    /// with a request that is taken back (IGNORE) is not to be relied on.
    async fn send(&mut self, kind: u8, body: &[u8]) -> Result<(), Error> {
        let reset = std::mem::take(&mut self.reset_next);
        if reset {
            (self.reset_awaited, self.descriptor) = (true, 0);
        }
        let room = self.packet_size - HEADER;
        let count = body.len().div_ceil(room).max(1);
        for n in 0..count {
            let piece = &body[n * room..body.len().min((n + 1) * room)];
            let mut bits = if n + 1 == count { status::END_OF_MESSAGE } else { 0 };
            if reset && n == 0 {
                bits |= status::RESET_CONNECTION;
            }
            self.packet.clear();
            self.packet.extend_from_slice(&header(kind, bits, piece.len(), (n + 1) as u8));
            self.packet.extend_from_slice(piece);
            let wire = &mut self.wire;
            in_time(self.write_timeout, wire.write_all(&self.packet)).await?;
        }
        in_time(self.write_timeout, self.wire.flush()).await
    }

    /// The next event of the answer; none at the end of its message.
    #[inline]
    pub(crate) async fn pull<S: Sink>(&mut self, sink: &mut S) -> Result<Option<Event>, Error> {
        loop {
            let mut c = Cursor::new(self.reader.payload());
            let step = self.decoder.step(&mut c, sink);
            let taken = c.position();
            self.reader.take(taken);
            match step {
                Ok(event) => {
                    if !matches!(event, Event::Row) {
                        self.note(&event);
                    }
                    return Ok(Some(event));
                }
                Err(Stop::Bad(what)) => return Err(self.failed(Error::protocol(what))),
                Err(Stop::More) if self.reader.ended() => {
                    if self.reader.payload().is_empty() && self.decoder.between_tokens() {
                        return Ok(None);
                    }
                    return Err(self.failed(Error::protocol("it ends within a token")));
                }
                Err(Stop::More) => {
                    let filled = self.reader.fill(&mut self.wire).await;
                    filled.map_err(|e| self.failed(e))?;
                    self.progress.answered = true;
                }
            }
        }
    }

    /// The answer is read to its end.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        if std::mem::take(&mut self.reset_awaited) {
            let e = Error::protocol("the server did not confirm that it has reset the connection");
            return Err(self.failed(e));
        }
        self.phase = Phase::Ready;
        Ok(())
    }

    pub(crate) fn failed(&mut self, e: Error) -> Error {
        self.die(match e {
            Error::Protocol(_) => "the server's answer could not be read",
            _ => "the connection is lost",
        });
        e
    }

    /// Closes the connection, without a word to the server.
    pub(crate) fn die(&mut self, why: &'static str) {
        self.phase = Phase::Dead(why);
        self.wire = Wire::Closed;
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Environment(Environment::Transaction(d)) => self.descriptor = *d,
            Event::Environment(Environment::PacketSize(n)) => self.packet_size = *n as usize,
            Event::Environment(Environment::Collation(c)) => self.known.collation = Some(*c),
            Event::Environment(Environment::Database(name)) => {
                self.known.database.clone_from(name);
            }
            Event::Environment(Environment::Reset) => {
                (self.reset_awaited, self.descriptor) = (false, 0);
            }
            _ => {}
        }
    }
}

pub(crate) async fn in_time(
    limit: Duration,
    write: impl Future<Output = std::io::Result<()>>,
) -> Result<(), Error> {
    match tokio::time::timeout(limit, write).await {
        Ok(written) => written.map_err(|e| Error::lost(&e)),
        Err(_) => Err(Error::Stalled),
    }
}
