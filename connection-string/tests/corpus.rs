//! Strings as people paste them, and what each says. What is expected was written from the
//! documented grammar of its form.
//!
//! A section of a file: `# name`, `< text` (a line each), and then `form F` with `setting = text`
//! (blanks at an end stand between bars) and `note KEYWORD[: a part of its line]`, or `problem A PART OF
//! ITS LINE` for each.

use std::path::Path;

use mssql_mcp_connection_string::{ConnectionString, is_secret};

struct Case {
    name: String,
    text: String,
    expected: Vec<String>,
}

fn cases(file: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(file);
    let all = std::fs::read_to_string(path).expect("a file of the corpus");
    let mut cases: Vec<Case> = Vec::new();
    for line in all.lines() {
        if let Some(name) = line.strip_prefix("# ") {
            cases.push(Case {
                name: format!("{file}: {name}"),
                text: String::new(),
                expected: vec![],
            });
            continue;
        }
        let case = cases.last_mut().expect("a name before anything else");
        match line.strip_prefix("< ") {
            Some(text) if case.text.is_empty() => case.text = text.to_owned(),
            Some(text) => case.text = format!("{}\n{text}", case.text),
            None if line == "<" => case.text.push('\n'),
            None if line.is_empty() => {}
            None => case.expected.push(line.to_owned()),
        }
    }
    cases
}

/// The lines that a reading would have in a file, settings in their order and then the notes.
fn said(text: &str) -> Vec<String> {
    let string = match ConnectionString::read(text) {
        Ok(string) => string,
        Err(problems) => return problems.0.iter().map(|p| format!("problem {p}")).collect(),
    };
    let mut lines = vec![format!("form {}", string.form)];
    lines.extend(string.settings.iter().map(|(key, text)| match text.trim() == text {
        true => format!("{key} = {text}"),
        false => format!("{key} = |{text}|"),
    }));
    lines.extend(string.notes.iter().map(|n| format!("note {}: {}", n.keyword, n.what)));
    lines
}

/// A setting is as expected to the letter; of a note and a problem a part is.
fn is_met(expected: &str, said: &str) -> bool {
    if let Some(rest) = expected.strip_prefix("note ") {
        let Some(line) = said.strip_prefix("note ") else { return false };
        return match rest.split_once(": ") {
            Some((keyword, part)) => {
                line.strip_prefix(keyword).is_some_and(|l| l.starts_with(": ") && l.contains(part))
            }
            None => line.strip_prefix(rest).is_some_and(|l| l.starts_with(": ")),
        };
    }
    match expected.strip_prefix("problem ") {
        Some(part) => said.strip_prefix("problem ").is_some_and(|line| line.starts_with(part)),
        None => expected == said,
    }
}

fn check(file: &str, least: usize) {
    let cases = cases(file);
    assert!(cases.len() >= least, "{file} has only {}", cases.len());
    let mut wrong = String::new();
    for case in &cases {
        let mut said = said(&case.text);
        let whole = said.join("\n  ");
        let mut missing = Vec::new();
        for expected in &case.expected {
            match said.iter().position(|s| is_met(expected, s)) {
                Some(at) => drop(said.remove(at)),
                None => missing.push(expected.as_str()),
            }
        }
        if !missing.is_empty() || !said.is_empty() {
            wrong += &format!(
                "{}\n missing: {missing:#?}\n not expected: {said:#?}\n all:\n  {whole}\n",
                case.name
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn strings_of_ado_net_say_what_its_grammar_says() {
    check("ado.txt", 70);
}

#[test]
fn strings_of_odbc_say_what_its_grammar_says() {
    check("odbc.txt", 25);
}

#[test]
fn strings_of_jdbc_say_what_its_grammar_says() {
    check("jdbc.txt", 30);
}

#[test]
fn urls_say_what_their_drivers_take_them_for() {
    check("url.txt", 50);
}

/// No secret of the whole corpus is in a note, a problem, or what may be shown.
#[test]
fn no_reading_of_the_corpus_repeats_a_secret() {
    for case in ["ado.txt", "odbc.txt", "jdbc.txt", "url.txt"].into_iter().flat_map(cases) {
        let Ok(string) = ConnectionString::read(&case.text) else { continue };
        let shown = format!("{string:?}");
        for (key, secret) in string.settings.iter().filter(|(key, _)| is_secret(key)) {
            // A password of one letter is in any text.
            if secret.trim().chars().count() < 2 {
                continue;
            }
            assert!(!shown.contains(secret), "{}: {key}", case.name);
            assert!(!string.redacted().contains(secret), "{}: {key}", case.name);
            assert!(!string.notes.iter().any(|n| n.to_string().contains(secret)), "{}", case.name);
        }
    }
}
