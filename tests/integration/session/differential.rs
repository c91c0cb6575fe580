//! The same queries through our server and through drivers that others wrote.

use mssql_mcp_sandbox::token::Column;
use mssql_mcp_sandbox::types::{Type, Value};
use mssql_mcp_sandbox::{DATABASE, PASSWORD, Script, USER};

use crate::clients::{NODE, installed, run};
use crate::support::Lab;

/// Variants of which each driver but one makes the value that is in them: int, bigint, float, date,
/// decimal(18,4) and NULL.
fn variants() -> Script {
    let values = [
        Value::Bin(vec![0x38, 0, 7, 0, 0, 0]),
        Value::Bin(vec![0x7F, 0, 1, 0, 0, 0, 0, 0, 32, 0]),
        Value::Bin([&[0x3E, 0][..], &0.1f64.to_le_bytes()].concat()),
        Value::Bin(vec![0x28, 0, 0x80, 0x46, 0x0B]),
        Value::Bin([&[0x6A, 2, 18, 4, 0][..], &12_345_678u64.to_le_bytes()].concat()),
        Value::Null,
    ];
    let columns = vec![Column::new("v", Type::Variant); values.len()];
    Script::new(&columns, &[values.to_vec()], 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn drivers_of_others_read_the_same_values() {
    let lab = Lab::new(&[
        ("access.level", "full"),
        ("access.confirm_writes", "never"),
        ("limits.max_chars", "2000000"),
    ])
    .await;
    lab.sandbox.script("SELECT variants", variants());
    let (address, _stop) = lab.serve().await;
    let port = lab.sandbox.address().port().to_string();
    let (url, node) = (format!("http://{address}/mcp"), installed(NODE));
    let args = [&port, USER, PASSWORD, DATABASE, &url, node.to_str().expect("a path")];
    let text = run(installed("py-tds/bin/python"), "differential.py", &args).await;
    assert_eq!(text.matches(": ok").count(), 4, "{text}");
}
