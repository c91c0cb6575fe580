//! What goes with a change by itself: rows of tables whose foreign keys refer to the changed one
//! (ON DELETE and ON UPDATE, CASCADE, SET NULL and SET DEFAULT).

use crate::database::run::{Batch, ParamValue, Rows};
use crate::database::{Database, DbError, Limits};
use crate::plural::plural;
use mssql_mcp_sql::lexer::tokens;
use mssql_mcp_sql::quote;
use serde_json::Value;

use super::preview::{Table, thousands};

/// More tables than this are not followed.
const MOST: usize = 16;

/// A foreign key that does something.
#[derive(Debug, Clone, PartialEq)]
pub struct Cascade {
    /// Of the table that refers.
    pub table: String,
    /// CASCADE, SET_NULL or SET_DEFAULT.
    action: String,
    /// On UPDATE; else on DELETE.
    on_update: bool,
    /// How many rows; none where that was not counted.
    pub rows: Option<u64>,
    /// A text that counts them; none where no difference tells.
    counting: Option<String>,
}

const KEYS: &str = "SELECT s.name, o.name, f.delete_referential_action_desc, \
     f.update_referential_action_desc, c.name, \
     (SELECT COUNT(*) FROM sys.triggers AS t WHERE t.parent_id = o.object_id \
     AND t.is_disabled = 0), rc.name \
     FROM sys.foreign_keys AS f JOIN sys.objects AS o ON o.object_id = f.parent_object_id \
     JOIN sys.schemas AS s ON s.schema_id = o.schema_id \
     JOIN sys.foreign_key_columns AS fc ON fc.constraint_object_id = f.object_id \
     AND fc.constraint_column_id = 1 \
     JOIN sys.columns AS c ON c.object_id = fc.parent_object_id \
     AND c.column_id = fc.parent_column_id \
     JOIN sys.columns AS rc ON rc.object_id = fc.referenced_object_id \
     AND rc.column_id = fc.referenced_column_id \
     WHERE f.referenced_object_id = OBJECT_ID(@name) AND f.is_disabled = 0 \
     AND (f.delete_referential_action_desc <> 'NO_ACTION' OR f.update_referential_action_desc <> \
     'NO_ACTION')";

/// What follows from changing these tables, or why it must not be tried out.
pub async fn cascades(
    db: &Database,
    tables: &[Table],
    sql: &str,
    limits: &Limits,
) -> Result<Result<Vec<Cascade>, String>, DbError> {
    let mut found: Vec<Cascade> = Vec::new();
    // Name, and whether its rows may go and may change their keys. INSERT and TRUNCATE
    // set off nothing: the one adds no parent that was referred to, the other is
    // refused where somebody refers.
    let does = |t: &Table, verb: &str| t.verb == verb || t.verb == "MERGE";
    let mut open: Vec<(String, bool, bool)> =
        tables.iter().map(|t| (t.name.clone(), does(t, "DELETE"), does(t, "UPDATE"))).collect();
    let mut seen: Vec<(String, bool, bool)> = Vec::new();
    while let Some(next) = open.pop() {
        if seen.contains(&next) || !(next.1 || next.2) {
            continue;
        }
        let (name, deletes, updates) = next.clone();
        let by_text = tables.iter().any(|t| t.name == name && t.verb == "UPDATE");
        seen.push(next);
        let rows: Rows = db
            .fetch(KEYS, &[("name", ParamValue::Text(name))], limits)
            .await?
            .into_iter()
            .flatten()
            .collect();
        for r in rows {
            let text =
                |i: usize| r.get(i).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
            let table = format!("{}.{}", quote::part(&text(0)), quote::part(&text(1)));
            if found.len() >= MOST {
                return Ok(Err(format!("more than {MOST} foreign keys would act on it")));
            }
            for (on_update, action) in [(false, text(2)), (true, text(3))] {
                if action == "NO_ACTION" || (on_update && !updates) || (!on_update && !deletes) {
                    continue;
                }
                // An UPDATE that leaves the key alone sets nothing off.
                if on_update && by_text && !sets(sql, &text(6)) {
                    continue;
                }
                if r.get(5).and_then(Value::as_i64) != Some(0) {
                    return Ok(Err(format!(
                        "{table} is changed with it and has triggers, and what they do may not be \
                         undone by a rollback"
                    )));
                }
                let from = format!(
                    "SELECT COUNT_BIG(*) FROM {}.{}",
                    quote::identifier(&text(0)),
                    quote::identifier(&text(1))
                );
                // A table that the text changes by itself, or by two keys, tells
                // nothing by a difference.
                let mixed = tables.iter().any(|t| t.name == table)
                    || found.iter().any(|f| f.table == table);
                let counting = match action.as_str() {
                    _ if mixed || on_update => None,
                    "CASCADE" => Some(from),
                    "SET_NULL" => {
                        Some(format!("{from} WHERE {} IS NOT NULL", quote::identifier(&text(4))))
                    }
                    _ => None,
                };
                if mixed {
                    found.iter_mut().filter(|f| f.table == table).for_each(|f| f.counting = None);
                }
                let c = Cascade {
                    table: table.clone(),
                    action: action.clone(),
                    on_update,
                    rows: None,
                    counting,
                };
                if !found.contains(&c) {
                    found.push(c);
                }
                open.push((
                    table.clone(),
                    !on_update && action == "CASCADE",
                    on_update || action != "CASCADE",
                ));
            }
        }
    }
    Ok(Ok(found))
}

/// Whether a text sets a column of this name, between SET and what follows.
fn sets(sql: &str, column: &str) -> bool {
    let Ok(all) = tokens(sql) else { return true };
    let mut setting = false;
    all.windows(3).any(|w| {
        let is = |t: &str| w[0].text.eq_ignore_ascii_case(t);
        if is("SET") {
            setting = true;
        } else if is("FROM") || is("WHERE") || is("OUTPUT") {
            setting = false;
        }
        let name = w[0].text.trim_matches(['[', ']', '"']).replace("]]", "]");
        setting
            && name.to_lowercase() == column.to_lowercase()
            && (w[1].text.contains('=') || w[2].text == "=")
    })
}

/// Counts them, by running the change once more between two counts. What cannot be counted in time
/// stays without a number.
pub async fn count(db: &Database, batch: Batch<'_>, found: &mut [Cascade], limits: &Limits) {
    let counting: Vec<String> = found.iter().filter_map(|c| c.counting.clone()).collect();
    if counting.is_empty() {
        return;
    }
    let Ok(counts) = db.counted_around(batch, &counting, limits).await else { return };
    for (c, (before, after)) in found.iter_mut().filter(|c| c.counting.is_some()).zip(counts) {
        c.rows = u64::try_from(before - after).ok();
    }
}

impl Cascade {
    /// For the person who is asked; none where nothing happens.
    pub fn sentence(&self) -> Option<String> {
        let on = if self.on_update { "UPDATE" } else { "DELETE" };
        let by = format!("(ON {on} {})", self.action.replace('_', " "));
        let does = |one: bool| match (self.action.as_str(), self.on_update) {
            ("CASCADE", false) => {
                if one {
                    "goes too"
                } else {
                    "go too"
                }
            }
            ("CASCADE", true) => {
                if one {
                    "changes its reference"
                } else {
                    "change their references"
                }
            }
            _ => {
                if one {
                    "loses its reference"
                } else {
                    "lose their references"
                }
            }
        };
        match self.rows {
            Some(0) => None,
            Some(n) => Some(format!(
                "{} of {} {} {by}.",
                plural(thousands(n), "row"),
                self.table,
                does(n == 1)
            )),
            None => Some(format!(
                "Rows of {} that refer to it {} {by}; they were not counted.",
                self.table,
                does(false)
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_set_or_only_looked_at() {
        assert!(sets("UPDATE t SET a = 1, [Id] += 2 WHERE x = 1", "id"));
        assert!(!sets("UPDATE t SET a = id WHERE id = 1", "id"));
    }
}
