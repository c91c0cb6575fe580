//! The way from the engine's thread to the socket: tokens in pieces, bounded, so that a slow client
//! holds the engine back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

use crate::error::{Error, Result};
use crate::tds::token::{self, Done, status};

/// What the engine's thread sends to its connection.
#[derive(Debug)]
pub(crate) enum Piece {
    Data(Bytes),
    /// What came is to be sent, even in a packet that is not full.
    Flush,
    /// The request is over.
    End,
    /// The socket is to be closed now.
    Drop,
}

/// Number of the internal error that ends a cancelled request.
pub(crate) const CANCELLED: u32 = u32::MAX;

/// Where a request's tokens go.
#[derive(Debug)]
pub(crate) struct Out {
    buf: BytesMut,
    to: mpsc::Sender<Piece>,
    /// An Attention sets it.
    pub(crate) cancel: Arc<AtomicBool>,
    /// Rows written, over the whole sandbox.
    pub(crate) rows_sent: Arc<AtomicU64>,
    /// The last DONE, held back until it is known whether more follows.
    pending: Option<(Done, u16, u16, u64)>,
    /// A fault: how long to wait before each row.
    pub(crate) row_delay: Option<Duration>,
    /// A fault: how many rows come before the socket is closed.
    pub(crate) drop_after_rows: Option<u64>,
}

impl Out {
    pub(crate) fn new(
        to: mpsc::Sender<Piece>,
        cancel: Arc<AtomicBool>,
        rows_sent: Arc<AtomicU64>,
    ) -> Self {
        Self {
            buf: BytesMut::new(),
            to,
            cancel,
            rows_sent,
            pending: None,
            row_delay: None,
            drop_after_rows: None,
        }
    }

    pub(crate) fn cancelled() -> Error {
        Error::new(CANCELLED, 25, "cancelled")
    }

    /// Fails once the request was cancelled.
    pub(crate) fn check(&self) -> Result<()> {
        if self.cancel.load(Ordering::Acquire) { Err(Self::cancelled()) } else { Ok(()) }
    }

    fn send(&mut self, p: Piece) -> Result<()> {
        self.to.blocking_send(p).map_err(|_| Self::cancelled())
    }

    fn settle(&mut self) {
        if let Some((kind, st, cmd, rows)) = self.pending.take() {
            token::done(kind, st | status::MORE, cmd, rows, &mut self.buf);
        }
    }

    pub(crate) fn write(&mut self, f: impl FnOnce(&mut BytesMut)) -> Result<()> {
        self.settle();
        f(&mut self.buf);
        if self.buf.len() > 16 << 10 { self.pass_on() } else { Ok(()) }
    }

    fn pass_on(&mut self) -> Result<()> {
        let b = self.buf.split().freeze();
        if b.is_empty() { Ok(()) } else { self.send(Piece::Data(b)) }
    }

    /// Writes a row, with the faults that concern rows.
    pub(crate) fn row(&mut self, f: impl FnOnce(&mut BytesMut)) -> Result<()> {
        self.check()?;
        self.pause()?;
        if let Some(left) = self.drop_after_rows {
            if left == 0 {
                let half = self.buf.len();
                self.write(f)?;
                // Cut the row in its middle: the client must see a broken token stream.
                let cut = half + (self.buf.len() - half) / 2;
                self.buf.truncate(cut.max(1));
                self.flush()?;
                self.send(Piece::Drop)?;
                return Err(Self::cancelled());
            }
            self.drop_after_rows = Some(left - 1);
        }
        self.rows_sent.fetch_add(1, Ordering::Relaxed);
        self.write(f)
    }

    /// Waits as the fault has it, with all sent that there is.
    pub(crate) fn pause(&mut self) -> Result<()> {
        let Some(delay) = self.row_delay else { return Ok(()) };
        self.flush()?;
        #[expect(
            clippy::disallowed_methods,
            reason = "a session's engine has a thread of its own"
        )]
        std::thread::sleep(delay);
        self.check()
    }

    /// Comes out with the next token, when it is known whether it is the last.
    pub(crate) fn done(&mut self, kind: Done, status: u16, command: u16, rows: u64) {
        self.settle();
        self.pending = Some((kind, status, command, rows));
    }

    /// Sends what there is, even in a packet that is not full.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.pass_on()?;
        self.send(Piece::Flush)
    }

    /// Ends an answer whose last DONE was written with it.
    pub(crate) fn end_as_it_is(&mut self, cancelled: bool) {
        if !cancelled {
            let _ = self.pass_on();
        }
        let _ = self.send(Piece::End);
    }

    /// Ends the answer; a cancelled one is without its last DONE, for which the acknowledgement is.
    pub(crate) fn end(&mut self, cancelled: bool) {
        match self.pending.take() {
            _ if cancelled => {}
            Some((kind, st, cmd, rows)) => token::done(kind, st, cmd, rows, &mut self.buf),
            None => token::done(Done::Statement, 0, 0, 0, &mut self.buf),
        }
        let _ = self.pass_on();
        let _ = self.send(Piece::End);
    }
}
