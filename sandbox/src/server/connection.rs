//! One session on the wire: requests, with an eye on Attention while one runs.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::BytesMut;
use tokio::io::{AsyncWriteExt, ReadHalf, WriteHalf};

use super::Server;
use super::session_thread::SessionThread;
use super::stream::Stream;
use crate::faults::{Attention, Faults};
use crate::run::Login;
use crate::tds::out::Piece;
use crate::tds::request;
use crate::tds::token::{self, Done, status};
use crate::tds::wire::{self, Message, kind, read_message};

/// Answers requests until the connection ends, in packets of `size` bytes.
pub(super) async fn run(
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
    answer_requests(&server, &mut reader, &mut answer, &mut thread).await
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
