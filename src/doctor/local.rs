//! What is on this machine or beside it: files and who may read them, the store of sign-in, the
//! audit log's folder, the collector.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use tokio::net::TcpStream;

use super::{Finding, Level};
use crate::config::settings;
use crate::config::{Config, Source};
use crate::fetch::Getter;
use crate::oauth::people::User;
use crate::oauth::store::{RecordKind, Records, now};
use crate::telemetry::environment;
use crate::telemetry::otlp::{self, Route};

const PATIENCE: Duration = Duration::from_secs(5);

/// The bits of a mode that let anybody but the owner in.
#[cfg(unix)]
fn open_to(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).ok().map(|m| m.permissions().mode() & 0o077)
}

#[cfg(not(unix))]
fn open_to(_: &Path) -> Option<u32> {
    None
}

/// Warns of what the group may read, fails for what everybody may.
fn private(check: &'static str, what: &str, path: &Path) -> Option<Finding> {
    let open = open_to(path)?;
    let (level, who) = match open {
        0 => return None,
        o if o & 0o007 == 0 => (Level::Warn, "its group"),
        _ => (Level::Fail, "everybody on this machine"),
    };
    let mode = if path.is_dir() { "700" } else { "600" };
    let shown = path.display();
    Some(
        Finding::new(level, check, format!("{shown} is open to {who}, and holds {what}"))
            .mend("leave it to the server's own user")
            .script(format!("chmod {mode} '{shown}'")),
    )
}

/// Files that hold secrets.
pub(crate) fn files(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut seen = Vec::new();
    let named = config.secret_files();
    for (key, file) in &named {
        if !seen.contains(file) {
            found.extend(private("files", &format!("a secret ({key})"), file));
            seen.push(file.clone());
        }
    }
    for (key, source) in config.secrets() {
        let file = match source {
            Source::File(p) => p.clone(),
            // The variable names the file.
            Source::Env(name) if name.ends_with("_FILE") => match std::env::var_os(name) {
                Some(p) => p.into(),
                None => continue,
            },
            _ => continue,
        };
        if !seen.contains(&file) {
            found.extend(private("files", &format!("a secret ({key})"), &file));
            seen.push(file);
        }
    }
    if config.get(settings::auth::MODE) == settings::auth::AuthMode::Builtin
        && let Some(file) = config.get(settings::auth::STORE).strip_prefix("sqlite:")
    {
        found.extend(private("files", "hashes of passwords and tokens", Path::new(file)));
    }
    let audit = config.get(settings::audit::DIR);
    if !audit.is_empty() {
        found.extend(private(
            "files",
            "who asked what, and the key that signs it",
            Path::new(audit),
        ));
    }
    if found.is_empty() {
        found.push(Finding::ok("files", "nothing that holds a secret is open to others"));
    }
    found
}

/// Whether people and tokens can be read and written.
pub(crate) async fn store(config: &Config) -> Vec<Finding> {
    if config.get(settings::auth::MODE) != settings::auth::AuthMode::Builtin {
        return Vec::new();
    }
    let text = config.get(settings::auth::STORE);
    if text == "memory" {
        return vec![
            Finding::warn(
                "store",
                "it is in memory: people, clients and tokens are gone with the process",
            )
            .mend("set auth.store to sqlite:FILE, or redis://HOST:PORT/DB for several replicas"),
        ];
    }
    if let Some(file) = text.strip_prefix("sqlite:")
        && !Path::new(file).exists()
    {
        return vec![
            Finding::warn(
                "store",
                format!("{file} does not exist yet; it is made when somebody is added"),
            )
            .mend("add the people who may sign in")
            .script("mssql-mcp user add NAME"),
        ];
    }
    let tried = tokio::time::timeout(Duration::from_secs(10), tried(text)).await;
    let people = match tried.map_err(|_| "it does not answer".to_owned()) {
        Ok(Ok(n)) => n,
        Ok(Err(e)) | Err(e) => {
            return vec![Finding::fail("store", e).mend(
                "check auth.store: the file's owner and disk, or that Redis runs and \
                        its password is right",
            )];
        }
    };
    if people == 0 {
        return vec![
            Finding::warn("store", "it can be read and written, but nobody may sign in")
                .mend("add the people who may")
                .script("mssql-mcp user add NAME"),
        ];
    }
    vec![Finding::ok(
        "store",
        format!(
            "it can be read and written; {people} {} may sign in",
            if people == 1 { "person" } else { "people" }
        ),
    )]
}

/// Reads the people, and writes and removes a record that means nothing.
async fn tried(text: &str) -> Result<usize, String> {
    let records = Records::open(text).map_err(|e| e.to_string())?;
    let people = records.list::<User>(RecordKind::User).await.map_err(|e| e.to_string())?;
    records
        .put(RecordKind::Login, "doctor", &"doctor", now() + 60)
        .await
        .map_err(|e| e.to_string())?;
    records.remove(RecordKind::Login, "doctor").await.map_err(|e| e.to_string())?;
    Ok(people.iter().filter(|(_, u)| !u.disabled).count())
}

/// Whether the audit log's folder can be written to.
pub(crate) fn audit(config: &Config) -> Vec<Finding> {
    let dir = config.get(settings::audit::DIR);
    if dir.is_empty() {
        if config.get(settings::auth::MODE) == settings::auth::AuthMode::Off {
            return Vec::new();
        }
        return vec![
            Finding::warn("audit", "there is none: nobody can tell later who asked what")
                .mend("set audit.dir to a folder of the server's own"),
        ];
    }
    // The server makes it; made here, it could belong to somebody else.
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.into());
    let there = absolute.ancestors().find(|p| p.exists()).unwrap_or(Path::new("/"));
    let probe = there.join(format!(".doctor-{}", std::process::id()));
    let written = std::fs::write(&probe, b"x").and_then(|()| std::fs::remove_file(&probe));
    match written {
        Ok(()) => vec![Finding::ok("audit", format!("{dir} can be written to"))],
        Err(e) => vec![
            Finding::fail("audit", format!("{dir} cannot be written to: {e}"))
                .mend("give the folder to the server's user, or free the disk"),
        ],
    }
}

/// Behind a proxy that is not named, all callers are one.
pub(crate) fn proxies(config: &Config) -> Vec<Finding> {
    let behind = config.behind_tls();
    if !behind || !config.get(settings::http::TRUSTED_PROXIES).is_empty() {
        return Vec::new();
    }
    vec![
        Finding::warn(
            "proxies",
            "http.public_url is https, so a proxy is in front, but \
            http.trusted_proxies is empty: all callers count as one network",
        )
        .mend("name the proxy's address in http.trusted_proxies"),
    ]
}

/// Whether somebody takes the telemetry that is to be sent.
pub(crate) async fn collector(config: &Config) -> Vec<Finding> {
    let routes = match otlp::routes(config) {
        Ok(r) => r,
        Err(e) => return vec![Finding::fail("telemetry", e)],
    };
    let mut found: Vec<Finding> = otlp_environment();
    for route in routes {
        let answered = if route.grpc { taken_by_grpc(&route).await } else { taken(&route).await };
        let Route { signal, endpoint, .. } = &route;
        found.push(match answered {
            Ok(()) => Finding::ok("telemetry", format!("{endpoint} takes {signal}")),
            Err(e) => Finding::warn("telemetry", format!("{endpoint} does not take {signal}: {e}"))
                .mend(
                    "check telemetry.endpoint, telemetry.protocol (gRPC is port 4317, HTTP \
                       4318) and the headers, and that the collector runs; calls do not wait for \
                       it",
                ),
        });
    }
    found
}

/// Variables of OpenTelemetry that do nothing.
fn otlp_environment() -> Vec<Finding> {
    let said = environment::unheeded(std::env::vars());
    said.into_iter()
        .map(|w| Finding::warn("telemetry", w).mend("correct or remove the variable"))
        .collect()
}

/// An export of nothing, with the headers that the server sends.
async fn taken(route: &Route) -> Result<(), String> {
    let getter =
        Getter::inside(route.ca.as_deref().unwrap_or_default(), PATIENCE.min(route.timeout))?;
    let mut request =
        Request::post(&route.endpoint).header(header::CONTENT_TYPE, "application/x-protobuf");
    for (k, v) in &route.headers {
        request = request.header(k, v);
    }
    let response =
        getter.send(request.body(Bytes::new()).map_err(|e| e.to_string())?, 1 << 20).await?;
    if response.status().is_success() {
        Ok(())
    } else {
        Err(format!("it answers {}", response.status().as_u16()))
    }
}

/// The same over gRPC, whose exporter would try for as long as it may where nobody listens.
async fn taken_by_grpc(route: &Route) -> Result<(), String> {
    reached(&route.endpoint).await?;
    let sent = tokio::time::timeout(PATIENCE, otlp::taken_by_grpc(route)).await;
    sent.map_err(|_| "it took too long".to_owned())?
}

async fn reached(endpoint: &str) -> Result<(), String> {
    let uri: http::Uri = endpoint.parse().map_err(|_| "it is no URL".to_owned())?;
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let connected = tokio::time::timeout(PATIENCE, TcpStream::connect((host, port))).await;
    connected.map_err(|_| "it took too long".to_owned())?.map(drop).map_err(|e| e.to_string())
}
