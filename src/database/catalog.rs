//! What tables there are and what they look like. Row counts come from the
//! catalog, never from COUNT(*).
//!
//! The queries keep to catalog views and columns of SQL Server 2016 and later.

mod describe;
mod find;
pub mod index;
mod lookup;
mod many;
pub(crate) mod names;
mod orient;
pub mod others;

use serde_json::Value;

use super::wrapper::ParamValue;
use super::{Database, DbError, Limits};
use crate::knowledge::Knowledge;
use find::closest;
pub(crate) use lookup::{NameHit, NameQuery};
pub(crate) use many::Many;
use mssql_mcp_sql::quote;

/// A table's place and kind.
#[derive(Debug, Clone, PartialEq)]
pub struct TableName {
    pub(crate) id: i64,
    /// Schema, in the catalog's spelling.
    pub(crate) schema: String,
    pub(crate) name: String,
}

impl TableName {
    /// As it has to be written, in brackets only where it must be: `dbo.[Notes.Archive]`.
    pub(crate) fn written(&self) -> String {
        format!("{}.{}", quote::part(&self.schema), quote::part(&self.name))
    }

    pub(crate) fn quoted(&self) -> String {
        format!("{}.{}", quote::identifier(&self.schema), quote::identifier(&self.name))
    }
}

/// Why a name is no table.
#[derive(Debug)]
pub enum NotFound {
    /// It cannot be read as a name.
    Unreadable,
    /// There is none; these come close.
    NoSuchTable(Vec<String>),
    /// Several schemas have one.
    Ambiguous(Vec<String>),
    /// It is something else: its name, what it is, and what to do with it.
    Other(String, &'static str, String),
    /// The database said no.
    Database(DbError),
}

impl From<DbError> for NotFound {
    fn from(e: DbError) -> Self {
        NotFound::Database(e)
    }
}

fn s(v: &Value) -> String {
    v.as_str().unwrap_or_default().to_owned()
}

/// All user tables and views, in order.
const NAMES: &str = "SELECT o.object_id, sc.name, o.name FROM sys.objects AS o \
     JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0 ORDER BY sc.name, o.name";

/// What `Database::list_tables` asks. A page begins behind a name, so that no page sorts those
/// before it; the number of those to leave out is for cursors of before.
pub const LIST: &str = "SELECT page.schema_name, page.table_name, CASE WHEN page.type = 'U' THEN \
     'table' WHEN page.type = 'V' THEN 'view' WHEN page.type IN ('P', 'PC') THEN 'procedure' \
     WHEN page.type = 'SN' THEN 'synonym' WHEN page.type = 'SO' THEN 'sequence' \
     WHEN page.type IN ('TR', 'TA') THEN 'trigger' ELSE 'function' END AS kind, \
     r.row_count, CAST(ep.value AS nvarchar(3750)) AS description \
     FROM (SELECT o.object_id, o.type, sc.name AS schema_name, o.name AS table_name \
     FROM sys.objects AS o JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     WHERE o.is_ms_shipped = 0 AND CHARINDEX(N',' + RTRIM(o.type) + N',', @types) > 0 \
     AND (@schema IS NULL OR sc.name = @schema) AND (@like IS NULL OR o.name LIKE @like) \
     AND (@after_schema IS NULL OR sc.name > @after_schema \
     OR (sc.name = @after_schema AND o.name > @after_name)) \
     ORDER BY sc.name, o.name OFFSET @skip ROWS FETCH NEXT @take ROWS ONLY) AS page \
     LEFT JOIN (SELECT p.object_id, SUM(p.rows) AS row_count FROM sys.partitions AS p \
     WHERE p.index_id IN (0, 1) GROUP BY p.object_id) AS r ON r.object_id = page.object_id \
     LEFT JOIN sys.extended_properties AS ep ON ep.class = 1 AND ep.major_id = page.object_id \
     AND ep.minor_id = 0 AND ep.name = N'MS_Description' \
     ORDER BY page.schema_name, page.table_name";

/// Schemas with something to list, and how many tables and views each has.
const SCHEMAS: &str = "SELECT sc.name, SUM(CASE WHEN o.type = 'U' THEN 1 ELSE 0 END), SUM(CASE \
     WHEN o.type = 'V' THEN 1 ELSE 0 END) \
     FROM sys.objects AS o JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     WHERE o.is_ms_shipped = 0 AND o.type IN ('U', 'V') GROUP BY sc.name ORDER BY sc.name";

/// What list_tables asks for.
#[derive(Debug, Default)]
pub(crate) struct ListFilter {
    pub(crate) schema: Option<String>,
    /// LIKE pattern of the name.
    pub(crate) name_like: Option<String>,
    pub(crate) views: bool,
    /// Instead of tables; `all` for all kinds.
    pub(crate) kind: Option<&'static str>,
    /// Only what is behind this schema and name.
    pub(crate) after: Option<(String, String)>,
    /// Leave out the first so many.
    pub(crate) skip: i64,
    /// At most so many.
    pub(crate) take: i64,
}

impl ListFilter {
    /// The types of `sys.objects` that are listed, between commas.
    fn types(&self) -> &'static str {
        match self.kind {
            None | Some("table") if self.views => ",U,V,",
            None | Some("table") => ",U,",
            Some("view") => ",V,",
            Some("procedure") => ",P,PC,",
            Some("function") => ",FN,IF,TF,FS,FT,AF,",
            Some("synonym") => ",SN,",
            Some("sequence") => ",SO,",
            Some("trigger") => ",TR,TA,",
            Some(_) => ",U,V,P,PC,FN,IF,TF,FS,FT,AF,SN,SO,TR,TA,",
        }
    }

    /// That there is none of a kind, and what it was looked for by.
    fn nothing_of(&self, kind: &str) -> String {
        let mut said = match kind {
            "all" => "There is no object".to_owned(),
            _ => format!("There is no {kind}"),
        };
        if let Some(schema) = &self.schema {
            said += &format!(" in the schema {schema}");
        }
        if let Some(like) = &self.name_like {
            said += &format!(" whose name is like '{like}'");
        }
        said + " that this login may see."
    }
}

impl Database {
    /// One page of tables: schema, name, kind, rows, description.
    pub(crate) async fn list_tables(
        &self,
        f: &ListFilter,
        limits: &Limits,
    ) -> Result<Vec<Vec<Value>>, DbError> {
        let text = |o: &Option<String>| o.clone().map_or(ParamValue::Null, ParamValue::Text);
        let params = [
            ("types", ParamValue::Text(f.types().to_owned())),
            ("schema", text(&f.schema)),
            (
                "like",
                f.name_like.as_deref().map_or(ParamValue::Null, |l| ParamValue::Text(pattern(l))),
            ),
            ("after_schema", text(&f.after.as_ref().map(|a| a.0.clone()))),
            ("after_name", text(&f.after.as_ref().map(|a| a.1.clone()))),
            ("skip", ParamValue::Int(f.skip)),
            ("take", ParamValue::Int(f.take)),
        ];
        Ok(self.fetch(LIST, &params, limits).await?.into_iter().next().unwrap_or_default())
    }

    /// Why a list is empty: what was looked for, and what there is.
    pub(crate) async fn nothing_listed(
        &self,
        f: &ListFilter,
        limits: &Limits,
    ) -> Result<String, DbError> {
        if f.skip > 0 || f.after.is_some() {
            return Ok("There is nothing more: this page is behind the last one.".to_owned());
        }
        if let Some(kind) = f.kind.filter(|k| *k != "table") {
            return Ok(f.nothing_of(kind));
        }
        let what = if f.views { "table or view" } else { "table" };
        let schemas: Vec<(String, i64, i64)> = self
            .fetch(SCHEMAS, &[], limits)
            .await?
            .into_iter()
            .flatten()
            .map(|r| {
                let n = |i: usize| r.get(i).and_then(Value::as_i64).unwrap_or_default();
                (r.first().map(s).unwrap_or_default(), n(1), n(2))
            })
            .collect();
        let names = |with: &dyn Fn(&(String, i64, i64)) -> bool| {
            schemas.iter().filter(|s| with(s)).map(|s| s.0.clone()).collect::<Vec<_>>().join(", ")
        };
        if schemas.is_empty() {
            return Ok(
                "There is no table or view in this database that this login may see.".to_owned()
            );
        }
        let mut said = match &f.schema {
            Some(sc) => match schemas.iter().find(|(name, ..)| name.eq_ignore_ascii_case(sc)) {
                None => {
                    return Ok(format!(
                        "There is no schema {sc} with tables; there are {}.",
                        names(&|_| true)
                    ));
                }
                Some((name, 0, views)) if !f.views && f.name_like.is_none() => {
                    return Ok(format!(
                        "The schema {name} has no tables; include_views lists its views ({views})."
                    ));
                }
                Some((name, ..)) => format!(" in the schema {name}"),
            },
            None => String::new(),
        };
        if let Some(like) = &f.name_like {
            said += &match like.contains('%') {
                true => format!(" whose name is LIKE '{like}'"),
                false => format!(" whose name contains '{like}'"),
            };
            let close = closest(
                &self.all_tables(limits).await?,
                f.schema.as_deref(),
                like.trim_matches('%'),
            );
            let views = if f.views { "" } else { "; include_views lists views, too" };
            if !close.is_empty() {
                return Ok(format!(
                    "There is no {what}{said}; the closest tables and views are {}{views}.",
                    close.join(", ")
                ));
            }
        }
        Ok(format!(
            "There is no {what}{said}; schemas with some are {}.",
            names(&|s| f.views || s.1 > 0)
        ))
    }

    /// The tables that a file names and the login does not see.
    pub(crate) async fn unknown_tables(
        &self,
        knowledge: &Knowledge,
        limits: &Limits,
    ) -> Result<Vec<String>, DbError> {
        let all = self.all_tables(limits).await?;
        let there = |schema: &str, name: &str| {
            all.iter().any(|t| {
                t.name.eq_ignore_ascii_case(name)
                    && (schema.is_empty() || t.schema.eq_ignore_ascii_case(schema))
            })
        };
        Ok(knowledge.unknown(there).into_iter().map(str::to_owned).collect())
    }

    /// All user tables and views.
    async fn all_tables(&self, limits: &Limits) -> Result<Vec<TableName>, DbError> {
        let rows = self.fetch(NAMES, &[], limits).await?.into_iter().flatten();
        Ok(rows
            .filter_map(|r| match r.as_slice() {
                [id, sc, n] => Some(TableName { id: id.as_i64()?, schema: s(sc), name: s(n) }),
                _ => None,
            })
            .collect())
    }
}

/// What a caller's pattern is to LIKE: one without `%` is a part of the name, in which nothing else
/// is a wildcard either.
fn pattern(like: &str) -> String {
    if like.contains('%') {
        return like.to_owned();
    }
    let mut out = String::from("%");
    for c in like.chars() {
        match c {
            '_' | '[' => out.extend(['[', c, ']']),
            c => out.push(c),
        }
    }
    out.push('%');
    out
}

/// The pattern of names that begin with a text, in which nothing is a wildcard.
fn pattern_of_prefix(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '_' | '[' | '%' => out.extend(['[', c, ']']),
            c => out.push(c),
        }
    }
    out.push('%');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_has_no_wildcards() {
        assert_eq!(pattern_of_prefix("a_b%[c"), "a[_]b[%][[]c%");
    }

    #[test]
    fn a_pattern_without_a_percent_sign_is_a_part_of_the_name() {
        assert_eq!(pattern("order_items"), "%order[_]items%");
        assert_eq!(pattern("a[b"), "%a[[]b%");
        assert_eq!(pattern("order%"), "order%");
        assert_eq!(pattern("%_id"), "%_id");
    }
}
