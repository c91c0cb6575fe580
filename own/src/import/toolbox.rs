//! MCP Toolbox's YAML, of both forms: maps of sources and tools, or a document for each.

use serde_json::Value;

use super::convert::Drafts;
use super::foreign::{ForeignTool, parameters};
use super::source::{Password, Source};
use super::{LineKind, items, others, text_of};

const SOURCE_KEYS: [&str; 10] = [
    "kind",
    "type",
    "name",
    "host",
    "port",
    "database",
    "user",
    "password",
    "encrypt",
    "description",
];
const TOOL_KEYS: [&str; 12] = [
    "kind",
    "type",
    "name",
    "source",
    "description",
    "statement",
    "parameters",
    "templateParameters",
    "authRequired",
    "scopesRequired",
    "annotations",
    "maxRows",
];

/// A document of either form.
pub(super) fn read(document: &Value, drafts: &mut Drafts) {
    if document.is_null() {
        return;
    }
    let Some(all) = document.as_object() else {
        return drafts.line(LineKind::Refused, "the file", "a document of it is no mapping");
    };
    if let Some(kind) = text_of(document, "kind") {
        let name = text_of(document, "name").unwrap_or_default();
        let of = text_of(document, "type").unwrap_or_default();
        return part(kind.trim_end_matches('s'), &name, &of, document, drafts);
    }
    // Sources first, wherever they are: tools are held against them.
    let mut sections: Vec<&String> = all.keys().collect();
    sections.sort_by_key(|s| s.as_str() != "sources");
    for section in sections {
        let kind = section.trim_end_matches('s').replace("authSource", "authService");
        let known = ["source", "tool", "toolset", "authService"].contains(&kind.as_str());
        let parts = all[section].as_object().filter(|_| known);
        let Some(parts) = parts else {
            drafts.line(LineKind::Changed, section, "is left out");
            continue;
        };
        for (name, of) in parts {
            // A toolset is a list, or has one.
            let own = text_of(of, "kind").or_else(|| text_of(of, "type")).unwrap_or_default();
            part(&kind, name, &own, of, drafts);
        }
    }
}

fn part(kind: &str, name: &str, of: &str, value: &Value, drafts: &mut Drafts) {
    match kind {
        "source" => match source(name, of, value) {
            Ok(source) => drafts.source(source),
            Err(why) => drafts.refuse_source(name, why),
        },
        "tool" => tool(name, of, value, drafts),
        "toolset" | "group" => drafts.line(
            LineKind::Changed,
            &format!("toolset {name}"),
            "there are no sets of tools; who has a tool is said with its key principals",
        ),
        "authService" | "authSource" => drafts.line(
            LineKind::Changed,
            &format!("authService {name}"),
            "is left out: who signs people in is set once for the server, in [auth]",
        ),
        _ => drafts.line(LineKind::Refused, &format!("{kind} {name}"), "this kind is not read"),
    }
}

fn source(name: &str, of: &str, value: &Value) -> Result<Source, String> {
    match of {
        "mssql" => {}
        "cloud-sql-mssql" => {
            return Err("it is reached through Google's connector; name the server's address, with the kind mssql".to_owned());
        }
        "" => return Err("neither kind nor type says which database it is".to_owned()),
        _ => return Err(format!("{of} is another database; this server asks SQL Server alone")),
    }
    let mut s = Source {
        name: name.to_owned(),
        description: text_of(value, "description"),
        host: text_of(value, "host"),
        port: text_of(value, "port"),
        user: text_of(value, "user"),
        database: text_of(value, "database"),
        password: text_of(value, "password").map_or(Password::None, |p| Password::of(&p)),
        ..Source::default()
    };
    match value.get("encrypt") {
        Some(Value::String(mode)) => s.encryption("encrypt", mode),
        Some(Value::Bool(on)) => s.encryption("encrypt", &on.to_string()),
        _ => {}
    }
    let left = others(value, &SOURCE_KEYS);
    if !left.is_empty() {
        s.changes.push(format!("left out: {}", left.join(", ")));
    }
    Ok(s)
}

fn tool(name: &str, of: &str, value: &Value, drafts: &mut Drafts) {
    match of {
        "mssql-sql" => {}
        "mssql-execute-sql" => {
            return drafts.line(LineKind::Changed, name, "this server has it: execute_sql");
        }
        "mssql-list-tables" => {
            return drafts.line(
                LineKind::Changed,
                name,
                "this server has it: list_tables and describe_table",
            );
        }
        _ => {
            return drafts.line(
                LineKind::Refused,
                name,
                format!("{of} is not for SQL Server, or does more than ask it"),
            );
        }
    }
    let texts = |key: &str| {
        items(value, key).iter().filter_map(|v| v.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let hints = value.get("annotations");
    let hint = |key: &str| hints.and_then(|h| h.get(key)).and_then(Value::as_bool);
    let mut tool = ForeignTool {
        name: name.to_owned(),
        source: text_of(value, "source"),
        description: text_of(value, "description").unwrap_or_default(),
        statement: text_of(value, "statement").unwrap_or_default(),
        parameters: parameters(value, "parameters"),
        templates: parameters(value, "templateParameters"),
        max_rows: value.get("maxRows").and_then(Value::as_i64),
        scopes: texts("scopesRequired"),
        idempotent: hint("idempotentHint"),
        ..ForeignTool::default()
    };
    if !texts("authRequired").is_empty() {
        tool.changes.push(
            "authRequired is left out: a server with sign-in signs every caller in, and one without has \
             this tool for everybody; who has it is said with principals and scopes"
                .to_owned(),
        );
    }
    if hints.is_some_and(|h| h.as_object().is_some_and(|h| h.keys().any(|k| k != "idempotentHint")))
    {
        tool.changes.push(
            "annotations are made of what the statement does; idempotent alone is kept".to_owned(),
        );
    }
    for key in others(value, &TOOL_KEYS) {
        tool.changes.push(format!("{key} is left out"));
    }
    drafts.tool(tool, true);
}
