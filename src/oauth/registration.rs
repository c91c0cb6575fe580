//! Dynamic client registration (RFC 7591).

use http::StatusCode;
use http::header::{self, HeaderValue};
use serde_json::Value;

use super::answer::{Answer, json_answer, media, oauth_error, unavailable};
use super::server::{Authority, Request};

impl Authority {
    pub(super) async fn register(&self, r: &Request<'_>) -> Answer {
        if media(r.headers) != "application/json" {
            let d = "Content-Type must be application/json";
            return oauth_error(StatusCode::BAD_REQUEST, "invalid_client_metadata", d);
        }
        let Ok(body) = serde_json::from_slice::<Value>(r.body) else {
            return oauth_error(StatusCode::BAD_REQUEST, "invalid_client_metadata", "the body is not JSON");
        };
        match self.clients.register(&body, r.peer).await {
            Ok(Ok(v)) => json_answer(StatusCode::CREATED, &v),
            Ok(Err(e)) => {
                let busy = e.error == "temporarily_unavailable";
                let status = if busy { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::BAD_REQUEST };
                let mut answer = oauth_error(status, e.error, &e.description);
                if let Some(wait) = e.wait {
                    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1));
                }
                answer
            }
            Err(e) => unavailable(&e),
        }
    }
}
