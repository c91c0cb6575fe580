//! The revocation endpoint (RFC 7009).

use http::StatusCode;
use serde_json::json;

use super::answer::{Answer, json_answer};
use super::error::OAuthError;
use super::server::{Authority, Request};
use super::token::posted_form;

impl Authority {
    /// 200 whether or not there was such a token (RFC 7009 §2.2).
    pub(super) async fn revoke(&self, r: &Request<'_>) -> Result<Answer, OAuthError> {
        let form = posted_form(r)?;
        let client = self.client(&form, r.headers).await?;
        let Some(token) = form.get("token") else {
            return Err(OAuthError::json("invalid_request", "token is missing"));
        };
        // Recorded as what it was: a token that is unknown or another's is answered alike, but
        // nothing ended.
        let failed = |why: &str| {
            self.audit.strange("revoke_failed", &[("client_id", &client), ("why", why)])
        };
        match self.grants.revoke_token(token, &client).await {
            Ok(true) => self.audit.event("revoke", &[("client_id", &client)]),
            Ok(false) => failed("no such token of this client"),
            Err(e) => {
                failed("store");
                return Err(e.into());
            }
        }
        Ok(json_answer(StatusCode::OK, &json!({})))
    }
}
