//! From all sources to a checked configuration: first every text by itself, then the mounts, then
//! what must hold between them. Whatever else is wrong, all of it is told at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::connection::expand;
use super::databases::{ListedDatabase, listed, matches};
use super::env::read_env;
use super::file::{read_file, read_text};
use super::lists::{Lists, MountRow};
use super::repeated::quoted;
use super::setting::{Value, ValueKind, parse_listen};
use super::settings::{access, auth, database, entra, http};
use super::{Config, Errors, QuotaRow, Source, Values, place, settings, strays};

/// Paths that are ours below every mount, so that none may be called so.
const TAKEN: [&str; 12] = [
    "mcp",
    "sse",
    "messages",
    "health",
    "authorize",
    "token",
    "register",
    "revoke",
    "apps",
    "object",
    "view",
    "results",
];

/// What a configuration is read from.
#[derive(Debug, Default)]
pub struct Inputs {
    /// The TOML file, if one was named.
    pub file: Option<PathBuf>,
    /// The environment, by names as they are.
    pub env: BTreeMap<String, String>,
    /// Flags: key → text.
    pub flags: Vec<(String, String)>,
    /// Another port than that of `http.listen`.
    pub port: Option<u16>,
    /// Values that a subcommand fixes; above all others.
    pub fixed: Vec<(&'static str, String)>,
    /// Databases, mounts and tools that a subcommand has beside the main database, as TOML.
    pub beside: Option<String>,
}

// === impl Config ===

impl Config {
    /// Reads everything and checks everything.
    pub fn load(inputs: &Inputs) -> Result<Self, Errors> {
        let mut errors = Vec::new();
        let mut lists = Lists::default();
        let mut notes = Vec::new();
        let mut values = gathered(inputs, &mut lists, &mut errors, &mut notes);
        let (strays, warnings) = strays::strays(&inputs.env);
        errors.extend(strays);
        for own in lists.servers.iter_mut().map(|s| &mut s.own) {
            expand(own, &mut errors, &mut notes);
        }
        for row in &mut lists.databases {
            expand(&mut row.own, &mut errors, &mut notes);
            row.or_by_its_name();
        }
        for own in lists.mounts.iter_mut().map(|m| &mut m.own) {
            expand(own, &mut errors, &mut notes);
        }
        check_each(&values, "", &mut errors);
        normalize_addresses(&mut values);
        let mut config = Self {
            values,
            mounts: Vec::new(),
            databases: Vec::new(),
            grants: lists.grants,
            is_listed: false,
            own_tools: text_of(lists.tools.clone()),
            known: Arc::default(),
            clients: lists.clients,
            quotas: Vec::new(),
            warnings,
            notes,
        };
        let rest = QuotaRow::of(&config);
        config.quotas = lists.quotas.into_iter().map(|read| read(rest.clone())).collect();
        for (of, own) in lists.servers.iter().map(|s| (format!("server {}: ", s.name), &s.own)) {
            check_each(own, &of, &mut errors);
        }
        for (of, own) in lists.databases.iter().map(|d| (format!("database {}: ", d.name), &d.own))
        {
            check_each(own, &of, &mut errors);
        }
        config.databases = listed(&config, lists.servers, lists.databases, &mut errors);
        config.databases.iter().for_each(|one| one.check(&mut errors));
        let own_tools = text_of([lists.tools, lists.tools_beside].concat());
        for MountRow { path, databases, own } in lists.mounts {
            check_each(&own, &format!("mount {path}: "), &mut errors);
            let shown = match &databases {
                Some(names) => chosen(&config.databases, names, &own, &path, &mut errors),
                None => Vec::new(),
            };
            // They win over the environment, which is about the main database.
            let mut mount = config.over(own);
            mount.databases = shown;
            mount.grants.clone_from(&config.grants);
            mount.own_tools.clone_from(&own_tools);
            config.mounts.push((path, mount));
        }
        check_grants(&config, &mut errors);
        config.known = config.all_names().into();
        config.mounts.iter_mut().for_each(|(_, mount)| mount.known = config.known.clone());
        if inputs.beside.is_some() {
            config.databases.clear();
        }
        for section in settings::SECTIONS {
            (section.check)(&config, &mut errors);
        }
        for (path, mount) in &config.mounts {
            let mut own = Vec::new();
            for section in settings::SECTIONS.iter().filter(|s| s.of_a_mount) {
                (section.check)(mount, &mut own);
            }
            if !mount.has_database() {
                own.push("database.host is missing".into());
            }
            errors.extend(own.into_iter().map(|e| format!("mount {path}: {e}")));
        }
        check_paths(&config.served(), &mut errors);
        if errors.is_empty() { Ok(config) } else { Err(Errors(errors)) }
    }
}

/// Tables of an array, as they would stand in a file.
fn text_of(tools: Vec<toml::Value>) -> String {
    if tools.is_empty() {
        return String::new();
    }
    let table = toml::Table::from_iter([("tool".to_owned(), toml::Value::Array(tools))]);
    toml::to_string(&table).unwrap_or_default()
}

/// The databases that a mount shows, with what it sets for them all.
fn chosen(
    all: &[ListedDatabase],
    names: &[String],
    own: &Values,
    path: &str,
    errors: &mut Vec<String>,
) -> Vec<ListedDatabase> {
    for name in names.iter().filter(|n| !all.iter().any(|d| matches(n, &d.name))) {
        errors.push(format!("mount {path}: databases: there is no database {}", quoted(name)));
    }
    if names.is_empty() {
        errors.push(format!("mount {path}: databases is empty: it would show nothing"));
    }
    let mut shown: Vec<ListedDatabase> =
        all.iter().filter(|d| names.iter().any(|n| matches(n, &d.name))).cloned().collect();
    for one in &mut shown {
        // What a mount sets is for all that it shows, and no wider than what each sets itself.
        let level = one.config.get(access::LEVEL).min(mount_level(own, one));
        one.config.values.extend(own.clone());
        if let Some((text, _)) = one.config.values.get_mut(access::LEVEL.name()) {
            level.as_str().clone_into(text);
        }
    }
    shown
}

/// The access that a mount sets, or else that of the database.
fn mount_level(own: &Values, one: &ListedDatabase) -> access::Access {
    match own.get(access::LEVEL.name()) {
        Some((text, _)) => <access::Access as Value>::read(text),
        None => one.config.get(access::LEVEL),
    }
}

/// What is granted is there.
fn check_grants(config: &Config, errors: &mut Vec<String>) {
    let names: Vec<String> = config
        .served()
        .into_iter()
        .flat_map(|(_, c)| c.databases())
        .map(|d| d.config.get(database::LABEL).to_owned())
        .chain(config.databases.iter().map(|d| d.name.clone()))
        .collect();
    for name in config.grants.iter().flat_map(|g| &g.databases) {
        if !names.iter().any(|n| matches(name, n)) {
            errors.push(format!("[[grant]]: there is no database {}", quoted(name)));
        }
    }
}

/// Defaults, and over them file, environment, flags, and what a subcommand fixes.
fn gathered(
    inputs: &Inputs,
    lists: &mut Lists,
    errors: &mut Vec<String>,
    notes: &mut Vec<String>,
) -> Values {
    let mut values: Values =
        settings::all().map(|s| (s.key, (s.default.to_owned(), Source::Default))).collect();
    // A connection string is taken apart where it stands, so that what is set above it wins.
    let mut put = |mut layer: Values, values: &mut Values, errors: &mut Vec<String>| {
        expand(&mut layer, errors, notes);
        lay(values, layer);
    };
    if let Some(path) = &inputs.file {
        let mut layer = Values::new();
        read_file(path, &mut layer, lists, errors);
        put(layer, &mut values, errors);
    }
    if let Some(text) = &inputs.beside {
        let here = lists.tools.len();
        read_text(Path::new("beside"), text, &mut values, lists, errors);
        lists.tools_beside = lists.tools.split_off(here);
    }
    let mut layer = Values::new();
    read_env(&inputs.env, &mut layer, errors);
    put(layer, &mut values, errors);
    let mut layer = Values::new();
    for (key, text) in &inputs.flags {
        match settings::find(key) {
            Some(s) => {
                // A secret has no flag of its own; a string is what `doctor --connection` takes.
                let flag = match s.kind {
                    ValueKind::Secret => "--connection".to_owned(),
                    _ => format!("--{}", s.flag()),
                };
                layer.insert(s.key, (text.clone(), Source::Flag(flag)));
            }
            None => errors.push(format!("flag for {key}: unknown; {}", settings::nearest(key))),
        }
    }
    put(layer, &mut values, errors);
    let listen = http::LISTEN.name();
    if let Some(port) = inputs.port {
        let mut text = port.to_string();
        if let Some(mut address) = values.get(listen).and_then(|v| parse_listen(&v.0)) {
            address.set_port(port);
            text = address.to_string();
        }
        values.insert(listen, (text, Source::Flag("--port".into())));
    }
    for (key, text) in &inputs.fixed {
        match settings::find(key) {
            Some(s) => {
                values.insert(s.key, (text.clone(), Source::Command));
            }
            None => errors.push(format!("{key}: unknown; {}", settings::nearest(key))),
        }
    }
    let usual = usual_store(&inputs.env);
    if let Some((text, _)) = values.get_mut(auth::STORE.name()).filter(|v| v.0 == "sqlite") {
        *text = format!("sqlite:{}", usual.display());
    }
    if let Some((text, _)) = values.get_mut(entra::SIGN_IN_FILE.name()).filter(|v| v.0.is_empty()) {
        *text = usual.with_file_name("entra-sign-in.json").display().to_string();
    }
    values
}

/// Values of a place over those of the places below it. What a connection string says by its silence
/// takes nothing back that is stricter.
pub(super) fn lay(values: &mut Values, above: Values) {
    for (key, value) in above {
        let silent = key == database::ENCRYPT.name() && value.1 == Source::Default;
        if silent && values.get(key).is_some_and(|v| v.0.trim().eq_ignore_ascii_case("strict")) {
            continue;
        }
        values.insert(key, value);
    }
}

/// From here on an address is one, however short it was written.
fn normalize_addresses(values: &mut Values) {
    for s in settings::all().filter(|s| s.kind == ValueKind::Listen) {
        if let Some((text, _)) = values.get_mut(s.key)
            && let Some(address) = parse_listen(text)
        {
            *text = address.to_string();
        }
    }
}

/// Whether a text is (part of) a secret that is set elsewhere.
fn is_secret(values: &Values, text: &str) -> bool {
    let secrets =
        settings::all().filter(|s| s.kind == ValueKind::Secret).filter_map(|s| values.get(s.key));
    secrets
        .map(|(t, _)| t.as_str())
        .any(|t| !t.is_empty() && (text.contains(t) || t == text.trim()))
}

fn check_each(values: &Values, of: &str, errors: &mut Vec<String>) {
    for s in settings::all() {
        if let Some((text, source)) = values.get(s.key)
            && !(text.is_empty() && s.default.is_empty())
            && let Err(e) = s.check(text)
        {
            // What is set as a secret elsewhere is not repeated, whatever its form.
            let e = if is_secret(values, text) { e.replace(text, "…") } else { e };
            errors.push(format!("{of}{}: {e}", place(s.key, source)));
        }
    }
}

/// Paths of mounts are plain, differ, and hide nothing of ours.
fn check_paths(served: &[(String, Config)], errors: &mut Vec<String>) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-~".contains(c);
    for (at, (path, _)) in served.iter().enumerate() {
        let good = |s: &str| {
            !s.is_empty() && s.chars().all(plain) && !s.starts_with('.') && !TAKEN.contains(&s)
        };
        if !path.is_empty() && !path.strip_prefix('/').is_some_and(|p| p.split('/').all(good)) {
            errors.push(format!(
                "{} cannot be the path of a mount: it is like /demo, of letters, digits and . _ - \
                 ~, and none of /{}",
                quoted(path),
                TAKEN.join(", /")
            ));
        }
        if served[..at].iter().any(|(p, _)| p == path) {
            errors.push(format!(
                "the path {} is mounted twice (http.prefixes, [[mount]])",
                quoted(path)
            ));
        }
    }
    if served.is_empty() {
        errors.push(
            "http.prefixes is empty and there is no [[mount]]: nothing would be served".into(),
        );
    }
}

/// The same file from whatever folder a command is started in: below the data folder of whoever
/// starts it, as their system has it; where there is nobody (a bare container), that of services.
fn usual_store(env: &BTreeMap<String, String>) -> PathBuf {
    let absolute = |name: &str| env.get(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let data = if cfg!(windows) {
        absolute("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        absolute("HOME").map(|h| h.join("Library/Application Support"))
    } else {
        // XDG Base Directory Specification: a relative path is ignored.
        absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|h| h.join(".local/share")))
    };
    data.unwrap_or_else(|| PathBuf::from("/var/lib")).join("mssql-mcp").join("mssql-mcp.db")
}
