//! The databases behind one path, as callers know them: which there are, which of them a caller is
//! shown, and which one a call is for.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::config::settings::access::Access;
use crate::config::settings::{self, limits};
use crate::config::{Config, DatabaseGrant, ListedDatabase, matches};
use crate::database::objects::Column;
use crate::database::rows::Bounds;
use crate::database::{Database, Identity};
use crate::knowledge::Knowledge;
use crate::principal::Principal;

/// So many names are a choice in a tool's schema; of more, a list is asked for.
pub(crate) const CHOICE: usize = 20;
/// Names that an error repeats.
const TOLD: usize = 20;

/// A database as callers know it.
#[derive(Debug, Clone)]
pub struct DataSource {
    /// What `database` in a call is, and what stands in URIs.
    pub(crate) name: String,
    /// What is in it; empty where nobody said.
    pub(crate) description: String,
    pub(crate) database: Database,
    /// What a call may do there.
    access: Access,
    /// The most that one answer holds.
    pub(crate) bounds: Bounds,
    /// A call's deadline.
    pub(crate) timeout: Duration,
    /// Text columns whose rows `search` looks through.
    pub(crate) rows_of: Arc<[Column]>,
}

/// Databases, in the order of the configuration. Clones share them.
#[derive(Debug, Clone)]
pub struct DataSources {
    all: Arc<[Arc<DataSource>]>,
}

/// Why a call is for no database.
#[derive(Debug, PartialEq)]
pub(crate) enum NoSource {
    /// There are several, and it names none.
    Missing,
    /// It names one that its caller is not shown, or that there is not.
    Unknown,
}

/// Text columns whose rows are searched, as `schema.table.column`.
pub fn columns(config: &Config) -> Vec<Column> {
    config.get(settings::tools::SEARCH_ROWS).iter().filter_map(|c| column(c)).collect()
}

fn column(text: &str) -> Option<Column> {
    let parts = mssql_mcp_sql::quote::split(text)?;
    let [schema, table, column] = parts.as_slice() else { return None };
    let quoted = |n: &str| mssql_mcp_sql::quote::identifier(n);
    Some(Column { table: format!("{}.{}", quoted(schema), quoted(table)), column: column.clone() })
}

/// Places of the databases that somebody is shown: all of them where nobody is granted any, and to
/// the person at this machine.
pub(crate) fn granted(
    sources: &DataSources,
    grants: &[DatabaseGrant],
    who: Option<&Principal>,
) -> Vec<usize> {
    let everything = grants.is_empty() || who.is_some_and(Principal::is_local);
    let subject = who.map_or("", |p| p.subject.as_str());
    let is_of = |g: &&DatabaseGrant| {
        g.principals
            .iter()
            .any(|p| p.strip_suffix('*').map_or(p == subject, |start| subject.starts_with(start)))
    };
    let shown = |source: &DataSource| {
        everything
            || grants
                .iter()
                .filter(is_of)
                .any(|g| g.databases.iter().any(|d| source.is_called(|name| matches(d, name))))
    };
    (0..sources.all.len()).filter(|n| shown(&sources.all[*n])).collect()
}

// === impl DataSource ===

impl DataSource {
    /// One that the configuration describes, behind this pool.
    pub(crate) fn new(of: &ListedDatabase, database: Database) -> Self {
        let config = &of.config;
        database.know(Knowledge::read(config.get(settings::database::KNOWLEDGE)));
        let s = database.settings();
        let unlisted = [&s.database, &s.label].into_iter().find(|n| !n.is_empty());
        let name = if of.name.is_empty() {
            unlisted.map_or_else(|| "default".to_owned(), String::clone)
        } else {
            of.name.clone()
        };
        Self {
            name,
            description: of.description.clone(),
            bounds: Bounds {
                max_rows: config.get(limits::MAX_ROWS),
                max_chars: config.get(limits::MAX_CHARS) as usize,
                max_cell: config.get(limits::MAX_CELL) as usize,
                csv: config.get(limits::TEXT) == limits::RowsText::Csv,
            },
            timeout: config.get(limits::QUERY_TIMEOUT),
            rows_of: columns(config).into(),
            access: database.settings().policy.access,
            database,
        }
    }

    /// What records and metrics call it.
    pub(crate) fn label(&self) -> &str {
        &self.database.settings().label
    }

    /// The same, for a call that may do this much.
    pub(crate) fn with_access(&self, access: Access) -> Self {
        Self { access, ..self.clone() }
    }

    fn is_called(&self, fits: impl Fn(&str) -> bool) -> bool {
        fits(&self.name) || fits(self.label())
    }

    /// Where an answer is from: what the session said of itself, where one was asked.
    pub(crate) fn told(&self, seen: Option<&Identity>) -> Value {
        let s = self.database.settings();
        let mut told = json!({ "label": self.label() });
        let database = seen.map_or(s.database.as_str(), |i| &i.database);
        if !database.is_empty() {
            told["database"] = database.into();
        }
        told["access"] = self.access.as_str().into();
        if let Some((server, login)) =
            seen.and_then(|i| i.who.as_ref()).filter(|_| self.database.is_frank())
        {
            told["server"] = server.as_str().into();
            told["login"] = login.as_str().into();
        }
        told
    }

    /// The same, in a line.
    pub(crate) fn line(&self, seen: Option<&Identity>) -> String {
        let told = self.told(seen);
        let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
        let mut line = text("label");
        if !told["database"].is_null() && told["database"] != told["label"] {
            line += &format!(" ({})", text("database"));
        }
        if !told["server"].is_null() {
            line += &format!(" @ {} as {}", text("server"), text("login"));
        }
        format!("{line}, {}", text("access"))
    }
}

// === impl DataSources ===

impl DataSources {
    /// In this order.
    pub(crate) fn new(all: Vec<DataSource>) -> Self {
        Self { all: all.into_iter().map(Arc::new).collect() }
    }

    /// The only one.
    pub fn one(database: Database, bounds: Bounds) -> Self {
        let s = database.settings();
        let name = if s.database.is_empty() { s.label.clone() } else { s.database.clone() };
        let (description, timeout) = (String::new(), Duration::from_secs(45));
        let (rows_of, access) = (Arc::new([]), s.policy.access);
        Self::new(vec![DataSource {
            name,
            description,
            database,
            access,
            bounds,
            timeout,
            rows_of,
        }])
    }

    /// The same, as a caller sees them who is logged in as themselves.
    pub(crate) fn for_caller(&self, who: Option<&Principal>) -> Self {
        let own = |s: &Arc<DataSource>| match s.database.is_personal() {
            true => Arc::new(DataSource { database: s.database.for_caller(who), ..(**s).clone() }),
            false => s.clone(),
        };
        Self { all: self.all.iter().map(own).collect() }
    }

    /// Whether some are those of each caller alone.
    pub(crate) fn are_personal(&self) -> bool {
        self.all.iter().any(|s| s.database.is_personal())
    }

    /// Whether these are handles of the same pools, in the same order.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.all.len() == other.all.len()
            && self.all.iter().zip(&*other.all).all(|(a, b)| a.database.same(&b.database))
    }

    /// Some of them, by their places.
    pub(crate) fn some(&self, places: &[usize]) -> Self {
        let all = places.iter().filter_map(|n| self.all.get(*n)).cloned().collect();
        Self { all }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether a call has to name one.
    pub(crate) fn several(&self) -> bool {
        self.all.len() > 1
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<DataSource>> {
        self.all.iter()
    }

    /// The one at a place.
    pub(crate) fn at(&self, place: usize) -> Option<&Arc<DataSource>> {
        self.all.get(place)
    }

    /// The first.
    pub(crate) fn first(&self) -> Option<&Arc<DataSource>> {
        self.all.first()
    }

    /// The names of all.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.all.iter().map(|s| s.name.as_str()).collect()
    }

    /// The one of this name, in any case; without a name, the only one.
    pub(crate) fn named(&self, name: Option<&str>) -> Result<&Arc<DataSource>, NoSource> {
        match name {
            None if self.several() => Err(NoSource::Missing),
            None => self.first().ok_or(NoSource::Unknown),
            Some(name) => {
                let is = |known: &str| known.eq_ignore_ascii_case(name);
                let by_name = self.all.iter().find(|s| is(&s.name));
                let found = by_name.or_else(|| self.all.iter().find(|s| s.is_called(is)));
                found.ok_or(NoSource::Unknown)
            }
        }
    }

    /// The names of those that there are, for an error.
    pub(crate) fn known(&self) -> String {
        let names = self.names();
        match names.len() {
            n if n > TOLD => {
                format!(
                    "{} and {} more, which list_tables without a database lists",
                    names[..TOLD].join(", "),
                    n - TOLD
                )
            }
            _ => names.join(", "),
        }
    }
}
