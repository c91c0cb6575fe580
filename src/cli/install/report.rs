//! What is told of each file.

use std::path::Path;

use mssql_mcp_client_setup as setup;
use mssql_mcp_client_setup::{CLIENTS, Format, Outcome, Scope, State, Surroundings};
use serde_json::{Value, json};

use super::Looked;
use crate::cli::{Ended, print, say};

/// A file, as it is told of.
pub(super) struct FileReport {
    id: &'static str,
    client: &'static str,
    file: String,
    /// A word for it.
    word: &'static str,
    /// Why nothing was written, or what to do.
    problem: Option<String>,
    diff: String,
    then: Option<&'static str>,
    wrote: bool,
}

impl FileReport {
    /// Before anything is written. `with_diff`: what would change is shown.
    pub(super) fn new(l: &Looked, with_diff: bool) -> Self {
        let (word, problem) = match &l.plan {
            Err(problem) => ("refused", Some(problem.clone())),
            Ok(p) => match p.outcome {
                Outcome::Unchanged => ("unchanged", None),
                Outcome::Added => ("would be added", None),
                Outcome::Updated => ("would be updated", None),
                Outcome::Removed => ("would be removed", None),
                Outcome::Foreign => (
                    "refused",
                    Some(
                        "an entry of that name is there that is not ours; --force replaces or removes \
                         it, --name takes another name"
                            .to_owned(),
                    ),
                ),
            },
        };
        let foreign = matches!(&l.plan, Ok(p) if p.outcome == Outcome::Foreign);
        FileReport {
            id: l.client.id,
            client: l.client.name,
            file: l.file.display().to_string(),
            word,
            problem,
            diff: if with_diff || foreign { l.diff() } else { String::new() },
            then: None,
            wrote: false,
        }
        .with_restart(l)
    }

    fn with_restart(mut self, l: &Looked) -> Self {
        self.then = l.changes().then_some(l.client.then);
        self
    }

    /// After the file was written, or was not.
    pub(super) fn written(&mut self, result: Result<(), String>) {
        self.diff.clear();
        match result {
            Err(problem) => {
                self.word = "failed";
                self.problem = Some(problem);
            }
            Ok(()) => {
                self.word = self.word.strip_prefix("would be ").unwrap_or(self.word);
                self.wrote = true;
            }
        }
    }

    pub(super) fn wrote(&self) -> bool {
        self.wrote
    }

    pub(super) fn failed(&self) -> bool {
        self.problem.is_some()
    }

    pub(super) fn text(&self) -> String {
        let mut out = format!("{}: {}: {}", self.client, self.file, self.word);
        if let Some(problem) = &self.problem {
            out += &format!(": {problem}");
        }
        if let (true, Some(then)) = (self.wrote, self.then) {
            out += &format!("; then {then}");
        }
        out + "\n" + &self.diff
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "client": self.id,
            "file": self.file,
            "state": self.word,
            "problem": self.problem,
            "diff": Some(&self.diff).filter(|d| !d.is_empty()),
            "then": self.then.filter(|_| self.wrote),
        })
    }
}

/// `--list`: each client, its files, and what stands in them.
pub(super) fn listed(around: &Surroundings, scope: Scope, name: &str, as_json: bool) -> Ended {
    let there = |p: &Path| p.exists();
    let mut rows = Vec::new();
    for c in CLIENTS {
        let found = around.has(c, &there);
        for file in around.files(c, scope, &there) {
            let state = match (c.format, setup::read(&file)) {
                (_, Err(problem)) => format!("refused: {problem}"),
                (Format::Printed, Ok(_)) => "by hand (--print)".to_owned(),
                (_, Ok(text)) => match setup::state(c, text.as_deref(), name) {
                    Err(problem) => format!("refused: {problem}"),
                    Ok(State::Absent) => "absent".to_owned(),
                    Ok(State::Ours) => "ours".to_owned(),
                    Ok(State::Other) => "other".to_owned(),
                },
            };
            rows.push((c, found, file.display().to_string(), state));
        }
    }
    if as_json {
        let all: Vec<Value> = rows
            .iter()
            .map(|(c, found, file, state)| {
                json!({ "client": c.id, "name": c.name, "found": found, "file": file, "state": state })
            })
            .collect();
        return say!("{}", json!({ "clients": all }));
    }
    let width = |of: fn(&str) -> usize, all: &[&str]| all.iter().map(|t| of(t)).max().unwrap_or(0);
    let ids: Vec<&str> = rows.iter().map(|(c, ..)| c.id).collect();
    let states: Vec<&str> = rows.iter().map(|(.., s)| s.as_str()).collect();
    let (wide, state_wide) = (width(str::len, &ids), width(str::len, &states).min(20));
    let line = |(c, found, file, state): &(&setup::Client, bool, String, String)| {
        let found = if *found { "found" } else { "-" };
        format!("{:wide$}  {found:5}  {state:state_wide$}  {file}\n", c.id)
    };
    print(&rows.iter().map(line).collect::<String>())
}
