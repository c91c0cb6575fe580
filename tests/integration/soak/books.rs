//! What happened: as the clients know it, as the metrics have it, and as the audit log has it.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::support::http;

/// `mcp.method.name`, `gen_ai.tool.name`, `mssql_mcp.outcome`.
pub type Kind = (String, String, String);

/// How a marked call ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    Answered {
        outcome: String,
        rows: u64,
        truncated: bool,
    },
    /// The client went away; only the server knows.
    Left,
}

#[derive(Debug, Default)]
pub struct Books {
    pub kinds: BTreeMap<Kind, u64>,
    /// Calls of execute_sql, by the number in their text.
    pub marked: HashMap<u64, Seen>,
    /// Requests over HTTP, however they ended.
    pub requests: u64,
    pub refused: BTreeMap<&'static str, u64>,
    pub reloads: BTreeMap<&'static str, u64>,
    pub faults: BTreeMap<&'static str, u64>,
}

#[derive(Clone)]
pub struct World {
    pub books: Arc<Mutex<Books>>,
    pub next: Arc<AtomicU64>,
    pub address: SocketAddr,
    pub token: String,
    pub limited: String,
    pub stop: CancellationToken,
}

impl World {
    pub fn with<T>(&self, f: impl FnOnce(&mut Books) -> T) -> T {
        f(&mut self.books.lock().expect("books"))
    }

    pub fn mark(&self, sql: &str) -> (u64, String) {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        (n, format!("{sql} /* soak {n} */"))
    }

    fn kind(&self, method: &str, tool: &str, outcome: &str) {
        self.with(|b| {
            *b.kinds.entry((method.into(), tool.into(), outcome.into())).or_default() += 1
        });
    }

    /// Enters what came for a call; none if its client did not wait for it.
    pub fn seen(
        &self,
        method: &str,
        tool: &str,
        mark: Option<u64>,
        answer: Option<&Value>,
    ) -> String {
        let seen = answer.map_or(Seen::Left, outcome);
        let name = match &seen {
            Seen::Answered { outcome, .. } => outcome.clone(),
            Seen::Left => "left".into(),
        };
        self.kind(method, tool, &name);
        if let Some(n) = mark {
            let before = self.with(|b| b.marked.insert(n, seen));
            assert!(before.is_none(), "call {n} was answered twice");
        }
        name
    }

    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    pub fn requested(&self) {
        self.with(|b| b.requests += 1);
    }
}

/// From a JSON-RPC response; null for a request that was cancelled.
fn outcome(answer: &Value) -> Seen {
    let plain = |o: &str| Seen::Answered { outcome: o.to_owned(), rows: 0, truncated: false };
    if answer.is_null() {
        return plain("cancelled");
    }
    let result = &answer["result"];
    if answer.get("error").is_some() {
        return plain("fault");
    }
    if result["isError"] == true {
        let text = result["content"][0]["text"].as_str().unwrap_or_default();
        let said: Value = serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {answer}"));
        return match said["error"]["code"].as_str() {
            // It goes on by itself: what becomes of it only the record says.
            Some("still_running") => Seen::Left,
            Some(code) => plain(code),
            None => panic!("no code: {answer}"),
        };
    }
    // The oldest clients get the same as text.
    let text = || {
        result["content"][0]["text"]
            .as_str()
            .and_then(|t| serde_json::from_str(t).ok())
            .unwrap_or_default()
    };
    let all = result.get("structuredContent").cloned().unwrap_or_else(text)["results"].take();
    let all = all.as_array();
    let rows = all.map_or(0, |r| r.iter().map(|r| r["row_count"].as_u64().unwrap_or(0)).sum());
    let truncated = all.is_some_and(|r| r.iter().any(|r| r["truncated"].is_object()));
    Seen::Answered { outcome: "ok".into(), rows, truncated }
}

// === the metrics ===

pub type Series = (String, BTreeMap<String, String>, f64);

pub async fn scrape(admin: SocketAddr) -> Vec<Series> {
    let a = http(admin, "GET", "/metrics", &[], b"").await;
    assert_eq!(a.status, 200);
    let lines = a.body.lines().filter(|l| !l.starts_with('#'));
    lines
        .map(|l| {
            let (series, value) = l.rsplit_once(' ').expect("a value");
            let (name, rest) = series.split_once('{').unwrap_or((series, ""));
            let labels =
                rest.trim_end_matches('}').split("\",").filter_map(|kv| kv.split_once("=\""));
            let labels =
                labels.map(|(k, v)| (k.to_owned(), v.trim_end_matches('"').to_owned())).collect();
            (name.to_owned(), labels, value.parse().expect("a number"))
        })
        .collect()
}

/// The sum of the series that have these labels; an empty value is one that is not there.
pub fn total(all: &[Series], name: &str, labels: &[(&str, &str)]) -> u64 {
    let fits = |s: &&Series| {
        s.0 == name && labels.iter().all(|(k, v)| s.1.get(*k).map_or("", String::as_str) == *v)
    };
    all.iter().filter(fits).map(|s| s.2 as u64).sum()
}

pub fn kinds(all: &[Series]) -> BTreeMap<Kind, u64> {
    let mut sums = BTreeMap::new();
    for (name, labels, n) in all {
        if name == "mcp_server_operation_duration_seconds_count" {
            let of = |k: &str| labels.get(k).cloned().unwrap_or_default();
            let kind = (of("mcp_method_name"), of("gen_ai_tool_name"), of("mssql_mcp_outcome"));
            *sums.entry(kind).or_default() += *n as u64;
        }
    }
    sums
}

// === the audit log ===

/// A call as its two records have it.
#[derive(Debug, Default)]
pub struct Recorded {
    pub mark: Option<u64>,
    pub tool: String,
    pub outcome: Option<String>,
    pub rows: u64,
    pub truncated: bool,
}

/// The files of the log, in their order.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(dir).expect("folder").map(|f| f.expect("file").path());
    let mut all: Vec<PathBuf> =
        all.filter(|p| p.extension().is_some_and(|e| e == "jsonl")).collect();
    all.sort();
    all
}

/// Every call in the log, and the number of records.
pub fn recorded(dir: &Path) -> (Vec<Recorded>, u64) {
    let (mut calls, mut records) = (HashMap::<String, Recorded>::new(), 0);
    for f in files(dir) {
        for line in std::fs::read_to_string(f).expect("records").lines() {
            records += 1;
            let r: Value = serde_json::from_str(line).expect("a record");
            let text = |k: &str| r[k].as_str().unwrap_or_default().to_owned();
            assert_ne!(r["event"], "gap", "records were lost: {r}");
            let call = text("call");
            match r["event"].as_str() {
                Some("call_start") => {
                    let mark = text("text")
                        .rsplit_once("/* soak ")
                        .and_then(|(_, n)| n.split(' ').next()?.parse().ok());
                    let new = Recorded { mark, tool: text("tool"), ..Recorded::default() };
                    assert!(calls.insert(call, new).is_none(), "two starts: {r}");
                }
                Some("call_end") => {
                    let c =
                        calls.get_mut(&call).unwrap_or_else(|| panic!("an end without start: {r}"));
                    assert!(c.outcome.replace(text("outcome")).is_none(), "two ends: {r}");
                    c.rows = r["rows"].as_u64().expect("rows");
                    c.truncated = !text("truncated").is_empty();
                }
                _ => {}
            }
        }
    }
    (calls.into_values().collect(), records)
}
