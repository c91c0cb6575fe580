//! `completion/complete` (MCP, "Completion"): names of the database for variables of resource
//! templates and arguments of prompts, as far as this login may see them.

use mssql_mcp_transports::Reply;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::database::catalog::names::NameKind;
use crate::prompts::Prompt;
use crate::resources::{member, uri::SCHEME};
use crate::tools::{Call, Stop};
use mssql_mcp_sql::quote;

/// Values of one answer (MCP, "Completion").
const MOST: usize = 100;

fn invalid<T>(message: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Invalid(message.into()))
}

/// The variables of our templates, and the arguments of prompts that name something.
fn kind_of(name: &str) -> Option<NameKind> {
    Some(match name {
        "schema" => NameKind::Schema,
        "table" => NameKind::Table,
        "column" => NameKind::Column,
        "procedure" => NameKind::Routine,
        _ => return None,
    })
}

/// Answers `completion/complete`.
pub(crate) async fn complete(call: &Call, params: Option<&RawValue>) -> Result<Reply, Stop> {
    call.needs("mssql:read")?;
    let object = |key: &str| match member(params, key) {
        Some(Value::Object(object)) => Some(object),
        _ => None,
    };
    let Some(argument) = object("argument") else {
        return invalid("params.argument must be an object with name and value");
    };
    let text = |map: &Map<String, Value>, key: &str| {
        map.get(key).and_then(Value::as_str).map(str::to_owned)
    };
    let (Some(name), Some(value)) = (text(&argument, "name"), text(&argument, "value")) else {
        return invalid("params.argument.name and .value must be strings");
    };
    let Some(reference) = object("ref") else { return invalid("params.ref must be an object") };
    let of_prompt = match text(&reference, "type").as_deref() {
        Some("ref/prompt") => {
            let prompt = text(&reference, "name").unwrap_or_default();
            let Some(prompt) = Prompt::named(&prompt) else {
                return invalid(format!("Unknown prompt: {prompt}"));
            };
            if !prompt.arguments.iter().any(|a| a.name == name) {
                return invalid(format!("{} has no argument {name}", prompt.name));
            }
            true
        }
        Some("ref/resource") => {
            let uri = text(&reference, "uri").unwrap_or_default();
            if !uri.starts_with(SCHEME) || !uri.contains(&format!("{{{name}}}")) {
                return invalid(format!("{uri} is no template of ours with a variable {name}"));
            }
            false
        }
        _ => return invalid("params.ref.type must be ref/prompt or ref/resource"),
    };
    let given = match object("context").and_then(|c| c.get("arguments").cloned()) {
        Some(Value::Object(given)) => given,
        _ => Map::new(),
    };
    let (values, more) = match (&*name, kind_of(&name)) {
        ("database", _) => {
            let fits = |name: &&str| name.to_lowercase().starts_with(&value.to_lowercase());
            let all: Vec<&str> = call.sources.names().into_iter().filter(fits).collect();
            let some = all.iter().take(MOST).map(|name| (*name).to_owned()).collect();
            (some, all.len() > MOST)
        }
        (_, Some(kind)) => names(call, kind, &value, &given, of_prompt).await?,
        _ => (Vec::new(), false),
    };
    let completion = json!({ "values": values, "hasMore": more });
    Ok(Reply::Json(Map::from_iter([("completion".to_owned(), completion)])))
}

/// Names that begin like the value. A prompt's table stands with its schema, as its text has it; a
/// template has them apart.
async fn names(
    call: &Call,
    kind: NameKind,
    value: &str,
    given: &Map<String, Value>,
    of_prompt: bool,
) -> Result<(Vec<String>, bool), Stop> {
    let of = |key: &str| given.get(key).and_then(Value::as_str).filter(|v| !v.is_empty());
    let parts = |text: &str| quote::split(text).unwrap_or_default();
    let (mut schema, mut table) = (of("schema").map(str::to_owned), of("table").map(str::to_owned));
    if let Some([of_table, name]) = table.as_deref().map(parts).as_deref() {
        (schema, table) = (Some(of_table.clone()), Some(name.clone()));
    }
    let whole = of_prompt && kind == NameKind::Table;
    let typed = match split_typed(value) {
        (Some(before), rest) if whole => {
            schema = Some(before);
            rest
        }
        _ => value.trim_start_matches('[').replace("]]", "]"),
    };
    let within = (schema.as_deref(), table.as_deref().filter(|_| kind == NameKind::Column));
    // Without one it is known of none whose names these are.
    let source = call.sources.named(of("database")).ok().filter(|_| call.sees_catalog);
    let Some(source) = source else { return Ok((Vec::new(), false)) };
    let (names, more) = source.database.complete(kind, &typed, within, &call.on(source)).await?;
    let written = |name: String| match &schema {
        _ if !whole => name,
        Some(schema) => format!("{}.{}", quote::part(schema), quote::part(&name)),
        None => quote::part(&name),
    };
    Ok((names.into_iter().map(written).collect(), more))
}

/// The schema of a name while it is typed, and the beginning of the table's, each without brackets.
fn split_typed(typed: &str) -> (Option<String>, String) {
    let plain = |text: &str| text.strip_prefix('[').unwrap_or(text).replace("]]", "]");
    let mut inside = false;
    for (at, c) in typed.char_indices() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            '.' if !inside => {
                let schema = typed[..at].trim_end_matches(']');
                return (Some(plain(schema)), plain(&typed[at + 1..]));
            }
            _ => {}
        }
    }
    (None, plain(typed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_while_it_is_typed() {
        for (typed, schema, table) in [
            ("Ord", None, "Ord"),
            ("sales.Ord", Some("sales"), "Ord"),
            ("dbo.[Notes.Arch", Some("dbo"), "Notes.Arch"),
            ("[Notes.", None, "Notes."),
            ("[a.b].[c", Some("a.b"), "c"),
            ("sales.", Some("sales"), ""),
        ] {
            let read = split_typed(typed);
            assert_eq!((read.0.as_deref(), read.1.as_str()), (schema, table), "{typed}");
        }
    }
}
