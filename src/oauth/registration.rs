//! Dynamic client registration (RFC 7591).

use http::StatusCode;
use serde_json::Value;

use super::answer::{Answer, json_answer, media};
use super::error::OAuthError;
use super::server::{Authority, Request};

impl Authority {
    pub(super) async fn register(&self, r: &Request<'_>) -> Result<Answer, OAuthError> {
        let bad = |d: &str| OAuthError::json("invalid_client_metadata", d);
        if media(r.headers) != "application/json" {
            return Err(bad("Content-Type must be application/json"));
        }
        let body: Value =
            serde_json::from_slice(r.body).map_err(|_| bad("the body is not JSON"))?;
        match self.clients.register(&body, r.peer).await? {
            Ok(registered) => Ok(json_answer(StatusCode::CREATED, &registered)),
            Err(refused) => Err(OAuthError::Json {
                status: match refused.error {
                    "temporarily_unavailable" => StatusCode::SERVICE_UNAVAILABLE,
                    _ => StatusCode::BAD_REQUEST,
                },
                error: refused.error,
                description: refused.description,
                wait: refused.wait,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use http::header::{self, HeaderMap};
    use serde_json::json;

    use crate::oauth::lab::{CALLBACK, Lab, at, headers, is_unavailable};
    use crate::route::Endpoint;

    #[tokio::test]
    async fn a_program_gets_an_id_and_hears_what_was_wrong() {
        let lab = Lab::new().await;
        let good = json!({ "client_name": "Claude", "redirect_uris": [CALLBACK] });
        let made = lab.register(&good).await;
        assert_eq!(made.status, 201);
        assert_eq!(made.headers[header::CACHE_CONTROL], "no-store");
        assert!(made.json()["client_secret"].is_string(), "{}", made.text);
        let bad = lab.register(&json!({ "redirect_uris": ["https://evil.example/"] })).await;
        assert_eq!(bad.error(), (400, "invalid_redirect_uri".into()));
    }

    #[tokio::test]
    async fn only_json_is_read() {
        let lab = Lab::new().await;
        let send = async |media: &str, body: &str| {
            let headers = match media {
                "" => HeaderMap::new(),
                media => headers(&[(header::CONTENT_TYPE, media)]),
            };
            let place = at(Endpoint::Register);
            let reply = lab.send(Method::POST, place, "", &headers, body.as_bytes()).await;
            (reply.error(), reply.json()["error_description"].to_string())
        };
        let body = json!({ "redirect_uris": [CALLBACK] }).to_string();
        for (media, body, said) in [
            ("", &*body, "Content-Type"),
            ("text/plain", &*body, "Content-Type"),
            ("application/json", "{", "not JSON"),
        ] {
            let (error, description) = send(media, body).await;
            assert_eq!(error, (400, "invalid_client_metadata".into()));
            assert!(description.contains(said), "{description}");
        }
    }

    #[tokio::test]
    async fn who_registers_too_much_is_told_when_to_come_back() {
        let lab = Lab::with(&[("auth.registrations", "1")]).await;
        let of = |n: u32| json!({ "client_name": format!("{n}"), "redirect_uris": [CALLBACK] });
        assert_eq!(lab.register(&of(1)).await.status, 201);
        let full = lab.register(&of(2)).await;
        assert!(is_unavailable(&full), "{full:?}");
        let wait = full.headers[header::RETRY_AFTER].to_str().expect("text").parse::<u64>();
        assert!((3500..=3601).contains(&wait.expect("seconds")), "{full:?}");
        lab.lose_the_store();
        assert!(is_unavailable(&lab.register(&of(1)).await));
    }
}
