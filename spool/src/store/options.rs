//! What a store and its results are made with.

use std::time::{Duration, SystemTime};

use crate::writer::Caps;

/// How much is kept, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes of all files.
    pub bytes: u64,
    /// Files in all, with those that are being written.
    pub files: usize,
    /// Bytes of one owner's files.
    pub owner_bytes: u64,
    /// Files of one owner, with those that are being written.
    pub owner_files: usize,
    /// How long a result is kept from when it is whole.
    pub ttl: Duration,
}

/// What a new result is written with.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How much of it is kept.
    pub caps: Caps,
    /// How long it is kept; the store's time where there is none.
    pub ttl: Option<Duration>,
    /// Whether it is found out what is in its columns.
    pub profile: bool,
    /// Bytes of rows that are sealed together, and read together later; a row that is longer has a
    /// chunk of its own. About four chunks are in memory while a result is written, and one while
    /// it is read.
    pub chunk_bytes: usize,
}

/// A kept result, as its owner sees it in a list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// What it is asked for by.
    pub handle: String,
    /// Rows over all result sets.
    pub rows: u64,
    /// Bytes of its file.
    pub bytes: u64,
    /// Whether it has all rows that there were.
    pub complete: bool,
    /// When its writing began.
    pub created: SystemTime,
    /// How long it is kept from now on.
    pub left: Duration,
}

// === impl Options ===

impl Default for Options {
    /// All of it, for as long as the store says, with a profile, in chunks of 256 KiB.
    fn default() -> Self {
        Self { caps: Caps::default(), ttl: None, profile: true, chunk_bytes: 256 << 10 }
    }
}
