//! Arguments that a client repeats in headers (2026-07-28, "Custom Headers from Tool Parameters").
//! A proxy may have routed by `Mcp-Param-…` what runs by the body, so the two have to agree. What
//! is to be repeated stands in the schemas of tools, which only the center knows: it asks
//! [`ParamHeaders::check`].

use http::HeaderMap;
use serde_json::Value;

use crate::headers::decode;
use crate::outcome::Fault;

/// What they begin with, in the lower case that HTTP's names are compared in.
const PREFIX: &str = "mcp-param-";

/// What marks a property of a schema; its value is the header's name behind the prefix.
const MARK: &str = "x-mcp-header";

/// The `Mcp-Param-…` headers of a stateless `tools/call` over HTTP, in the extensions of its
/// context. Over stdio there are no headers and nothing to check.
#[derive(Debug, Clone, Default)]
pub struct ParamHeaders(Vec<Sent>);

#[derive(Debug, Clone)]
struct Sent {
    /// In lower case, without the prefix.
    name: String,
    /// None where it cannot be read.
    value: Option<String>,
}

// === impl ParamHeaders ===

impl ParamHeaders {
    /// All that came with a request.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let sent = headers.iter().filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix(PREFIX)?.to_owned();
            let value = value.to_str().ok().and_then(|text| decode(text.trim()));
            Some(Sent { name, value })
        });
        Self(sent.collect())
    }

    /// Holds them against the arguments of a call, by the `inputSchema` of its tool. Only what
    /// `properties` lead to is looked at, as the specification has it; headers that the schema does
    /// not name are somebody else's.
    pub fn check(&self, schema: &Value, arguments: &Value) -> Result<(), Fault> {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            let argument = arguments.get(name).unwrap_or(&Value::Null);
            if let Some(header) = property.get(MARK).and_then(Value::as_str) {
                self.agrees(header, argument).map_err(|what| {
                    Fault::HeaderMismatch(format!("Mcp-Param-{header} {what} (argument {name})"))
                })?;
            }
            self.check(property, argument)?;
        }
        Ok(())
    }

    /// What is wrong with a header, if anything is.
    fn agrees(&self, header: &str, argument: &Value) -> Result<(), &'static str> {
        let mut sent = self.0.iter().filter(|sent| sent.name.eq_ignore_ascii_case(header));
        let first = sent.next();
        match (first, argument) {
            (None, Value::Null) => Ok(()),
            (None, _) => Err("is missing, and the body has a value"),
            (Some(_), Value::Null) => Err("is there, and the body has no value"),
            (Some(_), _) if sent.next().is_some() => Err("is there more than once"),
            (Some(Sent { value: None, .. }), _) => Err("is neither plain ASCII nor strict Base64"),
            (Some(Sent { value: Some(said), .. }), _) if says(said, argument) => Ok(()),
            _ => Err("does not say what the body says"),
        }
    }
}

/// Whether a header's text is this argument. Integers are compared as numbers: `42.0` is 42.
fn says(text: &str, argument: &Value) -> bool {
    match argument {
        Value::String(s) => text == s,
        Value::Bool(b) => text == if *b { "true" } else { "false" },
        Value::Number(n) => match (text.parse::<i64>(), n.as_i64()) {
            (Ok(said), Some(meant)) => said == meant,
            _ => text.parse::<f64>().is_ok_and(|said| n.as_f64() == Some(said)),
        },
        // Not of a kind that may be repeated in a header.
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;

    fn sent(list: &[(&str, &str)]) -> ParamHeaders {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
        }
        ParamHeaders::of(&headers)
    }

    fn schema() -> Value {
        json!({ "type": "object", "properties": {
            "region": { "type": "string", "x-mcp-header": "Region" },
            "count": { "type": "integer", "x-mcp-header": "Count" },
            "dry": { "type": "boolean", "x-mcp-header": "Dry-Run" },
            "deep": { "properties": { "er": { "type": "string", "x-mcp-header": "Deeper" } } },
            "list": { "items": { "properties": { "x": { "x-mcp-header": "Unreachable" } } } },
            "other": { "type": "string" },
        } })
    }

    #[test]
    fn headers_say_what_the_arguments_say() {
        for (headers, arguments, agree) in [
            (&[][..], json!({}), true),
            (&[], json!({ "region": null, "other": "x", "list": [{ "x": 1 }] }), true),
            (&[], json!({ "region": "eu" }), false),
            (&[("mcp-param-region", "eu")], json!({ "region": "eu" }), true),
            (&[("Mcp-Param-REGION", " eu ")], json!({ "region": "eu" }), true),
            (&[("mcp-param-region", "EU")], json!({ "region": "eu" }), false),
            (&[("mcp-param-region", "eu")], json!({}), false),
            (&[("mcp-param-region", "eu")], json!({ "region": null }), false),
            (
                &[("mcp-param-region", "eu"), ("mcp-param-region", "eu")],
                json!({ "region": "eu" }),
                false,
            ),
            (&[("mcp-param-region", "")], json!({ "region": "" }), true),
            (&[("mcp-param-region", "1")], json!({ "region": 1 }), true),
            (&[("mcp-param-region", "[]")], json!({ "region": [] }), false),
            (&[("mcp-param-unreachable", "y"), ("mcp-param-x", "z")], json!({}), true),
            (&[("mcp-param-deeper", "down")], json!({ "deep": { "er": "down" } }), true),
            (&[], json!({ "deep": { "er": "down" } }), false),
        ] {
            let checked = sent(headers).check(&schema(), &arguments);
            assert_eq!(checked.is_ok(), agree, "{headers:?} {arguments}: {checked:?}");
        }
    }

    #[test]
    fn numbers_are_compared_as_numbers_and_truth_by_its_name() {
        for (text, argument, is) in [
            ("42", json!(42), true),
            ("42.0", json!(42), true),
            ("42", json!(42.0), true),
            ("0x2a", json!(42), false),
            ("43", json!(42), false),
            ("9007199254740993", json!(9007199254740992i64), false),
            ("inf", json!(42), false),
            ("", json!(0), false),
            ("true", json!(true), true),
            ("True", json!(true), false),
            ("false", json!(false), true),
            ("1", json!(true), false),
        ] {
            assert_eq!(says(text, &argument), is, "{text} {argument}");
        }
    }

    #[test]
    fn base64_is_strict_and_needs_both_of_its_ends() {
        for (text, argument, is) in [
            ("=?base64?SGVsbG8=?=", "Hello", true),
            ("=?base64?SGVsbG8?=", "Hello", false),
            ("=?base64?SGVs!!!bG8=?=", "Hello", false),
            ("SGVsbG8=", "SGVsbG8=", true),
            ("=?base64?SGVsbG8=", "=?base64?SGVsbG8=", true),
            ("=?base64?w6k=?=", "é", true),
            ("é", "é", false),
        ] {
            let checked = sent(&[("mcp-param-region", text)])
                .check(&schema(), &json!({ "region": argument }));
            assert_eq!(checked.is_ok(), is, "{text}: {checked:?}");
        }
        let Err(Fault::HeaderMismatch(message)) =
            sent(&[]).check(&schema(), &json!({ "dry": true }))
        else {
            panic!("a header is missing")
        };
        assert!(message.contains("Mcp-Param-Dry-Run is missing"), "{message}");
    }
}
