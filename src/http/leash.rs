//! An event stream ends with the token that opened it: whoever was shut out, or whose token expired, hears no more.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use http::{HeaderMap, Request, Response};
use mssql_mcp_transports::streamable::Body;
use tower::{Layer, Service};

use super::route::Place;
use crate::oauth::endpoints::Authority;

/// How often a stream's token is looked at. Calls are checked each by itself; this is about silence.
const EVERY: Duration = Duration::from_secs(5);

/// Puts streams on a leash, where there is sign-in.
#[derive(Debug, Clone)]
pub struct LeashLayer {
    /// Who knows.
    pub authority: Option<Arc<Authority>>,
}

/// Its service.
#[derive(Debug, Clone)]
pub struct Leash<S> {
    authority: Option<Arc<Authority>>,
    inner: S,
}

impl<S> Layer<S> for LeashLayer {
    type Service = Leash<S>;
    fn layer(&self, inner: S) -> Leash<S> {
        Leash { authority: self.authority.clone(), inner }
    }
}

impl<S, B> Service<Request<B>> for Leash<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }
    fn call(&mut self, request: Request<B>) -> Self::Future {
        let held = self.authority.clone().and_then(|a| {
            let place = *request.extensions().get::<Place>()?;
            // Copied: a header of a request holds on to the buffer that the whole request was read into.
            let token = request.headers().get(http::header::AUTHORIZATION)?;
            let token = http::HeaderValue::from_bytes(token.as_bytes()).ok()?;
            Some((a, place, HeaderMap::from_iter([(http::header::AUTHORIZATION, token)])))
        });
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            let Some((authority, place, headers)) = held else { return Ok(answer) };
            Ok(answer.map(|b| match b {
                Body::Events(events) => Body::Events(Box::pin(leashed(events, async move {
                    loop {
                        tokio::time::sleep(EVERY).await;
                        // A store that does not answer shuts nobody out.
                        let good = match authority.authenticate(&headers, place).await {
                            Ok(_) => true,
                            Err(refusal) => refusal.status() != http::StatusCode::UNAUTHORIZED,
                        };
                        if !good {
                            return;
                        }
                    }
                }))),
                other => other,
            }))
        })
    }
}

/// The events until `over` is done.
fn leashed<T>(
    events: Pin<Box<dyn Stream<Item = T> + Send>>,
    over: impl Future<Output = ()> + Send,
) -> impl Stream<Item = T> + Send {
    events.take_until(Box::pin(over))
}
