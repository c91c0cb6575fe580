//! The sample trading database: a T-SQL script for the schema, generated rows for the rest. The
//! same bytes every time.

mod generated;
mod rows;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use crate::catalog::{Catalog, Object, ObjectKind};
use crate::error::{Error, Result};
use crate::run::{Engine, Login, SAMPLE, Shared, open};
use crate::tds::out::{Out, Piece};
use crate::tds::request::Request;

const ORDERS: usize = 20_000;
const INSTRUMENTS: usize = 40;
const CUSTOMERS: usize = 200;

/// Its end is cut, because OBJECT_DEFINITION shows the rest.
const PROCEDURE: &str = include_str!("sample/order_summary.sql");

/// Descriptions: table, column or nothing, text.
const DESCRIPTIONS: [(&str, &str, &str); 12] = [
    ("sales.Customers", "", "People and firms who trade with us."),
    ("sales.Customers", "CreditLimit", "The most a customer may owe, in US dollars."),
    ("sales.Accounts", "", "A customer's cash account in one currency."),
    ("sales.Orders", "", "Instructions to buy (B) or sell (S) an instrument."),
    ("sales.Orders", "LimitPrice", "The worst acceptable price; NULL for a market order."),
    ("sales.Orders", "Status", "Open, Filled, Cancelled or Rejected."),
    ("sales.Trades", "", "Executions of orders."),
    ("market.Exchanges", "", "Venues, by their ISO 10383 code."),
    ("market.Instruments", "", "What can be traded."),
    ("market.Prices", "", "One row per instrument and trading day."),
    ("dbo.Employees", "", "Staff and whom they report to."),
    ("dbo.AllTypes", "", "A column of every common type; rows of extremes and NULLs."),
];

/// Loads the sample into an empty database.
pub(crate) fn load(shared: &Arc<Shared>) -> Result<()> {
    let cancel = Arc::new(AtomicBool::new(false));
    let mut engine = Engine::new(shared.clone(), 1, Login::new("sa", "sample"), cancel.clone())?;
    let schema = format!("BEGIN TRAN; {} COMMIT;", include_str!("sample/schema.sql"));
    for sql in [&schema, PROCEDURE.trim_end()] {
        run(&mut engine, sql, &cancel)?;
    }
    let connection = open(shared).map_err(Error::internal)?;
    rows::fill(&connection).map_err(Error::internal)?;
    let mut catalog = (*shared.committed(SAMPLE)).clone();
    describe(&mut catalog);
    let mut identities = shared.identities();
    for (table, last) in rows::last_identities() {
        if let Some(object) = find(&catalog, table) {
            identities.insert(catalog.identity_key(object.id), last);
        }
    }
    drop(identities);
    shared.publish(SAMPLE, Arc::new(catalog));
    Ok(())
}

/// Fills a further database with a large schema.
pub(crate) fn generate(shared: &Shared, database: &str, tables: usize, columns: usize) {
    let Some(position) = shared.position(database) else { return };
    let mut catalog = (*shared.committed(position)).clone();
    generated::fill(&mut catalog, tables, columns);
    shared.publish(position, Arc::new(catalog));
}

/// Fills a further database by a script, whose batches end with lines that say GO.
pub(crate) fn fill(shared: &Arc<Shared>, database: &str, script: &str) -> Result<()> {
    let cancel = Arc::new(AtomicBool::new(false));
    let login = Login { database: database.to_owned(), ..Login::new("sa", "script") };
    let mut engine = Engine::new(shared.clone(), 1, login, cancel.clone())?;
    let mut batch = String::new();
    for line in script.lines().chain(["GO"]) {
        if !line.trim().eq_ignore_ascii_case("GO") {
            batch += line;
            batch.push('\n');
        } else if !batch.trim().is_empty() {
            run(&mut engine, &std::mem::take(&mut batch), &cancel)?;
        }
    }
    Ok(())
}

/// Runs a batch, whose answer is small enough to wait in the channel.
fn run(engine: &mut Engine, sql: &str, cancel: &Arc<AtomicBool>) -> Result<()> {
    let (pieces, mut answer) = tokio::sync::mpsc::channel(4096);
    let mut out = Out::new(pieces, cancel.clone(), Arc::new(AtomicU64::new(0)));
    engine.run(Request::Batch(sql.to_owned()), &mut out);
    while let Ok(piece) = answer.try_recv() {
        let Piece::Data(data) = piece else { continue };
        if let Some(at) = data.iter().position(|b| *b == ERROR) {
            let printable = data[at..].iter().filter(|b| (32..127).contains(*b));
            let message: String = printable.map(|b| char::from(*b)).collect();
            return Err(Error::internal(format!("a script of the start failed: {message}")));
        }
    }
    Ok(())
}

/// The first byte of an ERROR token, which stands in no other token of the scripts' answers.
const ERROR: u8 = 0xAA;

fn find<'c>(catalog: &'c Catalog, name: &str) -> Option<&'c Arc<Object>> {
    catalog.objects.iter().find(|o| format!("{}.{}", o.schema, o.name) == name)
}

fn describe(catalog: &mut Catalog) {
    for (table, column, text) in DESCRIPTIONS {
        let Some(object) = find(catalog, table) else { continue };
        let mut object = (**object).clone();
        match &mut object.kind {
            ObjectKind::Table(table) if !column.is_empty() => {
                if let Some(position) = table.position(column) {
                    table.columns_mut()[position].description = Some(text.to_owned());
                }
            }
            _ => object.description = Some(text.to_owned()),
        }
        catalog.put(object);
    }
}
