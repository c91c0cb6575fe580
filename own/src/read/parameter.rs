//! `[[tool.parameter]]`.

use std::cmp::Ordering;

use serde_json::Value;

use super::fields::Fields;
use super::hides;
use crate::bind::checked;
use crate::tool::{Parameter, Pattern};
use crate::types::SqlType;
use crate::value::{compare, text_of};

/// More no model fills in.
const MOST: usize = 100;

/// The parameters of a tool.
pub(super) fn all(tool: &mut Fields) -> Vec<Parameter> {
    let tables = match tool.any("parameter") {
        None => return Vec::new(),
        Some(toml::Value::Array(tables)) => tables,
        Some(_) => {
            tool.errors.push("parameter: write [[tool.parameter]], in two brackets".to_owned());
            return Vec::new();
        }
    };
    if tables.len() > MOST {
        tool.errors
            .push(format!("parameter: {} of them, and at most {MOST} are taken", tables.len()));
        return Vec::new();
    }
    let mut all: Vec<Parameter> = Vec::new();
    for (number, value) in tables.into_iter().enumerate() {
        let toml::Value::Table(table) = value else {
            tool.errors.push(format!("parameter number {}: is no table", number + 1));
            continue;
        };
        let named = table.get("name").and_then(toml::Value::as_str).filter(|n| is_name(n));
        let at = match named {
            Some(name) => format!("parameter {name}"),
            None => format!("parameter number {}", number + 1),
        };
        let mut f = Fields::new(table);
        let parameter = one(&mut f);
        let wrong = f.finish();
        match parameter.filter(|_| wrong.is_empty()) {
            Some(p) if all.iter().any(|o| o.name.eq_ignore_ascii_case(&p.name)) => tool
                .errors
                .push(format!("{at}: name: another parameter has this name; T-SQL minds no case")),
            Some(p) => all.push(p),
            None => tool.errors.extend(wrong.into_iter().map(|w| format!("{at}: {w}"))),
        }
    }
    all
}

/// `^[A-Za-z_][A-Za-z0-9_]{0,127}$`
pub(crate) fn is_name(name: &str) -> bool {
    name.len() <= 128
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn one(f: &mut Fields) -> Option<Parameter> {
    let name = f.needed("name", "customer");
    if name.as_ref().is_some_and(|n| !is_name(n)) {
        f.wrong("name", "a letter or _, and then up to 127 letters, digits and _, without the @");
    }
    if name.as_ref().is_some_and(|n| n.eq_ignore_ascii_case("database")) {
        f.wrong(
            "name",
            "another one: database is the argument that names one of several databases",
        );
    }
    let sql_type = f.needed("type", "int").and_then(|t| match SqlType::parse(&t) {
        Ok(ty) => Some(ty),
        Err(why) => {
            f.errors.push(format!("type: {why}"));
            None
        }
    });
    let description = f.text("description").map(|d| d.trim().to_owned());
    if description.as_ref().is_some_and(|d| d.chars().count() > 300 || hides(d)) {
        f.wrong("description", "at most 300 characters, and none that nobody sees");
    }
    let required = f.flag("required");
    let default = f.any("default").map(json);
    let allowed = f.any("allowed").map(json);
    let (min, max) = (f.any("min").map(json), f.any("max").map(json));
    let pattern = f.text("pattern");
    let from_claim = f.text("from_claim");
    let secret = f.flag("secret").unwrap_or_default();

    if from_claim.is_some() && (default.is_some() || required.is_some() || allowed.is_some()) {
        f.errors.push(
            "from_claim: the value is the sign-in's; take default, required and allowed out"
                .to_owned(),
        );
    }
    if default.is_some() && required == Some(true) {
        f.errors.push("default: a parameter with a default is not required; keep one".to_owned());
    }
    if default.is_some() && secret {
        f.errors.push("default: every client would be told it, and it is secret".to_owned());
    }
    let mut p = Parameter {
        name: name?,
        sql_type: sql_type?,
        description,
        required: from_claim.is_none() && required.unwrap_or(default.is_none()),
        default: None,
        allowed: Vec::new(),
        min: None,
        max: None,
        pattern: None,
        from_claim,
        secret,
    };
    p.pattern = pattern.and_then(|text| pattern_of(f, &p, &text));
    p.min = min.and_then(|v| bound(f, "min", &p, &v));
    p.max = max.and_then(|v| bound(f, "max", &p, &v));
    if let (Some(min), Some(max)) = (&p.min, &p.max)
        && compare(p.sql_type.item(), min, max) == Some(Ordering::Greater)
    {
        f.errors.push("min: is more than max, so that no value fits".to_owned());
    }
    if let Some(allowed) = allowed {
        p.allowed = allowed_of(f, &p, allowed);
    }
    if let Some(default) = default {
        if let Err(why) = checked(&p, &default) {
            f.errors.push(format!("default: {why}"));
        }
        p.default = Some(default);
    }
    Some(p)
}

fn pattern_of(f: &mut Fields, p: &Parameter, text: &str) -> Option<Pattern> {
    if !p.sql_type.item().is_text() {
        f.errors.push("pattern: is for char, varchar, nchar, nvarchar and xml".to_owned());
        return None;
    }
    match Pattern::new(text) {
        Ok(pattern) => Some(pattern),
        Err(why) => {
            f.errors.push(format!("pattern: {why}"));
            None
        }
    }
}

fn bound(f: &mut Fields, key: &str, p: &Parameter, value: &Value) -> Option<String> {
    let ty = p.sql_type.item();
    if !ty.is_ordered() {
        f.errors.push(format!("{key}: is for numbers, dates and times"));
        return None;
    }
    match text_of(ty, value) {
        Ok(text) => Some(text),
        Err(why) => {
            f.errors.push(format!("{key}: {why}"));
            None
        }
    }
}

fn allowed_of(f: &mut Fields, p: &Parameter, allowed: Value) -> Vec<Value> {
    let Value::Array(all) = allowed else {
        f.wrong("allowed", "a list");
        return Vec::new();
    };
    if all.is_empty() {
        f.wrong("allowed", "a list of at least one value");
    }
    // A value that the rest of the parameter refuses could never be given.
    let one = Parameter { sql_type: p.sql_type.item().clone(), ..p.clone() };
    for (number, value) in all.iter().enumerate() {
        if let Err(why) = checked(&one, value) {
            f.errors.push(format!("allowed: value number {}: {why}", number + 1));
        }
    }
    all
}

/// A value of the file as a call would give it: dates are texts.
fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(s) => Value::String(s),
        toml::Value::Integer(n) => Value::from(n),
        toml::Value::Float(n) => Value::from(n),
        toml::Value::Boolean(b) => Value::Bool(b),
        toml::Value::Datetime(d) => Value::String(d.to_string()),
        toml::Value::Array(all) => Value::Array(all.into_iter().map(json).collect()),
        toml::Value::Table(all) => {
            Value::Object(all.into_iter().map(|(k, v)| (k, json(v))).collect())
        }
    }
}
