//! Common table expressions, and the recursive ones among them.

use super::types::needs_conversion;
use super::{Binder, Source, SourceColumn};
use crate::error::Result;
use crate::functions::Invocation;
use crate::messages;
use crate::syntax::ast::{Body, Cte, Name, SetOp, Table};
use crate::types::Column;
use crate::types::Type;

/// A common table expression that the queries behind it may name.
#[derive(Debug, Clone)]
pub(super) struct CteRef {
    name: String,
    /// Its name in SQLite.
    sql: String,
    columns: Vec<(String, Type)>,
    /// In its own step: how deep it may go.
    recursive: Option<u32>,
}

impl Binder<'_> {
    /// `WITH RECURSIVE … `, or nothing.
    pub(super) fn with(&mut self, ctes: &[Cte], max_recursion: u32) -> Result<String> {
        let list = ctes.iter().map(|c| self.cte(c, max_recursion)).collect::<Result<Vec<_>>>()?;
        if list.is_empty() {
            return Ok(String::new());
        }
        Ok(format!("WITH RECURSIVE {} ", list.join(",")))
    }

    fn cte(&mut self, cte: &Cte, max_recursion: u32) -> Result<String> {
        let sql = self.fresh('w');
        if let Body::Set { op: SetOp::UnionAll, left, right } = &cte.query.body
            && reads(right, &cte.name)
        {
            return self.recursive_cte(cte, sql, (left, right), max_recursion);
        }
        let bound = self.query(&cte.query, false)?;
        let columns = named_columns(cte, &bound.columns)?;
        let list: Vec<String> = (0..columns.len()).map(|i| format!("c{i}")).collect();
        let definition = format!("{sql}({}) AS ({})", list.join(","), bound.sql);
        self.ctes.push(CteRef { name: cte.name.clone(), sql, columns, recursive: None });
        Ok(definition)
    }

    /// The step carries its depth in a column of its own, which `select` adds where the CTE is
    /// read.
    fn recursive_cte(
        &mut self,
        cte: &Cte,
        sql: String,
        (anchor, step): (&Body, &Body),
        max_recursion: u32,
    ) -> Result<String> {
        let anchor = self.body(anchor)?;
        let columns = named_columns(cte, &anchor.columns)?;
        let count = columns.len();
        self.ctes.push(CteRef {
            name: cte.name.clone(),
            sql: sql.clone(),
            columns,
            recursive: Some(max_recursion),
        });
        let step = self.body(step)?;
        if let Some(own) = self.ctes.last_mut() {
            own.recursive = None;
        }
        if step.columns.len() != count {
            return Err(messages::set_operands_of_unequal_length());
        }
        for (a, s) in anchor.columns.iter().zip(&step.columns) {
            if needs_conversion(s.ty, a.ty) && !s.ty.is_text() {
                return Err(messages::anchor_and_recursive_types(&a.name, &cte.name));
            }
        }
        let list = (0..count).map(|i| format!("c{i}")).collect::<Vec<_>>().join(",");
        Ok(format!(
            "{sql}({list},depth) AS (SELECT {list},0 FROM ({}) UNION ALL {})",
            anchor.sql, step.sql
        ))
    }

    /// A CTE in FROM, if a name means one.
    pub(super) fn cte_source(
        &mut self,
        name: &Name,
        alias: &str,
        sources: &mut Vec<Source>,
    ) -> Option<String> {
        let [name] = name.0.as_slice() else { return None };
        let cte = self.ctes.iter().rev().find(|c| c.name.eq_ignore_ascii_case(name))?.clone();
        let source = self.fresh('s');
        let columns = cte.columns.iter().enumerate().map(|(i, (name, ty))| SourceColumn {
            name: name.clone(),
            sql: format!("{source}.c{i}"),
            ty: *ty,
            flags: 1,
            sensitive: false,
        });
        let next_depth = format!("{source}.depth+1");
        sources.push(Source {
            alias: alias.to_owned(),
            qualified: None,
            columns: columns.collect(),
            partial: false,
            depth: cte.recursive.map(|max| self.call(Invocation::Depth(max), &[&next_depth])),
        });
        Some(format!("{} AS {source}", cte.sql))
    }
}

/// The columns of a CTE by the names of its list, or by their own.
fn named_columns(cte: &Cte, found: &[Column]) -> Result<Vec<(String, Type)>> {
    if !cte.columns.is_empty() && cte.columns.len() != found.len() {
        return Err(messages::cte_has_fewer_columns(&cte.name));
    }
    let named = |(i, column): (usize, &Column)| {
        let name = cte.columns.get(i).unwrap_or(&column.name).clone();
        if name.is_empty() {
            return Err(messages::no_column_name(i + 1, &cte.name));
        }
        Ok((name, column.ty))
    };
    found.iter().enumerate().map(named).collect()
}

/// Whether a query reads a table of this one name in its FROM.
fn reads(body: &Body, name: &str) -> bool {
    match body {
        Body::Select(select) => select.from.iter().any(|t| table_reads(t, name)),
        Body::Set { left, right, .. } => reads(left, name) || reads(right, name),
        Body::Nested(query) => reads(&query.body, name),
    }
}

fn table_reads(table: &Table, name: &str) -> bool {
    match table {
        Table::Named { name: Name(parts), .. } => {
            matches!(parts.as_slice(), [only] if only.eq_ignore_ascii_case(name))
        }
        Table::Derived { query, .. } => reads(&query.body, name),
        Table::Pivot(pivot) => table_reads(&pivot.source, name),
        Table::Unpivot(unpivot) => table_reads(&unpivot.source, name),
        Table::Values { .. } | Table::Function { .. } | Table::OpenJson(_) => false,
        Table::Join { left, right, .. } => table_reads(left, name) || table_reads(right, name),
    }
}
