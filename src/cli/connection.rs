//! `config --from`: a connection string as the TOML that says the same.

use std::fmt::Write as _;
use std::io::Read as _;

use mssql_mcp_connection_string::{ConnectionString, keywords};

use super::Failed;
use crate::config::setting::{ValueKind, parse_bool};
use crate::config::settings;

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

/// What a string says, or why it cannot be used.
pub(super) fn read(text: &str) -> Result<ConnectionString, Failed> {
    ConnectionString::read(text).map_err(|problems| {
        let lines: Vec<String> = problems.0.iter().map(|p| format!("  - {p}")).collect();
        let message = format!("the connection string cannot be used:\n{}", lines.join("\n"));
        Failed { message, status: 2 }
    })
}

/// As TOML, with files in the places of secrets, and with what was ignored.
pub(super) fn as_toml(text: &str) -> Result<String, Failed> {
    let read = read(text)?;
    let mut out = format!("# From a connection string of {}'s form.\n", read.form);
    for note in &read.notes {
        let _ = writeln!(out, "# {}: {}", note.keyword, note.what);
    }
    let note = "# Write it there, readable for the server alone; it is not printed.\n";
    let path = |key: &str| format!("/etc/mssql-mcp/{}", key.rsplit('.').next().unwrap_or(key));
    Ok(out + &toml_of(read.settings, note, path))
}

/// Whether a setting's value is never shown, and has a file of its own.
pub(super) fn is_secret(key: &str) -> bool {
    settings::find(key).is_some_and(|s| s.kind == ValueKind::Secret)
}

/// Settings as TOML. A secret is the `path` of a file, by the setting's key, behind a `note`.
pub(super) fn toml_of(
    mut settings: Vec<(&'static str, String)>,
    note: &str,
    path: impl Fn(&str) -> String,
) -> String {
    let (mut out, mut section) = (String::new(), "");
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
            true => writeln!(out, "{note}{name}_file = {}", toml::Value::from(path(key))),
            false => writeln!(out, "{name} = {}", as_value(key, &value)),
        };
    }
    out
}

fn section_of(key: &str) -> &str {
    key.split('.').next().unwrap_or_default()
}

/// As TOML has values of the setting's kind; what is none of it stays a text.
fn as_value(key: &str, text: &str) -> toml::Value {
    let plain = || toml::Value::from(text);
    match settings::find(key).map(|s| s.kind) {
        Some(ValueKind::Bool) => parse_bool(text).map_or_else(plain, toml::Value::from),
        Some(ValueKind::Int(..)) => text.parse::<i64>().map_or_else(|_| plain(), toml::Value::from),
        _ => plain(),
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
