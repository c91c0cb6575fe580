//! One settings table drives the TOML file, the environment, the flags, `--help` and
//! `docs/configuration.md`.
//!
//! A value comes from the first of: flag, environment, file, default. Every error of a
//! configuration is reported at once, each with the file and key, the variable or the flag
//! that it is about.

pub(crate) mod level;
mod read;
mod repeated;
pub mod server;
mod strays;
mod table;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::server::Server;
use crate::plural::plural;
use read::{Lists, read_env, read_file};
use repeated::has_credentials;
pub use repeated::quoted;
pub use table::{ACCESS, Kind, SETTINGS, Setting, parse_bool, parse_listen};
use table::{nearest, normal_choice, parse_duration};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// The table.
    Default,
    /// A file.
    File(PathBuf),
    /// A variable.
    Env(String),
    /// A flag.
    Flag(String),
    /// Set by a subcommand (the demo).
    Command,
}

type Values = BTreeMap<&'static str, (String, Source)>;

/// The effective values.
#[derive(Debug, Clone)]
pub struct Config {
    values: Values,
    mounts: Vec<(String, Config)>,
    clients: Vec<Registered>,
    quotas: Vec<QuotaRow>,
    warnings: Vec<String>,
}

/// `[[quota]]`: other numbers for some principals.
#[derive(Debug, Clone, PartialEq)]
pub struct QuotaRow {
    /// Whole, or up to a `*` at the end.
    pub principals: Vec<String>,
    /// In a minute.
    pub calls: u64,
    /// Likewise.
    pub catalog_calls: u64,
    /// At once.
    pub concurrent_calls: u64,
    /// As it says.
    pub rows_per_hour: u64,
    /// As it says.
    pub bytes_per_hour: u64,
}

impl QuotaRow {
    /// The numbers for everybody.
    pub fn of(c: &Config) -> Self {
        Self {
            principals: Vec::new(),
            calls: c.int("limits.calls"),
            catalog_calls: c.int("limits.catalog_calls"),
            concurrent_calls: c.int("limits.concurrent_calls"),
            rows_per_hour: c.int("limits.rows_per_hour"),
            bytes_per_hour: c.int("limits.bytes_per_hour"),
        }
    }
}

/// `[[client]]`: a client that the operator registered.
#[derive(Clone, PartialEq)]
pub struct Registered {
    /// As it names itself.
    pub id: String,
    /// For people.
    pub name: String,
    /// Where codes may go: any that the operator wrote, a private scheme too.
    pub redirect_uris: Vec<String>,
    /// None for a public client.
    pub secret: Option<String>,
}

/// The sections (or keys) that a `[[mount]]` may set for itself; all else it has from the
/// top of the file.
const OF_A_MOUNT: [&str; 6] =
    ["database.", "pool.", "access.", "limits.", "tools.", "auth.audience"];
/// Paths that are ours below every mount, so that none may be called so.
const TAKEN: [&str; 10] = [
    "mcp",
    "sse",
    "messages",
    "health",
    "authorize",
    "token",
    "register",
    "revoke",
    "apps",
    "object",
];

/// What to read.
#[derive(Debug, Default)]
pub struct Inputs {
    /// The TOML file, if one was named.
    pub file: Option<PathBuf>,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// Flags: key → text.
    pub flags: Vec<(String, String)>,
    /// Another port than that of `http.listen`.
    pub port: Option<u16>,
    /// Values that a subcommand fixes; above all others.
    pub fixed: Vec<(&'static str, String)>,
}

/// All that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Errors(pub Vec<String>);

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
            Source::File(p) => write!(f, "file {}", p.display()),
            Source::Env(n) => write!(f, "environment {n}"),
            Source::Flag(n) => write!(f, "flag {n}"),
            Source::Command => f.write_str("this command"),
        }
    }
}

// === impl Config ===

impl Config {
    /// Reads everything and checks everything.
    pub fn load(inputs: &Inputs) -> Result<Self, Errors> {
        let mut errors = Vec::new();
        let mut values: Values =
            SETTINGS.iter().map(|s| (s.key, (s.default.to_owned(), Source::Default))).collect();
        let mut lists = Lists::default();
        if let Some(path) = &inputs.file {
            read_file(path, &mut values, &mut lists, &mut errors);
        }
        read_env(&inputs.env, &mut values, &mut errors);
        for (key, text) in &inputs.flags {
            match SETTINGS.iter().find(|s| s.key == key) {
                Some(s) => {
                    values.insert(s.key, (text.clone(), Source::Flag(format!("--{}", s.flag()))));
                }
                None => errors.push(format!("flag for {key}: unknown; {}", nearest(key))),
            }
        }
        if let Some(port) = inputs.port {
            let text = values.get("http.listen").and_then(|v| parse_listen(&v.0)).map_or(
                port.to_string(),
                |mut a| {
                    a.set_port(port);
                    a.to_string()
                },
            );
            values.insert("http.listen", (text, Source::Flag("--port".into())));
        }
        for (key, text) in &inputs.fixed {
            values.insert(key, (text.clone(), Source::Command));
        }
        let (strays, warnings) = strays::strays(&inputs.env);
        errors.extend(strays);
        if let Some((text, _)) = values.get_mut("auth.store").filter(|v| v.0 == "sqlite") {
            *text = format!("sqlite:{}", usual_store(&inputs.env).display());
        }
        check_each(&values, "", &mut errors);
        // From here on an address is one, however short it was written.
        for s in SETTINGS.iter().filter(|s| s.kind == Kind::Listen) {
            if let Some((text, _)) = values.get_mut(s.key)
                && let Some(address) = parse_listen(text)
            {
                *text = address.to_string();
            }
        }
        let mut config = Self {
            values,
            mounts: Vec::new(),
            clients: lists.clients,
            quotas: Vec::new(),
            warnings,
        };
        let rest = QuotaRow::of(&config);
        config.quotas = lists.quotas.into_iter().map(|read| read(rest.clone())).collect();
        for (path, own) in lists.mounts {
            check_each(&own, &format!("mount {path}: "), &mut errors);
            // What the mount says is about the mount: it wins over the environment, which is
            // about the main database.
            let mut values = config.values.clone();
            // A server of its own has an address of its own: the port of another is none of it.
            if own.contains_key("database.host") {
                for key in ["database.port", "database.instance"] {
                    let usual = SETTINGS.iter().find(|s| s.key == key).map_or("", |s| s.default);
                    values.insert(key, (usual.to_owned(), Source::Default));
                }
            }
            values.extend(own);
            let (mounts, clients, quotas, warnings) =
                (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            config.mounts.push((path, Self { values, mounts, clients, quotas, warnings }));
        }
        // Whatever else is wrong: all of it is told at once.
        config.check_together(&mut errors);
        for (path, m) in &config.mounts {
            let mut own = Vec::new();
            m.check_database(&mut own);
            if m.text("database.host").is_empty() {
                own.push("database.host is missing".into());
            }
            errors.extend(own.into_iter().map(|e| format!("mount {path}: {e}")));
        }
        check_paths(&config.served(), &mut errors);
        if errors.is_empty() { Ok(config) } else { Err(Errors(errors)) }
    }

    /// Where the main database is served over HTTP (empty for the root); nowhere when
    /// there are only mounts.
    pub fn prefixes(&self) -> Vec<String> {
        if self.text("database.host").is_empty() && !self.mounts.is_empty() {
            return Vec::new();
        }
        self.list("http.prefixes").iter().map(|p| p.trim_end_matches('/').to_owned()).collect()
    }

    /// `[[mount]]`: path and effective configuration.
    pub fn mounts(&self) -> &[(String, Config)] {
        &self.mounts
    }

    /// Both, in the order in which they are numbered everywhere.
    pub fn served(&self) -> Vec<(String, Config)> {
        let main = self.prefixes().into_iter().map(|p| (p, self.clone()));
        main.chain(self.mounts.iter().cloned()).collect()
    }

    /// Those that have numbers of their own.
    pub fn quotas(&self) -> &[QuotaRow] {
        &self.quotas
    }

    /// The clients that the operator registered.
    pub fn clients(&self) -> &[Registered] {
        &self.clients
    }

    /// Variables that nobody knows.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Where SQL Server is.
    pub fn server(&self) -> Result<Server, String> {
        if self.text("database.host").is_empty() {
            return Ok(Server { host: String::new(), port: None, instance: None });
        }
        let set = *self.source("database.port") != Source::Default;
        let port = u16::try_from(self.int("database.port")).ok().filter(|_| set);
        Server::parse(self.text("database.host"), port, self.text("database.instance"))
    }

    fn check_database(&self, errors: &mut Vec<String>) {
        if let Err(e) = self.server() {
            let source = self.source("database.host");
            errors.push(e.replacen("database.host", &place("database.host", source), 1));
        }
        for item in self
            .list("access.allow")
            .iter()
            .filter(|i| !has_credentials(i) && !mssql_mcp_sql::policy::can_be_allowed(i))
        {
            errors.push(format!(
                "{}: {} is nothing that is refused at every access level; docs/statements.md has the names",
                place("access.allow", self.source("access.allow")),
                quoted(item)
            ));
        }
        if self.bool("database.trusted_connection") {
            errors.push(format!(
                "{}: Windows authentication is not in this build; set database.user and database.password (MSSQL_USER, MSSQL_PASSWORD)",
                place("database.trusted_connection", self.source("database.trusted_connection"))
            ));
        }
        for c in self
            .list("tools.search_rows")
            .iter()
            .filter(|c| mssql_mcp_sql::quote::split(c).is_none_or(|parts| parts.len() != 3))
        {
            errors.push(format!(
                "{}: {} is not schema.table.column",
                place("tools.search_rows", self.source("tools.search_rows")),
                quoted(c)
            ));
        }
        let name = self.text("database.certificate_host");
        if !name.is_empty()
            && !Server::parse(name, None, "")
                .is_ok_and(|s| s.port.is_none() && s.instance.is_none())
        {
            errors.push(format!(
                "{}: {} is no name of a host",
                place("database.certificate_host", self.source("database.certificate_host")),
                quoted(name)
            ));
        }
        for key in ["database.ca_file", "telemetry.ca_file"] {
            let file = self.text(key);
            if let Ok(bytes) = std::fs::read(file)
                && !holds_certificates(&bytes)
            {
                let of = place(key, self.source(key));
                errors.push(format!(
                    "{of}: there is no certificate in this file; PEM is expected (-----BEGIN CERTIFICATE-----)"
                ));
            }
        }
        let ca = self.text("database.ca_file");
        if !ca.is_empty() && !ca.contains("-----BEGIN") && !Path::new(ca).is_file() {
            errors.push(format!(
                "{}: there is no such file{}",
                place("database.ca_file", self.source("database.ca_file")),
                read::shown_path(ca)
            ));
        }
        if !ca.is_empty() && self.bool("database.trust_server_certificate") {
            errors.push("database.ca_file and database.trust_server_certificate exclude each other: remove one".into());
        }
        if !self.text("database.user").is_empty() && self.text("database.password").is_empty() {
            errors.push(
                "database.password is missing: set MSSQL_PASSWORD or MSSQL_PASSWORD_FILE (there is a database.user)"
                    .into(),
            );
        }
    }

    fn check_together(&self, errors: &mut Vec<String>) {
        self.check_database(errors);
        let at = |key| place(key, self.source(key));
        let url = self.text("http.public_url");
        let local = ["http://localhost", "http://127.0.0.1", "http://[::1]"].iter().any(|l| {
            url.strip_prefix(l).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
        });
        let authority = url.split_once("://").map_or("", |(_, a)| a.trim_end_matches('/'));
        if !url.is_empty()
            && (!(url.starts_with("https://") || local)
                || authority.is_empty()
                || authority.contains('/'))
        {
            errors.push(format!(
                "{}: {} is no origin such as https://mcp.example.com",
                at("http.public_url"),
                quoted(url)
            ));
        }
        // Tokens and cookies would travel in the clear, under a name that a client could choose.
        let open = self.listen().is_some_and(|l| !l.ip().is_loopback());
        if url.is_empty() && open && self.choice("auth.mode") != "off" {
            errors.push(format!(
                "{}: set it to the https:// origin that clients type, because http.listen is not loopback",
                at("http.public_url")
            ));
        }
        if self.choice("auth.mode") == "external" {
            let issuer = self.text("auth.issuer");
            let local =
                ["http://localhost:", "http://127.0.0.1:"].iter().any(|l| issuer.starts_with(l));
            if !issuer.starts_with("https://") && !local {
                errors.push(format!(
                    "{}: the https:// URL of the issuer is needed",
                    at("auth.issuer")
                ));
            }
        }
        for h in self
            .list("auth.redirect_hosts")
            .iter()
            .filter(|h| h.contains(['/', ':', '@', '*', ' ']))
        {
            errors.push(format!(
                "{}: {} is no host such as claude.ai: no scheme, port, path or wildcard",
                at("auth.redirect_hosts"),
                quoted(h)
            ));
        }
        for s in
            self.list("auth.name_servers").iter().filter(|s| crate::resolve::server(s).is_none())
        {
            errors.push(format!(
                "{}: {} is no address such as 10.0.0.2 or 10.0.0.2:53",
                at("auth.name_servers"),
                quoted(s)
            ));
        }
        for s in
            self.list("auth.redirect_schemes").iter().filter(|s| !crate::redirect_uri::private(s))
        {
            errors.push(format!(
                "{}: \"{s}\" is no private scheme such as cursor (lower case, without ://); https goes by auth.redirect_hosts",
                at("auth.redirect_schemes")
            ));
        }
        for m in self.list("auth.scope_map") {
            if m.split_once('=')
                .is_none_or(|(_, ours)| !crate::principal::SCOPES.contains(&ours.trim()))
            {
                errors.push(format!(
                    "{}: {} does not map to one of {}",
                    at("auth.scope_map"),
                    quoted(&m),
                    crate::principal::SCOPES.join(", ")
                ));
            }
        }
        let endpoint = self.text("telemetry.endpoint");
        if !endpoint.is_empty()
            && !endpoint.starts_with("http://")
            && !endpoint.starts_with("https://")
        {
            errors.push(format!(
                "{}: {} is no URL such as http://otel-collector:4318",
                at("telemetry.endpoint"),
                quoted(endpoint)
            ));
        }
        for h in self.list("http.allowed_hosts").iter().filter(|h| {
            let name = h
                .rsplit_once(':')
                .filter(|(_, p)| crate::net::port(p).is_some())
                .map_or(h.as_str(), |(n, _)| n);
            !Server::parse(name, None, "").is_ok_and(|s| s.port.is_none() && s.instance.is_none())
        }) {
            errors.push(format!(
                "{}: {} is no name of a host",
                at("http.allowed_hosts"),
                quoted(h)
            ));
        }
        for o in self
            .list("http.allowed_origins")
            .iter()
            .filter(|o| !has_credentials(o) && !is_origin(o))
        {
            errors.push(format!(
                "{}: {} is no origin such as https://inspector.example.com (RFC 6454: scheme, host and port, and nothing behind)",
                at("http.allowed_origins"),
                quoted(o)
            ));
        }
        for p in self
            .list("http.trusted_proxies")
            .iter()
            .filter(|p| p.parse::<std::net::IpAddr>().is_err())
        {
            errors.push(format!("{}: {} is no IP address", at("http.trusted_proxies"), quoted(p)));
        }
    }

    /// This configuration with what of the new one can be taken over while calls run, and the keys
    /// that would need a restart.
    pub fn reloaded(&self, new: &Self) -> (Self, Vec<String>) {
        let mut me = self.clone();
        let mut rest = Vec::new();
        for s in SETTINGS {
            if s.reloads() {
                if let Some(v) = new.values.get(s.key) {
                    me.values.insert(s.key, v.clone());
                }
            } else if self.text(s.key) != new.text(s.key) {
                rest.push(s.key.to_owned());
            }
        }
        me.clients.clone_from(&new.clients);
        me.quotas.clone_from(&new.quotas);
        let paths = |c: &Self| c.mounts.iter().map(|m| m.0.clone()).collect::<Vec<_>>();
        if paths(self) == paths(new) {
            for (mine, (path, theirs)) in me.mounts.iter_mut().zip(&new.mounts) {
                let (config, more) = mine.1.reloaded(theirs);
                mine.1 = config;
                rest.extend(
                    more.into_iter()
                        .map(|k| format!("mount {path}: {k}"))
                        .filter(|k| !k.contains("log.")),
                );
            }
        } else {
            rest.push("[[mount]]".into());
        }
        (me, rest)
    }

    /// Whether there is a database to talk to; if not, what to do.
    pub fn require_database(&self) -> Result<(), Errors> {
        if self.text("database.host").is_empty() && self.mounts.is_empty() {
            return Err(Errors(vec![
                "database.host is missing: set MSSQL_HOST (and MSSQL_USER, MSSQL_PASSWORD, MSSQL_DATABASE), or try `mssql-mcp demo`, which needs no SQL Server".into(),
            ]));
        }
        Ok(())
    }

    /// A text; empty where it is not set.
    pub fn text(&self, key: &str) -> &str {
        self.values.get(key).map_or("", |v| v.0.as_str())
    }

    /// Its source.
    pub fn source(&self, key: &str) -> &Source {
        self.values.get(key).map_or(&Source::Default, |v| &v.1)
    }

    /// A yes or no.
    pub fn bool(&self, key: &str) -> bool {
        parse_bool(self.text(key)).unwrap_or(false)
    }

    /// A number.
    pub fn int(&self, key: &str) -> u64 {
        self.text(key).trim().parse().unwrap_or(0)
    }

    /// A duration.
    pub fn duration(&self, key: &str) -> Duration {
        parse_duration(self.text(key)).unwrap_or_default()
    }

    /// A choice, in its normal spelling.
    pub fn choice(&self, key: &str) -> String {
        normal_choice(key, self.text(key))
    }

    /// A list.
    pub fn list(&self, key: &str) -> Vec<String> {
        self.text(key)
            .split(',')
            .map(str::trim)
            .filter(|s| !s.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// The HTTP listener's address.
    pub fn listen(&self) -> Option<SocketAddr> {
        self.text("http.listen").parse().ok()
    }

    /// A text as people and logs may see it: what stands before the `@` of a URL is a password (RFC
    /// 3986, section 3.2.1), and what stands behind its `?` may be one.
    pub fn shown(&self, key: &str) -> String {
        let text = self.text(key);
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

    /// The effective values with their sources, secrets redacted.
    pub fn show(&self) -> String {
        let mut out = String::new();
        for s in SETTINGS {
            let (text, source) = (self.text(s.key), self.source(s.key));
            let shown = match (s.kind, text.is_empty()) {
                (_, true) => "(not set)".to_owned(),
                (Kind::Secret, false) => "(redacted)".to_owned(),
                _ => format!("{:?}", self.shown(s.key)),
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
        for q in &self.quotas {
            let _ = writeln!(
                out,
                "\n[[quota]] {}: calls {}, catalog_calls {}, concurrent_calls {}, rows_per_hour {}, bytes_per_hour {}",
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

/// Scheme, host and port as a browser sends them in `Origin`; or the scheme of an
/// extension with its id.
fn is_origin(text: &str) -> bool {
    let Ok(url) = text.trim_end_matches('/').parse::<http::Uri>() else { return false };
    let Some((scheme, authority)) = url.scheme_str().zip(url.authority()) else { return false };
    let port = authority.as_str().rsplit_once(':').map(|(_, p)| p).filter(|p| !p.ends_with(']'));
    let plain = !scheme.is_empty()
        && !authority.host().is_empty()
        && !authority.as_str().contains(['@', '*']);
    plain
        && port.is_none_or(|p| crate::net::port(p).is_some())
        && text.matches('/').count() <= 3
        && url.query().is_none()
}

/// Whether a file has at least one certificate in it.
fn holds_certificates(pem: &[u8]) -> bool {
    use rustls::pki_types::pem::PemObject as _;
    rustls::pki_types::CertificateDer::pem_slice_iter(pem).next().is_some_and(|c| c.is_ok())
}

/// The same file from whatever folder a command is started in: below the data folder of whoever
/// starts it, as their system has it; where there is nobody (a bare container), that of services.
fn usual_store(env: &BTreeMap<String, String>) -> PathBuf {
    let absolute = |name: &str| env.get(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let data = if cfg!(windows) {
        absolute("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        absolute("HOME").map(|h| h.join("Library/Application Support"))
    } else {
        // XDG Base Directory Specification: a relative path is ignored.
        absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|h| h.join(".local/share")))
    };
    data.unwrap_or_else(|| PathBuf::from("/var/lib")).join("mssql-mcp").join("mssql-mcp.db")
}

fn place(key: &str, source: &Source) -> String {
    match source {
        Source::File(p) => format!("{}: {key}", p.display()),
        Source::Env(n) => n.clone(),
        Source::Flag(f) => f.clone(),
        _ => key.to_owned(),
    }
}

/// Whether a text is (part of) a secret that is set elsewhere.
fn is_secret(values: &Values, text: &str) -> bool {
    let secrets =
        SETTINGS.iter().filter(|s| s.kind == Kind::Secret).filter_map(|s| values.get(s.key));
    secrets
        .map(|(t, _)| t.as_str())
        .any(|t| !t.is_empty() && (text.contains(t) || t == text.trim()))
}

fn check_each(values: &Values, of: &str, errors: &mut Vec<String>) {
    for s in SETTINGS {
        if let Some((text, source)) = values.get(s.key)
            && !(text.is_empty() && s.default.is_empty())
            && let Err(e) = s.check(text)
        {
            // What is set as a secret elsewhere is not repeated, whatever its form.
            let e = if is_secret(values, text) { e.replace(text, "…") } else { e };
            errors.push(format!("{of}{}: {e}", place(s.key, source)));
        }
    }
}

/// Paths of mounts are plain, differ, and hide nothing of ours.
fn check_paths(served: &[(String, Config)], errors: &mut Vec<String>) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-~".contains(c);
    for (at, (path, _)) in served.iter().enumerate() {
        let good = |s: &str| {
            !s.is_empty() && s.chars().all(plain) && !s.starts_with('.') && !TAKEN.contains(&s)
        };
        if !path.is_empty() && !path.strip_prefix('/').is_some_and(|p| p.split('/').all(good)) {
            errors.push(format!(
                "{} cannot be the path of a mount: it is like /demo, of letters, digits and . _ - ~, and none of /{}",
                quoted(path),
                TAKEN.join(", /")
            ));
        }
        if served[..at].iter().any(|(p, _)| p == path) {
            errors.push(format!(
                "the path {} is mounted twice (http.prefixes, [[mount]])",
                quoted(path)
            ));
        }
    }
    if served.is_empty() {
        errors.push(
            "http.prefixes is empty and there is no [[mount]]: nothing would be served".into(),
        );
    }
}

/// `docs/configuration.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Configuration\n\nMade by `mssql-mcp config --markdown` from the settings table in `src/config.rs`; CI fails when it is stale.\n\n\
         A value comes from the first of: flag, environment variable, TOML file (`--config FILE` or `MSSQL_MCP_CONFIG`), default.\n\
         Every key has the variable `MSSQL_MCP_SECTION_NAME`, and the names of the replaced service work too. Every key but a secret has the flag `--section-name`\n\
         (`mssql-mcp help COMMAND` lists them). A secret is also read from the file that the variable with `_FILE` (or the key with `_file`) names.\n",
    );
    let section_of = |s: &Setting| s.key.split_once('.').map_or(s.key, |(head, _)| head);
    let mut sections: Vec<&str> = Vec::new();
    SETTINGS.iter().map(section_of).for_each(|s| {
        if !sections.contains(&s) {
            sections.push(s);
        }
    });
    for section in sections {
        let _ = write!(
            out,
            "\n## {section}\n\n| key | default | also as | meaning |\n|---|---|---|---|\n"
        );
        for s in SETTINGS.iter().filter(|s| section_of(s) == section) {
            let default =
                if s.default.is_empty() { "–".to_owned() } else { format!("`{}`", s.default) };
            let also = s.env.iter().map(|e| format!("`{e}`")).collect::<Vec<_>>().join(", ");
            let _ = writeln!(out, "| `{}` | {default} | {also} | {} |", s.key, s.help);
        }
    }
    out.push_str(
        "\n## `[[mount]]`: more databases under one address\n\nOnly in the file. `path` is needed; the sections database, pool, access, limits, tools and the key `auth.audience` may be set\n\
         anew, and what is not is as at the top. Each mount is a resource of its own: a token for one opens no other.\n\n\
         ```toml\n[[mount]]\npath = \"/demo\"\n[mount.database]\nname = \"Demo\"\nlabel = \"demo\"\n[mount.access]\nlevel = \"read-only\"\n```\n\
         \n## `[[client]]`: clients that register beforehand\n\nOnly in the file. Without `secret` (or `secret_file`), which has at least 32 characters, the client is a public one.\n\n\
         ```toml\n[[client]]\nid = \"reports\"\nname = \"Reports\"\nredirect_uris = [\"https://reports.example.com/callback\"]\nsecret_file = \"/run/secrets/reports\"\n```\n",
    );
    out.push_str(
        "\n## `[[quota]]`: other limits for some principals\n\nOnly in the file. A principal is a person's name or `token:NAME`, whole or up to a `*` at the end; the first table that names it counts, \
         for each principal by itself. What is not set is as under `limits`.\n\n\
         ```toml\n[[quota]]\nprincipals = [\"token:nightly-*\"]\ncalls = 2000\ncatalog_calls = 2000\nconcurrent_calls = 4\nrows_per_hour = 100000000\nbytes_per_hour = 100000000000\n```\n",
    );
    out.push_str(
        "\n`MSSQL_MCP_TOKEN` is no setting: it is the token that `mssql-mcp call --url` sends.\n",
    );
    out.push_str("\n`READ_ONLY_MODE=false` means `access.level = \"read-write\"`. `ALLOW_UNAUTH_METHODS` and `ALLOW_UNAUTH_TOOLS_CALL` are errors: there are no calls without a token beyond loopback.\n");
    out
}

#[cfg(test)]
mod tests {
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
        assert_eq!((c.text("database.host"), c.text("database.password")), ("db", "a b!c"));
        assert!(c.bool("database.trust_server_certificate"));
        assert_eq!(c.choice("access.level"), "read-write");
        assert!(!c.show().contains("a b!c"));
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
            [c.text("database.host"), c.text("database.user"), c.text("database.name")],
            ["flag", "own", "file"]
        );
        assert!(c.text("database.password").starts_with("[database]"));
        std::fs::remove_dir_all(dir).expect("clean");
    }
}
