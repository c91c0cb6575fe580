//! The TOML file, and where a secret is that is not in it: a file, or the key store.

use std::path::Path;

use mssql_mcp_client_setup::IN_KEY_STORE;

use super::databases;
use super::lists::{self, Lists};
use super::setting::{Setting, ValueKind};
use super::settings::database;
use super::{Source, Values, settings};
use crate::key_store::{self, MayAsk, SecretName};

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
    read_text(path, &text, values, lists, errors);
}

/// The text of such a file.
pub(super) fn read_text(
    path: &Path,
    text: &str,
    values: &mut Values,
    lists: &mut Lists,
    errors: &mut Vec<String>,
) {
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
    for (name, read) in [
        ("mount", lists::read_mount as Read),
        ("client", lists::read_client),
        ("quota", lists::read_quota),
        ("grant", databases::read_grant),
        ("server", databases::read_server),
        ("database", databases::read_database),
    ] {
        match table.remove(name) {
            Some(toml::Value::Array(all)) => all.iter().for_each(|v| read(path, v, lists, errors)),
            // These are sections, too.
            Some(section @ toml::Value::Table(_)) if settings::is_section(name) => {
                table.insert(name.to_owned(), section);
            }
            Some(_) => errors.push(format!("{}: write [[{name}]], not [{name}]", path.display())),
            None => {}
        }
    }
    for name in ["mount", "client", "quota", "grant", "server", "database", "tool"] {
        let plural = format!("{name}s");
        // A section may be called so, and then it is none of these lists.
        if table.get(&plural).is_some_and(toml::Value::is_array) {
            table.remove(&plural);
            errors.push(format!("{}: write [[{name}]], not [[{plural}]]", path.display()));
        }
    }
    match table.remove("tool") {
        Some(toml::Value::Array(tools)) => lists.tools.extend(tools),
        Some(_) => errors.push(format!("{}: write [[tool]], not [tool]", path.display())),
        None => {}
    }
    read_sections(path, &table, values, errors);
}

pub(super) fn read_sections(
    path: &Path,
    table: &toml::Table,
    values: &mut Values,
    errors: &mut Vec<String>,
) {
    for (section, v) in table {
        let Some(inner) = v.as_table() else {
            errors.push(format!(
                "{}: {section}: unknown; {}",
                path.display(),
                settings::nearest(section)
            ));
            continue;
        };
        for (name, v) in inner {
            let key = format!("{section}.{name}");
            let (key, from_file) = match key.strip_suffix("_file") {
                Some(k) if settings::find(k).is_some_and(|s| s.kind == ValueKind::Secret) => {
                    (k.to_owned(), true)
                }
                _ => (key, false),
            };
            let Some(s) = settings::find(&key) else {
                errors.push(format!(
                    "{}: {key}: unknown key; {}",
                    path.display(),
                    settings::nearest(&key)
                ));
                continue;
            };
            let text = match v {
                toml::Value::String(t) => t.clone(),
                toml::Value::Integer(i) => i.to_string(),
                toml::Value::Float(f) => f.to_string(),
                toml::Value::Boolean(b) => b.to_string(),
                toml::Value::Array(a)
                    if s.kind == ValueKind::List && a.iter().all(toml::Value::is_str) =>
                {
                    a.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
                }
                _ => {
                    errors
                        .push(format!("{}: {key}: a plain value is expected here", path.display()));
                    continue;
                }
            };
            let (text, source) = if from_file {
                let place = format!("{}: {key}_file", path.display());
                let source = Source::SecretFile(path.to_owned(), text.clone().into());
                (read_secret(&text, &place, errors), source)
            } else {
                (Some(text), Source::File(path.to_owned()))
            };
            let value = text.map(|t| (t, source));
            // The contents of a file are taken as they are.
            let value = match s.kind {
                ValueKind::Secret if !from_file => {
                    value.and_then(|(t, from)| from_key_store(s, t, from, errors))
                }
                _ => value,
            };
            if let Some(value) = value {
                values.insert(s.key, value);
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

/// A secret as it is, or the one that `keyring:NAME` names, now: a reload reads it anew.
pub(super) fn from_key_store(
    s: &Setting,
    text: String,
    source: Source,
    errors: &mut Vec<String>,
) -> Option<(String, Source)> {
    let place = super::place(s.key, &source);
    let name = match SecretName::in_setting(&text) {
        None => return Some((text, source)),
        // It may be a secret that only begins so.
        Some(Err(why)) => {
            errors.push(format!(
                "{place}: behind {IN_KEY_STORE} is no name ({why}); a secret that begins so can be \
                 in a file alone"
            ));
            return None;
        }
        Some(Ok(name)) => name,
    };
    // Nobody may be there to be asked.
    match key_store::read(&name, MayAsk::No) {
        Ok(secret) => Some((secret, Source::KeyStore(name, Box::new(source)))),
        Err(e) => {
            let variable = s.env.first().map_or_else(|| s.own_env(), |n| (*n).to_owned());
            errors.push(format!("{place}: {}", e.with_mend(&name, &variable)));
            // It is set, and nothing may say besides that it is missing; a string cannot be taken
            // apart.
            (s.key != database::CONNECTION.name()).then_some((text, source))
        }
    }
}

/// Without a byte order mark and line ends, which editors add.
pub(super) fn read_secret(path: &str, place: &str, errors: &mut Vec<String>) -> Option<String> {
    match std::fs::read_to_string(path) {
        Ok(t) => Some(t.trim_start_matches('\u{feff}').trim_end_matches(['\n', '\r']).to_owned()),
        Err(e) => {
            errors.push(format!("{place}: the file cannot be read: {e}{}", shown_path(path)));
            None
        }
    }
}
