//! The answer to a call over HTTP: plain JSON if the outcome comes first, else an event stream.

use std::time::Duration;

use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};
use tokio::sync::mpsc;

use crate::answer::{self, Answer, ChallengeOf};
use crate::call::Awaited;
use crate::encode::{Encoded, ServerInfo, outcome, scope_told};
use crate::error::RpcError;
use crate::event_stream::{self, EventStream};
use crate::jsonrpc::Id;
use crate::outcome::{Fault, Outcome};
use crate::version::ProtocolVersion;

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
    /// Waits for the first question to the client, the outcome, or the end of the silence. A
    /// stateless client is asked nothing: what the center asks of it is a result.
    pub(crate) async fn answer(
        self,
        mut questions: Option<mpsc::Receiver<Encoded>>,
        mut call: Awaited,
    ) -> Answer {
        let events = self.silence.is_some();
        let silence = tokio::time::sleep(self.silence.unwrap_or_default());
        tokio::pin!(silence);
        let question = loop {
            let question = async {
                match &mut questions {
                    Some(questions) => questions.recv().await,
                    None => None,
                }
            };
            tokio::select! {
                biased;
                Some(question) = question => if events { break Some(question) },
                end = &mut call => return self.complete(end),
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
        let questions = questions.unwrap_or_else(|| mpsc::channel(1).1);
        let stream = EventStream::new(questions, last, self.keep_alive);
        match question {
            Some(question) => stream.after(question).into_answer(),
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
