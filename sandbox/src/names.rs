//! What things are called: the server, its databases, and names of several parts.

/// The sandbox's only login.
pub const USER: &str = "sandbox";
/// Its password: public, and good for nothing but a loopback stand-in.
pub const PASSWORD: &str = "Sandbox-1433";

/// The server, in ERROR and INFO tokens and to whoever asks.
pub(crate) const SERVER: &str = "SANDBOX";

/// The database that the sandbox serves.
pub const DATABASE: &str = "trading";

/// The databases of the server in the order of their ids, from 1.
pub(crate) const DATABASES: [&str; 5] = ["master", "tempdb", "model", "msdb", DATABASE];

/// None for a database that is not there.
pub(crate) fn database_id(name: &str) -> Option<i64> {
    let position = DATABASES.iter().position(|d| d.eq_ignore_ascii_case(name))?;
    Some(position as i64 + 1)
}

/// A name of up to four parts, outermost first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(pub(crate) Vec<String>);

/// Schema (dbo when none is written) and object; `None` for another database or a linked server.
pub(crate) fn split(name: &Name) -> Option<(&str, &str)> {
    match name.0.as_slice() {
        [o] => Some(("dbo", o)),
        [s, o] => Some((if s.is_empty() { "dbo" } else { s }, o)),
        [d, s, o] if d.eq_ignore_ascii_case(DATABASE) => {
            Some((if s.is_empty() { "dbo" } else { s }, o))
        }
        _ => None,
    }
}

/// A name in a text, as OBJECT_ID takes it: parts between dots, and what is in brackets or
/// quotation marks is one part.
pub(crate) fn written_name(text: &str) -> Name {
    let mut parts = vec![String::new()];
    let mut close = None;
    let mut chars = text.trim().chars().peekable();
    while let Some(c) = chars.next() {
        match close {
            Some(q) if c == q && chars.next_if_eq(&q).is_none() => close = None,
            None if c == '[' => close = Some(']'),
            None if c == '"' => close = Some('"'),
            None if c == '.' => parts.push(String::new()),
            _ => {
                if let Some(last) = parts.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    Name(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_texts() {
        let parts = |text: &str| written_name(text).0;
        assert_eq!(parts("t"), ["t"]);
        assert_eq!(parts(" dbo.t "), ["dbo", "t"]);
        assert_eq!(parts("[a.b].\"c d\""), ["a.b", "c d"]);
        assert_eq!(parts("[a]]b]"), ["a]b"]);
        assert_eq!(parts("tempdb..#t"), ["tempdb", "", "#t"]);
    }
}
