//! What exists: schemas, tables, views, procedures; and what tells of them: the `sys` and
//! `INFORMATION_SCHEMA` views and the catalog procedures.
//!
//! The catalog is an immutable value: DDL makes a new one, which a commit publishes
//! and a rollback drops.

pub(crate) mod describe;
mod information_schema;
pub(crate) mod procedures;
mod sys;
pub(crate) mod views;

use std::sync::Arc;

use crate::syntax::ast::{Expr, Name, ParamDef};
use crate::types::Type;

/// The database that the sandbox serves.
pub const DATABASE: &str = "trading";

/// Everything that can be named.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Schemas and their ids.
    pub schemas: Vec<(String, i64)>,
    /// Objects in order of creation.
    pub objects: Vec<Arc<Object>>,
    /// The next object id.
    pub next_id: i64,
}

/// A table, view or procedure.
#[derive(Debug, Clone)]
pub struct Object {
    pub id: i64,
    pub schema: String,
    pub name: String,
    pub description: Option<String>,
    pub kind: ObjectKind,
}

/// What an object is.
#[derive(Debug, Clone)]
pub enum ObjectKind {
    Table(TableDef),
    View(String),
    Procedure(Vec<ParamDef>, String),
}

/// A table.
#[derive(Debug, Clone, Default)]
pub struct TableDef {
    /// The quoted SQLite name.
    pub physical: String,
    pub columns: Vec<ColumnMeta>,
    pub keys: Vec<Key>,
    pub foreign: Vec<Foreign>,
    pub checks: Vec<Check>,
}

/// A column.
#[derive(Debug, Clone)]
pub struct ColumnMeta {
    pub name: String,
    pub ty: Type,
    pub nullable: bool,
    pub identity: Option<(i64, i64)>,
    /// Constraint name, expression, text.
    pub default: Option<(String, Expr, String)>,
    /// Text and persisted.
    pub computed: Option<(String, bool)>,
    pub description: Option<String>,
}

/// A primary key, unique constraint or index.
#[derive(Debug, Clone)]
pub struct Key {
    pub id: i64,
    pub name: String,
    pub primary: bool,
    pub constraint: bool,
    pub unique: bool,
    /// Column positions from 0, and descending.
    pub columns: Vec<(usize, bool)>,
}

/// A foreign key.
#[derive(Debug, Clone)]
pub struct Foreign {
    pub id: i64,
    pub name: String,
    pub columns: Vec<usize>,
    pub table: i64,
    pub refs: Vec<usize>,
    pub on_delete: String,
    pub on_update: String,
}

/// A check constraint.
#[derive(Debug, Clone)]
pub struct Check {
    pub id: i64,
    pub name: String,
    pub text: String,
    pub column: Option<usize>,
}

// === impl Catalog ===

impl Catalog {
    /// The schemas that every database has.
    pub fn new() -> Self {
        Self {
            schemas: vec![("dbo".into(), 1), ("INFORMATION_SCHEMA".into(), 3), ("sys".into(), 4)],
            objects: Vec::new(),
            next_id: 901_578_250,
        }
    }

    /// A new id; the stride looks like the server's.
    pub fn fresh(&mut self) -> i64 {
        self.next_id += 16_000_057;
        if self.next_id > 2_147_000_000 {
            self.next_id -= 2_000_000_000;
        }
        self.next_id
    }

    /// Looks a name up: `object`, `schema.object` or `database.schema.object`.
    pub fn find(&self, name: &Name) -> Option<&Arc<Object>> {
        let (schema, object) = split(name)?;
        self.objects
            .iter()
            .find(|o| o.name.eq_ignore_ascii_case(object) && o.schema.eq_ignore_ascii_case(schema))
    }

    /// By id.
    pub fn by_id(&self, id: i64) -> Option<&Arc<Object>> {
        self.objects.iter().find(|o| o.id == id)
    }

    /// The schema's own spelling.
    pub fn schema(&self, name: &str) -> Option<&str> {
        self.schemas.iter().find(|(s, _)| s.eq_ignore_ascii_case(name)).map(|(s, _)| s.as_str())
    }

    /// Puts an object in, instead of one of the same id.
    pub fn put(&mut self, object: Object) {
        let object = Arc::new(object);
        match self.objects.iter_mut().find(|o| o.id == object.id) {
            Some(o) => *o = object,
            None => self.objects.push(object),
        }
    }
}

/// Schema (dbo when none is written) and object; `None` for another database or a linked server.
pub fn split(name: &Name) -> Option<(&str, &str)> {
    match name.0.as_slice() {
        [o] => Some(("dbo", o)),
        [s, o] => Some((if s.is_empty() { "dbo" } else { s }, o)),
        [d, s, o] if d.eq_ignore_ascii_case(DATABASE) => {
            Some((if s.is_empty() { "dbo" } else { s }, o))
        }
        _ => None,
    }
}

// === impl Object ===

impl Object {
    /// The table, if it is one.
    pub fn table(&self) -> Option<&TableDef> {
        match &self.kind {
            ObjectKind::Table(t) => Some(t),
            _ => None,
        }
    }

    /// `type` and `type_desc` of sys.objects.
    pub fn type_code(&self) -> (&'static str, &'static str) {
        match self.kind {
            ObjectKind::Table(_) => ("U ", "USER_TABLE"),
            ObjectKind::View(_) => ("V ", "VIEW"),
            ObjectKind::Procedure(..) => ("P ", "SQL_STORED_PROCEDURE"),
        }
    }
}

impl TableDef {
    /// A column's position, by name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name.eq_ignore_ascii_case(name))
    }
}

/// Quotes an identifier for SQLite.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
