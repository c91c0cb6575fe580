//! What a client asks a person for: an entry refers to it as `${input:ID}`, and the client's list
//! of inputs has the question of that id. The client keeps the answer, and no file does.

use serde_json::{Value, json};

use crate::client::Expansion;
use crate::json_file;
use crate::plan::Problem;

/// A variable of an entry that is asked for.
#[derive(Debug)]
pub(crate) struct Reference {
    pub(crate) id: String,
    variable: String,
}

impl Reference {
    /// The question, as we write it.
    pub(crate) fn question(&self) -> Value {
        json!({
            "type": "promptString",
            "id": self.id,
            "description": format!("{} of the database", self.variable),
            "password": true,
        })
    }

    /// As an entry has it.
    fn text(&self) -> String {
        format!("${{input:{}}}", self.id)
    }
}

/// What an entry refers to, in the order of its variables.
pub(crate) fn references(entry: &Value) -> Vec<Reference> {
    let env = entry.get("env").and_then(Value::as_object);
    let one = |(variable, value): (&String, &Value)| {
        let value = value.as_str().filter(|v| Expansion::Input.is_reference(v))?;
        let id = value.strip_prefix("${input:")?.strip_suffix('}')?.to_owned();
        Some(Reference { id, variable: variable.clone() })
    };
    env.into_iter().flatten().filter_map(one).collect()
}

/// The questions of an entry, one for each id.
pub(crate) fn questions(entry: &Value) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for question in references(entry).iter().map(Reference::question) {
        if all.iter().all(|q| q["id"] != question["id"]) {
            all.push(question);
        }
    }
    all
}

/// Those that nothing in the text refers to.
pub(crate) fn without_users(
    mut all: Vec<Reference>,
    text: &str,
) -> Result<Vec<Reference>, Problem> {
    let Some(root) = json_file::root(text)? else { return Ok(all) };
    let root = root.properties.iter().map(|p| json_file::as_value(&p.value)).collect();
    all.retain(|r| !contains(&root, &r.text()));
    Ok(all)
}

/// Whether some text in it has `part`.
fn contains(value: &Value, part: &str) -> bool {
    match value {
        Value::String(s) => s.contains(part),
        Value::Array(all) => all.iter().any(|v| contains(v, part)),
        Value::Object(map) => map.values().any(|v| contains(v, part)),
        _ => false,
    }
}
