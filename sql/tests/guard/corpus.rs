//! Our own corpora: `tests/corpus`, a class for each batch.

use mssql_mcp_sql::Access;
use mssql_mcp_sql::policy::{Policy, judge};
use mssql_mcp_sql::verdict::Verdict;

const HARMLESS: &str = include_str!("../corpus/harmless.sql");
const HOSTILE: &str = include_str!("../corpus/hostile.sql");
const ESCAPED: &str = include_str!("../corpus/escaped.txt");
/// Class and text of each batch of a corpus.
pub fn corpus(script: &'static str) -> Vec<(&'static str, &'static str)> {
    script
        .split("\nGO\n")
        .filter(|b| !b.trim().is_empty())
        .map(|b| {
            let (class, text) = b
                .trim_start()
                .strip_prefix("-- ")
                .and_then(|b| b.split_once('\n'))
                .expect("a class");
            (class, text)
        })
        .collect()
}

pub fn harmless() -> Vec<(&'static str, &'static str)> {
    corpus(HARMLESS)
}

fn escaped() -> Vec<(&'static str, String)> {
    ESCAPED
        .lines()
        .map(|l| l.split_once(' ').unwrap_or((l, "")))
        .map(|(c, t)| (c, unescape(t)))
        .collect()
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
                out.push(
                    char::from_u32(u32::from_str_radix(hex, 16).expect("hex"))
                        .expect("a character"),
                );
                rest = after;
            }
            other => out.push(other),
        }
    }
    out + rest
}

pub fn all() -> Vec<(&'static str, String)> {
    let mut all: Vec<_> = corpus(HARMLESS)
        .into_iter()
        .chain(corpus(HOSTILE))
        .map(|(c, t)| (c, t.to_owned()))
        .collect();
    all.extend(escaped());
    all
}

#[test]
fn every_batch_has_the_class_that_the_corpus_says() {
    let wrong: Vec<String> = all()
        .into_iter()
        .filter_map(|(class, text)| {
            let v = Verdict::of(&text);
            (v.class.as_str() != class).then(|| {
                format!(
                    "{class} expected, {} found: {text:?} {:#?}",
                    v.class.as_str(),
                    v.statements
                )
            })
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
        assert_eq!(judge(&text, &Policy::default()).is_ok(), harmless, "{text}");
        let access = |a| judge(&text, &Policy { access: a, ..Policy::default() }).is_ok();
        assert_eq!(access(Access::ReadWrite), harmless || class == "write", "{text}");
        assert_eq!(
            access(Access::Full),
            ["read", "session", "write", "schema", "execute"].contains(&class),
            "{text}"
        );
    }
}
