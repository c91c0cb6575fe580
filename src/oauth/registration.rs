//! Dynamic client registration (RFC 7591).

use http::StatusCode;
use serde_json::Value;

use super::answer::{Answer, json_answer, later, media, oauth_error, unavailable};
use super::server::{Authority, Request};

impl Authority {
    pub(super) async fn register(&self, r: &Request<'_>) -> Answer {
        if media(r.headers) != "application/json" {
            let d = "Content-Type must be application/json";
            return oauth_error(StatusCode::BAD_REQUEST, "invalid_client_metadata", d);
        }
        let Ok(body) = serde_json::from_slice::<Value>(r.body) else {
            return oauth_error(
                StatusCode::BAD_REQUEST,
                "invalid_client_metadata",
                "the body is not JSON",
            );
        };
        match self.clients.register(&body, r.peer).await {
            Ok(Ok(v)) => json_answer(StatusCode::CREATED, &v),
            Ok(Err(e)) => {
                let busy = e.error == "temporarily_unavailable";
                let status =
                    if busy { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::BAD_REQUEST };
                let answer = oauth_error(status, e.error, &e.description);
                match e.wait {
                    Some(wait) => later(answer, wait.as_secs() + 1),
                    None => answer,
                }
            }
            Err(e) => unavailable(&e),
        }
    }
}
