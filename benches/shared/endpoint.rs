//! The database of the benchmarks: the sandbox, answering from a script.

use mssql_mcp_sandbox::token::Column;
use mssql_mcp_sandbox::types::{Len, Type as Ty, Value as Val};
use mssql_mcp_sandbox::{Options, Sandbox, Script};

pub const ONE: &str = "SELECT one";
pub const TEN: &str = "SELECT ten";
pub const MANY: &str = "SELECT many";
pub const MANY_ROWS: usize = 200_000;

fn columns() -> [Column; 8] {
    [
        Column::new("id", Ty::Int),
        Column::new("name", Ty::NVarChar(Len::N(60))),
        Column::new("code", Ty::VarChar(Len::N(20))),
        Column::new("price", Ty::Decimal(12, 4)),
        Column::new("at", Ty::DateTime2(3)),
        Column::new("open", Ty::Bit),
        Column::new("weight", Ty::Float),
        Column::new("total", Ty::BigInt),
    ]
}

/// So many rows of 8 columns, so often.
pub fn rows(n: usize, times: u64) -> Script {
    let row = |i: usize| {
        vec![
            Val::Int(i as i64),
            Val::Str(format!("A customer's name of middling length, number {i:06}")),
            Val::Str(format!("AB-{i:07}")),
            Val::Dec(1_234_567 + i as i128),
            Val::Int(738_000 * 864_000_000_000 + i as i64 * 10_000_000),
            Val::Int(i as i64 % 2),
            Val::Float(i as f64 / 8.0),
            Val::Int(5_000_000_000 + i as i64),
        ]
    };
    Script::new(&columns(), &(0..n).map(row).collect::<Vec<_>>(), times)
}

/// A sandbox that answers [`ONE`], [`TEN`] and [`MANY`] with as many rows of 8 columns.
pub async fn start(options: Options) -> Sandbox {
    let sandbox = Sandbox::start(options).await.expect("sandbox");
    sandbox.script(ONE, rows(1, 1));
    sandbox.script(TEN, rows(10, 1));
    sandbox.script(MANY, rows(1000, MANY_ROWS as u64 / 1000));
    sandbox
}
