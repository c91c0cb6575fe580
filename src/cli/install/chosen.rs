//! What the command line says of clients and of the entry.

use std::path::{Path, PathBuf};

use clap::ArgMatches;
use mssql_mcp_client_setup::{
    CLIENTS, Client, Entry, Expansion, Launch, Os, Scope, Surroundings, client, variables,
};

use super::wrong_use;
use crate::cli::Failed;
use crate::config::setting::ValueKind;
use crate::config::settings;
use crate::config::settings::database::{
    CONNECTION, HOST, LOGIN, PASSWORD, TRUSTED_CONNECTION, USER,
};
use crate::config::settings::entra::SIGN_IN_FILE;
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

/// What is to be entered, of which each client gets its own entry.
pub(super) enum Wish {
    /// A server that runs.
    Address(String),
    /// One that the client starts.
    Start { launch: Launch, args: Vec<String>, env: Vec<(String, String)> },
}

impl Wish {
    /// What the command line says.
    pub(super) fn new(m: &ArgMatches) -> Result<Self, Failed> {
        if let Some(url) = m.get_one::<String>("url") {
            return Ok(Wish::Address(url.clone()));
        }
        let demo = m.try_get_one::<bool>("demo").is_ok_and(|d| d == Some(&true));
        let mut args: Vec<String> = match demo {
            true => vec!["demo".into(), "--stdio".into()],
            false => vec!["stdio".into()],
        };
        let mut files = Vec::new();
        if let Some(file) = m.get_one::<PathBuf>("config") {
            let whole = file.canonicalize().map_err(|e| {
                wrong_use(format!("--config {}: {e}; the client would not find it", file.display()))
            })?;
            if !whole.is_file() {
                return Err(wrong_use(format!("--config {}: it is no file", file.display())));
            }
            let whole = text_of(&whole)?;
            files.push(whole.clone());
            args.extend(["--config".into(), whole]);
        }
        let mut env = Vec::new();
        for pair in m.get_many::<String>("env").into_iter().flatten() {
            // Without its value, which may be a secret.
            let (name, value) = pair
                .split_once('=')
                .filter(|(name, _)| is_name(name))
                .ok_or_else(|| wrong_use("--env takes NAME=VALUE"))?;
            let in_key_store = matches!(SecretName::in_setting(value), Some(Ok(_)));
            let kept = value.starts_with('$') || in_key_store;
            if is_secret(name) && !kept && !m.get_flag("allow-plaintext") {
                return Err(wrong_use(format!(
                    "--env {name} would put a secret into the client's file. Put it into a file \
                     that only you can read, and give --env {name}_FILE=PATH; VS Code and Visual \
                     Studio ask for it with --env '{name}=${{input:mssql-password}}'. Where neither \
                     is possible, --allow-plaintext writes it"
                )));
            }
            let mut value = value.to_owned();
            if is_file(name, &value) && !value.starts_with('$') {
                // The client starts the server in a folder of its own.
                value = text_of(&std::path::absolute(&value).map_err(|e| e.to_string())?)?;
                files.push(value.clone());
            }
            env.push((name.to_owned(), value));
        }
        Ok(Wish::Start { launch: launch(m, files)?, args, env })
    }

    /// The entry for a client whose file has `text`. One that can ask a person asks for the
    /// password, where there is a host and a user and nothing says where their password is.
    pub(super) fn entry(&self, client: &Client, name: &str, text: Option<&str>) -> Entry {
        let (launch, args, mut env) = match self {
            Wish::Address(url) => return Entry::Remote { url: url.clone() },
            Wish::Start { launch, args, env } => (launch, args.clone(), env.clone()),
        };
        let place = env.iter().position(|(n, _)| is_of(USER.name(), n));
        let wanted = client.expansion == Expansion::Input
            && env.iter().any(|(n, _)| is_of(HOST.name(), n))
            && !args.iter().any(|a| a == "--config");
        if let (true, Some(place)) = (wanted, place) {
            // What stands there stays, where the new entry does not name it.
            let there = variables(client, text, name).unwrap_or_default();
            let there = there.into_iter().map(|n| (n, String::new()));
            if !env.iter().cloned().chain(there).any(|(n, v)| logs_in(&n, &v)) {
                let asked = format!("${{input:{name}-password}}");
                env.insert(place + 1, ("MSSQL_PASSWORD".into(), asked));
            }
        }
        launch.entry(Os::this(), env!("CARGO_PKG_VERSION"), args, env)
    }
}

/// Whether a variable is one of a setting's.
fn is_of(key: &str, variable: &str) -> bool {
    let is = |n: &str| n.eq_ignore_ascii_case(variable);
    settings::all()
        .filter(|s| s.key == key)
        .any(|s| is(&s.own_env()) || s.env.iter().any(|n| is(n)))
}

/// Whether a variable says how a login is proven, so that nobody has to be asked.
fn logs_in(variable: &str, value: &str) -> bool {
    let stem = variable.strip_suffix("_FILE").unwrap_or(variable);
    [PASSWORD.name(), CONNECTION.name()].iter().any(|key| is_of(key, stem))
        || is_of(TRUSTED_CONNECTION.name(), variable)
        || is_of(LOGIN.name(), variable) && !["sql", "ntlm"].contains(&value)
}

/// Whether a variable has the path of a file that the server reads.
fn is_file(variable: &str, value: &str) -> bool {
    let of_secret = variable.strip_suffix("_FILE").is_some_and(is_secret);
    let paths = settings::all().filter(|s| s.kind == ValueKind::Path);
    let mut read = paths.filter(|s| s.key != SIGN_IN_FILE.name());
    of_secret || Path::new(value).is_file() && read.any(|s| is_of(s.key, variable))
}

/// What an entry starts: this very binary, by its whole path, unless that lies where npx or uvx
/// keeps it for a while.
fn launch(m: &ArgMatches, files: Vec<String>) -> Result<Launch, Failed> {
    let program = std::env::current_exe()
        .and_then(|p| p.canonicalize())
        .map_err(|e| format!("this program does not know its own path: {e}"))?;
    let program = text_of(&program)?;
    let image = m.get_one::<String>("image");
    let command = m.get_one::<String>("command").map(String::as_str);
    if image.is_some() && command != Some("docker") {
        return Err(wrong_use("--image is for --command docker"));
    }
    if let Some(image) = image.filter(|i| i.is_empty() || i.starts_with('-') || i.contains(' ')) {
        return Err(wrong_use(format!("--image {image:?} is no name of an image")));
    }
    Ok(match (command.or_else(|| fetched_by(&program)), image) {
        (Some("npx"), _) => Launch::Npx,
        (Some("uvx"), _) => Launch::Uvx,
        (Some("docker"), Some(image)) => {
            // The mount is written with commas, and a path of Windows is none in a container.
            if let Some(file) = files.iter().find(|f| !f.starts_with('/') || f.contains([',', '"']))
            {
                return Err(wrong_use(format!(
                    "{file}: a container finds a file under the same path, which has to begin with \
                     / and to be without commas and quotes"
                )));
            }
            let image = image.clone();
            Launch::Docker { image, user: reader(&files), files }
        }
        _ => Launch::Binary(program),
    })
}

/// Who fetched this program to start it, by the folder that it keeps such things in.
fn fetched_by(program: &str) -> Option<&'static str> {
    program.split(['/', '\\']).find_map(|folder| match folder {
        "_npx" => Some("npx"),
        _ if folder.starts_with("archive-v") => Some("uvx"),
        _ => None,
    })
}

/// The owner of a file that the image's own user may not read.
#[cfg(unix)]
fn reader(files: &[String]) -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt as _;
    let own = files.iter().filter_map(|f| std::fs::metadata(f).ok()).find(|f| f.mode() & 0o4 == 0);
    // Elsewhere Docker runs in a machine of its own, where whoever runs may read what is mounted.
    own.filter(|_| Os::this() == Os::Linux).map(|f| (f.uid(), f.gid()))
}

#[cfg(not(unix))]
fn reader(_: &[String]) -> Option<(u32, u32)> {
    None
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

/// What of this shell a client will not have, and what else is worth knowing of these entries.
pub(super) fn notes(m: &ArgMatches, entries: &[Entry]) -> Vec<String> {
    let mut notes = Vec::new();
    let Some(Entry::Stdio { command, args, .. }) = entries.first() else { return notes };
    let envs: Vec<&[(String, String)]> = entries
        .iter()
        .map(|e| match e {
            Entry::Stdio { env, .. } => env.as_slice(),
            Entry::Remote { .. } => &[],
        })
        .collect();
    let given = settings::all()
        .filter(|s| s.kind != ValueKind::Secret && m.get_one::<String>(s.key).is_some())
        .map(|s| format!("--{}", s.flag()));
    let lacks = |n: &str| envs.iter().any(|env| env.iter().all(|(k, _)| k != n));
    let of_database = |n: &str| n.starts_with("MSSQL_") && lacks(n);
    let shell =
        std::env::vars_os().filter_map(|(n, _)| n.into_string().ok()).filter(|n| of_database(n));
    let mut left: Vec<String> = shell.collect();
    left.sort();
    left.extend(given);
    let is_demo = args.iter().any(|a| a == "demo");
    if !left.is_empty() && !is_demo {
        notes.push(format!(
            "not written: {}. A client starts the server without your shell; give --config FILE or \
             --env NAME=VALUE, and the password as --env MSSQL_PASSWORD_FILE=PATH",
            left.join(", ")
        ));
    } else if envs.iter().all(|env| env.is_empty())
        && !is_demo
        && !args.iter().any(|a| a == "--config")
    {
        notes.push(
            "the entry names no database; give --config FILE, or --env MSSQL_HOST=… and --env \
             MSSQL_PASSWORD_FILE=PATH"
                .to_owned(),
        );
    }
    let local = |v: &str| ["localhost", "127.0.0.1", "(local)", "."].contains(&v);
    let mut hosts = envs.iter().flat_map(|env| env.iter()).filter(|(n, _)| is_of(HOST.name(), n));
    if command == "docker" && hosts.any(|(_, v)| local(v)) {
        notes.push(
            "in a container that host is the container itself; this machine is \
             host.docker.internal there"
                .to_owned(),
        );
    }
    if command == "docker" && args.iter().any(|a| a == "--config") {
        notes.push(
            "the container finds the file of --config, and not those that it names; give those \
             with --env"
                .to_owned(),
        );
    }
    if fetched_by(command).is_some() || command.contains("/target/") {
        notes.push(format!(
            "{command} lies in a folder that is cleaned at times; the entry ends with it"
        ));
    }
    notes
}

/// Of a file that has a secret now, and that others may read.
#[cfg(unix)]
pub(super) fn readable(file: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(file).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then(|| {
        format!("{} has a secret now, and others may read it (mode {mode:o})", file.display())
    })
}

#[cfg(not(unix))]
pub(super) fn readable(_: &Path) -> Option<String> {
    None
}
