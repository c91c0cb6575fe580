//! People and their passwords. argon2id runs on the blocking pool, a bounded number at once; an unknown name costs as much as a
//! wrong password; failures of a name or a peer make it wait.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use dashmap::DashMap;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use super::store::{FOREVER, Kind, Records, StoreError};

/// A person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct User {
    /// PHC string.
    pub password: String,
    /// What they may do at most.
    pub scopes: Vec<String>,
    /// Cannot sign in, and what they granted is void.
    pub disabled: bool,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, PartialEq)]
pub enum NotIn {
    /// Name or password; it is not said which.
    Wrong,
    /// Too many failures.
    Wait(Duration),
    /// Our side.
    Store(StoreError),
}

/// Checks passwords.
#[derive(Debug, Clone)]
pub struct People {
    records: Records,
    /// Failures of a name or a peer, and until when it waits.
    failures: Arc<DashMap<String, (u32, Instant)>>,
}

/// Verifications at once, in the whole process: each takes 19 MiB and tens of milliseconds of a core.
static AT_ONCE: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(1, |n| (n.get() / 2).max(1))));
/// Verified for names that there are not.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash("nobody").unwrap_or_default());

/// Failures before it waits, and how long at most.
const FREE: u32 = 5;
const LONGEST: Duration = Duration::from_secs(900);
/// Names and peers that are remembered at once.
const MOST: usize = 10_000;
/// Longer passwords are refused before they are hashed.
const MAX_PASSWORD: usize = 1024;

/// The PHC string of a password.
pub fn hash(password: &str) -> Result<String, String> {
    Argon2::default().hash_password(password.as_bytes()).map(|h| h.to_string()).map_err(|e| e.to_string())
}

/// Whether a name can be a person's.
pub fn check_name(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_alphanumeric() || "._-@+".contains(c);
    if name.is_empty() || name.len() > 128 || !name.chars().all(fits) {
        return Err(format!(
            "\"{}\" is no user name: letters, digits and . _ - @ + are, up to 128",
            name.escape_debug()
        ));
    }
    Ok(())
}

/// Whether a password is long enough.
pub fn check_password(password: &str) -> Result<(), String> {
    match password.chars().count() {
        0..12 => Err("a password needs at least 12 characters".into()),
        _ if password.len() > MAX_PASSWORD => Err(format!("a password has at most {MAX_PASSWORD} bytes")),
        _ => Ok(()),
    }
}

impl People {
    /// Those in a store.
    pub fn new(records: Records) -> Self {
        Self { records, failures: Arc::default() }
    }
    /// A person, if there is one and they are not disabled.
    pub async fn active(&self, name: &str) -> Result<Option<User>, StoreError> {
        Ok(self.records.get::<User>(Kind::User, name).await?.map(|u| u.0).filter(|u| !u.disabled))
    }
    /// Writes a person.
    pub async fn put(&self, name: &str, user: &User) -> Result<(), StoreError> {
        self.records.put(Kind::User, name, user, FOREVER).await
    }

    /// Removes a person; false when there was none.
    pub async fn remove(&self, name: &str) -> Result<bool, StoreError> {
        self.records.remove(Kind::User, name).await
    }

    /// Checks a password, for a caller at this address.
    pub async fn sign_in(&self, name: &str, password: &str, peer: Option<IpAddr>) -> Result<User, NotIn> {
        let mut keys = vec![format!("name {name}")];
        // Behind a proxy on this machine that is not configured as one, everybody would be the same peer.
        keys.extend(peer.filter(|p| !p.is_loopback()).map(|p| format!("peer {}", network(p))));
        if let Some(wait) = keys.iter().filter_map(|k| self.waits(k)).max() {
            return Err(NotIn::Wait(wait));
        }
        let user = if check_name(name).is_ok() && password.len() <= MAX_PASSWORD {
            self.active(name).await.map_err(NotIn::Store)?
        } else {
            None
        };
        let phc = user.as_ref().map_or_else(|| NOBODY.clone(), |u| u.password.clone());
        let given = password.to_owned();
        // Never closed, so a permit always comes.
        let _permit = AT_ONCE.acquire().await;
        let right = tokio::task::spawn_blocking(move || {
            Argon2::default().verify_password(given.as_bytes(), phc.as_str()).is_ok()
        });
        match (right.await.unwrap_or(false), user) {
            (true, Some(u)) => {
                self.failures.remove(&keys[0]);
                Ok(u)
            }
            _ => {
                keys.iter().for_each(|k| self.failed(k));
                Err(NotIn::Wrong)
            }
        }
    }

    fn waits(&self, key: &str) -> Option<Duration> {
        let until = self.failures.get(key)?.1;
        until.checked_duration_since(Instant::now()).filter(|d| !d.is_zero())
    }
    fn failed(&self, key: &str) {
        let now = Instant::now();
        if self.failures.len() >= MOST {
            self.failures.retain(|_, (_, until)| *until + LONGEST > now);
        }
        let mut entry = self.failures.entry(key.to_owned()).or_insert((0, now));
        entry.0 += 1;
        // Many people can share one address.
        let free = if key.starts_with("peer") { 4 * FREE } else { FREE };
        let over = entry.0.saturating_sub(free).min(16);
        let wait = if over == 0 { Duration::ZERO } else { Duration::from_secs(1 << over).min(LONGEST) };
        entry.1 = now + wait;
    }
}

/// One key per network: an IPv6 host has a /64 of addresses to choose from.
pub fn network(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let s = v6.segments();
            format!("{:x}:{:x}:{:x}:{:x}::/64", s[0], s[1], s[2], s[3])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::store::Memory;

    #[tokio::test]
    async fn a_password_opens_and_guesses_wait() {
        let people = People::new(Records::new(Memory::default()));
        let user = User { password: hash("correct horse battery").expect("hash"), scopes: vec![], disabled: false };
        people.put("ada", &user).await.expect("written");
        let peer = |n: u8| Some(IpAddr::from([192, 0, 2, n]));
        assert!(people.sign_in("ada", "correct horse battery", peer(1)).await.is_ok());
        assert_eq!(people.sign_in("ada", "wrong", peer(1)).await.expect_err("wrong"), NotIn::Wrong);
        assert_eq!(people.sign_in("eve", "correct horse battery", peer(1)).await.expect_err("unknown"), NotIn::Wrong);
        for n in 2..8 {
            let _ = people.sign_in("ada", "guess", peer(n)).await;
        }
        // The right password has to wait too, whoever gives it; another name from another place does not.
        assert!(matches!(people.sign_in("ada", "correct horse battery", peer(9)).await, Err(NotIn::Wait(_))));
        assert_eq!(people.sign_in("eve", "x", peer(9)).await.expect_err("unknown"), NotIn::Wrong);
        people.put("bob", &User { disabled: true, ..user }).await.expect("written");
        assert_eq!(people.sign_in("bob", "correct horse battery", peer(10)).await.expect_err("disabled"), NotIn::Wrong);
    }

    /// On one thread: if a verification ran there, nothing else would between its start and its end.
    #[tokio::test]
    async fn passwords_are_not_verified_on_the_async_threads() {
        let people = People::new(Records::new(Memory::default()));
        let mut turns = 0u32;
        let all = futures_util::future::join_all((0..4).map(|n| {
            let people = people.clone();
            async move { people.sign_in(&format!("nobody{n}"), "x", None).await }
        }));
        tokio::pin!(all);
        let ended = loop {
            tokio::select! {
                biased;
                ended = &mut all => break ended,
                () = tokio::task::yield_now() => turns += 1,
            }
        };
        assert!(ended.iter().all(|e| *e.as_ref().expect_err("nobody") == NotIn::Wrong));
        assert!(turns > 1000, "{turns} turns while four passwords were verified");
    }

    #[test]
    fn names_and_passwords_have_rules() {
        assert!(check_name("ada.lovelace@example.com").is_ok());
        assert!(["", "a b", "a\nb", "<x>"].iter().all(|n| check_name(n).is_err()));
        assert!(check_password("short").is_err() && check_password("long enough now").is_ok());
        assert_eq!(network("2001:db8:1:2:3::4".parse().expect("ip")), "2001:db8:1:2::/64");
    }
}
