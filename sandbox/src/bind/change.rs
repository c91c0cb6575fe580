//! What INSERT, UPDATE, DELETE and the definitions of tables need bound.

use super::{Binder, Scope, Source, Typed, typed};
use crate::catalog::TableDef;
use crate::error::{Error, Result};
use crate::messages;
use crate::names::split;
use crate::syntax::ast::{Cte, Expr, Item, Name, Query, Table};
use crate::types::Column;
use crate::types::Type;

impl Binder<'_> {
    /// `SELECT rowid AS r, value AS v0, … FROM …`: the rows of `target`, a table or the alias of
    /// one in `from`, that FROM and WHERE pick, and values for columns of these types.
    pub(crate) fn target_rows(
        &mut self,
        ctes: &[Cte],
        target: &Name,
        from: &[Table],
        filter: Option<&Expr>,
        top: Option<&Expr>,
        values: &[(Type, Expr)],
    ) -> Result<String> {
        let with = self.with(ctes, Query::MAX_RECURSION)?;
        let own = [Table::Named { name: target.clone(), alias: None }];
        let (from, sources) = self.from(if from.is_empty() { &own } else { from })?;
        let database = self.database_of(target)?.ok_or_else(|| messages::invalid_object(target))?;
        let own = &self.env.catalog(database).database;
        let target = find_target(target, own, &sources)?;
        let first = target.columns.first().and_then(|c| c.sql.split('.').next());
        let mut list = vec![format!("{}.rowid AS r", first.unwrap_or_default())];
        self.scopes.push(Scope { sources, ..Scope::default() });
        for (i, (ty, e)) in values.iter().enumerate() {
            let bound = self.expr(e)?;
            list.push(format!("{} AS v{i}", self.assign(bound, *ty)?));
        }
        let filter = match filter {
            Some(filter) => format!(" WHERE {}", self.predicate(filter)?),
            None => String::new(),
        };
        let limit = self.limit(top)?;
        self.scopes.pop();
        Ok(format!("{with}SELECT {}{from}{filter}{limit}", list.join(",")))
    }

    /// OUTPUT: the items over one pseudo table, as RETURNING columns.
    pub(crate) fn returning(
        &mut self,
        items: &[Item],
        table: &TableDef,
        pseudo: &str,
    ) -> Result<(String, Vec<Column>)> {
        self.scopes.push(over(pseudo, table));
        let mut out: Vec<Typed> = Vec::new();
        for item in items {
            match item {
                Item::Star(prefix) => out.extend(self.star(prefix)?),
                Item::Expr(e, alias) => {
                    if let Expr::Column(parts) = e
                        && let [prefix, column] = parts.as_slice()
                        && !prefix.eq_ignore_ascii_case(pseudo)
                    {
                        return Err(Error::unsupported(format!(
                            "OUTPUT {prefix}.{column} in this statement"
                        )));
                    }
                    let mut bound = self.expr(e)?;
                    bound.name = alias.clone().or(bound.name);
                    out.push(bound);
                }
                Item::Assign(..) => return Err(Error::syntax("=", 0)),
            }
        }
        self.scopes.pop();
        let sql = out.iter().map(|e| e.sql.as_str()).collect::<Vec<_>>().join(",");
        Ok((sql, out.into_iter().map(Typed::into_column).collect()))
    }

    /// An expression over one table's columns by their bare names, for checks and computed columns.
    pub(crate) fn over_table(
        &mut self,
        e: &Expr,
        table: &TableDef,
        predicate: bool,
    ) -> Result<Typed> {
        self.scopes.push(over("", table));
        let bound = if predicate {
            self.predicate(e).map(|sql| typed(sql, Type::Bool))
        } else {
            self.expr(e)
        };
        self.scopes.pop();
        bound
    }
}

fn over(alias: &str, table: &TableDef) -> Scope {
    Scope { sources: vec![Source::bare(alias, table)], ..Scope::default() }
}

/// By its alias, or by its schema and name.
fn find_target<'s>(target: &Name, database: &str, sources: &'s [Source]) -> Result<&'s Source> {
    let by_alias =
        |s: &&Source| matches!(target.0.as_slice(), [name] if s.alias.eq_ignore_ascii_case(name));
    let by_name = || {
        let (schema, name) = split(target)?;
        sources.iter().find(|s| {
            s.qualified.as_ref().is_some_and(|[own_database, own_schema, own_name]| {
                own_database == database
                    && own_schema.eq_ignore_ascii_case(schema)
                    && own_name.eq_ignore_ascii_case(name)
            })
        })
    };
    let found = sources.iter().find(by_alias).or_else(by_name);
    found.ok_or_else(|| messages::invalid_object(target))
}
