//! The URIs of resources: `mssql://DATABASE/SCHEMA/TABLE`, each part percent-encoded (RFC 3986 §2.1),
//! and behind it `/sample` or `/definition`.

use std::fmt::Write as _;

/// The scheme of all resources that are of the database.
pub(crate) const SCHEME: &str = "mssql://";

/// What of an object a resource shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aspect {
    /// Columns, keys and indexes of a table or view.
    Description,
    /// A few rows of it.
    Sample,
    /// The text of a procedure or function.
    Definition,
}

/// What a URI names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectUri {
    pub(crate) database: String,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) aspect: Aspect,
}

// === impl Aspect ===

impl Aspect {
    fn suffix(self) -> &'static str {
        match self {
            Self::Description => "",
            Self::Sample => "/sample",
            Self::Definition => "/definition",
        }
    }
}

// === impl ObjectUri ===

impl ObjectUri {
    /// Reads a URI; none where it is not one of these.
    pub(crate) fn parse(uri: &str) -> Option<Self> {
        let parts: Vec<&str> = uri.strip_prefix(SCHEME)?.split('/').collect();
        let ([database, schema, name], aspect) = match *parts.as_slice() {
            [database, schema, name] => ([database, schema, name], Aspect::Description),
            [database, schema, name, "sample"] => ([database, schema, name], Aspect::Sample),
            [database, schema, name, "definition"] => {
                ([database, schema, name], Aspect::Definition)
            }
            _ => return None,
        };
        let part = |text: &str| decoded(text).filter(|t| !t.is_empty());
        Some(Self { database: part(database)?, schema: part(schema)?, name: part(name)?, aspect })
    }
}

impl std::fmt::Display for ObjectUri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [database, schema, name] =
            [&self.database, &self.schema, &self.name].map(|part| encoded(part));
        write!(f, "{SCHEME}{database}/{schema}/{name}{}", self.aspect.suffix())
    }
}

/// Everything but RFC 3986's unreserved characters as `%` and two digits.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let hex = rest.get(..2).filter(|h| h.iter().all(u8::is_ascii_hexdigit))?;
        out.push(u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_read() {
        for (name, written) in [
            ("Orders", "mssql://trading/sales/Orders"),
            ("Order Details/2%", "mssql://trading/sales/Order%20Details%2F2%25"),
            ("日本", "mssql://trading/sales/%E6%97%A5%E6%9C%AC"),
            ("sample", "mssql://trading/sales/sample"),
        ] {
            for aspect in [Aspect::Description, Aspect::Sample, Aspect::Definition] {
                let uri = ObjectUri {
                    database: "trading".into(),
                    schema: "sales".into(),
                    name: name.into(),
                    aspect,
                };
                assert_eq!(uri.to_string(), format!("{written}{}", aspect.suffix()));
                assert_eq!(ObjectUri::parse(&uri.to_string()), Some(uri));
            }
        }
    }

    #[test]
    fn what_is_none_of_these_is_not_read() {
        for other in [
            "",
            "mssql://",
            "mssql://a/b",
            "mssql://a/b/",
            "mssql://a//c",
            "mssql://a/b/c/",
            "mssql://a/b/c/other",
            "mssql://a/b/%4",
            "mssql://a/b/%zz",
            "mssql://a/b/%+1",
            "mssql://a/b/%FF",
            "http://a/b/c",
            "skill://a/SKILL.md",
        ] {
            assert_eq!(ObjectUri::parse(other), None, "{other}");
        }
    }
}
