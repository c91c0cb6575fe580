//! The revocation endpoint (RFC 7009).

use http::StatusCode;
use serde_json::json;

use super::answer::{Answer, json_answer, oauth_error, unavailable};
use super::server::{Authority, Request};

impl Authority {
    /// RFC 7009: 200 whether or not there was such a token.
    pub(super) async fn revoke(&self, r: &Request<'_>) -> Answer {
        let f = match Self::posted_form(r) {
            Ok(f) => f,
            Err(a) => return *a,
        };
        let client = match self.client(&f, r.headers).await {
            Ok(c) => c,
            Err(a) => return a,
        };
        let Some(token) = f.get("token") else {
            return oauth_error(StatusCode::BAD_REQUEST, "invalid_request", "token is missing");
        };
        // Recorded as what it was: a token that is unknown or another's is answered
        // alike, but nothing ended.
        let failed = |why: &str| {
            self.audit.strange("revoke_failed", &[("client_id", &client), ("why", why)])
        };
        match self.grants.revoke_token(token, &client).await {
            Ok(ended) => {
                if ended {
                    self.audit.event("revoke", &[("client_id", &client)]);
                } else {
                    failed("no such token of this client");
                }
                json_answer(StatusCode::OK, &json!({}))
            }
            Err(e) => {
                failed("store");
                unavailable(&e)
            }
        }
    }
}
