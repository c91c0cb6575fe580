//! The token endpoint (RFC 6749 §3.2), and which client asks there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::StatusCode;
use http::header::{self, HeaderMap};
use serde_json::json;

use super::answer::{Answer, Form, form, json_answer, media};
use super::cimd;
use super::error::OAuthError;
use super::grants::{GrantError, Tokens};
use super::server::{Authority, Request};
use crate::secret::hashed;
use crate::telemetry::metrics::{instruments, label};

const NOT_OURS: &str = "resource is not one of this server, or not the one that was granted";

/// `client_secret_basic`: id and secret, each form-encoded (RFC 6749 §2.3.1).
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let encoded = value.strip_prefix("Basic ").or_else(|| value.strip_prefix("basic "))?;
    let text = String::from_utf8(BASE64.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let plain = |t: &str| {
        let pair = format!("v={t}");
        form_urlencoded::parse(pair.as_bytes()).next().map(|(_, v)| v.into_owned())
    };
    Some((plain(id)?, plain(secret)?))
}

fn required<'f>(form: &'f Form, name: &str) -> Result<&'f str, OAuthError> {
    let missing = || OAuthError::json("invalid_request", format!("{name} is missing"));
    form.get(name).map(String::as_str).ok_or_else(missing)
}

/// The form of a program.
pub(super) fn posted_form(r: &Request<'_>) -> Result<Form, OAuthError> {
    if media(r.headers) != "application/x-www-form-urlencoded" {
        return Err(OAuthError::json(
            "invalid_request",
            "the body must be form-encoded: Content-Type: application/x-www-form-urlencoded",
        ));
    }
    form(r.body).map_err(|e| OAuthError::json("invalid_request", e))
}

impl Authority {
    /// Which client asks (RFC 6749 §2.3.1); a public one by its id alone.
    pub(super) async fn client(&self, f: &Form, headers: &HeaderMap) -> Result<String, OAuthError> {
        let (id, given) = match basic(headers) {
            Some((id, secret)) => (id, Some(secret)),
            None => match f.get("client_id") {
                Some(id) => (id.clone(), f.get("client_secret").cloned()),
                None => return Err(OAuthError::invalid_client("client_id is missing")),
            },
        };
        // A public client; what it holds (a code, a refresh token) was given to this very id.
        if cimd::is_url(&id) && given.is_none() {
            return Ok(id);
        }
        let Some(client) = self.clients.find(&id).await? else {
            return Err(OAuthError::invalid_client(
                "this client is not registered, or its registration has expired",
            ));
        };
        match (&client.secret, given) {
            (None, _) => Ok(id),
            (Some(s), Some(g)) if *s == hashed(&g) => Ok(id),
            (Some(_), _) => {
                Err(OAuthError::invalid_client("the client's secret is missing or wrong"))
            }
        }
    }

    pub(super) async fn token(&self, r: &Request<'_>) -> Result<Answer, OAuthError> {
        let form = posted_form(r)?;
        let tokens = self.tokens(&form, r.headers).await;
        if let Err(e) = &tokens {
            instruments().tokens_denied.add(1, &[label("mssql_mcp.reason", e.reason())]);
        }
        let Tokens { access, refresh, expires_in, scopes } = tokens?;
        Ok(json_answer(
            StatusCode::OK,
            &json!({
                "access_token": access,
                "token_type": "Bearer",
                "expires_in": expires_in,
                "refresh_token": refresh,
                "scope": scopes.join(" "),
            }),
        ))
    }

    async fn tokens(&self, f: &Form, headers: &HeaderMap) -> Result<Tokens, OAuthError> {
        let client = self.client(f, headers).await?;
        let audience = match f.get("resource").map(|res| self.resource_of(Some(res), headers)) {
            None | Some(Ok(None)) => None,
            Some(Ok(Some(m))) => Some(self.mounts[m].path.as_str()),
            Some(Err(())) => return Err(OAuthError::json("invalid_target", NOT_OURS)),
        };
        let (grant, given) = match required(f, "grant_type")? {
            "authorization_code" => {
                let (code, verifier) = (required(f, "code")?, required(f, "code_verifier")?);
                let uri = f.get("redirect_uri").map(String::as_str);
                let given = self.grants.exchange(code, &client, uri, verifier, audience).await;
                ("authorization_code", given)
            }
            "refresh_token" => {
                let token = required(f, "refresh_token")?;
                let known = |s: &String| -> Vec<String> {
                    let known = s.split(' ').filter(|s| self.scopes().contains(s));
                    known.map(str::to_owned).collect()
                };
                let scopes = f.get("scope").map(known).filter(|s| !s.is_empty());
                let given = self.grants.refresh(token, &client, scopes, audience).await;
                ("refresh_token", given)
            }
            _ => {
                return Err(OAuthError::json(
                    "unsupported_grant_type",
                    "grant_type must be authorization_code or refresh_token",
                ));
            }
        };
        let tokens = given.map_err(|e| self.denied(&client, e))?;
        instruments().tokens_issued.add(1, &[label("mssql_mcp.grant", grant)]);
        self.audit.event("token", &[("client_id", &client), ("grant_type", grant)]);
        Ok(tokens)
    }

    /// Why there are none, for the record and for the client.
    fn denied(&self, client: &str, e: GrantError) -> OAuthError {
        match e {
            // Who shows one that was good once did not make it up.
            GrantError::Replayed(why) => {
                self.audit.event("token_denied", &[("client_id", client), ("why", why)]);
                OAuthError::json("invalid_grant", why)
            }
            GrantError::InvalidGrant(why) => {
                self.audit.strange("token_denied", &[("client_id", client), ("why", why)]);
                OAuthError::json("invalid_grant", why)
            }
            GrantError::InvalidTarget => OAuthError::json("invalid_target", NOT_OURS),
            GrantError::InvalidScope => {
                OAuthError::json("invalid_scope", "scope asks for more than was granted")
            }
            GrantError::Store(e) => e.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header::HeaderValue;

    use super::*;

    #[test]
    fn id_and_secret_are_form_encoded_within_basic() {
        let of = |text: &str| {
            let value = format!("Basic {}", BASE64.encode(text));
            let value = HeaderValue::from_str(&value).expect("header");
            basic(&HeaderMap::from_iter([(header::AUTHORIZATION, value)]))
        };
        assert_eq!(of("a:b"), Some(("a".into(), "b".into())));
        assert_eq!(of("a%3Ab:c%20d+e"), Some(("a:b".into(), "c d e".into())));
        assert_eq!(of("no colon"), None);
        assert_eq!(basic(&HeaderMap::new()), None);
    }
}
