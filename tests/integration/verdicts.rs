//! The guard over the corpora, as the command line shows it, and what must hold for any text.

use std::io::Write;
use std::process::{Command, Stdio};

use mssql_mcp::sql::Access;
use mssql_mcp::sql::lexer::{batches, tokens};
use mssql_mcp::sql::verdict::{Class, Policy, Verdict, judge};
use serde_json::Value;

const HARMLESS: &str = include_str!("../corpus/harmless.sql");
const HOSTILE: &str = include_str!("../corpus/hostile.sql");
const ESCAPED: &str = include_str!("../corpus/escaped.txt");

/// Class and text of each batch of a corpus.
fn corpus(script: &'static str) -> Vec<(&'static str, &'static str)> {
    script
        .split("\nGO\n")
        .filter(|b| !b.trim().is_empty())
        .map(|b| {
            let (class, text) = b.trim_start().strip_prefix("-- ").and_then(|b| b.split_once('\n')).expect("a class");
            (class, text)
        })
        .collect()
}

fn escaped() -> Vec<(&'static str, String)> {
    ESCAPED.lines().map(|l| l.split_once(' ').unwrap_or((l, ""))).map(|(c, t)| (c, unescape(t))).collect()
}

fn unescape(t: &str) -> String {
    let mut out = String::new();
    let mut rest = t;
    while let Some(at) = rest.find('\\') {
        out += &rest[..at];
        rest = &rest[at + 1..];
        let c = rest.chars().next().expect("an escape");
        rest = &rest[1..];
        match c {
            'r' => out.push('\r'),
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'u' => {
                let (hex, after) = rest[1..].split_once('}').expect("\\u{…}");
                out.push(char::from_u32(u32::from_str_radix(hex, 16).expect("hex")).expect("a character"));
                rest = after;
            }
            other => out.push(other),
        }
    }
    out + rest
}

fn all() -> Vec<(&'static str, String)> {
    let mut all: Vec<_> = corpus(HARMLESS).into_iter().chain(corpus(HOSTILE)).map(|(c, t)| (c, t.to_owned())).collect();
    all.extend(escaped());
    all
}

fn read_only() -> Policy {
    Policy::default()
}

#[test]
fn every_batch_has_the_class_that_the_corpus_says() {
    let wrong: Vec<String> = all()
        .into_iter()
        .filter_map(|(class, text)| {
            let v = Verdict::of(&text);
            (v.class.as_str() != class)
                .then(|| format!("{class} expected, {} found: {text:?} {:#?}", v.class.as_str(), v.statements))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The corpora cannot shrink unnoticed.
    assert!(corpus(HARMLESS).len() >= 85 && corpus(HOSTILE).len() >= 200 && escaped().len() >= 30);
}

#[test]
fn no_hostile_batch_gets_through_and_no_harmless_one_is_refused() {
    for (class, text) in all() {
        let harmless = ["read", "session"].contains(&class);
        assert_eq!(judge(&text, &read_only()).is_ok(), harmless, "{text}");
        let access = |a| judge(&text, &Policy { access: a, ..Policy::default() }).is_ok();
        assert_eq!(access(Access::ReadWrite), harmless || class == "write", "{text}");
        assert_eq!(access(Access::Full), ["read", "session", "write", "schema", "execute"].contains(&class), "{text}");
    }
}

#[test]
fn classify_prints_one_line_per_batch() {
    let run = |script: &str, more: &[&str]| -> Vec<Value> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mssql-mcp"))
            .arg("classify")
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("spawn");
        child.stdin.take().expect("stdin").write_all(script.as_bytes()).expect("write");
        let out = child.wait_with_output().expect("output");
        assert!(out.status.success());
        String::from_utf8(out.stdout).expect("UTF-8").lines().map(|l| serde_json::from_str(l).expect("JSON")).collect()
    };
    let lines = run(HOSTILE, &["-"]);
    assert_eq!(lines.len(), corpus(HOSTILE).len());
    assert!(lines.iter().all(|l| l["allowed"] == false && l["reason"].as_str().is_some_and(|r| !r.is_empty())));
    assert!(run(HARMLESS, &[]).iter().all(|l| l["allowed"] == true));

    let lines = run("SELECT 1\nGO\n\nSELECT 2;\n  DELETE t WHERE a = 1\ngo 2\nWAITFOR DELAY '0:0:1'", &[]);
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[1]["batch"], 2);
    assert_eq!(lines[1]["code"], "access_denied");
    assert_eq!((&lines[1]["line"], &lines[1]["column"]), (&5.into(), &3.into()), "lines are the script's");
    let classes: Vec<_> = lines[1]["statements"].as_array().expect("statements").iter().map(|s| &s["class"]).collect();
    assert_eq!(classes, ["read", "write"]);
    assert_eq!(lines[2]["code"], "forbidden_sql");

    let allowed = |access: &str| run("DELETE t", &["--access", access])[0]["allowed"].clone();
    assert_eq!((allowed("read-only"), allowed("read-write")), (false.into(), true.into()));
    assert_eq!(run("WAITFOR DELAY '0:0:1'", &["--allow", "waitfor"])[0]["allowed"], true);
    assert_eq!(run("EXEC xp_cmdshell 'dir'", &["--allow", "xp_cmdshell"])[0]["allowed"], false, "it counts as execute");
    assert_eq!(run("EXEC xp_cmdshell 'dir'", &["--allow", "xp_cmdshell", "--access", "full"])[0]["allowed"], true);
    let both = "INSERT t SELECT * FROM OPENROWSET(BULK 'x', SINGLE_BLOB) AS b";
    assert_eq!(run(both, &["--allow", "OPENROWSET", "--access", "full"])[0]["allowed"], false, "BULK is another thing");
    assert_eq!(run(both, &["--allow", "OPENROWSET", "--allow", "BULK", "--access", "full"])[0]["allowed"], true);
    assert_eq!(run("INSERT t SELECT a FROM fn_dblog(1, 2)", &["--allow", "fn_dblog"])[0]["allowed"], false);
}

#[test]
fn utf_16_scripts_are_read() {
    let bytes: Vec<u8> =
        "\u{feff}SELECT N'日本'\r\nGO\r\nDROP TABLE t".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let path = std::env::temp_dir().join(format!("classify-{}.sql", std::process::id()));
    std::fs::write(&path, bytes).expect("write");
    let out = Command::new(env!("CARGO_BIN_EXE_mssql-mcp")).arg("classify").arg(&path).output().expect("run");
    let _ = std::fs::remove_file(&path);
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    assert!(text.lines().count() == 2 && text.starts_with("{\"batch\":1,\"allowed\":true"), "{text}");
}

/// A small generator, so that a failure can be repeated from its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
    fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.roll(list.len())]
    }
}

/// White space and comments between two tokens never change the verdict, nor does the case of keywords.
#[test]
fn what_stands_between_tokens_does_not_matter() {
    const GAPS: [&str; 9] =
        [" ", "\t", "\r\n ", "/**/", "/* DROP TABLE t */", "/* /* ' */ [ */", "-- \" DELETE\n", "\n", "  "];
    for (n, (class, text)) in all().into_iter().enumerate() {
        let Ok(list) = tokens(&text) else { continue };
        // A line end around GO is what makes it a separator.
        if list.iter().any(|t| t.text.eq_ignore_ascii_case("GO")) {
            continue;
        }
        for seed in 1..=20 {
            let mut dice = Dice(seed * 7919 + n as u64);
            let mut edited = String::new();
            for (i, t) in list.iter().enumerate() {
                // Inside 1.5 and a.b nothing may be put between digits; between tokens anything may.
                if i > 0 {
                    let touching = list[i - 1].at + list[i - 1].text.len() == t.at;
                    if !touching || dice.roll(3) == 0 {
                        edited += dice.pick(&GAPS);
                    }
                }
                let word = t.kind == mssql_mcp::sql::lexer::Kind::Word && t.text.is_ascii();
                edited += &if word && dice.roll(2) == 0 { swap_case(t.text) } else { t.text.to_owned() };
            }
            assert_eq!(Verdict::of(&edited).class.as_str(), class, "seed {seed}: {edited:?}");
        }
    }
}

fn swap_case(t: &str) -> String {
    t.chars().map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }).collect()
}

/// A hostile statement behind a harmless one keeps its class, however the two are joined.
#[test]
fn nothing_hides_behind_a_harmless_statement() {
    const JOINS: [&str; 8] = [" ", ";", "\n", "\r\n", "/**/", "--x\n", ";;", "\t"];
    let hostile: Vec<_> = all().into_iter().filter(|(c, _)| !["read", "session", "unknown"].contains(c)).collect();
    let harmless = corpus(HARMLESS);
    let mut dice = Dice(42);
    for (class, text) in &hostile {
        // A bare procedure call is one only at the start of a batch; elsewhere it is a syntax error, or an alias.
        let first = text.split(|c: char| !c.is_alphanumeric() && !"_[\"".contains(c)).next().unwrap_or_default();
        if *class == "execute" && !first.to_ascii_uppercase().starts_with("EXEC") && !text.contains("EXEC") {
            continue;
        }
        if text.starts_with("xp_") || text.starts_with("GO") {
            continue;
        }
        for _ in 0..40 {
            let (_, before) = harmless[dice.roll(harmless.len())];
            let joined = format!("{before}{}{text}", dice.pick(&JOINS));
            let v = Verdict::of(&joined);
            assert!(v.class >= class_of(class), "{joined:?} is {:?}", v.class);
            assert!(judge(&joined, &read_only()).is_err(), "{joined:?}");
        }
    }
}

fn class_of(name: &str) -> Class {
    [Class::Read, Class::Session, Class::Write, Class::Schema, Class::Execute, Class::Refused, Class::Never]
        .into_iter()
        .find(|c| c.as_str() == name)
        .expect("a class")
}

/// No text makes it panic or hang, whatever it is made of.
#[test]
fn any_text_has_a_verdict() {
    const PIECES: [&str; 46] = [
        "SELECT",
        "DELETE",
        "INSERT",
        "INTO",
        "UPDATE",
        "SET",
        "MERGE",
        "THEN",
        "EXEC",
        "EXEC(",
        "'",
        "''",
        "N'",
        "[",
        "]",
        "]]",
        "\"",
        "(",
        ")",
        ";",
        ",",
        ".",
        "..",
        "@",
        "@t",
        "#t",
        "##t",
        "0x",
        "1",
        "1e",
        "$",
        "--",
        "/*",
        "*/",
        "\r",
        "\n",
        "é",
        "\u{3000}",
        "DROP TABLE",
        "CREATE INDEX",
        "RAISERROR(",
        "WITH",
        "TOP (",
        "OPTION (",
        "sp_executesql N'",
        " ",
    ];
    for seed in 1..=20_000 {
        let mut dice = Dice(seed);
        let text: String =
            (0..dice.roll(24)).map(|_| dice.pick(&PIECES)).collect::<Vec<_>>().join(dice.pick(&["", " "]));
        let v = Verdict::of(&text);
        assert!(!v.statements.is_empty(), "{text:?}");
        let _ = batches(&text);
    }
}

/// Twice the text takes about twice the time: no construct makes it look back over what it has read.
#[test]
fn long_batches_are_read_once() {
    for piece in [
        "DELETE TOP (",
        "RAISERROR(",
        "EXEC('",
        "a #b, ",
        "SET NOCOUNT, ",
        "x.",
        "(",
        "CASE ",
        "UPDATE #a SET ",
        "[a] ",
        "DROP TABLE #a,",
    ] {
        let text = piece.repeat(200_000 / piece.len());
        // Quadratic work over 200 kB would take minutes here, not a fraction of a second.
        let _ = Verdict::of(&text);
    }
}
