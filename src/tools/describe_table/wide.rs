//! One table within the budget: of very many columns those first by which it is joined and found,
//! and of the others how many there are of each kind of name.

use serde_json::{Value, json};

use super::{BUDGET, size};
use crate::plural::plural;
use crate::refusal::Refusal;
use crate::tools::Stop;
use crate::visible::visible_line;

/// Characters of a description where all of them together are too long.
const DESCRIPTION: usize = 300;
/// Groups of names that are told.
const GROUPS: usize = 40;
/// Characters that all but the columns may have.
const BESIDE: usize = BUDGET / 2;
/// Lists that are cut where there is too much beside the columns, the longest first.
const LISTS: [&str; 5] =
    ["referenced_by", "indexes", "check_constraints", "foreign_keys", "unique_constraints"];

/// What of a table's columns is asked for.
#[derive(Debug, Default)]
pub(super) struct ColumnsAsked {
    like: Option<String>,
    /// So many columns were told before.
    skip: usize,
}

impl ColumnsAsked {
    pub(super) fn read(like: Option<&str>, cursor: Option<&str>) -> Result<Self, Stop> {
        let skip = match cursor {
            None => 0,
            Some(c) => {
                c.strip_prefix("columns:").and_then(|n| n.parse().ok()).ok_or_else(|| {
                    Refusal::invalid_arguments(
                        "cursor is not one that describe_table gave for a table",
                        "Leave it out for the first columns.",
                    )
                })?
            }
        };
        Ok(Self { like: like.map(str::to_owned), skip })
    }
}

/// Whether a name is like a pattern of LIKE, in any case; without `%` it is a part of the name.
fn is_like(name: &str, pattern: &str) -> bool {
    let (name, pattern) = (name.to_lowercase(), pattern.to_lowercase());
    if !pattern.contains('%') {
        return name.contains(&pattern);
    }
    let (name, pattern): (Vec<char>, Vec<char>) =
        (name.chars().collect(), pattern.chars().collect());
    // Where the last % was, and how much of the name it stands for.
    let (mut n, mut p, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('%') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '_' || *c == name[n] => (n, p) = (n + 1, p + 1),
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                (n, p) = (taken + 1, at + 1);
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '%')
}

/// The names of the columns by which a table is joined and found.
pub(super) fn of_keys(told: &Value) -> Vec<&str> {
    let lists = |key: &str| told[key].as_array().into_iter().flatten();
    [&told["primary_key"]]
        .into_iter()
        .chain(lists("foreign_keys"))
        .chain(lists("unique_constraints"))
        .chain(lists("indexes"))
        .filter_map(|v| v["columns"].as_array())
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// Columns in the order in which they are told: those of keys, then those that somebody described,
/// then the others.
pub(super) fn ordered(told: &Value) -> Vec<&Value> {
    let keys: std::collections::HashSet<&str> = of_keys(told).into_iter().collect();
    let rank = |c: &Value| match c["name"].as_str() {
        Some(name) if keys.contains(name) => 0,
        _ if !c["description"].is_null() || !c["values"].is_null() => 1,
        _ => 2,
    };
    let mut all: Vec<&Value> = told["columns"].as_array().into_iter().flatten().collect();
    all.sort_by_key(|c| rank(c));
    all
}

/// Names by how they begin, with how many of each: `attr 500`.
pub(super) fn groups<'a>(names: impl Iterator<Item = &'a str>) -> Vec<(String, usize)> {
    let mut all: Vec<(String, usize)> = Vec::new();
    let mut places = std::collections::HashMap::<String, usize>::new();
    for name in names {
        let prefix = prefix(name);
        let place = *places.entry(prefix.to_lowercase()).or_insert_with(|| {
            all.push((prefix.to_owned(), 0));
            all.len() - 1
        });
        all[place].1 += 1;
    }
    all.sort_by_key(|g| std::cmp::Reverse(g.1));
    all
}

/// The first word of a name: up to a separator, a digit, or a capital behind a small letter.
fn prefix(name: &str) -> &str {
    let mut small = false;
    for (at, c) in name.char_indices() {
        let ends = !c.is_alphabetic() || (small && c.is_uppercase());
        if at > 0 && ends {
            return &name[..at];
        }
        small = c.is_lowercase();
    }
    name
}

/// The table as it is, or what fits of it.
pub(super) fn fitted(mut told: Value, asked: &ColumnsAsked) -> Value {
    let is_plain = asked.like.is_none() && asked.skip == 0;
    if is_plain && size(&told) <= BUDGET {
        return told;
    }
    shorten(&mut told);
    if is_plain && size(&told) <= BUDGET {
        told["cut"] = json!([format!("descriptions after character {DESCRIPTION}")]);
        return told;
    }
    let order: Vec<Value> = ordered(&told).into_iter().cloned().collect();
    let count = order.len();
    let order: Vec<Value> = match &asked.like {
        Some(like) => {
            let is = |c: &Value| is_like(c["name"].as_str().unwrap_or_default(), like);
            order.into_iter().filter(is).collect()
        }
        None => order,
    };
    let mut out = match is_plain {
        true => told,
        false => json!({ "schema": told["schema"], "name": told["name"], "type": told["type"] }),
    };
    out["columns"] = json!([]);
    if is_plain {
        cut(&mut out);
    }
    out["column_count"] = count.into();
    let mut used = size(&out) + 60;
    let mut shown = asked.skip.min(order.len());
    let room = if is_plain { 3000 } else { 200 };
    let mut columns = Vec::new();
    while let Some(column) = order.get(shown) {
        used += size(column) + 1;
        if used > BUDGET - room && !columns.is_empty() {
            break;
        }
        columns.push(column.clone());
        shown += 1;
    }
    out["columns"] = columns.into();
    if shown < order.len() {
        out["next_cursor"] = format!("columns:{shown}").into();
        if is_plain {
            let rest = order[shown..].iter().filter_map(|c| c["name"].as_str());
            let mut left = Vec::new();
            let mut taken = 0;
            for (prefix, columns) in groups(rest) {
                let one = Value::from(format!("{}* {columns}", visible_line(&prefix, 60)));
                taken += size(&one) + 1;
                if left.len() == GROUPS || taken > room - 400 {
                    break;
                }
                left.push(one);
            }
            out["column_groups"] = left.into();
            push_cut(
                &mut out,
                format!(
                    "{}: columns_like or the cursor shows them",
                    plural(order.len() - shown, "column")
                ),
            );
        }
    }
    out
}

fn push_cut(out: &mut Value, what: String) {
    match out["cut"].as_array_mut() {
        Some(all) => all.push(what.into()),
        None => out["cut"] = json!([what]),
    }
}

/// Long texts of the database, cut.
fn shorten(told: &mut Value) {
    let cut = |v: &mut Value| {
        if let Some(text) = v.as_str().filter(|t| t.chars().count() > DESCRIPTION) {
            *v = visible_line(text, DESCRIPTION).into();
        }
    };
    for key in ["description", "default", "computed"] {
        if let Some(text) = told.get_mut(key) {
            cut(text);
        }
        for column in told["columns"].as_array_mut().into_iter().flatten() {
            if let Some(text) = column.get_mut(key) {
                cut(text);
            }
        }
    }
    for check in told["check_constraints"].as_array_mut().into_iter().flatten() {
        cut(&mut check["definition"]);
    }
}

/// Cuts what stands beside the columns to its share.
fn cut(out: &mut Value) {
    let mut dropped = [0; LISTS.len()];
    let mut used = size(out);
    while used > BESIDE {
        let length = |n: &usize| out[LISTS[*n]].as_array().map_or(0, Vec::len);
        let Some(longest) = (0..LISTS.len()).max_by_key(length).filter(|n| length(n) > 0) else {
            break;
        };
        let last = out[LISTS[longest]].as_array_mut().and_then(Vec::pop).unwrap_or_default();
        used = used.saturating_sub(size(&last) + 1);
        dropped[longest] += 1;
    }
    if used > BESIDE && out.get("knowledge").is_some() {
        out["knowledge"] = json!([]);
        push_cut(out, "what people wrote of it".into());
    }
    for (n, key) in LISTS.iter().enumerate().filter(|(n, _)| dropped[*n] > 0) {
        push_cut(out, format!("{} of {key}", dropped[n]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: usize) -> Value {
        let column = |n: usize| json!({ "name": format!("Attr{n:04}Value"), "type": "nvarchar(200)", "nullable": true });
        let mut all: Vec<Value> = (0..columns).map(column).collect();
        all.push(json!({ "name": "Owner", "type": "int", "nullable": true }));
        all.push(json!({ "name": "Id", "type": "int", "nullable": false }));
        json!({
            "schema": "dbo", "name": "Wide", "type": "table", "columns": all,
            "primary_key": { "name": "PK", "columns": ["Id"] },
            "foreign_keys": [{ "name": "FK", "columns": ["Owner"], "references": "dbo.Owners" }],
        })
    }

    fn names(v: &Value) -> Vec<String> {
        let all = v["columns"].as_array().expect("columns").iter();
        all.map(|c| c["name"].as_str().expect("name").to_owned()).collect()
    }

    #[test]
    fn a_wide_table_fits_and_its_keys_come_first() {
        let out = fitted(table(1000), &ColumnsAsked::default());
        assert!(size(&out) <= BUDGET, "{}", size(&out));
        assert_eq!(names(&out)[..2], ["Owner", "Id"]);
        assert_eq!(out["column_count"], 1002);
        let shown = names(&out).len();
        assert_eq!(out["column_groups"], json!([format!("Attr* {}", 1002 - shown)]));
        // The cursor gives the rest, each column once.
        let (mut all, mut cursor) = (names(&out), out["next_cursor"].as_str().map(str::to_owned));
        while let Some(c) = cursor {
            let page = fitted(table(1000), &ColumnsAsked::read(None, Some(&c)).expect("ours"));
            assert!(size(&page) <= BUDGET);
            all.extend(names(&page));
            cursor = page["next_cursor"].as_str().map(str::to_owned);
        }
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 1002);
    }

    #[test]
    fn columns_are_found_by_a_part_of_their_name() {
        let like = |p: &str| fitted(table(1000), &ColumnsAsked::read(Some(p), None).expect("ours"));
        assert_eq!(names(&like("attr0007")), ["Attr0007Value"]);
        assert_eq!(names(&like("%er")), ["Owner"]);
        assert_eq!(names(&like("a%9_9%e")).len(), 10);
        assert!(like("nothing")["columns"].as_array().is_some_and(Vec::is_empty));
        assert!(ColumnsAsked::read(None, Some("definition:5")).is_err());
    }

    #[test]
    fn a_table_that_fits_stays_as_it_is() {
        assert_eq!(fitted(table(20), &ColumnsAsked::default()), table(20));
    }

    #[test]
    fn lists_and_descriptions_are_cut_before_columns_are_lost() {
        let mut wide = table(5);
        let by =
            |n: usize| json!({ "name": format!("FK_{n}"), "columns": ["x"], "table": "dbo.X" });
        wide["referenced_by"] = (0..2000).map(by).collect();
        let out = fitted(wide, &ColumnsAsked::default());
        assert!(size(&out) <= BUDGET && names(&out).len() == 7, "{}", size(&out));
        assert!(out["cut"].to_string().contains("of referenced_by"), "{}", out["cut"]);
        let mut told = table(30);
        for c in told["columns"].as_array_mut().expect("columns") {
            c["description"] = "x".repeat(3000).into();
        }
        let out = fitted(told, &ColumnsAsked::default());
        assert!(size(&out) <= BUDGET && names(&out).len() == 32, "{}", size(&out));
    }
}
