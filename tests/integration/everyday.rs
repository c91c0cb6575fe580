//! The definition of everyday T-SQL (`everyday.txt`), over the real wire, wrapped as every query
//! of a caller is.

use std::fmt::Write as _;

use mssql_mcp::database::DbError;
use mssql_mcp::database::run::Mode;
use serde_json::Value;

use crate::support::{Lab, limits};

/// Numbers are equal when their values are: 1.50 and 1.5.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y))
        }
        (Value::Number(x), Value::Number(y)) => x.as_f64() == y.as_f64(),
        _ => a == b,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everyday_queries_give_what_sql_server_gives() {
    let lab = Lab::new(&[]).await;
    let mut failures = String::new();
    let mut count = 0;
    let mut lines = include_str!("everyday.txt").lines().peekable();
    while let Some(line) = lines.next() {
        let Some(mut sql) = line.strip_prefix("Q: ").map(str::to_owned) else { continue };
        while let Some(more) = lines.peek().filter(|l| !l.starts_with("A:") && !l.starts_with("E:"))
        {
            sql += "\n";
            sql += more;
            lines.next();
        }
        let expected = lines.next().expect("an answer");
        count += 1;
        // Rolled back, so that no query sees another's changes.
        let got = lab
            .app
            .database
            .run(sql.as_str().into(), Mode::Read, &limits(100_000, 10_000_000))
            .await;
        let ok = match (&got, expected.split_once(": ").expect("A or E")) {
            (Ok(a), ("A", rows)) => {
                let results: Value = serde_json::from_slice(&a.results.concat()).expect("JSON");
                let last = results
                    .as_array()
                    .and_then(|r| r.last())
                    .map(|r| r["rows"].clone())
                    .unwrap_or_default();
                same(&last, &serde_json::from_str(rows).expect("JSON"))
            }
            (Err(f), ("E", number)) => {
                matches!(&f.error, DbError::Sql(e) if e.number.to_string() == number)
            }
            _ => false,
        };
        if !ok {
            let shown = match got {
                Ok(a) => String::from_utf8_lossy(&a.results.concat()).into_owned(),
                Err(f) => f.error.to_string(),
            };
            let _ = writeln!(failures, "{sql}\n  expected {expected}\n  got      {shown}");
        }
    }
    assert!(failures.is_empty(), "{failures}");
    assert!(count >= 150, "the list has shrunk to {count} queries");
}
