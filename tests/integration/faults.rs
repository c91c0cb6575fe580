//! What the sandbox's fault switches make happen to the database layer.

use std::time::{Duration, Instant};

use mssql_mcp::database::run::{BatchAnswer, Failure, Mode};
use mssql_mcp::database::{ConnectKind, DbError};
use mssql_mcp_sandbox::error::Error;
use mssql_mcp_sandbox::{Attention, Options, Sandbox};
use serde_json::{Value, json};

use crate::support::{Lab, handshake, in_session, limits, until};

async fn read(lab: &Lab, sql: &str) -> Result<BatchAnswer, Failure> {
    lab.app.database.run(sql.into(), Mode::Read, &lab.limits()).await
}

fn rows(a: &BatchAnswer) -> Value {
    serde_json::from_slice::<Value>(&a.results.concat()).expect("JSON")[0]["rows"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_query_stops_on_the_server_and_the_connection_is_used_again() {
    let lab = Lab::new(&[("pool.max_size", "1")]).await;
    for _ in 0..20 {
        let a = read(&lab, "SELECT a.OrderId FROM sales.Orders AS a CROSS JOIN sales.Orders AS b")
            .await
            .expect("rows");
        assert_eq!(a.rows, 1000);
        // The next caller gets its own answer, never a rest of the last one.
        let a = read(&lab, "SELECT 7 AS n").await.expect("rows");
        assert_eq!(rows(&a), json!([[7]]));
    }
    assert!(
        lab.sandbox.rows_sent() < 2_000_000,
        "the server went on: {} rows",
        lab.sandbox.rows_sent()
    );
    assert_eq!(lab.sandbox.attentions(), 20);
    assert_eq!(lab.sandbox.connections(), 1, "an acknowledged cancel keeps the connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attention_that_is_lost_or_late_never_reaches_the_next_caller() {
    for attention in [Attention::Lost, Attention::Late(Duration::from_millis(300))] {
        let lab = Lab::new(&[("pool.max_size", "1")]).await;
        lab.sandbox.faults(|f| f.attention = attention);
        let mut l = limits(1000, 100_000);
        l.deadline = Some(Instant::now() + Duration::from_millis(200));
        let e = lab
            .app
            .database
            .run(
                "SELECT COUNT(*) FROM sales.Orders AS a CROSS JOIN sales.Orders AS b".into(),
                Mode::Read,
                &l,
            )
            .await
            .expect_err("too slow");
        assert_eq!(e.error, DbError::Timeout);
        lab.sandbox.faults(|f| f.attention = Attention::Normal);
        let a = read(&lab, "SELECT 8 AS n").await.expect("rows");
        assert_eq!(rows(&a), json!([[8]]), "{attention:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_gives_what_there_is_and_an_abandoned_call_is_cancelled() {
    let lab = Lab::new(&[("pool.max_size", "1")]).await;
    lab.sandbox.faults(|f| f.row_delay = Some(Duration::from_millis(20)));
    let mut l = limits(1000, 100_000);
    l.deadline = Some(Instant::now() + Duration::from_millis(500));
    let a = lab
        .app
        .database
        .run("SELECT OrderId FROM sales.Orders".into(), Mode::Read, &l)
        .await
        .expect("some rows");
    assert!(a.rows > 0 && a.rows < 100, "{}", a.rows);
    assert_eq!(a.truncated.map(|t| t.0.as_str()), Some("timeout"));
    // The future is dropped in mid-answer, as tower's layers may do.
    let sent = lab.sandbox.rows_sent();
    let dropped = tokio::time::timeout(
        Duration::from_millis(300),
        read(&lab, "SELECT OrderId FROM sales.Orders"),
    )
    .await;
    assert!(dropped.is_err());
    lab.sandbox.faults(|f| f.row_delay = None);
    let a = read(&lab, "SELECT 9 AS n").await.expect("rows");
    assert_eq!(rows(&a), json!([[9]]));
    assert!(lab.sandbox.rows_sent() < sent + 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_cancelled_stops_the_query() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let session = handshake(address, "2025-06-18").await;
    let call = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": { "name": "execute_sql", "arguments": { "query": "SELECT COUNT(*) FROM \
        sales.Orders AS a CROSS JOIN sales.Orders AS b" } } });
    let s = session.clone();
    let running = tokio::spawn(async move { in_session(address, &s, call).await });
    until("the query runs", async || lab.app.database.status().0 == 1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let a = in_session(
        address,
        &session,
        json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 5 } }),
    )
    .await;
    assert_eq!(a.status, 202);
    let a = running.await.expect("answer");
    // Not answered, but HTTP has to be: a stream without an event.
    let streamed = (200, Some("text/event-stream"), "");
    assert_eq!((a.status, a.header("content-type"), a.body.trim()), streamed, "{a:?}");
    until("the server was told", async || lab.sandbox.attentions() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_cancels_its_query() {
    let lab = Lab::new(&[("http.silence", "50ms"), ("http.keep_alive", "50ms")]).await;
    let (address, _stop) = lab.serve().await;
    let call = json!({ "name": "execute_sql", "arguments": { "query": "SELECT COUNT(*) FROM \
        sales.Orders AS a CROSS JOIN sales.Orders AS b" } });
    let left = tokio::time::timeout(
        Duration::from_millis(700),
        crate::support::stateless(address, "tools/call", call),
    )
    .await;
    assert!(left.is_err(), "the query is slow");
    until("the query was cancelled on the server", async || lab.sandbox.attentions() == 1).await;
    until("the connection is free", async || lab.app.database.status().0 == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_connections_are_told_apart_and_recovered_from() {
    let lab = Lab::new(&[]).await;
    lab.sandbox.faults(|f| f.drop_after_rows = Some(3));
    let e = read(&lab, "SELECT OrderId FROM sales.Orders").await.expect_err("broken");
    assert!(matches!(e.error, DbError::Lost(_) | DbError::Driver(_)), "{:?}", e.error);
    lab.sandbox.faults(|f| f.drop_after_rows = None);
    assert_eq!(rows(&read(&lab, "SELECT 1 AS a").await.expect("rows")), json!([[1]]));
    lab.sandbox
        .faults(|f| f.error = Some(Error::new(8134, 16, "Divide by zero error encountered.")));
    let e = read(&lab, "SELECT 1 AS a").await.expect_err("an error");
    assert!(
        matches!(&e.error, DbError::Sql(s) if s.number == 8134 && s.severity == 16),
        "{:?}",
        e.error
    );
    let lab = Lab::new(&[]).await;
    lab.sandbox.faults(|f| f.drop_before_login = true);
    let e = read(&lab, "SELECT 1 AS a").await.expect_err("no login");
    assert!(matches!(e.error, DbError::Connect(..)), "{:?}", e.error);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_routing_answer_is_followed_and_not_for_ever() {
    let lab = Lab::new(&[("database.trust_server_certificate", "no")]).await;
    let other = Sandbox::start(Options::default()).await.expect("sandbox");
    // The second hop is another server with another certificate, so this client trusts any.
    let gateway = Sandbox::start(Options::default()).await.expect("sandbox");
    gateway.faults(|f| f.route_to = Some(("127.0.0.1".into(), other.address().port())));
    let fixed = crate::support::fixed(
        gateway.address().port(),
        &[("database.trust_server_certificate", "yes")],
    );
    let config =
        mssql_mcp::config::Config::load(&mssql_mcp::config::Inputs { fixed, ..Default::default() })
            .expect("config");
    let app = mssql_mcp::app::App::new(&config).expect("app");
    let a =
        app.database.run("SELECT 1 AS a".into(), Mode::Read, &lab.limits()).await.expect("rows");
    assert_eq!(rows(&a), json!([[1]]));
    assert_eq!(other.connections(), 1);
    // Two servers that route to each other are no endless loop (logins::ways has the rest).
    other.faults(|f| f.route_to = Some(("127.0.0.1".into(), gateway.address().port())));
    let app = mssql_mcp::app::App::new(&config).expect("app");
    let e = app
        .database
        .run("SELECT 1 AS a".into(), Mode::Read, &lab.limits())
        .await
        .expect_err("a circle");
    assert!(matches!(e.error, DbError::Connect(_, ConnectKind::Redirect)), "{:?}", e.error);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_pool_answers_that_it_is_busy() {
    let lab = Lab::new(&[("pool.max_size", "1"), ("pool.wait", "100ms")]).await;
    lab.sandbox.faults(|f| f.row_delay = Some(Duration::from_millis(50)));
    let db = lab.app.database.clone();
    let l = lab.limits();
    let slow = tokio::spawn(async move {
        db.run("SELECT TOP 40 OrderId FROM sales.Orders".into(), Mode::Read, &l)
            .await
            .map(|a| a.rows)
    });
    until("the pool is in use", async || lab.app.database.status().0 == 1).await;
    let e = read(&lab, "SELECT 1 AS a").await.expect_err("busy");
    assert_eq!(e.error, DbError::Busy { waited: Duration::from_millis(100) });
    assert_eq!(slow.await.expect("task").expect("rows"), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn locks_time_out_with_1222() {
    let lab = Lab::new(&[("limits.lock_timeout", "300ms")]).await;
    lab.sandbox.faults(|f| f.row_delay = Some(Duration::from_millis(60)));
    let db = lab.app.database.clone();
    let l = lab.limits();
    // Holds its locks while its rows trickle.
    let holder = tokio::spawn(async move {
        db.run(
            "UPDATE dbo.Employees SET Title = N'x'; SELECT TOP 30 OrderId FROM sales.Orders".into(),
            Mode::Change,
            &l,
        )
        .await
        .map(|a| a.committed)
    });
    until("the holder runs", async || lab.sandbox.rows_sent() > 1).await;
    let e = lab
        .app
        .database
        .run("UPDATE dbo.Employees SET Title = N'y'".into(), Mode::Change, &lab.limits())
        .await
        .expect_err("locked");
    assert!(matches!(&e.error, DbError::Sql(s) if s.number == 1222), "{:?}", e.error);
    assert!(holder.await.expect("task").expect("committed"));
}
