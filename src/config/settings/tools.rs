//! `[tools]`: tools that are not always offered.

use crate::config::setting::{List, settings};
use crate::config::{Config, quoted};

settings! {
    SEARCH: bool = "tools.search", [], "no", restart,
        "offer search and fetch, by which ChatGPT (deep research, company knowledge) finds and \
         reads";
    SEARCH_ROWS: List = "tools.search_rows", [], "", restart,
        "text columns whose rows search looks through, as schema.table.column; their tables need \
         a primary key";
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
