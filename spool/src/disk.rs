//! A file that only its owner reads, written at its end and read anywhere.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use crate::error::Error;

/// A file that chunks are appended to.
#[derive(Debug)]
pub(crate) struct Disk {
    file: File,
    /// Bytes that are written whole.
    length: u64,
    #[cfg(test)]
    pub(crate) room: Option<u64>,
}

/// A new file of mode 0600; it must not be there yet.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The directory with all above it, of mode 0700 where it is new. One that others may enter is
/// refused rather than closed to them: it may be theirs as well.
pub(crate) fn directory(path: &Path) -> Result<(), Error> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if std::fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
            return Err(Error::OpenDirectory);
        }
    }
    Ok(())
}

/// Fills `bytes` from a place in the file, wherever others read.
pub(crate) fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_exact_at(file, bytes, at);
    #[cfg(windows)]
    {
        let mut done = 0;
        while done < bytes.len() {
            let n = std::os::windows::fs::FileExt::seek_read(
                file,
                &mut bytes[done..],
                at + done as u64,
            )?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            done += n;
        }
        Ok(())
    }
}

// === impl Disk ===

impl Disk {
    pub(crate) fn new(file: File) -> Self {
        Self {
            file,
            length: 0,
            #[cfg(test)]
            room: None,
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    /// Appends all of it, or nothing.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        if let Some(room) = self.room
            && room < self.length + bytes.len() as u64
        {
            let part = usize::try_from(room.saturating_sub(self.length)).unwrap_or(0);
            self.file.write_all(&bytes[..part])?;
            self.cut()?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        if let Err(e) = self.file.write_all(bytes) {
            // The other error is the one to tell of; what is behind the length is not read.
            let _ = self.cut();
            return Err(e);
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn cut(&mut self) -> io::Result<()> {
        use std::io::Seek as _;
        self.file.set_len(self.length)?;
        self.file.seek(io::SeekFrom::Start(self.length)).map(drop)
    }

    pub(crate) fn into_file(self) -> File {
        self.file
    }
}
