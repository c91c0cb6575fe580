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
