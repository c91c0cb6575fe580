//! The token endpoint (RFC 6749 §3.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use serde_json::json;

use super::answer::{Answer, Form, form, json_answer, media, oauth_error, unavailable};
use super::cimd;
use super::grants::{GrantError, Tokens};
use super::server::{Authority, Request};
use crate::secret::hashed;
use crate::telemetry::metrics::{instruments, label};

impl Authority {
    /// Which client asks (RFC 6749 §2.3.1); a public one by its id alone.
    pub(super) async fn client(&self, f: &Form, headers: &HeaderMap) -> Result<String, Answer> {
        let refuse = |d: &str| {
            let mut r = oauth_error(StatusCode::UNAUTHORIZED, "invalid_client", d);
            r.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"token\""),
            );
            r
        };
        let basic =
            headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| {
                let encoded = v.strip_prefix("Basic ").or_else(|| v.strip_prefix("basic "))?;
                let text = String::from_utf8(BASE64.decode(encoded.trim()).ok()?).ok()?;
                let (id, password) = text.split_once(':')?;
                let plain = |t: &str| {
                    form_urlencoded::parse(format!("v={t}").as_bytes())
                        .next()
                        .map(|(_, v)| v.into_owned())
                };
                Some((plain(id)?, plain(password)?))
            });
        let (id, given) = match basic {
            Some((id, s)) => (id, Some(s)),
            None => match f.get("client_id") {
                Some(id) => (id.clone(), f.get("client_secret").cloned()),
                None => return Err(refuse("client_id is missing")),
            },
        };
        // A public client; what it holds (a code, a refresh token) was given to this very id.
        if cimd::is_url(&id) && given.is_none() {
            return Ok(id);
        }
        match self.clients.find(&id).await.map_err(|e| unavailable(&e))? {
            None => Err(refuse("this client is not registered, or its registration has expired")),
            Some(c) => match (&c.secret, given) {
                (None, _) => Ok(id),
                (Some(s), Some(g)) if *s == hashed(&g) => Ok(id),
                (Some(_), _) => Err(refuse("the client's secret is missing or wrong")),
            },
        }
    }

    pub(super) fn posted_form(r: &Request<'_>) -> Result<Form, Box<Answer>> {
        let bad = |d: &str| Box::new(oauth_error(StatusCode::BAD_REQUEST, "invalid_request", d));
        if media(r.headers) != "application/x-www-form-urlencoded" {
            return Err(bad(
                "the body must be form-encoded: Content-Type: application/x-www-form-urlencoded",
            ));
        }
        form(r.body).map_err(|e| bad(&e))
    }

    pub(super) async fn token(&self, r: &Request<'_>) -> Answer {
        let f = match Self::posted_form(r) {
            Ok(f) => f,
            Err(a) => return *a,
        };
        let denied = |reason: &'static str| {
            instruments().tokens_denied.add(1, &[label("mssql_mcp.reason", reason)])
        };
        let bad = |e: &'static str, d: &str| {
            denied(e);
            oauth_error(StatusCode::BAD_REQUEST, e, d)
        };
        let client = match self.client(&f, r.headers).await {
            Ok(c) => c,
            Err(a) => {
                denied("invalid_client");
                return a;
            }
        };
        const NOT_OURS: &str =
            "resource is not one of this server, or not the one that was granted";
        let audience = match f.get("resource").map(|res| self.resource_of(Some(res), r.headers)) {
            None | Some(Ok(None)) => None,
            Some(Ok(Some(m))) => Some(self.mounts[m].path.as_str()),
            Some(Err(())) => return bad("invalid_target", NOT_OURS),
        };
        let get = |k: &str| f.get(k).map(String::as_str);
        let given = match get("grant_type") {
            Some("authorization_code") => {
                let Some(code) = get("code") else {
                    return bad("invalid_request", "code is missing");
                };
                let Some(verifier) = get("code_verifier") else {
                    return bad("invalid_request", "code_verifier is missing");
                };
                self.grants.exchange(code, &client, get("redirect_uri"), verifier, audience).await
            }
            Some("refresh_token") => {
                let Some(token) = get("refresh_token") else {
                    return bad("invalid_request", "refresh_token is missing");
                };
                let scopes = get("scope").map(|s| {
                    let known = s.split(' ').filter(|s| self.scopes().contains(s));
                    known.map(str::to_owned).collect::<Vec<_>>()
                });
                self.grants
                    .refresh(token, &client, scopes.filter(|s| !s.is_empty()), audience)
                    .await
            }
            Some(_) => {
                return bad(
                    "unsupported_grant_type",
                    "grant_type must be authorization_code or refresh_token",
                );
            }
            None => return bad("invalid_request", "grant_type is missing"),
        };
        match given {
            Ok(Tokens { access, refresh, expires_in, scopes }) => {
                let refreshed = get("grant_type") == Some("refresh_token");
                let grant = if refreshed { "refresh_token" } else { "authorization_code" };
                instruments().tokens_issued.add(1, &[label("mssql_mcp.grant", grant)]);
                self.audit.event(
                    "token",
                    &[
                        ("client_id", &client),
                        ("grant_type", get("grant_type").unwrap_or_default()),
                    ],
                );
                json_answer(
                    StatusCode::OK,
                    &json!({
                        "access_token": access,
                        "token_type": "Bearer",
                        "expires_in": expires_in,
                        "refresh_token": refresh,
                        "scope": scopes.join(" "),
                    }),
                )
            }
            // Who shows one that was good once did not make it up.
            Err(GrantError::Replayed(why)) => {
                self.audit.event("token_denied", &[("client_id", &client), ("why", why)]);
                bad("invalid_grant", why)
            }
            Err(GrantError::InvalidGrant(why)) => {
                self.audit.strange("token_denied", &[("client_id", &client), ("why", why)]);
                bad("invalid_grant", why)
            }
            Err(GrantError::InvalidTarget) => bad("invalid_target", NOT_OURS),
            Err(GrantError::InvalidScope) => {
                bad("invalid_scope", "scope asks for more than was granted")
            }
            Err(GrantError::Store(e)) => {
                denied("store");
                unavailable(&e)
            }
        }
    }
}
