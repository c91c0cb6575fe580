//! A store that ends with the process.

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use super::{RecordKind, Store, StoreFuture, now};

/// For tests and the demo: nothing outlives the process.
#[derive(Debug, Default)]
pub struct Memory(DashMap<(RecordKind, String), (Vec<u8>, u64)>);

// === impl Memory ===

fn ready<'a, T: Send + 'a>(v: T) -> StoreFuture<'a, T> {
    Box::pin(std::future::ready(Ok(v)))
}

impl Store for Memory {
    fn get<'a>(&'a self, kind: RecordKind, key: &'a str) -> StoreFuture<'a, Option<Vec<u8>>> {
        let found =
            self.0.get(&(kind, key.to_owned())).filter(|v| v.1 > now()).map(|v| v.0.clone());
        ready(found)
    }

    fn put<'a>(
        &'a self,
        kind: RecordKind,
        key: &'a str,
        value: Vec<u8>,
        expires: u64,
    ) -> StoreFuture<'a, ()> {
        self.0.insert((kind, key.to_owned()), (value, expires));
        ready(())
    }

    fn insert<'a>(
        &'a self,
        kind: RecordKind,
        key: &'a str,
        value: Vec<u8>,
        expires: u64,
    ) -> StoreFuture<'a, bool> {
        ready(match self.0.entry((kind, key.to_owned())) {
            Entry::Occupied(o) if o.get().1 > now() => false,
            Entry::Occupied(mut o) => {
                o.insert((value, expires));
                true
            }
            Entry::Vacant(v) => {
                v.insert((value, expires));
                true
            }
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
        ready(match self.0.get_mut(&(kind, key.to_owned())) {
            Some(mut v) if v.0 == was && v.1 > now() => {
                *v = (value, expires);
                true
            }
            _ => false,
        })
    }

    fn remove<'a>(&'a self, kind: RecordKind, key: &'a str) -> StoreFuture<'a, bool> {
        ready(self.0.remove(&(kind, key.to_owned())).is_some())
    }

    fn list(&self, kind: RecordKind) -> StoreFuture<'_, Vec<(String, Vec<u8>)>> {
        let now = now();
        let all = self.0.iter().filter(|e| e.key().0 == kind && e.value().1 > now);
        ready(all.map(|e| (e.key().1.clone(), e.value().0.clone())).collect())
    }

    fn sweep(&self) -> StoreFuture<'_, ()> {
        let now = now();
        self.0.retain(|_, v| v.1 > now);
        ready(())
    }
}
