//! Files on a disk: what is left of them, whatever happens.
#![cfg(unix)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use mssql_mcp_client_setup::{read, write};

const STAMP: &str = "20260102030405";

fn folder(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("client-setup-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("folder");
    dir
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).expect("there").permissions().mode() & 0o777
}

/// The names in a folder.
fn names(dir: &Path) -> Vec<String> {
    let all = fs::read_dir(dir).expect("folder").map(|e| e.expect("entry").file_name());
    let mut all: Vec<String> = all.map(|n| n.into_string().expect("UTF-8")).collect();
    all.sort();
    all
}

#[test]
fn a_new_file_and_its_folders_are_for_this_person_alone() {
    let dir = folder("new");
    let file = dir.join("a/b/c.json");
    write(&file, None, "{}", STAMP).expect("written");
    assert_eq!(read(&file), Ok(Some("{}".to_owned())));
    assert_eq!((mode(&file), mode(&dir.join("a")), mode(&dir.join("a/b"))), (0o600, 0o700, 0o700));
    assert_eq!(names(&dir.join("a/b")), ["c.json"]);
}

#[test]
fn mode_stays_and_the_former_text_is_kept_beside() {
    let dir = folder("mode");
    let file = dir.join("c.json");
    fs::write(&file, "old").expect("write");
    fs::set_permissions(&file, Permissions::from_mode(0o640)).expect("mode");
    write(&file, Some("old"), "new", STAMP).expect("written");
    write(&file, Some("new"), "newer", STAMP).expect("written");
    assert_eq!(names(&dir), ["c.json", "c.json.bak-20260102030405"]);
    let kept = dir.join("c.json.bak-20260102030405");
    assert_eq!((read(&file), mode(&file)), (Ok(Some("newer".to_owned())), 0o640));
    assert_eq!((read(&kept), mode(&kept)), (Ok(Some("old".to_owned())), 0o640));
}

#[test]
fn a_link_stays_one_and_the_file_behind_it_changes() {
    let dir = folder("link");
    let (real, file) = (dir.join("dots/real.json"), dir.join("c.json"));
    fs::create_dir(dir.join("dots")).expect("folder");
    fs::write(&real, "old").expect("write");
    symlink("dots/real.json", &file).expect("link");
    write(&file, Some("old"), "new", STAMP).expect("written");
    assert!(fs::symlink_metadata(&file).expect("there").is_symlink());
    assert_eq!(read(&real), Ok(Some("new".to_owned())));
    assert_eq!(names(&dir), ["c.json", "dots"]);
    // One to nowhere is nobody's to fill.
    let lost = dir.join("lost.json");
    symlink("nowhere.json", &lost).expect("link");
    assert!(write(&lost, None, "new", STAMP).expect_err("refused").contains("link"));
    assert!(!dir.join("nowhere.json").exists());
}

#[test]
fn what_changed_meanwhile_is_not_overwritten() {
    let dir = folder("meanwhile");
    let file = dir.join("c.json");
    fs::write(&file, "theirs").expect("write");
    let said = write(&file, Some("old"), "new", STAMP).expect_err("refused");
    assert!(said.contains("changed meanwhile"), "{said}");
    let said = write(&file, None, "new", STAMP).expect_err("refused");
    assert!(said.contains("changed meanwhile"), "{said}");
    assert_eq!(read(&file), Ok(Some("theirs".to_owned())));
    assert!(names(&dir).iter().all(|n| !n.ends_with(".tmp")), "{:?}", names(&dir));
}

#[test]
fn a_file_that_is_read_only_or_no_text_is_left_as_it_is() {
    let dir = folder("only");
    let file = dir.join("c.json");
    fs::write(&file, "old").expect("write");
    fs::set_permissions(&file, Permissions::from_mode(0o444)).expect("mode");
    assert!(write(&file, Some("old"), "new", STAMP).expect_err("refused").contains("read-only"));
    assert_eq!((read(&file), names(&dir)), (Ok(Some("old".to_owned())), vec!["c.json".to_owned()]));
    let binary = dir.join("b.json");
    fs::write(&binary, b"\xff\xfe{").expect("write");
    assert!(read(&binary).expect_err("no text").contains("UTF-8"));
    assert_eq!(read(&dir.join("none.json")), Ok(None));
}
