//! The table of keywords is what is done: each is used, noted or refused, in each of its spellings.

use mssql_mcp_connection_string::{ConnectionString, Treatment, keywords};

/// The table as documentation prints it. With `UPDATE_GOLDEN=1` it is written anew.
#[test]
fn the_table_of_all_keywords_is_the_one_that_is_kept() {
    let mut table = String::from("| keyword | | what becomes of it |\n|---|---|---|\n");
    for k in keywords() {
        let spellings: Vec<_> = k.spellings.iter().map(|s| format!("`{s}`")).collect();
        table += &format!("| {} | {} | {} |\n", spellings.join(", "), k.treatment, k.what);
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keywords.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &table).expect("written");
    }
    assert_eq!(table, std::fs::read_to_string(&path).unwrap_or_default());
}

#[test]
fn each_spelling_in_any_case_is_treated_as_the_table_says() {
    for k in keywords() {
        for spelling in k.spellings {
            for key in [spelling.to_string(), spelling.to_uppercase(), spelling.replace(' ', "")] {
                // A text that is no word of any keyword and no number, but a host.
                let text = format!("{key}=zz-yy");
                let with_server = format!("Server=db;{text}");
                let whole = if k.spellings.contains(&"Server") { &text } else { &with_server };
                let read = ConnectionString::read(whole);
                let starts = format!("{key}: ");
                match (k.treatment, read) {
                    (Treatment::Ignored, Ok(string)) => {
                        let told =
                            string.notes.iter().any(|n| n.keyword == key && n.what == k.what);
                        assert!(told, "{key}: {:?}", string.notes);
                    }
                    (Treatment::Refused, Err(problems)) => {
                        assert!(
                            problems.0.iter().any(|p| p.starts_with(&starts)),
                            "{key}: {problems}"
                        );
                    }
                    (Treatment::Refused, Ok(string)) => {
                        // A DSN beside a server.
                        assert!(string.notes.iter().any(|n| n.keyword == key), "{key}");
                        assert!(ConnectionString::read(&text).is_err(), "{key}");
                    }
                    (Treatment::Used, Ok(string)) => {
                        let noted = string.notes.iter().any(|n| n.keyword == key);
                        let set = string.settings.iter().any(|(_, text)| text.contains("zz-yy"));
                        assert!(noted || set, "{key}");
                    }
                    (Treatment::Used, Err(problems)) => {
                        assert!(
                            problems.0.iter().all(|p| p.starts_with(&starts)),
                            "{key}: {problems}"
                        );
                        assert!(!problems.to_string().contains("unknown"), "{key}: {problems}");
                    }
                    (Treatment::Ignored, Err(problems)) => panic!("{key}: {problems}"),
                }
            }
        }
    }
}
