//! What other databases write and SQL Server does not read. It is refused and not rewritten: who
//! wrote the statement knows what was meant.

use crate::scan::{Word, words};
use crate::tool::Access;

/// Types that follow `::` in PostgreSQL. In T-SQL a method of a type does: `geometry::Point(…)`.
const CAST_TO: [&str; 32] = [
    "text",
    "int",
    "integer",
    "int2",
    "int4",
    "int8",
    "bigint",
    "smallint",
    "date",
    "timestamp",
    "timestamptz",
    "time",
    "timetz",
    "interval",
    "numeric",
    "decimal",
    "varchar",
    "char",
    "bpchar",
    "uuid",
    "json",
    "jsonb",
    "boolean",
    "bool",
    "float",
    "float4",
    "float8",
    "double",
    "real",
    "bytea",
    "regclass",
    "money",
];

/// What is of another dialect, each with the way of T-SQL.
pub(super) fn strange(statement: &str) -> Vec<String> {
    let words = words(statement);
    let mut found = Vec::new();
    let mut add = |what: &str| {
        if !found.iter().any(|f| f == what) {
            found.push(what.to_owned());
        }
    };
    for (i, word) in words.iter().enumerate() {
        let next = words.get(i + 1);
        let counts = |w: &&Word<'_>| {
            w.text.starts_with(|c: char| c.is_ascii_digit() || "@$?{".contains(c)) || w.is("ALL")
        };
        if word.is("LIMIT") && next.filter(counts).is_some() {
            add(
                "LIMIT is not T-SQL: write SELECT TOP (10) …, or ORDER BY … OFFSET 0 ROWS FETCH NEXT 10 ROWS ONLY",
            );
        }
        if word.is("ILIKE") {
            add(
                "ILIKE is not T-SQL: LIKE minds case as the column's collation does; write LIKE, or … COLLATE Latin1_General_100_CI_AS LIKE …",
            );
        }
        if word.is("RETURNING") {
            add(
                "RETURNING is not T-SQL: write OUTPUT inserted.… or OUTPUT deleted.… before VALUES or WHERE",
            );
        }
        if word.text == "`" {
            add("names in backticks are not T-SQL: write [name]");
        }
        let cast = word.text == ":"
            && next.is_some_and(|n| n.text == ":" && n.at == word.end())
            && words.get(i + 2).is_some_and(|t| CAST_TO.iter().any(|c| t.is(c)));
        if cast {
            add("x::type is not T-SQL: write CAST(x AS type)");
        }
    }
    found
}

/// The least access that the statement's words ask for, and the word that does.
pub(super) fn access(statement: &str) -> (Access, &'static str) {
    let words = words(statement);
    let first = |of: &[&'static str]| of.iter().find(|k| words.iter().any(|w| w.is(k))).copied();
    let full = [
        "CREATE", "ALTER", "DROP", "TRUNCATE", "GRANT", "REVOKE", "DENY", "EXEC", "EXECUTE",
        "BACKUP", "RESTORE", "BULK",
    ];
    if let Some(word) = first(&full) {
        return (Access::Full, word);
    }
    if let Some(word) = first(&["INSERT", "UPDATE", "DELETE", "MERGE"]) {
        return (Access::ReadWrite, word);
    }
    // SELECT … INTO makes a table.
    match first(&["INTO"]) {
        Some(word) => (Access::Full, word),
        None => (Access::ReadOnly, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_dialects_are_seen_and_t_sql_is_not_taken_for_one() {
        for (statement, word) in [
            ("SELECT * FROM t LIMIT 10", "LIMIT"),
            ("SELECT * FROM t limit @n", "LIMIT"),
            ("SELECT 1 WHERE a ilike 'x'", "ILIKE"),
            ("SELECT $2::text", "x::type"),
            ("SELECT `a` FROM t", "names in backticks"),
            ("DELETE FROM t RETURNING id", "RETURNING"),
        ] {
            let found = strange(statement);
            assert!(found.len() == 1 && found[0].starts_with(word), "{statement}: {found:?}");
        }
        for statement in [
            "SELECT limit FROM t",
            "SELECT [limit], 'LIMIT 10' FROM t -- LIMIT 10",
            "SELECT geometry::Point(1, 2, 0), hierarchyid::GetRoot()",
            "SELECT TOP (10) * FROM t",
            "SELECT '`', '$1::text' FROM t",
        ] {
            assert_eq!(strange(statement), Vec::<String>::new(), "{statement}");
        }
    }

    #[test]
    fn access_is_what_the_words_ask_for() {
        assert_eq!(access("SELECT 'DELETE' FROM [UPDATE]").0, Access::ReadOnly);
        assert_eq!(access("UPDATE t SET a = 1"), (Access::ReadWrite, "UPDATE"));
        assert_eq!(access("INSERT INTO t VALUES (1)").0, Access::ReadWrite);
        assert_eq!(access("SELECT * INTO u FROM t").0, Access::Full);
        assert_eq!(access("EXEC dbo.p").0, Access::Full);
    }
}
