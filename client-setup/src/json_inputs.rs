//! The list of inputs of a JSON file, and the questions in it that are ours.
//!
//! As in `json_file`, what is added has a layout from which the former text can be told: a list
//! that was not there before has no space within its brackets, and one that was empty gets some.

use jsonc_parser::ast::{Array, Object, Value as Node};
use jsonc_parser::common::Ranged as _;
use serde_json::{Value, json};

use crate::inputs::Reference;
use crate::json_file::{Container, File, as_value, once, root};
use crate::json_text::compact;
use crate::plan::Problem;
use crate::space::{between, position};
use crate::splice::Splices;

/// The key of the list.
const KEY: &str = "inputs";

/// The list, if it is there.
fn list<'a, 'b>(text: &str, root: &'b Object<'a>) -> Result<Option<&'b Array<'a>>, Problem> {
    once(text, root, KEY)?;
    match root.get(KEY).map(|p| &p.value) {
        None => Ok(None),
        Some(Node::Array(all)) => Ok(Some(all)),
        Some(other) => {
            let (line, column) = position(text, other.start());
            Err(Problem::NoList { key: KEY.to_owned(), line, column })
        }
    }
}

/// The text with a question for each of these; one of that id is left as it is. `None`: all are
/// there.
pub(crate) fn with(text: &str, wanted: &[Reference]) -> Result<Option<String>, Problem> {
    let mut new: Option<String> = None;
    for reference in wanted {
        if let Some(next) = with_one(new.as_deref().unwrap_or(text), reference)? {
            new = Some(next);
        }
    }
    Ok(new)
}

fn with_one(text: &str, wanted: &Reference) -> Result<Option<String>, Problem> {
    let Some(root) = root(text)? else { return Ok(None) };
    let (file, question) = (File::new(text, &root), wanted.question());
    let mut splices = Splices::default();
    let Some(list) = list(text, &root)? else {
        file.add_key(&mut splices, &Container::object(&root), KEY, &json!([question]));
        return Ok(Some(splices.applied(text)));
    };
    if list.elements.iter().any(|e| as_value(e).get("id") == Some(&question["id"])) {
        return Ok(None);
    }
    let (all, one_line) = (Container::array(list), compact(&question));
    match all.parts.last() {
        None if text[all.inside()].is_empty() => {
            splices.insert(all.inside().start, format!(" {one_line} "));
        }
        None => splices.insert(all.inside().start, one_line),
        Some(_) if file.is_one_line(&all) => file.append(&mut splices, &all, " ", &one_line),
        Some(last) => {
            let indent = file.child_indent(&all);
            // As the one before it is laid out.
            let item = match text[last.clone()].contains('\n') {
                true => file.layout.value(&question, &indent),
                false => one_line,
            };
            file.append(&mut splices, &all, &format!("{}{indent}", file.layout.eol), &item);
        }
    }
    Ok(Some(splices.applied(text)))
}

/// The text without the questions of these, where they are as we write them. `None`: none is.
pub(crate) fn without(text: &str, gone: &[Reference]) -> Result<Option<String>, Problem> {
    let mut new: Option<String> = None;
    for reference in gone.iter().rev() {
        let text = new.as_deref().unwrap_or(text);
        if let Some(next) = without_one(text, &reference.question())? {
            new = Some(next);
        }
    }
    Ok(new)
}

fn without_one(text: &str, question: &Value) -> Result<Option<String>, Problem> {
    let Some(root) = root(text)? else { return Ok(None) };
    let Some(list) = list(text, &root).ok().flatten() else { return Ok(None) };
    let Some(place) = list.elements.iter().position(|e| as_value(e) == *question) else {
        return Ok(None);
    };
    let (file, mut splices) = (File::new(text, &root), Splices::default());
    let (above, all) = (Container::object(&root), Container::array(list));
    if all.parts.len() > 1 {
        file.take(&mut splices, &all, place);
        return Ok(Some(splices.applied(text)));
    }
    let (inside, part) = (all.inside(), all.parts[place].clone());
    let (before, behind) = (&text[inside.start..part.start], &text[part.end..inside.end]);
    let own = root.properties.iter().position(|p| p.name.as_str() == KEY).unwrap_or_default();
    match (before, behind) {
        ("", "") if file.is_set_apart(&above, own) || file.is_one_line(&above) => {
            file.take(&mut splices, &above, own);
        }
        (" ", " ") => splices.cut(inside),
        _ => {
            splices.cut(part.clone());
            if let Some(comma) = between(text, part.end, inside.end).comma {
                splices.cut(comma..comma + 1);
            }
        }
    }
    Ok(Some(splices.applied(text)))
}
