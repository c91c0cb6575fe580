//! Two readings that check each other: what each of them is for.

use mssql_mcp_sql::verdict::{Class, Readings, Verdict};

use crate::corpus::all;

fn allowed(sql: &str, readings: Readings) -> bool {
    Verdict::with_readings(sql, readings).class <= Class::Session
}

/// Harmful at read-only access: what the derivation alone would let through, because it takes
/// names as they come.
const ONLY_ACCOUNTED: [&str; 6] = [
    "SELECT * FROM fn_dblog(NULL, NULL)",
    "SELECT * FROM OPENROWSET('a', 'b', 'c') AS x",
    "SELECT name FROM sys.sql_logins",
    "SELECT CERTPRIVATEKEY(1, 'x')",
    "SELECT AI_GENERATE_EMBEDDINGS(N'x' USE MODEL m)",
    "SELECT * FROM OPENQUERY(srv, 'DELETE t')",
];

/// And what the accounting alone would let through, because no word of it is dangerous.
const ONLY_DERIVED: [&str; 6] = [
    "dbo.p 1",
    "p",
    "SELECT * FROM srv.db.dbo.t",
    "SELECT a FROM t; throw away",
    "SELECT * FROM sys.dm_exec_describe_first_result_set(@q, NULL, 0)",
    "WITH x AS (SELECT 1 AS a)",
];

#[test]
fn taking_either_reading_away_lets_something_through() {
    for sql in ONLY_ACCOUNTED {
        assert!(!allowed(sql, Readings::Both), "{sql}");
        assert!(allowed(sql, Readings::Derivation), "{sql}");
    }
    for sql in ONLY_DERIVED {
        assert!(!allowed(sql, Readings::Both), "{sql}");
        assert!(allowed(sql, Readings::Accounting), "{sql}");
    }
}

/// Both together are never milder than one of them.
#[test]
fn the_verdict_is_the_worse_of_the_two() {
    for (_, sql) in all() {
        let derived = Verdict::with_readings(&sql, Readings::Derivation).class;
        assert!(Verdict::of(&sql).class >= derived, "{sql}");
    }
}

/// Most of what is harmful is seen by both: a fault in one is no hole.
#[test]
fn the_readings_overlap() {
    let hostile: Vec<_> =
        all().into_iter().filter(|(c, _)| !["read", "session"].contains(c)).collect();
    let both = hostile
        .iter()
        .filter(|(_, sql)| {
            !allowed(sql, Readings::Derivation) && !allowed(sql, Readings::Accounting)
        })
        .count();
    assert!(both * 100 > hostile.len() * 70, "{both} of {}", hostile.len());
}
