//! Requests to those who issue tokens: how often one is made again, and how long is waited for it.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response, header};
use tokio::time::Instant;

use crate::failure::Failure;

/// HTTP, as whoever uses this does it: without a proxy, over TLS where the URL says so, and no
/// longer than it is told. The error is a phrase such as "its host does not answer".
pub trait Exchange: Send + Sync {
    /// Sends a request with an absolute URI, and gives the whole answer, whatever its status.
    fn send(
        &self,
        request: Request<Bytes>,
        within: Duration,
    ) -> BoxFuture<'_, Result<Response<Bytes>, String>>;
}

/// When a request is made again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    again: fn(u16) -> bool,
    tries: u32,
    first: Duration,
    /// The wait grows by this.
    factor: u32,
}

/// The instance metadata service: 404 and 410 while it is updated, which takes up to 70 s.
pub(crate) const IMDS: Policy = Policy {
    again: |s| matches!(s, 404 | 410 | 429) || s >= 500,
    tries: 6,
    first: Duration::from_millis(1300),
    factor: 2,
};
/// Other endpoints of managed identities.
pub(crate) const MANAGED: Policy = Policy {
    again: |s| matches!(s, 408 | 429 | 500 | 502..=504),
    tries: 3,
    first: Duration::from_secs(1),
    factor: 1,
};
/// The login host: what it says of a request itself is final.
pub(crate) const LOGIN: Policy =
    Policy { again: |s| s == 429 || s >= 500, tries: 3, first: Duration::from_secs(1), factor: 2 };

/// Whoever asks does it again themselves.
pub(crate) const ONCE: Policy =
    Policy { again: |_| false, tries: 1, first: Duration::from_secs(1), factor: 1 };

/// A token is waited for until here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    pub(crate) fn within(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    pub(crate) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// Makes a request until it is answered with something that is final, or as often as the policy
/// and the time allow. The answer is the last one, whatever its status.
pub(crate) async fn ask(
    exchange: &dyn Exchange,
    source: &'static str,
    request: &Request<Bytes>,
    policy: Policy,
    deadline: Deadline,
) -> Result<Response<Bytes>, Failure> {
    let host = request.uri().authority().map_or("", |a| a.as_str()).to_owned();
    let (mut wait, mut tries) = (policy.first, policy.tries);
    loop {
        tries -= 1;
        let outcome = exchange.send(request.clone(), deadline.left()).await;
        let after = match &outcome {
            Ok(r) if !(policy.again)(r.status().as_u16()) => None,
            // 429 and 503 may say when (RFC 9110 §10.2.3).
            Ok(r) => Some(retry_after(r).unwrap_or(wait)),
            Err(_) => Some(wait),
        };
        match after.filter(|after| tries > 0 && *after < deadline.left()) {
            Some(after) => tokio::time::sleep(after).await,
            None => {
                return outcome.map_err(|why| {
                    let what = format!("{host}: {why}");
                    Failure::new(source, what, unreachable(source, &why)).for_now()
                });
            }
        }
        wait *= policy.factor;
    }
}

/// What to change where nobody answers.
fn unreachable(source: &'static str, why: &str) -> &'static str {
    match source {
        _ if why.contains("TLS") => {
            "its certificate must be of an authority that this machine trusts (SSL_CERT_FILE)"
        }
        _ if why.contains("larger") || why.contains("broke off") || why.contains("HTTP") => {
            "something else answers there: check its URL"
        }
        crate::source::managed::IMDS_NAME => {
            "is this a machine in Azure, with a managed identity? Elsewhere set entra.source"
        }
        crate::source::managed::APP_SERVICE | crate::source::managed::ARC => {
            "check IDENTITY_ENDPOINT, and that the agent that listens there runs"
        }
        _ => {
            "this machine must reach the login host (entra.authority) on port 443, without a proxy"
        }
    }
}

fn retry_after(r: &Response<Bytes>) -> Option<Duration> {
    let seconds = r.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
