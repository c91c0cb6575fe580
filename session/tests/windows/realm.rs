//! The realm of tests/windows/realm.py, for as long as this program runs, and cases within it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// A realm, which ends with its stdin: whatever becomes of this program, that closes.
pub(crate) struct Realm {
    told: HashMap<String, String>,
    _process: Child,
}

static REALM: OnceLock<Realm> = OnceLock::new();

/// What a case printed: its two ends, and everything.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) client: String,
    pub(crate) server: String,
    pub(crate) threads: String,
    pub(crate) everything: String,
}

// === impl Realm ===

impl Realm {
    fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/windows/realm.py");
        let mut process = Command::new("python3")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let out = process.stdout.take().expect("a pipe");
        let mut told = HashMap::new();
        for line in BufReader::new(out).lines().map(|l| l.expect("text")) {
            match line.split_once('=') {
                Some((key, value)) => drop(told.insert(key.to_owned(), value.to_owned())),
                None => return Self { told, _process: process },
            }
        }
        panic!("there is no realm: run tests/windows/install.sh");
    }

    pub(crate) fn get(key: &str) -> &'static str {
        &REALM.get_or_init(Self::start).told[key]
    }
}

/// Runs a case with these variables, and otherwise as the realm has them.
pub(crate) fn run(variables: &[(&str, &str)]) -> Seen {
    let out = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "case::case", "--ignored", "--nocapture"])
        .env("LC_ALL", "C")
        .env("RUST_LOG", "trace")
        .env_remove("KRB5_CLIENT_KTNAME")
        .envs(["KRB5_CONFIG", "KRB5_KTNAME", "NTLM_USER_FILE"].map(|k| (k, Realm::get(k))))
        .envs(variables.iter().copied())
        .output()
        .expect("this program runs");
    let everything = [out.stdout, out.stderr].concat();
    let everything = String::from_utf8_lossy(&everything).into_owned();
    let of = |who: &str| {
        let lines = everything.lines().filter_map(|l| l.strip_prefix(who));
        lines
            .map(str::to_owned)
            .next()
            .unwrap_or_else(|| panic!("{who}{variables:?}: {everything}"))
    };
    let (client, server, threads) = (of("client: "), of("server: "), of("threads: "));
    Seen { client, server, threads, everything: everything.clone() }
}
