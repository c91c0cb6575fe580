//! Every type of SQL Server over the wire, as a value, NULL and its extremes: what a client reads
//! is what the server sent.

use mssql_mcp_sandbox::Script;
use mssql_mcp_sandbox::token::Column;
use mssql_mcp_sandbox::types::{DAY, Len, Type as Ty, Value as Val};
use serde_json::{Value, json};

use crate::support::{Lab, command, stateless};

/// A type, its name in the answer, and values with what they are read as.
type Case = (Ty, &'static str, Vec<(Val, Value)>);

/// Days from 0001-01-01 to 2024-02-29.
const LEAP: i64 = 738_944;
/// And to 1753-01-01, where datetime begins; 1900-01-01 and 2079-06-06 for smalldatetime.
const Y1753: i64 = 639_905;
const Y1900: i64 = 693_595;
const Y2079: i64 = 759_130;
const LAST: i64 = 3_652_058;

/// A type's name with what is in brackets behind it.
fn declared(ty: Ty, name: &str) -> String {
    match ty {
        Ty::Decimal(precision, scale) => format!("{name}({precision},{scale})"),
        Ty::Time(n) | Ty::DateTime2(n) | Ty::DateTimeOffset(n) => format!("{name}({n})"),
        Ty::VarChar(Len::Max) | Ty::NVarChar(Len::Max) | Ty::VarBinary(Len::Max) => {
            format!("{name}(max)")
        }
        Ty::VarChar(Len::N(n)) | Ty::NVarChar(Len::N(n)) | Ty::VarBinary(Len::N(n)) => {
            format!("{name}({n})")
        }
        Ty::Char(n) | Ty::NChar(n) | Ty::Binary(n) => format!("{name}({n})"),
        _ => name.to_owned(),
    }
}

fn ticks(day: i64, h: i64, m: i64, s: i64, fraction: i64) -> Val {
    Val::Int(day * DAY + ((h * 60 + m) * 60 + s) * 10_000_000 + fraction)
}

fn text(s: &str) -> Val {
    Val::Str(s.into())
}

async fn answer(
    lab: &Lab,
    address: std::net::SocketAddr,
    columns: &[Column],
    rows: &[Vec<Val>],
    more: Value,
) -> Value {
    lab.sandbox.script("SELECT scripted", Script::new(columns, rows, 1));
    let mut arguments = json!({ "query": "SELECT scripted" });
    for (k, v) in more.as_object().into_iter().flatten() {
        arguments[k] = v.clone();
    }
    let a =
        stateless(address, "tools/call", json!({ "name": "execute_sql", "arguments": arguments }))
            .await
            .json();
    assert_eq!(a["result"]["isError"], false, "{a}");
    a["result"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_has_its_golden_rows() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let max = 99_999_999_999_999_999_999_999_999_999_999_999_999i128;
    let cases: Vec<Case> = vec![
        (Ty::Bit, "bit", vec![(Val::Int(0), json!(false)), (Val::Int(1), json!(true))]),
        (Ty::TinyInt, "tinyint", vec![(Val::Int(0), json!(0)), (Val::Int(255), json!(255))]),
        (
            Ty::SmallInt,
            "smallint",
            vec![(Val::Int(-32768), json!(-32768)), (Val::Int(32767), json!(32767))],
        ),
        (
            Ty::Int,
            "int",
            vec![
                (Val::Int(i64::from(i32::MIN)), json!(i32::MIN)),
                (Val::Int(i64::from(i32::MAX)), json!(i32::MAX)),
            ],
        ),
        (
            Ty::BigInt,
            "bigint",
            vec![
                (Val::Int(9_007_199_254_740_992), json!(9_007_199_254_740_992i64)),
                (Val::Int(9_007_199_254_740_993), json!("9007199254740993")),
                (Val::Int(i64::MIN), json!("-9223372036854775808")),
                (Val::Int(i64::MAX), json!("9223372036854775807")),
            ],
        ),
        (
            Ty::Decimal(38, 10),
            "decimal",
            vec![
                (Val::Dec(12_345_678_900_000), json!(1234.56789)),
                (Val::Dec(max), json!("9999999999999999999999999999.9999999999")),
                (Val::Dec(-max), json!("-9999999999999999999999999999.9999999999")),
            ],
        ),
        (
            Ty::Decimal(38, 0),
            "decimal",
            vec![(Val::Dec(max), json!("99999999999999999999999999999999999999"))],
        ),
        (
            Ty::Decimal(38, 38),
            "decimal",
            vec![
                (Val::Dec(1), json!(1e-38)),
                (Val::Dec(-max), json!("-0.99999999999999999999999999999999999999")),
            ],
        ),
        (
            Ty::Money,
            "money",
            vec![
                (Val::Dec(125_000), json!(12.5)),
                (Val::Dec(-1), json!(-0.0001)),
                (Val::Dec(9_007_199_254_740_991), json!("900719925474.0991")),
            ],
        ),
        (
            Ty::SmallMoney,
            "smallmoney",
            vec![
                (Val::Dec(-2_147_483_648), json!(-214_748.364_8)),
                (Val::Dec(2_147_483_647), json!(214_748.364_7)),
            ],
        ),
        (
            Ty::Real,
            "real",
            vec![
                (Val::Float(0.1), json!(0.1)),
                (Val::Float(f64::from(f32::MAX)), json!(3.4028235e38)),
                (Val::Float(f64::from(f32::MIN_POSITIVE)), json!(1.1754944e-38)),
            ],
        ),
        (
            Ty::Float,
            "float",
            vec![
                (Val::Float(0.1), json!(0.1)),
                (Val::Float(0.1 + 0.2), json!(0.1 + 0.2)),
                (Val::Float(f64::MAX), json!(f64::MAX)),
                (Val::Float(2.23e-308), json!(2.23e-308)),
                (Val::Float(-0.0), json!(-0.0)),
            ],
        ),
        (Ty::Char(3), "char", vec![(text("a  "), json!("a  ")), (text("é€ "), json!("é€ "))]),
        (
            Ty::VarChar(Len::N(20)),
            "varchar",
            vec![(text(""), json!("")), (text("naïve “x”"), json!("naïve “x”"))],
        ),
        (Ty::NChar(4), "nchar", vec![(text("日本  "), json!("日本  "))]),
        (
            Ty::NVarChar(Len::N(60)),
            "nvarchar",
            vec![
                (text(""), json!("")),
                (
                    text("\u{1F600} \"\\\u{1}\t\r\n\u{2028}"),
                    json!("\u{1F600} \"\\\u{1}\t\r\n\u{2028}"),
                ),
            ],
        ),
        (
            Ty::VarChar(Len::Max),
            "varchar",
            vec![(text(&"x".repeat(9000)), json!("x".repeat(9000)))],
        ),
        (
            Ty::NVarChar(Len::Max),
            "nvarchar",
            vec![(text(&"ß".repeat(5000)), json!("ß".repeat(5000)))],
        ),
        (Ty::Binary(3), "binary", vec![(Val::Bin(vec![0, 255, 16]), json!("0x00FF10"))]),
        (
            Ty::VarBinary(Len::N(8)),
            "varbinary",
            vec![
                (Val::Bin(vec![]), json!("0x")),
                (Val::Bin(vec![0, 0, 0, 0, 0, 0, 7, 209]), json!("0x00000000000007D1")),
            ],
        ),
        (
            Ty::VarBinary(Len::Max),
            "varbinary",
            vec![(Val::Bin(vec![0xAB; 9000]), json!(format!("0x{}", "AB".repeat(9000))))],
        ),
        (
            Ty::Date,
            "date",
            vec![
                (Val::Int(0), json!("0001-01-01")),
                (Val::Int(LEAP), json!("2024-02-29")),
                (Val::Int(LAST), json!("9999-12-31")),
            ],
        ),
        (
            Ty::Time(7),
            "time",
            vec![
                (Val::Int(0), json!("00:00:00.0000000")),
                (Val::Int(DAY - 1), json!("23:59:59.9999999")),
            ],
        ),
        (Ty::Time(0), "time", vec![(Val::Int(45_296 * 10_000_000), json!("12:34:56"))]),
        (
            Ty::SmallDateTime,
            "smalldatetime",
            vec![
                (ticks(Y1900, 0, 0, 0, 0), json!("1900-01-01T00:00:00")),
                (ticks(Y2079, 23, 59, 0, 0), json!("2079-06-06T23:59:00")),
            ],
        ),
        (
            Ty::DateTime,
            "datetime",
            vec![
                (ticks(Y1753, 0, 0, 0, 0), json!("1753-01-01T00:00:00.000")),
                (ticks(LEAP, 12, 34, 56, 7_900_000), json!("2024-02-29T12:34:56.790")),
                (ticks(LEAP, 12, 34, 56, 33_333), json!("2024-02-29T12:34:56.003")),
                (ticks(LAST, 23, 59, 59, 9_966_667), json!("9999-12-31T23:59:59.997")),
            ],
        ),
        (
            Ty::DateTime2(7),
            "datetime2",
            vec![
                (Val::Int(0), json!("0001-01-01T00:00:00.0000000")),
                (ticks(LAST, 23, 59, 59, 9_999_999), json!("9999-12-31T23:59:59.9999999")),
            ],
        ),
        (
            Ty::DateTime2(3),
            "datetime2",
            vec![(ticks(LEAP, 1, 2, 3, 1_230_000), json!("2024-02-29T01:02:03.123"))],
        ),
        (
            Ty::DateTime2(0),
            "datetime2",
            vec![(ticks(LEAP, 1, 2, 3, 0), json!("2024-02-29T01:02:03"))],
        ),
        (
            Ty::DateTimeOffset(7),
            "datetimeoffset",
            vec![
                (
                    Val::Offset(LEAP * DAY + 25_496 * 10_000_000, 330),
                    json!("2024-02-29T12:34:56.0000000+05:30"),
                ),
                (Val::Offset(LEAP * DAY, -840), json!("2024-02-28T10:00:00.0000000-14:00")),
                (Val::Offset(LEAP * DAY + 1, 0), json!("2024-02-29T00:00:00.0000001+00:00")),
            ],
        ),
        (
            Ty::Guid,
            "uniqueidentifier",
            vec![(
                text("6F9619FF-8B86-D011-B42D-00C04FC964FF"),
                json!("6F9619FF-8B86-D011-B42D-00C04FC964FF"),
            )],
        ),
        (Ty::Xml, "xml", vec![(text("<a b=\"1\">é</a>"), json!("<a b=\"1\">é</a>"))]),
        (Ty::Udt("hierarchyid"), "hierarchyid", vec![(Val::Bin(vec![0x58]), json!("0x58"))]),
        (
            Ty::Variant,
            "sql_variant",
            vec![
                (Val::Bin(vec![0x38, 0, 7, 0, 0, 0]), json!({ "base_type": "int", "value": 7 })),
                (
                    Val::Bin(vec![0x7F, 0, 1, 0, 0, 0, 0, 0, 32, 0]),
                    json!({ "base_type": "bigint", "value": "9007199254740993" }),
                ),
                (
                    Val::Bin(vec![0x28, 0, 0x80, 0x46, 0x0B]),
                    json!({ "base_type": "date", "value": "2024-02-29" }),
                ),
            ],
        ),
    ];
    for (ty, name, values) in cases {
        let columns = [Column::new("v", ty), Column::new("n", ty)];
        let rows: Vec<Vec<Val>> = values.iter().map(|(v, _)| vec![v.clone(), Val::Null]).collect();
        let r = answer(&lab, address, &columns, &rows, json!({})).await;
        let result = &r["structuredContent"]["results"][0];
        assert_eq!(result["columns"][0]["type"], declared(ty, name), "{ty:?}: {result}");
        let got: Vec<&Value> =
            result["rows"].as_array().expect("rows").iter().map(|r| &r[0]).collect();
        let want: Vec<&Value> = values.iter().map(|(_, w)| w).collect();
        assert_eq!(got, want, "{ty:?}");
        assert!(
            result["rows"].as_array().expect("rows").iter().all(|r| r[1] == Value::Null),
            "{ty:?} NULL"
        );
        // Of the variants, one is such a bigint.
        let numbers = matches!(ty, Ty::BigInt | Ty::Decimal(..) | Ty::Money | Ty::Variant);
        let strings =
            numbers && values.iter().any(|(_, w)| w.is_string() || w["base_type"] == "bigint");
        assert_eq!(
            result["columns"][0].get("exact").is_some(),
            strings,
            "{ty:?}: a number as a string is announced"
        );
        // The text says the same.
        let text: Value =
            serde_json::from_str(r["content"][0]["text"].as_str().expect("text")).expect("JSON");
        assert_eq!(text, r["structuredContent"]);
    }
}

#[tokio::test]
async fn the_page_of_types_is_not_stale() {
    let out = command(&["types"]).output().await.expect("run");
    let page = String::from_utf8(out.stdout).expect("UTF-8");
    let stale = "run `cargo run -- types > docs/types.md`";
    assert_eq!(page, include_str!("../../docs/types.md"), "{stale}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_of_numbers_are_the_servers_digits() {
    // A JSON reader would make 12.50 and 12.5 the same; the text must not.
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let columns = [
        Column::new("d", Ty::Decimal(10, 2)),
        Column::new("m", Ty::Money),
        Column::new("z", Ty::Decimal(5, 3)),
    ];
    let rows = [vec![Val::Dec(1250), Val::Dec(50_000), Val::Dec(-5)]];
    let r = answer(&lab, address, &columns, &rows, json!({})).await;
    let text = r["content"][0]["text"].as_str().expect("text");
    assert!(text.contains("[[12.50,5.0000,-0.005]]"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn money_keeps_its_digits_and_long_cells_are_cut() {
    let lab = Lab::new(&[("limits.max_cell", "16")]).await;
    let (address, _stop) = lab.serve().await;
    let columns = [
        Column::new("m", Ty::Money),
        Column::new("t", Ty::NVarChar(Len::Max)),
        Column::new("b", Ty::VarBinary(Len::Max)),
    ];
    let rows =
        [vec![Val::Dec(9_223_372_036_854_775_807), text(&"ä".repeat(40)), Val::Bin(vec![1; 40])]];
    let r = answer(&lab, address, &columns, &rows, json!({})).await["structuredContent"]["results"]
        [0]
    .clone();
    assert_eq!(r["rows"][0][0], "922337203685477.5807", "{r}");
    assert_eq!(r["columns"][0]["exact"], "string", "{r}");
    assert_eq!(
        (&r["columns"][1]["cut_cells"], &r["columns"][2]["cut_cells"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(r["rows"][0][1], format!("{}… [cut: 16 of 40 characters]", "ä".repeat(16)));
    assert_eq!(r["rows"][0][2], format!("0x{}… [cut: 8 of 40 bytes]", "01".repeat(8)));
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_without_names_or_with_the_same_survive() {
    let lab = Lab::new(&[]).await;
    let (address, _stop) = lab.serve().await;
    let columns = [Column::new("", Ty::Int), Column::new("a", Ty::Int), Column::new("a", Ty::Int)];
    let rows = [vec![Val::Int(1), Val::Int(2), Val::Int(3)]];
    let r = answer(&lab, address, &columns, &rows, json!({})).await["structuredContent"]["results"]
        [0]
    .clone();
    let names: Vec<&Value> =
        r["columns"].as_array().expect("columns").iter().map(|c| &c["name"]).collect();
    assert_eq!(
        (names, &r["rows"]),
        (vec![&json!(""), &json!("a"), &json!("a")], &json!([[1, 2, 3]]))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_is_a_choice_of_the_caller_or_of_the_configuration() {
    for (configured, asked, csv) in
        [("json", Some("csv"), true), ("csv", None, true), ("csv", Some("json"), false)]
    {
        let lab = Lab::new(&[("limits.text", configured)]).await;
        let (address, _stop) = lab.serve().await;
        let columns =
            [Column::new("id", Ty::BigInt), Column::new("na,me", Ty::NVarChar(Len::N(20)))];
        let rows = [
            vec![Val::Int(i64::MAX), text("a \"b\",\nc")],
            vec![Val::Null, Val::Null],
            vec![Val::Int(1), text("")],
        ];
        let more = asked.map_or(json!({}), |f| json!({ "format": f }));
        let r = answer(&lab, address, &columns, &rows, more).await;
        let result = &r["structuredContent"]["results"][0];
        let text = r["content"][0]["text"].as_str().expect("text");
        assert_eq!(result["row_count"], 3);
        if csv {
            // For clients that show their model only one of the two, and no row twice in either.
            let rows = "id,\"na,me\"\n9223372036854775807,\"a \"\"b\"\",\nc\"\n,\n1,\"\"\n";
            assert_eq!(text, format!("{rows}# 3 rows\n# default (trading), read-only\n"));
            assert_eq!((&result["csv"], result.get("rows")), (&json!(rows), None));
            assert_eq!(result["columns"][0]["exact"], "string");
        } else {
            assert_eq!(
                result["rows"],
                json!([["9223372036854775807", "a \"b\",\nc"], [null, null], [1, ""]])
            );
            assert!(result.get("csv").is_none());
            assert!(text.starts_with("{\"source\""));
        }
    }
}
