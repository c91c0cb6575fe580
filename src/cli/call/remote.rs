//! Whom a call asks: a stack in this process, or a server that runs, over streamable HTTP.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::ArgMatches;
use http::{Request, StatusCode, header};
use mssql_mcp_transports::ProtocolVersion;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::wrong;
use crate::app::App;
use crate::cli::Failed;
use crate::cli::table::plain;
use crate::fetch::Getter;
use crate::in_process;
use crate::principal::Principal;

/// Where `--url` finds a token.
const TOKEN: &str = "MSSQL_MCP_TOKEN";
/// A server may take as long as its own limits allow; this is for one that never answers.
const PATIENCE: Duration = Duration::from_secs(600);
/// More than any answer under a sensible `limits.max_chars`.
const MAX: usize = 1 << 30;

pub(crate) enum RemoteServer {
    /// A stack in this process.
    Own(Box<App>),
    Running(Remote),
}

/// A server that listens.
pub(crate) struct Remote {
    url: String,
    token: Option<String>,
    getter: Getter,
}

impl Remote {
    pub(super) fn new(url: &str, m: &ArgMatches) -> Result<Self, Failed> {
        let uri = url
            .parse::<http::Uri>()
            .ok()
            .filter(|u| u.scheme().is_some() && u.authority().is_some());
        let uri = uri
            .ok_or_else(|| wrong("--url: it is no URL such as http://127.0.0.1:8008/mcp".into()))?;
        // What stands before the @ may be a password, which no message repeats.
        if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
            return Err(wrong(format!(
                "--url: it must not name a user; a token goes into {TOKEN} or --token-file"
            )));
        }
        // An address alone is that of the main endpoint.
        let url = if uri.path() == "/" && uri.query().is_none() {
            format!("{}/mcp", url.trim_end_matches('/'))
        } else {
            url.to_owned()
        };
        let token = match m.get_one::<PathBuf>("token-file") {
            Some(f) => Some(
                std::fs::read_to_string(f)
                    .map_err(|e| wrong(format!("--token-file: {}: {e}", f.display())))?,
            ),
            None => std::env::var(TOKEN).ok(),
        };
        let token = token
            .map(|t| t.trim_start_matches('\u{feff}').trim().to_owned())
            .filter(|t| !t.is_empty());
        // A token does not travel in the clear; without one a person may ask whom they like.
        let getter = if token.is_some() {
            Getter::from_operator().patient(PATIENCE)
        } else {
            Getter::inside(&[], PATIENCE)?
        };
        Ok(Self { url, token, getter })
    }

    async fn ask(&self, method: &str, params: Value) -> Result<Bytes, Failed> {
        let failed = |why: &str| Failed::from(format!("{}: {why}", self.url));
        let (mut params, version) = (params, ProtocolVersion::V2026_07_28.as_str());
        let name = params["name"].as_str().map(str::to_owned);
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "mssql-mcp call", "version": env!("CARGO_PKG_VERSION") },
        });
        let body =
            json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let mut request = Request::post(&self.url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json, text/event-stream")
            .header("MCP-Protocol-Version", version)
            .header("Mcp-Method", method);
        if let Some(n) = name {
            request = request.header("Mcp-Name", n);
        }
        if let Some(t) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {t}"));
        }
        let request = request.body(Bytes::from(body)).map_err(|_| {
            failed(
                "this cannot be sent: the token or the tool's name has characters that no \
                    header takes",
            )
        })?;
        let response = self.getter.send(request, MAX).await.map_err(|e| failed(&e))?;
        let stream = response
            .headers()
            .get(header::CONTENT_TYPE)
            .is_some_and(|t| t.as_bytes().starts_with(b"text/event-stream"));
        let (status, body) = (response.status(), response.into_body());
        match status {
            StatusCode::UNAUTHORIZED if self.token.is_some() => {
                Err(failed("the token is not good here (401)"))
            }
            StatusCode::UNAUTHORIZED => Err(failed(&format!(
                "a token is needed (401): put it into {TOKEN}, or into a file for --token-file"
            ))),
            _ if stream => {
                last_event(&body).ok_or_else(|| failed("the stream ended without an answer"))
            }
            s => {
                let said: Value = serde_json::from_slice(&body).unwrap_or_default();
                if said.get("jsonrpc").is_some() {
                    return Ok(body);
                }
                let why = said["error_description"]
                    .as_str()
                    .map_or(String::new(), |d| format!(" ({})", plain(d)));
                Err(failed(&format!(
                    "it answers {}{why}; is it an MCP endpoint, such as …/mcp?",
                    s.as_u16()
                )))
            }
        }
    }
}

/// The data of the last event of a stream, which is the answer.
fn last_event(stream: &[u8]) -> Option<Bytes> {
    let text = std::str::from_utf8(stream).ok()?;
    let event = text.split("\n\n").filter(|e| e.lines().any(|l| l.starts_with("data:"))).last()?;
    let data: Vec<&str> = event
        .lines()
        .filter_map(|l| l.strip_prefix("data:"))
        .map(|l| l.strip_prefix(' ').unwrap_or(l))
        .collect();
    Some(data.join("\n").into_bytes().into())
}

/// Asks; the result as it was sent.
pub(crate) async fn ask(
    server: &RemoteServer,
    method: &str,
    params: Value,
) -> Result<Box<RawValue>, Failed> {
    let bytes = match server {
        RemoteServer::Running(remote) => remote.ask(method, params).await?,
        RemoteServer::Own(app) => {
            in_process::ask(app.service.clone(), "cli", Principal::local(), method, &params)
                .await
                .ok_or_else(|| "the call was cancelled".to_owned())?
        }
    };
    #[derive(Deserialize)]
    struct Message {
        result: Option<Box<RawValue>>,
        error: Option<Value>,
    }
    let m: Message =
        serde_json::from_slice(&bytes).map_err(|e| format!("the answer is no JSON-RPC: {e}"))?;
    match (m.result, m.error) {
        (Some(r), _) => Ok(r),
        (None, e) => Err(wrong(plain(
            e.unwrap_or_default()["message"].as_str().unwrap_or("an answer without a result"),
        ))),
    }
}
