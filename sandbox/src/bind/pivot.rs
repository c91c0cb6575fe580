//! PIVOT, as the query that it stands for: groups of all columns that it does not name, and an
//! aggregate of a CASE for each column that it makes.

use super::aggregate::is_aggregate;
use super::{Binder, Source, duplicate};
use crate::error::{Error, Result};
use crate::syntax::ast::{Body, Call, CompareOp, Expr, Item, Pivot, Query, Select};
use crate::types::Type;

impl Binder<'_> {
    pub(super) fn pivot(&mut self, pivot: &Pivot, sources: &mut Vec<Source>) -> Result<String> {
        if !is_aggregate(&pivot.function) || pivot.function == "STRING_AGG" {
            return Err(Error::unsupported(format!("PIVOT with {}", pivot.function)));
        }
        if duplicate(&pivot.columns).is_some() {
            return Err(Error::unsupported("PIVOT with the same column twice"));
        }
        // Bound once for the names of its columns, and again as the source of the query.
        let mut own = Vec::new();
        self.table(&pivot.source, &mut own)?;
        if own.iter().any(Source::is_partial) {
            return Err(Error::unsupported("PIVOT of a system view without all its columns"));
        }
        // Elsewhere it is not known which error a value that cannot be converted meets.
        let known = |ty: Type| {
            ty.is_text() || ty.is_int() && pivot.columns.iter().all(|c| c.parse::<i32>().is_ok())
        };
        if !own.iter().find_map(|s| s.type_of(&pivot.spread)).is_none_or(known) {
            return Err(Error::unsupported("PIVOT over values that are no texts or whole numbers"));
        }
        let is_named = |name: &&str| {
            name.eq_ignore_ascii_case(&pivot.value) || name.eq_ignore_ascii_case(&pivot.spread)
        };
        let column = |name: &str| Expr::Column(vec![name.to_owned()]);
        let names = own.iter().flat_map(Source::column_names);
        let group: Vec<Expr> = names.filter(|n| !is_named(n)).map(column).collect();
        if group.is_empty() {
            return Err(Error::unsupported("PIVOT of a source without other columns"));
        }
        let mut items: Vec<Item> = group.iter().map(|e| Item::Expr(e.clone(), None)).collect();
        for name in &pivot.columns {
            let is_it = Expr::Compare(
                CompareOp::Equal,
                Box::new(column(&pivot.spread)),
                Box::new(Expr::UnicodeText(name.clone())),
            );
            let value = Expr::Case {
                operand: None,
                whens: vec![(is_it, column(&pivot.value))],
                otherwise: None,
            };
            let call = Call::plain(pivot.function.clone(), vec![value]);
            items.push(Item::Expr(Expr::Call(call), Some(name.clone())));
        }
        let from = vec![pivot.source.clone()];
        let select = Select { items, from, group, ..Select::default() };
        let query = Query::of(Body::Select(Box::new(select)));
        self.derived(&query, &pivot.alias, &[], sources)
    }
}
