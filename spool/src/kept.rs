//! A result that is kept: what is known of it, and its chunks.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::column::{Column, Kind};
use crate::crypt::{FileKey, TAG};
use crate::disk::read_at;
use crate::error::{Error, Reason};
use crate::profile::ColumnProfile;

/// A result whose rows are in a file. Reading it blocks: the file is read and opened chunk by
/// chunk. Whoever holds one can read it to its end, even when the store has forgotten it.
#[derive(Debug)]
pub struct Kept {
    pub(crate) about: About,
    pub(crate) file: File,
    pub(crate) key: Arc<FileKey>,
    pub(crate) path: PathBuf,
}

/// All of a result but its rows.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) handle: String,
    pub(crate) owner: String,
    /// Of results that were kept before there were labels: none.
    #[serde(default)]
    pub(crate) label: String,
    /// Milliseconds of the Unix clock.
    pub(crate) created: u64,
    pub(crate) until: u64,
    pub(crate) sets: Vec<Set>,
    pub(crate) reason: Option<Reason>,
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
    pub(crate) file_bytes: u64,
}

/// A result set.
#[derive(Debug, Serialize, Deserialize)]
pub struct Set {
    /// Its columns, in the order of the values in a row.
    pub columns: Vec<Column>,
    /// Rows that are kept.
    pub rows: u64,
    /// What is in each column; none where that was not asked for.
    pub profile: Option<Vec<ColumnProfile>>,
    pub(crate) chunks: Vec<Chunk>,
}

/// Rows that are sealed together, each with a line feed behind it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Chunk {
    /// Rows of the set before it.
    pub(crate) first: u64,
    /// Where it begins in the file.
    pub(crate) at: u64,
    /// Bytes in the file.
    pub(crate) length: u32,
    /// Counted from 0 through all sets.
    pub(crate) number: u32,
}

/// Milliseconds of the Unix clock.
pub(crate) fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

// === impl Set ===

impl Set {
    pub(crate) fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: 0, profile: None, chunks: Vec::new() }
    }

    pub(crate) fn kind(&self, column: usize) -> Result<Kind, Error> {
        self.columns.get(column).map(Column::kind).ok_or(Error::NoColumn(column))
    }
}

// === impl Kept ===

impl Kept {
    /// What it is asked for by.
    pub fn handle(&self) -> &str {
        &self.about.handle
    }

    /// Who may ask for it.
    pub fn owner(&self) -> &str {
        &self.about.owner
    }

    /// What whoever wrote it said of it; it outlives the process with the result.
    pub fn label(&self) -> &str {
        &self.about.label
    }

    /// When its writing began.
    pub fn created(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.about.created)
    }

    /// Until when it is kept, unless there is need of its room.
    pub fn until(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.about.until)
    }

    /// Its result sets, in the order in which they were written.
    pub fn sets(&self) -> &[Set] {
        &self.about.sets
    }

    /// Rows of all result sets.
    pub fn total_rows(&self) -> u64 {
        self.about.sets.iter().map(|set| set.rows).sum()
    }

    /// Whether it has all rows that there were.
    pub fn is_complete(&self) -> bool {
        self.about.reason.is_none()
    }

    /// Why it has not all rows; none where it has.
    pub fn reason(&self) -> Option<Reason> {
        self.about.reason
    }

    /// SHA-256 in lower-case hexadecimal of the rows that are kept, each with a line feed behind it,
    /// through all result sets.
    pub fn sha256(&self) -> &str {
        &self.about.sha256
    }

    /// Bytes of the rows, each with a line feed behind it.
    pub fn bytes(&self) -> u64 {
        self.about.bytes
    }

    /// Bytes of its file.
    pub fn file_bytes(&self) -> u64 {
        self.about.file_bytes
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn set(&self, set: usize) -> Result<&Set, Error> {
        self.about.sets.get(set).ok_or(Error::NoSet(set))
    }

    /// Reads a chunk's rows into `rows`.
    pub(crate) fn read(&self, chunk: &Chunk, rows: &mut Vec<u8>) -> Result<(), Error> {
        read_sealed(&self.file, &self.key, chunk.number, (chunk.at, chunk.length), rows)
    }
}

/// Reads and opens what is sealed at a place of so many bytes.
pub(crate) fn read_sealed(
    file: &File,
    key: &FileKey,
    number: u32,
    (at, length): (u64, u32),
    into: &mut Vec<u8>,
) -> Result<(), Error> {
    let length = usize::try_from(length).map_err(|_| Error::Damaged)?;
    if length < TAG {
        return Err(Error::Damaged);
    }
    into.resize(length, 0);
    read_at(file, into, at).map_err(|e| match e.kind() {
        std::io::ErrorKind::UnexpectedEof => Error::Damaged,
        _ => Error::Io(e),
    })?;
    key.open(number, into)
}
