//! The databases of a sandbox: what each keeps, which of them a session may enter, and USE.
//!
//! SQLite keeps each user database in memory under a name of its own. Every session's connection
//! has the sample as its main database and attaches the others when a statement names them, so that
//! one query reads several.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::ddl::position;
use super::session::Engine;
use crate::catalog::views::DatabaseFacts;
use crate::catalog::{Catalog, Object, ObjectKind};
use crate::error::Result;
use crate::functions::Calls;
use crate::messages;
use crate::names::{DATABASE, Name, SERVER, SYSTEM_DATABASES};
use crate::tds::out::Out;
use crate::tds::token;

/// How many databases SQLite attaches to a connection (sqlite.org, "Limits In SQLite").
const MOST_ATTACHED: usize = 10;

/// The place of the sample among the databases.
pub(crate) const SAMPLE: usize = SYSTEM_DATABASES.len();

/// What all sessions of a sandbox share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The value of @@SERVERNAME.
    pub(crate) server_name: String,
    /// In the order of their ids, from 1.
    databases: Vec<Database>,
    /// The user databases take no changes.
    read_only: AtomicBool,
    /// The calls that bound statements name by number.
    pub(crate) calls: Arc<Calls>,
    /// Last identity values by their keys; as on the server, a rollback does not give them back.
    identities: Mutex<HashMap<i64, i64>>,
}

/// A database, which sessions see through its catalog.
#[derive(Debug)]
struct Database {
    name: String,
    /// What SQLite calls it; empty for one of the server's own, which the sandbox keeps nothing of.
    place: String,
    /// Of what SQLite keeps in memory.
    uri: String,
    /// As it was committed last.
    catalog: RwLock<Arc<Catalog>>,
}

impl Shared {
    /// With the sample's database, which is still empty.
    #[cfg(test)]
    pub(crate) fn new(uri: &str) -> Self {
        Self::assemble(uri, SERVER, &[])
    }

    /// With further databases, all of them empty; why not, where there cannot be so many or two
    /// have one name.
    pub(crate) fn with(uri: &str, server_name: &str, further: &[String]) -> Result<Self, String> {
        if further.len() > MOST_ATTACHED {
            return Err(format!("a sandbox has {MOST_ATTACHED} further databases at most"));
        }
        let taken = |at: usize, name: &str| {
            let before = SYSTEM_DATABASES.iter().copied().chain([DATABASE]);
            let mut before = before.chain(further[..at].iter().map(String::as_str));
            name.is_empty() || before.any(|b| b.eq_ignore_ascii_case(name))
        };
        if let Some((_, name)) = further.iter().enumerate().find(|(at, n)| taken(*at, n)) {
            return Err(format!("a second database named {name:?}, or one without a name"));
        }
        Ok(Self::assemble(uri, server_name, further))
    }

    fn assemble(uri: &str, server_name: &str, further: &[String]) -> Self {
        let mut databases: Vec<Database> = Vec::new();
        let mut add = |name: &str, place: String| {
            let id = databases.len() as i64 + 1;
            databases.push(Database {
                name: name.to_owned(),
                uri: format!("file:{uri}-{place}?vfs=memdb"),
                catalog: RwLock::new(Arc::new(Catalog::new(name, id, &place))),
                place,
            });
        };
        SYSTEM_DATABASES.iter().for_each(|name| add(name, String::new()));
        add(DATABASE, "main".to_owned());
        further.iter().enumerate().for_each(|(n, name)| add(name, format!("d{n}")));
        Self {
            server_name: if server_name.is_empty() { SERVER } else { server_name }.to_owned(),
            databases,
            read_only: AtomicBool::new(false),
            calls: Arc::default(),
            identities: Mutex::default(),
        }
    }

    /// Those that SQLite keeps: what it calls them, and their URIs; the main one first.
    pub(super) fn kept(&self) -> impl Iterator<Item = (&str, &str)> {
        let kept = self.databases.iter().filter(|d| !d.place.is_empty());
        kept.map(|d| (d.place.as_str(), d.uri.as_str()))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.databases.iter().map(|d| d.name.as_str())
    }

    /// Says whether the user databases take changes; the scripts of the start have run by then.
    pub(crate) fn set_read_only(&self, read_only: bool) {
        self.read_only.store(read_only, Ordering::Relaxed);
    }

    /// Whether a database takes no changes: none of the server's own is such a one.
    pub(super) fn is_read_only(&self, position: usize) -> bool {
        position >= SAMPLE && self.read_only.load(Ordering::Relaxed)
    }

    /// The place of a database among the others.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.names().position(|n| n.eq_ignore_ascii_case(name))
    }

    /// The name of a database as it spells itself.
    pub(crate) fn name(&self, position: usize) -> &str {
        self.databases.get(position).map_or("", |d| d.name.as_str())
    }

    /// The committed catalog of a database. Poison means nothing here, as values are replaced whole.
    pub(crate) fn committed(&self, position: usize) -> Arc<Catalog> {
        let catalog = &self.databases[position].catalog;
        catalog.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn all_committed(&self) -> Vec<Arc<Catalog>> {
        (0..self.databases.len()).map(|i| self.committed(i)).collect()
    }

    pub(crate) fn publish(&self, position: usize, catalog: Arc<Catalog>) {
        let place = &self.databases[position].catalog;
        *place.write().unwrap_or_else(PoisonError::into_inner) = catalog;
    }

    pub(crate) fn identities(&self) -> MutexGuard<'_, HashMap<i64, i64>> {
        self.identities.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The databases that a login may enter.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Access {
    #[default]
    All,
    /// By their names, beside those where every login is a guest.
    Some(Vec<String>),
}

/// Where every login is a guest ("guest user"): model is not among them.
const OF_GUESTS: [&str; 3] = ["master", "tempdb", "msdb"];

impl Access {
    pub(crate) fn allows(&self, database: &str) -> bool {
        let is_it = |name: &str| name.eq_ignore_ascii_case(database);
        if SYSTEM_DATABASES.into_iter().any(is_it) {
            return OF_GUESTS.into_iter().any(is_it);
        }
        match self {
            Self::All => true,
            Self::Some(names) => names.iter().any(|n| is_it(n)),
        }
    }
}

impl Engine {
    /// The catalog of the database that the session is in.
    pub(super) fn catalog(&self) -> &Arc<Catalog> {
        &self.catalogs[self.database]
    }

    /// The place of a database that a name means; nothing where there is none, 916 where the login
    /// may not enter it.
    pub(super) fn entered(&self, database: &str) -> Result<Option<usize>> {
        let Some(position) = self.shared.position(database) else { return Ok(None) };
        let own = self.shared.name(position);
        if position != self.database && !self.login.access.allows(own) {
            return Err(messages::database_not_accessible(&self.login.user, own));
        }
        Ok(Some(position))
    }

    /// The catalog in which a name is looked up; nothing for a database that is not there.
    pub(super) fn catalog_of(&self, name: &Name) -> Result<Option<&Arc<Catalog>>> {
        Ok(match name.database() {
            None => Some(self.catalog()),
            Some(database) => self.entered(database)?.map(|i| &self.catalogs[i]),
        })
    }

    /// An object by its name, or what the synonym of that name stands for, with its catalog.
    pub(super) fn found(&self, name: &Name) -> Result<Option<(Arc<Catalog>, Arc<Object>)>> {
        let find = |name: &Name| -> Result<Option<(Arc<Catalog>, Arc<Object>)>> {
            let Some(catalog) = self.catalog_of(name)? else { return Ok(None) };
            Ok(catalog.find(name).map(|o| (catalog.clone(), o.clone())))
        };
        let found = find(name)?;
        let Some((catalog, object)) = &found else { return Ok(None) };
        let ObjectKind::Synonym(base) = &object.kind else { return Ok(found) };
        let base = find(&base.in_database(&catalog.database))?;
        match &base {
            Some((_, o)) if matches!(o.kind, ObjectKind::Synonym(_)) => {
                Err(messages::synonym_of_a_synonym(&object.name, &o.name))
            }
            Some(_) => Ok(base),
            None => Err(messages::synonym_of_nothing(&object.name)),
        }
    }

    /// USE: what the client is told is how the database spells itself.
    pub(super) fn use_database(&mut self, name: &str, line: u32, out: &mut Out) -> Result<()> {
        let position = self.entered(name)?.ok_or_else(|| messages::no_such_database(name))?;
        let old = std::mem::replace(&mut self.database, position);
        let (old, new) = (self.shared.name(old), self.shared.name(position));
        out.write(|b| {
            token::env_text(1, new, old, b);
            let text = format!("Changed database context to '{new}'.");
            token::info(5701, 0, 2, line, &text, b);
        })
    }

    /// What USE within a dynamic text changed ends with it, of which a client is told too.
    pub(super) fn return_to_database(&mut self, position: usize, out: &mut Out) {
        let old = std::mem::replace(&mut self.database, position);
        if old != position {
            let (old, new) = (self.shared.name(old), self.shared.name(position));
            let _ = out.write(|b| token::env_text(1, new, old, b));
        }
    }

    pub(super) fn database_facts(&self) -> Vec<DatabaseFacts> {
        let facts = |(n, name): (usize, &str)| DatabaseFacts {
            id: n as i64 + 1,
            name: name.to_owned(),
            read_only: self.shared.is_read_only(n),
        };
        self.shared.names().enumerate().map(facts).collect()
    }

    /// 3906, where a database takes no changes.
    pub(super) fn check_writable(&self, catalog: &Catalog) -> Result<()> {
        if self.shared.is_read_only(position(catalog)) {
            return Err(messages::database_is_read_only(&catalog.database));
        }
        Ok(())
    }

    /// 262, where nothing may be made: in a database of the server's own; 3906, where it takes no
    /// changes.
    pub(super) fn check_may_create(&self, catalog: &Catalog, statement: &str) -> Result<()> {
        if catalog.place.is_empty() {
            return Err(messages::permission_denied(statement, &catalog.database));
        }
        self.check_writable(catalog)
    }
}
