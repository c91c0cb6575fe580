//! Whether a batch may run. Until the full classifier stands, the rule is narrow: at read-only access one plain `SELECT`
//! and nothing else; beyond it, whatever cannot leave our transaction.

use super::Access;
use super::lexer::{Kind, Token, Unreadable, tokens};

/// A batch that must not run.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
    /// What was found.
    pub reason: String,
    /// What would be accepted.
    pub advice: String,
}

/// What an accepted batch does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Reads.
    Read,
    /// May change something.
    Change,
}

impl Verdict {
    /// For logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Read => "read",
            Verdict::Change => "change",
        }
    }
}

/// Words that make a batch more than a plain SELECT. Reserved words cannot be bare names in T-SQL, so one of them unquoted is
/// the statement or clause itself.
const CHANGING: &[&str] = &[
    "ALTER",
    "BACKUP",
    "BEGIN",
    "BREAK",
    "BULK",
    "CHECKPOINT",
    "CLOSE",
    "COMMIT",
    "CONTINUE",
    "CREATE",
    "DBCC",
    "DEALLOCATE",
    "DECLARE",
    "DELETE",
    "DENY",
    "DISABLE",
    "DROP",
    "ENABLE",
    "EXEC",
    "EXECUTE",
    "FETCH",
    "GO",
    "GOTO",
    "GRANT",
    "IF",
    "INSERT",
    "INTO",
    "KILL",
    "MERGE",
    "OPEN",
    "OPENDATASOURCE",
    "OPENQUERY",
    "OPENROWSET",
    "PRINT",
    "RAISERROR",
    "READTEXT",
    "RECEIVE",
    "RECONFIGURE",
    "RESTORE",
    "RETURN",
    "REVERT",
    "REVOKE",
    "ROLLBACK",
    "SAVE",
    "SEND",
    "SET",
    "SETUSER",
    "SHUTDOWN",
    "THROW",
    "TRUNCATE",
    "UPDATE",
    "UPDATETEXT",
    "USE",
    "WAITFOR",
    "WHILE",
    "WRITETEXT",
    "FN_TRACE_GETTABLE",
    "FN_XE_FILE_TARGET_READ_FILE",
    "FN_GET_AUDIT_FILE",
    "NEXT",
];

/// Ours alone at every access level, or beyond what a caller may ask for.
const NEVER: &[&str] = &[
    "COMMIT",
    "ROLLBACK",
    "SAVE",
    "GO",
    "USE",
    "SHUTDOWN",
    "KILL",
    "RECONFIGURE",
    "REVERT",
    "SETUSER",
    "BACKUP",
    "RESTORE",
    "DBCC",
    "CHECKPOINT",
    "OPENROWSET",
    "OPENQUERY",
    "OPENDATASOURCE",
    "BULK",
    "WAITFOR",
    "GRANT",
    "DENY",
    "REVOKE",
    "XP_CMDSHELL",
    "SP_CONFIGURE",
    "SP_OACREATE",
    "FN_TRACE_GETTABLE",
    "FN_XE_FILE_TARGET_READ_FILE",
    "FN_GET_AUDIT_FILE",
];

/// Beyond read-write.
const FULL: &[&str] = &["CREATE", "ALTER", "DROP", "TRUNCATE", "EXEC", "EXECUTE", "ENABLE", "DISABLE"];

fn refuse(t: &Token<'_>, reason: String, advice: &str) -> Refusal {
    Refusal { line: t.line, column: t.column, reason, advice: advice.to_owned() }
}

/// Judges a batch.
pub fn judge(sql: &str, access: Access) -> Result<Verdict, Refusal> {
    let list = tokens(sql).map_err(|Unreadable { line, column, reason }| Refusal {
        line,
        column,
        reason: format!("the text has {reason}"),
        advice: "Write it in plain characters and close every quote and comment.".into(),
    })?;
    let Some(first) = list.first() else {
        return Err(Refusal {
            line: 1,
            column: 1,
            reason: "there is no statement".into(),
            advice: "Send a SELECT.".into(),
        });
    };
    let plain = plain_select(&list);
    match (access, plain) {
        (_, Ok(())) => Ok(Verdict::Read),
        (Access::ReadOnly, Err(r)) => Err(r),
        (_, Err(_)) => {
            // Names count too, so that [xp_cmdshell] is no way around.
            for (i, t) in list.iter().enumerate() {
                let Some(word) = keyword(t) else { continue };
                let begin_tran = word == "BEGIN"
                    && list.get(i + 1).and_then(keyword).is_some_and(|w| w.starts_with("TRAN") || w == "DISTRIBUTED");
                if begin_tran || NEVER.contains(&word.as_str()) {
                    return Err(refuse(
                        t,
                        format!("{word} is never accepted"),
                        "The server opens, commits and rolls back the transaction itself; leave session, server and file commands out.",
                    ));
                }
                if access == Access::ReadWrite && FULL.contains(&word.as_str()) {
                    return Err(refuse(
                        t,
                        format!("{word} needs access = \"full\""),
                        "Only SELECT, INSERT, UPDATE, DELETE and MERGE are accepted at read-write access.",
                    ));
                }
            }
            if access == Access::ReadWrite {
                let start = keyword(first).unwrap_or_default();
                if !["SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE", "DECLARE", "SET", "IF", "BEGIN", "PRINT"]
                    .contains(&start.as_str())
                {
                    return Err(refuse(
                        first,
                        format!("a batch that begins with {} is not accepted", first.text),
                        "Begin with SELECT, WITH, INSERT, UPDATE, DELETE or MERGE.",
                    ));
                }
            }
            Ok(Verdict::Change)
        }
    }
}

fn keyword(t: &Token<'_>) -> Option<String> {
    match t.kind {
        Kind::Word => Some(t.text.to_uppercase()),
        Kind::Quoted => Some(t.text[1..t.text.len() - 1].to_uppercase()),
        _ => None,
    }
}

/// One SELECT (or WITH … SELECT, or a parenthesised one), nothing behind its `;`, no word of [`CHANGING`] unquoted.
fn plain_select(list: &[Token<'_>]) -> Result<(), Refusal> {
    const ADVICE: &str = "Access is read-only: send one SELECT (WITH … SELECT is fine).";
    let body = match list.iter().rposition(|t| t.text != ";") {
        Some(last) => &list[..=last],
        None => list,
    };
    let body = match body.iter().position(|t| t.text != ";") {
        Some(first) => &body[first..],
        None => return Err(refuse(&list[0], "there is no statement".into(), ADVICE)),
    };
    let start = body.iter().find(|t| t.text != "(").unwrap_or(&body[0]);
    let begins = start.kind == Kind::Word && ["SELECT", "WITH"].iter().any(|w| start.text.eq_ignore_ascii_case(w));
    if !begins {
        return Err(refuse(start, format!("a batch that begins with {} is not accepted", start.text), ADVICE));
    }
    let mut selects = 0;
    let mut depth = 0i32;
    for (i, t) in body.iter().enumerate() {
        match t.text {
            "(" => depth += 1,
            ")" => depth -= 1,
            ";" => return Err(refuse(t, "there is a second statement".into(), ADVICE)),
            _ => {}
        }
        if t.kind != Kind::Word {
            continue;
        }
        let w = t.text.to_uppercase();
        // FETCH NEXT belongs to OFFSET.
        let paging = matches!(w.as_str(), "FETCH" | "NEXT") && offset_before(body, i);
        if CHANGING.contains(&w.as_str()) && !paging {
            return Err(refuse(t, format!("{w} is not accepted"), ADVICE));
        }
        // T-SQL needs no ; between statements: a second SELECT must be bound to the first.
        if w == "SELECT" && depth == 0 {
            let bound = i.checked_sub(1).and_then(|p| body.get(p)).is_some_and(|p| {
                ["UNION", "ALL", "EXCEPT", "INTERSECT"].iter().any(|w| p.text.eq_ignore_ascii_case(w))
                    || p.text == ")" && selects == 0
            });
            if selects > 0 && !bound {
                return Err(refuse(t, "there is a second statement".into(), ADVICE));
            }
            selects += 1;
        }
        if w == "WITH" && depth == 0 && selects > 0 && body.get(i + 1).is_none_or(|n| n.text != "(") {
            return Err(refuse(t, "there is a second statement".into(), ADVICE));
        }
    }
    Ok(())
}

fn offset_before(body: &[Token<'_>], at: usize) -> bool {
    body[..at].iter().rev().take(12).any(|t| t.text.eq_ignore_ascii_case("OFFSET"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_only_takes_one_select_and_nothing_else() {
        for sql in [
            "SELECT 1",
            "select top 5 * from t;",
            ";WITH c AS (SELECT 1 AS n) SELECT n FROM c",
            "(SELECT 1) UNION ALL (SELECT 2)",
            "SELECT 1 UNION SELECT 2",
            "SELECT created, is_deleted, 'DROP TABLE t', [delete] FROM t -- UPDATE",
            "SELECT a FROM t WITH (NOLOCK) ORDER BY a OFFSET 5 ROWS FETCH NEXT 10 ROWS ONLY",
            "SELECT * FROM sys.tables OPTION (MAXDOP 1)",
            "SELECT * FROM (SELECT 1 AS a) AS d WHERE EXISTS (SELECT 1)",
        ] {
            assert_eq!(judge(sql, Access::ReadOnly), Ok(Verdict::Read), "{sql}");
        }
        for sql in [
            "",
            "DROP TABLE t",
            "SELECT 1DROP TABLE t",
            "SELECT 1; DELETE FROM t",
            "SELECT 1 SELECT 2",
            "SELECT 1 SHUTDOWN",
            "SELECT 1 COMMIT",
            "SELECT * INTO x FROM t",
            "WITH c AS (SELECT 1 AS n) DELETE FROM c",
            "SELECT * FROM OPENROWSET('a','b','c')",
            "EXEC sp_who",
            "sp_who",
            "SELECT NEXT VALUE FOR s",
            "SELECT 1 WITH c AS (SELECT 2 AS n) SELECT n FROM c",
            "DECLARE @a int",
            "SELECT 1 --\rDROP TABLE t",
        ] {
            assert!(judge(sql, Access::ReadOnly).is_err(), "{sql}");
        }
    }

    #[test]
    fn transactions_are_ours_at_every_level() {
        for sql in [
            "COMMIT",
            "INSERT t VALUES (1) ROLLBACK",
            "BEGIN TRAN",
            "UPDATE t SET a = 1; COMMIT TRANSACTION",
            "EXEC [xp_cmdshell] 'dir'",
            "USE master",
        ] {
            for access in [Access::ReadWrite, Access::Full] {
                assert!(judge(sql, access).is_err(), "{sql}");
            }
        }
        assert_eq!(judge("UPDATE t SET a = 1", Access::ReadWrite), Ok(Verdict::Change));
        assert!(judge("CREATE TABLE t (a int)", Access::ReadWrite).is_err());
        assert_eq!(judge("CREATE TABLE t (a int)", Access::Full), Ok(Verdict::Change));
        assert_eq!(judge("IF 1 = 1 BEGIN UPDATE t SET a = 1 END", Access::ReadWrite), Ok(Verdict::Change));
    }
}
