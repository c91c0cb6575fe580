//! What one call may cost the server in memory, however much the database sends: its peak as the
//! system counts it, in a process of its own.

use std::net::SocketAddr;
use std::time::Duration;

use mssql_mcp_sandbox::{DATABASE, Options, PASSWORD, Sandbox, Script, USER};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::process::Child;

use crate::support::{command, free, stateless, until};

/// Bytes of a value that is sent in one go.
const PIECE: usize = 30_000;
/// 300 MB in such pieces.
const HUGE: u64 = 10_000;
/// 9 MB of them: beyond every buffer, and little enough for 64 at once.
const LARGE: u64 = 300;
/// Between two pieces of these, so that the last one begins before the first one has ended.
const PAUSE: Duration = Duration::from_millis(10);
/// The peak of one call above that of a small one of its kind, and of 64 calls at once in all, in KB.
const ONE: u64 = 4 << 10;
const ALL: u64 = 150 << 10;

/// How the bytes of a long value are cut.
#[derive(Clone, Copy)]
enum Cut {
    /// Chunks, their number and length unknown (MS-TDS 2.2.5.2.3).
    Plp,
    /// All behind a text pointer and their length (MS-TDS 2.2.7.17).
    Pointer,
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A text behind its length in units, in one byte.
fn short_text(text: &str) -> Vec<u8> {
    [&[text.len() as u8], utf16(text).as_slice()].concat()
}

/// COLMETADATA of columns that have one type, with `behind` between it and each name.
fn columns(n: u16, type_info: &[u8], behind: &[u8]) -> Vec<u8> {
    let mut out = vec![0x81];
    out.extend(n.to_le_bytes());
    for i in 0..n {
        out.extend([0, 0, 0, 0, 1, 0]);
        out.extend(type_info);
        out.extend(behind);
        out.extend(short_text(&format!("c{i}")));
    }
    out
}

fn done(token: u8, more: bool, rows: u64) -> Vec<u8> {
    let mut out = vec![token, 0x10 | u8::from(more), 0, 0xC1, 0];
    out.extend(rows.to_le_bytes());
    out
}

/// DONEINPROC, RETURNSTATUS and DONEPROC.
fn ending(rows: u64) -> Vec<u8> {
    [done(0xFF, true, rows), vec![0x79, 0, 0, 0, 0], done(0xFE, false, 0)].concat()
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_le_bytes(), bytes].concat()
}

/// PLP of a length that is not told.
const UNKNOWN: [u8; 8] = [0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
const END_OF_CHUNKS: [u8; 4] = [0; 4];

/// One row of one cell, of so many pieces.
fn cell(type_info: &[u8], behind: &[u8], cut: Cut, piece: &[u8], times: u64) -> Script {
    let mut head = columns(1, type_info, behind);
    head.push(0xD1);
    match cut {
        Cut::Plp => {
            head.extend(UNKNOWN);
            let tail = [&END_OF_CHUNKS, ending(1).as_slice()].concat();
            Script::tokens(head, chunk(piece), times, tail)
        }
        Cut::Pointer => {
            // A pointer of 16 bytes, a timestamp of eight, and the length.
            head.push(16);
            head.extend([7; 24]);
            head.extend((piece.len() as u32 * times as u32).to_le_bytes());
            Script::tokens(head, piece.to_vec(), times, ending(1))
        }
    }
}

/// A long cell of each kind.
fn long_cells(times: u64) -> Vec<(&'static str, Script)> {
    // SQL_Latin1_General_CP1_CI_AS.
    let collated = |head: &[u8]| [head, &[9, 4, 0xD0, 0, 0x34]].concat();
    let max = |token| collated(&[token, 0xFF, 0xFF]);
    let old = |token: u8| vec![token, 0xFF, 0xFF, 0xFF, 0x7F];
    // text, ntext and image name their table.
    let table = [&[1, 1, 0][..], &utf16("t")].concat();
    let udt = [&[0xF0, 0xFF, 0xFF, 0][..], &short_text("sys"), &short_text("geography"), &[0, 0]];
    let ascii = "A text that goes on and on. ".repeat(PIECE / 28).into_bytes();
    let wide = utf16(&"naïve 日本 😀, ".repeat(PIECE / 28));
    let bytes = vec![0xAB; PIECE];
    let json = br#"{"key": ["value", 1.5, null, "\u00e9"]}, "#.repeat(PIECE / 41);
    let one = |ty: &[u8], behind: &[u8], cut, piece: &[u8]| cell(ty, behind, cut, piece, times);
    vec![
        ("varchar", one(&max(0xA7), &[], Cut::Plp, &ascii)),
        ("nvarchar", one(&max(0xE7), &[], Cut::Plp, &wide)),
        ("varbinary", one(&[0xA5, 0xFF, 0xFF], &[], Cut::Plp, &bytes)),
        ("text", one(&collated(&old(0x23)), &table, Cut::Pointer, &ascii)),
        ("ntext", one(&collated(&old(0x63)), &table, Cut::Pointer, &wide)),
        ("image", one(&old(0x22), &table, Cut::Pointer, &bytes)),
        ("xml", one(&[0xF1, 0], &[], Cut::Plp, &wide)),
        ("udt", one(&udt.concat(), &[], Cut::Plp, &bytes)),
        ("json", one(&[0xF4], &[], Cut::Plp, &json)),
    ]
}

/// What is large in another way: rows of sql_variant, which are as long as they can be, a row with
/// as many columns as there can be, each of so many pieces, and 64 result sets.
fn wide_answers(pieces: usize) -> Vec<(&'static str, Script)> {
    // 0xA7 with seven bytes of properties, and 8,000 of the value.
    let mut variant = vec![0xD1];
    variant.extend(8009u32.to_le_bytes());
    variant.extend([0xA7, 7, 9, 4, 0xD0, 0, 0x34, 0x40, 0x1F]);
    variant.extend([b'v'; 8000]);
    let head = columns(1, &[0x62, 0x49, 0x1F, 0, 0], &[]);
    let variants = Script::tokens(head, variant, 200, ending(200));
    let nvarchar = [0xE7, 0xFF, 0xFF, 9, 4, 0xD0, 0, 0x34];
    let piece = utf16(&"in a wide row, ".repeat(PIECE / 30));
    let pieces = chunk(&piece).repeat(pieces);
    let one = [&UNKNOWN[..], &pieces, &END_OF_CHUNKS].concat();
    let head = [columns(1024, &nvarchar, &[]), vec![0xD1]].concat();
    let columns_1024 = Script::tokens(head, one.repeat(16), 64, ending(1));
    let row = [&[0xD1][..], &UNKNOWN, &chunk(&utf16(&"x".repeat(900))), &END_OF_CHUNKS].concat();
    let set = [columns(1, &nvarchar, &[]), row, done(0xFF, true, 1)].concat();
    let sets = Script::tokens(Vec::new(), set, 64, ending(1));
    vec![("sql_variant", variants), ("columns", columns_1024), ("sets", sets)]
}

/// A server in a process of its own before a sandbox in this one.
struct Measured {
    sandbox: Sandbox,
    child: Child,
    address: SocketAddr,
}

impl Measured {
    async fn start(more: &[(&str, &str)]) -> Self {
        let sandbox = Sandbox::start(Options::default()).await.expect("sandbox");
        let address = free();
        let port = sandbox.address().port().to_string();
        let child = command(&["serve", "--listen", &address.to_string(), "--log-level", "off"])
            .envs([("MSSQL_HOST", "127.0.0.1"), ("MSSQL_PORT", &port), ("MSSQL_USER", USER)])
            .envs([("MSSQL_PASSWORD", PASSWORD), ("MSSQL_DATABASE", DATABASE)])
            .env("TrustServerCertificate", "yes")
            // It is about memory, and not about how long 300 MB take on a busy machine.
            .env("MSSQL_MCP_TASKS_HANDLE_AFTER", "0")
            .env("MSSQL_MCP_LIMITS_QUERY_TIMEOUT", "10m")
            .envs(more.iter().copied())
            .spawn()
            .expect("spawn");
        until("it listens", async || TcpStream::connect(address).await.is_ok()).await;
        Self { sandbox, child, address }
    }

    async fn ask(&self, name: &str) -> Value {
        ask(self.address, name).await
    }

    /// The most that it ever had in memory, in KB.
    fn peak(&self) -> u64 {
        let pid = self.child.id().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).expect("VmHWM");
        line.trim().trim_end_matches(" kB").parse().expect("KB")
    }
}

async fn ask(address: SocketAddr, name: &str) -> Value {
    let arguments = json!({ "query": format!("SELECT {name}") });
    let params = json!({ "name": "execute_sql", "arguments": arguments });
    let answer = stateless(address, "tools/call", params).await.json();
    assert_eq!(answer["result"]["isError"], false, "{name}: {answer}");
    answer["result"]["structuredContent"].clone()
}

/// What is large, and arrives cut; the 64 result sets are all there.
fn look_at(name: &str, answer: &Value) {
    let results = answer["results"].as_array().expect("results");
    assert_eq!(results.len(), if name == "sets" { 64 } else { 1 }, "{name}");
    if !["sets", "sql_variant", "columns"].contains(&name) {
        assert_eq!(results[0]["columns"][0]["cut_cells"], 1, "{name}: {}", results[0]["columns"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_costs_no_more_memory_however_much_comes() {
    let lab = Measured::start(&[]).await;
    // A small answer of each kind first: the pages of the program that it takes are no data.
    for (name, script) in long_cells(1) {
        lab.sandbox.script(&format!("SELECT {name}"), script);
        lab.ask(name).await;
    }
    let small = lab.peak();
    for (name, script) in long_cells(HUGE).into_iter().chain(wide_answers(10)) {
        lab.sandbox.script(&format!("SELECT {name}"), script);
        let answer = lab.ask(name).await;
        look_at(name, &answer);
        let more = lab.peak().saturating_sub(small);
        println!("{name}: {more} KB more");
        assert!(more <= ONE, "{name}: {more} KB more than the {small} KB of a small call");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn so_do_64_calls_at_once() {
    let lab = Measured::start(&[
        ("MSSQL_MCP_POOL_MAX_SIZE", "64"),
        ("MSSQL_MCP_LIMITS_CONCURRENT_CALLS", "64"),
        ("MSSQL_MCP_POOL_WAIT", "60s"),
        // 64 logins at once beside all the other tests of this binary.
        ("MSSQL_MCP_POOL_CONNECT_TIMEOUT", "60s"),
        ("MSSQL_MCP_LIMITS_QUERY_TIMEOUT", "60s"),
    ])
    .await;
    let all: Vec<_> = long_cells(LARGE).into_iter().chain(wide_answers(1)).collect();
    let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    for (name, script) in all {
        lab.sandbox.script(&format!("SELECT {name}"), script);
    }
    lab.sandbox.faults(|f| f.row_delay = Some(PAUSE));
    let calls: Vec<_> = (0..64)
        .map(|n| {
            let (name, address) = (names[n % names.len()], lab.address);
            tokio::spawn(async move { look_at(name, &ask(address, name).await) })
        })
        .collect();
    for call in calls {
        call.await.expect("answered");
    }
    assert_eq!(lab.sandbox.connections(), 64);
    let peak = lab.peak();
    assert!(peak <= ALL, "{peak} KB");
}
