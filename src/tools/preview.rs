//! What a change is about, for the person who is asked: which tables, how many rows of how many,
//! and what a rollback leaves.

use crate::database::run::{Param, ParamValue};
use crate::database::{Database, DbError, Limits};
use crate::visible::{shortened, visible, visible_line};
use mssql_mcp_sql::quote;
use mssql_mcp_sql::verdict::{Class, Verdict};

use super::cascade::Cascade;

/// More targets than this are not looked up.
const MOST: usize = 8;
/// Of the statement's text, so much is shown.
const SHOWN: usize = 600;
/// So many values are shown, and so much of each.
const PARAMS: usize = 30;
const VALUE: usize = 80;

/// A table that a statement writes to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) verb: String,
    /// Rows, from the catalog.
    pub(crate) rows: Option<i64>,
}

/// What the counts of a preview say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Counted {
    /// The rows of each statement that writes; none for TRUNCATE, which counts nothing.
    Each(Vec<Option<u64>>),
    /// Their sum, where it is not known which is which.
    All(u64),
    /// They are not known, and why.
    Hidden(&'static str),
}

/// What a preview found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Effect {
    /// It was tried out.
    Tried {
        /// As SQL Server said it: what a commit is held against.
        said: Vec<u64>,
        counted: Counted,
        /// Of the statements that write, in order.
        tables: Vec<Table>,
        /// What follows by foreign keys.
        cascades: Vec<Cascade>,
    },
    /// It was not, and why.
    Unknown(String),
}

impl Effect {
    /// What a commit is held against.
    pub(crate) fn counts(&self) -> Option<Vec<u64>> {
        match self {
            Effect::Tried { counted: Counted::Hidden(_), .. } | Effect::Unknown(_) => None,
            // TRUNCATE has none to be held against.
            Effect::Tried { counted: Counted::Each(each), .. } if each.contains(&None) => None,
            Effect::Tried { said, .. } => Some(said.clone()),
        }
    }

    /// For certain, it changes no row.
    pub(crate) fn is_nothing(&self) -> bool {
        match self {
            Effect::Tried { counted: Counted::Each(each), .. } => {
                each.iter().all(|n| *n == Some(0))
            }
            Effect::Tried { counted: Counted::All(n), .. } => *n == 0,
            _ => false,
        }
    }
}

/// The first word of a statement.
fn verb(head: &str) -> String {
    head.split([' ', '(', ';']).next().unwrap_or_default().to_ascii_uppercase()
}

/// Statements that neither have a count nor rows.
const SILENT: [&str; 3] = ["DECLARE", "SET", "PRINT"];
/// Those that decide whether and how often others run.
const CONTROL: [&str; 10] =
    ["IF", "ELSE", "WHILE", "BEGIN", "END", "BREAK", "CONTINUE", "GOTO", "RETURN", "WAITFOR"];

/// Whether a SELECT of it makes a table that stays (INTO).
pub(crate) fn selects_into(sql: &str, verdict: &Verdict) -> bool {
    let selects = |head: &str| matches!(verb(head).as_str(), "SELECT" | "WITH");
    let mut words = sql.split(|c: char| !c.is_alphanumeric() && c != '_');
    verdict.statements.iter().any(|s| s.class >= Class::Write && selects(&s.head))
        && words.any(|w| w.eq_ignore_ascii_case("INTO"))
}

/// What counts say of the statements that write: only what the text leaves no doubt about is known.
/// Counts of queries are not among them, and a trigger's or a procedure's are.
fn read_counts(sql: &str, verdict: &Verdict, said: &[u64]) -> Counted {
    let of = |s: &mssql_mcp_sql::verdict::Statement| verb(&s.head);
    let (writing, others): (Vec<_>, Vec<_>) =
        verdict.statements.iter().partition(|s| s.class == Class::Write);
    if others.iter().any(|s| of(s) == "SET") && sql.to_ascii_uppercase().contains("NOCOUNT") {
        return Counted::Hidden("the text hides counts (SET NOCOUNT)");
    }
    let only = |verbs: &[&str]| others.iter().all(|s| verbs.contains(&of(s).as_str()));
    if only(&SILENT) {
        let counts = |s: &&&mssql_mcp_sql::verdict::Statement| of(s) != "TRUNCATE";
        if writing.iter().filter(counts).count() != said.len() {
            return Counted::Hidden("SQL Server gave other counts than there are statements");
        }
        let mut rest = said.iter().copied();
        let each = writing.iter().map(|s| if counts(&s) { rest.next() } else { None });
        return Counted::Each(each.collect());
    }
    if writing.iter().any(|s| of(s) == "TRUNCATE") {
        return Counted::Hidden("TRUNCATE TABLE tells no count");
    }
    if only(&[&SILENT[..], &CONTROL, &["SELECT", "WITH"]].concat()) {
        return Counted::All(said.iter().sum());
    }
    Counted::Hidden("other statements of the text have counts too")
}

const ABOUT: &str = "SELECT s.name, o.name, o.type, \
     (SELECT SUM(p.rows) FROM sys.partitions AS p WHERE p.object_id = o.object_id \
     AND p.index_id IN (0, 1)), \
     (SELECT COUNT(*) FROM sys.triggers AS t WHERE t.parent_id = o.object_id \
     AND t.is_disabled = 0) \
     FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id \
     WHERE o.object_id = OBJECT_ID(@name)";

/// The tables that a batch writes to, or why it must not be tried out: what a trigger does outside
/// of the database, a rollback does not undo.
pub(crate) async fn tables(
    db: &Database,
    verdict: &Verdict,
    limits: &Limits,
) -> Result<Result<Vec<Table>, String>, DbError> {
    let mut found = Vec::new();
    for s in verdict.statements.iter().filter(|s| s.class == Class::Write) {
        if found.len() == MOST {
            return Ok(Err(format!("it writes to more than {MOST} tables")));
        }
        let Some(target) = &s.target else {
            return Ok(Err(format!(
                "the table that {} writes to could not be told from the text",
                s.head
            )));
        };
        let rows =
            db.fetch(ABOUT, &[("name", ParamValue::Text(target.name.clone()))], limits).await?;
        let Some(row) = rows.into_iter().flatten().next() else {
            return Ok(Err(format!("{} is no table of this database", target.name)));
        };
        let text =
            |i: usize| row.get(i).and_then(|v| v.as_str()).unwrap_or_default().trim().to_owned();
        let name =
            visible_line(&format!("{}.{}", quote::part(&text(0)), quote::part(&text(1))), 300);
        if text(2) != "U" {
            return Ok(Err(format!(
                "{name} is no plain table, and what lies behind it could have triggers"
            )));
        }
        if row.get(4).and_then(serde_json::Value::as_i64) != Some(0) {
            return Ok(Err(format!(
                "{name} has triggers, and what they do may not be undone by a rollback"
            )));
        }
        found.push(Table {
            name,
            verb: verb(&s.head),
            rows: row.get(3).and_then(serde_json::Value::as_i64),
        });
    }
    Ok(Ok(found))
}

/// How many rows a text changed, as far as its counts tell.
pub(crate) fn changed_rows(sql: &str, verdict: &Verdict, said: &[u64]) -> Option<u64> {
    match read_counts(sql, verdict, said) {
        Counted::Each(each) => each.into_iter().sum(),
        Counted::All(n) => Some(n),
        Counted::Hidden(_) => None,
    }
}

/// An effect, from what a preview said.
pub(crate) fn effect(
    sql: &str,
    verdict: &Verdict,
    said: Vec<u64>,
    tables: Vec<Table>,
    cascades: Vec<Cascade>,
) -> Effect {
    let counted = read_counts(sql, verdict, &said);
    Effect::Tried { said, counted, tables, cascades }
}

fn change(n: u64) -> &'static str {
    if n == 1 { "row changes" } else { "rows change" }
}

fn line(t: &Table, n: Option<u64>) -> String {
    let rows = t.rows.map(i64::unsigned_abs);
    let Some(n) = n else {
        let all = rows.map_or(String::new(), |r| format!(" ({} by the catalog)", thousands(r)));
        return format!("{} {}: all of its rows go{all}.", t.verb, t.name);
    };
    // The catalog's count may be older than the rows.
    match rows.filter(|r| *r >= n && t.verb != "INSERT") {
        Some(r) => {
            let (of, does) =
                (if r == 1 { "row" } else { "rows" }, if n == 1 { "changes" } else { "change" });
            format!("{} {}: {} of {} {of} {does}.", t.verb, t.name, thousands(n), thousands(r))
        }
        None => format!("{} {}: {} {}.", t.verb, t.name, thousands(n), change(n)),
    }
}

/// The question: the numbers first, then the values, and the text below.
pub(crate) fn question(sql: &str, params: &[Param], verdict: &Verdict, effect: &Effect) -> String {
    let mut lines: Vec<String> = Vec::new();
    let named = |tables: &[Table]| {
        tables.iter().map(|t| format!("{} {}", t.verb, t.name)).collect::<Vec<_>>().join("; ")
    };
    match effect {
        Effect::Tried { counted, tables, cascades, .. } => {
            match counted {
                Counted::Each(each) => {
                    lines.extend(tables.iter().zip(each).map(|(t, n)| line(t, *n)))
                }
                Counted::All(n) => lines.push(format!(
                    "{}: {} {} in all.",
                    named(tables),
                    thousands(*n),
                    change(*n)
                )),
                Counted::Hidden(why) => {
                    lines.push(format!(
                        "{}: how many rows change is not known, because {why}.",
                        named(tables)
                    ));
                }
            }
            lines.extend(cascades.iter().filter_map(Cascade::sentence));
        }
        Effect::Unknown(why) => {
            let writes = verdict.statements.iter().filter(|s| s.class >= Class::Write);
            let heads: Vec<_> = writes.map(|s| s.head.as_str()).collect();
            lines.push(format!(
                "{}: how much it changes was not counted, because {why}.",
                heads.join("; ")
            ));
        }
    }
    let mut out = visible(&lines.join("\n"));
    out += " Apply?";
    if let Effect::Tried { tables, .. } = effect
        && tables.iter().any(|t| t.verb == "INSERT" || t.verb == "MERGE")
    {
        out += " (The count used up identity and sequence values; a rollback does not give them \
                back.)";
    }
    if !params.is_empty() {
        let all: Vec<String> = params
            .iter()
            .take(PARAMS)
            .map(|p| format!("@{} = {}", p.name, value(&p.value)))
            .collect();
        let more = if params.len() > PARAMS {
            format!(", and {} more", params.len() - PARAMS)
        } else {
            String::new()
        };
        out += &format!("\n\nWith {}{more}", all.join(", "));
    }
    format!("{out}\n\n{}", shortened(sql, SHOWN))
}

/// A bound value, as T-SQL writes it.
fn value(v: &ParamValue) -> String {
    match v {
        ParamValue::Null => "NULL".to_owned(),
        ParamValue::Bit(b) => u8::from(*b).to_string(),
        ParamValue::Int(i) => i.to_string(),
        ParamValue::Float(f) => f.to_string(),
        ParamValue::Binary(b) => {
            let hex: String = b.iter().take(VALUE / 2).map(|b| format!("{b:02X}")).collect();
            format!("0x{hex}{}", if b.len() > VALUE / 2 { "…" } else { "" })
        }
        ParamValue::Text(t) => format!("'{}'", visible_line(&t.replace('\'', "''"), VALUE)),
    }
}

pub(crate) fn thousands(n: u64) -> String {
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
        let verdict = Verdict::of(sql);
        let verbs =
            verdict.statements.iter().filter(|s| s.class == Class::Write).map(|s| verb(&s.head));
        let tables = tables.iter().zip(verbs).map(|((n, r), verb)| Table {
            name: (*n).to_owned(),
            verb,
            rows: Some(*r),
        });
        let effect = effect(sql, &verdict, counts.to_vec(), tables.collect(), Vec::new());
        question(sql, &[], &verdict, &effect).split("\n\n").next().unwrap_or_default().to_owned()
    }

    #[test]
    fn the_question_has_the_numbers() {
        assert_eq!(
            ask("UPDATE sales.Orders SET x = 1", &[3412], &[("sales.Orders", 20_000)]),
            "UPDATE sales.Orders: 3,412 of 20,000 rows change. Apply?"
        );
        for (counts, rows, said) in [
            (1, 1, "1 of 1 row changes"),
            (1, 2, "1 of 2 rows changes"),
            (2, 0, "2 rows change"),
            (1, 0, "1 row changes"),
        ] {
            let q = ask("DELETE t", &[counts], &[("dbo.t", rows)]);
            assert_eq!(q, format!("DELETE dbo.t: {said}. Apply?"));
        }
        assert!(
            ask("INSERT INTO t VALUES (1)", &[1], &[("dbo.t", 5)])
                .starts_with("INSERT dbo.t: 1 row changes. Apply? (The count")
        );
        let two = [("dbo.t", 5), ("dbo.u", 9000)];
        assert_eq!(
            ask("DELETE t; DELETE u", &[1, 2000], &two),
            "DELETE dbo.t: 1 of 5 rows changes.\nDELETE dbo.u: 2,000 of 9,000 rows change. Apply?"
        );
        assert_eq!(
            ask("IF 1 = 1 DELETE t DELETE u", &[1, 2000], &two),
            "DELETE dbo.t; DELETE dbo.u: 2,001 rows change in all. Apply?"
        );
        assert_eq!(
            ask("DELETE t; DELETE u", &[3, 0], &two),
            "DELETE dbo.t: 3 of 5 rows change.\nDELETE dbo.u: 0 of 9,000 rows change. Apply?"
        );
        assert_eq!(
            ask("DECLARE @n int = 5; DELETE t WHERE a = @n OPTION (RECOMPILE)", &[4], &two[..1]),
            "DELETE dbo.t: 4 of 5 rows change. Apply?"
        );
        assert_eq!(
            ask("TRUNCATE TABLE t", &[], &two[..1]),
            "TRUNCATE dbo.t: all of its rows go (5 by the catalog). Apply?"
        );
    }

    #[test]
    fn a_count_that_is_not_known_is_none() {
        let t = [("dbo.t", 5)];
        for sql in [
            "SET NOCOUNT ON; DELETE t",
            "set nocount, xact_abort on delete t",
            "DECLARE @k TABLE (a int); INSERT @k SELECT 1; DELETE t WHERE a IN (SELECT a FROM @k)",
            "SELECT 1 AS a; TRUNCATE TABLE t",
            "CREATE TABLE #x (a int); INSERT #x SELECT a FROM s; DELETE t",
        ] {
            let verdict = Verdict::of(sql);
            for said in [vec![], vec![0], vec![3], vec![1, 2]] {
                let e = effect(sql, &verdict, said, vec![], vec![]);
                assert!(!e.is_nothing() && e.counts().is_none(), "{sql}: {e:?}");
            }
            assert!(
                ask(sql, &[3], &t).contains("how many rows change is not known, because"),
                "{sql}"
            );
        }
        let nothing = |sql: &str, said: &[u64]| {
            effect(sql, &Verdict::of(sql), said.to_vec(), vec![], vec![]).is_nothing()
        };
        assert!(nothing("DELETE t", &[0]) && nothing("DELETE t OUTPUT deleted.a", &[0]));
        assert!(nothing("IF 1 = 0 DELETE t", &[]) && !nothing("TRUNCATE TABLE t", &[0]));
        assert!(!nothing("DELETE t; TRUNCATE TABLE u", &[0]));
    }

    #[test]
    fn counts_beside_queries_are_the_changes_own() {
        for sql in [
            "DELETE t; DECLARE @n int; SELECT @n = COUNT(*) FROM t",
            "SELECT 1 AS a; DELETE t OUTPUT deleted.a",
            "SELECT * INTO #x FROM s; DELETE t WHERE a = 99",
            "WITH c AS (SELECT 1 AS a) SELECT a INTO #z FROM c; DELETE t",
        ] {
            let verdict = Verdict::of(sql);
            assert!(!selects_into(sql, &verdict), "{sql}");
            assert_eq!(changed_rows(sql, &verdict, &[3]), Some(3), "{sql}");
        }
        let makes = |sql: &str| selects_into(sql, &Verdict::of(sql));
        assert!(makes("SELECT * INTO dbo.kept FROM s"));
        assert!(makes("WITH c AS (SELECT 1 AS a) SELECT a into dbo.kept FROM c"));
        assert!(!makes("DECLARE @n int; SELECT @n = NEXT VALUE FOR dbo.s"));
        // A trigger's count beside the statement's: nobody can tell which is which.
        let one = "DELETE t";
        assert_eq!(changed_rows(one, &Verdict::of(one), &[2, 5]), None);
    }

    #[test]
    fn values_stand_beside_their_names() {
        let sql = "DELETE t WHERE a = @a";
        let p = |name: &str, value| Param { name: name.into(), declared: "int".into(), value };
        let params = [
            p("a", ParamValue::Int(5)),
            p("b", ParamValue::Null),
            p("c", ParamValue::Text("O'Neil\u{202e}".into())),
            p("d", ParamValue::Bit(true)),
        ];
        let q = question(sql, &params, &Verdict::of(sql), &Effect::Unknown("x".into()));
        assert!(
            q.contains(
                "\n\nWith @a = 5, @b = NULL, @c = 'O''Neil\\u{202E}', @d = 1\n\nDELETE t \
                        WHERE a = @a"
            ),
            "{q}"
        );
    }

    #[test]
    fn what_was_not_counted_says_why() {
        let sql = "CREATE INDEX i ON t (a)";
        let q = question(
            sql,
            &[],
            &Verdict::of(sql),
            &Effect::Unknown("it has a change of the schema".into()),
        );
        assert!(
            q.starts_with(
                "CREATE INDEX i ON t (: how much it changes was not counted, because it has a \
                 change of the schema."
            ),
            "{q}"
        );
    }
}
