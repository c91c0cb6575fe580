//! What of a value may be repeated in an error: it may have been pasted into the wrong place, and
//! be a password, or have one in it.

/// The value in quotation marks, where it is of a harmless form; else a mark that stands for it.
pub(crate) fn quoted(text: &str) -> String {
    if harmless(text) { format!("\"{text}\"") } else { "what it holds (not shown)".to_owned() }
}

/// Short, of plain characters, no connection string and no URL with somebody's name in it, and not
/// as people make passwords: with capital and small letters and digits all at once.
fn harmless(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:/,-+*[]= ".contains(c);
    let mixed = [char::is_uppercase, char::is_lowercase, char::is_numeric]
        .iter()
        .all(|f| text.chars().any(f));
    text.chars().count() <= 80 && text.chars().all(plain) && !has_credentials(text) && !mixed
}

/// Whether a text looks like a connection string, or like a URL with a password.
pub(crate) fn has_credentials(text: &str) -> bool {
    const NAMES: [&str; 11] = [
        "password",
        "passwd",
        "pass",
        "pwd",
        "pw",
        "secret",
        "token",
        "accountkey",
        "accesskey",
        "apikey",
        "api_key",
    ];
    let lower = text.to_ascii_lowercase();
    let named = NAMES.iter().any(|k| {
        lower.match_indices(k).any(|(at, _)| {
            let after = lower[at + k.len()..].trim_start_matches(['"', '\'', ' ']);
            let starts = lower[..at].chars().next_back().is_none_or(|c| !c.is_ascii_alphanumeric());
            // A colon is what JSON and YAML have; a scope is no password.
            starts
                && (after.starts_with('=')
                    || after.starts_with(": ")
                    || after.starts_with(":\"")
                    || after.starts_with(":'"))
                || after.starts_with('=') && k.len() > 4
        })
    });
    // user:password@host, behind a scheme or not.
    let authority = lower.split_once("://").map_or(&*lower, |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    named
        || text.contains("-----BEGIN")
        || authority
            .rsplit_once('@')
            .is_some_and(|(user, host)| user.contains(':') && !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_repeated_and_words_are() {
        for text in [
            "Server=db;Password=hush",
            "sa:hush@db",
            "mssql://sa:hush@db/x",
            "passwd=hush",
            "pw=hush",
            "client_secret=hush",
            "https://x/?access_token=hush",
            "Pwd: hush",
            "{\"password\":\"hush\"}",
            "S3cretPw!",
            "hunter2!",
            "Tr0ub4dor",
            "redis://127.0.0.1/0?password=hush",
            "-----BEGIN CERTIFICATE-----",
        ] {
            assert_eq!(quoted(text), "what it holds (not shown)", "{text}");
        }
        for text in [
            "many",
            "99999",
            "0",
            "soon",
            "db:1433",
            "https://mcp.example.com",
            "inspector.example.com",
            "read-only",
            "WAITFORR",
            "/demo",
            "scope=mssql:read",
        ] {
            assert_eq!(quoted(text), format!("\"{text}\""));
        }
    }
}
