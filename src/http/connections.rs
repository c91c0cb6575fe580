//! Connections are counted, and those on which nobody was recognised yet give way: strangers who
//! hold them open keep out nobody who is signed in.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::net::network;

/// All of a listener.
#[derive(Debug)]
pub(crate) struct Connections {
    room: Arc<Semaphore>,
    most: usize,
    strangers: Mutex<Strangers>,
}

#[derive(Debug, Default)]
struct Strangers {
    next: u64,
    /// In the order in which they came.
    all: BTreeMap<u64, (String, CancellationToken)>,
}

/// One, for as long as it is open; a request finds a weak reference to it in its extensions.
#[derive(Debug)]
pub(crate) struct HttpConnection {
    id: u64,
    all: Arc<Connections>,
    _place: OwnedSemaphorePermit,
    /// Fires when it has to give way.
    pub(crate) ended: CancellationToken,
}

impl Connections {
    /// So many at most.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { room: Arc::new(Semaphore::new(most)), most, strangers: Mutex::default() })
    }

    pub(crate) fn len(&self) -> usize {
        self.most - self.room.available_permits()
    }

    fn strangers(&self) -> MutexGuard<'_, Strangers> {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a connection that was accepted; where there is none, a stranger's ends for it.
    /// `from` is none for a proxy of ours, which bounds its clients itself and carries those who
    /// are known beside those who are not.
    pub(crate) async fn enter(
        self: &Arc<Self>,
        from: Option<IpAddr>,
    ) -> Option<Arc<HttpConnection>> {
        let place = match self.room.clone().try_acquire_owned() {
            Ok(p) => p,
            Err(_) => {
                self.strangers().give_way();
                // Never closed.
                self.room.clone().acquire_owned().await.ok()?
            }
        };
        let ended = CancellationToken::new();
        let mut strangers = self.strangers();
        strangers.next += 1;
        let id = strangers.next;
        if let Some(ip) = from {
            strangers.all.insert(id, (network(ip), ended.clone()));
        }
        Some(Arc::new(HttpConnection { id, all: self.clone(), _place: place, ended }))
    }
}

impl Connections {
    /// Ends all on which nobody was recognised.
    pub(crate) fn end_strangers(&self) {
        for (_, ended) in std::mem::take(&mut self.strangers().all).into_values() {
            ended.cancel();
        }
    }
}

impl Strangers {
    /// The oldest of the network that has most goes.
    fn give_way(&mut self) {
        let mut networks: HashMap<&str, (usize, u64)> = HashMap::new();
        for (id, (network, _)) in self.all.iter().rev() {
            let of = networks.entry(network).or_insert((0, *id));
            *of = (of.0 + 1, *id);
        }
        let most = networks.values().max_by_key(|(n, oldest)| (*n, std::cmp::Reverse(*oldest)));
        if let Some((_, (_, ended))) = most.map(|m| m.1).and_then(|id| self.all.remove_entry(&id)) {
            ended.cancel();
        }
    }
}

impl HttpConnection {
    /// Somebody on it was recognised: it gives way to nobody any more.
    pub(crate) fn keep(&self) {
        self.all.strangers().all.remove(&self.id);
    }
}

impl Drop for HttpConnection {
    fn drop(&mut self) {
        self.keep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(n: u8) -> Option<IpAddr> {
        Some([198, 51, 100, n].into())
    }

    #[tokio::test]
    async fn strangers_give_way_and_the_busiest_network_first() {
        let all = Connections::new(4);
        let known = all.enter(ip(1)).await.expect("room");
        known.keep();
        let proxy = all.enter(None).await.expect("room");
        let one = all.enter(ip(2)).await.expect("room");
        let flood = all.enter(ip(1)).await.expect("room");
        let again = tokio::spawn({
            let all = all.clone();
            async move { all.enter(ip(1)).await }
        });
        // The oldest, where each network has one.
        one.ended.cancelled().await;
        drop(one);
        let flood_2 = again.await.expect("task").expect("room");
        let newcomer = tokio::spawn({
            let all = all.clone();
            async move { all.enter(ip(3)).await }
        });
        flood.ended.cancelled().await;
        drop(flood);
        let newcomer = newcomer.await.expect("task").expect("room");
        assert!(![&known, &proxy, &flood_2, &newcomer].iter().any(|c| c.ended.is_cancelled()));
        assert_eq!(all.len(), 4);
        drop((known, proxy, flood_2, newcomer));
        assert!(all.len() == 0 && all.strangers().all.is_empty());
    }
}
