//! The claims of a token (JWT, RFC 7519) by which a principal logs in. Its signature is not
//! checked: the sandbox has no keys of an issuer, and keeps nothing that is worth one.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::options::SandboxPrincipal;
use crate::error::Error;
use crate::messages;

/// The claims that may name a principal: an object, an application (in tokens of both versions), a
/// person (likewise).
const NAMES: [&str; 5] = ["oid", "appid", "azp", "upn", "preferred_username"];

/// The principal that a token is for; in SQL Server's words, why there is none.
pub(super) fn principal<'a>(
    token: &str,
    audience: &str,
    principals: &'a [SandboxPrincipal],
) -> Result<&'a SandboxPrincipal, Error> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    principal_at(now, token, audience, principals)
}

/// `now` in seconds since 1970, as `exp` and `nbf` are.
fn principal_at<'a>(
    now: f64,
    token: &str,
    audience: &str,
    principals: &'a [SandboxPrincipal],
) -> Result<&'a SandboxPrincipal, Error> {
    let claims = claims(token).ok_or_else(messages::token_invalid)?;
    let seconds = |name: &str| claims.get(name).and_then(Value::as_f64);
    let expires = seconds("exp").ok_or_else(messages::token_invalid)?;
    if !is_for(audience, &claims["aud"]) || seconds("nbf").is_some_and(|from| from > now) {
        return Err(messages::token_invalid());
    }
    if expires <= now {
        return Err(messages::token_expired());
    }
    let named = |p: &&SandboxPrincipal| {
        let mut names = NAMES.iter().filter_map(|name| claims.get(*name)?.as_str());
        names.any(|name| name.eq_ignore_ascii_case(&p.id))
    };
    principals.iter().find(named).ok_or_else(messages::no_principal_of_token)
}

/// The payload, between two dots, as an object.
fn claims(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    claims.is_object().then_some(claims)
}

/// `aud` is one audience or several (RFC 7519 §4.1.3); Entra writes some with a slash at the end.
fn is_for(audience: &str, aud: &Value) -> bool {
    let bare = |text: &str| text.trim_end_matches('/').to_owned();
    let is_it = |value: &Value| value.as_str().is_some_and(|text| bare(text) == bare(audience));
    aud.as_array().map_or_else(|| is_it(aud), |all| all.iter().any(is_it))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: f64 = 1_000_000.0;

    fn token(claims: &Value) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    /// The login of a token's principal, or the text of its refusal.
    fn told(token: &str) -> String {
        let principals = ["a1", "ada@corp.example"].map(|id| SandboxPrincipal {
            id: id.to_owned(),
            login: format!("login of {id}"),
            ..SandboxPrincipal::default()
        });
        let audience = "https://database.windows.net";
        match principal_at(NOW, token, audience, &principals) {
            Ok(principal) => principal.login.clone(),
            Err(e) => {
                assert_eq!((e.number, e.class, e.state), (18456, 14, 1));
                e.message
            }
        }
    }

    #[test]
    fn a_principal_is_named_by_one_of_several_claims() {
        let aud = "https://database.windows.net/";
        for name in NAMES {
            let named = json!({"aud": aud, "exp": NOW + 1.0, "nbf": NOW, "sub": "?", name: "A1"});
            assert_eq!(told(&token(&named)), "login of a1", "{name}");
        }
        let several = json!({"aud": ["other", "https://database.windows.net"], "exp": NOW + 1.0,
            "oid": "unknown", "upn": "ada@corp.example"});
        assert_eq!(told(&token(&several)), "login of ada@corp.example");
    }

    #[test]
    fn why_a_token_is_refused_is_told_in_its_own_words() {
        let failed = "Login failed for user '<token-identified principal>'.";
        let aud = "https://database.windows.net";
        let unknown = json!({"aud": aud, "exp": NOW + 1.0, "oid": "a2", "sub": "a1"});
        assert_eq!(told(&token(&unknown)), failed);
        let old = json!({"aud": aud, "exp": NOW, "oid": "a1"});
        assert_eq!(told(&token(&old)), format!("{failed} Token is expired."));
        let invalid = [
            token(&json!({"aud": "https://graph.microsoft.com", "exp": NOW + 1.0, "oid": "a1"})),
            token(&json!({"exp": NOW + 1.0, "oid": "a1"})),
            token(&json!({"aud": aud, "oid": "a1"})),
            token(&json!({"aud": aud, "exp": NOW + 9.0, "nbf": NOW + 1.0, "oid": "a1"})),
            token(&json!("text")),
            String::new(),
            "e30.e30".to_owned(),
            "e30.!.c2ln".to_owned(),
            "e30.e30.c2ln.c2ln".to_owned(),
        ];
        for token in invalid {
            assert_eq!(told(&token), format!("{failed} Incorrect or invalid token."), "{token}");
        }
    }
}
