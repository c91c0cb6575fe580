//! UNION, EXCEPT and INTERSECT.

use super::types::common;
use super::{Binder, Bound, typed};
use crate::error::{Error, Result};
use crate::messages;
use crate::syntax::ast::{Body, Expr, Item, SetOp};
use crate::types::Column;
use crate::types::Type;

/// A bound operand, and which of its columns are the word NULL.
struct Operand {
    bound: Bound,
    untyped: Vec<bool>,
}

impl Operand {
    fn is_untyped(&self, column: usize) -> bool {
        self.untyped.get(column) == Some(&true)
    }

    /// NULL where it has none.
    fn type_of(&self, column: usize) -> Type {
        if self.is_untyped(column) { Type::Null } else { self.bound.columns[column].ty }
    }
}

impl Binder<'_> {
    pub(super) fn set_operation(&mut self, op: SetOp, left: &Body, right: &Body) -> Result<Bound> {
        let left = Operand { bound: self.body(left)?, untyped: untyped(left) };
        let right = Operand { bound: self.body(right)?, untyped: untyped(right) };
        let count = left.bound.columns.len();
        if count != right.bound.columns.len() {
            return Err(messages::set_operands_of_unequal_length());
        }
        let types: Vec<Type> = (0..count)
            .map(|i| match (left.is_untyped(i), right.is_untyped(i)) {
                // A column that is NULL on both sides is an int.
                (true, true) => left.bound.columns[i].ty,
                _ => common(left.type_of(i), right.type_of(i)),
            })
            .collect();
        if op != SetOp::UnionAll && types.iter().any(|t| matches!(t, Type::DateTimeOffset(_))) {
            return Err(Error::unsupported(format!("{} of datetimeoffset", op.sql())));
        }
        let sql = format!(
            "{} {} {}",
            self.operand(op, &left, &types),
            op.sql(),
            self.operand(op, &right, &types)
        );
        let columns = left.bound.columns.into_iter().zip(types);
        let columns = columns.map(|(c, ty)| Column { name: c.name, ty, flags: 1 }).collect();
        Ok(Bound { sql, columns, assigns: Vec::new(), pending: false, limited: false })
    }

    /// One side, its columns brought to the common types.
    fn operand(&self, op: SetOp, operand: &Operand, types: &[Type]) -> String {
        let column = |(i, ty): (usize, &Type)| {
            let column = self.coerce(typed(format!("c{i}"), operand.type_of(i)), *ty);
            // Only UNION ALL compares nothing.
            let sql = if op == SetOp::UnionAll { column.sql } else { column.collated() };
            format!("{sql} AS c{i}")
        };
        let list: Vec<String> = types.iter().enumerate().map(column).collect();
        format!("SELECT {} FROM ({})", list.join(","), operand.bound.sql)
    }
}

/// Which columns of a query are NULL and nothing else; nothing where that is not known.
fn untyped(body: &Body) -> Vec<bool> {
    match body {
        Body::Select(select) if select.items.iter().all(|i| matches!(i, Item::Expr(..))) => {
            select.items.iter().map(|i| matches!(i, Item::Expr(Expr::Null, _))).collect()
        }
        Body::Select(_) => Vec::new(),
        Body::Nested(query) => untyped(&query.body),
        Body::Set { left, right, .. } => {
            untyped(left).into_iter().zip(untyped(right)).map(|(a, b)| a && b).collect()
        }
    }
}
