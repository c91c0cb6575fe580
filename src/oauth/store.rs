//! Where sign-in keeps its state: people, clients, grants, codes and tokens, the secret
//! ones under their SHA-256.
//!
//! The interface is a few operations on small records, so that a backend is short and its atomicity
//! can be seen: whoever wins an `insert` or a `replace` has consumed a code, rotated a token or
//! taken a name, and nobody else has.

mod memory;
mod sqlite;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mssql_mcp_middleware::rate_limit::Quota;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use memory::Memory;
pub(crate) use sqlite::Sqlite;

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is what it says")]
pub enum RecordKind {
    User,
    Client,
    Grant,
    Code,
    Access,
    Refresh,
    ApiToken,
    Login,
    Browser,
    Place,
    SessionKey,
    EndedSession,
}

/// The store could not be reached or read.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreError(pub(crate) String);

/// What an operation answers.
pub(crate) type StoreFuture<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A backend. `expires` is in seconds since 1970; what has expired is not there.
pub trait Store: Send + Sync + std::fmt::Debug {
    /// The record under a key, unless it has expired.
    fn get<'a>(&'a self, kind: RecordKind, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>>;
    /// Writes a record, new or not.
    fn put<'a>(
        &'a self,
        kind: RecordKind,
        key: &'a str,
        value: Vec<u8>,
        expires: u64,
    ) -> StoreFuture<'a, ()>;
    /// Writes a record unless there is one; false when there is.
    fn insert<'a>(
        &'a self,
        kind: RecordKind,
        key: &'a str,
        value: Vec<u8>,
        expires: u64,
    ) -> StoreFuture<'a, bool>;
    /// Writes a record if it is still what it was; false when it is not.
    fn replace<'a>(
        &'a self,
        kind: RecordKind,
        key: &'a str,
        was: &'a [u8],
        value: Vec<u8>,
        expires: u64,
    ) -> StoreFuture<'a, bool>;
    /// Removes a record; false when there was none.
    fn remove<'a>(&'a self, kind: RecordKind, key: &'a str) -> StoreFuture<'a, bool>;
    /// All records of a kind.
    fn list(&self, kind: RecordKind) -> StoreFuture<'_, Vec<(String, Vec<u8>)>>;
    /// Removes what has expired.
    fn sweep(&self) -> StoreFuture<'_, ()>;
    /// Spends of a quota that is counted for all replicas (a negative cost gives back); or how long
    /// to wait. None where there is one process, which counts by itself.
    fn spend<'a>(
        &'a self,
        _key: &'a str,
        _quota: Quota,
        _cost: i32,
    ) -> Option<StoreFuture<'a, Result<(), Duration>>> {
        None
    }
}

/// An expiry that never comes, in seconds since 1970.
pub const FOREVER: u64 = i64::MAX as u64;

/// The system's clock, but never backwards: what has expired stays so when the clock is set back.
#[derive(Debug)]
struct Clock(Mutex<(Instant, Duration)>);

impl Clock {
    /// The later of what the system says, and what it said last and has passed since.
    fn at(&self, instant: Instant, system: Duration) -> u64 {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = last.1 + instant.saturating_duration_since(last.0);
        *last = (instant.max(last.0), passed.max(system));
        last.1.as_secs()
    }
}

/// Seconds since 1970; it never steps back.
pub fn now() -> u64 {
    static CLOCK: LazyLock<Clock> =
        LazyLock::new(|| Clock(Mutex::new((Instant::now(), Duration::ZERO))));
    CLOCK.at(Instant::now(), SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// A store with types.
#[derive(Debug, Clone)]
pub struct Records(Arc<dyn Store>);

// === impl Kind ===

impl RecordKind {
    pub(crate) const ALL: [RecordKind; 12] = [
        RecordKind::User,
        RecordKind::Client,
        RecordKind::Grant,
        RecordKind::Code,
        RecordKind::Access,
        RecordKind::Refresh,
        RecordKind::ApiToken,
        RecordKind::Login,
        RecordKind::Browser,
        RecordKind::Place,
        RecordKind::SessionKey,
        RecordKind::EndedSession,
    ];
    /// As it is stored.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            RecordKind::User => "user",
            RecordKind::Client => "client",
            RecordKind::Grant => "grant",
            RecordKind::Code => "code",
            RecordKind::Access => "access",
            RecordKind::Refresh => "refresh",
            RecordKind::ApiToken => "api_token",
            RecordKind::Login => "login",
            RecordKind::Browser => "browsers",
            RecordKind::Place => "place",
            RecordKind::SessionKey => "session_key",
            RecordKind::EndedSession => "ended_session",
        }
    }
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the store of sign-in: {}", self.0)
    }
}

// === impl Records ===

impl Records {
    /// Types over any backend.
    pub fn new(store: impl Store + 'static) -> Self {
        Self(Arc::new(store))
    }

    /// Likewise; with it the file, where there was none and an empty store was made.
    pub(crate) fn open_or_make(text: &str) -> Result<(Self, Option<PathBuf>), StoreError> {
        let new = missing(text).map(Path::to_owned);
        if let Some(folder) =
            new.as_deref().and_then(Path::parent).filter(|f| !f.as_os_str().is_empty())
        {
            let mut make = std::fs::DirBuilder::new();
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut make, 0o700);
            make.recursive(true)
                .create(folder)
                .map_err(|e| StoreError(format!("{}: {e}", folder.display())))?;
        }
        Ok((Self::open(text)?, new))
    }

    /// `memory`, `sqlite:FILE`, or `redis://HOST:PORT/DB`.
    pub fn open(text: &str) -> Result<Self, StoreError> {
        match text.split_once(':') {
            _ if text == "memory" => Ok(Self::new(Memory::default())),
            Some(("sqlite", file)) if !file.is_empty() => {
                Ok(Self::new(Sqlite::open(Path::new(file))?))
            }
            Some(("redis", _)) => Ok(Self::new(super::redis::Redis::new(text)?)),
            _ => Err(StoreError(
                "auth.store is neither memory, sqlite:FILE nor redis://HOST:PORT/DB".into(),
            )),
        }
    }

    /// A record, with the bytes that a later `replace` compares.
    pub async fn get<T: DeserializeOwned>(
        &self,
        kind: RecordKind,
        key: &str,
    ) -> Result<Option<(T, Vec<u8>)>, StoreError> {
        let Some(bytes) = self.0.get(kind, key).await? else { return Ok(None) };
        match serde_json::from_slice(&bytes) {
            Ok(v) => Ok(Some((v, bytes))),
            Err(e) => {
                Err(StoreError(format!("a record of kind {} cannot be read: {e}", kind.as_str())))
            }
        }
    }

    /// Writes a record, whatever was there.
    pub async fn put<T: Serialize>(
        &self,
        kind: RecordKind,
        key: &str,
        v: &T,
        expires: u64,
    ) -> Result<(), StoreError> {
        self.0.put(kind, key, bytes(v)?, expires).await
    }

    /// Writes it unless it is there.
    pub async fn insert<T: Serialize>(
        &self,
        kind: RecordKind,
        key: &str,
        v: &T,
        expires: u64,
    ) -> Result<bool, StoreError> {
        self.0.insert(kind, key, bytes(v)?, expires).await
    }

    /// Writes it if it is unchanged.
    pub async fn replace<T: Serialize>(
        &self,
        kind: RecordKind,
        key: &str,
        was: &[u8],
        v: &T,
        expires: u64,
    ) -> Result<bool, StoreError> {
        self.0.replace(kind, key, was, bytes(v)?, expires).await
    }

    /// Whether there was one to remove.
    pub async fn remove(&self, kind: RecordKind, key: &str) -> Result<bool, StoreError> {
        self.0.remove(kind, key).await
    }

    /// All that can be read.
    pub async fn list<T: DeserializeOwned>(
        &self,
        kind: RecordKind,
    ) -> Result<Vec<(String, T)>, StoreError> {
        let all = self.0.list(kind).await?;
        Ok(all
            .into_iter()
            .filter_map(|(k, v)| Some((k, serde_json::from_slice(&v).ok()?)))
            .collect())
    }

    /// Removes what has expired.
    pub(crate) async fn sweep(&self) -> Result<(), StoreError> {
        self.0.sweep().await
    }

    /// Spends of a quota that all replicas share, if they share one.
    pub(crate) fn spend<'a>(
        &'a self,
        key: &'a str,
        quota: Quota,
        cost: i32,
    ) -> Option<StoreFuture<'a, Result<(), Duration>>> {
        self.0.spend(key, quota, cost)
    }
}

/// The file of a store that is not there yet.
pub(crate) fn missing(text: &str) -> Option<&Path> {
    text.strip_prefix("sqlite:").map(Path::new).filter(|f| !f.exists())
}

/// The store that earlier versions made where they were started, if there is one here and
/// `auth.store` does not name it.
pub(crate) fn left_behind(text: &str) -> Option<&'static Path> {
    let earlier = Path::new("mssql-mcp.db");
    missing(text).filter(|_| earlier.is_file()).map(|_| earlier)
}

fn bytes<T: Serialize>(v: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(v).map_err(|e| StoreError(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn behaves(r: Records) {
        assert_eq!(r.get::<u32>(RecordKind::Code, "a").await, Ok(None));
        assert_eq!(r.insert(RecordKind::Code, "a", &1, FOREVER).await, Ok(true));
        assert_eq!(r.insert(RecordKind::Code, "a", &2, FOREVER).await, Ok(false), "taken");
        assert_eq!(r.get::<u32>(RecordKind::Refresh, "a").await, Ok(None), "kinds are apart");
        let (v, was) = r.get::<u32>(RecordKind::Code, "a").await.expect("read").expect("there");
        assert_eq!(v, 1);
        assert_eq!(r.replace(RecordKind::Code, "a", &was, &3, FOREVER).await, Ok(true));
        assert_eq!(
            r.replace(RecordKind::Code, "a", &was, &4, FOREVER).await,
            Ok(false),
            "it is no longer what it was"
        );
        r.put(RecordKind::Code, "b", &5, 1).await.expect("written");
        assert_eq!(r.get::<u32>(RecordKind::Code, "b").await, Ok(None), "expired");
        assert_eq!(
            r.insert(RecordKind::Code, "b", &6, FOREVER).await,
            Ok(true),
            "what has expired is not in the way"
        );
        assert_eq!(r.list::<u32>(RecordKind::Code).await.map(|l| l.len()), Ok(2));
        assert_eq!(r.remove(RecordKind::Code, "a").await, Ok(true));
        assert_eq!(r.remove(RecordKind::Code, "a").await, Ok(false));
        r.sweep().await.expect("swept");
    }

    #[test]
    fn time_that_steps_back_revives_nothing() {
        let (start, s) = (Instant::now(), Duration::from_secs);
        let clock = Clock(Mutex::new((start, Duration::ZERO)));
        assert_eq!(clock.at(start, s(1000)), 1000);
        assert_eq!(clock.at(start + s(10), s(1010)), 1010);
        // Set back by an hour it goes on as it did, and catches up with what the system says.
        assert_eq!(clock.at(start + s(20), s(10)), 1020);
        assert_eq!(clock.at(start + s(30), s(20)), 1030);
        assert_eq!(clock.at(start + s(40), s(5000)), 5000);
    }

    #[tokio::test]
    async fn every_backend_behaves_alike() {
        behaves(Records::new(Memory::default())).await;
        let file = std::env::temp_dir().join(format!("mssql-mcp-store-{}.db", std::process::id()));
        behaves(Records::open(&format!("sqlite:{}", file.display())).expect("open")).await;
        // Another process would see the same.
        let again = Records::open(&format!("sqlite:{}", file.display())).expect("open");
        assert_eq!(
            again.get::<u32>(RecordKind::Code, "b").await.map(|v| v.map(|v| v.0)),
            Ok(Some(6))
        );
        for end in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", file.display()));
        }
        assert!(Records::open("mysql://x").is_err() && Records::open("redis://").is_err());
    }
}
