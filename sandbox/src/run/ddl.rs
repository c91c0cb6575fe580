//! CREATE TABLE, VIEW, PROCEDURE, SCHEMA and INDEX, and how the catalog changes.

use super::change::Target;
use super::session::{Engine, Temporary};
use super::table;
use crate::bind::{Binder, Env};
use crate::catalog::{Catalog, Key, Object, ObjectKind, TableDef, quote};
use crate::error::{Error, Result};
use crate::messages;
use crate::names::split;
use crate::syntax;
use crate::syntax::ast::{ColumnDef, Constraint, Name, ParamDef};
use crate::types::{Type, Value};
use std::sync::Arc;

/// States of message 2714, by what was to be made.
const SCHEMA_EXISTS: u8 = 1;
const MODULE_EXISTS: u8 = 3;
const TABLE_EXISTS: u8 = 6;

/// Where a new object goes.
pub(super) struct Place {
    /// The place of its database among the others.
    pub(super) database: usize,
    /// As it spells itself.
    pub(super) schema: String,
    pub(super) name: String,
}

/// The place of a catalog's database among the others.
pub(super) fn position(catalog: &Catalog) -> usize {
    usize::try_from(catalog.database_id - 1).unwrap_or_default()
}

impl Engine {
    // --- the catalog

    /// Changes the catalog of a database; at once visible to all outside a transaction, at its
    /// commit within one.
    pub(super) fn alter_catalog<T>(
        &mut self,
        database: usize,
        change: impl FnOnce(&mut Catalog) -> Result<T>,
    ) -> Result<T> {
        let mut catalog = (*self.catalogs[database]).clone();
        let result = change(&mut catalog)?;
        let catalog = Arc::new(catalog);
        self.catalogs[database] = catalog.clone();
        if self.transaction_count == 0 {
            self.shared.publish(database, catalog);
        } else if !self.altered.contains(&database) {
            self.altered.push(database);
        }
        Ok(result)
    }

    /// Where a new object goes. `statement` is what a login without the right to it is denied.
    pub(super) fn place(&self, name: &Name, statement: &str) -> Result<Place> {
        let (schema, object) =
            split(name).ok_or_else(|| Error::unsupported("objects of a linked server"))?;
        let database = match name.database() {
            None => self.database,
            Some(d) => self.entered(d)?.ok_or_else(|| messages::no_such_database(d))?,
        };
        let catalog = &self.catalogs[database];
        self.check_may_create(catalog, statement)?;
        let schema = catalog.schema(schema).ok_or_else(|| messages::no_such_schema(schema))?;
        Ok(Place { database, schema: schema.to_owned(), name: object.to_owned() })
    }

    /// Puts a changed definition in the place of a table's, or of a temporary table's.
    pub(super) fn replace_table(&mut self, target: &Target, table: TableDef) -> Result<()> {
        if let Some(object) = &target.object {
            let object = Object { kind: ObjectKind::Table(table), ..(**object).clone() };
            return self.alter_catalog(position(&target.catalog), |catalog| {
                catalog.put(object);
                Ok(())
            });
        }
        let mut newest_first = self.temporary.iter_mut().rev();
        if let Some(t) = newest_first.find(|t| t.table.physical == table.physical) {
            t.table = table;
        }
        Ok(())
    }

    /// The exact number of rows in a table.
    pub(super) fn count_rows(&self, table: &TableDef) -> Result<i64> {
        if table.is_empty() {
            return Ok(0);
        }
        let sql = format!("SELECT count(*) FROM {}", table.physical);
        match self.sqlite_value(&sql, &[], Type::BigInt)? {
            Value::Int(n) => Ok(n),
            _ => Ok(0),
        }
    }

    // --- tables

    pub(super) fn create_table(
        &mut self,
        name: &Name,
        columns: &[ColumnDef],
        constraints: &[Constraint],
    ) -> Result<()> {
        let label = table::label(name);
        if label.starts_with("##") {
            return Err(Error::unsupported("global temporary tables"));
        }
        if label.starts_with(['#', '@']) {
            return self.create_temporary(label, columns, constraints);
        }
        let Place { database, schema, name } = self.place(name, "CREATE TABLE")?;
        let mut catalog = (*self.catalogs[database]).clone();
        if catalog.find(&Name(vec![schema.clone(), name.clone()])).is_some() {
            return Err(messages::object_exists(&name, TABLE_EXISTS));
        }
        let physical = format!("{}.{}", catalog.place, quote(&format!("{schema}.{name}")));
        let id = catalog.fresh();
        // A table may refer to itself, so it is in the catalog, with its keys, before its other
        // constraints are read.
        let bare: Vec<ColumnDef> =
            columns.iter().map(|d| ColumnDef { inline: Vec::new(), ..d.clone() }).collect();
        let all = constraints.iter().chain(columns.iter().flat_map(|d| &d.inline));
        let keys: Vec<Constraint> =
            all.filter(|k| matches!(k, Constraint::Key { .. })).cloned().collect();
        let early = table::define(self, &mut catalog, &name, physical.clone(), &bare, &keys)?;
        let object = |table| Object {
            id,
            schema: schema.clone(),
            name: name.clone(),
            description: None,
            kind: ObjectKind::Table(table),
        };
        catalog.put(object(early));
        let table = table::define(self, &mut catalog, &name, physical, columns, constraints)?;
        let sql = table::create_sql(self, &catalog, &table)?;
        catalog.put(object(table));
        self.sqlite_batch(&sql)?;
        self.alter_catalog(database, |now| {
            *now = catalog;
            Ok(())
        })
    }

    /// A `#table` or a table variable: unknown to the catalog.
    fn create_temporary(
        &mut self,
        name: String,
        columns: &[ColumnDef],
        constraints: &[Constraint],
    ) -> Result<()> {
        if self.temp(&name).is_some() {
            return Err(messages::object_exists(&name, TABLE_EXISTS));
        }
        self.temporary_count += 1;
        let number = self.temporary_count;
        let physical = format!("temp.{}", quote(&format!("{name}_{number}")));
        let mut scratch = (**self.catalog()).clone();
        let table = table::define(self, &mut scratch, &name, physical, columns, constraints)?;
        if !table.foreign.is_empty() {
            return Err(Error::unsupported("foreign keys of temporary tables"));
        }
        self.sqlite_batch(&table::create_sql(self, &scratch, &table)?)?;
        self.temporary.push(Temporary { name, nesting: self.nesting, number, table });
        Ok(())
    }

    // --- modules and schemas

    pub(super) fn create_view(&mut self, name: &Name, text: &str, replace: bool) -> Result<()> {
        let query = syntax::query(text)?;
        let bound = Binder::new(self).query(&query, false)?;
        if let Some(i) = bound.columns.iter().position(|c| c.name.is_empty()) {
            return Err(messages::unnamed_view_column(i + 1));
        }
        self.create_module(name, ObjectKind::View(text.to_owned()), replace, "CREATE VIEW")
    }

    pub(super) fn create_procedure(
        &mut self,
        name: &Name,
        params: &[ParamDef],
        text: &str,
        replace: bool,
    ) -> Result<()> {
        let kind = ObjectKind::Procedure(params.to_vec(), text.to_owned());
        self.create_module(name, kind, replace, "CREATE PROCEDURE")
    }

    /// CREATE, or CREATE OR ALTER, which keeps the id.
    pub(super) fn create_module(
        &mut self,
        name: &Name,
        kind: ObjectKind,
        replace: bool,
        statement: &str,
    ) -> Result<()> {
        let Place { database, schema, name } = self.place(name, statement)?;
        let existing =
            self.catalogs[database].find(&Name(vec![schema.clone(), name.clone()])).cloned();
        if let Some(o) = &existing
            && (!replace || std::mem::discriminant(&o.kind) != std::mem::discriminant(&kind))
        {
            return Err(messages::object_exists(&name, MODULE_EXISTS));
        }
        self.alter_catalog(database, |catalog| {
            let id = existing.map_or_else(|| catalog.fresh(), |o| o.id);
            catalog.put(Object { id, schema, name, description: None, kind });
            Ok(())
        })
    }

    pub(super) fn create_schema(&mut self, name: &str) -> Result<()> {
        if self.catalog().schema(name).is_some() {
            return Err(messages::object_exists(name, SCHEMA_EXISTS));
        }
        self.check_may_create(self.catalog(), "CREATE SCHEMA")?;
        self.alter_catalog(self.database, |catalog| {
            let id = catalog.schemas.len() as i64 + 2;
            catalog.schemas.push((name.to_owned(), id));
            Ok(())
        })
    }

    // --- indexes

    pub(super) fn create_index(
        &mut self,
        name: &str,
        on: &Name,
        columns: &[(String, bool)],
        unique: bool,
    ) -> Result<()> {
        let target = self.target(on)?;
        self.check_changeable(&target)?;
        let mut table = target.table.clone();
        if table.keys.iter().any(|k| k.name.eq_ignore_ascii_case(name)) {
            return Err(messages::index_exists(name, &on.0.join(".")));
        }
        let columns = columns
            .iter()
            .map(|(column, descending)| Ok((table::key_position(&table, column)?, *descending)));
        let key = Key {
            id: 0,
            name: name.to_owned(),
            primary: false,
            constraint: false,
            unique,
            columns: columns.collect::<Result<_>>()?,
        };
        // SQLite has the place at the index's name, and none at the table's.
        let (place, bare) = table.place();
        let sql = format!(
            "CREATE {}INDEX {place}.{} ON {bare} ({})",
            if unique { "UNIQUE " } else { "" },
            quote(&format!("{bare}.{name}")),
            table::key_list(&table, &key)
        );
        self.sqlite_batch(&sql).map_err(|e| match e.number {
            2627 => messages::duplicate_key_for_index(&on.0.join("."), name),
            _ => e,
        })?;
        table.keys.push(key);
        self.replace_table(&target, table)
    }
}
