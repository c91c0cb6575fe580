//! What outlives a process, and what several of them do to each other.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mssql_mcp_spool::{Options, Query, Spool};

use crate::support::{bounds, folder, many};

/// The other process: this test binary, with this test alone.
struct Other {
    child: Child,
    handle: String,
    /// Open as long as it writes there.
    _out: Box<dyn std::any::Any>,
}

impl Other {
    fn start(folder: &Path, persistent: bool) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("a path"))
            .args(["--exact", "processes::the_other_process", "--ignored", "--nocapture"])
            .env("SPOOL_FOLDER", folder)
            .env("SPOOL_PERSISTENT", persistent.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let out = BufReader::new(child.stdout.take().expect("its output"));
        let mut lines = out.lines().map(|l| l.expect("a line"));
        let handle = lines.find_map(|l| l.split_once("handle=").map(|(_, h)| h.to_owned()));
        Self { child, handle: handle.expect("a handle"), _out: Box::new(lines) }
    }

    /// As a crash would.
    fn kill(mut self) -> String {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
        self.handle
    }
}

#[test]
#[ignore = "what other tests start"]
fn the_other_process() {
    let Ok(folder) = std::env::var("SPOOL_FOLDER") else { return };
    let persistent = std::env::var("SPOOL_PERSISTENT");
    let (persistent, kept_in) = (persistent.as_deref(), Path::new(&folder));
    let spool = match persistent {
        Ok("true") => Spool::open_persistent(kept_in, bounds()),
        _ => Spool::open(kept_in, bounds()),
    };
    let spool = spool.expect("a store");
    let kept = many(&spool, "me", 1000, 500);
    let unfinished = spool.create("me", Options::default()).expect("a writer");
    // Its file is made by its thread.
    while names(kept_in, "rows") < usize::from(persistent != Ok("true")) + 1 {
        std::thread::yield_now();
    }
    println!("\nhandle={}", kept.handle());
    std::io::stdout().flush().expect("flushed");
    // Until it is killed, or told to go on.
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("a line");
    let mut rows = kept.rows(0, &Query::default()).expect("rows");
    let mut count = 0;
    while rows.next_row().expect("a row").is_some() {
        count += 1;
    }
    assert_eq!(count, 1000);
    assert!(unfinished.finish_and_wait().is_ok());
}

fn names(folder: &Path, extension: &str) -> usize {
    let files = std::fs::read_dir(folder).expect("a directory");
    let paths = files.map(|f| f.expect("a file").path());
    paths.filter(|p| p.extension().is_some_and(|e| e == extension)).count()
}

#[test]
fn what_a_process_that_ended_left_is_deleted_and_nothing_else() {
    let folder = folder();
    let other = Other::start(folder.path(), false);
    let strange = ["notes.txt", "mssqlspool-x.rows", "mssqlspool-0123456789abcdef.rows"];
    for name in strange {
        std::fs::write(folder.path().join(name), "mine").expect("written");
    }
    let below = folder.path().join("below");
    std::fs::create_dir(&below).expect("a directory");
    let id = "0123456789abcdef0123456789abcdef";
    let old = format!("mssqlspool-0123456789abcdef-{id}.rows");
    std::fs::write(below.join(&old), "mine").expect("written");
    std::fs::write(folder.path().join(&old), "left").expect("written");
    other.kill();
    assert_eq!((names(folder.path(), "lock"), names(folder.path(), "rows")), (1, 5));
    let spool = Spool::open(folder.path(), bounds()).expect("a store");
    assert_eq!((names(folder.path(), "lock"), names(folder.path(), "rows")), (1, 2));
    assert!(spool.list("me").is_empty());
    for name in strange {
        assert!(folder.path().join(name).exists(), "{name}");
    }
    assert!(below.join(&old).exists());
}

#[test]
fn a_process_that_lives_keeps_its_files() {
    let folder = folder();
    for persistent in [false, true] {
        let mut other = Other::start(folder.path(), persistent);
        for _ in 0..3 {
            let spool = match persistent {
                true => Spool::open_persistent(folder.path(), bounds()),
                false => Spool::open(folder.path(), bounds()),
            };
            let spool = spool.expect("a store");
            assert!(spool.get(&other.handle, "me").is_none());
            assert!(spool.list("me").is_empty());
        }
        // It reads all of its rows.
        other.child.stdin.take().expect("its input").write_all(b"\n").expect("told");
        assert!(other.child.wait().expect("ended").success());
        for file in std::fs::read_dir(folder.path()).expect("a directory") {
            std::fs::remove_file(file.expect("a file").path()).expect("removed");
        }
    }
}

#[test]
fn results_outlive_a_process_where_that_is_wanted() {
    let folder = folder();
    let handle = Other::start(folder.path(), true).kill();
    // Whoever has no use for them leaves them alone.
    drop(Spool::open(folder.path(), bounds()).expect("a store"));
    assert_eq!((names(folder.path(), "kept"), names(folder.path(), "rows")), (1, 0));
    for _ in 0..2 {
        let spool = Spool::open_persistent(folder.path(), bounds()).expect("a store");
        let kept = spool.get(&handle, "me").expect("the result");
        assert!(spool.get(&handle, "you").is_none());
        assert_eq!((kept.total_rows(), spool.list("me").len()), (1000, 1));
        assert_eq!(spool.usage(), (kept.file_bytes(), 1));
        let profile = kept.sets()[0].profile.as_ref().expect("a profile");
        assert_eq!(profile[0].max.as_ref().expect("one").text, "999");
        let query = Query { offset: 998, ..Query::default() };
        let page = kept.page(0, &query, 10_000).expect("a page");
        assert_eq!(page.json, b"[[998,\"text 998\"],[999,\"text 999\"]]");
    }
    let spool = Spool::open_persistent(folder.path(), bounds()).expect("a store");
    assert!(spool.forget(&handle, "me"));
    drop(spool);
    assert_eq!(names(folder.path(), "kept"), 0);
}

#[test]
fn nothing_is_taken_over_that_is_over_changed_or_of_another_key() {
    let folder = folder();
    let open = || Spool::open_persistent(folder.path(), bounds()).expect("a store");
    let spool = open();
    let options = Options { ttl: Some(Duration::ZERO), ..Options::default() };
    drop(spool.create("me", options).expect("a writer").finish_and_wait().expect("kept"));
    drop(spool);
    assert_eq!(names(folder.path(), "kept"), 1);
    drop(open());
    assert_eq!(names(folder.path(), "kept"), 0);

    drop(many(&open(), "me", 10, 100));
    let files = std::fs::read_dir(folder.path()).expect("a directory");
    let mut paths = files.map(|f| f.expect("a file").path());
    let path = paths.find(|p| p.extension().is_some_and(|e| e == "kept")).expect("a file");
    let whole = std::fs::read(&path).expect("the file");
    for at in [10, whole.len() - 50, whole.len() - 1] {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(&path, &changed).expect("written");
        assert!(open().list("me").is_empty(), "{at}");
        assert!(!path.exists());
    }
    std::fs::write(&path, &whole).expect("written");
    std::fs::write(folder.path().join("mssqlspool.key"), [7; 32]).expect("written");
    assert!(open().list("me").is_empty());
    assert_eq!(names(folder.path(), "kept"), 0);
}
