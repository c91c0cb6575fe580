//! FROM: table sources and joins.

use super::expr::is_constant;
use super::types::{common, common_of};
use super::{Binder, Scope, Source, SourceColumn, literal};
use crate::catalog::views::{Content, Rows, is_compatibility_view, is_complete};
use crate::catalog::{Object, ObjectKind, TableDef, quote};
use crate::error::{Error, Result};
use crate::functions::SPLIT;
use crate::messages;
use crate::names::SYSTEM_DATABASES;
use crate::syntax;
use crate::syntax::ast::{Expr, JoinKind, Name, Query, Table};
use crate::types::{Column, Len, Type};

impl Source {
    pub(super) fn derived(alias: impl Into<String>, columns: Vec<SourceColumn>) -> Self {
        Self { alias: alias.into(), qualified: None, columns, partial: false, depth: None }
    }

    /// Whether another source has its name in the query. Tables of one name may stand together
    /// without aliases: their schemas and databases tell them apart.
    fn is_exposed_as(&self, other: &Source) -> bool {
        if !self.alias.eq_ignore_ascii_case(&other.alias) {
            return false;
        }
        match (&self.qualified, &other.qualified) {
            (Some(own), Some(its)) if own[2] == self.alias && its[2] == other.alias => own == its,
            _ => true,
        }
    }

    /// A table's columns by their bare names, for what SQLite computes within one row.
    pub(super) fn bare(alias: &str, table: &TableDef) -> Self {
        let column = |c: &crate::catalog::ColumnMeta| SourceColumn {
            name: c.name.clone(),
            sql: quote(&c.name),
            ty: c.ty,
            flags: 1,
            sensitive: false,
        };
        Self::derived(alias, table.columns.iter().map(column).collect())
    }
}

impl Binder<'_> {
    /// ` FROM …`, or nothing, and the sources in the order in which `*` lists them.
    pub(super) fn from(&mut self, tables: &[Table]) -> Result<(String, Vec<Source>)> {
        let (mut sources, mut parts) = (Vec::new(), Vec::new());
        for table in tables {
            parts.push(self.table(table, &mut sources)?);
        }
        for (i, a) in sources.iter().enumerate() {
            if sources[..i].iter().any(|b| b.is_exposed_as(a)) {
                return Err(messages::correlation_name_specified_twice(&a.alias));
            }
        }
        if parts.is_empty() {
            return Ok((String::new(), sources));
        }
        Ok((format!(" FROM {}", parts.join(" CROSS JOIN ")), sources))
    }

    pub(super) fn table(&mut self, table: &Table, sources: &mut Vec<Source>) -> Result<String> {
        match table {
            Table::Join { kind, left, right, on } => {
                self.join(*kind, (left, right), on.as_ref(), sources)
            }
            Table::Derived { query, alias, columns } => {
                self.derived(query, alias, columns, sources)
            }
            Table::Values { rows, alias, columns } => {
                let (sql, types) = self.values(rows)?;
                let source = self.fresh('s');
                let found: Vec<Column> = types.iter().map(|t| Column::new("", *t)).collect();
                let columns = renamed(&found, columns, alias, &source)?;
                sources.push(Source::derived(alias, columns));
                Ok(format!("({sql}) AS {source}"))
            }
            Table::Named { name, alias } => self.named(name, alias.as_deref(), sources),
            Table::Pivot(pivot) => self.pivot(pivot, sources),
            Table::Unpivot(unpivot) => self.unpivot(unpivot, sources),
            Table::OpenJson(open) => self.open_json(open, sources),
            Table::OwnFunction { name, args, alias, columns } => {
                self.own_source((name, args), alias.as_deref(), columns, sources)
            }
            Table::Function { name, args, alias, columns } => {
                let alias = alias.as_ref().unwrap_or(name);
                self.string_split(args, alias, columns, sources)
            }
        }
    }

    /// A derived table sees the queries around it, but not its neighbours.
    pub(super) fn derived(
        &mut self,
        query: &Query,
        alias: &str,
        columns: &[String],
        sources: &mut Vec<Source>,
    ) -> Result<String> {
        let bound = self.query(query, false)?;
        let source = self.fresh('s');
        let columns = renamed(&bound.columns, columns, alias, &source)?;
        sources.push(Source::derived(alias, columns));
        Ok(format!("({}) AS {source}", bound.sql))
    }

    fn join(
        &mut self,
        kind: JoinKind,
        (left, right): (&Table, &Table),
        on: Option<&Expr>,
        sources: &mut Vec<Source>,
    ) -> Result<String> {
        let start = sources.len();
        let left = self.table(left, sources)?;
        let is_nested = matches!(right, Table::Join { .. });
        if kind.is_apply() {
            self.scopes.push(Scope { sources: sources[start..].to_vec(), ..Scope::default() });
            let right = self.applied(right, sources);
            self.scopes.pop();
            let on = if kind == JoinKind::OuterApply { " ON 1" } else { "" };
            return Ok(format!("{left} {} {}{on}", kind.sql(), right?));
        }
        let right = self.table(right, sources)?;
        let Some(on) = on else { return Ok(format!("{left} {} {right}", kind.sql())) };
        self.scopes.push(Scope { sources: sources[start..].to_vec(), ..Scope::default() });
        let on = self.clause_without_sequences(|b| b.predicate(on));
        self.scopes.pop();
        let right = if is_nested { format!("({right})") } else { right };
        Ok(format!("{left} {} {right} ON {}", kind.sql(), on?))
    }

    /// STRING_SPLIT: a JSON array, of which SQLite makes rows.
    fn string_split(
        &mut self,
        args: &[Expr],
        alias: &str,
        names: &[String],
        sources: &mut Vec<Source>,
    ) -> Result<String> {
        let args = args.iter().map(|a| self.expr(a)).collect::<Result<Vec<_>>>()?;
        let [text, separator] = args.as_slice() else {
            return Err(Error::unsupported("STRING_SPLIT with other than two arguments"));
        };
        let is_text = |ty: Type| ty.is_text() && ty != Type::Xml;
        if !is_text(text.ty) || !is_text(separator.ty) {
            return Err(Error::unsupported("STRING_SPLIT of what is no text"));
        }
        // Of an argument of Unicode the parts are so too, each as long as the text may be.
        let ty = match (text.ty.is_unicode() || separator.ty.is_unicode(), text.ty) {
            (true, ty) => common(ty, Type::NVarChar(Len::N(1))),
            (false, ty) => common(ty, Type::VarChar(Len::N(1))),
        };
        let args = [(text.sql.as_str(), text.ty), (separator.sql.as_str(), separator.ty)];
        let array = self.shim(&SPLIT, &args, Type::NVarChar(Len::Max)).sql;
        let source = self.fresh('s');
        let mut columns = renamed(&[Column::new("value", ty)], names, alias, &source)?;
        columns[0].sql = format!("{source}.value");
        sources.push(Source::derived(alias, columns));
        Ok(format!("json_each({array}) AS {source}"))
    }

    /// `VALUES` rows brought to one type per column.
    pub(super) fn values(&mut self, rows: &[Vec<Expr>]) -> Result<(String, Vec<Type>)> {
        let mut bound = Vec::new();
        for row in rows {
            bound.push(row.iter().map(|e| self.expr(e)).collect::<Result<Vec<_>>>()?);
        }
        let count = bound.first().map_or(0, Vec::len);
        if bound.iter().any(|row| row.len() != count) {
            return Err(messages::rows_of_unequal_length());
        }
        let types: Vec<Type> = (0..count)
            .map(|i| common_of(bound.iter().map(|row| row[i].ty)))
            .map(|t| if t == Type::Null { Type::Int } else { t })
            .collect();
        let texts: Vec<Vec<String>> = bound
            .into_iter()
            .map(|row| row.into_iter().zip(&types).map(|(e, t)| self.coerce(e, *t).sql).collect())
            .collect();
        let is_correlated = !self.scopes.is_empty() && !rows.iter().flatten().all(is_constant);
        let sql = if is_correlated { selects_sql(&texts)? } else { values_sql(count, texts) };
        Ok((sql, types))
    }

    pub(super) fn named(
        &mut self,
        name: &Name,
        alias: Option<&str>,
        sources: &mut Vec<Source>,
    ) -> Result<String> {
        let last = name.0.last().map_or("", String::as_str);
        let alias = alias.unwrap_or(last);
        if let Some(sql) = self.cte_source(name, alias, sources) {
            return Ok(sql);
        }
        if name.0.len() == 1 && last.starts_with(['#', '@']) {
            let table = self.env.temp(last).ok_or_else(|| messages::invalid_object(name))?;
            return Ok(self.base(table, alias, None, sources));
        }
        let database = match name.0.as_slice() {
            [server, _, _, _] => {
                return Err(Error::unsupported(format!("the linked server {server}")));
            }
            _ => self.database_of(name)?.ok_or_else(|| messages::invalid_object(name))?,
        };
        if let Some(object) = self.env.catalog(database).find(name) {
            if let ObjectKind::Synonym(base) = &object.kind {
                return self.synonym(database, (object, base), alias, sources);
            }
            return self.object(database, object, alias, sources);
        }
        self.system_view(database, name, alias, sources)
    }

    fn object(
        &mut self,
        database: usize,
        object: &Object,
        alias: &str,
        sources: &mut Vec<Source>,
    ) -> Result<String> {
        let own = &self.env.catalog(database).database;
        let qualified = Some([own.clone(), object.schema.clone(), object.name.clone()]);
        match &object.kind {
            ObjectKind::Table(table) => Ok(self.base(table, alias, qualified, sources)),
            ObjectKind::View(text) => {
                let query = syntax::query(text)?;
                // A view sees neither the scopes nor the CTEs of the query that uses it, and its
                // names are those of its own database.
                let (scopes, ctes) =
                    (std::mem::take(&mut self.scopes), std::mem::take(&mut self.ctes));
                let outside = std::mem::replace(&mut self.database, database);
                let bound = self.query(&query, false);
                (self.scopes, self.ctes, self.database) = (scopes, ctes, outside);
                let bound = bound?;
                let source = self.fresh('s');
                let columns = renamed(&bound.columns, &[], alias, &source)?;
                sources.push(Source { qualified, ..Source::derived(alias, columns) });
                Ok(format!("({}) AS {source}", bound.sql))
            }
            ObjectKind::Procedure(..) => Err(messages::procedure_as_a_table(&object.name)),
            ObjectKind::Function(_) => Err(messages::function_without_parentheses(&object.name)),
            ObjectKind::Trigger(..) | ObjectKind::Synonym(_) | ObjectKind::Sequence(_) => {
                Err(messages::invalid_object(&Name(vec![object.name.clone()])))
            }
        }
    }

    /// A table of SQLite.
    fn base(
        &mut self,
        table: &TableDef,
        alias: &str,
        qualified: Option<[String; 3]>,
        sources: &mut Vec<Source>,
    ) -> String {
        let source = self.fresh('s');
        let columns = table.columns.iter().map(|c| SourceColumn {
            name: c.name.clone(),
            sql: format!("{source}.{}", quote(&c.name)),
            ty: c.ty,
            // Nullable; identity, or updatable; computed (MS-TDS §2.2.7.4).
            flags: u16::from(c.nullable)
                | if c.identity.is_some() { 0x10 } else { 8 }
                | if c.computed.is_some() { 0x20 } else { 0 },
            sensitive: false,
        });
        let columns = columns.collect();
        sources.push(Source { qualified, ..Source::derived(alias, columns) });
        if table.is_empty() {
            let nulls: Vec<String> =
                table.columns.iter().map(|c| format!("NULL AS {}", quote(&c.name))).collect();
            return format!("(SELECT {} WHERE 0) AS {source}", nulls.join(","));
        }
        format!("{} AS {source}", table.physical)
    }

    fn system_view(
        &mut self,
        database: usize,
        name: &Name,
        alias: &str,
        sources: &mut Vec<Source>,
    ) -> Result<String> {
        let (schema, view) = system_name(name)?;
        let wanted = self.wanted_of(alias);
        let found = self.env.system_view(database, (schema, view), &wanted)?;
        let Some(Rows { columns, content }) = found else {
            let is_system =
                ["sys", "INFORMATION_SCHEMA"].iter().any(|s| schema.eq_ignore_ascii_case(s));
            return Err(if is_system || is_compatibility_view(view) {
                Error::unsupported(format!("the view {schema}.{view}")).compiled()
            } else {
                messages::invalid_object(name)
            });
        };
        let source = self.fresh('s');
        let count = columns.len();
        let columns = columns.iter().enumerate().map(|(i, (name, ty))| SourceColumn {
            name: (*name).to_owned(),
            sql: format!("{source}.c{i}"),
            ty: *ty,
            flags: 1,
            sensitive: false,
        });
        let own = self.env.catalog(database).database.clone();
        sources.push(Source {
            qualified: Some([own, schema.to_owned(), view.to_owned()]),
            partial: !is_complete(schema, view),
            ..Source::derived(alias, columns.collect())
        });
        let rows = match content {
            Content::List(rows) => rows,
            Content::Parts(number, parts) => {
                return Ok(format!("({}) AS {source}", parts_sql(number, parts, count)));
            }
        };
        if rows.is_empty() {
            let nulls: Vec<String> = (0..count).map(|i| format!("NULL AS c{i}")).collect();
            return Ok(format!("(SELECT {} WHERE 0) AS {source}", nulls.join(",")));
        }
        let rows = rows.iter().map(|row| row.iter().map(literal).collect()).collect();
        Ok(format!("({}) AS {source}", values_sql(count, rows)))
    }
}

/// Rows of SQLite's texts, as a query whose columns are c0, c1, ….
pub(super) fn values_sql(count: usize, rows: Vec<Vec<String>>) -> String {
    let names: Vec<String> = (0..count).map(|i| format!("column{} AS c{i}", i + 1)).collect();
    let rows: Vec<String> = rows.into_iter().map(|row| format!("({})", row.join(","))).collect();
    format!("SELECT {} FROM (VALUES {})", names.join(","), rows.join(","))
}

/// The rows of a view of many objects, made while they are read: for each part its rows. LIMIT
/// keeps SQLite from reading them where a join would read them again and again.
fn parts_sql(number: i64, parts: usize, count: usize) -> String {
    let cells: Vec<String> =
        (0..count).map(|i| format!("view_cell({number},p.value,r.value,{i}) AS c{i}")).collect();
    let last = parts as i64 - 1;
    format!(
        "SELECT {} FROM generate_series(0,{last}) AS p \
         CROSS JOIN generate_series(0,view_part({number},p.value)) AS r LIMIT -1",
        cells.join(",")
    )
}

/// The same for rows that name columns of the queries around them, of which SQLite's VALUES would
/// lose its own columns.
fn selects_sql(rows: &[Vec<String>]) -> Result<String> {
    /// Of SQLite's, for the parts of a UNION.
    const MOST: usize = 500;
    if rows.len() > MOST {
        return Err(Error::unsupported("more than 500 rows of VALUES that name columns"));
    }
    let select = |row: &Vec<String>| {
        let list: Vec<String> =
            row.iter().enumerate().map(|(i, sql)| format!("{sql} AS c{i}")).collect();
        format!("SELECT {}", list.join(","))
    };
    Ok(rows.iter().map(select).collect::<Vec<_>>().join(" UNION ALL "))
}

/// The columns of a source by the names of its list, or by their own.
pub(super) fn renamed(
    found: &[Column],
    names: &[String],
    alias: &str,
    source: &str,
) -> Result<Vec<SourceColumn>> {
    if !names.is_empty() && names.len() != found.len() {
        return Err(messages::column_list_of_unequal_length(alias, names.len() < found.len()));
    }
    let column = |(i, c): (usize, &Column)| {
        let name = names.get(i).unwrap_or(&c.name).clone();
        if name.is_empty() {
            return Err(messages::no_column_name(i + 1, alias));
        }
        Ok(SourceColumn {
            name,
            sql: format!("{source}.c{i}"),
            ty: c.ty,
            flags: 1,
            sensitive: false,
        })
    };
    found.iter().enumerate().map(column).collect()
}

/// Schema and name of what may be a system view; why not, of what is not in the catalog.
fn system_name(name: &Name) -> Result<(&str, &str)> {
    let is_system =
        |s: &str| ["sys", "INFORMATION_SCHEMA"].iter().any(|own| s.eq_ignore_ascii_case(own));
    match name.0.as_slice() {
        [schema, view] => Ok((schema, view)),
        [_, schema, view] if is_system(schema) => Ok((schema, view)),
        // What the server's own databases hold beside their system views, the sandbox has not.
        [database, _, _] if SYSTEM_DATABASES.iter().any(|d| database.eq_ignore_ascii_case(d)) => {
            Err(Error::unsupported(name.0.join(".")))
        }
        [view] if is_compatibility_view(view) => {
            Err(Error::unsupported(format!("the view {view}")))
        }
        _ => Err(messages::invalid_object(name)),
    }
}
