//! One client connection: PRELOGIN, TLS, LOGIN7, then requests, with an eye on Attention while one
//! runs.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::BytesMut;
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;

use super::Server;
use super::login::{self, Admitted, Login7};
use super::prelogin::{self, Stream, encryption, handshake, strict_handshake};
use super::session_thread::SessionThread;
use crate::faults::{Attention, Faults};
use crate::run::Login;
use crate::tds::out::Piece;
use crate::tds::request;
use crate::tds::token::{self, Done, status};
use crate::tds::wire::{self, Message, kind, read_message};

/// The packet size until a login asks for another.
const PACKET_SIZE: usize = 4096;

/// The first byte of a TLS handshake (RFC 8446 §5.1, ContentType).
const TLS_HANDSHAKE: u8 = 22;

/// Serves one connection to its end.
pub(super) async fn serve(server: Arc<Server>, mut tcp: TcpStream, spid: i64) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    if server.faults().drop_before_login {
        return Ok(());
    }
    let mut first = [0];
    if tcp.peek(&mut first).await? == 1 && first[0] == TLS_HANDSHAKE {
        return serve_strict(server, tcp, spid).await;
    }
    let Some(hello) = read_message(&mut tcp).await? else { return Ok(()) };
    if hello.kind != kind::PRELOGIN {
        return Ok(());
    }
    let answer = match prelogin::wanted_encryption(&hello.body) {
        _ if !server.options.tls => encryption::NOT_SUPPORTED,
        wanted @ (encryption::OFF | encryption::NOT_SUPPORTED) => wanted,
        // Whoever wants it, or requires it.
        _ => encryption::ON,
    };
    let mut out = BytesMut::new();
    wire::packets(&prelogin::answer(answer), PACKET_SIZE, &mut 0, true, &mut out);
    tcp.write_all(&out).await?;
    let (stream, login) = match answer {
        encryption::ON => {
            let mut tls = handshake(&server.tls.in_prelogin, tcp).await?;
            let login = read_message(&mut tls).await?;
            (Stream::Tls(Box::new(tls)), login)
        }
        // Only LOGIN7 is encrypted; afterwards the socket is plain again.
        encryption::OFF => {
            let mut tls = handshake(&server.tls.in_prelogin, tcp).await?;
            let login = read_message(&mut tls).await?;
            (Stream::Plain(tls.into_inner().0.into_inner()), login)
        }
        _ => {
            let login = read_message(&mut tcp).await?;
            (Stream::Plain(tcp), login)
        }
    };
    session(server, stream, login, spid).await
}

/// TDS 8.0: TLS comes first, and all else is within it.
async fn serve_strict(server: Arc<Server>, tcp: TcpStream, spid: i64) -> io::Result<()> {
    if !server.options.tls {
        return Ok(());
    }
    let mut tls = strict_handshake(&server.tls.strict, tcp).await?;
    match read_message(&mut tls).await? {
        Some(hello) if hello.kind == kind::PRELOGIN => {}
        _ => return Ok(()),
    }
    let mut out = BytesMut::new();
    wire::packets(&prelogin::answer(encryption::ON), PACKET_SIZE, &mut 0, true, &mut out);
    tls.write_all(&out).await?;
    tls.flush().await?;
    let login = read_message(&mut tls).await?;
    session(server, Stream::Tls(Box::new(tls)), login, spid).await
}

/// Answers the login, and then requests.
async fn session(
    server: Arc<Server>,
    mut stream: Stream,
    message: Option<Message>,
    spid: i64,
) -> io::Result<()> {
    let Some(message) = message.filter(|m| m.kind == kind::LOGIN) else { return Ok(()) };
    let mut login = login::read(message.body.freeze())?;
    // A TLS record holds 16 KiB, and a packet may not be larger.
    if matches!(stream, Stream::Tls(_)) {
        login.packet_size = login.packet_size.min(16_383);
    }
    let faults = server.faults();
    if let Some(delay) = faults.login_delay {
        tokio::time::sleep(delay).await;
    }
    let mut tokens = BytesMut::new();
    let admitted = login::admit(&server.options, &server.shared, &login);
    match &admitted {
        Err(told) if login.tds_version >> 24 < 0x72 => {
            told.iter().for_each(|e| token::error_before_7_2(e, &mut tokens));
        }
        Err(told) => {
            told.iter().for_each(|e| token::error(e, &mut tokens));
            token::done(Done::Statement, status::ERROR, 0, 0, &mut tokens);
        }
        Ok(admitted) => login::greet(&login, &admitted.database, &faults, &mut tokens),
    }
    let mut out = BytesMut::new();
    wire::packets(&tokens, PACKET_SIZE, &mut 1, true, &mut out);
    stream.write_all(&out).await?;
    stream.flush().await?;
    match admitted {
        Ok(admitted) if faults.route_to.is_none() => {
            let size = login.packet_size;
            let Login7 { user, program, host, .. } = login;
            let Admitted { database, access } = admitted;
            let login = Login { user, program, host, database, access };
            run(server, stream, size, login, spid).await
        }
        _ => stream.shutdown().await,
    }
}

async fn run(
    server: Arc<Server>,
    stream: Stream,
    size: usize,
    login: Login,
    spid: i64,
) -> io::Result<()> {
    let Some(mut thread) = SessionThread::start(server.clone(), login, spid).await? else {
        return Ok(());
    };
    let (mut reader, writer) = tokio::io::split(stream);
    let mut answer = Answer::new(writer, size);
    let result = answer_requests(&server, &mut reader, &mut answer, &mut thread).await;
    thread.stop();
    result
}

/// How a request ended.
enum Ended {
    /// It was answered, and this is the next message, or the client has gone.
    Answered(Option<Message>),
    /// It was cancelled, and that is to be acknowledged.
    Attention,
    /// The connection is over.
    Closed,
}

async fn answer_requests(
    server: &Server,
    reader: &mut ReadHalf<Stream>,
    answer: &mut Answer,
    thread: &mut SessionThread,
) -> io::Result<()> {
    let mut next = read_message(reader).await?;
    while let Some(message) = next {
        answer.begin();
        if message.kind == kind::ATTENTION {
            // Nothing runs: the acknowledgement stands alone.
            acknowledge(server, reader, answer).await?;
            next = read_message(reader).await?;
            continue;
        }
        let request = request::read(message.kind, message.body.freeze());
        server.requests.fetch_add(1, Ordering::Relaxed);
        answer.fail_as(&server.faults());
        if !thread.send(message.reset, request).await {
            return Ok(());
        }
        next = match answer_one(server, reader, answer, thread).await? {
            Ended::Answered(message) => message,
            Ended::Attention => {
                acknowledge(server, reader, answer).await?;
                read_message(reader).await?
            }
            Ended::Closed => return Ok(()),
        };
    }
    Ok(())
}

/// Passes an answer on while it is made, and reads on for an Attention.
async fn answer_one(
    server: &Server,
    reader: &mut ReadHalf<Stream>,
    answer: &mut Answer,
    thread: &mut SessionThread,
) -> io::Result<Ended> {
    let mut reading = pin!(read_message(reader));
    let mut attention = false;
    let mut early: Option<Message> = None;
    loop {
        tokio::select! {
            message = &mut reading, if !attention && early.is_none() => match message? {
                Some(m) if m.kind == kind::ATTENTION => {
                    server.attentions.fetch_add(1, Ordering::Relaxed);
                    attention = true;
                    let runs_on = [Attention::Lost, Attention::AfterAnswer];
                    if !runs_on.contains(&server.faults().attention) {
                        thread.cancel();
                    }
                }
                None => return Ok(Ended::Closed),
                other => early = other,
            },
            piece = thread.next_piece() => match piece {
                None | Some(Piece::Drop) => {
                    answer.send(false).await?;
                    return Ok(Ended::Closed);
                }
                Some(Piece::Data(data)) => answer.data(&data).await?,
                Some(Piece::Flush) => answer.send(false).await?,
                Some(Piece::End) => break,
            },
        }
    }
    if attention {
        // An answer that nothing interrupted is whole, and a message of its own.
        if server.faults().attention == Attention::AfterAnswer {
            answer.send(true).await?;
        }
        return Ok(Ended::Attention);
    }
    answer.send(true).await?;
    // The read that watched for an Attention may already hold a part of the next message.
    Ok(Ended::Answered(match early {
        Some(message) => Some(message),
        None => reading.await?,
    }))
}

/// DONE with the attention bit, behind what was answered, unless a fault keeps it back.
async fn acknowledge(
    server: &Server,
    reader: &mut ReadHalf<Stream>,
    answer: &mut Answer,
) -> io::Result<()> {
    match server.faults().attention {
        Attention::Lost => {
            // Whoever gave up closes the connection, and with it goes what its transaction locked.
            while read_message(reader).await?.is_some() {}
            return Ok(());
        }
        Attention::Late(delay) => tokio::time::sleep(delay).await,
        Attention::Twice => {
            token::done(Done::Statement, status::ATTENTION, 0, 0, &mut answer.unsent);
            answer.send(true).await?;
        }
        Attention::Normal | Attention::AfterAnswer => {}
    }
    token::done(Done::Statement, status::ATTENTION, 0, 0, &mut answer.unsent);
    answer.send(true).await
}

/// An answer on its way into packets.
struct Answer {
    writer: WriteHalf<Stream>,
    /// Of a packet, with its header.
    size: usize,
    /// Faults, as they were when the request came.
    write_size: Option<usize>,
    cut_at: Option<usize>,
    next_id: u8,
    unsent: BytesMut,
}

impl Answer {
    fn new(writer: WriteHalf<Stream>, size: usize) -> Self {
        Self { writer, size, write_size: None, cut_at: None, next_id: 1, unsent: BytesMut::new() }
    }

    fn fail_as(&mut self, faults: &Faults) {
        (self.write_size, self.cut_at) = (faults.write_size, faults.cut_answer_at);
    }

    fn begin(&mut self) {
        self.next_id = 1;
        self.unsent.clear();
    }

    /// Sends what fills packets. Only the last packet of a message may be short, so at least a byte
    /// stays behind for it.
    async fn data(&mut self, data: &[u8]) -> io::Result<()> {
        self.unsent.extend_from_slice(data);
        let room = self.size - 8;
        if self.unsent.len() > room {
            let whole = (self.unsent.len() - 1) / room * room;
            let full = self.unsent.split_to(whole);
            self.packets(&full, false).await?;
        }
        Ok(())
    }

    /// Sends everything; `last` ends the message.
    async fn send(&mut self, last: bool) -> io::Result<()> {
        let rest = self.unsent.split();
        if last || !rest.is_empty() {
            self.packets(&rest, last).await?;
        }
        self.writer.flush().await
    }

    async fn packets(&mut self, payload: &[u8], last: bool) -> io::Result<()> {
        let mut out = BytesMut::with_capacity(payload.len() + 64);
        wire::packets(payload, self.size, &mut self.next_id, last, &mut out);
        if let Some(left) = &mut self.cut_at {
            if out.len() >= *left {
                self.writer.write_all(&out[..*left]).await?;
                self.writer.shutdown().await?;
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            *left -= out.len();
        }
        let Some(size) = self.write_size else { return self.writer.write_all(&out).await };
        for chunk in out.chunks(size.max(1)) {
            self.writer.write_all(chunk).await?;
            self.writer.flush().await?;
        }
        Ok(())
    }
}
