//! Where a login leads, what passes, and what is left of a pool when its server has moved.

use std::time::Duration;

use mssql_mcp::database::run::Mode;
use mssql_mcp::database::{ConnectKind, DbError};
use mssql_mcp_sandbox::error::Error;
use mssql_mcp_sandbox::{Options, Sandbox};
use serde_json::json;

use super::scalar;
use crate::support::{Lab, command, fixed, stateless};

fn refusal(number: u32) -> Error {
    Error::new(number, 14, format!("refused with {number}."))
}

const COUNT: &str = "SELECT COUNT(*) FROM sales.Orders";

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_meets_what_passes_is_made_again() {
    let lab = Lab::new(&[]).await;
    lab.sandbox.faults(|f| f.login_errors = vec![refusal(40_613), refusal(40_501)]);
    assert!(scalar(&lab.app.database, COUNT).await.is_ok());
    assert_eq!(lab.sandbox.logins().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_pass_in_time_is_told_and_what_is_final_at_once() {
    for (number, kind, tries, mend) in [
        (40_613, ConnectKind::Passing, 2.., "try again in a minute"),
        (40_615, ConnectKind::Firewall, 1.., "firewall"),
        (42_101, ConnectKind::Firewall, 1.., "network"),
        (40_532, ConnectKind::Gateway, 1.., "not an alias"),
        (18_452, ConnectKind::Untrusted, 1.., "setspn -L"),
        (18_470, ConnectKind::Disabled, 1.., "ENABLE"),
        (18_486, ConnectKind::Locked, 1.., "UNLOCK"),
        (18_488, ConnectKind::Expired, 1.., "sqlcmd"),
        (916, ConnectKind::Database, 1.., "database.name"),
        (47_072, ConnectKind::OldTls, 1.., "strict"),
    ] {
        let more = [("pool.connect_timeout", "2s"), ("http.show_server", "yes")];
        let lab = Lab::new(&more).await;
        lab.sandbox.faults(|f| f.login_errors = vec![refusal(number); 20]);
        let e = scalar(&lab.app.database, COUNT).await.expect_err("refused");
        assert!(matches!(&e, DbError::Connect(_, k) if *k == kind), "{number}: {e:?}");
        let made = lab.sandbox.logins().len();
        assert!(tries.contains(&made) && (made == 1 || number == 40_613), "{number}: {made}");
        lab.sandbox.faults(|f| f.login_errors = vec![refusal(number); 20]);
        let (at, _stop) = lab.serve().await;
        let call = json!({ "name": "execute_sql", "arguments": { "query": COUNT } });
        let said = stateless(at, "tools/call", call).await.body;
        assert!(said.contains(mend), "{number}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_meets_what_passes_is_made_again_and_a_change_is_not() {
    let lab = Lab::new(&[("access.level", "read-write")]).await;
    assert!(scalar(&lab.app.database, COUNT).await.is_ok());
    for number in [40_197, 1205, 49_920] {
        let asked = lab.sandbox.requests();
        lab.sandbox.faults(|f| f.error = Some(refusal(number)));
        let a = lab.app.database.run(COUNT.into(), Mode::Read, &lab.limits()).await;
        assert!(a.is_ok(), "{number}: {:?}", a.err().map(|f| f.error));
        assert!(lab.sandbox.requests() >= asked + 2, "{number}");
    }
    for number in [40_197, 1205] {
        let update = "UPDATE sales.Orders SET Quantity = Quantity WHERE OrderId = 1";
        lab.sandbox.faults(|f| f.error = Some(refusal(number)));
        let e = lab.app.database.run(update.into(), Mode::Change, &lab.limits()).await;
        let e = e.expect_err("not again").error;
        assert!(matches!(&e, DbError::Sql(q) if q.number == number), "{e:?}");
    }
    // What is wrong for good is told at once.
    let asked = lab.sandbox.requests();
    lab.sandbox.faults(|f| f.error = Some(refusal(208)));
    assert!(lab.app.database.run(COUNT.into(), Mode::Read, &lab.limits()).await.is_err());
    assert_eq!(lab.sandbox.requests(), asked + 1);
}

/// Opens so many connections of the pool.
async fn filled(lab: &Lab, connections: usize) {
    lab.sandbox.faults(|f| f.row_delay = Some(Duration::from_millis(300)));
    let all = (0..connections).map(|_| scalar(&lab.app.database, "SELECT 1"));
    assert!(futures_util::future::join_all(all).await.iter().all(Result::is_ok));
    lab.sandbox.faults(|f| f.row_delay = None);
    assert!(lab.app.database.status().1 >= connections - 1, "{:?}", lab.app.database.status());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failover_no_connection_of_before_is_used() {
    let lab = Lab::new(&[]).await;
    filled(&lab, 5).await;
    assert!(lab.sandbox.kill_all() >= 4);
    assert!(scalar(&lab.app.database, COUNT).await.is_ok(), "a read finds the server again");
    let (used, idle, _) = lab.app.database.status();
    assert!(used + idle <= 2, "{used} {idle}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_moves_empties_the_pool_though_its_connections_live() {
    let lab = Lab::new(&[("access.level", "read-write")]).await;
    filled(&lab, 5).await;
    // The old primary is a secondary now, and answers.
    lab.sandbox.faults(|f| f.error = Some(refusal(3906)));
    let update = "UPDATE sales.Orders SET Quantity = Quantity WHERE OrderId = 1";
    let e = lab.app.database.run(update.into(), Mode::Change, &lab.limits()).await;
    assert!(e.is_err());
    let before = lab.sandbox.connections();
    assert!(scalar(&lab.app.database, COUNT).await.is_ok());
    assert_eq!(lab.sandbox.connections(), before + 1, "none of before is used");
}

#[tokio::test(flavor = "multi_thread")]
async fn read_intent_is_routed_to_a_secondary_and_the_doctor_sees_it() {
    let secondary = Options { read_only_replica: true, ..Options::default() };
    let secondary = Sandbox::start(secondary).await.expect("sandbox");
    let primary = Sandbox::start(Options::default()).await.expect("sandbox");
    let to = ("localhost".to_owned(), secondary.address().port());
    primary.faults(|f| f.route_reads_to = Some(to));
    let doctor = async |intent: &str| {
        let mut c = command(&["doctor"]);
        for (key, text) in fixed(primary.address().port(), &[("database.read_intent", intent)]) {
            c.env(format!("MSSQL_MCP_{}", key.replace('.', "_").to_ascii_uppercase()), text);
        }
        c.env("TrustServerCertificate", "yes");
        String::from_utf8(c.output().await.expect("run").stdout).expect("text")
    };
    let said = doctor("yes").await;
    assert!(said.contains("[ok]   read intent: it is honoured"), "{said}");
    let logins = (primary.logins().len(), secondary.logins().len());
    assert!(logins.0 > 0 && logins.1 == logins.0, "{logins:?}");
    assert!(secondary.logins().iter().all(|l| l.read_intent));
    let said = doctor("no").await;
    assert!(!said.contains("read intent"), "{said}");
    assert_eq!(secondary.logins().len(), logins.1, "without the intent the primary keeps it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_followed_from_server_to_server_but_not_for_ever() {
    let last = Sandbox::start(Options::default()).await.expect("sandbox");
    let middle = Sandbox::start(Options::default()).await.expect("sandbox");
    middle.faults(|f| f.route_to = Some(("127.0.0.1".to_owned(), last.address().port())));
    let lab = Lab::new(&[("database.trust_server_certificate", "yes")]).await;
    // Each has a certificate of its own, so that any is trusted here.
    let fixed =
        fixed(lab.sandbox.address().port(), &[("database.trust_server_certificate", "yes")]);
    let inputs = mssql_mcp::config::Inputs { fixed, ..Default::default() };
    let config = mssql_mcp::config::Config::load(&inputs).expect("config");
    let app = mssql_mcp::app::App::new(&config).expect("app");
    let port = middle.address().port();
    lab.sandbox.faults(|f| f.route_to = Some(("127.0.0.1".to_owned(), port)));
    assert!(scalar(&app.database, COUNT).await.is_ok());
    assert_eq!((middle.logins().len(), last.logins().len()), (1, 1));
    // Some servers name the instance, too; and what is wrong there is told of there.
    let (named, port) = ("127.0.0.1\\SQL2022".to_owned(), middle.address().port());
    lab.sandbox.faults(|f| f.route_to = Some((named, port)));
    let third = mssql_mcp::app::App::new(&config).expect("app");
    last.faults(|f| f.login_errors = vec![refusal(18_456)]);
    let e = scalar(&third.database, COUNT).await.expect_err("refused at the last one");
    assert!(matches!(e, DbError::Connect(_, ConnectKind::Login)), "{e:?}");
    assert_eq!(middle.logins().len(), 2);
    // To itself:
    let port = lab.sandbox.address().port();
    lab.sandbox.faults(|f| f.route_to = Some(("127.0.0.1".to_owned(), port)));
    let other = mssql_mcp::app::App::new(&config).expect("app");
    let e = scalar(&other.database, COUNT).await.expect_err("a circle");
    assert!(
        matches!(&e, DbError::Connect(what, ConnectKind::Redirect) if what.contains("circle")),
        "{e}"
    );
    // To nobody:
    let gone = crate::support::free().port();
    lab.sandbox.faults(|f| f.route_to = Some(("127.0.0.1".to_owned(), gone)));
    let e = scalar(&other.database, COUNT).await.expect_err("nobody");
    assert!(
        matches!(&e, DbError::Connect(what, ConnectKind::Redirect)
        if what.contains(&gone.to_string()) && what.contains("sends the login on")),
        "{e}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_address_is_tried_at_once_where_it_is_asked_for() {
    // localhost has two addresses on most machines, of which the sandbox has one.
    let more = [("database.host", "localhost"), ("database.multi_subnet_failover", "yes")];
    let lab = Lab::new(&more).await;
    assert!(scalar(&lab.app.database, COUNT).await.is_ok());
    let logins = lab.sandbox.logins();
    assert_eq!(logins.len(), 1, "one of them is logged in: {logins:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_told_what_the_operator_calls_it() {
    let more = [("database.application_name", "night shift"), ("database.packet_size", "4096")];
    let lab = Lab::new(&more).await;
    assert!(scalar(&lab.app.database, COUNT).await.is_ok());
    let login = lab.sandbox.logins().remove(0);
    assert_eq!((login.program.as_str(), login.packet_size), ("mssql-mcp (night shift)", 4096));
}
