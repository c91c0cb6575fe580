//! Whose a token is, as it says itself. It is not verified here: SQL Server does that.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// What a token's payload says of its owner (RFC 7519 §4.1, and Entra's own claims).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenIdentity {
    /// The application (`appid`, or `azp` in tokens of version 2.0).
    pub application: Option<String>,
    /// The principal (`oid`).
    pub object: Option<String>,
    /// The tenant (`tid`).
    pub tenant: Option<String>,
    /// A person's name (`upn`, `unique_name` or `preferred_username`).
    pub person: Option<String>,
    /// What it is for (`aud`).
    pub audience: Option<String>,
    /// When it expires, in seconds since 1970 (`exp`).
    pub expires: Option<u64>,
}

// === impl TokenIdentity ===

impl TokenIdentity {
    /// Of a token; one that cannot be read says nothing.
    pub fn of(token: &str) -> Self {
        let payload = token.split('.').nth(1).unwrap_or_default();
        let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).unwrap_or_default();
        let claims: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let text = |keys: &[&str]| {
            let found = keys.iter().find_map(|k| claims[*k].as_str());
            found.map(|t| t.chars().filter(|c| !c.is_control()).take(200).collect())
        };
        Self {
            application: text(&["appid", "azp"]),
            object: text(&["oid"]),
            tenant: text(&["tid"]),
            person: text(&["upn", "unique_name", "preferred_username"]),
            audience: text(&["aud"]),
            expires: claims["exp"].as_u64(),
        }
    }
}

impl std::fmt::Display for TokenIdentity {
    /// Such as `appid …, oid …, tid …`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = [
            ("", &self.person),
            ("appid ", &self.application),
            ("oid ", &self.object),
            ("tid ", &self.tenant),
        ];
        let said: Vec<String> =
            all.iter().filter_map(|(name, v)| v.as_ref().map(|v| format!("{name}{v}"))).collect();
        f.write_str(if said.is_empty() { "somebody that it does not name" } else { "" })?;
        f.write_str(&said.join(", "))
    }
}
