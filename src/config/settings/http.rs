//! `[http]`: the listener, who may reach it, and how long it waits for them.

use crate::config::repeated::has_credentials;
use crate::config::server::ServerAddress;
use crate::config::setting::{Duration, DurationOrNone, Int, List, Listen, Text, settings};
use crate::config::settings::auth;
use crate::config::{Config, quoted};

settings! {
    LISTEN: Listen = "http.listen", ["MSSQL_MCP_LISTEN"], "127.0.0.1:8008", restart,
        "address of the HTTP listener; a port alone is one of this machine";
    PUBLIC_URL: Text = "http.public_url", ["MSSQL_MCP_PUBLIC_URL"], "", restart,
        "the origin that clients type, such as https://mcp.example.com; empty for the listener's \
         own";
    PREFIXES: List = "http.prefixes", [], "/", restart,
        "where the main database is served: / for /mcp and /sse, /demo for /demo/mcp and \
         /demo/sse; each is a resource of its own";
    ALLOWED_HOSTS: List = "http.allowed_hosts", [], "", restart,
        "Host names to answer to, beside localhost and the listener's own";
    ALLOWED_ORIGINS: List = "http.allowed_origins", [], "", restart,
        "Origins of browser clients, beside those on this host";
    TRUSTED_PROXIES: List = "http.trusted_proxies", [], "", restart,
        "addresses whose X-Forwarded-For is believed, such as nginx's";
    MCP: bool = "http.mcp", [], "yes", restart,
        "serve streamable HTTP at /mcp";
    SSE: bool = "http.sse", [], "yes", restart,
        "serve HTTP+SSE (and streamable HTTP by POST) at /sse";
    MAX_CONNECTIONS: Int<1, 1_000_000> = "http.max_connections", [], "4096", restart,
        "connections at once; then those on which nobody was recognised give way to new ones, and \
         if there are none, new ones wait";
    MAX_SESSIONS: Int<1, 1_000_000> = "http.max_sessions", [], "1000", restart,
        "sessions of handshake-era clients at once, and as many HTTP+SSE streams; then one that \
         is idle makes room, of whoever has most";
    PRINCIPAL_SESSIONS: Int<1, 1_000_000> = "http.principal_sessions", [], "200", restart,
        "of those, sessions of one principal; without sign-in everybody is the same one, and has \
         all of them";
    SESSION_IDLE: Duration = "http.session_idle", [], "1h", restart,
        "a session in which nothing runs, to which nobody listens and which nobody used for this \
         long is forgotten; its next request takes it up again";
    SESSION_LIFE: Duration = "http.session_life", [], "7d", restart,
        "how long a session id is good, also after a restart and at another replica with the same \
         store";
    RESUME: DurationOrNone = "http.resume", [], "60s", restart,
        "how long a call whose event stream broke off goes on, for its client to come back with \
         Last-Event-ID (clients of 2025-11-25); 0: it is cancelled at once, as everybody else's";
    SILENCE: DurationOrNone = "http.silence", [], "2s", restart,
        "a call that is silent this long gets an event stream";
    KEEP_ALIVE: Duration = "http.keep_alive", [], "15s", restart,
        "between keep-alive comments on an event stream";
    HEADER_TIMEOUT: Duration = "http.header_timeout", [], "10s", restart,
        "how long a client may take to send its headers, and a connection may be idle between two \
         requests";
    BODY_TIMEOUT: Duration = "http.body_timeout", [], "30s", restart,
        "how long a client may take to send its body";
    WRITE_TIMEOUT: Duration = "http.write_timeout", [], "30s", restart,
        "a client that takes nothing of an answer for this long is dropped, and what runs for it \
         is cancelled";
    SHOW_SERVER: bool = "http.show_server", [], "no", restart,
        "tell callers host, port and login of a database that cannot be reached; without, its \
         label and name, and the rest is in the log";
    OPENAI_CHALLENGE: Text = "http.openai_challenge", [], "", restart,
        "what /.well-known/openai-apps-challenge answers, to prove the domain to OpenAI";
}

pub(super) fn check(config: &Config, errors: &mut Vec<String>) {
    let url = config.get(PUBLIC_URL);
    if !url.is_empty() && !is_public_url(url) {
        errors.push(format!(
            "{}: {} is no origin such as https://mcp.example.com",
            config.place(PUBLIC_URL),
            quoted(url)
        ));
    }
    // Tokens and cookies would travel in the clear, under a name that a client could choose.
    let open = config.get(LISTEN).is_some_and(|l| !l.ip().is_loopback());
    if url.is_empty() && open && config.get(auth::MODE) != auth::AuthMode::Off {
        errors.push(format!(
            "{}: set it to the https:// origin that clients type, because http.listen is not \
             loopback",
            config.place(PUBLIC_URL)
        ));
    }
    for host in config.get(ALLOWED_HOSTS).iter().filter(|h| {
        let name = h
            .rsplit_once(':')
            .filter(|(_, p)| crate::net::port(p).is_some())
            .map_or(h.as_str(), |(n, _)| n);
        !ServerAddress::is_host(name)
    }) {
        let place = config.place(ALLOWED_HOSTS);
        errors.push(format!("{place}: {} is no name of a host", quoted(host)));
    }
    for origin in
        config.get(ALLOWED_ORIGINS).iter().filter(|o| !has_credentials(o) && !is_origin(o))
    {
        errors.push(format!(
            "{}: {} is no origin such as https://inspector.example.com (RFC 6454: scheme, host \
             and port, and nothing behind)",
            config.place(ALLOWED_ORIGINS),
            quoted(origin)
        ));
    }
    for proxy in
        config.get(TRUSTED_PROXIES).iter().filter(|p| p.parse::<std::net::IpAddr>().is_err())
    {
        let place = config.place(TRUSTED_PROXIES);
        errors.push(format!("{place}: {} is no IP address", quoted(proxy)));
    }
}

/// An origin over TLS, or one of this machine.
fn is_public_url(url: &str) -> bool {
    let local = ["http://localhost", "http://127.0.0.1", "http://[::1]"].iter().any(|l| {
        url.strip_prefix(l).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    });
    let authority = url.split_once("://").map_or("", |(_, a)| a.trim_end_matches('/'));
    (url.starts_with("https://") || local) && !authority.is_empty() && !authority.contains('/')
}

/// Scheme, host and port as a browser sends them in `Origin`; or the scheme of an extension with
/// its id.
fn is_origin(text: &str) -> bool {
    let Ok(url) = text.trim_end_matches('/').parse::<::http::Uri>() else { return false };
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

// === impl Config ===

impl Config {
    /// The origin that clients type, without a slash at its end, where one is configured.
    pub(crate) fn public_url(&self) -> Option<&str> {
        Some(self.get(PUBLIC_URL).trim_end_matches('/')).filter(|url| !url.is_empty())
    }

    /// The origin that clients type, or else the listener's own.
    pub(crate) fn origin(&self) -> String {
        let listener = || {
            let address = self.get(LISTEN);
            address.map_or_else(String::new, |address| format!("http://{address}"))
        };
        self.public_url().map_or_else(listener, str::to_owned)
    }

    /// Whether clients reach this server over TLS, by what they type.
    pub(crate) fn behind_tls(&self) -> bool {
        self.get(PUBLIC_URL).starts_with("https://")
    }
}
