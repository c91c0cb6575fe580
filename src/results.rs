//! Results that are kept: the rows of a read that are too many for an answer, in an encrypted file
//! behind a handle, for whoever asked and for a while.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, SecondsFormat, Utc};
use dashmap::DashMap;
use mssql_mcp_spool::{
    Bounds, Caps, ColumnProfile, CsvOptions, Error, Format, Kept, Options, Query, Reason, Short,
    Spool, Writer,
};
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
    /// Opened when the first result is kept; none where that failed.
    spool: OnceLock<Option<Spool>>,
    /// Where the results of this process are from, by handle.
    sources: DashMap<String, Value>,
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
            spool: OnceLock::new(),
            sources: DashMap::new(),
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
            spool: OnceLock::new(),
            sources: DashMap::new(),
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

    fn spool(&self) -> Option<&Spool> {
        let open = || {
            let (folder, bounds) = (&self.0.folder, self.0.bounds);
            let opened = match self.0.persist {
                true => Spool::open_persistent(folder, bounds),
                false => Spool::open(folder, bounds),
            };
            match opened {
                Ok(spool) => Some(spool),
                Err(e) => {
                    tracing::warn!(
                        "results cannot be kept in {}: {e}; set results.dir, or results.spool to off",
                        folder.display()
                    );
                    None
                }
            }
        };
        self.0.spool.get_or_init(|| self.is_on().then(open).flatten()).as_ref()
    }

    /// Where the rows of a call go that are beyond its answer; all of them where it `asked` for a
    /// handle.
    pub(crate) fn overflow(&self, owner: String, asked: bool) -> Option<Overflow> {
        if !self.is_on() || !(asked || self.is_auto()) {
            return None;
        }
        let me = self.clone();
        let caps = if asked { self.0.asked } else { self.0.auto };
        Some(Overflow {
            whole: asked,
            max_cell: asked.then_some(self.0.max_cell),
            begin: Arc::new(move || me.begin(&owner, caps)),
        })
    }

    /// It may have to make a folder, which is no more than the writer's thread does later.
    fn begin(&self, owner: &str, caps: Caps) -> Option<Writer> {
        let options = Options { caps, ..Options::default() };
        match self.spool()?.create(owner, options) {
            Ok(writer) => Some(writer),
            Err(e) => {
                tracing::warn!("a result cannot be kept: {e}");
                None
            }
        }
    }

    /// The result of this handle, if it is this owner's.
    pub(crate) fn get(&self, handle: &str, owner: &str) -> Option<Arc<Kept>> {
        // Before anything was kept there is nothing to open, unless it outlived a process.
        if self.0.spool.get().is_none() && !self.0.persist {
            return None;
        }
        self.spool()?.get(handle, owner)
    }

    /// Where a result is from, for whoever reads it later.
    pub(crate) fn remember(&self, kept: &Kept, source: Value) {
        self.0.sources.insert(kept.handle().to_owned(), source);
    }

    /// Where it is from; none for one that outlived its process.
    pub(crate) fn source_of(&self, kept: &Kept) -> Option<Value> {
        self.0.sources.get(kept.handle()).map(|s| s.clone())
    }

    /// Forgets what is kept no longer.
    pub(crate) fn sweep(&self) {
        if let Some(Some(spool)) = self.0.spool.get() {
            spool.sweep();
            self.0.sources.retain(|handle, _| spool.has(handle));
        }
    }

    /// Bytes and number of what is kept.
    pub(crate) fn usage(&self) -> (u64, usize) {
        match self.0.spool.get() {
            Some(Some(spool)) => spool.usage(),
            _ => (0, 0),
        }
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

/// Writes a file, whole or not at all: nobody finds half of one under its name. Gives its bytes.
pub(crate) fn write(
    path: &Path,
    pieces: impl Iterator<Item = Result<bytes::Bytes, Error>>,
) -> Result<u64, Error> {
    let part = path.with_extension("part");
    let written = write_to(&part, pieces);
    match written {
        Ok(bytes) => {
            std::fs::rename(&part, path)?;
            Ok(bytes)
        }
        Err(e) => {
            let _ = std::fs::remove_file(&part);
            Err(e)
        }
    }
}

fn write_to(
    path: &Path,
    pieces: impl Iterator<Item = Result<bytes::Bytes, Error>>,
) -> Result<u64, Error> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let (mut file, mut bytes) = (options.open(path)?, 0);
    for piece in pieces {
        let piece = piece?;
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

/// Why not all rows are there, and how to get the others.
fn advice(reason: Reason) -> &'static str {
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
