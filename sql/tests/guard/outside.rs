//! T-SQL that others wrote, with the classes that others' parsers give it (`tests/corpora`, fetched
//! by `make test`): as it stands, and crossed, so that a statement which changes something stands
//! where it does not expect to.

use std::collections::{BTreeMap, BTreeSet};

use mssql_mcp_sql::lexer::{TokenKind, tokens};
use mssql_mcp_sql::verdict::{Class, Verdict};
use serde_json::Value;

use crate::properties::{Dice, class_of};

/// What is to be said of the exceptions: corpus, fingerprint, class, reason.
const EXCEPTIONS: &str = include_str!("../outside.txt");

/// Where `tests/corpora/install.sh` puts what it fetches.
pub fn corpora() -> std::path::PathBuf {
    let target = std::env::var("CARGO_TARGET_DIR")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../target").into());
    std::path::Path::new(&target).join("corpora")
}

pub fn batches() -> Vec<Value> {
    let path = corpora().join("batches.jsonl");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| {
        panic!(
            "{}: {e}; tests/corpora/install.sh fetches it (make test does so too)",
            path.display()
        )
    });
    text.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect()
}

/// FNV-1a, so that no text of others stands in our files.
pub fn fingerprint(text: &str) -> String {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    format!("{hash:016x}")
}

pub fn text(v: &Value) -> &str {
    v.as_str().unwrap_or_default()
}

/// A statement of the corpora whose class its tree tells.
pub struct Statement {
    pub text: String,
    class: Class,
    /// Places and names of the aliases in it.
    aliases: Vec<(usize, usize, String)>,
    /// Where it names what it changes, if that is no alias.
    written: Option<(usize, usize)>,
}

/// Statements that the trees know and the guard reads as they do; each text once.
pub fn statements() -> Vec<Statement> {
    let mut seen = BTreeSet::new();
    let mut out = Vec::new();
    for s in batches().iter().flat_map(|b| b["statements"].as_array().cloned().unwrap_or_default())
    {
        let (Some(class), sql) = (s["class"].as_str(), text(&s["text"]).to_owned()) else {
            continue;
        };
        if !seen.insert(sql.clone()) || Verdict::of(&sql).class != class_of(class) {
            continue;
        }
        let place = |a: &Value| {
            let n = |i: usize| a[i].as_u64().unwrap_or_default() as usize;
            (n(0), n(1), text(&a[2]).to_owned())
        };
        let aliases: Vec<(usize, usize, String)> =
            s["aliases"].as_array().map(|all| all.iter().map(place).collect()).unwrap_or_default();
        let written = s["written"]
            .as_array()
            .map(|_| place(&s["written"]))
            .map(|(start, end, _)| (start, end));
        let written = written.filter(|(start, _)| aliases.iter().all(|a| a.0 != *start));
        out.push(Statement { text: sql, class: class_of(class), aliases, written });
    }
    out
}

/// The guard's class of each exception, by corpus and fingerprint.
pub fn exceptions() -> BTreeMap<(String, String), &'static str> {
    let mut all = BTreeMap::new();
    for line in EXCEPTIONS.lines().filter(|l| !l.starts_with('#')) {
        let fields: Vec<&str> = line.splitn(4, ' ').collect();
        assert!(
            fields.len() == 4 && fields[3].len() > 5,
            "an exception without its reason: {line}"
        );
        all.insert((fields[0].into(), fields[1].into()), fields[2]);
    }
    all
}

#[test]
fn each_batch_has_the_class_of_its_tree() {
    let exceptions = exceptions();
    let (mut wrong, mut used, mut counts) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
    for b in batches() {
        let (corpus, sql) = (text(&b["corpus"]).to_owned(), text(&b["text"]));
        let found = Verdict::of(sql).class;
        let key = (corpus.clone(), fingerprint(sql));
        *counts.entry((corpus, found.as_str())).or_insert(0) += 1;
        let expected: Option<Vec<&str>> =
            b["expect"].as_array().map(|e| e.iter().map(text).collect());
        let as_told = match &expected {
            Some(e) => e.contains(&found.as_str()),
            None => found != Class::Unknown,
        };
        let least = b["at_least"].as_str().is_none_or(|least| found >= class_of(least));
        if as_told && least {
            continue;
        }
        match exceptions.get(&key) {
            // An exception may be stricter than the tree, never milder.
            Some(class) if *class == found.as_str() && least => {
                used.insert(key);
            }
            _ => wrong.push(format!(
                "{} {} {expected:?}, found {}: {sql}",
                key.0,
                key.1,
                found.as_str()
            )),
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    let unused: Vec<_> = exceptions.keys().filter(|k| !used.contains(*k)).collect();
    assert!(unused.is_empty(), "exceptions that no longer occur: {unused:?}");
    // How many of which class; a corpus cannot shrink, or become all refusals, unnoticed.
    let expected: &[(&str, &[(&str, usize)])] = include!("../outside.counts");
    for (corpus, classes) in expected {
        for (class, n) in *classes {
            assert_eq!(
                counts.remove(&((*corpus).to_owned(), *class)),
                Some(*n),
                "{corpus} {class}"
            );
        }
    }
    assert!(counts.is_empty(), "more than outside.counts has: {counts:?}");
}

/// A statement that changes something, without `;`, behind every harmless one and in every place
/// where a statement can begin.
#[test]
fn a_change_is_seen_wherever_it_begins() {
    const PLACES: [&str; 16] = [
        "IF 1 = 1 {}",
        "IF 1 = 2 PRINT 'x' ELSE {}",
        "IF 1 = 2 PRINT 'x'; ELSE {}",
        "WHILE 1 = 1 {}",
        "BEGIN {} END",
        "BEGIN PRINT 1 {} END",
        "BEGIN TRY {} END TRY BEGIN CATCH END CATCH",
        "BEGIN TRY PRINT 1 END TRY BEGIN CATCH {} END CATCH",
        "again: {}",
        "PRINT 'a' + 'b' {}",
        "DECLARE @a int, @b nvarchar(10) = N'x' {}",
        "SET @a += 1 {}",
        "SET NOCOUNT ON {}",
        "EXEC sp_who {}",
        "DECLARE c CURSOR LOCAL FOR SELECT a FROM t FOR READ ONLY {}",
        "SELECT a FROM t ORDER BY a OFFSET 1 ROWS {}",
    ];
    let all = statements();
    // A procedure's bare name is a call as the first thing of a batch alone.
    let bare =
        |s: &&Statement| s.class == Class::Execute && !s.text.to_ascii_uppercase().contains("EXEC");
    let (changing, harmless): (Vec<_>, Vec<_>) =
        all.iter().filter(|s| !bare(s)).partition(|s| s.class.changes());
    assert!(changing.len() > 300 && harmless.len() > 800, "{} {}", changing.len(), harmless.len());
    let (mut milder, mut exact, mut crosses) = (Vec::new(), 0, 0);
    let mut held = |sql: String, class: Class| {
        let v = Verdict::of(&sql);
        crosses += 1;
        exact += usize::from(v.class == class);
        if v.class < class && milder.len() < 10 {
            milder.push(format!("{} instead of {}: {sql}", v.class.as_str(), class.as_str()));
        }
    };
    for c in &changing {
        for h in &harmless {
            held(format!("{}\n{}", h.text, c.text), c.class);
        }
        for p in PLACES {
            held(p.replace("{}", &c.text), c.class);
        }
    }
    assert!(milder.is_empty(), "{}", milder.join("\n\n"));
    // It is not that all of them were refused as unreadable: MERGE and CTE need a
    // `;`, little else does.
    println!("{exact} of {crosses} have just the class of the change");
    assert!(exact * 100 > crosses * 85, "{exact} of {crosses}");
}

/// Aliases under other names: a word that begins statements, a name like a temporary table's, other
/// case, width and quoting.
#[test]
fn a_name_does_not_hide_what_a_statement_does() {
    /// Every use of the alias, or where it is declared only: the first but one that names a
    /// target is the declaration's.
    const EVERYWHERE: [&str; 14] = [
        "receive", "send", "get", "move", "throw", "enable", "disable", "copy", "next", "value",
        "[select]", "\"a b\"", "log", "limit",
    ];
    let mut milder = Vec::new();
    let (mut renamed, mut same) = (0, 0);
    for s in statements().iter().filter(|s| !s.aliases.is_empty()) {
        let names: BTreeSet<&str> = s.aliases.iter().map(|a| a.2.as_str()).collect();
        // All aliases are renamed alike, so that those who are different stay different.
        let rename = |to: &dyn Fn(&str, usize) -> String| {
            let mut out = s.text.clone();
            for (n, (start, end, name)) in s.aliases.iter().enumerate().rev() {
                out.replace_range(*start..*end, &to(name, n));
            }
            out
        };
        let number = |name: &str| names.iter().position(|n| *n == name).unwrap_or_default();
        let bare = |name: &str| name.trim_matches(['[', ']', '"']).replace(' ', "_");
        let mut held = |sql: String, exact: bool| {
            let v = Verdict::of(&sql);
            renamed += 1;
            same += usize::from(v.class == s.class);
            if v.class < s.class || exact && v.class != s.class {
                milder.push(format!("{} instead of {}: {sql}", v.class.as_str(), s.class.as_str()));
            }
        };
        for word in EVERYWHERE {
            let first = |name: &str, _: usize| {
                if number(name) == 0 { word.to_owned() } else { format!("[x{}]", number(name)) }
            };
            held(rename(&first), true);
        }
        // A change through an alias that looks like a temporary table is one of what it stands for.
        let hash = |name: &str, _: usize| format!("#x{}", number(name));
        held(rename(&hash), false);
        let quoted = |name: &str, n: usize| {
            if n.is_multiple_of(2) {
                format!("#x{}", number(name))
            } else {
                format!("[#X{} ]", number(name))
            }
        };
        held(rename(&quoted), false);
        let wide = |name: &str, n: usize| {
            if n.is_multiple_of(2) {
                format!("#x{}", number(name))
            } else {
                format!("[#\u{ff58}{}]", number(name))
            }
        };
        held(rename(&wide), false);
        let case = |name: &str, n: usize| {
            if n.is_multiple_of(2) { bare(name).to_uppercase() } else { bare(name).to_lowercase() }
        };
        held(rename(&case).clone(), false);
    }
    assert!(
        milder.is_empty(),
        "{} of {renamed}\n{}",
        milder.len(),
        milder.iter().take(10).cloned().collect::<Vec<_>>().join("\n\n")
    );
    println!("{same} of {renamed} have the same class");
    assert!(renamed > 5000 && same * 100 > renamed * 90, "{same} of {renamed}");
}

/// A table that is changed, under a name that begins statements elsewhere, or that is
/// almost a temporary table's.
#[test]
fn a_target_is_one_whatever_its_name() {
    const NAMES: [&str; 14] = [
        "dbo.receive",
        "send",
        "[get ]",
        "\"move\"",
        "throw",
        "dbo.[x#t]",
        "##w",
        "[##w]",
        "\u{ff03}w",
        "[ #w]",
        "other..w",
        "[@t]",
        "dbo.[drop table]",
        "x.y.w",
    ];
    let mut renamed = 0;
    for s in statements().iter().filter(|s| s.class == Class::Write) {
        let Some((start, end)) = s.written else { continue };
        for name in NAMES {
            // What stands there as a column's qualifier, too, keeps its name.
            let mut sql = s.text.clone();
            sql.replace_range(start..end, name);
            renamed += 1;
            let found = Verdict::of(&sql).class;
            assert!(found >= Class::Write, "{} instead of write: {sql}", found.as_str());
        }
    }
    assert!(renamed > 1000, "{renamed}");
}

#[test]
fn comments_and_line_ends_between_tokens_change_nothing() {
    const GAPS: [&str; 6] =
        [" /* DROP TABLE t */", "\r\n", "\t", " -- ' [ DELETE t\n", " /* /* ' */ */", " \n "];
    let mut dice = Dice(7);
    let mut read = 0;
    for b in batches() {
        let sql = text(&b["text"]);
        let Ok(list) = tokens(sql) else { continue };
        // A line end around GO is what makes it a separator.
        if list.iter().any(|t| t.text.eq_ignore_ascii_case("GO")) {
            continue;
        }
        let mut edited = String::new();
        for (i, t) in list.iter().enumerate() {
            if i > 0
                && (list[i - 1].end() != t.at || t.kind != TokenKind::Symbol && dice.roll(3) == 0)
            {
                edited += dice.pick(&GAPS);
            }
            edited += t.text;
        }
        read += 1;
        assert_eq!(
            Verdict::of(&edited).class,
            Verdict::of(sql).class,
            "{sql}\n--- edited:\n{edited}"
        );
    }
    assert!(read > 2000);
}
