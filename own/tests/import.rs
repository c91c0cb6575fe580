//! What others wrote, as ours: the files beside this one, and what each becomes. With
//! `UPDATE_GOLDEN=1` what is expected is written anew.

#![cfg(feature = "import")]

use std::path::{Path, PathBuf};

use mssql_mcp_own::{Imported, LineKind, Rules, import, parse};
use proptest::prelude::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import")
}

fn expect(name: &str, text: &str) {
    let path = folder().join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).expect("written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "{name}");
}

fn golden(file: &str) -> Imported {
    let text = std::fs::read_to_string(folder().join(file)).expect("file");
    let imported = import(&text, file, &[]);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let report: String = imported.report.iter().map(|l| format!("{l}\n")).collect();
    expect(&format!("{stem}.expected.toml"), &imported.toml);
    expect(&format!("{stem}.report.txt"), &report);
    let (tools, errors) = parse(&imported.toml, "imported.toml", &Rules::default());
    assert_eq!(errors, Vec::<String>::new());
    assert!(!tools.is_empty());
    // No secret of these files is written anywhere.
    for secret in ["s3cret", "Tr1cky", "Pass/word"] {
        assert!(!imported.toml.contains(secret) && !report.contains(secret), "{secret}");
    }
    imported
}

#[test]
fn a_file_of_dbhub() {
    golden("shop.dbhub.toml");
}

#[test]
fn a_file_of_toolbox_with_maps() {
    golden("clinic.maps.yaml");
}

#[test]
fn a_file_of_toolbox_with_documents() {
    golden("library.documents.yaml");
}

/// Releases of Toolbox differ in whether a kind is written with an s.
#[test]
fn kinds_may_be_plural() {
    let text = "kind: sources\nname: s\ntype: mssql\nhost: h\n---\nkind: tools\nname: t\ntype: mssql-sql\n\
                source: s\ndescription: Counts the books that there are\nstatement: SELECT COUNT(*) FROM Books\n";
    let imported = import(text, "t.yaml", &[]);
    assert_eq!(imported.report.iter().filter(|l| l.kind == LineKind::Taken).count(), 2);
}

/// What dbhub lets be is a text, and what Toolbox does an expression.
#[test]
fn allowed_values_of_dbhub_are_texts() {
    let text = "[[sources]]\nid = \"s\"\ndsn = \"sqlserver://h/d\"\n[[tools]]\nname = \"grades\"\nsource = \"s\"\n\
                description = \"Pupils of a grade, by name\"\nstatement = \"SELECT @p1\"\n[[tools.parameters]]\n\
                name = \"grade\"\ntype = \"string\"\nallowed_values = [\"A+\", \"A\"]\n";
    assert!(import(text, "t.toml", &[]).toml.contains("allowed = [\"A+\", \"A\"]"));
}

#[test]
fn a_file_that_is_neither_is_refused_whole() {
    for (text, file) in [
        ("a = ", "x.toml"),
        ("a: [", "x.yaml"),
        ("- a", "x.yml"),
        ("a = 1", "x.conf"),
        ("", "x.toml"),
    ] {
        let imported = import(text, file, &[]);
        assert!(imported.report.iter().any(|l| l.kind == LineKind::Refused), "{text}");
        assert_eq!(parse(&imported.toml, file, &Rules::default()).1, Vec::<String>::new());
    }
}

/// A statement whose text is anything.
fn toolbox(name: &str, description: &str, statement: &str, parameter: &str) -> String {
    let q = |s: &str| serde_json::to_string(s).expect("JSON");
    format!(
        "kind: tool\nname: {}\ntype: mssql-sql\nsource: s\ndescription: {}\nstatement: {}\nparameters:\n  - name: {}\n    type: string\n    description: x\n",
        q(name),
        q(description),
        q(statement),
        q(parameter)
    )
}

proptest! {
    /// Whatever is imported is read by our own reader without an error.
    #[test]
    fn what_is_taken_can_be_read(
        name in "[a-zA-Z0-9_ -]{0,70}",
        description in "\\PC{0,30}|[a-z'\"\\\\\n]{0,40}",
        statement in "(SELECT|@p1|\\$1|'|\"|\\[|\\]|--|/\\*|\n|\\\\|@x|\\{\\{|\\.x|\\}\\}| ){0,12}",
        parameter in "[a-zA-Z0-9_ -]{0,9}",
    ) {
        let imported = import(&toolbox(&name, &description, &statement, &parameter), "t.yaml", &[]);
        let (tools, errors) = parse(&imported.toml, "t.toml", &Rules::default());
        prop_assert_eq!(errors, Vec::<String>::new());
        let taken = imported.report.iter().filter(|l| l.kind == LineKind::Taken).count();
        prop_assert_eq!(tools.len(), taken);
    }

    #[test]
    fn no_text_stops_the_importer(text in "\\PC{0,80}|[-a:\\[\\]{}=\"'\n ]{0,60}") {
        for file in ["a.toml", "a.yaml", "a"] {
            import(&text, file, &[]);
        }
    }
}

#[test]
fn names_that_are_taken_are_not_taken_again() {
    let text = "[[sources]]\nid = \"db\"\ndsn = \"sqlserver://u:p@h/d\"\n[[tools]]\nname = \
                \"list_tables\"\nsource = \"db\"\ndescription = \"A tool that lists what tables \
                there are.\"\nstatement = \"SELECT 1\"\n";
    assert!(import(text, "t.toml", &[]).toml.contains("list_tables"));
    let imported = import(text, "t.toml", &["list_tables"]);
    assert!(!imported.toml.contains("list_tables"), "{}", imported.toml);
    assert!(imported.report.iter().any(|l| l.kind == mssql_mcp_own::LineKind::Refused));
}
