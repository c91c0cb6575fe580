//! The innermost service at HTTP level: both transports of every mount, as functions of the same
//! stacks at MCP level.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Method;
use http::header::{self, HeaderMap, HeaderValue};
use mssql_mcp_transports::session::{OwnerOf, Sessions};
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
use crate::protocol::server_info;
use crate::route::{Endpoint, Place, Routed};
use crate::telemetry::metrics::gauge;

/// The endpoints of every mount, for those who are known.
#[derive(Clone)]
pub(crate) struct Endpoints(Arc<[Both]>);

/// Those of one mount.
#[derive(Clone)]
struct Both {
    mcp: Streamable,
    sse: Sse,
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
        let of = |mount: &Mount| {
            both(mount, served.authority.as_ref(), config, sessions, &streams, stop)
        };
        Self(served.mounts.iter().map(of).collect())
    }
}

fn both(
    mount: &Mount,
    authority: Option<&Authority>,
    config: &Config,
    sessions: &Arc<Sessions>,
    streams: &Streams,
    stop: &Shutdown,
) -> Both {
    // A session of one mount is none of another.
    let path = mount.path.clone();
    let owner_of: OwnerOf = Arc::new(move |e| {
        e.get::<Principal>().map(|p| format!("{path} {}", p.key())).unwrap_or_default()
    });
    let challenge = challenge(authority.cloned());
    let keep_alive = config.get(settings::http::KEEP_ALIVE);
    let mcp = streamable::service(
        mount.service.clone(),
        streamable::Options {
            silence: config.get(settings::http::SILENCE),
            keep_alive,
            sessions: sessions.clone(),
            owner_of: owner_of.clone(),
            challenge: challenge.clone(),
            closing: stop.closing.clone(),
            shutdown: stop.now.clone(),
            info: server_info(),
        },
    );
    let sse = sse::service(
        mount.service.clone(),
        sse::Options {
            messages: format!("{}/messages", mount.path),
            keep_alive,
            streams: streams.clone(),
            owner_of,
            challenge,
            closing: stop.closing.clone(),
            shutdown: stop.now.clone(),
            info: server_info(),
        },
    );
    Both { mcp, sse }
}

/// The challenge of a call that needs more, where there is sign-in. It may be made long after the
/// request, for an answer that comes on a stream.
fn challenge(authority: Option<Authority>) -> ChallengeOf {
    let authority = authority.map(Arc::new);
    Arc::new(move |parts| {
        // A copy: a header of a request holds on to the buffer that the whole request was read
        // into.
        let host = parts.headers.get(header::HOST);
        let host = host.and_then(|h| HeaderValue::from_bytes(h.as_bytes()).ok());
        let (place, authority) = (parts.extensions.get::<Place>().copied(), authority.clone());
        Arc::new(move |needed| {
            let headers = host.iter().map(|h| (header::HOST, h.clone())).collect::<HeaderMap>();
            Some(authority.as_ref()?.challenge(&headers, place?, Some(MORE), needed))
        })
    })
}

impl<B> Service<Routed<B>> for Endpoints
where
    B: http_body::Body + Send + Unpin + 'static,
    Streamable: Service<http::Request<B>, Response = Answer, Error = Infallible>,
    <Streamable as Service<http::Request<B>>>::Future: Send,
    Sse: Service<http::Request<B>, Response = Answer, Error = Infallible>,
    <Sse as Service<http::Request<B>>>::Future: Send,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, routed: Routed<B>) -> Self::Future {
        let Routed { place, mut request } = routed;
        let mine = place.mount.and_then(|m| self.0.get(m)).cloned();
        // The transports hand it to those who make challenges.
        request.extensions_mut().insert(place);
        Box::pin(async move {
            let Some(mut mine) = mine else { return Ok(open::nothing(&[])) };
            // A GET with a session's id is of streamable HTTP, whose POST was to this path too.
            let old = match place.endpoint {
                Endpoint::Messages => true,
                Endpoint::Sse => {
                    request.method() == Method::GET
                        && !request.headers().contains_key(headers::SESSION)
                }
                _ => false,
            };
            if old { mine.sse.call(request).await } else { mine.mcp.call(request).await }
        })
    }
}
