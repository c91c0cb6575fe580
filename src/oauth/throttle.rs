//! How often somebody may try to sign in. An attempt is counted before its password is hashed, so
//! that attempts at once are as many as attempts in a row, and given back when it was right.
//!
//! Nobody can be shut out by others: who comes with a browser that signed in before is counted by
//! that browser alone, and who comes from a network from which they signed in before by that name
//! and network alone. All others share what is given to a name, to a network, and to the two
//! together. What is counted comes back with time. The bounds are in docs/security.md.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use mssql_mcp_middleware::rate_limit::{Limiter, Quota};

use super::store::{Records, StoreError};
use crate::net::network;

/// What attempts are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// A browser that signed in as this person.
    Browser,
    /// A person, from a network from which they signed in.
    Place,
    Network,
    Name,
    /// A name and a network together.
    Pair,
    /// A name, by those who knew the password: what they leave behind and take from
    /// others is bounded, too.
    SignedIn,
}

const ALL: [By; 6] = [By::Browser, By::Place, By::Network, By::Name, By::Pair, By::SignedIn];

impl By {
    /// At once, and then one more each `every`.
    fn quota(self) -> Quota {
        let (burst, every) = match self {
            By::Browser | By::Place => (10, 30),
            By::Pair => (5, 60),
            // Many people can share one address.
            By::Network => (20, 15),
            By::Name => (50, 60),
            By::SignedIn => (50, 10),
        };
        Quota { burst, every: Duration::from_secs(every) }
    }

    fn as_str(self) -> &'static str {
        match self {
            By::Browser => "browser",
            By::Place => "place",
            By::Network => "network",
            By::Name => "name",
            By::Pair => "pair",
            By::SignedIn => "signed_in",
        }
    }
}

/// Keys that are remembered of each kind: 40 bytes each, whatever they were made of.
const MOST: usize = 10_000;

type Key = [u8; 16];

#[derive(Debug, Clone)]
pub(crate) struct Throttle {
    /// Where several replicas share a store, it counts for all of them.
    records: Records,
    counts: Arc<[Limiter<Key>; ALL.len()]>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'a> {
    pub(crate) name: &'a str,
    pub(crate) peer: Option<IpAddr>,
    /// With a browser that signed in as that person: its secret's hash.
    pub(crate) browser: Option<&'a str>,
    /// From a network from which that person signed in.
    pub(crate) known: bool,
}

/// What an attempt was counted by.
#[derive(Debug)]
pub(crate) struct Reserved(Vec<(By, Key)>);

/// Why an attempt may not be made.
#[derive(Debug, PartialEq)]
pub(crate) enum Denied {
    /// Too many were; the next may be made after this.
    Wait(Duration),
    Store(StoreError),
}

fn key(parts: &[&str]) -> Key {
    let mut all = digest::Context::new(&digest::SHA256);
    for p in parts {
        all.update(&(p.len() as u64).to_le_bytes());
        all.update(p.as_bytes());
    }
    let mut key = [0; 16];
    key.copy_from_slice(&all.finish().as_ref()[..16]);
    key
}

impl Attempt<'_> {
    fn keys(&self) -> Vec<(By, Key)> {
        let here = self.peer.map_or(String::new(), network);
        if let Some(b) = self.browser {
            return vec![(By::Browser, key(&[b])), (By::SignedIn, key(&[self.name]))];
        }
        if self.known {
            return vec![(By::Place, key(&[self.name, &here])), (By::SignedIn, key(&[self.name]))];
        }
        // Behind a proxy on this machine that is not configured as one, everybody would
        // be the same network.
        let all = self.peer.filter(|p| !p.is_loopback()).map(|_| (By::Network, key(&[&here])));
        all.into_iter()
            .chain([(By::Name, key(&[self.name])), (By::Pair, key(&[self.name, &here]))])
            .collect()
    }
}

impl Throttle {
    pub(crate) fn new(records: Records) -> Self {
        Self { records, counts: Arc::new(ALL.map(|by| Limiter::new(by.quota(), MOST))) }
    }

    /// Counts an attempt, or says how long to wait, which counts nothing.
    pub(crate) async fn reserve(&self, attempt: Attempt<'_>) -> Result<Reserved, Denied> {
        let mut reserved = Reserved(Vec::new());
        for (by, key) in attempt.keys() {
            match self.spend(by, &key).await {
                Ok(()) => reserved.0.push((by, key)),
                Err(denied) => {
                    self.give_back(reserved).await;
                    return Err(denied);
                }
            }
        }
        Ok(reserved)
    }

    async fn spend(&self, by: By, key: &Key) -> Result<(), Denied> {
        match self.records.spend(&named(by, key), by.quota(), 1) {
            Some(shared) => shared.await.map_err(Denied::Store)?.map_err(Denied::Wait),
            None => self.counts[by as usize].check(*key, 1).map_err(Denied::Wait),
        }
    }

    /// The password was right: that is not counted but as one more log-in of that name.
    pub(crate) async fn was_right(&self, name: &str, reserved: Reserved) -> Result<(), Denied> {
        let (counted, attempts): (Vec<_>, Vec<_>) =
            reserved.0.into_iter().partition(|(by, _)| *by == By::SignedIn);
        self.give_back(Reserved(attempts)).await;
        match counted.is_empty() {
            true => self.spend(By::SignedIn, &key(&[name])).await,
            false => Ok(()),
        }
    }

    /// It was wrong: an attempt, and no log-in.
    pub(crate) async fn was_wrong(&self, reserved: Reserved) {
        let counted = reserved.0.into_iter().filter(|(by, _)| *by == By::SignedIn).collect();
        self.give_back(Reserved(counted)).await;
    }

    /// Forgets what has come back.
    pub(crate) fn sweep(&self) {
        self.counts.iter().for_each(Limiter::sweep);
    }

    /// What was not tried is not counted.
    pub(crate) async fn give_back(&self, reserved: Reserved) {
        for (by, key) in reserved.0 {
            match self.records.spend(&named(by, &key), by.quota(), -1) {
                Some(shared) => {
                    if let Err(e) = shared.await {
                        tracing::debug!(error = %e, "an attempt stays counted");
                    }
                }
                None => self.counts[by as usize].give_back(&key, 1),
            }
        }
    }
}

fn named(by: By, key: &Key) -> String {
    key.iter().fold(format!("{}:", by.as_str()), |all, b| format!("{all}{b:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::store::Memory;

    fn from(name: &str, last: u8) -> Attempt<'_> {
        Attempt { name, peer: Some([192, 0, 2, last].into()), browser: None, known: false }
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_count_by_name_and_network_and_come_back() {
        let t = Throttle::new(Records::new(Memory::default()));
        let tries = async |a: Attempt<'_>| {
            let mut n = 0;
            while t.reserve(a).await.is_ok() {
                n += 1;
            }
            n
        };
        assert_eq!(tries(from("ada", 1)).await, 5);
        assert!(
            matches!(t.reserve(from("ada", 1)).await, Err(Denied::Wait(w)) if w <= Duration::from_secs(60))
        );
        assert_eq!(tries(from("bob", 1)).await, 5, "another name from there");
        assert_eq!(tries(from("ada", 2)).await, 5, "that name from elsewhere");
        let mut all = 10;
        for n in 0..20 {
            all += tries(from(&format!("name{n}"), 1)).await;
        }
        assert_eq!(all, 20, "a network by itself");
        let mut all = 10;
        for n in 3..40 {
            all += tries(from("ada", n)).await;
        }
        assert_eq!(all, 50, "a name by itself");
        // Whoever is known is not counted with them.
        assert_eq!(tries(Attempt { known: true, ..from("ada", 1) }).await, 10);
        assert_eq!(tries(Attempt { browser: Some("b"), ..from("ada", 1) }).await, 10);
        // One guess each quarter of an hour shuts out nobody.
        tokio::time::advance(Duration::from_secs(3600)).await;
        for _ in 0..100 {
            assert!(t.reserve(from("ada", 1)).await.is_ok());
            tokio::time::advance(Duration::from_secs(900)).await;
            assert!(t.reserve(from("ada", 1)).await.is_ok(), "the person from the same network");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_right_is_not_counted_and_a_refusal_counts_nothing() {
        let t = Throttle::new(Records::new(Memory::default()));
        for n in 0..100 {
            let name = format!("person{n}");
            let r = t.reserve(from(&name, 1)).await.expect("room");
            t.give_back(r).await;
        }
        for _ in 0..5 {
            assert!(t.reserve(from("ada", 1)).await.is_ok());
        }
        for _ in 0..100 {
            assert!(t.reserve(from("ada", 1)).await.is_err());
        }
        assert!(
            t.reserve(from("bob", 1)).await.is_ok(),
            "the refused ones did not count for the network"
        );
        // A name of any length is a key of sixteen bytes.
        assert!(t.reserve(from(&"x".repeat(60_000), 1)).await.is_ok());
    }
}
