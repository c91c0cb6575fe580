//! A table as text, much as its DDL has it: a line for each column, then the keys. Texts from the
//! database stand in quotation marks and on one line, so that none can look like a line of ours.

use serde_json::Value;

use super::plain::{knowledge, temporal};
use super::wide::{groups, ordered};
use crate::plural::plural;
use crate::visible::visible_line;
use mssql_mcp_sql::quote;

/// Characters of a text that somebody wrote.
const TEXT: usize = 300;
/// Of an expression.
const EXPRESSION: usize = 160;
/// Tables that refer to it, by name.
const REFERRING: usize = 12;

pub(super) fn text(v: &Value) -> &str {
    v.as_str().unwrap_or_default()
}

fn list(v: &Value) -> Vec<&str> {
    v.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn items(v: &Value) -> impl Iterator<Item = &Value> {
    v.as_array().into_iter().flatten()
}

/// A text as what it is: somebody's words.
pub(in crate::tools) fn quoted(words: &str) -> String {
    let inner = visible_line(words.trim(), TEXT).replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{inner}\"")
}

pub(super) fn expression(sql: &str) -> String {
    visible_line(sql, EXPRESSION)
}

/// A name as T-SQL has it; what cannot be seen in it is shown.
fn name(v: &Value) -> String {
    visible_line(&quote::part(text(v)), 260)
}

fn names(v: &Value) -> String {
    let all: Vec<String> = items(v).map(name).collect();
    all.join(", ")
}

/// `1234567` as `1.2 M rows`.
fn rows(n: i64) -> String {
    let scaled = |by: i64, unit: &str| {
        let tenths = (n + by / 20) / (by / 10);
        let (whole, tenth) = (tenths / 10, tenths % 10);
        format!("~{whole}.{tenth} {unit}") + " rows"
    };
    match n {
        0..=9_999 => format!("~{}", plural(n, "row")),
        10_000..=999_949 => scaled(1000, "k"),
        1_000_000_000.. => scaled(1_000_000_000, "G"),
        _ => scaled(1_000_000, "M"),
    }
}

/// A column's line.
fn column(c: &Value, told: &Value) -> String {
    let mut out = format!("  {} {}", name(&c["name"]), visible_line(text(&c["type"]), 140));
    out += if c["nullable"] == false { " not null" } else { " null" };
    if c["identity"].is_object() {
        let of = |k: &str| c["identity"][k].to_string();
        out += &format!(" identity({},{})", of("seed"), of("increment"));
    }
    if let Some(sql) = c["default"].as_str() {
        out += &format!(" default {}", expression(sql));
    }
    if let Some(sql) = c["computed"].as_str() {
        out += &format!(" as {}", expression(sql));
    }
    if let Some(collation) = c["collation"].as_str() {
        out += &format!(" collate {}", expression(collation));
    }
    let only = |v: &Value| list(&v["columns"]) == [text(&c["name"])];
    if only(&told["primary_key"]) {
        out += " PK";
    }
    for key in items(&told["foreign_keys"]).filter(|k| only(k)) {
        out += &format!(" → {}", target(key));
    }
    let mut said: Vec<String> = Vec::new();
    said.extend(c["description"].as_str().map(quoted));
    let values = list(&c["values"]);
    if !values.is_empty() {
        said.push(format!("values {}", quoted(&values.join("; "))));
    }
    if !said.is_empty() {
        out += &format!(" -- {}", said.join("; "));
    }
    out
}

/// What a foreign key refers to: `dbo.Customer(Id)`.
pub(super) fn target(key: &Value) -> String {
    let columns = match key.get("referenced_columns") {
        Some(columns) => names(columns),
        None => names(&key["columns"]),
    };
    format!("{}({columns})", visible_line(text(&key["references"]), 520))
}

/// The lines below the columns.
fn keys(told: &Value) -> Vec<String> {
    let mut out = Vec::new();
    let pk = &told["primary_key"];
    if pk.is_object() {
        out.push(format!("  PK {} ({})", name(&pk["name"]), names(&pk["columns"])));
    }
    for k in items(&told["unique_constraints"]) {
        out.push(format!("  UQ {} ({})", name(&k["name"]), names(&k["columns"])));
    }
    for k in items(&told["foreign_keys"]) {
        let mut line =
            format!("  FK {} ({}) → {}", name(&k["name"]), names(&k["columns"]), target(k));
        for (key, what) in [("on_delete", "on delete"), ("on_update", "on update")] {
            if let Some(action) = k[key].as_str() {
                line += &format!(" {what} {}", action.to_lowercase().replace('_', " "));
            }
        }
        out.push(line);
    }
    for k in items(&told["check_constraints"]) {
        out.push(format!("  CK {} {}", name(&k["name"]), expression(text(&k["definition"]))));
    }
    for k in items(&told["indexes"]) {
        let mut line = format!("  IX {}", name(&k["name"]));
        if k["unique"] == true {
            line += " unique";
        }
        if let Some(ty) = k["type"].as_str() {
            line += &format!(" {}", ty.to_lowercase());
        }
        let descending = list(&k["descending"]);
        let one = |c: &Value| match descending.contains(&text(c)) {
            true => name(c) + " desc",
            false => name(c),
        };
        let columns: Vec<String> = items(&k["columns"]).map(one).collect();
        line += &format!(" ({})", columns.join(", "));
        if !list(&k["included"]).is_empty() {
            line += &format!(" include ({})", names(&k["included"]));
        }
        if let Some(filter) = k["filter"].as_str() {
            line += &format!(" where {}", expression(filter));
        }
        out.push(line);
    }
    let by: Vec<String> = items(&told["referenced_by"])
        .map(|k| format!("{}({})", visible_line(text(&k["table"]), 520), names(&k["columns"])))
        .collect();
    if !by.is_empty() {
        let more = match by.len() {
            n if n > REFERRING => format!(" and {} more", n - REFERRING),
            _ => String::new(),
        };
        let shown = by[..by.len().min(REFERRING)].join(", ");
        out.push(format!("  referenced by {shown}{more}"));
    }
    out
}

/// The lines above the columns.
fn head(told: &Value, written: &str) -> Vec<String> {
    let mut first = format!("{written} -- {}", text(&told["type"]));
    if let Some(n) = told["rows"].as_i64() {
        first += &format!(", {}", rows(n));
    }
    if let Some(words) = told["description"].as_str() {
        first += &format!("; {}", quoted(words));
    }
    let mut out = vec![first];
    if let Some(line) = temporal(&told["temporal"]) {
        out.push(format!("  -- temporal, {line}"));
    }
    if told["is_tracked_by_cdc"] == true {
        out.push("  -- tracked by change data capture".into());
    }
    out.extend(knowledge(&told["knowledge"], true).into_iter().map(|l| format!("  -- {l}")));
    out
}

/// A table in no more than about so many characters; what does not fit is counted by its names.
pub(super) fn table(told: &Value, most: usize) -> String {
    let (schema, own) = (text(&told["schema"]), text(&told["name"]));
    let written = visible_line(&format!("{}.{}", quote::part(schema), quote::part(own)), 520);
    let (head, keys) = (head(told, &written).join("\n"), keys(told));
    let all: Vec<&Value> = items(&told["columns"]).collect();
    let lines: Vec<String> = all.iter().map(|c| column(c, told)).collect();
    let length = |all: &[String]| all.iter().map(|l| l.chars().count() + 1).sum::<usize>();
    let fixed = head.chars().count() + 1;
    let whole = fixed + length(&lines) + length(&keys);
    if whole <= most {
        return [vec![head], lines, keys].concat().join("\n");
    }
    // Of the keys as many as half of the room takes; of the columns those first that join.
    let room = most.saturating_sub(fixed + 200);
    let mut used = 0;
    let fits = |line: &String, used: &mut usize, room: usize| {
        *used += line.chars().count() + 1;
        *used <= room
    };
    let shown_keys: Vec<String> =
        keys.iter().take_while(|l| fits(l, &mut used, room / 2)).cloned().collect();
    let mut used = length(&shown_keys);
    let (mut shown, mut rest) = (Vec::new(), Vec::new());
    for c in ordered(told) {
        let line = column(c, told);
        if rest.is_empty() && fits(&line, &mut used, room) {
            shown.push(line);
        } else {
            rest.push(text(&c["name"]));
        }
    }
    let mut out = vec![head];
    out.extend(shown);
    if !rest.is_empty() {
        let count = rest.len();
        let groups: Vec<String> = groups(rest.into_iter())
            .into_iter()
            .take(8)
            .map(|(prefix, n)| format!("{}* {n}", visible_line(&prefix, 20)))
            .collect();
        out.push(format!("  … {} more: {}", plural(count, "column"), groups.join(", ")));
    }
    let left = keys.len() - shown_keys.len();
    out.extend(shown_keys);
    if left > 0 {
        out.push(format!("  … {} more", plural(left, "key or index").replace("indexs", "indexes")));
    }
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn orders() -> Value {
        json!({
            "schema": "sales", "name": "Order", "type": "table", "rows": 1_234_567,
            "description": "What was \"ordered\"",
            "columns": [
                { "name": "Id", "type": "int", "nullable": false,
                  "identity": { "seed": 1, "increment": 1 } },
                { "name": "CustomerId", "type": "int", "nullable": false },
                { "name": "Status", "type": "char(1)", "nullable": true, "default": "('O')",
                  "description": "O open\n  Evil int PK", "values": ["O open", "C closed"] },
                { "name": "Total", "type": "money", "nullable": true, "computed": "([a]*[b])" },
            ],
            "primary_key": { "name": "PK_Order", "columns": ["Id"] },
            "foreign_keys": [{ "name": "FK_C", "columns": ["CustomerId"],
                "references": "dbo.Customer", "referenced_columns": ["Id"], "on_delete": "CASCADE" }],
            "referenced_by": [{ "name": "FK_L", "table": "sales.Line", "columns": ["OrderId"] }],
            "indexes": [{ "name": "IX", "columns": ["Id", "Status"], "descending": ["Status"], "unique": true, "included": ["Total"] }],
            "temporal": { "period": ["From", "To"], "history": "sales.OrderHistory" },
            "is_tracked_by_cdc": true,
        })
    }

    #[test]
    fn a_table_is_told_in_lines_as_its_ddl_has_them() {
        let text = table(&orders(), 10_000);
        let expected = r#"sales.[Order] -- table, ~1.2 M rows; "What was \"ordered\""
  -- temporal, period ([From], [To]), history in sales.OrderHistory
  -- tracked by change data capture
  Id int not null identity(1,1) PK
  CustomerId int not null → dbo.Customer(Id)
  Status char(1) null default ('O') -- "O open\\u{000A}  Evil int PK"; values "O open; C closed"
  Total money null as ([a]*[b])
  PK PK_Order (Id)
  FK FK_C (CustomerId) → dbo.Customer(Id) on delete cascade
  IX IX unique (Id, Status desc) include (Total)
  referenced by sales.Line(OrderId)"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn a_wide_table_keeps_to_its_room() {
        let mut wide = orders();
        let more = (0..1000)
            .map(|n| json!({ "name": format!("Attr_{n}"), "type": "int", "nullable": true }));
        wide["columns"].as_array_mut().expect("columns").extend(more);
        let text = table(&wide, 2000);
        assert!(text.chars().count() <= 2000, "{}", text.len());
        assert!(text.contains("  Id int") && text.contains("columns more: Attr* 9"), "{text}");
        assert!(text.contains("PK PK_Order (Id)"), "{text}");
    }

    #[test]
    fn rows_are_told_roughly() {
        for (n, said) in [
            (1, "~1 row"),
            (9999, "~9999 rows"),
            (20_000, "~20.0 k rows"),
            (999_950, "~1.0 M rows"),
            (1_250_000_000, "~1.3 G rows"),
        ] {
            assert_eq!(rows(n), said);
        }
    }
}
