//! `config --from`: a connection string as the TOML that says the same.

use std::fmt::Write as _;
use std::io::Read as _;

use mssql_mcp_connection_string::{ConnectionString, is_secret, keywords};

use super::Failed;

/// The text of an argument; of `-`, all of stdin, so that it is in no process list.
pub(super) fn given(text: &str) -> Result<String, Failed> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let mut all = String::new();
    let read = std::io::stdin().take(64 << 10).read_to_string(&mut all);
    read.map_err(|e| Failed::from(format!("stdin: {e}")))?;
    Ok(all.trim().to_owned())
}

/// As TOML, with files in the places of secrets, and with what was ignored.
pub(super) fn as_toml(text: &str) -> Result<String, Failed> {
    let read = ConnectionString::read(text).map_err(|problems| {
        let lines: Vec<String> = problems.0.iter().map(|p| format!("  - {p}")).collect();
        let message = format!("the connection string cannot be used:\n{}", lines.join("\n"));
        Failed { message, status: 2 }
    })?;
    let mut out = format!("# From a connection string of {}'s form.\n", read.form);
    for note in &read.notes {
        let _ = writeln!(out, "# {}: {}", note.keyword, note.what);
    }
    let mut section = "";
    let mut settings = read.settings;
    // Sections in the order in which they came, each once.
    let sections: Vec<String> = settings.iter().map(|(k, _)| section_of(k).to_owned()).collect();
    let rank = |k: &str| sections.iter().position(|s| s == section_of(k));
    settings.sort_by_key(|(k, _)| rank(k));
    for (key, value) in settings {
        let Some((of, name)) = key.split_once('.') else { continue };
        if of != section {
            let _ = writeln!(out, "\n[{of}]");
            section = of;
        }
        let _ = match is_secret(key) {
            true => writeln!(
                out,
                "# Write it there, readable for the server alone; it is not printed.\n\
                 {name}_file = \"/etc/mssql-mcp/{name}\""
            ),
            false => writeln!(out, "{name} = {}", as_value(&value)),
        };
    }
    Ok(out)
}

fn section_of(key: &str) -> &str {
    key.split('.').next().unwrap_or_default()
}

/// Numbers and yes or no as TOML has them, and else a text.
fn as_value(text: &str) -> toml::Value {
    match text {
        "yes" => true.into(),
        "no" => false.into(),
        _ => text.parse::<i64>().map_or_else(|_| text.into(), toml::Value::from),
    }
}

/// `docs/connection-strings.md`.
pub(super) fn keywords_as_markdown() -> String {
    let mut out = String::from(
        "# Keywords of connection strings\n\n\
         What `database.connection` (`MSSQL_CONNECTION_STRING`), `mssql-mcp doctor --connection` and \
         `mssql-mcp config --from` make of each; printed by `mssql-mcp config --keywords`. Case does \
         not matter. A keyword that is not here is an error in ADO.NET's form, and a note in the \
         others. Forms, quoting and ways to log in: [logins.md](logins.md).\n\n\
         | keyword | | what becomes of it |\n|---|---|---|\n",
    );
    for k in keywords() {
        let spellings: Vec<String> = k.spellings.iter().map(|s| format!("`{s}`")).collect();
        let what = k.what.replace('|', "\\|");
        let _ = writeln!(out, "| {} | {} | {what} |", spellings.join(", "), k.treatment);
    }
    out
}
