//! The arrays of tables of a file: `[[mount]]`, `[[client]]` and `[[quota]]`; those of databases
//! are in [`databases`](super::databases).

use std::path::Path;

use super::databases::{DatabaseGrant, DatabaseRow, ServerRow, texts};
use super::settings::limits;
use super::{Config, Values, file, settings};

/// `[[quota]]`: other numbers for some principals.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QuotaRow {
    /// Names of principals: whole, or up to a `*` at the end.
    pub(crate) principals: Vec<String>,
    /// `limits.calls`, in a minute.
    pub(crate) calls: u64,
    /// `limits.catalog_calls`, in a minute.
    pub(crate) catalog_calls: u64,
    pub(crate) concurrent_calls: u64,
    pub(crate) rows_per_hour: u64,
    pub(crate) bytes_per_hour: u64,
}

impl QuotaRow {
    /// The numbers for everybody.
    pub(crate) fn of(c: &Config) -> Self {
        Self {
            principals: Vec::new(),
            calls: c.get(limits::CALLS),
            catalog_calls: c.get(limits::CATALOG_CALLS),
            concurrent_calls: c.get(limits::CONCURRENT_CALLS),
            rows_per_hour: c.get(limits::ROWS_PER_HOUR),
            bytes_per_hour: c.get(limits::BYTES_PER_HOUR),
        }
    }
}

/// `[[client]]`: a client that the operator registered.
#[derive(Clone, PartialEq)]
pub(crate) struct Registered {
    pub(crate) id: String,
    /// What people are shown.
    pub(crate) name: String,
    /// Where codes may go: any that the operator wrote, a private scheme too.
    pub(crate) redirect_uris: Vec<String>,
    /// At least 32 characters; none for a public client.
    pub(crate) secret: Option<String>,
}

/// `[[mount]]`, as it is written.
pub(super) struct MountRow {
    pub(super) path: String,
    /// The databases that it shows, by their names or up to a `*`; none where it has its own.
    pub(super) databases: Option<Vec<String>>,
    pub(super) own: Values,
}

/// The arrays of tables in a file.
#[derive(Default)]
pub(super) struct Lists {
    pub(crate) mounts: Vec<MountRow>,
    pub(super) servers: Vec<ServerRow>,
    pub(super) databases: Vec<DatabaseRow>,
    pub(super) grants: Vec<DatabaseGrant>,
    /// `[[tool]]`, which are read later, each by itself: one that is wrong stops nothing.
    pub(super) tools: Vec<toml::Value>,
    /// Those of a subcommand, which the main database has no part in.
    pub(super) tools_beside: Vec<toml::Value>,
    pub(crate) clients: Vec<Registered>,
    pub(crate) quotas: Vec<Fill>,
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

pub(super) fn read_mount(
    path: &Path,
    v: &toml::Value,
    lists: &mut Lists,
    errors: &mut Vec<String>,
) {
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
    let place = format!("{}: mount {at}", path.display());
    let databases = texts(&mut t, "databases", &place, errors);
    let mut own = Values::new();
    file::read_sections(path, &t, &mut own, errors);
    if databases.is_some()
        && let Some(key) = own.keys().find(|k| k.starts_with("database."))
    {
        errors.push(format!(
            "{place}: it has databases, and {key} of its own: remove one, or write that into the \
             [[database]]"
        ));
    }
    for key in own.keys().filter(|k| !settings::may_be_a_mounts(k)) {
        errors.push(format!(
            "{}: mount {at}: {key} is for the whole server; write it at the top",
            path.display()
        ));
    }
    let path = at.trim_end_matches('/').to_owned();
    lists.mounts.push(MountRow { path, databases, own });
}

pub(super) fn read_quota(
    path: &Path,
    v: &toml::Value,
    lists: &mut Lists,
    errors: &mut Vec<String>,
) {
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

pub(super) fn read_client(
    path: &Path,
    v: &toml::Value,
    lists: &mut Lists,
    errors: &mut Vec<String>,
) {
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
        Some(f) => file::read_secret(&f, &format!("{at}: secret_file"), errors),
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
