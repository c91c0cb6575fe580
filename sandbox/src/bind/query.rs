//! Queries with their common table expressions, order and paging.

use super::select::position;
use super::{Binder, Bound, Meets, Typed, typed};
use crate::error::{Error, Result};
use crate::functions::{FETCH, OFFSET, PERCENT, Shim, TOP};
use crate::messages;
use crate::syntax::ast::{Body, Expr, Query};
use crate::types::{Type, Value};

/// Queries in each other; SQL Server's own bound is in bytes of its stack.
const DEEPEST: u32 = 32;

impl Binder<'_> {
    /// Binds a query; `outer` is whether its rows go to the client, where an ORDER BY needs no TOP.
    pub(crate) fn query(&mut self, query: &Query, outer: bool) -> Result<Bound> {
        self.depth += 1;
        let bound = if self.depth > DEEPEST {
            Err(messages::query_nested_too_deeply())
        } else {
            self.query_with_ctes(query, outer)
        };
        self.depth -= 1;
        bound.map_err(Error::compiled)
    }

    fn query_with_ctes(&mut self, query: &Query, outer: bool) -> Result<Bound> {
        let mark = self.ctes.len();
        let with = self.with(&query.ctes, query.max_recursion)?;
        let has_top = matches!(&query.body, Body::Select(s) if s.top.is_some());
        let is_ordered = !query.order.is_empty() && query.offset.is_none() && !has_top;
        if !outer && is_ordered && query.json.is_none() {
            return Err(messages::order_by_in_a_subquery());
        }
        let mut bound = match &query.body {
            Body::Select(select) => self.select(select, query)?,
            body => {
                let body = self.body(body)?;
                self.ordered(body, query)?
            }
        };
        bound.sql = with + &bound.sql;
        if let Some(json) = &query.json {
            bound = self.for_json(json, query, bound, outer)?;
        }
        self.ctes.truncate(mark);
        Ok(bound)
    }

    pub(super) fn body(&mut self, body: &Body) -> Result<Bound> {
        match body {
            Body::Select(select) => self.select(select, &Query::of(Body::Select(Box::default()))),
            Body::Nested(query) => self.query(query, false),
            Body::Set { op, left, right } => self.set_operation(*op, left, right),
        }
    }

    /// ORDER BY and paging of a set operation or a query in parentheses: by its columns alone.
    fn ordered(&mut self, mut bound: Bound, query: &Query) -> Result<Bound> {
        let mut keys = Vec::new();
        for item in &query.order {
            let named = |name: &String| {
                let name = name.to_lowercase();
                bound.columns.iter().position(|c| c.name.to_lowercase() == name)
            };
            let at = match &item.expr {
                Expr::Integer(n) => Some(position(n, bound.columns.len())?),
                Expr::Column(parts) => parts.last().and_then(named),
                _ => None,
            };
            let at = at.ok_or_else(messages::order_by_what_is_not_selected)?;
            let key = self.order_key(&typed(format!("c{at}"), bound.columns[at].ty));
            keys.push(directed(key, item.descending));
        }
        if keys.is_empty() && query.offset.is_none() {
            return Ok(bound);
        }
        bound.sql = format!("SELECT * FROM ({}){}", bound.sql, clause(" ORDER BY ", &keys));
        bound.sql += &self.paging(None, query)?;
        bound.limited = query.offset.is_some();
        Ok(bound)
    }

    /// LIMIT and OFFSET; empty for all rows.
    pub(super) fn paging(&mut self, top: Option<&Expr>, query: &Query) -> Result<String> {
        match (top, &query.offset) {
            (Some(_), Some(_)) => {
                // The count is looked at first, and may be wrong too.
                self.limit(top)?;
                Err(messages::top_with_offset())
            }
            (top, None) => self.limit(top),
            (None, Some(offset)) => {
                let limit = match &query.fetch {
                    Some(count) => {
                        self.row_count(count, &FETCH, messages::row_count_is_no_integer("FETCH"))?
                    }
                    None => "-1".into(),
                };
                let not_integer = messages::row_count_is_no_integer("OFFSET");
                Ok(format!(
                    " LIMIT {limit} OFFSET {}",
                    self.row_count(offset, &OFFSET, not_integer)?
                ))
            }
        }
    }

    /// LIMIT of a TOP.
    pub(super) fn limit(&mut self, top: Option<&Expr>) -> Result<String> {
        let Some(count) = top else { return Ok(String::new()) };
        Ok(format!(" LIMIT {}", self.top(count)?))
    }

    /// The number of rows of a TOP.
    pub(super) fn top(&mut self, count: &Expr) -> Result<String> {
        let not_integer = messages::row_count_is_no_integer("TOP or FETCH row count parameter");
        self.row_count(count, &TOP, not_integer)
    }

    /// The number of rows of a TOP … PERCENT, of a column `total`.
    pub(super) fn percentage(&mut self, percent: &Expr) -> Result<String> {
        let percent = self.expr(percent)?;
        if matches!(percent.constant, Some(Value::Null)) {
            return Err(messages::invalid_row_count());
        }
        if !percent.ty.is_number() || percent.ty == Type::Bit {
            return Err(Error::unsupported(format!("TOP … PERCENT of {}", percent.ty)));
        }
        let percent = self.coerce(percent, Type::Float);
        let args = [("total", Type::BigInt), (&percent.sql, Type::Float)];
        Ok(self.shim(&PERCENT, &args, Type::BigInt).sql)
    }

    /// A number of rows, in a shim that refuses those that it may not be.
    fn row_count(
        &mut self,
        count: &Expr,
        shim: &'static Shim,
        not_integer: Error,
    ) -> Result<String> {
        let mut count: Typed = self.expr(count)?;
        self.settle(&count, Meets::Exactly(Type::BigInt), None);
        if count.pending.is_some() {
            count.ty = Type::BigInt;
        }
        if matches!(count.constant, Some(Value::Null)) {
            return Err(messages::invalid_row_count());
        }
        if !count.ty.is_int() || count.ty == Type::Bit {
            return Err(not_integer);
        }
        Ok(self.shim(shim, &[(&count.sql, Type::BigInt)], Type::BigInt).sql)
    }
}

/// A key of ORDER BY.
pub(super) fn directed(key: String, descending: bool) -> String {
    if descending { key + " DESC" } else { key }
}

/// A clause over a list; empty without one.
pub(super) fn clause(words: &str, list: &[String]) -> String {
    if list.is_empty() { String::new() } else { format!("{words}{}", list.join(",")) }
}
