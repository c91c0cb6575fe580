//! SQLite below the session: how it is opened and waited for, how values come out of it, and which
//! of SQL Server's errors its failures are.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::change::{Target, Verb};
use super::databases::Shared;
use super::session::Engine;
use crate::bind::Binder;
use crate::catalog::TableDef;
use crate::convert;
use crate::error::{Error, Result};
use crate::functions::register;
use crate::messages;
use crate::syntax::ast::Expr;
use crate::tds::out::Out;
use crate::types::{Len, Type, Value};

/// SQLite's result codes (sqlite.org, "Result and Error Codes"): those of the primary kind.
mod code {
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const INTERRUPT: i32 = 9;
    /// The low byte of an extended code is its primary one.
    pub(super) const PRIMARY: i32 = 0xFF;

    pub(super) const CONSTRAINT_CHECK: i32 = 275;
    pub(super) const CONSTRAINT_FOREIGN_KEY: i32 = 787;
    pub(super) const CONSTRAINT_NOT_NULL: i32 = 1299;
    pub(super) const CONSTRAINT_PRIMARY_KEY: i32 = 1555;
    pub(super) const CONSTRAINT_UNIQUE: i32 = 2067;
}

/// How long a statement waits for another session's lock.
#[derive(Default)]
struct Patience {
    /// Without an end if none.
    until: Option<Instant>,
    /// Ends the wait too.
    cancel: Option<Arc<AtomicBool>>,
}

thread_local! {
    /// SQLite's busy handler has no state of its own, and a session has a thread of its own.
    static PATIENCE: RefCell<Patience> =
        const { RefCell::new(Patience { until: None, cancel: None }) };
}

/// Opens a connection to the sample's database with the functions in place.
pub(crate) fn open(shared: &Arc<Shared>) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let (_, main) = shared.kept().next().unwrap_or_default();
    let connection = Connection::open_with_flags(main, flags)?;
    connection.execute_batch(
        "PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA recursive_triggers=ON; \
         PRAGMA trusted_schema=ON;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    register(&connection, &shared.calls)?;
    Ok(connection)
}

/// Attaches every further database, so that they live as long as the connection.
pub(crate) fn attach_all(connection: &Connection, shared: &Shared) -> rusqlite::Result<()> {
    shared.kept().skip(1).try_for_each(|(place, uri)| attach(connection, place, uri))
}

fn attach(connection: &Connection, place: &str, uri: &str) -> rusqlite::Result<()> {
    connection.execute_batch(&format!("ATTACH '{uri}' AS {place}"))
}

/// Lets a connection wait for locks, on the thread that calls this, as long as its session's
/// LOCK_TIMEOUT says and no cancellation comes.
pub(super) fn wait_for_locks(
    connection: &mut Connection,
    cancel: Arc<AtomicBool>,
) -> rusqlite::Result<()> {
    PATIENCE.with(|p| p.borrow_mut().cancel = Some(cancel));
    connection.busy_handler(Some(|attempts| {
        let on = PATIENCE.with(|p| {
            let patience = p.borrow();
            patience.until.is_none_or(|t| Instant::now() < t)
                && !patience.cancel.as_ref().is_some_and(|c| c.load(Ordering::Acquire))
        });
        if on {
            #[expect(
                clippy::disallowed_methods,
                reason = "a session's engine has a thread of its own"
            )]
            std::thread::sleep(Duration::from_micros(if attempts < 20 { 200 } else { 2000 }));
        }
        on
    }))
}

/// Where the rows of a query go.
pub(super) trait RowSink {
    /// Comes before the first row, once it is known that the query runs.
    fn begin(&mut self) -> Result<()>;

    fn row(&mut self, values: Vec<Value>) -> Result<()>;
}

/// What a statement changes, for the errors of its constraints.
pub(super) type Changes<'a> = Option<(Verb, &'a Target)>;

impl Engine {
    /// Starts the wait of a statement, and its random numbers.
    pub(super) fn begin_statement(&self) {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).begin_statement();
        let timeout = self.options.lock_timeout;
        let until = u64::try_from(timeout).ok().map(|t| Instant::now() + Duration::from_millis(t));
        PATIENCE.with(|p| p.borrow_mut().until = until);
    }

    /// Attaches the databases that a statement's SQL names and no other has named yet: to attach one
    /// is to read its schema, which waits for whoever changes it.
    fn attach_named(&self, sql: &str) -> Result<()> {
        let mut attached = self.attached.borrow_mut();
        for (place, uri) in self.shared.kept().skip(1) {
            if !attached.iter().any(|a| a == place) && sql.contains(&format!("{place}.\"")) {
                attach(&self.connection, place, uri).map_err(|e| self.translate(e, None))?;
                attached.push(place.to_owned());
            }
        }
        Ok(())
    }

    pub(super) fn sqlite_batch(&self, sql: &str) -> Result<()> {
        self.begin_statement();
        self.attach_named(sql)?;
        self.connection.execute_batch(sql).map_err(|e| self.translate(e, None))
    }

    /// The number of rows that were changed.
    pub(super) fn sqlite_execute(
        &self,
        sql: &str,
        binds: &[Value],
        changes: Changes<'_>,
    ) -> Result<usize> {
        self.begin_statement();
        self.attach_named(sql)?;
        self.connection
            .prepare_cached(sql)
            .and_then(|mut s| s.execute(rusqlite::params_from_iter(binds)))
            .map_err(|e| self.translate(e, changes))
    }

    /// The first column of the first row; NULL where there is none.
    pub(super) fn sqlite_value(&self, sql: &str, binds: &[Value], ty: Type) -> Result<Value> {
        let fail = |e| self.translate(e, None);
        self.begin_statement();
        self.attach_named(sql)?;
        let mut statement = self.connection.prepare_cached(sql).map_err(fail)?;
        let mut rows = statement.query(rusqlite::params_from_iter(binds)).map_err(fail)?;
        match rows.next().map_err(fail)? {
            Some(row) => Value::from_lite(row.get_ref(0).map_err(fail)?, ty),
            None => Ok(Value::Null),
        }
    }

    /// Gives each row, with values of `types`, to a sink, and counts them.
    pub(super) fn sqlite_rows(
        &self,
        sql: &str,
        binds: &[Value],
        types: &[Type],
        changes: Changes<'_>,
        sink: &mut dyn RowSink,
    ) -> Result<usize> {
        let fail = |e| self.translate(e, changes);
        self.begin_statement();
        self.attach_named(sql)?;
        let mut statement = self.connection.prepare_cached(sql).map_err(fail)?;
        let mut rows = statement.query(rusqlite::params_from_iter(binds)).map_err(fail)?;
        let mut next = rows.next().map_err(fail)?;
        sink.begin()?;
        let mut count = 0;
        while let Some(row) = next {
            let value =
                |(i, ty): (usize, &Type)| Value::from_lite(row.get_ref(i).map_err(fail)?, *ty);
            sink.row(types.iter().enumerate().map(value).collect::<Result<_>>()?)?;
            count += 1;
            next = rows.next().map_err(fail)?;
        }
        Ok(count)
    }

    // --- expressions

    /// An expression's own type and its value.
    pub(super) fn constant(&self, e: &Expr) -> Result<(Type, Value)> {
        let (sql, binds, ty) = {
            let mut binder = Binder::new(self);
            let bound = binder.expr(e)?;
            (bound.sql, binder.binds, bound.ty)
        };
        self.sqlite_value(&format!("SELECT {sql}"), &binds, ty).map(|v| (ty, v))
    }

    /// An expression's value, converted to `ty`.
    pub(super) fn scalar(&self, e: &Expr, ty: Type) -> Result<Value> {
        let (sql, binds) = {
            let mut binder = Binder::new(self);
            let bound = binder.expr(e)?;
            convert::implicit(bound.ty, ty).map_err(Error::compiled)?;
            if ty == Type::Xml && !matches!(bound.ty, Type::Xml | Type::Null) {
                return Err(Error::unsupported(
                    "the conversion of a text to xml, which would check it",
                ));
            }
            (binder.coerce(bound, ty).sql, binder.binds)
        };
        self.sqlite_value(&format!("SELECT {sql}"), &binds, ty)
    }

    /// An expression's value as nvarchar of a length; empty for NULL.
    pub(super) fn scalar_text(&self, e: &Expr, length: Len) -> Result<String> {
        match self.scalar(e, Type::NVarChar(length))? {
            Value::Str(text) => Ok(text),
            _ => Ok(String::new()),
        }
    }

    /// An expression's value as an integer type; 0 for NULL.
    pub(super) fn scalar_int(&self, e: &Expr, ty: Type) -> Result<i64> {
        match self.scalar(e, ty)? {
            Value::Int(n) => Ok(n),
            _ => Ok(0),
        }
    }

    /// Whether a predicate is true, and neither false nor unknown.
    pub(super) fn condition(&self, e: &Expr) -> Result<bool> {
        let (sql, binds) = {
            let mut binder = Binder::new(self);
            (binder.predicate(e)?, binder.binds)
        };
        Ok(self.sqlite_value(&format!("SELECT {sql}"), &binds, Type::Bit)? == Value::Int(1))
    }

    // --- errors

    /// What SQL Server would say where SQLite said this.
    pub(super) fn translate(&self, e: rusqlite::Error, changes: Changes<'_>) -> Error {
        let (code, message) = match &e {
            rusqlite::Error::SqliteFailure(f, m) => {
                (f.extended_code, m.clone().unwrap_or_default())
            }
            other => (1, other.to_string()),
        };
        // A function's own error comes through as text.
        if let Some(e) = Error::unpack(&message) {
            return e;
        }
        match code & code::PRIMARY {
            code::BUSY | code::LOCKED => return messages::lock_timeout(),
            code::INTERRUPT => return Out::cancelled(),
            _ => {}
        }
        let verb = changes.map_or("", |(verb, _)| verb.name());
        let label = changes.map_or("", |(_, target)| target.label.as_str());
        let table = changes.map(|(_, target)| &target.table);
        let database = changes.map_or("", |(_, target)| target.catalog.database.as_str());
        match code {
            code::CONSTRAINT_NOT_NULL => {
                let verb = if verb.is_empty() { "INSERT" } else { verb };
                messages::null_not_allowed(
                    last_part(&message),
                    &format!("{database}.{label}"),
                    verb,
                )
            }
            code::CONSTRAINT_PRIMARY_KEY | code::CONSTRAINT_UNIQUE => {
                duplicate_key(&message, label, table)
            }
            code::CONSTRAINT_CHECK => {
                let name = message.trim_start_matches("CHECK constraint failed: ");
                messages::check_conflict(verb, name, database, label)
            }
            code::CONSTRAINT_FOREIGN_KEY if verb == "DELETE" => {
                changes.map_or_else(|| Error::internal("a reference"), |(_, t)| still_referenced(t))
            }
            code::CONSTRAINT_FOREIGN_KEY => {
                let foreign = table.into_iter().flat_map(|t| &t.foreign);
                let names: Vec<String> = foreign.map(|f| f.name.clone()).collect();
                messages::foreign_key_conflict(verb, database, &names)
            }
            _ if message.contains("integer overflow") => Error::overflow("int"),
            _ => Error::internal(message),
        }
    }
}

/// SQLite names neither the constraint nor the table that still refers to a row.
fn still_referenced(target: &Target) -> Error {
    let id = target.object.as_ref().map(|o| o.id);
    let by = target.catalog.objects.iter().find_map(|o| {
        let foreign = o.table()?.foreign.iter().find(|f| Some(f.table) == id)?;
        Some((foreign.name.clone(), format!("{}.{}", o.schema, o.name)))
    });
    let (constraint, table) = by.unwrap_or_default();
    messages::reference_conflict(&constraint, &target.catalog.database, &table)
}

fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// SQLite names the columns of the key, and SQL Server the key.
fn duplicate_key(message: &str, label: &str, table: Option<&TableDef>) -> Error {
    let columns = message.trim_start_matches("UNIQUE constraint failed: ");
    let columns: Vec<&str> = columns.split(", ").map(last_part).collect();
    let key = table.and_then(|t| {
        let names = |k: &crate::catalog::Key| -> Vec<&str> {
            k.columns.iter().map(|(i, _)| t.columns[*i].name.as_str()).collect()
        };
        t.keys.iter().find(|k| k.unique && names(k) == columns)
    });
    match key {
        Some(k) if !k.constraint => messages::duplicate_in_unique_index(label, &k.name),
        Some(k) if k.primary => messages::duplicate_in_constraint("PRIMARY KEY", &k.name, label),
        Some(k) => messages::duplicate_in_constraint("UNIQUE KEY", &k.name, label),
        None => messages::duplicate_in_constraint("UNIQUE KEY", "", label),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{ColumnMeta, Key};

    fn table() -> TableDef {
        let column = |name: &str| ColumnMeta {
            name: name.to_owned(),
            ty: Type::Int,
            nullable: false,
            identity: None,
            default: None,
            computed: None,
            description: None,
        };
        let key = |name: &str, primary, constraint, columns: &[usize]| Key {
            id: 0,
            name: name.to_owned(),
            primary,
            constraint,
            unique: true,
            columns: columns.iter().map(|c| (*c, false)).collect(),
        };
        TableDef {
            columns: Arc::new(vec![column("A"), column("B")]),
            keys: vec![
                key("PK_T", true, true, &[0]),
                key("UQ_T", false, true, &[1]),
                key("IX_T", false, false, &[0, 1]),
            ],
            ..TableDef::default()
        }
    }

    #[test]
    fn a_key_is_found_by_the_columns_that_sqlite_names() {
        let table = table();
        let error = |columns: &str| {
            let message = format!("UNIQUE constraint failed: {columns}");
            let e = duplicate_key(&message, "dbo.T", Some(&table));
            let name = e.message.split('\'').find(|p| p.contains('_') || p.is_empty());
            (e.number, name.unwrap_or_default().to_owned())
        };
        assert_eq!(error("dbo.T.A"), (2627, "PK_T".to_owned()));
        assert_eq!(error("dbo.T.B"), (2627, "UQ_T".to_owned()));
        assert_eq!(error("dbo.T.A, dbo.T.B"), (2601, "IX_T".to_owned()));
        assert_eq!(error("dbo.T.C"), (2627, String::new()));
    }

    #[test]
    fn the_last_part_of_a_name() {
        assert_eq!(last_part("dbo.T.A"), "A");
        assert_eq!(last_part("A"), "A");
    }
}
