//! `[tools]`: tools that are not always offered, and what all of them answer beside
//! `structuredContent`.

use crate::config::setting::{List, choice, settings};
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

settings! {
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
