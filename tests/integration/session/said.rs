//! Errors and messages with all that SQL Server says of them, the later ones too.

use mssql_mcp_sandbox::{Options, Sandbox, Script};
use mssql_mcp_session::{Discard, Event, Message, Session, Tls};
use serde_json::json;

use super::tokens::{INT, columns, int, notice, row, utf16};
use super::{query, target};
use crate::support::Lab;

#[tokio::test(flavor = "multi_thread")]
async fn each_error_has_number_severity_state_line_and_procedure() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let name = utf16("n");
    let head = [columns(&[(&INT, &name)]), row(&[int(1)])].concat();
    let tail = [
        notice(false, (0, 1, 0), &utf16("printed first"), "", 2),
        notice(true, (2627, 1, 14), &utf16("a duplicate key"), "dbo.Load", 7),
        notice(true, (50_000, 3, 16), &utf16("and more"), "", 9),
        notice(false, (3621, 0, 0), &utf16("The statement has been terminated."), "", 9),
        vec![0xFD, 2, 0, 0xC3, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ];
    lab.sandbox.script("SELECT twice", Script::tokens(head, vec![], 0, tail.concat()));
    let error = query(address, "SELECT twice").await["error"].clone();
    assert_eq!(error["code"], "sql_error", "{error}");
    assert_eq!(
        [&error["number"], &error["severity"], &error["state"], &error["line"]],
        [&json!(2627), &json!(14), &json!(1), &json!(7)],
        "{error}"
    );
    assert_eq!(error["procedure"], "dbo.Load", "{error}");
    assert_eq!(
        error["further_errors"],
        json!([
            { "number": 50_000, "severity": 16, "state": 3, "line": 9, "message": "and more" }
        ]),
        "{error}"
    );
    assert_eq!(
        error["messages"],
        json!(["printed first", "The statement has been terminated."]),
        "{error}"
    );
    // What the sandbox itself raises, through the wrapper: the line is that of the caller's text.
    let raised = query(address, "PRINT 'so';\n\nRAISERROR('no', 16, 5)").await["error"].clone();
    assert_eq!(
        [&raised["number"], &raised["severity"], &raised["state"], &raised["line"]],
        [&json!(50_000), &json!(16), &json!(5), &json!(3)],
        "{raised}"
    );
    assert_eq!(raised["messages"], json!(["so"]), "{raised}");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_come_in_their_place_between_rows() {
    let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
    let target = target(sandbox.address().port(), Tls::off());
    let mut session = Session::connect(&target).await.expect("a session");
    let text = "SELECT 1 AS a\nPRINT 'first'\nSELECT 2 AS b\nRAISERROR('second', 9, 4)\nSELECT 1/0 \
                AS c\nPRINT 'third'\nRAISERROR('fourth', 12, 7)";
    let mut answer = session.batch(text).await.expect("sent");
    let mut heard = Vec::new();
    while let Some(event) = answer.next(&mut Discard).await.expect("an answer") {
        match event {
            Event::Row => heard.push("row".to_owned()),
            Event::Info(m) => heard.push(told("info", &m)),
            Event::Error(m) => heard.push(told("error", &m)),
            _ => {}
        }
    }
    assert_eq!(
        heard,
        [
            "row",
            "info 0/0/1 line 2: first",
            "row",
            "info 50000/9/4 line 4: second",
            "error 8134/16/1 line 5: Divide by zero error encountered.",
            "info 3621/0/0 line 5: The statement has been terminated.",
            "info 0/0/1 line 6: third",
            "error 50000/12/7 line 7: fourth",
        ]
    );
}

fn told(kind: &str, m: &Message) -> String {
    format!("{kind} {}/{}/{} line {}: {}", m.number, m.severity, m.state, m.line, m.text)
}
