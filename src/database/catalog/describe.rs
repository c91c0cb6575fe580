//! Everything about tables that helps to write a query.

mod columns;
mod keys;
mod notes;

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::{TableName, s};
use crate::database::wrapper::ParamValue;
use crate::database::{Database, DbError, Limits};
use crate::knowledge::Knowledge;
pub(super) use columns::type_name;
use keys::{Indexes, foreign_keys};
use mssql_mcp_sql::quote;

const COLUMNS: &str = "SELECT c.column_id, c.name, ty.name, c.max_length, c.precision, c.scale, \
     c.is_nullable, c.is_identity, c.is_computed, \
     c.collation_name, dc.definition, cc.definition, CAST(ep.value AS nvarchar(3750)), \
     CAST(ic.seed_value AS nvarchar(40)), CAST(ic.increment_value AS nvarchar(40)), c.object_id \
     FROM sys.columns AS c JOIN sys.types AS ty ON ty.user_type_id = c.user_type_id \
     LEFT JOIN sys.default_constraints AS dc ON dc.parent_object_id = c.object_id \
     AND dc.parent_column_id = c.column_id \
     LEFT JOIN sys.computed_columns AS cc ON cc.object_id = c.object_id \
     AND cc.column_id = c.column_id \
     LEFT JOIN sys.identity_columns AS ic ON ic.object_id = c.object_id \
     AND ic.column_id = c.column_id \
     LEFT JOIN sys.extended_properties AS ep ON ep.class = 1 AND ep.major_id = c.object_id \
     AND ep.minor_id = c.column_id AND ep.name = N'MS_Description' \
     WHERE c.object_id IN ({ids}) ORDER BY c.object_id, c.column_id";

const CLR_TYPES: &str = "SELECT c.name, ty.is_assembly_type FROM sys.columns AS c \
     JOIN sys.types AS ty ON ty.user_type_id = c.user_type_id \
     WHERE c.object_id = @id AND c.is_hidden = 0 ORDER BY c.column_id";

const INDEXES: &str = "SELECT i.name, i.type_desc, i.is_unique, i.is_primary_key, \
     i.is_unique_constraint, c.name, ic.is_descending_key, ic.is_included_column, \
     i.filter_definition, i.object_id \
     FROM sys.indexes AS i JOIN sys.index_columns AS ic ON ic.object_id = i.object_id \
     AND ic.index_id = i.index_id \
     JOIN sys.columns AS c ON c.object_id = ic.object_id AND c.column_id = ic.column_id \
     WHERE i.object_id IN ({ids}) AND i.index_id > 0 \
     ORDER BY i.object_id, i.index_id, ic.is_included_column, ic.key_ordinal, ic.index_column_id";

const CHECKS: &str = "SELECT name, definition, is_disabled, parent_object_id \
     FROM sys.check_constraints WHERE parent_object_id IN ({ids}) ORDER BY name";

const KEYS: &str = "SELECT fk.name, ps.name, po.name, pc.name, rs.name, ro.name, rc.name, \
     fk.delete_referential_action_desc, fk.update_referential_action_desc, fk.is_disabled, \
     fk.parent_object_id, fk.object_id, fk.referenced_object_id \
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
     WHERE fk.parent_object_id IN ({ids}) OR fk.referenced_object_id IN ({ids}) \
     ORDER BY fk.name, fk.object_id, k.constraint_column_id";

const ABOUT: &str = "SELECT CASE WHEN o.type = 'V' THEN 'view' ELSE 'table' END, \
     (SELECT SUM(p.rows) FROM sys.partitions AS p WHERE p.object_id = o.object_id \
     AND p.index_id IN (0, 1)), CAST(ep.value AS nvarchar(3750)), \
     CAST(DATABASEPROPERTYEX(DB_NAME(), N'Collation') AS nvarchar(128)), o.object_id, sc.name, \
     o.name, RTRIM(o.type) \
     FROM sys.objects AS o JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     LEFT JOIN sys.extended_properties AS ep ON ep.class = 1 \
     AND ep.major_id = o.object_id AND ep.minor_id = 0 AND ep.name = N'MS_Description' \
     WHERE o.is_ms_shipped = 0 AND o.object_id IN ({ids})";

/// Periods, histories and change data capture, which not every catalog knows.
const FACTS: &str = "SELECT t.object_id, hs.name, h.name, cs.name, ce.name, ms.name, m.name, \
     t.is_tracked_by_cdc \
     FROM sys.tables AS t LEFT JOIN sys.tables AS h ON h.object_id = t.history_table_id \
     LEFT JOIN sys.schemas AS hs ON hs.schema_id = h.schema_id \
     LEFT JOIN sys.periods AS p ON p.object_id = t.object_id \
     LEFT JOIN sys.columns AS cs ON cs.object_id = p.object_id \
     AND cs.column_id = p.start_column_id \
     LEFT JOIN sys.columns AS ce ON ce.object_id = p.object_id \
     AND ce.column_id = p.end_column_id \
     LEFT JOIN sys.tables AS m ON m.history_table_id = t.object_id \
     LEFT JOIN sys.schemas AS ms ON ms.schema_id = m.schema_id \
     WHERE t.object_id IN ({ids})";

/// What a catalog says that lacks one of them; the last is the sandbox's.
const NO_SUCH_VIEW: [u32; 3] = [207, 208, 49_999];

/// An object by its id, with what describe_table tells of it.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) id: i64,
    pub(super) schema: String,
    pub(super) name: String,
    /// Its type in `sys.objects`.
    pub(super) kind: String,
    pub(super) told: Value,
}

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
        let params = [("id", ParamValue::Int(t.id))];
        let found = self.described("@id", &params, limits).await?.into_iter().next();
        // Dropped since its name was looked up: it has no columns any more.
        let gone = || json!({ "schema": t.schema, "name": t.name, "type": null, "columns": [] });
        Ok(found.map_or_else(gone, |d| d.told))
    }

    /// The same for several objects, whose ids are an expression each, in one round trip.
    pub(super) async fn described(
        &self,
        ids: &str,
        params: &[(&str, ParamValue)],
        limits: &Limits,
    ) -> Result<Vec<Described>, DbError> {
        let batch = |all: &[&str]| all.join(";\n").replace("{ids}", ids);
        let usual = [ABOUT, COLUMNS, INDEXES, CHECKS, KEYS];
        let whole = [ABOUT, COLUMNS, INDEXES, CHECKS, KEYS, FACTS];
        let plain = self.plain_catalog.load(Ordering::Relaxed);
        let sets = match plain {
            true => self.fetch(&batch(&usual), params, limits).await?,
            false => match self.fetch(&batch(&whole), params, limits).await {
                Err(DbError::Sql(e)) if NO_SUCH_VIEW.contains(&e.number) => {
                    let sets = self.fetch(&batch(&usual), params, limits).await?;
                    self.plain_catalog.store(true, Ordering::Relaxed);
                    sets
                }
                sets => sets?,
            },
        };
        let mut sets = sets.into_iter();
        let mut next = || sets.next().unwrap_or_default();
        let about = next();
        let rows = [next(), next(), next(), next(), next()];
        let knowledge = self.knowledge();
        Ok(about.iter().map(|a| assembled(a, &rows, &knowledge)).collect())
    }
}

/// One object out of the rows of all: columns, indexes, checks, keys and facts.
fn assembled(about: &[Value], rows: &[Vec<Vec<Value>>; 5], knowledge: &Knowledge) -> Described {
    let id = cell(about, 4);
    let own = |n: usize, at: &[usize]| -> Vec<&Vec<Value>> {
        rows[n].iter().filter(|r| at.iter().any(|at| r.get(*at) == Some(&id))).collect()
    };
    let (columns, indexes, checks) = (own(0, &[15]), own(1, &[9]), own(2, &[3]));
    let (keys, facts) = (own(3, &[10, 12]), own(4, &[0]));
    let id = id.as_i64().unwrap_or_default();
    let (schema, name) = (s(&cell(about, 5)), s(&cell(about, 6)));
    let t = TableName { id, schema, name };
    let mut out = json!({ "schema": t.schema, "name": t.name, "type": cell(about, 0) });
    if t.written() != format!("{}.{}", t.schema, t.name) {
        out["sql_name"] = t.written().into();
    }
    let mut put = |k: &str, v: Value| {
        if !v.is_null() && v != Value::Array(Vec::new()) {
            out[k] = v;
        }
    };
    put("rows", cell(about, 1));
    put("description", cell(about, 2));
    // The collation of nearly all columns is said once, and that of the others beside them.
    let usual = cell(about, 3);
    if columns.iter().any(|r| r.get(9) == Some(&usual)) {
        put("collation", usual.clone());
    }
    put("columns", columns.iter().map(|r| columns::column(r, &usual)).collect());
    let indexes = Indexes::of(&indexes);
    put("primary_key", indexes.primary);
    put("unique_constraints", indexes.unique.into());
    let check = |r: &&Vec<Value>| json!({ "name": cell(r, 0), "definition": cell(r, 1) });
    put("check_constraints", checks.iter().map(check).collect());
    let (outward, inward) = foreign_keys(&keys, id);
    put("foreign_keys", outward.into());
    put("referenced_by", inward.into());
    put("indexes", indexes.plain.into());
    for row in facts {
        put("temporal", notes::temporal(row));
        put(
            "is_tracked_by_cdc",
            cell(row, 7).as_bool().filter(|c| *c).map_or(Value::Null, Value::from),
        );
    }
    notes::add(&mut out, knowledge, &t.schema, &t.name);
    Described { id, schema: t.schema, name: t.name, kind: s(&cell(about, 7)), told: out }
}

fn cell(row: &[Value], i: usize) -> Value {
    row.get(i).cloned().unwrap_or(Value::Null)
}

fn yes(row: &[Value], i: usize) -> bool {
    row.get(i) == Some(&Value::Bool(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histories_and_change_data_capture_are_told_of_their_own_table() {
        let about = |id: i64, name: &str| {
            let all: [Value; 8] = [
                "table".into(),
                5.into(),
                Value::Null,
                Value::Null,
                id.into(),
                "dbo".into(),
                name.into(),
                "U".into(),
            ];
            all.to_vec()
        };
        let null = Value::Null;
        let facts: Vec<Vec<Value>> = vec![
            [
                1.into(),
                "dbo".into(),
                "PriceHistory".into(),
                "From".into(),
                "Until".into(),
                null.clone(),
                null.clone(),
                true.into(),
            ]
            .to_vec(),
            [
                2.into(),
                null.clone(),
                null.clone(),
                null.clone(),
                null.clone(),
                "dbo".into(),
                "Price".into(),
                false.into(),
            ]
            .to_vec(),
        ];
        let rows = [Vec::new(), Vec::new(), Vec::new(), Vec::new(), facts];
        let told = |id, name| assembled(&about(id, name), &rows, &Knowledge::default()).told;
        let (price, history) = (told(1, "Price"), told(2, "PriceHistory"));
        assert_eq!(
            price["temporal"],
            json!({ "period": ["From", "Until"], "history": "dbo.PriceHistory" })
        );
        assert_eq!(price["is_tracked_by_cdc"], true);
        assert_eq!(history["temporal"], json!({ "history_of": "dbo.Price" }));
        assert!(history["is_tracked_by_cdc"].is_null() && told(3, "x")["temporal"].is_null());
    }
}
