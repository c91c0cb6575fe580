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

use crate::names::{Name, split};
use crate::syntax::ast::{Expr, ParamDef};
use crate::types::Type;

/// Everything that can be named.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalog {
    /// Each with its `schema_id`.
    pub(crate) schemas: Vec<(String, i64)>,
    /// In the order of their creation.
    pub(crate) objects: Vec<Arc<Object>>,
    pub(crate) next_id: i64,
}

/// A table, view or procedure.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) id: i64,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) kind: ObjectKind,
}

#[derive(Debug, Clone)]
pub(crate) enum ObjectKind {
    Table(TableDef),
    /// The text of its query.
    View(String),
    /// Its parameters, and the text behind AS.
    Procedure(Vec<ParamDef>, String),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct TableDef {
    /// Its name in SQLite, quoted, behind its database.
    pub(crate) physical: String,
    pub(crate) columns: Vec<ColumnMeta>,
    pub(crate) keys: Vec<Key>,
    pub(crate) foreign: Vec<Foreign>,
    pub(crate) checks: Vec<Check>,
}

#[derive(Debug, Clone)]
pub(crate) struct ColumnMeta {
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) nullable: bool,
    /// Its seed and its increment.
    pub(crate) identity: Option<(i64, i64)>,
    /// The constraint's name, the expression, and its text.
    pub(crate) default: Option<(String, Expr, String)>,
    /// The expression's text, and whether it is PERSISTED.
    pub(crate) computed: Option<(String, bool)>,
    pub(crate) description: Option<String>,
}

/// A primary key, unique constraint or index.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) primary: bool,
    /// Made by a constraint, and not by CREATE INDEX.
    pub(crate) constraint: bool,
    pub(crate) unique: bool,
    /// Column positions from 0, and descending.
    pub(crate) columns: Vec<(usize, bool)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Foreign {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) columns: Vec<usize>,
    /// The id of the table that it refers to.
    pub(crate) table: i64,
    /// The positions of its columns there.
    pub(crate) refs: Vec<usize>,
    pub(crate) on_delete: String,
    pub(crate) on_update: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) text: String,
    /// The column that it was written at.
    pub(crate) column: Option<usize>,
}

impl Catalog {
    /// The schemas that every database has.
    pub(crate) fn new() -> Self {
        Self {
            schemas: vec![("dbo".into(), 1), ("INFORMATION_SCHEMA".into(), 3), ("sys".into(), 4)],
            objects: Vec::new(),
            next_id: 901_578_250,
        }
    }

    /// A new id; the stride looks like the server's.
    pub(crate) fn fresh(&mut self) -> i64 {
        self.next_id += 16_000_057;
        if self.next_id > 2_147_000_000 {
            self.next_id -= 2_000_000_000;
        }
        self.next_id
    }

    /// Looks a name up: `object`, `schema.object` or `database.schema.object`.
    pub(crate) fn find(&self, name: &Name) -> Option<&Arc<Object>> {
        let (schema, object) = split(name)?;
        self.objects
            .iter()
            .find(|o| o.name.eq_ignore_ascii_case(object) && o.schema.eq_ignore_ascii_case(schema))
    }

    pub(crate) fn by_id(&self, id: i64) -> Option<&Arc<Object>> {
        self.objects.iter().find(|o| o.id == id)
    }

    /// The schema's own spelling.
    pub(crate) fn schema(&self, name: &str) -> Option<&str> {
        self.schemas.iter().find(|(s, _)| s.eq_ignore_ascii_case(name)).map(|(s, _)| s.as_str())
    }

    /// Puts an object in, instead of one of the same id.
    pub(crate) fn put(&mut self, object: Object) {
        let object = Arc::new(object);
        match self.objects.iter_mut().find(|o| o.id == object.id) {
            Some(o) => *o = object,
            None => self.objects.push(object),
        }
    }
}

impl Object {
    pub(crate) fn table(&self) -> Option<&TableDef> {
        match &self.kind {
            ObjectKind::Table(t) => Some(t),
            _ => None,
        }
    }

    /// `type` and `type_desc` of sys.objects.
    pub(crate) fn type_code(&self) -> (&'static str, &'static str) {
        match self.kind {
            ObjectKind::Table(_) => ("U ", "USER_TABLE"),
            ObjectKind::View(_) => ("V ", "VIEW"),
            ObjectKind::Procedure(..) => ("P ", "SQL_STORED_PROCEDURE"),
        }
    }
}

impl TableDef {
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name.eq_ignore_ascii_case(name))
    }
}

/// Quotes an identifier for SQLite.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
