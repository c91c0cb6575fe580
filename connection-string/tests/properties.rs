//! What holds for any text: it is read or refused, and no secret goes anywhere but into its setting.

use mssql_mcp_connection_string::{ConnectionString, Form, is_secret};
use proptest::prelude::*;

/// All that may come out.
const SETTINGS: [&str; 22] = [
    "database.host",
    "database.port",
    "database.instance",
    "database.name",
    "database.user",
    "database.password",
    "database.encrypt",
    "database.trust_server_certificate",
    "database.certificate_host",
    "database.ca_file",
    "database.read_intent",
    "database.multi_subnet_failover",
    "database.login",
    "database.spn",
    "database.packet_size",
    "database.application_name",
    "pool.connect_timeout",
    "pool.max_size",
    "entra.source",
    "entra.tenant",
    "entra.client_id",
    "entra.client_secret",
];
const CERTIFICATE: &str = "entra.certificate_file";

/// In each secret, so that it is found again.
const MARK: &str = "Zq7";

fn percent(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

/// The forms, each with the password quoted as it asks for.
fn quoted(password: &str) -> Vec<(Form, String)> {
    let double = password.replace('"', "\"\"");
    let single = password.replace('\'', "''");
    let braced = password.replace('}', "}}");
    let odbc = format!("Driver={{x}};Server=db;UID=sa;PWD={{{braced}}};Database=Shop");
    vec![
        (Form::AdoNet, format!("Server=db;User ID=sa;Password=\"{double}\";Database=Shop")),
        (Form::AdoNet, format!("Password='{single}';Server=db;User ID=sa;Database=Shop")),
        (Form::Odbc, odbc.clone()),
        (Form::Odbc, format!("PWD={{{braced}}};UID=sa;Server=db;Database=Shop")),
        (
            Form::Jdbc,
            format!("jdbc:sqlserver://db;user=sa;password={{{braced}}};databaseName=Shop"),
        ),
        (Form::Jdbc, format!("sqlserver://db;database=Shop;user=sa;password={{{braced}}}")),
        (Form::Url, format!("sqlserver://sa:{}@db?database=Shop", percent(password))),
        (Form::Url, format!("mssql://db/Shop?user=sa&password={}", percent(password))),
        (Form::Url, format!("mssql+pyodbc:///?odbc_connect={}", percent(&odbc))),
    ]
}

/// Notes and problems of a text, and what of it may be shown.
fn told(text: &str) -> String {
    match ConnectionString::read(text) {
        Ok(string) => string.notes.iter().map(|n| format!("{n}\n")).collect(),
        Err(problems) => format!("{problems}\n{problems:?}"),
    }
}

/// Pieces of strings, good and broken.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("Server"),
        Just("Password"),
        Just("PWD"),
        Just("User ID"),
        Just("Encrypt"),
        Just("Integrated Security"),
        Just("Authentication"),
        Just("ApplicationIntent"),
        Just("Driver={x}"),
        Just("jdbc:sqlserver://"),
        Just("sqlserver://"),
        Just("odbc_connect"),
        Just("="),
        Just("=="),
        Just(";"),
        Just(";;"),
        Just("{"),
        Just("}"),
        Just("}}"),
        Just("\""),
        Just("'"),
        Just("&"),
        Just("?"),
        Just("@"),
        Just("/"),
        Just(":"),
        Just("\\"),
        Just(","),
        Just("%"),
        Just("%41"),
        Just("#"),
        Just(" "),
        Just("\n"),
        Just("\u{1}"),
        Just("é密"),
        Just("yes"),
        Just("1433"),
    ]
    .prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn a_secret_that_is_quoted_goes_into_its_setting_alone(
        rest in "[ -~éß密💡]{0,24}",
        first in "[ -~é]{0,4}",
    ) {
        let password = format!("{first}{MARK}{rest}");
        for (form, text) in quoted(&password) {
            let string = ConnectionString::read(&text).expect("a string that is quoted well");
            prop_assert_eq!(string.form, form);
            prop_assert_eq!(string.setting("database.password"), Some(password.as_str()));
            prop_assert_eq!(string.setting("database.host"), Some("db"));
            prop_assert_eq!(string.setting("database.name"), Some("Shop"));
            prop_assert_eq!(string.setting("database.user"), Some("sa"));
            for (key, text) in &string.settings {
                prop_assert!(is_secret(key) || !text.contains(MARK), "{}", key);
            }
            let all = format!("{string:?} {string:#?} {} {}", string.redacted(), told(&text));
            prop_assert!(!all.contains(MARK) && !all.contains(&percent(MARK)), "{}", all);
            prop_assert!(string.redacted().contains("***"));
        }
    }

    #[test]
    fn a_broken_string_repeats_nothing_of_where_a_secret_may_stand(
        pieces in prop::collection::vec(prop_oneof![3 => piece(), 1 => Just(MARK.to_owned())], 0..24),
    ) {
        let text = pieces.concat();
        let told = told(&text);
        prop_assert!(!told.contains(MARK), "{}", told);
    }

    /// Words that would pass for keywords, within a password that nobody quoted.
    #[test]
    fn a_password_that_nobody_quoted_is_not_repeated_by_its_words(
        pieces in prop::collection::vec(
            prop_oneof![
                2 => Just("zebraq"), 2 => Just("quorumx"), 1 => Just("="), 1 => Just(";"), 1 => Just("{"),
                1 => Just("}"), 1 => Just("\""), 1 => Just("'"), 1 => Just("%"), 1 => Just("&"),
                1 => Just("@"), 1 => Just("/"), 1 => Just("?"), 1 => Just("#"), 1 => Just(":"),
                1 => Just(" "), 1 => Just("1"),
            ],
            1..12,
        ),
    ) {
        let password = pieces.concat();
        for text in [
            format!("Server=db;User ID=sa;Password={password};Database=Shop"),
            format!("Server=db;User ID=sa;Password=\"{password}\";Database=Shop"),
            format!("Driver={{x}};Server=db;UID=sa;PWD={password};Database=Shop"),
            format!("Driver={{x}};Server=db;UID=sa;PWD={{{password}}};Database=Shop"),
            format!("jdbc:sqlserver://db;user=sa;password={password};databaseName=Shop"),
            format!("jdbc:sqlserver://db;user=sa;password={{{password}}};databaseName=Shop"),
            format!("sqlserver://sa:{password}@db/Shop"),
            format!("sqlserver://sa:{password}@db?database=Shop"),
        ] {
            let told = told(&text);
            prop_assert!(!told.contains("zebraq") && !told.contains("quorumx"), "{text}: {told}");
            if let Ok(string) = ConnectionString::read(&text) {
                let shown = format!("{string:?} {}", string.redacted());
                prop_assert!(!shown.contains("zebraq") && !shown.contains("quorumx"), "{text}: {shown}");
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused_and_sets_what_there_is_once(text in any::<String>()) {
        check(&text)?;
    }

    #[test]
    fn any_pieces_are_read_or_refused_and_set_what_there_is_once(
        pieces in prop::collection::vec(prop_oneof![4 => piece(), 1 => "[ -~é]{0,6}".boxed()], 0..40),
    ) {
        check(&pieces.concat())?;
        check(&format!("Server=db;{}", pieces.concat()))?;
        check(&format!("jdbc:sqlserver://db;{}", pieces.concat()))?;
        check(&format!("sqlserver://db?{}", pieces.concat()))?;
    }
}

fn check(text: &str) -> Result<(), TestCaseError> {
    match ConnectionString::read(text) {
        Ok(string) => {
            let mut seen = std::collections::HashSet::new();
            for (key, text) in &string.settings {
                prop_assert!(SETTINGS.contains(key) || *key == CERTIFICATE, "{}", key);
                prop_assert!(seen.insert(*key), "{} twice", key);
                prop_assert!(!text.is_empty(), "{} is empty", key);
            }
            prop_assert!(string.notes.iter().all(|n| !n.to_string().contains('\n')));
        }
        Err(problems) => {
            prop_assert!(!problems.0.is_empty());
            prop_assert!(problems.0.iter().all(|p| !p.is_empty() && !p.contains('\n')));
        }
    }
    Ok(())
}

#[test]
fn long_texts_of_one_mark_are_read_to_their_end() {
    for mark in
        ["a=", "a={", "a=\"", "=", "==", ";", "{", "}}", "a='';", "%", "a=1;", "&a=1", "@", "\\"]
    {
        for before in
            ["", "Server=db;", "jdbc:sqlserver://db;", "sqlserver://db?", "Driver={x};PWD={"]
        {
            let text: String = before.chars().chain(mark.chars().cycle()).take(16_000).collect();
            if let Err(problems) = ConnectionString::read(&text) {
                assert!(problems.0.len() < 20, "{before}{mark}: {} problems", problems.0.len());
            }
        }
    }
    let long = format!("Server=db;Password={}", "x".repeat(16 * 1024));
    assert!(ConnectionString::read(&long).is_err_and(|p| p.to_string().contains("16 kB")));
}
