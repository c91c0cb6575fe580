//! Values of a call as parameters of `sp_executesql`: bound, never written into the text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::database::run::{Param, ParamValue};
use crate::refusal::Refusal;

/// SQL Server takes 2,100 parameters; some of them are ours.
const MAX_PARAMS: usize = 2000;

fn bad(name: &str, what: &str) -> Refusal {
    Refusal::invalid_arguments(
        format!("params.{name}: {what}"),
        "Give [{\"name\": \"day\", \"type\": \"date\", \"value\": \"2024-01-31\"}].",
    )
}

/// The parameters of a call, each with the type that it is declared with.
pub(crate) fn bound(map: Map<String, Value>) -> Result<Vec<Param>, Refusal> {
    if map.len() > MAX_PARAMS {
        return Err(Refusal::invalid_arguments(
            format!("{} parameters; at most {MAX_PARAMS} can be bound", map.len()),
            "Split the query.",
        ));
    }
    let mut seen: Vec<String> = Vec::new();
    map.into_iter()
        .map(|(name, value)| {
            let bare = name.strip_prefix('@').unwrap_or(&name).to_owned();
            if seen.contains(&bare.to_lowercase()) {
                return Err(bad(&name, "it is there twice; T-SQL minds neither case nor the @"));
            }
            seen.push(bare.to_lowercase());
            if !is_name(&bare) {
                return Err(bad(
                    &name,
                    "this is no parameter name (up to 127 letters, digits and _ # $, not with a \
                     digit first)",
                ));
            }
            let (declared, value) = declared(&name, value)?;
            let (value, natural) = converted(&name, value, declared.as_deref())?;
            Ok(Param { name: bare, declared: declared.unwrap_or(natural), value })
        })
        .collect()
}

/// A name without its `@`, as sp_executesql takes it.
fn is_name(bare: &str) -> bool {
    bare.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && bare.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '#' | '$' | '@'))
        && bare.encode_utf16().count() <= 127
}

/// The type that a caller names, if any, and the value beside it.
fn declared(name: &str, value: Value) -> Result<(Option<String>, Value), Refusal> {
    let Value::Object(mut members) = value else { return Ok((None, value)) };
    let named = members.remove("type");
    let Some(ty) = named.as_ref().and_then(Value::as_str) else {
        return Err(bad(name, "\"type\" must name a T-SQL type, such as decimal(10,2)"));
    };
    if !is_type(ty) {
        let shown: String = ty.chars().take(60).collect();
        return Err(bad(
            name,
            &format!(
                "\"{shown}\" is no T-SQL type that can be bound; there are {}",
                TYPES.join(", ")
            ),
        ));
    }
    let ty = ty.to_owned();
    let value = match (members.remove("value"), members.remove("base64")) {
        (Some(value), None) => value,
        (None, Some(text)) if is_binary(&ty) => {
            let bytes = text.as_str().and_then(|t| STANDARD.decode(t.trim()).ok());
            let bytes = bytes.ok_or_else(|| bad(name, "\"base64\" is no base64 (RFC 4648 §4)"))?;
            Value::String(bytes.iter().fold("0x".to_owned(), |hex, b| format!("{hex}{b:02X}")))
        }
        (None, Some(_)) => return Err(bad(name, "\"base64\" is for binary and varbinary")),
        (Some(_), Some(_)) => return Err(bad(name, "\"value\" and \"base64\" are one too many")),
        (None, None) => return Err(bad(name, "\"value\" is missing")),
    };
    match members.keys().next() {
        Some(unknown) => {
            let shown: String = unknown.chars().take(60).collect();
            Err(bad(name, &format!("\"{shown}\" is unknown beside \"type\" and \"value\"")))
        }
        None => Ok((Some(ty), value)),
    }
}

/// A value, and the type that it is declared with unless the caller names another.
fn converted(
    name: &str,
    value: Value,
    declared: Option<&str>,
) -> Result<(ParamValue, String), Refusal> {
    let binary = declared.is_some_and(is_binary);
    let no_hex = || {
        bad(
            name,
            "a binary value is written as hex, such as \"0x01FF\", or as {\"type\": \"varbinary(8)\", \"base64\": \"Af8=\"}",
        )
    };
    Ok(match value {
        Value::String(s) if binary => {
            (ParamValue::Binary(hex(&s).ok_or_else(no_hex)?), String::new())
        }
        Value::Null => (ParamValue::Null, "nvarchar(4000)".to_owned()),
        _ if binary => return Err(no_hex()),
        Value::Bool(b) => (ParamValue::Bit(b), "bit".to_owned()),
        Value::String(s) => {
            let short = s.encode_utf16().count() <= 4000;
            let ty = if short { "nvarchar(4000)" } else { "nvarchar(max)" };
            (ParamValue::Text(s), ty.to_owned())
        }
        Value::Number(n) => number(&n)
            .ok_or_else(|| bad(name, "this number has more digits than SQL Server keeps"))?,
        Value::Array(_) | Value::Object(_) => {
            return Err(bad(name, "a single value is expected"));
        }
    })
}

fn is_binary(declared: &str) -> bool {
    let t = declared.trim().to_ascii_lowercase();
    t.starts_with("binary") || t.starts_with("varbinary")
}

/// `0x01FF`, as T-SQL writes it and results show it.
fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim().strip_prefix("0x").or_else(|| text.trim().strip_prefix("0X"))?;
    if digits.len() % 2 == 1 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).ok()).collect()
}

/// Whole numbers as bigint, plain decimals exactly, the rest as float.
fn number(n: &serde_json::Number) -> Option<(ParamValue, String)> {
    if let Some(i) = n.as_i64() {
        return Some((
            ParamValue::Int(i),
            if i32::try_from(i).is_ok() { "int" } else { "bigint" }.to_owned(),
        ));
    }
    let text = n.to_string();
    match text.split_once('.') {
        Some((whole, fraction)) if !text.contains(['e', 'E']) => {
            let digits = whole.trim_start_matches('-').len() + fraction.len();
            (digits <= 38).then(|| {
                (ParamValue::Text(text.clone()), format!("decimal({digits},{})", fraction.len()))
            })
        }
        None if !text.contains(['e', 'E']) => (text.len() <= 38)
            .then(|| (ParamValue::Text(text.clone()), format!("decimal({},0)", text.len()))),
        _ => Some((ParamValue::Float(n.as_f64()?), "float".to_owned())),
    }
}

/// The types that a parameter may be declared with.
const TYPES: [&str; 30] = [
    "bit",
    "tinyint",
    "smallint",
    "int",
    "integer",
    "bigint",
    "decimal",
    "dec",
    "numeric",
    "money",
    "smallmoney",
    "real",
    "float",
    "double precision",
    "char",
    "varchar",
    "nchar",
    "nvarchar",
    "binary",
    "varbinary",
    "date",
    "time",
    "datetime",
    "datetime2",
    "smalldatetime",
    "datetimeoffset",
    "uniqueidentifier",
    "xml",
    "sysname",
    "sql_variant",
];

/// A type name with at most two numbers (or `max`): it goes into a declaration,
/// so nothing else may.
fn is_type(t: &str) -> bool {
    let t = t.trim().to_ascii_lowercase();
    let (name, args) = match t.split_once('(') {
        None => (t.as_str(), None),
        Some((n, rest)) => match rest.strip_suffix(')') {
            Some(a) => (n.trim_end(), Some(a)),
            None => return false,
        },
    };
    let fine = |a: &str| {
        a.split(',').count() <= 2
            && a.split(',').all(|p| p.trim() == "max" || p.trim().parse::<u16>().is_ok())
    };
    TYPES.contains(&name) && args.is_none_or(fine)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(v: Value) -> (String, ParamValue) {
        let p = bound(Map::from_iter([("a".to_owned(), v)])).expect("valid").remove(0);
        (p.declared, p.value)
    }

    #[test]
    fn values_are_bound_without_loss() {
        assert_eq!(one(json!(5)), ("int".into(), ParamValue::Int(5)));
        assert_eq!(
            one(json!(9_007_199_254_740_993_i64)),
            ("bigint".into(), ParamValue::Int(9_007_199_254_740_993))
        );
        assert_eq!(one(json!(12.5)), ("decimal(3,1)".into(), ParamValue::Text("12.5".into())));
        assert_eq!(one(json!(true)), ("bit".into(), ParamValue::Bit(true)));
        assert_eq!(one(json!(null)), ("nvarchar(4000)".into(), ParamValue::Null));
        assert_eq!(
            one(json!({ "type": "decimal(10,2)", "value": "1.50" })),
            ("decimal(10,2)".into(), ParamValue::Text("1.50".into()))
        );
    }

    #[test]
    fn binary_values_are_hex() {
        assert_eq!(
            one(json!({ "type": "VARBINARY(8)", "value": "0x01fF" })),
            ("VARBINARY(8)".into(), ParamValue::Binary(vec![1, 255]))
        );
        assert_eq!(
            one(json!({ "type": "binary(2)", "value": "0x" })).1,
            ParamValue::Binary(vec![])
        );
        let base64 = json!({ "type": "varbinary(max)", "base64": "AQI=" });
        assert_eq!(one(base64).1, ParamValue::Binary(vec![1, 2]));
        for bad in [
            json!({ "type": "varbinary(max)", "base64": "?" }),
            json!({ "type": "int", "base64": "AQI=" }),
            json!({ "type": "varbinary(max)", "base64": "AQI=", "value": "0x01" }),
            json!({ "type": "int", "value": 1, "extra": 1 }),
        ] {
            assert!(bound(Map::from_iter([("a".to_owned(), bad.clone())])).is_err(), "{bad}");
        }
        for bad in ["01FF", "0x1", "0xZZ", "AQI="] {
            let v = json!({ "type": "varbinary(max)", "value": bad });
            assert!(bound(Map::from_iter([("a".to_owned(), v)])).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_type_is_a_type_and_nothing_else() {
        for t in ["int", "NVARCHAR(max)", "decimal(10, 2)", "datetime2 (3)"] {
            assert!(is_type(t), "{t}");
        }
        for t in [
            "int; DROP TABLE t",
            "nvarchar(1) = N'x' OUTPUT, @b int",
            "table",
            "geography",
            "decimal(1,2,3)",
            "int)",
        ] {
            assert!(!is_type(t), "{t}");
        }
        for name in ["a b", "a'; --", ""] {
            assert!(bound(Map::from_iter([(name.to_owned(), json!(1))])).is_err(), "{name}");
        }
    }
}
