//! Coverage-guided search for a text that the guard misreads: no panic; a comment between two
//! tokens changes nothing; a hostile statement behind any text that can be read keeps its class.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mssql_mcp_sql::batches::batches;
use mssql_mcp_sql::lexer::tokens;
use mssql_mcp_sql::policy::{Policy, judge};
use mssql_mcp_sql::verdict::{Class, Verdict};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let verdict = Verdict::of(text);
    assert!(!verdict.statements.is_empty());
    let _ = batches(text);
    let Ok(list) = tokens(text) else {
        assert_eq!(verdict.class, Class::Unknown);
        return;
    };
    if list.is_empty() || list.iter().any(|t| t.text.eq_ignore_ascii_case("GO")) {
        return;
    }
    let apart: Vec<&str> = list.iter().map(|t| t.text).collect();
    assert_eq!(Verdict::of(&apart.join("/* DROP TABLE t */")).class, verdict.class, "{text:?}");
    for (hostile, class) in [(" DROP TABLE t", Class::Schema), ("\nDELETE t", Class::Write), (";COMMIT", Class::Never)] {
        let joined = format!("{text}{hostile}");
        // A line comment at the end of the text swallows what is put behind it.
        if tokens(&joined).is_ok_and(|j| j.len() > list.len()) {
            assert!(Verdict::of(&joined).class >= class, "{joined:?}");
            assert!(judge(&joined, &Policy::default()).is_err());
        }
    }
});
