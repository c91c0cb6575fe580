//! FOR JSON, which makes one text of the rows of a query, and OPENJSON, which makes rows of one.

use super::from::renamed;
use super::{Binder, Bound, Source, Typed};
use crate::error::{Error, Result};
use crate::functions::{CHUNKS, Invocation, JsonProperty, JsonWriter, OPEN_JSON};
use crate::messages;
use crate::syntax::ast::{Body, Expr, ForJson, Item, JsonColumn, OpenJson, Query, Table};
use crate::types::{Column, Len, Type};

/// The name that the column of a result in JSON has.
const COLUMN: &str = "JSON_F52E2B61-18A1-11d1-B105-00805F49916B";
const TEXT: Type = Type::NVarChar(Len::Max);

impl Binder<'_> {
    /// The rows of a bound query as JSON; `outer` where they go to the client, in pieces.
    pub(super) fn for_json(
        &mut self,
        json: &ForJson,
        query: &Query,
        mut bound: Bound,
        outer: bool,
    ) -> Result<Bound> {
        if !bound.assigns.is_empty() || bound.columns.is_empty() {
            return Err(Error::unsupported("FOR JSON of an assignment"));
        }
        if json.auto {
            check_auto(query)?;
        }
        if !query.order.is_empty() && !bound.limited {
            // Without a limit SQLite may leave the order of a subquery out.
            bound.sql += " LIMIT -1";
        }
        let raw = raw_items(query, bound.columns.len());
        let mut properties = Vec::new();
        for (column, raw) in bound.columns.iter().zip(raw) {
            if column.name.is_empty() {
                return Err(messages::json_without_a_name());
            }
            properties.push(property(column, json, raw)?);
        }
        check_conflicts(&properties)?;
        let list: Vec<String> = (0..properties.len()).map(|i| format!("c{i}")).collect();
        let writer = JsonWriter {
            properties,
            root: json.root.clone(),
            include_nulls: json.include_nulls,
            no_wrapper: json.no_wrapper,
        };
        let id = self.intern(Invocation::ForJson(writer));
        let written = format!("for_json({id},{})", list.join(","));
        let sql = format!(
            "SELECT c0 FROM (SELECT {written} AS c0 FROM ({})) WHERE c0 IS NOT NULL",
            bound.sql
        );
        if !outer {
            return Ok(one_text(sql, ""));
        }
        let chunks = self.shim(&CHUNKS, &[("c0", TEXT)], TEXT).sql;
        Ok(one_text(format!("SELECT value AS c0 FROM ({sql}),json_each({chunks})"), COLUMN))
    }

    pub(super) fn open_json(
        &mut self,
        open: &OpenJson,
        sources: &mut Vec<Source>,
    ) -> Result<String> {
        let bound = open.args.iter().map(|a| self.expr(a)).collect::<Result<Vec<_>>>()?;
        let is_text = |e: &Typed| e.ty.is_text() && e.ty != Type::Xml;
        if !(1..=2).contains(&bound.len()) || !bound.iter().all(is_text) {
            return Err(Error::unsupported(
                "OPENJSON of what is no text, or with more than a path",
            ));
        }
        let path = bound.get(1).map_or("'$'", |p| p.sql.as_str());
        let found = match &open.schema {
            None => vec![
                Column::new("key", Type::NVarChar(Len::N(4000))),
                Column::new("value", TEXT),
                Column::new("type", Type::Int),
            ],
            Some(schema) => {
                check_schema(schema)?;
                schema.iter().map(|c| Column::new(c.name.clone(), c.ty)).collect()
            }
        };
        let mut args = vec![(bound[0].sql.clone(), TEXT), (path.to_owned(), TEXT)];
        for column in open.schema.iter().flatten() {
            let own = format!("$.\"{}\"", column.name);
            let path = column.path.as_deref().unwrap_or(&own);
            args.push((super::literal_text(path), TEXT));
            args.push((i32::from(column.as_json).to_string(), Type::Int));
        }
        let args: Vec<(&str, Type)> = args.iter().map(|(sql, ty)| (sql.as_str(), *ty)).collect();
        let rows = self.shim(&OPEN_JSON, &args, TEXT).sql;
        let source = self.fresh('s');
        let mut columns = renamed(&found, &open.columns, &open.alias, &source)?;
        for (i, column) in columns.iter_mut().enumerate() {
            let value = super::typed(format!("({source}.value->>{i})"), TEXT);
            let is_converted = open.schema.is_some() && column.ty != TEXT;
            column.sql = if is_converted { self.coerce(value, column.ty).sql } else { value.sql };
            // Keys are compared by their code points.
            column.sensitive = open.schema.is_none() && i == 0;
        }
        sources.push(Source::derived(&open.alias, columns));
        Ok(format!("json_each({rows}) AS {source}"))
    }
}

fn one_text(sql: String, name: &str) -> Bound {
    let columns = vec![Column::new(name, TEXT)];
    Bound { sql, columns, assigns: Vec::new(), pending: false, limited: false }
}

/// AUTO nests by tables; of one table it nests nothing.
fn check_auto(query: &Query) -> Result<()> {
    let Body::Select(select) = &query.body else {
        return Err(Error::unsupported("FOR JSON AUTO of a set operation"));
    };
    match select.from.as_slice() {
        [] => Err(messages::json_without_a_table()),
        [Table::Join { .. }] | [_, _, ..] => {
            Err(Error::unsupported("FOR JSON AUTO of more than one table"))
        }
        [_] => Ok(()),
    }
}

/// Which items are JSON already: subqueries that end in FOR JSON with its wrapper, and JSON_QUERY.
fn raw_items(query: &Query, count: usize) -> Vec<bool> {
    let is_raw = |e: &Expr| match e {
        Expr::Subquery(query) => query.json.as_ref().is_some_and(|j| !j.no_wrapper),
        Expr::Call(call) => call.name == "JSON_QUERY",
        _ => false,
    };
    match &query.body {
        // A star shifts what stands behind it.
        Body::Select(select) => {
            let behind: Vec<bool> = select
                .items
                .iter()
                .rev()
                .take_while(|i| !matches!(i, Item::Star(_)))
                .map(|i| matches!(i, Item::Expr(e, _) if is_raw(e)))
                .collect();
            let before = select.items.iter().map(|i| matches!(i, Item::Expr(e, _) if is_raw(e)));
            if behind.len() == select.items.len() {
                return before.collect();
            }
            let first: Vec<bool> = before.take(select.items.len() - behind.len()).collect();
            let star = select.items.iter().position(|i| matches!(i, Item::Star(_))).unwrap_or(0);
            let mut all = vec![false; count];
            all[..star].copy_from_slice(&first[..star]);
            for (i, raw) in behind.iter().enumerate() {
                all[count - 1 - i] = *raw;
            }
            all
        }
        _ => vec![false; count],
    }
}

/// A column as a property: under the objects that its name names, but with AUTO.
fn property(column: &Column, json: &ForJson, raw: bool) -> Result<JsonProperty> {
    let name = &column.name;
    if name.starts_with('.') || name.ends_with('.') || name.contains("..") {
        return Err(messages::json_name_with_dots(name));
    }
    if matches!(column.ty, Type::Xml | Type::Variant | Type::Udt(_)) {
        return Err(Error::unsupported(format!("FOR JSON of {}", column.ty)));
    }
    let path =
        if json.auto { vec![name.clone()] } else { name.split('.').map(str::to_owned).collect() };
    Ok(JsonProperty { path, ty: column.ty, raw })
}

/// Columns of an object stand beside each other, and no two have the same place.
fn check_conflicts(properties: &[JsonProperty]) -> Result<()> {
    // The names in each object that is open, from the outermost one on.
    let mut open: Vec<(String, Vec<String>)> = vec![(String::new(), Vec::new())];
    for property in properties {
        let conflict = || messages::json_conflict(&property.path.join("."));
        let Some((leaf, objects)) = property.path.split_last() else { continue };
        let shared = objects.iter().zip(&open[1..]).take_while(|(a, (b, _))| *a == b).count();
        open.truncate(shared + 1);
        for object in &objects[shared..] {
            add(&mut open, object).ok_or_else(conflict)?;
            open.push((object.clone(), Vec::new()));
        }
        add(&mut open, leaf).ok_or_else(conflict)?;
    }
    Ok(())
}

/// A name in the innermost object, if it is new there.
fn add(open: &mut [(String, Vec<String>)], name: &str) -> Option<()> {
    let (_, names) = open.last_mut()?;
    if names.iter().any(|n| n == name) {
        return None;
    }
    names.push(name.to_owned());
    Some(())
}

fn check_schema(schema: &[JsonColumn]) -> Result<()> {
    for column in schema {
        if column.as_json && column.ty != TEXT {
            return Err(messages::as_json_of_another_type());
        }
        if column.ty.is_binary() || matches!(column.ty, Type::Xml) {
            return Err(Error::unsupported(format!("OPENJSON WITH a column of {}", column.ty)));
        }
        if column.name.contains(['"', '\\']) {
            return Err(Error::unsupported(
                "OPENJSON WITH a name of a column with quotation marks",
            ));
        }
    }
    Ok(())
}
