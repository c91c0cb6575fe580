//! A value as JSON in the layout of the file that it goes into.

use serde_json::Value;

/// How a file is laid out.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// The line end.
    pub(crate) eol: &'static str,
    /// One level of indentation.
    pub(crate) unit: String,
}

impl Layout {
    /// A value behind a key that stands at `indent`: objects over lines, arrays in one.
    pub(crate) fn value(&self, value: &Value, indent: &str) -> String {
        match value {
            Value::Object(map) if !map.is_empty() => {
                let inner = format!("{indent}{}", self.unit);
                let lines: Vec<String> = map
                    .iter()
                    .map(|(k, v)| format!("{inner}{}: {}", quoted(k), self.value(v, &inner)))
                    .collect();
                let lines = lines.join(&format!(",{}", self.eol));
                format!("{{{eol}{lines}{eol}{indent}}}", eol = self.eol)
            }
            other => compact(other),
        }
    }
}

/// A value in one line.
pub(crate) fn compact(value: &Value) -> String {
    match value {
        Value::Object(map) if !map.is_empty() => {
            let all: Vec<String> =
                map.iter().map(|(k, v)| format!("{}: {}", quoted(k), compact(v))).collect();
            format!("{{ {} }}", all.join(", "))
        }
        Value::Array(all) => {
            format!("[{}]", all.iter().map(compact).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// A text as JSON writes it.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
