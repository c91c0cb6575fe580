//! A store in one file.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::{RecordKind, Store, StoreError, StoreFuture, now};

/// One SQLite file in WAL mode. Every answer is on disk before it is given; the admin commands open
/// the same file. It blocks, and so has two threads of its own: what strangers make it write keeps
/// nobody waiting whose token is looked up.
#[derive(Debug)]
pub(crate) struct Sqlite {
    read: Sender<Job>,
    write: Sender<Job>,
}

type Job = Box<dyn FnOnce(&Connection) + Send>;

// === impl Sqlite ===

impl From<rusqlite::Error> for StoreError {
    fn from(e: rusqlite::Error) -> Self {
        StoreError(e.to_string())
    }
}

impl Sqlite {
    /// Opens or makes the file, for its owner alone.
    pub(crate) fn open(file: &Path) -> Result<Self, StoreError> {
        let wrong = |e: &dyn std::fmt::Display| StoreError(format!("{}: {e}", file.display()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            let made = std::fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(file);
            made.map_err(|e| wrong(&e))?;
        }
        let open = || {
            let c = Connection::open(file)?;
            c.busy_timeout(Duration::from_secs(5))?;
            Ok::<_, rusqlite::Error>(c)
        };
        let write = open().map_err(|e| wrong(&e))?;
        write
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE IF NOT EXISTS entries (kind TEXT NOT NULL, key TEXT NOT NULL, value \
             BLOB NOT NULL, expires INTEGER NOT NULL,
               PRIMARY KEY (kind, key)) WITHOUT ROWID;
             CREATE INDEX IF NOT EXISTS expiry ON entries (expires);",
            )
            .map_err(|e| wrong(&e))?;
        let read = open().map_err(|e| wrong(&e))?;
        read.pragma_update(None, "query_only", true).map_err(|e| wrong(&e))?;
        let (read, write) = (Self::thread("store-read", read), Self::thread("store-write", write));
        Ok(Self { read: read.map_err(|e| wrong(&e))?, write: write.map_err(|e| wrong(&e))? })
    }

    /// A thread that works on one connection until nobody can ask it any more.
    fn thread(name: &str, connection: Connection) -> std::io::Result<Sender<Job>> {
        let (ask, jobs): (_, Receiver<Job>) = channel();
        let work = move || jobs.into_iter().for_each(|job| job(&connection));
        std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(ask)
    }

    fn work<'a, T, F>(thread: &Sender<Job>, f: F) -> StoreFuture<'a, T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        let (answer, done) = tokio::sync::oneshot::channel();
        let asked = thread.send(Box::new(move |c| {
            // Nobody waits for it any more, and it was not begun: nobody was told that it is done.
            if !answer.is_closed() {
                let _ = answer.send(f(c));
            }
        }));
        Box::pin(async move {
            asked.map_err(|_| StoreError("its thread has ended".into()))?;
            Ok(done.await.map_err(|_| StoreError("its thread has ended".into()))??)
        })
    }
}

impl Store for Sqlite {
    fn get<'a>(&'a self, kind: RecordKind, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        let key = key.to_owned();
        Self::work(&self.read, move |c| {
            c.prepare_cached(
                "SELECT value FROM entries WHERE kind = ?1 AND key = ?2 AND expires > ?3",
            )?
            .query_row(params![kind.as_str(), key, now() as i64], |r| r.get(0))
            .optional()
        })
    }

    fn put<'a>(
        &'a self,
        kind: RecordKind,
        key: &'a str,
        value: Vec<u8>,
        expires: u64,
    ) -> StoreFuture<'a, ()> {
        let key = key.to_owned();
        Self::work(&self.write, move |c| {
            c.execute(
                "INSERT OR REPLACE INTO entries VALUES (?1, ?2, ?3, ?4)",
                params![kind.as_str(), key, value, expires as i64],
            )
            .map(drop)
        })
    }

    fn insert<'a>(
        &'a self,
        kind: RecordKind,
        key: &'a str,
        value: Vec<u8>,
        expires: u64,
    ) -> StoreFuture<'a, bool> {
        let key = key.to_owned();
        Self::work(&self.write, move |c| {
            let sql = "INSERT INTO entries VALUES (?1, ?2, ?3, ?4) ON CONFLICT (kind, key) DO \
                       UPDATE SET value = excluded.value, \
                       expires = excluded.expires WHERE entries.expires <= ?5";
            Ok(c.execute(sql, params![kind.as_str(), key, value, expires as i64, now() as i64])?
                == 1)
        })
    }

    fn replace<'a>(
        &'a self,
        kind: RecordKind,
        key: &'a str,
        was: &'a [u8],
        value: Vec<u8>,
        expires: u64,
    ) -> StoreFuture<'a, bool> {
        let (key, was) = (key.to_owned(), was.to_vec());
        Self::work(&self.write, move |c| {
            let sql = "UPDATE entries SET value = ?4, expires = ?5 WHERE kind = ?1 \
                       AND key = ?2 AND value = ?3 AND expires > ?6";
            Ok(c.execute(
                sql,
                params![kind.as_str(), key, was, value, expires as i64, now() as i64],
            )? == 1)
        })
    }

    fn remove<'a>(&'a self, kind: RecordKind, key: &'a str) -> StoreFuture<'a, bool> {
        let key = key.to_owned();
        Self::work(&self.write, move |c| {
            Ok(c.execute(
                "DELETE FROM entries WHERE kind = ?1 AND key = ?2",
                params![kind.as_str(), key],
            )? == 1)
        })
    }

    fn list(&self, kind: RecordKind) -> StoreFuture<'_, Vec<(String, Vec<u8>)>> {
        // A long walk, and so not where tokens are looked up.
        Self::work(&self.write, move |c| {
            let mut s = c.prepare(
                "SELECT key, value FROM entries WHERE kind = ?1 AND expires > ?2 ORDER BY key",
            )?;
            let rows =
                s.query_map(params![kind.as_str(), now() as i64], |r| Ok((r.get(0)?, r.get(1)?)))?;
            rows.collect()
        })
    }

    fn sweep(&self) -> StoreFuture<'_, ()> {
        Self::work(&self.write, |c| {
            c.execute("DELETE FROM entries WHERE expires <= ?1", params![now() as i64]).map(drop)
        })
    }
}
