//! UNPIVOT, as the query that it stands for: a row for each of the columns that it names, with the
//! column's value and its name, but where the value is NULL.

use super::{Binder, Source, duplicate};
use crate::error::{Error, Result};
use crate::messages;
use crate::syntax::ast::{Body, Expr, Item, JoinKind, Query, Select, Table, Unpivot};
use crate::types::{Len, Type};

/// The alias and the column of the names, which no text can write.
const NAMES: &str = "\u{1}names";
const NAME: &str = "\u{1}name";

impl Binder<'_> {
    pub(super) fn unpivot(
        &mut self,
        unpivot: &Unpivot,
        sources: &mut Vec<Source>,
    ) -> Result<String> {
        // Bound once for the names and types of its columns, and again as the source of the query.
        let mut own = Vec::new();
        self.table(&unpivot.source, &mut own)?;
        if own.iter().any(Source::is_partial) {
            return Err(Error::unsupported("UNPIVOT of a system view without all its columns"));
        }
        check_columns(unpivot, &own)?;
        let is_named = |name: &&str| unpivot.columns.iter().any(|c| c == *name);
        let kept: Vec<&str> =
            own.iter().flat_map(Source::column_names).filter(|n| !is_named(n)).collect();
        let is_kept = |name: &String| kept.iter().any(|k| k.eq_ignore_ascii_case(name));
        if [&unpivot.value, &unpivot.name].into_iter().any(is_kept)
            || unpivot.value.eq_ignore_ascii_case(&unpivot.name)
        {
            return Err(Error::unsupported("UNPIVOT into a column that is there already"));
        }
        let column = |name: &str| Expr::Column(vec![name.to_owned()]);
        let text = |name: &String| Expr::UnicodeText(name.clone());
        let value = Expr::Case {
            operand: Some(Box::new(column(NAME))),
            whens: unpivot.columns.iter().map(|c| (text(c), column(c))).collect(),
            otherwise: None,
        };
        let name = Expr::Cast {
            value: Box::new(column(NAME)),
            ty: Type::NVarChar(Len::N(128)),
            style: None,
            attempt: false,
        };
        let mut items: Vec<Item> = kept.iter().map(|n| Item::Expr(column(n), None)).collect();
        items.push(Item::Expr(value.clone(), Some(unpivot.value.clone())));
        items.push(Item::Expr(name, Some(unpivot.name.clone())));
        let names = Table::Values {
            rows: unpivot.columns.iter().map(|c| vec![text(c)]).collect(),
            alias: NAMES.to_owned(),
            columns: vec![NAME.to_owned()],
        };
        let from = vec![Table::Join {
            kind: JoinKind::Cross,
            left: Box::new(unpivot.source.clone()),
            right: Box::new(names),
            on: None,
        }];
        let filter = Some(Expr::IsNull { value: Box::new(value), negated: true });
        let select = Select { items, from, filter, ..Select::default() };
        let query = Query::of(Body::Select(Box::new(select)));
        self.derived(&query, &unpivot.alias, &[], sources)
    }
}

/// The columns have to be there, and of one type.
fn check_columns(unpivot: &Unpivot, own: &[Source]) -> Result<()> {
    if duplicate(&unpivot.columns).is_some() {
        return Err(Error::unsupported("UNPIVOT of the same column twice"));
    }
    let mut first = None;
    for name in &unpivot.columns {
        let found = own.iter().find_map(|s| s.type_of(name));
        let ty = found.ok_or_else(|| messages::invalid_column(name))?;
        if !own.iter().flat_map(Source::column_names).any(|n| n == name) {
            return Err(Error::unsupported("UNPIVOT of a column in another case"));
        }
        if *first.get_or_insert(ty) != ty {
            return Err(messages::unpivot_of_types(name));
        }
    }
    Ok(())
}
