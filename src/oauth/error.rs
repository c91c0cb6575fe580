//! Why an endpoint gives no answer of its own. Here, once, it becomes a response: a page for the
//! person, JSON for the program, or the way back to the client with an error.

use std::time::Duration;

use http::StatusCode;
use http::header::{self, HeaderValue};

use super::answer::{Answer, html, oauth_error, unavailable};
use super::pages;
use super::store::StoreError;
use crate::answer::retry_after;

/// An error of RFC 6749, RFC 7591 or of our pages.
#[derive(Debug)]
pub(super) enum OAuthError {
    /// The person is told; nothing is sent anywhere, because it is not known to be right where it
    /// would go (RFC 6749 §4.1.2.1).
    Page {
        status: StatusCode,
        problem: String,
        /// What the person can do.
        mend: &'static str,
        wait: Option<Duration>,
    },
    /// The client is told, at its own redirect URI (RFC 6749 §4.1.2.1).
    Redirect {
        redirect_uri: String,
        state: Option<String>,
        error: &'static str,
        description: String,
    },
    /// The program is told (RFC 6749 §5.2, RFC 7591 §3.2.2).
    Json { status: StatusCode, error: &'static str, description: String, wait: Option<Duration> },
    /// The store of sign-in does not answer.
    Store(StoreError),
}

impl From<StoreError> for OAuthError {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

impl OAuthError {
    /// 400 for the person.
    pub(super) fn page(problem: impl Into<String>, mend: &'static str) -> Self {
        let (status, problem) = (StatusCode::BAD_REQUEST, problem.into());
        Self::Page { status, problem, mend, wait: None }
    }

    /// 400 for the program.
    pub(super) fn json(error: &'static str, description: impl Into<String>) -> Self {
        let (status, description) = (StatusCode::BAD_REQUEST, description.into());
        Self::Json { status, error, description, wait: None }
    }

    /// 401 for the program (RFC 6749 §5.2).
    pub(super) fn invalid_client(description: &str) -> Self {
        Self::Json {
            status: StatusCode::UNAUTHORIZED,
            error: "invalid_client",
            description: description.to_owned(),
            wait: None,
        }
    }

    /// 404: people sign in elsewhere.
    pub(super) fn elsewhere(description: &str) -> Self {
        Self::Json {
            status: StatusCode::NOT_FOUND,
            error: "not_found",
            description: description.to_owned(),
            wait: None,
        }
    }

    /// For metrics; few and fixed.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Page { .. } => "page",
            Self::Redirect { error, .. } | Self::Json { error, .. } => error,
            Self::Store(_) => "store",
        }
    }

    /// The response; `redirect` knows the way back to a client.
    pub(super) fn into_answer(
        self,
        redirect: impl FnOnce(&str, &[(&str, &str)]) -> Answer,
    ) -> Answer {
        let (answer, wait) = match self {
            Self::Page { status, problem, mend, wait } => {
                (html(status, pages::error(&problem, mend), None), wait)
            }
            Self::Redirect { redirect_uri, state, error, description } => {
                let mut with = vec![("error", error), ("error_description", &*description)];
                with.extend(state.as_deref().map(|s| ("state", s)));
                (redirect(&redirect_uri, &with), None)
            }
            Self::Json { status, error, description, wait } => {
                let mut answer = oauth_error(status, error, &description);
                if error == "invalid_client" {
                    let basic = HeaderValue::from_static("Basic realm=\"token\"");
                    answer.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
                }
                (answer, wait)
            }
            Self::Store(e) => (unavailable(&e), None),
        };
        match wait {
            Some(wait) => retry_after(answer, wait.as_secs() + 1),
            None => answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nowhere(_: &str, _: &[(&str, &str)]) -> Answer {
        panic!("it goes to no client")
    }

    #[test]
    fn each_kind_has_its_status_and_says_when_to_come_back() {
        let busy = OAuthError::Json {
            status: StatusCode::SERVICE_UNAVAILABLE,
            error: "temporarily_unavailable",
            description: "later".into(),
            wait: Some(Duration::from_millis(4500)),
        };
        let a = busy.into_answer(nowhere);
        assert_eq!(
            (a.status().as_u16(), &a.headers()[header::RETRY_AFTER]),
            (503, &"5".parse().expect("number"))
        );
        let a = OAuthError::invalid_client("who?").into_answer(nowhere);
        assert_eq!(a.status(), StatusCode::UNAUTHORIZED);
        assert!(a.headers().contains_key(header::WWW_AUTHENTICATE));
        let a = OAuthError::page("no", "again").into_answer(nowhere);
        assert_eq!(a.status(), StatusCode::BAD_REQUEST);
        assert!(!a.headers().contains_key(header::WWW_AUTHENTICATE));
    }

    #[test]
    fn a_client_hears_its_state_and_no_other() {
        for state in [Some("s1".to_owned()), None] {
            let e = OAuthError::Redirect {
                redirect_uri: "https://a.example/cb".into(),
                state: state.clone(),
                error: "invalid_scope",
                description: "d".into(),
            };
            assert_eq!(e.reason(), "invalid_scope");
            e.into_answer(|uri, with| {
                assert_eq!(uri, "https://a.example/cb");
                assert_eq!(with[..2], [("error", "invalid_scope"), ("error_description", "d")]);
                assert_eq!(with.get(2).map(|s| s.1), state.as_deref());
                Answer::default()
            });
        }
    }
}
