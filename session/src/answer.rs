//! An answer that is being read, and how it is ended before its end (Attention, MS-TDS 2.2.1.7).

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use crate::error::Error;
use crate::event::Event;
use crate::packet::{header, kind, status};
use crate::session::{Phase, Session, in_time};
use crate::sink::{Discard, Sink};

/// The answer to a request. Dropping it leaves the session in flight: what is left of it is still
/// to be read, or the request is to be cancelled.
#[derive(Debug)]
pub struct Answer<'s> {
    session: &'s mut Session,
}

/// What is known of a request that was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// No request was in flight.
    Nothing,
    /// It was not sent to its end, so that no server has begun with it. The session is closed.
    Unsent,
    /// The server ended it and says so.
    Acknowledged,
    /// The server had answered to the end before it heard of it.
    AnsweredBefore,
    /// The server did not say in time, or the connection was lost: it may run on, or have been
    /// done. The session is closed.
    Unknown,
}

/// How long an acknowledgement is waited for, and through how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// From the Attention on.
    pub time: Duration,
    /// Bytes of the answer that may come before the acknowledgement.
    pub bytes: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self { time: Duration::from_secs(2), bytes: 1 << 30 }
    }
}

// === impl Answer ===

impl<'s> Answer<'s> {
    pub(crate) fn new(session: &'s mut Session) -> Self {
        Self { session }
    }

    /// The next thing that the answer says; none once, at its end. Rows go to the sink, which must
    /// be the same one where the future was dropped in mid-row. An error of the server is an
    /// event; an `Err` ends the session.
    #[inline]
    pub async fn next<S: Sink>(&mut self, sink: &mut S) -> Result<Option<Event>, Error> {
        match self.session.phase {
            Phase::Answering => {}
            Phase::Ready => return Ok(None),
            Phase::Dead(why) => return Err(Error::Unusable(why)),
            _ => return Err(Error::Unusable("the request is being cancelled")),
        }
        match self.session.pull(sink).await? {
            Some(Event::Done(done)) if done.attention => {
                let e = Error::protocol("it acknowledges an Attention that was not sent");
                Err(self.session.failed(e))
            }
            Some(event) => Ok(Some(event)),
            None => self.session.finish().map(|()| None),
        }
    }

    /// Reads the rest and keeps nothing of it.
    pub async fn skip(&mut self) -> Result<(), Error> {
        while self.next(&mut Discard).await?.is_some() {}
        Ok(())
    }
}

// === impl Session ===

impl Session {
    /// Ends the request that is in flight, wherever its answer stands. The Attention is sent once:
    /// where this future is dropped, another call goes on with waiting for the acknowledgement.
    pub async fn cancel(&mut self, patience: Patience) -> Cancelled {
        match self.phase {
            Phase::Ready => return Cancelled::Nothing,
            Phase::Dead(_) => return Cancelled::Unknown,
            Phase::Sending => {
                self.die("a request was taken back while it was being sent");
                return Cancelled::Unsent;
            }
            Phase::Interrupting => {
                self.die("an Attention was cut while it was being sent");
                return Cancelled::Unknown;
            }
            Phase::Answering | Phase::Interrupted => {}
        }
        match tokio::time::timeout(patience.time, self.interrupt(patience.bytes)).await {
            Ok(Some(known)) => known,
            Ok(None) | Err(_) => {
                self.die("a cancelled request was not acknowledged");
                Cancelled::Unknown
            }
        }
    }

    /// None where it cannot be known.
    async fn interrupt(&mut self, bytes: u64) -> Option<Cancelled> {
        if self.phase == Phase::Answering {
            self.phase = Phase::Interrupting;
            let packet = header(kind::ATTENTION, status::END_OF_MESSAGE, 0, 1);
            let wire = &mut self.wire;
            let sent = async {
                wire.write_all(&packet).await?;
                wire.flush().await
            };
            in_time(self.write_timeout, sent).await.ok()?;
            self.phase = Phase::Interrupted;
            (self.answered_before, self.acknowledged) = (false, false);
        }
        self.decoder.keep_nothing();
        self.reader.allow(bytes);
        loop {
            match self.pull(&mut Discard).await.ok()? {
                Some(Event::Done(done)) => self.acknowledged |= done.attention,
                Some(_) => {}
                None if self.acknowledged => {
                    let before = self.answered_before;
                    self.reader.allow(u64::MAX);
                    // A reset that was not confirmed makes the session unusable, no more.
                    let _ = self.finish();
                    return Some(match before {
                        true => Cancelled::AnsweredBefore,
                        false => Cancelled::Acknowledged,
                    });
                }
                // The acknowledgement comes in a message of its own.
                None => {
                    self.answered_before = true;
                    self.decoder.begin_discarding();
                    self.reader.next_message().ok()?;
                }
            }
        }
    }
}
