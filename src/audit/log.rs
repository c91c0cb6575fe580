//! The file behind the audit: one thread owns it, seals what comes through a bounded queue into the
//! chain, and writes in batches.
//!
//! A write that fails (a full disk) is taken back to the last whole record and tried again until it
//! goes; meanwhile the queue fills, and the policy decides what becomes of calls.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_lc_rs::signature::Ed25519KeyPair;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::chain::{Head, tail};
use super::writer::AuditWriter;
use crate::config::settings::audit::Fsync;
use crate::telemetry::metrics::instruments;
use crate::visible::unseen;

/// The series of the server, and that of the commands.
pub const SERVER: &str = "audit";
pub(crate) const ADMIN: &str = "admin";
/// Records that may wait for the disk.
pub(super) const QUEUE: usize = 8192;
/// Between tries to write.
pub(super) const AGAIN: Duration = Duration::from_millis(200);

/// How to keep it.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) dir: PathBuf,
    /// The file's name begins with this: the server's and the commands' chains are two.
    pub(crate) series: &'static str,
    pub(crate) fsync: Fsync,
    /// Bytes after which a new file begins.
    pub(crate) max_size: u64,
    pub(crate) checkpoint_every: u64,
}

/// Something to record. It is written out on the thread of the log, not in the call's time.
pub(crate) trait Record: Send + std::fmt::Debug {
    /// Appends its fields: the inside of a JSON object.
    fn write(&self, out: &mut String);
}

/// Fields that are written out already.
impl Record for String {
    fn write(&self, out: &mut String) {
        out.push_str(self);
    }
}

/// What goes to the thread.
#[derive(Debug)]
pub(crate) enum Entry {
    Record(Box<dyn Record>),
    /// A record, of which it is told when it is on disk.
    Durable(Box<dyn Record>, oneshot::Sender<()>),
    /// Write and sync all that came before, with a checkpoint.
    Close(oneshot::Sender<()>),
}

/// The queue's end that records go into.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    queue: mpsc::Sender<Entry>,
    state: Arc<State>,
}

/// What can be seen of it from outside.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Records that were lost because there was no room (policy `drop`).
    pub(crate) dropped: AtomicU64,
    /// The last write failed.
    pub(crate) broken: AtomicBool,
}

impl State {
    /// So many records found no room.
    pub(crate) fn lost(&self, n: u64) {
        self.dropped.fetch_add(n, Ordering::Relaxed);
        instruments().audit_dropped.add(n, &[]);
    }
}

/// A time, as records have it.
pub(crate) fn stamp(t: DateTime<Utc>) -> String {
    t.to_rfc3339_opts(SecondsFormat::Micros, true)
}

pub(crate) fn time() -> String {
    stamp(Utc::now())
}

/// A JSON text of a string, with what could disturb a terminal or its reader (controls, marks of
/// direction, line ends of Unicode) written as escapes.
pub(crate) fn quoted(text: &str) -> String {
    let json = Value::from(text).to_string();
    if json.is_ascii() {
        // Controls are escaped already, but for DEL.
        return json.replace('\u{7f}', "\\u007f");
    }
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            c if unseen(c) => {
                out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|u| format!("\\u{u:04x}")))
            }
            c => out.push(c),
        }
    }
    out
}

/// The files of a series, oldest first.
pub fn files(dir: &Path, series: &str) -> std::io::Result<Vec<PathBuf>> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(dir)?
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| {
            let name = p.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            name.strip_prefix(series).is_some_and(|n| n.starts_with('-') && n.ends_with(".jsonl"))
        })
        .collect();
    all.sort();
    Ok(all)
}

/// The folder, for its owner alone where it is made here.
pub(super) fn folder(dir: &Path) -> std::io::Result<()> {
    let mut b = std::fs::DirBuilder::new();
    b.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut b, 0o700);
    b.create(dir)
}

pub(super) fn private(path: &Path, append: bool) -> std::io::Result<File> {
    let mut o = OpenOptions::new();
    o.create(true).read(true);
    if append {
        o.append(true);
    } else {
        o.write(true);
    }

    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut o, 0o600);
    o.open(path)
}

/// The signing key beside the files; made on the first start.
fn key(dir: &Path) -> Result<Ed25519KeyPair, String> {
    let path = dir.join("checkpoint.key");
    let wrong = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let seed = match std::fs::read(&path) {
        Ok(s) => s,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let mut seed = [0; 32];
            aws_lc_rs::rand::fill(&mut seed).map_err(|e| wrong(&e))?;
            let mut f = private(&path, false).map_err(|e| wrong(&e))?;
            f.write_all(&seed).and_then(|()| f.sync_all()).map_err(|e| wrong(&e))?;
            seed.to_vec()
        }
        Err(e) => return Err(wrong(&e)),
    };
    Ed25519KeyPair::from_seed_unchecked(&seed)
        .map_err(|_| wrong(&"this is no Ed25519 seed of 32 bytes"))
}

/// The calls that a killed process left open: the fields by which a record ends them.
fn left_open(texts: &[String]) -> Vec<String> {
    let mut open: Vec<(String, String)> = Vec::new();
    for line in texts.iter().flat_map(|t| t.lines()) {
        let Ok(v) = serde_json::from_str::<Value>(line) else { continue };
        let id = v["call"].as_str().unwrap_or_default();
        match v["event"].as_str() {
            // Whoever started after it has closed what it left.
            Some("start") => open.clear(),
            Some("call_start") => {
                let of = |k: &str| v.get(k).map(|v| format!(",\"{k}\":{v}")).unwrap_or_default();
                let more: String =
                    ["principal", "mount", "tool", "fingerprint"].iter().map(|k| of(k)).collect();
                open.push((id.to_owned(), more));
            }
            Some("call_end") => open.retain(|(o, _)| o != id),
            _ => {}
        }
    }
    open.into_iter()
        .map(|(id, more)| {
            format!(
                "\"time\":\"{}\",\"event\":\"call_end\",\"call\":{}{more},\"outcome\":\"unknown\"",
                time(),
                quoted(&id)
            )
        })
        .collect()
}

impl Log {
    /// Opens the chain where it stands, closes what a killed process left open,
    /// and starts the thread.
    pub(crate) fn open(options: Options) -> Result<Self, String> {
        let dir = options.dir.clone();
        let wrong = |e: &dyn std::fmt::Display| format!("audit.dir: {}: {e}", dir.display());
        folder(&dir).map_err(|e| wrong(&e))?;
        let lock =
            private(&dir.join(format!("{}.lock", options.series)), false).map_err(|e| wrong(&e))?;
        // Commands take turns; two servers would each write a chain that the other does not know.
        if options.series == ADMIN {
            lock.lock().map_err(|e| wrong(&e))?;
        } else if lock.try_lock().is_err() {
            return Err(wrong(&"another process writes there; give each its own folder"));
        }
        let key = key(&dir)?;
        let all = files(&dir, options.series).map_err(|e| wrong(&e))?;
        // The open calls can be in older files; since the last start they are all there
        // is to look at.
        let mut texts: Vec<String> = Vec::new();
        for path in all.iter().rev() {
            let text =
                String::from_utf8_lossy(&std::fs::read(path).map_err(|e| wrong(&e))?).into_owned();
            let started = text.contains("\"event\":\"start\"");
            texts.insert(0, text);
            if started {
                break;
            }
        }
        let (head, torn) = texts.last().map_or((None, 0), |t| tail(t));
        // A new file has no record yet: the chain goes on from the one before it.
        let head = head.or_else(|| texts.iter().rev().find_map(|t| tail(t).0)).unwrap_or_default();
        let path =
            all.last().cloned().unwrap_or_else(|| dir.join(file_name(options.series, &head)));
        let mut file = private(&path, true).map_err(|e| wrong(&e))?;
        let length = file.metadata().map_err(|e| wrong(&e))?.len();
        let mut lost = String::new();
        if torn > 0 {
            file.seek(SeekFrom::Start(length - torn as u64)).map_err(|e| wrong(&e))?;
            file.read_to_string(&mut lost).map_err(|e| wrong(&e))?;
            file.set_len(length - torn as u64).map_err(|e| wrong(&e))?;
        }
        let good = length - torn as u64;
        let (queue, entries) = mpsc::channel(QUEUE);
        let state = Arc::new(State::default());
        let mut w = AuditWriter {
            options,
            key,
            head,
            file,
            path,
            good,
            day: time()[..10].to_owned(),
            since_checkpoint: 0,
            synced: Instant::now(),
            dirty: false,
            state: state.clone(),
            told: 0,
            _lock: lock,
        };
        let mut first: Vec<Entry> =
            left_open(&texts).into_iter().map(|r| Entry::Record(Box::new(r))).collect();
        let torn = if torn > 0 { format!(",\"torn\":{}", quoted(&lost)) } else { String::new() };
        first.push(Entry::Record(Box::new(format!(
            "\"time\":\"{}\",\"event\":\"start\",\"version\":\"{}\",\"pid\":{}{torn}",
            time(),
            env!("CARGO_PKG_VERSION"),
            std::process::id()
        ))));
        // The first records show at once whether the folder can be written to.
        w.write(first).map_err(|e| wrong(&e))?;
        // Records may start work of the server's own (reading names), though nothing
        // here waits for it.
        let server = tokio::runtime::Handle::try_current().ok();
        std::thread::Builder::new()
            .name("audit".into())
            .spawn(move || {
                let _entered = server.as_ref().map(tokio::runtime::Handle::enter);
                w.run(entries);
            })
            .map_err(|e| format!("audit: {e}"))?;
        Ok(Self { queue, state })
    }

    pub(crate) fn queue(&self) -> &mpsc::Sender<Entry> {
        &self.queue
    }

    /// What can be seen of it.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Writes what is left, with a checkpoint.
    pub(crate) async fn close(&self) {
        let (tx, rx) = oneshot::channel();
        if self.queue.send(Entry::Close(tx)).await.is_ok() {
            let _ = tokio::time::timeout(Duration::from_secs(3), rx).await;
        }
    }
}

pub(super) fn file_name(series: &str, head: &Head) -> String {
    format!("{series}-{:012}.jsonl", head.seq + 1)
}
