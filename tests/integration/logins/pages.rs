//! The pages about logins say what there is, and all of it.

use mssql_mcp::config::settings;

const LOGINS: &str = include_str!("../../../docs/logins.md");
const KEYWORDS: &str = include_str!("../../../docs/connection-strings.md");

/// Words of a page that begin like the name of a setting.
fn named(section: &str) -> Vec<String> {
    let word = |c: char| c.is_ascii_lowercase() || c == '_' || c == '.';
    let start = format!("{section}.");
    let words = LOGINS.match_indices(&start).map(|(at, _)| {
        let end = LOGINS[at..].find(|c| !word(c)).unwrap_or(LOGINS.len() - at);
        LOGINS[at..at + end].trim_end_matches('.').to_owned()
    });
    words.collect()
}

#[test]
fn every_setting_of_the_page_is_one_and_every_one_of_a_login_is_on_it() {
    let keys: Vec<&str> = settings::all().map(|s| s.key()).collect();
    for name in ["database", "entra", "pool"].iter().flat_map(|s| named(s)) {
        // Hosts begin so, too, and sentences end so.
        let is_other = name.contains(".windows") || !name.contains('.');
        assert!(is_other || keys.contains(&name.as_str()), "{name}");
    }
    for key in keys.iter().filter(|k| k.starts_with("entra.")) {
        let name = key.trim_start_matches("entra.");
        assert!(LOGINS.contains(name), "{key}");
    }
}

#[test]
fn every_kind_of_login_and_every_source_has_its_words() {
    for s in settings::all().filter(|s| ["database.login", "entra.source"].contains(&s.key())) {
        for choice in s.choices() {
            assert!(LOGINS.contains(&format!("\"{choice}\"")) || *choice == "sql", "{choice}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_keywords_is_as_it_is_printed() {
    let out = crate::support::command(&["config", "--keywords"]).output().await.expect("run");
    assert_eq!(String::from_utf8(out.stdout).expect("text"), KEYWORDS);
}
