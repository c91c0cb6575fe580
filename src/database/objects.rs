//! What there is in a database as a searcher meets it: tables, views, columns,
//! procedures, functions, and rows of configured columns, each with an id that stays the
//! same: `table:sales.Orders`, `column:sales.Orders.Status`, `row:sales.Orders:10248`.

use std::fmt::Write as _;

use serde_json::Value;

use super::catalog::{NotFound, TableName};
use super::run::ParamValue;
use super::{Database, DbError, Limits};
use crate::plural::plural;
use mssql_mcp_sql::quote;

/// Objects that are ranked at most; the rest is found by `list_tables`.
const MOST: i64 = 20_000;
/// Words of a question that count.
const WORDS: usize = 6;

/// A hit.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Namespaced and stable.
    pub id: String,
    /// For people.
    pub title: String,
    score: f64,
}

/// A thing, in full.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// For people.
    pub title: String,
    /// What there is to know, as plain text.
    pub text: String,
    /// `table`, `view`, `procedure`, `function`, `column` or `row`.
    pub kind: &'static str,
}

/// A text column whose rows are searched too.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// As the operator wrote it: `schema.table`.
    pub table: String,
    /// Its name.
    pub column: String,
}

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

const ROUTINE: &str = "SELECT o.object_id, sc.name, o.name, CAST(ep.value AS nvarchar(3750)), \
     OBJECT_DEFINITION(o.object_id) \
     FROM sys.objects AS o JOIN sys.schemas AS sc ON sc.schema_id = o.schema_id \
     LEFT JOIN sys.extended_properties AS ep ON ep.class = 1 AND ep.major_id = o.object_id \
     AND ep.minor_id = 0 AND ep.name = N'MS_Description' \
     WHERE o.is_ms_shipped = 0 AND o.type IN ('P', 'FN', 'IF', 'TF') AND sc.name = @schema \
     AND o.name = @name";

const PARAMETERS: &str = "SELECT p.name, ty.name, p.is_output FROM sys.parameters AS p \
     JOIN sys.types AS ty ON ty.user_type_id = p.user_type_id \
     WHERE p.object_id = @id AND p.parameter_id > 0 ORDER BY p.parameter_id";

const PRIMARY_KEY: &str = "SELECT c.name FROM sys.indexes AS i JOIN sys.index_columns AS ic ON \
     ic.object_id = i.object_id AND ic.index_id = i.index_id \
     JOIN sys.columns AS c ON c.object_id = ic.object_id AND c.column_id = ic.column_id \
     WHERE i.object_id = @id AND i.is_primary_key = 1 ORDER BY ic.key_ordinal";

const COLUMN_TYPES: &str = "SELECT c.name, ty.name FROM sys.columns AS c JOIN sys.types AS ty ON \
     ty.user_type_id = c.system_type_id \
     WHERE c.object_id = @id";

fn text(v: Option<&Value>) -> &str {
    v.and_then(Value::as_str).unwrap_or_default()
}

/// A part of a name in an id: as it is where that can be read back.
fn part(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || c == '_' || c == ' ' || c == '-';
    if !name.is_empty() && name.chars().all(plain) && name.trim() == name {
        name.to_owned()
    } else {
        quote::identifier(name)
    }
}

fn named(kind: &str, names: &[&str]) -> String {
    format!("{kind}:{}", names.iter().map(|n| part(n)).collect::<Vec<_>>().join("."))
}

fn kind_of(kind: &str) -> &'static str {
    match kind {
        "U" => "table",
        "V" => "view",
        "P" => "procedure",
        _ => "function",
    }
}

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

/// A value in an id: what would end it is written as `%` and two digits.
fn escaped(value: &str) -> String {
    let mut out = String::new();
    for c in value.chars() {
        if c.is_alphanumeric() || "-_.~ ".contains(c) {
            out.push(c);
        } else {
            c.to_string().bytes().for_each(|b| {
                let _ = write!(out, "%{b:02X}");
            });
        }
    }
    out
}

fn unescaped(value: &str) -> Option<String> {
    let mut out = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((b, after)) = rest.split_first() {
        rest = after;
        if *b == b'%' {
            let hex = rest.get(..2).and_then(|h| std::str::from_utf8(h).ok())?;
            out.push(u8::from_str_radix(hex, 16).ok()?);
            rest = &rest[2..];
        } else {
            out.push(*b);
        }
    }
    String::from_utf8(out).ok()
}

/// A key's value as text; what is no plain value has no id.
fn key_text(v: &Value) -> Option<String> {
    match v {
        Value::String(s) => Some(s.clone()),
        Value::Number(_) | Value::Bool(_) => Some(v.to_string()),
        _ => None,
    }
}

impl Database {
    /// The best hits, best first.
    pub async fn search(
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
        let mut hits = Vec::new();
        for r in self
            .fetch(OBJECTS, &[("most", ParamValue::Int(MOST))], limits)
            .await?
            .into_iter()
            .flatten()
        {
            let (schema, name, kind, about) =
                (text(r.first()), text(r.get(1)), kind_of(text(r.get(2))), text(r.get(3)));
            let full = format!("{schema}.{name}");
            let score = q.rank(&full, name, about);
            if score > 0.0 {
                let about = if about.is_empty() { String::new() } else { format!(": {about}") };
                hits.push(Found {
                    id: named(kind, &[schema, name]),
                    title: format!("{kind} {full}{about}"),
                    score,
                });
            }
        }
        for w in &q.words {
            for r in self.fetch(COLUMNS, &[("like", like(w))], limits).await?.into_iter().flatten()
            {
                let (schema, table, name, about) =
                    (text(r.first()), text(r.get(1)), text(r.get(2)), text(r.get(3)));
                let id = named("column", &[schema, table, name]);
                if hits.iter().any(|h| h.id == id) {
                    continue;
                }
                // Below a table of the same rank: who asks for orders wants the table first.
                let score = q.rank(&format!("{table}.{name}"), name, about) * 0.5;
                let about = if about.is_empty() { String::new() } else { format!(": {about}") };
                hits.push(Found {
                    id,
                    title: format!("column {schema}.{table}.{name}{about}"),
                    score,
                });
            }
        }
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

    /// What is wrong with columns whose rows are to be searched: in words, each with
    /// what would mend it.
    pub async fn unsearchable(
        &self,
        rows_of: &[Column],
        limits: &Limits,
    ) -> Result<Vec<String>, DbError> {
        let mut wrong = Vec::new();
        for c in rows_of {
            let at = format!("tools.search_rows: {}.{}", c.table, quote::identifier(&c.column));
            let table = match self.find_table(&c.table, limits).await {
                Ok(t) => t,
                Err(NotFound::Database(e)) => return Err(e),
                Err(NotFound::NoSuchTable(close)) if !close.is_empty() => {
                    wrong.push(format!(
                        "{at}: there is no such table that the login may see; the closest are {}",
                        close.join(", ")
                    ));
                    continue;
                }
                Err(_) => {
                    wrong.push(format!("{at}: there is no such table that the login may see"));
                    continue;
                }
            };
            let columns =
                self.fetch(COLUMN_TYPES, &[("id", ParamValue::Int(table.id))], limits).await?;
            let columns: Vec<(String, String)> = columns
                .into_iter()
                .flatten()
                .map(|r| (text(r.first()).to_owned(), text(r.get(1)).to_owned()))
                .collect();
            match columns.iter().find(|(n, _)| n.eq_ignore_ascii_case(&c.column)) {
                None => {
                    let near = self.closest_columns(&c.column, &[table.quoted()], limits).await?;
                    let near = if near.is_empty() {
                        String::new()
                    } else {
                        format!("; the closest are {}", near.join(", "))
                    };
                    wrong.push(format!("{at}: there is no such column{near}"));
                    continue;
                }
                Some((_, ty))
                    if !matches!(
                        ty.as_str(),
                        "char" | "varchar" | "nchar" | "nvarchar" | "text" | "ntext" | "sysname"
                    ) =>
                {
                    wrong.push(format!(
                        "{at}: it is of type {ty}; only columns of text are searched"
                    ));
                    continue;
                }
                Some(_) => {}
            }
            if self.primary_key(&table, limits).await?.is_empty() {
                wrong.push(format!(
                    "{at}: its table has no primary key, so that its rows have no ids"
                ));
                continue;
            }
            let probe =
                format!("SELECT TOP (0) {} FROM {}", quote::identifier(&c.column), table.quoted());
            match self.fetch(&probe, &[], limits).await {
                Ok(_) => {}
                Err(DbError::Sql(e)) => {
                    wrong.push(format!("{at}: the login may not read it: {}", e.message))
                }
                Err(e) => return Err(e),
            }
        }
        Ok(wrong)
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

    async fn primary_key(&self, t: &TableName, limits: &Limits) -> Result<Vec<String>, DbError> {
        let rows = self.fetch(PRIMARY_KEY, &[("id", ParamValue::Int(t.id))], limits).await?;
        Ok(rows.into_iter().flatten().map(|r| text(r.first()).to_owned()).collect())
    }

    /// The thing of an id; none when there is no such thing.
    pub async fn object(&self, id: &str, limits: &Limits) -> Result<Option<Object>, DbError> {
        let Some((kind, rest)) = id.split_once(':') else { return Ok(None) };
        let table = async |name: &str| match self.find_table(name, limits).await {
            Ok(t) => Ok(Some(t)),
            Err(NotFound::Database(e)) => Err(e),
            Err(_) => Ok(None),
        };
        match kind {
            "table" | "view" => match table(rest).await? {
                Some(t) => Ok(Some(table_text(&t, &self.describe(&t, limits).await?))),
                None => Ok(None),
            },
            "column" => {
                let Some(names) = quote::split(rest).filter(|n| n.len() == 3) else {
                    return Ok(None);
                };
                let Some(t) = table(&format!(
                    "{}.{}",
                    quote::identifier(&names[0]),
                    quote::identifier(&names[1])
                ))
                .await?
                else {
                    return Ok(None);
                };
                let d = self.describe(&t, limits).await?;
                let found = d["columns"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .find(|c| c["name"].as_str() == Some(&*names[2]));
                Ok(found.map(|c| Object {
                    title: format!("column {}.{}.{}", t.schema, t.name, names[2]),
                    text: format!("{}\nIts table:\n{}", column_line(c), table_text(&t, &d).text),
                    kind: "column",
                }))
            }
            "procedure" | "function" => self.routine(rest, limits).await,
            "row" => {
                let Some((name, key)) = rest.rsplit_once(':') else { return Ok(None) };
                match table(name).await? {
                    Some(t) => self.row(&t, key, limits).await,
                    None => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }

    async fn routine(&self, name: &str, limits: &Limits) -> Result<Option<Object>, DbError> {
        let Some(names) = quote::split(name).filter(|n| n.len() == 2) else { return Ok(None) };
        let params = [
            ("schema", ParamValue::Text(names[0].clone())),
            ("name", ParamValue::Text(names[1].clone())),
        ];
        let Some(r) = self.fetch(ROUTINE, &params, limits).await?.into_iter().flatten().next()
        else {
            return Ok(None);
        };
        let id = r.first().and_then(Value::as_i64).unwrap_or_default();
        let mut out = format!("{}.{}\n", text(r.get(1)), text(r.get(2)));
        if !text(r.get(3)).is_empty() {
            let _ = writeln!(out, "{}", text(r.get(3)));
        }
        for p in self
            .fetch(PARAMETERS, &[("id", ParamValue::Int(id))], limits)
            .await?
            .into_iter()
            .flatten()
        {
            let output = if p.get(2) == Some(&Value::Bool(true)) { " OUTPUT" } else { "" };
            let _ = writeln!(out, "- {} {}{output}", text(p.first()), text(p.get(1)));
        }
        match text(r.get(4)) {
            "" => out.push_str("Its definition is not visible to this login.\n"),
            definition => {
                let _ = writeln!(out, "\n{definition}");
            }
        }
        Ok(Some(Object {
            title: format!("procedure {}.{}", text(r.get(1)), text(r.get(2))),
            text: out,
            kind: "procedure",
        }))
    }

    async fn row(
        &self,
        t: &TableName,
        key: &str,
        limits: &Limits,
    ) -> Result<Option<Object>, DbError> {
        let names = self.primary_key(t, limits).await?;
        let values: Option<Vec<String>> = key.split(',').map(unescaped).collect();
        let Some(values) = values.filter(|v| v.len() == names.len() && !names.is_empty()) else {
            return Ok(None);
        };
        let bound: Vec<String> = (0..names.len()).map(|n| format!("k{n}")).collect();
        let conditions: Vec<String> = names
            .iter()
            .zip(&bound)
            .map(|(n, b)| format!("{} = @{b}", quote::identifier(n)))
            .collect();
        let columns = self.readable_columns(t, limits).await?;
        // Named, so that the text can say which is which.
        let listed: Vec<String> = self.describe(t, limits).await?["columns"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|c| text(c.get("name")).to_owned())
            .collect();
        let sql =
            format!("SELECT {columns} FROM {} WHERE {}", t.quoted(), conditions.join(" AND "));
        let params: Vec<(&str, ParamValue)> = bound
            .iter()
            .map(String::as_str)
            .zip(values.iter().cloned().map(ParamValue::Text))
            .collect();
        let found = match self.fetch(&sql, &params, limits).await {
            Ok(sets) => sets.into_iter().flatten().next(),
            // A key that does not convert to the column's type is nobody's.
            Err(DbError::Sql(e))
                if matches!(e.number, 241 | 242 | 245 | 248 | 295 | 8114 | 8115 | 8169) =>
            {
                None
            }
            Err(e) => return Err(e),
        };
        Ok(found.map(|r| {
            let mut out = String::new();
            for (n, v) in listed.iter().zip(&r) {
                let v = v.as_str().map_or_else(|| v.to_string(), str::to_owned);
                let _ = writeln!(out, "{n}: {v}");
            }
            Object {
                title: format!("{}.{} {}", t.schema, t.name, values.join(", ")),
                text: out,
                kind: "row",
            }
        }))
    }
}

fn column_line(c: &Value) -> String {
    let mut out = format!("- {} {}", text(c.get("name")), text(c.get("type")));
    if c["nullable"] == false {
        out.push_str(" NOT NULL");
    }
    if let Some(d) = c.get("description").and_then(Value::as_str) {
        let _ = write!(out, ": {d}");
    }
    out
}

/// What describe_table says, as lines.
fn table_text(t: &TableName, d: &Value) -> Object {
    let kind = if d["type"] == "view" { "view" } else { "table" };
    let title = format!("{kind} {}.{}", t.schema, t.name);
    let mut out = format!("{title}\n");
    if let Some(about) = d["description"].as_str() {
        let _ = writeln!(out, "{about}");
    }
    if let Some(n) = d["rows"].as_i64() {
        let _ = writeln!(out, "About {}.", plural(n, "row"));
    }
    let list = |v: &Value| {
        v.as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
    };
    out.push_str("\nColumns\n");
    for c in d["columns"].as_array().into_iter().flatten() {
        let _ = writeln!(out, "{}", column_line(c));
    }
    if d["primary_key"].is_object() {
        let _ = writeln!(out, "\nPrimary key: {}", list(&d["primary_key"]["columns"]));
    }
    for (what, key) in [("Refers to", "foreign_keys"), ("Referred to by", "referenced_by")] {
        for k in d[key].as_array().into_iter().flatten() {
            let (other, at) = if key == "foreign_keys" {
                ("references", "columns")
            } else {
                ("table", "columns")
            };
            let _ = writeln!(out, "{what} {} by {}", text(k.get(other)), list(&k[at]));
        }
    }
    Object { title, text: out, kind }
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
    fn ids_come_back_as_they_went() {
        assert_eq!(named("table", &["dbo", "Notes.Archive"]), "table:dbo.[Notes.Archive]");
        assert_eq!(named("table", &["sales", "Order Lines"]), "table:sales.Order Lines");
        for v in ["10248", "a,b", "x:y", "50%", "ä ö", "", "a\nb"] {
            let e = escaped(v);
            assert!(!e.contains([',', ':', '\n']), "{e}");
            assert_eq!(unescaped(&e).as_deref(), Some(v));
        }
        assert_eq!(unescaped("%zz"), None);
        assert!(matches!(like("50%_[x"), ParamValue::Text(t) if t == "%50[%][_][[]x%"));
    }
}
