//! The environment, with the names of the replaced service.

use std::collections::BTreeMap;

use super::file::{from_key_store, read_secret};
use super::repeated::quoted;
use super::setting::{ValueKind, parse_bool};
use super::settings::access;
use super::strays::of_a_service;
use super::{Source, Values, settings};

/// The variables of this process, without those of bundles (MCPB) whose field nobody filled in: hosts
/// hand those over as they stand in the manifest.
pub(crate) fn of_process() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
        .filter(|(_, v)| !v.starts_with("${user_config."))
        .collect()
}

/// What some clients fill in, and others hand over as it is.
fn is_unfilled(v: &str) -> bool {
    ["${env:", "${input:"].iter().any(|form| v.starts_with(form)) && v.ends_with('}')
}

pub(super) fn read_env(
    env: &BTreeMap<String, String>,
    values: &mut Values,
    errors: &mut Vec<String>,
) {
    for s in settings::all() {
        // The replaced service's names first, so that our own name wins where both are set.
        let own = s.own_env();
        for name in s.env.iter().copied().filter(|n| *n != own).chain([own.as_str()]) {
            // What OpenTelemetry's own variables hold and cannot be heeded is a warning
            // (`telemetry/environment.rs`), as its specification asks.
            let heeded = |v: &&String| match s.kind {
                ValueKind::Choice(of, _) if name.starts_with("OTEL_") => of.contains(&v.trim()),
                _ => true,
            };
            // A service of the namespace that is called mssql sets MSSQL_PORT.
            let ours = |v: &&String| !of_a_service(name, v);
            if let Some(v) = env.get(name).filter(heeded).filter(ours) {
                if is_unfilled(v) {
                    let mend = match s.kind {
                        ValueKind::Secret => format!("set {name}_FILE to the path of a file"),
                        _ => "write the value".to_owned(),
                    };
                    errors.push(format!(
                        "{name}: {v} was not filled in: this client does not know that form, or has \
                         no such input; {mend}"
                    ));
                    continue;
                }
                let source = Source::Env(name.to_owned());
                let value = match s.kind {
                    ValueKind::Secret => from_key_store(s, v.clone(), source, errors),
                    _ => Some((v.clone(), source)),
                };
                values.extend(value.map(|value| (s.key, value)));
            }
            if s.kind == ValueKind::Secret {
                let file = format!("{name}_FILE");
                if let Some(p) = env.get(&file)
                    && let Some(t) = read_secret(p, &file, errors)
                {
                    values.insert(s.key, (t, Source::Env(file)));
                }
            }
        }
    }
    if let Some(v) = env.get("READ_ONLY_MODE")
        && !values.contains_key(access::LEVEL.name())
    {
        match parse_bool(v) {
            Some(on) => {
                let level = if on { "read-only" } else { "read-write" };
                values.insert(
                    access::LEVEL.name(),
                    (level.into(), Source::Env("READ_ONLY_MODE".into())),
                );
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
