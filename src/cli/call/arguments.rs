//! A tool's arguments on a command line, by its input schema.

use serde_json::{Map, Value};

use super::{flag, wrong};
use crate::cli::Failed;
use crate::cli::table::plain;

/// A tool's arguments, for a person.
pub(super) fn help(tool: &Value) -> String {
    let text = |v: &Value| v.as_str().map(plain).unwrap_or_default();
    let name = text(&tool["name"]);
    let schema = &tool["inputSchema"];
    let mut out =
        format!("{}\n\nUsage: mssql-mcp call [OPTIONS] {name}", text(&tool["description"]));
    let required =
        |name: &str| schema["required"].as_array().is_some_and(|r| r.iter().any(|r| r == name));
    let properties: Vec<(&String, &Value)> =
        schema["properties"].as_object().into_iter().flatten().collect();
    for (n, (p, _)) in properties.iter().enumerate().filter(|(n, (p, _))| *n == 0 || required(p)) {
        let one = if n == 0 {
            format!("{}|--{p} {}", p.to_uppercase(), p.to_uppercase())
        } else {
            format!("--{p} {}", p.to_uppercase())
        };
        out += &if required(p) { format!(" {one}") } else { format!(" [{one}]") };
    }
    out += "\n\nArguments:\n";
    let left: Vec<String> =
        properties.iter().map(|(p, v)| format!("--{p} <{}>", kind(v))).collect();
    let wide = left.iter().map(String::len).max().unwrap_or(0);
    for ((p, v), l) in properties.iter().zip(&left) {
        out += &format!("  {l:<wide$}  {}", text(&v["description"]));
        if v["type"] == "array" && v["items"]["properties"].get("name").is_some() {
            out += "; or an object: {\"name\": value}";
        }
        if let Some(d) = v.get("default") {
            out += &format!(" [{d}]");
        }
        if required(p) {
            out += " (needed)";
        }
        out.push('\n');
    }
    out += "\n`mssql-mcp call --help` shows the options.\n";
    out
}

/// What a value of a property is.
fn kind(schema: &Value) -> String {
    if let Some(list) = schema["enum"].as_array() {
        return list
            .iter()
            .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join("|");
    }
    let one =
        |t: &str| if t == "object" || t == "array" { format!("JSON {t}") } else { t.to_owned() };
    match &schema["type"] {
        Value::String(t) => one(t),
        Value::Array(all) => all
            .iter()
            .filter_map(Value::as_str)
            .filter(|t| *t != "null")
            .map(one)
            .collect::<Vec<_>>()
            .join("|"),
        _ => "value".into(),
    }
}

/// `--name value`, `--name=value`, and first of all the first argument's value alone; what the
/// schema wants as something else than text is read as JSON. What a tool does not have is sent as
/// text, and the server's answer says so.
pub(super) fn arguments(args: &[String], schema: &Value) -> Result<Map<String, Value>, Failed> {
    let properties = &schema["properties"];
    let first = properties.as_object().and_then(|p| p.keys().next());
    let is = |name: &str, ty: &str| match &properties[name]["type"] {
        Value::Array(all) => all.iter().any(|t| t == ty),
        t => t == ty,
    };
    let mut out = Map::new();
    let mut it = args.iter().peekable();
    while let Some(a) = it.next() {
        let (name, value) = match (flag(a).map(|flag| (flag, flag.split_once('='))), first) {
            (Some((_, Some((n, v)))), _) => (n.replace('-', "_"), v.to_owned()),
            (Some((n, None)), _) => {
                let name = n.replace('-', "_");
                let bare = is(&name, "boolean")
                    && it.peek().is_none_or(|v| !matches!(v.as_str(), "true" | "false"));
                let value = if bare { Some("true".to_owned()) } else { it.next().cloned() };
                let value = value.ok_or_else(|| wrong(format!("--{n} needs a value")))?;
                (name, value)
            }
            (None, Some(f)) if out.is_empty() => (f.clone(), a.clone()),
            (None, _) => return Err(wrong(format!("\"{a}\": --name value is expected here"))),
        };
        let v = if is(&name, "string") || properties.get(&name).is_none() {
            Value::String(value)
        } else {
            let read: Value = serde_json::from_str(&value).map_err(|_| {
                wrong(format!("--{name}: \"{value}\" is no {}", kind(&properties[&name])))
            })?;
            // As it was written: numbers read here would be doubles, and lose digits.
            if read.is_object() { Value::String(value) } else { read }
        };
        if out.insert(name.clone(), v).is_some() {
            return Err(wrong(format!("--{name} is given twice")));
        }
    }
    Ok(out)
}
