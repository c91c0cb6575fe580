//! The parts of a file as ours. What a tool became is read once more as any file of ours is, and
//! refused where that finds an error: whatever is in the TOML can be used.

use std::collections::{HashMap, HashSet};

use super::dialect;
use super::draft::{Draft, one};
use super::foreign::ForeignTool;
use super::source::Source;
use super::template::expanded;
use super::write;
use super::{Imported, Line, LineKind, is_variable};
use crate::read::{Rules, parse};

/// What a file has become so far.
#[derive(Default)]
pub(super) struct Drafts {
    servers: Vec<String>,
    databases: Vec<String>,
    tools: Vec<String>,
    report: Vec<Line>,
    /// The server of each address.
    addresses: HashMap<String, String>,
    /// Sources by name, and whether each was taken.
    sources: HashMap<String, bool>,
    names: HashSet<String>,
    /// Tools wait for the end of the file, where all sources are known.
    waiting: Vec<(ForeignTool, bool)>,
}

impl Drafts {
    pub(super) fn line(&mut self, kind: LineKind, tool: &str, what: impl Into<String>) {
        self.report.push(Line { kind, tool: tool.to_owned(), what: what.into() });
    }

    pub(super) fn refuse_source(&mut self, name: &str, why: String) {
        self.sources.insert(name.to_owned(), false);
        self.line(LineKind::Refused, &format!("source {name}"), why);
    }

    pub(super) fn source(&mut self, mut source: Source) {
        let name = source.name.clone();
        let at = format!("source {name}");
        if name.trim().is_empty() || self.sources.insert(name.clone(), true).is_some() {
            return self.line(LineKind::Refused, &at, "it has no name of its own");
        }
        let key = source.server_key();
        let server = self.addresses.get(&key).cloned();
        let server = server.unwrap_or_else(|| {
            self.servers.push(source.server());
            self.addresses.insert(key, name.clone());
            name.clone()
        });
        self.databases.push(source.entry(&server));
        self.line(LineKind::Taken, &at, format!("as database {name} on server {server}"));
        for change in std::mem::take(&mut source.changes) {
            self.line(LineKind::Changed, &at, change);
        }
    }

    /// `known` says that the tool's own kind names SQL Server, so that its source may be in
    /// another file.
    pub(super) fn tool(&mut self, tool: ForeignTool, known: bool) {
        self.waiting.push((tool, known));
    }

    pub(super) fn end_of_file(&mut self) {
        for (mut tool, known) in std::mem::take(&mut self.waiting) {
            if let Some(source) = &tool.source {
                match self.sources.get(source) {
                    Some(true) => {}
                    Some(false) => tool.against.push(format!("its source {source} was refused")),
                    None if known => tool.changes.push(format!(
                        "its source {source} is in another file: a [[database]] of this name is needed"
                    )),
                    None => tool.against.push(format!("its source {source} is not in the file")),
                }
            }
            self.take(tool);
        }
    }

    fn take(&mut self, mut tool: ForeignTool) {
        tool.against.extend(dialect::strange(&tool.statement));
        if is_variable(&tool.statement) {
            tool.against
                .push("its statement has ${…}, and no variable is put into a statement".to_owned());
        }
        for p in &tool.parameters {
            tool.against.extend(p.against.iter().cloned());
        }
        let variants = match expanded(&tool.statement, &tool.templates) {
            Ok(variants) => variants,
            Err(why) => {
                tool.against.push(why);
                Vec::new()
            }
        };
        let mut made = Vec::new();
        let mut changes = std::mem::take(&mut tool.changes);
        changes.extend(tool.parameters.iter().flat_map(|p| p.changes.iter().cloned()));
        for variant in &variants {
            let mut own = Vec::new();
            match one(&tool, variant, &mut own) {
                Ok(draft) => made.push(draft),
                Err(why) => tool.against.push(why),
            }
            changes.extend(own.into_iter().filter(|c| !changes.contains(c)).collect::<Vec<_>>());
        }
        if tool.against.is_empty() {
            for draft in &made {
                tool.against.extend(self.wrong(draft));
            }
        }
        let mut seen = HashSet::new();
        tool.against.retain(|why| seen.insert(why.clone()));
        if !tool.against.is_empty() {
            for why in &tool.against {
                self.line(LineKind::Refused, &tool.name, why.clone());
            }
            return;
        }
        let names: Vec<&str> = made.iter().map(|d| d.name.as_str()).collect();
        self.line(LineKind::Taken, &tool.name, format!("as {}", names.join(", ")));
        if !tool.templates.is_empty() {
            let all: Vec<&str> = tool.templates.iter().map(|t| t.name.as_str()).collect();
            self.line(
                LineKind::Changed,
                &tool.name,
                format!("there is a tool for each value of {}", all.join(" and ")),
            );
        }
        for change in changes {
            self.line(LineKind::Changed, &tool.name, change);
        }
        for draft in made {
            self.names.insert(draft.name);
            self.tools.push(draft.toml);
        }
    }

    /// None yet; these names are taken.
    pub(super) fn without(taken: &[&str]) -> Self {
        Self { names: taken.iter().map(|n| (*n).to_owned()).collect(), ..Self::default() }
    }

    /// What our own reader says of it.
    fn wrong(&self, draft: &Draft) -> Vec<String> {
        if self.names.contains(&draft.name) {
            return vec![format!("another tool is {} already", draft.name)];
        }
        let (_, errors) = parse(&draft.toml, "", &Rules::default());
        let at = format!(": tool {}: ", draft.name);
        errors.iter().map(|e| e.strip_prefix(&at).unwrap_or(e).to_owned()).collect()
    }

    pub(super) fn finish(self, file: &str) -> Imported {
        let mut toml = format!(
            "# Made of {}. Read it before it is used: who wrote the tools knew another server.\n",
            write::comment(file)
        );
        for part in self.servers.iter().chain(&self.databases).chain(&self.tools) {
            toml.push('\n');
            toml.push_str(part);
        }
        Imported { toml, report: self.report }
    }
}
