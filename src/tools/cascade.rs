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
pub(crate) struct Cascade {
    /// Of the table that refers.
    pub(crate) table: String,
    /// CASCADE, SET_NULL or SET_DEFAULT.
    action: String,
    /// On UPDATE; else on DELETE.
    on_update: bool,
    /// How many rows; none where that was not counted.
    pub(crate) rows: Option<u64>,
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

/// A table whose rows go, or change their keys.
#[derive(Debug, Clone, PartialEq)]
struct Reached {
    name: String,
    deletes: bool,
    updates: bool,
}

/// A row of [`KEYS`].
struct Key {
    schema: String,
    table: String,
    on_delete: String,
    on_update: String,
    /// The first column that refers, and the one that it refers to.
    column: String,
    refers_to: String,
    triggers: bool,
}

/// What follows from changing these tables, or why it must not be tried out.
pub(crate) async fn cascades(
    db: &Database,
    tables: &[Table],
    sql: &str,
    limits: &Limits,
) -> Result<Result<Vec<Cascade>, String>, DbError> {
    let mut found: Vec<Cascade> = Vec::new();
    // INSERT and TRUNCATE set off nothing: the one adds no parent that was referred to, the other
    // is refused where somebody refers.
    let does = |t: &Table, verb: &str| t.verb == verb || t.verb == "MERGE";
    let of = |t: &Table| Reached {
        name: t.name.clone(),
        deletes: does(t, "DELETE"),
        updates: does(t, "UPDATE"),
    };
    let mut open: Vec<Reached> = tables.iter().map(of).collect();
    let mut seen: Vec<Reached> = Vec::new();
    while let Some(next) = open.pop() {
        if seen.contains(&next) || !(next.deletes || next.updates) {
            continue;
        }
        let by_text = tables.iter().any(|t| t.name == next.name && t.verb == "UPDATE");
        let params = [("name", ParamValue::Text(next.name.clone()))];
        let rows: Rows = db.fetch(KEYS, &params, limits).await?.into_iter().flatten().collect();
        for key in rows.iter().map(|r| Key::of(r)) {
            if found.len() >= MOST {
                return Ok(Err(format!("more than {MOST} foreign keys would act on it")));
            }
            for on_update in [false, true] {
                let acts = if on_update { next.updates } else { next.deletes };
                // An UPDATE that leaves the key alone sets nothing off.
                let untouched = on_update && by_text && !sets(sql, &key.refers_to);
                if key.action(on_update) == "NO_ACTION" || !acts || untouched {
                    continue;
                }
                match key.follow(on_update, tables, &mut found) {
                    Ok(reached) => open.push(reached),
                    Err(why) => return Ok(Err(why)),
                }
            }
        }
        seen.push(next);
    }
    Ok(Ok(found))
}

impl Key {
    fn of(r: &[Value]) -> Self {
        let text =
            |i: usize| r.get(i).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        Self {
            schema: text(0),
            table: text(1),
            on_delete: text(2),
            on_update: text(3),
            column: text(4),
            refers_to: text(6),
            triggers: r.get(5).and_then(Value::as_i64) != Some(0),
        }
    }

    fn action(&self, on_update: bool) -> &str {
        if on_update { &self.on_update } else { &self.on_delete }
    }

    /// Notes what this key does, and tells which table that reaches.
    fn follow(
        &self,
        on_update: bool,
        tables: &[Table],
        found: &mut Vec<Cascade>,
    ) -> Result<Reached, String> {
        let table = format!("{}.{}", quote::part(&self.schema), quote::part(&self.table));
        if self.triggers {
            return Err(format!(
                "{table} is changed with it and has triggers, and what they do may not be undone \
                 by a rollback"
            ));
        }
        let action = self.action(on_update);
        // A table that the text changes by itself, or by two keys, tells nothing by a difference.
        let mixed =
            tables.iter().any(|t| t.name == table) || found.iter().any(|f| f.table == table);
        if mixed {
            found.iter_mut().filter(|f| f.table == table).for_each(|f| f.counting = None);
        }
        let cascade = Cascade {
            table: table.clone(),
            action: action.to_owned(),
            on_update,
            rows: None,
            counting: self.counting(action).filter(|_| !mixed && !on_update),
        };
        if !found.contains(&cascade) {
            found.push(cascade);
        }
        let goes = action == "CASCADE";
        Ok(Reached { name: table, deletes: !on_update && goes, updates: on_update || !goes })
    }

    /// A text that counts the rows which are there, or refer.
    fn counting(&self, action: &str) -> Option<String> {
        let (schema, table) = (quote::identifier(&self.schema), quote::identifier(&self.table));
        let from = format!("SELECT COUNT_BIG(*) FROM {schema}.{table}");
        match action {
            "CASCADE" => Some(from),
            "SET_NULL" => {
                Some(format!("{from} WHERE {} IS NOT NULL", quote::identifier(&self.column)))
            }
            _ => None,
        }
    }
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
pub(crate) async fn count(db: &Database, batch: Batch<'_>, found: &mut [Cascade], limits: &Limits) {
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
    pub(crate) fn sentence(&self) -> Option<String> {
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
