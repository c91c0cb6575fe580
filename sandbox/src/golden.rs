//! Golden scripts, after those of toydb: `tests/golden/AREA.txt` holds batches, and below each of
//! them the SQL that was bound for SQLite and everything that the engine answered, without TDS
//! between. `GOLDEN_UPDATE=1` rewrites the answers; the batches stay.
//!
//! Blocks stand between blank lines. Lines with `#` are comments, those with `>` a batch; `> GO`
//! ends one. Each block has a session of its own; what it does to the database stays for the next.

#[path = "../tests/sandbox/tokens.rs"]
mod tokens;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use bytes::BytesMut;
use tokio::sync::mpsc;

use self::tokens::{Item, Notice, items};
use crate::bind::Binder;
use crate::functions::{Calls, Invocation};
use crate::run::{self, Engine, Login, Shared};
use crate::syntax::ast::{Statement, StatementKind};
use crate::tds::out::{Out, Piece};
use crate::tds::request::Request;
use crate::types::Type;
use crate::{sample, syntax};

/// Rows shown of a result set.
const ROWS: usize = 40;
/// Characters shown of the bound SQL: a system view is one long list of values.
const BOUND: usize = 1500;

macro_rules! areas {
    ($($area:ident)*) => {
        $(#[test]
        fn $area() {
            check(stringify!($area));
        })*
    };
}

areas! {
    aggregates apply binding change collation convert date ddl describe errors format functions joins json
    math modules options predicates procedures select system_views text transactions windows
}

/// Runs an area's script, and compares or rewrites it.
fn check(area: &str) {
    let path: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "tests", "golden", &format!("{area}.txt")].iter().collect();
    let expected = std::fs::read_to_string(&path).expect("the script");
    let (shared, _keeper) = sampled(area);
    let got: Vec<String> = expected.split("\n\n").map(|b| block(&shared, b)).collect();
    let got = got.join("\n\n") + "\n";
    if std::env::var_os("GOLDEN_UPDATE").is_some() {
        std::fs::write(&path, got).expect("the script");
        return;
    }
    let differing: Vec<String> = expected
        .split("\n\n")
        .zip(got.split("\n\n"))
        .filter(|(e, g)| e.trim_end() != g.trim_end())
        .map(|(e, g)| format!("expected\n{e}\ngot\n{g}\n"))
        .collect();
    assert!(differing.is_empty(), "{area}: {}", differing.join("\n"));
    assert_eq!(expected, got, "{area}");
}

/// A database with the sample in it, and the connection that keeps it alive.
fn sampled(name: &str) -> (Arc<Shared>, rusqlite::Connection) {
    let shared = Arc::new(Shared::new(&format!("/golden-{name}")));
    let keeper = run::open(&shared).expect("a database");
    sample::load(&shared).expect("the sample");
    (shared, keeper)
}

/// A block with its answers anew.
fn block(shared: &Arc<Shared>, block: &str) -> String {
    let mut out = String::new();
    let cancel = Arc::new(AtomicBool::new(false));
    let mut engine =
        Engine::new(shared.clone(), 51, Login::new("sandbox", "golden"), cancel.clone())
            .expect("a session");
    let mut batch: Vec<&str> = Vec::new();
    for line in block.lines().filter(|l| l.starts_with(['#', '>'])) {
        match line.strip_prefix('>').map(|l| l.strip_prefix(' ').unwrap_or(l)) {
            Some("GO") => {
                run(&mut engine, shared, &cancel, &batch.join("\n"), &mut out);
                batch.clear();
            }
            Some(text) => batch.push(text),
            None => {}
        }
        let _ = writeln!(out, "{line}");
    }
    if !batch.is_empty() {
        run(&mut engine, shared, &cancel, &batch.join("\n"), &mut out);
    }
    out.trim_end().to_owned()
}

fn run(
    engine: &mut Engine,
    shared: &Shared,
    cancel: &Arc<AtomicBool>,
    sql: &str,
    out: &mut String,
) {
    if let Some(bound) = bound(engine, sql) {
        let bound = named(&bound, &shared.calls);
        let cut: String = bound.chars().take(BOUND).collect();
        let more = if cut.len() < bound.len() { "…" } else { "" };
        let _ = writeln!(out, "sqlite {}{more}", escaped(&cut));
    }
    let (to, mut pieces) = mpsc::channel(1 << 16);
    let mut answer = Out::new(to, cancel.clone(), Arc::new(AtomicU64::new(0)));
    engine.run(Request::Batch(sql.to_owned()), &mut answer);
    drop(answer);
    let mut bytes = BytesMut::new();
    while let Ok(piece) = pieces.try_recv() {
        if let Piece::Data(data) = piece {
            bytes.extend_from_slice(&data);
        }
    }
    show(&items(&bytes), out);
}

/// The SQL of a batch that is one query.
fn bound(engine: &Engine, sql: &str) -> Option<String> {
    match syntax::batch(sql).ok()?.as_slice() {
        [Statement { kind: StatementKind::Query(query), .. }] => {
            Binder::new(engine).query(query, true).ok().map(|b| b.sql)
        }
        _ => None,
    }
}

/// With `f(17,` as the call that 17 stands for: numbers depend on what was bound before.
fn named(sql: &str, calls: &Calls) -> String {
    let mut out = String::new();
    let mut rest = sql;
    while let Some(at) = rest.find("f(") {
        let word = rest[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let digits = rest[at + 2..].len()
            - rest[at + 2..].trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let id = rest[at + 2..at + 2 + digits].parse::<usize>().ok().filter(|_| !word);
        match id.and_then(|id| calls.get(id)) {
            Some(call) => {
                let _ = write!(out, "{}{}(", &rest[..at], described(&call));
                rest = rest[at + 2 + digits..].trim_start_matches(',');
            }
            None => {
                out.push_str(&rest[..at + 2]);
                rest = &rest[at + 2..];
            }
        }
    }
    without_ids(&(out + rest))
}

/// Without the numbers of what `for_json` writes.
fn without_ids(sql: &str) -> String {
    let mut parts = sql.split("for_json(");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| {
        let columns = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ',');
        out + "for_json(" + columns
    })
}

fn described(call: &Invocation) -> String {
    let list = |types: &[Type]| types.iter().map(Type::to_string).collect::<Vec<_>>().join(" ");
    match call {
        Invocation::Cast { from, to, style, attempt } => {
            let style = if *style < 0 { String::new() } else { format!(" style {style}") };
            format!("{}[{from} → {to}{style}]", if *attempt { "try_cast" } else { "cast" })
        }
        Invocation::Assign { from, to } => format!("assign[{from} → {to}]"),
        Invocation::Arithmetic { op, a, b, out } => {
            format!("arith[{a} {} {b} → {out}]", op.symbol())
        }
        Invocation::Function { shim, args, out } => {
            format!("{}[{} → {out}]", shim.name, list(args))
        }
        Invocation::Date { function, part, args, out } => {
            format!("{}[{} {} → {out}]", function.name(), part.name(), list(args))
        }
        Invocation::Depth(max) => format!("depth[{max}]"),
        Invocation::ForJson(_) => "json".into(),
    }
}

fn show(items: &[Item], out: &mut String) {
    let mut names: &[String] = &[];
    for item in items {
        let _ = match item {
            Item::Names(n) => {
                names = n;
                Ok(())
            }
            Item::Rows(types, rows) => {
                let columns: Vec<String> =
                    names.iter().zip(types).map(|(n, t)| format!("{n} {t}")).collect();
                let _ = writeln!(out, "columns {}", columns.join(", "));
                for row in rows.iter().take(ROWS) {
                    let _ = writeln!(out, "row {}", escaped(row));
                }
                match rows.len().saturating_sub(ROWS) {
                    0 => Ok(()),
                    more => writeln!(out, "rows {more} more"),
                }
            }
            Item::Error(e) => notice("error", e, out),
            Item::Info(i) if i.number == 0 => writeln!(out, "print {}", escaped(&i.text)),
            Item::Info(i) => notice("info", i, out),
            Item::Done(_, status, count) if status & 0x10 != 0 => writeln!(out, "count {count}"),
            Item::Done(..) => Ok(()),
            Item::Status(status) => writeln!(out, "status {status}"),
            Item::Value(value) => writeln!(out, "value {}", escaped(value)),
            Item::Env(kind) => writeln!(out, "env {kind}"),
        };
    }
}

fn notice(kind: &str, n: &Notice, out: &mut String) -> std::fmt::Result {
    let Notice { number, state, class, text, line } = n;
    writeln!(out, "{kind} {number} severity {class} state {state} line {line}: {}", escaped(text))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r")
}

#[test]
fn what_is_deep_or_long_is_answered_or_refused_and_overflows_nothing() {
    let (shared, _keeper) = sampled("deep");
    let answer = |sql: String| block(&shared, &format!("> {sql}"));
    let all_of = |n: usize| {
        [
            format!("SELECT {}1", "1+".repeat(n)),
            format!("SELECT {}1", "1*".repeat(n)),
            format!("SELECT {}1{}", "(".repeat(n), ")".repeat(n)),
            format!("SELECT {}1", "- ".repeat(n)),
            format!("SELECT {}1{}", "ABS(".repeat(n), ")".repeat(n)),
            format!("SELECT {}1{}", "CAST(".repeat(n), " AS int)".repeat(n)),
            format!("SELECT {}1{}", "CASE WHEN 1=1 THEN ".repeat(n), " END".repeat(n)),
            format!("SELECT 1 WHERE {}1=1{}", "(".repeat(n), ")".repeat(n)),
            format!("SELECT 1 WHERE {}1=1", "NOT ".repeat(n)),
            format!("SELECT {}EmployeeId FROM Employees GROUP BY EmployeeId", "1+".repeat(n)),
            format!("{}SELECT 1{}", "BEGIN ".repeat(n), " END".repeat(n)),
            format!("{}SELECT 1", "IF 1=1 ".repeat(n)),
            format!("{}SELECT 1", "SELECT 1 UNION ALL ".repeat(n)),
            format!("{}SELECT 1", "SELECT 1 INTERSECT ".repeat(n)),
        ]
    };
    for sql in all_of(90) {
        let answer = answer(sql);
        assert!(answer.contains("\nrow ") && !answer.contains("\nerror "), "{answer}");
    }
    let join = "JOIN Employees e ON 1=1 ";
    let more = [
        format!("SELECT 1 FROM Employees x {}", join.repeat(5000)),
        format!("SELECT * FROM {}Employees{}", "(SELECT * FROM ".repeat(5000), ") x".repeat(5000)),
    ];
    for sql in all_of(5000).into_iter().chain(more) {
        assert!(answer(sql).contains("\nerror 49999 severity 16 "));
    }
    // Conditions are one list, however many there are.
    let conditions = "1=2 OR ".repeat(900) + &"1=1 AND ".repeat(900);
    assert!(answer(format!("SELECT 1 WHERE {conditions} 1=1")).contains("\nrow 1"));
}
