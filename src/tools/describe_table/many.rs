//! Several tables in one answer: the keys between them first, then each as text, within the budget.

use mssql_mcp_transports::{Text, ToolReply};
use serde_json::{Value, json};

use super::compact::{table, target};
use super::{BUDGET, MOST, TOKENS, size};
use crate::database::catalog::{Many, NotFound};
use crate::plural::plural;
use crate::refusal::Refusal;
use crate::tools::answer::counted;
use crate::tools::{Call, Stop};
use crate::visible::visible_line;
use mssql_mcp_sql::quote;

/// Of a table among others, where it has very many columns.
const ONE: usize = 6000;
/// Characters of a name that is repeated.
const NAME: usize = 260;

pub(super) async fn answer(call: &Call, names: &[String]) -> Result<ToolReply, Stop> {
    if names.is_empty() || names.len() > MOST {
        return Err(Refusal::invalid_arguments(
            format!("table_names has {}; it takes 1 to {MOST}", plural(names.len(), "name")),
            "list_tables {search} finds those that are needed.",
        )
        .into());
    }
    let many = call.database.describe_many(names, &call.limits).await?;
    let out = told(&many);
    let described = out["described"].as_array().map_or(0, Vec::len);
    let what = format!("{} described", plural(described, "table"));
    let text = as_text(&out);
    let mut reply = counted(call, described, out, &what);
    if !call.brief(false) {
        reply.text = Text::Own(format!(
            "{text}-- {}\n",
            call.source.line(call.limits.seen.get().as_deref())
        ));
    }
    Ok(reply)
}

fn written(told: &Value) -> String {
    let part = |key: &str| quote::part(told[key].as_str().unwrap_or_default());
    visible_line(&format!("{}.{}", part("schema"), part("name")), 520)
}

/// The keys from one of these tables to another.
fn keys_between(tables: &[Value]) -> Vec<String> {
    let all: Vec<String> = tables.iter().map(written).collect();
    let mut out = Vec::new();
    for (own, t) in all.iter().zip(tables) {
        for key in t["foreign_keys"].as_array().into_iter().flatten() {
            if all.iter().any(|other| key["references"].as_str() == Some(other)) {
                let columns: Vec<String> = key["columns"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .map(|c| visible_line(&quote::part(c), NAME))
                    .collect();
                out.push(format!("{own}({}) → {}", columns.join(", "), target(key)));
            }
        }
    }
    out
}

/// What is told of several names, within the budget.
fn told(many: &Many) -> Value {
    let mut out = json!({});
    let mut put = |key: &str, list: Vec<Value>| {
        if !list.is_empty() {
            out[key] = list.into();
        }
    };
    let mut keys: Vec<Value> = keys_between(&many.tables).into_iter().map(Value::from).collect();
    keys.truncate(60);
    put("keys_between", keys);
    put(
        "others",
        many.others.iter().map(|(name, kind)| Value::from(format!("{name}: {kind}"))).collect(),
    );
    put("not_found", many.missing.iter().map(missing).collect());
    // A name is told in any case, so that its room is kept.
    let kept: usize = many.tables.iter().map(|t| written(t).len() + 4).sum();
    let room = BUDGET.saturating_sub(size(&out) + kept + 200);
    let (mut described, mut names_only, mut used) = (Vec::new(), Vec::new(), 0);
    for t in &many.tables {
        let name = written(t);
        let wholly = table(t, usize::MAX);
        let text = if wholly.chars().count() > ONE { table(t, ONE) } else { wholly };
        let one = Value::from(text);
        let cost = size(&one) + 1;
        if used + cost > room {
            names_only.push(name);
            continue;
        }
        used += cost;
        described.push(one);
    }
    out["described"] = described.into();
    if !names_only.is_empty() {
        out["cut"] = json!([format!(
            "the columns of {}, since the budget of {} is used: ask for them in another call",
            plural(names_only.len(), "table"),
            plural(TOKENS, "token")
        )]);
        out["names_only"] = names_only.into();
    }
    let used = size(&out).div_ceil(4) + 12;
    out["budget"] = format!("about {used} of {}", plural(TOKENS, "token")).into();
    out
}

fn missing((name, why): &(String, NotFound)) -> Value {
    let other;
    let (why, closest): (_, &[String]) = match why {
        NotFound::Other(_, what, _) => {
            other = format!(" is {what}");
            (other.as_str(), &[])
        }
        NotFound::NoSuchTable(closest) => ("", closest),
        NotFound::Ambiguous(all) => (" is in several schemas", all),
        NotFound::Unreadable => (" is no table name", &[]),
        _ => ("", &[]),
    };
    let near = match closest.is_empty() {
        true => String::new(),
        false => format!("; the closest are {}", closest[..closest.len().min(3)].join(", ")),
    };
    format!("{}{why}{near}", visible_line(name, NAME)).into()
}

/// The same as text.
fn as_text(out: &Value) -> String {
    let texts = |key: &str| out[key].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut all = String::new();
    let keys: Vec<&str> = texts("keys_between").collect();
    if !keys.is_empty() {
        all += "-- foreign keys among these tables\n";
        keys.iter().for_each(|k| all += &format!("{k}\n"));
        all.push('\n');
    }
    texts("described").for_each(|one| all += &format!("{one}\n\n"));
    let only: Vec<&str> = texts("names_only").collect();
    if !only.is_empty() {
        let cut: Vec<&str> = texts("cut").collect();
        all += &format!("-- names only: {}\n-- {}\n", only.join(", "), cut.join("; "));
    }
    texts("others").for_each(|o| all += &format!("-- {o}: describe it with table_name\n"));
    texts("not_found").for_each(|n| all += &format!("-- not found: {n}\n"));
    all += &format!("-- {}\n", out["budget"].as_str().unwrap_or_default());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(n: usize, columns: usize) -> Value {
        let column = |c: usize| {
            json!({ "name": format!("Attr{c}"), "type": "nvarchar(50)", "nullable": true,
                "description": "what it is for, in some words" })
        };
        json!({ "schema": "dbo", "name": format!("T{n}"), "type": "table", "rows": 5,
            "columns": (0..columns).map(column).collect::<Vec<_>>(),
            "foreign_keys": [{ "name": "FK", "columns": ["Attr0"],
                "references": format!("dbo.T{}", n + 1) }] })
    }

    #[test]
    fn the_budget_is_kept_and_what_was_cut_is_named() {
        let tables: Vec<Value> = (0..20).map(|n| wide(n, 100)).collect();
        let missing = vec![("dbo.Nope".to_owned(), NotFound::NoSuchTable(vec!["dbo.T1".into()]))];
        let many = Many { tables, missing, ..Many::default() };
        let out = told(&many);
        assert!(size(&out) <= TOKENS * 4, "{}", size(&out));
        assert!(as_text(&out).chars().count() <= TOKENS * 4);
        let (described, only) = (out["described"].as_array(), out["names_only"].as_array());
        assert_eq!(described.map_or(0, Vec::len) + only.map_or(0, Vec::len), 20, "{out}");
        assert!(only.is_some_and(|o| !o.is_empty()) && out["cut"].is_array());
        assert_eq!(out["not_found"], json!(["dbo.Nope; the closest are dbo.T1"]));
        assert_eq!(out["keys_between"].as_array().map(Vec::len), Some(19));
        assert!(out["budget"].as_str().is_some_and(|b| b.ends_with("of 6000 tokens")));
        assert!(
            as_text(&out)
                .starts_with("-- foreign keys among these tables\ndbo.T0(Attr0) → dbo.T1(Attr0)\n")
        );
    }

    #[test]
    fn small_tables_are_all_told() {
        let many = Many { tables: (0..20).map(|n| wide(n, 8)).collect(), ..Many::default() };
        let out = told(&many);
        assert_eq!(out["described"].as_array().map(Vec::len), Some(20));
        assert!(out["names_only"].is_null());
    }
}
