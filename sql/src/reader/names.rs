//! Names of objects: their parts, and when two of them may be the same.

use crate::lexer::{Token, TokenKind};

/// A name without its quotes, and with doubled closing quotes once.
pub(super) fn unquoted(t: &Token<'_>) -> String {
    match t.kind {
        TokenKind::Quoted if t.text.starts_with('[') => t.bare().replace("]]", "]"),
        TokenKind::Quoted => t.bare().replace("\"\"", "\""),
        _ => t.text.to_owned(),
    }
}

/// The parts of a name, empty ones too: `db..t` has three.
pub(super) fn parts<'t, 'a>(path: &'t [Token<'a>]) -> Vec<Option<&'t Token<'a>>> {
    let mut out = vec![None];
    for t in path {
        if t.text == "." {
            out.push(None);
        } else if let Some(last) = out.last_mut() {
            *last = Some(t);
        }
    }
    out
}

/// `#t`, `dbo.#t`, `tempdb..#t` and `tempdb.dbo.#t`; `##t` is everybody's.
pub(super) fn is_temporary(path: &[Token<'_>]) -> bool {
    let parts = parts(path);
    let Some(Some(last)) = parts.last() else { return false };
    let name = last.bare();
    let local = name.starts_with('#')
        && !name.starts_with("##")
        && matches!(last.kind, TokenKind::Word | TokenKind::Quoted);
    let place = match parts.len() {
        1 => true,
        // SQL Server looks for it in tempdb, whatever the schema.
        2 => true,
        3 => parts[0].is_some_and(|d| d.bare().eq_ignore_ascii_case("tempdb")),
        _ => false,
    };
    local && place
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lexer::tokens;

    #[test]
    fn temporary_names() {
        let of = |n: &str| is_temporary(&tokens(n).expect("tokens"));
        for n in ["#t", "[#t]", "\"#t\"", "tempdb..#t", "TempDB.dbo.[#t]", "dbo.#t"] {
            assert!(of(n), "{n}");
        }
        for n in [
            "t",
            "##t",
            "[##t]",
            "other..#t",
            "srv.tempdb..#t",
            "[ #t]",
            "tempdb..##t",
            "tempdb..t",
        ] {
            assert!(!of(n), "{n}");
        }
    }
}
