//! The sample trading database: a T-SQL script for the schema, generated rows for the rest. The
//! same bytes every time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use crate::calendar::{SECOND, from_ymd};
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::run::{Engine, Shared};
use crate::tds::out::Out;
use crate::tds::request::Request;
use crate::types::{DAY, Value};

/// Orders in the sample.
pub const ORDERS: usize = 20_000;
const INSTRUMENTS: usize = 40;
const CUSTOMERS: usize = 200;
const PRICE_DAYS: i64 = 250;

const PROCEDURE: &str = "CREATE PROCEDURE sales.OrderSummary @CustomerId int, @Count int OUTPUT AS
BEGIN
  SET NOCOUNT ON;
  SELECT o.Status, COUNT(*) AS Orders, SUM(o.Quantity) AS Quantity
  FROM sales.Orders AS o JOIN sales.Accounts AS a ON a.AccountId = o.AccountId
  WHERE a.CustomerId = @CustomerId GROUP BY o.Status ORDER BY o.Status;
  SELECT @Count = COUNT(*) FROM sales.Orders AS o JOIN sales.Accounts AS a ON a.AccountId = o.AccountId WHERE a.CustomerId = @CustomerId;
END";

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

/// A small generator, so that the data never depends on a library's version.
struct Lcg(u64);

impl Lcg {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }
}

/// Loads the sample.
pub(crate) fn load(shared: &Arc<Shared>) -> Result<()> {
    let cancel = Arc::new(AtomicBool::new(false));
    let mut engine = Engine::new(shared.clone(), 1, "sa", "sample", "sandbox", cancel.clone())?;
    for sql in [&format!("BEGIN TRAN; {} COMMIT;", include_str!("sample.sql")), PROCEDURE] {
        run(&mut engine, sql, &cancel)?;
    }
    let conn = crate::run::open(shared).map_err(Error::internal)?;
    fill(&conn).map_err(Error::internal)?;
    let mut catalog: Catalog = (*shared.committed()).clone();
    describe(&mut catalog);
    let mut ids = shared.identities();
    for (table, last) in [
        ("market.Instruments", INSTRUMENTS as i64),
        ("sales.Customers", CUSTOMERS as i64),
        ("sales.Accounts", 999 + 2 * CUSTOMERS as i64),
        ("sales.Orders", ORDERS as i64),
        ("sales.Trades", 4_999_999_999 + trades() as i64),
    ] {
        if let Some(o) =
            catalog.objects.iter().find(|o| format!("{}.{}", o.schema, o.name) == table)
        {
            ids.insert(o.id, last);
        }
    }
    shared.publish(Arc::new(catalog));
    Ok(())
}

fn run(engine: &mut Engine, sql: &str, cancel: &Arc<AtomicBool>) -> Result<()> {
    let (tx, mut rx) = tokio::sync::mpsc::channel(4096);
    let mut out = Out::new(tx, cancel.clone(), Arc::new(AtomicU64::new(0)));
    engine.run(Request::Batch(sql.to_owned()), &mut out);
    while let Ok(piece) = rx.try_recv() {
        if let crate::tds::out::Piece::Data(d) = piece
            && let Some(at) = d.iter().position(|b| *b == 0xAA)
        {
            let message: String =
                d[at..].iter().filter(|b| (32..127).contains(*b)).map(|b| char::from(*b)).collect();
            return Err(Error::internal(format!("the sample script failed: {message}")));
        }
    }
    Ok(())
}

fn describe(catalog: &mut Catalog) {
    for (table, column, text) in DESCRIPTIONS {
        let Some(o) = catalog.objects.iter().find(|o| format!("{}.{}", o.schema, o.name) == table)
        else {
            continue;
        };
        let mut o = (**o).clone();
        if column.is_empty() {
            o.description = Some(text.to_owned());
        } else if let crate::catalog::ObjectKind::Table(t) = &mut o.kind
            && let Some(i) = t.position(column)
        {
            t.columns[i].description = Some(text.to_owned());
        }
        catalog.put(o);
    }
}

fn trades() -> usize {
    (0..ORDERS).filter(|i| filled(*i)).count()
}

/// Three of five orders were filled.
fn filled(i: usize) -> bool {
    i % 5 < 3
}

fn fill(conn: &rusqlite::Connection) -> rusqlite::Result<()> {
    let text = |s: &str| Value::Str(s.to_owned());
    let dec = |d: i64| Value::Dec(i128::from(d));
    let day = |y, m, d| from_ymd(y, m, d).unwrap_or(0);
    let mut rng = Lcg(42);
    conn.execute_batch("PRAGMA foreign_keys=OFF; BEGIN")?;
    let insert = |table: &str, columns: &str| {
        let n = columns.split(',').count();
        let marks = vec!["?"; n].join(",");
        conn.prepare(&format!("INSERT INTO \"{table}\" ({columns}) VALUES ({marks})"))
    };
    {
        let mut st = insert(
            "market.Instruments",
            "InstrumentId,Symbol,Name,ExchangeId,Kind,LotSize,ListedOn,Isin,Active",
        )?;
        let names = [
            "Alpine Dairy",
            "Baltic Wind",
            "Cobalt Mining",
            "Dover Shipping",
            "Élan Motors",
            "Fuji Optics",
            "Gdańsk Steel",
            "Harbor Foods",
        ];
        for i in 0..INSTRUMENTS {
            let kind = ["Stock", "Stock", "Stock", "ETF", "Bond"][i % 5];
            st.execute(rusqlite::params_from_iter([
                Value::Int(i as i64 + 1),
                text(&format!(
                    "{}{:02}",
                    ["ALP", "BLT", "COB", "DOV", "ELA", "FUJ", "GDA", "HRB"][i % 8],
                    i / 8 + 1
                )),
                text(&format!("{} {kind} {}", names[i % 8], i / 8 + 1)),
                Value::Int(i as i64 % 5 + 1),
                text(kind),
                Value::Int([1, 10, 100][i % 3]),
                if i % 9 == 8 {
                    Value::Null
                } else {
                    Value::Int(day(1990 + i as i64 % 30, 1 + i as i64 % 12, 1 + i as i64 % 28))
                },
                if i % 4 == 3 {
                    Value::Null
                } else {
                    text(&format!("XS{:09}{}", i * 7919, i % 10))
                },
                Value::Int(i64::from(i % 13 != 12)),
            ]))?;
        }
        let mut st = insert(
            "market.Prices",
            "InstrumentId,PriceDate,OpenPrice,HighPrice,LowPrice,ClosePrice,Volume",
        )?;
        for i in 0..INSTRUMENTS as i64 {
            let mut price = 100_000 + i * 75_000;
            for d in 0..PRICE_DAYS {
                let open = price;
                price = (price + (rng.below(4001) as i64 - 2000)).max(1_0000);
                let (high, low) = (
                    open.max(price) + rng.below(900) as i64,
                    open.min(price) - rng.below(900) as i64,
                );
                st.execute(rusqlite::params_from_iter([
                    Value::Int(i + 1),
                    Value::Int(day(2024, 1, 2) + d * 7 / 5),
                    dec(open),
                    dec(high),
                    dec(low),
                    dec(price),
                    Value::Int(1000 + rng.below(5_000_000) as i64),
                ]))?;
            }
        }
        let mut st = insert(
            "sales.Customers",
            "CustomerId,Name,Country,Email,CreditLimit,Rating,JoinedOn,Notes,RowGuid",
        )?;
        let firms = [
            "Ångström Capital",
            "Björk & Söhne",
            "Café Crédit",
            "Delta Pension",
            "Évora Fund",
            "Foster Bros",
            "Größe Holding",
            "Hokkaido Partners 北海道",
            "Iberia Wealth",
            "Łódź Invest",
        ];
        for i in 0..CUSTOMERS {
            st.execute(rusqlite::params_from_iter([
                Value::Int(i as i64 + 1),
                text(&format!("{} {:03}", firms[i % 10], i + 1)),
                text(["SE", "DE", "FR", "US", "PT", "GB", "CH", "JP", "ES", "PL"][i % 10]),
                if i % 7 == 6 { Value::Null } else { text(&format!("desk{}@example.com", i + 1)) },
                dec((50_000 + (i as i64 * 12_345) % 950_000) * 10_000),
                if i % 11 == 10 {
                    Value::Null
                } else {
                    Value::Float([1.0, 2.5, 3.25, 4.5, 5.0][i % 5])
                },
                Value::Int(day(2018 + i as i64 % 6, 1 + i as i64 % 12, 1 + i as i64 % 28)),
                if i % 3 == 0 {
                    text(&format!("Prefers e-mail; reviewed in {}.", 2020 + i % 5))
                } else {
                    Value::Null
                },
                text(&format!("{:08X}-0000-4000-8000-{:012X}", i + 1, (i + 1) * 65_537)),
            ]))?;
        }
        let mut st =
            insert("sales.Accounts", "AccountId,CustomerId,Currency,Balance,OpenedAt,ClosedAt")?;
        for i in 0..2 * CUSTOMERS {
            let opened = day(2020, 1, 1) * DAY + i as i64 * 3_600 * SECOND;
            st.execute(rusqlite::params_from_iter([
                Value::Int(1000 + i as i64),
                Value::Int((i / 2) as i64 + 1),
                text(["USD", "EUR", "GBP", "JPY"][i % 4]),
                dec((i as i64 * 98_765) % 10_000_000 * 100 - 2_500_000),
                Value::Int(opened),
                if i % 25 == 24 { Value::Int(opened + 400 * DAY) } else { Value::Null },
            ]))?;
        }
        let mut orders = insert(
            "sales.Orders",
            "OrderId,AccountId,InstrumentId,Side,Quantity,LimitPrice,Status,PlacedAt,UpdatedAt",
        )?;
        let mut trades = insert("sales.Trades", "TradeId,OrderId,Quantity,Price,Fee,ExecutedAt")?;
        let mut trade_id = 5_000_000_000i64;
        for i in 0..ORDERS {
            let placed = day(2024, 1, 2) * DAY
                + (8 * 3600 + i as i64 * 1577) * SECOND
                + (i as i64 % 1000) * 10_000;
            let quantity = 10 * (1 + rng.below(100) as i64);
            let price = 100_000 + rng.below(3_000_000) as i64;
            let offset = [0i16, 60, -300, 330][i % 4];
            orders.execute(rusqlite::params_from_iter([
                Value::Int(i as i64 + 1),
                Value::Int(1000 + rng.below(2 * CUSTOMERS) as i64),
                Value::Int(1 + rng.below(INSTRUMENTS) as i64),
                text(if i % 2 == 0 { "B" } else { "S" }),
                Value::Int(quantity),
                if i % 10 == 9 { Value::Null } else { dec(price) },
                text(if filled(i) {
                    "Filled"
                } else if i % 5 == 3 {
                    "Open"
                } else if i % 10 == 4 {
                    "Cancelled"
                } else {
                    "Rejected"
                }),
                Value::Int(placed),
                if filled(i) {
                    Value::Offset((placed / SECOND) * SECOND + 60 * SECOND, offset)
                } else {
                    Value::Null
                },
            ]))?;
            if filled(i) {
                trades.execute(rusqlite::params_from_iter([
                    Value::Int(trade_id),
                    Value::Int(i as i64 + 1),
                    Value::Int(quantity),
                    dec(price - 17),
                    dec(quantity * 15),
                    Value::Int(placed + 12_345_678),
                ]))?;
                trade_id += 1;
            }
        }
    }
    conn.execute_batch("COMMIT; PRAGMA foreign_keys=ON")
}
