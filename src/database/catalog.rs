//! What tables there are and what they look like. Row counts come from the catalog, never from COUNT(*).
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
const NAMES: &str = "SELECT o.object_id, sc.name, o.name FROM sys.objects AS o JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0 ORDER BY sc.name, o.name";

/// What [`Database::list_tables`] asks.
pub const LIST: &str = "SELECT sc.name AS schema_name, o.name AS table_name, CASE WHEN o.type = 'V' THEN 'view' ELSE 'table' END AS kind, \
     (SELECT SUM(p.rows) FROM sys.partitions AS p WHERE p.object_id = o.object_id AND p.index_id IN (0, 1)) AS row_count, \
     CAST(ep.value AS nvarchar(3750)) AS description \
     FROM sys.objects AS o JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     LEFT JOIN sys.extended_properties AS ep ON ep.class = 1 AND ep.major_id = o.object_id AND ep.minor_id = 0 AND ep.name = N'MS_Description' \
     WHERE o.is_ms_shipped = 0 AND (o.type = 'U' OR (o.type = 'V' AND @views = 1)) \
     AND (@schema IS NULL OR sc.name = @schema) AND (@like IS NULL OR o.name LIKE @like) \
     ORDER BY sc.name, o.name OFFSET @skip ROWS FETCH NEXT @take ROWS ONLY";

const COLUMNS: &str = "SELECT c.column_id, c.name, ty.name, c.max_length, c.precision, c.scale, c.is_nullable, c.is_identity, c.is_computed, \
     c.collation_name, dc.definition, cc.definition, CAST(ep.value AS nvarchar(3750)), CAST(ic.seed_value AS nvarchar(40)), CAST(ic.increment_value AS nvarchar(40)) \
     FROM sys.columns AS c JOIN sys.types AS ty ON ty.user_type_id = c.user_type_id \
     LEFT JOIN sys.default_constraints AS dc ON dc.parent_object_id = c.object_id AND dc.parent_column_id = c.column_id \
     LEFT JOIN sys.computed_columns AS cc ON cc.object_id = c.object_id AND cc.column_id = c.column_id \
     LEFT JOIN sys.identity_columns AS ic ON ic.object_id = c.object_id AND ic.column_id = c.column_id \
     LEFT JOIN sys.extended_properties AS ep ON ep.class = 1 AND ep.major_id = c.object_id AND ep.minor_id = c.column_id AND ep.name = N'MS_Description' \
     WHERE c.object_id = @id ORDER BY c.column_id";

const CLR_TYPES: &str = "SELECT c.name, ty.is_assembly_type FROM sys.columns AS c JOIN sys.types AS ty ON ty.user_type_id = c.user_type_id \
     WHERE c.object_id = @id AND c.is_hidden = 0 ORDER BY c.column_id";

const INDEXES: &str = "SELECT i.name, i.type_desc, i.is_unique, i.is_primary_key, i.is_unique_constraint, c.name, ic.is_descending_key, ic.is_included_column, i.filter_definition \
     FROM sys.indexes AS i JOIN sys.index_columns AS ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id \
     JOIN sys.columns AS c ON c.object_id = ic.object_id AND c.column_id = ic.column_id \
     WHERE i.object_id = @id AND i.index_id > 0 ORDER BY i.index_id, ic.is_included_column, ic.key_ordinal, ic.index_column_id";

const CHECKS: &str =
    "SELECT name, definition, is_disabled FROM sys.check_constraints WHERE parent_object_id = @id ORDER BY name";

const KEYS: &str = "SELECT fk.name, ps.name, po.name, pc.name, rs.name, ro.name, rc.name, fk.delete_referential_action_desc, fk.update_referential_action_desc, fk.is_disabled, fk.parent_object_id \
     FROM sys.foreign_keys AS fk JOIN sys.foreign_key_columns AS k ON k.constraint_object_id = fk.object_id \
     JOIN sys.objects AS po ON po.object_id = k.parent_object_id JOIN sys.schemas AS ps ON ps.schema_id = po.schema_id \
     JOIN sys.columns AS pc ON pc.object_id = k.parent_object_id AND pc.column_id = k.parent_column_id \
     JOIN sys.objects AS ro ON ro.object_id = k.referenced_object_id JOIN sys.schemas AS rs ON rs.schema_id = ro.schema_id \
     JOIN sys.columns AS rc ON rc.object_id = k.referenced_object_id AND rc.column_id = k.referenced_column_id \
     WHERE fk.parent_object_id = @id OR fk.referenced_object_id = @id ORDER BY fk.name, k.constraint_column_id";

const ABOUT: &str = "SELECT CASE WHEN o.type = 'V' THEN 'view' ELSE 'table' END, \
     (SELECT SUM(p.rows) FROM sys.partitions AS p WHERE p.object_id = o.object_id AND p.index_id IN (0, 1)), CAST(ep.value AS nvarchar(3750)) \
     FROM sys.objects AS o LEFT JOIN sys.extended_properties AS ep ON ep.class = 1 AND ep.major_id = o.object_id AND ep.minor_id = 0 AND ep.name = N'MS_Description' \
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
    pub async fn list_tables(&self, f: &ListFilter, limits: &Limits) -> Result<Vec<Vec<Value>>, DbError> {
        let text = |o: &Option<String>| o.clone().map_or(ParamValue::Null, ParamValue::Text);
        let params = [
            ("views", ParamValue::Bit(f.views)),
            ("schema", text(&f.schema)),
            ("like", text(&f.name_like)),
            ("skip", ParamValue::Int(f.skip)),
            ("take", ParamValue::Int(f.take)),
        ];
        Ok(self.fetch(LIST, &params, limits).await?.into_iter().next().unwrap_or_default())
    }

    /// Finds a table or view by name, as people write it.
    pub async fn find_table(&self, name: &str, limits: &Limits) -> Result<TableName, NotFound> {
        let parts = quote::split(name).ok_or(NotFound::Unreadable)?;
        let (schema, object) = match parts.as_slice() {
            [o] => (None, o),
            [s, o] => (Some(s), o),
            [d, s, o] if d.eq_ignore_ascii_case(&self.settings().database) => (Some(s), o),
            _ => return Err(NotFound::Unreadable),
        };
        let all: Vec<TableName> = self
            .fetch(NAMES, &[], limits)
            .await?
            .into_iter()
            .flatten()
            .filter_map(|r| match r.as_slice() {
                [id, sc, n] => Some(TableName { id: id.as_i64()?, schema: s(sc), name: s(n) }),
                _ => None,
            })
            .collect();
        // A name in the database's own spelling wins over one that differs in case: the collation may tell them apart.
        for same in [|a: &str, b: &str| a == b, |a: &str, b: &str| a.to_lowercase() == b.to_lowercase()] {
            let hits: Vec<&TableName> =
                all.iter().filter(|t| same(&t.name, object) && schema.is_none_or(|sc| same(&t.schema, sc))).collect();
            match hits.as_slice() {
                [] => {}
                [one] => return Ok((*one).clone()),
                many => {
                    if let Some(dbo) = many.iter().find(|t| t.schema.eq_ignore_ascii_case("dbo")) {
                        return Ok((*dbo).clone());
                    }
                    return Err(NotFound::Ambiguous(many.iter().map(|t| format!("{}.{}", t.schema, t.name)).collect()));
                }
            }
        }
        Err(NotFound::NoSuchTable(closest(&all, schema.map(String::as_str), object)))
    }

    /// The select list that shows a table for people: `*`, but for CLR types (geography, hierarchyid …), which go through their
    /// own ToString().
    pub async fn readable_columns(&self, t: &TableName, limits: &Limits) -> Result<String, DbError> {
        let rows = self.fetch(CLR_TYPES, &[("id", ParamValue::Int(t.id))], limits).await?;
        let columns: Vec<(String, bool)> = rows
            .into_iter()
            .flatten()
            .map(|r| (r.first().map(s).unwrap_or_default(), r.get(1).is_some_and(|c| *c == Value::Bool(true))))
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
        let mut sets = self.fetch(&batch, &[("id", ParamValue::Int(t.id))], limits).await?.into_iter();
        let mut next = || sets.next().unwrap_or_default();
        let about = next().into_iter().next().unwrap_or_default();
        let (columns, indexes, checks, keys) = (next(), next(), next(), next());
        let get = |r: &[Value], i: usize| r.get(i).cloned().unwrap_or(Value::Null);
        let mut out = serde_json::json!({
            "schema": t.schema, "name": t.name, "type": get(&about, 0), "rows": get(&about, 1), "description": get(&about, 2),
        });
        out["columns"] = columns.iter().map(|r| column(r)).collect();
        let (mut primary, mut unique, mut plain) = (Value::Null, Vec::new(), Vec::new());
        for group in grouped(&indexes) {
            let Some(first) = group.first() else { continue };
            let key: Vec<Value> =
                group.iter().filter(|r| r.get(7) != Some(&Value::Bool(true))).map(|r| get(r, 5)).collect();
            let descending: Vec<Value> =
                group.iter().filter(|r| r.get(6) == Some(&Value::Bool(true))).map(|r| get(r, 5)).collect();
            let included: Vec<Value> =
                group.iter().filter(|r| r.get(7) == Some(&Value::Bool(true))).map(|r| get(r, 5)).collect();
            let mut one = serde_json::json!({ "name": get(first, 0), "columns": key });
            if get(first, 3) == Value::Bool(true) {
                primary = one;
            } else if get(first, 4) == Value::Bool(true) {
                unique.push(one);
            } else {
                one["type"] = get(first, 1);
                one["unique"] = get(first, 2);
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
        out["primary_key"] = primary;
        out["unique_constraints"] = unique.into();
        out["check_constraints"] =
            checks.iter().map(|r| serde_json::json!({ "name": get(r, 0), "definition": get(r, 1) })).collect();
        let (mut outward, mut inward) = (Vec::new(), Vec::new());
        for group in grouped(&keys) {
            let Some(first) = group.first() else { continue };
            let list = |i: usize| -> Vec<Value> { group.iter().map(|r| get(r, i)).collect() };
            let one = serde_json::json!({
                "name": get(first, 0),
                "table": format!("{}.{}", s(&get(first, 1)), s(&get(first, 2))), "columns": list(3),
                "references": format!("{}.{}", s(&get(first, 4)), s(&get(first, 5))), "referenced_columns": list(6),
                "on_delete": get(first, 7), "on_update": get(first, 8),
            });
            let own = get(first, 10).as_i64() == Some(t.id);
            // A table that refers to itself is on both sides.
            if own {
                outward.push(one.clone());
            }
            if !own || one["table"] == one["references"] {
                inward.push(one);
            }
        }
        out["foreign_keys"] = outward.into();
        out["referenced_by"] = inward.into();
        out["indexes"] = plain.into();
        Ok(out)
    }
}

/// Consecutive rows of the same name.
fn grouped(rows: &[Vec<Value>]) -> Vec<&[Vec<Value>]> {
    rows.chunk_by(|a, b| a.first() == b.first()).collect()
}

fn column(r: &[Value]) -> Value {
    let get = |i: usize| r.get(i).cloned().unwrap_or(Value::Null);
    let n = |i: usize| get(i).as_i64().unwrap_or(0);
    let ty = s(&get(2));
    let wide = matches!(ty.as_str(), "nchar" | "nvarchar");
    let length = match n(3) {
        -1 => "max".to_owned(),
        l => (if wide { l / 2 } else { l }).to_string(),
    };
    let shown = match ty.as_str() {
        "char" | "varchar" | "nchar" | "nvarchar" | "binary" | "varbinary" => format!("{ty}({length})"),
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
    if matches!(ty.as_str(), "char" | "varchar" | "nchar" | "nvarchar" | "binary" | "varbinary") {
        put("length", length.parse::<i64>().map_or_else(|_| "max".into(), Value::from));
    }
    if matches!(ty.as_str(), "decimal" | "numeric") {
        put("precision", get(4));
        put("scale", get(5));
    }
    put("default", get(10));
    if get(7) == Value::Bool(true) {
        let number = |i: usize| s(&get(i)).parse::<i64>().map_or(Value::Null, Value::from);
        put("identity", serde_json::json!({ "seed": number(13), "increment": number(14) }));
    }
    put("computed", get(11));
    put("collation", get(9));
    put("description", get(12));
    c
}

/// The names that come closest, best first.
fn closest(all: &[TableName], schema: Option<&str>, object: &str) -> Vec<String> {
    let wanted = object.to_lowercase();
    let mut scored: Vec<(f64, String)> = all
        .iter()
        .map(|t| {
            let name = t.name.to_lowercase();
            let mut score = strsim::jaro_winkler(&name, &wanted);
            if name.contains(&wanted) || wanted.contains(&name) {
                score += 0.3;
            }
            if schema.is_some_and(|s| t.schema.eq_ignore_ascii_case(s)) {
                score += 0.05;
            }
            (score, format!("{}.{}", t.schema, t.name))
        })
        .filter(|(s, _)| *s > 0.7)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    scored.into_iter().take(5).map(|(_, n)| n).collect()
}
