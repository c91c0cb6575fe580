//! `[auth]`: who may call over HTTP, and how they sign in.

use crate::config::setting::{Duration, Int, List, Store, Text, choice, settings};
use crate::config::{Config, quoted};

choice! {
    /// How callers over HTTP are known.
    pub enum AuthMode {
        /// Nobody is asked: on loopback only.
        Off = "off",
        /// The authorization server that is built in.
        Builtin = "builtin",
        /// Tokens of another issuer.
        External = "external",
    }
}

settings! {
    MODE: AuthMode = "auth.mode", [], "off", restart,
        "sign-in over HTTP: off (loopback only), the built-in authorization server, or an \
         external issuer";
    STORE: Store = "auth.store", [], "sqlite", restart,
        "where people, clients and tokens are kept: sqlite (mssql-mcp/mssql-mcp.db in the user's \
         data folder), sqlite:FILE, redis://HOST:PORT/DB (several replicas), or memory (gone with \
         the process)";
    REDIRECT_HOSTS: List =
        "auth.redirect_hosts", ["ALLOWED_REDIRECT_HOSTS"], "claude.ai,claude.com,chatgpt.com", restart,
        "hosts that codes may be sent to, compared whole; loopback always may";
    REDIRECT_SCHEMES: List = "auth.redirect_schemes", [], "", restart,
        "private schemes that codes may be sent to (RFC 8252 §7.1), such as cursor: whoever owns \
         it on the person's computer gets them";
    ISSUER: Text = "auth.issuer", [], "", restart,
        "external issuer, as its tokens name it (Entra ID, Auth0, Keycloak …)";
    AUDIENCE: Text = "auth.audience", [], "", restart,
        "the audience of the external issuer's tokens; empty for the resource's own URL";
    SUBJECT_CLAIM: Text = "auth.subject_claim", [], "sub", restart,
        "the claim that names the caller";
    SCOPE_CLAIMS: List = "auth.scope_claims", [], "scope,scp,roles", restart,
        "the claims that hold scopes or roles";
    SCOPE_MAP: List = "auth.scope_map", [], "", restart,
        "the issuer's scopes or roles to ours: Sql.Read=mssql:read,Sql.Write=mssql:write";
    REGISTRATIONS: Int<1, 1_000_000> = "auth.registrations", [], "60", restart,
        "new clients that one network may register in an hour (RFC 7591); the same registration \
         again is not new";
    MAX_CLIENTS: Int<1, 1_000_000> = "auth.max_clients", [], "5000", restart,
        "registered clients at once; those that nobody signed in through go after a day, or \
         earlier where a network floods: its own first";
    NAME_SERVERS: List = "auth.name_servers", [], "", restart,
        "name servers (ADDRESS or ADDRESS:PORT) for the hosts of clients' metadata documents; \
         those of /etc/resolv.conf unless set";
    ACCESS_TOKEN_TTL: Duration = "auth.access_token_ttl", [], "1h", restart,
        "life of an access token";
    REFRESH_TOKEN_TTL: Duration = "auth.refresh_token_ttl", [], "30d", restart,
        "life of a refresh token, from its last use";
    STREAM_GRACE: Duration = "auth.stream_grace", [], "1m", restart,
        "how long an HTTP+SSE stream whose token expired waits, silent, for a newer one before it \
         ends";
}

pub(super) fn check(config: &Config, errors: &mut Vec<String>) {
    if config.get(MODE) == AuthMode::External {
        let issuer = config.get(ISSUER);
        let local =
            ["http://localhost:", "http://127.0.0.1:"].iter().any(|l| issuer.starts_with(l));
        if !issuer.starts_with("https://") && !local {
            let place = config.place(ISSUER);
            errors.push(format!("{place}: the https:// URL of the issuer is needed"));
        }
    }
    for host in config.get(REDIRECT_HOSTS).iter().filter(|h| h.contains(['/', ':', '@', '*', ' ']))
    {
        errors.push(format!(
            "{}: {} is no host such as claude.ai: no scheme, port, path or wildcard",
            config.place(REDIRECT_HOSTS),
            quoted(host)
        ));
    }
    for scheme in config.get(REDIRECT_SCHEMES).iter().filter(|s| !crate::redirect_uri::private(s)) {
        errors.push(format!(
            "{}: \"{scheme}\" is no private scheme such as cursor (lower case, without ://); \
             https goes by auth.redirect_hosts",
            config.place(REDIRECT_SCHEMES)
        ));
    }
    for server in config.get(NAME_SERVERS).iter().filter(|s| crate::resolve::server(s).is_none()) {
        errors.push(format!(
            "{}: {} is no address such as 10.0.0.2 or 10.0.0.2:53",
            config.place(NAME_SERVERS),
            quoted(server)
        ));
    }
    for item in config.get(SCOPE_MAP) {
        let ours = item.split_once('=').map(|(_, ours)| ours.trim());
        if !ours.is_some_and(|o| crate::principal::SCOPES.contains(&o)) {
            errors.push(format!(
                "{}: {} does not map to one of {}",
                config.place(SCOPE_MAP),
                quoted(&item),
                crate::principal::SCOPES.join(", ")
            ));
        }
    }
}
