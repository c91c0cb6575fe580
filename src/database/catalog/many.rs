//! Several tables by name in one round trip; names that SQL Server does not take as they are written
//! are looked for among all, as for one.

use serde_json::Value;

use super::describe::Described;
use super::find::is_the_systems;
use super::index::kind_of;
use super::{NotFound, TableName};
use crate::database::wrapper::ParamValue;
use crate::database::{Database, DbError, Limits};
use mssql_mcp_sql::quote;

/// What became of several names.
#[derive(Debug, Default)]
pub(crate) struct Many {
    /// Tables and views, each once, in the order of the names.
    pub(crate) tables: Vec<Value>,
    /// What is no table or view, with its kind.
    pub(crate) others: Vec<(String, &'static str)>,
    /// Names that are none, as they were given.
    pub(crate) missing: Vec<(String, NotFound)>,
}

/// A name on its way to what it names.
enum Asked {
    /// With its parts in brackets.
    Written(Vec<String>),
    Wrong(NotFound),
}

impl Database {
    fn asked(&self, name: &str) -> Asked {
        match quote::split(name) {
            Some(parts) if self.is_elsewhere(&parts) => {
                Asked::Wrong(NotFound::NoSuchTable(Vec::new()))
            }
            Some(parts) if parts.len() > 1 && is_the_systems(&parts[parts.len() - 2]) => {
                let what = "in the schema of SQL Server's own catalog";
                Asked::Wrong(NotFound::Other(name.to_owned(), what, String::new()))
            }
            // The id of another database's object might be that of one here.
            Some(parts) if parts.len() == 3 => Asked::Written(parts[1..].to_vec()),
            Some(parts) if parts.len() < 3 => Asked::Written(parts),
            _ => Asked::Wrong(NotFound::Unreadable),
        }
    }

    /// Describes several tables.
    pub(crate) async fn describe_many(
        &self,
        names: &[String],
        limits: &Limits,
    ) -> Result<Many, DbError> {
        let asked: Vec<Asked> = names.iter().map(|n| self.asked(n)).collect();
        let written = asked.iter().filter_map(|a| match a {
            Asked::Written(parts) => {
                Some(parts.iter().map(|p| quote::identifier(p)).collect::<Vec<_>>().join("."))
            }
            Asked::Wrong(_) => None,
        });
        let texts: Vec<ParamValue> = written.map(ParamValue::Text).collect();
        let first = match texts.is_empty() {
            true => Vec::new(),
            false => self.described_by(&texts, "OBJECT_ID", limits).await?,
        };
        let mut out = Many::default();
        let (mut found, mut left): (Vec<Result<usize, TableName>>, Vec<&String>) =
            Default::default();
        for (name, asked) in names.iter().zip(asked) {
            match asked {
                Asked::Wrong(why) => out.missing.push((name.clone(), why)),
                Asked::Written(parts) => match first.iter().position(|d| is(d, &parts)) {
                    Some(at) => found.push(Ok(at)),
                    None => left.push(name),
                },
            }
        }
        if !left.is_empty() {
            let all = self.all_tables(limits).await?;
            for name in left {
                match self.find_among(&all, name) {
                    Ok(table) => found.push(Err(table)),
                    Err(why) => out.missing.push((name.clone(), why)),
                }
            }
        }
        let ids: Vec<ParamValue> =
            found.iter().filter_map(|f| f.as_ref().err()).map(|t| ParamValue::Int(t.id)).collect();
        let second = match ids.is_empty() {
            true => Vec::new(),
            false => self.described_by(&ids, "", limits).await?,
        };
        let mut seen: Vec<i64> = Vec::new();
        for one in found {
            let described = match one {
                Ok(at) => first.get(at),
                Err(table) => second.iter().find(|d| d.id == table.id),
            };
            let Some(d) = described.filter(|d| !seen.contains(&d.id)) else { continue };
            seen.push(d.id);
            match d.kind.as_str() {
                "U" | "V" => out.tables.push(d.told.clone()),
                kind => {
                    let name =
                        TableName { id: d.id, schema: d.schema.clone(), name: d.name.clone() };
                    out.others.push((name.written(), kind_of(kind)));
                }
            }
        }
        Ok(out)
    }

    /// Of ids, or of what `function` makes of texts.
    async fn described_by(
        &self,
        values: &[ParamValue],
        function: &str,
        limits: &Limits,
    ) -> Result<Vec<Described>, DbError> {
        let names: Vec<String> = (0..values.len()).map(|n| format!("n{n}")).collect();
        let ids: Vec<String> = names.iter().map(|n| format!("{function}(@{n})")).collect();
        let params: Vec<(&str, ParamValue)> =
            names.iter().map(String::as_str).zip(values.iter().cloned()).collect();
        self.described(&ids.join(", "), &params, limits).await
    }
}

/// Whether it is what these parts name.
fn is(d: &Described, parts: &[String]) -> bool {
    let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
    match parts {
        [schema, name] => same(&d.schema, schema) && same(&d.name, name),
        [name] => same(&d.name, name),
        _ => false,
    }
}
