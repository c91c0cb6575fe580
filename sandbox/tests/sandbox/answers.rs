//! `answers.txt`: a text, and everything that SQL Server answers to it.

use std::fmt::Write as _;

use crate::client::{Client, TDS_7_4, sandbox};
use crate::tokens::Item;

/// Result sets with their types, errors and messages, in the order in which they came.
fn shown(items: &[Item]) -> String {
    let mut parts = Vec::new();
    for i in items {
        match i {
            Item::Rows(types, rows) => parts
                .push(format!("({}) {}", types.join(", "), rows.join("; ")).trim_end().to_owned()),
            Item::Error(e) => parts.push(format!("error {} {}", e.number, e.text)),
            Item::Info(i) if i.number == 0 => parts.push(format!("says {}", i.text)),
            Item::Info(i) if i.number == 50_000 => parts.push(format!("info {}", i.text)),
            _ => {}
        }
    }
    parts.join(" / ")
}

/// `error N` without a text stands for any text; `…` at its end for the rest of one.
fn agree(expected: &str, got: &str) -> bool {
    let (e, g): (Vec<&str>, Vec<&str>) =
        (expected.split(" / ").collect(), got.split(" / ").collect());
    e.len() == g.len()
        && e.iter().zip(g).all(|(e, g)| {
            *e == g
                || e.strip_prefix("error ").is_some_and(|n| !n.contains(' '))
                    && g.starts_with(&format!("{e} "))
                || e.strip_suffix('…').is_some_and(|start| g.starts_with(start))
        })
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_sql_servers_or_49999() {
    let sandbox = sandbox().await;
    let at = sandbox.address();
    let (failures, count) = tokio::task::spawn_blocking(move || {
        let mut client = Client::open(at, TDS_7_4);
        let (mut failures, mut count, mut page) = (String::new(), 0, "");
        let mut lines = include_str!("answers.txt").lines().peekable();
        while let Some(line) = lines.next() {
            if let Some(p) = line.strip_prefix("## ") {
                page = p;
            }
            let Some(sql) = line.strip_prefix("Q: ") else { continue };
            let expected = lines
                .next()
                .and_then(|l| l.strip_prefix("A: "))
                .unwrap_or_else(|| panic!("no answer to {sql}"));
            count += 1;
            let got = shown(&client.batch(sql));
            // Whatever a batch left open is no business of the next one.
            client.batch("SET FMTONLY OFF");
            client.batch("IF @@TRANCOUNT > 0 ROLLBACK; SET XACT_ABORT OFF");
            if !agree(expected, &got) {
                let _ = writeln!(
                    failures,
                    "{sql}\n  page     {page}\n  expected {expected}\n  got      {got}"
                );
            }
        }
        (failures, count)
    })
    .await
    .expect("the list");
    assert!(failures.is_empty(), "{failures}");
    assert!(count >= 250, "the list has shrunk to {count} answers");
}
