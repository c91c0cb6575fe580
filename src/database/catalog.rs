//! What tables there are and what they look like. Row counts come from the
//! catalog, never from COUNT(*).
//!
//! The queries keep to catalog views and columns of SQL Server 2016 and later.

use serde_json::Value;

use super::run::ParamValue;
use super::{Database, DbError, Limits};
use mssql_mcp_sql::quote;

/// A table's place and kind.
#[derive(Debug, Clone, PartialEq)]
pub struct TableName {
    /// object_id.
    pub id: i64,
    /// Schema, in the catalog's spelling.
    pub schema: String,
    /// Name, likewise.
    pub name: String,
}

impl TableName {
    /// As it has to be written, in brackets only where it must be: `dbo.[Notes.Archive]`.
    pub fn written(&self) -> String {
        format!("{}.{}", quote::part(&self.schema), quote::part(&self.name))
    }

    /// `[schema].[name]`.
    pub fn quoted(&self) -> String {
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

/// What [`Database::list_tables`] asks. Rows are counted and descriptions read for the page alone,
/// whatever the number of tables.
pub const LIST: &str = "SELECT page.schema_name, page.table_name, CASE WHEN page.type = 'V' THEN \
     'view' ELSE 'table' END AS kind, \
     (SELECT SUM(p.rows) FROM sys.partitions AS p WHERE p.object_id = page.object_id \
     AND p.index_id IN (0, 1)) AS row_count, \
     CAST(ep.value AS nvarchar(3750)) AS description \
     FROM (SELECT o.object_id, o.type, sc.name AS schema_name, o.name AS table_name \
     FROM sys.objects AS o JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     WHERE o.is_ms_shipped = 0 AND (o.type = 'U' OR (o.type = 'V' AND @views = 1)) \
     AND (@schema IS NULL OR sc.name = @schema) AND (@like IS NULL OR o.name LIKE @like) \
     ORDER BY sc.name, o.name OFFSET @skip ROWS FETCH NEXT @take ROWS ONLY) AS page \
     LEFT JOIN sys.extended_properties AS ep ON ep.class = 1 AND ep.major_id = page.object_id \
     AND ep.minor_id = 0 AND ep.name = N'MS_Description' \
     ORDER BY page.schema_name, page.table_name";

/// Schemas with something to list, and how many tables and views each has.
const SCHEMAS: &str = "SELECT sc.name, SUM(CASE WHEN o.type = 'U' THEN 1 ELSE 0 END), SUM(CASE \
     WHEN o.type = 'V' THEN 1 ELSE 0 END) \
     FROM sys.objects AS o JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     WHERE o.is_ms_shipped = 0 AND o.type IN ('U', 'V') GROUP BY sc.name ORDER BY sc.name";

/// What a name is that is no table: also what SQL Server brings along.
const OTHER: &str = "SELECT sc.name, o.name, RTRIM(o.type) FROM sys.all_objects AS o \
     JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     WHERE o.name = @name AND (@schema IS NULL OR sc.name = @schema) \
     AND o.type NOT IN ('U', 'D', 'PK', 'UQ', 'C', 'F')";

const SYNONYM: &str = "SELECT y.base_object_name FROM sys.synonyms AS y \
     JOIN sys.schemas AS sc ON sc.schema_id = y.schema_id \
     WHERE y.name = @name AND sc.name = @schema";

/// Columns of the tables and views with these names.
const NAMED_COLUMNS: &str = "SELECT sc.name, o.name, c.name FROM sys.columns AS c \
     JOIN sys.objects AS o ON o.object_id = c.object_id \
     JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id WHERE o.is_ms_shipped = 0 \
     AND o.type IN ('U', 'V')";

const COLUMNS: &str = "SELECT c.column_id, c.name, ty.name, c.max_length, c.precision, c.scale, \
     c.is_nullable, c.is_identity, c.is_computed, \
     c.collation_name, dc.definition, cc.definition, CAST(ep.value AS nvarchar(3750)), \
     CAST(ic.seed_value AS nvarchar(40)), CAST(ic.increment_value AS nvarchar(40)) \
     FROM sys.columns AS c JOIN sys.types AS ty ON ty.user_type_id = c.user_type_id \
     LEFT JOIN sys.default_constraints AS dc ON dc.parent_object_id = c.object_id \
     AND dc.parent_column_id = c.column_id \
     LEFT JOIN sys.computed_columns AS cc ON cc.object_id = c.object_id \
     AND cc.column_id = c.column_id \
     LEFT JOIN sys.identity_columns AS ic ON ic.object_id = c.object_id \
     AND ic.column_id = c.column_id \
     LEFT JOIN sys.extended_properties AS ep ON ep.class = 1 AND ep.major_id = c.object_id \
     AND ep.minor_id = c.column_id AND ep.name = N'MS_Description' \
     WHERE c.object_id = @id ORDER BY c.column_id";

const CLR_TYPES: &str = "SELECT c.name, ty.is_assembly_type FROM sys.columns AS c \
     JOIN sys.types AS ty ON ty.user_type_id = c.user_type_id \
     WHERE c.object_id = @id AND c.is_hidden = 0 ORDER BY c.column_id";

const INDEXES: &str = "SELECT i.name, i.type_desc, i.is_unique, i.is_primary_key, \
     i.is_unique_constraint, c.name, ic.is_descending_key, ic.is_included_column, \
     i.filter_definition \
     FROM sys.indexes AS i JOIN sys.index_columns AS ic ON ic.object_id = i.object_id \
     AND ic.index_id = i.index_id \
     JOIN sys.columns AS c ON c.object_id = ic.object_id AND c.column_id = ic.column_id \
     WHERE i.object_id = @id AND i.index_id > 0 \
     ORDER BY i.index_id, ic.is_included_column, ic.key_ordinal, ic.index_column_id";

const CHECKS: &str = "SELECT name, definition, is_disabled FROM sys.check_constraints \
                      WHERE parent_object_id = @id ORDER BY name";

const KEYS: &str = "SELECT fk.name, ps.name, po.name, pc.name, rs.name, ro.name, rc.name, \
     fk.delete_referential_action_desc, fk.update_referential_action_desc, fk.is_disabled, \
     fk.parent_object_id, fk.object_id \
     FROM sys.foreign_keys AS fk JOIN sys.foreign_key_columns AS k ON k.constraint_object_id = \
     fk.object_id \
     JOIN sys.objects AS po ON po.object_id = k.parent_object_id \
     JOIN sys.schemas AS ps ON ps.schema_id = po.schema_id \
     JOIN sys.columns AS pc ON pc.object_id = k.parent_object_id \
     AND pc.column_id = k.parent_column_id \
     JOIN sys.objects AS ro ON ro.object_id = k.referenced_object_id \
     JOIN sys.schemas AS rs ON rs.schema_id = ro.schema_id \
     JOIN sys.columns AS rc ON rc.object_id = k.referenced_object_id \
     AND rc.column_id = k.referenced_column_id \
     WHERE fk.parent_object_id = @id OR fk.referenced_object_id = @id \
     ORDER BY fk.name, fk.object_id, k.constraint_column_id";

const ABOUT: &str = "SELECT CASE WHEN o.type = 'V' THEN 'view' ELSE 'table' END, \
     (SELECT SUM(p.rows) FROM sys.partitions AS p WHERE p.object_id = o.object_id \
     AND p.index_id IN (0, 1)), CAST(ep.value AS nvarchar(3750)), \
     CAST(DATABASEPROPERTYEX(DB_NAME(), N'Collation') AS nvarchar(128)) \
     FROM sys.objects AS o LEFT JOIN sys.extended_properties AS ep ON ep.class = 1 \
     AND ep.major_id = o.object_id AND ep.minor_id = 0 AND ep.name = N'MS_Description' \
     WHERE o.object_id = @id";

/// What list_tables asks for.
#[derive(Debug, Default)]
pub struct ListFilter {
    /// Only this schema.
    pub schema: Option<String>,
    /// LIKE pattern of the name.
    pub name_like: Option<String>,
    /// Views too.
    pub views: bool,
    /// Leave out the first so many.
    pub skip: i64,
    /// At most so many.
    pub take: i64,
}

impl Database {
    /// One page of tables: schema, name, kind, rows, description.
    pub async fn list_tables(
        &self,
        f: &ListFilter,
        limits: &Limits,
    ) -> Result<Vec<Vec<Value>>, DbError> {
        let text = |o: &Option<String>| o.clone().map_or(ParamValue::Null, ParamValue::Text);
        let params = [
            ("views", ParamValue::Bit(f.views)),
            ("schema", text(&f.schema)),
            (
                "like",
                f.name_like.as_deref().map_or(ParamValue::Null, |l| ParamValue::Text(pattern(l))),
            ),
            ("skip", ParamValue::Int(f.skip)),
            ("take", ParamValue::Int(f.take)),
        ];
        Ok(self.fetch(LIST, &params, limits).await?.into_iter().next().unwrap_or_default())
    }

    /// Why a list is empty: what was looked for, and what there is.
    pub async fn nothing_listed(&self, f: &ListFilter, limits: &Limits) -> Result<String, DbError> {
        if f.skip > 0 {
            return Ok("There is nothing more: this page is behind the last one.".to_owned());
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

    /// The tables and views that come closest to a name which SQL Server does not know.
    pub async fn closest_tables(
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
    pub async fn closest_columns(
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
        let parts = quote::split(name).ok_or(NotFound::Unreadable)?;
        let (schema, object) = match parts.as_slice() {
            [o] => (None, o.as_str()),
            [s, o] => (Some(s.as_str()), o.as_str()),
            [d, s, o] if d.eq_ignore_ascii_case(&self.settings().database) => {
                (Some(s.as_str()), o.as_str())
            }
            [_, s, o] => (Some(s.as_str()), o.as_str()),
            _ => return Err(NotFound::Unreadable),
        };
        let all = self.all_tables(limits).await?;
        // As a list shows it, without the brackets that it needs: Notes.Archive, dbo.Notes.Archive.
        let plain = name.trim().to_lowercase();
        let pasted = |t: &&TableName| {
            t.name.to_lowercase() == plain
                || format!("{}.{}", t.schema, t.name).to_lowercase() == plain
        };
        let elsewhere =
            parts.len() == 3 && !parts[0].eq_ignore_ascii_case(&self.settings().database);
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
        if elsewhere {
            return Err(NotFound::NoSuchTable(closest(&all, schema, object)));
        }
        match self.other(schema, object, limits).await {
            Some(other) => Err(other),
            None => Err(NotFound::NoSuchTable(closest(&all, schema, object))),
        }
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
            (None, Some(sc))
                if ["sys", "information_schema"].iter().any(|o| sc.eq_ignore_ascii_case(o)) =>
            {
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

    /// The select list that shows a table for people: `*`, but for CLR types (geography,
    /// hierarchyid …), which go through their own ToString().
    pub async fn readable_columns(
        &self,
        t: &TableName,
        limits: &Limits,
    ) -> Result<String, DbError> {
        let rows = self.fetch(CLR_TYPES, &[("id", ParamValue::Int(t.id))], limits).await?;
        let columns: Vec<(String, bool)> = rows
            .into_iter()
            .flatten()
            .map(|r| {
                (
                    r.first().map(s).unwrap_or_default(),
                    r.get(1).is_some_and(|c| *c == Value::Bool(true)),
                )
            })
            .collect();
        if !columns.iter().any(|(_, clr)| *clr) {
            return Ok("*".to_owned());
        }
        let one = |(name, clr): &(String, bool)| {
            let name = quote::identifier(name);
            if *clr { format!("{name}.ToString() AS {name}") } else { name }
        };
        Ok(columns.iter().map(one).collect::<Vec<_>>().join(", "))
    }

    /// Everything that describe_table tells, as one JSON object.
    pub async fn describe(&self, t: &TableName, limits: &Limits) -> Result<Value, DbError> {
        let batch = [ABOUT, COLUMNS, INDEXES, CHECKS, KEYS].join(";\n");
        let mut sets =
            self.fetch(&batch, &[("id", ParamValue::Int(t.id))], limits).await?.into_iter();
        let mut next = || sets.next().unwrap_or_default();
        let about = next().into_iter().next().unwrap_or_default();
        let (columns, indexes, checks, keys) = (next(), next(), next(), next());
        let get = |r: &[Value], i: usize| r.get(i).cloned().unwrap_or(Value::Null);
        let mut out =
            serde_json::json!({ "schema": t.schema, "name": t.name, "type": get(&about, 0) });
        if t.written() != format!("{}.{}", t.schema, t.name) {
            out["sql_name"] = t.written().into();
        }
        let mut put = |k: &str, v: Value| {
            if !v.is_null() && v != Value::Array(Vec::new()) {
                out[k] = v;
            }
        };
        put("rows", get(&about, 1));
        put("description", get(&about, 2));
        // The collation of nearly all columns is said once, and that of the others beside them.
        let usual = get(&about, 3);
        if columns.iter().any(|r| r.get(9) == Some(&usual)) {
            put("collation", usual.clone());
        }
        put("columns", columns.iter().map(|r| column(r, &usual)).collect());
        let (mut primary, mut unique, mut plain) = (Value::Null, Vec::new(), Vec::new());
        for group in grouped(&indexes) {
            let Some(first) = group.first() else { continue };
            let key: Vec<Value> = group
                .iter()
                .filter(|r| r.get(7) != Some(&Value::Bool(true)))
                .map(|r| get(r, 5))
                .collect();
            let descending: Vec<Value> = group
                .iter()
                .filter(|r| r.get(6) == Some(&Value::Bool(true)))
                .map(|r| get(r, 5))
                .collect();
            let included: Vec<Value> = group
                .iter()
                .filter(|r| r.get(7) == Some(&Value::Bool(true)))
                .map(|r| get(r, 5))
                .collect();
            let mut one = serde_json::json!({ "name": get(first, 0), "columns": key });
            if get(first, 3) == Value::Bool(true) {
                primary = one;
            } else if get(first, 4) == Value::Bool(true) {
                unique.push(one);
            } else {
                // What nearly every index is, is not said.
                if get(first, 1) != "NONCLUSTERED" {
                    one["type"] = get(first, 1);
                }
                if get(first, 2) == Value::Bool(true) {
                    one["unique"] = true.into();
                }
                for (k, v) in [("descending", descending), ("included", included)] {
                    if !v.is_empty() {
                        one[k] = v.into();
                    }
                }
                if !get(first, 8).is_null() {
                    one["filter"] = get(first, 8);
                }
                plain.push(one);
            }
        }
        put("primary_key", primary);
        put("unique_constraints", unique.into());
        put(
            "check_constraints",
            checks
                .iter()
                .map(|r| serde_json::json!({ "name": get(r, 0), "definition": get(r, 1) }))
                .collect(),
        );
        let (mut outward, mut inward) = (Vec::new(), Vec::new());
        for group in keys.chunk_by(|a, b| a.get(11) == b.get(11)) {
            let Some(first) = group.first() else { continue };
            let list = |i: usize| -> Vec<Value> { group.iter().map(|r| get(r, i)).collect() };
            let written = |i: usize| {
                format!(
                    "{}.{}",
                    quote::part(&s(&get(first, i))),
                    quote::part(&s(&get(first, i + 1)))
                )
            };
            let (from, to) = (written(1), written(4));
            let (own, itself) = (get(first, 10).as_i64() == Some(t.id), from == to);
            let mut actions = serde_json::Map::new();
            for (k, i) in [("on_delete", 7), ("on_update", 8)] {
                let action = s(&get(first, i));
                if !action.is_empty() && action != "NO_ACTION" {
                    actions.insert(k.into(), action.into());
                }
            }
            // Each side has the other's name: its own is known.
            let side = |other: &str, k: &str, columns: usize, others: usize| {
                let mut one = serde_json::json!({ "name": get(first, 0), "columns": list(columns), k: other });
                if let Some(o) = one.as_object_mut() {
                    if list(columns) != list(others) {
                        o.insert("referenced_columns".into(), list(others).into());
                    }
                    o.extend(actions.clone());
                }
                one
            };
            if own {
                outward.push(side(&to, "references", 3, 6));
            }
            // A table that refers to itself is on both sides.
            if !own || itself {
                inward.push(side(&from, "table", 3, 6));
            }
        }
        put("foreign_keys", outward.into());
        put("referenced_by", inward.into());
        put("indexes", plain.into());
        Ok(out)
    }
}

/// Consecutive rows of the same name.
fn grouped(rows: &[Vec<Value>]) -> Vec<&[Vec<Value>]> {
    rows.chunk_by(|a, b| a.first() == b.first()).collect()
}

fn column(r: &[Value], usual: &Value) -> Value {
    let get = |i: usize| r.get(i).cloned().unwrap_or(Value::Null);
    let n = |i: usize| get(i).as_i64().unwrap_or(0);
    let ty = s(&get(2));
    let wide = matches!(ty.as_str(), "nchar" | "nvarchar");
    let length = match n(3) {
        -1 => "max".to_owned(),
        l => (if wide { l / 2 } else { l }).to_string(),
    };
    let shown = match ty.as_str() {
        "char" | "varchar" | "nchar" | "nvarchar" | "binary" | "varbinary" => {
            format!("{ty}({length})")
        }
        "decimal" | "numeric" => format!("{ty}({},{})", n(4), n(5)),
        "datetime2" | "datetimeoffset" | "time" => format!("{ty}({})", n(5)),
        _ => ty.clone(),
    };
    let mut c = serde_json::json!({ "name": get(1), "type": shown, "nullable": get(6) });
    let mut put = |k: &str, v: Value| {
        if !v.is_null() {
            c[k] = v;
        }
    };
    put("default", get(10));
    if get(7) == Value::Bool(true) {
        let number = |i: usize| s(&get(i)).parse::<i64>().map_or(Value::Null, Value::from);
        put("identity", serde_json::json!({ "seed": number(13), "increment": number(14) }));
    }
    put("computed", get(11));
    if get(9) != *usual {
        put("collation", get(9));
    }
    put("description", get(12));
    c
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

/// From 0 to 1, and a little more where one is a part of the other.
fn likeness(name: &str, wanted: &str) -> f64 {
    let part =
        name.len() > 2 && wanted.len() > 2 && (name.contains(wanted) || wanted.contains(name));
    strsim::jaro_winkler(name, wanted) + if part { 0.3 } else { 0.0 }
}

/// The names that come closest, best first, as they have to be written.
fn closest(all: &[TableName], schema: Option<&str>, object: &str) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_without_a_percent_sign_is_a_part_of_the_name() {
        assert_eq!(pattern("order_items"), "%order[_]items%");
        assert_eq!(pattern("a[b"), "%a[[]b%");
        assert_eq!(pattern("order%"), "order%");
        assert_eq!(pattern("%_id"), "%_id");
    }
}
