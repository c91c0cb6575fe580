//! Results that are kept: the rows of a read that are too many for an answer, in an encrypted file
//! behind a handle, for whoever asked and for a while.

use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use chrono::{DateTime, SecondsFormat, Utc};
use mssql_mcp_spool::{
    Bounds, Caps, ColumnProfile, CsvOptions, Error, Format, Kept, Options, Query, Reason, Short,
    Spool, Writer,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::config::settings::results as settings;
use crate::database::Overflow;
use crate::plural::plural;
use crate::principal::Principal;

/// How the URIs of files begin.
const FILES: &str = "mssql://results/";
/// The part of an answer that tells of the columns of a result, beside it.
const PROFILE: usize = 16;
/// Result sets that are told of.
const SETS: usize = 20;
/// Characters of a value in it.
const SHORT: usize = 40;
/// Characters of a value in the first rows of what is kept.
const FIRST_CHARS: usize = 200;
/// Frequent values of a column that are told.
const TOP: usize = 3;

/// What is kept. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct KeptFiles(Arc<Store>);

#[derive(Debug)]
struct Store {
    when: settings::Spool,
    folder: PathBuf,
    bounds: Bounds,
    persist: bool,
    auto: Caps,
    asked: Caps,
    max_cell: usize,
    export_dir: Option<PathBuf>,
    csv: CsvOptions,
    /// Opened when the first result is kept, and anew where its folder has gone.
    spool: RwLock<Option<Spool>>,
}

/// Below the cache of whoever starts the server, as their system has it; where there is nobody,
/// that of services.
fn usual_folder() -> PathBuf {
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let cache = if cfg!(windows) {
        absolute("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        absolute("HOME").map(|h| h.join("Library/Caches"))
    } else {
        // XDG Base Directory Specification: a relative path is ignored.
        absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|h| h.join(".cache")))
    };
    cache.unwrap_or_else(|| PathBuf::from("/var/cache")).join("mssql-mcp").join("results")
}

/// Whose results a caller may read.
pub(crate) fn owner(mount: &str, who: Option<&Principal>) -> String {
    format!("{mount} {}", who.map(Principal::key).unwrap_or_default())
}

/// Where a result is from; it is kept with the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// The database, by the name that grants are for.
    pub(crate) name: String,
    /// As answers say it.
    pub(crate) source: Value,
}

// === impl Origin ===

impl Origin {
    /// Of a result; none where nothing is known, as of one that an earlier version kept.
    pub(crate) fn of(kept: &Kept) -> Option<Self> {
        serde_json::from_str(kept.label()).ok()
    }

    fn to_label(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

// === impl KeptFiles ===

impl Default for KeptFiles {
    /// Nothing is kept.
    fn default() -> Self {
        Self(Arc::new(Store {
            when: settings::Spool::Off,
            folder: PathBuf::new(),
            bounds: Bounds {
                bytes: 0,
                files: 0,
                owner_bytes: 0,
                owner_files: 0,
                ttl: std::time::Duration::ZERO,
            },
            persist: false,
            auto: Caps::default(),
            asked: Caps::default(),
            max_cell: 0,
            export_dir: None,
            csv: CsvOptions::default(),
            spool: RwLock::default(),
        }))
    }
}

impl KeptFiles {
    /// As configured; nothing is opened yet.
    pub(crate) fn new(c: &Config) -> Self {
        let folder = match c.get(settings::DIR) {
            "" => usual_folder(),
            folder => PathBuf::from(folder),
        };
        let caps = |rows| Caps { rows, bytes: c.get(settings::MAX_BYTES) };
        Self(Arc::new(Store {
            when: c.get(settings::SPOOL),
            folder,
            bounds: Bounds {
                bytes: c.get(settings::BYTES),
                files: c.get(settings::FILES) as usize,
                owner_bytes: c.get(settings::PRINCIPAL_BYTES),
                owner_files: c.get(settings::PRINCIPAL_FILES) as usize,
                ttl: c.get(settings::KEEP),
            },
            persist: c.get(settings::PERSIST),
            auto: caps(c.get(settings::AUTO_ROWS)),
            asked: caps(c.get(settings::MAX_ROWS)),
            max_cell: c.get(settings::MAX_CELL) as usize,
            export_dir: Some(c.get(settings::EXPORT_DIR)).filter(|d| !d.is_empty()).map(Into::into),
            csv: CsvOptions { excel_safe: c.get(settings::EXCEL_SAFE), bom: false },
            spool: RwLock::default(),
        }))
    }

    /// Whether anything is ever kept.
    pub(crate) fn is_on(&self) -> bool {
        self.0.when != settings::Spool::Off
    }

    /// Whether a call has to ask for it.
    pub(crate) fn is_auto(&self) -> bool {
        self.0.when == settings::Spool::Auto
    }

    /// Below which files may be written.
    pub(crate) fn export_dir(&self) -> Option<&PathBuf> {
        self.0.export_dir.as_ref()
    }

    /// The format of a file, by its ending.
    pub(crate) fn format(&self, ending: &str) -> Option<(Format, &'static str)> {
        Some(match ending {
            "csv" => (Format::Csv(self.0.csv), "text/csv; charset=utf-8"),
            "jsonl" => (Format::JsonLines, "application/jsonl"),
            #[cfg(feature = "parquet")]
            "parquet" => (Format::Parquet, "application/vnd.apache.parquet"),
            _ => return None,
        })
    }

    /// Endings of the formats that there are.
    pub(crate) const ENDINGS: &'static [&'static str] =
        if cfg!(feature = "parquet") { &["csv", "jsonl", "parquet"] } else { &["csv", "jsonl"] };

    /// The store that is open.
    fn opened(&self) -> Option<Spool> {
        self.0.spool.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The store, opened where it is not; one that failed is tried again.
    fn spool(&self) -> Result<Spool, Error> {
        if let Some(spool) = self.opened() {
            return Ok(spool);
        }
        let mut place = self.0.spool.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(spool) = &*place {
            return Ok(spool.clone());
        }
        let (folder, bounds) = (&self.0.folder, self.0.bounds);
        let spool = match self.0.persist {
            true => Spool::open_persistent(folder, bounds),
            false => Spool::open(folder, bounds),
        }?;
        Ok(place.insert(spool).clone())
    }

    /// Where the rows of a call go that are beyond its answer; all of them where it `asked` for a
    /// handle.
    pub(crate) fn overflow(
        &self,
        owner: String,
        asked: bool,
        origin: impl Fn() -> Origin + Send + Sync + 'static,
    ) -> Option<Overflow> {
        if !self.is_on() || !(asked || self.is_auto()) {
            return None;
        }
        let me = self.clone();
        let caps = if asked { self.0.asked } else { self.0.auto };
        let why = Arc::<OnceLock<String>>::default();
        let told = why.clone();
        let begin = move || {
            let begun = me.begin(&owner, caps);
            begun
                .inspect_err(|e| {
                    let folder = me.0.folder.display();
                    tracing::warn!(
                        "a result cannot be kept in {folder}: {e}; set results.dir, or \
                         results.spool to off"
                    );
                    let _ = told.set(e.to_string());
                })
                .ok()
        };
        Some(Overflow {
            whole: asked,
            max_cell: asked.then_some(self.0.max_cell),
            begin: Arc::new(begin),
            why,
            label: Arc::new(move || origin().to_label()),
        })
    }

    /// It may have to make a folder, and makes a file; both are short.
    fn begin(&self, owner: &str, caps: Caps) -> Result<Writer, Error> {
        let options = Options { caps, ..Options::default() };
        let spool = self.spool()?;
        match spool.create(owner, options) {
            // Somebody removed the folder, and with it all that was kept there.
            Err(Error::Io(e)) if e.kind() == ErrorKind::NotFound => {
                let mut place = self.0.spool.write().unwrap_or_else(PoisonError::into_inner);
                // Another call may have made it again meanwhile.
                if !self.0.folder.exists() {
                    *place = None;
                }
                drop(place);
                self.spool()?.create(owner, options)
            }
            begun => begun,
        }
    }

    /// The result of this handle, if it is this owner's.
    pub(crate) fn get(&self, handle: &str, owner: &str) -> Option<Arc<Kept>> {
        // Before anything was kept there is nothing to open, unless it outlived a process.
        let spool = match self.0.persist && self.is_on() {
            true => self.spool().ok(),
            false => self.opened(),
        };
        spool?.get(handle, owner)
    }

    /// Forgets what is kept no longer.
    pub(crate) fn sweep(&self) {
        if let Some(spool) = self.opened() {
            spool.sweep();
        }
    }

    /// Bytes and number of what is kept.
    pub(crate) fn usage(&self) -> (u64, usize) {
        self.opened().map_or((0, 0), |spool| spool.usage())
    }
}

/// What names a file of a result among resources.
pub(crate) fn uri(name: &str) -> String {
    format!("{FILES}{name}")
}

/// Handle and ending of such a URI.
pub(crate) fn named(uri: &str) -> Option<(&str, &str)> {
    uri.strip_prefix(FILES)?.split_once('.')
}

/// Why a file was not written.
#[derive(Debug)]
pub(crate) enum NotWritten {
    /// What is kept cannot be read so.
    Unread(Error),
    /// The folder or its disk.
    Disk(io::Error),
}

impl From<io::Error> for NotWritten {
    fn from(e: io::Error) -> Self {
        Self::Disk(e)
    }
}

/// Files of one name, beside which no further one is made.
const SAME_NAME: usize = 1000;

/// Writes a file, whole or not at all: nobody finds half of one under its name. One that is there
/// already stays as it is, and the new one has a number. Gives its path and its bytes.
pub(crate) fn write(
    folder: &Path,
    stem: &str,
    ending: &str,
    pieces: impl Iterator<Item = Result<bytes::Bytes, Error>>,
) -> Result<(PathBuf, u64), NotWritten> {
    let (mut file, part) = new_file(folder, stem, &format!("{ending}.part"))?;
    let done = write_to(&mut file, pieces).and_then(|bytes| {
        let (_, path) = new_file(folder, stem, ending)?;
        let renamed = std::fs::rename(&part, &path);
        if renamed.is_err() {
            let _ = std::fs::remove_file(&path);
        }
        renamed?;
        Ok((path, bytes))
    });
    if done.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    done
}

/// A file that was not there before.
fn new_file(folder: &Path, stem: &str, ending: &str) -> io::Result<(std::fs::File, PathBuf)> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut n = 1;
    loop {
        let number = if n == 1 { String::new() } else { format!("-{n}") };
        let path = folder.join(format!("{stem}{number}.{ending}"));
        match options.open(&path) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists && n < SAME_NAME => n += 1,
            opened => return opened.map(|file| (file, path)),
        }
    }
}

fn write_to(
    file: &mut std::fs::File,
    pieces: impl Iterator<Item = Result<bytes::Bytes, Error>>,
) -> Result<u64, NotWritten> {
    let mut bytes = 0;
    for piece in pieces {
        let piece = piece.map_err(NotWritten::Unread)?;
        file.write_all(&piece)?;
        bytes += piece.len() as u64;
    }
    file.sync_all()?;
    Ok(bytes)
}

/// What is told of a result that is kept, beside an answer of so many characters at most.
pub(crate) fn told(kept: &Kept, cut: u64, max_chars: usize) -> Value {
    let until: DateTime<Utc> = kept.until().into();
    let mut told = json!({
        "handle": kept.handle(),
        "rows": kept.total_rows(),
        "bytes": kept.bytes(),
        "complete": kept.is_complete(),
    });
    if let Some(reason) = kept.reason() {
        told["reason"] = reason.as_str().into();
        told["advice"] = advice(reason).into();
    }
    told["expires"] = until.to_rfc3339_opts(SecondsFormat::Secs, true).into();
    if cut > 0 {
        told["cut_cells"] = cut.into();
    }
    let mut left = max_chars / PROFILE;
    let sets: Vec<Value> = kept
        .sets()
        .iter()
        .take(SETS)
        .map(|set| {
            let mut columns = Vec::new();
            for (n, column) in set.columns.iter().enumerate() {
                if left == 0 {
                    break;
                }
                let mut one = json!({ "name": column.name, "type": column.sql_type });
                let profile = set.profile.as_ref().and_then(|all| all.get(n));
                if let Some(profile) = profile {
                    profiled(profile, set.rows, &mut one);
                }
                left = left.saturating_sub(one.to_string().len());
                columns.push(one);
            }
            json!({ "rows": set.rows, "columns": columns })
        })
        .collect();
    told["sets"] = sets.into();
    if kept.sets().len() > SETS {
        told["more_sets"] = (kept.sets().len() - SETS).into();
    }
    told
}

/// Whether all rows are kept, or so many of them and why, as a text beside the first ones says it.
pub(crate) fn whole(kept: &Kept) -> String {
    let rows = plural(kept.total_rows(), "row");
    match kept.reason() {
        None => format!("all {rows} are kept"),
        Some(reason) => {
            let (reason, is) = (reason.as_str(), if kept.total_rows() == 1 { "is" } else { "are" });
            format!("{rows} {is} kept, and the rest was not read ({reason})")
        }
    }
}

/// Why not all rows are there, and how to get the others.
pub(crate) fn advice(reason: Reason) -> &'static str {
    match reason {
        Reason::MaxRows | Reason::MaxBytes | Reason::MaxSets => {
            "It has the first rows. Narrow the query, or aggregate; output: handle keeps more than \
             an answer does by itself."
        }
        Reason::OwnerBytes | Reason::StoreBytes => {
            "There is no room for more; it has the first rows. Older results go by themselves."
        }
        Reason::DiskFull | Reason::DiskFailed => {
            "The server's disk takes no more; it has the first rows. The operator has to look at it."
        }
        Reason::Stopped => "It has the rows that had come by then. Narrow the query.",
    }
}

fn profiled(profile: &ColumnProfile, rows: u64, one: &mut Value) {
    if profile.nulls > 0 {
        one["nulls"] = profile.nulls.into();
    }
    if let Some(distinct) = profile.distinct {
        one["distinct"] = distinct.count.into();
        if !distinct.exact {
            one["approximate"] = true.into();
        }
    }
    let short = |s: &Short| {
        let mut text: String = s.text.chars().take(SHORT).collect();
        if s.cut || s.text.chars().nth(SHORT).is_some() {
            text.push('…');
        }
        text
    };
    for (key, end) in [("min", &profile.min), ("max", &profile.max)] {
        if let Some(end) = end {
            one[key] = short(end).into();
        }
    }
    // Where every value is another, none is frequent.
    let frequent = profile.top.iter().filter(|t| t.count > 1 && t.count < rows);
    let top: Map<String, Value> =
        frequent.take(TOP).map(|t| (short(&t.value), t.count.into())).collect();
    if !top.is_empty() {
        one["top"] = top.into();
    }
}

/// The beginning of a result.
#[derive(Debug)]
pub(crate) struct FirstRows {
    /// `results`, an array.
    pub(crate) json: Vec<u8>,
    /// Of each result set, the rows that are here and its columns.
    pub(crate) shapes: Vec<(u64, usize)>,
}

/// Result sets as they stand in an answer, with so many rows of each, and long texts shortened.
pub(crate) fn first(kept: &Arc<Kept>, rows: u64, max_chars: usize) -> Result<FirstRows, Error> {
    let (mut json, mut shapes) = (String::from("["), Vec::new());
    for (n, set) in kept.sets().iter().enumerate() {
        let query = Query { limit: rows, ..Query::default() };
        let left = max_chars.saturating_sub(json.len());
        let page = kept.page(n, &query, left)?;
        // As they were written: no digit is read and written anew.
        let rows: Vec<Vec<&RawValue>> = serde_json::from_slice(&page.json).unwrap_or_default();
        let columns: Vec<Value> =
            set.columns.iter().map(|c| json!({ "name": c.name, "type": c.sql_type })).collect();
        if n > 0 {
            json.push(',');
        }
        json += &format!("{{\"columns\":{},\"rows\":[", Value::from(columns));
        for (n, row) in rows.iter().enumerate() {
            let cells: Vec<String> = row.iter().map(|cell| shortened(cell.get())).collect();
            json += if n > 0 { ",[" } else { "[" };
            json += &cells.join(",");
            json.push(']');
        }
        json += &format!("],\"row_count\":{}}}", rows.len());
        shapes.push((rows.len() as u64, set.columns.len()));
        if json.len() > max_chars {
            break;
        }
    }
    json.push(']');
    Ok(FirstRows { json: json.into_bytes(), shapes })
}

/// A long text as its beginning, and anything else as it is.
fn shortened(cell: &str) -> String {
    let text = serde_json::from_str::<&str>(cell).map(str::to_owned);
    let text = text.or_else(|_| serde_json::from_str::<String>(cell));
    let Some(text) = text.ok().filter(|t| t.chars().nth(FIRST_CHARS).is_some()) else {
        return cell.to_owned();
    };
    let short: String = text.chars().take(FIRST_CHARS).collect();
    Value::from(format!("{short}… [{}]", plural(text.chars().count(), "character"))).to_string()
}
