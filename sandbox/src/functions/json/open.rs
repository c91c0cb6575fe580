//! OPENJSON: the rows of a text, as an array of arrays of which SQLite makes rows.

use super::{Reader, Step, quoted, steps, unescaped, whole};
use crate::error::{Error, Result};
use crate::functions::{Arguments, Shim};
use crate::messages;
use crate::types::Value;

/// Of a text, a path, and for each column of a schema its path and whether it is AS JSON.
pub(crate) static OPEN_JSON: Shim = Shim::new("OPENJSON", open);

/// The text in pieces, as FOR JSON gives it to a client.
pub(crate) static CHUNKS: Shim = Shim::new("CHUNKS", |a| {
    let mut pieces = vec![String::new()];
    let mut units = 0;
    for c in a.text(0).chars() {
        if units + c.len_utf16() > CHUNK {
            pieces.push(String::new());
            units = 0;
        }
        units += c.len_utf16();
        if let Some(last) = pieces.last_mut() {
            last.push(c);
        }
    }
    let pieces: Vec<String> = pieces.iter().map(|p| quoted(p)).collect();
    Ok(Value::Str(format!("[{}]", pieces.join(","))))
});

/// UTF-16 units of a row of FOR JSON.
const CHUNK: usize = 2033;

/// A path that says what happens where it leads nowhere.
struct Path {
    strict: bool,
    steps: Vec<Step>,
}

impl Path {
    fn parse(path: &str) -> Result<Self> {
        let trimmed = path.trim_matches(' ');
        match trimmed.strip_prefix("strict ") {
            Some(rest) => Ok(Self { strict: true, steps: steps(rest)? }),
            None => Ok(Self { strict: false, steps: steps(trimmed)? }),
        }
    }

    /// What it leads to, as it is written.
    fn find<'a>(&self, json: &'a str) -> Option<&'a str> {
        self.steps.iter().try_fold(json, |at, step| Reader::new(at).step(step))
    }
}

fn open(a: &super::Arguments<'_>) -> Result<Value> {
    let text = a.text(0);
    if text.contains("\\u0000") {
        return Err(Error::unsupported("OPENJSON of a text with a character of code 0"));
    }
    let path = Path::parse(a.text(1))?;
    let whole = whole(text, if a.text(1) == "$" { 4 } else { 3 })?;
    let has_schema = a.values.len() > 2;
    let found = match path.find(whole) {
        Some(found) if found.starts_with(['{', '[']) => found,
        Some(_) if path.strict => return Err(messages::json_no_container(has_schema)),
        None if path.strict => return Err(messages::json_property_not_found(1)),
        _ => return Ok(Value::Str("[]".into())),
    };
    let rows = if has_schema { with_schema(found, a)? } else { by_key(found) };
    Ok(Value::Str(format!("[{}]", rows.join(","))))
}

/// Key, value and type of each member or element.
fn by_key(json: &str) -> Vec<String> {
    members(json)
        .into_iter()
        .map(|(key, value)| {
            let (shown, kind) = match value.as_bytes().first() {
                Some(b'"') => (quoted(&unescaped(value)), 1),
                Some(b'{') => (quoted(value), 5),
                Some(b'[') => (quoted(value), 4),
                Some(b't' | b'f') => (quoted(value), 3),
                Some(b'n') => ("null".to_owned(), 0),
                _ => (quoted(value), 2),
            };
            format!("[{},{shown},{kind}]", quoted(&key))
        })
        .collect()
}

/// The members of an object by their names, or the elements of an array by their numbers.
fn members(json: &str) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    let mut reader = Reader::new(json);
    if reader.peek() == Some(b'{') {
        reader.each_member(|name, value| found.push((name, value)));
    } else {
        reader.each_element(|at, value| found.push((at.to_string(), value)));
    }
    found
}

/// A row for each element of an array, or one of an object, with a text for each column.
fn with_schema(json: &str, a: &Arguments<'_>) -> Result<Vec<String>> {
    let count = (a.values.len() - 2) / 2;
    let columns =
        (0..count).map(|i| Ok((Path::parse(a.text(2 + i * 2))?, a.integer(3 + i * 2) == 1)));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let items = if json.starts_with('{') {
        vec![json]
    } else {
        members(json).into_iter().map(|(_, value)| value).collect()
    };
    let row = |item: &&str| {
        let values = columns.iter().map(|(path, as_json)| column(item, path, *as_json));
        Ok(format!("[{}]", values.collect::<Result<Vec<_>>>()?.join(",")))
    };
    items.iter().map(row).collect()
}

/// The text of a column as JSON: a value, or with AS JSON an object or an array as it is written.
fn column(item: &str, path: &Path, as_json: bool) -> Result<String> {
    let Some(found) = path.find(item) else {
        return if path.strict {
            Err(messages::json_property_not_found(6))
        } else {
            Ok("null".into())
        };
    };
    let is_container = found.starts_with(['{', '[']);
    match found.as_bytes().first() {
        Some(b'n') => Ok("null".into()),
        _ if is_container == as_json => Ok(match found.strip_prefix('"') {
            Some(_) => quoted(&unescaped(found)),
            None => quoted(found),
        }),
        _ if path.strict && as_json => Err(messages::json_no_object()),
        _ if path.strict => Err(Error::unsupported("a strict path of OPENJSON to no scalar value")),
        _ => Ok("null".into()),
    }
}
