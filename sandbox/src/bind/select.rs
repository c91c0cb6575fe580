//! One SELECT: its clauses in the order in which SQL Server binds them.

use super::aggregate::has_aggregate;
use super::expr::is_constant;
use super::query::{clause, directed};
use super::{Binder, Bound, Deduced, Meets, Scope, Typed};
use crate::error::{Error, Result};
use crate::messages;
use crate::syntax::ast::{Expr, Item, OrderItem, Query, Select, Top};
use crate::types::{Column, Type};

/// The select list, and the variables that it assigns.
pub(super) struct Items {
    pub(super) items: Vec<Typed>,
    assigns: Vec<String>,
}

impl Items {
    /// As the result of a query over them.
    pub(super) fn into_bound(self, sql: String, limited: bool) -> Bound {
        let pending = self.items.iter().any(|e| e.pending.is_some());
        let columns = self.items.into_iter().map(|e| {
            let ty = if e.ty == Type::Null { Type::Int } else { e.ty };
            Column { ty, ..e.into_column() }
        });
        Bound { sql, columns: columns.collect(), assigns: self.assigns, pending, limited }
    }
}

impl Binder<'_> {
    pub(super) fn select(&mut self, select: &Select, query: &Query) -> Result<Bound> {
        let restrictions = self.restrictions_of(select);
        self.restrictions.push(restrictions);
        let from = self.from(&select.from);
        self.restrictions.pop();
        let (from, sources) = from?;
        let depth = sources.iter().find_map(|s| s.depth.clone());
        self.scopes.push(Scope { sources, ..Scope::default() });
        let bound = self.select_in_scope(select, query, &from, depth.as_deref());
        self.scopes.pop();
        bound
    }

    /// `depth` where a recursive CTE is read in its own step.
    fn select_in_scope(
        &mut self,
        select: &Select,
        query: &Query,
        from: &str,
        depth: Option<&str>,
    ) -> Result<Bound> {
        let filter = match &select.filter {
            Some(filter) => {
                format!(" WHERE {}", self.clause_without_sequences(|b| b.predicate(filter))?)
            }
            None => String::new(),
        };
        let groups = self.clause_without_sequences(|b| b.group_by(&select.group))?;
        let aggregates = has_any_aggregate(select, &query.order);
        let grouped = !groups.is_empty() || aggregates || select.having.is_some();
        if let Some(scope) = self.scopes.last_mut().filter(|_| grouped) {
            scope.groups = Some(groups.clone());
        }
        if !select.grouping_sets.is_empty() {
            if depth.is_some() {
                return Err(Error::unsupported("grouping sets in a recursive query"));
            }
            let rest = format!("{from}{filter}");
            return self.grouping_sets(select, query, &rest, &groups, aggregates);
        }
        self.next_row();
        let items = self.items(&select.items)?;
        if !self.sequences.is_empty() {
            if select.distinct {
                return Err(messages::sequence_in_a_set());
            }
            if !query.order.is_empty() {
                return Err(messages::sequence_in_order());
            }
        }
        if select.distinct && items.items.iter().any(|i| matches!(i.ty, Type::DateTimeOffset(_))) {
            return Err(Error::unsupported("DISTINCT of datetimeoffset"));
        }
        let mut having = match &select.having {
            Some(having) => {
                format!(" HAVING {}", self.clause_without_sequences(|b| b.predicate(having))?)
            }
            None => String::new(),
        };
        // HAVING without GROUP BY is one group over everything; SQLite wants to see an aggregate
        // for that.
        if !having.is_empty() && groups.is_empty() && !aggregates {
            having = format!(" GROUP BY NULL{having}");
        }
        let order: Vec<String> = self
            .order_by(select, query, &items.items)?
            .iter()
            .map(|(key, descending)| directed(self.order_key(key), *descending))
            .collect();
        let mut list: Vec<String> = items
            .items
            .iter()
            .enumerate()
            .map(|(i, e)| {
                let sql = if select.distinct { e.collated() } else { e.sql.clone() };
                format!("{sql} AS c{i}")
            })
            .collect();
        list.extend(depth.map(|depth| format!("{depth} AS depth")));
        let keys: Vec<String> = groups.into_iter().map(|g| g.key).collect();
        let rest = format!("{from}{filter}{}{having}", clause(" GROUP BY ", &keys));
        let (sql, limited) = match &select.top {
            Some(top) if top.percent || top.with_ties => {
                if select.distinct || depth.is_some() || query.offset.is_some() {
                    return Err(Error::unsupported(
                        "TOP … PERCENT and WITH TIES with DISTINCT, OFFSET or recursion",
                    ));
                }
                (self.counted(top, &list, &rest, &order)?, false)
            }
            top => {
                let distinct = if select.distinct { "DISTINCT " } else { "" };
                let order = clause(" ORDER BY ", &order);
                let paging = self.paging(top.as_ref().map(|t| &t.count), query)?;
                let list = list.join(",");
                (format!("SELECT {distinct}{list}{rest}{order}{paging}"), !paging.is_empty())
            }
        };
        Ok(items.into_bound(sql, limited))
    }

    /// TOP … PERCENT and WITH TIES: by the place of each row in the order, and their number.
    fn counted(
        &mut self,
        top: &Top,
        list: &[String],
        rest: &str,
        order: &[String],
    ) -> Result<String> {
        if top.with_ties && order.is_empty() {
            return Err(messages::ties_without_order());
        }
        let place = if top.with_ties { "rank()" } else { "row_number()" };
        let limit = if top.percent { self.percentage(&top.count)? } else { self.top(&top.count)? };
        let columns = (0..list.len()).map(|i| format!("c{i}")).collect::<Vec<_>>().join(",");
        Ok(format!(
            "SELECT {columns} FROM (SELECT {},{place} OVER ({}) AS place,count(*) OVER () AS total\
             {rest}) WHERE place<={limit} ORDER BY place",
            list.join(","),
            clause("ORDER BY ", order)
        ))
    }

    pub(super) fn items(&mut self, list: &[Item]) -> Result<Items> {
        let (mut items, mut assigns) = (Vec::new(), Vec::new());
        for item in list {
            match item {
                Item::Star(prefix) => items.extend(self.star(prefix)?),
                Item::Expr(e, alias) => {
                    let mut bound = self.expr(e)?;
                    if bound.ty == Type::Bool {
                        return Err(Error::syntax("=", 0));
                    }
                    self.settle_alone(&bound);
                    bound.name = alias.clone().or(bound.name);
                    items.push(bound);
                }
                Item::Assign(variable, e) => {
                    let declared = self.env.var(variable);
                    let bound = self.expr(e)?;
                    let ty = match (declared, self.env.deductions()) {
                        (Some((ty, _)), _) => ty,
                        (None, Some(deductions)) => {
                            let (name, ty) = (variable.clone(), bound.ty);
                            let formal = None;
                            deductions.record(Deduced { name, ty, output: true, formal });
                            ty
                        }
                        (None, None) => return Err(messages::undeclared_variable(variable)),
                    };
                    self.settle(&bound, Meets::Exactly(ty), None);
                    items.push(self.coerce(bound, ty));
                    assigns.push(variable.clone());
                }
            }
        }
        if !assigns.is_empty() && assigns.len() != items.len() {
            return Err(messages::assignment_with_retrieval());
        }
        Ok(Items { items, assigns })
    }

    /// The keys of ORDER BY, with whether they are descending: select items by their position or
    /// name, and expressions.
    pub(super) fn order_by(
        &mut self,
        select: &Select,
        query: &Query,
        items: &[Typed],
    ) -> Result<Vec<(Typed, bool)>> {
        let mut out = Vec::new();
        for item in &query.order {
            let selected = match &item.expr {
                Expr::Integer(n) => Some(position(n, items.len())?),
                Expr::Column(parts) => match parts.as_slice() {
                    [name] => item_of_name(name, items)?,
                    _ => None,
                },
                e if is_constant(e) => return Err(constant_order(e, out.len() + 1)),
                _ => None,
            };
            let key = match selected {
                Some(at) => items[at].clone(),
                None => {
                    let bound = self.expr(&item.expr)?;
                    if select.distinct && !items.iter().any(|i| i.sql == bound.sql) {
                        return Err(messages::distinct_order_by_what_is_not_selected());
                    }
                    bound
                }
            };
            out.push((key, item.descending));
        }
        Ok(out)
    }
}

pub(super) fn has_any_aggregate(select: &Select, order: &[OrderItem]) -> bool {
    select
        .items
        .iter()
        .any(|i| matches!(i, Item::Expr(e, _) | Item::Assign(_, e) if has_aggregate(e)))
        || select.having.as_ref().is_some_and(has_aggregate)
        || order.iter().any(|o| has_aggregate(&o.expr))
}

/// An ordinal, from 1, as an index.
pub(super) fn position(ordinal: &str, count: usize) -> Result<usize> {
    let at = ordinal.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
    at.filter(|at| *at < count).ok_or_else(|| messages::ordinal_out_of_range(ordinal))
}

/// The select item of a name, unless two that differ have it.
fn item_of_name(name: &str, items: &[Typed]) -> Result<Option<usize>> {
    let is_named = |i: &&Typed| i.name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(name));
    let Some(first) = items.iter().position(|i| is_named(&i)) else { return Ok(None) };
    if items.iter().filter(is_named).any(|i| i.sql != items[first].sql) {
        return Err(messages::ambiguous_column(name));
    }
    Ok(Some(first))
}

/// Why a constant is no order.
fn constant_order(e: &Expr, position: usize) -> Error {
    if matches!(e, Expr::Unary(_, a) if matches!(**a, Expr::Integer(_))) {
        return Error::unsupported("ORDER BY a number with a sign");
    }
    if has_variable(e) {
        return messages::order_by_a_variable(position);
    }
    messages::order_by_a_constant(position)
}

/// Of a constant expression.
fn has_variable(e: &Expr) -> bool {
    match e {
        Expr::Variable(_) => true,
        Expr::Unary(_, a) | Expr::Collate(a, _) => has_variable(a),
        Expr::Binary(_, a, b) => has_variable(a) || has_variable(b),
        Expr::Cast { value, .. } => has_variable(value),
        _ => false,
    }
}
