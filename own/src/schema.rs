//! What clients are told of a tool: JSON Schema that many of them can digest. A type is a list of
//! two only where a number would lose digits, and nothing is said with `oneOf`.

use serde_json::{Map, Value, json};

use crate::tool::{OwnTool, Parameter};
use crate::types::SqlType;
use crate::value::MOST_ITEMS;

/// What a JSON number is read as by most clients holds whole numbers up to here.
const EXACT: i64 = 9_007_199_254_740_991;

/// The schema of a tool's arguments. What comes from a claim is not in it.
pub fn input_schema(tool: &OwnTool) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for p in tool.parameters.iter().filter(|p| p.from_claim.is_none()) {
        properties.insert(p.name.clone(), property(p));
        if p.required {
            required.push(Value::from(p.name.clone()));
        }
    }
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        schema.insert("required".to_owned(), Value::Array(required));
    }
    schema.insert("additionalProperties".to_owned(), json!(false));
    Value::Object(schema)
}

/// What a list of tools tells of it; this is what every conversation pays for.
pub fn definition(tool: &OwnTool) -> Value {
    let mut all = Map::new();
    all.insert("name".to_owned(), json!(tool.name));
    if let Some(title) = &tool.title {
        all.insert("title".to_owned(), json!(title));
    }
    all.insert("description".to_owned(), json!(tool.description));
    all.insert("inputSchema".to_owned(), input_schema(tool));
    Value::Object(all)
}

fn property(p: &Parameter) -> Value {
    let item = item(p, p.sql_type.item());
    let mut all = match p.sql_type {
        SqlType::List(_) => {
            let mut list = Map::new();
            list.insert("type".to_owned(), json!("array"));
            list.insert("items".to_owned(), Value::Object(item));
            list.insert("maxItems".to_owned(), json!(MOST_ITEMS));
            list
        }
        _ => item,
    };
    let hint = hint(p.sql_type.item());
    let description = match (&p.description, hint) {
        (Some(d), Some(hint)) => Some(format!("{} ({hint})", d.trim_end_matches('.'))),
        (Some(d), None) => Some(d.clone()),
        (None, hint) => hint.map(str::to_owned),
    };
    if let Some(description) = description {
        all.insert("description".to_owned(), json!(description));
    }
    if let Some(default) = &p.default {
        all.insert("default".to_owned(), default.clone());
    }
    Value::Object(all)
}

/// What `format` cannot say.
fn hint(ty: &SqlType) -> Option<&'static str> {
    match ty {
        SqlType::Time(_) => Some("such as 14:30:00"),
        SqlType::DateTime | SqlType::DateTime2(_) | SqlType::SmallDateTime => {
            Some("such as 2024-01-31T14:30:00, without an offset")
        }
        SqlType::Binary(_) | SqlType::VarBinary(_) => Some("base64"),
        _ => None,
    }
}

fn item(p: &Parameter, ty: &SqlType) -> Map<String, Value> {
    let mut all = Map::new();
    let mut put = |key: &str, value: Value| {
        all.insert(key.to_owned(), value);
    };
    if let Some((least, most)) = ty.range() {
        let bound = |b: &Option<String>| b.as_ref().and_then(|b| b.parse::<i64>().ok());
        let (least, most) = (bound(&p.min).unwrap_or(least), bound(&p.max).unwrap_or(most));
        if least >= -EXACT && most <= EXACT {
            put("type", json!("integer"));
        } else {
            put("type", json!(["integer", "string"]));
            put("pattern", json!("^-?[0-9]{1,19}$"));
        }
        let told = |n: i64| (-EXACT..=EXACT).contains(&n);
        if told(least) {
            put("minimum", json!(least));
        }
        if told(most) {
            put("maximum", json!(most));
        }
    } else {
        other(p, ty, &mut put);
    }
    if let Some(pattern) = &p.pattern {
        put("pattern", json!(pattern.shown));
    }
    if !p.allowed.is_empty() {
        put("enum", json!(p.allowed));
    }
    all
}

fn other(p: &Parameter, ty: &SqlType, put: &mut impl FnMut(&str, Value)) {
    let text = |put: &mut dyn FnMut(&str, Value), key: &str, value: Value| {
        put("type", json!("string"));
        put(key, value);
    };
    match ty {
        SqlType::Bit => put("type", json!("boolean")),
        SqlType::Float | SqlType::Real => {
            put("type", json!("number"));
            bounds(p, put);
        }
        SqlType::Decimal(precision, scale) => decimals(p, *precision, *scale, put),
        SqlType::Money => decimals(p, 19, 4, put),
        SqlType::SmallMoney => decimals(p, 10, 4, put),
        SqlType::Date => text(put, "format", json!("date")),
        SqlType::DateTimeOffset(_) => text(put, "format", json!("date-time")),
        SqlType::UniqueIdentifier => text(put, "format", json!("uuid")),
        SqlType::Binary(_) | SqlType::VarBinary(_) => text(put, "contentEncoding", json!("base64")),
        SqlType::Time(_) => {
            text(put, "pattern", json!("^[0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]+)?)?$"));
        }
        // The format date-time would ask for an offset, which these do not have.
        SqlType::DateTime | SqlType::DateTime2(_) | SqlType::SmallDateTime => text(
            put,
            "pattern",
            json!("^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]+)?)?)?$"),
        ),
        SqlType::Char(n) | SqlType::NChar(n) => text(put, "maxLength", json!(n)),
        SqlType::VarChar(Some(n)) | SqlType::NVarChar(Some(n)) => text(put, "maxLength", json!(n)),
        _ => put("type", json!("string")),
    }
}

/// A number as long as it keeps all digits, else also a text.
fn decimals(p: &Parameter, precision: u8, scale: u8, put: &mut impl FnMut(&str, Value)) {
    if precision <= 15 {
        put("type", json!("number"));
    } else {
        put("type", json!(["number", "string"]));
        let whole = precision - scale;
        let fraction = if scale == 0 { String::new() } else { format!("(\\.[0-9]{{1,{scale}}})?") };
        put("pattern", json!(format!("^-?[0-9]{{1,{}}}{fraction}$", whole.max(1))));
    }
    bounds(p, put);
}

fn bounds(p: &Parameter, put: &mut impl FnMut(&str, Value)) {
    for (key, bound) in [("minimum", &p.min), ("maximum", &p.max)] {
        let number = bound.as_ref().and_then(|b| b.parse::<f64>().ok());
        if let Some(number) = number {
            put(
                key,
                if number.fract() == 0.0 && number.abs() < 1e15 {
                    json!(number as i64)
                } else {
                    json!(number)
                },
            );
        }
    }
}
