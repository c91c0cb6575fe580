//! Names for whoever types one, and whether anything in the catalog has changed.

use serde_json::Value;

use super::{Database, DbError, Limits, pattern_of_prefix, s};
use crate::database::wrapper::ParamValue;

/// What is completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameKind {
    Schema,
    /// Tables and views.
    Table,
    Column,
    /// Procedures and functions.
    Routine,
}

/// One more than is given, to know whether there are more.
const MOST: usize = 101;

const SCHEMAS: &str = "SELECT DISTINCT TOP (101) sc.name FROM sys.schemas AS sc \
     JOIN sys.objects AS o ON o.schema_id = sc.schema_id \
     WHERE o.is_ms_shipped = 0 AND sc.name LIKE @like ORDER BY sc.name";

const TABLES: &str = "SELECT DISTINCT TOP (101) o.name FROM sys.objects AS o \
     JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     WHERE o.is_ms_shipped = 0 AND o.type IN ('U', 'V') AND o.name LIKE @like \
     AND (@schema IS NULL OR sc.name = @schema) ORDER BY o.name";

const ROUTINES: &str = "SELECT DISTINCT TOP (101) o.name FROM sys.objects AS o \
     JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     WHERE o.is_ms_shipped = 0 AND o.type IN ('P', 'FN', 'IF', 'TF') AND o.name LIKE @like \
     AND (@schema IS NULL OR sc.name = @schema) ORDER BY o.name";

const COLUMNS: &str = "SELECT DISTINCT TOP (101) c.name FROM sys.columns AS c \
     JOIN sys.objects AS o ON o.object_id = c.object_id \
     JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     WHERE o.is_ms_shipped = 0 AND o.type IN ('U', 'V') AND c.name LIKE @like \
     AND (@schema IS NULL OR sc.name = @schema) AND (@table IS NULL OR o.name = @table) \
     ORDER BY c.name";

/// A few numbers that change when an object comes, goes or is altered.
const FINGERPRINT: &str = "SELECT COUNT(*), SUM(CAST(o.object_id AS bigint)), \
     CONVERT(nvarchar(30), MAX(o.modify_date), 126), \
     (SELECT COUNT(*) FROM sys.columns) FROM sys.objects AS o WHERE o.is_ms_shipped = 0";

/// The same for each table, view, procedure and function.
const VERSIONS: &str = "SELECT TOP (50000) sc.name, o.name, RTRIM(o.type), o.object_id, \
     CONVERT(nvarchar(30), o.modify_date, 126), \
     (SELECT COUNT(*) FROM sys.columns AS c WHERE c.object_id = o.object_id) \
     FROM sys.objects AS o JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     WHERE o.is_ms_shipped = 0 AND o.type IN ('U', 'V', 'P', 'FN', 'IF', 'TF')";

/// A table, view, procedure or function, and what changes when it does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TableVersion {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) is_routine: bool,
    pub(crate) version: String,
}

impl Database {
    /// Names that begin with a prefix, of a schema and a table where those are given: at most 100,
    /// and whether there are more.
    pub(crate) async fn complete(
        &self,
        kind: NameKind,
        prefix: &str,
        (schema, table): (Option<&str>, Option<&str>),
        limits: &Limits,
    ) -> Result<(Vec<String>, bool), DbError> {
        let text = |t: Option<&str>| t.map_or(ParamValue::Null, |t| ParamValue::Text(t.to_owned()));
        let like = ("like", ParamValue::Text(pattern_of_prefix(prefix)));
        let (schema, table) = (("schema", text(schema)), ("table", text(table)));
        let (sql, params) = match kind {
            NameKind::Schema => (SCHEMAS, vec![like]),
            NameKind::Table => (TABLES, vec![like, schema]),
            NameKind::Routine => (ROUTINES, vec![like, schema]),
            NameKind::Column => (COLUMNS, vec![like, schema, table]),
        };
        let rows = self.fetch(sql, &params, limits).await?.into_iter().flatten();
        let mut names: Vec<String> = rows.map(|r| r.first().map(s).unwrap_or_default()).collect();
        let more = names.len() >= MOST;
        names.truncate(MOST - 1);
        Ok((names, more))
    }

    /// What changes when the catalog does.
    pub(crate) async fn fingerprint(&self, limits: &Limits) -> Result<String, DbError> {
        let rows = self.fetch(FINGERPRINT, &[], limits).await?;
        Ok(Value::from(rows.into_iter().flatten().flatten().collect::<Vec<_>>()).to_string())
    }

    /// All tables, views, procedures and functions, each with what changes when it does.
    pub(crate) async fn table_versions(
        &self,
        limits: &Limits,
    ) -> Result<Vec<TableVersion>, DbError> {
        let rows = self.fetch(VERSIONS, &[], limits).await?.into_iter().flatten();
        Ok(rows
            .map(|r| {
                let text = |n: usize| r.get(n).map(s).unwrap_or_default();
                let is_routine = !["U", "V"].contains(&text(2).as_str());
                let version = Value::from(r[3.min(r.len())..].to_vec()).to_string();
                TableVersion { schema: text(0), name: text(1), is_routine, version }
            })
            .collect())
    }
}
