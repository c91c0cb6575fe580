//! GROUP BY, and the grouping sets of ROLLUP, CUBE and GROUPING SETS: one query for each, joined by
//! UNION ALL.

use super::expr::is_constant;
use super::query::{clause, directed};
use super::{Binder, Bound, Typed, typed};
use crate::error::{Error, Result};
use crate::messages;
use crate::syntax::ast::{Expr, Query, Select};
use crate::types::Type;

/// A grouping expression.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) sql: String,
    /// What makes the group: of a datetimeoffset the instant.
    pub(super) key: String,
    /// Not in this grouping set, where NULL stands for it.
    omitted: bool,
}

impl Group {
    /// What a grouping expression stands for.
    pub(super) fn stands_for(&self, bound: Typed) -> Typed {
        if self.omitted { Typed { sql: "NULL".into(), ..bound } } else { bound }
    }
}

impl Binder<'_> {
    pub(super) fn group_by(&mut self, group: &[Expr]) -> Result<Vec<Group>> {
        let mut out = Vec::new();
        for e in group {
            if is_constant(e) {
                return Err(messages::group_by_a_constant());
            }
            let bound = self.expr(e)?;
            let key = self.order_key(&bound);
            out.push(Group { sql: bound.sql, key, omitted: false });
        }
        Ok(out)
    }

    /// `rest` from FROM to WHERE; `aggregates` whether the query has any.
    pub(super) fn grouping_sets(
        &mut self,
        select: &Select,
        query: &Query,
        rest: &str,
        groups: &[Group],
        aggregates: bool,
    ) -> Result<Bound> {
        if select.distinct || select.top.as_ref().is_some_and(|t| t.percent || t.with_ties) {
            return Err(Error::unsupported(
                "grouping sets with DISTINCT, TOP … PERCENT or WITH TIES",
            ));
        }
        let (mut branches, mut first) = (Vec::new(), None);
        for set in &select.grouping_sets {
            let groups: Vec<Group> = groups
                .iter()
                .enumerate()
                .map(|(at, group)| Group { omitted: !set.contains(&at), ..group.clone() })
                .collect();
            let keys: Vec<String> =
                groups.iter().filter(|g| !g.omitted).map(|g| g.key.clone()).collect();
            if let Some(scope) = self.scopes.last_mut() {
                scope.groups = Some(groups);
                scope.grouping_sets = true;
            }
            let items = self.items(&select.items)?;
            let having = match &select.having {
                Some(having) => format!(" HAVING {}", self.predicate(having)?),
                None => String::new(),
            };
            let order = self.order_by(select, query, &items.items)?;
            let mut list: Vec<String> =
                items.items.iter().enumerate().map(|(i, e)| format!("{} AS c{i}", e.sql)).collect();
            list.extend(order.iter().enumerate().map(|(i, (key, _))| {
                let sql = if key.ty.is_text() { key.sql.clone() } else { self.order_key(key) };
                format!("{sql} AS k{i}")
            }));
            let group = match keys.as_slice() {
                [] if aggregates => String::new(),
                [] => " GROUP BY NULL".into(),
                keys => clause(" GROUP BY ", keys),
            };
            branches.push(format!("SELECT {}{rest}{group}{having}", list.join(",")));
            first.get_or_insert((items, order));
        }
        let Some((items, order)) = first else {
            return Err(Error::internal("no grouping set"));
        };
        let count = items.items.len();
        let order: Vec<String> = order
            .into_iter()
            .enumerate()
            .map(|(i, (key, descending))| {
                let sql = format!("k{i}");
                let key =
                    if key.ty.is_text() { Typed { sql, ..key } } else { typed(sql, Type::Int) };
                directed(key.collated(), descending)
            })
            .collect();
        let paging = self.paging(select.top.as_ref().map(|t| &t.count), query)?;
        let columns: Vec<String> = (0..count).map(|i| format!("c{i}")).collect();
        let sql = format!(
            "SELECT {} FROM ({}){}{paging}",
            columns.join(","),
            branches.join(" UNION ALL "),
            clause(" ORDER BY ", &order)
        );
        Ok(items.into_bound(sql, !paging.is_empty()))
    }

    /// GROUPING: 1 where a grouping set omits the expression, 0 where it does not.
    pub(super) fn grouping(&mut self, args: &[Expr]) -> Result<Typed> {
        let bound = self.with_free_columns(|b| b.expr(&args[0]))?;
        let groups = self.scopes.last().and_then(|s| s.groups.as_ref());
        let group = groups.and_then(|groups| groups.iter().find(|g| g.sql == bound.sql));
        let group = group.ok_or_else(messages::grouping_of_no_group)?;
        Ok(typed(if group.omitted { "1" } else { "0" }, Type::TinyInt))
    }
}
