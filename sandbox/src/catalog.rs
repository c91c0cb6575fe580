//! What exists: schemas, tables, views, procedures; and what tells of them: the `sys` and
//! `INFORMATION_SCHEMA` views and the catalog procedures.
//!
//! The catalog is an immutable value: DDL makes a new one, which a commit publishes
//! and a rollback drops.

pub(crate) mod describe;
mod index;
mod information_schema;
pub(crate) mod many;
pub(crate) mod procedures;
mod selection;
mod sys;
pub(crate) mod views;

use std::sync::Arc;

use self::index::Index;
use crate::names::{Name, split};
use crate::syntax::ast::{
    Expr, FunctionBody, FunctionDef, ParamDef, SequenceDef, TriggerDef, TriggerEvent,
};
use crate::types::Type;

/// Everything that can be named.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalog {
    /// The name of the database, as it spells itself.
    pub(crate) database: String,
    pub(crate) database_id: i64,
    /// What SQLite calls the database; empty where it keeps none, as of the server's own.
    pub(crate) place: String,
    /// Each with its `schema_id`.
    pub(crate) schemas: Vec<(String, i64)>,
    /// In the order of their creation.
    pub(crate) objects: Vec<Arc<Object>>,
    pub(crate) properties: Vec<Property>,
    pub(crate) next_id: i64,
    index: Index,
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
    Function(FunctionDef),
    /// With the id of the table or the view that it is on.
    Trigger(i64, TriggerDef),
    /// What it stands for.
    Synonym(Name),
    Sequence(SequenceDef),
}

/// An extended property of what has no place for a description, or of another name.
#[derive(Debug, Clone)]
pub(crate) struct Property {
    /// 0 for the database, 1 for an object or a column, 3 for a schema.
    pub(crate) class: i64,
    pub(crate) major: i64,
    pub(crate) minor: i64,
    pub(crate) name: String,
    pub(crate) value: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct TableDef {
    /// Its name in SQLite, quoted, behind its database.
    /// Empty for one that is never kept there, and has no rows.
    pub(crate) physical: String,
    /// Tables that are made alike have them in common.
    pub(crate) columns: Arc<Vec<ColumnMeta>>,
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
    /// Of a database, with the schemas that every one has.
    pub(crate) fn new(database: &str, database_id: i64, place: &str) -> Self {
        Self {
            database: database.to_owned(),
            database_id,
            place: place.to_owned(),
            schemas: vec![("dbo".into(), 1), ("INFORMATION_SCHEMA".into(), 3), ("sys".into(), 4)],
            objects: Vec::new(),
            properties: Vec::new(),
            next_id: 901_578_250,
            index: Index::default(),
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

    /// Looks a name up: `object`, `schema.object`, or behind a database, which is this one.
    pub(crate) fn find(&self, name: &Name) -> Option<&Arc<Object>> {
        let (schema, object) = split(name)?;
        let is_here = |d: &str| d.eq_ignore_ascii_case(&self.database);
        if !name.database().is_none_or(is_here) {
            return None;
        }
        self.objects.get(self.index.by_name(&self.objects, schema, object)?)
    }

    pub(crate) fn by_id(&self, id: i64) -> Option<&Arc<Object>> {
        self.objects.get(self.position(id)?)
    }

    /// Where in `objects` one is.
    pub(crate) fn position(&self, id: i64) -> Option<usize> {
        self.index.by_id(&self.objects, id)
    }

    /// What identity values of an object are counted under: ids are those of one database.
    pub(crate) fn identity_key(&self, id: i64) -> i64 {
        id + (self.database_id << 32)
    }

    /// The triggers on a table that fire for an event.
    pub(crate) fn triggers(
        &self,
        table: i64,
        event: TriggerEvent,
    ) -> impl Iterator<Item = &Object> {
        let fires = move |o: &&Object| matches!(&o.kind, ObjectKind::Trigger(on, t) if *on == table && t.events.contains(&event));
        self.objects.iter().map(|o| &**o).filter(fires)
    }

    /// Takes an object out, and the triggers on it.
    pub(crate) fn remove(&mut self, id: i64) {
        self.index = Index::default();
        self.objects.retain(|o| o.id != id && o.parent() != id);
        self.properties.retain(|p| p.class != 1 || p.major != id);
    }

    /// Puts many new objects in.
    pub(crate) fn extend(&mut self, objects: impl IntoIterator<Item = Object>) {
        self.index = Index::default();
        self.objects.extend(objects.into_iter().map(Arc::new));
    }

    /// The schema's own spelling.
    pub(crate) fn schema(&self, name: &str) -> Option<&str> {
        self.schemas.iter().find(|(s, _)| s.eq_ignore_ascii_case(name)).map(|(s, _)| s.as_str())
    }

    /// Puts an object in, instead of one of the same id.
    pub(crate) fn put(&mut self, object: Object) {
        let object = Arc::new(object);
        self.index = Index::default();
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

    pub(crate) fn is_table_or_view(&self) -> bool {
        matches!(self.kind, ObjectKind::Table(_) | ObjectKind::View(_))
    }

    /// `parent_object_id` of sys.objects: 0 for what stands by itself.
    pub(crate) fn parent(&self) -> i64 {
        match self.kind {
            ObjectKind::Trigger(table, _) => table,
            _ => 0,
        }
    }

    /// `type` and `type_desc` of sys.objects.
    pub(crate) fn type_code(&self) -> (&'static str, &'static str) {
        match &self.kind {
            ObjectKind::Table(_) => ("U ", "USER_TABLE"),
            ObjectKind::View(_) => ("V ", "VIEW"),
            ObjectKind::Procedure(..) => ("P ", "SQL_STORED_PROCEDURE"),
            ObjectKind::Function(FunctionDef { body, .. }) => match body {
                FunctionBody::Scalar(..) => ("FN", "SQL_SCALAR_FUNCTION"),
                FunctionBody::Inline(_) => ("IF", "SQL_INLINE_TABLE_VALUED_FUNCTION"),
                FunctionBody::Table(_) => ("TF", "SQL_TABLE_VALUED_FUNCTION"),
            },
            ObjectKind::Trigger(..) => ("TR", "SQL_TRIGGER"),
            ObjectKind::Synonym(_) => ("SN", "SYNONYM"),
            ObjectKind::Sequence(_) => ("SO", "SEQUENCE_OBJECT"),
        }
    }
}

impl TableDef {
    /// Whether it is a generated one, of which SQLite knows nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.physical.is_empty()
    }

    pub(crate) fn columns_mut(&mut self) -> &mut Vec<ColumnMeta> {
        Arc::make_mut(&mut self.columns)
    }

    /// SQLite's name of its database, and its own within it.
    pub(crate) fn place(&self) -> (&str, &str) {
        self.physical.split_once('.').unwrap_or(("main", self.physical.as_str()))
    }

    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name.eq_ignore_ascii_case(name))
    }
}

/// Quotes an identifier for SQLite.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
