//! Where values come from: the file with its lists, and the environment with
//! the replaced service's names.

use std::collections::BTreeMap;
use std::path::Path;

use super::repeated::quoted;
use super::strays::of_a_service;
use super::table::{Kind, SETTINGS, nearest, parse_bool};
use super::{OF_A_MOUNT, QuotaRow, Registered, Source, Values};

/// The arrays of tables in a file.
#[derive(Default)]
pub(super) struct Lists {
    pub mounts: Vec<(String, Values)>,
    pub clients: Vec<Registered>,
    pub quotas: Vec<Fill>,
}

/// Fills a row's own numbers into those for everybody.
pub(super) type Fill = Box<dyn FnOnce(QuotaRow) -> QuotaRow>;

impl std::fmt::Debug for Registered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registered").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A message of serde's without the text that it found.
fn without_values(message: &str) -> String {
    match (message.find("string \""), message.rfind("\", ")) {
        (Some(from), Some(to)) if from < to => {
            format!("{}a text{}", &message[..from], &message[to + 1..])
        }
        _ => message.to_owned(),
    }
}

fn read_mount(path: &Path, v: &toml::Value, lists: &mut Lists, errors: &mut Vec<String>) {
    let Some(mut t) = v.as_table().cloned() else {
        return errors
            .push(format!("{}: mount: write [[mount]], with path = \"/demo\"", path.display()));
    };
    let Some(toml::Value::String(at)) = t.remove("path") else {
        return errors.push(format!(
            "{}: [[mount]]: path is missing, such as path = \"/demo\"",
            path.display()
        ));
    };
    let mut own = Values::new();
    read_sections(path, &t, &mut own, errors);
    for key in own.keys().filter(|k| !OF_A_MOUNT.iter().any(|of| k.starts_with(of))) {
        errors.push(format!(
            "{}: mount {at}: {key} is for the whole server; write it at the top",
            path.display()
        ));
    }
    lists.mounts.push((at.trim_end_matches('/').to_owned(), own));
}

fn read_quota(path: &Path, v: &toml::Value, lists: &mut Lists, errors: &mut Vec<String>) {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Row {
        principals: Vec<String>,
        calls: Option<u64>,
        catalog_calls: Option<u64>,
        concurrent_calls: Option<u64>,
        rows_per_hour: Option<u64>,
        bytes_per_hour: Option<u64>,
    }
    let row: Row = match v.clone().try_into() {
        Ok(r) => r,
        Err(e) => {
            return errors.push(format!(
                "{}: [[quota]]: {}",
                path.display(),
                without_values(e.message())
            ));
        }
    };
    let numbers = [row.calls, row.catalog_calls, row.concurrent_calls, row.rows_per_hour];
    if row.principals.is_empty() || numbers.iter().flatten().any(|n| *n == 0 || *n > 4_000_000_000)
    {
        return errors.push(format!(
            "{}: [[quota]]: principals must be named, and numbers be from 1 to 4000000000",
            path.display()
        ));
    }
    lists.quotas.push(Box::new(move |rest| QuotaRow {
        principals: row.principals,
        calls: row.calls.unwrap_or(rest.calls),
        catalog_calls: row.catalog_calls.unwrap_or(rest.catalog_calls),
        concurrent_calls: row.concurrent_calls.unwrap_or(rest.concurrent_calls),
        rows_per_hour: row.rows_per_hour.unwrap_or(rest.rows_per_hour),
        bytes_per_hour: row.bytes_per_hour.unwrap_or(rest.bytes_per_hour),
    }));
}

fn read_client(path: &Path, v: &toml::Value, lists: &mut Lists, errors: &mut Vec<String>) {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Row {
        id: String,
        name: String,
        redirect_uris: Vec<String>,
        secret: Option<String>,
        secret_file: Option<String>,
    }
    let row: Row = match v.clone().try_into() {
        Ok(r) => r,
        Err(e) => {
            return errors.push(format!(
                "{}: [[client]]: {}",
                path.display(),
                without_values(e.message())
            ));
        }
    };
    let at = format!("{}: client {}", path.display(), row.id);
    for u in &row.redirect_uris {
        if let Err(why) = crate::redirect_uri::check_configured(u) {
            errors.push(format!("{at}: {u}: {why}"));
        }
    }
    if row.redirect_uris.is_empty() {
        errors.push(format!("{at}: redirect_uris is empty"));
    }
    if row.id.starts_with("https://")
        || row.id.starts_with("dcr_")
        || lists.clients.iter().any(|c| c.id == row.id)
    {
        errors.push(format!("{at}: this id is another client's"));
    }
    let secret = match row.secret_file {
        Some(f) => secret_file(&f, &format!("{at}: secret_file"), errors),
        None => row.secret,
    };
    if secret.as_ref().is_some_and(|s| s.len() < 32) {
        errors.push(format!("{at}: its secret is shorter than 32 characters"));
    }
    lists.clients.push(Registered {
        id: row.id,
        name: row.name,
        redirect_uris: row.redirect_uris,
        secret,
    });
}

pub(super) fn read_file(
    path: &Path,
    values: &mut Values,
    lists: &mut Lists,
    errors: &mut Vec<String>,
) {
    let text = match std::fs::read_to_string(path) {
        Ok(t) => t,
        Err(e) => {
            // What stands in the wrong variable may be anything.
            let shown = shown_path(&path.display().to_string());
            let place = shown.strip_prefix(": ").unwrap_or("the configuration file");
            return errors.push(format!("{place}: cannot be read: {e}"));
        }
    };
    let mut table: toml::Table = match text.trim_start_matches('\u{feff}').parse() {
        Ok(t) => t,
        // Without the line itself: what stands in it may be a password without its quotes.
        Err(e) => {
            let before = &text[..e.span().map_or(0, |s| s.start.min(text.len()))];
            let line = before.matches('\n').count() + 1;
            return errors.push(format!("{}: line {line}: {}", path.display(), e.message()));
        }
    };
    type Read = fn(&Path, &toml::Value, &mut Lists, &mut Vec<String>);
    for (name, read) in
        [("mount", read_mount as Read), ("client", read_client), ("quota", read_quota)]
    {
        match table.remove(name) {
            Some(toml::Value::Array(all)) => all.iter().for_each(|v| read(path, v, lists, errors)),
            Some(_) => errors.push(format!("{}: write [[{name}]], not [{name}]", path.display())),
            None => {}
        }
    }
    read_sections(path, &table, values, errors);
}

fn read_sections(path: &Path, table: &toml::Table, values: &mut Values, errors: &mut Vec<String>) {
    for (section, v) in table {
        let Some(inner) = v.as_table() else {
            errors.push(format!("{}: {section}: unknown; {}", path.display(), nearest(section)));
            continue;
        };
        for (name, v) in inner {
            let key = format!("{section}.{name}");
            let (key, from_file) = match key.strip_suffix("_file") {
                Some(k) if SETTINGS.iter().any(|s| s.key == k && s.kind == Kind::Secret) => {
                    (k.to_owned(), true)
                }
                _ => (key, false),
            };
            let Some(s) = SETTINGS.iter().find(|s| s.key == key) else {
                errors.push(format!("{}: {key}: unknown key; {}", path.display(), nearest(&key)));
                continue;
            };
            let text = match v {
                toml::Value::String(t) => t.clone(),
                toml::Value::Integer(i) => i.to_string(),
                toml::Value::Float(f) => f.to_string(),
                toml::Value::Boolean(b) => b.to_string(),
                toml::Value::Array(a)
                    if s.kind == Kind::List && a.iter().all(toml::Value::is_str) =>
                {
                    a.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
                }
                _ => {
                    errors
                        .push(format!("{}: {key}: a plain value is expected here", path.display()));
                    continue;
                }
            };
            let text = if from_file {
                secret_file(&text, &format!("{}: {key}_file", path.display()), errors)
            } else {
                Some(text)
            };
            if let Some(t) = text {
                values.insert(s.key, (t, Source::File(path.to_owned())));
            }
        }
    }
}

/// A path, where it can only be one: what stands in the wrong variable may be the secret itself,
/// and is not repeated.
pub(super) fn shown_path(path: &str) -> String {
    let parent = Path::new(path).parent().filter(|p| !p.as_os_str().is_empty());
    match parent.is_some_and(Path::is_dir) && !path.contains("-----BEGIN") {
        true => format!(": {path}"),
        false => " (it names the path of a file, not what is in it)".to_owned(),
    }
}

/// Without a byte order mark and line ends, which editors add.
fn secret_file(path: &str, place: &str, errors: &mut Vec<String>) -> Option<String> {
    match std::fs::read_to_string(path) {
        Ok(t) => Some(t.trim_start_matches('\u{feff}').trim_end_matches(['\n', '\r']).to_owned()),
        Err(e) => {
            errors.push(format!("{place}: the file cannot be read: {e}{}", shown_path(path)));
            None
        }
    }
}

pub(super) fn read_env(
    env: &BTreeMap<String, String>,
    values: &mut Values,
    errors: &mut Vec<String>,
) {
    for s in SETTINGS {
        // The replaced service's names first, so that our own name wins where both are set.
        let own = s.own_env();
        for name in s.env.iter().copied().filter(|n| *n != own).chain([own.as_str()]) {
            // What OpenTelemetry's own variables hold and cannot be heeded is a warning
            // (`telemetry/environment.rs`), as its specification asks.
            let heeded = |v: &&String| match s.kind {
                Kind::Choice(of) if name.starts_with("OTEL_") => of.contains(&v.trim()),
                _ => true,
            };
            // A service of the namespace that is called mssql sets MSSQL_PORT.
            let ours = |v: &&String| !of_a_service(name, v);
            if let Some(v) = env.get(name).filter(heeded).filter(ours) {
                values.insert(s.key, (v.clone(), Source::Env(name.to_owned())));
            }
            if s.kind == Kind::Secret {
                let file = format!("{name}_FILE");
                if let Some(p) = env.get(&file)
                    && let Some(t) = secret_file(p, &file, errors)
                {
                    values.insert(s.key, (t, Source::Env(file)));
                }
            }
        }
    }
    if let Some(v) = env.get("READ_ONLY_MODE")
        && values.get("access.level").is_some_and(|v| !matches!(v.1, Source::Env(_)))
    {
        match parse_bool(v) {
            Some(on) => {
                let level = if on { "read-only" } else { "read-write" };
                values.insert("access.level", (level.into(), Source::Env("READ_ONLY_MODE".into())));
            }
            None => errors.push(format!("READ_ONLY_MODE: {} is neither yes nor no", quoted(v))),
        }
    }
    for gone in ["ALLOW_UNAUTH_METHODS", "ALLOW_UNAUTH_TOOLS_CALL"] {
        if env.get(gone).is_some_and(|v| parse_bool(v) != Some(false)) {
            errors.push(format!("{gone}: calls without a token are not possible here; remove it"));
        }
    }
}
