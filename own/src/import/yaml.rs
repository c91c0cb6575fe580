//! YAML as JSON: what configuration files have of it. No merge keys, no tags of one's own, and
//! nothing that grows.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value};

const DEEPEST: usize = 64;
/// Values of a file, those that aliases repeat counted each time.
const MOST_NODES: usize = 200_000;

/// The documents of a stream. The error names a line and repeats nothing of it.
pub(super) fn documents(text: &str) -> Result<Vec<Value>, String> {
    let mut reader = Reader::default();
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|e| format!("is no YAML: line {}: {}", e.marker().line(), e.info()))?;
        reader.take(event).map_err(|why| format!("line {}: {why}", span.start.line()))?;
    }
    Ok(reader.documents)
}

#[derive(Default)]
struct Reader {
    documents: Vec<Value>,
    /// What is open, from the outermost.
    open: Vec<Open>,
    /// Values by their anchor, and of how many nodes each is.
    anchors: HashMap<usize, (Value, usize)>,
    nodes: usize,
}

struct Open {
    anchor: usize,
    value: Value,
    /// Of a mapping: the key whose value comes next.
    key: Option<String>,
    nodes: usize,
}

impl Reader {
    fn take(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let value = if style == ScalarStyle::Plain {
                    plain(&text)
                } else {
                    Value::String(text.into_owned())
                };
                self.count(1)?;
                self.node(anchor, value, 1)
            }
            Event::SequenceStart(anchor, _) => self.start(anchor, Value::Array(Vec::new())),
            Event::MappingStart(anchor, _) => self.start(anchor, Value::Object(Map::new())),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.node(open.anchor, open.value, open.nodes),
                None => Err("something ends that did not begin".to_owned()),
            },
            Event::Alias(anchor) => {
                let nodes = self.anchors.get(&anchor).map(|(_, nodes)| *nodes);
                let nodes = nodes.ok_or("an alias has no anchor, or is inside of it")?;
                // Before there is a copy: what repeats what repeats grows without end.
                self.count(nodes)?;
                match self.anchors.get(&anchor).cloned() {
                    Some((value, nodes)) => self.node(0, value, nodes),
                    None => Ok(()),
                }
            }
            Event::DocumentStart(_) => {
                self.anchors.clear();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn count(&mut self, nodes: usize) -> Result<(), String> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MOST_NODES {
            return Err(format!("more than {MOST_NODES} values"));
        }
        Ok(())
    }

    fn start(&mut self, anchor: usize, value: Value) -> Result<(), String> {
        if self.open.len() >= DEEPEST {
            return Err(format!("more than {DEEPEST} levels"));
        }
        self.count(1)?;
        self.open.push(Open { anchor, value, key: None, nodes: 1 });
        Ok(())
    }

    /// A whole value of so many nodes, for whatever is open.
    fn node(&mut self, anchor: usize, value: Value, nodes: usize) -> Result<(), String> {
        if anchor > 0 {
            // A copy, so it counts.
            self.count(nodes)?;
            self.anchors.insert(anchor, (value.clone(), nodes));
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(value);
            return Ok(());
        };
        open.nodes += nodes;
        match (&mut open.value, open.key.take()) {
            (Value::Array(all), _) => all.push(value),
            (Value::Object(all), Some(key)) => {
                if all.insert(key, value).is_some() {
                    return Err("a key is there twice".to_owned());
                }
            }
            (_, _) => match value {
                Value::String(key) if key == "<<" => {
                    return Err(
                        "merge keys (<<) are not read; write out what they bring".to_owned()
                    );
                }
                Value::String(key) => open.key = Some(key),
                Value::Array(_) | Value::Object(_) => {
                    return Err("a key is a list or a mapping".to_owned());
                }
                other => open.key = Some(other.to_string()),
            },
        }
        Ok(())
    }
}

/// A scalar without quotes, by the core schema.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let number = text.strip_prefix('+').unwrap_or(text);
    if let Ok(n) = number.parse::<i64>() {
        return Value::from(n);
    }
    let numeric = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    match number.parse::<f64>() {
        Ok(n) if numeric && n.is_finite() => Value::from(n),
        _ => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_is_read_as_json() {
        let text = "a: 1\nb: [x, 'y', \"1\", 1.5, yes, null, ~]\nc: |\n  one\n  two\nd: >-\n  one\n  two\n---\n- &x {k: v}\n- *x\n";
        assert_eq!(
            documents(text),
            Ok(vec![
                json!({"a": 1, "b": ["x", "y", "1", 1.5, "yes", null, null], "c": "one\ntwo\n", "d": "one two"}),
                json!([{"k": "v"}, {"k": "v"}]),
            ])
        );
        assert_eq!(documents(""), Ok(vec![]));
    }

    #[test]
    fn what_is_odd_is_refused() {
        for wrong in ["a: 1\na: 2", "a: *b", "[", "? [a]\n: b", "a: &a {<<: {b: c}}", "a: 'open"] {
            assert!(documents(wrong).is_err(), "{wrong}");
        }
        let deep = "[".repeat(5000);
        assert!(documents(&deep).is_err());
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..9 {
            let before = format!("*a{}, ", n - 1).repeat(9);
            bomb.push_str(&format!("a{n}: &a{n} [{}]\n", before.trim_end_matches(", ")));
        }
        assert!(documents(&bomb).is_err());
    }

    proptest! {
        #[test]
        fn no_text_stops_the_reader(text in "[-a:{}\\[\\]&*!|>'\"#%? \n]{0,60}") {
            let _ = documents(&text);
        }
    }
}
