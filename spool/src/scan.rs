//! The cells of a row, found in its bytes without a tree: a row is a JSON array as the writer of
//! rows makes it, in UTF-8 and without blanks between its parts.

mod escape;

use std::borrow::Cow;

use self::escape::{escape, unescape};

/// How deep a cell may be nested: a sql_variant is an object, a vector an array.
const DEEP: u8 = 8;

/// What a cell is in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Null,
    Bool,
    Number,
    Text,
    /// An object or an array.
    Nested,
}

/// One value of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell<'r> {
    /// Its JSON.
    pub(crate) json: &'r [u8],
    pub(crate) form: Form,
    /// A text with a `\` in it.
    escaped: bool,
}

/// Goes through the cells of a row that [`is_row`] has let in. Of other bytes it makes some cells
/// or none, but it ends.
#[derive(Debug, Clone)]
pub(crate) struct Cells<'r> {
    row: &'r [u8],
    at: usize,
}

/// Whether these bytes are a row of so many cells.
pub(crate) fn is_row(row: &[u8], columns: usize) -> bool {
    let mut at = 1;
    let mut cells = 0;
    if std::str::from_utf8(row).is_err() || row.first() != Some(&b'[') {
        return false;
    }
    if row.len() == 2 {
        return columns == 0 && row[1] == b']';
    }
    loop {
        let Some(end) = value(row, at, DEEP) else { return false };
        cells += 1;
        match row.get(end) {
            Some(b',') => at = end + 1,
            Some(b']') => return end + 1 == row.len() && cells == columns,
            _ => return false,
        }
    }
}

/// Behind the value that begins here; none where none does.
fn value(json: &[u8], at: usize, deep: u8) -> Option<usize> {
    let word = |word: &[u8]| json[at..].starts_with(word).then_some(at + word.len());
    match json.get(at)? {
        b'"' => text(json, at),
        b'n' => word(b"null"),
        b't' => word(b"true"),
        b'f' => word(b"false"),
        b'-' | b'0'..=b'9' => number(json, at),
        open @ (b'[' | b'{') if deep > 0 => nested(json, at + 1, *open == b'{', deep - 1),
        _ => None,
    }
}

fn nested(json: &[u8], mut at: usize, object: bool, deep: u8) -> Option<usize> {
    let close = if object { b'}' } else { b']' };
    if *json.get(at)? == close {
        return Some(at + 1);
    }
    loop {
        if object {
            at = text(json, at)?;
            if *json.get(at)? != b':' {
                return None;
            }
            at += 1;
        }
        at = value(json, at, deep)?;
        match *json.get(at)? {
            b',' => at += 1,
            b if b == close => return Some(at + 1),
            _ => return None,
        }
    }
}

fn number(json: &[u8], mut at: usize) -> Option<usize> {
    let digits = |from: usize| {
        let count = json[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        (count > 0).then_some(from + count)
    };
    at += usize::from(json[at] == b'-');
    at = if *json.get(at)? == b'0' { at + 1 } else { digits(at)? };
    if json.get(at) == Some(&b'.') {
        at = digits(at + 1)?;
    }
    if matches!(json.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(json.get(at), Some(b'+' | b'-')));
        at = digits(at.min(json.len()))?;
    }
    Some(at)
}

fn text(json: &[u8], at: usize) -> Option<usize> {
    if *json.get(at)? != b'"' {
        return None;
    }
    let mut at = at + 1;
    loop {
        at += json[at..].iter().position(|b| (*b < 0x20) | (*b == b'"') | (*b == b'\\'))?;
        match json[at] {
            b'"' => return Some(at + 1),
            b'\\' => at += escape(&json[at..])?,
            _ => return None,
        }
    }
}

// === impl Cells ===

impl<'r> Cells<'r> {
    pub(crate) fn new(row: &'r [u8]) -> Self {
        Self { row, at: 1 }
    }

    /// Where the row ends, once all of its so many cells are read.
    pub(crate) fn behind_row(&self, columns: usize) -> usize {
        self.at + usize::from(columns == 0)
    }

    /// A value that nothing follows.
    fn next_or_last(&mut self) -> Option<Cell<'r>> {
        let rest = self.row.get(self.at..)?;
        let form = match rest.first()? {
            b'"' => Form::Text,
            b'[' | b'{' => Form::Nested,
            b'n' => Form::Null,
            b't' | b'f' => Form::Bool,
            _ => Form::Number,
        };
        if form == Form::Text && rest.len() < 2 {
            return None;
        }
        Some(Cell { json: rest, form, escaped: rest.contains(&b'\\') })
    }
}

impl<'r> Iterator for Cells<'r> {
    type Item = Cell<'r>;

    #[inline]
    fn next(&mut self) -> Option<Cell<'r>> {
        let rest = self.row.get(self.at..)?;
        let (mut end, mut escaped) = (1, false);
        let form = match rest.first()? {
            b'"' => {
                loop {
                    match rest.get(end)? {
                        b'"' => break,
                        b'\\' => {
                            escaped = true;
                            end += 2;
                        }
                        _ => end += 1,
                    }
                }
                end += 1;
                Form::Text
            }
            b'[' | b'{' => {
                end = skip(rest)?;
                Form::Nested
            }
            b']' => return None,
            first => {
                end = rest.iter().position(|b| matches!(b, b',' | b']'))?;
                match first {
                    b'n' => Form::Null,
                    b't' | b'f' => Form::Bool,
                    _ => Form::Number,
                }
            }
        };
        self.at += end + 1;
        Some(Cell { json: &rest[..end], form, escaped })
    }
}

/// Behind an object or an array.
fn skip(json: &[u8]) -> Option<usize> {
    let (mut at, mut deep) = (0, 0usize);
    loop {
        match json.get(at)? {
            b'"' => {
                at += 1;
                while *json.get(at)? != b'"' {
                    at += if json[at] == b'\\' { 2 } else { 1 };
                }
            }
            b'[' | b'{' => deep += 1,
            b']' | b'}' => {
                deep = deep.checked_sub(1)?;
                if deep == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

// === impl Cell ===

impl<'r> Cell<'r> {
    pub(crate) const NULL: Self = Self { json: b"null", form: Form::Null, escaped: false };

    /// A sql_variant without what says its type; the cell itself where it is none.
    pub(crate) fn bare(self) -> Self {
        let value = || {
            let rest = self.json.strip_prefix(b"{\"base_type\":\"")?;
            let name = rest.iter().position(|b| *b == b'"')?;
            // The colon is where the bracket of a row would be.
            let value = rest[name + 1..].strip_prefix(b",\"value\"")?;
            Cells::new(&value[..value.len() - 1]).next_or_last()
        };
        match self.form {
            Form::Nested => value().unwrap_or(self),
            _ => self,
        }
    }

    /// Its characters, without quotes and escapes; none of NULL.
    #[inline]
    pub(crate) fn text(self) -> Option<Cow<'r, str>> {
        match self.form {
            Form::Null => None,
            Form::Text => {
                let inner = &self.json[1..self.json.len() - 1];
                match self.escaped {
                    false => Some(Cow::Borrowed(std::str::from_utf8(inner).unwrap_or_default())),
                    true => Some(Cow::Owned(unescape(inner))),
                }
            }
            _ => Some(Cow::Borrowed(std::str::from_utf8(self.json).unwrap_or_default())),
        }
    }
}

#[cfg(test)]
mod tests;
