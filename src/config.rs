//! One settings table drives the TOML file, the environment, the flags, `--help` and
//! `docs/configuration.md` ([`settings`]); its values are read by typed keys ([`Config::get`]).
//!
//! A value comes from the first of: flag, environment, file, default. Every error of a
//! configuration is reported at once, each with the file and key, the variable or the flag
//! that it is about.

mod connection;
mod databases;
mod docs;
pub(crate) mod env;
mod file;
pub(crate) mod level;
mod lists;
mod load;
mod reload;
mod repeated;
pub(crate) mod server;
pub mod setting;
pub mod settings;
mod show;
mod strays;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::key_store::SecretName;
use crate::plural::plural;
pub(crate) use databases::{DatabaseGrant, ListedDatabase, matches};
pub(crate) use docs::markdown;
pub(crate) use lists::{QuotaRow, Registered};
pub use load::Inputs;
pub(crate) use repeated::quoted;
use setting::{Key, Value};
use settings::http;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
    Default,
    /// The configuration file at this path.
    File(PathBuf),
    /// A file that holds the secret, and the TOML file that names it.
    SecretFile(PathBuf, PathBuf),
    /// The environment variable of this name.
    Env(String),
    /// The secret of this name in the system's key store, and where that is named.
    KeyStore(SecretName, Box<Source>),
    /// The flag of this name, dashes included.
    Flag(String),
    /// A subcommand set it (the demo).
    Command,
}

/// The text of each key, and where it came from.
type Values = BTreeMap<&'static str, (String, Source)>;

/// The effective values, with where each came from.
#[derive(Clone)]
pub struct Config {
    values: Values,
    mounts: Vec<(String, Config)>,
    /// `[[database]]` and those of `[[server]]`; none where `[database]` is the only one.
    databases: Vec<ListedDatabase>,
    grants: Vec<DatabaseGrant>,
    /// It is that of a database that is listed beside others.
    is_listed: bool,
    /// `[[tool]]`, as TOML.
    own_tools: String,
    /// The names of all databases, of whatever path.
    known: Arc<[String]>,
    clients: Vec<Registered>,
    quotas: Vec<QuotaRow>,
    warnings: Vec<String>,
    /// What is made of a connection string.
    notes: Vec<String>,
}

/// All that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Errors(pub(crate) Vec<String>);

// === impl Errors ===

impl std::fmt::Display for Errors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "the configuration has {}:", plural(self.0.len(), "error"))?;
        self.0.iter().try_for_each(|e| writeln!(f, "  - {e}"))
    }
}

impl std::error::Error for Errors {}

// === impl Source ===

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File(p) | Source::SecretFile(p, _) => write!(f, "file {}", p.display()),
            Source::Env(n) => write!(f, "environment {n}"),
            Source::KeyStore(n, _) => write!(f, "key store, {n}"),
            Source::Flag(n) => write!(f, "flag {n}"),
            Source::Command => f.write_str("this command"),
        }
    }
}

// === impl Config ===

impl std::fmt::Debug for Config {
    /// Without its values: some are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let databases: Vec<&str> = self.databases.iter().map(|d| d.name.as_str()).collect();
        f.debug_struct("Config")
            .field("databases", &databases)
            .field("grants", &self.grants)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// The value of a setting.
    pub fn get<T: Value>(&self, key: Key<T>) -> T::Read<'_> {
        T::read(self.read(key.name()).0)
    }

    /// Where a setting's value came from.
    pub(crate) fn source<T>(&self, key: Key<T>) -> &Source {
        self.read(key.name()).1
    }

    /// A setting as an error names it: by the variable or flag that set it, or by file and key.
    fn place<T>(&self, key: Key<T>) -> String {
        place(key.name(), self.source(key))
    }

    /// Text and source of a row's key.
    fn read(&self, key: &str) -> (&str, &Source) {
        self.values.get(key).map_or(("", &Source::Default), |(text, source)| (text, source))
    }

    /// The names of the secrets that are set, and where each came from.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = (&'static str, &Source)> {
        settings::all()
            .filter(|s| s.kind == setting::ValueKind::Secret)
            .map(|s| (s.key, self.read(s.key)))
            .filter(|(_, (text, _))| !text.is_empty())
            .map(|(key, (_, source))| (key, source))
    }

    /// Files that hold secrets, of whatever database, each with the setting that names it.
    pub(crate) fn secret_files(&self) -> Vec<(&'static str, PathBuf)> {
        let own = self.values.iter().filter_map(|(key, (text, source))| match source {
            Source::SecretFile(_, file) => Some((*key, file.clone())),
            _ if text.is_empty() => None,
            _ if [
                settings::entra::TOKEN_FILE.name(),
                settings::entra::CERTIFICATE_FILE.name(),
                settings::entra::SIGN_IN_FILE.name(),
            ]
            .contains(key) =>
            {
                Some((*key, text.into()))
            }
            _ => None,
        });
        let mut all: Vec<_> = own.collect();
        all.extend(self.databases.iter().flat_map(|d| d.config.secret_files()));
        all.extend(self.mounts.iter().flat_map(|(_, mount)| mount.secret_files()));
        all
    }

    /// Where the main database is served over HTTP (empty for the root); nowhere when
    /// there are only mounts.
    pub(crate) fn prefixes(&self) -> Vec<String> {
        if !self.has_database() && !self.mounts.is_empty() {
            return Vec::new();
        }
        // Where mounts share the databases out, nothing shows all of them unasked.
        let shared_out =
            !self.databases.is_empty() && self.mounts.iter().any(|(_, m)| !m.databases.is_empty());
        if shared_out && *self.source(http::PREFIXES) == Source::Default {
            return Vec::new();
        }
        self.get(http::PREFIXES).iter().map(|p| p.trim_end_matches('/').to_owned()).collect()
    }

    /// `[[mount]]`: path and effective configuration.
    pub(crate) fn mounts(&self) -> &[(String, Config)] {
        &self.mounts
    }

    /// Both, in the order in which they are numbered everywhere.
    pub(crate) fn served(&self) -> Vec<(String, Config)> {
        let main = self.prefixes().into_iter().map(|p| (p, self.clone()));
        main.chain(self.mounts.iter().cloned()).collect()
    }

    /// Those that have numbers of their own.
    pub(crate) fn quotas(&self) -> &[QuotaRow] {
        &self.quotas
    }

    /// The clients that the operator registered.
    pub(crate) fn clients(&self) -> &[Registered] {
        &self.clients
    }

    /// What of a connection string is not used, or is used otherwise than it seems.
    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Variables that nobody knows.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether there is a database to talk to; if not, what to do.
    pub(crate) fn require_database(&self) -> Result<(), Errors> {
        if !self.has_database() && self.mounts.is_empty() {
            return Err(Errors(vec![
                "database.host is missing: set MSSQL_HOST (and MSSQL_USER, MSSQL_PASSWORD, \
                 MSSQL_DATABASE), or try `mssql-mcp demo`, which needs no SQL Server"
                    .into(),
            ]));
        }
        Ok(())
    }
}

fn place(key: &str, source: &Source) -> String {
    match source {
        Source::File(p) => format!("{}: {key}", p.display()),
        Source::SecretFile(p, _) => format!("{}: {key}_file", p.display()),
        Source::Env(n) => n.clone(),
        Source::KeyStore(_, named_by) => place(key, named_by),
        Source::Flag(f) => f.clone(),
        Source::Default | Source::Command => key.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::settings::{access, database};
    use super::*;

    fn env(list: &[(&str, &str)]) -> BTreeMap<String, String> {
        list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn the_replaced_services_variables_are_enough() {
        let env = env(&[
            ("MSSQL_HOST", "db"),
            ("MSSQL_USER", "sa"),
            ("MSSQL_PASSWORD", "a b!c"),
            ("MSSQL_DATABASE", "x"),
            ("MSSQL_DRIVER", "ODBC Driver 18 for SQL Server"),
            ("TrustServerCertificate", "YES"),
            ("Trusted_Connection", "no"),
            ("READ_ONLY_MODE", "False"),
        ]);
        let c = Config::load(&Inputs { env, ..Inputs::default() }).expect("valid");
        assert_eq!((c.get(database::HOST), c.get(database::PASSWORD)), ("db", "a b!c"));
        assert!(c.get(database::TRUST_SERVER_CERTIFICATE));
        assert_eq!(c.get(access::LEVEL), access::Access::ReadWrite);
        assert!(!c.show().contains("a b!c") && !format!("{c:?}").contains("a b!c"));
        assert!(c.show().contains("environment MSSQL_HOST"));
    }

    #[test]
    fn all_errors_come_at_once_and_name_their_place() {
        let dir = std::env::temp_dir().join(format!("mssql-mcp-config-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("dir");
        let file = dir.join("bad.toml");
        std::fs::write(&file, "[database]\nhots = \"x\"\nport = 99999\n[pool]\nwait = \"soon\"\n")
            .expect("file");
        let inputs = Inputs {
            file: Some(file.clone()),
            env: env(&[
                ("Trusted_Connection", "maybe"),
                ("ALLOW_UNAUTH_METHODS", "true"),
                ("MSSQL_PASSWORD_FILE", "/nonexistent"),
            ]),
            flags: vec![("limits.max_rows".into(), "many".into())],
            ..Inputs::default()
        };
        let Errors(list) = Config::load(&inputs).expect_err("errors");
        let all = list.join("\n");
        let name = file.display();
        for part in [
            format!("{name}: database.hots: unknown key; did you mean database.host?"),
            format!("{name}: database.port: \"99999\" is not a whole number from 1 to 65535"),
            format!("{name}: pool.wait: \"soon\" is no duration"),
            "Trusted_Connection: \"maybe\" is neither yes nor no".into(),
            "ALLOW_UNAUTH_METHODS: ".into(),
            "MSSQL_PASSWORD_FILE: the file cannot be read: No such file".into(),
            "--limits-max-rows: \"many\" is not a whole number".into(),
        ] {
            assert!(all.contains(&part), "{part}\nnot in\n{all}");
        }
        assert_eq!(list.len(), 7, "{all}");
        std::fs::remove_dir_all(dir).expect("clean");
    }

    #[test]
    fn what_faces_the_internet_has_a_name_and_sign_in() {
        let load = |fixed: &[(&'static str, &str)]| {
            let fixed = fixed.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
            Config::load(&Inputs { fixed, ..Inputs::default() })
        };
        let open = ("http.listen", "0.0.0.0:8008");
        let builtin = ("auth.mode", "builtin");
        assert!(load(&[open, builtin]).is_err());
        assert!(load(&[open, builtin, ("http.public_url", "https://mcp.example.com")]).is_ok());
        assert!(load(&[builtin]).is_ok(), "loopback speaks of itself by the name that was typed");
        for bad in [
            "mcp.example.com",
            "http://mcp.example.com",
            "http://localhost.evil.com",
            "https://a.example/mcp",
            "https://",
        ] {
            assert!(load(&[("http.public_url", bad)]).is_err(), "{bad}");
        }
        assert!(load(&[("http.trusted_proxies", "nginx")]).is_err());
        let Errors(unknown) = load(&[("http.lisen", "8008")]).expect_err("no such key");
        assert_eq!(unknown, ["http.lisen: unknown; did you mean http.listen?"]);
    }

    #[test]
    fn flags_beat_the_environment_which_beats_the_file() {
        let dir = std::env::temp_dir().join(format!("mssql-mcp-order-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("dir");
        let file = dir.join("c.toml");
        std::fs::write(
            &file,
            "[database]\nhost = \"file\"\nuser = \"file\"\npassword_file = \"".to_owned()
                + &file.display().to_string()
                + "\"\nname = \"file\"\n",
        )
        .expect("file");
        let inputs = Inputs {
            file: Some(file),
            env: env(&[
                ("MSSQL_HOST", "env"),
                ("MSSQL_USER", "env"),
                ("MSSQL_MCP_DATABASE_USER", "own"),
            ]),
            flags: vec![("database.host".into(), "flag".into())],
            ..Inputs::default()
        };
        let c = Config::load(&inputs).expect("valid");
        assert_eq!(
            [c.get(database::HOST), c.get(database::USER), c.get(database::NAME)],
            ["flag", "own", "file"]
        );
        assert!(c.get(database::PASSWORD).starts_with("[database]"));
        std::fs::remove_dir_all(dir).expect("clean");
    }
}
