//! Common table expressions, and the recursive ones among them.

use super::select::has_any_aggregate;
use super::types::needs_conversion;
use super::{Binder, Source, SourceColumn};
use crate::error::{Error, Result};
use crate::functions::Invocation;
use crate::messages;
use crate::syntax::ast::{Body, Cte, JoinKind, Name, SetOp, Table};
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
        if reads(&cte.query.body, &cte.name) {
            let members = members(cte)?;
            return self.recursive_cte(cte, sql, members, max_recursion);
        }
        let bound = self.query(&cte.query, false)?;
        let columns = named_columns(cte, &bound.columns)?;
        let list: Vec<String> = (0..columns.len()).map(|i| format!("c{i}")).collect();
        let definition = format!("{sql}({}) AS ({})", list.join(","), bound.sql);
        self.ctes.push(CteRef { name: cte.name.clone(), sql, columns, recursive: None });
        Ok(definition)
    }

    /// The steps carry their depth in a column of its own, which `select` adds where the CTE is
    /// read.
    fn recursive_cte(
        &mut self,
        cte: &Cte,
        sql: String,
        (anchor, steps): (&Body, Vec<&Body>),
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
        let steps = steps.into_iter().map(|s| self.body(s)).collect::<Result<Vec<_>>>()?;
        if let Some(own) = self.ctes.last_mut() {
            own.recursive = None;
        }
        let list = (0..count).map(|i| format!("c{i}")).collect::<Vec<_>>().join(",");
        let mut out = format!("{sql}({list},depth) AS (SELECT {list},0 FROM ({})", anchor.sql);
        for step in steps {
            if step.columns.len() != count {
                return Err(messages::set_operands_of_unequal_length());
            }
            for (a, s) in anchor.columns.iter().zip(&step.columns) {
                if needs_conversion(s.ty, a.ty) && !s.ty.is_text() {
                    return Err(messages::anchor_and_recursive_types(&a.name, &cte.name));
                }
            }
            out += &format!(" UNION ALL {}", step.sql);
        }
        Ok(out + ")")
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

/// The anchor of a CTE that reads itself, and its steps: the last operands of UNION ALL.
fn members(cte: &Cte) -> Result<(&Body, Vec<&Body>)> {
    if !cte.query.order.is_empty() {
        return Err(Error::unsupported("ORDER BY in a recursive common table expression"));
    }
    let (mut anchor, mut steps) = (&cte.query.body, Vec::new());
    while let Body::Set { op: SetOp::UnionAll, left, right } = anchor
        && reads(right, &cte.name)
    {
        check_step(right, &cte.name)?;
        steps.insert(0, &**right);
        anchor = left;
    }
    match anchor {
        _ if !reads(anchor, &cte.name) => Ok((anchor, steps)),
        Body::Set { op: SetOp::UnionAll, .. } => {
            Err(Error::unsupported("an anchor behind a recursive member"))
        }
        _ if steps.is_empty() => Err(messages::no_top_level_union_all(&cte.name)),
        _ => Err(messages::no_anchor(&cte.name)),
    }
}

/// Refuses what the step of a recursive CTE may not have ("Guidelines for defining and using
/// recursive common table expressions").
fn check_step(step: &Body, name: &str) -> Result<()> {
    let select = match step {
        Body::Select(select) => select,
        Body::Nested(query) => return check_step(&query.body, name),
        Body::Set { .. } => {
            return Err(Error::unsupported("a recursive member that is a set operation"));
        }
    };
    if select.distinct {
        return Err(messages::distinct_in_recursion(name));
    }
    if select.top.is_some() {
        return Err(messages::top_in_recursion(name));
    }
    if !select.group.is_empty() || has_any_aggregate(select, &[]) || select.having.is_some() {
        return Err(messages::group_in_recursion(name));
    }
    if select.from.iter().any(has_outer_join) {
        return Err(messages::outer_join_in_recursion(name));
    }
    match select.from.iter().map(|t| references(t, name)).sum::<usize>() {
        0 => Err(Error::unsupported("a recursive reference in a derived table")),
        1 => Ok(()),
        _ => Err(messages::several_recursive_references(name)),
    }
}

fn has_outer_join(table: &Table) -> bool {
    match table {
        Table::Join { kind, left, right, .. } => {
            matches!(kind, JoinKind::Left | JoinKind::Right | JoinKind::Full)
                || has_outer_join(left)
                || has_outer_join(right)
        }
        _ => false,
    }
}

/// How often a table source is the one of this name, without what is derived from it.
fn references(table: &Table, name: &str) -> usize {
    match table {
        Table::Named { .. } => usize::from(table_reads(table, name)),
        Table::Join { left, right, .. } => references(left, name) + references(right, name),
        _ => 0,
    }
}

/// Whether a query reads a table of this one name in its FROM.
pub(super) fn reads(body: &Body, name: &str) -> bool {
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
        Table::Values { .. }
        | Table::Function { .. }
        | Table::OwnFunction { .. }
        | Table::OpenJson(_) => false,
        Table::Join { left, right, .. } => table_reads(left, name) || table_reads(right, name),
    }
}
