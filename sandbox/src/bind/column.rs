//! Names of columns, in the query they stand in and in those around it.

use super::{Binder, Scope, Source, SourceColumn, Typed, typed};
use crate::error::{Error, Result};
use crate::messages;
use crate::types::Type;

impl Source {
    /// Whether a column's prefix means this source.
    fn is_meant_by(&self, prefix: &[String]) -> bool {
        match prefix {
            [] => true,
            [alias] => self.alias.eq_ignore_ascii_case(alias),
            [before @ .., schema, name] => self.qualified.as_ref().is_some_and(|own| {
                let [own_database, own_schema, own_name] = own;
                before.iter().all(|d| own_database.eq_ignore_ascii_case(d))
                    && own_schema.eq_ignore_ascii_case(schema)
                    && own_name.eq_ignore_ascii_case(name)
                    && self.alias.eq_ignore_ascii_case(own_name)
            }),
        }
    }
}

impl Source {
    pub(super) fn column_names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|c| c.name.as_str())
    }

    pub(super) fn type_of(&self, column: &str) -> Option<Type> {
        self.columns.iter().find(|c| c.name.eq_ignore_ascii_case(column)).map(|c| c.ty)
    }

    pub(super) fn is_partial(&self) -> bool {
        self.partial
    }
}

impl SourceColumn {
    fn bound(&self) -> Typed {
        Typed {
            name: Some(self.name.clone()),
            flags: self.flags,
            sensitive: self.sensitive,
            ..typed(self.sql.clone(), self.ty)
        }
    }
}

impl Scope {
    /// A column, which has to be a grouping expression where there are any.
    fn grouped(&self, source: &Source, column: &SourceColumn) -> Result<Typed> {
        let Some(groups) = &self.groups else { return Ok(column.bound()) };
        match groups.iter().find(|g| g.sql == column.sql) {
            Some(group) => Ok(group.stands_for(column.bound())),
            None => Err(messages::not_grouped(&source.alias, &column.name)),
        }
    }
}

impl Binder<'_> {
    /// Innermost first: a column of an outer query is one that no inner source has.
    pub(super) fn column(&self, parts: &[String]) -> Result<Typed> {
        let Some((column, prefix)) = parts.split_last() else {
            return Err(Error::internal("a column without a name"));
        };
        for scope in self.scopes.iter().rev() {
            let meant = || scope.sources.iter().filter(|s| s.is_meant_by(prefix));
            let hits: Vec<(&Source, &SourceColumn)> = meant()
                .flat_map(|s| s.columns.iter().map(move |c| (s, c)))
                .filter(|(_, c)| c.name.eq_ignore_ascii_case(column))
                .collect();
            match hits.as_slice() {
                [] => {
                    if let Some([_, schema, view]) =
                        meant().find(|s| s.partial).and_then(|s| s.qualified.as_ref())
                    {
                        let what = format!("the column {column} of {schema}.{view}");
                        return Err(Error::unsupported(what));
                    }
                    if !prefix.is_empty() && meant().next().is_some() {
                        return Err(messages::invalid_column(column));
                    }
                }
                [(source, found)] => {
                    if scope.free > 0 {
                        return Ok(found.bound());
                    }
                    return scope.grouped(source, found);
                }
                _ => return Err(messages::ambiguous_column(column)),
            }
        }
        if prefix.is_empty() {
            return Err(messages::invalid_column(column));
        }
        Err(messages::unbound_identifier(&parts.join(".")))
    }

    /// `*`, or `prefix.*`: the columns of all sources that are meant.
    pub(super) fn star(&self, prefix: &[String]) -> Result<Vec<Typed>> {
        let Some(scope) = self.scopes.last() else { return Ok(Vec::new()) };
        if scope.sources.is_empty() {
            return Err(messages::no_table_to_select_from());
        }
        let mut out = Vec::new();
        for source in scope.sources.iter().filter(|s| s.is_meant_by(prefix)) {
            if let Some([_, schema, view]) = source.qualified.as_ref().filter(|_| source.partial) {
                return Err(Error::unsupported(format!(
                    "every column of {schema}.{view}; name those that you want"
                )));
            }
            for column in &source.columns {
                out.push(scope.grouped(source, column)?);
            }
        }
        if out.is_empty() {
            return Err(messages::unknown_prefix(&prefix.join(".")));
        }
        Ok(out)
    }
}
