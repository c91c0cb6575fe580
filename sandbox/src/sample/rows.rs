//! The rows that the sample has beyond its script: generated, the same every time.

use rusqlite::{Connection, Statement, params_from_iter};

use super::{CUSTOMERS, INSTRUMENTS, ORDERS};
use crate::calendar::{SECOND, from_ymd};
use crate::types::{DAY, Value};

/// Trading days with prices.
const PRICE_DAYS: i64 = 250;
const FIRST_TRADE: i64 = 5_000_000_000;

const COMPANIES: [&str; 8] = [
    "Alpine Dairy",
    "Baltic Wind",
    "Cobalt Mining",
    "Dover Shipping",
    "Élan Motors",
    "Fuji Optics",
    "Gdańsk Steel",
    "Harbor Foods",
];

const FIRMS: [&str; 10] = [
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

/// A linear congruential generator of our own, so that the data never depends on a library's
/// version.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }
}

/// Fills the tables, in an order that the random numbers depend on.
pub(super) fn fill(connection: &Connection) -> rusqlite::Result<()> {
    let mut random = Random(42);
    // The rows of a table come before those that they refer to.
    connection.execute_batch("PRAGMA foreign_keys=OFF; BEGIN")?;
    instruments(connection)?;
    prices(connection, &mut random)?;
    customers(connection)?;
    accounts(connection)?;
    orders(connection, &mut random)?;
    connection.execute_batch("COMMIT; PRAGMA foreign_keys=ON")
}

/// The last identity value of each table that is filled here.
pub(super) fn last_identities() -> [(&'static str, i64); 5] {
    let trades = (0..ORDERS).filter(|i| is_filled(*i)).count() as i64;
    [
        ("market.Instruments", INSTRUMENTS as i64),
        ("sales.Customers", CUSTOMERS as i64),
        ("sales.Accounts", 999 + 2 * CUSTOMERS as i64),
        ("sales.Orders", ORDERS as i64),
        ("sales.Trades", FIRST_TRADE - 1 + trades),
    ]
}

/// Three of five orders were filled.
fn is_filled(order: usize) -> bool {
    order % 5 < 3
}

fn text(value: &str) -> Value {
    Value::Str(value.to_owned())
}

fn decimal(scaled: i64) -> Value {
    Value::Dec(i128::from(scaled))
}

fn day(year: i64, month: i64, day: i64) -> i64 {
    from_ymd(year, month, day).unwrap_or(0)
}

fn insert<'c>(
    connection: &'c Connection,
    table: &str,
    columns: &str,
) -> rusqlite::Result<Statement<'c>> {
    let marks = vec!["?"; columns.split(',').count()].join(",");
    connection.prepare(&format!("INSERT INTO \"{table}\" ({columns}) VALUES ({marks})"))
}

fn instruments(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = insert(
        connection,
        "market.Instruments",
        "InstrumentId,Symbol,Name,ExchangeId,Kind,LotSize,ListedOn,Isin,Active",
    )?;
    for i in 0..INSTRUMENTS {
        let kind = ["Stock", "Stock", "Stock", "ETF", "Bond"][i % 5];
        statement.execute(params_from_iter([
            Value::Int(i as i64 + 1),
            text(&format!(
                "{}{:02}",
                ["ALP", "BLT", "COB", "DOV", "ELA", "FUJ", "GDA", "HRB"][i % 8],
                i / 8 + 1
            )),
            text(&format!("{} {kind} {}", COMPANIES[i % 8], i / 8 + 1)),
            Value::Int(i as i64 % 5 + 1),
            text(kind),
            Value::Int([1, 10, 100][i % 3]),
            if i % 9 == 8 {
                Value::Null
            } else {
                Value::Int(day(1990 + i as i64 % 30, 1 + i as i64 % 12, 1 + i as i64 % 28))
            },
            if i % 4 == 3 { Value::Null } else { text(&format!("XS{:09}{}", i * 7919, i % 10)) },
            Value::Int(i64::from(i % 13 != 12)),
        ]))?;
    }
    Ok(())
}

fn prices(connection: &Connection, random: &mut Random) -> rusqlite::Result<()> {
    let mut statement = insert(
        connection,
        "market.Prices",
        "InstrumentId,PriceDate,OpenPrice,HighPrice,LowPrice,ClosePrice,Volume",
    )?;
    for i in 0..INSTRUMENTS as i64 {
        let mut price = 100_000 + i * 75_000;
        for d in 0..PRICE_DAYS {
            let open = price;
            price = (price + (random.below(4001) as i64 - 2000)).max(1_0000);
            let (high, low) = (
                open.max(price) + random.below(900) as i64,
                open.min(price) - random.below(900) as i64,
            );
            statement.execute(params_from_iter([
                Value::Int(i + 1),
                Value::Int(day(2024, 1, 2) + d * 7 / 5),
                decimal(open),
                decimal(high),
                decimal(low),
                decimal(price),
                Value::Int(1000 + random.below(5_000_000) as i64),
            ]))?;
        }
    }
    Ok(())
}

fn customers(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = insert(
        connection,
        "sales.Customers",
        "CustomerId,Name,Country,Email,CreditLimit,Rating,JoinedOn,Notes,RowGuid",
    )?;
    for i in 0..CUSTOMERS {
        statement.execute(params_from_iter([
            Value::Int(i as i64 + 1),
            text(&format!("{} {:03}", FIRMS[i % 10], i + 1)),
            text(["SE", "DE", "FR", "US", "PT", "GB", "CH", "JP", "ES", "PL"][i % 10]),
            if i % 7 == 6 { Value::Null } else { text(&format!("desk{}@example.com", i + 1)) },
            decimal((50_000 + (i as i64 * 12_345) % 950_000) * 10_000),
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
    Ok(())
}

fn accounts(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = insert(
        connection,
        "sales.Accounts",
        "AccountId,CustomerId,Currency,Balance,OpenedAt,ClosedAt",
    )?;
    for i in 0..2 * CUSTOMERS {
        let opened = day(2020, 1, 1) * DAY + i as i64 * 3_600 * SECOND;
        statement.execute(params_from_iter([
            Value::Int(1000 + i as i64),
            Value::Int((i / 2) as i64 + 1),
            text(["USD", "EUR", "GBP", "JPY"][i % 4]),
            decimal((i as i64 * 98_765) % 10_000_000 * 100 - 2_500_000),
            Value::Int(opened),
            if i % 25 == 24 { Value::Int(opened + 400 * DAY) } else { Value::Null },
        ]))?;
    }
    Ok(())
}

/// And the trades of those that were filled.
fn orders(connection: &Connection, random: &mut Random) -> rusqlite::Result<()> {
    let mut orders = insert(
        connection,
        "sales.Orders",
        "OrderId,AccountId,InstrumentId,Side,Quantity,LimitPrice,Status,PlacedAt,UpdatedAt",
    )?;
    let mut trades =
        insert(connection, "sales.Trades", "TradeId,OrderId,Quantity,Price,Fee,ExecutedAt")?;
    let mut trade_id = FIRST_TRADE;
    for i in 0..ORDERS {
        let placed = day(2024, 1, 2) * DAY
            + (8 * 3600 + i as i64 * 1577) * SECOND
            + (i as i64 % 1000) * 10_000;
        let quantity = 10 * (1 + random.below(100) as i64);
        let price = 100_000 + random.below(3_000_000) as i64;
        let offset = [0i16, 60, -300, 330][i % 4];
        orders.execute(params_from_iter([
            Value::Int(i as i64 + 1),
            Value::Int(1000 + random.below(2 * CUSTOMERS) as i64),
            Value::Int(1 + random.below(INSTRUMENTS) as i64),
            text(if i % 2 == 0 { "B" } else { "S" }),
            Value::Int(quantity),
            if i % 10 == 9 { Value::Null } else { decimal(price) },
            text(if is_filled(i) {
                "Filled"
            } else if i % 5 == 3 {
                "Open"
            } else if i % 10 == 4 {
                "Cancelled"
            } else {
                "Rejected"
            }),
            Value::Int(placed),
            if is_filled(i) {
                Value::Offset((placed / SECOND) * SECOND + 60 * SECOND, offset)
            } else {
                Value::Null
            },
        ]))?;
        if is_filled(i) {
            trades.execute(params_from_iter([
                Value::Int(trade_id),
                Value::Int(i as i64 + 1),
                Value::Int(quantity),
                decimal(price - 17),
                decimal(quantity * 15),
                Value::Int(placed + 12_345_678),
            ]))?;
            trade_id += 1;
        }
    }
    Ok(())
}
