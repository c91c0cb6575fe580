//! A tool's arguments as models send them, read by the tool's own input schema: what is unambiguous
//! is taken for what it is (`"5"`, `5.0`, `"true"`, an object written as text, an empty text for
//! one that was left out), and what is not is refused in a sentence that a model can act on.

mod named;

use serde::de::{DeserializeOwned, DeserializeSeed, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::Refusal;

/// Of a value, so much is repeated.
const SHOWN: usize = 60;

fn refused(message: String, hint: &str) -> Refusal {
    Refusal::invalid_arguments(message, hint)
}

/// Where an object stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Arguments,
    /// Likewise, of a tool of the operator's own.
    Own,
    /// It has the parameters of a text.
    Params,
    /// It is one parameter, with its type.
    Param,
    /// It is one parameter of an array, with its name.
    Named,
}

/// Reads the members of an object, none of them twice: of two, others might have read the other
/// one. Numbers of parameters keep all of their digits.
struct Members(Place);

impl<'de> DeserializeSeed<'de> for Members {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Self::Value, D::Error> {
        d.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut m: A) -> Result<Self::Value, A::Error> {
        let mut all = Map::new();
        while let Some((k, v)) = m.next_entry::<String, Box<RawValue>>()? {
            // By its name: what a number or a text has wrong in it is somebody's.
            let v = member(self.0, &k, v.get())
                .map_err(|e| serde::de::Error::custom(format_args!("{k} cannot be read: {e}")))?;
            if all.contains_key(&k) {
                return Err(serde::de::Error::custom(format_args!(
                    "{k} is there twice; give it once"
                )));
            }
            all.insert(k, v);
        }
        Ok(all)
    }
}

fn members(text: &str, place: Place) -> serde_json::Result<Map<String, Value>> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let all = Members(place).deserialize(&mut reader)?;
    reader.end()?;
    Ok(all)
}

/// An error without serde's position, which is within the arguments, where it helps nobody.
fn unplaced(e: &serde_json::Error) -> String {
    let text = e.to_string();
    text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what).to_owned()
}

/// A value in an object; of an object no member may be there twice, however deep.
fn member(place: Place, name: &str, raw: &str) -> Result<Value, String> {
    match raw.as_bytes() {
        [b'{', ..] if place == Place::Named => Err("a single value is expected".to_owned()),
        [b'[', ..] if place == Place::Arguments && name == "params" => {
            named::read(raw).map(Value::Object)
        }
        [b'{', ..] => {
            let within = match place {
                Place::Arguments if name == "params" => Place::Params,
                Place::Arguments => Place::Arguments,
                Place::Own => Place::Own,
                Place::Params | Place::Param | Place::Named => Place::Param,
            };
            members(raw, within).map(Value::Object).map_err(|e| unplaced(&e))
        }
        [b'-' | b'0'..=b'9', ..] if place == Place::Named && has_more_than_a_double(raw) => {
            Ok(named::pending(raw))
        }
        [b'-' | b'0'..=b'9', ..] if place == Place::Own && has_more_than_a_double(raw) => {
            Ok(raw.into())
        }
        [b'-' | b'0'..=b'9', ..] if place != Place::Arguments && has_more_than_a_double(raw) => {
            exact(raw, place)
        }
        _ => serde_json::from_str(raw).map_err(|e| unplaced(&e)),
    }
}

/// Whether it is a number of more digits than every double carries.
fn has_more_than_a_double(number: &str) -> bool {
    number.parse::<i64>().is_err() && digits(number).0 > 15
}

/// Significant digits and those behind the point, before an exponent.
fn digits(number: &str) -> (usize, usize) {
    let number = number.split(['e', 'E']).next().unwrap_or_default();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    (whole.trim_start_matches(['-', '0']).len() + fraction.len(), fraction.len())
}

/// The digits of a number, and where no type stands beside it, with its own.
fn exact(number: &str, place: Place) -> Result<Value, String> {
    // With an exponent it is a float, the nearest one.
    if number.contains(['e', 'E']) {
        let float: Value = serde_json::from_str(number).map_err(|e| e.to_string())?;
        return Ok(match place {
            Place::Param => float,
            _ => json!({ "type": "float", "value": float }),
        });
    }
    if place == Place::Param {
        return Ok(number.into());
    }
    match digits(number) {
        (precision, scale) if precision <= 38 => {
            Ok(json!({ "type": format!("decimal({precision},{scale})"), "value": number }))
        }
        _ => Err("it has more digits than SQL Server keeps; with an exponent it is a float".into()),
    }
}

/// `params.arguments` as an object, no member of which is there twice, and numbers with all of their
/// digits: what a double cannot carry is a text.
pub(crate) fn object(params: Option<&RawValue>) -> Result<Map<String, Value>, Refusal> {
    let bad = |e: serde_json::Error| refused(format!("Invalid arguments: {}.", unplaced(&e)), "");
    let raw = raw(params).map_err(bad)?;
    if !raw.starts_with('{') {
        let what = "arguments must be an object, such as {\"name\": …}.".to_owned();
        return Err(refused(what, ""));
    }
    members(raw, Place::Own).map_err(bad)
}

/// `params.arguments`, as they stand.
fn raw(params: Option<&RawValue>) -> serde_json::Result<&str> {
    #[derive(Deserialize)]
    struct Params<'a> {
        #[serde(borrow, default)]
        arguments: Option<&'a RawValue>,
    }
    let params = params.map(|p| serde_json::from_str::<Params<'_>>(p.get())).transpose()?;
    let raw = params.and_then(|p| p.arguments).map_or("{}", RawValue::get);
    Ok(if raw == "null" { "{}" } else { raw })
}

/// `params.arguments`; none are the empty object. Those that had another name before are read under
/// it, too. `database` stands beside those of each tool.
pub(crate) fn read<A: DeserializeOwned>(
    params: Option<&RawValue>,
    schema: &Value,
    renamed: &[(&str, &str)],
) -> Result<(A, Option<String>), Refusal> {
    let bad = |e: serde_json::Error| refused(format!("Invalid arguments: {}.", unplaced(&e)), "");
    let raw = raw(params).map_err(bad)?;
    // serde takes an array for a struct, field by field; then what runs would not
    // be what others read.
    if !raw.starts_with('{') {
        let what = match raw.as_bytes() {
            [b'[', ..] => "an array",
            [b'"', ..] => "a text",
            _ => "a single value",
        };
        return Err(refused(
            format!("arguments is {what}; it must be an object such as {}.", example(schema)),
            "",
        ));
    }
    let mut given = members(raw, Place::Arguments).map_err(bad)?;
    for (old, new) in renamed {
        // With both it is not known which is meant.
        if !given.contains_key(*new)
            && let Some(value) = given.remove(*old)
        {
            given.insert((*new).to_owned(), value);
        }
    }
    let database = match given.remove("database") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name.trim().to_owned()).filter(|n| !n.is_empty()),
        Some(other) => {
            let message = format!("database is {}; it must be a name.", shown(&other));
            return Err(refused(message, ""));
        }
    };
    let taken = by_schema(given, schema)?;
    let args = serde_json::from_value(Value::Object(taken)).map_err(bad)?;
    Ok((args, database))
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

fn required(schema: &Value) -> impl Iterator<Item = &str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// An object that would do.
fn example(schema: &Value) -> String {
    match required(schema).next().or_else(|| properties(schema).next().map(|(k, _)| k.as_str())) {
        Some(name) => format!("{{\"{name}\": …}}"),
        None => "{}".to_owned(),
    }
}

fn by_schema(given: Map<String, Value>, schema: &Value) -> Result<Map<String, Value>, Refusal> {
    let mut taken = Map::new();
    for (name, value) in given {
        let Some(property) = schema["properties"].get(&name) else {
            return Err(unknown(&name, schema));
        };
        if !value.is_null()
            && let Some(v) = coerced(&name, &value, property, required(schema).any(|r| r == name))?
        {
            taken.insert(name, v);
        }
    }
    if let Some(missing) = required(schema).find(|r| !taken.contains_key(*r)) {
        let about = schema["properties"][missing]["description"].as_str().unwrap_or_default();
        return Err(refused(
            format!("{missing} is missing; give {}.", example(schema)),
            &format!("{missing}: {about}."),
        ));
    }
    Ok(taken)
}

fn unknown(name: &str, schema: &Value) -> Refusal {
    let all: Vec<&str> = properties(schema).map(|(k, _)| k.as_str()).collect();
    let near = all
        .iter()
        .map(|k| (strsim::damerau_levenshtein(k, name), *k))
        .min()
        .filter(|(d, k)| *d <= k.len() / 2);
    let end = near.map_or(".".to_owned(), |(_, k)| format!("; did you mean {k}?"));
    let name: String = name.chars().take(SHOWN).collect();
    let list = if all.is_empty() { "no arguments".to_owned() } else { all.join(", ") };
    refused(format!("There is no argument {name:?} here{end} This tool takes {list}."), "")
}

/// What came, as the sentence that refuses it has it.
fn shown(v: &Value) -> String {
    match v {
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(s) if s.chars().count() > SHOWN => {
            format!("{:?}", s.chars().take(SHOWN).chain(['…']).collect::<String>())
        }
        v => v.to_string(),
    }
}

/// The value as its type has it; none for one that counts as left out.
fn coerced(
    name: &str,
    v: &Value,
    property: &Value,
    needed: bool,
) -> Result<Option<Value>, Refusal> {
    let wrong = |wanted: &str| {
        let about =
            property["description"].as_str().map(|d| format!("{name}: {d}.")).unwrap_or_default();
        Err(refused(format!("{name} is {}; it must be {wanted}.", shown(v)), &about))
    };
    let text = v.as_str().map(str::trim);
    if text == Some("") {
        // What is needed is judged by the tool: an empty search finds nothing, an
        // empty name is nobody's.
        return Ok(needed.then(|| v.clone()).filter(|v| v.is_string()));
    }
    match property["type"].as_str().unwrap_or_default() {
        "string" => {
            let Some(words) = property["enum"].as_array() else {
                return if v.is_string() { Ok(Some(v.clone())) } else { wrong("a text") };
            };
            let found = words
                .iter()
                .find(|w| w.as_str().zip(text).is_some_and(|(w, t)| w.eq_ignore_ascii_case(t)));
            match found {
                Some(w) => Ok(Some(w.clone())),
                None => {
                    wrong(&words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "))
                }
            }
        }
        "integer" => {
            let number = match (v, text) {
                (Value::Number(n), _) => Some(n.clone()),
                (_, Some(t)) => serde_json::from_str::<serde_json::Number>(t).ok(),
                _ => None,
            };
            // A whole number is whole however it is written; beyond 2^53 a fraction
            // could not be told.
            let whole = number.and_then(|n| {
                n.as_i64().or_else(|| {
                    n.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 9e15).map(|f| f as i64)
                })
            });
            let least = property["minimum"].as_i64();
            match whole {
                Some(n) if least.is_none_or(|l| n >= l) => Ok(Some(n.into())),
                _ => wrong(&least.map_or("a whole number such as 10".to_owned(), |l| {
                    format!("a whole number from {l}, such as {}", l + 9)
                })),
            }
        }
        "boolean" => match (v, text) {
            (Value::Bool(_), _) => Ok(Some(v.clone())),
            (_, Some(t)) if t.eq_ignore_ascii_case("true") => Ok(Some(true.into())),
            (_, Some(t)) if t.eq_ignore_ascii_case("false") => Ok(Some(false.into())),
            _ => wrong("true or false"),
        },
        // A list of names; one alone, or the list written as text, is one too.
        "array" if property["items"]["type"] == "string" => {
            let listed = match (v, text) {
                (Value::Array(all), _) => Some(all.clone()),
                (_, Some(t)) => match serde_json::from_str::<Value>(t) {
                    Ok(Value::Array(all)) => Some(all),
                    _ => Some(vec![t.into()]),
                },
                _ => None,
            };
            match listed.filter(|all| all.iter().all(Value::is_string)) {
                Some(all) => Ok(Some(all.into())),
                None => wrong("an array of texts"),
            }
        }
        "array" if !holds_named_values(property) => match v {
            Value::Array(_) => Ok(Some(v.clone())),
            _ => wrong("an array of objects"),
        },
        // Named values, which came as an object or were made one when they were read.
        "array" => {
            let read = |t: &str| match t.starts_with('[') {
                true => named::read(t),
                false => members(t, Place::Params).map_err(|e| unplaced(&e)),
            };
            match (v, text.map(read)) {
                (Value::Object(_), _) => Ok(Some(v.clone())),
                (_, Some(Ok(o))) => Ok(Some(o.into())),
                (_, Some(Err(e))) if text.is_some_and(|t| t.starts_with('[')) => {
                    Err(refused(format!("{name} cannot be read: {e}."), ""))
                }
                _ => wrong(&format!("an array such as {}", named::EXAMPLE)),
            }
        }
        _ => Ok(Some(v.clone())),
    }
}

/// Whether an array is one of values with their names, by its schema.
fn holds_named_values(property: &Value) -> bool {
    property["items"]["properties"].get("name").is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Value {
        json!({
            "properties": {
                "query": { "type": "string", "description": "T-SQL" },
                "params": {
                    "type": "array",
                    "items": { "type": "object", "properties": { "name": { "type": "string" } } },
                },
                "max_rows": { "type": "integer", "minimum": 1 },
                "limit": { "type": "integer" },
                "dry_run": { "type": "boolean" },
                "format": { "type": "string", "enum": ["json", "csv"] },
            },
            "required": ["query"],
        })
    }

    fn of(arguments: &str) -> Result<Value, String> {
        let raw = RawValue::from_string(format!("{{\"arguments\":{arguments}}}")).expect("JSON");
        let read = read::<Value>(Some(&raw), &schema(), &[("max", "max_rows")]);
        read.map(|(args, _)| args).map_err(|r| r.message)
    }

    #[test]
    fn numbers_of_parameters_keep_their_digits() {
        let given = r#"{"query": "q", "params": {
            "a": 0.1234567890123456789012,
            "b": {"type": "decimal(38,10)", "value": 1234567890123456789.123456789},
            "c": 123456789012345678901234567890,
            "d": 1.50, "e": 9223372036854775807, "f": 1.2345678901234567e-1}}"#;
        let mut taken = of(given).expect("valid");
        let Value::Object(params) = taken["params"].take() else { panic!("an object") };
        let bound = crate::tools::params::bound(params).expect("valid");
        let of = |name: &str| {
            let p = bound.iter().find(|p| p.name == name).expect("there");
            (p.declared.as_str(), format!("{:?}", p.value))
        };
        assert_eq!(of("a"), ("decimal(22,22)", "Text(\"0.1234567890123456789012\")".into()));
        assert_eq!(of("b"), ("decimal(38,10)", "Text(\"1234567890123456789.123456789\")".into()));
        assert_eq!(of("c").0, "decimal(30,0)");
        assert_eq!(of("d"), ("decimal(2,1)", "Text(\"1.5\")".into()));
        assert_eq!(of("e"), ("bigint", "Int(9223372036854775807)".into()));
        // To the last bit.
        assert_eq!(of("f"), ("float", "Text(\"0.12345678901234566\")".into()));
        let refused = |params: &str| {
            let taken = super::tests::of(&format!(r#"{{"query": "q", "params": {params}}}"#));
            let bound = taken.map(|mut t| match t["params"].take() {
                Value::Object(params) => crate::tools::params::bound(params).is_err(),
                _ => false,
            });
            bound.unwrap_or(true)
        };
        assert!(refused(r#"{"a": 1234567890123456789012345678901234567890}"#));
        assert!(refused(r#"{"a": {"type": "int", "value": {"x": 1}}}"#));
        assert!(refused(r#"{"a": {"type": "int", "value": {"type": "int", "value": 1}}}"#));
    }

    #[test]
    fn what_is_unambiguous_is_taken_for_what_it_is() {
        for (given, taken) in [
            (r#"{"query":"q","max_rows":5.0}"#, json!({ "query": "q", "max_rows": 5 })),
            (r#"{"query":"q","max_rows":"5"}"#, json!({ "query": "q", "max_rows": 5 })),
            (
                r#"{"query":"q","max_rows":" 5.0 ","limit":"-3"}"#,
                json!({ "query": "q", "max_rows": 5, "limit": -3 }),
            ),
            (r#"{"query":"q","max_rows":1e2}"#, json!({ "query": "q", "max_rows": 100 })),
            (
                r#"{"query":"q","dry_run":"True","format":"CSV"}"#,
                json!({ "query": "q", "dry_run": true, "format": "csv" }),
            ),
            (
                r#"{"query":"q","params":"{\"a\": 1}"}"#,
                json!({ "query": "q", "params": { "a": 1 } }),
            ),
            // An array of named values in either way, and an argument by the name it had before.
            (
                r#"{"query":"q","params":[{"name":"a","value":1}],"max":5}"#,
                json!({ "query": "q", "params": { "a": 1 }, "max_rows": 5 }),
            ),
            (
                r#"{"query":"q","params":"[{\"name\":\"a\",\"value\":1}]"}"#,
                json!({ "query": "q", "params": { "a": 1 } }),
            ),
            (
                r#"{"query":"q","params":"","max_rows":"","dry_run":" ","format":"","limit":null}"#,
                json!({ "query": "q" }),
            ),
        ] {
            assert_eq!(of(given), Ok(taken), "{given}");
        }
    }

    #[test]
    fn the_rest_is_refused_by_name_with_what_came_and_what_is_accepted() {
        for (given, said) in [
            (
                r#"{"query":"q","max_rows":0}"#,
                "max_rows is 0; it must be a whole number from 1, such as 10.",
            ),
            (
                r#"{"query":"q","max_rows":"many"}"#,
                "max_rows is \"many\"; it must be a whole number from 1",
            ),
            (r#"{"query":"q","max_rows":2.5}"#, "max_rows is 2.5; it must be a whole number"),
            (r#"{"query":"q","max_rows":[5]}"#, "max_rows is an array; it must be"),
            (r#"{"query":"q","max_rows":1e300}"#, "it must be a whole number"),
            (r#"{"query":"q","dry_run":1}"#, "dry_run is 1; it must be true or false."),
            (r#"{"query":"q","dry_run":"yes"}"#, "dry_run is \"yes\"; it must be true or false."),
            (r#"{"query":"q","format":"xml"}"#, "format is \"xml\"; it must be json or csv."),
            (
                r#"{"query":"q","params":1}"#,
                "params is 1; it must be an array such as [{\"name\": \"a\", \"value\": 1}].",
            ),
            (r#"{"query":"q","params":"a=1"}"#, "params is \"a=1\"; it must be an array"),
            (r#"{"query":5}"#, "query is 5; it must be a text."),
            (r#"{}"#, "query is missing; give {\"query\": …}."),
            (
                r#"{"querry":"q"}"#,
                "There is no argument \"querry\" here; did you mean query? This tool takes query, \
                 params",
            ),
            (r#"{"query":"q","zzz":1}"#, "There is no argument \"zzz\" here. This tool takes"),
            (r#"["q"]"#, "arguments is an array; it must be an object such as {\"query\": …}."),
            (r#"{"query":"q","query":"r"}"#, "query is there twice"),
            (r#"{"query":"q","params":"{\"a\":1,\"a\":2}"}"#, "params is"),
            (r#"{"query":"q","params":{"a":1,"a":2}}"#, "params cannot be read: a is there twice"),
            (r#"{"query":"q","max":1,"max_rows":1}"#, "There is no argument \"max\" here"),
            (
                r#"{"query":"q","params":"[{\"a\":1}]"}"#,
                "params cannot be read: item 1: name is missing; give",
            ),
            (r#"{"query":"q","params":[1]}"#, "params cannot be read: item 1 is no object"),
            (r#"{"query":"q","max_rows":1e400}"#, "max_rows cannot be read: number out of range"),
            (r#"{"query":"\ud800"}"#, "query cannot be read"),
        ] {
            let e = of(given).expect_err(given);
            assert!(e.contains(said), "{given}: {e}");
        }
    }
}
