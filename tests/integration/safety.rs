//! What makes the server safe to leave on: changes that a person confirms, limits with codes of
//! their own, nothing of one caller in the next one's answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mssql_mcp::database::DbError;
use mssql_mcp::database::run::{Batch, Mode};
use mssql_mcp::principal::{Principal, SCOPES};
use mssql_mcp_transports::bare_context;
use mssql_mcp_transports::{Cancel, Fault, Id, McpRequest, Outcome, ProtocolVersion, Reply, Why};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{
    Answer, BOTH, JSON, Lab, handshake, http, in_session, limits, requested, stateless, until,
};
use mssql_mcp_sandbox::Script;

const WRITE: (&str, &str) = ("access.level", "read-write");

/// A call of execute_sql by a stateless client that can be asked.
pub async fn ask(address: std::net::SocketAddr, arguments: Value, more: Value) -> Answer {
    let mut params = json!({
        "name": "execute_sql",
        "arguments": arguments,
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": { "elicitation": {} },
        },
    });
    for (k, v) in more.as_object().into_iter().flatten() {
        params[k] = v.clone();
    }
    requested(address, None, "tools/call", params).await
}

pub fn answered(a: &Answer, action: &str) -> Value {
    let state = a.json()["result"]["requestState"].clone();
    json!({ "requestState": state, "inputResponses": { "confirm": { "action": action, "content": { "apply": true } } } })
}

pub fn message(a: &Answer) -> String {
    let r = a.json();
    assert_eq!(r["result"]["resultType"], "input_required", "{r}");
    r["result"]["inputRequests"]["confirm"]["params"]["message"]
        .as_str()
        .expect("a message")
        .to_owned()
}

pub fn code(a: &Answer) -> String {
    let r = a.json();
    assert_eq!(r["result"]["isError"], true, "{r}");
    let text: Value =
        serde_json::from_str(r["result"]["content"][0]["text"].as_str().expect("text"))
            .expect("JSON");
    text["error"]["code"].as_str().expect("a code").to_owned()
}

async fn scalar(lab: &Lab, sql: &str) -> Value {
    let a = lab.app.database.run(sql.into(), Mode::Read, &lab.limits()).await.expect("rows");
    serde_json::from_slice::<Value>(&a.results.concat()).expect("JSON")[0]["rows"][0][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_waits_for_its_person_and_is_applied_once() {
    let lab = Lab::new(&[WRITE]).await;
    let (address, _stop) = lab.serve().await;
    let update = json!({ "query": "UPDATE o SET Quantity = Quantity + 1 FROM sales.Orders AS o \
        WHERE o.OrderId <= @n", "params": { "n": 10 } });
    let sum = "SELECT SUM(Quantity) FROM sales.Orders";
    let before = scalar(&lab, sum).await;
    let rows = scalar(&lab, "SELECT COUNT(*) FROM sales.Orders WHERE OrderId <= 10")
        .await
        .as_u64()
        .expect("a number");

    let first = ask(address, update.clone(), json!({})).await;
    assert!(
        message(&first)
            .starts_with(&format!("UPDATE sales.Orders: {rows} of 20,000 rows change. Apply?")),
        "{}",
        message(&first)
    );
    assert_eq!(scalar(&lab, sum).await, before, "the preview was rolled back");
    assert_eq!(lab.app.database.status().0, 0, "no connection is held while a person thinks");

    let second = ask(address, update.clone(), answered(&first, "accept")).await;
    let done = second.json()["result"]["structuredContent"].clone();
    assert_eq!(
        (&done["committed"], &done["rows_affected"]),
        (&json!(true), &json!([rows])),
        "{done}"
    );
    let after = scalar(&lab, sum).await;
    assert_ne!(after, before);

    // A retry of either kind hears what was decided, and changes nothing.
    for action in ["accept", "decline"] {
        let again = ask(address, update.clone(), answered(&first, action)).await;
        assert_eq!(again.json()["result"]["structuredContent"], done);
    }
    assert_eq!(scalar(&lab, sum).await, after);

    // The same state for another text, or a state of no one's, is an error and no question.
    let other =
        ask(address, json!({ "query": "DELETE FROM sales.Trades" }), answered(&first, "accept"))
            .await;
    assert_eq!(other.json()["error"]["code"], -32602, "{other:?}");
    let forged =
        ask(address, update, json!({ "requestState": "e30.e30", "inputResponses": {} })).await;
    assert_eq!(forged.json()["error"]["code"], -32602);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_meanwhile_is_asked_again() {
    let lab = Lab::new(&[WRITE]).await;
    let (address, _stop) = lab.serve().await;
    let delete = json!({ "query": "DELETE FROM sales.Trades WHERE OrderId = (SELECT MIN(OrderId) \
        FROM sales.Trades)" });
    let first = ask(address, delete.clone(), json!({})).await;
    let n = |a: &Answer| {
        message(a).split(' ').nth(2).and_then(|n| n.parse::<u64>().ok()).expect("a number")
    };
    assert!(n(&first) >= 1);
    // Somebody else adds a row that the same text would take too.
    let insert = "INSERT INTO sales.Trades (OrderId, Quantity, Price, Fee, ExecutedAt) SELECT TOP \
                  (1) OrderId, Quantity, Price, Fee, ExecutedAt FROM sales.Trades ORDER BY OrderId";
    lab.app.database.run(insert.into(), Mode::Change, &lab.limits()).await.expect("insert");
    let count = "SELECT COUNT(*) FROM sales.Trades";
    let before = scalar(&lab, count).await;
    let second = ask(address, delete.clone(), answered(&first, "accept")).await;
    assert_eq!(n(&second), n(&first) + 1, "asked again with the new number");
    assert_eq!(scalar(&lab, count).await, before, "and rolled back");
    let stale = ask(address, delete.clone(), answered(&first, "accept")).await;
    assert_eq!(code(&stale), "superseded");
    let third = ask(address, delete, answered(&second, "accept")).await;
    assert_eq!(third.json()["result"]["structuredContent"]["committed"], true, "{third:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_changes_nothing_and_what_cannot_be_counted_says_why() {
    let lab = Lab::new(&[("access.level", "full")]).await;
    let (address, _stop) = lab.serve().await;
    let delete = json!({ "query": "DELETE FROM sales.Trades" });
    let before = scalar(&lab, "SELECT COUNT(*) FROM sales.Trades").await;
    for action in ["decline", "cancel"] {
        let first = ask(address, delete.clone(), json!({})).await;
        assert_eq!(code(&ask(address, delete.clone(), answered(&first, action)).await), "declined");
    }
    assert_eq!(scalar(&lab, "SELECT COUNT(*) FROM sales.Trades").await, before);

    let create = json!({ "query": "CREATE TABLE dbo.Made (a int)" });
    let first = ask(address, create.clone(), json!({})).await;
    assert!(
        message(&first).contains("was not counted, because it has a change of the schema"),
        "{}",
        message(&first)
    );
    let second = ask(address, create.clone(), answered(&first, "accept")).await;
    assert_eq!(second.json()["result"]["structuredContent"]["committed"], true, "{second:?}");
    assert_eq!(scalar(&lab, "SELECT COUNT(*) FROM dbo.Made").await, 0);
    assert_eq!(
        code(
            &ask(address, json!({ "query": "DROP TABLE dbo.Made", "dry_run": true }), json!({}))
                .await
        ),
        "no_preview"
    );

    // A change that would fail is not put to anybody.
    let bad =
        json!({ "query": "INSERT INTO sales.Trades (OrderId, Quantity, Price) VALUES (-1, 1, 1)" });
    assert_eq!(code(&ask(address, bad, json!({})).await), "sql_error");
    // An INSERT says what its rollback leaves behind.
    let insert = json!({ "query": "INSERT INTO dbo.Made (a) VALUES (1), (2)" });
    assert!(
        message(&ask(address, insert, json!({})).await)
            .contains("INSERT dbo.Made: 2 rows change. Apply? (The count used up identity")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_can_be_asked_the_configuration_decides() {
    let update = json!({ "name": "execute_sql", "arguments": { "query": "UPDATE dbo.Employees SET \
        Name = Name" } });
    for (setting, outcome) in
        [("when-possible", "ok"), ("never", "ok"), ("always", "confirmation_required")]
    {
        let lab = Lab::new(&[WRITE, ("access.confirm_writes", setting)]).await;
        let (address, _stop) = lab.serve().await;
        let a = stateless(address, "tools/call", update.clone()).await;
        if outcome == "ok" {
            assert_eq!(
                a.json()["result"]["structuredContent"]["committed"],
                true,
                "{setting}: {a:?}"
            );
        } else {
            assert_eq!(code(&a), outcome);
        }
        // An answer that comes with the first call was never asked for.
        if setting == "always" {
            let more = json!({ "inputResponses": { "confirm": { "action": "accept", "content": { "apply": true } } } });
            let a = ask(address, update["arguments"].clone(), more).await;
            assert_eq!(a.json()["result"]["resultType"], "input_required", "{a:?}");
            let mut dry = update.clone();
            dry["arguments"]["dry_run"] = json!(true);
            let a =
                stateless(address, "tools/call", dry).await.json()["result"]["structuredContent"]
                    .clone();
            assert_eq!((&a["committed"], &a["dry_run"]), (&json!(false), &json!(true)));
            assert!(a["rows_affected"][0].as_u64().is_some_and(|n| n > 0), "{a}");
        }
    }
}

/// Calls the stack as a principal with these scopes.
async fn call_as(lab: &Lab, scopes: &[&str], query: &str) -> Outcome {
    call_by(lab, "ada", scopes, query).await
}

pub async fn call_by(lab: &Lab, subject: &str, scopes: &[&str], query: &str) -> Outcome {
    let mut extensions = http::Extensions::new();
    let scopes = scopes.iter().map(|s| (*s).to_owned()).collect();
    let caller = Principal { subject: subject.into(), scopes, ..Principal::default() };
    Arc::new(caller).into_extensions(&mut extensions);
    let params = json!({ "name": "execute_sql", "arguments": { "query": query } });
    let request = McpRequest {
        id: Some(Id::Number(1)),
        method: "tools/call".into(),
        target: Some("execute_sql".into()),
        params: Some(serde_json::value::to_raw_value(&params).expect("JSON")),
        context: bare_context("test", ProtocolVersion::V2025_06_18, extensions, Cancel::default()),
    };
    lab.app.service.clone().oneshot(request).await.expect("an outcome")
}

pub fn text(o: &Outcome) -> String {
    match o {
        Outcome::Complete(Reply::Tool(t)) => match &t.text {
            mssql_mcp_transports::Text::Own(s) => s.clone(),
            mssql_mcp_transports::Text::None => panic!("no text"),
            mssql_mcp_transports::Text::Same => {
                String::from_utf8(t.structured.as_ref().expect("structured").concat())
                    .expect("UTF-8")
            }
        },
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_class_needs_its_scope_and_write_does_not_imply_read() {
    let lab = Lab::new(&[("access.level", "full")]).await;
    let update = "UPDATE dbo.Employees SET Name = Name";
    for (scopes, query, needed) in [
        (&["mssql:write"][..], "SELECT 1", &["mssql:read"][..]),
        (&["mssql:read"], update, &["mssql:read", "mssql:write"]),
        (&["mssql:read", "mssql:write"], "CREATE TABLE x (a int)", &["mssql:read", "mssql:schema"]),
        (
            &["mssql:read"],
            "DELETE dbo.Employees EXEC p",
            &["mssql:execute", "mssql:read", "mssql:write"],
        ),
        (&[], "SELECT 1", &["mssql:read"]),
    ] {
        match call_as(&lab, scopes, query).await {
            Outcome::Fault(Fault::Scope { needed: n }) => assert_eq!(n, needed, "{query}"),
            other => panic!("{query}: {other:?}"),
        }
    }
    assert!(text(&call_as(&lab, &["mssql:read"], "SELECT 1 AS a").await).contains("[[1]]"));
    assert!(
        text(&call_as(&lab, &["mssql:read", "mssql:write"], update).await)
            .contains("\"committed\":true")
    );
    // Scopes never widen the access level.
    let lab = Lab::new(&[]).await;
    assert!(text(&call_as(&lab, &SCOPES, update).await).contains("access_denied"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_one_caller_reaches_the_next_on_the_same_connection() {
    let lab = Lab::new(&[
        ("access.level", "full"),
        ("pool.max_size", "1"),
        ("access.confirm_writes", "never"),
    ])
    .await;
    let first = call_as(
        &lab,
        &SCOPES,
        "SET LOCK_TIMEOUT 1234; SET NOCOUNT ON; CREATE TABLE #secret (a int); INSERT #secret \
         VALUES (42); SELECT a, @@LOCK_TIMEOUT AS l FROM #secret",
    )
    .await;
    assert!(text(&first).contains("[[42,1234]]"), "{}", text(&first));
    assert_eq!(lab.sandbox.connections(), 1);
    let second = call_by(
        &lab,
        "bob",
        &SCOPES,
        "SELECT @@LOCK_TIMEOUT AS l, @@TRANCOUNT AS t, OBJECT_ID('tempdb..#secret') AS o",
    )
    .await;
    // The transaction that is open is the call's own.
    assert!(text(&second).contains("\"rows\":[[10000,1,null]]"), "{}", text(&second));
    assert!(
        text(&call_by(&lab, "bob", &SCOPES, "SELECT * FROM #secret").await)
            .contains("\"number\":208")
    );
    assert_eq!(lab.sandbox.connections(), 1, "all of it on one connection");
    // What may leave something behind (a procedure) has the session reset, and nothing is left.
    let insert = "CREATE TABLE dbo.Left_ (n int IDENTITY); INSERT INTO dbo.Left_ DEFAULT VALUES; \
                  EXEC sp_executesql N'SELECT @@IDENTITY AS i'";
    assert!(text(&call_as(&lab, &SCOPES, insert).await).contains("[[1]]"));
    let next = call_by(&lab, "bob", &SCOPES, "SELECT @@IDENTITY AS i").await;
    assert!(text(&next).contains("[[null]]"), "{}", text(&next));
    assert_eq!(lab.sandbox.connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_stop_has_its_own_code() {
    const SLOW: &str = "SELECT COUNT(*) AS n FROM sales.Orders AS a CROSS JOIN sales.Orders AS b";
    let slow = json!({ "name": "execute_sql", "arguments": { "query": SLOW } });
    // Its own deadline.
    let lab = Lab::new(&[("limits.query_timeout", "300ms")]).await;
    let (address, _stop) = lab.serve().await;
    assert_eq!(code(&stateless(address, "tools/call", slow.clone()).await), "timeout");
    // No connection free.
    let lab = Lab::new(&[("pool.max_size", "1"), ("pool.wait", "200ms")]).await;
    let (address, stop) = lab.serve().await;
    let running = tokio::spawn(stateless(address, "tools/call", slow.clone()));
    until("the query runs", async || lab.app.database.status().0 == 1).await;
    let quick = json!({ "name": "execute_sql", "arguments": { "query": "SELECT 1 AS a" } });
    assert_eq!(code(&stateless(address, "tools/call", quick).await), "busy");
    // The server stops: the caller is told, and the query is stopped on the database.
    stop.now.cancel();
    assert_eq!(code(&running.await.expect("an answer")), "shutting_down");
    until("the database was told", async || lab.sandbox.attentions() == 1).await;
    // The client takes it back, or leaves: nobody is answered, and the facts tell which.
    let lab = Lab::new(&[]).await;
    for (why, outcome) in [(Why::Asked, "cancelled"), (Why::Gone, "disconnected")] {
        let cancel = Cancel::default();
        let mut extensions = http::Extensions::new();
        Principal::local().into_extensions(&mut extensions);
        let mut context =
            bare_context("test", ProtocolVersion::V2025_06_18, extensions, cancel.clone());
        context.extensions.insert(std::sync::Arc::new(mssql_mcp::facts::CallFacts::default()));
        let request = McpRequest {
            id: Some(Id::Number(1)),
            method: "tools/call".into(),
            target: Some("execute_sql".into()),
            params: Some(serde_json::value::to_raw_value(&slow).expect("JSON")),
            context,
        };
        let service = lab.app.service.clone();
        let call = tokio::spawn(async move { service.oneshot(request).await });
        until("the query runs", async || lab.app.database.status().0 == 1).await;
        cancel.fire(why);
        assert_eq!(cancel.why(), Some(why), "{outcome}");
        assert!(matches!(call.await.expect("task"), Ok(Outcome::Cancelled)), "{outcome}");
        until("the connection is free", async || lab.app.database.status().0 == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_over_plain_json_cannot_be_asked() {
    let lab = Lab::new(&[WRITE, ("access.confirm_writes", "always")]).await;
    let (address, _stop) = lab.serve().await;
    let body = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": { "protocolVersion": "2025-06-18", "capabilities": { "elicitation": {} }, "clientInfo": { "name": "t", "version": "1" } } });
    let a = http(address, "POST", "/mcp", &[JSON, BOTH], body.to_string().as_bytes()).await;
    let session = a.header("mcp-session-id").expect("a session").to_owned();
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "execute_sql", "arguments": { "query": "DELETE dbo.Employees" } } });
    let plain = [JSON, ("Accept", "application/json"), ("Mcp-Session-Id", &session)];
    let a = http(address, "POST", "/mcp", &plain, call.to_string().as_bytes()).await;
    assert_eq!(
        code(&a),
        "confirmation_required",
        "a request to the client could not be sent on this answer"
    );
    // And a session without the capability is not asked either.
    let s = handshake(address, "2025-11-25").await;
    assert_eq!(code(&in_session(address, &s, call).await), "confirmation_required");
}

/// An Attention that crosses a finished answer is acknowledged behind it, and that acknowledgement
/// must not be taken for the next query's answer. Deadlines are spread over the time that the answer takes, so
/// that every crossing happens.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_cancels_never_leave_an_answer_for_the_next_caller() {
    let lab = Lab::new(&[("pool.max_size", "1")]).await;
    let mut ends = [0u32; 3];
    for i in 0..1000u64 {
        let mut l = limits(1_000_000, 100_000_000);
        // A short answer and one of many packets, by turns.
        let sql = if i % 2 == 0 {
            "SELECT 1 AS a"
        } else {
            "SELECT OrderId, Status FROM sales.Orders WHERE OrderId <= 1400"
        };
        l.deadline = Some(Instant::now() + Duration::from_micros(i * 7 % 3000));
        match lab.app.database.run(sql.into(), Mode::Read, &l).await {
            Ok(a) if a.truncated.is_none() => ends[0] += 1,
            Ok(_) => ends[1] += 1,
            Err(f) => {
                assert!(matches!(f.error, DbError::Timeout), "{:?}", f.error);
                ends[2] += 1;
            }
        }
        let probe = lab
            .app
            .database
            .run(format!("SELECT {i} AS n").as_str().into(), Mode::Read, &limits(10, 10_000))
            .await;
        let a = probe.expect("the next caller's answer");
        let rows =
            serde_json::from_slice::<Value>(&a.results.concat()).expect("JSON")[0]["rows"].clone();
        assert_eq!(rows, json!([[i]]), "after call {i}");
    }
    assert!(ends[0] > 0 && ends[2] > 0, "both finished and cancelled calls were met: {ends:?}");
}

/// The same with futures that are dropped, as tower's layers and departing clients do.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_dropped_calls_leave_nothing_behind() {
    let lab = Lab::new(&[("pool.max_size", "1"), WRITE]).await;
    let before = scalar(&lab, "SELECT COUNT(*) FROM sales.Orders").await;
    for i in 0..1000u64 {
        let l = limits(1_000_000, 100_000_000);
        let db = lab.app.database.clone();
        let batch = Batch::from(
            "DELETE FROM sales.Orders WHERE OrderId = 1001; SELECT OrderId \
             FROM sales.Orders WHERE OrderId <= 1100",
        );
        let _ = tokio::time::timeout(
            Duration::from_micros(i * 11 % 4000),
            db.run(batch, Mode::Preview, &l),
        )
        .await;
        let probe = lab
            .app
            .database
            .run(format!("SELECT {i} AS n").as_str().into(), Mode::Read, &limits(10, 10_000))
            .await;
        let a = probe.expect("the next caller's answer");
        let rows =
            serde_json::from_slice::<Value>(&a.results.concat()).expect("JSON")[0]["rows"].clone();
        assert_eq!(rows, json!([[i]]), "after call {i}");
    }
    assert_eq!(
        scalar(&lab, "SELECT COUNT(*) FROM sales.Orders").await,
        before,
        "every preview was rolled back"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_ends_well_is_one_round_trip() {
    let lab = Lab::new(&[]).await;
    let _ = call_as(&lab, &["mssql:read"], "SELECT 1 AS a").await;
    for query in
        ["SELECT 1 AS a", "DECLARE @n int = 5 SELECT @n AS n", "SELECT TOP (5) * FROM sales.Orders"]
    {
        let before = lab.sandbox.requests();
        assert!(text(&call_as(&lab, &["mssql:read"], query).await).contains("\"results\":["));
        assert_eq!(lab.sandbox.requests() - before, 1, "{query}");
    }
    assert_eq!((lab.sandbox.connections(), lab.sandbox.attentions()), (1, 0));
}

/// The table in ARCHITECTURE.md ("What an error leaves"), as far as the sandbox can show it.
#[tokio::test(flavor = "multi_thread")]
async fn an_inner_error_leaves_no_row_no_transaction_and_a_usable_connection() {
    let lab = Lab::new(&[
        ("access.level", "full"),
        ("access.confirm_writes", "never"),
        ("pool.max_size", "1"),
    ])
    .await;
    let db = lab.app.database.clone();
    db.run(
        "CREATE TABLE dbo.Kept (a int NOT NULL PRIMARY KEY)".into(),
        Mode::Change,
        &lab.limits(),
    )
    .await
    .expect("create");
    for (inner, number) in [
        ("SELECT 1 / 0 AS x", 8134),
        ("INSERT dbo.Kept VALUES (1)", 2627),
        ("INSERT dbo.Kept VALUES (NULL)", 515),
        (
            "INSERT sales.Trades (OrderId, Quantity, Price, Fee, ExecutedAt) VALUES (-1, 1, 1, 1, \
             '2024-01-01')",
            547,
        ),
        ("SELECT * FROM dbo.Nowhere", 208),
        ("SELECT nothing FROM dbo.Kept", 207),
        ("SELECT CAST('x' AS int) AS x", 245),
        ("RAISERROR ('enough', 16, 1)", 50_000),
        ("THROW 50001, 'enough', 1", 50_001),
    ] {
        for mode in [Mode::Change, Mode::Preview, Mode::Read] {
            let text = format!("INSERT dbo.Kept VALUES (1); {inner}");
            let e = db.run(text.as_str().into(), mode, &lab.limits()).await.expect_err(inner);
            assert!(
                matches!(&e.error, DbError::Sql(s) if s.number == number),
                "{inner}: {:?}",
                e.error
            );
            assert_eq!(scalar(&lab, "SELECT COUNT(*) FROM dbo.Kept").await, 0, "{inner} {mode:?}");
            // One transaction: the reading call's own.
            assert_eq!(scalar(&lab, "SELECT @@TRANCOUNT").await, 1, "{inner} {mode:?}");
        }
        let e = db
            .run_if(
                format!("INSERT dbo.Kept VALUES (1); {inner}").as_str().into(),
                &[1, 1],
                &lab.limits(),
            )
            .await;
        assert!(e.is_err(), "{inner}");
        assert_eq!(scalar(&lab, "SELECT COUNT(*) FROM dbo.Kept").await, 0, "{inner} confirmed");
        assert_eq!(scalar(&lab, "SELECT @@TRANCOUNT").await, 1, "{inner} confirmed");
    }
}

/// Rows that go, or lose their reference, by foreign keys; and what stands for no count.
#[tokio::test(flavor = "multi_thread")]
async fn the_question_shows_what_will_happen() {
    let lab = Lab::new(&[("access.level", "full")]).await;
    let (address, _stop) = lab.serve().await;
    for ddl in [
        "CREATE TABLE dbo.P (id int NOT NULL PRIMARY KEY, x int NULL)",
        "CREATE TABLE dbo.C (id int NOT NULL PRIMARY KEY, p int NOT NULL REFERENCES dbo.P (id) ON \
         DELETE CASCADE)",
        "CREATE TABLE dbo.G (id int NOT NULL PRIMARY KEY, c int NOT NULL REFERENCES dbo.C (id) ON \
         DELETE CASCADE)",
        "CREATE TABLE dbo.N (id int NOT NULL PRIMARY KEY, p int NULL REFERENCES dbo.P (id) ON \
         DELETE SET NULL ON UPDATE CASCADE)",
        "INSERT dbo.P (id, x) VALUES (1, 1), (2, 2), (3, 3)",
        "INSERT dbo.C (id, p) VALUES (1, 1), (2, 1), (3, 2)",
        "INSERT dbo.G (id, c) VALUES (1, 1), (2, 1), (3, 2), (4, 2), (5, 3)",
        "INSERT dbo.N (id, p) VALUES (1, 1), (2, NULL), (3, 3)",
    ] {
        lab.app.database.run(ddl.into(), Mode::Change, &lab.limits()).await.expect(ddl);
    }
    let asked = async |query: &str, params: Value| {
        message(&ask(address, json!({ "query": query, "params": params }), json!({})).await)
    };
    let q = asked("DELETE FROM dbo.P WHERE id = @id", json!({ "id": 1 })).await;
    for line in [
        "DELETE dbo.P: 1 of 3 rows changes.",
        "2 rows of dbo.C go too (ON DELETE CASCADE).",
        "4 rows of dbo.G go too (ON DELETE CASCADE).",
        "1 row of dbo.N loses its reference (ON DELETE SET NULL).",
        "With @id = 1\n",
    ] {
        assert!(q.contains(line), "{line}: {q}");
    }
    assert!(!q.contains("UPDATE CASCADE"), "{q}");
    assert_eq!(scalar(&lab, "SELECT COUNT(*) FROM dbo.G").await, 5, "rolled back");
    let q = asked("UPDATE dbo.P SET id = id + 10 WHERE id = 3", json!({})).await;
    assert!(
        q.contains(
            "Rows of dbo.N that refer to it change their references (ON UPDATE CASCADE); they \
             were not counted."
        ),
        "{q}"
    );
    let q = asked("UPDATE dbo.P SET x = id WHERE id = 3", json!({})).await;
    assert!(!q.contains("ON UPDATE"), "the key is not set: {q}");
    let q = asked("INSERT INTO dbo.P (id, x) VALUES (9, 9)", json!({})).await;
    assert!(q.starts_with("INSERT dbo.P: 1 row changes.") && !q.contains("refer to it"), "{q}");
    // A count behind rows, no count, a hidden one.
    let q = asked("DELETE FROM dbo.G OUTPUT deleted.id WHERE id > 3", json!({})).await;
    assert!(q.starts_with("DELETE dbo.G: 2 of 5 rows change."), "{q}");
    let q = asked("TRUNCATE TABLE dbo.G", json!({})).await;
    assert!(q.starts_with("TRUNCATE dbo.G: all of its rows go (5 by the catalog)."), "{q}");
    let q = asked("SET NOCOUNT ON; DELETE FROM dbo.G", json!({})).await;
    assert!(
        q.starts_with(
            "DELETE dbo.G: how many rows change is not known, because the text hides counts"
        ),
        "{q}"
    );
    // An alias is no table, however it is called; and a name that only a collation
    // decides is not told.
    let q = asked("UPDATE Employees SET x = 5 FROM dbo.P AS Employees", json!({})).await;
    assert!(q.starts_with("UPDATE dbo.P: 3 of 3 rows change."), "{q}");
    let q = asked("UPDATE EMPLOYEES SET x = 5 FROM dbo.P AS Employees", json!({})).await;
    assert!(q.contains("could not be told from the text"), "{q}");
    // What reorders or hides.
    let q = asked(
        "DELETE FROM dbo.G WHERE id = 1 -- \u{202e}x\u{200b}",
        json!({ "note": "a\u{2066}b" }),
    )
    .await;
    assert!(q.contains("-- \\u{202E}x\\u{200B}") && q.contains("@note = 'a\\u{2066}b'"), "{q}");
    // Nothing to change is nothing to ask about.
    for query in
        ["DELETE FROM dbo.G WHERE id = 99", "DELETE FROM dbo.G OUTPUT deleted.id WHERE id = 99"]
    {
        let a = ask(address, json!({ "query": query }), json!({})).await.json()["result"].clone();
        assert_eq!(
            (&a["resultType"], &a["structuredContent"]["committed"]),
            (&json!("complete"), &json!(false)),
            "{a}"
        );
        assert!(
            a["structuredContent"]["messages"][0]
                .as_str()
                .is_some_and(|m| m.contains("nobody was asked")),
            "{a}"
        );
    }
    // What is not known is not said to be 0, once it is applied either.
    let hidden = json!({ "query": "SET NOCOUNT ON; UPDATE dbo.G SET c = c" });
    let first = ask(address, hidden.clone(), json!({})).await;
    let done = ask(address, hidden, answered(&first, "accept")).await.json()["result"]["structuredContent"].clone();
    assert_eq!((&done["committed"], &done["rows_affected"]), (&json!(true), &json!([])), "{done}");
    // Rows that go into a temporary table are none that change.
    let q = asked(
        "SELECT * INTO #x FROM dbo.G; DELETE FROM dbo.G WHERE id IN (SELECT id FROM #x) AND id = 1",
        json!({}),
    )
    .await;
    assert!(q.starts_with("DELETE dbo.G: 1 row changes in all."), "{q}");
    // A value keeps its blanks, and writes no line.
    let q = asked("DELETE FROM dbo.G WHERE id = 1", json!({ "v": " x\nDELETE y" })).await;
    assert!(q.contains("@v = ' x\\u{000A}DELETE y'"), "{q}");
    // With OUTPUT too, a change of other rows than were shown is asked about again.
    let delete = json!({ "query": "DELETE FROM dbo.G OUTPUT deleted.id" });
    let first = ask(address, delete.clone(), json!({})).await;
    lab.app
        .database
        .run("INSERT dbo.G (id, c) VALUES (6, 3)".into(), Mode::Change, &lab.limits())
        .await
        .expect("insert");
    let second = ask(address, delete.clone(), answered(&first, "accept")).await;
    assert!(
        message(&second).starts_with("DELETE dbo.G: 6 of 6 rows change."),
        "{}",
        message(&second)
    );
    let done = ask(address, delete, answered(&second, "accept")).await.json()["result"]["structuredContent"].clone();
    assert_eq!((&done["committed"], &done["rows_affected"]), (&json!(true), &json!([6])), "{done}");
    // And without counts, one before which the table has changed.
    for (id, query) in [(7, "SET NOCOUNT ON; UPDATE dbo.G SET c = c"), (8, "TRUNCATE TABLE dbo.G")]
    {
        let query = json!({ "query": query });
        let first = ask(address, query.clone(), json!({})).await;
        let insert = format!("INSERT dbo.G (id, c) VALUES ({id}, 3)");
        let limits = lab.limits();
        let run = lab.app.database.run(insert.as_str().into(), Mode::Change, &limits);
        run.await.expect("insert");
        let second = ask(address, query.clone(), answered(&first, "accept")).await;
        assert!(message(&second).contains("dbo.G"), "{}", message(&second));
        let done = ask(address, query, answered(&second, "accept")).await.json();
        assert_eq!(done["result"]["structuredContent"]["committed"], true, "{done}");
    }
}

/// The answer to a change that cannot be read says nothing of what became of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_answer_cannot_be_read_is_unknown() {
    let lab = Lab::new(&[("access.level", "read-write"), ("access.confirm_writes", "never")]).await;
    let update = "UPDATE dbo.Employees SET Title = N'q' WHERE EmployeeId = 1";
    let nonsense = Script::tokens(vec![0x42, 0, 0, 0, 0], Vec::new(), 0, Vec::new());
    lab.sandbox.script(update, nonsense);
    let said = call_as(&lab, &SCOPES, update).await;
    assert!(text(&said).contains("\"code\":\"outcome_unknown\""), "{}", text(&said));
    assert!(text(&said).contains("could not be read"), "{}", text(&said));
}

/// Procedures with transactions of their own are told as what they are.
#[tokio::test(flavor = "multi_thread")]
async fn a_procedure_that_ends_the_transaction_is_told_as_that() {
    let lab = Lab::new(&[("access.level", "full"), ("access.confirm_writes", "never")]).await;
    let (address, _stop) = lab.serve().await;
    let run = async |query: &str| {
        let a = stateless(
            address,
            "tools/call",
            json!({ "name": "execute_sql", "arguments": { "query": query } }),
        )
        .await;
        a.json()["result"]["content"][0]["text"].as_str().unwrap_or_default().to_owned()
    };
    for create in [
        "CREATE TABLE dbo.T (a int NOT NULL)",
        "CREATE PROCEDURE dbo.Commits AS BEGIN INSERT dbo.T (a) VALUES (1); COMMIT TRANSACTION; \
         SELECT 1 / 0 AS x; END",
        "CREATE PROCEDURE dbo.Catches AS BEGIN BEGIN TRY INSERT dbo.T (a) VALUES (2); SELECT 1 / \
         0 AS x; END TRY BEGIN CATCH PRINT 'never mind'; END CATCH END",
    ] {
        let said = run(create).await;
        assert!(said.contains("\"committed\":true"), "{create}: {said}");
    }
    let said = run("EXEC dbo.Commits").await;
    assert!(
        said.contains("outcome_unknown")
            && said.contains("ended the transaction itself")
            && !said.contains("mssql-mcp:"),
        "{said}"
    );
    assert_eq!(
        scalar(&lab, "SELECT COUNT(*) FROM dbo.T WHERE a = 1").await,
        1,
        "what it committed stays"
    );
    let said = run("EXEC dbo.Catches").await;
    assert!(
        said.contains("3930")
            && said.contains("caught an error of its own")
            && said.contains("never mind"),
        "{said}"
    );
    assert_eq!(scalar(&lab, "SELECT COUNT(*) FROM dbo.T WHERE a = 2").await, 0);
}
