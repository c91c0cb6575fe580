//! A large schema: how its catalog is read without reading all of it.

use std::time::{Duration, Instant};

use mssql_mcp_sandbox::{Generated, Options, PASSWORD, Sandbox, USER};

use crate::client::{Client, TDS_7_4};
use crate::tokens::Item;

/// Rows, and errors by their numbers.
fn told(items: &[Item]) -> Vec<String> {
    let mut out = Vec::new();
    for item in items {
        match item {
            Item::Rows(_, rows) => out.extend(rows.iter().cloned()),
            Item::Error(e) => out.push(format!("error {} {}", e.number, e.text)),
            _ => {}
        }
    }
    out
}

/// A client of a sandbox with so many tables, in their database.
async fn talk(tables: usize, f: impl FnOnce(&mut Client) + Send + 'static) {
    let generated = Some(Generated { tables, ..Generated::default() });
    let started = Instant::now();
    let sandbox = Sandbox::start(Options { tls: false, generated, ..Options::default() })
        .await
        .expect("a sandbox");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let at = sandbox.address();
    tokio::task::spawn_blocking(move || {
        f(&mut Client::login(at, TDS_7_4, [USER, PASSWORD, "warehouse"]));
    })
    .await
    .expect("the talk");
}

#[tokio::test(flavor = "multi_thread")]
async fn few_of_many_objects_are_found_without_the_others() {
    talk(2_400, |c| {
        let mut ask = |sql: &str| told(&c.batch(sql));
        let counts = "SELECT (SELECT COUNT(*) FROM sys.tables), (SELECT COUNT(*) FROM sys.columns), \
                      (SELECT COUNT(*) FROM sys.objects), \
                      (SELECT COUNT(*) FROM INFORMATION_SCHEMA.COLUMNS), \
                      (SELECT COUNT(*) FROM sys.foreign_keys)";
        assert_eq!(ask(counts), ["2400, 72000, 7000, 72000, 2200"]);
        let columns = "SELECT TOP 3 c.name, TYPE_NAME(c.user_type_id) FROM sys.columns AS c \
                       WHERE c.object_id = OBJECT_ID('Finance.Invoice3') ORDER BY c.column_id";
        assert_eq!(ask(columns), ["'InvoiceId', 'int'", "'ShipmentId', 'int'", "'Code', 'varchar'"]);
        let joined = "DECLARE @t sysname = 'Invoice3'; \
                      SELECT s.name, t.name, COUNT(*), MAX(ty.name), OBJECT_NAME(MAX(f.referenced_object_id)) \
                      FROM sys.tables AS t \
                      JOIN sys.schemas AS s ON s.schema_id = t.schema_id \
                      JOIN sys.columns AS c ON c.object_id = t.object_id \
                      JOIN sys.types AS ty ON ty.user_type_id = c.user_type_id \
                      LEFT JOIN sys.foreign_keys AS f ON f.parent_object_id = t.object_id \
                      WHERE t.name = @t AND s.name = N'Finance' GROUP BY s.name, t.name";
        assert_eq!(ask(joined), ["'Finance', 'Invoice3', 30, 'varchar', 'Shipment3'"]);
        let standard = "SELECT COLUMN_NAME FROM INFORMATION_SCHEMA.COLUMNS \
                        WHERE TABLE_SCHEMA = 'Sales' AND TABLE_NAME = 'REGION' AND ORDINAL_POSITION = 30";
        assert_eq!(ask(standard), ["'OpenedOn2'"]);
        let described = "SELECT value FROM sys.extended_properties \
                         WHERE major_id = OBJECT_ID('Sales.Region') AND minor_id = 0";
        assert_eq!(ask(described), ["'Region of Sales.'"]);
        let named = "SELECT TOP 1 OBJECT_SCHEMA_NAME(i.object_id), OBJECT_NAME(i.object_id), i.name \
                     FROM sys.indexes AS i WHERE i.is_primary_key = 1 ORDER BY i.name DESC";
        assert_eq!(ask(named), ["'Support', 'Shipment9', 'PK_Support_Shipment9'"]);
        assert_eq!(ask("SELECT * FROM Sales.Region"), Vec::<String>::new());
        assert_eq!(ask("SELECT COUNT(*), MAX(RegionId) FROM Sales.Region"), ["0, NULL"]);
        assert!(ask("DELETE Sales.Region")[0].starts_with("error 49999 "));
        assert_eq!(ask("CREATE TABLE dbo.Own (a int); INSERT dbo.Own VALUES (1)"), Vec::<String>::new());
        let rows = "SELECT COUNT(*), SUM(p.rows) FROM sys.partitions AS p JOIN sys.tables AS t \
                    ON t.object_id = p.object_id WHERE t.name IN ('Own', 'Region')";
        assert_eq!(ask(rows), ["11, 1"]);
        // From another database it is the same.
        assert_eq!(ask("USE trading; SELECT COUNT(*) FROM warehouse.sys.columns \
                        WHERE object_id = OBJECT_ID('warehouse.Sales.Region')"), ["30"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_of_thirty_thousand_tables_is_read_in_seconds() {
    talk(30_000, |c| {
        let started = Instant::now();
        assert_eq!(told(&c.batch("SELECT COUNT(*) FROM sys.columns")), ["900000"]);
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        // What comes first is there before the rest is made.
        let started = Instant::now();
        assert_eq!(told(&c.batch("SELECT TOP 1 name FROM sys.columns")), ["'RegionId'"]);
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
        let started = Instant::now();
        let sql = "SELECT o.name, c.name FROM sys.columns AS c \
                   JOIN sys.objects AS o ON o.object_id = c.object_id";
        assert_eq!(told(&c.batch(sql)).len(), 900_000);
        assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
        let started = Instant::now();
        let counted = "SELECT TOP 100 t.name, (SELECT COUNT(*) FROM sys.columns AS c \
                       WHERE c.object_id = t.object_id) FROM sys.tables AS t";
        assert!(told(&c.batch(counted)).iter().all(|row| row.ends_with(", 30")));
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        let started = Instant::now();
        let one = "SELECT COUNT(*) FROM sys.columns WHERE object_id = OBJECT_ID('Sales.Order100')";
        assert_eq!(told(&c.batch(one)), ["30"]);
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    })
    .await;
}
