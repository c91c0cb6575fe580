//! One entry of a JSON file. The text is parsed for its places alone; what is written is a splice.
//!
//! What is added has a layout from which the former text can be told, so that removing it gives
//! that text back: a map of servers that was not there before has an empty line before it, and an
//! entry in a map that was empty lies on lines of its own.

use jsonc_parser::ast::{Object, ObjectProp, Value as Node};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::Value;

use crate::entry::is_ours;
use crate::json_text::{Layout, compact, quoted};
use crate::plan::{Outcome, Plan, Problem, State};
use crate::shape::merged;
use crate::space::{between, line_end, own_line, position};
use crate::splice::Splices;

/// The file's map, or `None` where it has no content.
fn root(text: &str) -> Result<Option<Object<'_>>, Problem> {
    let strict = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    let parsed = parse_to_ast(text, &CollectOptions::default(), &strict).map_err(|e| {
        let (line, column) = position(text, e.range().start);
        Problem::Broken { line, column, what: e.kind().to_string() }
    })?;
    match parsed.value {
        None => Ok(None),
        Some(Node::Object(o)) => Ok(Some(o)),
        Some(other) => Err(no_map(text, "", other.start())),
    }
}

fn no_map(text: &str, key: &str, at: usize) -> Problem {
    let (line, column) = position(text, at);
    Problem::NoMap { key: key.to_owned(), line, column }
}

/// The map of servers within the file's, if it is there.
fn servers<'a, 'b>(
    text: &str,
    root: &'b Object<'a>,
    key: &str,
) -> Result<Option<(&'b ObjectProp<'a>, &'b Object<'a>)>, Problem> {
    match root.get(key) {
        None => Ok(None),
        Some(p) => match &p.value {
            Node::Object(o) => Ok(Some((p, o))),
            other => Err(no_map(text, key, other.start())),
        },
    }
}

/// A part of the file as a value; comments in it are nothing.
fn as_value(node: &Node<'_>) -> Value {
    match node {
        Node::StringLit(s) => s.value.as_ref().into(),
        Node::NumberLit(n) => serde_json::from_str(n.value).unwrap_or(Value::Null),
        Node::BooleanLit(b) => b.value.into(),
        Node::NullKeyword(_) => Value::Null,
        Node::Array(a) => a.elements.iter().map(as_value).collect(),
        Node::Object(o) => {
            let all = o.properties.iter();
            Value::Object(all.map(|p| (p.name.as_str().to_owned(), as_value(&p.value))).collect())
        }
    }
}

pub(crate) fn state(key: &str, text: &str, name: &str) -> Result<State, Problem> {
    let Some(root) = root(text)? else { return Ok(State::Absent) };
    let there = servers(text, &root, key)?.and_then(|(_, all)| all.get(name));
    Ok(State::of(there.map(|p| is_ours(&as_value(&p.value)))))
}

pub(crate) fn plan(
    key: &str,
    text: &str,
    name: &str,
    wanted: Option<&Value>,
    force: bool,
) -> Result<Plan, Problem> {
    let unchanged = Plan { outcome: Outcome::Unchanged, text: None };
    let Some(root) = root(text)? else {
        return Ok(match wanted {
            None => unchanged,
            Some(value) => {
                Plan { outcome: Outcome::Added, text: Some(fresh(text, key, name, value)) }
            }
        });
    };
    let file = File::new(text, &root);
    let mut splices = Splices::default();
    let servers = servers(text, &root, key)?;
    let there = servers.and_then(|(_, all)| all.get(name));
    let ours = there.is_some_and(|p| is_ours(&as_value(&p.value)));
    let outcome = match (there, wanted) {
        (None, None) => return Ok(unchanged),
        (None, Some(value)) => {
            file.add(&mut splices, &root, servers, key, name, value);
            Outcome::Added
        }
        (Some(p), Some(value)) => {
            let old = as_value(&p.value);
            // What somebody else wrote has nothing that is worth keeping in ours.
            let new = if ours { merged(&old, value) } else { value.clone() };
            if new == old {
                return Ok(unchanged);
            }
            let one_line = !text[p.value.start()..p.value.end()].contains('\n');
            let new = match one_line {
                true => compact(&new),
                false => file.layout.value(&new, file.indent_of(p.range.start)),
            };
            splices.replace(p.value.start()..p.value.end(), new);
            Outcome::Updated
        }
        (Some(p), None) => {
            if let Some((parent, all)) = servers {
                file.remove(&mut splices, &root, parent, all, p);
            }
            Outcome::Removed
        }
    };
    let outcome = if there.is_none() || ours || force { outcome } else { Outcome::Foreign };
    Ok(Plan { outcome, text: Some(splices.applied(text)) })
}

/// A file with nothing but the entry, behind the comments that it may have.
fn fresh(text: &str, key: &str, name: &str, value: &Value) -> String {
    let eol = line_end(text);
    let layout = Layout { eol, unit: "  ".to_owned() };
    let between = if text.is_empty() || text.ends_with('\n') { "" } else { eol };
    let value = layout.value(&serde_json::json!({ key: { name: value } }), "");
    format!("{text}{between}{value}{eol}")
}

/// A text and its layout.
struct File<'t> {
    text: &'t str,
    layout: Layout,
}

impl<'t> File<'t> {
    fn new(text: &'t str, root: &Object<'_>) -> Self {
        let eol = line_end(text);
        let at = |p: &ObjectProp<'_>| own_line(text, p.range.start).map(str::to_owned);
        let base = own_line(text, root.range.start).unwrap_or_default();
        let unit = root.properties.iter().find_map(at).and_then(|first| {
            first.strip_prefix(base).filter(|u| !u.is_empty()).map(str::to_owned)
        });
        File { text, layout: Layout { eol, unit: unit.unwrap_or_else(|| "  ".to_owned()) } }
    }

    /// The indentation of the line that `at` is on.
    fn indent_of(&self, at: usize) -> &'t str {
        let line = self.text[..at].rfind('\n').map_or(0, |n| n + 1);
        let rest = &self.text[line..];
        &rest[..rest.len() - rest.trim_start_matches([' ', '\t']).len()]
    }

    /// Where the white space before `at` begins.
    fn space_before(&self, at: usize) -> usize {
        self.text[..at].trim_end_matches([' ', '\t', '\r', '\n']).len()
    }

    /// Whether a property has exactly one empty line before it, as a map has that was added.
    fn is_set_apart(&self, p: &ObjectProp<'_>) -> bool {
        let space = &self.text[self.space_before(p.range.start)..p.range.start];
        let eol = self.layout.eol;
        space.starts_with(&format!("{eol}{eol}")) && space.matches('\n').count() == 2
    }

    fn add(
        &self,
        splices: &mut Splices,
        root: &Object<'_>,
        servers: Option<(&ObjectProp<'_>, &Object<'_>)>,
        key: &str,
        name: &str,
        value: &Value,
    ) {
        let Layout { eol, unit } = &self.layout;
        let Some((parent, all)) = servers else {
            let indent = self.child_indent(root);
            if self.is_one_line(root) {
                let map = compact(&serde_json::json!({ name: value }));
                return self.append(splices, root, " ", &format!("{}: {map}", quoted(key)));
            }
            let map = self.layout.value(&serde_json::json!({ name: value }), &indent);
            let before = format!("{eol}{eol}{indent}");
            return self.append(splices, root, &before, &format!("{}: {map}", quoted(key)));
        };
        if self.is_one_line(all) {
            return self.append(
                splices,
                all,
                " ",
                &format!("{}: {}", quoted(name), compact(value)),
            );
        }
        let indent = match all.properties.is_empty() {
            true => format!("{}{unit}", self.indent_of(parent.range.start)),
            false => self.child_indent(all),
        };
        let item = format!("{}: {}", quoted(name), self.layout.value(value, &indent));
        let inner = &self.text[all.range.start + 1..all.range.end - 1];
        match inner.is_empty() && self.is_set_apart(parent) {
            // On lines of its own it would look as if the map had been added with it.
            true => splices.insert(all.range.start + 1, item),
            false => self.append(splices, all, &format!("{eol}{indent}"), &item),
        }
    }

    /// Where the properties of an object begin.
    fn child_indent(&self, object: &Object<'_>) -> String {
        let own = object.properties.iter().rev().find_map(|p| own_line(self.text, p.range.start));
        own.map_or_else(
            || format!("{}{}", self.indent_of(object.range.start), self.layout.unit),
            str::to_owned,
        )
    }

    /// Whether an object has something, and all of it in one line.
    fn is_one_line(&self, object: &Object<'_>) -> bool {
        !object.properties.is_empty()
            && !self.text[object.range.start..object.range.end].contains('\n')
    }

    /// Puts a property at the end of an object, with `space` before it.
    fn append(&self, splices: &mut Splices, object: &Object<'_>, space: &str, item: &str) {
        let eol = self.layout.eol;
        let (open, close) = (object.range.start + 1, object.range.end - 1);
        let Some(last) = object.properties.last() else {
            let inner = &self.text[open..close];
            let outer = self.indent_of(object.range.start);
            let behind = match inner.starts_with(eol) {
                true => eol.to_owned(),
                false => format!("{eol}{outer}"),
            };
            return splices.insert(open, format!("{space}{item}{behind}"));
        };
        let between = between(self.text, last.range.end, close);
        match between.comma {
            // Whoever ends a list with a comma has one at its new end.
            Some(_) => splices.insert(between.end, format!("{space}{item},")),
            None => {
                splices.insert(last.range.end, ",");
                splices.insert(between.end, format!("{space}{item}"));
            }
        }
    }

    /// Takes a server away, and the map that it stands in where that was added with it.
    fn remove(
        &self,
        splices: &mut Splices,
        root: &Object<'_>,
        parent: &ObjectProp<'_>,
        all: &Object<'_>,
        p: &ObjectProp<'_>,
    ) {
        let (open, close) = (all.range.start + 1, all.range.end - 1);
        if all.properties.len() > 1 {
            return self.take(splices, all, p);
        }
        let before = &self.text[open..p.range.start];
        let between = between(self.text, p.range.end, close);
        let end = between.comma.map_or(p.range.end, |c| c + 1);
        let behind = &self.text[end..close];
        let outer = self.indent_of(all.range.start);
        let eol = self.layout.eol;
        let on_lines = before.starts_with(eol) && before.trim().is_empty();
        let closing = format!("{eol}{outer}");
        let set_apart = on_lines && behind == closing && self.is_set_apart(parent);
        let in_line = before == " " && behind == " " && self.is_one_line(root);
        if set_apart || in_line {
            return self.take(splices, root, parent);
        }
        let left = match on_lines {
            true if behind.starts_with(&format!("{eol}{eol}")) => &behind[eol.len()..],
            true => behind.strip_prefix(&closing).unwrap_or(behind),
            false => behind,
        };
        let from = if before.trim().is_empty() { open } else { self.space_before(p.range.start) };
        splices.cut(from..close - left.len());
    }

    /// Takes a property out of an object.
    fn take(&self, splices: &mut Splices, object: &Object<'_>, p: &ObjectProp<'_>) {
        let (open, close) = (object.range.start + 1, object.range.end - 1);
        let from = self.space_before(p.range.start);
        let place = object.properties.iter().position(|o| o.range.start == p.range.start);
        let place = place.unwrap_or_default();
        let next = object.properties.get(place + 1).map_or(close, |n| n.range.start);
        let comma = between(self.text, p.range.end, next).comma;
        splices.cut(from..p.range.end);
        match (comma, place.checked_sub(1).and_then(|i| object.properties.get(i))) {
            (Some(c), _) => splices.cut(c..c + 1),
            (None, Some(previous)) => {
                if let Some(c) = between(self.text, previous.range.end, p.range.start).comma {
                    splices.cut(c..c + 1);
                }
            }
            // The only one: what `append` put behind it goes as well.
            (None, None) => {
                let (behind, eol) = (&self.text[p.range.end..close], self.layout.eol);
                let closing = format!("{eol}{}", self.indent_of(object.range.start));
                let cut = match behind.starts_with(&format!("{eol}{eol}")) {
                    true => eol.len(),
                    false if behind.starts_with(&closing) && from == open => closing.len(),
                    false => 0,
                };
                splices.cut(p.range.end..p.range.end + cut);
            }
        }
    }
}
