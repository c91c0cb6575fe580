//! One settings table drives the TOML file, the environment, the flags, `--help` and `docs/configuration.md`.
//!
//! A value comes from the first of: flag, environment, file, default. Every error of a configuration is reported at once,
//! each with the file and key, the variable or the flag that it is about.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a setting's text must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A text that is never shown; also as `*_FILE`.
    Secret,
    /// yes/no, true/false, on/off, 1/0 in any case.
    Bool,
    /// A whole number within these bounds.
    Int(u64, u64),
    /// Seconds, or a number with `ms`, `s`, `m` or `h`.
    Duration,
    /// One of these.
    Choice(&'static [&'static str]),
    /// An address with a port.
    Listen,
    /// Separated by commas, or a TOML array.
    List,
    /// A file.
    Path,
}

/// One row of the table.
#[derive(Debug)]
pub struct Setting {
    /// `section.name`, as in TOML; the flag is the same with dashes.
    pub key: &'static str,
    /// The names of the replaced service, beside `MSSQL_MCP_SECTION_NAME`.
    pub env: &'static [&'static str],
    /// What it must be.
    pub kind: Kind,
    /// As text; empty for none.
    pub default: &'static str,
    /// One line.
    pub help: &'static str,
}

const fn row(
    key: &'static str,
    env: &'static [&'static str],
    kind: Kind,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting { key, env, kind, default, help }
}

/// The access levels, narrowest first.
pub const ACCESS: [&str; 3] = ["read-only", "read-write", "full"];

/// The table.
pub const SETTINGS: &[Setting] = &[
    row("database.host", &["MSSQL_HOST"], Kind::Text, "", "SQL Server's host; also HOST,PORT and HOST\\INSTANCE"),
    row("database.port", &["MSSQL_PORT"], Kind::Int(1, 65535), "1433", "its TCP port (not used with a named instance)"),
    row("database.instance", &[], Kind::Text, "", "named instance, found through SQL Server Browser (UDP 1434)"),
    row("database.user", &["MSSQL_USER"], Kind::Text, "", "SQL Server login"),
    row("database.password", &["MSSQL_PASSWORD"], Kind::Secret, "", "its password"),
    row("database.name", &["MSSQL_DATABASE"], Kind::Text, "", "database; empty for the login's default"),
    row(
        "database.label",
        &["MSSQL_LABEL"],
        Kind::Text,
        "default",
        "what /health calls the database, instead of its name",
    ),
    row(
        "database.encrypt",
        &["MSSQL_ENCRYPT"],
        Kind::Choice(&["on", "strict", "login-only", "off"]),
        "on",
        "TLS: on (TDS 7.4), strict (TDS 8.0), login-only, or off",
    ),
    row(
        "database.trust_server_certificate",
        &["TrustServerCertificate"],
        Kind::Bool,
        "no",
        "accept any certificate: only on a network that you trust",
    ),
    row(
        "database.ca_file",
        &["MSSQL_CA_FILE"],
        Kind::Path,
        "",
        "PEM file of the CA (or the very certificate) to trust",
    ),
    row(
        "database.certificate_host",
        &[],
        Kind::Text,
        "",
        "host name that the certificate must have, where it is not database.host",
    ),
    row(
        "database.trusted_connection",
        &["Trusted_Connection"],
        Kind::Bool,
        "no",
        "Windows authentication; not in this build, so yes is an error",
    ),
    row(
        "database.driver",
        &["MSSQL_DRIVER"],
        Kind::Text,
        "",
        "accepted for the replaced service's users; no ODBC driver is needed",
    ),
    row("database.read_intent", &[], Kind::Bool, "no", "ApplicationIntent=ReadOnly: use a readable secondary"),
    row("pool.max_size", &[], Kind::Int(1, 1000), "10", "connections at most"),
    row("pool.wait", &[], Kind::Duration, "5s", "how long a call waits for a free connection"),
    row("pool.connect_timeout", &[], Kind::Duration, "15s", "TCP, TLS and login together"),
    row("pool.idle_timeout", &[], Kind::Duration, "10m", "an idle connection is closed after this"),
    row("pool.max_age", &[], Kind::Duration, "1h", "a connection is replaced after this, give or take a tenth"),
    row(
        "access.level",
        &["MSSQL_MCP_ACCESS"],
        Kind::Choice(&ACCESS),
        "read-only",
        "what execute_sql may do: read-only, read-write or full",
    ),
    row(
        "access.allow",
        &[],
        Kind::List,
        "",
        "what would be refused at every level but is allowed here, by name: WAITFOR, OPENROWSET, xp_dirtree …",
    ),
    row(
        "auth.mode",
        &[],
        Kind::Choice(&["off", "builtin", "external"]),
        "off",
        "sign-in over HTTP: off (loopback only), the built-in authorization server, or an external issuer",
    ),
    row(
        "auth.store",
        &[],
        Kind::Text,
        "sqlite:mssql-mcp.db",
        "where people, clients and tokens are kept: sqlite:FILE, redis://HOST:PORT/DB (several replicas), or memory (gone with the process)",
    ),
    row(
        "auth.redirect_hosts",
        &["ALLOWED_REDIRECT_HOSTS"],
        Kind::List,
        "claude.ai,claude.com,chatgpt.com",
        "hosts that codes may be sent to, compared whole; loopback always may",
    ),
    row("auth.issuer", &[], Kind::Text, "", "external issuer, as its tokens name it (Entra ID, Auth0, Keycloak …)"),
    row(
        "auth.audience",
        &[],
        Kind::Text,
        "",
        "the audience of the external issuer's tokens; empty for the resource's own URL",
    ),
    row("auth.subject_claim", &[], Kind::Text, "sub", "the claim that names the caller"),
    row("auth.scope_claims", &[], Kind::List, "scope,scp,roles", "the claims that hold scopes or roles"),
    row(
        "auth.scope_map",
        &[],
        Kind::List,
        "",
        "the issuer's scopes or roles to ours: Sql.Read=mssql:read,Sql.Write=mssql:write",
    ),
    row(
        "auth.registrations",
        &[],
        Kind::Int(1, 1_000_000),
        "60",
        "new clients that one network may register in an hour (RFC 7591); the same registration again is not new",
    ),
    row(
        "auth.max_clients",
        &[],
        Kind::Int(1, 1_000_000),
        "5000",
        "registered clients at once; those that nobody signed in through go after a day",
    ),
    row("auth.access_token_ttl", &[], Kind::Duration, "1h", "life of an access token"),
    row("auth.refresh_token_ttl", &[], Kind::Duration, "30d", "life of a refresh token, from its last use"),
    row("limits.query_timeout", &["MSSQL_QUERY_TIMEOUT"], Kind::Duration, "45s", "a call's deadline"),
    row(
        "limits.lock_timeout",
        &[],
        Kind::Duration,
        "10s",
        "how long a statement waits for a lock (SQL Server error 1222)",
    ),
    row(
        "access.confirm_writes",
        &[],
        Kind::Choice(&["always", "when-possible", "never"]),
        "when-possible",
        "ask the person before data is changed: always (refuse where nobody can be asked), when-possible, or never",
    ),
    row("access.confirm_expiry", &[], Kind::Duration, "10m", "how long a person may think about a change"),
    row("access.preview_timeout", &[], Kind::Duration, "10s", "how long the preview of a change may run"),
    row("limits.max_rows", &[], Kind::Int(1, 10_000_000), "1000", "rows in one answer; a caller may ask for fewer"),
    row(
        "limits.max_chars",
        &[],
        Kind::Int(1000, 1 << 31),
        "100000",
        "characters in one answer, text and structured content together",
    ),
    row(
        "limits.max_cell",
        &[],
        Kind::Int(16, 100_000_000),
        "20000",
        "characters of one text or binary value; the rest is cut, and the answer says so",
    ),
    row(
        "limits.text",
        &[],
        Kind::Choice(&["json", "csv"]),
        "json",
        "the text form of rows: json (the same as structuredContent) or csv (fewer tokens)",
    ),
    row(
        "tools.search",
        &[],
        Kind::Bool,
        "no",
        "offer search and fetch, by which ChatGPT (deep research, company knowledge) finds and reads",
    ),
    row(
        "tools.search_rows",
        &[],
        Kind::List,
        "",
        "text columns whose rows search looks through, as schema.table.column; their tables need a primary key",
    ),
    row(
        "limits.peer_requests",
        &[],
        Kind::Int(1, 1_000_000),
        "1200",
        "HTTP requests of one network (IPv6: /64) in a minute, where sign-in is on",
    ),
    row(
        "limits.calls",
        &[],
        Kind::Int(1, 1_000_000),
        "300",
        "execute_sql, get_table_sample and fetch of one principal in a minute; the person at this machine is not counted",
    ),
    row("limits.catalog_calls", &[], Kind::Int(1, 1_000_000), "600", "the other tools, likewise"),
    row("limits.concurrent_calls", &[], Kind::Int(1, 100_000), "16", "calls of one principal at once"),
    row("limits.rows_per_hour", &[], Kind::Int(1, 4_000_000_000), "5000000", "rows that one principal gets in an hour"),
    row(
        "limits.bytes_per_hour",
        &[],
        Kind::Int(1024, 4_000_000_000_000),
        "2000000000",
        "bytes of results that one principal gets in an hour",
    ),
    row("audit.dir", &[], Kind::Path, "", "folder of the audit log (docs/audit-record.md); empty for none"),
    row(
        "audit.policy",
        &[],
        Kind::Choice(&["wait", "drop", "fail-closed"]),
        "wait",
        "a call that there is no room to record: wait and then refuse, run and count the loss, or (always) run only once its start is on disk",
    ),
    row("audit.wait", &[], Kind::Duration, "2s", "how long it waits for that"),
    row(
        "audit.fsync",
        &[],
        Kind::Choice(&["second", "always", "never"]),
        "second",
        "when records are synced to disk: once a second, after every batch, or when the system likes",
    ),
    row(
        "audit.text",
        &[],
        Kind::Choice(&["redacted", "none", "full"]),
        "redacted",
        "the statement in a record: with ? for literals, not at all, or as it came",
    ),
    row(
        "audit.rotate_size",
        &[],
        Kind::Int(4096, 1 << 40),
        "104857600",
        "bytes after which a new file begins; so does a new day (UTC)",
    ),
    row("audit.checkpoint_every", &[], Kind::Int(1, 1_000_000), "1000", "records between two signed checkpoints"),
    row(
        "pool.max_waiting",
        &[],
        Kind::Int(0, 100_000),
        "50",
        "calls that may wait for a connection; more are told at once that the server is overloaded",
    ),
    row("limits.max_request", &[], Kind::Int(1024, 1 << 30), "4194304", "bytes in one request or line"),
    row("http.listen", &["MSSQL_MCP_LISTEN"], Kind::Listen, "127.0.0.1:8008", "address of the HTTP listener"),
    row(
        "http.public_url",
        &["MSSQL_MCP_PUBLIC_URL"],
        Kind::Text,
        "",
        "the origin that clients type, such as https://mcp.example.com; empty for the listener's own",
    ),
    row(
        "http.prefixes",
        &[],
        Kind::List,
        "/",
        "where the main database is served: / for /mcp and /sse, /demo for /demo/mcp and /demo/sse; each is a resource of its own",
    ),
    row("http.allowed_hosts", &[], Kind::List, "", "Host names to answer to, beside localhost and the listener's own"),
    row("http.allowed_origins", &[], Kind::List, "", "Origins of browser clients, beside those on this host"),
    row("http.trusted_proxies", &[], Kind::List, "", "addresses whose X-Forwarded-For is believed, such as nginx's"),
    row("http.mcp", &[], Kind::Bool, "yes", "serve streamable HTTP at /mcp"),
    row("http.sse", &[], Kind::Bool, "yes", "serve HTTP+SSE (and streamable HTTP by POST) at /sse"),
    row("http.max_connections", &[], Kind::Int(1, 1_000_000), "4096", "connections at once; more have to wait"),
    row(
        "http.max_sessions",
        &[],
        Kind::Int(1, 1_000_000),
        "1000",
        "sessions of handshake-era clients at once, and as many HTTP+SSE streams",
    ),
    row("http.session_idle", &[], Kind::Duration, "1h", "an unused session ends after this"),
    row("http.silence", &[], Kind::Duration, "2s", "a call that is silent this long gets an event stream"),
    row("http.keep_alive", &[], Kind::Duration, "15s", "between keep-alive comments on an event stream"),
    row("http.header_timeout", &[], Kind::Duration, "10s", "how long a client may take to send its headers"),
    row("http.body_timeout", &[], Kind::Duration, "30s", "how long a client may take to send its body"),
    row(
        "http.write_timeout",
        &[],
        Kind::Duration,
        "30s",
        "a client that takes nothing of an answer for this long is dropped, and what runs for it is cancelled",
    ),
    row(
        "http.openai_challenge",
        &[],
        Kind::Text,
        "",
        "what /.well-known/openai-apps-challenge answers, to prove the domain to OpenAI",
    ),
    row(
        "server.shutdown_grace",
        &[],
        Kind::Duration,
        "10s",
        "how long calls may go on after SIGTERM, Ctrl-C or the end of input",
    ),
    row("log.level", &["LOG_LEVEL"], Kind::Text, "info", "error, warn, info, debug or trace; or a tracing filter"),
    row("log.format", &["LOG_FORMAT"], Kind::Choice(&["text", "json"]), "text", "text or json, on stderr"),
];

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

/// The sections (or keys) that a `[[mount]]` may set for itself; all else it has from the top of the file.
const OF_A_MOUNT: [&str; 6] = ["database.", "pool.", "access.", "limits.", "tools.", "auth.audience"];
/// Paths that are ours below every mount, so that none may be called so.
const TAKEN: [&str; 10] =
    ["mcp", "sse", "messages", "health", "authorize", "token", "register", "revoke", "apps", "object"];

/// What to read.
#[derive(Debug, Default)]
pub struct Inputs {
    /// The TOML file, if one was named.
    pub file: Option<PathBuf>,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// Flags: key → text.
    pub flags: Vec<(String, String)>,
    /// Values that a subcommand fixes; above all others.
    pub fixed: Vec<(&'static str, String)>,
}

/// All that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Errors(pub Vec<String>);

// === impl Errors ===

impl std::fmt::Display for Errors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "the configuration has {} error{}:", self.0.len(), if self.0.len() == 1 { "" } else { "s" })?;
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

// === impl Setting ===

impl Setting {
    /// `MSSQL_MCP_SECTION_NAME`.
    pub fn own_env(&self) -> String {
        format!("MSSQL_MCP_{}", self.key.replace('.', "_").to_ascii_uppercase())
    }
    /// `section-name`.
    pub fn flag(&self) -> String {
        self.key.replace(['.', '_'], "-")
    }
    /// Whether `text` is a value for it; if not, what is wrong.
    fn check(&self, text: &str) -> Result<(), String> {
        match self.kind {
            Kind::Text | Kind::Secret | Kind::List | Kind::Path => Ok(()),
            Kind::Bool => parse_bool(text).map(|_| ()).ok_or_else(|| format!("\"{text}\" is neither yes nor no")),
            Kind::Int(low, high) => match text.trim().parse::<u64>() {
                Ok(n) if (low..=high).contains(&n) => Ok(()),
                _ => Err(format!("\"{text}\" is not a whole number from {low} to {high}")),
            },
            Kind::Duration => parse_duration(text)
                .map(|_| ())
                .ok_or_else(|| format!("\"{text}\" is no duration such as 500ms, 30s, 5m or 1h")),
            Kind::Choice(list) => {
                let wanted = normal_choice(self.key, text);
                if list.contains(&wanted.as_str()) {
                    Ok(())
                } else {
                    Err(format!("\"{text}\" is none of {}", list.join(", ")))
                }
            }
            Kind::Listen => text
                .parse::<SocketAddr>()
                .map(|_| ())
                .map_err(|_| format!("\"{text}\" is no address such as 127.0.0.1:8008")),
        }
    }
}

/// yes/no and their kin.
pub fn parse_bool(s: &str) -> Option<bool> {
    match s.trim().to_ascii_lowercase().as_str() {
        "yes" | "true" | "1" | "on" => Some(true),
        "no" | "false" | "0" | "off" | "" => Some(false),
        _ => None,
    }
}

fn parse_duration(s: &str) -> Option<Duration> {
    let s = s.trim();
    let at = s.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(s.len());
    let n: f64 = s[..at].parse().ok()?;
    let unit = match s[at..].trim() {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(n * unit).ok().filter(|d| *d <= Duration::from_secs(400 * 86_400))
}

/// yes and no are understood where on and off are meant.
fn normal_choice(key: &str, text: &str) -> String {
    let t = text.trim().to_ascii_lowercase();
    if key == "database.encrypt" {
        match t.as_str() {
            "yes" | "true" | "1" | "mandatory" => return "on".into(),
            "no" | "false" | "0" | "optional" => return "off".into(),
            _ => {}
        }
    }
    t
}

fn nearest(key: &str) -> String {
    let best = SETTINGS.iter().map(|s| (strsim::damerau_levenshtein(s.key, key), s.key)).min();
    let sections: Vec<&str> = {
        let mut v: Vec<&str> = SETTINGS.iter().filter_map(|s| s.key.split('.').next()).collect();
        v.dedup();
        v
    };
    match best {
        Some((d, k)) if d <= k.len() / 2 => format!("did you mean {k}?"),
        _ => format!("the sections are {}", sections.join(", ")),
    }
}

// === impl Config ===

impl Config {
    /// Reads everything and checks everything.
    pub fn load(inputs: &Inputs) -> Result<Self, Errors> {
        let mut errors = Vec::new();
        let mut values: Values = SETTINGS.iter().map(|s| (s.key, (s.default.to_owned(), Source::Default))).collect();
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
        for (key, text) in &inputs.fixed {
            values.insert(key, (text.clone(), Source::Command));
        }
        check_each(&values, "", &mut errors);
        let mut config = Self { values, mounts: Vec::new(), clients: lists.clients, quotas: Vec::new() };
        let rest = QuotaRow::of(&config);
        config.quotas = lists.quotas.into_iter().map(|read| read(rest.clone())).collect();
        for (path, own) in lists.mounts {
            check_each(&own, &format!("mount {path}: "), &mut errors);
            // What the mount says is about the mount: it wins over the environment, which is about the main database.
            let mut values = config.values.clone();
            values.extend(own);
            let (mounts, clients, quotas) = (Vec::new(), Vec::new(), Vec::new());
            config.mounts.push((path, Self { values, mounts, clients, quotas }));
        }
        if errors.is_empty() {
            config.check_together(&mut errors);
            for (path, m) in &config.mounts {
                let mut own = Vec::new();
                m.check_database(&mut own);
                if m.text("database.host").is_empty() {
                    own.push("database.host is missing".into());
                }
                errors.extend(own.into_iter().map(|e| format!("mount {path}: {e}")));
            }
        }
        check_paths(&config.served(), &mut errors);
        if errors.is_empty() { Ok(config) } else { Err(Errors(errors)) }
    }

    /// Where the main database is served over HTTP (empty for the root); nowhere when there are only mounts.
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

    fn check_database(&self, errors: &mut Vec<String>) {
        if self.bool("database.trusted_connection") {
            errors.push(format!(
                "{}: Windows authentication is not in this build; set database.user and database.password (MSSQL_USER, MSSQL_PASSWORD)",
                place("database.trusted_connection", self.source("database.trusted_connection"))
            ));
        }
        for c in self.list("tools.search_rows").iter().filter(|c| crate::tools::search::column(c).is_none()) {
            errors.push(format!(
                "{}: \"{c}\" is not schema.table.column",
                place("tools.search_rows", self.source("tools.search_rows"))
            ));
        }
        let ca = self.text("database.ca_file");
        if !ca.is_empty() && !Path::new(ca).is_file() {
            errors
                .push(format!("{}: there is no file {ca}", place("database.ca_file", self.source("database.ca_file"))));
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
        let local = ["http://localhost", "http://127.0.0.1", "http://[::1]"]
            .iter()
            .any(|l| url.strip_prefix(l).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/'])));
        let authority = url.split_once("://").map_or("", |(_, a)| a.trim_end_matches('/'));
        if !url.is_empty()
            && (!(url.starts_with("https://") || local) || authority.is_empty() || authority.contains('/'))
        {
            errors.push(format!("{}: \"{url}\" is no origin such as https://mcp.example.com", at("http.public_url")));
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
            let local = ["http://localhost:", "http://127.0.0.1:"].iter().any(|l| issuer.starts_with(l));
            if !issuer.starts_with("https://") && !local {
                errors.push(format!("{}: the https:// URL of the issuer is needed", at("auth.issuer")));
            }
        }
        for m in self.list("auth.scope_map") {
            if m.split_once('=').is_none_or(|(_, ours)| !crate::principal::SCOPES.contains(&ours.trim())) {
                errors.push(format!(
                    "{}: \"{m}\" does not map to one of {}",
                    at("auth.scope_map"),
                    crate::principal::SCOPES.join(", ")
                ));
            }
        }
        for p in self.list("http.trusted_proxies").iter().filter(|p| p.parse::<std::net::IpAddr>().is_err()) {
            errors.push(format!("{}: \"{p}\" is no IP address", at("http.trusted_proxies")));
        }
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
        self.text(key).split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect()
    }
    /// The HTTP listener's address.
    pub fn listen(&self) -> Option<SocketAddr> {
        self.text("http.listen").parse().ok()
    }

    /// The effective values with their sources, secrets redacted.
    pub fn show(&self) -> String {
        let mut out = String::new();
        for s in SETTINGS {
            let (text, source) = (self.text(s.key), self.source(s.key));
            let shown = match (s.kind, text.is_empty()) {
                (_, true) => "(not set)".to_owned(),
                (Kind::Secret, false) => "(redacted)".to_owned(),
                _ => format!("{text:?}"),
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
        for c in &self.clients {
            let kind = if c.secret.is_some() { "with a secret" } else { "public" };
            let _ = writeln!(out, "\n[[client]] {} ({}), {kind}: {}", c.id, c.name, c.redirect_uris.join(", "));
        }
        out
    }
}

fn place(key: &str, source: &Source) -> String {
    match source {
        Source::File(p) => format!("{}: {key}", p.display()),
        Source::Env(n) => n.clone(),
        Source::Flag(f) => f.clone(),
        _ => key.to_owned(),
    }
}

fn check_each(values: &Values, of: &str, errors: &mut Vec<String>) {
    for s in SETTINGS {
        if let Some((text, source)) = values.get(s.key)
            && !(text.is_empty() && s.default.is_empty())
            && let Err(e) = s.check(text)
        {
            errors.push(format!("{of}{}: {e}", place(s.key, source)));
        }
    }
}

/// Paths of mounts are plain, differ, and hide nothing of ours.
fn check_paths(served: &[(String, Config)], errors: &mut Vec<String>) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-~".contains(c);
    for (at, (path, _)) in served.iter().enumerate() {
        let good = |s: &str| !s.is_empty() && s.chars().all(plain) && !s.starts_with('.') && !TAKEN.contains(&s);
        if !path.is_empty() && !path.strip_prefix('/').is_some_and(|p| p.split('/').all(good)) {
            errors.push(format!(
                "\"{path}\" cannot be the path of a mount: it is like /demo, of letters, digits and . _ - ~, and none of /{}",
                TAKEN.join(", /")
            ));
        }
        if served[..at].iter().any(|(p, _)| p == path) {
            errors.push(format!("the path \"{path}\" is mounted twice (http.prefixes, [[mount]])"));
        }
    }
    if served.is_empty() {
        errors.push("http.prefixes is empty and there is no [[mount]]: nothing would be served".into());
    }
}

/// The arrays of tables in a file.
#[derive(Default)]
struct Lists {
    mounts: Vec<(String, Values)>,
    clients: Vec<Registered>,
    quotas: Vec<Fill>,
}

/// Fills a row's own numbers into those for everybody.
type Fill = Box<dyn FnOnce(QuotaRow) -> QuotaRow>;

impl std::fmt::Debug for Registered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registered").field("id", &self.id).finish_non_exhaustive()
    }
}

fn read_mount(path: &Path, v: &toml::Value, lists: &mut Lists, errors: &mut Vec<String>) {
    let Some(mut t) = v.as_table().cloned() else {
        return errors.push(format!("{}: mount: write [[mount]], with path = \"/demo\"", path.display()));
    };
    let Some(toml::Value::String(at)) = t.remove("path") else {
        return errors.push(format!("{}: [[mount]]: path is missing, such as path = \"/demo\"", path.display()));
    };
    let mut own = Values::new();
    read_sections(path, &t, &mut own, errors);
    for key in own.keys().filter(|k| !OF_A_MOUNT.iter().any(|of| k.starts_with(of))) {
        errors.push(format!("{}: mount {at}: {key} is for the whole server; write it at the top", path.display()));
    }
    lists.mounts.push((at.trim_end_matches('/').to_owned(), own));
}

fn read_quota(path: &Path, v: &toml::Value, lists: &mut Lists, errors: &mut Vec<String>) {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Row {
        principals: Vec<String>,
        calls: Option<u64>,
        catalog_calls: Option<u64>,
        concurrent_calls: Option<u64>,
        rows_per_hour: Option<u64>,
        bytes_per_hour: Option<u64>,
    }
    let row: Row = match v.clone().try_into() {
        Ok(r) => r,
        Err(e) => return errors.push(format!("{}: [[quota]]: {}", path.display(), e.to_string().trim())),
    };
    let numbers = [row.calls, row.catalog_calls, row.concurrent_calls, row.rows_per_hour];
    if row.principals.is_empty() || numbers.iter().flatten().any(|n| *n == 0 || *n > 4_000_000_000) {
        return errors.push(format!(
            "{}: [[quota]]: principals must be named, and numbers be from 1 to 4000000000",
            path.display()
        ));
    }
    lists.quotas.push(Box::new(move |rest| QuotaRow {
        principals: row.principals,
        calls: row.calls.unwrap_or(rest.calls),
        catalog_calls: row.catalog_calls.unwrap_or(rest.catalog_calls),
        concurrent_calls: row.concurrent_calls.unwrap_or(rest.concurrent_calls),
        rows_per_hour: row.rows_per_hour.unwrap_or(rest.rows_per_hour),
        bytes_per_hour: row.bytes_per_hour.unwrap_or(rest.bytes_per_hour),
    }));
}

fn read_client(path: &Path, v: &toml::Value, lists: &mut Lists, errors: &mut Vec<String>) {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Row {
        id: String,
        name: String,
        redirect_uris: Vec<String>,
        secret: Option<String>,
        secret_file: Option<String>,
    }
    let row: Row = match v.clone().try_into() {
        Ok(r) => r,
        Err(e) => return errors.push(format!("{}: [[client]]: {}", path.display(), e.to_string().trim())),
    };
    let at = format!("{}: client {}", path.display(), row.id);
    for u in &row.redirect_uris {
        if let Err(why) = crate::oauth::clients::check_configured(u) {
            errors.push(format!("{at}: {u}: {why}"));
        }
    }
    if row.redirect_uris.is_empty() {
        errors.push(format!("{at}: redirect_uris is empty"));
    }
    if row.id.starts_with("https://") || row.id.starts_with("dcr_") || lists.clients.iter().any(|c| c.id == row.id) {
        errors.push(format!("{at}: this id is another client's"));
    }
    let secret = match row.secret_file {
        Some(f) => secret_file(&f, &format!("{at}: secret_file"), errors),
        None => row.secret,
    };
    if secret.as_ref().is_some_and(|s| s.len() < 32) {
        errors.push(format!("{at}: its secret is shorter than 32 characters"));
    }
    lists.clients.push(Registered { id: row.id, name: row.name, redirect_uris: row.redirect_uris, secret });
}

fn read_file(path: &Path, values: &mut Values, lists: &mut Lists, errors: &mut Vec<String>) {
    let text = match std::fs::read_to_string(path) {
        Ok(t) => t,
        Err(e) => return errors.push(format!("{}: cannot be read: {e}", path.display())),
    };
    let mut table: toml::Table = match text.parse() {
        Ok(t) => t,
        Err(e) => return errors.push(format!("{}: {}", path.display(), e.to_string().trim())),
    };
    type Read = fn(&Path, &toml::Value, &mut Lists, &mut Vec<String>);
    for (name, read) in [("mount", read_mount as Read), ("client", read_client), ("quota", read_quota)] {
        match table.remove(name) {
            Some(toml::Value::Array(all)) => all.iter().for_each(|v| read(path, v, lists, errors)),
            Some(_) => errors.push(format!("{}: write [[{name}]], not [{name}]", path.display())),
            None => {}
        }
    }
    read_sections(path, &table, values, errors);
}

fn read_sections(path: &Path, table: &toml::Table, values: &mut Values, errors: &mut Vec<String>) {
    for (section, v) in table {
        let Some(inner) = v.as_table() else {
            errors.push(format!("{}: {section}: unknown; {}", path.display(), nearest(section)));
            continue;
        };
        for (name, v) in inner {
            let key = format!("{section}.{name}");
            let (key, from_file) = match key.strip_suffix("_file") {
                Some(k) if SETTINGS.iter().any(|s| s.key == k && s.kind == Kind::Secret) => (k.to_owned(), true),
                _ => (key, false),
            };
            let Some(s) = SETTINGS.iter().find(|s| s.key == key) else {
                errors.push(format!("{}: {key}: unknown key; {}", path.display(), nearest(&key)));
                continue;
            };
            let text = match v {
                toml::Value::String(t) => t.clone(),
                toml::Value::Integer(i) => i.to_string(),
                toml::Value::Float(f) => f.to_string(),
                toml::Value::Boolean(b) => b.to_string(),
                toml::Value::Array(a) if s.kind == Kind::List && a.iter().all(toml::Value::is_str) => {
                    a.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
                }
                _ => {
                    errors.push(format!("{}: {key}: a plain value is expected here", path.display()));
                    continue;
                }
            };
            let text = if from_file {
                secret_file(&text, &format!("{}: {key}_file", path.display()), errors)
            } else {
                Some(text)
            };
            if let Some(t) = text {
                values.insert(s.key, (t, Source::File(path.to_owned())));
            }
        }
    }
}

fn secret_file(path: &str, place: &str, errors: &mut Vec<String>) -> Option<String> {
    match std::fs::read_to_string(path) {
        Ok(t) => Some(t.trim_end_matches(['\n', '\r']).to_owned()),
        Err(e) => {
            errors.push(format!("{place}: {path} cannot be read: {e}"));
            None
        }
    }
}

fn read_env(env: &BTreeMap<String, String>, values: &mut Values, errors: &mut Vec<String>) {
    for s in SETTINGS {
        // The replaced service's names first, so that our own name wins where both are set.
        let own = s.own_env();
        for name in s.env.iter().copied().filter(|n| *n != own).chain([own.as_str()]) {
            if let Some(v) = env.get(name) {
                values.insert(s.key, (v.clone(), Source::Env(name.to_owned())));
            }
            if s.kind == Kind::Secret {
                let file = format!("{name}_FILE");
                if let Some(p) = env.get(&file)
                    && let Some(t) = secret_file(p, &file, errors)
                {
                    values.insert(s.key, (t, Source::Env(file)));
                }
            }
        }
    }
    if let Some(v) = env.get("READ_ONLY_MODE")
        && values.get("access.level").is_some_and(|v| !matches!(v.1, Source::Env(_)))
    {
        match parse_bool(v) {
            Some(on) => {
                let level = if on { "read-only" } else { "read-write" };
                values.insert("access.level", (level.into(), Source::Env("READ_ONLY_MODE".into())));
            }
            None => errors.push(format!("READ_ONLY_MODE: \"{v}\" is neither yes nor no")),
        }
    }
    for gone in ["ALLOW_UNAUTH_METHODS", "ALLOW_UNAUTH_TOOLS_CALL"] {
        if env.get(gone).is_some_and(|v| parse_bool(v) != Some(false)) {
            errors.push(format!("{gone}: calls without a token are not possible here; remove it"));
        }
    }
}

/// `docs/configuration.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Configuration\n\nMade by `mssql-mcp config --markdown` from the settings table in `src/config.rs`; CI fails when it is stale.\n\n\
         A value comes from the first of: flag, environment variable, TOML file (`--config FILE` or `MSSQL_MCP_CONFIG`), default.\n\
         Every key has the flag `--section-name` and the variable `MSSQL_MCP_SECTION_NAME`; the names of the replaced service work too.\n\
         A secret is also read from the file that the variable with `_FILE` (or the key with `_file`) names.\n",
    );
    let section_of = |s: &Setting| s.key.split_once('.').map_or(s.key, |(head, _)| head);
    let mut sections: Vec<&str> = Vec::new();
    SETTINGS.iter().map(section_of).for_each(|s| {
        if !sections.contains(&s) {
            sections.push(s);
        }
    });
    for section in sections {
        let _ = write!(out, "\n## {section}\n\n| key | default | also as | meaning |\n|---|---|---|---|\n");
        for s in SETTINGS.iter().filter(|s| section_of(s) == section) {
            let default = if s.default.is_empty() { "–".to_owned() } else { format!("`{}`", s.default) };
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
        std::fs::write(&file, "[database]\nhots = \"x\"\nport = 99999\n[pool]\nwait = \"soon\"\n").expect("file");
        let inputs = Inputs {
            file: Some(file.clone()),
            env: env(&[
                ("Trusted_Connection", "maybe"),
                ("ALLOW_UNAUTH_METHODS", "true"),
                ("MSSQL_PASSWORD_FILE", "/nonexistent"),
            ]),
            flags: vec![("limits.max_rows".into(), "many".into())],
            fixed: Vec::new(),
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
            "MSSQL_PASSWORD_FILE: /nonexistent cannot be read".into(),
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
            env: env(&[("MSSQL_HOST", "env"), ("MSSQL_USER", "env"), ("MSSQL_MCP_DATABASE_USER", "own")]),
            flags: vec![("database.host".into(), "flag".into())],
            fixed: Vec::new(),
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
