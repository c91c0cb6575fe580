//! Several databases in one sandbox, and logins that may not enter all of them.

use std::net::SocketAddr;

use mssql_mcp_sandbox::{Options, PASSWORD, Sandbox, SandboxLogin, USER};

use crate::client::{Client, TDS_7_4, executesql};
use crate::tokens::{Item, items};

const LEDGER: &str =
    "CREATE TABLE dbo.Entries (Id int IDENTITY PRIMARY KEY, Amount money NOT NULL, \
                      OrderId int NULL CONSTRAINT CK_Order CHECK (OrderId > 0))
GO
CREATE VIEW dbo.Sums AS SELECT COUNT(*) AS N, SUM(Amount) AS Total FROM dbo.Entries
GO
CREATE PROCEDURE dbo.Where_am_I AS SELECT DB_NAME() AS here, (SELECT N FROM Sums) AS n
go
INSERT INTO dbo.Entries (Amount, OrderId) VALUES (1.5, 1), (2.5, 2), (3, NULL)";

/// Talks to a sandbox with two further databases and a further login.
async fn talk(f: impl FnOnce(SocketAddr) + Send + 'static) {
    let options = Options {
        tls: false,
        server_name: "NIGHT\\LEDGERS".to_owned(),
        databases: vec![
            ("Ledger".to_owned(), LEDGER.to_owned()),
            ("Empty One".to_owned(), String::new()),
        ],
        logins: vec![SandboxLogin {
            user: "anna".to_owned(),
            password: "A-1433".to_owned(),
            default_database: "Ledger".to_owned(),
            databases: vec!["ledger".to_owned()],
        }],
        ..Options::default()
    };
    let sandbox = Sandbox::start(options).await.expect("a sandbox");
    let at = sandbox.address();
    tokio::task::spawn_blocking(move || f(at)).await.expect("the talk");
}

fn open(at: SocketAddr, database: &str) -> Client {
    Client::login(at, TDS_7_4, [USER, PASSWORD, database])
}

/// Rows, and errors by their numbers.
fn told(items: &[Item]) -> Vec<String> {
    let mut out = Vec::new();
    for item in items {
        match item {
            Item::Rows(_, rows) => out.extend(rows.iter().cloned()),
            Item::Error(e) => out.push(format!("error {}", e.number)),
            _ => {}
        }
    }
    out
}

fn changes(items: &[Item]) -> usize {
    items.iter().filter(|i| matches!(i, Item::Env(1))).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_begins_in_the_database_that_it_names() {
    talk(|at| {
        let here = "SELECT DB_NAME(), DB_ID(), ORIGINAL_DB_NAME()";
        assert_eq!(told(&open(at, "").batch(here)), ["'trading', 5, 'trading'"]);
        let mut c = open(at, "EMPTY one");
        assert_eq!(told(&c.batch(here)), ["'Empty One', 7, 'Empty One'"]);
        assert_eq!(told(&c.batch("SELECT COUNT(*) FROM sys.objects")), ["0"]);
        assert_eq!(told(&c.batch("SELECT * FROM dbo.Entries")), ["error 208"]);
        assert_eq!(told(&c.batch("CREATE TABLE t (a int); SELECT a FROM t")), Vec::<String>::new());
        let refused = Client::login(at, TDS_7_4, [USER, PASSWORD, "nothing"]);
        assert_eq!(told(&items(&refused.greeting)), ["error 4060", "error 18456"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn use_changes_the_database_and_a_dynamic_text_gives_it_back() {
    talk(|at| {
        let mut c = open(at, "trading");
        let got = c.batch("USE LEDGER; SELECT DB_NAME(), COUNT(*) FROM Entries");
        assert_eq!((told(&got), changes(&got)), (vec!["'Ledger', 3".to_owned()], 1));
        assert!(got.iter().any(|i| matches!(i, Item::Info(i) if i.number == 5701
            && i.text == "Changed database context to 'Ledger'.")));
        let got = c.ask(3, &executesql("USE trading; SELECT DB_NAME()"));
        assert_eq!((told(&got), changes(&got)), (vec!["'trading'".to_owned()], 2));
        assert_eq!(told(&c.batch("EXEC ('USE master'); SELECT DB_NAME()")), ["'Ledger'"]);
        let got = c.batch_after_reset("SELECT DB_NAME()");
        assert_eq!(told(&got), ["'trading'"]);
        c.batch("USE Ledger");
        assert_eq!(told(&c.batch("USE nothing")), ["error 911"]);
        assert_eq!(told(&c.batch("USE model")), ["error 916"]);
        assert_eq!(told(&c.batch("CREATE PROC p AS USE master")), ["error 154"]);
        assert_eq!(told(&c.batch("USE master; CREATE TABLE t (a int)")), ["error 262"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_query_reads_and_changes_several_databases() {
    talk(|at| {
        let mut c = open(at, "trading");
        let sql = "SELECT e.Amount, o.OrderId FROM Ledger.dbo.Entries AS e \
                   JOIN trading.sales.Orders AS o ON o.OrderId = e.OrderId ORDER BY e.Id";
        assert_eq!(told(&c.batch(sql)), ["1.5000, 1", "2.5000, 2"]);
        assert_eq!(told(&c.batch("SELECT Entries.Id FROM ledger..Entries WHERE Id = 3")), ["3"]);
        assert_eq!(told(&c.batch("SELECT Total FROM Ledger.dbo.Sums")), ["7.0000"]);
        assert_eq!(
            told(&c.batch("EXEC Ledger..Where_am_I; SELECT DB_NAME()")),
            ["'Ledger', 3", "'trading'"]
        );
        let sql = "UPDATE Ledger.dbo.Entries SET Amount = 9 WHERE Id = 1; \
                   DELETE e FROM Ledger.dbo.Entries e WHERE e.Id = 2; \
                   INSERT Ledger..Entries (Amount) OUTPUT inserted.Id VALUES (4); \
                   SELECT SUM(Amount), @@IDENTITY, IDENT_CURRENT('Ledger.dbo.Entries') \
                   FROM Ledger.dbo.Entries";
        assert_eq!(told(&c.batch(sql)), ["4", "16.0000, 4, 4"]);
        let sql = "SELECT OBJECT_NAME(OBJECT_ID('Ledger..Sums'), DB_ID('ledger')), \
                   (SELECT COUNT(*) FROM Ledger.sys.tables), \
                   (SELECT COUNT(*) FROM Ledger.INFORMATION_SCHEMA.COLUMNS \
                    WHERE TABLE_CATALOG = 'Ledger')";
        assert_eq!(told(&c.batch(sql)), ["'Sums', 1, 5"]);
        let sql = "CREATE TABLE dbo.Entries (Id int); \
                   SELECT COUNT(*) FROM dbo.Entries, Ledger.dbo.Entries \
                   WHERE Ledger.dbo.Entries.Id = trading.dbo.Entries.Id; DROP TABLE dbo.Entries";
        assert_eq!(told(&c.batch(sql)), ["0"]);
        let sql = "CREATE TABLE dbo.Own (Id int REFERENCES Ledger.dbo.Entries (Id))";
        assert_eq!(told(&c.batch(sql)), ["error 1763"]);
        assert_eq!(told(&c.batch("EXEC sp_helptext 'Ledger.dbo.Sums'")), ["error 15250"]);
        let text = told(&c.batch("EXEC Ledger..sp_helptext 'dbo.Sums'"));
        assert!(text[0].starts_with("'CREATE VIEW dbo.Sums AS "), "{text:?}");
        assert_eq!(told(&c.batch("SELECT * FROM nothing.dbo.t")), ["error 208"]);
        let got = c.batch("INSERT Ledger..Entries (Amount, OrderId) VALUES (1, -1)");
        assert!(
            got.iter().any(|i| matches!(i, Item::Error(e) if e.number == 547
            && e.text.contains("database \"Ledger\", table \"dbo.Entries\""))),
            "{got:?}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_spans_databases() {
    talk(|at| {
        let mut c = open(at, "Ledger");
        let sql = "BEGIN TRAN; DELETE Entries; CREATE TABLE [Empty One].dbo.t (a int); \
                   INSERT [Empty One]..t VALUES (1); ROLLBACK; \
                   SELECT COUNT(*), OBJECT_ID('[Empty One].dbo.t') FROM Entries";
        assert_eq!(told(&c.batch(sql)), ["3, NULL"]);
        let sql = "BEGIN TRAN; CREATE TABLE [Empty One].dbo.t (a int); COMMIT; \
                   INSERT [Empty One]..t VALUES (1)";
        assert_eq!(told(&c.batch(sql)), Vec::<String>::new());
        assert_eq!(told(&open(at, "Empty One").batch("SELECT a FROM t")), ["1"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_of_one_database_is_in_nobodys_way_in_another() {
    talk(|at| {
        let (mut writer, mut other) = (open(at, "Ledger"), open(at, "trading"));
        let begun = "BEGIN TRAN; INSERT Entries (Amount) VALUES (8); SELECT COUNT(*) FROM Entries";
        assert_eq!(told(&writer.batch(begun)), ["4"]);
        let sql = "SET LOCK_TIMEOUT 0; UPDATE sales.Orders SET Status = Status WHERE OrderId = 1; \
                   SELECT COUNT(*) FROM dbo.Employees";
        assert_eq!(told(&other.batch(sql)), ["8"]);
        // One who comes later finds everything too.
        assert_eq!(told(&open(at, "trading").batch("SELECT COUNT(*) FROM dbo.Employees")), ["8"]);
        assert_eq!(
            told(&other.batch("INSERT Ledger..Entries (Amount) VALUES (1)")),
            ["error 1222"]
        );
        assert_eq!(told(&writer.batch("ROLLBACK; SELECT COUNT(*) FROM Entries")), ["3"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_further_login_enters_what_it_may() {
    talk(|at| {
        let mut c = Client::login(at, TDS_7_4, ["anna", "A-1433", ""]);
        let sql = "SELECT DB_NAME(), ORIGINAL_LOGIN(), SUSER_SNAME(), @@SERVERNAME, \
                   SERVERPROPERTY('ServerName')";
        let name = "NIGHT\\LEDGERS";
        let row = format!("'Ledger', 'anna', 'anna', '{name}', '{name}'");
        assert_eq!(told(&c.batch(sql)), [row]);
        let sql = "SELECT HAS_DBACCESS('ledger'), HAS_DBACCESS('trading'), HAS_DBACCESS('master'), \
                   HAS_DBACCESS('nothing')";
        assert_eq!(told(&c.batch(sql)), ["1, 0, 1, NULL"]);
        assert_eq!(told(&c.batch("SELECT COUNT(*) FROM sys.databases")), ["7"]);
        for sql in
            ["USE trading", "SELECT * FROM trading.sales.Orders", "DELETE trading..Employees"]
        {
            assert_eq!(told(&c.batch(sql)), ["error 916"], "{sql}");
        }
        let refused = Client::login(at, TDS_7_4, ["anna", "A-1433", "trading"]);
        assert_eq!(told(&items(&refused.greeting)), ["error 4060", "error 18456"]);
        let wrong = Client::login(at, TDS_7_4, ["anna", PASSWORD, "Ledger"]);
        assert_eq!(told(&items(&wrong.greeting)), ["error 18456"]);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_started_with() {
    let named = |name: String| (name, String::new());
    let refused = [
        vec![named("TRADING".to_owned())],
        vec![named("master".to_owned())],
        vec![named(String::new())],
        vec![named("a".to_owned()), named("A".to_owned())],
        (0..11).map(|n| named(format!("d{n}"))).collect(),
    ];
    for databases in refused {
        let started = Sandbox::start(Options { databases, ..Options::default() }).await;
        assert_eq!(started.err().map(|e| e.kind()), Some(std::io::ErrorKind::InvalidInput));
    }
    let databases =
        vec![("a".to_owned(), "CREATE TABLE t (a int)\nGO\nSELECT * FROM u".to_owned())];
    let started = Sandbox::start(Options { databases, ..Options::default() }).await;
    let said = started.err().map(|e| e.to_string()).unwrap_or_default();
    assert!(said.contains("a script of the start failed"), "{said}");
}
