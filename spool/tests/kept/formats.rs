//! Files in other formats, read by readers that are not ours.

use std::sync::Arc;

use mssql_mcp_spool::{Column, CsvOptions, Filter, Format, Kept, Op, Options, Query};
use proptest::prelude::*;

use crate::support::{Meaning, keep, spool, tables};

fn written(kept: &Arc<Kept>, query: &Query, format: Format) -> Vec<u8> {
    let export = kept.export(0, query, format).expect("a file");
    export.flat_map(|piece| piece.expect("a piece")).collect()
}

/// Lines of CSV with quotes, as this reader cannot tell `""` from nothing.
fn fields(csv: &[u8]) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(false).from_reader(csv);
    reader.records().map(|r| r.expect("a record").iter().map(str::to_owned).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn csv_is_read_back(table in tables(40)) {
        let (_folder, spool) = spool();
        let kept = keep(&spool, std::slice::from_ref(&table), 500);
        let csv = written(&kept, &Query::default(), Format::Csv(CsvOptions::default()));
        let names: Vec<String> = table.columns.iter().map(|c| c.name.clone()).collect();
        let mut wanted = vec![names];
        for row in &table.rows {
            // A line without anything is no record for this reader.
            if row.len() > 1 || row[0].meaning != Meaning::Null {
                wanted.push(row.iter().map(|c| c.text.clone()).collect());
            }
        }
        prop_assert_eq!(fields(&csv), wanted);
    }

    #[test]
    fn lines_are_the_rows(table in tables(40)) {
        let (_folder, spool) = spool();
        let kept = keep(&spool, std::slice::from_ref(&table), 500);
        let lines = written(&kept, &Query::default(), Format::JsonLines);
        let arrays = written(&kept, &Query::default(), Format::JsonArrays);
        let (lines, arrays) = (String::from_utf8(lines).expect("UTF-8"), String::from_utf8(arrays).expect("UTF-8"));
        prop_assert_eq!(arrays.lines().collect::<Vec<_>>(), (0..table.rows.len()).map(|n| table.json(n)).collect::<Vec<_>>());
        prop_assert_eq!(lines.lines().count(), table.rows.len());
        for (line, row) in lines.lines().zip(&table.rows) {
            let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).expect("JSON");
            prop_assert_eq!(object.len(), row.len());
            for (n, cell) in row.iter().enumerate() {
                prop_assert_eq!(&object[&format!("c{n}")], &serde_json::from_str::<serde_json::Value>(&cell.json).expect("JSON"));
            }
        }
    }
}

fn some() -> (tempfile::TempDir, mssql_mcp_spool::Spool, Arc<Kept>) {
    let (folder, spool) = spool();
    let mut writer = spool.create("me", Options::default()).expect("a writer");
    let columns = [("t", "nvarchar(9)"), ("t", "int"), ("", "bit"), ("=x", "sql_variant")];
    writer.begin(columns.map(|(name, ty)| Column::new(name, ty)).to_vec());
    for row in [
        r#"["=1+1",-1,true,{"base_type":"int","value":-5}]"#,
        r#"["",null,false,{"base_type":"nvarchar","value":"@a"}]"#,
        r#"[null,2,null,null]"#,
        r#"["a\"b\r\n,",3,true,"\tx"]"#,
    ] {
        writer.push(row.as_bytes()).expect("a row");
    }
    let kept = writer.finish_and_wait().expect("kept");
    (folder, spool, kept)
}

#[test]
fn csv_tells_null_from_nothing_and_formulas_from_texts() {
    let (_folder, _spool, kept) = some();
    let csv = |options| {
        String::from_utf8(written(&kept, &Query::default(), Format::Csv(options))).expect("UTF-8")
    };
    assert_eq!(
        csv(CsvOptions::default()),
        "t,t,\"\",=x\r\n=1+1,-1,true,-5\r\n\"\",,false,@a\r\n,2,,\r\n\"a\"\"b\r\n,\",3,true,\tx\r\n"
    );
    assert_eq!(
        csv(CsvOptions { excel_safe: true, bom: true }),
        "\u{feff}t,t,\"\",'=x\r\n'=1+1,-1,true,-5\r\n\"\",,false,'@a\r\n,2,,\r\n\"a\"\"b\r\n,\",3,true,'\tx\r\n"
    );
}

#[test]
fn a_file_has_the_rows_and_columns_that_are_wanted() {
    let (_folder, _spool, kept) = some();
    let filters = vec![Filter { column: 1, op: Op::NotNull, value: String::new() }];
    let query = Query { filters, columns: Some(vec![1, 0]), limit: 2, ..Query::default() };
    let lines = written(&kept, &query, Format::JsonLines);
    let lines = String::from_utf8(lines).expect("UTF-8");
    assert_eq!(lines, "{\"t\":-1,\"t_2\":\"=1+1\"}\n{\"t\":2,\"t_2\":null}\n");
    let lines = written(&kept, &Query { limit: 1, ..Query::default() }, Format::JsonLines);
    let lines = String::from_utf8(lines).expect("UTF-8");
    assert!(lines.starts_with(r#"{"t":"=1+1","t_2":-1,"column_3":true,"=x":"#), "{lines}");
}
