//! A tool and its parameters as both of the others define them.

use serde_json::Value;

use super::{items, others, text_of};

/// A tool, before it is ours.
#[derive(Debug, Default)]
pub(super) struct ForeignTool {
    pub(super) name: String,
    pub(super) source: Option<String>,
    pub(super) description: String,
    pub(super) statement: String,
    pub(super) parameters: Vec<ForeignParameter>,
    /// Those whose values are pasted into the statement.
    pub(super) templates: Vec<ForeignParameter>,
    pub(super) max_rows: Option<i64>,
    pub(super) scopes: Vec<String>,
    pub(super) idempotent: Option<bool>,
    pub(super) changes: Vec<String>,
    /// Why it cannot be taken.
    pub(super) against: Vec<String>,
}

/// A parameter, before it is ours.
#[derive(Debug, Default)]
pub(super) struct ForeignParameter {
    pub(super) name: String,
    /// `string`, `integer` …
    pub(super) of: String,
    /// What an array has in it.
    pub(super) items: Option<String>,
    pub(super) description: Option<String>,
    pub(super) required: bool,
    pub(super) default: Option<Value>,
    pub(super) allowed: Vec<Value>,
    /// Toolbox takes them for regular expressions.
    pub(super) as_patterns: bool,
    pub(super) min: Option<Value>,
    pub(super) max: Option<Value>,
    pub(super) claim: Option<String>,
    pub(super) changes: Vec<String>,
    pub(super) against: Vec<String>,
}

const KNOWN: [&str; 15] = [
    "name",
    "type",
    "description",
    "required",
    "default",
    "allowed_values",
    "allowedValues",
    "excludedValues",
    "minValue",
    "maxValue",
    "authServices",
    "authSources",
    "items",
    "secure",
    "escape",
];

impl ForeignParameter {
    pub(super) fn read(of: &Value) -> Self {
        let mut p = Self {
            name: text_of(of, "name").unwrap_or_default(),
            of: text_of(of, "type").unwrap_or_default(),
            items: of.get("items").and_then(|i| text_of(i, "type")),
            description: text_of(of, "description"),
            default: of.get("default").filter(|d| !d.is_null()).cloned(),
            min: of.get("minValue").filter(|v| v.is_number()).cloned(),
            max: of.get("maxValue").filter(|v| v.is_number()).cloned(),
            ..Self::default()
        };
        p.required =
            p.default.is_none() && of.get("required").and_then(Value::as_bool) != Some(false);
        p.as_patterns = !items(of, "allowedValues").is_empty();
        p.allowed = [items(of, "allowed_values"), items(of, "allowedValues")].concat();
        if !items(of, "excludedValues").is_empty() {
            p.against.push(format!(
                "parameter {}: excludedValues have no counterpart; say what is allowed instead, with \
                 allowedValues or a pattern",
                p.name
            ));
        }
        if of.get("secure").and_then(Value::as_bool) == Some(true) {
            p.against.push(format!(
                "parameter {}: a host gives secure values beside the call, which this server does not \
                 take; where the sign-in knows the value, write from_claim",
                p.name
            ));
        }
        let services = [items(of, "authServices"), items(of, "authSources")].concat();
        let claims: Vec<String> = services.iter().filter_map(|s| text_of(s, "field")).collect();
        if let Some(claim) = claims.first() {
            p.changes
                .push(format!("{} is taken from the claim {claim} of the caller's token", p.name));
            if claims.iter().any(|c| c != claim) {
                p.against.push(format!(
                    "parameter {}: its authServices name different claims, and a sign-in here is one",
                    p.name
                ));
            }
        }
        p.claim = claims.into_iter().next();
        for key in others(of, &KNOWN) {
            p.changes.push(format!("{key} of {} is left out", p.name));
        }
        p
    }
}

/// All parameters of a list.
pub(super) fn parameters(of: &Value, key: &str) -> Vec<ForeignParameter> {
    items(of, key).iter().map(ForeignParameter::read).collect()
}
