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
    use crate::oauth::lab::{CALLBACK, Lab, PASSWORD, at, exchange, headers, is_unavailable};
    use crate::route::Endpoint;

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

    #[tokio::test]
    async fn a_code_becomes_tokens_and_a_refresh_token_the_next_ones() {
        let mut lab = Lab::new().await;
        let client = lab.client().await;
        lab.sign_in("ada", PASSWORD).await;
        let first = lab.tokens(&client).await;
        assert_eq!(first["token_type"], "Bearer");
        assert_eq!(first["scope"], "mssql:read mssql:write");
        assert!(first["expires_in"].as_u64().is_some_and(|s| s > 60), "{first}");
        assert!(lab.is_good(first["access_token"].as_str().expect("one")).await);
        let refresh = first["refresh_token"].as_str().expect("one");
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", &*client),
            ("refresh_token", refresh),
            ("scope", "mssql:read openid"),
        ];
        let reply = lab.post(Endpoint::Token, &form).await;
        assert_eq!(reply.headers[header::CACHE_CONTROL], "no-store");
        let next = reply.json();
        assert_eq!(next["scope"], "mssql:read");
        assert_ne!(next["access_token"], first["access_token"]);
        let more = [&form[..3], &[("scope", "mssql:schema")]].concat();
        // Unknown here, and so left out: nothing is asked for but what was granted.
        assert_eq!(lab.post(Endpoint::Token, &more).await.status, 200);
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_request_for_tokens_is_said() {
        let mut lab = Lab::new().await;
        let client = lab.client().await;
        lab.sign_in("ada", PASSWORD).await;
        let code = lab.code(&client).await;
        let good = exchange(&client, &code);
        let but = |name: &str, value: &'static str| {
            let other = good.map(|(k, v)| if k == name { (k, value) } else { (k, v) });
            other.into_iter().filter(|(_, v)| !v.is_empty()).collect::<Vec<_>>()
        };
        for (name, value, status, error) in [
            ("client_id", "", 401, "invalid_client"),
            ("client_id", "dcr_unknown", 401, "invalid_client"),
            ("grant_type", "", 400, "invalid_request"),
            ("grant_type", "password", 400, "unsupported_grant_type"),
            ("code", "", 400, "invalid_request"),
            ("code", "mac_unknown", 400, "invalid_grant"),
            ("code_verifier", "", 400, "invalid_request"),
        ] {
            let reply = lab.post(Endpoint::Token, &but(name, value)).await;
            assert_eq!(reply.error(), (status, error.into()), "{name}={value}");
        }
        for resource in ["https://other.example/", "https://mcp.example.com/demo/mcp"] {
            let form = [&good[..], &[("resource", resource)]].concat();
            let reply = lab.post(Endpoint::Token, &form).await;
            assert_eq!(reply.error(), (400, "invalid_target".into()), "{resource}");
        }
        let form = [&good[..], &[("resource", "https://mcp.example.com/mcp")]].concat();
        assert_eq!(lab.post(Endpoint::Token, &form).await.status, 200, "it was not spent");
        let replayed = lab.post(Endpoint::Token, &good).await;
        assert_eq!(replayed.error(), (400, "invalid_grant".into()));
        let json = headers(&[(header::CONTENT_TYPE, "application/json")]);
        let place = at(Endpoint::Token);
        let reply = lab.send(http::Method::POST, place, "", &json, b"{}").await;
        assert_eq!(reply.error(), (400, "invalid_request".into()));
        lab.lose_the_store();
        assert!(is_unavailable(&lab.post(Endpoint::Token, &good).await));
    }

    #[tokio::test]
    async fn a_confidential_client_proves_itself_and_a_documents_url_is_enough() {
        let lab = Lab::new().await;
        let metadata = json!({ "client_name": "C", "redirect_uris": [CALLBACK] });
        let made = lab.register(&metadata).await.json();
        let id = made["client_id"].as_str().expect("an id");
        let secret = made["client_secret"].as_str().expect("a secret");
        let of = async |id: &str, given: Option<&str>, basic: Option<&str>| {
            let mut form = Form::from([("client_id".to_owned(), id.to_owned())]);
            form.extend(given.map(|s| ("client_secret".to_owned(), s.to_owned())));
            let basic = basic.map(|s| format!("Basic {}", BASE64.encode(format!("{id}:{s}"))));
            let all: Vec<_> = basic.iter().map(|b| (header::AUTHORIZATION, b.as_str())).collect();
            lab.authority.client(&form, &headers(&all)).await.map_err(|e| e.reason())
        };
        assert_eq!(of(id, Some(secret), None).await.as_deref(), Ok(id));
        assert_eq!(of(id, None, Some(secret)).await.as_deref(), Ok(id));
        for (given, basic) in [(None, None), (Some("mcs_wrong"), None), (None, Some("mcs_wrong"))] {
            assert_eq!(of(id, given, basic).await, Err("invalid_client"));
        }
        let url = "https://claude.ai/oauth/client";
        assert_eq!(of(url, None, None).await.as_deref(), Ok(url));
        assert_eq!(of(url, Some("x"), None).await, Err("invalid_client"));
    }
}
