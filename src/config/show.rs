//! The effective values, for people: `mssql-mcp config`, logs, and what the doctor says.

use std::fmt::Write as _;

use super::repeated::has_credentials;
use super::setting::{Key, ValueKind};
use super::{Config, settings};

// === impl Config ===

impl Config {
    /// A text as people and logs may see it, without what may be a password in it.
    pub(crate) fn shown<T>(&self, key: Key<T>) -> String {
        redacted(self.read(key.name()).0)
    }

    /// The effective values with their sources, secrets redacted.
    pub fn show(&self) -> String {
        let mut out = String::new();
        for s in settings::all() {
            let (text, source) = self.read(s.key);
            let shown = match (s.kind, text.is_empty()) {
                (_, true) => "(not set)".to_owned(),
                (ValueKind::Secret, false) => "(redacted)".to_owned(),
                _ => format!("{:?}", redacted(text)),
            };
            let _ = writeln!(out, "{:<36} = {shown:<28} # {source}", s.key);
        }
        for (path, m) in &self.mounts {
            let _ = writeln!(out, "\n[[mount]] {path}, where it differs:");
            let differs = |l: &&str| !out.lines().any(|o| o == *l);
            let own: Vec<String> = m.show().lines().filter(differs).map(str::to_owned).collect();
            own.iter().for_each(|l| {
                let _ = writeln!(out, "{l}");
            });
        }
        for d in &self.databases {
            let _ = writeln!(out, "\n[[database]] {}, where it differs:", d.name);
            let differs = |l: &&str| !out.lines().any(|o| o == *l);
            let own: Vec<String> =
                d.config.show().lines().filter(differs).map(str::to_owned).collect();
            own.iter().for_each(|l| {
                let _ = writeln!(out, "{l}");
            });
        }
        for g in &self.grants {
            let _ = writeln!(
                out,
                "\n[[grant]] {}: {}",
                g.principals.join(", "),
                g.databases.join(", ")
            );
        }
        for q in &self.quotas {
            let _ = writeln!(
                out,
                "\n[[quota]] {}: calls {}, catalog_calls {}, concurrent_calls {}, rows_per_hour \
                 {}, bytes_per_hour {}",
                q.principals.join(", "),
                q.calls,
                q.catalog_calls,
                q.concurrent_calls,
                q.rows_per_hour,
                q.bytes_per_hour
            );
        }
        for c in &self.clients {
            let kind = if c.secret.is_some() { "with a secret" } else { "public" };
            let _ = writeln!(
                out,
                "\n[[client]] {} ({}), {kind}: {}",
                c.id,
                c.name,
                c.redirect_uris.join(", ")
            );
        }
        for w in &self.warnings {
            let _ = writeln!(out, "\n# warning: {w}");
        }
        out
    }
}

/// What stands before the `@` of a URL is a password (RFC 3986, section 3.2.1), and what stands
/// behind its `?` may be one.
fn redacted(text: &str) -> String {
    if !has_credentials(text) && !text.contains("://") {
        return text.to_owned();
    }
    let Some((scheme, rest)) = text.split_once("://") else { return "(redacted)".to_owned() };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let more = if text.contains('?') { "?(redacted)" } else { "" };
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://(redacted)@{host}{more}"),
        None => format!("{scheme}://{rest}{more}"),
    }
}
