//! Who calls. Put into a request's extensions by whoever knows: stdio puts in the local user,
//! the HTTP stack what the bearer layer found. A request without a principal has no rights;
//! it is never trusted.

use std::sync::{Arc, LazyLock};

use http::Extensions;
use mssql_mcp_entra::TokenIdentity;
use serde_json::{Map, Value};

/// Who calls, and what they may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Principal {
    /// A person's name, or `token:NAME` of a machine.
    pub subject: String,
    /// What it may do; [`SCOPES`] has all there are.
    pub scopes: Vec<String>,
    /// The OAuth client that it came through.
    pub client: Option<String>,
    /// Claims of its token, for what takes values from there.
    pub claims: Arc<Map<String, Value>>,
    /// Its own token, where one is exchanged for another in its name.
    pub assertion: Option<Assertion>,
}

/// The token by which somebody called. Debug does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Assertion(Arc<str>);

// === impl Assertion ===

impl std::fmt::Debug for Assertion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Assertion")
    }
}

impl Assertion {
    /// As it came (RFC 6750 §2.1).
    pub fn new(token: &str) -> Self {
        Self(token.into())
    }

    /// What is sent.
    pub(crate) fn text(&self) -> Arc<str> {
        self.0.clone()
    }

    /// Whose it is.
    pub(crate) fn identity(&self) -> TokenIdentity {
        TokenIdentity::of(&self.0)
    }
}

// === impl Principal ===

/// Reading, changing rows, changing the schema, running procedures. None implies another.
pub const SCOPES: [&str; 4] = ["mssql:read", "mssql:write", "mssql:schema", "mssql:execute"];

impl Principal {
    /// The person at this machine: over stdio, and on a loopback listener without sign-in.
    pub fn local() -> Arc<Self> {
        static LOCAL: LazyLock<Arc<Principal>> = LazyLock::new(|| {
            let scopes = SCOPES.map(str::to_owned).to_vec();
            Arc::new(Principal { subject: "local".into(), scopes, ..Principal::default() })
        });
        LOCAL.clone()
    }

    /// With the claims that our own tokens have (RFC 7662 §2.2): `sub` and `client_id`.
    pub(crate) fn with_own_claims(mut self) -> Self {
        let mut claims = Map::from_iter([("sub".to_owned(), self.subject.clone().into())]);
        claims.extend(self.client.clone().map(|c| ("client_id".to_owned(), c.into())));
        self.claims = Arc::new(claims);
        self
    }

    /// Puts it into the extensions of a request, where there is one for all who ask.
    pub fn into_extensions(self: Arc<Self>, extensions: &mut Extensions) {
        extensions.insert(self);
    }

    /// Whose request it is.
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get::<Arc<Self>>().map(|p| &**p)
    }

    /// Whether this is [`Self::local`], asked with each call and so without making one: a person of
    /// that name came through a client, or has not all scopes.
    pub(crate) fn is_local(&self) -> bool {
        self.subject == "local" && self.client.is_none() && self.scopes == SCOPES
    }

    /// Whether it has a scope.
    pub(crate) fn may(&self, scope: &str) -> bool {
        self.scopes.iter().any(|s| s == scope)
    }

    /// What a session is bound to.
    pub(crate) fn key(&self) -> String {
        match &self.assertion {
            None => self.subject.clone(),
            // A subject is a claim that the operator chose, and two people may share it.
            Some(assertion) => {
                let who = assertion.identity();
                let part = |p: Option<String>| p.unwrap_or_default();
                format!("{}\n{}\n{}", self.subject, part(who.tenant), part(who.object))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_person_at_this_machine_is_no_other_of_that_name() {
        let local = Principal::local();
        assert!(local.is_local());
        let like = || Principal::clone(&local);
        assert!(!Principal { client: Some("c1".into()), ..like() }.is_local());
        assert!(!Principal { scopes: vec!["mssql:read".into()], ..like() }.is_local());
        assert!(!Principal { subject: "ada".into(), ..like() }.is_local());
        let mut extensions = Extensions::new();
        assert_eq!(Principal::of(&extensions), None);
        local.clone().into_extensions(&mut extensions);
        assert_eq!(Principal::of(&extensions), Some(&*local));
    }
}
