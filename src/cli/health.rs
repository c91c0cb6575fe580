//! `health`: one GET, for containers that have no curl.

use std::time::Duration;

use clap::ArgMatches;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Ended, Failed};

/// How long a server may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than any answer of ours.
const MAX: u64 = 64 << 10;

/// `mssql-mcp health [URL]`.
pub async fn health(m: &ArgMatches) -> Ended {
    let url = m.get_one::<String>("url").map_or("", String::as_str);
    let wrong = |why: &str| Failed { message: format!("{url}: {why}"), status: 2 };
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| wrong("an http:// URL of this machine is expected, such as http://127.0.0.1:8008/health"))?;
    let (authority, path) = rest.split_once('/').map_or((rest, "/health".to_owned()), |(a, p)| (a, format!("/{p}")));
    let address = if authority.rsplit(':').next().is_some_and(|p| p.parse::<u16>().is_ok()) {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    };
    let asked = tokio::time::timeout(PATIENCE, async {
        let mut tcp = TcpStream::connect(&address).await?;
        tcp.write_all(format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n").as_bytes())
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
    println!("{}", body.trim());
    if head.starts_with("HTTP/1.1 200") {
        return Ok(());
    }
    Err(format!("{url}: {}", head.lines().next().unwrap_or("no HTTP answer")).into())
}
