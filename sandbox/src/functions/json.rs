//! JSON: the lax half of its paths. A text that is not properly formatted is 13609 where it is sure
//! which character the server names, and refused elsewhere.

mod open;

pub(crate) use self::open::{CHUNKS, OPEN_JSON};
use super::text::is_no_text;
use super::{Arguments, Function, Operands, Signature, text_of};
use crate::error::{Error, Result};
use crate::messages;
use crate::types::{Len, Type, Value};

/// The longest text that JSON_VALUE gives, in UTF-16; NULL for what is longer.
const LONGEST_VALUE: usize = 4000;
/// How deep objects and arrays may stand in each other.
const DEEPEST: u32 = 128;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("ISJSON", (1, 1), |of| types(of, Type::Int), is_json),
    Function::new(
        "JSON_VALUE",
        (2, 2),
        |of| types(of, Type::NVarChar(Len::N(LONGEST_VALUE as u16))),
        json_value,
    ),
    Function::new("JSON_QUERY", (1, 2), |of| types(of, Type::NVarChar(Len::Max)), json_query),
];

fn types(of: &Operands<'_>, out: Type) -> Result<Signature> {
    of.refuse(|t| is_no_text(t) || !t.is_text() && t != Type::Null)?;
    Signature::new([text_of(of.first()), text_of(of.get(1))], out)
}

/// An object or an array; what else is JSON by RFC 8259, this function is not asked for.
fn is_json(a: &Arguments<'_>) -> Result<Value> {
    let mut reader = Reader::new(a.text(0));
    let is_container = matches!(reader.peek(), Some(b'{' | b'['));
    let valid = is_container && reader.value().is_some() && reader.at_end();
    Ok(Value::Int(i64::from(valid)))
}

/// A text, a number or a truth value; NULL for anything else.
fn json_value(a: &Arguments<'_>) -> Result<Value> {
    let Some(found) = find(a.text(0), a.text(1))? else { return Ok(Value::Null) };
    let text = match found.as_bytes().first() {
        Some(b'{' | b'[' | b'n') => return Ok(Value::Null),
        Some(b'"') => unescaped(found),
        _ => found.to_owned(),
    };
    if text.encode_utf16().count() > LONGEST_VALUE {
        return Ok(Value::Null);
    }
    Ok(Value::Str(text))
}

/// An object or an array as it is written; NULL for anything else.
fn json_query(a: &Arguments<'_>) -> Result<Value> {
    let path = if a.values.len() < 2 { "$" } else { a.text(1) };
    let found = find(a.text(0), path)?.filter(|text| text.starts_with(['{', '[']));
    Ok(found.map_or(Value::Null, |text| Value::Str(text.to_owned())))
}

/// What a path leads to, as it is written.
fn find<'a>(json: &'a str, path: &str) -> Result<Option<&'a str>> {
    let steps = steps(path)?;
    let mut at = whole(json, 1)?;
    for step in &steps {
        let Some(next) = Reader::new(at).step(step) else { return Ok(None) };
        at = next;
    }
    Ok(Some(at))
}

/// An object or an array, and nothing else; 13609 with a state that tells who asks.
fn whole(json: &str, state: u8) -> Result<&str> {
    let mut reader = Reader::new(json);
    let first = reader.peek();
    let found = match first {
        Some(b'{' | b'[') => reader.value(),
        // A number, a text or a word would be proper elsewhere.
        Some(b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => None,
        _ => {
            reader.stopped = Some(reader.at);
            None
        }
    };
    match (found, reader.stopped.filter(|_| !reader.has_value)) {
        (Some(found), _) if reader.at_end() => Ok(found),
        (_, Some(at)) => {
            let position = json[..at].encode_utf16().count();
            let found = json[at..].chars().next().unwrap_or('.');
            Err(messages::improper_json(found, position, state))
        }
        _ => Err(Error::unsupported("this text, which is not proper JSON")),
    }
}

/// A step of a path.
#[derive(Debug, PartialEq)]
enum Step {
    Key(String),
    Index(usize),
}

/// `$.a."b c"[0]`, after an optional `lax`.
fn steps(path: &str) -> Result<Vec<Step>> {
    let unknown = || Error::unsupported(format!("the JSON path '{path}'"));
    let trimmed = path.trim_matches(' ');
    let mut rest = trimmed
        .strip_prefix("lax ")
        .unwrap_or(trimmed)
        .trim()
        .strip_prefix('$')
        .ok_or_else(unknown)?;
    let mut out = Vec::new();
    while !rest.is_empty() {
        if let Some(key) = rest.strip_prefix(".\"") {
            let (key, behind) = key.split_once('"').ok_or_else(unknown)?;
            if key.contains('\\') {
                return Err(unknown());
            }
            out.push(Step::Key(key.to_owned()));
            rest = behind;
        } else if let Some(key) = rest.strip_prefix('.') {
            let end = key.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(key.len());
            if end == 0 || key.starts_with(|c: char| c.is_numeric()) {
                return Err(unknown());
            }
            out.push(Step::Key(key[..end].to_owned()));
            rest = &key[end..];
        } else {
            let index = rest.strip_prefix('[').ok_or_else(unknown)?;
            let (index, behind) = index.split_once(']').ok_or_else(unknown)?;
            out.push(Step::Index(index.parse().map_err(|_| unknown())?));
            rest = behind;
        }
    }
    Ok(out)
}

/// Reads RFC 8259; nothing where the text is not proper.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
    /// Where something else would have had to stand; none where that is not sure.
    stopped: Option<usize>,
    /// A value was read to its end: the server may have found in it what it looked for.
    has_value: bool,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0, stopped: None, has_value: false }
    }

    /// The next byte that is no blank.
    fn peek(&mut self) -> Option<u8> {
        let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\n' | b'\r');
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(blank) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        let hit = self.peek() == Some(byte);
        self.at += usize::from(hit);
        hit.then_some(())
    }

    /// The same, where nothing else may stand.
    fn need(&mut self, byte: u8) -> Option<()> {
        let hit = self.eat(byte);
        if hit.is_none() {
            self.stopped.get_or_insert(self.at);
        }
        hit
    }

    /// A value as it is written.
    fn value(&mut self) -> Option<&'a str> {
        let first = self.peek();
        let start = self.at;
        match first.unwrap_or(0) {
            b'{' => self.members(|_, _| false).map(|_| ()),
            b'[' => self.elements(usize::MAX).map(|_| ()),
            b'"' => self.string().map(|_| ()),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            b'-' | b'0'..=b'9' => self.number(),
            _ => {
                self.stopped.get_or_insert(start);
                None
            }
        }?;
        self.has_value = true;
        Some(&self.text[start..self.at])
    }

    /// The value that a step leads to.
    fn step(&mut self, step: &Step) -> Option<&'a str> {
        match (step, self.peek()?) {
            (Step::Key(key), b'{') => self.members(|_, name| name == key)?,
            (Step::Index(index), b'[') => self.elements(*index)?,
            _ => None,
        }
    }

    /// An object: the first value of a name that is meant, if there is one.
    fn members(&mut self, meant: impl Fn(&Self, &str) -> bool) -> Option<Option<&'a str>> {
        let mut found = None;
        self.list(b'{', b'}', |reader, _| {
            reader.peek();
            let name = unescaped(reader.string()?);
            reader.need(b':')?;
            let value = reader.value()?;
            if found.is_none() && meant(reader, &name) {
                found = Some(value);
            }
            Some(())
        })?;
        Some(found)
    }

    /// An array: the element at an index, if there is one.
    fn elements(&mut self, index: usize) -> Option<Option<&'a str>> {
        let mut found = None;
        self.list(b'[', b']', |reader, at| {
            let value = reader.value()?;
            if at == index {
                found = Some(value);
            }
            Some(())
        })?;
        Some(found)
    }

    /// Every member of an object that is proper.
    fn each_member(&mut self, mut found: impl FnMut(String, &'a str)) {
        self.list(b'{', b'}', |reader, _| {
            reader.peek();
            let name = unescaped(reader.string()?);
            reader.need(b':')?;
            found(name, reader.value()?);
            Some(())
        });
    }

    /// Every element of an array that is proper, with its number from 0.
    fn each_element(&mut self, mut found: impl FnMut(usize, &'a str)) {
        self.list(b'[', b']', |reader, at| {
            found(at, reader.value()?);
            Some(())
        });
    }

    fn list(
        &mut self,
        open: u8,
        close: u8,
        mut item: impl FnMut(&mut Self, usize) -> Option<()>,
    ) -> Option<()> {
        self.eat(open)?;
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        if self.eat(close).is_none() {
            for at in 0.. {
                item(self, at)?;
                if self.eat(b',').is_none() {
                    break;
                }
            }
            self.need(close)?;
        }
        self.depth -= 1;
        Some(())
    }

    /// A string with its quotation marks.
    fn string(&mut self) -> Option<&'a str> {
        let start = self.at;
        self.need(b'"')?;
        let bytes = self.text.as_bytes();
        loop {
            match *bytes.get(self.at)? {
                b'"' => break,
                b'\\' => {
                    let escape = *bytes.get(self.at + 1)?;
                    let digits = self.text.get(self.at + 2..self.at + 6);
                    let is_code =
                        || digits.is_some_and(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
                    match escape {
                        b'u' if is_code() => self.at += 6,
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
                        _ => return None,
                    }
                }
                0..0x20 => return None,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(&self.text[start..self.at])
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let hit = self.text[self.at..].starts_with(word);
        self.at += if hit { word.len() } else { 0 };
        hit.then_some(())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.text.as_bytes().get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Option<()> {
        let next = |reader: &Self| reader.text.as_bytes().get(reader.at).copied();
        self.at += usize::from(next(self) == Some(b'-'));
        let leading_zero = next(self) == Some(b'0');
        let whole = self.digits();
        if whole == 0 || leading_zero && whole > 1 {
            return None;
        }
        if next(self) == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return None;
            }
        }
        if matches!(next(self), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(next(self), Some(b'+' | b'-')));
            if self.digits() == 0 {
                return None;
            }
        }
        Some(())
    }
}

/// A text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => out += &format!("\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The text of a string that was read, without its quotation marks.
fn unescaped(string: &str) -> String {
    let mut units: Vec<u16> = Vec::new();
    let mut chars = string[1..string.len() - 1].chars();
    while let Some(c) = chars.next() {
        let one = match c {
            '\\' => match chars.next() {
                Some('u') => {
                    let code: String = chars.by_ref().take(4).collect();
                    units.push(u16::from_str_radix(&code, 16).unwrap_or(0));
                    continue;
                }
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some(other) => other,
                None => break,
            },
            c => c,
        };
        units.extend_from_slice(one.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proper_json_is_told_from_what_is_not() {
        let proper = [
            "{}",
            "[]",
            " [ 1 , -2.5e+3 , 0.1 ] ",
            r#"{"a":{"b":[true,false,null,"x\n\u00e9\"\\"]},"":0}"#,
            "[[[]]]",
        ];
        for text in proper {
            let mut reader = Reader::new(text);
            assert!(reader.value().is_some() && reader.at_end(), "{text}");
        }
        let improper = [
            "",
            "{",
            "[1,]",
            "[,1]",
            "{a:1}",
            r#"{"a"}"#,
            r#"{"a":1,}"#,
            "[01]",
            "[1.]",
            "[.5]",
            "[+1]",
            "[1e]",
            "[-]",
            "[tru]",
            "[\"a]",
            "[\"\\x\"]",
            "[\"\\u12g4\"]",
            "[\"\n\"]",
            "[] []",
            "[1 2]",
            "'a'",
        ];
        for text in improper {
            let mut reader = Reader::new(text);
            assert!(reader.value().is_none() || !reader.at_end(), "{text}");
        }
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(Reader::new(&deep(DEEPEST as usize)).value().is_some());
        assert!(Reader::new(&deep(DEEPEST as usize + 1)).value().is_none());
    }

    #[test]
    fn paths_lead_to_values_as_they_are_written() {
        let json = r#"{"a":{"b c":[10,{"d":"x\u00E9\/y"}]},"a":2,"A":3,"e":-1.50}"#;
        let cases = [
            ("$", Some(json)),
            ("$.a", Some(r#"{"b c":[10,{"d":"x\u00E9\/y"}]}"#)),
            ("$.A", Some("3")),
            ("$.e", Some("-1.50")),
            ("lax $.a.\"b c\"[0]", Some("10")),
            ("$.a.\"b c\"[1].d", Some(r#""x\u00E9\/y""#)),
            ("$.a.\"b c\"[2]", None),
            ("$.a[0]", None),
            ("$.z.y", None),
        ];
        for (path, expected) in cases {
            assert_eq!(find(json, path), Ok(expected), "{path}");
        }
        assert_eq!(unescaped(r#""x\u00E9\/\ud83d\ude00\t""#), "xé/😀\t");
        for text in ["", "a\"b\\c\n\u{1}", "東京 😀"] {
            let json = quoted(text);
            assert!(Reader::new(&json).value() == Some(json.as_str()), "{text}");
            assert_eq!(unescaped(&json), text);
        }
        for path in ["", "a", "$a", "$.", "$.1", "$[", "$[x]", "$[-1]", "strict $.a", "$..a"] {
            assert!(steps(path).is_err_and(|e| e.is_unsupported()), "{path}");
        }
    }
}
