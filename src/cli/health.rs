//! `health`: one GET to where the configuration listens, for containers that have no curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use clap::ArgMatches;
use clap::{Arg, Command};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Ended, Failed, inputs, say};
use crate::config::Config;
use crate::config::settings;

/// The grammar of `health`.
pub(crate) fn command() -> Command {
    Command::new("health")
        .about("Ask a running server's /health; exit 0 if it answers (for containers)")
        .arg(
            Arg::new("url")
                .value_name("URL")
                .help("where, if it is not where the configuration listens"),
        )
}

/// How long a server may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than any answer of ours.
const MAX: u64 = 64 << 10;

pub(crate) async fn health(m: &ArgMatches) -> Ended {
    let url = match m.get_one::<String>("url") {
        Some(u) => u.clone(),
        None => listening(m)?,
    };
    let wrong = |why: &str| Failed { message: format!("{url}: {why}"), status: 2 };
    let rest = url.strip_prefix("http://").ok_or_else(|| {
        wrong("an http:// URL of this machine is expected, such as http://127.0.0.1:8008/health")
    })?;
    let (authority, path) =
        rest.split_once('/').map_or((rest, "/health".to_owned()), |(a, p)| (a, format!("/{p}")));
    let address = if authority.rsplit(':').next().is_some_and(|p| crate::net::port(p).is_some()) {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    };
    let asked = tokio::time::timeout(PATIENCE, async {
        let mut tcp = TcpStream::connect(&address).await?;
        tcp.write_all(
            format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        )
        .await?;
        let mut text = String::new();
        tcp.take(MAX).read_to_string(&mut text).await?;
        std::io::Result::Ok(text)
    });
    let text = match asked.await {
        Ok(Ok(t)) => t,
        Ok(Err(e)) => return Err(format!("{url}: {e}").into()),
        Err(_) => return Err(format!("{url}: no answer within {} s", PATIENCE.as_secs()).into()),
    };
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    say!("{}", body.trim())?;
    if head.starts_with("HTTP/1.1 200") {
        return Ok(());
    }
    Err(format!("{url}: {}", head.lines().next().unwrap_or("no HTTP answer")).into())
}

/// Where a server with this configuration listens, seen from this machine.
fn listening(m: &ArgMatches) -> Result<String, Failed> {
    let config = Config::load(&inputs(m, Vec::new()))?;
    let mut at =
        config.get(settings::http::LISTEN).ok_or_else(|| "http.listen is no address".to_owned())?;
    if at.port() == 0 {
        let message =
            "http.listen has port 0, so any port may be the server's: give the URL".to_owned();
        return Err(Failed { message, status: 2 });
    }
    match at.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => at.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => at.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    Ok(format!("http://{at}/health"))
}
