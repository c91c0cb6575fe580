//! The innermost service at HTTP level: both transports of every mount, as functions of the same
//! stacks at MCP level.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Method;
use http::header::{self, HeaderMap, HeaderValue};
use mssql_mcp_transports::sessions::{OwnerOf, Sessions};
use mssql_mcp_transports::sse::{self, Sse, Streams};
use mssql_mcp_transports::streamable::{self, Streamable};
use mssql_mcp_transports::{ChallengeOf, headers};
use tower::Service;

use super::{Mount, Served, Shutdown, open};
use crate::answer::Answer;
use crate::config::Config;
use crate::config::settings;
use crate::oauth::server::Authority;
use crate::principal::Principal;
use crate::protocol::server_info_at;
use crate::route::{Endpoint, Place, Routed};
use crate::telemetry::metrics::gauge;

/// The endpoints of every mount, for those who are known.
#[derive(Clone)]
pub(crate) struct Endpoints(Arc<[Both]>);

/// Those of one mount.
#[derive(Clone)]
struct Both {
    mcp: Streamable,
    /// The same, posted to where event streams are opened: its challenge names that.
    at_sse: Streamable,
    sse: Sse,
    messages: Sse,
}

/// What a call with more scopes would need (RFC 6750 §3.1).
const MORE: (&str, &str) = ("insufficient_scope", "the call needs more than was granted");

impl Endpoints {
    /// Of these mounts, with the sessions that a stop closes.
    pub(crate) fn new(
        served: &Served,
        config: &Config,
        sessions: &Arc<Sessions>,
        stop: &Shutdown,
    ) -> Self {
        let streams = Streams::new(config.get(settings::http::MAX_SESSIONS) as usize);
        let open = streams.clone();
        gauge("mssql_mcp.sse.streams", move |put| put(open.len() as u64, &[]));
        let of = |(n, mount): (usize, &Mount)| {
            both((n, mount), served.authority.as_ref(), config, sessions, &streams, stop)
        };
        Self(served.mounts.iter().enumerate().map(of).collect())
    }
}

fn both(
    (n, mount): (usize, &Mount),
    authority: Option<&Authority>,
    config: &Config,
    sessions: &Arc<Sessions>,
    streams: &Streams,
    stop: &Shutdown,
) -> Both {
    // A session of one mount is none of another.
    let path = mount.path.clone();
    let owner_of: OwnerOf = Arc::new(move |e| {
        Principal::of(e).map(|p| format!("{path} {}", p.key())).unwrap_or_default()
    });
    let authority = authority.cloned().map(Arc::new);
    let challenge = |endpoint| challenge(authority.clone(), Place { mount: Some(n), endpoint });
    let keep_alive = config.get(settings::http::KEEP_ALIVE);
    let streamable = |endpoint| {
        let options = streamable::Options {
            silence: config.get(settings::http::SILENCE),
            keep_alive,
            sessions: sessions.clone(),
            owner_of: owner_of.clone(),
            challenge: challenge(endpoint),
            closing: stop.closing.clone(),
            shutdown: stop.now.clone(),
            info: server_info_at(config.public_url()),
            changes: mount.changes.clone(),
            resume: Some(config.get(settings::http::RESUME)).filter(|t| !t.is_zero()),
        };
        streamable::service(mount.service.clone(), options)
    };
    let (mcp, at_sse) = (streamable(Endpoint::Mcp), streamable(Endpoint::Sse));
    let sse = sse::service(
        mount.service.clone(),
        sse::Options {
            messages: format!("{}/messages", mount.path),
            keep_alive,
            streams: streams.clone(),
            owner_of: owner_of.clone(),
            challenge: challenge(Endpoint::Sse),
            closing: stop.closing.clone(),
            shutdown: stop.now.clone(),
            info: server_info_at(config.public_url()),
            changes: mount.changes.clone(),
        },
    );
    let messages = sse.messages();
    Both { mcp, at_sse, sse, messages }
}

/// The challenge of a call that needs more, where there is sign-in. It may be made long after the
/// request, for an answer that comes on a stream.
fn challenge(authority: Option<Arc<Authority>>, place: Place) -> ChallengeOf {
    Arc::new(move |headers| {
        // A copy: a header of a request holds on to the buffer that the whole request was read
        // into.
        let host = headers.get(header::HOST);
        let host = host.and_then(|h| HeaderValue::from_bytes(h.as_bytes()).ok());
        let authority = authority.clone();
        Arc::new(move |needed| {
            let headers = host.iter().map(|h| (header::HOST, h.clone())).collect::<HeaderMap>();
            Some(authority.as_ref()?.challenge(&headers, place, Some(MORE), needed))
        })
    })
}

type Answering = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

impl<B> Service<Routed<B>> for Endpoints
where
    B: http_body::Body + Send + Unpin + 'static,
    Streamable:
        Service<http::Request<B>, Response = Answer, Error = Infallible, Future = Answering>,
    Sse: Service<http::Request<B>, Response = Answer, Error = Infallible, Future = Answering>,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, routed: Routed<B>) -> Self::Future {
        let Routed { place, request } = routed;
        let Some(mine) = place.mount.and_then(|m| self.0.get(m)) else {
            return Box::pin(std::future::ready(Ok(open::nothing(&[]))));
        };
        // A GET with a session's id is of streamable HTTP, whose POST was to this path too.
        let opens =
            request.method() == Method::GET && !request.headers().contains_key(headers::SESSION);
        match place.endpoint {
            Endpoint::Messages => mine.messages.clone().call(request),
            Endpoint::Sse if opens => mine.sse.clone().call(request),
            Endpoint::Sse => mine.at_sse.clone().call(request),
            _ => mine.mcp.clone().call(request),
        }
    }
}
