//! Redis as the store, for several replicas: what one gives, the others know, and what one
//! takes back ends everywhere.

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands, Client, Script};
use tokio::sync::OnceCell;

use std::time::Duration;

use mssql_mcp_middleware::rate_limit::Quota;

use super::store::{FOREVER, RecordKind, Store, StoreError, StoreFuture};

const OURS: &str = "mssql-mcp";
/// How long one operation may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Connects when it is first asked, and again by itself.
pub(crate) struct Redis {
    client: Client,
    connection: OnceCell<ConnectionManager>,
    replace: Script,
    spend: Script,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may hold a password.
        f.write_str("Redis")
    }
}

impl From<redis::RedisError> for StoreError {
    fn from(e: redis::RedisError) -> Self {
        StoreError(format!("Redis: {e}"))
    }
}

fn name(kind: RecordKind, key: &str) -> String {
    format!("{OURS}:{}:{key}", kind.as_str())
}

impl Redis {
    /// Does not connect yet.
    pub(crate) fn new(url: &str) -> Result<Self, StoreError> {
        let client = Client::open(url)
            .map_err(|e| StoreError(format!("the Redis URL cannot be read: {}", e.category())))?;
        // Redis runs a script as one step.
        let replace = Script::new(
            "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
             if ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2]) else redis.call('SET', \
             KEYS[1], ARGV[2], 'EXAT', ARGV[3]) end
             return 1",
        );
        // As `rate_limit.rs` counts (GCRA): one instant for each key, in milliseconds of Redis's
        // clock, forgotten once it has passed. The answer is how long to wait.
        let spend = Script::new(
            "local t = redis.call('TIME')
             local now, every, burst, cost = t[1] * 1000 + math.floor(t[2] / 1000), \
             tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
             local after = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + every * cost
             if cost > 0 and after > now + every * burst then return after - now - every * burst end
             if after > now then redis.call('SET', KEYS[1], after, 'PX', after - now) else \
             redis.call('DEL', KEYS[1]) end
             return 0",
        );
        Ok(Self { client, connection: OnceCell::new(), replace, spend })
    }

    async fn connection(&self) -> Result<ConnectionManager, StoreError> {
        let made = self.connection.get_or_try_init(|| async {
            let config = ConnectionManagerConfig::new()
                .set_connection_timeout(Some(PATIENCE))
                .set_response_timeout(Some(PATIENCE))
                .set_number_of_retries(1);
            self.client.get_connection_manager_with_config(config).await
        });
        Ok(made.await?.clone())
    }

    async fn set(
        &self,
        kind: RecordKind,
        key: &str,
        value: Vec<u8>,
        expires: u64,
        new: bool,
    ) -> Result<bool, StoreError> {
        let mut c = self.connection().await?;
        let mut command = redis::cmd("SET");
        command.arg(name(kind, key)).arg(value);
        if new {
            command.arg("NX");
        }
        if expires != FOREVER {
            command.arg("EXAT").arg(expires);
        }
        let done: Option<String> = command.query_async(&mut c).await?;
        Ok(done.is_some())
    }
}

impl Store for Redis {
    fn get<'a>(&'a self, kind: RecordKind, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        Box::pin(async move { Ok(self.connection().await?.get(name(kind, key)).await?) })
    }

    fn put<'a>(
        &'a self,
        kind: RecordKind,
        key: &'a str,
        value: Vec<u8>,
        expires: u64,
    ) -> StoreFuture<'a, ()> {
        Box::pin(async move { self.set(kind, key, value, expires, false).await.map(drop) })
    }

    fn insert<'a>(
        &'a self,
        kind: RecordKind,
        key: &'a str,
        value: Vec<u8>,
        expires: u64,
    ) -> StoreFuture<'a, bool> {
        Box::pin(self.set(kind, key, value, expires, true))
    }

    fn replace<'a>(
        &'a self,
        kind: RecordKind,
        key: &'a str,
        was: &'a [u8],
        value: Vec<u8>,
        expires: u64,
    ) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let mut c = self.connection().await?;
            let until = if expires == FOREVER { String::new() } else { expires.to_string() };
            let done: i64 = self
                .replace
                .key(name(kind, key))
                .arg(was)
                .arg(value)
                .arg(until)
                .invoke_async(&mut c)
                .await?;
            Ok(done == 1)
        })
    }

    fn remove<'a>(&'a self, kind: RecordKind, key: &'a str) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let n: i64 = self.connection().await?.del(name(kind, key)).await?;
            Ok(n == 1)
        })
    }

    fn list(&self, kind: RecordKind) -> StoreFuture<'_, Vec<(String, Vec<u8>)>> {
        Box::pin(async move {
            let mut c = self.connection().await?;
            let prefix = name(kind, "");
            let (mut cursor, mut all) = (0u64, Vec::new());
            loop {
                let (next, keys): (u64, Vec<String>) = redis::cmd("SCAN")
                    .arg(cursor)
                    .arg("MATCH")
                    .arg(format!("{prefix}*"))
                    .arg("COUNT")
                    .arg(500)
                    .query_async(&mut c)
                    .await?;
                if !keys.is_empty() {
                    let values: Vec<Option<Vec<u8>>> = c.mget(&keys).await?;
                    // What expired in between has no value any more.
                    all.extend(
                        keys.into_iter()
                            .zip(values)
                            .filter_map(|(k, v)| Some((k[prefix.len()..].to_owned(), v?))),
                    );
                }
                cursor = next;
                if cursor == 0 {
                    break;
                }
            }
            // SCAN may give a key twice.
            all.sort();
            all.dedup_by(|a, b| a.0 == b.0);
            Ok(all)
        })
    }

    fn sweep(&self) -> StoreFuture<'_, ()> {
        // Redis does that itself.
        Box::pin(std::future::ready(Ok(())))
    }

    fn spend<'a>(
        &'a self,
        key: &'a str,
        quota: Quota,
        cost: i32,
    ) -> Option<StoreFuture<'a, Result<(), Duration>>> {
        Some(Box::pin(async move {
            let mut c = self.connection().await?;
            let mut script = self.spend.key(format!("{OURS}:attempts:{key}"));
            script.arg(quota.every.as_millis() as u64).arg(quota.burst).arg(cost);
            let wait: u64 = script.invoke_async(&mut c).await?;
            Ok(if wait == 0 { Ok(()) } else { Err(Duration::from_millis(wait)) })
        }))
    }
}
