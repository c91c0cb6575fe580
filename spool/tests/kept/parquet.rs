//! Parquet, read back by the crate's reader.

use std::sync::Arc;

use ::parquet::basic::{LogicalType, TimeUnit, Type as Physical};
use ::parquet::data_type::{AsBytes as _, Decimal};
use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
use ::parquet::record::Field;
use bytes::Bytes;
use mssql_mcp_spool::{Column, Error, Format, Kept, Options, Query, Spool};

use crate::support::{keep, spool, tables};
use proptest::prelude::*;

fn file(kept: &Arc<Kept>) -> Result<SerializedFileReader<Bytes>, Error> {
    let mut all = Vec::new();
    for piece in kept.export(0, &Query::default(), Format::Parquet)? {
        all.extend_from_slice(&piece?);
    }
    if let Ok(path) = std::env::var("SPOOL_PARQUET") {
        std::fs::write(path, &all).expect("written");
    }
    Ok(SerializedFileReader::new(Bytes::from(all)).expect("a file"))
}

fn fields(file: &SerializedFileReader<Bytes>) -> Vec<Vec<Field>> {
    let rows = file.get_row_iter(None).expect("rows");
    rows.map(|r| r.expect("a row").into_columns().into_iter().map(|(_, f)| f).collect()).collect()
}

fn one(spool: &Spool, columns: &[(&str, &str)], rows: &[&str]) -> Arc<Kept> {
    let mut writer = spool.create("me", Options::default()).expect("a writer");
    writer.begin(columns.iter().map(|(name, ty)| Column::new(*name, *ty)).collect());
    for row in rows {
        writer.push(row.as_bytes()).expect("a row");
    }
    writer.finish_and_wait().expect("kept")
}

fn decimal(field: &Field) -> (i128, i32) {
    let Field::Decimal(decimal) = field else { panic!("{field:?}") };
    let value = match decimal {
        Decimal::Int32 { value, .. } => i32::from_be_bytes(*value).into(),
        Decimal::Int64 { value, .. } => i64::from_be_bytes(*value).into(),
        Decimal::Bytes { value, .. } => {
            i128::from_be_bytes(value.as_bytes().try_into().expect("16 bytes"))
        }
    };
    (value, decimal.scale())
}

#[test]
fn every_type_has_its_own() {
    let (_folder, spool) = spool();
    let columns = [
        ("tiny", "tinyint"),
        ("small", "smallint"),
        ("int", "int"),
        ("big", "bigint"),
        ("d9", "decimal(9,2)"),
        ("d18", "decimal(18,4)"),
        ("d38", "decimal(38,10)"),
        ("real", "real"),
        ("float", "float"),
        ("bit", "bit"),
        ("date", "date"),
        ("time", "time(7)"),
        ("datetime", "datetime"),
        ("dt2", "datetime2(7)"),
        ("dto", "datetimeoffset(0)"),
        ("text", "nvarchar(20)"),
        ("bin", "varbinary(8)"),
        ("guid", "uniqueidentifier"),
        ("", "sql_variant"),
        ("text", "vector(2)"),
    ];
    let full = r#"[255,-32768,-5,"9223372036854775807",-1.05,12345.6789,"-1234567890123456789012345678.0123456789",0.5,-1e300,true,"2024-02-29","12:34:56.1234567","2024-02-29T12:34:56.123","2024-02-29T12:34:56.1234567","2024-02-29T01:00:00+02:00","Ä\n","0x00FF","6F9619FF-8B86-D011-B42D-00C04FC964FF",{"base_type":"int","value":7},[0.5,-2.0]]"#;
    let nulls = format!("[{}]", ["null"; 20].join(","));
    let kept = one(&spool, &columns, &[full, &nulls]);
    let file = file(&kept).expect("a file");
    let rows = fields(&file);
    let [row, empty] = &rows[..] else { panic!("two rows") };
    assert!(empty.iter().all(|f| *f == Field::Null));
    assert_eq!(row[0], Field::UByte(255));
    assert_eq!(
        (&row[1], &row[2], &row[3]),
        (&Field::Short(-32768), &Field::Int(-5), &Field::Long(i64::MAX))
    );
    assert_eq!(decimal(&row[4]), (-105, 2));
    assert_eq!(decimal(&row[5]), (123_456_789, 4));
    assert_eq!(decimal(&row[6]), (-12_345_678_901_234_567_890_123_456_780_123_456_789, 10));
    assert_eq!(
        (&row[7], &row[8], &row[9]),
        (&Field::Float(0.5), &Field::Double(-1e300), &Field::Bool(true))
    );
    // 2024-02-29 is day 19,782 of Unix.
    let micros = ((19_782 * 24 + 12) * 60 + 34) * 60_000_000 + 56_123_000;
    assert_eq!(row[10], Field::Date(19_782));
    assert_eq!(row[12], Field::TimestampMicros(micros));
    let schema = file.metadata().file_metadata().schema_descr();
    let nanos = |n: usize| match schema.column(n).logical_type_ref() {
        Some(LogicalType::Timestamp(t)) => (t.unit == TimeUnit::NANOS, t.is_adjusted_to_u_t_c),
        Some(LogicalType::Time(t)) => (t.unit == TimeUnit::NANOS, t.is_adjusted_to_u_t_c),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        (nanos(11), nanos(12), nanos(13), nanos(14)),
        ((true, false), (false, false), (true, false), (false, true))
    );
    assert_eq!(row[14], Field::TimestampMicros((19_782 * 24 - 1) * 3_600_000_000));
    assert_eq!(row[15], Field::Str("Ä\n".into()));
    assert_eq!(row[16], Field::Bytes(vec![0, 255].into()));
    assert_eq!(row[17], Field::Str("6F9619FF-8B86-D011-B42D-00C04FC964FF".into()));
    assert_eq!((&row[18], &row[19]), (&Field::Str("7".into()), &Field::Str("[0.5,-2.0]".into())));
    assert_eq!((schema.column(18).name(), schema.column(19).name()), ("column_19", "text_2"));
    assert_eq!(schema.column(6).physical_type(), Physical::FIXED_LEN_BYTE_ARRAY);
}

#[test]
fn moments_that_nanoseconds_do_not_reach_are_in_microseconds() {
    let (_folder, spool) = spool();
    let columns = [("at", "datetime2(7)")];
    let kept = one(
        &spool,
        &columns,
        &["[\"9999-12-31T23:59:59.9999999\"]", "[\"0001-01-01T00:00:00.0000001\"]"],
    );
    let rows = fields(&file(&kept).expect("a file"));
    assert_eq!(rows[0][0], Field::TimestampMicros(253_402_300_799_999_999));
    assert_eq!(rows[1][0], Field::TimestampMicros(-62_135_596_800_000_000));
}

#[test]
fn what_is_not_of_its_type_is_an_error() {
    let (_folder, spool) = spool();
    for (ty, bad) in [
        ("int", "\"x\""),
        ("date", "\"x\""),
        ("bit", "7"),
        ("tinyint", "1.5"),
        ("binary(2)", "\"0x123\""),
    ] {
        let kept = one(&spool, &[("c", ty)], &[&format!("[{bad}]")]);
        assert!(matches!(file(&kept), Err(Error::Format(_))), "{ty}");
    }
}

#[test]
fn many_rows_are_in_groups() {
    let (_folder, spool) = spool();
    let kept = crate::support::many(&spool, "me", 150_000, 1 << 18);
    let file = file(&kept).expect("a file");
    let groups: Vec<i64> = file.metadata().row_groups().iter().map(|g| g.num_rows()).collect();
    assert_eq!(groups, [65_536, 65_536, 18_928]);
    let last = fields(&file).pop().expect("rows");
    assert_eq!(last, [Field::Int(149_999), Field::Str("text 149999".into())]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn any_rows_are_written(table in tables(40)) {
        let (_folder, spool) = spool();
        let kept = keep(&spool, std::slice::from_ref(&table), 500);
        let rows = fields(&file(&kept).expect("a file"));
        prop_assert_eq!(rows.len(), table.rows.len());
        for (row, wanted) in rows.iter().zip(&table.rows) {
            for ((field, wanted), column) in row.iter().zip(wanted).zip(&table.columns) {
                match field {
                    // The reader has no nanoseconds.
                    _ if column.sql_type == "datetime2(7)" => {}
                    Field::Str(text) => prop_assert_eq!(text, &wanted.text),
                    Field::Decimal(_) => {
                        let (value, scale) = decimal(field);
                        prop_assert_eq!(crate::support::pointed(value, scale as u32), wanted.text.clone());
                    }
                    Field::Null => prop_assert_eq!(&wanted.json, "null"),
                    Field::Int(n) => prop_assert_eq!(&n.to_string(), &wanted.text),
                    Field::Long(n) => prop_assert_eq!(&n.to_string(), &wanted.text),
                    _ => {}
                }
            }
        }
    }
}
