//! What must hold for any text.

use mssql_mcp_sql::batches::batches;
use mssql_mcp_sql::lexer::{TokenKind, tokens};
use mssql_mcp_sql::policy::{Policy, judge};
use mssql_mcp_sql::verdict::{Class, Verdict};

use crate::corpus::{all, harmless};

/// A small generator, so that a failure can be repeated from its seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }

    pub fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.roll(list.len())]
    }
}

/// White space and comments between two tokens never change the verdict, nor does
/// the case of keywords.
#[test]
fn what_stands_between_tokens_does_not_matter() {
    const GAPS: [&str; 9] = [
        " ",
        "\t",
        "\r\n ",
        "/**/",
        " /* DROP TABLE t */",
        " /* /* ' */ [ */",
        " -- \" DELETE\n",
        "\n",
        "  ",
    ];
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
                // Inside 1.5 and a.b nothing may be put between digits; between tokens anything
                // may.
                if i > 0 {
                    let touching = list[i - 1].at + list[i - 1].text.len() == t.at;
                    if !touching || dice.roll(3) == 0 {
                        edited += dice.pick(&GAPS);
                    }
                }
                // A name keeps one case throughout: two that differ in case alone may be two names.
                let word = t.kind == TokenKind::Word && t.text.is_ascii();
                let swapped = word
                    && (t.text.to_ascii_lowercase().bytes().map(u64::from).sum::<u64>() ^ seed) % 2
                        == 0;
                edited += &if swapped { swap_case(t.text) } else { t.text.to_owned() };
            }
            assert_eq!(Verdict::of(&edited).class.as_str(), class, "seed {seed}: {edited:?}");
        }
    }
}

fn swap_case(t: &str) -> String {
    t.chars()
        .map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect()
}

/// A hostile statement behind a harmless one keeps its class, however the two are joined.
#[test]
fn nothing_hides_behind_a_harmless_statement() {
    const JOINS: [&str; 8] = [" ", ";", "\n", "\r\n", "/**/", "--x\n", ";;", "\t"];
    let hostile: Vec<_> =
        all().into_iter().filter(|(c, _)| !["read", "session", "unknown"].contains(c)).collect();
    let harmless = harmless();
    let mut dice = Dice(42);
    for (class, text) in &hostile {
        // A bare procedure call is one only at the start of a batch; elsewhere it is a syntax
        // error, or an alias.
        let first = text
            .split(|c: char| !c.is_alphanumeric() && !"_[\"".contains(c))
            .next()
            .unwrap_or_default();
        if *class == "execute"
            && !first.to_ascii_uppercase().starts_with("EXEC")
            && !text.contains("EXEC")
        {
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
            assert!(judge(&joined, &Policy::default()).is_err(), "{joined:?}");
        }
    }
}

pub fn class_of(name: &str) -> Class {
    [
        Class::Read,
        Class::Session,
        Class::Write,
        Class::Schema,
        Class::Execute,
        Class::Refused,
        Class::Never,
    ]
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
        let text: String = (0..dice.roll(24))
            .map(|_| dice.pick(&PIECES))
            .collect::<Vec<_>>()
            .join(dice.pick(&["", " "]));
        let v = Verdict::of(&text);
        assert!(!v.statements.is_empty(), "{text:?}");
        let _ = batches(&text);
    }
}

/// Twice the text takes about twice the time: no construct makes it look back over
/// what it has read.
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
        "DELETE x FROM (",
        "SELECT * FROM (",
        "SELECT 1 UNION ",
        "WITH c AS (",
        "UPDATE #a SET a = 1 FROM (#b AS [#c] JOIN ",
        "BEGIN ",
        "IF 1 = 1 ",
        "INSERT #t SELECT * FROM (DELETE a OUTPUT deleted.a FROM ",
    ] {
        // As long as a text of so many words may be.
        let text = piece.repeat(100_000 / piece.len());
        // Quadratic work over 100 kB would take minutes here, not a fraction of a second.
        let _ = Verdict::of(&text);
    }
}

/// A text may have so much in it and no more; what is one long value costs one word.
#[test]
fn a_text_of_too_many_words_or_statements_is_told_so() {
    let reason = |sql: &str| {
        let v = Verdict::of(sql);
        (
            v.class,
            v.statements
                .first()
                .and_then(|s| s.problem.as_ref())
                .map(|p| p.reason.clone())
                .unwrap_or_default(),
        )
    };
    assert_eq!(Verdict::of(&"SELECT 1;".repeat(4_900)).class, Class::Read);
    let (class, why) = reason(&"SELECT 1;".repeat(5_100));
    assert!(class == Class::Unknown && why.contains("more than 5000 statements"), "{why}");
    let (class, why) = reason(&"SELECT 1;".repeat((4 << 20) / 9));
    assert!(class == Class::Unknown && why.contains("more than 100000 words"), "{why}");
    let (class, why) = reason(&format!("SELECT 1 IN ({}1)", "1,".repeat(60_000)));
    assert!(class == Class::Unknown && why.contains("more than 100000 words"), "{why}");
    assert_eq!(Verdict::of(&format!("SELECT '{}' AS a", "x".repeat(4 << 20))).class, Class::Read);
}
