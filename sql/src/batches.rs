//! Scripts: batches separated by GO, as SSMS and sqlcmd cut them.

use crate::lexer::tokens;

/// The batches of a script, each with the line that it starts at. GO counts alone on its line, with
/// a count or a comment behind it at most, and not inside a comment, a string or a quoted name that
/// began on a line before.
///
/// Source: "SQL Server Utilities Statements - GO".
pub fn batches(script: &str) -> Vec<(u32, &str)> {
    let mut out = Vec::new();
    let (mut from, mut at, mut first) = (0, 0, 1);
    let mut open = Open::Nothing;
    for (n, line) in (1..).zip(script.split_inclusive('\n')) {
        if matches!(open, Open::Nothing) && is_go(line) {
            out.push((first, &script[from..at]));
            from = at + line.len();
            first = n + 1;
        } else {
            open = open.behind(line);
        }
        at += line.len();
    }
    out.push((first, &script[from..]));
    // What has only blanks and comments is none.
    out.retain(|(_, b)| tokens(b).map_or(true, |t| t.iter().any(|t| t.text != ";")));
    out
}

/// `GO`, `GO 5`, `GO -- why`, in any case.
fn is_go(line: &str) -> bool {
    let line = line.trim_matches([' ', '\t', '\r', '\n']);
    let Some(rest) = line.get(..2).filter(|g| g.eq_ignore_ascii_case("GO")).map(|_| &line[2..])
    else {
        return false;
    };
    let count = rest.trim_start();
    let apart = count.len() < rest.len();
    let behind = count.trim_start_matches(|c: char| c.is_ascii_digit());
    if behind.len() < count.len() && !apart {
        return false;
    }
    let behind = behind.trim_start_matches([' ', '\t', ';']);
    behind.is_empty()
        || behind.starts_with("--")
        || behind.starts_with("/*") && behind.ends_with("*/")
}

/// What a line leaves open.
#[derive(Clone, Copy)]
enum Open {
    Nothing,
    /// With how many comments in it.
    Comment(usize),
    /// Until this character; doubled, it stands for itself, which needs no care here.
    Quote(u8),
}

impl Open {
    fn behind(self, line: &str) -> Self {
        let (mut open, bytes) = (self, line.as_bytes());
        let mut i = 0;
        while i < bytes.len() {
            let next = bytes.get(i + 1).copied().unwrap_or(0);
            let mut len = 1;
            open = match (open, bytes[i]) {
                (Open::Nothing, b'-') if next == b'-' => return open,
                (Open::Nothing, b'/') if next == b'*' => {
                    len = 2;
                    Open::Comment(1)
                }
                (Open::Comment(n), b'/') if next == b'*' => {
                    len = 2;
                    Open::Comment(n + 1)
                }
                (Open::Comment(n), b'*') if next == b'/' => {
                    len = 2;
                    if n == 1 { Open::Nothing } else { Open::Comment(n - 1) }
                }
                (Open::Nothing, q @ (b'\'' | b'"')) => Open::Quote(q),
                (Open::Nothing, b'[') => Open::Quote(b']'),
                (Open::Quote(q), b) if b == q => Open::Nothing,
                (open, _) => open,
            };
            i += len;
        }
        open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(script: &str) -> Vec<&str> {
        batches(script).into_iter().map(|(_, b)| b.trim()).collect()
    }

    #[test]
    fn go_is_a_line_of_its_own() {
        assert_eq!(batches("a\nGO\n\nb\ngo 2\r\nc"), [(1, "a\n"), (3, "\nb\n"), (6, "c")]);
        for go in ["GO", " go\t", "Go 5", "GO -- next", "GO 3 -- three", "GO /* x */", "go;"] {
            assert_eq!(cut(&format!("a\n{go}\nb")), ["a", "b"], "{go}");
        }
        for go in ["GOTO x", "GO5", "SELECT 1 GO", "GO x", "[GO]", "-- GO"] {
            assert_eq!(cut(&format!("a\n{go}\nb")).len(), 1, "{go}");
        }
    }

    #[test]
    fn go_inside_of_comments_and_quotes_is_none() {
        for script in [
            "/*\nGO\n*/ a",
            "SELECT '\nGO\n' b",
            "SELECT \"\nGO\n\" b",
            "SELECT [\nGO\n] b",
            "/* /* */\nGO\n*/ a",
            "'it''s\nGO\n'",
        ] {
            assert_eq!(cut(script).len(), 1, "{script}");
        }
        assert_eq!(cut("a -- it's\nGO\nb").len(), 2);
        assert_eq!(cut("-- only\nGO\n;\nGO\nb"), ["b"]);
        assert_eq!(cut("SELECT '--'\nGO\nb").len(), 2);
        assert_eq!(cut("SELECT '/*'\nGO\nb").len(), 2);
        assert_eq!(cut("SELECT ''''\nGO\nb").len(), 2);
    }
}
