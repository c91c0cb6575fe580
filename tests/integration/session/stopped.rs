//! What is said of a query that was stopped is what is known of it.

use std::time::Duration;

use mssql_mcp_sandbox::Attention;
use serde_json::{Value, json};

use super::query;
use crate::support::Lab;

const SLOW: &str = "SELECT COUNT(*) AS n FROM sales.Orders AS a CROSS JOIN sales.Orders AS b";
const WRITE: [(&str, &str); 4] = [
    ("access.allow", "WAITFOR"),
    ("access.level", "read-write"),
    ("access.confirm_writes", "never"),
    ("limits.query_timeout", "400ms"),
];

async fn error(lab: &Lab, attention: Attention, text: &str) -> (Value, std::net::SocketAddr) {
    lab.sandbox.faults(|f| f.attention = attention);
    let (address, _stop) = lab.serve().await;
    let error = query(address, text).await["error"].clone();
    lab.sandbox.faults(|f| f.attention = Attention::Normal);
    (error, address)
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_on_the_server_is_said_where_the_server_said_so() {
    for (attention, said) in [
        (Attention::Normal, "was cancelled on the server"),
        (Attention::Late(Duration::from_millis(300)), "was cancelled on the server"),
        (Attention::Twice, "was cancelled on the server"),
        (Attention::Lost, "did not acknowledge that it was cancelled: it may still run"),
    ] {
        let lab = Lab::new(&[("limits.query_timeout", "400ms"), ("pool.max_size", "1")]).await;
        let (error, address) = error(&lab, attention, SLOW).await;
        assert_eq!(error["code"], "timeout", "{attention:?}: {error}");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains(said), "{attention:?}: {message}");
        let others = ["was cancelled on the server", "may still run", "had answered it before"];
        assert_eq!(others.iter().filter(|o| message.contains(**o)).count(), 1, "{message}");
        assert_eq!(lab.sandbox.attentions(), 1, "{attention:?}");
        let next = query(address, "SELECT 8 AS n").await;
        assert_eq!(next["results"][0]["rows"], json!([[8]]), "{attention:?}: {next}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_behind_the_whole_answer_is_told_as_that() {
    let lab = Lab::new(&[
        ("limits.query_timeout", "400ms"),
        ("pool.max_size", "1"),
        ("access.allow", "WAITFOR"),
    ])
    .await;
    // It runs on, and is over within what is waited for.
    let text = "WAITFOR DELAY '00:00:01'; SELECT 1 AS n";
    let (error, address) = error(&lab, Attention::AfterAnswer, text).await;
    assert_eq!(error["code"], "timeout", "{error}");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.contains("had answered it before"), "{message}");
    for n in 0..5 {
        let next = query(address, &format!("SELECT {n} AS n")).await;
        assert_eq!(next["results"][0]["rows"], json!([[n]]), "{next}");
    }
    assert_eq!(lab.sandbox.connections(), 1, "the acknowledgement was waited for");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_change_that_nobody_acknowledged_nothing_is_promised() {
    let change = format!("UPDATE dbo.Employees SET Title = N'x'; {SLOW}");
    for (attention, code) in [(Attention::Normal, "timeout"), (Attention::Lost, "outcome_unknown")]
    {
        let lab = Lab::new(&WRITE).await;
        let (error, address) = error(&lab, attention, &change).await;
        assert_eq!((&error["code"], &error["retryable"]), (&json!(code), &json!(false)), "{error}");
        let said = error.to_string();
        let hopeful = said.contains("was cancelled on the server") || said.contains("rolled back");
        assert_eq!(hopeful, attention == Attention::Normal, "{said}");
        if attention == Attention::Normal {
            let count = "SELECT COUNT(*) AS n FROM dbo.Employees WHERE Title = N'x'";
            let left = query(address, count).await;
            assert_eq!(left["results"][0]["rows"], json!([[0]]), "{left}");
        }
    }
    // It went on to its end, its commit included, before it heard of the cancel.
    let lab = Lab::new(&WRITE).await;
    let change = "UPDATE dbo.Employees SET Title = N'x'; WAITFOR DELAY '00:00:01'";
    let (error, address) = error(&lab, Attention::AfterAnswer, change).await;
    assert_eq!(error["code"], "outcome_unknown", "{error}");
    let count = "SELECT COUNT(*) AS n FROM dbo.Employees WHERE Title = N'x'";
    let left = query(address, count).await;
    assert_eq!(left["results"][0]["rows"], json!([[8]]), "it is the truth: {left}");
}
