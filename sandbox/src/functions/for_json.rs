//! FOR JSON: rows as objects ("Format query results as JSON with FOR JSON").

use std::sync::Arc;

use rusqlite::functions::{Aggregate, Context};

use super::sqlite::lite_error;
use super::{Calls, Invocation};
use crate::calendar::{self, Moment, SECOND, offset_text};
use crate::convert::convert;
use crate::error::{Error, Result};
use crate::types::{Len, Type, Value};

/// How rows become a text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct JsonWriter {
    pub(crate) properties: Vec<JsonProperty>,
    pub(crate) root: Option<String>,
    pub(crate) include_nulls: bool,
    pub(crate) no_wrapper: bool,
}

/// A column as a property of an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct JsonProperty {
    /// Its own name last, behind those of the objects around it.
    pub(crate) path: Vec<String>,
    pub(crate) ty: Type,
    /// Its text is JSON already.
    pub(crate) raw: bool,
}

impl JsonWriter {
    /// A row as an object.
    fn row(&self, values: &[Value]) -> Result<String> {
        let mut out = String::from("{");
        let mut open: &[String] = &[];
        let mut is_first = true;
        for (property, value) in self.properties.iter().zip(values) {
            if value.is_null() && !self.include_nulls {
                continue;
            }
            let Some((name, objects)) = property.path.split_last() else { continue };
            let shared = objects.iter().zip(open).take_while(|(a, b)| a == b).count();
            out += &"}".repeat(open.len() - shared);
            for object in &objects[shared..] {
                begin_member(&mut out, object, is_first);
                out.push('{');
                is_first = true;
            }
            open = objects;
            begin_member(&mut out, name, is_first);
            is_first = false;
            out += &property.text(value)?;
        }
        out += &"}".repeat(open.len() + 1);
        Ok(out)
    }

    fn wrapped(&self, rows: &str) -> String {
        let array = if self.no_wrapper { rows.to_owned() } else { format!("[{rows}]") };
        match &self.root {
            Some(root) => format!("{{{}:{array}}}", escaped(root)),
            None => array,
        }
    }
}

/// A comma where one is due, and the name.
fn begin_member(out: &mut String, name: &str, is_first: bool) {
    if !is_first || out.ends_with('}') {
        out.push(',');
    }
    *out += &escaped(name);
    out.push(':');
}

impl JsonProperty {
    /// A value of the column ("How FOR JSON converts SQL Server data types to JSON data types").
    fn text(&self, value: &Value) -> Result<String> {
        let as_text = |style| {
            let to = Type::VarChar(Len::N(100));
            match convert(value.clone(), self.ty, to, style)? {
                Value::Str(text) => Ok(text),
                _ => Err(Error::internal("a number without a text")),
            }
        };
        Ok(match (value, self.ty) {
            (Value::Null, _) => "null".to_owned(),
            (Value::Str(text), _) if self.raw => text.clone(),
            (Value::Str(text), _) => escaped(text),
            (Value::Int(n), Type::Bit) => if *n == 0 { "false" } else { "true" }.to_owned(),
            (Value::Int(n), ty) if ty.is_int() => n.to_string(),
            // A number in the examples of the pages, though their table of types says a text.
            (_, Type::Money | Type::SmallMoney | Type::Float) => as_text(2)?,
            (_, Type::Real) => as_text(1)?,
            (Value::Dec(d), ty) => crate::decimal::text(*d, ty.scale()),
            (Value::Bin(bytes), _) => in_base64(bytes)?,
            (value, ty) => match calendar::split(value, ty) {
                Some(moment) => format!("\"{}\"", date(moment, ty)?),
                None => return Err(Error::unsupported(format!("FOR JSON of {ty}"))),
            },
        })
    }
}

/// By ISO 8601, without a fraction where it is zero.
fn date(moment: Moment, ty: Type) -> Result<String> {
    let (year, month, day) = calendar::to_ymd(moment.days);
    let date = format!("{year:04}-{month:02}-{day:02}");
    if ty == Type::Date {
        return Ok(date);
    }
    let seconds = moment.ticks / SECOND;
    let mut time = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let digits = format!("{:07}", moment.ticks % SECOND);
    match ty {
        _ if moment.ticks % SECOND == 0 => {}
        Type::DateTime => time += &format!(".{}", &digits[..3]),
        Type::Time(scale) | Type::DateTime2(scale) | Type::DateTimeOffset(scale) => {
            let shown = &digits[..usize::from(scale)];
            if shown.ends_with('0') {
                return Err(Error::unsupported(
                    "FOR JSON of a fraction of a second that ends in 0",
                ));
            }
            time += &format!(".{shown}");
        }
        _ => {}
    }
    Ok(match (ty, moment.offset) {
        (Type::Time(_), _) => time,
        (_, Some(0)) => return Err(Error::unsupported("FOR JSON of the offset +00:00")),
        (_, Some(offset)) => format!("{date}T{time}{}", offset_text(offset)),
        _ => format!("{date}T{time}"),
    })
}

/// A text as a JSON string ("How FOR JSON escapes special characters and control characters").
fn escaped(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' | '/' => out.extend(['\\', c]),
            '\u{8}' => out += "\\b",
            '\u{c}' => out += "\\f",
            '\n' => out += "\\n",
            '\r' => out += "\\r",
            '\t' => out += "\\t",
            c if c < ' ' => out += &format!("\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Base64 of RFC 4648. Whether its slash is escaped no page tells.
fn in_base64(bytes: &[u8]) -> Result<String> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::from('"');
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * at) & 63) as usize];
            out.push(if at as usize > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    out.push('"');
    if out.contains('/') {
        return Err(Error::unsupported("FOR JSON of these bytes, whose base64 has a slash"));
    }
    Ok(out)
}

/// The aggregate `for_json(id, columns…)`, whose id is that of a [`JsonWriter`].
pub(super) struct ForJsonRows(pub(super) Arc<Calls>);

impl Aggregate<(String, usize), Option<String>> for ForJsonRows {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<(String, usize)> {
        Ok((String::new(), 0))
    }

    fn step(&self, ctx: &mut Context<'_>, rows: &mut (String, usize)) -> rusqlite::Result<()> {
        let id = ctx.get::<i64>(0)? as usize;
        let Some(call) = self.0.get(id) else { return Ok(()) };
        let Invocation::ForJson(writer) = &*call else { return Ok(()) };
        let value = |(i, p): (usize, &JsonProperty)| Value::from_lite(ctx.get_raw(i + 1), p.ty);
        let values = writer.properties.iter().enumerate().map(value).collect::<Result<Vec<_>>>();
        let row = values.and_then(|v| writer.row(&v)).map_err(|e| lite_error(&e))?;
        if !rows.0.is_empty() {
            rows.0.push(',');
        }
        rows.0 += &row;
        rows.1 = id;
        Ok(())
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        rows: Option<(String, usize)>,
    ) -> rusqlite::Result<Option<String>> {
        let Some((rows, id)) = rows.filter(|(rows, _)| !rows.is_empty()) else { return Ok(None) };
        Ok(self.0.get(id).and_then(|call| match &*call {
            Invocation::ForJson(writer) => Some(writer.wrapped(&rows)),
            _ => None,
        }))
    }
}
