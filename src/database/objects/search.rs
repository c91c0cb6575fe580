//! Searches by words: names and descriptions in the catalog, and rows of configured columns.

use serde_json::Value;

use super::{escaped, kind_of, named, part, text};
use crate::database::catalog::{NameQuery, NotFound};
use crate::database::wrapper::ParamValue;
use crate::database::{Database, DbError, Limits};
use mssql_mcp_sql::quote;

/// Objects that are ranked at most; the rest is found by `list_tables`.
const MOST: i64 = 20_000;
/// Words of a question that count.
const WORDS: usize = 6;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) id: String,
    pub(crate) title: String,
    score: f64,
}

/// A text column whose rows are searched too.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// As the operator wrote it: `schema.table`.
    pub(crate) table: String,
    pub(crate) column: String,
}

/// The types of columns whose rows can be searched.
const TEXTS: [&str; 7] = ["char", "varchar", "nchar", "nvarchar", "text", "ntext", "sysname"];

const OBJECTS: &str = "SELECT TOP (@most) sc.name, o.name, RTRIM(o.type), CAST(ep.value AS \
     nvarchar(3750)) \
     FROM sys.objects AS o JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     LEFT JOIN sys.extended_properties AS ep ON ep.class = 1 AND ep.major_id = o.object_id \
     AND ep.minor_id = 0 AND ep.name = N'MS_Description' \
     WHERE o.is_ms_shipped = 0 AND o.type IN ('U', 'V', 'P', 'FN', 'IF', 'TF') \
     ORDER BY sc.name, o.name";

/// Columns that have a word in their name or description.
const COLUMNS: &str = "SELECT TOP (500) sc.name, o.name, c.name, CAST(ep.value AS nvarchar(3750)) \
     FROM sys.columns AS c JOIN sys.objects AS o ON o.object_id = c.object_id \
     JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     LEFT JOIN sys.extended_properties AS ep ON ep.class = 1 AND ep.major_id = c.object_id \
     AND ep.minor_id = c.column_id AND ep.name = N'MS_Description' \
     WHERE o.is_ms_shipped = 0 AND o.type IN ('U', 'V') \
     AND (c.name LIKE @like OR CAST(ep.value AS nvarchar(3750)) LIKE @like) \
     ORDER BY sc.name, o.name, c.column_id";

const COLUMN_TYPES: &str = "SELECT c.name, ty.name FROM sys.columns AS c JOIN sys.types AS ty ON \
     ty.user_type_id = c.system_type_id \
     WHERE c.object_id = @id";

/// Lower-case words of a question, and of a name: at anything that is no letter or digit, and where
/// small letters meet capitals.
fn words(text: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut small = false;
    for c in text.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && small) {
            all.push(String::new());
        }
        small = c.is_lowercase();
        if c.is_alphanumeric()
            && let Some(last) = all.last_mut()
        {
            last.extend(c.to_lowercase());
        }
    }
    all.retain(|w| !w.is_empty());
    all
}

/// What a question is compared by.
struct Question {
    whole: String,
    words: Vec<String>,
}

impl Question {
    fn new(query: &str) -> Self {
        const EMPTY: [&str; 22] = [
            "a", "all", "an", "and", "are", "by", "find", "for", "from", "how", "in", "is", "me",
            "of", "or", "show", "table", "tables", "the", "to", "what", "with",
        ];
        let all = words(query);
        let mut kept: Vec<String> =
            all.iter().filter(|w| !EMPTY.contains(&w.as_str())).cloned().collect();
        if kept.is_empty() {
            kept = all;
        }
        kept.truncate(WORDS);
        // A name may be written as T-SQL has it, and words stand in quotes.
        let bare = query.trim().trim_matches(['"', '\'', '“', '”', '`']);
        let whole = quote::split(bare).map_or(bare.to_owned(), |parts| parts.join("."));
        Self { whole: whole.to_lowercase(), words: kept }
    }

    /// An exact name first, then the beginning of one, then a word of one, then the description; a
    /// near miss counts as much as a word.
    fn rank(&self, full: &str, name: &str, description: &str) -> f64 {
        let (lower, full, description) =
            (name.to_lowercase(), full.to_lowercase(), description.to_lowercase());
        if lower == self.whole || full == self.whole {
            return 1000.0;
        }
        let parts = words(name);
        let of = |w: &String| -> f64 {
            // A plural is its singular.
            let stem = w.strip_suffix('s').filter(|s| s.len() > 2).unwrap_or(w);
            let near = || {
                parts.iter().chain([&lower]).map(|p| strsim::jaro_winkler(p, w)).fold(0.0, f64::max)
            };
            let word = |p: &String| p == w || p.strip_suffix('s').unwrap_or(p) == stem;
            if lower == *w || lower.strip_suffix('s').unwrap_or(&lower) == stem {
                100.0
            } else if lower.starts_with(stem) {
                80.0
            } else if parts.iter().any(word) {
                60.0
            } else if lower.contains(stem) {
                40.0
            } else if words(&description).iter().any(word) {
                25.0
            } else {
                match near() {
                    n if n > 0.86 && w.len() > 3 => 60.0 * n,
                    _ => 0.0,
                }
            }
        };
        self.words.iter().map(of).sum()
    }
}

/// `%word%`, with the marks of LIKE as themselves.
fn like(word: &str) -> ParamValue {
    let mut out = String::from("%");
    for c in word.chars() {
        if matches!(c, '%' | '_' | '[') {
            out.push('[');
            out.push(c);
            out.push(']');
        } else {
            out.push(c);
        }
    }
    out.push('%');
    ParamValue::Text(out)
}

/// A key's value as text; what is no plain value has no id.
fn key_text(v: &Value) -> Option<String> {
    match v {
        Value::String(s) => Some(s.clone()),
        Value::Number(_) | Value::Bool(_) => Some(v.to_string()),
        _ => None,
    }
}

/// A description behind a title.
fn about(description: &str) -> String {
    match description {
        "" => String::new(),
        text => format!(": {text}"),
    }
}

fn column_hit(q: &Question, r: &[Value]) -> Found {
    let (schema, table, name) = (text(r.first()), text(r.get(1)), text(r.get(2)));
    let description = text(r.get(3));
    // Below a table of the same rank: who asks for orders wants the table first.
    let score = q.rank(&format!("{table}.{name}"), name, description) * 0.5;
    let title = format!("column {schema}.{table}.{name}{}", about(description));
    Found { id: named("column", &[schema, table, name]), title, score }
}

impl Database {
    /// The best hits, best first.
    pub(crate) async fn search(
        &self,
        query: &str,
        rows_of: &[Column],
        take: usize,
        limits: &Limits,
    ) -> Result<Vec<Found>, DbError> {
        let q = Question::new(query);
        if q.words.is_empty() {
            return Ok(Vec::new());
        }
        let mut hits = match self.large_index().await {
            true => self.search_index(query, take, limits).await?,
            false => self.search_names(&q, limits).await?,
        };
        self.put_terms_first(query, &mut hits, limits).await?;
        for c in rows_of {
            match self.search_rows(&q, c, take, limits).await {
                Ok(found) => hits.extend(found),
                // One that was dropped, or may not be read any more, is no reason to find nothing.
                Err(DbError::Sql(e)) => {
                    tracing::warn!(table = %c.table, column = %c.column, number = e.number, "tools.search_rows: its rows cannot be searched");
                }
                Err(e) => return Err(e),
            }
        }
        // A row that several columns have is one hit, the best.
        hits.sort_by(|a, b| a.id.cmp(&b.id).then_with(|| b.score.total_cmp(&a.score)));
        hits.dedup_by(|a, b| a.id == b.id);
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
        hits.truncate(take);
        Ok(hits)
    }

    /// The best hits among names and descriptions, as the database finds them.
    pub(in crate::database) async fn search_catalog(
        &self,
        query: &str,
        take: usize,
        limits: &Limits,
    ) -> Result<Vec<Found>, DbError> {
        let q = Question::new(query);
        if q.words.is_empty() {
            return Ok(Vec::new());
        }
        let mut hits = self.search_names(&q, limits).await?;
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
        hits.truncate(take);
        Ok(hits)
    }

    async fn search_names(&self, q: &Question, limits: &Limits) -> Result<Vec<Found>, DbError> {
        let mut hits = self.search_objects(q, limits).await?;
        for w in &q.words {
            for r in self.fetch(COLUMNS, &[("like", like(w))], limits).await?.into_iter().flatten()
            {
                let hit = column_hit(q, &r);
                if !hits.iter().any(|h: &Found| h.id == hit.id) {
                    hits.push(hit);
                }
            }
        }
        Ok(hits)
    }

    /// The same from the index of names, for a database that is too large to be looked through.
    async fn search_index(
        &self,
        query: &str,
        take: usize,
        limits: &Limits,
    ) -> Result<Vec<Found>, DbError> {
        let kinds = &["table", "view", "procedure", "function"];
        let asked = NameQuery { words: query, schema: None, kinds, take };
        let found = self.find_names(&asked, limits).await?.hits;
        let mut hits = Vec::new();
        for (n, h) in found.iter().enumerate() {
            let (schema, name) = (h.schema.as_str(), h.name.as_str());
            // Their order is the index's; above what rows are worth.
            let score = 900.0 - n as f64;
            let title = format!(
                "{} {schema}.{name}{}",
                h.kind,
                about(h.description.as_deref().unwrap_or_default())
            );
            hits.push(Found { id: named(h.kind, &[schema, name]), title, score });
            for column in h.columns.iter().filter(|_| ["table", "view"].contains(&h.kind)) {
                let id = named("column", &[schema, name, column]);
                let title = format!("column {schema}.{name}.{column}");
                hits.push(Found { id, title, score: score - 0.5 });
            }
        }
        Ok(hits)
    }

    /// Tables that people call what was asked for stand before all others.
    async fn put_terms_first(
        &self,
        query: &str,
        hits: &mut Vec<Found>,
        limits: &Limits,
    ) -> Result<(), DbError> {
        let knowledge = self.knowledge();
        if knowledge.is_empty() {
            return Ok(());
        }
        for (n, written) in knowledge.meant(query).into_iter().take(3).enumerate() {
            let table = match self.find_table(written, limits).await {
                Ok(table) => table,
                Err(NotFound::Database(e)) => return Err(e),
                Err(_) => continue,
            };
            let (schema, name) = (table.schema.as_str(), table.name.as_str());
            let score = 3000.0 - n as f64;
            let ids = [named("table", &[schema, name]), named("view", &[schema, name])];
            match hits.iter_mut().find(|h| ids.contains(&h.id)) {
                Some(known) => known.score = score,
                None => {
                    let said = knowledge.table(schema, name).and_then(|t| t.description.as_deref());
                    let title = format!("table {schema}.{name}{}", about(said.unwrap_or_default()));
                    hits.push(Found { id: named("table", &[schema, name]), title, score });
                }
            }
        }
        Ok(())
    }

    async fn search_objects(&self, q: &Question, limits: &Limits) -> Result<Vec<Found>, DbError> {
        let rows = self.fetch(OBJECTS, &[("most", ParamValue::Int(MOST))], limits).await?;
        let hit = |r: Vec<Value>| {
            let (schema, name, kind) = (text(r.first()), text(r.get(1)), kind_of(text(r.get(2))));
            let full = format!("{schema}.{name}");
            let score = q.rank(&full, name, text(r.get(3)));
            let title = format!("{kind} {full}{}", about(text(r.get(3))));
            Found { id: named(kind, &[schema, name]), title, score }
        };
        Ok(rows.into_iter().flatten().map(hit).filter(|f| f.score > 0.0).collect())
    }

    /// What is wrong with columns whose rows are to be searched: in words, each with
    /// what would mend it.
    pub async fn unsearchable(
        &self,
        rows_of: &[Column],
        limits: &Limits,
    ) -> Result<Vec<String>, DbError> {
        let mut wrong = Vec::new();
        for c in rows_of {
            if let Some(why) = self.unsearchable_one(c, limits).await? {
                let column = quote::identifier(&c.column);
                wrong.push(format!("tools.search_rows: {}.{column}: {why}", c.table));
            }
        }
        Ok(wrong)
    }

    async fn unsearchable_one(
        &self,
        c: &Column,
        limits: &Limits,
    ) -> Result<Option<String>, DbError> {
        let closest = |names: Vec<String>| match names.is_empty() {
            true => String::new(),
            false => format!("; the closest are {}", names.join(", ")),
        };
        let table = match self.find_table(&c.table, limits).await {
            Ok(t) => t,
            Err(NotFound::Database(e)) => return Err(e),
            Err(e) => {
                let near = if let NotFound::NoSuchTable(near) = e { near } else { Vec::new() };
                let near = closest(near);
                return Ok(Some(format!("there is no such table that the login may see{near}")));
            }
        };
        let columns =
            self.fetch(COLUMN_TYPES, &[("id", ParamValue::Int(table.id))], limits).await?;
        let found = columns
            .iter()
            .flatten()
            .find(|r| text(r.first()).eq_ignore_ascii_case(&c.column))
            .map(|r| text(r.get(1)));
        match found {
            None => {
                let near = self.closest_columns(&c.column, &[table.quoted()], limits).await?;
                return Ok(Some(format!("there is no such column{}", closest(near))));
            }
            Some(ty) if !TEXTS.contains(&ty) => {
                return Ok(Some(format!("it is of type {ty}; only columns of text are searched")));
            }
            Some(_) => {}
        }
        if self.primary_key(&table, limits).await?.is_empty() {
            return Ok(Some("its table has no primary key, so that its rows have no ids".into()));
        }
        let column = quote::identifier(&c.column);
        let probe = format!("SELECT TOP (0) {column} FROM {}", table.quoted());
        match self.fetch(&probe, &[], limits).await {
            Ok(_) => Ok(None),
            Err(DbError::Sql(e)) => Ok(Some(format!("the login may not read it: {}", e.message))),
            Err(e) => Err(e),
        }
    }

    /// Rows of one column that have every word.
    async fn search_rows(
        &self,
        q: &Question,
        c: &Column,
        take: usize,
        limits: &Limits,
    ) -> Result<Vec<Found>, DbError> {
        let table = match self.find_table(&c.table, limits).await {
            Ok(t) => t,
            Err(NotFound::Database(e)) => return Err(e),
            // Said at the start, and by `doctor`.
            Err(_) => return Ok(Vec::new()),
        };
        let key = self.primary_key(&table, limits).await?;
        if key.is_empty() {
            return Ok(Vec::new());
        }
        let column = quote::identifier(&c.column);
        let names: Vec<String> = (0..q.words.len()).map(|n| format!("w{n}")).collect();
        let conditions: Vec<String> = names.iter().map(|n| format!("{column} LIKE @{n}")).collect();
        let keys: Vec<String> = key.iter().map(|k| quote::identifier(k)).collect();
        let sql = format!(
            "SELECT TOP ({take}) LEFT({column}, 120), {} FROM {} WHERE {} ORDER BY {}",
            keys.join(", "),
            table.quoted(),
            conditions.join(" AND "),
            keys.join(", "),
        );
        let params: Vec<(&str, ParamValue)> =
            names.iter().map(String::as_str).zip(q.words.iter().map(|w| like(w))).collect();
        let mut hits = Vec::new();
        for r in self.fetch(&sql, &params, limits).await?.into_iter().flatten() {
            let values: Option<Vec<String>> = r.iter().skip(1).map(key_text).collect();
            let Some(values) = values else { continue };
            let id = values.iter().map(|v| escaped(v)).collect::<Vec<_>>().join(",");
            let id = format!("row:{}.{}:{id}", part(&table.schema), part(&table.name));
            let excerpt: String = text(r.first()).split_whitespace().collect::<Vec<_>>().join(" ");
            let title = format!("{}.{} {}: {excerpt}", table.schema, table.name, values.join(", "));
            let whole = excerpt.to_lowercase().contains(&q.whole);
            hits.push(Found { id, title, score: if whole { 50.0 } else { 30.0 } });
        }
        Ok(hits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_ranked_by_how_much_of_it_was_asked_for() {
        let rank = |q: &str, name: &str, about: &str| {
            Question::new(q).rank(&format!("sales.{name}"), name, about)
        };
        let order = [
            rank("orders", "Orders", ""),
            rank("orders", "OrderItems", ""),
            rank("orders", "OpenOrders", ""),
            rank("orders", "Reorderings", ""),
            rank("orders", "Trades", "What became of orders"),
            rank("orders", "Customers", ""),
        ];
        assert!(order.windows(2).all(|w| w[0] > w[1]), "{order:?}");
        assert_eq!(order[5], 0.0);
        for misspelt in ["Custmers", "custoners", "Cusotmers"] {
            assert!(rank(misspelt, "Customers", "") > 0.0, "{misspelt}");
        }
        assert_eq!(rank("sales.orders", "Orders", ""), 1000.0);
        assert!(
            rank("show me all orders of customers", "Orders", "")
                > rank("show me all orders of customers", "Trades", "")
        );
    }

    #[test]
    fn the_marks_of_like_are_themselves() {
        assert!(matches!(like("50%_[x"), ParamValue::Text(t) if t == "%50[%][_][[]x%"));
    }
}
