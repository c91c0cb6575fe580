//! A file's text exchanged as a whole: what is read there is the old text or the new one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Reads a client's file: `None` where there is none.
///
/// # Errors
/// In words, with what to do.
pub fn read(file: &Path) -> Result<Option<String>, String> {
    // A device or a pipe would be read for ever, or be replaced.
    if fs::metadata(file).is_ok_and(|m| !m.is_file()) {
        return Err("it is no regular file; it is left as it is".to_owned());
    }
    match fs::read(file) {
        Ok(bytes) => String::from_utf8(bytes)
            .map(Some)
            .map_err(|_| "the file is not UTF-8; it is left as it is".to_owned()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(format!("cannot be read: {e}")),
    }
}

/// Puts `new` into the place of `former`, which was read before (`None`: there was no file). A link
/// is followed, so that the file behind it changes. The former text is kept beside it, with
/// `.bak-STAMP` behind its name and the same mode; mode and owner stay. Folders that are made are
/// for this person alone (0700), and so is a new file (0600).
///
/// # Errors
/// In words, with what to do. Nothing has changed then, but that a copy may have been made.
pub fn write(file: &Path, former: Option<&str>, new: &str, stamp: &str) -> Result<(), String> {
    let target = target(file)?;
    let folder = target.parent().ok_or("the file has no folder")?;
    let failed = |what: &str| {
        let what = what.to_owned();
        move |e: io::Error| format!("{what}: {e}; the file is left as it is")
    };
    let meta = match former {
        None => {
            make_folders(folder).map_err(failed("its folder cannot be made"))?;
            None
        }
        Some(_) => Some(fs::metadata(&target).map_err(failed("cannot be looked at"))?),
    };
    if meta.as_ref().is_some_and(|m| m.permissions().readonly()) {
        return Err("the file is read-only; make it writable, it is left as it is".to_owned());
    }
    if let (Some(text), Some(meta)) = (former, &meta) {
        let kept = beside(&target, |name| format!("{name}.bak-{stamp}"));
        match filled(&kept, text, Some(meta)) {
            // Of the same second: it has what was there before the first change.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            other => other.map_err(failed("no copy of it can be made"))?,
        }
    }
    let process = std::process::id();
    let temporary = beside(&target, |name| format!(".{name}.{process}.tmp"));
    filled(&temporary, new, meta.as_ref()).map_err(failed("nothing can be written beside it"))?;
    let exchanged = exchange(&target, &temporary, former);
    if exchanged.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    exchanged?;
    // The name is on the disk once the folder is; not every system has that.
    let _ = File::open(folder).and_then(|f| f.sync_all());
    Ok(())
}

/// The last look, then the exchange.
fn exchange(target: &Path, temporary: &Path, former: Option<&str>) -> Result<(), String> {
    if read(target)?.as_deref() != former {
        return Err("the file has changed meanwhile; it is left as it is, run this again".into());
    }
    fs::rename(temporary, target)
        .map_err(|e| format!("cannot be exchanged: {e}; the file is left as it is"))
}

/// The file behind a link.
fn target(file: &Path) -> Result<PathBuf, String> {
    match fs::symlink_metadata(file) {
        Ok(meta) if meta.is_symlink() => fs::canonicalize(file).map_err(|e| {
            format!("it is a link to what is not there ({e}); mend the link, or remove it")
        }),
        _ => Ok(file.to_owned()),
    }
}

fn beside(file: &Path, name: impl Fn(&str) -> String) -> PathBuf {
    let own = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    file.with_file_name(name(&own))
}

/// Makes a file that was not there, on the disk and not only in memory.
fn filled(file: &Path, text: &str, like: Option<&fs::Metadata>) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut made = options.open(file)?;
    let mut fill = || {
        made.write_all(text.as_bytes())?;
        if let Some(like) = like {
            owned_like(&made, like)?;
            made.set_permissions(like.permissions())?;
        }
        made.sync_all()
    };
    fill().inspect_err(|_| {
        let _ = fs::remove_file(file);
    })
}

#[cfg(unix)]
fn owned_like(file: &File, like: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let own = file.metadata()?;
    match (own.uid(), own.gid()) == (like.uid(), like.gid()) {
        true => Ok(()),
        false => fchown(file, Some(like.uid()), Some(like.gid())),
    }
}

#[cfg(not(unix))]
fn owned_like(_: &File, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

fn make_folders(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
