//! What one caller leaves in a session is gone before the next one gets it, and it costs no
//! connection. Two principals for each kind of leftover.

use mssql_mcp::principal::SCOPES;
use mssql_mcp_sandbox::{Options, Sandbox};
use mssql_mcp_session::{Discard, Event, Param, ParamType, ParamValue, Rpc, Session, Tls};

use super::{rows, target};
use crate::safety::{call_by, text};
use crate::support::Lab;

const FULL: [(&str, &str); 3] =
    [("access.level", "full"), ("pool.max_size", "1"), ("access.confirm_writes", "never")];

/// A kind of leftover: what leaves it behind, what shows it, and what is shown where it is gone.
const LEFT: [(&str, &str, &str, &str); 9] = [
    (
        "a temporary table",
        "CREATE TABLE #mine (a int); INSERT #mine VALUES (1); EXEC sp_executesql N'SELECT a FROM \
         #mine'",
        "SELECT OBJECT_ID('tempdb..#mine') AS o",
        "[[null]]",
    ),
    (
        "a lock timeout",
        "EXEC sp_executesql N'SET LOCK_TIMEOUT 77'; SET LOCK_TIMEOUT 78",
        "SELECT @@LOCK_TIMEOUT AS l",
        "[[10000]]",
    ),
    (
        "context info",
        "SET CONTEXT_INFO 0xABCDEF; EXEC sp_executesql N'SELECT 1 AS a'",
        "SELECT COUNT(*) AS n FROM sys.dm_exec_sessions WHERE session_id = @@SPID AND \
         context_info = 0xABCDEF",
        "[[0]]",
    ),
    (
        "the last identity",
        "CREATE TABLE dbo.Numbered (n int IDENTITY(7, 1)); INSERT dbo.Numbered DEFAULT VALUES; \
         EXEC sp_executesql N'SELECT @@IDENTITY AS i'",
        "SELECT @@IDENTITY AS i, SCOPE_IDENTITY() AS s",
        "[[null,null]]",
    ),
    (
        "a count that is hidden",
        "EXEC sp_executesql N'SET NOCOUNT ON'; SET NOCOUNT ON",
        "UPDATE dbo.Employees SET Title = Title",
        "\"rows_affected\":[8]",
    ),
    (
        "a length of text",
        "SET TEXTSIZE 4; EXEC sp_executesql N'SET TEXTSIZE 5'",
        "SELECT REPLICATE(CAST('x' AS varchar(max)), 9) AS t",
        "[[\"xxxxxxxxx\"]]",
    ),
    (
        "the database in use",
        "EXEC sp_executesql N'USE master'; EXEC sp_executesql N'SELECT DB_NAME() AS d'",
        "SELECT DB_NAME() AS d",
        "[[\"trading\"]]",
    ),
    (
        "a change of the schema",
        "CREATE TABLE dbo.Kept (a int)",
        "SELECT COUNT(*) AS n, @@TRANCOUNT AS t FROM dbo.Kept",
        "[[0,1]]",
    ),
    (
        "a transaction that was begun",
        "EXEC sp_executesql N'BEGIN TRANSACTION; UPDATE dbo.Employees SET Title = N''left'''",
        "SELECT @@TRANCOUNT AS t, COUNT(*) AS n FROM dbo.Employees WHERE Title = N'left'",
        "[[1,0]]",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_anybody_and_the_connection_stays() {
    for ignored in [false, true] {
        let lab = Lab::new(&FULL).await;
        lab.sandbox.faults(|f| f.ignore_reset = ignored);
        for (n, (what, leaves, shows, gone)) in LEFT.iter().enumerate() {
            text(&call_by(&lab, "ada", &SCOPES, leaves).await);
            let found = text(&call_by(&lab, "bob", &SCOPES, shows).await);
            assert!(found.contains(gone), "{what}, ignored: {ignored}: {found}");
            // One that cannot be reset is not used again.
            let connections = if ignored { n as u64 + 2 } else { 1 };
            assert!(
                lab.sandbox.connections() <= connections
                    && (ignored || lab.sandbox.connections() == 1),
                "{what}: {} connections",
                lab.sandbox.connections()
            );
        }
        assert_eq!(lab.sandbox.connections() > 1, ignored);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_to_whom_left_it_is_right() {
    let lab = Lab::new(&FULL).await;
    let said = text(&call_by(&lab, "ada", &SCOPES, LEFT[0].1).await);
    assert!(said.contains("[[1]]") && said.contains("\"committed\":true"), "{said}");
    let said = text(&call_by(&lab, "ada", &SCOPES, LEFT[8].1).await);
    // What was rolled back was not committed.
    assert!(!said.contains("\"committed\":true"), "{said}");
}

/// Handles of prepared statements belong to a session, and so do cursors.
#[tokio::test(flavor = "multi_thread")]
async fn prepared_handles_do_not_outlive_a_reset() {
    let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
    let target = target(sandbox.address().port(), Tls::off());
    let mut session = Session::connect(&target).await.expect("a session");
    let handle = prepare(&mut session).await;
    assert_eq!(execute(&mut session, handle).await, Ok(1));
    assert_eq!(execute(&mut session, handle).await, Ok(1), "it lasts");
    session.reset_next();
    assert_eq!(rows(&mut session, "SELECT @@TRANCOUNT AS t").await.as_deref(), Ok("[0]"));
    assert_eq!(execute(&mut session, handle).await, Err(8179));
    assert_eq!(rows(&mut session, "SELECT 2 AS n").await.as_deref(), Ok("[2]"));
}

async fn prepare(session: &mut Session) -> i64 {
    let text = |t| Param::new("", ParamType::NVarCharMax, ParamValue::Text(t));
    let rpc = Rpc::procedure("sp_prepare")
        .param(Param::new("", ParamType::Int, ParamValue::Null).output())
        .param(text(""))
        .param(text("SELECT 1 AS n"));
    let mut answer = session.call(&rpc).await.expect("sent");
    let mut handle = None;
    while let Some(event) = answer.next(&mut Discard).await.expect("an answer") {
        if let Event::ReturnValue(value) = event {
            handle = value.json.parse().ok();
        }
    }
    handle.expect("a handle")
}

/// Rows, or the number of the error.
async fn execute(session: &mut Session, handle: i64) -> Result<u64, i32> {
    let rpc =
        Rpc::procedure("sp_execute").param(Param::new("", ParamType::Int, ParamValue::Int(handle)));
    let mut answer = session.call(&rpc).await.expect("sent");
    let mut rows = Ok(0);
    while let Some(event) = answer.next(&mut Discard).await.expect("an answer") {
        match (event, &mut rows) {
            (Event::Row, Ok(n)) => *n += 1,
            (Event::Error(m), _) => rows = Err(m.number),
            _ => {}
        }
    }
    rows
}
