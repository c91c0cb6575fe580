//! Objects by words: the index says which, the catalog what each of them is now, and why each was
//! found stands beside it. Where there is no index, the database itself is searched.

use std::time::Duration;

use mssql_mcp_names::{Hit, Reason};
use mssql_mcp_sql::quote;

use super::index::{NameIndex, kind_of};
use super::s;
use crate::database::wrapper::ParamValue;
use crate::database::{Database, DbError, Limits};
use crate::knowledge::Knowledge;
use serde_json::Value;

/// A table that people call what was asked for is among the first so many.
const FIRST: usize = 3;
/// Beyond this many objects the index is worth it for `search`, too.
const LARGE: usize = 200;

/// An object that fits a question.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NameHit {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) rows: Option<i64>,
    pub(crate) description: Option<String>,
    /// Why, in a few words each.
    pub(crate) reasons: Vec<String>,
    /// The columns that fit.
    pub(crate) columns: Vec<String>,
}

/// What was found.
#[derive(Debug)]
pub(crate) struct NamesFound {
    pub(crate) hits: Vec<NameHit>,
    /// How old the index is that found it; none where the database was searched.
    pub(crate) age: Option<Duration>,
}

/// What is looked for.
#[derive(Debug)]
pub(crate) struct NameQuery<'a> {
    pub(crate) words: &'a str,
    pub(crate) schema: Option<&'a str>,
    /// None for all.
    pub(crate) kinds: &'a [&'static str],
    pub(crate) take: usize,
}

impl NameQuery<'_> {
    fn takes(&self, schema: &str, kind: &str) -> bool {
        self.schema.is_none_or(|s| s.eq_ignore_ascii_case(schema))
            && (self.kinds.is_empty() || self.kinds.contains(&kind))
    }
}

fn reasons(hit: &Hit) -> (Vec<String>, Vec<String>) {
    let mut columns = Vec::new();
    let reasons = hit.reasons.iter().map(|r| match r {
        Reason::NameExact => "its name".to_owned(),
        Reason::NamePrefix => "its name begins so".to_owned(),
        Reason::NamePart => "part of its name".to_owned(),
        Reason::NameAlike => "its name is spelt much like it".to_owned(),
        Reason::Column(c) => {
            columns.push(c.clone());
            format!("column {}", quote::part(c))
        }
        Reason::Description => "a description".to_owned(),
        Reason::Term(t) => format!("called {t}"),
        Reason::Schema => "its schema".to_owned(),
    });
    (reasons.collect(), columns)
}

/// Adds what people call so and many names are closer to.
fn add_meant(hits: &mut Vec<NameHit>, index: &NameIndex, knowledge: &Knowledge, q: &NameQuery<'_>) {
    let meant = knowledge.meant(q.words);
    if meant.is_empty() {
        return;
    }
    let own = |m: &&str| quote::split(m)?.pop();
    let bare: Vec<String> = meant.iter().filter_map(own).collect();
    let names = &index.names;
    for n in 0..names.len() as u32 {
        let (schema, name, kind) = (names.schema(n), names.name(n), names.kind(n));
        let is_meant = |m: &&str| crate::knowledge::is(m, schema, name);
        if !bare.iter().any(|b| b.eq_ignore_ascii_case(name))
            || !q.takes(schema, kind)
            || !meant.iter().any(is_meant)
            || hits.iter().any(|h| h.schema == schema && h.name == name)
        {
            continue;
        }
        hits.push(NameHit {
            schema: schema.to_owned(),
            name: name.to_owned(),
            kind,
            rows: None,
            description: None,
            reasons: vec!["a term of the glossary".to_owned()],
            columns: Vec::new(),
        });
    }
}

/// Moves what people call what was asked for to the front.
fn promote(hits: &mut Vec<NameHit>, knowledge: &Knowledge, words: &str) {
    let mut first = 0;
    for n in 0..hits.len() {
        if n >= FIRST && first >= FIRST {
            break;
        }
        if knowledge.means(words, &hits[n].schema, &hits[n].name) {
            let hit = hits.remove(n);
            hits.insert(first, hit);
            first += 1;
        }
    }
}

impl Database {
    /// The objects that fit best, best first.
    pub(crate) async fn find_names(
        &self,
        q: &NameQuery<'_>,
        limits: &Limits,
    ) -> Result<NamesFound, DbError> {
        match self.name_index().await {
            Some((index, age)) => {
                let hits = self.indexed(&index, q, limits).await?;
                Ok(NamesFound { hits, age: Some(age) })
            }
            None => {
                let mut hits = self.searched(q, limits).await?;
                promote(&mut hits, &self.knowledge(), q.words);
                hits.truncate(q.take);
                Ok(NamesFound { hits, age: None })
            }
        }
    }

    /// The index, where the database is so large that searching itself is slow.
    pub(in crate::database) async fn large_index(&self) -> bool {
        self.name_index().await.is_some_and(|(i, _)| i.names.len() > LARGE)
    }

    async fn indexed(
        &self,
        index: &NameIndex,
        q: &NameQuery<'_>,
        limits: &Limits,
    ) -> Result<Vec<NameHit>, DbError> {
        let (names, knowledge) = (&index.names, self.knowledge());
        let filter = |n: u32| q.takes(names.schema(n), names.kind(n));
        let mut found: Vec<NameHit> = names
            .search(q.words, q.take * 3, &filter)
            .iter()
            .map(|h| {
                let (reasons, columns) = reasons(h);
                NameHit {
                    schema: names.schema(h.entry).to_owned(),
                    name: names.name(h.entry).to_owned(),
                    kind: names.kind(h.entry),
                    rows: None,
                    description: None,
                    reasons,
                    columns,
                }
            })
            .collect();
        add_meant(&mut found, index, &knowledge, q);
        promote(&mut found, &knowledge, q.words);
        found.truncate(q.take);
        self.as_they_are(found, limits).await
    }

    /// Hits with what the catalog says of them now; what is gone is left out.
    async fn as_they_are(
        &self,
        mut hits: Vec<NameHit>,
        limits: &Limits,
    ) -> Result<Vec<NameHit>, DbError> {
        if hits.is_empty() {
            return Ok(hits);
        }
        let names: Vec<String> = (0..hits.len()).map(|n| format!("n{n}")).collect();
        let params: Vec<(&str, ParamValue)> = names
            .iter()
            .zip(&hits)
            .map(|(n, h)| (n.as_str(), ParamValue::Text(quoted(&h.schema, &h.name))))
            .collect();
        let ids: Vec<String> = names.iter().map(|n| format!("OBJECT_ID(@{n})")).collect();
        let sql = NOW.replace("{ids}", &ids.join(", "));
        let rows = self.fetch(&sql, &params, limits).await?;
        let rows: Vec<Vec<Value>> = rows.into_iter().flatten().collect();
        let before = hits.len();
        hits.retain_mut(|h| {
            let is = |r: &&Vec<Value>| {
                r.first().is_some_and(|v| s(v) == h.schema)
                    && r.get(1).is_some_and(|v| s(v) == h.name)
            };
            let Some(row) = rows.iter().find(is) else { return false };
            h.kind = kind_of(&row.get(2).map(s).unwrap_or_default());
            h.rows = row.get(3).and_then(Value::as_i64);
            h.description = row.get(4).and_then(Value::as_str).map(str::to_owned);
            true
        });
        if hits.len() < before {
            self.doubt_names();
        }
        Ok(hits)
    }

    /// What the database finds itself, by LIKE.
    async fn searched(&self, q: &NameQuery<'_>, limits: &Limits) -> Result<Vec<NameHit>, DbError> {
        let mut hits: Vec<NameHit> = Vec::new();
        for found in self.search_catalog(q.words, q.take * 3, limits).await? {
            let Some((kind, rest)) = found.id.split_once(':') else { continue };
            let Some(parts) = quote::split(rest) else { continue };
            let (schema, name, column) = match parts.as_slice() {
                [s, n] => (s, n, None),
                [s, n, c] => (s, n, Some(c.clone())),
                _ => continue,
            };
            let reason = match &column {
                Some(c) => format!("column {}", quote::part(c)),
                None => "its name or description".to_owned(),
            };
            if let Some(known) = hits.iter_mut().find(|h| h.schema == *schema && h.name == *name) {
                known.reasons.push(reason);
                known.columns.extend(column);
                continue;
            }
            hits.push(NameHit {
                schema: schema.clone(),
                name: name.clone(),
                kind: match kind {
                    "view" => "view",
                    "procedure" => "procedure",
                    "function" => "function",
                    _ => "table",
                },
                rows: None,
                description: None,
                reasons: vec![reason],
                columns: column.into_iter().collect(),
            });
        }
        let mut hits = self.as_they_are(hits.into_iter().take(100).collect(), limits).await?;
        hits.retain(|h| q.takes(&h.schema, h.kind));
        Ok(hits)
    }
}

fn quoted(schema: &str, name: &str) -> String {
    format!("{}.{}", quote::identifier(schema), quote::identifier(name))
}

const NOW: &str = "SELECT sc.name, o.name, RTRIM(o.type), r.row_count, \
     CAST(ep.value AS nvarchar(3750)) \
     FROM sys.objects AS o JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     LEFT JOIN (SELECT p.object_id, SUM(p.rows) AS row_count FROM sys.partitions AS p \
     WHERE p.index_id IN (0, 1) GROUP BY p.object_id) AS r ON r.object_id = o.object_id \
     LEFT JOIN sys.extended_properties AS ep ON ep.class = 1 AND ep.major_id = o.object_id \
     AND ep.minor_id = 0 AND ep.name = N'MS_Description' \
     WHERE o.object_id IN ({ids})";

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(name: &str) -> NameHit {
        NameHit {
            schema: "dbo".into(),
            name: name.into(),
            kind: "table",
            rows: None,
            description: None,
            reasons: Vec::new(),
            columns: Vec::new(),
        }
    }

    #[test]
    fn what_people_call_so_is_among_the_first() {
        let mut hits: Vec<NameHit> = ["A", "B", "C", "D", "E"].map(hit).to_vec();
        let knowledge = Knowledge {
            tables: vec![crate::knowledge::TableNote {
                name: "dbo.D".into(),
                description: None,
                synonyms: vec!["turnover".into()],
                grain: None,
                default_filter: None,
                deprecated: None,
            }],
            ..Knowledge::default()
        };
        promote(&mut hits, &knowledge, "turnover by month");
        let order: Vec<&str> = hits.iter().map(|h| h.name.as_str()).collect();
        assert_eq!(order, ["D", "A", "B", "C", "E"]);
    }
}
