//! Rows of every type as the session writes them, beside what tiberius reads of the same bytes: two
//! readings of one document by people who did not know each other.

mod forms;
mod generated;
mod independent;

use futures_util::TryStreamExt;
use mssql_mcp_sandbox::token::Column;
use mssql_mcp_sandbox::types::Type;
use mssql_mcp_sandbox::{DATABASE, Options, PASSWORD, Sandbox, Script, USER};
use mssql_mcp_session::{Bounds, Json, Session, Tls};
use serde_json::value::RawValue;
use tiberius::{AuthMethod, Client, EncryptionLevel};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use super::{Dice, target};

/// Rows of one answer, and how many answers there are.
const ROWS: usize = 4_000;
const ANSWERS: u64 = 25;

async fn driver(port: u16) -> Client<Compat<TcpStream>> {
    let mut config = tiberius::Config::new();
    config.authentication(AuthMethod::sql_server(USER, PASSWORD));
    config.database(DATABASE);
    config.encryption(EncryptionLevel::NotSupported);
    let tcp = TcpStream::connect(("127.0.0.1", port)).await.expect("the sandbox");
    Client::connect(config, tcp.compat_write()).await.expect("a login")
}

async fn ours(session: &mut Session) -> String {
    let mut json = Json::new();
    let mut answer = session.batch("SELECT generated").await.expect("sent");
    while answer.next(&mut json).await.expect("an answer").is_some() {}
    format!("[{}]", String::from_utf8(json.take(Vec::new())).expect("UTF-8"))
}

/// Reads one answer twice; how many values are the same.
async fn compare(
    session: &mut Session,
    driver: &mut Client<Compat<TcpStream>>,
    types: &[Type],
) -> usize {
    let text = ours(session).await;
    let ours: Vec<Vec<&RawValue>> = serde_json::from_str(&text).expect("JSON");
    let theirs = driver.simple_query("SELECT generated").await.expect("sent");
    let mut theirs = theirs.into_row_stream();
    let (mut ours, mut compared) = (ours.into_iter(), 0);
    while let Some(row) = theirs.try_next().await.expect("a row") {
        let own = ours.next().expect("a row of ours");
        assert_eq!(own.len(), types.len());
        for ((own, (_, cell)), ty) in own.iter().zip(row.cells()).zip(types) {
            let told = independent::told(cell, *ty);
            assert!(same(*ty, own.get(), &told), "{ty:?}: {own}, and the driver {told}");
            compared += 1;
        }
    }
    assert!(ours.next().is_none());
    compared
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_rows_are_read_as_the_driver_reads_them() {
    let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
    let port = sandbox.address().port();
    let mut session = Session::connect(&target(port, Tls::off())).await.expect("a session");
    session.set_bounds(Bounds { max_cell: u64::MAX, max_row: u64::MAX, text_size: None });
    let mut driver = driver(port).await;
    let types = generated::types();
    let columns: Vec<Column> = types.iter().map(|ty| Column::new(format!("{ty:?}"), *ty)).collect();
    let mut dice = Dice(0x7D5);
    let mut compared = 0;
    for _ in 0..ANSWERS {
        let rows: Vec<_> = (0..ROWS)
            .map(|_| types.iter().map(|ty| generated::value(*ty, &mut dice)).collect::<Vec<_>>())
            .collect();
        sandbox.script("SELECT generated", Script::new(&columns, &rows, 1));
        compared += compare(&mut session, &mut driver, &types).await;
    }
    assert_eq!(compared, ANSWERS as usize * ROWS * types.len());
}

/// Equal, but for what the driver cannot give.
fn same(ty: Type, own: &str, told: &str) -> bool {
    match ty {
        // As doubles, so that a part of the digits is gone: ours must round to the same one.
        Type::Money | Type::SmallMoney if own != "null" => {
            let digits: String = own.chars().filter(|c| c.is_ascii_digit() || *c == '-').collect();
            let scaled: i64 = digits.parse().expect("digits");
            told.parse() == Ok(scaled as f64 / 1e4)
        }
        // Numbers are the same where they read back as the same, whatever their form.
        Type::Real => own == told || own.parse::<f32>().ok() == told.parse().ok(),
        Type::Float => own == told || own.parse::<f64>().ok() == told.parse().ok(),
        // The driver keeps the value, and not the type that it had.
        Type::Variant => {
            own == "null" && told == "null" || {
                let behind = own.split_once("\"value\":").map(|(_, v)| v.trim_end_matches('}'));
                behind == Some(told)
            }
        }
        _ => own == told,
    }
}
