//! The settings table: every key with its kind, default, names in the environment and help.

use std::net::SocketAddr;
use std::time::Duration;

use super::level;
use super::repeated::{has_credentials, quoted};

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
    /// The same, and 0 for none.
    DurationOrNone,
    /// One of these.
    Choice(&'static [&'static str]),
    /// An address with a port.
    Listen,
    /// Separated by commas, or a TOML array.
    List,
    /// A file.
    Path,
    /// A level of the log, or a filter.
    Level,
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
    row(
        "database.host",
        &["MSSQL_HOST"],
        Kind::Text,
        "",
        "SQL Server's host; also HOST,PORT and HOST\\INSTANCE",
    ),
    row(
        "database.port",
        &["MSSQL_PORT"],
        Kind::Int(1, 65535),
        "1433",
        "its TCP port; with one, a named instance is not looked for",
    ),
    row(
        "database.instance",
        &[],
        Kind::Text,
        "",
        "named instance, found through SQL Server Browser (UDP 1434)",
    ),
    row("database.user", &["MSSQL_USER"], Kind::Text, "", "SQL Server login"),
    row("database.password", &["MSSQL_PASSWORD"], Kind::Secret, "", "its password"),
    row(
        "database.name",
        &["MSSQL_DATABASE"],
        Kind::Text,
        "",
        "database; empty for the login's default",
    ),
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
    row(
        "database.read_intent",
        &[],
        Kind::Bool,
        "no",
        "ApplicationIntent=ReadOnly: use a readable secondary",
    ),
    row("pool.max_size", &[], Kind::Int(1, 1000), "10", "connections at most"),
    row(
        "pool.wait",
        &[],
        Kind::DurationOrNone,
        "5s",
        "how long a call waits for a free connection",
    ),
    row("pool.connect_timeout", &[], Kind::Duration, "15s", "TCP, TLS and login together"),
    row("pool.idle_timeout", &[], Kind::Duration, "10m", "an idle connection is closed after this"),
    row(
        "pool.max_age",
        &[],
        Kind::Duration,
        "1h",
        "a connection is replaced after this, give or take a tenth",
    ),
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
        "sqlite",
        "where people, clients and tokens are kept: sqlite (mssql-mcp/mssql-mcp.db in the user's data folder), sqlite:FILE, redis://HOST:PORT/DB (several replicas), or memory (gone with the process)",
    ),
    row(
        "auth.redirect_hosts",
        &["ALLOWED_REDIRECT_HOSTS"],
        Kind::List,
        "claude.ai,claude.com,chatgpt.com",
        "hosts that codes may be sent to, compared whole; loopback always may",
    ),
    row(
        "auth.redirect_schemes",
        &[],
        Kind::List,
        "",
        "private schemes that codes may be sent to (RFC 8252 §7.1), such as cursor: whoever owns it on the person's computer gets them",
    ),
    row(
        "auth.issuer",
        &[],
        Kind::Text,
        "",
        "external issuer, as its tokens name it (Entra ID, Auth0, Keycloak …)",
    ),
    row(
        "auth.audience",
        &[],
        Kind::Text,
        "",
        "the audience of the external issuer's tokens; empty for the resource's own URL",
    ),
    row("auth.subject_claim", &[], Kind::Text, "sub", "the claim that names the caller"),
    row(
        "auth.scope_claims",
        &[],
        Kind::List,
        "scope,scp,roles",
        "the claims that hold scopes or roles",
    ),
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
        "registered clients at once; those that nobody signed in through go after a day, or earlier where a network floods: its own first",
    ),
    row(
        "auth.name_servers",
        &[],
        Kind::List,
        "",
        "name servers (ADDRESS or ADDRESS:PORT) for the hosts of clients' metadata documents; those of /etc/resolv.conf unless set",
    ),
    row("auth.access_token_ttl", &[], Kind::Duration, "1h", "life of an access token"),
    row(
        "auth.refresh_token_ttl",
        &[],
        Kind::Duration,
        "30d",
        "life of a refresh token, from its last use",
    ),
    row(
        "auth.stream_grace",
        &[],
        Kind::Duration,
        "1m",
        "how long an HTTP+SSE stream whose token expired waits, silent, for a newer one before it ends",
    ),
    row(
        "limits.query_timeout",
        &["MSSQL_QUERY_TIMEOUT"],
        Kind::Duration,
        "45s",
        "a call's deadline",
    ),
    row(
        "limits.lock_timeout",
        &[],
        Kind::DurationOrNone,
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
    row(
        "access.confirm_expiry",
        &[],
        Kind::Duration,
        "10m",
        "how long a person may think about a change",
    ),
    row(
        "access.preview_timeout",
        &[],
        Kind::Duration,
        "10s",
        "how long the preview of a change may run",
    ),
    row(
        "limits.max_rows",
        &[],
        Kind::Int(1, 10_000_000),
        "1000",
        "rows in one answer; a caller may ask for fewer",
    ),
    row(
        "limits.max_chars",
        &[],
        Kind::Int(1000, 1 << 31),
        "100000",
        "characters of one answer's text, as the client gets it (JSON or CSV); a long cell is cut, other rows are left out",
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
    row(
        "limits.concurrent_calls",
        &[],
        Kind::Int(1, 100_000),
        "16",
        "calls of one principal at once",
    ),
    row(
        "limits.rows_per_hour",
        &[],
        Kind::Int(1, 4_000_000_000),
        "5000000",
        "rows that one principal gets in an hour",
    ),
    row(
        "limits.bytes_per_hour",
        &[],
        Kind::Int(1024, 4_000_000_000_000),
        "2000000000",
        "bytes of results that one principal gets in an hour",
    ),
    row(
        "audit.dir",
        &[],
        Kind::Path,
        "",
        "folder of the audit log (docs/audit-record.md); empty for none",
    ),
    row(
        "audit.policy",
        &[],
        Kind::Choice(&["wait", "drop", "fail-closed"]),
        "wait",
        "a call that there is no room to record: wait and then refuse, run and count the loss, or (always) run only once its start is on disk",
    ),
    row("audit.wait", &[], Kind::DurationOrNone, "2s", "how long it waits for that"),
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
    row(
        "audit.checkpoint_every",
        &[],
        Kind::Int(1, 1_000_000),
        "1000",
        "records between two signed checkpoints",
    ),
    row(
        "pool.max_waiting",
        &[],
        Kind::Int(0, 100_000),
        "50",
        "calls that may wait for a connection; more are told at once that the server is overloaded",
    ),
    row(
        "limits.max_request",
        &[],
        Kind::Int(1024, 1 << 30),
        "4194304",
        "bytes in one request or line",
    ),
    row(
        "http.listen",
        &["MSSQL_MCP_LISTEN"],
        Kind::Listen,
        "127.0.0.1:8008",
        "address of the HTTP listener; a port alone is one of this machine",
    ),
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
    row(
        "http.allowed_hosts",
        &[],
        Kind::List,
        "",
        "Host names to answer to, beside localhost and the listener's own",
    ),
    row(
        "http.allowed_origins",
        &[],
        Kind::List,
        "",
        "Origins of browser clients, beside those on this host",
    ),
    row(
        "http.trusted_proxies",
        &[],
        Kind::List,
        "",
        "addresses whose X-Forwarded-For is believed, such as nginx's",
    ),
    row("http.mcp", &[], Kind::Bool, "yes", "serve streamable HTTP at /mcp"),
    row("http.sse", &[], Kind::Bool, "yes", "serve HTTP+SSE (and streamable HTTP by POST) at /sse"),
    row(
        "http.max_connections",
        &[],
        Kind::Int(1, 1_000_000),
        "4096",
        "connections at once; then those on which nobody was recognised give way to new ones, and if there are none, new ones wait",
    ),
    row(
        "http.max_sessions",
        &[],
        Kind::Int(1, 1_000_000),
        "1000",
        "sessions of handshake-era clients at once, and as many HTTP+SSE streams; then whoever has most gives one that is idle to whoever has fewer",
    ),
    row("http.session_idle", &[], Kind::Duration, "1h", "an unused session ends after this"),
    row(
        "http.silence",
        &[],
        Kind::DurationOrNone,
        "2s",
        "a call that is silent this long gets an event stream",
    ),
    row(
        "http.keep_alive",
        &[],
        Kind::Duration,
        "15s",
        "between keep-alive comments on an event stream",
    ),
    row(
        "http.header_timeout",
        &[],
        Kind::Duration,
        "10s",
        "how long a client may take to send its headers, and a connection may be idle between two requests",
    ),
    row(
        "http.body_timeout",
        &[],
        Kind::Duration,
        "30s",
        "how long a client may take to send its body",
    ),
    row(
        "http.write_timeout",
        &[],
        Kind::Duration,
        "30s",
        "a client that takes nothing of an answer for this long is dropped, and what runs for it is cancelled",
    ),
    row(
        "http.show_server",
        &[],
        Kind::Bool,
        "no",
        "tell callers host, port and login of a database that cannot be reached; without, its label and name, and the rest is in the log",
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
        Kind::DurationOrNone,
        "10s",
        "how long calls may go on after SIGTERM, Ctrl-C or the end of input",
    ),
    row(
        "admin.listen",
        &[],
        Kind::Listen,
        "",
        "address of the admin listener with /metrics (Prometheus), /healthz and /readyz, such as 127.0.0.1:9464; it asks nobody who they are. Empty for none",
    ),
    row(
        "telemetry.endpoint",
        &["OTEL_EXPORTER_OTLP_ENDPOINT"],
        Kind::Text,
        "",
        "OpenTelemetry collector that takes traces, metrics and logs, such as http://otel-collector:4318; empty for none. Which other OTEL_* variables are heeded is in docs/operations.md",
    ),
    row(
        "telemetry.protocol",
        &["OTEL_EXPORTER_OTLP_PROTOCOL"],
        Kind::Choice(&["http/protobuf", "grpc"]),
        "http/protobuf",
        "how it takes them: http/protobuf (port 4318) or grpc (4317)",
    ),
    row(
        "telemetry.ca_file",
        &["OTEL_EXPORTER_OTLP_CERTIFICATE"],
        Kind::Path,
        "",
        "PEM file of an authority to trust for its certificate, beside the system's",
    ),
    row(
        "telemetry.query_text",
        &[],
        Kind::Bool,
        "no",
        "put the text of statements into spans (db.query.text), with ? for literals",
    ),
    row(
        "telemetry.context_info",
        &[],
        Kind::Bool,
        "yes",
        "tell SQL Server which trace a statement belongs to (SET CONTEXT_INFO, seen in sys.dm_exec_sessions), so that a DBA finds the call",
    ),
    row(
        "log.level",
        &["LOG_LEVEL"],
        Kind::Level,
        "info",
        "error, warn, info, debug, trace or off, or Python's or syslog's name of one, in any case; or a tracing filter",
    ),
    row(
        "log.format",
        &["LOG_FORMAT"],
        Kind::Choice(&["text", "json"]),
        "text",
        "text or json, on stderr",
    ),
    row(
        "log.messages",
        &[],
        Kind::Bool,
        "no",
        "for finding faults: log each JSON-RPC request and response, without secrets, and without values unless log.values is on too",
    ),
    row(
        "log.values",
        &[],
        Kind::Bool,
        "no",
        "with log.messages: literals, parameters and rows too. They can be personal data",
    ),
];

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

    /// Whether a new value counts from the next call on (SIGHUP), without a restart.
    pub fn reloads(&self) -> bool {
        self.key == "log.level" || self.key.starts_with("limits.")
    }

    /// Whether `text` is a value for it; if not, what is wrong.
    pub(super) fn check(&self, text: &str) -> Result<(), String> {
        match self.kind {
            // A secret has any form; where none belongs, nothing that looks like one with
            // its place is taken.
            Kind::Secret => Ok(()),
            Kind::Path if text.contains("-----BEGIN") => {
                Err("this is the PEM itself; write it into a file, and the file's path here".into())
            }
            // These are checked by forms of their own.
            Kind::Text if self.key == "database.host" => Ok(()),
            // A Redis has its password in its URL.
            Kind::Text if self.key == "auth.store" => {
                let known = text == "memory" || ["sqlite:", "redis:"].iter().any(|k| text.starts_with(k));
                if known { Ok(()) } else { Err("it is none of memory, sqlite, sqlite:FILE and redis://HOST:PORT/DB".into()) }
            }
            Kind::Text | Kind::List | Kind::Path if has_credentials(text) => Err(
                "this looks like a connection string or a URL with a password in it; write each part into its own setting"
                    .into(),
            ),
            Kind::Text | Kind::List | Kind::Path => Ok(()),
            Kind::Bool => parse_bool(text).map(|_| ()).ok_or_else(|| format!("{} is neither yes nor no", quoted(text))),
            Kind::Int(low, high) => match text.trim().parse::<u64>() {
                Ok(n) if (low..=high).contains(&n) => Ok(()),
                _ => Err(format!("{} is not a whole number from {low} to {high}", quoted(text))),
            },
            Kind::Duration | Kind::DurationOrNone => match parse_duration(text) {
                None => Err(format!("{} is no duration such as 500ms, 30s, 5m or 1h", quoted(text))),
                Some(Duration::ZERO) if self.kind == Kind::Duration => {
                    Err(format!("{} would be no time at all; a duration such as 500ms, 30s, 5m or 1h is needed", quoted(text)))
                }
                Some(_) => Ok(()),
            },
            Kind::Choice(list) => {
                let wanted = normal_choice(self.key, text);
                if list.contains(&wanted.as_str()) {
                    Ok(())
                } else {
                    Err(format!("{} is none of {}", quoted(text), list.join(", ")))
                }
            }
            Kind::Level => level::directives(text).map(|_| ()),
            Kind::Listen => parse_listen(text)
                .map(|_| ())
                .ok_or_else(|| format!("{} is no address such as 127.0.0.1:8008, localhost:8008 or 8008", quoted(text))),
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

/// An address to listen on: a port alone, or at `localhost`, is one of loopback.
pub fn parse_listen(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    let loopback =
        |port: &str| Some((std::net::Ipv4Addr::LOCALHOST, crate::net::port(port)?).into());
    match text.rsplit_once(':') {
        None => loopback(text),
        Some((host, port)) if host.eq_ignore_ascii_case("localhost") => loopback(port),
        Some(_) => text.parse().ok(),
    }
}

pub(super) fn parse_duration(s: &str) -> Option<Duration> {
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
pub(super) fn normal_choice(key: &str, text: &str) -> String {
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

pub(super) fn nearest(key: &str) -> String {
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
