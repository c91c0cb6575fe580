//! Whose results there are, how many, and for how long.

use std::time::Duration;

use mssql_mcp_spool::{Bounds, Column, Error, Options, Pushed, Query, Reason, Spool};

use crate::support::{bounds, folder, many, spool};

#[test]
fn only_its_owner_finds_a_result() {
    let (_folder, spool) = spool();
    let kept = many(&spool, "me", 3, 100);
    let handle = kept.handle().to_owned();
    assert!(handle.starts_with("res_") && handle.len() == 26);
    assert!(handle.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
    assert!(spool.get(&handle, "me").is_some());
    let other = if handle.ends_with('A') { 'Q' } else { 'A' };
    let forged = format!("{}{other}", &handle[..25]);
    for (handle, owner) in [(handle.as_str(), "you"), (&forged, "me"), ("", "me"), ("res_", "me")] {
        assert!(spool.get(handle, owner).is_none(), "{handle} of {owner}");
    }
    assert!(!spool.forget(&handle, "you"));
    assert_eq!((spool.list("me").len(), spool.list("you").len()), (1, 0));
    let listed = &spool.list("me")[0];
    assert_eq!((listed.rows, listed.complete, listed.bytes), (3, true, kept.file_bytes()));
    assert!(spool.forget(&handle, "me") && !spool.forget(&handle, "me"));
    assert!(spool.get(&handle, "me").is_none());
    // Who reads it can go on.
    let mut rows = kept.rows(0, &Query::default()).expect("rows");
    assert!(rows.next_row().expect("a row").is_some());
    assert_eq!(spool.usage(), (0, 0));
}

#[test]
fn results_of_an_owner_are_forgotten_together() {
    let (folder, spool) = spool();
    for owner in ["me", "you", "me"] {
        many(&spool, owner, 3, 100);
    }
    assert_eq!(spool.forget_owner("me"), 2);
    assert_eq!((spool.list("me").len(), spool.list("you").len()), (0, 1));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a directory").count(), 2);
    drop(spool);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a directory").count(), 0);
}

#[test]
fn what_is_over_is_not_found_and_swept() {
    let (_folder, spool) = spool();
    let options = Options { ttl: Some(Duration::ZERO), ..Options::default() };
    let writer = spool.create("me", options).expect("a writer");
    let kept = writer.finish_and_wait().expect("kept");
    let living = many(&spool, "me", 1, 100);
    assert!(spool.get(kept.handle(), "me").is_none());
    assert!(!spool.forget(kept.handle(), "me"));
    assert_eq!(spool.list("me").len(), 1);
    assert_eq!((spool.usage().1, spool.sweep(), spool.usage().1), (2, 1, 1));
    assert!(spool.get(living.handle(), "me").is_some());
}

#[test]
fn the_oldest_of_the_owner_go_first_but_none_that_is_read() {
    let folder = folder();
    let small = Bounds { owner_files: 2, ..bounds() };
    let spool = Spool::open(folder.path(), small).expect("a store");
    let handle = |owner| many(&spool, owner, 3, 100).handle().to_owned();
    let (other, first, second) = (handle("you"), handle("me"), handle("me"));
    let read = spool.get(&first, "me").expect("the first");
    let third = handle("me");
    assert!(spool.get(&second, "me").is_none());
    let held = [read, spool.get(&third, "me").expect("the third")];
    assert!(matches!(spool.create("me", Options::default()), Err(Error::OwnerFiles)));
    drop(held);
    assert!(spool.create("me", Options::default()).is_ok());
    assert!(spool.get(&other, "you").is_some());
}

#[test]
fn at_the_bound_of_all_the_oldest_of_anybody_goes() {
    let folder = folder();
    let small = Bounds { files: 2, ..bounds() };
    let spool = Spool::open(folder.path(), small).expect("a store");
    let first = many(&spool, "a", 3, 100).handle().to_owned();
    let second = many(&spool, "b", 3, 100);
    let third = many(&spool, "c", 3, 100);
    assert!(spool.get(&first, "a").is_none());
    assert!(matches!(spool.create("d", Options::default()), Err(Error::Files)));
    drop(second);
    assert!(spool.create("d", Options::default()).is_ok());
    assert!(spool.get(third.handle(), "c").is_some());
}

#[test]
fn a_quota_that_is_reached_midway_keeps_what_was_written() {
    let folder = folder();
    for (small, reason) in [
        (Bounds { owner_bytes: 20_000, ..bounds() }, Reason::OwnerBytes),
        (Bounds { bytes: 20_000, ..bounds() }, Reason::StoreBytes),
    ] {
        let spool = Spool::open(folder.path(), small).expect("a store");
        let old = many(&spool, "me", 300, 1000).handle().to_owned();
        let kept = many(&spool, "me", 100_000, 1000);
        // It took the room of the old one first.
        assert!(spool.get(&old, "me").is_none());
        assert_eq!((kept.is_complete(), kept.reason()), (false, Some(reason)));
        let mut rows = kept.rows(0, &Query::default()).expect("rows");
        let mut count = 0;
        while let Some(row) = rows.next_row().expect("a row") {
            assert_eq!(row.json, format!("[{count},\"text {count}\"]").as_bytes());
            count += 1;
        }
        assert_eq!(count, kept.total_rows());
        assert!(count > 500 && spool.usage().0 <= 20_000);
        // What is said of it is said of these rows.
        let profile = &kept.sets()[0].profile.as_ref().expect("a profile")[0];
        assert_eq!((profile.values, profile.nulls), (count, 0));
        assert_eq!(profile.max.as_ref().expect("one").text, (count - 1).to_string());
    }
}

#[test]
fn a_writer_that_is_dropped_leaves_nothing() {
    let (folder, spool) = spool();
    let mut writer =
        spool.create("me", Options { chunk_bytes: 10, ..Options::default() }).expect("a writer");
    writer.begin(vec![Column::new("n", "int")]);
    for _ in 0..1000 {
        assert_eq!(writer.push_and_wait(b"[1]").expect("a row"), Pushed::Taken);
    }
    drop(writer);
    // The thread goes when it finds out.
    while spool.usage() != (0, 0) {
        std::thread::yield_now();
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("a directory").count(), 1);
}

#[cfg(unix)]
#[test]
fn files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = folder();
    let below = folder.path().join("a/b");
    let mode = |path: &std::path::Path| {
        std::fs::metadata(path).expect("a file").permissions().mode() & 0o777
    };
    let spool = Spool::open_persistent(&below, bounds()).expect("a store");
    many(&spool, "me", 3, 100);
    assert_eq!(mode(&below), 0o700);
    let files: Vec<_> = std::fs::read_dir(&below).expect("a directory").collect();
    assert_eq!(files.len(), 3);
    files.iter().for_each(|f| assert_eq!(mode(&f.as_ref().expect("a file").path()), 0o600));
    let open = folder.path().join("open");
    std::fs::create_dir(&open).expect("a directory");
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).expect("set");
    assert!(matches!(Spool::open(&open, bounds()), Err(Error::OpenDirectory)));
    assert_eq!(mode(&open), 0o755);
}

#[test]
fn what_is_counted_is_what_is_there() {
    let folder = folder();
    let small =
        Bounds { bytes: 60_000, files: 12, owner_bytes: 30_000, owner_files: 5, ..bounds() };
    let spool = Spool::open(folder.path(), small).expect("a store");
    std::thread::scope(|scope| {
        for worker in 0..4usize {
            let spool = &spool;
            scope.spawn(move || {
                let owner = if worker < 2 { "a" } else { "b" };
                for n in 0..40usize {
                    let options = Options { chunk_bytes: 500, ..Options::default() };
                    let Ok(mut writer) = spool.create(owner, options) else { continue };
                    writer.begin(vec![Column::new("n", "int")]);
                    for row in 0..n % 20 * 100 {
                        let pushed = writer.push_and_wait(format!("[{row}]").as_bytes());
                        if let Pushed::Ended(_) = pushed.expect("a row") {
                            break;
                        }
                    }
                    if n % 5 == 4 {
                        continue;
                    }
                    let kept = writer.finish_and_wait().expect("kept");
                    let found = spool.get(kept.handle(), owner).unwrap_or(kept);
                    let mut rows = found.rows(0, &Query::default()).expect("rows");
                    let mut count = 0;
                    while rows.next_row().expect("a row").is_some() {
                        count += 1;
                    }
                    assert_eq!(count, found.total_rows());
                    if n % 7 == 6 {
                        spool.forget(found.handle(), owner);
                    }
                    let (bytes, files) = spool.usage();
                    assert!(bytes <= 60_000 && files <= 12, "{bytes} bytes, {files} files");
                }
            });
        }
    });
    // Threads of writers that were dropped find that out in their own time.
    let listed = || {
        let all = [spool.list("a"), spool.list("b")].concat();
        (all.iter().map(|l| l.bytes).sum::<u64>(), all.len())
    };
    while spool.usage() != listed() {
        std::thread::yield_now();
    }
    let files = std::fs::read_dir(folder.path()).expect("a directory");
    let files = files.map(|f| f.expect("a file").metadata().expect("a file").len());
    let (bytes, count) = files.fold((0, 0), |(bytes, count), len| (bytes + len, count + 1));
    // One is the lock.
    assert_eq!((bytes, count - 1), listed());
    assert!(listed().1 > 0);
}
