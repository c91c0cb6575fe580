//! What there is at a glance, in a database of more tables than anybody reads: its schemas, and its
//! largest tables.

use serde_json::Value;

use super::s;
use crate::database::{Database, DbError, Limits};
use crate::plural::plural;
use crate::visible::visible_line;

/// So many tables are named.
const SHOWN: usize = 20;

const SUMMARY: &str = "SELECT sc.name, SUM(CASE WHEN o.type = 'U' THEN 1 ELSE 0 END), \
     SUM(CASE WHEN o.type = 'V' THEN 1 ELSE 0 END), \
     SUM(CASE WHEN o.type IN ('P', 'PC') THEN 1 ELSE 0 END), SUM(r.row_count) \
     FROM sys.objects AS o JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     LEFT JOIN (SELECT p.object_id, SUM(p.rows) AS row_count FROM sys.partitions AS p \
     WHERE p.index_id IN (0, 1) GROUP BY p.object_id) AS r ON r.object_id = o.object_id \
     WHERE o.is_ms_shipped = 0 AND o.type IN ('U', 'V', 'P', 'PC') \
     GROUP BY sc.name ORDER BY sc.name";

const LARGEST: &str = "SELECT TOP (20) sc.name, o.name, 'table', r.row_count, \
     CAST(ep.value AS nvarchar(200)) \
     FROM sys.objects AS o JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     JOIN (SELECT p.object_id, SUM(p.rows) AS row_count FROM sys.partitions AS p \
     WHERE p.index_id IN (0, 1) GROUP BY p.object_id) AS r ON r.object_id = o.object_id \
     LEFT JOIN sys.extended_properties AS ep ON ep.class = 1 AND ep.major_id = o.object_id \
     AND ep.minor_id = 0 AND ep.name = N'MS_Description' \
     WHERE o.is_ms_shipped = 0 AND o.type = 'U' ORDER BY r.row_count DESC, sc.name, o.name";

/// A large database at a glance.
#[derive(Debug)]
pub(crate) struct Orientation {
    /// Each with its counts, those with most tables first.
    pub(crate) schemas: Vec<String>,
    /// The largest, as [`super::LIST`] has its rows.
    pub(crate) largest: Vec<Vec<Value>>,
    pub(crate) tables: i64,
}

impl Database {
    /// What there is, at a glance.
    pub(crate) async fn orientation(&self, limits: &Limits) -> Result<Orientation, DbError> {
        let batch = [SUMMARY, LARGEST].join(";\n");
        let mut sets = self.fetch(&batch, &[], limits).await?.into_iter();
        let (mut schemas, mut largest) =
            (sets.next().unwrap_or_default(), sets.next().unwrap_or_default());
        let count = |r: &[Value], n: usize| r.get(n).and_then(Value::as_i64).unwrap_or_default();
        schemas.sort_by_key(|r| std::cmp::Reverse(count(r, 1)));
        let one = |r: &Vec<Value>| {
            let counts: Vec<String> = [(1, "table"), (2, "view"), (3, "procedure"), (4, "row")]
                .into_iter()
                .filter(|(n, _)| count(r, *n) > 0)
                .map(|(n, unit)| plural(count(r, n), unit))
                .collect();
            let name = visible_line(&r.first().map(s).unwrap_or_default(), 130);
            format!("{name}: {}", counts.join(", "))
        };
        largest.truncate(SHOWN);
        Ok(Orientation {
            tables: schemas.iter().map(|r| count(r, 1)).sum(),
            schemas: schemas.iter().map(one).collect(),
            largest,
        })
    }
}
