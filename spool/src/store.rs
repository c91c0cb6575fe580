//! All results that are kept in a directory: how many there may be, whose they are, and which go.

mod claim;
mod options;
mod room;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use self::claim::Claim;
use self::room::{Denied, Entry, Room, Usage};
use crate::crypt::{HEADER, Master, hex, random};
use crate::disk;
use crate::error::{Error, Reason};
use crate::kept::{Kept, millis};
use crate::writer::{Thread, Writer};

pub(crate) use self::claim::KEPT;
pub use self::options::{Bounds, Listed, Options};

/// The results that this process keeps in a directory. Clones share them; with the last one, and
/// with the last writer, their files go, unless they are to outlive the process.
#[derive(Debug, Clone)]
pub struct Spool(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    claim: Claim,
    master: Master,
    bounds: Bounds,
    room: Mutex<Room>,
    persist: bool,
    /// Bytes that a file may have.
    #[cfg(test)]
    pub(crate) room_of_disk: Option<u64>,
}

/// Bytes of randomness in a handle.
const HANDLE: usize = 16;

// === impl Spool ===

impl Spool {
    /// Opens a directory, which is made where it is not there; several processes may share it. What
    /// processes left there that have ended is deleted: nobody has the keys. Results that were to
    /// outlive them stay, for [`Spool::open_persistent`].
    ///
    /// # Errors
    ///
    /// [`Error::OpenDirectory`] where others than the owner may enter the directory, and
    /// [`Error::Io`].
    pub fn open(directory: impl AsRef<Path>, bounds: Bounds) -> Result<Self, Error> {
        Self::open_as(directory.as_ref(), bounds, false)
    }

    /// As [`Spool::open`], but results outlive the process: whoever opens the directory so when it
    /// has ended has them with the same handles and owners, each for the rest of its time. The key
    /// is in a file beside them (mode 0600), so that they are as safe as that.
    ///
    /// # Errors
    ///
    /// As [`Spool::open`].
    pub fn open_persistent(directory: impl AsRef<Path>, bounds: Bounds) -> Result<Self, Error> {
        Self::open_as(directory.as_ref(), bounds, true)
    }

    fn open_as(directory: &Path, bounds: Bounds, persist: bool) -> Result<Self, Error> {
        disk::directory(directory)?;
        let claim = Claim::new(directory)?;
        let secret = if persist { claim::secret(directory)? } else { random() };
        let inner = Inner {
            master: Master::new(&secret),
            claim,
            bounds,
            room: Mutex::default(),
            persist,
            #[cfg(test)]
            room_of_disk: None,
        };
        inner.take_over(directory)?;
        Ok(Self(Arc::new(inner)))
    }

    /// A store whose disk takes so many bytes of each file.
    #[cfg(test)]
    pub(crate) fn with_disk_of(self, bytes: u64) -> Self {
        let mut inner = Arc::into_inner(self.0).expect("one store");
        inner.room_of_disk = Some(bytes);
        Self(Arc::new(inner))
    }

    /// Begins a result of this owner. The oldest of the owner's results go where there would be too
    /// many, but none that somebody reads; so do those of others at the bounds of the store.
    ///
    /// # Errors
    ///
    /// [`Error::OwnerFiles`] and [`Error::Files`] where none can go, and [`Error::Io`] where not even
    /// an empty file can be made, or no further thread.
    pub fn create(&self, owner: &str, options: Options) -> Result<Writer, Error> {
        let inner = &self.0;
        let key = Arc::new(inner.master.new_file()?);
        let path = inner.claim.path(&hex(key.id()));
        inner.make_room(owner, Usage { bytes: HEADER as u64, files: 1 }).map_err(|denied| {
            match denied {
                Denied::Owner => Error::OwnerFiles,
                Denied::Store => Error::Files,
            }
        })?;
        let handle = format!("res_{}", BASE64.encode(random::<HANDLE>()));
        let thread = Thread {
            store: inner.clone(),
            handle: handle.clone(),
            owner: owner.to_owned(),
            ttl: options.ttl.unwrap_or(inner.bounds.ttl),
            created: SystemTime::now(),
            profile: options.profile,
            key,
            path,
            counted: HEADER as u64,
            kept: false,
        };
        Writer::new(handle, options, thread)
    }

    /// The result of this handle, if it is this owner's. One that never was, that is no longer and
    /// that is somebody else's are the same: none.
    pub fn get(&self, handle: &str, owner: &str) -> Option<Arc<Kept>> {
        let room = self.0.room();
        let entry = room.kept.get(handle)?;
        (entry.kept.owner() == owner && !entry.is_over()).then(|| entry.kept.clone())
    }

    /// Whether a result of this handle is kept, whosever it is.
    pub fn has(&self, handle: &str) -> bool {
        self.0.room().kept.get(handle).is_some_and(|entry| !entry.is_over())
    }

    /// The results of this owner, the newest first.
    pub fn list(&self, owner: &str) -> Vec<Listed> {
        let room = self.0.room();
        let own = room.kept.values().filter(|e| e.kept.owner() == owner && !e.is_over());
        let mut own: Vec<&Entry> = own.collect();
        own.sort_by_key(|e| std::cmp::Reverse(e.order));
        let listed = |e: &&Entry| Listed {
            handle: e.kept.handle().to_owned(),
            rows: e.kept.total_rows(),
            bytes: e.kept.file_bytes(),
            complete: e.kept.is_complete(),
            created: e.kept.created(),
            left: e.until.saturating_duration_since(Instant::now()),
        };
        own.iter().map(listed).collect()
    }

    /// Forgets a result of this owner; whether there was one. Who reads it can go on.
    pub fn forget(&self, handle: &str, owner: &str) -> bool {
        let is = |e: &Entry| e.kept.handle() == handle && e.kept.owner() == owner && !e.is_over();
        self.0.forget(is) > 0
    }

    /// Forgets all results of this owner; how many there were.
    pub fn forget_owner(&self, owner: &str) -> usize {
        self.0.forget(|e| e.kept.owner() == owner)
    }

    /// Deletes results whose time is over; how many there were. To be called now and then: they
    /// are not found any more, but they take room.
    pub fn sweep(&self) -> usize {
        self.0.forget(Entry::is_over)
    }

    /// Bytes and number of the files that there are, with those that are being written.
    pub fn usage(&self) -> (u64, usize) {
        let total = self.0.room().total;
        (total.bytes, total.files)
    }
}

// === impl Inner ===

impl Inner {
    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn persists(&self) -> bool {
        self.persist
    }

    fn make_room(&self, owner: &str, more: Usage) -> Result<(), Denied> {
        let mut gone = Vec::new();
        let made = self.room().make(&self.bounds, owner, more, &mut gone);
        // Deleting takes its time, in which others need not wait.
        gone.iter().for_each(Entry::delete);
        made
    }

    /// Counts bytes that a result of this owner is about to grow by.
    pub(crate) fn reserve(&self, owner: &str, bytes: u64) -> Result<(), Reason> {
        self.make_room(owner, Usage { bytes, files: 0 }).map_err(|denied| match denied {
            Denied::Owner => Reason::OwnerBytes,
            Denied::Store => Reason::StoreBytes,
        })
    }

    /// Bytes that were counted and not written.
    pub(crate) fn give_back(&self, owner: &str, bytes: u64) {
        self.room().give_back(owner, Usage { bytes, files: 0 });
    }

    /// A file that came to nothing.
    pub(crate) fn give_back_file(&self, owner: &str, bytes: u64) {
        self.room().give_back(owner, Usage { bytes, files: 1 });
    }

    /// A result is whole. Its file has been counted.
    pub(crate) fn keep(&self, kept: Kept, counted: u64, ttl: Duration) -> Arc<Kept> {
        let kept = Arc::new(kept);
        self.room().insert(kept.clone(), counted, ttl);
        kept
    }

    fn forget(&self, which: impl Fn(&Entry) -> bool) -> usize {
        let gone = self.room().remove(which);
        gone.iter().for_each(Entry::delete);
        gone.len()
    }

    /// Deletes what ended processes left, or takes it over where results outlive them.
    fn take_over(&self, directory: &Path) -> Result<(), Error> {
        let now = millis(SystemTime::now());
        let mut found = Vec::new();
        for left in claim::left_over(directory)? {
            let keeps = self.persist && left.extension().is_some_and(|e| e == KEPT);
            let kept = keeps.then(|| self.adopt(&left, now)).flatten();
            match kept {
                Some(kept) => found.push(kept),
                // Somebody else's to take over.
                None if !self.persist && left.extension().is_some_and(|e| e == KEPT) => {}
                None => drop(std::fs::remove_file(&left)),
            }
        }
        found.sort_by_key(|kept| kept.about.created);
        for kept in found {
            let rest = Duration::from_millis(kept.about.until - now);
            let counted = kept.about.file_bytes;
            let usage = Usage { bytes: counted, files: 1 };
            match self.make_room(kept.owner(), usage) {
                Ok(()) => drop(self.keep(kept, counted, rest)),
                Err(_) => drop(std::fs::remove_file(kept.path())),
            }
        }
        Ok(())
    }

    /// Reads a file that a process left, and makes it ours by its name, unless its time is over.
    fn adopt(&self, left: &Path, now: u64) -> Option<Kept> {
        let (file, key, about) =
            claim::read(left, &self.master).ok().filter(|(.., about)| about.until > now)?;
        let path: PathBuf = self.claim.path(&hex(key.id())).with_extension(KEPT);
        // Of two who try, one has it.
        std::fs::rename(left, &path).ok()?;
        Some(Kept { about, file, key: Arc::new(key), path })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !self.persist {
            self.forget(|_| true);
        }
    }
}
