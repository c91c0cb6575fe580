//! The answers of HTTP that no call is needed for.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError};
use serde_json::Value;

use crate::body::Body;
use crate::encode::{Challenge, ServerInfo, outcome};
use crate::encoded::Encoded;
use crate::error::RpcError;
use crate::headers::{accepts, is_json, is_plain};
use crate::jsonrpc::{INVALID_REQUEST, Id};
use crate::outcome::Outcome;
use crate::version::ProtocolVersion;

/// From the headers of a request to the challenge of a caller who lacks scopes. It may live as long
/// as a stream, so it should keep little of the request.
pub type ChallengeOf = Arc<dyn Fn(&HeaderMap) -> Challenge + Send + Sync>;

pub(crate) type Answer = Response<Body>;

/// An answer, or one that refuses the request.
pub(crate) type Answered = Result<Answer, Box<Answer>>;

pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Body::Empty);
    *answer.status_mut() = status;
    answer
}

pub(crate) fn json(status: StatusCode, body: impl Into<Body>) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    let media = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, media);
    answer
}

pub(crate) fn error(id: Option<&Id>, error: RpcError) -> Box<Answer> {
    of_error(error, id.cloned().map(Value::from))
}

/// With whatever came as an id.
pub(crate) fn of_error(error: RpcError, id: Option<Value>) -> Box<Answer> {
    let status = error.status;
    Box::new(json(status, Encoded::value(&error.echoing(id))))
}

/// What a call came to, in plain JSON. One that was cancelled says so.
pub(crate) fn of_outcome(
    id: &Id,
    end: Outcome,
    version: ProtocolVersion,
    info: &ServerInfo,
) -> Answer {
    match outcome(id, end, version, info) {
        Some((message, status)) => {
            json(StatusCode::from_u16(status).unwrap_or(StatusCode::OK), message)
        }
        None => *error(Some(id), RpcError::cancelled()),
    }
}

/// An error of HTTP, told as a JSON-RPC error, too: -32600.
pub(crate) fn refused(status: StatusCode, id: Option<&Id>, message: &str) -> Box<Answer> {
    error(id, RpcError::new(status, INVALID_REQUEST, message))
}

/// 405, with the methods that there are.
pub(crate) fn not_allowed(methods: &'static str) -> Answer {
    let mut answer = empty(StatusCode::METHOD_NOT_ALLOWED);
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
    answer
}

/// 503, to be tried again after 5 s.
pub(crate) fn busy(message: &str) -> Box<Answer> {
    let mut answer = refused(StatusCode::SERVICE_UNAVAILABLE, None, message);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    answer
}

/// 415 where the body is not said to be JSON, or is compressed.
pub(crate) fn check_json(headers: &HeaderMap) -> Result<(), Box<Answer>> {
    let unsupported = |message| refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, None, message);
    if !is_json(headers) {
        return Err(unsupported("Content-Type must be application/json"));
    }
    if !is_plain(headers) {
        let mut answer = unsupported("The body must not be compressed: Content-Encoding identity");
        // RFC 9110 §12.5.3: what would have been taken.
        let taken = HeaderValue::from_static("identity");
        answer.headers_mut().insert(header::ACCEPT_ENCODING, taken);
        return Err(answer);
    }
    Ok(())
}

/// 406 where the client takes no event stream.
pub(crate) fn check_events(headers: &HeaderMap, id: Option<&Id>) -> Result<(), Box<Answer>> {
    let message = "Accept must allow text/event-stream";
    let not_acceptable = || refused(StatusCode::NOT_ACCEPTABLE, id, message);
    accepts(headers, "text/event-stream").then_some(()).ok_or_else(not_acceptable)
}

/// The whole body of a request: 413 where it is longer than its limit, 408 where it did not come in
/// time, 400 where it broke off. Whoever limits it says so by [`LengthLimitError`], or by the kind of
/// an [`io::Error`].
pub(crate) async fn read<B>(body: B) -> Result<Bytes, Box<Answer>>
where
    B: http_body::Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    body.collect().await.map(|whole| whole.to_bytes()).map_err(|e| {
        let e: Box<dyn std::error::Error + Send + Sync> = e.into();
        let kind = match e.downcast_ref::<LengthLimitError>() {
            Some(_) => Some(io::ErrorKind::FileTooLarge),
            None => e.downcast_ref::<io::Error>().map(io::Error::kind),
        };
        let unread = format!("The body could not be read: {e}");
        match kind {
            Some(io::ErrorKind::FileTooLarge) => {
                let message = "The body is larger than the server's limit";
                refused(StatusCode::PAYLOAD_TOO_LARGE, None, message)
            }
            Some(io::ErrorKind::TimedOut) => {
                let mut answer = refused(StatusCode::REQUEST_TIMEOUT, None, &unread);
                // What may still come of it would be taken for the next request (RFC 9110 §15.5.9).
                let close = HeaderValue::from_static("close");
                answer.headers_mut().insert(header::CONNECTION, close);
                answer
            }
            _ => refused(StatusCode::BAD_REQUEST, None, &unread),
        }
    })
}
