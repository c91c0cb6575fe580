//! The parts of a file as ours. What a tool became is read once more as any file of ours is, and
//! refused where that finds an error: whatever is in the TOML can be used.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::dialect;
use super::foreign::{ForeignParameter, ForeignTool};
use super::placeholders::named;
use super::source::Source;
use super::template::{Variant, expanded};
use super::write;
use super::{Imported, Line, LineKind, is_variable};
use crate::read::{Rules, is_name, parse};
use crate::scan::words;
use crate::tool::Access;

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

struct Draft {
    name: String,
    toml: String,
}

/// A tool of ours for one of the statements, and what is other than it was.
fn one(tool: &ForeignTool, variant: &Variant, changes: &mut Vec<String>) -> Result<Draft, String> {
    let raw =
        variant.values.iter().fold(tool.name.clone(), |name, (_, value)| format!("{name}_{value}"));
    let name = tool_name(&raw);
    if name != raw && variant.values.is_empty() {
        changes.push(format!("it is now called {name}"));
    }
    let names: Vec<(String, String)> =
        tool.parameters.iter().map(|p| (p.name.clone(), parameter_name(&p.name))).collect();
    let (statement, replaced) = named(&variant.statement, &names)?;
    changes.extend(replaced);
    let mut out = format!("[[tool]]\nname = {}\n", write::text(&name));
    out.push_str(&format!(
        "description = {}\n",
        write::block(&description(tool, variant, changes))
    ));
    if let Some(source) = &tool.source {
        out.push_str(&format!("database = {}\n", write::text(source)));
    }
    out.push_str(&format!("statement = {}\n", write::block(&statement)));
    let (access, word) = dialect::access(&statement);
    if access != Access::ReadOnly {
        out.push_str(&format!("access = \"{}\"\n", access.as_str()));
        changes.push(format!("access is {}, because its statement says {word}", access.as_str()));
    }
    if let Some(rows) = tool.max_rows {
        out.push_str(&format!("max_rows = {rows}\n"));
    }
    if !tool.scopes.is_empty() {
        out.push_str(&format!("scopes = {}\n", write::texts(&tool.scopes)));
    }
    if let Some(idempotent) = tool.idempotent {
        out.push_str(&format!("annotations = {{ idempotent = {idempotent} }}\n"));
    }
    let mut types = Vec::new();
    for (p, (_, name)) in tool.parameters.iter().zip(&names) {
        let ty = sql_type(p, &statement)?;
        types.push(format!("{name} {ty}"));
        out.push_str(&parameter(p, name, &ty, changes)?);
    }
    if !types.is_empty() {
        changes.push(format!(
            "types are SQL Server's; narrow them to those of the columns: {}",
            types.join(", ")
        ));
    }
    Ok(Draft { name, toml: out })
}

fn description(tool: &ForeignTool, variant: &Variant, changes: &mut Vec<String>) -> String {
    let mut text = tool.description.trim().to_owned();
    for (name, value) in &variant.values {
        text.push_str(&format!(" ({name} is {value})"));
    }
    let length = text.chars().count();
    if length < 20 {
        let of = tool.source.as_deref().unwrap_or("SQL Server");
        text = format!("{text}: a query on the database {of}").trim_start_matches(": ").to_owned();
        changes
            .push("its description was shorter than 20 characters; say what it is for".to_owned());
    } else if length > 600 {
        text = text.chars().take(599).collect::<String>().trim_end().to_owned() + "…";
        changes.push("its description is cut to 600 characters".to_owned());
    }
    text
}

/// The narrowest of our types that loses nothing of theirs.
fn sql_type(p: &ForeignParameter, statement: &str) -> Result<String, String> {
    let single = |of: &str| match of {
        "string" => Some("nvarchar(4000)"),
        "integer" => Some("bigint"),
        "float" => Some("float"),
        "boolean" => Some("bit"),
        _ => None,
    };
    let unknown = || format!("parameter {}: the type {} cannot be bound", p.name, p.of);
    if p.of != "array" {
        return single(&p.of).map(str::to_owned).ok_or_else(unknown);
    }
    let of = single(p.items.as_deref().unwrap_or("string")).ok_or_else(unknown)?;
    if !words(statement).iter().any(|w| w.is("OPENJSON")) {
        return Err(format!(
            "parameter {0}: a list is bound as a JSON array; write … IN (SELECT value FROM OPENJSON(@{0}))",
            parameter_name(&p.name)
        ));
    }
    Ok(format!("list of {of}"))
}

fn parameter(
    p: &ForeignParameter,
    name: &str,
    ty: &str,
    changes: &mut Vec<String>,
) -> Result<String, String> {
    let mut out =
        format!("\n[[tool.parameter]]\nname = {}\ntype = {}\n", write::text(name), write::text(ty));
    let mut key = |key: &str, value: String| out.push_str(&format!("{key} = {value}\n"));
    if let Some(d) = p.description.as_deref().map(str::trim).filter(|d| !d.is_empty()) {
        let mut short: String = d.chars().take(300).collect();
        if short.len() < d.len() {
            short = d.chars().take(299).collect::<String>() + "…";
            changes.push(format!("the description of {name} is cut to 300 characters"));
        }
        key("description", write::block(&short));
    }
    if let Some(claim) = &p.claim {
        key("from_claim", write::text(claim));
        return Ok(out);
    }
    match &p.default {
        Some(default) => key("default", write::value(default)),
        None if !p.required => key("required", "false".to_owned()),
        None => {}
    }
    if let Some(pattern) = pattern(&p.allowed).filter(|_| p.as_patterns) {
        key("pattern", write::text(&pattern));
        changes.push(format!(
            "the allowedValues of {name} are a pattern, which the whole value has to match"
        ));
    } else if !p.allowed.is_empty() {
        key("allowed", write::value(&Value::Array(p.allowed.clone())));
    }
    for (bound, value) in [("min", &p.min), ("max", &p.max)] {
        if let Some(value) = value {
            key(bound, write::value(value));
        }
    }
    Ok(out)
}

/// Values that are more than themselves as regular expressions.
fn pattern(allowed: &[Value]) -> Option<String> {
    let all: Vec<&str> = allowed.iter().map(Value::as_str).collect::<Option<_>>()?;
    let special =
        all.iter().any(|v| v.contains(['^', '$', '*', '+', '?', '(', '[', '{', '|', '\\']));
    special.then(|| match all.as_slice() {
        [one] => (*one).to_owned(),
        all => all.iter().map(|v| format!("(?:{v})")).collect::<Vec<_>>().join("|"),
    })
}

/// `searchHotels-by name` is `search_hotels_by_name`.
fn tool_name(raw: &str) -> String {
    if is_name(raw) {
        return raw.to_owned();
    }
    let mut out = String::new();
    let mut before = '_';
    for c in raw.chars() {
        if c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            out.push('_');
        }
        match c.is_ascii_alphanumeric() {
            true => out.push(c.to_ascii_lowercase()),
            false if !out.ends_with('_') => out.push('_'),
            false => {}
        }
        before = c;
    }
    let out = out.trim_matches('_');
    let out = if out.starts_with(|c: char| c.is_ascii_digit()) {
        format!("t_{out}")
    } else {
        out.to_owned()
    };
    out.chars().take(64).collect()
}

/// `customer-id` is `customer_id`.
fn parameter_name(raw: &str) -> String {
    let name: String =
        raw.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}
