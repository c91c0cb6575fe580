//! `[tools]`: tools that are not always offered, and what all of them answer beside
//! `structuredContent`.

use crate::config::setting::{Int, List, Path, choice, settings};
use crate::config::{Config, quoted};

choice! {
    /// The text block of an answer that has `structuredContent` too.
    pub enum TextBlock {
        /// It says the same.
        Same = "same",
        /// A line that says how much `structuredContent` has.
        Brief = "brief",
    }
}

choice! {
    /// Whose results are shown in pages (MCP Apps).
    pub enum Apps {
        /// Those of clients that say that they show them.
        Auto = "auto",
        /// Everybody's: for hosts that show them without saying so.
        Always = "always",
        /// Nobody's.
        Never = "never",
    }
}

settings! {
    APPS: Apps = "tools.apps", [], "auto", live,
        "show results and tables in pages (MCP Apps): auto, to clients that declare \
         io.modelcontextprotocol/ui; always, to all; never";
    VIEW_LINKS: bool = "tools.view_links", [], "no", live,
        "an answer over HTTP that is cut names a page with the rest, /view/HANDLE, for people whose \
         client shows none; it is behind sign-in";
    FILE: Path = "tools.file", [], "", live,
        "TOML file with tools of one's own ([[tool]]), beside those of the configuration";
    ENABLED: List = "tools.enabled", [], "", live,
        "the tools that are offered, by name, custom for all of one's own; empty for all: without \
         execute_sql nobody runs SQL of theirs";
    MAX_OWN: Int<0, 10_000> = "tools.max_own", [], "50", live,
        "tools of one's own at most; every conversation pays for each";
    SEARCH: bool = "tools.search", [], "no", restart,
        "offer search and fetch, by which ChatGPT (deep research, company knowledge) finds and \
         reads";
    SEARCH_ROWS: List = "tools.search_rows", [], "", restart,
        "text columns whose rows search looks through, as schema.table.column; their tables need \
         a primary key";
    TEXT_BLOCK: TextBlock = "tools.text_block", [], "same", live,
        "what the text block of an answer holds: the same as structuredContent, or brief, one line \
         that counts what is there, for clients that show both; search and fetch, and clients \
         older than structuredContent, have the same always";
}

pub(super) fn check(config: &Config, errors: &mut Vec<String>) {
    for column in config
        .get(SEARCH_ROWS)
        .iter()
        .filter(|c| mssql_mcp_sql::quote::split(c).is_none_or(|parts| parts.len() != 3))
    {
        errors.push(format!(
            "{}: {} is not schema.table.column",
            config.place(SEARCH_ROWS),
            quoted(column)
        ));
    }
}
