//! What a person granted a client, and the codes and tokens that carry it.
//!
//! A code is good once; a second use takes back what the first gave. A refresh token is good once
//! too, but for a short grace in which two refreshes at once both succeed; later use of a spent one
//! is theft, and ends the grant (OAuth 2.1 §4.3.1).

mod introspect;
mod records;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use dashmap::DashMap;

use super::people::People;
use super::store::{FOREVER, RecordKind, Records, StoreError, now};
use crate::secret::{hashed, secret};
use introspect::Known;
use records::{Access, Refresh};
pub(crate) use records::{ApiToken, AuthorizationCode, Grant, Login};

/// A code is good for so many seconds.
const CODE: u64 = 120;
/// A spent refresh token is forgiven for so many seconds.
const GRACE: u64 = 30;

/// A pair of tokens, as the token endpoint gives it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    /// For the next pair.
    pub(crate) refresh: String,
    pub(crate) expires_in: u64,
    pub(crate) scopes: Vec<String>,
}

/// Why there are no tokens (RFC 6749 §5.2).
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum GrantError {
    InvalidGrant(&'static str),
    /// The same for a code or token that was good once, and was used before: theft, or a client
    /// that lost an answer.
    Replayed(&'static str),
    InvalidScope,
    /// `invalid_target` (RFC 8707 §2).
    InvalidTarget,
    Store(StoreError),
}

impl From<StoreError> for GrantError {
    fn from(e: StoreError) -> Self {
        GrantError::Store(e)
    }
}

/// Gives tokens out, takes them back, and tells whose they are.
#[derive(Clone)]
pub struct Grants {
    records: Records,
    people: People,
    access_ttl: u64,
    refresh_ttl: u64,
    known: Arc<DashMap<String, Known>>,
}

impl std::fmt::Debug for Grants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grants").field("known", &self.known.len()).finish_non_exhaustive()
    }
}

/// RFC 7636 §4.6 with S256.
fn proves(verifier: &str, challenge: &str) -> bool {
    let fits = (43..=128).contains(&verifier.len())
        && verifier.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b));
    fits && BASE64.encode(digest::digest(&digest::SHA256, verifier.as_bytes())) == challenge
}

impl Grants {
    /// In a store, with these life times.
    pub fn new(records: Records, people: People, access: Duration, refresh: Duration) -> Self {
        Self {
            records,
            people,
            access_ttl: access.as_secs().max(1),
            refresh_ttl: refresh.as_secs().max(1),
            known: Arc::default(),
        }
    }

    /// A code for what a person just granted.
    pub(crate) async fn code(
        &self,
        content: Grant,
        redirect_uri: &str,
        challenge: &str,
    ) -> Result<String, StoreError> {
        let code = secret("mac_");
        let record = AuthorizationCode {
            grant: secret("g_"),
            content,
            redirect_uri: redirect_uri.to_owned(),
            challenge: challenge.to_owned(),
            used: false,
            replayed: false,
        };
        self.records.put(RecordKind::Code, &hashed(&code), &record, now() + CODE).await?;
        Ok(code)
    }

    /// A code for tokens.
    pub(crate) async fn exchange(
        &self,
        code: &str,
        client: &str,
        redirect_uri: Option<&str>,
        verifier: &str,
        audience: Option<&str>,
    ) -> Result<Tokens, GrantError> {
        let key = hashed(code);
        let Some((mut c, was)) =
            self.records.get::<AuthorizationCode>(RecordKind::Code, &key).await?
        else {
            return Err(GrantError::InvalidGrant("the code is unknown or has expired"));
        };
        if audience.is_some_and(|a| a != c.content.audience) {
            return Err(GrantError::InvalidTarget);
        }
        let spent = c.used || {
            c.used = true;
            // It is kept as spent for as long as the tokens could live, so that
            // a replay is recognised.
            !self
                .records
                .replace(RecordKind::Code, &key, &was, &c, now() + self.refresh_ttl)
                .await?
        };
        const REPLAYED: GrantError =
            GrantError::Replayed("the code was used before; what it gave is revoked");
        if spent {
            // First it is said that it was, and then what it gave is taken: whoever is just being
            // given it looks afterwards.
            self.replayed(&key).await?;
            self.revoke(&c.grant).await?;
            return Err(REPLAYED);
        }
        if c.content.client != client {
            return Err(GrantError::InvalidGrant("the code was given to another client"));
        }
        if redirect_uri.is_some_and(|r| r != c.redirect_uri) {
            return Err(GrantError::InvalidGrant(
                "redirect_uri is not the one that the code was sent to",
            ));
        }
        if !proves(verifier, &c.challenge) {
            return Err(GrantError::InvalidGrant(
                "code_verifier does not prove the code_challenge",
            ));
        }
        if self.people.still(&c.content.user, &c.content.epoch).await?.is_none() {
            return Err(GrantError::InvalidGrant(
                "the person who granted it was shut out since, or has another password or other \
                 rights",
            ));
        }
        c.content.until = now() + self.access_ttl;
        self.records.put(RecordKind::Grant, &c.grant, &c.content, now() + self.refresh_ttl).await?;
        let scopes = c.content.scopes.clone();
        let tokens = self.pair(&c.grant, &c.content, scopes).await?;
        // Presented twice at once: the other one may have looked for the grant before it was there.
        if self
            .records
            .get::<AuthorizationCode>(RecordKind::Code, &key)
            .await?
            .is_none_or(|(now, _)| now.replayed)
        {
            self.revoke(&c.grant).await?;
            return Err(REPLAYED);
        }
        Ok(tokens)
    }

    async fn replayed(&self, key: &str) -> Result<(), StoreError> {
        loop {
            let Some((mut c, was)) =
                self.records.get::<AuthorizationCode>(RecordKind::Code, key).await?
            else {
                return Ok(());
            };
            if c.replayed {
                return Ok(());
            }
            c.replayed = true;
            if self
                .records
                .replace(RecordKind::Code, key, &was, &c, now() + self.refresh_ttl)
                .await?
            {
                return Ok(());
            }
        }
    }

    /// A refresh token for a new pair, with fewer scopes if asked.
    pub(crate) async fn refresh(
        &self,
        token: &str,
        client: &str,
        scopes: Option<Vec<String>>,
        audience: Option<&str>,
    ) -> Result<Tokens, GrantError> {
        const DEAD: GrantError =
            GrantError::InvalidGrant("the refresh token is unknown, expired or revoked");
        let key = hashed(token);
        let Some((mut r, was)) = self.records.get::<Refresh>(RecordKind::Refresh, &key).await?
        else {
            return Err(DEAD);
        };
        if r.client != client {
            return Err(GrantError::InvalidGrant("the refresh token was given to another client"));
        }
        if audience.is_some_and(|a| a != r.audience) {
            return Err(GrantError::InvalidTarget);
        }
        let Some((grant, _)) = self.records.get::<Grant>(RecordKind::Grant, &r.grant).await? else {
            return Err(DEAD);
        };
        if self.people.still(&r.user, &grant.epoch).await?.is_none() {
            return Err(DEAD);
        }
        let keep = match scopes {
            Some(asked) if asked.iter().all(|s| r.scopes.contains(s)) => asked,
            Some(_) => return Err(GrantError::InvalidScope),
            None => r.scopes.clone(),
        };
        let at = now();
        match r.used_at {
            None => {
                r.used_at = Some(at);
                // Losing this race is a second refresh at once, which the grace forgives.
                self.records
                    .replace(RecordKind::Refresh, &key, &was, &r, at + self.refresh_ttl)
                    .await?;
            }
            // A clock that was set back between two processes revives nothing.
            Some(used) if (used..=used + GRACE).contains(&at) => {}
            Some(_) => {
                self.revoke(&r.grant).await?;
                return Err(GrantError::Replayed(
                    "the refresh token was used before; the grant is revoked",
                ));
            }
        }
        // A revocation in between wins.
        let Some(grant) = self.change(&r.grant, |g| g.until = now() + self.access_ttl).await?
        else {
            return Err(DEAD);
        };
        Ok(self.pair(&r.grant, &grant, keep).await?)
    }

    /// Writes a grant again, if it is still there; whoever changed it in between is not undone.
    async fn change(
        &self,
        id: &str,
        change: impl Fn(&mut Grant),
    ) -> Result<Option<Grant>, StoreError> {
        loop {
            let Some((mut g, was)) = self.records.get::<Grant>(RecordKind::Grant, id).await? else {
                return Ok(None);
            };
            change(&mut g);
            if self
                .records
                .replace(RecordKind::Grant, id, &was, &g, now() + self.refresh_ttl)
                .await?
            {
                return Ok(Some(g));
            }
        }
    }

    async fn pair(
        &self,
        grant: &str,
        content: &Grant,
        scopes: Vec<String>,
    ) -> Result<Tokens, StoreError> {
        let (access, refresh) = (secret("mat_"), secret("mrt_"));
        let Grant { user, client, audience, .. } = content.clone();
        let grant = grant.to_owned();
        let expires = now() + self.access_ttl;
        let r = Refresh {
            grant: grant.clone(),
            user: user.clone(),
            client: client.clone(),
            scopes: scopes.clone(),
            audience: audience.clone(),
            used_at: None,
        };
        self.records
            .put(RecordKind::Refresh, &hashed(&refresh), &r, now() + self.refresh_ttl)
            .await?;
        let a = Access { grant, user, client, scopes: scopes.clone(), audience, expires };
        self.records.put(RecordKind::Access, &hashed(&access), &a, expires).await?;
        Ok(Tokens { access, refresh, expires_in: self.access_ttl, scopes })
    }

    /// Takes a grant back, with all its tokens.
    pub(crate) async fn revoke(&self, grant: &str) -> Result<bool, StoreError> {
        let was = self.records.remove(RecordKind::Grant, grant).await?;
        self.known.retain(|_, k| k.grant != grant);
        Ok(was)
    }

    /// RFC 7009: an access token alone, or with a refresh token the whole grant. Another client's
    /// token is left alone. Whether anything ended.
    pub(crate) async fn revoke_token(&self, token: &str, client: &str) -> Result<bool, StoreError> {
        let key = hashed(token);
        let mut ended = false;
        if let Some((a, _)) = self.records.get::<Access>(RecordKind::Access, &key).await?
            && a.client == client
        {
            ended = self.records.remove(RecordKind::Access, &key).await?;
            self.known.remove(&key);
            // Streams that hang on the grant have nothing newer to hang on.
            self.change(&a.grant, |g| {
                if g.until <= a.expires {
                    g.until = 0;
                }
            })
            .await?;
        }
        if let Some((r, _)) = self.records.get::<Refresh>(RecordKind::Refresh, &key).await?
            && r.client == client
        {
            ended |= self.revoke(&r.grant).await?;
        }
        Ok(ended)
    }

    /// The grants of a person.
    pub(crate) async fn of(&self, user: &str) -> Result<Vec<(String, Grant)>, StoreError> {
        let mut all = self.records.list::<Grant>(RecordKind::Grant).await?;
        all.retain(|(_, g)| g.user == user);
        all.sort_by(|(a, x), (b, y)| (x.created, a).cmp(&(y.created, b)));
        Ok(all)
    }

    /// Takes back all that a person granted or is about to: nobody of the same name inherits it.
    pub(crate) async fn forget_person(&self, user: &str) -> Result<(), StoreError> {
        for (id, _) in self.of(user).await? {
            self.revoke(&id).await?;
        }
        for (key, code) in self.records.list::<AuthorizationCode>(RecordKind::Code).await? {
            if code.content.user == user {
                self.records.remove(RecordKind::Code, &key).await?;
            }
        }
        for (key, login) in self.records.list::<Login>(RecordKind::Login).await? {
            if login.user == user {
                self.records.remove(RecordKind::Login, &key).await?;
            }
        }
        self.people.forget_places(user).await
    }

    /// A new machine token; it is shown once.
    pub async fn api_token(
        &self,
        name: &str,
        scopes: Vec<String>,
        audience: &str,
        expires: Option<u64>,
    ) -> Result<String, StoreError> {
        let token = secret("mcp_");
        let audience = audience.to_owned();
        let record = ApiToken { name: name.to_owned(), scopes, audience, created: now(), expires };
        self.records
            .put(RecordKind::ApiToken, &hashed(&token), &record, expires.unwrap_or(FOREVER))
            .await?;
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::people::User;
    use crate::oauth::store::Memory;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    /// RFC 7636, Appendix B.
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    async fn grants() -> Grants {
        let records = Records::new(Memory::default());
        let people = People::new(records.clone());
        let scopes = vec!["mssql:read".to_owned(), "mssql:write".to_owned()];
        people.put("ada", &User::new(String::new(), scopes)).await.expect("user");
        Grants::new(records, people, Duration::from_secs(3600), Duration::from_secs(86_400))
    }

    fn content() -> Grant {
        let scopes = vec!["mssql:read".to_owned(), "mssql:write".to_owned()];
        Grant {
            user: "ada".into(),
            client: "c1".into(),
            client_name: "C".into(),
            scopes,
            audience: String::new(),
            created: now(),
            used: 0,
            until: 0,
            host: String::new(),
            epoch: String::new(),
        }
    }

    async fn granted(g: &Grants) -> Grant {
        let ada = g.people.active("ada").await.expect("store").expect("there");
        Grant { epoch: ada.epoch, ..content() }
    }

    async fn tokens(g: &Grants) -> Tokens {
        let code = g.code(granted(g).await, "https://claude.ai/cb", CHALLENGE).await.expect("code");
        g.exchange(&code, "c1", Some("https://claude.ai/cb"), VERIFIER, None).await.expect("tokens")
    }

    #[tokio::test]
    async fn a_code_is_good_once_and_its_replay_takes_back_what_it_gave() {
        let g = grants().await;
        let code =
            g.code(granted(&g).await, "https://claude.ai/cb", CHALLENGE).await.expect("code");
        let t = g
            .exchange(&code, "c1", Some("https://claude.ai/cb"), VERIFIER, None)
            .await
            .expect("tokens");
        assert!(
            g.introspect(&t.access, "")
                .await
                .expect("store")
                .is_some_and(|p| p.subject == "ada" && p.may("mssql:write"))
        );
        assert!(g.known(&t.access, "").is_some());
        assert!(matches!(
            g.exchange(&code, "c1", None, VERIFIER, None).await,
            Err(GrantError::Replayed(_))
        ));
        assert!(g.known(&t.access, "").is_none());
        assert!(g.introspect(&t.access, "").await.expect("store").is_none(), "revoked");
        assert!(g.refresh(&t.refresh, "c1", None, None).await.is_err());
    }

    #[tokio::test]
    async fn a_code_is_bound_to_client_redirect_and_verifier() {
        let g = grants().await;
        for (client, redirect, verifier) in [
            ("c2", "https://claude.ai/cb", VERIFIER),
            ("c1", "https://claude.ai/other", VERIFIER),
            ("c1", "https://claude.ai/cb", "wrong-wrong-wrong-wrong-wrong-wrong-wrong-wrong"),
            ("c1", "https://claude.ai/cb", CHALLENGE),
            ("c1", "https://claude.ai/cb", ""),
        ] {
            let code =
                g.code(granted(&g).await, "https://claude.ai/cb", CHALLENGE).await.expect("code");
            assert!(matches!(
                g.exchange(&code, client, Some(redirect), verifier, None).await,
                Err(GrantError::InvalidGrant(_))
            ));
        }
        assert!(g.exchange("mac_unknown", "c1", None, VERIFIER, None).await.is_err());
    }

    #[tokio::test]
    async fn refresh_tokens_rotate_forgive_a_race_and_narrow() {
        let g = grants().await;
        let t = tokens(&g).await;
        let (a, b) = tokio::join!(
            g.refresh(&t.refresh, "c1", None, None),
            g.refresh(&t.refresh, "c1", None, None)
        );
        let (a, b) = (a.expect("first"), b.expect("second, within the grace"));
        assert_ne!(a.refresh, b.refresh);
        assert!(g.introspect(&a.access, "").await.expect("store").is_some());
        let narrow = g
            .refresh(&a.refresh, "c1", Some(vec!["mssql:read".into()]), None)
            .await
            .expect("fewer scopes");
        assert_eq!(narrow.scopes, ["mssql:read"]);
        assert_eq!(
            g.refresh(&narrow.refresh, "c1", Some(vec!["mssql:write".into()]), None).await,
            Err(GrantError::InvalidScope)
        );
        assert!(matches!(
            g.refresh(&b.refresh, "c2", None, None).await,
            Err(GrantError::InvalidGrant(_))
        ));
    }

    #[tokio::test]
    async fn a_spent_refresh_token_ends_the_grant() {
        let g = grants().await;
        let t = tokens(&g).await;
        let next = g.refresh(&t.refresh, "c1", None, None).await.expect("rotated");
        // As if the grace were over.
        let (mut r, _) = g
            .records
            .get::<Refresh>(RecordKind::Refresh, &hashed(&t.refresh))
            .await
            .expect("store")
            .expect("kept");
        r.used_at = Some(now() - GRACE - 1);
        g.records
            .put(RecordKind::Refresh, &hashed(&t.refresh), &r, FOREVER)
            .await
            .expect("written");
        assert!(matches!(
            g.refresh(&t.refresh, "c1", None, None).await,
            Err(GrantError::Replayed(_))
        ));
        assert!(
            g.refresh(&next.refresh, "c1", None, None).await.is_err(),
            "the thief's and the owner's are both dead"
        );
        assert!(g.introspect(&next.access, "").await.expect("store").is_none());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_code_that_is_presented_twice_at_once_leaves_nothing() {
        let g = grants().await;
        for _ in 0..200 {
            let code =
                g.code(granted(&g).await, "https://claude.ai/cb", CHALLENGE).await.expect("code");
            let once = || {
                let (g, code) = (g.clone(), code.clone());
                tokio::spawn(async move { g.exchange(&code, "c1", None, VERIFIER, None).await })
            };
            let (a, b) = tokio::join!(once(), once());
            for t in [a.expect("task"), b.expect("task")].into_iter().flatten() {
                assert!(
                    g.introspect(&t.access, "").await.expect("store").is_none(),
                    "a live access token"
                );
                assert!(
                    g.refresh(&t.refresh, "c1", None, None).await.is_err(),
                    "a live refresh token"
                );
            }
        }
    }

    #[tokio::test]
    async fn what_ends_for_a_person_does_not_come_back() {
        let scopes = || vec!["mssql:read".to_owned(), "mssql:write".to_owned()];
        let all = User::new(String::new(), scopes());
        for changed in [
            User { disabled: true, ..all.clone() },
            User { scopes: vec!["mssql:read".to_owned()], ..all.clone() },
            User { password: "another".into(), ..all.clone() },
        ] {
            let g = grants().await;
            let t = tokens(&g).await;
            let code =
                g.code(granted(&g).await, "https://claude.ai/cb", CHALLENGE).await.expect("code");
            g.introspect(&t.access, "").await.expect("store").expect("good");
            let (grant, _) = g.lease(&t.access).expect("looked up");
            // More rights, or the same again, end nothing.
            let more = User {
                scopes: [scopes(), vec!["mssql:schema".to_owned()]].concat(),
                ..all.clone()
            };
            g.people.put("ada", &more).await.expect("written");
            assert!(g.introspect(&t.access, "").await.expect("store").is_some());
            for user in [&changed, &all] {
                g.people.put("ada", user).await.expect("written");
                assert!(g.introspect(&t.access, "").await.expect("store").is_none(), "{user:?}");
                assert!(g.refresh(&t.refresh, "c1", None, None).await.is_err());
                assert_eq!(g.lives(&grant).await, Ok(None));
                assert!(g.exchange(&code, "c1", None, VERIFIER, None).await.is_err());
            }
        }
    }

    #[tokio::test]
    async fn a_grant_lives_as_long_as_its_newest_token() {
        let g = Grants { access_ttl: 100, ..grants().await };
        let t = tokens(&g).await;
        g.introspect(&t.access, "").await.expect("store").expect("good");
        let (grant, first) = g.lease(&t.access).expect("looked up");
        assert!(g.lives(&grant).await == Ok(Some(true)) && first <= now() + 100);
        let later = Grants { access_ttl: 200, ..g.clone() };
        let next = later.refresh(&t.refresh, "c1", None, None).await.expect("refreshed");
        let until = async || {
            g.records
                .get::<Grant>(RecordKind::Grant, &grant)
                .await
                .expect("store")
                .expect("there")
                .0
                .until
        };
        assert!(until().await > first, "it lives on with the token that was refreshed");
        // An older token that is revoked alone takes nothing from the newer one; the newest does.
        g.revoke_token(&t.access, "c1").await.expect("revoked");
        assert_eq!(g.lives(&grant).await, Ok(Some(true)));
        g.revoke_token(&next.access, "c1").await.expect("revoked");
        assert_eq!(g.lives(&grant).await, Ok(Some(false)));
        later.refresh(&next.refresh, "c1", None, None).await.expect("refreshed");
        assert_eq!(g.lives(&grant).await, Ok(Some(true)));
        g.people
            .put("ada", &User { disabled: true, ..User::new(String::new(), vec![]) })
            .await
            .expect("written");
        assert_eq!(g.lives(&grant).await, Ok(None));
    }

    #[tokio::test]
    async fn machines_have_tokens_of_their_own() {
        let g = grants().await;
        let t = g.api_token("etl", vec!["mssql:read".into()], "/demo", None).await.expect("token");
        assert!(t.starts_with("mcp_") && t.len() == 4 + 43);
        assert_eq!(g.introspect(&t, "").await.expect("store"), None, "it is for another mount");
        let p = g.introspect(&t, "/demo").await.expect("store").expect("known");
        assert!(g.known(&t, "/demo").is_some() && g.known(&t, "").is_none());
        assert_eq!(
            (p.subject.as_str(), p.may("mssql:read"), p.may("mssql:write")),
            ("token:etl", true, false)
        );
        let late = g.api_token("old", vec![], "", Some(now() - 1)).await.expect("token");
        assert!(g.introspect(&late, "").await.expect("store").is_none());
        g.revoke_token(&tokens(&g).await.refresh, "another").await.expect("left alone");
    }
}
