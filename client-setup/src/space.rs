//! What lies between the parts of a text: line ends, indentation, comments.

/// The line end of a text: that of its first line.
pub(crate) fn line_end(text: &str) -> &'static str {
    match text.find('\n') {
        Some(n) if text[..n].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// Line and column, from 1, the column in characters.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = &text[..end];
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// What lies between two properties, or behind the last one.
pub(crate) struct Between {
    /// Where the comma is.
    pub(crate) comma: Option<usize>,
    /// Behind the last comment or comma.
    pub(crate) end: usize,
}

/// The white space and comments from one offset to another, with the comma among them.
pub(crate) fn between(text: &str, from: usize, to: usize) -> Between {
    let (mut comma, mut end, mut at) = (None, from, from);
    while at < to {
        let rest = &text[at..to];
        let length = match rest.as_bytes() {
            [b'/', b'/', ..] => rest.find(['\r', '\n']).unwrap_or(rest.len()),
            [b'/', b'*', ..] => rest[2..].find("*/").map_or(rest.len(), |n| n + 4),
            [b',', ..] => {
                comma = comma.or(Some(at));
                1
            }
            _ => {
                at += rest.chars().next().map_or(1, char::len_utf8);
                continue;
            }
        };
        at += length;
        end = at;
    }
    Between { comma, end }
}

/// The indentation before `at`, if nothing else stands before it in its line.
pub(crate) fn own_line(text: &str, at: usize) -> Option<&str> {
    let line = text[..at].rfind('\n').map_or(0, |n| n + 1);
    Some(&text[line..at]).filter(|t| t.bytes().all(|b| matches!(b, b' ' | b'\t')))
}
