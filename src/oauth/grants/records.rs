//! What the store keeps of grants, codes and tokens; the secret ones under their hashes.

use serde::{Deserialize, Serialize};

/// What a person granted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) user: String,
    pub(crate) client: String,
    /// Its name at that time.
    pub(crate) client_name: String,
    pub(crate) scopes: Vec<String>,
    /// Where: the path of the mount (RFC 8707); empty for the root.
    #[serde(default)]
    pub(crate) audience: String,
    pub(crate) created: u64,
    /// When one of its access tokens was last used, to the minute; 0 for never.
    #[serde(default)]
    pub(crate) used: u64,
    /// When its newest access token expires.
    #[serde(default)]
    pub(crate) until: u64,
    /// Where its code was sent, for the person who looks at it.
    #[serde(default)]
    pub(crate) host: String,
    /// The person's, when they granted it; with another one it is void.
    #[serde(default)]
    pub(crate) epoch: String,
}

/// What a code stands for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AuthorizationCode {
    /// The grant that it becomes.
    pub(crate) grant: String,
    pub(crate) content: Grant,
    /// Where it was sent.
    pub(crate) redirect_uri: String,
    pub(crate) challenge: String,
    pub(super) used: bool,
    /// It was presented again.
    #[serde(default)]
    pub(super) replayed: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Access {
    pub(super) grant: String,
    pub(super) user: String,
    pub(super) client: String,
    pub(super) scopes: Vec<String>,
    #[serde(default)]
    pub(super) audience: String,
    pub(super) expires: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Refresh {
    pub(super) grant: String,
    pub(super) user: String,
    pub(super) client: String,
    pub(super) scopes: Vec<String>,
    #[serde(default)]
    pub(super) audience: String,
    pub(super) used_at: Option<u64>,
}

/// A browser whose person signed in on our pages.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) user: String,
    #[serde(default)]
    pub(crate) epoch: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ApiToken {
    /// Its principal's subject is `token:NAME`.
    pub(crate) name: String,
    /// What it may do.
    pub(crate) scopes: Vec<String>,
    /// The path of the mount that it is for.
    #[serde(default)]
    pub(crate) audience: String,
    /// Seconds since 1970.
    pub(crate) created: u64,
    /// Seconds since 1970; none for never.
    pub(crate) expires: Option<u64>,
}
