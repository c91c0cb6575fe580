//! What can go wrong, and why a result is not whole.

use std::{fmt, io};

use serde::{Deserialize, Serialize};

/// Why something was not done.
#[derive(Debug)]
pub enum Error {
    /// A row is no JSON array of as many values as there are columns, in UTF-8 and without blanks
    /// between them; or no result set has begun. It was not taken.
    Row,
    /// There is no result set of this number.
    NoSet(usize),
    /// The result set has no column of this number.
    NoColumn(usize),
    /// A value that a column of this number cannot be compared with.
    Value {
        /// The column.
        column: usize,
        /// What it was to be compared with.
        value: String,
    },
    /// A sum or an average of a column that has no numbers.
    NoNumbers(usize),
    /// More columns to group by than two.
    Groups,
    /// Reading was stopped.
    Stopped,
    /// The file is not what was written: it was changed, or cut.
    Damaged,
    /// The owner has as many results as it may, or as many bytes of them, and none can go.
    OwnerFiles,
    /// There are as many results as there may be, or as many bytes of them, and none can go.
    Files,
    /// A directory that others than its owner may enter or read, or a key in it that they may.
    OpenDirectory,
    /// The thread that writes has ended early.
    Gone,
    /// A row cannot be written in the wanted format.
    Format(String),
    /// The file system.
    Io(io::Error),
}

/// Why a result has not all of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// As many rows as one result may have.
    MaxRows,
    /// As many bytes of rows as one result may have.
    MaxBytes,
    /// As many result sets as one result may have, or as many columns as one of them may.
    MaxSets,
    /// The owner's results have as many bytes as they may, and none of them can go.
    OwnerBytes,
    /// All results have as many bytes as they may, and none of them can go.
    StoreBytes,
    /// The disk is full, or a quota of it.
    DiskFull,
    /// The disk failed otherwise.
    DiskFailed,
    /// Whoever wrote it stopped.
    Stopped,
}

// === impl Error ===

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row => f.write_str("not a row of this result set"),
            Self::NoSet(n) => write!(f, "there is no result set {n}"),
            Self::NoColumn(n) => write!(f, "there is no column {n}"),
            Self::Value { column, value } => {
                write!(f, "column {column} cannot be compared with {value:?}")
            }
            Self::NoNumbers(n) => write!(f, "column {n} has no numbers to add up"),
            Self::Groups => f.write_str("at most two columns to group by"),
            Self::Stopped => f.write_str("reading was stopped"),
            Self::Damaged => f.write_str("the kept result is damaged"),
            Self::OwnerFiles => f.write_str("the owner keeps as many results as it may"),
            Self::Files => f.write_str("as many results are kept as may be"),
            Self::OpenDirectory => {
                f.write_str("the directory, or the key in it, is open to others than its owner")
            }
            Self::Gone => f.write_str("the result is written no longer"),
            Self::Format(why) => write!(f, "a row cannot be written: {why}"),
            Self::Io(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(e) => Some(e),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(e: io::Error) -> Self {
        Self::Io(e)
    }
}

// === impl Reason ===

impl Reason {
    /// For clients and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MaxRows => "max_rows",
            Self::MaxBytes => "max_bytes",
            Self::MaxSets => "max_sets",
            Self::OwnerBytes => "owner_bytes",
            Self::StoreBytes => "store_bytes",
            Self::DiskFull => "disk_full",
            Self::DiskFailed => "disk_failed",
            Self::Stopped => "stopped",
        }
    }

    pub(crate) fn of_disk(e: &io::Error) -> Self {
        use io::ErrorKind as K;
        match e.kind() {
            K::StorageFull | K::QuotaExceeded | K::FileTooLarge | K::WriteZero => Self::DiskFull,
            _ => Self::DiskFailed,
        }
    }
}
