//! People and their passwords. An unknown name costs as much as a wrong password.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::hashing::{HashingFull, verify};
use super::store::{FOREVER, RecordKind, Records, StoreError, now};
use super::throttle::{Attempt, Denied, Throttle};
use crate::net::network;
use crate::secret::{hashed, secret};

pub use super::hashing::hash;

/// A person, as the store keeps them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// Its hash, a PHC string of Argon2id.
    pub password: String,
    /// What they may do at most.
    pub scopes: Vec<String>,
    /// Cannot sign in, and what they granted is void.
    pub disabled: bool,
    /// Another one ends all that was given under this one: tokens, codes and browsers' sessions
    /// ([`People::put`]).
    #[serde(default)]
    pub epoch: String,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum SignInError {
    /// Name or password; it is not said which.
    Wrong,
    Wait(Duration),
    /// Too many people sign in at once.
    Busy,
    Store(StoreError),
}

impl From<StoreError> for SignInError {
    fn from(e: StoreError) -> Self {
        SignInError::Store(e)
    }
}

impl From<Denied> for SignInError {
    fn from(d: Denied) -> Self {
        match d {
            Denied::Wait(w) => SignInError::Wait(w),
            Denied::Store(e) => SignInError::Store(e),
        }
    }
}

/// Who may sign in, and what their attempts cost.
#[derive(Debug, Clone)]
pub struct People {
    records: Records,
    throttle: Throttle,
}

/// Verified for names that there are not: no password has it.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGlzIGhlcmU$Nm9ib2R5IGtub3dzIHRoZSBwYXNzd29yZCBvZiB0aGk";
/// Where somebody signed in is remembered for so many seconds: the network, and the browser.
pub(crate) const REMEMBERED: u64 = 90 * 24 * 3600;
/// People who are remembered of one browser: those who signed in last.
const MOST_OF_A_BROWSER: usize = 5;
/// Longer passwords are refused before they are hashed.
const MAX_PASSWORD: usize = 1024;

/// Whether a name can be a person's.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
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
pub(crate) fn check_password(password: &str) -> Result<(), String> {
    match password.chars().count() {
        0..12 => Err("a password needs at least 12 characters".into()),
        _ if password.len() > MAX_PASSWORD => {
            Err(format!("a password has at most {MAX_PASSWORD} bytes"))
        }
        _ => Ok(()),
    }
}

impl User {
    /// With this PHC string, who may do so much.
    pub fn new(password: String, scopes: Vec<String>) -> Self {
        Self { password, scopes, disabled: false, epoch: String::new() }
    }
}

/// A network from which somebody signed in.
fn place(name: &str, peer: Option<IpAddr>) -> String {
    hashed(&format!("{name} {}", peer.map_or(String::new(), network)))
}

impl People {
    /// Those in a store.
    pub fn new(records: Records) -> Self {
        Self { throttle: Throttle::new(records.clone()), records }
    }

    /// A person, if there is one and they are not disabled.
    pub(crate) async fn active(&self, name: &str) -> Result<Option<User>, StoreError> {
        Ok(self
            .records
            .get::<User>(RecordKind::User, name)
            .await?
            .map(|u| u.0)
            .filter(|u| !u.disabled))
    }

    /// Likewise, if what was given under that epoch is still good.
    pub(crate) async fn still(&self, name: &str, epoch: &str) -> Result<Option<User>, StoreError> {
        Ok(self.active(name).await?.filter(|u| u.epoch == epoch))
    }

    /// Whether there is such a person, who may be disabled.
    pub(crate) async fn is_known(&self, name: &str) -> bool {
        matches!(self.records.get::<User>(RecordKind::User, name).await, Ok(Some(_)))
    }

    /// Writes a person. Another password, fewer scopes or being shut out end what was given until
    /// now, for good: letting them in again does not bring it back.
    pub async fn put(&self, name: &str, user: &User) -> Result<(), StoreError> {
        let mut user = user.clone();
        let was = self.records.get::<User>(RecordKind::User, name).await?.map(|u| u.0);
        let stays = was.filter(|was| {
            let keeps = was.scopes.iter().all(|s| user.scopes.contains(s));
            // A record of before there were epochs, of somebody who was shut out: what they had
            // then must not come back.
            let old = was.epoch.is_empty() && was.disabled;
            keeps && was.password == user.password && (was.disabled || !user.disabled) && !old
        });
        user.epoch = stays.map_or_else(|| secret(""), |was| was.epoch);
        self.records.put(RecordKind::User, name, &user, FOREVER).await
    }

    /// Removes a person; false when there was none.
    pub(crate) async fn remove(&self, name: &str) -> Result<bool, StoreError> {
        self.records.remove(RecordKind::User, name).await
    }

    /// Checks a password, for a caller at this address, with the secret of a browser
    /// if it brought one.
    pub(crate) async fn sign_in(
        &self,
        name: &str,
        password: &str,
        peer: Option<IpAddr>,
        browser: Option<&str>,
    ) -> Result<User, SignInError> {
        // Nobody has such a name or password, and everybody may know that.
        if check_name(name).is_err() || password.len() > MAX_PASSWORD {
            return Err(SignInError::Wrong);
        }
        let browser = browser.map(hashed);
        let theirs = match &browser {
            Some(b) => self.records.get::<Vec<String>>(RecordKind::Browser, b).await?,
            None => None,
        };
        let browser = browser
            .as_deref()
            .filter(|_| theirs.is_some_and(|(of, _)| of.iter().any(|n| n == name)));
        let place = place(name, peer);
        let known = self.records.get::<String>(RecordKind::Place, &place).await?.is_some();
        // Before anything is hashed, so that attempts at once count as much as attempts in a row.
        let attempt = Attempt { name, peer, browser, known };
        let reserved = self.throttle.reserve(attempt).await?;
        let user = self.active(name).await?;
        let phc = user.as_ref().map_or(NOBODY, |u| &u.password);
        let of = (known || browser.is_some()).then_some(name);
        let right = match verify(password, phc, of).await {
            Ok(right) => right,
            Err(HashingFull) => {
                // It was not tried.
                self.throttle.give_back(reserved).await;
                return Err(SignInError::Busy);
            }
        };
        let Some(user) = user.filter(|_| right) else {
            self.throttle.was_wrong(reserved).await;
            return Err(SignInError::Wrong);
        };
        self.throttle.was_right(name, reserved).await?;
        self.records.put(RecordKind::Place, &place, &name, now() + REMEMBERED).await?;
        Ok(user)
    }

    /// Remembers a browser in which somebody signed in, beside the others who do so there; its
    /// secret for a cookie, where that is a new one.
    pub(crate) async fn remember_browser(
        &self,
        name: &str,
        browser: Option<&str>,
    ) -> Result<Option<String>, StoreError> {
        let known = match browser {
            Some(b) => self
                .records
                .get::<Vec<String>>(RecordKind::Browser, &hashed(b))
                .await?
                .map(|(of, _)| (b, of)),
            None => None,
        };
        let Some((browser, mut of)) = known else {
            let browser = secret("mb_");
            self.records
                .put(RecordKind::Browser, &hashed(&browser), &[name], now() + REMEMBERED)
                .await?;
            return Ok(Some(browser));
        };
        of.retain(|n| n != name);
        of.push(name.to_owned());
        let of = &of[of.len().saturating_sub(MOST_OF_A_BROWSER)..];
        self.records.put(RecordKind::Browser, &hashed(browser), &of, now() + REMEMBERED).await?;
        Ok(None)
    }

    /// Forgets attempts that count no more.
    pub(crate) fn sweep(&self) {
        self.throttle.sweep();
    }

    /// Forgets from where somebody signed in.
    pub(crate) async fn forget_places(&self, name: &str) -> Result<(), StoreError> {
        for (key, of) in self.records.list::<String>(RecordKind::Place).await? {
            if of == name {
                self.records.remove(RecordKind::Place, &key).await?;
            }
        }
        for (key, mut of) in self.records.list::<Vec<String>>(RecordKind::Browser).await? {
            if of.iter().any(|n| n == name) {
                of.retain(|n| n != name);
                self.records.put(RecordKind::Browser, &key, &of, now() + REMEMBERED).await?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::store::Memory;

    const RIGHT: &str = "correct horse battery";

    async fn ada() -> People {
        let people = People::new(Records::new(Memory::default()));
        people.put("ada", &User::new(hash(RIGHT).expect("hash"), vec![])).await.expect("written");
        people
    }

    fn from(last: u8) -> Option<IpAddr> {
        Some([192, 0, 2, last].into())
    }

    #[tokio::test]
    async fn a_password_opens_and_guesses_wait() {
        let people = ada().await;
        let sign_in = async |name, password, n| {
            people.sign_in(name, password, from(n), None).await.map(|_| ())
        };
        assert_eq!(sign_in("ada", RIGHT, 1).await, Ok(()));
        assert_eq!(sign_in("ada", "wrong", 2).await, Err(SignInError::Wrong));
        assert_eq!(sign_in("eve", RIGHT, 2).await, Err(SignInError::Wrong));
        for _ in 0..4 {
            assert_eq!(sign_in("ada", "guess", 2).await, Err(SignInError::Wrong));
        }
        // The right password has to wait there, too; and not where she signed in before.
        assert!(matches!(sign_in("ada", RIGHT, 2).await, Err(SignInError::Wait(_))));
        assert_eq!(sign_in("ada", RIGHT, 1).await, Ok(()));
        assert_eq!(sign_in("eve", "x", 2).await, Err(SignInError::Wrong));
        let bob = User { disabled: true, ..User::new(hash(RIGHT).expect("hash"), vec![]) };
        people.put("bob", &bob).await.expect("written");
        assert_eq!(sign_in("bob", RIGHT, 10).await, Err(SignInError::Wrong));
    }

    #[tokio::test]
    async fn guesses_at_once_are_as_many_as_in_a_row() {
        let people = ada().await;
        let all = (0..200).map(|n| {
            let people = people.clone();
            async move {
                people.sign_in("ada", if n == 40 { RIGHT } else { "guess" }, from(1), None).await
            }
        });
        let all = futures_util::future::join_all(all).await;
        let tried = all.iter().filter(|r| matches!(r, Ok(_) | Err(SignInError::Wrong))).count();
        assert_eq!(tried, 5, "of 200");
        assert!(all.iter().all(|r| r.is_err()), "the right one came too late");
    }

    #[tokio::test]
    async fn a_guess_that_nobody_waits_for_counts() {
        let people = ada().await;
        for _ in 0..5 {
            let gone = people.sign_in("ada", "guess", from(1), None);
            // Long enough for it to be counted, and too short for it to be answered.
            assert!(tokio::time::timeout(Duration::from_millis(1), gone).await.is_err());
        }
        assert!(matches!(
            people.sign_in("ada", RIGHT, from(1), None).await,
            Err(SignInError::Wait(_))
        ));
    }

    #[tokio::test]
    async fn others_do_not_shut_out_who_was_there_before() {
        let people = ada().await;
        people.sign_in("ada", RIGHT, from(1), None).await.expect("signed in");
        let browser =
            people.remember_browser("ada", None).await.expect("remembered").expect("a new one");
        // The whole world guesses her password, and from her own network somebody every name.
        for n in 2..40 {
            for _ in 0..5 {
                let _ = people
                    .throttle
                    .reserve(Attempt { name: "ada", peer: from(n), browser: None, known: false })
                    .await;
            }
        }
        for n in 0..30 {
            let name = format!("name{n}");
            let _ = people
                .throttle
                .reserve(Attempt { name: &name, peer: from(1), browser: None, known: false })
                .await;
        }
        assert!(
            matches!(people.sign_in("ada", RIGHT, from(99), None).await, Err(SignInError::Wait(_))),
            "from a new place"
        );
        assert!(
            people.sign_in("ada", RIGHT, from(1), None).await.is_ok(),
            "from where she was before"
        );
        assert!(
            people.sign_in("ada", RIGHT, from(99), Some(&browser)).await.is_ok(),
            "with her browser"
        );
        // Two people may share a browser, each as themselves.
        people.put("dan", &User::new(hash(RIGHT).expect("hash"), vec![])).await.expect("written");
        assert_eq!(people.remember_browser("dan", Some(&browser)).await, Ok(None));
        for name in ["ada", "dan"] {
            assert!(people.sign_in(name, RIGHT, from(96), Some(&browser)).await.is_ok(), "{name}");
        }
        // It is nobody else's, and gives no more guesses than anybody has.
        people.put("bob", &User::new(hash(RIGHT).expect("hash"), vec![])).await.expect("written");
        let tried = async |name, n| {
            let mut tried = 0;
            while people.sign_in(name, "guess", from(n), Some(&browser)).await
                == Err(SignInError::Wrong)
            {
                tried += 1;
            }
            tried
        };
        assert_eq!((tried("bob", 98).await, tried("ada", 97).await), (5, 10));
        people.forget_places("ada").await.expect("forgotten");
        assert!(matches!(
            people.sign_in("ada", RIGHT, from(99), Some(&browser)).await,
            Err(SignInError::Wait(_))
        ));
    }

    /// Whoever knows a password, too, may use it only so often before it costs anybody a hash.
    #[tokio::test]
    async fn right_passwords_are_counted_before_they_are_hashed() {
        let people = ada().await;
        people.sign_in("ada", RIGHT, from(1), None).await.expect("signed in");
        let place = place("ada", from(1));
        for _ in 1..50 {
            let known = Attempt { name: "ada", peer: from(1), browser: None, known: true };
            let reserved = people.throttle.reserve(known).await.expect("room");
            people.throttle.was_right("ada", reserved).await.expect("counted");
        }
        assert!(
            people.records.get::<String>(RecordKind::Place, &place).await.expect("store").is_some()
        );
        assert!(matches!(
            people.sign_in("ada", RIGHT, from(1), None).await,
            Err(SignInError::Wait(_))
        ));
        // Wrong ones, which somebody else may have typed, do not count as log-ins.
        let people = ada().await;
        people.sign_in("ada", RIGHT, from(1), None).await.expect("signed in");
        for _ in 0..9 {
            assert_eq!(
                people.sign_in("ada", "guess", from(1), None).await,
                Err(SignInError::Wrong)
            );
        }
        for _ in 0..48 {
            let stranger = Attempt { name: "ada", peer: from(2), browser: None, known: false };
            let reserved = people.throttle.reserve(stranger).await.expect("room");
            people.throttle.was_right("ada", reserved).await.expect("counted");
        }
        assert!(people.sign_in("ada", RIGHT, from(1), None).await.is_ok());
    }

    /// On one thread: if a verification ran there, nothing else would between its
    /// start and its end.
    #[tokio::test]
    async fn passwords_are_not_verified_on_the_async_threads() {
        let people = People::new(Records::new(Memory::default()));
        let mut turns = 0u32;
        let all = futures_util::future::join_all((0..4).map(|n| {
            let people = people.clone();
            async move { people.sign_in(&format!("nobody{n}"), "x", None, None).await }
        }));
        tokio::pin!(all);
        let ended = loop {
            tokio::select! {
                biased;
                ended = &mut all => break ended,
                () = tokio::task::yield_now() => turns += 1,
            }
        };
        assert!(ended.iter().all(|e| *e.as_ref().expect_err("nobody") == SignInError::Wrong));
        assert!(turns > 1000, "{turns} turns while four passwords were verified");
    }

    #[test]
    fn names_and_passwords_have_rules() {
        assert!(check_name("ada.lovelace@example.com").is_ok());
        assert!(["", "a b", "a\nb", "<x>"].iter().all(|n| check_name(n).is_err()));
        assert!(check_name(&"x".repeat(129)).is_err());
        assert!(check_password("short").is_err() && check_password("long enough now").is_ok());
    }
}
