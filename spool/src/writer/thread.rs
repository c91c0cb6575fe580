//! The thread that seals, writes and counts. What it could not write it does not count, so that
//! what is said of a result is said of the rows in its file.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest;
use tokio::sync::{mpsc, oneshot};

use super::Message;
use crate::column::Column;
use crate::crypt::{FileKey, HEADER, INDEX, TAG, hex};
use crate::disk::{self, Disk};
use crate::error::{Error, Reason};
use crate::kept::{About, Chunk, Kept, Set, millis};
use crate::profile::Profiler;
use crate::store::Inner;

/// What one result is written with.
#[derive(Debug)]
pub(crate) struct Thread {
    pub(crate) store: Arc<Inner>,
    pub(crate) handle: String,
    pub(crate) owner: String,
    pub(crate) ttl: Duration,
    pub(crate) created: SystemTime,
    pub(crate) profile: bool,
    pub(crate) key: Arc<FileKey>,
    pub(crate) path: PathBuf,
    /// Bytes that the store counts for it; given back if it comes to nothing.
    pub(crate) counted: u64,
    /// It is the store's now.
    pub(crate) kept: bool,
}

/// What is written so far.
pub(super) struct Written {
    disk: Disk,
    sets: Vec<Set>,
    profiler: Option<Profiler>,
    sha256: digest::Context,
    bytes: u64,
    number: u32,
    failed: Option<Reason>,
    sealed: Vec<u8>,
}

// === impl Thread ===

impl Thread {
    pub(super) fn run(
        mut self,
        mut written: Written,
        mut from: mpsc::Receiver<Message>,
        ended: &OnceLock<Reason>,
        tell: oneshot::Sender<Result<Arc<Kept>, Error>>,
    ) {
        while let Some(message) = from.blocking_recv() {
            match message {
                Message::Begin(columns) if written.failed.is_none() => {
                    written.begin(columns, self.profile);
                }
                Message::Rows(rows, count) if written.failed.is_none() => {
                    if let Err(reason) = self.write(&mut written, &rows, count) {
                        written.failed = Some(reason);
                        let _ = ended.set(reason);
                    }
                }
                Message::Finish(label) => {
                    let reason = written.failed.or(ended.get().copied());
                    let kept = self.finish(written, reason, label);
                    drop(self);
                    let _ = tell.send(kept);
                    return;
                }
                // They were on their way when writing failed.
                Message::Begin(_) | Message::Rows(..) => {}
            }
        }
    }

    /// The file, before anything else: where there is none, nobody counts on it.
    pub(super) fn open(&mut self) -> Result<Written, Error> {
        let file = disk::create(&self.path)?;
        #[cfg_attr(not(test), expect(unused_mut, reason = "tests bound it"))]
        let mut disk = Disk::new(file);
        #[cfg(test)]
        {
            disk.room = self.store.room_of_disk;
        }
        let mut written = Written {
            disk,
            sets: Vec::new(),
            profiler: None,
            sha256: digest::Context::new(&digest::SHA256),
            bytes: 0,
            number: 0,
            failed: None,
            sealed: Vec::new(),
        };
        written.disk.append(&self.key.header())?;
        Ok(written)
    }

    fn write(&mut self, written: &mut Written, rows: &[u8], count: u32) -> Result<(), Reason> {
        let length = (rows.len() + TAG) as u64;
        self.store.reserve(&self.owner, length)?;
        self.counted += length;
        let appended = written.append(&self.key, rows, count);
        if appended.is_err() {
            self.store.give_back(&self.owner, length);
            self.counted -= length;
        }
        appended
    }

    fn finish(
        &mut self,
        mut written: Written,
        reason: Option<Reason>,
        label: String,
    ) -> Result<Arc<Kept>, Error> {
        written.end_set();
        let now = SystemTime::now();
        let until = now.checked_add(self.ttl).unwrap_or(now + Duration::from_secs(1 << 32));
        let mut about = About {
            handle: self.handle.clone(),
            owner: self.owner.clone(),
            label,
            created: millis(self.created),
            until: millis(until),
            sets: std::mem::take(&mut written.sets),
            reason,
            sha256: hex(written.sha256.clone().finish().as_ref()),
            bytes: written.bytes,
            file_bytes: written.disk.len(),
        };
        if self.store.persists() {
            let _ = self.write_index(&mut written.disk, &mut about);
        }
        let file = written.disk.into_file();
        let kept = Kept { about, file, key: self.key.clone(), path: self.path.clone() };
        self.kept = true;
        Ok(self.store.keep(kept, self.counted, self.ttl))
    }

    /// Writes what is known of the result behind its rows, and how long that is behind it. Where
    /// there is no room for it, the result does not outlive the process.
    fn write_index(&mut self, disk: &mut Disk, about: &mut About) -> Result<(), Error> {
        let mut index = serde_json::to_vec(&about).map_err(|e| Error::Format(e.to_string()))?;
        self.key.seal(INDEX, &mut index)?;
        let length = u32::try_from(index.len()).map_err(|_| Error::Damaged)?;
        index.extend_from_slice(&length.to_be_bytes());
        let more = index.len() as u64;
        self.store.reserve(&self.owner, more).map_err(|_| Error::OwnerFiles)?;
        if let Err(e) = disk.append(&index) {
            self.store.give_back(&self.owner, more);
            return Err(e.into());
        }
        self.counted += more;
        about.file_bytes = disk.len();
        let path = self.path.with_extension(crate::store::KEPT);
        std::fs::rename(&self.path, &path)?;
        self.path = path;
        Ok(())
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        if !self.kept {
            let _ = std::fs::remove_file(&self.path);
            self.store.give_back_file(&self.owner, self.counted);
        }
    }
}

// === impl Written ===

impl Written {
    fn begin(&mut self, columns: Vec<Column>, profile: bool) {
        self.end_set();
        self.profiler = profile.then(|| Profiler::new(&columns));
        self.sets.push(Set::new(columns));
    }

    fn end_set(&mut self) {
        if let Some((set, profiler)) = self.sets.last_mut().zip(self.profiler.take()) {
            set.profile = Some(profiler.finish());
        }
    }

    fn append(&mut self, key: &FileKey, rows: &[u8], count: u32) -> Result<(), Reason> {
        let Some(set) = self.sets.last_mut().filter(|_| self.number < INDEX) else {
            return Err(Reason::DiskFailed);
        };
        self.sealed.clear();
        self.sealed.extend_from_slice(rows);
        key.seal(self.number, &mut self.sealed).map_err(|_| Reason::DiskFailed)?;
        let at = self.disk.len();
        let length = u32::try_from(self.sealed.len()).map_err(|_| Reason::DiskFailed)?;
        self.disk.append(&self.sealed).map_err(|e| Reason::of_disk(&e))?;
        debug_assert!(at >= HEADER as u64);
        set.chunks.push(Chunk { first: set.rows, at, length, number: self.number });
        set.rows += u64::from(count);
        self.number += 1;
        self.bytes += rows.len() as u64;
        self.sha256.update(rows);
        if let Some(profiler) = &mut self.profiler {
            profiler.rows(rows);
        }
        Ok(())
    }
}
