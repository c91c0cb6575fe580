//! The answer to a call over HTTP: plain JSON if the outcome comes first, else an event stream.

use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::answer::{self, Answer, ChallengeOf};
use crate::call::Awaited;
use crate::encode::{ServerInfo, outcome, scope_told};
use crate::encoded::Encoded;
use crate::error::RpcError;
use crate::event_stream::{self, EventStream};
use crate::jsonrpc::Id;
use crate::kept::KeptStreams;
use crate::outcome::{Fault, Outcome};
use crate::version::ProtocolVersion;

/// How a call's event stream outlives its connection.
pub(crate) struct Resumable {
    pub(crate) kept: KeptStreams,
    /// How long it goes on without a reader.
    pub(crate) patience: Duration,
    /// Fires when the client is to come back for the rest.
    pub(crate) poll: CancellationToken,
}

/// Whom a call is answered, and how.
pub(crate) struct Responder<'r> {
    pub(crate) headers: &'r HeaderMap,
    pub(crate) id: Id,
    pub(crate) version: ProtocolVersion,
    /// This much silence opens an event stream; none for a client that takes no event streams.
    pub(crate) silence: Option<Duration>,
    pub(crate) keep_alive: Duration,
    pub(crate) challenge: &'r ChallengeOf,
    pub(crate) info: &'r ServerInfo,
}

impl Responder<'_> {
    /// Waits for the first message to the client, the outcome, or the end of the silence. A
    /// stateless client is asked nothing: what the center asks of it is a result.
    pub(crate) async fn answer(
        self,
        mut messages: Option<mpsc::Receiver<Encoded>>,
        mut call: Awaited,
        resumable: Option<Resumable>,
    ) -> Answer {
        let events = self.silence.is_some();
        let silence = tokio::time::sleep(self.silence.unwrap_or_default());
        tokio::pin!(silence);
        let poll = resumable.as_ref().map(|r| r.poll.clone()).unwrap_or_default();
        let first = loop {
            let message = async {
                match &mut messages {
                    Some(messages) => messages.recv().await,
                    None => None,
                }
            };
            tokio::select! {
                biased;
                Some(message) = message => if events { break Some(message) },
                end = &mut call => return self.complete(end),
                () = poll.cancelled(), if events => break None,
                () = &mut silence, if events => break None,
            }
        };
        // From here on it is polled only as fast as its client reads.
        call.apart();
        let (id, version, info) = (self.id, self.version, self.info.clone());
        let challenge = (self.challenge)(self.headers);
        let last = async move {
            // The status is sent: what it would have said goes into the result.
            let end = scope_told(call.await, |needed| challenge(needed));
            outcome(&id, end, version, &info).map(|(message, _)| message)
        };
        let messages = messages.unwrap_or_else(|| mpsc::channel(1).1);
        if let Some((stream, resumable)) = resumable.and_then(|r| Some((r.kept.begin()?, r))) {
            let answer = stream.read_from(0, self.keep_alive);
            first.into_iter().for_each(|message| stream.say(message));
            let Resumable { kept, patience, poll } = resumable;
            tokio::spawn(stream.serve(messages, last, poll, patience, kept));
            return answer;
        }
        let stream = EventStream::new(messages, last, self.keep_alive);
        match first {
            Some(message) => stream.after(message).into_answer(),
            None => stream.into_answer(),
        }
    }

    /// What a call came to, with its challenge where scopes are missing.
    fn complete(self, end: Outcome) -> Answer {
        let challenge = match &end {
            Outcome::Fault(Fault::Scope { needed }) => (self.challenge)(self.headers)(needed),
            _ => None,
        };
        let Some((message, status)) = outcome(&self.id, end, self.version, self.info) else {
            // Cancelled by notification: the specification says not to answer, but HTTP must, and
            // 202 would say that it was no request. Whoever takes no stream is told by an error.
            return match self.silence {
                Some(_) => event_stream::ended(),
                None => *answer::error(Some(&self.id), RpcError::cancelled()),
            };
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
        let mut answer = answer::json(status, message);
        if let Some(text) = challenge.and_then(|c| HeaderValue::from_str(&c).ok()) {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, text);
        }
        answer
    }
}
