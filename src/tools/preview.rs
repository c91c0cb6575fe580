//! What a change is about, for the person who is asked: which tables, how many rows of how many, and what a rollback leaves.

use crate::database::run::ParamValue;
use crate::database::{Database, DbError, Limits};
use mssql_mcp_sql::verdict::{Class, Verdict};

/// More targets than this are not looked up.
const MOST: usize = 8;
/// Of the statement's text, so much is shown.
const SHOWN: usize = 600;

/// A table that a statement writes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// `schema.name`.
    pub name: String,
    /// Rows, from the catalog.
    pub rows: Option<i64>,
}

/// What a preview found.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Rows per statement, and the tables of the statements that write.
    Counted {
        /// In order.
        counts: Vec<u64>,
        /// In order.
        tables: Vec<Table>,
    },
    /// Nothing could be counted, and why.
    Unknown(String),
}

impl Effect {
    /// What a commit is held against.
    pub fn counts(&self) -> Option<Vec<u64>> {
        match self {
            Effect::Counted { counts, .. } => Some(counts.clone()),
            Effect::Unknown(_) => None,
        }
    }
}

const ABOUT: &str = "SELECT s.name, o.name, o.type, \
     (SELECT SUM(p.rows) FROM sys.partitions AS p WHERE p.object_id = o.object_id AND p.index_id IN (0, 1)), \
     (SELECT COUNT(*) FROM sys.triggers AS t WHERE t.parent_id = o.object_id AND t.is_disabled = 0) \
     FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id WHERE o.object_id = OBJECT_ID(@name)";

/// The tables that a batch writes to, or why it must not be tried out: what a trigger does outside of the database, a rollback
/// does not undo.
pub async fn tables(db: &Database, verdict: &Verdict, limits: &Limits) -> Result<Result<Vec<Table>, String>, DbError> {
    let mut found = Vec::new();
    for s in verdict.statements.iter().filter(|s| s.class == Class::Write) {
        if found.len() == MOST {
            return Ok(Err(format!("it writes to more than {MOST} tables")));
        }
        let Some(target) = &s.target else {
            return Ok(Err(format!("the table that {} writes to could not be told from the text", s.head)));
        };
        let rows = db.fetch(ABOUT, &[("name", ParamValue::Text(target.name.clone()))], limits).await?;
        let Some(row) = rows.into_iter().flatten().next() else {
            return Ok(Err(format!("{} is no table of this database", target.name)));
        };
        let text = |i: usize| row.get(i).and_then(|v| v.as_str()).unwrap_or_default().trim().to_owned();
        let name = format!("{}.{}", text(0), text(1));
        if text(2) != "U" {
            return Ok(Err(format!("{name} is no plain table, and what lies behind it could have triggers")));
        }
        if row.get(4).and_then(serde_json::Value::as_i64) != Some(0) {
            return Ok(Err(format!("{name} has triggers, and what they do may not be undone by a rollback")));
        }
        found.push(Table { name, rows: row.get(3).and_then(serde_json::Value::as_i64) });
    }
    Ok(Ok(found))
}

/// The question: the numbers first, the text below.
pub fn question(sql: &str, verdict: &Verdict, effect: &Effect) -> String {
    let writes: Vec<_> = verdict.statements.iter().filter(|s| s.class >= Class::Write).collect();
    let verb = |i: usize| writes.get(i).and_then(|s| s.head.split(' ').next()).unwrap_or_default().to_ascii_uppercase();
    let mut out = match effect {
        Effect::Counted { counts, tables }
            if counts.len() == tables.len() && writes.len() == verdict.statements.len() =>
        {
            let lines = counts.iter().zip(tables).enumerate().map(|(i, (n, t))| {
                // The catalog's count may be older than the rows.
                let known = t.rows.map(i64::unsigned_abs).filter(|r| r >= n);
                let of = known.map_or(String::new(), |r| format!(" of {}", thousands(r)));
                let of = if verb(i) == "INSERT" { String::new() } else { of };
                let (rows, change) = if *n == 1 { ("row", "changes") } else { ("rows", "change") };
                format!("{} {}: {} {rows}{of} {change}.", verb(i), t.name, thousands(*n))
            });
            lines.collect::<Vec<_>>().join("\n")
        }
        Effect::Counted { counts, tables } => {
            let tables: Vec<_> = tables.iter().map(|t| t.name.as_str()).collect();
            let counts: Vec<_> = counts.iter().map(|n| thousands(*n)).collect();
            format!("Rows that change, statement by statement: {} (in {}).", counts.join(", "), tables.join(", "))
        }
        Effect::Unknown(why) => {
            let heads: Vec<_> = writes.iter().map(|s| s.head.as_str()).collect();
            format!("{}: how much it changes was not counted, because {why}.", heads.join("; "))
        }
    };
    out += " Apply?";
    if matches!(effect, Effect::Counted { .. })
        && (0..writes.len()).any(|i| ["INSERT", "MERGE"].contains(&verb(i).as_str()))
    {
        out += " (The count used up identity and sequence values; a rollback does not give them back.)";
    }
    let text: String = sql.chars().take(SHOWN).collect();
    format!("{out}\n\n{text}{}", if text.len() < sql.len() { "…" } else { "" })
}

/// 1,234,567.
fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, d) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(d);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(sql: &str, counts: &[u64], tables: &[(&str, i64)]) -> String {
        let tables = tables.iter().map(|(n, r)| Table { name: (*n).to_owned(), rows: Some(*r) }).collect();
        let effect = Effect::Counted { counts: counts.to_vec(), tables };
        question(sql, &Verdict::of(sql), &effect).lines().next().unwrap_or_default().to_owned()
    }

    #[test]
    fn the_question_has_the_numbers() {
        assert_eq!(
            ask("UPDATE sales.Orders SET x = 1", &[3412], &[("sales.Orders", 20_000)]),
            "UPDATE sales.Orders: 3,412 rows of 20,000 change. Apply?"
        );
        assert!(
            ask("INSERT INTO t VALUES (1)", &[1], &[("dbo.t", 5)])
                .starts_with("INSERT dbo.t: 1 row changes. Apply? (The count")
        );
        assert_eq!(
            ask("IF 1 = 1 DELETE t DELETE u", &[1, 2000], &[("dbo.t", 5), ("dbo.u", 9)]),
            "Rows that change, statement by statement: 1, 2,000 (in dbo.t, dbo.u). Apply?"
        );
    }

    #[test]
    fn what_was_not_counted_says_why() {
        let sql = "CREATE INDEX i ON t (a)";
        let q = question(sql, &Verdict::of(sql), &Effect::Unknown("it has a change of the schema".into()));
        assert!(
            q.starts_with(
                "CREATE INDEX i ON t (: how much it changes was not counted, because it has a change of the schema."
            ),
            "{q}"
        );
    }
}
