//! `execute_sql`: a T-SQL text under the configured access, with bound parameters, as all its result sets.

use mssql_mcp_transports::{Segments, ToolReply};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Budget, Call, Refusal, Tool, results_schema};
use crate::database::Database;
use crate::database::run::{Answer, Mode, Param, ParamValue};
use crate::facts::CallFacts;
use crate::sql::Access;
use crate::sql::verdict::{Verdict, judge};

/// SQL Server takes 2,100 parameters; some of them are ours.
const MAX_PARAMS: usize = 2000;

/// The tool.
#[derive(Debug)]
pub struct ExecuteSql {
    /// Where.
    pub db: Database,
    /// How much.
    pub budget: Budget,
}

/// Its arguments.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Args {
    query: String,
    params: Option<Map<String, Value>>,
    max_rows: Option<u64>,
}

impl Tool for ExecuteSql {
    type Args = Args;
    const NAME: &'static str = "execute_sql";

    fn definition(&self) -> Value {
        let access = self.db.settings().access;
        let read_only = access == Access::ReadOnly;
        let rule = match access {
            Access::ReadOnly => "Access is read-only: one SELECT (WITH … SELECT is fine).",
            Access::ReadWrite => {
                "SELECT, INSERT, UPDATE, DELETE and MERGE; committed when all succeeds, rolled back on any error."
            }
            Access::Full => {
                "Any statement but transaction, server and file commands; committed when all succeeds, rolled back on any error."
            }
        };
        json!({
            "name": Self::NAME,
            "title": "Run T-SQL",
            "description": format!("Runs T-SQL on Microsoft SQL Server and returns every result set. {rule} Bind values with params instead of writing them into the text. At most {} rows come back; page with ORDER BY … OFFSET … FETCH.", self.budget.max_rows),
            "inputSchema": {
                "type": "object",
                "properties": {
                    "query": { "type": "string", "description": "T-SQL; parameters as @name" },
                    "params": {
                        "type": "object",
                        "description": "values for @name: {\"name\": value}, or {\"name\": {\"type\": \"decimal(10,2)\", \"value\": \"12.50\"}}",
                        "additionalProperties": true
                    },
                    "max_rows": { "type": "integer", "minimum": 1, "description": "stop after so many rows" }
                },
                "required": ["query"],
                "additionalProperties": false
            },
            "outputSchema": {
                "type": "object",
                "properties": {
                    "results": results_schema(),
                    "rows_affected": { "type": "array", "items": { "type": "integer" } },
                    "messages": { "type": "array", "items": { "type": "string" } },
                    "committed": { "type": "boolean" }
                },
                "required": ["results", "rows_affected", "messages", "committed"]
            },
            "annotations": { "title": "Run T-SQL", "readOnlyHint": read_only, "destructiveHint": !read_only, "idempotentHint": read_only, "openWorldHint": false }
        })
    }

    async fn call(&self, call: Call, args: Args) -> Result<ToolReply, Refusal> {
        let verdict = judge(&args.query, self.db.settings().access).map_err(|r| {
            let mut refusal = Refusal::new("refused", format!("Not run: {}.", r.reason), r.advice);
            refusal.more.insert("line".into(), r.line.into());
            refusal.more.insert("column".into(), r.column.into());
            refusal
        })?;
        call.facts.set_verdict(verdict.as_str());
        let params = params(args.params.unwrap_or_default())?;
        let max_rows = args.max_rows.map_or(self.budget.max_rows, |n| n.clamp(1, self.budget.max_rows));
        let limits = call.limits(Budget { max_rows, ..self.budget });
        let mode = if verdict == Verdict::Read { Mode::Read } else { Mode::Change };
        let a = self.db.run(&args.query, &params, mode, &limits).await.map_err(|f| Refusal::failure(&f, &self.db))?;
        Ok(answer(&call.facts, a, true))
    }
}

/// The result object; the rows are joined in as they are.
pub fn answer(facts: &CallFacts, a: Answer, with_changes: bool) -> ToolReply {
    let mut parts = vec![bytes::Bytes::from_static(b"{\"results\":")];
    parts.extend(a.results.0);
    let mut tail = String::new();
    if with_changes {
        tail += &format!(",\"rows_affected\":{}", Value::from(a.rows_affected));
    }
    if with_changes || !a.messages.is_empty() {
        tail += &format!(",\"messages\":{}", Value::from(a.messages));
    }
    if with_changes {
        tail += &format!(",\"committed\":{}", a.committed);
    }
    tail.push('}');
    parts.push(tail.into());
    if let Some(t) = a.truncated {
        facts.set_truncated(t.as_str());
    }
    let json = if parts.len() == 3 { Segments(vec![parts.concat().into()]) } else { Segments(parts) };
    facts.returned(a.rows, json.len());
    ToolReply::structured(json)
}

fn bad(name: &str, what: &str) -> Refusal {
    Refusal::new(
        "invalid_arguments",
        format!("params.{name}: {what}"),
        "Give {\"name\": value} or {\"name\": {\"type\": \"date\", \"value\": \"2024-01-31\"}}.",
    )
}

fn params(map: Map<String, Value>) -> Result<Vec<Param>, Refusal> {
    if map.len() > MAX_PARAMS {
        return Err(Refusal::new(
            "invalid_arguments",
            format!("{} parameters; at most {MAX_PARAMS} can be bound", map.len()),
            "Split the query.",
        ));
    }
    map.into_iter()
        .map(|(name, v)| {
            let bare = name.strip_prefix('@').unwrap_or(&name).to_owned();
            let ok = bare.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
                && bare.chars().all(|c| c.is_alphanumeric() || c == '_')
                && bare.len() <= 100;
            if !ok || bare.eq_ignore_ascii_case("q") {
                return Err(bad(&name, "this is no parameter name (letters, digits and _; q is taken)"));
            }
            let (declared, v) = match v {
                Value::Object(mut o) => {
                    let ty = o
                        .remove("type")
                        .and_then(|t| t.as_str().map(str::to_owned))
                        .ok_or_else(|| bad(&name, "\"type\" must be a T-SQL type"))?;
                    if !is_type(&ty) {
                        return Err(bad(&name, &format!("\"{ty}\" is no T-SQL type that can be bound")));
                    }
                    let v = o.remove("value").ok_or_else(|| bad(&name, "\"value\" is missing"))?;
                    (Some(ty), v)
                }
                v => (None, v),
            };
            let (value, natural) = match v {
                Value::Null => (ParamValue::Null, "nvarchar(4000)".to_owned()),
                Value::Bool(b) => (ParamValue::Bit(b), "bit".to_owned()),
                Value::String(s) => {
                    let ty = if s.encode_utf16().count() <= 4000 { "nvarchar(4000)" } else { "nvarchar(max)" };
                    (ParamValue::Text(s), ty.to_owned())
                }
                Value::Number(n) => {
                    number(&n).ok_or_else(|| bad(&name, "this number has more digits than SQL Server keeps"))?
                }
                Value::Array(_) | Value::Object(_) => return Err(bad(&name, "a single value is expected")),
            };
            Ok(Param { name: bare, declared: declared.unwrap_or(natural), value })
        })
        .collect()
}

/// Whole numbers as bigint, plain decimals exactly, the rest as float.
fn number(n: &serde_json::Number) -> Option<(ParamValue, String)> {
    if let Some(i) = n.as_i64() {
        return Some((ParamValue::Int(i), if i32::try_from(i).is_ok() { "int" } else { "bigint" }.to_owned()));
    }
    let text = n.to_string();
    match text.split_once('.') {
        Some((whole, fraction)) if !text.contains(['e', 'E']) => {
            let digits = whole.trim_start_matches('-').len() + fraction.len();
            (digits <= 38).then(|| (ParamValue::Text(text.clone()), format!("decimal({digits},{})", fraction.len())))
        }
        None if !text.contains(['e', 'E']) => {
            (text.len() <= 38).then(|| (ParamValue::Text(text.clone()), format!("decimal({},0)", text.len())))
        }
        _ => Some((ParamValue::Float(n.as_f64()?), "float".to_owned())),
    }
}

/// A type name with at most two numbers (or `max`): it goes into a declaration, so nothing else may.
fn is_type(t: &str) -> bool {
    const TYPES: [&str; 27] = [
        "bit",
        "tinyint",
        "smallint",
        "int",
        "bigint",
        "decimal",
        "numeric",
        "money",
        "smallmoney",
        "real",
        "float",
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
    let t = t.trim().to_ascii_lowercase();
    let (name, args) = match t.split_once('(') {
        None => (t.as_str(), None),
        Some((n, rest)) => match rest.strip_suffix(')') {
            Some(a) => (n.trim_end(), Some(a)),
            None => return false,
        },
    };
    let fine = |a: &str| {
        a.split(',').count() <= 2 && a.split(',').all(|p| p.trim() == "max" || p.trim().parse::<u16>().is_ok())
    };
    TYPES.contains(&name) && args.is_none_or(fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(v: Value) -> (String, ParamValue) {
        let p = params(Map::from_iter([("a".to_owned(), v)])).expect("valid").remove(0);
        (p.declared, p.value)
    }

    #[test]
    fn values_are_bound_without_loss() {
        assert_eq!(one(json!(5)), ("int".into(), ParamValue::Int(5)));
        assert_eq!(one(json!(9_007_199_254_740_993_i64)), ("bigint".into(), ParamValue::Int(9_007_199_254_740_993)));
        assert_eq!(one(json!(12.5)), ("decimal(3,1)".into(), ParamValue::Text("12.5".into())));
        assert_eq!(one(json!(true)), ("bit".into(), ParamValue::Bit(true)));
        assert_eq!(one(json!(null)), ("nvarchar(4000)".into(), ParamValue::Null));
        assert_eq!(
            one(json!({ "type": "decimal(10,2)", "value": "1.50" })),
            ("decimal(10,2)".into(), ParamValue::Text("1.50".into()))
        );
    }

    #[test]
    fn a_type_is_a_type_and_nothing_else() {
        for t in ["int", "NVARCHAR(max)", "decimal(10, 2)", "datetime2 (3)"] {
            assert!(is_type(t), "{t}");
        }
        for t in
            ["int; DROP TABLE t", "nvarchar(1) = N'x' OUTPUT, @b int", "table", "geography", "decimal(1,2,3)", "int)"]
        {
            assert!(!is_type(t), "{t}");
        }
        for name in ["q", "a b", "a'; --", ""] {
            assert!(params(Map::from_iter([(name.to_owned(), json!(1))])).is_err(), "{name}");
        }
    }
}
