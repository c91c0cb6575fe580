//! An authorization request (RFC 6749 §4.1.1, RFC 7636, RFC 8707), read and checked without HTTP,
//! in the order of §4.1.2.1: client and redirect URI first, because only then it is known where an
//! error may be sent.

use super::answer::{Form, form};
use super::clients::Client;
use super::error::OAuthError;
use super::redirects::Redirects;
use crate::redirect_uri;

/// What a person can do about a request that cannot be answered.
pub(super) const AGAIN: &str = "Begin again in the program that sent you here.";

/// What a query asks for, before anybody looked at the client.
#[derive(Debug)]
pub(super) struct Asked {
    query: Form,
    pub(super) client_id: String,
}

/// A request that may be answered: what goes into the code.
#[derive(Debug)]
pub(super) struct AuthorizationRequest {
    pub(super) client_id: String,
    pub(super) client: Client,
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    pub(super) challenge: String,
    pub(super) scopes: Vec<String>,
    /// By its place in the configuration.
    pub(super) mount: usize,
}

/// What RFC 6749 §4.1.2.1 sends to the client: `error` and `error_description`.
type Told = (&'static str, String);

impl Asked {
    pub(super) fn read(query: &str) -> Result<Self, OAuthError> {
        let query = form(query.as_bytes()).map_err(|e| OAuthError::page(e, AGAIN))?;
        match query.get("client_id").cloned() {
            Some(client_id) => Ok(Self { query, client_id }),
            None => Err(OAuthError::page("client_id is missing.", AGAIN)),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// Where the answer goes. `redirects` say what the operator allows, unless they configured this
    /// client themselves.
    pub(super) fn redirect_uri(
        &self,
        client: &Client,
        redirects: Option<&Redirects>,
    ) -> Result<String, OAuthError> {
        let uri = match (self.get("redirect_uri"), client.redirect_uris.as_slice()) {
            (Some(given), _) => given,
            (None, [only]) => only,
            (None, _) => return Err(OAuthError::page("redirect_uri is missing.", AGAIN)),
        };
        // Asked again, because the operator may have taken back since what was registered; and what
        // was left out then is told with its reason, which only they can mend.
        if let Some(Err(why)) = redirects.map(|r| r.check(uri)) {
            let problem = format!("The answer to this program may not be sent to {why}.");
            return Err(OAuthError::page(problem, AGAIN));
        }
        if !client.redirect_uris.iter().any(|known| redirect_uri::matches(known, uri)) {
            let problem = "redirect_uri is not one that this program registered.";
            return Err(OAuthError::page(problem, AGAIN));
        }
        Ok(uri.to_owned())
    }

    /// The S256 challenge of a request for a code (RFC 7636 §4.3; no other method is taken).
    pub(super) fn challenge(&self) -> Result<String, Told> {
        let missing: Vec<&str> = ["response_type", "code_challenge"]
            .into_iter()
            .filter(|k| self.get(k).is_none())
            .collect();
        if !missing.is_empty() {
            return Err(("invalid_request", format!("missing: {}", missing.join(" and "))));
        }
        if self.get("response_type") != Some("code") {
            return Err(("unsupported_response_type", "response_type must be code".into()));
        }
        if self.get("code_challenge_method") != Some("S256") {
            return Err(("invalid_request", "code_challenge_method must be S256".into()));
        }
        let challenge = self.get("code_challenge").unwrap_or_default();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        if challenge.len() != 43 || !challenge.bytes().all(plain) {
            let description = "code_challenge is no S256 challenge (43 characters)";
            return Err(("invalid_request", description.into()));
        }
        Ok(challenge.to_owned())
    }

    /// The scopes that are asked for, of those that there are. Unknown ones (offline_access, openid
    /// …) are left out, not refused: hosts append their own.
    pub(super) fn scopes(&self, known: &[&str]) -> Vec<String> {
        let asked = self.get("scope").unwrap_or_default().split(' ');
        let mut scopes: Vec<String> =
            asked.filter(|s| known.contains(s)).map(str::to_owned).collect();
        if scopes.is_empty() {
            scopes.push("mssql:read".into());
        }
        scopes.sort();
        scopes.dedup();
        scopes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Inputs};

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn asked(query: &str) -> Asked {
        Asked::read(query).expect("a client is named")
    }

    fn client(uris: &[&str]) -> Client {
        Client {
            name: "c".into(),
            redirect_uris: uris.iter().map(|u| (*u).to_owned()).collect(),
            ..Client::default()
        }
    }

    fn problem(e: OAuthError) -> String {
        match e {
            OAuthError::Page { problem, .. } => problem,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_a_client_nobody_but_the_person_is_told() {
        assert_eq!(problem(Asked::read("state=s").expect_err("no")), "client_id is missing.");
        assert!(problem(Asked::read("client_id=a&client_id=b").expect_err("no")).contains("twice"));
        assert_eq!(asked("client_id=a").client_id, "a");
    }

    #[test]
    fn the_answer_goes_where_the_client_registered_and_the_operator_allows() {
        let (one, two) = (
            client(&["https://a.example/cb"]),
            client(&["https://a.example/1", "https://a.example/2"]),
        );
        let to = |query: &str, c: &Client| asked(query).redirect_uri(c, None).map_err(problem);
        assert_eq!(to("client_id=a", &one).as_deref(), Ok("https://a.example/cb"));
        assert_eq!(to("client_id=a", &two), Err("redirect_uri is missing.".into()));
        let named = "client_id=a&redirect_uri=https%3A%2F%2Fa.example%2F2";
        assert_eq!(to(named, &two).as_deref(), Ok("https://a.example/2"));
        assert!(to(named, &one).expect_err("another").contains("registered"));
        let config = Config::load(&Inputs::default()).expect("valid");
        let redirects = Redirects::new(&config);
        let refused = asked("client_id=a").redirect_uri(&one, Some(&redirects)).map_err(problem);
        assert!(refused.expect_err("not allowed").contains("may not be sent to"));
    }

    #[test]
    fn only_a_code_with_an_s256_challenge_is_given() {
        let good = format!(
            "client_id=a&response_type=code&code_challenge={CHALLENGE}&code_challenge_method=S256"
        );
        assert_eq!(asked(&good).challenge().as_deref(), Ok(CHALLENGE));
        for (from, to, error) in [
            ("response_type=code", "x=y", "invalid_request"),
            ("response_type=code", "response_type=token", "unsupported_response_type"),
            ("code_challenge_method=S256", "code_challenge_method=plain", "invalid_request"),
            ("&code_challenge_method=S256", "", "invalid_request"),
            (CHALLENGE, "short", "invalid_request"),
            ("E9Mel", "E9Me!", "invalid_request"),
        ] {
            let told = asked(&good.replace(from, to)).challenge();
            assert_eq!(told.expect_err(to).0, error, "{to}");
        }
    }

    #[test]
    fn scopes_are_those_that_there_are_and_reading_where_none_is_left() {
        let known = ["mssql:read", "mssql:write"];
        for (scope, left) in [
            ("mssql%3Awrite+mssql%3Aread+mssql%3Aread", vec!["mssql:read", "mssql:write"]),
            ("openid+offline_access", vec!["mssql:read"]),
            ("mssql%3Awrite+mssql%3Aadmin", vec!["mssql:write"]),
            ("", vec!["mssql:read"]),
        ] {
            assert_eq!(asked(&format!("client_id=a&scope={scope}")).scopes(&known), left);
        }
    }
}
