//! One entry of a TOML file, `[KEY.NAME]`. The text is parsed for its places alone; what is
//! written is a splice. A new table stands at the end, behind an empty line.

use std::ops::Range;

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::json_text::{compact, quoted};
use crate::launch::is_ours;
use crate::plan::{Outcome, Plan, Problem};
use crate::shape::{is_env, merged};
use crate::space::{line_end, position};
use crate::splice::Splices;

fn root(text: &str) -> Result<DeTable<'_>, Problem> {
    let parsed = DeTable::parse(text).map_err(|e| {
        let (line, column) = position(text, e.span().map_or(0, |s| s.start));
        let what = e.message().lines().next().unwrap_or("no TOML").to_owned();
        Problem::Broken { line, column, what }
    })?;
    Ok(parsed.into_inner())
}

fn no_map(text: &str, key: &str, at: usize) -> Problem {
    let (line, column) = position(text, at);
    Problem::NoMap { key: key.to_owned(), line, column }
}

type Part<'a, 'b> = &'b Spanned<DeValue<'a>>;

fn entry<'a, 'b>(
    text: &str,
    root: &'b DeTable<'a>,
    key: &str,
    name: &str,
) -> Result<Option<Part<'a, 'b>>, Problem> {
    let Some(all) = root.get(key) else { return Ok(None) };
    let Some(table) = all.get_ref().as_table() else {
        return Err(no_map(text, key, all.span().start));
    };
    // `key = { … }` takes no further table.
    if text[all.span()].starts_with('{') {
        return Err(Problem::Scattered(key.to_owned()));
    }
    Ok(table.get(name))
}

/// Dates are the only values that JSON has not; no client has one in an entry.
fn as_value(node: &DeValue<'_>) -> Value {
    match node {
        DeValue::String(s) => s.as_ref().into(),
        DeValue::Integer(n) => i64::from_str_radix(&n.as_str().replace('_', ""), n.radix())
            .map_or(Value::Null, Value::from),
        DeValue::Float(n) => {
            n.as_str().replace('_', "").parse::<f64>().map_or(Value::Null, Value::from)
        }
        DeValue::Boolean(b) => (*b).into(),
        DeValue::Datetime(d) => d.to_string().into(),
        DeValue::Array(all) => all.iter().map(|v| as_value(v.get_ref())).collect(),
        // In the order of the text, which the map has not.
        DeValue::Table(all) => {
            let mut all: Vec<_> = all.iter().collect();
            all.sort_by_key(|(k, _)| k.span().start);
            let all = all.into_iter();
            Value::Object(
                all.map(|(k, v)| (k.get_ref().to_string(), as_value(v.get_ref()))).collect(),
            )
        }
    }
}

/// The entry of that name.
pub(crate) fn there(key: &str, text: &str, name: &str) -> Result<Option<Value>, Problem> {
    let root = root(text)?;
    Ok(entry(text, &root, key, name)?.map(|e| as_value(e.get_ref())))
}

/// Where values stand that are the variables of a server, with their names.
pub(crate) fn variables(text: &str) -> Result<Vec<(String, String, Range<usize>)>, Problem> {
    fn within(table: &DeTable<'_>, of_env: bool, into: &mut Vec<(String, String, Range<usize>)>) {
        for (key, value) in table {
            match value.get_ref() {
                DeValue::Table(all) => within(all, is_env(key.get_ref()), into),
                DeValue::String(s) if of_env => {
                    into.push((key.get_ref().to_string(), s.to_string(), value.span()));
                }
                _ => {}
            }
        }
    }
    let mut all = Vec::new();
    within(&root(text)?, false, &mut all);
    Ok(all)
}

pub(crate) fn plan(
    key: &str,
    text: &str,
    name: &str,
    wanted: Option<&Value>,
    force: bool,
) -> Result<Plan, Problem> {
    let unchanged = Plan { outcome: Outcome::Unchanged, text: None };
    let root = root(text)?;
    let there = entry(text, &root, key, name)?;
    let eol = line_end(text);
    let mut splices = Splices::default();
    let (outcome, ours) = match (there, wanted) {
        (None, None) => return Ok(unchanged),
        (None, Some(value)) => {
            let table = table(key, name, value, eol);
            let new = match () {
                () if text.is_empty() => format!("{table}{eol}"),
                () if text.ends_with('\n') => format!("{eol}{table}{eol}"),
                // Without an end of the last line it had none before either.
                () => format!("{eol}{eol}{table}"),
            };
            splices.insert(text.len(), new);
            (Outcome::Added, true)
        }
        (Some(place), wanted) => {
            let old = as_value(place.get_ref());
            let ours = is_ours(&old);
            let region = region(text, &root, key, name, place)?;
            match wanted {
                Some(value) => {
                    let new = if ours { merged(&old, value) } else { value.clone() };
                    if new == old {
                        return Ok(unchanged);
                    }
                    splices.replace(region, table(key, name, &new, eol));
                    (Outcome::Updated, ours)
                }
                None => {
                    splices.cut(whole_lines(text, region, eol));
                    (Outcome::Removed, ours)
                }
            }
        }
    };
    let outcome = if ours || force { outcome } else { Outcome::Foreign };
    Ok(Plan { outcome, text: Some(splices.applied(text)) })
}

/// A table with its line ends, and the empty line before it.
fn whole_lines(text: &str, region: Range<usize>, eol: &str) -> Range<usize> {
    let (before, behind) = (&text[..region.start], &text[region.end..]);
    let end = region.end + if behind.starts_with(eol) { eol.len() } else { 0 };
    let apart = before.ends_with(&format!("{eol}{eol}"));
    let start = match apart {
        true if behind.is_empty() => region.start - 2 * eol.len(),
        true => region.start - eol.len(),
        false => region.start,
    };
    start..end
}

/// From the header of a table to the end of its last line, with the tables below it.
fn region(
    text: &str,
    root: &DeTable<'_>,
    key: &str,
    name: &str,
    place: Part<'_, '_>,
) -> Result<Range<usize>, Problem> {
    let scattered = || Problem::Scattered(format!("{key}.{name}"));
    let mut spans = Vec::new();
    collect(place, &mut spans);
    let start = spans.iter().map(|s| s.start).min().unwrap_or_default();
    let end = spans.iter().map(|s| s.end).max().unwrap_or_default();
    let start = text[..start].rfind('\n').map_or(0, |n| n + 1);
    let end = text[end..].find('\n').map_or(text.len(), |n| end + n);
    let end = text[..end].trim_end_matches('\r').len();
    // It has a header, and nobody else's lines are between its own.
    if !text[start..].trim_start().starts_with('[') {
        return Err(scattered());
    }
    let mut others = Vec::new();
    for (k, v) in root {
        for_others(k.get_ref() == key, name, v, &mut others);
    }
    match others.iter().any(|o| o.start < end && start < o.end) {
        true => Err(scattered()),
        false => Ok(start..end),
    }
}

/// The spans of a value and of all within it.
fn collect(place: Part<'_, '_>, into: &mut Vec<Range<usize>>) {
    into.push(place.span());
    match place.get_ref() {
        DeValue::Table(all) => {
            for (k, v) in all {
                into.push(k.span());
                collect(v, into);
            }
        }
        DeValue::Array(all) => all.iter().for_each(|v| collect(v, into)),
        _ => {}
    }
}

/// The spans of everything but the entry: of single values, because a table's is its header's.
fn for_others(within: bool, name: &str, value: Part<'_, '_>, into: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(all) => {
            for (k, v) in all {
                if !(within && k.get_ref() == name) {
                    for_others(false, name, v, into);
                }
            }
        }
        _ => collect(value, into),
    }
}

/// An entry as a table, with its maps as tables below it; without the end of its last line.
fn table(key: &str, name: &str, value: &Value, eol: &str) -> String {
    let empty = Map::new();
    let all = value.as_object().unwrap_or(&empty);
    let mut lines = vec![format!("[{key}.{name}]")];
    let (maps, plain): (Vec<_>, Vec<_>) = all.iter().partition(|(_, v)| v.is_object());
    lines.extend(plain.iter().map(|(k, v)| format!("{} = {}", bare(k), compact(v))));
    for (k, map) in maps {
        lines.push(String::new());
        lines.push(format!("[{key}.{name}.{}]", bare(k)));
        let values = map.as_object().into_iter().flatten();
        lines.extend(values.map(|(k, v)| format!("{} = {}", bare(k), inline(v))));
    }
    lines.join(eol)
}

fn inline(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let all: Vec<String> =
                map.iter().map(|(k, v)| format!("{} = {}", bare(k), inline(v))).collect();
            format!("{{ {} }}", all.join(", "))
        }
        other => compact(other),
    }
}

/// A key as TOML takes it. A text of JSON is a basic string of TOML.
fn bare(key: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    match !key.is_empty() && key.bytes().all(plain) {
        true => key.to_owned(),
        false => quoted(key),
    }
}
