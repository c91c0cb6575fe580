//! What becomes of the text of a client's file.

use std::fmt;

use serde_json::Value;

use crate::client::{Client, Expansion, Format};
use crate::entry::{Entry, VEIL, may_not_be_shown};
use crate::launch::{self, is_ours};
use crate::shape::is_env;
use crate::splice::Splices;
use crate::{json_file, toml_file};

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// The entry is there afterwards. `force` takes the place of an entry that is not ours.
    Set {
        /// What is written.
        entry: &'a Entry,
        /// Whether another's entry of that name is replaced.
        force: bool,
        /// Whether a variable may have a secret as its value.
        plaintext: bool,
    },
    /// No entry of that name is there afterwards. `force` removes one that is not ours, such as
    /// an address.
    Remove {
        /// Whether another's entry of that name is removed.
        force: bool,
    },
}

/// How a file changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is as it is wanted.
    Unchanged,
    /// The entry is new.
    Added,
    /// An entry was there, and is another now.
    Updated,
    /// An entry of that name is there that is not ours: the text is what `force` would write.
    Foreign,
    /// The entry is gone.
    Removed,
}

/// What to do with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What happens.
    pub outcome: Outcome,
    /// The file's new text; `None` where it stays as it is.
    pub text: Option<String>,
}

/// What stands under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Absent,
    /// An entry that starts this program.
    Ours,
    /// Another's, or an address.
    Other,
}

// === impl State ===

impl State {
    /// Of an entry, if there is one, by whether it is ours.
    pub(crate) fn of(entry_is_ours: Option<bool>) -> Self {
        match entry_is_ours {
            None => State::Absent,
            Some(true) => State::Ours,
            Some(false) => State::Other,
        }
    }
}

/// Why a file is left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The file cannot be read as what it is.
    Broken {
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// What has to be a map is something else.
    NoMap {
        /// The key of it; empty for the file as a whole.
        key: String,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
    },
    /// What has to be a list is something else.
    NoList {
        /// The key of it.
        key: String,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
    },
    /// The entry is written in a way that cannot be changed in its place.
    Scattered(String),
    /// The name has a character that a client might not take.
    Name,
    /// A secret was given as a value: where.
    Secret(String),
    /// The address is no http or https URL.
    Address,
    /// This client knows no addresses.
    NoAddresses(&'static str),
    /// This client's file is for a person to edit.
    Printed(&'static str),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Broken { line, column, what } => write!(
                f,
                "line {line}, column {column}: {what}; mend the file first, it is left as it is"
            ),
            Problem::NoMap { key, line, column } if key.is_empty() => {
                write!(f, "line {line}, column {column}: the file has to hold an object")
            }
            Problem::NoMap { key, line, column } => write!(
                f,
                "line {line}, column {column}: \"{key}\" has to be a map of servers by their names"
            ),
            Problem::NoList { key, line, column } => {
                write!(f, "line {line}, column {column}: \"{key}\" has to be a list")
            }
            Problem::Scattered(key) => write!(
                f,
                "{key} is not written as a table of its own; make it one, or remove it by hand"
            ),
            Problem::Name => {
                f.write_str("a name has letters, digits, - and _, and at most 64 of them")
            }
            Problem::Secret(place) => write!(
                f,
                "{place} would put a secret into the client's file; put it into a file that only \
                 you can read, and give MSSQL_PASSWORD_FILE (or NAME_FILE for another variable); \
                 VS Code and Visual Studio ask for it with NAME=${{input:ID}}"
            ),
            Problem::Address => {
                f.write_str("an address begins with https:// or http:// and has a host")
            }
            Problem::NoAddresses(name) => write!(
                f,
                "{name} starts programs and takes no addresses; leave --url out, or add the \
                 address as a connector in its settings"
            ),
            Problem::Printed(name) => write!(
                f,
                "{name} keeps YAML, which would lose its comments; --print shows the block to paste"
            ),
        }
    }
}

impl std::error::Error for Problem {}

/// The mark that some editors write at the beginning of UTF-8.
const MARK: &str = "\u{feff}";

/// What becomes of a client's file, whose text is `text` (`None`: there is none), so that `change`
/// holds for the entry `name`. Every byte outside of that entry stays; a text that has the entry
/// added and then removed is as it was before. A file without any content is as none: what is
/// left of it is an empty map.
///
/// # Errors
/// A [`Problem`], with which nothing is to be written.
pub fn plan(
    client: &Client,
    text: Option<&str>,
    name: &str,
    change: &Change<'_>,
) -> Result<Plan, Problem> {
    checked_name(name)?;
    let wanted = match change {
        Change::Set { entry, plaintext, .. } => {
            match plaintext {
                true => entry.veiled(client).check(client)?,
                false => entry.check(client)?,
            }
            Some(entry.value(client, name)?)
        }
        Change::Remove { .. } => None,
    };
    let (Change::Set { force, .. } | Change::Remove { force }) = change;
    let asks = client.expansion == Expansion::Input;
    let (mark, body) = unmarked(text);
    let mut plan = match client.format {
        Format::Json => json_file::plan(client.key, body, name, wanted.as_ref(), *force, asks),
        Format::Toml => toml_file::plan(client.key, body, name, wanted.as_ref(), *force),
        Format::Printed => Err(Problem::Printed(client.name)),
    }?;
    plan.text = plan.text.map(|t| format!("{mark}{t}"));
    Ok(plan)
}

/// What stands under `name` in a client's file.
///
/// # Errors
/// As of [`plan`].
pub fn state(client: &Client, text: Option<&str>, name: &str) -> Result<State, Problem> {
    Ok(State::of(there(client, text, name)?.map(|e| is_ours(&e))))
}

/// The names of the variables that our entry has in a client's file; none where it is another's.
///
/// # Errors
/// As of [`plan`].
pub fn variables(client: &Client, text: Option<&str>, name: &str) -> Result<Vec<String>, Problem> {
    let entry = there(client, text, name)?.filter(is_ours);
    let env = entry.iter().filter_map(Value::as_object).flatten().filter(|(k, _)| is_env(k));
    Ok(env.filter_map(|(_, v)| v.as_object()).flat_map(|v| v.keys().cloned()).collect())
}

/// What a client starts by the text of its file; nothing where there is no such entry, or an
/// address.
///
/// # Errors
/// As of [`plan`].
pub fn started(client: &Client, text: &str, name: &str) -> Result<Option<Entry>, Problem> {
    Ok(there(client, Some(text), name)?.as_ref().and_then(launch::started))
}

fn there(client: &Client, text: Option<&str>, name: &str) -> Result<Option<Value>, Problem> {
    checked_name(name)?;
    let (_, body) = unmarked(text);
    match client.format {
        Format::Json => json_file::there(client.key, body, name),
        Format::Toml => toml_file::there(client.key, body, name),
        Format::Printed => Err(Problem::Printed(client.name)),
    }
}

/// The text of a client's file with `…` in the place of each secret that is the value of a
/// server's variable; its lines stay where they are. What cannot be read is given back.
#[must_use]
pub fn veiled(client: &Client, text: &str) -> String {
    let (mark, body) = unmarked(Some(text));
    let variables = match client.format {
        Format::Json => json_file::variables(body),
        Format::Toml => toml_file::variables(body),
        Format::Printed => return text.to_owned(),
    };
    let mut splices = Splices::default();
    for (name, value, at) in variables.unwrap_or_default() {
        if may_not_be_shown(client, &name, &value) {
            let lines = body[at.clone()].matches('\n').count();
            splices.replace(at, format!("\"{VEIL}\"{}", "\n".repeat(lines)));
        }
    }
    format!("{mark}{}", splices.applied(body))
}

fn checked_name(name: &str) -> Result<(), Problem> {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    match (1..=64).contains(&name.len()) && name.bytes().all(good) {
        true => Ok(()),
        false => Err(Problem::Name),
    }
}

fn unmarked(text: Option<&str>) -> (&'static str, &str) {
    let text = text.unwrap_or_default();
    text.strip_prefix(MARK).map_or(("", text), |rest| (MARK, rest))
}
