//! rmcp through the probes: the job is a line of JSON on stdin. See ../python/drive.py, which is the same for Python.

mod probes;

use std::io::{BufRead as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rmcp::model::{
    CallToolRequest, CallToolRequestParams, ClientRequest, ContentBlock, ProgressNotificationParam,
    ProtocolVersion, ReadResourceRequestParams, ServerResult,
};
use rmcp::service::{
    ClientLifecycleMode, NotificationContext, PeerRequestOptions, RunningService,
    serve_client_with_lifecycle,
};
use rmcp::transport::{StreamableHttpClientTransport, TokioChildProcess};
use rmcp::{ClientHandler, RoleClient};
use serde_json::{Value, json};
use tokio::process::Command;

/// Counts what it hears of progress.
#[derive(Clone, Default)]
pub struct Heard(pub Arc<AtomicUsize>);

impl ClientHandler for Heard {
    async fn on_progress(&self, _: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a caller gets of a call.
pub struct Answer {
    pub text: String,
    pub structured: Option<Value>,
    pub error: bool,
}

impl Answer {
    pub fn failed(text: String) -> Self {
        Self { text, structured: None, error: true }
    }
}

pub struct Session {
    client: RunningService<RoleClient, Heard>,
    pub heard: Heard,
    timeout: Option<Duration>,
}

impl Session {
    pub async fn open(job: &Value, timeout: Option<Duration>) -> Result<Self, String> {
        let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
        let mode = match job["mode"].as_str() {
            Some("legacy") => ClientLifecycleMode::Initialize,
            Some("auto") => ClientLifecycleMode::Auto { preferred_versions, legacy_version: None },
            _ => ClientLifecycleMode::Discover { preferred_versions },
        };
        let heard = Heard::default();
        let client = if let Some(url) = job["url"].as_str() {
            let transport = StreamableHttpClientTransport::from_uri(url.to_owned());
            serve_client_with_lifecycle(heard.clone(), transport, mode).await
        } else {
            let program = job["command"][0].as_str().unwrap_or_default();
            let transport =
                TokioChildProcess::new(Command::new(program)).map_err(|e| e.to_string())?;
            serve_client_with_lifecycle(heard.clone(), transport, mode).await
        };
        Ok(Self { client: client.map_err(|e| e.to_string())?, heard, timeout })
    }

    pub async fn tools(&self) -> Result<Vec<String>, String> {
        let tools = self.client.list_all_tools().await.map_err(|e| e.to_string())?;
        Ok(tools.iter().map(|t| t.name.to_string()).collect())
    }

    pub async fn call(&self, name: &str, arguments: &Value) -> Answer {
        let mut params = CallToolRequestParams::new(name.to_owned());
        if let Value::Object(map) = arguments {
            params = params.with_arguments(map.clone());
        }
        // Only a request by hand has a time of its own.
        let options = match self.timeout {
            Some(t) => PeerRequestOptions::with_timeout(t),
            None => PeerRequestOptions::no_options(),
        };
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(params));
        let sent = match self.client.send_cancellable_request(request, options).await {
            Ok(sent) => sent.await_response().await,
            Err(e) => Err(e),
        };
        match sent {
            Ok(ServerResult::CallToolResult(r)) => {
                let text =
                    |c: &ContentBlock| c.as_text().map(|t| t.text.clone()).unwrap_or_default();
                let text = r.content.iter().map(text).collect();
                Answer { text, structured: r.structured_content, error: r.is_error == Some(true) }
            }
            Ok(other) => Answer::failed(format!("exception: {other:?}")),
            Err(e) => Answer::failed(format!("exception: {e}")),
        }
    }

    pub async fn resources(&self) -> Result<Vec<String>, String> {
        let found = self.client.list_all_resources().await.map_err(|e| e.to_string())?;
        Ok(found.iter().map(|r| r.uri.to_string()).collect())
    }

    pub async fn read(&self, uri: &str) -> Result<String, String> {
        let params = ReadResourceRequestParams::new(uri);
        let read = self.client.read_resource(params).await.map_err(|e| e.to_string())?;
        Ok(serde_json::to_string(&read.contents).unwrap_or_default())
    }

    pub async fn close(self) {
        let _ = tokio::time::timeout(Duration::from_secs(5), self.client.cancel()).await;
    }
}

/// The lines that go out, and the runner's answers.
pub struct Line {
    pub job: Value,
}

impl Line {
    pub fn say(&self, probe: &str, outcome: &str, detail: &str, seen: &str) {
        let seen: String = seen.chars().take(600).collect();
        out(
            &json!({ "client": self.job["client"], "version": "3.11.0", "transport": self.job["label"], "probe": probe, "outcome": outcome, "detail": detail, "seen": seen }),
        );
    }

    pub fn ask(&self, what: &str) -> Value {
        out(&json!({ "ask": what }));
        read()
    }
}

fn out(line: &Value) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

fn read() -> Value {
    let mut line = String::new();
    let _ = std::io::stdin().lock().read_line(&mut line);
    serde_json::from_str(&line).unwrap_or(Value::Null)
}

#[tokio::main]
async fn main() {
    let line = Line { job: read() };
    probes::main(&line).await;
    probes::timeout(&line).await;
    probes::restart(&line).await;
    out(&json!({ "done": 0 }));
    // What a client left behind is not waited for.
    std::process::exit(0);
}
