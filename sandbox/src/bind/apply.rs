//! APPLY of a query: SQLite has no table source that sees its neighbours but a function of rows, so
//! the rows go through a JSON array that a subquery makes.

use super::from::renamed;
use super::{Binder, Bound, Source, SourceColumn};
use crate::error::{Error, Result};
use crate::functions::{BITS, FROM_BITS};
use crate::syntax::ast::Table;
use crate::types::{Column, Type};

impl Binder<'_> {
    /// The right side of an APPLY; the scope of the left side is the innermost one.
    pub(super) fn applied(&mut self, table: &Table, sources: &mut Vec<Source>) -> Result<String> {
        let (bound, alias, names) = match table {
            Table::Derived { query, alias, columns } => (self.query(query, false)?, alias, columns),
            Table::Values { rows, alias, columns } => {
                let (sql, types) = self.values(rows)?;
                let found = types.into_iter().map(|t| Column::new("", t)).collect();
                let bound = Bound {
                    sql,
                    columns: found,
                    assigns: Vec::new(),
                    pending: false,
                    limited: false,
                };
                (bound, alias, columns)
            }
            Table::OwnFunction { name, args, alias, columns } => {
                let last = name.0.last().cloned().unwrap_or_default();
                (self.own_rows(name, args)?, &alias.clone().unwrap_or(last), columns)
            }
            Table::Named { .. } | Table::Function { .. } | Table::OpenJson(_) => {
                return self.table(table, sources);
            }
            Table::Pivot(_) | Table::Unpivot(_) | Table::Join { .. } => {
                return Err(Error::unsupported("APPLY of a join or a PIVOT"));
            }
        };
        let source = self.fresh('s');
        let columns = renamed(&bound.columns, names, alias, &source)?;
        let packed = columns.iter().enumerate().map(|(i, c)| self.packed(&format!("c{i}"), c.ty));
        let packed = packed.collect::<Vec<_>>().join(",");
        let columns = columns.into_iter().enumerate().map(|(i, column)| {
            let part = format!("{source}.value->>{i}");
            SourceColumn { sql: self.unpacked(&part, column.ty), ..column }
        });
        let columns = columns.collect();
        sources.push(Source::derived(alias, columns));
        Ok(format!(
            "json_each((SELECT json_group_array(json_array({packed})) FROM ({}))) AS {source}",
            bound.sql
        ))
    }

    /// A value as JSON keeps it: texts and bytes in hexadecimal, of which none is lost, and floats
    /// by their bits.
    fn packed(&self, sql: &str, ty: Type) -> String {
        match ty {
            ty if ty.is_float() => self.shim(&BITS, &[(sql, ty)], Type::BigInt).sql,
            ty if ty.lite() == "INT" => sql.to_owned(),
            // hex(NULL) is empty.
            _ => format!("CASE WHEN {sql} IS NOT NULL THEN hex({sql}) END"),
        }
    }

    /// The value of what [`Self::packed`] made.
    fn unpacked(&self, sql: &str, ty: Type) -> String {
        match ty {
            ty if ty.is_float() => self.shim(&FROM_BITS, &[(sql, Type::BigInt)], ty).sql,
            ty if ty.lite() == "INT" => format!("({sql})"),
            ty if ty.lite() == "BLOB" => format!("unhex({sql})"),
            _ => format!("CAST(unhex({sql}) AS TEXT)"),
        }
    }
}
