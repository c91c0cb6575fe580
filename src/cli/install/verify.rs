//! Starts what an entry says, as a client would: with its variables and a short environment.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use mssql_mcp_client_setup::{Entry, on_path};
use serde_json::{Value, json};

/// A first start may have to find a certificate store or a slow disk.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is fetched first takes a while.
const PATIENCE_TO_FETCH: Duration = Duration::from_secs(180);

/// What a desktop gives to the programs that it starts.
const KEPT: [&str; 15] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "TMPDIR",
    "TEMP",
    "TMP",
    "SYSTEMROOT",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "COMSPEC",
    "PATHEXT",
    "XDG_RUNTIME_DIR",
];

/// How many tools it lists, or what went wrong. `None` where nothing is started: an address, or a
/// variable that only the client can fill in. `path`: the folders of `PATH`.
pub(super) fn check(entry: &Entry, path: &[PathBuf]) -> Option<Result<usize, String>> {
    let Entry::Stdio { command, args, env } = entry else { return None };
    let program = on_path(entry);
    if let Some(program) = program.filter(|p| !is_there(p, path)) {
        return Some(Err(format!(
            "{program} is not on PATH; install it, or say with --command what else to start"
        )));
    }
    if env.iter().any(|(_, value)| value.starts_with('$')) {
        return None;
    }
    let mut c = Command::new(command);
    c.args(args).env_clear();
    c.envs(KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    c.envs(env.iter().map(|(k, v)| (k, v)));
    c.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = c.spawn().map_err(|e| format!("{command}: {e}"));
    let patience = if program.is_some() { PATIENCE_TO_FETCH } else { PATIENCE };
    Some(child.and_then(|child| Started::new(child, patience).and_then(Started::tools)))
}

/// Whether a program is found by its name.
fn is_there(program: &str, path: &[PathBuf]) -> bool {
    let ends: &[&str] = if cfg!(windows) { &[".exe", ".cmd"] } else { &[""] };
    path.iter().any(|folder| ends.iter().any(|e| folder.join(format!("{program}{e}")).is_file()))
}

/// A child that ends with this.
struct Started {
    child: Child,
    lines: Receiver<String>,
    said: Receiver<String>,
    /// How long an answer may take.
    patience: Duration,
}

impl Started {
    fn new(mut child: Child, patience: Duration) -> Result<Self, String> {
        let (out, err) = child.stdout.take().zip(child.stderr.take()).ok_or("it has no pipes")?;
        let (to, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if to.send(line).is_err() {
                    break;
                }
            }
        });
        let (to, said) = channel();
        std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = err.take(64 * 1024).read_to_end(&mut text);
            let _ = to.send(String::from_utf8_lossy(&text).into_owned());
        });
        Ok(Started { child, lines, said, patience })
    }

    fn tools(mut self) -> Result<usize, String> {
        let hello = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "mssql-mcp install", "version": env!("CARGO_PKG_VERSION") },
        });
        self.ask(1, "initialize", hello)?;
        self.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))?;
        let (mut count, mut cursor) = (0, None::<Value>);
        for id in 2..102 {
            let params = cursor.take().map_or(json!({}), |c| json!({ "cursor": c }));
            let mut page = self.ask(id, "tools/list", params)?;
            count += page["tools"].as_array().map_or(0, Vec::len);
            match page["nextCursor"].take() {
                Value::Null => return Ok(count),
                next => cursor = Some(next),
            }
        }
        Ok(count)
    }

    fn send(&mut self, message: &Value) -> Result<(), String> {
        let sent =
            self.child.stdin.as_mut().map(|i| i.write_all(format!("{message}\n").as_bytes()));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(self.ended()),
        }
    }

    /// The result of a request. What else the server says meanwhile is passed over.
    fn ask(&mut self, id: u64, method: &str, params: Value) -> Result<Value, String> {
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))?;
        let until = Instant::now() + self.patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = match self.lines.recv_timeout(left) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!(
                        "no answer to {method} within {} s",
                        self.patience.as_secs()
                    ));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(self.ended()),
            };
            let mut answer: Value = serde_json::from_str(&line)
                .map_err(|_| format!("a line on stdout is no JSON, in answer to {method}"))?;
            if answer["id"] != id {
                continue;
            }
            return match answer["error"]["message"].as_str() {
                Some(error) => Err(format!("{method}: {error}")),
                None => Ok(answer["result"].take()),
            };
        }
    }

    /// Why it ended: the last that it said.
    fn ended(&mut self) -> String {
        let text = self.said.recv_timeout(Duration::from_secs(2)).unwrap_or_default();
        let text = text.trim();
        match text.is_empty() {
            true => "it ended without a word".to_owned(),
            false => super::shown(text),
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // The end of stdin is how a client takes leave; what does not heed it is stopped.
        drop(self.child.stdin.take());
        let until = Instant::now() + Duration::from_secs(3);
        while Instant::now() < until {
            match self.lines.recv_timeout(Duration::from_millis(100)) {
                Err(RecvTimeoutError::Disconnected) => break,
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
