//! The resource server: whose token a request carries (RFC 6750), for which resource (RFC 8707),
//! and what a stream hangs on.

use std::sync::Arc;

use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};

use super::answer::{Answer, oauth_error, unavailable};
use super::external::External;
use super::server::{Authority, Resource};
use super::store::{FOREVER, StoreError, now};
use crate::principal::Principal;
use crate::route::Place;
use crate::telemetry::metrics::{instruments, label};

const WELL_KNOWN_RESOURCE: &str = "/.well-known/oauth-protected-resource";

/// What an event stream hangs on: a token, and the grant that may have newer ones.
#[derive(Debug)]
pub(crate) struct TokenLease {
    headers: HeaderMap,
    at: Place,
    /// Empty for machines, and for tokens of an external issuer.
    grant: String,
    pub(crate) expires: u64,
}

/// Whether it still does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// By the token, or by one that it was refreshed for.
    Yes,
    /// Revoked, or its person shut out.
    No,
    /// Nothing but its time has passed, and a newer one can take its place.
    Expired,
}

impl Authority {
    /// The mount that is meant where none is named: the one at the root, or the only one.
    fn default_mount(&self) -> Option<usize> {
        self.mounts.iter().position(|m| m.path.is_empty()).or((self.mounts.len() == 1).then_some(0))
    }

    /// The challenge of 401 and 403 (RFC 6750 §3, RFC 9728 §5.1).
    pub(crate) fn challenge(
        &self,
        headers: &HeaderMap,
        at: Place,
        error: Option<(&str, &str)>,
        scopes: &[String],
    ) -> String {
        let error = error
            .map_or(String::new(), |(e, d)| format!("error=\"{e}\", error_description=\"{d}\", "));
        format!(
            "Bearer {error}scope=\"{}\", resource_metadata=\"{}{WELL_KNOWN_RESOURCE}{}{}\"",
            scopes.iter().map(|s| self.outward(s)).collect::<Vec<_>>().join(" "),
            self.origin(headers),
            self.path_of(at),
            at.typed(),
        )
    }

    /// The external issuer of a token; a machine's token is ours, whoever signs people in.
    fn issuer_of(&self, token: &str) -> Option<&External> {
        self.external.as_ref().filter(|_| !token.starts_with("mcp_"))
    }

    fn known(&self, token: &str, mount: &str) -> Option<Arc<Principal>> {
        self.issuer_of(token)
            .map_or_else(|| self.grants.known(token, mount), |e| e.known(token, mount))
    }

    /// Whose request this is, if its token was seen a moment ago.
    pub(crate) fn recognised(&self, headers: &HeaderMap, at: Place) -> Option<Arc<Principal>> {
        let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        self.known(mssql_mcp_middleware::bearer::token(Some(text)).ok()??, self.path_of(at))
    }

    /// Whether a request has a token that was good when it was last looked up.
    pub(crate) fn has_seen(&self, headers: &HeaderMap) -> bool {
        let text = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        let Ok(Some(token)) = mssql_mcp_middleware::bearer::token(text) else { return false };
        self.issuer_of(token).map_or_else(|| self.grants.has_seen(token), |e| e.has_seen(token))
    }

    /// Whose request this is, or the answer that refuses it.
    pub(crate) async fn authenticate(
        &self,
        headers: &HeaderMap,
        at: Place,
    ) -> Result<Arc<Principal>, Answer> {
        let refuse = |status, error: Option<(&str, &str)>| {
            let (e, d) =
                error.unwrap_or(("unauthorized", "a token is needed: Authorization: Bearer …"));
            let mut r = oauth_error(status, e, d);
            let challenge = self.challenge(headers, at, error, &["mssql:read".to_owned()]);
            if let Ok(v) = HeaderValue::from_str(&challenge) {
                r.headers_mut().insert(header::WWW_AUTHENTICATE, v);
            }
            r
        };
        let text = headers.get(header::AUTHORIZATION).map(|v| v.to_str().unwrap_or_default());
        let count =
            |reason| instruments().tokens_refused.add(1, &[label("mssql_mcp.reason", reason)]);
        let token = match mssql_mcp_middleware::bearer::token(text) {
            Ok(Some(t)) => t,
            Ok(None) => {
                count("missing");
                return Err(refuse(StatusCode::UNAUTHORIZED, None));
            }
            Err(why) => {
                count("malformed");
                return Err(refuse(StatusCode::BAD_REQUEST, Some(("invalid_request", why))));
            }
        };
        let mount = self.path_of(at);
        if let Some(p) = self.known(token, mount) {
            return Ok(p);
        }
        match self.introspect(token, headers, mount).await {
            Ok(Some(p)) => Ok(p),
            Ok(None) => {
                count("invalid");
                self.audit.strange("token_refused", &[("mount", mount)]);
                let error = (
                    "invalid_token",
                    "the token is unknown, expired, revoked, or for another resource",
                );
                Err(refuse(StatusCode::UNAUTHORIZED, Some(error)))
            }
            Err(e) => {
                count("store");
                Err(unavailable(&e))
            }
        }
    }

    async fn introspect(
        &self,
        token: &str,
        headers: &HeaderMap,
        mount: &str,
    ) -> Result<Option<Arc<Principal>>, StoreError> {
        match self.issuer_of(token) {
            Some(e) => {
                let o = self.origin(headers);
                let audiences = ["", "/", "/mcp", "/sse"].map(|e| format!("{o}{mount}{e}"));
                e.introspect(token, mount, &audiences).await
            }
            None => self.grants.introspect(token, mount).await,
        }
    }

    /// What the stream of a request that was let in hangs on. `headers` have its
    /// token and its host.
    pub(crate) fn lease(&self, headers: HeaderMap, at: Place) -> TokenLease {
        let mount = self.path_of(at);
        let text = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
        let known =
            mssql_mcp_middleware::bearer::token(text).ok().flatten().and_then(|t| {
                match self.issuer_of(t) {
                    Some(e) => e.expires(t, mount).map(|until| (String::new(), until)),
                    None => self.grants.lease(t),
                }
            });
        // Not known any more: it is taken for one that does not expire, so that a refusal ends
        // the stream at once.
        let (grant, expires) = known.unwrap_or((String::new(), FOREVER));
        TokenLease { headers, at, grant, expires }
    }

    /// Whether a stream may go on. A store that does not answer shuts nobody out.
    pub(crate) async fn holds(&self, lease: &TokenLease) -> Holds {
        if lease.expires > now() {
            let text = lease.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
            let Ok(Some(token)) = mssql_mcp_middleware::bearer::token(text) else {
                return Holds::No;
            };
            return match self.introspect(token, &lease.headers, self.path_of(lease.at)).await {
                Ok(None) => Holds::No,
                Ok(Some(_)) | Err(_) => Holds::Yes,
            };
        }
        if lease.grant.is_empty() {
            return Holds::Expired;
        }
        match self.grants.lives(&lease.grant).await {
            Ok(None) => Holds::No,
            Ok(Some(false)) => Holds::Expired,
            Ok(Some(true)) | Err(_) => Holds::Yes,
        }
    }

    /// The mount that a resource indicator (RFC 8707) names: scheme and host in any case, a
    /// slash at the end or not. Without one, or with the origin itself, the default; an error
    /// where it is not ours.
    pub(super) fn resource_of(
        &self,
        resource: Option<&str>,
        headers: &HeaderMap,
    ) -> Result<Option<usize>, ()> {
        let Some(resource) = resource else { return Ok(self.default_mount()) };
        let o = self.origin(headers);
        let resource = resource.strip_suffix('/').unwrap_or(resource);
        let (origin, path) = resource.split_at_checked(o.len()).ok_or(())?;
        if !origin.eq_ignore_ascii_case(&o) {
            return Err(());
        }
        let named = |m: &Resource| {
            path.strip_prefix(m.path.as_str())
                .is_some_and(|rest| matches!(rest, "" | "/mcp" | "/sse"))
        };
        match self.mounts.iter().position(named) {
            Some(m) => Ok(Some(m)),
            None if path.is_empty() => Ok(self.default_mount()),
            None => Err(()),
        }
    }
}
