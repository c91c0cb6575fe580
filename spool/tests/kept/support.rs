//! Rows of every type, each value with what it means, so that what the crate makes of its text can
//! be compared with it.

use std::sync::Arc;
use std::time::Duration;

use mssql_mcp_spool::{Bounds, Column, Kept, Options, Pushed, Spool};
use proptest::prelude::*;

/// What a value means.
#[derive(Debug, Clone, PartialEq)]
pub enum Meaning {
    Null,
    /// An integer, a decimal without its point, a bit, a moment: compared as a number.
    Number(i128),
    Double(f64),
    Text(String),
}

/// A value: its JSON, its text, and what it means.
#[derive(Debug, Clone)]
pub struct Cell {
    pub json: String,
    pub text: String,
    pub meaning: Meaning,
}

#[derive(Debug, Clone)]
pub struct Table {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Cell>>,
}

pub const TYPES: [&str; 13] = [
    "int",
    "bigint",
    "decimal(10,2)",
    "decimal(38,4)",
    "money",
    "float",
    "bit",
    "date",
    "datetime2(7)",
    "datetimeoffset(0)",
    "nvarchar(20)",
    "varbinary(8)",
    "sql_variant",
];

pub fn is_exact(sql_type: &str) -> bool {
    ["int", "bigint", "decimal(10,2)", "decimal(38,4)", "money"].contains(&sql_type)
}

pub fn scale(sql_type: &str) -> u32 {
    match sql_type {
        "decimal(10,2)" => 2,
        "decimal(38,4)" | "money" => 4,
        _ => 0,
    }
}

fn cell(json: String, text: String, meaning: Meaning) -> Cell {
    Cell { json, text, meaning }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

pub fn pointed(value: i128, scale: u32) -> String {
    let unit = 10u128.pow(scale);
    let (sign, size) = (if value < 0 { "-" } else { "" }, value.unsigned_abs());
    match scale {
        0 => format!("{sign}{size}"),
        _ => format!("{sign}{}.{:0width$}", size / unit, size % unit, width = scale as usize),
    }
}

/// Bare, or in quotes where a double could not carry it.
fn number(value: i128, scale: u32) -> Cell {
    let text = pointed(value, scale);
    let json = if value.unsigned_abs() > 1 << 53 { quoted(&text) } else { text.clone() };
    cell(json, text, Meaning::Number(value))
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-cA-C]{0,3}",
        1 => "[ -~äÄß\\n\\t\"\\\\,😀]{0,8}",
        1 => "[=+@-][0-9]{1,3}",
        1 => any::<String>(),
    ]
}

fn value(sql_type: &'static str) -> BoxedStrategy<Cell> {
    let near = prop_oneof![-3i128..4, any::<i32>().prop_map(i128::from)];
    match sql_type {
        "int" | "decimal(10,2)" => near.prop_map(move |n| number(n, scale(sql_type))).boxed(),
        "bigint" | "money" => prop_oneof![near, any::<i64>().prop_map(i128::from)]
            .prop_map(move |n| number(n, scale(sql_type)))
            .boxed(),
        "decimal(38,4)" => {
            let far = (-10i128.pow(37)..10i128.pow(37)).prop_map(|n| n * 10 + n % 10);
            prop_oneof![near, far].prop_map(|n| number(n, 4)).boxed()
        }
        "float" => prop_oneof![(-20i32..20).prop_map(|n| f64::from(n) / 4.0), -1e30f64..1e30]
            .prop_map(|x| {
                let text = serde_json::Value::from(x).to_string();
                cell(text.clone(), text, Meaning::Double(x))
            })
            .boxed(),
        "bit" => any::<bool>()
            .prop_map(|b| cell(b.to_string(), b.to_string(), Meaning::Number(b.into())))
            .boxed(),
        "date" => (1i128..=9999, 1i128..=12, 1i128..=28)
            .prop_map(|(y, m, d)| {
                let text = format!("{y:04}-{m:02}-{d:02}");
                cell(quoted(&text), text, Meaning::Number((y * 100 + m) * 100 + d))
            })
            .boxed(),
        "datetime2(7)" => (2020i128..2023, 1i128..=12, 0i128..86_400, 0i128..10_000_000)
            .prop_map(|(y, m, s, f)| {
                let (h, min, sec) = (s / 3600, s / 60 % 60, s % 60);
                let text = format!("{y}-{m:02}-05T{h:02}:{min:02}:{sec:02}.{f:07}");
                let meaning = ((y * 100 + m) * 86_400 + s) * 10_000_000 + f;
                cell(quoted(&text), text, Meaning::Number(meaning))
            })
            .boxed(),
        "datetimeoffset(0)" => (10i128..20, 0i128..1440, -840i128..=840)
            .prop_map(|(d, m, offset)| {
                let (sign, size) = (if offset < 0 { '-' } else { '+' }, offset.abs());
                let text = format!(
                    "2024-02-{d}T{:02}:{:02}:00{sign}{:02}:{:02}",
                    m / 60,
                    m % 60,
                    size / 60,
                    size % 60
                );
                cell(quoted(&text), text, Meaning::Number(d * 1440 + m - offset))
            })
            .boxed(),
        "varbinary(8)" => proptest::collection::vec(any::<u8>(), 0..3)
            .prop_map(|bytes| {
                let hex: String = bytes.iter().map(|b| format!("{b:02X}")).collect();
                let text = format!("0x{hex}");
                cell(quoted(&text), text.clone(), Meaning::Text(text))
            })
            .boxed(),
        "sql_variant" => any_text()
            .prop_map(|text| {
                let json = format!("{{\"base_type\":\"nvarchar\",\"value\":{}}}", quoted(&text));
                cell(json, text.clone(), Meaning::Text(text))
            })
            .boxed(),
        _ => any_text()
            .prop_map(|text| cell(quoted(&text), text.clone(), Meaning::Text(text)))
            .boxed(),
    }
}

pub fn cells(sql_type: &'static str) -> impl Strategy<Value = Cell> {
    let null = Just(cell("null".into(), String::new(), Meaning::Null));
    prop_oneof![1 => null, 5 => value(sql_type)]
}

pub fn tables(most_rows: usize) -> impl Strategy<Value = Table> {
    let types = proptest::collection::vec(proptest::sample::select(&TYPES[..]), 1..6);
    types.prop_flat_map(move |types| {
        let columns = types.iter().enumerate();
        let columns: Vec<Column> = columns.map(|(n, t)| Column::new(format!("c{n}"), *t)).collect();
        let row: Vec<_> = types.iter().map(|t| cells(t).boxed()).collect();
        proptest::collection::vec(row, 0..most_rows)
            .prop_map(move |rows| Table { columns: columns.clone(), rows })
    })
}

impl Table {
    pub fn json(&self, row: usize) -> String {
        let cells: Vec<&str> = self.rows[row].iter().map(|c| c.json.as_str()).collect();
        format!("[{}]", cells.join(","))
    }
}

pub fn bounds() -> Bounds {
    Bounds {
        bytes: 1 << 30,
        files: 100,
        owner_bytes: 1 << 30,
        owner_files: 100,
        ttl: Duration::from_secs(60),
    }
}

pub fn folder() -> tempfile::TempDir {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir().expect("a directory")
}

pub fn spool() -> (tempfile::TempDir, Spool) {
    let folder = folder();
    let spool = Spool::open(folder.path(), bounds()).expect("a store");
    (folder, spool)
}

pub fn keep(spool: &Spool, tables: &[Table], chunk_bytes: usize) -> Arc<Kept> {
    let options = Options { chunk_bytes, ..Options::default() };
    let mut writer = spool.create("me", options).expect("a writer");
    for table in tables {
        assert!(!matches!(writer.begin(table.columns.clone()), Pushed::Ended(_)));
        for row in 0..table.rows.len() {
            assert_eq!(
                writer.push_and_wait(table.json(row).as_bytes()).expect("a row"),
                Pushed::Taken
            );
        }
    }
    writer.finish_and_wait().expect("kept")
}

/// Many rows of one integer and one text.
pub fn many(spool: &Spool, owner: &str, rows: usize, chunk_bytes: usize) -> Arc<Kept> {
    let options = Options { chunk_bytes, ..Options::default() };
    let mut writer = spool.create(owner, options).expect("a writer");
    writer.begin(vec![Column::new("n", "int"), Column::new("t", "nvarchar(20)")]);
    for n in 0..rows {
        let pushed = writer.push_and_wait(format!("[{n},\"text {n}\"]").as_bytes()).expect("a row");
        if let Pushed::Ended(_) = pushed {
            break;
        }
    }
    writer.finish_and_wait().expect("kept")
}
