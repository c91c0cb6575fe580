//! The event streams of streamable HTTP that no call opens: a session's one stream (GET), and
//! subscriptions of stateless clients.

use http::request::Parts;
use http::{StatusCode, header};
use tokio::sync::mpsc;

use crate::answer::{self, Answered};
use crate::call::{call, caught};
use crate::changes::{Filter, subscription};
use crate::encode::outcome;
use crate::event_stream::EventStream;
use crate::headers::{self, LAST_EVENT};
use crate::jsonrpc::Id;
use crate::outcome::{Outcome, Reply};
use crate::request::McpRequest;
use crate::sessions::Subscribed;
use crate::stateless::{honoured, subscribed, unsubscribed};
use crate::streamable::{Streamable, WAITING};
use crate::version::ProtocolVersion;

impl Streamable {
    /// A stream for what no call says: what changes. Or the rest of a call's stream, where the
    /// client comes back for that.
    pub(crate) async fn listen(&self, parts: &Parts) -> Answered {
        let session = self.session(parts, None).await?;
        let refused = |status, message: &str| Err(answer::refused(status, None, message));
        // Here no header does not take all: the specification has the client say it.
        if !parts.headers.contains_key(header::ACCEPT) {
            return refused(StatusCode::NOT_ACCEPTABLE, "Accept must allow text/event-stream");
        }
        answer::check_events(&parts.headers, None)?;
        let keep_alive = self.options.keep_alive;
        if let Some(last) = headers::text(&parts.headers, &LAST_EVENT) {
            let Some(rest) = session.kept.resume(last, keep_alive) else {
                let message = "Last-Event-ID names no stream that is still there";
                return refused(StatusCode::BAD_REQUEST, message);
            };
            return Ok(rest);
        }
        let Some(listening) = session.listen() else {
            return refused(StatusCode::CONFLICT, "This session has a stream already");
        };
        let (out, messages) = mpsc::channel(WAITING);
        let (closed, closing) = (session.closed.clone(), self.options.closing.clone());
        let listener = self.options.changes.listen();
        tokio::spawn(async move {
            listener.forward(out, None, |change| session.told(change)).await;
        });
        let end = async move {
            tokio::select! {
                () = closed.cancelled() => {}
                () = closing.cancelled() => {}
            }
            drop(listening);
            None
        };
        Ok(EventStream::new(messages, end, keep_alive).into_answer())
    }

    /// `subscriptions/listen`: a stream of what the center honours of it.
    pub(crate) async fn subscription(
        &self,
        id: Id,
        version: ProtocolVersion,
        request: McpRequest,
        place: Subscribed,
    ) -> Answered {
        let listener = self.options.changes.listen();
        let (info, closing) = (self.options.info.clone(), self.options.closing.clone());
        let honoured = match honoured(caught(call(self.service.clone(), request)).await) {
            Ok(honoured) => honoured,
            Err(other) => return Ok(answer::of_outcome(&id, *other, version, &info)),
        };
        let first = subscribed(&id, &honoured);
        let (out, messages) = mpsc::channel(WAITING);
        let (filter, meta) = (Filter::of(&honoured), subscription(&id));
        tokio::spawn(async move {
            listener.forward(out, Some(meta), |change| filter.told(change)).await;
        });
        let end = async move {
            closing.cancelled().await;
            drop(place);
            let end = Outcome::Complete(Reply::Json(unsubscribed(&id)));
            outcome(&id, end, version, &info).map(|(message, _)| message)
        };
        let stream = EventStream::new(messages, end, self.options.keep_alive);
        Ok(stream.after(first).into_answer())
    }
}
