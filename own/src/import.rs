//! What was written for dbhub or MCP Toolbox, as ours, and a report of what became of each part.

mod convert;
mod dbhub;
mod dialect;
mod draft;
mod foreign;
mod placeholders;
mod source;
mod template;
mod toolbox;
mod write;
mod yaml;

use std::fmt;

use serde_json::Value;

use crate::read::line_of;
use convert::Drafts;

/// A longer file was not written by hand.
const LONGEST: usize = 4 << 20;

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// `[[server]]`, `[[database]]` and `[[tool]]`, to be read before they are used.
    pub toml: String,
    /// What was taken, changed and refused.
    pub report: Vec<Line>,
}

/// A line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What became of it.
    pub kind: LineKind,
    /// The tool, as the file calls it; or another part of the file, such as `source shop`.
    pub tool: String,
    /// In words. No secret is repeated.
    pub what: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            LineKind::Taken => "taken",
            LineKind::Changed => "changed",
            LineKind::Refused => "refused",
        };
        write!(f, "{kind}: {}: {}", self.tool, self.what)
    }
}

/// What became of a part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// It is in the TOML.
    Taken,
    /// Something of it is other than it was, or has to be done by hand.
    Changed,
    /// It is not in the TOML.
    Refused,
}

/// Reads a file of dbhub's (TOML) or MCP Toolbox's (YAML, of either form). What its name ends in
/// says which it is; of any other name, whether it is TOML. No tool may have a name that is taken.
pub fn import(text: &str, file: &str, taken: &[&str]) -> Imported {
    let mut drafts = Drafts::without(taken);
    if let Err(why) = read(text, file, &mut drafts) {
        drafts.line(LineKind::Refused, file, why);
    }
    drafts.finish(file)
}

fn read(text: &str, file: &str, drafts: &mut Drafts) -> Result<(), String> {
    if text.len() > LONGEST {
        return Err(format!("has {} bytes, and at most {LONGEST} are read", text.len()));
    }
    let ends = |ending: &str| file.to_ascii_lowercase().ends_with(ending);
    let yaml = ends(".yaml") || ends(".yml");
    match text.parse::<toml::Table>() {
        Ok(table) if !yaml => {
            // What TOML has and JSON has not is a date, and neither has one.
            let file = serde_json::to_value(table).map_err(|e| e.to_string())?;
            dbhub::read(&file, drafts);
        }
        Err(e) if ends(".toml") => {
            return Err(format!("is no TOML: line {}: {}", line_of(text, &e), e.message()));
        }
        _ => {
            for document in yaml::documents(text)? {
                toolbox::read(&document, drafts);
            }
        }
    }
    drafts.end_of_file();
    Ok(())
}

/// A text of a member.
fn text_of(of: &Value, key: &str) -> Option<String> {
    match of.get(key)? {
        Value::String(s) => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        _ => None,
    }
}

/// The items of a list, or nothing.
fn items<'v>(of: &'v Value, key: &str) -> &'v [Value] {
    of.get(key).and_then(Value::as_array).map_or(&[], |all| all)
}

/// Does a text want a variable of the environment?
fn is_variable(text: &str) -> bool {
    text.contains("${")
}

/// The members that nobody asked for.
fn others(of: &Value, known: &[&str]) -> Vec<String> {
    let keys = of.as_object().into_iter().flatten().map(|(k, _)| k.clone());
    keys.filter(|k| !known.contains(&k.as_str())).collect()
}
