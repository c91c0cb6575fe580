//! One entry of a JSON file. The text is parsed for its places alone; what is written is a splice.
//!
//! What is added has a layout from which the former text can be told, so that removing it gives
//! that text back: a map of servers that was not there before has an empty line before it, and an
//! entry in a map that was empty lies on lines of its own.

use std::ops::Range;

use jsonc_parser::ast::{Array, Object, ObjectProp, Value as Node};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde_json::Value;

use crate::inputs::{self, Reference};
use crate::json_inputs;
use crate::json_text::{Layout, compact, quoted};
use crate::launch::is_ours;
use crate::plan::{Outcome, Plan, Problem};
use crate::shape::{is_env, merged};
use crate::space::{between, line_end, own_line, position};
use crate::splice::Splices;

/// The file's map, or `None` where it has no content.
pub(crate) fn root(text: &str) -> Result<Option<Object<'_>>, Problem> {
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

/// Of two of one name a client takes the last, and others the first.
pub(crate) fn once(text: &str, root: &Object<'_>, key: &str) -> Result<(), Problem> {
    let mut named = root.properties.iter().filter(|p| p.name.as_str() == key).skip(1);
    named.next().map_or(Ok(()), |second| {
        let (line, column) = position(text, second.start());
        Err(Problem::Broken { line, column, what: format!("\"{key}\" is there twice") })
    })
}

/// The map of servers within the file's, if it is there.
fn servers<'a, 'b>(
    text: &str,
    root: &'b Object<'a>,
    key: &str,
    name: &str,
) -> Result<Option<(&'b ObjectProp<'a>, &'b Object<'a>)>, Problem> {
    once(text, root, key)?;
    match root.get(key) {
        None => Ok(None),
        Some(p) => match &p.value {
            Node::Object(o) => once(text, o, name).map(|()| Some((p, o))),
            other => Err(no_map(text, key, other.start())),
        },
    }
}

/// A part of the file as a value; comments in it are nothing.
pub(crate) fn as_value(node: &Node<'_>) -> Value {
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

/// The entry of that name.
pub(crate) fn there(key: &str, text: &str, name: &str) -> Result<Option<Value>, Problem> {
    let Some(root) = root(text)? else { return Ok(None) };
    let there = servers(text, &root, key, name)?.and_then(|(_, all)| all.get(name));
    Ok(there.map(|p| as_value(&p.value)))
}

/// Where values stand that are the variables of a server, with their names.
pub(crate) fn variables(text: &str) -> Result<Vec<(String, String, Range<usize>)>, Problem> {
    fn within(node: &Node<'_>, of_env: bool, into: &mut Vec<(String, String, Range<usize>)>) {
        match node {
            Node::Array(all) => all.elements.iter().for_each(|e| within(e, false, into)),
            Node::Object(all) => {
                for p in &all.properties {
                    let name = p.name.as_str();
                    match &p.value {
                        Node::StringLit(s) if of_env => {
                            into.push((name.to_owned(), s.value.to_string(), s.start()..s.end()));
                        }
                        other => within(other, is_env(name), into),
                    }
                }
            }
            _ => {}
        }
    }
    let mut all = Vec::new();
    if let Some(root) = root(text)? {
        within(&Node::Object(root), false, &mut all);
    }
    Ok(all)
}

/// What becomes of a file with `wanted` as its entry, or without one. `asks`: the client has a list
/// of inputs (`json_inputs`), and what the entry refers to there comes and goes with it.
pub(crate) fn plan(
    key: &str,
    text: &str,
    name: &str,
    wanted: Option<&Value>,
    force: bool,
    asks: bool,
) -> Result<Plan, Problem> {
    let alone = plan_entry(key, text, name, wanted, force)?;
    if !asks {
        return Ok(alone);
    }
    let after = alone.text.as_deref().unwrap_or(text);
    let references = |text: &str| -> Result<Vec<Reference>, Problem> {
        Ok(there(key, text, name)?.map(|e| inputs::references(&e)).unwrap_or_default())
    };
    let (mut gone, stays) = (references(text)?, references(after)?);
    gone.retain(|g| stays.iter().all(|s| s.id != g.id));
    let gone: Vec<Reference> = inputs::without_users(gone, after)?;
    if wanted.is_none() {
        // The reverse of how they came: the entry was there first.
        return match json_inputs::without(text, &gone)? {
            Some(rest) => plan_entry(key, &rest, name, None, force),
            None => Ok(alone),
        };
    }
    let rest = json_inputs::without(after, &gone)?;
    let whole = json_inputs::with(rest.as_deref().unwrap_or(after), &stays)?;
    Ok(match (alone.outcome, whole.or(rest)) {
        (Outcome::Unchanged, Some(new)) => Plan { outcome: Outcome::Updated, text: Some(new) },
        (outcome, Some(new)) => Plan { outcome, text: Some(new) },
        (_, None) => alone,
    })
}

fn plan_entry(
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
    let servers = servers(text, &root, key, name)?;
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

/// An object or an array: where it lies, and where each of its parts does.
pub(crate) struct Container {
    range: Range<usize>,
    pub(crate) parts: Vec<Range<usize>>,
}

impl Container {
    fn new<'n>(range: &impl Ranged, parts: impl Iterator<Item = &'n (impl Ranged + 'n)>) -> Self {
        let of = |node: &dyn Ranged| node.start()..node.end();
        Container { range: of(range), parts: parts.map(|p| of(p)).collect() }
    }

    pub(crate) fn object(object: &Object<'_>) -> Self {
        Self::new(object, object.properties.iter())
    }

    pub(crate) fn array(array: &Array<'_>) -> Self {
        Self::new(array, array.elements.iter())
    }

    /// Which of its parts begins there.
    pub(crate) fn place_of(&self, start: usize) -> Option<usize> {
        self.parts.iter().position(|p| p.start == start)
    }

    /// What is between its brackets.
    pub(crate) fn inside(&self) -> Range<usize> {
        self.range.start + 1..self.range.end - 1
    }
}

/// A text and its layout.
pub(crate) struct File<'t> {
    text: &'t str,
    pub(crate) layout: Layout,
}

impl<'t> File<'t> {
    pub(crate) fn new(text: &'t str, root: &Object<'_>) -> Self {
        let eol = line_end(text);
        let at = |p: &ObjectProp<'_>| own_line(text, p.range.start).map(str::to_owned);
        let base = own_line(text, root.range.start).unwrap_or_default();
        let unit = root.properties.iter().find_map(at).and_then(|first| {
            first.strip_prefix(base).filter(|u| !u.is_empty()).map(str::to_owned)
        });
        File { text, layout: Layout { eol, unit: unit.unwrap_or_else(|| "  ".to_owned()) } }
    }

    /// The indentation of the line that `at` is on.
    pub(crate) fn indent_of(&self, at: usize) -> &'t str {
        let line = self.text[..at].rfind('\n').map_or(0, |n| n + 1);
        let rest = &self.text[line..];
        &rest[..rest.len() - rest.trim_start_matches([' ', '\t']).len()]
    }

    /// The white space before a part, behind the comments there and what precedes them.
    fn space_before(&self, of: &Container, place: usize) -> Range<usize> {
        let from = match place.checked_sub(1) {
            Some(previous) => of.parts[previous].end,
            None => of.inside().start,
        };
        let to = of.parts[place].start;
        between(self.text, from, to).end..to
    }

    /// Whether a part has exactly one empty line before it, as what was added has.
    pub(crate) fn is_set_apart(&self, of: &Container, place: usize) -> bool {
        let space = &self.text[self.space_before(of, place)];
        let eol = self.layout.eol;
        space.starts_with(&format!("{eol}{eol}")) && space.matches('\n').count() == 2
    }

    /// Puts what was not there at the end of the file's map: in its line, or set apart.
    pub(crate) fn add_key(
        &self,
        splices: &mut Splices,
        root: &Container,
        key: &str,
        value: &Value,
    ) {
        let key = quoted(key);
        if self.is_one_line(root) {
            return self.append(splices, root, " ", &format!("{key}: {}", compact(value)));
        }
        let (eol, indent) = (self.layout.eol, self.child_indent(root));
        let item = format!("{key}: {}", self.layout.value(value, &indent));
        self.append(splices, root, &format!("{eol}{eol}{indent}"), &item);
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
        let root = Container::object(root);
        let Some((parent, servers)) = servers else {
            return self.add_key(splices, &root, key, &serde_json::json!({ name: value }));
        };
        let all = Container::object(servers);
        if self.is_one_line(&all) {
            let item = format!("{}: {}", quoted(name), compact(value));
            return self.append(splices, &all, " ", &item);
        }
        let indent = match all.parts.is_empty() {
            true => format!("{}{unit}", self.indent_of(parent.range.start)),
            false => self.child_indent(&all),
        };
        let item = format!("{}: {}", quoted(name), self.layout.value(value, &indent));
        let apart = root.place_of(parent.range.start).is_some_and(|n| self.is_set_apart(&root, n));
        match self.text[all.inside()].is_empty() && apart {
            // On lines of its own it would look as if the map had been added with it.
            true => splices.insert(all.inside().start, item),
            false => self.append(splices, &all, &format!("{eol}{indent}"), &item),
        }
    }

    /// Where the parts of something begin.
    pub(crate) fn child_indent(&self, of: &Container) -> String {
        let own = of.parts.iter().rev().find_map(|p| own_line(self.text, p.start));
        own.map_or_else(
            || format!("{}{}", self.indent_of(of.range.start), self.layout.unit),
            str::to_owned,
        )
    }

    /// Whether there is something in it, and all of it in one line.
    pub(crate) fn is_one_line(&self, of: &Container) -> bool {
        !of.parts.is_empty() && !self.text[of.range.clone()].contains('\n')
    }

    /// Puts a part at the end, with `space` before it.
    pub(crate) fn append(&self, splices: &mut Splices, of: &Container, space: &str, item: &str) {
        let eol = self.layout.eol;
        let Range { start: open, end: close } = of.inside();
        let Some(last) = of.parts.last() else {
            let inner = &self.text[open..close];
            let outer = self.indent_of(of.range.start);
            let behind = match inner.starts_with(eol) {
                true => eol.to_owned(),
                false => format!("{eol}{outer}"),
            };
            return splices.insert(open, format!("{space}{item}{behind}"));
        };
        let between = between(self.text, last.end, close);
        match between.comma {
            // Whoever ends a list with a comma has one at its new end.
            Some(_) => splices.insert(between.end, format!("{space}{item},")),
            None => {
                splices.insert(last.end, ",");
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
        servers: &Object<'_>,
        p: &ObjectProp<'_>,
    ) {
        let (root, all) = (Container::object(root), Container::object(servers));
        let place = all.place_of(p.range.start).unwrap_or_default();
        if all.parts.len() > 1 {
            return self.take(splices, &all, place);
        }
        let Range { start: open, end: close } = all.inside();
        let before = &self.text[open..p.range.start];
        let between = between(self.text, p.range.end, close);
        let end = between.comma.map_or(p.range.end, |c| c + 1);
        let behind = &self.text[end..close];
        let outer = self.indent_of(all.range.start);
        let eol = self.layout.eol;
        let on_lines = before.starts_with(eol) && before.trim().is_empty();
        let closing = format!("{eol}{outer}");
        let above = root.place_of(parent.range.start).unwrap_or_default();
        let set_apart = on_lines && behind == closing && self.is_set_apart(&root, above);
        let in_line = before == " " && behind == " " && self.is_one_line(&root);
        if set_apart || in_line {
            return self.take(splices, &root, above);
        }
        let left = match on_lines {
            true if behind.starts_with(&format!("{eol}{eol}")) => &behind[eol.len()..],
            true => behind.strip_prefix(&closing).unwrap_or(behind),
            false => behind,
        };
        let from = self.space_before(&all, place).start;
        splices.cut(from..close - left.len());
    }

    /// Takes a part out.
    pub(crate) fn take(&self, splices: &mut Splices, of: &Container, place: usize) {
        let Range { start: open, end: close } = of.inside();
        let (from, part) = (self.space_before(of, place).start, of.parts[place].clone());
        let next = of.parts.get(place + 1).map_or(close, |n| n.start);
        let comma = between(self.text, part.end, next).comma;
        splices.cut(from..part.end);
        match (comma, place.checked_sub(1).and_then(|i| of.parts.get(i))) {
            (Some(c), _) => splices.cut(c..c + 1),
            (None, Some(previous)) => {
                if let Some(c) = between(self.text, previous.end, part.start).comma {
                    splices.cut(c..c + 1);
                }
            }
            // The only one: what `append` put behind it goes as well.
            (None, None) => {
                let (behind, eol) = (&self.text[part.end..close], self.layout.eol);
                let closing = format!("{eol}{}", self.indent_of(of.range.start));
                let cut = match behind.starts_with(&format!("{eol}{eol}")) {
                    true => eol.len(),
                    false if behind.starts_with(&closing) && from == open => closing.len(),
                    false => 0,
                };
                splices.cut(part.end..part.end + cut);
            }
        }
    }
}
