//! Everything about one table that helps to write a query.

use serde_json::{Map, Value, json};

use super::{TableName, s};
use crate::database::wrapper::ParamValue;
use crate::database::{Database, DbError, Limits};
use mssql_mcp_sql::quote;

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

impl Database {
    /// The select list that shows a table for people: `*`, but for CLR types (geography,
    /// hierarchyid …), which go through their own ToString().
    pub(crate) async fn readable_columns(
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
        let mut out = json!({ "schema": t.schema, "name": t.name, "type": cell(&about, 0) });
        if t.written() != format!("{}.{}", t.schema, t.name) {
            out["sql_name"] = t.written().into();
        }
        let mut put = |k: &str, v: Value| {
            if !v.is_null() && v != Value::Array(Vec::new()) {
                out[k] = v;
            }
        };
        put("rows", cell(&about, 1));
        put("description", cell(&about, 2));
        // The collation of nearly all columns is said once, and that of the others beside them.
        let usual = cell(&about, 3);
        if columns.iter().any(|r| r.get(9) == Some(&usual)) {
            put("collation", usual.clone());
        }
        put("columns", columns.iter().map(|r| column(r, &usual)).collect());
        let indexes = Indexes::of(&indexes);
        put("primary_key", indexes.primary);
        put("unique_constraints", indexes.unique.into());
        let check = |r: &Vec<Value>| json!({ "name": cell(r, 0), "definition": cell(r, 1) });
        put("check_constraints", checks.iter().map(check).collect());
        let (outward, inward) = foreign_keys(&keys, t.id);
        put("foreign_keys", outward.into());
        put("referenced_by", inward.into());
        put("indexes", indexes.plain.into());
        Ok(out)
    }
}

fn cell(row: &[Value], i: usize) -> Value {
    row.get(i).cloned().unwrap_or(Value::Null)
}

fn yes(row: &[Value], i: usize) -> bool {
    row.get(i) == Some(&Value::Bool(true))
}

/// The indexes of a table, by what they are for.
#[derive(Default)]
struct Indexes {
    primary: Value,
    unique: Vec<Value>,
    plain: Vec<Value>,
}

impl Indexes {
    /// From [`INDEXES`], a row for each column.
    fn of(rows: &[Vec<Value>]) -> Self {
        let mut all = Self::default();
        for group in rows.chunk_by(|a, b| a.first() == b.first()) {
            let Some(first) = group.first() else { continue };
            let columns = |wanted: &dyn Fn(&[Value]) -> bool| -> Vec<Value> {
                group.iter().filter(|r| wanted(r)).map(|r| cell(r, 5)).collect()
            };
            let mut one = json!({ "name": cell(first, 0), "columns": columns(&|r| !yes(r, 7)) });
            if yes(first, 3) {
                all.primary = one;
                continue;
            }
            if yes(first, 4) {
                all.unique.push(one);
                continue;
            }
            // What nearly every index is, is not said.
            if cell(first, 1) != "NONCLUSTERED" {
                one["type"] = cell(first, 1);
            }
            if yes(first, 2) {
                one["unique"] = true.into();
            }
            for (k, v) in
                [("descending", columns(&|r| yes(r, 6))), ("included", columns(&|r| yes(r, 7)))]
            {
                if !v.is_empty() {
                    one[k] = v.into();
                }
            }
            if !cell(first, 8).is_null() {
                one["filter"] = cell(first, 8);
            }
            all.plain.push(one);
        }
        all
    }
}

/// From [`KEYS`], a row for each pair of columns: the keys of the table, and those
/// that refer to it.
fn foreign_keys(rows: &[Vec<Value>], table: i64) -> (Vec<Value>, Vec<Value>) {
    let (mut outward, mut inward) = (Vec::new(), Vec::new());
    for group in rows.chunk_by(|a, b| a.get(11) == b.get(11)) {
        let Some(first) = group.first() else { continue };
        let list = |i: usize| -> Vec<Value> { group.iter().map(|r| cell(r, i)).collect() };
        let part = |i: usize| quote::part(&s(&cell(first, i)));
        let (from, to) = (format!("{}.{}", part(1), part(2)), format!("{}.{}", part(4), part(5)));
        let (own, itself) = (cell(first, 10).as_i64() == Some(table), from == to);
        let mut actions = Map::new();
        for (k, i) in [("on_delete", 7), ("on_update", 8)] {
            let action = s(&cell(first, i));
            if !action.is_empty() && action != "NO_ACTION" {
                actions.insert(k.into(), action.into());
            }
        }
        // Each side has the other's name: its own is known.
        let side = |other: &str, k: &str| {
            let mut one = Map::new();
            one.insert("name".into(), cell(first, 0));
            one.insert("columns".into(), list(3).into());
            one.insert(k.into(), other.into());
            if list(3) != list(6) {
                one.insert("referenced_columns".into(), list(6).into());
            }
            one.extend(actions.clone());
            Value::Object(one)
        };
        if own {
            outward.push(side(&to, "references"));
        }
        // A table that refers to itself is on both sides.
        if !own || itself {
            inward.push(side(&from, "table"));
        }
    }
    (outward, inward)
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
    let mut c = json!({ "name": get(1), "type": shown, "nullable": get(6) });
    let mut put = |k: &str, v: Value| {
        if !v.is_null() {
            c[k] = v;
        }
    };
    put("default", get(10));
    if get(7) == Value::Bool(true) {
        let number = |i: usize| s(&get(i)).parse::<i64>().map_or(Value::Null, Value::from);
        put("identity", json!({ "seed": number(13), "increment": number(14) }));
    }
    put("computed", get(11));
    if get(9) != *usual {
        put("collation", get(9));
    }
    put("description", get(12));
    c
}
