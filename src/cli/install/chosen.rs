//! What the command line says of clients and of the entry.

use std::path::{Path, PathBuf};

use clap::ArgMatches;
use mssql_mcp_client_setup::{CLIENTS, Client, Entry, Os, Scope, Surroundings, client};

use super::wrong_use;
use crate::cli::Failed;
use crate::config::setting::ValueKind;
use crate::config::settings;
use crate::key_store::SecretName;

/// The folders of this process.
pub(in crate::cli) fn surroundings() -> Result<Surroundings, Failed> {
    let folder = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let home = folder("HOME").or_else(|| folder("USERPROFILE"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    Ok(Surroundings {
        os: Os::this(),
        home: home.ok_or_else(|| wrong_use("HOME is not set; say where your home folder is"))?,
        app_data: folder("APPDATA"),
        local_app_data: folder("LOCALAPPDATA"),
        // One that is not absolute counts as none, as the XDG specification has it.
        config_home: folder("XDG_CONFIG_HOME").filter(|p| p.is_absolute()),
        project: std::env::current_dir().map_err(|e| format!("no current folder: {e}"))?,
        path: std::env::split_paths(&path).collect(),
    })
}

/// Those that are named, or else those that are found.
pub(super) fn clients(m: &ArgMatches, around: &Surroundings, scope: Scope) -> Vec<&'static Client> {
    if let Some(named) = m.get_many::<String>("client") {
        let mut all: Vec<&Client> = Vec::new();
        for c in named.filter_map(|n| client(n)) {
            if all.iter().all(|o| o.id != c.id) {
                all.push(c);
            }
        }
        return all;
    }
    let there = |p: &Path| p.exists();
    let has = |c: &&Client| around.has(c, &there) && !around.files(c, scope, &there).is_empty();
    CLIENTS.iter().filter(has).collect()
}

/// The entry: this very binary, by its whole path, or an address.
pub(super) fn entry(m: &ArgMatches) -> Result<Entry, Failed> {
    if let Some(url) = m.get_one::<String>("url") {
        return Ok(Entry::Remote { url: url.clone() });
    }
    let demo = m.try_get_one::<bool>("demo").is_ok_and(|d| d == Some(&true));
    let mut args: Vec<String> = match demo {
        true => vec!["demo".into(), "--stdio".into()],
        false => vec!["stdio".into()],
    };
    if let Some(file) = m.get_one::<PathBuf>("config") {
        let whole = file.canonicalize().map_err(|e| {
            wrong_use(format!("--config {}: {e}; the client would not find it", file.display()))
        })?;
        args.extend(["--config".into(), text_of(&whole)?]);
    }
    let mut env = Vec::new();
    for pair in m.get_many::<String>("env").into_iter().flatten() {
        // Without its value, which may be a secret.
        let (name, value) = pair
            .split_once('=')
            .filter(|(name, _)| is_name(name))
            .ok_or_else(|| wrong_use("--env takes NAME=VALUE"))?;
        let in_key_store = matches!(SecretName::in_setting(value), Some(Ok(_)));
        if is_secret(name) && !value.starts_with('$') && !in_key_store {
            return Err(wrong_use(format!(
                "--env {name} would put a secret into the client's file; put it into a file that \
                 only you can read, and give --env {name}_FILE=PATH"
            )));
        }
        env.push((name.to_owned(), value.to_owned()));
    }
    let program = std::env::current_exe()
        .and_then(|p| p.canonicalize())
        .map_err(|e| format!("this program does not know its own path: {e}"))?;
    Ok(Entry::Stdio { command: text_of(&program)?, args, env })
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// A variable of a setting that is secret.
fn is_secret(name: &str) -> bool {
    let secret = settings::all().filter(|s| s.kind == ValueKind::Secret);
    secret.into_iter().any(|s| {
        s.own_env().eq_ignore_ascii_case(name) || s.env.iter().any(|n| n.eq_ignore_ascii_case(name))
    })
}

fn text_of(path: &Path) -> Result<String, Failed> {
    let text = path.to_str().ok_or_else(|| {
        wrong_use(format!("{} is no UTF-8, which a client's file is", path.display()))
    })?;
    // Windows has a long form of paths that few programs start.
    Ok(text.strip_prefix(r"\\?\").unwrap_or(text).to_owned())
}

/// What of this shell a client will not have.
pub(super) fn notes(m: &ArgMatches, entry: &Entry) -> Vec<String> {
    let mut notes = Vec::new();
    let Entry::Stdio { command, args, env } = entry else { return notes };
    let given = settings::all()
        .filter(|s| s.kind != ValueKind::Secret && m.get_one::<String>(s.key).is_some())
        .map(|s| format!("--{}", s.flag()));
    let of_database = |n: &str| n.starts_with("MSSQL_") && env.iter().all(|(k, _)| k != n);
    let shell =
        std::env::vars_os().filter_map(|(n, _)| n.into_string().ok()).filter(|n| of_database(n));
    let mut left: Vec<String> = shell.collect();
    left.sort();
    left.extend(given);
    let is_demo = args.first().is_some_and(|a| a == "demo");
    if !left.is_empty() && !is_demo {
        notes.push(format!(
            "not written: {}. A client starts the server without your shell; give --config FILE or \
             --env NAME=VALUE, and the password as --env MSSQL_PASSWORD_FILE=PATH",
            left.join(", ")
        ));
    } else if env.is_empty() && !is_demo && !args.iter().any(|a| a == "--config") {
        notes.push(
            "the entry names no database; give --config FILE, or --env MSSQL_HOST=… and --env \
             MSSQL_PASSWORD_FILE=PATH"
                .to_owned(),
        );
    }
    if env.iter().any(|(_, value)| value.starts_with("${input:")) {
        notes.push(
            "the client asks for an ${input:…} that its list of inputs has; --print shows what to \
             add to that list"
                .to_owned(),
        );
    }
    if ["/_npx/", "/uv/archive", "/target/"].iter().any(|part| command.contains(part)) {
        notes.push(format!(
            "{command} lies in a folder that is cleaned at times; the entry ends with it"
        ));
    }
    notes
}
