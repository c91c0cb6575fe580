//! What needs a disk that fails.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use crate::{Bounds, Column, Error, Kept, Options, Pushed, Query, Reason, Spool};

fn spool(room: u64, persist: bool) -> (tempfile::TempDir, Spool) {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    let folder = builder.tempdir().expect("a directory");
    let bounds = Bounds {
        bytes: 1 << 30,
        files: 10,
        owner_bytes: 1 << 30,
        owner_files: 10,
        ttl: Duration::from_secs(60),
    };
    let spool = match persist {
        true => Spool::open_persistent(folder.path(), bounds),
        false => Spool::open(folder.path(), bounds),
    };
    (folder, spool.expect("a store").with_disk_of(room))
}

fn keep(spool: &Spool, rows: usize, chunk_bytes: usize) -> Result<Arc<Kept>, Error> {
    let mut writer = spool.create("me", Options { chunk_bytes, ..Options::default() })?;
    for set in 0..2 {
        writer.begin(vec![Column::new("n", "int")]);
        for n in 0..rows {
            if let Pushed::Ended(_) =
                writer.push_and_wait(format!("[{}]", n * 2 + set).as_bytes())?
            {
                break;
            }
        }
    }
    writer.finish_and_wait()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_disk_that_fills_up_loses_no_earlier_row(room in 32..4000u64, chunk in 1..300usize) {
        let (_folder, spool) = spool(room, false);
        let kept = keep(&spool, 200, chunk).expect("kept");
        prop_assert!(kept.file_bytes() <= room);
        prop_assert_eq!(spool.usage(), (kept.file_bytes(), 1));
        let mut total = 0;
        for (set, of) in kept.sets().iter().enumerate() {
            let mut rows = kept.rows(set, &Query::default()).expect("rows");
            let mut count = 0;
            while let Some(row) = rows.next_row().expect("a row") {
                let pushed = format!("[{}]", count * 2 + set);
                prop_assert_eq!(row.json, pushed.as_bytes());
                count += 1;
            }
            prop_assert_eq!(count as u64, of.rows);
            prop_assert_eq!(of.profile.as_ref().expect("a profile")[0].values, of.rows);
            total += count;
        }
        prop_assert_eq!(kept.is_complete(), total == 400);
        prop_assert_eq!(kept.reason(), (total < 400).then_some(Reason::DiskFull));
    }
}

#[test]
fn a_disk_without_any_room_is_an_error() {
    let (folder, spool) = spool(10, false);
    assert!(matches!(keep(&spool, 1, 10), Err(Error::Io(_))));
    assert_eq!(spool.usage(), (0, 0));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a directory").count(), 1);
}

#[test]
fn a_result_without_room_for_its_index_ends_with_the_process() {
    let (_folder, spool) = spool(200, true);
    let kept = keep(&spool, 5, 1000).expect("kept");
    assert!(kept.is_complete() && kept.path().extension().is_some_and(|e| e == "rows"));
    assert!(kept.rows(0, &Query::default()).expect("rows").next_row().is_ok_and(|r| r.is_some()));
}
