//! Parameters as an array of named values, `[{"name": "a", "type": "int", "value": 1}]`: strict
//! modes of model APIs know only objects whose names are fixed, and would make of
//! `{"a": 1}` an object in which nothing may be. It becomes that object here, so that
//! everything behind it knows one form.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{Place, exact, members, unplaced};

/// What the refusals show.
pub(super) const EXAMPLE: &str = "[{\"name\": \"a\", \"value\": 1}]";

/// The object that an array stands for.
pub(super) fn read(text: &str) -> Result<Map<String, Value>, String> {
    let items: Vec<Box<RawValue>> = serde_json::from_str(text).map_err(|e| unplaced(&e))?;
    let mut all = Map::new();
    for (n, item) in items.iter().enumerate() {
        let item = item.get();
        if !item.starts_with('{') {
            return Err(format!("item {} is no object; give {EXAMPLE}", n + 1));
        }
        let (name, value) = members(item, Place::Named)
            .map_err(|e| unplaced(&e))
            .and_then(entry)
            .map_err(|e| format!("item {}: {e}", n + 1))?;
        if all.contains_key(&name) {
            return Err(format!("{name} is there twice; give it once"));
        }
        all.insert(name, value);
    }
    Ok(all)
}

/// A number of a [`Place::Named`], before it is known whether a type stands beside it.
pub(super) fn pending(number: &str) -> Value {
    json!({ "number": number })
}

/// A name, and the value as the object has it. Strict modes send null for what is left out.
fn entry(mut members: Map<String, Value>) -> Result<(String, Value), String> {
    let mut given = |key: &str| members.remove(key).filter(|v| !v.is_null());
    let text = |v: Option<Value>| v.filter(|v| v.as_str().is_none_or(|t| !t.trim().is_empty()));
    let name = match text(given("name")) {
        Some(Value::String(name)) => name,
        Some(_) => return Err("name is no text".to_owned()),
        None => return Err(format!("name is missing; give {EXAMPLE}")),
    };
    let ty = text(given("type"));
    let base64 = given("base64");
    let value = members.remove("value");
    if let Some(unknown) = members.keys().next() {
        let shown: String = unknown.chars().take(super::SHOWN).collect();
        return Err(format!("{shown:?} is unknown beside name, type, value and base64"));
    }
    // An empty text beside a value is left out as well; alone it is no bytes.
    let some = value.as_ref().is_some_and(|v| !v.is_null());
    if let Some(base64) = base64.filter(|b| !some || b != "") {
        let mut one =
            json!({ "type": ty.unwrap_or_else(|| "varbinary(max)".into()), "base64": base64 });
        if let Some(value) = value.filter(|v| !v.is_null()) {
            one["value"] = value;
        }
        return Ok((name, one));
    }
    // Objects of the caller's own were refused when they were read.
    let value = match (value, &ty) {
        (None, _) => return Err(format!("value is missing; give {EXAMPLE}")),
        (Some(Value::Object(number)), _) => {
            let place = if ty.is_some() { Place::Param } else { Place::Params };
            exact(number["number"].as_str().unwrap_or_default(), place)?
        }
        (Some(value), _) => value,
    };
    Ok((name, ty.map_or(value.clone(), |ty| json!({ "type": ty, "value": value }))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::params::bound;

    fn binds(text: &str) -> Vec<(String, String, String)> {
        let params = bound(read(text).expect(text)).expect(text);
        params.into_iter().map(|p| (p.name, p.declared, format!("{:?}", p.value))).collect()
    }

    /// The same as of the object, number for number.
    #[test]
    fn an_array_binds_what_the_object_binds() {
        for (array, object) in [
            (r#"[{"name":"a","value":5}]"#, r#"{"a":5}"#),
            (r#"[{"name":"@a","value":"x"},{"name":"b","value":null}]"#, r#"{"@a":"x","b":null}"#),
            (r#"[{"name":"a","type":null,"value":1.5,"base64":null}]"#, r#"{"a":1.5}"#),
            (r#"[{"name":"a","type":"","value":true,"base64":""}]"#, r#"{"a":true}"#),
            (
                r#"[{"name":"a","value":0.1234567890123456789012}]"#,
                r#"{"a":0.1234567890123456789012}"#,
            ),
            (
                r#"[{"value":1234567890123456789.123456789,"name":"a","type":"decimal(38,10)"}]"#,
                r#"{"a":{"type":"decimal(38,10)","value":1234567890123456789.123456789}}"#,
            ),
            (
                r#"[{"name":"a","value":123456789012345678901234567890}]"#,
                r#"{"a":123456789012345678901234567890}"#,
            ),
            (r#"[{"name":"a","value":1.2345678901234567e-1}]"#, r#"{"a":1.2345678901234567e-1}"#),
            (
                r#"[{"name":"a","type":"float","value":0.12345678901234567890123456789012345678901234}]"#,
                r#"{"a":{"type":"float","value":0.12345678901234567890123456789012345678901234}}"#,
            ),
            (
                r#"[{"name":"a","type":"varbinary(8)","value":null,"base64":"Af8="}]"#,
                r#"{"a":{"type":"varbinary(8)","base64":"Af8="}}"#,
            ),
            (
                r#"[{"name":"a","base64":"Af8="}]"#,
                r#"{"a":{"type":"varbinary(max)","base64":"Af8="}}"#,
            ),
        ] {
            let of_object = bound(members(object, Place::Params).expect(object)).expect(object);
            let of_object: Vec<_> = of_object
                .into_iter()
                .map(|p| (p.name, p.declared, format!("{:?}", p.value)))
                .collect();
            assert_eq!(binds(array), of_object, "{array}");
        }
        assert!(binds("[]").is_empty());
    }

    #[test]
    fn what_is_no_array_of_named_values_is_refused_and_says_where() {
        for (text, said) in [
            (r"[1]", "item 1 is no object; give [{\"name\": \"a\", \"value\": 1}]"),
            (r#"[{"name":"a","value":1},{"name":"a","value":2}]"#, "a is there twice"),
            (r#"[{"name":"a","value":1,"name":"b"}]"#, "item 1: name is there twice"),
            (r#"[{"name":"a","value":1},{"value":2}]"#, "item 2: name is missing"),
            (r#"[{"a":1}]"#, "item 1: name is missing"),
            (r#"[{"name":"a"}]"#, "item 1: value is missing"),
            (r#"[{"name":1,"value":1}]"#, "item 1: name is no text"),
            (r#"[{"name":"a","value":{"type":"int","value":1}}]"#, "a single value is expected"),
            (r#"[{"name":"a","value":1,"typ":"int"}]"#, "\"typ\" is unknown beside name"),
            (r#"[{"name":"a","value":1234567890123456789012345678901234567890}]"#, "more digits"),
        ] {
            let e = read(text).expect_err(text);
            assert!(e.contains(said), "{text}: {e}");
        }
        // What the values themselves have wrong is found where those of the object are.
        for text in [
            r#"[{"name":"a","value":1},{"name":"@A","value":2}]"#,
            r#"[{"name":"a","value":[1]}]"#,
            r#"[{"name":"a","type":"varbinary(8)","value":"0x01","base64":"Af8="}]"#,
            r#"[{"name":"a","type":"int","base64":"Af8="}]"#,
            r#"[{"name":"a b","value":1}]"#,
            r#"[{"name":"a","type":5,"value":1}]"#,
        ] {
            assert!(bound(read(text).expect(text)).is_err(), "{text}");
        }
    }
}
