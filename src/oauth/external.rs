//! Tokens of an issuer that the operator names (Entra ID, Auth0, Keycloak …): JWTs (RFC 9068),
//! checked with the keys that the issuer publishes (RFC 8414 or OpenID discovery, RFC 7517).

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use jsonwebtoken::jwk::{JwkSet, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::store::{StoreError, now};
use crate::config::Config;
use crate::config::settings;
use crate::fetch::Getter;
use crate::principal::{Assertion, Principal, SCOPES};
use crate::secret::hashed;

/// Signatures by a key that only the issuer has. Not `none`, and no HMAC: its key would
/// be the public one.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// Clocks may differ by so many seconds.
const SKEW: u64 = 60;
/// Keys are fetched again after this, and for an unknown `kid` at most this often.
const FRESH: Duration = Duration::from_secs(600);
const AGAIN: Duration = Duration::from_secs(10);
/// A token that was found good is not verified again for this long.
const TRUST: Duration = Duration::from_secs(60);
const MOST: usize = 10_000;
const MAX_DOCUMENT: usize = 256 << 10;

/// The issuer's keys, and when they came.
type Keys = RwLock<Option<(Arc<JwkSet>, Instant)>>;
/// A token's hash to its principal, when it was verified, and when it expires.
type Known = DashMap<String, (Arc<Principal>, Instant, u64)>;

#[derive(Clone)]
pub(crate) struct External {
    /// As its tokens name it.
    pub(crate) issuer: String,
    mounts: Vec<String>,
    /// Of each mount that has one by configuration.
    audiences: Vec<(String, String)>,
    subject_claim: String,
    scope_claims: Vec<String>,
    /// Its scope or role → ours.
    scopes: Vec<(String, String)>,
    /// Some database is used on behalf of whoever calls.
    keeps_tokens: bool,
    getter: Getter,
    keys: Arc<Keys>,
    fetching: Arc<Mutex<()>>,
    known: Arc<Known>,
}

impl std::fmt::Debug for External {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("External").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// A token is verified for each mount by itself.
fn key_of(token: &str, mount: &str) -> String {
    format!("{}{mount}", hashed(token))
}

impl External {
    pub(crate) fn new(c: &Config) -> Self {
        let audiences =
            c.served().into_iter().map(|(m, c)| (m, c.get(settings::auth::AUDIENCE).to_owned()));
        let scopes = c
            .get(settings::auth::SCOPE_MAP)
            .iter()
            .filter_map(|m| m.split_once('='))
            .map(|(theirs, ours)| (theirs.trim().to_owned(), ours.trim().to_owned()))
            .collect();
        Self {
            issuer: c.get(settings::auth::ISSUER).to_owned(),
            mounts: c.served().into_iter().map(|(m, _)| m).collect(),
            audiences: audiences.filter(|(_, a)| !a.is_empty()).collect(),
            subject_claim: c.get(settings::auth::SUBJECT_CLAIM).to_owned(),
            scope_claims: c.get(settings::auth::SCOPE_CLAIMS),
            scopes,
            keeps_tokens: c
                .served()
                .into_iter()
                .flat_map(|(_, c)| c.databases())
                .any(|d| d.config.is_personal()),
            getter: Getter::from_operator(),
            keys: Arc::default(),
            fetching: Arc::default(),
            known: Arc::default(),
        }
    }

    /// Checks every token again.
    pub(crate) fn forget(&self) {
        self.known.clear();
    }

    /// What a client has to ask the issuer for, to get one of our scopes.
    pub(crate) fn theirs(&self, ours: &str) -> String {
        self.scopes
            .iter()
            .find(|(_, o)| o == ours)
            .map_or_else(|| ours.to_owned(), |(t, _)| t.clone())
    }

    /// Whose a token is, if it was verified a moment ago.
    pub(crate) fn known(&self, token: &str, mount: &str) -> Option<Arc<Principal>> {
        let k = self.known.get(&key_of(token, mount))?;
        (k.1.elapsed() < TRUST && k.2 > now()).then(|| k.0.clone())
    }

    /// Whether a token was verified for some mount, and has not expired.
    pub(crate) fn has_seen(&self, token: &str) -> bool {
        self.mounts.iter().any(|m| self.expires(token, m).is_some_and(|until| until > now()))
    }

    /// Until when a token that was verified is good.
    pub(crate) fn expires(&self, token: &str, mount: &str) -> Option<u64> {
        self.known.get(&key_of(token, mount)).map(|k| k.2)
    }

    /// Whose a token is; none when it is not good for this mount, which has these
    /// names as an audience.
    pub(crate) async fn introspect(
        &self,
        token: &str,
        mount: &str,
        audiences: &[String],
    ) -> Result<Option<Arc<Principal>>, StoreError> {
        let Ok(head) = decode_header(token) else { return Ok(None) };
        // An extension that must be understood, and none is (RFC 7515 §4.1.11).
        if !ALGORITHMS.contains(&head.alg) || head.crit.is_some() {
            return Ok(None);
        }
        let mut keys = self.keys(FRESH).await?;
        let find = |keys: &JwkSet| match &head.kid {
            Some(kid) => keys.find(kid).cloned(),
            // Without a name there must be no choice.
            None => keys.keys.first().filter(|_| keys.keys.len() == 1).cloned(),
        };
        let mut key = find(&keys);
        if key.is_none() {
            // The issuer may have new ones.
            keys = self.keys(AGAIN).await?;
            key = find(&keys);
        }
        let Some(jwk) = key else { return Ok(None) };
        // A key that says what it is for is used for nothing else.
        if jwk.common.key_algorithm.is_some_and(|a| a.to_string() != format!("{:?}", head.alg)) {
            return Ok(None);
        }
        // RFC 7517 §4.2 and §4.3.
        let signs = |u: &PublicKeyUse| *u == PublicKeyUse::Signature;
        let verifies = |o: &Vec<KeyOperations>| o.contains(&KeyOperations::Verify);
        if !jwk.common.public_key_use.as_ref().is_none_or(signs)
            || !jwk.common.key_operations.as_ref().is_none_or(verifies)
        {
            return Ok(None);
        }
        let Ok(key) = DecodingKey::from_jwk(&jwk) else { return Ok(None) };
        let mut v = Validation::new(head.alg);
        v.leeway = SKEW;
        v.validate_nbf = true;
        v.set_required_spec_claims(&["exp", "iss", "aud"]);
        v.set_issuer(&[&self.issuer]);
        match self.audiences.iter().find(|(m, _)| m == mount) {
            Some((_, a)) => v.set_audience(&[a]),
            None => v.set_audience(audiences),
        }
        let claims = match decode::<Map<String, Value>>(token, &key, &v) {
            Ok(d) => d.claims,
            Err(e) => {
                tracing::info!(target: "audit", event = "token_refused", reason = %e);
                return Ok(None);
            }
        };
        let Some(subject) =
            claims.get(&self.subject_claim).and_then(Value::as_str).filter(|s| !s.is_empty())
        else {
            tracing::warn!(claim = %self.subject_claim, "a token of the issuer lacks the \
                subject's claim");
            return Ok(None);
        };
        let expires = claims.get("exp").and_then(Value::as_u64).unwrap_or_default() + SKEW;
        let principal = Arc::new(Principal {
            subject: format!("{}|{subject}", self.issuer),
            scopes: self.ours(&claims),
            client: ["client_id", "azp", "appid"]
                .iter()
                .find_map(|k| Some(claims.get(*k)?.as_str()?.to_owned())),
            claims: Arc::new(claims),
            assertion: self.keeps_tokens.then(|| Assertion::new(token)),
        });
        if self.known.len() >= MOST {
            self.known.retain(|_, k| k.1.elapsed() < TRUST);
        }
        self.known.insert(key_of(token, mount), (principal.clone(), Instant::now(), expires));
        Ok(Some(principal))
    }

    /// Our scopes, from claims that are a text of words or a list.
    fn ours(&self, claims: &Map<String, Value>) -> Vec<String> {
        let mut all = Vec::new();
        for claim in &self.scope_claims {
            let words: Vec<&str> = match claims.get(claim) {
                Some(Value::String(s)) => s.split(' ').collect(),
                Some(Value::Array(l)) => l.iter().filter_map(Value::as_str).collect(),
                _ => continue,
            };
            for w in words {
                all.extend(
                    self.scopes
                        .iter()
                        .filter(|(theirs, _)| theirs == w)
                        .map(|(_, ours)| ours.clone()),
                );
                // Others may be what a tool of the operator's own asks for; ours are those there are.
                if SCOPES.contains(&w) || !w.starts_with("mssql:") {
                    all.push(w.to_owned());
                }
            }
        }
        all.sort();
        all.dedup();
        all
    }

    /// The issuer's keys, not older than this. One caller fetches, the others wait
    /// for what it gets.
    async fn keys(&self, age: Duration) -> Result<Arc<JwkSet>, StoreError> {
        let held = || {
            let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
            keys.as_ref().filter(|(_, at)| at.elapsed() < age).map(|(k, _)| k.clone())
        };
        if let Some(k) = held() {
            return Ok(k);
        }
        let _one = self.fetching.lock().await;
        if let Some(k) = held() {
            return Ok(k);
        }
        let made = self
            .fetch()
            .await
            .map_err(|why| StoreError(format!("the keys of {}: {why}", self.issuer)));
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        match (made, keys.as_ref()) {
            (Ok(set), _) => {
                let set = Arc::new(set);
                *keys = Some((set.clone(), Instant::now()));
                Ok(set)
            }
            // An issuer that is down does not lock out those whose keys we have.
            (Err(e), Some((old, _))) => {
                tracing::warn!(error = %e, "going on with the keys that there are");
                Ok(old.clone())
            }
            (Err(e), None) => Err(e),
        }
    }

    async fn fetch(&self) -> Result<JwkSet, String> {
        let base = self.issuer.trim_end_matches('/');
        let (origin, path) = match base
            .split_once("://")
            .and_then(|(_, rest)| rest.find('/').map(|at| base.len() - rest.len() + at))
        {
            Some(at) => base.split_at(at),
            None => (base, ""),
        };
        // Appended as OpenID has it, inserted as RFC 8414 has it.
        let mut why = String::new();
        for url in [
            format!("{base}/.well-known/openid-configuration"),
            format!("{origin}/.well-known/oauth-authorization-server{path}"),
        ] {
            let found = match self.getter.get(&url, MAX_DOCUMENT).await {
                Ok(got) => serde_json::from_slice::<Value>(&got.body)
                    .map_err(|_| "its metadata is not JSON".to_owned()),
                Err(e) => Err(e),
            };
            let metadata = match found {
                Ok(m) => m,
                Err(e) => {
                    why = format!("{url}: {e}");
                    continue;
                }
            };
            if metadata["issuer"].as_str() != Some(self.issuer.as_str()) {
                return Err(format!(
                    "{url} calls itself {}; auth.issuer must be the same, byte by byte",
                    metadata["issuer"]
                ));
            }
            let jwks = metadata["jwks_uri"].as_str().ok_or("its metadata has no jwks_uri")?;
            let got =
                self.getter.get(jwks, MAX_DOCUMENT).await.map_err(|e| format!("{jwks}: {e}"))?;
            return serde_json::from_slice(&got.body).map_err(|e| format!("{jwks}: {e}"));
        }
        Err(why)
    }
}
