//! A large database at a glance, and how to go on.

use mssql_mcp_transports::ToolReply;
use serde_json::{Value, json};

use super::entry;
use crate::plural::plural;
use crate::tools::answer::counted;
use crate::tools::{Call, Stop};
use crate::visible::visible_line;

/// Characters of the answer, which are about 1,500 tokens; where it is from stands beside that.
const BUDGET: usize = 5600;
/// Of a description.
const DESCRIPTION: usize = 80;

/// Instead of the first 200 of very many tables.
pub(super) async fn answer(call: &Call) -> Result<ToolReply, Stop> {
    let seen = call.database.orientation(&call.limits).await?;
    let knowledge = call.database.knowledge();
    let short = |row: &Vec<Value>| {
        let mut one = entry(row, &knowledge);
        if let Some(text) = one["description"].as_str() {
            one["description"] = visible_line(text, DESCRIPTION).into();
        }
        one
    };
    let count = plural(seen.tables, "table");
    let mut out = json!({
        "message": format!(
            "{count}, of which these are the largest. Go on with search (words), schema_name or \
             name_like; the cursor after:0 lists all of them."
        ),
        "schemas": seen.schemas,
        "tables": seen.largest.iter().map(short).collect::<Vec<_>>(),
        "next_cursor": "after:0",
    });
    let left = fit(&mut out);
    if left > 0 {
        let more = format!(" Not shown: {}.", plural(left, "smaller schema"));
        out["message"] = (out["message"].as_str().unwrap_or_default().to_owned() + &more).into();
    }
    Ok(counted(call, seen.largest.len(), out, &format!("{count} at a glance")))
}

/// Leaves out what is needed least until it fits: descriptions, then the smallest of tables and
/// schemas. How many schemas were left out.
fn fit(out: &mut Value) -> usize {
    let (mut left, mut size) = (0, out.to_string().len());
    let pop = |out: &mut Value, key: &str, least: usize| {
        let list = out[key].as_array_mut().filter(|l| l.len() > least)?;
        list.pop().map(|v| v.to_string().len() + 1)
    };
    if size > BUDGET {
        for table in out["tables"].as_array_mut().into_iter().flatten() {
            table["description"] = Value::Null;
        }
        size = out.to_string().len();
    }
    while size > BUDGET {
        match (pop(out, "schemas", 20), pop(out, "tables", 10)) {
            (None, None) => break,
            (schema, table) => {
                left += usize::from(schema.is_some());
                size = size.saturating_sub(schema.unwrap_or(0) + table.unwrap_or(0));
            }
        }
    }
    while size > BUDGET {
        let schema = pop(out, "schemas", 1);
        left += usize::from(schema.is_some());
        let Some(less) = schema.or_else(|| pop(out, "tables", 1)) else { break };
        size = size.saturating_sub(less);
    }
    left
}

/// The schema of `schemas`.
pub(super) fn schema() -> Value {
    json!({ "type": "array", "items": { "type": "string" } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_names_are_it_keeps_to_its_budget() {
        let long = "n".repeat(128);
        let table = json!({ "schema": long, "name": long, "type": "table", "rows": 1,
            "description": "d".repeat(80) });
        let schemas = vec![format!("{long}: 1000 tables, 5 rows"); 500];
        let mut out = json!({ "message": "m", "schemas": schemas, "tables": vec![table; 20] });
        assert!(fit(&mut out) > 400);
        assert!(out.to_string().len() <= BUDGET, "{}", out.to_string().len());
        let mut small = json!({ "schemas": ["a: 1 table"], "tables": [] });
        assert_eq!(fit(&mut small), 0);
    }
}
