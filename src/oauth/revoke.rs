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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::oauth::lab::{Lab, PASSWORD, is_unavailable};
    use crate::route::Endpoint;

    fn text(v: &Value) -> &str {
        v.as_str().expect("a token")
    }

    #[tokio::test]
    async fn a_client_ends_its_own_token_and_no_other() {
        let mut lab = Lab::new().await;
        lab.sign_in("ada", PASSWORD).await;
        let client = lab.client().await;
        let other = json!({
            "client_name": "Other",
            "redirect_uris": ["https://claude.ai/other"],
            "token_endpoint_auth_method": "none",
        });
        let other = lab.register(&other).await.json()["client_id"].take();
        for token in ["access_token", "refresh_token"] {
            let tokens = lab.tokens(&client).await;
            let (access, given) = (text(&tokens["access_token"]), text(&tokens[token]));
            for (who, ends) in [(text(&other), false), (&*client, true)] {
                let form = [("client_id", who), ("token", given)];
                let reply = lab.post(Endpoint::Revoke, &form).await;
                assert_eq!((reply.status, reply.json()), (200, json!({})), "{token} {who}");
                assert_eq!(lab.is_good(access).await, !ends, "{token} by {who}");
            }
        }
    }

    #[tokio::test]
    async fn what_is_missing_is_said() {
        let lab = Lab::new().await;
        let client = lab.client().await;
        let reply = lab.post(Endpoint::Revoke, &[("client_id", &client)]).await;
        assert_eq!(reply.error(), (400, "invalid_request".into()));
        let unknown = [("client_id", client.as_str()), ("token", "mat_never")];
        assert_eq!(lab.post(Endpoint::Revoke, &unknown).await.status, 200);
        let nobody = lab.post(Endpoint::Revoke, &[("token", "mat_never")]).await;
        assert_eq!(nobody.error(), (401, "invalid_client".into()));
        lab.lose_the_store();
        assert!(is_unavailable(&lab.post(Endpoint::Revoke, &unknown).await));
    }
}
