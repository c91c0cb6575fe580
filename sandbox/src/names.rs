//! What things are called: the server, its databases, and names of several parts.

/// The sandbox's login; [`Options`](crate::Options) may add others.
pub const USER: &str = "sandbox";
/// Its password: public, and good for nothing but a loopback stand-in.
pub const PASSWORD: &str = "Sandbox-1433";

/// The server, in ERROR and INFO tokens and to whoever asks.
pub(crate) const SERVER: &str = "SANDBOX";

/// The database with the sample; [`Options`](crate::Options) may add others.
pub const DATABASE: &str = "trading";

/// The databases that every server has, in the order of their ids, from 1. The sample comes next.
pub(crate) const SYSTEM_DATABASES: [&str; 4] = ["master", "tempdb", "model", "msdb"];

/// A name of up to four parts, outermost first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(pub(crate) Vec<String>);

impl Name {
    /// The same name within a database, if none is written.
    pub(crate) fn in_database(&self, database: &str) -> Name {
        let database = database.to_owned();
        Name(match self.0.as_slice() {
            [object] => vec![database, "dbo".to_owned(), object.clone()],
            [schema, object] => vec![database, schema.clone(), object.clone()],
            parts => parts.to_vec(),
        })
    }

    /// The database that is written, if one is.
    pub(crate) fn database(&self) -> Option<&str> {
        match self.0.as_slice() {
            [database, _, _] if !database.is_empty() => Some(database),
            _ => None,
        }
    }
}

/// Schema (dbo when none is written) and object, in whatever database; `None` on a linked server.
pub(crate) fn split(name: &Name) -> Option<(&str, &str)> {
    match name.0.as_slice() {
        [o] => Some(("dbo", o)),
        [s, o] | [_, s, o] => Some((if s.is_empty() { "dbo" } else { s }, o)),
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
