//! The way in, step by step: the address, the token or ticket, TLS with its certificate, and as whom
//! the server sees us.

use std::time::{SystemTime, UNIX_EPOCH};

use mssql_mcp_session::{Spn, TlsSeen, Way, service_principal_name};
use serde_json::Value;
use x509_cert::der::Decode;

use super::{Finding, Level};
use crate::database::login::LoginMethod;
use crate::database::{Database, DbError, Limits, Settings};
use crate::plural::plural;

/// As whom a session is logged in, whether its database can be changed, and at which server.
pub const AS_WHOM: &str = "SELECT ORIGINAL_LOGIN(), \
     CAST(DATABASEPROPERTYEX(DB_NAME(), 'Updateability') AS nvarchar(128)), @@SERVERNAME";

/// Addresses that are told.
const TOLD: usize = 8;

/// What there is to see before anybody connects.
pub(super) async fn before(s: &Settings) -> Vec<Finding> {
    let mut all = vec![address(s).await];
    all.extend(credential(s).await);
    all
}

/// The addresses of the host, and where its port comes from.
async fn address(s: &Settings) -> Finding {
    let found = tokio::net::lookup_host((s.host.as_str(), s.port)).await;
    let ips: Vec<String> =
        found.map(|all| all.map(|a| a.ip().to_string()).collect()).unwrap_or_default();
    if ips.is_empty() {
        return Finding::fail("address", format!("{} has no address", s.host))
            .mend("check database.host (MSSQL_HOST): the name must resolve on this machine");
    }
    let more = match ips.len().saturating_sub(TOLD) {
        0 => String::new(),
        n => format!(" and {}", plural(n as u64, "more address")),
    };
    let port = match &s.instance {
        Some(i) => format!("the port of instance {i} is asked of SQL Server Browser (UDP 1434)"),
        None => format!("port {}", s.port),
    };
    let listed = ips[..ips.len().min(TOLD)].join(", ");
    Finding::ok("address", format!("{} is {listed}{more}; {port}", s.host))
}

/// What a login brings: whose token, and until when; or what the server is called for a ticket.
async fn credential(s: &Settings) -> Option<Finding> {
    match &s.login {
        LoginMethod::Sql { user, .. } if user.is_empty() => Some(
            Finding::fail("credential", "there is no user, and so an empty login is sent")
                .mend("set database.user and database.password, or another database.login"),
        ),
        LoginMethod::Sql { user, .. } => {
            Some(Finding::ok("credential", format!("login {user} of SQL Server, with a password")))
        }
        LoginMethod::Ntlm { user, .. } => Some(Finding::ok(
            "credential",
            format!("Windows account {user}, with a password (NTLM)"),
        )),
        LoginMethod::Kerberos => {
            let (host, port) = (s.host.clone(), s.port);
            let own = s.spn.parse::<Spn>().ok();
            let named = async {
                tokio::task::spawn_blocking(move || service_principal_name(&host, port)).await.ok()
            };
            let spn = match own {
                Some(own) => Some(own),
                None if s.instance.is_some() => None,
                None => named.await,
            };
            let spn = spn.map_or_else(|| "its own name".to_owned(), |s| s.to_string());
            Some(Finding::ok("credential", format!("a Kerberos ticket is asked for, for {spn}")))
        }
        LoginMethod::Entra(c) if c.needs_person() => Some(Finding::ok(
            "credential",
            "each caller is logged in as themselves, by their own token (on-behalf-of)",
        )),
        LoginMethod::Entra(c) => Some(match c.token(s.connect_timeout).await {
            Err(e) => {
                let f = Finding::fail("credential", e.to_string());
                if e.mend.is_empty() { f } else { f.mend(e.mend) }
            }
            Ok(token) => {
                let left = token.expires().duration_since(SystemTime::now()).unwrap_or_default();
                let until = token.expires().duration_since(UNIX_EPOCH).unwrap_or_default();
                let until = chrono::DateTime::from_timestamp(until.as_secs() as i64, 0)
                    .map(|t| t.format("%Y-%m-%d %H:%M UTC").to_string())
                    .unwrap_or_default();
                let who = token.identity();
                let other = who.audience.as_deref().is_some_and(|a| c.is_for_another(a));
                let level = if other { Level::Warn } else { Level::Ok };
                let found = Finding::new(
                    level,
                    "credential",
                    format!(
                        "a token from {}: {who}, for {}; {} left, until {until}",
                        c.source().unwrap_or("auto"),
                        who.audience.as_deref().unwrap_or("nobody that it names"),
                        plural(left.as_secs() / 60, "minute")
                    ),
                );
                match other {
                    true => found.mend(
                        "SQL Server takes a token for its own resource alone: see entra.resource",
                    ),
                    false => found,
                }
            }
        }),
    }
}

/// What a session that was made shows.
pub(super) async fn after(
    db: &Database,
    limits: &Limits,
    all: &mut Vec<Finding>,
) -> Result<(), DbError> {
    let s = db.settings();
    let way = db.way(limits).await?;
    all.extend(way.tls.as_ref().map(|tls| tls_seen(tls, &way)));
    let rows = db.fetch(AS_WHOM, &[], limits).await?;
    let row = rows.into_iter().flatten().next().unwrap_or_default();
    let text = |i: usize| row.get(i).and_then(Value::as_str).unwrap_or("?").to_owned();
    let at = way.peer.map(|p| format!(", at {p}")).unwrap_or_default();
    all.push(Finding::ok("login", format!("{} at {}{at}", text(0), text(2))));
    if s.read_intent {
        all.push(match text(1).as_str() {
            "READ_ONLY" => Finding::ok(
                "read intent",
                format!("it is honoured: {} is a readable secondary", text(2)),
            ),
            _ => Finding::warn(
                "read intent",
                format!("it is not honoured: {} can be changed, so it is the primary", text(2)),
            )
            .mend(
                "connect to the listener of the availability group, name the database \
                 (database.name), and look at its read-only routing; or remove \
                 database.read_intent",
            ),
        });
    }
    Ok(())
}

fn tls_seen(tls: &TlsSeen, way: &Way) -> Finding {
    let certificate = x509_cert::Certificate::from_der(&tls.certificate);
    let whose = certificate.map_or_else(
        |_| "a certificate that cannot be read".to_owned(),
        |c| {
            let c = c.tbs_certificate();
            format!("certificate of {}, by {}", name(c.subject()), name(c.issuer()))
        },
    );
    let until = if way.login_only { ", for the login alone" } else { "" };
    Finding::ok("tls", format!("{}{until}; {whose}", tls.version))
}

/// A distinguished name; one without parts has its names in an extension.
fn name(dn: &x509_cert::name::Name) -> String {
    let text = dn.to_string();
    if text.is_empty() { "nobody that its subject names".to_owned() } else { text }
}
