//! What a statement changed: counted where SQL Server says so, and nowhere else.

use mssql_mcp::database::run::Mode;
use mssql_mcp_sandbox::Script;
use serde_json::{Value, json};

use super::query;
use super::tokens::{DELETE, INT, SELECT, columns, done, int, row, utf16};
use crate::safety::{answered, ask, code, message};
use crate::support::Lab;

const WRITE: (&str, &str) = ("access.level", "read-write");

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_with_output_is_confirmed_by_its_count() {
    let lab = Lab::new(&[WRITE]).await;
    let (address, _stop) = lab.serve().await;
    let run = async |text: &str| {
        lab.app.database.run(text.into(), Mode::Change, &lab.limits()).await.expect("a change")
    };
    run("CREATE TABLE dbo.Queue (n int NOT NULL); INSERT dbo.Queue VALUES (1), (2), (3)").await;
    let delete = json!({ "query": "DELETE FROM dbo.Queue OUTPUT deleted.n WHERE n < 100" });
    let first = ask(address, delete.clone(), json!({})).await;
    assert!(message(&first).starts_with("DELETE dbo.Queue: 3 of 3 rows change."), "{first:?}");
    // More come while the person thinks.
    run("INSERT dbo.Queue SELECT TOP (50) 5 FROM sales.Orders").await;
    let second = ask(address, delete.clone(), answered(&first, "accept")).await;
    assert!(message(&second).starts_with("DELETE dbo.Queue: 53 of 53 rows change."), "{second:?}");
    assert_eq!(code(&ask(address, delete.clone(), answered(&first, "accept")).await), "superseded");
    let done = ask(address, delete, answered(&second, "accept")).await.json();
    let done = &done["result"]["structuredContent"];
    assert_eq!((&done["committed"], &done["rows_affected"]), (&json!(true), &json!([53])));
    assert_eq!(done["results"][0]["row_count"], 53, "its rows are there, too");
    let left = query(address, "SELECT COUNT(*) FROM dbo.Queue").await;
    assert_eq!(left["results"][0]["rows"], json!([[0]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_changes_rows_counts_and_zero_is_a_count() {
    let lab = Lab::new(&[WRITE, ("access.confirm_writes", "never")]).await;
    let (address, _stop) = lab.serve().await;
    let update = "UPDATE dbo.Employees SET Title = Title";
    for (text, counts) in [
        (format!("DECLARE @n int; SELECT @n = COUNT(*) FROM sales.Orders; {update}"), json!([8])),
        (
            format!("DECLARE @n int; SET @n = (SELECT COUNT(*) FROM sales.Orders); {update}"),
            json!([8]),
        ),
        (format!("{update} WHERE 1 = 0"), json!([0])),
        (format!("SET NOCOUNT ON; {update}"), json!([])),
        (format!("SELECT 1 AS a; {update} WHERE EmployeeId < 3; SELECT 2 AS b"), json!([2])),
        (
            format!("{update}; {update} OUTPUT inserted.EmployeeId WHERE EmployeeId = 1"),
            json!([8, 1]),
        ),
    ] {
        let answer = query(address, &text).await;
        assert_eq!(answer["rows_affected"], counts, "{text}: {answer}");
        assert_eq!(answer["committed"], true, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_is_told_by_its_command_and_by_its_bit() {
    let lab = Lab::new(&[WRITE, ("access.confirm_writes", "never")]).await;
    let (address, _stop) = lab.serve().await;
    let name = utf16("n");
    let rows = || [columns(&[(&INT, &name)]), row(&[int(1)])].concat();
    let script = |tail: &[Vec<u8>]| {
        lab.sandbox.script("DELETE dbo.Scripted", Script::tokens(rows(), vec![], 0, tail.concat()));
    };
    let counted = async || -> Value {
        let answer = query(address, "DELETE dbo.Scripted").await;
        assert_eq!(answer["results"][0]["rows"], json!([[1]]), "{answer}");
        answer["rows_affected"].clone()
    };
    script(&[done(DELETE, Some(3_000_000_000), false)]);
    assert_eq!(counted().await, json!([3_000_000_000u64]));
    script(&[done(SELECT, Some(1), false)]);
    assert_eq!(counted().await, json!([]));
    script(&[done(SELECT, Some(1), true), done(DELETE, None, true), done(DELETE, Some(0), false)]);
    assert_eq!(counted().await, json!([0]));
    // A command that nobody knows, with a count, is a change.
    script(&[done(SELECT, Some(1), true), done(0x0123, Some(4), false)]);
    assert_eq!(counted().await, json!([4]));
}
