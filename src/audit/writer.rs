//! The thread that writes the chain: batches, checkpoints, new files.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use aws_lc_rs::signature::Ed25519KeyPair;
use tokio::sync::mpsc;

use super::chain::Head;
use super::log::{AGAIN, Entry, Options, State, file_name, folder, private, time};
use crate::config::settings::audit::Fsync;
use crate::telemetry::metrics::instruments;

pub(super) struct AuditWriter {
    pub(super) options: Options,
    pub(super) key: Ed25519KeyPair,
    pub(super) head: Head,
    pub(super) file: File,
    pub(super) path: PathBuf,
    /// Bytes that are whole in the file.
    pub(super) good: u64,
    pub(super) day: String,
    pub(super) since_checkpoint: u64,
    pub(super) synced: Instant,
    pub(super) dirty: bool,
    pub(super) state: Arc<State>,
    pub(super) told: u64,
    /// Held while the process lives, so that no other writes this chain.
    pub(super) _lock: File,
}

impl AuditWriter {
    pub(super) fn run(mut self, mut entries: mpsc::Receiver<Entry>) {
        // Only for its timer: what was written and not synced is synced when nothing more comes.
        let Ok(timer) = tokio::runtime::Builder::new_current_thread().enable_time().build() else {
            return;
        };
        loop {
            let next = async {
                if self.dirty && self.options.fsync == Fsync::Second {
                    tokio::time::timeout(Duration::from_secs(1), entries.recv()).await
                } else {
                    Ok(entries.recv().await)
                }
            };
            let first = match timer.block_on(next) {
                Ok(Some(e)) => e,
                Ok(None) => return,
                Err(_) => {
                    let _ = self.file.sync_data();
                    (self.synced, self.dirty) = (Instant::now(), false);
                    continue;
                }
            };
            let mut batch = vec![first];
            while batch.len() < 256
                && let Ok(e) = entries.try_recv()
            {
                batch.push(e);
            }
            if self.write(batch).is_err() {
                return;
            }
        }
    }

    /// Seals and writes a batch; tries until it is written. An error only before
    /// the thread has started.
    pub(super) fn write(&mut self, batch: Vec<Entry>) -> std::io::Result<()> {
        let mut out = String::new();
        let mut waiting = Vec::new();
        let mut close = false;
        let lost = self.state.dropped.load(Ordering::Relaxed);
        if lost > self.told {
            let n = lost - self.told;
            let gap = format!("\"time\":\"{}\",\"event\":\"gap\",\"records\":{n}", time());
            self.head.append(&gap, &mut out);
            self.told = lost;
        }
        let mut fields = String::new();
        for e in batch {
            match e {
                Entry::Record(r) => {
                    fields.clear();
                    r.write(&mut fields);
                    self.head.append(&fields, &mut out);
                }
                Entry::Durable(r, done) => {
                    fields.clear();
                    r.write(&mut fields);
                    self.head.append(&fields, &mut out);
                    waiting.push(done);
                }
                Entry::Close(done) => {
                    close = true;
                    waiting.push(done);
                }
            }
            self.since_checkpoint += 1;
            if self.since_checkpoint >= self.options.checkpoint_every {
                self.checkpoint(&mut out);
            }
        }
        let turn = self.good >= self.options.max_size || !time().starts_with(&self.day);
        if (close || turn) && self.since_checkpoint > 0 {
            self.checkpoint(&mut out);
        }
        self.put(out.as_bytes(), close || !waiting.is_empty())?;
        instruments().audit_records.add(out.lines().count() as u64, &[]);
        for done in waiting {
            let _ = done.send(());
        }
        if turn {
            self.turn();
        }
        Ok(())
    }

    /// Also to the log, so that it can leave the host: that line is the anchor of a verification.
    fn checkpoint(&mut self, out: &mut String) {
        let from = out.len();
        self.head.checkpoint(&time(), &self.key, out);
        self.since_checkpoint = 0;
        tracing::info!(target: "audit", checkpoint = %out[from..].trim_end());
    }

    fn put(&mut self, bytes: &[u8], now: bool) -> std::io::Result<()> {
        loop {
            let sync = now
                || self.options.fsync == Fsync::Always
                || (self.options.fsync == Fsync::Second
                    && self.synced.elapsed() >= Duration::from_secs(1));
            if !self.path.exists() {
                self.again();
            }
            let done = self
                .file
                .write_all(bytes)
                .and_then(|()| if sync { self.file.sync_data() } else { Ok(()) });
            match done {
                Ok(()) => {
                    self.good += bytes.len() as u64;
                    if sync {
                        self.synced = Instant::now();
                    }
                    self.dirty = !sync;
                    if self.state.broken.swap(false, Ordering::Relaxed) {
                        tracing::warn!("the audit log is written again");
                    }
                    return Ok(());
                }
                Err(e) => {
                    // What was written of it is taken back, so that no half a record stays.
                    let _ = self.file.set_len(self.good);
                    if !self.state.broken.swap(true, Ordering::Relaxed) {
                        tracing::error!(error = %e, dir = %self.options.dir.display(), "the audit log cannot be written; trying again");
                    }
                    if std::thread::current().name() != Some("audit") {
                        return Err(e);
                    }
                    std::thread::park_timeout(AGAIN);
                }
            }
        }
    }

    /// The file was taken away (somebody else rotates): what comes goes into one of the same name,
    /// and says that it goes on.
    fn again(&mut self) {
        let _ = folder(&self.options.dir);
        if let Ok(f) = private(&self.path, true) {
            tracing::warn!(file = %self.path.display(), "the audit file was taken away; going on \
                in a new one");
            (self.file, self.good) = (f, 0);
        }
    }

    /// Goes on in a new file; if that cannot be made, in the old one.
    fn turn(&mut self) {
        let path = self.options.dir.join(file_name(self.options.series, &self.head));
        match private(&path, true) {
            Ok(f) => {
                let _ = self.file.sync_data();
                (self.file, self.path, self.good) = (f, path, 0);
            }
            Err(e) => tracing::error!(error = %e, file = %path.display(), "no new audit file"),
        }
        self.day = time()[..10].to_owned();
    }
}
