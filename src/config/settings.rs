//! The settings table, a section a file: its choices, its rows, and what must hold between them.

pub mod access;
pub mod admin;
pub mod audit;
pub mod auth;
pub mod database;
pub mod entra;
pub mod http;
pub mod limits;
pub mod log;
pub mod pool;
pub mod results;
pub mod server;
pub mod tasks;
pub mod telemetry;
pub mod tools;

use super::Config;
use super::setting::{Key, Path, Setting};

/// The rows that have the same word before the dot.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) name: &'static str,
    /// What `--help` calls it.
    pub(crate) heading: &'static str,
    /// Whether a `[[mount]]` may set it for itself.
    pub(crate) of_a_mount: bool,
    /// In the order of the docs.
    pub(crate) rows: &'static [Setting],
    /// What must hold beyond each row's own kind.
    pub(super) check: fn(&Config, &mut Vec<String>),
}

/// All sections, in the order of the docs.
pub(crate) const SECTIONS: &[Section] = &[
    of_a_mount("database", "Database", database::ROWS, database::check),
    of_a_mount("entra", "Entra ID", entra::ROWS, entra::check),
    of_a_mount("pool", "Connection pool", pool::ROWS, nothing),
    of_a_mount("access", "Access", access::ROWS, access::check),
    section("auth", "Sign-in", auth::ROWS, auth::check),
    of_a_mount("limits", "Limits", limits::ROWS, nothing),
    of_a_mount("tools", "Tools", tools::ROWS, tools::check),
    of_a_mount("tasks", "Tasks", tasks::ROWS, nothing),
    section("results", "Kept results", results::ROWS, results::check),
    section("audit", "Audit", audit::ROWS, nothing),
    section("http", "HTTP", http::ROWS, http::check),
    section("server", "Server", server::ROWS, nothing),
    section("admin", "Admin listener", admin::ROWS, nothing),
    section("telemetry", "Telemetry", telemetry::ROWS, telemetry::check),
    section("log", "Log", log::ROWS, nothing),
];

/// The one key that a `[[mount]]` may set although its section is for the whole server.
const ALSO_OF_A_MOUNT: Key<super::setting::Text> = auth::AUDIENCE;

type Check = fn(&Config, &mut Vec<String>);

const fn section(
    name: &'static str,
    heading: &'static str,
    rows: &'static [Setting],
    check: Check,
) -> Section {
    Section { name, heading, of_a_mount: false, rows, check }
}

const fn of_a_mount(
    name: &'static str,
    heading: &'static str,
    rows: &'static [Setting],
    check: Check,
) -> Section {
    Section { name, heading, of_a_mount: true, rows, check }
}

fn nothing(_: &Config, _: &mut Vec<String>) {}

/// Every row, in the order of the docs.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.iter().flat_map(|s| s.rows)
}

/// The row of a key, if there is one.
pub(crate) fn find(key: &str) -> Option<&'static Setting> {
    all().find(|s| s.key == key)
}

/// Whether a `[[mount]]` may set this key for itself.
pub(super) fn may_be_a_mounts(key: &str) -> bool {
    key == ALSO_OF_A_MOUNT.name()
        || SECTIONS.iter().any(|s| s.of_a_mount && s.rows.iter().any(|r| r.key == key))
}

/// Whether there is a section of this name.
pub(super) fn is_section(name: &str) -> bool {
    SECTIONS.iter().any(|s| s.name == name)
}

/// The keys of a section, of which one is named.
pub(super) fn section_of(key: &'static str) -> impl Iterator<Item = &'static str> {
    let is = move |s: &&Section| s.rows.iter().any(|r| r.key == key);
    SECTIONS.iter().filter(is).flat_map(|s| s.rows).map(|r| r.key)
}

/// What an unknown key may have meant.
pub(super) fn nearest(key: &str) -> String {
    let best = all().map(|s| (strsim::damerau_levenshtein(s.key, key), s.key)).min();
    match best {
        Some((distance, near)) if distance <= near.len() / 2 => format!("did you mean {near}?"),
        _ => {
            let names: Vec<&str> = SECTIONS.iter().map(|s| s.name).collect();
            format!("the sections are {}", names.join(", "))
        }
    }
}

/// A file of authorities that can be read has at least one certificate in it.
fn holds_certificates(config: &Config, key: Key<Path>, errors: &mut Vec<String>) {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    let Ok(pem) = std::fs::read(config.get(key)) else { return };
    if CertificateDer::pem_slice_iter(&pem).next().is_none_or(|c| c.is_err()) {
        errors.push(format!(
            "{}: there is no certificate in this file; PEM is expected (-----BEGIN \
             CERTIFICATE-----)",
            config.place(key)
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_in_its_section_once_and_its_default_is_a_value() {
        let mut seen = std::collections::BTreeSet::new();
        for section in SECTIONS {
            for row in section.rows {
                assert_eq!(row.key.split_once('.').map(|k| k.0), Some(section.name));
                assert!(seen.insert(row.key), "{} twice", row.key);
                assert!(row.default.is_empty() || row.check(row.default).is_ok(), "{}", row.key);
            }
        }
    }

    #[test]
    fn what_a_mount_may_set() {
        for (key, may) in [
            ("database.host", true),
            ("auth.audience", true),
            ("auth.mode", false),
            ("http.listen", false),
            ("database.nonsense", false),
        ] {
            assert_eq!(may_be_a_mounts(key), may, "{key}");
        }
    }
}
