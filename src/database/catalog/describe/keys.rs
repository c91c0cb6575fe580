//! Indexes and foreign keys, from a row for each of their columns.

use serde_json::{Map, Value, json};

use super::{cell, yes};
use crate::database::catalog::s;
use mssql_mcp_sql::quote;

/// The indexes of a table, by what they are for.
#[derive(Default)]
pub(super) struct Indexes {
    pub(super) primary: Value,
    pub(super) unique: Vec<Value>,
    pub(super) plain: Vec<Value>,
}

impl Indexes {
    /// From [`INDEXES`], a row for each column.
    pub(super) fn of(rows: &[&Vec<Value>]) -> Self {
        let mut all = Self::default();
        for group in rows.chunk_by(|a, b| a.first() == b.first()) {
            let Some(first) = group.first() else { continue };
            let columns = |wanted: &dyn Fn(&[Value]) -> bool| -> Vec<Value> {
                group.iter().filter(|r| wanted(r)).map(|r| cell(r, 5)).collect()
            };
            let mut one = json!({ "name": cell(first, 0), "columns": columns(&|r| !yes(r, 7)) });
            if yes(first, 3) {
                all.primary = one;
                continue;
            }
            if yes(first, 4) {
                all.unique.push(one);
                continue;
            }
            // What nearly every index is, is not said.
            if cell(first, 1) != "NONCLUSTERED" {
                one["type"] = cell(first, 1);
            }
            if yes(first, 2) {
                one["unique"] = true.into();
            }
            for (k, v) in
                [("descending", columns(&|r| yes(r, 6))), ("included", columns(&|r| yes(r, 7)))]
            {
                if !v.is_empty() {
                    one[k] = v.into();
                }
            }
            if !cell(first, 8).is_null() {
                one["filter"] = cell(first, 8);
            }
            all.plain.push(one);
        }
        all
    }
}

/// From [`KEYS`], a row for each pair of columns: the keys of the table, and those
/// that refer to it.
pub(super) fn foreign_keys(rows: &[&Vec<Value>], table: i64) -> (Vec<Value>, Vec<Value>) {
    let (mut outward, mut inward) = (Vec::new(), Vec::new());
    for group in rows.chunk_by(|a, b| a.get(11) == b.get(11)) {
        let Some(first) = group.first() else { continue };
        let list = |i: usize| -> Vec<Value> { group.iter().map(|r| cell(r, i)).collect() };
        let part = |i: usize| quote::part(&s(&cell(first, i)));
        let (from, to) = (format!("{}.{}", part(1), part(2)), format!("{}.{}", part(4), part(5)));
        let (own, itself) = (cell(first, 10).as_i64() == Some(table), from == to);
        let mut actions = Map::new();
        for (k, i) in [("on_delete", 7), ("on_update", 8)] {
            let action = s(&cell(first, i));
            if !action.is_empty() && action != "NO_ACTION" {
                actions.insert(k.into(), action.into());
            }
        }
        // Each side has the other's name: its own is known.
        let side = |other: &str, k: &str| {
            let mut one = Map::new();
            one.insert("name".into(), cell(first, 0));
            one.insert("columns".into(), list(3).into());
            one.insert(k.into(), other.into());
            if list(3) != list(6) {
                one.insert("referenced_columns".into(), list(6).into());
            }
            one.extend(actions.clone());
            Value::Object(one)
        };
        if own {
            outward.push(side(&to, "references"));
        }
        // A table that refers to itself is on both sides.
        if !own || itself {
            inward.push(side(&from, "table"));
        }
    }
    (outward, inward)
}
