//! Clients that others wrote, each by each of its transports: docs/compatibility.md is what works,
//! and a change of it fails here.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::clients::installed;
use crate::support::binary;

/// Runs the matrix, or the part of it that is named.
async fn matrix(only: &[&str], minutes: u64) {
    let script =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clients/matrix").join("run.py");
    let mut c = Command::new("python3");
    c.arg(script).arg(binary()).arg(installed("stamp").parent().expect("a folder")).args(only);
    let out = c.stdin(Stdio::null()).kill_on_drop(true).output();
    let out = tokio::time::timeout(Duration::from_secs(60 * minutes), out).await;
    let out = out.expect("in time").expect("run");
    let said = String::from_utf8_lossy(&out.stdout);
    println!("{said}");
    let failed = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && said.contains("as expected: ok"), "{said}\n{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_twelve_most_used_clients_work_as_the_page_says() {
    matrix(&["--only", "twelve"], 10).await;
}

/// `make clients-all` installs and asks them.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "two gigabytes of packages"]
async fn all_clients_work_as_the_page_says() {
    installed("stamp-all");
    matrix(&[], 30).await;
}
