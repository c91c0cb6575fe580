//! The definition of a table: from the syntax tree to a [`TableDef`] and to SQLite's DDL.

use std::sync::Arc;

use crate::bind::{Binder, Env, duplicate};
use crate::catalog::{Catalog, Check, ColumnMeta, Foreign, Key, TableDef, quote};
use crate::error::{Error, Result};
use crate::messages;
use crate::syntax;
use crate::syntax::ast::{ColumnDef, Constraint, Name, StatementKind};
use crate::types::Type;

/// Names by which SQLite knows a row's number.
const ROW_NUMBERS: [&str; 3] = ["rowid", "oid", "_rowid_"];

/// What a table's definition is read with.
struct Definition<'a> {
    env: &'a dyn Env,
    /// Gives ids, and knows the tables that foreign keys refer to.
    catalog: &'a mut Catalog,
    /// The table's name as errors and generated constraint names spell it.
    label: &'a str,
    table: TableDef,
}

/// Builds a table. `label` is its name as errors and generated constraint names spell it.
pub(super) fn define(
    env: &dyn Env,
    catalog: &mut Catalog,
    label: &str,
    physical: String,
    columns: &[ColumnDef],
    constraints: &[Constraint],
) -> Result<TableDef> {
    let names: Vec<String> = columns.iter().map(|c| c.name.clone()).collect();
    if let Some(twice) = duplicate(&names) {
        return Err(messages::column_specified_twice(twice, label));
    }
    let is_taken = |n: &&String| ROW_NUMBERS.iter().any(|r| n.eq_ignore_ascii_case(r));
    if let Some(name) = names.iter().find(is_taken) {
        return Err(Error::unsupported(format!("a column named {name}")));
    }
    let mut table = TableDef { physical, ..TableDef::default() };
    table.columns = Arc::new(columns.iter().map(|c| column(c, label)).collect());
    // A computed column's type is that of its expression over the others.
    for (i, c) in columns.iter().enumerate() {
        if let Some((e, _, _)) = &c.computed {
            let ty = Binder::new(env).over_table(e, &table, false)?.ty;
            table.columns_mut()[i].ty = ty;
        }
    }
    let mut definition = Definition { env, catalog, label, table };
    for c in columns {
        for constraint in &c.inline {
            definition.add(constraint, Some(&c.name))?;
        }
    }
    for constraint in constraints {
        definition.add(constraint, None)?;
    }
    Ok(definition.table)
}

fn column(c: &ColumnDef, label: &str) -> ColumnMeta {
    let default = c.default.as_ref().map(|(name, e, text)| {
        let name = name.clone().unwrap_or_else(|| format!("DF__{label}__{}", c.name));
        (name, e.clone(), text.clone())
    });
    ColumnMeta {
        name: c.name.clone(),
        ty: c.ty.unwrap_or(Type::Int),
        nullable: c.nullable.unwrap_or(c.identity.is_none()),
        identity: c.identity,
        default,
        computed: c.computed.as_ref().map(|(_, text, persisted)| (text.clone(), *persisted)),
        description: None,
    }
}

impl Definition<'_> {
    /// Adds one constraint; `column` is the one that it was written at.
    fn add(&mut self, constraint: &Constraint, column: Option<&str>) -> Result<()> {
        match constraint {
            Constraint::Key { name, primary, columns } => {
                self.add_key(name.as_deref(), *primary, columns)
            }
            Constraint::Check { name, expr, text } => {
                Binder::new(self.env).over_table(expr, &self.table, true)?;
                let (id, name) = self.named(name.as_deref(), "CK");
                let column = column.and_then(|c| self.table.position(c));
                self.table.checks.push(Check { id, name, text: text.clone(), column });
                Ok(())
            }
            Constraint::Foreign { name, columns, table, refs, on_delete, on_update } => {
                let positions = columns.iter().map(|n| key_position(&self.table, n));
                let columns = positions.collect::<Result<Vec<_>>>()?;
                let (id, generated) = self.named(None, "FK");
                let named = name.as_deref().unwrap_or_default();
                let (target, refs) = self.referenced(named, table, refs)?;
                self.table.foreign.push(Foreign {
                    id,
                    name: name.clone().unwrap_or(generated),
                    columns,
                    table: target,
                    refs,
                    on_delete: on_delete.description().to_owned(),
                    on_update: on_update.description().to_owned(),
                });
                Ok(())
            }
        }
    }

    /// A new id, and the name that was written or one like the server's.
    fn named(&mut self, name: Option<&str>, kind: &str) -> (i64, String) {
        let id = self.catalog.fresh();
        let name = name.map_or_else(|| format!("{kind}__{}__{id:X}", self.label), str::to_owned);
        (id, name)
    }

    fn add_key(
        &mut self,
        name: Option<&str>,
        primary: bool,
        columns: &[(String, bool)],
    ) -> Result<()> {
        if primary && self.table.keys.iter().any(|k| k.primary) {
            return Err(messages::second_primary_key(self.label));
        }
        let mut positions = Vec::new();
        for (column, descending) in columns {
            let position = key_position(&self.table, column)?;
            if primary {
                self.table.columns_mut()[position].nullable = false;
            }
            positions.push((position, *descending));
        }
        let (id, name) = self.named(name, if primary { "PK" } else { "UQ" });
        let key = Key { id, name, primary, constraint: true, unique: true, columns: positions };
        // Index 1 is the clustered one.
        if primary {
            self.table.keys.insert(0, key)
        } else {
            self.table.keys.push(key)
        }
        Ok(())
    }

    /// The table and the columns that a foreign key refers to; without columns its primary key.
    fn referenced(
        &self,
        constraint: &str,
        table: &Name,
        columns: &[String],
    ) -> Result<(i64, Vec<usize>)> {
        let shown = table.0.join(".");
        if table.database().is_some_and(|d| !d.eq_ignore_ascii_case(&self.catalog.database)) {
            return Err(messages::foreign_key_to_another_database(constraint));
        }
        let Some(object) = self.catalog.find(table) else {
            return Err(messages::invalid_referenced_table(constraint, &shown));
        };
        let Some(definition) = object.table() else {
            return Err(messages::referenced_object_is_no_table());
        };
        if definition.is_empty() {
            return Err(Error::unsupported(format!(
                "a foreign key to {shown}, which is generated"
            )));
        }
        let positions = |key: &Key| -> Vec<usize> { key.columns.iter().map(|c| c.0).collect() };
        let columns = if columns.is_empty() {
            let primary = definition.keys.iter().find(|k| k.primary);
            primary.map(positions).unwrap_or_default()
        } else {
            columns.iter().map(|n| key_position(definition, n)).collect::<Result<_>>()?
        };
        if !definition.keys.iter().any(|k| k.unique && positions(k) == columns) {
            return Err(messages::no_candidate_key(&shown));
        }
        Ok((object.id, columns))
    }
}

pub(super) fn key_position(table: &TableDef, name: &str) -> Result<usize> {
    table.position(name).ok_or_else(|| messages::no_such_key_column(name))
}

/// SQLite's CREATE TABLE, with the constraints in it.
pub(super) fn create_sql(env: &dyn Env, catalog: &Catalog, table: &TableDef) -> Result<String> {
    let mut parts = Vec::new();
    for c in table.columns.iter() {
        parts.push(column_sql(env, table, c)?);
    }
    for k in table.keys.iter().filter(|k| k.constraint) {
        let kind = if k.primary { "PRIMARY KEY" } else { "UNIQUE" };
        parts.push(format!("{kind} ({})", key_list(table, k)));
    }
    for check in &table.checks {
        let sql = Binder::new(env).over_table(&predicate(&check.text)?, table, true)?.sql;
        parts.push(format!("CONSTRAINT {} CHECK {sql}", quote(&check.name)));
    }
    for f in &table.foreign {
        let Some(referenced) = catalog.by_id(f.table).and_then(|o| o.table()) else { continue };
        parts.push(format!(
            "FOREIGN KEY ({}) REFERENCES {} ({}) ON DELETE {} ON UPDATE {}",
            column_list(table, &f.columns),
            referenced.place().1,
            column_list(referenced, &f.refs),
            f.on_delete.replace('_', " "),
            f.on_update.replace('_', " ")
        ));
    }
    Ok(format!("CREATE TABLE {} ({})", table.physical, parts.join(", ")))
}

/// The predicate of a check, of which the catalog keeps the text.
fn predicate(text: &str) -> Result<crate::syntax::ast::Expr> {
    let statements = syntax::batch(&format!("IF {text} RETURN"))?;
    match statements.into_iter().next().map(|s| s.kind) {
        Some(StatementKind::If(e, ..)) => Ok(e),
        _ => Err(Error::internal("a check")),
    }
}

/// One column of CREATE TABLE or ALTER TABLE ADD.
pub(super) fn column_sql(env: &dyn Env, table: &TableDef, column: &ColumnMeta) -> Result<String> {
    let start = format!("{} {}", quote(&column.name), column.ty.lite());
    if let Some((text, _)) = &column.computed {
        let e = syntax::expression(text)?;
        let sql = Binder::new(env).over_table(&e, table, false)?.sql;
        return Ok(format!("{start} GENERATED ALWAYS AS ({sql}) VIRTUAL"));
    }
    Ok(if column.nullable { start } else { format!("{start} NOT NULL") })
}

fn column_list(table: &TableDef, columns: &[usize]) -> String {
    let names = columns.iter().map(|i| quote(&table.columns[*i].name));
    names.collect::<Vec<_>>().join(",")
}

/// The columns of a key, with their order.
pub(super) fn key_list(table: &TableDef, key: &Key) -> String {
    let columns = key.columns.iter().map(|(i, descending)| {
        format!("{}{}", quote(&table.columns[*i].name), if *descending { " DESC" } else { "" })
    });
    columns.collect::<Vec<_>>().join(",")
}

/// The last part of a name, as error texts show it.
pub(super) fn label(name: &Name) -> String {
    name.0.last().cloned().unwrap_or_default()
}
