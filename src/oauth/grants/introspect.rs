//! Whose a token is (RFC 7662 has this as an endpoint; here it is a function of the same process).

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Access, ApiToken, Grant, Grants};
use crate::oauth::store::{FOREVER, RecordKind, StoreError, now};
use crate::principal::Principal;
use crate::secret::hashed;

/// The use of a grant is written down at most once in so many seconds.
const NOTED: u64 = 60;
/// A token that was found good is not looked up again for this long; a revocation
/// is honoured after it.
const TRUST: Duration = Duration::from_secs(1);
/// Tokens that are remembered at once.
const MOST: usize = 10_000;

/// Whose a token is, by which grant, for which mount, until when.
struct Whose(Principal, String, String, u64);

pub(super) struct Known {
    principal: Arc<Principal>,
    pub(super) grant: String,
    audience: String,
    checked: Instant,
    expires: u64,
}

impl Grants {
    /// Asks the store about every token again.
    pub(crate) fn forget(&self) {
        self.known.clear();
    }

    /// By which grant a token that was looked up is good (empty for a machine's), and until when.
    pub(crate) fn lease(&self, token: &str) -> Option<(String, u64)> {
        self.known.get(&hashed(token)).map(|k| (k.grant.clone(), k.expires))
    }

    /// Whether a grant has an access token that has not expired; none when it was revoked, or its
    /// person is shut out.
    pub(crate) async fn lives(&self, grant: &str) -> Result<Option<bool>, StoreError> {
        let Some((g, _)) = self.records.get::<Grant>(RecordKind::Grant, grant).await? else {
            return Ok(None);
        };
        Ok(self.people.still(&g.user, &g.epoch).await?.map(|_| g.until > now()))
    }

    /// Whether a token was good when it was last looked up.
    pub(crate) fn has_seen(&self, token: &str) -> bool {
        self.known.contains_key(&hashed(token))
    }

    /// Whose a token is, if that is known without asking the store.
    pub fn known(&self, token: &str, audience: &str) -> Option<Arc<Principal>> {
        let k = self.known.get(&hashed(token))?;
        (k.checked.elapsed() < TRUST && k.expires > now() && k.audience == audience)
            .then(|| k.principal.clone())
    }

    /// Whose a token is; none when it is unknown, expired, revoked, or for another mount.
    pub async fn introspect(
        &self,
        token: &str,
        audience: &str,
    ) -> Result<Option<Arc<Principal>>, StoreError> {
        let key = hashed(token);
        let found = if token.starts_with("mcp_") {
            self.machine(&key).await?
        } else {
            self.person(&key).await?
        };
        match found {
            None => {
                self.known.remove(&key);
                Ok(None)
            }
            Some(Whose(_, _, of, _)) if of != audience => Ok(None),
            Some(Whose(principal, grant, audience, expires)) => {
                if self.known.len() >= MOST {
                    self.known.retain(|_, k| k.checked.elapsed() < TRUST);
                }
                let principal = Arc::new(principal);
                let known = Known {
                    principal: principal.clone(),
                    grant,
                    audience,
                    checked: Instant::now(),
                    expires,
                };
                self.known.insert(key, known);
                Ok(Some(principal))
            }
        }
    }

    async fn machine(&self, key: &str) -> Result<Option<Whose>, StoreError> {
        let found = self.records.get::<ApiToken>(RecordKind::ApiToken, key).await?;
        Ok(found.map(|(t, _)| {
            let p = Principal {
                subject: format!("token:{}", t.name),
                scopes: t.scopes,
                ..Principal::default()
            }
            .with_own_claims();
            Whose(p, String::new(), t.audience, t.expires.unwrap_or(FOREVER))
        }))
    }

    async fn person(&self, key: &str) -> Result<Option<Whose>, StoreError> {
        let Some((a, _)) = self.records.get::<Access>(RecordKind::Access, key).await? else {
            return Ok(None);
        };
        let Some((grant, _)) = self.records.get::<Grant>(RecordKind::Grant, &a.grant).await? else {
            return Ok(None);
        };
        let Some(user) = self.people.still(&a.user, &grant.epoch).await? else { return Ok(None) };
        // For the person who looks at it; a store that cannot write it down refuses nobody.
        let at = now();
        if at >= grant.used + NOTED
            && let Err(e) = self.change(&a.grant, |g| g.used = at).await
        {
            tracing::debug!(error = %e, "the use of a grant");
        }
        // An operator may have written to the store by other ways than ours.
        let scopes = a.scopes.into_iter().filter(|s| user.scopes.contains(s)).collect();
        let principal =
            Principal { subject: a.user, scopes, client: Some(a.client), ..Principal::default() }
                .with_own_claims();
        Ok(Some(Whose(principal, a.grant, a.audience, a.expires)))
    }
}
