//! What the store keeps of grants, codes and tokens; the secret ones under their hashes.

use serde::{Deserialize, Serialize};

/// What a person granted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Grant {
    /// Who.
    pub user: String,
    /// To which client.
    pub client: String,
    /// Its name at that time.
    pub client_name: String,
    /// What.
    pub scopes: Vec<String>,
    /// Where: the path of the mount (RFC 8707); empty for the root.
    #[serde(default)]
    pub audience: String,
    /// Seconds since 1970.
    pub created: u64,
    /// When one of its access tokens was last used, to the minute; 0 for never.
    #[serde(default)]
    pub used: u64,
    /// When its newest access token expires.
    #[serde(default)]
    pub until: u64,
    /// Where its code was sent, for the person who looks at it.
    #[serde(default)]
    pub host: String,
    /// The person's, when they granted it; with another one it is void.
    #[serde(default)]
    pub epoch: String,
}

/// What a code stands for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Code {
    /// The grant that it becomes.
    pub grant: String,
    /// Its content.
    pub content: Grant,
    /// Where it was sent.
    pub redirect_uri: String,
    /// PKCE, S256.
    pub challenge: String,
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
pub struct Login {
    /// Who.
    pub user: String,
    /// As [`Grant::epoch`].
    #[serde(default)]
    pub epoch: String,
}

/// A machine's token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ApiToken {
    /// Its principal's subject is `token:NAME`.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// The path of the mount that it is for.
    #[serde(default)]
    pub audience: String,
    /// Seconds since 1970.
    pub created: u64,
    /// Likewise; none for never.
    pub expires: Option<u64>,
}
