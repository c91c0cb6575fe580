//! How an entry is written in each client's file.

use serde_json::{Map, Value, json};

use crate::entry::Entry;

/// The shape of a server that the client starts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stdio {
    /// `command`, `args`, `env`.
    Plain,
    /// The same behind a `type`.
    Typed(&'static str),
    /// GitHub Copilot's: a `type`, and which tools are let through.
    WithTools,
    /// OpenCode's: one array for program and arguments, and `environment`.
    OneArray,
    /// Goose's: `cmd`, `envs`, and a timeout in seconds.
    Goose,
}

/// The shape of a server that has an address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Remote {
    /// The key of the address.
    pub(crate) key: &'static str,
    /// The value of `type`, where there is one.
    pub(crate) kind: Option<&'static str>,
    /// Copilot's `tools`.
    pub(crate) tools: bool,
}

/// `url` alone.
pub(crate) const URL: Option<Remote> = Some(Remote { key: "url", kind: None, tools: false });

/// Keys that say how a server is reached: what stands there is replaced as a whole.
const OURS: [&str; 12] = [
    "type",
    "command",
    "args",
    "cmd",
    "url",
    "serverUrl",
    "httpUrl",
    "uri",
    "env",
    "envs",
    "environment",
    "tools",
];

/// An entry as the value of its name.
pub(crate) fn value(
    stdio: Stdio,
    remote: Option<Remote>,
    name: &str,
    entry: &Entry,
) -> Option<Value> {
    let mut out = Map::new();
    match entry {
        Entry::Remote { url } => {
            let remote = remote?;
            if let Some(kind) = remote.kind {
                out.insert("type".into(), kind.into());
            }
            out.insert(remote.key.into(), url.as_str().into());
            if remote.tools {
                out.insert("tools".into(), json!(["*"]));
            }
        }
        Entry::Stdio { command, args, env } => {
            let env: Map<String, Value> =
                env.iter().map(|(k, v)| (k.clone(), v.as_str().into())).collect();
            let env_key = match stdio {
                Stdio::OneArray => "environment",
                Stdio::Goose => "envs",
                _ => "env",
            };
            match stdio {
                Stdio::Plain => {}
                Stdio::Typed(kind) => drop(out.insert("type".into(), kind.into())),
                Stdio::WithTools => drop(out.insert("type".into(), "local".into())),
                Stdio::OneArray => drop(out.insert("type".into(), "local".into())),
                Stdio::Goose => {
                    out.insert("name".into(), name.into());
                    out.insert("enabled".into(), true.into());
                    out.insert("type".into(), "stdio".into());
                }
            }
            match stdio {
                Stdio::OneArray => {
                    let all: Vec<&String> = std::iter::once(command).chain(args).collect();
                    out.insert("command".into(), json!(all));
                }
                Stdio::Goose => {
                    out.insert("cmd".into(), command.as_str().into());
                    out.insert("args".into(), json!(args));
                }
                _ => {
                    out.insert("command".into(), command.as_str().into());
                    out.insert("args".into(), json!(args));
                }
            }
            if !env.is_empty() {
                out.insert(env_key.into(), env.into());
            }
            match stdio {
                Stdio::WithTools => drop(out.insert("tools".into(), json!(["*"]))),
                Stdio::Goose => drop(out.insert("timeout".into(), 300.into())),
                _ => {}
            }
        }
    }
    Some(out.into())
}

/// Whether a key of an entry has its variables.
pub(crate) fn is_env(key: &str) -> bool {
    ["env", "envs", "environment"].contains(&key)
}

/// Whether all settings of an entry are in its arguments: in the file that they name, over which
/// variables would win, or as what a container is handed.
fn is_whole(entry: &Map<String, Value>) -> bool {
    let words = ["command", "args"].iter().filter_map(|key| entry.get(*key)?.as_array());
    let first = entry.get("command").map(|c| c.get(0).unwrap_or(c));
    words.flatten().any(|w| w == "--config") || first.is_some_and(|c| c == "docker")
}

/// A variable that sets something of ours.
fn is_setting(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let old = ["TRUSTSERVERCERTIFICATE", "TRUSTED_CONNECTION", "READ_ONLY_MODE"];
    name.starts_with("MSSQL_") || old.contains(&name.as_str())
}

/// What stands there, with what is new: keys of a person's own stay, and so do their variables
/// that the new entry does not name. A variable and the one of its file are the same.
pub(crate) fn merged(there: &Value, new: &Value) -> Value {
    let (Some(there), Some(new)) = (there.as_object(), new.as_object()) else { return new.clone() };
    let mut out = Map::new();
    let mut there = there.clone();
    if is_whole(new) {
        for (_, env) in there.iter_mut().filter(|(key, _)| is_env(key)) {
            if let Some(env) = env.as_object_mut() {
                env.retain(|name, _| !is_setting(name));
            }
        }
        there.retain(|key, value| !is_env(key) || value.as_object().is_none_or(|e| !e.is_empty()));
    }
    for (key, value) in &there {
        let is_env = is_env(key);
        match (new.get(key), value.as_object()) {
            (Some(Value::Object(new)), Some(old)) if is_env => {
                let other = |name: &String| match name.strip_suffix("_FILE") {
                    Some(of_value) => new.contains_key(of_value),
                    None => new.contains_key(&format!("{name}_FILE")),
                };
                let kept = old.iter().filter(|(k, _)| new.contains_key(*k) || !other(k));
                let mut env: Map<String, Value> =
                    kept.map(|(k, v)| (k.clone(), v.clone())).collect();
                env.extend(new.clone());
                out.insert(key.clone(), env.into());
            }
            // A person who has chosen tools has chosen.
            (Some(_), _) if key == "tools" => drop(out.insert(key.clone(), value.clone())),
            (Some(new), _) => drop(out.insert(key.clone(), new.clone())),
            (None, _) if is_env && !is_remote(new) => drop(out.insert(key.clone(), value.clone())),
            (None, _) if OURS.contains(&key.as_str()) => {}
            (None, _) => drop(out.insert(key.clone(), value.clone())),
        }
    }
    for (key, value) in new {
        if !out.contains_key(key) {
            out.insert(key.clone(), value.clone());
        }
    }
    out.into()
}

fn is_remote(entry: &Map<String, Value>) -> bool {
    !entry.contains_key("command") && !entry.contains_key("cmd")
}
