//! `[results]`: results that are too large for an answer, kept for a while behind a handle.

use crate::config::setting::{Duration, Int, Path, choice, settings};
use crate::config::{Config, file};

choice! {
    /// When rows beyond an answer are kept.
    pub enum Spool {
        /// When there are more than an answer holds, or a call asks for it.
        Auto = "auto",
        /// When a call asks for it.
        Asked = "asked",
        Off = "off",
    }
}

settings! {
    SPOOL: Spool = "results.spool", [], "auto", restart,
        "keep the rows of a read that are more than an answer holds, behind a handle for get_result: \
         auto; asked, only where a call says output: handle; off";
    DIR: Path = "results.dir", [], "", restart,
        "folder of the encrypted files; empty for mssql-mcp/results in the user's cache";
    KEEP: Duration = "results.keep", [], "1h", restart,
        "how long a result is kept, unless there is need of its room";
    AUTO_ROWS: Int<1, 1_000_000_000> = "results.auto_rows", [], "100000", restart,
        "rows of a result that nobody asked to keep: then the query stops";
    MAX_ROWS: Int<1, 1_000_000_000> = "results.max_rows", [], "1000000", restart,
        "rows of a result that a call asked to keep";
    MAX_BYTES: Int<65_536, 1_000_000_000_000> = "results.max_bytes", [], "200000000", restart,
        "bytes of the rows of one result";
    MAX_CELL: Int<1000, 100_000_000> = "results.max_cell", [], "1000000", restart,
        "characters of one value in a result that a call asked to keep; the rest is cut, and the \
         answer says so";
    BYTES: Int<1_000_000, 1_000_000_000_000_000> = "results.bytes", [], "4000000000", restart,
        "bytes of all files; the oldest go";
    FILES: Int<1, 1_000_000> = "results.files", [], "1000", restart,
        "results in all";
    PRINCIPAL_BYTES: Int<1_000_000, 1_000_000_000_000_000> =
        "results.principal_bytes", [], "1000000000", restart,
        "bytes of the files of one principal; the oldest go";
    PRINCIPAL_FILES: Int<1, 100_000> = "results.principal_files", [], "20", restart,
        "results of one principal";
    PERSIST: bool = "results.persist", [], "no", restart,
        "results outlive the process, with a key in a file beside them (mode 0600)";
    EXPORT_DIR: Path = "results.export_dir", [], "", restart,
        "folder below which get_result may write files (output: file); empty for nowhere";
    EXCEL_SAFE: bool = "results.excel_safe", [], "no", restart,
        "in CSV files, an apostrophe before texts that a spreadsheet would take for formulas";
}

pub(super) fn check(config: &Config, errors: &mut Vec<String>) {
    let folder = config.get(EXPORT_DIR);
    if !folder.is_empty() && !std::path::Path::new(folder).is_dir() {
        errors.push(format!(
            "{}: there is no such folder{}",
            config.place(EXPORT_DIR),
            file::shown_path(folder)
        ));
    }
    if config.get(AUTO_ROWS) > config.get(MAX_ROWS) {
        errors.push(format!("{}: it is more than results.max_rows", config.place(AUTO_ROWS)));
    }
}
