//! The values of a call, as they are bound.

use std::cmp::Ordering;
use std::fmt;

use serde_json::{Map, Value};

use crate::tool::{OwnTool, Parameter};
use crate::types::SqlType;
use crate::value::{self, MOST_ITEMS};

/// A parameter of `sp_executesql`.
#[derive(Clone, PartialEq, Eq)]
pub struct Bound {
    /// Its name, without the `@`.
    pub name: String,
    /// What it is declared as; also of a NULL, which would else be of no type.
    pub sql_type: String,
    /// The text that SQL Server converts; none is NULL.
    pub value: Option<String>,
    /// Is it to be kept out of records and logs?
    pub secret: bool,
}

/// Values are people's; a log of a call is not the place for them.
impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.as_ref().map(|v| format!("{} bytes", v.len()));
        f.debug_struct("Bound")
            .field("name", &self.name)
            .field("sql_type", &self.sql_type)
            .field("value", &value)
            .finish_non_exhaustive()
    }
}

/// What a call's arguments and its caller's claims make of a tool's parameters, in the tool's
/// order. The error says everything that is wrong, for the model that called, and repeats no value.
pub fn bind(
    tool: &OwnTool,
    arguments: &Map<String, Value>,
    claims: &Map<String, Value>,
) -> Result<Vec<Bound>, String> {
    let mut wrong: Vec<String> = arguments.keys().filter_map(|n| stray(tool, n)).collect();
    let mut all = Vec::new();
    for p in &tool.parameters {
        match value(p, arguments, claims) {
            Ok(value) => all.push(Bound {
                name: p.name.clone(),
                sql_type: p.sql_type.to_string(),
                value,
                secret: p.secret,
            }),
            Err(why) => wrong.push(why),
        }
    }
    if wrong.is_empty() { Ok(all) } else { Err(wrong.join("; ")) }
}

/// What is wrong with an argument of this name, if anything is.
fn stray(tool: &OwnTool, name: &str) -> Option<String> {
    if tool.argument(name).is_some() {
        return None;
    }
    if tool.parameters.iter().any(|p| p.name.eq_ignore_ascii_case(name) && p.from_claim.is_some()) {
        return Some(format!("{name} is taken from your sign-in; leave it out"));
    }
    let known: Vec<&str> = tool
        .parameters
        .iter()
        .filter(|p| p.from_claim.is_none())
        .map(|p| p.name.as_str())
        .collect();
    let shown: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
    Some(match known.as_slice() {
        [] => format!("{shown} is no argument of {}, which takes none", tool.name),
        known => format!("{shown} is no argument of {}; there are {}", tool.name, known.join(", ")),
    })
}

fn value(
    p: &Parameter,
    arguments: &Map<String, Value>,
    claims: &Map<String, Value>,
) -> Result<Option<String>, String> {
    if let Some(claim) = &p.from_claim {
        let value = claims.get(claim).filter(|v| !v.is_null());
        let Some(value) = value else {
            return Err(format!(
                "your sign-in has no claim {claim}, which {} is taken from; whoever runs the \
                 sign-in has to add it",
                p.name
            ));
        };
        let value = claimed(&p.sql_type, value);
        return checked(p, &value)
            .map(Some)
            .map_err(|why| format!("the claim {claim} of your sign-in {why}"));
    }
    // Many clients send null for what was not given.
    match arguments.get(&p.name).filter(|v| !v.is_null()).or(p.default.as_ref()) {
        Some(value) => checked(p, value).map(Some).map_err(|why| format!("{} {why}", p.name)),
        None if p.required => Err(format!("{} is missing", p.name)),
        None => Ok(None),
    }
}

/// A claim in the shape of its type: issuers write numbers as texts, and one value as a list.
fn claimed(ty: &SqlType, value: &Value) -> Value {
    match (ty, value) {
        (SqlType::List(_), Value::Array(items)) => {
            Value::Array(items.iter().map(|i| claimed(ty.item(), i)).collect())
        }
        (SqlType::List(of), one) => Value::Array(vec![claimed(of, one)]),
        (ty, Value::Array(items)) if items.len() == 1 => claimed(ty, &items[0]),
        (ty, Value::Number(_) | Value::Bool(_)) if ty.is_text() => Value::String(value.to_string()),
        (ty, Value::String(text)) => {
            let bare =
                ty.range().is_some() || matches!(ty, SqlType::Bit | SqlType::Float | SqlType::Real);
            let read = serde_json::from_str::<Value>(text)
                .ok()
                .filter(|v| v.is_number() || v.is_boolean());
            read.filter(|_| bare).unwrap_or_else(|| value.clone())
        }
        (_, other) => other.clone(),
    }
}

/// The text of a value that is of the type, in the range, among the allowed and of the pattern.
/// Of a list that holds for each item.
pub(crate) fn checked(p: &Parameter, value: &Value) -> Result<String, String> {
    let SqlType::List(of) = &p.sql_type else { return one(p, &p.sql_type, value) };
    let Value::Array(items) = value else {
        return Err("must be a list".to_owned());
    };
    if items.len() > MOST_ITEMS {
        return Err(format!("must be a list of at most {MOST_ITEMS} items"));
    }
    let texts: Result<Vec<String>, String> = items
        .iter()
        .map(|i| one(p, of, i).map_err(|why| format!("must be a list; each item {why}")))
        .collect();
    Ok(value::list_of(of, texts?))
}

fn one(p: &Parameter, ty: &SqlType, value: &Value) -> Result<String, String> {
    let text = value::text_of(ty, value)?;
    let allowed = |a: &Value| value::text_of(ty, a).is_ok_and(|a| a == text);
    if !p.allowed.is_empty() && !p.allowed.iter().any(allowed) {
        return Err(one_of(p));
    }
    let beyond = |bound: &Option<String>, side: Ordering| {
        bound.as_ref().filter(|b| value::compare(ty, &text, b) == Some(side)).cloned()
    };
    if let Some(min) = beyond(&p.min, Ordering::Less) {
        return Err(format!("must be at least {min}"));
    }
    if let Some(max) = beyond(&p.max, Ordering::Greater) {
        return Err(format!("must be at most {max}"));
    }
    match &p.pattern {
        Some(pattern) if !pattern.fits(&text) => Err(format!("must match {}", pattern.shown)),
        _ => Ok(text),
    }
}

fn one_of(p: &Parameter) -> String {
    if p.secret || p.allowed.len() > 20 {
        return "must be one of the values that its schema lists".to_owned();
    }
    let all: Vec<String> = p.allowed.iter().map(ToString::to_string).collect();
    format!("must be one of {}", all.join(", "))
}
