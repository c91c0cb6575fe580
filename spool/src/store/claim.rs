//! Which files are whose. Each process that uses a directory has a lock file there, which it holds
//! locked until it ends, and the files of its results begin with the same name. So what belongs to
//! a process that has ended can be told from what another one is using.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::crypt::{FileKey, HEADER, INDEX, Master, hex, random};
use crate::disk;
use crate::error::Error;
use crate::kept::{About, read_sealed};

/// What all names begin with.
const OURS: &str = "mssqlspool-";
/// Ends the name of a lock.
const LOCK: &str = "lock";
/// Ends the name of a file that ends with its process.
const ROWS: &str = "rows";
/// Ends the name of a file that outlives its process.
pub(crate) const KEPT: &str = "kept";
/// The key, where results outlive the process.
const KEY: &str = "mssqlspool.key";

/// The part of a directory that is this process's.
#[derive(Debug)]
pub(super) struct Claim {
    directory: PathBuf,
    instance: String,
    _lock: File,
}

// === impl Claim ===

impl Claim {
    pub(super) fn new(directory: &Path) -> Result<Self, Error> {
        loop {
            let instance = hex(&random::<8>());
            let path = directory.join(format!("{OURS}{instance}.{LOCK}"));
            let lock = disk::create(&path)?;
            // Somebody who cleans up may have found it before it was locked, and has locked or
            // deleted it; then another one is made.
            match lock.try_lock() {
                Ok(()) if path.exists() => {
                    return Ok(Self { directory: directory.to_owned(), instance, _lock: lock });
                }
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(e)) => {
                    let _ = std::fs::remove_file(&path);
                    return Err(e.into());
                }
            }
        }
    }

    /// Where a file of this process is.
    pub(super) fn path(&self, id: &str) -> PathBuf {
        self.directory.join(format!("{OURS}{}-{id}.{ROWS}", self.instance))
    }

    fn lock_path(&self) -> PathBuf {
        self.directory.join(format!("{OURS}{}.{LOCK}", self.instance))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.lock_path());
    }
}

/// A name of ours: whose it is, whether it is a lock.
fn parse(name: &str) -> Option<(&str, bool)> {
    let (stem, extension) = name.strip_prefix(OURS)?.split_once('.')?;
    let (instance, id) = match stem.split_once('-') {
        Some((instance, id)) => (instance, Some(id)),
        None => (stem, None),
    };
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let lock = match (id, extension) {
        (None, LOCK) => true,
        (Some(id), ROWS | KEPT) if is_hex(id, 32) => false,
        _ => return None,
    };
    is_hex(instance, 16).then_some((instance, lock))
}

/// Files of results whose processes have ended; their locks are deleted.
pub(super) fn left_over(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let (mut locks, mut files) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some((instance, lock)) = name.to_str().and_then(parse) else { continue };
        if entry.file_type().is_ok_and(|t| t.is_file()) {
            let found = (instance.to_owned(), entry.path());
            if lock { locks.push(found) } else { files.push(found) }
        }
    }
    let mut living = Vec::new();
    for (instance, path) in locks {
        let lock = match File::open(&path) {
            Ok(lock) => lock,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            Err(e) => return Err(e.into()),
        };
        match lock.try_lock() {
            Ok(()) => drop(std::fs::remove_file(&path)),
            Err(_) => living.push(instance),
        }
    }
    // A process makes its lock before its files, and they were listed together: where a file was
    // found without a lock, the process has ended, or it has begun since.
    files.retain(|(instance, _)| {
        !living.contains(instance) && !directory.join(format!("{OURS}{instance}.{LOCK}")).exists()
    });
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// The key of a directory, which is made where it is not there.
pub(super) fn secret(directory: &Path) -> Result<[u8; 32], Error> {
    let path = directory.join(KEY);
    if !path.exists() {
        // It appears with all of its bytes, and only one of several who make it.
        let new = directory.join(format!("{KEY}.{}", hex(&random::<8>())));
        let made = disk::create(&new).and_then(|mut file| {
            file.write_all(&random::<32>())?;
            file.sync_all()?;
            match std::fs::hard_link(&new, &path) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
                _ => Ok(()),
            }
        });
        let _ = std::fs::remove_file(&new);
        made?;
    }
    let mut bytes = Vec::new();
    let file = File::open(&path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            return Err(Error::OpenDirectory);
        }
    }
    file.take(33).read_to_end(&mut bytes)?;
    bytes.try_into().map_err(|_| Error::Damaged)
}

/// What is known of a result from its file alone.
pub(super) fn read(path: &Path, master: &Master) -> Result<(File, FileKey, About), Error> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut header = [0; HEADER];
    disk::read_at(&file, &mut header, 0)?;
    let key = master.known_file(&header)?;
    let end = length.checked_sub(4).ok_or(Error::Damaged)?;
    let mut of_index = [0; 4];
    disk::read_at(&file, &mut of_index, end)?;
    let of_index = u32::from_be_bytes(of_index);
    let at = end.checked_sub(of_index.into()).ok_or(Error::Damaged)?;
    let mut index = Vec::new();
    read_sealed(&file, &key, INDEX, (at, of_index), &mut index)?;
    let mut about: About = serde_json::from_slice(&index).map_err(|_| Error::Damaged)?;
    about.file_bytes = length;
    Ok((file, key, about))
}
