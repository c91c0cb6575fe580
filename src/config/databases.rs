//! `[[server]]`, `[[database]]` and `[[grant]]`: several databases behind one path, where each is,
//! and who is shown it.

use std::path::Path;
use std::sync::Arc;

use super::lists::Lists;
use super::load::lay;
use super::settings::{self, access, database};
use super::{Config, Source, Values, file};

/// Characters of a name, as SQL Server's own have at most.
const LONGEST: usize = 128;

/// A database as callers know it.
#[derive(Debug, Clone)]
pub(crate) struct ListedDatabase {
    /// What `database` in a call is; empty for the only one of a path.
    pub(crate) name: String,
    /// What is in it, for a model.
    pub(crate) description: String,
    /// Everything about it.
    pub(crate) config: Config,
}

/// `[[grant]]`: databases that some principals are shown; where there is any, nobody is shown
/// others.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DatabaseGrant {
    /// Names of principals: whole, or up to a `*` at the end.
    pub(crate) principals: Vec<String>,
    /// Names of databases, likewise.
    pub(crate) databases: Vec<String>,
}

/// `[[server]]`, as it is written.
pub(super) struct ServerRow {
    pub(super) name: String,
    databases: Vec<String>,
    pub(super) own: Values,
}

/// `[[database]]`, as it is written.
pub(super) struct DatabaseRow {
    pub(super) name: String,
    server: Option<String>,
    description: String,
    pub(super) own: Values,
}

/// A name, or all that begin with what stands before a `*`.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => {
            name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start))
        }
        None => pattern.eq_ignore_ascii_case(name),
    }
}

/// Sections that a server or a database may set for itself.
fn may_be_its_own(key: &str) -> bool {
    const LIMITS: [&str; 6] = [
        "limits.query_timeout",
        "limits.lock_timeout",
        "limits.max_rows",
        "limits.max_chars",
        "limits.max_cell",
        "limits.text",
    ];
    ["database.", "entra.", "pool."].iter().any(|section| key.starts_with(section))
        || LIMITS.contains(&key)
        || [access::LEVEL.name(), access::ALLOW.name(), settings::tools::SEARCH_ROWS.name()]
            .contains(&key)
}

/// A name that can stand in URIs, records and argument lists.
fn checked_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.chars().count() > LONGEST {
        return Err(format!("a name has at least one character, and at most {LONGEST}"));
    }
    if name.chars().any(|c| c.is_control() || "/*\"'`[];".contains(c)) || name.trim() != name {
        return Err("a name has no control characters, no blanks around it, and none of / * \" ' \
                    ` [ ] ;"
            .into());
    }
    Ok(())
}

/// The keys of `[database]` without their section, and other sections as tables.
fn own_values(path: &Path, of: &str, mut table: toml::Table, errors: &mut Vec<String>) -> Values {
    let mut sections = toml::Table::new();
    let mut flat = toml::Table::new();
    // The level alone is what most people set of it.
    if let Some(level @ toml::Value::String(_)) = table.get("access").cloned() {
        table.insert("access".into(), toml::Table::from_iter([("level".to_owned(), level)]).into());
    }
    for (key, value) in table {
        match value {
            toml::Value::Table(_) => drop(sections.insert(key, value)),
            _ => drop(flat.insert(key, value)),
        }
    }
    match sections.get_mut("database").and_then(toml::Value::as_table_mut) {
        Some(more) => more.extend(flat),
        None => drop(sections.insert("database".into(), flat.into())),
    }
    let (mut own, mut wrong) = (Values::new(), Vec::new());
    file::read_sections(path, &sections, &mut own, &mut wrong);
    let at = format!("{}: {of}: ", path.display());
    let plain = format!("{}: ", path.display());
    errors.extend(wrong.into_iter().map(|e| e.replacen(&plain, &at, 1)));
    for key in own.keys().filter(|k| !may_be_its_own(k)) {
        errors.push(format!("{at}{key} is for the whole server or a mount; write it there"));
    }
    own
}

fn text(table: &mut toml::Table, key: &str) -> Option<String> {
    match table.get(key) {
        Some(toml::Value::String(text)) => {
            let text = text.clone();
            table.remove(key);
            Some(text)
        }
        _ => None,
    }
}

/// A list of texts; what is none is an error.
pub(super) fn texts(
    table: &mut toml::Table,
    key: &str,
    at: &str,
    errors: &mut Vec<String>,
) -> Option<Vec<String>> {
    let list = table.remove(key)?;
    let all: Option<Vec<String>> = list
        .as_array()
        .map(|a| a.iter().map(|v| v.as_str().map(str::to_owned)).collect())
        .unwrap_or(None);
    if all.is_none() {
        errors.push(format!("{at}: {key}: a list of names is expected, such as [\"sales\"]"));
    }
    all
}

pub(super) fn read_server(
    path: &Path,
    v: &toml::Value,
    lists: &mut Lists,
    errors: &mut Vec<String>,
) {
    let Some(mut table) = v.as_table().cloned() else { return };
    let Some(name) = text(&mut table, "name") else {
        let what = "[[server]]: name is missing, such as name = \"east\"";
        return errors.push(format!("{}: {what}", path.display()));
    };
    let of = format!("server {name}");
    let at = format!("{}: {of}", path.display());
    if let Err(why) = checked_name(&name) {
        errors.push(format!("{at}: {why}"));
    }
    let databases = texts(&mut table, "databases", &at, errors).unwrap_or_default();
    let own = own_values(path, &of, table, errors);
    if [database::HOST.name(), database::CONNECTION.name()].iter().all(|k| !own.contains_key(k)) {
        errors.push(format!("{at}: host is missing"));
    }
    if lists.servers.iter().any(|s| s.name.eq_ignore_ascii_case(&name)) {
        errors.push(format!("{at}: there are two servers of this name"));
    }
    lists.servers.push(ServerRow { name, databases, own });
}

pub(super) fn read_database(
    path: &Path,
    v: &toml::Value,
    lists: &mut Lists,
    errors: &mut Vec<String>,
) {
    let Some(mut table) = v.as_table().cloned() else { return };
    let Some(name) = text(&mut table, "name") else {
        let what = "[[database]]: name is missing, such as name = \"sales\"";
        return errors.push(format!("{}: {what}", path.display()));
    };
    let of = format!("database {name}");
    let (server, on_server) = (text(&mut table, "server"), text(&mut table, "database"));
    let description = text(&mut table, "description").unwrap_or_default();
    for key in ["server", "database", "description"] {
        // What is none was left there.
        if table.remove(key).is_some() {
            errors.push(format!("{}: {of}: {key}: a text is expected", path.display()));
        }
    }
    if description.chars().count() > 300 {
        errors.push(format!(
            "{}: {of}: description has more than 300 characters; models read it with every list \
             of tools",
            path.display()
        ));
    }
    let mut own = own_values(path, &of, table, errors);
    let source = Source::File(path.to_owned());
    if let Some(on_server) = on_server {
        own.insert(database::NAME.name(), (on_server, source.clone()));
    }
    own.insert(database::LABEL.name(), (name.clone(), source));
    lists.databases.push(DatabaseRow { name, server, description, own });
}

pub(super) fn read_grant(
    path: &Path,
    v: &toml::Value,
    lists: &mut Lists,
    errors: &mut Vec<String>,
) {
    let at = format!("{}: [[grant]]", path.display());
    let Some(mut table) = v.as_table().cloned() else { return };
    let mut list = |key| texts(&mut table, key, &at, errors).unwrap_or_default();
    let (principals, databases) = (list("principals"), list("databases"));
    if principals.is_empty() || databases.is_empty() {
        errors.push(format!(
            "{at}: principals and databases must be named, such as principals = [\"ada\"], \
             databases = [\"sales\"]"
        ));
    }
    for key in table.keys() {
        errors.push(format!("{at}: {key}: unknown key; there are principals and databases"));
    }
    lists.grants.push(DatabaseGrant { principals, databases });
}

/// The databases of a file, each with all that holds for it: what is set at the top, over that what
/// its server sets, and over that its own.
pub(super) fn listed(
    main: &Config,
    servers: Vec<ServerRow>,
    rows: Vec<DatabaseRow>,
    errors: &mut Vec<String>,
) -> Vec<ListedDatabase> {
    let mut all: Vec<ListedDatabase> = Vec::new();
    let mut put = |mut one: ListedDatabase, errors: &mut Vec<String>| {
        one.config.is_listed = true;
        if let Err(why) = checked_name(&one.name) {
            errors.push(format!("database {}: {why}", super::quoted(&one.name)));
        }
        if all.iter().any(|d| d.name.eq_ignore_ascii_case(&one.name)) {
            errors.push(format!(
                "database {}: there are two of this name; names differ in more than case",
                one.name
            ));
        }
        all.push(one);
    };
    for row in rows {
        let server = match &row.server {
            None => Some(main.clone()),
            Some(name) => servers
                .iter()
                .find(|s| s.name.eq_ignore_ascii_case(name))
                .map(|s| main.over(s.own.clone())),
        };
        let Some(server) = server else {
            let names: Vec<&str> = servers.iter().map(|s| s.name.as_str()).collect();
            let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            errors.push(format!(
                "database {}: there is no [[server]] {}; there is {there}",
                row.name,
                super::quoted(row.server.as_deref().unwrap_or_default())
            ));
            continue;
        };
        let config = server.over(row.own);
        put(ListedDatabase { name: row.name, description: row.description, config }, errors);
    }
    for server in &servers {
        for name in &server.databases {
            let mut own = server.own.clone();
            let from = own.get(database::HOST.name()).map_or(Source::Default, |v| v.1.clone());
            own.insert(database::NAME.name(), (name.clone(), from.clone()));
            own.insert(database::LABEL.name(), (name.clone(), from));
            let config = main.over(own);
            put(ListedDatabase { name: name.clone(), description: String::new(), config }, errors);
        }
    }
    all
}

// === impl DatabaseRow ===

impl DatabaseRow {
    /// On its server it is called as it is here, where neither it nor its connection string says
    /// otherwise.
    pub(super) fn or_by_its_name(&mut self) {
        let key = database::NAME.name();
        if self.own.get(key).is_none_or(|v| v.0.is_empty()) {
            let source = self.own.get(database::LABEL.name()).map(|v| v.1.clone());
            let source = source.unwrap_or(Source::Default);
            self.own.insert(key, (self.name.clone(), source));
        }
    }
}

// === impl ListedDatabase ===

impl ListedDatabase {
    /// What must hold of its own values.
    pub(super) fn check(&self, errors: &mut Vec<String>) {
        let mut own = Vec::new();
        database::check(&self.config, &mut own);
        access::check(&self.config, &mut own);
        if self.config.get(database::HOST).is_empty() {
            own.push("it has no host: name a server, or set database.host (MSSQL_HOST)".into());
        }
        errors.extend(own.into_iter().map(|e| format!("database {}: {e}", self.name)));
    }
}

// === impl Config ===

impl Config {
    /// Every database behind a path: those that are listed, or the one that `[database]` names.
    pub(crate) fn databases(&self) -> Vec<ListedDatabase> {
        if self.databases.is_empty() {
            let (name, description) = (String::new(), String::new());
            return vec![ListedDatabase { name, description, config: self.clone() }];
        }
        self.databases.clone()
    }

    /// What they are called, for people.
    pub(crate) fn labels(&self) -> String {
        let label = |d: ListedDatabase| match d.name.is_empty() {
            true => d.config.get(database::LABEL).to_owned(),
            false => d.name,
        };
        self.databases().into_iter().map(label).collect::<Vec<_>>().join(", ")
    }

    /// The most that a call behind this path may do: in a database of its own SQL, or by a tool of
    /// the operator's, which has an access of its own.
    pub(crate) fn highest_access(&self) -> access::Access {
        let file = self.get(settings::tools::FILE);
        let file = if file.is_empty() { None } else { std::fs::read_to_string(file).ok() };
        let of_tools = [Some(self.own_tools.clone()), file]
            .into_iter()
            .flatten()
            .filter_map(|text| text.parse::<toml::Table>().ok())
            .filter_map(|table| table.get("tool")?.as_array().cloned())
            .flatten()
            .filter_map(|tool| Some(access::Access::parse(tool.get("access")?.as_str()?)));
        let of_databases = self.databases().into_iter().map(|d| d.config.get(access::LEVEL));
        of_databases.chain(of_tools).max().unwrap_or_default()
    }

    /// The names of all databases, of whatever path.
    pub(super) fn all_names(&self) -> Vec<String> {
        let mut all: Vec<String> = self.databases.iter().map(|d| d.name.clone()).collect();
        for (_, mount) in self.served() {
            for one in mount.databases() {
                let (name, label) =
                    (one.config.get(database::NAME), one.config.get(database::LABEL));
                all.extend([one.name.clone(), name.to_owned(), label.to_owned()]);
            }
        }
        all.retain(|n| !n.is_empty());
        all.sort();
        all.dedup();
        all
    }

    /// Whether some path has a database of this name.
    pub(crate) fn knows_database(&self, name: &str) -> bool {
        self.known.iter().any(|n| n.eq_ignore_ascii_case(name))
    }

    /// Whether it is one of several databases, whose callers name the one that they want.
    pub(crate) fn is_listed(&self) -> bool {
        self.is_listed
    }

    /// Whether every setting has the same value.
    pub(crate) fn same_values(&self, other: &Self) -> bool {
        self.values.iter().map(|(k, v)| (k, &v.0)).eq(other.values.iter().map(|(k, v)| (k, &v.0)))
    }

    /// `[[tool]]`, as TOML.
    pub(crate) fn own_tools(&self) -> &str {
        &self.own_tools
    }

    /// Who is shown which database; empty where everybody is shown all.
    pub(crate) fn grants(&self) -> &[DatabaseGrant] {
        &self.grants
    }

    /// Other values over ours.
    pub(super) fn over(&self, own: Values) -> Self {
        let mut values = self.values.clone();
        let mut usual = |keys: &[&'static str]| {
            for key in keys {
                let text = settings::find(key).map_or("", |s| s.default);
                values.insert(key, (text.to_owned(), Source::Default));
            }
        };
        // A server of its own has an address of its own, and another login another password: those
        // of another are none of them.
        if own.contains_key(database::HOST.name()) {
            usual(&[database::PORT.name(), database::INSTANCE.name()]);
        }
        if own.contains_key(database::USER.name()) {
            usual(&[database::PASSWORD.name()]);
        }
        lay(&mut values, own);
        Self {
            values,
            mounts: Vec::new(),
            databases: Vec::new(),
            grants: Vec::new(),
            is_listed: false,
            own_tools: String::new(),
            known: Arc::default(),
            clients: Vec::new(),
            quotas: Vec::new(),
            warnings: Vec::new(),
            notes: Vec::new(),
        }
    }
}
