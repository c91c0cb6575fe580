//! Finds what a name means, as people write it; and the names that come closest to one which is not
//! there.

use super::{NotFound, TableName, s};
use crate::database::wrapper::ParamValue;
use crate::database::{Database, DbError, Limits};
use mssql_mcp_sql::quote;
use serde_json::Value;

/// What a name is that is no table: also what SQL Server brings along.
const OTHER: &str = "SELECT sc.name, o.name, RTRIM(o.type) FROM sys.all_objects AS o \
     JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     WHERE o.name = @name AND (@schema IS NULL OR sc.name = @schema) \
     AND o.type NOT IN ('U', 'D', 'PK', 'UQ', 'C', 'F')";

const SYNONYM: &str = "SELECT y.base_object_name FROM sys.synonyms AS y \
     JOIN sys.schemas AS sc ON sc.schema_id = y.schema_id \
     WHERE y.name = @name AND sc.name = @schema";

/// A table or view by its name in brackets.
const WRITTEN: &str = "SELECT o.object_id, sc.name, o.name FROM sys.objects AS o \
     JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     WHERE o.object_id = OBJECT_ID(@name) AND o.is_ms_shipped = 0 AND o.type IN ('U', 'V')";

/// Columns of the tables and views with these names.
const NAMED_COLUMNS: &str = "SELECT sc.name, o.name, c.name FROM sys.columns AS c \
     JOIN sys.objects AS o ON o.object_id = c.object_id \
     JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id WHERE o.is_ms_shipped = 0 \
     AND o.type IN ('U', 'V')";

impl Database {
    /// The tables and views that come closest to a name which SQL Server does not know.
    pub(crate) async fn closest_tables(
        &self,
        name: &str,
        limits: &Limits,
    ) -> Result<Vec<String>, DbError> {
        let parts = quote::split(name).unwrap_or_else(|| vec![name.to_owned()]);
        let (object, schema) = (parts.last().map_or("", String::as_str), parts.iter().rev().nth(1));
        Ok(closest(&self.all_tables(limits).await?, schema.map(String::as_str), object))
    }

    /// The columns that come closest to a name which SQL Server does not know: of the tables that
    /// are named, where any are.
    pub(crate) async fn closest_columns(
        &self,
        name: &str,
        of: &[String],
        limits: &Limits,
    ) -> Result<Vec<String>, DbError> {
        let wanted = name.to_lowercase();
        let named = |schema: &str, table: &str| {
            of.iter().filter_map(|o| quote::split(o)).any(|p| {
                let same = |n: usize, t: &str| {
                    p.iter().rev().nth(n).is_none_or(|x| x.eq_ignore_ascii_case(t))
                };
                same(0, table) && same(1, schema)
            })
        };
        let mut scored: Vec<(f64, String)> = Vec::new();
        for r in self.fetch(NAMED_COLUMNS, &[], limits).await?.into_iter().flatten() {
            let [schema, table, column] = r.as_slice() else { continue };
            let (schema, table, column) = (s(schema), s(table), s(column));
            if !named(&schema, &table) {
                continue;
            }
            let score = likeness(&column.to_lowercase(), &wanted);
            let column = quote::part(&column);
            if score > 0.75 && !scored.iter().any(|(_, c)| *c == column) {
                scored.push((score, column));
            }
        }
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        Ok(scored.into_iter().take(3).map(|(_, n)| n).collect())
    }

    /// Finds a table or view by name, as people write it.
    pub async fn find_table(&self, name: &str, limits: &Limits) -> Result<TableName, NotFound> {
        let parts = quote::split(name).filter(|p| p.len() <= 3).ok_or(NotFound::Unreadable)?;
        if let Some(found) = self.find_written(&parts, limits).await? {
            return Ok(found);
        }
        let all = self.all_tables(limits).await?;
        let nowhere = match self.find_among(&all, name) {
            Err(NotFound::NoSuchTable(closest)) => NotFound::NoSuchTable(closest),
            found => return found,
        };
        let (object, schema) = (parts.last().map_or("", String::as_str), parts.iter().rev().nth(1));
        if self.is_elsewhere(&parts) {
            return Err(nowhere);
        }
        let other = self.other(schema.map(String::as_str), object, limits).await;
        Err(other.unwrap_or(nowhere))
    }

    /// The table of a name with its schema, as SQL Server itself finds it: in a large database all
    /// names are much to read for one.
    async fn find_written(
        &self,
        parts: &[String],
        limits: &Limits,
    ) -> Result<Option<TableName>, DbError> {
        let [schema, name] = parts else { return Ok(None) };
        if is_the_systems(schema) {
            return Ok(None);
        }
        let written = format!("{}.{}", quote::identifier(schema), quote::identifier(name));
        let rows = self.fetch(WRITTEN, &[("name", ParamValue::Text(written))], limits).await?;
        let same = |v: &Value, wanted: &str| s(v).to_lowercase() == wanted.to_lowercase();
        Ok(rows.into_iter().flatten().find_map(|r| match r.as_slice() {
            [id, sc, n] if same(sc, schema) && same(n, name) => {
                Some(TableName { id: id.as_i64()?, schema: s(sc), name: s(n) })
            }
            _ => None,
        }))
    }

    /// Whether the parts of a name name another database.
    pub(super) fn is_elsewhere(&self, parts: &[String]) -> bool {
        parts.len() == 3 && !parts[0].eq_ignore_ascii_case(&self.settings().database)
    }

    /// Finds a table or view by name among all that there are.
    pub(super) fn find_among(&self, all: &[TableName], name: &str) -> Result<TableName, NotFound> {
        let parts = quote::split(name).filter(|p| p.len() <= 3).ok_or(NotFound::Unreadable)?;
        let object = parts.last().map_or("", String::as_str);
        let schema = parts.iter().rev().nth(1).map(String::as_str);
        let elsewhere = self.is_elsewhere(&parts);
        // As a list shows it, without the brackets that it needs: Notes.Archive, dbo.Notes.Archive.
        let plain = name.trim().to_lowercase();
        let pasted = |t: &&TableName| {
            t.name.to_lowercase() == plain
                || format!("{}.{}", t.schema, t.name).to_lowercase() == plain
        };
        // A name in the database's own spelling wins over one that differs in case: the collation
        // may tell them apart.
        for same in
            [|a: &str, b: &str| a == b, |a: &str, b: &str| a.to_lowercase() == b.to_lowercase()]
        {
            let hits: Vec<&TableName> = all
                .iter()
                .filter(|t| same(&t.name, object) && schema.is_none_or(|sc| same(&t.schema, sc)))
                .collect();
            match hits.as_slice() {
                _ if elsewhere => {}
                [] => {}
                [one] => return Ok((*one).clone()),
                many => {
                    if let Some(dbo) = many.iter().find(|t| t.schema.eq_ignore_ascii_case("dbo")) {
                        return Ok((*dbo).clone());
                    }
                    return Err(NotFound::Ambiguous(many.iter().map(|t| t.written()).collect()));
                }
            }
        }
        match all.iter().filter(pasted).collect::<Vec<_>>().as_slice() {
            [] => {}
            [one] => return Ok((*one).clone()),
            many => return Err(NotFound::Ambiguous(many.iter().map(|t| t.written()).collect())),
        }
        Err(NotFound::NoSuchTable(closest(all, schema, object)))
    }

    /// What a name is that is no table. A catalog that cannot tell says nothing.
    async fn other(&self, schema: Option<&str>, object: &str, limits: &Limits) -> Option<NotFound> {
        let text = |t: &str| ParamValue::Text(t.to_owned());
        let params = [("name", text(object)), ("schema", schema.map_or(ParamValue::Null, text))];
        let found = self
            .fetch(OTHER, &params, limits)
            .await
            .ok()
            .and_then(|sets| sets.into_iter().flatten().next());
        let (schema, name, kind) = match (found, schema) {
            (Some(r), _) => (s(r.first()?), s(r.get(1)?), s(r.get(2)?)),
            // Not every login may see them in the catalog, but by their schema they
            // are what they are.
            (None, Some(sc)) if is_the_systems(sc) => {
                (sc.to_owned(), object.to_owned(), "?".to_owned())
            }
            _ => return None,
        };
        let written = format!("{}.{}", quote::part(&schema), quote::part(&name));
        let (what, mend) = match kind.as_str() {
            "SN" => {
                let params = [("name", text(&name)), ("schema", text(&schema))];
                let base = self
                    .fetch(SYNONYM, &params, limits)
                    .await
                    .ok()?
                    .into_iter()
                    .flatten()
                    .next()?;
                ("a synonym", format!("It stands for {}; ask for that.", s(base.first()?)))
            }
            "?" => (
                "in the schema of SQL Server's own catalog",
                "Its views are documented by Microsoft; SELECT TOP (1) * \
                 FROM one shows its columns."
                    .to_owned(),
            ),
            "V" | "S" | "IT" => (
                "a catalog view of SQL Server",
                format!(
                    "SELECT TOP (1) * FROM {written} shows its columns; they are documented \
                         by Microsoft."
                ),
            ),
            "P" | "PC" | "X" => (
                "a stored procedure",
                "sp_helptext shows its text where the login may see it.".to_owned(),
            ),
            "FN" | "FS" | "AF" => (
                "a function",
                format!(
                    "It is called in a query: SELECT \
                {written}(…)."
                ),
            ),
            "IF" | "TF" | "FT" => (
                "a table-valued function",
                format!(
                    "It is queried with arguments: SELECT * FROM \
                    {written}(…)."
                ),
            ),
            "SO" => ("a sequence", "sys.sequences describes it.".to_owned()),
            "TT" => ("a table type", "sys.table_types describes it.".to_owned()),
            "TR" | "TA" => {
                ("a trigger", "sp_helptext shows its text where the login may see it.".to_owned())
            }
            _ => return None,
        };
        Some(NotFound::Other(written, what, mend))
    }
}

/// Whether a schema is one of SQL Server's own.
pub(super) fn is_the_systems(schema: &str) -> bool {
    ["sys", "information_schema"].iter().any(|own| schema.eq_ignore_ascii_case(own))
}

/// From 0 to 1, and a little more where one is a part of the other.
fn likeness(name: &str, wanted: &str) -> f64 {
    let part =
        name.len() > 2 && wanted.len() > 2 && (name.contains(wanted) || wanted.contains(name));
    strsim::jaro_winkler(name, wanted) + if part { 0.3 } else { 0.0 }
}

/// The names that come closest, best first, as they have to be written.
pub(super) fn closest(all: &[TableName], schema: Option<&str>, object: &str) -> Vec<String> {
    let wanted = object.to_lowercase();
    let mut scored: Vec<(f64, String)> = all
        .iter()
        .map(|t| {
            let same = schema.is_some_and(|s| t.schema.eq_ignore_ascii_case(s));
            (likeness(&t.name.to_lowercase(), &wanted) + if same { 0.05 } else { 0.0 }, t.written())
        })
        .filter(|(s, _)| *s > 0.7)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    scored.into_iter().take(5).map(|(_, n)| n).collect()
}
