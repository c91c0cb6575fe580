//! Rows come in here. Whoever pushes them waits for no disk: full chunks go to a thread, which
//! seals and writes them, through a queue that says when it is full.

mod thread;

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use tokio::sync::{mpsc, oneshot};

pub(crate) use self::thread::Thread;
use crate::column::Column;
use crate::crypt::TAG;
use crate::error::{Error, Reason};
use crate::kept::Kept;
use crate::scan::is_row;
use crate::store::Options;

/// Bytes that chunks have at most, unless a row has more.
const LARGEST: usize = 16 << 20;
/// Chunks that may wait for the thread.
const QUEUE: usize = 2;
/// Result sets of one result.
const MOST_SETS: usize = 1000;
/// Columns of a result set that are kept in memory, which is what SQL Server has at most.
const MOST_COLUMNS: usize = 4096;

/// How much of a result is kept.
#[derive(Debug, Clone, Copy)]
pub struct Caps {
    /// Rows over all result sets.
    pub rows: u64,
    /// Bytes of all rows, each with one byte behind it.
    pub bytes: u64,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It was taken.
    Taken,
    /// It was taken, but the disk does not keep up: wait for [`Writer::room`] or
    /// [`Writer::wait_for_room`] before the next one. Memory grows otherwise.
    Full,
    /// It was not taken, and none will be.
    Ended(Reason),
}

/// Writes one result. One that is dropped before it is finished leaves nothing.
#[derive(Debug)]
pub struct Writer {
    handle: String,
    label: String,
    caps: Caps,
    chunk_bytes: usize,
    to: mpsc::Sender<Message>,
    kept: oneshot::Receiver<Result<Arc<Kept>, Error>>,
    ended: Arc<OnceLock<Reason>>,
    /// What there was no room for yet.
    waiting: VecDeque<Message>,
    chunk: Vec<u8>,
    chunk_rows: u32,
    /// Of the current result set.
    columns: Option<usize>,
    sets: usize,
    rows: u64,
    bytes: u64,
}

#[derive(Debug)]
enum Message {
    Begin(Vec<Column>),
    Rows(Vec<u8>, u32),
    /// With the label.
    Finish(String),
}

// === impl Caps ===

impl Default for Caps {
    /// None.
    fn default() -> Self {
        Self { rows: u64::MAX, bytes: u64::MAX }
    }
}

// === impl Writer ===

impl Writer {
    pub(crate) fn new(handle: String, options: Options, mut thread: Thread) -> Result<Self, Error> {
        let (to, from) = mpsc::channel(QUEUE);
        let (tell, kept) = oneshot::channel();
        let ended = Arc::new(OnceLock::new());
        let told = ended.clone();
        let written = thread.open()?;
        let body = move || thread.run(written, from, &told, tell);
        std::thread::Builder::new().name("spool".to_owned()).spawn(body)?;
        Ok(Self {
            handle,
            label: String::new(),
            caps: options.caps,
            chunk_bytes: options.chunk_bytes.clamp(1, LARGEST),
            to,
            kept,
            ended,
            waiting: VecDeque::new(),
            chunk: Vec::new(),
            chunk_rows: 0,
            columns: None,
            sets: 0,
            rows: 0,
            bytes: 0,
        })
    }

    /// What the result will be asked for by, once it is finished.
    pub fn handle(&self) -> &str {
        &self.handle
    }

    /// What [`Kept::label`] will say.
    pub fn set_label(&mut self, label: impl Into<String>) {
        self.label = label.into();
    }

    /// Rows that were taken, over all result sets.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Why no more rows are taken; none while they are.
    pub fn ended(&self) -> Option<Reason> {
        self.ended.get().copied()
    }

    /// A result set begins; rows belong to it from now on. Never blocks.
    pub fn begin(&mut self, columns: Vec<Column>) -> Pushed {
        if self.sets >= MOST_SETS || columns.len() > MOST_COLUMNS {
            self.end(Reason::MaxSets);
        }
        if let Some(reason) = self.ended() {
            return Pushed::Ended(reason);
        }
        self.columns = Some(columns.len());
        self.sets += 1;
        self.flush();
        self.waiting.push_back(Message::Begin(columns));
        self.offer()
    }

    /// Takes a row: the bytes of a JSON array with one value per column, in UTF-8 and without
    /// blanks between its parts. Never blocks.
    ///
    /// # Errors
    ///
    /// [`Error::Row`] where it is no row of the current result set; others may follow.
    pub fn push(&mut self, row: &[u8]) -> Result<Pushed, Error> {
        if let Some(reason) = self.ended() {
            return Ok(Pushed::Ended(reason));
        }
        // Longer ones could not be sealed together with their lengths of 32 bits.
        let short = row.len() < (u32::MAX / 2) as usize;
        if !short || !self.columns.is_some_and(|columns| is_row(row, columns)) {
            return Err(Error::Row);
        }
        let bytes = self.bytes.saturating_add(row.len() as u64 + 1);
        let over = match () {
            _ if self.rows >= self.caps.rows => Some(Reason::MaxRows),
            _ if bytes > self.caps.bytes => Some(Reason::MaxBytes),
            _ => None,
        };
        if let Some(reason) = over {
            self.end(reason);
            return Ok(Pushed::Ended(reason));
        }
        if self.chunk.len() + row.len() >= self.chunk_bytes {
            self.flush();
        }
        self.chunk.extend_from_slice(row);
        self.chunk.push(b'\n');
        self.chunk_rows += 1;
        self.rows += 1;
        self.bytes = bytes;
        Ok(if self.waiting.is_empty() { Pushed::Taken } else { self.offer() })
    }

    /// Takes a row as [`Writer::push`] does, and waits where the disk does not keep up.
    ///
    /// # Errors
    ///
    /// As [`Writer::push`].
    ///
    /// # Panics
    ///
    /// Within async code, which must not be blocked.
    pub fn push_and_wait(&mut self, row: &[u8]) -> Result<Pushed, Error> {
        match self.push(row)? {
            Pushed::Full => {
                self.wait_for_room();
                Ok(Pushed::Taken)
            }
            other => Ok(other),
        }
    }

    /// No more rows are taken: the result is not whole, for this reason, unless it has ended
    /// before for another.
    pub fn end(&mut self, reason: Reason) {
        let _ = self.ended.set(reason);
    }

    /// Comes back when a row can be taken without memory growing. It may be dropped and called
    /// again.
    pub async fn room(&mut self) {
        while !self.waiting.is_empty() {
            // The thread has gone: whoever finishes is told.
            let Ok(room) = self.to.reserve().await else { return self.waiting.clear() };
            if let Some(message) = self.waiting.pop_front() {
                room.send(message);
            }
        }
    }

    /// As [`Writer::room`], for a thread that may block.
    ///
    /// # Panics
    ///
    /// Within async code.
    pub fn wait_for_room(&mut self) {
        while let Some(message) = self.waiting.pop_front() {
            if self.to.blocking_send(message).is_err() {
                return self.waiting.clear();
            }
        }
    }

    /// Writes what is left; the result can be asked for from now on.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] where the thread has ended early. A disk that filled up later is no error, but a [`Reason`].
    pub async fn finish(mut self) -> Result<Arc<Kept>, Error> {
        self.flush();
        let label = std::mem::take(&mut self.label);
        self.waiting.push_back(Message::Finish(label));
        self.room().await;
        self.kept.await.map_err(|_| Error::Gone)?
    }

    /// As [`Writer::finish`], for a thread that may block.
    ///
    /// # Errors
    ///
    /// As [`Writer::finish`].
    ///
    /// # Panics
    ///
    /// Within async code.
    pub fn finish_and_wait(mut self) -> Result<Arc<Kept>, Error> {
        self.flush();
        let label = std::mem::take(&mut self.label);
        self.waiting.push_back(Message::Finish(label));
        self.wait_for_room();
        self.kept.blocking_recv().map_err(|_| Error::Gone)?
    }

    /// Puts the chunk into the queue.
    fn flush(&mut self) {
        if self.chunk_rows > 0 {
            // The next one is likely to be as long; the tag is sealed into the same memory.
            let next = Vec::with_capacity(self.chunk.len().min(self.chunk_bytes) + TAG);
            let chunk = std::mem::replace(&mut self.chunk, next);
            self.waiting.push_back(Message::Rows(chunk, std::mem::take(&mut self.chunk_rows)));
        }
    }

    fn offer(&mut self) -> Pushed {
        while let Some(message) = self.waiting.pop_front() {
            match self.to.try_send(message) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(message)) => {
                    self.waiting.push_front(message);
                    return Pushed::Full;
                }
                Err(mpsc::error::TrySendError::Closed(_)) => {
                    self.waiting.clear();
                    self.end(Reason::DiskFailed);
                }
            }
        }
        Pushed::Taken
    }
}
