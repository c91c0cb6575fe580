//! A file of tools: what is right in it, and all that is wrong.

mod fields;
mod parameter;

use std::collections::HashSet;
use std::time::Duration;

use crate::check;
use crate::schema::definition;
use crate::tool::{Access, Annotations, OwnTool, Runs};
use fields::Fields;

/// What a list of tools may tell of each: every conversation pays for it.
const LARGEST: usize = 4096;

/// What is asked of a file beside its own form.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Names that are others' already, such as those of built-in tools.
    pub taken: &'a [&'a str],
    /// How many tools a file may have.
    pub most: usize,
}

impl Default for Rules<'_> {
    fn default() -> Self {
        Self { taken: &[], most: 50 }
    }
}

/// Reads the `[[tool]]`s of a file. One that is wrong is left out and does not stop the others; the
/// errors name the file, the tool and the key. Other tables of the file are not looked at.
pub fn parse(text: &str, file: &str, rules: &Rules<'_>) -> (Vec<OwnTool>, Vec<String>) {
    let mut errors = Vec::new();
    let mut table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(e) => {
            let line = line_of(text, &e);
            return (Vec::new(), vec![format!("{file}: line {line}: {}", e.message())]);
        }
    };
    if table.contains_key("tools") {
        errors.push(format!("{file}: tools: write [[tool]] and [[tool.parameter]], without an s"));
    }
    let tables = match table.remove("tool") {
        None => return (Vec::new(), errors),
        Some(toml::Value::Array(tables)) => tables,
        Some(_) => {
            errors
                .push(format!("{file}: tool: write [[tool]], in two brackets, once for each tool"));
            return (Vec::new(), errors);
        }
    };
    if tables.len() > rules.most {
        errors.push(format!(
            "{file}: {} tools, and at most {} are taken; models choose badly among many. The first {} are kept",
            tables.len(),
            rules.most,
            rules.most
        ));
    }
    let mut names: HashSet<String> = rules.taken.iter().map(|n| (*n).to_owned()).collect();
    let mut tools = Vec::new();
    for (number, value) in tables.into_iter().enumerate().take(rules.most) {
        let toml::Value::Table(table) = value else {
            errors.push(format!("{file}: [[tool]] number {}: is no table", number + 1));
            continue;
        };
        let named = table.get("name").and_then(toml::Value::as_str).filter(|n| is_name(n));
        let at = match named {
            Some(name) => format!("{file}: tool {name}"),
            None => format!("{file}: [[tool]] number {}", number + 1),
        };
        if let Some(name) = named
            && !names.insert(name.to_owned())
        {
            errors.push(format!("{at}: name: another tool has this name; choose one of its own"));
            continue;
        }
        match tool(table) {
            Ok(tool) => tools.push(tool),
            Err(wrong) => errors.extend(wrong.into_iter().map(|w| format!("{at}: {w}"))),
        }
    }
    (tools, errors)
}

/// The line that an error is on.
pub(crate) fn line_of(text: &str, e: &toml::de::Error) -> usize {
    e.span().and_then(|s| text.get(..s.start)).map_or(1, |before| before.matches('\n').count() + 1)
}

/// `^[a-z][a-z0-9_]{0,63}$`, which every client takes.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn tool(table: toml::Table) -> Result<OwnTool, Vec<String>> {
    let mut f = Fields::new(table);
    let name = f.needed("name", "open_orders");
    if name.as_ref().is_some_and(|n| !is_name(n)) {
        f.wrong("name", "a small letter, and then up to 63 small letters, digits and _");
    }
    let title = f.text("title");
    if title.as_ref().is_some_and(|t| t.chars().count() > 100) {
        f.wrong("title", "at most 100 characters");
    }
    let description = f.needed("description", "Orders that are not shipped yet, of one customer");
    if let Some(d) = &description {
        let length = d.trim().chars().count();
        if !(20..=600).contains(&length) {
            f.wrong(
                "description",
                &format!("20 to 600 characters, for models to choose by; it has {length}"),
            );
        }
    }
    for (key, text) in [("title", &title), ("description", &description)] {
        if text.as_ref().is_some_and(|t| hides(t)) {
            f.wrong(key, "no characters that nobody sees");
        }
    }
    let database = f.text("database");
    let runs = runs(&mut f);
    let access = access(&mut f);
    let max_rows = f.whole("max_rows", 1, 10_000_000).map(|n| n as u32);
    let timeout = f.text("timeout").and_then(|t| {
        let timeout = duration(&t);
        if timeout.is_none() {
            f.wrong("timeout", "a number with ms, s, m or h, from 100ms to 24h, such as \"20s\"");
        }
        timeout
    });
    let scopes = f.texts("scopes");
    // RFC 6749 §3.3.
    let scope = |s: &String| {
        !s.is_empty() && s.bytes().all(|b| b.is_ascii_graphic() && !b"\"\\".contains(&b))
    };
    if scopes.iter().flatten().any(|s| !scope(s)) {
        f.wrong("scopes", "a list of OAuth scopes, each without blanks, such as [\"sales:read\"]");
    }
    let principals = f.texts("principals");
    let principal = |p: &String| !p.is_empty() && !p.strip_suffix('*').unwrap_or(p).contains('*');
    if principals.as_ref().is_some_and(|all| all.is_empty() || !all.iter().all(principal)) {
        f.wrong("principals", "names, whole or up to a * at the end, such as [\"sales-*\"]");
    }
    let annotations = annotations(&mut f);
    let parameters = parameter::all(&mut f);
    if let Some(Runs::Statement(text)) = &runs {
        f.errors.extend(check::statement(text, &parameters));
    }
    let errors = f.finish();
    let (Some(name), Some(description), Some(runs), true) =
        (name, description, runs, errors.is_empty())
    else {
        return Err(errors);
    };
    let tool = OwnTool {
        name,
        title,
        description: description.trim().to_owned(),
        database,
        runs,
        access,
        max_rows,
        timeout,
        scopes: scopes.unwrap_or_default(),
        principals: principals.unwrap_or_default(),
        annotations,
        parameters,
    };
    let size = definition(&tool).to_string().len();
    if size > LARGEST {
        return Err(vec![format!(
            "its definition, as clients get it, has {size} bytes, and may have {LARGEST}; shorten \
             descriptions and lists of allowed values, or make two tools of it"
        )]);
    }
    Ok(tool)
}

fn runs(f: &mut Fields) -> Option<Runs> {
    match (f.text("statement"), f.text("procedure")) {
        (Some(statement), None) => Some(Runs::Statement(statement.trim().to_owned())),
        (None, Some(name)) => {
            if let Err(why) = check::procedure(&name) {
                f.errors.push(format!("procedure: {why}"));
            }
            Some(Runs::Procedure(name.trim().to_owned()))
        }
        (Some(_), Some(_)) => {
            f.errors.push("statement and procedure are one too many; keep one".to_owned());
            None
        }
        (None, None) => {
            f.errors.push(
                "statement is missing, or procedure: statement = \"SELECT …\", or procedure = \"dbo.OpenOrders\""
                    .to_owned(),
            );
            None
        }
    }
}

fn access(f: &mut Fields) -> Access {
    match f.text("access").as_deref() {
        None | Some("read-only") => Access::ReadOnly,
        Some("read-write") => Access::ReadWrite,
        Some("full") => Access::Full,
        Some(_) => {
            f.wrong("access", "read-only, read-write or full");
            Access::ReadOnly
        }
    }
}

fn annotations(f: &mut Fields) -> Annotations {
    let Some(table) = f.table("annotations") else { return Annotations::default() };
    let mut own = Fields::new(table);
    let all = Annotations { idempotent: own.flag("idempotent") };
    f.errors.extend(own.finish().into_iter().map(|e| format!("annotations: {e}")));
    all
}

fn duration(text: &str) -> Option<Duration> {
    let at = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..at].parse().ok()?;
    let unit = match &text[at..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let all = number.checked_mul(unit)?;
    (100..=24 * 3_600_000).contains(&all).then(|| Duration::from_millis(all))
}

/// What a model reads and a person who looks at the file does not.
pub(crate) fn hides(text: &str) -> bool {
    text.chars().any(|c| {
        (c.is_control() && !matches!(c, '\n' | '\t' | '\r'))
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0d}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
    })
}
