//! What is read is what was pushed.

use mssql_mcp_spool::{
    Aggregation, Caps, Column, Error, Export, Format, Kept, Options, Pushed, Query, Reason, Rows,
    Spool, Writer,
};
use proptest::prelude::*;

use crate::support::{keep, many, spool, tables};

fn read(kept: &std::sync::Arc<Kept>, set: usize, query: &Query) -> Vec<(u64, String)> {
    let mut rows = kept.rows(set, query).expect("rows");
    let mut all = Vec::new();
    while let Some(row) = rows.next_row().expect("a row") {
        all.push((row.number, String::from_utf8(row.json.to_vec()).expect("UTF-8")));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn what_is_read_is_what_was_pushed(
        sets in proptest::collection::vec(tables(60), 1..4),
        chunk in prop_oneof![Just(1usize), 1..300usize, Just(256 << 10)],
        (offset, limit) in (0..70u64, 0..70u64),
    ) {
        let (_folder, spool) = spool();
        let kept = keep(&spool, &sets, chunk);
        prop_assert!(kept.is_complete());
        prop_assert_eq!(kept.sets().len(), sets.len());
        let mut text = String::new();
        for (n, set) in sets.iter().enumerate() {
            let pushed: Vec<(u64, String)> =
                (0..set.rows.len()).map(|row| (row as u64, set.json(row))).collect();
            pushed.iter().for_each(|(_, row)| { text.push_str(row); text.push('\n'); });
            prop_assert_eq!(kept.sets()[n].rows, set.rows.len() as u64);
            prop_assert_eq!(&read(&kept, n, &Query::default()), &pushed);
            let query = Query { offset, limit, ..Query::default() };
            let some: Vec<_> =
                pushed.iter().skip(offset as usize).take(limit as usize).cloned().collect();
            prop_assert_eq!(&read(&kept, n, &query), &some);
            let columns = vec![set.columns.len() - 1, 0];
            let projected = Query { columns: Some(columns.clone()), ..query.clone() };
            for ((number, json), full) in read(&kept, n, &projected).iter().zip(&some) {
                let row = &set.rows[*number as usize];
                prop_assert_eq!(*number, full.0);
                prop_assert_eq!(json, &format!("[{},{}]", row[columns[0]].json, row[0].json));
            }
            // Page by page it is the same.
            let (mut query, mut pages) = (Query { limit: 7, ..Query::default() }, Vec::new());
            loop {
                let page = kept.page(n, &query, 400).expect("a page");
                let rows: Vec<Box<serde_json::value::RawValue>> =
                    serde_json::from_slice(&page.json).expect("JSON");
                prop_assert_eq!(rows.len(), page.numbers.len());
                let rows = rows.iter().map(|r| r.get().to_owned());
                pages.extend(page.numbers.iter().copied().zip(rows));
                if !page.more {
                    break;
                }
                query.from = page.numbers.last().expect("a row") + 1;
            }
            prop_assert_eq!(&pages, &pushed);
        }
        let sha256 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        let sha256: String = sha256.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        prop_assert_eq!(kept.sha256(), sha256);
        prop_assert_eq!(kept.bytes(), text.len() as u64);
    }
}

#[test]
fn what_is_no_row_is_not_taken() {
    let (_folder, spool) = spool();
    let mut writer = spool.create("me", Options::default()).expect("a writer");
    assert!(matches!(writer.push(b"[1]"), Err(Error::Row)));
    writer.begin(vec![Column::new("a", "int")]);
    for bad in ["", "[]", "[1,2]", "[1", "1", "[ 1]", "[1]\n", "{\"a\":1}", "[1]]", "[nul]"] {
        assert!(matches!(writer.push(bad.as_bytes()), Err(Error::Row)), "{bad}");
    }
    assert!(matches!(writer.push(b"[1]"), Ok(Pushed::Taken)));
    let kept = writer.finish_and_wait().expect("kept");
    assert_eq!((kept.total_rows(), kept.is_complete()), (1, true));
}

#[test]
fn caps_end_a_result_which_says_so() {
    let (_folder, spool) = spool();
    let cut = |caps: Caps| {
        let options = Options { caps, chunk_bytes: 30, ..Options::default() };
        let mut writer = spool.create("me", options).expect("a writer");
        writer.begin(vec![Column::new("a", "int")]);
        let taken = (0..100)
            .take_while(|_| writer.push_and_wait(b"[1]").is_ok_and(|p| p == Pushed::Taken))
            .count();
        let kept = writer.finish_and_wait().expect("kept");
        assert_eq!(kept.total_rows(), taken as u64);
        assert_eq!(read(&kept, 0, &Query::default()).len(), taken);
        (taken, kept.reason(), kept.is_complete())
    };
    assert_eq!(cut(Caps { rows: 7, ..Caps::default() }), (7, Some(Reason::MaxRows), false));
    assert_eq!(cut(Caps { bytes: 41, ..Caps::default() }), (10, Some(Reason::MaxBytes), false));
    // A cap that is just enough is none.
    assert_eq!(cut(Caps { rows: 100, bytes: 400 }), (100, None, true));
}

#[test]
fn whoever_writes_may_stop() {
    let (_folder, spool) = spool();
    let mut writer = spool.create("me", Options::default()).expect("a writer");
    writer.begin(vec![Column::new("a", "int")]);
    assert_eq!(writer.push(b"[1]").expect("a row"), Pushed::Taken);
    writer.end(Reason::Stopped);
    assert_eq!(writer.push(b"[2]").expect("a row"), Pushed::Ended(Reason::Stopped));
    let kept = writer.finish_and_wait().expect("kept");
    assert_eq!((kept.total_rows(), kept.reason()), (1, Some(Reason::Stopped)));
}

#[test]
fn a_result_without_rows_is_one() {
    let (_folder, spool) = spool();
    let writer = spool.create("me", Options::default()).expect("a writer");
    let kept = writer.finish_and_wait().expect("kept");
    assert_eq!((kept.sets().len(), kept.is_complete()), (0, true));
    assert!(matches!(kept.rows(0, &Query::default()), Err(Error::NoSet(0))));
}

#[test]
fn a_row_that_is_longer_than_a_chunk_is_kept() {
    let (_folder, spool) = spool();
    let kept = many(&spool, "me", 10, 5);
    assert_eq!(read(&kept, 0, &Query::default())[9].1, "[9,\"text 9\"]");
    let mut writer = spool.create("me", Options::default()).expect("a writer");
    writer.begin(vec![Column::new("a", "nvarchar(max)")]);
    let long = format!("[\"{}\"]", "x".repeat(3 << 20));
    for row in ["[1]", &long, "[2]"] {
        writer.push_and_wait(row.as_bytes()).expect("a row");
    }
    let kept = writer.finish_and_wait().expect("kept");
    let rows: Vec<String> = read(&kept, 0, &Query::default()).into_iter().map(|r| r.1).collect();
    assert!(rows == ["[1]", &long, "[2]"]);
}

#[tokio::test]
async fn async_code_waits_without_blocking() {
    let (_folder, spool) = spool();
    let options = Options { chunk_bytes: 4096, ..Options::default() };
    let mut writer = spool.create("me", options).expect("a writer");
    writer.begin(vec![Column::new("n", "int")]);
    let mut waited = 0;
    for n in 0..200_000 {
        if writer.push(format!("[{n}]").as_bytes()).expect("a row") == Pushed::Full {
            waited += 1;
            writer.room().await;
        }
    }
    let kept = writer.finish().await.expect("kept");
    assert_eq!(kept.total_rows(), 200_000);
    let query = Query { offset: 123_456, limit: 1, ..Query::default() };
    assert_eq!(read(&kept, 0, &query), [(123_456, "[123456]".to_owned())]);
    assert!(waited > 0, "the disk was never behind");
}

#[test]
fn reading_can_be_stopped() {
    let (_folder, spool) = spool();
    let kept = many(&spool, "me", 100, 300);
    let query = Query::default();
    let mut rows = kept.rows(0, &query).expect("rows");
    assert!(rows.next_row().expect("a row").is_some());
    query.stop.stop();
    let stopped = std::iter::repeat_with(|| rows.next_row().map(|r| r.is_some()));
    let last = stopped.take(100).find(|r| !matches!(r, Ok(true)));
    assert!(matches!(last, Some(Err(Error::Stopped))), "{last:?}");
    assert!(rows.next_row().expect("an end").is_none());
    let what = Aggregation { stop: query.stop.clone(), ..Aggregation::default() };
    assert!(matches!(kept.aggregate(0, &what), Err(Error::Stopped)));
    let mut export = kept.export(0, &query, Format::JsonArrays).expect("a file");
    assert!(matches!(export.next(), Some(Err(Error::Stopped))) && export.next().is_none());
}

#[test]
fn all_of_it_goes_between_threads() {
    fn send<T: Send>() {}
    fn shared<T: Send + Sync>() {}
    send::<Writer>();
    send::<Rows>();
    send::<Export>();
    shared::<Kept>();
    shared::<Spool>();
}

#[test]
fn a_page_has_as_many_rows_as_fit_but_one_at_least() {
    let (_folder, spool) = spool();
    let kept = many(&spool, "me", 5, 300);
    let page = |bytes| kept.page(0, &Query::default(), bytes).expect("a page");
    let three = br#"[[0,"text 0"],[1,"text 1"],[2,"text 2"]]"#;
    for (bytes, rows) in [(three.len(), 3), (three.len() - 1, 2), (0, 1), (1000, 5)] {
        let page = page(bytes);
        assert_eq!((page.numbers.len(), page.more), (rows, rows < 5), "{bytes}");
    }
    assert_eq!(page(three.len()).json, three);
}

#[test]
fn a_result_has_so_many_sets_and_columns() {
    let (_folder, spool) = spool();
    let mut writer = spool.create("me", Options::default()).expect("a writer");
    for set in 0..1000 {
        assert!(!matches!(writer.begin(vec![Column::new("n", "int")]), Pushed::Ended(_)), "{set}");
        writer.push_and_wait(b"[1]").expect("a row");
        writer.wait_for_room();
    }
    assert_eq!((writer.rows(), writer.ended()), (1000, None));
    assert_eq!(writer.begin(Vec::new()), Pushed::Ended(Reason::MaxSets));
    let handle = writer.handle().to_owned();
    let kept = writer.finish_and_wait().expect("kept");
    assert_eq!(
        (kept.handle(), kept.sets().len(), kept.total_rows()),
        (handle.as_str(), 1000, 1000)
    );
    assert_eq!(kept.reason(), Some(Reason::MaxSets));

    let columns = |count| (0..count).map(|_| Column::new("n", "int")).collect::<Vec<_>>();
    let mut writer = spool.create("me", Options::default()).expect("a writer");
    assert_eq!(writer.begin(columns(4096)), Pushed::Taken);
    assert_eq!(writer.begin(columns(4097)), Pushed::Ended(Reason::MaxSets));
}
