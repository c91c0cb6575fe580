//! ALTER TABLE: ADD and DROP COLUMN.

use super::ddl;
use super::session::Engine;
use super::table;
use crate::bind::literal;
use crate::catalog::{ColumnMeta, TableDef, quote};
use crate::convert::assign;
use crate::error::{Error, Result};
use crate::messages;
use crate::syntax::ast::{ColumnDef, Constraint, Name};

impl Engine {
    pub(super) fn add_columns(
        &mut self,
        name: &Name,
        columns: &[ColumnDef],
        constraints: &[Constraint],
    ) -> Result<()> {
        let target = self.target(name)?;
        let Some(object) = &target.object else {
            return Err(Error::unsupported("ALTER TABLE of a temporary table"));
        };
        self.check_changeable(&target)?;
        let needs_more = |c: &ColumnDef| !c.inline.is_empty() || c.identity.is_some();
        if !constraints.is_empty() || columns.iter().any(needs_more) {
            return Err(Error::unsupported(
                "ALTER TABLE … ADD of a constraint or an identity column",
            ));
        }
        let mut table = target.table.clone();
        for definition in columns {
            if table.position(&definition.name).is_some() {
                let shown = name.0.join(".");
                return Err(messages::column_specified_twice(&definition.name, &shown));
            }
            let one = std::slice::from_ref(definition);
            let mut scratch = (*target.catalog).clone();
            let physical = table.physical.clone();
            let alone = table::define(self, &mut scratch, &object.name, physical, one, &[])?;
            for column in alone.columns.iter() {
                table.columns_mut().push(column.clone());
                self.add_column(&table, column, &object.name)?;
            }
        }
        self.replace_table(&target, table)
    }

    /// `table` has the column already.
    fn add_column(&self, table: &TableDef, column: &ColumnMeta, label: &str) -> Result<()> {
        if !column.nullable && column.default.is_none() && self.count_rows(table)? > 0 {
            return Err(messages::added_column_needs_value(&column.name, label));
        }
        let mut sql = format!(
            "ALTER TABLE {} ADD COLUMN {}",
            table.physical,
            table::column_sql(self, table, column)?
        );
        // The rows that there are get the default where NULL is not allowed, and only there.
        if let Some((_, e, _)) = &column.default
            && !column.nullable
        {
            let (ty, value) = self.constant(e)?;
            sql += &format!(" DEFAULT {}", literal(&assign(value, ty, column.ty)?));
        }
        self.sqlite_batch(&sql)
    }

    pub(super) fn drop_column(&mut self, name: &Name, column: &str) -> Result<()> {
        let target = self.target(name)?;
        let Some(object) = &target.object else {
            return Err(Error::unsupported("ALTER TABLE of a temporary table"));
        };
        self.check_changeable(&target)?;
        let mut table = target.table.clone();
        let position = table
            .position(column)
            .ok_or_else(|| messages::no_column_to_drop(column, &object.name))?;
        // Keys know their columns by position.
        let in_key = table.keys.iter().any(|k| k.columns.iter().any(|c| c.0 >= position));
        let in_foreign = table.foreign.iter().any(|f| f.columns.iter().any(|c| *c >= position));
        if in_key || in_foreign || table.columns[position].default.is_some() {
            return Err(Error::unsupported(
                "dropping a column that stands before or in a key, or has a default",
            ));
        }
        let dropped = table.columns_mut().remove(position);
        self.sqlite_batch(&format!(
            "ALTER TABLE {} DROP COLUMN {}",
            table.physical,
            quote(&dropped.name)
        ))?;
        let (id, gone) = (object.id, position as i64 + 1);
        self.alter_catalog(ddl::position(&target.catalog), |catalog| {
            let of_table = |p: &crate::catalog::Property| p.class == 1 && p.major == id;
            catalog.properties.retain(|p| !of_table(p) || p.minor != gone);
            for p in catalog.properties.iter_mut().filter(|p| of_table(p) && p.minor > gone) {
                p.minor -= 1;
            }
            Ok(())
        })?;
        self.replace_table(&target, table)
    }
}
