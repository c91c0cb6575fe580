//! `[limits]`: what one call, one principal and one network may cost. All of it reloads.

use crate::config::setting::{Duration, DurationOrNone, Int, choice, settings};

choice! {
    /// The form of rows.
    pub enum RowsText {
        /// Arrays of values.
        Json = "json",
        /// RFC 4180: fewer tokens.
        Csv = "csv",
    }
}

settings! {
    QUERY_TIMEOUT: Duration = "limits.query_timeout", ["MSSQL_QUERY_TIMEOUT"], "45s", live,
        "a call's deadline";
    LOCK_TIMEOUT: DurationOrNone = "limits.lock_timeout", [], "10s", live,
        "how long a statement waits for a lock (SQL Server error 1222)";
    MAX_ROWS: Int<1, 10_000_000> = "limits.max_rows", [], "1000", live,
        "rows in one answer; a caller may ask for fewer";
    MAX_CHARS: Int<1000, { 1 << 31 }> = "limits.max_chars", [], "100000", live,
        "characters of one answer's text, as the client gets it (JSON or CSV); a long cell is \
         cut, other rows are left out";
    MAX_CELL: Int<16, 100_000_000> = "limits.max_cell", [], "20000", live,
        "characters of one text or binary value; the rest is cut, and the answer says so";
    TEXT: RowsText = "limits.text", [], "json", live,
        "the form of rows, in the text and in structuredContent: json or csv (fewer tokens)";
    PEER_REQUESTS: Int<1, 1_000_000> = "limits.peer_requests", [], "1200", live,
        "HTTP requests of one network (IPv6: /64) in a minute, where sign-in is on";
    CALLS: Int<1, 1_000_000> = "limits.calls", [], "300", live,
        "calls of one principal in a minute of the tools that read or change rows; the person at \
         this machine is not counted";
    CATALOG_CALLS: Int<1, 1_000_000> = "limits.catalog_calls", [], "600", live,
        "likewise, of those that look at the catalog alone";
    CONCURRENT_CALLS: Int<1, 100_000> = "limits.concurrent_calls", [], "16", live,
        "calls of one principal at once";
    ROWS_PER_HOUR: Int<1, 4_000_000_000> = "limits.rows_per_hour", [], "5000000", live,
        "rows that one principal gets in an hour";
    BYTES_PER_HOUR: Int<1024, 4_000_000_000_000> = "limits.bytes_per_hour", [], "2000000000", live,
        "bytes of results that one principal gets in an hour";
    MAX_REQUEST: Int<1024, { 1 << 30 }> = "limits.max_request", [], "4194304", live,
        "bytes in one request or line";
}
