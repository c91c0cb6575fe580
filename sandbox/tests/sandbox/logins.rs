//! What becomes of logins: refusals in their order, read intent and where it leads, and the end of
//! all connections at once.

use std::io;
use std::net::SocketAddr;

use mssql_mcp_sandbox::error::Error;
use mssql_mcp_sandbox::{Options, PASSWORD, Sandbox, SeenLogin, USER};
use tiberius::{AuthMethod, Config, EncryptionLevel};
use tokio::net::TcpStream;
use tokio_util::compat::TokioAsyncReadCompatExt as _;

use crate::client::{Ask, Client, TDS_7_4, sandbox};
use crate::tokens::{Item, items};

const READS: Ask = Ask { read_intent: true, ..TDS_7_4 };

/// Runs a client where it may block.
async fn talk<T: Send + 'static>(
    sandbox: &Sandbox,
    f: impl FnOnce(SocketAddr) -> T + Send + 'static,
) -> T {
    let at = sandbox.address();
    tokio::task::spawn_blocking(move || f(at)).await.expect("the talk")
}

/// Numbers of errors.
fn errors(items: &[Item]) -> Vec<u32> {
    let number = |i: &Item| if let Item::Error(e) = i { Some(e.number) } else { None };
    items.iter().filter_map(number).collect()
}

fn rows(items: &[Item]) -> Vec<&str> {
    let mut all = Vec::new();
    for item in items {
        if let Item::Rows(_, rows) = item {
            all.extend(rows.iter().map(String::as_str));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_logins_are_refused_one_each_and_later_ones_are_not() {
    let sandbox = sandbox().await;
    let busy = Error { state: 7, ..Error::new(40_501, 20, "The service is currently busy.") };
    let resuming = Error::new(40_613, 17, "Database 'trading' is not currently available.");
    sandbox.faults(|f| f.login_errors = vec![busy, resuming]);
    talk(&sandbox, |at| {
        let greeting = items(&Client::open(at, TDS_7_4).greeting);
        let Some(Item::Error(e)) = greeting.first() else { panic!("{greeting:?}") };
        assert_eq!((e.number, e.class, e.state), (40_501, 20, 7));
        assert_eq!(e.text, "The service is currently busy.");
        assert_eq!(errors(&items(&Client::open(at, TDS_7_4).greeting)), [40_613]);
        assert_eq!(rows(&Client::open(at, TDS_7_4).batch("SELECT 1")), ["1"]);
    })
    .await;
    let refused: Vec<Option<u32>> = sandbox.logins().iter().map(|l| l.refused).collect();
    assert_eq!(refused, [Some(40_501), Some(40_613), None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_are_remembered_without_their_secrets() {
    let sandbox = sandbox().await;
    talk(&sandbox, |at| {
        Client::login(at, Ask { packet_size: 8000, ..READS }, [USER, PASSWORD, "trading"]);
        Client::login(at, TDS_7_4, ["eve", "guessed", ""]);
    })
    .await;
    let seen = SeenLogin {
        user: USER.to_owned(),
        program: "tests".to_owned(),
        host: "host".to_owned(),
        server_name: "sql.corp.example".to_owned(),
        database: "trading".to_owned(),
        read_intent: true,
        packet_size: 8000,
        refused: None,
    };
    let refused = SeenLogin {
        user: "eve".to_owned(),
        database: String::new(),
        read_intent: false,
        packet_size: 4096,
        refused: Some(18_456),
        ..seen.clone()
    };
    assert_eq!(sandbox.logins(), [seen, refused]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_read_intent_with_a_database_is_sent_on_as_a_listener_does() {
    let sandbox = sandbox().await;
    sandbox.faults(|f| f.route_reads_to = Some(("readers.corp.example".to_owned(), 1444)));
    talk(&sandbox, |at| {
        let routed = |ask, database| {
            let greeting = Client::login(at, ask, [USER, PASSWORD, database]).greeting;
            items(&greeting).contains(&Item::Env(20))
        };
        assert!(routed(READS, "trading"));
        assert!(!routed(READS, ""));
        assert!(!routed(TDS_7_4, "trading"));
    })
    .await;
    // What a route says, as a driver reads it.
    let mut config = Config::new();
    config.encryption(EncryptionLevel::NotSupported);
    config.authentication(AuthMethod::sql_server(USER, PASSWORD));
    config.database("trading");
    config.readonly(true);
    let tcp = TcpStream::connect(sandbox.address()).await.expect("connect");
    match Box::pin(tiberius::Client::connect(config, tcp.compat())).await {
        Err(tiberius::error::Error::Routing { host, port }) => {
            assert_eq!((host.as_str(), port), ("readers.corp.example", 1444));
        }
        other => panic!("{:?}", other.map(drop)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_replica_takes_no_changes_but_of_temporary_tables() {
    let script = "CREATE TABLE dbo.T (a int); CREATE SEQUENCE dbo.S START WITH 1";
    let options = Options {
        tls: false,
        read_only_replica: true,
        databases: vec![("Ledger".to_owned(), script.to_owned())],
        ..Options::default()
    };
    let sandbox = Sandbox::start(options).await.expect("a sandbox");
    talk(&sandbox, |at| {
        let mut c = Client::login(at, READS, [USER, PASSWORD, "Ledger"]);
        let changes = [
            "INSERT INTO dbo.T VALUES (1)",
            "UPDATE dbo.T SET a = 1",
            "DELETE FROM dbo.T",
            "TRUNCATE TABLE dbo.T",
            "ALTER TABLE dbo.T ADD b int",
            "ALTER TABLE dbo.T DROP COLUMN a",
            "CREATE INDEX i ON dbo.T (a)",
            "CREATE TABLE dbo.U (a int)",
            "CREATE SCHEMA s",
            "SELECT a INTO dbo.U FROM dbo.T",
            "SELECT NEXT VALUE FOR dbo.S",
            "UPDATE STATISTICS dbo.T",
            "DROP TABLE dbo.T",
        ];
        for sql in changes {
            assert_eq!(errors(&c.batch(sql)), [3906], "{sql}");
        }
        let told = c.batch("DELETE FROM trading.dbo.Employees");
        let Some(Item::Error(e)) = told.first() else { panic!("{told:?}") };
        assert_eq!((e.class, e.state), (16, 1));
        let text = "Failed to update database \"trading\" because the database is read-only.";
        assert_eq!(e.text, text);
        let sql = "SELECT a INTO #t FROM dbo.T; INSERT INTO #t VALUES (1); SELECT a FROM #t";
        assert_eq!(rows(&c.batch(sql)), ["1"]);
        let sql = "SELECT DATABASEPROPERTYEX('Ledger', 'Updateability'), \
                   DATABASEPROPERTYEX('master', 'Updateability')";
        assert_eq!(rows(&c.batch(sql)), ["'READ_ONLY', 'READ_WRITE'"]);
        let sql = "SELECT name FROM sys.databases WHERE is_read_only = 1";
        assert_eq!(rows(&c.batch(sql)), ["'trading'", "'Ledger'"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_resets_all_connections_and_new_ones_are_accepted() {
    let sandbox = sandbox().await;
    let (mut idle, busy) = talk(&sandbox, |at| {
        let mut idle = Client::open(at, TDS_7_4);
        assert_eq!(rows(&idle.batch("SELECT 1")), ["1"]);
        let mut busy = Client::open(at, TDS_7_4);
        busy.batch("BEGIN TRAN; UPDATE dbo.Employees SET Title = N'x' WHERE EmployeeId = 1");
        (idle, busy)
    })
    .await;
    assert_eq!(sandbox.kill_all(), 2);
    let next = talk(&sandbox, move |at| {
        let mut busy = busy;
        for client in [&mut idle, &mut busy] {
            let ended = client.end().map_err(|e| e.kind());
            assert_eq!(ended, Err(io::ErrorKind::ConnectionReset));
        }
        let mut next = Client::open(at, TDS_7_4);
        let sql = "SELECT COUNT(*) FROM dbo.Employees WHERE Title = N'x'";
        assert_eq!(rows(&next.batch(sql)), ["0"]);
        next
    })
    .await;
    assert_eq!(sandbox.kill_all(), 1);
    drop(next);
}
