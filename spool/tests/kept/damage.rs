//! A file that is not what was written is an error, and never other rows.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use mssql_mcp_spool::{Error, Filter, Kept, Op, Query};
use proptest::prelude::*;

use crate::support::{many, spool};

fn rows_file(folder: &tempfile::TempDir) -> PathBuf {
    let files = fs::read_dir(folder.path()).expect("a directory");
    let mut paths = files.map(|f| f.expect("a file").path());
    paths.find(|p| p.extension().is_some_and(|e| e == "rows")).expect("a file of rows")
}

/// The rows that come before an error, and whether there was one.
fn read(kept: &Arc<Kept>) -> (Vec<String>, bool) {
    let mut rows = kept.rows(0, &Query::default()).expect("rows");
    let mut all = Vec::new();
    loop {
        match rows.next_row() {
            Ok(Some(row)) => all.push(String::from_utf8(row.json.to_vec()).expect("UTF-8")),
            Ok(None) => return (all, false),
            Err(Error::Damaged) => {
                assert!(matches!(rows.next_row(), Ok(None)), "rows behind an error");
                return (all, true);
            }
            Err(e) => panic!("{e}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_changed_byte_is_an_error(at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let (folder, spool) = spool();
        let kept = many(&spool, "me", 100, 300);
        let path = rows_file(&folder);
        let mut bytes = fs::read(&path).expect("the file");
        // What is before the chunks is for whoever takes the file over.
        let at = 32 + at.index(bytes.len() - 32);
        bytes[at] ^= 1 << bit;
        fs::write(&path, &bytes).expect("written");
        let (rows, damaged) = read(&kept);
        prop_assert!(damaged);
        for (n, row) in rows.iter().enumerate() {
            prop_assert_eq!(row, &format!("[{n},\"text {n}\"]"));
        }
    }
}

#[test]
fn chunks_that_change_places_and_files_that_end_early_are_errors() {
    let (folder, spool) = spool();
    let kept = many(&spool, "me", 1000, 36);
    let path = rows_file(&folder);
    let whole = fs::read(&path).expect("the file");
    assert_eq!(read(&kept), ((0..1000).map(|n| format!("[{n},\"text {n}\"]")).collect(), false));
    // Rows 10 and 11 are as long as 12 and 13, and so are their chunks.
    let find = |n: usize| {
        let query = Query { offset: n as u64, limit: 1, ..Query::default() };
        kept.rows(0, &query).expect("rows").next_row().expect("a row").is_some()
    };
    assert!(find(999));
    let chunk = 2 * "[10,\"text 10\"]\n".len() + 16;
    // Four rows of one digit are in chunks of two each; then come those of two digits.
    let first = 32 + 5 * (2 * "[1,\"text 1\"]\n".len() + 16);
    let mut swapped = whole.clone();
    let (a, b) = swapped[first..].split_at_mut(chunk);
    a.swap_with_slice(&mut b[..chunk]);
    fs::write(&path, &swapped).expect("written");
    let (rows, damaged) = read(&kept);
    assert_eq!((rows.len(), damaged), (10, true));
    fs::write(&path, &whole[..whole.len() - 1]).expect("written");
    let (rows, damaged) = read(&kept);
    assert!(damaged && rows.len() < 1000);
    fs::write(&path, &whole).expect("written");
    assert!(!read(&kept).1);
}

#[test]
fn nothing_of_a_row_is_in_the_file() {
    let (folder, spool) = spool();
    let _kept = many(&spool, "me", 100, 300);
    let bytes = fs::read(rows_file(&folder)).expect("the file");
    assert!(!bytes.windows(4).any(|w| w == b"text"));
}

#[test]
fn what_comes_before_a_page_is_not_read() {
    let (folder, spool) = spool();
    let kept = many(&spool, "me", 1000, 300);
    let path = rows_file(&folder);
    let mut bytes = fs::read(&path).expect("the file");
    bytes[40] ^= 1;
    fs::write(&path, &bytes).expect("written");
    let page = |query: Query| kept.page(0, &query, 1000).map(|page| page.numbers);
    let query = Query { limit: 2, ..Query::default() };
    assert!(matches!(page(query.clone()), Err(Error::Damaged)));
    let offset = Query { offset: 700, ..query.clone() };
    assert_eq!(page(offset).expect("a page"), [700, 701]);
    let filters = vec![Filter { column: 1, op: Op::Like, value: "%9".to_owned() }];
    let from = Query { from: 700, filters, ..query };
    assert_eq!(page(from).expect("a page"), [709, 719]);
}
