//! One tool of others as one of ours, and what is other than it was.

use serde_json::Value;

use super::dialect;
use super::foreign::{ForeignParameter, ForeignTool};
use super::placeholders::named;
use super::template::Variant;
use super::write;
use crate::read::is_name;
use crate::scan::words;
use crate::tool::Access;

/// A tool as `[[tool]]`.
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) toml: String,
}

/// A tool of ours for one of the statements, and what is other than it was.
pub(super) fn one(
    tool: &ForeignTool,
    variant: &Variant,
    changes: &mut Vec<String>,
) -> Result<Draft, String> {
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
    // The argument that names one of several databases is ours.
    let is_taken = name.eq_ignore_ascii_case("database");
    if is_taken || name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("_{name}")
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_become_ours() {
        for (theirs, ours) in [
            ("searchHotels-by name", "search_hotels_by_name"),
            ("get_HTTPStatus2Code", "get_httpstatus2_code"),
            ("2nd", "t_2nd"),
            ("fine_1", "fine_1"),
            ("größe", "gr_e"),
            ("--", ""),
        ] {
            assert_eq!(tool_name(theirs), ours);
        }
        assert_eq!(tool_name(&"Ab".repeat(60)).len(), 64);
        assert_eq!((parameter_name("a-b"), parameter_name("1")), ("a_b".into(), "_1".into()));
    }

    #[test]
    fn values_that_are_expressions_become_a_pattern() {
        assert_eq!(pattern(&[json!("a.b"), json!("c")]), None);
        assert_eq!(pattern(&[json!("a+"), json!("c")]).as_deref(), Some("(?:a+)|(?:c)"));
        assert_eq!(pattern(&[json!("^a$")]).as_deref(), Some("^a$"));
        assert_eq!(pattern(&[json!(1)]), None);
    }
}
